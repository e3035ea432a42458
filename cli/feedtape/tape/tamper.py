"""What was done to a tape, told from the marks of its blocks as they were sealed and as they are now. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from feedtape.tape.marks import Mark

ALTERED = "altered"
REPLACED = "replaced"
REMOVED = "removed"
MOVED = "moved"
ADDED = "added"
CUT = "cut"


class Tampering(NamedTuple):
    """The first difference between a sealed tape and the tape that was found.

    Attributes:
        kind: `altered`, `removed`, `moved`, `added`; `cut` where the tape ends within that block; `replaced` where altered cannot
            be told from removed with others put in.
        block: number of the block, from 0: of the sealed tape, or of the one found where it was added.
        blocks: how many in a row.
        first, last: receipt times of what they hold, as sealed (as found, where added).
        place: where the block stands now, if it was moved.
    """

    kind: str
    block: int
    blocks: int
    first: int
    last: int
    place: int | None = None

    @staticmethod
    def of(kind: str, marks: Sequence[Mark], start: int, end: int, place: int | None = None) -> "Tampering":
        """Return what befell the blocks from `start` up to `end` of those marks."""
        return Tampering(kind, start, end - start, marks[start].first, marks[end - 1].last, place)


def compare(sealed: Sequence[Mark], found: Sequence[Mark], *, cut: bool = False) -> Tampering | None:
    """Return the first difference; None when all blocks hold the records that were sealed.

    Args:
        cut: whether the tape that was found has no end, so that its last block may be a part of one.
    """
    same = 0
    while same < min(len(sealed), len(found)) and sealed[same].digest == found[same].digest:
        same += 1
    if same == len(sealed):
        return Tampering.of(ADDED, found, same, len(found)) if same < len(found) else None
    if same == len(found):
        return Tampering.of(REMOVED, sealed, same, len(sealed))
    return _where_both_go_on(sealed, found, same, cut)


def _where_both_go_on(sealed: Sequence[Mark], found: Sequence[Mark], same: int, cut: bool) -> Tampering:
    """Tell what happened at a block that is not the sealed one, by where either of the two stands in the other tape."""
    before = {mark.digest for mark in sealed[:same]}
    origins = {mark.digest: number for number, mark in reversed(list(enumerate(sealed))) if number >= same}
    places = {mark.digest: number for number, mark in reversed(list(enumerate(found))) if number >= same}
    place, origin = places.get(sealed[same].digest), origins.get(found[same].digest)
    if place is not None and origin is not None:
        return Tampering.of(MOVED, sealed, same, same + 1, place)
    if place is not None:
        return Tampering.of(ADDED, found, same, place)
    if origin is not None:
        return Tampering.of(REMOVED, sealed, same, _run(sealed, same, places))
    if found[same].digest in before:
        return Tampering.of(ADDED, found, same, same + 1)
    if cut and same == len(found) - 1:
        return Tampering.of(CUT, sealed, same, same + 1)
    end, end_found = _run(sealed, same, places), _run(found, same, origins)
    return Tampering.of(ALTERED if end == end_found else REPLACED, sealed, same, end)


def _run(marks: Sequence[Mark], start: int, others: dict[str, int]) -> int:
    """Return the number of the next block that the other tape has too."""
    end = start
    while end < len(marks) and marks[end].digest not in others:
        end += 1
    return end
