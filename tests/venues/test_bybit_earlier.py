"""What Bybit's frames meant before: the first years of v5, contracts and spot before it."""

from typing import Any

import orjson
import pytest

from feedtape.errors import BadFrame
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Liquidation,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.venues.bybit import (
    BybitInverse2,
    BybitInverse2023,
    BybitLinear,
    BybitLinear2,
    BybitLinear2023,
    BybitSpot2,
    BybitSpot2023,
)
from feedtape.venues.contract import Conversation

RECV = 1_680_000_000_123_456_789
MS = 1_680_000_000_005
NS = 1_000_000
FIRST = (BybitSpot2023(), BybitLinear2023(), BybitInverse2023())
LINEAR, INVERSE, SPOT = BybitLinear2(), BybitInverse2(), BybitSpot2()


def decoded(reader: Conversation, frame: Any) -> list[Event]:
    return list(reader.decode(frame if type(frame) is bytes else orjson.dumps(frame), RECV))


# -- the first years of v5


def level_1(kind: str, u: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": u, "seq": u * 7}
    return {"topic": "orderbook.1.BTCUSDT", "type": kind, "ts": MS, "data": data}


def best(event: Event) -> tuple[Any, ...]:
    assert isinstance(event, Quote)
    return event.bid, event.bid_size, event.ask, event.ask_size, event.sequence


@pytest.mark.parametrize("venue", FIRST, ids=lambda venue: venue.name)
def test_changes_of_level_1_are_whole_quotes(venue: BybitLinear2023) -> None:
    reader = venue.conversation()
    said = [
        (level_1("snapshot", 10, [["100", "1"]], [["101", "2"]]), ("100", "1", "101", "2", 10)),
        (level_1("delta", 11, [["100", "5"]]), ("100", "5", "101", "2", 11)),
        (level_1("delta", 12, [], [["101", "0"], ["102", "3"]]), ("100", "5", "102", "3", 12)),
        (level_1("delta", 13, [["99", "4"], ["100", "0"]]), ("99", "4", "102", "3", 13)),
        (level_1("delta", 14, [], [["102", "0"]]), ("99", "4", None, None, 14)),
        (level_1("snapshot", 14, [["99", "4"]], []), ("99", "4", None, None, 14)),
        (level_1("delta", 1, [["98", "1"]], [["103", "1"]]), ("98", "1", "103", "1", 1)),
    ]
    for frame, expected in said:
        [event] = decoded(reader, frame)
        assert best(event) == expected and event.target == f"{venue.name}:BTCUSDT" and event.time == MS * NS


def test_a_change_of_what_is_not_known_says_nothing_until_the_next_picture() -> None:
    reader = FIRST[1].conversation()
    assert [type(event) for event in decoded(reader, level_1("delta", 5, [["100", "1"]]))] == [Unread]
    decoded(reader, level_1("snapshot", 10, [["100", "1"]], [["101", "2"]]))
    assert [type(event) for event in decoded(reader, level_1("delta", 12, [["100", "5"]]))] == [Unread]
    assert [type(event) for event in decoded(reader, level_1("delta", 13, [["100", "6"]]))] == [Unread]
    [event] = decoded(reader, level_1("snapshot", 20, [["100", "7"]], []))
    assert best(event) == ("100", "7", None, None, 20)


@pytest.mark.parametrize("price", ["", "nine", "1" * 31, "\u202e\x1b[2J", "1" * 100_000])
def test_a_change_to_what_is_no_price_is_refused_and_not_remembered(price: str) -> None:
    reader = FIRST[1].conversation()
    decoded(reader, level_1("snapshot", 10, [["100", "1"]], []))
    with pytest.raises(BadFrame):
        decoded(reader, level_1("delta", 11, [[price, "5"]]))
    assert reader.save() is None


def test_what_is_remembered_is_saved() -> None:
    reader, other = FIRST[1].conversation(), FIRST[1].conversation()
    assert reader.save() is None
    decoded(reader, level_1("snapshot", 10, [["100", "1"]], []))
    other.load(orjson.loads(orjson.dumps(reader.save())))
    change = level_1("delta", 11, [["100", "5"]])
    assert decoded(other, change) == decoded(reader, change)
    assert other.save() == reader.save() == {"BTCUSDT": ["100", "5", None, None, 11]}


def test_everything_else_is_read_as_now() -> None:
    frame = {
        "topic": "publicTrade.BTCUSDT",
        "type": "snapshot",
        "ts": MS,
        "data": [{"T": MS, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "2", "i": "x"}],
    }
    assert decoded(FIRST[1].conversation(), frame) == decoded(BybitLinear(), frame)


@pytest.mark.parametrize(("position", "order"), [("Buy", "sell"), ("Sell", "buy")])
def test_liquidations_had_a_stream_of_one_each(position: str, order: Any) -> None:
    data = {"updatedTime": MS, "symbol": "GALAUSDT", "side": position, "size": "1637", "price": "0.03803"}
    frame = {"topic": "liquidation.GALAUSDT", "type": "snapshot", "ts": MS, "data": data}
    expected = Liquidation("bybit-linear:GALAUSDT", RECV, MS * NS, "0.03803", "1637", order)
    assert decoded(FIRST[1].conversation(), frame) == [expected]
    with pytest.raises(BadFrame):
        decoded(BybitLinear(), frame)


def test_frames_of_before_v5_are_left_to_their_decoder() -> None:
    for frame in (
        {"topic": "trade.BTCUSD", "data": []},
        {"success": True, "ret_msg": "", "request": {"op": "subscribe", "args": []}},
    ):
        for reader in (FIRST[2].conversation(), BybitLinear()):
            with pytest.raises(BadFrame):
                decoded(reader, frame)


# -- contracts before v5


def levels(kind: str, data: Any, **more: Any) -> dict[str, Any]:
    return {"topic": "orderBookL2_25.BTCUSD", "type": kind, "data": data, "cross_seq": 42, "timestamp_e6": MS * 1000 + 1} | more


def row(price: str, side: str, size: Any = None) -> dict[str, Any]:
    fields = {"price": price, "symbol": "BTCUSD", "id": 93535000, "side": side}
    return fields if size is None else fields | {"size": size}


def test_a_book_of_levels_by_action() -> None:
    time = MS * NS + 1000
    rows = [row("9353.50", "Buy", 58486), row("9366.00", "Sell", 704729)]
    whole = BookSnapshot(
        "bybit-inverse:BTCUSD", RECV, time, "orderBookL2_25", [("9353.50", "58486")], [("9366.00", "704729")], 42
    )
    assert decoded(INVERSE, levels("snapshot", rows)) == [whole]
    assert decoded(INVERSE, levels("snapshot", {"order_book": rows}, cross_seq="42", timestamp_e6=str(MS * 1000 + 1))) == [whole]
    change = {
        "delete": [row("9353.50", "Buy")],
        "update": [row("9366.00", "Sell", 1)],
        "insert": [row("9352.00", "Buy", 9)],
        "transactTimeE6": 0,
    }
    assert decoded(INVERSE, levels("delta", change, topic="orderBook_200.100ms.BTCUSD")) == [
        BookDelta(
            "bybit-inverse:BTCUSD",
            RECV,
            time,
            "orderBook_200.100ms",
            [("9353.50", "0"), ("9352.00", "9")],
            [("9366.00", "1")],
            None,
            42,
        )
    ]
    assert INVERSE.integrity("orderBookL2_25").proof == "unprovable"


def test_sizes_of_linear_contracts_keep_their_text() -> None:
    frame = orjson.dumps(levels("snapshot", [row("9472.50", "Buy", 4242)])).replace(b"4242", b"22.390999000")
    [event] = decoded(LINEAR, frame)
    assert isinstance(event, BookSnapshot) and event.bids == [("9472.50", "22.390999000")]


TRADE = {
    "timestamp": "2023-03-28T10:40:00.000Z",
    "symbol": "BTCUSD",
    "side": "Sell",
    "size": 6000,
    "price": 9366,
    "trade_id": "8c53dd53",
}


def test_trades_with_and_without_milliseconds() -> None:
    frame = {"topic": "trade.BTCUSD", "data": [TRADE, TRADE | {"trade_time_ms": MS}, TRADE | {"trade_time_ms": str(MS)}]}
    assert decoded(INVERSE, frame) == [
        Trade("bybit-inverse:BTCUSD", RECV, time, "9366", "6000", "sell", "8c53dd53")
        for time in (1_680_000_000_000 * NS, MS * NS, MS * NS)
    ]


def facts(data: dict[str, Any]) -> dict[str, Any]:
    return {"topic": "instrument_info.100ms.BTCUSD", "type": "delta", "data": data, "cross_seq": 1, "timestamp_e6": MS * 1000}


def test_scaled_numbers_are_exact() -> None:
    said = {
        "symbol": "BTCUSD",
        "last_price_e4": 92915000,
        "mark_price_e4": "608243538",
        "mark_price": "60824.35",
        "index_price_e4": "565850800",
        "open_interest_e8": "447123000000",
        "funding_rate_e6": "-93",
        "next_funding_time": "2023-03-28T16:00:00Z",
    }
    expected = Derivative(
        "bybit-inverse:BTCUSD",
        RECV,
        MS * NS,
        last="9291.5000",
        mark="60824.35",
        index="56585.0800",
        funding_rate="-0.000093",
        funding_time=1_680_019_200_000 * NS,
        open_interest="4471.23000000",
    )
    assert decoded(INVERSE, facts(said)) == [expected]
    assert decoded(INVERSE, facts({"delete": [], "update": [said], "insert": []})) == [expected]


def test_a_change_of_no_fact_of_ours_says_nothing_and_dated_contracts_have_no_funding() -> None:
    assert decoded(INVERSE, facts({"update": [{"symbol": "BTCUSD", "volume_24h": 5}]})) == []
    data = {"symbol": "BTCUSD", "open_interest": 7, "next_funding_time": "0001-01-01T00:00:00Z"}
    [event] = decoded(INVERSE, facts({"update": [data]}))
    assert event == Derivative("bybit-inverse:BTCUSD", RECV, MS * NS, open_interest="7")


def test_liquidations_streamed_and_polled() -> None:
    one = {"symbol": "BTCUSD", "side": "Sell", "price": "45171.00", "qty": "2329", "time": MS}
    streamed = Liquidation("bybit-inverse:BTCUSD", RECV, MS * NS, "45171.00", "2329", "buy")
    assert decoded(INVERSE, {"topic": "liquidation.BTCUSD", "data": one}) == [streamed]
    polled = one | {"side": "Buy", "id": 3422858, "qty": 836, "price": 23216}
    assert decoded(INVERSE, {"topic": "liquidation.BTCUSD", "generated": True, "data": [polled]}) == [
        Liquidation("bybit-inverse:BTCUSD", RECV, MS * NS, "23216", "836", "sell", "3422858")
    ]


def test_answers_repeat_their_request() -> None:
    request = {"op": "subscribe", "args": ["trade.BTCUSD"]}
    answer = {"success": True, "ret_msg": "", "conn_id": "c", "request": request}
    assert decoded(INVERSE, answer) == [Acknowledged("", RECV, None, "", ("trade.BTCUSD",))]
    refusal = answer | {"success": False, "ret_msg": "error:no such topic"}
    assert decoded(INVERSE, refusal) == [Refused("", RECV, None, None, None, "error:no such topic", ("trade.BTCUSD",))]
    pong = answer | {"ret_msg": "pong", "request": {"op": "ping", "args": None}}
    assert decoded(INVERSE, pong) == [Heartbeat("", RECV, None)]
    assert decoded(INVERSE, {"topic": "klineV2.1.BTCUSD", "data": []}) == [Unread("", RECV, None, "klineV2")]


# -- spot before v5


def on(topic: str, data: Any) -> dict[str, Any]:
    return {"topic": topic, "params": {"symbol": "BITBTC", "binary": "false", "symbolName": "BITBTC"}, "data": data}


def test_spot() -> None:
    target, time = "bybit:BITBTC", MS * NS
    depth = {"s": "BITBTC", "t": MS, "v": "132777961_22362914_8", "b": [["0.00002949", "25862.5"]], "a": []}
    assert decoded(SPOT, on("depth", depth)) == [BookSnapshot(target, RECV, time, "depth", [("0.00002949", "25862.5")], [], None)]
    trade = {"v": "2280000000007453966", "t": MS, "p": "1678.54", "q": "1.4", "m": True}
    bought = Trade(target, RECV, time, "1678.54", "1.4", "buy", "2280000000007453966")
    assert decoded(SPOT, on("trade", trade)) == [bought]
    [sold] = decoded(SPOT, on("trade", trade | {"m": False}))
    assert isinstance(sold, Trade) and sold.side == "sell"
    quote = {"symbol": "BITBTC", "bidPrice": "1.5", "bidQty": "2", "askPrice": "1.6", "askQty": "3", "time": MS}
    assert decoded(SPOT, on("bookTicker", quote)) == [Quote(target, RECV, time, "1.5", "2", "1.6", "3")]
    assert decoded(SPOT, on("kline", {})) == [Unread(target, RECV, None, "kline")]
    assert SPOT.integrity("depth").snapshot == "full" and SPOT.integrity("depth").proof == "unprovable"


def test_answers_of_spot() -> None:
    answer = {"topic": "depth", "event": "sub", "params": {"symbol": "BITBTC"}, "code": "0", "msg": "Success"}
    assert decoded(SPOT, answer) == [Acknowledged("", RECV, None)]
    refusal = answer | {"code": "-100010", "msg": "Invalid Symbols!"}
    assert decoded(SPOT, refusal) == [Refused("", RECV, None, None, "-100010", "Invalid Symbols!")]
    assert decoded(SPOT, {"pong": MS}) == [Heartbeat("", RECV, MS * NS)]


# -- what is refused

BAD: list[tuple[Conversation, Any]] = [
    *(
        (reader, payload)
        for reader in (LINEAR, SPOT, FIRST[1].conversation())
        for payload in (b"", b"{}", b"[]", b"7", b'{"topic"')
    ),
    *((reader, {"topic": 5}) for reader in (LINEAR, SPOT)),
    (LINEAR, levels("snapshot", [row("9353.50", "Both", 1)])),
    (LINEAR, levels("snapshot", [row("9353.50", "Buy")])),
    (LINEAR, levels("delta", {"update": []})),
    *((LINEAR, levels("snapshot", [], cross_seq=number)) for number in ("x", "1_0", "-1", str(2**63), 1.5)),
    (LINEAR, {"topic": "trade.BTCUSD", "data": [{"symbol": "BTCUSD"}]}),
    (LINEAR, {"topic": "trade.BTCUSD", "data": {}} | {"data": 5}),
    (LINEAR, facts({"symbol": ["BTCUSD"], "last_price_e4": 1})),
    (LINEAR, facts({"symbol": "BTCUSD", "last_price_e4": "x"})),
    (LINEAR, {"topic": "liquidation.BTCUSD", "data": {"symbol": "BTCUSD"}}),
    (LINEAR, {"success": True, "ret_msg": "", "request": {"op": "subscribe", "args": [5]}}),
    (SPOT, on("depth", {"t": MS, "b": [["1"]], "a": []})),
    (SPOT, on("trade", {"v": 5, "t": MS, "p": "1", "q": "1", "m": True})),
    (SPOT, on("trade", {"v": "5", "t": MS, "p": "1", "q": "0", "m": True})),
    (SPOT, on("trade", {"v": "5", "t": MS, "p": "1", "q": "1", "m": 1.5})),
    (SPOT, {"topic": "depth", "params": {}, "data": {}}),
    (FIRST[1].conversation(), level_1("snapshot", 1, [["x", "1"]])),
    (FIRST[1].conversation(), level_1("update", 1)),
    (INVERSE, {"topic": "trade.BTCUSD", "data": [TRADE | {"trade_id": ["8c53dd53"]}]}),
    (INVERSE, {"topic": "trade.BTCUSD", "data": [TRADE | {"trade_id": "8" * 201}]}),
]


@pytest.mark.parametrize(("reader", "frame"), BAD)
def test_a_malformed_frame_is_a_bad_frame(reader: Conversation, frame: Any) -> None:
    with pytest.raises(BadFrame) as refusal:
        decoded(reader, frame)
    assert len(str(refusal.value)) < 400
