"""Every venue's whole way against its dialect of the simulated exchange, and each fault: true, or broken, never wrong and silent.

All venues run at once in one process, since most of a run is waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache

import orjson
import pytest

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import BookDelta, BookSnapshot, Event, Gap, Quote, Trade
from feedtape.model.records import CLOSE
from feedtape.replay import checkpoints
from feedtape.session import Session
from feedtape.sim.dialect import load_dialect
from feedtape.sim.dialect import names as dialects
from feedtape.venues import registry
from venue_stage import Lived, live

VENUES = [name for name in registry.names() if not registry.venue(name).closed]
FAULTS = {
    "none": (),
    "drop": ("drop=0.1",),
    "duplicate": ("duplicate=0.2",),
    "reorder": ("reorder=0.1",),
    "malformed": ("malformed=0.06",),
    "truncate": ("truncate=0.05",),
    "disconnect": ("disconnect=700ms",),
    "abort": ("abort=700ms",),
    "stall": ("stall=600ms",),
    "refuse": ("refuse=0.15",),
}


def symbol_of(venue: str) -> str:
    return load_dialect(venue).symbols[0]


async def lived_through(venue: str, faults: Sequence[str]) -> Lived:
    symbol = symbol_of(venue)
    # A machine that is busy with all venues at once is silent for longer than a venue ever is.
    silence_s = 0.5 if faults == FAULTS["stall"] else 5
    awaits = bool if faults else has_traded
    return await live(
        venue, [symbol], symbols=[symbol], faults=faults, seconds=1.3, calm_s=1.0, rate=14, silence_s=silence_s, awaits=awaits
    )


def has_traded(events: Sequence[Event]) -> bool:
    return any(type(event) is Trade for event in events)


@cache  # each fault is met once, by whatever looks at it
def runs(fault: str) -> dict[str, Lived]:
    """Every venue with that fault, at the same time."""

    async def all_of_them() -> dict[str, Lived]:
        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(lived_through(name, FAULTS[fault])) for name in VENUES}
        return {name: task.result() for name, task in tasks.items()}

    return asyncio.run(all_of_them())


def test_every_open_venue_has_a_dialect() -> None:
    assert set(VENUES) == set(dialects())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_book_is_true_or_says_that_it_is_not(fault: str) -> None:
    for venue, lived in runs(fault).items():
        about = f"{venue} {fault} {lived.said}"
        assert lived.failure is None, about
        keeper = lived.session.books.get(f"{venue}:{symbol_of(venue)}")
        assert keeper is not None, about
        assert lived.replayed().digests() == lived.session.digests(), about
        # After a second of calm every venue's book is whole again, by whatever means it has.
        assert keeper.state is State.LIVE, f"{about} {keeper.proof()}"
        if keeper.integrity.proof == "unprovable" and keeper.integrity.snapshot != "full" and fault in ("drop", "reorder"):
            assert keeper.proof() == ("unprovable", keeper.integrity.unprovable), about
            continue
        ours = lived.book(keeper.target)
        listing = lived.exchange.listings[symbol_of(venue)]
        bids, asks = lived.truth(symbol_of(venue))
        theirs = [(bids[: len(ours[0])], asks[: len(ours[1])]), *(lived.published(name) for name in listing.windows)]
        assert ours in theirs, f"{about} {keeper.proof()}"
        assert min(map(len, ours)) >= 5, about
    for venue, lived in runs(fault).items():
        assert_tells(fault, lived, venue)
        assert_goes_on_from_keyframes(lived, venue)
        assert_goes_on_from_checkpoints(lived, venue)


def assert_goes_on_from_checkpoints(lived: Lived, venue: str) -> None:
    """Check that a session that a replay goes back to is the very same one."""
    straight, taken_up, kept = Session(registry.venue), Session(registry.venue), checkpoints.Checkpoints()
    for number, record in enumerate(lived.records):
        if number % 50 == 0:
            kept.lay(number, checkpoints.State(taken_up, None, ()))
            taken_up = kept.restore(kept.before(number)).session
        assert straight.feed(record) == taken_up.feed(record), venue
    assert straight.keyframe() == taken_up.keyframe(), venue


def assert_goes_on_from_keyframes(lived: Lived, venue: str) -> None:
    """Check that a session that is put away and taken up again, all the time, is what one is that never was."""
    straight, taken_up = Session(registry.venue), Session(registry.venue)
    for number, record in enumerate(lived.records):
        # Lists of instruments are no part of a keyframe.
        if number % 23 == 0 and straight.instruments:
            saved = orjson.loads(orjson.dumps(taken_up.keyframe()))
            taken_up = Session(registry.venue)
            taken_up.restore(saved)
        assert straight.feed(record) == taken_up.feed(record), venue
    assert straight.keyframe() == taken_up.keyframe(), venue


def assert_tells(fault: str, lived: Lived, venue: str) -> None:
    """Check that what struck is said."""
    session, struck = lived.session, lived.exchange.log.counts
    keeper = session.books[f"{venue}:{symbol_of(venue)}"]
    kinds = {event.kind for event in lived.events if type(event) is Gap}
    if fault in ("disconnect", "abort"):
        assert session.totals.connections > 1, venue
        assert "disconnect" in kinds or not had_begun(lived), venue
    if fault == "stall":
        assert session.totals.stalls, venue
    if fault == "truncate":
        assert session.totals.bad_frames == struck["truncate"], venue
    if fault == "refuse":
        assert any("refused: " in line for line in lived.said) == bool(struck["refuse"]), f"{venue} {lived.said}"
    # A checksum may match all the same: where the next message says the same levels again, nothing is wrong.
    if fault == "drop" and (keeper.integrity.sequence is not None or keeper.integrity.counted) and keeper.integrity.sees_loss:
        assert keeper.counters.gaps or not dropped_books(lived), venue
    if fault in ("none", "duplicate") and keeper.counters.gaps:
        # Where smaller numbers may mean a restart, a repetition looks like one.
        assert fault == "duplicate" and keeper.state is State.LIVE, venue


def test_a_clean_run_loses_nothing_and_is_proven_as_far_as_the_venue_allows() -> None:
    for venue, lived in runs("none").items():
        session = lived.session
        keeper = session.books[f"{venue}:{symbol_of(venue)}"]
        assert (session.losses, session.totals.bad_frames, session.totals.refused) == ([], 0, 0), venue
        assert keeper.proof()[0] == keeper.integrity.proof, venue
        assert keeper.counters.updates and not keeper.counters.gaps, venue
        assert has_traded(lived.events), venue
        if "quotes" in registry.venue(venue).channels:
            assert any(type(event) is Quote for event in lived.events), venue


def had_begun(lived: Lived) -> bool:
    """Whether a book had come by the time that the first connection ended; on a busy machine it may not have."""
    first = next((record.time for record in lived.records if record.kind == CLOSE), 0)
    return any(type(event) in (BookDelta, BookSnapshot) and event.recv <= first for event in lived.events)


def dropped_books(lived: Lived) -> bool:
    """Whether a frame of a book was dropped, by the exchange's own log."""
    windows = [item for listing in lived.exchange.listings.values() for item in listing.windows.items()]
    books = {name for name, window in windows if len(window.state.bids) > 1}
    return any(fault.fault == "drop" and fault.stream in books for fault in lived.exchange.log.faults)


def test_a_symbol_that_is_refused_ends_with_the_venues_words() -> None:
    async def run() -> list[Lived]:
        refused = {name: symbol_of(name) for name in VENUES}
        wanted = [
            live(name, [symbol], symbols=[symbol], faults=[f"refuse={symbol}"], rate=1, seconds=12, calm_s=0)
            for name, symbol in refused.items()
        ]
        return await asyncio.gather(*wanted)

    for venue, lived in zip(VENUES, asyncio.run(run()), strict=True):
        assert isinstance(lived.failure, VenueError), f"{venue} {lived.said}"
        assert "refuses" in str(lived.failure) and lived.failure.exit_status == 4, venue
