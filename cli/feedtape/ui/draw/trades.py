"""The trade tape: the newest trades of a book, as rows."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from feedtape.model.events import Trade
from feedtape.replay.times import clock
from feedtape.ui.draw.numbers import aligned, tidied
from feedtape.ui.draw.plots import bar
from feedtape.ui.draw.rows import Row, cut, fit

_SIDES = {"buy": ("▲", "buy"), "sell": ("▼", "sell"), None: ("·", "dim")}
_TIME = 12
_LEAST_BAR = 4
_moment = lru_cache(maxsize=1024)(clock)
"""The same trades are drawn again and again."""


def trade_rows(trades: Sequence[Trade], width: int, height: int, tick: str | None = None, lot: str | None = None) -> list[Row]:
    """Return a head and the newest trades, as many as fit: time, aggressor, price, size, and a bar of the size.

    What does not fit goes in this order: the bar, the time's fraction, the time. `tick` and `lot` are steps of prices and sizes.
    """
    rows: list[Row] = [fit([(cut("trades", width), "title")], width)]
    shown = list(trades[: max(0, height - 1)])
    if not shown:
        rows.append(fit([("none yet", "dim")], width))
        return rows[:height]
    prices = aligned([tidied(trade.price, tick) for trade in shown])
    sizes = aligned([tidied(trade.size, lot) for trade in shown])
    largest = max(abs(Decimal(trade.size)) for trade in shown)
    numbers = len(prices[0]) + len(sizes[0]) + 4
    time = next((columns for columns in (_TIME, 8, 0) if numbers + columns + 1 <= width), 0)
    left = width - numbers - (time + 1 if time else 0) - 1
    for trade, price, size in zip(shown, prices, sizes, strict=True):
        mark, part = _SIDES[trade.side]
        row: Row = [(_moment(trade.time if trade.time is not None else trade.recv)[:time] + " ", "dim")] if time else []
        row += [(f"{mark} ", part), (price, part), (f" {size}", part)]
        if left >= _LEAST_BAR:
            row.append((" " + bar(float(abs(Decimal(trade.size)) / largest) if largest else 0.0, left), f"{_bars(trade)}"))
        rows.append(fit(row, width))
    return rows[:height]


def _bars(trade: Trade) -> str:
    return {"buy": "bid.bar", "sell": "ask.bar"}.get(trade.side or "", "dim")
