"""What Deribit declares: connections, requests, instruments."""

from typing import Any

import orjson
import pytest

from feedtape.book.rules import Chained
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import unified
from feedtape.model.targets import Target
from feedtape.venues.contract import Request
from venues.deribit_frames import COMBO, OPTION, PERPETUAL, VENUE


def names(symbol: str, *channels: str, book: str = "") -> list[str]:
    return [stream.name for stream in VENUE.streams(Target("deribit", symbol, book), channels or CHANNELS)]


def test_each_kind_of_instrument_has_its_channels() -> None:
    common = [f"book.{PERPETUAL}.100ms", f"trades.{PERPETUAL}.100ms", f"quote.{PERPETUAL}"]
    assert names(PERPETUAL) == [*common, f"ticker.{PERPETUAL}.100ms", f"trades.{PERPETUAL}.100ms"]
    assert names(OPTION, "derivatives", "options") == [f"ticker.{OPTION}.100ms"]
    assert names(COMBO, "derivatives", "options") == [f"ticker.{COMBO}.100ms"]
    assert names("BTC_USDC", "quotes", "derivatives", "options") == ["quote.BTC_USDC"]
    assert names("BTC-31FEB26-1-C", "options") == ["ticker.BTC-31FEB26-1-C.100ms"]


def test_one_connection_carries_everything_and_nothing_twice() -> None:
    targets = [Target("deribit", symbol) for symbol in (PERPETUAL, OPTION, COMBO, "BTC_USDC")]
    [plan] = VENUE.plan(targets, CHANNELS)
    assert plan.path == "/ws/api/v2" and plan.busy and len(plan.names) == len(set(plan.names)) == 15
    [quiet] = VENUE.plan(targets[:1], ["liquidations"])
    assert quiet.names == (f"trades.{PERPETUAL}.100ms",) and not quiet.busy


@pytest.mark.parametrize("book", ["100ms", "agg2", "raw", "none.20.100ms", "none.1.agg2", "250.10.100ms"])
def test_books_go_by_the_venues_names(book: str) -> None:
    assert names(PERPETUAL, "book", book=book) == [f"book.{PERPETUAL}.{book}"]


@pytest.mark.parametrize("book", ["50ms", "none.50.100ms", "none.20.raw", "0.10.100ms", "none.20", "depth20"])
def test_a_book_that_there_is_not_is_refused_with_one_that_there_is(book: str) -> None:
    with pytest.raises(UsageError) as refusal:
        names(PERPETUAL, "book", book=book)
    assert refusal.value.hint is not None and f"deribit:{PERPETUAL}@100ms" in refusal.value.hint


def test_incremental_books_are_proven_by_their_chain() -> None:
    for channel in ("", "100ms", "agg2", "raw"):
        declared = VENUE.integrity(channel)
        assert (declared.sequence, declared.snapshot, declared.proof) == (Chained(), "stream", "sequence")
        assert declared.resync == "resubscribe" and not declared.unknown_delete_is_loss and not declared.merges
    assert VENUE.integrity("none.20.100ms").proof == "unprovable"
    assert VENUE.snapshot_request(PERPETUAL) is None


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_requests_name_each_channel_once_within_the_limits(method: str) -> None:
    streams = [f"trades.COIN{number}_USDC-PERPETUAL.100ms" for number in range(600)]
    asks = getattr(VENUE, method)(streams, 7)
    frames = [orjson.loads(ask.frame) for ask in asks]
    assert [name for frame in frames for name in frame["params"]["channels"]] == streams
    assert [str(frame["id"]) for frame in frames] == [ask.id for ask in asks] == ["7", "8", "9"]
    assert {frame["method"] for frame in frames} == {f"public/{method}"}
    assert max(len(ask.frame) for ask in asks) < 20_000
    assert all(list(ask.streams) == frame["params"]["channels"] for ask, frame in zip(asks, frames, strict=True))
    assert getattr(VENUE, method)([], 7) == []


def test_heartbeats_are_asked_for_first_under_an_id_of_their_own() -> None:
    [frame] = [orjson.loads(text) for text in VENUE.opening()]
    assert (frame["method"], frame["params"], frame["id"]) == ("public/set_heartbeat", {"interval": 30}, 0)
    assert VENUE.heartbeat.silence_s > 60


@pytest.mark.parametrize(
    ("given", "symbol"),
    [
        ("btc-perpetual", PERPETUAL),
        ("doge_usdc-4oct24-0d048-c", "DOGE_USDC-4OCT24-0d048-C"),
        ("DOGE_USDC-4OCT24-0D048-C", "DOGE_USDC-4OCT24-0d048-C"),
        ("btc-5dec26-90000-p", "BTC-5DEC26-90000-P"),
        ("btc-fs-25dec26_perp", COMBO),
    ],
)
def test_symbols_are_in_capitals_but_for_a_decimal_point(given: str, symbol: str) -> None:
    assert VENUE.canonical_symbol(given) == symbol


def test_the_clock() -> None:
    assert VENUE.clock_request() == Request("/api/v2/public/get_time")
    assert VENUE.clock(b'{"jsonrpc":"2.0","id":1,"result":1733338800000}') == 1_733_338_800_000_000_000
    for body in (b"", b"{}", b'{"result":"now"}', b'{"error":{"code":11051,"message":"system_maintenance"}}'):
        with pytest.raises(BadFrame):
            VENUE.clock(body)


# -- instruments

LIST = VENUE.instruments_requests()[0]
COMMON = {"base_currency": "BTC", "quote_currency": "USD", "is_active": True, "state": "open"}
FUTURE = COMMON | {
    "kind": "future",
    "instrument_name": "BTC-25DEC26",
    "settlement_period": "month",
    "settlement_currency": "BTC",
    "tick_size": 2.5,
    "tick_size_steps": [{"above_price": 5, "tick_size": 5}],
    "contract_size": 10,
    "min_trade_amount": 10,
    "expiration_timestamp": 1_798_185_600_000,
}


def listed(**fields: Any) -> Instrument:
    body = orjson.dumps({"jsonrpc": "2.0", "result": [FUTURE | fields]})
    page = VENUE.instruments(LIST, body)
    assert page.more == []
    return page.instruments[0]


def test_the_list_is_asked_for_once_and_recognised() -> None:
    assert LIST.path == "/api/v2/public/get_instruments?currency=any&expired=false"
    assert VENUE.lists_instruments(Request("/api/v2/public/get_instruments?currency=BTC&expired=false"))


def test_futures_and_perpetuals() -> None:
    common: dict[str, Any] = {
        "base": "BTC",
        "quote": "USD",
        "settle": "BTC",
        "tick": "2.5",
        "lot": "10",
        "status": "open",
        "trading": True,
    }
    assert listed() == Instrument(symbol="BTC-25DEC26", kind="future", expiry=1_798_185_600_000_000_000, **common)
    endless: dict[str, Any] = {
        "instrument_name": PERPETUAL,
        "settlement_period": "perpetual",
        "expiration_timestamp": 32_503_708_800_000,
    }
    assert listed(**endless) == Instrument(symbol=PERPETUAL, kind="perpetual", **common)


def test_a_combo_keeps_its_kind_and_may_have_no_end() -> None:
    found = listed(kind="future_combo", instrument_name=COMBO, expiration_timestamp=None)
    assert (found.kind, found.expiry) == ("future_combo", None)


def test_an_option() -> None:
    facts: dict[str, Any] = {"kind": "option", "instrument_name": OPTION, "strike": 100000.0, "option_type": "call"}
    found = listed(**facts, quote_currency="BTC", counter_currency="USD")
    assert (found.kind, found.strike, found.option, found.quote) == ("option", "100000.0", "call", "USD")
    assert found.expiry == 1_798_185_600_000_000_000 and unified(found) == "BTC/USD:BTC-261225-100000-C"
    # A list of 2021 does not name the currency that the coin is counted in.
    assert listed(**facts, quote_currency="BTC").quote == "BTC"


def test_spot_has_no_end_and_no_settlement() -> None:
    found = listed(kind="spot", instrument_name="BTC_USDC", settlement_currency=None, expiration_timestamp=32_503_708_800_000)
    assert (found.kind, found.expiry, found.settle) == ("spot", None, None)


@pytest.mark.parametrize(
    ("fields", "status", "trading"),
    [
        ({"state": "halted"}, "halted", False),
        ({"is_active": False}, "open", False),
        ({"state": None}, None, True),
        ({"is_active": None}, "open", None),
    ],
)
def test_what_is_traded_now(fields: dict[str, Any], status: str | None, trading: bool | None) -> None:
    found = listed(**fields)
    assert (found.status, found.trading) == (status, trading)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"result":5}', b'{"result":{}}', b'{"result":[5]}', b'{"result":[{}]}', b"[" * 99_999],
)
def test_a_list_that_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        VENUE.instruments(LIST, body)


@pytest.mark.parametrize(
    "fields",
    [
        {"instrument_name": 5},
        {"kind": None},
        {"tick_size": None},
        {"base_currency": []},
        {"expiration_timestamp": 32_503_708_800_001},
    ],
)
def test_facts_of_a_wrong_type_are_a_bad_frame(fields: dict[str, Any]) -> None:
    with pytest.raises(BadFrame):
        listed(**fields)
