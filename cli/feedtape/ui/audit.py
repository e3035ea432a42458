"""An audit, in words."""

from feedtape.replay.audit import Audit
from feedtape.replay.times import clock, iso, span
from feedtape.ui.book_table import book_table
from feedtape.ui.output import printable
from feedtape.ui.seals import seal_lines
from feedtape.ui.status import playback_reasons
from feedtape.ui.summary import clock_line, count, counted, counters_line, loss_line

_VERDICTS = {0: "whole: nothing was lost", 3: "read, with loss", 5: "CONTRADICTED: something on this tape is proven wrong"}


def _container(audit: Audit) -> list[str]:
    """Say what the files prove of themselves: the chain of their blocks, their index, the joints of segments, damage."""
    tape, playback = audit.playback.tape, audit.playback
    lines = [f"chain    {tape.head}"] if tape.head and not tape.faults else []
    lines += [f"CHAIN    {printable(fault)}" for fault in tape.faults]
    lines += [f"INDEX    {printable(wrong)}" for wrong in audit.misindexed[:5]]
    if len(tape.segments) > 1:
        proven, failed, unchecked = playback.joints_proven, playback.joints_failed, playback.joints_unchecked
        lines.append(f"joints   {proven} proven   {failed} failed   {unchecked} unchecked")
    lines += [f"damage   {printable(hole.why)}: {count(hole.bytes)} bytes at {count(hole.offset)}" for hole in tape.holes]
    return lines


def reasons(audit: Audit) -> list[str]:
    """Return in words why an audit has the status that it has; its notes, where they are all there is."""
    faults = sum(len(check.faults) for check in audit.seals)
    wrong = {
        "record": (audit.backward, "out of the order of time"),
        "entry": (len(audit.misindexed), "of the index that the tape does not hold"),
        "fault": (faults, "of seals"),
    }
    found = [f"{counted(number, thing)} {what}" for thing, (number, what) in wrong.items() if number]
    if audit.playback.contradicted or not found:
        found = [*playback_reasons(audit.playback), *found]
    return found or audit.notes()


def audit_lines(audit: Audit, width: int | None = None, *, every: bool = False) -> list[str]:
    """Return the lines that `verify` prints; `width` is how many columns there are, `every` lists each option of a chain."""
    session, totals = audit.session, audit.session.totals
    first = session.first if session.first is not None else session.last
    state = "complete" if audit.cut is None else f"cut after {clock(session.last)} ({audit.cut})"
    lines = [
        f"tape     {printable(str(audit.playback.tape.name))}",
        f"state    {state}",
        f"time     {iso(first)} .. {clock(session.last)}   {span(session.last - first)}",
        f"frames   {count(totals.frames)}   {count(totals.bytes)} bytes   {totals.connections} connections",
        f"digests  {totals.digests_matched} matched   {totals.digests_failed} failed   {totals.digests_unchecked} unchecked",
        *_container(audit),
        counters_line(session)[2:],
        clock_line(session)[2:],
        "",
        *book_table(session, width, every=every, indent=""),
        "",
    ]
    lines += [f"loss     {loss_line(loss)}" for loss in session.losses[:100]]
    if len(session.losses) > 100:
        lines.append(f"loss     and {count(totals.losses - 100)} more; --json lists them")
    if audit.backward:
        lines.append(f"order    {audit.backward} records run backwards in time")
    lines += [f"note     {printable(note)}" for note in audit.notes()]
    lines += seal_lines(audit.seals)
    lines.append(f"verdict  {_VERDICTS[audit.status]}")
    return lines
