"""The smile of one expiry: mark volatility by strike, as a plot of characters."""

from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from feedtape.ui.chain import ExpiryPicture
from feedtape.ui.draw.chain_rows import CALL, PUT, per_cent
from feedtape.ui.draw.rows import Row, fit

_BOTH: Final = "O"
_LETTERS: Final = {CALL: "C", PUT: "P"}
_AXIS: Final = 8
"""Columns of the labels at the left."""


class _Point(NamedTuple):
    strike: float
    volatility: float
    letter: str


def smile_rows(of: ExpiryPicture, width: int, height: int) -> list[Row]:
    """Draw the smile: `C` a call, `P` a put, `O` both alike, `·` between them, `┊` at the money; axes are labelled in words."""
    points, columns, lines = _points(of), width - _AXIS, height - 2
    if len(points) < 2 or columns < 2 or lines < 2:
        rows: list[Row] = [fit([("no volatilities are told of", "dim")], width)]
        return (rows + [fit([], width)] * height)[:height]
    low, high = min(one.volatility for one in points), max(one.volatility for one in points)
    first, last = points[0].strike, points[-1].strike

    def column(strike: float) -> int:
        return round((strike - first) / (last - first) * (columns - 1)) if last > first else 0

    def line(volatility: float) -> int:
        return round((high - volatility) / (high - low) * (lines - 1)) if high > low else lines // 2

    canvas = [[" "] * columns for _ in range(lines)]
    nearest = None if of.at_the_money is None else column(float(of.strikes[of.at_the_money].strike))
    if nearest is not None and 0 <= nearest < columns:
        for cells in canvas:
            cells[nearest] = "┊"
    for one, other in pairwise(points):
        _connect(canvas, (column(one.strike), line(one.volatility)), (column(other.strike), line(other.volatility)))
    for one in points:
        at, letter = canvas[line(one.volatility)], one.letter
        before = at[column(one.strike)]
        at[column(one.strike)] = letter if before not in "CPO" or before == letter else _BOTH
    return _labelled(of, canvas, (low, high), width)


def _points(of: ExpiryPicture) -> list[_Point]:
    found = []
    for one in of.strikes:
        for side, option in ((CALL, one.call), (PUT, one.put)):
            if option is not None and option.mark_iv is not None:
                found.append(_Point(float(one.strike), float(option.mark_iv), _LETTERS[side]))
    return found


def _connect(canvas: list[list[str]], start: tuple[int, int], end: tuple[int, int]) -> None:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    for step in range(1, steps):
        column = round(start[0] + (end[0] - start[0]) * step / steps)
        line = round(start[1] + (end[1] - start[1]) * step / steps)
        if canvas[line][column] in " ┊":
            canvas[line][column] = "·"


def _labelled(of: ExpiryPicture, canvas: list[list[str]], between: tuple[float, float], width: int) -> list[Row]:
    low, high = (per_cent(str(Decimal(repr(value)))) for value in between)
    labels = [f"{high}%", *[""] * (len(canvas) - 2), f"{low}%"]
    rows: list[Row] = [
        fit([(f"{label:>{_AXIS - 2}} │", "dim"), *_parts("".join(cells))], width)
        for label, cells in zip(labels, canvas, strict=True)
    ]
    known = [
        one.strike for one in of.strikes if any(side is not None and side.mark_iv is not None for side in (one.call, one.put))
    ]
    room = width - _AXIS
    middle = "" if of.at_the_money is None else f"at the money {of.strikes[of.at_the_money].strike}"
    ends = f"{known[0]}{middle:^{max(0, room - len(known[0]) - len(known[-1]))}}{known[-1]}"
    return [
        *rows,
        fit([(" " * (_AXIS - 1) + "└" + "─" * room, "line")], width),
        fit([(" " * _AXIS, ""), (ends, "dim")], width),
    ]


def _parts(text: str) -> Row:
    of = {"C": "bid", "P": "ask", _BOTH: "strong", "·": "dim", "┊": "strong"}
    return [(char, of.get(char, "")) for char in text]
