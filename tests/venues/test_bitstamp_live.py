"""Bitstamp from the simulated exchange to the book: what can be proven is, and what cannot be says so."""

import asyncio
from collections import Counter

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Derivative, Gap, Trade
from venue_stage import Lived, live

BTC, PERPETUAL = "btcusd", "btcusd-perp"


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target.removeprefix("bitstamp:") for event in lived.events if type(event) is kind)


def grade_of(lived: Lived, symbol: str) -> str:
    return lived.session.books[f"bitstamp:{symbol}"].proof()[0]


def is_whole(lived: Lived, symbol: str, channel: str = "diff_order_book") -> bool:
    """Whether a book is the exchange's own, as its listeners were told last."""
    return lived.book(f"bitstamp:{symbol}") == lived.published(f"{channel}_{symbol}")


def test_clean() -> None:
    async def run() -> tuple[Lived, ...]:
        channels = ("book", "trades", "quotes", "derivatives")
        pictures = [f"{BTC}@order_book", "ethusd@detail_order_book"]
        return await asyncio.gather(
            live("bitstamp", [BTC, PERPETUAL], channels=channels, seconds=1.8, silence_s=3, limits=True),
            live("bitstamp", [f"{BTC}@live_orders"], channels=["book"], seconds=1.8, silence_s=3),
            live("bitstamp", pictures, channels=["book"], rate=5, seconds=0.6, calm_s=0.6, silence_s=3),
            live("bitstamp", [BTC], channels=["trades"], rate=0.2, silence_s=1, ping_every=0.1),
        )

    clean, orders, pictures, quiet = asyncio.run(run())
    for lived in (clean, orders, pictures, quiet):
        assert lived.failure is None and lived.session.totals.connections == 1 and not lived.session.losses
        assert lived.replayed().digests() == lived.session.digests()
    for symbol in (BTC, PERPETUAL):
        assert grade_of(clean, symbol) == "unprovable" and is_whole(clean, symbol)
        assert clean.session.books[f"bitstamp:{symbol}"].is_live and told(clean, Trade)[symbol]
    facts = [event for event in clean.events if isinstance(event, Derivative)]
    assert {event.target for event in facts} == {f"bitstamp:{PERPETUAL}"}
    assert any(event.funding_rate for event in facts) and any(event.open_interest for event in facts)
    assert grade_of(orders, BTC) == "sequence" and orders.session.books[f"bitstamp:{BTC}"].is_live
    assert orders.book(f"bitstamp:{BTC}") == orders.truth(BTC)
    assert pictures.book(f"bitstamp:{BTC}") == pictures.truth(BTC, 100) and grade_of(pictures, BTC) == "unprovable"
    for ours, theirs in zip(pictures.book("bitstamp:ethusd"), pictures.truth("ethusd", 100), strict=True):
        # A hundred orders are fewer levels, of the last of which one order may be left out.
        assert len(ours) >= 50 and ours[:-1] == theirs[: len(ours) - 1]


async def with_fault(fault: str) -> Lived:
    targets, symbols = [f"{BTC}@live_orders", "ethusd"], [BTC, "ethusd"]
    return await live(
        "bitstamp",
        targets,
        symbols=symbols,
        channels=["book"],
        faults=[fault],
        rate=12,
        seconds=1.5,
        calm_s=1.8,
        silence_s=1.0,
    )


def test_faults() -> None:
    """Changed levels of one symbol, of which nothing is provable, and single orders of the other, which chain."""

    async def run() -> list[Lived]:
        faults = (
            "drop=0.01",
            "duplicate=0.1",
            "malformed=0.01",
            "reorder=0.01",
            "disconnect=400ms",
            "stall=400ms",
            "stale-snapshot=0.5",
        )
        return await asyncio.gather(*(with_fault(fault) for fault in faults))

    drop, duplicate, malformed, reorder, disconnect, stall, stale = lives = asyncio.run(run())
    for lived in lives:
        assert lived.failure is None and lived.replayed().digests() == lived.session.digests()
        keeper = lived.session.books[f"bitstamp:{BTC}"]
        grade = "sequence" if keeper.is_live else "broken" if keeper.state is State.BROKEN else "unprovable"
        assert keeper.proof()[0] == grade
        if keeper.is_live:
            assert lived.book(f"bitstamp:{BTC}") == lived.truth(BTC), lived.exchange.plan
        assert keeper.is_live or lived in (disconnect, stall, stale), lived.exchange.plan
        assert lived.session.books["bitstamp:ethusd"].proof()[0] in ("unprovable", "broken")
    for lived in (drop, reorder):
        gaps = [event for event in lived.events if isinstance(event, Gap) and event.kind == "gap"]
        # Only the chain of orders shows it.
        assert {gap.target for gap in gaps} == {f"bitstamp:{BTC}"}
    assert is_whole(duplicate, "ethusd") and duplicate.session.books["bitstamp:ethusd"].counters.repeated > 0
    assert is_whole(stale, "ethusd") or not stale.session.books["bitstamp:ethusd"].is_live
    assert malformed.session.totals.bad_frames > 0
    assert disconnect.session.totals.connections > 1
    assert stall.session.totals.stalls > 0 and stall.session.totals.connections > 1


def test_a_refused_symbol_is_given_up_and_the_others_go_on() -> None:
    async def run() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("bitstamp", [BTC, "ethusd"], channels=["book"], faults=["refuse=ethusd"], seconds=2.0),
            live("bitstamp", ["ethusd"], channels=["book"], faults=["refuse=ethusd"], seconds=10.0),
        )

    one, none = asyncio.run(run())
    assert is_whole(one, BTC) and one.session.totals.refused > 0
    assert any("Bad subscription string. (code 4009)" in words for words in one.said)
    assert isinstance(none.failure, VenueError) and not none.session.books
