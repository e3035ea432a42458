"""Kraken's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

import pytest

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Heartbeat, Trade
from feedtape.model.records import RECV
from venue_stage import Lived, live

SPOT, FUTURES = "kraken", "kraken-futures"
TARGETS = {SPOT: "BTC/USD@book-10", FUTURES: "PF_XBTUSD"}
BOOKS = {SPOT: "kraken:BTC/USD", FUTURES: "kraken-futures:PF_XBTUSD"}
PUBLISHED = {SPOT: "book-10:BTC/USD", FUTURES: "book:PF_XBTUSD"}


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def is_right(run: Lived, venue: str) -> bool:
    """The book is live and what was published."""
    return run.session.books[BOOKS[venue]].is_live and run.book(BOOKS[venue]) == run.published(PUBLISHED[venue])


def is_honest(run: Lived, venue: str) -> bool:
    """The book is right, or says that it is not of now."""
    keeper = run.session.books[BOOKS[venue]]
    return keeper.state is State.BROKEN or keeper.stale_since is not None or is_right(run, venue)


def told(run: Lived) -> Counter[str]:
    return Counter(type(event).__name__ for event in run.events)


def is_replayed(run: Lived) -> bool:
    again = run.replayed()
    return {name: keeper.digest() for name, keeper in again.books.items()} == {
        name: keeper.digest() for name, keeper in run.session.books.items()
    }


def test_a_clean_day() -> None:
    everything = ("book", "trades", "quotes", "derivatives", "liquidations")
    spot, futures, twice = gathered(
        live(SPOT, ["BTC/USD@book-10", "ETH/USD"], silence_s=5),
        live(FUTURES, ["PF_XBTUSD", "PI_XBTUSD"], channels=everything, silence_s=5),
        live(SPOT, ["BTC/USD@book-10"], lanes=2, silence_s=5),
    )
    for run, venue in ((spot, SPOT), (futures, FUTURES), (twice, SPOT)):
        assert run.failure is None and not run.session.losses and is_right(run, venue) and is_replayed(run)
        assert told(run)["Trade"] and told(run)["Quote"]
    keeper = spot.session.books["kraken:BTC/USD"]
    assert keeper.proof()[0] == "checksum" and keeper.counters.checksums_matched == keeper.counters.updates + 1
    eth = spot.session.books["kraken:ETH/USD"]
    assert eth.channel == "book-100" and spot.book("kraken:ETH/USD") == spot.published("book-100:ETH/USD")
    assert len(spot.book("kraken:ETH/USD")[0]) == 100
    assert futures.session.books[BOOKS[FUTURES]].proof()[0] == "sequence"
    assert futures.book("kraken-futures:PI_XBTUSD") == futures.truth("PI_XBTUSD")
    assert told(futures)["Derivative"]
    # Two connections bring everything twice, and it counts once.
    brought = Counter(record.connection for record in twice.records if b'"channel":"trade"' in record.payload)
    numbers = [event.number for event in twice.events if isinstance(event, Trade)]
    assert len(brought) == 2 and len(numbers) == len(set(numbers)) == twice.session.flows["kraken:BTC/USD"].trades


# A spot update is one frame, one of futures as many as it changes levels.
@pytest.mark.parametrize(("venue", "chance"), [(SPOT, "0.2"), (FUTURES, "0.06")])
def test_whatever_happens_no_book_is_wrong_in_silence(venue: str, chance: str) -> None:
    wanted = [["drop"], ["malformed", "reorder", "truncate"], ["duplicate"], ["disconnect"]]

    def struck(names: list[str]) -> Awaitable[Lived]:
        faults = ["disconnect=1500ms" if name == "disconnect" else f"{name}={chance}" for name in names]
        return live(venue, [TARGETS[venue]], channels=("book",), faults=faults, seconds=2.2, calm_s=1.5, silence_s=5)

    runs = gathered(*map(struck, wanted))
    for names, run in zip(wanted, runs, strict=True):
        where = f"{names} {run.exchange.log.counts}"
        assert any(run.exchange.log.counts[name] for name in names), where
        assert run.failure is None and is_honest(run, venue) and is_replayed(run), where
        counters = run.session.books[BOOKS[venue]].counters
        if names == ["duplicate"]:
            # Told twice is no loss: levels are absolute, and a number that was there is old.
            assert is_right(run, venue) and not run.session.losses
            assert (counters.repeated > 0) == (venue == FUTURES)
        else:
            assert counters.gaps > 0, where
        if names == ["disconnect"]:
            assert counters.resyncs > 0, where
        if names == ["drop"]:
            # The book was asked for anew on the connection that was there.
            heard = {record.connection for record in run.records if record.kind == RECV}
            assert len(heard) == 1 and counters.snapshots > 1, where


def test_a_stalled_connection_is_replaced_and_a_resting_market_is_not() -> None:
    spot, futures, resting = gathered(
        # Every connection stalls after so long: the second one lives until the end.
        live(SPOT, [TARGETS[SPOT]], faults=["stall=2s"], seconds=2.5, calm_s=1.9),
        live(FUTURES, [TARGETS[FUTURES]], faults=["stall=2s"], seconds=2.5, calm_s=1.9),
        # Less than a step in the whole run: only the venue's own beat shows that the connection lives.
        live(SPOT, [TARGETS[SPOT]], rate=0.2, ping_every=0.1, silence_s=1.0, seconds=2.0, calm_s=1.0),
    )
    for run, venue in ((spot, SPOT), (futures, FUTURES)):
        assert run.exchange.log.counts["stall"] and is_right(run, venue) and is_replayed(run)
        assert any("is silent for" in words for words in run.said)
        assert run.session.books[BOOKS[venue]].counters.resyncs == 1
    assert sum(isinstance(event, Heartbeat) for event in resting.events) > 10
    assert not any("is silent for" in words for words in resting.said)
    assert not resting.session.losses and is_right(resting, SPOT)


def test_refusals() -> None:
    some, alone, futures, futures_alone = gathered(
        live(SPOT, ["BTC/USD@book-10", "ETH/USD"], faults=["refuse=ETH/USD"], silence_s=5),
        live(SPOT, ["BTC/USD"], faults=["refuse=BTC/USD"], seconds=4.0, silence_s=5),
        live(FUTURES, ["PF_XBTUSD", "PI_XBTUSD"], faults=["refuse=PI_XBTUSD"], silence_s=5),
        live(FUTURES, ["PF_XBTUSD"], faults=["refuse=PF_XBTUSD"], seconds=4.0, silence_s=5),
    )
    assert some.failure is None and is_right(some, SPOT) and "kraken:ETH/USD" not in some.session.books
    assert futures.failure is None and is_right(futures, FUTURES)
    for run in (alone, futures_alone):
        assert isinstance(run.failure, VenueError) and "refuse" in str(run.failure)
