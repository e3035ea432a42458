"""What frames of Kraken spot mean, in v2 and v1."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.errors import BadFrame
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Event,
    Heartbeat,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.venues.kraken import Kraken
from feedtape.venues.kraken_v1 import KrakenV1

RECV = 1_780_000_000_000_000_000
TIME = 1_786_923_425_376_419_000
STAMP = "2026-08-16T23:37:05.376419Z"
TARGET = "kraken:BTC/USD"
HEARTBEAT = b'{"channel":"heartbeat"}'


def read(*payloads: bytes) -> list[Event]:
    """What one connection of v2 says."""
    connection = Kraken().conversation()
    return [event for payload in payloads for event in connection.decode(payload, RECV)]


def read_v1(payload: bytes) -> list[Event]:
    return list(KrakenV1().conversation().decode(payload, RECV))


def ack(depth: int = 10, symbol: str = "BTC/USD", method: str = "subscribe") -> bytes:
    result = {"channel": "book", "depth": depth, "snapshot": True, "symbol": symbol}
    return orjson.dumps({"method": method, "result": result, "success": True, "time_in": STAMP, "time_out": STAMP, "req_id": 3})


def book(kind: str, bids: str = "", asks: str = "", symbol: str = "BTC/USD", check: str = "975661613") -> bytes:
    """A book frame; sides are written as `price=qty` separated by spaces, and come as the bare numbers that these are."""
    sides = [
        ",".join(f'{{"price":{price},"qty":{size}}}' for price, _, size in (row.partition("=") for row in rows.split()))
        for rows in (bids, asks)
    ]
    rows = f'"bids":[{sides[0]}],"asks":[{sides[1]}]'
    entry = f'{{"symbol":"{symbol}",{rows},"checksum":{check},"timestamp":"{STAMP}"}}'
    return f'{{"channel":"book","type":"{kind}","data":[{entry}]}}'.encode()


def trade(kind: str = "update", **fields: Any) -> bytes:
    entry = {"symbol": "BTC/USD", "side": "buy", "price": 62802.5, "qty": 0.25, "ord_type": "limit", "trade_id": 77}
    return orjson.dumps({"channel": "trade", "type": kind, "data": [entry | {"timestamp": STAMP} | fields]})


def ticker(**fields: Any) -> bytes:
    entry = {"symbol": "BTC/USD", "bid": 62802.5, "bid_qty": 1.5, "ask": 62802.6, "ask_qty": 2, "last": 62802.5}
    return orjson.dumps({"channel": "ticker", "type": "update", "data": [entry | {"timestamp": STAMP} | fields]})


# -- v2: books


def test_numbers_are_the_wires_own_texts() -> None:
    rows = "62802.50=0.02987767 62797=0.00005100 62796=3 5e-05=1.10"
    [_, snapshot] = read(ack(), book("snapshot", rows, "62802.6=1.09074394"))
    bids = [("62802.50", "0.02987767"), ("62797", "0.00005100"), ("62796", "3"), ("0.00005", "1.10")]
    assert snapshot == BookSnapshot(TARGET, RECV, TIME, "book-10", bids, [("62802.6", "1.09074394")], None, 975661613)


def test_an_update_is_of_the_depth_that_was_acknowledged_and_keeps_its_order() -> None:
    update = book("update", "", "62806.6=0.00000000 62808.0=0.7 62806.6=1.20", check="265834348")
    [_, delta] = read(ack(25), update)
    changes = [("62806.6", "0.00000000"), ("62808.0", "0.7"), ("62806.6", "1.20")]
    assert delta == BookDelta(TARGET, RECV, TIME, "book-25", [], changes, None, None, None, 265834348)


def channels(*payloads: bytes) -> list[str]:
    return [event.channel for event in read(*payloads) if isinstance(event, BookSnapshot | BookDelta)]


@pytest.mark.parametrize(
    ("levels", "depth"),
    [(0, 10), (1, 10), (10, 10), (11, 25), (25, 25), (26, 100), (100, 100), (101, 500), (501, 1000), (1000, 1000), (1001, 1001)],
)
def test_without_acknowledgement_the_depth_is_the_smallest_that_holds_the_snapshot(levels: int, depth: int) -> None:
    rows = " ".join(f"{1 + level}=1" for level in range(levels))
    assert channels(book("snapshot", rows, "2000=1" if levels else ""), book("update", "1=2")) == [f"book-{depth}"] * 2
    assert channels(book("snapshot", "1=1" if levels else "", rows)) == [f"book-{depth}"]


def test_a_depth_is_a_symbols_own_and_ends_with_the_next_acknowledgement() -> None:
    update, other = book("update", "1=2"), book("update", "1=2", symbol="ETH/USD")
    assert channels(update, ack(10), ack(100, "ETH/USD"), update, other) == ["", "book-10", "book-100"]
    assert channels(ack(10), ack(10, method="unsubscribe"), ack(1000), book("snapshot", "1=1"), update) == ["book-1000"] * 2
    # A snapshot that is deeper than what is known of its depth cannot be of that depth.
    eleven = " ".join(f"{1 + level}=1" for level in range(11))
    assert channels(book("snapshot", "1=1"), book("snapshot", eleven), update) == ["book-10", "book-25", "book-25"]


def test_a_frame_alone_is_read_without_memory() -> None:
    venue = Kraken()
    venue.decode(ack(10), RECV)
    [delta] = venue.decode(book("update", "1=2"), RECV)
    assert isinstance(delta, BookDelta) and delta.channel == ""


def test_what_is_remembered_survives_as_json() -> None:
    connection, other = Kraken().conversation(), Kraken().conversation()
    assert connection.save() is None
    connection.decode(ack(25), RECV)
    connection.decode(ack(500, "ETH/USD"), RECV)
    other.load(orjson.loads(orjson.dumps(connection.save())))
    assert other.save() == connection.save() == [("BTC/USD", 25), ("ETH/USD", 500)]
    [delta] = other.decode(book("update", "1=2", symbol="ETH/USD"), RECV)
    assert isinstance(delta, BookDelta) and delta.channel == "book-500"


def test_what_is_remembered_is_bounded() -> None:
    connection = Kraken().conversation()
    for number in range(10_005):
        connection.decode(ack(25, f"C{number}/USD"), RECV)
    saved = connection.save()
    assert len(saved) == 10_000 and saved[0] == ("C5/USD", 25) and saved[-1] == ("C10004/USD", 25)


def test_several_books_may_share_a_frame_and_checksum_and_time_may_be_missing() -> None:
    entries = [{"symbol": symbol, "bids": [{"price": 1, "qty": 2}], "asks": []} for symbol in ("BTC/USD", "ETH/USD")]
    events = read(orjson.dumps({"channel": "book", "type": "snapshot", "data": entries}))
    assert events == [
        BookSnapshot(f"kraken:{symbol}", RECV, None, "book-10", [("1", "2")], [], None) for symbol in ("BTC/USD", "ETH/USD")
    ]


# -- v2: the rest


def test_a_trade_has_the_takers_side_and_a_number() -> None:
    assert read(trade()) == [Trade(TARGET, RECV, TIME, "62802.5", "0.25", "buy", "77", 77)]
    assert read(trade(side="sell", qty=3)) == [Trade(TARGET, RECV, TIME, "62802.5", "3", "sell", "77", 77)]


def test_trades_from_before_the_subscription_are_no_news() -> None:
    assert read(trade("snapshot")) == [Unread(TARGET, RECV, None, "trade history")]


def test_a_ticker_is_a_quote() -> None:
    assert read(ticker()) == [Quote(TARGET, RECV, TIME, "62802.5", "1.5", "62802.6", "2")]
    assert read(ticker(bid=0, bid_qty=0.0)) == [Quote(TARGET, RECV, TIME, None, None, "62802.6", "2")]


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:00.000000Z", "0001-01-01T00:00:00Z", None])
def test_a_market_without_a_past_has_no_time(stamp: str | None) -> None:
    assert [event.time for event in read(ticker(timestamp=stamp))] == [None]


def test_signs_of_life() -> None:
    assert read(HEARTBEAT) == [Heartbeat("", RECV, None)]
    assert read(b'{"method":"pong","req_id":101,"time_in":"x","time_out":"x"}') == [Heartbeat("", RECV, None)]


def test_the_venues_state_is_told() -> None:
    status = b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"cancel_only","connection_id":1e20}]}'
    assert read(status) == [Status("", RECV, None, "the system is cancel_only")]


def test_an_acknowledgement_is_of_one_stream() -> None:
    assert read(ack(25)) == [Acknowledged("", RECV, None, "", ("book-25:BTC/USD",))]
    assert read(ack(25, method="unsubscribe")) == [Acknowledged("", RECV, None, "", ("book-25:BTC/USD",))]
    result = {"channel": "trade", "symbol": "BTC/USD", "snapshot": False, "warnings": ["soon to be renamed"]}
    said = read(orjson.dumps({"method": "subscribe", "result": result, "success": True, "req_id": 4}))
    assert said == [Acknowledged("", RECV, None, "", ("trade:BTC/USD",)), Status("", RECV, None, "soon to be renamed")]
    of_all = orjson.dumps({"method": "subscribe", "result": {"channel": "instrument"}, "success": True, "req_id": 4})
    assert read(of_all) == [Acknowledged("", RECV, None, "4")]


def test_a_refusal_names_the_symbols_streams() -> None:
    words = "Currency pair not supported XBT/USD"
    refusal = {"error": words, "method": "subscribe", "success": False, "symbol": "XBT/USD", "req_id": 9}
    [refused] = read(orjson.dumps(refusal))
    assert isinstance(refused, Refused) and (refused.request, refused.message) == ("9", words)
    assert {"book-10:XBT/USD", "book-100:XBT/USD", "trade:XBT/USD", "ticker:XBT/USD"} <= set(refused.streams)


@pytest.mark.parametrize(("words", "method"), [("Subscription depth not supported", "subscribe"), ("Malformed request", "error")])
def test_a_refusal_without_a_symbol(words: str, method: str) -> None:
    frame = orjson.dumps({"error": words, "method": method, "success": False, "time_in": STAMP})
    assert read(frame) == [Refused("", RECV, None, None, None, words)]


@pytest.mark.parametrize("channel", ["ohlc", "instrument", "level3", "executions"])
def test_channels_that_nothing_reads_are_named(channel: str) -> None:
    assert read(orjson.dumps({"channel": channel, "type": "update", "data": {}})) == [Unread("", RECV, None, channel)]


def lacking(frame: bytes, field: str) -> bytes:
    message = orjson.loads(frame)
    del message["data"][0][field]
    return orjson.dumps(message)


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"pong",
    "cut": book("update", "1=2")[:-9],
    "a number": b"7",
    "a list": b"[1]",
    "an empty object": b"{}",
    "channel is null": b'{"channel":null}',
    "channel is a number": b'{"channel":7}',
    "deep": b"[" * 100_000,
    "neither snapshot nor update": book("partial", "1=2"),
    "data is an object": b'{"channel":"book","type":"update","data":{"symbol":"BTC/USD"}}',
    "level is a list": b'{"channel":"book","type":"update","data":[{"symbol":"A/B","bids":[[1,2]],"asks":[]}]}',
    "price NaN": book("update", '"NaN"=2'),
    "price is an object": book("update", "{}=2"),
    "price is null": book("update", "null=2"),
    "checksum of more than 32 bits": book("update", "1=2", check=str(1 << 32)),
    "checksum is negative": book("update", "1=2", check="-1"),
    "checksum is a fraction": book("update", "1=2", check="1.5"),
    "symbol is empty": book("update", "1=2", symbol=""),
    "symbol is endless": book("update", "1=2", symbol="A" * 300),
    "trade of nothing": trade(qty=0),
    "trade for nothing": trade(price=0.0),
    "trade of no side": trade(side="both"),
    "trade id is a text": trade(trade_id="77"),
    "trade id is huge": trade(trade_id=77).replace(b"77", b"9" * 30),
    "trade time": trade(timestamp="yesterday"),
    "trade history without symbol": lacking(trade("snapshot"), "symbol"),
    "depth is a text": ack().replace(b'"depth":10', b'"depth":"10"'),
    "depth is nothing": ack(0),
    "success is missing": ack().replace(b'"success":true,', b""),
    "refused without words": b'{"method":"subscribe","success":false}',
    "status without state": b'{"channel":"status","type":"update","data":[{}]}',
}
MALFORMED |= {
    f"{kind} lacks {field}": lacking(frame, field)
    for kind, frame, fields in [
        ("book", book("update", "1=2"), ("symbol", "bids", "asks")),
        ("trade", trade(), ("symbol", "side", "price", "qty", "trade_id", "timestamp")),
        ("ticker", ticker(), ("symbol", "bid", "bid_qty", "ask", "ask_qty")),
    ]
    for field in fields
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_frame_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame) as refusal:
        read(payload)
    assert len(str(refusal.value)) < 400


# -- v1

OLD = "kraken:XBT/USD"


def v1(*bodies: Any, channel: str = "book-10", pair: str = "XBT/USD") -> bytes:
    return orjson.dumps([336, *bodies, channel, pair])


def test_v1_snapshot_is_as_of_its_latest_level() -> None:
    asks = [["5541.30000", "2.50700000", "1534614248.123678"]]
    bids = [["5541.20000", "1.52900000", "1534614248.765567"], ["5539.90000", "0.30000000", "1534614241.769870"]]
    told = [("5541.20000", "1.52900000"), ("5539.90000", "0.30000000")]
    expected = BookSnapshot(OLD, RECV, 1_534_614_248_765_567_000, "book-10", told, [("5541.30000", "2.50700000")], None)
    assert read_v1(v1({"as": asks, "bs": bids})) == [expected]
    assert read_v1(v1({"as": [], "bs": []})) == [BookSnapshot(OLD, RECV, None, "book-10", [], [], None)]


def test_v1_update_of_one_side_and_of_both() -> None:
    asks = [["5541.30000", "0.00000000", "1534614248.456738", "r"]]
    bids = [["5541.2", "2.5", "1534614248.456700"]]
    told = [("5541.30000", "0.00000000")]
    [one] = read_v1(v1({"a": asks, "c": "974942666"}))
    assert one == BookDelta(OLD, RECV, 1_534_614_248_456_738_000, "book-10", [], told, None, None, None, 974942666)
    [both] = read_v1(v1({"a": asks}, {"b": bids, "c": "974942666"}, channel="book-1000"))
    time = 1_534_614_248_456_738_000
    assert both == BookDelta(OLD, RECV, time, "book-1000", [("5541.2", "2.5")], told, None, None, None, 974942666)
    # In 2019 there was no checksum.
    assert read_v1(v1({"b": bids})) == [
        BookDelta(OLD, RECV, 1_534_614_248_456_700_000, "book-10", [("5541.2", "2.5")], [], None, None)
    ]


def test_v1_trades_quotes_and_what_nothing_reads() -> None:
    rows = [
        ["5541.2", "0.15850568", "1534614057.321597", "s", "l", ""],
        ["6060.0", "0.02455000", "1534614057.324998", "b", "l", ""],
    ]
    assert read_v1(v1(rows, channel="trade")) == [
        Trade(OLD, RECV, 1_534_614_057_321_597_000, "5541.2", "0.15850568", "sell", ""),
        Trade(OLD, RECV, 1_534_614_057_324_998_000, "6060.0", "0.02455000", "buy", ""),
    ]
    spread = ["5698.40000", "5700.00000", "1542057299.545897", "1.01234567", "0.98765432"]
    quote = ("5698.40000", "1.01234567", "5700.00000", "0.98765432")
    assert read_v1(v1(spread, channel="spread")) == [Quote(OLD, RECV, 1_542_057_299_545_897_000, *quote)]
    empty = ["0.00000", "5700.00000", "0.000000", "0.00000000", "0.98765432"]
    assert read_v1(v1(empty, channel="spread")) == [Quote(OLD, RECV, None, None, None, *quote[2:])]
    best = {"a": ["5700.00000", 0, "0.98765432"], "b": ["5698.40000", 1, "1.01234567"], "c": ["5698.4", "1"]}
    assert read_v1(v1(best, channel="ticker")) == [Quote(OLD, RECV, None, *quote)]
    assert read_v1(v1([], channel="ohlc-5")) == [Unread(OLD, RECV, None, "ohlc-5")]


def test_v1_answers_and_notices() -> None:
    assert read_v1(b'{"event":"heartbeat"}') == read_v1(b'{"event":"pong","reqid":42}') == [Heartbeat("", RECV, None)]
    status = b'{"connectionID":17843232920108168701,"event":"systemStatus","status":"online","version":"1.8.3"}'
    assert read_v1(status) == [Status("", RECV, None, "the system is online")]
    about: dict[str, Any] = {"event": "subscriptionStatus", "pair": "XBT/USD", "reqid": 4}
    book_10 = {"depth": 10, "name": "book"}
    taken = orjson.dumps(about | {"channelID": 1, "channelName": "book-10", "status": "subscribed", "subscription": book_10})
    assert read_v1(taken) == [Acknowledged("", RECV, None, "", ("book-10:XBT/USD",))]
    words = "Subscription depth not supported"
    turned_down = orjson.dumps(about | {"errorMessage": words, "status": "error", "subscription": book_10})
    assert read_v1(turned_down) == [Refused("", RECV, None, "4", None, words, ("book-10:XBT/USD",))]
    assert read_v1(b'{"errorMessage":"Malformed request","event":"error"}') == [
        Refused("", RECV, None, None, None, "Malformed request")
    ]
    assert read_v1(b'{"event":"addOrderStatus"}') == [Unread("", RECV, None, "addOrderStatus")]


ROW = ["5541.3", "2.5", "1534614248.1"]
V1_MALFORMED = {
    "a v2 frame": HEARTBEAT,
    "a number": b"7",
    "a short list": b'[1,"book-10","XBT/USD"]',
    "no levels": v1({}),
    "only a checksum": v1({"c": "1"}),
    "half a snapshot": v1({"as": [ROW]}),
    "a level of two": v1({"a": [ROW[:2]]}),
    "a price that is none": v1({"a": [["x", "1", "1534614248.1"]]}),
    "a time that is none": v1({"a": [["1", "1", "now"]]}),
    "a checksum that is none": v1({"a": [ROW], "c": "x"}),
    "a checksum of more than 32 bits": v1({"a": [ROW], "c": "99999999999"}),
    "a trade of no side": v1([["1", "1", "1534614248.1", "x", "l", ""]], channel="trade"),
    "a trade of nothing": v1([["1", "0.00", "1534614248.1", "s", "l", ""]], channel="trade"),
    "levels by price": v1({"a": {"553": 1}}),
    "levels as texts": v1({"a": ["553"]}),
    "trades as a text": v1("123s", channel="trade"),
    "a trade as a text": v1(["123s"], channel="trade"),
    "a spread as a text": v1("12345", channel="spread"),
    "a ticker of texts": v1({"a": "123", "b": "123"}, channel="ticker"),
    "half a spread": v1(["1", "2"], channel="spread"),
    "half a ticker": v1({"a": ["1", 1, "1"]}, channel="ticker"),
    "channel is a number": orjson.dumps([1, {}, 7, "XBT/USD"]),
    "pair is empty": v1({"a": [ROW]}, pair=""),
}


@pytest.mark.parametrize("payload", V1_MALFORMED.values(), ids=V1_MALFORMED)
def test_v1_malformed_frame_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        read_v1(payload)


def test_each_protocol_refuses_the_others_frames() -> None:
    with pytest.raises(BadFrame):
        read(v1({"a": [ROW]}))
    for frame in (book("update", "1=2"), trade(), ticker(), ack()):
        with pytest.raises(BadFrame):
            read_v1(frame)
