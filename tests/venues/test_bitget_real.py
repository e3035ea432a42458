"""Bitget's real frames: captures checked by an independent naive reading, and golden messages."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from feedtape.book.keeper import State
from feedtape.model.events import Event
from feedtape.model.records import HEADER, OPEN, RECV, Record, note
from feedtape.session import Session
from feedtape.venues import registry
from feedtape.venues.bitget import Bitget, BitgetFutures, BitgetFuturesV1, BitgetV1
from feedtape.venues.contract import Venue
from golden import compared

pytestmark = pytest.mark.frames

Sides = tuple[dict[str, str], dict[str, str]]
"""A naive book: sizes by price, bids and asks, all as written."""

SPOT, FUTURES = "BITGET.ws.1.0.gz", "BITGET.ws.2.0.gz"


def received(frames: Path, name: str) -> Iterator[tuple[int, bytes]]:
    """Times and frames of a dump, without what was sent and what is no frame."""
    with gzip.open(frames / "cryptofeed" / name, "rb") as lines:
        for line in lines:
            seconds, _, payload = line.rstrip(b"\n").partition(b": ")
            if payload and seconds.replace(b".", b"").isdigit():
                yield int(Decimal(seconds.decode()) * 10**9), payload


def crc(book: Sides) -> int:
    bids = sorted(book[0].items(), key=lambda level: Decimal(level[0]), reverse=True)[:25]
    asks = sorted(book[1].items(), key=lambda level: Decimal(level[0]))[:25]
    texts: list[str] = []
    for rank in range(25):
        for side in (bids, asks):
            texts += side[rank] if rank < len(side) else ()
    unsigned = zlib.crc32(":".join(texts).encode())
    return unsigned - 2**32 if unsigned >= 2**31 else unsigned


def naive(frames: Path, name: str) -> tuple[dict[str, Sides], Counter[str]]:
    """The books of a dump and how its checksums compare, read without any of the decoder."""
    books: dict[str, Sides] = {}
    counted = Counter[str]()
    for _, payload in received(frames, name):
        message = json.loads(payload)
        if message.get("arg", {}).get("channel") != "books" or "data" not in message:
            continue
        [row] = message["data"]
        if message["action"] == "snapshot":
            books[message["arg"]["instId"]] = ({}, {})
        book = books[message["arg"]["instId"]]
        for sizes, levels in zip(book, (row["bids"], row["asks"]), strict=True):
            for price, size in levels:
                if Decimal(size):
                    sizes[price] = size
                else:
                    counted["unknown deletes"] += price not in sizes
                    sizes.pop(price, None)
        counted["matched" if crc(book) == row["checksum"] else "failed"] += 1
    return books, counted


def replayed(frames: Path, name: str, venue: type[Venue]) -> tuple[Session, Counter[str], list[Event]]:
    """What a session makes of a dump, by the decoder of its day."""
    session = Session(registry.venue)
    kinds, losses = Counter[str](), list[Event]()
    start = next(received(frames, name))[0]
    session.feed(note(start, HEADER, {"decoders": {venue.name: f"{venue.name}/1"}}))
    session.feed(note(start, OPEN, {"venue": venue.name, "imported": name}, 1))
    for time, payload in received(frames, name):
        losses += session.feed(Record(time, 1, RECV, payload))
        kinds.update(type(event).__name__ for event in session.heard[1])
    return session, kinds, [event for event in losses if type(event).__name__ in ("Gap", "Resync")]


@pytest.mark.parametrize(
    ("name", "venue", "matched", "kinds"),
    [
        (
            SPOT,
            Bitget,
            247,
            {"Acknowledged": 32, "BookSnapshot": 8, "BookDelta": 239, "Trade": 18, "Unread": 8 + 74 + 31},
        ),
        (
            FUTURES,
            BitgetFutures,
            115,
            {"Acknowledged": 8, "BookSnapshot": 2, "BookDelta": 113, "Trade": 15, "Derivative": 126, "Unread": 2 + 17},
        ),
    ],
)
def test_every_checksum_of_the_captures_holds(
    frames: Path, name: str, venue: type[Venue], matched: int, kinds: dict[str, int]
) -> None:
    books, counted = naive(frames, name)
    assert counted == {"matched": matched, "unknown deletes": 0}
    session, read, losses = replayed(frames, name, venue)
    assert read == kinds and losses == [] and session.totals.bad_frames == 0
    assert set(session.books) == {f"{venue.name}:{symbol}" for symbol in books}
    keepers = session.books.values()
    assert sum(keeper.counters.checksums_matched for keeper in keepers) == matched
    assert sum(keeper.counters.checksums_failed + keeper.counters.gaps for keeper in keepers) == 0
    for target, keeper in session.books.items():
        bids, asks = books[target.partition(":")[2]]
        assert keeper.state is State.LIVE and keeper.proof()[0] == "checksum"
        assert dict(keeper.book.bids.top()) == bids and dict(keeper.book.asks.top()) == asks


def test_any_update_of_a_busy_book_that_is_missing_fails_a_checksum(frames: Path) -> None:
    """Nothing else told in those days; what lies deeper than the checksum covers is not proven by it."""
    mine = [one for one in received(frames, SPOT) if b'"action"' in one[1] and b'"channel":"books","instId":"EOSUSDT"' in one[1]]
    assert len(mine) == 31
    for missing in range(1, 30):
        session = Session(registry.venue)
        session.feed(note(mine[0][0], HEADER, {"decoders": {"bitget": "bitget/1"}}))
        session.feed(note(mine[0][0], OPEN, {"venue": "bitget", "imported": SPOT}, 1))
        for number, (time, payload) in enumerate(mine):
            if number != missing:
                session.feed(Record(time, 1, RECV, payload))
        keeper = session.books["bitget:EOSUSDT"]
        assert keeper.state is State.BROKEN and keeper.counters.checksums_failed == 1


def test_no_frame_of_the_captures_is_of_another_protocol(frames: Path) -> None:
    for name, venue in ((SPOT, BitgetV1()), (FUTURES, BitgetFuturesV1())):
        kinds = Counter(len(venue.decode(payload, time)) for time, payload in received(frames, name))
        assert set(kinds) == {1}


# -- golden messages

CLASSIC_BOOKS = "of the classic protocol they read whole pictures of 15 levels only; `books` is a book as well, with a checksum"

DIFFERENT = {
    ("bitget-futures", 3): (
        CLASSIC_BOOKS,
        {
            "symbol": "BELUSDT",
            "isSnapshot": True,
            "timestamp": 1_730_332_800_303,
            "bids": {Decimal("0.5420"): Decimal(468), Decimal("0.5419"): Decimal(1576)},
            "asks": {Decimal("0.5426"): Decimal(51)},
        },
    ),
    ("bitget-futures", 4): (
        CLASSIC_BOOKS,
        {
            "symbol": "AXSUSDT",
            "isSnapshot": False,
            "timestamp": 1_730_332_859_988,
            "bids": {Decimal("5.081"): Decimal("536.2")},
            "asks": {Decimal("5.085"): Decimal("144.6")},
        },
    ),
}


@pytest.mark.parametrize(("name", "venue", "exact", "of"), [("bitget", Bitget, 8, 8), ("bitget-futures", BitgetFutures, 9, 11)])
def test_golden_messages(frames: Path, name: str, venue: type[Venue], exact: int, of: int) -> None:
    pairs = compared(frames / "golden" / f"{name}.jsonl", venue)
    differing = [index for index, (theirs, found) in enumerate(pairs) if theirs != found]
    for index, (theirs, found) in enumerate(pairs):
        why, more = DIFFERENT.get((name, index), ("", None))
        expected: list[dict[str, Any]] = theirs if more is None else [{"type": "book_change"} | more]
        assert found == expected, f"{name} {index} {why}"
    assert differing == [index for one, index in DIFFERENT if one == name]
    assert (len(pairs) - len(differing), len(pairs)) == (exact, of)
