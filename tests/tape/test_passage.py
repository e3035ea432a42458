"""One pass over a damaged tape: what is proven is read, what is missing is counted, what was moved is named, and format 1 too."""

import itertools
from pathlib import Path

import orjson
import pytest
import zstandard

from feedtape.model.records import DAMAGE, FRAMES, KEYFRAME, Record, note
from feedtape.replay.audit import audit
from feedtape.replay.playback import Playback
from feedtape.tape.format import encode_line, signature
from feedtape.tape.writer import TapeWriter
from stage_cli import STEP, Script, eventful, played, records_of
from tape.test_files import blocks_of, flush, noisy, read

# -- damaged


def flip(path: Path, position: int, raw: bytes) -> None:
    path.write_bytes(raw[:position] + bytes([raw[position] ^ 0x10]) + raw[position + 1 :])


@pytest.mark.parametrize("indexed", [True, False])
def test_only_a_damaged_block_is_lost_and_what_is_lost_is_counted(tmp_path: Path, indexed: bool) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    records, blocks, raw = records_of(path), blocks_of(path), path.read_bytes()
    assert len(blocks) > 4
    if not indexed:
        raw = raw[: blocks[-1].offset + blocks[-1].size]
    at = 0
    for number, block in enumerate(blocks):
        flip(path, block.offset + block.size // 2, raw)
        got, reader = read(path)
        before, after = records[:at], records[at + block.records :]
        lost = records[at : at + block.records]
        damage = got[at]
        assert got == [*before, damage, *after] and damage.kind == DAMAGE
        is_last = number == len(blocks) - 1
        assert damage.json() == {
            "why": "a damaged block",
            "offset": block.offset,
            "bytes": block.size,
            "records": None if is_last else len(lost),
            "frames": None if is_last else sum(record.kind in FRAMES for record in lost),
            "since": before[-1].time if before else None,
            "until": None if is_last else after[0].time,
        }
        assert damage.time == (before[-1].time if before else after[0].time)
        assert [hole._asdict() for hole in reader.passage.holes] == [
            {name: damage.json()[name] for name in ("offset", "bytes", "why")}
        ]
        assert reader.complete != is_last and reader.has_index == indexed
        assert reader.damage == ("a damaged block at the end" if is_last and not indexed else None)
        at += block.records


def test_neighbouring_damaged_blocks_are_one_hole(tmp_path: Path) -> None:
    path = eventful(Script(tmp_path / "a.tape.zst", {"keyframe_ns": 2 * 10**9}))
    records, blocks, raw = records_of(path), blocks_of(path), bytearray(path.read_bytes())
    for block in blocks[1:4]:
        raw[block.offset + block.size // 2] ^= 1
    path.write_bytes(raw)
    got, reader = read(path)
    first, lost = blocks[0].records, sum(block.records for block in blocks[1:4])
    assert [*got[:first], *got[first + 1 :]] == [*records[:first], *records[first + lost :]]
    told = got[first].json()
    assert (told["records"], told["offset"], told["bytes"]) == (lost, blocks[1].offset, sum(block.size for block in blocks[1:4]))
    assert len(reader.passage.holes) == 1


def test_lines_of_a_bad_block_are_used_only_as_far_as_a_sum_proves_them(tmp_path: Path) -> None:
    path, records = tmp_path / "a.tape.zst", noisy(60)
    writer, sizes = TapeWriter(path, level=1), {}
    for number, record in enumerate(records, 1):
        writer.write(record)
        if number in (10, 25, 40):
            flush(writer, number)
            sizes[number] = path.stat().st_size
    writer.write(note(10**18 + 100, KEYFRAME, {}))
    writer.close({})
    raw, end = path.read_bytes(), blocks_of(path)[-1].offset + blocks_of(path)[-1].size
    for indexed in (True, False):
        for at, proven in ((sizes[10] + 60, 10), (sizes[25] + 60, 25), (sizes[40] + 60, 40), (len(signature()) + 20, 0)):
            flip(path, at, raw if indexed else raw[:end])
            got, _ = read(path)
            assert got[:proven] == records[:proven]
            damage, keyframe = got[proven:]
            assert (damage.json()["records"], damage.json()["frames"]) == (61 - proven, 61 - max(proven, 1))
            assert keyframe.kind == KEYFRAME


# -- blocks that were moved


def taken_apart(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    return [raw[block.offset : block.offset + block.size] for block in blocks_of(path)]


@pytest.mark.parametrize(
    ("order", "expected", "faults", "lost"),
    [
        ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], 0, []),
        ([0, 1, 3, 4], [0, 1, 3, 4], 1, [2]),
        ([0, 3, 4], [0, 3, 4], 1, [1, 2]),
        ([1, 2, 3, 4], [1, 2, 3, 4], 1, [0]),
        ([0, 0, 1, 2, 3, 4], [0, 1, 2, 3, 4], 1, []),
        ([0, 1, 1, 2, 3, 4], [0, 1, 2, 3, 4], 1, []),
        ([0, 1, 2, 1, 2, 3, 4], [0, 1, 2, 3, 4], 2, []),
        ([0, 1, 2, 3, 4, 0, 1], [0, 1, 2, 3, 4], 2, []),
        ([0, 2, 1, 3, 4], [0, 2, 3, 4], 2, [1]),
        ([1, 0, 2, 3, 4], [1, 2, 3, 4], 2, [0]),
    ],
)
def test_blocks_that_were_removed_repeated_or_moved(
    tmp_path: Path, order: list[int], expected: list[int], faults: int, lost: list[int]
) -> None:
    path = Script(tmp_path / "a.tape.zst", {"keyframe_ns": 15 * STEP, "digest_ns": 4 * STEP}).live(50).finish()
    records, blocks, raw = records_of(path), blocks_of(path), taken_apart(path)
    assert len(blocks) >= 5
    order, expected = [*order, *range(5, len(blocks))], [*expected, *range(5, len(blocks))]
    starts = list(itertools.accumulate((block.records for block in blocks), initial=0))
    path.write_bytes(signature() + b"".join(raw[number] for number in order))
    got, reader = read(path)
    kept = [record for record in got if record.kind != DAMAGE]
    assert kept == [record for number in expected for record in records[starts[number] : starts[number + 1]]]
    assert len(reader.passage.faults) == faults
    damages = [record.json() for record in got if record.kind == DAMAGE]
    assert [damage["records"] for damage in damages] == ([sum(blocks[number].records for number in lost)] if lost else [])
    with Playback(path) as playback:
        found = audit(playback)
    assert found.status == (5 if faults else 0) and found.session.totals.digests_failed == 0


def test_a_block_of_another_recording_does_not_fit_the_chain(tmp_path: Path) -> None:
    raws = []
    for name in ("a", "b"):
        path = Script(tmp_path / f"{name}.tape.zst", {"keyframe_ns": 15 * STEP}).live(50).finish()
        raws.append(taken_apart(path))
    path.write_bytes(signature() + b"".join([*raws[0][:2], raws[1][2], *raws[0][3:]]))
    with Playback(path) as playback:
        found = audit(playback)
    assert found.status == 5
    assert any("does not continue the block before it" in fault for fault in playback.tape.faults)


def test_a_torn_block_that_stands_again_in_full_goes_on_where_it_was_torn(tmp_path: Path) -> None:
    path, records = tmp_path / "a.tape.zst", noisy(40)
    writer = TapeWriter(path, level=1)
    for number, record in enumerate(records, 1):
        writer.write(record)
        if number == 20:
            flush(writer, number)
            torn = path.stat().st_size
    writer.close({})
    raw = path.read_bytes()
    path.write_bytes(raw[: torn + 50] + raw[len(signature()) :])
    got, _ = read(path)
    assert got[20].kind == DAMAGE and got[20].json()["records"] == 0
    assert [*got[:20], *got[21:]] == records


# -- tapes of format 1


def of_format_1(path: Path, blocks: list[list[Record]], *, index: bool = True, cut: bytes = b"") -> Path:
    """Write a tape as the first version did, by nothing but its specification."""
    text = b"feedtape tape 1\n"
    raw = (0x184D2A5F).to_bytes(4, "little") + (16).to_bytes(4, "little") + text
    entries, table = [], [(24, 0)]
    for records in blocks:
        lines = b"".join(b"%019d %d %b %b\n" % (one.time, one.connection, one.kind, one.payload) for one in records)
        frame = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=False).compress(lines)
        entries.append(
            [len(raw), len(frame), len(lines), records[0].time, records[-1].time, len(records), records[0].kind == KEYFRAME]
        )
        table.append((len(frame), len(lines)))
        raw += frame
    if index:
        content = orjson.dumps({"blocks": entries, "statistics": {"frames": 7}})
        table.append((8 + len(content), 0))
        raw += (0x184D2A50).to_bytes(4, "little") + len(content).to_bytes(4, "little") + content
        body = b"".join(size.to_bytes(4, "little") + held.to_bytes(4, "little") for size, held in table)
        body += len(table).to_bytes(4, "little") + b"\0" + (0x8F92EAB1).to_bytes(4, "little")
        raw += (0x184D2A5E).to_bytes(4, "little") + len(body).to_bytes(4, "little") + body
    path.write_bytes(raw + cut)
    return path


def first_format(tmp_path: Path) -> list[list[Record]]:
    """What a recording of format 1 held: the same records, but for the kinds that came later."""
    path = Script(tmp_path / "source.tape.zst", {"keyframe_ns": 15 * STEP, "digest_ns": 4 * STEP}).live(50).finish()
    blocks: list[list[Record]] = [[]]
    for record in records_of(path):
        if record.kind == KEYFRAME:
            blocks.append([])
        blocks[-1].append(record)
    return blocks


def test_tapes_of_format_1_are_read_and_sought_in(tmp_path: Path) -> None:
    blocks = first_format(tmp_path)
    path = of_format_1(tmp_path / "one.tape.zst", blocks)
    got, reader = read(path)
    assert got == list(itertools.chain.from_iterable(blocks))
    assert (reader.version, reader.has_index, reader.complete, reader.index.head) == (1, True, True, "")
    assert reader.index.statistics == {"frames": 7}
    with Playback(path) as playback:
        found = audit(playback)
    assert (found.status, found.session.totals.digests_failed) == (0, 0) and found.session.totals.digests_matched > 8
    for block in blocks[1:]:
        assert played(path, after=block[0].time + 1).session.as_json() == found.session.as_json()


def test_a_damaged_block_of_format_1_is_lost_as_a_whole_and_nothing_else_is(tmp_path: Path) -> None:
    blocks = first_format(tmp_path)
    path = of_format_1(tmp_path / "one.tape.zst", blocks)
    raw, places = path.read_bytes(), blocks_of(path)
    for number, place in enumerate(places):
        flip(path, place.offset + place.size // 2, raw)
        got, _ = read(path)
        rest = [*blocks[:number], *blocks[number + 1 :]]
        assert [record for record in got if record.kind != DAMAGE] == list(itertools.chain.from_iterable(rest))
        (damage,) = [record.json() for record in got if record.kind == DAMAGE]
        assert (damage["records"], damage["offset"], damage["bytes"]) == (None, place.offset, place.size)
        with Playback(path) as playback:
            found = audit(playback)
        assert (found.status, found.session.totals.digests_failed) == (3, 0)


def test_an_unfinished_block_of_format_1_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    *blocks, last = first_format(tmp_path)
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
    lines = b"".join(map(encode_line, last))
    cut = compressor.compress(lines[:-30]) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    got, reader = read(of_format_1(tmp_path / "one.tape.zst", blocks, index=False, cut=cut))
    assert got == [*itertools.chain.from_iterable(blocks), *last[:-1]]
    assert not reader.complete
