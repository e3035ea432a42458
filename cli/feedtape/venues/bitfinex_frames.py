"""Bitfinex: what the frames of one connection mean.

Sources [D][M][G][C][T] are named in `bitfinex`.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO
from feedtape.model.events import (
    Acknowledged,
    BookChecksum,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Heartbeat,
    Levels,
    Liquidation,
    Numbered,
    Order,
    Quote,
    Refused,
    Side,
    Status,
    Trade,
    Unread,
)
from feedtape.venues.contract import Conversation, named
from feedtape.venues.reading import ms, ms_or_none, number, number_or_none, positive, read_exact, reading

NAME: Final = "bitfinex"
RAW: Final = "R0"
"""The precision of a book that tells single orders."""
SHORTEST_PAIR: Final = 6
TIMESTAMP: Final = 32_768
SEQ_ALL: Final = 65_536
OB_CHECKSUM: Final = 131_072
FLAGS: Final = TIMESTAMP | SEQ_ALL | OB_CHECKSUM

_CHANNELS_KEPT: Final = 256
"""Channels remembered of a connection; the venue allows a tenth of it."""
_ALREADY_SUBSCRIBED: Final = 10_301
_RECONNECT: Final = 20_051
_MAINTENANCE_BEGINS: Final = 20_060
_MAINTENANCE_ENDS: Final = 20_061
_LATEST: Final = 2**63 - 1

_WIRE: Final = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,60})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


_WORDED: Final = ("book", "trades")
"""Kinds of channels whose frames may name what they are."""


class _Channel(NamedTuple):
    """What a number stands for: the kind of what comes, whose it is, and the precision of a book."""

    kind: str
    symbol: str
    precision: str = ""


_APPENDED: Final = {"book": "P0", "raw_book": RAW, "trades": "", "ticker": "", "status": "", "liquidations": ""}
"""The names that [T] appends, and the precision of the book that each means."""


def _appended(frame: list[Any]) -> _Channel | None:
    """Return what a frame itself says to be of [T]."""
    name, pair = frame[-2:]
    if type(name) is not str or type(pair) is not str or name not in _APPENDED:
        return None
    if name == "liquidations":
        return _Channel(name, "")
    kind = {"raw_book": "book", "status": "deriv"}.get(name, name)
    if len(pair) < SHORTEST_PAIR:
        return _Channel(f"funding {kind}", f"f{named(pair)}")
    return _Channel(kind, f"t{named(pair)}", _APPENDED[name])


def _channel_of(said: dict[str, Any]) -> _Channel:
    """Return what an acknowledgement is of. Symbols that begin with `f` are of the funding market, which is not read."""
    word, key, symbol = said["channel"], said.get("key", ""), said.get("symbol", "")
    if word == "status" and key == "liq:global":
        return _Channel("liquidations", "")
    if word == "status" and key.startswith("deriv:"):
        return _Channel("deriv", named(key.removeprefix("deriv:")))
    if symbol.startswith("f"):
        return _Channel(f"funding {named(word)}", named(symbol))
    return _Channel(named(word), named(symbol or key), named(said["prec"]) if word == "book" else "")


def _stream(said: dict[str, Any]) -> str:
    """Return the name of the stream that an answer is about; empty where it does not tell."""
    word, about = said.get("channel"), said.get("key") or said.get("symbol")
    if word == "book" and about:
        return f"book:{said['prec']}:{about}" if "prec" in said else ""
    return f"{word}:{about}" if word and about else ""


def _wire(value: object) -> str:
    """Return a number as the wire spells it, which is what checksums are over [M].

    Raises:
        BadFrame: when it is none.
    """
    if type(value) is int:
        return str(value)
    if type(value) is not str or _WIRE.fullmatch(value) is None:
        raise BadFrame(f"not a number: {str(value)[:40]!r}")
    return value


def _price(value: object) -> str:
    text = _wire(value)
    ZERO[text]  # of a negative one it raises
    return text


def _best(price: object) -> str | None:
    text = number_or_none(price)
    return None if text is None or ZERO[text] else text


def _fact(value: object) -> str | None:
    """Return a number, written out, that no book computes with: averages have more digits than a price may have."""
    return None if value is None else format(Decimal(_wire(value)), "f")


class Connection(Conversation):
    """Reads one connection: it remembers its flags and what each channel's number stands for."""

    def __init__(self) -> None:
        self._flags: int | None = None
        """None until the venue has confirmed any."""
        self._channels: dict[int, _Channel] = {}
        self._readers: dict[str, Callable[[_Channel, str, Any, int, int | None], Event | None]] = {
            "book": self._book,
            "trades": self._trade,
            "ticker": self._quote,
            "deriv": self._derivative,
        }

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame: an object tells of the connection, an array is of a channel [D].

        Of a trade, `te` is read: it comes first, and `tu` says the same again. The trades that a subscription begins with are
        history and make no trade events.
        """
        frame = read_exact(payload)
        if type(frame) is dict:
            return self._said(frame, recv)
        if type(frame) is list:
            return self._of_channel(frame, recv)
        raise BadFrame("a frame that is neither an object nor an array")

    # -- objects

    def _said(self, said: dict[str, Any], recv: int) -> Sequence[Event]:
        word = said["event"]
        if word == "subscribed":
            if len(self._channels) >= _CHANNELS_KEPT:
                raise BadFrame("more channels than a connection has")
            self._channels[_number_of(said)] = _channel_of(said)
            return (Acknowledged("", recv, None, streams=(_stream(said),)),)
        if word == "unsubscribed":
            self._channels.pop(_number_of(said), None)
            return (Acknowledged("", recv, None, streams=()),)
        if word == "conf":
            return self._configured(said, recv)
        if word == "error":
            return self._refused(said, recv)
        if word == "info":
            return self._informed(said, recv)
        if word == "pong":
            return (Heartbeat("", recv, ms_or_none(said.get("ts"))),)
        return (Unread("", recv, None, str(word)),)

    def _configured(self, said: dict[str, Any], recv: int) -> Sequence[Event]:
        # No acknowledgement: it is of no stream, and would be taken for one of the oldest stream that waits for its own.
        if said["status"] != "OK":
            return (Status("", recv, None, f"the venue does not take the flags: {said['status']}"),)
        self._flags = _counted(said["flags"], 0, _LATEST)
        return ()

    def _refused(self, said: dict[str, Any], recv: int) -> Sequence[Event]:
        stream, code = _stream(said), said.get("code")
        if code == _ALREADY_SUBSCRIBED and stream:
            return (Acknowledged("", recv, None, streams=(stream,)),)
        streams = (stream,) if stream else ()
        return (Refused("", recv, None, None, None if code is None else str(code), str(said["msg"]), streams),)

    def _informed(self, said: dict[str, Any], recv: int) -> Sequence[Event]:
        code = said.get("code")
        if code is None:
            is_closed = said.get("platform", {}).get("status") == 0
            about = (Status("", recv, None, "the platform is under maintenance"),) if is_closed else ()
            return (Greeting("", recv, None), *about)
        message = str(said.get("msg") or {_MAINTENANCE_BEGINS: "maintenance begins"}.get(code, f"information {code}"))
        # When maintenance is over, everything must be subscribed anew [D].
        return (Status("", recv, None, message, code in (_RECONNECT, _MAINTENANCE_ENDS)),)

    # -- arrays

    def _of_channel(self, frame: list[Any], recv: int) -> Sequence[Event]:
        number_, data = _counted(frame[0], 0, _LATEST), frame[1]
        word, end = "", 2
        if type(data) is str:
            word = data
            if word != "hb":
                data, end = frame[2], 3
        count, time = self._extras(frame, end)
        numbered = () if count is None else (Numbered("", recv, time, count),)
        channel = self._channels.get(number_) or _appended(frame)
        if word == "hb":
            return (*numbered, Heartbeat(_target(channel.symbol) if channel else "", recv, time))
        if channel is None:
            return (*numbered, Unread("", recv, time, "channel without acknowledgement"))
        if channel.kind == "liquidations":
            return (*numbered, *_liquidations(data, recv))
        read = self._readers.get(channel.kind)
        if read is None or (word and channel.kind not in _WORDED):
            return (*numbered, Unread(_target(channel.symbol), recv, time, word or channel.kind))
        event = read(channel, word, data, recv, time)
        return numbered if event is None else (*numbered, event)

    def _extras(self, frame: list[Any], end: int) -> tuple[int | None, int | None]:
        """Return the number and the time that stand behind a payload which ends at `end`."""
        flags = self._flags
        if flags is None:
            # A capture from the middle of a connection: where two more stand there, they can be nothing else.
            flags = FLAGS if len(frame) >= end + 2 else 0
        count = time = None
        if flags & SEQ_ALL:
            count, end = _counted(frame[end], 0, _LATEST), end + 1
        if flags & TIMESTAMP:
            time = ms(frame[end])
        return count, time

    def _book(self, channel: _Channel, word: str, data: Any, recv: int, time: int | None) -> Event:
        """A list of rows is a whole picture, one row a change; an empty list is an empty book."""
        target, name = _target(channel.symbol), channel.precision
        if word == "cs":
            return BookChecksum(target, recv, time, name, _counted(data, -(2**31), 2**32))
        if word:
            return Unread(target, recv, time, word)
        is_whole, rows = _rows(data)
        bids, asks, orders = ([], [], _orders(rows)) if name == RAW else (*_levels(rows), None)
        if is_whole:
            return BookSnapshot(target, recv, time, name, bids, asks, None, orders=orders)
        return BookDelta(target, recv, time, name, bids, asks, None, None, orders=orders)

    def _trade(self, channel: _Channel, word: str, data: Any, recv: int, time: int | None) -> Event | None:
        target = _target(channel.symbol)
        if not word:
            return Unread(target, recv, time, "trade history")
        if word != "te":
            return None if word == "tu" else Unread(target, recv, time, word)
        id, happened, amount, price = data[:4]
        size, side = _sided(amount)
        if type(id) is not int:
            raise BadFrame("a trade whose id is no number")
        return Trade(target, recv, ms(happened), positive(price), size, side, str(id))

    def _quote(self, channel: _Channel, word: str, data: Any, recv: int, time: int | None) -> Event:
        """The sizes in a ticker are the sums of the 25 best orders [D], and not what a best price has: they are left out."""
        return Quote(_target(channel.symbol), recv, time, _best(data[0]), None, _best(data[2]), None)

    def _derivative(self, channel: _Channel, word: str, data: Any, recv: int, time: int | None) -> Event:
        said = [*data, *[None] * 18]  # it has grown over the years
        return Derivative(
            _target(channel.symbol),
            recv,
            ms(said[0]),
            last=_fact(said[2]),
            mark=_fact(said[14]),
            index=_fact(said[3]),
            funding_rate=_fact(said[11]),
            funding_time=ms_or_none(said[7]),
            open_interest=_fact(said[17]),
        )

    # -- keyframes

    def save(self) -> Any:
        """Return flags and channels."""
        return {"flags": self._flags, "channels": {str(key): list(channel) for key, channel in self._channels.items()}}

    def load(self, saved: Any) -> None:
        """Take them over."""
        self._flags = saved["flags"]
        self._channels = {int(key): _Channel(*channel) for key, channel in saved["channels"].items()}


def _target(symbol: str) -> str:
    return f"{NAME}:{symbol}" if symbol else ""


def _counted(value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadFrame(f"not a whole number that can be: {str(value)[:40]!r}")
    return value


def _number_of(said: dict[str, Any]) -> int:
    return _counted(said["chanId"], 0, _LATEST)


def _rows(data: Any) -> tuple[bool, list[Any]]:
    """Return whether a payload is a list of rows, and its rows."""
    if type(data) is not list:
        raise BadFrame("a payload that is no list")
    is_list = not data or type(data[0]) is list
    return is_list, data if is_list else [data]


def _sided(amount: object) -> tuple[str, Side]:
    """Return size and side of an amount: what is bought is positive."""
    text = number(amount)
    return positive(text.removeprefix("-")), "sell" if text[0] == "-" else "buy"


def _amount(value: object) -> tuple[bool, str]:
    """Return whether an amount is of an ask, and its size as the wire spells it."""
    text = _wire(value)
    return text[0] == "-", text.removeprefix("-")


def _levels(rows: Sequence[Any]) -> tuple[Levels, Levels]:
    """Read price, count and amount; of a level without orders the amount only tells the side [D]."""
    sides: tuple[Levels, Levels] = [], []
    for price, count, amount, *_ in rows:
        is_ask, size = _amount(amount)
        if type(count) is not int:
            raise BadFrame("a level whose count of orders is no number")
        sides[is_ask].append((_price(price), size if count else "0"))
    return sides


def _orders(rows: Sequence[Any]) -> list[Order]:
    """Read id, price and amount; an order without a price is gone [D]."""
    orders: list[Order] = []
    for id, price, amount, *_ in rows:
        is_ask, size = _amount(amount)
        text = _price(price)
        if type(id) is not int:
            raise BadFrame("an order whose id is no number")
        side = "ask" if is_ask else "bid"
        orders.append((str(id), side, "", "0") if ZERO[text] else (str(id), side, text, size))
    return orders


def _liquidations(data: Any, recv: int) -> list[Event]:
    """Read what was done in the market; a position is told of before that too, when its liquidation is decided [D].

    The amount is the position's, which the liquidation ends: a short one is bought back.
    """
    events: list[Event] = []
    for row in _rows(data)[1]:
        target, time = _target(named(row[4])), ms(row[2])
        if row[8] == 1:
            size, position = _sided(row[5])
            side: Side = "sell" if position == "buy" else "buy"
            events.append(Liquidation(target, recv, time, positive(row[11]), size, side, str(row[1])))
        else:
            events.append(Unread(target, recv, time, "liquidation decided"))
    return events
