"""A hash of a book's state after every update: the sum of the hashes of its levels, so that an update costs what it changes.

The digest of `book.digest` reads every level each time; this one follows along, and is made anew whenever the book changed in
another way than by one delta.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from feedtape.book.keeper import BookKeeper
from feedtape.book.ladder import Book, Ladder
from feedtape.edit.diff_meaning import spelled
from feedtape.edit.diff_streams import MASK
from feedtape.model.decimals import ZERO
from feedtape.model.events import BookDelta, Levels

_value = lru_cache(65_536)(Decimal)


class Window(NamedTuple):
    """The prices at which a book knows every level: below and above, its snapshot was cut off. None: there is no bound."""

    low: Decimal | None
    high: Decimal | None

    def within(self, other: "Window") -> "Window":
        """Return what both know."""
        lows = [one for one in (self.low, other.low) if one is not None]
        highs = [one for one in (self.high, other.high) if one is not None]
        return Window(max(lows, default=None), min(highs, default=None))

    def holds(self, price: str) -> bool:
        """Tell whether a price is inside."""
        value = _value(price)
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


EVERYTHING: Final = Window(None, None)


class Mirror:
    """Follows one keeper. `hash` is of the state at the last look, and means nothing while the keeper is not live."""

    def __init__(self) -> None:
        self.hash = 0
        self.window = EVERYTHING
        self._bids: dict[str, int] = {}
        self._asks: dict[str, int] = {}
        self._book: Book | None = None
        self._seen = (0, 0, 0)

    def look(self, keeper: BookKeeper, delta: BookDelta | None, window: Window) -> bool:
        """Take the keeper's state over; return whether there is one that was not seen before.

        `delta` is the only one that can have been applied since the last look, if there was just one.
        """
        if not keeper.is_live:
            self._book = None
            return False
        counters, before = keeper.counters, self._seen
        seen = self._seen = counters.snapshots, counters.gaps, counters.updates
        if keeper.book is self._book and window == self.window:
            if seen == before:
                return False
            is_next = seen == (before[0], before[1], before[2] + 1)
            if is_next and delta is not None and delta.last == keeper.book.sequence and keeper.integrity.depth is None:
                self._apply(delta)
                return True
        self._book, self.window = keeper.book, window
        self._rebuild(keeper.book)
        return True

    def _apply(self, delta: BookDelta) -> None:
        self.hash = (self.hash + self._changed(self._bids, "b", delta.bids) + self._changed(self._asks, "a", delta.asks)) & MASK

    def _changed(self, side: dict[str, int], name: str, levels: Levels) -> int:
        total, window, is_bounded = 0, self.window, self.window is not EVERYTHING
        for price, size in levels:
            price = spelled(price)
            if is_bounded and not window.holds(price):
                continue
            if ZERO[size]:
                total -= side.pop(price, 0)
            else:
                hashed = hash((name, price, spelled(size)))
                total += hashed - side.get(price, 0)
                side[price] = hashed
        return total

    def _rebuild(self, book: Book) -> None:
        self._bids.clear()
        self._asks.clear()
        total = self._changed(self._bids, "b", _levels(book.bids)) + self._changed(self._asks, "a", _levels(book.asks))
        self.hash = total & MASK


def _levels(side: Ladder) -> Levels:
    return list(side.top())
