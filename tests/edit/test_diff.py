"""`diff`, record by record: the exact record at which two tapes part, with both sides, and nothing else."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

from feedtape.edit.diff import Diff
from feedtape.edit.diff import diff as compare
from feedtape.edit.diff_frames import FramesDiff, parting_of
from feedtape.edit.diff_meaning import Only
from feedtape.edit.diff_side import Wanted
from feedtape.errors import TapeError
from feedtape.model.records import DAMAGE, DERIVED, DIGEST, END, FRAMES, GAP, RECV, Record, note
from feedtape.tape.format import signature
from feedtape.tape.segments import TapeSet
from feedtape.ui.diff import diff_lines
from stage_cli import STEP, TARGET, Script, decompressed, eventful, inside, is_one_error, records_of, rewritten, whole_tape

DIGIT = re.compile(rb"[0-9]")


def compared(a: Path, b: Path, by: str | None = None, wanted: Wanted | None = None) -> Diff:
    """Two tapes, compared."""
    with TapeSet([a]) as ours, TapeSet([b]) as theirs:
        return compare(ours, theirs, wanted or Wanted(), by=by)


def by_frames(a: Path, b: Path, limit: int = 100) -> FramesDiff:
    found = compared(a, b, wanted=Wanted(limit=limit))
    assert isinstance(found, FramesDiff)
    return found


def counts(found: FramesDiff) -> dict[str, int]:
    """The kinds of differences that there are."""
    return {kind: number for kind, number in found.counts.items() if number}


def altered(record: Record) -> tuple[Record, int]:
    """A record with its last digit another one, and where that is."""
    payload = bytearray(record.payload)
    at = max(position for position, byte in enumerate(payload) if chr(byte).isdigit())
    payload[at] = ord("5") if payload[at] != ord("5") else ord("6")
    return Record(record.time, record.connection, record.kind, bytes(payload)), at


def inputs(records: Sequence[Record]) -> int:
    """How many records are compared one by one: all but what the tool found out, the header and the end."""
    return sum(record.kind not in DERIVED and record.kind not in (b"header", END) for record in records)


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eventful(Script(tmp_path_factory.mktemp("diff") / "a.tape.zst"))


def test_one_altered_digit_is_that_frame_and_no_other(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    frames = [number for number, record in enumerate(records) if record.kind in FRAMES and DIGIT.search(record.payload)]
    for number in frames[::7]:
        changed, at = altered(records[number])
        other = rewritten(tape, tmp_path / f"{number}.tape.zst", [*records[:number], changed, *records[number + 1 :]])
        found = by_frames(tape, other)
        assert (found.status, counts(found), found.equal) == (5, {"altered": 1}, inputs(records) - 1)
        (difference,) = found.differences
        a, b = difference.a[0], difference.b[0]
        assert (a.record, b.record, difference.offset) == (records[number], changed, at)
        assert a.number == b.number == number + 1
        assert a.frame == b.frame == sum(record.kind in FRAMES for record in records[: number + 1])
        assert difference.changes or b"kline" in changed.payload
        lines = "\n".join(diff_lines(found))
        assert f"record {number + 1}, " in lines and f"from byte {at:,}".replace(",", " ") in lines
        assert lines.endswith("verdict  DIFFERENT")


def test_the_command_shows_both_digits_and_exits_with_five(tmp_path: Path) -> None:
    tape = whole_tape(tmp_path / "a.tape.zst")
    records = records_of(tape)
    number = max(number for number, record in enumerate(records) if b"depthUpdate" in record.payload)
    payload = records[number].payload.replace(b'"1.00000', b'"1.70000', 1)
    assert payload != records[number].payload
    changed = Record(records[number].time, 1, RECV, payload)
    other = rewritten(tape, tmp_path / "b.tape.zst", [*records[:number], changed, *records[number + 1 :]])
    done = inside("diff", tape, other)
    assert done.status == 5
    out = done.out.decode()
    assert f"ask 61686  a 1.{121:08d}   b 1.7{121:07d}" in out
    assert f"altered   {TARGET}" in out and "differ   1 altered" in out
    told = inside("diff", tape, other, "--json").json()
    assert (told["schema"], told["by"], told["status"], told["differ"]) == (1, "frames", 5, 1)
    (difference,) = told["differences"]
    assert difference["a"][0]["time"] == str(changed.time) and difference["targets"] == [TARGET]
    assert difference["changes"] == [{"target": TARGET, "what": "ask 61686", "a": f"1.{121:08d}", "b": f"1.7{121:07d}"}]
    quiet = inside("diff", tape, other, "-q")
    assert (quiet.status, quiet.out) == (5, b"")


def test_a_missing_or_added_record_is_one_record(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    places = [
        number for number, record in enumerate(records) if record.kind not in DERIVED and record.kind not in (b"header", END)
    ]
    for number in places[::5]:
        less = rewritten(tape, tmp_path / f"{number}.tape.zst", records[:number] + records[number + 1 :])
        for a, b, kind in ((tape, less, "only-a"), (less, tape, "only-b")):
            found = by_frames(a, b)
            assert (found.status, counts(found), found.equal) == (5, {kind: 1}, inputs(records) - 1)
            (difference,) = found.differences
            (item,) = difference.a or difference.b
            assert (item.record, item.number) == (records[number], number + 1)
            assert "nothing" in "\n".join(diff_lines(found))


def test_a_long_run_that_is_missing_is_that_run(tmp_path: Path) -> None:
    tape = whole_tape(tmp_path / "a.tape.zst", deltas=2000)
    records = records_of(tape)
    kept = records[:300] + records[1500:]
    found = by_frames(tape, rewritten(tape, tmp_path / "b.tape.zst", kept), limit=2000)
    missing = [record for record in records[300:1500] if record.kind not in DERIVED]
    assert (found.status, counts(found), found.equal) == (5, {"only-a": len(missing)}, inputs(kept))
    assert [difference.a[0].record for difference in found.differences] == missing


def test_two_records_in_another_order_are_said_to_be(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    pairs = [
        number
        for number in range(len(records) - 1)
        if records[number].kind == records[number + 1].kind == RECV
        and records[number].connection == records[number + 1].connection
    ]
    for number in pairs[::6]:
        first, second = records[number], records[number + 1]
        swapped = [
            Record(first.time, first.connection, RECV, second.payload),
            Record(second.time, second.connection, RECV, first.payload),
        ]
        other = rewritten(tape, tmp_path / f"{number}.tape.zst", [*records[:number], *swapped, *records[number + 2 :]])
        found = by_frames(tape, other)
        assert (found.status, counts(found), found.equal) == (5, {"order": 1}, inputs(records) - 2)
        assert [item.record for item in found.differences[0].a] == [first, second]


def test_another_time_is_said_to_be_that(tmp_path: Path) -> None:
    tape = whole_tape(tmp_path / "a.tape.zst")
    records = records_of(tape)
    number = next(number for number, record in enumerate(records) if record.kind == RECV)
    late = Record(records[number].time + 7, 1, RECV, records[number].payload)
    found = by_frames(tape, rewritten(tape, tmp_path / "b.tape.zst", [*records[:number], late, *records[number + 1 :]]))
    assert (found.status, counts(found), found.equal) == (5, {"time": 1}, inputs(records) - 1)
    assert f"({late.time})" in "\n".join(diff_lines(found))
    shifted = [
        record if record.kind == b"header" else Record(record.time + 3, record.connection, record.kind, record.payload)
        for record in records
    ]
    found = by_frames(tape, rewritten(tape, tmp_path / "c.tape.zst", shifted))
    assert (counts(found), found.equal) == ({"time": inputs(records)}, 0)


def test_what_the_tool_found_out_is_held_against_it_by_itself(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    number = next(number for number, record in enumerate(records) if record.kind == DIGEST)
    fields = records[number].json()
    digest = fields["books"][TARGET]["digest"]
    fields["books"][TARGET]["digest"] = "0" * 32
    lying = note(records[number].time, DIGEST, fields)
    found = by_frames(tape, rewritten(tape, tmp_path / "b.tape.zst", [*records[:number], lying, *records[number + 1 :]]))
    assert (found.status, counts(found), found.equal) == (5, {}, inputs(records))
    (difference,) = found.differences
    assert difference.derived and found.derived["altered"] == 1
    assert [(change.what, change.a, change.b) for change in difference.changes] == [(f"books.{TARGET}.digest", digest, "0" * 32)]
    assert "the tool says otherwise" in "\n".join(diff_lines(found))
    without = [record for record in records if record.kind != GAP]
    found = by_frames(tape, rewritten(tape, tmp_path / "c.tape.zst", without))
    assert (found.status, counts(found)) == (5, {})
    assert found.derived["only-a"] == len(records) - len(without) > 3


def test_when_a_digest_was_written_is_no_difference(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    kept = [record for record in records if record.kind != DIGEST]
    found = by_frames(tape, rewritten(tape, tmp_path / "b.tape.zst", kept))
    assert (found.status, found.undecided) == (0, len(records) - len(kept))


def test_a_copy_compressed_otherwise_is_equal(tmp_path: Path, tape: Path) -> None:
    other = tmp_path / "b.tape.zst"
    other.write_bytes(signature() + zstandard.ZstdCompressor(level=19, write_checksum=True).compress(decompressed(tape)))
    found = by_frames(tape, other)
    assert (found.status, found.differ, found.equal) == (0, 0, inputs(records_of(tape)))
    done = inside("diff", tape, other)
    assert done.status == 0 and done.out.decode().endswith("verdict  equal\n")


def test_a_cut_copy_is_equal_as_far_as_it_goes(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    for number in range(5, len(records) - 1, 23):
        other = rewritten(tape, tmp_path / f"{number}.tape.zst", records[:number], cut=True)
        found = by_frames(tape, other)
        assert (found.status, found.differ, found.equal) == (3, 0, inputs(records[:number]))
        assert found.uncovered == [inputs(records) - inputs(records[:number]), 0]
        changed = records[:number]
        changed[3] = altered(records[3])[0]
        assert by_frames(tape, rewritten(tape, tmp_path / f"{number}x.tape.zst", changed, cut=True)).status == 5


def test_what_a_hole_swallowed_is_not_said_to_be_different(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    fields: dict[str, Any] = {"why": "a damaged block", "offset": 0, "bytes": 9, "records": None, "frames": None}
    hole = note(records[30].time, DAMAGE, fields | {"since": records[30].time, "until": records[60].time})
    other = rewritten(tape, tmp_path / "b.tape.zst", [*records[:31], hole, *records[60:]])
    found = by_frames(tape, other)
    assert (found.status, found.differ) == (3, 0)
    assert found.uncovered == [inputs(records[31:60]), 0]


def test_tapes_that_meet_nowhere_cannot_be_compared(tmp_path: Path) -> None:
    a = whole_tape(tmp_path / "a.tape.zst")
    script = Script(tmp_path / "b.tape.zst", now=records_of(a)[-1].time + STEP, sequence=900)
    script.open(7)
    script.delta(connection=7)
    script.finish()
    with pytest.raises(TapeError, match="no time in common"):
        compared(a, script.path, "frames")
    assert is_one_error(inside("diff", a, script.path, "--frames"))
    assert is_one_error(inside("diff", a, tmp_path / "nothing.tape.zst"))
    both = inside("diff", a, a, "--frames", "--books")
    assert both.status == 2 and is_one_error(both)


def test_a_span_and_a_target_limit_what_is_compared(tmp_path: Path, tape: Path) -> None:
    records = records_of(tape)
    number = next(number for number, record in enumerate(records) if b"@trade" in record.payload)
    changed, _ = altered(records[number])
    other = rewritten(tape, tmp_path / "b.tape.zst", [*records[:number], changed, *records[number + 1 :]])
    time = records[number].time
    for since, until, status in ((time, None, 5), (time + 1, None, 0), (None, time, 0), (None, time + 1, 5), (time, time + 1, 5)):
        words = [*(("--from", since) if since else ()), *(("--to", until) if until else ())]
        assert inside("diff", tape, other, *words).status == status, words
    assert inside("diff", tape, other, "--only", "btcusdt").status == 5
    wrong = inside("diff", tape, other, "--only", "binance:ETHUSDT")
    assert wrong.status == 2 and TARGET in wrong.err
    nothing = inside("diff", tape, other, "--only", TARGET, "--to", records[1].time)
    assert nothing.status == 1 and is_one_error(nothing)
    found = compared(tape, other, wanted=Wanted(Only(["binance:btcusdt"])))
    assert isinstance(found, FramesDiff) and counts(found) == {"altered": 1}


def test_control_characters_reach_no_terminal(tmp_path: Path) -> None:
    def hostile(word: bytes) -> Path:
        path = tmp_path / f"{word.hex()}.tape.zst"
        script = Script(path)
        script.open()
        script.take(RECV, b"\x1b[31m\x9b2J\xc2\x9b" + word)
        script.finish()
        return path

    done = inside("diff", hostile(b"\x1b]0;a\x07"), hostile(b"\x1b]0;b\x07"), "--frames", "-n", "9")
    assert done.status == 5 and b"altered" in done.out
    text = done.out.decode()
    assert "\\x1b]0;a\\x07" in text and "\\x1b]0;b\\x07" in text
    assert all(char.isprintable() or char == "\n" for char in text)
    told = inside("diff", *sorted(tmp_path.glob("*.zst")), "--frames", "--json")
    assert not set(told.out) & {0x1B, 0x07, 0x7F}


def mangled(rng: random.Random, tape: bytes) -> bytes:
    """A tape with something wrong in it."""
    changed = bytearray(tape)
    how = rng.randrange(3)
    if how == 0:
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    elif how == 1:
        del changed[rng.randrange(len(changed)) :]
    else:
        at = rng.randrange(len(changed))
        changed[at:at] = rng.randbytes(rng.randrange(1, 200))
    return bytes(changed)


@pytest.mark.parametrize("by", ["--frames", "--updates", "--books"])
def test_a_damaged_tape_ends_in_a_verdict_or_in_one_line(tmp_path: Path, tape: Path, by: str) -> None:
    rng, content = random.Random(5), tape.read_bytes()
    for number in range(25):
        other = tmp_path / f"{number}.tape.zst"
        other.write_bytes(mangled(rng, content))
        done = inside("diff", tape, other, by)
        assert done.status in (0, 1, 3, 5) and "bug" not in done.err and "Traceback" not in done.err
        assert done.status != 1 or is_one_error(done)
        # Nothing that can be proven of it was ever different.
        assert done.status != 5, (number, done.out)


HOSTILE: list[Callable[[Script], None]] = [
    lambda script: script.note(b"open", {"venue": 7}),
    lambda script: script.note(b"open", {"venue": "nowhere"}, 4),
    lambda script: script.take(b"request", b"[1,2]", 9),
    lambda script: script.take(b"digest", b'{"books":[]}', 0),
    lambda script: script.take(b"gap", b'"x"', 0),
    lambda script: script.take(b"damage", b"{}", 0),
]


@pytest.mark.parametrize("by", ["--frames", "--updates", "--books"])
@pytest.mark.parametrize("spoil", HOSTILE)
def test_notes_that_nobody_writes_end_in_one_line_at_most(tmp_path: Path, spoil: Callable[[Script], None], by: str) -> None:
    tape = whole_tape(tmp_path / "a.tape.zst")
    said: list[Record] = []

    class Writer:
        """Keeps what a script would write."""

        def take(self, record: Record) -> None:
            said.append(record)

    script = Script(tmp_path / "unused.tape.zst")
    script.finish()
    script.recorder = Writer()  # type: ignore[assignment]
    spoil(script)
    records = records_of(tape)
    middle = len(records) // 2
    strange = [Record(records[middle].time, one.connection, one.kind, one.payload) for one in said]
    other = rewritten(tape, tmp_path / "b.tape.zst", [*records[:middle], *strange, *records[middle:]])
    for words in ((tape, other), (other, tape), (other, other)):
        for more in ((), ("--only", TARGET)):
            done = inside("diff", *words, by, *more)
            assert done.status in (0, 1, 3, 5)
            assert done.status != 1 or is_one_error(done), done.err


def test_where_two_payloads_part() -> None:
    rng = random.Random(3)
    for _ in range(300):
        a = bytes(rng.choices(b"ab", k=rng.randrange(12)))
        b = a[: rng.randrange(len(a) + 1)] + bytes(rng.choices(b"ab", k=rng.randrange(4)))
        naive = next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        assert parting_of(a, b) == naive
