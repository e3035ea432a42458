"""One of the two tapes that are compared: its records in the wanted span, and how far it can be held against the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from feedtape.edit.diff_align import Item
from feedtape.edit.diff_meaning import Only, Wire
from feedtape.model.records import DAMAGE, END, FRAMES, RECV, Record
from feedtape.tape.blocks import Tell
from feedtape.tape.segments import TapeSet

LIMIT = 1
_BEFORE = (b'"rotated"', b'"cut"')
"""Reasons of an end record behind which the recording went on, so that what has its very time is elsewhere."""


@dataclass(frozen=True)
class Wanted:
    """What is to be compared: targets, the times `since` <= time < `until`, and how many differences are to be shown."""

    only: Only = field(default_factory=lambda: Only(()))
    since: int | None = None
    until: int | None = None
    limit: int = LIMIT


class Side:
    """Reads one tape. The coverage is known as far as it was read."""

    def __init__(self, tape: TapeSet, wanted: Wanted) -> None:
        self.tape = tape
        self.wire = Wire()
        self.holes: list[tuple[int, int]] = []
        """Times between which something of the file could not be read."""
        self.first: int | None = None
        self.last = 0
        """Time of the last record within the span."""
        self.ended: int | None = None
        """Time of the end record, or where the span ends; None as long as neither was read."""
        self._wanted = wanted
        self._is_read = False
        self._ends_after = False
        """Whether what has the very time of the end would be here too."""
        targets = tape.header.get("targets")
        for target in targets if type(targets) is list else ():
            wanted.only.wants(str(target))

    def items(self, tell: Tell | None = None) -> Iterator[Item]:
        """Yield every record within the span, its number and its frame's.

        Raises:
            TapeError: when one cannot be a record of a tape.
        """
        since, until = self._wanted.since or 0, self._wanted.until
        frame = 0
        for number, record in enumerate(self.tape.records(tell=tell), 1):
            if record.kind is RECV:
                frame += 1
            else:
                frame += record.kind in FRAMES
                self.wire.note(record)
            if until is not None and record.time >= until:
                self.ended = until
                break
            if record.time >= since and (record.kind is RECV or not self._takes(record)):
                self.first = record.time if self.first is None else self.first
                self.last = record.time
                yield Item(number, frame, record)
        self._is_read = True

    def _takes(self, record: Record) -> bool:
        """Take what concerns the tape as a whole: where it begins and ends, and its holes."""
        self.last = record.time
        if record.kind == END:
            self.ended = record.time
            self._ends_after = not any(reason in record.payload for reason in _BEFORE)
        elif record.kind == DAMAGE:
            self._note_hole(record)
        return record.kind in (END, DAMAGE)

    def played(self, tape: TapeSet, first: int | None, last: int) -> None:
        """Take over what somebody else found who read the tape through a session."""
        self.tape, self.first, self.last, self.ended = tape, first, last, self._wanted.until

    def _note_hole(self, record: Record) -> None:
        try:
            fields = record.json()
            since, until = fields["since"], fields["until"]
        except (ValueError, KeyError, TypeError):
            since = until = None
        begin = since if type(since) is int else record.time
        self.holes.append((begin, until if type(until) is int else 2**63))

    def covers(self, time: int) -> bool:
        """Tell whether a record of that time would surely be here if it had happened."""
        start = self.tape.header.get("start", 0)
        if type(start) is int and time < start:
            return False
        if self._is_read and time >= (self.last if self.ended is None else self.ended + self._ends_after):
            return False
        return not any(since <= time <= until for since, until in self.holes)

    @property
    def cut(self) -> str | None:
        """Why the tape ends before its recording did; None when it was read to its end, or to where the span ends."""
        return None if self._wanted.until is not None and self.ended == self._wanted.until else self.tape.cut

    def as_json(self) -> dict[str, Any]:
        """What was read of it. Keys are only ever added."""
        header = self.tape.header
        return {
            "tape": str(self.tape.path),
            "tapes": [str(reader.path) for reader in self.tape.segments],
            "session": header.get("session"),
            "made_by": header.get("made_by"),
            "first": None if self.first is None else str(self.first),
            "last": None if self.first is None else str(self.last),
            "cut": self.cut,
            "holes": len(self.tape.holes),
        }
