"""Kraken's real frames: captures checked by an independent naive reading, golden messages, single messages."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from feedtape.book.keeper import BookKeeper
from feedtape.model.events import BookDelta, BookSnapshot, Event, Trade
from feedtape.model.instruments import Instrument
from feedtape.venues.contract import Request, Venue
from feedtape.venues.kraken import Kraken
from feedtape.venues.kraken_futures import KrakenFutures
from feedtape.venues.kraken_v1 import KrakenV1
from golden import Normal, compared

pytestmark = pytest.mark.frames

Sides = dict[str, dict[Decimal, tuple[str, str]]]
"""A naive book: price and size as written, by side and price."""


def dumped(frames: Path, name: str) -> Iterator[bytes]:
    """The received frames of a dump: lines of seconds, a colon, the frame."""
    with gzip.open(frames / "cryptofeed" / name, "rb") as lines:
        for line in lines:
            seconds, _, frame = line.rstrip(b"\n").partition(b": ")
            if frame and seconds.replace(b".", b"").isdigit():
                yield frame


def events_of(venue: Venue, payloads: Sequence[bytes]) -> list[Event]:
    """What a connection says; a bad frame fails."""
    connection = venue.conversation()
    return [event for payload in payloads for event in connection.decode(payload, 1)]


def kept(venue: Venue, events: Sequence[Event]) -> dict[str, BookKeeper]:
    """The books that the events make, all of which must stay whole."""
    books: dict[str, BookKeeper] = {}
    for event in events:
        if isinstance(event, BookDelta | BookSnapshot):
            new = BookKeeper(event.target, event.channel, venue.integrity(event.channel))
            keeper = books.setdefault(event.target, new)
            assert keeper.channel == event.channel
            take = keeper.take_snapshot if isinstance(event, BookSnapshot) else keeper.take_delta
            assert not take(event, 1)  # type: ignore[arg-type]
    return books


def exact(payload: bytes) -> Any:
    # Numbers as they are written, read by another parser than the decoder's.
    return json.loads(payload, parse_float=str, parse_int=str)


def apply(book: Sides, side: str, price: str, size: str) -> None:
    if Decimal(size) > 0:
        book[side][Decimal(price)] = (price, size)
    else:
        book[side].pop(Decimal(price), None)


def cut(book: Sides, depth: int) -> None:
    for price in sorted(book["bids"])[:-depth]:
        del book["bids"][price]
    for price in sorted(book["asks"])[depth:]:
        del book["asks"][price]


def crc(book: Sides) -> int:
    best = [book["asks"][price] for price in sorted(book["asks"])[:10]]
    best += [book["bids"][price] for price in sorted(book["bids"], reverse=True)[:10]]
    return zlib.crc32("".join(text.replace(".", "").lstrip("0") for level in best for text in level).encode())


def same(keeper: BookKeeper, book: Sides) -> bool:
    bids = [book["bids"][price] for price in sorted(book["bids"], reverse=True)]
    asks = [book["asks"][price] for price in sorted(book["asks"])]
    return list(keeper.book.bids.top()) == bids and list(keeper.book.asks.top()) == asks


# -- captures


def test_every_checksum_of_v2_holds(frames: Path) -> None:
    lines = (frames / "kraken-v2" / "btcusd_d10_20260816.ndjson").read_bytes().splitlines()
    payloads = [line.partition(b'"frame": ')[2][:-1] for line in lines if b'"dir": "tx"' not in line]
    book: Sides = {"bids": {}, "asks": {}}
    verified = 0
    for message in map(exact, payloads):
        if message.get("channel") == "book":
            [entry] = message["data"]
            if message["type"] == "snapshot":
                book = {"bids": {}, "asks": {}}
            for side in ("bids", "asks"):
                for level in entry[side]:
                    apply(book, side, level["price"], level["qty"])
            cut(book, 10)
            assert crc(book) == int(entry["checksum"])
            verified += 1
    events = events_of(Kraken(), payloads)
    assert Counter(type(event).__name__ for event in events) == {
        "BookDelta": 20,
        "BookSnapshot": 1,
        "Heartbeat": 2,
        "Status": 1,
        "Acknowledged": 1,
    }
    [keeper] = kept(Kraken(), events).values()
    assert keeper.channel == "book-10" and same(keeper, book)
    assert (keeper.counters.checksums_matched, keeper.counters.checksums_failed, verified) == (21, 0, 21)


def test_a_capture_without_acknowledgements_comes_to_the_same(frames: Path) -> None:
    lines = (frames / "kraken-v2" / "btcusd_d10_20260816.ndjson").read_bytes().splitlines()
    payloads = [line.partition(b'"frame": ')[2][:-1] for line in lines if b'"channel":"book","type"' in line]
    [keeper] = kept(Kraken(), events_of(Kraken(), payloads)).values()
    assert keeper.channel == "book-10" and keeper.counters.checksums_matched == len(payloads) == 21


def test_every_checksum_of_v1_holds(frames: Path) -> None:
    payloads = list(dumped(frames, "KRAKEN.ws.50.0.gz"))
    books: dict[str, Sides] = {}
    verified = Counter[str]()
    for message in map(exact, payloads):
        if type(message) is not list:
            continue
        *bodies, channel, pair = message[1:]
        assert channel == "book-1000"
        if "as" in bodies[0]:
            books[pair] = {"bids": {}, "asks": {}}
        for body in bodies:
            for key, side in (("as", "asks"), ("a", "asks"), ("bs", "bids"), ("b", "bids")):
                for row in body.get(key, []):
                    apply(books[pair], side, row[0], row[1])
        cut(books[pair], 1000)
        if "c" in bodies[-1]:
            assert crc(books[pair]) == int(bodies[-1]["c"])
            verified[pair] += 1
    events = events_of(KrakenV1(), payloads)
    assert Counter(type(event).__name__ for event in events) == {
        "BookDelta": 2551,
        "BookSnapshot": 10,
        "Heartbeat": 21,
        "Acknowledged": 10,
        "Status": 1,
    }
    keepers = kept(KrakenV1(), events)
    assert len(keepers) == 10 and sum(verified.values()) == 2551
    for target, keeper in keepers.items():
        pair = target.removeprefix("kraken:")
        assert (keeper.counters.checksums_matched, keeper.counters.checksums_failed) == (verified[pair], 0)
        assert same(keeper, books[pair])


def test_trades_and_tickers_of_v1(frames: Path) -> None:
    trades = events_of(KrakenV1(), list(dumped(frames, "KRAKEN.ws.48.0.gz")))
    assert Counter(type(event).__name__ for event in trades) == {"Trade": 5, "Heartbeat": 23, "Acknowledged": 10, "Status": 1}
    assert [(event.target, event.side) for event in trades if isinstance(event, Trade)] == [
        ("kraken:XMR/USD", "sell"),
        ("kraken:XMR/USD", "buy"),
        ("kraken:SC/EUR", "sell"),
        ("kraken:XMR/USD", "sell"),
        ("kraken:XMR/USD", "sell"),
    ]
    tickers = events_of(KrakenV1(), list(dumped(frames, "KRAKEN.ws.49.0.gz")))
    assert Counter(type(event).__name__ for event in tickers) == {"Quote": 13, "Heartbeat": 14, "Acknowledged": 10, "Status": 1}


def test_futures_count_without_a_hole(frames: Path) -> None:
    payloads = list(dumped(frames, "KRAKEN_FUTURES.ws.1.0.gz"))
    books: dict[str, Sides] = {}
    last: dict[tuple[str, str], int] = {}
    for message in map(exact, payloads):
        product, feed = message.get("product_id"), message.get("feed")
        if "event" in message:
            continue
        if feed == "book_snapshot":
            books[product] = {"bids": {}, "asks": {}}
            for side in ("bids", "asks"):
                for level in message[side]:
                    apply(books[product], side, level["price"], level["qty"])
            last["book", product] = int(message["seq"])
        elif feed == "book":
            assert int(message["seq"]) == last["book", product] + 1
            last["book", product] += 1
            apply(books[product], {"buy": "bids", "sell": "asks"}[message["side"]], message["price"], message["qty"])
        elif feed == "trade_snapshot":
            # Newest first.
            numbers = [int(one["seq"]) for one in message["trades"]]
            assert numbers == list(range(numbers[0], numbers[0] - 100, -1))
            last["trade", product] = numbers[0]
        elif feed == "trade":
            assert int(message["seq"]) == last["trade", product] + 1
            last["trade", product] += 1
    events = events_of(KrakenFutures(), payloads)
    assert Counter(type(event).__name__ for event in events) == {
        "BookDelta": 4171,
        "BookSnapshot": 10,
        "Quote": 79,
        "Trade": 3,
        "Unread": 10,
        "Acknowledged": 30,
        "Greeting": 1,
    }
    keepers = kept(KrakenFutures(), events)
    assert len(keepers) == 10 and sum(keeper.counters.updates for keeper in keepers.values()) == 4171
    for target, keeper in keepers.items():
        product = target.removeprefix("kraken-futures:")
        assert keeper.book.sequence == last["book", product] and same(keeper, books[product])
        assert keeper.counters.unknown_deletes == 0


def listed(frames: Path, venue: Venue, name: str) -> list[Instrument]:
    with gzip.open(frames / "cryptofeed" / name, "rb") as lines:
        _, _, body = next(lines).partition(b": ")
    return venue.instruments(venue.instruments_requests()[0], body).instruments


def test_lists_of_2021_name_what_the_streams_name(frames: Path) -> None:
    pairs = listed(frames, KrakenV1(), "KRAKEN.0.gz")
    assert len(pairs) == len({pair.symbol for pair in pairs}) == 293
    events = events_of(KrakenV1(), list(dumped(frames, "KRAKEN.ws.50.0.gz")))
    assert {event.target for event in events if event.target} <= {f"kraken:{pair.symbol}" for pair in pairs}
    contracts = listed(frames, KrakenFutures(), "KRAKEN_FUTURES.0.gz")
    assert Counter(one.kind for one in contracts) == {"perpetual": 5, "future": 12, "spot index": 10}
    events = events_of(KrakenFutures(), list(dumped(frames, "KRAKEN_FUTURES.ws.1.0.gz")))
    assert {event.target for event in events if event.target} <= {f"kraken-futures:{one.symbol}" for one in contracts}


# -- golden messages

Change = Callable[[list[Normal]], list[Normal]]


def without_ids(theirs: list[Normal]) -> list[Normal]:
    return [event | {"id": ""} for event in theirs]


def funded(rate: str) -> Change:
    return lambda theirs: [theirs[0] | {"fundingRate": Decimal(rate)}, *theirs[1:]]


NO_ID = "the venue told no trade ids then; their null is our empty text"
COMPARABLE = "before September 2022 they took the amount a contract; ours is the rate relative to the index (sheet 7)"
DIFFERENT: dict[tuple[str, int], tuple[str, Change]] = {
    ("kraken", 0): (NO_ID, without_ids),
    ("kraken", 1): (NO_ID, without_ids),
    ("cryptofacilities", 2): (COMPARABLE, funded("0.000104908704166667")),
    ("cryptofacilities", 3): (NO_ID, without_ids),
    ("cryptofacilities", 5): (COMPARABLE, funded("-0.000057456135416667")),
}


@pytest.mark.parametrize(
    ("name", "venue", "exactly", "of"), [("kraken", Kraken, 7, 9), ("cryptofacilities", KrakenFutures, 6, 9)]
)
def test_golden_messages(frames: Path, name: str, venue: type[Venue], exactly: int, of: int) -> None:
    pairs = compared(frames / "golden" / f"{name}.jsonl", venue)
    differing = [index for index, (theirs, found) in enumerate(pairs) if theirs != found]
    for index, (theirs, found) in enumerate(pairs):
        why, change = DIFFERENT.get((name, index), ("", None))
        assert found == (theirs if change is None else change(theirs)), f"{name} {index} {why}"
    # An explanation of a difference that is none would be a lie.
    assert differing == [index for one, index in DIFFERENT if one == name]
    assert (len(pairs) - len(differing), len(pairs)) == (exactly, of)


# -- single messages

SINGLE = {
    "ws_book_snapshot": ["BookSnapshot"],
    "ws_book_update": ["BookDelta"],
    "ws_l3_snapshot": ["Unread"],
    "ws_l3_update_add": ["Unread"],
    "ws_l3_update_delete": ["Unread"],
    "ws_l3_update_modify_price": ["Unread"],
    "ws_l3_update_modify_qty": ["Unread"],
    "ws_ohlc_update": ["Unread"],
    "ws_pong": ["Heartbeat"],
    "ws_subscribe_response": ["Acknowledged"],
    "ws_ticker_snapshot": ["Quote"],
    "ws_trade_update": ["Trade", "Trade"],
    "ws_futures_book_delta": ["BookDelta"],
    "ws_futures_book_snapshot": ["BookSnapshot"],
    "ws_futures_book_snapshot_with_zero_qty": ["BookSnapshot"],
    "ws_futures_ticker": ["Derivative", "Quote"],
    "ws_futures_trade": ["Trade"],
    "ws_futures_trade_snapshot": ["Unread"],
}


def test_single_messages(frames: Path) -> None:
    files = {path.stem: path.read_bytes() for path in sorted((frames / "single" / "kraken").glob("ws_*.json"))}
    assert files.keys() == SINGLE.keys()
    for name, payload in files.items():
        venue = KrakenFutures() if "futures" in name else Kraken()
        assert [type(event).__name__ for event in venue.decode(payload, 1)] == SINGLE[name], name


def test_the_checksums_of_the_constructed_books_do_not_hold(frames: Path) -> None:
    """These two were made up from the documentation, so that they prove nothing about the rule."""
    folder = frames / "single" / "kraken"
    [entry] = exact((folder / "ws_book_snapshot.json").read_bytes())["data"]
    book: Sides = {"bids": {}, "asks": {}}
    for side in ("bids", "asks"):
        for level in entry[side]:
            apply(book, side, level["price"], level["qty"])
    assert crc(book) != int(entry["checksum"])


def test_levels_of_nothing_are_left_out_of_a_real_snapshot(frames: Path) -> None:
    payload = (frames / "single" / "kraken" / "ws_futures_book_snapshot_with_zero_qty.json").read_bytes()
    [picture] = KrakenFutures().decode(payload, 1)
    assert isinstance(picture, BookSnapshot)
    assert (picture.bids, picture.asks) == ([("34892.5", "6385"), ("34891.5", "100")], [("34912", "2300")])


def test_single_lists_and_times(frames: Path) -> None:
    folder = frames / "single" / "kraken"
    [pairs, stocks] = Kraken().instruments_requests()
    [pair] = Kraken().instruments(pairs, (folder / "http_asset_pairs.json").read_bytes()).instruments
    assert (pair.symbol, pair.tick, pair.lot, pair.trading) == ("BTC/USDT", "0.1", "0.00000001", True)
    [stock] = Kraken().instruments(stocks, (folder / "http_asset_pairs_tokenized.json").read_bytes()).instruments
    assert (stock.symbol, stock.base, stock.quote, stock.tick) == ("AAPLx/USD", "AAPLx", "USD", "0.01")
    assert Kraken().clock((folder / "http_server_time.json").read_bytes()) == 1_762_820_224_000_000_000
    [request] = KrakenFutures().instruments_requests()
    contracts = KrakenFutures().instruments(request, (folder / "http_futures_instruments.json").read_bytes()).instruments
    assert [(one.symbol, one.kind, one.settle, one.tick, one.lot) for one in contracts] == [
        ("PI_XBTUSD", "perpetual", "BTC", "0.5", "1"),
        ("PF_ETHUSD", "perpetual", "USD", "0.1", "0.001"),
        ("PF_PEPEUSD", "perpetual", "USD", "0.0000000001", "1000"),
        ("PF_AAPLxUSD", "perpetual", "USD", "0.01", "0.01"),
    ]
    assert Kraken().decode_body(Request("/0/public/Depth"), (folder / "http_order_book.json").read_bytes(), 1) == ()


def test_trade_ids_of_v2_have_no_holes(frames: Path) -> None:
    """A thousand trades of one book by REST; the stream tells the same ids."""
    answer = exact((frames / "single" / "kraken" / "http_trades.json").read_bytes())["result"]
    [rows] = [rows for rows in answer.values() if type(rows) is list]
    numbers = [int(row[6]) for row in rows]
    assert numbers == list(range(numbers[0], numbers[0] + 1000))
