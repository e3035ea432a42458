"""BitMEX's real frames: a capture of 2021 checked by an independent naive reading, single messages of 2026, golden messages."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from feedtape.book.orders import Orders
from feedtape.model.decimals import canonical
from feedtape.model.events import BookDelta, BookSnapshot, Derivative, Event, Liquidation, Quote, Trade, Unread
from feedtape.model.records import BODY, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues.bitmex import Bitmex
from golden import Normal, compared

pytestmark = pytest.mark.frames

VENUE = Bitmex()
URL = "https://www.bitmex.com/api/v1/instrument/active"
TEXTS = json.JSONDecoder(parse_float=str, parse_int=str)
"""Another parser than the one that is tested, with every number as its text."""


def received(frames: Path) -> Iterator[bytes]:
    with gzip.open(frames / "cryptofeed" / "BITMEX.ws.1.0.gz", "rb") as lines:
        for line in lines:
            if line[:1].isdigit():
                yield line.rstrip(b"\n").partition(b": ")[2]


def listed(frames: Path) -> bytes:
    """The body of the list of instruments, which came first."""
    with gzip.open(frames / "cryptofeed" / "BITMEX.0.gz", "rb") as lines:
        return next(line.partition(b" -> ")[2].rstrip(b"\n").partition(b": ")[2] for line in lines if b" -> " in line[:200])


class Naive:
    """The capture, read with dicts: the rows of each book by the venue's own keys, and what was counted on the way."""

    def __init__(self, payloads: Iterator[bytes]) -> None:
        self.seen = Counter[str]()
        self.rows = Counter[str]()
        self.unknown: list[Any] = []
        self.books: dict[str, dict[tuple[str, str], tuple[str, str]]] = {}
        self.updates = Counter[str]()
        self.prices: dict[str, set[str]] = {}
        self.trades: list[tuple[str, ...]] = []
        self.quotes: list[tuple[str, ...]] = []
        for payload in payloads:
            message = TEXTS.decode(payload.decode())
            if "table" not in message:
                self.seen["answer" if "success" in message else "welcome"] += 1
                continue
            what = f"{message['table']} {message['action']}"
            self.seen[what] += 1
            self.rows[what] += len(message["data"])
            if message["table"] == "orderBookL2":
                self._book(message)
            elif what == "trade insert":
                names = ("symbol", "price", "size", "side", "trdMatchID")
                self.trades += (tuple(row[name] for name in names) for row in message["data"])
            elif message["table"] == "quote":
                names = ("symbol", "bidPrice", "bidSize", "askPrice", "askSize")
                self.quotes += (tuple(row[name] for name in names) for row in message["data"])

    def _book(self, message: Any) -> None:
        action = message["action"]
        if action == "partial":
            self.books[message["filter"]["symbol"]] = {}
        else:
            [symbol] = {row["symbol"] for row in message["data"]}
            self.updates[symbol] += 1
        for row in message["data"]:
            book, key = self.books[row["symbol"]], (row["id"], row["side"])
            if (key in book) is not (action in ("update", "delete")):
                self.unknown.append(row)
            if action == "delete":
                book.pop(key, None)
            elif action == "update":
                book[key] = book[key][0], row["size"]
            else:
                book[key] = row["price"], row["size"]
                self.prices.setdefault(row["symbol"], set()).add(row["price"])

    def side(self, symbol: str, side: str) -> dict[str, str]:
        """Sizes by price; no two rows of a side have the same."""
        rows = [(canonical(price), size) for (_, of), (price, size) in self.books[symbol].items() if of == side]
        assert len({price for price, _ in rows}) == len(rows)
        return dict(rows)


@pytest.fixture(scope="module")
def naive(frames: Path) -> Naive:
    return Naive(received(frames))


COUNTS = {
    "welcome": 1,
    "answer": 30,
    "orderBookL2 partial": 10,
    "orderBookL2 insert": 276,
    "orderBookL2 update": 599,
    "orderBookL2 delete": 276,
    "quote partial": 10,
    "quote insert": 55,
    "trade partial": 10,
    "trade insert": 4,
}


def imported(frames: Path, lost: int | None = None) -> Session:
    """A session that was told what an import of the capture writes, perhaps without one of its frames."""
    session = Session(lambda _: VENUE)
    session.feed(note(1, REQUEST, {"venue": "bitmex", "url": URL}, 2))
    session.feed(note(1, RESPONSE, {"status": 200}, 2))
    session.feed(Record(1, 2, BODY, listed(frames)))
    session.feed(note(1, OPEN, {"venue": "bitmex", "url": "wss://www.bitmex.com/realtime", "imported": "a dump"}, 1))
    for index, payload in enumerate(received(frames)):
        if index != lost:
            session.feed(Record(1, 1, RECV, payload))
    return session


def test_every_frame_of_a_capture_is_read(frames: Path, naive: Naive) -> None:
    assert naive.seen == COUNTS and naive.rows["orderBookL2 partial"] == 11_746
    events = [event for payload in received(frames) for event in VENUE.decode(payload, 1)]
    assert Counter(type(event).__name__ for event in events) == {
        "Greeting": 1,
        "Acknowledged": 30,
        "BookSnapshot": 10,
        "BookDelta": 276 + 599 + 276,
        "Quote": 236,
        "Trade": 7,
        "Unread": 10,
    }
    trades = [
        (event.target.removeprefix("bitmex:"), event.price, event.size, str(event.side).title(), event.id)
        for event in events
        if isinstance(event, Trade)
    ]
    quotes = [
        (event.target.removeprefix("bitmex:"), event.bid, event.bid_size, event.ask, event.ask_size)
        for event in events
        if isinstance(event, Quote)
    ]
    assert trades == naive.trades and quotes == naive.quotes


def test_the_books_of_a_capture_are_those_of_a_naive_reading(frames: Path, naive: Naive) -> None:
    session = imported(frames)
    assert naive.unknown == [] and len(naive.books) == 10
    assert session.totals.bad_frames == 0 and session.totals.losses == 0 and session.unread == {"trade partial": 10}
    assert set(session.books) == {f"bitmex:{symbol}" for symbol in naive.books}
    for symbol in naive.books:
        keeper = session.books[f"bitmex:{symbol}"]
        for ladder, side in ((keeper.book.bids, "Buy"), (keeper.book.asks, "Sell")):
            assert {canonical(price): size for price, size in ladder.top()} == naive.side(symbol, side)
        assert keeper.counters.updates == naive.updates[symbol]
        assert (keeper.counters.snapshots, keeper.counters.unknown_deletes, keeper.counters.crossed) == (1, 0, 0)
        assert keeper.proof()[0] == "unprovable" and keeper.is_live


def test_a_lost_insert_shows_when_its_row_is_changed(frames: Path) -> None:
    """The first row of XBTUSD that came, and that a later message changed or deleted."""
    payloads = [TEXTS.decode(payload.decode()) for payload in received(frames)]
    changes = [(index, one["action"], one["data"]) for index, one in enumerate(payloads) if one.get("table") == "orderBookL2"]
    gone = {row["id"] for _, action, rows in changes if action == "delete" for row in rows if row["symbol"] == "XBTUSD"}
    lost = next(index for index, action, rows in changes if action == "insert" and any(row["id"] in gone for row in rows))
    session = imported(frames, lost)
    [loss] = session.losses
    assert (loss.kind, loss.target) == ("gap", "bitmex:XBTUSD")
    assert not session.books["bitmex:XBTUSD"].is_live and sum(keeper.is_live for keeper in session.books.values()) == 9


def test_the_list_of_a_capture(frames: Path, naive: Naive) -> None:
    found = {one.symbol: one for one in VENUE.instruments(VENUE.instruments_requests()[0], listed(frames)).instruments}
    told = imported(frames).instruments
    assert len(told) == 10 and all(one == found[name.removeprefix("bitmex:")] for name, one in told.items())
    plain = {entry["symbol"]: entry for entry in TEXTS.decode(listed(frames).decode())}
    assert found.keys() == plain.keys() and len(found) == 34
    assert Counter(one.kind for one in found.values()) == {"perpetual": 23, "future": 11}
    for symbol, one in found.items():
        # What does not end is a perpetual contract, whatever its type is called.
        assert (one.kind == "perpetual") is (plain[symbol]["expiry"] is None)
        assert (one.base, one.quote, one.settle) == (plain[symbol]["underlying"], plain[symbol]["quoteCurrency"], "XBT")
        assert (one.multiplier is None) is plain[symbol]["isQuanto"] and one.multiplier in (None, "1") and one.trading
    # Every price of the capture is a multiple of its tick.
    assert len(naive.prices) == 10
    for symbol, texts in naive.prices.items():
        assert not [price for price in texts if Decimal(price) % Decimal(found[symbol].tick or "0")]


# -- single messages: rows, without the table that they are of

ROWS: dict[str, tuple[str, str, type[Event]]] = {
    "ws_funding_rate": ("funding", "insert", Unread),
    "ws_instrument": ("instrument", "partial", Derivative),
    "ws_instrument_index_update": ("instrument", "update", Derivative),
    "ws_instrument_mark_update": ("instrument", "update", Derivative),
    "ws_liquidation": ("liquidation", "insert", Liquidation),
    "ws_orderbook_10": ("orderBook10", "update", BookSnapshot),
    "ws_orderbook_l2": ("orderBookL2", "update", BookDelta),
    "ws_quote": ("quote", "insert", Quote),
    "ws_trade": ("trade", "insert", Trade),
    "ws_trade_bin_1m": ("tradeBin1m", "insert", Unread),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_single_row(frames: Path, name: str) -> None:
    table, action, kind = ROWS[name]
    row = (frames / "single" / "bitmex" / f"{name}.json").read_text()
    [event] = VENUE.decode(f'{{"table":"{table}","action":"{action}","data":[{row}]}}'.encode(), 1)
    assert type(event) is kind and (event.time is None) is (kind in (Unread, Liquidation))


def test_every_single_row_is_looked_at(frames: Path) -> None:
    assert {path.stem for path in (frames / "single" / "bitmex").glob("ws_*.json")} == set(ROWS)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("xbtusd", ("perpetual", "XBT", "USD", "XBT", "0.1", "1", None)),
        ("xbtm26_xbtu26_spread", ("spread", "XBT", "USD", "XBT", "0.5", None, 1_782_475_200_000_000_000)),
    ],
)
def test_a_single_instrument(frames: Path, name: str, facts: tuple[object, ...]) -> None:
    body = b"[%b]" % (frames / "single" / "bitmex" / f"http_get_instrument_{name}.json").read_bytes()
    [one] = VENUE.instruments(VENUE.instruments_requests()[0], body).instruments
    assert (one.kind, one.base, one.quote, one.settle, one.tick, one.multiplier, one.expiry) == facts


# -- golden messages


class Levelled(Bitmex):
    """The decoder with levels in the place of rows, which is what they tell: rows are added up here by a book's own means."""

    def __init__(self) -> None:
        self._orders: dict[str, Orders] = {}

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        return [self._levelled(event) for event in super().decode(payload, recv)]

    def _levelled(self, event: Event) -> Event:
        if isinstance(event, BookSnapshot) and event.orders is not None:
            bids, asks = self._orders.setdefault(event.target, Orders()).replace(event.orders)
            return BookSnapshot(event.target, event.recv, event.time, event.channel, bids, asks, None)
        if isinstance(event, BookDelta) and event.orders is not None:
            bids, asks, _ = self._orders.setdefault(event.target, Orders()).update(event.orders)
            return BookDelta(event.target, event.recv, event.time, event.channel, bids, asks, None, None)
        return event


def empty(theirs: list[Normal]) -> list[Normal]:
    """A change that changes nothing."""
    change = {"type": "book_change", "isSnapshot": False, "symbol": "XBTUSD", "timestamp": 1_559_347_228_619}
    return [*theirs, change | {"bids": {}, "asks": {}}]


def both(theirs: list[Normal]) -> list[Normal]:
    """The sum of two rows at one price."""
    return [event | {"bids": {Decimal("0.0010102"): Decimal(417 + 416)}} for event in theirs]


def interest(theirs: list[Normal]) -> list[Normal]:
    """The one fact that was told."""
    names = ("lastPrice", "fundingRate", "indexPrice", "markPrice", "fundingTimestamp")
    fact = {"type": "derivative_ticker", "symbol": "ETHUSD", "timestamp": 1_559_347_228_619, "openInterest": Decimal(58_922_153)}
    return [*theirs, fact | dict.fromkeys(names)]


DIFFERENT: dict[int, tuple[str, Callable[[list[Normal]], list[Normal]]]] = {
    2: ("a book's update before its partial is left out there; here it is an event, of which the book makes nothing", empty),
    9: (
        "rows are told by ids [W]: two of them at one price, as in this made-up message, are both there; the later counts there",
        both,
    ),
    10: ("a contract is held back there until its partial came; here what is told is told", interest),
}


def test_golden_messages(frames: Path) -> None:
    pairs = compared(frames / "golden" / "bitmex.jsonl", Levelled)
    for index, (theirs, ours) in enumerate(pairs):
        why, change = DIFFERENT.get(index, ("", None))
        assert ours == (theirs if change is None else change(theirs)), f"{index} {why}"
    # An explanation of a difference that is none would be a lie.
    assert [index for index, (theirs, ours) in enumerate(pairs) if theirs != ours] == list(DIFFERENT)
    assert len(pairs) == 11
