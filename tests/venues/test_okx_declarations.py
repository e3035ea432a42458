"""What OKX declares: connections, requests, instruments."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Request
from feedtape.venues.okx import Okx, Okx3, Okx2021

OKX = Okx()
CALL = "BTC-USD_UM-261225-60000-C"


def names(symbol: str, *channels: str, book: str = "") -> list[str]:
    return [stream.name for stream in OKX.streams(Target("okx", symbol, book), channels or CHANNELS)]


def test_each_kind_of_instrument_has_its_streams() -> None:
    symbol = "BTC-USDT"
    assert names(symbol) == [f"{channel}:{symbol}" for channel in ("books", "trades", "bbo-tbt")]
    symbol = "BTC-USDT-SWAP"
    own = ("books", "trades", "bbo-tbt", "mark-price", "open-interest", "tickers", "funding-rate")
    assert names(symbol) == [f"{channel}:{symbol}" for channel in own] + ["index-tickers:BTC-USDT", "liquidation-orders:SWAP"]
    symbol = "BTC-USD_UM-261225"
    facts = [f"{channel}:{symbol}" for channel in ("mark-price", "open-interest", "tickers")]
    assert names(symbol, "derivatives", "liquidations", "options") == [
        *facts,
        "index-tickers:BTC-USD",
        "liquidation-orders:FUTURES",
    ]
    assert f"funding-rate:{symbol}" not in names(symbol)
    assert "funding-rate:BTC-USD_UM_XPERP-310404" in names("BTC-USD_UM_XPERP-310404", "derivatives")
    assert names(CALL) == [
        *(f"{channel}:{CALL}" for channel in ("books", "trades", "bbo-tbt")),
        "liquidation-orders:OPTION",
        *(f"{channel}:{CALL}" for channel in ("mark-price", "open-interest", "tickers")),
        "opt-summary:BTC-USD_UM",
    ]


def test_streams_of_many_are_nobodys_and_are_asked_for_once() -> None:
    [plan] = OKX.plan([Target("okx", symbol) for symbol in ("BTC-USDT-SWAP", "BTC-USDT-261225", "ETH-USDT-SWAP")], CHANNELS)
    assert plan.path == "/ws/v5/public" and plan.busy and len(set(plan.names)) == len(plan.names)
    assert {stream.name for stream in plan.streams if not stream.symbol} == {
        "index-tickers:BTC-USDT",
        "index-tickers:ETH-USDT",
        "liquidation-orders:SWAP",
        "liquidation-orders:FUTURES",
    }
    assert not OKX.plan([Target("okx", "BTC-USDT-SWAP")], ["liquidations"])[0].busy


@pytest.mark.parametrize("book", OKX.books)
def test_a_book_stream_can_be_asked_for_by_name(book: str) -> None:
    assert names("BTC-USDT", "book", book=book) == [f"{book}:BTC-USDT"]
    with pytest.raises(UsageError):
        names("BTC-USDT", "book", book="books1")


def test_connections_carry_fewer_than_thirty_books_and_every_stream_once() -> None:
    plans = OKX.plan([Target("okx", f"C{number}-USDT-SWAP") for number in range(100)], CHANNELS)
    carried = [name for plan in plans for name in plan.names]
    assert len(carried) == len(set(carried)) == 100 * 8 + 1
    assert max(sum(stream.channel == "book" for stream in plan.streams) for plan in plans) == 29
    assert max(len(plan.streams) for plan in plans) <= OKX.limits.streams and len(plans) == 4


def test_a_request_names_many_streams() -> None:
    wanted = ["books:BTC-USDT", "liquidation-orders:SWAP", "opt-summary:BTC-USD", "index-tickers:BTC-USDT"]
    args = [
        {"channel": "books", "instId": "BTC-USDT"},
        {"channel": "liquidation-orders", "instType": "SWAP"},
        {"channel": "opt-summary", "instFamily": "BTC-USD"},
        {"channel": "index-tickers", "instId": "BTC-USDT"},
    ]
    for ask, verb in ((OKX.subscribe, "subscribe"), (OKX.unsubscribe, "unsubscribe")):
        [only] = ask(wanted, 7)
        assert (only.id, only.streams) == ("7", tuple(wanted))
        assert orjson.loads(only.frame) == {"id": "7", "op": verb, "args": args}
    many = OKX.subscribe([f"books:{'X' * 190}{number:03}" for number in range(250)], 1)
    assert [ask.id for ask in many] == ["1", "2", "3"] and max(len(ask.frame) for ask in many) < 65_536
    assert OKX.subscribe([], 1) == []


def test_who_hears_nothing_for_half_a_minute_is_cut_off() -> None:
    assert OKX.heartbeat.ping_every_s is not None and OKX.heartbeat.ping_every_s < 30 < OKX.heartbeat.silence_s
    assert OKX.ping(1, 0) == b"ping"
    assert OKX.canonical_symbol("btc-usdt-swap") == "BTC-USDT-SWAP"


ALL = [
    "/api/v5/public/instruments?instType=SPOT",
    "/api/v5/public/instruments?instType=SWAP",
    "/api/v5/public/instruments?instType=FUTURES",
    "/api/v5/public/underlying?instType=OPTION",
]
OPTIONS = "/api/v5/public/instruments?instType=OPTION"


@pytest.mark.parametrize(
    ("symbols", "paths"),
    [
        ((), ALL),
        (("BTC-*",), ALL),
        (("BTC-USDT", "BTC/USDT:USDT"), ALL),
        (("btc-usdt", "ETH-USDT"), ALL[:1]),
        (("BTC-USDT-SWAP", "BTC-USD-261225", "BTC-USDT"), ALL[:3]),
        ((CALL, "ETH-USD-261225-2000-P", CALL), [f"{OPTIONS}&instFamily=BTC-USD_UM", f"{OPTIONS}&instFamily=ETH-USD"]),
    ],
)
def test_only_the_kinds_that_matter_are_listed(symbols: tuple[str, ...], paths: list[str]) -> None:
    requests = OKX.instruments_requests(symbols)
    assert [request.path for request in requests] == paths
    assert all(OKX.lists_instruments(request) for request in requests)
    assert not OKX.lists_instruments(Request("/api/v5/market/books?instId=BTC-USDT"))


def body(*rows: Any, code: str = "0") -> bytes:
    return orjson.dumps({"code": code, "msg": "", "data": rows})


ROW = dict.fromkeys(
    ("uly", "instFamily", "baseCcy", "quoteCcy", "settleCcy", "ctVal", "ctMult", "expTime", "stk", "optType"), ""
) | {"tickSz": "0.1", "lotSz": "1", "state": "live"}


def listed(**fields: str) -> Instrument:
    page = OKX.instruments(Request(OPTIONS), body(ROW | fields))
    assert page.more == []
    [instrument] = page.instruments
    return instrument


def test_instruments_of_each_kind() -> None:
    assert listed(instType="SPOT", instId="BTC-USDT", baseCcy="BTC", quoteCcy="USDT", lotSz="0.00000001") == Instrument(
        symbol="BTC-USDT", kind="spot", base="BTC", quote="USDT", tick="0.1", lot="0.00000001", status="live", trading=True
    )
    swap = {"instType": "SWAP", "instId": "BTC-USD-SWAP", "uly": "BTC-USD", "settleCcy": "BTC", "ctVal": "100", "ctMult": "1"}
    perpetual = listed(**swap, expTime="1798185600000")
    assert (perpetual.kind, perpetual.base, perpetual.quote, perpetual.settle) == ("perpetual", "BTC", "USD", "BTC")
    assert (perpetual.multiplier, perpetual.expiry) == ("100", None)
    dated = listed(**swap | {"instType": "FUTURES", "instId": "BTC-USD-261225"}, expTime="1798185600000", state="suspend")
    assert (dated.kind, dated.expiry) == ("future", 1_798_185_600_000_000_000)
    assert (dated.status, dated.trading) == ("suspend", False)
    option = swap | {"instType": "OPTION", "instId": CALL, "ctVal": "0.1", "ctMult": "0.01", "stk": "60000", "optType": "P"}
    put = listed(**option, expTime="1798185600000")
    assert (put.kind, put.option, put.strike, put.multiplier) == ("option", "put", "60000", "0.001")
    exact = listed(**swap | {"ctVal": "0.123456789012345678", "ctMult": "0.123456789012345678"})
    assert exact.multiplier == "0.015241578753238836527968299765279684"


def test_what_is_only_announced_is_left_out() -> None:
    page = OKX.instruments(Request(ALL[0]), body(ROW | {"instType": "SPOT", "instId": "", "state": "preopen", "tickSz": ""}))
    assert page.instruments == [] and page.more == []


def test_options_are_asked_for_by_underlying() -> None:
    page = OKX.instruments(Request(ALL[3]), body(["BTC-USD", "ETH-USD", "BTC-USD"]))
    assert page.instruments == []
    assert [one.path for one in page.more] == [f"{OPTIONS}&uly=BTC-USD", f"{OPTIONS}&uly=ETH-USD"]
    assert all(OKX.lists_instruments(one) for one in page.more)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"code":"0"}',
        body(ROW, code="50011"),
        body({"instId": "BTC-USDT"}),
        body(ROW | {"instType": "SPOT", "instId": "X", "tickSz": "fine"}),
        body(ROW | {"instType": "SWAP", "instId": "X", "ctVal": "much"}),
        body(ROW | {"instType": "OPTION", "instId": "X", "expTime": "never"}),
        body(ROW | {"instType": "SPOT", "instId": "X" * 201}),
    ],
)
def test_a_list_that_cannot_be_read(bad: bytes) -> None:
    with pytest.raises(BadFrame):
        OKX.instruments(Request(ALL[0]), bad)


def test_the_venues_time() -> None:
    assert OKX.clock_request().path == "/api/v5/public/time"
    assert OKX.clock(body({"ts": "1597026383085"})) == 1_597_026_383_085_000_000
    for bad in (body(), body({"ts": ""}), body({"ts": "1"}, code="50013")):
        with pytest.raises(BadFrame):
            OKX.clock(bad)


def test_earlier_decoders_have_names_of_their_own() -> None:
    assert [OKX.decoder, *(version.decoder for version in OKX.earlier)] == ["okx/5", "okx/5-2021", "okx/3"]
    assert Okx.earlier == (Okx2021, Okx3) and not Okx.closed
