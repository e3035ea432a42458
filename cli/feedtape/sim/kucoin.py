"""The dialects of KuCoin's unified protocol: spot and futures.

Frames are binary and hold JSON. The venue greets first; a request is for one symbol. Symbols that do not exist are taken, and
nothing is ever said of them; a second request for a stream that runs brings no second snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step

_PAIR = re.compile(r"([A-Z0-9]{1,16})-(USDT|USDC|BTC|ETH)")
_CONTRACT = re.compile(r"([A-Z0-9]{1,16}?)(USDT|USDC|USD)M")
_INCREMENTS = "increment@10ms"
_DEPTHS: Mapping[str, tuple[int, float | None]] = {"1": (1, None), "5": (5, 0.1), "50": (50, 0.1), _INCREMENTS: (500, 0.01)}
"""Levels and seconds between two messages, by the depth that is asked for."""
_FACTS: Mapping[str, float] = {"mark-price": 1.0, "funding-fee": 60.0}
_FUNDING_MS = 8 * 3600 * 1000

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Market:
    """What sets one dialect apart."""

    name: str
    trade_type: str
    pattern: re.Pattern[str]
    example: str

    @property
    def is_futures(self) -> bool:
        return self.trade_type == "FUTURES"


class KuCoin(Dialect):
    """One market of KuCoin."""

    binary = True
    rules = Rules(
        client_within=28.0,
        subscribe_within=60.0,
        messages=((300, 10.0),),
        connects=(250, 300.0),
        connections=800,
        streams_per_connection=600,
        weight_per_minute=4000,
    )

    def __init__(self, market: Market, symbols: tuple[str, ...]) -> None:
        self.market = market
        self.name = market.name
        self.symbols = symbols

    def instrument(self, symbol: str) -> Instrument:
        match = self.market.pattern.fullmatch(symbol.upper())
        if match is None:
            raise UsageError(f"the venue could not list a symbol {symbol!r}", hint=f"write it like {self.market.example}")
        base, quote = match.groups()
        milli = milli_price("BTC" if base == "XBT" else base)
        tick_digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 4
        ticks = milli * 10**tick_digits // 1000
        lot_digits = 0 if self.market.is_futures else 4
        lots = 300 if self.market.is_futures else max(5, 12_000_000 * int(10**lot_digits) // milli)
        first = 1_732_420_000_000 if self.market.is_futures else 25_984_000_000
        shape = Shape(ticks, max(1, ticks // 200_000), lots, first_id=first + milli, first_trade_id=1_905_973_690_000)
        return Instrument(symbol.upper(), symbol.upper(), base, quote, tick_digits, tick_digits, lot_digits, lot_digits, shape)

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] in ("", "/") else None

    def greet(self, session: Session, desk: Desk) -> list[bytes]:
        return [orjson.dumps({"sessionId": "92f2aec4-d87e-47cc", "message": "welcome", "pingInterval": 18000})]

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        try:
            request = orjson.loads(text)
            number = str(request["id"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return [orjson.dumps({"code": "400000", "msg": "Bad Request"})]
        if request.get("type") == "ping":
            return [orjson.dumps({"type": "pong", "id": number, "ts": desk.now_ns})]
        action, symbol, channel = request.get("action"), str(request.get("symbol", "")), str(request.get("channel", "")).lower()
        if action not in ("SUBSCRIBE", "UNSUBSCRIBE") or not symbol or "," in symbol:
            return [_no(number, message="invalid request data")]
        depth = str(request.get("depth", "")) if channel == "obu" else ""
        needs_type = channel not in _FACTS
        if needs_type and request.get("tradeType") != self.market.trade_type:
            return [_no(number, message="invalid request data")]
        if (channel == "obu" and depth not in _DEPTHS) or not self._has(channel):
            return [_no(number, reason=f'topic {channel} type = "{depth}" not allowed')]
        name = " ".join(filter(None, (channel, symbol, depth)))
        if action == "UNSUBSCRIBE":
            session.streams.pop(name, None)
            return [_yes(number)]
        return self._subscribe(session, number, name, desk)

    def _has(self, channel: str) -> bool:
        return channel in ("obu", "trade", "ticker") or (self.market.is_futures and channel in _FACTS)

    def _subscribe(self, session: Session, number: str, name: str, desk: Desk) -> list[bytes]:
        channel, symbol, *depth = name.split(" ")
        listing = desk.listings.get(symbol)
        if name in session.streams:
            return [_yes(number)]
        if listing is None:
            session.streams[name] = None
            return [_yes(number)]
        reason = desk.refuse([symbol])
        if reason is not None:
            return [_no(number, reason=reason)]
        levels, every = _DEPTHS[depth[0]] if depth else (0, _FACTS.get(channel))
        stream = session.streams[name] = Stream(name, symbol, channel, every, levels)
        if depth != [_INCREMENTS]:
            return [_yes(number)]
        picture = listing.window(name, levels).picture(listing.market, listing.steps, _steps(stream, desk.rate))
        ids = {"O": picture.id, "C": picture.id}
        return [_yes(number), self._book(stream, listing, "snapshot", picture.bids, picture.asks, desk.now_ns, ids)]

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        if listing.steps % _steps(stream, rate):
            return []
        match stream.kind:
            case "obu":
                return self._books(stream, listing, step, now_ns)
            case "trade":
                return self._trades(listing, step, now_ns)
            case "ticker":
                return [self._ticker(listing, step, now_ns)] if step.trades else []
            case "mark-price":
                return [self._mark(listing, now_ns)]
        return [self._funding(listing, now_ns)]

    def _books(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        market, depth = listing.market, stream.levels
        if depth == _DEPTHS[_INCREMENTS][0]:
            change = listing.window(stream.name, depth).advance(market, listing.steps)
            if change.is_empty:
                return []
            ids = {"O": change.prev + 1, "C": change.last}
            return [self._book(stream, listing, "delta", change.bids, change.asks, now_ns, ids)]
        if depth == 1 and not step.top_changed:
            return []
        ids = {"O": market.last_id, "C": market.last_id}
        return [self._book(stream, listing, "snapshot", market.bids.top(depth), market.asks.top(depth), now_ns, ids)]

    def _book(
        self, stream: Stream, listing: Listing, kind: str, bids: Levels, asks: Levels, now_ns: int, ids: dict[str, int]
    ) -> bytes:
        fact = listing.instrument
        data: Object = {"s": fact.symbol, "M": now_ns // 1_000_000 * 1_000_000, **ids}
        for word, levels in (("a", asks), ("b", bids)):
            data[word] = [[_short(fact.price(price)), _short(fact.size(size))] for price, size in levels]
        head = {"T": f"obu.{self.market.trade_type}", "dp": stream.name.split(" ")[2], "t": kind, "P": now_ns}
        return orjson.dumps(head | {"d": data})

    def _push(self, topic: str, data: Object, now_ns: int) -> bytes:
        return orjson.dumps({"T": topic, "P": now_ns, "d": data})

    def _trades(self, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        fact, time = listing.instrument, now_ns // 1_000_000 * 1_000_000
        found = []
        for trade in step.trades:
            data: Object = {"E": trade.id, "M": time, "S": "buy" if trade.buy else "sell", "p": _short(fact.price(trade.price))}
            data |= {"q": _short(fact.size(trade.size)), "s": fact.symbol, "ti": str(trade.id)}
            found.append(self._push(f"trade.{self.market.trade_type}", data, now_ns))
        return found

    def _ticker(self, listing: Listing, step: Step, now_ns: int) -> bytes:
        fact, market, last = listing.instrument, listing.market, step.trades[-1]
        data: Object = {"s": fact.symbol, "l": _short(fact.price(last.price)), "q": _short(fact.size(last.size))}
        data |= {"S": "buy" if last.buy else "sell", "E": step.last, "M": now_ns // 1_000_000 * 1_000_000}
        for price_word, size_word, side in (("b", "B", market.bids), ("a", "A", market.asks)):
            data |= {price_word: _short(fact.price(side.best)), size_word: _short(fact.size(side.sizes[side.best]))}
        return self._push(f"ticker.{self.market.trade_type}", data, now_ns)

    def _mark(self, listing: Listing, now_ns: int) -> bytes:
        fact, market = listing.instrument, listing.market
        middle = f"{Decimal(market.bids.best + market.asks.best).scaleb(-fact.tick_digits) / 2:f}"
        data = {"s": fact.symbol, "mp": middle, "ip": middle, "oi": str(listing.open_interest), "ts": now_ns // 1_000_000}
        return self._push("mark-price", data, now_ns)

    def _funding(self, listing: Listing, now_ns: int) -> bytes:
        due = (now_ns // 1_000_000 // _FUNDING_MS + 1) * _FUNDING_MS
        data: Object = {"s": listing.instrument.symbol, "fr": "0.000072", "lfr": "0.000069", "ft": due - _FUNDING_MS, "nt": due}
        return self._push("funding-fee", data | {"gl": _FUNDING_MS, "fc": "0.003", "ff": "-0.003"}, now_ns)

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        facts = [listing.instrument for listing in desk.listings.values()]
        if path == "/api/v1/timestamp":
            return _data(desk.now_ns // 1_000_000, 3)
        if path == "/api/v2/symbols" and not self.market.is_futures:
            return _data([_pair(fact) for fact in facts], 4)
        if path == "/api/v1/contracts/active" and self.market.is_futures:
            return _data([_contract(fact) for fact in facts], 3)
        return None

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"code": "429000", "msg": "Too many requests"}, 429, 0)


def _yes(number: str) -> bytes:
    return orjson.dumps({"id": number, "result": True})


def _no(number: str, **words: str) -> bytes:
    return orjson.dumps({"id": number, "result": False} | words)


def _steps(stream: Stream, rate: float) -> int:
    return 1 if stream.every is None else max(1, round(stream.every * rate))


def _short(text: str) -> str:
    """Return a number without the zeros that pad it."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _data(data: object, weight: int) -> Answer:
    return Answer({"code": "200000", "data": data}, weight=weight)


def _pair(fact: Instrument) -> Object:
    told: Object = {"symbol": fact.symbol, "name": fact.symbol, "baseCurrency": fact.base, "quoteCurrency": fact.quote}
    told |= {"market": "USDS", "baseMinSize": fact.lot, "baseIncrement": fact.lot, "priceIncrement": fact.tick}
    return told | {"quoteIncrement": fact.tick, "isMarginEnabled": True, "enableTrading": True}


def _contract(fact: Instrument) -> Object:
    inverse = fact.quote == "USD"
    told: Object = {"symbol": fact.symbol, "type": "FFWCSX", "expireDate": None, "status": "Open", "isInverse": inverse}
    told |= {"baseCurrency": fact.base, "quoteCurrency": fact.quote, "settleCurrency": fact.base if inverse else fact.quote}
    return told | {"lotSize": 1, "tickSize": orjson.Fragment(fact.tick), "multiplier": -1.0 if inverse else 0.001}


SPOT = KuCoin(Market("kucoin", "SPOT", _PAIR, "BTC-USDT"), ("BTC-USDT", "ETH-USDT", "SOL-USDT"))
FUTURES = KuCoin(Market("kucoin-futures", "FUTURES", _CONTRACT, "XBTUSDTM"), ("XBTUSDTM", "ETHUSDTM", "XBTUSDM"))
