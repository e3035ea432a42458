"""What Kraken's venues declare: connections, requests, proofs, instruments."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.book.rules import Contiguous, DigitsCrc
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Request, Venue
from feedtape.venues.kraken import Kraken
from feedtape.venues.kraken_futures import KrakenFutures
from feedtape.venues.kraken_v1 import KrakenV1

SPOT, FUTURES = Kraken(), KrakenFutures()


def asked(venue: Venue, method: str, *streams: str) -> list[Any]:
    return [orjson.loads(ask.frame) for ask in getattr(venue, method)(streams, 7)]


def of(*symbols: str, channel: str = "") -> list[Target]:
    return [Target("kraken", symbol, channel) for symbol in symbols]


# -- spot


def test_one_connection_carries_everything() -> None:
    [plan] = SPOT.plan(of("BTC/USD"), CHANNELS)
    assert (plan.path, plan.names) == ("/v2", ("book-100:BTC/USD", "trade:BTC/USD", "ticker:BTC/USD"))
    [plan] = SPOT.plan(of("BTC/USD", channel="book-10"), ["book"])
    assert plan.names == ("book-10:BTC/USD",)
    with pytest.raises(UsageError):
        SPOT.plan(of("BTC/USD", channel="book-11"), ["book"])


def test_a_connection_has_one_depth_of_a_symbol() -> None:
    targets = [*of("BTC/USD", "ETH/USD"), *of("BTC/USD", channel="book-10"), *of("BTC/USD", channel="book-1000")]
    plans = SPOT.plan(targets, ["book", "trades"])
    assert [plan.names for plan in plans] == [
        ("book-100:BTC/USD", "trade:BTC/USD", "book-100:ETH/USD", "trade:ETH/USD"),
        ("book-10:BTC/USD",),
        ("book-1000:BTC/USD",),
    ]


@pytest.mark.parametrize("count", [1, 166, 167, 400])
def test_connections_stay_below_the_limit_and_carry_every_stream_once(count: int) -> None:
    plans = SPOT.plan(of(*(f"C{number}/USD" for number in range(count))), CHANNELS)
    names = [name for plan in plans for name in plan.names]
    assert len(names) == len(set(names)) == 3 * count
    assert max(len(plan.streams) for plan in plans) <= SPOT.limits.streams


def test_subscriptions_are_of_a_channel_and_a_depth_each() -> None:
    streams = ("book-100:BTC/USD", "trade:BTC/USD", "ticker:BTC/USD", "book-10:ETH/USD", "book-100:BTC/USD:BTNL")
    assert asked(SPOT, "subscribe", *streams) == [
        {
            "method": "subscribe",
            "params": {"channel": "book", "symbol": ["BTC/USD", "BTC/USD:BTNL"], "depth": 100, "snapshot": True},
            "req_id": 7,
        },
        {"method": "subscribe", "params": {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False}, "req_id": 8},
        {
            "method": "subscribe",
            "params": {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo", "snapshot": True},
            "req_id": 9,
        },
        {
            "method": "subscribe",
            "params": {"channel": "book", "symbol": ["ETH/USD"], "depth": 10, "snapshot": True},
            "req_id": 10,
        },
    ]
    asks = SPOT.subscribe(streams, 7)
    assert [ask.id for ask in asks] == ["7", "8", "9", "10"]
    assert sorted(stream for ask in asks for stream in ask.streams) == sorted(streams)


def test_giving_up_names_depth_and_trigger_too() -> None:
    assert asked(SPOT, "unsubscribe", "book-25:BTC/USD", "ticker:BTC/USD") == [
        {"method": "unsubscribe", "params": {"channel": "book", "symbol": ["BTC/USD"], "depth": 25}, "req_id": 7},
        {
            "method": "unsubscribe",
            "params": {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo"},
            "req_id": 8,
        },
    ]


def test_many_symbols_are_asked_for_in_several_messages() -> None:
    streams = tuple(f"trade:C{number}/USD" for number in range(250))
    asks = SPOT.subscribe(streams, 1)
    assert [len(ask.streams) for ask in asks] == [100, 100, 50]
    assert [ask.id for ask in asks] == ["1", "2", "3"]
    assert SPOT.subscribe((), 1) == []


@pytest.mark.parametrize(("channel", "depth"), [("", 100), ("book-10", 10), ("book-1000", 1000), ("book", None)])
def test_ten_levels_are_proven_and_the_depth_is_cut_off(channel: str, depth: int | None) -> None:
    for venue in (SPOT, KrakenV1()):
        integrity = venue.integrity(channel)
        assert isinstance(integrity.checksum, DigitsCrc) and integrity.checksum.covers == 10
        assert (integrity.snapshot, integrity.depth) == ("stream", depth)
        assert integrity.proof == "checksum" and not integrity.unknown_delete_is_loss and integrity.sequence is None


def test_the_guides_own_checksum() -> None:
    asks = (
        "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 "
        "45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
    )
    bids = (
        "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 "
        "45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
    )
    checksum = SPOT.integrity("book-10").checksum
    assert checksum is not None
    found = [[(price, size) for price, _, size in (row.partition("/") for row in rows.split())] for rows in (bids, asks)]
    assert checksum.of(*found) == 3310070434


PAIR: dict[str, Any] = {
    "altname": "XBTUSDT",
    "wsname": "XBT/USDT",
    "aclass_base": "currency",
    "base": "XXBT",
    "quote": "USDT",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "tick_size": "0.1",
    "status": "online",
}


def listed(venue: Venue, *pairs: dict[str, Any]) -> list[Instrument]:
    [request, *_] = venue.instruments_requests()
    body = orjson.dumps({"error": [], "result": {str(number): pair for number, pair in enumerate(pairs)}})
    page = venue.instruments(request, body)
    assert page.more == []
    return page.instruments


def test_a_pair_has_the_streams_name() -> None:
    found = Instrument(
        symbol="BTC/USDT", kind="spot", base="BTC", quote="USDT", tick="0.1", lot="0.00000001", status="online", trading=True
    )
    assert listed(SPOT, PAIR) == [found]
    names = ["XDG/USD", "ETH/XBT", "AAPLx/USD", "XTZ/USD", "BTC/USD:BTNL"]
    assert [one.symbol for one in listed(SPOT, *(PAIR | {"wsname": name} for name in names))] == [
        "DOGE/USD",
        "ETH/BTC",
        "AAPLx/USD",
        "XTZ/USD",
        "BTC/USD:BTNL",
    ]
    assert [one.symbol for one in listed(KrakenV1(), PAIR)] == ["XBT/USDT"]


def test_an_old_list_tells_less() -> None:
    old = {name: value for name, value in PAIR.items() if name not in ("tick_size", "status")}
    dark = old | {"altname": "XBTUSD.d"}
    del dark["wsname"]
    [found] = listed(KrakenV1(), old | {"pair_decimals": 0}, dark)
    assert (found.tick, found.lot, found.status, found.trading) == ("1", "0.00000001", None, None)


@pytest.mark.parametrize(("status", "trading"), [("online", True), ("reduce_only", True), ("cancel_only", False), ("x", False)])
def test_a_status_tells_whether_there_is_trading(status: str, trading: bool) -> None:
    [found] = listed(SPOT, PAIR | {"status": status})
    assert (found.status, found.trading) == (status, trading)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"error":["EGeneral:Too many requests"]}',
        b'{"error":[],"result":[]}',
        b'{"error":[],"result":{"a":{"wsname":"A/B"}}}',
    ],
)
def test_a_list_that_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        SPOT.instruments(SPOT.instruments_requests()[0], body)


def test_tokenized_stocks_are_listed_where_one_may_be_meant() -> None:
    pairs, stocks = Request("/0/public/AssetPairs"), Request("/0/public/AssetPairs?aclass_base=tokenized_asset")
    assert SPOT.instruments_requests() == SPOT.instruments_requests(["AAPLx/USD"]) == [pairs, stocks]
    assert SPOT.instruments_requests(["*/USD"]) == [pairs, stocks]
    assert SPOT.instruments_requests(["BTC/USD", "ETH/USD"]) == [pairs]
    assert SPOT.lists_instruments(pairs) and SPOT.lists_instruments(stocks)


def test_times_and_names() -> None:
    assert SPOT.clock_request() == Request("/0/public/Time")
    assert SPOT.clock(b'{"error":[],"result":{"unixtime":1762820224,"rfc1123":"x"}}') == 1_762_820_224_000_000_000
    with pytest.raises(BadFrame):
        SPOT.clock(b'{"error":["EGeneral:Internal error"]}')
    assert [SPOT.canonical_symbol(symbol) for symbol in ("btc/usd", "AAPLx/USD", "BTC/USD")] == [
        "BTC/USD",
        "AAPLx/USD",
        "BTC/USD",
    ]
    assert SPOT.snapshot_request("BTC/USD") is None and SPOT.decode_body(Request("/0/public/Depth"), b"{}", 0) == ()
    assert [version.decoder for version in SPOT.earlier] == ["kraken/1"]


# -- futures


def test_the_ticker_and_the_trades_bring_two_channels_each() -> None:
    target = Target("kraken-futures", "PF_XBTUSD")
    [plan] = FUTURES.plan([target], CHANNELS)
    assert (plan.path, plan.names) == ("/ws/v1", ("book:PF_XBTUSD", "trade:PF_XBTUSD", "ticker:PF_XBTUSD"))
    [plan] = FUTURES.plan([target], ["derivatives", "quotes"])
    assert plan.names == ("ticker:PF_XBTUSD",) and plan.busy
    [plan] = FUTURES.plan([target], ["liquidations"])
    assert plan.names == ("trade:PF_XBTUSD",) and not plan.busy
    [plan] = FUTURES.plan([target._replace(channel="book")], ["book"])
    assert plan.names == ("book:PF_XBTUSD",)
    with pytest.raises(UsageError):
        FUTURES.plan([target._replace(channel="book-10")], ["book"])


def test_products_are_asked_for_feed_by_feed() -> None:
    streams = ("book:PF_XBTUSD", "trade:PF_XBTUSD", "book:PI_ETHUSD")
    for event in ("subscribe", "unsubscribe"):
        assert asked(FUTURES, event, *streams) == [
            {"event": event, "feed": "book", "product_ids": ["PF_XBTUSD", "PI_ETHUSD"]},
            {"event": event, "feed": "trade", "product_ids": ["PF_XBTUSD"]},
        ]
    asks = FUTURES.subscribe(streams, 7)
    assert [(ask.id, ask.streams) for ask in asks] == [("", ("book:PF_XBTUSD", "book:PI_ETHUSD")), ("", ("trade:PF_XBTUSD",))]
    assert [orjson.loads(text) for text in FUTURES.opening()] == [{"event": "subscribe", "feed": "heartbeat"}]
    assert FUTURES.ping(1, 0) == b"" and FUTURES.heartbeat.ping_every_s == 25


def test_updates_are_counted_from_the_snapshot_on() -> None:
    integrity = FUTURES.integrity("book")
    assert (integrity.sequence, integrity.snapshot, integrity.depth) == (Contiguous(), "stream", None)
    assert integrity.proof == "sequence" and not integrity.unknown_delete_is_loss


CONTRACT: dict[str, Any] = {
    "symbol": "PF_ETHUSD",
    "type": "flexible_futures",
    "tickSize": 0.1,
    "contractSize": 1,
    "tradeable": True,
    "contractValueTradePrecision": 3,
    "base": "ETH",
    "quote": "USD",
    "pair": "ETH:USD",
}


def contracts(*entries: dict[str, Any]) -> list[Instrument]:
    [request] = FUTURES.instruments_requests()
    return FUTURES.instruments(request, orjson.dumps({"result": "success", "instruments": entries})).instruments


def test_linear_and_inverse_contracts() -> None:
    inverse = CONTRACT | {"symbol": "PI_XBTUSD", "type": "futures_inverse", "base": "BTC", "contractValueTradePrecision": 0}
    linear = Instrument(
        symbol="PF_ETHUSD",
        kind="perpetual",
        base="ETH",
        quote="USD",
        settle="USD",
        tick="0.1",
        lot="0.001",
        multiplier="1",
        trading=True,
    )
    [first, second] = contracts(CONTRACT, inverse)
    assert first == linear
    assert (second.kind, second.settle, second.lot) == ("perpetual", "BTC", "1")


def test_sizes_may_be_thousands_and_ticks_tiny() -> None:
    [found] = contracts(CONTRACT | {"symbol": "PF_PEPEUSD", "tickSize": 1e-10, "contractValueTradePrecision": -3})
    assert (found.tick, found.lot) == ("0.0000000001", "1000")


def test_a_list_of_2021_writes_names_small_and_tells_less() -> None:
    dated = {
        "symbol": "fi_xbtusd_210924",
        "type": "futures_inverse",
        "lastTradingTime": "2021-09-24T15:00:00.000Z",
        "tickSize": 0.5,
        "contractSize": 1,
        "tradeable": False,
    }
    index = {"symbol": "in_xbtusd", "type": "spot index", "tradeable": False}
    [future, spot] = contracts(dated, index)
    assert future == Instrument(
        symbol="FI_XBTUSD_210924", kind="future", tick="0.5", multiplier="1", expiry=1_632_495_600_000_000_000, trading=False
    )
    assert spot == Instrument(symbol="IN_XBTUSD", kind="spot index", trading=False)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"result":"error","error":"apiLimitExceeded"}', b'{"result":"success","instruments":[{"symbol":"A"}]}'],
)
def test_a_list_of_contracts_that_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        FUTURES.instruments(FUTURES.instruments_requests()[0], body)


def test_a_contract_must_tell_whether_it_is_traded() -> None:
    with pytest.raises(BadFrame):
        contracts(CONTRACT | {"tradeable": "yes"})


def test_names_of_contracts() -> None:
    names = ("pf_xbtusd", "PF_AAPLxUSD", "fi_xbtusd_210924")
    assert [FUTURES.canonical_symbol(name) for name in names] == ["PF_XBTUSD", "PF_AAPLxUSD", "FI_XBTUSD_210924"]
    assert FUTURES.snapshot_request("PF_XBTUSD") is None and FUTURES.clock_request() is None
    assert FUTURES.decode_body(Request("/derivatives/api/v3/orderbook"), b"{}", 0) == ()
