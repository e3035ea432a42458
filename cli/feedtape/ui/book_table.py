"""The table of a session's books: a row for each, and one for all options of a chain together."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from feedtape.book.keeper import BookKeeper
from feedtape.feed.chain import family_of
from feedtape.session import Session
from feedtape.ui.columns import Column, table
from feedtape.ui.output import printable
from feedtape.ui.summary import count, counted

ALONE: Final = 5
"""So many options of one chain have a row each; of more there is one row, and those of the books that lost something."""
_LOSSY: Final = 20
"""So many books of one chain that lost something are listed."""
_GRADES: Final = ("broken", "unprovable", "sequence", "checksum")
"""The worst first."""


class _Row(NamedTuple):
    """A row; the columns in their order."""

    name: str
    frames: int | None
    gaps: int
    missed: int
    resyncs: int
    dropped: int
    crossed: int
    proof: str


def book_table(session: Session, width: int | None = None, *, every: bool = False, indent: str = "  ") -> list[str]:
    """Return a line for each book, under a head: frames, rate, every kind of loss, and how it is proven.

    Frames are those of its symbol, and of all pages; `missed` are updates that the venue or the network lost, `dropped here`
    frames that we did, of the connections that carry the book. Where there is little room, what is zero for all books is said in
    a line below.

    Args:
        width: columns that there are; None: as many as are needed.
        every: list each option of a chain.
    """
    if not session.books:
        return [f"{indent}no book"]
    seconds = (session.last - (session.first or session.last)) / 1e9
    rows = _rows(session, every=every)
    proofs = Column("proof", [printable(row.proof) for row in rows])
    found = table(_columns(rows, seconds), proofs, width, indent=indent)
    zeros = [name for name in found.gone if name not in ("frames", "/s")]
    return found.lines + ([f"{indent}zero     {'   '.join(f'{name} 0' for name in zeros)}   (every book)"] if zeros else [])


def chains_of(targets: Mapping[str, object] | Sequence[str]) -> dict[str, list[str]]:
    """Return the targets of those chains that have one row for all of their options, by the chain's name: `deribit:BTC`."""
    found: dict[str, list[str]] = {}
    for target in targets:
        venue, _, symbol = target.partition(":")
        family = family_of(symbol.partition("@")[0])
        if family is not None:
            found.setdefault(f"{venue}:{family}", []).append(target)
    return {name: options for name, options in found.items() if len(options) > ALONE}


def _columns(rows: Sequence[_Row], seconds: float) -> list[Column]:
    columns = [
        Column("book", [printable(row.name) for row in rows], is_text=True),
        Column("frames", ["-" if row.frames is None else count(row.frames) for row in rows], 7),
        Column("/s", ["-" if row.frames is None or not seconds else f"{row.frames / seconds:.1f}" for row in rows], 6),
    ]
    losses = {"gaps": 5, "missed": 4, "resyncs": 3, "dropped here": 2, "crossed": 1}
    for (name, goes), numbers in zip(losses.items(), zip(*(row[2:7] for row in rows), strict=True), strict=True):
        columns.append(Column(name, [count(number) for number in numbers], 0 if any(numbers) else goes))
    return columns


def _rows(session: Session, *, every: bool) -> list[_Row]:
    chains = {} if every else chains_of(session.books)
    chain_of = {target: name for name, options in chains.items() for target in options}
    rows = []
    for target in session.books:
        chain = chain_of.get(target)
        if chain is None:
            rows.append(_row(session, target))
        elif chains[chain][0] == target:
            rows += _chain(session, chain, chains[chain])
    return rows


def _row(session: Session, target: str, inset: str = "") -> _Row:
    keeper, counters = session.books[target], session.books[target].counters
    losses = (counters.gaps, counters.missed, counters.resyncs, counters.dropped, counters.crossed)
    return _Row(inset + target, session.frames_of(target.partition("@")[0]), *losses, _grade(keeper))


def _chain(session: Session, name: str, options: Sequence[str]) -> list[_Row]:
    """Return the row of a chain, and those of its books that lost something."""
    each = [_row(session, target, "  ") for target in options]
    lossy = [row for target, row in zip(options, each, strict=True) if _has_lost(session.books[target])]
    frames = [row.frames for row in each if row.frames is not None]
    gaps, missed, resyncs, crossed = (
        sum(numbers) for numbers in zip(*((row.gaps, row.missed, row.resyncs, row.crossed) for row in each), strict=True)
    )
    # Frames that were dropped are told to each book of their connection: their sum would count them over and over.
    dropped = max(row.dropped for row in each)
    counters = [session.books[target].counters for target in options]
    proof = worst([session.books[target].proof()[0] for target in options])[1]
    proof = _with_checksums(proof, sum(one.checksums_matched for one in counters), sum(one.checksums_failed for one in counters))
    if len(lossy) > _LOSSY:
        proof += f"; {len(lossy)} books lost something, {_LOSSY} are listed, -v lists all"
    whole = _Row(f"{name}, {len(options)} books", sum(frames) if frames else None, gaps, missed, resyncs, dropped, crossed, proof)
    return [whole, *lossy[:_LOSSY]]


def _has_lost(keeper: BookKeeper) -> bool:
    counters = keeper.counters
    return bool(counters.gaps or counters.missed or counters.dropped or counters.checksums_failed)


def worst(grades: Sequence[str]) -> tuple[str, str]:
    """Return the worst of several proofs, and in words how many books have no better one."""
    found = min(grades, key=_GRADES.index)
    number = grades.count(found)
    return found, found if number == len(grades) else f"{found}: {number} of {counted(len(grades), 'book')}"


def _grade(keeper: BookKeeper) -> str:
    proof, reason = keeper.proof()
    grade = proof if keeper.is_live else f"{proof} ({reason})"
    return _with_checksums(grade, keeper.counters.checksums_matched, keeper.counters.checksums_failed)


def _with_checksums(grade: str, matched: int, failed: int) -> str:
    if not matched and not failed:
        return grade
    return f"{grade}, {'' if grade == 'checksum' else 'checksums '}{count(matched)} matched, {count(failed)} failed"
