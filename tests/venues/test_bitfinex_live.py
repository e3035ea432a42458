"""Bitfinex's whole way over loopback: what is special to it; every fault strikes it in `test_venues_against_sim.py`."""

import asyncio
from collections import Counter
from functools import cache

from feedtape.model.events import BookChecksum, Derivative, Gap, Heartbeat, Liquidation, Quote, Trade
from venue_stage import Lived, live

BTC, ETH, PERPETUAL, PAPER = "tBTCUSD", "tETHUSD", "tBTCF0:USTF0", "tTESTBTC:TESTUSD"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations")


@cache  # all at once, since most of a run is waiting
def runs() -> dict[str, Lived]:
    async def together() -> dict[str, Lived]:
        orders = [f"{BTC}@R0", PAPER]
        wanted = {
            "clean": live("bitfinex", [BTC, PERPETUAL], channels=EVERYTHING, seconds=1.8, silence_s=5, limits=True),
            "orders and crumbs": live("bitfinex", orders, symbols=[BTC, PAPER], channels=["book"], seconds=1.8, silence_s=5),
            "resting": live("bitfinex", [BTC], channels=["quotes"], rate=0.2, silence_s=3, ping_every=0.1, seconds=3.5),
            "with holes": live("bitfinex", [BTC, ETH], channels=["book"], faults=["drop=0.02"], silence_s=5),
            "refused in part": live("bitfinex", [BTC, ETH], channels=["book"], faults=[f"refuse={ETH}"], silence_s=5),
        }
        return dict(zip(wanted, await asyncio.gather(*wanted.values()), strict=True))

    return asyncio.run(together())


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target.removeprefix("bitfinex:") for event in lived.events if type(event) is kind)


def assert_right(lived: Lived, symbol: str, precision: str = "P0", *, grades: tuple[str, ...] = ("checksum",)) -> None:
    """See that a book is live, proven, and the exchange's own."""
    target = f"bitfinex:{symbol}"
    keeper = lived.session.books[target]
    assert keeper.is_live and keeper.channel == precision and keeper.proof()[0] in grades, keeper.proof()
    assert lived.book(target) == lived.published(f"book:{precision}:F0:250:{symbol}")
    assert lived.book(target) == lived.truth(symbol, 250 if precision == "P0" else 125)


def test_rounded_books_single_orders_and_sizes_with_an_exponent() -> None:
    clean, small = runs()["clean"], runs()["orders and crumbs"]
    for lived in (clean, small):
        assert lived.failure is None and lived.session.totals.connections == 1 and not lived.session.losses
        assert lived.replayed().digests() == lived.session.digests() and told(lived, BookChecksum)
        counters = [keeper.counters for keeper in lived.session.books.values()]
        assert all(one.checksums_matched > 0 and not one.checksums_failed for one in counters)
    for lived, symbol, precision in ((clean, BTC, "P0"), (clean, PERPETUAL, "P0"), (small, BTC, "R0"), (small, PAPER, "P0")):
        assert_right(lived, symbol, precision)
    for symbol in (BTC, PERPETUAL):
        assert told(clean, Trade)[symbol] and told(clean, Quote)[symbol]
    assert told(clean, Derivative)[PERPETUAL] and not told(clean, Derivative)[BTC] and told(clean, Liquidation)


def test_a_market_at_rest_is_kept_alive_by_the_channels_heartbeats_alone() -> None:
    resting = runs()["resting"]
    assert resting.failure is None and resting.session.totals.connections == 1
    assert told(resting, Heartbeat)[BTC] >= 8


def test_a_frame_that_is_missing_may_be_of_either_book() -> None:
    holed = runs()["with holes"]
    assert holed.failure is None and holed.exchange.log.counts["drop"] and holed.session.totals.connections > 1
    at_once: dict[int, set[str]] = {}
    for event in holed.events:
        if isinstance(event, Gap) and event.kind == "gap":
            at_once.setdefault(event.recv, set()).add(event.target)
    assert {f"bitfinex:{BTC}", f"bitfinex:{ETH}"} <= max(at_once.values(), key=len)
    for symbol in (BTC, ETH):
        # The next checksum may not have come yet.
        assert_right(holed, symbol, grades=("checksum", "sequence"))


def test_a_refused_symbol_is_given_up_and_the_others_go_on() -> None:
    refused = runs()["refused in part"]
    assert_right(refused, BTC, grades=("checksum", "sequence"))
    assert list(refused.session.books) == [f"bitfinex:{BTC}"] and refused.session.totals.refused > 0
    assert any("subscription refused for tETHUSD (code 10300)" in words for words in refused.said)
