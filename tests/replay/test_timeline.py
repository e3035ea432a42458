"""The time line of a whole tape."""

from pathlib import Path

import pytest

from feedtape.model.records import FRAMES, MARKER, Record
from feedtape.replay import timeline
from feedtape.replay.timeline import Timeline, scan
from feedtape.session import Session
from feedtape.tape.segments import TapeSet
from stage_cli import START, STEP, TARGET, Script, eventful, played, records_of, rewritten, whole_tape


def scanned(path: Path, buckets: int = 50) -> list[Timeline]:
    with TapeSet([path]) as tape:
        return list(scan(tape, buckets=buckets))


def test_every_frame_is_in_the_bucket_of_its_time(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    line = scanned(path)[-1]
    times = [record.time for record in records_of(path) if record.kind in FRAMES]
    expected = [0] * 50
    for time in times:
        expected[line.bucket(time)] += 1
    assert line.is_whole and line.counts == expected and sum(expected) == len(times)
    assert (line.first, line.bucket(line.first), line.bucket(line.last)) == (START, 0, 49)
    assert (line.bucket(0), line.bucket(2**63)) == (0, 49)
    assert line.marks == []


def test_marks_are_what_the_replay_finds_and_the_recorder_noted(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst")
    script.note(MARKER, {"note": "before all"})
    line = scanned(eventful(script))[-1]
    session: Session = played(script.path).session
    kinds = [mark.kind for mark in line.marks]
    assert kinds.count("resync") == session.books[TARGET].counters.resyncs
    assert {"gap", "resync", "mark", "stall", "disconnect", "dropped"} == set(kinds)
    assert line.marks == sorted(line.marks)
    assert line.marks[0] == (START + STEP, "mark", "before all")
    assert any(mark.text.startswith(f"{TARGET} trades trade") for mark in line.marks)
    assert len([mark for mark in line.marks if mark.text == "closed by venue"]) == 2


def test_damage_and_a_failed_checksum_have_marks(tmp_path: Path) -> None:
    source = whole_tape(tmp_path / "a.tape.zst", 300)
    gap = Record(records_of(source)[-1].time, 0, b"gap", b'{"target":"okx:X","kind":"checksum","detail":"\xc3\xa9"}')
    odd = [Record(gap.time, 0, kind, b"{]") for kind in (b"gap", b"stall", MARKER)]
    path = rewritten(source, tmp_path / "b.tape.zst", [*records_of(source), gap, *odd], cut=True)
    assert [mark[1:] for mark in scanned(path)[-1].marks] == [("checksum", "okx:X checksum é")]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    assert "damage" in {mark.kind for mark in scanned(path)[-1].marks}


def test_it_is_estimated_at_once_and_counted_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "_TOLD_EVERY", 10)
    path = whole_tape(tmp_path / "a.tape.zst", 60)
    frames = sum(record.kind in FRAMES for record in records_of(path))
    asked = iter([True, True, False])
    with TapeSet([path]) as tape:
        steps = [(sum(line.counts), line.is_whole) for line in scan(tape, lambda: next(asked))]
        assert steps[0][0] == pytest.approx(frames)
        assert [is_whole for _, is_whole in steps] == [False] * 3
        told: list[int] = []
        assert [line.is_whole for line in scan(tape, tell=told.append)][-1]
        assert told[-1] <= tape.size


def test_no_more_marks_are_listed_than_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MARKS_KEPT", 2)
    script = Script(tmp_path / "a.tape.zst").live()
    for number in range(5):
        script.note(MARKER, {"note": str(number)})
    line = scanned(script.finish())[-1]
    assert [mark.text for mark in line.marks] == ["0", "1"]


def test_a_tape_of_one_moment_has_one_bucket_in_use(tmp_path: Path) -> None:
    line = scanned(Script(tmp_path / "a.tape.zst").abandon())[-1]
    assert (line.first, line.last, sum(line.counts), line.bucket(START)) == (START, START, 0, 0)
