"""What frames of KuCoin mean, unified and classic, and what is asked of it."""

from typing import Any

import orjson
import pytest

from feedtape.book.rules import Contiguous
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Heartbeat,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Request, Venue
from feedtape.venues.kucoin import KuCoin, KuCoinFutures
from feedtape.venues.kucoin_classic import KuCoinClassic, KuCoinFuturesClassic
from feedtape.venues.kucoin_market import KuCoinMarket

RECV = 1_790_000_000_500_000_000
NS = 1_790_000_000_123_456_789
MS = 1_790_000_000_123
SPOT, FUTURES = KuCoin(), KuCoinFutures()
OLD_SPOT, OLD_FUTURES = KuCoinClassic(), KuCoinFuturesClassic()
SYMBOLS = {"SPOT": "ETH-USDT", "FUTURES": "XBTUSDTM"}
each = pytest.mark.parametrize("venue", [SPOT, FUTURES], ids=["spot", "futures"])


def push(venue: KuCoinMarket, channel: str, **fields: Any) -> bytes:
    data = {"s": SYMBOLS[venue.trade_type]} | fields.pop("d", {})
    return orjson.dumps({"T": channel, "P": NS + 1000, "d": data} | fields)


def book(venue: KuCoinMarket, depth: str = "increment@10ms", kind: str = "delta", **fields: Any) -> bytes:
    data = {"O": 501, "C": 504, "M": NS, "a": [["2700.20", "0"]], "b": [["2700.1", "2"]]} | fields
    return push(venue, f"obu.{venue.trade_type}", dp=depth, t=kind, d=data)


def decoded(venue: Venue, payload: bytes) -> list[Event]:
    return list(venue.decode(payload, RECV))


def target(venue: KuCoinMarket) -> str:
    return f"{venue.name}:{SYMBOLS[venue.trade_type]}"


# -- the unified protocol


@each
def test_a_book_begins_with_a_snapshot_and_goes_on_by_sequence_numbers(venue: KuCoinMarket) -> None:
    bids, asks = [("2700.1", "2")], [("2700.20", "0")]
    [snapshot] = decoded(venue, book(venue, kind="snapshot", O=500, C=500))
    assert snapshot == BookSnapshot(target(venue), RECV, NS, "increment@10ms", bids, asks, 500)
    [delta] = decoded(venue, book(venue))
    assert delta == BookDelta(target(venue), RECV, NS, "increment@10ms", bids, asks, 501, 504)
    assert list(venue.decode_binary(book(venue), RECV)) == [delta]
    assert decoded(venue, book(venue).replace(b"obu.SPOT", b"obu.spot")) == [delta]


@each
def test_shallow_books_are_whole_pictures_and_the_shallowest_a_quote(venue: KuCoinMarket) -> None:
    for depth in ("5", "50"):
        [picture] = decoded(venue, book(venue, depth, "snapshot"))
        assert isinstance(picture, BookSnapshot) and (picture.channel, picture.sequence) == (depth, 504)
    [quote] = decoded(venue, book(venue, "1", "snapshot", a=[["2700.20", "1.5"]]))
    assert quote == Quote(target(venue), RECV, NS, "2700.1", "2", "2700.20", "1.5", 504)
    [quote] = decoded(venue, book(venue, "1", "snapshot", a=[]))
    assert quote == Quote(target(venue), RECV, NS, "2700.1", "2", None, None, 504)


@each
@pytest.mark.parametrize(("word", "side"), [("sell", "sell"), ("BUY", "buy")])
def test_trades_have_the_takers_side(venue: KuCoinMarket, word: str, side: Any) -> None:
    data = {"E": 2063, "M": NS, "S": word, "p": "92525.6", "q": "0.00008036", "ti": "20631804219899904"}
    [trade] = decoded(venue, push(venue, f"trade.{venue.trade_type}", d=data))
    assert trade == Trade(target(venue), RECV, NS, "92525.6", "0.00008036", side, "20631804219899904")


def test_facts_of_a_contract_come_in_three_messages() -> None:
    mark = push(FUTURES, "mark-price", d={"mp": "84517.2", "ip": "84564.02", "oi": "11793380", "ts": MS})
    expected = Derivative("kucoin-futures:XBTUSDTM", RECV, MS * 10**6, mark="84517.2", index="84564.02", open_interest="11793380")
    assert decoded(FUTURES, mark) == [expected]
    rate = {"fr": "0.000072", "ft": MS - 28_800_000, "lfr": "0.000069", "nt": MS, "gl": 28_800_000, "fc": "0.003"}
    [event] = decoded(FUTURES, push(FUTURES, "funding-fee", d=rate))
    time = MS * 10**6
    assert event == Derivative("kucoin-futures:XBTUSDTM", RECV, NS + 1000, funding_rate="0.000072", funding_time=time)
    ticker = {"a": "90580.5", "A": "36", "q": "3", "b": "90580.4", "B": "4852", "S": "buy", "E": 19, "l": "90580.5", "M": NS}
    [event] = decoded(FUTURES, push(FUTURES, "ticker.FUTURES", d=ticker))
    assert event == Derivative("kucoin-futures:XBTUSDTM", RECV, NS, last="90580.5")
    assert decoded(SPOT, push(SPOT, "ticker.SPOT", d=ticker)) == [Unread("", RECV, None, "ticker.SPOT")]


def test_answers() -> None:
    def said(text: bytes) -> Event:
        [event] = decoded(SPOT, text)
        assert list(SPOT.decode_binary(text, RECV)) == [event]
        return event

    assert said(b'{"sessionId":"x","message":"welcome","pingInterval":18000}') == Greeting("", RECV, None)
    assert said(b'{"id":"11","result":true}') == Acknowledged("", RECV, None, "11")
    refused = said(b'{"id":"11","result":false,"message":"invalid request data"}')
    assert refused == Refused("", RECV, None, "11", None, "invalid request data")
    refused = said(b'{"id":"11","result":false,"reason":"symbols are not supported for topic obu"}')
    assert refused == Refused("", RECV, None, "11", None, "symbols are not supported for topic obu")
    refused = said(b'{"code":"429002","msg":"Too many requests in a short period"}')
    assert refused == Refused("", RECV, None, None, "429002", "Too many requests in a short period")
    assert said(b'{"type":"pong","id":"13","ts":1790000000123456789}') == Heartbeat("", RECV, None)
    assert said(b'{"id":"1","op":"pong","timestamp":1}') == Heartbeat("", RECV, None)
    assert said(push(SPOT, "kline.SPOT")) == Unread("", RECV, None, "kline.SPOT")


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"hello",
    "a number": b"7",
    "null": b"null",
    "a list": b"[]",
    "an empty object": b"{}",
    "deep": b"[" * 100_000,
    "cut": book(SPOT)[:-9],
    "neither yes nor no": b'{"id":"1","result":"perhaps"}',
    "kind is a number": b'{"T":5,"d":{}}',
    "no data": b'{"T":"obu.SPOT","dp":"5","t":"snapshot"}',
    "another market": book(FUTURES),
    "depth is a list": book(SPOT).replace(b'"increment@10ms"', b"[5]"),
    "neither snapshot nor delta": book(SPOT, kind="replace"),
    "an id that is none": book(SPOT, C="12x"),
    "a huge id": book(SPOT, C=2**63),
    "half a level": book(SPOT, b=[["1"]]),
    "a word for a price": book(SPOT, b=[["one", "1"]]),
    "no symbol": book(SPOT, s=""),
    "a long symbol": book(SPOT, s="X" * 300),
    "symbol is a list": book(SPOT, s=["X"]),
    "a trade of nothing": push(SPOT, "trade.SPOT", d={"M": NS, "S": "buy", "p": "1", "q": "0", "ti": "1"}),
    "a trade of no side": push(SPOT, "trade.SPOT", d={"M": NS, "S": "", "p": "1", "q": "1", "ti": "1"}),
    "a classic frame": orjson.dumps({"type": "message", "topic": "/market/match:X", "data": {}}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_frames_are_bad_frames(name: str) -> None:
    for read in (SPOT.decode, SPOT.decode_binary):
        with pytest.raises(BadFrame):
            read(MALFORMED[name], RECV)


# -- asking


def test_each_stream_is_a_request_of_its_own() -> None:
    names = [stream.name for stream in SPOT.streams(Target("kucoin", "ETH-USDT"), CHANNELS)]
    asks = SPOT.subscribe(names, 11)
    common = {"action": "SUBSCRIBE", "symbol": "ETH-USDT", "tradeType": "SPOT"}
    assert [orjson.loads(ask.frame) for ask in asks] == [
        common | {"id": "11", "channel": "obu", "depth": "increment@10ms"},
        common | {"id": "12", "channel": "trade"},
        common | {"id": "13", "channel": "obu", "depth": "1"},
    ]
    assert [(ask.id, ask.streams) for ask in asks] == [(str(11 + index), (name,)) for index, name in enumerate(names)]
    [ask] = SPOT.unsubscribe(names[:1], 14)
    assert orjson.loads(ask.frame) == common | {
        "id": "14",
        "action": "UNSUBSCRIBE",
        "channel": "obu",
        "depth": "increment@10ms",
    }
    streams = FUTURES.streams(Target("kucoin-futures", "XBTUSDTM"), ["derivatives", "liquidations"])
    assert [orjson.loads(ask.frame) for ask in FUTURES.subscribe([stream.name for stream in streams], 1)] == [
        {"id": "1", "action": "SUBSCRIBE", "symbol": "XBTUSDTM", "channel": "mark-price"},
        {"id": "2", "action": "SUBSCRIBE", "symbol": "XBTUSDTM", "channel": "funding-fee"},
    ]


def test_books_by_name_and_what_they_prove() -> None:
    [stream] = SPOT.streams(Target("kucoin", "ETH-USDT", "50"), ["book"])
    assert stream.name == "obu ETH-USDT 50"
    with pytest.raises(UsageError):
        SPOT.streams(Target("kucoin", "ETH-USDT", "level2"), ["book"])
    for channel in ("", "increment@10ms"):
        assert (SPOT.integrity(channel).sequence, SPOT.integrity(channel).snapshot) == (Contiguous(), "stream")
    assert SPOT.integrity("5").proof == SPOT.integrity("50").proof == "unprovable"
    assert SPOT.snapshot_request("ETH-USDT") is None
    classic = OLD_SPOT.integrity("level2")
    assert (classic.sequence, classic.snapshot) == (Contiguous(), "rest")
    assert OLD_SPOT.integrity("level2Depth5").proof == "unprovable"


@each
def test_connections_pings_and_clocks(venue: KuCoinMarket) -> None:
    plans = venue.plan([Target(venue.name, f"C{number}") for number in range(400)], ["book", "trades"])
    assert [len(plan.streams) for plan in plans] == [600, 200] and {plan.path for plan in plans} == {""}
    assert venue.greets and venue.heartbeat.ping_every_s and venue.heartbeat.ping_every_s <= 18
    assert orjson.loads(venue.ping(3, RECV)) == {"id": "p3", "type": "ping"}
    assert venue.clock_request() and venue.clock(b'{"code":"200000","data":1790000000123}') == MS * 10**6
    for broken in (b"", b"{}", b'{"data":"now"}'):
        with pytest.raises(BadFrame):
            venue.clock(broken)


# -- instruments


def test_spot_symbols() -> None:
    [request] = SPOT.instruments_requests()
    entry = {"symbol": "REQ-ETH", "name": "REQUEST-ETH", "baseCurrency": "REQ", "quoteCurrency": "ETH", "enableTrading": True}
    body = orjson.dumps({"code": "200000", "data": [entry | {"priceIncrement": "0.0000001", "baseIncrement": "0.0001"}]})
    [found] = SPOT.instruments(request, body).instruments
    assert found == Instrument(
        symbol="REQ-ETH", kind="spot", base="REQ", quote="ETH", tick="0.0000001", lot="0.0001", trading=True
    )


def test_contracts() -> None:
    [request] = FUTURES.instruments_requests()
    common = '"baseCurrency":"XBT","quoteCurrency":"USDT","settleCurrency":"USDT","lotSize":1,"tickSize":0.10,"status":"Open"'
    perpetual = '{"symbol":"XBTUSDTM","type":"FFWCSX","multiplier":0.001,"expireDate":null,' + common + "}"
    dated = '{"symbol":"XBTMZ26","type":"FFICSX","multiplier":-1.0,"expireDate":1790323200000,' + common + "}"
    dated = dated.replace("Open", "Paused")
    page = FUTURES.instruments(request, f'{{"code":"200000","data":[{perpetual},{dated}]}}'.encode())
    facts: dict[str, Any] = {"base": "XBT", "quote": "USDT", "settle": "USDT", "lot": "1", "tick": "0.10"}
    assert page.instruments == [
        Instrument(symbol="XBTUSDTM", kind="perpetual", multiplier="0.001", status="Open", trading=True, **facts),
        Instrument(
            symbol="XBTMZ26",
            kind="future",
            multiplier="1.0",
            expiry=1790323200000 * 10**6,
            status="Paused",
            trading=False,
            **facts,
        ),
    ]


@each
@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":{}}', b'{"data":[5]}', b'{"data":[{}]}'])
def test_lists_that_cannot_be_read(venue: KuCoinMarket, body: bytes) -> None:
    with pytest.raises(BadFrame):
        venue.instruments(venue.instruments_requests()[0], body)


# -- the classic protocol


def message(topic: str, data: Any, **fields: Any) -> bytes:
    return orjson.dumps({"type": "message", "topic": topic, "data": data} | fields)


def test_classic_changes_come_in_their_own_order_and_price_zero_changes_nothing() -> None:
    changes = {"asks": [["5", "0", "18"], ["0", "0", "15"]], "bids": [["4", "1", "19"], ["4", "7", "16"], ["3", "2", "17"]]}
    data = {"sequenceStart": 15, "sequenceEnd": 19, "symbol": "ETH-USDT", "changes": changes}
    [delta] = decoded(OLD_SPOT, message("/market/level2:ETH-USDT", data))
    bids = [("4", "7"), ("3", "2"), ("4", "1")]
    assert delta == BookDelta("kucoin:ETH-USDT", RECV, None, "level2", bids, [("5", "0")], 15, 19)
    [later] = decoded(OLD_SPOT, message("/market/level2:ETH-USDT", data | {"time": MS}))
    assert later.time == MS * 10**6
    with pytest.raises(BadFrame):
        OLD_SPOT.decode(message("/market/level2:BTC-USDT", data), RECV)


def test_classic_futures_tell_one_change_a_frame() -> None:
    level = [("60000", "12")]
    for word, bids, asks in (("buy", level, []), ("sell", [], level)):
        data = {"sequence": 18, "change": f"60000,{word},12", "timestamp": MS}
        [delta] = decoded(OLD_FUTURES, message("/contractMarket/level2:XBTUSDTM", data))
        assert delta == BookDelta("kucoin-futures:XBTUSDTM", RECV, MS * 10**6, "level2", bids, asks, 18, 18)
    for change in ("60000,buy", "60000,hold,1", "x,buy,1"):
        with pytest.raises(BadFrame):
            OLD_FUTURES.decode(message("/contractMarket/level2:X", {"sequence": 1, "change": change, "timestamp": MS}), RECV)


def test_classic_rest_books_wrapped_or_not() -> None:
    body = {"code": "200000", "data": {"time": MS, "sequence": "1613", "bids": [["242.649", "5"]], "asks": []}}
    request = Request("/api/v1/market/orderbook/level2_100?symbol=ETH-USDT")
    expected = BookSnapshot("kucoin:ETH-USDT", RECV, MS * 10**6, "", [("242.649", "5")], [], 1613)
    assert list(OLD_SPOT.decode_body(request, orjson.dumps(body), RECV)) == [expected]
    assert decoded(OLD_SPOT, message("/market/level2Snapshot:ETH-USDT", body["data"])) == [expected]
    text = f'{{"data":{{"symbol":"XBTUSDTM","sequence":12,"bids":[[0.21557,30]],"asks":[[0.2166,62]],"ts":{NS}}}}}'.encode()
    [picture] = OLD_FUTURES.decode_body(Request("/api/v1/level2/snapshot?symbol=XBTUSDTM"), text, RECV)
    assert picture == BookSnapshot("kucoin-futures:XBTUSDTM", RECV, NS, "", [("0.21557", "30")], [("0.2166", "62")], 12)
    assert OLD_SPOT.decode_body(Request("/api/v1/timestamp"), b"{}", RECV) == ()
    for broken in (b"", b"{}", b'{"data":{"bids":[],"asks":[]}}', b'{"data":{"sequence":"-1","bids":[],"asks":[]}}'):
        with pytest.raises(BadFrame):
            OLD_SPOT.decode_body(request, broken, RECV)


def test_classic_pictures_trades_quotes_and_facts() -> None:
    picture = {"asks": [["2", "1"]], "bids": [["1", "3"]], "timestamp": MS}
    [event] = decoded(OLD_SPOT, message("/spotMarket/level2Depth50:ETH-USDT", picture))
    assert event == BookSnapshot("kucoin:ETH-USDT", RECV, MS * 10**6, "level2Depth50", [("1", "3")], [("2", "1")], None)
    [event] = decoded(OLD_FUTURES, message("/contractMarket/level2Depth5:XBTUSDTM", picture | {"sequence": 7}))
    assert isinstance(event, BookSnapshot) and (event.channel, event.sequence) == ("level2Depth5", 7)
    match = {"symbol": "ETH-USDT", "side": "sell", "price": "1.5", "size": "2", "tradeId": "6085c0", "time": str(NS)}
    [event] = decoded(OLD_SPOT, message("/market/match:ETH-USDT", match))
    assert event == Trade("kucoin:ETH-USDT", RECV, NS, "1.5", "2", "sell", "6085c0")
    execution = {"symbol": "XBTUSDTM", "side": "buy", "price": "93.624", "size": 10, "tradeId": "17", "ts": NS}
    [event] = decoded(OLD_FUTURES, message("/contractMarket/execution:XBTUSDTM", execution))
    assert event == Trade("kucoin-futures:XBTUSDTM", RECV, NS, "93.624", "10", "buy", "17")
    ticker = {"sequence": "16", "bestAsk": "2", "bestAskSize": "1", "bestBid": "1", "bestBidSize": "0", "time": MS}
    [event] = decoded(OLD_SPOT, message("/market/ticker:ETH-USDT", ticker))
    assert event == Quote("kucoin:ETH-USDT", RECV, MS * 10**6, None, None, "2", "1", 16)
    best = {"symbol": "XBTUSDTM", "sequence": 16, "bestBidPrice": "24.067", "bestBidSize": 260, "bestAskPrice": "24.08"}
    [event] = decoded(OLD_FUTURES, message("/contractMarket/tickerV2:XBTUSDTM", best | {"bestAskSize": 250, "ts": NS}))
    assert event == Quote("kucoin-futures:XBTUSDTM", RECV, NS, "24.067", "260", "24.08", "250", 16)
    for told, facts in (
        (b'"markPrice":90445.02,"indexPrice":90445.0', {"mark": "90445.02", "index": "90445.0"}),
        (b'"fundingRate":-1.5e-05', {"funding_rate": "-0.000015"}),
    ):
        text = b'{"type":"message","topic":"/contract/instrument:XBTUSDTM","data":{"timestamp":%d,%b}}' % (MS, told)
        [event] = decoded(OLD_FUTURES, text)
        assert event == Derivative("kucoin-futures:XBTUSDTM", RECV, MS * 10**6, **facts)  # type: ignore[arg-type]


def test_classic_answers() -> None:
    def said(text: bytes) -> Event:
        [event] = decoded(OLD_SPOT, text)
        return event

    assert said(b'{"id":"NSk","type":"welcome"}') == Greeting("", RECV, None)
    assert said(b'{"id":"1","type":"ack"}') == Acknowledged("", RECV, None, "1")
    assert said(b'{"id":"1","type":"pong","timestamp":1}') == Heartbeat("", RECV, None)
    refused = said(b'{"id":"12","type":"error","code":404,"data":"topic does not exist"}')
    assert refused == Refused("", RECV, None, "12", "404", "topic does not exist")
    assert said(message("/market/candles:X_1min", {})) == Unread("", RECV, None, "/market/candles")
    assert said(b'{"type":"notice"}') == Unread("", RECV, None, "notice")
    for broken in (b"", b"[]", b"{}", b'{"type":"message"}', message("/market/match:X", {}), message("/market/match:X", None)):
        with pytest.raises(BadFrame):
            OLD_SPOT.decode(broken, RECV)
    with pytest.raises(BadFrame):
        OLD_SPOT.decode_binary(b"{}", RECV)


def test_classic_lists_the_symbols_of_its_day() -> None:
    assert OLD_SPOT.lists_instruments(Request("/api/v1/symbols"))
    assert [version.decoder for version in KuCoin.earlier + KuCoinFutures.earlier] == ["kucoin/1", "kucoin-futures/1"]
