"""Statistics of one book and of the whole session, as rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len

from feedtape.model.events import Gap
from feedtape.replay.times import clock, span
from feedtape.ui.draw.numbers import milliseconds
from feedtape.ui.draw.rows import Row, cut, fit
from feedtape.ui.draw.scrolled import scrolled
from feedtape.ui.output import printable
from feedtape.ui.picture import BookPicture, Picture
from feedtape.ui.summary import amount, count, counted
from feedtape.ui.view import Scroll

Facts = Sequence[tuple[str, str]]
_NAME: Final = 12
_LEAST_LOSSES: Final = 3


def statistics_rows(
    book: BookPicture | None,
    picture: Picture,
    drawing: Facts,
    facts: Mapping[str, Any],
    columns: int,
    height: int,
    scroll: Scroll | None = None,
) -> list[Row]:
    """Return counters of a book, of the session and its connections, of the drawing itself, and the losses, the newest first.

    What does not fit can be scrolled to.
    """
    above = _named([("book", book.target), *_book(book)], columns) if book is not None else []
    below = _named([("session", ""), *_session(picture)], columns)
    connections = facts.get("connections", ())
    below += _named(
        [(f"  {name}", f"{state} for {since}, {frames} frames") for name, state, since, frames in connections], columns
    )
    below += _named([("drawing", ""), *drawing], columns)
    # The newest losses stand above what may not fit, the others below.
    losses = _losses(picture, columns)
    first = max(1 + _LEAST_LOSSES, height - 1 - len(above) - len(below))
    earlier = [fit([("earlier losses", "strong")], columns), *losses[first:]] if losses[first:] else []
    rows = [*above, *losses[:first], *below, *earlier]
    return [fit([("statistics", "title")], columns), *scrolled(rows, columns, height - 1, scroll or Scroll())][:height]


def _losses(picture: Picture, columns: int) -> list[Row]:
    """Return how many losses there are, and each, the newest first."""
    rows = _named([("losses", str(picture.losses) if picture.losses else "none")], columns)
    gaps = [note.event for note in reversed(picture.notes) if isinstance(note.event, Gap)]
    for gap in gaps:
        words = f"  {clock(gap.recv)} {gap.kind} {gap.target} {gap.detail}"
        rows.append(fit([(printable(words), "bad")], columns))
    if picture.losses > len(gaps):
        rows.append(fit([(f"  {count(picture.losses - len(gaps))} before these are not remembered", "dim")], columns))
    return rows


def _named(pairs: Facts, columns: int) -> list[Row]:
    """Return values behind their names, the names in a column; a name without value is a head."""
    wide = min(max((_NAME, *(cell_len(printable(name)) for name, _ in pairs))), max(_NAME, columns // 2))
    return [
        fit([(cut(name, wide) + " ", "dim" if value else "strong"), (printable(value), "")], columns) for name, value in pairs
    ]


def _book(book: BookPicture) -> list[tuple[str, str]]:
    counters = book.counters
    found = [
        ("  state", book.word),
        ("  proof", f"{book.proof}: {book.reason}"),
        ("  updates", f"{count(counters.updates)}" + (f", {book.per_s:.1f}/s" if book.per_s is not None else "")),
        ("  snapshots", count(counters.snapshots)),
        ("  gaps", f"{counters.gaps}, {count(counters.missed)} missed, {counters.resyncs} resyncs"),
        ("  crossed", count(counters.crossed)),
        ("  checksums", f"{count(counters.checksums_matched)} matched, {counters.checksums_failed} failed"),
        ("  repeated", count(counters.repeated)),
        ("  trades", count(book.trade_count)),
        ("  stale", span(counters.stale_ns)),
    ]
    if book.age_ns is not None:
        found.append(("  age", milliseconds(book.age_ns)))
    facts = book.instrument
    if facts is not None:
        said = [("tick", facts.tick), ("lot", facts.lot), ("multiplier", facts.multiplier)]
        found.append(("  contract", ", ".join([facts.kind, *(f"{name} {value}" for name, value in said if value is not None)])))
    return found


def _session(picture: Picture) -> list[tuple[str, str]]:
    rate = f", {count(round(picture.frames_per_s))}/s" if picture.frames_per_s is not None else ""
    return [
        ("  running", span(picture.time - picture.first) if picture.first is not None else "-"),
        ("  frames", f"{count(picture.frames)}{rate}, {amount(picture.bytes)}"),
        ("  open", counted(picture.connections, "connection")),
        ("  wire", f"stalls {picture.stalls}, bad frames {picture.bad_frames}"),
        ("  requests", f"refused {picture.refused}, http errors {picture.http_errors}"),
        ("  dropped", f"{count(picture.dropped)} here"),
    ]
