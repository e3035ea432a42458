"""Coinbase's whole way over loopback: what is special to it; every fault strikes it in `test_venues_against_sim.py`."""

import asyncio
from collections import Counter
from functools import cache

from feedtape.model.events import Derivative, Gap, Heartbeat, Quote, Trade
from venue_stage import Lived, live

BTC, ETH, PERPETUAL = "coinbase:BTC-USD", "coinbase:ETH-USD", "coinbase:BIP-20DEC30-CDE"
CHANNELS = ("book", "trades", "quotes", "derivatives")


@cache  # all at once, since most of a run is waiting
def runs() -> dict[str, Lived]:
    async def together() -> dict[str, Lived]:
        wanted = {
            "clean": live("coinbase", ["BTC-USD", "BIP-20DEC30-CDE"], channels=CHANNELS, ping_every=0.2, silence_s=None),
            "resting": live("coinbase", ["btc-usd"], channels=["quotes"], rate=0.2, ping_every=0.1, silence_s=3.0, seconds=3.5),
            "with holes": live("coinbase", ["BTC-USD", "ETH-USD"], channels=["book"], faults=["drop=0.05"], silence_s=5),
            "refused in part": live("coinbase", ["BTC-USD", "ETH-USD"], channels=["book"], faults=["refuse=ETH-USD"]),
        }
        return dict(zip(wanted, await asyncio.gather(*wanted.values()), strict=True))

    return asyncio.run(together())


def told(lived: Lived, kind: type) -> Counter[str]:
    return Counter(event.target for event in lived.events if type(event) is kind)


def assert_right(lived: Lived, target: str) -> None:
    """See that a book is live, proven, and the exchange's own."""
    keeper, symbol = lived.session.books[target], target.partition(":")[2]
    assert keeper.is_live and keeper.proof()[0] == "sequence", keeper.proof()
    assert lived.book(target) == lived.truth(symbol) == lived.published(f"level2:{symbol}")


def test_everything_of_a_product_and_a_perpetuals_facts_by_rest() -> None:
    clean = runs()["clean"]
    assert clean.failure is None and clean.session.totals.connections == 1 and not clean.session.losses
    assert clean.replayed().digests() == clean.session.digests()
    for target in (BTC, PERPETUAL):
        assert_right(clean, target)
        assert told(clean, Trade)[target] and told(clean, Quote)[target]
    derivative = next(event for event in clean.events if isinstance(event, Derivative))
    assert (derivative.target, derivative.funding_rate) == (PERPETUAL, "0.000013")


def test_a_market_at_rest_is_kept_alive_by_heartbeats_alone() -> None:
    resting = runs()["resting"]
    assert resting.failure is None and resting.session.totals.connections == 1
    assert told(resting, Heartbeat)[""] >= 5


def test_a_frame_that_is_missing_may_be_of_either_book() -> None:
    holed = runs()["with holes"]
    assert holed.failure is None and holed.exchange.log.counts["drop"] and holed.session.totals.connections > 1
    at_once: dict[int, set[str]] = {}
    for event in holed.events:
        if isinstance(event, Gap) and event.kind == "gap":
            at_once.setdefault(event.recv, set()).add(event.target)
    assert {BTC, ETH} <= max(at_once.values(), key=len)
    for target in (BTC, ETH):
        assert_right(holed, target)


def test_a_refused_product_is_given_up_and_the_others_go_on() -> None:
    refused = runs()["refused in part"]
    assert_right(refused, BTC)
    assert list(refused.session.books) == [BTC] and refused.session.totals.refused > 0
    assert any("authentication failure" in words and "ETH-USD" in words for words in refused.said)
