"""The dialect of Bitstamp by itself: a client that knows only the document."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.bitstamp import BITSTAMP
from feedtape.sim.dialect import Desk
from feedtape.sim.history import BookState
from feedtape.sim.listing import Listing, open_listing

NS = 1_786_923_425_376_419_123
RATE = 10
Sides = dict[str, dict[Decimal, Decimal]]


def desk(*symbols: str, refuse: str = "") -> Desk:
    listings = {
        symbol: open_listing(BITSTAMP.instrument(symbol), seed=5, venue="bitstamp", rate=RATE)
        for symbol in symbols or ("btcusd",)
    }
    return Desk(listings, NS, lambda listing: listing.market.state(), lambda found: "no" if refuse in found else None, RATE)


class Client:
    """A connection, and the market's time."""

    def __init__(self, at: Desk) -> None:
        session = BITSTAMP.open("/", at)
        assert session is not None
        self.session = session
        self.at = at
        self.now = NS

    def say(self, event: str, channel: str | None = None) -> Any:
        request = {"event": event} | ({} if channel is None else {"data": {"channel": channel}})
        answers = BITSTAMP.receive(self.session, orjson.dumps(request).decode(), self.at)
        return [json.loads(answer) for answer in answers]

    def subscribe(self, channel: str) -> None:
        [answer] = self.say("bts:subscribe", channel)
        assert answer == {"event": "bts:subscription_succeeded", "channel": channel, "data": {}}

    def step(self, *channels: str) -> list[Any]:
        """One step of the market of the first channel, as all of them tell it."""
        stream = self.session.streams[channels[0]]
        assert stream is not None
        listing = self.at.listings[stream.symbol]
        step = listing.advance()
        self.now += 10**9 // RATE
        told = []
        for name in channels:
            one = self.session.streams[name]
            assert one is not None
            told += [json.loads(frame, parse_float=str) for frame in BITSTAMP.payloads(one, listing, step, self.now, RATE)]
        assert all(message["channel"] in channels for message in told)
        return told

    def get(self, path: str, group: str = "1", book: Callable[[Listing], BookState] | None = None) -> Any:
        at = replace(self.at, now_ns=self.now, book=book or self.at.book)
        answer = BITSTAMP.http(path, {"group": group}, at)
        assert answer is not None
        return json.loads(answer.encode()) if answer.status == 200 else answer.status


def exact(rows: list[list[str]]) -> dict[Decimal, Decimal]:
    added: dict[Decimal, Decimal] = {}
    for price, size, *_ in rows:
        added[Decimal(price)] = added.get(Decimal(price), Decimal(0)) + Decimal(size)
    return added


def picture(body: Any) -> Sides:
    return {side: exact(body[side]) for side in ("bids", "asks")}


def truth(listing: Listing, state: BookState) -> Sides:
    fact = listing.instrument
    return {
        side: {Decimal(fact.price(price)): Decimal(fact.size(size)) for price, size in levels}
        for side, levels in (("bids", state.bids), ("asks", state.asks))
    }


@pytest.mark.parametrize("group", ["1", "2"])
def test_a_snapshot_and_what_is_later_rebuild_the_book(group: str) -> None:
    client = Client(desk())
    client.subscribe("diff_order_book_btcusd")
    diffs = [message["data"] for _ in range(20) for message in client.step("diff_order_book_btcusd")]
    body = client.get("/api/v2/order_book/btcusd/", group)
    assert all(len(row) == int(group) + 1 for row in body["bids"] + body["asks"])
    book, since = picture(body), int(body["microtimestamp"])
    assert since >= int(diffs[0]["microtimestamp"])
    diffs += [message["data"] for _ in range(20) for message in client.step("diff_order_book_btcusd")]
    times = [int(data["microtimestamp"]) for data in diffs]
    # A tenth of a second is what there is between steps here, and so what 150 ms come to is two.
    assert times == sorted(set(times)) and len(diffs) == 20
    for data in diffs:
        if int(data["microtimestamp"]) > since:
            for side in book:
                book[side] |= exact(data[side])
    listing = client.at.listings["btcusd"]
    assert {side: {p: q for p, q in levels.items() if q} for side, levels in book.items()} == truth(
        listing, listing.market.state()
    )


def test_a_snapshot_of_the_past_has_the_time_of_the_past() -> None:
    client = Client(desk())
    client.subscribe("diff_order_book_btcusd")
    listing = client.at.listings["btcusd"]
    times = []
    for _ in range(30):
        times += [int(message["data"]["microtimestamp"]) for message in client.step("diff_order_book_btcusd")]
    at = listing.last_id_before(9)
    body = client.get("/api/v2/order_book/btcusd/", book=lambda one: one.market.state_at(at))
    since = int(body["microtimestamp"])
    assert since in times and since < times[-3] and picture(body) != truth(listing, listing.market.state())
    assert int(body["timestamp"]) == since // 10**6


def test_orders_chain_and_rebuild_the_book() -> None:
    client = Client(desk())
    client.subscribe("live_orders_btcusd")
    for _ in range(3):
        client.step("live_orders_btcusd")
    body = client.get("/api/v2/order_book/btcusd/", "2")
    orders = {id: (side, price, size) for side in ("bids", "asks") for price, size, id in body[side]}
    listing = client.at.listings["btcusd"]
    assert picture(body) == truth(listing, listing.market.state())
    link, events, kept_prices = "", set(), 0
    for _ in range(60):
        for message in client.step("live_orders_btcusd"):
            data, event = message["data"], message["event"]
            assert not link or message["pre_event_id"] == link
            assert message["event_id"] != message["pre_event_id"] and len(message["event_id"]) == 36
            assert data["microtimestamp"].endswith("000") and data["amount"] == data["amount_str"]
            link = message["event_id"]
            events.add(event)
            id, price = data["id_str"], data["price_str"]
            if event == "order_deleted":
                orders.pop(id, None)
            elif Decimal(price):
                if event == "order_changed" and Decimal(data["amount_traded"]):
                    # The execution's price, and not the order's.
                    kept_prices += price != orders[id][1]
                    price = orders[id][1]
                orders[id] = (("bids", "asks")[data["order_type"]], price, data["amount_str"])
    assert events == {"order_created", "order_changed", "order_deleted"} and kept_prices
    added = {side: exact([[price, size] for of, price, size in orders.values() if of == side]) for side in ("bids", "asks")}
    assert added == truth(listing, listing.market.state())


def test_pictures_are_of_the_best_hundred() -> None:
    client = Client(desk())
    for channel in ("order_book_btcusd", "detail_order_book_btcusd"):
        client.subscribe(channel)
    listing = client.at.listings["btcusd"]
    [plain, detailed] = client.step("order_book_btcusd", "detail_order_book_btcusd")
    market = listing.market
    best = truth(listing, BookState(0, market.bids.top(100), market.asks.top(100)))
    assert picture(plain["data"]) == best and plain["event"] == detailed["event"] == "data"
    for side in ("bids", "asks"):
        rows = detailed["data"][side]
        assert len(rows) == 100 and len({id for _, _, id in rows}) == 100
        *whole, _ = exact(rows).items()
        assert whole == list(best[side].items())[: len(whole)]


def test_trades() -> None:
    for symbol in ("btcusd", "btcusd-perp"):
        client = Client(desk(symbol))
        client.subscribe(f"live_trades_{symbol}")
        trades = [message["data"] for _ in range(40) for message in client.step(f"live_trades_{symbol}")]
        assert {data["type"] for data in trades} == {0, 1} and len({data["id"] for data in trades}) == len(trades)
        # Seconds on spot, milliseconds on perpetuals, whose ids are too long for a float.
        digits = {len(data["timestamp"]) for data in trades}
        assert digits == ({13} if "perp" in symbol else {10})
        assert all(("id_str" in data) == (data["id"] > 2**53) == ("perp" in symbol) for data in trades)


def test_funding_and_open_interest_of_a_perpetual() -> None:
    client = Client(desk("btcusd-perp", "btcusd"))
    client.subscribe("funding_rate_btcusd-perp")
    told = [message for _ in range(2 * RATE) for message in client.step("funding_rate_btcusd-perp")]
    assert len(told) == 2 and {message["event"] for message in told} == {"funding_rate_saved"}
    data = told[0]["data"]
    assert data["market"] == "btcusd-perp" and int(data["next_funding_time"]) > int(data["timestamp"])
    assert "open_interest" in client.get("/api/v2/ticker/btcusd-perp/") and "open_interest" not in client.get(
        "/api/v2/ticker/btcusd/"
    )


def test_what_is_refused_and_what_is_taken_without_a_word() -> None:
    client = Client(desk("btcusd", "ethusd", refuse="ethusd"))

    def error(text: str) -> Any:
        [answer] = BITSTAMP.receive(client.session, text, client.at)
        message = json.loads(answer)
        assert (message["event"], message["channel"]) == ("bts:error", "")
        return message["data"]["message"]

    assert error("{") == "Incorrect JSON format."
    assert error("[]") == error('{"event":"bts:dance","data":{"channel":"x"}}') == error('{"event":"bts:subscribe"}')
    assert error('{"event":"bts:subscribe","data":{"channel":"order_book_BTCUSD"}}') == "Invalid channel provided."
    assert error('{"event":"bts:subscribe","data":{"channel":"ticker_btcusd"}}') == "Invalid channel provided."
    assert error('{"event":"bts:subscribe","data":{"channel":"order_book_ethusd"}}') == "Bad subscription string."
    client.subscribe("order_book_fooxyz-perp")
    assert client.session.streams == {"order_book_fooxyz-perp": None}
    gone = {"event": "bts:unsubscription_succeeded", "channel": "order_book_fooxyz-perp", "data": {}}
    assert client.say("bts:unsubscribe", "order_book_fooxyz-perp") == [gone] and not client.session.streams
    assert client.say("bts:heartbeat") == [{"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}]


def test_a_connection_ends_without_a_word_by_a_long_message_or_one_channel_too_many() -> None:
    client = Client(desk())
    for number in range(1024):
        client.subscribe(f"order_book_c{number}")
    assert not client.session.dropped and client.say("bts:subscribe", "order_book_btcusd") == [] and client.session.dropped
    other = Client(desk())
    assert other.say("bts:subscribe", "order_book_" + "x" * 500) == [] and other.session.dropped


def test_markets_and_limits() -> None:
    client = Client(desk("btcusd", "btcusd-perp"))
    spot, perpetual = client.get("/api/v2/markets/")
    assert (spot["market_symbol"], spot["market_type"], spot["trading"]) == ("btcusd", "SPOT", "Enabled")
    assert (perpetual["name"], perpetual["market_type"], perpetual["contract_size"]) == (
        "BTC/USD-PERP",
        "PERPETUAL",
        "1.00000000",
    )
    assert client.get("/api/v2/order_book/xxxusd/") == 404 and BITSTAMP.limited(1).status == 429
    assert BITSTAMP.http("/api/v2/transactions/btcusd/", {}, client.at) is None and BITSTAMP.open("/v2", client.at) is None
    with pytest.raises(UsageError):
        BITSTAMP.instrument("BTC/USD")
