"""Bybit v5: spot, linear and inverse contracts, options; one protocol, and a socket for each kind of market.

Nothing in a frame says which market it is of: BTCUSDT is a symbol of spot and of linear contracts. Books begin with a snapshot
in the stream and may begin anew with one at any moment; `u` counts the messages of a topic one by one, and 1 is a service that
has restarted, so that what it comes with is the whole book, whatever the message calls itself.

Sources, cited here and in `bybit_v5` by letter:
    [V] github.com/bybit-exchange/docs, docs/v5: websocket (connect, orderbook, full-ob, trade, ticker, all-liquidation), market
        (instrument, option-base-coins, time) and the changelog, September 2026
    [D] bybit-exchange.github.io, derivatives v3, orderbook: the update id "is always in sequence"
    [I] github.com/ccxt/ccxt issue 30284: a topic that is refused takes its whole request with it (linear, raw frames);
        github.com/bybit-exchange/pybit issue 369: levels are deleted that were never told
    [E] the documents and captures of 2023, see `bybit_earlier`
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final, TypeVar
from urllib.parse import quote

import msgspec
import orjson

from feedtape.errors import BadFrame, UsageError
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.bybit_earlier import Contracts2, FirstV5, Spot2
from feedtape.venues.bybit_v5 import LEVEL_1, V5, terms
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, named
from feedtape.venues.reading import ms_or_none, nanos, number_or_none, reading

_INSTRUMENTS: Final = "/v5/market/instruments-info"
_BASE_COINS: Final = "/v5/market/option-base-coins"
_KINDS: Final = {
    "LinearPerpetual": "perpetual",
    "InversePerpetual": "perpetual",
    "LinearFutures": "future",
    "InverseFutures": "future",
}


_R = TypeVar("_R")


class _Answer(msgspec.Struct, gc=False):
    result: msgspec.Raw
    retCode: int = 0
    retMsg: str = ""


class _PriceFilter(msgspec.Struct, gc=False):
    tickSize: str | None = None


class _LotFilter(msgspec.Struct, gc=False):
    qtyStep: str | None = None
    basePrecision: str | None = None
    """What spot calls it."""


class _Symbol(msgspec.Struct, gc=False):
    symbol: str
    baseCoin: str
    quoteCoin: str
    status: str
    priceFilter: _PriceFilter
    lotSizeFilter: _LotFilter
    settleCoin: str | None = None
    contractType: str | None = None
    optionsType: str | None = None
    deliveryTime: str | None = None
    """For a perpetual, when it is taken off the list [V]."""


class _Listed(msgspec.Struct, gc=False):
    list: list[_Symbol]
    nextPageCursor: str | None = None


class _BaseCoin(msgspec.Struct, gc=False):
    baseCoin: str
    hasSymbol: int


class _BaseCoins(msgspec.Struct, gc=False):
    list: list[_BaseCoin]


class _Now(msgspec.Struct, gc=False):
    timeNano: str


def _result(body: bytes, shape: type[_R]) -> _R:
    answer = msgspec.json.decode(body, type=_Answer)
    # Refusals come with the HTTP status of success [V].
    if answer.retCode:
        raise BadFrame(f"the venue answers {answer.retCode}: {answer.retMsg[:200]}")
    return msgspec.json.decode(answer.result, type=shape)


class _Bybit(V5):
    """What the four markets share in what they are asked."""

    category: ClassVar[str]
    answers_by_id: ClassVar[bool] = True

    since = "2025-03-20"
    ws_url = "wss://stream.bybit.com"
    rest_url = "https://api.bybit.com"
    books: ClassVar[tuple[str, ...]] = ("orderbook.50", "orderbook.200", "orderbook.1000")
    # Of a connection, all topics together are limited to 21,000 characters [V], which may count quotes and commas. No rate of
    # messages is named; requests are small, since one topic that is refused takes its request with it [I].
    limits = Limits(
        connects=Rate(500, 300),
        connections=1000,
        messages=(Rate(10, 1),),
        rest=Rate(600, 5),
        streams=2000,
        streams_bytes=17_000,
        request_streams=10,
    )
    heartbeat = Heartbeat(silence_s=60, ping_every_s=20)

    def path(self, stream: Stream) -> str:
        """Return the socket of this kind of market."""
        return f"/v5/public/{self.category}"

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target; a book stream by the venue's name without the symbol, such as `orderbook.200`."""
        if target.channel and target.channel not in self.books:
            hint = " or ".join(f"{target.venue}:{target.symbol}@{name}" for name in self.books)
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        symbol = target.symbol
        names = {
            "book": f"{target.channel or self.books[0]}.{symbol}",
            "trades": f"publicTrade.{symbol}",
            "quotes": f"{LEVEL_1}.{symbol}",
            "derivatives": f"tickers.{symbol}",
            "liquidations": f"allLiquidation.{symbol}",
            "options": f"tickers.{symbol}",
        }
        return [Stream(names[channel], channel, symbol) for channel in channels if channel in self.channels]

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests of few topics each."""
        return self._ask("subscribe", streams, first_id)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests; a topic that is asked for twice is refused otherwise [I]."""
        return self._ask("unsubscribe", streams, first_id)

    def _ask(self, verb: str, streams: Sequence[str], first_id: int) -> list[Ask]:
        return [
            Ask(
                str(number) if self.answers_by_id else "",
                orjson.dumps({"req_id": str(number), "op": verb, "args": list(group)}),
                group,
            )
            for number, group in enumerate(self.requests(streams), first_id)
        ]

    def ping(self, number: int, now: int) -> bytes:
        """Return the ping of the protocol, which is JSON [V]."""
        return orjson.dumps({"req_id": f"ping-{number}", "op": "ping"})

    def snapshot_request(self, symbol: str) -> None:
        """Ask for nothing: the stream brings snapshots."""
        return

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for the first page; only what is traded is listed [V]."""
        return [Request(f"{_INSTRUMENTS}?category={self.category}&limit=1000")]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read a page; the cursor of the next is encoded for a URL already [V]."""
        listed = _result(body, _Listed)
        more = []
        if listed.nextPageCursor:
            first = request.path.partition("&cursor=")[0]
            more.append(Request(f"{first}&cursor={quote(listed.nextPageCursor, safe='%')}"))
        return Page([self._instrument(one) for one in listed.list], more)

    def _instrument(self, one: _Symbol) -> Instrument:
        kind = "spot" if one.contractType is None else _KINDS.get(one.contractType, one.contractType)
        return Instrument(
            symbol=named(one.symbol),
            kind=kind,
            base=one.baseCoin,
            quote=one.quoteCoin,
            settle=one.settleCoin,
            tick=number_or_none(one.priceFilter.tickSize),
            lot=number_or_none(one.lotSizeFilter.qtyStep or one.lotSizeFilter.basePrecision),
            expiry=ms_or_none(one.deliveryTime) if kind == "future" else None,
            status=one.status,
            trading=one.status == "Trading",
        )

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request("/v5/market/time")

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        return nanos(_result(body, _Now).timeNano)


class BybitSpot(_Bybit):
    """Bybit spot."""

    name = "bybit"
    title = "Bybit spot"
    decoder = "bybit/5"
    category = "spot"
    channels = ("book", "trades", "quotes")
    example = "BTCUSDT"

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for the list, which has one page [V]."""
        return [Request(f"{_INSTRUMENTS}?category=spot")]


class _Contracts(_Bybit):
    channels = ("book", "trades", "quotes", "derivatives", "liquidations")


class BybitLinear(_Contracts):
    """Contracts that are settled in USDT or USDC; sizes are in the base coin."""

    name = "bybit-linear"
    title = "Bybit USDT and USDC contracts"
    decoder = "bybit-linear/5"
    category = "linear"
    example = "BTCUSDT"


class BybitInverse(_Contracts):
    """Contracts that are settled in the base coin; sizes and open interest are in USD."""

    name = "bybit-inverse"
    title = "Bybit inverse contracts"
    decoder = "bybit-inverse/5"
    category = "inverse"
    example = "BTCUSD"

    def _instrument(self, one: _Symbol) -> Instrument:
        return msgspec.structs.replace(super()._instrument(one), multiplier="1")


class BybitOption(_Bybit):
    """Options. Trades come by base coin: a target brings those of all options on its coin."""

    name = "bybit-option"
    title = "Bybit options"
    decoder = "bybit-option/5"
    category = "option"
    channels = ("book", "trades", "options")
    books = ("orderbook.25", "orderbook.100")
    absent = "no stream of best bid and ask alone: `book` and `options` tell them"
    example = "BTC-25JUN27-100000-C-USDT"
    # An answer tells topic by topic what became of it, and names no request [V].
    answers_by_id = False
    limits = replace(_Bybit.limits, request_streams=100)

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target; see the class for its trades."""
        coin = target.symbol.partition("-")[0]
        by_coin = Stream(f"publicTrade.{coin}", "trades")
        return [by_coin if stream.channel == "trades" else stream for stream in super().streams(target, channels)]

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return a request for each base coin of the symbols, or for the base coins where they do not tell."""
        coins = dict.fromkeys(symbol.partition("-")[0].upper() for symbol in symbols)
        if not coins or not all(coin.isalnum() for coin in coins):
            return [Request(_BASE_COINS)]
        return [self._of_coin(coin) for coin in coins]

    def _of_coin(self, coin: str) -> Request:
        return Request(f"{_INSTRUMENTS}?category=option&limit=1000&baseCoin={quote(coin)}")

    def lists_instruments(self, request: Request) -> bool:
        """Tell the lists of base coins and of options from everything else."""
        return request.path.partition("?")[0] in (_BASE_COINS, _INSTRUMENTS)

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read the base coins, whose options are to be asked for, or a page of options."""
        if request.path.partition("?")[0] != _BASE_COINS:
            return super().instruments(request, body)
        coins = dict.fromkeys(one.baseCoin for one in _result(body, _BaseCoins).list if one.hasSymbol)
        return Page([], [self._of_coin(named(coin)) for coin in coins])

    def _instrument(self, one: _Symbol) -> Instrument:
        option = {"Call": "call", "Put": "put"}.get(one.optionsType or "")
        facts = {"kind": "option", "strike": terms(one.symbol).strike, "option": option, "expiry": ms_or_none(one.deliveryTime)}
        return msgspec.structs.replace(super()._instrument(one), **facts)


class BybitSpot2023(FirstV5, BybitSpot):
    """Spot as v5 was at first."""

    decoder = "bybit/5-2023"
    since = "2023-01-09"


class BybitSpot2(Spot2, BybitSpot):
    """Spot before v5."""

    decoder = "bybit/2"
    since = "2021-07-15"


class BybitLinear2023(FirstV5, BybitLinear):
    """Linear contracts as v5 was at first."""

    decoder = "bybit-linear/5-2023"
    since = "2023-01-09"


class BybitLinear2(Contracts2, BybitLinear):
    """Linear contracts before v5."""

    decoder = "bybit-linear/2"
    since = "2020-03-30"


class BybitInverse2023(FirstV5, BybitInverse):
    """Inverse contracts as v5 was at first."""

    decoder = "bybit-inverse/5-2023"
    since = "2023-01-09"


class BybitInverse2(Contracts2, BybitInverse):
    """Inverse contracts before v5."""

    decoder = "bybit-inverse/2"
    since = "2018-11-14"


# Decoders of earlier days are made of the current ones, so that those can name them only here.
BybitSpot.earlier = (BybitSpot2023, BybitSpot2)
BybitLinear.earlier = (BybitLinear2023, BybitLinear2)
BybitInverse.earlier = (BybitInverse2023, BybitInverse2)
