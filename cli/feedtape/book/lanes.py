"""Several connections that carry one numbered stream: what each has brought, and what waits until a hole is filled.

Numbers are the venue's own, the same on every connection, so that there is one chain, and whoever continues it first is
taken. What lies beyond a hole is kept aside for as long as a connection may still fill it: one that has not passed the hole
itself, and that is not further behind than `PATIENCE_NS`. All of it is a function of what arrives; no clock decides.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from feedtape.model.events import Event

PATIENCE_NS: Final = 5 * 10**9
"""How far a connection may be behind the others and still be waited for."""
ASIDE_LIMIT = 20_000
"""What may be kept aside; the hole before it counts as lost beyond that."""
ASIDE_WEIGHT = 1_000_000
"""The same by weight, which for a book is levels."""
FIRSTS_LIMIT = 4096
"""Arrivals that are remembered for those who are behind; one that is further behind is not waited for."""

Item = TypeVar("Item")


class Repeated(tuple[Event, ...]):
    """What became known by something that itself only repeats what another connection had brought."""

    __slots__ = ()


class Tally(Protocol):
    """Counts who was first."""

    def first(self, connection: int) -> None:
        """Note that a connection was the first to bring something."""
        ...

    def again(self, connection: int, before: int, lag_ns: int) -> None:
        """Note that it brought, so much later, what another one (`before`) had brought."""
        ...

    def filled(self, connection: int, missed_by: int) -> None:
        """Note that it alone brought something that another one never will."""
        ...


class Uncounted:
    """A tally for whoever does not want one."""

    def first(self, connection: int) -> None:
        """Do nothing."""

    def again(self, connection: int, before: int, lag_ns: int) -> None:
        """Do nothing."""

    def filled(self, connection: int, missed_by: int) -> None:
        """Do nothing."""


class Lane(msgspec.Struct):
    """How far one connection has come, and when it was first heard of."""

    reached: int | None
    since: int


class First(msgspec.Struct):
    """Who was the first to reach a number, and when. `filled`: somebody is known to have missed it."""

    last: int
    recv: int
    connection: int
    filled: bool = False


class Kept(msgspec.Struct, Generic[Item]):
    """Something beyond a hole: it holds what comes after `start`, up to `last`."""

    start: int
    last: int
    recv: int
    connection: int
    item: Item
    weight: int = 1


def _last(first: First) -> int:
    return first.last


def _order(kept: Kept[Any]) -> tuple[int, int]:
    return kept.start, kept.last


class Merge(Generic[Item]):
    """Keeps account of the connections of one stream; whoever owns the chain judges what arrives, and tells it."""

    __slots__ = ("_firsts", "_forgotten", "_tally", "_weight", "aside", "lanes")

    def __init__(self, tally: Tally) -> None:
        self.lanes: dict[int, Lane] = {}
        self.aside: list[Kept[Item]] = []
        """What is kept aside, in the order in which it continues the chain."""
        self._weight = 0
        self._firsts: list[First] = []
        self._forgotten = -1
        """Highest number whose first arrival was forgotten although somebody has not reached it."""
        self._tally = tally

    def join(self, connection: int, reached: int | None, recv: int) -> None:
        """Count a connection as one that carries the stream."""
        self.lanes.setdefault(connection, Lane(reached, recv))

    def continued(self, connection: int, last: int, recv: int) -> None:
        """Note that the chain reaches `last` now, by what this connection brought."""
        first = First(last, recv, connection)
        self._tally.first(connection)
        for other, lane in self.lanes.items():
            if other != connection and lane.reached is not None and lane.reached > last:
                self._fill(first, other)
        self._firsts.append(first)
        if len(self._firsts) > FIRSTS_LIMIT:
            self._forgotten = self._firsts.pop(0).last

    def repeats(self, connection: int, last: int, recv: int) -> bool:
        """Tell whether another connection had brought what this one brings now."""
        own = self.lanes.get(connection)
        if own is not None and own.reached is not None and last <= own.reached:
            return False
        place = bisect_left(self._firsts, last, key=_last)
        if place < len(self._firsts):
            first = self._firsts[place]
            if first.connection == connection:
                return False
            self._tally.again(connection, first.connection, recv - first.recv)
            return True
        return any(lane.reached is not None and lane.reached >= last for lane in self.lanes.values())

    def reach(self, connection: int, start: int, last: int, recv: int) -> None:
        """Note what a connection brought, once it was judged: all after `start`, up to `last`."""
        lane, firsts = self.lanes.setdefault(connection, Lane(None, recv)), self._firsts
        reached = lane.reached
        if reached is not None and start > reached:
            for first in firsts[bisect_right(firsts, reached, key=_last) : bisect_right(firsts, start, key=_last)]:
                if first.connection != connection:
                    self._fill(first, connection)
        lane.reached = last if reached is None else max(reached, last)
        slowest = min((-1 if one.reached is None else one.reached for one in self.lanes.values()), default=-1)
        if firsts and firsts[0].last <= slowest:
            del firsts[: bisect_right(firsts, slowest, key=_last)]

    def _fill(self, first: First, missed_by: int) -> None:
        if not first.filled:
            first.filled = True
            self._tally.filled(first.connection, missed_by)

    def keep(self, connection: int, start: int, last: int, recv: int, item: Item, weight: int = 1) -> bool:
        """Keep something aside; return False when another connection had brought the same."""
        kept = Kept(start, last, recv, connection, item, weight)
        place = bisect_left(self.aside, (start, last), key=_order)
        if place < len(self.aside) and _order(self.aside[place]) == (start, last):
            before = self.aside[place]
            if before.connection != connection:
                self._tally.again(connection, before.connection, recv - before.recv)
                return False
            return True
        insort(self.aside, kept, key=_order)
        self._weight += weight
        return True

    def done(self, count: int) -> None:
        """Let go of the first so many that are kept aside."""
        self._weight -= sum(kept.weight for kept in self.aside[:count])
        del self.aside[:count]

    def is_lost(self, chain: int, now: int) -> bool:
        """Tell whether nobody is left who may bring what follows `chain`, where something is kept aside."""
        if len(self.aside) >= ASIDE_LIMIT or self._weight > ASIDE_WEIGHT:
            return True
        return not any(self._may_fill(lane, chain, now) for lane in self.lanes.values())

    def _may_fill(self, lane: Lane, chain: int, now: int) -> bool:
        reached = lane.reached
        if reached is None:
            return now - lane.since < PATIENCE_NS
        if reached > chain or reached < self._forgotten:
            return False
        place = bisect_right(self._firsts, reached, key=_last)
        behind_since = self._firsts[place].recv if place < len(self._firsts) else self.aside[0].recv
        return now - behind_since < PATIENCE_NS

    def forget(self) -> None:
        """Forget who was first: the chain is broken off, and what comes next begins another."""
        self._firsts.clear()
        self._forgotten = -1

    def sole(self, chain: int | None) -> int | None:
        """Return the connection that is left alone with the stream and has caught up with the chain, if there is one."""
        if len(self.lanes) != 1 or self.aside:
            return None
        [(connection, lane)] = self.lanes.items()
        return connection if lane.reached == chain else None

    def save(self) -> dict[str, Any]:
        """Return all state as JSON values."""
        build = msgspec.to_builtins
        return {
            "lanes": {str(connection): build(lane) for connection, lane in self.lanes.items()},
            "aside": build(self.aside),
            "firsts": build(self._firsts),
            "forgotten": self._forgotten,
        }

    @classmethod
    def load(cls, saved: dict[str, Any], tally: Tally, read: Callable[[Any], Item]) -> "Merge[Item]":
        """Return it in the state that `save` returned; `read` reads one item."""
        merge = cls(tally)
        merge.lanes = {int(connection): msgspec.convert(lane, Lane) for connection, lane in saved["lanes"].items()}
        merge.aside = [
            Kept(one["start"], one["last"], one["recv"], one["connection"], read(one["item"]), one.get("weight", 1))
            for one in saved["aside"]
        ]
        merge._weight = sum(kept.weight for kept in merge.aside)
        merge._firsts = msgspec.convert(saved["firsts"], list[First])
        merge._forgotten = saved["forgotten"]
        return merge
