"""The dialect of Deribit v2: JSON-RPC on one socket for every kind of instrument.

An answer lists the channels that were taken, and a channel that there is not is merely missing. Books chain by
`prev_change_id` and hold every level; grouped ones are whole pictures. Numbers are the shortest floats, with an
exponent where that is shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from feedtape.errors import UsageError

from . import options
from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import BookState, Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step

_PATH = "/ws/api/v2"
_SYMBOL = re.compile(
    r"(?P<base>[A-Z0-9]{1,12})(?:_(?P<quote>USDC|USDT|EURR))?"
    r"(?:-(?P<combo>FS-[0-9A-Z]+_[0-9A-Z]+)|-(?P<end>PERPETUAL|[0-9]{1,2}[A-Z]{3}[0-9]{2})(?:-(?P<strike>[0-9]+(?:d[0-9]+)?)-(?P<right>[CP]))?)?"
)
_CHANNEL = re.compile(
    r"book\.(?P<whole>[^.]+)\.(?P<speed>100ms|agg2|raw)|book\.(?P<grouped>[^.]+)\.none\.(?P<depth>1|10|20)\.(?P<pace>100ms|agg2)"
    r"|(?P<kind>trades|ticker)\.(?P<of>[^.]+)\.(?P<interval>100ms|agg2|raw)|quote\.(?P<quoted>[^.]+)"
)
_EVERY_S = {"100ms": 0.1, "agg2": 1.0}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NEVER_MS = 32_503_708_800_000
_LEAST_HEARTBEAT_S = 10

Object = dict[str, Any]


@dataclass(slots=True)
class _Session(Session):
    """One connection; `beats` once it asked for heartbeats, `tested` while a test request of ours is not answered."""

    beats: bool = False
    tested: bool = False


def kind_of(symbol: str) -> str:
    """Return the venue's kind of an instrument, by its name."""
    match = _parts(symbol)
    if match["combo"]:
        return "future_combo"
    return "option" if match["strike"] else "future" if match["end"] else "spot"


class Deribit(Dialect):
    """Deribit, as its documents and its sockets of 2026 have it."""

    name = "deribit"
    symbols = ("BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL", "BTC-25DEC26-100000-C")
    rules = Rules(
        beat_every=30.0,
        client_within=60.0,
        # 30,000 credits, filled up by 10,000 a second, 3000 a call, and some calls that cost less.
        messages=((12, 3.0),),
        connections=32,
        weight_per_minute=1200,
    )

    def instrument(self, symbol: str) -> Instrument:
        match = _SYMBOL.fullmatch(symbol) or _SYMBOL.fullmatch(re.sub(r"(?<=\d)D(?=\d)", "d", symbol.upper()))
        if match is None or not (match["quote"] or match["end"] or match["combo"]):
            raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTC-PERPETUAL")
        base, quote = match["base"], match["quote"] or "USD"
        milli = milli_price(base)
        if match["strike"]:
            model = options.model(match.string)
            # Priced in the coin, as its inverse options are.
            tick_digits, lot_digits, lots, depth = 4, 1, 60, 40
            ticks = options.ticks(model.price / model.forward, tick_digits)
        else:
            tick_digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 4
            ticks = milli * 10**tick_digits // 1000 // (50 if match["combo"] else 1)
            lot_digits = 4 if match["quote"] else 0
            lots, depth = max(5, 40_000_000 * 10**lot_digits // milli) if match["quote"] else 5_000, 300
        shape = Shape(ticks, max(1, ticks // 200_000), lots, depth, id_stride=7, first_id=193_809_000_000 + milli)
        end = match["end"] or ""
        found = match.string
        return Instrument(found, f"{base}_{quote}", base, quote, tick_digits, tick_digits, lot_digits, lot_digits, shape, end)

    def open(self, target: str, desk: Desk) -> Session | None:
        return _Session(target) if target.partition("?")[0] == _PATH else None

    def beat(self, session: Session, desk: Desk) -> list[bytes]:
        assert isinstance(session, _Session)
        if not session.beats:
            return []
        if session.tested:
            session.dropped = True
            return []
        session.tested = True
        return [_beat("heartbeat"), _beat("test_request")]

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        assert isinstance(session, _Session)
        try:
            request = orjson.loads(text)
            method, params = request["method"], request.get("params") or {}
        except orjson.JSONDecodeError:
            return [_error({}, 11050, "bad_request", desk, "invalid json")]
        except (KeyError, TypeError, AttributeError):
            return [_error({}, -32600, "Invalid Request", desk, None)]
        if method in ("public/subscribe", "public/unsubscribe"):
            names = params.get("channels")
            if type(names) is not list or not all(type(name) is str for name in names):
                return [_error(request, -32602, "Invalid params", desk, {"param": "channels", "reason": "wrong format"})]
            take = self._subscribe if method == "public/subscribe" else self._unsubscribe
            return take(session, request, names, desk)
        return self._other(session, request, method, params, desk)

    def _other(self, session: _Session, request: Object, method: object, params: Object, desk: Desk) -> list[bytes]:
        """Answer what asks for no channels."""
        if method == "public/unsubscribe_all":
            session.streams.clear()
            return [_result(request, "ok", desk)]
        if method == "public/set_heartbeat":
            interval = params.get("interval")
            if type(interval) is not int or interval < _LEAST_HEARTBEAT_S:
                return [_error(request, -32602, "Invalid params", desk, {"param": "interval", "reason": "value too small"})]
            session.beats = True
            return [_result(request, "ok", desk)]
        if method == "public/test":
            session.tested = False
            return [_result(request, {"version": "1.2.26"}, desk)]
        if str(method).startswith("private/"):
            return [_error(request, 13009, "unauthorized", desk, {"reason": "invalid_token"})]
        answer = self.http(f"/api/v2/{method}", params, desk)
        if answer is None:
            return [_error(request, -32601, "Method not found", desk, None)]
        assert isinstance(answer.body, dict)
        return [orjson.dumps(answer.body | _id(request))]

    def _subscribe(self, session: Session, request: Object, names: Sequence[str], desk: Desk) -> list[bytes]:
        streams = [stream for name in names if (stream := _stream(name, desk.listings)) is not None]
        if any(stream.name.endswith(".raw") for stream in streams):
            return [_error(request, 13778, "raw_subscriptions_not_available_for_unauthorized", desk, None)]
        taken = [stream for stream in streams if desk.refuse([stream.symbol]) is None]
        # A channel that the connection holds already is named, and goes on as it did.
        first = [stream for stream in taken if stream.name not in session.streams]
        session.streams.update((stream.name, stream) for stream in first)
        told = [self._first(stream, desk) for stream in first if stream.kind != "trades"]
        return [_result(request, sorted({stream.name for stream in taken}, reverse=True), desk), *told]

    def _unsubscribe(self, session: Session, request: Object, names: Sequence[str], desk: Desk) -> list[bytes]:
        given_up = [name for name in names if session.streams.pop(name, None) is not None]
        return [_result(request, given_up, desk)]

    def _first(self, stream: Stream, desk: Desk) -> bytes:
        """What a new listener is told at once."""
        listing = desk.listings[stream.symbol]
        if stream.kind not in ("book", "grouped"):
            return _notice(stream, _ticker(stream, listing, desk.now_ns))
        window = listing.window(stream.name, stream.levels or None)
        picture = window.picture(listing.market, listing.steps, _steps(stream, desk.rate))
        if stream.kind == "grouped":
            return _notice(stream, _grouped(listing, picture, desk.now_ns))
        return _notice(stream, _snapshot(listing, picture, desk.now_ns))

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        steps = _steps(stream, rate)
        if listing.steps % steps:
            return []
        if stream.kind == "trades":
            rows = [row for part in list(listing.recent)[-steps:] for row in _trades(listing, part, now_ns)]
            return [_notice(stream, rows)] if rows else []
        if stream.kind == "quote" and not step.top_changed:
            return []
        if stream.kind in ("quote", "ticker"):
            return [_notice(stream, _ticker(stream, listing, now_ns))]
        window = listing.window(stream.name, stream.levels or None)
        before = window.state
        change = window.advance(listing.market, listing.steps)
        if change.is_empty:
            return []
        if stream.kind == "grouped":
            return [_notice(stream, _grouped(listing, window.state, now_ns))]
        data = _common(listing, now_ns) | {"type": "change", "prev_change_id": change.prev, "change_id": change.last}
        data |= {
            "bids": _changes(listing, dict(before.bids), change.bids),
            "asks": _changes(listing, dict(before.asks), change.asks),
        }
        return [_notice(stream, data)]

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        method = path.removeprefix("/api/v2/")
        if method == "public/get_time":
            return Answer(_answer(desk) | {"result": desk.now_ns // 1_000_000})
        if method == "public/get_instruments":
            currency, kind = query.get("currency"), query.get("kind")
            if currency is None:
                return Answer(_answer(desk) | {"error": _trouble(-32602, "Invalid params", {"param": "currency"})}, 400)
            rows = [_instrument(listing.instrument) for listing in desk.listings.values()]
            wanted = [
                row
                for row in rows
                if kind in (None, row["kind"]) and currency in ("any", row.get("settlement_currency", row["base_currency"]))
            ]
            return Answer(_answer(desk) | {"result": wanted}, weight=20)
        if method == "public/get_order_book":
            listing = desk.listings.get(query.get("instrument_name", ""))
            if listing is None:
                return Answer(_answer(desk) | {"error": _trouble(-32602, "Invalid params", {"param": "instrument_name"})}, 400)
            state, depth = desk.book(listing), int(query.get("depth", "5"))
            picture = BookState(state.id, state.bids[:depth], state.asks[:depth])
            ticker = Stream("", listing.instrument.symbol, "ticker")
            return Answer(
                _answer(desk) | {"result": _ticker(ticker, listing, desk.now_ns) | _grouped(listing, picture, desk.now_ns)}
            )
        return None

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"jsonrpc": "2.0", "error": _trouble(10028, "too_many_requests", None)}, 429, 0)


def _parts(symbol: str) -> re.Match[str]:
    match = _SYMBOL.fullmatch(symbol)
    assert match is not None, symbol
    return match


def _stream(name: str, listings: Mapping[str, Listing]) -> Stream | None:
    match = _CHANNEL.fullmatch(name)
    if match is None:
        return None
    symbol = match["whole"] or match["grouped"] or match["of"] or match["quoted"]
    if symbol not in listings:
        return None
    if match["quoted"]:
        return Stream(name, symbol, "quote")
    kind = match["kind"] or ("grouped" if match["grouped"] else "book")
    every = _EVERY_S.get(match["speed"] or match["pace"] or match["interval"])
    return Stream(name, symbol, kind, every, int(match["depth"] or 0))


def _steps(stream: Stream, rate: float) -> int:
    return 1 if stream.every is None else max(1, round(stream.every * rate))


# -- JSON-RPC


def _id(request: Object) -> Object:
    return {"id": request["id"]} if "id" in request else {}


def _answer(desk: Desk) -> Object:
    stamp = desk.now_ns // 1000
    return {"jsonrpc": "2.0", "usIn": stamp, "usOut": stamp + 93, "usDiff": 93, "testnet": False}


def _result(request: Object, result: object, desk: Desk) -> bytes:
    return orjson.dumps(_answer(desk) | _id(request) | {"result": result})


def _trouble(code: int, message: str, data: object) -> Object:
    return {"code": code, "message": message} | ({} if data is None else {"data": data})


def _error(request: Object, code: int, message: str, desk: Desk, data: object) -> bytes:
    return orjson.dumps(_answer(desk) | _id(request) | {"error": _trouble(code, message, data)})


def _beat(kind: str) -> bytes:
    return orjson.dumps({"params": {"type": kind}, "method": "heartbeat", "jsonrpc": "2.0"})


def _notice(stream: Stream, data: object) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "method": "subscription", "params": {"channel": stream.name, "data": data}})


# -- what is told


@lru_cache(maxsize=1 << 16)
def _float(text: str) -> orjson.Fragment:
    """Write a decimal as the shortest float, `2200` as `2.2e3`, and without an exponent where that is no longer."""
    number = Decimal(text).normalize()
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    plain = f"{number:f}"
    plain += "" if "." in plain else ".0"
    mantissa = "".join(map(str, digits))
    short = f"{'-' * sign}{mantissa[0]}.{mantissa[1:] or '0'}e{exponent + len(digits) - 1}"
    return orjson.Fragment(min(plain, short, key=len).encode())


def _common(listing: Listing, now_ns: int) -> Object:
    return {"timestamp": now_ns // 1_000_000, "instrument_name": listing.instrument.symbol}


def _rows(listing: Listing, levels: Levels) -> list[list[Any]]:
    fact = listing.instrument
    return [[_float(fact.price(price)), _float(fact.size(size))] for price, size in levels]


def _grouped(listing: Listing, state: BookState, now_ns: int) -> Object:
    sides = {"bids": _rows(listing, state.bids), "asks": _rows(listing, state.asks)}
    return _common(listing, now_ns) | {"change_id": state.id} | sides


def _snapshot(listing: Listing, state: BookState, now_ns: int) -> Object:
    told = _grouped(listing, state, now_ns)
    return told | {"type": "snapshot"} | {side: [["new", *row] for row in told[side]] for side in ("bids", "asks")}


def _changes(listing: Listing, before: Mapping[int, int], changed: Levels) -> list[list[Any]]:
    words = ["delete" if not size else "change" if price in before else "new" for price, size in changed]
    return [[word, *row] for word, row in zip(words, _rows(listing, changed), strict=True)]


def _mid(listing: Listing) -> orjson.Fragment:
    market = listing.market
    return _float(f"{Decimal(market.bids.best + market.asks.best).scaleb(-listing.instrument.tick_digits) / 2:f}")


def _trades(listing: Listing, step: Step, now_ns: int) -> list[Object]:
    fact, forced, mid = listing.instrument, step.liquidation, _mid(listing)
    rows = []
    for trade in step.trades:
        told = _common(listing, now_ns) | {"trade_seq": trade.id, "trade_id": str(trade.id * 3), "tick_direction": 0}
        told |= {"price": _float(fact.price(trade.price)), "amount": _float(fact.size(trade.size))}
        told |= {"direction": "buy" if trade.buy else "sell", "index_price": mid, "mark_price": mid}
        if forced is not None and (trade.buy, trade.price) == (forced.buy, forced.limit):
            told["liquidation"] = "T"
        rows.append(told)
    return rows


def _ticker(stream: Stream, listing: Listing, now_ns: int) -> Object:
    """A quote, or a quote and what else is known."""
    fact, bids, asks = listing.instrument, listing.market.bids, listing.market.asks
    told = _common(listing, now_ns)
    for side, best, sizes in (("bid", bids.best, bids.sizes), ("ask", asks.best, asks.sizes)):
        told |= {f"best_{side}_price": _float(fact.price(best)), f"best_{side}_amount": _float(fact.size(sizes[best]))}
    if stream.kind == "quote":
        return told
    mid, stats, kind = _mid(listing), listing.stats, kind_of(fact.symbol)
    told |= {"state": "open", "last_price": _float(fact.price(stats.last)), "mark_price": mid, "index_price": mid}
    told |= {
        "min_price": _float(fact.price(stats.low)),
        "max_price": _float(fact.price(stats.high)),
        "estimated_delivery_price": mid,
    }
    told |= {"stats": {"high": _float(fact.price(stats.high)), "low": None, "volume": None, "price_change": None}}
    if kind != "spot":
        told["open_interest"] = _float(fact.size(listing.open_interest))
    if kind == "option":
        return told | _option(fact, listing)
    if fact.contract_type == "PERPETUAL":
        told |= {
            "current_funding": _float("0.0001423"),
            "funding_8h": _float("0.00005149"),
            "interest_value": 0.0028213400122472977,
        }
    return told


def _option(fact: Instrument, listing: Listing) -> Object:
    model = options.model(fact.symbol, listing.steps)
    told: Object = {"bid_iv": round(100 * model.bid_iv, 2), "ask_iv": round(100 * model.ask_iv, 2)}
    told |= {"mark_iv": round(100 * model.iv, 2), "mark_price": round(model.price / model.forward, 4)}
    told |= {"underlying_price": round(model.forward, 2), "underlying_index": fact.symbol.rsplit("-", 2)[0], "interest_rate": 0.0}
    told["stats"] = {"high": None, "low": None, "volume": _float(fact.size(listing.stats.volume)), "price_change": None}
    greeks = {name: round(getattr(model, name), 5) for name in ("delta", "vega", "theta", "rho")}
    return told | {"greeks": greeks | {"gamma": round(model.gamma, 8)}}


def _end_ms(fact: Instrument) -> int:
    match = re.fullmatch(r"(\d{1,2})([A-Z]{3})(\d\d)", fact.contract_type)
    if match is None:
        return _NEVER_MS
    day = datetime(2000 + int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]), 8, tzinfo=UTC)
    return int(day.timestamp()) * 1000


def _instrument(fact: Instrument) -> Object:
    match, kind = _parts(fact.symbol), kind_of(fact.symbol)
    inverse = fact.quote == "USD"
    told: Object = {"instrument_name": fact.symbol, "kind": kind, "base_currency": fact.base, "counter_currency": fact.quote}
    told |= {"quote_currency": fact.base if kind == "option" and inverse else fact.quote}
    told |= {"instrument_type": "reversed" if inverse else "linear", "price_index": fact.pair.lower(), "tick_size_steps": []}
    told |= {"tick_size": _float(fact.tick), "min_trade_amount": _float(fact.lot), "contract_size": _float(fact.lot)}
    told |= {"state": "open", "is_active": True, "expiration_timestamp": _end_ms(fact), "creation_timestamp": 1_534_167_754_000}
    if kind != "spot":
        told["settlement_currency"] = fact.base if inverse else fact.quote
        told["settlement_period"] = "perpetual" if fact.contract_type == "PERPETUAL" else "month"
    if kind == "option":
        strike = match["strike"].replace("d", ".")
        told |= {"strike": _float(strike), "option_type": "call" if match["right"] == "C" else "put"}
    return told


DERIBIT = Deribit()
