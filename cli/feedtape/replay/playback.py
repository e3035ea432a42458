"""Reading a tape through a session: the same code that a live recording runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from feedtape.errors import TapeError
from feedtape.model.events import Event
from feedtape.model.records import KEYFRAME, Record
from feedtape.replay.times import iso, parse_time
from feedtape.session import Session, read_keyframe
from feedtape.tape.reader import TapeReader
from feedtape.venues import registry


class Playback:
    """One tape and the session that it rebuilds."""

    def __init__(self, path: Path) -> None:
        """Open a tape.

        Raises:
            TapeError: when it is none or cannot be read.
        """
        self.reader = TapeReader(path)
        self.session = Session(registry.venue)
        try:
            self.header = self.reader.header()
        except BaseException:
            self.reader.close()
            raise
        self._bounds: tuple[int, int] | None = None

    def __enter__(self) -> "Playback":
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()

    def bounds(self) -> tuple[int, int]:
        """Return the times of the first and last record; a tape without index is read once for it."""
        if self._bounds is None:
            blocks = self.reader.blocks
            if blocks:
                self._bounds = blocks[0].first, blocks[-1].last
            else:
                first, last = int(self.header["start"]), int(self.header["start"])
                for record in self.reader.records():
                    last = record.time
                self._bounds = first, last
        return self._bounds

    def time(self, text: str) -> int:
        """Return the time that a person typed; see `parse_time`."""
        return parse_time(text, *self.bounds())

    def play(self, until: int | None = None, *, after: int | None = None) -> Iterator[tuple[Record, Sequence[Event]]]:
        """Feed the session record by record, and yield each with its events.

        Args:
            until: stop before the first record later than this.
            after: begin at the last keyframe before this time, if the tape has an index; records up to it are fed all
                the same, and the caller passes over them.
        """
        start = self.reader.keyframe_before(after) if after is not None else None
        feed = self.session.feed
        first = start is not None
        for record in self.reader.records(start):
            if first:
                if record.kind != KEYFRAME:
                    raise TapeError(f"{self.reader.path}: the index points at something that is no keyframe")
                self.session.restore(read_keyframe(record))
                first = False
            if until is not None and record.time > until:
                return
            yield record, feed(record)

    def run(self, until: int | None = None, *, seek: bool = False) -> None:
        """Feed the session to `until` or to the end; `seek` begins at the nearest keyframe."""
        for _ in self.play(until, after=until if seek else None):
            pass

    def check_within(self, time: int) -> None:
        """Check that a time lies in the tape.

        Raises:
            TapeError: when it does not.
        """
        first, last = self.bounds()
        if not first <= time <= last:
            raise TapeError(f"{self.reader.path} holds {iso(first)} to {iso(last)}, not {iso(time)}")

    @property
    def cut(self) -> str | None:
        """Why the tape is not complete, after a whole pass; None when it is."""
        if self.reader.damage:
            return self.reader.damage
        return None if self.reader.complete else "no end record"
