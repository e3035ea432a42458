"""All keys of a screen, and the marks and words that it uses."""

from collections.abc import Collection, Sequence
from textwrap import wrap
from typing import Final

from rich.cells import cell_len

from feedtape.ui.draw.rows import Row, cut, fit
from feedtape.ui.keymap import REPLAY, Key, help_lines
from feedtape.ui.legend import marks_of, parts_of

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


def help_rows(table: Sequence[Key], screen: str, columns: int, parts: Collection[str] | None = None) -> list[Row]:
    """Return the help of a screen; as many rows as it takes.

    Args:
        parts: those that the screen has now, whose marks are told; None: all that it may have.
    """
    blocks = [(f"keys of {screen}", help_lines(tuple(table), screen))]
    if screen == REPLAY:
        blocks.append(("what / takes", [*_FIND]))
    blocks += [(f"marks: {part}", marks) for part, marks in marks_of(parts_of(screen) if parts is None else parts)]
    blocks.append(("states and proofs", [*_WORDS]))
    rows = [row for title, pairs in blocks for row in (fit([], columns), *_block(title, pairs, columns))]
    return rows[1:]


def _block(title: str, pairs: Sequence[tuple[str, str]], columns: int) -> list[Row]:
    wide = max((cell_len(name) for name, _ in pairs), default=0) + 2
    rows: list[Row] = [fit([(cut(title, columns), "title")], columns)]
    for name, words in pairs:
        first, *more = wrap(words, max(_LEAST, columns - wide - 2)) or [""]
        rows.append(fit([("  ", ""), (name, "key"), (" " * (wide - cell_len(name)), ""), (first, "")], columns))
        rows += [fit([(" " * (wide + 2), ""), (line, "")], columns) for line in more]
    return rows
