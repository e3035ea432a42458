"""Books whose snapshots come in the stream, and those whose deltas only have an order."""

import pytest

from feedtape.book.keeper import BookKeeper, State
from feedtape.book.rules import Chained, Contiguous, Integrity, Ordered
from feedtape.model.events import BookDelta, BookSnapshot, Gap, Resync

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


def test_a_count_that_begins_anew_right_after_the_snapshot_continues_it() -> None:
    keeper = BookKeeper("v:X", "books", Integrity(sequence=Chained(strict=True), snapshot="stream"))
    keeper.take_snapshot(picture(100), 1)
    for prev, last, size in ((100, 3, "5"), (3, 7, "6")):
        assert keeper.take_delta(change(prev, last, size=size), 1) == ()
    assert keeper.book.bids.best() == ("10", "6") and keeper.book.sequence == 7 and not keeper.counters.gaps


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


def test_a_broken_book_goes_on_with_whatever_connection_is_whole_first() -> None:
    keeper = BookKeeper("v:X", "books", CHAIN)
    keeper.take_snapshot(picture(5), 1)
    keeper.take_delta(change(8, 9), 2)
    assert [type(event) for event in keeper.take_delta(change(8, 9), 1) or ()] == [Gap]
    assert keeper.state is State.BROKEN and keeper.wants_stream == [2, 1]
    before = keeper.snapshots_on(1)
    assert [type(event) for event in keeper.take_snapshot(picture(9), 2) or ()] == [Resync]
    assert keeper.is_live and keeper.source == 2 and keeper.book.sequence == 9
    # The one that was behind is not asked twice: its own snapshot is a further one.
    assert keeper.take_snapshot(picture(9), 1) is None and keeper.snapshots_on(1) == before + 1
    assert keeper.source == 2 and keeper.wants_stream == []


def test_what_one_recording_left_behind_goes_on_with_a_snapshot_alone() -> None:
    """Where recordings are merged, one may end and another's connection be in the middle of its stream."""
    keeper = BookKeeper("v:X", "books", Integrity(counted=True, snapshot="stream"))
    keeper.take_snapshot(picture(5), 1)
    assert keeper.outlive(1, 6, "the recording ends") == () and keeper.is_live and keeper.stale_since == 6
    [gap] = keeper.take_delta(change(5, 6), 2) or ()
    assert isinstance(gap, Gap) and keeper.state is State.BROKEN and keeper.wants_stream == [2]


def test_another_recordings_book_of_the_same_stream_stands_by() -> None:
    ours, theirs = BookKeeper("v:X", "books", CHAIN), BookKeeper("v:X", "books", CHAIN)
    ours.take_snapshot(picture(5), 1)
    ours.let_stand_by(theirs)
    assert ours.save()["standbys"] == {}, "one that has not begun is of no help"
    theirs.take_snapshot(picture(5), 2)
    ours.let_stand_by(theirs)
    ours.take_delta(change(5, 6), 2)
    assert ours.leave(1, 9, "closed") == () and ours.source == 2 and ours.book.sequence == 6
    third = BookKeeper("v:X", "books", CHAIN)
    third.take_snapshot(picture(6), 3)
    third.take_snapshot(picture(6), 4)
    ours.let_stand_by(third)
    for connection in (2, 3):
        assert ours.leave(connection, 9, "closed") == ()
    assert ours.source == 4 and ours.is_live


def test_a_whole_picture_tells_that_the_book_is_crossed_no_longer() -> None:
    keeper = BookKeeper("v:X", "top", Integrity(snapshot="full"))
    for bid in ("10", "12", "13", "10", "12"):
        keeper.take_snapshot(BookSnapshot("v:X", 1, None, "top", [(bid, "1")], [("11", "1")], None), 1)
        assert keeper.is_crossed == (bid > "11")
    assert keeper.counters.crossed == 2


def test_what_stands_by_and_what_waits_weighs_too() -> None:
    keeper = BookKeeper("v:X", "books", CHAIN)
    for connection in (1, 2):
        keeper.take_snapshot(picture(5), connection)
    assert keeper.weight == 4
    keeper = BookKeeper("v:X", "diff", BY_TIME)
    keeper.take_delta(change(None, 10), 1)
    assert keeper.weight == 1


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
