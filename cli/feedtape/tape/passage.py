"""One pass over a tape: every line that is proven, in order, and a `damage` record wherever something is missing between two.

Whole blocks are checked by their checksum before any of their lines is used; of an unfinished or damaged block, those lines are
used that its sums prove. The chain tells how many records a hole swallowed.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from feedtape.model.records import CHAIN, DAMAGE, END, FRAMES, RECV, SUM, Record, note
from feedtape.tape.blocks import BlockSource, Extent, Tell
from feedtape.tape.format import Block, Link, decode_line, next_head, read_link, signature
from feedtape.tape.marks import Mark, Marker

Wait = Callable[[], bool]
"""Waits a little for more of a tape that is being written; False when nobody wants it any longer."""


CHANGED = "does not continue the block before it: one of them was changed"
"""The fault of a block whose chain does not fit."""


class Part(NamedTuple):
    """Proven lines of one block: those that begin it, or those that came to it since."""

    lines: bytes
    begins: bool


class Hole(NamedTuple):
    """What of the file could not be read. `bytes` is 0 where blocks are missing altogether."""

    offset: int
    bytes: int
    why: str


class Passage:
    """Reads one file from some block on.

    Attributes:
        complete: whether the end record was read; `end_reason` is what it says.
        damage: what at the end of the file could not be read; None when nothing was left over.
        holes: everything that could not be read, that at the end included.
        faults: blocks that are not where or what the chain says.
        misindexed: what the index says and the blocks do not.
        position: how far into the file it has come.
        head: of the chain, after the last whole block; kept only where the chain is checked.
    """

    def __init__(
        self,
        source: BlockSource,
        version: int,
        blocks: list[Block] | None = None,
        *,
        start: int | None = None,
        chained: bool = False,
        marked: bool = False,
        wait: Wait | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Prepare a pass.

        Args:
            blocks: what the index says, where it can be believed.
            start: offset of the block to begin at; the first if left out.
            chained: whether to check the hashes of the chain too.
            marked: whether to keep a mark of each block.
            wait: makes the pass go on while the tape is being written.
        """
        self.complete = False
        self.damage: str | None = None
        self.holes: list[Hole] = []
        self.faults: list[str] = []
        self.misindexed: list[str] = []
        self.position = len(signature()) if start is None else start
        self.head: str | None = "" if chained else None
        self._source = source
        self._version = version
        self._blocks = blocks
        self._chained = chained
        self._marker = Marker() if marked else None
        self._wait = wait
        self._tell = tell
        self._hole: Hole | None = None
        self._torn = b""
        """All that was proven of the latest block that was damaged or not finished."""
        self.time = 0
        """Of the latest record."""
        self.end_reason = ""
        self._records = self._frames = 0
        self._number: int | None = 0 if start is None else None
        """Of the block that should come next; None: whichever comes."""

    def records(self) -> Iterator[Record]:
        """Yield the records.

        Raises:
            TapeError: when a line that is proven cannot be one of a tape's.
        """
        is_used = True
        for part in self._walked() if self._blocks is None else self._indexed(self._blocks):
            if self._marker is not None:
                self._marker.add(part.lines, begins=part.begins)
            lines = part.lines
            if part.begins:
                link = read_link(lines[: lines.find(b"\n")])
                if link is None and self._version > 1:
                    # Every block but the first says which one it is.
                    link = Link(0, 0, 0, "")
                if link is not None and self._is_torn_one(link, lines):
                    self._number, link = link.block, link._replace(records=self._records, frames=self._frames)
                    lines = lines[len(self._torn) :]
                is_used = not self._is_out_of_place(link)
                if is_used and (damage := self._missing(link, part.lines)) is not None:
                    yield damage
            if is_used:
                yield from self._decoded(lines)
        if self._hole is not None:
            self.holes.append(self._hole)
            yield self._damage(self._hole, None, None)

    @property
    def marks(self) -> list[Mark]:
        """Marks of the blocks in the order of the file, where they are kept; those that are out of place are there too."""
        return [] if self._marker is None else self._marker.marks

    @property
    def counted(self) -> tuple[int, int]:
        """How many records and frames there were up to here, those included that a hole is known to have swallowed."""
        return self._records, self._frames

    def _decoded(self, lines: bytes) -> Iterator[Record]:
        found = lines[:-1].split(b"\n") if lines else []
        container = others = 0
        for line in found:
            record = decode_line(line)
            kind = record.kind
            if kind is not RECV:
                if kind in (CHAIN, SUM):
                    container += 1
                    continue
                if kind == END:
                    self._end(record)
                others += kind not in FRAMES
            yield record
        if len(found) > container:
            self.time = record.time
        self._records += len(found) - container
        self._frames += len(found) - container - others

    def _end(self, record: Record) -> None:
        self.complete = True
        try:
            self.end_reason = str(record.json()["reason"])
        except (ValueError, KeyError, TypeError):
            self.end_reason = "unknown"

    # -- the chain

    def _is_out_of_place(self, link: Link | None) -> bool:
        """Tell whether a block was there before, or belongs further up; none of it is used then."""
        if link is None or self._number is None or link.block >= self._number:
            return False
        self.faults.append(f"block {link.block} stands again, or too late, where block {self._number} belongs")
        return True

    def _is_torn_one(self, link: Link, lines: bytes) -> bool:
        """Tell whether a block is the latest one once more, of which only the beginning could be used."""
        return bool(self._torn) and self._number is not None and link.block == self._number - 1 and lines.startswith(self._torn)

    def _missing(self, link: Link | None, lines: bytes) -> Record | None:
        """Hold the beginning of a block against what came before; return the damage between them, if there is any."""
        if link is not None and self._number is not None and link.block > self._number and self._hole is None:
            self.faults.append(f"block {link.block} stands where block {self._number} belongs")
            self._hole = Hole(self.position, 0, f"{link.block - self._number} blocks are missing before block {link.block}")
        damage, hole = None, self._hole
        if hole is not None:
            self.holes.append(hole)
            damage = self._damage(hole, int(lines[:19]) if lines[:19].isdigit() else None, link)
        elif link is not None and self.head is not None and self._number is not None and link.head != self.head:
            self.faults.append(f"block {link.block} {CHANGED}")
        self._hole = None
        if link is not None:
            self._number, self._records, self._frames = link.block, link.records, link.frames
            self.head = link.head if self._chained else None
        self._number = None if self._number is None else self._number + 1
        return damage

    def _damage(self, hole: Hole, until: int | None, link: Link | None) -> Record:
        known = link is not None and link.records >= self._records
        fields = {
            "why": hole.why,
            "offset": hole.offset,
            "bytes": hole.bytes,
            "records": link.records - self._records if link is not None and known else None,
            "frames": link.frames - self._frames if link is not None and known else None,
            "since": self.time or None,
            "until": until,
        }
        return note(self.time or until or 0, DAMAGE, fields)

    # -- parts

    def _indexed(self, blocks: list[Block]) -> Iterator[Part]:
        for number, block in enumerate(blocks):
            if block.offset < self.position:
                continue
            extent = Extent(block.offset, block.size, True, False)
            lines = self._source.lines(extent, block.raw_size)
            if lines is None and self._source.extent(block.offset, block.offset + block.size) == extent:
                # It may be the index that is wrong, and not the block.
                lines = self._source.lines(extent)
            if lines is None:
                yield from self._salvaged(extent, 0)
                self._lose(extent.offset, extent.size, "a damaged block")
            else:
                before = self._records
                yield Part(lines, True)
                self._end_block(lines)
                if self._chained:
                    self._hold_against_index(number, block, lines, before)
            self._advance(extent)

    def _hold_against_index(self, number: int, block: Block, lines: bytes, before: int) -> None:
        first, second = lines[:60], lines[lines.find(b"\n") + 1 :][:60]
        opening = second if b" chain " in first[19:30] else first
        held = Block(
            block.offset,
            block.size,
            len(lines),
            int(first[:19]),
            self.time,
            self._records - before,
            opening[19:].startswith(b" 0 keyframe "),
        )
        if held != block:
            self.misindexed.append(f"block {number} is {held._asdict()}, the index says {block._asdict()}")

    def _walked(self) -> Iterator[Part]:
        """Walk from frame to frame; where that fails, go on at the next whole block. `used` are bytes of lines given before."""
        used = 0
        while True:
            # Asked before looking: what was written last before the writer went is then surely seen.
            alive = self._wait is not None and self._source.is_being_written()
            end = self._source.size()
            extent = self._source.extent(self.position, end) if self.position < end else None
            if extent is not None and extent.is_whole:
                lines = b"" if extent.is_skippable else self._source.lines(extent)
                if lines is None:
                    yield from self._salvaged(extent, used)
                    following = self._source.next_block(self.position + 1, end, self._tell)
                    self._skip_damage("a damaged block", end, following)
                else:
                    if lines[used:]:
                        yield Part(lines[used:], not used)
                    self._end_block(lines)
                    self._advance(extent)
                used = 0
                continue
            if extent is not None and not extent.is_skippable:
                for part in self._salvaged(extent, used):
                    used += len(part.lines)
                    yield part
            if alive and self._wait is not None and not self.complete:
                if not self._wait():
                    return
            elif self.position >= end or not self._leave(extent, used, end):
                return
            else:
                used = 0

    def _salvaged(self, extent: Extent, used: int) -> Iterator[Part]:
        """Yield what is proven of a block that is damaged or not finished, behind what was given before."""
        # Format 1 has no sums: an unfinished block is all that there is of it, but one whose checksum fails proves nothing.
        lines = self._source.proven(extent, trust=self._version == 1 and extent.is_cut)
        if len(lines) > used:
            self._torn = lines
            yield Part(lines[used:], not used)

    def _end_block(self, lines: bytes) -> None:
        if self.head is not None and lines:
            self.head = next_head(self.head, lines)

    def _leave(self, extent: Extent | None, used: int, end: int) -> bool:
        """Leave a place where no whole block is; return whether one follows."""
        following = self._source.next_block(self.position + 1, end, self._tell)
        if following is None and extent is not None:
            if extent.is_skippable:
                # The index of a tape that was cut while it was being closed: nothing of the lines is missing.
                return False
            left = self._source.unproven(extent, used)
            self.damage = f"{left} bytes of lines at the end are not proven" if left else None
            return False
        self._skip_damage("bytes that are no block" if extent is None else "a block without its end", end, following)
        return True

    def _skip_damage(self, why: str, end: int, following: Extent | None) -> None:
        """Go on at the block that follows, wherever the damaged one seems to end."""
        offset = end if following is None else following.offset
        if following is None:
            self.damage = f"{why} at the end"
        self._lose(self.position, offset - self.position, why)
        self.position = offset

    def _lose(self, offset: int, size: int, why: str) -> None:
        if self._hole is None:
            self._hole = Hole(offset, size, why)
        else:
            self._hole = self._hole._replace(bytes=self._hole.bytes + size)

    def _advance(self, extent: Extent) -> None:
        self.position = extent.offset + extent.size
        if self._tell is not None:
            self._tell(self.position)
