"""The dialect of Kraken spot, WebSocket v2.

A request is answered symbol by symbol. Books carry no sequence, only a checksum of the best ten levels; a level that is pushed
out of the subscribed depth is not told. Numbers are bare and padded, REST still says `XBT` for `BTC`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import BookState, Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step, Trade

_SYMBOL = re.compile(r"([A-Z0-9]{1,12}|[A-Z0-9]{1,12}x)/(USD|EUR|GBP|USDT|USDC|BTC|ETH)")
_DEPTHS = (10, 25, 100, 500, 1000)
_OLD_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_HISTORY = 50
_REPEATED = 5
"""Every so many updates tell a price twice, as the venue does where it batches."""

Object = dict[str, Any]


class Kraken(Dialect):
    """Kraken spot, as its documents of 2026 have it."""

    name = "kraken"
    symbols = ("BTC/USD", "ETH/USD")
    rules = Rules(beat_every=1.0, subscribe_within=60.0, connects=(150, 600.0), weight_per_minute=60)

    def instrument(self, symbol: str) -> Instrument:
        match = _SYMBOL.fullmatch(symbol)
        if match is None:
            raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTC/USD")
        base, quote = match.groups()
        milli = milli_price(base)
        digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 5
        ticks = milli * 10**digits // 1000
        lots = max(1, 120_000_000_000 // milli)
        shape = Shape(ticks, max(1, ticks // 100_000), lots, levels=1200, first_trade_id=77_000_000)
        return Instrument(symbol, f"{base}/{quote}", base, quote, digits, digits, 8, 8, shape)

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] == "/v2" else None

    def greet(self, session: Session, desk: Desk) -> list[bytes]:
        told = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 15113583034416118705}
        return [orjson.dumps({"channel": "status", "type": "update", "data": [told]})]

    def beat(self, session: Session, desk: Desk) -> list[bytes]:
        return [b'{"channel":"heartbeat"}'] if session.streams else []

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        try:
            request = orjson.loads(text)
            method, params = request["method"], request.get("params") or {}
            symbols = params.get("symbol", [])
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            return [_refusal({"method": "error"}, "Malformed request", desk)]
        if method == "ping":
            return [_answer(request, {"method": "pong", "success": True}, desk)]
        if method not in ("subscribe", "unsubscribe"):
            return [_refusal(request, f"Unsupported method {str(method)[:40]}", desk)]
        if params.get("channel") not in ("book", "trade", "ticker"):
            return [_refusal(request, f"Unsupported channel {str(params.get('channel'))[:40]}", desk)]
        if params["channel"] == "book" and params.setdefault("depth", 10) not in _DEPTHS:
            return [_refusal(request, "Subscription depth not supported", desk)]
        take = self._subscribe if method == "subscribe" else self._unsubscribe
        return [frame for symbol in symbols for frame in take(session, request, params, str(symbol), desk)]

    def _subscribe(self, session: Session, request: Object, params: Object, symbol: str, desk: Desk) -> list[bytes]:
        if symbol not in desk.listings:
            return [_refusal(request, f"Currency pair not supported {symbol}", desk, symbol)]
        reason = desk.refuse([symbol])
        if reason is not None:
            return [_refusal(request, f"Exceeded msg rate: {reason}", desk, symbol)]
        stream = _stream(params, symbol)
        taken = {(one.kind.partition("-")[0], one.symbol) for one in session.streams.values() if one is not None}
        if (stream.kind.partition("-")[0], symbol) in taken:
            return [_refusal(request, f"Already subscribed to one {params['channel']} feed for {symbol}", desk, symbol)]
        session.streams[stream.name] = stream
        picture = params.get("snapshot", stream.kind != "trade")
        return [_acknowledgement(request, stream, desk, {"snapshot": picture}), *(self._picture(stream, desk) if picture else ())]

    def _unsubscribe(self, session: Session, request: Object, params: Object, symbol: str, desk: Desk) -> list[bytes]:
        stream = _stream(params, symbol)
        if session.streams.pop(stream.name, None) is None:
            return [_refusal(request, "Subscription not found", desk, symbol)]
        return [_acknowledgement(request, stream, desk, {})]

    def _picture(self, stream: Stream, desk: Desk) -> list[bytes]:
        listing = desk.listings[stream.symbol]
        if stream.kind == "book":
            state = listing.window(stream.name, stream.levels, tells_leaving=False).picture(listing.market, listing.steps, 1)
            return [_book("snapshot", listing, state.bids, state.asks, state, desk.now_ns)]
        if stream.kind == "trade":
            trades = [trade for step in listing.recent for trade in step.trades][-_HISTORY:]
            return [_trades("snapshot", listing, trades, desk.now_ns)]
        return [_ticker("snapshot", listing, desk.now_ns)]

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        if stream.kind == "book":
            window = listing.window(stream.name, stream.levels, tells_leaving=False)
            change = window.advance(listing.market, listing.steps)
            if change.is_empty:
                return []
            bids, asks = change.bids, change.asks
            if change.number % _REPEATED == 0:
                bids, asks = _twice(bids), _twice(asks)
            return [_book("update", listing, bids, asks, window.state, now_ns)]
        if stream.kind == "trade":
            return [_trades("update", listing, step.trades, now_ns)] if step.trades else []
        is_due = step.top_changed if stream.kind == "ticker-bbo" else bool(step.trades)
        return [_ticker("update", listing, now_ns)] if is_due else []

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        if path == "/0/public/Time":
            return _result({"unixtime": desk.now_ns // 10**9, "rfc1123": f"{_moment(desk.now_ns):%a, %d %b %y %H:%M:%S +0000}"})
        if path == "/0/public/SystemStatus":
            return _result({"status": "online", "timestamp": f"{_moment(desk.now_ns):%Y-%m-%dT%H:%M:%SZ}"})
        if path == "/0/public/AssetPairs":
            wanted = query.get("aclass_base", "currency")
            pairs = [_pair(listing.instrument) for listing in desk.listings.values()]
            return _result({pair["altname"]: pair for pair in pairs if pair["aclass_base"] == wanted})
        return None

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"error": ["EGeneral:Too many requests"]}, 429, 0)


def _stream(params: Object, symbol: str) -> Stream:
    channel = params["channel"]
    if channel == "book":
        return Stream(f"book-{params['depth']}:{symbol}", symbol, "book", None, params["depth"])
    return Stream(
        f"{channel}:{symbol}", symbol, f"ticker-{params.get('event_trigger', 'trades')}" if channel == "ticker" else channel
    )


def _answer(request: Object, fields: Object, desk: Desk) -> bytes:
    told: Object = {"req_id": request["req_id"]} if "req_id" in request else {}
    stamp = _stamp(desk.now_ns)
    return orjson.dumps(fields | {"time_in": stamp, "time_out": stamp} | told)


def _acknowledgement(request: Object, stream: Stream, desk: Desk, more: Object) -> bytes:
    result: Object = {"channel": stream.kind.partition("-")[0], "symbol": stream.symbol} | more
    if stream.kind == "book":
        result["depth"] = stream.levels
    return _answer(request, {"method": request["method"], "result": result, "success": True}, desk)


def _refusal(request: Object, words: str, desk: Desk, symbol: str | None = None) -> bytes:
    of = {} if symbol is None else {"symbol": symbol}
    return _answer(request, {"error": words, "method": request["method"], "success": False} | of, desk)


def _number(text: str) -> orjson.Fragment:
    return orjson.Fragment(text.encode())


def _moment(now_ns: int) -> datetime:
    return datetime.fromtimestamp(now_ns // 10**9, UTC)


def _stamp(now_ns: int) -> str:
    return f"{_moment(now_ns):%Y-%m-%dT%H:%M:%S}.{now_ns % 10**9 // 1000:06d}Z"


def _twice(levels: Levels) -> Levels:
    """Tell the first level that stays twice, the size that counts last."""
    stays = next(((price, size) for price, size in levels if size), None)
    return levels if stays is None else [(stays[0], stays[1] + 1), *levels]


def _book(kind: str, listing: Listing, bids: Levels, asks: Levels, state: BookState, now_ns: int) -> bytes:
    fact = listing.instrument
    entry: Object = {"symbol": fact.symbol, "bids": _rows(fact, bids), "asks": _rows(fact, asks)}
    entry |= {"checksum": _checksum(fact, state), "timestamp": _stamp(now_ns)}
    return orjson.dumps({"channel": "book", "type": kind, "data": [entry]})


def _rows(fact: Instrument, levels: Levels) -> list[Object]:
    return [{"price": _number(fact.price(price)), "qty": _number(fact.size(size))} for price, size in levels]


def _checksum(fact: Instrument, state: BookState) -> int:
    """Asks from the lowest on, then bids from the highest: the digits of price and size, without leading zeros."""
    best = sorted(state.asks)[:10] + sorted(state.bids, reverse=True)[:10]
    digits = [text.replace(".", "").lstrip("0") for price, size in best for text in (fact.price(price), fact.size(size))]
    return zlib.crc32("".join(digits).encode())


def _trades(kind: str, listing: Listing, trades: Sequence[Trade], now_ns: int) -> bytes:
    fact, stamp = listing.instrument, _stamp(now_ns)
    rows = [
        {
            "symbol": fact.symbol,
            "side": "buy" if trade.buy else "sell",
            "price": _number(fact.price(trade.price)),
            "qty": _number(fact.size(trade.size)),
            "ord_type": "market",
            "trade_id": trade.id,
            "timestamp": stamp,
        }
        for trade in trades
    ]
    return orjson.dumps({"channel": "trade", "type": kind, "data": rows})


def _ticker(kind: str, listing: Listing, now_ns: int) -> bytes:
    fact, market, stats = listing.instrument, listing.market, listing.stats
    bid, ask = market.bids.best, market.asks.best
    vwap = stats.turnover // stats.volume if stats.volume else stats.last
    prices = {"bid": bid, "ask": ask, "last": stats.last, "vwap": vwap, "low": stats.low, "high": stats.high}
    sizes = {"bid_qty": market.bids.sizes[bid], "ask_qty": market.asks.sizes[ask], "volume": stats.volume}
    told: Object = {"symbol": fact.symbol} | {name: _number(fact.price(ticks)) for name, ticks in prices.items()}
    told |= {name: _number(fact.size(lots)) for name, lots in sizes.items()}
    told |= {"change": _number(fact.price(stats.last - stats.open)), "change_pct": 0.24, "timestamp": _stamp(now_ns)}
    return orjson.dumps({"channel": "ticker", "type": kind, "data": [told]})


def _result(result: object) -> Answer:
    return Answer({"error": [], "result": result})


def _pair(fact: Instrument) -> Object:
    base, quote = (_OLD_NAMES.get(name, name) for name in (fact.base, fact.quote))
    return {
        "altname": f"{base}{quote}",
        "wsname": f"{base}/{quote}",
        "aclass_base": "tokenized_asset" if base.endswith("x") else "currency",
        "base": base,
        "aclass_quote": "currency",
        "quote": quote,
        "pair_decimals": fact.tick_digits,
        "lot_decimals": fact.lot_digits,
        "lot_multiplier": 1,
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": fact.tick,
        "status": "online",
    }


KRAKEN = Kraken()
