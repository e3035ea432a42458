"""Bitfinex from the simulated exchange to the book: proven on a clean line, and never wrong and silent on a bad one."""

import asyncio
from collections import Counter

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import BookChecksum, Derivative, Gap, Heartbeat, Liquidation, Quote, Trade
from venue_stage import Lived, live

BTC, PERPETUAL, PAPER = "tBTCUSD", "tBTCF0:USTF0", "tTESTBTC:TESTUSD"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations")


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target.removeprefix("bitfinex:") for event in lived.events if type(event) is kind)


def check(lived: Lived, symbol: str, precision: str = "P0") -> str:
    """Return the grade of a book, which is the exchange's own unless it says that it is broken."""
    target = f"bitfinex:{symbol}"
    keeper = lived.session.books[target]
    grade, why = keeper.proof()
    if keeper.is_live:
        assert grade in ("checksum", "sequence"), why
        assert keeper.channel == precision
        assert lived.book(target) == lived.published(f"book:{precision}:F0:250:{symbol}")
        assert lived.book(target) == lived.truth(symbol, 250 if precision == "P0" else 125)
    else:
        assert keeper.state is State.BROKEN or keeper.counters.snapshots == 0
    assert lived.replayed().digests() == lived.session.digests()
    return grade


def test_clean_and_heartbeats() -> None:
    """Rounded books, single orders, and sizes so small that they are written with an exponent."""

    async def run() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("bitfinex", [BTC, PERPETUAL], channels=EVERYTHING, seconds=1.8, silence_s=3, limits=True),
            live("bitfinex", [f"{BTC}@R0", PAPER], symbols=[BTC, PAPER], channels=["book"], seconds=1.8, silence_s=3),
            live("bitfinex", [BTC], channels=["quotes"], rate=0.2, silence_s=1, ping_every=0.1),
        )

    clean, small, quiet = asyncio.run(run())
    for lived in (clean, small):
        assert lived.failure is None and lived.session.totals.connections == 1 and not lived.session.losses
        assert told(lived, BookChecksum) and all(
            keeper.counters.checksums_matched > 0 and not keeper.counters.checksums_failed
            for keeper in lived.session.books.values()
        )
    assert check(clean, BTC) == check(clean, PERPETUAL) == "checksum"
    assert check(small, BTC, "R0") == check(small, PAPER) == "checksum"
    for symbol in (BTC, PERPETUAL):
        assert told(clean, Trade)[symbol] and told(clean, Quote)[symbol]
    assert told(clean, Derivative)[PERPETUAL] and not told(clean, Derivative)[BTC] and told(clean, Liquidation)
    # A market at rest is kept alive by the channels' heartbeats alone.
    assert quiet.failure is None and quiet.session.totals.connections == 1 and quiet.session.totals.stalls == 0
    assert told(quiet, Heartbeat)[BTC] >= 8


async def with_fault(fault: str) -> Lived:
    # A connection that comes after one that stalled is whole until the end.
    return await live("bitfinex", [BTC, "tETHUSD"], channels=["book"], faults=[fault], seconds=1.5, calm_s=2.0, silence_s=1.0)


def test_faults() -> None:
    async def run() -> list[Lived]:
        faults = ("drop=0.01", "duplicate=0.1", "malformed=0.01", "reorder=0.01", "disconnect=400ms", "stall=400ms")
        return await asyncio.gather(*(with_fault(fault) for fault in faults))

    drop, duplicate, malformed, reorder, disconnect, stall = lives = asyncio.run(run())
    for lived in lives:
        assert lived.failure is None
        for symbol in (BTC, "tETHUSD"):
            assert check(lived, symbol) in ("checksum", "sequence") or lived is disconnect, lived.exchange.plan
    for lived in (drop, reorder):
        # A frame that is missing may be of either book.
        gaps = [event for event in lived.events if isinstance(event, Gap) and event.kind == "gap"]
        at_once = {event.recv: {one.target for one in gaps if one.recv == event.recv} for event in gaps}
        assert {f"bitfinex:{BTC}", "bitfinex:tETHUSD"} <= max(at_once.values(), key=len)
        assert lived.session.totals.connections > 1
    assert duplicate.session.totals.repeated_frames > 0 and duplicate.session.totals.connections == 1
    assert malformed.session.totals.bad_frames > 0
    assert disconnect.session.totals.connections > 1
    assert stall.session.totals.stalls > 0 and stall.session.totals.connections > 1


def test_a_refused_symbol_is_given_up_and_the_others_go_on() -> None:
    async def run() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("bitfinex", [BTC, "tETHUSD"], channels=["book"], faults=["refuse=tETHUSD"], seconds=2.0),
            live("bitfinex", ["tETHUSD"], channels=["book"], faults=["refuse=tETHUSD"], seconds=10.0),
        )

    one, none = asyncio.run(run())
    assert check(one, BTC) in ("checksum", "sequence") and one.session.totals.refused > 0
    assert any("subscription refused for tETHUSD (code 10300)" in words for words in one.said)
    assert isinstance(none.failure, VenueError) and not none.session.books
