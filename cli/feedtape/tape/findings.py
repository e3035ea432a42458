"""What a pass over a damaged tape finds: what is left, a `damage` record wherever something is missing, and all that is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from feedtape.model.records import DAMAGE, DIGEST, END, FRAMES, HEADER, KEYFRAME, KEYFRAME_PART, OPEN, Record, note
from feedtape.tape.blocks import BlockSource, Tell
from feedtape.tape.format import Block
from feedtape.tape.passage import CHANGED, Passage


class Way(NamedTuple):
    """A way of reading a tape: by its index, or by walking from block to block. `in_file` tells where a place of `source` is."""

    source: BlockSource
    version: int
    blocks: list[Block] | None
    in_file: Callable[[int], int]


@dataclass
class Findings:
    """What a pass over a tape found.

    Attributes:
        damages: what each `damage` record says that the pass had to make.
        faults: blocks that are not where or what the chain says, and remarks on what could be put right.
        end: the end record's fields; None when there is none.
        behind_end: bytes behind the end record that are neither an index nor anything else of a tape.
        opened: venues of the connections that were opened.
    """

    records: int = 0
    frames: int = 0
    bytes: int = 0
    first: int | None = None
    last: int = 0
    header: dict[str, Any] | None = None
    damages: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    misindexed: list[str] = field(default_factory=list)
    end: dict[str, Any] | None = None
    behind_end: int = 0
    targets: dict[str, None] = field(default_factory=dict)
    opened: dict[str, None] = field(default_factory=dict)
    head: str | None = None

    def count(self, record: Record) -> None:
        """Count a record that is kept."""
        self.records += 1
        self.first = record.time if self.first is None else self.first
        self.last = max(self.last, record.time)
        if record.kind in FRAMES:
            self.frames += 1
            self.bytes += len(record.payload)
        elif self.header is None:
            self._look(record)

    def _look(self, record: Record) -> None:
        """Learn what a header would have said."""
        try:
            fields = record.json() if record.kind in (OPEN, DIGEST, KEYFRAME, KEYFRAME_PART) else {}
            if record.kind == OPEN:
                self.opened[str(fields["venue"])] = None
            elif record.kind == KEYFRAME_PART:
                self.targets[fields["target"].partition("@")[0]] = None
            for target in [*fields.get("books", ()), *fields.get("flows", ())]:
                self.targets[target.partition("@")[0]] = None
        except (ValueError, KeyError, TypeError, AttributeError):
            return


def read(way: Way, found: Findings, tell: Tell | None = None) -> Iterator[Record]:
    """Yield the records of a tape and the damages between them, without its end, and write down what was found."""
    passage = Passage(way.source, way.version, way.blocks, chained=True, tell=tell)
    holes = faults = 0
    for record in passage.records():
        is_hole, holes = len(passage.holes) > holes, len(passage.holes)
        changed = [fault for fault in passage.faults[faults:] if fault.endswith(CHANGED)]
        faults = len(passage.faults)
        if found.end is not None:
            found.behind_end += record.json()["bytes"] if is_hole else 0
        elif record.kind == END:
            found.end = _fields(record)
        elif is_hole:
            yield from _missing(_placed(record, way), found)
        else:
            if changed:
                yield _damage(found, record.time, changed[0])
            if record.kind == HEADER and not found.records:
                found.header = _fields(record)
            found.count(record)
            yield record
    found.faults += passage.faults
    found.misindexed = [] if passage.holes else passage.misindexed
    found.head = passage.head or None
    if found.end is None and found.records and not (found.damages and found.damages[-1]["until"] is None):
        yield _tail(way, passage, found)


def _missing(damage: Record, found: Findings) -> Iterator[Record]:
    """Yield a damage that a hole made, unless it swallowed nothing."""
    fields = damage.json()
    if fields["records"] == 0:
        # The chain counts on both sides: what stands here is too much, or was read in spite of its damage.
        found.faults.append(f"{fields['why']}, {fields['bytes']} bytes at {fields['offset']}: nothing is missing there")
        return
    found.damages.append(fields)
    found.count(damage)
    yield damage


def _fields(record: Record) -> dict[str, Any]:
    try:
        return dict(record.json())
    except (ValueError, TypeError):
        return {}


def _placed(record: Record, way: Way) -> Record:
    fields = record.json()
    return note(record.time, DAMAGE, fields | {"offset": way.in_file(fields["offset"])})


def _damage(found: Findings, until: int | None, why: str, offset: int = 0, size: int = 0) -> Record:
    """Return a damage that the passage had no hole for, and count it."""
    fields = {"why": why, "offset": offset, "bytes": size, "records": None, "frames": None, "since": found.last, "until": until}
    record = note(found.last, DAMAGE, fields)
    found.damages.append(record.json())
    found.count(record)
    return record


def _tail(way: Way, passage: Passage, found: Findings) -> Record:
    """Return the damage at the end of a tape that has no end record."""
    source, size = way.source, way.source.size()
    extent = source.extent(passage.position, size)
    left = 0
    if extent is not None and not extent.is_skippable:
        proven = len(source.proven(extent, trust=way.version == 1 and extent.is_cut))
        # Of a block that is read in part, only its lines can be counted.
        left = source.unproven(extent, proven) if proven else size - passage.position
    why = f"cut: {passage.damage or 'no end record'}"
    return _damage(found, None, why, way.in_file(min(passage.position, size)), left)
