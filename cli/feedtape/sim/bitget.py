"""The dialects of Bitget's unified account (v3): spot, and all kinds of futures on the same socket.

Every argument of a request is answered by itself. An unknown symbol or topic is refused by a message that quotes the argument; a
symbol of another kind of instruments is accepted, and then nothing comes. Numbers are written without padding zeros.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step

_PATH = "/v3/ws/public"
_SPOT = re.compile(r"([A-Z0-9]{1,12}?)(USDT|USDC|EUR|BTC)")
_FUTURES = re.compile(r"([A-Z0-9]{1,12}?)(?:(USDT)|(PERP)|(USD_CM)|CM([HMUZ])(\d\d))")
_FAMILIES = ("usdt-futures", "usdc-futures", "coin-futures")
_KINDS = ("spot", "margin", *_FAMILIES)
_MONTHS = {"H": 3, "M": 6, "U": 9, "Z": 12}
_DEPTHS = {"books1": (1, None), "books5": (5, 0.01), "books50": (50, 0.02)}
_BOOK_LEVELS = 1000
_BOOK_EVERY = 0.05
_TICKER_EVERY = 0.1
_MOST_ARGS = 25
"""A request of so many arguments and more may cost the connection."""
_FUNDING_MS = 8 * 3600 * 1000
_HISTORY = 10

Object = dict[str, Any]


def kind_of(instrument: Instrument) -> str:
    """Return the instType of an instrument."""
    if not instrument.contract_type:
        return "spot"
    usdt, usdc, coin = _FAMILIES
    return {"USDT": usdt, "USDC": usdc}.get(instrument.quote, coin)


class Bitget(Dialect):
    """One of the two markets; both are served at the same address, and differ in what is listed."""

    rules = Rules(
        client_within=120.0, messages=((10, 1.0),), connections=100, streams_per_connection=1000, weight_per_minute=1200
    )

    def __init__(self, name: str, symbols: tuple[str, ...]) -> None:
        self.name = name
        self.symbols = symbols

    def instrument(self, symbol: str) -> Instrument:
        symbol = symbol.upper()
        return _spot(symbol) if self.name == "bitget" else _contract(symbol)

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] == _PATH else None

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        if text == "ping":
            return [b"pong"]
        try:
            request = orjson.loads(text)
            operation, args = request["op"], request["args"]
            named = [(str(arg["instType"]), str(arg["topic"]), str(arg.get("symbol", ""))) for arg in args]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return [_error(30002, f"Unrecognized request: {text[:100]}")]
        if operation not in ("subscribe", "unsubscribe"):
            return [_error(30002, f"Unrecognized request: {text[:100]}")]
        if len(named) >= _MOST_ARGS:
            session.dropped = True
            return []
        answer = self._subscribe if operation == "subscribe" else self._unsubscribe
        return [frame for one in named for frame in answer(session, one, desk)]

    def _unsubscribe(self, session: Session, named: tuple[str, str, str], desk: Desk) -> list[bytes]:
        for name in [key for key, stream in session.streams.items() if key == _name(*named) or _is_of(stream, named)]:
            del session.streams[name]
        return [_answer("unsubscribe", named)]

    def _subscribe(self, session: Session, named: tuple[str, str, str], desk: Desk) -> list[bytes]:
        kind, topic, symbol = named
        if kind not in _KINDS:
            return [_error(30016, "Param error")]
        if topic == "liquidation" and not symbol:
            return self._subscribe_liquidations(session, named, desk)
        listing = desk.listings.get(symbol)
        if listing is None or topic not in _TOPICS or desk.refuse([symbol]) is not None:
            quoted = orjson.dumps({"instType": kind, "symbol": symbol, "topic": topic}).decode()
            return [_error(30001, f"{quoted} doesn't exist")]
        name, answers = _name(*named), [_answer("subscribe", named)]
        if kind != kind_of(listing.instrument):
            session.streams[name] = None
        elif name not in session.streams:
            levels, every = _DEPTHS.get(topic, (_BOOK_LEVELS, _PACES.get(topic)))
            stream = session.streams[name] = Stream(name, symbol, topic, every, levels)
            answers += self._first(stream, listing, desk)
        return answers

    def _subscribe_liquidations(self, session: Session, named: tuple[str, str, str], desk: Desk) -> list[bytes]:
        name = _name(*named)
        session.streams.setdefault(name, None)
        for symbol, listing in desk.listings.items():
            if kind_of(listing.instrument) == named[0]:
                session.streams[f"{name}@{symbol}"] = Stream(name, symbol, "liquidation")
        return [_answer("subscribe", named)]

    def _first(self, stream: Stream, listing: Listing, desk: Desk) -> list[bytes]:
        """What a subscription begins with: a snapshot of the book, or trades of before."""
        fact = listing.instrument
        if stream.kind == "books":
            every = max(1, round(_BOOK_EVERY * desk.rate))
            picture = listing.window(stream.name, stream.levels).picture(listing.market, listing.steps, every)
            row = _book(fact, picture.bids, picture.asks, desk.now_ns) | {"seq": picture.id, "pseq": 0, "maxdepth": "1000"}
            return [_push(stream, "snapshot", [row], desk.now_ns)]
        if stream.kind == "publicTrade":
            trades = [trade for step in reversed(listing.recent) for trade in reversed(step.trades)][:_HISTORY]
            rows = [_trade(fact, trade.id, trade.price, trade.size, trade.buy, desk.now_ns) for trade in trades]
            return [_push(stream, "snapshot", rows, desk.now_ns)] if rows else []
        return []

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        steps = 1 if stream.every is None else max(1, round(stream.every * rate))
        if listing.steps % steps:
            return []
        if stream.kind == "books":
            return self._update(stream, listing, now_ns)
        if stream.kind in _DEPTHS:
            return self._picture(stream, listing, step, now_ns)
        if stream.kind == "publicTrade":
            return self._trades(stream, listing, step, now_ns)
        if stream.kind == "liquidation":
            return self._liquidation(stream, listing, step, now_ns)
        return [_push(stream, "snapshot", [_ticker(listing, now_ns)], now_ns)]

    def _update(self, stream: Stream, listing: Listing, now_ns: int) -> list[bytes]:
        change = listing.window(stream.name, stream.levels).advance(listing.market, listing.steps)
        if change.is_empty:
            return []
        bids, asks = sorted(change.bids, reverse=True), sorted(change.asks)
        row = _book(listing.instrument, bids, asks, now_ns) | {"seq": change.last, "pseq": change.prev, "maxdepth": "1000"}
        return [_push(stream, "update", [row], now_ns)]

    def _picture(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        if stream.kind == "books1" and not step.top_changed:
            return []
        market = listing.market
        row = _book(listing.instrument, market.bids.top(stream.levels), market.asks.top(stream.levels), now_ns)
        return [_push(stream, "snapshot", [row | {"seq": step.last, "pseq": 0}], now_ns)]

    def _trades(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        fact = listing.instrument
        rows = [_trade(fact, trade.id, trade.price, trade.size, trade.buy, now_ns) for trade in step.trades]
        return [_push(stream, "update", rows, now_ns)] if rows else []

    def _liquidation(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        forced, fact = step.liquidation, listing.instrument
        if forced is None:
            return []
        # The side is the position's: an order that bought closed a short one. The amount is in the quote coin.
        row = {"symbol": fact.symbol, "side": "sell" if forced.buy else "buy", "price": _plain(fact.price(forced.limit))}
        worth = Decimal(fact.price(forced.limit)) * Decimal(fact.size(forced.size))
        return [_push(stream, "update", [row | {"amount": _plain(f"{worth:f}"), "ts": _ms(now_ns)}], now_ns)]

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        if path == "/api/v2/public/time":
            return _data(desk, {"serverTime": _ms(desk.now_ns)})
        if path == "/api/v3/market/instruments":
            category = query.get("category", "")
            if category.lower() not in _KINDS:
                return Answer({"code": "40017", "msg": "Parameter verification failed", "data": None}, 400)
            rows = [_listed(listing.instrument) for listing in desk.listings.values()]
            return _data(desk, [row for row in rows if row["category"] == category])
        return None

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"code": "429", "msg": "Too Many Requests", "data": None}, 429, 0)


_PACES: Mapping[str, float | None] = {"books": _BOOK_EVERY, "publicTrade": None, "ticker": _TICKER_EVERY}
_TOPICS = frozenset({*_DEPTHS, *_PACES})


def _spot(symbol: str) -> Instrument:
    match = _SPOT.fullmatch(symbol)
    if match is None:
        raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTCUSDT")
    base, quote = match.groups()
    milli = milli_price(base)
    tick_digits = 2 if milli >= 100_000 else 4
    lots = max(5, 12_000_000 * 10**6 // milli)
    shape = Shape(
        milli * 10**tick_digits // 1000,
        max(1, milli * 10**tick_digits // 200_000_000),
        lots,
        id_stride=40,
        first_id=451_275_591_390,
    )
    return Instrument(symbol, symbol, base, quote, tick_digits, tick_digits, 6, 6, shape)


def _contract(symbol: str) -> Instrument:
    match = _FUTURES.fullmatch(symbol)
    if match is None:
        raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTCUSDT, BTCPERP or BTCUSD_CM")
    base, usdt, usdc, _, month, _ = match.groups()
    quote = "USDT" if usdt else "USDC" if usdc else "USD"
    milli = milli_price(base)
    tick_digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 4
    # Coin-margined contracts are counted in dollars, and their numbers are beyond what a double holds.
    lot_digits = 0 if quote == "USD" else 4
    lots = 12_000 if quote == "USD" else max(5, 12_000_000 * 10**4 // milli)
    first = 1_483_653_649_371_725_838 if quote == "USD" else 483_814_309_734
    shape = Shape(
        milli * 10**tick_digits // 1000, max(1, milli * 10**tick_digits // 200_000_000), lots, id_stride=90, first_id=first
    )
    kind = "delivery" if month else "perpetual"
    return Instrument(symbol, base + quote, base, quote, tick_digits, tick_digits, lot_digits, lot_digits, shape, kind)


def _name(kind: str, topic: str, symbol: str) -> str:
    return f"{kind}:{topic}:{symbol}"


def _is_of(stream: Stream | None, named: tuple[str, str, str]) -> bool:
    return stream is not None and stream.name == _name(*named)


def _arg(kind: str, topic: str, symbol: str) -> Object:
    return {"instType": kind, "topic": topic} | ({"symbol": symbol} if symbol else {})


def _answer(event: str, named: tuple[str, str, str]) -> bytes:
    return orjson.dumps({"event": event, "arg": _arg(*named), "connId": "0ac601fffe2331d1"})


def _error(code: int, message: str) -> bytes:
    return orjson.dumps({"event": "error", "code": code, "msg": message, "connId": "0ac601fffe2331d1"})


def _push(stream: Stream, action: str, rows: Sequence[Object], now_ns: int) -> bytes:
    kind, topic, symbol = stream.name.split(":")
    return orjson.dumps({"action": action, "arg": _arg(kind, topic, symbol), "data": rows, "ts": now_ns // 1_000_000})


def _ms(now_ns: int) -> str:
    return str(now_ns // 1_000_000)


def _plain(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rows(fact: Instrument, levels: Levels) -> list[list[str]]:
    return [[_plain(fact.price(price)), _plain(fact.size(size))] for price, size in levels]


def _book(fact: Instrument, bids: Levels, asks: Levels, now_ns: int) -> Object:
    return {"a": _rows(fact, asks), "b": _rows(fact, bids), "ts": _ms(now_ns)}


def _trade(fact: Instrument, number: int, price: int, size: int, buy: bool, now_ns: int) -> Object:
    # Ids are of the whole exchange, so that those of a symbol have holes.
    told = {"i": str(1_432_912_000_000_000_000 + 7 * number), "p": _plain(fact.price(price)), "v": _plain(fact.size(size))}
    return told | {"S": "buy" if buy else "sell", "T": _ms(now_ns), "L": str(number), "isRPI": "no"}


def _ticker(listing: Listing, now_ns: int) -> Object:
    fact, market, stats = listing.instrument, listing.market, listing.stats
    bid, ask = market.bids.best, market.asks.best
    told: Object = {"lastPrice": _plain(fact.price(stats.last)), "openPrice24h": _plain(fact.price(stats.open))}
    told |= {"bid1Price": _plain(fact.price(bid)), "bid1Size": _plain(fact.size(market.bids.sizes[bid]))}
    told |= {"ask1Price": _plain(fact.price(ask)), "ask1Size": _plain(fact.size(market.asks.sizes[ask]))}
    told |= {"volume24h": _plain(fact.size(stats.volume)), "turnover24h": "0", "price24hPcnt": "0.01"}
    if not fact.contract_type:
        return told
    middle = _plain(f"{Decimal(bid + ask).scaleb(-fact.tick_digits) / 2:f}")
    due = (now_ns // 1_000_000 // _FUNDING_MS + 1) * _FUNDING_MS
    is_dated = fact.contract_type == "delivery"
    told |= {"markPrice": middle, "indexPrice": middle, "openInterest": _plain(fact.size(listing.open_interest))}
    told |= {"fundingRate": "" if is_dated else "0.0001", "nextFundingTime": "" if is_dated else str(due)}
    return told | {"deliveryTime": str(_delivery_ms(fact)) if is_dated else "", "deliveryStatus": "delivery_normal"}


def _delivery_ms(fact: Instrument) -> int:
    """Return when a dated contract ends: the last Friday of its month, 08:00 UTC."""
    match = _FUTURES.fullmatch(fact.symbol)
    assert match is not None
    year, month = 2000 + int(match[6]), _MONTHS[match[5]]
    day = datetime(year + month // 12, month % 12 + 1, 1, 8, tzinfo=UTC) - timedelta(days=1)
    while day.weekday() != 4:
        day -= timedelta(days=1)
    return int(day.timestamp()) * 1000


def _listed(fact: Instrument) -> Object:
    kind = kind_of(fact)
    told: Object = {"symbol": fact.symbol, "category": kind.upper(), "baseCoin": fact.base, "quoteCoin": fact.quote}
    told |= {"pricePrecision": str(fact.tick_digits), "quantityPrecision": str(fact.lot_digits), "symbolType": "crypto"}
    told |= {"minOrderQty": fact.lot, "status": "online", "offTime": "-1", "launchTime": ""}
    if kind == "spot":
        return told
    is_dated = fact.contract_type == "delivery"
    told |= {"type": fact.contract_type, "priceMultiplier": fact.tick, "quantityMultiplier": fact.lot, "fundInterval": "8"}
    return told | {
        "deliveryTime": str(_delivery_ms(fact)) if is_dated else "",
        "deliveryPeriod": "this_quarter" if is_dated else "",
    }


def _data(desk: Desk, data: object) -> Answer:
    return Answer({"code": "00000", "msg": "success", "requestTime": desk.now_ns // 1_000_000, "data": data})


SPOT = Bitget("bitget", ("BTCUSDT", "ETHUSDT"))
FUTURES = Bitget("bitget-futures", ("BTCUSDT", "BTCPERP", "BTCUSD_CM"))
