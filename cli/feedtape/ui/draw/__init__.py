"""Drawing: pure functions from plain values to rows of text. Nothing here knows a terminal, a clock or a session."""
