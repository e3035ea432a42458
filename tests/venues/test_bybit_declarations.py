"""What Bybit's venues declare: connections, requests, instruments."""

from typing import Any

import orjson
import pytest

from feedtape.book.rules import Contiguous
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.bybit import BybitInverse, BybitLinear, BybitOption, BybitSpot
from feedtape.venues.contract import Ask, Request, Stream, Venue

SPOT, LINEAR, INVERSE, OPTION = BybitSpot(), BybitLinear(), BybitInverse(), BybitOption()
VENUES: tuple[Venue, ...] = (SPOT, LINEAR, INVERSE, OPTION)
PUT = "BTC-27MAR26-70000-P-USDT"

each = pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)


def target(venue: Venue, symbol: str = "BTCUSDT", channel: str = "") -> Target:
    return Target(venue.name, symbol, channel)


def names(venue: Venue, *targets: Target) -> list[str]:
    [plan] = venue.plan(targets, CHANNELS)
    return list(plan.names)


@each
def test_each_market_has_a_socket_of_its_own(venue: Venue) -> None:
    [plan] = venue.plan([target(venue)], CHANNELS)
    words = {"bybit": "spot", "bybit-linear": "linear", "bybit-inverse": "inverse", "bybit-option": "option"}
    assert plan.path == f"/v5/public/{words[venue.name]}" and plan.busy
    assert [stream.channel for stream in plan.streams] == [channel for channel in CHANNELS if channel in venue.channels]


def test_the_topics_of_a_target() -> None:
    spot = ["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT", "orderbook.1.BTCUSDT"]
    assert names(SPOT, target(SPOT)) == spot
    assert names(LINEAR, target(LINEAR)) == [*spot, "tickers.BTCUSDT", "allLiquidation.BTCUSDT"]


def test_trades_of_options_are_asked_for_once_a_coin() -> None:
    one, two = target(OPTION, PUT), target(OPTION, "BTC-6JAN23-17500-C")
    streams = [stream for plan in OPTION.plan([one, two], CHANNELS) for stream in plan.streams]
    assert streams == [
        Stream(f"orderbook.25.{PUT}", "book", PUT),
        Stream("publicTrade.BTC", "trades"),
        Stream(f"tickers.{PUT}", "options", PUT),
        Stream("orderbook.25.BTC-6JAN23-17500-C", "book", two.symbol),
        Stream("tickers.BTC-6JAN23-17500-C", "options", two.symbol),
    ]


@each
def test_a_book_by_its_name(venue: Venue) -> None:
    for book in venue.books:
        assert names(venue, target(venue, channel=book))[0] == f"{book}.BTCUSDT"
    for other in ("orderbook.500", "orderbook.1", "50", "books"):
        with pytest.raises(UsageError) as refusal:
            venue.streams(target(venue, channel=other), ["book"])
        assert refusal.value.hint and f"@{venue.books[0]}" in refusal.value.hint


@each
def test_books_are_proven_by_consecutive_numbers(venue: Venue) -> None:
    for channel in ("", *venue.books):
        declared = venue.integrity(channel)
        assert (declared.sequence, declared.snapshot, declared.proof) == (Contiguous(), "stream", "sequence")
        assert not declared.unknown_delete_is_loss
    assert venue.snapshot_request("BTCUSDT") is None


@each
@pytest.mark.parametrize("count", [1, 300, 1500])
def test_a_connection_stays_below_the_limit_of_characters(venue: Venue, count: int) -> None:
    plans = venue.plan([target(venue, f"COIN{number}-X") for number in range(count)], CHANNELS)
    streams = [name for plan in plans for name in plan.names]
    assert len(streams) == len(set(streams)) == len(venue.channels) * count
    for plan in plans:
        assert len(orjson.dumps(plan.names)) <= 21_000 and len(plan.names) <= 2000


def test_requests_are_small_and_count_on() -> None:
    topics = [f"publicTrade.COIN{number}USDT" for number in range(25)]
    asks = SPOT.subscribe(topics, 7)
    assert [ask.id for ask in asks] == ["7", "8", "9"]
    assert [len(ask.streams) for ask in asks] == [10, 10, 5]
    assert orjson.loads(asks[2].frame) == {"req_id": "9", "op": "subscribe", "args": topics[20:]}
    [given_up] = SPOT.unsubscribe(topics[:1], 3)
    assert given_up == Ask("3", orjson.dumps({"req_id": "3", "op": "unsubscribe", "args": topics[:1]}), (topics[0],))


def test_an_options_answer_names_no_request() -> None:
    assert [(ask.id, len(ask.streams)) for ask in OPTION.subscribe([f"tickers.{number}" for number in range(150)], 1)] == [
        ("", 100),
        ("", 50),
    ]


@each
def test_a_ping_is_json(venue: Venue) -> None:
    assert venue.heartbeat.ping_every_s == 20
    assert orjson.loads(venue.ping(4, 0)) == {"req_id": "ping-4", "op": "ping"}


@each
def test_the_servers_time(venue: Venue) -> None:
    request = venue.clock_request()
    assert request is not None and request.path == "/v5/market/time"
    body = {"retCode": 0, "result": {"timeSecond": "1688639403", "timeNano": "1688639403423213947"}, "time": 1688639403423}
    assert venue.clock(orjson.dumps(body)) == 1_688_639_403_423_213_947
    for bad in (b"", b"{}", b'{"result":{"timeNano":"soon"}}', b'{"result":{}}'):
        with pytest.raises(BadFrame):
            venue.clock(bad)


@each
def test_decoders_of_earlier_days_are_named_by_their_venue(venue: Venue) -> None:
    versions = [type(venue), *venue.earlier]
    assert len({version.decoder for version in versions}) == len(versions)
    assert all(version.decoder.startswith(f"{venue.name}/") and version.name == venue.name for version in versions)
    days = [version.since for version in versions]
    assert days == sorted(days, reverse=True)


def test_a_rest_book_is_of_no_topic() -> None:
    request = Request("/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=50")
    assert LINEAR.decode_body(request, b'{"result":{"s":"BTCUSDT"}}', 1) == ()


# -- instruments


def listed(venue: Venue, *entries: dict[str, Any], cursor: str | None = None) -> list[Instrument]:
    [request] = venue.instruments_requests(["BTC-*"])
    assert venue.lists_instruments(request)
    page = venue.instruments(request, orjson.dumps({"retCode": 0, "result": {"list": entries, "nextPageCursor": cursor}}))
    return page.instruments


ENTRY = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "status": "Trading",
    "priceFilter": {"tickSize": "0.10", "minPrice": "0.10"},
    "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001"},
}


def test_a_spot_symbol() -> None:
    entry = ENTRY | {"lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001"}}
    assert listed(SPOT, entry) == [
        Instrument(
            symbol="BTCUSDT",
            kind="spot",
            base="BTC",
            quote="USDT",
            tick="0.10",
            lot="0.000001",
            status="Trading",
            trading=True,
        )
    ]


def test_linear_contracts() -> None:
    perpetual = ENTRY | {"contractType": "LinearPerpetual", "settleCoin": "USDT", "deliveryTime": "1790323200000"}
    dated = ENTRY | {"symbol": "BTC-25SEP26", "contractType": "LinearFutures", "deliveryTime": "1790323200000"}
    early = perpetual | {"symbol": "NEWUSDT", "status": "PreLaunch", "deliveryTime": "0"}
    found = listed(LINEAR, perpetual, dated, early)
    # A perpetual's delivery time is when it is taken off the list.
    assert [(one.kind, one.expiry, one.settle, one.trading) for one in found] == [
        ("perpetual", None, "USDT", True),
        ("future", 1_790_323_200_000_000_000, None, True),
        ("perpetual", None, "USDT", False),
    ]
    assert [(one.tick, one.lot, one.multiplier) for one in found] == [("0.10", "0.001", None)] * 3


def test_an_inverse_contract_is_one_dollar() -> None:
    [found] = listed(INVERSE, ENTRY | {"symbol": "BTCUSDH27", "contractType": "InverseFutures", "deliveryTime": "1806048000000"})
    assert (found.kind, found.multiplier, found.expiry) == ("future", "1", 1_806_048_000_000_000_000)


def test_an_option() -> None:
    entry = ENTRY | {"symbol": PUT, "optionsType": "Put", "settleCoin": "USDT", "deliveryTime": "1774598400000"}
    [found] = listed(OPTION, entry)
    assert (found.kind, found.strike, found.option, found.expiry) == ("option", "70000", "put", 1_774_598_400_000_000_000)


def test_a_page_names_the_next_one() -> None:
    [first] = LINEAR.instruments_requests()
    assert first.path == "/v5/market/instruments-info?category=linear&limit=1000"
    body: dict[str, Any] = {"result": {"list": [], "nextPageCursor": "first%3DA%26last%3DB"}}
    [second] = LINEAR.instruments(first, orjson.dumps(body)).more
    assert second.path == f"{first.path}&cursor=first%3DA%26last%3DB" and LINEAR.lists_instruments(second)
    body["result"]["nextPageCursor"] = "C&D"
    [third] = LINEAR.instruments(second, orjson.dumps(body)).more
    assert third.path == f"{first.path}&cursor=C%26D"
    for last in ("", None):
        body["result"]["nextPageCursor"] = last
        assert LINEAR.instruments(third, orjson.dumps(body)).more == []
    assert [request.path for request in SPOT.instruments_requests()] == ["/v5/market/instruments-info?category=spot"]


def test_a_refusal_is_in_the_venues_words() -> None:
    body = b'{"retCode":10006,"retMsg":"Too many visits!","result":{}}'
    for venue in VENUES:
        with pytest.raises(BadFrame, match="10006: Too many visits!"):
            venue.clock(body)


def test_options_are_listed_by_coin() -> None:
    [coins] = OPTION.instruments_requests()
    assert coins.path == "/v5/market/option-base-coins" and OPTION.lists_instruments(coins)
    assert OPTION.instruments_requests(["*"]) == OPTION.instruments_requests(["BTC*"]) == [coins]
    some = [{"baseCoin": "BTC", "hasSymbol": 1}, {"baseCoin": "NEW", "hasSymbol": 0}, {"baseCoin": "ETH", "hasSymbol": 1}]
    found = OPTION.instruments(coins, orjson.dumps({"result": {"list": [*some, some[0]]}}))
    assert found.instruments == [] and found.more == OPTION.instruments_requests(["btc-*", "BTC-1JAN27-1-C", "ETH-*"])
    assert [request.path for request in found.more] == [
        f"/v5/market/instruments-info?category=option&limit=1000&baseCoin={coin}" for coin in ("BTC", "ETH")
    ]


@each
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"retCode":10001,"retMsg":"params error","result":{}}',
        b'{"retCode":10006,"retMsg":"Too many visits!","result":{"list":[]}}',
        b'{"result":{"list":5}}',
        b'{"result":{"list":[{}]}}',
        orjson.dumps({"result": {"list": [ENTRY | {"symbol": ""}]}}),
        orjson.dumps({"result": {"list": [ENTRY | {"symbol": 5}]}}),
        orjson.dumps({"result": {"list": [ENTRY | {"priceFilter": {"tickSize": "x"}}]}}),
        b"[" * 99_999,
    ],
)
def test_a_list_that_cannot_be_read_is_a_bad_frame(venue: Venue, body: bytes) -> None:
    for request in (*venue.instruments_requests(), *venue.instruments_requests(["BTC-*"])):
        with pytest.raises(BadFrame):
            venue.instruments(request, body)
