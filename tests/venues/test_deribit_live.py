"""Deribit's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache

from feedtape.errors import VenueError
from feedtape.model.events import Liquidation, Reply, Trade
from feedtape.model.records import RECV
from venue_stage import Lived, live

PERPETUAL, ETHER, OPTION = "BTC-PERPETUAL", "ETH-PERPETUAL", "BTC-25DEC26-100000-C"
TARGET = f"deribit:{PERPETUAL}"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations", "options")


@cache
def runs() -> dict[str, Lived]:
    """Every run by its name; all of them at once, since most of a run is waiting."""
    everything = [PERPETUAL, OPTION, "BTC_USDC-PERPETUAL@agg2"]
    grouped = [f"{PERPETUAL}@none.10.100ms"]
    wanted = {
        "everything": live("deribit", everything, channels=EVERYTHING, silence_s=5, limits=True),
        "twice": live("deribit", [PERPETUAL], lanes=2, silence_s=5),
        "lost": live("deribit", [PERPETUAL, ETHER], channels=("book",), faults=["drop=0.4"], silence_s=5),
        "lost picture": live("deribit", grouped, channels=("book",), faults=["drop=0.7"], silence_s=5),
        # Less than a step in the whole run: only test requests show that the connection lives, and each wants its answer.
        "quiet": live("deribit", [PERPETUAL], rate=0.2, ping_every=0.25, silence_s=3, seconds=1.8, calm_s=0.5),
        "refused": live("deribit", [PERPETUAL, ETHER], faults=[f"refuse={ETHER}"], silence_s=5),
        "raw": live("deribit", [f"{PERPETUAL}@raw"], channels=("book",), seconds=5.0, silence_s=5),
        "forced": live("deribit", [PERPETUAL], symbols=[PERPETUAL], channels=("liquidations",), rate=300, silence_s=5),
    }

    async def together() -> list[Lived]:
        return await asyncio.gather(*wanted.values())

    return dict(zip(wanted, asyncio.run(together()), strict=True))


def is_right(run: Lived, symbol: str = PERPETUAL, book: str = "100ms") -> bool:
    """The book is live and what was published, and a replay builds the same."""
    target = f"deribit:{symbol}"
    is_published = run.book(target) == run.published(f"book.{symbol}.{book}")
    return run.session.books[target].is_live and is_published and run.replayed().digests() == run.session.digests()


def told(run: Lived) -> Counter[str]:
    return Counter(type(event).__name__ for event in run.events)


def test_every_kind_of_instrument_on_one_connection() -> None:
    run = runs()["everything"]
    assert run.failure is None and not run.session.losses, run.said
    assert all(told(run)[kind] for kind in ("Trade", "Quote", "Derivative", "OptionSummary"))
    assert is_right(run) and is_right(run, OPTION) and is_right(run, "BTC_USDC-PERPETUAL", "agg2")
    assert run.session.books[TARGET].proof()[0] == "sequence"
    assert len({record.connection for record in run.records if record.kind == RECV}) == 1
    facts = run.session.instruments[f"deribit:{OPTION}"]
    assert (facts.kind, facts.option, facts.quote, facts.settle) == ("option", "call", "USD", "BTC")


def test_two_connections_bring_everything_twice_and_it_counts_once() -> None:
    run = runs()["twice"]
    assert run.failure is None and not run.session.losses and is_right(run), run.said
    brought = Counter(record.connection for record in run.records if b'"trades.' in record.payload and record.kind == RECV)
    numbers = [event.number for event in run.events if isinstance(event, Trade)]
    assert len(brought) == 2 and len(numbers) == len(set(numbers)) == run.session.flows[TARGET].trades > 0


def test_books_that_lost_a_message_begin_anew_on_their_connection() -> None:
    run = runs()["lost"]
    assert run.failure is None and run.exchange.log.counts["drop"], run.said
    assert is_right(run, PERPETUAL) and is_right(run, ETHER)
    counters = [keeper.counters for keeper in run.session.books.values()]
    assert sum(one.gaps for one in counters) > 0 and all(one.snapshots == 1 + one.resyncs for one in counters)
    assert len({record.connection for record in run.records if record.kind == RECV}) == 1


def test_a_grouped_book_that_lost_frames_is_right_again_with_the_next() -> None:
    run = runs()["lost picture"]
    assert run.exchange.log.counts["drop"] and is_right(run, book="none.10.100ms")
    assert run.session.books[TARGET].proof()[0] == "unprovable"


def test_answers_to_test_requests_keep_a_quiet_connection() -> None:
    run = runs()["quiet"]
    assert sum(isinstance(event, Reply) for event in run.events) > 5
    assert not run.session.losses and is_right(run)
    assert len({record.connection for record in run.records if record.kind == RECV}) == 1


def test_a_channel_that_is_not_taken_is_refused_and_one_that_needs_an_account_in_words() -> None:
    refused, raw = runs()["refused"], runs()["raw"]
    assert refused.failure is None and is_right(refused) and f"deribit:{ETHER}" not in refused.session.books
    assert any("not among those" in words for words in refused.said)
    assert isinstance(raw.failure, VenueError) and "raw_subscriptions_not_available_for_unauthorized" in str(raw.failure)


def test_liquidations_are_told_beside_their_trades() -> None:
    run = runs()["forced"]
    forced = [event for event in run.events if isinstance(event, Liquidation)]
    sides = {event.id: event.side for event in run.events if isinstance(event, Trade)}
    assert forced and all(event.side == sides[str(event.id)] for event in forced)
