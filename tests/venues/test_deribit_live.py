"""Deribit's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Liquidation, Reply, Trade
from feedtape.model.records import RECV
from venue_stage import Lived, live

PERPETUAL, OPTION = "BTC-PERPETUAL", "BTC-25DEC26-100000-C"
TARGET = f"deribit:{PERPETUAL}"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations", "options")


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def is_right(run: Lived, symbol: str = PERPETUAL, book: str = "100ms") -> bool:
    """The book is live and what was published."""
    target = f"deribit:{symbol}"
    return run.session.books[target].is_live and run.book(target) == run.published(f"book.{symbol}.{book}")


def is_honest(run: Lived) -> bool:
    """The book is right, or says that it is not of now."""
    keeper = run.session.books[TARGET]
    return keeper.state is State.BROKEN or keeper.stale_since is not None or is_right(run)


def told(run: Lived) -> Counter[str]:
    return Counter(type(event).__name__ for event in run.events)


def is_replayed(run: Lived) -> bool:
    again = run.replayed()
    return {name: keeper.digest() for name, keeper in again.books.items()} == {
        name: keeper.digest() for name, keeper in run.session.books.items()
    }


def test_a_clean_day() -> None:
    run, grouped, twice = gathered(
        live("deribit", [PERPETUAL, OPTION, "BTC_USDC-PERPETUAL@agg2"], channels=EVERYTHING, silence_s=5, limits=True),
        live("deribit", [f"{PERPETUAL}@none.20.100ms"], silence_s=5),
        live("deribit", [PERPETUAL], lanes=2, silence_s=5),
    )
    for one in (run, grouped, twice):
        assert one.failure is None and not one.session.losses and is_replayed(one)
        assert told(one)["Trade"] and told(one)["Quote"]
    assert is_right(run) and is_right(run, OPTION) and is_right(run, "BTC_USDC-PERPETUAL", "agg2") and is_right(twice)
    assert run.book(TARGET) == run.truth(PERPETUAL)
    assert told(run)["Derivative"] and told(run)["OptionSummary"]
    assert run.session.books[TARGET].proof()[0] == "sequence"
    assert is_right(grouped, book="none.20.100ms") and grouped.session.books[TARGET].proof()[0] == "unprovable"
    # Two connections bring everything twice, and it counts once.
    brought = Counter(record.connection for record in twice.records if b'"trades.' in record.payload and record.kind == RECV)
    numbers = [event.number for event in twice.events if isinstance(event, Trade)]
    assert len(brought) == 2 and len(numbers) == len(set(numbers)) == twice.session.flows[TARGET].trades
    facts = run.session.instruments[f"deribit:{OPTION}"]
    assert (facts.kind, facts.option, facts.settle) == ("option", "call", "BTC")


def test_whatever_happens_no_book_is_wrong_in_silence() -> None:
    faults = ("drop=0.05", "disconnect=1200ms", "malformed=0.05", "duplicate=0.2", "reorder=0.1", "truncate=0.05")
    runs = gathered(
        *(
            live("deribit", [PERPETUAL], channels=("book",), faults=[fault], rate=40, seconds=2.0, calm_s=2.0, silence_s=5)
            for fault in faults
        )
    )
    for fault, run in zip(faults, runs, strict=True):
        name = fault.partition("=")[0]
        assert run.exchange.log.counts[name] > 0, fault
        assert run.failure is None and is_honest(run) and is_replayed(run), fault
        counters = run.session.books[TARGET].counters
        if name == "duplicate":
            # Told twice is no loss: a number that was there is old.
            assert is_right(run) and not run.session.losses and counters.repeated > 0
        else:
            assert counters.gaps > 0, fault
        if name == "drop":
            # The channel was given up and asked for anew on the connection that was there.
            heard = {record.connection for record in run.records if record.kind == RECV}
            assert len(heard) == 1 and counters.snapshots > 1


def test_a_grouped_book_that_lost_frames_is_right_again_with_the_next() -> None:
    [run] = gathered(live("deribit", [f"{PERPETUAL}@none.10.100ms"], channels=("book",), faults=["drop=0.3"], silence_s=5))
    assert run.exchange.log.counts["drop"] and is_right(run, book="none.10.100ms") and is_replayed(run)


def test_signs_of_life() -> None:
    stalled, beating = gathered(
        live("deribit", [PERPETUAL], faults=["stall=1s"], silence_s=0.8, seconds=2.5, calm_s=1.5),
        # Less than a step in the whole run: only test requests show that the connection lives, and each wants its answer.
        live("deribit", [PERPETUAL], rate=0.2, ping_every=0.15, silence_s=1.0, seconds=2.0, calm_s=1.0),
    )
    assert stalled.exchange.log.counts["stall"] and is_honest(stalled) and is_replayed(stalled)
    assert any("is silent for" in words for words in stalled.said)
    assert sum(isinstance(event, Reply) for event in beating.events) > 10
    assert not beating.session.losses and is_right(beating) and not any("is silent for" in words for words in beating.said)
    assert len({record.connection for record in beating.records if record.kind == RECV}) == 1


def test_refusals() -> None:
    some, alone, raw = gathered(
        live("deribit", [PERPETUAL, "ETH-PERPETUAL"], faults=["refuse=ETH-PERPETUAL"], silence_s=5),
        live("deribit", [PERPETUAL], channels=("book",), faults=[f"refuse={PERPETUAL}"], seconds=5.0, silence_s=5),
        live("deribit", [f"{PERPETUAL}@raw"], channels=("book",), seconds=5.0, silence_s=5),
    )
    assert some.failure is None and is_right(some) and "deribit:ETH-PERPETUAL" not in some.session.books
    assert isinstance(alone.failure, VenueError) and "not among those" in str(alone.failure)
    assert isinstance(raw.failure, VenueError) and "raw_subscriptions_not_available_for_unauthorized" in str(raw.failure)


def test_liquidations_are_told_beside_their_trades() -> None:
    [run] = gathered(live("deribit", [PERPETUAL], channels=("liquidations",), rate=400, silence_s=5))
    forced = [event for event in run.events if isinstance(event, Liquidation)]
    sides = {event.id: event.side for event in run.events if isinstance(event, Trade)}
    assert forced and all(event.side == sides[str(event.id)] for event in forced)
