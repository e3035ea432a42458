"""Two streams of records, put side by side: one missing record is one missing record, and not everything behind it different.

Where they part, the nearest place is looked for at which both go on alike; where there is none within the window, time decides
whose record comes first.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from feedtape.model.records import Record

WINDOW: Final = 256
"""Records of each side that are looked through for a place to go on."""
_NEAR = 16
_FURTHEST = 64 * WINDOW
_LOOKED_AT = 8

ALTERED: Final = "altered"
TIME: Final = "time"
ORDER: Final = "order"
ONLY_A: Final = "only-a"
ONLY_B: Final = "only-b"


class Item(NamedTuple):
    """A record, its number within its tape, and how many frames there were up to it; both from 1."""

    number: int
    frame: int
    record: Record


Found = Callable[[str, Sequence[Item], Sequence[Item]], None]
"""Takes a difference: its kind, and what either side has there."""


class Aligner:
    """Takes the items of both sides in any turn, and tells where they part."""

    def __init__(self, found: Found) -> None:
        self.equal = 0
        self._found = found
        self._sides: tuple[deque[Item], deque[Item]] = (deque(), deque())
        self._ended = [False, False]
        self._blind = 0
        """Records for which no place to go on is looked for: there was none in the window just now."""

    @property
    def waiting(self) -> tuple[int, int]:
        """How many items of either side are not settled."""
        return len(self._sides[0]), len(self._sides[1])

    def push(self, side: int, item: Item) -> None:
        """Take the next item of a side, 0 or 1."""
        self._sides[side].append(item)
        self._settle()

    def end(self, side: int) -> None:
        """Note that nothing more comes of a side."""
        self._ended[side] = True
        self._settle()

    def _settle(self) -> None:
        a, b = self._sides
        while a and b:
            if a[0].record == b[0].record:
                self._same(a.popleft(), b.popleft())
            elif self._sees_enough():
                self._part()
            else:
                return
        for mine, other, kind in ((0, 1, ONLY_A), (1, 0, ONLY_B)):
            waiting = self._sides[mine]
            while waiting and (self._ended[other] or len(waiting) > _FURTHEST):
                self._lone(kind, waiting.popleft())

    def _sees_enough(self) -> bool:
        short = [side for side in (0, 1) if not self._ended[side] and len(self._sides[side]) < WINDOW]
        return not short or max(map(len, self._sides)) > _FURTHEST

    def _same(self, _a: Item, _b: Item) -> None:
        self.equal += 1

    def _lone(self, kind: str, item: Item) -> None:
        self._found(kind, (item,) if kind == ONLY_A else (), (item,) if kind == ONLY_B else ())

    # -- where they part

    def _part(self) -> None:
        a, b = self._sides
        meeting = None
        if self._blind:
            self._blind -= 1
        else:
            meeting = self._meeting()
            self._blind = 0 if meeting else WINDOW // 2
        if meeting is not None:
            before = [a.popleft() for _ in range(meeting[0])], [b.popleft() for _ in range(meeting[1])]
            self._compare(*before)
        elif a[0].record.time < b[0].record.time:
            self._lone(ONLY_A, a.popleft())
        elif a[0].record.time > b[0].record.time:
            self._lone(ONLY_B, b.popleft())
        else:
            self._compare([a.popleft()], [b.popleft()])

    def _meeting(self) -> tuple[int, int] | None:
        """Return how many items of either side come before both go on alike."""
        xs = [item.record for item in islice(self._sides[0], WINDOW)]
        ys = [item.record for item in islice(self._sides[1], WINDOW)]
        if _content(xs[0]) == _content(ys[0]):
            # Another time alone; or one of a few that are alike, such as pings, is missing here.
            return _search(xs[:_NEAR], ys[:_NEAR], 3) or (1, 1)
        loose_xs, loose_ys = [_content(x) for x in xs], [_content(y) for y in ys]
        return _search(xs, ys, 3) or _search(xs, ys, 1) or _search(loose_xs, loose_ys, 3)

    def _compare(self, a: list[Item], b: list[Item]) -> None:
        """Tell what differs between two short runs, after which both go on alike."""
        if len(a) == len(b) > 1 and _is_reordered(a, b):
            self._found(ORDER, a, b)
            return
        while a and b:
            x, y = a[0].record, b[0].record
            if x == y:
                self._same(a.pop(0), b.pop(0))
            elif (x.connection, x.kind) == (y.connection, y.kind) and (x.time == y.time or len(a) == len(b)):
                self._found(TIME if x.payload == y.payload else ALTERED, (a.pop(0),), (b.pop(0),))
            else:
                shorter = len(a) - len(b)
                if shorter >= 0:
                    self._lone(ONLY_A, a.pop(0))
                if shorter <= 0:
                    self._lone(ONLY_B, b.pop(0))
        for item in a:
            self._lone(ONLY_A, item)
        for item in b:
            self._lone(ONLY_B, item)


def _content(record: Record) -> tuple[int, bytes, bytes]:
    return record.connection, record.kind, record.payload


def _is_reordered(a: Sequence[Item], b: Sequence[Item]) -> bool:
    ours, theirs = [_content(item.record) for item in a], [_content(item.record) for item in b]
    return ours != theirs and Counter(ours) == Counter(theirs)


def _search(xs: Sequence[Hashable], ys: Sequence[Hashable], run: int) -> tuple[int, int] | None:
    """Return the nearest pair of places from which `run` items are alike, or as many as there are."""
    where: dict[Hashable, list[int]] = {}
    for j, y in enumerate(ys):
        where.setdefault(y, []).append(j)
    best: tuple[int, int] | None = None
    for i, x in enumerate(xs):
        if best is not None and i > sum(best):
            break
        for j in where.get(x, ())[:_LOOKED_AT]:
            length = min(run, len(xs) - i, len(ys) - j)
            is_nearer = best is None or (i + j, abs(i - j)) < (sum(best), abs(best[0] - best[1]))
            if is_nearer and list(xs[i : i + length]) == list(ys[j : j + length]):
                best = i, j
    return best
