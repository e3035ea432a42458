"""One simulated symbol: its instrument, its market, and the statistics that tickers are made of."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from .instrument import Instrument
from .market import Liquidation, Market, Step
from .window import Window

_RECENT_STEPS = 4096


@dataclass(slots=True)
class Stats:
    """Totals since the exchange opened, in ticks and lots."""

    open: int
    high: int
    low: int
    last: int
    first_trade_id: int
    last_size: int = 0
    volume: int = 0
    turnover: int = 0
    trades: int = 0

    def add(self, price: int, size: int) -> None:
        self.last, self.last_size = price, size
        self.high, self.low = max(self.high, price), min(self.low, price)
        self.volume += size
        self.turnover += price * size
        self.trades += 1


@dataclass(frozen=True, slots=True)
class AggTrade:
    """Trades of one step with the same price and aggressor."""

    id: int
    price: int
    size: int
    buy: bool
    first: int
    last: int


@dataclass(slots=True)
class Listing:
    """A symbol on the exchange; `advance` is the only thing that changes it.

    `liquidation_steps` is the window of which streams report the largest liquidation.
    """

    instrument: Instrument
    market: Market
    liquidation_steps: int = 10
    recent: deque[Step] = field(default_factory=lambda: deque(maxlen=_RECENT_STEPS))
    steps: int = 0
    agg_id: int = 2_400_000_000
    open_interest: int = 0
    stats: Stats = field(init=False)
    liquidation: Liquidation | None = None
    """The largest one of the current window."""
    windows: dict[str, Window] = field(default_factory=dict)
    """What was published of the book, by the name of the stream."""
    aggregates: list[AggTrade] = field(default_factory=list)
    """The trades of the latest step, aggregated."""

    def __post_init__(self) -> None:
        mid = self.market.bids.best
        self.stats = Stats(mid, mid, mid, mid, self.market.last_trade_id + 1)
        self.open_interest = self.instrument.shape.lots * 50_000

    def advance(self) -> Step:
        """Let the market take one step and keep the books about it."""
        if self.steps % self.liquidation_steps == 0:
            self.liquidation = None
        step = self.market.step()
        self.recent.append(step)
        self.steps += 1
        for trade in step.trades:
            self.stats.add(trade.price, trade.size)
            self.open_interest += trade.size if trade.id % 2 else -trade.size
        self.aggregates = list(self._aggregate(step))
        forced = step.liquidation
        if forced is not None and (self.liquidation is None or forced.size > self.liquidation.size):
            self.liquidation = forced
        return step

    def _aggregate(self, step: Step) -> Iterator[AggTrade]:
        for (price, buy), group in groupby(step.trades, key=lambda trade: (trade.price, trade.buy)):
            trades = list(group)
            self.agg_id += 1
            size = sum(trade.size for trade in trades)
            yield AggTrade(self.agg_id, price, size, buy, trades[0].id, trades[-1].id)

    def chunk(self, steps: int) -> Step | None:
        """Return the last `steps` steps as one, at every `steps`-th step; None in between.

        So each speed cuts the same changes at its own ids, whoever listens.
        """
        if self.steps % steps:
            return None
        if steps == 1:
            return self.recent[-1]
        parts = list(self.recent)[-steps:]
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for part in parts:
            bids.update(part.bids)
            asks.update(part.asks)
        return Step(parts[0].first, parts[-1].last, bids, asks, (), True, None)

    def window(self, stream: str, depth: int | None, *, tells_leaving: bool = True, number: int = 0) -> Window:
        """Return the published picture of a stream; the first who asks begins it."""
        window = self.windows.get(stream)
        if window is None:
            window = self.windows[stream] = Window(depth, tells_leaving=tells_leaving, number=number)
        return window

    def last_id_before(self, steps: int) -> int:
        """Return the last update id before the latest `steps` steps."""
        recent = self.recent
        return recent[-steps - 1].last if len(recent) > steps else self.market.shape.first_id


def open_listing(instrument: Instrument, *, seed: int, venue: str, rate: float) -> Listing:
    """List a symbol; the same venue, symbol and seed always give the same market."""
    rng = random.Random(f"{seed}/{venue}/{instrument.symbol}")
    return Listing(instrument, Market(instrument.shape, rng), liquidation_steps=max(1, round(rate)))
