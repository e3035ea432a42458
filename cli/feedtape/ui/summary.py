"""Summaries: what was recorded and what was lost, every kind of loss named, zeros included."""

from feedtape.replay.times import clock, span
from feedtape.session import Loss, Offset, Session, latency_ns
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
    length = "" if loss.to is None else f" for {span(loss.to - loss.since)}"
    missed = "" if loss.missed is None else f", {count(loss.missed)} missed"
    detail = f" ({printable(loss.detail)})" if loss.detail else ""
    return f"{where} {clock(loss.since)}{length}: {loss.kind}{missed}{_mended(loss)}{detail}"


def _mended(loss: Loss) -> str:
    if loss.to is None:
        return "; not rebuilt since"
    # Trades, and what is lost of no book, come back by nothing.
    return "; rebuilt" if loss.target and loss.kind != "trades" else ""


def counters_line(session: Session) -> str:
    """Return every counter of loss that is not a book's, zeros included."""
    totals = session.totals
    return (
        f"  wire     stalls {totals.stalls}   bad frames {totals.bad_frames}   refused {totals.refused}   "
        f"frames too long {totals.refused_frames}   untracked {totals.untracked}   "
        f"http errors {totals.http_errors}   dropped here {totals.dropped}"
    )


def clock_line(session: Session) -> str:
    """Return how often our wall clock stepped, and how the venues' clocks differ from it, as far as that was measured."""
    steps = session.totals.clock_steps
    parts = [f"  clock    wall clock stepped {counted(steps, 'time')}"]
    for venue in sorted({target.partition(":")[0] for target in (*session.books, *session.flows)}):
        offset = session.clocks.of(venue)
        told = "not measured" if offset is None else _offset(offset)
        parts.append(f"{printable(venue)} {told}")
    return "   ".join(parts)


def _offset(offset: Offset) -> str:
    return f"{_signed(offset.ns)} (± {_ms(offset.uncertain_ns)}, by its {offset.source})"


def lag(session: Session) -> str:
    """Return how long the latest update of the slowest live book was under way; `-` where none tells its time."""
    found = [
        latency_ns(keeper.last_time, keeper.last_recv, session.clocks.of(target.partition(":")[0]))
        for target, keeper in session.books.items()
        if keeper.is_live
    ]
    known = [one for one in found if one is not None]
    return _signed(max(known)).lstrip("+") if known else "-"


def _signed(ns: int) -> str:
    return f"{'-' if ns < 0 else '+'}{_ms(abs(ns))}"


def _ms(ns: int) -> str:
    return f"{ns / 1e9:.2f} s" if ns >= 10**9 else f"{ns / 1e6:.0f} ms"
