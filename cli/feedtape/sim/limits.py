"""How much a client asks: messages a second, REST weight a minute, connection attempts."""

from __future__ import annotations

from collections import deque

_STUBBORN_REQUESTS = 5
_BAN_S = 120


class RateWindow:
    """Count events within a sliding window of seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._times: deque[float] = deque()

    def add(self, now: float) -> bool:
        """Count an event; return whether it is still within the limit."""
        self._times.append(now)
        while self._times[0] <= now - self._seconds:
            self._times.popleft()
        return len(self._times) <= self._most


class WeightMeter:
    """REST weight per clock minute; going on after a refusal leads to a ban."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute = -1
        self._refused = 0
        self._banned_until = 0.0
        self.used = 0

    def add(self, weight: int, now: float) -> tuple[int, bool] | None:
        """Count a request; return None if it is allowed, else (seconds to wait, whether banned)."""
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self.used, self._refused = minute, 0, 0
        self.used += weight
        if now < self._banned_until:
            return max(1, round(self._banned_until - now)), True
        if self.used <= self._most:
            return None
        self._refused += 1
        if self._refused > _STUBBORN_REQUESTS:
            self._banned_until = now + _BAN_S
            return _BAN_S, True
        return max(1, round(60 - now % 60)), False
