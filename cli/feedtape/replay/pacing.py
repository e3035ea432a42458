"""Keeping a tape's own time: each record is due at its distance from the first, divided by the speed.

The schedule is anchored at the start, so that a slow moment does not delay all that follows. The clock is an argument.
"""

from collections.abc import Callable


class Pace:
    """Says how long to wait for a record."""

    def __init__(self, speed: float, now: Callable[[], float], idle_limit_s: float | None = None) -> None:
        self.speed = speed
        self._now = now
        self._idle_limit = None if idle_limit_s is None else int(idle_limit_s * 1e9)
        self._skipped = 0
        self._last: int | None = None
        self._anchor: tuple[int, float] | None = None

    def shift(self, seconds: float) -> None:
        """Take so long off: a pause, after which nothing is late by it."""
        if self._anchor is not None:
            self._anchor = (self._anchor[0], self._anchor[1] + seconds)

    def wait_s(self, time: int) -> float:
        """Return the seconds until a record of that time is due; zero when it is late."""
        if self._last is not None and self._idle_limit is not None and time - self._last > self._idle_limit:
            self._skipped += time - self._last - self._idle_limit
        self._last = time
        time -= self._skipped
        if self._anchor is None:
            self._anchor = (time, self._now())
        first, started = self._anchor
        return max(0.0, started + (time - first) / 1e9 / self.speed - self._now())
