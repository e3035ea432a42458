"""Moving over a tape in both directions, exactly: by frames, to times, to the next thing that is looked for.

Whoever keeps a history of what went by listens: to each record that is `fed`, to the position at which history is `cut`
when one goes back, and to a new visit that has `begun`, before which no history counts. Positions are numbers of records,
comparable within one visit.
"""

from collections.abc import Callable, Collection, Sequence

from feedtape.model.events import Event, Gap, Resync
from feedtape.model.records import FRAMES, Record
from feedtape.replay.changes import Step, changes, concerns, look
from feedtape.replay.playback import Playback
from feedtape.replay.visit import Alive, Fed, Predicate, Visit
from feedtape.session import Session
from feedtape.tape.passage import Wait
from feedtape.tape.segments import Place

__all__ = ["Alive", "Fed", "Predicate", "Reel", "Step", "problems"]

_TOLD = 50_000
"""Records before a place that was found which are told; history begins anew there where it is farther away."""
_TOLD_AGAIN = 10_000
"""Records that are told again where going back has left too little history."""
_END = 2**63


def problems(target: str | None = None) -> Predicate:
    """Return what holds where something goes wrong: a gap (a failed checksum is one), a resync, a book that is crossed."""

    def hold(session: Session, record: Record, events: Sequence[Event]) -> object:
        found: set[object] = {event for event in events if type(event) in (Gap, Resync)}
        if target is None:
            found.update(keeper.target for keeper in session.books.values() if keeper.is_crossed)
        else:
            # What names no target may have hit any.
            found = {event for event in found if isinstance(event, Event) and (not event.target or concerns((event,), target))}
            keeper = session.books.get(target)
            if keeper is not None and keeper.is_crossed:
                found.add(target)
        return frozenset(found)

    return hold


class Reel:
    """One's place on a tape, and every way to another."""

    def __init__(self, playback: Playback, *, only: Collection[str] = (), wait: Wait | None = None) -> None:
        """Begin at the start of the tape.

        Args:
            only: targets whose changes a step tells; those of all books where none is named.
            wait: makes `forward` go on while the tape is being written, as in `Playback.play`; no other move waits.

        Raises:
            TapeError: when the tape cannot be read.
        """
        self.fed: Callable[[int, Record, Sequence[Event]], None] = lambda position, record, events: None
        """Is told each record with the position right after it, once unless history was cut before it."""
        self.cut: Callable[[int], bool] = lambda position: True
        """Is told that what came after a position is not so far; when it says no, history begins anew some way before that."""
        self.begun: Callable[[], None] = lambda: None
        """Is told that history begins anew."""
        self._playback = playback
        self._only = frozenset(only)
        self._wait = wait
        self._is_playing = False
        self._visit = self._at(None)
        self._explained: Step | None = None
        """What was told last of this visit."""

    # -- where one stands

    @property
    def session(self) -> Session:
        """All that the records up to here have built; another object after each move that goes back."""
        return self._visit.session

    @property
    def position(self) -> int:
        """Number of records since the visit began; those within another visit are no measure."""
        return self._visit.position

    @property
    def latest(self) -> Fed | None:
        """The record that was fed last, and its events."""
        return self._visit.latest

    @property
    def time(self) -> int:
        """Time of the latest record; 0 before the first."""
        return self.session.last

    @property
    def next_time(self) -> int | None:
        """Time of the record that `forward` would feed; None at the end, or where more is waited for."""
        record = self._visit.peek()
        return None if record is None else record.time

    @property
    def frames(self) -> int:
        """Frames that the session has counted."""
        return self.session.totals.frames

    @property
    def frame(self) -> int | None:
        """Number of the latest frame on the whole tape, from 1; None where an earlier segment does not tell how many it has."""
        before = self._frames_of(0 if self._visit.start is None else self._visit.start.segment)
        return None if before is None else before + self.frames

    @property
    def last_frame(self) -> int | None:
        """How many frames the whole tape has; None where a segment does not tell."""
        return self._frames_of(len(self._playback.tape.segments))

    def _frames_of(self, segments: int) -> int | None:
        readers = self._playback.tape.segments[:segments]
        counts = [reader.index.statistics.get("frames") if reader.has_index else None for reader in readers]
        return sum(int(count) for count in counts if count is not None) if None not in counts else None

    # -- playing

    def forward(self) -> Fed | None:
        """Feed the next record and return it with its events; None at the end."""
        self._is_playing = True
        try:
            return self._forward()
        finally:
            self._is_playing = False

    def _forward(self) -> Fed | None:
        visit = self._visit
        fed = visit.advance()
        if fed is not None:
            self.fed(visit.position, *fed)
        return fed

    def _waited(self) -> bool:
        return self._is_playing and self._wait is not None and self._wait()

    # -- moving

    def step(self, frames: int = 1, target: str | None = None, alive: Alive = lambda: True) -> Step | None:
        """Move by frames, forward or back, and return the one that one stands at then.

        Frames of a target are those whose events concern it. Where there are not as many, one goes to the end, or before the
        first, and None is returned; with a target one stays.
        """
        if target is not None:
            return self.explain() if self._search(_is_of(target), abs(frames), frames > 0, alive) else None
        return self._ahead(frames) if frames > 0 else self._back(-frames) if frames else self.explain()

    def _ahead(self, frames: int) -> Step | None:
        visit = self._visit
        while (record := visit.peek()) is not None:
            frames -= record.kind in FRAMES
            if not frames:
                self._explained = self._stepped(visit, self._forward)
                return self._explained
            self._forward()
        return None

    def _back(self, frames: int) -> Step | None:
        visit, upto, left = self._visit, self.position, frames + 1
        while True:
            position, left = visit.frames_behind(FRAMES, upto, left)
            earlier = self._before(visit) if position is None else None
            if earlier is None:
                break
            visit, upto = earlier
        if position is None or visit is not self._visit:
            self._enter(visit, position or 0)
            return self.explain()
        visit.go(position - 1)
        self._explained = self._stepped(visit, visit.advance)
        self._playback.session = self.session
        self._fall_back(position)
        return self._explained

    def explain(self) -> Step | None:
        """Return the frame at which one stands, that is the latest, and what it changed; None before the first."""
        visit, upto, position = self._visit, self.position, None
        while (position := visit.frames_behind(FRAMES, upto, 1)[0]) is None:
            earlier = self._before(visit)
            if earlier is None:
                return None
            visit, upto = earlier
        is_here = visit is self._visit
        if is_here and self._explained is not None and self._explained.position == position:
            return self._explained
        with visit.aside():
            visit.go(position - 1)
            step = self._stepped(visit, visit.advance)
        self._explained = step if is_here else None
        self._playback.session = self.session
        return step

    def _stepped(self, visit: Visit, feed: Callable[[], Fed | None]) -> Step | None:
        """Feed the next record, and compare the books before and after it."""
        before = look(visit.session, self._only)
        fed = feed()
        return None if fed is None else Step(visit.position, *fed, changes(before, look(visit.session, self._only)))

    def seek(self, time: int) -> None:
        """Go to the last record that is not later than a time, so that books are what they were then."""
        self._playback.tape.scan()
        place, visit = self._playback.tape.place_before(time), self._visit
        is_ahead = self.time <= time and (place is None or place.block.first <= self.time)
        known = visit.shelf.later_than(time)
        if place != visit.asked and not is_ahead and not (known and visit.is_near(known)):
            visit = self._at(place)
            self._enter(visit, 0)
            known = None
        if known is not None:
            self._enter(visit, known)
        while (record := visit.peek()) is not None and record.time <= time:
            self._forward()

    def to_start(self) -> None:
        """Go before the first record."""
        self.seek(-1)

    def to_end(self) -> None:
        """Go to the last record."""
        self.seek(_END)

    def find(self, holds: Predicate, *, forward: bool, alive: Alive = lambda: True) -> bool:
        """Move to the next record at which something holds that did not hold before, or to the previous such one.

        Args:
            holds: tells what holds at a record: False or True, or a frozenset of things that do.
            alive: asked now and then; when it says no, the search ends.

        Returns:
            Whether there is one; one has not moved if not.
        """
        return self._search(holds, 1, forward, alive)

    def find_first(self, holds: Predicate, alive: Alive = lambda: True) -> bool:
        """As `find`, from the start of the tape on: move to the first record at which something holds."""
        visit = self._visit if self._visit.asked is None else self._at(None)
        with visit.aside():
            visit.go(0)
            found = visit.ahead(holds, alive)
        self._playback.session = self.session
        if found is not None:
            self._enter(visit, found)
        return found is not None

    def _search(self, holds: Predicate, count: int, forward: bool, alive: Alive) -> bool:
        found = self._find_ahead(holds, count, alive) if forward else self._find_behind(holds, count, alive)
        self._playback.session = self.session
        if found is None:
            return False
        self._enter(*found)
        return True

    def _find_ahead(self, holds: Predicate, count: int, alive: Alive) -> tuple[Visit, int] | None:
        visit = self._visit
        with visit.aside():
            position = visit.ahead(holds, alive, count)
        return None if position is None else (visit, position)

    def _find_behind(self, holds: Predicate, count: int, alive: Alive) -> tuple[Visit, int] | None:
        visit, upto = self._visit, self.position - 1
        with visit.aside():
            position, count = visit.behind(holds, upto, alive, count)
        while position is None and alive():
            earlier = self._before(visit)
            if earlier is None:
                return None
            visit, upto = earlier
            position, count = visit.behind(holds, upto, alive, count)
        return None if position is None else (visit, position)

    # -- visits

    def _at(self, place: Place | None) -> Visit:
        return Visit(self._playback, place, None if self._wait is None else self._waited)

    def _before(self, visit: Visit) -> tuple[Visit, int] | None:
        earlier = visit.before(self._playback)
        self._playback.session = self.session
        return earlier

    def _enter(self, visit: Visit, position: int) -> None:
        """Go to a position of this visit or of another one, and tell those who listen."""
        is_new = visit is not self._visit
        if is_new:
            visit.go(0)
            self._visit, self._explained = visit, None
        elif position < visit.position:
            visit.go(position)
            self._fall_back(position)
        if position - visit.position > _TOLD:
            visit.go(position - _TOLD)
            is_new = True
        if is_new:
            self.begun()
        self._tell_upto(position)

    def _fall_back(self, position: int) -> None:
        """Let history be what it was at a position that one has gone back to."""
        if not self.cut(position):
            self._visit.go(max(0, position - _TOLD_AGAIN))
            self.begun()
            self._tell_upto(position)

    def _tell_upto(self, position: int) -> None:
        visit = self._visit
        visit.aim(position)
        while visit.position < position and self._forward() is not None:
            pass
        self._playback.session = visit.session


def _is_of(target: str) -> Predicate:
    def hold(session: Session, record: Record, events: Sequence[Event]) -> object:
        # Each frame is one of its own, though the one before it was of the target too.
        return frozenset({session.totals.frames}) if record.kind in FRAMES and concerns(events, target) else False

    return hold
