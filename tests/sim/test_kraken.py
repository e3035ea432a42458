"""The dialect of Kraken spot by itself: a client that knows only the document."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.kraken import KRAKEN
from feedtape.sim.listing import Listing, open_listing

NS = 1_786_923_425_376_419_123


def desk(*symbols: str, refuse: str = "") -> Desk:
    listings = {
        symbol: open_listing(KRAKEN.instrument(symbol), seed=5, venue="kraken", rate=10) for symbol in symbols or ("BTC/USD",)
    }
    return Desk(listings, NS, lambda listing: listing.market.state(), lambda found: "no" if refuse in found else None)


def connected(at: Desk) -> Session:
    session = KRAKEN.open("/v2", at)
    assert session is not None
    return session


def say(session: Session, at: Desk, method: str, **params: Any) -> list[Any]:
    text = orjson.dumps({"method": method, "params": params, "req_id": 9}).decode()
    return [exact(frame) for frame in KRAKEN.receive(session, text, at)]


def exact(frame: bytes) -> Any:
    # Numbers as they are written, which the checksum is of.
    return json.loads(frame, parse_float=str, parse_int=str)


def stepped(session: Session, at: Desk, name: str) -> list[Any]:
    """One step of the market, as the listeners of a stream hear it."""
    stream = session.streams[name]
    assert stream is not None
    listing = at.listings[stream.symbol]
    step = listing.advance()
    return [
        exact(KRAKEN.wrap(session, stream, payload)) for payload in KRAKEN.payloads(stream, listing, step, NS + 10**9, at.rate)
    ]


class Book:
    """What the guide tells a client to keep."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[Decimal, tuple[str, str]]] = {"bids": {}, "asks": {}}

    def take(self, entry: Any) -> None:
        for side, levels in self.sides.items():
            for row in entry[side]:
                levels.pop(Decimal(row["price"]), None)
                if Decimal(row["qty"]):
                    levels[Decimal(row["price"])] = row["price"], row["qty"]
            for price in sorted(levels, reverse=side == "bids")[self.depth :]:
                del levels[price]

    def best(self, side: str) -> list[tuple[str, str]]:
        return [self.sides[side][price] for price in sorted(self.sides[side], reverse=side == "bids")]

    def checksum(self) -> int:
        levels = self.best("asks")[:10] + self.best("bids")[:10]
        return zlib.crc32("".join(text.replace(".", "").lstrip("0") for level in levels for text in level).encode())


def published(listing: Listing, stream: str) -> list[list[tuple[str, str]]]:
    state, fact = listing.windows[stream].state, listing.instrument
    return [[(fact.price(price), fact.size(size)) for price, size in side] for side in (state.bids, state.asks)]


@pytest.mark.parametrize("depth", [10, 25, 1000])
def test_updates_rebuild_the_book_and_every_checksum_holds(depth: int) -> None:
    at = desk()
    session, book, name = connected(at), Book(depth), f"book-{depth}:BTC/USD"
    acknowledged, picture = say(session, at, "subscribe", channel="book", symbol=["BTC/USD"], depth=depth)
    assert acknowledged["result"] == {"channel": "book", "symbol": "BTC/USD", "snapshot": True, "depth": str(depth)}
    assert (acknowledged["success"], acknowledged["req_id"]) == (True, "9")
    assert (picture["channel"], picture["type"]) == ("book", "snapshot")
    repeated = 0
    for message in [picture, *(found for _ in range(120) for found in stepped(session, at, name))]:
        [entry] = message["data"]
        book.take(entry)
        assert int(entry["checksum"]) == book.checksum()
        prices = [row["price"] for row in entry["bids"]]
        repeated += len(prices) - len(set(prices))
    assert [book.best("bids"), book.best("asks")] == published(at.listings["BTC/USD"], name)
    assert len(book.best("bids")) == min(depth, len(at.listings["BTC/USD"].market.bids))
    # The venue may tell a price twice in one message; the order counts.
    assert repeated


def test_a_client_that_does_not_truncate_fails() -> None:
    at = desk()
    session, book = connected(at), Book(10**6)
    [_, picture] = say(session, at, "subscribe", channel="book", symbol=["BTC/USD"])
    messages = [picture, *(found for _ in range(300) for found in stepped(session, at, "book-10:BTC/USD"))]
    failed = 0
    for message in messages:
        book.take(message["data"][0])
        failed += int(message["data"][0]["checksum"]) != book.checksum()
    assert failed


def test_a_later_listener_continues_the_same_picture() -> None:
    at = desk()
    first, second, book = connected(at), connected(at), Book(10)
    say(first, at, "subscribe", channel="book", symbol=["BTC/USD"])
    for _ in range(20):
        stepped(first, at, "book-10:BTC/USD")
    [_, picture] = say(second, at, "subscribe", channel="book", symbol=["BTC/USD"])
    book.take(picture["data"][0])
    for _ in range(20):
        for message in stepped(second, at, "book-10:BTC/USD"):
            book.take(message["data"][0])
            assert int(message["data"][0]["checksum"]) == book.checksum()


def test_each_symbol_is_answered_by_itself() -> None:
    at = desk("BTC/USD", "ETH/USD", refuse="ETH/USD")
    session = connected(at)
    taken, unknown, refused = say(session, at, "subscribe", channel="trade", symbol=["BTC/USD", "XBT/USD", "ETH/USD"])
    assert taken["result"] == {"channel": "trade", "symbol": "BTC/USD", "snapshot": False}
    assert (unknown["success"], unknown["error"]) == (False, "Currency pair not supported XBT/USD")
    assert (refused["success"], refused["symbol"]) == (False, "ETH/USD")
    assert list(session.streams) == ["trade:BTC/USD"]


def test_what_is_refused() -> None:
    at = desk()
    session = connected(at)
    [depth] = say(session, at, "subscribe", channel="book", symbol=["BTC/USD"], depth=27)
    assert depth["error"] == "Subscription depth not supported" and "symbol" not in depth
    [channel] = say(session, at, "subscribe", channel="books", symbol=["BTC/USD"])
    [method] = say(session, at, "dance")
    [malformed] = [exact(frame) for frame in KRAKEN.receive(session, "hello", at)]
    assert [said["success"] for said in (channel, method, malformed)] == [False] * 3
    assert (malformed["method"], malformed["error"]) == ("error", "Malformed request")
    say(session, at, "subscribe", channel="book", symbol=["BTC/USD"], depth=10)
    [second] = say(session, at, "subscribe", channel="book", symbol=["BTC/USD"], depth=25)
    assert second["success"] is False and list(session.streams) == ["book-10:BTC/USD"]
    [unknown] = say(session, at, "unsubscribe", channel="ticker", symbol=["BTC/USD"])
    assert unknown["success"] is False


def test_a_new_subscription_begins_with_a_snapshot() -> None:
    at = desk()
    session = connected(at)
    say(session, at, "subscribe", channel="book", symbol=["BTC/USD"], depth=25)
    [given_up] = say(session, at, "unsubscribe", channel="book", symbol=["BTC/USD"], depth=25)
    assert given_up["success"] is True and given_up["method"] == "unsubscribe" and not session.streams
    [_, picture] = say(session, at, "subscribe", channel="book", symbol=["BTC/USD"], depth=25)
    assert picture["type"] == "snapshot"


def test_trades_are_the_markets_own_with_consecutive_ids() -> None:
    at = desk()
    session = connected(at)
    say(session, at, "subscribe", channel="trade", symbol=["BTC/USD"])
    listing, told = at.listings["BTC/USD"], list[Any]()
    traded = 0
    while len(told) < 60:
        told += [row for message in stepped(session, at, "trade:BTC/USD") for row in message["data"]]
        traded += len(listing.recent[-1].trades)
    assert len(told) == traded and {row["side"] for row in told} == {"buy", "sell"}
    first = int(told[0]["trade_id"])
    assert [int(row["trade_id"]) for row in told] == list(range(first, first + traded))
    say(session, at, "unsubscribe", channel="trade", symbol=["BTC/USD"])
    [_, history] = say(session, at, "subscribe", channel="trade", symbol=["BTC/USD"], snapshot=True)
    assert history["type"] == "snapshot" and history["data"] == [
        row | {"timestamp": "2026-08-16T23:37:05.376419Z"} for row in told[-50:]
    ]


def test_a_ticker_speaks_when_the_best_prices_change() -> None:
    at = desk()
    session, listing = connected(at), at.listings["BTC/USD"]
    _, first = say(session, at, "subscribe", channel="ticker", symbol=["BTC/USD"], event_trigger="bbo")
    assert first["type"] == "snapshot"
    for _ in range(60):
        said = stepped(session, at, "ticker:BTC/USD")
        assert bool(said) == listing.recent[-1].top_changed
        if said:
            [told] = said[0]["data"]
            bid, ask, fact = listing.market.bids, listing.market.asks, listing.instrument
            assert (told["bid"], told["bid_qty"]) == (fact.price(bid.best), fact.size(bid.sizes[bid.best]))
            assert (told["ask"], told["ask_qty"]) == (fact.price(ask.best), fact.size(ask.sizes[ask.best]))


def test_signs_of_life_come_once_something_is_subscribed() -> None:
    at = desk()
    session = connected(at)
    [greeting] = KRAKEN.greet(session, at)
    assert exact(greeting)["data"][0]["system"] == "online"
    assert KRAKEN.beat(session, at) == []
    say(session, at, "subscribe", channel="ticker", symbol=["BTC/USD"])
    assert KRAKEN.beat(session, at) == [b'{"channel":"heartbeat"}']
    [pong] = [exact(frame) for frame in KRAKEN.receive(session, '{"method":"ping","req_id":101}', at)]
    assert (pong["method"], pong["req_id"]) == ("pong", "101")


def test_rest_has_the_old_names() -> None:
    at = desk("BTC/USD", "DOGE/USD", "AAPLx/USD")
    answers = [KRAKEN.http("/0/public/AssetPairs", query, at) for query in ({}, {"aclass_base": "tokenized_asset"})]
    currencies, stocks = (list(orjson.loads(answer.encode())["result"].values()) for answer in answers if answer is not None)
    assert [pair["wsname"] for pair in currencies] == ["XBT/USD", "XDG/USD"]
    assert [pair["wsname"] for pair in stocks] == ["AAPLx/USD"]
    time = KRAKEN.http("/0/public/Time", {}, at)
    assert time is not None and time.body == {
        "error": [],
        "result": {"unixtime": NS // 10**9, "rfc1123": "Sun, 16 Aug 26 23:37:05 +0000"},
    }
    status = KRAKEN.http("/0/public/SystemStatus", {}, at)
    assert status is not None and KRAKEN.http("/0/public/Nothing", {}, at) is None
    assert KRAKEN.limited(1).status == 429 and KRAKEN.open("/", at) is None
    with pytest.raises(UsageError):
        KRAKEN.instrument("BTCUSD")
