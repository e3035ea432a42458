"""Two recordings of the same feed: held against each other by the venue's own numbers, whatever connection brought them and when.

The first pass over each tape keeps numbers and hashes; a second one looks closer at what is cut otherwise or worded otherwise;
a last one fetches what is to be shown.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from feedtape.edit.diff_align import ALTERED, ONLY_A, ONLY_B
from feedtape.edit.diff_join import Join, neighbours
from feedtape.edit.diff_meaning import CHANGES_KEPT, Change, level_changes
from feedtape.edit.diff_side import Side, Wanted
from feedtape.edit.diff_streams import MASK, Key, Place, meaning, messages, streams_of
from feedtape.errors import TapeError
from feedtape.model.events import BookDelta, BookSnapshot, Event, Levels
from feedtape.tape.blocks import Tell
from feedtape.tape.segments import TapeSet

_OPEN_GROUPS: Final = 64
"""Groups of messages that may be incomplete at a time: another connection may bring a part late."""
_SIGHTINGS: Final = 20


class Sighting(NamedTuple):
    """A message of a difference, and the record that it came by."""

    number: int
    frame: int
    time: int
    connection: int
    event: Event

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        head = {"number": self.number, "frame": self.frame, "time": str(self.time), "connection": self.connection}
        return {**head, "event": self.event.as_json()}


class Parting(NamedTuple):
    """A place at which two streams part. Where a side has nothing, `beside` are the numbers of its messages before and after."""

    kind: str
    key: Key
    place: Place
    by_time: bool
    a: list[Sighting]
    b: list[Sighting]
    changes: list[Change]
    beside: tuple[int | None, int | None]

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "kind": self.kind,
            "stream": self.key._asdict(),
            "after": str(self.place.start) if self.by_time else self.place.start,
            "last": str(self.place.last) if self.by_time else self.place.last,
            "by_time": self.by_time,
            "beside": list(self.beside),
            "changes": [change._asdict() for change in self.changes],
            "a": [one.as_json() for one in self.a],
            "b": [one.as_json() for one in self.b],
        }


class StreamDiff:
    """One stream on both tapes. `altered` are the places where both have the same updates and say something else."""

    def __init__(self, key: Key, join: Join) -> None:
        self.key = key
        self.join = join
        self.altered: list[Place] = []
        self.differ = 0
        self.equal = join.equal

    @property
    def lacking(self) -> int:
        """Messages that could not be held against any, or that one side lacks inside the common span."""
        strays = sum(stream.strays for stream in self.join.streams)
        return sum(self.join.only) + self.join.unmatched + strays

    @property
    def contradicted(self) -> int:
        """Messages that come twice in one of the tapes and differ there."""
        return sum(stream.contradicted for stream in self.join.streams)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        a, b = self.join.streams
        return {
            **self.key._asdict(),
            "common": None if self.join.common is None else [str(one) if a.by_time else one for one in self.join.common],
            "by_time": a.by_time,
            "equal": self.equal,
            "differ": self.differ,
            "only_a": self.join.only[0],
            "only_b": self.join.only[1],
            "outside_a": self.join.outside[0],
            "outside_b": self.join.outside[1],
            "unmatched": self.join.unmatched,
            "strays": a.strays + b.strays,
            "repeated": [a.repeated, b.repeated],
            "contradicted": [a.contradicted, b.contradicted],
            "lag_ns": self.join.lags.as_json(),
        }


class UpdatesDiff:
    """What came of comparing updates. `alone` are the streams that only one of the tapes has, by side."""

    by = "updates"

    def __init__(self, a: TapeSet, b: TapeSet, wanted: Wanted) -> None:
        self.sides = Side(a, wanted), Side(b, wanted)
        self.streams: list[StreamDiff] = []
        self.partings: list[Parting] = []
        self.alone: tuple[list[Key], list[Key]] = ([], [])
        self._wanted = wanted

    @property
    def equal(self) -> int:
        """Messages, or groups of them, that say the same."""
        return sum(stream.equal for stream in self.streams)

    @property
    def differ(self) -> int:
        """Those that say something else on either side."""
        return sum(stream.differ + stream.contradicted for stream in self.streams)

    @property
    def lacking(self) -> int:
        """Messages that one side lacks inside the common span, or that could not be held against any."""
        return sum(stream.lacking for stream in self.streams)

    @property
    def status(self) -> int:
        """The exit status: 5 different, 3 equal but for what one of them lacks inside the common span, 0 equal."""
        return 5 if self.differ else 3 if self.lacking else 0

    def run(self, tells: tuple[Tell | None, Tell | None]) -> None:
        """Read both tapes, as often as needed.

        Raises:
            TapeError: when one cannot be read, or they have nothing in common.
        """
        only = self._wanted.only
        ours, theirs = (streams_of(side, only, tell) for side, tell in zip(self.sides, tells, strict=True))
        if only:
            only.check()
        self.alone = [key for key in ours if key not in theirs], [key for key in theirs if key not in ours]
        for key, stream in ours.items():
            if key in theirs and stream.by_time == theirs[key].by_time:
                join = Join(stream, theirs[key])
                join.run(self._wanted.limit)
                self.streams.append(StreamDiff(key, join))
        if not any(one.join.common for one in self.streams):
            names = " and ".join(side.tape.name for side in self.sides)
            raise TapeError(f"{names} have no update, trade or quote in common, by the venue's numbers")
        self._look_closer()
        self._fetch()

    def _again(self, side: int) -> Side:
        return Side(self.sides[side].tape, self._wanted)

    # -- what is cut or worded otherwise

    def _look_closer(self) -> None:
        suspects = {one.key: one for one in self.streams if one.join.suspects[0]}
        if not suspects:
            return
        found = [_Groups(suspects).read(messages(self._again(side), self._wanted.only)) for side in (0, 1)]
        for key, one in suspects.items():
            for start, last, a, b in zip(*one.join.suspects, found[0][key], found[1][key], strict=True):
                if a == b:
                    one.equal += 1
                else:
                    one.differ += 1
                    if len(one.altered) < self._wanted.limit:
                        one.altered.append(Place(start, last))

    # -- what is shown

    def _fetch(self) -> None:
        chosen: list[tuple[str, StreamDiff, Place]] = []
        for one in self.streams:
            places = [(ALTERED, place) for place in one.altered]
            places += [(kind, place) for kind, lone in zip((ONLY_A, ONLY_B), one.join.lone, strict=True) for place in lone]
            places.sort(key=lambda found: (found[1].last, found[0]))
            chosen += [(kind, one, place) for kind, place in places[: self._wanted.limit]]
        if not chosen:
            return
        wanted: dict[Key, list[Place]] = {}
        for _, one, place in chosen:
            wanted.setdefault(one.key, []).append(place)
        seen = [_sightings(messages(self._again(side), self._wanted.only), wanted) for side in (0, 1)]
        for kind, one, place in chosen:
            a, b = (found.get((one.key, place), []) for found in seen)
            lacks = one.join.streams[0 if kind == ONLY_B else 1]
            beside = (None, None) if kind == ALTERED else neighbours(lacks, place)
            changes = list(islice(_changes(a, b), CHANGES_KEPT)) if kind == ALTERED else []
            self.partings.append(Parting(kind, one.key, place, lacks.by_time, a, b, changes, beside))

    def as_json(self) -> dict[str, Any]:
        """The comparison for machines. Keys are only ever added."""
        return {
            "equal": self.equal,
            "differ": self.differ,
            "lacking": self.lacking,
            "streams": [stream.as_json() for stream in self.streams],
            "streams_of_a": [key._asdict() for key in self.alone[0]],
            "streams_of_b": [key._asdict() for key in self.alone[1]],
            "differences": [parting.as_json() for parting in self.partings],
        }


class _Groups:
    """Hashes what the suspects of every stream mean, in one pass over a tape."""

    def __init__(self, suspects: dict[Key, StreamDiff]) -> None:
        self._places = {key: one.join.suspects for key, one in suspects.items()}
        self._hashes = {key: array("Q", bytes(8 * len(lasts))) for key, (_, lasts) in self._places.items()}
        self._open: dict[tuple[Key, int], dict[Place, Event]] = {}

    def read(self, found: Iterator[tuple[Any, Any]]) -> dict[Key, "array[int]"]:
        for _, (key, place, _, event) in found:
            if key not in self._places:
                continue
            starts, lasts = self._places[key]
            at = bisect_left(lasts, place.last)
            if at < len(lasts) and starts[at] <= place.start and not self._hashes[key][at]:
                parts = self._open.setdefault((key, at), {})
                # By time, several messages have one place.
                parts[place if place not in parts else Place(place.start, -len(parts))] = event
                if len(self._open) > _OPEN_GROUPS:
                    self._close(next(iter(self._open)))
        while self._open:
            self._close(next(iter(self._open)))
        return self._hashes

    def _close(self, group: tuple[Key, int]) -> None:
        parts = self._open.pop(group)
        key, at = group
        # Never 0, which stands for what was not seen.
        self._hashes[key][at] = (hash(meaning([parts[place] for place in sorted(parts)])) & MASK) or 1


def _sightings(found: Iterator[tuple[Any, Any]], wanted: dict[Key, list[Place]]) -> dict[tuple[Key, Place], list[Sighting]]:
    seen: dict[tuple[Key, Place], list[Sighting]] = {}
    for item, (key, place, _, event) in found:
        for group in wanted.get(key, ()):
            if group.start <= place.start and place.last <= group.last:
                sightings = seen.setdefault((key, group), [])
                if len(sightings) < _SIGHTINGS:
                    record = item.record
                    sightings.append(Sighting(item.number, item.frame, record.time, record.connection, event))
    return seen


def _changes(a: Sequence[Sighting], b: Sequence[Sighting]) -> Iterator[Change]:
    """Yield what differs between what two groups of messages say together."""
    if not a or not b:
        return
    target = a[0].event.target
    if isinstance(a[0].event, BookDelta | BookSnapshot):
        for side in ("bids", "asks"):
            yield from level_changes(target, side, _merged(a, side), _merged(b, side))
        return
    for one, other in zip(a, b, strict=False):
        for name in one.event.__struct_fields__[3:]:
            x, y = getattr(one.event, name), getattr(other.event, name, None)
            if x != y:
                yield Change(target, name, None if x is None else str(x), None if y is None else str(y))


def _merged(sightings: Sequence[Sighting], side: str) -> Levels:
    return [level for one in sightings for level in getattr(one.event, side)]
