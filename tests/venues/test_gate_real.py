"""Gate as it was: golden messages, and captures of spot (April 2021) and futures (May 2023), against a plain reading of them."""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.model.events import BookDelta, Quote, Trade
from feedtape.model.records import BODY, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues import registry
from feedtape.venues.contract import Request, Venue, path_of
from feedtape.venues.gate import Gate, GateFutures
from golden import compared

pytestmark = pytest.mark.frames

_FRAME = re.compile(r"(\d+\.\d+): (.*)")
_BODY = re.compile(r"(\S+) -> (\d+\.\d+): (.*)")
CAPTURES = [(Gate, "GATEIO"), (GateFutures, "GATEIO_FUTURES")]
each = pytest.mark.parametrize(("made", "name"), CAPTURES, ids=[name for _, name in CAPTURES])


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def frames_of(folder: Path, name: str) -> list[tuple[float, str]]:
    found = (_FRAME.fullmatch(line) for line in lines(folder / "cryptofeed" / f"{name}.ws.1.0.gz"))
    return [(float(match[1]), match[2]) for match in found if match]


def bodies_of(folder: Path, name: str, part: str = "http.0.0") -> list[tuple[float, str, str]]:
    found = (_BODY.fullmatch(line) for line in lines(folder / "cryptofeed" / f"{name}.{part}.gz"))
    return [(float(match[2]), match[1], match[3]) for match in found if match]


# -- golden messages

REPEATED = "a contract that comes twice in one message is told twice; they drop what repeats"


@pytest.mark.parametrize(("name", "venue", "exact", "of"), [("gate-io", Gate, 8, 8), ("gate-io-futures", GateFutures, 14, 15)])
def test_golden_messages(frames: Path, name: str, venue: type[Venue], exact: int, of: int) -> None:
    pairs = compared(frames / "golden" / f"{name}.jsonl", venue)
    differing = [index for index, (theirs, found) in enumerate(pairs) if theirs != found]
    assert (len(pairs) - len(differing), len(pairs)) == (exact, of)
    for index in differing:
        theirs, found = pairs[index]
        assert index == 4 and found == theirs * 2, REPEATED


# -- captures


def plain_books(folder: Path, name: str) -> Iterator[tuple[str, int, dict[Decimal, Decimal], dict[Decimal, Decimal]]]:
    """Books as a simple reader has them: REST answer, and what is newer over it, at most 100 levels a side."""

    def pair(row: Any) -> tuple[Decimal, Decimal]:
        price, size = (row["p"], row["s"]) if isinstance(row, dict) else row
        return Decimal(price), Decimal(size)

    deltas: dict[str, list[Any]] = {}
    for _, text in frames_of(folder, name):
        message = orjson.loads(text)
        if message["channel"].endswith("order_book_update") and message["event"] == "update":
            deltas.setdefault(message["result"]["s"], []).append(message["result"])
    for _, url, text in bodies_of(folder, name):
        body, symbol = orjson.loads(text), re.split("[=&]", url)[1]
        last, sides = body["id"], [dict(map(pair, body["bids"])), dict(map(pair, body["asks"]))]
        for delta in deltas.get(symbol, ()):
            if delta["u"] <= last:
                continue
            assert delta["U"] <= last + 1
            last = delta["u"]
            for side, rows in zip(sides, (delta["b"], delta["a"]), strict=True):
                side.update(map(pair, rows))
            sides = [{price: size for price, size in side.items() if size} for side in sides]
            sides = [dict(sorted(sides[0].items(), reverse=True)[:100]), dict(sorted(sides[1].items())[:100])]
        if symbol in deltas:
            yield symbol, last, *sides


def played(folder: Path, name: str, venue: str) -> Session:
    """What a capture builds as an imported recording: instruments, frames and REST answers in order of time."""
    session = Session(registry.venue)
    texts: list[tuple[float, str, str]] = [(time, "", text) for time, text in frames_of(folder, name)]
    texts += bodies_of(folder, name) + bodies_of(folder, name, "0")
    begun = False
    for number, (seconds, url, text) in enumerate(sorted(texts), 2):
        time = int(seconds * 1000) * 1_000_000
        if url:
            session.feed(note(time, REQUEST, {"venue": venue, "method": "GET", "url": url}, number))
            session.feed(note(time, RESPONSE, {"status": 200}, number))
            session.feed(Record(time, number, BODY, text.encode()))
            continue
        if not begun:
            session.feed(note(time, OPEN, {"venue": venue, "imported": name}, 1))
            begun = True
        session.feed(Record(time, 1, RECV, text.encode()))
    return session


@each
def test_books_are_those_of_a_plain_reader(frames: Path, made: type[Venue], name: str) -> None:
    session = played(frames, name, made.name)
    assert not session.losses and session.totals.bad_frames == 0
    expected = list(plain_books(frames, name))
    assert (len(expected), len(session.books)) == {"GATEIO": (9, 10), "GATEIO_FUTURES": (8, 10)}[name]
    for symbol, last, bids, asks in expected:
        keeper = session.books[f"{made.name}:{symbol}"]
        assert keeper.is_live and keeper.proof()[0] == "sequence" and keeper.book.sequence == last
        assert (keeper.channel, keeper.counters.gaps, keeper.counters.snapshots) == ("order_book_update", 0, 1)
        for ladder, side in ((keeper.book.bids, bids), (keeper.book.asks, asks)):
            assert {Decimal(price): Decimal(size) for price, size in ladder.top()} == side
        assert session.instruments[f"{made.name}:{symbol}"].tick
    # Of the others REST told a book and the stream nothing: there is no telling what it is worth.
    for keeper in session.books.values():
        assert keeper.is_live or (not keeper.channel and keeper.digest() is None)


@each
def test_every_frame_is_read_and_no_update_is_missing(frames: Path, made: type[Venue], name: str) -> None:
    venue, found, last = made(), Counter[str](), dict[str, int]()
    for time, text in frames_of(frames, name):
        for event in venue.decode(text.encode(), int(time * 1000) * 1_000_000):
            found[type(event).__name__] += 1
            if isinstance(event, BookDelta):
                assert event.first == last.get(event.target, (event.first or 0) - 1) + 1
                last[event.target] = event.last or 0
    spot = {"Acknowledged": 22, "BookDelta": 88, "Trade": 3, "Unread": 22}
    assert found == {"GATEIO": spot, "GATEIO_FUTURES": {"Acknowledged": 22, "BookDelta": 187, "Quote": 51, "Unread": 1}}[name]


def test_trades_and_quotes_are_what_the_frames_say(frames: Path) -> None:
    read = [event for _, text in frames_of(frames, "GATEIO") for event in Gate().decode(text.encode(), 0)]
    trades = [(int(one.id), one.price, one.size, one.side) for one in read if isinstance(one, Trade)]
    rows = [orjson.loads(text) for _, text in frames_of(frames, "GATEIO") if '"spot.trades","event":"update"' in text]
    assert trades == [tuple(row["result"][key] for key in ("id", "price", "amount", "side")) for row in rows]
    read = [event for _, text in frames_of(frames, "GATEIO_FUTURES") for event in GateFutures().decode(text.encode(), 0)]
    quotes = [[q.bid, q.bid_size, q.ask, q.ask_size, q.sequence, q.time] for q in read if isinstance(q, Quote)]
    plain = [
        orjson.loads(text)["result"] for _, text in frames_of(frames, "GATEIO_FUTURES") if 'book_ticker","event":"update"' in text
    ]
    assert quotes == [[one["b"], str(one["B"]), one["a"], str(one["A"]), one["u"], one["t"] * 10**6] for one in plain]


@each
def test_instruments_of_that_day(frames: Path, made: type[Venue], name: str) -> None:
    [(_, url, text)] = bodies_of(frames, name, "0")
    venue, request = made(), Request(path_of(url))
    assert venue.lists_instruments(request)
    page, plain = venue.instruments(request, text.encode()), orjson.loads(text)
    assert len(page.instruments) == len(plain) > 100
    for one, entry in zip(page.instruments, plain, strict=True):
        assert one.symbol == entry.get("id", entry.get("name"))
        tick = Decimal(10) ** -entry["precision"] if "precision" in entry else Decimal(entry["order_price_round"])
        assert one.tick and Decimal(one.tick) == tick
