"""The time of receipt: wall clock at the start plus monotonic time since, so that it never runs backwards."""

import time
from collections.abc import Callable


class Clock:
    """Tells ns since 1970 without ever stepping, however the wall clock is set meanwhile."""

    __slots__ = ("_monotonic", "_offset", "_wall")

    def __init__(self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> int:
        """Return ns since 1970 by this clock."""
        return self._monotonic() + self._offset

    def wall(self) -> int:
        """Return what the wall clock says, steps and all."""
        return self._wall()

    def drift(self) -> int:
        """Return by how many ns the wall clock is ahead of this one."""
        return self._wall() - self.now()
