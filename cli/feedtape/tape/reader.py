"""Reading a tape: from the start, from a keyframe, complete or cut, with or without index, or while it is being written."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from feedtape.errors import TapeError
from feedtape.model.records import DAMAGE, HEADER, KEYFRAME, Record
from feedtape.tape.blocks import BlockSource, Tell
from feedtape.tape.format import (
    SEEK_FOOTER_SIZE,
    Block,
    Index,
    check_signature,
    decode_index,
    index_size,
    read_link,
    seek_table_size,
    signature,
)
from feedtape.tape.passage import Passage, Wait

_BEGINNING = 64 * 1024


class TapeReader:
    """Opens one tape. Each pass over it is a `Passage`; that of `records` is at hand as `passage`."""

    def __init__(self, path: Path) -> None:
        """Open a file and check that it is a tape.

        Raises:
            TapeError: when it is none, cannot be read, or is of a newer format.
        """
        self.path = path
        try:
            # Opening a pipe would wait for its writer.
            if not stat.S_ISREG(path.stat().st_mode):
                raise TapeError(f"{path} is not a file")
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            if isinstance(error, TapeError):
                raise
            raise TapeError(f"{path} cannot be read: {error.strerror}") from error
        self.source = BlockSource(self._file)
        try:
            self.version = check_signature(self.source.read(0, len(signature())), str(path))
            self.size = self.source.size()
            self._index = self._read_index()
        except BaseException:
            self._file.close()
            raise
        self.marked = False
        """Whether passes keep marks of the blocks, for a seal."""
        self._scanned: list[Block] | None = None
        self.passage = Passage(self.source, self.version)

    def __enter__(self) -> "TapeReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    @property
    def has_index(self) -> bool:
        """Whether the tape was closed cleanly, with an index that can be believed."""
        return self._index is not None

    @property
    def index(self) -> Index:
        """What the index says; empty where there is none."""
        return self._index or Index([], "", {})

    @property
    def blocks(self) -> list[Block]:
        """The blocks, as the index or a scan found them."""
        return self._index.blocks if self._index else self._scanned or []

    @property
    def complete(self) -> bool:
        """Whether the latest pass came to the end record."""
        return self.passage.complete

    @property
    def damage(self) -> str | None:
        """What the latest pass could not read at the end of the file."""
        return self.passage.damage

    def _read_index(self) -> Index | None:
        read, size = self.source.read, self.size
        table_size = seek_table_size(read(size - SEEK_FOOTER_SIZE, SEEK_FOOTER_SIZE))
        if table_size is None or table_size > size:
            return None
        length = index_size(read(size - table_size, table_size))
        if length is None or length + table_size > size:
            return None
        index = decode_index(read(size - table_size - length, length), self.version)
        if index is None:
            return None
        position = len(signature())
        for block in index.blocks:
            if block.offset != position:
                return None
            position += block.size
        return index if position == size - table_size - length else None

    def scan(self, tell: Tell | None = None) -> None:
        """Find the blocks of a tape without index, so that it can be sought in; each is looked into at its beginning only.

        A block's `raw_size` and `records` stay 0 here, and `last` is where the next block begins.
        """
        if self._index is not None or self._scanned is not None:
            return
        found: list[Block] = []
        position, end = len(signature()), self.source.size()
        while position < end:
            extent = self.source.extent(position, end)
            if extent is None or not extent.is_whole:
                following = self.source.next_block(position + 1, end, tell)
                if following is None:
                    break
                position = following.offset
                continue
            if not extent.is_skippable and (times := self._peek(extent.offset)) is not None:
                first, keyframe = times
                if found:
                    found[-1] = found[-1]._replace(last=first)
                found.append(Block(extent.offset, extent.size, 0, first, first, 0, keyframe))
            position += extent.size
            if tell is not None:
                tell(position)
        self._scanned = found

    def _peek(self, offset: int) -> tuple[int, bool] | None:
        """Return the time of a block's first record, and whether it is a keyframe."""
        extent = self.source.extent(offset, self.size)
        lines = self.source.beginning(extent, _BEGINNING).split(b"\n") if extent is not None else []
        if lines and read_link(lines[0]) is not None:
            lines = lines[1:]
        parts = lines[0].split(b" ", 3) if lines else []
        if len(parts) < 3 or not parts[0].isdigit():
            return None
        return int(parts[0]), parts[2] == KEYFRAME

    def header(self) -> dict[str, Any]:
        """Return the session header; no more than a start, where the tape is damaged there and can be read further on.

        Raises:
            TapeError: when the tape is cut before it, or does not begin with one.
        """
        lost = False
        for record in Passage(self.source, self.version).records():
            if record.kind == HEADER:
                return self._header_of(record)
            if record.kind != DAMAGE:
                if not lost:
                    break
                # The keyframe that follows holds all that a replay needs.
                return {"start": record.time}
            lost = True
        hint = f"feedtape repair {self.path} -o OUT"
        raise TapeError(f"{self.path} holds no header: it was cut before anything reached it, or is damaged there", hint=hint)

    def _header_of(self, record: Record) -> dict[str, Any]:
        try:
            header = dict(record.json())
        except (ValueError, TypeError) as error:
            raise TapeError(f"{self.path} holds a header that cannot be read: {error}") from error
        if type(header.get("start")) is not int:
            header["start"] = record.time
        return header

    def keyframe_before(self, time: int) -> Block | None:
        """Return the last block that begins with a keyframe before that time; None: read from the start."""
        found = None
        for block in self.blocks:
            # A keyframe of that very time may come after other records of that time.
            if block.first >= time:
                break
            if block.keyframe:
                found = block
        return found

    def records(
        self, start: Block | None = None, *, chained: bool = False, wait: Wait | None = None, tell: Tell | None = None
    ) -> Iterator[Record]:
        """Yield every record that can be proven, from the start or from a block on; see `Passage`.

        Raises:
            TapeError: when a line cannot be one of a tape's.
        """
        self.passage = Passage(
            self.source,
            self.version,
            self._index.blocks if self._index is not None and wait is None else None,
            start=start.offset if start else None,
            chained=chained,
            marked=self.marked,
            wait=wait,
            tell=tell,
        )
        return self.passage.records()
