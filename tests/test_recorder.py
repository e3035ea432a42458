"""The recorder: segments and their joints, a disk that falls behind, frames that are dropped here, keyframes in parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.errors import TapeError, UsageError
from feedtape.model.events import Event, Gap
from feedtape.model.records import (
    DAMAGE,
    DIGEST,
    DROP,
    END,
    HEADER,
    KEYFRAME,
    KEYFRAME_PART,
    LEVEL,
    RECV,
    Record,
)
from feedtape.recorder import ALARM_AT, DEFER_AT, RELAXED_AT, Rotation
from feedtape.replay.audit import audit
from feedtape.replay.playback import Playback
from feedtape.session import keyframes
from feedtape.tape.format import SUFFIX
from feedtape.tape.reader import TapeReader
from feedtape.tape.segments import TapeSet, find_segments
from feedtape.tape.writer import TapeWriter
from stage_cli import START, STEP, TARGET, Script, eventful, inside, played, records_of, rewritten, until, whole_tape
from tape.disks import Gated, gated

SECOND = 10**9


# -- segments


def segmented(folder: Path, *, every_ns: int | None = None, size: int | None = None, **options: Any) -> Script:
    """A recording that rotates."""
    finished: list[Path] = []

    def next_tape(start: int, number: int) -> TapeWriter:
        return TapeWriter(folder / f"part-{number}{SUFFIX}", level=1)

    rotation = Rotation(next_tape, every_ns, size, finished=lambda writer: finished.append(writer.path))
    options = {"rotation": rotation, "digest_ns": 7 * STEP, "keyframe_ns": 15 * STEP} | options
    script = Script(folder / f"part-1{SUFFIX}", options, header={"session": "abcd"})
    script.options["finished"] = finished
    return script


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"part-*{SUFFIX}"), key=lambda path: int(path.name[5:-9]))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Script:
    """Everything that can happen, in segments of 2 s."""
    script = segmented(tmp_path_factory.mktemp("segments"), every_ns=2 * SECOND)
    eventful(script)
    return script


def copied(recording: Script, folder: Path) -> list[Path]:
    """The segments in another folder, where a test may spoil them."""
    for path in parts(recording.path.parent):
        (folder / path.name).write_bytes(path.read_bytes())
    return parts(folder)


def test_segments_begin_at_round_times_and_name_each_other(recording: Script) -> None:
    paths = parts(recording.path.parent)
    before_start, before_head = 0, ""
    assert len(paths) >= 4 and recording.recorder.segment == len(paths)
    assert recording.options["finished"] == paths, "each was told when it was finished, the last one too"
    assert recording.recorder.size == sum(path.stat().st_size for path in paths)
    for number, path in enumerate(paths, 1):
        with TapeReader(path) as reader:
            header, head, records = reader.header(), reader.index.head, list(reader.records(chained=True))
            assert (reader.passage.head, reader.passage.faults) == (head, [])
        assert [record.kind for record in records[:2]] == [HEADER, KEYFRAME]
        assert (header["segment"], header["session"]) == (number, "abcd")
        start, end = header["start"], records[-1].json()
        if number > 1:
            assert start // (2 * SECOND) > before_start // (2 * SECOND) and start % (2 * SECOND) < STEP
            assert header["previous"] == {"name": paths[number - 2].name, "head": before_head}
        else:
            assert start == START and "previous" not in header
        assert (end["reason"], end.get("next")) == (
            ("rotated", paths[number].name) if number < len(paths) else ("end of the script", None)
        )
        before_start, before_head = start, head


def test_the_set_is_the_recording(recording: Script) -> None:
    paths = parts(recording.path.parent)
    shuffled = random.Random(3).sample(paths, len(paths))
    with Playback(*shuffled) as playback:
        found = audit(playback)
    session, live = found.session, recording.session
    assert (found.cut, found.contradicted, found.status) == (None, False, 3)
    assert session.as_json() == live.as_json() and session.losses == live.losses
    assert session.digests() == live.digests()
    assert (session.totals.digests_failed, session.totals.digests_unchecked) == (0, 0)
    assert session.totals.digests_matched > 10
    told = found.as_json()
    assert told["joints"] == {"proven": len(paths) - 1, "failed": 0, "unchecked": 0}
    assert told["losses"] == told["losses_noted"] == live.totals.losses
    assert told["frames"] == live.totals.frames
    assert all(joint.chained for joint in playback.tape.joints)


def test_each_segment_alone_replays_and_counts_itself(recording: Script) -> None:
    paths = parts(recording.path.parent)
    frames = losses = 0
    for path in paths:
        with Playback(path) as playback:
            found = audit(playback)
        with TapeReader(path) as reader:
            statistics, records = reader.index.statistics, list(reader.records())
        assert not found.contradicted and found.session.totals.digests_failed == 0
        assert found.session.totals.digests_matched == sum(
            record.kind == DIGEST for record in records if b"BTCUSDT" in record.payload
        )
        again = found.session.statistics()
        assert again == statistics, path.name
        frames += statistics["frames"]
        losses += statistics["losses"]
        assert statistics["frames"] == sum(record.kind in (RECV, b"body") for record in records)
        assert found.as_json()["losses_noted"] == statistics["losses"] == found.session.totals.losses
    assert (frames, losses) == (recording.session.totals.frames, recording.session.totals.losses)


def test_any_instant_of_the_set_is_the_same_with_and_without_seeking(recording: Script) -> None:
    paths = parts(recording.path.parent)
    times = sorted({record.time for path in paths for record in records_of(path)})
    for time in times[::9]:
        states = []
        for seek in (True, False):
            with Playback(*paths) as playback:
                playback.run(time, seek=seek)
            states.append((playback.session.digests(), playback.session.last))
        assert states[0] == states[1], time


def test_segments_by_size_are_no_smaller_and_not_much_larger(tmp_path: Path) -> None:
    script = segmented(tmp_path, size=6_000)
    script.live(5)
    for number in range(600):
        script.delta()
        if number % 20 == 0:
            # The size counts what is in the file.
            script.recorder.look()
            until(lambda: not script.recorder.writer.waiting)
    script.finish()
    paths = parts(tmp_path)
    assert len(paths) > 3
    assert all(6_000 <= path.stat().st_size < 12_000 for path in paths[:-1])
    with Playback(*paths) as playback:
        found = audit(playback)
    assert (found.status, playback.joints_proven) == (0, len(paths) - 1)
    assert found.session.as_json() == script.session.as_json()


def test_books_that_are_larger_than_a_segment_do_not_begin_one_with_every_record(tmp_path: Path) -> None:
    script = segmented(tmp_path, size=500)
    script.live(5)
    for _ in range(60):
        script.delta()
        script.recorder.look()
        until(lambda: not script.recorder.writer.waiting)
    script.finish()
    assert 3 < len(parts(tmp_path)) < 40


def test_a_missing_segment_is_damage_that_the_next_keyframe_mends(recording: Script, tmp_path: Path) -> None:
    paths = copied(recording, tmp_path)
    paths.pop(2).unlink()
    with Playback(*paths) as playback:
        found = audit(playback)
    told = found.as_json()
    assert found.status == 3 and told["digests"]["failed"] == 0
    assert [hole["why"] for hole in told["damage"]] == ["1 segments are missing before part-4.tape.zst"]
    assert told["joints"] == {"proven": len(paths) - 2, "failed": 0, "unchecked": 1}
    assert any(loss["kind"] == "damage" for loss in told["loss"])
    assert found.session.digests() == recording.session.digests(), "the books are those of the recording again"
    assert inside("verify", tmp_path, "-q").status == 3


def test_a_segment_that_is_cut_is_damage_before_the_next(recording: Script, tmp_path: Path) -> None:
    paths = copied(recording, tmp_path)
    with TapeReader(paths[1]) as reader:
        last = reader.blocks[-1].offset
    paths[1].write_bytes(paths[1].read_bytes()[:last])
    with Playback(*paths) as playback:
        found = audit(playback)
    assert found.status == 3 and found.cut is None and found.session.totals.digests_failed == 0
    assert [hole.why for hole in playback.tape.holes] == ["the segment before is cut before part-3.tape.zst"]
    assert found.session.digests() == recording.session.digests()


def test_the_last_segment_missing_is_a_cut(recording: Script, tmp_path: Path) -> None:
    paths = copied(recording, tmp_path)
    paths.pop().unlink()
    with Playback(*paths) as playback:
        found = audit(playback)
    assert (found.status, found.cut) == (3, "the segment that follows is missing")


def test_a_set_may_begin_anywhere(recording: Script, tmp_path: Path) -> None:
    paths = copied(recording, tmp_path)
    for path in paths[:2]:
        path.unlink()
    with Playback(*paths[2:]) as playback:
        found = audit(playback)
    assert found.session.totals.digests_failed == 0 and not found.contradicted
    assert found.session.digests() == recording.session.digests()
    assert playback.joints_proven == len(paths) - 3


def altered(path: Path, alter: Callable[[Record], Record]) -> None:
    """Write a tape again with something else in it, as no accident could."""
    records = [alter(record) for record in records_of(path)]
    new = path.with_name("new")
    rewritten(path, new, records)
    new.replace(path)


def test_a_joint_whose_books_were_altered_is_a_contradiction(recording: Script, tmp_path: Path) -> None:
    paths = copied(recording, tmp_path)

    def other_book(record: Record) -> Record:
        if record.kind != KEYFRAME:
            return record
        return Record(record.time, 0, KEYFRAME, record.payload.replace(b'["61687"', b'["61688"').replace(b"2.25", b"2.26"))

    altered(paths[1], other_book)
    with Playback(*paths) as playback:
        found = audit(playback)
    assert found.status == 5
    assert (playback.joints_failed, playback.tape.faults) == (1, ["part-3.tape.zst does not continue part-2.tape.zst"])


def test_a_segment_that_is_another_one_is_a_contradiction(recording: Script, tmp_path: Path) -> None:
    paths = copied(recording, tmp_path)
    altered(
        paths[0],
        lambda record: Record(record.time, record.connection, record.kind, record.payload.replace(b'"B":"1.5"', b'"B":"1.6"')),
    )
    with Playback(*paths) as playback:
        found = audit(playback)
    assert found.status == 5 and playback.tape.faults == ["part-2.tape.zst does not continue part-1.tape.zst"]


def test_a_folder_with_other_things_in_it(recording: Script, tmp_path: Path) -> None:
    paths = copied(recording, tmp_path)
    (tmp_path / f"text{SUFFIX}").write_text("hello")
    (tmp_path / f"empty{SUFFIX}").write_bytes(b"")
    (tmp_path / f"folder{SUFFIX}").mkdir()
    (tmp_path / "notes.txt").write_text("part-9")
    assert find_segments(tmp_path) == paths
    assert find_segments(paths[2]) == paths
    assert find_segments(paths[2], alone=True) == [paths[2]]
    other = whole_tape(tmp_path / f"other{SUFFIX}")
    assert find_segments(other) == [other]
    assert find_segments(paths[0]) == paths
    with pytest.raises(UsageError, match="holds 2 recordings"):
        find_segments(tmp_path)
    with pytest.raises(UsageError, match="several recordings"):
        TapeSet([paths[0], other])
    (tmp_path / f"copy{SUFFIX}").write_bytes(paths[1].read_bytes())
    with pytest.raises(UsageError, match="are the same part of one recording"):
        TapeSet(find_segments(paths[0]))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="there is no tape in"):
        find_segments(empty)
    with pytest.raises(TapeError, match="is not a tape"):
        find_segments(tmp_path / f"text{SUFFIX}")


def test_a_next_segment_that_cannot_be_made_ends_loudly_and_keeps_this_one(tmp_path: Path) -> None:
    script = segmented(tmp_path, every_ns=2 * SECOND)
    (tmp_path / f"part-2{SUFFIX}").write_bytes(b"somebody's")
    with pytest.raises(TapeError, match="already exists"):
        script.live(60)
    script.finish()
    assert (tmp_path / f"part-2{SUFFIX}").read_bytes() == b"somebody's"
    found = played(script.path)
    assert found.cut is None and found.session.totals.digests_failed == 0


# -- behind


BUFFER = 1_000_000


class Behind:
    """A live recording whose disk stands still until a test lets it go on."""

    def __init__(self, path: Path, **options: Any) -> None:
        made: list[Gated] = []
        self.events: list[Event] = []
        self.said: list[str] = []
        self.script = Script(
            path,
            {"digest_ns": 5 * STEP, "keyframe_ns": 20 * STEP} | options,
            make=lambda path: TapeWriter(path, level=9, buffer=BUFFER, patient=False, make=gated(made)),
        )
        self.recorder = self.script.recorder
        self.disk = made[0]
        self.recorder.late = self._late
        self.recorder.say = self.said.append
        take = self.recorder.take

        def taking(record: Record) -> Sequence[Event]:
            events = take(record)
            self.events.extend(events)
            return events

        self.recorder.take = taking  # type: ignore[method-assign]
        self.late = 0

    def _late(self, record: Record, events: Sequence[Event]) -> None:
        self.late += 1
        self.events.extend(events)

    def stop(self) -> None:
        """Let the disk stand still."""
        self.disk.gate.clear()

    def fill(self, share: float) -> None:
        """Record until so much waits."""
        rng = random.Random(5)
        while self.recorder.writer.filled < share:
            self.script.delta()
            self.script.take(b"recv.ping", rng.randbytes(15_000))

    def go_on(self) -> None:
        """Let the disk work, and wait until it has everything."""
        self.disk.gate.set()
        self.recorder.writer.flush()
        until(lambda: not self.recorder.writer.waiting)


def is_the_same_live_and_replayed(behind: Behind) -> Playback:
    """Hold a replay against the live run: books, digests, losses and every event in its order."""
    path = behind.script.finish()
    playback = Playback(path)
    events = [event for _, events in playback.play() for event in events]
    playback.close()
    live, replayed = behind.script.session, playback.session
    assert replayed.totals.digests_failed == 0 and replayed.totals.digests_matched > 3
    assert replayed.digests() == live.digests() and replayed.as_json() == live.as_json()
    assert replayed.losses == live.losses
    assert events == behind.events
    return playback


def test_decoding_is_deferred_while_the_disk_is_behind_and_nothing_is_lost_by_it(tmp_path: Path) -> None:
    behind = Behind(tmp_path / "a.tape.zst")
    script = behind.script.live(30)
    behind.stop()
    behind.fill(DEFER_AT + 0.05)
    assert behind.recorder.deferred > 0
    sequence = script.session.books[TARGET].book.sequence
    script.delta(lost=2)
    script.delta()
    script.snapshot()
    script.delta()
    script.close()
    script.open(2)
    assert script.session.books[TARGET].book.sequence == sequence and script.session.totals.losses == 0
    last = script.now
    behind.go_on()
    behind.recorder.look()
    assert behind.recorder.deferred == 0 and behind.late >= 6
    assert [loss.kind for loss in script.session.losses] == ["gap", "disconnect"]
    script.delta(connection=2)
    script.snapshot()
    for _ in range(20):
        script.delta(connection=2)
    is_the_same_live_and_replayed(behind)
    records = records_of(script.path)
    deferred_from = next(record.time for record in records if b'"missed":2' in record.payload or record.time >= last - 8 * STEP)
    between = [record.kind for record in records if deferred_from < record.time < last]
    assert DIGEST not in between and KEYFRAME not in between
    behind.recorder.look()


def test_a_writer_that_waits_for_its_disk_puts_nothing_off(tmp_path: Path) -> None:
    made: list[Gated] = []
    script = Script(
        tmp_path / "a.tape.zst",
        {"digest_ns": 3 * STEP, "keyframe_ns": 5 * STEP},
        make=lambda path: TapeWriter(path, level=1, buffer=2_000_000, make=gated(made)),
    ).live(20)
    made[0].gate.clear()
    rng = random.Random(5)
    while script.recorder.writer.filled < DEFER_AT:
        script.delta()
        script.take(b"recv.ping", rng.randbytes(15_000))
    script.delta()
    assert script.recorder.deferred == 0
    assert script.session.books[TARGET].book.sequence == script.sequence
    made[0].gate.set()
    kinds = [record.kind for record in records_of(script.finish())]
    assert kinds.count(KEYFRAME) > 20 and kinds.count(DIGEST) > 30


def test_a_recorder_that_is_finished_while_it_is_behind_decodes_the_rest(tmp_path: Path) -> None:
    behind = Behind(tmp_path / "a.tape.zst")
    behind.script.live(30)
    behind.stop()
    behind.fill(DEFER_AT + 0.05)
    assert behind.recorder.deferred
    behind.disk.gate.set()
    is_the_same_live_and_replayed(behind)


def test_whoever_is_told_late_may_record_more(tmp_path: Path) -> None:
    behind = Behind(tmp_path / "a.tape.zst")
    script = behind.script.live(30)
    late = behind.recorder.late
    answers = 0

    def answer(record: Record, events: Sequence[Event]) -> None:
        nonlocal answers
        late(record, events)
        if record.kind == RECV and answers < 300:
            answers += 1
            script.delta()

    behind.recorder.late = answer
    behind.stop()
    behind.fill(DEFER_AT + 0.05)
    behind.go_on()
    behind.recorder.look()
    assert answers == 300 and behind.recorder.deferred == 0
    is_the_same_live_and_replayed(behind)


def test_rotation_waits_for_what_was_deferred(tmp_path: Path) -> None:
    made: list[Gated] = []

    def make(path: Path) -> TapeWriter:
        return TapeWriter(path, level=1, buffer=BUFFER, patient=False, make=gated(made))

    rotation = Rotation(lambda start, number: make(tmp_path / f"part-{number}{SUFFIX}"), 20 * SECOND)
    script = Script(tmp_path / f"part-1{SUFFIX}", {"rotation": rotation, "digest_ns": 5 * STEP}, make=make)
    script.live(5)
    rng = random.Random(2)
    made[0].gate.clear()
    while script.recorder.writer.filled < DEFER_AT:
        script.take(b"recv.ping", rng.randbytes(15_000))
    while script.recorder.segment == 1:
        script.delta()
    assert script.recorder.deferred == 0
    made[0].gate.set()
    script.delta(lost=1)
    script.finish()
    with Playback(*parts(tmp_path)) as playback:
        found = audit(playback)
    assert found.status == 3 and (playback.joints_proven, playback.joints_failed) == (1, 0)
    assert found.session.as_json() == script.session.as_json()


def test_the_alarm_is_given_once_and_the_level_is_noted(tmp_path: Path) -> None:
    behind = Behind(tmp_path / "a.tape.zst")
    behind.script.live(30)
    behind.stop()
    behind.fill(ALARM_AT + 0.02)
    for _ in range(3):
        behind.recorder.look()
    assert [text for text in behind.said if "THE DISK IS BEHIND" in text] == behind.said
    assert len(behind.said) == 1
    levels: list[int] = []
    behind.disk.before = lambda: levels.append(behind.recorder.writer.level)
    # The next block is compressed less.
    behind.recorder.writer.end_block()
    behind.fill(ALARM_AT + 0.2)
    behind.go_on()
    behind.recorder.look()
    assert 1 in levels
    assert any("compressing at level 1" in text for text in behind.said)
    is_the_same_live_and_replayed(behind)
    noted = [record.json() for record in records_of(behind.script.path) if record.kind == LEVEL]
    assert noted[0]["level"] == 1


def test_frames_that_find_no_room_are_dropped_loudly_counted_and_break_their_books_as_dropped(tmp_path: Path) -> None:
    behind = Behind(tmp_path / "a.tape.zst")
    script = behind.script.live(30)
    frames = script.session.totals.frames
    behind.stop()
    behind.fill(1)
    dropped_from = None
    dropped = 0
    for number in range(50):
        script.delta()
        dropped += 1
        dropped_from = dropped_from or script.now
        if number % 10 == 0:
            script.take(b"recv.ping", b"x")
            # A note closes what was dropped before it: it stands in its place.
    assert script.session.totals.frames < frames + 1000
    assert any("DROPPED HERE" in text for text in behind.said)
    behind.go_on()
    script.delta()
    script.snapshot()
    for _ in range(10):
        script.delta()
    behind.recorder.look()
    playback = is_the_same_live_and_replayed(behind)
    session = playback.session
    notes = [record for record in records_of(script.path) if record.kind == DROP]
    told = [record.json() for record in notes]
    assert sum(one["frames"] for one in told) == dropped == session.totals.dropped
    assert all(one["connections"] == [1] and one["bytes"] > 100 * one["frames"] for one in told)
    assert told[0]["since"] == dropped_from
    assert {loss.kind for loss in session.losses} == {"dropped"}, "a fault of ours is never booked as the venue's"
    assert session.books[TARGET].counters.missed == 0
    assert session.books[TARGET].is_live
    assert playback.status == 3


def test_a_drop_is_told_even_when_nothing_follows(tmp_path: Path) -> None:
    behind = Behind(tmp_path / "a.tape.zst")
    script = behind.script.live(30)
    behind.stop()
    behind.fill(1)
    for _ in range(5):
        script.delta()
    behind.go_on()
    assert behind.recorder.writer.filled < RELAXED_AT
    behind.recorder.look()
    assert script.session.totals.dropped == 5
    assert any(isinstance(event, Gap) and event.kind == "dropped" for event in behind.events)
    behind.recorder.look()
    behind.recorder.writer.flush()
    until(lambda: any(record.kind == DROP for record in records_of(script.path)))
    is_the_same_live_and_replayed(behind)


def test_what_was_dropped_of_one_connection_leaves_the_books_of_others_alone(tmp_path: Path) -> None:
    behind = Behind(tmp_path / "a.tape.zst")
    script = behind.script.live(30)
    script.open(2)
    behind.stop()
    behind.fill(1)
    for _ in range(5):
        script.take(RECV, b'{"stream":"x","data":{}}', 2)
    behind.go_on()
    script.delta()
    assert script.session.totals.dropped == 5 and script.session.books[TARGET].is_live
    is_the_same_live_and_replayed(behind)


# -- keyframes in parts


def test_keyframes_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyframes, "WHOLE_UPTO", 100)
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 10 * STEP, "digest_ns": 3 * STEP}))
    records = records_of(path)
    heads = [record for record in records if record.kind == KEYFRAME]
    assert len(heads) > 4 and sum(record.kind == KEYFRAME_PART for record in records) >= len(heads) - 1
    assert all(record.json()["books"] == {} for record in heads)
    whole = played(path)
    assert whole.session.totals.digests_failed == 0
    with TapeReader(path) as reader:
        blocks = list(reader.blocks)
    for block in blocks:
        if block.keyframe:
            session = played(path, after=block.first + 1).session
            assert session.as_json() == whole.session.as_json()
            assert session.totals.digests_failed == 0
    raw = path.read_bytes()
    last = max(number for number, block in enumerate(blocks) if block.keyframe)
    for number, block in enumerate(blocks[:-1]):
        middle = block.offset + block.size // 2
        path.write_bytes(raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :])
        with Playback(path) as playback:
            found = audit(playback)
        assert (found.status, found.session.totals.digests_failed) == (3, 0)
        if number < last:
            assert found.session.digests() == whole.session.digests()
            # And sought in, past the damage.
            assert played(path, after=blocks[-1].first).session.digests() == whole.session.digests()


def test_parts_of_two_keyframes_are_never_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyframes, "WHOLE_UPTO", 100)
    script = Script(tmp_path / "a.tape.zst", {"keyframe_ns": 10 * STEP, "digest_ns": 3 * STEP}).live(40)
    records = records_of(script.finish())
    heads = [number for number, record in enumerate(records) if record.kind == KEYFRAME]
    hole = {"why": "x", "offset": 0, "bytes": 1, "records": None, "frames": None, "since": 1, "until": 2}
    damage = Record(records[heads[1]].time, 0, DAMAGE, orjson.dumps(hole))
    # Damage, a keyframe whose part is missing, damage again, and the part of a later keyframe.
    spoiled = [*records[: heads[1]], damage, records[heads[1]], damage, *records[heads[2] + 1 :]]
    playback = played(rewritten(script.path, tmp_path / "b.tape.zst", spoiled))
    assert playback.session.totals.digests_failed == 0


# -- followed


class Reading:
    """Follows a set while a test goes on writing it; the test goes on whenever the reader would wait."""

    def __init__(self, steps: Sequence[Callable[[], object]]) -> None:
        self._steps = list(steps)
        self.waits = 0

    def wait(self) -> bool:
        """Do the next thing; False when there is none left."""
        self.waits += 1
        assert self.waits < 100_000
        if self._steps:
            self._steps.pop(0)()
        return True


def settle(script: Script) -> None:
    script.recorder.writer.flush()
    until(lambda: not script.recorder.writer.waiting)


@pytest.mark.parametrize("chained", [False, True])
def test_a_tape_is_followed_while_it_is_written_across_its_segments(tmp_path: Path, chained: bool) -> None:
    script = segmented(tmp_path, every_ns=2 * SECOND)
    settle(script)

    def more() -> None:
        for _ in range(7):
            script.delta()
        settle(script)

    reading = Reading([script.live, *[more] * 12, script.finish])
    with TapeSet([script.path]) as tape:
        read = list(tape.records(wait=reading.wait, chained=chained))
        assert tape.cut is None and tape.holes == [] and tape.faults == []
        assert len(tape.segments) == len(parts(tmp_path)) > 3
        assert all(joint.chained is (True if chained else None) for joint in tape.joints)
    assert read == [record for path in parts(tmp_path) for record in records_of(path)]
    with Playback(*parts(tmp_path)) as playback:
        assert audit(playback).status == 0


def test_a_tape_whose_writer_is_gone_ends_as_cut(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    settle(script)
    reading = Reading([script.delta, lambda: settle(script), script.recorder.writer.abandon])
    with TapeSet([script.path]) as tape:
        read = list(tape.records(wait=reading.wait))
        assert tape.cut == "no end record"
    assert read == records_of(script.path) and read[-1].kind == RECV


def test_a_writer_that_is_gone_between_two_segments_ends_the_following(tmp_path: Path) -> None:
    script = segmented(tmp_path, every_ns=2 * SECOND)
    script.live(5)
    while script.recorder.segment == 1:
        script.delta()
    script.recorder.writer.abandon()
    script.recorder._finish_closing()
    second = tmp_path / f"part-2{SUFFIX}"
    second.write_bytes(second.read_bytes()[:24])
    reading = Reading([])
    with TapeSet([script.path]) as tape:
        read = list(tape.records(wait=reading.wait))
        assert tape.cut == "the segment that follows is missing"
    assert read[-1].kind == END
    second.unlink()
    with TapeSet([script.path]) as tape:
        assert list(tape.records(wait=reading.wait)) == read


def test_nobody_waits_any_longer_than_is_wanted(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    settle(script)
    with TapeSet([script.path]) as tape:
        read = list(tape.records(wait=lambda: False))
    assert read == records_of(script.path)
    script.finish()


# -- a keyframe that is damaged


def test_a_damaged_keyframe_is_replaced_by_the_one_before_it(tmp_path: Path) -> None:
    path = Script(tmp_path / "a.tape.zst", {"keyframe_ns": 10 * STEP, "digest_ns": 3 * STEP}).live(60).finish()
    whole, raw = played(path), path.read_bytes()
    with TapeReader(path) as reader:
        blocks = [block for block in reader.blocks if block.keyframe]
    for block in blocks[1:]:
        path.write_bytes(raw[: block.offset + 40] + bytes(20) + raw[block.offset + 60 :])
        session = played(path, after=block.first + 1).session
        assert session.totals.digests_failed == 0
        assert session.digests() == whole.session.digests() or block is blocks[-1]


def test_a_damaged_header_costs_the_header_and_nothing_else(tmp_path: Path) -> None:
    path = Script(tmp_path / "a.tape.zst", {"keyframe_ns": 10 * STEP, "digest_ns": 3 * STEP}).live(60).finish()
    whole, raw = played(path), path.read_bytes()
    path.write_bytes(raw[:60] + bytes(8) + raw[68:])
    with Playback(path) as playback:
        found = audit(playback)
    assert (found.status, found.cut, found.session.totals.digests_failed) == (3, None, 0)
    assert found.session.digests() == whole.session.digests()
    assert found.session.totals.frames == whole.session.totals.frames
    assert [hole.why for hole in playback.tape.holes] == ["a damaged block"]
    assert inside("verify", path, "-q").status == 3
    assert inside("info", path).out.startswith(b"file ")
