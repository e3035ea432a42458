"""Gate spot as it was with version 3 of the protocol; `gate` has the sources that the letters stand for."""

from collections.abc import Sequence
from typing import Any

from feedtape.book.rules import Integrity
from feedtape.model.events import Acknowledged, BookDelta, BookSnapshot, Event, Refused, Trade, Unread
from feedtape.model.events import Heartbeat as Sign
from feedtape.venues.contract import Conversation, named
from feedtape.venues.gate_market import GateSpotMarket, update_id
from feedtape.venues.reading import levels, number, positive, read_exact, reading, seconds, side

_SYMBOLS_REMEMBERED = 20_000


class GateV3(GateSpotMarket):
    """Spot as it was with version 3: `depth.update` and `trades.update`, with nothing to link them [O]."""

    decoder = "gate/3"
    since = "2018-01-01"
    books = ("depth",)

    def conversation(self) -> Conversation:
        """Return what remembers whose trades have begun."""
        return _V3Conversation(self.name)

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read a frame as the first of its connection."""
        return self.conversation().decode(payload, recv)

    def integrity(self, channel: str) -> Integrity:
        """Nothing can be proven."""
        return Integrity(snapshot="stream", unprovable="version 3 numbers no updates")


class _V3Conversation(Conversation):
    """A subscription's first `trades.update` repeats trades of before it [O]: history, and no news."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun: dict[str, None] = {}

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        message = read_exact(payload)
        if "method" not in message:
            return (_v3_answer(message, recv),)
        method, parameters = message["method"], message["params"]
        if method == "depth.update":
            return (self._depth(*parameters, recv=recv),)
        if method == "trades.update":
            return self._trades(*parameters, recv=recv)
        return (Unread("", recv, None, str(method)),)

    def _depth(self, is_whole: bool, book: Any, symbol: str, *, recv: int) -> Event:
        target, last = f"{self._name}:{named(symbol)}", update_id(book["id"]) if "id" in book else None
        time = seconds(book["current"]) if "current" in book else None
        bids, asks = levels(book.get("bids", [])), levels(book.get("asks", []))
        if is_whole:
            return BookSnapshot(target, recv, time, "depth", bids, asks, last)
        return BookDelta(target, recv, time, "depth", bids, asks, None, last)

    def _trades(self, symbol: str, rows: Any, *, recv: int) -> Sequence[Event]:
        target = f"{self._name}:{named(symbol)}"
        if symbol not in self._begun:
            if len(self._begun) < _SYMBOLS_REMEMBERED:
                self._begun[symbol] = None
            return (Unread(target, recv, None, "trade history"),)
        return [_v3_trade(target, row, recv) for row in reversed(rows)]

    def save(self) -> Any:
        return list(self._begun)

    def load(self, saved: Any) -> None:
        self._begun = dict.fromkeys(saved or ())


def _v3_answer(message: Any, recv: int) -> Event:
    request, error = message["id"], message["error"]
    if error is not None:
        said = str(error["code"]), str(error["message"])
        return Refused("", recv, None, None if request is None else str(request), *said)
    if message["result"] == "pong":
        return Sign("", recv, None)
    return Acknowledged("", recv, None, "" if request is None else str(request))


def _v3_trade(target: str, row: Any, recv: int) -> Trade:
    price, size = positive(row["price"]), positive(row["amount"])
    return Trade(target, recv, seconds(row["time"]), price, size, side(row["type"]), number(row["id"]))
