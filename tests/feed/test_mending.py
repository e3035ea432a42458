"""Mending must never become a storm: by a clock that is turned by hand, and over a real subscription without a venue."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from feed.stage import until
from feedtape.feed.connection import Connection
from feedtape.feed.context import Access, Context
from feedtape.feed.mending import ATTEMPTS, Mending, TooLong
from feedtape.feed.pace import Backoff, Messages
from feedtape.feed.subscription import Subscription
from feedtape.model.events import Acknowledged, Event, Refused
from feedtape.model.targets import Target
from feedtape.venues import registry
from feedtape.venues.contract import Rate, Venue


@dataclass
class Bench:
    """A book that is broken, the streams that could mend it, and a clock."""

    comes: Callable[[int], bool] = lambda attempt: False
    """Whether a snapshot comes of an attempt."""
    breaks_again: bool = False
    exhausted: bool = False
    now: float = 0.0
    broken: bool = True
    snapshots: int = 0
    begun: list[float] = field(default_factory=list)
    worn: list[float] = field(default_factory=list)

    def books_of(self, symbol: str) -> list[str]:
        return [f"book {symbol}"]

    async def begin_anew(self, streams: Sequence[str], longest_wait_s: float) -> None:
        if self.exhausted:
            raise TooLong
        self.begun.append(self.now)
        if self.comes(len(self.begun)):
            self.snapshots += 1
            self.broken = self.breaks_again

    def wear_out(self, why: str) -> None:
        self.worn.append(self.now)

    def wants_stream(self, connection: int, target: str, *, only_broken: bool = False) -> bool:
        return self.broken

    def snapshots_on(self, connection: int, target: str) -> int:
        return self.snapshots

    def backoff(self) -> Backoff:
        return Backoff(random.Random(1), now=lambda: self.now)


def mended(monkeypatch: pytest.MonkeyPatch, bench: Bench, worn_before: int = 0, wishes: int = 1) -> Bench:
    """Let a book be mended, once for each wish."""

    async def run() -> None:
        sleep = asyncio.sleep

        async def turn(seconds: float) -> None:
            bench.now += seconds
            await sleep(0)

        monkeypatch.setattr(asyncio, "sleep", turn)
        maker = Mending(bench, "v", 1, cast(Context, bench), worn_before)
        work = asyncio.ensure_future(maker.run())
        for _ in range(wishes):
            maker.wish("X")
            for _ in range(2000):
                await sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        monkeypatch.undo()

    asyncio.run(run())
    return bench


def test_a_book_is_mended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = mended(monkeypatch, Bench(comes=lambda attempt: True))
    assert bench.begun == [0.0] and bench.worn == []


def test_a_book_that_breaks_again_and_again_is_mended_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = mended(monkeypatch, Bench(comes=lambda attempt: True, breaks_again=True), wishes=14)
    pauses = [later - first for first, later in zip(bench.begun, bench.begun[1:], strict=False)]
    assert len(pauses) == 13 and pauses[0] <= 0.5 and all(30 <= pause <= 60 for pause in pauses[-3:])
    assert bench.worn == []


def test_a_stream_that_never_begins_costs_the_connection_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    lasted = [mended(monkeypatch, Bench(), worn_before=count).worn for count in (0, 1, 2, 3, 50)]
    assert all(len(worn) == 1 for worn in lasted)
    first = lasted[0][0]
    assert [round(worn[0] - first) for worn in lasted] == [0, 60, 180, 420, 3600]
    assert len(mended(monkeypatch, Bench()).begun) == ATTEMPTS


def test_what_the_limits_forbid_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = mended(monkeypatch, Bench(exhausted=True))
    assert bench.worn == [0.0] and bench.begun == []


# -- the subscription that it asks


class Wire:
    """A connection that keeps what is sent."""

    def __init__(self, answer: Callable[[Wire, dict[str, Any]], None]) -> None:
        self.number = 1
        self.early: list[Event] = []
        self.notice: Callable[[Event], None] = lambda event: None
        self.observe: object = None
        self.sent: list[dict[str, Any]] = []
        self._answer = answer

    def send(self, frame: bytes) -> bool:
        self.sent.append(orjson.loads(frame))
        asyncio.get_running_loop().call_soon(self._answer, self, self.sent[-1])
        return True


def subscribed(
    answer: Callable[[Wire, dict[str, Any]], None],
    act: Callable[[Subscription, Wire], Awaitable[None]],
    symbols: Sequence[str],
    rates: tuple[Rate, ...],
) -> None:
    """Subscribe KuCoin's books of some symbols, each with a request of its own, and act."""

    async def run() -> None:
        real = registry.venue("kucoin")
        venue: Venue = type("Patient", (type(real),), {"limits": replace(real.limits, messages=rates), "greets": False})()
        [plan] = venue.plan([Target("kucoin", symbol) for symbol in symbols], ["book"])
        wire = Wire(answer)
        context = SimpleNamespace(
            clock=SimpleNamespace(now=lambda: 1),
            say=lambda words: None,
            backoff=lambda: Backoff(random.Random(1), base_s=0.01),
            wants_stream=lambda connection, target, only_broken=False: True,
            snapshots_on=lambda connection, target: 0,
        )
        access = cast(Access, SimpleNamespace(venue=venue, messages=Messages(())))
        subscription = Subscription(cast(Connection, wire), plan, access, cast(Context, context))
        work = asyncio.ensure_future(subscription.run())
        try:
            await until(lambda: subscription.sent_at)
            async with asyncio.timeout(5):
                await act(subscription, wire)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    asyncio.run(run())


def test_books_that_break_at_once_do_not_wait_an_hour_for_the_venues_count() -> None:
    """As many requests as would fit, if each of them were alone: every book is given up, and the last cannot be asked for."""

    def taken(wire: Wire, request: dict[str, Any]) -> None:
        wire.notice(Acknowledged("", 1, None, request["id"]))

    async def act(subscription: Subscription, wire: Wire) -> None:
        for symbol in ("A-B", "C-D", "E-F"):
            subscription.mend(symbol, "resubscribe")
        await subscription.over
        assert subscription.worn and len(wire.sent) == 8

    subscribed(taken, act, ("A-B", "C-D", "E-F"), (Rate(14, 3600),))


def test_a_stream_that_cannot_be_given_up_is_not_taken_for_refused() -> None:
    def grudging(wire: Wire, request: dict[str, Any]) -> None:
        if request["action"] == "SUBSCRIBE":
            wire.notice(Acknowledged("", 1, None, request["id"]))
        else:
            wire.notice(Refused("", 1, None, request["id"], None, "not subscribed"))

    async def act(subscription: Subscription, wire: Wire) -> None:
        subscription.mend("A-B", "resubscribe")
        await until(lambda: len(wire.sent) == 3)
        await asyncio.sleep(0.1)
        assert [request["action"] for request in wire.sent] == ["SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE"]
        assert not subscription.refused

    subscribed(grudging, act, ("A-B",), ())
