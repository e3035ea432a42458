"""What a screen shows, panel by panel, as rows: the view chooses, the picture says what is true."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from feedtape.book import measures
from feedtape.ui.draw.across import across
from feedtape.ui.draw.chain_rows import chain_rows
from feedtape.ui.draw.depth_map import DepthMap
from feedtape.ui.draw.foot import waiting_rows
from feedtape.ui.draw.grid import Box, grid_rows
from feedtape.ui.draw.head import (
    Item,
    cost_rows,
    cursor_row,
    derivative_row,
    latency_words,
    line,
    measures_row,
    plots_row,
    rates_row,
    title_row,
)
from feedtape.ui.draw.ladder import Ladder, compact_rows, ladder_rows, sides
from feedtape.ui.draw.raw import raw_rows
from feedtape.ui.draw.rows import Cell, Row
from feedtape.ui.draw.smile import smile_rows
from feedtape.ui.draw.statistics import statistics_rows
from feedtape.ui.draw.status_panel import status_rows
from feedtape.ui.draw.trades import trade_rows
from feedtape.ui.keymap import REPLAY
from feedtape.ui.picture import BookPicture, Picture
from feedtape.ui.view import View

__all__ = [
    "Cell",
    "Row",
    "head_height",
    "head_rows",
    "is_book",
    "levels_of",
    "main_rows",
    "map_rows",
    "raw_rows",
    "statistics_rows",
    "step_of",
    "tape_rows",
]

_HEAD: Final = 3
_SMILE: Final = 14
_TALL: Final = 30
"""Lines from which the head has plots and facts of its own."""


def is_book(view: View, picture: Picture) -> bool:
    """Tell whether one book fills the main panel."""
    if view.is_chain and not view.zoomed:
        return False
    return not view.is_folded and not view.is_across and view.layout != "table" and view.is_single(picture)


def head_height(view: View, picture: Picture, height: int) -> int:
    """Return how many lines the head takes."""
    if not is_book(view, picture):
        return 1
    book = view.book(picture)
    has_facts = book is not None and (book.derivative is not None or book.option is not None)
    return _HEAD + (has_facts and height >= _HEAD + 20) + (height >= _TALL)


def head_rows(
    view: View, picture: Picture, book: BookPicture | None, width: int, height: int, more: Sequence[Cell] = ()
) -> list[Row]:
    """Return the head: of the one book that is shown, or of all."""
    if book is None or not is_book(view, picture):
        return [_summary(view, picture, width, more)]
    rows = [
        title_row(book, width, more),
        measures_row(book, width),
        rates_row(view.counters(book), picture, width, latency_words(book)),
    ]
    facts, plots = derivative_row(book, picture.time, width), plots_row(book, width)
    rows += [row for row in (facts, plots) if row is not None]
    return rows[:height]


def _summary(view: View, picture: Picture, width: int, more: Sequence[Cell]) -> Row:
    chain = picture.chain if view.is_chain else None
    if chain is not None:
        more_of = f", {chain.listed} in {len(chain.expiries)} expiries" if len(chain.expiries) > 1 else ""
        what, grade = f"{chain.told} of {chain.options} options told of{more_of}", chain.grade
    elif view.is_chain and not view.zoomed:
        what, grade = "", ""
    else:
        books = view.shown(picture)
        live = sum(book.is_live and not book.is_stale for book in books)
        what, grade = f"{live} of {len(books)} books live", "good" if live == len(books) else "warn"
    rate = f"{picture.frames_per_s:,.0f}/s".replace(",", " ") if picture.frames_per_s is not None else "-"
    items: list[Item] = [
        (5, [("feedtape", "title")]),
        (1, [(what, grade)] if what else []),
        (4, [(f"{rate} frames", "")]),
        (2, [(f"losses {picture.losses}", "bad" if picture.losses else "dim")]),
        (0, more[:1]),
        (3, more[1:]),
    ]
    return line(items, width)


def step_of(view: View, book: BookPicture) -> str | None:
    """Return the step by which a book's prices are grouped; None: they are not.

    Before any is chosen, what `--group` asks for counts.
    """
    number = view.group.get(book.target)
    if number is None:
        return view.step
    tick = measures.tick(book.instrument, book.bids, book.asks)
    return None if number == 0 or tick is None else next(islice(measures.steps(tick), number, None))


def levels_of(view: View, book: BookPicture, most: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return bids and asks as they are drawn."""
    return sides(book, step_of(view, book), most)


def _ladder(view: View, book: BookPicture) -> Ladder:
    return Ladder(step_of(view, book), view.changed(book), view.cursor if book.target == view.selected else 0, view.depth)


def main_rows(view: View, picture: Picture, facts: Mapping[str, Any], width: int, height: int) -> tuple[list[Row], list[Box]]:
    """Return the main panel, and where in it each book is that can be chosen."""
    if view.is_folded:
        return status_rows(picture, facts, width, height), []
    if view.is_chain and not view.zoomed:
        return _chain_rows(view, picture, width, height), []
    if view.is_across:
        return across(picture, width, height, view.size), []
    book = view.book(picture)
    if book is None:
        return waiting_rows(["no book yet"], width, height, _heading(view)), []
    if is_book(view, picture):
        return _book_rows(view, book, width, height), []
    books = view.shown(picture)
    return grid_rows(books, width, height, view.selected, view.layout, {one.target: _ladder(view, one) for one in books})


def _heading(view: View) -> str:
    return "nothing up to here" if view.screen == REPLAY else "connecting…"


def _chain_rows(view: View, picture: Picture, width: int, height: int) -> list[Row]:
    chain = picture.chain
    if chain is None or view.chain is None:
        return waiting_rows(["no option yet"], width, height, _heading(view))
    smile = min(_SMILE, height // 3) if height >= _TALL and chain.expiries else 0
    rows = chain_rows(chain, view.chain, width, height - smile)
    return rows + (smile_rows(chain.expiries[view.chain.expiry], width, smile) if smile else [])


def _book_rows(view: View, book: BookPicture, width: int, height: int) -> list[Row]:
    how = _ladder(view, book)
    bids, asks = levels_of(view, book, abs(view.cursor)) if view.cursor else ([], [])
    below = [
        cursor_row(book, asks if view.cursor < 0 else bids, view.cursor, width),
        *cost_rows(book, view.size, width),
    ]
    lines = [row for row in below if row is not None]
    draw = compact_rows if view.layout == "compact" else ladder_rows
    return [*draw(book, width, max(1, height - len(lines)), how), *lines][:height]


def tape_rows(book: BookPicture | None, width: int, height: int) -> list[Row]:
    """Return the newest trades."""
    return trade_rows([], width, height) if book is None else trade_rows(book.trades, width, height, book.tick, book.lot)


def map_rows(drawer: DepthMap, book: BookPicture | None, width: int, height: int) -> list[Row]:
    """Return depth over time; `drawer` is the book's own, which keeps its scale from picture to picture."""
    return [] if book is None else drawer.draw(book.columns, width, height, tick=book.tick)
