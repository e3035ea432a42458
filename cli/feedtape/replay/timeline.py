"""The time line of a whole tape: how busy it was when, and where something happened, told by the records without their meaning.

No frame is decoded, so that it takes a small part of what a replay does. Whoever scans gives it a `TapeSet` of its own.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

from feedtape.model.records import CLOSE, DAMAGE, DROP, FRAMES, GAP, MARKER, RESYNC, STALL, Record
from feedtape.replay.visit import Alive
from feedtape.session import marker_text
from feedtape.tape.blocks import Tell
from feedtape.tape.segments import TapeSet

BUCKETS: Final = 1000
MARKS_KEPT: Final = 10_000
"""Marks that are listed; more are not."""
_TOLD_EVERY: Final = 4096
_LONGEST: Final = 200

MarkKind = Literal["gap", "resync", "checksum", "mark", "disconnect", "stall", "dropped", "damage"]


class TimeMark(NamedTuple):
    """Something that happened, as the recorder noted it; `text` is other people's."""

    time: int
    kind: MarkKind
    text: str


class Timeline:
    """Frames by buckets of equal length over a tape's time, and its marks; it grows while the tape is scanned."""

    def __init__(self, first: int, last: int, estimate: list[float]) -> None:
        """Begin with an estimate of the frames in each bucket; it stands where nothing has been counted yet."""
        self.first, self.last = first, last
        self.marks: list[TimeMark] = []
        """In the order of time."""
        self.is_whole = False
        """Whether all has been counted."""
        self._estimate = estimate
        self._counts = [0] * len(estimate)
        self._reached = 0

    @property
    def counts(self) -> list[float]:
        """Frames in each bucket: counted, and estimated where the scan has not come to yet."""
        reached = len(self._counts) if self.is_whole else self._reached
        return [*self._counts[:reached], *self._estimate[reached:]]

    def bucket(self, time: int) -> int:
        """Return the number of the bucket that a time lies in; the nearest one outside of the tape."""
        span, count = self.last - self.first, len(self._counts)
        return min(max((time - self.first) * count // span, 0), count - 1) if span > 0 else 0

    def take(self, record: Record) -> None:
        """Count a record."""
        if record.kind in FRAMES:
            self._reached = self.bucket(record.time)
            self._counts[self._reached] += 1
        elif record.kind in _MARKS and len(self.marks) < MARKS_KEPT and (mark := _mark(record)) is not None:
            insort(self.marks, mark)


def scan(tape: TapeSet, alive: Alive = lambda: True, tell: Tell | None = None, *, buckets: int = BUCKETS) -> Iterator[Timeline]:
    """Read a tape, and yield its time line at once and again after every few thousand records: the same object, further grown.

    Args:
        alive: when it says no, the scan ends with what it has.
        tell: takes how many bytes have been read.

    Raises:
        TapeError: when the tape cannot be read.
    """
    first, last = tape.bounds()
    line = Timeline(first, last, [0.0] * buckets)
    _estimate(line, tape)
    yield line
    for number, record in enumerate(tape.records(tell=tell), 1):
        line.take(record)
        if not number % _TOLD_EVERY:
            if not alive():
                return
            yield line
    line.is_whole = True
    yield line


def _estimate(line: Timeline, tape: TapeSet) -> None:
    """Spread the frames that an index counts over the times of its blocks, by their size."""
    for reader in tape.segments:
        size, frames = sum(block.raw_size for block in reader.blocks), reader.index.statistics.get("frames")
        if not size or type(frames) is not int:
            continue
        for block in reader.blocks:
            low, high = line.bucket(block.first), line.bucket(block.last)
            for bucket in range(low, high + 1):
                line._estimate[bucket] += frames * block.raw_size / size / (high - low + 1)


def _mark(record: Record) -> TimeMark | None:
    try:
        if record.kind == MARKER:
            return TimeMark(record.time, "mark", marker_text(record))
        found = _MARKS[record.kind](record.json())
    except (ValueError, KeyError, TypeError, AttributeError):
        # A replay says what is wrong with it; a picture of the whole can do without.
        return None
    return None if found is None else TimeMark(record.time, found[0], found[1][:_LONGEST])


def _gap(fields: dict[str, Any]) -> tuple[MarkKind, str]:
    kinds: dict[str, MarkKind] = {"checksum": "checksum", "disconnect": "disconnect", "dropped": "dropped", "damage": "damage"}
    kind = str(fields.get("kind"))
    return kinds.get(kind, "gap"), " ".join(filter(None, (fields.get("target"), kind, fields.get("detail"))))


def _close(fields: dict[str, Any]) -> tuple[MarkKind, str] | None:
    return None if fields.get("final") else ("disconnect", f"closed by {fields.get('by', '?')}")


_MARKS: Final[dict[bytes, Callable[[Any], tuple[MarkKind, str] | None]]] = {
    GAP: _gap,
    RESYNC: lambda fields: ("resync", str(fields.get("target") or "")),
    MARKER: lambda fields: None,
    CLOSE: _close,
    STALL: lambda fields: ("stall", str(fields.get("message", "silent"))),
    DROP: lambda fields: ("dropped", f"{fields.get('frames', '?')} frames dropped here"),
    DAMAGE: lambda fields: ("damage", str(fields.get("why", "damage"))),
}
