"""All keys of a screen, and the words that it uses."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from rich.cells import cell_len

from feedtape.ui.draw.rows import Row, cut, fit
from feedtape.ui.keymap import REPLAY, Key, help_lines

_LEAST: Final = 10
_WORDS: Final = (
    ("live", "the book is the present, as far as its proof reaches"),
    ("quiet", "no update for 3 s; the connection lives"),
    ("stale", "every connection that carries the book is silent"),
    ("syncing", "the first snapshot has not come"),
    ("resyncing", "rebuilt after a loss: a fresh snapshot has not come"),
    ("broken", "something was lost, and why; no level is shown"),
    ("checksum", "the venue's checksum matched"),
    ("sequence", "an unbroken chain of updates since the snapshot"),
    ("unprovable", "this venue gives no means to tell"),
    ("38 ms?", "a latency by two clocks that were not compared"),
)
_FIND: Final = (
    ("03:12:44, +90s, 40%", "a time"),
    ("#123456", "the book's sequence number"),
    ("mark:2", "a marker"),
    ("spread > 5", "a condition: spread, bid, ask, mid, trade.size …; gap, resync, crossed, checksum"),
)


def help_rows(table: Sequence[Key], screen: str, columns: int) -> list[Row]:
    """Return the help of a screen; as many rows as it takes."""
    keys = help_lines(tuple(table), screen)
    rows = _block(f"keys of {screen}", keys, columns)
    if screen == REPLAY:
        rows += [fit([], columns), *_block("what / takes", _FIND, columns)]
    return [*rows, fit([], columns), *_block("states and proofs", _WORDS, columns)]


def _block(title: str, pairs: Sequence[tuple[str, str]], columns: int) -> list[Row]:
    wide = max((cell_len(name) for name, _ in pairs), default=0) + 2
    rows: list[Row] = [fit([(cut(title, columns), "title")], columns)]
    for name, words in pairs:
        first, *more = wrap(words, max(_LEAST, columns - wide - 2))
        rows.append(fit([("  ", ""), (name, "key"), (" " * (wide - cell_len(name)), ""), (first, "")], columns))
        rows += [fit([(" " * (wide + 2), ""), (line, "")], columns) for line in more]
    return rows
