"""The simulated Hyperliquid against its documents: what it answers and tells."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.hyperliquid import HYPERLIQUID
from feedtape.sim.listing import Listing, open_listing

RATE = 4
NOW = 1_790_232_236_546_789_000
SYMBOLS = HYPERLIQUID.symbols


class Market:
    """The exchange without its sockets: one client, whose messages and the market's steps make frames."""

    def __init__(self, refused: Sequence[str] = ()) -> None:
        self.listings: dict[str, Listing] = {
            symbol: open_listing(HYPERLIQUID.instrument(symbol), seed=3, venue="hyperliquid", rate=RATE) for symbol in SYMBOLS
        }
        self.desk = Desk(
            self.listings,
            NOW,
            lambda one: one.market.state(),
            lambda symbols: "no" if set(symbols) & set(refused) else None,
            RATE,
        )
        session = HYPERLIQUID.open("/ws", self.desk)
        assert session is not None
        self.session: Session = session

    def ask(self, method: str, kind: str, coin: str, **fields: Any) -> list[Any]:
        message = {"method": method, "subscription": {"type": kind, "coin": coin} | fields}
        return self.say(orjson.dumps(message).decode())

    def say(self, text: str) -> list[Any]:
        return [orjson.loads(frame) for frame in HYPERLIQUID.receive(self.session, text, self.desk)]

    def step(self) -> list[Any]:
        frames = []
        for symbol, listing in self.listings.items():
            step = listing.advance()
            for stream in self.session.streams.values():
                if stream is not None and stream.symbol == symbol:
                    payloads = HYPERLIQUID.payloads(stream, listing, step, NOW, RATE)
                    frames += [orjson.loads(HYPERLIQUID.wrap(self.session, stream, payload)) for payload in payloads]
        return frames

    def info(self, **request: str) -> Any:
        answer = HYPERLIQUID.post("/info", orjson.dumps(request), self.desk)
        assert answer is not None and answer.status == 200
        return orjson.loads(answer.encode())


def test_an_answer_repeats_the_subscription_with_defaults_before_the_stream_begins() -> None:
    market = Market()
    answer, first = market.ask("subscribe", "l2Book", "BTC")
    filled = {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False}
    assert answer == {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": filled}}
    assert first["channel"] == "l2Book" and [len(side) for side in first["data"]["levels"]] == [20, 20]
    answer, first = market.ask("subscribe", "l2Book", "BTC", fast=True)
    assert answer["data"]["subscription"] == filled | {"fast": True}
    assert first["data"]["fast"] is True and [len(side) for side in first["data"]["levels"]] == [5, 5]
    [answer] = market.ask("unsubscribe", "l2Book", "BTC")
    assert answer["data"]["method"] == "unsubscribe" and list(market.session.streams) == ["fast:BTC"]


def test_what_is_asked_for_twice_is_on_already() -> None:
    market = Market()
    market.ask("subscribe", "bbo", "BTC")
    [error] = market.ask("subscribe", "bbo", "BTC")
    assert error == {"channel": "error", "data": 'Already subscribed: {"type":"bbo","coin":"BTC"}'}
    [error] = market.ask("unsubscribe", "trades", "BTC")
    assert error["data"].startswith("Already unsubscribed: ")


def test_what_cannot_be_read_is_quoted() -> None:
    market = Market(refused=["ETH"])
    texts = ["hello", "{}", '{"method":"dance"}', '{"method":"subscribe"}']
    texts += ['{"method":"subscribe","subscription":{"type":"bbo","coin":["BTC"]}}']
    texts += ['{"method":"subscribe","subscription":{"type":"l4Book","coin":"BTC"}}']
    texts += ['{"method":"subscribe","subscription":{"type":"bbo","coin":"ETH"}}']
    for text in texts:
        expected = f"Error parsing JSON into valid websocket request: {text}"
        assert market.say(text) == [{"channel": "error", "data": expected}]
    assert market.session.streams == {} and not market.session.dropped


@pytest.mark.parametrize("coin", ["NOPE", "btc", "XYZ:SP500", "SP500"])
def test_an_unknown_coin_ends_the_connection(coin: str) -> None:
    market = Market()
    assert market.ask("subscribe", "l2Book", coin) == [] and market.session.dropped


def test_a_ping_is_answered() -> None:
    assert Market().say('{"method":"ping"}') == [{"channel": "pong"}]


def test_books_are_whole_and_each_has_its_clock() -> None:
    market = Market()
    market.ask("subscribe", "l2Book", "kPEPE")
    market.ask("subscribe", "l2Book", "kPEPE", fast=True)
    listing, seen = market.listings["kPEPE"], {False: 0, True: 0}
    for _ in range(40):
        for frame in market.step():
            fast = frame["data"].get("fast", False)
            seen[fast] += 1
            depth, fact = 5 if fast else 20, listing.instrument
            for side, levels in zip((listing.market.bids, listing.market.asks), frame["data"]["levels"], strict=True):
                assert [(row["px"], row["sz"]) for row in levels] == [
                    (fact.price(price), fact.size(size)) for price, size in side.top(depth)
                ]
            published = listing.windows["fast:kPEPE" if fast else "l2Book:kPEPE"].state
            assert [len(published.bids), len(published.asks)] == [depth, depth]
    # Ten seconds of it.
    assert seen == {False: 2, True: 20}


def test_trades_begin_with_those_of_the_past() -> None:
    market = Market()
    for _ in range(20):
        market.step()
    [_, past] = market.ask("subscribe", "trades", "BTC")
    known = {trade["tid"] for trade in past["data"]}
    assert past["channel"] == "trades" and 0 < len(known) <= 30
    taken = {}
    for _ in range(20):
        for frame in market.step():
            for trade in frame["data"]:
                taken[trade["tid"]] = trade["side"]
    assert taken and not known & set(taken)
    made = {trade.id: trade.buy for step in market.listings["BTC"].recent for trade in step.trades}
    assert taken == {number: "B" if made[number] else "A" for number in taken}


def test_spot_and_outcomes_have_a_context_of_their_own() -> None:
    market = Market()
    told = {coin: market.ask("subscribe", "activeAssetCtx", coin)[1] for coin in ("BTC", "xyz:SP500", "@107", "#250")}
    assert [frame["channel"] for frame in told.values()] == ["activeAssetCtx"] * 2 + ["activeSpotAssetCtx"] * 2
    assert "funding" in told["BTC"]["data"]["ctx"] and "funding" not in told["@107"]["data"]["ctx"]


def test_best_prices_come_when_they_change() -> None:
    market = Market()
    market.ask("subscribe", "bbo", "BTC")
    listing = market.listings["BTC"]
    for _ in range(20):
        frames = market.step()
        assert bool(frames) is listing.recent[-1].top_changed
        for frame in frames:
            best = listing.instrument.price(listing.market.bids.best), listing.instrument.price(listing.market.asks.best)
            assert tuple(row["px"] for row in frame["data"]["bbo"]) == best


def test_prices_have_five_significant_figures() -> None:
    market = Market()
    for symbol in SYMBOLS:
        fact = market.listings[symbol].instrument
        assert len(str(fact.shape.mid)) <= 5, symbol
        assert Decimal(fact.lot) == Decimal(1).scaleb(-fact.lot_digits)


def test_instruments_are_told_by_kind() -> None:
    market = Market()
    metas = market.info(type="allPerpMetas")
    assert [[entry["name"] for entry in meta["universe"]] for meta in metas] == [["BTC", "ETH", "kPEPE"], ["xyz:SP500"]]
    assert market.info(type="meta") == metas[0] and market.info(type="meta", dex="xyz") == metas[1]
    spot = market.info(type="spotMeta")
    assert [pair["name"] for pair in spot["universe"]] == ["PURR/USDC", "@107"]
    assert [spot["tokens"][pair["tokens"][0]]["name"] for pair in spot["universe"]] == ["PURR", "HYPE"]
    assert [one["outcome"] for one in market.info(type="outcomeMeta")["outcomes"]] == [25]
    book = market.info(type="l2Book", coin="BTC")
    assert book["coin"] == "BTC" and [len(side) for side in book["levels"]] == [20, 20]
    assert market.info(type="l2Book", coin="NOPE") is None
    for body in (b"", b"[]", b'{"type":"dance"}'):
        answer = HYPERLIQUID.post("/info", body, market.desk)
        assert answer is not None and answer.status == 422
    assert HYPERLIQUID.post("/exchange", b"{}", market.desk) is None and HYPERLIQUID.http("/info", {}, market.desk) is None


def test_symbols_that_the_venue_could_not_list() -> None:
    for symbol in ("btc", "XYZ:SP500", "PURR/USDT", "@", "#2", "#252"):
        with pytest.raises(UsageError):
            HYPERLIQUID.instrument(symbol)
    assert HYPERLIQUID.open("/", Market().desk) is None and HYPERLIQUID.limited(1).status == 429
