"""The dialect of Coinbase Advanced Trade.

Each frame of a connection has a number, from 0 and one more each, answers and heartbeats included; errors have none. What a
subscription begins with comes before its answer, which lists all that is on. Unknown products are left out of that list without a
word, everything else that cannot be had is an "authentication failure". `level2` is told as `l2_data`, a trade by its maker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step, Trade

_SPOT = re.compile(r"([A-Z0-9]{1,12})-(USD|USDC|USDT|EUR|GBP|BTC)")
_DATED = re.compile(r"([A-Z]{2,4})-(\d{2}[A-Z]{3}\d{2})-CDE")
_PERPETUAL = re.compile(r"([A-Z0-9]{1,12})-PERP-INTX")
_ROOTS = {"BIP": "BTC", "BIT": "BTC", "ETP": "ETH", "ET": "ETH"}
_PAYS_FUNDING = frozenset({"BIP", "ETP"})
_CHANNELS = {"level2": None, "market_trades": 0.25, "ticker": None}
_PRODUCTS = "/api/v3/brokerage/market/products"
_RECENT = 50
_NUMBER = b'"sequence_num":0'

Object = dict[str, Any]


class Coinbase(Dialect):
    """Coinbase Advanced Trade, as its documents and probes of 2026 have it."""

    name = "coinbase"
    symbols = ("BTC-USD", "ETH-USD", "BIP-20DEC30-CDE")
    rules = Rules(
        beat_every=1.0,
        subscribe_within=5.0,
        messages=((8, 1.0),),
        connects=(8, 1.0),
        weight_per_minute=600,
    )

    def instrument(self, symbol: str) -> Instrument:
        symbol = symbol.upper()
        spot, dated, perpetual = _SPOT.fullmatch(symbol), _DATED.fullmatch(symbol), _PERPETUAL.fullmatch(symbol)
        if spot is not None:
            base, quote, lot_digits, contract = spot[1], spot[2], 8, ""
        elif dated is not None:
            base, quote, lot_digits = _ROOTS.get(dated[1], dated[1]), "USD", 0
            contract = "FUNDED" if dated[1] in _PAYS_FUNDING else "DATED"
        elif perpetual is not None:
            base, quote, lot_digits, contract = perpetual[1], "USDC", 4, "PERPETUAL"
        else:
            raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTC-USD or BTC-PERP-INTX")
        milli = milli_price(base)
        tick_digits = 2 if milli >= 100_000 else 4
        ticks = milli * 10**tick_digits // 1000
        lots = max(5, 12_000_000 * 10**lot_digits // milli) if lot_digits else 300
        shape = Shape(ticks, max(1, ticks // 200_000), lots, levels=600)
        return Instrument(
            symbol, f"{base}-{quote}", base, quote, tick_digits, tick_digits, lot_digits, lot_digits, shape, contract
        )

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] in ("", "/") else None

    # -- requests

    def beat(self, session: Session, desk: Desk) -> list[bytes]:
        if "heartbeats" not in session.streams:
            return []
        day = datetime.fromtimestamp(desk.now_ns // 10**9, UTC)
        since = desk.now_ns // 10**9 % 200_000
        told = {"current_time": f"{day:%Y-%m-%d %H:%M:%S} +0000 UTC m=+{since}.25", "heartbeat_counter": since}
        return [self._numbered(session, _frame("heartbeats", [told], desk.now_ns))]

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        try:
            request = orjson.loads(text)
            kind, channel, products = request["type"], request["channel"], request.get("product_ids", [])
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return [_FAILURE]
        if kind not in ("subscribe", "unsubscribe") or (channel not in _CHANNELS and channel != "heartbeats"):
            return [_FAILURE]
        answers: list[bytes] = []
        if channel == "heartbeats":
            _put(session, "heartbeats", None, on=kind == "subscribe")
        elif kind == "subscribe" and desk.refuse(products) is not None:
            return [_FAILURE]
        else:
            for product in products:
                answers += self._turn(session, channel, str(product), desk, on=kind == "subscribe")
        return [*answers, self._numbered(session, _frame("subscriptions", [{"subscriptions": _listed(session)}], desk.now_ns))]

    def _turn(self, session: Session, channel: str, product: str, desk: Desk, *, on: bool) -> list[bytes]:
        """Turn a stream on or off; return what it begins with."""
        name, listing = f"{channel}:{product}", desk.listings.get(product)
        if listing is None or on is (name in session.streams):
            return []
        _put(session, name, Stream(name, product, channel, _CHANNELS[channel]), on=on)
        return [self._numbered(session, self._beginning(channel, name, listing, desk.now_ns))] if on else []

    def _beginning(self, channel: str, name: str, listing: Listing, now_ns: int) -> bytes:
        if channel == "level2":
            picture = listing.window(name, None).picture(listing.market, listing.steps, 1)
            return _book("snapshot", listing, picture.bids, picture.asks, now_ns, event_ns=0)
        if channel == "ticker":
            return _frame("ticker", [{"type": "snapshot", "tickers": [_ticker(listing)]}], now_ns)
        recent = (trade for step in reversed(listing.recent) for trade in reversed(step.trades))
        return _trades("snapshot", listing, islice(recent, _RECENT), now_ns)

    def _numbered(self, session: Session, frame: bytes) -> bytes:
        number, session.sent = session.sent, session.sent + 1
        return frame.replace(_NUMBER, b'"sequence_num":%d' % number, 1)

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        if stream.kind == "level2":
            change = listing.window(stream.name, None).advance(listing.market, listing.steps)
            return [] if change.is_empty else [_book("update", listing, change.bids, change.asks, now_ns, event_ns=now_ns)]
        if stream.kind == "ticker":
            return [_frame("ticker", [{"type": "update", "tickers": [_ticker(listing)]}], now_ns)] if step.trades else []
        steps = max(1, round((stream.every or 0) * rate))
        if listing.steps % steps:
            return []
        batch = [trade for part in list(listing.recent)[-steps:] for trade in part.trades]
        return [_trades("update", listing, reversed(batch), now_ns)] if batch else []

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return self._numbered(session, payload)

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        if path == "/api/v3/brokerage/time":
            ms = desk.now_ns // 1_000_000
            return Answer({"iso": _iso(desk.now_ns), "epochSeconds": str(ms // 1000), "epochMillis": str(ms)})
        if path == _PRODUCTS:
            rows = [_product(listing) for listing in desk.listings.values()]
            kind, expiry = query.get("product_type"), query.get("contract_expiry_type")
            rows = [row for row in rows if kind in (None, row["product_type"])]
            rows = [row for row in rows if expiry in (None, row.get("future_product_details", {}).get("contract_expiry_type"))]
            return Answer({"products": rows, "num_products": len(rows), "pagination": None})
        if path.startswith(f"{_PRODUCTS}/"):
            listing = desk.listings.get(path.removeprefix(f"{_PRODUCTS}/"))
            if listing is None:
                return Answer({"error": "NOT_FOUND", "error_details": "valid product_id is required"}, 404)
            return Answer(_product(listing))
        return None

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"error": "RESOURCE_EXHAUSTED", "message": "too many requests"}, 429, 0)


_FAILURE = orjson.dumps({"type": "error", "message": "authentication failure"})


def _put(session: Session, name: str, stream: Stream | None, *, on: bool) -> None:
    if on:
        session.streams[name] = stream
    else:
        session.streams.pop(name, None)


def _listed(session: Session) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = {}
    for name, stream in session.streams.items():
        channel = "heartbeats" if stream is None else stream.kind
        listed.setdefault(channel, []).append(name if stream is None else stream.symbol)
    return listed


def _iso(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}" + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"


def _frame(channel: str, events: Sequence[object], now_ns: int) -> bytes:
    return orjson.dumps({"channel": channel, "timestamp": _iso(now_ns), "sequence_num": 0, "events": events})


def _book(kind: str, listing: Listing, bids: Levels, asks: Levels, now_ns: int, *, event_ns: int) -> bytes:
    fact, time = listing.instrument, _iso(event_ns)
    updates = [
        {"side": side, "event_time": time, "price_level": fact.price(price), "new_quantity": fact.size(size) if size else "0"}
        for side, levels in (("bid", bids), ("offer", asks))
        for price, size in levels
    ]
    return _frame("l2_data", [{"type": kind, "product_id": fact.symbol, "updates": updates}], now_ns)


def _trades(kind: str, listing: Listing, trades: Iterable[Trade], now_ns: int) -> bytes:
    fact = listing.instrument
    rows = [
        {
            "product_id": fact.symbol,
            "trade_id": str(trade.id),
            "price": fact.price(trade.price),
            "size": fact.size(trade.size),
            "time": _iso(now_ns // 1000 * 1000),
            # The resting order's side.
            "side": "SELL" if trade.buy else "BUY",
        }
        for trade in trades
    ]
    return _frame("market_trades", [{"type": kind, "trades": rows}], now_ns)


def _ticker(listing: Listing) -> Object:
    fact, market, stats = listing.instrument, listing.market, listing.stats
    bid, ask = market.bids.best, market.asks.best
    told = {"type": "ticker", "product_id": fact.symbol, "price": fact.price(stats.last), "volume_24_h": fact.size(stats.volume)}
    told |= {"low_24_h": fact.price(stats.low), "high_24_h": fact.price(stats.high), "price_percent_chg_24_h": "1.25"}
    told |= {"best_bid": fact.price(bid), "best_ask": fact.price(ask)}
    return told | {
        "best_bid_quantity": fact.size(market.bids.sizes[bid]),
        "best_ask_quantity": fact.size(market.asks.sizes[ask]),
    }


def _product(listing: Listing) -> Object:
    fact = listing.instrument
    spot = not fact.contract_type
    told: Object = {
        "product_id": fact.symbol,
        "price": fact.price(listing.stats.last),
        "base_increment": fact.lot,
        "quote_increment": fact.tick,
        "price_increment": fact.tick,
        "status": "online" if spot else "",
        "product_type": "SPOT" if spot else "FUTURE",
        "quote_currency_id": fact.quote,
        "base_currency_id": "" if fact.symbol.endswith("-CDE") else fact.base,
        "alias": "",
        "alias_to": [],
        "product_venue": "CBE" if spot else "INTX" if fact.contract_type == "PERPETUAL" else "FCM",
    }
    told |= dict.fromkeys(("is_disabled", "trading_disabled", "cancel_only", "limit_only", "post_only", "view_only"), False)
    return told if spot else told | {"future_product_details": _details(listing)}


def _details(listing: Listing) -> Object:
    fact, interest = listing.instrument, listing.instrument.size(listing.open_interest)
    told: Object = {"contract_root_unit": fact.base, "contract_size": "1", "contract_expiry": None}
    if fact.contract_type == "PERPETUAL":
        perpetual = {"open_interest": interest, "funding_rate": "0.000016", "funding_time": None}
        return told | {"contract_expiry_type": "PERPETUAL", "perpetual_details": perpetual}
    day = datetime.strptime(fact.symbol.split("-")[1], "%d%b%y").replace(hour=16, tzinfo=UTC)
    told |= {"contract_expiry_type": "EXPIRING", "contract_size": "0.01", "contract_expiry": f"{day:%Y-%m-%dT%H:%M:%SZ}"}
    told |= {"open_interest": interest, "index_price": fact.price(listing.stats.last), "funding_rate": ""}
    told |= {"perpetual_details": {"open_interest": interest, "funding_rate": "", "funding_time": None}}
    funded = fact.contract_type == "FUNDED"
    return told | ({"funding_interval": "3600s", "funding_rate": "0.000013"} if funded else {"funding_interval": None})


COINBASE = Coinbase()
