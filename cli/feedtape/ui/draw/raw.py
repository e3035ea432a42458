"""The newest frame as the venue sent it, one value a line, and the levels that it set."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from feedtape.model.events import BookDelta, BookSnapshot, Event
from feedtape.model.records import Record
from feedtape.replay.times import clock
from feedtape.ui.draw.pretty import Pretty, pretty
from feedtape.ui.draw.rows import Row, cut, fit
from feedtape.ui.draw.scrolled import left_out
from feedtape.ui.output import printable
from feedtape.ui.summary import count, counted
from feedtape.ui.view import Scroll

Changed = Sequence[tuple[str, str, str | None, str | None]]
"""Levels that a frame changed: side, price, size before and size after; None: the level was not there, or is gone."""
_AT_ONCE: Final = 500
"""Lines that are made for one picture, at most."""


def raw_rows(
    record: Record | None,
    events: Sequence[Event],
    changed: Changed | None,
    width: int,
    height: int,
    scroll: Scroll | None = None,
) -> list[Row]:
    """Return what a frame changed, and its text; of either as much as fits, and how much is above and below that.

    Both are scrolled together, each as far as it goes. Lines are made as far as one scrolls, some at a time, whatever the size
    of the frame.

    Args:
        changed: exactly what it changed, where that is known; None: the levels that it names.
    """
    if record is None:
        return [fit([(cut("raw frame: none yet", width), "title")], width)][:height]
    scroll = scroll or Scroll()
    kind = record.kind.decode(errors="replace")
    title = f"raw frame  {clock(record.time)}  connection {record.connection}  {kind}  {count(len(record.payload))} bytes"
    room, text = max(0, height - 1), pretty(record.payload, width)
    total = _total(events, changed)
    # Half for each where both are long.
    most = min(total, max(room - text.reaches(room) - 1, room // 2))
    levels, levels_at = _levels(events, changed, total, width, most, scroll)
    rule: list[Row] = [[("─" * width, "line")]] if most else []
    lines, lines_at = _lines(text, width, room - most - len(rule), scroll)
    scroll.at = max(levels_at, lines_at)
    return [fit(row, width) for row in [[(title, "title")], *levels, *rule, *lines][:height]]


# -- the levels


def _total(events: Sequence[Event], changed: Changed | None) -> int:
    """Return how many lines the levels take."""
    if changed is not None:
        return max(1, len(changed))
    deltas = sum(len(event.bids) + len(event.asks) for event in events if isinstance(event, BookDelta))
    return deltas + sum(isinstance(event, BookSnapshot) for event in events)


def _levels(
    events: Sequence[Event], changed: Changed | None, total: int, width: int, height: int, scroll: Scroll
) -> tuple[list[Row], int]:
    """Return so many lines of levels, and the first that is seen."""
    rows = _named(events) if changed is None else _changes(changed)
    if total <= height:
        return list(rows), 0
    room = max(0, height - 1)
    first = max(0, min(scroll.at, total - room))
    shown = list(islice(rows, first, first + room))
    below = total - first - room
    return [*shown, left_out(first, counted(below, "level") if below else "", width)][:height], first


def _changes(changed: Changed) -> Iterator[Row]:
    """Yield what became of each level."""
    if not changed:
        yield [("it changed no level", "dim")]
    for side, price, before, after in changed:
        yield _level(side, price, f"{'new' if before is None else before} → {'gone' if after is None else after}")


def _named(events: Sequence[Event]) -> Iterator[Row]:
    """Yield the levels that events set; of a whole book, how many."""
    for event in events:
        if isinstance(event, BookSnapshot):
            yield [(f"snapshot of {counted(len(event.bids), 'bid')} and {counted(len(event.asks), 'ask')}", "dim")]
        elif isinstance(event, BookDelta):
            yield from (_level("bid", price, f"→ {size}") for price, size in event.bids)
            yield from (_level("ask", price, f"→ {size}") for price, size in event.asks)


def _level(side: str, price: str, what: str) -> Row:
    return [(f"{side} {printable(price)}  ", side), (printable(what), "")]


# -- the text


def _lines(text: Pretty, width: int, height: int, scroll: Scroll) -> tuple[list[Row], int]:
    """Return so many lines of a frame, and the first that is seen."""
    if text.reaches(height + 1) <= height:
        return [[(line, "")] for line in text.texts(0, height)], 0
    room = max(0, height - 1)
    # Where one is far down and another frame comes, one is brought back to as far as it was made.
    there = text.reaches(min(scroll.at + room + 1, text.reaches(0) + _AT_ONCE))
    first = max(0, min(scroll.at, there - room))
    rows: list[Row] = [[(line, "")] for line in text.texts(first, room)]
    # How many lines there are to the end nobody knows before they are made.
    below = counted(text.bytes_behind(first + room), "byte") if text.reaches(first + room + 1) > first + room else ""
    return [*rows, left_out(first, below, width, scroll.keys)][:height], first
