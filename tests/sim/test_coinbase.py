"""The simulated Coinbase against its documents: what it answers, counts and tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.coinbase import COINBASE
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.listing import Listing, open_listing

RATE = 4
NOW = 1_786_788_000_123_456_789
SYMBOLS = ("BTC-USD", "ETH-USD", "BIP-20DEC30-CDE", "BTC-PERP-INTX", "BIT-24APR26-CDE")


class Market:
    """The exchange without its sockets: one client, whose messages and the market's steps make frames."""

    def __init__(self, refused: Sequence[str] = ()) -> None:
        self.listings: dict[str, Listing] = {
            symbol: open_listing(COINBASE.instrument(symbol), seed=3, venue="coinbase", rate=RATE) for symbol in SYMBOLS
        }
        self.desk = Desk(
            self.listings,
            NOW,
            lambda one: one.market.state(),
            lambda symbols: "no" if set(symbols) & set(refused) else None,
            RATE,
        )
        session = COINBASE.open("/", self.desk)
        assert session is not None
        self.session: Session = session

    def ask(self, kind: str, channel: str, *products: str) -> list[Any]:
        message = {"type": kind, "channel": channel} | ({"product_ids": products} if products else {})
        return self.say(orjson.dumps(message).decode())

    def say(self, text: str) -> list[Any]:
        return [orjson.loads(frame) for frame in COINBASE.receive(self.session, text, self.desk)]

    def step(self) -> list[Any]:
        frames = []
        for symbol, listing in self.listings.items():
            step = listing.advance()
            for stream in self.session.streams.values():
                if stream is not None and stream.symbol == symbol:
                    payloads = COINBASE.payloads(stream, listing, step, NOW, RATE)
                    frames += [orjson.loads(COINBASE.wrap(self.session, stream, payload)) for payload in payloads]
        return frames

    def beat(self) -> list[Any]:
        return [orjson.loads(frame) for frame in COINBASE.beat(self.session, self.desk)]


def test_every_frame_has_the_next_number() -> None:
    market = Market()
    frames = market.ask("subscribe", "heartbeats")
    frames += market.ask("subscribe", "level2", "BTC-USD", "ETH-USD")
    frames += market.ask("subscribe", "market_trades", "BTC-USD")
    frames += market.ask("subscribe", "ticker", "BTC-USD")
    for _ in range(20):
        frames += market.step()
        frames += market.beat()
    frames += market.ask("unsubscribe", "level2", "ETH-USD")
    assert [frame["sequence_num"] for frame in frames] == list(range(len(frames))) and len(frames) > 60
    told = {"subscriptions", "l2_data", "market_trades", "ticker", "heartbeats"}
    assert {frame["channel"] for frame in frames} == told


def test_an_answer_lists_all_that_is_on_and_comes_after_what_it_begins_with() -> None:
    market = Market()
    assert [frame["channel"] for frame in market.ask("subscribe", "level2", "BTC-USD", "ETH-USD")] == [
        "l2_data",
        "l2_data",
        "subscriptions",
    ]
    *_, answer = market.ask("subscribe", "heartbeats")
    listed = {"level2": ["BTC-USD", "ETH-USD"], "heartbeats": ["heartbeats"]}
    assert answer["events"] == [{"subscriptions": listed}]
    [answer] = market.ask("unsubscribe", "level2", "BTC-USD")
    assert answer["events"] == [{"subscriptions": listed | {"level2": ["ETH-USD"]}}]
    # What is on already begins no second time.
    [answer] = market.ask("subscribe", "level2", "ETH-USD")


def test_an_unknown_product_is_left_out_without_a_word() -> None:
    [answer] = Market().ask("subscribe", "level2", "NO-SUCH")
    assert answer["events"] == [{"subscriptions": {}}]


def test_what_cannot_be_had_is_an_authentication_failure_without_a_number() -> None:
    market = Market(refused=["ETH-USD"])
    failure = [{"type": "error", "message": "authentication failure"}]
    assert market.ask("subscribe", "l2_data", "BTC-USD") == failure
    assert market.ask("subscribe", "level2", "BTC-USD", "ETH-USD") == failure
    for text in ("", "[]", "{}", '{"type":"subscribe"}', '{"type":"hello","channel":"level2"}'):
        assert market.say(text) == failure
    assert market.session.streams == {} and market.session.sent == 0


def test_heartbeats_come_to_those_who_asked() -> None:
    market = Market()
    assert market.beat() == []
    market.ask("subscribe", "heartbeats")
    [beat] = market.beat()
    assert beat["channel"] == "heartbeats" and list(beat["events"][0]) == ["current_time", "heartbeat_counter"]


def test_the_book_of_a_beginner_is_the_one_that_was_published() -> None:
    market = Market()
    books: dict[str, dict[str, dict[Decimal, Decimal]]] = defaultdict(lambda: {"bid": {}, "offer": {}})
    frames = market.ask("subscribe", "level2", "BTC-USD", "BIP-20DEC30-CDE")
    for _ in range(60):
        frames += market.step()
    kinds = []
    for frame in frames:
        for event in frame["events"] if frame["channel"] == "l2_data" else ():
            kinds.append(event["type"])
            if event["type"] == "snapshot":
                books.pop(event["product_id"], None)
            for change in event["updates"]:
                side = books[event["product_id"]][change["side"]]
                price, size = Decimal(change["price_level"]), Decimal(change["new_quantity"])
                if size:
                    side[price] = size
                else:
                    del side[price]
    assert kinds == ["snapshot"] * 2 + ["update"] * 120
    for symbol, book in books.items():
        fact, state = market.listings[symbol].instrument, market.listings[symbol].market.state()
        for name, levels in (("bid", state.bids), ("offer", state.asks)):
            assert book[name] == {Decimal(fact.price(price)): Decimal(fact.size(size)) for price, size in levels}
        assert market.listings[symbol].windows[f"level2:{symbol}"].state.id == state.id


def test_trades_name_the_makers_side_and_the_newest_comes_first() -> None:
    market = Market()
    for _ in range(40):
        market.step()
    [past, _] = market.ask("subscribe", "market_trades", "BTC-USD")
    [history] = past["events"]
    assert history["type"] == "snapshot" and 0 < len(history["trades"]) <= 50
    news = [event for _ in range(40) for frame in market.step() for event in frame["events"]]
    assert {event["type"] for event in news} == {"update"}
    listing = market.listings["BTC-USD"]
    taken = {str(trade.id): trade.buy for step in listing.recent for trade in step.trades}
    for event in (history, *news):
        numbers = [int(trade["trade_id"]) for trade in event["trades"]]
        assert numbers == sorted(numbers, reverse=True)
        for trade in event["trades"]:
            assert trade["side"] == ("SELL" if taken[trade["trade_id"]] else "BUY")
    told = [trade["trade_id"] for event in (history, *news) for trade in event["trades"]]
    assert len(told) == len(set(told))


def test_a_ticker_comes_with_trades_and_tells_the_best_prices() -> None:
    market = Market()
    market.ask("subscribe", "ticker", "BTC-USD")
    listing, told = market.listings["BTC-USD"], 0
    for _ in range(40):
        frames = market.step()
        assert bool(frames) is bool(listing.recent[-1].trades)
        for frame in frames:
            [ticker], best = frame["events"][0]["tickers"], listing.market.bids.best
            told += 1
            assert ticker["best_bid"] == listing.instrument.price(best)
            assert ticker["best_bid_quantity"] == listing.instrument.size(listing.market.bids.sizes[best])
    assert told


def test_products_are_listed_by_kind() -> None:
    desk, path = Market().desk, "/api/v3/brokerage/market/products"

    def products(**query: str) -> list[str]:
        answer = COINBASE.http(path, query, desk)
        assert answer is not None and answer.status == 200
        return [row["product_id"] for row in orjson.loads(answer.encode())["products"]]

    assert products() == list(SYMBOLS)
    assert products(product_type="FUTURE") == list(SYMBOLS[2:])
    assert products(product_type="FUTURE", contract_expiry_type="PERPETUAL") == ["BTC-PERP-INTX"]
    one = COINBASE.http(f"{path}/BIP-20DEC30-CDE", {}, desk)
    assert one is not None
    details = orjson.loads(one.encode())["future_product_details"]
    assert details["contract_expiry"] == "2030-12-20T16:00:00Z" and details["funding_interval"] == "3600s"
    missing = COINBASE.http(f"{path}/NO-SUCH", {}, desk)
    assert missing is not None and missing.status == 404
    assert COINBASE.http("/elsewhere", {}, desk) is None and COINBASE.limited(1).status == 429
    clock = COINBASE.http("/api/v3/brokerage/time", {}, desk)
    assert clock is not None and orjson.loads(clock.encode())["iso"] == "2026-08-15T10:00:00.123456789Z"


def test_symbols_that_the_venue_could_not_list() -> None:
    for symbol in ("BTCUSD", "BTC-USD-CDE", "-USD"):
        with pytest.raises(UsageError):
            COINBASE.instrument(symbol)
    assert COINBASE.open("/ws", Market().desk) is None
