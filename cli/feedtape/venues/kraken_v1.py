"""Kraken spot, WebSocket v1: arrays of positions, names such as `XBT/USD`, numbers as texts. Still served, frozen since v2.

Sources, besides those of `kraken_spot`:
    [V] docs.kraken.com, exchange/api-reference/spot-websocket-v1: book, spread, ticker, trade, subscriptionStatus, systemStatus
"""

from collections.abc import Sequence
from typing import Any

from feedtape.errors import BadFrame
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Event,
    Heartbeat,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.venues.contract import named
from feedtape.venues.kraken_spot import KrakenSpot, checksum
from feedtape.venues.reading import best, levels, positive, read_exact, reading, seconds, side


class KrakenV1(KrakenSpot):
    """Kraken spot as v1 spoke, for captures of its day."""

    decoder = "kraken/1"
    since = "2019-01-01"

    def symbol(self, wsname: str) -> str:
        """REST and v1 have the same names."""
        return wsname

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame: `[channel id, payload, …, channel name, pair]`, or an object that is no market data [V]."""
        message = read_exact(payload)
        if type(message) is dict:
            return self._said(message, recv)
        if type(message) is not list or len(message) < 4:
            raise BadFrame("neither an object nor a list of four")
        bodies, channel, target = message[1:-2], named(message[-2]), f"{self.name}:{named(message[-1])}"
        if channel.startswith("book"):
            return (_book(bodies, recv, target, channel),)
        if channel == "trade":
            return [_trade(_list(row), recv, target) for row in _list(bodies[0])]
        if channel == "spread":
            bid, ask, time, bid_size, ask_size = _list(bodies[0])
            return (Quote(target, recv, seconds(time) or None, *best(bid, bid_size), *best(ask, ask_size)),)
        if channel == "ticker":
            # Price, whole lots, size.
            (bid, _, bid_size), (ask, _, ask_size) = _list(bodies[0]["b"]), _list(bodies[0]["a"])
            return (Quote(target, recv, None, *best(bid, bid_size), *best(ask, ask_size)),)
        return (Unread(target, recv, None, channel),)

    def _said(self, message: dict[str, Any], recv: int) -> Sequence[Event]:
        event = named(message["event"])
        if event in ("heartbeat", "pong"):
            return (Heartbeat("", recv, None),)
        if event == "systemStatus":
            return (Status("", recv, None, f"the system is {message['status']}"),)
        number = message.get("reqid")
        request = None if number is None else str(number)
        if event == "error":
            return (Refused("", recv, None, request, None, str(message["errorMessage"])),)
        if event != "subscriptionStatus":
            return (Unread("", recv, None, event),)
        streams = _streams(message)
        if message["status"] == "error":
            return (Refused("", recv, None, request, None, str(message["errorMessage"]), streams),)
        return (Acknowledged("", recv, None, "", streams),)


def _streams(message: dict[str, Any]) -> tuple[str, ...]:
    """Name the stream of a subscription, as `book-10:XBT/USD`; none where no pair is told."""
    about, pair = message["subscription"], message.get("pair")
    detail = about.get("depth", about.get("interval"))
    word = str(about["name"]) if detail is None else f"{about['name']}-{detail}"
    return () if pair is None else (f"{named(word)}:{named(pair)}",)


def _book(bodies: list[dict[str, Any]], recv: int, target: str, channel: str) -> Event:
    """Read a snapshot, which has no checksum, or an update, whose sides may come in an object each, the checksum in the last.

    A row is price, size, time, and `r` where a level is told again that comes back into the depth [V]: no other than a new one.
    """
    if "as" in bodies[0]:
        bids, asks = _rows(bodies[0]["bs"]), _rows(bodies[0]["as"])
        return BookSnapshot(target, recv, _latest(bids, asks), channel, levels(bids), levels(asks), None)
    told = {name: value for body in bodies for name, value in body.items()}
    if not told.keys() & {"a", "b"}:
        raise BadFrame("a book without levels")
    bids, asks = _rows(told.get("b", [])), _rows(told.get("a", []))
    check = checksum(int(told["c"])) if "c" in told else None
    return BookDelta(target, recv, _latest(bids, asks), channel, levels(bids), levels(asks), None, None, None, check)


def _list(value: Any) -> list[Any]:
    # The characters of a text could pass for positions.
    if type(value) is not list:
        raise BadFrame(f"not a list: {str(value)[:40]!r}")
    return value


def _rows(value: Any) -> list[list[Any]]:
    return [_list(row) for row in _list(value)]


def _latest(*sides: list[Any]) -> int | None:
    return max((seconds(row[2]) for rows in sides for row in rows), default=None)


def _trade(row: list[Any], recv: int, target: str) -> Trade:
    """Read price, size, time and the taker's side; trades have no id [V]."""
    price, size, time, word = row[:4]
    return Trade(target, recv, seconds(time), positive(price), positive(size), side(word, "b", "s"), "")
