"""Torture tapes: kill their recorders, cut the power, fill the disk, break it, flip bits, take ranges out and put them in twice.

Everything that is known of a tape before (each record that the writer was given, each block and each sum in the file) is held
against what can be read of it after. Seeded; prints a table; exit status 1 with the first violations.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import functools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from feedtape.errors import TapeError
from feedtape.model.records import DAMAGE, END, FRAMES, RECV, Record
from feedtape.replay.audit import audit
from feedtape.replay.playback import Playback
from feedtape.tape.disk import Create, LocalFile, create
from feedtape.tape.format import encode_line, signature
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from stage_cli import STEP, Script, inside, started

PAGE = 4096
SIGNED = len(signature())


# -- what is known of a tape


class Noted(TapeWriter):
    """A writer that remembers what it was given."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.given: list[Record] = []
        self.flushed: list[tuple[int, int]] = []
        """Size of the file and records in it, at each flush that reached it."""
        super().__init__(path, **options)

    def write(self, record: Record) -> bool:
        """Write, and remember what was taken."""
        taken = super().write(record)
        if taken:
            self.given.append(record)
        return taken

    def settle(self) -> None:
        """Flush, and return when the file has it."""
        self.flush()
        while self.waiting:
            time.sleep(0.0002)
        self.flush()
        self.flushed.append((self.size, len(self.given)))


@dataclass
class Known:
    """A tape as it was made.

    Attributes:
        given: all that its writer took, in order.
        blocks: offset, size and lines of every block, the container's own lines among them.
        firsts: number of the first record of each block.
        flushed: sizes of the file at its flushes, and how many records each had.
    """

    raw: bytes
    given: list[Record]
    flushed: list[tuple[int, int]]
    blocks: list[tuple[int, int, bytes]] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)
    ends: bool = True

    def __post_init__(self) -> None:
        position, count = SIGNED, 0
        while position < len(self.raw) and self.raw[position : position + 4] == b"\x28\xb5\x2f\xfd":
            stream = zstandard.ZstdDecompressor().decompressobj()
            lines = stream.decompress(self.raw[position:])
            size = len(self.raw) - position - len(stream.unused_data)
            self.blocks.append((position, size, lines))
            self.firsts.append(count)
            count += len(records_in(lines))
            position += size
        assert count == len(self.given)

    def records(self, block: int) -> range:
        """Numbers of a block's records."""
        first = self.firsts[block]
        return range(first, first + len(records_in(self.blocks[block][2])))


def records_in(lines: bytes) -> list[bytes]:
    """Lines that are records, of lines that may be the container's."""
    return [line for line in lines.split(b"\n")[:-1] if line.split(b" ", 3)[2] not in (b"chain", b"sum")]


def recording(path: Path, seed: int, *, end: bool = True, make: Create = create, steps: int = 0, settle: int = 30) -> Script:
    """Record an eventful little session, flushed now and then."""
    rng = random.Random(seed)
    keyframes = rng.choice((4, 15, 40, 10**6)) * STEP
    options = {"keyframe_ns": keyframes, "digest_ns": rng.choice((3, 10, 50)) * STEP}
    level = rng.choice((1, 3, 9))
    script = Script(path, options, make=lambda path: Noted(path, level=level, make=make))
    writer = noted(script)
    script.live(3)
    connection = 1
    for _ in range(steps or rng.randrange(20, 300)):
        happens = rng.random()
        if happens < 0.02:
            script.delta(lost=2, connection=connection)
        elif happens < 0.04:
            script.snapshot()
        elif happens < 0.05:
            script.close(connection)
            connection += 1
            script.open(connection)
        elif happens < 0.06:
            script.take(b"recv.bin", rng.randbytes(rng.randrange(3000)), connection)
        elif happens < 0.07:
            script.take(RECV, b'"\n 0 sum "0123' + rng.randbytes(20).hex().encode(), connection)
        elif happens < 0.2:
            script.trade(lost=rng.random() < 0.05, connection=connection)
        else:
            script.delta(connection=connection)
        if settle and rng.randrange(settle) == 0:
            writer.settle()
    if end:
        script.finish()
    else:
        writer.settle()
    return script


def noted(script: Script) -> Noted:
    """The writer of a script that is made here."""
    assert isinstance(script.recorder.writer, Noted)
    return script.recorder.writer


def known_of(path: Path, seed: int) -> Known:
    """Make a whole tape."""
    script = recording(path, seed)
    writer = noted(script)
    return Known(path.read_bytes(), writer.given, writer.flushed)


# -- what is held against it


class Violation(AssertionError):
    """Something that must not be."""


def need(holds: bool, what: str) -> None:
    """Say what does not hold."""
    if not holds:
        raise Violation(what)


@dataclass
class Read:
    """What came of reading a tape.

    Attributes:
        numbers: of the records that were given, those that were read.
        damages: after how many records read each damage record came, and what it says.
    """

    numbers: list[int]
    damages: list[tuple[int, dict[str, Any]]]
    reader: TapeReader


def read(path: Path, given: Sequence[Record]) -> Read:
    """Read all that can be read: in order, byte for byte, and nothing that was not given."""
    numbers: list[int] = []
    damages: list[tuple[int, dict[str, Any]]] = []
    at = 0
    with TapeReader(path) as reader:
        for record in reader.records(chained=True):
            if record.kind == DAMAGE:
                damages.append((len(numbers), record.json()))
                continue
            while at < len(given) and given[at] != record:
                at += 1
            need(at < len(given), f"{encode_line(record)[:80]!r} was read and never written, or out of order")
            numbers.append(at)
            at += 1
        for hole in reader.passage.holes:
            need(0 <= hole.offset <= reader.size and hole.offset + hole.bytes <= reader.size, f"{hole} is not in the file")
    return Read(numbers, damages, reader)


def judge(path: Path, given: Sequence[Record], *, moved: bool = False) -> Read:
    """Hold all that must be true of every tape against one, whatever has happened to it.

    Args:
        moved: blocks were taken out or put in, which the chain contradicts.
    """
    found = read(path, given)
    numbers, reader = found.numbers, found.reader
    damages = dict(found.damages)
    for place in range(len(numbers) + 1):
        before = numbers[place - 1] if place else -1
        after = numbers[place] if place < len(numbers) else len(given)
        told = damages.get(place)
        if place < len(numbers):
            need(after == before + 1 or told is not None, f"records {before + 1} to {after} are missing and nothing says so")
        if told is not None and told["records"] is not None:
            missing = given[before + 1 : after]
            need(place < len(numbers), "damage at the end cannot know what is missing")
            need(told["records"] == len(missing), f"{told} where {len(missing)} records are missing")
            frames = sum(record.kind in FRAMES for record in missing)
            need(told["frames"] == frames, f"{told} where {frames} frames are missing")
    lost = len(numbers) < len(given)
    is_complete = bool(numbers) and given[numbers[-1]].kind == END
    need(reader.complete == is_complete, f"complete is {reader.complete}, the end record was {'' if is_complete else 'not '}read")
    check_audit(path, lost=lost or not is_complete, moved=moved, damaged=bool(found.damages), readable=bool(numbers))
    return found


def check_audit(path: Path, *, lost: bool, moved: bool, damaged: bool, readable: bool) -> None:
    """The audit says what is missing and contradicts nothing that was only lost."""
    try:
        with Playback(path) as playback:
            found = audit(playback)
    except TapeError as error:
        need(not readable, f"the audit refuses a tape that can be read: {error}")
        need("\n" not in str(error), "an error of several lines")
        return
    told = found.as_json()
    need(told["digests"]["failed"] == 0, f"{told['digests']} for a tape that was only damaged")
    need(not (lost or damaged) or found.status != 0, "status 0 where something is missing")
    need(moved or found.status in (0, 3), f"status {found.status}: {told['faults'] or told['misindexed']}")


def check_blocks(known: Known, path: Path, found: Read, *, whole: Sequence[int]) -> None:
    """All records of every block whose bytes are intact were read, and of every other block all that a sum proves."""
    seen, raw = set(found.numbers), path.read_bytes()
    for block, (offset, size, lines) in enumerate(known.blocks):
        numbers = known.records(block)
        if block in whole:
            need(seen.issuperset(numbers), f"block {block} is intact and was not read")
        elif len(raw) == len(known.raw):
            proven = proven_by_hand(raw[offset : offset + size], lines)
            first = numbers[:proven]
            need(seen.issuperset(first), f"{proven} records of block {block} are proven by sums and were not read")


def proven_by_hand(data: bytes, lines: bytes) -> int:
    """How many records of a damaged block stand before the last sum that is intact."""
    if data[:4] != b"\x28\xb5\x2f\xfd":
        return 0
    stream, out = zstandard.ZstdDecompressor().decompressobj(), bytearray()
    with contextlib.suppress(zstandard.ZstdError):
        for byte in data:
            out += stream.decompress(bytes([byte]))
            if stream.eof:
                break
    same = next((at for at, (one, other) in enumerate(zip(out, lines, strict=False)) if one != other), min(len(out), len(lines)))
    end = lines[:same].rfind(b"\n") + 1
    whole = lines[:end].split(b"\n")[:-1]
    sums = [number for number, line in enumerate(whole) if line.split(b" ", 3)[2] == b"sum"]
    return len(records_in(b"\n".join(whole[: sums[-1]]) + b"\n")) if sums and sums[-1] else 0


# -- what can happen


class Round:
    """One round: a folder, a source of chance, and the tape that is damaged."""

    def __init__(self, folder: Path, rng: random.Random, known: Known) -> None:
        self.rng = rng
        self.known = known
        self.path = folder / f"{rng.getrandbits(48):x}.tape.zst"

    def put(self, raw: bytes) -> None:
        """Let the damaged tape be these bytes; one without its signature is refused in one line, and that is all."""
        self.path.write_bytes(raw)

    def is_refused(self) -> bool:
        """Whether the signature is destroyed; then the refusal is checked, and that repair heals it."""
        if self.path.read_bytes()[:SIGNED] == signature():
            return False
        try:
            TapeReader(self.path).close()
        except TapeError as error:
            need("\n" not in str(error), "an error of several lines")
            self.repair()
            return True
        # A signature of which only the number was changed, to one that can be read.
        return True

    def repair(self) -> None:
        """Repair what nothing else reads, where there is such a command."""
        out = self.path.with_name("repaired-" + self.path.name)
        if not inside("repair", "--help").out.startswith(b"Usage"):
            return
        done = inside("repair", self.path, "-o", out)
        need("this is a bug" not in done.err and "Traceback" not in done.err, f"repair: {done.err}")
        need(done.status in (0, 1, 3), f"repair of a destroyed signature ended with {done.status}: {done.err}")
        # The last block holds the end record alone, of which no tape can be made.
        blocks = [self.known.raw[offset : offset + size] for offset, size, _ in self.known.blocks[:-1]]
        intact = any(block in self.path.read_bytes() for block in blocks)
        if intact:
            need(done.status != 1 and out.exists(), f"repair did not heal a tape with intact blocks: {done.err}")
        out.unlink(missing_ok=True)


def flip(one: Round) -> None:
    """Flip bits, or whole bytes, in 1 to 20 places."""
    raw, rng = bytearray(one.known.raw), one.rng
    near = rng.randrange(len(raw)) if rng.random() < 0.3 else None
    places = set()
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 10, 20))):
        place = rng.randrange(len(raw)) if near is None else min(len(raw) - 1, near + rng.randrange(64))
        if rng.random() < 0.5:
            raw[place] ^= 1 << rng.randrange(8)
        else:
            raw[place] ^= rng.randrange(1, 256)
        places.add(place)
    one.put(bytes(raw))
    if one.is_refused():
        return
    found = judge(one.path, one.known.given)
    intact = whole_blocks(one.known, bytes(raw))
    check_blocks(one.known, one.path, found, whole=intact)
    check_holes(one.known, found, intact)


def whole_blocks(known: Known, raw: bytes) -> list[int]:
    """Blocks whose bytes stand where they stood."""
    return [
        number
        for number, (offset, size, _) in enumerate(known.blocks)
        if raw[offset : offset + size] == known.raw[offset : offset + size]
    ]


def check_holes(known: Known, found: Read, intact: Sequence[int]) -> None:
    """What is said to be unreadable is what was damaged: no intact block, and all others that came before the end."""
    for hole in found.reader.passage.holes:
        for number in intact:
            offset, size, _ = known.blocks[number]
            need(
                hole.offset + hole.bytes <= offset or offset + size <= hole.offset,
                f"{hole} covers block {number}, which is intact",
            )
    if found.reader.damage is None and found.reader.complete:
        for number, (offset, size, _) in enumerate(known.blocks):
            # A bit that says how much memory to take, for one, changes nothing that was written.
            if number not in intact and not set(found.numbers).issuperset(known.records(number)):
                covered = any(
                    hole.offset <= offset and offset + size <= hole.offset + hole.bytes for hole in found.reader.passage.holes
                )
                need(covered, f"block {number} is damaged and no hole covers it")


def truncate(one: Round) -> None:
    """Cut the file anywhere."""
    length = one.rng.randrange(len(one.known.raw))
    one.put(one.known.raw[:length])
    if one.is_refused():
        return
    found = judge(one.path, one.known.given)
    raw = one.known.raw[:length]
    whole = [number for number, (offset, size, _) in enumerate(one.known.blocks) if offset + size <= length]
    check_blocks(one.known, one.path, found, whole=whole)
    check_flushed(one.known, found, length)
    for offset, size, lines in one.known.blocks:
        if offset < length < offset + size:
            first = one.known.firsts[one.known.blocks.index((offset, size, lines))]
            proven = proven_by_hand(raw[offset:], lines)
            need(set(found.numbers) >= set(range(first, first + proven)), "proven records of the last block were not read")


def check_flushed(known: Known, found: Read, length: int) -> None:
    """Everything that was flushed before is there."""
    at = bisect.bisect_right(known.flushed, (length, 10**9))
    count = known.flushed[at - 1][1] if at else 0
    need(found.numbers[:count] == list(range(count)), f"{count} records were flushed, and not all of them are there")


def remove(one: Round) -> None:
    """Take a range out: whole blocks, or anything."""
    start, end = some_range(one)
    raw = one.known.raw[:start] + one.known.raw[end:]
    put_moved(one, raw)


def double(one: Round) -> None:
    """Put a range in twice."""
    start, end = some_range(one)
    put_moved(one, one.known.raw[:end] + one.known.raw[start:])


def some_range(one: Round) -> tuple[int, int]:
    blocks, rng = one.known.blocks, one.rng
    if rng.random() < 0.5:
        first = rng.randrange(len(blocks))
        last = min(len(blocks) - 1, first + rng.choice((0, 0, 1, 3)))
        return blocks[first][0], blocks[last][0] + blocks[last][1]
    start = rng.randrange(len(one.known.raw))
    return start, min(len(one.known.raw), start + rng.choice((1, 2, 10, 200, 5000)))


def put_moved(one: Round, raw: bytes) -> None:
    one.put(raw)
    if one.is_refused():
        return
    found = judge(one.path, one.known.given, moved=True)
    whole = [number for number, (offset, size, _) in enumerate(one.known.blocks) if one.known.raw[offset : offset + size] in raw]
    check_blocks(one.known, one.path, found, whole=whole)


class Journal:
    """A disk in memory that remembers every write."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.writes: list[int] = []
        self.syncs: list[int] = []

    def write(self, data: memoryview) -> int:
        """Take it."""
        self.data += data
        self.writes.append(len(self.data))
        return len(data)

    def sync(self) -> None:
        """Remember how much is safe."""
        self.syncs.append(len(self.data))

    def is_in_place(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing to do."""


def cut_power(one: Round) -> None:
    """Cut the power: all that was synced is there, and of the rest a part: a prefix, a torn page, zeros, or pages missing."""
    rng, journal = one.rng, Journal()
    script = recording(one.path, rng.getrandbits(30), make=lambda path, overwrite: journal, end=rng.random() < 0.5)
    writer = noted(script)
    if not writer.is_closed:
        writer.abandon()
    size = rng.choice(journal.writes)
    # The disk may be told to sync at any instant; whatever it was told is safe.
    synced = rng.choice([0, *[one for one in journal.writes if one <= size]])
    safe, rest = bytes(journal.data[:synced]), bytearray(journal.data[synced:size])
    how = rng.randrange(4)
    if how == 0:
        del rest[rng.randrange(len(rest) + 1) :]
    elif how == 1:
        torn = rng.randrange(len(rest) + 1)
        rest[torn:] = rng.randbytes(min(len(rest) - torn, rng.randrange(PAGE)))
    elif how == 2:
        start = rng.randrange(len(rest) + 1)
        rest[start:] = bytes(rng.choice((len(rest) - start, 10 * PAGE)))
    else:
        for page in range(synced // PAGE, size // PAGE + 1):
            if rng.random() < 0.4:
                start, end = max(0, page * PAGE - synced), max(0, min(len(rest), (page + 1) * PAGE - synced))
                rest[start:end] = bytes(end - start)
    one.put(safe + bytes(rest))
    if one.is_refused():
        return
    found = judge(one.path, writer.given)
    count = max((count for size, count in writer.flushed if size <= synced), default=0)
    need(found.numbers[:count] == list(range(count)), f"{count} records were synced, and not all of them are there")


class Breaking:
    """A real file that fails at some write or sync, and may take a part of that write."""

    def __init__(self, disk: LocalFile, fails_at: int, errno: int, part: float, *, short: bool) -> None:
        self._disk = disk
        self._left = fails_at
        self._errno = errno
        self._part = part
        self._short = short
        self.taken = 0

    def write(self, data: memoryview) -> int:
        """Write some, until it breaks."""
        if self._short and len(data) > 1:
            data = data[: len(data) // 2]
        if self._left < len(data):
            part = int(min(self._left, len(data)) * self._part)
            if part:
                self._left = 0
                self.taken += part
                return self._disk.write(data[:part])
            raise OSError(self._errno, os.strerror(self._errno))
        self._left -= len(data)
        self.taken += len(data)
        return self._disk.write(data)

    def sync(self) -> None:
        """Sync, unless broken."""
        if self._left <= 0:
            raise OSError(self._errno, os.strerror(self._errno))

    def is_in_place(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Let the file go."""
        self._disk.close()


def break_disk(one: Round) -> None:
    """Let the disk fail at some byte, full or broken: the writer says so, and everything before is there."""
    rng, disks = one.rng, []
    errno, short = rng.choice((5, 28)), rng.random() < 0.3
    fails_at, part = rng.randrange(30, 40_000), rng.random()

    def make(path: Path, overwrite: bool) -> Breaking:
        disk = create(path, overwrite)
        assert isinstance(disk, LocalFile)
        disks.append(Breaking(disk, fails_at, errno, part, short=short))
        return disks[0]

    told = given = None
    flushed: list[tuple[int, int]] = []
    watched: list[Noted] = []

    def watch(path: Path) -> TapeWriter:
        watched.append(Noted(path, level=1, make=make))
        return watched[0]

    try:
        script = Script(one.path, {"keyframe_ns": 20 * STEP}, make=watch)
        script.live(3)
        for _ in range(rng.randrange(500)):
            script.delta()
            if rng.random() < 0.1:
                watched[0].settle()
        script.finish()
    except TapeError as error:
        told = str(error)
        need("cannot be written" in told and "\n" not in told, f"a strange complaint: {told}")
    if watched:
        given, flushed = watched[0].given, watched[0].flushed
        watched[0].abandon()
    failed = disks[0].taken < one.path.stat().st_size or disks[0]._left <= 0
    need(told is not None or not failed, "the disk failed and nobody said so")
    if given is None or one.is_refused():
        return
    # What the writer was given last may not have been taken into its list, because it raised.
    found = read(one.path, given)
    count = max((count for size, count in flushed if size <= one.path.stat().st_size), default=0)
    need(found.numbers[:count] == list(range(count)), f"{count} records were flushed, and not all of them are there")
    if found.numbers:
        judge(one.path, given)


CHILD = "--child"


def child(path: Path, seed: int, pace: float) -> None:
    """Record until killed; say after each flush how many records are in the file."""
    rng = random.Random(seed)
    script = endless(path, seed)
    writer = noted(next(script))
    for _ in script:
        if rng.random() < pace:
            writer.settle()
            sys.stdout.write(f"{len(writer.given)}\n")
            sys.stdout.flush()


def endless(path: Path, seed: int, make: Create = create) -> Iterator[Script]:
    """Record for ever, the same each time."""
    options = {"keyframe_ns": (5 + seed % 50) * STEP, "digest_ns": 4 * STEP}
    script = Script(path, options, make=lambda path: Noted(path, level=1, make=make), header={"session": "torture"})
    yield script
    script.live()
    while True:
        script.delta()
        if script.sequence % 7 == 0:
            script.trade()
        yield script


def kill_writer(one: Round) -> None:
    """Kill a recorder at a random instant: what it had flushed is there."""
    rng = one.rng
    seed, pace, lines = rng.getrandbits(30), rng.choice((0.005, 0.05, 1.0)), rng.randrange(1, 40)
    command = [sys.executable, __file__, CHILD, str(one.path), str(seed), str(pace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    count = 0
    with process.stdout:
        for line in process.stdout:
            count, lines = int(line), lines - 1
            if not lines:
                break
        # Some more, that nobody knows of.
        deadline = time.monotonic() + rng.random() * 0.02
        while time.monotonic() < deadline:
            pass
        process.kill()
        rest = process.stdout.read().splitlines()
    process.wait()
    complete = [int(line) for line in rest if line.isdigit()][:-1]
    count = max([count, *complete])
    with TapeReader(one.path) as reader:
        readable = sum(record.kind != DAMAGE for record in reader.records())
    need(readable >= count, f"{count} records were flushed, {readable} can be read")
    again = endless(one.path, seed, make=lambda path, overwrite: Journal())
    writer = noted(next(again))
    while len(writer.given) < readable + 10:
        next(again)
    writer.abandon()
    found = judge(one.path, writer.given)
    need(found.numbers == list(range(readable)), "what was read is not what was written")


def kill_program(one: Round) -> None:
    """Kill `feedtape record --sim`: whatever is there says that it is cut and contradicts nothing."""
    process = started("record", "binance:BTCUSDT", "--sim", "--rate", "200", "--flush", "20ms", "-o", one.path, "-q")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (not one.path.exists() or one.path.stat().st_size < one.rng.randrange(1000, 30_000)):
        time.sleep(0.005)
    process.kill()
    process.communicate()
    with Playback(one.path) as playback:
        found = audit(playback)
    need(found.status == 3 and found.cut is not None, f"status {found.status}, {found.cut}")
    need(found.session.totals.digests_failed == 0 and found.session.totals.frames > 0, "digests failed, or nothing was recorded")


LIMITED = """
import resource, sys
sys.path.insert(0, {folder!r})
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
import torture
from feedtape.errors import TapeError
from pathlib import Path
script = torture.endless(Path({path!r}), {seed})
writer = torture.noted(next(script))
try:
    for number, _ in enumerate(script):
        if number % 20 == 0:
            writer.settle()
            count = len(writer.given)
            print(count, flush=True)
except TapeError as error:
    print(error)
"""


def fill_disk(one: Round) -> None:
    """Let the system refuse a file that grows too large."""
    rng = one.rng
    limit, seed = rng.randrange(2_000, 60_000), rng.getrandbits(30)
    code = LIMITED.format(folder=str(Path(__file__).parent), limit=limit, path=str(one.path), seed=seed)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout.splitlines()
    need(done.returncode == 0 and said[-1].endswith("File too large"), f"{said[-1:]} {done.stderr[-300:]}")
    count = max((int(line) for line in said[:-1]), default=0)
    again = endless(one.path, seed, make=lambda path, overwrite: Journal())
    writer = noted(next(again))
    while len(writer.given) < count + 200:
        next(again)
    writer.abandon()
    found = judge(one.path, writer.given)
    need(found.numbers[:count] == list(range(count)), f"{count} records were flushed, and not all of them are there")


KINDS: tuple[tuple[Callable[[Round], None], float], ...] = (
    (flip, 30),
    (truncate, 12),
    (remove, 14),
    (double, 14),
    (cut_power, 16),
    (break_disk, 8),
    (kill_writer, 2),
    (fill_disk, 1.5),
    (kill_program, 0.5),
)


def torture(
    rounds: int,
    seed: int,
    put: Callable[[str], None],
    kinds: Sequence[tuple[Callable[[Round], None], float]] = KINDS,
    only: int | None = None,
) -> int:
    """Torture for so many rounds, or again for one of them; return how many violated something."""
    chosen = range(rounds) if only is None else range(only, only + 1)
    rng = random.Random(seed)
    tries: Counter[str] = Counter()
    took: Counter[str] = Counter()
    failures: list[str] = []
    names, weights = [kind for kind, _ in kinds], [weight for _, weight in kinds]
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder, known = Path(name), None
        for number in range(rounds):
            own = random.Random(rng.getrandbits(64))
            if number not in chosen:
                continue
            if known is None or number % 5 == 0:
                source = folder / f"source-{number}.tape.zst"
                known = known_of(source, seed * 1_000_000 + number // 5)
                source.unlink()
            kind = own.choices(names, weights)[0]
            one = Round(folder, own, known)
            begun = time.perf_counter()
            try:
                kind(one)
            except Exception as error:
                failures.append(f"seed {seed} round {number}: {kind.__name__}: {type(error).__name__}: {error}")
                if only is not None:
                    raise
            tries[kind.__name__] += 1
            took[kind.__name__] += round((time.perf_counter() - begun) * 1e6)
            one.path.unlink(missing_ok=True)
    put(f"{'what':<14}{'rounds':>8}{'failed':>8}{'ms each':>10}")
    for kind in names:
        name = kind.__name__
        failed = sum(f": {name}: " in failure for failure in failures)
        put(f"{name:<14}{tries[name]:>8}{failed:>8}{took[name] / 1000 / max(tries[name], 1):>10.1f}")
    for failure in failures[:20]:
        put(failure)
    put(f"{rounds} rounds, seed {seed}: {len(failures)} violations")
    return len(failures)


def main() -> int:
    """Torture as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one kind of damage")
    parser.add_argument("--round", type=int, help="one round of those, again, with a traceback")
    asked = parser.parse_args()
    kinds = [(kind, weight) for kind, weight in KINDS if asked.only in (None, kind.__name__)]
    put = functools.partial(print, flush=True)
    return 1 if torture(max(asked.rounds, 1 + (asked.round or 0)), asked.seed, put, kinds, asked.round) else 0


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        child(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        sys.exit(main())
