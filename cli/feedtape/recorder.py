"""The recorder: every record goes to the tape first and is interpreted after.

Live recordings and imports are the same from here on: a clock decides nothing, only the times of the records do.
"""

import platform
import secrets
from collections.abc import Sequence
from typing import Any

from feedtape import __version__
from feedtape.model.events import Event, Gap, Resync
from feedtape.model.records import DIGEST, END, GAP, HEADER, KEYFRAME, RESYNC, Record, note
from feedtape.session import Session
from feedtape.tape.format import FORMAT, MAX_LINE
from feedtape.tape.writer import TapeWriter

DIGEST_NS = 60 * 1_000_000_000
KEYFRAME_NS = 300 * 1_000_000_000
KEYFRAME_BYTES = 32 * 1024 * 1024


def session_id() -> str:
    """Return a new name for a session, shared by all segments of one recording."""
    return secrets.token_hex(4)


class Recorder:
    """Writes records to a tape and keeps the session that they build, with digests and keyframes at intervals."""

    def __init__(
        self,
        writer: TapeWriter,
        session: Session,
        *,
        digest_ns: int = DIGEST_NS,
        keyframe_ns: int = KEYFRAME_NS,
        keyframe_bytes: int = KEYFRAME_BYTES,
    ) -> None:
        self.writer = writer
        self.session = session
        self.backward = 0
        """Records whose own time lay before the one before; they carry the time of that one."""
        self._digest_ns = digest_ns
        self._keyframe_ns = keyframe_ns
        self._keyframe_bytes = keyframe_bytes
        self._next_digest = 0
        self._next_keyframe = 0
        self._keyframe_at_bytes = 0
        self._last = 0

    def begin(self, time: int, fields: dict[str, Any]) -> None:
        """Write the header. `fields` says what is recorded: targets, channels, decoders, source."""
        made_by = {"made_by": f"feedtape {__version__}", "python": platform.python_version()}
        self._next_digest = time + self._digest_ns
        self._next_keyframe = time + self._keyframe_ns
        self._keyframe_at_bytes = self._keyframe_bytes
        self.take(note(time, HEADER, {"format": FORMAT, **made_by, "session": session_id(), "start": time, **fields}))
        self._keyframe(time)

    def take(self, record: Record) -> Sequence[Event]:
        """Write a record, then let the session have it; return the events."""
        if record.time < self._last:
            self.backward += 1
            record = Record(self._last, record.connection, record.kind, record.payload)
        self._last = time = record.time
        self.writer.write(record)
        events = self.session.feed(record)
        for event in events:
            if type(event) is Gap or type(event) is Resync:
                self._write(note(time, GAP if type(event) is Gap else RESYNC, event.as_json()))
        if time >= self._next_digest:
            self._digest(time)
        if time >= self._next_keyframe or self.session.totals.bytes >= self._keyframe_at_bytes:
            self._keyframe(time)
        return events

    def _keyframe(self, time: int) -> None:
        keyframe = note(time, KEYFRAME, self.session.keyframe())
        # Without it a reader begins at an earlier one; with a line that long it could not read the tape at all.
        if len(keyframe.payload) < MAX_LINE // 2:
            self._write(keyframe)
        self._next_keyframe = time + self._keyframe_ns
        self._keyframe_at_bytes = self.session.totals.bytes + self._keyframe_bytes

    def _digest(self, time: int) -> None:
        self._write(note(time, DIGEST, {"books": self.session.digests()}))
        self._next_digest = time + self._digest_ns

    def _write(self, record: Record) -> None:
        self._last = record.time
        self.writer.write(record)

    def finish(self, time: int, reason: str) -> None:
        """Write final digests and the end record, and close the tape."""
        time = max(time, self._last)
        self._digest(time)
        totals = self.session.totals
        end = note(time, END, {"reason": reason, "frames": totals.frames, "bytes": totals.bytes})
        self._write(end)
        self.session.feed(end)
        self.writer.close(self.session.statistics())
