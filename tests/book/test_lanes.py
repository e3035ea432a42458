"""Lanes of one stream, each with losses, delays and cuts of its own: the merged book is true, and breaks where all lost it."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book.exchange import RULES, TARGET, NaiveExchange, Truth, state_of
from feedtape.book import lanes as lanes_module
from feedtape.book.keeper import BookKeeper, State
from feedtape.book.lanes import PATIENCE_NS
from feedtape.book.rules import Chained, Contiguous, Integrity
from feedtape.model.events import BookDelta, BookSnapshot, Event, Gap, Levels, Resync

families = st.sampled_from(sorted(RULES))
seeds = st.integers(0, 2**32)
SECOND = 10**9


class Count:
    """A tally that writes down what it is told."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.seconds: list[tuple[int, int, int]] = []
        self.fillers: list[tuple[int, int]] = []

    def first(self, connection: int) -> None:
        self.firsts.append(connection)

    def again(self, connection: int, before: int, lag_ns: int) -> None:
        self.seconds.append((connection, before, lag_ns))

    def filled(self, connection: int, missed_by: int) -> None:
        self.fillers.append((connection, missed_by))


@dataclass
class Lane:
    """One connection: messages that it cut at moments of its own, on their way here in order."""

    number: int
    on_the_way: deque[tuple[BookDelta, bool]] = field(default_factory=deque)
    """Messages, and whether they will get lost."""
    sent: int = 0


class Race:
    """Lanes that race each other to one keeper. Every lane may cut alike (`alike`) or at moments of its own."""

    def __init__(self, family: str, seed: int, lanes: int, *, alike: bool) -> None:
        self.rng = random.Random(seed)
        self.exchange = NaiveExchange(self.rng, holes=family == "chained")
        self.integrity = RULES[family]
        self.keeper = BookKeeper(TARGET, "depth", self.integrity)
        self.alike = alike
        self.clock = 1_000
        self.opened = lanes
        self.lanes = [Lane(number, sent=self.exchange.now) for number in range(1, lanes + 1)]
        self.known: list[Event] = []
        self.lost: dict[int, set[int]] = {}
        """Of every update which lanes lost it, by number of the lane."""

    def happen(self, loss: float) -> None:
        """Let the market move, and every lane that is due send what happened, which may get lost."""
        self.exchange.trade_a_while()
        for lane in self.lanes:
            if self.alike or self.rng.random() < 0.7:
                self.send(lane, lost=self.rng.random() < loss)

    def send(self, lane: Lane, *, lost: bool = False) -> None:
        """Cut a message of all that happened since the lane's last one."""
        exchange = self.exchange
        if lane.sent == exchange.now:
            return
        begin = bisect_left(exchange.updates, lane.sent + 1, key=lambda update: update[0])
        bids, asks = exchange.changes(lane.sent, exchange.now)
        prev = lane.sent if exchange.holes else None
        first = exchange.updates[begin][0]
        delta = BookDelta(TARGET, 0, None, "depth", bids, asks, first, exchange.now, prev)
        lane.sent = exchange.now
        lane.on_the_way.append((delta, lost))
        if lost:
            for number, *_ in exchange.updates[begin:]:
                self.lost.setdefault(number, set()).add(lane.number)

    def arrive(self, lane: Lane) -> None:
        """Let the oldest message of a lane arrive, if there is any, unless it is lost."""
        while lane.on_the_way:
            delta, lost = lane.on_the_way.popleft()
            if not lost:
                self.clock += 1
                arrived = msgspec.structs.replace(delta, recv=self.clock)
                self.known.extend(self.keeper.take_delta(arrived, lane.number) or ())
                return

    def snapshot(self) -> None:
        """Answer a request with the state of now."""
        self.clock += 1
        self.known.extend(self.keeper.take_snapshot(self.exchange.snapshot(self.exchange.now, self.clock), 99) or ())

    def reopen(self, lane: Lane, *, relieved: bool) -> None:
        """Close a lane's connection, with whatever was on its way, and open another one."""
        self.clock += 1
        self.opened += 1
        relief = self.opened if relieved else None
        self.known.extend(self.keeper.leave(lane.number, self.clock, "cut", relieved_by=relief))
        lane.number, lane.sent = self.opened, self.exchange.now
        lane.on_the_way.clear()

    def begin(self) -> None:
        """Bring the book to life."""
        self.happen(0)
        self.settle()
        self.snapshot()
        self.happen(0)
        self.settle()
        assert self.keeper.is_live and self.known == []

    def settle(self) -> None:
        """Let everything arrive, with a last message of each lane."""
        self.exchange.trade_a_while()
        for lane in self.lanes:
            self.send(lane)
        while any(lane.on_the_way for lane in self.lanes):
            self.arrive(self.rng.choice(self.lanes))
            self.check()

    def check(self) -> None:
        """Never wrong and silent."""
        keeper = self.keeper
        if keeper.is_live:
            assert keeper.book.sequence is not None
            assert state_of(keeper.book) == self.exchange.at(keeper.book.sequence)
            assert keeper.proof()[0] == "sequence"
        else:
            assert state_of(keeper.book) == Truth({}, {}) and keeper.digest() is None

    def gaps(self) -> list[Gap]:
        return [event for event in self.known if isinstance(event, Gap)]

    def reload(self) -> None:
        """Go on with what a keyframe holds."""
        self.keeper = BookKeeper.load(TARGET, orjson.loads(orjson.dumps(self.keeper.save())), self.integrity)


ACTIONS = ("happen", "happen", "happen", "arrive", "arrive", "arrive", "arrive", "arrive", "snapshot", "reopen", "relieve")
scripts = st.lists(st.sampled_from(ACTIONS), min_size=10, max_size=80)


def act(race: Race, action: str, loss: float) -> None:
    """Do one thing to a race."""
    lane = race.rng.choice(race.lanes)
    match action:
        case "happen":
            race.happen(loss)
        case "arrive":
            race.arrive(lane)
        case "snapshot" if not race.keeper.is_live:
            race.snapshot()
        case "reopen" | "relieve":
            race.reopen(lane, relieved=action == "relieve")


@settings(deadline=None, max_examples=150)
@given(families, seeds, st.integers(2, 3), st.booleans(), st.sampled_from([0.02, 0.2, 0.5]))
def test_the_merged_book_breaks_exactly_where_every_lane_lost_the_same(
    family: str, seed: int, lanes: int, alike: bool, loss: float
) -> None:
    race = Race(family, seed, lanes, alike=alike)
    race.begin()
    for _ in range(30):
        race.happen(loss)
        while race.rng.random() < 0.7:
            race.arrive(race.rng.choice(race.lanes))
            race.check()
    race.settle()
    gone = [number for number, who in race.lost.items() if len(who) == lanes]
    gaps = race.gaps()
    assert (gaps == []) == (gone == [])
    if not gone:
        # Nothing was asked for, and the book is up to date with the exchange.
        assert race.keeper.is_live and race.keeper.book.sequence == race.exchange.now
        assert race.keeper.counters.snapshots == 1
    elif family == "contiguous":
        assert race.keeper.counters.missed == sum(gap.missed or 0 for gap in gaps)
        # What was missed is what every lane lost and nothing else.
        assert race.keeper.counters.missed == len(gone)
    assert race.keeper.counters.gaps == len(gaps)


@settings(deadline=None, max_examples=200)
@given(families, seeds, st.integers(2, 3), st.booleans(), scripts)
def test_a_live_merged_book_is_the_exchanges_whatever_happens(
    family: str, seed: int, lanes: int, alike: bool, script: Sequence[str]
) -> None:
    race = Race(family, seed, lanes, alike=alike)
    race.begin()
    for action in script:
        act(race, action, 0.2)
        race.check()
    # A hole may be open, and after it everything flows: it is told within the time that anybody is waited for.
    race.clock += PATIENCE_NS
    race.happen(0)
    race.settle()
    if not race.keeper.is_live:
        race.snapshot()
        race.happen(0)
        race.settle()
    assert race.keeper.is_live and race.keeper.book.sequence == race.exchange.now
    resyncs = [event for event in race.known if isinstance(event, Resync)]
    assert (race.keeper.counters.gaps, race.keeper.counters.resyncs) == (len(race.gaps()), len(resyncs))


@settings(deadline=None, max_examples=100)
@given(families, seeds, st.integers(2, 3), st.booleans(), scripts, st.integers(1, 4))
def test_a_keyframe_anywhere_changes_nothing_after_it(
    family: str, seed: int, lanes: int, alike: bool, script: Sequence[str], interval: int
) -> None:
    straight, reloaded = Race(family, seed, lanes, alike=alike), Race(family, seed, lanes, alike=alike)
    for race in (straight, reloaded):
        race.begin()
    for number, action in enumerate(script):
        if number % interval == 0:
            reloaded.reload()
        act(straight, action, 0.3)
        act(reloaded, action, 0.3)
        assert reloaded.keeper.save() == straight.keeper.save()
    assert reloaded.known == straight.known


def test_the_races_have_holes_that_are_filled_and_holes_that_are_lost() -> None:
    """What the properties above say is worth what the races do."""
    waited = filled = broken = 0
    for seed in range(60):
        race = Race("contiguous", seed, 2, alike=True)
        race.begin()
        for _ in range(60):
            before = race.keeper._merge is not None and bool(race.keeper._merge.aside)
            act(race, race.rng.choice(ACTIONS[:8]), 0.2)
            after = race.keeper._merge is not None and bool(race.keeper._merge.aside)
            waited += after
            filled += before and not after and race.keeper.is_live
            broken += race.keeper.state is State.BROKEN
    assert min(waited, filled, broken) > 50


# -- single scenes


class Scene:
    """A keeper that is live at 105 on connection 1, its time in seconds."""

    def __init__(self, integrity: Integrity = RULES["contiguous"]) -> None:
        self.count = Count()
        self.keeper = BookKeeper(TARGET, "depth", integrity, self.count)
        self.delta(101, 105, by=1, at=0.5, prev=95 if isinstance(integrity.sequence, Chained) else None)
        self.keeper.take_snapshot(BookSnapshot(TARGET, SECOND, None, "", [("1", "1")], [("999", "1")], 104), 9)
        assert self.keeper.is_live

    def delta(
        self, first: int, last: int | None = None, *, by: int, at: float, prev: int | None = None, bids: Levels | None = None
    ) -> Sequence[Event] | None:
        last = first if last is None else last
        levels = [(str(last), "1")] if bids is None else bids
        return self.keeper.take_delta(BookDelta(TARGET, int(at * SECOND), None, "depth", levels, [], first, last, prev), by)

    @property
    def at(self) -> int | None:
        return self.keeper.book.sequence


def test_a_hole_of_one_is_filled_by_the_other_and_nobody_hears_of_it_twice() -> None:
    scene = Scene()
    assert scene.delta(106, by=2, at=1.0) == ()
    assert scene.delta(106, by=1, at=1.25) is None
    assert scene.delta(108, by=1, at=2.0) == []
    assert scene.keeper.is_live and scene.at == 106
    assert scene.delta(107, by=2, at=2.5) == []
    assert scene.at == 108 and next(iter(scene.keeper.book.bids.top())) == ("108", "1")
    assert scene.delta(108, by=2, at=2.75) is None
    assert scene.keeper.counters.gaps == 0 and scene.keeper.last_recv == int(2.5 * SECOND)
    assert scene.count.firsts == [2, 2, 1]
    assert scene.count.seconds == [(1, 2, SECOND // 4), (2, 1, SECOND * 3 // 4)]
    assert scene.count.fillers == [(2, 1)]


def test_what_the_slower_one_lost_is_counted_when_it_passes_it() -> None:
    scene = Scene()
    for number in (106, 107, 108):
        scene.delta(number, by=2, at=1)
    scene.delta(106, by=1, at=2)
    assert scene.count.fillers == []
    assert scene.delta(108, by=1, at=2) is None
    assert scene.count.fillers == [(2, 1)]


def test_a_hole_that_every_lane_has_passed_is_lost_at_once_and_what_waited_is_the_chain() -> None:
    scene = Scene()
    scene.delta(105, by=2, at=1)
    scene.delta(107, by=1, at=1)
    scene.delta(109, by=1, at=1)
    assert scene.keeper.is_live
    [gap] = scene.delta(107, by=2, at=2) or ()
    assert gap == Gap(TARGET, 2 * SECOND, None, "gap", SECOND // 2, 1, "update 105 is not followed by the next one")
    assert scene.keeper.state is State.BROKEN and scene.keeper.wants_snapshot
    # 108 may still come by the other one: what waits beyond it is not given up yet.
    assert scene.delta(108, by=2, at=3) == []
    [resync] = scene.keeper.take_snapshot(BookSnapshot(TARGET, 4 * SECOND, None, "", [], [], 106), 9) or ()
    assert isinstance(resync, Resync) and scene.at == 109
    assert scene.keeper.counters.gaps == 1


def test_nobody_waits_for_ever_for_a_lane_that_is_silent() -> None:
    scene = Scene()
    scene.delta(105, by=2, at=1)
    for number in range(107, 117):
        assert scene.delta(number, by=1, at=2 + (number - 107) * 0.5) == []
    [gap] = scene.delta(117, by=1, at=7) or ()
    assert isinstance(gap, Gap) and gap.missed == 1
    # From now on it is known to be behind, and a hole is lost as if it were not there.
    scene.keeper.take_snapshot(BookSnapshot(TARGET, 8 * SECOND, None, "", [], [], 117), 9)
    assert scene.keeper.is_live
    [gap] = scene.delta(119, by=1, at=9) or ()
    assert isinstance(gap, Gap) and gap.missed == 1


def test_a_lane_that_is_merely_quiet_is_waited_for() -> None:
    scene = Scene()
    scene.delta(105, by=2, at=1)
    assert scene.delta(107, by=1, at=1000) == []
    assert scene.delta(106, by=2, at=1001) == []
    assert scene.at == 107 and scene.keeper.counters.gaps == 0


def test_a_snapshot_ahead_of_a_hole_holds_what_it_swallowed() -> None:
    scene = Scene()
    scene.delta(105, by=2, at=1)
    scene.delta(107, by=1, at=1)
    scene.delta(107, by=2, at=1)
    scene.delta(109, by=1, at=2)
    assert scene.keeper.state is State.BROKEN
    events = scene.keeper.take_snapshot(BookSnapshot(TARGET, 3 * SECOND, None, "", [("5", "1")], [], 110), 9) or ()
    assert [type(event) for event in events] == [Resync]
    scene.delta(108, by=2, at=4)
    assert scene.delta(111, by=1, at=5) == () and scene.keeper.is_live and scene.at == 111


def test_what_is_kept_aside_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "ASIDE_LIMIT", 4)
    scene = Scene()
    scene.delta(105, by=2, at=1)
    known = [scene.delta(number, by=1, at=1) for number in range(107, 112)]
    assert [len(one or ()) for one in known] == [0, 0, 0, 1, 0]


def test_who_is_too_far_behind_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "FIRSTS_LIMIT", 4)
    scene = Scene()
    scene.delta(105, by=2, at=1)
    for number in range(106, 116):
        scene.delta(number, by=1, at=1)
    merge = scene.keeper._merge
    assert merge is not None and len(merge.save()["firsts"]) == 4
    assert len(scene.delta(117, by=1, at=1) or ()) == 1


def test_when_a_lane_goes_the_other_one_carries_the_book_and_what_is_missing_is_a_disconnect() -> None:
    scene = Scene()
    scene.delta(106, by=2, at=1)
    assert scene.keeper.leave(1, SECOND, "cut") == ()
    assert scene.keeper.is_live and scene.keeper.source == 2
    scene.delta(107, by=3, at=2)
    scene.delta(109, by=3, at=2)
    [gap] = scene.keeper.leave(2, 3 * SECOND, "cut")
    assert isinstance(gap, Gap) and (gap.kind, gap.missed) == ("disconnect", 1)
    [gone] = scene.keeper.leave(3, 4 * SECOND, "cut")
    assert isinstance(gone, Gap) and scene.keeper.carriers == ()


def test_futures_cut_differently_are_one_chain() -> None:
    scene = Scene(Integrity(sequence=Chained()))
    cuts = [(108, 110, 105, 1), (104, 108, 95, 2), (110, 116, 108, 2), (112, 114, 110, 1), (115, 120, 114, 1)]
    for first, last, prev, by in cuts:
        scene.delta(first, last, by=by, at=1, prev=prev)
    assert scene.keeper.is_live and scene.at == 120 and scene.keeper.counters.gaps == 0


def test_a_venue_that_counts_anew_breaks_the_book_and_both_lanes_go_on_with_the_new_numbers() -> None:
    scene = Scene(Integrity(sequence=Contiguous(restart=1)))
    scene.delta(106, by=2, at=1)
    scene.delta(106, by=1, at=1)
    [gap] = scene.delta(1, by=1, at=2) or ()
    assert isinstance(gap, Gap)
    scene.delta(1, by=2, at=2)
    scene.keeper.take_snapshot(BookSnapshot(TARGET, 3 * SECOND, None, "", [], [], 0), 9)
    scene.delta(2, by=2, at=3)
    scene.delta(2, by=1, at=3)
    assert scene.keeper.is_live and scene.at == 2


# -- streams that nothing links


class Sum:
    """A toy checksum: the best sizes, written one after another."""

    covers = 2
    of_orders = False

    def of(self, bids: Levels, asks: Levels) -> int:
        return int("".join(size for _, size in [*bids, *asks]) or 0)


def test_a_standby_with_a_whole_picture_takes_over_when_the_first_breaks() -> None:
    keeper = BookKeeper(TARGET, "book", Integrity(sequence=Contiguous(), checksum=Sum(), snapshot="stream"))

    def picture(sequence: int, by: int) -> Sequence[Event] | None:
        return keeper.take_snapshot(BookSnapshot(TARGET, sequence, None, "book", [("2", "4")], [], sequence), by)

    def delta(number: int, by: int) -> Sequence[Event] | None:
        return keeper.take_delta(BookDelta(TARGET, number, None, "book", [("2", str(number))], [], number, number), by)

    assert picture(5, 1) == () and picture(5, 2) is None
    assert delta(6, 1) == () and delta(6, 2) is None and delta(7, 2) is None
    assert keeper.source == 1 and keeper.book.sequence == 6
    gap, resync = delta(8, 1) or ()
    assert isinstance(gap, Gap) and gap.missed == 1 and isinstance(resync, Resync) and resync.sequence == 7
    assert keeper.is_live and keeper.source == 2 and list(keeper.book.bids.top()) == [("2", "7")]
    # The broken one stands by as soon as it has a whole picture again, over any number of keyframes.
    picture(9, 1)
    keeper = BookKeeper.load(TARGET, orjson.loads(orjson.dumps(keeper.save())), keeper.integrity)
    delta(10, 1)
    assert keeper.leave(2, 11, "cut") == ()
    assert keeper.is_live and keeper.source == 1 and keeper.book.sequence == 10
    [gone] = keeper.leave(1, 12, "cut")
    assert isinstance(gone, Gap) and gone.kind == "disconnect"


# -- keyframes of the version before


def old_keyframe(**fields: object) -> dict[str, object]:
    saved = Scene().keeper.save()
    del saved["merge"], saved["standbys"]
    return {**saved, "standby_source": None, "standby_picture": None, "standby": [], **fields}


def test_an_old_keyframe_is_read_and_what_stood_by_in_it_is_merged() -> None:
    keeper = BookKeeper.load(TARGET, old_keyframe(), RULES["contiguous"])
    assert keeper.is_live and keeper.source == 1
    waiting = [
        msgspec.to_builtins(BookDelta(TARGET, 5, None, "depth", [(str(number), "1")], [], number, number))
        for number in (105, 106, 107)
    ]
    keeper = BookKeeper.load(TARGET, old_keyframe(standby_source=2, standby=waiting), RULES["contiguous"])
    assert keeper.leave(1, 9, "renewed") == ()
    assert keeper.is_live and keeper.source == 2 and keeper.book.sequence == 107
