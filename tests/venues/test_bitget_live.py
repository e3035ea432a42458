"""Bitget's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Liquidation, Trade, Unread
from feedtape.model.records import RECV, SEND
from venue_stage import Lived, live

SPOT, FUTURES = "bitget", "bitget-futures"
TARGETS = {SPOT: "BTCUSDT", FUTURES: "BTCUSD_CM"}
PUBLISHED = {SPOT: "spot:books:BTCUSDT", FUTURES: "coin-futures:books:BTCUSD_CM"}
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations")


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def book_of(venue: str) -> str:
    return f"{venue}:{TARGETS[venue]}"


def is_right(run: Lived, venue: str) -> bool:
    """The book is live and what was published."""
    return run.session.books[book_of(venue)].is_live and run.book(book_of(venue)) == run.published(PUBLISHED[venue])


def is_honest(run: Lived, venue: str) -> bool:
    """The book is right, or says that it is not of now."""
    keeper = run.session.books[book_of(venue)]
    return keeper.state is State.BROKEN or keeper.stale_since is not None or is_right(run, venue)


def is_replayed(run: Lived) -> bool:
    again = run.replayed()
    return {name: keeper.digest() for name, keeper in again.books.items()} == {
        name: keeper.digest() for name, keeper in run.session.books.items()
    }


def told(run: Lived) -> Counter[str]:
    return Counter(type(event).__name__ for event in run.events)


def test_a_clean_day() -> None:
    spot, futures, picture, twice = gathered(
        live(SPOT, ["BTCUSDT", "ETHUSDT"], silence_s=5),
        live(FUTURES, ["BTCUSDT", "BTCPERP", "BTCUSD_CM"], channels=EVERYTHING, rate=50, seconds=1.5, silence_s=5),
        live(SPOT, ["BTCUSDT@books50"], channels=("book",), silence_s=5),
        live(FUTURES, ["BTCUSD_CM"], channels=("book",), lanes=2, silence_s=5),
    )
    for run, venue in ((spot, SPOT), (futures, FUTURES), (twice, FUTURES)):
        assert run.failure is None and not run.session.losses and is_right(run, venue) and is_replayed(run), run.said
        keeper = run.session.books[book_of(venue)]
        assert keeper.proof()[0] == "sequence" and keeper.counters.updates > 5 and keeper.counters.gaps == 0
    assert spot.book("bitget:ETHUSDT") == spot.published("spot:books:ETHUSDT")
    assert futures.book("bitget-futures:BTCPERP") == futures.published("usdc-futures:books:BTCPERP")
    assert told(spot)["Trade"] and told(spot)["Quote"] and told(futures)["Derivative"]
    # Numbers beyond a double arrive whole.
    sequence = futures.session.books[book_of(FUTURES)].book.sequence
    assert (
        sequence is not None and sequence == futures.exchange.listings["BTCUSD_CM"].windows[PUBLISHED[FUTURES]].state.id > 2**53
    )
    # One connection for all kinds of contracts, one message for all that fits.
    assert len({record.connection for record in futures.records if record.kind == RECV}) == 1
    assert all(len(record.payload) < 4096 for record in futures.records if record.kind == SEND)
    liquidated = {event.target.partition(":")[2] for event in futures.events if isinstance(event, Liquidation)}
    assert liquidated <= set(futures.exchange.listings)
    history = [event for event in futures.events if isinstance(event, Unread)]
    assert {event.name for event in history} <= {"trade history"}
    assert len({(event.target, event.id) for event in futures.events if isinstance(event, Trade)}) == told(futures)["Trade"]
    keeper = picture.session.books["bitget:BTCUSDT"]
    assert keeper.is_live and keeper.proof()[0] == "unprovable" and keeper.channel == "books50"
    assert picture.book("bitget:BTCUSDT") == picture.truth("BTCUSDT", 50)


def test_whatever_happens_no_book_is_wrong_in_silence() -> None:
    faults = ("drop=0.2", "disconnect=500ms", "malformed=0.2", "duplicate=0.2", "reorder=0.3", "stall=500ms")
    wanted = [(venue, fault) for venue, fault in zip((SPOT, FUTURES) * 3, faults, strict=True)]
    runs = gathered(
        *(
            live(venue, [TARGETS[venue]], channels=("book",), faults=[fault], seconds=2.2, calm_s=1.8, silence_s=0.6)
            for venue, fault in wanted
        )
    )
    for (venue, fault), run in zip(wanted, runs, strict=True):
        name = fault.partition("=")[0]
        assert run.exchange.log.counts[name] > 0, (venue, fault)
        assert run.failure is None and is_honest(run, venue) and is_replayed(run), (venue, fault, run.said)
        counters = run.session.books[book_of(venue)].counters
        # Nothing is ever told twice on a connection: a repetition is no continuation, and the book begins anew.
        assert counters.gaps > 0 and counters.repeated == 0, (venue, fault)
        if name in ("drop", "duplicate"):
            heard = {record.connection for record in run.records if record.kind == RECV}
            assert len(heard) == 1 and counters.snapshots > 1 and counters.resyncs > 0, (venue, fault)


def test_refusals_name_their_stream() -> None:
    some, alone = gathered(
        live(SPOT, ["BTCUSDT", "ETHUSDT"], faults=["refuse=ETHUSDT"], silence_s=5),
        live(SPOT, ["BTCUSDT"], faults=["refuse=BTCUSDT"], seconds=4.0, silence_s=5),
    )
    assert some.failure is None and is_right(some, SPOT) and "bitget:ETHUSDT" not in some.session.books
    assert any("doesn't exist" in words for words in some.said)
    assert isinstance(alone.failure, VenueError) and "refuse" in str(alone.failure)
