"""Hyperliquid from the simulated exchange to the book: each message is a whole picture, and no loss of one can be seen."""

import asyncio
from collections import Counter

from feedtape.errors import VenueError
from feedtape.model.events import Derivative, Heartbeat, Quote, Trade
from feedtape.model.records import OPEN, STALL
from venue_stage import Lived, live

CHANNELS = ("book", "trades", "quotes", "derivatives")
MARKETS = ("BTC", "kPEPE", "xyz:SP500", "PURR/USDC", "#250")


def is_silent(lived: Lived) -> bool:
    """Tell whether the last that is known of the line is that it fell silent."""
    times = {kind: max((one.time for one in lived.records if one.kind == kind), default=0) for kind in (STALL, OPEN)}
    return times[STALL] > times[OPEN]


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target for event in lived.events if type(event) is kind)


def check(lived: Lived, symbol: str, kind: str = "fast", target: str = "") -> None:
    """See that a book is what was published of it last, unless it was said otherwise, and that nothing more is claimed."""
    keeper = lived.session.books[f"hyperliquid:{target or symbol}"]
    if keeper.is_live and not is_silent(lived):
        assert keeper.proof()[0] == "unprovable" and keeper.channel == kind
        assert lived.book(f"hyperliquid:{target or symbol}") == lived.published(f"{kind}:{symbol}")
    assert lived.replayed().digests() == lived.session.digests()


def test_clean_and_both_books() -> None:
    async def run() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("hyperliquid", [f"{market}@fast" for market in MARKETS], channels=CHANNELS, silence_s=None),
            live("hyperliquid", ["BTC", "btc@fast"], channels=["book"], silence_s=None),
            live("hyperliquid", ["#250"], channels=["trades"], rate=0.2, silence_s=None),
        )

    clean, both, quiet = asyncio.run(run())
    for lived in (clean, both, quiet):
        assert lived.failure is None and lived.session.totals.connections == 1 and not lived.session.losses
        assert lived.session.totals.bad_frames == 0
    for market in MARKETS:
        check(clean, market)
        target = f"hyperliquid:{market}"
        assert told(clean, Trade)[target] and told(clean, Quote)[target] and told(clean, Derivative)[target]
    # The one that came first has the plain name.
    for target, kind, depth in (("BTC", "l2Book", 20), ("BTC@fast", "fast", 5)):
        check(both, "BTC", kind, target)
        assert [len(side) for side in both.book(f"hyperliquid:{target}")] == [depth, depth]
    # What came first was of the past.
    assert told(quiet, Trade) == {} and told(quiet, Heartbeat) == {}


async def with_fault(fault: str) -> Lived:
    # A connection that comes after one that stalled is whole until the end.
    seconds, calm_s = (1.0, 3.4) if fault.startswith("stall") else (1.5, 1.4)
    targets = ["BTC@fast", "ETH@fast"]
    return await live("hyperliquid", targets, channels=["book", "quotes"], faults=[fault], seconds=seconds, calm_s=calm_s)


def test_faults() -> None:
    async def run() -> list[Lived]:
        faults = ("drop=0.3", "duplicate=0.3", "reorder=0.3", "malformed=0.3", "disconnect=700ms", "stall=2s")
        return await asyncio.gather(*(with_fault(fault) for fault in faults))

    lives = drop, duplicate, reorder, malformed, disconnect, stall = asyncio.run(run())
    for lived in lives:
        assert lived.failure is None
        for symbol in ("BTC", "ETH"):
            check(lived, symbol)
    # On a machine that is busy a fault may come too late to strike; what struck was noticed, where that can be.
    struck = [lived for lived in lives if lived.exchange.log.counts]
    assert struck or max(lived.exchange.steps for lived in lives) < 20
    for lived in (drop, duplicate, reorder):
        assert lived.session.totals.stalls or not lived.session.losses
    for lived in (malformed, disconnect):
        assert lived not in struck or lived.session.losses
    assert stall not in struck or stall.session.totals.stalls


def test_a_refused_coin_is_given_up_and_the_others_go_on() -> None:
    async def run() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("hyperliquid", ["BTC@fast", "ETH@fast"], channels=["book"], faults=["refuse=ETH"], seconds=2.0),
            live("hyperliquid", ["ETH"], channels=["book"], faults=["refuse=ETH"], seconds=2.0),
        )

    one, none = asyncio.run(run())
    check(one, "BTC")
    assert list(one.session.books) == ["hyperliquid:BTC"]
    assert one.session.totals.refused > 0 and any("ETH" in words for words in one.said)
    assert isinstance(none.failure, VenueError) and not none.session.books
