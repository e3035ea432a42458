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
            # Opening a pipe would wait for its writer.
            if not stat.S_ISREG(path.stat().st_mode):
                raise TapeError(f"{path} is not a file")
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            if isinstance(error, TapeError):
                raise
            raise TapeError(f"{path} cannot be read: {error.strerror}") from error
        try:
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
        """Return the last block that begins with a keyframe before that time; None: read from the start."""
        found = None
        for block in self.blocks:
            # A keyframe of that very time may come after other records of that time.
            if block.first >= time:
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
        rest: list[bytes] = []
        length = 0
        try:
            for piece in self._blocks_from(start) if self._index else self._stream():
                end = piece.rfind(b"\n")
                if end >= 0:
                    rest.append(piece[:end])
                    yield b"".join(rest).split(b"\n")
                    rest.clear()
                    length = 0
                if end + 1 < len(piece):
                    rest.append(piece[end + 1 :])
                    length += len(rest[-1])
                if length > MAX_LINE:
                    self.damage = f"a line of more than {MAX_LINE} bytes"
                    return
        except zstandard.ZstdError as error:
            self.damage = f"a damaged block: {error}"
            return
        if rest:
            self.damage = "a line that ends in the middle"

    def _blocks_from(self, start: Block | None) -> Iterator[bytes]:
        """Decompress whole blocks, each checked by its checksum before any of it is used."""
        decompressor = zstandard.ZstdDecompressor()
        first = start.offset if start else 0
        for block in self.blocks:
            if block.offset >= first:
                if block.raw_size > MAX_LINE + _PIECE:
                    raise zstandard.ZstdError(f"a block of {block.raw_size} bytes")
                data = decompressor.decompress(self._read_at(block.offset, block.size), max_output_size=block.raw_size)
                if len(data) != block.raw_size:
                    raise zstandard.ZstdError("a block of another size than the index says")
                yield data

    def _stream(self) -> Iterator[bytes]:
        """Decompress what is there, which may end anywhere."""
        self._file.seek(0)
        with zstandard.ZstdDecompressor().stream_reader(self._file, read_across_frames=True, closefd=False) as stream:
            while piece := stream.read(_PIECE):
                yield piece
