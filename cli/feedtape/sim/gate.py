"""The dialects of Gate: spot and perpetual futures, version 4.

Order book v2 begins with a whole picture, which may come before the answer to the request; it takes symbols that do not exist,
and levels that there are not, and never says a word of them. The older update channel has no picture: REST has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .gate_rest import UPDATES_S, Market, answer, rows, settled_in, short
from .history import Levels
from .instrument import Instrument, milli_price
from .listing import Listing
from .market import Shape, Step, Trade

_SPOT = re.compile(r"([A-Z0-9]{1,16})_(USDT|USDC|BTC|ETH)")
_CONTRACT = re.compile(r"([A-Z0-9]{1,16})_(USDT|USD1|USD)")
_OBU = re.compile(r"ob\.(.+)\.(\d+)")
_OBU_EVERY = {50: 0.02, 400: 0.1}
_PLAIN: Mapping[str, float | None] = {"trades": None, "book_ticker": None, "tickers": 1.0, "public_liquidates": None}
"""Seconds between two messages of the channels that take a list of symbols."""
_FUTURES_ONLY = ("public_liquidates",)
_DEPTHS = (1, 5, 10, 20, 50, 100)

Object = dict[str, Any]


class _Refused(Exception):
    """The venue turns a request down, with a code and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Gate(Dialect):
    """One market of Gate."""

    rules = Rules(
        ping_every=20.0,
        subscribe_within=30.0,
        messages=((150, 1.0),),
        connects=(300, 60.0),
        connections=300,
        streams_per_connection=400,
        weight_per_minute=1200,
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
        milli = milli_price(base)
        tick_digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 4
        ticks = milli * 10**tick_digits // 1000
        lot_digits = 0 if self.market.is_futures else 4
        lots = 300 if self.market.is_futures else max(5, 12_000_000 * int(10**lot_digits) // milli)
        shape = Shape(
            ticks, max(1, ticks // 200_000), lots, levels=600, first_id=79_072_179_000 + milli, first_trade_id=5_541_000
        )
        return Instrument(symbol.upper(), symbol.upper(), base, quote, tick_digits, tick_digits, lot_digits, lot_digits, shape)

    def open(self, target: str, desk: Desk) -> Session | None:
        path = target.partition("?")[0]
        known = ("/v4/ws/usdt", "/v4/ws/btc", "/v4/ws/usd1") if self.market.is_futures else ("/ws/v4/",)
        return Session(path) if path in known else None

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        try:
            request = orjson.loads(text)
            channel, event = str(request["channel"]), request.get("event")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return [self._said(desk, {"channel": "", "event": ""}, error=(1, "invalid argument struct"))]
        prefix, _, kind = channel.partition(".")
        if kind == "ping":
            time = desk.now_ns // 1_000_000
            pong = {"time": time // 1000, "time_ms": time, "channel": f"{prefix}.pong", "event": "", "result": None}
            return [orjson.dumps(pong)]
        try:
            if prefix != self.market.prefix:
                raise _Refused(2, f"unknown channel {channel}")
            payload = [str(item) for item in request.get("payload") or ()]
            before = self._take(session, kind, event, payload, desk)
        except _Refused as refusal:
            return [self._said(desk, request, error=(refusal.code, str(refusal)))]
        return [*before, self._said(desk, request)]

    def _take(self, session: Session, kind: str, event: object, payload: Sequence[str], desk: Desk) -> list[bytes]:
        """Subscribe or unsubscribe; return the pictures that come even before the answer."""
        if kind == "obu":
            wanted = {f"{self.market.prefix}.obu {item}": self._find_obu(session, item, desk) for item in payload}
        elif kind in _PLAIN and (self.market.is_futures or kind not in _FUTURES_ONLY):
            wanted = {f"{self.market.prefix}.{kind} {item}": self._find(session, kind, item, desk) for item in payload}
        elif kind in ("order_book_update", "order_book"):
            wanted = self._find_older(session, kind, payload, desk)
        else:
            raise _Refused(2, f"unknown channel {self.market.prefix}.{kind}")
        if not wanted:
            raise _Refused(2, "invalid argument: empty payload")
        if event == "unsubscribe":
            for name in wanted:
                session.streams.pop(name, None)
            return []
        if event != "subscribe":
            raise _Refused(2, f"unknown event {event}")
        return self._subscribe(session, kind, wanted, desk)

    def _subscribe(self, session: Session, kind: str, wanted: Mapping[str, Stream | None], desk: Desk) -> list[bytes]:
        streams = [stream for stream in wanted.values() if stream is not None]
        again = next((name for name in wanted if name in session.streams), None)
        if kind == "obu" and again is not None:
            raise _Refused(2, f"Alert sub {again.partition(' ')[2]}")
        reason = desk.refuse([stream.symbol for stream in streams]) if streams else None
        if reason is not None:
            raise _Refused(3, f"service error: {reason}")
        session.streams.update(wanted)
        pictures = []
        for stream in streams:
            if stream.kind in ("obu", "order_book_update"):
                listing = desk.listings[stream.symbol]
                picture = _window(listing, stream).picture(listing.market, listing.steps, _steps(stream, desk.rate))
                if stream.kind == "obu":
                    pictures.append(
                        self._obu(stream, listing, picture.bids, picture.asks, desk.now_ns, {"u": picture.id, "full": True})
                    )
        return pictures

    def _find_obu(self, session: Session, item: str, desk: Desk) -> Stream | None:
        match = _OBU.fullmatch(item)
        if match is None:
            raise _Refused(2, f"invalid argument: {item}")
        level = int(match[2])
        if level not in _OBU_EVERY or not self._trades_here(session, match[1], desk):
            return None
        return Stream(f"{self.market.prefix}.obu {item}", match[1], "obu", _OBU_EVERY[level], level)

    def _find(self, session: Session, kind: str, symbol: str, desk: Desk) -> Stream | None:
        if symbol not in desk.listings:
            raise _Refused(2, f"unknown {self.market.symbol_word} {symbol}")
        if not self._trades_here(session, symbol, desk):
            return None
        return Stream(f"{self.market.prefix}.{kind} {symbol}", symbol, kind, _PLAIN[kind])

    def _find_older(self, session: Session, kind: str, payload: Sequence[str], desk: Desk) -> dict[str, Stream | None]:
        """Find what a request for one symbol is about: symbol, pace and depth, in the order of the channel and market."""
        found = self._find(session, "trades", payload[0] if payload else "", desk)
        name, pace, depth = f"{self.market.prefix}.{kind} {','.join(payload)}", UPDATES_S, "100"
        if kind == "order_book":
            depth = payload[1] if len(payload) > 1 else "0"
            if (payload[2:3] != ["0"]) if self.market.is_futures else (payload[2:3] not in (["100ms"], ["1000ms"])):
                raise _Refused(2, "invalid argument: interval")
        elif payload[1:2] != ["100ms"]:
            raise _Refused(2, "invalid argument: frequency")
        elif self.market.is_futures and len(payload) > 2:
            depth = payload[2]
        if not depth.isdecimal() or int(depth) not in _DEPTHS:
            raise _Refused(2, "invalid argument: limit")
        return {name: None if found is None else Stream(name, found.symbol, kind, pace, int(depth))}

    def _trades_here(self, session: Session, symbol: str, desk: Desk) -> bool:
        """Tell whether a symbol is of this connection; contracts of another settlement currency are taken and say nothing."""
        if symbol not in desk.listings:
            return False
        return not self.market.is_futures or session.target == f"/v4/ws/{settled_in(symbol)}"

    def _said(self, desk: Desk, request: Mapping[str, Any], error: tuple[int, str] | None = None) -> bytes:
        time = desk.now_ns // 1_000_000
        fields: Object = {"time": time // 1000, "time_ms": time}
        if "id" in request:
            fields["id"] = request["id"]
        fields |= {"conn_id": "d9db9373dc5e081e", "trace_id": "ee001938590e183db957bd5ba71651c0"}
        fields |= {"channel": request["channel"], "event": request.get("event", ""), "payload": request.get("payload", [])}
        if error is not None:
            fields["error"] = {"code": error[0], "message": error[1]}
        return orjson.dumps(fields | {"result": {"status": "success" if error is None else "fail"}})

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        if listing.steps % _steps(stream, rate):
            return []
        if stream.kind in ("obu", "order_book_update"):
            change = _window(listing, stream).advance(listing.market, listing.steps)
            if change.is_empty:
                return []
            ids = {"U": change.prev + 1, "u": change.last}
            build = self._obu if stream.kind == "obu" else self._older
            return [build(stream, listing, change.bids, change.asks, now_ns, ids)]
        return getattr(self, "_" + stream.kind)(stream, listing, step, now_ns)  # type: ignore[no-any-return]  # each returns frames

    def _obu(self, stream: Stream, listing: Listing, bids: Levels, asks: Levels, now_ns: int, ids: Object) -> bytes:
        fact = listing.instrument
        result: Object = {"t": now_ns // 1_000_000, "s": stream.name.partition(" ")[2]} | ids
        for side, levels in (("b", bids), ("a", asks)):
            if levels:
                result[side] = [[short(fact.price(price)), short(fact.size(size))] for price, size in levels]
        return orjson.dumps({"channel": f"{self.market.prefix}.obu", "result": result, "time_ms": now_ns // 1_000_000 + 3})

    def _older(self, stream: Stream, listing: Listing, bids: Levels, asks: Levels, now_ns: int, ids: Object) -> bytes:
        fact, time = listing.instrument, now_ns // 1_000_000
        result: Object = (
            {"t": time, "s": fact.symbol} | ids | {"b": rows(self.market, fact, bids), "a": rows(self.market, fact, asks)}
        )
        result |= {"l": str(stream.levels)} if self.market.is_futures else {"e": "depthUpdate", "E": time // 1000}
        return self._update("order_book_update", result, now_ns)

    def _update(self, kind: str, result: object, now_ns: int, event: str = "update") -> bytes:
        time = now_ns // 1_000_000 + 3
        head = {"time": time // 1000, "time_ms": time, "channel": f"{self.market.prefix}.{kind}", "event": event}
        return orjson.dumps(head | {"result": result})

    def _order_book(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        fact, market, time = listing.instrument, listing.market, now_ns // 1_000_000
        bids, asks = (rows(self.market, fact, side.top(stream.levels)) for side in (market.bids, market.asks))
        told: Object = {"t": time, "asks": asks, "bids": bids}
        if self.market.is_futures:
            told |= {"contract": fact.symbol, "id": market.last_id, "l": str(stream.levels)}
            return [self._update("order_book", told, now_ns, "all")]
        return [self._update("order_book", told | {"lastUpdateId": market.last_id, "s": fact.symbol}, now_ns)]

    def _book_ticker(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        if not step.top_changed:
            return []
        fact, market = listing.instrument, listing.market
        told: Object = {"t": now_ns // 1_000_000, "u": step.last, "s": fact.symbol}
        for price_word, size_word, side in (("b", "B", market.bids), ("a", "A", market.asks)):
            size = side.sizes[side.best]
            told[price_word] = short(fact.price(side.best))
            told[size_word] = size if self.market.is_futures else short(fact.size(size))
        return [self._update("book_ticker", told, now_ns)]

    def _trades(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        fact, time = listing.instrument, now_ns // 1_000_000
        if not self.market.is_futures:
            return [self._update("trades", _spot_trade(fact, trade, time), now_ns) for trade in step.trades]
        rows: list[Object] = [
            {
                "size": trade.size if trade.buy else -trade.size,
                "id": trade.id,
                "create_time": time // 1000,
                "create_time_ms": time,
                "price": short(fact.price(trade.price)),
                "contract": fact.symbol,
            }
            for trade in step.trades
        ]
        return [self._update("trades", rows, now_ns)] if rows else []

    def _tickers(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        fact, stats, market = listing.instrument, listing.stats, listing.market
        last = short(fact.price(stats.last))
        if not self.market.is_futures:
            told = {"currency_pair": fact.symbol, "last": last, "lowest_ask": short(fact.price(market.asks.best))}
            told |= {"highest_bid": short(fact.price(market.bids.best)), "change_percentage": "0.1", "base_volume": "1"}
            return [self._update("tickers", told, now_ns)]
        middle = f"{Decimal(market.bids.best + market.asks.best).scaleb(-fact.tick_digits) / 2:f}"
        told = {"contract": fact.symbol, "last": last, "change_percentage": "0.1", "total_size": str(listing.open_interest)}
        told |= {"funding_rate": "0.0001", "funding_rate_indicative": "0.0001", "mark_price": middle, "index_price": middle}
        return [self._update("tickers", [told | {"volume_24h": str(stats.volume)}], now_ns)]

    def _public_liquidates(self, stream: Stream, listing: Listing, step: Step, now_ns: int) -> list[bytes]:
        forced, fact = step.liquidation, listing.instrument
        if forced is None:
            return []
        size = forced.size if forced.buy else -forced.size
        told = {"contract": fact.symbol, "price": short(fact.price(forced.limit)), "time": now_ns // 1_000_000, "size": size}
        return [self._update("public_liquidates", told, now_ns)]

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        return answer(self.market, path, query, desk)

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded"}, 429, 0)


def _steps(stream: Stream, rate: float) -> int:
    return 1 if stream.every is None else max(1, round(stream.every * rate))


def _window(listing: Listing, stream: Stream) -> Any:
    # Order book v2 says when a level leaves; the older channel has nothing to say of what lies outside.
    return listing.window(stream.name, stream.levels, tells_leaving=stream.kind == "obu")


def _spot_trade(fact: Instrument, trade: Trade, time: int) -> Object:
    told: Object = {"id": trade.id, "create_time": time // 1000, "create_time_ms": f"{time}.12"}
    told |= {"side": "buy" if trade.buy else "sell", "currency_pair": fact.symbol}
    return told | {"amount": fact.size(trade.size), "price": short(fact.price(trade.price))}


SPOT = Gate(Market("gate", "spot", "currency pair", _SPOT, "BTC_USDT"), ("BTC_USDT", "ETH_USDT", "SOL_USDT"))
FUTURES = Gate(Market("gate-futures", "futures", "contract", _CONTRACT, "BTC_USDT"), ("BTC_USDT", "ETH_USDT", "BTC_USD"))
