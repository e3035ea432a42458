"""What frames of Bybit's v5 mean, of every kind of market. Sources are cited by the letters of `bybit`."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from feedtape.book.rules import Contiguous, Integrity
from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Levels,
    Liquidation,
    OptionSummary,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.venues.contract import Request, Venue, named
from feedtape.venues.reading import best, ms, ms_or_none, none_of, number_or_none, positive, reading, side

LEVEL_1: Final = "orderbook.1"
RESTARTED: Final = 1
"""The `u` of a service that has restarted [V]."""
_DEPTHS: Final = frozenset({"orderbook.25", "orderbook.50", "orderbook.100", "orderbook.200", "orderbook.500", "orderbook.1000"})
"""Book streams, with those that are no longer served."""
_BEFORE_V5: Final = frozenset({"trade", "orderBookL2_25", "orderBook_200", "instrument_info", "liquidation", "candle", "klineV2"})
"""Kinds of topics that contracts had before; those of spot had no dot."""

_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Text = str | None


class Frame(msgspec.Struct, gc=False):
    """What a frame may have around its data. `ts` is when it was made, `cts` the matching engine's time; both ms."""

    topic: str = ""
    type: str = ""
    ts: int | None = None
    cts: int | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str = ""
    args: tuple[str | int, ...] = ()


class Book(msgspec.Struct, gc=False):
    """A book's data. `seq` is left out: it has holes, and options did not have it."""

    s: str
    b: Levels
    a: Levels
    u: _Id


class _Trade(msgspec.Struct, gc=False):
    T: int
    s: str
    S: str
    v: str
    p: str
    i: str


class _Ticker(msgspec.Struct, gc=False):
    """What is missing has not changed [V]; dated contracts have a funding rate and time that are empty or zero."""

    symbol: str
    lastPrice: _Text = None
    markPrice: _Text = None
    indexPrice: _Text = None
    fundingRate: _Text = None
    nextFundingTime: _Text = None
    openInterest: _Text = None


class _OptionTicker(msgspec.Struct, gc=False):
    symbol: str
    bidPrice: _Text = None
    bidSize: _Text = None
    bidIv: _Text = None
    askPrice: _Text = None
    askSize: _Text = None
    askIv: _Text = None
    lastPrice: _Text = None
    markPrice: _Text = None
    markPriceIv: _Text = None
    underlyingPrice: _Text = None
    openInterest: _Text = None
    volume24h: _Text = None
    delta: _Text = None
    gamma: _Text = None
    vega: _Text = None
    theta: _Text = None


class _Liquidated(msgspec.Struct, gc=False):
    T: int
    s: str
    S: str
    v: str
    p: str


class _Answer(msgspec.Struct, gc=False):
    """What an options' answer says of each topic."""

    failTopics: tuple[str, ...] = ()
    successTopics: tuple[str, ...] = ()


class Terms(NamedTuple):
    """What the name of an option says: expiry in ns since 1970."""

    option: Literal["call", "put"] | None
    strike: str | None
    expiry: int | None


_FRAME: Final = msgspec.json.Decoder(Frame)
_BOOK: Final = msgspec.json.Decoder(Book)
_TRADES: Final = msgspec.json.Decoder(list[_Trade])
_TICKER: Final = msgspec.json.Decoder(_Ticker)
_OPTION_TICKER: Final = msgspec.json.Decoder(_OptionTicker)
_LIQUIDATIONS: Final = msgspec.json.Decoder(list[_Liquidated])
_ANSWER: Final = msgspec.json.Decoder(_Answer | None)

_OPTION: Final = re.compile(r"[A-Z0-9]+-(\d{1,2})([A-Z]{3})(\d\d)-(\d{1,12}(?:\.\d{1,8})?)-([CP])(?:-[A-Z]+)?", re.ASCII)
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EXPIRY_HOUR: Final = 8
"""Options are delivered at 08:00 UTC: the delivery times of [V] instrument."""


@lru_cache(maxsize=8192)
def terms(symbol: str) -> Terms:
    """Read an option's terms in its name (`BTC-27MAR26-70000-P-USDT`), the only place that tells the strike."""
    match = _OPTION.fullmatch(symbol)
    if match is None or match[2] not in _MONTHS:
        return Terms(None, None, None)
    try:
        day = datetime(2000 + int(match[3]), 1 + _MONTHS.index(match[2]), int(match[1]), _EXPIRY_HOUR, tzinfo=UTC)
    except ValueError:
        return Terms(None, None, None)
    return Terms("call" if match[5] == "C" else "put", match[4], int(day.timestamp()) * 10**9)


def read(payload: bytes) -> Frame:
    """Read a frame, its data not yet."""
    return _FRAME.decode(payload)


def read_book(frame: Frame, symbol: str) -> Book:
    """Read the data of a frame about a book."""
    book = _BOOK.decode(frame.data)
    if book.s != symbol:
        raise _elsewhere(book.s, symbol)
    if frame.type not in ("snapshot", "delta"):
        raise BadFrame(f"a book message that is neither snapshot nor delta: {frame.type[:40]!r}")
    return book


def is_whole(frame: Frame, book: Book) -> bool:
    """Tell whether a message is the whole book: a snapshot, or what a restarted service begins with, whatever it is called."""
    return frame.type == "snapshot" or book.u == RESTARTED


def time_of(frame: Frame) -> int:
    """Return the matching engine's time; captures of 2023 have only that of the message [E]."""
    return ms(frame.ts if frame.cts is None else frame.cts)


def quote_of(target: str, recv: int, time: int, book: Book) -> Quote:
    """Return the best of a one-level book."""
    bid, bid_size = best(*book.b[0]) if book.b else (None, None)
    ask, ask_size = best(*book.a[0]) if book.a else (None, None)
    return Quote(target, recv, time, bid, bid_size, ask, ask_size, book.u)


def liquidation(target: str, recv: int, time: object, price: str, size: str, position: str) -> Liquidation:
    """Return a liquidation by the side of the position: `Buy` is a long, so that the order sold [V]."""
    return Liquidation(target, recv, ms(time), positive(price), positive(size), side(position, "Sell", "Buy"))


def _elsewhere(symbol: str, expected: str) -> BadFrame:
    return BadFrame(f"a frame of {symbol[:60]!r} on a topic of {expected[:60]!r}")


class V5(Venue):
    """Reads frames; what is asked for is declared by subclasses."""

    def __init__(self) -> None:
        self._readers: dict[str, Callable[[Frame, int], Sequence[Event]]] = {"orderbook": self._book, "publicTrade": self._trades}
        if "derivatives" in self.channels:
            self._readers["tickers"] = self._ticker
        if "options" in self.channels:
            self._readers["tickers"] = self._option
        if "liquidations" in self.channels:
            self._readers["allLiquidation"] = self._liquidations

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame. Trades are news, all of them: no history comes after subscribing [V]."""
        return self.of_frame(read(payload), recv)

    def of_frame(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Return what a frame says. `publicTrade` of options and `allLiquidation` name each event's symbol themselves."""
        topic = frame.topic
        if not topic:
            return self._answer(frame, recv)
        kind, dot, _ = topic.partition(".")
        reader = self._readers.get(kind)
        if reader is not None and dot:
            return reader(frame, recv)
        if kind in _BEFORE_V5 or not dot:
            raise BadFrame(f"a topic of before v5, which an earlier decoder reads: {topic[:60]!r}")
        return (Unread("", recv, None, named(kind)),)

    def _target(self, symbol: str) -> str:
        return f"{self.name}:{named(symbol)}"

    def _answer(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Read what is of no topic; a pong is called `ping` by all but options [V]."""
        request = frame.req_id
        if frame.type == "COMMAND_RESP":
            return self._topic_by_topic(frame, recv)
        if frame.success is False:
            # The topic that its words name is one of those refused: all of the request are [I].
            return (Refused("", recv, None, request or None, None, frame.ret_msg),)
        if frame.op in ("ping", "pong"):
            return (Heartbeat("", recv, ms(frame.args[0]) if frame.args else None),)
        if frame.success and frame.op in ("subscribe", "unsubscribe"):
            return (Acknowledged("", recv, None, request),)
        raise BadFrame("a frame that is neither of a topic nor an answer")

    def _topic_by_topic(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Read an answer of options, which tells no request's id [V]."""
        answer = _ANSWER.decode(frame.data) or _Answer()
        events: list[Event] = []
        if answer.successTopics:
            events.append(Acknowledged("", recv, None, "", tuple(map(named, answer.successTopics))))
        if answer.failTopics:
            failed = tuple(map(named, answer.failTopics))
            events.append(Refused("", recv, None, None, None, frame.ret_msg or "failTopics", failed))
        if not events:
            event = Acknowledged("", recv, None) if frame.success else Refused("", recv, None, None, None, frame.ret_msg)
            events.append(event)
        return events

    def _book(self, frame: Frame, recv: int) -> Sequence[Event]:
        channel, _, symbol = frame.topic.rpartition(".")
        if channel == LEVEL_1:
            return self._level_1(frame, recv, symbol)
        if channel not in _DEPTHS:
            return (Unread(self._target(symbol), recv, None, named(channel)),)
        book = read_book(frame, symbol)
        target, time, u = self._target(symbol), time_of(frame), book.u
        if is_whole(frame, book):
            return (BookSnapshot(target, recv, time, channel, book.b, book.a, u),)
        return (BookDelta(target, recv, time, channel, book.b, book.a, u, u),)

    def _level_1(self, frame: Frame, recv: int, symbol: str) -> Sequence[Event]:
        book = read_book(frame, symbol)
        if not is_whole(frame, book):
            raise BadFrame("a change of level 1, which sends nothing but whole pictures since 2025-03-20")
        return (quote_of(self._target(symbol), recv, time_of(frame), book),)

    def _trades(self, frame: Frame, recv: int) -> Sequence[Event]:
        # Ids are opaque and nobody promises that they have no holes, so that they are no numbers.
        events: list[Event] = []
        for one in _TRADES.decode(frame.data):
            target, aggressor = self._target(one.s), side(one.S, "Buy", "Sell")
            events.append(Trade(target, recv, ms(one.T), positive(one.p), positive(one.v), aggressor, named(one.i)))
        return events

    def _ticker(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Read a ticker of contracts. Open interest counts both sides of each contract [V]."""
        ticker = _TICKER.decode(frame.data)
        self._check_symbol(frame, ticker.symbol)
        facts: dict[str, Any] = {
            "last": number_or_none(ticker.lastPrice),
            "mark": number_or_none(ticker.markPrice),
            "index": number_or_none(ticker.indexPrice),
            "funding_rate": number_or_none(ticker.fundingRate),
            "funding_time": ms_or_none(ticker.nextFundingTime),
            "open_interest": number_or_none(ticker.openInterest),
        }
        # Most changes are of volumes and of the best prices, which are no facts of ours.
        if all(fact is None for fact in facts.values()):
            return ()
        return (Derivative(self._target(ticker.symbol), recv, ms(frame.ts), **facts),)

    def _option(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Read a ticker of an option; volatilities are fractions already. A side without price has no volatility."""
        ticker = _OPTION_TICKER.decode(frame.data)
        symbol = ticker.symbol
        self._check_symbol(frame, symbol)
        bid, bid_size = best(ticker.bidPrice, ticker.bidSize)
        ask, ask_size = best(ticker.askPrice, ticker.askSize)
        last = number_or_none(ticker.lastPrice)
        sides: dict[str, Any] = {
            "bid": bid,
            "bid_size": bid_size,
            "bid_iv": None if bid is None else number_or_none(ticker.bidIv),
            "ask": ask,
            "ask_size": ask_size,
            "ask_iv": None if ask is None else number_or_none(ticker.askIv),
        }
        named_terms = terms(symbol)
        summary = OptionSummary(
            self._target(symbol),
            recv,
            ms(frame.ts),
            option=named_terms.option,
            strike=named_terms.strike,
            expiry=named_terms.expiry,
            # Nothing trades at zero: an option that has never traded is told that way.
            last=None if last is None or ZERO[last] else last,
            mark=number_or_none(ticker.markPrice),
            mark_iv=number_or_none(ticker.markPriceIv),
            underlying=number_or_none(ticker.underlyingPrice),
            open_interest=number_or_none(ticker.openInterest),
            delta=number_or_none(ticker.delta),
            gamma=number_or_none(ticker.gamma),
            vega=number_or_none(ticker.vega),
            theta=number_or_none(ticker.theta),
            volume=number_or_none(ticker.volume24h),
            none=none_of(sides),
            **sides,
        )
        return (summary,)

    def _liquidations(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Read liquidations; the price is the bankruptcy price of the position [V]."""
        return [liquidation(self._target(one.s), recv, one.T, one.p, one.v, one.S) for one in _LIQUIDATIONS.decode(frame.data)]

    def _check_symbol(self, frame: Frame, symbol: str) -> None:
        if frame.topic != f"tickers.{symbol}":
            raise _elsewhere(symbol, frame.topic)

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read nothing: snapshots come in the stream, and a REST book counts by the `u` of another topic."""
        return ()

    def integrity(self, channel: str) -> Integrity:
        """Messages of a topic are numbered one by one [D], as [V] says of the full book; loss shows as a hole.

        Levels are deleted that were never told [I], so that this is no evidence.
        """
        return Integrity(sequence=Contiguous(), snapshot="stream")
