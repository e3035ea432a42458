"""What frames of OKX v5 mean. Sources are cited by the letters of `okx`."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Liquidation,
    OptionSummary,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.venues.contract import Conversation, named
from feedtape.venues.okx_frames import (
    Arg,
    Book,
    Frame,
    Funding,
    Index,
    Liquidations,
    Mark,
    OpenInterest,
    Summary,
    Ticker,
    levels,
)
from feedtape.venues.okx_frames import Trade as Matched
from feedtape.venues.okx_symbols import FUTURES, OPTION, SPOT, SWAP, index_of, kind_of, terms
from feedtape.venues.reading import best, fact, ms, ms_or_none, none_of, positive, reading, side

CHAINED: Final = ("books", "books50-l2-tbt", "books-l2-tbt", "books-rpi")
"""Book streams of changes; a row of `books-rpi` has the size for everybody in the third place, which is not read [D]."""
PICTURES: Final = "books5"

_BEFORE_NS: Final = 500_000_000
"""Trades that are older than the answer to their subscription by more than this happened before it. They travel for tens of
milliseconds, and clocks differ by as much."""
_MOST: Final = 10_000
_UPGRADE: Final = "64008"
_REFUSED: Final = re.compile(r"channel:([A-Za-z0-9-]{1,40}),\w{1,20}:([^\s,]{1,100}) doesn't exist", re.ASCII)
_INFINITE: Final = ("∞", "-∞")

_FRAME: Final = msgspec.json.Decoder(Frame)
_Read = Callable[[Frame, Arg, Any, int], Sequence[Event]]
"""Makes events of a frame, what it is of, its rows and its receipt time."""


class Talk(Conversation):
    """Reads one connection.

    It remembers which streams have been taken and have not spoken, since what they say first may be old; and of which
    contracts the mark price is asked for or told, since those are whom an index's price is told.
    """

    def __init__(self, name: str, *, is_numbered: bool) -> None:
        """Begin; `is_numbered` tells whether each book message has its number."""
        self._name = name
        self._is_numbered = is_numbered
        self._taken: dict[str, int] = {}
        """When they were, by stream."""
        self._marked: dict[str, None] = {}
        """Contracts with a mark price, in the order in which they came."""
        self._followers: dict[str, list[str]] = {}
        """The same, by index."""
        self._readers: dict[str, tuple[msgspec.json.Decoder[Any], _Read]] = {
            PICTURES: (msgspec.json.Decoder(list[Book]), self._picture),
            "bbo-tbt": (msgspec.json.Decoder(list[Book]), self._quote),
            "trades": (msgspec.json.Decoder(list[Matched]), self._trades),
            "liquidation-orders": (msgspec.json.Decoder(list[Liquidations]), self._liquidations),
            "mark-price": (msgspec.json.Decoder(list[Mark]), self._mark),
            "index-tickers": (msgspec.json.Decoder(list[Index]), self._index),
            "funding-rate": (msgspec.json.Decoder(list[Funding]), self._funding),
            "open-interest": (msgspec.json.Decoder(list[OpenInterest]), self._open_interest),
            "tickers": (msgspec.json.Decoder(list[Ticker]), self._ticker),
            "opt-summary": (msgspec.json.Decoder(list[Summary]), self._summary),
        }
        for channel in CHAINED:
            self._readers[channel] = (msgspec.json.Decoder(list[Book]), self._book)

    def save(self) -> Any:
        """Return what is remembered."""
        if not self._taken and not self._marked:
            return None
        return {"taken": dict(self._taken), "marked": list(self._marked)}

    def load(self, saved: Any) -> None:
        """Take over what `save` returned."""
        self._taken = dict(saved["taken"])
        self._marked, self._followers = {}, {}
        for symbol in saved["marked"]:
            self._follow(symbol)

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame.

        The first trade that `trades` tells after it was subscribed can be the last one of before, some of them of half a minute
        ago [C]; `liquidation-orders` begins with old ones as well [T]. Nothing marks them but their time: what is older than
        the answer to the subscription is history, and no news (`Unread`).
        """
        if payload == b"pong":
            return (Heartbeat("", recv, None),)
        frame = _FRAME.decode(payload)
        if frame.event:
            return self._said(frame, recv)
        arg = frame.arg
        if arg is None:
            raise BadFrame("a frame that is neither of a channel nor an answer")
        reader = self._readers.get(arg.channel)
        if reader is None:
            return (Unread(self._target(arg.instId) if arg.instId else "", recv, None, named(arg.channel)),)
        decoder, read = reader
        return read(frame, arg, decoder.decode(frame.data), recv)

    def _target(self, symbol: str) -> str:
        return f"{self._name}:{named(symbol)}"

    # -- what the venue says of the connection

    def _said(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Read an answer, which is of one stream, whatever the request asked for, or a notice."""
        arg = frame.arg
        match frame.event:
            case "subscribe" | "unsubscribe":
                if arg is None:
                    raise BadFrame("an answer that does not say of what")
                stream = named(arg.stream)
                self._taken.pop(stream, None)
                if frame.event == "subscribe" and arg.channel in ("trades", "liquidation-orders") and len(self._taken) < _MOST:
                    self._taken[stream] = recv
                elif frame.event == "subscribe" and arg.channel == "mark-price":
                    self._follow(arg.instId)
                return (Acknowledged("", recv, None, "", (stream,)),)
            case "error":
                quoted = _REFUSED.search(frame.msg)
                streams = (named(arg.stream),) if arg else (f"{quoted[1]}:{quoted[2]}",) if quoted else ()
                return (Refused("", recv, None, frame.id or None, frame.code or None, frame.msg, streams),)
            case "notice":
                return (Status("", recv, None, frame.msg or f"notice {frame.code}", frame.code == _UPGRADE),)
        return (Unread("", recv, None, named(frame.event)),)

    def _is_old(self, taken: int | None, time: int) -> bool:
        return taken is not None and time < taken - _BEFORE_NS

    # -- books

    def _book(self, frame: Frame, arg: Arg, rows: list[Book], recv: int) -> Sequence[Event]:
        target, channel = self._target(arg.instId), arg.channel
        if frame.action not in ("snapshot", "update"):
            raise BadFrame(f"a book message that is neither snapshot nor update: {frame.action[:40]!r}")
        return [self._changed(target, channel, frame.action == "snapshot", row, recv) for row in rows]

    def _changed(self, target: str, channel: str, is_whole: bool, row: Book, recv: int) -> Event:
        if self._is_numbered and (row.seqId is None or row.prevSeqId is None):
            raise BadFrame("a book message without its numbers")
        time, bids, asks = ms(row.ts), levels(row.bids), levels(row.asks)
        # 0 stands for none since 2026-06-23 [H].
        checksum = row.checksum or None
        if is_whole:
            return BookSnapshot(target, recv, time, channel, bids, asks, row.seqId, checksum)
        return BookDelta(target, recv, time, channel, bids, asks, None, row.seqId, row.prevSeqId, checksum)

    def _picture(self, frame: Frame, arg: Arg, rows: list[Book], recv: int) -> Sequence[Event]:
        target = self._target(arg.instId)
        return [
            BookSnapshot(target, recv, ms(row.ts), arg.channel, levels(row.bids), levels(row.asks), row.seqId) for row in rows
        ]

    def _quote(self, frame: Frame, arg: Arg, rows: list[Book], recv: int) -> Sequence[Event]:
        target, events = self._target(arg.instId), list[Event]()
        for row in rows:
            bid, bid_size = best(*row.bids[0][:2]) if row.bids else (None, None)
            ask, ask_size = best(*row.asks[0][:2]) if row.asks else (None, None)
            events.append(Quote(target, recv, ms(row.ts), bid, bid_size, ask, ask_size, row.seqId))
        return events

    # -- trades

    def _trades(self, frame: Frame, arg: Arg, rows: list[Matched], recv: int) -> Sequence[Event]:
        """Read trades: those of one order at one price come as one, under the last of their ids, which so have holes [D]."""
        taken, events = self._taken.pop(arg.stream, None), list[Event]()
        for row in rows:
            target, time = self._target(row.instId), ms(row.ts)
            if self._is_old(taken, time):
                events.append(Unread(target, recv, None, "trade history"))
            else:
                events.append(Trade(target, recv, time, positive(row.px), positive(row.sz), side(row.side), named(row.tradeId)))
        return events

    def _liquidations(self, frame: Frame, arg: Arg, rows: list[Liquidations], recv: int) -> Sequence[Event]:
        """Read liquidations: the side is the order's, the price that at which the position is bankrupt [D]."""
        taken, events = self._taken.pop(arg.stream, None), list[Event]()
        for row in rows:
            target = self._target(row.instId)
            for one in row.details:
                time = ms(one.ts)
                if self._is_old(taken, time):
                    events.append(Unread(target, recv, None, "liquidation history"))
                else:
                    events.append(Liquidation(target, recv, time, positive(one.bkPx), positive(one.sz), side(one.side)))
        return events

    # -- facts of derivatives

    def _mark(self, frame: Frame, arg: Arg, rows: list[Mark], recv: int) -> Sequence[Event]:
        events = list[Event]()
        for row in rows:
            symbol, time, mark = row.instId, ms(row.ts), fact(row.markPx)
            target, kind = self._target(symbol), kind_of(symbol)
            if kind == OPTION:
                events.append(OptionSummary(target, recv, time, *terms(symbol), mark=mark))
                continue
            self._follow(symbol)
            events.append(Derivative(target, recv, time, mark=mark))
        return events

    def _follow(self, symbol: str) -> None:
        if symbol not in self._marked and kind_of(symbol) in (SWAP, FUTURES) and len(self._marked) < _MOST:
            self._marked[symbol] = None
            self._followers.setdefault(index_of(symbol), []).append(symbol)

    def _index(self, frame: Frame, arg: Arg, rows: list[Index], recv: int) -> Sequence[Event]:
        """Read the price of an index: it is told those who follow it, and nobody where none is known."""
        events = list[Event]()
        for row in rows:
            time, price, followers = ms(row.ts), fact(row.idxPx), self._followers.get(row.instId, ())
            events += [Derivative(self._target(symbol), recv, time, index=price) for symbol in followers]
        return events or (Unread("", recv, None, arg.channel),)

    def _funding(self, frame: Frame, arg: Arg, rows: list[Funding], recv: int) -> Sequence[Event]:
        return [
            Derivative(
                self._target(row.instId),
                recv,
                ms_or_none(row.ts),
                funding_rate=fact(row.fundingRate),
                funding_time=ms_or_none(row.fundingTime),
            )
            for row in rows
        ]

    def _open_interest(self, frame: Frame, arg: Arg, rows: list[OpenInterest], recv: int) -> Sequence[Event]:
        """Read open interest in contracts, the unit of sizes."""
        events = list[Event]()
        for row in rows:
            target, time, held = self._target(row.instId), ms(row.ts), fact(row.oi)
            if kind_of(row.instId) == OPTION:
                events.append(OptionSummary(target, recv, time, *terms(row.instId), open_interest=held))
            else:
                events.append(Derivative(target, recv, time, open_interest=held))
        return events

    def _ticker(self, frame: Frame, arg: Arg, rows: list[Ticker], recv: int) -> Sequence[Event]:
        events = list[Event]()
        for row in rows:
            target, time, kind, last = self._target(row.instId), ms(row.ts), kind_of(row.instId), fact(row.last)
            if kind == OPTION:
                (bid, bid_size), (ask, ask_size) = best(row.bidPx, row.bidSz), best(row.askPx, row.askSz)
                sides: dict[str, Any] = {"bid": bid, "bid_size": bid_size, "ask": ask, "ask_size": ask_size}
                sides |= {"last": last, "volume": fact(row.vol24h), "none": none_of(sides)}
                events.append(OptionSummary(target, recv, time, *terms(row.instId), **sides))
            elif kind == SPOT:
                events.append(Unread(target, recv, None, arg.channel))
            else:
                events.append(Derivative(target, recv, time, last=last))
        return events

    def _summary(self, frame: Frame, arg: Arg, rows: list[Summary], recv: int) -> Sequence[Event]:
        """Read a model's view of a family: greeks are those in the coin, and the underlying is the forward [D]."""
        events = list[Event]()
        for row in rows:
            said: dict[str, Any] = {"bid_iv": volatility(row.bidVol), "ask_iv": volatility(row.askVol)}
            said |= {"mark_iv": volatility(row.markVol), "delta": finite(row.delta), "gamma": finite(row.gamma)}
            said |= {"vega": finite(row.vega), "theta": finite(row.theta)}
            said |= {"underlying": finite(row.fwdPx), "underlying_name": row.uly, "none": none_of(said)}
            events.append(OptionSummary(self._target(row.instId), recv, ms(row.ts), *terms(row.instId), **said))
        return events


def finite(text: object) -> str | None:
    """Return a number of a model; infinity, which options that expire have, says nothing."""
    return None if text in _INFINITE else fact(text)


def volatility(text: object) -> str | None:
    """Return an implied volatility; it is zero, and so none, where nobody bids or asks [S]."""
    found = finite(text)
    return None if found is None or ZERO[found] else found
