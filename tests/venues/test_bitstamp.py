"""What frames of Bitstamp mean, and what the venue declares."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.book.keeper import BookKeeper, State
from feedtape.book.rules import Ordered
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Gap,
    Heartbeat,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.bitstamp import Bitstamp
from feedtape.venues.contract import Request

RECV = 1_780_000_000_000_000_000
MICROS = 1_779_999_999_950_123
TIME = MICROS * 1000
BTC = "bitstamp:btcusd"
PERP = "bitstamp:btcusd-perp"


def frame(event: str, channel: str, data: Any, **more: Any) -> bytes:
    return orjson.dumps({"data": data, "channel": channel, "event": event} | more)


def one(payload: bytes) -> Event:
    [event] = Bitstamp().decode(payload, RECV)
    return event


def book(bids: Any, asks: Any, micros: int = MICROS, **more: Any) -> dict[str, Any]:
    return {"timestamp": str(micros // 10**6), "microtimestamp": str(micros), "bids": bids, "asks": asks} | more


def order(event: str, id: int, price: str, amount: str, link: tuple[str, str] = ("b", "a"), **fields: Any) -> bytes:
    """An order's message; its time is cut to milliseconds."""
    data = {
        "id": id,
        "id_str": str(id),
        "order_type": 0,
        "order_subtype": 5,
        "datetime": str(MICROS // 10**6),
        "microtimestamp": str(MICROS // 1000 * 1000),
        "amount": float(amount),
        "amount_str": amount,
        "amount_traded": "0",
        "amount_at_create": amount,
        "price": float(price),
        "price_str": price,
        "is_liquidation": False,
    }
    last, prev = link
    return frame(event, "live_orders_btcusd", data | fields, event_id=last, pre_event_id=prev, order_source="orderbook")


def orders_of(payload: bytes) -> list[Any] | None:
    event = one(payload)
    assert isinstance(event, BookDelta)
    return event.orders


TRADE: dict[str, Any] = {
    "id": 630_000_000,
    "timestamp": str(MICROS // 10**6),
    "amount": 0.0792,
    "amount_str": "0.07920000",
    "price": 60_000.5,
    "price_str": "60000.50",
    "type": 0,
    "microtimestamp": str(MICROS),
    "buy_order_id": 2_046_839_997_059_073,
    "sell_order_id": 2_046_839_970_762_754,
}
FUNDING: dict[str, Any] = {
    "market": "btcusd-perp",
    "mark_price": "77186.81199586",
    "index_price": "77177.99454545454",
    "funding_rate": "-0.000123",
    "timestamp": "1789457618",
    "next_funding_time": "1789459200",
}

# -- books


def test_changed_levels() -> None:
    event = one(frame("data", "diff_order_book_btcusd", book([["60000.50", "1.20000000"], ["60000.00", "0.00000"]], [])))
    bids = [("60000.50", "1.20000000"), ("60000.00", "0.00000")]
    assert event == BookDelta(BTC, RECV, TIME, "diff_order_book", bids, [], None, MICROS)


@pytest.mark.parametrize("zero", ["0", "0.00000", "0.00000000"])
def test_a_zero_deletes_however_it_is_spelled(zero: str) -> None:
    """And a snapshot is joined by its microtimestamp, the same one of a message belonging to it."""
    venue = Bitstamp()
    keeper = BookKeeper(BTC, "diff_order_book", venue.integrity(""))
    for bids, at in (([["2", "5"]], MICROS), ([["1", zero], ["3", "7"]], MICROS + 1)):
        [delta] = venue.decode(frame("data", "diff_order_book_btcusd", book(bids, [], at)), RECV)
        assert isinstance(delta, BookDelta) and not keeper.take_delta(delta, 1)
    [picture] = venue.decode_body(venue.snapshot_request("btcusd"), orjson.dumps(book([["1", "4"]], [["9", "1"]])), RECV)
    assert isinstance(picture, BookSnapshot) and keeper.wants_snapshot
    keeper.take_snapshot(picture, 2)
    assert keeper.state is State.LIVE and list(keeper.book.bids.top()) == [("3", "7")]
    grade, why = keeper.proof()
    assert grade == "unprovable" and "cannot be seen" in why


def test_a_snapshot_that_came_before_any_message_waits_for_one_that_it_holds() -> None:
    venue = Bitstamp()
    for held, live in ((MICROS + 5, True), (MICROS - 5, False)):
        keeper = BookKeeper(BTC, "diff_order_book", venue.integrity(""))
        body = orjson.dumps(book([["1", "4"]], [], held))
        [picture] = venue.decode_body(venue.snapshot_request("btcusd"), body, RECV)
        assert isinstance(picture, BookSnapshot)
        keeper.take_snapshot(picture, 2)
        for micros in (MICROS, MICROS + 5, MICROS + 6):
            [delta] = venue.decode(frame("data", "diff_order_book_btcusd", book([[str(micros % 10), "1"]], [], micros)), RECV)
            assert isinstance(delta, BookDelta) and not keeper.take_delta(delta, 1)
        assert keeper.is_live == live
        assert list(keeper.book.bids.top()) == ([("9", "1"), ("1", "4")] if live else [])


def test_a_snapshot_is_never_joined_with_what_waited_on_a_connection_that_is_gone() -> None:
    """It would be live then, and what happened before the next connection was subscribed would be missing unseen."""
    venue = Bitstamp()
    keeper = BookKeeper(BTC, "diff_order_book", venue.integrity(""))

    def diff(micros: int, connection: int) -> None:
        [delta] = venue.decode(frame("data", "diff_order_book_btcusd", book([["2", "1"]], [], micros)), RECV)
        assert isinstance(delta, BookDelta)
        keeper.take_delta(delta, connection)

    for connection in (1, 2):
        diff(MICROS + connection, connection)
        keeper.leave(connection, RECV, "closed")
    [picture] = venue.decode_body(venue.snapshot_request("btcusd"), orjson.dumps(book([["1", "4"]], [], MICROS + 5)), RECV)
    assert isinstance(picture, BookSnapshot)
    keeper.take_snapshot(picture, 9)
    assert not keeper.is_live
    diff(MICROS + 7, 3)
    assert not keeper.is_live and keeper.wants_snapshot and keeper.counters.snapshots_too_old == 1


def test_whole_pictures() -> None:
    event = one(frame("data", "order_book_btcusd-perp", book([["77188", "0.41122"]], [["77189", "0.41124"]])))
    assert event == BookSnapshot(PERP, RECV, TIME, "order_book", [("77188", "0.41122")], [("77189", "0.41124")], MICROS)
    rows = [["77188", "0.4", "11"], ["77188", "0.1", "12"]]
    event = one(frame("data", "detail_order_book_btcusd", book(rows, [["77190", "1", "13"]])))
    orders = [("11", "bid", "77188", "0.4"), ("12", "bid", "77188", "0.1"), ("13", "ask", "77190", "1")]
    assert event == BookSnapshot(BTC, RECV, TIME, "detail_order_book", [], [], MICROS, orders=orders)


def test_a_rest_snapshot_serves_every_channel_of_its_symbol() -> None:
    venue = Bitstamp()
    plain = book([["60000.50", "1.2"]], [])
    for path in ("/api/v2/order_book/btcusd", "/api/v2/order_book/btcusd/?group=1"):
        [event] = venue.decode_body(Request(path), orjson.dumps(plain), RECV)
        assert event == BookSnapshot(BTC, RECV, TIME, "", [("60000.50", "1.2")], [], MICROS)
    # An empty book empties one of orders, too.
    [event] = venue.decode_body(Request("/api/v2/order_book/btcusd/"), orjson.dumps(book([], [])), RECV)
    assert event == BookSnapshot(BTC, RECV, TIME, "", [], [], MICROS, orders=[])


def test_orders_of_a_rest_snapshot_add_up_to_levels() -> None:
    rows = [["60000.50", "0.06272315", "11"], ["60000.50", "0.39542753", "12"], ["60000.00", "2", "13"]]
    request = Bitstamp().snapshot_request("btcusd")
    assert request.path == "/api/v2/order_book/btcusd/?group=2"
    [event] = Bitstamp().decode_body(request, orjson.dumps(book(rows, [["60001", "1.50", "14"]])), RECV)
    orders = [("11", "bid", "60000.50", "0.06272315"), ("12", "bid", "60000.50", "0.39542753"), ("13", "bid", "60000.00", "2")]
    orders.append(("14", "ask", "60001", "1.50"))
    bids, asks = [("60000.50", "0.45815068"), ("60000.00", "2")], [("60001", "1.50")]
    assert event == BookSnapshot(BTC, RECV, TIME, "", bids, asks, MICROS, orders=orders)


# -- single orders


def test_an_order_is_created_changed_and_deleted() -> None:
    event = one(order("order_created", 7, "71743.85", "0.00137276"))
    assert isinstance(event, BookDelta) and (event.target, event.channel) == (BTC, "live_orders")
    assert event.time == MICROS // 1000 * 1_000_000 and (event.bids, event.asks) == ([], [])
    assert event.orders == [("7", "bid", "71743.85", "0.00137276")]
    assert orders_of(order("order_created", 7, "71743.85", "1", order_type=1)) == [("7", "ask", "71743.85", "1")]
    assert orders_of(order("order_changed", 7, "71743.80", "0.5")) == [("7", "bid", "71743.80", "0.5")]
    assert orders_of(order("order_deleted", 7, "63941.91523761", "0.5")) == [("7", "bid", "", "0")]


def test_a_change_by_an_execution_leaves_the_order_at_its_price() -> None:
    assert orders_of(order("order_changed", 7, "71740.00", "0.5", amount_traded="0.50000000")) == [("7", "bid", "", "0.5")]


@pytest.mark.parametrize("price", ["0", "0.00"])
def test_a_market_order_never_rests(price: str) -> None:
    assert orders_of(order("order_created", 7, price, "1")) == []
    assert orders_of(order("order_deleted", 7, price, "1")) == [("7", "bid", "", "0")]


LINKS = [
    "00065aad-a8b2-14c8-0000-000101000020",
    "00065aad-a8b2-3408-0000-000102000020",
    "00065aad-a8b2-4f60-0000-000103000020",
    "00065aad-a8b2-5348-0000-000100000020",
]


def chained(*names: int, micros: int = MICROS) -> list[BookDelta]:
    """Orders created one after the other: the n-th is named n and linked to the one before it."""
    made = []
    for name in names:
        link = (LINKS[name], LINKS[name - 1])
        event = one(order("order_created", name, f"6000{name}", "1", link, microtimestamp=str(micros // 1000 * 1000)))
        assert isinstance(event, BookDelta)
        made.append(event)
    return made


def test_orders_chain_by_ids_too_long_for_a_keyframe() -> None:
    first, second, third = chained(1, 2, 3)
    assert second.prev == first.last and third.prev == second.last and first.last != third.last
    assert all(0 <= number < 2**63 for event in (first, second, third) for number in (event.last or 0, event.prev or 0))


def test_a_broken_chain_is_a_gap_and_a_snapshot_mends_it() -> None:
    venue = Bitstamp()
    keeper = BookKeeper(BTC, "live_orders", venue.integrity("live_orders"))
    before, first, _, third = *chained(1, micros=MICROS - 5000), *chained(2, 3), chained(3)[0]
    for delta in (before, first):
        assert not keeper.take_delta(delta, 1)
    # The snapshot is of the middle of the millisecond of the second order, and does not have it yet.
    body = orjson.dumps(book([["50000", "1", "90"]], [["70000", "1", "91"]]))
    [picture] = venue.decode_body(venue.snapshot_request("btcusd"), body, RECV)
    assert isinstance(picture, BookSnapshot)
    keeper.take_snapshot(picture, 2)
    assert keeper.state is State.LIVE and keeper.proof()[0] == "sequence"
    assert list(keeper.book.bids.top()) == [("60002", "1"), ("50000", "1")]
    assert not keeper.take_delta(third, 1)
    [lost] = keeper.take_delta(third, 1) or ()
    assert isinstance(lost, Gap) and lost.kind == "gap" and keeper.wants_snapshot


def test_a_snapshot_of_before_the_first_order_is_too_old() -> None:
    venue = Bitstamp()
    keeper = BookKeeper(BTC, "live_orders", venue.integrity("live_orders"))
    for delta in chained(1, 2, micros=MICROS + 5000):
        keeper.take_delta(delta, 1)
    body = orjson.dumps(book([["50000", "1", "90"]], []))
    [picture] = venue.decode_body(venue.snapshot_request("btcusd"), body, RECV)
    assert isinstance(picture, BookSnapshot)
    keeper.take_snapshot(picture, 2)
    assert keeper.state is State.SYNCING and keeper.counters.snapshots_too_old == 1


# -- trades, derivatives


@pytest.mark.parametrize(("word", "side"), [(0, "buy"), (1, "sell")])
def test_a_trade_has_the_takers_side(word: int, side: Any) -> None:
    event = one(frame("trade", "live_trades_btcusd", TRADE | {"type": word}))
    assert event == Trade(BTC, RECV, TIME, "60000.50", "0.07920000", side, "630000000")


def test_ids_of_perpetuals_are_longer_than_a_float() -> None:
    id = "2001939623936278528"
    event = one(frame("trade", "live_trades_btcusd-perp", TRADE | {"id": 2_001_939_623_936_278_000, "id_str": id}))
    assert isinstance(event, Trade) and (event.target, event.id, event.number) == (PERP, id, None)


def test_mark_index_and_funding_of_a_perpetual() -> None:
    assert one(frame("funding_rate_saved", "funding_rate_btcusd-perp", FUNDING)) == Derivative(
        PERP,
        RECV,
        1_789_457_618_000_000_000,
        mark="77186.81199586",
        index="77177.99454545454",
        funding_rate="-0.000123",
        funding_time=1_789_459_200_000_000_000,
    )


def test_open_interest_is_polled_for_perpetuals() -> None:
    venue = Bitstamp()
    [(request, seconds)] = venue.polls("btcusd-perp", ["derivatives"])
    assert request.path == "/api/v2/ticker/btcusd-perp/" and seconds >= 5
    assert venue.polls("btcusd", CHANNELS) == [] and venue.polls("btcusd-perp", ["book"]) == []
    ticker = {"timestamp": "1789457618", "last": "77180", "open_interest": "12.5", "mark_price": "77186.8", "index_price": None}
    [event] = venue.decode_body(request, orjson.dumps(ticker), RECV)
    facts = Derivative(PERP, RECV, 1_789_457_618_000_000_000, last="77180", mark="77186.8", open_interest="12.5")
    assert event == facts
    assert venue.decode_body(request, b'{"timestamp":"1789457618","last":"77180"}', RECV) == ()
    assert venue.decode_body(Request("/api/v2/transactions/btcusd/"), b"[]", RECV) == ()


# -- what is said of the connection


def test_answers_name_their_channel() -> None:
    for word in ("subscription", "unsubscription"):
        said = one(frame(f"bts:{word}_succeeded", "live_trades_btcusd", {}))
        assert said == Acknowledged("", RECV, None, streams=("live_trades_btcusd",))
    refused = one(frame("bts:error", "", {"code": None, "message": "Bad subscription string."}))
    assert refused == Refused("", RECV, None, None, None, "Bad subscription string.")
    refused = one(frame("bts:error", "order_book_BTCUSD", {"code": 4009, "message": "Invalid channel provided."}))
    assert refused == Refused("", RECV, None, None, "4009", "Invalid channel provided.", ("order_book_BTCUSD",))


@pytest.mark.parametrize("data", [None, "", {}])
def test_the_venue_may_ask_for_a_new_connection(data: Any) -> None:
    event = one(frame("bts:request_reconnect", "", data))
    assert isinstance(event, Status) and event.renew


def test_heartbeats_and_what_is_not_read() -> None:
    assert one(frame("bts:heartbeat", "", {"status": "success"})) == Heartbeat("", RECV, None)
    assert one(frame("bts:something", "", {})) == Unread("", RECV, None, "bts:something")
    assert one(frame("published", "announcements", {})) == Unread("", RECV, None, "published")
    assert one(frame("order_moved", "live_orders_btcusd", {})) == Unread(BTC, RECV, None, "order_moved")


# -- bad frames

LEVEL = [["60000.5", "1"]]
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "a text": b'"pong"',
    "a list": b"[]",
    "a number": b"7",
    "no event": b'{"channel":"live_trades_btcusd","data":{}}',
    "event of no text": b'{"event":5,"channel":"live_trades_btcusd","data":{}}',
    "cut": frame("data", "diff_order_book_btcusd", book(LEVEL, LEVEL))[:-9],
    "no data": b'{"event":"data","channel":"diff_order_book_btcusd"}',
    "no symbol": frame("data", "diff_order_book_", book(LEVEL, LEVEL)),
    "a symbol without end": frame("data", "diff_order_book_" + "x" * 500, book(LEVEL, LEVEL)),
    "no microtimestamp": frame("data", "diff_order_book_btcusd", {"timestamp": "1", "bids": [], "asks": []}),
    "microtimestamp of letters": frame("data", "diff_order_book_btcusd", book([], []) | {"microtimestamp": "12_3"}),
    "no bids": frame("data", "diff_order_book_btcusd", {"microtimestamp": str(MICROS), "asks": []}),
    "a level of one": frame("data", "diff_order_book_btcusd", book([["1"]], [])),
    "a price of letters": frame("data", "order_book_btcusd", book([["x", "1"]], [])),
    "an order without an id": frame("data", "detail_order_book_btcusd", book([["1", "1"]], [])),
    "an error without words": frame("bts:error", "", {}),
    "an acknowledgement of nothing": frame("bts:subscription_succeeded", "", {}),
    "a trade of no side": frame("trade", "live_trades_btcusd", TRADE | {"type": 2}),
    "a trade of nothing": frame("trade", "live_trades_btcusd", TRADE | {"amount_str": "0.00000000"}),
    "a trade with an id of no kind": frame("trade", "live_trades_btcusd", TRADE | {"id_str": None}),
    "an order of no side": order("order_created", 7, "1", "1", order_type=2),
    "an order of no id": order("order_created", 7, "1", "1", id_str=""),
    "an order without a link": frame("order_created", "live_orders_btcusd", orjson.loads(order("x", 7, "1", "1"))["data"]),
    "a funding rate of letters": frame("funding_rate_saved", "funding_rate_btcusd-perp", FUNDING | {"funding_rate": "x"}),
}
MALFORMED |= {
    f"{kind} lacks {field}": frame(event, channel, {name: value for name, value in data.items() if name != field})
    for kind, event, channel, data, fields in [
        ("trade", "trade", "live_trades_btcusd", TRADE, ("id", "type", "price_str", "amount_str", "microtimestamp")),
        ("funding", "funding_rate_saved", "funding_rate_btcusd-perp", FUNDING, [name for name in FUNDING if name != "market"]),
    ]
    for field in fields
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_frame_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame) as refusal:
        Bitstamp().decode(payload, RECV)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"microtimestamp":"1","bids":[["1","1","1","1"],["1"]],"asks":[]}']
)
def test_a_body_that_is_no_snapshot_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame):
        Bitstamp().decode_body(Bitstamp().snapshot_request("btcusd"), body, RECV)


# -- declarations


def test_channels_are_named_as_the_venue_does() -> None:
    venue = Bitstamp()
    [spot] = venue.plan([Target("bitstamp", "btcusd")], CHANNELS)
    assert spot.names == ("diff_order_book_btcusd", "live_trades_btcusd") and spot.path == ""
    [perpetual] = venue.plan([Target("bitstamp", "btcusd-perp", "live_orders")], CHANNELS)
    assert perpetual.names == ("live_orders_btcusd-perp", "live_trades_btcusd-perp", "funding_rate_btcusd-perp")
    with pytest.raises(UsageError):
        venue.streams(Target("bitstamp", "btcusd", "depth"), ["book"])
    plans = venue.plan([Target("bitstamp", f"c{number}usd") for number in range(600)], ["book", "trades"])
    assert [len(plan.streams) for plan in plans] == [1024, 176]


def test_each_channel_is_asked_for_by_itself() -> None:
    asks = Bitstamp().subscribe(["live_trades_btcusd", "order_book_btcusd"], 1)
    assert [ask.streams for ask in asks] == [("live_trades_btcusd",), ("order_book_btcusd",)]
    assert [orjson.loads(ask.frame) for ask in asks] == [
        {"event": "bts:subscribe", "data": {"channel": name}} for name in ("live_trades_btcusd", "order_book_btcusd")
    ]
    assert orjson.loads(Bitstamp().ping(3, RECV)) == {"event": "bts:heartbeat"}
    assert Bitstamp().canonical_symbol("BTCUSD-PERP") == "btcusd-perp"


def test_only_single_orders_can_be_proven() -> None:
    venue = Bitstamp()
    grades = {channel: venue.integrity(channel).proof for channel in ("", *venue.books)}
    unproven = ("", "diff_order_book", "order_book", "detail_order_book")
    assert grades == dict.fromkeys(unproven, "unprovable") | {"live_orders": "sequence"}
    assert venue.integrity("").sequence == Ordered() and venue.integrity("").snapshot == "rest"
    assert [channel for channel in venue.books if venue.integrity(channel).by_order] == ["detail_order_book", "live_orders"]
    assert [channel for channel in venue.books if venue.integrity(channel).snapshot == "full"] == [
        "order_book",
        "detail_order_book",
    ]


MARKET = {
    "name": "BTC/USD",
    "market_symbol": "btcusd",
    "base_currency": "BTC",
    "base_decimals": 8,
    "counter_currency": "USD",
    "counter_decimals": 2,
    "market_type": "SPOT",
    "trading": "Enabled",
}


def test_markets() -> None:
    venue = Bitstamp()
    [request] = venue.instruments_requests()
    perpetual = MARKET | {
        "name": "BTC/USD-PERP",
        "market_symbol": "btcusd-perp",
        "market_type": "PERPETUAL",
        "trading": "Disabled",
    }
    perpetual |= {"contract_size": "1.00000000", "payoff_type": "linear", "tick_size": "1", "base_decimals": 5}
    page = venue.instruments(request, orjson.dumps([MARKET, perpetual]))
    spot = {"base": "BTC", "quote": "USD", "tick": "0.01", "lot": "0.00000001", "status": "Enabled", "trading": True}
    facts = {
        "base": "BTC",
        "quote": "USD",
        "settle": "USD",
        "tick": "1",
        "lot": "0.00001",
        "status": "Disabled",
        "trading": False,
    }
    assert page.more == [] and page.instruments == [
        Instrument(symbol="btcusd", kind="spot", **spot),  # type: ignore[arg-type]
        Instrument(symbol="btcusd-perp", kind="perpetual", multiplier="1.00000000", **facts),  # type: ignore[arg-type]
    ]
    whole = venue.instruments(request, orjson.dumps([MARKET | {"counter_decimals": 0}])).instruments
    assert whole[0].tick == "1"


@pytest.mark.parametrize("body", [b"", b"{}", b"[5]", b"[{}]", orjson.dumps([MARKET | {"counter_decimals": "x"}])])
def test_a_list_that_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    [request] = Bitstamp().instruments_requests()
    if body == b"{}":
        assert Bitstamp().instruments(request, body).instruments == []
        return
    with pytest.raises(BadFrame):
        Bitstamp().instruments(request, body)
