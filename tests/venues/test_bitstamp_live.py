"""Bitstamp's whole way over loopback: what is special to it; every fault strikes it in `test_venues_against_sim.py`."""

import asyncio
from collections import Counter
from functools import cache

from feedtape.model.events import Derivative, Gap, Trade
from venue_stage import Lived, live

BTC, ETH, PERPETUAL = "btcusd", "ethusd", "btcusd-perp"
CHANNELS = ("book", "trades", "quotes", "derivatives")


@cache  # all at once, since most of a run is waiting
def runs() -> dict[str, Lived]:
    async def together() -> dict[str, Lived]:
        orders, pictures = [f"{BTC}@live_orders", ETH], [f"{BTC}@order_book", f"{ETH}@detail_order_book"]
        book = ["book"]
        wanted = {
            "clean": live("bitstamp", [BTC, PERPETUAL], channels=CHANNELS, seconds=1.8, silence_s=5, limits=True),
            "orders": live("bitstamp", orders, channels=book, rate=12, silence_s=5),
            "pictures": live("bitstamp", pictures, channels=book, rate=5, silence_s=5),
            "resting": live("bitstamp", [BTC], channels=["trades"], rate=0.2, silence_s=5),
            "with holes": live("bitstamp", orders, channels=book, rate=12, faults=["drop=0.01"], silence_s=5),
            "late snapshots": live("bitstamp", orders, channels=book, rate=12, faults=["stale-snapshot=0.5"], silence_s=5),
            "refused in part": live("bitstamp", [BTC, ETH], channels=book, faults=[f"refuse={ETH}"], silence_s=5),
        }
        return dict(zip(wanted, await asyncio.gather(*wanted.values()), strict=True))

    return asyncio.run(together())


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target.removeprefix("bitstamp:") for event in lived.events if type(event) is kind)


def assert_told_last(lived: Lived, symbol: str) -> None:
    """See that a book of changed levels is what its listeners were told last, and claims nothing more."""
    keeper = lived.session.books[f"bitstamp:{symbol}"]
    assert keeper.is_live and keeper.proof()[0] == "unprovable", keeper.proof()
    assert lived.book(f"bitstamp:{symbol}") == lived.published(f"diff_order_book_{symbol}")


def assert_chained(lived: Lived) -> None:
    """See that the book of single orders is live, proven, and the exchange's own."""
    keeper = lived.session.books[f"bitstamp:{BTC}"]
    assert keeper.is_live and keeper.proof()[0] == "sequence", keeper.proof()
    assert lived.book(f"bitstamp:{BTC}") == lived.truth(BTC)


def test_clean() -> None:
    for name in ("clean", "orders", "pictures", "resting"):
        lived = runs()[name]
        assert lived.failure is None and lived.session.totals.connections == 1 and not lived.session.losses
        assert lived.replayed().digests() == lived.session.digests()
    clean = runs()["clean"]
    for symbol in (BTC, PERPETUAL):
        assert_told_last(clean, symbol)
        assert told(clean, Trade)[symbol]
    facts = [event for event in clean.events if isinstance(event, Derivative)]
    assert {event.target for event in facts} == {f"bitstamp:{PERPETUAL}"}
    assert any(event.funding_rate for event in facts) and any(event.open_interest for event in facts)


def test_single_orders_and_pictures() -> None:
    assert_chained(runs()["orders"])
    pictures = runs()["pictures"]
    assert pictures.book(f"bitstamp:{BTC}") == pictures.truth(BTC, 100)
    assert pictures.session.books[f"bitstamp:{BTC}"].proof()[0] == "unprovable"
    for ours, theirs in zip(pictures.book(f"bitstamp:{ETH}"), pictures.truth(ETH, 100), strict=True):
        # A hundred orders are fewer levels, of the last of which one order may be left out.
        assert len(ours) >= 50 and ours[:-1] == theirs[: len(ours) - 1]


def test_only_the_chain_of_orders_shows_a_hole() -> None:
    holed = runs()["with holes"]
    assert holed.failure is None and holed.exchange.log.counts["drop"]
    gaps = [event for event in holed.events if isinstance(event, Gap) and event.kind == "gap"]
    assert {gap.target for gap in gaps} == {f"bitstamp:{BTC}"}
    assert_chained(holed)
    assert holed.session.books[f"bitstamp:{ETH}"].proof()[0] == "unprovable"


def test_a_snapshot_from_before_the_stream_is_asked_for_again() -> None:
    late = runs()["late snapshots"]
    assert late.failure is None and late.exchange.log.counts["stale-snapshot"]
    assert_chained(late)
    assert_told_last(late, ETH)


def test_a_refused_symbol_is_given_up_and_the_others_go_on() -> None:
    refused = runs()["refused in part"]
    assert_told_last(refused, BTC)
    assert list(refused.session.books) == [f"bitstamp:{BTC}"] and refused.session.totals.refused > 0
    assert any("Bad subscription string. (code 4009)" in words for words in refused.said)
