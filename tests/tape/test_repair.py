"""Repair: everything that is provable is kept, on both sides of any damage, and what is missing is told exactly."""

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from feedtape.edit.repair import Repair, repair
from feedtape.errors import TapeError
from feedtape.model.records import DAMAGE, DIGEST, END, HEADER, KEYFRAME, RECV, Record, note
from feedtape.recorder import Rotation
from feedtape.replay.audit import Audit, audit
from feedtape.replay.playback import Playback
from feedtape.tape.format import Block
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from stage_cli import PROGRAM, STEP, TARGET, Script, eventful, inside, is_one_error, played, records_of

OPTIONS = {"keyframe_ns": 4 * STEP, "digest_ns": 3 * STEP}
OURS = (HEADER, DAMAGE, END)


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eventful(Script(tmp_path_factory.mktemp("repair") / "a.tape.zst", OPTIONS))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a killed recorder leaves: an unfinished block, part of it flushed."""
    script = Script(tmp_path_factory.mktemp("repair") / "killed.tape.zst", OPTIONS).live(21)
    script.recorder.writer.flush()
    script.delta()
    return script.abandon()


def blocks_of(path: Path) -> list[Block]:
    with TapeReader(path) as reader:
        return reader.blocks


def piece(path: Path, number: int) -> bytes:
    block = blocks_of(path)[number]
    return path.read_bytes()[block.offset : block.offset + block.size]


def healed(folder: Path, data: bytes, *, force: bool = False) -> Repair:
    path = folder / "damaged.tape.zst"
    path.write_bytes(data)
    return repair(path, folder / "healed.tape.zst", overwrite=True, force=force)


def out_of(result: Repair) -> Path:
    [one] = result.tapes
    assert one.out is not None
    return one.out


def audited(path: Path) -> Audit:
    with Playback(path) as playback:
        return audit(playback)


def copied(path: Path) -> list[Record]:
    """The records of a repaired tape that must be the original's."""
    return [record for record in records_of(path) if record.kind not in OURS]


def is_in_order(some: list[Record], of: list[Record]) -> bool:
    rest = iter(of)
    return all(any(record == other for other in rest) for record in some)


# -- any damage


def flip(rng: random.Random, data: bytearray, at: int, size: int) -> None:
    data[at] ^= 1 << rng.randrange(8)


def cut(rng: random.Random, data: bytearray, at: int, size: int) -> None:
    del data[max(at, len(data) // 4) :]


def remove(rng: random.Random, data: bytearray, at: int, size: int) -> None:
    del data[at : at + size]


def blank(rng: random.Random, data: bytearray, at: int, size: int) -> None:
    data[at : at + size] = bytes(len(data[at : at + size]))


def double(rng: random.Random, data: bytearray, at: int, size: int) -> None:
    data[at:at] = data[at : at + size]


def litter(rng: random.Random, data: bytearray, at: int, size: int) -> None:
    data[at:at] = rng.randbytes(size)


HARM: tuple[Callable[[random.Random, bytearray, int, int], None], ...] = (flip, cut, remove, blank, double, litter)


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("seed", range(6))
def test_any_damage_leaves_a_tape_that_holds_what_is_left_and_tells_what_is_not(
    tmp_path: Path, tape: Path, killed: Path, harm: Callable[..., None], seed: int
) -> None:
    rng = random.Random(seed)
    source = killed if seed % 3 == 2 else tape
    original, data = records_of(source), bytearray(source.read_bytes())
    for _ in range(1 + seed % 2):
        harm(rng, data, rng.randrange(len(data)), rng.choice([1, 3, 50, 1000, 5000]))
    result = healed(tmp_path, bytes(data), force=True)
    out = out_of(result)
    kept = copied(out)
    assert is_in_order(kept, original)
    found = audited(out)
    assert found.status in (0, 3) and found.cut is None and not found.playback.tape.holes
    assert found.session.totals.digests_failed == 0
    lost = [one["records"] for one in result.tapes[0].damages]
    assert (result.exit_status == 3) == bool(lost) or source is killed
    if source is tape and None not in lost:
        # Header and end are written anew, so they are not among those that are kept.
        invented = records_of(out)[0].json().get("lost", False)
        assert len(kept) + sum(lost) + 2 - invented == len(original)


@pytest.mark.parametrize("number", range(1, 23, 3))
def test_one_bad_block_costs_its_own_records_and_no_others(tmp_path: Path, tape: Path, number: int) -> None:
    block, data = blocks_of(tape)[number], bytearray(tape.read_bytes())
    data[block.offset + block.size // 2] ^= 0x10
    original = records_of(tape)
    result = healed(tmp_path, bytes(data))
    out = out_of(result)
    [damage] = result.tapes[0].damages
    lost = damage["records"]
    assert (damage["offset"], damage["bytes"]) == (block.offset, block.size)
    kept = [record for record in original if record.kind not in OURS]
    place = [record.kind for record in records_of(out)].index(DAMAGE) - 1
    assert copied(out) == kept[:place] + kept[place + lost :]
    swallowed = original[place + 1 : place + 1 + lost]
    assert damage["frames"] == sum(record.kind in (b"recv", b"body") for record in swallowed)
    assert damage["since"] <= swallowed[0].time and damage["until"] >= swallowed[-1].time
    assert result.exit_status == audited(out).status == 3


def test_books_are_what_they_were_from_the_next_keyframe_on(tmp_path: Path, tape: Path) -> None:
    block, data = blocks_of(tape)[6], bytearray(tape.read_bytes())
    data[block.offset + 30 : block.offset + 60] = bytes(30)
    out = out_of(healed(tmp_path, bytes(data)))
    keyframe = next(record.time for record in records_of(out) if record.kind == KEYFRAME and record.time > block.last)
    digests = [record for record in records_of(tape) if record.kind == DIGEST and record.time > keyframe]
    playback = Playback(out)
    states = {record.time: playback.session.digests() for record, _ in playback.play() if record.kind == DIGEST}
    playback.close()
    assert len(digests) > 5
    assert all(states[record.time] == record.json()["books"] for record in digests)


def test_the_books_that_were_live_are_broken_by_the_damage_and_named(tmp_path: Path, tape: Path) -> None:
    block, data = blocks_of(tape)[4], bytearray(tape.read_bytes())
    data[block.offset + 30] ^= 1
    result = healed(tmp_path, bytes(data))
    assert result.tapes[0].damages[0]["books"] == [TARGET]
    session = played(out_of(result)).session
    assert [loss.target for loss in session.losses if loss.kind == "damage"] == ["", TARGET]


# -- cut


def test_a_killed_recording_gets_an_end_and_an_index(tmp_path: Path, killed: Path) -> None:
    result = healed(tmp_path, killed.read_bytes())
    out = out_of(result)
    assert copied(out) == [record for record in records_of(killed) if record.kind not in OURS]
    end = records_of(out)[-1]
    assert end.kind == END and end.json()["reason"] == "repaired: cut"
    assert end.json()["frames"] == sum(record.kind in (b"recv", b"body") for record in records_of(out))
    [damage] = result.tapes[0].damages
    assert damage["until"] is None and damage["books"] == []
    with TapeReader(out) as reader:
        assert reader.has_index and reader.index.head
        statistics = reader.index.statistics
    assert statistics == played(out).session.statistics()
    assert played(out).session.books[TARGET].is_live
    assert inside("repair", out, "-o", tmp_path / "again.tape.zst").status == 0


def test_a_cut_inside_the_index_costs_nothing(tmp_path: Path, tape: Path) -> None:
    end = blocks_of(tape)[-1]
    result = healed(tmp_path, tape.read_bytes()[: end.offset + end.size + 20])
    assert result.exit_status == 0 and not result.tapes[0].damages
    assert copied(out_of(result)) == [record for record in records_of(tape) if record.kind not in OURS]


# -- what stands where it should not


def swapped(tape: Path) -> bytes:
    data, blocks = tape.read_bytes(), blocks_of(tape)
    return data[: blocks[5].offset] + piece(tape, 6) + piece(tape, 5) + data[blocks[7].offset :]


def doubled(tape: Path) -> bytes:
    data, blocks = tape.read_bytes(), blocks_of(tape)
    return data[: blocks[7].offset] + piece(tape, 3) + data[blocks[7].offset :]


def first_behind_second(tape: Path) -> bytes:
    data, blocks = tape.read_bytes(), blocks_of(tape)
    return data[:24] + piece(tape, 1) + piece(tape, 0) + data[blocks[2].offset :]


def littered(tape: Path) -> bytes:
    data, blocks = tape.read_bytes(), blocks_of(tape)
    return data[: blocks[9].offset] + b"\x00garbage\xff" * 500 + data[blocks[9].offset :]


def foreign_block(tape: Path) -> bytes:
    data, blocks = tape.read_bytes(), blocks_of(tape)
    foreign = zstandard.ZstdCompressor(write_checksum=True).compress(b"the lines\nof another program\n")
    return data[: blocks[9].offset] + foreign + data[blocks[9].offset :]


def without_signature(tape: Path) -> bytes:
    return b"\x00" * 24 + tape.read_bytes()[24:]


def newer_by_a_flip(tape: Path) -> bytes:
    return tape.read_bytes().replace(b"feedtape tape 2", b"feedtape tape 6", 1)


def signature_cut_off(tape: Path) -> bytes:
    return tape.read_bytes()[24:]


def with_a_tail(tape: Path) -> bytes:
    return tape.read_bytes() + b"tail" * 9


def twice(tape: Path) -> bytes:
    return tape.read_bytes() * 2


def lying_index(tape: Path) -> bytes:
    data, end = tape.read_bytes(), blocks_of(tape)[-1]
    start = end.offset + end.size
    return data[:start] + data[start:].replace(b'"frames":64', b'"frames":99', 1)


MISPLACED = (
    swapped,
    doubled,
    first_behind_second,
    littered,
    foreign_block,
    without_signature,
    newer_by_a_flip,
    signature_cut_off,
    with_a_tail,
    twice,
    lying_index,
)


@pytest.mark.parametrize("harm", MISPLACED)
def test_what_is_out_of_place_is_put_right_and_nothing_is_lost(tmp_path: Path, tape: Path, harm: Callable[[Path], bytes]) -> None:
    data = harm(tape)
    assert data != tape.read_bytes()
    result = healed(tmp_path, data)
    out = out_of(result)
    assert result.exit_status == 0 and not result.tapes[0].damages
    assert result.tapes[0].wreck.remarks()
    assert copied(out) == [record for record in records_of(tape) if record.kind not in OURS]
    assert played(out).session.digests() == played(tape).session.digests()
    assert not audited(out).contradicted


def test_two_tapes_in_one_file_become_two(tmp_path: Path, tape: Path) -> None:
    other = eventful(Script(tmp_path / "b.tape.zst", OPTIONS, symbol="ETHUSDT"))
    for data in (tape.read_bytes() + other.read_bytes(), tape.read_bytes() + other.read_bytes()[24:]):
        result = healed(tmp_path, data)
        assert result.exit_status == 0
        assert [one.out for one in result.tapes] == [tmp_path / "healed.tape.zst", tmp_path / "healed-2.tape.zst"]
        for one, source in zip(result.tapes, (tape, other), strict=True):
            assert one.out is not None
            assert copied(one.out) == [record for record in records_of(source) if record.kind not in OURS]


def test_a_changed_block_with_a_checksum_of_its_own_is_a_damage_and_not_covered_up(tmp_path: Path, tape: Path) -> None:
    data, blocks = tape.read_bytes(), blocks_of(tape)
    with TapeReader(tape) as reader:
        extent = reader.source.extent(blocks[8].offset, reader.size)
        assert extent is not None
        lines = reader.source.lines(extent)
    assert lines is not None
    forged = zstandard.ZstdCompressor(write_checksum=True).compress(lines.replace(b'"s":"BTCUSDT"', b'"s":"BTCUSDX"', 1))
    # As a stream, which is how a writer writes it: without the size of its content.
    result = healed(tmp_path, data[: blocks[8].offset] + forged + data[blocks[9].offset :])
    assert result.exit_status == 3
    assert any("does not continue the block before it" in one["why"] for one in result.tapes[0].damages)
    assert not audited(out_of(result)).playback.tape.faults


# -- the header


def test_a_lost_header_is_made_up_of_what_the_rest_tells_and_says_so(tmp_path: Path, tape: Path) -> None:
    data = bytearray(tape.read_bytes())
    data[24 : 24 + blocks_of(tape)[0].size] = bytes(blocks_of(tape)[0].size)
    result = healed(tmp_path, bytes(data))
    out = out_of(result)
    first = records_of(out)[0]
    header = first.json()
    assert first.kind == HEADER and header["lost"] is True
    assert header["targets"] == [TARGET] and header["venues"] == ["binance"]
    assert result.exit_status == audited(out).status == 3
    assert played(out).session.digests() == played(tape).session.digests()
    done = inside("info", out, "--json").json()
    assert done["state"] == "complete" and done["targets"] == [TARGET]


def test_the_header_is_kept_whole_and_says_what_it_was_repaired_from(tmp_path: Path, tape: Path) -> None:
    data = bytearray(tape.read_bytes())
    data[blocks_of(tape)[5].offset + 40] ^= 1
    out = out_of(healed(tmp_path, bytes(data)))
    before, after = records_of(tape)[0].json(), records_of(out)[0].json()
    repaired = after.pop("repaired")
    assert after == before
    assert (repaired["tape"], repaired["size"], repaired["damages"]) == ("damaged.tape.zst", len(data), 1)


# -- segments


def test_a_repaired_segment_stands_for_the_damaged_one(tmp_path: Path) -> None:
    def following(time: int, number: int) -> TapeWriter:
        return TapeWriter(tmp_path / f"s{number}.tape.zst", level=1)

    script = Script(tmp_path / "s1.tape.zst", OPTIONS | {"rotation": Rotation(following, every_ns=10**9)})
    script.live(40)
    script.finish()
    damaged = tmp_path / "s2.tape.zst"
    data, block = bytearray(damaged.read_bytes()), blocks_of(damaged)[1]
    data[block.offset + 40] ^= 1
    damaged.write_bytes(data)
    done = inside("repair", damaged, "-o", tmp_path / "s2-healed.tape.zst")
    assert done.status == 3, done.err
    whole = inside("verify", tmp_path / "s1.tape.zst", "--json")
    assert whole.status == 3
    names = [Path(name).name for name in whole.json()["tapes"]]
    assert names[:3] == ["s1.tape.zst", "s2-healed.tape.zst", "s3.tape.zst"]
    assert not whole.json()["faults"]
    assert whole.json()["digests"]["failed"] == 0
    named = inside("verify", damaged, "--json").json()
    assert "s2.tape.zst" in [Path(name).name for name in named["tapes"]]


# -- the command


def test_a_whole_tape_needs_no_repair(tmp_path: Path, tape: Path) -> None:
    out = tmp_path / "out.tape.zst"
    done = inside("repair", tape, "-o", out)
    assert done.status == 0 and "nothing to repair" in done.err and not out.exists()
    done = inside("repair", tape, "-o", out, "--force")
    assert done.status == 0 and copied(out) == [record for record in records_of(tape) if record.kind not in OURS]


def test_what_was_lost_is_said_in_words_and_as_json(tmp_path: Path, tape: Path) -> None:
    block, data = blocks_of(tape)[5], bytearray(tape.read_bytes())
    data[block.offset + 40] ^= 1
    damaged = tmp_path / "damaged.tape.zst"
    damaged.write_bytes(data)
    done = inside("repair", damaged, "-o", tmp_path / "a.tape.zst")
    assert done.status == 3 and done.out == b""
    lost = next(line for line in done.err.splitlines() if line.startswith("  lost "))
    assert f"{block.size:,} bytes at {block.offset:,}".replace(",", " ") in lost and TARGET in lost
    assert done.err.splitlines()[-2] == f"  check    feedtape verify {tmp_path / 'a.tape.zst'}"
    assert done.err.splitlines()[-1] == "ends with status 3: 1 damage"
    [said] = inside("repair", damaged, "-o", tmp_path / "b.tape.zst", "--json").json()["tapes"]
    [damage] = said["damage"]
    assert (damage["bytes"], damage["offset"], damage["books"]) == (block.size, block.offset, [TARGET])
    assert damage["since"].isdigit() and said["frames"] + damage["frames"] == 64


@pytest.mark.parametrize("data", [b"", b"hello" * 100, b"\x5f\x2a\x4d\x18\x10\x00\x00\x00feedtape tape 2\n"])
def test_a_file_in_which_nothing_is_left_is_one_error(tmp_path: Path, data: bytes) -> None:
    path, out = tmp_path / "a.tape.zst", tmp_path / "out.tape.zst"
    path.write_bytes(data)
    done = inside("repair", path, "-o", out)
    assert done.status == 1 and is_one_error(done) and not out.exists()


def test_nothing_is_replaced_unasked(tmp_path: Path, tape: Path) -> None:
    damaged = tmp_path / "a.tape.zst"
    damaged.write_bytes(tape.read_bytes()[:-100])
    assert inside("repair", damaged, "-o", damaged, "--overwrite").status == 2
    taken = tmp_path / "taken.tape.zst"
    taken.write_bytes(b"mine")
    done = inside("repair", damaged, "-o", taken)
    assert done.status == 1 and "--overwrite" in done.err and taken.read_bytes() == b"mine"
    assert inside("repair", damaged, "-o", taken, "--overwrite").status == 0
    assert inside("repair", tmp_path / "none.tape.zst", "-o", tmp_path / "b.tape.zst").status == 1


def test_a_tape_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    script.recorder.writer.flush()
    with pytest.raises(TapeError, match="being written"):
        repair(script.path, tmp_path / "b.tape.zst")
    script.finish()


def test_a_tape_that_cannot_be_played_is_repaired_all_the_same(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    script.recorder.writer.write(note(script.now, b"open", {"venue": "nowhere", "url": "wss://x"}, 9))
    script.recorder.writer.write(Record(script.now, 9, RECV, b"{}"))
    result = healed(tmp_path, script.abandon().read_bytes())
    assert result.exit_status == 3 and "nowhere" in str(result.tapes[0].unplayed)
    assert copied(out_of(result))[-1].connection == 9
    with TapeReader(out_of(result)) as reader:
        assert not reader.has_index
        assert list(reader.records())[-1].kind == END


def test_a_tape_that_cannot_be_finished_is_removed(tmp_path: Path, tape: Path) -> None:
    damaged, out = tmp_path / "a.tape.zst", tmp_path / "folder" / "b.tape.zst"
    damaged.write_bytes(tape.read_bytes()[:-100])
    # No file of this process may become longer than 4 KiB.
    command = ("bash", "-c", 'ulimit -f 4; exec "$@"', "bash", *PROGRAM, "repair", str(damaged), "-o", str(out))
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 1 and "cannot be written" in ran.stderr and not out.exists()
