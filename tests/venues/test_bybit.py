"""What frames of Bybit's v5 mean, on every kind of market."""

from typing import Any

import orjson
import pytest

from feedtape.errors import BadFrame
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Liquidation,
    OptionSummary,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.venues.bybit import BybitInverse, BybitLinear, BybitOption, BybitSpot
from feedtape.venues.contract import Venue

RECV = 1_755_000_000_123_456_789
MS = 1_755_000_000_005
ENGINE_MS = MS - 2
NS = 1_000_000
SPOT, LINEAR, INVERSE, OPTION = BybitSpot(), BybitLinear(), BybitInverse(), BybitOption()
VENUES: tuple[Venue, ...] = (SPOT, LINEAR, INVERSE, OPTION)
CONTRACTS: tuple[Venue, ...] = (LINEAR, INVERSE)
CALL = "BTC-27MAR26-70000-C-USDT"

each = pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.name)
each_contract = pytest.mark.parametrize("venue", CONTRACTS, ids=lambda venue: venue.name)


def decoded(venue: Venue, frame: Any) -> list[Event]:
    return list(venue.conversation().decode(frame if type(frame) is bytes else orjson.dumps(frame), RECV))


def book(kind: str, u: int, bids: Any = (), asks: Any = (), topic: str = "orderbook.50.BTCUSDT", **more: Any) -> dict[str, Any]:
    data = {"s": topic.rpartition(".")[2], "b": bids, "a": asks, "u": u, "seq": u * 7}
    return {"topic": topic, "type": kind, "ts": MS, "data": data, "cts": ENGINE_MS} | more


def trade(**fields: Any) -> dict[str, Any]:
    one = {"T": MS, "s": "BTCUSDT", "S": "Buy", "v": "0.010", "p": "60000.10", "i": "20f43950-d8dd", "BT": False, "seq": 7}
    return one | fields


def trades(*some: dict[str, Any], topic: str = "publicTrade.BTCUSDT") -> dict[str, Any]:
    return {"topic": topic, "type": "snapshot", "ts": MS, "data": list(some)}


def ticker(kind: str = "delta", **fields: Any) -> dict[str, Any]:
    return {"topic": "tickers.BTCUSDT", "type": kind, "data": {"symbol": "BTCUSDT"} | fields, "cs": 249, "ts": MS}


def liquidated(*some: dict[str, Any]) -> dict[str, Any]:
    return {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": MS, "data": list(some)}


# -- books, quotes, trades


@each
def test_a_snapshot_and_a_delta(venue: Venue) -> None:
    depth = "orderbook.25" if venue is OPTION else "orderbook.50"
    topic, target = f"{depth}.BTCUSDT", f"{venue.name}:BTCUSDT"
    time = ENGINE_MS * NS
    bids, asks = [("60000.10", "1.200")], [("60000.20", "0")]
    [whole] = decoded(venue, book("snapshot", 1000, bids, asks, topic))
    assert whole == BookSnapshot(target, RECV, time, depth, bids, asks, 1000)
    [change] = decoded(venue, book("delta", 1001, bids, asks, topic))
    assert change == BookDelta(target, RECV, time, depth, bids, asks, 1001, 1001)


def test_what_a_restarted_service_begins_with_is_the_whole_book() -> None:
    [event] = decoded(LINEAR, book("delta", 1, [["60000.10", "1"]]))
    assert isinstance(event, BookSnapshot) and event.sequence == 1
    [emptied] = decoded(LINEAR, book("delta", 1))
    assert isinstance(emptied, BookSnapshot) and (emptied.bids, emptied.asks) == ([], [])


def test_the_order_of_keys_and_a_missing_engine_time_and_sequence_are_nothing_special() -> None:
    early = {
        "id": "x",
        "ts": MS,
        "data": {"u": 0, "a": [], "b": [], "s": CALL},
        "type": "snapshot",
        "topic": f"orderbook.25.{CALL}",
    }
    assert decoded(OPTION, early) == [BookSnapshot(f"bybit-option:{CALL}", RECV, MS * NS, "orderbook.25", [], [], 0)]


@pytest.mark.parametrize("depth", ["orderbook.50", "orderbook.200", "orderbook.500", "orderbook.1000"])
def test_a_depth_is_the_name_of_its_channel(depth: str) -> None:
    [event] = decoded(LINEAR, book("delta", 7, topic=f"{depth}.BTCUSDT"))
    assert isinstance(event, BookDelta) and event.channel == depth


@pytest.mark.parametrize("venue", [SPOT, LINEAR, INVERSE], ids=lambda venue: venue.name)
def test_level_1_is_a_quote(venue: Venue) -> None:
    sides: list[tuple[Any, Any, tuple[Any, ...]]] = [
        ([["60000.10", "1.5"]], [["60000.20", "2.5"]], ("60000.10", "1.5", "60000.20", "2.5")),
        ([], [["60000.20", "2.5"]], (None, None, "60000.20", "2.5")),
        ([["60000.10", "1.5"]], [], ("60000.10", "1.5", None, None)),
        ([], [], (None, None, None, None)),
    ]
    for bids, asks, best in sides:
        [event] = decoded(venue, book("snapshot", 77, bids, asks, "orderbook.1.BTCUSDT"))
        assert isinstance(event, Quote) and (event.target, event.time) == (f"{venue.name}:BTCUSDT", ENGINE_MS * NS)
        assert (event.bid, event.bid_size, event.ask, event.ask_size, event.sequence) == (*best, 77)


@each
def test_trades_have_the_takers_side_and_no_number(venue: Venue) -> None:
    found = decoded(venue, trades(trade(), trade(S="Sell", i="2290000000050703789", p="60000", T=MS + 1)))
    target = f"{venue.name}:BTCUSDT"
    assert found == [
        Trade(target, RECV, MS * NS, "60000.10", "0.010", "buy", "20f43950-d8dd"),
        Trade(target, RECV, (MS + 1) * NS, "60000", "0.010", "sell", "2290000000050703789"),
    ]


def test_trades_of_options_come_by_coin_and_name_their_symbol() -> None:
    frame = trades(trade(s=CALL, mP="1", iP="2"), trade(s="BTC-6JAN23-17500-P"), topic="publicTrade.BTC")
    assert [event.target for event in decoded(OPTION, frame)] == [f"bybit-option:{CALL}", "bybit-option:BTC-6JAN23-17500-P"]


# -- tickers, liquidations


@each_contract
def test_a_ticker_tells_what_it_names(venue: Venue) -> None:
    whole = ticker(
        "snapshot",
        lastPrice="17216.00",
        markPrice="17217.33",
        indexPrice="17227.36",
        openInterest="68744.761",
        nextFundingTime="1673280000000",
        fundingRate="-0.000212",
        bid1Price="17215.50",
    )
    assert decoded(venue, whole) == [
        Derivative(
            f"{venue.name}:BTCUSDT",
            RECV,
            MS * NS,
            last="17216.00",
            mark="17217.33",
            index="17227.36",
            funding_rate="-0.000212",
            funding_time=1_673_280_000_000 * NS,
            open_interest="68744.761",
        )
    ]
    [change] = decoded(venue, ticker(markPrice="17217.34"))
    assert change == Derivative(f"{venue.name}:BTCUSDT", RECV, MS * NS, mark="17217.34")


def test_a_change_of_no_fact_of_ours_says_nothing() -> None:
    assert decoded(LINEAR, ticker(bid1Price="17215.50", ask1Size="83.020", volume24h="91705.276")) == []


def test_a_dated_contract_has_no_funding() -> None:
    [event] = decoded(LINEAR, ticker("snapshot", lastPrice="1", fundingRate="", nextFundingTime="0"))
    assert event == Derivative("bybit-linear:BTCUSDT", RECV, MS * NS, last="1")


def test_spot_tickers_tell_nothing_that_is_read() -> None:
    assert decoded(SPOT, ticker("snapshot", lastPrice="1")) == [Unread("", RECV, None, "tickers")]


@each_contract
@pytest.mark.parametrize(("position", "order"), [("Buy", "sell"), ("Sell", "buy")])
def test_a_liquidation_has_the_orders_side_and_not_the_positions(venue: Venue, position: str, order: Any) -> None:
    one = {"T": MS, "s": "BTCUSDT", "S": position, "v": "0.003", "p": "43511.70"}
    expected = Liquidation(f"{venue.name}:BTCUSDT", RECV, MS * NS, "43511.70", "0.003", order)
    assert decoded(venue, liquidated(one, one)) == [expected, expected]


def option_ticker(**fields: Any) -> dict[str, Any]:
    data = {
        "symbol": CALL,
        "bidPrice": "8",
        "bidSize": "1.5",
        "bidIv": "0.4",
        "askPrice": "10",
        "askSize": "5.1",
        "askIv": "0.514",
        "lastPrice": "10",
        "markPrice": "7.86976724",
        "indexPrice": "16823.73",
        "markPriceIv": "0.4896",
        "underlyingPrice": "16815.1",
        "openInterest": "49.85",
        "volume24h": "0.5",
        "delta": "0.047831",
        "gamma": "0.00021453",
        "vega": "0.81351067",
        "theta": "-19.9115368",
    }
    symbol = fields.get("symbol", CALL)
    return {"id": "x", "topic": f"tickers.{symbol}", "ts": MS, "data": data | fields, "type": "snapshot"}


def test_an_options_ticker() -> None:
    assert decoded(OPTION, option_ticker()) == [
        OptionSummary(
            f"bybit-option:{CALL}",
            RECV,
            MS * NS,
            option="call",
            strike="70000",
            expiry=1_774_598_400_000 * NS,
            bid="8",
            bid_size="1.5",
            bid_iv="0.4",
            ask="10",
            ask_size="5.1",
            ask_iv="0.514",
            last="10",
            mark="7.86976724",
            mark_iv="0.4896",
            underlying="16815.1",
            open_interest="49.85",
            delta="0.047831",
            gamma="0.00021453",
            vega="0.81351067",
            theta="-19.9115368",
            volume="0.5",
        )
    ]


def test_zeros_of_an_option_that_nobody_bids_for_are_no_prices() -> None:
    [event] = decoded(OPTION, option_ticker(bidPrice="0", bidSize="0", bidIv="0", lastPrice="0", openInterest="0"))
    assert isinstance(event, OptionSummary)
    assert (event.bid, event.bid_size, event.bid_iv, event.last) == (None, None, None, None)
    assert (event.ask, event.open_interest) == ("10", "0") and event.none == ("bid", "bid_size", "bid_iv")


@pytest.mark.parametrize(
    ("symbol", "terms"),
    [
        ("BTC-6JAN23-17500-P", ("put", "17500", 1_672_992_000_000 * NS)),
        ("XRP-28FEB27-2.55-C-USDT", ("call", "2.55", 1_803_801_600_000 * NS)),
        ("BTC-31FEB27-100-C", (None, None, None)),
        ("BTC-28FOO27-100-C", (None, None, None)),
        ("SOMETHING-NEW", (None, None, None)),
    ],
)
def test_an_options_terms_are_in_its_name(symbol: str, terms: tuple[Any, ...]) -> None:
    [event] = decoded(OPTION, option_ticker(symbol=symbol))
    assert isinstance(event, OptionSummary) and (event.option, event.strike, event.expiry) == terms


# -- what the venue says about itself


@pytest.mark.parametrize("words", ["subscribe", ""])
@pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
def test_an_acknowledgement_names_its_request(words: str, verb: str) -> None:
    answer = {"success": True, "ret_msg": words, "conn_id": "c", "req_id": "7", "op": verb}
    assert decoded(LINEAR, answer) == [Acknowledged("", RECV, None, "7")]


def test_a_refusal_is_of_the_whole_request() -> None:
    words = "error:handler not found,topic:orderbook.500.BTCUSDT"
    answer = {"success": False, "ret_msg": words, "conn_id": "c", "req_id": "7", "op": "subscribe"}
    assert decoded(LINEAR, answer) == [Refused("", RECV, None, "7", None, words)]
    assert decoded(SPOT, {"success": False, "ret_msg": "args size >10", "conn_id": "c"}) == [
        Refused("", RECV, None, None, None, "args size >10")
    ]


def test_an_options_answer_tells_topic_by_topic() -> None:
    data = {"failTopics": ["orderbook.25.NO"], "successTopics": [f"orderbook.25.{CALL}", "publicTrade.BTC"]}
    answer: dict[str, Any] = {"success": True, "conn_id": "c", "data": data, "type": "COMMAND_RESP"}
    taken = Acknowledged("", RECV, None, "", (f"orderbook.25.{CALL}", "publicTrade.BTC"))
    assert decoded(OPTION, answer) == [taken, Refused("", RECV, None, None, None, "failTopics", ("orderbook.25.NO",))]
    assert decoded(OPTION, answer | {"data": {"failTopics": [], "successTopics": data["successTopics"]}}) == [taken]
    refused = {"success": False, "ret_msg": "no", "type": "COMMAND_RESP", "data": None}
    assert decoded(OPTION, refused) == [Refused("", RECV, None, None, None, "no")]
    assert decoded(OPTION, {"success": True, "type": "COMMAND_RESP"}) == [Acknowledged("", RECV, None)]


def test_pongs_in_both_forms() -> None:
    pong = {"success": True, "ret_msg": "pong", "conn_id": "c", "req_id": "ping-1", "op": "ping"}
    assert decoded(LINEAR, pong) == [Heartbeat("", RECV, None)]
    assert decoded(OPTION, {"args": [str(MS)], "op": "pong"}) == [Heartbeat("", RECV, MS * NS)]


@pytest.mark.parametrize("topic", ["kline.5.BTCUSDT", "insurance.USDT", "priceLimit.BTCUSDT"])
def test_topics_that_nothing_reads_are_named(topic: str) -> None:
    frame = {"topic": topic, "type": "snapshot", "ts": MS, "data": []}
    assert decoded(LINEAR, frame) == [Unread("", RECV, None, topic.partition(".")[0])]


@pytest.mark.parametrize("channel", ["orderbook.rpi", "orderbook.full"])
def test_books_of_other_rules_are_unread(channel: str) -> None:
    frame = book("delta", 7, [["1", "2", "3"]], topic=f"{channel}.BTCUSDT")
    assert decoded(SPOT, frame) == [Unread("bybit:BTCUSDT", RECV, None, channel)]


# -- what is refused


def without(frame: dict[str, Any], *path: Any) -> dict[str, Any]:
    """The frame without one field."""
    copy = orjson.loads(orjson.dumps(frame))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return dict(copy)


BOOK = book("delta", 7, [["60000.10", "1"]], [])
LIQUIDATED = liquidated({"T": MS, "s": "BTCUSDT", "S": "Buy", "v": "0.003", "p": "43511.70"})
MALFORMED: dict[str, Any] = {
    "empty": b"",
    "no JSON": b"pong",
    "cut": orjson.dumps(BOOK)[:-20],
    "more after it": orjson.dumps(BOOK) + b"}",
    "not UTF-8": orjson.dumps(BOOK).replace(b"BTCUSDT", b"BTC\xff\xfeDT"),
    "a number": b"7",
    "a list": b"[1]",
    "null": b"null",
    "an empty object": b"{}",
    "deep": b"[" * 100_000,
    "success alone": {"success": True},
    "an answer to something else": {"success": True, "op": "auth"},
    "topic is a number": BOOK | {"topic": 5},
    "data is null": BOOK | {"data": None},
    "no kind of message": without(BOOK, "type"),
    "a kind that is none": BOOK | {"type": "update"},
    "another symbol": BOOK | {"topic": "orderbook.50.ETHUSDT"},
    "no time": without(without(BOOK, "ts"), "cts"),
    "time is a text": BOOK | {"cts": "5"},
    "time before 1970": BOOK | {"cts": -1},
    "time beyond 2262": BOOK | {"cts": 10**16},
    "u is a text": book("delta", 7) | {"data": BOOK["data"] | {"u": "7"}},
    "u beyond 64 bits": orjson.dumps(BOOK).replace(b'"u":7', b'"u":' + b"9" * 30),
    "u below zero": book("delta", -7),
    "levels are numbers": book("delta", 7, [[1.5, 2.5]]),
    "level of one": book("delta", 7, [["1.5"]]),
    "level of three": book("delta", 7, [["1.5", "1", "1"]]),
    "a topic of no symbol": BOOK | {"topic": "orderbook.50."},
    "a symbol without end": book("delta", 7, topic="orderbook.50." + "A" * 300),
    "a topic of contracts before v5": {"topic": "orderBookL2_25.BTCUSD", "type": "delta", "data": {}},
    "a topic of spot before v5": {"topic": "depth", "data": {}},
    "a change of level 1": book("delta", 7, [["1", "2"]], topic="orderbook.1.BTCUSDT"),
    "a quote that is none": book("snapshot", 7, [["x", "2"]], topic="orderbook.1.BTCUSDT"),
    "a negative size": book("snapshot", 7, [["1", "-2"]], topic="orderbook.1.BTCUSDT"),
    "a trade of nothing": trades(trade(v="0.000")),
    "a trade for nothing": trades(trade(p="0")),
    "price NaN": trades(trade(p="NaN")),
    "price is a number": trades(trade(p=1.5)),
    "a side that is none": trades(trade(S="Both")),
    "trade id is a number": trades(trade(i=7)),
    "trade id without end": trades(trade(i="7" * 201)),
    "a topic that was taken without end": {"success": True, "type": "COMMAND_RESP", "data": {"successTopics": ["x" * 201]}},
    "a topic that failed without end": {"success": False, "type": "COMMAND_RESP", "data": {"failTopics": ["x" * 201]}},
    "one bad trade of two": trades(trade(), trade(p="x")),
    "trades are no list": trades() | {"data": trade()},
    "a ticker of another symbol": ticker(lastPrice="1") | {"topic": "tickers.ETHUSDT"},
    "a mark that is none": ticker(markPrice="NaN"),
    "a funding time that is none": ticker(nextFundingTime="soon"),
    "liquidation of no side": liquidated({"T": MS, "s": "BTCUSDT", "S": "", "v": "1", "p": "1"}),
    "liquidation of nothing": liquidated({"T": MS, "s": "BTCUSDT", "S": "Buy", "v": "0", "p": "1"}),
}
MALFORMED |= {f"book lacks {field}": without(BOOK, "data", field) for field in "sbau"}
MALFORMED |= {f"trade lacks {field}": without(trades(trade()), "data", 0, field) for field in "TsSvpi"}
MALFORMED |= {f"liquidation lacks {field}": without(LIQUIDATED, "data", 0, field) for field in "TsSvp"}


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_frame_is_a_bad_frame(frame: Any) -> None:
    with pytest.raises(BadFrame) as refusal:
        decoded(LINEAR, frame)
    assert len(str(refusal.value)) < 400


def test_a_malformed_options_ticker_is_a_bad_frame() -> None:
    for frame in (option_ticker(delta="x"), option_ticker() | {"topic": "tickers.OTHER"}, without(option_ticker(), "ts")):
        with pytest.raises(BadFrame):
            decoded(OPTION, frame)


def test_new_fields_break_nothing() -> None:
    assert decoded(LINEAR, trades(trade(new={"deep": [1, None]})) | {"new": 1.5}) == decoded(LINEAR, trades(trade()))
