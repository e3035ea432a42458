"""What the Binance venues declare: connections, requests, instruments."""

from typing import Any

import orjson
import pytest

from feedtape.book.rules import Chained, Contiguous
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues import registry
from feedtape.venues.contract import Request, path_of
from venues.binance_frames import COINM, FUTURES, SPOT, SYMBOLS, USDM, VENUES

each = pytest.mark.parametrize("venue", VENUES)


def targets(venue: str, count: int) -> list[Target]:
    return [Target(venue, f"COIN{number}USDT") for number in range(count)]


def test_spot_has_one_kind_of_connection_and_no_marks() -> None:
    [plan] = registry.venue(SPOT).plan([Target(SPOT, "BTCUSDT")], CHANNELS)
    assert plan.path == "/stream" and plan.busy
    assert plan.names == ("btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker")
    assert [(stream.channel, stream.symbol) for stream in plan.streams] == [
        (channel, "BTCUSDT") for channel in ("book", "trades", "quotes")
    ]


def test_usdm_has_a_connection_a_route() -> None:
    public, market = registry.venue(USDM).plan([Target(USDM, "BTCUSDT")], CHANNELS)
    assert (public.path, public.names) == ("/public/stream", ("btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker"))
    assert (market.path, market.names) == ("/market/stream", ("btcusdt@markPrice@1s", "btcusdt@forceOrder"))
    [only] = registry.venue(USDM).plan([Target(USDM, "BTCUSDT")], ["book"])
    assert only.path == "/public/stream"


def test_coinm_has_no_routes() -> None:
    [plan] = registry.venue(COINM).plan([Target(COINM, "BTCUSD_PERP")], CHANNELS)
    assert plan.path == "/stream" and len(plan.streams) == 5 and "btcusd_perp@markPrice@1s" in plan.names


def test_silence_is_suspicious_except_where_liquidations_are_alone() -> None:
    venue = registry.venue(USDM)
    assert [plan.busy for plan in venue.plan(targets(USDM, 1), ["liquidations"])] == [False]
    assert [plan.busy for plan in venue.plan(targets(USDM, 1), ["derivatives", "liquidations"])] == [True]


def test_a_channel_of_the_target_replaces_the_default_one() -> None:
    [plan] = registry.venue(USDM).plan([Target(USDM, "BTCUSDT", "depth@0ms"), Target(USDM, "ETHUSDT")], ["book"])
    assert plan.names == ("btcusdt@depth@0ms", "ethusdt@depth@100ms")
    with pytest.raises(UsageError):
        registry.venue(USDM).plan([Target(USDM, "BTCUSDT", "depht")], ["book"])


@each
@pytest.mark.parametrize("count", [1, 99, 341, 400, 1500])
def test_connections_stay_below_the_limit_and_carry_every_stream_once(venue: str, count: int) -> None:
    declared = registry.venue(venue)
    plans = declared.plan(targets(venue, count), ["book", "trades", "quotes"])
    streams = [stream for plan in plans for stream in plan.names]
    assert len(streams) == len(set(streams)) == 3 * count
    assert max(len(plan.streams) for plan in plans) <= declared.limits.streams
    assert len(plans) == -(-3 * count // declared.limits.streams)
    for plan in plans:
        assert {stream.symbol.lower() for stream in plan.streams} == {name.partition("@")[0] for name in plan.names}


@each
def test_subscriptions_name_each_stream_once_under_ids_of_their_own(venue: str) -> None:
    streams = [f"coin{number}usdt@trade" for number in range(250)]
    asks = registry.venue(venue).subscribe(streams, 7)
    messages = [orjson.loads(ask.frame) for ask in asks]
    assert [(ask.id, list(ask.streams)) for ask in asks] == [(str(one["id"]), one["params"]) for one in messages]
    assert [name for message in messages for name in message["params"]] == streams
    assert [message["id"] for message in messages] == [7, 8, 9]
    assert {message["method"] for message in messages} == {"SUBSCRIBE"}
    assert registry.venue(venue).subscribe([], 7) == []
    [given_up] = registry.venue(venue).unsubscribe(streams[:2], 7)
    assert orjson.loads(given_up.frame) == {"method": "UNSUBSCRIBE", "params": streams[:2], "id": 7}


@each
def test_requests_name_the_symbol_as_the_venue_does_and_their_weight(venue: str) -> None:
    declared = registry.venue(venue)
    request = declared.snapshot_request(SYMBOLS[venue])
    expected = {
        SPOT: ("/api/v3/depth?symbol=BTCUSDT&limit=5000", 250),
        USDM: ("/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 20),
        COINM: ("/dapi/v1/depth?symbol=BTCUSD_PERP&limit=1000", 20),
    }[venue]
    assert request is not None and (request.path, request.weight) == expected
    [listing] = declared.instruments_requests()
    assert listing.path.endswith("/exchangeInfo")
    assert declared.lists_instruments(listing) and not declared.lists_instruments(request)
    assert path_of(f"http://127.0.0.1:8{request.path}") == request.path
    assert declared.canonical_symbol(SYMBOLS[venue].lower()) == SYMBOLS[venue]


def test_open_interest_is_polled_on_futures_where_derivatives_are_wanted() -> None:
    for venue in FUTURES:
        [(request, seconds)] = registry.venue(venue).polls(SYMBOLS[venue], ["book", "derivatives"])
        assert request.path.endswith(f"/v1/openInterest?symbol={SYMBOLS[venue]}") and seconds >= 5
        assert registry.venue(venue).polls(SYMBOLS[venue], ["book"]) == []
    assert registry.venue(SPOT).polls("BTCUSDT", CHANNELS) == []


def test_books_are_proven_by_ids_on_spot_and_by_chains_on_futures() -> None:
    assert registry.venue(SPOT).integrity("depth@100ms").sequence == Contiguous()
    for venue in FUTURES:
        assert registry.venue(venue).integrity("").sequence == Chained()
    for venue in VENUES:
        assert registry.venue(venue).integrity("depth").proof == "sequence"
        assert registry.venue(venue).integrity("depth20@100ms").proof == "unprovable"


# -- instruments

FILTERS = [
    {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.1"},
    {"filterType": "LOT_SIZE", "stepSize": "0.001"},
    {"filterType": "SOMETHING_NEW"},
]
ENTRY = {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "pricePrecision": 8, "filters": FILTERS}


def listed(venue: str, *entries: dict[str, Any]) -> list[Instrument]:
    page = registry.venue(venue).instruments(Request("/"), orjson.dumps({"symbols": entries, "timezone": "UTC"}))
    assert page.more == []
    return page.instruments


def test_a_spot_symbol() -> None:
    assert listed(SPOT, ENTRY | {"status": "TRADING"}) == [
        Instrument(
            symbol="BTCUSDT", kind="spot", base="BTC", quote="USDT", tick="0.10", lot="0.001", status="TRADING", trading=True
        )
    ]


def test_usdm_contracts() -> None:
    perpetual = ENTRY | {"contractType": "PERPETUAL", "deliveryDate": 4_133_404_800_000, "status": "TRADING"}
    dated = ENTRY | {"symbol": "BTCUSDT_260925", "contractType": "CURRENT_QUARTER", "deliveryDate": 1_790_323_200_000}
    stock = ENTRY | {"symbol": "TSLAUSDT", "contractType": "TRADIFI_PERPETUAL", "deliveryDate": 4_133_404_800_000}
    found = listed(USDM, perpetual, dated, stock)
    assert [(one.kind, one.expiry, one.multiplier) for one in found] == [
        ("perpetual", None, None),
        ("future", 1_790_323_200_000_000_000, None),
        ("perpetual", None, None),
    ]


def test_coinm_contracts_are_so_many_dollars() -> None:
    [found] = listed(COINM, ENTRY | {"contractType": "PERPETUAL", "contractStatus": "TRADING", "contractSize": 100})
    assert (found.multiplier, found.status) == ("100", "TRADING")


def test_symbols_need_not_be_ascii_and_filters_may_be_missing() -> None:
    [found] = listed(SPOT, ENTRY | {"symbol": "币安人生USDT", "filters": []})
    assert (found.symbol, found.tick, found.lot) == ("币安人生USDT", None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"symbols":5}',
        b'{"symbols":[5]}',
        b'{"symbols":[{}]}',
        b'{"symbols":[{"symbol":"A","filters":5}]}',
        b"[" * 99_999,
    ],
)
def test_a_list_that_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        registry.venue(SPOT).instruments(Request("/"), body)


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": 5},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": 0.1}]},
        {"baseAsset": ["BTC"]},
        {"deliveryDate": 99_999_999_999_999, "contractType": "X"},
    ],
)
def test_facts_of_a_wrong_type_are_a_bad_frame(fields: dict[str, Any]) -> None:
    with pytest.raises(BadFrame):
        listed(SPOT, ENTRY | fields)


# -- the registry


def test_the_registry_knows_the_family_and_hints_at_near_names() -> None:
    assert set(VENUES) <= set(registry.names()) and list(registry.names()) == sorted(registry.names())
    assert registry.venue(SPOT) is registry.venue(SPOT)
    with pytest.raises(UsageError) as refusal:
        registry.venue("binance-usd")
    assert refusal.value.hint and "binance-usdm" in refusal.value.hint
    with pytest.raises(UsageError):
        registry.venue("nowhere")
