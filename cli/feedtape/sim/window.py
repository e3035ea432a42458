"""What a venue publishes of a book: its best levels, and what changed since the last time that it said so."""

from __future__ import annotations

from dataclasses import dataclass

from .history import BookState, Levels
from .market import Market


@dataclass(frozen=True, slots=True)
class Change:
    """What one publication tells: absolute sizes, 0 for a level that is gone or has left the window.

    `number` counts the publications that told something; `prev` and `last` are the market's update ids before and after.
    """

    number: int
    prev: int
    last: int
    bids: Levels
    asks: Levels

    @property
    def is_empty(self) -> bool:
        return not self.bids and not self.asks


class Window:
    """The published picture of one stream, shared by all who hear it.

    `depth` levels a side; None: all. With `tells_leaving`, a level that is pushed out of the window is told as gone, as most
    venues do; Kraken leaves it to the client.
    """

    def __init__(self, depth: int | None, *, tells_leaving: bool = True, number: int = 0) -> None:
        self.number = number
        self._depth = depth
        self._tells_leaving = tells_leaving
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._id = 0
        self._step = -1

    @property
    def state(self) -> BookState:
        """The picture as it was last published."""
        return BookState(self._id, list(self._bids.items()), list(self._asks.items()))

    def is_stale(self, step: int, every: int) -> bool:
        """Tell whether nobody heard the stream lately, so that the picture is not of now."""
        return self._step < 0 or self._step < step - every

    def advance(self, market: Market, step: int) -> Change:
        """Publish: return what differs from the last picture, which becomes that of now."""
        bids, asks = self._top(market)
        # A level that the book still has has only left the window.
        kept = None if self._tells_leaving else market
        changed_bids = _changed(self._bids, bids, None if kept is None else kept.bids.sizes)
        changed_asks = _changed(self._asks, asks, None if kept is None else kept.asks.sizes)
        before, self._step = self._id, step
        if changed_bids or changed_asks:
            self.number += 1
            self._bids, self._asks, self._id = bids, asks, market.last_id
        return Change(self.number, before, self._id, changed_bids, changed_asks)

    def picture(self, market: Market, step: int, every: int) -> BookState:
        """Return what a new listener is told first: the last picture, or that of now where nobody else was told one lately."""
        if self.is_stale(step, every):
            self._bids, self._asks = self._top(market)
            self._id, self._step = market.last_id, step
        return self.state

    def _top(self, market: Market) -> tuple[dict[int, int], dict[int, int]]:
        depth = self._depth or max(len(market.bids), len(market.asks))
        return dict(market.bids.top(depth)), dict(market.asks.top(depth))


def _changed(before: dict[int, int], now: dict[int, int], still_there: dict[int, int] | None) -> Levels:
    changed = [(price, size) for price, size in now.items() if before.get(price) != size]
    gone = [price for price in before if price not in now and (still_there is None or price not in still_there)]
    return changed + [(price, 0) for price in gone]
