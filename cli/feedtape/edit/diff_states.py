"""The states of the books of one tape: a hash at every sequence number, with the prices that the book surely knows."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlsplit

from feedtape.book.keeper import BookKeeper
from feedtape.edit.diff_meaning import Wire
from feedtape.edit.diff_mirror import EVERYTHING, Mirror, Window
from feedtape.edit.diff_side import Side, Wanted
from feedtape.model.events import BookDelta, BookSnapshot, Event, Gap, Levels, Resync
from feedtape.model.records import CLOSE, RECV, Record
from feedtape.replay.playback import Playback
from feedtape.tape.blocks import Tell

_NUMBERS = re.compile(r"=(\d{1,6})(?=&|$)")


class StateLog:
    """Hashes of one book's states, by sequence number.

    Attributes:
        back: states at numbers that had been reached before, which are not compared again.
        windows: from which number on which prices are known.
    """

    def __init__(self) -> None:
        self.sequences = array("q")
        self.hashes = array("Q")
        self.times = array("q")
        self.back = 0
        self.windows: list[tuple[int, Window]] = []
        self.snapshots = 0

    def add(self, sequence: int, hashed: int, time: int) -> None:
        """Take the next state."""
        if self.sequences and sequence <= self.sequences[-1]:
            self.back += 1
            return
        self.sequences.append(sequence)
        self.hashes.append(hashed)
        self.times.append(time)

    def began(self, snapshots: int, sequence: int, window: Window) -> None:
        """Note that the book began with another snapshot."""
        self.snapshots = snapshots
        while self.windows and self.windows[-1][0] >= sequence:
            self.windows.pop()
        self.windows.append((sequence, window))

    def window(self, sequence: int) -> Window:
        """Return what was known at a number."""
        at = bisect_right(self.windows, sequence, key=lambda entry: entry[0])
        return self.windows[at - 1][1] if at else EVERYTHING


class Seen(NamedTuple):
    """A book that changed: its name, its keeper, the time, and the only delta that can have changed it, if there was one."""

    name: str
    keeper: BookKeeper
    time: int
    delta: BookDelta | None


def changed_books(playback: Playback, wanted: Wanted, wire: Wire, windows: "Windows", tell: Tell | None) -> Iterator[Seen]:
    """Play a tape, and yield every wanted book after each record that may have changed it.

    It is played from the start: the keyframes in between hold what the recorder had, which need not be what the frames before
    them make.
    """
    session, wants = playback.session, wanted.only.wants
    for record, events in playback.play(None if wanted.until is None else wanted.until - 1, tell=tell):
        if record.kind is not RECV:
            wire.note(record)
            windows.note(record, events, wire)
            if record.kind == CLOSE:
                # A book may go on with another connection's state, and nothing is said of it.
                for name, keeper in session.books.items():
                    if wants(name):
                        yield Seen(name, keeper, record.time, None)
                continue
        if events:
            for name, delta in _touched(events, session.books).items():
                if wants(name):
                    yield Seen(name, session.books[name], record.time, delta)


def _touched(events: Sequence[Event], books: dict[str, BookKeeper]) -> dict[str, BookDelta | None]:
    touched: dict[str, BookDelta | None] = {}
    for event in events:
        target = event.target
        if type(event) is BookDelta:
            keeper = books.get(target)
            name = target if keeper is not None and keeper.channel == event.channel else f"{target}@{event.channel}"
            touched[name] = None if name in touched else event
        elif type(event) is BookSnapshot:
            touched.update(dict.fromkeys(name for name in books if name.partition("@")[0] == target))
        elif type(event) is Gap or type(event) is Resync:
            touched[target] = None
    return {name: delta for name, delta in touched.items() if name in books}


class Windows:
    """Notes which prices the latest snapshot of each target told of."""

    def __init__(self) -> None:
        self._latest: dict[str, Window] = {}

    def note(self, record: Record, events: Sequence[Event], wire: Wire) -> None:
        """Take what a record said."""
        for event in events:
            if type(event) is BookSnapshot and not event.channel:
                path = urlsplit(wire.url(record.connection)).query
                asked = {int(number) for number in _NUMBERS.findall(path)}
                self._latest[event.target] = Window(_bound(event.bids, asked), _bound(event.asks, asked))

    def of(self, name: str) -> Window:
        """Return the window of the book's latest snapshot."""
        return self._latest.get(name.partition("@")[0], EVERYTHING)


def _bound(levels: Levels, asked: set[int]) -> Decimal | None:
    """Return the last price of a snapshot's side that is as long as was asked for, or by chance of a round length."""
    is_cut = len(levels) in asked if asked else len(levels) >= 5 and len(levels) % 5 == 0
    return Decimal(levels[-1][0]) if levels and is_cut else None


Bounds = Callable[[str, int], Window]
"""Which prices of a book are to be hashed at a sequence number."""


def states_of(side: Side, wanted: Wanted, bounds: Bounds | None, tell: Tell | None = None) -> dict[str, StateLog]:
    """Play a tape; return the log of every book.

    Raises:
        TapeError: when it cannot be read.
    """
    logs: dict[str, StateLog] = {}
    mirrors: dict[str, Mirror] = {}
    windows, since = Windows(), wanted.since or 0
    with Playback(*(reader.path for reader in side.tape.segments)) as playback:
        for name, keeper, time, delta in changed_books(playback, wanted, Wire(), windows, tell):
            log = logs.get(name)
            if log is None:
                log, mirrors[name] = logs.setdefault(name, StateLog()), Mirror()
            mirror, sequence = mirrors[name], keeper.book.sequence
            if sequence is None:
                continue
            window = EVERYTHING if bounds is None else bounds(name, sequence)
            if mirror.look(keeper, delta, window) and time >= since:
                log.add(sequence, mirror.hash, time)
            if keeper.counters.snapshots != log.snapshots:
                log.began(keeper.counters.snapshots, sequence, windows.of(name))
        side.played(playback.tape, playback.session.first, playback.session.last)
    return logs
