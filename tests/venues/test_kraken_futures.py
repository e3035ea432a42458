"""What frames of Kraken Futures mean."""

from __future__ import annotations

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
    Greeting,
    Heartbeat,
    Liquidation,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.venues.kraken_futures import KrakenFutures

RECV = 1_780_000_000_000_000_000
MS = 1_612_269_953_629
TIME = MS * 1_000_000
TARGET = "kraken-futures:PF_XBTUSD"


def read(message: object) -> list[Event]:
    payload = message if isinstance(message, bytes) else orjson.dumps(message)
    return list(KrakenFutures().conversation().decode(payload, RECV))


def delta(**fields: Any) -> dict[str, Any]:
    told = {"feed": "book", "product_id": "PF_XBTUSD", "side": "sell", "seq": 42, "price": 34981, "qty": 0.5, "timestamp": MS}
    return told | fields


def snapshot(**fields: Any) -> dict[str, Any]:
    bids, asks = [{"price": 34892.5, "qty": 6385}, {"price": 34892, "qty": 0.0}], [{"price": 34911.5, "qty": 20598.0}]
    told = {"feed": "book_snapshot", "product_id": "PF_XBTUSD", "timestamp": MS, "seq": 41, "tickSize": None}
    return told | {"bids": bids, "asks": asks} | fields


def trade(**fields: Any) -> dict[str, Any]:
    told = {"feed": "trade", "product_id": "PF_XBTUSD", "uid": "05af78ac", "side": "sell", "type": "fill", "seq": 653355}
    return told | {"time": MS, "qty": 15000, "price": 34969.5} | fields


def ticker(**fields: Any) -> dict[str, Any]:
    return {
        "time": MS,
        "product_id": "PF_XBTUSD",
        "feed": "ticker",
        "funding_rate": -0.5,
        "relative_funding_rate": -0.0000125,
        "next_funding_rate_time": MS + 1000,
        "bid": 21978.5,
        "ask": 21987.0,
        "bid_size": 2536.0,
        "ask_size": 13948.0,
        "index": 21984.54,
        "last": 21983.5,
        "openInterest": 30072580.0,
        "markPrice": 21979.68641534714,
    } | fields


def test_a_snapshot_begins_a_count_and_has_no_levels_of_nothing() -> None:
    expected = BookSnapshot(TARGET, RECV, TIME, "book", [("34892.5", "6385")], [("34911.5", "20598.0")], 41)
    assert read(snapshot()) == [expected]


def test_an_update_is_one_level_of_one_side() -> None:
    assert read(delta()) == [BookDelta(TARGET, RECV, TIME, "book", [], [("34981", "0.5")], 42, 42)]
    assert read(delta(side="buy", qty=0.0)) == [BookDelta(TARGET, RECV, TIME, "book", [("34981", "0.0")], [], 42, 42)]


def test_old_updates_have_no_time_and_may_have_negative_sizes() -> None:
    assert read(delta(qty=-3.0, timestamp=None)) == [BookDelta(TARGET, RECV, None, "book", [], [("34981", "0")], 42, 42)]
    [picture] = read(snapshot(bids=[{"price": 1, "qty": -2}], asks=[]))
    assert isinstance(picture, BookSnapshot) and picture.bids == []


def test_a_trade_has_the_takers_side_and_a_number() -> None:
    assert read(trade()) == [Trade(TARGET, RECV, TIME, "34969.5", "15000", "sell", "05af78ac", 653355)]
    old = trade(side="buy")
    del old["uid"]
    assert read(old) == [Trade(TARGET, RECV, TIME, "34969.5", "15000", "buy", "", 653355)]


@pytest.mark.parametrize("kind", ["termination", "block"])
def test_other_trades_are_trades(kind: str) -> None:
    assert [type(event) for event in read(trade(type=kind))] == [Trade]


def test_a_liquidation_is_a_trade_too() -> None:
    assert read(trade(type="liquidation")) == [
        Trade(TARGET, RECV, TIME, "34969.5", "15000", "sell", "05af78ac", 653355),
        Liquidation(TARGET, RECV, TIME, "34969.5", "15000", "sell", "05af78ac"),
    ]


def test_trades_from_before_the_subscription_are_no_news() -> None:
    history = {"feed": "trade_snapshot", "product_id": "PF_XBTUSD", "trades": [trade(), trade(type="liquidation")]}
    assert read(history) == [Unread(TARGET, RECV, None, "trade history")]


def test_a_ticker_tells_of_the_contract_and_of_the_best_prices() -> None:
    told = Derivative(
        TARGET,
        RECV,
        TIME,
        last="21983.5",
        mark="21979.68641534714",
        index="21984.54",
        funding_rate="-0.0000125",
        funding_time=TIME + 1_000_000_000,
        open_interest="30072580.0",
    )
    assert read(ticker()) == [told, Quote(TARGET, RECV, TIME, "21978.5", "2536.0", "21987.0", "13948.0")]


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ticker().items() if name not in names}


def test_a_rate_of_zero_is_not_written_and_one_that_is_not_comparable_is_not_taken() -> None:
    def rate(message: dict[str, Any]) -> str | None:
        [told, _] = read(message)
        assert isinstance(told, Derivative)
        return told.funding_rate

    assert rate(without("funding_rate", "relative_funding_rate")) == "0"
    assert rate(without("relative_funding_rate")) is None
    # Dated contracts have no funding.
    assert rate(without("funding_rate", "relative_funding_rate", "next_funding_rate_time")) is None
    assert rate(without("funding_rate", "relative_funding_rate") | {"next_funding_rate_time": 0}) is None


def test_an_empty_side_has_no_best_price() -> None:
    [_, quote] = read(without("bid", "bid_size"))
    assert quote == Quote(TARGET, RECV, TIME, None, None, "21987.0", "13948.0")


def test_a_small_ticker_has_neither_sizes_nor_time() -> None:
    lite = {"feed": "ticker_lite", "product_id": "PF_XBTUSD", "bid": 439.3, "ask": 439.6, "change": 2.6, "volume": 3413476.0}
    assert read(lite) == [Quote(TARGET, RECV, None, "439.3", None, "439.6", None)]


def test_answers_name_products() -> None:
    for event in ("subscribed", "unsubscribed"):
        message = {"event": event, "feed": "book", "product_ids": ["PF_XBTUSD", "PI_ETHUSD"]}
        assert read(message) == [Acknowledged("", RECV, None, "", ("book:PF_XBTUSD", "book:PI_ETHUSD"))]
    failed = {"event": "subscribed_failed", "feed": "book", "product_ids": ["PF_XBTUSD"]}
    assert read(failed) == [Refused("", RECV, None, None, None, "subscribed_failed", ("book:PF_XBTUSD",))]
    # Of no stream of ours, and so of none at all.
    assert read({"event": "subscribed", "feed": "heartbeat"}) == [Acknowledged("", RECV, None, "", ())]


@pytest.mark.parametrize("words", ["Already subscribed to feed, re-requesting", "Not subscribed to feed"])
def test_an_alert_that_it_is_as_was_asked_is_no_refusal(words: str) -> None:
    assert read({"event": "alert", "message": words}) == [Status("", RECV, None, words)]


@pytest.mark.parametrize("event", ["error", "alert"])
def test_a_refusal_has_the_venues_words(event: str) -> None:
    assert read({"event": event, "message": "Invalid product id"}) == [Refused("", RECV, None, None, None, "Invalid product id")]


def test_greeting_and_signs_of_life() -> None:
    assert read({"event": "info", "version": 1}) == [Greeting("", RECV, None)]
    assert read({"feed": "heartbeat", "time": MS}) == [Heartbeat("", RECV, TIME)]
    assert read({"event": "pong"}) == [Heartbeat("", RECV, None)]


def test_what_nothing_reads_is_named() -> None:
    assert read({"event": "challenge", "message": "x"}) == [Unread("", RECV, None, "challenge")]
    assert read({"feed": "fills_snapshot", "fills": []}) == [Unread("", RECV, None, "fills_snapshot")]


MALFORMED: dict[str, object] = {
    "empty": b"",
    "no JSON": b"pong",
    "cut": orjson.dumps(delta())[:-9],
    "a list": [],
    "an empty object": {},
    "feed is a number": {"feed": 7},
    "event is a number": {"event": 7},
    "error without words": {"event": "error"},
    "answer without feed": {"event": "subscribed", "product_ids": ["PF_XBTUSD"]},
    "heartbeat without time": {"feed": "heartbeat"},
    "side that is none": delta(side="both"),
    "price is null": delta(price=None),
    "price is a text that is no number": delta(price="x"),
    "seq is a text": delta(seq="42"),
    "seq is a fraction": delta(seq=42.5),
    "seq is huge": delta(seq=2**63),
    "time before 1970": delta(timestamp=-1),
    "product is empty": delta(product_id=""),
    "levels are lists": snapshot(bids=[[1, 2]]),
    "a trade of nothing": trade(qty=0),
    "mark is a list": ticker(markPrice=[1]),
}
MALFORMED |= {
    f"{message['feed']} lacks {field}": {name: value for name, value in message.items() if name != field}
    for message, fields in [
        (delta(), ("product_id", "side", "seq", "price", "qty")),
        (snapshot(), ("product_id", "seq", "bids", "asks")),
        (trade(), ("product_id", "side", "type", "seq", "time", "qty", "price")),
        (ticker(), ("product_id", "time")),
    ]
    for field in fields
}


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_frame_is_a_bad_frame(message: object) -> None:
    with pytest.raises(BadFrame) as refusal:
        read(message)
    assert len(str(refusal.value)) < 400
