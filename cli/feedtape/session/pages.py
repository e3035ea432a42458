"""Pages: what a session counted since its latest header.

A recording in segments is one session, whose counters go on. Each segment is a page of it: its own statistics and keyframes
count from its own beginning, so that it says of itself what is true of it alone.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

_Counts = TypeVar("_Counts", bound=msgspec.Struct)


def counted_since(now: _Counts, base: msgspec.Struct | None) -> _Counts:
    """Return counters less what they were; fields that are no whole numbers stay as they are now."""
    if base is None:
        return now
    values = {name: getattr(now, name) for name in now.__struct_fields__}
    changes = {name: value - getattr(base, name) for name, value in values.items() if type(value) is int}
    return msgspec.structs.replace(now, **changes)


class Page:
    """Where everything stood when the page began.

    Attributes:
        first: when it began.
        losses, markers: how many had been noted.
    """

    def __init__(
        self,
        first: int | None = None,
        totals: Any = None,
        counters: Mapping[str, msgspec.Struct] | None = None,
        flows: Mapping[str, tuple[int, int]] | None = None,
        unread: Mapping[str, int] | None = None,
        losses: int = 0,
        markers: int = 0,
    ) -> None:
        self.first = first
        self.totals = totals
        self.losses = losses
        self.markers = markers
        self._counters = {target: msgspec.structs.replace(one) for target, one in (counters or {}).items()}
        self._flows = dict(flows or {})
        self._unread = dict(unread or {})

    def counters(self, target: str, now: _Counts) -> _Counts:
        """Return a book's counters since."""
        return counted_since(now, self._counters.get(target))

    def flow(self, target: str, trades: int, quotes: int) -> tuple[int, int]:
        """Return trades and quotes of a target since."""
        before = self._flows.get(target, (0, 0))
        return trades - before[0], quotes - before[1]

    def unread(self, now: Mapping[str, int]) -> dict[str, Any]:
        """Return what went unread since."""
        counted = {name: number - self._unread.get(name, 0) for name, number in now.items()}
        return {name: number for name, number in counted.items() if number}
