"""Tapes as files: written, read, cut anywhere, flipped anywhere, tampered with, bombed, contested."""

import contextlib
import hashlib
import itertools
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings

from feedtape.errors import FeedtapeError, TapeError
from feedtape.model.records import CHAIN, DAMAGE, DIGEST, END, FRAMES, HEADER, KEYFRAME, MARKER, RECV, SUM, Record, note
from feedtape.replay.audit import audit
from feedtape.replay.playback import Playback
from feedtape.tape.format import (
    INDEX_MAGIC,
    Block,
    encode_index,
    encode_line,
    signature,
)
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import BLOCK_NS, TapeWriter
from stage_cli import Script, decompressed, eventful, played, records_of, until, whole_tape
from tape.test_format import CONTAINER, RECORDS

HEADER_LINE = encode_line(note(1, HEADER, {"start": 1, "format": 1}))


def written(path: Path, records: list[Record]) -> Path:
    writer = TapeWriter(path, level=1)
    for record in records:
        writer.write(record)
    writer.close({})
    return path


def read(path: Path) -> tuple[list[Record], TapeReader]:
    with TapeReader(path) as reader:
        return list(reader.records()), reader


def noisy(count: int, seed: int = 3) -> list[Record]:
    """Frames that compress badly, so that a file has a length to cut."""
    rng = random.Random(seed)
    frames = [Record(10**18 + number, 1, RECV, b'{"x":"%x"}' % rng.getrandbits(200)) for number in range(count)]
    return [note(10**18, HEADER, {"start": 10**18}), *frames]


# -- there and back


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=RECORDS.map(lambda one: [one, one]) | RECORDS.flatmap(lambda one: RECORDS.map(lambda two: [one, two])))
def test_what_was_written_is_read(records: list[Record], tmp_path: Path) -> None:
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.tape.zst"
    read_back, reader = read(written(path, records))
    assert read_back == records
    assert reader.damage is None
    assert reader.complete == any(record.kind == END for record in records)
    assert reader.has_index


def test_zstd_alone_prints_the_lines(tmp_path: Path) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 10**9, "digest_ns": 5 * 10**8}))
    records = records_of(path)
    assert len(blocks_of(path)) > 3
    text = decompressed(path)
    lines = text.splitlines(keepends=True)
    assert b"".join(line for line in lines if kind_of(line) not in CONTAINER) == b"".join(map(encode_line, records))
    assert [kind_of(line) for line in lines].count(CHAIN) == len(blocks_of(path)) - 1
    for line in text.splitlines():
        _, _, kind, payload = line.split(b" ", 3)
        if kind != b"recv":
            orjson.loads(payload)
    frames = [line.split(b" ", 3)[3] for line in text.splitlines() if b" recv " in line[:40]]
    whole = [orjson.loads(frame) for frame in frames if frame.endswith(b"}}")]
    assert sum(frame["stream"] == "btcusdt@depth@100ms" for frame in whole) > 20


@pytest.mark.skipif(shutil.which("zstd") is None, reason="there is no zstd program here")
def test_the_zstd_program_reads_and_checks_a_tape(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    printed = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True, timeout=20).stdout
    assert printed == decompressed(path)
    subprocess.run(["zstd", "-tq", path], check=True, timeout=20)


def kind_of(line: bytes) -> bytes:
    return line.split(b" ", 3)[2]


def blocks_of(path: Path) -> list[Block]:
    with TapeReader(path) as reader:
        return reader.blocks


def test_blocks_say_where_they_stand_and_what_they_hold(tmp_path: Path) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 10**9, "digest_ns": 5 * 10**8}))
    records, blocks, raw = records_of(path), blocks_of(path), path.read_bytes()
    assert sum(block.records for block in blocks) == len(records)
    assert sum(block.keyframe for block in blocks) == sum(record.kind == KEYFRAME for record in records) > 3
    at = frames = 0
    head = ""
    for number, block in enumerate(blocks):
        lines = zstandard.ZstdDecompressor().decompressobj().decompress(raw[block.offset : block.offset + block.size])
        inside = records[at : at + block.records]
        own = lines.splitlines(keepends=True)
        if number:
            link = orjson.loads(own[0].split(b" ", 3)[3])
            assert own.pop(0)[:19] == b"%019d" % inside[0].time
            assert link == {"block": number, "records": at, "frames": frames, "head": head}
        assert b"".join(line for line in own if kind_of(line) != SUM) == b"".join(map(encode_line, inside))
        head = hashlib.blake2b(head.encode() + lines, digest_size=32).hexdigest()
        frames += sum(record.kind in FRAMES for record in inside)
        assert (len(lines), inside[0].time, inside[-1].time) == (block.raw_size, block.first, block.last)
        assert block.keyframe == (inside[0].kind == KEYFRAME)
        with TapeReader(path) as reader:
            assert list(reader.records(block)) == records[at:]
        at += block.records
    with TapeReader(path) as reader:
        assert reader.index.head == head
        list(reader.records(chained=True))
        assert (reader.passage.head, reader.passage.faults, reader.passage.misindexed) == (head, [], [])
    assert records[-1].json()["chain"] == link["head"], "the end record names the chain of all blocks before its own"


def test_a_block_ends_with_its_minute_or_its_megabyte(tmp_path: Path) -> None:
    frames = [Record(number * BLOCK_NS // 2, 1, RECV, b"{}") for number in range(6)]
    assert [block.records for block in blocks_of(written(tmp_path / "a.tape.zst", frames))] == [2, 2, 2]
    frames = [Record(number, 1, RECV, b"x" * 400_000) for number in range(6)]
    assert [block.records for block in blocks_of(written(tmp_path / "b.tape.zst", frames))] == [3, 3]


def test_keyframe_before(tmp_path: Path) -> None:
    times = [(10, MARKER), (20, KEYFRAME), (30, MARKER), (40, KEYFRAME), (50, MARKER)]
    path = written(tmp_path / "a.tape.zst", [note(time, kind, {}) for time, kind in times])
    with TapeReader(path) as reader:
        found = {time: reader.keyframe_before(time) for time in (5, 10, 20, 21, 40, 41, 99)}
    starts = {time: block.first if block else None for time, block in found.items()}
    assert starts == {5: None, 10: None, 20: None, 21: 20, 40: 20, 41: 40, 99: 40}


def test_skippable_frames_of_others_are_passed_over(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    records, blocks, raw = records_of(path), blocks_of(path), path.read_bytes()
    foreign = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    end = blocks[-1].offset + blocks[-1].size
    path.write_bytes(raw[: len(signature())] + foreign + raw[len(signature()) : end] + foreign)
    read_back, reader = read(path)
    assert read_back == records
    assert (reader.complete, reader.damage, reader.has_index) == (True, None, False)


# -- cut


def flush(writer: TapeWriter, count: int) -> None:
    """Flush, and wait until so many records are in the file."""
    writer.flush()
    until(lambda: len(records_of(writer.path)) >= count, within_s=5)


def test_every_cut_of_a_small_tape_opens_and_keeps_what_was_flushed(tmp_path: Path) -> None:
    records, path = noisy(26), tmp_path / "a.tape.zst"
    writer, flushed = TapeWriter(path, level=1), {}
    for number, record in enumerate(records, 1):
        writer.write(record)
        if number % 7 == 0:
            flush(writer, number + (number > 13))
            flushed[path.stat().st_size] = number + (number > 13)
        if number == 13:
            records_before_keyframe = note(10**18 + 13, KEYFRAME, {})
            writer.write(records_before_keyframe)
    records.insert(13, records_before_keyframe)
    end = note(10**18 + 50, END, {"reason": "test"})
    writer.write(end)
    records.append(end)
    writer.close({})
    raw, cut = path.read_bytes(), tmp_path / "cut.tape.zst"
    whole = blocks_of(path)[-1]
    for length in range(len(raw)):
        cut.write_bytes(raw[:length])
        if length < len(signature()) - 1:
            with pytest.raises(TapeError):
                TapeReader(cut)
            continue
        got, reader = read(cut)
        kept = max((number for size, number in flushed.items() if size <= length), default=0)
        assert got == records[: len(got)] and len(got) >= kept, length
        assert reader.complete == (got == records), length
        assert reader.passage.holes == [], length
        assert not reader.has_index
        if length < whole.offset + whole.size - 20:
            assert not reader.complete


def test_cuts_of_a_larger_tape_are_told_by_the_audit(tmp_path: Path) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    whole, raw, rng = played(path), path.read_bytes(), random.Random(5)
    first, end = blocks_of(path)[0], blocks_of(path)[-1]
    times = [record.time for record in records_of(path)]
    for length in rng.sample(range(first.offset + first.size, end.offset + end.size - 20), 60):
        cut = tmp_path / "cut.tape.zst"
        cut.write_bytes(raw[:length])
        playback = played(cut)
        assert playback.cut is not None
        assert playback.session.totals.frames < whole.session.totals.frames or playback.cut == "no end record"
        assert playback.session.totals.digests_failed == 0
        assert playback.session.last in times


def test_a_tape_of_nothing_but_its_signature_has_no_header(tmp_path: Path) -> None:
    path = tmp_path / "a.tape.zst"
    path.write_bytes(signature())
    with TapeReader(path) as reader, pytest.raises(TapeError, match="holds no header"):
        reader.header()


# -- flushed


@pytest.mark.parametrize("size", [10, 65_000, 70_000, 200_000, 2_000_000])
def test_what_was_flushed_can_be_read_while_the_writer_lives(tmp_path: Path, size: int) -> None:
    path, rng = tmp_path / "a.tape.zst", random.Random(1)
    writer = TapeWriter(path, level=1)
    frame = Record(7, 1, RECV, rng.randbytes(size // 2).hex().encode())
    for count in (1, 2):
        writer.write(frame)
        flush(writer, count)
        assert records_of(path) == [frame] * count
    writer.abandon()


# -- flipped


def test_flipped_bits_are_noticed_or_harmless(tmp_path: Path) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    records, raw, rng = records_of(path), path.read_bytes(), random.Random(11)
    flipped, noticed = tmp_path / "flipped.tape.zst", 0
    for _ in range(400):
        position = rng.randrange(len(raw))
        flipped.write_bytes(raw[:position] + bytes([raw[position] ^ 1 << rng.randrange(8)]) + raw[position + 1 :])
        try:
            got, reader = read(flipped)
        except TapeError as error:
            assert str(error)
            noticed += 1
            continue
        if reader.passage.holes or not reader.complete:
            noticed += 1
            assert [record for record in got if record.kind != DAMAGE] != records or got[-1].kind == DAMAGE, position
        else:
            assert got == records, position
    assert noticed > 250


def test_playing_flipped_tapes_never_ends_in_anything_but_an_error_of_ours(tmp_path: Path) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    raw, rng, flipped = path.read_bytes(), random.Random(13), tmp_path / "flipped.tape.zst"
    for _ in range(300):
        position = rng.randrange(len(signature()), len(raw))
        flipped.write_bytes(raw[:position] + bytes([rng.randrange(256)]) + raw[position + 1 :])
        with contextlib.suppress(FeedtapeError):
            played(flipped)


# -- tampered with


def reindexed(path: Path, blocks: list[Block], start: int | None = None, statistics: dict[str, object] | None = None) -> Path:
    """Put another index behind a tape's blocks."""
    last = blocks_of(path)[-1]
    raw = path.read_bytes()[: last.offset + last.size]
    path.write_bytes(raw + encode_index(blocks, len(signature()) if start is None else start, "", statistics or {}))
    return path


@pytest.mark.parametrize(
    "tamper",
    [
        lambda blocks: blocks[1:],
        lambda blocks: blocks[:-1],
        lambda blocks: blocks[::-1],
        lambda blocks: [blocks[0]._replace(offset=blocks[0].offset + 1), *blocks[1:]],
        lambda blocks: [blocks[0]._replace(size=blocks[0].size + 1), *blocks[1:]],
        lambda blocks: [*blocks[:-1], blocks[-1]._replace(size=blocks[-1].size - 1)],
        lambda blocks: [blocks[0]._replace(size=-5), *blocks[1:]],
        lambda blocks: [blocks[0]._replace(offset="8"), *blocks[1:]],
        lambda blocks: [blocks[0]._replace(first=1.5), *blocks[1:]],
        lambda blocks: [blocks[0]._replace(records=None), *blocks[1:]],
        lambda blocks: [*blocks, blocks[-1]],
        lambda blocks: [],
    ],
)
def test_an_index_that_does_not_fit_the_file_is_not_believed(tmp_path: Path, tamper: object) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    records, blocks = records_of(path), blocks_of(path)
    assert callable(tamper)
    numbers = [
        block._replace(**{name: max(0, value) for name, value in block._asdict().items() if type(value) is int})
        for block in tamper(blocks)
    ]
    raw = path.read_bytes()[: blocks[-1].offset + blocks[-1].size]
    index = encode_index(numbers, len(signature()), "", {}) if all(type(n) is int for b in tamper(blocks) for n in b[:3]) else b""
    path.write_bytes(raw + index)
    got, reader = read(path)
    assert got == records and reader.complete
    assert not reader.has_index and reader.blocks == []


def test_an_index_of_wrong_values_is_not_believed(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    records, blocks, raw = records_of(path), blocks_of(path), path.read_bytes()
    content = raw[blocks[-1].offset + blocks[-1].size :]
    table = content[content.rindex(b"\x5e\x2a\x4d\x18") :]
    for wrong in (b"null", b"[]", b"{}", b'{"blocks":7,"statistics":{}}', b'{"blocks":[[1,2]],"statistics":{}}', b"\xff", b""):
        index = INDEX_MAGIC.to_bytes(4, "little") + len(wrong).to_bytes(4, "little") + wrong
        fitting = table[:-17] + len(index).to_bytes(4, "little") + table[-13:]
        path.write_bytes(raw[: blocks[-1].offset + blocks[-1].size] + index + fitting)
        got, reader = read(path)
        assert got == records and not reader.has_index, wrong


def test_a_seek_table_that_claims_more_than_the_file(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    records, raw = records_of(path), path.read_bytes()
    for entries in (0, 1, 2, 10**6, 2**32 - 1):
        path.write_bytes(raw[:-9] + entries.to_bytes(4, "little") + raw[-5:])
        got, reader = read(path)
        assert got == records and not reader.has_index, entries


def test_a_block_that_only_claims_to_begin_with_a_keyframe_is_refused(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    reindexed(path, [block._replace(keyframe=number == 0) for number, block in enumerate(blocks_of(path))])
    playback = Playback(path)
    with pytest.raises(TapeError, match="no keyframe"):
        list(playback.play(after=10**19 - 1))
    playback.close()


def test_an_index_with_a_flipped_bit_is_not_believed(tmp_path: Path) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    records, blocks, raw, rng = records_of(path), blocks_of(path), path.read_bytes(), random.Random(4)
    end = blocks[-1].offset + blocks[-1].size
    for position in rng.sample(range(end + 8, len(raw) - 17 - 8 * (len(blocks) + 2) - 8), 60):
        path.write_bytes(raw[:position] + bytes([raw[position] ^ 1 << rng.randrange(8)]) + raw[position + 1 :])
        got, reader = read(path)
        assert got == records and reader.complete and not reader.has_index, position


@pytest.mark.parametrize(
    "change",
    [
        {"raw_size": 1},
        {"raw_size": 10**6},
        {"raw_size": 2**32 - 1},
        {"records": 3},
        {"first": 5},
        {"last": 5},
        {"keyframe": True},
    ],
)
def test_an_index_that_lies_loses_nothing_and_is_found_out(tmp_path: Path, change: dict[str, Any]) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    records, blocks = records_of(path), blocks_of(path)
    for number in (0, 2, len(blocks) - 1):
        if blocks[number].keyframe and "keyframe" in change:
            continue
        reindexed(path, [*blocks[:number], blocks[number]._replace(**change), *blocks[number + 1 :]])
        with TapeReader(path) as reader:
            assert reader.has_index
            assert list(reader.records(chained=True)) == records
            assert reader.passage.holes == [] and len(reader.passage.misindexed) == 1
        with Playback(path) as playback:
            assert audit(playback).status == 5


# -- what is no tape


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"x", "is not a tape"),
        (signature()[:5], "is not a tape"),
        (signature()[:12], "is not a tape"),
        (b"hello\nworld\n" * 50, "is not a tape"),
        (zstandard.compress(HEADER_LINE), "is not a tape"),
        (b"\x1f\x8b\x08" + bytes(100), "is not a tape"),
        (signature().replace(b"tape 2", b"tape 3"), "format 3; this feedtape reads up to 2"),
        (signature().replace(b"tape 2", b"tape 31"), "format 31; this feedtape reads up to 2"),
        (signature().replace(b"tape 2", b"tape 0"), "its signature is damaged"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.tape.zst"
    path.write_bytes(content)
    with pytest.raises(TapeError) as caught:
        TapeReader(path)
    assert message in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.tape.zst"):
        with pytest.raises(TapeError, match=path.name):
            TapeReader(path)
    with pytest.raises(TapeError, match="cannot be written"):
        TapeWriter(tmp_path, overwrite=True)


def test_a_folder_that_is_a_file_is_not_said_to_be_an_existing_tape(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TapeError, match="cannot be written"):
        TapeWriter(tmp_path / "file" / "a.tape.zst")


OPEN_A_TAPE = """
import sys
from pathlib import Path
from feedtape.errors import TapeError
from feedtape.tape.reader import TapeReader
try:
    TapeReader(Path(sys.argv[1]))
except TapeError as error:
    print(error)
"""


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    command = [sys.executable, "-c", OPEN_A_TAPE, str(tmp_path / "pipe")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=3, check=True).stdout
    assert told == f"{tmp_path / 'pipe'} is not a file\n"


# -- contested


CREATE = """
import sys
from pathlib import Path
from feedtape.errors import TapeError
from feedtape.tape.writer import TapeWriter
try:
    TapeWriter(Path(sys.argv[1]), overwrite="overwrite" in sys.argv)
except TapeError as error:
    print(error)
else:
    print("taken")
"""


def create(path: Path, *words: str) -> str:
    """Create a tape in another process; return what it said."""
    command = [sys.executable, "-c", CREATE, str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout


def test_a_tape_is_created_once_and_locked_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.tape.zst"
    writer = TapeWriter(path, level=1)
    for record in noisy(10):
        writer.write(record)
    flush(writer, 11)
    before = path.read_bytes()
    with pytest.raises(TapeError) as caught:
        TapeWriter(path)
    assert "already exists" in str(caught.value) and "--overwrite" in str(caught.value.hint)
    assert create(path, "overwrite") == f"{path} is being written by another process\n"
    assert path.read_bytes() == before
    writer.close({})
    assert records_of(path) == noisy(10)
    assert create(path, "overwrite") == "taken\n"
    assert path.read_bytes() == signature()


def test_overwriting_leaves_nothing_of_the_old_tape(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tape.zst", noisy(200))
    size = path.stat().st_size
    writer = TapeWriter(path, overwrite=True)
    for record in noisy(5, seed=9):
        writer.write(record)
    writer.close({})
    assert records_of(path) == noisy(5, seed=9) and path.stat().st_size < size


# -- bombs and full disks


READ_A_TAPE = """
import sys
from pathlib import Path
from feedtape.errors import TapeError
from feedtape.tape.reader import TapeReader
reader = TapeReader(Path(sys.argv[1]))
try:
    print(sum(1 for _ in reader.records()), reader.damage, reader.complete, sep="|")
except TapeError as error:
    print("error", error, sep="|")
status = Path("/proc/self/status")
print(status.read_text().partition("VmHWM:")[2].split()[0] if status.exists() else 0)
"""


def read_elsewhere(path: Path) -> tuple[list[str], int]:
    """Read a tape in a process of its own; return what came of it, and the megabytes that it took."""
    command = [sys.executable, "-c", READ_A_TAPE, str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    return lines[0].split("|"), int(lines[1]) // 1024


def bomb_of(path: Path, byte: bytes, *, checksum: bool = True) -> Path:
    """Write a tape of a header and then 200 million times the same byte."""
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=checksum).compressobj()
    parts = [signature(), compressor.compress(HEADER_LINE)]
    parts += [compressor.compress(byte * 1_000_000) for _ in range(200)]
    path.write_bytes(b"".join([*parts, compressor.flush()]))
    assert path.stat().st_size < 50_000
    return path


@pytest.mark.parametrize("byte", [b"\0", b"\n"])
def test_a_bomb_is_damage_and_takes_bounded_memory(tmp_path: Path, byte: bytes) -> None:
    said, megabytes = read_elsewhere(bomb_of(tmp_path / "bomb.tape.zst", byte))
    assert said == ["1", "a damaged block at the end", "False"], "one record, which tells the damage"
    assert megabytes < 280


def test_a_bomb_without_a_checksum_is_not_believed(tmp_path: Path) -> None:
    said, megabytes = read_elsewhere(bomb_of(tmp_path / "bomb.tape.zst", b"\0", checksum=False))
    assert said[0] == "0" and "at the end are not proven" in said[1] and said[2] == "False"
    assert megabytes < 280


def test_a_block_that_claims_gigabytes_gets_none(tmp_path: Path) -> None:
    # A whole frame whose header claims 8 GiB, listed in an index as a block of one line.
    frame = b"\x28\xb5\x2f\xfd" + bytes([0xE4]) + (8 << 30).to_bytes(8, "little")
    frame += (len(HEADER_LINE) << 3 | 1).to_bytes(3, "little") + HEADER_LINE + bytes(4)
    path = tmp_path / "claim.tape.zst"
    block = Block(len(signature()), len(frame), len(HEADER_LINE), 1, 1, 1, keyframe=False)
    path.write_bytes(signature() + frame + encode_index([block], len(signature()), "", {}))
    said, megabytes = read_elsewhere(path)
    assert said[0] == "1" and said[2] == "False"
    assert megabytes < 280


def test_a_window_that_would_take_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "window.tape.zst"
    # A frame header of its own: no single segment, window of 2 GiB, then one raw block of a line.
    line = HEADER_LINE
    block = (len(line) << 3 | 1).to_bytes(3, "little") + line
    path.write_bytes(signature() + b"\x28\xb5\x2f\xfd" + bytes([0x00, (31 - 10) << 3]) + block)
    said, megabytes = read_elsewhere(path)
    assert said[0] == "0" and said[2] == "False"
    assert megabytes < 280


FILL_A_DISK = """
import random, resource, sys
from pathlib import Path
from feedtape.errors import TapeError
from feedtape.model.records import RECV, Record
from feedtape.tape.writer import TapeWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
writer, rng = TapeWriter(Path(sys.argv[1]), level=1), random.Random(1)
try:
    for number in range(10_000):
        writer.write(Record(number, 1, RECV, rng.randbytes(50).hex().encode()))
        if number % 20 == 19:
            writer.flush()
    writer.close({})
except TapeError as error:
    print(error)
"""


def test_a_full_disk_is_loud_and_keeps_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.tape.zst"
    command = [sys.executable, "-c", FILL_A_DISK, str(path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    assert said == f"{path} cannot be written any further: File too large\n"
    records, reader = read(path)
    rng = random.Random(1)
    assert 100 < len(records) < 10_000
    assert [record.payload for record in records] == [rng.randbytes(50).hex().encode() for _ in records]
    assert not reader.complete


# -- unknown kinds


def test_kinds_of_the_future_are_passed_over(tmp_path: Path) -> None:
    source = whole_tape(tmp_path / "a.tape.zst")
    records = records_of(source)
    mixed = list(itertools.chain.from_iterable((one, Record(one.time, 9, b"telepathy", b"?")) for one in records[:-1]))
    path = written(tmp_path / "b.tape.zst", [*mixed, records[-1]])
    assert played(path).session.as_json() == played(source).session.as_json()
    assert sum(record.kind == DIGEST for record in mixed) == played(path).session.totals.digests_matched
