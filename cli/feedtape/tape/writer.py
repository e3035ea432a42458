"""Writing a tape: under its final name from the start, created exclusively, locked, flushed, never over another.

Lines gather here into pieces and blocks; `tape.output` compresses and writes them on a thread of its own.
"""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from feedtape.errors import TapeError
from feedtape.model.records import END, FRAMES, KEYFRAME, RECV, Record
from feedtape.tape.disk import Create, create
from feedtape.tape.format import Block, Link, begin_block, chain_line, encode_index, encode_line, signature, sum_line
from feedtape.tape.output import BlockFacts, Output, Piece

DEFAULT_LEVEL = 9
DEFAULT_BUFFER = 64 * 1024 * 1024
BLOCK_RAW_SIZE = 1024 * 1024
BLOCK_NS = 60 * 1_000_000_000
_PIECE = 64 * 1024


class TapeWriter:
    """Writes records to a new tape.

    What is written is on its way to the file at the latest with the next `flush`, which the caller owes once a second. A process
    killed at any instant loses what came after the last flush, and nothing before it; a power cut, what was written in the last
    `SYNC_S` seconds besides.
    """

    def __init__(
        self,
        path: Path,
        *,
        level: int = DEFAULT_LEVEL,
        overwrite: bool = False,
        buffer: int = DEFAULT_BUFFER,
        patient: bool = True,
        make: Create = create,
    ) -> None:
        """Create the file and lock it.

        Args:
            buffer: bytes that may wait for the disk.
            patient: wait for the disk when so much waits, rather than refuse frames.

        Raises:
            TapeError: when the file exists and `overwrite` is not given, another process writes it, or it cannot be made.
        """
        self.path = path
        self.head = ""
        """Head of the chain: hash over all blocks that are finished."""
        self.patient = patient
        """Whether it waits for the disk, so that nothing ever needs to be put off or dropped."""
        disk = make(path, overwrite)
        self._output = Output(disk, level, buffer)
        self._lines: list[bytes] = []
        self._pending = 0
        self._raw_size = self._records = self._first = self._last = 0
        self._keyframe = False
        self._checksum = 0
        self._hash = begin_block(self.head)
        self._block = self._records_before = self._frames = 0
        try:
            self._output.start(signature())
        except OSError as error:
            disk.close()
            raise TapeError(f"{path} cannot be written: {error.strerror}") from error

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._output.size

    @property
    def level(self) -> int:
        """The zstd level in use, which falls while the disk is behind."""
        return self._output.level

    @property
    def waiting(self) -> int:
        """Bytes of lines that wait for the disk."""
        return self._output.waiting + self._pending

    @property
    def filled(self) -> float:
        """How full the way to the disk is: at 1 and above, frames are refused or wait."""
        return self._output.filled

    @property
    def is_closed(self) -> bool:
        """Whether the file has been let go."""
        return self._output.is_closed

    @property
    def blocks(self) -> list[Block]:
        """The blocks that are in the file."""
        return self._output.blocks

    def write(self, record: Record) -> bool:
        """Add a record; return whether it was taken. Only frames are refused, and only by a writer that is not patient.

        A keyframe begins a block of its own, so that a reader can start there, and so does the end record, so that it can
        name the chain of all blocks before it.

        Raises:
            TapeError: when the disk did not take what came before.
        """
        time, kind = record.time, record.kind
        is_frame = kind is RECV or kind in FRAMES
        if self._output.filled >= 1:
            if self.patient:
                self._output.wait_for_room()
            elif is_frame:
                return False
        if self._records:
            begins = kind is not RECV and kind in (KEYFRAME, END)
            if begins or self._raw_size >= BLOCK_RAW_SIZE or time - self._first >= BLOCK_NS:
                self.end_block()
                self._begin_block(time, kind)
        else:
            self._begin_block(time, kind)
        self._add(encode_line(record))
        self._frames += is_frame
        self._last = time
        self._records += 1
        if self._pending >= _PIECE:
            self._hand_over()
        return True

    def flush(self) -> None:
        """Send everything written so far on its way to the operating system.

        Raises:
            TapeError: when the disk did not take what came before.
        """
        self._check()
        if self._pending:
            self._hand_over()

    def end_block(self) -> str:
        """End the block that is being written, if there is one, and return the head of the chain after it."""
        if self._records:
            self._hand_over(BlockFacts(self._raw_size, self._first, self._last, self._records, self._keyframe))
            self.head = self._hash.hexdigest()
            self._hash = begin_block(self.head)
            self._block += 1
            self._records_before += self._records
            self._raw_size = self._records = self._checksum = 0
        return self.head

    def _begin_block(self, time: int, kind: bytes) -> None:
        self._first = time
        self._keyframe = kind == KEYFRAME
        if self._block:
            self._add(chain_line(time, Link(self._block, self._records_before, self._frames, self.head)))

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._pending += len(line)
        self._raw_size += len(line)

    def _hand_over(self, ends: BlockFacts | None = None) -> None:
        """Give the lines to the thread; in an unfinished block with a sum behind them, since zstd checks whole ones only."""
        self._check()
        lines = b"".join(self._lines)
        if ends is None:
            self._checksum = zlib.crc32(lines, self._checksum)
            proof = sum_line(self._last, self._checksum)
            self._checksum = zlib.crc32(proof, self._checksum)
            self._raw_size += len(proof)
            lines += proof
        self._hash.update(lines)
        self._output.put(Piece(lines, ends))
        self._lines.clear()
        self._pending = 0

    def _check(self) -> None:
        failure = self._output.failure
        if failure is not None:
            why = getattr(failure, "strerror", None) or failure
            raise TapeError(f"{self.path} cannot be written any further: {why}") from failure

    def close(self, statistics: dict[str, Any], *, wait: bool = True, closed: Callable[[], None] = lambda: None) -> None:
        """Write the index and let the file go. The caller has written the end record.

        Args:
            wait: return only when that is done; otherwise `wait` is owed.
            closed: called, from the writer's thread, when that is done.

        Raises:
            TapeError: when the disk does not take it.
        """
        try:
            self.end_block()
        except TapeError:
            self.abandon()
            raise
        start, head = len(signature()), self.head

        def done() -> None:
            if self._output.failure is None:
                closed()

        self._output.close(lambda blocks: encode_index(blocks, start, head, statistics), done)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Return when a tape that is being closed is closed.

        Raises:
            TapeError: when the disk did not take it.
        """
        self._output.wait()
        self._check()

    def abandon(self) -> None:
        """Let the file go as it is, for a tape that cannot be written any further."""
        self._output.close(None, lambda: None)
        self._output.wait()
