"""The same recording twice: records held against each other one by one."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import orjson

from feedtape.edit.diff_align import ALTERED, ONLY_A, ONLY_B, ORDER, TIME, Aligner, Item
from feedtape.edit.diff_meaning import CHANGES_KEPT, Change, changes_between, value_changes
from feedtape.edit.diff_side import Side, Wanted
from feedtape.errors import BadFrame, TapeError
from feedtape.model.records import DERIVED, DIGEST, GAP, HEADER, RECV, RESYNC, STATE, Record
from feedtape.tape.blocks import Tell
from feedtape.tape.segments import TapeSet

KINDS = (ALTERED, TIME, ORDER, ONLY_A, ONLY_B)
_MADE_ANEW = frozenset({"format", "made_by", "python", "segment", "previous", "session"})
"""Fields of a header that differ between two files of the same content."""
_ITEMS_SHOWN = 10
_PAYLOAD_SHOWN = 65_536


class Difference(NamedTuple):
    """A place at which two tapes part. `derived` tells that not what came differs, but what the tool found out about it."""

    kind: str
    derived: bool
    a: tuple[Item, ...]
    b: tuple[Item, ...]
    changes: list[Change]
    targets: list[str]

    @property
    def offset(self) -> int | None:
        """Where the payloads begin to differ, in bytes; None where not two of them differ."""
        return parting_of(self.a[0].record.payload, self.b[0].record.payload) if self.kind == ALTERED else None

    def as_json(self) -> dict[str, Any]:
        """The difference as JSON values; the payloads stand as text, the beginnings of long ones."""
        return {
            "kind": self.kind,
            "derived": self.derived,
            "offset": self.offset,
            "targets": self.targets,
            "changes": [change._asdict() for change in self.changes],
            "a": [_item_json(item) for item in self.a],
            "b": [_item_json(item) for item in self.b],
        }


def _item_json(item: Item) -> dict[str, Any]:
    record = item.record
    return {
        "number": item.number,
        "frame": item.frame,
        "time": str(record.time),
        "connection": record.connection,
        "kind": record.kind.decode(errors="replace"),
        "size": len(record.payload),
        "payload": record.payload[:_PAYLOAD_SHOWN].decode(errors="replace"),
    }


def parting_of(a: bytes, b: bytes) -> int:
    """Return how many bytes two texts begin with alike."""
    alike, unlike = 0, min(len(a), len(b)) + 1
    while unlike - alike > 1:
        middle = (alike + unlike) // 2
        if a[alike:middle] == b[alike:middle]:
            alike = middle
        else:
            unlike = middle
    return alike


class FramesDiff:
    """What came of comparing records.

    Attributes:
        counts: differences by kind; `derived` those of what the tool itself found out.
        uncovered: records of either side that the other one does not reach to, or has a hole for.
        notes: fields in which the headers differ.
        undecided: digests that only one side wrote down; when it does so is a recorder's own affair.
    """

    by = "frames"

    def __init__(self, a: TapeSet, b: TapeSet, wanted: Wanted) -> None:
        self.sides = Side(a, wanted), Side(b, wanted)
        self.counts = dict.fromkeys(KINDS, 0)
        self.derived = dict.fromkeys(KINDS, 0)
        self.uncovered = [0, 0]
        self.undecided = 0
        self.differences: list[Difference] = []
        self.notes = list(islice(_header_changes(a.header, b.header), CHANGES_KEPT))
        self._wanted = wanted
        self._records = Aligner(lambda kind, a, b: self._note(kind, a, b, derived=False))
        self._findings = Aligner(lambda kind, a, b: self._note(kind, a, b, derived=True))

    @property
    def equal(self) -> int:
        """Records that are the same on both sides."""
        return self._records.equal

    @property
    def equal_findings(self) -> int:
        """Gaps, resyncs and digests that are the same on both sides."""
        return self._findings.equal

    @property
    def differ(self) -> int:
        """Differences in all."""
        return sum(self.counts.values()) + sum(self.derived.values())

    @property
    def status(self) -> int:
        """The exit status: 5 different, 3 equal as far as both go, 0 equal."""
        if self.differ:
            return 5
        lacking = any(self.uncovered) or any(side.holes or side.cut for side in self.sides)
        return 3 if lacking else 0

    def run(self, tells: tuple[Tell | None, Tell | None]) -> None:
        """Read both tapes, in step.

        Raises:
            TapeError: when one cannot be read, or they have nothing in common.
        """
        streams = self._wanted_items(0, tells[0]), self._wanted_items(1, tells[1])
        ended = [False, False]
        while not all(ended):
            waiting = self._records.waiting
            if waiting == (0, 0) and not any(ended):
                items = self._in_step(*streams)
            else:
                side = 0 if ended[1] or (not ended[0] and waiting[0] <= waiting[1]) else 1
                items = {side: next(streams[side], None)}
            for side, item in items.items():
                if item is None:
                    ended[side] = True
                    self._records.end(side)
                    self._findings.end(side)
                else:
                    self._records.push(side, item)
        self._check_common()

    def _check_common(self) -> None:
        if self._wanted.only:
            self._wanted.only.check()
        if self.equal or sum(self.counts.values()):
            return
        names = f"{self.sides[0].tape.name} and {self.sides[1].tape.name}"
        if any(self.uncovered):
            raise TapeError(f"{names} have no time in common")
        if self._wanted.only or self._wanted.since is not None or self._wanted.until is not None:
            raise TapeError(f"{names} hold nothing of what is asked for")

    def _in_step(self, ours: Iterator[Item], theirs: Iterator[Item]) -> dict[int, Item | None]:
        """Pass over what is equal; return the first of either side that is not, or None where it ended."""
        equal = 0
        while True:
            a, b = next(ours, None), next(theirs, None)
            if a is None or b is None or a.record != b.record:
                self._records.equal += equal
                return {0: a, 1: b}
            equal += 1

    def _wanted_items(self, number: int, tell: Tell | None) -> Iterator[Item]:
        side, only = self.sides[number], bool(self._wanted.only)
        for item in side.items(tell):
            kind = item.record.kind
            if kind is RECV and not only:
                yield item
            elif kind in DERIVED:
                finding = self._finding(item)
                if finding is not None:
                    self._findings.push(number, finding)
            elif kind != HEADER and (not only or self._concerns(side, item.record)):
                yield item

    def _finding(self, item: Item) -> Item | None:
        """Return what of a derived record is to be compared: gaps, resyncs and digests, of the wanted targets."""
        record = item.record
        if record.kind not in (GAP, RESYNC, DIGEST):
            return None
        if not self._wanted.only:
            return item
        wants = self._wanted.only.wants
        try:
            fields = record.json()
            if record.kind != DIGEST:
                return item if wants(str(fields.get("target", ""))) else None
            books = {target: one for target, one in fields["books"].items() if wants(target)}
        except (ValueError, KeyError, TypeError, AttributeError):
            return item
        return item._replace(record=Record(record.time, record.connection, DIGEST, orjson.dumps({"books": books})))

    def _concerns(self, side: Side, record: Record) -> bool:
        try:
            events = side.wire.read(record)
        except BadFrame:
            return False
        return any(self._wanted.only.wants(event.target) for event in events)

    # -- differences

    def _note(self, kind: str, a: Sequence[Item], b: Sequence[Item], *, derived: bool) -> None:
        if kind in (ONLY_A, ONLY_B):
            mine, item = (0, a[0]) if kind == ONLY_A else (1, b[0])
            if derived and item.record.kind == DIGEST:
                self.undecided += 1
                return
            # What another tape had when this one begins is there to make up for what it does not cover.
            if item.record.kind == STATE or not self.sides[1 - mine].covers(item.record.time):
                self.uncovered[mine] += not derived
                return
        (self.derived if derived else self.counts)[kind] += 1
        if len(self.differences) < self._wanted.limit:
            self.differences.append(self._difference(kind, a, b, derived))

    def _difference(self, kind: str, a: Sequence[Item], b: Sequence[Item], derived: bool) -> Difference:
        wires = self.sides[0].wire, self.sides[1].wire
        changes: list[Change] = []
        targets: list[str] = []
        if kind == ALTERED:
            changes, targets = changes_between(a[0].record, b[0].record, *wires)
        else:
            for wire, items in zip(wires, (a, b), strict=True):
                for item in items[:_ITEMS_SHOWN]:
                    targets += changes_between(item.record, item.record, wire, wire)[1]
        return Difference(kind, derived, tuple(a[:_ITEMS_SHOWN]), tuple(b[:_ITEMS_SHOWN]), changes, list(dict.fromkeys(targets)))

    def as_json(self) -> dict[str, Any]:
        """The comparison for machines. Keys are only ever added."""
        return {
            "equal": self.equal,
            "differ": self.differ,
            "records": {**self.counts, "uncovered_a": self.uncovered[0], "uncovered_b": self.uncovered[1]},
            "derived": {"equal": self.equal_findings, **self.derived, "digests_of_one": self.undecided},
            "header": [change._asdict() for change in self.notes],
            "differences": [difference.as_json() for difference in self.differences],
        }


def _header_changes(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    kept_a = {name: value for name, value in a.items() if name not in _MADE_ANEW}
    kept_b = {name: value for name, value in b.items() if name not in _MADE_ANEW}
    yield from value_changes("", kept_a, kept_b)
