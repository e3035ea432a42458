"""Kraken's whole way over loopback: what is special to it; every fault strikes it in `test_venues_against_sim.py`."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache

import pytest

from feedtape.model.events import Heartbeat, Trade
from feedtape.model.records import RECV
from venue_stage import Lived, live

SPOT, FUTURES = "kraken", "kraken-futures"
BTC, ETH, LINEAR, INVERSE = "BTC/USD@book-10", "ETH/USD", "PF_XBTUSD", "PI_XBTUSD"
BOOKS = {SPOT: "kraken:BTC/USD", FUTURES: "kraken-futures:PF_XBTUSD"}
PUBLISHED = {SPOT: "book-10:BTC/USD", FUTURES: "book:PF_XBTUSD"}
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations")


@cache  # all at once, since most of a run is waiting
def runs() -> dict[str, Lived]:
    async def together() -> dict[str, Lived]:
        wanted = {
            "spot": live(SPOT, [BTC, ETH], silence_s=5),
            "futures": live(FUTURES, [LINEAR, INVERSE], channels=EVERYTHING, silence_s=5),
            "twice": live(SPOT, [BTC], lanes=2, silence_s=5),
            # Less than a step in the whole run: only the venue's own beat shows that the connection lives.
            "resting": live(SPOT, [BTC], rate=0.2, ping_every=0.1, silence_s=3.0, seconds=3.5),
            # A spot update is one frame, one of futures as many as it changes levels.
            "spot with holes": live(SPOT, [BTC], channels=("book",), faults=["drop=0.2"], silence_s=5),
            "futures with holes": live(FUTURES, [LINEAR], channels=("book",), faults=["drop=0.06"], silence_s=5),
            "spot refused in part": live(SPOT, [BTC, ETH], faults=[f"refuse={ETH}"], silence_s=5),
            "futures refused in part": live(FUTURES, [LINEAR, INVERSE], faults=[f"refuse={INVERSE}"], silence_s=5),
        }
        return dict(zip(wanted, await asyncio.gather(*wanted.values()), strict=True))

    return asyncio.run(together())


def is_right(run: Lived, venue: str) -> bool:
    """The book is live and what was published."""
    return run.session.books[BOOKS[venue]].is_live and run.book(BOOKS[venue]) == run.published(PUBLISHED[venue])


def told(run: Lived) -> Counter[str]:
    return Counter(type(event).__name__ for event in run.events)


def test_a_clean_day() -> None:
    spot, futures = runs()["spot"], runs()["futures"]
    for run, venue in ((spot, SPOT), (futures, FUTURES)):
        assert run.failure is None and not run.session.losses and is_right(run, venue)
        assert run.replayed().digests() == run.session.digests()
        assert told(run)["Trade"] and told(run)["Quote"]
    keeper = spot.session.books["kraken:BTC/USD"]
    assert keeper.proof()[0] == "checksum" and keeper.counters.checksums_matched == keeper.counters.updates + 1
    eth = spot.session.books["kraken:ETH/USD"]
    assert eth.channel == "book-100" and spot.book("kraken:ETH/USD") == spot.published("book-100:ETH/USD")
    assert len(spot.book("kraken:ETH/USD")[0]) == 100
    assert futures.session.books[BOOKS[FUTURES]].proof()[0] == "sequence"
    assert futures.book("kraken-futures:PI_XBTUSD") == futures.truth("PI_XBTUSD")
    assert told(futures)["Derivative"]


def test_two_connections_bring_everything_twice_and_it_counts_once() -> None:
    twice = runs()["twice"]
    assert twice.failure is None and not twice.session.losses and is_right(twice, SPOT)
    brought = Counter(record.connection for record in twice.records if b'"channel":"trade"' in record.payload)
    numbers = [event.number for event in twice.events if isinstance(event, Trade)]
    assert len(brought) == 2 and len(numbers) == len(set(numbers)) == twice.session.flows["kraken:BTC/USD"].trades


def test_a_resting_market_is_kept_alive_by_the_beat_alone() -> None:
    resting = runs()["resting"]
    assert sum(isinstance(event, Heartbeat) for event in resting.events) > 10
    assert not any("is silent for" in words for words in resting.said)
    assert not resting.session.losses and is_right(resting, SPOT)


@pytest.mark.parametrize("venue", [SPOT, FUTURES])
def test_a_broken_book_is_asked_for_anew_on_the_same_connection(venue: str) -> None:
    run = runs()["spot with holes" if venue == SPOT else "futures with holes"]
    assert run.failure is None and run.exchange.log.counts["drop"] and is_right(run, venue)
    counters = run.session.books[BOOKS[venue]].counters
    assert counters.gaps > 0 and counters.resyncs > 0 and counters.snapshots > 1
    assert len({record.connection for record in run.records if record.kind == RECV}) == 1


def test_a_refusal_takes_no_other_symbol_with_it() -> None:
    spot, futures = runs()["spot refused in part"], runs()["futures refused in part"]
    for run, venue in ((spot, SPOT), (futures, FUTURES)):
        assert run.failure is None and run.session.totals.refused and is_right(run, venue)
        assert list(run.session.books) == [BOOKS[venue]]
