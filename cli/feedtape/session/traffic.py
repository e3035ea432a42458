"""How much of a tape each target is: frames, bytes, and the range of its rate."""

from typing import Any, Final

import msgspec

WINDOW_NS: Final = 10 * 1_000_000_000
"""Rates are counted over spans of this length; a span that the page does not hold whole has no rate."""


class Traffic(msgspec.Struct):
    """What a target sent since the page began. `slowest` and `fastest` are frames in a span, `ends` when the present one ends."""

    frames: int = 0
    bytes: int = 0
    ends: int = 0
    before: int = 0
    slowest: int | None = None
    fastest: int | None = None

    def turn(self, time: int) -> None:
        """End the spans that are over at that time, also those in which nothing came."""
        if self.ends:
            counted = self.frames - self.before
            silent = time - self.ends >= WINDOW_NS
            least = 0 if silent else counted
            self.slowest = least if self.slowest is None else min(self.slowest, least)
            self.fastest = counted if self.fastest is None else max(self.fastest, counted)
            self.ends += (time - self.ends) // WINDOW_NS * WINDOW_NS + WINDOW_NS
        else:
            self.ends = time + WINDOW_NS
        self.before = self.frames

    def as_json(self) -> dict[str, Any]:
        """The traffic as JSON values; rates in Hz, None when no span was whole."""
        per_s = WINDOW_NS / 1e9
        rates = [None if count is None else count / per_s for count in (self.slowest, self.fastest)]
        return {"frames": self.frames, "bytes": self.bytes, "slowest_hz": rates[0], "fastest_hz": rates[1]}
