"""The line below a replay: how busy the tape was when, what happened where, and where one is."""

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from feedtape.replay.times import clock, span
from feedtape.ui.draw.rows import Cell, Row, fit
from feedtape.ui.output import printable
from feedtape.ui.play_stage import Head

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


def line_rows(timeline: "Timeline | None", head: Head, width: int) -> list[Row]:
    """Return two lines: rate and marks over the whole tape, and below them where one is."""
    length = max(1, head.last - head.first)
    place = min(width - 1, max(0, (head.time - head.first) * (width - 1) // length))
    return [_rates(timeline, head, width, place), _below(head, width, place)]


def _rates(timeline: "Timeline | None", head: Head, width: int, place: int) -> Row:
    heights = _heights(timeline, head, width)
    signs: dict[int, str] = {}
    for time, kind, _ in timeline.marks if timeline is not None else ():
        at = min(width - 1, max(0, (time - head.first) * (width - 1) // max(1, head.last - head.first)))
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


def _below(head: Head, width: int, place: int) -> Row:
    """Return the times of both ends as far as the one between them leaves room, which stands beside its sign."""
    here, at = f"▲ {clock(head.time)}", place
    if at + len(here) > width:
        here = f"{clock(head.time)} ▲"
        at = place + 1 - len(here)
    if at < 0:
        here, at = "▲", place
    first, last = clock(head.first)[:8], clock(head.last)[:8]
    before = first if len(first) < at else ""
    after = last if at + len(here) + len(last) < width else ""
    return fit([(before.ljust(at), "dim"), (here, "strong"), (after.rjust(width - at - len(here)), "dim")], width)


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
