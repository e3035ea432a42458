"""What Bitget's frames mean, and what its venues declare."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.book.rules import Chained
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
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
    Status,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.bitget import (
    Bitget,
    BitgetFutures,
    BitgetFuturesV1,
    BitgetFuturesV2,
    BitgetV1,
    BitgetV2,
)
from feedtape.venues.contract import Request, Venue

RECV = 1_789_456_511_969_000_000
MS = 1_789_456_510_736
NS = MS * 1_000_000
SPOT, FUTURES = Bitget(), BitgetFutures()


def frame(topic: str, rows: Any, action: str = "update", symbol: str = "ETHUSDT", kind: str = "usdt-futures") -> bytes:
    arg = {"instType": kind, "topic": topic} | ({"symbol": symbol} if symbol else {})
    return orjson.dumps({"action": action, "arg": arg, "data": rows, "ts": MS + 3})


def classic(channel: str, rows: Any, action: str = "update", symbol: str = "ETHUSDT", kind: str = "USDT-FUTURES") -> bytes:
    arg = {"instType": kind, "channel": channel, "instId": symbol}
    return orjson.dumps({"action": action, "arg": arg, "data": rows, "ts": MS + 3})


def book(**fields: Any) -> list[dict[str, Any]]:
    row = {"a": [["10.5", "3"]], "b": [["10.4", "0"]], "seq": 107, "pseq": 100, "ts": str(MS), "maxdepth": "1000"}
    return [row | fields]


def read(payload: bytes, venue: Venue = FUTURES) -> list[Event]:
    return list(venue.decode(payload, RECV))


# -- books


def test_a_book_begins_with_a_snapshot_and_is_changed() -> None:
    asks, bids = [("10.5", "3")], [("10.4", "0")]
    assert read(frame("books", book(pseq=0), "snapshot")) == [
        BookSnapshot("bitget-futures:ETHUSDT", RECV, NS, "books", bids, asks, 107)
    ]
    assert read(frame("books", book())) == [BookDelta("bitget-futures:ETHUSDT", RECV, NS, "books", bids, asks, None, 107, 100)]


def test_numbers_beyond_doubles_come_as_integers_or_texts() -> None:
    before, after = 1_483_653_649_371_725_838, 1_483_653_649_791_156_272
    [as_integers] = read(frame("books", book(seq=after, pseq=before)))
    [as_texts] = read(frame("books", book(seq=str(after), pseq=str(before))))
    assert isinstance(as_integers, BookDelta) and as_integers == as_texts
    assert (as_integers.prev, as_integers.last) == (before, after)


@pytest.mark.parametrize(("checksum", "told"), [(-431_745_958, -431_745_958), (0, None), (None, None)])
def test_a_checksum_counts_where_it_is_told(checksum: int | None, told: int | None) -> None:
    for action in ("snapshot", "update"):
        [event] = read(frame("books", book(checksum=checksum), action))
        assert isinstance(event, BookSnapshot | BookDelta) and event.checksum == told


@pytest.mark.parametrize("topic", ["books5", "books50"])
def test_other_depths_are_whole_pictures(topic: str) -> None:
    [event] = read(frame(topic, book(b=[["10.4", "2"]]), "snapshot"))
    assert event == BookSnapshot("bitget-futures:ETHUSDT", RECV, NS, topic, [("10.4", "2")], [("10.5", "3")], 107)
    assert FUTURES.integrity(topic).proof == "unprovable" and FUTURES.integrity(topic).snapshot == "full"


@pytest.mark.parametrize(
    ("fields", "sides"),
    [
        ({"b": [["10.4", "2"]]}, ("10.4", "2", "10.5", "3")),
        ({"b": []}, (None, None, "10.5", "3")),
        ({"b": [["0", "0"]], "a": []}, (None, None, None, None)),
    ],
)
def test_one_level_is_a_quote(fields: dict[str, Any], sides: tuple[str | None, ...]) -> None:
    bid, bid_size, ask, ask_size = sides
    [event] = read(frame("books1", book(**fields), "snapshot"))
    assert event == Quote("bitget-futures:ETHUSDT", RECV, NS, bid, bid_size, ask, ask_size, 107)


def test_what_does_not_continue_the_chain_is_a_loss_whatever_its_number() -> None:
    rule = Chained(strict=True)

    def verdict(prev: int, last: int) -> str:
        return rule.follows(107, BookDelta("t", 1, None, "books", [], [], None, last, prev)).value

    assert verdict(107, 109) == "next"
    assert [verdict(0, 3), verdict(3, 7), verdict(0, 200), verdict(100, 107), verdict(108, 110)] == ["gap"] * 5
    declared = FUTURES.integrity("")
    assert declared.sequence == rule and declared.checksum is not None and declared.proof == "sequence"
    assert (declared.snapshot, declared.resync, declared.unknown_delete_is_loss) == ("stream", "resubscribe", False)


def test_the_classic_protocol_says_the_same_in_its_own_words() -> None:
    row = {"asks": [["10.5", "3"]], "bids": [["10.4", "0"]], "seq": 107, "pseq": 100, "ts": str(MS)}
    assert read(classic("books", [row])) == read(frame("books", book()))
    trade = {"ts": str(MS), "price": "10.5", "size": "2", "side": "sell", "tradeId": "12"}
    assert read(classic("trade", [trade])) == [Trade("bitget-futures:ETHUSDT", RECV, NS, "10.5", "2", "sell", "12")]
    [full] = read(classic("books15", [row], "snapshot"))
    assert isinstance(full, BookSnapshot) and full.channel == "books15"


# -- trades, tickers, liquidations


def test_trades_have_the_takers_side_and_the_first_are_no_news() -> None:
    row = {"i": "143", "p": "10.5", "v": "0.01", "S": "buy", "T": str(MS), "L": "144", "isRPI": "no"}
    assert read(frame("publicTrade", [row, row | {"S": "sell"}])) == [
        Trade("bitget-futures:ETHUSDT", RECV, NS, "10.5", "0.01", "buy", "143"),
        Trade("bitget-futures:ETHUSDT", RECV, NS, "10.5", "0.01", "sell", "143"),
    ]
    history = [Unread("bitget-futures:ETHUSDT", RECV, None, "trade history")]
    assert read(frame("publicTrade", [row], "snapshot")) == history


TICKER = {
    "lastPrice": "10.5",
    "markPrice": "10.51",
    "indexPrice": "10.49",
    "fundingRate": "-0.0001",
    "nextFundingTime": str(MS + 5000),
    "openInterest": "77.1",
    "bid1Price": "10.4",
}


def test_a_ticker_tells_what_it_tells() -> None:
    target, time = "bitget-futures:ETHUSDT", NS + 3_000_000
    facts: dict[str, Any] = {"last": "10.5", "mark": "10.51", "index": "10.49", "open_interest": "77.1"}
    funding: dict[str, Any] = {"funding_rate": "-0.0001", "funding_time": NS + 5_000_000_000}
    assert read(frame("ticker", [TICKER], "snapshot")) == [Derivative(target, RECV, time, **facts, **funding)]
    for none in ("", "0"):
        assert read(frame("ticker", [TICKER | {"nextFundingTime": none}])) == [Derivative(target, RECV, time, **facts)]
    [old] = read(frame("ticker", [{"lastPrice": "", "fundingRate": "0.1"}]))
    assert old == Derivative(target, RECV, time, funding_rate="0.1")
    v2 = {"lastPr": "10.5", "markPrice": "10.51", "indexPrice": "10.49", "holdingAmount": "77.1", "ts": str(MS)}
    v2 |= {"fundingRate": "-0.0001", "nextFundingTime": str(MS + 5000)}
    assert read(classic("ticker", [v2])) == [Derivative(target, RECV, NS, **facts, **funding)]


def test_a_ticker_of_spot_is_nobodys() -> None:
    [event] = read(frame("ticker", [TICKER], "snapshot", "BTCUSDT", "spot"), SPOT)
    assert event == Unread("bitget:BTCUSDT", RECV, None, "ticker")


@pytest.mark.parametrize(("position", "order"), [("buy", "sell"), ("sell", "buy")])
def test_a_liquidation_closes_a_position(position: str, order: Any) -> None:
    row = {"symbol": "BTCUSDT", "side": position, "price": "89000", "amount": "37.7", "ts": str(MS)}
    assert read(frame("liquidation", [row], symbol="")) == [
        Liquidation("bitget-futures:BTCUSDT", RECV, NS, "89000", "37.7", order)
    ]


# -- answers


def test_answers_name_their_stream() -> None:
    arg = {"instType": "spot", "topic": "books", "symbol": "BTCUSDT"}
    for event in ("subscribe", "unsubscribe"):
        answer = orjson.dumps({"event": event, "arg": arg, "connId": "x"})
        assert read(answer, SPOT) == [Acknowledged("", RECV, None, "", ("spot/books/BTCUSDT",))]
    many = orjson.dumps({"event": "subscribe", "arg": {"instType": "usdt-futures", "topic": "liquidation"}})
    assert read(many) == [Acknowledged("", RECV, None, "", ("usdt-futures/liquidation",))]


def test_a_refusal_names_its_stream_in_its_message() -> None:
    words = '{"instType":"usdt-futures","symbol":"NOPE","topic":"books"} doesn\'t exist'
    refusal = orjson.dumps({"event": "error", "code": 30001, "msg": words, "connId": "x"})
    assert read(refusal) == [Refused("", RECV, None, None, "30001", words, ("usdt-futures/books/NOPE",))]
    for vague in ("Param error", "{} doesn't exist", "", "{"):
        answer = orjson.dumps({"event": "error", "code": "30016", "msg": vague})
        assert read(answer) == [Refused("", RECV, None, None, "30016", vague)]
    arg = {"instType": "SPOT", "channel": "books50", "instId": "BTCUSDT"}
    answer = orjson.dumps({"event": "error", "arg": arg, "code": 30016, "msg": "Param error", "op": "subscribe"})
    assert read(answer, SPOT) == [Refused("", RECV, None, None, "30016", "Param error", ("SPOT/books50/BTCUSDT",))]


def test_a_notice_asks_for_a_new_connection() -> None:
    words = "Service upgrade in progress. Connection reset imminent. Please reconnect."
    assert read(orjson.dumps({"event": "error", "code": 30033, "msg": words})) == [Status("", RECV, None, words, True)]


def test_signs_of_life_and_what_nobody_reads() -> None:
    assert read(b"pong") == [Heartbeat("", RECV, None)]
    assert read(frame("kline", [{}])) == [Unread("bitget-futures:ETHUSDT", RECV, None, "kline")]
    assert read(orjson.dumps({"event": "login", "code": 0})) == [Unread("", RECV, None, "login")]


# -- what cannot be read

GOOD = frame("books", book())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"ping",
        b"5",
        b"[]",
        b"{}",
        GOOD[:-1],
        b"[" * 5000,
        frame("books", book(), "else"),
        frame("books", book(seq=None)),
        frame("books", book(pseq=None)),
        frame("books", book(seq=1.5)),
        frame("books", book(seq="-1")),
        frame("books", book(seq=2**63)),
        frame("books", book(a=[["1"]])),
        frame("books", book(a=[[1, 2]])),
        frame("books", book(ts="soon")),
        frame("books", [{}]),
        frame("books", {}),
        frame("books", book(), symbol=""),
        frame("books", book(), symbol="X" * 201),
        frame("books", book(), kind="spot"),
        frame("books1", book(a=[["x", "1"]])),
        frame("", book()),
        frame("publicTrade", [{"i": "1", "p": "0", "v": "1", "S": "buy", "T": "1"}]),
        frame("publicTrade", [{"i": "1", "p": "1", "v": "1", "S": "up", "T": "1"}]),
        frame("publicTrade", [{"i": "1", "p": "1", "v": "1", "S": "buy"}]),
        frame("ticker", [TICKER | {"markPrice": "?"}]),
        frame("ticker", [{}]),
        frame("liquidation", [{"symbol": "", "side": "buy", "price": "1", "amount": "1", "ts": "1"}], symbol=""),
        frame("x" * 201, []),
        frame("publicTrade", [{"i": "1" * 201, "p": "1", "v": "1", "S": "buy", "T": "1"}]),
        orjson.dumps({"event": "subscribe", "arg": {"instType": "spot", "topic": "books", "symbol": "X" * 201}}),
        orjson.dumps({"event": "error", "code": 1, "arg": {"instType": "spot", "topic": "books", "symbol": "X" * 201}}),
        b'{"event":"subscribe"}',
        b'{"event":5}',
    ],
)
def test_malformed_frames(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        FUTURES.decode(payload, RECV)


def test_frames_of_the_other_market_are_not_mixed_up() -> None:
    for venue, kind in ((SPOT, "usdt-futures"), (FUTURES, "spot")):
        with pytest.raises(BadFrame, match="on a connection of"):
            venue.decode(frame("books", book(), kind=kind), RECV)


# -- earlier protocols


def test_classic_books_without_numbers() -> None:
    row = {"asks": [["10.5", "3"]], "bids": [["10.4", "1"]], "checksum": -12, "ts": str(MS)}
    [event] = read(classic("books", [row]), BitgetFuturesV2())
    expected = BookDelta("bitget-futures:ETHUSDT", RECV, NS, "books", [("10.4", "1")], [("10.5", "3")], None, None, None, -12)
    assert event == expected
    with pytest.raises(BadFrame):
        FUTURES.decode(classic("books", [row]), RECV)
    with pytest.raises(BadFrame):
        BitgetV2().decode(frame("books", book(), symbol="BTCUSDT", kind="spot"), RECV)
    for old in (BitgetV2(), BitgetFuturesV2(), BitgetV1(), BitgetFuturesV1()):
        assert old.integrity("books").sequence is None and old.integrity("books").proof == "checksum"
        assert old.integrity("books5").proof == "unprovable"


def test_the_first_protocol() -> None:
    trade = classic("trade", [["1649290077777", "0.005613", "890.8", "buy"]], symbol="HOTUSDT", kind="sp")
    assert read(trade, BitgetV1()) == [Trade("bitget:HOTUSDT", RECV, 1_649_290_077_777_000_000, "0.005613", "890.8", "buy", "")]
    ticker = {"last": "113.4", "capitalRate": "-0.0001", "nextSettleTime": MS + 5, "systemTime": MS, "holding": "21.5"}
    [told] = read(classic("ticker", [ticker], "snapshot", kind="mc"), BitgetFuturesV1())
    assert told == Derivative(
        "bitget-futures:ETHUSDT",
        RECV,
        NS,
        last="113.4",
        funding_rate="-0.0001",
        funding_time=NS + 5_000_000,
        open_interest="21.5",
    )


def test_protocols_are_told_apart_by_their_names() -> None:
    assert [one.decoder for one in (Bitget, *Bitget.earlier)] == ["bitget/3", "bitget/2", "bitget/1"]
    names = [one.decoder for one in (BitgetFutures, *BitgetFutures.earlier)]
    assert names == ["bitget-futures/3", "bitget-futures/2", "bitget-futures/1"]
    for venue in (Bitget, BitgetFutures):
        days = [one.since for one in (venue, *venue.earlier)]
        assert days == sorted(days, reverse=True)


# -- subscribing


def test_one_socket_carries_all_kinds() -> None:
    targets = [Target("bitget-futures", symbol) for symbol in ("BTCUSDT", "BTCPERP", "BTCUSD_CM", "BTCCMZ26")]
    [plan] = FUTURES.plan(targets, ["book", "liquidations"])
    assert plan.path == "/v3/ws/public"
    assert plan.names == (
        "usdt-futures/books/BTCUSDT",
        "usdt-futures/liquidation",
        "usdc-futures/books/BTCPERP",
        "usdc-futures/liquidation",
        "coin-futures/books/BTCUSD_CM",
        "coin-futures/liquidation",
        "coin-futures/books/BTCCMZ26",
    )
    [spot] = SPOT.plan([Target("bitget", "BTCUSDT")], CHANNELS)
    assert spot.names == ("spot/books/BTCUSDT", "spot/publicTrade/BTCUSDT", "spot/books1/BTCUSDT")
    [deep] = SPOT.plan([Target("bitget", "BTCUSDT", "books50")], ["book"])
    assert deep.names == ("spot/books50/BTCUSDT",)
    with pytest.raises(UsageError):
        SPOT.streams(Target("bitget", "BTCUSDT", "books15"), ["book"])


def test_requests_are_small_and_name_what_they_ask_for() -> None:
    [ask] = FUTURES.subscribe(["usdt-futures/books/BTCUSDT", "usdt-futures/liquidation"], 1)
    assert orjson.loads(ask.frame) == {
        "op": "subscribe",
        "args": [
            {"instType": "usdt-futures", "topic": "books", "symbol": "BTCUSDT"},
            {"instType": "usdt-futures", "topic": "liquidation"},
        ],
    }
    assert ask.id == "" and ask.streams == ("usdt-futures/books/BTCUSDT", "usdt-futures/liquidation")
    [back] = FUTURES.unsubscribe(ask.streams, 1)
    assert orjson.loads(back.frame)["op"] == "unsubscribe" and back.streams == ask.streams
    many = FUTURES.subscribe([f"usdt-futures/publicTrade/{'X' * 150}{number}" for number in range(48)], 1)
    assert sum(len(one.streams) for one in many) == 48
    assert all(len(one.frame) < 4096 and len(one.streams) <= 20 for one in many)
    assert FUTURES.subscribe([], 1) == []


def test_connections_stay_below_what_is_recommended() -> None:
    targets = [Target("bitget-futures", f"COIN{number}USDT") for number in range(100)]
    plans = FUTURES.plan(targets, ["book", "trades", "quotes"])
    assert sum(len(plan.streams) for plan in plans) == 300 and max(len(plan.streams) for plan in plans) < 50


def test_signs_of_life_are_plain_text() -> None:
    assert SPOT.ping(1, RECV) == b"ping" and SPOT.heartbeat.ping_every_s == 30


# -- requests

INSTRUMENTS = Request("/api/v3/market/instruments?category=SPOT")


ROW = {"symbol": "BTCUSDT", "category": "SPOT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "online"}


def listed_body(*rows: dict[str, Any]) -> bytes:
    return orjson.dumps({"code": "00000", "msg": "success", "requestTime": 1, "data": rows})


def listed(*rows: dict[str, Any]) -> list[Instrument]:
    return FUTURES.instruments(INSTRUMENTS, listed_body(*rows)).instruments


def test_instruments_are_asked_for_by_kind() -> None:
    def asked(*symbols: str) -> list[str]:
        return [request.path.partition("=")[2] for request in FUTURES.instruments_requests(symbols)]

    assert asked() == asked("BTC*") == ["USDT-FUTURES", "USDC-FUTURES", "COIN-FUTURES"]
    assert asked("btcperp") == ["USDC-FUTURES"] and asked("BTCUSD_CM", "ETHUSDT") == ["USDT-FUTURES", "COIN-FUTURES"]
    # A pattern or the unified spelling does not tell a kind by its end.
    assert asked("BTC/USDC:USDC") == asked("[BE]*USDT") == asked()
    assert SPOT.instruments_requests() == [INSTRUMENTS]
    assert SPOT.lists_instruments(INSTRUMENTS) and SPOT.snapshot_request("BTCUSDT") is None
    assert SPOT.decode_body(INSTRUMENTS, b"", RECV) == ()


def test_instruments() -> None:
    precise = ROW | {"pricePrecision": "2", "quantityPrecision": "0", "symbolType": "crypto"}
    assert listed(precise) == [
        Instrument(symbol="BTCUSDT", kind="spot", base="BTC", quote="USDT", tick="0.01", lot="1", status="online", trading=True)
    ]
    contract = ROW | {"category": "USDT-FUTURES", "type": "perpetual", "priceMultiplier": "0.1", "quantityMultiplier": "0.001"}
    [found] = listed(contract | {"status": "listed", "pricePrecision": "1"})
    assert (found.kind, found.settle, found.tick, found.lot, found.trading) == ("perpetual", "USDT", "0.1", "0.001", False)
    dated = contract | {"category": "COIN-FUTURES", "quoteCoin": "USD", "type": "delivery", "deliveryTime": str(MS)}
    [found] = listed(dated | {"symbol": "BTCCMZ26"})
    assert (found.kind, found.settle, found.expiry) == ("future", "BTC", NS)
    [found] = listed(contract | {"symbol": "牛来USDT", "type": None, "symbolType": "delivery", "status": "limit_open"})
    assert (found.symbol, found.kind, found.expiry, found.trading) == ("牛来USDT", "future", None, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"code":"40001","msg":"no","data":null}',
        b'{"code":"00000","data":[{}]}',
        listed_body(ROW | {"baseCoin": 5}),
        listed_body(ROW | {"symbol": "X" * 201}),
        listed_body(ROW | {"pricePrecision": "x"}),
        listed_body(ROW | {"pricePrecision": "999999999"}),
        b'{"code":"00000","data":5}',
    ],
)
def test_answers_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(BadFrame):
        FUTURES.instruments(INSTRUMENTS, body)
    with pytest.raises(BadFrame):
        FUTURES.clock(body)


def test_the_venues_time() -> None:
    assert SPOT.clock_request().path == "/api/v2/public/time"
    assert SPOT.clock(orjson.dumps({"code": "00000", "data": {"serverTime": str(MS)}})) == NS
