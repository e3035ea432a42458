"""Reading a tape through a session: the same code that a live recording runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from feedtape.errors import TapeError, UsageError
from feedtape.model.events import Event
from feedtape.model.records import DAMAGE, HEADER, KEYFRAME, KEYFRAME_PART, Record
from feedtape.replay.markers import PREFIX, find_marker, markers_of
from feedtape.replay.times import iso, parse_time
from feedtape.session import Assembly, Session
from feedtape.tape.blocks import Tell
from feedtape.tape.passage import Wait
from feedtape.tape.segments import Place, TapeSet
from feedtape.venues import registry


class Beginning(NamedTuple):
    """Where reading began: `taken` records of the keyframe at `place` are in the session; no place means the start."""

    records: Iterator[Record]
    place: Place | None
    taken: int


class Playback:
    """One tape, or the segments of one recording, and the session that it rebuilds.

    Attributes:
        joints_proven: joints of segments at which the books before and after have the same digests.
        joints_failed: those at which they have not.
        joints_unchecked: those at which something was missing, so that there was nothing to compare.
    """

    def __init__(self, *paths: Path, alone: bool = False) -> None:
        """Open a tape, or several segments of one recording, or one of them `alone`.

        Raises:
            TapeError: when one is none or cannot be read.
            UsageError: when they are not of one recording.
        """
        self.tape = TapeSet(paths, alone=alone)
        self.session = Session(registry.venue)
        self.header = self.tape.header
        self.joints_proven = self.joints_failed = self.joints_unchecked = 0
        self._bounds: tuple[int, int] | None = None

    def __enter__(self) -> "Playback":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the files go."""
        self.tape.close()

    def bounds(self, tell: Tell | None = None) -> tuple[int, int]:
        """Return the times of the first and last record; a tape without index is scanned for it."""
        if self._bounds is None:
            self.tape.scan(tell)
            self._bounds = self.tape.bounds()
        return self._bounds

    def time(self, text: str) -> int:
        """Return the time that a person typed: a marker's (`mark:2`, `mark:text`), or as `parse_time` reads it."""
        if text.startswith(PREFIX):
            return find_marker(text, markers_of(self.tape))
        return parse_time(text, *self.bounds())

    def restart(self) -> None:
        """Forget what was built, for another `play`."""
        self.session = Session(registry.venue)
        self.joints_proven = self.joints_failed = self.joints_unchecked = 0

    def play(
        self,
        until: int | None = None,
        *,
        after: int | None = None,
        chained: bool = False,
        wait: Wait | None = None,
        tell: Tell | None = None,
    ) -> Iterator[tuple[Record, Sequence[Event]]]:
        """Feed the session record by record, and yield each with its events.

        Args:
            until: stop before the first record later than this.
            after: begin at the last keyframe before this time; records up to it are fed all the same, and the caller passes
                over them.
            chained: check the hashes of the chain too.
            wait: go on while the tape is being written.
            tell: takes how many bytes of the files have been read.
        """
        start = None
        if after is not None:
            self.tape.scan(tell)
            start = self.tape.place_before(after)
        feed = self.session.feed
        joint: Assembly | None = None
        for record in self.begin(start, chained=chained, wait=wait, tell=tell).records:
            if until is not None and record.time > until:
                return
            if record.kind == HEADER and self.session.first is not None:
                joint = Assembly()
            elif joint is not None and record.kind in (KEYFRAME, KEYFRAME_PART) and self._is_joined(joint, record):
                joint = None
            yield record, feed(record)

    def begin(
        self, start: Place | None, *, chained: bool = False, wait: Wait | None = None, tell: Tell | None = None
    ) -> Beginning:
        """Take over the keyframe of a place, or the nearest one before it that can be read, and return what follows it.

        Raises:
            TapeError: when a keyframe is whole, and not of the shape that the format says.
        """
        while True:
            records = self.tape.records(start, chained=chained, wait=wait, tell=tell)
            taken = 0 if start is None else self._restore(records, start)
            if start is None or taken:
                return Beginning(records, start, taken)
            start = self.tape.place_before(start.block.first)

    def _restore(self, records: Iterator[Record], start: Place) -> int:
        """Take over the keyframe that stands there; return of how many records it is, 0 where it cannot be read."""
        assembly = Assembly()
        for number, record in enumerate(records, 1):
            if record.kind == DAMAGE:
                return 0
            if record.kind not in (KEYFRAME, KEYFRAME_PART):
                raise TapeError(f"{self.tape.segments[start.segment].path}: the index points at something that is no keyframe")
            if _restored(self.session, assembly, record):
                self.session.last = record.time
                return number
        return 0

    def _is_joined(self, joint: Assembly, record: Record) -> bool:
        """Hold the keyframe that a segment begins with against the books as they are; return whether it is whole by now."""
        other = Session(registry.venue)
        if not _restored(other, joint, record):
            return False
        if self.session.has_hole:
            self.joints_unchecked += 1
        elif other.digests() == self.session.digests():
            self.joints_proven += 1
        else:
            self.joints_failed += 1
        return True

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
            raise TapeError(f"{self.tape.name} holds {iso(first)} to {iso(last)}, not {iso(time)}")

    @property
    def cut(self) -> str | None:
        """Why the tape is not complete, after a whole pass; None when it is."""
        return self.tape.cut

    @property
    def contradicted(self) -> bool:
        """Whether a digest, a checksum or the chain proves something wrong."""
        return bool(self.session.contradicted or self.joints_failed or self.tape.faults)

    @property
    def status(self) -> int:
        """The exit status after a whole pass: the worst that applies."""
        if self.contradicted:
            return 5
        return 3 if self.cut is not None or self.tape.holes or self.session.loss_found() else 0


def _restored(session: Session, assembly: Assembly, record: Record) -> bool:
    """Take the next record of a keyframe; return whether the session has all of it now.

    Raises:
        TapeError: when it is not of the shape that the format says.
    """
    try:
        state = assembly.add(record)
        if state is not None:
            session.restore(state)
    except UsageError as error:
        raise TapeError(f"{error}; it is of a venue that no installed package reads", hint=error.hint) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TapeError(f"the keyframe at {record.time} cannot be read: {type(error).__name__}: {error}") from error
    return state is not None
