"""What frames of Coinbase Advanced Trade mean, and what the venue declares."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Numbered,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import unified
from feedtape.model.targets import Target
from feedtape.venues.coinbase import Coinbase
from feedtape.venues.contract import Request

RECV = 1_786_788_000_250_000_000
SENT = "2026-08-15T10:00:00.123456789Z"
NS = 1_786_788_000_123_456_789
BTC = "coinbase:BTC-USD"
PRODUCT = "/api/v3/brokerage/market/products"
VENUE = Coinbase()


def frame(channel: str, *events: Any, number: Any = 7, **fields: Any) -> bytes:
    return orjson.dumps({"channel": channel, "timestamp": SENT, "sequence_num": number, "events": events} | fields)


def decoded(payload: bytes) -> list[Event]:
    """What a frame says after its number, which comes first."""
    first, *rest = VENUE.decode(payload, RECV)
    assert first == Numbered("", RECV, None, 7)
    return rest


def change(side: str, price: str, size: str) -> dict[str, str]:
    return {"side": side, "event_time": "1970-01-01T00:00:00Z", "price_level": price, "new_quantity": size}


def book(kind: str, *changes: Any, product: str = "BTC-USD") -> dict[str, Any]:
    return {"type": kind, "product_id": product, "updates": changes}


def match(number: int, side: str = "BUY", time: str = SENT, **fields: Any) -> dict[str, Any]:
    told = {"trade_id": str(number), "product_id": "BTC-USD", "price": "60000.10", "size": "0.0250", "side": side, "time": time}
    return told | fields


def ticker(**fields: Any) -> dict[str, Any]:
    best = {"best_bid": "60000.10", "best_bid_quantity": "1.5", "best_ask": "60000.11", "best_ask_quantity": "0.20"}
    return {"type": "ticker", "product_id": "BTC-USD", "price": "60000.10"} | best | fields


# -- books


def test_a_snapshot_is_of_the_channel_that_was_asked_for() -> None:
    found = decoded(frame("l2_data", book("snapshot", change("bid", "60000.10", "1.50"), change("offer", "60000.20", "2"))))
    assert found == [BookSnapshot(BTC, RECV, NS, "level2", [("60000.10", "1.50")], [("60000.20", "2")], None)]


def test_an_update_has_sizes_as_they_are_and_zero_deletes() -> None:
    found = decoded(frame("l2_data", book("update", change("offer", "60000.20", "0"), change("offer", "60000.30", "0.00000001"))))
    assert found == [BookDelta(BTC, RECV, NS, "level2", [], [("60000.20", "0"), ("60000.30", "0.00000001")], None, None)]


def test_the_events_of_a_frame_are_of_products_of_their_own() -> None:
    both = book("snapshot", change("bid", "1", "1")), book("update", change("bid", "2", "1"), product="ETH-USD")
    assert [(type(event), event.target) for event in decoded(frame("l2_data", *both))] == [
        (BookSnapshot, BTC),
        (BookDelta, "coinbase:ETH-USD"),
    ]


def test_a_frame_without_events_has_its_number_all_the_same() -> None:
    for channel in ("l2_data", "market_trades", "ticker"):
        assert decoded(frame(channel)) == []


# -- trades and quotes


@pytest.mark.parametrize(("maker", "taker"), [("BUY", "sell"), ("SELL", "buy")])
def test_a_trade_is_told_by_the_makers_side(maker: str, taker: Any) -> None:
    found = decoded(frame("market_trades", {"type": "update", "trades": [match(5, maker)]}))
    assert found == [Trade(BTC, RECV, NS, "60000.10", "0.0250", taker, "5")]


def test_trades_of_a_batch_come_out_in_the_order_of_their_time() -> None:
    early, late = "2026-08-15T10:00:00.1Z", "2026-08-15T10:00:00.12Z"
    batch = [match(1002, time=late), match(9, time=early), match(10, time=early), match(999, time=late)]
    found = decoded(frame("market_trades", {"type": "update", "trades": batch}))
    assert [event.id for event in found if isinstance(event, Trade)] == ["9", "10", "999", "1002"]


def test_the_trades_that_a_subscription_begins_with_are_history() -> None:
    past = {"type": "snapshot", "trades": [match(2), match(1), match(8, product_id="ETH-USD")]}
    news = {"type": "update", "trades": [match(3)]}
    found = decoded(frame("market_trades", past, news))
    assert found[:2] == [Unread(name, RECV, None, "trade history") for name in (BTC, "coinbase:ETH-USD")]
    assert [event.id for event in found if isinstance(event, Trade)] == ["3"]


def test_a_ticker_is_a_quote() -> None:
    found = decoded(frame("ticker", {"type": "snapshot", "tickers": [ticker()]}))
    assert found == [Quote(BTC, RECV, NS, "60000.10", "1.5", "60000.11", "0.20")]


@pytest.mark.parametrize("nothing", ["", "0", "0.00"])
def test_an_empty_side_has_no_best_price(nothing: str) -> None:
    found = decoded(frame("ticker", {"type": "update", "tickers": [ticker(best_bid=nothing, best_bid_quantity=nothing)]}))
    assert found == [Quote(BTC, RECV, NS, None, None, "60000.11", "0.20")]


# -- what is no market data


def test_the_list_of_what_is_on_acknowledges_all_of_it() -> None:
    listed = {"heartbeats": ["heartbeats"], "level2": ["BTC-USD", "ETH-USD"], "market_trades": ["BTC-USD"], "candles": ["X-Y"]}
    streams = ("level2:BTC-USD", "level2:ETH-USD", "market_trades:BTC-USD")
    assert decoded(frame("subscriptions", {"subscriptions": listed}, client_id="")) == [Acknowledged("", RECV, NS, "", streams)]
    assert decoded(frame("subscriptions", {"subscriptions": {}})) == [Acknowledged("", RECV, NS, "", ())]


@pytest.mark.parametrize("counter", [139651, "3049"])
def test_a_heartbeat(counter: Any) -> None:
    beat = {"current_time": "2026-09-07 23:37:22.674409 +0000 UTC m=+139651.272674714", "heartbeat_counter": counter}
    assert decoded(frame("heartbeats", beat)) == [Heartbeat("", RECV, NS)]


def test_what_was_not_asked_for_is_counted_too() -> None:
    assert decoded(frame("candles", {"type": "update", "candles": [{"open": 1.5}]})) == [Unread("", RECV, None, "candles")]


def test_an_error_has_no_number() -> None:
    [refusal] = VENUE.decode(b'{"type":"error","message":"authentication failure"}', RECV)
    assert refusal == Refused("", RECV, None, None, None, "authentication failure")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"null",
        b"[]",
        b"{}",
        b'{"channel":"l2_data"}',
        frame("l2_data", book("snapshot"))[:-9],
        frame("l2_data", book("snapshot"), number=None),
        frame("l2_data", book("snapshot"), number=-1),
        frame("l2_data", book("snapshot"), number=1.5),
        frame("l2_data", book("snapshot"), number="7"),
        frame("candles", number=2**63),
        frame("", {}),
        frame("l2_data", book("snapshot"), timestamp="yesterday"),
        frame("l2_data", book("patch")),
        frame("l2_data", book("update", change("ask", "1", "1"))),
        frame("l2_data", book("update", {"side": "bid", "price_level": "1"})),
        frame("l2_data", book("update", change("bid", "1", "1") | {"new_quantity": 1.5})),
        frame("l2_data", book("update", product="")),
        frame("l2_data", book("update", product="A" * 201)),
        frame("l2_data", events={}),
        frame("market_trades", {"type": "update", "trades": [match(1, "buy")]}),
        frame("market_trades", {"type": "update", "trades": [match(1, price="0")]}),
        frame("market_trades", {"type": "update", "trades": [match(1, size="-1")]}),
        frame("market_trades", {"type": "update", "trades": [match(1, time="")]}),
        frame("market_trades", {"type": "update"}),
        frame("ticker", {"tickers": [ticker(best_bid="1e")]}),
        frame("ticker", {"tickers": [{"product_id": "BTC-USD", "price": "1"}]}),
        frame("subscriptions", {}),
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        VENUE.decode(payload, RECV)


# -- derivatives, by REST

DETAILS = {
    "contract_expiry": "2030-12-20T16:00:00Z",
    "contract_size": "0.01",
    "contract_root_unit": "BTC",
    "contract_expiry_type": "EXPIRING",
    "perpetual_details": {"open_interest": "183283", "funding_rate": ""},
    "funding_interval": "3600s",
    "open_interest": "183283",
    "funding_rate": "0.000013",
    "funding_time": "2026-04-07T00:00:00Z",
    "index_price": "68899.882564",
}
CDE = {
    "product_id": "BIP-20DEC30-CDE",
    "base_increment": "1",
    "price_increment": "5",
    "status": "",
    "product_type": "FUTURE",
    "base_currency_id": "",
    "quote_currency_id": "USD",
    "alias": "",
    "is_disabled": False,
    "trading_disabled": False,
    "cancel_only": False,
    "view_only": False,
    "future_product_details": DETAILS,
}
INTX = CDE | {
    "product_id": "BTC-PERP-INTX",
    "base_currency_id": "BTC",
    "quote_currency_id": "USDC",
    "future_product_details": {
        "contract_expiry": None,
        "contract_size": "1",
        "contract_expiry_type": "PERPETUAL",
        "perpetual_details": {"open_interest": "100.25", "funding_rate": "-0.0001"},
    },
}
SPOT = CDE | {
    "product_id": "BTC-USDC",
    "base_increment": "0.00000001",
    "price_increment": "0.01",
    "status": "online",
    "product_type": "SPOT",
    "base_currency_id": "BTC",
    "quote_currency_id": "USDC",
    "alias": "BTC-USD",
    "future_product_details": None,
}


def page(product: dict[str, Any]) -> list[Event]:
    return list(VENUE.decode_body(Request(f"{PRODUCT}/{product['product_id']}"), orjson.dumps(product), RECV))


def test_a_products_page_tells_index_funding_and_open_interest() -> None:
    assert page(CDE) == [
        Derivative(
            "coinbase:BIP-20DEC30-CDE",
            RECV,
            None,
            index="68899.882564",
            funding_rate="0.000013",
            open_interest="183283",
        )
    ]
    assert page(INTX) == [
        Derivative("coinbase:BTC-PERP-INTX", RECV, None, funding_rate="-0.0001", open_interest="100.25"),
    ]
    assert page(SPOT) == []
    with pytest.raises(BadFrame):
        page(CDE | {"future_product_details": DETAILS | {"index_price": "?"}})


def test_only_derivatives_are_polled_and_only_where_wanted() -> None:
    [(request, seconds)] = VENUE.polls("BTC-PERP-INTX", CHANNELS)
    assert request.path == f"{PRODUCT}/BTC-PERP-INTX" and seconds >= 5 and not VENUE.lists_instruments(request)
    assert VENUE.polls("BTC-USD", CHANNELS) == VENUE.polls("BTC-PERP-INTX", ["book"]) == []


def test_other_answers_say_nothing() -> None:
    assert VENUE.decode_body(Request("/api/v3/brokerage/time"), b"{}", RECV) == ()


# -- instruments


def listed(*products: dict[str, Any]) -> list[Instrument]:
    return VENUE.instruments(VENUE.instruments_requests()[0], orjson.dumps({"products": products})).instruments


def test_instruments() -> None:
    cde, intx, spot = listed(CDE, INTX, SPOT)
    expiry = 1_924_012_800_000_000_000
    common: Any = {"tick": "5", "lot": "1", "trading": True}
    assert cde == Instrument(
        symbol="BIP-20DEC30-CDE",
        kind="perpetual",
        base="BTC",
        quote="USD",
        settle="USD",
        multiplier="0.01",
        expiry=expiry,
        **common,
    )
    assert intx == Instrument(
        symbol="BTC-PERP-INTX", kind="perpetual", base="BTC", quote="USDC", settle="USDC", multiplier="1", **common
    )
    told: Any = {"tick": "0.01", "lot": "0.00000001", "status": "online", "trading": True, "alias": "BTC-USD"}
    assert spot == Instrument(symbol="BTC-USDC", kind="spot", base="BTC", quote="USDC", **told)
    assert [unified(one) for one in (cde, intx, spot)] == ["BTC/USD:USD", "BTC/USDC:USDC", "BTC/USDC"]


def test_a_future_pays_no_funding_and_what_is_barred_is_not_traded() -> None:
    [future] = listed(CDE | {"future_product_details": DETAILS | {"funding_interval": None}})
    assert future.kind == "future"
    for bar in ({"status": "delisted"}, {"is_disabled": True}, {"trading_disabled": True}, {"view_only": True}):
        [barred] = listed(SPOT | bar)
        assert barred.trading is False


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"products":[{}]}', b'{"products":[{"product_id":5}]}'])
def test_a_list_that_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        VENUE.instruments(VENUE.instruments_requests()[0], body)


def test_futures_are_asked_for_where_they_may_matter() -> None:
    assert [request.path for request in VENUE.instruments_requests(["BTC-USD", "eth-usd"])] == [PRODUCT]
    for symbols in ([], ["BTC-USD", "BTC-PERP-INTX"], ["BTC*"]):
        assert len(VENUE.instruments_requests(symbols)) == 3
    assert all(VENUE.lists_instruments(request) for request in VENUE.instruments_requests())


def test_the_clock() -> None:
    assert VENUE.clock(b'{"iso":"2026-08-15T10:00:00Z","epochSeconds":"1786788000","epochMillis":"1786788000123"}') == (
        1_786_788_000_123_000_000
    )
    with pytest.raises(BadFrame):
        VENUE.clock(b'{"iso":"2026"}')


# -- subscribing


def test_a_message_names_one_channel_and_many_products() -> None:
    [plan] = VENUE.plan([Target("coinbase", "BTC-USD"), Target("coinbase", "ETH-USD", "level2")], CHANNELS)
    kinds = ("level2", "market_trades", "ticker")
    assert plan.names == tuple(f"{kind}:{symbol}" for symbol in ("BTC-USD", "ETH-USD") for kind in kinds)
    for asks, method in ((VENUE.subscribe(plan.names, 1), "subscribe"), (VENUE.unsubscribe(plan.names, 1), "unsubscribe")):
        assert [orjson.loads(ask.frame) for ask in asks] == [
            {"type": method, "product_ids": ["BTC-USD", "ETH-USD"], "channel": kind} for kind in kinds
        ]
        assert [ask.streams for ask in asks] == [(f"{kind}:BTC-USD", f"{kind}:ETH-USD") for kind in kinds]
    assert VENUE.opening() == [b'{"type":"subscribe","channel":"heartbeats"}']


def test_thirty_products_a_connection() -> None:
    plans = VENUE.plan([Target("coinbase", f"C{number}-USD") for number in range(61)], ["book", "trades", "quotes"])
    assert [len(plan.streams) for plan in plans] == [90, 90, 3]


def test_the_count_of_frames_is_the_proof() -> None:
    declared = VENUE.integrity("level2")
    assert declared.counted and declared.proof == "sequence" and VENUE.counts_from == 0
    assert VENUE.snapshot_request("BTC-USD") is None
    with pytest.raises(UsageError):
        VENUE.streams(Target("coinbase", "BTC-USD", "l2_data"), CHANNELS)


# -- other people's messages


@pytest.mark.frames
def test_single_messages(frames: Path) -> None:
    """Those of WebSocket are made after the documents by their authors, those of REST are real."""
    folder = frames / "single" / "coinbase"
    found = {path.stem: list(VENUE.decode(path.read_bytes(), RECV)) for path in sorted(folder.glob("ws_*.json"))}
    kinds = {name: [type(event).__name__ for event in events] for name, events in found.items()}
    assert kinds == {
        "ws_candles": ["Numbered", "Unread"],
        "ws_heartbeats": ["Numbered", "Heartbeat"],
        "ws_l2_data_snapshot": ["Numbered", "BookSnapshot"],
        "ws_l2_data_update": ["Numbered", "BookDelta"],
        "ws_market_trades": ["Numbered", "Trade", "Trade"],
        "ws_subscriptions": ["Numbered", "Acknowledged"],
        "ws_ticker": ["Numbered", "Quote"],
    }
    for name, events in found.items():
        plain = orjson.loads((folder / f"{name}.json").read_bytes())
        assert isinstance(events[0], Numbered) and events[0].number == plain["sequence_num"]
    snapshot = found["ws_l2_data_snapshot"][1]
    updates = orjson.loads((folder / "ws_l2_data_snapshot.json").read_bytes())["events"][0]["updates"]
    assert isinstance(snapshot, BookSnapshot)
    for side, levels in (("bid", snapshot.bids), ("offer", snapshot.asks)):
        assert levels == [(one["price_level"], one["new_quantity"]) for one in updates if one["side"] == side]
    assert [event.side for event in found["ws_market_trades"] if isinstance(event, Trade)] == ["sell", "buy"]


@pytest.mark.frames
def test_lists_of_products(frames: Path) -> None:
    folder, request = frames / "single" / "coinbase", VENUE.instruments_requests()[0]
    spot = VENUE.instruments(request, (folder / "http_products.json").read_bytes()).instruments
    future = VENUE.instruments(request, (folder / "http_products_future.json").read_bytes()).instruments
    assert [(one.symbol, one.kind, one.alias, one.tick) for one in (*spot, *future)] == [
        ("BTC-USD", "spot", None, "0.01"),
        ("BTC-USDC", "spot", "BTC-USD", "0.01"),
        ("BIP-20DEC30-CDE", "perpetual", None, "5"),
        ("BIT-24APR26-CDE", "future", None, "5"),
    ]
    assert VENUE.decode_body(Request(f"{PRODUCT}/BTC-USD"), (folder / "http_product.json").read_bytes(), RECV) == ()
