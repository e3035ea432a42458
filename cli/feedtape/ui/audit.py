"""An audit, in words."""

from feedtape.replay.audit import Audit
from feedtape.replay.times import clock, iso, span
from feedtape.ui.output import printable
from feedtape.ui.summary import book_table, count, counters_line, loss_line

_VERDICTS = {0: "whole: nothing was lost", 3: "read, with loss", 5: "CONTRADICTED: something on this tape is proven wrong"}


def audit_lines(audit: Audit) -> list[str]:
    """Return the lines that `verify` prints."""
    session, totals = audit.session, audit.session.totals
    first = session.first if session.first is not None else session.last
    state = "complete" if audit.cut is None else f"cut after {clock(session.last)} ({audit.cut})"
    lines = [
        f"tape     {printable(str(audit.path))}",
        f"state    {state}",
        f"time     {iso(first)} .. {clock(session.last)}   {span(session.last - first)}",
        f"frames   {count(totals.frames)}   {count(totals.bytes)} bytes   {totals.connections} connections",
        f"digests  {totals.digests_matched} matched   {totals.digests_failed} failed",
        counters_line(session)[2:],
        "",
        *(line[2:] for line in book_table(session)),
        "",
    ]
    lines += [f"loss     {loss_line(loss)}" for loss in session.losses[:100]]
    if len(session.losses) > 100:
        lines.append(f"loss     and {count(totals.losses - 100)} more; --json lists them")
    if session.unread:
        kinds = ", ".join(f"{count(number)} {printable(name)}" for name, number in session.unread.items())
        lines.append(f"note     no channel of ours reads: {kinds}")
    if audit.backward:
        lines.append(f"order    {audit.backward} records run backwards in time")
    lines.append(f"verdict  {_VERDICTS[audit.status]}")
    return lines
