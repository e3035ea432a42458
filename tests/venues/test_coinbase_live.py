"""Coinbase from the simulated exchange to the book: whole on a clean line, and never wrong and silent on a bad one."""

import asyncio
from collections import Counter

from feedtape.errors import VenueError
from feedtape.model.events import Derivative, Gap, Heartbeat, Quote, Trade
from feedtape.model.records import OPEN, STALL
from venue_stage import Lived, live

BTC, PERPETUAL = "coinbase:BTC-USD", "coinbase:BIP-20DEC30-CDE"
CHANNELS = ("book", "trades", "quotes", "derivatives")


def is_silent(lived: Lived) -> bool:
    """Tell whether the last that is known of the line is that it fell silent."""
    times = {kind: max((one.time for one in lived.records if one.kind == kind), default=0) for kind in (STALL, OPEN)}
    return times[STALL] > times[OPEN]


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target for event in lived.events if type(event) is kind)


def check(lived: Lived, symbol: str) -> str:
    """Return the grade of a book, which is the exchange's own unless it was said that it is broken or of the past."""
    keeper = lived.session.books[f"coinbase:{symbol}"]
    grade, why = keeper.proof()
    if keeper.is_live and not is_silent(lived):
        assert grade == "sequence", why
        assert lived.book(f"coinbase:{symbol}") == lived.truth(symbol) == lived.published(f"level2:{symbol}")
    assert lived.replayed().digests() == lived.session.digests()
    return grade


def test_clean_and_heartbeats() -> None:
    """The perpetual's market is asked for too, and its index and funding come by REST."""

    async def run() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("coinbase", ["BTC-USD", "BIP-20DEC30-CDE"], channels=CHANNELS, ping_every=0.2, silence_s=None),
            live("coinbase", ["btc-usd"], channels=["quotes"], rate=0.2, ping_every=0.1, silence_s=1.0),
        )

    clean, quiet = asyncio.run(run())
    assert clean.failure is None and clean.session.totals.connections == 1 and not clean.session.losses
    for target in (BTC, PERPETUAL):
        assert check(clean, target.partition(":")[2]) == "sequence"
        assert told(clean, Trade)[target] and told(clean, Quote)[target]
    derivative = next(event for event in clean.events if isinstance(event, Derivative))
    assert (derivative.target, derivative.funding_rate) == (PERPETUAL, "0.000013")
    # A market at rest is kept alive by heartbeats alone.
    assert quiet.failure is None and quiet.session.totals.connections == 1 and quiet.session.totals.stalls == 0
    assert told(quiet, Heartbeat)[""] >= 5


async def with_fault(fault: str) -> Lived:
    # A connection that comes after one that stalled is whole until the end.
    seconds, calm_s = (1.0, 3.4) if fault.startswith("stall") else (1.5, 1.4)
    return await live("coinbase", ["BTC-USD", "ETH-USD"], channels=["book"], faults=[fault], seconds=seconds, calm_s=calm_s)


def test_faults() -> None:
    async def run() -> list[Lived]:
        faults = ("drop=0.05", "duplicate=0.2", "malformed=0.05", "reorder=0.05", "disconnect=700ms", "stall=2s")
        return await asyncio.gather(*(with_fault(fault) for fault in faults))

    lives = drop, duplicate, malformed, reorder, disconnect, stall = asyncio.run(run())
    for lived in lives:
        assert lived.failure is None
        for symbol in ("BTC-USD", "ETH-USD"):
            check(lived, symbol)
    # On a machine that is busy a fault may come too late to strike; what struck was noticed.
    struck = [lived for lived in lives if lived.exchange.log.counts]
    assert struck or max(lived.exchange.steps for lived in lives) < 20
    for lived in (drop, reorder, malformed, disconnect):
        assert lived not in struck or lived.session.losses
    for lived in (drop, reorder):
        # A frame that is missing may be of either book.
        gaps = [event.target for event in lived.events if isinstance(event, Gap) and event.kind == "gap"]
        assert gaps.count(BTC) == gaps.count("coinbase:ETH-USD")
    assert duplicate not in struck or duplicate.session.totals.repeated_frames
    assert stall not in struck or stall.session.totals.stalls
    assert duplicate.session.totals.stalls or not duplicate.session.losses


def test_a_refused_product_is_given_up_and_the_others_go_on() -> None:
    async def run() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("coinbase", ["BTC-USD", "ETH-USD"], channels=["book"], faults=["refuse=ETH-USD"], seconds=2.0),
            live("coinbase", ["ETH-USD"], channels=["book"], faults=["refuse=ETH-USD"], seconds=2.0),
        )

    one, none = asyncio.run(run())
    assert check(one, "BTC-USD") == "sequence" and one.session.totals.refused > 0
    assert any("authentication failure" in words and "ETH-USD" in words for words in one.said)
    assert isinstance(none.failure, VenueError) and not none.session.books
