"""Price levels of both sides, exact.

A side maps the venue's own price text to its own size text, and keeps the prices' integer keys in order with the best one last:
changing a size, the most frequent update, is one dict entry; reading the best price is one index; and new prices, which appear
near the best one, move few keys. Two spellings of one price (`1.5`, `1.50`) have one key, so they are one level.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import chain

from feedtape.errors import BadFrame
from feedtape.model.decimals import KEYS, ZERO, MoreDecimals
from feedtape.model.events import Levels

MAX_LEVELS = 250_000
"""Levels of one side beyond which a book is refused: no market is as deep, and a hostile feed may invent any number."""
_MANY = 1024
"""Changes from which on sorting once costs less than inserting each, whatever order a venue sends them in."""
_PIECE = 16_384


class Ladder:
    """One side. `sign` is 1 for bids and -1 for asks, so that the best key is always the last."""

    __slots__ = ("order", "prices", "scale", "sign", "sizes")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.scale = 0
        """Decimals that the keys hold; it grows when a price has more."""
        self.sizes: dict[str, str] = {}
        """Size by price text."""
        self.prices: dict[int, str] = {}
        """Price text by key."""
        self.order: list[int] = []
        """Keys, the best last."""

    def __len__(self) -> int:
        return len(self.order)

    def best(self) -> tuple[str, str] | None:
        """The best price and its size, or None when the side is empty."""
        if not self.order:
            return None
        price = self.prices[self.order[-1]]
        return price, self.sizes[price]

    def top(self, depth: int | None = None) -> Iterator[tuple[str, str]]:
        """Yield price and size from the best on, `depth` levels at most."""
        order, prices, sizes = self.order, self.prices, self.sizes
        stop = -1 if depth is None or depth >= len(order) else len(order) - depth - 1
        for position in range(len(order) - 1, stop, -1):
            price = prices[order[position]]
            yield price, sizes[price]

    def update(self, changes: Levels) -> int:
        """Set levels to absolute sizes; size zero deletes.

        Returns:
            How many deletes named a level that was not there.

        Raises:
            BadFrame: when a change is not a pair of plain decimals, or the side becomes deeper than `MAX_LEVELS`. Changes
                before it are in the book by then: the caller must not go on with the book.
        """
        if len(changes) >= _MANY:
            return self._update_many(changes)
        unknown = 0
        waiting: Iterator[tuple[str, str]] = iter(changes)
        while True:
            sizes, prices, order, sign, keys = self.sizes, self.prices, self.order, self.sign, KEYS[self.scale]
            try:
                for price, size in waiting:
                    if ZERO[size]:
                        key = sign * keys[price]
                        spelling = prices.pop(key, None)
                        if spelling is None:
                            unknown += 1
                        else:
                            del sizes[spelling]
                            del order[bisect_left(order, key)]
                    elif price in sizes:
                        sizes[price] = size
                    else:
                        key = sign * keys[price]
                        if key in prices:
                            del sizes[prices[key]]
                        else:
                            insort(order, key)
                        prices[key] = price
                        sizes[price] = size
                if len(order) > MAX_LEVELS:
                    raise _too_deep()
                return unknown
            except MoreDecimals as more:
                self._rescale(more.decimals)
                waiting = chain(((price, size),), waiting)

    def _update_many(self, changes: Levels) -> int:
        """As `update`, with the order made anew at the end: inserting 250,000 levels one by one takes many seconds."""
        unknown = 0
        try:
            for start in range(0, len(changes), _PIECE):
                unknown += self._update_unordered(changes[start : start + _PIECE])
                if len(self.prices) > MAX_LEVELS:
                    raise _too_deep()
        finally:
            self.order = sorted(self.prices)
        return unknown

    def _update_unordered(self, changes: Levels) -> int:
        unknown, sizes, prices = 0, self.sizes, self.prices
        for price, size in changes:
            try:
                key = self.sign * KEYS[self.scale][price]
            except MoreDecimals as more:
                self._rescale(more.decimals)
                prices = self.prices
                key = self.sign * KEYS[self.scale][price]
            spelling = prices.pop(key, None)
            if spelling is not None:
                del sizes[spelling]
            if not ZERO[size]:
                prices[key] = price
                sizes[price] = size
            elif spelling is None:
                unknown += 1
        return unknown

    def _rescale(self, scale: int) -> None:
        factor = 10 ** (scale - self.scale)
        self.scale = scale
        self.prices = {key * factor: price for key, price in self.prices.items()}
        self.order = [key * factor for key in self.order]

    def replace(self, levels: Levels) -> None:
        """Set the whole side; of a price that comes twice, the last size counts.

        Raises:
            BadFrame: when a level is not a pair of plain decimals.
        """
        self.clear()
        self.update(levels)

    def truncate(self, depth: int) -> None:
        """Forget all but the best `depth` levels."""
        excess = len(self.order) - depth
        if excess > 0:
            for key in self.order[:excess]:
                del self.sizes[self.prices.pop(key)]
            del self.order[:excess]

    def clear(self) -> None:
        """Forget every level."""
        self.sizes.clear()
        self.prices.clear()
        self.order.clear()


def _too_deep() -> BadFrame:
    return BadFrame(f"more than {MAX_LEVELS} levels on one side")


class Book:
    """Both sides of one market, and the sequence number of the last update inside."""

    __slots__ = ("asks", "bids", "sequence")

    def __init__(self) -> None:
        self.bids = Ladder(1)
        self.asks = Ladder(-1)
        self.sequence: int | None = None

    def crossed(self) -> bool:
        """Tell whether the best bid is at or above the best ask; an empty side crosses nothing."""
        bids, asks = self.bids, self.asks
        if not bids.order or not asks.order:
            return False
        bid, ask = bids.order[-1], -asks.order[-1]
        if bids.scale != asks.scale:
            bid, ask = bid * 10**asks.scale, ask * 10**bids.scale
        return bid >= ask

    def update(self, bids: Levels, asks: Levels) -> int:
        """Apply changes to both sides; see `Ladder.update`."""
        try:
            return self.bids.update(bids) + self.asks.update(asks)
        except BadFrame:
            raise
        except (TypeError, ValueError) as error:
            raise BadFrame(f"levels are not pairs of decimals: {error}") from error

    def replace(self, bids: Levels, asks: Levels, sequence: int | None) -> None:
        """Set the whole book; see `Ladder.replace`."""
        try:
            self.bids.replace(bids)
            self.asks.replace(asks)
        except BadFrame:
            raise
        except (TypeError, ValueError) as error:
            raise BadFrame(f"levels are not pairs of decimals: {error}") from error
        self.sequence = sequence

    def truncate(self, depth: int) -> None:
        """Forget all but the best `depth` levels of each side."""
        self.bids.truncate(depth)
        self.asks.truncate(depth)

    def clear(self) -> None:
        """Forget everything."""
        self.bids.clear()
        self.asks.clear()
        self.sequence = None
