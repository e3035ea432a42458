"""Panels that hold more lines than fit: the part that is looked at, and what is above and below it."""

from collections.abc import Sequence

from feedtape.ui.draw.rows import Row, fit, width
from feedtape.ui.summary import count, counted
from feedtape.ui.view import Scroll


def scrolled(rows: Sequence[Row], columns: int, height: int, scroll: Scroll) -> list[Row]:
    """Return so many of the rows as fit, from where they are scrolled to; the last line says what it leaves out."""
    if len(rows) <= height:
        scroll.at = 0
        return list(rows)
    room = max(0, height - 1)
    first = scroll.at = max(0, min(scroll.at, len(rows) - room))
    below = len(rows) - first - room
    return [*rows[first : first + room], left_out(first, counted(below, "line") if below else "", columns, scroll.keys)][:height]


def left_out(above: int, below: str, columns: int, keys: str = "") -> Row:
    """Return the line that says how many lines are above, how much is below, if anything, and which keys scroll."""
    row: Row = [(f"▲ {count(above)} above  ", "warn")] if above else []
    row += [(f"▼ {below} below  ", "warn")] if below else []
    return fit([*row, (keys, "dim")] if width([*row, (keys, "")]) <= columns else row, columns)
