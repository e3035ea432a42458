"""The way from a writer to its disk: one bounded queue, and a thread that compresses and writes what comes out of it.

Compressing releases the interpreter, so the thread runs beside it. When it falls behind, it compresses less; whoever fills the
queue sees how full it is and decides the rest.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import zstandard

from feedtape.tape.disk import Disk
from feedtape.tape.format import Block

SYNC_S: Final = 5.0
"""Longest time that what is written may not have reached the disk: what a power cut can take, with what was not flushed."""
_LOOK_S: Final = 1.0
_CHEAPER: Final = ((0.5, 1), (0.25, 3))
"""From which share of the queue on which level is enough."""
_RECOVERED: Final = 0.05


class BlockFacts(NamedTuple):
    """What is known of a block before it is compressed; see `Block`."""

    raw_size: int
    first: int
    last: int
    records: int
    keyframe: bool


class Piece(NamedTuple):
    """Lines on their way to the file. `ends` is given with the last piece of a block."""

    lines: bytes
    ends: BlockFacts | None


class _Close(NamedTuple):
    """The end of the file: what follows the last block, made when all blocks are known."""

    trailer: Callable[[Sequence[Block]], bytes] | None
    finished: Callable[[], None]


class Output:
    """Takes pieces, and writes them in order.

    Attributes:
        failure: why nothing can be written any further.
        level: the zstd level in use now, which falls while the disk or the compressor is behind.
        size: bytes in the file so far.
    """

    def __init__(self, disk: Disk, level: int, limit: int) -> None:
        """Begin; `limit` is how many bytes may wait."""
        self.failure: Exception | None = None
        self.level = self._level = level
        self.size = 0
        self.blocks: list[Block] = []
        self._disk = disk
        self._limit = limit
        self._given = self._taken = 0
        self._queue: queue.SimpleQueue[Piece | _Close] = queue.SimpleQueue()
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="tape", daemon=True)
        self._synced_at = self._looked_at = time.monotonic()
        self._unsynced = False

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return self._given - self._taken

    @property
    def filled(self) -> float:
        """How full the queue is; above 1 nothing that can be left out may be put into it."""
        return self.waiting / self._limit

    def start(self, beginning: bytes) -> None:
        """Write the first bytes, at once, and start the thread.

        Raises:
            OSError: when the disk does not take them.
        """
        self._write(beginning)
        self._thread.start()

    def put(self, piece: Piece) -> None:
        """Take a piece. The caller has looked at `filled` before it made more lines."""
        self._given += len(piece.lines)
        self._queue.put(piece)

    def wait_for_room(self) -> None:
        """Return when the queue is no longer full, or can never be written."""
        with self._moved:
            self._moved.wait_for(lambda: self.filled < 1 or self.failure is not None)

    def close(self, trailer: Callable[[Sequence[Block]], bytes] | None, finished: Callable[[], None]) -> None:
        """End the file behind what waits, with a trailer if there is one; `finished` is called from the thread."""
        self._queue.put(_Close(trailer, finished))

    @property
    def is_closed(self) -> bool:
        """Whether the file has been let go."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Return when the file is closed."""
        self._thread.join()

    # -- the thread

    def _work(self) -> None:
        while True:
            level = self._choose_level()
            stream, offset = zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj(), self.size
            ended = False
            while not ended:
                item = self._next()
                if isinstance(item, _Close):
                    self._finish(item)
                    return
                ended = self._take(item, stream, offset)

    def _next(self) -> Piece | _Close:
        while True:
            try:
                return self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                self._look()

    def _take(self, piece: Piece, stream: "zstandard.ZstdCompressionObj", offset: int) -> bool:
        """Compress and write a piece; return whether a new stream must follow."""
        try:
            # Nobody must wait for a disk that has failed; whoever writes next is told.
            if self.failure is None:
                self._write(stream.compress(piece.lines))
                if piece.ends is None:
                    self._write(stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
                else:
                    self._write(stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
                    self.blocks.append(Block(offset, self.size - offset, *piece.ends))
                self._look()
        except Exception as error:  # noqa: BLE001  a thread that ended without a word would let its writer wait for ever
            self.failure = error
        with self._moved:
            self._taken += len(piece.lines)
            self._moved.notify_all()
        return piece.ends is not None

    def _choose_level(self) -> int:
        """Return the level of the next block."""
        filled = self.filled
        enough = next((level for share, level in _CHEAPER if filled >= share), self._level)
        if enough < self.level or filled <= _RECOVERED:
            self.level = min(self._level, enough)
        return self.level

    def _look(self) -> None:
        """See that the file is still there, and sync it from time to time."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        try:
            self._check_place()
            # It is looked at once in so many seconds only: the next time would be too late.
            if self._unsynced and now - self._synced_at >= SYNC_S - _LOOK_S:
                self._disk.sync()
                self._synced_at, self._unsynced = now, False
        except OSError as error:
            self.failure = self.failure or error

    def _check_place(self) -> None:
        if not self._disk.is_in_place():
            raise FileNotFoundError(2, "the file is gone from its folder, or another one has its name")

    def _finish(self, close: _Close) -> None:
        try:
            if self.failure is None and close.trailer is not None:
                self._write(close.trailer(self.blocks))
                self._check_place()
                self._disk.sync()
        except Exception as error:  # noqa: BLE001  whatever it is, whoever waits for the end must hear of it
            self.failure = error
        finally:
            self._disk.close()
        close.finished()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = self._disk.write(view)
            if written <= 0:
                raise OSError(5, "the disk takes nothing")
            self.size += written
            view = view[written:]
        self._unsynced = self._unsynced or bool(data)
