"""Rows: what a screen shows, as plain text with the part that each piece plays.

Whatever draws makes rows, and whatever shows them (the terminal, a picture, a test) chooses the colours by part. No meaning is
ever in a colour alone: state has a word, sides have their place and a letter, a change is bold.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from rich.cells import cell_len, set_cell_size

from feedtape.ui.output import printable

Cell = tuple[str, str]
"""A piece of text, and its part: a name of `PARTS`."""
Row = list[Cell]

_HEATS: Final = (*range(10), "bid", "ask")

PARTS: Final = (
    "",  # plain
    "dim",
    "strong",
    "title",  # the name of what a box shows
    "good",  # live, matched
    "warn",  # stale, behind, crossed
    "bad",  # broken, lost, refused
    "bid",
    "ask",
    "bid.bar",  # on the background that tells how much lies up to a level
    "ask.bar",
    "bid.flash",  # a level that has just changed
    "ask.flash",
    "buy",  # a trade by its aggressor
    "sell",
    "cursor",
    "key",  # a key that can be pressed
    "line",  # rules and frames
    "chosen",  # the tab, book or expiry that is looked at
    *(f"heat.{step}" for step in range(10)),  # ten steps of brightness, as background
    *(f"heat.{step}.buy" for step in range(10)),  # a trade's dot on them
    *(f"heat.{step}.sell" for step in range(10)),
    "heat.bid",  # the lines of the best prices: solid, as `heat.N` is
    "heat.ask",
    # Two prices in one cell: the upper one is the letter's colour, the lower one the background.
    *(f"heat.{upper}/{lower}" for upper in _HEATS for lower in _HEATS if upper != lower),
)


_columns_of = lru_cache(maxsize=8192)(cell_len)


def _columns(text: str) -> int:
    """Return how many columns a text takes: measured once where it has more than ASCII, since bars come again and again."""
    return len(text) if text.isascii() else _columns_of(text)


def width(row: Iterable[Cell]) -> int:
    """Return how many columns a row takes."""
    return sum(_columns(text) for text, _ in row)


def cut(text: str, columns: int) -> str:
    """Return a text in that many columns: cut with an ellipsis where it is longer, padded where it is shorter.

    A stranger's words are made harmless.
    """
    text = printable(text)
    length = _columns(text)
    return text + " " * (columns - length) if length <= columns else _shortened(text, columns)


def _shortened(text: str, columns: int) -> str:
    return set_cell_size(text, columns - 1) + "…" if columns > 0 else ""


def tail(text: str, columns: int) -> str:
    """As `cut`, with the end kept: what tells one symbol from another is seldom how it begins."""
    text = printable(text)
    if _columns(text) <= columns or columns < 1:
        return cut(text, columns)
    while _columns(text) > columns - 1:
        text = text[1:]
    return cut("…" + text, columns)


def right(text: str, columns: int) -> str:
    """As `cut`, with the padding in front."""
    text = printable(text)
    length = _columns(text)
    return " " * (columns - length) + text if length <= columns else cut(text, columns)


def fit(row: Iterable[Cell], columns: int) -> Row:
    """Return a row in exactly that many columns; its texts are taken to be harmless.

    A text that is cut ends with an ellipsis: half a number must not pass for a whole one.
    """
    fitted: Row = []
    left = columns
    for text, part in row:
        length = _columns(text)
        if length > left:
            bare = text.rstrip(" ")
            text, length = _shortened(bare, left) if _columns(bare) > left else set_cell_size(text, left), left
        if text:
            fitted.append((text, part))
        left -= length
    if left > 0:
        fitted.append((" " * left, ""))
    return fitted


def beside(left: list[Row], right_: list[Row], columns: int, gap: int = 1) -> list[Row]:
    """Return two blocks side by side; the left one is `columns` wide."""
    height = max(len(left), len(right_))
    blank: Row = []
    rows = []
    for at in range(height):
        one = fit(left[at] if at < len(left) else blank, columns)
        other = right_[at] if at < len(right_) else blank
        rows.append([*one, (" " * gap, ""), *other])
    return rows


def text_of(row: Iterable[Cell]) -> str:
    """Return what a row says, without parts."""
    return "".join(text for text, _ in row)
