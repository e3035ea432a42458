"""KuCoin: spot and futures by the unified ("Pro") protocol, whose binary frames hold JSON text.

Sources, cited here and in `kucoin_market` and `kucoin_classic` by letter:
    [U] kucoin.com/docs-new, unified account: pages 3470354 (books), 3470357 (funding), 3470358 (marks), 3470359 (trades)
    [C] kucoin.com/docs-new and docs.kucoin.com, classic WebSocket and REST
    [P] github.com/nemanull/arbitrage-observatory, docs/profiles/kucoin: a probe of futures, September 2026
    [M] a capture of classic spot, April 2021
    [T] tardis.dev's raw data wraps REST answers as frames of invented topics, `level2Snapshot`, marked `generated`

Both generations acknowledge symbols that do not exist, and stay silent [P].
"""

from collections.abc import Sequence
from typing import Any

from feedtape.book.rules import WAIT, Contiguous, Integrity
from feedtape.errors import BadFrame
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as Sign
from feedtape.venues.contract import named
from feedtape.venues.kucoin_classic import KuCoinClassic, KuCoinFuturesClassic
from feedtape.venues.kucoin_market import FUTURES, KuCoinFuturesMarket, KuCoinMarket, KuCoinSpotMarket, sequence
from feedtape.venues.reading import best, fact, levels, ms, nanos, positive, read_exact, reading, side

_INCREMENTS = Integrity(sequence=Contiguous(), snapshot="stream")
_PICTURES = Integrity(
    snapshot="full", resync=WAIT, unprovable="each message is a whole picture; nothing links it to the one before"
)


class _Unified(KuCoinMarket):
    """What the unified protocol is on both markets."""

    since = "2025-10-01"

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame. Nothing comes from before the subscription, but for the snapshot that a book begins with."""
        message = read_exact(payload)
        if "T" not in message:
            return (_answer(message, recv),)
        kind, _, trade_type = message["T"].partition(".")
        if trade_type and trade_type.upper() != self.trade_type:
            raise BadFrame(f"a frame of {trade_type[:40]} on a connection of {self.trade_type}")
        match kind:
            case "obu":
                return (self._book(message, message["d"], recv),)
            case "trade":
                return (self._trade(message["d"], recv),)
        if self.trade_type == FUTURES:
            match kind:
                case "ticker":
                    return (self._ticker(message["d"], recv),)
                case "mark-price":
                    return (self._mark(message["d"], recv),)
                case "funding-fee":
                    return (self._funding(message, message["d"], recv),)
        return (Unread("", recv, None, message["T"]),)

    def decode_binary(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one binary frame, which holds JSON text as well [P]."""
        return self.decode(payload, recv)

    def _book(self, message: Any, data: Any, recv: int) -> Event:
        target, channel, time, last = self.target(data["s"]), named(message["dp"]), nanos(data["M"]), sequence(data["C"])
        bids, asks = levels(data["b"]), levels(data["a"])
        if channel == "1":
            (bid, bid_size), (ask, ask_size) = (best(*rows[0]) if rows else (None, None) for rows in (bids, asks))
            return Quote(target, recv, time, bid, bid_size, ask, ask_size, last)
        if message["t"] == "snapshot":
            return BookSnapshot(target, recv, time, channel, bids, asks, last)
        if message["t"] != "delta":
            raise BadFrame(f"a book that is neither snapshot nor delta: {str(message['t'])[:40]!r}")
        return BookDelta(target, recv, time, channel, bids, asks, sequence(data["O"]), last)

    def _trade(self, data: Any, recv: int) -> Event:
        price, size, taker = positive(data["p"]), positive(data["q"]), side(data["S"].lower())
        return Trade(self.target(data["s"]), recv, nanos(data["M"]), price, size, taker, str(data["ti"]))

    def _ticker(self, data: Any, recv: int) -> Event:
        return Derivative(self.target(data["s"]), recv, nanos(data["M"]), last=fact(data["l"]))

    def _mark(self, data: Any, recv: int) -> Event:
        mark, index, interest = fact(data["mp"]), fact(data.get("ip")), fact(data.get("oi"))
        return Derivative(self.target(data["s"]), recv, ms(data["ts"]), mark=mark, index=index, open_interest=interest)

    def _funding(self, message: Any, data: Any, recv: int) -> Event:
        """Read the rate that is exchanged at `nt`; `lfr` and `ft` are those of the time before [U]."""
        rate, time = fact(data["fr"]), ms(data["nt"])
        return Derivative(self.target(data["s"]), recv, nanos(message["P"]), funding_rate=rate, funding_time=time)

    def integrity(self, channel: str) -> Integrity:
        """Sequence numbers have no holes [U][P]; pictures are linked by nothing.

        Deletes of unknown levels are normal: a message tells what changed in a while, and a level may have come and gone.
        """
        return _PICTURES if channel in ("5", "50") else _INCREMENTS


def _answer(message: Any, recv: int) -> Event:
    if message.get("message") == "welcome":
        return Greeting("", recv, None)
    if "pong" in (message.get("type"), message.get("op")):
        return Sign("", recv, None)
    if "code" in message:
        return Refused("", recv, None, None, str(message["code"]), str(message["msg"]))
    request, result = str(message["id"]), message["result"]
    if result is True:
        return Acknowledged("", recv, None, request)
    if result is False:
        return Refused("", recv, None, request, None, str(message.get("reason") or message.get("message") or ""))
    raise BadFrame("an answer that is neither yes nor no")


class KuCoin(_Unified, KuCoinSpotMarket):
    """KuCoin spot."""

    decoder = "kucoin/2"
    earlier = (KuCoinClassic,)


class KuCoinFutures(_Unified, KuCoinFuturesMarket):
    """KuCoin futures."""

    decoder = "kucoin-futures/2"
    earlier = (KuCoinFuturesClassic,)
