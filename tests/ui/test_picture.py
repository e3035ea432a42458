"""Pictures: what is true of a session at one moment, and nothing that changes afterwards."""

from __future__ import annotations

import pytest

from feedtape.model.events import BookDelta, BookSnapshot, Trade
from feedtape.session import Flow
from feedtape.ui.history import COLUMN_NS
from feedtape.ui.picture import BookPicture, Look, Picture, state_word, take
from ui.picture_stage import NOW, SECOND
from ui.test_history import OTHER, TARGET, Books, delta, record, trade, with_book

ALL = Look(detailed=(TARGET,))


def taken(stage: Books, now: int = NOW, look: Look = ALL) -> Picture:
    return take(stage.session, stage.history, now, look)


def test_each_state_has_a_word_and_a_grade() -> None:
    stage = Books()
    keeper = with_book(stage)
    assert state_word(keeper, NOW) == ("live", "good")
    assert state_word(keeper, NOW + 3 * SECOND) == ("live, quiet 3.0 s", "warn")
    keeper.stale_since = NOW
    assert state_word(keeper, NOW + 4 * SECOND) == ("stale 4.0 s", "warn")
    keeper.stale_since = None
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("102", "4")], [], 12, 12), 1)
    assert state_word(keeper, NOW) == ("live, crossed", "warn")
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("98", "4")], [], 15, 15), 1)
    assert state_word(keeper, NOW) == ("broken: gap", "bad")
    keeper.reason = "\x1b[2J: x"
    assert state_word(keeper, NOW) == ("broken: \\x1b[2J", "bad")


def test_a_book_that_is_not_live_has_no_levels_and_no_sequence() -> None:
    stage = Books()
    keeper = with_book(stage)
    book = taken(stage).books[TARGET]
    assert (book.bids, book.asks, book.sequence, book.is_stale) == ([("99", "7"), ("98", "1")], [("101", "2")], 11, False)
    keeper.stale_since = NOW
    assert taken(stage).books[TARGET].is_stale
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("98", "4")], [], 15, 15), 1)
    book = taken(stage).books[TARGET]
    assert (book.is_live, book.bids, book.asks, book.sequence, book.levels, book.is_stale) == (False, [], [], None, (0, 0), False)
    assert (book.proof, book.grade) == ("broken", "bad") and "not followed" in book.reason


def test_nothing_in_a_picture_changes_with_what_comes_later() -> None:
    stage = Books()
    keeper = with_book(stage)
    stage.take(record(NOW), [trade(NOW)])

    def all_of(book: BookPicture) -> object:
        return book.bids, book.counters.updates, [*book.trades], [(column.time, [*column.dots]) for column in book.columns]

    book = taken(stage).books[TARGET]
    before = all_of(book)
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("99", "8")], [], 12, 12), 1)
    stage.take(record(NOW + 1), [trade(NOW + 1)])
    assert all_of(book) == before
    assert all_of(taken(stage).books[TARGET]) != before


def test_only_what_is_looked_at_is_in_it_and_in_detail_what_shall_be() -> None:
    stage = Books()
    for target in (TARGET, OTHER):
        with_book(stage, target)
    stage.take(record(NOW), [trade(NOW), trade(NOW, target=OTHER), trade(NOW + 1, "101")])
    books = taken(stage, look=Look(detailed=(TARGET,), levels=1, deep=2)).books
    assert [len(books[target].bids) for target in (TARGET, OTHER)] == [2, 1]
    assert [one.price for one in books[TARGET].trades] == ["101", "100"], "the newest first"
    assert books[TARGET].frame == stage.history.trails[TARGET].heard[-1][1:]
    assert (books[OTHER].trades, books[OTHER].columns, books[OTHER].frame) == ([], [], None)
    assert list(taken(stage, look=Look(targets=(OTHER, "x:NOWHERE"))).books) == [OTHER]


def test_what_has_trades_and_no_book_is_said_to_have_none() -> None:
    stage = Books()
    stage.session.flows[OTHER] = Flow(trade=Trade(OTHER, NOW, None, "100", "3", "sell", "5"), trades=4)
    book = taken(stage).books[OTHER]
    assert (book.word, book.grade, book.is_live, book.bids, book.trade_count) == ("no book", "warn", False, [], 4)


def test_age_is_the_median_of_the_newest_updates() -> None:
    stage = Books()
    with_book(stage)
    for number, ms in enumerate((30, 40, 9000)):
        stage.take(record(NOW + number), [delta(NOW + number, age=ms * 1_000_000)])
    assert taken(stage).books[TARGET].age_ns == 40_000_000
    with_book(stage, OTHER)
    stage.take(record(NOW), [BookSnapshot(OTHER, NOW, NOW - 7_000_000, "depth", [], [], 1)])
    assert taken(stage).books[OTHER].age_ns == 7_000_000, "some venues send nothing but whole books"


@pytest.mark.parametrize(("after_s", "least", "most"), [(9.9, 9, 11), (12, 2, 4), (60, 0, 0.2)])
def test_a_rate_is_of_the_present_and_a_silent_feed_has_none(after_s: float, least: float, most: float) -> None:
    stage = Books()
    keeper = with_book(stage)
    assert taken(stage).frames_per_s is None and taken(stage).books[TARGET].per_s is None
    for number in range(100):
        keeper.counters.updates += 1
        stage.take(record(NOW + number * COLUMN_NS // 10, number), [])
    picture = taken(stage, NOW + int(after_s * COLUMN_NS))
    for rate in (picture.frames_per_s, picture.books[TARGET].per_s):
        assert rate is not None and least <= rate <= most
