"""Summaries: what was recorded and what was lost, every kind of loss named, zeros included."""

from feedtape.replay.times import clock, span
from feedtape.session import Loss, Session
from feedtape.ui.output import printable

_LISTED = 5


def amount(size: int) -> str:
    """Return a number of bytes in words: `31.2 MB` (10^6)."""
    if size < 1000:
        return f"{size} B"
    for unit, scale in (("kB", 10**3), ("MB", 10**6), ("GB", 10**9)):
        if size < scale * 1000 or unit == "GB":
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"


def count(number: int) -> str:
    """Return a number with its thousands apart: `449 327`."""
    return f"{number:,}".replace(",", " ")


def counted(number: int, thing: str) -> str:
    """Return a number of things in words: `1 book`, `2 books`."""
    return f"{count(number)} {thing}{'' if number == 1 else 's'}"


def compression(session: Session, size: int) -> str:
    """Return how much a tape of that size holds: `112.8 MB (3.6x)`."""
    raw = session.totals.bytes
    return amount(raw) + (f" ({raw / size:.1f}x)" if size else "")


def book_table(session: Session) -> list[str]:
    """Return a line for each book, under a head: updates, rate, what was missed, and how it is proven."""
    if not session.books:
        return ["  no book"]
    seconds = max((session.last - (session.first or session.last)) / 1e9, 1e-9)
    name_width = max(len("book"), *(len(printable(target)) for target in session.books))
    lines = [f"  {'book':<{name_width}}  {'updates':>9} {'/s':>7} {'gaps':>5} {'missed':>8} {'resyncs':>7} {'crossed':>7}  proof"]
    for target, keeper in session.books.items():
        counters = keeper.counters
        proof, reason = keeper.proof()
        grade = proof if keeper.state.value == "live" else f"{proof} ({reason})"
        if counters.checksums_matched or counters.checksums_failed:
            grade += f", checksums {counters.checksums_matched} matched, {counters.checksums_failed} failed"
        lines.append(
            f"  {printable(target):<{name_width}}  {count(counters.updates):>9} {counters.updates / seconds:>7.1f} "
            f"{counters.gaps:>5} {counters.missed:>8} {counters.resyncs:>7} {counters.crossed:>7}  {printable(grade)}"
        )
    return lines


def loss_lines(losses: list[Loss], more: str) -> list[str]:
    """Return a line for each loss; more than five collapse to a count by kind and `more`, a command that lists them."""
    if not losses:
        return ["  loss     none"]
    if len(losses) > _LISTED:
        kinds: dict[str, int] = {}
        for loss in losses:
            kinds[loss.kind] = kinds.get(loss.kind, 0) + 1
        parts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        return [f"  loss     {len(losses)}: {parts}; {more} lists them"]
    return ["  loss     " + loss_line(loss) for loss in losses]


def loss_line(loss: Loss) -> str:
    """Return one loss in words: what, when, for how long, how much, and whether it was mended."""
    where = printable(loss.target) or "session"
    missed = "" if loss.missed is None else f", {count(loss.missed)} missed"
    mended = "not rebuilt since" if loss.to is None else f"for {span(loss.to - loss.since)}"
    detail = f" ({printable(loss.detail)})" if loss.detail else ""
    return f"{where} {clock(loss.since)} {loss.kind}{missed}; {mended}{detail}"


def counters_line(session: Session) -> str:
    """Return every counter of loss that is not a book's, zeros included."""
    totals = session.totals
    return (
        f"  wire     stalls {totals.stalls}   bad frames {totals.bad_frames}   refused {totals.refused}   "
        f"frames too long {totals.refused_frames}   untracked {totals.untracked}   "
        f"http errors {totals.http_errors}   dropped here {totals.dropped}"
    )
