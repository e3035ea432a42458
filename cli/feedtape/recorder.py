"""The recorder: every record goes to the tape first and is interpreted after.

Live recordings and imports are the same from here on: a clock decides nothing, only the times of the records do. What depends on
how fast the disk is (a record deferred, dropped, a cheaper level) stands on the tape, so that a replay comes to the same.
"""

import platform
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from feedtape import __version__
from feedtape.errors import TapeError
from feedtape.model.events import Event, Gap, Resync
from feedtape.model.records import DIGEST, DROP, END, FRAMES, GAP, HEADER, LEVEL, RESYNC, Record, note
from feedtape.session import Session, keyframe_records
from feedtape.tape.format import FORMAT
from feedtape.tape.segments import ROTATED
from feedtape.tape.writer import TapeWriter

DIGEST_NS: Final = 60 * 1_000_000_000
KEYFRAME_NS: Final = 300 * 1_000_000_000
KEYFRAME_BYTES: Final = 16 * 1024 * 1024
_KEYFRAME_SHARE: Final = 16
"""A keyframe waits for so many times its own size of frames: with thousands of deep books it would else outweigh them."""
ALARM_AT: Final = 0.5
"""How full the way to the disk is when that is said aloud; decoding is deferred from `DEFER_AT` on."""
DEFER_AT: Final = 0.75
RELAXED_AT: Final = 0.4
_CATCH_UP: Final = 50
"""Deferred records that are decoded with each new one, once the disk has caught up."""
_DEFERRED_BYTES: Final = 256 * 1024 * 1024


def session_id() -> str:
    """Return a new name for a session, shared by all segments of one recording."""
    return secrets.token_hex(4)


@dataclass(frozen=True)
class Rotation:
    """When a segment ends, and where the next one goes.

    Attributes:
        next_tape: makes the tape of a segment, given its start and its number from 1 on.
        every_ns: length of a segment, aligned to UTC; `size` is that of its file in bytes. None: it does not end by that.
        finished: is told each finished segment, from its writer's thread.
    """

    next_tape: Callable[[int, int], TapeWriter]
    every_ns: int | None = None
    size: int | None = None
    finished: Callable[[TapeWriter], None] = lambda writer: None


class Recorder:
    """Writes records to a tape and keeps the session that they build, with digests and keyframes at intervals.

    Attributes:
        late: is told the events of a record that was decoded later than it was taken.
        say: is told what a person should know about the way to the disk.
    """

    def __init__(
        self,
        writer: TapeWriter,
        session: Session,
        *,
        rotation: Rotation | None = None,
        digest_ns: int = DIGEST_NS,
        keyframe_ns: int = KEYFRAME_NS,
        keyframe_bytes: int = KEYFRAME_BYTES,
    ) -> None:
        self.writer = writer
        self.session = session
        self.late: Callable[[Record, Sequence[Event]], None] = lambda record, events: None
        self.say: Callable[[str], None] = lambda text: None
        self.backward = 0
        """Records whose own time lay before the one before; they carry the time of that one."""
        self.segment = 1
        self.written = 0
        """Bytes of the segments before this one."""
        self._rotation = rotation
        self._digest_ns = digest_ns
        self._keyframe_ns = keyframe_ns
        self._keyframe_bytes = keyframe_bytes
        self._next_digest = 0
        self._next_keyframe = 0
        self._next_segment: int | None = None
        self._bytes_before = 0
        self._keyframe_at_bytes = 0
        self._last = 0
        self._fields: dict[str, Any] = {}
        self._closing: TapeWriter | None = None
        self._level = writer.level
        self._deferred: deque[Record] = deque()
        self._deferred_bytes = 0
        self._catching_up = False
        self._dropping: _Dropped | None = None
        self._alarmed = False

    def begin(self, time: int, fields: dict[str, Any]) -> None:
        """Write the header. `fields` says what is recorded: targets, channels, decoders, source."""
        made_by = {"made_by": f"feedtape {__version__}", "python": platform.python_version()}
        self._fields = {"format": FORMAT, **made_by, "session": session_id(), **fields}
        self._begin_segment(time, {} if self._rotation is None else {"segment": 1})

    def _begin_segment(self, time: int, more: dict[str, Any]) -> None:
        self._next_digest = time + self._digest_ns
        self._bytes_before = self.session.totals.bytes
        if self._rotation is not None and self._rotation.every_ns is not None:
            self._next_segment = (time // self._rotation.every_ns + 1) * self._rotation.every_ns
        header = note(time, HEADER, {**self._fields, "start": time, **more})
        self._write(header)
        self.session.feed(header)
        self._keyframe(time)

    def take(self, record: Record) -> Sequence[Event]:
        """Write a record, then let the session have it; return the events, or none when they come `late`.

        Raises:
            TapeError: when the tape cannot be written any further.
        """
        if record.time < self._last:
            self.backward += 1
            record = Record(self._last, record.connection, record.kind, record.payload)
        self._last = record.time
        if self._rotation is not None and not self._catching_up and self._is_full(record.time):
            self._rotate(record.time)
        if self._dropping is not None and not self._has_room(record):
            return ()
        if not self.writer.write(record):
            self._drop(record)
            return ()
        if self._deferred or (self.writer.filled >= DEFER_AT and not self.writer.patient):
            return self._defer(record)
        return self._interpret(record)

    def _interpret(self, record: Record) -> Sequence[Event]:
        events = self.session.feed(record)
        for event in events:
            if type(event) is Gap or type(event) is Resync:
                self._write(note(self._last, GAP if type(event) is Gap else RESYNC, event.as_json()))
        time = self._last
        if time >= self._next_digest and not self._deferred:
            self._digest(time)
        if (time >= self._next_keyframe or self.session.totals.bytes >= self._keyframe_at_bytes) and not self._deferred:
            self._keyframe(time)
        return events

    def mark(self, time: int, kind: bytes, fields: dict[str, Any]) -> None:
        """Take a note of our own, such as a marker."""
        self.take(note(max(time, self._last), kind, fields))

    # -- falling behind

    def look(self) -> None:
        """See how the way to the disk is, and go on with what was deferred; the caller owes this once a second, with `flush`.

        Raises:
            TapeError: when the tape cannot be written any further.
        """
        self.writer.flush()
        filled = self.writer.filled
        if filled < RELAXED_AT:
            self._catch_up()
            # A feed that has fallen silent must not keep it waiting.
            self._tell_dropped()
        if self.writer.level != self._level:
            why = "the disk was behind" if self.writer.level < self._level else "the disk is in time again"
            self._level = self.writer.level
            self._write(note(self._last, LEVEL, {"level": self._level, "waiting": self.writer.waiting}))
            self.say(f"{why}: compressing at level {self._level}")
        if filled >= ALARM_AT and not self._alarmed:
            self.say(f"THE DISK IS BEHIND: {filled:.0%} of the buffer waits for it; when it is full, frames are dropped here")
        self._alarmed = filled >= ALARM_AT or (self._alarmed and filled > RELAXED_AT)
        if self._closing is not None and self._closing.is_closed:
            self._finish_closing()

    def _defer(self, record: Record) -> Sequence[Event]:
        """Put off decoding, never recording; what is deferred is decoded in its order."""
        if self._catching_up or self._deferred_bytes < _DEFERRED_BYTES:
            self._deferred.append(record)
            self._deferred_bytes += len(record.payload)
            if self.writer.filled < RELAXED_AT:
                self._catch_up(_CATCH_UP)
            return ()
        self._catch_up()
        return self._interpret(record)

    def _catch_up(self, count: int | None = None) -> None:
        """Decode so many of the records that were deferred; all of them if left out."""
        if self._catching_up:
            # Whoever is told late may have more to record; it is in the queue by now, and its turn comes.
            return
        self._catching_up = True
        try:
            while self._deferred and count != 0:
                count = None if count is None else count - 1
                record = self._deferred.popleft()
                self._deferred_bytes -= len(record.payload)
                self.late(record, self._interpret(record))
        finally:
            self._catching_up = False

    @property
    def rotates_at(self) -> int | None:
        """When this segment ends by time, ns since 1970; None where it does not."""
        return self._next_segment

    @property
    def deferred(self) -> int:
        """Records that are written and not yet decoded."""
        return len(self._deferred)

    def _drop(self, record: Record) -> None:
        if self._dropping is None:
            self._dropping = _Dropped(record.time)
            self.say("the buffer is full: frames are being DROPPED HERE")
        self._dropping.add(record)

    def _has_room(self, record: Record) -> bool:
        """Tell whether a record can be taken again; write down what was dropped before the first that can."""
        if record.kind in FRAMES and self.writer.filled >= RELAXED_AT:
            self._drop(record)
            return False
        self._tell_dropped()
        return True

    def _tell_dropped(self) -> None:
        dropped, self._dropping = self._dropping, None
        if dropped is None:
            return
        # The session may be behind: it must come to this note where it stands, or books would break too early.
        told = note(self._last, DROP, dropped.fields())
        self._write(told)
        self.say(f"{dropped.frames} frames were dropped here in {(self._last - dropped.since) / 1e9:.1f} s")
        if self._deferred:
            self._defer(told)
        else:
            self.late(told, self._interpret(told))

    # -- segments

    def _is_full(self, time: int) -> bool:
        rotation = self._rotation
        if rotation is None:
            return False
        if self._next_segment is not None and time >= self._next_segment:
            return True
        if rotation.size is None or self.writer.size < rotation.size:
            return False
        # Books that fill a segment by their keyframe alone would else begin one with every record.
        return self.session.totals.bytes - self._bytes_before >= rotation.size

    def _rotate(self, time: int) -> None:
        """End this segment and begin the next; the books go on, and both sides write down their digests."""
        rotation = self._rotation
        assert rotation is not None
        # Never more than one that is being closed, so that a slow disk cannot pile them up.
        self._finish_closing()
        self._catch_up()
        self._tell_dropped()
        following = rotation.next_tape(time, self.segment + 1)
        try:
            finished = self._end(time, ROTATED, next=following.path.name)
            self._close(finished)
        except BaseException:
            following.abandon()
            following.path.unlink(missing_ok=True)
            raise
        self.segment += 1
        self.writer, self._level = following, following.level
        previous = {"name": finished.path.name, "head": finished.head}
        self._begin_segment(time, {"segment": self.segment, "previous": previous})

    def _close(self, writer: TapeWriter) -> None:
        """Let a segment be closed beside what goes on."""
        rotation, statistics = self._rotation, self.session.statistics()
        writer.close(statistics, wait=False, closed=lambda: None if rotation is None else rotation.finished(writer))
        self._closing = writer

    def _finish_closing(self) -> None:
        closing, self._closing = self._closing, None
        if closing is not None:
            closing.wait()
            self.written += 0 if closing is self.writer else closing.size

    # -- notes of our own

    def _keyframe(self, time: int) -> None:
        size = 0
        for record in keyframe_records(time, self.session.keyframe()):
            self._write(record)
            size += len(record.payload)
        self._next_keyframe = time + self._keyframe_ns
        wait = max(self._keyframe_bytes, min(_KEYFRAME_SHARE * size, 16 * self._keyframe_bytes))
        self._keyframe_at_bytes = self.session.totals.bytes + wait

    def _digest(self, time: int) -> None:
        self._write(note(time, DIGEST, {"books": self.session.digests()}))
        self._next_digest = time + self._digest_ns

    def _write(self, record: Record) -> None:
        self._last = record.time
        self.writer.write(record)

    def _end(self, time: int, reason: str, **more: Any) -> TapeWriter:
        """Write final digests and the end record; return the writer that owes no more than its index."""
        self._digest(time)
        totals = self.session.statistics()
        chain = self.writer.end_block()
        fields = {"reason": reason, "frames": totals["frames"], "bytes": totals["bytes"], **more, "chain": chain}
        end = note(time, END, fields)
        self._write(end)
        self.session.feed(end)
        return self.writer

    def finish(self, time: int, reason: str) -> None:
        """Decode what was deferred, write final digests and the end record, and close the tape.

        Raises:
            TapeError: when the disk does not take it, or did not take the segment before.
        """
        failure: TapeError | None = None
        try:
            self._catch_up()
            self._tell_dropped()
            try:
                # In their order, so that each is told finished after the one before.
                self._finish_closing()
            except TapeError as error:
                # This segment can be whole all the same.
                failure = error
            self._close(self._end(max(time, self._last), reason))
        except BaseException:
            self.writer.abandon()
            raise
        self._finish_closing()
        if failure is not None:
            raise failure

    @property
    def size(self) -> int:
        """Bytes of all segments so far."""
        closing = self._closing
        beside = 0 if closing is None or closing is self.writer else closing.size
        return self.written + beside + self.writer.size


class _Dropped:
    """Frames that were dropped, up to the first that is taken again."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.frames = 0
        self._bytes = 0
        self._connections: set[int] = set()

    def add(self, record: Record) -> None:
        """Count one."""
        self.frames += 1
        self._bytes += len(record.payload)
        self._connections.add(record.connection)

    def fields(self) -> dict[str, Any]:
        """Return what the note of it says."""
        connections = sorted(self._connections)
        return {"frames": self.frames, "bytes": self._bytes, "since": self.since, "connections": connections}
