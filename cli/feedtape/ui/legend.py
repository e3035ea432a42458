"""The marks on the screens, once: the help and the documentation read this table, and a test compares it with what is drawn."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from feedtape.ui.keymap import CHAIN, RECORD, REPLAY, WATCH
from feedtape.ui.view import View

BOOK, MAP, LINE, VENUES, OPTIONS, PANEL = "books", "depth map", "time line", "venues", "option chain", "panels"
_BOOKS: Final = (WATCH, RECORD, REPLAY, CHAIN)
SCREENS: Final = {BOOK: _BOOKS, MAP: _BOOKS, LINE: (REPLAY,), VENUES: _BOOKS, OPTIONS: (CHAIN, RECORD, REPLAY), PANEL: _BOOKS}
"""On which screens each part may be."""


@dataclass(frozen=True)
class Mark:
    """What a mark means.

    Attributes:
        part: the part of a screen that has it.
        signs: how it is drawn; several where it has shades or sides.
    """

    part: str
    signs: str
    means: str


MARKS: Final = (
    Mark(BOOK, "▸", "where the cursor is; of several books, the one that keys are for"),
    Mark(BOOK, "███", "how much lies from the best price up to this level, by the most that is shown"),
    Mark(BOOK, "bold", "a level that changed since the picture before"),
    Mark(BOOK, "▲ ▼ ·", "a trade: somebody bought, sold, the venue does not say which; the bar is its size"),
    Mark(BOOK, "▁▃█", "mid and spread, second by second, from the least to the greatest; what is far off stands at the edge"),
    Mark(BOOK, "-", "not known: the venue did not say, or there is none"),
    Mark(MAP, "░ ▒ ▓ █", "how much lies at a price, from little to much; brightness where there is colour"),
    Mark(MAP, "─ ═", "the best bid, the best ask; lines of their own colours where there is colour; b and a on the scale"),
    Mark(MAP, "▴ ▾ ·", "a trade: bought, sold, not said; ▲ ▼ • one out of the ordinary"),
    Mark(MAP, "╳", "the book was not live in that second"),
    Mark(MAP, "┊ ╌", "every connection that carries the book was silent: what is drawn is of the past, ╌ were the best prices"),
    Mark(MAP, "· on top", "nothing was heard in that second"),
    Mark(LINE, "▁▃█", "how many frames came when"),
    Mark(LINE, "▲", "where one is"),
    Mark(LINE, "✕", "something was lost: a gap, a failed checksum, dropped frames, damage of the tape"),
    Mark(LINE, "┊", "a connection was closed, or silent"),
    Mark(LINE, "↻", "a book was whole again"),
    Mark(LINE, "◆ ◇", "a marker of the tape, a bookmark beside it; its name is below, where there is room"),
    Mark(VENUES, "► ◄", "the best bid, the best ask of all that are live"),
    Mark(VENUES, "CROSSED", "a bid on one venue is at or above the ask of another"),
    Mark(VENUES, "≈", "a size that depends on the price: of inverse contracts"),
    Mark(VENUES, "?", "nobody said what a size stands for"),
    Mark(VENUES, "≤ ≥", "no more, no less than this: the book goes on beyond what was looked at"),
    Mark(VENUES, "all together", "the best of all that are live, level by level"),
    Mark(OPTIONS, "b q s", "bid and ask are of the book, of a quote, of a summary"),
    Mark(OPTIONS, "~ !", "the book is silent; it is not live"),
    Mark(OPTIONS, "•", "exercising would pay"),
    Mark(OPTIONS, "▸ ◂", "the strike that is nearest to the price of the underlying"),
    Mark(OPTIONS, "› ‹", "where the cursor is; beside the expiries, there are more of them"),
    Mark(OPTIONS, "C P O", "in the smile: a call, a put, both alike; · between them, ┊ at the money"),
    Mark(PANEL, "▲ ▼", "so much is above, below"),
)


def parts_of(screen: str) -> tuple[str, ...]:
    """Return the parts that a screen may have."""
    return tuple(part for part, screens in SCREENS.items() if screen in screens)


def parts_shown(view: View) -> tuple[str, ...]:
    """Return the parts that a screen has as it is viewed now."""
    is_chain = view.is_chain and not view.zoomed
    shown = {
        BOOK: not (is_chain or view.is_folded or view.is_across),
        MAP: "map" in view.opened,
        LINE: True,
        VENUES: view.is_across,
        OPTIONS: is_chain,
        PANEL: view.front is not None,
    }
    return tuple(part for part in parts_of(view.screen) if shown[part])


def marks_of(parts: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the marks of parts of a screen: of each part its name, and signs with their meanings."""
    return [(part, [(mark.signs, mark.means) for mark in MARKS if mark.part == part]) for part in SCREENS if part in parts]


def marks_markdown() -> str:
    """Return the table as the documentation has it."""
    lines = ["## Marks", "", "`?` shows those that are on the screen.", "", "| where | mark | means |", "|---|---|---|"]
    lines += [f"| {mark.part} | {mark.signs} | {mark.means} |" for mark in MARKS]
    return "\n".join(lines) + "\n"
