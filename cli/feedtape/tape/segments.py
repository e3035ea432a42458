"""Tapes as sets: the segments of one recording, read as one tape.

Every segment names its session, its number, and the head of the chain of the one before, so that a set can be put together from
any of its files, and a segment that is missing is noticed.
"""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from feedtape.errors import TapeError, UsageError
from feedtape.model.records import DAMAGE, Record, note
from feedtape.tape.blocks import Tell
from feedtape.tape.disk import is_being_written
from feedtape.tape.format import SUFFIX, Block
from feedtape.tape.passage import Hole, Passage, Wait
from feedtape.tape.reader import TapeReader

ROTATED = "rotated"
"""The reason in the end record of a segment that another one follows."""
FOLLOWS = "the segment that follows is missing"
"""Why a set is cut of which every file is whole."""


class Place(NamedTuple):
    """Where to begin reading: a block of one of the segments."""

    segment: int
    block: Block


class Joint(NamedTuple):
    """Where one segment ends and the next begins. `missing` counts segments that are not there between them."""

    before: Path
    after: Path
    chained: bool | None
    """Whether the later one names the head of the chain of the earlier one; None where that cannot be told."""
    missing: int


class TapeSet:
    """One tape, or the segments of one recording in their order."""

    def __init__(self, paths: Sequence[Path], *, alone: bool = False) -> None:
        """Open every file; a segment that is taken `alone` lacks nothing by its end.

        Raises:
            TapeError: when one is no tape or cannot be read.
            UsageError: when they are not all of one recording.
        """
        self._alone = alone
        self.segments: list[TapeReader] = []
        self.headers: list[dict[str, Any]] = []
        self.joints: list[Joint] = []
        self.passages: list[Passage] = []
        """What the latest pass found in each segment that it read."""
        try:
            self._open(paths)
        except BaseException:
            self.close()
            raise

    def _open(self, paths: Sequence[Path]) -> None:
        found = []
        for path in paths:
            reader = TapeReader(path)
            self.segments.append(reader)
            found.append((reader.header(), reader))
        found.sort(key=lambda pair: (_number(pair[0]), pair[0]["start"]))
        if len(found) > 1 and len({header.get("session") for header, _ in found}) > 1:
            raise UsageError("these tapes are of several recordings", hint="feedtape merge puts them into one")
        for (header, one), (following, other) in pairwise(found):
            if _number(header) == _number(following):
                raise UsageError(f"{one.path} and {other.path} are the same part of one recording", hint="name one of them")
        self.headers = [header for header, _ in found]
        self.segments = [reader for _, reader in found]
        self._paths = [reader.path for reader in self.segments]

    def __enter__(self) -> "TapeSet":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the files go."""
        for reader in self.segments:
            reader.close()

    @property
    def path(self) -> Path:
        """The first file, which names the set."""
        return self.segments[0].path

    @property
    def name(self) -> str:
        """What to call it in a message."""
        more = len(self.segments) - 1
        return str(self.path) + (f" and {more} more" if more else "")

    @property
    def header(self) -> dict[str, Any]:
        """The header of the first segment."""
        return self.headers[0]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(reader.size for reader in self.segments)

    @property
    def has_index(self) -> bool:
        """Whether every segment has an index."""
        return all(reader.has_index for reader in self.segments)

    def scan(self, tell: Tell | None = None) -> None:
        """Find the blocks of segments without index; see `TapeReader.scan`."""
        before = 0
        for reader in self.segments:
            reader.scan(None if tell is None else _shifted(tell, before))
            before += reader.size

    def bounds(self) -> tuple[int, int]:
        """Return the times of the first and the last record; a set without index is scanned for it."""
        self.scan()
        first, last = int(self.header["start"]), int(self.headers[-1]["start"])
        reader = self.segments[-1]
        if reader.has_index:
            last = max(last, reader.blocks[-1].last) if reader.blocks else last
        else:
            for record in reader.records(reader.blocks[-1] if reader.blocks else None):
                last = max(last, record.time)
        return first, last

    def place_before(self, time: int) -> Place | None:
        """Return the last keyframe before that time; None: read from the start."""
        for number in range(len(self.segments) - 1, -1, -1):
            if int(self.headers[number]["start"]) < time:
                block = self.segments[number].keyframe_before(time)
                if block is not None:
                    return Place(number, block)
        return None

    def records(
        self, start: Place | None = None, *, chained: bool = False, wait: Wait | None = None, tell: Tell | None = None
    ) -> Iterator[Record]:
        """Yield every record of every segment, with a `damage` record where a segment is missing.

        With `wait` the set is followed while it is written, into segments that do not exist yet.
        """
        self.passages = []
        self.joints = []
        number = start.segment if start is not None else 0
        before = sum(reader.size for reader in self.segments[:number])
        while number < len(self.segments):
            reader = self.segments[number]
            begin = start.block if start is not None and number == start.segment else None
            if self.passages:
                yield from self._join(number)
            records = reader.records(begin, chained=chained, wait=wait, tell=None if tell is None else _shifted(tell, before))
            self.passages.append(reader.passage)
            last: Record | None = None
            for last in records:
                yield last
            number += 1
            before += reader.size
            if wait is not None and number == len(self.segments) and last is not None and reader.complete:
                self._follow(last, wait)

    def _join(self, number: int) -> Iterator[Record]:
        before, after = self.headers[number - 1], self.headers[number]
        previous, passage = after.get("previous") or {}, self.passages[-1]
        missing = _number(after) - _number(before) - 1
        head = passage.head
        # A repaired segment has a chain of its own, and one that is cut has not all of it.
        is_unknown = missing or head is None or not previous.get("head") or "repaired" in before or not passage.complete
        chained = None if is_unknown else previous["head"] == head
        self.joints.append(Joint(self._paths[number - 1], self._paths[number], chained, missing))
        if missing or not passage.complete:
            what = f"{missing} segments are missing" if missing else "the segment before is cut"
            why = f"{what} before {self._paths[number].name}"
            passage.holes.append(Hole(0, 0, why))
            since, until = passage.time or int(after["start"]), int(after["start"])
            fields = {"why": why, "offset": 0, "bytes": 0, "records": None, "frames": None, "since": since, "until": until}
            yield note(max(since, 0), DAMAGE, fields)

    def _follow(self, end: Record, wait: Wait) -> None:
        """Find the segment that follows one that ended by rotation, once it is there."""
        try:
            fields = end.json()
        except ValueError:
            return
        name = fields.get("next") if isinstance(fields, dict) and fields.get("reason") == ROTATED else None
        if not isinstance(name, str) or "/" in name or "\\" in name:
            return
        path = self._paths[-1].parent / name
        while True:
            # Asked before looking: a header that was written just before the writer went is then surely seen.
            alive = _is_being_written(path)
            with contextlib.suppress(TapeError):
                reader = TapeReader(path)
                try:
                    header = reader.header()
                except TapeError:
                    reader.close()
                    raise
                self.segments.append(reader)
                self.headers.append(header)
                self._paths.append(path)
                return
            # The next segment is there before the one before it ends: one that is not, or that nobody writes, never will be.
            if not alive or not wait():
                return

    # -- what the latest pass found

    @property
    def holes(self) -> list[Hole]:
        """All that could not be read."""
        return [hole for passage in self.passages for hole in passage.holes]

    @property
    def faults(self) -> list[str]:
        """Where a chain does not hold."""
        broken = [f"{joint.after.name} does not continue {joint.before.name}" for joint in self.joints if joint.chained is False]
        return [fault for passage in self.passages for fault in passage.faults] + broken

    @property
    def head(self) -> str | None:
        """Head of the chain of the last segment, which names all before it too; None where the chain was not checked."""
        return self.passages[-1].head if self.passages else None

    def misindexed(self) -> list[str]:
        """Return where an index says other than what was read, after a whole pass."""
        found = []
        for reader, passage in zip(self.segments, self.passages, strict=False):
            if reader.has_index and not passage.holes and passage.complete:
                found += [f"{reader.path.name}: {what}" for what in passage.misindexed]
        return found

    @property
    def cut(self) -> str | None:
        """Why the set is not complete, after a whole pass; None when it is."""
        if not self.passages:
            return "nothing was read"
        return self._why_cut(self.passages[-1])

    def _why_cut(self, last: Passage) -> str | None:
        if last.damage is not None:
            return last.damage
        if not last.complete:
            return "no end record"
        return FOLLOWS if last.end_reason == ROTATED and not self._alone else None

    def ending(self) -> str | None:
        """Return why the set is not complete, as far as its last block alone tells that; None when it is."""
        self.scan()
        reader = self.segments[-1]
        indexed = reader.blocks if reader.has_index else None
        last = Passage(reader.source, reader.version, indexed, start=reader.blocks[-1].offset if reader.blocks else None)
        for _ in last.records():
            pass
        return self._why_cut(last)


def _number(header: dict[str, Any]) -> int:
    number = header.get("segment", 1)
    return number if type(number) is int else 1


def _is_being_written(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_being_written(file)
    except OSError:
        return False


def _shifted(tell: Tell, by: int) -> Tell:
    return lambda position: tell(by + position)


def find_segments(path: Path, *, alone: bool = False) -> list[Path]:
    """Return the files of the recording that a path means: a tape with all its segments, or a folder that holds one recording.

    Args:
        alone: take a tape as it is, though it be a segment.

    Raises:
        TapeError: when it is no tape.
        UsageError: when a folder holds no tape, or several recordings.
    """
    if path.is_dir():
        found = _recordings(path)
        if not found:
            raise UsageError(f"there is no tape in {path}")
        if len(found) > 1:
            names = ", ".join(str(paths[0]) for paths in list(found.values())[:4])
            raise UsageError(f"{path} holds {len(found)} recordings", hint=f"name one of its tapes: {names}")
        return next(iter(found.values()))
    with TapeReader(path) as reader:
        header = reader.header()
    if alone or "segment" not in header:
        return [path]
    siblings = _recordings(path.parent).get(str(header.get("session")), [path])
    # Of a segment and its repaired copy the one that was named is meant.
    return [path if _is_copy(path, other) else other for other in siblings]


def _recordings(folder: Path) -> dict[str, list[Path]]:
    """Return the tapes of a folder by the session that they are of; those that cannot be read are left out.

    A repaired segment stands for the one that it was made from.
    """
    found: dict[str, dict[object, tuple[bool, Path]]] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            with TapeReader(path) as reader:
                header = reader.header()
        except TapeError:
            continue
        # Copies of one session beside each other are no set; only segments are.
        key = str(header.get("session")) if "segment" in header else str(path)
        segments = found.setdefault(key, {})
        number: object = header.get("segment")
        is_repaired = "repaired" in header
        if number in segments and is_repaired == segments[number][0]:
            # Two that claim one place: whoever reads them is told.
            number = path
        if number not in segments or is_repaired:
            segments[number] = (is_repaired, path)
    return {key: [path for _, path in segments.values()] for key, segments in found.items()}


def _is_copy(path: Path, other: Path) -> bool:
    """Tell whether one is the repaired form of the other."""
    if path == other:
        return False
    with TapeReader(path) as one, TapeReader(other) as two:
        first, second = one.header(), two.header()
    return first.get("segment") == second.get("segment") and ("repaired" in first) != ("repaired" in second)
