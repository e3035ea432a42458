"""What became of tapes that were made out of tapes, in words."""

from collections.abc import Iterator
from typing import Any

from feedtape.edit.cut import CutOff
from feedtape.edit.merge import Merger
from feedtape.edit.repair import Healed, Repair
from feedtape.replay.playback import Playback
from feedtape.replay.times import clock, iso, span
from feedtape.session import Session
from feedtape.ui.output import printable, warn
from feedtape.ui.summary import amount, book_table, compression, count, counted, loss_lines

_LISTED = 20


def repair_lines(repair: Repair) -> Iterator[str]:
    """Yield the lines that `repair` prints."""
    if len(repair.tapes) > 1:
        yield f"{printable(str(repair.path))} holds {len(repair.tapes)} tapes; each becomes one of its own"
    for healed in repair.tapes:
        yield from _healed(repair, healed)


def _healed(repair: Repair, healed: Healed) -> Iterator[str]:
    found, path = healed.wreck.found, printable(str(repair.path))
    if healed.out is None:
        yield f"{path} is whole: nothing to repair, nothing written"
        return
    out = printable(str(healed.out))
    yield f"repaired {path}  ->  {out}"
    yield ""
    first = found.first or found.last
    kept = found.records - len(found.damages)
    yield (
        f"  kept     {counted(found.frames, 'frame')}, {counted(kept, 'record')}, {iso(first)} .. {clock(found.last)} "
        f"({span(found.last - first)}), {amount(healed.size)}"
    )
    yield from _lost(healed.damages, out)
    remarks = healed.wreck.remarks()
    for remark in remarks[:_LISTED]:
        yield f"  mended   {printable(remark)}"
    if len(remarks) > _LISTED:
        yield f"  mended   and {count(len(remarks) - _LISTED)} things more; --json lists them"
    if healed.unplayed:
        yield f"  note     no index, since it could not be played: {printable(healed.unplayed)}"
    if repair.sealed:
        yield f"  seal     {path} is sealed by {printable(repair.sealed)}; a seal does not carry over"
    yield f"  check    feedtape verify {out}"


def _lost(damages: list[dict[str, Any]], out: str) -> Iterator[str]:
    if not damages:
        yield "  lost     nothing"
    for damage in damages[:_LISTED]:
        yield f"  lost     {damage_line(damage)}"
    if len(damages) > _LISTED:
        yield f"  lost     and {count(len(damages) - _LISTED)} more; feedtape cat {out} --kind damage lists them"


def damage_line(damage: dict[str, Any]) -> str:
    """Return one damage in words: where in the file, how much, when, and which books it broke."""
    parts = [f"{counted(damage['bytes'], 'byte')} at {count(damage['offset'])}: {printable(str(damage['why']))}"]
    frames, records = damage["frames"], damage["records"]
    parts.append("frames unknown" if frames is None else f"{counted(frames, 'frame')} of {counted(records, 'record')}")
    since, until = damage["since"], damage["until"]
    if since is not None:
        parts.append(f"{clock(since)} " + ("to the end" if until is None else f"for {span(until - since)}"))
    elif until is not None:
        parts.append(f"before {clock(until)}")
    books = ", ".join(map(printable, damage["books"][:5])) + (" …" if len(damage["books"]) > 5 else "")
    return "; ".join([*parts, books or "no book"])


def tell_wrong(source: Playback, *, whole: bool) -> None:
    """Warn of what is wrong with a tape that was copied from.

    Args:
        whole: whether it was read to its end, so that the end can be missed.
    """
    tape = source.tape
    for fault in tape.faults[:_LISTED]:
        warn(f"{tape.name}: {fault}")
    for hole in tape.holes[:_LISTED]:
        warn(f"{tape.name}: {hole.why} ({hole.bytes} bytes at {hole.offset})")
    failed = source.session.totals.digests_failed
    if failed:
        warn(f"{tape.name}: {counted(failed, 'digest')} on it contradict what its frames build")
    if source.cut is not None and whole:
        warn(f"{tape.name} is cut: {source.cut}")
    if source.joints_failed:
        warn(f"{tape.name}: {counted(source.joints_failed, 'segment')} do not begin with the books that the one before had")


def cut_lines(result: CutOff) -> Iterator[str]:
    """Yield the lines that `cut` prints."""
    session, until = result.session, min(result.until, result.session.last)
    books, frames = counted(len(session.books), "book"), counted(session.totals.frames, "frame")
    out = printable(str(result.out))
    yield f"cut {iso(result.since)} .. {clock(until)} ({span(until - result.since)}), {books}, {frames}  ->  {out}"
    yield from _made(session, result.size, out)
    yield f"  left out {counted(result.left_out, 'record')} of that time"
    yield f"  check    feedtape verify {out}"


def merge_lines(result: Merger) -> Iterator[str]:
    """Yield the lines that `merge` prints."""
    session, out = result.session, printable(str(result.out))
    length = span(session.last - (session.first or session.last))
    books, frames = counted(len(session.books), "book"), counted(session.totals.frames, "frame")
    yield f"merged {counted(len(result.sources), 'recording')}, {length}, {books}, {frames}  ->  {out}"
    yield from _made(session, result.size, out)
    for number, source in enumerate(result.sources):
        state = "complete" if source.cut is None else f"cut: {source.cut}"
        losses = count(source.session.totals.losses)
        yield f"  source {number} {printable(source.tape.name)}   {state}   losses of its own {losses}"
    if result.shared:
        some = ", ".join(map(printable, result.shared[:5])) + (" …" if len(result.shared) > 5 else "")
        yield f"  lanes    {some}: in several recordings, each a lane"
    yield f"  check    feedtape verify {out}"


def _made(session: Session, size: int, out: str) -> Iterator[str]:
    yield ""
    yield from book_table(session)
    yield ""
    yield f"  file     {amount(size)} from {compression(session, size)}, closed"
    yield from loss_lines(session.losses, f"feedtape verify {out}")
