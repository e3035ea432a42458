"""A seeded, order-driven market for one symbol.

Everything is an integer (ticks, lots, ids) and the only source of change is the random generator that is
passed in: the same generator gives the same market on any machine.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass

from .history import BookState, History, Levels

_MOST_ACTIONS = 60


@dataclass(frozen=True, slots=True)
class Trade:
    """One match; `buy` says that the aggressor bought."""

    id: int
    price: int
    size: int
    buy: bool


@dataclass(frozen=True, slots=True)
class Liquidation:
    """A market order that was forced; `cost` is the sum of price times size over its fills."""

    buy: bool
    limit: int
    size: int
    cost: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one step changed: `bids` and `asks` map a price to its new absolute size, 0 when gone."""

    first: int
    last: int
    bids: dict[int, int]
    asks: dict[int, int]
    trades: tuple[Trade, ...]
    top_changed: bool
    liquidation: Liquidation | None


@dataclass(frozen=True, slots=True)
class Shape:
    """The proportions of a market: where it starts and how its book looks.

    `id_stride` is 1 where update ids are consecutive; larger where the venue skips ids between events.
    """

    mid: int
    gap: int
    lots: int
    levels: int = 900
    id_stride: int = 1
    first_id: int = 50_093_239_000
    first_trade_id: int = 3_735_683_000


class Side:
    """One side of the book: sizes by price, and the prices sorted with the best last."""

    __slots__ = ("_keys", "_sign", "sizes")

    def __init__(self, *, bid: bool) -> None:
        self.sizes: dict[int, int] = {}
        self._sign = 1 if bid else -1
        self._keys: list[int] = []

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, price: int, size: int) -> None:
        """Set the absolute size of a level; 0 removes it."""
        key = self._sign * price
        if size:
            if price not in self.sizes:
                insort(self._keys, key)
            self.sizes[price] = size
        elif self.sizes.pop(price, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    @property
    def best(self) -> int:
        return self._sign * self._keys[-1]

    @property
    def worst(self) -> int:
        return self._sign * self._keys[0]

    def price_at(self, depth: int) -> int:
        """Return the price `depth` levels behind the best one, or the worst if there are fewer."""
        return self._sign * self._keys[-1 - min(depth, len(self._keys) - 1)]

    def top(self, count: int) -> Levels:
        """Return the best `count` levels, best first."""
        sizes, sign = self.sizes, self._sign
        return [(sign * key, sizes[sign * key]) for key in self._keys[: -count - 1 : -1]]


class Market:
    """Limit orders, cancels and market orders in clusters; never crossed, never empty.

    `history_steps` bounds how far back `state_at` can look.
    """

    def __init__(self, shape: Shape, rng: random.Random, *, history_steps: int = 20_000) -> None:
        self.shape = shape
        self.bids = Side(bid=True)
        self.asks = Side(bid=False)
        self.last_id = shape.first_id
        self.last_trade_id = shape.first_trade_id
        self._rng = rng
        self._heat = 0.0
        self._burst = 0
        self._buying = True
        self._first_id = 0
        self._fewest = max(20, shape.levels // 3)
        self._step_bids: dict[int, int] = {}
        self._step_asks: dict[int, int] = {}
        self._trades: list[Trade] = []
        self._liquidation: Liquidation | None = None
        self._seed_book()
        self._history = History(self.last_id, self.bids.sizes, self.asks.sizes, steps=history_steps)

    def step(self) -> Step:
        """Advance the market by one burst of orders and tell what changed (always at least one level)."""
        self._step_bids, self._step_asks, self._trades, self._liquidation = {}, {}, [], None
        self._first_id = 0
        top = self._top()
        if self.shape.id_stride > 1:
            self.last_id += self._rng.randint(0, 3 * self.shape.id_stride)
        for _ in range(self._activity()):
            self._act()
        while not self._first_id:
            self._limit_order()
        self._keep_depth()
        step = Step(
            self._first_id,
            self.last_id,
            self._step_bids,
            self._step_asks,
            tuple(self._trades),
            self._top() != top,
            self._liquidation,
        )
        self._history.end_step(self.last_id, self.bids.sizes, self.asks.sizes)
        return step

    def state(self) -> BookState:
        """Return the whole book as it is now."""
        return BookState(self.last_id, self.bids.top(len(self.bids)), self.asks.top(len(self.asks)))

    @property
    def oldest_id(self) -> int:
        """The smallest id that `state_at` still knows."""
        return self._history.oldest_id

    def state_at(self, update_id: int) -> BookState:
        """Return the whole book after the last change whose id is not above `update_id`.

        Raises:
            LookupError: If that is in the future, or older than the history kept.
        """
        if not self.oldest_id <= update_id <= self.last_id:
            raise LookupError(f"update id {update_id} is not within {self.oldest_id}..{self.last_id}")
        return self._history.state_at(update_id)

    def _top(self) -> tuple[int, int, int, int]:
        bid, ask = self.bids.best, self.asks.best
        return bid, self.bids.sizes[bid], ask, self.asks.sizes[ask]

    def _seed_book(self) -> None:
        for side, direction in ((self.bids, -1), (self.asks, 1)):
            price = self.shape.mid + (direction > 0)
            for depth in range(self.shape.levels):
                if price < 1:
                    break
                side.put(price, self._lots(depth * self.shape.gap))
                spread = self.shape.gap * (1 + depth / 60)
                price += direction * (1 + int(self._rng.expovariate(1 / spread)))

    def _activity(self) -> int:
        """Return how many orders this step takes: a slow random walk of heat, and rare bursts."""
        rng = self._rng
        self._heat = 0.97 * self._heat + rng.gauss(0.0, 0.13)
        if self._burst:
            self._burst -= 1
        elif rng.random() < 0.004:
            self._burst = rng.randint(5, 24)
            self._buying = rng.random() < 0.5
        pace = 3.0 * math.exp(self._heat) * (4.0 if self._burst else 1.0)
        return min(_MOST_ACTIONS, 1 + int(rng.expovariate(1 / pace)))

    def _act(self) -> None:
        choice = self._rng.random()
        if choice < 0.46:
            self._limit_order()
        elif choice < (0.84 if self._burst else 0.90):
            self._cancel()
        else:
            self._market_order()

    def _lots(self, distance: int) -> int:
        near = 1 + 3 / (1 + distance / (20 * self.shape.gap))
        return max(1, int(self._rng.lognormvariate(0.0, 1.1) * self.shape.lots * near / 4))

    def _limit_order(self) -> None:
        rng, gap = self._rng, self.shape.gap
        buy = rng.random() < 0.5
        own, other, away = (self.bids, self.asks, -1) if buy else (self.asks, self.bids, 1)
        room = abs(other.best - own.best) - 1
        choice = rng.random()
        if room and choice < (0.8 if room > 6 * gap else 0.35):
            price = own.best - away * rng.randint(1, min(room, 4 * gap))
        elif choice < 0.55:
            price = own.price_at(int(rng.expovariate(0.25)))
        else:
            distance = int(gap * (rng.paretovariate(0.6) - 1))
            price = own.best + away * min(distance, 3 * gap * self.shape.levels)
        if price >= 1:
            size = own.sizes.get(price, 0) + self._lots(abs(price - own.best))
            self._change(own, price, size)

    def _cancel(self) -> None:
        rng = self._rng
        side = self.bids if rng.random() < 0.5 else self.asks
        if len(side) <= self._fewest or (len(side) < self.shape.levels and rng.random() < 0.5):
            return
        price = side.price_at(int(rng.expovariate(8 / len(side))))
        size = side.sizes[price]
        whole = rng.random() < (0.75 if len(side) > self.shape.levels else 0.45)
        self._change(side, price, 0 if whole else size - rng.randint(1, size))

    def _market_order(self) -> None:
        rng = self._rng
        if rng.random() < (0.1 if self._burst else 0.35):
            self._buying = not self._buying
        buy = self._buying
        side = self.asks if buy else self.bids
        left = max(1, int(rng.lognormvariate(0.0, 1.4) * self.shape.lots * math.exp(self._heat)))
        filled = cost = 0
        limit = side.best
        reach = 10 if self._burst else 5
        while left and reach and len(side) > self._fewest:
            reach -= 1
            limit = side.best
            resting = side.sizes[limit]
            taken = min(left, resting)
            self._change(side, limit, resting - taken)
            for size in self._fills(taken):
                self.last_trade_id += 1
                self._trades.append(Trade(self.last_trade_id, limit, size, buy))
            left -= taken
            filled += taken
            cost += taken * limit
        if filled and rng.random() < (0.05 if self._burst else 0.01):
            self._liquidation = Liquidation(buy, limit, filled, cost)

    def _fills(self, taken: int) -> Iterator[int]:
        """Split what was taken from a level over the resting orders that it stands for."""
        while taken > 1 and self._rng.random() < 0.3:
            part = self._rng.randint(1, taken - 1)
            yield part
            taken -= part
        yield taken

    def _keep_depth(self) -> None:
        for side in (self.bids, self.asks):
            if len(side) > self.shape.levels * 5 // 4:
                self._change(side, side.worst, 0)

    def _change(self, side: Side, price: int, size: int) -> None:
        stride = self.shape.id_stride
        self.last_id += 1 if stride == 1 else self._rng.randint(1, stride)
        is_bid = side is self.bids
        side.put(price, size)
        (self._step_bids if is_bid else self._step_asks)[price] = size
        self._first_id = self._first_id or self.last_id
        self._history.add(self.last_id, is_bid, price, size)
