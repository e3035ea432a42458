"""KuCoin's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Derivative, Event, Heartbeat, Quote, Trade
from feedtape.model.records import RECV, RECV_BINARY
from feedtape.sim import kucoin as sim
from feedtape.sim.instrument import sides
from feedtape.venues.kucoin import KuCoin, KuCoinFutures
from venue_stage import Lived, Sides, exact, live

SPOT, FUTURES = "kucoin", "kucoin-futures"
SYMBOLS = {SPOT: "BTC-USDT", FUTURES: "XBTUSDTM"}
EVERYTHING = ("book", "trades", "quotes", "derivatives")


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def check(lived: Lived, venue: str, *, may_lag: bool = False) -> State:
    """The book equals what was published, or it says that it is not of now; a replay builds the same.

    With `may_lag` a silence may be too young to be noticed: the book is that of its last update then.
    """
    target = f"{venue}:{SYMBOLS[venue]}"
    keeper = lived.session.books[target]
    if keeper.is_live and keeper.stale_since is None:
        ours = lived.book(target)
        assert ours == lived.published(f"obu {SYMBOLS[venue]} increment@10ms") or (may_lag and ours == as_of(lived, target))
        assert keeper.proof()[0] == "sequence"
    else:
        assert lived.session.losses
    again = lived.replayed().books[target]
    assert (again.state, again.digest()) == (keeper.state, keeper.digest())
    return keeper.state


def as_of(lived: Lived, target: str) -> Sides:
    """The exchange's best 500 levels at the update that our book has come to."""
    listing, last = lived.exchange.listings[target.partition(":")[2]], lived.session.books[target].book.sequence
    assert last is not None
    state = listing.market.state_at(last)
    bids, asks = sides(listing.instrument, state.bids[:500], state.asks[:500])
    return exact([(p, s) for p, s in bids]), exact([(p, s) for p, s in asks])


def kinds(lived: Lived, target: str) -> set[type[Event]]:
    return {type(event) for event in lived.events if event.target == target}


def test_a_clean_day() -> None:
    spot, futures, twice = gathered(
        live(SPOT, ["BTC-USDT", "ETH-USDT@50"], limits=True, silence_s=5),
        live(FUTURES, ["XBTUSDTM", "XBTUSDM@5"], channels=EVERYTHING, limits=True, silence_s=5, seconds=1.5),
        live(SPOT, ["BTC-USDT"], limits=True, lanes=2, silence_s=5),
    )
    for lived, venue in ((spot, SPOT), (futures, FUTURES), (twice, SPOT)):
        assert lived.failure is None and not lived.session.losses and lived.session.totals.bad_frames == 0
        assert check(lived, venue) is State.LIVE
        assert {Trade, Quote} <= kinds(lived, f"{venue}:{SYMBOLS[venue]}")
        assert not any(record.kind == RECV for record in lived.records)
        assert any(record.kind == RECV_BINARY for record in lived.records)
    assert Derivative in kinds(futures, "kucoin-futures:XBTUSDTM")
    for lived, target, depth in ((spot, "kucoin:ETH-USDT", 50), (futures, "kucoin-futures:XBTUSDM", 5)):
        keeper = lived.session.books[target]
        assert keeper.is_live and keeper.proof()[0] == "unprovable" and len(keeper.book.bids) == depth


FAULTS = ["drop=0.1", "disconnect=700ms", "stall=700ms", "malformed=0.1", "duplicate=0.2", "reorder=0.2"]


def test_never_wrong_and_silent() -> None:
    cases = [(SPOT if number % 2 else FUTURES, fault) for number, fault in enumerate(FAULTS)]
    runs = gathered(
        *(
            live(
                venue,
                [SYMBOLS[venue]],
                symbols=[SYMBOLS[venue]],
                channels=("book",),
                faults=[fault],
                seconds=1.5,
                calm_s=1.5,
            )
            for venue, fault in cases
        )
    )
    for (venue, fault), lived in zip(cases, runs, strict=True):
        assert lived.failure is None and lived.exchange.log.counts[fault.partition("=")[0]] > 0, fault
        state = check(lived, venue, may_lag=fault.startswith("stall"))
        if fault.startswith("duplicate"):
            assert state is State.LIVE and not lived.session.losses
        elif not fault.startswith("malformed"):
            # What is malformed may be nothing that anybody needs.
            assert lived.session.losses, fault


def test_what_is_refused_ends_the_feed_or_leaves_the_others() -> None:
    nothing, some = gathered(
        live(SPOT, ["BTC-USDT"], faults=["refuse=BTC-USDT"], seconds=2.0, calm_s=0.1),
        live(FUTURES, ["XBTUSDTM", "ETHUSDTM"], faults=["refuse=ETHUSDTM"], seconds=2.0, calm_s=0.3, silence_s=5),
    )
    assert isinstance(nothing.failure, VenueError) and "subscription refused" in str(nothing.said)
    assert some.failure is None and check(some, FUTURES) is State.LIVE
    assert "kucoin-futures:ETHUSDTM" not in some.session.books


def test_pings_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for venue, dialect in ((KuCoin, sim.SPOT), (KuCoinFutures, sim.FUTURES)):
        monkeypatch.setattr(venue, "heartbeat", replace(venue.heartbeat, ping_every_s=0.2))
        monkeypatch.setattr(dialect, "rules", replace(dialect.rules, client_within=0.6))
    for lived in gathered(*(live(venue, [SYMBOLS[venue]], seconds=1.2, calm_s=0.1) for venue in (SPOT, FUTURES))):
        assert lived.failure is None and not lived.session.losses
        assert sum(isinstance(event, Heartbeat) for event in lived.events) >= 3
