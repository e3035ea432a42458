"""The records that one connection writes about itself."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from websockets.http11 import Response

from feedtape.feed.clock import Clock
from feedtape.model.events import Event
from feedtape.model.records import CLOSE, ERROR, OPEN, SEND, Record, note
from feedtape.model.secrets import WITHHELD, Hidden, authenticates, redact_url, safe_headers

_PLACEHOLDER = orjson.dumps({"withheld": WITHHELD})

Take = Callable[[Record], Sequence[Event]]


class Logbook:
    """Writes what is about a connection, and what we send, with the time of now and secrets removed.

    `failure` is what `take` raised; nothing more is written after it. `lane` is which of several parallel lines the
    connection is of, where there are several; `proxy` the address by which it goes, without credentials.
    """

    def __init__(
        self, number: int, venue: str, url: str, take: Take, clock: Clock, lane: int | None = None, proxy: str | None = None
    ) -> None:
        self.failure: Exception | None = None
        self.hidden = Hidden(url)
        """The address's credentials: they are taken out of everything that is noted here."""
        self._number = number
        self._where = {"venue": venue, "url": redact_url(url)} | ({} if proxy is None else {"proxy": proxy})
        self._take = take
        self._clock = clock
        self._lane: dict[str, Any] = {} if lane is None else {"lane": lane}

    def write(self, kind: bytes, payload: bytes) -> bool:
        """Write a record of the wire; return False when it could not be taken.

        Of a message of ours that authenticates somebody a placeholder is written.
        """
        if kind == SEND and authenticates(payload):
            payload = _PLACEHOLDER
        return self._write(Record(self._clock.now(), self._number, kind, payload))

    def opened(self, time: int, response: Response, streams: Sequence[str]) -> bool:
        """Write that the handshake succeeded; frames may have come with it, so it has their time."""
        headers = self.hidden.out_of_values(safe_headers(response.headers.raw_items()))
        fields = {"status": response.status_code, "headers": headers, "streams": list(streams)} | self._lane
        return self._write(note(time, OPEN, self._where | fields, self._number))

    def error(self, message: str, details: dict[str, Any] | None = None) -> bool:
        """Write what went wrong."""
        said = self.hidden.out_of_values({"message": message} | (details or {}))
        return self._note(ERROR, self._where | said)

    def closed(self, code: int, reason: str, by: str, *, final: bool, relieved_by: int | None) -> bool:
        """Write how the connection ended."""
        fields = {"code": code, "reason": self.hidden.out_of(reason), "by": by, "final": final}
        return self._note(CLOSE, fields | ({} if relieved_by is None else {"relieved_by": relieved_by}))

    def _note(self, kind: bytes, fields: dict[str, Any]) -> bool:
        return self._write(note(self._clock.now(), kind, fields, self._number))

    def _write(self, record: Record) -> bool:
        if self.failure is not None:
            return False
        try:
            self._take(record)
        except Exception as error:  # noqa: BLE001 - the edge of a callback: the connection hands it to whoever waits for it
            self.failure = error
        return self.failure is None
