"""Kraken spot, WebSocket v2: JSON objects whose numbers are bare, and meant as they are written.

Sources [B][C][R][N][M] are named in `kraken_spot`.
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
    Levels,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.venues.contract import Conversation, named
from feedtape.venues.kraken_spot import DEPTHS, KrakenSpot, checksum
from feedtape.venues.kraken_v1 import KrakenV1
from feedtape.venues.reading import LATEST_NS, best, iso, number, positive, read_exact, reading, side

_REMEMBERED = 10_000
_NEVER = ("0001-01-01", "1970-01-01")
"""Days that a market's ticker names where nothing ever happened."""


class Kraken(KrakenSpot):
    """Kraken spot. Book frames do not tell the depth that they are of, and so a conversation remembers it."""

    decoder = "kraken/2"
    since = "2021-10-06"
    earlier = (KrakenV1,)

    def conversation(self) -> Conversation:
        """Return what reads a connection."""
        return _Connection()

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read a frame that stands alone; a book update among such is of an unknown depth, and has no channel."""
        return _Connection().decode(payload, recv)


class _Connection(Conversation):
    """Reads a connection. There is one depth of a symbol's book on it at a time [B].

    The acknowledgement tells the depth. Where a capture lacks that, it is the smallest that holds the snapshot.
    """

    def __init__(self) -> None:
        self._depths: dict[str, int] = {}
        """By symbol, the latest known last."""

    def save(self) -> list[tuple[str, int]] | None:
        """Return the depths by symbol."""
        return list(self._depths.items()) or None

    def load(self, saved: Any) -> None:
        """Take over what `save` returned."""
        self._depths = {str(symbol): int(depth) for symbol, depth in saved or ()}

    def _remember(self, symbol: str, depth: int) -> None:
        self._depths.pop(symbol, None)
        if len(self._depths) >= _REMEMBERED:
            del self._depths[next(iter(self._depths))]
        self._depths[symbol] = depth

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame: of a channel, or an answer to a method [B]."""
        message = read_exact(payload)
        channel = message.get("channel")
        if channel == "book":
            is_snapshot = _is_snapshot(message)
            return [self._book(entry, recv, is_snapshot) for entry in message["data"]]
        if channel == "trade":
            return _trades(message, recv)
        if channel == "ticker":
            return [_quote(entry, recv) for entry in message["data"]]
        if channel == "heartbeat":
            return (Heartbeat("", recv, None),)
        if channel == "status":
            return [Status("", recv, None, f"the system is {entry['system']}") for entry in message["data"]]
        if channel is not None:
            return (Unread("", recv, None, named(channel)),)
        return self._answer(message, recv)

    def _book(self, entry: dict[str, Any], recv: int, is_snapshot: bool) -> Event:
        symbol, bids, asks = named(entry["symbol"]), _levels(entry["bids"]), _levels(entry["asks"])
        target, time = f"{Kraken.name}:{symbol}", _time_or_none(entry)
        check = None if entry.get("checksum") is None else checksum(entry["checksum"])
        depth = self._depths.get(symbol)
        if not is_snapshot:
            return BookDelta(target, recv, time, "" if depth is None else f"book-{depth}", bids, asks, None, None, None, check)
        size = max(len(bids), len(asks))
        if depth is None or depth < size:
            depth = next((one for one in DEPTHS if one >= size), size)
            self._remember(symbol, depth)
        return BookSnapshot(target, recv, time, f"book-{depth}", bids, asks, None, check)

    def _answer(self, message: dict[str, Any], recv: int) -> Sequence[Event]:
        method, number_of = named(message["method"]), message.get("req_id")
        request = None if number_of is None else str(number_of)
        if method == "pong":
            return (Heartbeat("", recv, None),)
        if message["success"] is not True:
            return (_refusal(message, recv, request),)
        result = message.get("result") or {}
        warnings = [Status("", recv, None, str(words)) for words in result.get("warnings") or ()]
        if "symbol" not in result:
            return [Acknowledged("", recv, None, request or ""), *warnings]
        # The other symbols of the request are answered by themselves, so that the request as such is not.
        symbol, word = named(result["symbol"]), named(result["channel"])
        if word == "book":
            depth = result["depth"]
            if type(depth) is not int or not 0 < depth < 100_000:
                raise BadFrame(f"a book of depth {str(depth)[:40]}")
            if method == "subscribe":
                self._remember(symbol, depth)
            word = f"book-{depth}"
        return [Acknowledged("", recv, None, "", (f"{word}:{symbol}",)), *warnings]


def _refusal(message: dict[str, Any], recv: int, request: str | None) -> Refused:
    """Read a refusal, which tells the symbol at most: all of its streams, of which those of the request are meant."""
    symbol = message.get("symbol")
    streams = () if symbol is None else tuple(f"{word}:{named(symbol)}" for word in (*KrakenSpot.books, "trade", "ticker"))
    return Refused("", recv, None, request, None, str(message["error"]), streams)


def _trades(message: dict[str, Any], recv: int) -> Sequence[Event]:
    """Read trades. A snapshot is the last fifty before the subscription, and no news [B]."""
    if _is_snapshot(message):
        symbols = dict.fromkeys(named(entry["symbol"]) for entry in message["data"])
        return [Unread(f"{Kraken.name}:{symbol}", recv, None, "trade history") for symbol in symbols]
    return [_trade(entry, recv) for entry in message["data"]]


def _trade(entry: dict[str, Any], recv: int) -> Trade:
    """Read a trade; `side` is the taker's, and ids are a sequence of the book's own [B]."""
    number_of = entry["trade_id"]
    if type(number_of) is not int or not 0 <= number_of <= LATEST_NS:
        raise BadFrame(f"not a trade id: {str(number_of)[:40]!r}")
    target, price, size = f"{Kraken.name}:{named(entry['symbol'])}", positive(entry["price"]), positive(entry["qty"])
    return Trade(target, recv, iso(entry["timestamp"]), price, size, side(entry["side"]), str(number_of), number_of)


def _quote(entry: dict[str, Any], recv: int) -> Quote:
    target = f"{Kraken.name}:{named(entry['symbol'])}"
    bid, ask = best(entry["bid"], entry["bid_qty"]), best(entry["ask"], entry["ask_qty"])
    return Quote(target, recv, _time_or_none(entry), *bid, *ask)


def _is_snapshot(message: dict[str, Any]) -> bool:
    kind = message["type"]
    if kind not in ("snapshot", "update"):
        raise BadFrame(f"neither snapshot nor update: {str(kind)[:40]!r}")
    return bool(kind == "snapshot")


def _levels(rows: Sequence[Any]) -> Levels:
    return [(number(row["price"]), number(row["qty"])) for row in rows]


def _time_or_none(entry: dict[str, Any]) -> int | None:
    text = entry.get("timestamp")
    return None if text is None or str(text).startswith(_NEVER) else iso(text)
