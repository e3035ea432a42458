"""Two streams of messages joined by the venue's numbers."""

from array import array
from bisect import bisect_left
from typing import Any

from feedtape.edit.diff_streams import Place, Stream

_LAGS_KEPT = 100_000


class Lags:
    """By how much the same message came later at B than at A; of very many, every so-many-th."""

    def __init__(self) -> None:
        self.least: int | None = None
        self.most: int | None = None
        self._kept = array("q")
        self._step = self._count = 1

    def add(self, lag: int) -> None:
        """Take the next one."""
        self.least = lag if self.least is None or lag < self.least else self.least
        self.most = lag if self.most is None or lag > self.most else self.most
        self._count -= 1
        if self._count:
            return
        self._kept.append(lag)
        if len(self._kept) >= _LAGS_KEPT:
            self._kept = self._kept[::2]
            self._step *= 2
        self._count = self._step

    @property
    def median(self) -> int | None:
        """The middle one."""
        return sorted(self._kept)[len(self._kept) // 2] if self._kept else None

    def as_json(self) -> dict[str, Any]:
        """Nanoseconds, as strings."""
        found = {"median": self.median, "least": self.least, "most": self.most}
        return {name: None if value is None else str(value) for name, value in found.items()}


class Join:
    """What two streams have in common and what not.

    Attributes:
        equal: messages, or groups of messages, that hold the same updates and say the same in the same words.
        suspects: places that both have, cut otherwise or in other words: only a closer look can tell.
        only: messages of either side that lie where the other one has a hole; `lone` is the first of each side.
        outside: messages of either side before or after all that the other one has.
        unmatched: messages of both where neither begins nor ends with the other, beside a hole.
    """

    def __init__(self, a: Stream, b: Stream) -> None:
        self.streams = a, b
        self.equal = 0
        self.suspects: tuple[array[int], array[int]] = (array("q"), array("q"))
        self.only = [0, 0]
        self.lone: list[list[Place]] = [[], []]
        self.outside = [0, 0]
        self.unmatched = 0
        self.lags = Lags()
        self._at = [0, 0]

    def run(self, kept: int) -> None:
        """Join them; `kept` places of either side are kept that the other one lacks."""
        a, b = self.streams
        lengths = len(a), len(b)
        while self._at[0] < lengths[0] and self._at[1] < lengths[1]:
            i, j = self._at
            start_a, last_a, start_b, last_b = a.starts[i], a.lasts[i], b.starts[j], b.lasts[j]
            if last_a == last_b and start_a == start_b:
                self._pair(i, j)
            elif last_a <= start_b:
                self._lack(0, kept)
            elif last_b <= start_a:
                self._lack(1, kept)
            else:
                self._group()
        for side in (0, 1):
            self.outside[side] += lengths[side] - self._at[side]

    def _pair(self, i: int, j: int) -> None:
        a, b = self.streams
        if a.hashes[i] == b.hashes[j]:
            self.equal += 1
        else:
            self.suspects[0].append(a.starts[i])
            self.suspects[1].append(a.lasts[i])
        self.lags.add(b.recvs[j] - a.recvs[i])
        self._at[0] += 1
        self._at[1] += 1

    def _lack(self, side: int, kept: int) -> None:
        """Pass over a message that the other side has not."""
        at = self._at[side]
        if not self._at[1 - side]:
            self.outside[side] += 1
        else:
            self.only[side] += 1
            if len(self.lone[side]) < kept:
                stream = self.streams[side]
                self.lone[side].append(Place(stream.starts[at], stream.lasts[at]))
        self._at[side] += 1

    def _group(self) -> None:
        """Take the messages of both up to where both end with the same update: connections may cut the same updates otherwise."""
        a, b = self.streams
        i, j = begin = tuple(self._at)
        is_edge = not min(begin)
        while a.lasts[i] != b.lasts[j]:
            stream, at = (a, i) if a.lasts[i] < b.lasts[j] else (b, j)
            if at + 1 >= len(stream) or stream.starts[at + 1] > stream.lasts[at]:
                # A hole, or the end: what is open on the other side cannot be held against anything.
                is_edge = is_edge or at + 1 >= len(stream)
                self._pass_over(begin, (i + 1, j) if stream is a else (i, j + 1), is_edge=is_edge)
                return
            i, j = (i + 1, j) if stream is a else (i, j + 1)
        if a.starts[begin[0]] != b.starts[begin[1]]:
            self._pass_over(begin, (i + 1, j + 1), is_edge=is_edge)
            return
        self.suspects[0].append(a.starts[begin[0]])
        self.suspects[1].append(a.lasts[i])
        self.lags.add(b.recvs[j] - a.recvs[i])
        self._at = [i + 1, j + 1]

    def _pass_over(self, begin: tuple[int, ...], end: tuple[int, int], *, is_edge: bool) -> None:
        passed = [end[side] - begin[side] for side in (0, 1)]
        if is_edge:
            self.outside = [self.outside[side] + passed[side] for side in (0, 1)]
        else:
            self.unmatched += sum(passed)
        self._at = list(end)

    @property
    def common(self) -> tuple[int, int] | None:
        """The first and the last number that both reach to; None where they have nothing in common."""
        a, b = self.streams
        first, last = max(a.lasts[0], b.lasts[0]), min(a.lasts[-1], b.lasts[-1])
        return (first, last) if first <= last else None


def neighbours(stream: Stream, place: Place) -> tuple[int | None, int | None]:
    """Return the numbers of the messages before and after a place that a stream does not have."""
    at = bisect_left(stream.lasts, place.last)
    return (stream.lasts[at - 1] if at else None), (stream.lasts[at] if at < len(stream) else None)
