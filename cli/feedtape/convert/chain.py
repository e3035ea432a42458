"""One connection's frames, a line each, in one file or several that follow each other.

What hftbacktest's files and plain lines have in common. A format gives the function that splits a line; times, snapshots among
the frames, lost connections and damaged ends are handled here.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from feedtape.convert.rest import exchange, status_of
from feedtape.convert.source import SourceFile, is_whole
from feedtape.errors import BadFrame, UsageError
from feedtape.model.records import CLOSE, MARKER, OPEN, RECV, SEND, Record, note
from feedtape.model.secrets import authenticates
from feedtape.venues.contract import Venue

_HELD_LIMIT = 1000
_OVERLAP_NS = 60 * 1_000_000_000


class Line(NamedTuple):
    """A line, split. `time` is None where it tells none; `kind` is `RECV` or `SEND`."""

    time: int | None
    kind: bytes
    payload: bytes


Split = Callable[[bytes], Line]


def venue_time(venue: Venue, payload: bytes) -> int | None:
    """Return the time that a frame tells itself."""
    try:
        events = venue.decode(payload, 0)
    except BadFrame:
        return None
    return next((event.time for event in events if event.time is not None), None)


class Chain:
    """Turns the lines of one feed into records."""

    def __init__(
        self,
        venue: Venue,
        imported: str,
        split: Split,
        start: int,
        numbers: Iterator[int],
        *,
        symbols: Sequence[str] = (),
        timed: bool = True,
        blank_is_lost: bool = False,
    ) -> None:
        """Prepare.

        Args:
            imported: name of the format.
            start: time of what comes before the first line that tells one.
            numbers: where connections and exchanges get their numbers.
            symbols: what a snapshot that names no symbol can be of.
            timed: whether lines tell receipt times; else the frames' own stand in for them.
            blank_is_lost: whether an empty line says that the connection was lost there.
        """
        self._venue = venue
        self._imported = imported
        self._split = split
        self._last = start
        self._symbols = symbols
        self._timed = timed
        self._blank_is_lost = blank_is_lost
        self._has_snapshots = venue.snapshot_request(venue.example) is not None
        self._proves_itself = venue.integrity("").sequence is not None
        self._numbers = numbers
        self._connection: int | None = None
        self._lost = ""
        self._follows: SourceFile | None = None

    def records(self, files: Sequence[SourceFile]) -> Iterator[Record]:
        """Yield the records of files that follow each other as one connection.

        Raises:
            UsageError: when a snapshot could be of several symbols, or a file begins long before the one before it ends.
            InputError: when the disk fails.
        """
        for position, file in enumerate(files):
            self._follows = files[position - 1] if position else None
            held: list[Line] = []
            for raw in file.lines():
                text = raw[:-1] if raw.endswith(b"\r") else raw
                if not text:
                    self._lose("the file marks a lost connection here", self._blank_is_lost)
                    continue
                line = self._split(text)
                if line.payload[-1:] not in b"}]" and len(held) < _HELD_LIMIT:
                    # It may be the damaged end of a cut file: what follows decides.
                    held.append(line)
                    continue
                for earlier in held:
                    yield from self._take(earlier, file)
                held.clear()
                yield from self._take(line, file)
            if file.damage is None:
                for earlier in held:
                    yield from self._take(earlier, file)
                held.clear()
            yield from self._finish(file, len(held))

    def _finish(self, file: SourceFile, dropped: int) -> Iterator[Record]:
        if file.tail:
            line = self._split(file.tail.removesuffix(b"\r"))
            if is_whole(line.payload):
                yield from self._take(line, file)
            else:
                file.damage = file.damage or "its last line ends in the middle"
        yield from file.end(self._last if self._connection is not None else None, dropped)
        if file.cut is not None:
            # Where numbers chain the messages, they tell whether the next file continues this one; elsewhere nothing does.
            self._lose(f"{file.name} is cut", not self._proves_itself)

    def _lose(self, why: str, lost: bool) -> None:
        if lost and self._connection is not None:
            self._lost = why

    def _take(self, line: Line, file: SourceFile) -> Sequence[Record]:
        time = self._last = self._time(line, file)
        payload = line.payload
        connection = self._connection
        if connection is not None and not self._lost and line.kind == RECV:
            body = status_of(payload) if self._has_snapshots else None
            if body is None:
                return (Record(time, connection, RECV, payload),)
        return list(self._take_slowly(line, time, file))

    def _take_slowly(self, line: Line, time: int, file: SourceFile) -> Iterator[Record]:
        payload = line.payload
        if self._lost and self._connection is not None:
            yield note(time, CLOSE, {"code": None, "reason": self._lost, "by": "unknown"}, self._connection)
            self._connection, self._lost = None, ""
        if self._connection is None:
            self._connection = next(self._numbers)
            fields = {"venue": self._venue.name, "url": None, "imported": self._imported, "file": file.name}
            yield note(time, OPEN, fields, self._connection)
        body = status_of(payload) if self._has_snapshots and line.kind == RECV else None
        if body is not None:
            status, named = body
            request = self._venue.snapshot_request(self._symbol(named, file))
            url = self._venue.rest_url + (request.path if request is not None else "")
            yield from exchange(next(self._numbers), time, self._venue.name, url, payload, status)
        elif line.kind == SEND and authenticates(payload):
            yield note(time, MARKER, {"withheld": "a sent message that authenticates somebody"})
        else:
            yield Record(time, self._connection, line.kind, payload)

    def _time(self, line: Line, file: SourceFile) -> int:
        if line.time is not None:
            if self._follows is not None:
                if line.time < self._last - _OVERLAP_NS:
                    raise UsageError(
                        f"{file.name} begins before {self._follows.name} ends, so that it is no continuation of it",
                        hint="import each on its own",
                    )
                self._follows = None
            return line.time
        told = None if self._timed else venue_time(self._venue, line.payload)
        return self._last if told is None else told

    def _symbol(self, named: str | None, file: SourceFile) -> str:
        if len(self._symbols) == 1:
            return self._symbols[0]
        if named is not None:
            return named
        some = ", ".join(self._symbols[:5])
        which = f"its frames are of several ({some})" if some else "nothing else in the file names one"
        raise UsageError(
            f"{file.name}, line {file.count}: a snapshot that names no symbol, and {which}", hint="--symbol names it"
        )


def in_order(files: Sequence[SourceFile], firsts: Sequence[int | None]) -> list[SourceFile]:
    """Return files in order of their first times; as given when one tells none."""
    if any(first is None for first in firsts):
        return list(files)
    return [file for _, file in sorted(zip(firsts, files, strict=True), key=lambda pair: pair[0] or 0)]
