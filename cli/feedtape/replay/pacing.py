"""Keeping a tape's own time: each record is due at its distance from the first, divided by the speed.

The schedule is anchored at the start, so that a slow moment does not delay all that follows. The clock is an argument.
"""

from collections.abc import Callable


class Pace:
    """Says how long to wait for a record, and which time of the tape it is meanwhile."""

    def __init__(
        self, speed: float, now: Callable[[], float], idle_limit_s: float | None = None, *, at: int | None = None
    ) -> None:
        """Begin.

        Args:
            at: the tape's time that it is now; None: that of the first record.
        """
        self.speed = speed
        self._now = now
        self._idle_limit = None if idle_limit_s is None else int(idle_limit_s * 1e9)
        self._skipped = 0
        self._last = at
        self._anchor = None if at is None else (at, now())

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

    def time(self) -> int | None:
        """Return the tape's time by now; None before it has begun."""
        if self._anchor is None:
            return None
        first, started = self._anchor
        return first + self._skipped + int((self._now() - started) * self.speed * 1e9)
