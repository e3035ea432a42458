"""What is remembered of each book, and that going back brings back exactly what there was."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.model.events import BookDelta, BookSnapshot, Derivative, Event, Gap, Resync, Trade
from feedtape.model.records import RECV, STALL, Record, note
from feedtape.session import Session
from feedtape.ui.history import COLUMN_NS, History, silent_since
from feedtape.venues import registry
from ui.picture_stage import NOW

TARGET, OTHER = "binance:BTCUSDT", "binance:ETHUSDT"
Fed = tuple[Record, Sequence[Event]]


class Books:
    """A session without a venue: events are applied as they are told."""

    def __init__(self) -> None:
        self.session = Session(registry.venue)
        self.history = History()
        self.position = 0

    def take(self, record: Record, events: Sequence[Event]) -> None:
        """Feed a record to both."""
        self.position += 1
        self.session.totals.frames = self.position
        self.history.take(self.session, self.position, record, events)


def record(time: int, number: int = 0) -> Record:
    return Record(time, 1, RECV, b"%d" % number)


def trade(time: int, price: str = "100", target: str = TARGET) -> Trade:
    return Trade(target, time, time - 1000, price, "2", "buy", "")


def delta(time: int, target: str = TARGET, age: int = 1000) -> BookDelta:
    return BookDelta(target, time, time - age, "depth", [("99", "1")], [], 1, 1)


def remembered(history: History) -> dict[str, Any]:
    """All of it, but for what is empty."""
    trails = {
        target: [list(trail.heard), list(trail.columns), list(trail.trades), list(trail.ages)]
        for target, trail in history.trails.items()
    }
    return {
        "trails": {target: kept for target, kept in trails.items() if any(kept)},
        "notes": list(history.notes),
        "seconds": list(history.seconds),
        "due": history._due,
    }


def an_event(kind: int, time: int) -> Event:
    makes: tuple[Event, ...] = (
        trade(time),
        trade(time, target=OTHER),
        delta(time),
        BookSnapshot(OTHER, time, time - 5, "depth", [], [], 1),
        Derivative(TARGET, time, time, mark="1"),
        Gap(TARGET, time, None, "gap", time),
        Resync(TARGET, time, None, time, 1),
    )
    return makes[kind]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1500), st.lists(st.integers(0, 6), max_size=3)), min_size=1, max_size=30),
    st.integers(0, 30),
)
def test_going_back_brings_back_what_there_was_and_going_on_adds_the_same_again(
    steps: list[tuple[int, list[int]]], back: int
) -> None:
    time, fed = NOW, []
    for number, (ms, kinds) in enumerate(steps):
        time += ms * 1_000_000
        fed.append((record(time, number), [an_event(kind, time) for kind in kinds]))
    whole, part = Books(), Books()
    with_book(whole)
    with_book(part)
    for one in fed[:back]:
        part.take(*one)
    for one in fed:
        whole.take(*one)
    after = copy.deepcopy(remembered(whole.history))
    whole.history.cut(back)
    then = remembered(whole.history)
    fresh = remembered(part.history)
    # Of frames only the newest are kept, and those that were pushed out do not come back.
    for target, kept in fresh["trails"].items():
        heard = then["trails"].get(target, [[]])[0]
        assert heard == kept[0][len(kept[0]) - len(heard) :]
        kept[0][:] = heard
    assert then == {**fresh, "trails": {target: kept for target, kept in fresh["trails"].items() if any(kept)}}
    whole.position = min(back, len(fed))
    for one in fed[back:]:
        whole.take(*one)
    assert remembered(whole.history) == after


def test_a_second_begins_with_a_column_of_each_book_and_holds_its_trades() -> None:
    stage = Books()
    keeper = with_book(stage)
    for at, price in ((0, "100"), (1, "101"), (2, "102")):
        stage.take(record(NOW + at * COLUMN_NS // 2), [trade(NOW + at * COLUMN_NS // 2, price)])
    columns = list(stage.history.trails[TARGET].columns)
    assert [(column.time, column.bid, column.ask) for column in columns] == [(NOW, 99.0, 101.0), (NOW + COLUMN_NS, 99.0, 101.0)]
    assert [[dot.price for dot in column.dots] for column in columns] == [[100.0, 101.0], [102.0]]
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("98", "4")], [], 15, 15), 1)
    stage.take(record(NOW + 3 * COLUMN_NS), [])
    newest = stage.history.trails[TARGET].columns[-1]
    assert (newest.state, newest.bid, newest.ask) == ("broken", None, None)


def with_book(stage: Books, target: str = TARGET) -> Any:
    """Let the session keep a book that is live."""
    from feedtape.book.keeper import BookKeeper
    from feedtape.book.rules import Contiguous, Integrity

    keeper = BookKeeper(target, "depth", Integrity(sequence=Contiguous()))
    keeper.take_delta(BookDelta(target, NOW, None, "depth", [("99", "7")], [], 11, 11), 1)
    keeper.take_snapshot(BookSnapshot(target, NOW, None, "", [("98", "1")], [("101", "2")], 10), 2)
    stage.session.books[target] = keeper
    return keeper


def test_the_newest_frame_is_there_still_after_a_step_back() -> None:
    stage = Books()
    for number in range(3):
        stage.take(record(NOW + number, number), [delta(NOW + number), trade(NOW + number)])
    trail = stage.history.trails[TARGET]
    stage.history.cut(2)
    assert (trail.heard[-1].position, trail.heard[-1].record.payload) == (2, b"1")
    stage.history.cut(0)
    assert (list(trail.heard), list(trail.trades)) == ([], [])


def test_of_many_books_each_second_keeps_the_fewer_levels() -> None:
    stage = Books()
    levels = [(str(price), "1") for price in range(200, 0, -1)]
    for number in range(20):
        keeper = with_book(stage, f"binance:S{number}")
        keeper.take_snapshot(BookSnapshot(keeper.target, NOW, None, "depth", levels, [], 20), 2)
    stage.take(record(NOW), [])
    sizes = {len(trail.columns[-1].bids) // 2 for trail in stage.history.trails.values()}
    assert sizes == {80} and len(stage.history.trails) == 20


def test_a_silence_is_told_in_the_second_in_which_it_was_found_and_forgotten_with_its_record() -> None:
    stage = Books()
    keeper = with_book(stage)
    for at in range(3):
        stage.take(record(NOW + at * COLUMN_NS), [])
    columns = stage.history.trails[TARGET].columns
    assert silent_since(columns) == [None] * 3
    keeper.stale_since = NOW + COLUMN_NS // 2
    stage.take(note(NOW + 2 * COLUMN_NS + 1, STALL, {}), [])
    assert silent_since(columns) == [keeper.stale_since] * 3
    # The second goes on in which it is heard again.
    keeper.end_stale(NOW + 3 * COLUMN_NS - 1)
    stage.take(record(NOW + 3 * COLUMN_NS), [])
    assert silent_since(columns) == [NOW + COLUMN_NS // 2] * 3 + [None]
    keeper.stale_since = NOW + 3 * COLUMN_NS
    stage.take(record(NOW + 4 * COLUMN_NS), [])
    assert silent_since(columns)[3:] == [NOW + 3 * COLUMN_NS] * 2, "one that another record began is seen a second later"
    stage.history.cut(3)
    assert silent_since(columns) == [None] * 3


def test_what_later_records_pushed_out_does_not_come_back_and_that_is_told() -> None:
    stage = Books()
    for number in range(1_500):
        stage.take(record(NOW + number, number), [trade(NOW + number)])
    assert stage.history.cut(700), "two hundred are left of those that were kept, and a hundred are shown"
    assert len(stage.history.trails[TARGET].trades) == 200
    assert not stage.history.cut(550)
    stage.history.begin()
    for number in range(60):
        stage.take(record(NOW + number, number), [trade(NOW + number)])
    assert stage.history.cut(stage.position - 50), "there never was more"
