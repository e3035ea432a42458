"""Binance: spot, USDⓈ-M and COIN-M futures, one protocol in three dialects.

Sources, cited below by letter:
    [S] github.com/binance/binance-spot-api-docs, web-socket-streams.md and rest-api.md, July 2026
    [U] developers.binance.com, derivatives, USDⓈ-M futures: websocket market streams, the change notice of 2026-03-05 (routes)
        and the change log of 2026-06-30 (`st`, `ps`)
    [C] developers.binance.com, derivatives, COIN-M futures
    [T] tardis.dev's raw data wraps REST answers as frames of invented streams, `@depthSnapshot` and `@openInterest`, marked
        `generated`; captures made from it hold them
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import orjson

from feedtape.book.rules import Chained, Contiguous, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import ZERO, checked
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Levels,
    Liquidation,
    Quote,
    Refused,
    Side,
    SpentTradeId,
    Status,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import LONGEST_NAME, Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named

_DEPTH = re.compile(r"depth(5|10|20)?(@(0|100|250|500|1000)ms)?")
_PARTIAL = re.compile(r"depth(5|10|20)(?:@|$)")
_MICROSECONDS_FROM = 100_000_000_000_000
_AFTER_STREAM = b'","'
_HEAD = re.compile(rb'\{"stream":"([^"\\\x00-\x1f]{1,%d})' % LONGEST_NAME)
_LATEST_NS = 2**63 - 1

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Time = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_ROUTES_REMEMBERED = 4096

_T = TypeVar("_T")


class Shape(msgspec.Struct, gc=False):
    """What a message must have. Fields that are not named here are none of our business, and new ones break nothing.

    `T` is the matching engine's time, `E` when the message was made [U]; times are milliseconds, or microseconds when the URL
    asked for them [S].
    """


class _Depth(Shape):
    s: str
    E: Time
    U: Id
    u: Id
    b: Levels
    a: Levels
    pu: Id | None = None
    T: Time | None = None


class _PartialFutures(Shape):
    """Futures send partial books with the fields of a diff; each is the whole top all the same [U]."""

    u: Id
    b: Levels
    a: Levels
    T: Time | None = None


class _Snapshot(Shape):
    lastUpdateId: Id
    bids: Levels
    asks: Levels
    T: Time | None = None


class _BookTicker(Shape):
    u: Id
    s: str
    b: str
    B: str
    a: str
    A: str
    T: Time | None = None


class _Trade(Shape):
    s: str
    t: Id
    p: str
    q: str
    m: bool
    """Whether the buyer was the maker, so that the aggressor sold."""
    E: Time
    T: Time | None = None
    X: str = "MARKET"


class _MarkPrice(Shape):
    s: str
    E: Time
    p: str
    i: str | None = None
    """Missing in old captures."""
    r: str = ""
    """Empty for dated contracts, which have no funding [C]."""
    T: Time = 0


class _Ticker(Shape):
    s: str
    E: Time
    c: str


class _Order(Shape):
    s: str
    S: str
    q: str
    p: str
    ap: str
    z: str
    T: Time


class _Shutdown(Shape):
    E: Time


class _ForceOrder(Shape):
    o: _Order


class Filter(Shape):
    """A rule of a symbol: prices move by `tickSize`, sizes by `stepSize`."""

    filterType: str
    tickSize: str | None = None
    stepSize: str | None = None


class _Symbol(Shape):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[Filter]
    status: str | None = None
    contractStatus: str | None = None
    """COIN-M's name for the status [C]."""
    marginAsset: str | None = None
    contractType: str | None = None
    contractSize: Id | None = None
    deliveryDate: Time = 0


class _ExchangeInfo(Shape):
    symbols: list[_Symbol]


class _ServerTime(Shape):
    serverTime: Time


class _OpenInterest(Shape):
    openInterest: str
    time: Time | None = None


_Read = Callable[[Any, int, str, str, str], Sequence[Event]]
"""Makes events of a message's shape, receipt time, target, symbol and channel."""


class Reader(NamedTuple):
    """How to read one kind of message: its shape, and what makes events of it."""

    shape: Any
    read: _Read


class Route(NamedTuple):
    """What a stream's frames are, found once a stream."""

    decode: Callable[[bytes], Any]
    read: _Read
    target: str
    symbol: str
    channel: str


@cache
def decoder_of(shape: Any) -> msgspec.json.Decoder[Any]:
    """Return what reads a combined frame whose data has that shape."""
    return msgspec.json.Decoder(msgspec.defstruct("Frame", [("data", shape)], gc=False))


def elsewhere(symbol: str, expected: str) -> BadFrame:
    """Return the error for a frame that is of another symbol than its stream."""
    return BadFrame(f"a frame of {symbol[:LONGEST_NAME]} on a stream of {expected}")


def time_ns(value: int) -> int:
    """Return ns since 1970 of milliseconds or, where a number is too great to be that, of microseconds.

    Raises:
        BadFrame: when it is beyond what 64 bits hold.
    """
    time = value * (1_000 if value >= _MICROSECONDS_FROM else 1_000_000)
    if time > _LATEST_NS:
        raise BadFrame(f"a time beyond the year 2262: {value}")
    return time


def _ns_or_none(value: int | None) -> int | None:
    return None if value is None else time_ns(value)


class BinanceFamily(Venue):
    """What all of Binance's markets share."""

    rest_prefix: ClassVar[str]
    snapshot_limit: ClassVar[int]
    snapshot_weight: ClassVar[int]
    book_streams: ClassVar[Integrity]
    has_marks = False

    since = "2019-01-01"
    channels: ClassVar[tuple[str, ...]] = ("book", "trades", "quotes")
    books = ("depth@100ms", "depth", "depth20@100ms", "depth10@100ms", "depth5@100ms")

    def __init__(self) -> None:
        self._routes: dict[bytes, Route] = {}
        """Routes by the bytes with which a stream's combined frames begin."""
        self._readers: dict[str, Reader] = {
            "depthUpdate": Reader(_Depth, self._depth),
            "trade": Reader(_Trade, self._trade),
            "bookTicker": Reader(_BookTicker, self._quote),
        }
        if self.has_marks:
            self._readers |= {
                "markPriceUpdate": Reader(_MarkPrice, self._mark),
                "24hrTicker": Reader(_Ticker, self._ticker),
                "forceOrder": Reader(_ForceOrder, self._liquidation),
            }

    # -- reading frames

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame, combined (`{"stream", "data"}`) or bare [S]."""
        try:
            route = self._routes.get(payload.partition(_AFTER_STREAM)[0])
            if route is None:
                return self._first_of_its_kind(payload, recv)
            decode, read, target, symbol, channel = route
            return read(decode(payload).data, recv, target, symbol, channel)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            if isinstance(error, BadFrame):
                raise
            raise BadFrame(f"{type(error).__name__}: {error}") from error

    def _first_of_its_kind(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read a frame whose beginning is of no known route: a stream's first frame, or one that is not combined.

        A stream's first frame is read exactly as its next one will be, by what it begins with: what was seen before must not
        decide how a frame is read, or a replay from a keyframe could read it otherwise. Where a name comes twice,
        the first `stream` counts when the frame begins with it, and else, as for every other field, the last.
        """
        head = payload.partition(_AFTER_STREAM)[0]
        found = _HEAD.fullmatch(head)
        if found is not None:
            route = self._route(found[1].decode())
            if len(self._routes) >= _ROUTES_REMEMBERED:
                self._routes.clear()
            self._routes[head] = route
        else:
            message = orjson.loads(payload)
            if type(message) not in (dict, list):
                raise BadFrame("a frame that is neither an object nor a list")
            stream = message.get("stream") if type(message) is dict else None
            if type(stream) is not str:
                return self._bare(message, recv)
            route = self._route(stream)
        decode, read, target, symbol, channel = route
        return read(decode(payload).data, recv, target, symbol, channel)

    def _route(self, stream: str) -> Route:
        if len(stream) > LONGEST_NAME:
            raise BadFrame(f"a stream name of {len(stream)} characters")
        symbol, _, channel = stream.partition("@")
        name = channel.partition("@")[0]
        if _PARTIAL.match(channel):
            reader = Reader(_PartialFutures, self._partial) if self.has_marks else Reader(_Snapshot, self._snapshot)
        else:
            reader = {
                "depth": Reader(_Depth, self._depth),
                "trade": Reader(_Trade, self._trade),
                "bookTicker": Reader(_BookTicker, self._quote),
                "depthSnapshot": Reader(_Snapshot, self._wrapped_snapshot),
                "openInterest": Reader(_OpenInterest, self._open_interest),
            }.get("" if symbol.startswith("!") else name, Reader(Any, self._by_kind))
        symbol = symbol.upper()
        return Route(decoder_of(reader.shape).decode, reader.read, f"{self.name}:{symbol}", symbol, channel)

    def _by_kind(self, data: Any, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        """Read what names its own kind: bare messages, and streams that carry many symbols."""
        if type(data) is list:
            return [event for item in data for event in self._by_name(item, recv, "", "", channel)]
        return self._by_name(data, recv, target, symbol, channel)

    def _by_name(self, data: Any, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        kind = data["e"]
        if kind == "serverShutdown":
            time = time_ns(msgspec.convert(data, _Shutdown).E)
            return (Status("", recv, time, "the venue announces a shutdown", True),)
        reader = self._readers.get(kind)
        if reader is None:
            return (Unread(target, recv, None, str(kind)),)
        said = named(str(data["o"]["s"] if kind == "forceOrder" else data["s"]))
        if symbol and said != symbol and not symbol.startswith("!"):
            raise elsewhere(said, symbol)
        return reader.read(msgspec.convert(data, reader.shape), recv, f"{self.name}:{said}", said, channel)

    def _bare(self, message: Any, recv: int) -> Sequence[Event]:
        if type(message) is list or "e" in message:
            return self._by_kind(message, recv, "", "", "")
        if "code" in message or "error" in message:
            problem = message.get("error", message)
            request = message.get("id")
            said = str(problem["code"]), str(problem["msg"])
            return (Refused("", recv, None, None if request is None else str(request), *said),)
        if "result" in message:
            return (Acknowledged("", recv, None, str(message.get("id"))),)
        if "u" in message and "B" in message:
            ticker = msgspec.convert(message, _BookTicker)
            return self._quote(ticker, recv, f"{self.name}:{named(ticker.s)}", ticker.s, "")
        raise BadFrame("a frame that names neither stream nor event")

    def _depth(self, data: _Depth, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        if data.s != symbol:
            raise elsewhere(data.s, symbol)
        time = time_ns(data.T or data.E)
        return (BookDelta(target, recv, time, channel or "depth", data.b, data.a, data.U, data.u, data.pu),)

    def _partial(self, data: _PartialFutures, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return (BookSnapshot(target, recv, _ns_or_none(data.T), channel, data.b, data.a, data.u),)

    def _snapshot(self, data: _Snapshot, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        # A symbol that never had an order has the id -1; with levels it would be a contradiction.
        if data.lastUpdateId < 0 and (data.bids or data.asks):
            raise BadFrame("a snapshot with levels and without an update id")
        return (BookSnapshot(target, recv, _ns_or_none(data.T), channel, data.bids, data.asks, data.lastUpdateId),)

    def _wrapped_snapshot(self, data: _Snapshot, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return self._snapshot(data, recv, target, symbol, "")

    def _quote(self, data: _BookTicker, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        if data.s != symbol:
            raise elsewhere(data.s, symbol)
        no_bid, no_ask = ZERO[data.B], ZERO[data.A]
        if ZERO[data.b] or ZERO[data.a] or no_bid or no_ask:
            return (self._one_sided(data, recv, target, no_bid, no_ask),)
        time = data.T
        return (Quote(target, recv, None if time is None else time_ns(time), data.b, data.B, data.a, data.A, data.u),)

    def _one_sided(self, data: _BookTicker, recv: int, target: str, no_bid: bool, no_ask: bool) -> Quote:
        # An empty side is sent as zeros; a book without bids has no best bid, least of all one of zero.
        bid, bid_size = (None, None) if no_bid else (data.b, data.B)
        ask, ask_size = (None, None) if no_ask else (data.a, data.A)
        return Quote(target, recv, _ns_or_none(data.T), bid, bid_size, ask, ask_size, data.u)

    def _trade(self, data: _Trade, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        if data.s != symbol:
            raise elsewhere(data.s, symbol)
        time, number = time_ns(data.T or data.E), data.t
        # Futures: insurance fund and liquidation plumbing, and spent ids with zeros, are no trades of the market.
        if data.X != "MARKET":
            return (SpentTradeId(target, recv, time, number),)
        if ZERO[data.p] or ZERO[data.q]:
            raise BadFrame("a trade of nothing")
        side: Side = "sell" if data.m else "buy"
        return (Trade(target, recv, time, data.p, data.q, side, str(number), number),)

    def _mark(self, data: _MarkPrice, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return (
            Derivative(
                target,
                recv,
                time_ns(data.E),
                mark=checked(data.p),
                index=None if data.i is None else checked(data.i),
                funding_rate=checked(data.r) if data.r else None,
                funding_time=time_ns(data.T) if data.T else None,
            ),
        )

    def _ticker(self, data: _Ticker, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return (Derivative(target, recv, time_ns(data.E), last=checked(data.c)),)

    def _open_interest(self, data: _OpenInterest, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return (Derivative(target, recv, _ns_or_none(data.time), open_interest=checked(data.openInterest)),)

    def _liquidation(self, data: _ForceOrder, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        order = data.o
        if order.S not in ("BUY", "SELL"):
            raise BadFrame("a liquidation that does not tell its side")
        price = order.p if ZERO[order.ap] else order.ap
        size = order.q if ZERO[order.z] else order.z
        if ZERO[price] or ZERO[size]:
            raise BadFrame("a liquidation of nothing")
        return (Liquidation(target, recv, time_ns(order.T), price, size, "buy" if order.S == "BUY" else "sell"),)

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read a depth snapshot or an open interest."""
        try:
            parts = urlsplit(request.path)
            symbol = parse_qs(parts.query).get("symbol", [""])[0].upper()
            target = f"{self.name}:{named(symbol) if symbol else ''}"
            if parts.path.endswith("/depth") and symbol:
                return self._snapshot(msgspec.json.decode(body, type=_Snapshot), recv, target, symbol, "")
            if parts.path.endswith("/openInterest") and symbol:
                return self._open_interest(msgspec.json.decode(body, type=_OpenInterest), recv, target, symbol, "")
        except (ValueError, RecursionError) as error:
            if isinstance(error, BadFrame):
                raise
            raise BadFrame(f"{type(error).__name__}: {error}") from error
        return ()

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """Diff streams chain; partial books are whole pictures that nothing links."""
        if _PARTIAL.match(channel):
            return Integrity(snapshot="full", unprovable="each message is a whole picture; nothing links it to the one before")
        return self.book_streams

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target; a book stream by any of the venue's names, such as `depth20@100ms`."""
        if target.channel and _DEPTH.fullmatch(target.channel) is None:
            hint = f"{target.venue}:{target.symbol}@depth@100ms, or @depth20@100ms"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        symbol = target.symbol.lower()
        names = {
            "book": target.channel or self.books[0],
            "trades": "trade",
            "quotes": "bookTicker",
            "derivatives": "markPrice@1s",
            "liquidations": "forceOrder",
        }
        asked = [channel for channel in channels if channel in self.channels]
        return [Stream(f"{symbol}@{names[channel]}", channel, target.symbol) for channel in asked]

    def path(self, stream: Stream) -> str:
        """Combined streams, so that every frame says which stream it is of."""
        return "/stream"

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return SUBSCRIBE requests of many streams each, since messages are what the venue limits [S]."""
        return self._ask("SUBSCRIBE", streams, first_id)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return UNSUBSCRIBE requests [S]."""
        return self._ask("UNSUBSCRIBE", streams, first_id)

    def _ask(self, method: str, streams: Sequence[str], first_id: int) -> list[Ask]:
        return [
            Ask(str(number), orjson.dumps({"method": method, "params": list(group), "id": number}), group)
            for number, group in enumerate(self.requests(streams), first_id)
        ]

    def snapshot_request(self, symbol: str) -> Request:
        """Return the request for the deepest snapshot that there is."""
        path = f"{self.rest_prefix}/depth?symbol={symbol}&limit={self.snapshot_limit}"
        return Request(path, self.snapshot_weight)

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for `exchangeInfo`."""
        return [Request(f"{self.rest_prefix}/exchangeInfo", 20)]

    def instruments(self, request: Request, body: bytes) -> Page:
        """Read `exchangeInfo`. Tick and lot come from the filters; the precision fields are display hints [S][U]."""
        try:
            found = [self._instrument(entry) for entry in msgspec.json.decode(body, type=_ExchangeInfo).symbols]
        except (ValueError, RecursionError) as error:
            raise BadFrame(f"instruments: {error}") from error
        return Page(found, [])

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request(f"{self.rest_prefix}/time", 1)

    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        try:
            return time_ns(msgspec.json.decode(body, type=_ServerTime).serverTime)
        except (ValueError, RecursionError) as error:
            raise BadFrame(f"time: {error}") from error

    def _instrument(self, entry: _Symbol) -> Instrument:
        contract, status = entry.contractType, entry.status or entry.contractStatus
        kind = "spot" if contract is None else "perpetual" if "PERPETUAL" in contract else "future"
        return Instrument(
            symbol=named(entry.symbol),
            kind=kind,
            base=entry.baseAsset,
            quote=entry.quoteAsset,
            settle=entry.marginAsset,
            tick=next((rule.tickSize for rule in entry.filters if rule.filterType == "PRICE_FILTER"), None),
            lot=next((rule.stepSize for rule in entry.filters if rule.filterType == "LOT_SIZE"), None),
            multiplier=None if entry.contractSize is None else str(entry.contractSize),
            expiry=time_ns(entry.deliveryDate) if kind == "future" and entry.deliveryDate else None,
            status=status,
            trading=None if status is None else status == "TRADING",
        )


class Binance(BinanceFamily):
    """Binance spot."""

    name = "binance"
    title = "Binance spot"
    decoder = "binance/1"
    ws_url = "wss://stream.binance.com:9443"
    rest_url = "https://api.binance.com"
    rest_prefix = "/api/v3"
    example = "BTCUSDT"
    snapshot_limit = 5000
    snapshot_weight = 250
    # Ids have no holes, and a first event that starts right after the snapshot is as good as one that straddles it [S].
    book_streams = Integrity(sequence=Contiguous())
    limits = Limits(
        connects=Rate(300, 300), messages=(Rate(5, 1),), rest=Rate(6000, 60), streams=1024, weight_header="x-mbx-used-weight-1m"
    )
    heartbeat = Heartbeat(silence_s=60, server_ping_s=20, max_life_s=24 * 3600)


class _BinanceFutures(BinanceFamily):
    channels = ("book", "trades", "quotes", "derivatives", "liquidations")
    has_marks = True
    snapshot_limit = 1000
    snapshot_weight = 20
    # Ids skip between events, so `U` says nothing; `pu` must be the `u` before [U][C].
    book_streams = Integrity(sequence=Chained())
    limits = Limits(
        connects=Rate(300, 300), messages=(Rate(10, 1),), rest=Rate(2400, 60), streams=200, weight_header="x-mbx-used-weight-1m"
    )
    heartbeat = Heartbeat(silence_s=60, server_ping_s=180, max_life_s=24 * 3600)

    def polls(self, symbol: str, channels: Sequence[str]) -> list[tuple[Request, float]]:
        """Open interest is told by REST alone [U][C]."""
        if "derivatives" not in channels:
            return []
        return [(Request(f"{self.rest_prefix}/openInterest?symbol={symbol}", 1), 10.0)]


class BinanceUsdm(_BinanceFutures):
    """Binance USDⓈ-M futures. Since 2026-04-23 the market data is split over two routes [U].

    A stream on the wrong route is acknowledged and stays silent, so each connection holds the streams of one route only.
    """

    name = "binance-usdm"
    title = "Binance USDⓈ-M futures"
    decoder = "binance-usdm/1"
    since = "2019-09-01"
    ws_url = "wss://fstream.binance.com"
    rest_url = "https://fapi.binance.com"
    rest_prefix = "/fapi/v1"
    example = "BTCUSDT"

    def path(self, stream: Stream) -> str:
        """Return the route that serves a stream."""
        return "/public/stream" if stream.channel in ("book", "trades", "quotes") else "/market/stream"


class BinanceCoinm(_BinanceFutures):
    """Binance COIN-M futures: sizes are numbers of contracts, one contract being `multiplier` USD [C]."""

    name = "binance-coinm"
    title = "Binance COIN-M futures"
    decoder = "binance-coinm/1"
    ws_url = "wss://dstream.binance.com"
    rest_url = "https://dapi.binance.com"
    rest_prefix = "/dapi/v1"
    example = "BTCUSD_PERP"
