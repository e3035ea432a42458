"""Moving over tapes forward and back: wherever one goes, all is as in a replay that went straight there."""

import gzip
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from convert.feeds import imported
from feedtape.model.events import Event, Gap, Resync, Trade
from feedtape.model.records import END, FRAMES, HEADER, KEYFRAME, Record
from feedtape.recorder import Rotation
from feedtape.replay import checkpoints, shelf, visit
from feedtape.replay.playback import Playback
from feedtape.replay.reel import Predicate, Reel, problems
from feedtape.session import Session
from feedtape.tape.writer import TapeWriter
from stage_cli import START, STEP, TARGET, Script, eventful, records_of, rewritten, until


def everything(session: Session) -> dict[str, Any]:
    """All that a session has come to, counted from where its replay began."""
    return session.keyframe() | {"heard": session.heard, "json": session.as_json(), "statistics": session.statistics()}


class Fresh:
    """What straight replays of a tape come to, at each record and from each keyframe."""

    def __init__(self, *paths: Path) -> None:
        self.paths = paths
        self.records: list[Record] = []
        self.events: list[Sequence[Event]] = []
        self.states: list[dict[str, Any]] = []
        self.digests: list[dict[str, Any]] = [{}]
        with Playback(*paths) as playback:
            self.states.append(everything(playback.session))
            for record, events in playback.play():
                self.records.append(record)
                self.events.append(events)
                self.states.append(everything(playback.session))
                self.digests.append(playback.session.digests())

    def seek(self, time: int) -> dict[str, Any]:
        """What a replay from the nearest keyframe comes to."""
        with Playback(*self.paths) as playback:
            playback.run(time, seek=True)
            return everything(playback.session)


class History:
    """What somebody who listens has kept."""

    def __init__(self, reel: Reel) -> None:
        self.told: list[tuple[int, Record, Sequence[Event]]] = []
        reel.fed, reel.cut, reel.begun = self._fed, self._cut, self.told.clear

    def _fed(self, position: int, record: Record, events: Sequence[Event]) -> None:
        assert not self.told or position == self.told[-1][0] + 1
        self.told.append((position, record, events))

    def _cut(self, position: int) -> bool:
        del self.told[max(0, position - (self.told[0][0] - 1 if self.told else 0)) :]
        return self.is_enough()

    def is_enough(self) -> bool:
        return True


class ShortHistory(History):
    """Keeps little, as a screen does, and wants some of it to be there."""

    def _fed(self, position: int, record: Record, events: Sequence[Event]) -> None:
        super()._fed(position, record, events)
        del self.told[:-20]

    def is_enough(self) -> bool:
        return len(self.told) >= 8


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"keyframe_ns": 12 * STEP, "digest_ns": 5 * STEP}
    return eventful(Script(tmp_path_factory.mktemp("reel") / "a.tape.zst", options))


@pytest.fixture(scope="module")
def fresh(tape: Path) -> Fresh:
    return Fresh(tape)


@pytest.fixture
def moved(tape: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reel]:
    """A reel that has so little room that everything is given up and made anew all the time."""
    monkeypatch.setattr(checkpoints, "MOST", 5)
    monkeypatch.setattr(checkpoints, "_LEAST_SPACING", 4)
    monkeypatch.setattr(shelf, "HEAVIEST", 4000)
    monkeypatch.setattr(visit, "_NEAR", 5)
    with Playback(tape) as playback:
        yield Reel(playback)


def frames_in(records: Sequence[Record]) -> list[int]:
    return [number for number, record in enumerate(records, 1) if record.kind in FRAMES]


def test_a_walk_to_and_fro_is_at_every_place_what_a_straight_replay_is(moved: Reel, fresh: Fresh) -> None:
    rng, history = random.Random(5), History(moved)
    frames, position = frames_in(fresh.records), 0
    for _ in range(150):
        count = rng.choice((1, 1, -1, -1, -1, 3, -4, 20, -30))
        standing = sum(frame <= position for frame in frames)
        wanted = standing + count
        step = moved.step(count)
        if wanted > len(frames):
            position, wanted = len(fresh.records), 0
        else:
            position = frames[wanted - 1] if wanted > 0 else 0
        assert moved.position == position
        assert everything(moved.session) == fresh.states[position]
        assert (step is None) == (wanted <= 0)
        if step is not None:
            assert (step.record, list(step.events)) == (fresh.records[position - 1], list(fresh.events[position - 1]))
        assert [told[:2] for told in history.told] == list(enumerate(fresh.records[:position], 1))
    assert moved.frame == moved.frames


def test_a_history_that_is_left_too_short_is_told_again(moved: Reel, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedtape.replay.reel._TOLD_AGAIN", 15)
    rng, history = random.Random(7), ShortHistory(moved)
    moved.to_end()
    position = moved.position
    while position > 30:
        moved.step(-rng.choice((1, 2, 18)))
        position = moved.position
        assert everything(moved.session) == fresh.states[position]
        assert 8 <= len(history.told) <= 20
        assert [told[:2] for told in history.told] == list(enumerate(fresh.records, 1))[position - len(history.told) : position]
    while moved.step(-1) is not None:
        assert len(history.told) >= min(8, moved.position), "before the start there is no more"
    assert not history.told


def test_a_walk_with_jumps_is_what_a_replay_from_the_keyframe_is(moved: Reel, fresh: Fresh) -> None:
    rng, history = random.Random(6), History(moved)
    times = [record.time for record in fresh.records]
    numbers = {id(state): number for number, state in enumerate(fresh.states)}
    assert len(numbers) == len(fresh.states)
    for _ in range(30):
        time = rng.choice(times) + rng.choice((0, 0, 1, -1))
        moved.seek(time)
        there = sum(one <= time for one in times)
        assert books(everything(moved.session)) == books(fresh.seek(time)) == books(fresh.states[there])
        assert (moved.frame, moved.time) == (len(frames_in(fresh.records[:there])), times[there - 1] if there else 0)
        for _ in range(rng.randrange(12)):
            moved.step(-1)
            there = max(frames_in(fresh.records[:there])[-2:-1], default=0)
            assert books(everything(moved.session)) == books(fresh.states[there])
            assert [told[1] for told in history.told] == fresh.records[there - len(history.told) : there]


def books(state: dict[str, Any]) -> dict[str, Any]:
    """A state without the count of digests, which is of the part that was read."""
    totals = {name: value for name, value in state["totals"].items() if not name.startswith("digests")}
    return state | {"totals": totals, "heard": None}


def test_steps_tell_the_levels_that_changed(tmp_path: Path) -> None:
    path = Script(tmp_path / "a.tape.zst").live(2).finish()
    with Playback(path) as playback:
        reel = Reel(playback)
        assert reel.explain() is None
        told = []
        while (step := reel.step()) is not None:
            told.append(step)
            assert reel.explain() == step
        assert [dict(step.changes) for step in told[:1]] == [{TARGET: []}]
        snapshot, delta = told[1].changes[TARGET], told[2].changes[TARGET]
        assert [change.price for change in snapshot][:2] == ["61685.00000000", "61684.00000000"]
        assert {change.before for change in snapshot} == {None} and len(snapshot) == 10
        assert [(change.side, change.after) for change in delta] == [("bid", "4.10000000"), ("ask", "1.00000102")]
        assert told[3].changes[TARGET][-1][:] == ("ask", "61686.00", "1.00000102", "1.00000103")
        back = [reel.step(-1) for _ in told]
        assert back == [*reversed(told[:-1]), None]
        assert reel.position == 0


def test_a_gap_takes_every_level_away(moved: Reel) -> None:
    assert moved.find(lambda session, record, events: any(type(event) is Gap for event in events), forward=True)
    step = moved.explain()
    assert step is not None and len(step.changes[TARGET]) > 10
    assert all(change.after is None and change.before is not None for change in step.changes[TARGET])


def places(moved: Reel, holds: Predicate, *, forward: bool) -> list[tuple[int | None, int, bytes]]:
    """Frame, time and kind of all places that are found, in the order of the tape."""
    moved.to_start() if forward else moved.to_end()
    found = []
    while moved.find(holds, forward=forward):
        assert moved.latest is not None
        found.append((moved.frame, moved.time, moved.latest.record.kind))
    return found if forward else found[::-1]


def a_trade(session: Session, record: Record, events: Sequence[Event]) -> bool:
    return any(type(event) is Trade for event in events)


@pytest.mark.parametrize("name", ["problems", "of a target", "trade", "no trade", "broken"])
def test_what_is_found_is_the_same_in_both_directions(moved: Reel, fresh: Fresh, name: str) -> None:
    looks: dict[str, Predicate] = {
        "problems": problems(),
        "of a target": problems(TARGET),
        "trade": a_trade,
        "no trade": lambda session, record, events: not a_trade(session, record, events),
        "broken": lambda session, record, events: any(keeper.state == "broken" for keeper in session.books.values()),
    }
    forward = places(moved, looks[name], forward=True)
    assert len(forward) >= 3
    assert places(moved, looks[name], forward=False) == forward
    assert books(everything(moved.session))["books"] in [state["books"] for state in fresh.states]


def test_problems_are_every_gap_and_resync(moved: Reel, fresh: Fresh) -> None:
    both = zip(fresh.records, fresh.events, strict=True)
    times = [record.time for record, events in both if any(type(event) in (Gap, Resync) for event in events)]
    assert [time for _, time, _ in places(moved, problems(), forward=True)] == times


def test_a_search_that_finds_nothing_leaves_everything_as_it_was(moved: Reel, monkeypatch: pytest.MonkeyPatch) -> None:
    moved.seek(START + 30 * STEP)
    before, position, history = everything(moved.session), moved.position, History(moved)
    for forward in (True, False):
        assert not moved.find(lambda session, record, events: False, forward=forward)
        assert moved.step(1 if forward else -1, "binance:NONE") is None
    monkeypatch.setattr(visit, "_ASKED_EVERY", 10)
    assert not moved.find(an_end, forward=True, alive=lambda: False)
    assert not moved.find(lambda session, record, events: record.kind == HEADER, forward=False, alive=lambda: False)
    assert not history.told
    assert (everything(moved.session), moved.position) == (before, position)
    assert moved.find(an_end, forward=True) and len(history.told) == moved.position - position


def an_end(session: Session, record: Record, events: Sequence[Event]) -> bool:
    return record.kind == END


def test_frames_of_a_target_are_stepped_over_alone(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live(3)
    for number in range(4):
        script.symbol = "ETHUSDT" if number % 2 else "BTCUSDT"
        script.trade()
    with Playback(script.finish()) as playback:
        reel = Reel(playback)
        steps = [reel.step(1, "binance:ETHUSDT") for _ in range(3)]
        assert [step and {event.target for event in step.events} for step in steps] == [{"binance:ETHUSDT"}] * 2 + [None]
        assert reel.step(-1, "binance:ETHUSDT") == steps[0]
        assert reel.step(2, TARGET) is None and reel.step(1, TARGET) is not None


def test_every_damaged_tape_can_be_gone_back_over(tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "HEAVIEST", 4000)
    data = tape.read_bytes()
    rng = random.Random(9)
    no_index = data[: len(data) * 9 // 10]
    flipped = bytearray(data)
    for _ in range(3):
        flipped[rng.randrange(2000, len(data))] ^= 0x55
    for name, damaged in (("cut", no_index), ("flipped", bytes(flipped)), ("both", bytes(flipped)[: len(no_index)])):
        path = tmp_path / f"{name}.tape.zst"
        path.write_bytes(damaged)
        straight = Fresh(path)
        with Playback(path) as playback:
            reel = Reel(playback)
            for _ in range(4):
                while reel.forward() is not None:
                    pass
                assert everything(reel.session) == straight.states[-1], name
                reel.step(-rng.randrange(1, 60))
                reel.seek(straight.records[0].time - 1)
            steps = [reel.step() for _ in frames_in(straight.records)]
            assert reel.step() is None and None not in steps
            reel.step(-1)
            for number in reversed(frames_in(straight.records)[:-1]):
                assert everything(reel.session) == straight.states[number], (name, number)
                reel.step(-1)


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'{"books":3}', None])
def test_tapes_whose_keyframes_are_broken_or_missing(tape: Path, tmp_path: Path, payload: bytes | None) -> None:
    spoilt = []
    for record in records_of(tape):
        if record.kind != KEYFRAME or record.time == START:
            spoilt.append(record)
        elif payload is not None:
            spoilt.append(Record(record.time, 0, KEYFRAME, payload))
    path = rewritten(tape, tmp_path / "a.tape.zst", spoilt)
    straight = Fresh(path)
    with Playback(path) as playback:
        reel = Reel(playback)
        reel.to_end()
        assert everything(reel.session) == straight.states[-1]
        reel.step(-30)
        assert everything(reel.session) == straight.states[frames_in(straight.records)[-31]]


def test_a_tape_that_is_written_is_followed_and_gone_back_over(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live(5)
    rounds = 0

    def write() -> None:
        before = script.path.stat().st_size
        script.recorder.writer.flush()
        until(lambda: script.path.stat().st_size > before)

    def wait() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds % 2:
            script.delta()
            write()
        return bool(rounds % 2)

    write()
    with Playback(script.path) as playback:
        reel = Reel(playback, wait=wait)
        reel.to_end()
        seen = reel.frames
        assert seen and not rounds
        for more in range(1, 6):
            while reel.forward() is not None:
                pass
            assert reel.frames == seen + more
            reel.step(-3)
            assert reel.frames == seen + more - 3
        script.finish()
        while reel.forward() is not None:
            pass
        assert reel.latest is not None and reel.latest.record.kind == END
        assert reel.session.digests() == script.session.digests()


def test_segments_are_one_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MOST", 4)
    monkeypatch.setattr(shelf, "HEAVIEST", 2000)
    rotation = Rotation(lambda start, number: TapeWriter(tmp_path / f"{number}.tape.zst", level=1), 20 * STEP)
    eventful(Script(tmp_path / "1.tape.zst", {"rotation": rotation}, header={"session": "abcd"}))
    paths = sorted(tmp_path.iterdir())
    assert len(paths) > 3
    straight = Fresh(*paths)
    frames = frames_in(straight.records)
    with Playback(*paths) as playback:
        reel = Reel(playback)
        assert reel.last_frame == len(frames) > 30
        while reel.forward() is not None:
            pass
        for frame in frames[-2::-1]:
            assert reel.step(-1) is not None
            assert everything(reel.session) == straight.states[frame]
        reel.to_end()
        for number in range(len(frames) - 1, 0, -1):
            assert reel.step(-1) is not None and reel.frame == number
            assert reel.session.digests() == straight.digests[frames[number - 1]]
        missing = [paths[0], *paths[2:]]
    straight = Fresh(*missing)
    with Playback(*missing) as playback:
        reel = Reel(playback)
        while reel.forward() is not None:
            pass
        for frame in frames_in(straight.records)[-2::-1]:
            assert reel.step(-1) is not None
            assert everything(reel.session) == straight.states[frame]


@pytest.mark.frames
@pytest.mark.parametrize("name", ["hftbacktest/binance-usdm-btcusdt-20240808.gz", "cryptofeed/BITGET.ws.1.0.gz"])
def test_a_real_capture_is_gone_back_over_frame_by_frame(frames: Path, tmp_path: Path, name: str) -> None:
    path, digests = captured(frames / name, tmp_path, 400), dict[int, dict[str, Any]]()
    with Playback(path) as playback:
        last = Reel(playback).last_frame or 0
        for record, _ in playback.play():
            if record.kind in FRAMES and (number := playback.session.totals.frames) >= last - 40:
                digests[number] = playback.session.digests()
    with Playback(path) as playback:
        reel = Reel(playback)
        reel.to_end()
        for back, count in ((True, 30), (False, 15), (True, 25)):
            for _ in range(count):
                step = reel.step(-1 if back else 1)
                assert step is not None and reel.frame is not None
                assert reel.session.digests() == digests[reel.frame]
                assert all(change.before != change.after for one in step.changes.values() for change in one)
        assert reel.frame == last - 40


def captured(path: Path, folder: Path, count: int) -> Path:
    """The first frames of a capture as a tape."""
    part = folder / path.name
    with gzip.open(path) as file:
        part.write_bytes(gzip.compress(b"".join(file.readlines()[:count]), 1))
    imported(part, folder / "out")
    return folder / "out"
