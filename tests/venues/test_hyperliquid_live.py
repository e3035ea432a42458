"""Hyperliquid's whole way over loopback: what is special to it; every fault strikes it in `test_venues_against_sim.py`."""

import asyncio
from collections import Counter
from functools import cache

from feedtape.model.events import Derivative, Heartbeat, Quote, Trade
from venue_stage import Lived, live

CHANNELS = ("book", "trades", "quotes", "derivatives")
MARKETS = ("BTC", "kPEPE", "xyz:SP500", "PURR/USDC", "#250")


@cache  # all at once, since most of a run is waiting
def runs() -> dict[str, Lived]:
    async def together() -> dict[str, Lived]:
        wanted = {
            "clean": live("hyperliquid", [f"{market}@fast" for market in MARKETS], channels=CHANNELS, silence_s=None),
            "both books": live("hyperliquid", ["BTC", "btc@fast"], channels=["book"], silence_s=None),
            "resting": live("hyperliquid", ["#250"], channels=["trades"], rate=0.2, silence_s=None),
            "refused in part": live("hyperliquid", ["BTC@fast", "ETH@fast"], channels=["book"], faults=["refuse=ETH"]),
        }
        return dict(zip(wanted, await asyncio.gather(*wanted.values()), strict=True))

    return asyncio.run(together())


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target for event in lived.events if type(event) is kind)


def assert_right(lived: Lived, symbol: str, kind: str = "fast", target: str = "") -> None:
    """See that a book is what was published of it last, and that nothing more is claimed."""
    keeper = lived.session.books[f"hyperliquid:{target or symbol}"]
    assert keeper.is_live and keeper.proof()[0] == "unprovable" and keeper.channel == kind
    assert lived.book(f"hyperliquid:{target or symbol}") == lived.published(f"{kind}:{symbol}")


def test_every_kind_of_market() -> None:
    clean = runs()["clean"]
    assert clean.failure is None and clean.session.totals.connections == 1 and not clean.session.losses
    assert clean.replayed().digests() == clean.session.digests()
    for market in MARKETS:
        assert_right(clean, market)
        target = f"hyperliquid:{market}"
        assert told(clean, Trade)[target] and told(clean, Quote)[target] and told(clean, Derivative)[target]


def test_both_books_of_a_coin() -> None:
    both = runs()["both books"]
    assert both.failure is None and both.session.totals.connections == 1 and not both.session.losses
    # The one that came first has the plain name.
    for target, kind, depth in (("BTC", "l2Book", 20), ("BTC@fast", "fast", 5)):
        assert_right(both, "BTC", kind, target)
        assert [len(side) for side in both.book(f"hyperliquid:{target}")] == [depth, depth]


def test_what_a_subscription_to_trades_begins_with_is_no_news() -> None:
    resting = runs()["resting"]
    assert resting.failure is None and any(b'"channel":"trades"' in record.payload for record in resting.records)
    assert told(resting, Trade) == {} and told(resting, Heartbeat) == {}


def test_a_refused_coin_is_given_up_and_the_others_go_on() -> None:
    refused = runs()["refused in part"]
    assert_right(refused, "BTC")
    assert list(refused.session.books) == ["hyperliquid:BTC"]
    assert refused.session.totals.refused > 0 and any("ETH" in words for words in refused.said)
