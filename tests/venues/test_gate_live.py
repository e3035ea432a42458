"""Gate's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Derivative, Event, Heartbeat, Quote, Trade
from feedtape.sim import gate as sim
from feedtape.sim.instrument import sides
from feedtape.venues.gate import Gate, GateFutures
from venue_stage import Lived, Sides, exact, live

SPOT, FUTURES = "gate", "gate-futures"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations")
STREAMS = {SPOT: "spot.obu ob.BTC_USDT.400", FUTURES: "futures.obu ob.BTC_USDT.400"}
OLDER = {SPOT: "spot.order_book_update BTC_USDT,100ms", FUTURES: "futures.order_book_update BTC_USDT,100ms,100"}


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def check(lived: Lived, target: str, stream: str, *, may_lag: bool = False) -> State:
    """The book equals what was published, or it says that it is not of now; a replay builds the same.

    With `may_lag` a silence may be too young to be noticed: the book is that of its last update then.
    """
    keeper = lived.session.books[target]
    if keeper.is_live and keeper.stale_since is None:
        ours = lived.book(target)
        assert ours == lived.published(stream) or (may_lag and ours == as_of(lived, target, len(ours[0])))
        assert keeper.proof()[0] == "sequence"
    else:
        assert lived.session.losses
    again = lived.replayed().books[target]
    assert (again.state, again.digest()) == (keeper.state, keeper.digest())
    return keeper.state


def as_of(lived: Lived, target: str, depth: int) -> Sides:
    """The exchange's book at the update that ours has come to."""
    listing, last = lived.exchange.listings[target.partition(":")[2]], lived.session.books[target].book.sequence
    assert last is not None
    state = listing.market.state_at(last)
    bids, asks = sides(listing.instrument, state.bids[:depth], state.asks[:depth])
    return exact([(p, s) for p, s in bids]), exact([(p, s) for p, s in asks])


def kinds(lived: Lived, target: str) -> set[type[Event]]:
    return {type(event) for event in lived.events if event.target == target}


def test_a_clean_day() -> None:
    spot, futures, older, twice = gathered(
        live(SPOT, ["BTC_USDT", "ETH_USDT@ob.50", "SOL_USDT@order_book"], limits=True, silence_s=5),
        live(FUTURES, ["BTC_USDT", "BTC_USD"], channels=EVERYTHING, limits=True, silence_s=5, seconds=1.5),
        live(FUTURES, ["BTC_USDT@order_book_update", "ETH_USDT@order_book"], limits=True, silence_s=5),
        live(SPOT, ["BTC_USDT@order_book_update"], limits=True, lanes=2, silence_s=5),
    )
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


FAULTS = ["drop=0.1", "disconnect=700ms", "stall=700ms", "malformed=0.1", "duplicate=0.2", "reorder=0.2"]


def test_never_wrong_and_silent() -> None:
    cases = [(SPOT if number % 2 else FUTURES, fault) for number, fault in enumerate(FAULTS)]
    cases += [(SPOT, "drop=0.1"), (FUTURES, "stale-snapshot=0.7")]
    older = {6, 7}
    runs = gathered(
        *(
            live(
                venue,
                ["BTC_USDT@order_book_update" if number in older else "BTC_USDT"],
                symbols=["BTC_USDT"],
                channels=("book",),
                faults=[fault],
                seconds=1.5,
                calm_s=1.5,
                # By this seed the first snapshot is stale, and the second one not.
                seed=1 if fault.startswith("stale") else 11,
            )
            for number, (venue, fault) in enumerate(cases)
        )
    )
    for number, ((venue, fault), lived) in enumerate(zip(cases, runs, strict=True)):
        assert lived.failure is None and lived.exchange.log.counts[fault.partition("=")[0]] > 0, fault
        stream = (OLDER if number in older else STREAMS)[venue]
        state = check(lived, f"{venue}:BTC_USDT", stream, may_lag=fault.startswith("stall"))
        if fault.startswith(("duplicate", "stale")):
            assert state is State.LIVE and not lived.session.losses
        elif not fault.startswith("malformed"):
            # What is malformed may be nothing that anybody needs.
            assert lived.session.losses, fault


def test_what_is_refused_ends_the_feed_or_leaves_the_others() -> None:
    nothing, some = gathered(
        live(SPOT, ["BTC_USDT"], faults=["refuse=BTC_USDT"], seconds=2.0, calm_s=0.1),
        live(FUTURES, ["BTC_USDT", "ETH_USDT"], faults=["refuse=ETH_USDT"], seconds=2.0, calm_s=0.3, silence_s=5),
    )
    assert isinstance(nothing.failure, VenueError) and "subscription refused" in str(nothing.said)
    assert some.failure is None and check(some, "gate-futures:BTC_USDT", STREAMS[FUTURES]) is State.LIVE
    assert "gate-futures:ETH_USDT" not in some.session.books
    assert {Trade, Quote} <= kinds(some, "gate-futures:BTC_USDT")


def test_pings_and_pongs_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for venue, dialect in ((Gate, sim.SPOT), (GateFutures, sim.FUTURES)):
        monkeypatch.setattr(venue, "heartbeat", replace(venue.heartbeat, ping_every_s=0.2))
        monkeypatch.setattr(dialect, "rules", replace(dialect.rules, client_within=0.6, pong_within=0.2))
    runs = gathered(*(live(venue, ["BTC_USDT"], ping_every=0.1, seconds=1.2, calm_s=0.1) for venue in (SPOT, FUTURES)))
    for lived in runs:
        assert lived.failure is None and not lived.session.losses
        assert sum(isinstance(event, Heartbeat) for event in lived.events) >= 3
