"""Exact copies of a session, kept in memory, from which a visit to a tape goes back.

A keyframe is what another program needs to go on; it counts from the beginning of its page. A checkpoint is the very same
session: every counter, marker and loss as it was. It never leaves this process, so that pickling the whole is both the
quickest way and the one that cannot forget a field.
"""

import io
import pickle
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Final, NamedTuple

import msgspec

from feedtape.book.rules import Integrity
from feedtape.model.events import Event
from feedtape.model.instruments import Instrument
from feedtape.model.records import Record
from feedtape.session import Session
from feedtape.session.exchanges import Listing
from feedtape.venues.contract import Venue

MOST: Final = 256
"""Checkpoints that are kept."""
HEAVIEST: Final = 192 * 1024 * 1024
"""Bytes that they may weigh together."""
_LEAST_SPACING: Final = 512
_BYTES_PER_RECORD: Final = 100
"""Laying a checkpoint of so many bytes takes about a tenth of the time that feeding a record does."""


class State(NamedTuple):
    """Where a visit stands: the session, and the record by which it came to that with its events."""

    session: Session
    record: Record | None
    events: Sequence[Event]


class Checkpoint(NamedTuple):
    """A state, by the position that it is of."""

    position: int
    copy: bytes


class Checkpoints:
    """The checkpoints of one visit, dense near the latest position and sparse far from it. The first is never given up."""

    def __init__(self) -> None:
        self._kept: list[Checkpoint] = []
        self._weight = 0
        self._shared = _Shared()

    def lay(self, position: int, state: State) -> None:
        """Keep a state, unless there is one of that position."""
        place = bisect_left(self._kept, position, key=_position)
        if place < len(self._kept) and self._kept[place].position == position:
            return
        copy = self._shared.dumps(state)
        self._kept.insert(place, Checkpoint(position, copy))
        self._weight += len(copy)
        while len(self._kept) > 2 and (len(self._kept) > MOST or self._weight > HEAVIEST):
            self._give_one_up(position)

    def before(self, position: int) -> Checkpoint:
        """Return the last one at or before a position."""
        return self._kept[bisect_right(self._kept, position, key=_position) - 1]

    def restore(self, checkpoint: Checkpoint) -> State:
        """Return the state as it was, each time another object."""
        return self._shared.loads(checkpoint.copy)

    def spacing(self, position: int) -> int:
        """Return after how many records the next one is due, so that laying them costs little of what feeding does."""
        return max(_LEAST_SPACING, len(self.before(position).copy) // _BYTES_PER_RECORD)

    def nearest(self, position: int) -> int:
        """Return how far before a place that is returned to the nearest one should be: closer for light sessions."""
        return max(16, len(self.before(position).copy) // (32 * _BYTES_PER_RECORD))

    def _give_one_up(self, near: int) -> None:
        """Give up the one that is missed least: it leaves the smallest hole for its distance."""
        kept = self._kept

        def missed(place: int) -> float:
            following = kept[place + 1].position if place + 1 < len(kept) else kept[place].position
            return (following - kept[place - 1].position) / (1 + abs(near - kept[place].position))

        gone = kept.pop(min((place for place in range(1, len(kept)) if kept[place].position != near), key=missed))
        self._weight -= len(gone.copy)


def _position(checkpoint: Checkpoint) -> int:
    return checkpoint.position


class _Shared:
    """Pickles states; what never changes is not copied but shared by all of them."""

    def __init__(self) -> None:
        self._things: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._found: dict[tuple[str, str], Any] = {(__name__, _shared.__name__): self._things.__getitem__}

    def number(self, thing: Any) -> int:
        number = self._numbers.setdefault(id(thing), len(self._things))
        if number == len(self._things):
            self._things.append(thing)
        return number

    def dumps(self, state: State) -> bytes:
        file = io.BytesIO()
        _Pickler(file, self.number).dump(state)
        return file.getvalue()

    def loads(self, copy: bytes) -> State:
        state: State = _Unpickler(io.BytesIO(copy), self._found).load()
        return state


def _shared(number: int) -> Any:
    """Stand in a copy for what is shared; the reader puts its own in the place of this."""
    raise LookupError(number)


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, number: Callable[[Any], int]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._number = number

    def reducer_override(self, thing: Any) -> Any:
        # A function without a name of its own cannot be found again by it.
        nameless = type(thing) is FunctionType and "<" in thing.__qualname__
        if nameless or isinstance(thing, (Venue, Integrity, Instrument, Listing, msgspec.json.Decoder)):
            return _shared, (self._number(thing),)
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Looks every name up once: there are few, and a lookup costs as much as many levels."""

    def __init__(self, file: io.BytesIO, found: dict[tuple[str, str], Any]) -> None:
        super().__init__(file)
        self._found = found

    def find_class(self, module: str, name: str) -> Any:
        found = self._found.get((module, name))
        if found is None:
            found = self._found[module, name] = super().find_class(module, name)
        return found
