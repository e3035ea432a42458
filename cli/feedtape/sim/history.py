"""The past of a book: every change since a number of checkpoints, bounded."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

Levels = list[tuple[int, int]]

_SEGMENT_STEPS = 256


@dataclass(frozen=True, slots=True)
class BookState:
    """A whole book, best levels first, after the last change whose id is `id`."""

    id: int
    bids: Levels
    asks: Levels


@dataclass(slots=True)
class _Segment:
    """A checkpoint of both sides at `start`, and every change since: (id, is bid, price, size)."""

    start: int
    bids: dict[int, int]
    asks: dict[int, int]
    changes: list[tuple[int, bool, int, int]] = field(default_factory=list)
    steps: int = 0


class History:
    """Changes by update id; about the last `steps` steps are kept."""

    def __init__(self, start: int, bids: dict[int, int], asks: dict[int, int], *, steps: int) -> None:
        self._most_segments = max(2, steps // _SEGMENT_STEPS)
        self._segments = [_Segment(start, bids.copy(), asks.copy())]

    @property
    def oldest_id(self) -> int:
        return self._segments[0].start

    def add(self, update_id: int, is_bid: bool, price: int, size: int) -> None:
        """Note one change; ids only grow."""
        self._segments[-1].changes.append((update_id, is_bid, price, size))

    def end_step(self, last: int, bids: dict[int, int], asks: dict[int, int]) -> None:
        """Note that a step is over, whose last id and sides are these; now and then they are kept."""
        segment = self._segments[-1]
        segment.steps += 1
        if segment.steps >= _SEGMENT_STEPS:
            self._segments.append(_Segment(last, bids.copy(), asks.copy()))
            del self._segments[: -self._most_segments]

    def state_at(self, update_id: int) -> BookState:
        """Return the book after the last change that is not above an id, which must not be below `oldest_id`."""
        segment = self._segments[bisect_right(self._segments, update_id, key=lambda s: s.start) - 1]
        bids, asks, reached = segment.bids.copy(), segment.asks.copy(), segment.start
        for change_id, is_bid, price, size in segment.changes:
            if change_id > update_id:
                break
            reached = change_id
            side = bids if is_bid else asks
            if size:
                side[price] = size
            else:
                side.pop(price, None)
        return BookState(reached, sorted(bids.items(), reverse=True), sorted(asks.items()))
