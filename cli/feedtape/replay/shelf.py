"""The records of a visit to a tape, by number: read once in order, kept as far as there is room, and read again where not."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

from feedtape.errors import TapeError
from feedtape.model.records import DAMAGE, Record
from feedtape.tape.format import Block, signature
from feedtape.tape.passage import Passage, Wait
from feedtape.tape.segments import ROTATED, Joint, Place, TapeSet

HEAVIEST: Final = 64 * 1024 * 1024
"""Bytes of records that are kept; what is read now is kept besides."""
_RECORD: Final = 200
"""What a record weighs besides its payload."""

Spot = tuple[int, int]
"""A segment's number, and where in its file a block begins."""


class Mark(NamedTuple):
    """A block from which records can be read again.

    Attributes:
        number: of its first record, after `skipped` that are not of the visit.
        latest: the latest time of all records before it.
    """

    number: int
    spot: Spot
    skipped: int
    latest: int


class Shelf:
    """Numbers the records from 0 on. Damages, which a pass makes between two blocks, are always kept."""

    def __init__(self, tape: TapeSet, records: Iterator[Record], place: Place | None, skipped: int, wait: Wait | None) -> None:
        """Begin where a pass does.

        Args:
            records: the pass.
            place: where it began; None: at the start.
            skipped: how many of its records were taken before.
            wait: that of the pass, for going on when it has ended and the tape has not.
        """
        self.head = 0
        """How many records have been read."""
        self._tape = tape
        self._records = records
        self._segment = 0 if place is None else place.segment
        self._at: Spot = (self._segment, len(signature()) if place is None else place.block.offset)
        self._marks = [Mark(0, self._at, skipped, 0)]
        self._passages: list[Passage] | None = None
        self._joints: list[Joint] = []
        self._wait = wait
        self._has_ended = False
        self._damages: dict[int, Record] = {}
        self._latest = self._weight = 0
        self._kept: dict[int, list[Record]] = {0: []}
        """By the place of their mark, that used last at the end."""
        self._near: tuple[int, list[Record]] = (0, self._kept[0])

    # -- reading

    def read(self) -> Record | None:
        """Read the next record of the tape; None at its end, or where nobody waits for more of it."""
        if self._has_ended and self._may_go_on():
            self._reopen()
        record = self._next()
        self._has_ended = record is None
        if record is None:
            return None
        passages = self._tape.passages
        at = (self._segment + len(passages) - 1, passages[-1].position)
        if at != self._at:
            self._at = at
            if record.kind != DAMAGE:
                # What follows a damage may lack the beginning of its block, which a second reading would not know.
                self._begin(Mark(self.head, at, 0, self._latest))
        if record.kind == DAMAGE:
            self._damages[self.head] = record
        self._kept[len(self._marks) - 1].append(record)
        self.head += 1
        self._latest = max(self._latest, record.time)
        return record

    def read_upto(self, spot: Spot) -> int | None:
        """Read until a block begins, damage before it left aside; return the number of its first record."""
        while self.read() is not None:
            if self._at >= spot and self.head - 1 not in self._damages:
                return self.head - 1
        return None

    def _next(self) -> Record | None:
        tape = self._tape
        if self._passages is not None:
            # Another visit may have read the same tape meanwhile.
            tape.passages, tape.joints = self._passages, self._joints
        record = next(self._records, None)
        self._passages, self._joints = tape.passages, tape.joints
        return record

    def _may_go_on(self) -> bool:
        if self._wait is None or not self._passages:
            return False
        return not self._passages[-1].complete or self._passages[-1].end_reason == ROTATED

    def _reopen(self) -> None:
        """Begin another pass where the one that has ended stands: it was not to wait any longer."""
        mark = self._marks[-1]
        self._segment, offset = mark.spot
        self._passages = None
        place = Place(self._segment, Block(offset, 0, 0, 0, 0, 0, False))
        self._records = self._tape.records(place, wait=self._wait)
        read_before = mark.skipped + self.head - mark.number
        read_before -= sum(number >= mark.number for number in self._damages)
        while read_before > 0 and (record := self._next()) is not None:
            read_before -= record.kind != DAMAGE

    def _begin(self, mark: Mark) -> None:
        self._weight += _weight(self._kept[len(self._marks) - 1])
        self._marks.append(mark)
        self._kept[len(self._marks) - 1] = []
        self._make_room()

    # -- looking up

    def record(self, number: int) -> Record:
        """Return a record that was read before.

        Raises:
            TapeError: when it cannot be read again.
        """
        start, records = self._near
        if not 0 <= number - start < len(records):
            place = bisect_right(self._marks, number, key=_number) - 1
            start, records = self._near = self._marks[place].number, self._of(place)
        return records[number - start]

    def later_than(self, time: int) -> int | None:
        """Return the number of the first record later than a time; None where none has been read."""
        place = max(0, bisect_right(self._marks, time, key=_latest) - 1)
        for number in range(self._marks[place].number, self.head):
            if self.record(number).time > time:
                return number
        return None

    def _of(self, place: int) -> list[Record]:
        records = self._kept.pop(place, None)
        if records is None:
            records = self._again(place)
            self._weight += _weight(records)
        self._kept[place] = records
        self._make_room()
        return records

    def _again(self, place: int) -> list[Record]:
        mark, records = self._marks[place], self._pass(self._marks[place])
        end = self._marks[place + 1].number if place + 1 < len(self._marks) else self.head
        found = []
        for number in range(mark.number, end):
            record = self._damages.get(number) or next(records, None)
            if record is None:
                raise TapeError(f"{self._tape.name} has changed while it was being read")
            found.append(record)
        return found

    def _pass(self, mark: Mark) -> Iterator[Record]:
        """Yield what stands on the tape from a mark on, without the damages that a pass makes."""
        segment, offset = mark.spot
        skipped = mark.skipped
        for number in range(segment, len(self._tape.segments)):
            reader = self._tape.segments[number]
            blocks = reader.index.blocks if reader.has_index else None
            for record in Passage(reader.source, reader.version, blocks, start=offset if number == segment else None).records():
                if record.kind != DAMAGE:
                    skipped -= 1
                    if skipped < 0:
                        yield record

    def _make_room(self) -> None:
        latest = len(self._marks) - 1
        while self._weight > HEAVIEST and len(self._kept) > 2:
            place = next(one for one in self._kept if one != latest)
            self._weight -= _weight(self._kept.pop(place))


def _number(mark: Mark) -> int:
    return mark.number


def _latest(mark: Mark) -> int:
    return mark.latest


def _weight(records: list[Record]) -> int:
    return sum(len(record.payload) + _RECORD for record in records)
