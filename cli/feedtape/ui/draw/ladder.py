"""Ladders: the levels of one book as rows, with bars of how much lies up to each.

A book that is not live has no levels: its state and the reason stand where they would be, never an old level.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import accumulate
from textwrap import wrap
from typing import Final

from feedtape.book import measures
from feedtape.ui.draw.numbers import aligned, plain, tidied
from feedtape.ui.draw.plots import bar
from feedtape.ui.draw.rows import Row, cut, fit
from feedtape.ui.draw.rows import width as width_of
from feedtape.ui.output import printable
from feedtape.ui.picture import BookPicture

Level = tuple[str, str]
_LEAST_BAR: Final = 4
_MOST_BAR: Final = 40
_EXACT: Final = 100
"""Digits in which any sum of sizes is exact."""


@dataclass(frozen=True)
class Ladder:
    """How a ladder is to be drawn.

    Attributes:
        group: step that prices are grouped by; None: the venue's own levels.
        changed: levels (side and price) to highlight; of grouped ones, none.
        cursor: levels from the middle, bids positive, asks negative.
        depth: levels a side at most; 0: as many as fit.
    """

    group: str | None = None
    changed: frozenset[tuple[str, str]] = frozenset()
    cursor: int = 0
    depth: int = 0


def sides(book: BookPicture, group: str | None, most: int) -> tuple[list[Level], list[Level]]:
    """Return bids and asks, the best first, grouped if that is asked for; `most` groups are enough."""
    if group is None:
        return book.bids, book.asks
    bids, asks = measures.grouped(book.bids, group, "bid", most), measures.grouped(book.asks, group, "ask", most)
    # Of levels that go on beyond what the picture holds, the last group has not all.
    return (
        bids[:-1] if 1 < len(bids) < most and book.levels[0] > len(book.bids) else bids,
        asks[:-1] if 1 < len(asks) < most and book.levels[1] > len(book.asks) else asks,
    )


def ladder_rows(book: BookPicture, width: int, height: int, how: Ladder) -> list[Row]:
    """Return a book as one column of prices: asks above, bids below, mid and spread between them."""
    if not book.is_live:
        return _unproven(book, width, height)
    fitting = (height - 1) // 2
    depth = min(fitting, how.depth or fitting)
    skip = max(0, abs(how.cursor) - depth)
    bids, asks = sides(book, how.group, skip + depth)
    asks_rows, bids_rows = _lines(book, asks, bids, width, how, slice(skip, skip + depth))
    blank: Row = fit([], width)
    rows = [blank] * (fitting - len(asks_rows)) + asks_rows[::-1]
    rows.append(between(book, width, skip))
    rows += bids_rows
    return (rows + [blank] * height)[:height]


def compact_rows(book: BookPicture, width: int, height: int, how: Ladder) -> list[Row]:
    """Return a book as two columns: bids to the left, asks to the right, the best in the first row."""
    if not book.is_live:
        return _unproven(book, width, height)
    depth = min(height - 1, how.depth or height - 1)
    skip = max(0, abs(how.cursor) - depth)
    bids, asks = sides(book, how.group, skip + depth)
    half = (width - 1) // 2
    ask_rows, bid_rows = _lines(book, asks, bids, half, how, slice(skip, skip + depth))
    rows = [between(book, width, skip)]
    blank: Row = fit([], half)
    for at in range(depth):
        left = _mirrored(bid_rows[at]) if at < len(bid_rows) else blank
        right_ = ask_rows[at] if at < len(ask_rows) else blank
        rows.append(fit([*left, (" ", ""), *right_], width))
    return (rows + [fit([], width)] * height)[:height]


def _mirrored(row: Row) -> Row:
    """Turn a line round, so that bids have their price next to the asks."""
    return [(_turned(text), part) for text, part in reversed(row)]


_TURNED = str.maketrans("▏▎▍▌▋▊▉", "▕▕▕▐▐▐▐")


def _turned(text: str) -> str:
    if text == "▸":
        return "◂"
    return text[::-1].translate(_TURNED) if "█" in text or any(eighth in text for eighth in "▏▎▍▌▋▊▉") else text


def _lines(
    book: BookPicture, asks: Sequence[Level], bids: Sequence[Level], width: int, how: Ladder, shown: slice
) -> tuple[list[Row], list[Row]]:
    """Return the lines of both sides, the best first, in columns that both share; what does not fit goes from the right."""
    shown_asks, shown_bids = asks[shown], bids[shown]
    levels = [*shown_asks, *shown_bids]
    sums = [*_sums(asks[: shown.stop])[shown], *_sums(bids[: shown.stop])[shown]]
    largest = max(sums, default=Decimal(0))
    texts = [
        aligned([tidied(price, book.tick) for price, _ in levels]),
        aligned([tidied(size, book.lot) for _, size in levels]),
        aligned([tidied(plain(total), book.lot) for total in sums]),
    ]
    price, size, total = (len(column[0]) if column else 0 for column in texts)
    left = width - 1 - price - 2 - size
    if left < 2 + total:
        texts, total = texts[:2], -2
    left -= 2 + total + 1
    bar_width = min(_MOST_BAR, left) if left >= _LEAST_BAR else 0
    rows: list[Row] = []
    for at, line in enumerate(zip(*texts, strict=True)):
        side, number = ("ask", -(at + 1)) if at < len(shown_asks) else ("bid", at - len(shown_asks) + 1)
        is_cursor = how.cursor == (number - shown.start if number < 0 else number + shown.start)
        share = bar(float(sums[at] / largest) if largest else 0.0, bar_width)
        rows.append(fit(_line(book, how, side, levels[at][0], line, share, is_cursor=is_cursor), width))
    return rows[: len(shown_asks)], rows[len(shown_asks) :]


def _line(book: BookPicture, how: Ladder, side: str, price: str, texts: Sequence[str], share: str, *, is_cursor: bool) -> Row:
    """Return one level: a mark, price, size, and the sum up to it where there is room, and its bar."""
    # Of a stale book nothing looks alive.
    living, ground = ("dim", "line") if book.is_stale else (side, f"{side}.bar")
    is_changed = how.group is None and not book.is_stale and (side, price) in how.changed
    flash = f"{side}.flash" if is_changed else ""
    row: Row = [("▸" if is_cursor else " ", "strong"), (texts[0], "cursor" if is_cursor else flash or living)]
    row += [("  ", ""), (texts[1], flash or ("dim" if book.is_stale else ""))]
    for total in texts[2:]:
        row += [("  ", ""), (total, "dim")]
    return [*row, (" ", ""), (share, ground)] if share else row


def _sums(levels: Sequence[Level]) -> list[Decimal]:
    """Return what lies up to each level, exactly."""
    with localcontext() as context:
        context.prec = _EXACT
        return list(accumulate(Decimal(size) for _, size in levels))


def between(book: BookPicture, width: int, skip: int = 0) -> Row:
    """Return what stands between the sides: mid and spread, or what there is instead."""
    if not book.bids and not book.asks:
        return fit([("── empty ──", "warn")], width)
    if not book.bids or not book.asks:
        return fit([(f"── one-sided: no {'asks' if book.bids else 'bids'} ──", "warn")], width)
    mid, spread = measures.mid(book.bids, book.asks), measures.spread(book.bids, book.asks)
    if mid is None or spread is None:
        return fit([("── no mid ──", "warn")], width)
    row: Row = [("── ", "line")]
    row += [(book.word, "warn"), ("  ", "")] if book.is_stale else []
    row += [("CROSSED", "bad"), ("  ", "")] if book.is_crossed else []
    row.append((f"mid {tidied(plain(mid), book.tick)}", "strong"))
    row.append((f"  spread {tidied(plain(spread), book.tick)}", "warn" if spread <= 0 else ""))
    points = measures.spread_bps(book.bids, book.asks)
    if points is not None:
        row.append((f" ({points:.2f} bp)", "dim"))
    if skip:
        row.append((f"  {skip} nearer left out", "dim"))
    row.append((" ", ""))
    return fit([*row, ("─" * max(0, width - width_of(row)), "line")], width)


def _unproven(book: BookPicture, width: int, height: int) -> list[Row]:
    """Say why there are no levels."""
    words: list[Row] = [[(printable(book.word).upper(), "bad" if book.grade == "bad" else "warn")], []]
    words += [[(cut(line, width - 1), "dim")] for line in wrap(printable(book.reason), max(1, width - 2))]
    top = max(0, (height - len(words)) // 2)
    rows = [fit([], width)] * top + [fit([(" ", ""), *row], width) for row in words]
    return (rows + [fit([], width)] * height)[:height]
