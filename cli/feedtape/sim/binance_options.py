"""The dialect of Binance's European options: the futures' host and manners, with streams of their own.

Streams that do not exist, unknown symbols and streams of the other route are acknowledged and stay silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from feedtape.errors import UsageError

from . import options
from .binance import Binance, BinanceSession
from .binance_payloads import Universe
from .dialect import Answer, Desk, Rules, Stream
from .instrument import Instrument, sides
from .listing import Listing
from .market import Shape, Step

_ROOT = "/eapi/v1/"
_SYMBOL = re.compile(r"([A-Z0-9]{1,12})-(\d{6})-(\d+(?:\.\d+)?)-([CP])")
_DEPTH = re.compile(r"depth(5|10|20)?@(100|500)ms")
_OF_ONE: Mapping[str, float | None] = {"bookTicker": None, "optionTrade": None, "optionTicker": 1.0}
_OF_MANY: Mapping[str, float] = {"optionMarkPrice": 1.0, "openInterest": 60.0}
_DEPTH_WEIGHTS = ((50, 1), (100, 5), (500, 10), (1000, 20))
_INVALID_SYMBOL = {"code": -1121, "msg": "Invalid symbol."}

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chain(Stream):
    """A stream that speaks of many options in one message, in time with the first of them."""

    listings: tuple[Listing, ...] = field(default=(), compare=False)


class Options(Binance):
    """European options, as the documents of 2026 have them."""

    def _find(self, name: str, session: BinanceSession, desk: Desk) -> Stream | None:
        symbol, _, rest = name.partition("@")
        # The venue takes lower-case names only.
        if symbol != symbol.lower():
            return None
        kind, _, day = rest.partition("@")
        if kind in _OF_MANY:
            return self._chain(name, symbol.upper(), kind, day, desk) if session.route == "market" else None
        listing = desk.listings.get(symbol.upper())
        if listing is None or session.route != "public":
            return None
        depth = _DEPTH.fullmatch(rest)
        if depth is not None:
            levels, speed = depth.groups()
            every = None if speed == "100" else 0.5
            return Stream(name, listing.instrument.symbol, "partial" if levels else "depth", every, int(levels or 0))
        return Stream(name, listing.instrument.symbol, rest, _OF_ONE[rest]) if rest in _OF_ONE else None

    def _chain(self, name: str, underlying: str, kind: str, day: str, desk: Desk) -> Stream | None:
        if (kind == "openInterest") != bool(day):
            return None
        of = [one for one in desk.listings.values() if one.instrument.pair == underlying and f"-{day}" in one.instrument.symbol]
        return Chain(name, of[0].instrument.symbol, kind, _OF_MANY[kind], listings=tuple(of)) if of else None

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        steps = 1 if stream.every is None else max(1, round(stream.every * rate))
        if listing.steps % steps:
            return []
        now = now_ns // 1_000_000
        if isinstance(stream, Chain):
            build = _mark if stream.kind == "optionMarkPrice" else _interest
            return [orjson.dumps([build(one, now) for one in stream.listings])]
        return [orjson.dumps(payload) for payload in _BUILDERS[stream.kind](stream, listing, step, now, steps)]

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        now = desk.now_ns // 1_000_000
        if path == f"{_ROOT}ping":
            return Answer({})
        if path == f"{_ROOT}time":
            return Answer({"serverTime": now})
        if path == f"{_ROOT}exchangeInfo":
            return Answer(_exchange_info(desk, now, self.rules.weight_per_minute))
        if path == f"{_ROOT}depth":
            return self._snapshot(query, desk, now)
        if path == f"{_ROOT}openInterest":
            pair, day = f"{query.get('underlyingAsset', '')}USDT", query.get("expiration", "")
            of = [one for one in desk.listings.values() if one.instrument.pair == pair and f"-{day}-" in one.instrument.symbol]
            return Answer([_held(one, now) for one in of], weight=0)
        return None

    def _snapshot(self, query: Mapping[str, str], desk: Desk, now: int) -> Answer:
        # Whether the letters' case matters is nowhere told; the documents write it in both.
        listing = desk.listings.get(query.get("symbol", "").upper())
        if listing is None:
            return Answer(_INVALID_SYMBOL, 400)
        limit = int(query.get("limit", "100"))
        book = desk.book(listing)
        bids, asks = sides(listing.instrument, book.bids[:limit], book.asks[:limit])
        body = {"bids": bids, "asks": asks, "T": now - 8, "lastUpdateId": book.id}
        return Answer(body, weight=next((weight for most, weight in _DEPTH_WEIGHTS if limit <= most), 20))


def _option(symbol: str) -> Instrument:
    match = _SYMBOL.fullmatch(symbol)
    if match is None:
        raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTC-261225-100000-C")
    base = match[1]
    # In ticks of a tenth.
    mid = options.ticks(options.model(symbol).price, 1)
    shape = Shape(mid, max(1, mid // 3000), 300, levels=60, id_stride=40, first_id=121_508_743, first_trade_id=200)
    return Instrument(symbol, f"{base}USDT", base, "USDT", 1, 3, 2, 4, shape, match[4])


def _expiry_ms(fact: Instrument) -> int:
    day = datetime.strptime(fact.symbol.split("-")[1], "%y%m%d").replace(hour=8, tzinfo=UTC)
    return int(day.timestamp()) * 1000


def _depth(_stream: Stream, listing: Listing, _step: Step, now: int, steps: int) -> Iterable[Object]:
    chunk = listing.chunk(steps)
    if chunk is None:
        return
    bids, asks = sides(listing.instrument, sorted(chunk.bids.items(), reverse=True), sorted(chunk.asks.items()))
    payload: Object = {"e": "depthUpdate", "E": now, "T": now - 2, "s": listing.instrument.symbol, "U": chunk.first}
    yield payload | {"u": chunk.last, "pu": listing.last_id_before(steps), "b": bids, "a": asks}


def _partial(stream: Stream, listing: Listing, step: Step, now: int, steps: int) -> Iterable[Object]:
    market, previous = listing.market, listing.last_id_before(steps)
    bids, asks = sides(listing.instrument, market.bids.top(stream.levels), market.asks.top(stream.levels))
    payload: Object = {"e": "depthUpdate", "E": now, "T": now - 2, "s": listing.instrument.symbol, "U": previous + 10}
    yield payload | {"u": step.last, "pu": previous, "b": bids, "a": asks}


def _book_ticker(_stream: Stream, listing: Listing, step: Step, now: int, _steps: int) -> Iterable[Object]:
    if not step.top_changed:
        return
    fact, market = listing.instrument, listing.market
    bid, ask = market.bids.best, market.asks.best
    payload: Object = {"e": "bookTicker", "u": step.last, "s": fact.symbol, "b": fact.price(bid), "a": fact.price(ask)}
    yield payload | {"B": fact.size(market.bids.sizes[bid]), "A": fact.size(market.asks.sizes[ask]), "T": now - 1, "E": now}


def _trade(_stream: Stream, listing: Listing, step: Step, now: int, _steps: int) -> Iterable[Object]:
    fact = listing.instrument
    for trade in step.trades:
        payload: Object = {"e": "trade", "E": now, "T": now - 1, "s": fact.symbol, "t": trade.id, "p": fact.price(trade.price)}
        payload |= {"q": fact.size(trade.size), "X": "MARKET", "S": "BUY" if trade.buy else "SELL", "m": not trade.buy}
        yield payload


def _ticker(_stream: Stream, listing: Listing, _step: Step, now: int, _steps: int) -> Iterable[Object]:
    fact, stats = listing.instrument, listing.stats
    payload: Object = {"e": "24hrTicker", "E": now, "s": fact.symbol, "p": "0.000", "P": "0.00", "w": fact.price(stats.last)}
    payload |= {"c": fact.price(stats.last), "Q": fact.size(stats.last_size), "o": fact.price(stats.open)}
    payload |= {"h": fact.price(stats.high), "l": fact.price(stats.low), "v": fact.size(stats.volume), "q": "0"}
    yield payload | {"O": now - 1000, "C": now, "F": stats.first_trade_id, "L": listing.market.last_trade_id, "n": stats.trades}


_BUILDERS = {
    "depth": _depth,
    "partial": _partial,
    "bookTicker": _book_ticker,
    "optionTrade": _trade,
    "optionTicker": _ticker,
}


def _mark(listing: Listing, now: int) -> Object:
    """What the model says of an option; no bid has no volatility, which -1 stands for."""
    fact, market = listing.instrument, listing.market
    bid, ask = market.bids.best, market.asks.best
    # Every third message is one of an option that nobody bids for.
    has_bid = listing.steps // 10 % 3 > 0
    model = options.model(fact.symbol, listing.steps)
    told: Object = {"s": fact.symbol, "mp": f"{model.price:.3f}", "E": now, "e": "markPrice", "i": f"{model.forward:.8f}"}
    told |= {"P": "0.000", "bo": fact.price(bid) if has_bid else "0.000", "ao": fact.price(ask)}
    told |= {"bq": fact.size(market.bids.sizes[bid]) if has_bid else "0.0000", "aq": fact.size(market.asks.sizes[ask])}
    told |= {"b": f"{model.bid_iv:.8f}" if has_bid else "-1.0", "a": f"{model.ask_iv:.8f}", "vo": f"{model.iv:.8f}"}
    told |= {"hl": "9455.000", "ll": "5.000", "rf": "0.0", "d": f"{model.delta:.8f}", "t": f"{model.theta:.8f}"}
    return told | {"g": f"{model.gamma:.8f}", "v": f"{model.vega:.8f}"}


def _interest(listing: Listing, now: int) -> Object:
    told = {"e": "openInterest", "E": now, "s": listing.instrument.symbol, "o": listing.instrument.size(listing.open_interest)}
    return told | {"h": "1912992.178168204"}


def _held(listing: Listing, now: int) -> Object:
    held = listing.instrument.size(listing.open_interest)
    return {"symbol": listing.instrument.symbol, "sumOpenInterest": held, "sumOpenInterestUsd": "1", "timestamp": str(now)}


def _exchange_info(desk: Desk, now: int, weight: int) -> Object:
    facts = [listing.instrument for listing in desk.listings.values()]
    pairs = {fact.pair: {"baseAsset": fact.base, "quoteAsset": fact.quote, "underlying": fact.pair} for fact in facts}
    limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight}
    told: Object = {"timezone": "UTC", "serverTime": now, "optionAssets": [{"name": "USDT"}], "rateLimits": [limit]}
    told["optionContracts"] = [pair | {"settleAsset": "USDT"} for pair in pairs.values()]
    return told | {"optionSymbols": [_listed(fact) for fact in facts]}


def _listed(fact: Instrument) -> Object:
    prices = {"filterType": "PRICE_FILTER", "minPrice": fact.tick, "maxPrice": "80000.000", "tickSize": fact.tick}
    sizes = {"filterType": "LOT_SIZE", "minQty": fact.lot, "maxQty": "1000.0000", "stepSize": fact.lot}
    told: Object = {"symbol": fact.symbol, "side": "CALL" if fact.contract_type == "C" else "PUT", "underlying": fact.pair}
    told |= {
        "strikePrice": f"{fact.symbol.split('-')[2]}.000",
        "unit": 1,
        "expiryDate": _expiry_ms(fact),
        "quoteAsset": fact.quote,
    }
    return told | {
        "filters": [prices, sizes],
        "priceScale": 3,
        "quantityScale": 4,
        "status": "TRADING",
        "contractType": "VANILLA",
    }


OPTIONS = Options(
    "binance-options",
    ("BTC-261225-100000-C", "BTC-261225-100000-P", "ETH-261225-4000-C"),
    Rules(300.0, 900.0, messages=((10, 1.0),), weight_per_minute=2400, streams_per_connection=200),
    Universe(1, 1.0),
    _ROOT,
    _option,
    split=True,
)
