"""KuCoin's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from functools import cache

import pytest

from feedtape.book.keeper import State
from feedtape.model.events import Derivative, Event, Heartbeat, Quote, Trade
from feedtape.model.records import RECV, RECV_BINARY
from feedtape.sim import kucoin as sim
from feedtape.venues.kucoin import KuCoin, KuCoinFutures
from venue_stage import Lived, live

SPOT, FUTURES = "kucoin", "kucoin-futures"
SYMBOLS = {SPOT: "BTC-USDT", FUTURES: "XBTUSDTM"}
EVERYTHING = ("book", "trades", "quotes", "derivatives")


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def check(lived: Lived, venue: str) -> State:
    """The book equals what was published; a replay builds the same."""
    target = f"{venue}:{SYMBOLS[venue]}"
    keeper = lived.session.books[target]
    assert lived.book(target) == lived.published(f"obu {SYMBOLS[venue]} increment@10ms")
    assert keeper.proof()[0] == "sequence"
    again = lived.replayed().books[target]
    assert (again.state, again.digest()) == (keeper.state, keeper.digest())
    return keeper.state


def kinds(lived: Lived, target: str) -> set[type[Event]]:
    return {type(event) for event in lived.events if event.target == target}


@cache  # most of a run is waiting, and so all are at the same time
def runs() -> list[Lived]:
    return gathered(
        live(SPOT, ["BTC-USDT", "ETH-USDT@50"], limits=True, silence_s=5),
        live(FUTURES, ["XBTUSDTM", "XBTUSDM@5"], channels=EVERYTHING, limits=True, silence_s=5, seconds=1.5),
        live(SPOT, ["BTC-USDT"], limits=True, lanes=2, silence_s=5),
        live(FUTURES, ["XBTUSDTM", "ETHUSDTM"], faults=["refuse=ETHUSDTM"], seconds=1.5, calm_s=0.1, silence_s=5),
    )


def test_a_clean_day() -> None:
    spot, futures, twice = runs()[:3]
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


def test_what_is_refused_leaves_the_others() -> None:
    some = runs()[3]
    assert some.failure is None and check(some, FUTURES) is State.LIVE
    assert "kucoin-futures:ETHUSDTM" not in some.session.books


def test_pings_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for venue, dialect in ((KuCoin, sim.SPOT), (KuCoinFutures, sim.FUTURES)):
        monkeypatch.setattr(venue, "heartbeat", replace(venue.heartbeat, ping_every_s=0.2))
        monkeypatch.setattr(dialect, "rules", replace(dialect.rules, client_within=0.6))
    for lived in gathered(*(live(venue, [SYMBOLS[venue]], seconds=0.9, calm_s=0.1) for venue in (SPOT, FUTURES))):
        assert lived.failure is None and not lived.session.losses
        assert sum(isinstance(event, Heartbeat) for event in lived.events) >= 3
