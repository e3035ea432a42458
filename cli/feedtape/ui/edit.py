"""What became of tapes that were made out of tapes, in words."""

from collections.abc import Iterable, Iterator
from typing import Any

from feedtape.edit.cut import CutOff
from feedtape.edit.merge import Merger, option_chain
from feedtape.edit.repair import Healed, Repair
from feedtape.replay.playback import Playback
from feedtape.replay.times import clock, iso, span
from feedtape.session import Session
from feedtape.ui.book_table import book_table
from feedtape.ui.output import printable, warn
from feedtape.ui.status import Played, contradictions, losses, tell_damage
from feedtape.ui.summary import amount, compression, count, counted, loss_lines

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
    found = Played()
    found.look(source)
    for wrong in found.wrong:
        warn(f"{source.tape.name}: {wrong}")
    totals = source.session.totals
    tell_damage(source, found, source.cut if whole else None, source.session.last, totals.frames if whole else None)


def cut_reasons(result: CutOff) -> list[str]:
    """Return in words why a cut ended with the status that it has."""
    source = result.source
    if source.contradicted:
        return _contradicted([source])
    cut = ["the source is cut"] if result.to_end and source.cut is not None else []
    return [*cut, *(["the source is damaged"] if source.tape.holes else []), *losses(result.session)]


def merge_reasons(result: Merger) -> list[str]:
    """Return in words why a merge ended with the status that it has."""
    wrong = _contradicted(result.sources)
    broken = [source.tape.path.name for source in result.sources if source.cut is not None or source.tape.holes]
    return wrong or [*(f"{name} is cut or damaged" for name in broken), *losses(result.session)]


def repair_reasons(repair: Repair) -> list[str]:
    """Return in words why a repair ended with the status that it has."""
    damages = sum(len(healed.damages) for healed in repair.tapes)
    cut = sum(healed.wreck.found.end is None for healed in repair.tapes)
    return [*(["the tape was cut"] if cut else []), *([f"{counted(damages, 'damage')}"] if damages else [])]


def _contradicted(sources: Iterable[Playback]) -> list[str]:
    return [
        f"{source.tape.path.name}: {', '.join(contradictions(source.session)) or 'the chain or a joint does not hold'}"
        for source in sources
        if source.contradicted
    ]


def cut_lines(result: CutOff, width: int | None = None, *, every: bool = False) -> Iterator[str]:
    """Yield the lines that `cut` prints; `width` is how many columns there are, `every` lists each option of a chain."""
    session, until = result.session, min(result.until, result.session.last)
    books, frames = counted(len(session.books), "book"), counted(session.totals.frames, "frame")
    out = printable(str(result.out))
    yield f"cut {iso(result.since)} .. {clock(until)} ({span(until - result.since)}), {books}, {frames}  ->  {out}"
    yield from _made(session, result.size, out, width, every=every)
    yield f"  left out {counted(result.left_out, 'record')} of that time"
    yield f"  check    feedtape verify {out}"


def merge_lines(result: Merger, width: int | None = None, *, every: bool = False) -> Iterator[str]:
    """Yield the lines that `merge` prints; `width` and `every` are as `cut_lines` has them."""
    session, out = result.session, printable(str(result.out))
    length = span(session.last - (session.first or session.last))
    books, frames = counted(len(session.books), "book"), counted(session.totals.frames, "frame")
    yield f"merged {counted(len(result.sources), 'recording')}, {length}, {books}, {frames}  ->  {out}"
    yield from _made(session, result.size, out, width, every=every)
    for number, source in enumerate(result.sources):
        state = "complete" if source.cut is None else f"cut: {source.cut}"
        losses = count(source.session.totals.losses)
        yield f"  source {number} {printable(source.tape.name)}   {state}   losses of its own {losses}"
    chain = option_chain(result.sources)
    if chain is not None:
        yield f"  chain    {_chain(chain)}"
    if result.shared:
        some = ", ".join(map(printable, result.shared[:5])) + (" …" if len(result.shared) > 5 else "")
        yield f"  lanes    {some}: in several recordings, each a lane"
    yield f"  check    feedtape verify {out}"


def _chain(chain: dict[str, Any]) -> str:
    if "since" not in chain:
        return "the recordings may be of different expiries: a replay shows all that were recorded"
    number = chain["expiries"]
    return f"options of the {number} nearest expiries, as recorded" if number else "options of all expiries, as recorded"


def _made(session: Session, size: int, out: str, width: int | None, *, every: bool) -> Iterator[str]:
    yield ""
    yield from book_table(session, width, every=every)
    yield ""
    yield f"  file     {amount(size)} from {compression(session, size)}, closed"
    yield from loss_lines(session.losses, f"feedtape verify {out}")
