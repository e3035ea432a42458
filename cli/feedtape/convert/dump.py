"""Cryptofeed's records as ours: connections numbered, several files merged by time."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from feedtape.convert import cryptofeed
from feedtape.convert.cryptofeed import ANSWER, CONNECTING, SENT, Entry
from feedtape.convert.merge import merged
from feedtape.convert.rest import exchange, status_of
from feedtape.convert.source import SourceFile
from feedtape.model.records import CLOSE, MARKER, OPEN, RECV, RECV_BINARY, SEND, Record, note
from feedtape.model.secrets import authenticates, redact_url, safe_headers

VenueOf = Callable[[str, str], str]
"""Names the venue of a URL within the stream of that name."""


def records(streams: Mapping[str, Sequence[SourceFile]], venue_of: VenueOf) -> Iterator[Record]:
    """Yield the records of all streams in order of time; those of one stream stay in their order.

    Raises:
        InputError: when the disk fails.
    """
    numbers = itertools.count(1)
    return merged(_Stream(uuid, venue_of, numbers).records(files) for uuid, files in streams.items())


class _Stream:
    """The files of one connection, or of requests without any."""

    def __init__(self, uuid: str, venue_of: VenueOf, numbers: Iterator[int]) -> None:
        self._uuid = uuid
        self._venue_of = venue_of
        self._numbers = numbers
        self._is_http = cryptofeed.file_name(f"{uuid}.0").kind == "http"
        self._connection: int | None = None
        self._url: str | None = None

    def records(self, files: Sequence[SourceFile]) -> Iterator[Record]:
        """Yield the records of files that follow each other."""
        latest = 0
        for file in files:
            for entry in cryptofeed.entries(file):
                latest = max(latest, entry.time)
                yield from self._take(entry, file.name)
            yield from file.end(latest or None)

    def _take(self, entry: Entry, file: str) -> Iterator[Record]:
        time, verb, url, payload = entry
        if verb == CONNECTING:
            if self._connection is not None:
                yield note(time, CLOSE, {"code": None, "reason": "", "by": "unknown"}, self._connection)
            yield self._open(time, file, url)
        elif verb == ANSWER:
            yield from self._answer(time, url, payload)
        elif self._is_http:
            # Polled answers are kept without their URL, so that nothing tells what they are.
            yield from self._exchange(time, "", payload)
        else:
            if self._connection is None:
                yield self._open(time, file, url or None)
            yield self._message(time, verb, payload)

    def _open(self, time: int, file: str, url: str | None) -> Record:
        self._url = url
        self._connection = next(self._numbers)
        fields = {
            "venue": self._venue_of(self._uuid, url or ""),
            "url": None if url is None else redact_url(url),
            "imported": cryptofeed.NAME,
            "file": file,
        }
        return note(time, OPEN, fields, self._connection)

    def _message(self, time: int, verb: bytes, payload: bytes) -> Record:
        connection = self._connection or 0
        if verb == SENT:
            if authenticates(payload):
                return note(time, MARKER, {"withheld": "a sent message that authenticates somebody"})
            return Record(time, connection, SEND, payload)
        binary = cryptofeed.literal(payload)
        if binary is not None:
            return Record(time, connection, RECV_BINARY, binary)
        return Record(time, connection, RECV, payload)

    def _answer(self, time: int, url: str, payload: bytes) -> Iterator[Record]:
        body, headers = cryptofeed.answer(payload)
        yield from self._exchange(time, url, body, headers)

    def _exchange(self, time: int, url: str, body: bytes, headers: dict[str, object] | None = None) -> Iterator[Record]:
        told = status_of(body)
        status = 200 if told is None else told[0]
        venue = self._venue_of(self._uuid, url)
        kept = None if headers is None else safe_headers((name, str(value)) for name, value in headers.items())
        yield from exchange(next(self._numbers), time, venue, redact_url(url), body, status, headers=kept, is_url_known=bool(url))
