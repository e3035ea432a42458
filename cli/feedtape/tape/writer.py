"""Writing a tape: under its final name from the start, created exclusively, locked, flushed, never over another.

Compressing and writing happen on a thread, which zstd lets run beside the interpreter; one bounded queue leads there.
"""

import contextlib
import os
import queue
import threading
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from feedtape.errors import TapeError
from feedtape.model.records import KEYFRAME, Record
from feedtape.tape.format import Block, encode_index, encode_line, signature

DEFAULT_LEVEL = 9
BLOCK_RAW_SIZE = 1024 * 1024
BLOCK_NS = 60 * 1_000_000_000
_PIECE = 64 * 1024
_QUEUED_PIECES = 256
"""Pieces that may wait for the disk; then whoever writes waits, and the socket with it."""


class _BlockFacts(NamedTuple):
    """What is known of a block before it is compressed."""

    raw_size: int
    first: int
    last: int
    records: int
    keyframe: bool


class _Piece(NamedTuple):
    """Lines on their way to the file. `ends` is given with the last piece of a block."""

    lines: bytes
    ends: _BlockFacts | None


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

    What is written is on its way to the file at the latest with the next `flush`, which the caller owes once a second. A process
    killed at any instant loses what came after the last flush, and nothing before it.
    """

    def __init__(self, path: Path, *, level: int = DEFAULT_LEVEL, overwrite: bool = False) -> None:
        """Create the file and lock it.

        Raises:
            TapeError: when the file exists and `overwrite` is not given, another process writes it, or it cannot be made.
        """
        self.path = path
        self.blocks: list[Block] = []
        self.size = 0
        """Bytes in the file so far."""
        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
        self._file = self._create(path, overwrite)
        self._failure: Exception | None = None
        self._lines: list[bytes] = []
        self._pending = 0
        self._raw_size = self._records = self._first = self._last = 0
        self._keyframe = False
        try:
            self._write_out(signature())
        except OSError as error:
            os.close(self._file)
            raise TapeError(f"{path} cannot be written: {error.strerror}") from error
        self._start = self.size
        self._queue: queue.Queue[_Piece | None] = queue.Queue(_QUEUED_PIECES)
        self._thread = threading.Thread(target=self._work, name=f"tape {path.name}", daemon=True)
        self._thread.start()

    @staticmethod
    def _create(path: Path, overwrite: bool) -> int:
        flags = os.O_CREAT | os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TapeError(f"{path} cannot be written: {error.strerror}") from error
        try:
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

    # -- the caller's side

    def write(self, record: Record) -> None:
        """Add a record. A keyframe begins a block of its own, so that a reader can start there.

        Raises:
            TapeError: when the disk did not take what came before.
        """
        time = record.time
        is_keyframe = record.kind == KEYFRAME
        if self._records and (is_keyframe or self._raw_size >= BLOCK_RAW_SIZE or time - self._first >= BLOCK_NS):
            self._end_block()
        if not self._records:
            self._first = time
            self._keyframe = is_keyframe
        line = encode_line(record)
        self._lines.append(line)
        self._pending += len(line)
        self._raw_size += len(line)
        self._last = time
        self._records += 1
        if self._pending >= _PIECE:
            self._hand_over(None)

    def flush(self) -> None:
        """Send everything written so far on its way to the operating system.

        Raises:
            TapeError: when the disk did not take what came before.
        """
        self._check()
        if self._pending:
            self._hand_over(None)

    def _end_block(self) -> None:
        self._hand_over(_BlockFacts(self._raw_size, self._first, self._last, self._records, self._keyframe))
        self._raw_size = self._records = 0

    def _hand_over(self, ends: _BlockFacts | None) -> None:
        self._check()
        self._queue.put(_Piece(b"".join(self._lines), ends))
        self._lines.clear()
        self._pending = 0

    def _check(self) -> None:
        if self._failure is not None:
            why = getattr(self._failure, "strerror", None) or self._failure
            raise TapeError(f"{self.path} cannot be written any further: {why}") from self._failure

    def close(self, statistics: dict[str, Any]) -> None:
        """Write the index and let the file go. The caller has written the end record.

        Raises:
            TapeError: when the disk does not take it.
        """
        try:
            if self._records:
                self._end_block()
            self._queue.put(None)
            self._thread.join()
            self._check()
            try:
                self._write_out(encode_index(self.blocks, self._start, statistics))
                os.fsync(self._file)
            except OSError as error:
                self._failure = error
                self._check()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let the file go as it is, for a tape that cannot be written any further."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        with contextlib.suppress(OSError):
            os.close(self._file)

    # -- the thread's side

    def _work(self) -> None:
        stream, offset = self._compressor.compressobj(), self.size
        while (piece := self._queue.get()) is not None:
            if self._failure is not None:
                # Nobody must wait for a disk that has failed; whoever writes next is told.
                continue
            try:
                self._write_out(stream.compress(piece.lines))
                if piece.ends is None:
                    # Flushing each piece, not each second, costs 1 % of the size and makes what is queued all that can be lost.
                    self._write_out(stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
                else:
                    self._write_out(stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
                    self.blocks.append(Block(offset, self.size - offset, *piece.ends))
                    stream, offset = self._compressor.compressobj(), self.size
            except (OSError, zstandard.ZstdError) as error:
                self._failure = error

    def _write_out(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._file, view)
            self.size += written
            view = view[written:]
