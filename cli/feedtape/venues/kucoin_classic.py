"""KuCoin's classic protocol, for captures of its day; `kucoin` has what the letters in brackets stand for.

Books have no snapshot in the stream: a REST answer is joined with the deltas by the sequence number that both have.
"""

from collections.abc import Callable, Sequence
from typing import Any

from feedtape.book.rules import WAIT, Contiguous, Integrity
from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Levels,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as Sign
from feedtape.venues.contract import Request
from feedtape.venues.kucoin_market import KuCoinFuturesMarket, KuCoinMarket, KuCoinSpotMarket, sequence
from feedtape.venues.reading import (
    best,
    fact,
    levels,
    ms,
    ms_or_none,
    nanos,
    number,
    positive,
    read_exact,
    reading,
    side,
)

_PICTURES = Integrity(
    snapshot="full", resync=WAIT, unprovable="each message is a whole picture; nothing links it to the one before"
)
_Read = Callable[[Any, str, int], Event]
"""Makes an event of data, symbol and receipt time."""


class _Classic(KuCoinMarket):
    """What the classic protocol is on both markets."""

    _readers: dict[str, _Read]
    """What reads a topic."""
    since = "2019-01-01"
    books = ("level2", "level2Depth50", "level2Depth5")

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame. Nothing comes from before the subscription."""
        message = read_exact(payload)
        match message["type"]:
            case "message":
                topic, _, symbol = message["topic"].partition(":")
                return (self._message(topic, symbol, message, recv),)
            case "welcome":
                return (Greeting("", recv, None),)
            case "pong":
                return (Sign("", recv, None),)
            case "ack":
                return (Acknowledged("", recv, None, str(message["id"])),)
            case "error":
                request, said = message.get("id"), (str(message["code"]), str(message["data"]))
                return (Refused("", recv, None, None if request is None else str(request), *said),)
        return (Unread("", recv, None, str(message["type"])),)

    def _message(self, topic: str, symbol: str, message: Any, recv: int) -> Event:
        read = self._readers.get(topic)
        if read is None:
            return Unread("", recv, None, topic)
        data = message["data"]
        if data.get("symbol", symbol) != symbol:
            raise BadFrame(f"a frame of {str(data['symbol'])[:40]} on the topic of {symbol[:40]}")
        return read(data, symbol, recv)

    def _snapshot(self, data: Any, symbol: str, recv: int) -> Event:
        """Read a REST answer that a recorder of that day wrapped as a frame [T]."""
        return self.rest_book(symbol, data, recv)

    def integrity(self, channel: str) -> Integrity:
        """Sequence numbers have no holes [M]; a book that began with 100 levels has those deeper only as they change."""
        return _PICTURES if "Depth" in channel else Integrity(sequence=Contiguous())


class KuCoinClassic(_Classic, KuCoinSpotMarket):
    """KuCoin spot, classic."""

    decoder = "kucoin/1"

    def __init__(self) -> None:
        self._readers = {
            "/market/level2": self._book,
            "/market/level2Snapshot": self._snapshot,
            "/market/match": self._trade,
            "/market/ticker": self._ticker,
            "/spotMarket/level2Depth5": self._picture("level2Depth5"),
            "/spotMarket/level2Depth50": self._picture("level2Depth50"),
        }

    def _book(self, data: Any, symbol: str, recv: int) -> Event:
        """Read changes. They are whole sizes, each with its own number: in that order, so that the last one stands.

        An entry of price zero changes nothing but counts [C]. Entries that a snapshot holds already do no harm: whatever came
        after them comes after them here too.
        """
        changes, first, last = data["changes"], sequence(data["sequenceStart"]), sequence(data["sequenceEnd"])
        bids, asks = _changed(changes["bids"]), _changed(changes["asks"])
        return BookDelta(self.target(symbol), recv, ms_or_none(data.get("time")), "level2", bids, asks, first, last)

    def _picture(self, channel: str) -> _Read:
        def read(data: Any, symbol: str, recv: int) -> Event:
            bids, asks = levels(data["bids"]), levels(data["asks"])
            return BookSnapshot(self.target(symbol), recv, ms(data["timestamp"]), channel, bids, asks, None)

        return read

    def _trade(self, data: Any, symbol: str, recv: int) -> Event:
        price, size = positive(data["price"]), positive(data["size"])
        return Trade(self.target(symbol), recv, nanos(data["time"]), price, size, side(data["side"]), str(data["tradeId"]))

    def _ticker(self, data: Any, symbol: str, recv: int) -> Event:
        bid, ask = best(data["bestBid"], data["bestBidSize"]), best(data["bestAsk"], data["bestAskSize"])
        return Quote(self.target(symbol), recv, ms_or_none(data.get("time")), *bid, *ask, sequence(data["sequence"]))

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request of that day [M]."""
        return [Request("/api/v1/symbols")]


def _changed(rows: Sequence[Any]) -> Levels:
    ordered = sorted(rows, key=lambda row: sequence(row[2]))
    return [(price, size) for price, size in levels(ordered) if not ZERO[price]]


class KuCoinFuturesClassic(_Classic, KuCoinFuturesMarket):
    """KuCoin futures, classic: one change a frame."""

    decoder = "kucoin-futures/1"

    def __init__(self) -> None:
        self._readers = {
            "/contractMarket/level2": self._book,
            "/contractMarket/level2Snapshot": self._snapshot,
            "/contractMarket/level2Depth5": self._picture("level2Depth5"),
            "/contractMarket/level2Depth50": self._picture("level2Depth50"),
            "/contractMarket/execution": self._trade,
            "/contractMarket/ticker": self._ticker,
            "/contractMarket/tickerV2": self._ticker,
            "/contract/instrument": self._facts,
        }

    def _book(self, data: Any, symbol: str, recv: int) -> Event:
        price, word, size = data["change"].split(",")
        level, number_of = [(number(price), number(size))], sequence(data["sequence"])
        bids, asks = (level, []) if side(word) == "buy" else ([], level)
        return BookDelta(self.target(symbol), recv, ms(data["timestamp"]), "level2", bids, asks, number_of, number_of)

    def _picture(self, channel: str) -> _Read:
        def read(data: Any, symbol: str, recv: int) -> Event:
            bids, asks = levels(data["bids"]), levels(data["asks"])
            return BookSnapshot(self.target(symbol), recv, ms(data["timestamp"]), channel, bids, asks, sequence(data["sequence"]))

        return read

    def _trade(self, data: Any, symbol: str, recv: int) -> Event:
        price, size = positive(data["price"]), positive(data["size"])
        return Trade(self.target(symbol), recv, nanos(data["ts"]), price, size, side(data["side"]), str(data["tradeId"]))

    def _ticker(self, data: Any, symbol: str, recv: int) -> Event:
        bid, ask = best(data["bestBidPrice"], data["bestBidSize"]), best(data["bestAskPrice"], data["bestAskSize"])
        return Quote(self.target(symbol), recv, nanos(data["ts"]), *bid, *ask, sequence(data["sequence"]))

    def _facts(self, data: Any, symbol: str, recv: int) -> Event:
        return Derivative(
            self.target(symbol),
            recv,
            ms(data["timestamp"]),
            mark=fact(data.get("markPrice")),
            index=fact(data.get("indexPrice")),
            funding_rate=fact(data.get("fundingRate")),
        )
