"""A made-up feed, recordings of parts of it, and the ways of comparing them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from feedtape.edit.diff import diff as compare
from feedtape.edit.diff_books import BooksDiff
from feedtape.edit.diff_side import Wanted
from feedtape.edit.diff_updates import StreamDiff, UpdatesDiff
from feedtape.model.records import BODY, RECV, REQUEST, RESPONSE, Record
from feedtape.tape.segments import TapeSet
from stage_cli import Script, payload_of_delta

Levels = dict[str, list[list[str]]]


def change(sequence: int) -> Levels:
    """The levels that an update changes."""
    size = "0" if sequence % 5 == 0 else f"{sequence % 13}.25"
    return {"b": [[f"6168{sequence % 5}.{sequence % 7}0", size]], "a": [[f"6169{sequence % 4}.00", f"1.{sequence:04d}"]]}


def update(first: int, last: int, levels: Levels | None = None) -> bytes:
    """The wire's text of some updates in one message: the last size of every level."""
    merged: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    for sequence in range(first, last + 1):
        for side, changes in change(sequence).items():
            for price, size in changes:
                merged[side][price] = size
    message = orjson.loads(payload_of_delta(last, first))
    message["data"] |= {side: [list(level) for level in found.items()] for side, found in merged.items()} | (levels or {})
    return orjson.dumps(message)


def state(sequence: int) -> dict[str, Any]:
    """The feed's whole book after an update, as a snapshot has it."""
    sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    for number in range(1, sequence + 1):
        for side, changes in change(number).items():
            sides[side].update((price, size) for price, size in changes)
    kept = {side: [[price, size] for price, size in found.items() if Decimal(size)] for side, found in sides.items()}
    return {"lastUpdateId": sequence, "bids": kept["b"], "asks": kept["a"]}


class Feed(Script):
    """A recording of the feed from some update on."""

    def begin(self, sequence: int) -> Feed:
        """Connect, and join the snapshot of that update."""
        self.open()
        self.take(RECV, update(sequence, sequence))
        self.picture(state(sequence))
        return self

    def picture(self, body: dict[str, Any], limit: int = 5000) -> None:
        """Fetch a snapshot."""
        self._exchange += 1
        number = self._exchange
        url = f"https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit={limit}"
        self.note(REQUEST, {"venue": "binance", "method": "GET", "url": url}, number)
        self.note(RESPONSE, {"status": 200, "headers": {}}, number)
        self.take(BODY, orjson.dumps(body), number)

    def go_on(self, numbers: Iterable[int], step: int = 1) -> Feed:
        """Take updates, so many in one message."""
        kept = list(numbers)
        for at in range(0, len(kept), step):
            part = kept[at : at + step]
            self.take(RECV, update(part[0], part[-1]))
        return self


def updates(a: Path, b: Path, limit: int = 1) -> UpdatesDiff:
    with TapeSet([a]) as ours, TapeSet([b]) as theirs:
        found = compare(ours, theirs, Wanted(limit=limit))
    assert isinstance(found, UpdatesDiff)
    return found


def books(a: Path, b: Path, wanted: Wanted | None = None) -> BooksDiff:
    with TapeSet([a]) as ours, TapeSet([b]) as theirs:
        found = compare(ours, theirs, wanted or Wanted(), by="books")
    assert isinstance(found, BooksDiff)
    return found


def book_stream(found: UpdatesDiff) -> StreamDiff:
    (stream,) = [one for one in found.streams if one.key.kind == "book"]
    return stream


def with_level(records: list[Record], sequence: int, price: str, size: str, side: str = "b") -> list[Record]:
    """Records with one level more, or another size of it, in one update."""
    changed = []
    for record in records:
        if record.kind == RECV and b"depthUpdate" in record.payload:
            message = orjson.loads(record.payload)
            if message["data"]["u"] == sequence:
                levels = dict(message["data"][side]) | {price: size}
                message["data"][side] = [list(level) for level in levels.items()]
                record = Record(record.time, record.connection, RECV, orjson.dumps(message))
        changed.append(record)
    assert changed != records
    return changed
