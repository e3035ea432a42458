"""A visit to a tape: the stretch that has been read since one went there, and one's place in it, forward and back."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from feedtape.errors import TapeError
from feedtape.model.events import Event
from feedtape.model.records import KEYFRAME, Record
from feedtape.replay.checkpoints import Checkpoints, State
from feedtape.replay.playback import Beginning, Playback
from feedtape.replay.shelf import Shelf
from feedtape.session import Session
from feedtape.tape.passage import Wait
from feedtape.tape.segments import Place

Alive = Callable[[], bool]
"""Whether anybody still wants what is being looked for."""
Predicate = Callable[[Session, Record, Sequence[Event]], object]
"""What holds at a record: False or True, or a set of things that hold there."""

_GROWTH = 4
_NEAR = 10_000
_ASKED_EVERY = 256


class Fed(NamedTuple):
    """A record that was fed, and its events."""

    record: Record
    events: Sequence[Event]


class Visit:
    """Walks one stretch of a tape. A position is the number of records fed; 0 is the state that the visit began with."""

    def __init__(self, playback: Playback, place: Place | None, wait: Wait | None = None) -> None:
        """Begin at a keyframe, at one before it where it cannot be read, or at the start of the tape.

        Raises:
            TapeError: when the tape cannot be read.
        """
        self.asked = place
        """Where it was to begin."""
        self._wait = wait
        beginning = _begun(playback, place, wait)
        self.start, self.taken = beginning.place, beginning.taken
        self.shelf = Shelf(playback.tape, beginning.records, beginning.place, beginning.taken, wait)
        self.position = 0
        self.session = playback.session
        # The keyframe is the record by which things are as they are, as it is where it is passed.
        self.latest = Fed(Record(self.session.last, 0, KEYFRAME, b"{}"), ()) if self.taken else None
        self._checkpoints = Checkpoints()
        self._aims: deque[int] = deque()
        self._due = 0
        self._lay()

    def peek(self) -> Record | None:
        """Return the next record without feeding it; None at the end."""
        if self.position == self.shelf.head and self.shelf.read() is None:
            return None
        return self.shelf.record(self.position)

    def advance(self) -> Fed | None:
        """Feed the next record; None at the end."""
        record = self.peek()
        if record is None:
            return None
        self.latest = fed = Fed(record, self.session.feed(record))
        self.position += 1
        if self.position >= self._due:
            self._lay()
        return fed

    def go(self, position: int) -> None:
        """Go to a position, back or forward; to the end where there are not as many records."""
        checkpoint = self._checkpoints.before(position)
        if position < self.position or checkpoint.position > self.position:
            state = self._checkpoints.restore(checkpoint)
            self.session, self.position = state.session, checkpoint.position
            self.latest = None if state.record is None else Fed(state.record, state.events)
        self.aim(position)
        while self.position < position and self.advance() is not None:
            pass

    def is_near(self, position: int) -> bool:
        """Tell whether a position can be gone to quickly."""
        return position - self._checkpoints.before(position).position <= _NEAR

    def aim(self, position: int) -> None:
        """Lay checkpoints on the way to a position, the denser the nearer, so that going back from there is quick."""
        distance, aims = self._checkpoints.nearest(position), deque[int]()
        while position - distance > self.position:
            aims.appendleft(position - distance)
            distance *= _GROWTH
        self._aims = aims
        self._set_due()

    def _lay(self) -> None:
        fed = self.latest
        state = State(self.session, None if fed is None else fed.record, () if fed is None else fed.events)
        self._checkpoints.lay(self.position, state)
        self._set_due()

    def _set_due(self) -> None:
        while self._aims and self._aims[0] <= self.position:
            self._aims.popleft()
        regular = self._checkpoints.before(self.position).position + self._checkpoints.spacing(self.position)
        self._due = min(regular, self._aims[0]) if self._aims else regular

    # -- searching

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Come back to where one stands, whatever is done meanwhile."""
        position = self.position
        try:
            yield
        finally:
            self.go(position)

    def holding(self, holds: Predicate) -> frozenset[object]:
        """Return what holds where one stands."""
        return frozenset() if self.latest is None else _held(holds(self.session, *self.latest))

    def ahead(self, holds: Predicate, alive: Alive, count: int = 1) -> int | None:
        """Go forward until something new holds for the nth time; return that position. Where one ends, one stands."""
        held = self.holding(holds)
        while (fed := self.advance()) is not None:
            before, held = held, _held(holds(self.session, *fed))
            if held and not held <= before:
                count -= 1
                if not count:
                    return self.position
            if not self.position % _ASKED_EVERY and not alive():
                return None
        return None

    def behind(self, holds: Predicate, upto: int, alive: Alive, count: int = 1) -> tuple[int | None, int]:
        """Look for the positions up to one, and after that where the visit began, at which something new holds.

        Returns:
            The nth from the end, or None and how many are left to be found.
        """
        while upto > 0:
            self.go(self._checkpoints.before(upto - 1).position)
            start, held = self.position, self.holding(holds)
            found: deque[int] = deque(maxlen=count)
            while self.position < upto and (fed := self.advance()) is not None:
                before, held = held, _held(holds(self.session, *fed))
                if held and not held <= before:
                    found.append(self.position)
                if not self.position % _ASKED_EVERY and not alive():
                    return None, count
            if len(found) == count:
                return found[0], 0
            count -= len(found)
            upto = start
        return None, count

    def frames_behind(self, kinds: frozenset[bytes], upto: int, count: int) -> tuple[int | None, int]:
        """Return the position after the nth record of some kinds from a position back, or None and how many are left."""
        for number in range(upto - 1, -1, -1):
            if self.shelf.record(number).kind in kinds:
                count -= 1
                if not count:
                    return number + 1, 0
        return None, count

    def before(self, playback: Playback) -> "tuple[Visit, int] | None":
        """Return a visit to the stretch before this one, and its position where this one began; None at the tape's start."""
        if self.start is None:
            return None
        visit = Visit(playback, playback.tape.place_before(self.start.block.first), self._wait)
        number = visit.shelf.read_upto((self.start.segment, self.start.block.offset))
        if number is None:
            raise TapeError(f"{playback.tape.name} has changed while it was being read")
        for _ in range(self.taken - 1):
            visit.shelf.read()
        return visit, number + self.taken


def _held(said: object) -> frozenset[object]:
    if isinstance(said, frozenset):
        return said
    return _TRUE if said else _FALSE


_TRUE: frozenset[object] = frozenset({True})
_FALSE: frozenset[object] = frozenset()


def _begun(playback: Playback, place: Place | None, wait: Wait | None) -> Beginning:
    """Begin with an earlier keyframe, too, where one cannot be understood."""
    while True:
        playback.restart()
        try:
            return playback.begin(place, wait=wait)
        except TapeError:
            if place is None:
                raise
        place = playback.tape.place_before(place.block.first)
