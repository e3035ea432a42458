"""Many books at once: boxes side by side, or one line a book where boxes do not fit."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from rich.cells import cell_len

from feedtape.book import measures
from feedtape.ui.draw.head import latency_short
from feedtape.ui.draw.ladder import Ladder, compact_rows, ladder_rows
from feedtape.ui.draw.numbers import aligned, plain, tidied
from feedtape.ui.draw.rows import Cell, Row, beside, cut, fit, right, tail, width
from feedtape.ui.output import printable
from feedtape.ui.picture import BookPicture

_LEAST_WIDTH: Final = 38
_LEAST_HEIGHT: Final = 6
_TALL: Final = 16
"""Height from which a box has a ladder instead of two columns."""


class Box(NamedTuple):
    """Where a book is drawn: its target, and the rows and columns that it takes."""

    target: str
    top: int
    left: int
    height: int
    width: int

    def holds(self, x: int, y: int) -> bool:
        """Tell whether a point lies in it."""
        return self.top <= y < self.top + self.height and self.left <= x < self.left + self.width


def shape(count: int, columns: int, height: int) -> tuple[int, int] | None:
    """Return how many boxes stand side by side and below each other; None where they would be too small."""
    best: tuple[int, int] | None = None
    for across in range(1, max(1, (columns + 1) // (_LEAST_WIDTH + 1)) + 1):
        down = max(1, -(-count // across))
        # The fewest boxes side by side that leave room below: a ladder wants height.
        if height // down >= _LEAST_HEIGHT and (best is None or height // down > height // best[1]):
            best = (across, down)
    return best


def grid_rows(
    books: Sequence[BookPicture], columns: int, height: int, selected: str | None, layout: str, ladders: dict[str, Ladder]
) -> tuple[list[Row], list[Box]]:
    """Return every book in a box of its own, and where each one is; lines of a table where the boxes would be too small."""
    found = None if layout == "table" else shape(len(books), columns, height)
    if found is None:
        return table_rows(books, columns, height, selected)
    across, down = found
    each_width, each_height = (columns - (across - 1)) // across, height // down
    rows: list[Row] = []
    boxes = []
    for at in range(0, len(books), across):
        line: list[Row] = []
        for place, book in enumerate(books[at : at + across]):
            last = place == across - 1
            box_width = columns - (across - 1) * (each_width + 1) if last else each_width
            boxes.append(Box(book.target, len(rows), place * (each_width + 1), each_height, box_width))
            box = box_rows(book, box_width, each_height, book.target == selected, layout, ladders.get(book.target, Ladder()))
            line = beside(line, box, place * (each_width + 1) - 1) if line else box
        rows += [fit(row, columns) for row in line]
    return rows, boxes


def box_rows(book: BookPicture, columns: int, height: int, is_selected: bool, layout: str, how: Ladder) -> list[Row]:
    """Return one box: a title, a line of facts, and the levels."""
    facts = _facts(book)
    rows = [_title(book, columns, is_selected), fit(facts, columns)]
    left = height - len(rows) - 1
    draw = compact_rows if layout == "compact" or left < _TALL else ladder_rows
    rows += draw(book, columns, max(1, left), replace(how, cursor=how.cursor if is_selected else 0))
    return [*rows[: height - 1], fit([], columns)][:height]


def _title(book: BookPicture, columns: int, is_selected: bool) -> Row:
    state: list[Cell] = [(printable(book.word), book.grade)]
    room = columns - 3 - width(state)
    name = tail(book.target, min(max(4, room), cell_len(printable(book.target))))
    row: Row = [("▸" if is_selected else " ", "strong"), (name, "chosen" if is_selected else "title"), ("  ", ""), *state]
    return fit(row, columns)


def _facts(book: BookPicture) -> Row:
    rate = f"{book.per_s:.1f}/s" if book.per_s is not None else "-"
    gaps = book.counters.gaps
    row: Row = [(f" {book.proof}", "dim"), (f"  {rate}", ""), (f"  gaps {gaps}", "bad" if gaps else "dim")]
    if book.trade is not None:
        mark, part = {"buy": ("▲", "buy"), "sell": ("▼", "sell")}.get(book.trade.side or "", ("·", "dim"))
        price, size = tidied(book.trade.price, book.tick), tidied(book.trade.size, book.lot)
        row.append((f"  {mark} {printable(price)} × {printable(size)}", part))
    return row


# -- one line a book

_ORDER: Final = ("book", "state", "bid size", "bid", "ask", "ask size", "spread", "/s", "proof", "gaps", "trades", "latency")
_DROPPED: Final = ("latency", "trades", "/s", "proof", "gaps", "ask size", "bid size", "spread")
"""In this order, where they do not fit."""


def table_rows(books: Sequence[BookPicture], columns: int, height: int, selected: str | None) -> tuple[list[Row], list[Box]]:
    """Return a head and one line a book, and where each one is; of more than fit, those around the selected one."""
    texts = {name: _column(name, books) for name in _ORDER}
    wide = {name: max(len(name), *(cell_len(text) for text, _ in cells)) for name, cells in texts.items()}
    names = list(_ORDER)
    for name in _DROPPED:
        if sum(wide[one] + 2 for one in names) - 1 <= columns:
            break
        names.remove(name)
    over = sum(wide[one] + 2 for one in names) - 1 - columns
    for name, least in (("state", 9), ("book", 6)):
        # Prices are never cut before these two are.
        given = min(max(0, over), max(0, wide[name] - least))
        wide[name], over = wide[name] - given, over - given
    head: Row = [(" ", "")]
    for name in names:
        head.append((_padded(name, name, wide[name]) + "  ", "dim"))
    room = max(0, height - 1)
    hidden = max(0, len(books) - room)
    if hidden and room > 1:
        # A line says how many there are.
        room, hidden = room - 1, hidden + 1
    at = next((place for place, book in enumerate(books) if book.target == selected), 0)
    first = max(0, min(at - room // 2, len(books) - room))
    rows, boxes = [fit(head, columns)], []
    for place in range(first, min(len(books), first + room)):
        is_selected = place == at
        row: Row = [("▸" if is_selected else " ", "strong")]
        for name in names:
            text, part = texts[name][place]
            padded = _padded(name, text, wide[name])
            row.append((padded + "  ", "chosen" if is_selected and name == "book" else part))
        boxes.append(Box(books[place].target, len(rows), 0, 1, columns))
        rows.append(fit(row, columns))
    if hidden and len(rows) < height:
        rows.append(fit([(f" {hidden} more: tab moves on", "dim")], columns))
    return rows, boxes


def _padded(name: str, text: str, columns: int) -> str:
    place = {"book": tail, "state": cut, "proof": cut}.get(name, right)
    return place(text, columns)


def _column(name: str, books: Sequence[BookPicture]) -> list[Cell]:
    if name in ("bid", "ask", "bid size", "ask size"):
        side, at = name.split(" ")[0], 1 if name.endswith("size") else 0
        best = [(book.bids if side == "bid" else book.asks)[: int(book.is_live)] for book in books]
        steps = [book.lot if at else book.tick for book in books]
        texts = aligned([tidied(levels[0][at], step) if levels else "-" for levels, step in zip(best, steps, strict=True)])
        parts = ["dim" if book.is_stale else side if at == 0 else "" for book in books]
        return list(zip(texts, parts, strict=True))
    return [_cell(name, book) for book in books]


def _cell(name: str, book: BookPicture) -> Cell:
    if name == "book":
        return printable(book.target), "strong"
    if name == "state":
        return printable(book.word), book.grade
    if name == "proof":
        return book.proof, ""
    if name == "spread":
        spread = measures.spread(book.bids, book.asks) if book.is_live else None
        return ("-" if spread is None else tidied(plain(spread), book.tick)), "warn" if spread is not None and spread <= 0 else ""
    if name == "/s":
        return ("-" if book.per_s is None else f"{book.per_s:.1f}"), ""
    if name == "gaps":
        return str(book.counters.gaps), "bad" if book.counters.gaps else "dim"
    if name == "trades":
        return str(book.trade_count), "dim"
    return latency_short(book), "dim"
