"""The dialect of Kraken Futures, WebSocket v1.

A request is answered product by product. A book update tells one level, and each has the next number of its product; trades
are counted apart. A forced order's fills are trades of the type `liquidation`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step, Trade
from .window import Window

_SYMBOL = re.compile(r"(PI|PF|FI|FF)_([A-Z0-9]{1,12})USD(?:_(\d{6}))?")
_OLD_NAMES = {"XBT": "BTC"}
_FEEDS: dict[str, float | None] = {"book": None, "trade": None, "ticker": 1.0, "ticker_lite": 1.0}
_FIRST = 326_072_000
_UNHEARD = 7
"""Updates that a product counts while nobody listens."""
_HISTORY = 100
_FUNDING_MS = 4 * 3600 * 1000

Object = dict[str, Any]


class KrakenFutures(Dialect):
    """Kraken Futures, as its documents of 2026 have it."""

    name = "kraken-futures"
    symbols = ("PF_XBTUSD", "PI_XBTUSD")
    # How often the heartbeat feed speaks is not published.
    rules = Rules(beat_every=1.0, client_within=60.0, connections=100, messages=((100, 1.0),), weight_per_minute=300)

    def instrument(self, symbol: str) -> Instrument:
        match = _SYMBOL.fullmatch(symbol.upper())
        if match is None or (match[1][0] == "F") != (match[3] is not None):
            raise UsageError(f"the venue could not list a product {symbol!r}", hint="write it like PF_XBTUSD or FI_XBTUSD_261225")
        base = _OLD_NAMES.get(match[2], match[2])
        milli = milli_price(base)
        digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 5
        ticks = milli * 10**digits // 1000
        inverse = match[1][1] == "I"
        lot_digits = 0 if inverse else 4
        lots = 5_000 if inverse else max(1, 12_000_000 * 1000 // milli)
        shape = Shape(ticks, max(1, ticks // 100_000), lots, levels=250, first_trade_id=653_000)
        return Instrument(symbol.upper(), f"{match[2]}:USD", base, "USD", digits, digits, lot_digits, lot_digits, shape, match[1])

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] == "/ws/v1" else None

    def greet(self, session: Session, desk: Desk) -> list[bytes]:
        return [b'{"event":"info","version":1}']

    def beat(self, session: Session, desk: Desk) -> list[bytes]:
        is_asked = "heartbeat" in session.streams
        return [orjson.dumps({"feed": "heartbeat", "time": desk.now_ns // 1_000_000})] if is_asked else []

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        try:
            request = orjson.loads(text)
            event, feed, products = request["event"], request["feed"], request.get("product_ids", [])
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            return [_error("Json Error")]
        if event not in ("subscribe", "unsubscribe") or (feed not in _FEEDS and feed != "heartbeat"):
            return [_error("Invalid feed")]
        if feed == "heartbeat":
            if event == "subscribe":
                session.streams["heartbeat"] = None
            else:
                session.streams.pop("heartbeat", None)
            return [orjson.dumps({"event": f"{event}d", "feed": feed})]
        take = self._subscribe if event == "subscribe" else self._unsubscribe
        return [frame for product in products for frame in take(session, feed, str(product).upper(), desk)]

    def _subscribe(self, session: Session, feed: str, product: str, desk: Desk) -> list[bytes]:
        listing = desk.listings.get(product)
        if listing is None:
            return [_error("Invalid product id")]
        if desk.refuse([product]) is not None:
            return [_answer("subscribed_failed", feed, product)]
        stream = Stream(f"{feed}:{product}", product, feed, _FEEDS[feed])
        session.streams[stream.name] = stream
        return [_answer("subscribed", feed, product), *self._first(stream, listing, desk)]

    def _unsubscribe(self, session: Session, feed: str, product: str, desk: Desk) -> list[bytes]:
        is_known = session.streams.pop(f"{feed}:{product}", None) is not None
        return [_answer("unsubscribed" if is_known else "unsubscribed_failed", feed, product)]

    def _first(self, stream: Stream, listing: Listing, desk: Desk) -> list[bytes]:
        fact, now = listing.instrument, desk.now_ns // 1_000_000
        if stream.kind == "book":
            window = _window(stream, listing)
            if window.is_stale(listing.steps, 1):
                window.number += _UNHEARD
            state = window.picture(listing.market, listing.steps, 1)
            told: Object = {"feed": "book_snapshot", "product_id": fact.symbol, "timestamp": now, "seq": window.number}
            told |= {"tickSize": None, "bids": _rows(fact, state.bids), "asks": _rows(fact, state.asks)}
            return [orjson.dumps(told)]
        if stream.kind == "trade":
            trades = [(step, trade) for step in listing.recent for trade in step.trades][: -_HISTORY - 1 : -1]
            rows = [_trade(fact, trade, _type(step, trade), now) for step, trade in trades]
            return [orjson.dumps({"feed": "trade_snapshot", "product_id": fact.symbol, "trades": rows})]
        return [orjson.dumps(_ticker(listing, now) if stream.kind == "ticker" else _ticker_lite(listing))]

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        fact, now = listing.instrument, now_ns // 1_000_000
        if stream.kind == "book":
            return self._updates(stream, listing, now)
        if stream.kind == "trade":
            return [orjson.dumps(_trade(fact, trade, _type(step, trade), now)) for trade in step.trades]
        if stream.every is None or listing.steps % max(1, round(stream.every * rate)):
            return []
        return [orjson.dumps(_ticker(listing, now) if stream.kind == "ticker" else _ticker_lite(listing))]

    def _updates(self, stream: Stream, listing: Listing, now: int) -> list[bytes]:
        window, fact = _window(stream, listing), listing.instrument
        number = window.number
        change = window.advance(listing.market, listing.steps)
        levels = [("buy", *level) for level in change.bids] + [("sell", *level) for level in change.asks]
        # Every level is an update of its own here. What goes is told first, so that no book is crossed on the way.
        levels.sort(key=lambda level: level[2] > 0)
        window.number = number + len(levels)
        told: Object = {"feed": "book", "product_id": fact.symbol}
        return [
            orjson.dumps(told | {"side": side, "seq": seq} | _row(fact, price, size) | {"timestamp": now})
            for seq, (side, price, size) in enumerate(levels, number + 1)
        ]

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        if path != "/derivatives/api/v3/instruments":
            return None
        rows = [_contract(listing.instrument) for listing in desk.listings.values()]
        moment = datetime.fromtimestamp(desk.now_ns // 10**9, UTC)
        return Answer({"result": "success", "instruments": rows, "serverTime": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"})

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"result": "error", "error": "apiLimitExceeded"}, 429, 0)


def _error(words: str) -> bytes:
    return orjson.dumps({"event": "error", "message": words})


def _answer(event: str, feed: str, product: str) -> bytes:
    return orjson.dumps({"event": event, "feed": feed, "product_ids": [product]})


def _number(text: str) -> orjson.Fragment:
    return orjson.Fragment(text.encode())


def _window(stream: Stream, listing: Listing) -> Window:
    return listing.window(stream.name, None, number=_FIRST)


def _row(fact: Instrument, price: int, size: int) -> Object:
    return {"price": _number(fact.price(price)), "qty": _number(fact.size(size))}


def _rows(fact: Instrument, levels: Levels) -> list[Object]:
    return [_row(fact, price, size) for price, size in levels]


def _trade(fact: Instrument, trade: Trade, kind: str, now: int) -> Object:
    told: Object = {
        "feed": "trade",
        "product_id": fact.symbol,
        "uid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{fact.symbol}{trade.id}")),
    }
    told |= {"side": "buy" if trade.buy else "sell", "type": kind, "seq": trade.id, "time": now}
    return told | {"qty": _number(fact.size(trade.size)), "price": _number(fact.price(trade.price))}


def _type(step: Step, trade: Trade) -> str:
    return "liquidation" if trade.id in _forced(step) else "fill"


def _forced(step: Step) -> range:
    """Return the ids of the forced order's fills: the run of trades whose sizes and costs add up to it."""
    order, trades = step.liquidation, step.trades
    if order is not None:
        for start in range(len(trades)):
            size = cost = 0
            for trade in trades[start:]:
                size, cost = size + trade.size, cost + trade.size * trade.price
                if (size, cost, trade.buy) == (order.size, order.cost, order.buy):
                    return range(trades[start].id, trade.id + 1)
    return range(0)


def _ticker_lite(listing: Listing) -> Object:
    fact, market, stats = listing.instrument, listing.market, listing.stats
    told: Object = {"feed": "ticker_lite", "product_id": fact.symbol}
    told |= {"bid": _number(fact.price(market.bids.best)), "ask": _number(fact.price(market.asks.best)), "change": 0.24}
    told |= {"premium": 0.1, "volume": _number(fact.size(stats.volume)), "pair": fact.pair}
    perpetual = fact.contract_type[0] == "P"
    return told | {"tag": "perpetual" if perpetual else "quarter", "dtm": 0 if perpetual else 30, "maturityTime": _ends_ms(fact)}


def _ticker(listing: Listing, now: int) -> Object:
    fact, market, stats = listing.instrument, listing.market, listing.stats
    bid, ask = market.bids.best, market.asks.best
    told: Object = {"time": now, **_ticker_lite(listing), "feed": "ticker", "leverage": "50x"}
    told |= {"bid_size": _number(fact.size(market.bids.sizes[bid])), "ask_size": _number(fact.size(market.asks.sizes[ask]))}
    told |= {"index": _number(fact.price(bid) + "4"), "markPrice": _number(fact.price(ask) + "8641534714")}
    told |= {"last": _number(fact.price(stats.last)), "openInterest": _number(fact.size(listing.open_interest))}
    told |= {"suspended": False, "post_only": False, "open": _number(fact.price(stats.open))}
    told |= {"high": _number(fact.price(stats.high)), "low": _number(fact.price(stats.low))}
    if fact.contract_type[0] == "P":
        told |= {"funding_rate": _number("-6.2604214e-11"), "relative_funding_rate": _number("-1.380384722222e-6")}
        told["next_funding_rate_time"] = (now // _FUNDING_MS + 1) * _FUNDING_MS
    return told


def _ends(fact: Instrument) -> datetime | None:
    match = _SYMBOL.fullmatch(fact.symbol)
    assert match is not None
    return datetime.strptime(match[3], "%y%m%d").replace(hour=8, tzinfo=UTC) if match[3] else None


def _ends_ms(fact: Instrument) -> int:
    ends = _ends(fact)
    return 0 if ends is None else int(ends.timestamp()) * 1000


def _contract(fact: Instrument) -> Object:
    inverse, ends = fact.contract_type[1] == "I", _ends(fact)
    told: Object = {
        "symbol": fact.symbol,
        "type": "futures_inverse" if inverse else "flexible_futures",
        "tickSize": _number(fact.tick),
        "contractSize": 1,
        "tradeable": True,
        "contractValueTradePrecision": fact.lot_digits,
        "postOnly": False,
        "base": fact.base,
        "quote": fact.quote,
        "pair": f"{fact.base}:{fact.quote}",
    }
    return told if ends is None else told | {"lastTradingTime": f"{ends:%Y-%m-%dT%H:%M:%S}.000Z"}


FUTURES = KrakenFutures()
