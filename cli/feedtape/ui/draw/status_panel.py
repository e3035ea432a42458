"""The panel of a recording: what comes in, what goes to the disk, what waits, what was lost, of each connection and book."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len

from feedtape.replay.times import span
from feedtape.ui.draw.plots import bar
from feedtape.ui.draw.rows import Cell, Row, cut, fit, right, tail
from feedtape.ui.output import printable
from feedtape.ui.picture import BookPicture, Picture
from feedtape.ui.summary import amount, count, counted

_QUEUE_BAR: Final = 20
_CONNECTION: Final = ("connection", "state", "since", "frames")
_BOOK: Final = ("book", "state", "gaps", "missed", "resyncs", "updates", "/s", "proof")
"""What does not fit goes from the right: losses stay."""
_LOW: Final = 10**9
"""Bytes left on the disk from which on that is bad."""


def status_rows(picture: Picture, facts: Mapping[str, Any], width: int, height: int) -> list[Row]:
    """Return the panel; of connections and books, as many as fit, those in trouble first."""
    if "tape" not in facts:
        return [fit([("starting…", "dim")], width)]
    rows = [fit([(cut(name, 11), "dim"), *cells], width) for name, cells in _facts(picture, facts)]
    room = height - len(rows)
    connections = _connections(facts)
    books = sorted(picture.books.values(), key=lambda book: (book.is_live, not book.is_stale, -book.counters.gaps))
    rows += _table(_CONNECTION, connections, width, max(room // 2, room - len(books) - 2))
    rows += _table(_BOOK, [_book(book) for book in books], width, height - len(rows))
    return rows[:height]


def _facts(picture: Picture, facts: Mapping[str, Any]) -> list[tuple[str, list[Cell]]]:
    ratio = f"{picture.bytes / facts['size']:.1f}x" if facts["size"] else "-"
    per_s = "-" if picture.frames_per_s is None else f"{picture.frames_per_s:,.0f}/s".replace(",", " ")
    lost = picture.losses + picture.dropped
    queue = float(facts["queue"])
    left = facts["disk_left"]
    found: list[tuple[str, list[Cell]]] = [
        ("tape", [(printable(str(facts["tape"])), "strong")]),
        ("recording", [(span(facts["elapsed_ns"]), ""), (f"   segment {facts['segment']}" if facts["segment"] else "", "dim")]),
        ("in", [(f"{count(picture.frames)} frames, {per_s}   {amount(picture.bytes)}", "")]),
        ("out", [(f"{amount(facts['size'])}   {ratio}   level {facts['level']}   {counted(facts['blocks'], 'block')}", "")]),
        ("queue", [(bar(queue, _QUEUE_BAR), "warn" if queue >= 0.5 else "bid"), (f" {queue:.0%}", ""), _deferred(facts)]),
        ("lost", [(f"losses {picture.losses}   dropped here {picture.dropped}", "bad" if lost else "good")]),
        ("wire", [(f"stalls {picture.stalls}   bad frames {picture.bad_frames}", "")]),
        ("requests", [(f"refused {picture.refused}   http errors {picture.http_errors}", "")]),
        (
            "disk left",
            [("-" if left is None else amount(left), "bad" if left is not None and left < _LOW else ""), _lasts(facts)],
        ),
    ]
    if facts["rotates_in_ns"] is not None:
        found.append(("rotation", [(f"in {span(facts['rotates_in_ns'])}", "")]))
    if facts["markers"]:
        found.append(("markers", [(str(facts["markers"]), "")]))
    return found


def _deferred(facts: Mapping[str, Any]) -> Cell:
    return (f"   {count(facts['deferred'])} frames recorded and not yet decoded", "warn") if facts["deferred"] else ("", "")


def _lasts(facts: Mapping[str, Any]) -> Cell:
    """Say for how long the disk suffices at this rate."""
    seconds = facts["elapsed_ns"] / 1e9
    if facts["disk_left"] is None or seconds < 5 or not facts["size"]:
        return "", ""
    left = facts["disk_left"] / (facts["size"] / seconds)
    if left > 2 * 86_400:
        return f"   full in {count(int(left // 86_400))} days at this rate", "dim"
    return f"   FULL IN {span(int(left * 1e9))} at this rate", "bad"


def _connections(facts: Mapping[str, Any]) -> list[list[Cell]]:
    return [
        [(printable(name), ""), (printable(state), "good" if state == "open" else "warn"), (since, "dim"), (frames, "")]
        for name, state, since, frames in sorted(facts.get("connections", ()), key=lambda one: one[1] == "open")
    ]


def _book(book: BookPicture) -> list[Cell]:
    counters = book.counters
    return [
        (printable(book.target), ""),
        (printable(book.word), book.grade),
        (str(counters.gaps), "bad" if counters.gaps else "dim"),
        (count(counters.missed), "bad" if counters.missed else "dim"),
        (str(counters.resyncs), ""),
        (count(counters.updates), ""),
        ("-" if book.per_s is None else f"{book.per_s:.1f}", ""),
        (book.proof, ""),
    ]


def _table(heads: Sequence[str], lines: Sequence[Sequence[Cell]], width: int, height: int) -> list[Row]:
    """Return lines under their heads and a blank one, as many as fit; columns that do not fit go from the right."""
    wide = [max([len(head), *(cell_len(line[at][0]) for line in lines)]) for at, head in enumerate(heads)]
    shown = list(range(len(heads)))
    while len(shown) > 2 and sum(wide[at] + 2 for at in shown) - 2 > width:
        shown.pop()
    # The state is told in full before the name is.
    wide[0] = max(6, min(wide[0], width - 2 - sum(wide[at] + 2 for at in shown[1:]) + 2))
    room = max(0, height - 2)
    more = len(lines) - room + 1 if len(lines) > room else 0
    told = lines[: len(lines) - more]

    def padded(at: int, text: str) -> str:
        # Names stand to the left, numbers to the right.
        return (tail, cut, right)[min(at, 2)](text, wide[at]) + "  "

    rows = [fit([], width), fit([(padded(at, heads[at]), "dim") for at in shown], width)]
    rows += [fit([(padded(at, line[at][0]), line[at][1]) for at in shown], width) for line in told]
    return [*rows, fit([(f"and {more} more", "dim")], width)] if more else rows
