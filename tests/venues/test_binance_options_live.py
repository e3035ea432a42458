"""Binance options' whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from functools import cache

from feedtape.model.events import OptionSummary
from feedtape.model.records import OPEN, SEND
from venue_stage import Lived, live

VENUE = "binance-options"
CALL, PUT, ETHER = "BTC-261225-100000-C", "BTC-261225-100000-P", "ETH-261225-4000-C"
TARGET = f"{VENUE}:{CALL}"


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def is_right(run: Lived, symbol: str = CALL) -> bool:
    """The book is live and the exchange's."""
    target = f"{VENUE}:{symbol}"
    return run.session.books[target].is_live and run.book(target) == run.truth(symbol)


def is_replayed(run: Lived) -> bool:
    again = run.replayed()
    return {name: keeper.digest() for name, keeper in again.books.items()} == {
        name: keeper.digest() for name, keeper in run.session.books.items()
    }


def told(run: Lived) -> Counter[str]:
    return Counter(type(event).__name__ for event in run.events)


@cache  # most of a run is waiting, and so all are at the same time
def runs() -> list[Lived]:
    stale, channels = ["stale-snapshot=0.9"], ("book", "trades", "quotes", "options")
    return gathered(
        live(VENUE, [CALL, PUT, ETHER], channels=channels, seconds=2.0, silence_s=5),
        live(VENUE, [f"{CALL}@depth20@100ms"], channels=("book",), silence_s=5),
        live(VENUE, [CALL], channels=("book",), lanes=2, silence_s=5),
        # By this seed the first snapshot is stale, and the second one not.
        live(VENUE, [CALL], channels=("book",), faults=stale, seconds=1.5, calm_s=0.5, silence_s=5, seed=1),
        live(VENUE, [CALL, PUT], faults=[f"refuse={PUT}"], seconds=1.5, calm_s=0.1, silence_s=5),
    )


def test_a_clean_day() -> None:
    chain, picture, twice = runs()[:3]
    for run in (chain, twice):
        assert run.failure is None and not run.session.losses and is_right(run) and is_replayed(run), run.said
        keeper = run.session.books[TARGET]
        assert keeper.proof()[0] == "sequence" and keeper.counters.updates > 5
    assert is_right(chain, PUT) and is_right(chain, ETHER)
    assert told(chain)["Trade"] and told(chain)["Quote"]
    # A connection a route, and what is told of a whole chain is asked for once.
    opened = [record.json()["url"] for record in chain.records if record.kind == OPEN]
    assert sorted(url.rpartition("/stream")[0].rpartition("/")[2] for url in opened) == ["market", "public"]
    asked = b"".join(record.payload for record in chain.records if record.kind == SEND)
    assert asked.count(b"btcusdt@optionMarkPrice") == 1 and asked.count(b"@openInterest@261225") == 2
    summaries = [event for event in chain.events if isinstance(event, OptionSummary)]
    assert {event.target for event in summaries} >= {f"{VENUE}:{symbol}" for symbol in (CALL, PUT, ETHER)}
    assert {event.underlying_name for event in summaries} >= {"BTCUSDT", "ETHUSDT"}
    keeper = picture.session.books[TARGET]
    assert keeper.proof()[0] == "unprovable" and picture.book(TARGET) == picture.truth(CALL, 20)


def test_a_snapshot_that_is_too_old_is_no_loss() -> None:
    run = runs()[3]
    assert run.exchange.log.counts["stale-snapshot"] > 0
    assert run.failure is None and is_right(run) and is_replayed(run), run.said
    assert run.session.books[TARGET].counters.gaps == 0


def test_what_is_refused_does_not_stop_the_rest() -> None:
    some = runs()[4]
    assert some.failure is None and is_right(some) and f"{VENUE}:{PUT}" not in some.session.books
    assert any("refused" in words for words in some.said)
