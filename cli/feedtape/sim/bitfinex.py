"""The dialect of Bitfinex v2: arrays that name their channel by a number, and end with the flags' extras.

Each channel begins with what holds now; the numbers of frames are the connection's, of all channels together, heartbeats and
checksums included. Prices have five significant digits here, so that the rounded book P0 is the book itself. An order book of
orders, R0, splits each level into at most two orders, by a rule that everybody can compute.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step

_SYMBOL = re.compile(r"t(?:([A-Z]{3})([A-Z]{3})|([A-Z0-9]{3,12}):([A-Z0-9]{3,12}))")
_TIMESTAMP, _SEQ_ALL, _OB_CHECKSUM = 32_768, 65_536, 131_072
_FREQUENCIES = {"F0": None, "F1": 2.0}
_LENGTHS = ("1", "25", "100", "250")
_CHECKSUM_EVERY_S = 1.0
"""The venue's own come every 2.5 s."""
_STATUS_EVERY_S = 3.0
_HISTORY = 30
_FUNDING_MS = 8 * 3600 * 1000
_CALLED = (("UDC", "USDC"), ("UST", "USDt"), ("TESTBTC", "BTC"))
"""Currencies that have another name elsewhere."""

Object = dict[str, Any]
Order = tuple[int, int, int]
"""Id, price and size, the size negative on the side of the asks."""


@dataclass(slots=True)
class Connection(Session):
    """A connection's flags, the numbers of its channels by stream, and the numbers that spoke since the last heartbeats."""

    flags: int = 0
    base: int = 1
    opened: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    spoken: set[int] = field(default_factory=set)


class Bitfinex(Dialect):
    """Bitfinex, as its documents of 2026 have it."""

    name = "bitfinex"
    symbols = ("tBTCUSD", "tETHUSD", "tBTCF0:USTF0")
    rules = Rules(beat_every=15.0, subscribe_within=60.0, connects=(20, 60.0), streams_per_connection=25, weight_per_minute=90)

    def instrument(self, symbol: str) -> Instrument:
        match = _SYMBOL.fullmatch(symbol)
        if match is None:
            raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like tBTCUSD or tBTCF0:USTF0")
        base, quote = match[1] or match[3], match[2] or match[4]
        asset = base.removesuffix("F0").removeprefix("TEST")
        milli = milli_price(asset)
        tick_digits = max(0, 8 - len(str(milli)))
        ticks = milli * 10**tick_digits // 1000
        # What is tried out on paper is traded in crumbs, whose sizes are written with an exponent.
        lots = 40 if base.startswith("TEST") else 1_200_000_000_000 // milli
        shape = Shape(ticks, 1, lots, levels=600, first_id=1_000 + milli, first_trade_id=1_900_000_000)
        kind = "PERPETUAL" if base.endswith("F0") else ""
        return Instrument(symbol, symbol[1:], base, quote, tick_digits, tick_digits, 8, 8, shape, kind)

    def open(self, target: str, desk: Desk) -> Session | None:
        if target.partition("?")[0] != "/ws/2":
            return None
        return Connection(target, base=1 + desk.now_ns // 1_000_000 % 900_000)

    def greet(self, session: Session, desk: Desk) -> list[bytes]:
        about = {"event": "info", "version": 2, "serverId": "083bd8d4-aca7", "platform": {"status": 1}}
        return [orjson.dumps(about)]

    def beat(self, session: Session, desk: Desk) -> list[bytes]:
        assert isinstance(session, Connection)
        silent = [number for number in dict.fromkeys(session.numbers.values()) if number not in session.spoken]
        session.spoken.clear()
        return [_frame(session, number, b'"hb"', desk.now_ns // 1_000_000) for number in silent]

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        assert isinstance(session, Connection)
        try:
            request = orjson.loads(text)
            event = request["event"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return []
        if event == "ping":
            told = {"cid": request["cid"]} if "cid" in request else {}
            return [orjson.dumps({"event": "pong", "ts": desk.now_ns // 1_000_000} | told)]
        if event == "conf":
            session.flags = int(request.get("flags", 0))
            return [orjson.dumps({"event": "conf", "status": "OK", "flags": session.flags})]
        if event == "subscribe":
            return self._subscribe(session, request, desk)
        if event == "unsubscribe":
            return [self._unsubscribe(session, request)]
        return [_error(10000, "event: invalid", request)]

    def _subscribe(self, session: Connection, request: Object, desk: Desk) -> list[bytes]:
        channel = request.get("channel")
        if channel == "status":
            streams = self._statuses(request, desk)
            if not streams:
                return []
        else:
            found = self._find(request, session.flags, desk)
            if isinstance(found, str):
                return [_error(10300, found, request)]
            streams = [found]
        if streams[0].name in session.streams:
            return [_error(10301, "subscribe: dup", request)]
        if len(set(session.numbers.values())) >= self.rules.streams_per_connection:
            return [_error(10305, "limit: invalid", request)]
        reason = desk.refuse([stream.symbol for stream in streams])
        if reason is not None:
            return [_error(10300, f"subscribe: {reason}", request)]
        session.opened += 1
        number = session.base + 7 * session.opened
        for stream in streams:
            session.streams[stream.name] = stream
            session.numbers[stream.name] = number
        told: Object = {name: request[name] for name in ("symbol", "key", "prec", "freq", "len", "subId") if name in request}
        if "symbol" in told:
            told["pair"] = told["symbol"][1:]
        ack = orjson.dumps({"event": "subscribed", "channel": channel, "chanId": number} | told)
        return [ack, *(_frame(session, number, body, desk.now_ns // 1_000_000) for body in self._now(streams[0], desk))]

    def _unsubscribe(self, session: Connection, request: Object) -> bytes:
        number = request.get("chanId")
        names = [name for name, one in session.numbers.items() if one == number]
        if not names:
            return _error(10400, "unsubscribe: invalid", request)
        for name in names:
            del session.numbers[name], session.streams[name]
        return orjson.dumps({"event": "unsubscribed", "status": "OK", "chanId": number})

    def _find(self, request: Object, flags: int, desk: Desk) -> Stream | str:
        """Return the stream that is asked for, or what is wrong."""
        channel, symbol = request.get("channel"), str(request.get("symbol"))
        if channel not in ("book", "trades", "ticker"):
            return "channel: unknown"
        if symbol not in desk.listings:
            return "symbol: invalid"
        if channel != "book":
            return Stream(f"{channel}:{symbol}", symbol, str(channel))
        precision, frequency, length = (request.get(name, usual) for name, usual in _USUAL)
        if precision not in ("P0", "R0"):
            return "precision: invalid"
        if frequency not in _FREQUENCIES:
            return "freq: invalid"
        if str(length) not in _LENGTHS:
            return "length: invalid"
        # Each level stands for two orders at most.
        levels = int(length) if precision == "P0" else max(1, int(length) // 2)
        kind = f"{precision}+cs" if flags & _OB_CHECKSUM else precision
        return Stream(f"book:{precision}:{frequency}:{length}:{symbol}", symbol, kind, _FREQUENCIES[frequency], levels)

    def _statuses(self, request: Object, desk: Desk) -> list[Stream]:
        kind, _, symbol = str(request.get("key")).partition(":")
        if kind == "deriv" and symbol in desk.listings and "F0:" in symbol:
            return [Stream(f"status:deriv:{symbol}", symbol, "deriv", _STATUS_EVERY_S)]
        # One channel of all symbols.
        return [Stream(f"status:liq:global {one}", one, "liq") for one in desk.listings] if (kind, symbol) == _ALL else []

    # -- what streams say

    def _now(self, stream: Stream, desk: Desk) -> list[bytes]:
        """What a channel begins with."""
        listing = desk.listings[stream.symbol]
        if stream.kind[:2] in ("P0", "R0"):
            steps = 1 if stream.every is None else max(1, round(stream.every * desk.rate))
            picture = listing.window(stream.name, stream.levels).picture(listing.market, listing.steps, steps)
            return [self._rows(listing.instrument, stream, picture.bids, picture.asks)]
        now = desk.now_ns // 1_000_000
        if stream.kind == "trades":
            past = chain.from_iterable(step.trades for step in reversed(listing.recent))
            trades = [_trade(listing.instrument, trade, now - 1000) for trade, _ in zip(past, range(_HISTORY), strict=False)]
            return [b"[%b]" % b",".join(trades)]
        if stream.kind == "ticker":
            return [_ticker(listing)]
        return [_status(listing, now)] if stream.kind == "deriv" else []

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        """Return bodies, each with a comma and the time behind it, which `wrap` puts in its place."""
        now = now_ns // 1_000_000
        steps = 1 if stream.every is None else max(1, round(stream.every * rate))
        if listing.steps % steps:
            return []
        return [b"%b,%d" % (body, now) for body in self._bodies(stream, listing, step, now, rate)]

    def _bodies(self, stream: Stream, listing: Listing, step: Step, now: int, rate: float) -> Iterable[bytes]:
        fact = listing.instrument
        if stream.kind == "trades":
            before = listing.recent[-2].trades if len(listing.recent) > 1 else ()
            done = [b'"te",' + _trade(fact, trade, now) for trade in step.trades]
            return done + [b'"tu",' + _trade(fact, trade, now) for trade in before]
        if stream.kind == "ticker":
            return [_ticker(listing)] if step.top_changed else []
        if stream.kind == "deriv":
            return [_status(listing, now)]
        if stream.kind == "liq":
            return _forced(listing, step, now)
        return self._changes(stream, listing, rate)

    def _changes(self, stream: Stream, listing: Listing, rate: float) -> Iterable[bytes]:
        window = listing.window(stream.name, stream.levels)
        before = window.state
        change = window.advance(listing.market, listing.steps)
        fact = listing.instrument
        rows: list[bytes] = []
        for sign, changed, old in ((1, change.bids, dict(before.bids)), (-1, change.asks, dict(before.asks))):
            for price, size in changed:
                if stream.kind.startswith("R0"):
                    rows += _order_changes(fact, sign, price, old.get(price, 0), size)
                else:
                    rows.append(_level(fact, price, sign * size if size else sign, count=1 if size else 0))
        if stream.kind.endswith("+cs") and listing.steps % max(1, round(_CHECKSUM_EVERY_S * rate)) == 0:
            rows.append(b'"cs",%d' % self._checksum(stream, listing))
        return rows

    def _rows(self, fact: Instrument, stream: Stream, bids: Levels, asks: Levels) -> bytes:
        if stream.kind.startswith("R0"):
            rows = [_order(fact, order) for order in _orders(1, bids) + _orders(-1, asks)]
        else:
            rows = [_level(fact, price, size) for price, size in bids] + [_level(fact, price, -size) for price, size in asks]
        return b"[%b]" % b",".join(rows)

    def _checksum(self, stream: Stream, listing: Listing) -> int:
        state, fact = listing.window(stream.name, stream.levels).state, listing.instrument
        if stream.kind.startswith("R0"):
            sides = [[(str(id), size) for id, _, size in _orders(sign, levels)] for sign, levels in _both(state.bids, state.asks)]
        else:
            sides = [
                [(_price(fact, price), sign * size) for price, size in levels] for sign, levels in _both(state.bids, state.asks)
            ]
        parts: list[str] = []
        for bid, ask in zip_longest(sides[0][:25], sides[1][:25]):
            parts += [f"{one[0]}:{_size(fact, one[1])}" for one in (bid, ask) if one is not None]
        unsigned = zlib.crc32(":".join(parts).encode())
        return unsigned - 2**32 if unsigned >= 2**31 else unsigned

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        assert isinstance(session, Connection)
        body, _, now = payload.rpartition(b",")
        return _frame(session, session.numbers[stream.name], body, int(now))

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        if path == "/v2/platform/status":
            return Answer([1])
        if not path.startswith("/v2/conf/"):
            return None
        facts = [one.instrument for one in desk.listings.values()]
        lists: dict[str, object] = {
            "pub:list:pair:exchange": [fact.pair for fact in facts if not fact.contract_type],
            "pub:list:pair:futures": [fact.pair for fact in facts if fact.contract_type],
            "pub:map:currency:sym": _CALLED,
        }
        wanted = path.removeprefix("/v2/conf/").split(",")
        if any(one not in lists for one in wanted):
            return Answer(["error", 10020, "conf: invalid"], 500)
        return Answer([lists[one] for one in wanted])

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer(["error", 11010, "ratelimit: error"], 429, 0)


_USUAL = (("prec", "P0"), ("freq", "F0"), ("len", "25"))
_ALL = ("liq", "global")


def _frame(session: Connection, number: int, body: bytes, now_ms: int) -> bytes:
    """An array of a channel: the connection counts it, and the flags say what stands behind."""
    session.sent += 1
    session.spoken.add(number)
    extras = (b",%d" % session.sent if session.flags & _SEQ_ALL else b"") + (
        b",%d" % now_ms if session.flags & _TIMESTAMP else b""
    )
    return b"[%d,%b%b]" % (number, body, extras)


def _error(code: int, message: str, request: Object) -> bytes:
    return orjson.dumps(request | {"event": "error", "msg": message, "code": code})


def _number(value: int, digits: int) -> str:
    """Write `value` units of 10**-digits as JavaScript does: the fewest digits, and an exponent below a millionth."""
    if not value:
        return "0"
    sign, text = "-" if value < 0 else "", str(abs(value))
    digits -= len(text) - len(text.rstrip("0"))
    text = text.rstrip("0")
    if digits <= 0:
        return sign + text + "0" * -digits
    exponent = len(text) - digits - 1
    if exponent < -6:
        return f"{sign}{text[0]}{'.' + text[1:] if text[1:] else ''}e{exponent}"
    text = text.rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def _price(fact: Instrument, ticks: int) -> str:
    return _number(ticks, fact.tick_digits)


def _size(fact: Instrument, lots: int) -> str:
    return _number(lots, fact.lot_digits)


def _both(bids: Levels, asks: Levels) -> tuple[tuple[int, Levels], tuple[int, Levels]]:
    return (1, bids), (-1, asks)


def _level(fact: Instrument, price: int, size: int, count: int = 1) -> bytes:
    """A row of price, count and amount; of a level that is gone the amount is 1 or -1."""
    amount = _size(fact, size) if count else str(size)
    return f"[{_price(fact, price)},{count},{amount}]".encode()


def _split(sign: int, price: int, size: int) -> list[Order]:
    """The orders of a level, older first."""
    first = 200_000_000_000 + 4 * price + (0 if sign > 0 else 2)
    rest = size // 3
    return [(first, price, sign * (size - rest))] * (size > 0) + [(first + 1, price, sign * rest)] * (rest > 0)


def _orders(sign: int, levels: Levels) -> list[Order]:
    return [order for price, size in levels for order in _split(sign, price, size)]


def _order(fact: Instrument, order: Order) -> bytes:
    id, price, size = order
    return f"[{id},{_price(fact, price)},{_size(fact, size)}]".encode()


def _order_changes(fact: Instrument, sign: int, price: int, before: int, after: int) -> list[bytes]:
    old, new = _split(sign, price, before), _split(sign, price, after)
    kept = {order[0] for order in new}
    gone = [f"[{id},0,{sign}]".encode() for id, _, _ in old if id not in kept]
    return gone + [_order(fact, order) for order in new if order not in old]


def _trade(fact: Instrument, trade: Any, now: int) -> bytes:
    amount = _size(fact, trade.size if trade.buy else -trade.size)
    return f"[{trade.id},{now},{amount},{_price(fact, trade.price)}]".encode()


def _ticker(listing: Listing) -> bytes:
    """Of each side the best price, and the sum of 25 sizes."""
    fact, market, stats = listing.instrument, listing.market, listing.stats
    told: list[str] = []
    for side in (market.bids, market.asks):
        told += [_price(fact, side.best), _size(fact, sum(size for _, size in side.top(25)))]
    told += [_price(fact, stats.last - stats.open), "0.0012", _price(fact, stats.last), _size(fact, stats.volume)]
    told += [_price(fact, stats.high), _price(fact, stats.low), "null"]
    return f"[{','.join(told)}]".encode()


def _status(listing: Listing, now: int) -> bytes:
    fact = listing.instrument
    last, mid = _price(fact, listing.stats.last), _number(listing.market.bids.best * 10 + 5, fact.tick_digits + 1)
    due = (now // _FUNDING_MS + 1) * _FUNDING_MS
    told: list[object] = [now, None, last, mid, None, "1856521.42387705", None, due, "-4.348e-05", 481, None, "0.0001234"]
    told += [None, None, mid, None, None, _size(fact, listing.open_interest), None, None, None, None, "-0.0005", "0.0025"]
    return ("[" + ",".join("null" if one is None else str(one) for one in told) + "]").encode()


def _forced(listing: Listing, step: Step, now: int) -> Sequence[bytes]:
    """A forced order is told of twice: when it is decided, and when it is done. Amounts are the position's."""
    forced, fact = step.liquidation, listing.instrument
    if forced is None:
        return []
    position = _size(fact, -forced.size if forced.buy else forced.size)
    about = f'["pos",{150_000_000 + step.last},{now},null,"{fact.symbol}",{position},{_price(fact, forced.limit)},null'
    rows = (f"{about},0,0,null,null]", f"{about},1,1,null,{_price(fact, forced.limit)}]")
    return [f"[{row}]".encode() for row in rows]


BITFINEX = Bitfinex()
"""The venue, as the exchange finds it."""
