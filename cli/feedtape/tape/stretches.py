"""What stands where in a file that may hold anything: its blocks by their numbers, put back into order, and one tape apart from
the next where several were put into one file.

The walk believes no index and no signature. A stretch begins with a block and goes up to the next one, whatever is between.
"""

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO, NamedTuple

from feedtape.errors import TapeError
from feedtape.model.records import HEADER
from feedtape.tape.blocks import BlockSource, Extent, Tell
from feedtape.tape.format import SIGNATURE_TEXT, Link, decode_line, next_head, read_link, signature

_BEGINNING = 64 * 1024
_SIGNATURE_WORDS = SIGNATURE_TEXT.split(b" tape ")[0]


class Span(NamedTuple):
    """A part of the file; one that is void reads as zeros."""

    offset: int
    size: int
    is_void: bool = False


class _Spans(io.RawIOBase):
    """Reads spans of a file as if they were a file, behind a signature."""

    def __init__(self, file: IO[bytes], spans: Sequence[Span]) -> None:
        self._file = file
        self._spans = [span for span in spans if span.size]
        self._starts: list[int] = []
        self._position = 0
        self._size = len(signature())
        for span in self._spans:
            self._starts.append(self._size)
            self._size += span.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._at(self._position, len(buffer))
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _at(self, position: int, length: int) -> bytes:
        if position < len(signature()):
            return signature()[position : position + length]
        number = bisect_right(self._starts, position) - 1
        if number < 0 or position >= self._size:
            return b""
        start, span = self._starts[number], self._spans[number]
        length = min(length, start + span.size - position)
        if span.is_void:
            return bytes(length)
        self._file.seek(span.offset + position - start)
        return self._file.read(length)

    def in_file(self, position: int) -> int:
        """Return where in the file a position is."""
        number = bisect_right(self._starts, position) - 1
        return position if number < 0 else self._spans[number].offset + position - self._starts[number]


@dataclass
class Stretch:
    """From the beginning of a block up to the next one.

    Attributes:
        number: of the block, where it can be believed.
        head: of the chain before it, as it says itself.
        header: the beginning of a block that begins with a header.
    """

    offset: int
    end: int
    extent: Extent
    number: int | None
    head: str
    header: bytes = b""
    is_void: bool = False


@dataclass
class OneTape:
    """One of the tapes of a file, its blocks in their order. `remarks` tell what was out of it."""

    start: int
    end: int = 0
    stretches: list[Stretch] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    removed: list[Stretch] = field(default_factory=list)
    numbered: dict[int, Stretch] = field(default_factory=dict)

    def add(self, stretch: Stretch) -> None:
        """Take one more."""
        self.stretches.append(stretch)
        if stretch.number is not None:
            self.numbered[stretch.number] = stretch

    def spans(self) -> list[Span]:
        """Return its parts of the file in the order in which they are to be read."""
        first = min((one.offset for one in self.stretches), default=self.end)
        spans = [Span(self.start, first - self.start)] if first > self.start else []
        for one in self.stretches:
            last = spans[-1] if spans else None
            if last is not None and last.offset + last.size == one.offset and not last.is_void and not one.is_void:
                spans[-1] = last._replace(size=one.end - last.offset)
            else:
                spans.append(Span(one.offset, one.end - one.offset, one.is_void))
        return spans

    def open(self, file: IO[bytes]) -> tuple[BlockSource, Callable[[int], int]]:
        """Return it as a source of blocks, and what tells where in the file a place of it is."""
        spans = _Spans(file, self.spans())
        return BlockSource(io.BufferedReader(spans)), spans.in_file

    def void(self, offset: int) -> bool:
        """Let the stretch at an offset of the file read as nothing; return False when there is none."""
        for one in self.stretches:
            if one.offset <= offset < one.end and not one.is_void:
                one.is_void = True
                return True
        return False


def tapes_in(file: IO[bytes], tell: Tell | None = None) -> list[OneTape]:
    """Return the tapes that a file holds, those in which there is at least the beginning of one block."""
    source, found = BlockSource(file), _Found()
    size = source.size()
    for stretch, signed_at in _stretches(source, size, tell):
        found.add(source, stretch, signed_at)
    tapes = found.tapes
    for number, tape in enumerate(tapes, 1):
        tape.end = tapes[number].start if number < len(tapes) else size
        _close_up(tape)
    return tapes


def _close_up(tape: OneTape) -> None:
    """Let every stretch end where the next one in the file begins, and put them into the order of their numbers."""
    everything = sorted([*tape.stretches, *tape.removed], key=lambda one: one.offset)
    for number, one in enumerate(everything, 1):
        one.end = everything[number].offset if number < len(everything) else tape.end
    for copy in tape.removed:
        # What stands behind a copy is not one, whatever it is.
        end, before = copy.offset + copy.extent.size, [one for one in tape.stretches if one.offset < copy.offset]
        if copy.extent.is_whole and end < copy.end and before:
            place = tape.stretches.index(max(before, key=lambda one: one.offset))
            tape.stretches.insert(place + 1, Stretch(end, copy.end, copy.extent, None, ""))
    units: list[list[Stretch]] = []
    for one in tape.stretches:
        # What cannot say its number stays behind what it stood behind.
        if one.number is None and units:
            units[-1].append(one)
        else:
            units.append([one])
    numbers = [unit[0].number for unit in units]
    known = [number for number in numbers if number is not None]
    if known != sorted(known):
        tape.remarks += [f"block {number} stood behind block {before}" for before, number in pairwise(known) if number < before]
        units.sort(key=lambda unit: -1 if unit[0].number is None else unit[0].number)
        tape.stretches = [one for unit in units for one in unit]


def _stretches(source: BlockSource, size: int, tell: Tell | None) -> Iterator[tuple[Stretch, int | None]]:
    """Yield what begins with a block, and where the signature stood that came before it, if one did."""
    position: int | None = 0
    signed_at, expected = None, 0
    while position is not None and position < size:
        extent = source.extent(position, size)
        if extent is not None and extent.is_skippable and extent.is_whole:
            if _SIGNATURE_WORDS in source.read(position + 8, 16):
                signed_at, expected = position, 0
            position += extent.size
            continue
        lines = b"" if extent is None or extent.is_skippable else source.beginning(extent, _BEGINNING)
        if extent is not None and lines[:19].isdigit():
            stretch = _stretch(source, extent, lines, expected)
            expected = expected if stretch.number is None else stretch.number + 1
            yield stretch, signed_at
            signed_at = None
        elif extent is not None and extent.is_whole and lines:
            # Somebody else's lines: whoever reads on must not take them for ours.
            yield Stretch(position, position + extent.size, extent, None, "", is_void=True), None
        position = _next(source, position, extent, size, tell)


def _next(source: BlockSource, position: int, extent: Extent | None, size: int, tell: Tell | None) -> int | None:
    """Return where to look on: behind a whole frame, if anything is there, or else at the next block."""
    if tell is not None:
        tell(position)
    if extent is not None and extent.is_whole:
        end = position + extent.size
        if end == size or source.extent(end, size) is not None:
            return end
    following = source.next_block(position + 1, size, tell)
    return None if following is None else following.offset


def _stretch(source: BlockSource, extent: Extent, lines: bytes, expected: int) -> Stretch:
    """Return what a block says of itself; a number that surprises is believed only of a block that is whole."""
    line = lines.partition(b"\n")[0]
    link = read_link(line)
    is_header = False
    if link is None:
        try:
            is_header = decode_line(line).kind == HEADER
        except TapeError:
            is_header = False
        link = Link(0, 0, 0, "") if is_header else None
    stretch = Stretch(extent.offset, extent.offset + extent.size, extent, None, "")
    if link is None:
        return stretch
    is_sure = link.block == expected or (extent.is_whole and source.lines(extent) is not None)
    if is_sure or source.proven(extent):
        stretch.number, stretch.head = link.block, link.head
        stretch.header = line[:_BEGINNING] if is_header else b""
    return stretch


class _Found:
    """The tapes so far."""

    def __init__(self) -> None:
        self.tapes: list[OneTape] = []

    def add(self, source: BlockSource, stretch: Stretch, signed_at: int | None) -> None:
        """Put a stretch where it belongs."""
        if not self.tapes:
            # What stands before the first block is damage, but for the place of the signature.
            start = len(signature()) if stretch.offset >= len(signature()) else 0
            self.tapes.append(OneTape(start))
        elif self._begins_another(source, self.tapes[-1], stretch, signed_at):
            self.tapes.append(OneTape(stretch.offset if signed_at is None else signed_at + len(signature())))
        tape = self.tapes[-1]
        same = None if stretch.number is None else tape.numbered.get(stretch.number)
        if same is None:
            tape.add(stretch)
        else:
            self._keep_one(source, tape, same, stretch)

    def _keep_one(self, source: BlockSource, tape: OneTape, same: Stretch, stretch: Stretch) -> None:
        """Of two copies of a block keep the one that is whole, the first if both are."""
        tape.remarks.append(f"block {stretch.number} stood twice")
        if source.lines(stretch.extent) is not None and source.lines(same.extent) is None:
            tape.stretches.remove(same)
            tape.removed.append(same)
            tape.add(stretch)
        else:
            tape.removed.append(stretch)

    def _begins_another(self, source: BlockSource, tape: OneTape, stretch: Stretch, signed_at: int | None) -> bool:
        number = stretch.number
        if number is None:
            return False
        if (same := tape.numbered.get(number)) is not None:
            is_copy = same.header == stretch.header if same.header or stretch.header else same.head == stretch.head
            return not is_copy
        if signed_at is None and not stretch.header:
            return False
        # The first block of this very tape may only have come behind the second.
        second, lines = tape.numbered.get(1), source.lines(stretch.extent) if stretch.header else None
        return second is None or lines is None or next_head("", lines) != second.head
