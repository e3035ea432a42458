"""What a screen remembers of each book beyond its present state: trades, a column of the book a second, what it counted when.

A function of the records alone, so that a replay draws what the live screen drew. It is told the position of each record and can
fall back to an earlier one, when a replay steps back; what later records have pushed out does not come back by that, and is told.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from feedtape.book.keeper import BookKeeper
from feedtape.book.ladder import Ladder
from feedtape.model.events import (
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Gap,
    Liquidation,
    OptionSummary,
    Quote,
    Resync,
    Trade,
)
from feedtape.model.records import CLOSE, STALL, Record
from feedtape.session import Session

COLUMN_NS: Final = 1_000_000_000
"""How far apart the columns are."""
_COLUMNS_KEPT: Final = 900
_LEVELS_KEPT: Final = 200
"""Levels a side in a column, at most."""
_LEVELS_IN_ALL: Final = 1_600
"""Levels a side that a second's columns have together: of many books each has the fewer."""
_TRADES_KEPT: Final = 1_000
_TRADES_IN_COLUMN: Final = 200
_FRAMES_KEPT: Final = 4
"""Newest frames of a target: after some steps back there is still one; a replay that stands tells its own."""
_SHOWN: Final = {"trades": 100, "columns": 300, "ages": 64}
"""How much of each a screen shows: to go back far is no reason to show less."""
_LATENCIES_KEPT: Final = 256
_NOTES_KEPT: Final = 200
TRAILS_KEPT: Final = 1_000
"""Books of which this is remembered; of more, only their present state is shown."""
_OF_BOOKS: Final = frozenset((BookDelta, BookSnapshot))
_SILENCING: Final = frozenset((STALL, CLOSE))
"""Records by which a book may turn out to be silent: a stall of the connection that carries it, or the end of the others."""
_TELLING: Final = frozenset((BookDelta, BookSnapshot, Quote, Trade, Derivative, OptionSummary, Liquidation))


class Seen(NamedTuple):
    """A trade, and the position of the record that told it."""

    position: int
    trade: Trade


class Dot(NamedTuple):
    """A trade as a drawing needs it, and the position of the record that told it."""

    price: float
    size: float
    side: str | None
    position: int = 0


class Silence(NamedTuple):
    """That a book was found to be silent, and since when; and the position of the record by which it was."""

    position: int
    since: int


class Age(NamedTuple):
    """How old an event was on arrival, receipt minus the venue's time; and the position of its record."""

    position: int
    ns: int


class Heard(NamedTuple):
    """A frame that said something of a target, and its position."""

    position: int
    record: Record
    events: Sequence[Event]


class Second(NamedTuple):
    """A second as it began: position and time of its first record, and the frames so far."""

    position: int
    time: int
    frames: int


@dataclass(slots=True)
class Column:
    """A book as it stood when a second began, and what was traded in that second. For drawing only: numbers are floats.

    Attributes:
        time: ns since 1970, a whole second.
        bids, asks: price and size in turn, the best first; empty while the book is not live.
        state: the book's state.
        updates: how many updates the book had taken by then.
        silences: what was found in that second of the book's silence, which may have begun in an earlier one; see `silent_since`.
    """

    position: int
    time: int
    state: str
    updates: int
    bids: "array[float]"
    asks: "array[float]"
    dots: list[Dot] = field(default_factory=list)
    silences: tuple[Silence, ...] = ()

    @property
    def bid(self) -> float | None:
        """The best bid."""
        return self.bids[0] if self.bids else None

    @property
    def ask(self) -> float | None:
        """The best ask."""
        return self.asks[0] if self.asks else None


@dataclass(slots=True)
class Trail:
    """What is remembered of one target."""

    columns: deque[Column] = field(default_factory=lambda: deque(maxlen=_COLUMNS_KEPT))
    trades: deque[Seen] = field(default_factory=lambda: deque(maxlen=_TRADES_KEPT))
    ages: deque[Age] = field(default_factory=lambda: deque(maxlen=_LATENCIES_KEPT))
    """Of the newest book events."""
    heard: deque[Heard] = field(default_factory=lambda: deque(maxlen=_FRAMES_KEPT))
    """The newest frames that said something of it."""
    pushed_out: set[str] = field(default_factory=set)
    """Of which of them there was more than is kept."""


class Note(NamedTuple):
    """A gap or resync, as the statistics list it."""

    position: int
    event: Gap | Resync


_P = TypeVar("_P", Age, Column, Dot, Heard, Note, Second, Seen)


class History:
    """Remembers, of a session that is fed record by record."""

    def __init__(self) -> None:
        self.trails: dict[str, Trail] = {}
        self.notes: deque[Note] = deque(maxlen=_NOTES_KEPT)
        self.seconds: deque[Second] = deque(maxlen=_COLUMNS_KEPT)
        """Those that had a record; each book of that time has a column for each."""
        self.first: int | None = None
        """Time of the first record."""
        self._due = 0

    def take(self, session: Session, position: int, record: Record, events: Sequence[Event]) -> None:
        """Take a record that the session has been fed."""
        time = record.time
        self.first = time if self.first is None else self.first
        if time >= self._due:
            self._turn(session, position, time)
        if record.kind in _SILENCING:
            self._hush(session, position)
        for event in events:
            if type(event) in _TELLING:
                self._tell(position, event, record, events)
            elif type(event) is Gap or type(event) is Resync:
                self.notes.append(Note(position, event))

    def _tell(self, position: int, event: Event, record: Record, events: Sequence[Event]) -> None:
        trail = self._trail(event.target)
        if trail is None:
            return
        heard = trail.heard
        if not heard or heard[-1].position != position:
            heard.append(Heard(position, record, events))
        if type(event) is Trade:
            trail.trades.append(Seen(position, event))
            if trail.columns and len(trail.columns[-1].dots) < _TRADES_IN_COLUMN:
                trail.columns[-1].dots.append(Dot(float(event.price), float(event.size), event.side, position))
        elif event.time is not None and type(event) in _OF_BOOKS:
            trail.ages.append(Age(position, event.recv - event.time))

    def _trail(self, target: str) -> Trail | None:
        trail = self.trails.get(target)
        if trail is None and len(self.trails) < TRAILS_KEPT:
            trail = self.trails[target] = Trail()
        return trail

    def _turn(self, session: Session, position: int, time: int) -> None:
        """Begin a second: draw a column of each book."""
        begun = time - time % COLUMN_NS
        self._due = begun + COLUMN_NS
        self.seconds.append(Second(position, time, session.totals.frames))
        levels = min(_LEVELS_KEPT, max(1, _LEVELS_IN_ALL // max(1, len(session.books))))
        for target, keeper in session.books.items():
            trail = self._trail(target)
            if trail is not None:
                trail.columns.append(column(keeper, position, begun, levels))

    def _hush(self, session: Session, position: int) -> None:
        """Note which books are silent, in the column of this second."""
        for target, keeper in session.books.items():
            trail = self.trails.get(target)
            if keeper.stale_since is not None and trail is not None and trail.columns:
                newest = trail.columns[-1]
                newest.silences = (*newest.silences, Silence(position, keeper.stale_since))

    def cut(self, position: int) -> bool:
        """Fall back to a position: forget what later records told.

        Returns:
            Whether as much is left as is shown; if not, it takes the records before the position to have it again.
        """
        is_whole = True
        for trail in self.trails.values():
            for name, shown in _SHOWN.items():
                kept = getattr(trail, name)
                if len(kept) == kept.maxlen:
                    trail.pushed_out.add(name)
                _shorten(kept, position)
                is_whole &= name not in trail.pushed_out or len(kept) >= shown
            _shorten(trail.heard, position)
            if trail.columns:
                newest = trail.columns[-1]
                _shorten(newest.dots, position)
                newest.silences = tuple(one for one in newest.silences if one.position <= position)
        _shorten(self.notes, position)
        _shorten(self.seconds, position)
        self._due = self.seconds[-1].time // COLUMN_NS * COLUMN_NS + COLUMN_NS if self.seconds else 0
        return is_whole

    def begin(self) -> None:
        """Forget everything."""
        self.trails.clear()
        self.notes.clear()
        self.seconds.clear()
        self.first = None
        self._due = 0


def _shorten(kept: "deque[_P] | list[_P]", position: int) -> None:
    """Forget what is of later records, at the end of what is kept."""
    while kept and kept[-1].position > position:
        kept.pop()


def silent_since(columns: Sequence[Column]) -> list[int | None]:
    """Return for each column since when the book is known to be silent; it is silent in a second that begins then or later.

    That a book has fallen silent is found out some time after it has: a silence that one second tells reaches back over
    those before it.
    """
    found: list[int | None] = []
    since: int | None = None
    for one in reversed(columns):
        for silence in one.silences:
            since = silence.since if since is None else min(since, silence.since)
        found.append(since)
    return found[::-1]


def column(keeper: BookKeeper, position: int, time: int, levels: int = _LEVELS_KEPT) -> Column:
    """Return a book as a column."""
    return Column(
        position,
        time,
        keeper.state.value,
        keeper.counters.updates,
        array("d", _flat(keeper.book.bids, levels)),
        array("d", _flat(keeper.book.asks, levels)),
        silences=() if keeper.stale_since is None else (Silence(position, keeper.stale_since),),
    )


def _flat(side: Ladder, levels: int) -> Iterator[float]:
    for price, size in side.top(levels):
        yield float(price)
        yield float(size)
