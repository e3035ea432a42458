"""Writing a tape: under its final name from the start, created exclusively, locked, flushed, never over another."""

import contextlib
import os
from pathlib import Path
from typing import Any

import zstandard

from feedtape.errors import TapeError
from feedtape.model.records import KEYFRAME, Record
from feedtape.tape.format import Block, encode_index, encode_line, signature

DEFAULT_LEVEL = 9
BLOCK_RAW_SIZE = 1024 * 1024
BLOCK_NS = 60 * 1_000_000_000
_PIECE = 64 * 1024

if os.name == "nt":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class TapeWriter:
    """Writes records to a new tape.

    What is written reaches the file at the latest with the next `flush`, which the caller owes once a second. A process killed
    at any instant loses what came after the last flush, and nothing before it.
    """

    def __init__(self, path: Path, *, level: int = DEFAULT_LEVEL, overwrite: bool = False) -> None:
        """Create the file and lock it.

        Raises:
            TapeError: when the file exists and `overwrite` is not given, another process writes it, or it cannot be made.
        """
        self.path = path
        self.raw_bytes = 0
        self.records = 0
        self.blocks: list[Block] = []
        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
        self._file = self._create(path, overwrite)
        self._offset = 0
        self._lines: list[bytes] = []
        self._pending = 0
        self._write(signature())
        self._start = self._offset
        self._begin()

    @staticmethod
    def _create(path: Path, overwrite: bool) -> int:
        flags = os.O_CREAT | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, flags if overwrite else flags | os.O_EXCL, 0o644)
        except FileExistsError:
            hint = "add --overwrite, or leave out -o to get a dated name"
            raise TapeError(f"{path} already exists", hint=hint) from None
        except OSError as error:
            raise TapeError(f"{path} cannot be written: {error.strerror}") from error
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise TapeError(f"{path} is being written by another process") from None
        if overwrite:
            os.ftruncate(descriptor, 0)
        return descriptor

    def _begin(self) -> None:
        self._stream = self._compressor.compressobj()
        self._block_offset = self._offset
        self._block_raw = 0
        self._block_records = 0
        self._block_first = 0
        self._block_last = 0
        self._block_keyframe = False

    def write(self, record: Record) -> None:
        """Add a record. A keyframe begins a block of its own, so that a reader can start there.

        Raises:
            TapeError: when the disk does not take it.
        """
        time = record.time
        if self._block_records and (
            record.kind == KEYFRAME or self._block_raw >= BLOCK_RAW_SIZE or time - self._block_first >= BLOCK_NS
        ):
            self._finish_block()
        if not self._block_records:
            self._block_first = time
            self._block_keyframe = record.kind == KEYFRAME
        line = encode_line(record)
        self._lines.append(line)
        self._pending += len(line)
        self._block_raw += len(line)
        self._block_last = time
        self._block_records += 1
        if self._pending >= _PIECE:
            self._compress()

    def _compress(self) -> None:
        data = b"".join(self._lines)
        self._lines.clear()
        self._pending = 0
        self._write(self._stream.compress(data))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.write(self._file, view)
                self._offset += written
                view = view[written:]
        except OSError as error:
            raise TapeError(f"{self.path} cannot be written any further: {error.strerror}") from error

    def flush(self) -> None:
        """Hand everything written so far to the operating system.

        Raises:
            TapeError: when the disk does not take it.
        """
        if self._pending:
            self._compress()
            self._write(self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def _finish_block(self) -> None:
        self._compress()
        self._write(self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
        size = self._offset - self._block_offset
        self.blocks.append(
            Block(
                self._block_offset,
                size,
                self._block_raw,
                self._block_first,
                self._block_last,
                self._block_records,
                self._block_keyframe,
            )
        )
        self.raw_bytes += self._block_raw
        self.records += self._block_records
        self._begin()

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._offset

    def close(self, statistics: dict[str, Any]) -> None:
        """Write the index and let the file go. The caller has written the end record.

        Raises:
            TapeError: when the disk does not take it.
        """
        try:
            if self._block_records:
                self._finish_block()
            self._write(encode_index(self.blocks, self._start, statistics))
            os.fsync(self._file)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let the file go as it is, for a tape that cannot be written any further."""
        with contextlib.suppress(OSError):
            os.close(self._file)
