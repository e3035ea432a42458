"""The line below a replay: how busy the tape was when, what happened where, what a person called it, and where one is."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from feedtape.replay.times import clock, span
from feedtape.ui.draw.rows import Cell, Row, cut, fit
from feedtape.ui.draw.rows import width as columns_of
from feedtape.ui.output import printable
from feedtape.ui.playing import Head, Named

if TYPE_CHECKING:
    from feedtape.replay.timeline import Timeline

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_MARKS: Final = {
    "gap": ("✕", "bad"),
    "checksum": ("✕", "bad"),
    "damage": ("✕", "bad"),
    "dropped": ("✕", "bad"),
    "disconnect": ("┊", "warn"),
    "stall": ("┊", "warn"),
    "resync": ("↻", "warn"),
    "mark": ("◆", "title"),
    "bookmark": ("◇", "title"),
}
"""Which sign a kind has; of several in one column the first one here is seen."""
_RANK: Final = {kind: number for number, kind in enumerate(_MARKS)}
_NAMES: Final = (24, 12, 6)
"""How long a name may be, at most; where there is less room a shorter one."""
_AT_NS: Final = 1_000_000_000
_PASSING_S: Final = 3
"""For so long, as a person's time goes, the name of what was passed is shown."""


def line_rows(timeline: "Timeline | None", head: Head, width: int, named: Sequence[Named] = ()) -> list[Row]:
    """Return two lines: rate and marks over the whole tape, and below them where one is, and the names of what is near.

    The name of what one stands at, or has just passed, is beside the time; others stand below their signs, where there is room.
    """
    return [_rates(timeline, head, width, named), _below(head, width, named)]


def _place(time: int, head: Head, width: int) -> int:
    return min(width - 1, max(0, (time - head.first) * (width - 1) // max(1, head.last - head.first)))


def _rates(timeline: "Timeline | None", head: Head, width: int, named: Sequence[Named]) -> Row:
    heights, place = _heights(timeline, head, width), _place(head.time, head, width)
    signs: dict[int, str] = {}
    happened = [(one.time, _kind(one)) for one in named]
    if timeline is not None:
        happened += [(one.time, one.kind) for one in timeline.marks if one.kind != "mark"]
    for time, kind in happened:
        at = _place(time, head, width)
        if kind in _MARKS and (at not in signs or _RANK[kind] < _RANK[signs[at]]):
            signs[at] = kind
    row: Row = []
    for at in range(width):
        text, part = _MARKS[signs[at]] if at in signs else (_BLOCKS[heights[at]], "bid.bar" if at <= place else "line")
        if row and row[-1][1] == part:
            row[-1] = (row[-1][0] + text, part)
        else:
            row.append((text, part))
    return row


def _heights(timeline: "Timeline | None", head: Head, width: int) -> list[int]:
    """Return how high each column is, in eighths, by the busiest one."""
    if timeline is None:
        return [0] * width
    counts = timeline.counts
    # Means, as not all columns have as many buckets; where there are fewer of them, several columns show the same one.
    edges = [at * len(counts) // width for at in range(width + 1)]
    means = [sum(counts[start : max(start + 1, end)]) / max(1, end - start) for start, end in pairwise(edges)]
    most = max(means) or 1.0
    return [max(1, round(mean / most * 8)) if mean else 0 for mean in means]


def _kind(one: Named) -> str:
    return "bookmark" if one.is_bookmark else "mark"


class _Line:
    """A line into which texts are put that keep a blank between each other."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._put: list[tuple[int, int, Row]] = []

    def put(self, at: int, row: Row) -> bool:
        """Put texts at a column, if there is room."""
        end = at + columns_of(row)
        if at < 0 or end > self.width or any(at <= there and start <= end for start, there, _ in self._put):
            return False
        self._put.append((at, end, row))
        return True

    @property
    def row(self) -> Row:
        """The line."""
        row: Row = []
        at = 0
        for start, end, cells in sorted(self._put, key=lambda one: one[0]):
            row += [(" " * (start - at), ""), *cells]
            at = end
        return fit(row, self.width)


def _below(head: Head, width: int, named: Sequence[Named]) -> Row:
    """Return where one is, and what else there is room for: the times of both ends, the names of what lies nearest."""
    line, place, now = _Line(width), _place(head.time, head, width), clock(head.time)
    stood = stood_at(named, head)
    said = [f"{_MARKS[_kind(stood)][0]} {_short(stood.text, most)}" for most in _NAMES] if stood is not None else []
    for name in (*said, ""):
        before, behind = [(text, "title") for text in ((f"{name} ", f" {name}") if name else ("", ""))]
        there: Row = [before, (f"{now} ▲", "strong")]
        if line.put(place, [(f"▲ {now}", "strong"), behind]) or line.put(place + 1 - columns_of(there), there):
            break
    else:
        line.put(place, [("▲", "strong")])
    first, last = clock(head.first)[:8], clock(head.last)[:8]
    line.put(0, [(first, "dim")])
    line.put(width - len(last), [(last, "dim")])
    # Of several in a column the first one.
    by_column = {_place(one.time, head, width): one for one in sorted(named, reverse=True) if one != stood}
    for at in sorted(by_column, key=lambda column: abs(column - place)):
        _put_name(line, at, by_column[at].text)
    return line.row


def _put_name(line: _Line, at: int, text: str) -> None:
    """Put a name behind the tick below its sign, or before it; shortened where that helps."""
    for most in _NAMES[:-1]:
        name: Cell = (_short(text, most), "")
        if not name[0] or line.put(at, [("╵", "dim"), name]) or line.put(at - columns_of([name]), [name, ("╵", "dim")]):
            return


def _short(text: str, most: int) -> str:
    return cut(text, most).rstrip()


def stood_at(named: Sequence[Named], head: Head) -> Named | None:
    """Return what one stands at, or has passed within the last few seconds of playing; None where there is nothing."""
    reach = _AT_NS if head.is_paused or head.is_at_end else max(_AT_NS, int(_PASSING_S * head.speed * 1e9))
    return max((one for one in named if 0 <= head.time - one.time <= reach), default=None)


def head_words(head: Head) -> list[Cell]:
    """Return how a replay is going: paused and why, its speed, where it is."""
    done = f"+{span(max(0, head.time - head.first))}"
    frame = f"   frame {head.frame:,}".replace(",", " ") if head.frame is not None else ""
    of = f" of {head.frames:,}".replace(",", " ") if head.frame is not None and head.frames is not None else ""
    if head.busy:
        state: Cell = (f"{printable(head.busy)}…", "warn")
    elif head.is_at_end:
        state = ("END", "warn")
    elif head.is_paused:
        state = (f"PAUSED{': ' + printable(head.why) if head.why else ''}", "warn")
    else:
        state = ("following" if head.follow else f"replay {head.speed:g}x", "good")
    speed = f"   {head.speed:g}x" if head.is_paused and not head.follow else ""
    return [state, (f"{done}{frame}{of}{speed}", "")]
