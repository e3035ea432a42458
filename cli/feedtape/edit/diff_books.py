"""The books of two tapes at equal sequence numbers: where their states part, exactly.

Every state that both have is compared, not a sample: a wrong level that the next update mends is found too. Where states
differ that were never equal since both began, a second pass leaves out the prices beyond a snapshot that the venue cut off, of
which one of the tapes cannot know; a last one fetches the levels.
"""

from collections.abc import Container, Iterator
from typing import Any, NamedTuple

from feedtape.edit.diff_meaning import Change, Wire, level_changes
from feedtape.edit.diff_mirror import EVERYTHING, Window
from feedtape.edit.diff_side import Side, Wanted
from feedtape.edit.diff_states import Bounds, StateLog, Windows, changed_books, states_of
from feedtape.errors import TapeError
from feedtape.model.events import Levels
from feedtape.replay.playback import Playback
from feedtape.tape.blocks import Tell
from feedtape.tape.segments import TapeSet

_LEVELS_SHOWN = 100


class Picture(NamedTuple):
    """A book at an instant, within the prices that are compared."""

    time: int
    bids: Levels
    asks: Levels


class BookDiff:
    """One book on both tapes.

    Attributes:
        compared: states at numbers that both have; `differ` of them are not the same.
        agreed: the last number before `parted` at which they are the same; `parted` is the first at which they are not.
        again: the first number after that at which they are the same once more.
        changes: levels that differ at `parted`; `levels` counts them all.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.compared = self.differ = 0
        self.first: int | None = None
        self.last: int | None = None
        self.agreed: int | None = None
        self.parted: int | None = None
        self.again: int | None = None
        self.times: tuple[int | None, int | None] = (None, None)
        self.windowed = False
        self.back = 0
        self.changes: list[Change] = []
        self.levels = 0

    def run(self, a: StateLog, b: StateLog) -> None:
        """Compare the states at every number that both have."""
        i = j = 0
        self.back = a.back + b.back
        while i < len(a.sequences) and j < len(b.sequences):
            x, y = a.sequences[i], b.sequences[j]
            if x == y:
                self._compare(x, a.hashes[i] == b.hashes[j], (a.times[i], b.times[j]))
            i += x <= y
            j += y <= x

    def _compare(self, sequence: int, is_equal: bool, times: tuple[int, int]) -> None:
        self.compared += 1
        self.last = sequence
        self.first = sequence if self.first is None else self.first
        if not is_equal:
            self.differ += 1
            if self.parted is None:
                self.parted, self.times = sequence, times
        elif self.parted is None:
            self.agreed = sequence
        elif self.again is None:
            self.again = sequence

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "target": self.name,
            "compared": self.compared,
            "differ": self.differ,
            "first": self.first,
            "last": self.last,
            "agreed": self.agreed,
            "parted": self.parted,
            "again": self.again,
            "time_a": None if self.times[0] is None else str(self.times[0]),
            "time_b": None if self.times[1] is None else str(self.times[1]),
            "known_prices_only": self.windowed,
            "not_compared": self.back,
            "levels": self.levels,
            "changes": [change._asdict() for change in self.changes],
        }


class BooksDiff:
    """What came of comparing books. `alone` are those that only one of the tapes has, by side."""

    by = "books"

    def __init__(self, a: TapeSet, b: TapeSet, wanted: Wanted) -> None:
        self.sides = Side(a, wanted), Side(b, wanted)
        self.books: list[BookDiff] = []
        self.alone: tuple[list[str], list[str]] = ([], [])
        self._wanted = wanted
        self._logs: tuple[dict[str, StateLog], dict[str, StateLog]] = ({}, {})

    @property
    def compared(self) -> int:
        """States that were compared."""
        return sum(book.compared for book in self.books)

    @property
    def differ(self) -> int:
        """States that differ."""
        return sum(book.differ for book in self.books)

    @property
    def status(self) -> int:
        """The exit status: 5 different, 3 equal where they were compared, which is not everywhere they could be, 0 equal."""
        return 5 if self.differ else 3 if any(book.back for book in self.books) else 0

    def run(self, tells: tuple[Tell | None, Tell | None]) -> None:
        """Play both tapes, as often as needed.

        Raises:
            TapeError: when one cannot be read, or they have no state in common.
        """
        self._compare(tells, None)
        if self._wanted.only:
            self._wanted.only.check()
        if not self.compared:
            names = " and ".join(side.tape.name for side in self.sides)
            raise TapeError(f"{names} have no book in common that is live at the same sequence number")
        if self.differ:
            doubtful = {book.name for book in self.books if book.differ and not self._is_certain(book)}
            if doubtful:
                self._compare(tells, self._known(doubtful), doubtful)
            self._fetch(doubtful)

    def _is_certain(self, book: BookDiff) -> bool:
        """Tell whether both knew the same levels where they part: they were equal before, and neither took a snapshot since."""
        if book.agreed is None or book.parted is None:
            return False
        begun = [sequence for log in self._logs for sequence, _ in log[book.name].windows]
        return not any(book.agreed < sequence <= book.parted for sequence in begun)

    def _compare(self, tells: tuple[Tell | None, Tell | None], bounds: Bounds | None, doubtful: Container[str] = ()) -> None:
        logs = [states_of(side, self._wanted, bounds, tell) for side, tell in zip(self.sides, tells, strict=True)]
        self._logs = logs[0], logs[1]
        self.alone = [name for name in logs[0] if name not in logs[1]], [name for name in logs[1] if name not in logs[0]]
        self.books = []
        for name, log in logs[0].items():
            if name in logs[1]:
                book = BookDiff(name)
                book.run(log, logs[1][name])
                book.windowed = name in doubtful and self._is_bounded(name)
                self.books.append(book)

    def _known(self, doubtful: Container[str]) -> Bounds:
        """Return the bounds within which both tapes know every level, for the books that may differ by what one cannot know."""
        a, b = self._logs

        def bounds(name: str, sequence: int) -> Window:
            if name not in doubtful:
                return EVERYTHING
            found = a[name].window(sequence).within(b[name].window(sequence))
            return found if found != EVERYTHING else EVERYTHING

        return bounds

    def _is_bounded(self, name: str) -> bool:
        return any(window != EVERYTHING for log in self._logs for _, window in log[name].windows)

    # -- what is shown

    def _fetch(self, doubtful: Container[str]) -> None:
        parted = {book.name: book.parted for book in self.books if book.parted is not None}
        bounds = self._known(doubtful)
        a, b = (_pictures(side.tape, self._wanted, parted, bounds) for side in self.sides)
        for book in self.books:
            if book.name in a and book.name in b:
                changes = list(_changes(book.name, a[book.name], b[book.name]))
                book.levels, book.changes = len(changes), changes[:_LEVELS_SHOWN]

    def as_json(self) -> dict[str, Any]:
        """The comparison for machines. Keys are only ever added."""
        return {
            "equal": self.compared - self.differ,
            "differ": self.differ,
            "books": [book.as_json() for book in self.books],
            "books_of_a": self.alone[0],
            "books_of_b": self.alone[1],
        }


def _pictures(tape: TapeSet, wanted: Wanted, at: dict[str, int], bounds: Bounds) -> dict[str, Picture]:
    """Play a tape until every book was at its number; return them as they were there."""
    found: dict[str, Picture] = {}
    since = wanted.since or 0
    with Playback(*(reader.path for reader in tape.segments)) as playback:
        for name, keeper, time, _ in changed_books(playback, wanted, Wire(), Windows(), None):
            if name in found or not keeper.is_live or keeper.book.sequence != at.get(name) or time < since:
                continue
            window = bounds(name, at[name])
            bids, asks = (
                [level for level in side.top() if window.holds(level[0])] for side in (keeper.book.bids, keeper.book.asks)
            )
            found[name] = Picture(time, bids, asks)
            if len(found) == len(at):
                break
    return found


def _changes(name: str, a: Picture, b: Picture) -> Iterator[Change]:
    yield from level_changes(name, "bids", a.bids, b.bids)
    yield from level_changes(name, "asks", a.asks, b.asks)
