"""Making tapes out of tapes, and comparing them: cut, merge, diff."""
