"""What frames of Binance's European options mean, what the venue declares, and its golden messages."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
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
    Event,
    OptionSummary,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.binance_options import BinanceOptions, BinanceOptionsV1
from feedtape.venues.contract import Request, Venue
from golden import Normal, compared

RECV = 1_790_161_478_000_000_000
MS = 1_790_161_477_974
NS = MS * 1_000_000
NAME = "BTC-261225-100000-C"
TARGET = f"binance-options:{NAME}"
VENUE, FORMER = BinanceOptions(), BinanceOptionsV1()
END = 1_798_185_600_000_000_000
"""2026-12-25 08:00 UTC."""


def combined(stream: str, data: Any) -> bytes:
    return orjson.dumps({"stream": stream, "data": data})


def on(channel: str, data: Any) -> bytes:
    return combined(f"{NAME.lower()}@{channel}", data)


def read(payload: bytes, venue: Venue = VENUE) -> list[Event]:
    return list(venue.decode(payload, RECV))


DEPTH = {"e": "depthUpdate", "E": MS + 8, "T": MS, "s": NAME, "U": 103, "u": 109, "pu": 101}
DEPTH |= {"b": [["1420.0", "0"]], "a": [["1430.0", "2.5"]]}
TRADE = {"e": "trade", "E": MS, "T": MS, "s": NAME, "t": 200, "p": "1420.000", "q": "1.54", "X": "MARKET", "S": "BUY", "m": False}
QUOTE = {"e": "bookTicker", "u": 109, "s": NAME, "b": "5.8", "B": "38.47", "a": "6.4", "A": "96.37", "T": MS, "E": MS}
MODEL = {"s": NAME, "mp": "809.784", "E": MS, "e": "markPrice", "i": "85879.82826087", "P": "0.000", "bo": "800.000"}
MODEL |= {"ao": "810.000", "bq": "5.08", "aq": "1.10", "b": "0.34500957", "a": "0.34908772", "hl": "1455.000", "ll": "165.000"}
MODEL |= {"vo": "0.349", "rf": "0.0558", "d": "0.48723426", "t": "-227.33432684", "g": "0.00018682", "v": "24.52223767"}
SUMMARY = OptionSummary(
    TARGET,
    RECV,
    NS,
    option="call",
    strike="100000",
    expiry=END,
    bid="800.000",
    bid_size="5.08",
    bid_iv="0.34500957",
    ask="810.000",
    ask_size="1.10",
    ask_iv="0.34908772",
    mark="809.784",
    mark_iv="0.349",
    underlying="85879.82826087",
    underlying_name="BTCUSDT",
    delta="0.48723426",
    gamma="0.00018682",
    vega="24.52223767",
    theta="-227.33432684",
)


# -- reading frames


def test_books_chain_and_partial_ones_are_whole() -> None:
    bids, asks = [("1420.0", "0")], [("1430.0", "2.5")]
    assert read(on("depth@100ms", DEPTH)) == [BookDelta(TARGET, RECV, NS, "depth@100ms", bids, asks, 103, 109, 101)]
    assert read(on("depth20@500ms", DEPTH)) == [BookSnapshot(TARGET, RECV, NS, "depth20@500ms", bids, asks, 109)]
    assert read(orjson.dumps(DEPTH)) == [BookDelta(TARGET, RECV, NS, "depth", bids, asks, 103, 109, 101)]
    for channel in ("", "depth@100ms", "depth@500ms"):
        declared = VENUE.integrity(channel)
        assert (declared.sequence, declared.snapshot, declared.proof) == (Chained(), "rest", "sequence")
        assert not declared.unknown_delete_is_loss
    assert VENUE.integrity("depth20@100ms").proof == "unprovable"


def test_a_snapshot_comes_by_request() -> None:
    request = VENUE.snapshot_request(NAME)
    assert (request.path, request.weight) == (f"/eapi/v1/depth?symbol={NAME}&limit=1000", 20)
    body = orjson.dumps({"bids": [["1420.0", "3"]], "asks": [], "T": MS, "lastUpdateId": 105})
    assert VENUE.decode_body(request, body, RECV) == (BookSnapshot(TARGET, RECV, NS, "", [("1420.0", "3")], [], 105),)


@pytest.mark.parametrize(("word", "taker"), [("BUY", "buy"), ("SELL", "sell")])
def test_trades_have_the_takers_side_blocks_too(word: str, taker: Any) -> None:
    for kind in ("MARKET", "BLOCK"):
        data = TRADE | {"S": word, "X": kind}
        for payload in (on("optionTrade", data), orjson.dumps(data), combined("btcusdt@optionTrade", data)):
            assert read(payload) == [Trade(TARGET, RECV, NS, "1420.000", "1.54", taker, "200", None)]


def test_quotes() -> None:
    assert read(on("bookTicker", QUOTE)) == [Quote(TARGET, RECV, NS, "5.8", "38.47", "6.4", "96.37", 109)]
    [empty] = read(on("bookTicker", QUOTE | {"b": "0.0000", "B": "0.00"}))
    assert empty == Quote(TARGET, RECV, NS, None, None, "6.4", "96.37", 109)


def test_the_model_speaks_of_all_options_at_once() -> None:
    put = MODEL | {"s": "BTC-261225-2.05-P", "bo": "0.0000", "bq": "0.00", "ao": "0.0", "aq": "0", "b": "-1.0", "a": "-1.0"}
    first, second = read(combined("btcusdt@optionMarkPrice", [MODEL, put]))
    assert first == SUMMARY
    assert isinstance(second, OptionSummary) and second.target == "binance-options:BTC-261225-2.05-P"
    assert (second.option, second.strike, second.expiry) == ("put", "2.05", END)
    assert (second.bid, second.bid_size, second.bid_iv, second.ask, second.ask_size, second.ask_iv) == (None,) * 6
    assert second.none == ("bid", "bid_size", "bid_iv", "ask", "ask_size", "ask_iv")
    assert read(combined("btcusdt@optionMarkPrice", [])) == []


def test_what_a_bare_frame_says_is_the_same_but_for_the_underlyings_name() -> None:
    [bare] = read(orjson.dumps([MODEL]))
    assert isinstance(bare, OptionSummary) and bare.underlying_name == "" and bare.underlying == SUMMARY.underlying


@pytest.mark.parametrize("name", ["XAU-261225-1-X", "BTC-269999-1-C", "ODD"])
def test_a_name_that_tells_no_terms(name: str) -> None:
    [told] = read(combined("btcusdt@optionMarkPrice", [MODEL | {"s": name}]))
    assert isinstance(told, OptionSummary) and (told.option, told.strike, told.expiry) == (None, None, None)


def test_open_interest_by_either_name() -> None:
    row = {"e": "openInterest", "E": MS, "s": NAME, "o": "1580.87", "h": "1912992.178168204"}
    expected = OptionSummary(TARGET, RECV, NS, open_interest="1580.87")
    for channel in ("openInterest", "optionOpenInterest"):
        assert read(combined(f"btcusdt@{channel}@261225", [row, row])) == [expected, expected]
    assert read(orjson.dumps([row])) == [expected]


def test_tickers_tell_the_last_price_and_indexes_have_no_target() -> None:
    ticker = {"e": "24hrTicker", "E": MS, "s": NAME, "c": "200.0000", "p": "0", "v": "3.50"}
    assert read(on("optionTicker", ticker)) == [OptionSummary(TARGET, RECV, NS, last="200.0000", volume="3.50")]
    assert read(on("optionTicker", ticker | {"c": "0.0"})) == [OptionSummary(TARGET, RECV, NS, volume="3.50")]
    index = [{"e": "indexPrice", "E": MS, "s": "BTCUSDT", "p": "99102.3"}]
    assert read(combined("!index@arr", index)) == [Unread("", RECV, None, "indexPrice")]


def test_answers() -> None:
    assert read(b'{"result":null,"id":7}') == [Acknowledged("", RECV, None, "7")]
    assert read(b'{"code":2,"msg":"no","id":7}') == [Refused("", RECV, None, "7", "2", "no")]


def lacking(data: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != field}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"5",
        on("depth@100ms", DEPTH)[:-1],
        on("depth@100ms", DEPTH | {"s": "BTC-261225-90000-C"}),
        on("depth@100ms", lacking(DEPTH, "u")),
        on("depth@100ms", DEPTH | {"b": [[1, 2]]}),
        on("optionTrade", TRADE | {"s": "BTC-261225-90000-C"}),
        on("optionTrade", TRADE | {"S": "?"}),
        on("optionTrade", TRADE | {"p": "0"}),
        on("optionTrade", lacking(TRADE, "T")),
        on("bookTicker", QUOTE | {"b": 5}),
        combined("btcusdt@optionMarkPrice", MODEL),
        combined("btcusdt@optionMarkPrice", [lacking(MODEL, "d")]),
        combined("btcusdt@optionMarkPrice", [MODEL | {"d": "x"}]),
        combined("btcusdt@optionMarkPrice", [MODEL | {"s": ""}]),
        combined("btcusdt@optionMarkPrice", [MODEL | {"E": 2**63 - 1}]),
        combined("btcusdt@openInterest@261225", [{"s": NAME}]),
        combined(f"{NAME}@trade", TRADE),
        combined("x" * 201 + "@optionTrade", TRADE),
        b'{"stream":"btcusdt@optionMarkPrice","data":' + b"[" * 5000,
    ],
)
def test_malformed_frames(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        BinanceOptions().decode(payload, RECV)


def test_streams_are_read_alike_whether_seen_before_or_not() -> None:
    venue = BinanceOptions()
    payloads = [on("optionTrade", TRADE), combined("btcusdt@optionMarkPrice", [MODEL]), on("depth20@100ms", DEPTH)]
    assert [read(payload, venue) for payload in payloads] == [read(payload, venue) for payload in payloads]


# -- the former API


def test_the_former_api() -> None:
    trade = {"e": "trade", "E": MS, "s": NAME, "t": "15", "p": "2.64", "q": "0.01", "T": MS, "S": "-1"}
    assert read(combined(f"{NAME}@trade", trade), FORMER) == [Trade(TARGET, RECV, NS, "2.64", "0.01", "sell", "15")]
    picture = {"e": "depth", "E": MS + 9, "T": MS, "s": NAME, "u": 7, "pu": 7, "b": [["60", "7.31"]], "a": []}
    [book] = read(combined(f"{NAME}@depth100@100ms", picture), FORMER)
    assert book == BookSnapshot(TARGET, RECV, NS, "depth100@100ms", [("60", "7.31")], [], 7)
    assert FORMER.integrity("depth100@100ms").snapshot == "full"
    row = {"e": "openInterest", "E": MS, "s": NAME, "o": "3.5", "h": "1"}
    assert read(combined("BTC@openInterest@261225", [row]), FORMER) == [OptionSummary(TARGET, RECV, NS, open_interest="3.5")]
    with pytest.raises(BadFrame):
        FORMER.decode(combined("BTC-261225-90000-C@trade", trade), RECV)
    assert BinanceOptions.earlier == (BinanceOptionsV1,) and FORMER.since < VENUE.since


# -- declaring


def test_each_route_has_its_connection_and_chains_share_streams() -> None:
    targets = [Target("binance-options", name) for name in (NAME, "BTC-261225-90000-P", "BTC-270326-1-C", "ETH-261225-1-C")]
    public, market = VENUE.plan(targets, CHANNELS)
    assert (public.path, market.path) == ("/public/stream", "/market/stream")
    assert public.names[:3] == (f"{NAME.lower()}@depth@100ms", f"{NAME.lower()}@optionTrade", f"{NAME.lower()}@bookTicker")
    assert len(public.names) == 16
    assert [name.partition("@")[0] for name in public.names if name.endswith("@optionTicker")] == [
        target.symbol.lower() for target in targets
    ]
    assert market.names == (
        "btcusdt@optionMarkPrice",
        "btcusdt@openInterest@261225",
        "btcusdt@openInterest@270326",
        "ethusdt@optionMarkPrice",
        "ethusdt@openInterest@261225",
    )
    assert {stream.symbol for stream in market.streams} == {""}
    [ask] = VENUE.subscribe(market.names, 3)
    assert orjson.loads(ask.frame) == {"method": "SUBSCRIBE", "params": list(market.names), "id": 3}
    assert VENUE.streams(Target("binance-options", "ODD"), ["options"]) == []


def test_book_streams_have_a_speed() -> None:
    [stream] = VENUE.streams(Target("binance-options", NAME, "depth20@500ms"), ["book"])
    assert stream.name == f"{NAME.lower()}@depth20@500ms"
    for wrong in ("depth", "depth@250ms", "depth50@100ms", "trade"):
        with pytest.raises(UsageError):
            VENUE.streams(Target("binance-options", NAME, wrong), ["book"])


ENTRY = {
    "symbol": NAME,
    "side": "CALL",
    "strikePrice": "100000.000",
    "underlying": "BTCUSDT",
    "unit": 1,
    "expiryDate": END // 1_000_000,
    "quoteAsset": "USDT",
    "status": "TRADING",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "5"},
        {"filterType": "LOT_SIZE", "stepSize": "0.01"},
        {"filterType": "X"},
    ],
}
CONTRACT = {"baseAsset": "BTC", "quoteAsset": "USDT", "underlying": "BTCUSDT", "settleAsset": "USDT"}


def listed(*entries: dict[str, Any]) -> list[Instrument]:
    body = orjson.dumps({"timezone": "UTC", "optionContracts": [CONTRACT], "optionSymbols": entries})
    [request] = VENUE.instruments_requests()
    return VENUE.instruments(request, body).instruments


def test_instruments() -> None:
    assert listed(ENTRY) == [
        Instrument(
            symbol=NAME,
            kind="option",
            base="BTC",
            quote="USDT",
            settle="USDT",
            tick="5",
            lot="0.01",
            multiplier="1",
            expiry=END,
            strike="100000.000",
            option="call",
            status="TRADING",
            trading=True,
        )
    ]
    [strange] = listed(ENTRY | {"side": "PUT", "underlying": "XAUUSDT", "status": "HALT", "filters": []})
    assert (strange.option, strange.base, strange.settle, strange.tick, strange.trading) == ("put", None, None, None, False)
    assert VENUE.clock_request().path == "/eapi/v1/time"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"optionContracts":[],"optionSymbols":[{}]}', b"[" * 9999])
def test_a_list_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(BadFrame):
        VENUE.instruments(Request("/eapi/v1/exchangeInfo"), body)


def test_a_side_that_is_none_of_an_options() -> None:
    with pytest.raises(BadFrame):
        listed(ENTRY | {"side": "BOTH"})


# -- golden messages


def mark_only(_: list[Normal]) -> list[Normal]:
    names = "optionType expirationDate strikePrice bestBidPrice bestBidAmount bestBidIV bestAskPrice bestAskAmount bestAskIV"
    nothing = dict.fromkeys(f"{names} lastPrice openInterest markIV delta gamma vega theta rho underlyingPrice".split())
    said = {"type": "option_summary", "symbol": "XRP-231006-0.44-C", "timestamp": 1_696_118_400_043, "underlyingIndex": ""}
    return [said | nothing | {"markPrice": Decimal("7.949")}]


DIFFERENT: dict[int, tuple[str, Any]] = {
    2: ("`T` is when the book changed, `E` when the message was made", lambda t: [t[0] | {"timestamp": 1_696_118_399_082}]),
    4: ("they read the mark price of the former API from its ticker alone", mark_only),
    5: (
        "they keep the index from a message before, and leave the model's volatility out",
        lambda t: [t[0] | {"underlyingPrice": None, "underlyingIndex": "", "markIV": Decimal("0.42824954")}],
    ),
}


@pytest.mark.frames
def test_golden_messages(frames: Path) -> None:
    pairs = compared(frames / "golden" / "binance-european-options.jsonl", BinanceOptions)
    for index, (theirs, found) in enumerate(pairs):
        why, change = DIFFERENT.get(index, ("", list))
        assert found == change(theirs), f"{index} {why}"
    differing = [index for index, (theirs, found) in enumerate(pairs) if theirs != found]
    assert differing == list(DIFFERENT) and len(pairs) == 11
