"""Bitfinex's real frames: a capture checked by an independent naive reading, and golden messages."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from feedtape.book.keeper import State
from feedtape.model.events import BookDelta, BookSnapshot, Event, Numbered, Quote
from feedtape.model.records import BODY, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues import registry
from feedtape.venues.bitfinex import Bitfinex
from feedtape.venues.contract import Request
from golden import Normal, compared

pytestmark = pytest.mark.frames

DUMP = "BITFINEX.ws.11.0.gz"
Sides = dict[str, dict[Decimal, Decimal]]


def dumped(frames: Path) -> Iterator[bytes]:
    """The received frames of the dump: lines of seconds, a colon, the frame."""
    with gzip.open(frames / "cryptofeed" / DUMP, "rb") as lines:
        for line in lines:
            seconds, _, frame = line.rstrip(b"\n").partition(b": ")
            if frame and seconds.replace(b".", b"").isdigit():
                yield frame


def answers(frames: Path) -> Iterator[tuple[str, bytes]]:
    """The answers of the dump's start: URL and body."""
    with gzip.open(frames / "cryptofeed" / "BITFINEX.0.gz", "rb") as lines:
        for line in lines:
            url, arrow, rest = line.rstrip(b"\n").partition(b" -> ")
            if arrow:
                yield url.decode(), rest.partition(b": ")[2]


class Naive:
    """The dump, read with dicts and another parser: books by symbol, and what was counted on the way."""

    def __init__(self, payloads: Iterator[bytes]) -> None:
        self.books: dict[str, Sides] = {}
        self.seen = Counter[str]()
        self.unknown_deletes = 0
        self.quotes: list[tuple[str, str, str]] = []
        self.sums = Counter[bool]()
        channels: dict[str, dict[str, Any]] = {}
        number = 0
        for payload in payloads:
            message = json.loads(payload, parse_float=str, parse_int=str)
            if isinstance(message, dict):
                self.seen[message["event"]] += 1
                if message["event"] == "subscribed":
                    channels[message["chanId"]] = message
                continue
            number += 1
            assert int(message[-1]) == number and len(message) == 3
            if message[1] == "hb":
                self.seen["hb"] += 1
                continue
            about = channels[message[0]]
            self.seen[about["channel"]] += 1
            if about["channel"] == "book":
                self._book(about["symbol"], message[1])
            elif about["channel"] == "ticker":
                self._ticker(about["symbol"], message[1])

    def _book(self, symbol: str, body: list[Any]) -> None:
        if isinstance(body[0], list):
            self.books[symbol] = {"bids": {}, "asks": {}}
        for price, count, amount in body if isinstance(body[0], list) else [body]:
            side = self.books[symbol]["bids" if Decimal(amount) > 0 else "asks"]
            if count == "0":
                self.unknown_deletes += side.pop(Decimal(price), None) is None
            else:
                side[Decimal(price)] = abs(Decimal(amount))

    def _ticker(self, symbol: str, row: list[str]) -> None:
        self.quotes.append((f"bitfinex:{symbol}", row[0], row[2]))
        if symbol in self.books:
            bids = self.books[symbol]["bids"]
            best = sorted(bids, reverse=True)[:25]
            # As floats, which is what the venue adds up.
            self.sums[abs(sum(bids[price] for price in best) - Decimal(row[1])) < Decimal("1e-6")] += 1
            assert bids[best[0]] != Decimal(row[1])


def test_the_books_of_a_dump_are_those_of_a_naive_reading(frames: Path) -> None:
    naive = Naive(dumped(frames))
    session = Session(registry.venue)
    session.feed(note(1, OPEN, {"venue": "bitfinex", "url": "wss://api.bitfinex.com/ws/2", "imported": "cryptofeed"}, 1))
    for payload in dumped(frames):
        session.feed(Record(1, 1, RECV, payload))
    assert naive.seen == {"info": 1, "conf": 1, "subscribed": 21, "hb": 21, "book": 941, "trades": 7, "ticker": 16}
    assert session.totals.frames == 1008 and session.totals.bad_frames == 0 and session.totals.losses == 0
    assert session.unread == {"trade history": 7}
    assert {target.removeprefix("bitfinex:") for target in session.books} == set(naive.books) and len(naive.books) == 7
    assert sum(keeper.counters.updates for keeper in session.books.values()) == 941 - 7
    for target, keeper in session.books.items():
        naive_book = naive.books[target.removeprefix("bitfinex:")]
        assert keeper.state is State.LIVE and keeper.channel == "P0"
        assert (keeper.counters.snapshots, keeper.counters.gaps, keeper.counters.unknown_deletes) == (1, 0, 0)
        assert {Decimal(price): Decimal(size) for price, size in keeper.book.bids.top()} == naive_book["bids"]
        assert {Decimal(price): Decimal(size) for price, size in keeper.book.asks.top()} == naive_book["asks"]
        assert max(len(naive_book["bids"]), len(naive_book["asks"])) <= 100
        # No checksum was asked for in that dump, and "could not check" is no proof of its kind.
        assert keeper.proof()[0] == "sequence" and keeper.counters.checksums_matched == 0
    assert naive.unknown_deletes == 0


def test_one_frame_less_is_a_loss_of_every_book_that_has_begun(frames: Path) -> None:
    payloads = list(dumped(frames))
    session = Session(registry.venue)
    session.feed(note(1, OPEN, {"venue": "bitfinex", "imported": "cryptofeed"}, 1))
    # A heartbeat of a ticker: nothing tells that it was of no book.
    missing = max(index for index, payload in enumerate(payloads) if b'"hb"' in payload)
    begun: set[str] = set()
    for index, payload in enumerate(payloads):
        if index != missing:
            session.feed(Record(1, 1, RECV, payload))
        else:
            begun = set(session.books)
    assert len(begun) == 5 and len(session.books) == 7
    assert {target for target, keeper in session.books.items() if keeper.state is State.BROKEN} == begun


def test_what_the_frames_of_a_dump_are(frames: Path) -> None:
    naive = Naive(dumped(frames))
    connection = Bitfinex().conversation()
    events: list[Event] = []
    for payload in dumped(frames):
        events += connection.decode(payload, 1)
    assert Counter(type(event).__name__ for event in events) == {
        "Numbered": 985,
        "BookDelta": 934,
        "BookSnapshot": 7,
        "Heartbeat": 21,
        "Acknowledged": 21,
        "Quote": 16,
        "Unread": 7,
        "Greeting": 1,
    }
    assert [event.number for event in events if isinstance(event, Numbered)] == list(range(1, 986))
    quotes = [(event.target, event.bid, event.ask) for event in events if isinstance(event, Quote)]
    assert quotes == naive.quotes
    # The sizes in tickers are sums, where the rounded book shows the same 25 prices.
    assert naive.sums[True] >= 3
    prices = [price for event in events if isinstance(event, BookDelta | BookSnapshot) for price, _ in event.bids + event.asks]
    assert sum("e" in price for price in prices) == 21 and "1.1e-7" in prices


def test_lists_of_pairs_of_a_dump(frames: Path) -> None:
    venue = Bitfinex()
    found = {}
    for url, body in answers(frames):
        request = Request(url.removeprefix("https://api-pub.bitfinex.com"))
        if venue.lists_instruments(request):
            page = venue.instruments(request, body)
            found[request.path.rpartition(":")[2]] = page.instruments
    assert {kind: (len(listed), {one.kind for one in listed}) for kind, listed in found.items()} == {
        "exchange": (293, {"spot"}),
        "future": (35, {"perpetual"}),
    }
    by_symbol = {one.symbol: one for listed in found.values() for one in listed}
    assert (by_symbol["tAAVE:USD"].base, by_symbol["tADABTC"].quote) == ("AAVE", "BTC")
    assert (by_symbol["tEUROPE50IXF0:USTF0"].base, by_symbol["tDOTF0:BTCF0"].settle) == ("EUROPE50IX", "BTC")
    assert all(one.base and one.quote for one in by_symbol.values())


def test_a_session_learns_the_facts_of_what_it_follows(frames: Path) -> None:
    session = Session(registry.venue)
    for number, (url, body) in enumerate(answers(frames), 10):
        session.feed(note(1, REQUEST, {"venue": "bitfinex", "url": url}, number))
        session.feed(note(1, RESPONSE, {"status": 200}, number))
        session.feed(Record(1, number, BODY, body))
    session.feed(note(1, OPEN, {"venue": "bitfinex", "imported": "cryptofeed"}, 1))
    for payload in dumped(frames):
        session.feed(Record(1, 1, RECV, payload))
    assert session.totals.bad_frames == 0
    facts = session.instruments["bitfinex:tTESTBTC:TESTUSD"]
    assert (facts.kind, facts.base, facts.quote) == ("spot", "TESTBTC", "TESTUSD")


# -- golden messages

Change = Callable[[list[Normal]], list[Normal]]

NO_SIZE = "the sizes in a ticker are the sums of the 25 best orders (sheet 7), as the dump above shows; ours are not said"
OWN_TIME = "a status has a time of its own; theirs is when the frame was sent"
ORDERS = "single orders, which they do not read"


def only(**fields: object) -> Change:
    """The same but for some fields."""
    return lambda theirs: [theirs[0] | fields]


def instead(*events: Normal) -> Change:
    """Something else altogether."""
    return lambda theirs: list(events)


RAW: Normal = {"type": "book_change", "isSnapshot": False, "symbol": "BTCF0:USTF0", "timestamp": 1_590_596_820_150}

DIFFERENT: dict[tuple[str, int], tuple[str, Change]] = {
    ("bitfinex", 9): (NO_SIZE, only(bidAmount=None, askAmount=None)),
    ("bitfinex-derivatives", 1): (OWN_TIME, only(timestamp=1_569_715_201_000)),
    ("bitfinex-derivatives", 3): (OWN_TIME, only(timestamp=1_569_801_649_000)),
    ("bitfinex-derivatives", 4): (OWN_TIME, only(timestamp=1_570_492_830_000)),
    ("bitfinex-derivatives", 5): (OWN_TIME, only(timestamp=1_570_493_698_000)),
    ("bitfinex-derivatives", 8): (ORDERS, instead(RAW | {"bids": {}, "asks": {}})),
    ("bitfinex-derivatives", 9): (OWN_TIME, only(timestamp=1_590_596_819_000)),
    ("bitfinex-derivatives", 12): (NO_SIZE, only(bidAmount=None, askAmount=None)),
}


@pytest.mark.parametrize(("name", "exact", "of"), [("bitfinex", 10, 11), ("bitfinex-derivatives", 6, 13)])
def test_golden_messages(frames: Path, name: str, exact: int, of: int) -> None:
    """Their symbols have no letter for the market in front."""
    pairs = [
        (theirs, [one | {"symbol": one["symbol"].removeprefix("t")} for one in ours])
        for theirs, ours in compared(frames / "golden" / f"{name}.jsonl", Bitfinex)
    ]
    differing = [index for index, (theirs, ours) in enumerate(pairs) if theirs != ours]
    for index, (theirs, ours) in enumerate(pairs):
        why, change = DIFFERENT.get((name, index), ("", None))
        assert ours == (theirs if change is None else change(theirs)), f"{name} {index} {why}"
    assert differing == [index for one, index in DIFFERENT if one == name]
    assert (len(pairs) - len(differing), len(pairs)) == (exact, of)
