"""Every error that feedtape raises on purpose.

    FeedtapeError                  1  could not do it
    ├── UsageError                 2  wrong usage or configuration
    ├── TapeError                  1  a tape that cannot be read or written
    ├── InputError                 1  another tool's file that cannot be read
    ├── VenueError                 4  venue or network: refused, never connected, gave up
    └── BadFrame                   -  one frame that its decoder cannot read; counted, never fatal

The number is the exit status when the error reaches the edge of the process. A message says what happened and to what;
`hint` is something to type next.
"""


class FeedtapeError(Exception):
    """Something that feedtape could not do."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(FeedtapeError, ValueError):
    """What was typed or configured cannot be meant."""

    exit_status = 2


class TapeError(FeedtapeError, OSError):
    """A tape that cannot be read or written."""


class InputError(FeedtapeError, ValueError):
    """A file of another tool that cannot be read."""


class VenueError(FeedtapeError, ConnectionError):
    """A venue that refused, could not be reached, or was given up."""

    exit_status = 4


class BadFrame(FeedtapeError, ValueError):
    """A frame that its venue's decoder cannot read: malformed, or of a shape that the decoder does not know."""
