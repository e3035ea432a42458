"""The depth map: depth over time, newest at the right, price upwards, brightness for size, dots for trades.

A gap is a gap: a second in which the book was not live stays blank, with `╳` above it. A book that was silent is dimmed, with `┊`
above it: its sizes are of the past. Nothing is drawn between two columns that no column told, except that a book of which nothing
was heard for less than three seconds still stands.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from feedtape.book.measures import finest, steps
from feedtape.model.decimals import canonical
from feedtape.replay.times import clock
from feedtape.ui.draw.depth_strip import CARRIED_NS, SILENT, UNHEARD, Scale, Strip, bounds, half_octaves, place, strip
from feedtape.ui.draw.rows import Cell, Row, cut, fit, right
from feedtape.ui.history import COLUMN_NS, Column, silent_since

_NICE_S: Final = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_TIMES_EVERY: Final = 12
"""Columns between time labels, at least."""
_PRICES_EVERY: Final = 4
"""Rows between price labels."""
_DEEP: Final = 60
"""Levels a side of which the nearer half should fill half of the picture, if prices do not move more than that."""
_NO_BOOK: Final = "no book"
_SILENT: Final = "silent"
_CONTRAST: Final = 8
"""Half octaves between dark and bright, at least: sizes that hardly differ look alike."""


class DepthMap:
    """Draws one book. Its axis and its brightness stay from frame to frame until they no longer fit, so that nothing flickers.

    `shades` draws brightness with characters, for terminals without colour; otherwise each cell holds two prices.
    """

    def __init__(self, *, shades: bool = False) -> None:
        self._shades = shades
        self._step: tuple[str, bool] | None = None
        """The price between two bins, and whether it was chosen here."""
        self._centre: int | None = None
        self._low = self._high = self._large = 0
        self._look: Scale | None = None
        self._strips: dict[int, Strip] = {}

    def draw(
        self,
        columns: Sequence[Column],
        width: int,
        height: int,
        *,
        seconds_per_column: int = 1,
        tick: str | None = None,
        step: str | None = None,
        around: float | None = None,
    ) -> list[Row]:
        """Return the map in exactly that many rows and columns.

        `tick` is the instrument's, for the labels and as the least step; `step` the price between two that can be told apart,
        chosen to fit where it is not given; `around` the price in the middle, that of the book where it is not given.
        """
        shown = columns[-max(1, width * seconds_per_column) :]
        live = [column for column in shown if column.bids or column.asks]
        if not live or width < 1 or height < 1:
            return _empty(width, height, _NO_BOOK if columns else "nothing was heard yet")
        depth = height - 1 if height > 2 else height
        count = depth if self._shades else depth * 2
        tick = canonical(tick) if tick is not None and Decimal(tick) > 0 else _tick(live[-1])
        moved = _moved(live[-1::-seconds_per_column])
        chosen = self._choose_step(live[-1], moved, count, tick, step)
        bottom = self._bottom(live[-1], moved, count, float(chosen), around)
        labels = self._labels(shown[-1], bottom, count, chosen, tick)
        axis = 1 + max(len(text) for text, _ in labels)
        if width < axis + 10:
            axis = 0
        strips = self._place(shown, width - axis, seconds_per_column, float(chosen), range(bottom, bottom + count))
        cells = self._cells(strips, bottom, count)
        times: Row = [(_times(shown[-1].time, width - axis, seconds_per_column), "dim"), (right("UTC  ", axis), "dim")]
        return [*_rows(cells, labels, axis), *([fit(times, width)] if depth < height else [])]

    def _choose_step(self, newest: Column, moved: tuple[float, float], count: int, tick: str, given: str | None) -> str:
        """Return the step that is given, or a round number of ticks by which the picture holds what it should."""
        if given is not None and Decimal(given) > 0:
            wanted = (given, False)
        else:
            # With the newest price an eighth off the middle, what moved one way lies on the greater part of the height.
            least = max(1.6 * (moved[1] - moved[0]), _near(newest)) / count
            if self._step is not None and self._step[1] and least <= float(self._step[0]) <= max(3 * least, float(tick)):
                return self._step[0]
            wanted = (next(one for one in steps(tick) if float(one) >= least), True)
        if self._step is None or wanted[0] != self._step[0]:
            self._strips.clear()
            self._centre = None
        self._step = wanted
        return wanted[0]

    def _bottom(self, newest: Column, moved: tuple[float, float], count: int, step: float, around: float | None) -> int:
        """Return the lowest price in steps; the middle stays until the book comes near the edge."""
        bests = [best for best in (newest.bid, newest.ask) if best is not None]
        now = round(sum(bests) / len(bests) / step)
        if around is not None:
            self._centre = round(around / step)
        elif self._centre is None or abs(now - self._centre) > count * 3 // 8:
            self._centre = min(max(round(sum(moved) / 2 / step), now - count // 8), now + count // 8)
        bottom = self._centre - count // 2
        # A cell of two prices holds the same two wherever the axis begins.
        return bottom if self._shades else bottom - bottom % 2

    def _labels(self, newest: Column, bottom: int, count: int, step: str, tick: str) -> list[Cell]:
        """Return the price axis from the top down: round prices, and the best two with `b` and `a` behind them."""
        each = 1 if self._shades else 2
        decimals = max(len(text.partition(".")[2]) for text in (step, tick))
        labels: list[Cell] = []
        for low in range(bottom, bottom + count, each):
            text = f"{Decimal(step) * low:.{decimals}f}  " if low // each % _PRICES_EVERY == 0 else ""
            labels.append((text, "dim"))
        taken = None
        for best, side, part in ((newest.bid, "sell", "bid"), (newest.ask, "buy", "ask")):
            if best is None:
                continue
            at = (place(best, side, float(step)) - bottom) // each
            # Of two in one cell the ask stands above.
            taken = at + 1 if at == taken else at
            if 0 <= taken < len(labels):
                # Of a silent book nothing looks alive.
                labels[taken] = (f"{best:.{decimals}f} {part[0]}", "dim" if newest.silences else part)
        return labels[::-1]

    def _place(self, columns: Sequence[Column], width: int, seconds: int, step: float, prices: range) -> list[Strip | None]:
        """Return a strip for each place of the picture; None where nothing was heard."""
        span = seconds * COLUMN_NS
        end = columns[-1].time // span + 1
        told: dict[int, list[tuple[Column, int | None]]] = {}
        for column, since in zip(columns, silent_since(columns), strict=True):
            told.setdefault(column.time // span, []).append((column, since))
        # Wider than what is seen, so that a move of the axis costs little.
        around = range(prices.start - 2 * len(prices), prices.stop + 2 * len(prices))
        kept, before = {}, None
        for at in range(end - width, end):
            own, is_carried = told.get(at), False
            if own is not None:
                before = own[-1]
            elif before is not None and at * span - before[0].time <= CARRIED_NS:
                own, is_carried = [before], True
            if own is not None:
                mine = [column for column, _ in own]
                silent = tuple(since is not None and since <= (at * span if is_carried else column.time) for column, since in own)
                known = self._strips.get(at)
                if known is None or not known.is_of(mine, silent, prices):
                    known = strip(mine, step, around, silent=silent, is_carried=is_carried)
                kept[at] = known
        self._strips = kept
        return [kept.get(at) for at in range(end - width, end)]

    def _cells(self, strips: Sequence[Strip | None], bottom: int, count: int) -> list[list[Cell]]:
        """Return what each place looks like, from the top down."""
        scale = self._scale(strips, bottom, count)
        blank: list[Cell] = [(" ", "")] * (count if self._shades else count // 2)
        silent: list[Cell] = [UNHEARD, *blank[1:]]
        cells = [blank if one is None else one.cells(scale) for one in strips]
        first = next((at for at, one in enumerate(strips) if one is not None), 0)
        cells[first:] = [silent if one is blank else one for one in cells[first:]]
        return _worded(cells, strips)

    def _scale(self, strips: Sequence[Strip | None], bottom: int, count: int) -> Scale:
        """Return how things look now. A size of which others differ by less than the eye sees does not change it."""
        sized = [one for one in strips if one is not None and one.sizes]
        amounts = sorted(amount for one in strips if one is not None for amount in one.dots.values())
        if sized:
            self._low = _steady(self._low, sorted(one.low for one in sized)[len(sized) // 2])
            self._high = _steady(self._high, sorted(one.high for one in sized)[len(sized) * 9 // 10])
        if amounts:
            self._large = _steady(self._large, amounts[len(amounts) * 9 // 10])
        marks = bounds(self._low, max(self._high, self._low + _CONTRAST))
        look = Scale(bottom, count, marks, 2.0 ** ((self._large + 1) / 2), self._shades)
        # The very same as long as it is equal: that is how strips know it.
        self._look = look if look != self._look else self._look
        return self._look


def _steady(kept: int, size: float) -> int:
    new = half_octaves(size)
    return new if abs(new - kept) > 1 else kept


def _moved(live: Sequence[Column]) -> tuple[float, float]:
    """Return between which prices the best ones were; one absurd price must not make all others one line."""
    bests = sorted(best for column in live for best in (column.bid, column.ask) if best is not None)
    return bests[len(bests) // 20], bests[len(bests) * 19 // 20]


def _near(newest: Column) -> float:
    """Return the range of prices in which the book's nearer levels lie, and as much again."""
    sides = [side[: 2 * _DEEP : 2] for side in (newest.bids, newest.asks) if side]
    return max(4 * abs(side[len(side) // 2] - side[0]) for side in sides)


def _tick(column: Column) -> str:
    prices = [*column.bids[:40:2], *column.asks[:40:2]]
    return finest([(f"{Decimal(repr(price)):f}", "") for price in prices]) or "1"


def _rows(cells: Sequence[Sequence[Cell]], labels: Sequence[Cell], axis: int) -> list[Row]:
    rows = []
    for across, (label, part) in zip(zip(*cells, strict=True), labels, strict=True):
        row = [(text * len([*run]), of) for (text, of), run in groupby(across)]
        rows.append([*row, (right(label, axis), part)] if axis else row)
    return rows


def _worded(cells: list[list[Cell]], strips: Sequence[Strip | None]) -> list[list[Cell]]:
    """Write into each gap that is wide enough what it is, and above each silence."""
    at = 0
    for what, run in groupby(strips, _what):
        long = len([*run])
        if what and long >= len(what) + 2:
            part = "bad" if what == _NO_BOOK else SILENT[1]
            for column, letter in enumerate(what, at + (long - len(what)) // 2):
                line = len(cells[column]) // 2 if what == _NO_BOOK else 0
                cells[column] = [*cells[column][:line], (letter, part), *cells[column][line + 1 :]]
        at += long
    return cells


def _what(one: Strip | None) -> str:
    if one is None:
        return ""
    return _NO_BOOK if one.sizes is None else _SILENT if one.is_silent and not one.is_broken else ""


def _times(newest: int, width: int, seconds: int) -> str:
    """Return the time axis; a mark stands below the column that its label names."""
    every = next((nice for nice in _NICE_S if nice >= _TIMES_EVERY * seconds), _NICE_S[-1])
    first = newest // COLUMN_NS // seconds - width + 1
    text = ""
    for at in range(width - 8):
        start = (first + at) * seconds
        if start % every < seconds:
            text = f"{text.ljust(at)}╵{clock(start * COLUMN_NS)[:8]}"
    return text.ljust(width)


def _empty(width: int, height: int, words: str) -> list[Row]:
    rows: list[Row] = [fit([], width) for _ in range(height)]
    if rows:
        rows[height // 2] = [(cut(words, width).strip().center(width), "dim")]
    return rows
