"""Staying below a venue's limits: events in windows, evenly spaced messages, a weight budget, and delays that grow.

Time and sleep are arguments, so that tests and forecasts turn a clock by hand. Times are monotonic seconds.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from feedtape.venues.contract import Limits, Rate

Now = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

MESSAGE_SHARE = 0.6
"""Part of the allowed messages that we send: pongs count with the venue, and so do messages bunched up on the way."""
CONNECT_SHARE = 0.8
WEIGHT_SHARE = 0.8
"""Part of the budget that we use: other programs may share the address."""
STABLE_S = 30.0
_SHORT_S = 10.0
_NO_BURST_S = 2.0


class Window:
    """Lets events through, at most so many within any window; waiters are served in turn."""

    def __init__(self, rate: Rate, share: float, *, now: Now = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._count = max(1, int(rate.count * share))
        self._window_s = rate.window_s
        self._now = now
        self._sleep = sleep
        self._times: deque[float] = deque()

    def _due(self, now: float) -> float:
        return now if len(self._times) < self._count else max(now, self._times[-self._count] + self._window_s)

    @property
    def delay_s(self) -> float:
        """How long the next event would wait."""
        now = self._now()
        return self._due(now) - now

    def reserve(self) -> float:
        """Count one more event; return when it is within the limit."""
        due = self._due(self._now())
        self._times.append(due)
        while len(self._times) > self._count:
            self._times.popleft()
        return due

    async def wait(self) -> None:
        """Return when one more event is within the limit, and count it."""
        # The place is taken before the wait, so that those who come later queue behind it.
        due = self.reserve()
        while (left := due - self._now()) > 0:
            await self._sleep(left)


class Messages:
    """Lets messages through, evenly spaced: a bucket that allows bursts can still break the venue's limit."""

    def __init__(self, rates: Iterable[Rate], *, now: Now = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        rates = list(rates)
        short = [rate for rate in rates if rate.window_s <= _SHORT_S]
        self._interval = max((rate.window_s / (rate.count * MESSAGE_SHARE) for rate in short), default=0.0)
        self._windows = [Window(rate, MESSAGE_SHARE, now=now, sleep=sleep) for rate in rates if rate.window_s > _SHORT_S]
        self._now = now
        self._sleep = sleep
        self._next = 0.0

    @property
    def delay_s(self) -> float:
        """How long the next message would wait."""
        return max([window.delay_s for window in self._windows] + [self._next - self._now(), 0.0])

    async def wait(self) -> None:
        """Return when the next message may be sent; callers are served in turn."""
        for window in self._windows:
            await window.wait()
        now = self._now()
        due = max(now, self._next)
        self._next = due + self._interval
        if due > now:
            await self._sleep(due - now)


class Attempts(Window):
    """Lets connection attempts through; one by one where the window is short.

    A handshake may take longer than such a window, and what is late of one burst meets the next one at the venue.
    """

    def __init__(self, limits: Limits, *, now: Now = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        rate, share = limits.connects, CONNECT_SHARE
        if rate.window_s <= _NO_BURST_S:
            rate, share = Rate(1, rate.window_s / max(1, int(rate.count * share))), 1.0
        super().__init__(rate, share, now=now, sleep=sleep)


class WeightBudget:
    """REST weight spent within the window, by us and, as far as the venue tells, by others on the same address."""

    def __init__(self, rate: Rate, *, now: Now = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._limit = max(1, int(rate.count * WEIGHT_SHARE))
        self._window_s = rate.window_s
        self._now = now
        self._sleep = sleep
        self._spent: deque[tuple[float, int]] = deque()
        self._used = 0
        self._paused_until = 0.0

    @property
    def paused_s(self) -> float:
        """Seconds that the venue has asked us to stay away from now on."""
        return max(0.0, self._paused_until - self._now())

    async def spend(self, weight: int) -> None:
        """Return when a request of this weight may be sent, and count it."""
        weight = min(weight, self._limit)
        while (delay := self._delay(weight)) > 0:
            await self._sleep(delay)
        self._add(weight)

    def _delay(self, weight: int) -> float:
        now = self._now()
        if now < self._paused_until:
            return self._paused_until - now
        while self._spent and now - self._spent[0][0] >= self._window_s:
            self._used -= self._spent.popleft()[1]
        if not self._spent or self._used + weight <= self._limit:
            return 0.0
        return self._spent[0][0] + self._window_s - now

    def _add(self, weight: int) -> None:
        self._spent.append((self._now(), weight))
        self._used += weight

    def learn(self, used: int) -> None:
        """Take over the venue's own count where it is higher than ours; what is under way explains a lower one."""
        if used > self._used:
            self._add(used - self._used)

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        self._paused_until = max(self._paused_until, self._now() + seconds)


class Backoff:
    """Delays before attempts: doubled each time up to a cap, jittered, and begun anew after a stable stretch."""

    def __init__(self, rng: random.Random, *, base_s: float = 0.5, cap_s: float = 60.0, now: Now = time.monotonic) -> None:
        self._rng = rng
        self._base_s = base_s
        self._cap_s = cap_s
        self._now = now
        self._failures = 0
        self._up_since: float | None = None

    def up(self) -> None:
        """Note that what was attempted works now."""
        self._up_since = self._now()

    def down(self) -> float:
        """Note that it failed or ended; return the seconds to wait: between half and all of the current step."""
        if self._up_since is not None and self._now() - self._up_since >= STABLE_S:
            self._failures = 0
        self._up_since = None
        step = min(self._cap_s, self._base_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return step * self._rng.uniform(0.5, 1.0)
