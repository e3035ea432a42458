"""Gate's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from functools import cache

import pytest

from feedtape.book.keeper import State
from feedtape.model.events import Derivative, Event, Heartbeat, Quote, Trade
from feedtape.sim import gate as sim
from feedtape.venues.gate import Gate, GateFutures
from venue_stage import Lived, live

SPOT, FUTURES = "gate", "gate-futures"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations")
STREAMS = {SPOT: "spot.obu ob.BTC_USDT.400", FUTURES: "futures.obu ob.BTC_USDT.400"}
OLDER = {SPOT: "spot.order_book_update BTC_USDT,100ms", FUTURES: "futures.order_book_update BTC_USDT,100ms,100"}


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def check(lived: Lived, target: str, stream: str) -> State:
    """The book equals what was published, or it says that it is broken; a replay builds the same."""
    keeper = lived.session.books[target]
    if keeper.is_live:
        assert lived.book(target) == lived.published(stream)
        assert keeper.proof()[0] == "sequence"
    else:
        assert lived.session.losses
    again = lived.replayed().books[target]
    assert (again.state, again.digest()) == (keeper.state, keeper.digest())
    return keeper.state


def kinds(lived: Lived, target: str) -> set[type[Event]]:
    return {type(event) for event in lived.events if event.target == target}


@cache  # most of a run is waiting, and so all are at the same time
def runs() -> list[Lived]:
    both, updates = ["BTC_USDT", "ETH_USDT"], ["BTC_USDT@order_book_update"]
    return gathered(
        live(SPOT, ["BTC_USDT", "ETH_USDT@ob.50", "SOL_USDT@order_book"], limits=True, silence_s=5),
        live(FUTURES, ["BTC_USDT", "BTC_USD"], channels=EVERYTHING, limits=True, silence_s=5, seconds=1.5),
        live(FUTURES, [*updates, "ETH_USDT@order_book"], limits=True, silence_s=5),
        live(SPOT, updates, limits=True, lanes=2, silence_s=5),
        live(SPOT, updates, channels=("book",), faults=["drop=0.1"], seconds=1.5, calm_s=0.5, silence_s=5),
        # By this seed the first snapshot is stale, and the second one not.
        live(FUTURES, updates, channels=("book",), faults=["stale-snapshot=0.95"], seconds=1.5, calm_s=0.5, silence_s=5, seed=1),
        live(FUTURES, both, faults=["refuse=ETH_USDT"], seconds=1.5, calm_s=0.1, silence_s=5),
    )


def test_a_clean_day() -> None:
    spot, futures, older, twice = runs()[:4]
    for lived in (spot, futures, older, twice):
        assert lived.failure is None and not lived.session.losses and lived.session.totals.bad_frames == 0
    assert check(spot, "gate:BTC_USDT", STREAMS[SPOT]) is State.LIVE
    assert check(spot, "gate:ETH_USDT", "spot.obu ob.ETH_USDT.50") is State.LIVE
    assert check(futures, "gate-futures:BTC_USDT", STREAMS[FUTURES]) is State.LIVE
    assert check(futures, "gate-futures:BTC_USD", "futures.obu ob.BTC_USD.400") is State.LIVE
    assert check(older, "gate-futures:BTC_USDT", OLDER[FUTURES]) is State.LIVE
    assert check(twice, "gate:BTC_USDT", OLDER[SPOT]) is State.LIVE
    assert {Trade, Quote} <= kinds(spot, "gate:BTC_USDT")
    assert {Trade, Quote, Derivative} <= kinds(futures, "gate-futures:BTC_USD")
    picture = spot.session.books["gate:SOL_USDT"]
    assert picture.is_live and picture.proof()[0] == "unprovable" and len(picture.book.bids) == 100
    assert older.session.books["gate-futures:ETH_USDT"].is_live
    # Contracts of another settlement currency have a connection of their own.
    assert len({record.connection for record in futures.records if b'"futures.obu"' in record.payload}) == 2


def test_the_older_channel_is_never_wrong_and_silent() -> None:
    """What order book v2 goes through, every venue's default stream does in `test_venues_against_sim`."""
    for (venue, fault), lived in zip(((SPOT, "drop"), (FUTURES, "stale-snapshot")), runs()[4:6], strict=True):
        assert lived.failure is None and lived.exchange.log.counts[fault] > 0, fault
        assert check(lived, f"{venue}:BTC_USDT", OLDER[venue]) is State.LIVE
        assert bool(lived.session.losses) == (fault == "drop"), fault


def test_what_is_refused_leaves_the_others() -> None:
    some = runs()[6]
    assert some.failure is None and check(some, "gate-futures:BTC_USDT", STREAMS[FUTURES]) is State.LIVE
    assert "gate-futures:ETH_USDT" not in some.session.books
    assert {Trade, Quote} <= kinds(some, "gate-futures:BTC_USDT")


def test_pings_and_pongs_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for venue, dialect in ((Gate, sim.SPOT), (GateFutures, sim.FUTURES)):
        monkeypatch.setattr(venue, "heartbeat", replace(venue.heartbeat, ping_every_s=0.2))
        monkeypatch.setattr(dialect, "rules", replace(dialect.rules, client_within=0.6, pong_within=0.2))
    kept = gathered(*(live(venue, ["BTC_USDT"], ping_every=0.1, seconds=0.9, calm_s=0.1) for venue in (SPOT, FUTURES)))
    for lived in kept:
        assert lived.failure is None and not lived.session.losses
        assert sum(isinstance(event, Heartbeat) for event in lived.events) >= 3
