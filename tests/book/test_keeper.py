"""The keeper's conversations: how a book gets live, breaks, and comes back."""

from dataclasses import replace

import pytest

from feedtape.book import keeper as keeper_module
from feedtape.book.keeper import BookKeeper, State
from feedtape.book.rules import Chained, Contiguous, Integrity
from feedtape.model.events import BookDelta, BookSnapshot, Event, Gap, Levels, Resync

TARGET = "toy:COIN"
SPOT = Integrity(sequence=Contiguous())
FUTURES = Integrity(sequence=Chained())
PICTURES = Integrity(snapshot="full", unprovable="nothing links them")


class Sum:
    """A toy checksum: the best sizes, written one after another."""

    covers = 2
    of_orders = False

    def of(self, bids: Levels, asks: Levels) -> int:
        return int("".join(size for _, size in [*bids, *asks]) or 0)


SUMMED = Integrity(sequence=Contiguous(), checksum=Sum(), snapshot="stream")


class Stage:
    """A keeper and a clock that ticks once an event."""

    def __init__(self, integrity: Integrity = SPOT) -> None:
        self.keeper = BookKeeper(TARGET, "depth", integrity)
        self.clock = 0

    def delta(
        self,
        first: int,
        last: int,
        prev: int | None = None,
        *,
        bids: Levels | None = None,
        asks: Levels | None = None,
        checksum: int | None = None,
        by: int = 1,
    ) -> list[Event]:
        """A message that, unless told otherwise, sets the bid at its last id's price."""
        self.clock += 1
        levels = [(str(last), "1")] if bids is None else bids
        delta = BookDelta(TARGET, self.clock, self.clock * 10, "depth", levels, asks or [], first, last, prev, checksum)
        return list(self.keeper.take_delta(delta, by) or ())

    def snapshot(
        self,
        sequence: int | None,
        bids: Levels | None = None,
        asks: Levels | None = None,
        *,
        checksum: int | None = None,
        by: int = 9,
    ) -> list[Event]:
        self.clock += 1
        levels = [("1", "1")] if bids is None else bids
        others = [("999", "1")] if asks is None else asks
        picture = BookSnapshot(TARGET, self.clock, None, "", levels, others, sequence, checksum)
        return list(self.keeper.take_snapshot(picture, by) or ())

    @property
    def prices(self) -> list[str]:
        """What of the book shows which messages are in it."""
        return [price for price, _ in self.keeper.book.bids.top()]

    @property
    def state(self) -> State:
        return self.keeper.state


def live(integrity: Integrity = SPOT) -> Stage:
    """A stage whose book is live at 105."""
    stage = Stage(integrity)
    stage.delta(101, 105, 95)
    assert stage.snapshot(104) == []
    assert stage.state is State.LIVE and stage.keeper.book.sequence == 105
    return stage


def test_a_book_begins_without_state_and_says_so() -> None:
    keeper = Stage().keeper
    assert keeper.state is State.SYNCING and keeper.digest() is None and not keeper.wants_snapshot
    assert keeper.proof() == ("unprovable", "no snapshot yet")


# -- joining


def test_a_snapshot_among_waiting_deltas_drops_what_it_holds_and_applies_the_rest() -> None:
    stage = Stage()
    for first, last in [(101, 105), (106, 106), (107, 112), (113, 113)]:
        assert stage.delta(first, last) == []
    assert stage.keeper.wants_snapshot and stage.prices == []
    assert stage.snapshot(106) == []
    assert (stage.state, stage.prices, stage.keeper.book.sequence) == (State.LIVE, ["113", "112", "1"], 113)
    assert stage.keeper.counters.updates == 2 and not stage.keeper.wants_snapshot
    assert stage.keeper.proof() == ("sequence", "an unbroken chain since snapshot 106")


def test_a_delta_that_straddles_the_snapshot_is_applied_whole() -> None:
    stage = Stage()
    stage.delta(107, 112)
    stage.snapshot(110)
    assert stage.prices == ["112", "1"] and stage.keeper.book.sequence == 112


def test_a_snapshot_ahead_of_all_deltas_is_the_book_and_the_chain_must_reach_it() -> None:
    stage = Stage()
    stage.delta(101, 105)
    stage.snapshot(108)
    assert (stage.state, stage.keeper.book.sequence, stage.prices) == (State.LIVE, 108, ["1"])
    assert stage.delta(106, 107) == [] and stage.prices == ["1"]
    assert stage.delta(108, 110) == [] and stage.prices == ["110", "1"]
    assert stage.keeper.book.sequence == 110


def test_a_hole_below_a_snapshot_ahead_is_still_a_hole() -> None:
    stage = Stage()
    stage.delta(101, 105)
    stage.snapshot(120)
    [gap] = stage.delta(107, 110)
    assert isinstance(gap, Gap) and gap.missed == 1 and stage.state is State.BROKEN


def test_a_snapshot_before_any_delta_is_held_until_one_joins() -> None:
    stage = Stage()
    assert stage.snapshot(106) == []
    assert stage.state is State.SYNCING and stage.keeper.digest() is None and not stage.keeper.wants_snapshot
    stage.delta(101, 105)
    assert stage.state is State.SYNCING
    stage.delta(106, 108)
    assert (stage.state, stage.prices, stage.keeper.book.sequence) == (State.LIVE, ["108", "1"], 108)


def test_a_held_snapshot_that_is_too_old_is_thrown_away() -> None:
    stage = Stage()
    stage.snapshot(90)
    stage.delta(101, 105)
    assert stage.state is State.SYNCING and stage.keeper.wants_snapshot
    assert stage.keeper.counters.snapshots_too_old == 1
    stage.snapshot(100)
    assert stage.keeper.is_live and stage.prices == ["105", "1"]


def test_a_snapshot_that_is_too_old_leaves_the_deltas_waiting() -> None:
    stage = Stage()
    stage.delta(101, 105)
    stage.snapshot(98)
    assert stage.state is State.SYNCING and stage.keeper.wants_snapshot
    assert stage.keeper.counters.snapshots_too_old == 1
    stage.delta(106, 107)
    stage.snapshot(103)
    assert stage.prices == ["107", "105", "1"]


def test_futures_join_by_straddle_by_direct_continuation_and_between_the_ids() -> None:
    for sequence, expected in [(105, ["110", "120", "1"]), (110, ["120", "1"]), (112, ["120", "1"])]:
        stage = Stage(FUTURES)
        stage.delta(90, 98, 85)
        stage.delta(100, 110, 98)
        stage.delta(114, 120, 110)
        stage.snapshot(sequence)
        assert stage.state is State.LIVE
        # An update that is wholly in the snapshot may be applied once more: sizes are absolute.
        assert [price for price in stage.prices if price != "110"] == [price for price in expected if price != "110"]
        assert stage.keeper.book.sequence == 120
        [gap] = stage.delta(131, 140, 127)
        assert isinstance(gap, Gap) and (gap.kind, gap.missed) == ("gap", 7)


def test_a_snapshot_of_a_live_book_changes_nothing() -> None:
    stage = live()
    before = stage.keeper.save()
    assert stage.snapshot(500, [("7", "7")]) == []
    assert stage.keeper.save() == before


# -- breaking


def test_a_gap_empties_the_book_at_once() -> None:
    stage = live()
    [gap] = stage.delta(108, 110)
    assert gap == Gap(TARGET, 3, None, "gap", 1, 2, "update 105 is not followed by the next one")
    assert (stage.state, stage.prices, stage.keeper.book.sequence) == (State.BROKEN, [], None)
    assert stage.keeper.digest() is None
    assert stage.keeper.proof() == ("broken", "gap: update 105 is not followed by the next one")
    assert stage.keeper.counters.gaps == 1 and stage.keeper.counters.missed == 2


def test_deltas_are_not_stitched_across_a_hole() -> None:
    stage = live()
    stage.delta(108, 110)
    stage.delta(111, 111)
    # It reaches 107: neither the old book nor the deltas from 108 on may be joined to anything older.
    stage.snapshot(106)
    assert stage.state is State.BROKEN and stage.keeper.counters.snapshots_too_old == 1
    [resync] = stage.snapshot(107, [("2", "2")])
    assert resync == Resync(TARGET, 6, None, 3, 107)
    assert (stage.state, stage.prices) == (State.LIVE, ["111", "110", "2"])
    assert stage.keeper.counters.resyncs == 1


def test_a_hole_while_waiting_throws_away_what_came_before_it() -> None:
    stage = Stage()
    stage.delta(101, 105)
    [gap] = stage.delta(108, 110)
    assert isinstance(gap, Gap) and stage.state is State.BROKEN
    stage.snapshot(104)
    assert stage.state is State.BROKEN and stage.prices == []
    [resync] = stage.snapshot(109)
    assert isinstance(resync, Resync) and stage.prices == ["110", "1"]


@pytest.mark.parametrize("integrity", [SPOT, FUTURES])
@pytest.mark.parametrize("is_live", [True, False])
def test_a_delta_without_its_numbers_is_a_hole_and_keeps_no_snapshot_from_joining(integrity: Integrity, is_live: bool) -> None:
    stage = live(integrity) if is_live else Stage(integrity)
    first, prev = (None, 105) if integrity is SPOT else (106, None)
    known = stage.keeper.take_delta(BookDelta(TARGET, 50, 500, "depth", [("7", "1")], [], first, 110, prev), 1)
    assert [type(event) for event in known or ()] == ([Gap] if is_live else [])
    assert not stage.keeper.is_live and stage.keeper.digest() is None
    stage.delta(111, 115, 110)
    assert stage.keeper.wants_snapshot
    stage.snapshot(112)
    assert stage.state is State.LIVE and stage.prices == ["115", "1"]


def test_a_hole_throws_away_a_held_snapshot() -> None:
    stage = Stage()
    stage.snapshot(106)
    stage.delta(101, 103)
    stage.delta(105, 106)
    assert stage.state is State.BROKEN
    stage.delta(107, 108)
    assert stage.state is State.BROKEN and stage.prices == []


def test_each_further_hole_is_a_loss_and_the_book_broke_at_the_first() -> None:
    stage = live()
    stage.delta(108, 110)
    [second] = stage.delta(115, 116)
    assert isinstance(second, Gap) and second.missed == 4
    [resync] = stage.snapshot(115)
    assert isinstance(resync, Resync) and resync.since == 3
    assert stage.keeper.counters.gaps == 2 and stage.keeper.counters.resyncs == 1


def test_repeated_and_late_messages_are_counted_and_change_nothing() -> None:
    stage = live()
    stage.delta(106, 107)
    digest = stage.keeper.digest()
    assert stage.delta(106, 107, bids=[("107", "0")]) == []
    assert stage.delta(101, 105, bids=[("1", "0")]) == []
    assert stage.keeper.digest() == digest and stage.keeper.counters.repeated == 2
    assert stage.delta(108, 109) == [] and stage.state is State.LIVE


@pytest.mark.parametrize("levels", [[("abc", "1")], [("1", "-1")], [("1",)], [5]])
def test_levels_that_cannot_be_read_break_the_book(levels: Levels) -> None:
    stage = live()
    [gap] = stage.delta(106, 107, bids=[("3", "3")], asks=levels)
    assert isinstance(gap, Gap) and gap.kind == "bad-frame"
    assert (stage.state, stage.prices, stage.keeper.digest()) == (State.BROKEN, [], None)
    stage.delta(108, 109)
    [resync] = stage.snapshot(108)
    assert isinstance(resync, Resync) and stage.prices == ["109", "1"]


def test_a_snapshot_that_cannot_be_read_breaks_the_book() -> None:
    stage = Stage()
    stage.delta(101, 105)
    [gap] = stage.snapshot(104, [("abc", "1")])
    assert isinstance(gap, Gap) and gap.kind == "bad-frame"
    assert stage.state is State.BROKEN and stage.prices == []


def test_a_held_snapshot_that_cannot_be_read_leaves_a_broken_book_empty() -> None:
    stage = Stage()
    stage.snapshot(104, [("abc", "1")])
    [gap] = stage.delta(101, 105)
    assert isinstance(gap, Gap) and stage.state is State.BROKEN
    assert stage.prices == [] and stage.keeper.book.sequence is None


def test_only_where_the_venue_says_so_an_unknown_delete_is_loss() -> None:
    for integrity, state in [(SPOT, State.LIVE), (replace(SPOT, unknown_delete_is_loss=True), State.BROKEN)]:
        stage = live(integrity)
        known = stage.delta(106, 107, bids=[("4242", "0"), ("1", "2")])
        assert stage.state is state
        assert stage.keeper.counters.unknown_deletes == 1
        assert [event.kind for event in known if isinstance(event, Gap)] == (["gap"] if state is State.BROKEN else [])
        assert stage.prices == (["105", "1"] if state is State.LIVE else [])


def test_levels_pushed_out_of_the_venues_depth_are_forgotten() -> None:
    stage = Stage(replace(SPOT, depth=2))
    stage.delta(101, 101, bids=[])
    stage.snapshot(101, [("5", "1"), ("4", "1")], [("6", "1"), ("7", "1")])
    stage.delta(102, 102, bids=[("4.5", "1")], asks=[("6.5", "1")])
    assert stage.prices == ["5", "4.5"]
    stage.delta(103, 103, bids=[("5", "0")], asks=[("6", "0")])
    # What was pushed out must not come back.
    assert stage.prices == ["4.5"]
    assert [price for price, _ in stage.keeper.book.asks.top()] == ["6.5"]


def test_a_crossed_book_is_counted_once_each_time_and_not_repaired() -> None:
    stage = live()
    stage.delta(106, 106, bids=[("2000", "1")])
    stage.delta(107, 107, bids=[])
    assert (stage.state, stage.keeper.is_crossed, stage.keeper.counters.crossed) == (State.LIVE, True, 1)
    assert stage.prices[0] == "2000"
    stage.delta(108, 108, bids=[("2000", "0")])
    assert not stage.keeper.is_crossed
    stage.delta(109, 109, bids=[("999.0", "1")])
    assert stage.keeper.counters.crossed == 2


def test_what_waits_is_bounded_and_forgetting_is_never_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "WAITING_LIMIT", 3)
    stage = Stage()
    for number in range(101, 106):
        stage.delta(number, number)
    assert stage.keeper.counters.forgotten == 2
    stage.snapshot(101)
    assert stage.state is State.SYNCING and stage.keeper.counters.snapshots_too_old == 1
    stage.snapshot(102)
    assert stage.prices == ["105", "104", "103", "1"]


# -- connections


def test_a_disconnect_breaks_the_book_and_a_new_connection_begins_anew() -> None:
    stage = live()
    [gap] = stage.keeper.leave(1, 50, "cut")
    assert gap == Gap(TARGET, 50, None, "disconnect", 1, None, "cut")
    assert (stage.state, stage.prices, stage.keeper.source) == (State.BROKEN, [], None)
    # It continues the ids, and yet nobody can know what the venue sent meanwhile... unless a snapshot says.
    stage.delta(106, 107, by=2)
    assert stage.state is State.BROKEN and stage.keeper.wants_snapshot
    [resync] = stage.snapshot(106)
    assert isinstance(resync, Resync) and (resync.since, stage.prices) == (50, ["107", "1"])


def test_a_disconnect_of_a_stranger_is_no_loss() -> None:
    stage = live()
    assert stage.keeper.leave(7, 50, "cut") == ()
    assert stage.state is State.LIVE


def test_a_newcomer_that_joins_without_a_hole_takes_over_without_loss() -> None:
    stage = live()
    stage.delta(104, 106, by=2)
    stage.delta(106, 107)
    stage.delta(107, 109, by=2)
    # Both carry the stream: whoever is first is applied.
    assert stage.prices == ["109", "107", "106", "105", "1"] and stage.keeper.carriers == (1, 2)
    assert list(stage.keeper.leave(1, 50, "renewed")) == []
    assert (stage.state, stage.keeper.source) == (State.LIVE, 2)
    stage.delta(110, 111, by=2)
    assert stage.prices[0] == "111" and stage.keeper.counters.gaps == 0


def test_a_newcomer_that_has_said_nothing_new_takes_over_and_must_join() -> None:
    for first, state in [(106, State.LIVE), (107, State.BROKEN)]:
        stage = live()
        assert stage.keeper.take_delta(BookDelta(TARGET, 4, 40, "depth", [], [], 103, 105), 2) is None
        assert list(stage.keeper.leave(1, 50, "renewed")) == []
        assert stage.state is State.LIVE
        stage.delta(first, 108, by=2)
        assert stage.state is state


def test_a_newcomer_with_a_hole_before_it_breaks_the_book() -> None:
    stage = live()
    assert stage.delta(107, 108, by=2) == [] and stage.keeper.is_live
    [gap] = stage.keeper.leave(1, 50, "cut")
    assert isinstance(gap, Gap) and (gap.kind, gap.missed, gap.detail) == ("disconnect", 1, "cut")
    assert stage.state is State.BROKEN and stage.prices == []
    # Its deltas wait for a snapshot.
    assert stage.keeper.wants_snapshot
    stage.snapshot(107)
    assert stage.keeper.is_live and stage.prices == ["108", "1"]


def test_a_hole_inside_the_newcomers_deltas_breaks_the_book() -> None:
    stage = live()
    stage.delta(106, 106, by=2)
    stage.delta(109, 110, by=2)
    [gap] = stage.keeper.leave(1, 50, "renewed")
    assert isinstance(gap, Gap) and gap.missed == 2
    assert stage.state is State.BROKEN


def test_futures_take_over_although_the_connections_cut_their_messages_differently() -> None:
    stage = live(FUTURES)
    stage.delta(108, 110, 105)
    stage.delta(104, 108, 95, by=2)
    stage.delta(110, 116, 108, by=2)
    assert list(stage.keeper.leave(1, 50, "renewed")) == []
    # What of a message is in the book already is applied once more: sizes are absolute.
    assert stage.state is State.LIVE and stage.prices == ["116", "110", "105", "1"]


@pytest.mark.parametrize(("first", "state"), [(106, State.LIVE), (104, State.LIVE), (107, State.BROKEN)])
def test_a_newcomer_that_has_said_nothing_yet_relieves_the_old_connection(first: int, state: State) -> None:
    stage = live()
    assert list(stage.keeper.leave(1, 50, "renewed", relieved_by=2)) == []
    assert stage.keeper.is_live and stage.prices == ["105", "1"]
    known = stage.delta(first, 108, by=2)
    assert stage.state is state
    assert [event.kind for event in known if isinstance(event, Gap)] == ([] if state is State.LIVE else ["gap"])


def test_a_newcomer_that_relieves_and_goes_without_a_word_is_a_disconnect() -> None:
    stage = live()
    stage.keeper.leave(1, 50, "renewed", relieved_by=2)
    stage.keeper.leave(2, 60, "cut")
    assert not stage.keeper.is_live


def test_a_newcomer_that_goes_first_changes_nothing() -> None:
    stage = live()
    stage.delta(106, 107, by=2)
    assert stage.keeper.leave(2, 50, "cut") == ()
    stage.delta(106, 106)
    assert stage.state is State.LIVE
    [gap] = stage.keeper.leave(1, 51, "cut")
    assert isinstance(gap, Gap) and stage.keeper.source is None


# -- whole pictures, and checksums


def test_each_picture_is_the_book_and_nothing_is_proven_of_it() -> None:
    stage = Stage(PICTURES)
    stage.snapshot(5, [("1", "1"), ("2", "1")], by=1)
    assert (stage.state, stage.prices) == (State.LIVE, ["2", "1"])
    stage.snapshot(4, [("3", "1")], by=1)
    assert (stage.prices, stage.keeper.book.sequence, stage.keeper.counters.updates) == (["3"], 4, 2)
    assert stage.keeper.proof() == ("unprovable", "nothing links them")
    assert not stage.keeper.wants_snapshot
    stage.keeper.leave(1, 50, "cut")
    assert stage.state is State.BROKEN and stage.prices == []
    [resync] = stage.snapshot(9, [("4", "1")], by=2)
    assert isinstance(resync, Resync) and stage.prices == ["4"]


def test_a_checksum_that_matches_is_counted_and_one_that_does_not_breaks_the_book() -> None:
    stage = Stage(SUMMED)
    assert stage.snapshot(5, [("2", "4"), ("1", "3")], [("3", "7")], checksum=437, by=1) == []
    assert stage.keeper.proof()[0] == "checksum" and stage.keeper.counters.checksums_matched == 1
    # Only what the checksum covers counts.
    assert stage.delta(6, 6, bids=[("0.5", "9"), ("2", "5")], checksum=537) == []
    assert stage.keeper.counters.checksums_matched == 2
    # A message without one could not be checked, and is not counted as checked.
    stage.delta(7, 7, bids=[])
    assert stage.keeper.counters.checksums_matched == 2 and stage.state is State.LIVE
    [gap] = stage.delta(8, 8, bids=[("2", "6")], checksum=537)
    assert isinstance(gap, Gap) and gap.kind == "checksum"
    assert "537" in gap.detail and "637" in gap.detail
    assert (stage.state, stage.prices, stage.keeper.counters.checksums_failed) == (State.BROKEN, [], 1)
    [resync] = stage.snapshot(9, [("2", "4")], [("3", "7")], checksum=47, by=1)
    assert isinstance(resync, Resync)


def test_a_snapshot_whose_checksum_fails_is_no_resync() -> None:
    stage = Stage(SUMMED)
    stage.snapshot(5, [("2", "4")], [], checksum=4, by=1)
    stage.delta(9, 9)
    known = stage.snapshot(10, [("2", "4")], [], checksum=5, by=1)
    assert [type(event) for event in known] == [Gap] and stage.state is State.BROKEN
    assert stage.keeper.counters.resyncs == 0


def test_a_snapshot_in_the_stream_starts_the_chain_over() -> None:
    stage = Stage(SUMMED)
    stage.snapshot(5, by=1)
    stage.delta(6, 6)
    stage.snapshot(50, [("3", "1")], by=1)
    assert stage.delta(51, 51) == []
    assert stage.prices == ["51", "3"]
    [gap] = stage.delta(53, 53)
    assert isinstance(gap, Gap) and gap.missed == 1


# -- asking


def test_a_snapshot_is_wanted_only_while_it_would_help() -> None:
    stage = Stage()
    wanted = [stage.keeper.wants_snapshot]
    stage.delta(101, 101)
    wanted.append(stage.keeper.wants_snapshot)
    stage.snapshot(101)
    wanted.append(stage.keeper.wants_snapshot)
    stage.delta(105, 105)
    wanted.append(stage.keeper.wants_snapshot)
    stage.snapshot(105)
    wanted.append(stage.keeper.wants_snapshot)
    assert wanted == [False, True, False, True, False]


def test_the_snapshot_of_a_brand_new_symbol_is_an_empty_book() -> None:
    stage = Stage()
    stage.delta(1, 3)
    stage.snapshot(-1, [], [])
    assert stage.state is State.LIVE and stage.prices == ["3"]
