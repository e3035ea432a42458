"""Reading a tape: from the start, from a keyframe, complete or cut, with or without index."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import zstandard

from feedtape.errors import TapeError
from feedtape.model.records import END, HEADER, Record
from feedtape.tape.format import (
    MAX_LINE,
    SEEK_FOOTER_SIZE,
    Block,
    check_signature,
    decode_index,
    decode_line,
    index_size,
    seek_table_size,
    signature,
)

_PIECE = 1024 * 1024


class TapeReader:
    """Reads the records of one tape, in order.

    After a full pass `complete` tells whether the end record was there, and `damage` what stopped the reading early.
    """

    def __init__(self, path: Path) -> None:
        """Open a file and check that it is a tape.

        Raises:
            TapeError: when it is none, cannot be read, or is of a newer format.
        """
        self.path = path
        self.complete = False
        self.damage: str | None = None
        try:
            self._file: IO[bytes] = path.open("rb")
            mode = path.stat().st_mode
        except OSError as error:
            raise TapeError(f"{path} cannot be read: {error.strerror}") from error
        try:
            if not stat.S_ISREG(mode):
                raise TapeError(f"{path} is not a file")
            self.size = path.stat().st_size
            check_signature(self._file.read(len(signature())), str(path))
            self._index = self._read_index()
        except BaseException:
            self._file.close()
            raise

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
    def blocks(self) -> list[Block]:
        """The blocks, where there is an index."""
        return self._index[0] if self._index else []

    @property
    def statistics(self) -> dict[str, Any]:
        """What the recorder counted, where there is an index."""
        return self._index[1] if self._index else {}

    def _read_index(self) -> tuple[list[Block], dict[str, Any]] | None:
        footer = self._read_at(self.size - SEEK_FOOTER_SIZE, SEEK_FOOTER_SIZE)
        table_size = seek_table_size(footer)
        if table_size is None or table_size > self.size:
            return None
        table = self._read_at(self.size - table_size, table_size)
        length = index_size(table)
        if length is None or length + table_size > self.size:
            return None
        index = decode_index(self._read_at(self.size - table_size - length, length))
        if index is None:
            return None
        position = len(signature())
        for block in index[0]:
            if block.offset != position:
                return None
            position += block.size
        return index if position == self.size - table_size - length else None

    def _read_at(self, offset: int, length: int) -> bytes:
        if offset < 0:
            return b""
        self._file.seek(offset)
        return self._file.read(length)

    def header(self) -> dict[str, Any]:
        """Return the session header.

        Raises:
            TapeError: when the tape is cut before it, or does not begin with one.
        """
        for record in self.records():
            if record.kind == HEADER:
                return dict(record.json())
            break
        raise TapeError(f"{self.path} holds no header: it was cut before anything reached it")

    def keyframe_before(self, time: int) -> Block | None:
        """Return the last block that begins with a keyframe of at most that time; None: read from the start."""
        found = None
        for block in self.blocks:
            if block.first > time:
                break
            if block.keyframe:
                found = block
        return found

    def records(self, start: Block | None = None) -> Iterator[Record]:
        """Yield every readable record, from the start or from a block on.

        Raises:
            TapeError: when a line cannot be one of a tape's.
        """
        for lines in self.lines(start):
            for line in lines:
                record = decode_line(line)
                if record.kind == END:
                    self.complete = True
                yield record

    def lines(self, start: Block | None = None) -> Iterator[list[bytes]]:
        """Yield whole lines, without their newlines, a piece of the tape at a time."""
        self.complete = False
        self.damage = None
        self._file.seek(start.offset if start else 0)
        rest = b""
        with zstandard.ZstdDecompressor().stream_reader(self._file, read_across_frames=True, closefd=False) as stream:
            while True:
                try:
                    piece = stream.read(_PIECE)
                except zstandard.ZstdError as error:
                    self.damage = f"a damaged block: {error}"
                    return
                if not piece:
                    break
                lines = (rest + piece).split(b"\n") if rest else piece.split(b"\n")
                rest = lines.pop()
                if len(rest) > MAX_LINE:
                    self.damage = f"a line of more than {MAX_LINE} bytes"
                    return
                yield lines
        if rest:
            self.damage = "a line that ends in the middle"
