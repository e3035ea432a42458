"""Bitstamp's real frames: a capture checked by an independent naive reading, and golden messages."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from feedtape.book.keeper import State
from feedtape.model.events import Event
from feedtape.model.records import BODY, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues.bitstamp import Bitstamp
from feedtape.venues.contract import Request
from golden import compared

pytestmark = pytest.mark.frames

REST = "https://www.bitstamp.net"
VENUE = Bitstamp()
Entry = tuple[float, str, bytes]
"""Seconds, the URL of an answer or nothing, frame or body."""


def dumped(frames: Path, name: str) -> Iterator[Entry]:
    """Frames and answers of a part of the dump."""
    with gzip.open(frames / "cryptofeed" / name, "rb") as lines:
        for line in lines:
            about, _, payload = line.rstrip(b"\n").partition(b": ")
            url, arrow, seconds = about.rpartition(b" -> ")
            if payload and (arrow or about.replace(b".", b"").isdigit()):
                yield float(seconds), url.decode(), payload


def everything(frames: Path) -> list[Entry]:
    """Frames and snapshots in the order in which they came."""
    parts = ("BITSTAMP.ws.1.0.gz", "BITSTAMP.http.0.0.gz")
    return sorted((entry for name in parts for entry in dumped(frames, name)), key=lambda entry: entry[0])


class Naive:
    """The dump, read with dicts and another parser: books by symbol, joined by time."""

    def __init__(self, entries: list[Entry]) -> None:
        self.books: dict[str, tuple[int, list[dict[Decimal, Decimal]]]] = {}
        self.seen = Counter[str]()
        self.zeros = Counter[str]()
        self.applied = self.unknown_deletes = 0
        self.decimals: dict[str, set[int]] = {}
        diffs: list[tuple[str, Any]] = []
        for _, url, payload in entries:
            message = json.loads(payload, parse_float=str)
            if url:
                sides = [{Decimal(price): Decimal(size) for price, size in message[side]} for side in ("bids", "asks")]
                self.books[url.rpartition("/")[2]] = int(message["microtimestamp"]), sides
                continue
            channel, _, symbol = message["channel"].rpartition("_")
            self.seen[f"{message['event']} {channel}"] += 1
            if message["event"] == "data":
                diffs.append((symbol, message["data"]))
        self._join(diffs)

    def _join(self, diffs: list[tuple[str, Any]]) -> None:
        last: dict[str, int] = {}
        for symbol, data in diffs:
            micros = int(data["microtimestamp"])
            assert micros > last.get(symbol, 0)
            last[symbol] = micros
            since, sides = self.books[symbol]
            for side, name in zip(sides, ("bids", "asks"), strict=True):
                for price, size in data[name]:
                    self.decimals.setdefault(symbol, set()).add(len(price.partition(".")[2]))
                    if not Decimal(size):
                        self.zeros[size] += 1
                    if micros <= since:
                        continue
                    if Decimal(size):
                        side[Decimal(price)] = Decimal(size)
                    else:
                        self.unknown_deletes += side.pop(Decimal(price), None) is None
            self.applied += micros > since


def test_the_books_of_a_dump_are_those_of_a_naive_reading(frames: Path) -> None:
    entries = everything(frames)
    naive = Naive(entries)
    assert naive.seen == {
        "bts:subscription_succeeded diff_order_book": 10,
        "bts:subscription_succeeded live_trades": 10,
        "data diff_order_book": 417,
        "trade live_trades": 3,
    }
    assert naive.zeros == {"0.00000000": 346, "0.00000": 111} and naive.unknown_deletes == 0 and naive.applied == 315
    session = Session(lambda _: VENUE)
    session.feed(note(1, OPEN, {"venue": "bitstamp", "url": "wss://ws.bitstamp.net/", "imported": "cryptofeed"}, 1))
    for number, (_, url, payload) in enumerate(entries, 10):
        if url:
            session.feed(note(1, REQUEST, {"venue": "bitstamp", "url": url}, number))
            session.feed(note(1, RESPONSE, {"status": 200}, number))
            session.feed(Record(1, number, BODY, payload))
        else:
            session.feed(Record(1, 1, RECV, payload))
    assert session.totals.bad_frames == 0 and session.totals.losses == 0 and session.unread == {}
    # Of the tenth there was no change in the dump, and so nothing to join its snapshot with.
    heard = {target: keeper for target, keeper in session.books.items() if keeper.state is State.LIVE}
    assert set(naive.books) - {target.removeprefix("bitstamp:") for target in heard} == {"sgbeur"}
    assert sum(keeper.counters.updates for keeper in heard.values()) == naive.applied
    for target, keeper in heard.items():
        _, (bids, asks) = naive.books[target.removeprefix("bitstamp:")]
        assert {Decimal(price): Decimal(size) for price, size in keeper.book.bids.top()} == bids
        assert {Decimal(price): Decimal(size) for price, size in keeper.book.asks.top()} == asks
        assert keeper.proof()[0] == "unprovable" and keeper.counters.unknown_deletes == 0
        assert (keeper.counters.snapshots, keeper.counters.gaps, keeper.counters.repeated) == (1, 0, 0)


def test_what_the_frames_of_a_dump_are(frames: Path) -> None:
    venue = Bitstamp()
    events: list[Event] = []
    for _, url, payload in everything(frames):
        request = Request(url.removeprefix(REST))
        events += venue.decode_body(request, payload, 1) if url else venue.decode(payload, 1)
    assert Counter(type(event).__name__ for event in events) == {
        "BookDelta": 417,
        "BookSnapshot": 10,
        "Acknowledged": 20,
        "Trade": 3,
    }


def test_the_older_list_of_markets_of_a_dump(frames: Path) -> None:
    venue = Bitstamp()
    [(_, url, body)] = [entry for entry in dumped(frames, "BITSTAMP.0.gz") if entry[1]]
    request = Request(url.removeprefix(REST))
    assert venue.lists_instruments(request)
    listed = {one.symbol: one for one in venue.instruments(request, body).instruments}
    assert len(listed) == 140 and {one.kind for one in listed.values()} == {"spot"}
    assert (listed["batbtc"].base, listed["batbtc"].quote, listed["batbtc"].trading) == ("BAT", "BTC", True)
    # Every price of the dump has as many decimals as the list says.
    for symbol, decimals in Naive(everything(frames)).decimals.items():
        tick = listed[symbol].tick
        assert tick is not None and decimals == {len(tick.partition(".")[2])}


def test_golden_messages(frames: Path) -> None:
    """They hold deltas back and put them behind the snapshot; here a delta is an event when it comes, and the book joins them.

    Their symbols are in capitals, and their times have microseconds, which the golden files' reader leaves away.
    """
    pairs = [
        (theirs, [one | {"symbol": one["symbol"].upper()} for one in ours])
        for theirs, ours in compared(frames / "golden" / "bitstamp.jsonl", Bitstamp)
    ]
    assert [theirs == ours for theirs, ours in pairs] == [True, True, False, False]
    [(held, delta), ((snapshot, late), picture)] = pairs[2:]
    assert held == [] and delta == [late] and picture == [snapshot]
