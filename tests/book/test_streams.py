"""Books whose snapshots come in the stream, and those whose deltas only have an order."""

import pytest

from feedtape.book.keeper import BookKeeper, State
from feedtape.book.rules import Chained, Contiguous, Integrity, Ordered
from feedtape.model.events import BookDelta, BookSnapshot, Gap

CHAIN = Integrity(sequence=Chained(), snapshot="stream")
BY_TIME = Integrity(sequence=Ordered(), unprovable="nothing numbers the updates")


def picture(sequence: int, recv: int = 1, channel: str = "books", size: str = "1") -> BookSnapshot:
    return BookSnapshot("v:X", recv, None, channel, [("10", size)], [("11", "1")], sequence)


def change(prev: int | None, last: int, recv: int = 2, size: str = "2") -> BookDelta:
    return BookDelta("v:X", recv, last * 1000, "books", [("10", size)], [], None, last, prev)


def test_a_gap_breaks_the_book_and_only_the_streams_next_snapshot_mends_it() -> None:
    keeper = BookKeeper("v:X", "books", CHAIN)
    keeper.take_snapshot(picture(5), 1)
    assert keeper.take_delta(change(5, 9), 1) == () and keeper.is_live
    [gap] = keeper.take_delta(change(11, 12), 1) or ()
    assert isinstance(gap, Gap) and gap.missed == 2
    for last in range(13, 40):
        assert keeper.take_delta(change(last - 1, last), 1) == ()
    assert keeper.counters.gaps == 1 and keeper.wants_stream == [1] and not keeper.wants_snapshot
    assert keeper.save()["waiting"] == []
    assert len(keeper.take_snapshot(picture(60, 9), 1) or ()) == 1
    assert keeper.is_live and keeper.wants_stream == [] and keeper.snapshots_on(1) == 2


def test_keep_alives_and_resets_of_the_count_are_no_gaps() -> None:
    """OKX: a message without news repeats its number; after maintenance numbers begin anew, and the chain goes on."""
    keeper = BookKeeper("v:X", "books", CHAIN)
    keeper.take_snapshot(picture(10), 1)
    for prev, last in ((10, 15), (15, 15), (15, 3), (3, 5)):
        assert keeper.take_delta(change(prev, last), 1) == ()
    assert keeper.is_live and keeper.book.sequence == 5


def test_a_stream_that_goes_on_without_having_begun_wants_its_snapshot() -> None:
    keeper = BookKeeper("v:X", "books", CHAIN)
    keeper.take_delta(change(4, 5), 3)
    assert keeper.state is State.SYNCING and keeper.wants_stream == [3]


def test_a_standby_takes_over_and_the_broken_stream_is_asked_for_anew() -> None:
    keeper = BookKeeper("v:X", "books", CHAIN)
    for connection in (1, 2):
        keeper.take_snapshot(picture(5), connection)
    keeper.take_delta(change(5, 6), 1)
    keeper.take_delta(change(5, 6), 2)
    known = keeper.take_delta(change(8, 9), 1) or ()
    assert [type(event).__name__ for event in known] == ["Gap", "Resync"] and keeper.source == 2 and keeper.is_live
    keeper.take_delta(change(9, 10), 1)
    assert keeper.wants_stream == [1]
    keeper.take_snapshot(picture(10), 1)
    assert keeper.wants_stream == []
    assert keeper.lose((2,), "gap", 20, "frames are missing")[-1].recv == 20
    assert keeper.source == 1 and keeper.is_live


def test_deltas_in_order_of_time_need_a_snapshot_that_holds_the_first_of_them() -> None:
    keeper = BookKeeper("v:X", "diff", BY_TIME)
    for last in (10, 12, 14):
        keeper.take_delta(change(None, last), 1)
    assert keeper.take_snapshot(picture(9, channel=""), 2) == () and keeper.counters.snapshots_too_old == 1
    keeper.take_snapshot(picture(12, channel=""), 2)
    assert keeper.is_live and keeper.book.sequence == 14 and keeper.proof()[0] == "unprovable"
    assert keeper.take_delta(change(None, 14, size="9"), 1) == () and keeper.counters.repeated == 1
    assert not keeper.integrity.merges


@pytest.mark.parametrize("held", [9, 10, 11])
def test_a_snapshot_that_came_before_any_delta_must_overlap_too(held: int) -> None:
    keeper = BookKeeper("v:X", "diff", BY_TIME)
    keeper.take_snapshot(picture(held, channel=""), 2)
    keeper.take_delta(change(None, 10), 1)
    keeper.take_delta(change(None, 12), 1)
    assert keeper.is_live == (held >= 10)


def test_a_whole_picture_in_a_stream_that_is_joined_by_rest_begins_it_anew() -> None:
    """Gate: `full: true` may come at any time in a stream whose books come by REST."""
    keeper = BookKeeper("v:X", "books", Integrity(sequence=Contiguous()))
    keeper.take_delta(BookDelta("v:X", 1, None, "books", [], [], 5, 5), 1)
    keeper.take_snapshot(picture(4, channel=""), 9)
    assert keeper.is_live
    keeper.take_snapshot(picture(80), 1)
    keeper.take_delta(BookDelta("v:X", 3, None, "books", [("10", "7")], [], 81, 82), 1)
    assert keeper.is_live and keeper.book.sequence == 82 and not keeper.counters.gaps
