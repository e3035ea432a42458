"""The dialect of Bybit v5: spot, linear and inverse contracts, options, each on a socket of its own.

A request for topics of spot and contracts is taken or refused as a whole, one of options topic by topic. Books begin with a
snapshot, which contracts get before the acknowledgement and the others after it; `u` counts a topic's messages one by one.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import orjson

from . import options
from .bybit_symbols import Category, coin_of, listed, made_up
from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import BookState, Levels
from .instrument import Instrument, sides
from .listing import Listing
from .market import Step

_DEPTHS = {"1": (1, 0.01), "50": (50, 0.02), "200": (200, 0.1), "1000": (1000, 0.2)}
_OPTION_DEPTHS = {"25": (25, 0.02), "100": (100, 0.1)}
_SAME_AGAIN_S = 3.0
_MOST_CHARACTERS = 21_000
_MOST_SPOT_ARGS = 10
_FUNDING_MS = 8 * 3600 * 1000

Object = dict[str, Any]


class Bybit(Dialect):
    """One market of Bybit, as its documents of 2026 have it."""

    def __init__(self, category: Category, name: str, symbols: tuple[str, ...]) -> None:
        self.name = name
        self.symbols = symbols
        self.rules = Rules(
            client_within=600.0,
            connects=(500, 300.0),
            connections=1000,
            streams_per_connection=2000,
            weight_per_minute=7200,
        )
        self._category: Category = category
        self._path = f"/v5/public/{category}"
        self._depths = _OPTION_DEPTHS if category == "option" else _DEPTHS

    def instrument(self, symbol: str) -> Instrument:
        return made_up(self._category, symbol.upper())

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] == self._path else None

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        try:
            request = orjson.loads(text)
            op, args = str(request["op"]), [str(arg) for arg in request.get("args") or []]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return [orjson.dumps({"success": False, "ret_msg": "Json format error", "conn_id": "2324d924", "op": ""})]
        if op == "ping":
            return [self._pong(request, desk)]
        if self._category == "option":
            return self._topic_by_topic(session, op, args, desk)
        if op == "unsubscribe":
            for topic in args:
                self._drop(session, topic)
            return [self._answer(request, op)]
        refusal = self._refusal(session, args, desk)
        if refusal:
            return [self._answer(request, op, refusal)]
        pictures = [frame for topic in args for frame in self._take(session, topic, desk)]
        answer = self._answer(request, op)
        return [answer, *pictures] if self._category == "spot" else [*pictures, answer]

    def _pong(self, request: Object, desk: Desk) -> bytes:
        if self._category == "option":
            return orjson.dumps({"args": [str(desk.now_ns // 1_000_000)], "op": "pong"})
        return orjson.dumps(self._told(request) | {"ret_msg": "pong", "op": "ping"})

    def _answer(self, request: Object, op: str, refusal: str = "") -> bytes:
        words = refusal or (op if self._category == "spot" else "")
        return orjson.dumps(self._told(request) | {"success": not refusal, "ret_msg": words, "op": op})

    def _told(self, request: Object) -> Object:
        return {"success": True, "ret_msg": "", "conn_id": "465772b1-7630", "req_id": request.get("req_id", ""), "op": ""}

    def _refusal(self, session: Session, args: Sequence[str], desk: Desk) -> str:
        """Say why a request is refused as a whole; empty if it is not."""
        if self._category == "spot" and len(args) > _MOST_SPOT_ARGS:
            return f"args size >{_MOST_SPOT_ARGS}"
        if sum(map(len, (*session.streams, *args))) > _MOST_CHARACTERS:
            return f"args length >{_MOST_CHARACTERS}"
        for topic in args:
            if topic in session.streams:
                return f"error:already subscribed,topic:{topic}"
            if not self._find(topic, desk):
                return f"error:handler not found,topic:{topic}"
        reason = desk.refuse([stream.symbol for topic in args for stream in self._find(topic, desk)])
        return f"error:{reason}" if reason else ""

    def _topic_by_topic(self, session: Session, op: str, args: Sequence[str], desk: Desk) -> list[bytes]:
        taken, failed, pictures = [], [], list[bytes]()
        for topic in args:
            found = self._find(topic, desk)
            if not found or (op == "subscribe" and desk.refuse([stream.symbol for stream in found])):
                failed.append(topic)
                continue
            taken.append(topic)
            if op == "unsubscribe":
                self._drop(session, topic)
            else:
                pictures += self._take(session, topic, desk)
        told = {"failTopics": failed, "successTopics": taken}
        return [orjson.dumps({"success": not failed, "conn_id": "aa01fbff", "data": told, "type": "COMMAND_RESP"}), *pictures]

    def _find(self, topic: str, desk: Desk) -> list[Stream]:
        """Return the streams that a topic is: one, or for the trades of options one a symbol; none if there is no such topic."""
        kind, _, rest = topic.partition(".")
        if kind == "orderbook":
            depth, _, symbol = rest.partition(".")
            if depth not in self._depths or symbol not in desk.listings:
                return []
            levels, every = self._depths[depth]
            return [Stream(topic, symbol, f"orderbook_{levels}" if levels == 1 else "orderbook", every, levels)]
        if kind == "publicTrade" and self._category == "option":
            return [Stream(topic, symbol, kind) for symbol in desk.listings if coin_of(symbol) == rest]
        every_s = {"publicTrade": None, "tickers": 0.05 if self._category == "spot" else 0.1, "allLiquidation": 0.5}
        is_known = kind in every_s and (kind != "allLiquidation" or self._category in ("linear", "inverse"))
        return [Stream(topic, rest, kind, every_s[kind])] if is_known and rest in desk.listings else []

    def _take(self, session: Session, topic: str, desk: Desk) -> list[bytes]:
        pictures = []
        for stream in self._find(topic, desk):
            # The trades of a coin are a stream a symbol, under the topic's name and the symbol's.
            key = topic if topic.endswith(f".{stream.symbol}") else f"{topic} {stream.symbol}"
            session.streams[key] = stream
            listing = desk.listings[stream.symbol]
            if stream.kind.startswith("orderbook"):
                window = self._window(listing, stream)
                picture = window.picture(listing.market, listing.steps, self._steps(stream, desk.rate))
                pictures.append(self._book(stream, listing, "snapshot", picture, window.number, desk.now_ns))
            elif stream.kind == "tickers":
                pictures.append(self._ticker(stream, listing, "snapshot", desk.now_ns))
        return pictures

    def _drop(self, session: Session, topic: str) -> None:
        for key in [key for key in session.streams if key == topic or key.startswith(f"{topic} ")]:
            del session.streams[key]

    # -- what streams say

    def _steps(self, stream: Stream, rate: float) -> int:
        return 1 if stream.every is None else max(1, round(stream.every * rate))

    def _window(self, listing: Listing, stream: Stream) -> Any:
        return listing.window(stream.name, stream.levels, number=18_521_288 + zlib.crc32(stream.name.encode()) % 1_000_000)

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        steps = self._steps(stream, rate)
        if listing.steps % steps:
            return []
        if stream.kind.startswith("orderbook"):
            return self._changed(stream, listing, now_ns, rate)
        if stream.kind == "publicTrade":
            return self._trades(stream, listing, step, now_ns)
        if stream.kind == "allLiquidation":
            return self._liquidations(stream, listing, steps, now_ns)
        kind = "delta" if self._category in ("linear", "inverse") else "snapshot"
        return [self._ticker(stream, listing, kind, now_ns)]

    def _changed(self, stream: Stream, listing: Listing, now_ns: int, rate: float) -> list[bytes]:
        window = self._window(listing, stream)
        change = window.advance(listing.market, listing.steps)
        if stream.levels == 1:
            # Whole pictures only, and the same once more after a while.
            if change.is_empty and listing.steps % max(1, round(_SAME_AGAIN_S * rate)):
                return []
            return [self._book(stream, listing, "snapshot", window.state, window.number, now_ns)]
        if change.is_empty:
            return []
        state = BookState(change.last, change.bids, change.asks)
        return [self._book(stream, listing, "delta", state, change.number, now_ns)]

    def _book(self, stream: Stream, listing: Listing, kind: str, state: BookState, number: int, now_ns: int) -> bytes:
        bids, asks = self._rows(listing.instrument, state.bids), self._rows(listing.instrument, state.asks)
        data: Object = {"s": stream.symbol, "b": bids, "a": asks, "u": number}
        if self._category != "option":
            data["seq"] = state.id
        return self._frame(stream, kind, data, now_ns, cts=now_ns // 1_000_000 - 2)

    def _rows(self, fact: Instrument, levels: Levels) -> list[list[str]]:
        return [[fact.price(price), fact.size(size) if size else "0"] for price, size in levels]

    def _frame(self, stream: Stream, kind: str, data: object, now_ns: int, **more: int) -> bytes:
        """Return a frame; its keys stand in another order on each kind of market."""
        now = now_ns // 1_000_000
        if self._category == "option":
            told: Object = {"id": f"{stream.name}-{now_ns % 10**10}-{now}", "topic": stream.name, "ts": now, "data": data}
            return orjson.dumps(told | {"type": kind} | more)
        if self._category == "spot" or stream.levels == 1:
            return orjson.dumps({"topic": stream.name, "ts": now, "type": kind, "data": data} | more)
        return orjson.dumps({"topic": stream.name, "type": kind, "ts": now, "data": data} | more)

    def _trades(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        fact, now = listing.instrument, now_ns // 1_000_000
        rows = []
        for trade in step.trades:
            told: Object = {"T": now - 2, "s": fact.symbol, "S": "Buy" if trade.buy else "Sell"}
            told |= {"v": fact.size(trade.size), "p": fact.price(trade.price), "BT": False, "seq": step.last}
            if self._category == "spot":
                told["i"] = str(2_290_000_000_000_000_000 + trade.id)
            else:
                told |= {"i": str(uuid.UUID(int=trade.id * 2**64 + step.last)), "L": "PlusTick" if trade.buy else "MinusTick"}
            if self._category == "option":
                told |= {"mP": fact.price(trade.price), "iP": "61234.56", "mIv": "0.55", "iv": "0.5512"}
            rows.append(told)
        return [self._frame(stream, "snapshot", rows, now_ns)] if rows else []

    def _liquidations(self, stream: Stream, listing: Listing, steps: int, now_ns: int) -> list[bytes]:
        fact = listing.instrument
        forced = [step.liquidation for step in list(listing.recent)[-steps:] if step.liquidation is not None]
        # The side is that of the position: an order that buys ends a short one.
        rows = [
            {"T": now_ns // 1_000_000 - 2, "s": fact.symbol, "S": "Sell" if one.buy else "Buy"}
            | {"v": fact.size(one.size), "p": fact.price(one.limit)}
            for one in forced
        ]
        return [self._frame(stream, "snapshot", rows, now_ns)] if rows else []

    def _ticker(self, stream: Stream, listing: Listing, kind: str, now_ns: int) -> bytes:
        fact, stats = listing.instrument, listing.stats
        data: Object = {"symbol": fact.symbol, "lastPrice": fact.price(stats.last)}
        if self._category == "option":
            return self._frame(stream, kind, data | self._option(listing), now_ns)
        data |= {"volume24h": fact.size(stats.volume), "highPrice24h": fact.price(stats.high)}
        if self._category != "spot":
            data |= self._contract(listing, kind, now_ns // 1_000_000)
        return self._frame(stream, kind, data, now_ns, cs=listing.market.last_id)

    def _contract(self, listing: Listing, kind: str, now: int) -> Object:
        """Return facts of a contract; a change leaves out most of what has not changed."""
        fact, market = listing.instrument, listing.market
        mid = f"{Decimal(market.bids.best + market.asks.best).scaleb(-fact.tick_digits) / 2:f}"
        told: Object = {"markPrice": mid, "bid1Price": fact.price(market.bids.best), "ask1Price": fact.price(market.asks.best)}
        if kind == "snapshot" or listing.steps % 5 == 0:
            told |= {"openInterest": fact.size(listing.open_interest), "indexPrice": mid}
        if kind == "snapshot":
            dated = "Futures" in fact.contract_type
            told["fundingRate"] = "" if dated else "-0.000212"
            told["nextFundingTime"] = "0" if dated else str((now // _FUNDING_MS + 1) * _FUNDING_MS)
        return told

    def _option(self, listing: Listing) -> Object:
        fact, market = listing.instrument, listing.market
        [(bid, bid_size)], [(ask, ask_size)] = market.bids.top(1), market.asks.top(1)
        model = options.model(fact.symbol, listing.steps)
        told: Object = {"bidPrice": fact.price(bid), "bidSize": fact.size(bid_size), "bidIv": f"{model.bid_iv:.4f}"}
        told |= {"askPrice": fact.price(ask), "askSize": fact.size(ask_size), "askIv": f"{model.ask_iv:.4f}"}
        told |= {"markPrice": f"{model.price:.8f}", "markPriceIv": f"{model.iv:.4f}"}
        told |= {"indexPrice": f"{model.forward:.2f}", "underlyingPrice": f"{model.forward:.2f}"}
        told |= {"volume24h": fact.size(listing.stats.volume), "openInterest": fact.size(listing.open_interest)}
        told |= {"predictedDeliveryPrice": "0", "change24h": "-0.1"}
        return told | {name: f"{getattr(model, name):.8f}" for name in ("delta", "gamma", "vega", "theta")}

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        if path == "/v5/market/time":
            return self._result(desk, {"timeSecond": str(desk.now_ns // 10**9), "timeNano": str(desk.now_ns)})
        if path == "/v5/market/instruments-info":
            return self._instruments(query, desk)
        if path == "/v5/market/option-base-coins" and self._category == "option":
            coins = dict.fromkeys(map(coin_of, desk.listings))
            rows = [{"baseCoin": coin, "quoteCoin": "USDT", "settleCoin": "USDT", "hasSymbol": 1} for coin in coins]
            return self._result(desk, {"list": rows})
        if path == "/v5/market/orderbook":
            return self._rest_book(query, desk)
        return None

    def _instruments(self, query: Mapping[str, str], desk: Desk) -> Answer:
        if query.get("category") != self._category:
            return Answer({"retCode": 10001, "retMsg": "params error: Category is invalid", "result": {}, "time": 0})
        facts = [one.instrument for one in desk.listings.values()]
        if self._category == "option":
            # Options of one coin at a time, of BTC unless another is asked for.
            facts = [fact for fact in facts if coin_of(fact.symbol) == query.get("baseCoin", "BTC")]
        if self._category == "spot":
            return self._result(desk, {"category": "spot", "list": [listed(self._category, fact) for fact in facts]})
        after = unquote(query.get("cursor", "")).rpartition("last=")[2]
        start = next((number for number, fact in enumerate(facts, 1) if fact.symbol == after), 0)
        page = facts[start : start + int(query.get("limit", "500"))]
        rest = facts[start + len(page) :]
        cursor = quote(f"first={page[0].symbol}&last={page[-1].symbol}") if page and rest else ""
        rows = [listed(self._category, fact) for fact in page]
        return self._result(desk, {"category": self._category, "list": rows, "nextPageCursor": cursor})

    def _rest_book(self, query: Mapping[str, str], desk: Desk) -> Answer:
        listing = desk.listings.get(query.get("symbol", ""))
        if listing is None or query.get("category") != self._category:
            return Answer({"retCode": 10001, "retMsg": "params error: symbol invalid", "result": {}, "time": 0})
        state = desk.book(listing)
        depth = min(1000, int(query.get("limit", "25")))
        bids, asks = sides(listing.instrument, state.bids[:depth], state.asks[:depth])
        now = desk.now_ns // 1_000_000
        told = {
            "s": listing.instrument.symbol,
            "b": bids,
            "a": asks,
            "ts": now,
            "u": state.id % 10**9,
            "seq": state.id,
            "cts": now,
        }
        return self._result(desk, told)

    def _result(self, desk: Desk, result: Object) -> Answer:
        now = desk.now_ns // 1_000_000
        return Answer({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now})

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"retCode": 10006, "retMsg": "Too many visits!", "result": {}, "time": 0}, 403, 0)


SPOT = Bybit("spot", "bybit", ("BTCUSDT", "ETHUSDT"))
LINEAR = Bybit("linear", "bybit-linear", ("BTCUSDT", "ETHUSDT", "BTCPERP"))
INVERSE = Bybit("inverse", "bybit-inverse", ("BTCUSD", "ETHUSD", "BTCUSDH27"))
OPTION = Bybit("option", "bybit-option", ("BTC-25JUN27-100000-C-USDT", "BTC-25JUN27-60000-P-USDT", "ETH-25JUN27-5000-C-USDT"))
