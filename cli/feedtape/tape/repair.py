"""Repairing a tape: everything that can still be read goes into a new one, with a `damage` record wherever something is missing.

Records are copied as they are. What is not copied is the container, with the chain and the index: the new tape has its own, and a
header that says what it was made from. A repair never makes up a frame, and never drops one that is proven.
"""

import hashlib
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from feedtape import __version__
from feedtape.errors import TapeError
from feedtape.model.records import END, HEADER, Record, note
from feedtape.tape.blocks import BlockSource, Tell
from feedtape.tape.findings import Findings, Way, read
from feedtape.tape.format import FORMAT, check_signature, format_in, signature
from feedtape.tape.passage import CHANGED, Passage
from feedtape.tape.reader import TapeReader
from feedtape.tape.stretches import OneTape, tapes_in
from feedtape.tape.writer import TapeWriter

Take = Callable[[Record], None]


class Wreck:
    """One tape of a file, as far as it can be read.

    Attributes:
        has_signature, has_index: whether the file has them, and they can be believed.
    """

    def __init__(self, path: Path, way: Way, findings: Findings, *, has_signature: bool, has_index: bool) -> None:
        self.path = path
        self.way = way
        self.found = findings
        self.has_signature = has_signature
        self.has_index = has_index

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing to repair."""
        found = self.found
        is_wrong = self.is_lossy or found.faults or found.misindexed or found.behind_end
        return self.has_signature and self.has_index and not is_wrong

    @property
    def is_lossy(self) -> bool:
        """Whether anything of the recording is missing."""
        return bool(self.found.damages) or self.found.end is None or self.found.header is None

    def remarks(self) -> list[str]:
        """Return what was wrong and cost nothing."""
        found = self.found
        said = [fault for fault in found.faults if not fault.endswith(CHANGED)]
        if not self.has_signature:
            said.append("the signature was destroyed")
        if self.has_signature and not self.has_index and found.end is not None:
            said.append("the index was missing or could not be believed")
        said += [f"the index was wrong: {what}" for what in found.misindexed]
        if found.behind_end:
            said.append(f"{found.behind_end} bytes behind the end are no part of the recording")
        if found.header is None:
            said.append("the header was lost; the new one says what the rest tells")
        return said

    def records(self, tell: Tell | None = None) -> Iterator[Record]:
        """Yield the records of the new tape but for its end, beginning with the header."""
        found = Findings(header=self.found.header)
        for number, record in enumerate(read(self.way, found, tell)):
            if not number:
                yield self._header(record)
                if record.kind == HEADER:
                    continue
            yield record

    def _header(self, first: Record) -> Record:
        found = self.found
        kept = dict(found.header or self._invented(first))
        repaired = {
            "tape": self.path.name,
            "size": self.path.stat().st_size,
            "chain": found.head,
            "damages": len(found.damages),
            "bytes": sum(one["bytes"] for one in found.damages),
            "cut": found.end is None,
            "remarks": self.remarks()[:20],
            "by": f"feedtape {__version__}",
        }
        if "repaired" in kept:
            repaired["before"] = kept["repaired"]
        return note(first.time, HEADER, kept | {"format": FORMAT, "repaired": repaired})

    def _invented(self, first: Record) -> dict[str, Any]:
        """Return what can be told of a header that is lost."""
        found = self.found
        name = hashlib.blake2b(b"%d %b" % (first.time, first.payload), digest_size=4).hexdigest()
        venues = [*found.opened, *(target.partition(":")[0] for target in found.targets)]
        return {
            "made_by": None,
            "session": name,
            "start": first.time,
            "targets": list(found.targets),
            "channels": [],
            "decoders": {},
            "venues": list(dict.fromkeys(venues)),
            "lost": True,
        }

    def end(self, time: int, chain: str) -> Record:
        """Return the end record of the new tape, given the head of its chain."""
        found = self.found
        before = {"reason": "repaired: cut"} if found.end is None else found.end
        return note(time, END, before | {"frames": found.frames, "bytes": found.bytes, "chain": chain})


def open_wrecks(path: Path, file: IO[bytes], tell: Tell | None = None) -> list[Wreck]:
    """Read a whole file and return the tapes in it.

    Raises:
        TapeError: when it holds nothing of a tape, is of a newer format, or is being written.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise TapeError(f"{path} is not a file")
    source = BlockSource(file)
    if not source.size():
        raise TapeError(f"{path} is empty: there is nothing to repair")
    if source.is_being_written():
        raise TapeError(f"{path} is being written; what is flushed can be read as it is", hint=f"feedtape verify {path}")
    signed = _signed(source, path)
    by_index = _by_index(path, file, tell)
    if by_index is not None and by_index.is_whole:
        return [by_index]
    tapes = tapes_in(file, tell)
    walked = [_walked(path, file, tape, signed, number, tell) for number, tape in enumerate(tapes)]
    wrecks = [wreck for wreck in walked if wreck is not None]
    if by_index is not None and (len(wrecks) == 0 or (len(wrecks) == 1 and not _is_better(wrecks[0].found, by_index.found))):
        return [by_index]
    if not wrecks:
        # A file that is no tape is told so; one that is has nothing left of it.
        check_signature(source.read(0, len(signature())), str(path))
        raise TapeError(f"{path} holds nothing that can be read")
    for wreck in wrecks:
        _refuse_newer(wreck, source)
    return wrecks


def _is_better(one: Findings, other: Findings) -> bool:
    return (one.records - len(one.damages), -len(one.faults)) > (other.records - len(other.damages), -len(other.faults))


def _signed(source: BlockSource, path: Path) -> int | None:
    """Return the version in the signature; None where it is none of ours, or destroyed."""
    try:
        return check_signature(source.read(0, len(signature())), str(path))
    except TapeError:
        return None


def _by_index(path: Path, file: IO[bytes], tell: Tell | None) -> Wreck | None:
    try:
        with TapeReader(path) as reader:
            has_index, version, index = reader.has_index, reader.version, reader.index
    except TapeError:
        return None
    way = Way(BlockSource(file), version, index.blocks, lambda offset: offset)
    found = Findings()
    try:
        for _ in read(way, found, tell) if has_index else ():
            pass
    except TapeError:
        return None
    if not found.records:
        return None
    if not found.damages and not _agree(index.statistics, found):
        found.misindexed = [*found.misindexed, "it counts other frames"]
    return Wreck(path, way, found, has_signature=True, has_index=True)


def _agree(statistics: dict[str, Any], found: Findings) -> bool:
    return statistics.get("frames") == found.frames and statistics.get("bytes") == found.bytes


def _walked(path: Path, file: IO[bytes], tape: OneTape, signed: int | None, number: int, tell: Tell | None) -> Wreck | None:
    """Read one tape from block to block; a block that holds lines of something else is passed over as damage."""
    version = (signed or FORMAT) if not number else FORMAT
    while True:
        source, in_file = tape.open(file)
        way, found = Way(source, version, None, in_file), Findings()
        try:
            for _ in read(way, found, tell):
                pass
            break
        except TapeError:
            if not tape.void(_failed_at(way)):
                raise
    found.faults = [*tape.remarks, *found.faults]
    kept = found.records - len(found.damages)
    if kept < 1 or (kept == 1 and found.header is not None and found.end is None and number):
        return None
    return Wreck(path, way, found, has_signature=bool(number) or signed is not None, has_index=False)


def _failed_at(way: Way) -> int:
    """Return where in the file the block stands that cannot be one of ours."""
    passage = Passage(way.source, way.version)
    try:
        for _ in passage.records():
            pass
    except TapeError:
        pass
    return way.in_file(passage.position)


def _refuse_newer(wreck: Wreck, source: BlockSource) -> None:
    """Refuse a format that is not known, by its header where there is one: a signature may only be damaged."""
    said = (wreck.found.header or {}).get("format")
    if type(said) is int and said > FORMAT:
        raise TapeError(f"{wreck.path} is a tape of format {said}; this feedtape reads up to {FORMAT}")
    signed = format_in(source.read(0, len(signature())))
    if said is None and signed is not None and signed > FORMAT:
        raise TapeError(f"{wreck.path} is a tape of format {signed}; this feedtape reads up to {FORMAT}")


def write_repaired(
    wreck: Wreck, writer: TapeWriter, take: Take, statistics: Callable[[], dict[str, Any] | None], tell: Tell | None = None
) -> None:
    """Write the new tape and close it; one for which there are no statistics gets no index, so that it is read in full.

    Raises:
        TapeError: when the disk does not take it.
    """
    time = 0
    for record in wreck.records(tell):
        writer.write(record)
        take(record)
        time = record.time
    end = wreck.end(time, writer.end_block())
    writer.write(end)
    take(end)
    if (known := statistics()) is not None:
        writer.close(known)
    else:
        writer.end_block()
        writer.abandon()
