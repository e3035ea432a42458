"""The way to the disk: bounded, cheaper when it is behind, and loud when it ends."""

from __future__ import annotations

import errno
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from feedtape.errors import TapeError
from feedtape.model.records import HEADER, KEYFRAME, MARKER, RECV, Record, note
from feedtape.tape import output
from feedtape.tape.disk import Disk
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from stage_cli import records_of, until
from tape.disks import Deaf, Failing, Gated, Short, Synced, error_of, gated, over

BUFFER = 1_000_000
TIME = 10**18


def frame(number: int, size: int = 20_000) -> Record:
    """A frame that does not compress."""
    return Record(TIME + number, 1, RECV, random.Random(number).randbytes(size // 2).hex().encode())


def header() -> Record:
    return note(TIME, HEADER, {"start": TIME})


def stuck(path: Path, *, patient: bool, level: int = 9) -> tuple[TapeWriter, Gated]:
    """A writer whose disk takes nothing more than its first bytes."""
    made: list[Gated] = []
    writer = TapeWriter(path, level=level, buffer=BUFFER, patient=patient, make=gated(made))
    made[0].gate.clear()
    return writer, made[0]


# -- behind


def test_frames_are_refused_when_the_buffer_is_full_and_notes_never(tmp_path: Path) -> None:
    writer, disk = stuck(tmp_path / "a.tape.zst", patient=False)
    taken = [header()]
    writer.write(taken[0])
    number = 0
    while writer.write(one := frame(number)):
        taken.append(one)
        number += 1
        assert number < 200, "it never was full"
    assert BUFFER <= writer.waiting < BUFFER * 1.2
    for kind in (b"recv.bin", b"body"):
        assert not writer.write(Record(one.time, 1, kind, b"x"))
    for kind in (MARKER, b"drop", b"close", b"digest", b"request", b"send"):
        taken.append(Record(one.time, 0, kind, b"{}"))
        assert writer.write(taken[-1])
    disk.gate.set()
    until(lambda: writer.filled < 0.5)
    taken.append(frame(number + 1))
    assert writer.write(taken[-1])
    writer.close({})
    assert records_of(writer.path) == taken


def test_a_patient_writer_waits_and_holds_no_more_than_its_buffer(tmp_path: Path) -> None:
    writer, disk = stuck(tmp_path / "a.tape.zst", patient=True)
    frames = [header(), *(frame(number) for number in range(150))]
    most, done = 0, 0

    def write_all() -> None:
        nonlocal most, done
        for one in frames:
            assert writer.write(one)
            most = max(most, writer.waiting)
            done += 1

    thread = threading.Thread(target=write_all)
    thread.start()
    until(lambda: writer.filled >= 1)
    assert done < len(frames)
    disk.gate.set()
    thread.join(20)
    assert done == len(frames) and BUFFER <= most < BUFFER * 1.2
    writer.close({})
    assert records_of(writer.path) == frames


@pytest.mark.parametrize(("blocks", "lowest"), [(3, 9), (5, 3), (10, 1)])
def test_the_level_falls_while_the_disk_is_behind_and_rises_when_it_is_not(tmp_path: Path, blocks: int, lowest: int) -> None:
    writer, disk = stuck(tmp_path / "a.tape.zst", patient=False)
    levels: list[int] = []
    disk.before = lambda: levels.append(writer.level)
    records = [header()]
    for block in range(blocks):
        records += [note(TIME + block * 4, KEYFRAME, {}), *(frame(block * 4 + number) for number in range(4))]
    for record in records:
        assert writer.write(record)
    assert writer.filled < 1 and writer.level == 9
    disk.gate.set()
    writer.flush()
    until(lambda: not writer.waiting)
    assert set(levels) == {9, lowest} and levels == sorted(levels, reverse=True)
    for block in range(3):
        records.append(note(TIME + 100 + block, KEYFRAME, {}))
        writer.write(records[-1])
        writer.flush()
        until(lambda: not writer.waiting)
    assert writer.level == 9
    writer.close({})
    assert records_of(writer.path) == records


def test_a_level_that_was_asked_for_is_never_raised(tmp_path: Path) -> None:
    writer, disk = stuck(tmp_path / "a.tape.zst", patient=False, level=1)
    levels: list[int] = []
    disk.before = lambda: levels.append(writer.level)
    for block in range(10):
        writer.write(note(TIME + block * 4, KEYFRAME, {}))
        for number in range(4):
            writer.write(frame(block * 4 + number))
    disk.gate.set()
    writer.close({})
    assert set(levels) == {1}


# -- failing


EIO = error_of(errno.EIO)
ENOSPC = error_of(errno.ENOSPC)


@pytest.mark.parametrize("after", [24, 1_000, 60_000])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EIO, "Input/output error"),
        (ENOSPC, "No space left on device"),
        (RuntimeError("a driver of somebody's"), "a driver of somebody's"),
    ],
)
@pytest.mark.parametrize("patient", [True, False])
def test_a_disk_that_fails_is_loud_and_keeps_what_came_before(
    tmp_path: Path, after: int, error: Exception, said: str, patient: bool
) -> None:
    made: list[Disk] = []

    def broken(disk: Disk) -> Disk:
        made.append(Failing(disk, after, error))
        return made[0]

    writer = TapeWriter(tmp_path / "a.tape.zst", level=1, buffer=50_000, patient=patient, make=over(broken))
    given, flushed = [header()], 0
    with pytest.raises(TapeError) as caught:
        writer.write(given[0])
        for number in range(100):
            given.append(frame(number, 2000))
            writer.write(given[-1])
            if number % 5 == 0:
                writer.flush()
                until(lambda: not writer.waiting or writer._output.failure is not None)
                flushed = len(given) if writer._output.failure is None else flushed
    assert str(caught.value) == f"{writer.path} cannot be written any further: {said}"
    writer.abandon()
    got = records_of(writer.path)
    assert got == given[: len(got)] and len(got) >= flushed
    assert isinstance(made[0], Failing) and made[0].closed
    with pytest.raises(TapeError, match="cannot be written any further"):
        writer.flush()
    with pytest.raises(TapeError, match="cannot be written any further"):
        writer.close({})


def test_a_disk_that_takes_a_little_at_a_time_gets_everything(tmp_path: Path) -> None:
    tapes = []
    for name, make in (("a", over(Short)), ("b", over(lambda disk: disk))):
        writer = TapeWriter(tmp_path / f"{name}.tape.zst", level=1, make=make)
        for record in (header(), *(frame(number, 400) for number in range(20))):
            writer.write(record)
        writer.close({"x": 1})
        tapes.append(writer.path.read_bytes())
    assert tapes[0] == tapes[1]


def test_a_disk_that_takes_nothing_is_not_asked_for_ever(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "a.tape.zst", make=over(Deaf))
    writer.write(header())
    with pytest.raises(TapeError, match="the disk takes nothing"):
        writer.close({})


def test_a_disk_that_takes_not_even_the_signature(tmp_path: Path) -> None:
    made: list[Failing] = []

    def broken(disk: Disk) -> Disk:
        made.append(Failing(disk, 0, ENOSPC))
        return made[0]

    with pytest.raises(TapeError, match="cannot be written: No space left on device"):
        TapeWriter(tmp_path / "a.tape.zst", make=over(broken))
    assert made[0].closed


def test_a_tape_that_cannot_be_synced_is_not_said_to_be_closed(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "a.tape.zst", make=over(lambda disk: Failing(disk, 0, EIO, at_sync=True)))
    writer.write(header())
    closed: list[bool] = []
    with pytest.raises(TapeError, match="Input/output error"):
        writer.close({}, closed=lambda: closed.append(True))
    assert closed == []
    assert records_of(writer.path) == [header()]


def test_statistics_that_cannot_be_written_are_an_error_and_not_a_silence(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "a.tape.zst")
    writer.write(header())
    with pytest.raises(TapeError, match="not JSON serializable"):
        writer.close({"x": object()})
    assert records_of(writer.path) == [header()]


def remove_file(path: Path) -> None:
    path.unlink()


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def replace_file(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"another")


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.parametrize("lose", [remove_file, remove_folder, replace_file, move_folder])
@pytest.mark.parametrize("busy", [True, False])
def test_a_file_that_vanishes_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lose: Callable[[Path], None], busy: bool
) -> None:
    monkeypatch.setattr(output, "_LOOK_S", 0.01)
    writer = TapeWriter(tmp_path / "folder" / "a.tape.zst")
    writer.write(header())
    writer.flush()
    lose(writer.path)

    def is_noticed() -> bool:
        try:
            if busy:
                writer.write(frame(1))
            writer.flush()
        except TapeError as error:
            assert "the file is gone from its folder" in str(error)
            return True
        return False

    until(is_noticed)
    with pytest.raises(TapeError, match="gone from its folder"):
        writer.close({})


def test_a_file_that_vanished_just_before_the_end_is_not_said_to_be_closed(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "a.tape.zst")
    writer.write(header())
    writer.flush()
    writer.path.unlink()
    with pytest.raises(TapeError, match="gone from its folder"):
        writer.close({})


# -- synced


def test_what_is_written_is_synced_in_time_even_when_nothing_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_LOOK_S", 0.01)
    monkeypatch.setattr(output, "SYNC_S", 0.02)
    made: list[Synced] = []

    def counting(disk: Disk) -> Disk:
        made.append(Synced(disk))
        return made[0]

    writer = TapeWriter(tmp_path / "a.tape.zst", make=over(counting))
    disk = made[0]
    for number in range(3):
        writer.write(header() if not number else frame(number))
        writer.flush()
        until(lambda: not writer.waiting and disk.safe == disk.written > 24)
    writer.write(frame(9))
    writer.close({})
    assert disk.safe == disk.written and disk.closed


# -- blocks that wait


def test_closing_can_go_on_beside(tmp_path: Path) -> None:
    writer, disk = stuck(tmp_path / "a.tape.zst", patient=False)
    writer.write(header())
    closed = threading.Event()
    writer.close({}, wait=False, closed=closed.set)
    assert not writer.is_closed and not closed.is_set()
    disk.gate.set()
    writer.wait()
    assert closed.is_set() and writer.is_closed
    with TapeReader(writer.path) as reader:
        assert reader.has_index and list(reader.records()) == [header()]
