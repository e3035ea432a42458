"""Strips: the columns of a depth map, each of a second or some more of one book, gathered by price."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log2
from typing import Final

from feedtape.book.keeper import State
from feedtape.ui.draw.rows import Cell
from feedtape.ui.history import COLUMN_NS, Column

CARRIED_NS: Final = 3 * COLUMN_NS
"""For so long after a column a second that has none, because no record came, shows the book as it stood."""
HEATS: Final = 10
_BID, _ASK = HEATS, HEATS + 1
_TOKENS: Final = (*map(str, range(HEATS)), "bid", "ask")
_DIMMED: Final = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""The brightness of a silent book, whose sizes are of the past."""
# The upper half of a cell is its letter, the lower half its background: a cell shows two prices.
_HALVES: Final[list[list[Cell]]] = [
    [(" ", f"heat.{upper}") if upper == lower else ("▀", f"heat.{upper}/{lower}") for lower in _TOKENS] for upper in _TOKENS
]
_SHADES: Final[list[Cell]] = [*((text, "") for text in " ░░▒▒▓▓▓██"), ("─", "bid"), ("═", "ask")]
_DOTS: Final = {"buy": "▴▲", "sell": "▾▼", None: "·•"}
_UNKNOWN: Final[Cell] = (" ", "")
BROKEN: Final[Cell] = ("╳", "bad")
UNHEARD: Final[Cell] = ("·", "dim")
SILENT: Final[Cell] = ("┊", "warn")
_PAST: Final = "╌"
"""Where the best prices of a silent book were."""
# Prices are floats here: one that is a multiple of the step may come out a little below or above it.
_CLOSE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """How things look.

    Attributes:
        bottom, count: the lowest price, in steps, and how many there are.
        bounds: the sizes at which the next brightness begins.
        large: the size from which on a trade's dot is a large one.
        shades: one price a cell, in characters that tell brightness without colour.
    """

    bottom: int
    count: int
    bounds: tuple[float, ...]
    large: float
    shades: bool


@dataclass(slots=True)
class Strip:
    """Some seconds of a book.

    Attributes:
        columns: what it was made of; `told` trades were in the last one.
        silent: in which of these the book was silent.
        prices: what was looked at, in steps.
        sizes: by price in steps, the mean over the seconds in which the book was live, or else silent; None if it never was.
        bid, ask: the best prices at the end, in steps.
        is_broken: whether the book was not live at some time.
        is_silent: whether its sizes are of a silent book.
        dots: amount by price and aggressor.
        low, high: a small and a large size.
    """

    columns: Sequence[Column]
    silent: tuple[bool, ...]
    told: int
    prices: range
    sizes: dict[int, float] | None = None
    bid: int | None = None
    ask: int | None = None
    is_broken: bool = False
    is_silent: bool = False
    dots: dict[tuple[int, str | None], float] = field(default_factory=dict)
    low: float = 0.0
    high: float = 0.0
    _drawn: tuple[Scale, list[Cell]] | None = None

    def is_of(self, columns: Sequence[Column], silent: tuple[bool, ...], prices: range) -> bool:
        """Tell whether it is what those columns make at those prices: columns are dropped and made anew from the end."""
        mine, seen = self.columns, self.prices
        return (
            len(mine) == len(columns)
            and mine[0] is columns[0]
            and mine[-1] is columns[-1]
            and self.told == len(columns[-1].dots)
            and self.silent == silent
            and seen.start <= prices.start
            and prices.stop <= seen.stop
        )

    def cells(self, scale: Scale) -> list[Cell]:
        """Return what it looks like, from the top down."""
        if self._drawn is None or self._drawn[0] is not scale:
            self._drawn = scale, self._cells(scale)
        return self._drawn[1]

    def _cells(self, scale: Scale) -> list[Cell]:
        height = scale.count if scale.shades else scale.count // 2
        if self.sizes is None:
            return [BROKEN, *[_UNKNOWN] * (height - 1)]
        bottom, bounds = scale.bottom, scale.bounds
        sizes = map(self.sizes.get, range(bottom, bottom + scale.count))
        heats = [0 if size is None else 1 + bisect_right(bounds, size) for size in sizes]
        heats = [_DIMMED[heat] for heat in heats] if self.is_silent else heats
        tokens = heats.copy()
        if not self.is_silent:
            for at, token in self._bests(scale):
                tokens[at] = token
        if scale.shades:
            cells = [(_SHADES[token][0], "dim") if self.is_silent else _SHADES[token] for token in tokens]
        else:
            cells = [_HALVES[upper][lower] for lower, upper in zip(tokens[::2], tokens[1::2], strict=True)]
        self._leave_unknown(cells, scale)
        past = [(at, _PAST, "") for at, _ in self._bests(scale)] if self.is_silent else []
        for at, text, side in (*past, *self._trades(scale)):
            cells[at // (1 if scale.shades else 2)] = _on(scale, text, side, heats, at)
        cells.reverse()
        if self.is_broken:
            cells[0] = BROKEN
        elif any(self.silent):
            cells[0] = SILENT
        return cells

    def _bests(self, scale: Scale) -> Iterator[tuple[int, int]]:
        """Yield where the best prices are, counted from below, each with its token."""
        for best, token in ((self.bid, _BID), (self.ask, _ASK)):
            if best is not None and 0 <= best - scale.bottom < scale.count:
                yield best - scale.bottom, token

    def _leave_unknown(self, cells: list[Cell], scale: Scale) -> None:
        """Blank what lies beyond the last level of each side: nobody said that there is nothing."""
        assert self.sizes is not None
        height, each = len(cells), 1 if scale.shades else 2
        below, above = height, 0
        if self.sizes:
            below = min(max(0, (min(self.sizes) - scale.bottom) // each), height)
            above = min(max(0, (max(self.sizes) - scale.bottom) // each + 1), height)
        cells[:below] = [_UNKNOWN] * below
        cells[above:] = [_UNKNOWN] * (height - above)

    def _trades(self, scale: Scale) -> Iterator[tuple[int, str, str]]:
        """Yield place, counted from below, dot and side of each trade; of several in a cell the greatest comes last."""
        for (price, side), amount in sorted(self.dots.items(), key=lambda dot: dot[1]):
            at = price - scale.bottom
            if 0 <= at < scale.count:
                yield at, _DOTS[side][amount >= scale.large], side or ""


def _on(scale: Scale, text: str, side: str, heats: Sequence[int], at: int) -> Cell:
    """Return a sign on the ground of its cell."""
    if scale.shades:
        return text, "dim" if text == _PAST else side
    heat = max(heats[at // 2 * 2 : at // 2 * 2 + 2])
    return text, f"heat.{heat}.{side}" if side else f"heat.{heat}"


def strip(
    columns: Sequence[Column], step: float, prices: range, *, silent: tuple[bool, ...] = (), is_carried: bool = False
) -> Strip:
    """Return columns as a strip; what is carried on to a later second has the book alone, not the trades.

    `silent` tells of each whether the book was; the seconds in which it was not tell more.
    """
    last, silent = columns[-1], silent or (False,) * len(columns)
    made = Strip(columns, silent, len(last.dots), prices)
    known = [(column, is_silent) for column, is_silent in zip(columns, silent, strict=True) if column.state == State.LIVE]
    made.is_broken = len(known) < len(columns)
    made.is_silent = bool(known) and all(is_silent for _, is_silent in known)
    live = [column for column, is_silent in known if is_silent == made.is_silent]
    if live:
        sizes: dict[int, float] = {}
        for column in live:
            _gather(column, step, prices, sizes)
        if len(live) > 1:
            sizes = {price: size / len(live) for price, size in sizes.items()}
        made.sizes = sizes
        bid, ask = live[-1].bid, live[-1].ask
        made.bid = None if bid is None else place(bid, "sell", step)
        made.ask = None if ask is None else place(ask, "buy", step)
        if sizes:
            ordered = sorted(sizes.values())
            made.low, made.high = ordered[len(ordered) // 4], ordered[len(ordered) * 49 // 50]
    for column in () if is_carried else columns:
        for dot in column.dots:
            at = place(dot.price, dot.side, step)
            made.dots[at, dot.side] = made.dots.get((at, dot.side), 0.0) + dot.size
    return made


def _gather(column: Column, step: float, prices: range, sizes: dict[int, float]) -> None:
    """Add the sizes of a column: bids at the step below, asks at the step above, as in a ladder of grouped prices."""
    per_step, get = 1 / step, sizes.get
    for price, size in zip(column.bids[::2], column.bids[1::2], strict=True):
        at = floor(price * per_step + _CLOSE)
        if at < prices.start:
            break
        sizes[at] = get(at, 0.0) + size
    for price, size in zip(column.asks[::2], column.asks[1::2], strict=True):
        at = ceil(price * per_step - _CLOSE)
        if at >= prices.stop:
            break
        sizes[at] = get(at, 0.0) + size


def place(price: float, side: str | None, step: float) -> int:
    """Return a price in steps: what buys meets the asks, and lies with them."""
    return ceil(price / step - _CLOSE) if side == "buy" else floor(price / step + _CLOSE)


def bounds(low: int, high: int) -> tuple[float, ...]:
    """Return the sizes at which the next of the brightnesses begins: logarithmic between two sizes, given in half octaves."""
    inner = HEATS - 2
    return tuple(2.0 ** ((low + (high - low) * at / inner) / 2) for at in range(1, inner + 1))


def half_octaves(size: float) -> int:
    """Return the logarithm of a size: what is near to another one has the same."""
    return round(2 * log2(size)) if size > 0 else 0
