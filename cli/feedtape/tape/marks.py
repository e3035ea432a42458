"""Marks: one short hash for the records of each block, by which an altered, removed or moved block can be named. Pure.

The chain proves that a tape is as it was, but after the first change every head differs. A mark concerns its own block only:
it leaves out the lines that the container adds (`chain` and `sum`), so that a tape that somebody altered and wrote again, with a
chain that is right in itself, has the same marks wherever its records are the same.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from feedtape.model.records import CHAIN, SUM

_SUM = b" 0 " + SUM + b" "
_CHAIN = b" 0 " + CHAIN + b" "
_TIME = 19


class Mark(NamedTuple):
    """One block as it was read. `digest` is of its records, in hexadecimal; `first` and `last` are receipt times."""

    digest: str
    first: int
    last: int


class Marker:
    """Takes the lines of a tape, block by block, and makes the marks."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, lines: bytes, *, begins: bool) -> None:
        """Take whole lines: those that begin a block, or more of the same one."""
        if begins or not self.marks:
            self._hash = hashlib.blake2b(digest_size=16)
            self.marks.append(Mark("", _time(lines), 0))
        for piece in _records(lines, begins=begins):
            self._hash.update(piece)
        last = _time(lines[lines.rfind(b"\n", 0, -1) + 1 :])
        self.marks[-1] = Mark(self._hash.hexdigest(), self.marks[-1].first, last)


def _time(line: bytes) -> int:
    return int(line[:_TIME]) if line[:_TIME].isdigit() else 0


def _records(lines: bytes, *, begins: bool) -> Iterator[bytes]:
    """Yield the stretches of lines between those of the container."""
    start = lines.find(b"\n") + 1 if begins and lines[_TIME:].startswith(_CHAIN) else 0
    position = start
    while (found := lines.find(_SUM, position)) >= 0:
        line, position = found - _TIME, lines.find(b"\n", found) + 1
        # The same bytes within a payload are no line of their own.
        if line >= start and lines[line - 1 : line] in (b"\n", b"") and lines[line:found].isdigit():
            yield lines[start:line]
            start = position
    yield lines[start:]
