"""Clocks: by how much each venue's is ahead of the recorder's, and how often the recorder's own wall clock stepped.

Both are told by records alone, so that a replay knows what the live screen knew.
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from feedtape.model.records import Record

STEP_NS: Final = 100_000_000
"""A drift that changes by more between two looks is a step of the wall clock."""
_KEPT: Final = 3
"""Readings of each kind of which the best is taken: the live feed asks so often at a time, and clocks drift apart."""
SECOND_NS: Final = 1_000_000_000
_TRACKED: Final = 1000
"""Venues, and recordings within a merge, that are followed; a tape may name others without end."""
_LONGEST_DATE: Final = 40
_MOST_NS: Final = 2**62
"""Largest difference that is one: what a tape says can be anything, and not everything can be written down again."""

Told = Literal["clock", "date"]


class Offset(NamedTuple):
    """By how much a venue's clock is ahead of ours (negative: behind), and how far that may be wrong.

    `source` is what told: the venue's own `clock`, or the `date` of an answer, in whole seconds.
    """

    ns: int
    uncertain_ns: int
    source: Told


def offset_between(told: int, asked: int, answered: int, source: Told = "clock") -> Offset:
    """Compare the time that a venue told with the middle of our times of asking and of its answer.

    Where it told whole seconds, half of one is the best guess of what it left out.
    """
    one_way = (answered - asked) // 2
    half = 0 if told % SECOND_NS else SECOND_NS // 2
    return Offset(told + half - (answered - one_way), half + one_way, source)


def date_ns(header: str) -> int | None:
    """Read a `date` header, ns since 1970; None where it tells none."""
    try:
        date = parsedate_to_datetime(header[:_LONGEST_DATE])
        # A zone that is not told is none of this machine's.
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()) * SECOND_NS
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def latency_ns(event_time: int | None, recv: int, offset: Offset | None) -> int | None:
    """Return how long an event was under way, from its time by the venue's clock to its receipt by ours.

    A clock of theirs that is ahead makes it look shorter, so that a positive offset is added; without one the two clocks are
    taken for the same. None where the event tells no time. It is below zero where the offset is wrong by more than the way.
    """
    if event_time is None:
        return None
    return recv - event_time + (0 if offset is None else offset.ns)


class Clocks:
    """Offsets of the venues' clocks, and steps of ours."""

    def __init__(self) -> None:
        self._readings: dict[str, list[Offset]] = {}
        self._drifts: dict[str, int] = {}
        """Latest drift of the wall clock, by the recording of a merge that it is of."""

    def of(self, venue: str) -> Offset | None:
        """Return the surest of the latest readings of a venue's clock; of its answers' dates where it tells no time itself."""
        readings = self._readings.get(venue, ())
        told = [one for one in readings if one.source == "clock"] or readings
        return min(told, key=lambda one: one.uncertain_ns, default=None)

    def read(self, venue: str, told: int | None, asked: int, answered: int, source: Told) -> None:
        """Take what an answer told of a venue's time, if anything, and when it was asked for; 0 where that is not known."""
        if told is None or not asked or (venue not in self._readings and len(self._readings) >= _TRACKED):
            return
        found = offset_between(told, asked, answered, source)
        if abs(found.ns) > _MOST_NS:
            return
        readings = self._readings.setdefault(venue, [])
        readings.append(found)
        alike = [one for one in readings if one.source == source]
        if len(alike) > _KEPT:
            readings.remove(alike[0])

    def ticked(self, record: Record) -> bool:
        """Take a `clock` record; tell whether the wall clock stepped since the one before."""
        fields = record.json()
        source, drift = str(fields.get("source", "")), int(fields.get("drift_ns", 0))
        if abs(drift) > _MOST_NS:
            raise ValueError(f"no clock drifts by {drift} ns")
        before = self._drifts.get(source, drift)
        if source in self._drifts or len(self._drifts) < _TRACKED:
            self._drifts[source] = drift
        return abs(drift - before) > STEP_NS

    def lose(self) -> None:
        """Note that records are missing: the wall clock may have crept in the meantime, which is no step."""
        self._drifts.clear()

    def save(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {"readings": msgspec.to_builtins(self._readings), "drifts": dict(self._drifts)}

    def as_json(self) -> dict[str, dict[str, str]]:
        """The offsets as JSON values, by venue; times are strings of ns."""
        known = {venue: offset for venue in self._readings if (offset := self.of(venue)) is not None}
        return {
            venue: {"offset_ns": str(offset.ns), "uncertain_ns": str(offset.uncertain_ns), "source": offset.source}
            for venue, offset in known.items()
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take over what `save` returned."""
        self._readings = msgspec.convert(saved.get("readings", {}), dict[str, list[Offset]])
        self._drifts = msgspec.convert(saved.get("drifts", {}), dict[str, int])

    def adopt(self, saved: Mapping[str, Any]) -> None:
        """Take over what `save` returned elsewhere, of the venues of which nothing is known here."""
        for venue, readings in msgspec.convert(saved.get("readings", {}), dict[str, list[Offset]]).items():
            if len(self._readings) < _TRACKED and not self._readings.get(venue):
                self._readings[venue] = readings
