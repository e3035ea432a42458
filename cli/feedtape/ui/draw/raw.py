"""The newest frame as the venue sent it, one value a line, and the levels that it set."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from feedtape.model.events import BookDelta, BookSnapshot, Event
from feedtape.model.records import Record
from feedtape.replay.times import clock
from feedtape.ui.draw.rows import Row, cut, fit
from feedtape.ui.output import printable
from feedtape.ui.summary import count, counted

Changed = Sequence[tuple[str, str, str | None, str | None]]
"""Levels that a frame changed: side, price, size before and size after; None: the level was not there, or is gone."""
_LONGEST: Final = 20_000
"""Bytes of a frame that are shown."""
_DEEPEST: Final = 20
"""Steps by which lines are indented at most: a hostile frame goes deeper than any screen is wide."""


def raw_rows(record: Record | None, events: Sequence[Event], changed: Changed | None, width: int, height: int) -> list[Row]:
    """Return what a frame changed, and its text; of either, as much as fits.

    Args:
        changed: exactly what it changed, where that is known; None: the levels that it names.
    """
    if record is None:
        return [fit([(cut("raw frame: none yet", width), "title")], width)][:height]
    kind = record.kind.decode(errors="replace")
    title = f"raw frame  {clock(record.time)}  connection {record.connection}  {kind}  {count(len(record.payload))} bytes"
    levels = _named(events) if changed is None else _changes(changed)
    text = list(islice(_pretty(record.payload, width), max(0, height)))
    room = max(0, height - 1)
    # Half for each where both are long.
    shown = _levels(levels, max(room - len(text) - 1, room // 2))
    rows = [[(title, "title")], *shown, *([[("─" * width, "line")]] if shown else [])]
    rows += [[(line, "")] for line in text]
    return [fit(row, width) for row in rows[:height]]


def _levels(levels: Sequence[Row], height: int) -> list[Row]:
    if len(levels) <= height:
        return list(levels)
    shown = levels[: max(0, height - 1)]
    return [*shown, [(f"and {counted(len(levels) - len(shown), 'level')} more", "dim")]] if height else []


def _changes(changed: Changed) -> list[Row]:
    """Return what became of each level."""
    if not changed:
        return [[("it changed no level", "dim")]]
    return [
        _level(side, price, f"{'new' if before is None else before} → {'gone' if after is None else after}")
        for side, price, before, after in changed
    ]


def _named(events: Sequence[Event]) -> list[Row]:
    """Return the levels that events set; of a whole book, how many."""
    rows: list[Row] = []
    for event in events:
        if isinstance(event, BookSnapshot):
            rows.append([(f"snapshot of {counted(len(event.bids), 'bid')} and {counted(len(event.asks), 'ask')}", "dim")])
        elif isinstance(event, BookDelta):
            rows += [_level("bid", price, f"→ {size}") for price, size in event.bids]
            rows += [_level("ask", price, f"→ {size}") for price, size in event.asks]
    return rows


def _level(side: str, price: str, what: str) -> Row:
    return [(f"{side} {printable(price)}  ", side), (printable(what), "")]


_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[][{},:]|[^][{},:"\s]+', re.DOTALL)
_FLAT: Final = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|[^][{}"])*\]', re.DOTALL)
"""A list of plain values."""


def _pretty(payload: bytes, width: int) -> Iterator[str]:
    """Yield a frame as lines: JSON with a value a line, lists of plain values in one; anything else as it is.

    Only blanks are moved: numbers and texts stay in the venue's own spelling, and a frame that is cut is read as far as it goes.
    """
    text = payload[:_LONGEST].decode(errors="replace")
    if text.lstrip()[:1] in ("{", "["):
        lines = _indented(text)
    else:
        text = printable(text)
        lines = (text[at : at + width] for at in range(0, len(text), max(1, width)))
    yield from lines
    if len(payload) > _LONGEST:
        yield f"… {count(len(payload) - _LONGEST)} bytes more"


def _spaced(items: str) -> str:
    return "".join(token + " " * (token == ",") for token in _TOKEN.findall(items))


def _indented(text: str) -> Iterator[str]:
    line, depth, at = "", 0, 0
    while (token := _TOKEN.search(text, at)) is not None:
        flat = _FLAT.match(text, token.start())
        piece, at = (token[0], token.end()) if flat is None else (_spaced(flat[0]), flat.end())
        if piece in ("}", "]"):
            if line.strip():
                yield printable(line)
            depth = max(0, depth - 1)
            line = "  " * min(depth, _DEEPEST) + piece
            continue
        line = line or "  " * min(depth, _DEEPEST)
        line += piece + " " * (piece == ":")
        if piece in ("{", "["):
            depth += 1
        if piece in ("{", "[", ","):
            yield printable(line)
            line = ""
    if line:
        yield printable(line)
