"""What frames of Binance mean, in all three dialects."""

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
    Liquidation,
    Quote,
    Refused,
    SpentTradeId,
    Status,
    Trade,
    Unread,
)
from feedtape.venues import registry
from feedtape.venues.contract import Request
from venues.binance_frames import (
    COINM,
    FUTURES,
    MS,
    NS,
    RECV_NS,
    SPOT,
    SYMBOLS,
    USDM,
    VENUES,
    combined,
    depth,
    force_order,
    mark,
    on,
    quote,
    rest,
    target,
    ticker,
    trade,
)

each = pytest.mark.parametrize("venue", VENUES)
each_futures = pytest.mark.parametrize("venue", FUTURES)


def decoded(venue: str, payload: bytes) -> list[Event]:
    return list(registry.venue(venue).decode(payload, RECV_NS))


def forms(venue: str, channel: str, data: Any) -> list[bytes]:
    """The shapes in which one payload can come, whose channel is known in the first three."""
    stream = f"{SYMBOLS[venue].lower()}@{channel}"
    spaced = b'{ "stream" : "%b", "data" : %b }' % (stream.encode(), orjson.dumps(data))
    return [combined(stream, data), orjson.dumps({"data": data, "stream": stream}), spaced, orjson.dumps(data)]


# -- books, trades, quotes


@each
def test_a_depth_update(venue: str) -> None:
    named = [decoded(venue, form) for form in forms(venue, "depth@100ms", depth(venue, 101, 105, 95))]
    time, prev = (NS + 3_000_000, None) if venue == SPOT else (NS, 95)
    bids, asks = [("60000.10", "1.200")], [("60000.20", "0.000")]
    expected = BookDelta(target(venue), RECV_NS, time, "depth@100ms", bids, asks, 101, 105, prev)
    assert named[:3] == [[expected]] * 3
    assert named[3] == [BookDelta(target(venue), RECV_NS, time, "depth", bids, asks, 101, 105, prev)]


@each
@pytest.mark.parametrize(("maker_bought", "side"), [(True, "sell"), (False, "buy")])
def test_a_trade_has_the_aggressors_side(venue: str, maker_bought: bool, side: Any) -> None:
    for form in forms(venue, "trade", trade(venue, 7, maker_bought=maker_bought)):
        assert decoded(venue, form) == [Trade(target(venue), RECV_NS, NS, "60000.10", "0.250", side, "7", 7)]


@each_futures
@pytest.mark.parametrize("fields", [{"X": "INSURANCE_FUND"}, {"X": "ADL"}, {"X": "NA", "p": "0", "q": "0"}])
def test_plumbing_is_no_trade_and_its_id_is_spent(venue: str, fields: dict[str, Any]) -> None:
    for form in forms(venue, "trade", trade(venue, 7, **fields)):
        assert decoded(venue, form) == [SpentTradeId(target(venue), RECV_NS, NS, 7)]


@each
def test_a_quote(venue: str) -> None:
    for form in forms(venue, "bookTicker", quote(venue)):
        time = None if venue == SPOT else NS
        assert decoded(venue, form) == [Quote(target(venue), RECV_NS, time, "60000.10", "1.5", "60000.20", "2.5", 77)]


@each
@pytest.mark.parametrize(
    ("fields", "sides"),
    [
        ({"b": "0.00", "B": "0.00"}, (None, None, "60000.20", "2.5")),
        ({"a": "0", "A": "0"}, ("60000.10", "1.5", None, None)),
        ({"a": "0", "A": "0", "b": "0", "B": "0.0"}, (None, None, None, None)),
    ],
)
def test_an_empty_side_has_no_best_price(venue: str, fields: dict[str, Any], sides: tuple[Any, ...]) -> None:
    for form in forms(venue, "bookTicker", quote(venue, **fields)):
        bid, bid_size, ask, ask_size = sides
        time = None if venue == SPOT else NS
        assert decoded(venue, form) == [Quote(target(venue), RECV_NS, time, bid, bid_size, ask, ask_size, 77)]


@pytest.mark.parametrize("channel", ["depth5", "depth10@100ms", "depth20@500ms"])
def test_a_partial_book_is_a_whole_picture_of_its_channel(channel: str) -> None:
    [picture] = decoded(SPOT, on(SPOT, channel, rest(SPOT, 160)))
    assert picture == BookSnapshot(target(SPOT), RECV_NS, None, channel, [("60000.00", "3.000")], [("60000.20", "5.000")], 160)
    for venue in FUTURES:
        [picture] = decoded(venue, on(venue, channel, depth(venue, 101, 105, 95, [["1", "2"]], [])))
        assert picture == BookSnapshot(target(venue), RECV_NS, NS, channel, [("1", "2")], [], 105)
        assert registry.venue(venue).integrity(channel).snapshot == "full"


@each
def test_a_wrapped_rest_answer_serves_every_channel(venue: str) -> None:
    [picture] = decoded(venue, on(venue, "depthSnapshot", rest(venue, 160)))
    assert isinstance(picture, BookSnapshot) and (picture.channel, picture.sequence) == ("", 160)


def test_spot_times_may_be_microseconds() -> None:
    [traded] = decoded(SPOT, on(SPOT, "trade", trade(SPOT, 7, T=MS * 1000 + 456)))
    [delta] = decoded(SPOT, on(SPOT, "depth@100ms", depth(SPOT, 1, 2) | {"E": MS * 1000 + 789}))
    assert (traded.time, delta.time) == (NS + 456_000, NS + 789_000)


@each
def test_new_fields_break_nothing(venue: str) -> None:
    plain = decoded(venue, on(venue, "trade", trade(venue, 7)))
    assert decoded(venue, on(venue, "trade", trade(venue, 7) | {"new": {"deep": [1, None]}})) == plain


# -- derivatives


@each_futures
def test_a_mark_price_tells_mark_index_and_funding(venue: str) -> None:
    expected = Derivative(
        target(venue),
        RECV_NS,
        NS,
        mark="60001.5",
        index="60000.9",
        funding_rate="-0.00010000",
        funding_time=NS + 3_600_000_000_000,
    )
    for form in forms(venue, "markPrice@1s", mark(venue)):
        assert decoded(venue, form) == [expected]


def test_a_dated_contract_has_no_funding_and_an_old_capture_no_index() -> None:
    data = mark(COINM, s="BTCUSD_260925", r="", T=0)
    del data["i"]
    [event] = decoded(COINM, combined("btcusd_260925@markPrice", data))
    assert event == Derivative("binance-coinm:BTCUSD_260925", RECV_NS, NS, mark="60001.5")
    assert set(event.as_json()) == {"type", "target", "recv", "time", "mark"}


@each_futures
def test_a_stream_of_many_symbols_is_an_event_each(venue: str) -> None:
    events = decoded(venue, combined("!markPrice@arr@1s", [mark(venue), mark(venue, s="ETHUSDT", p="3000")]))
    assert [event.target for event in events] == [target(venue), f"{venue}:ETHUSDT"]
    assert events == decoded(venue, orjson.dumps([mark(venue), mark(venue, s="ETHUSDT", p="3000")]))
    assert decoded(venue, combined("!bookTicker", quote(venue))) == decoded(venue, on(venue, "bookTicker", quote(venue)))


@each_futures
def test_a_ticker_tells_the_last_price(venue: str) -> None:
    for form in forms(venue, "ticker", ticker(venue)):
        assert decoded(venue, form) == [Derivative(target(venue), RECV_NS, NS, last="60000.1")]


@each_futures
def test_an_open_interest_by_rest_and_wrapped(venue: str) -> None:
    told = {"symbol": SYMBOLS[venue], "openInterest": "26286.181"}
    expected = Derivative(target(venue), RECV_NS, None, open_interest="26286.181")
    assert decoded(venue, on(venue, "openInterest", told)) == [expected]
    request, _ = registry.venue(venue).polls(SYMBOLS[venue], ["derivatives"])[0]
    [event] = registry.venue(venue).decode_body(request, orjson.dumps(told | {"time": MS}), RECV_NS)
    assert event == Derivative(target(venue), RECV_NS, NS, open_interest="26286.181")


@each_futures
@pytest.mark.parametrize(("word", "side"), [("SELL", "sell"), ("BUY", "buy")])
def test_a_liquidation_has_the_orders_side_and_what_was_filled(venue: str, word: str, side: Any) -> None:
    for form in forms(venue, "forceOrder", force_order(venue, word)):
        assert decoded(venue, form) == [Liquidation(target(venue), RECV_NS, NS, "59950.5", "0.010", side)]
    # Nothing filled yet: what was ordered.
    [event] = decoded(venue, on(venue, "forceOrder", force_order(venue, word, ap="0", z="0")))
    assert event == Liquidation(target(venue), RECV_NS, NS, "59900", "0.014", side)
    assert decoded(venue, combined("!forceOrder@arr", force_order(venue, word))) == decoded(venue, form)


# -- what the venue says about itself


@each
def test_answers_to_requests(venue: str) -> None:
    said = "Unknown property"
    assert decoded(venue, b'{"result":null,"id":1}') == [Acknowledged("", RECV_NS, None, "1")]
    assert decoded(venue, b'{"id":"a7","result":["btcusdt@trade"]}') == [Acknowledged("", RECV_NS, None, "a7")]
    assert decoded(venue, b'{"code":0,"msg":"Unknown property"}') == [Refused("", RECV_NS, None, None, "0", said)]
    assert decoded(venue, b'{"code":0,"msg":"Unknown property","id":9}') == [Refused("", RECV_NS, None, "9", "0", said)]
    assert decoded(venue, b'{"error":{"code":0,"msg":"Unknown property"},"id":9}') == [Refused("", RECV_NS, None, "9", "0", said)]


@each
def test_an_announced_shutdown_asks_for_a_new_connection(venue: str) -> None:
    data = {"e": "serverShutdown", "E": MS}
    for form in (
        combined("!serverShutdown", data),
        orjson.dumps(data),
        orjson.dumps({"data": data, "stream": "!serverShutdown"}),
    ):
        [event] = decoded(venue, form)
        assert isinstance(event, Status) and event.renew and event.time == NS and event.message


@each
@pytest.mark.parametrize("name", ["kline", "aggTrade", "blockTrade", "indexPriceUpdate", "somethingNew"])
def test_events_that_nothing_reads_are_named(venue: str, name: str) -> None:
    for form in (on(venue, name, {"e": name, "E": MS}), orjson.dumps({"e": name, "E": MS})):
        [event] = decoded(venue, form)
        assert isinstance(event, Unread) and event.name == name


def test_spot_reads_no_marks_and_no_liquidations() -> None:
    for data in (mark(SPOT), ticker(SPOT), force_order(SPOT)):
        assert [type(event) for event in decoded(SPOT, orjson.dumps(data))] == [Unread]


# -- what is refused

MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"hello",
    "cut": on(USDM, "trade", trade(USDM, 7))[:-20],
    "more after it": on(USDM, "trade", trade(USDM, 7)) + b"}",
    "two": on(USDM, "trade", trade(USDM, 7)) * 2,
    "not UTF-8": on(USDM, "trade", trade(USDM, 7)).replace(b"BTCUSDT", b"BTC\xff\xfeDT"),
    "stream not UTF-8": on(USDM, "trade", trade(USDM, 7)).replace(b"btcusdt", b"btc\xff\xfedt"),
    "a number": b"7",
    "a text": b'"depthUpdate"',
    "null": b"null",
    "an empty object": b"{}",
    "a list of lists": b"[[1]]",
    "a list of numbers": b"[1]",
    "no data": b'{"stream":"btcusdt@trade"}',
    "null data": on(USDM, "trade", None),
    "data is a list": on(USDM, "depth@100ms", [depth(USDM, 1, 2)]),
    "data is a text": on(USDM, "kline_1m", "e"),
    "stream is a number": b'{"stream":5,"data":{}}',
    "stream is null": b'{"data":{},"stream":null}',
    "no kind": on(USDM, "kline_1m", {"E": 5}),
    "kind is a list": on(USDM, "kline_1m", {"e": ["x"], "s": "BTCUSDT"}),
    "deep": b"[" * 100_000,
    "deep, closed": b"[" * 50_000 + b"]" * 50_000,
    "deep data": b'{"stream":"btcusdt@kline_1m","data":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "error without words": b'{"error":"no","id":1}',
    "error without a message": b'{"code":1,"id":1}',
    "stream is an object": b'{"data":{},"stream":{"stream":1}}',
    "wrong symbol, depth": on(USDM, "depth@100ms", depth(USDM, 1, 2, symbol="ETHUSDT")),
    "wrong symbol, trade": on(USDM, "trade", trade(USDM, 7, s="ETHUSDT")),
    "wrong symbol, quote": on(USDM, "bookTicker", quote(USDM, s="ETHUSDT")),
    "id is a text": on(USDM, "depth@100ms", depth(USDM, 1, 2) | {"u": "2"}),
    "id is a fraction": on(USDM, "depth@100ms", depth(USDM, 1, 2) | {"u": 2.5}),
    "levels are numbers": on(USDM, "depth@100ms", depth(USDM, 1, 2, 0, [[1.5, 2.5]])),
    "level of one": on(USDM, "depth@100ms", depth(USDM, 1, 2, 0, [["1.5"]])),
    "level of three": on(USDM, "depth@100ms", depth(USDM, 1, 2, 0, [["1.5", "1", "1"]])),
    "levels are an object": on(USDM, "depth@100ms", depth(USDM, 1, 2) | {"b": {}}),
    "negative price": on(USDM, "trade", trade(USDM, 7, p="-1")),
    "price NaN": on(USDM, "bookTicker", quote(USDM, b="NaN")),
    "size empty": on(USDM, "bookTicker", quote(USDM, A="")),
    "a trade of nothing": on(USDM, "trade", trade(USDM, 7, q="0.000")),
    "a trade for nothing": on(USDM, "trade", trade(USDM, 7, p="0")),
    "maker is a text": on(USDM, "trade", trade(USDM, 7, m="true")),
    "mark NaN": on(USDM, "markPrice", mark(USDM, p="NaN")),
    "funding rate with an exponent": on(USDM, "markPrice", mark(USDM, r="1e-4")),
    "one bad mark of two": combined("!markPrice@arr", [mark(USDM), mark(USDM, p="x")]),
    "liquidation of no side": on(USDM, "forceOrder", force_order(USDM, "BOTH")),
    "liquidation of nothing": on(USDM, "forceOrder", force_order(USDM, q="0", z="0")),
    "liquidation without order": on(USDM, "forceOrder", {"e": "forceOrder", "E": MS}),
    "shutdown without time": combined("!serverShutdown", {"e": "serverShutdown"}),
    "a lone surrogate": b'{"stream":"x@kline_1m","data":{"e":"\\ud800"}}',
    "a lone low surrogate": b'{"stream":"x@kline_1m","data":{"e":"\\udc00"}}',
}
MALFORMED |= {
    f"{kind} lacks {field}": on(USDM, channel, {name: value for name, value in data.items() if name != field})
    for kind, channel, data, fields in [
        ("depth", "depth@100ms", depth(USDM, 1, 2), "sEUuba"),
        ("trade", "trade", trade(USDM, 7), "stpqm"),
        ("quote", "bookTicker", quote(USDM), "usbBaA"),
        ("mark", "markPrice", mark(USDM), "sEp"),
        ("ticker", "ticker", ticker(USDM), "sEc"),
    ]
    for field in fields
}
UNREFUSED = {
    "wrong symbol, the end of the right one": on(USDM, "trade", trade(USDM, 7, s="USDT")),
    "empty symbol": on(USDM, "depth@100ms", depth(USDM, 1, 2) | {"s": ""}),
    "id beyond 64 bits": on(USDM, "depth@100ms", depth(USDM, 1, 4242)).replace(b"4242", b"9" * 30),
    "time beyond 64 bits of ns": on(USDM, "depth@100ms", depth(USDM, 1, 2) | {"T": 10**18}),
    "trade number beyond 64 bits": on(USDM, "trade", trade(USDM, 4242)).replace(b"4242", b"9" * 30),
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_frame_is_a_bad_frame(payload: bytes) -> None:
    for _ in range(2):  # what was found out about a stream must not change the answer
        with pytest.raises(BadFrame) as refusal:
            decoded(USDM, payload)
        assert len(str(refusal.value)) < 400


@pytest.mark.parametrize("payload", UNREFUSED.values(), ids=UNREFUSED)
def test_a_frame_of_another_symbol_or_with_impossible_numbers_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        decoded(USDM, payload)


@each
def test_a_bad_frame_spoils_nothing_for_the_next_one(venue: str) -> None:
    for payload in MALFORMED.values():
        with pytest.raises(BadFrame):
            decoded(venue, payload + b"\x00")
    assert len(decoded(venue, on(venue, "trade", trade(venue, 7)))) == 1


# -- bodies


@each
def test_a_rest_snapshot_serves_every_channel_of_its_symbol(venue: str) -> None:
    request = registry.venue(venue).snapshot_request(SYMBOLS[venue])
    assert request is not None
    [event] = registry.venue(venue).decode_body(request, orjson.dumps(rest(venue, 160)), RECV_NS)
    time = None if venue == SPOT else NS
    assert event == BookSnapshot(target(venue), RECV_NS, time, "", [("60000.00", "3.000")], [("60000.20", "5.000")], 160)


@each
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"lastUpdateId":"1","bids":[],"asks":[]}', b"[" * 100_000])
def test_a_body_that_is_no_snapshot_is_a_bad_frame(venue: str, body: bytes) -> None:
    with pytest.raises(BadFrame):
        registry.venue(venue).decode_body(Request("/api/v3/depth?symbol=BTCUSDT"), body, RECV_NS)


@each
def test_bodies_of_other_requests_say_nothing(venue: str) -> None:
    for path in ("/api/v3/time", "/api/v3/depth", "/"):
        assert list(registry.venue(venue).decode_body(Request(path), b"{}", RECV_NS)) == []
