"""Binance European options, in the API that is in force since 2025-12-17: the futures' host, routes and rules of their own.

Sources, cited below by letter:
    [O] developers.binance.com, derivatives, options trading: websocket market streams and market data, 2026
    [R] binance-connector-go and -python, change logs of 2026: which streams there are
    [L] notes of live frames by public projects: tardis-node of 2025-12-17, others of 2026-09

Stream names are in lower case and payloads in upper case [O]. Open interest goes by two names in the documents; the one of their
example, `btcusdt@openInterest@261225`, is the one that is asked for: the connectors dropped the other in 2026 [R], and a public
project lives on it [L]. What comes under either name is read.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import msgspec

from feedtape.book.rules import Chained, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import ZERO
from feedtape.model.events import BookSnapshot, Event, Levels, OptionSummary, Trade
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.binance import BinanceFamily, Filter, Id, Reader, Route, Shape, Time, decoder_of, elsewhere, time_ns
from feedtape.venues.contract import Heartbeat, Limits, Page, Rate, Request, Stream, named
from feedtape.venues.reading import best, none_of, number, number_or_none, positive, reading, side

_NAME = re.compile(r"([^-@]+)-(\d{6})-(\d+(?:\.\d+)?)-([CP])", re.ASCII)
_DEPTH = re.compile(r"depth(5|10|20)?@(100|500)ms", re.ASCII)
_PICTURE_V1 = re.compile(r"depth(10|20|50|100)(@|$)", re.ASCII)
_TICKER = "@optionTicker"
_EXPIRES_AT = 8
"""Hour of the day, UTC [O]."""


class _Terms(NamedTuple):
    """What an option's name says."""

    base: str
    day: str
    expiry: int
    strike: str
    option: str


@lru_cache(maxsize=8192)
def _terms(symbol: str) -> _Terms | None:
    match = _NAME.fullmatch(symbol)
    if match is None:
        return None
    base, day, strike, right = match.groups()
    try:
        end = datetime.strptime(day, "%y%m%d").replace(hour=_EXPIRES_AT, tzinfo=UTC)
    except ValueError:
        return None
    return _Terms(base, day, int(end.timestamp()) * 10**9, strike, "call" if right == "C" else "put")


class _OptionTrade(Shape):
    s: str
    t: Id
    p: str
    q: str
    S: str
    T: Time


class _Model(Shape):
    """What the venue's model and its book say of an option."""

    s: str
    E: Time
    mp: str
    bo: str
    ao: str
    bq: str
    aq: str
    b: str
    a: str
    vo: str
    d: str
    t: str
    g: str
    v: str
    i: str | None = None
    """The price of what the option is on; the former API told it elsewhere."""
    c: str | None = None
    """The last price; the former API told it here."""
    V: str | None = None
    """Contracts traded in a day, likewise."""


class _Interest(Shape):
    s: str
    E: Time
    o: str


class _Ticker(Shape):
    s: str
    E: Time
    c: str
    v: str | None = None


class _TradeV1(Shape):
    s: str
    t: str
    p: str
    q: str
    S: str
    T: Time


class _PictureV1(Shape):
    s: str
    E: Time
    u: Id
    b: Levels
    a: Levels
    T: Time | None = None


class _MarkV1(Shape):
    s: str
    E: Time
    mp: str


class _Contract(Shape):
    baseAsset: str
    quoteAsset: str
    underlying: str
    settleAsset: str | None = None


class _Symbol(Shape):
    symbol: str
    side: str
    strikePrice: str
    underlying: str
    expiryDate: Time
    quoteAsset: str
    filters: list[Filter]
    unit: int | str | None = None
    status: str | None = None


class _ExchangeInfo(Shape):
    optionContracts: list[_Contract]
    optionSymbols: list[_Symbol]


def _volatility(text: str) -> str | None:
    """Return an implied volatility; a negative one says that there is none [L]."""
    return None if text.startswith("-") else number(text)


def _last(text: str | None) -> str | None:
    """Return the last price; of an option that was never traded it is zero."""
    return None if text is None or ZERO[text] else text


class _Options(BinanceFamily):
    """What both APIs share. A stream on the wrong route is accepted and stays silent [L]."""

    name = "binance-options"
    title = "Binance European options"
    ws_url = "wss://fstream.binance.com"
    rest_url = "https://eapi.binance.com"
    rest_prefix = "/eapi/v1"
    channels: ClassVar[tuple[str, ...]] = ("book", "trades", "quotes", "options")
    books = ("depth@100ms", "depth@500ms", "depth20@100ms", "depth10@100ms", "depth5@100ms")
    example = "BTC-261225-100000-C"
    has_marks = True
    snapshot_limit = 1000
    snapshot_weight = 20
    # `pu` must be the `u` before; deleting a level that the book does not have is normal [O].
    book_streams = Integrity(sequence=Chained())
    limits = Limits(
        connects=Rate(300, 300), messages=(Rate(10, 1),), rest=Rate(2400, 60), streams=200, weight_header="x-mbx-used-weight-1m"
    )
    # Options that nobody trades rest for minutes, and the venue itself pings every five only [O].
    heartbeat = Heartbeat(silence_s=120, server_ping_s=300, max_life_s=24 * 3600)

    def __init__(self) -> None:
        super().__init__()
        self._readers = {
            "depthUpdate": self._readers["depthUpdate"],
            "bookTicker": self._readers["bookTicker"],
            "trade": Reader(_OptionTrade, self._option_trade),
            "markPrice": Reader(_Model, self._model),
            "openInterest": Reader(_Interest, self._interest),
            "24hrTicker": Reader(_Ticker, self._last_price),
        }
        self._own: dict[str, Reader] = {
            "optionTrade": self._readers["trade"],
            "optionMarkPrice": Reader(list[_Model], self._models),
            "openInterest": Reader(list[_Interest], self._interests),
            "optionOpenInterest": Reader(list[_Interest], self._interests),
        }

    # -- reading frames

    def _route(self, stream: str) -> Route:
        symbol, _, channel = named(stream).partition("@")
        if symbol != symbol.lower():
            raise BadFrame(f"a stream of the former API: {stream[:60]!r}")
        reader = self._own.get(channel.partition("@")[0])
        return super()._route(stream) if reader is None else self._read_by(reader, symbol.upper(), channel)

    def _read_by(self, reader: Reader, symbol: str, channel: str) -> Route:
        return Route(decoder_of(reader.shape).decode, reader.read, f"{self.name}:{symbol}", symbol, channel)

    def _option_trade(self, data: _OptionTrade, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        """Read a trade, of the book or a block: blocks are trades of the same stream, whatever the book was (`X` tells).

        Whether the ids of a symbol have holes (numbers of blocks that were withdrawn, say) is nowhere told.
        """
        if data.s != symbol and _NAME.fullmatch(symbol):
            raise elsewhere(data.s, symbol)
        target, taker = f"{self.name}:{named(data.s)}", side(data.S, buy="BUY", sell="SELL")
        return (Trade(target, recv, time_ns(data.T), positive(data.p), positive(data.q), taker, str(data.t)),)

    def _models(self, data: list[_Model], recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return [self._summary(one, recv, symbol) for one in data]

    def _model(self, data: _Model, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return (self._summary(data, recv, ""),)

    def _summary(self, data: _Model, recv: int, underlying: str) -> Event:
        bid, bid_size = best(data.bo, data.bq)
        ask, ask_size = best(data.ao, data.aq)
        sides: dict[str, Any] = {
            "bid": bid,
            "bid_size": bid_size,
            "bid_iv": _volatility(data.b),
            "ask": ask,
            "ask_size": ask_size,
            "ask_iv": _volatility(data.a),
        }
        terms = _terms(named(data.s))
        return OptionSummary(
            f"{self.name}:{data.s}",
            recv,
            time_ns(data.E),
            option=terms and terms.option,
            strike=terms and terms.strike,
            expiry=terms and terms.expiry,
            last=_last(data.c),
            mark=number(data.mp),
            mark_iv=_volatility(data.vo),
            underlying=number_or_none(data.i),
            underlying_name=underlying,
            delta=number(data.d),
            gamma=number(data.g),
            vega=number(data.v),
            theta=number(data.t),
            volume=number_or_none(data.V),
            none=none_of(sides),
            **sides,
        )

    def _interests(self, data: list[_Interest], recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return [event for one in data for event in self._interest(one, recv, "", "", channel)]

    def _interest(self, data: _Interest, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        target = f"{self.name}:{named(data.s)}"
        return (OptionSummary(target, recv, time_ns(data.E), open_interest=number(data.o)),)

    def _last_price(self, data: _Ticker, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return (OptionSummary(target, recv, time_ns(data.E), last=_last(data.c), volume=number_or_none(data.v)),)

    # -- declaring

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of an option; what the model says comes for all options on its underlying, or of its day, at once.

        Volumes come with the ticker alone.
        """
        if target.channel and _DEPTH.fullmatch(target.channel) is None:
            hint = f"{target.venue}:{target.symbol}@depth@100ms, or @depth20@500ms"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        names = {"book": target.channel or self.books[0], "trades": "optionTrade", "quotes": "bookTicker"}
        found, terms = list[Stream](), _terms(target.symbol.upper())
        for channel in channels:
            if channel in names:
                found.append(Stream(f"{target.symbol.lower()}@{names[channel]}", channel, target.symbol))
            elif channel == "options" and terms is not None:
                underlying = f"{terms.base.lower()}usdt"
                found.append(Stream(f"{underlying}@optionMarkPrice", channel))
                found.append(Stream(f"{underlying}@openInterest@{terms.day}", channel))
                found.append(Stream(f"{target.symbol.lower()}{_TICKER}", channel, target.symbol))
        return found

    def path(self, stream: Stream) -> str:
        """Return the route that serves a stream."""
        is_market = stream.channel == "options" and not stream.name.endswith(_TICKER)
        return "/market/stream" if is_market else "/public/stream"

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for `exchangeInfo`."""
        return [Request(f"{self.rest_prefix}/exchangeInfo", 1)]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read `exchangeInfo`."""
        info = msgspec.json.decode(body, type=_ExchangeInfo)
        contracts = {contract.underlying: contract for contract in info.optionContracts}
        return Page([self._option(entry, contracts.get(entry.underlying)) for entry in info.optionSymbols], [])

    def _option(self, entry: _Symbol, contract: _Contract | None) -> Instrument:
        return Instrument(
            symbol=named(entry.symbol),
            kind="option",
            base=None if contract is None else contract.baseAsset,
            quote=entry.quoteAsset,
            settle=None if contract is None else contract.settleAsset,
            tick=next((rule.tickSize for rule in entry.filters if rule.filterType == "PRICE_FILTER"), None),
            lot=next((rule.stepSize for rule in entry.filters if rule.filterType == "LOT_SIZE"), None),
            multiplier=number_or_none(entry.unit),
            expiry=time_ns(entry.expiryDate),
            strike=number(entry.strikePrice),
            option={"CALL": "call", "PUT": "put"}[entry.side],
            status=entry.status,
            trading=None if entry.status is None else entry.status == "TRADING",
        )


class BinanceOptionsV1(_Options):
    """The former API, on a host that has gone: stream names as symbols are written, the underlying without its quote.

    Its books are read where they are whole pictures.
    """

    decoder = "binance-options/1"
    since = "2022-11-01"

    def __init__(self) -> None:
        super().__init__()
        self._own = {
            "trade": Reader(_TradeV1, self._former_trade),
            "ticker": Reader(_Model, self._model),
            "markPrice": Reader(list[_MarkV1], self._marks),
            "openInterest": Reader(list[_Interest], self._interests),
        }

    def _route(self, stream: str) -> Route:
        symbol, _, channel = named(stream).partition("@")
        reader = self._own.get(channel.partition("@")[0])
        if _PICTURE_V1.match(channel):
            reader = Reader(_PictureV1, self._former_picture)
        return super()._route(stream.lower()) if reader is None else self._read_by(reader, symbol.upper(), channel)

    def _former_trade(self, data: _TradeV1, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        if data.s != symbol:
            raise elsewhere(data.s, symbol)
        taker = side(data.S, buy="1", sell="-1")
        return (Trade(target, recv, time_ns(data.T), positive(data.p), positive(data.q), taker, data.t),)

    def _former_picture(self, data: _PictureV1, recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        if data.s != symbol:
            raise elsewhere(data.s, symbol)
        return (BookSnapshot(target, recv, time_ns(data.T or data.E), channel, data.b, data.a, data.u),)

    def _marks(self, data: list[_MarkV1], recv: int, target: str, symbol: str, channel: str) -> Sequence[Event]:
        return [OptionSummary(f"{self.name}:{named(one.s)}", recv, time_ns(one.E), mark=number(one.mp)) for one in data]

    def integrity(self, channel: str) -> Integrity:
        """Every book of that API is a whole picture, as far as it is read."""
        return Integrity(snapshot="full", unprovable="each message is a whole picture; nothing links it to the one before")


class BinanceOptions(_Options):
    """Binance European options."""

    decoder = "binance-options/2"
    since = "2025-12-17"
    earlier = (BinanceOptionsV1,)
