"""What BitMEX's frames mean, and what is declared of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.book.keeper import State
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
    Liquidation,
    Order,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.records import OPEN, RECV, Record, note
from feedtape.model.targets import Target
from feedtape.session import Session
from feedtape.venues.bitmex import Bitmex
from feedtape.venues.contract import Request

RECV_NS = 1_727_000_000_000_000_000
VENUE = Bitmex()
XBTUSD = "bitmex:XBTUSD"
TIME = "2024-11-24T08:26:22.356Z"
TIME_NS = 1_732_436_782_356_000_000


def read(message: object) -> list[Event]:
    payload = message if isinstance(message, bytes) else orjson.dumps(message)
    return list(VENUE.conversation().decode(payload, RECV_NS))


def table(name: str, action: str, *rows: object, **more: object) -> dict[str, object]:
    return {"table": name, "action": action, "data": list(rows)} | more


def row(id: int, side: str, size: int | None = None, price: float | None = None, symbol: str = "XBTUSD", **more: Any) -> Any:
    told = {"symbol": symbol, "id": id, "side": side, "size": size, "price": price} | more
    return {name: value for name, value in told.items() if value is not None}


def snapshot(orders: list[Order], target: str = XBTUSD, time: int | None = None, table: str = "orderBookL2") -> Event:
    return BookSnapshot(target, RECV_NS, time, table, [], [], None, orders=orders)


def delta(orders: list[Order], target: str = XBTUSD, time: int | None = None, table: str = "orderBookL2") -> Event:
    return BookDelta(target, RECV_NS, time, table, [], [], None, None, orders=orders)


# -- books


def test_a_partial_is_a_snapshot_of_rows() -> None:
    partial = table(
        "orderBookL2", "partial", row(17, "Sell", 501, 88846.5), row(18, "Buy", 40, 9780), filter={"symbol": "XBTUSD"}
    )
    assert read(partial) == [snapshot([("17/Sell", "ask", "88846.5", "501"), ("18/Buy", "bid", "9780", "40")])]


def test_a_partial_of_a_whole_table_holds_many_symbols() -> None:
    partial = table(
        "orderBookL2", "partial", row(17, "Sell", 501, 8), row(9, "Buy", 3, 1, "EOSM19"), row(18, "Buy", 4, 7), filter={}
    )
    assert read(partial) == [
        snapshot([("17/Sell", "ask", "8", "501"), ("18/Buy", "bid", "7", "4")]),
        snapshot([("9/Buy", "bid", "1", "3")], "bitmex:EOSM19"),
    ]


def test_an_empty_partial_is_of_what_it_was_asked_for() -> None:
    assert read(table("orderBookL2", "partial", filter={"symbol": "XBTUSD"})) == [snapshot([])]
    # That of a table without rows is of nobody.
    assert read(table("orderBookL2", "partial", filter={})) == [Unread("", RECV_NS, None, "orderBookL2 partial")]


def test_changes_of_rows_that_name_no_price() -> None:
    assert read(table("orderBookL2", "insert", row(17, "Sell", 5, 8.5))) == [delta([("17/Sell", "ask", "8.5", "5")])]
    assert read(table("orderBookL2", "update", row(17, "Sell", 6))) == [delta([("17/Sell", "ask", "", "6")])]
    assert read(table("orderBookL2", "delete", row(17, "Sell"))) == [delta([("17/Sell", "ask", "", "0")])]


def test_changes_of_rows_that_name_their_price() -> None:
    """An update of a row that is not there must not put it there unseen: the first of two changes finds out."""
    update = table("orderBookL2", "update", row(17, "Sell", 6, 8.5, timestamp=TIME, transactTime=TIME, pool="Primary"))
    assert read(update) == [delta([("17/Sell", "ask", "", "6"), ("17/Sell", "ask", "8.5", "6")], time=TIME_NS)]
    assert read(table("orderBookL2", "delete", row(17, "Sell", None, 8.5, timestamp=TIME))) == [
        delta([("17/Sell", "ask", "", "0")], time=TIME_NS)
    ]


def test_a_change_is_as_of_its_latest_row() -> None:
    early, late = "2024-11-24T08:26:22.056Z", TIME
    [event] = read(table("orderBookL2", "delete", row(17, "Sell", timestamp=late), row(18, "Buy", timestamp=early)))
    assert event.time == TIME_NS


@pytest.mark.parametrize("name", ["orderBookL2_25", "orderBookL2_100"])
def test_shallower_books_are_streams_of_their_own(name: str) -> None:
    assert read(table(name, "insert", row(17, "Buy", 5, 8))) == [delta([("17/Buy", "bid", "8", "5")], table=name)]


@pytest.mark.parametrize("action", ["partial", "insert", "update"])
def test_ten_levels_are_a_whole_picture_each_time(action: str) -> None:
    told = {"symbol": "XBTUSD", "bids": [[98490.3, 22400], [98485, 26000]], "asks": [[98490.4, 17600]], "timestamp": TIME}
    assert read(table("orderBook10", action, told)) == [
        BookSnapshot(
            XBTUSD, RECV_NS, TIME_NS, "orderBook10", [("98490.3", "22400"), ("98485", "26000")], [("98490.4", "17600")], None
        )
    ]


def kept(*messages: object) -> Session:
    session = Session(lambda _: VENUE)
    session.feed(note(1, OPEN, {"venue": "bitmex"}, 1))
    for number, message in enumerate(messages, 2):
        session.feed(Record(number, 1, RECV, orjson.dumps(message)))
    return session


BOOK = table("orderBookL2", "partial", row(17, "Sell", 5, 9), row(18, "Buy", 4, 8), filter={"symbol": "XBTUSD"})


def levels(session: Session, target: str = XBTUSD) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    book = session.books[target].book
    return list(book.bids.top()), list(book.asks.top())


def test_a_book_follows_its_rows() -> None:
    session = kept(
        # What comes before the partial is in it.
        table("orderBookL2", "update", row(18, "Buy", 1)),
        BOOK,
        table("orderBookL2", "update", row(17, "Sell", 6), row(18, "Buy", 3, 8)),
        table("orderBookL2", "insert", row(19, "Buy", 2, 7)),
        table("orderBookL2", "delete", row(17, "Sell")),
        table("orderBookL2", "insert", row(20, "Sell", 7, 9.5)),
    )
    assert levels(session) == ([("8", "3"), ("7", "2")], [("9.5", "7")]) and session.totals.losses == 0
    assert session.books[XBTUSD].proof() == ("unprovable", VENUE.integrity("").unprovable)


def test_a_price_may_change_sides_and_keep_its_id() -> None:
    """Ids of before July 2023 say the price, so that the row of the other side may come before this one is gone."""
    session = kept(BOOK, table("orderBookL2", "insert", row(18, "Sell", 2, 8)), table("orderBookL2", "delete", row(18, "Buy")))
    assert levels(session) == ([], [("8", "2"), ("9", "5")]) and session.totals.losses == 0


@pytest.mark.parametrize(
    "change",
    [
        table("orderBookL2", "update", row(99, "Sell", 6)),
        table("orderBookL2", "update", row(99, "Sell", 6, 9.5)),
        table("orderBookL2", "update", row(17, "Buy", 6)),
        table("orderBookL2", "delete", row(99, "Sell")),
        table("orderBookL2", "delete", row(99, "Sell", None, 9.5)),
    ],
)
def test_a_change_of_a_row_that_is_not_there_is_loss_until_the_next_partial(change: object) -> None:
    session = kept(BOOK, change)
    [loss] = session.losses
    assert (loss.kind, loss.target) == ("gap", XBTUSD) and session.books[XBTUSD].state is State.BROKEN
    whole = kept(BOOK, change, table("orderBookL2", "insert", row(20, "Buy", 1, 1)), BOOK)
    assert levels(whole) == ([("8", "4")], [("9", "5")]) and whole.books[XBTUSD].counters.resyncs == 1


def test_streams_of_one_symbol_are_books_of_their_own() -> None:
    shallow = table("orderBookL2_25", "partial", row(18, "Buy", 3, 8), filter={"symbol": "XBTUSD"})
    session = kept(BOOK, shallow, table("orderBookL2_25", "delete", row(18, "Buy")))
    assert levels(session) == ([("8", "4")], [("9", "5")])
    assert levels(session, f"{XBTUSD}@orderBookL2_25") == ([], [])


# -- other tables


def trade(**fields: Any) -> dict[str, Any]:
    told = {"timestamp": TIME, "symbol": "XBTUSD", "side": "Sell", "size": 100, "price": 98570.9, "trdMatchID": "0000-6d-1000"}
    return told | {"tickDirection": "ZeroPlusTick", "grossValue": 101450, "trdType": "Regular"} | fields


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def test_a_trade_has_the_takers_side_or_none() -> None:
    expected = Trade(XBTUSD, RECV_NS, TIME_NS, "98570.9", "100", "sell", "0000-6d-1000")
    assert read(table("trade", "insert", trade())) == [expected]
    for row in (without(trade(), "side"), trade(side=None), trade(side="")):
        [event] = read(table("trade", "insert", row))
        assert isinstance(event, Trade) and event.side is None


def test_a_spread_is_traded_below_zero() -> None:
    [event] = read(table("trade", "insert", trade(symbol="XBTM26-XBTU26", price=-13311.5)))
    assert isinstance(event, Trade) and event.price == "-13311.5"


def test_earlier_trades_and_values_of_indices_are_no_trades() -> None:
    assert read(table("trade", "partial", trade())) == [Unread("", RECV_NS, None, "trade partial")]
    value = without(trade(symbol=".BXBT", size=0, side="Buy", trdType="Referential"), "trdMatchID")
    assert read(table("trade", "insert", value)) == [Unread("", RECV_NS, None, "trade")]
    assert [type(event) for event in read(table("trade", "insert", value, trade()))] == [Trade]


def quote(**fields: Any) -> dict[str, Any]:
    told = {"timestamp": TIME, "symbol": "XBTUSD", "bidSize": 103000, "bidPrice": 487.55, "askPrice": 488.25, "askSize": 50000}
    return told | fields


def test_a_quote_has_the_sides_that_there_are() -> None:
    both = Quote(XBTUSD, RECV_NS, TIME_NS, "487.55", "103000", "488.25", "50000")
    assert read(table("quote", "insert", quote())) == [both]
    # That of the subscription is how things stand.
    assert read(table("quote", "partial", quote())) == [both]
    one = Quote(XBTUSD, RECV_NS, TIME_NS, None, None, "488.25", "50000")
    assert read(table("quote", "insert", without(quote(), "bidPrice", "bidSize"))) == [one]
    assert read(table("quote", "insert", quote(bidPrice=None, bidSize=None), quote(bidSize=0))) == [one, one]


def test_a_quote_of_a_spread_may_be_zero_or_less() -> None:
    [event] = read(table("quote", "insert", quote(bidPrice=-2.5, askPrice=0)))
    assert event == Quote(XBTUSD, RECV_NS, TIME_NS, "-2.5", "103000", "0", "50000")


def test_a_contract_tells_what_has_changed() -> None:
    whole = {
        "symbol": "XBTUSD",
        "lastPrice": 95123.5,
        "markPrice": 95125.7,
        "indicativeSettlePrice": 95126,
        "fundingRate": 0.0001,
        "indicativeFundingRate": -0.0003,
        "fundingTimestamp": "2024-11-24T12:00:00.000Z",
        "openInterest": 123456789,
        "timestamp": TIME,
    }
    due = 1_732_449_600_000_000_000
    told = Derivative(XBTUSD, RECV_NS, TIME_NS, "95123.5", "95125.7", "95126", "0.0001", due, "123456789")
    for action in ("partial", "insert", "update"):
        assert read(table("instrument", action, whole)) == [told]
    change = {"symbol": "XBTUSD", "openInterest": 5}
    assert read(table("instrument", "update", change)) == [Derivative(XBTUSD, RECV_NS, None, open_interest="5")]
    nulls = {"symbol": "XBTUSD", "lastPrice": 1, "fundingRate": None, "fundingTimestamp": None}
    assert read(table("instrument", "partial", nulls)) == [Derivative(XBTUSD, RECV_NS, None, last="1")]


def test_what_else_changes_of_a_contract_and_indices_say_nothing() -> None:
    silent = {"symbol": "XBTUSD", "lastTickDirection": "ZeroMinusTick", "timestamp": TIME}
    index = {"symbol": ".BXBT", "lastPrice": 95126, "markPrice": 95126}
    assert read(table("instrument", "update", silent, index)) == [Unread("", RECV_NS, None, "instrument update")]
    assert read(table("instrument", "delete", {"symbol": "XBTUSD"})) == [Unread("", RECV_NS, None, "instrument delete")]


def liquidation(**fields: Any) -> dict[str, Any]:
    return {"orderID": "550e8400", "symbol": "XBTUSD", "side": "Buy", "price": 95000.5, "leavesQty": 1000} | fields


def test_a_liquidation_is_told_once_without_a_time() -> None:
    told = Liquidation(XBTUSD, RECV_NS, None, "95000.5", "1000", "buy", "550e8400")
    assert read(table("liquidation", "insert", liquidation())) == [told]
    for action, row in (
        ("partial", liquidation()),
        ("update", {"orderID": "550e8400", "leavesQty": 900, "symbol": "XBTUSD"}),
        ("delete", {"orderID": "550e8400", "symbol": "XBTUSD"}),
    ):
        assert read(table("liquidation", action, row)) == [Unread("", RECV_NS, None, f"liquidation {action}")]


@pytest.mark.parametrize("name", ["funding", "settlement", "tradeBin1m", "quoteBin1h", "insurance", "chat", "order"])
def test_tables_that_are_not_read(name: str) -> None:
    """Among them `funding`: the rate that it tells has been exchanged, and would hide the one to come."""
    rate = {"timestamp": TIME, "symbol": "XBTUSD", "fundingInterval": "2000-01-01T08:00:00.000Z", "fundingRate": 0.0001}
    assert read(table(name, "insert", rate)) == [Unread("", RECV_NS, None, name)]


# -- the conversation


def test_answers() -> None:
    welcome = {"info": "Welcome to the BitMEX Realtime API.", "version": "2021", "timestamp": TIME, "limit": {"remaining": 39}}
    asked = {"op": "subscribe", "args": ["orderBookL2:XBTUSD"]}
    taken = {"success": True, "subscribe": "orderBookL2:XBTUSD", "request": asked, "pool": "Primary"}
    refused = {"status": 400, "error": "Unknown table: foo", "meta": {}, "request": asked}
    assert read(welcome) == [Greeting("", RECV_NS, None)]
    assert read(taken) == [Acknowledged("", RECV_NS, None, "", ("orderBookL2:XBTUSD",))]
    assert read({"success": True, "unsubscribe": "trade:XBTUSD"}) == [Acknowledged("", RECV_NS, None, "", ("trade:XBTUSD",))]
    assert read({"success": True, "request": {"op": "authKeyExpires"}}) == [Unread("", RECV_NS, None, "answer")]
    assert read(refused) == [Refused("", RECV_NS, None, None, "400", "Unknown table: foo")]
    assert read(b"pong") == [Heartbeat("", RECV_NS, None)]


INSERT = row(17, "Sell", 5, 9)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"ping",
        b"[]",
        b"{}",
        b'{"table":"orderBookL2","action":"insert","data":[{"symbol":"XBTUSD"',
        {"success": False, "subscribe": "trade:XBTUSD"},
        {"error": "no status"},
        {"table": "orderBookL2", "data": []},
        {"table": "orderBookL2", "action": "insert"},
        {"table": 7, "action": "insert", "data": []},
        {"table": "trade", "action": "insert", "data": {}},
        table("orderBookL2", "replace", INSERT),
        table("orderBookL2", "partial", filter={"symbol": ""}),
        table("orderBookL2", "insert", "no row"),
        table("orderBookL2", "insert", INSERT | {"symbol": "X" * 500}),
        table("orderBookL2", "insert", INSERT | {"side": "buy"}),
        table("orderBookL2", "insert", INSERT | {"side": None}),
        table("orderBookL2", "insert", INSERT | {"id": "17"}),
        table("orderBookL2", "insert", INSERT | {"id": -1}),
        table("orderBookL2", "insert", INSERT | {"id": True}),
        table("orderBookL2", "insert", INSERT | {"id": 2**63}),
        table("orderBookL2", "insert", INSERT | {"size": 0}),
        table("orderBookL2", "insert", INSERT | {"size": -5}),
        table("orderBookL2", "insert", INSERT | {"timestamp": "yesterday"}),
        table("orderBookL2", "insert", without(INSERT, "price")),
        table("orderBookL2", "insert", without(INSERT, "id")),
        table("orderBookL2", "partial", without(INSERT, "size")),
        table("orderBookL2", "update", without(INSERT, "size")),
        table("orderBookL2", "update", INSERT | {"price": "dear"}),
        table("orderBookL2", "delete", without(INSERT, "side")),
        table("orderBook10", "update", {"symbol": "XBTUSD", "bids": [[1, 2]], "timestamp": TIME}),
        table("orderBook10", "update", {"symbol": "XBTUSD", "bids": [[1, 2]], "asks": [[3]], "timestamp": TIME}),
        table("orderBook10", "update", {"symbol": "XBTUSD", "bids": [], "asks": []}),
        table("trade", "insert", trade(side="Both")),
        table("trade", "insert", trade(size=0)),
        table("trade", "insert", trade(price=None)),
        table("trade", "insert", trade(symbol="")),
        table("trade", "insert", without(trade(), "timestamp")),
        table("trade", "insert", without(trade(), "trdMatchID")),
        table("quote", "insert", quote(bidPrice="high")),
        table("quote", "insert", without(quote(), "timestamp")),
        table("liquidation", "insert", without(liquidation(), "side")),
        table("liquidation", "insert", without(liquidation(), "price")),
        table("liquidation", "insert", liquidation(leavesQty=0)),
        table("instrument", "update", {"lastPrice": 1}),
        table("instrument", "update", {"symbol": "XBTUSD", "lastPrice": True}),
        table("instrument", "update", {"symbol": "XBTUSD", "fundingTimestamp": 7}),
    ],
)
def test_frames_that_are_wrong(wrong: object) -> None:
    with pytest.raises(BadFrame):
        read(wrong)


def test_a_binary_frame_is_none_of_the_venues() -> None:
    with pytest.raises(BadFrame):
        VENUE.decode_binary(b"{}", RECV_NS)


# -- declarations


def test_there_is_nothing_to_connect_to() -> None:
    with pytest.raises(UsageError, match="bitmex is closed: the exchange shut down on 23 September 2026"):
        VENUE.plan([Target("bitmex", "XBTUSD")], CHANNELS)
    assert VENUE.subscribe(["trade:XBTUSD"], 1) == [] and VENUE.snapshot_request("XBTUSD") is None
    assert VENUE.ping(1, RECV_NS) == b"ping"


def test_what_books_prove() -> None:
    *tables, picture = VENUE.books
    for channel in ("", *tables):
        integrity = VENUE.integrity(channel)
        assert integrity.by_order and integrity.unknown_delete_is_loss and integrity.snapshot == "stream"
        assert integrity.proof == "unprovable" and not integrity.sees_loss
    assert VENUE.integrity(picture).snapshot == "full" and not VENUE.integrity(picture).by_order


# -- instruments

ACTIVE = Request("/api/v1/instrument/active")


def listed(**fields: Any) -> Instrument:
    told = {"symbol": "XBTUSD", "state": "Open", "typ": "FFWCSX", "underlying": "XBT", "quoteCurrency": "USD"}
    [found] = VENUE.instruments(ACTIVE, orjson.dumps([told | fields])).instruments
    return found


def test_lists_of_instruments_are_told_from_other_answers() -> None:
    for path in ("/api/v1/instrument/active", "/api/v1/instrument/activeAndIndices", "/api/v1/instrument?count=500"):
        assert VENUE.lists_instruments(Request(path))
    assert not VENUE.lists_instruments(Request("/api/v1/trade?symbol=XBTUSD"))
    assert VENUE.decode_body(Request("/api/v1/orderBook/L2?symbol=XBTUSD"), b"[]", RECV_NS) == ()
    assert VENUE.instruments_requests() == [ACTIVE]


def test_an_inverse_contract_is_worth_its_quote() -> None:
    inverse = listed(
        tickSize=0.1,
        lotSize=100,
        settlCurrency="XBt",
        isInverse=True,
        isQuanto=False,
        multiplier=-100000000,
        underlyingToSettleMultiplier=-100000000,
        expiry=None,
        optionStrikePrice=None,
    )
    assert inverse == Instrument(
        symbol="XBTUSD",
        kind="perpetual",
        base="XBT",
        quote="USD",
        settle="XBT",
        tick="0.1",
        lot="100",
        multiplier="1",
        status="Open",
        trading=True,
    )


def test_a_linear_contract_is_worth_a_part_of_its_base() -> None:
    linear = listed(typ="FFCCSX", settlCurrency="USDt", underlyingToPositionMultiplier=1000000, expiry="2024-11-24T12:00:00.000Z")
    assert (linear.kind, linear.settle, linear.multiplier) == ("future", "USDT", "0.000001")
    assert linear.expiry == 1_732_449_600_000_000_000
    assert listed(settlCurrency="Gwei").settle == "ETH"


def test_what_a_contract_is_worth_is_exact_or_not_told() -> None:
    assert listed(isQuanto=True, multiplier=100, underlyingToPositionMultiplier=1).multiplier is None
    assert listed(underlyingToPositionMultiplier=3).multiplier is None
    assert listed(underlyingToPositionMultiplier=0).multiplier is None
    assert listed(isInverse=True, multiplier=-100000000).multiplier is None
    assert listed().multiplier is None


@pytest.mark.parametrize(
    ("typ", "kind"),
    [
        ("FFWCSX", "perpetual"),
        ("FFWCSF", "perpetual"),
        ("FFCCSX", "future"),
        ("FFMCSX", "spread"),
        ("FFSCSX", "perpetual"),
        ("IFXXXP", "spot"),
        ("MRCXXX", "index"),
        ("XXXXXX", "XXXXXX"),
    ],
)
def test_kinds(typ: str, kind: str) -> None:
    assert listed(typ=typ).kind == kind


def test_other_kinds() -> None:
    assert listed(typ="FFSCSX", expiry=TIME).kind == "future"
    assert listed(typ="IFXXXP", symbol="XBT_USDT", settlCurrency="").settle is None
    up = listed(typ="OCECCS", optionStrikePrice=4250, state="Settled")
    assert (up.kind, up.option, up.strike, up.status, up.trading) == ("option", "call", "4250", "Settled", False)


@pytest.mark.parametrize("body", [b"", b'{"error":{"message":"Not Found","name":"HTTPError"}}', b"[7]", b'[{"symbol":"XBTUSD"}]'])
def test_lists_that_are_wrong(body: bytes) -> None:
    with pytest.raises(BadFrame):
        VENUE.instruments(ACTIVE, body)
