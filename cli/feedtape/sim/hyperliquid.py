"""The dialect of Hyperliquid: every market on one socket, books whole each time, instruments by POST.

A message asks for one stream, the answer repeats it with defaults filled in, and the stream begins at once: trades with those of
the past. What is asked for twice is "Already subscribed"; a coin that does not exist ends the connection without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import BookState
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step, Trade

_PERPETUAL = re.compile(r"(?:([a-z][a-z0-9]{1,5}):)?(k?[A-Z0-9]{1,12})")
_PAIR = re.compile(r"([A-Z0-9]{1,12})/USDC")
_INDEXED = re.compile(r"@(\d{1,5})")
_OUTCOME = re.compile(r"#(\d{1,6})([01])")
_TOKENS = {"@107": "HYPE"}
_EVERY = {"l2Book": 5.0, "fast": 0.5, "activeAssetCtx": 1.0, "bbo": None, "trades": None}
_DEPTHS = {"l2Book": 20, "fast": 5}
_FILLED = {"l2Book": {"nSigFigs": None, "mantissa": None, "fast": False}}
_RECENT = 30

Object = dict[str, Any]


class Hyperliquid(Dialect):
    """Hyperliquid, as its documents and probes of 2026 have it.

    That a connection is ended on which the venue has sent nothing for 60 s is left out: what is subscribed speaks more often.
    """

    name = "hyperliquid"
    symbols = ("BTC", "ETH", "kPEPE", "xyz:SP500", "PURR/USDC", "@107", "#250")
    rules = Rules(
        messages=((2000, 60.0),), connects=(30, 60.0), connections=10, streams_per_connection=1000, weight_per_minute=1200
    )

    def instrument(self, symbol: str) -> Instrument:
        kind, base = _kind(symbol)
        milli = 500 if kind == "outcome" else milli_price(base.removeprefix("k"))
        # Five significant figures of a price; what is above 10,000 moves by one.
        tick_digits = max(0, min(5, 8 - len(str(milli))))
        lot_digits = 0 if kind == "outcome" else 5 - tick_digits
        ticks = milli * 10**tick_digits // 1000
        lots = max(5, 12_000_000 * 10**lot_digits // milli)
        shape = Shape(ticks, max(1, ticks // 50_000), lots, levels=200, first_trade_id=828_642_708_897_583)
        width, size_width = max(1, tick_digits), max(1, lot_digits)
        return Instrument(symbol, symbol, base, "USDC", tick_digits, width, lot_digits, size_width, shape, kind)

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] == "/ws" else None

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        try:
            request = orjson.loads(text)
            method, wanted = request["method"], request.get("subscription")
            if method == "ping":
                return [orjson.dumps({"channel": "pong"})]
            kind = "fast" if wanted.get("fast") is True and wanted["type"] == "l2Book" else wanted["type"]
            coin = wanted["coin"]
            if method not in ("subscribe", "unsubscribe") or kind not in _EVERY or type(coin) is not str:
                raise TypeError
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return [_error(f"Error parsing JSON into valid websocket request: {text}")]
        if coin not in desk.listings:
            session.dropped = True
            return []
        filled = wanted | {name: wanted.get(name, value) for name, value in _FILLED.get(wanted["type"], {}).items()}
        name = f"{kind}:{coin}"
        if (method == "subscribe") is (name in session.streams):
            return [_error(f"Already {method}d: {orjson.dumps(filled).decode()}")]
        answer = _message("subscriptionResponse", {"method": method, "subscription": filled})
        if method == "unsubscribe":
            del session.streams[name]
            return [answer]
        if desk.refuse([coin]) is not None:
            return [_error(f"Error parsing JSON into valid websocket request: {text}")]
        stream = session.streams[name] = Stream(name, coin, kind, _EVERY[kind], _DEPTHS.get(kind, 0))
        return [answer, *self._beginning(stream, desk)]

    def _beginning(self, stream: Stream, desk: Desk) -> list[bytes]:
        listing = desk.listings[stream.symbol]
        if stream.levels:
            window, every = listing.window(stream.name, stream.levels), max(1, round((stream.every or 0) * desk.rate))
            return [_book(stream, listing, window.picture(listing.market, listing.steps, every), desk.now_ns)]
        if stream.kind == "trades":
            recent = (trade for step in reversed(listing.recent) for trade in reversed(step.trades))
            rows = _trades(listing, islice(recent, _RECENT), desk.now_ns - 20 * 10**9)
            return [_message("trades", rows)]
        return [_bbo(listing, desk.now_ns) if stream.kind == "bbo" else _context(listing)]

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        if stream.every is not None and listing.steps % max(1, round(stream.every * rate)):
            return []
        match stream.kind:
            case "trades":
                return [_message("trades", _trades(listing, step.trades, now_ns))] if step.trades else []
            case "bbo":
                return [_bbo(listing, now_ns)] if step.top_changed else []
            case "activeAssetCtx":
                return [_context(listing)]
        window = listing.window(stream.name, stream.levels)
        window.advance(listing.market, listing.steps)
        # An unchanged book is sent again, with a new time.
        return [_book(stream, listing, window.state, now_ns)]

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        return None

    def post(self, path: str, body: bytes, desk: Desk) -> Answer | None:
        if path != "/info":
            return None
        try:
            request = orjson.loads(body)
            kind = request["type"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            kind = ""
        facts = [listing.instrument for listing in desk.listings.values()]
        match kind:
            case "meta":
                return Answer(_metas(facts).get(str(request.get("dex", "")), None), weight=20)
            case "allPerpMetas":
                return Answer(list(_metas(facts).values()), weight=20)
            case "spotMeta":
                return Answer(_spot_meta(facts), weight=20)
            case "outcomeMeta":
                return Answer(_outcome_meta(facts), weight=20)
            case "l2Book":
                listing = desk.listings.get(str(request.get("coin")))
                return Answer(None if listing is None else _picture(listing, desk.book(listing), 20, desk.now_ns), weight=2)
        return Answer("Failed to deserialize the JSON body into the target type", 422)

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer(None, 429, 0)


def _kind(symbol: str) -> tuple[str, str]:
    """Return what a symbol is of, and of which token."""
    for kind, pattern in (("perpetual", _PERPETUAL), ("spot", _PAIR), ("spot", _INDEXED), ("outcome", _OUTCOME)):
        match = pattern.fullmatch(symbol)
        if match is not None:
            base = match[2] if kind == "perpetual" else match[1]
            return kind, _TOKENS.get(symbol, base if not base.isdecimal() else f"TOKEN{base}")
    raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTC, kPEPE, xyz:SP500, @107 or #250")


def _message(channel: str, data: object) -> bytes:
    return orjson.dumps({"channel": channel, "data": data})


def _error(words: str) -> bytes:
    return _message("error", words)


def _level(fact: Instrument, price: int, size: int) -> Object:
    return {"px": fact.price(price), "sz": fact.size(size), "n": 1 + size % 7}


def _picture(listing: Listing, state: BookState, depth: int, now_ns: int) -> Object:
    fact = listing.instrument
    sides = [[_level(fact, price, size) for price, size in side[:depth]] for side in (state.bids, state.asks)]
    return {"coin": fact.symbol, "time": now_ns // 1_000_000, "levels": sides}


def _book(stream: Stream, listing: Listing, state: BookState, now_ns: int) -> bytes:
    told = _picture(listing, state, stream.levels, now_ns)
    return _message("l2Book", told | ({"fast": True} if stream.kind == "fast" else {}))


def _bbo(listing: Listing, now_ns: int) -> bytes:
    fact, market = listing.instrument, listing.market
    best = [_level(fact, side.best, side.sizes[side.best]) for side in (market.bids, market.asks)]
    return _message("bbo", {"coin": fact.symbol, "time": now_ns // 1_000_000, "bbo": best})


def _trades(listing: Listing, trades: Iterable[Trade], now_ns: int) -> list[Object]:
    fact = listing.instrument
    return [
        {
            "coin": fact.symbol,
            "side": "B" if trade.buy else "A",
            "px": fact.price(trade.price),
            "sz": fact.size(trade.size),
            "time": now_ns // 1_000_000,
            "hash": f"0x{trade.id:064x}",
            "tid": trade.id,
            "users": ["0x" + "9a" * 20, "0x" + "82" * 20],
        }
        for trade in trades
    ]


def _context(listing: Listing) -> bytes:
    fact, market, stats = listing.instrument, listing.market, listing.stats
    mid = f"{Decimal(market.bids.best + market.asks.best).scaleb(-fact.tick_digits) / 2:f}"
    told: Object = {"prevDayPx": fact.price(stats.open), "dayNtlVlm": "1516669192.19", "markPx": mid, "midPx": mid}
    if fact.contract_type != "perpetual":
        return _message("activeSpotAssetCtx", {"coin": fact.symbol, "ctx": told | {"circulatingSupply": "598274725.27"}})
    told |= {"funding": "-0.0000018952", "openInterest": fact.size(listing.open_interest), "oraclePx": fact.price(stats.last)}
    return _message("activeAssetCtx", {"coin": fact.symbol, "ctx": told | {"premium": "0.0", "impactPxs": [mid, mid]}})


def _metas(facts: Iterable[Instrument]) -> dict[str, Object]:
    """Return what there is of each dex, the first one's name being empty."""
    metas: dict[str, Object] = {"": {"universe": [], "marginTables": [], "collateralToken": 0}}
    for fact in facts:
        if fact.contract_type == "perpetual":
            dex = fact.symbol.rpartition(":")[0]
            meta = metas.setdefault(dex, {"universe": [], "marginTables": [], "collateralToken": 360})
            meta["universe"].append({"name": fact.symbol, "szDecimals": fact.lot_digits, "maxLeverage": 40})
    return metas


def _spot_meta(facts: Iterable[Instrument]) -> Object:
    tokens: list[Object] = [{"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0}]
    universe: list[Object] = []
    for fact in facts:
        if fact.contract_type == "spot":
            index = len(tokens)
            tokens.append({"name": fact.base, "szDecimals": fact.lot_digits, "weiDecimals": 8, "index": index})
            universe.append({"name": fact.symbol, "tokens": [index, 0], "index": len(universe)})
    return {"tokens": tokens, "universe": universe}


def _outcome_meta(facts: Iterable[Instrument]) -> Object:
    numbers = dict.fromkeys(int(fact.symbol[1:-1]) for fact in facts if fact.contract_type == "outcome")
    sides = [{"name": "Yes"}, {"name": "No"}]
    return {"outcomes": [{"outcome": number, "name": "Recurring", "sideSpecs": sides} for number in numbers], "questions": []}


HYPERLIQUID = Hyperliquid()
