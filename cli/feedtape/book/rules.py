"""Sequence rules: how a venue lets one see that nothing is missing between two messages.

A rule judges; it keeps no state and touches no book. Each is a declaration for a venue module to name, with the venue's
document as its source.
"""

import enum
from dataclasses import dataclass
from typing import Protocol

from feedtape.model.events import BookDelta, Levels


class Verdict(enum.Enum):
    """What a delta is to a book that has seen everything up to some number."""

    NEXT = "next"
    """It continues the book; apply it."""
    OLD = "old"
    """All that it holds is in the book already; ignore it."""
    GAP = "gap"
    """Something between the book and it is missing."""


def start_of(delta: BookDelta) -> int | None:
    """Return the last update that a delta takes for known: all that it holds comes after that."""
    if delta.prev is not None:
        return delta.prev
    return None if delta.first is None else delta.first - 1


class SequenceRule(Protocol):
    """The rule of one kind of stream."""

    def follows(self, last: int, delta: BookDelta) -> Verdict:
        """Judge a delta against the delta before it, whose last update is `last`."""
        ...

    def bridges(self, sequence: int, delta: BookDelta) -> Verdict:
        """Judge a delta against a snapshot with that sequence number. GAP means that the snapshot is too old."""
        ...

    def missed(self, last: int, delta: BookDelta) -> int | None:
        """How many update ids lie in the hole that `follows` found; None where the ids do not tell."""
        ...


@dataclass(frozen=True)
class Contiguous:
    """Each delta holds the updates `first`..`last`, and ids have no holes: the next must reach `last + 1`.

    A delta may overlap what the book has: sizes are absolute, so applying it whole is right. `restart` is the id with which
    the venue starts a stream over after trouble of its own, where it does.
    """

    restart: int | None = None

    def follows(self, last: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.follows`."""
        first, end = delta.first, delta.last
        if first is None or end is None:
            return Verdict.GAP
        if first == last + 1:
            return Verdict.NEXT
        if end <= last:
            return Verdict.GAP if self.restart is not None and first == self.restart else Verdict.OLD
        return Verdict.NEXT if first <= last else Verdict.GAP

    def bridges(self, sequence: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.bridges`; the same test, since a snapshot is the state after its last update."""
        if sequence < 0:
            # Binance gives a symbol that never had an order the snapshot -1, without levels: any first update continues it.
            return Verdict.NEXT
        return self.follows(sequence, delta)

    def missed(self, last: int, delta: BookDelta) -> int | None:
        """The ids between, exactly."""
        return max(delta.first - last - 1, 0) if delta.first is not None else None


@dataclass(frozen=True)
class Chained:
    """Each delta names the last update of the delta before it (`prev`); ids between deltas may be skipped.

    A snapshot may fall anywhere from `prev` to `last` of the first delta used: that delta carries everything after `prev`.
    """

    def follows(self, last: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.follows`."""
        if delta.prev == last:
            return Verdict.NEXT
        repeated = delta.last is not None and delta.last <= last and (delta.prev is None or delta.prev < last)
        return Verdict.OLD if repeated else Verdict.GAP

    def bridges(self, sequence: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.bridges`."""
        if delta.last is None or delta.prev is None:
            return Verdict.GAP
        if delta.last < sequence:
            return Verdict.OLD
        if delta.prev <= sequence or (delta.first is not None and delta.first <= sequence):
            return Verdict.NEXT
        return Verdict.GAP

    def missed(self, last: int, delta: BookDelta) -> int | None:
        """The distance of ids in the hole: an upper bound, since ids of other things lie between."""
        return delta.prev - last if delta.prev is not None and delta.prev > last else None


class Checksum(Protocol):
    """A checksum over part of a book that the venue sends along."""

    covers: int
    """Levels of each side that it covers."""

    def of(self, bids: Levels, asks: Levels) -> int:
        """Compute it over the best levels, in the venue's own texts."""
        ...


@dataclass(frozen=True)
class Integrity:
    """What one kind of book stream lets one prove, as a venue declares it.

    Attributes:
        sequence: how messages chain; None when nothing links them.
        checksum: what the venue's checksum covers; None when it sends none.
        snapshot: where state comes from: `rest`, `stream` (the stream begins with one), or `full` (each message is one).
        depth: levels a side that the venue keeps for us; those pushed out must be forgotten. None: all.
        unknown_delete_is_loss: whether deleting a level that the book does not have is evidence of loss.
        unprovable: why nothing can be proven, where nothing can.
    """

    sequence: SequenceRule | None = None
    checksum: Checksum | None = None
    snapshot: str = "rest"
    depth: int | None = None
    unknown_delete_is_loss: bool = False
    unprovable: str = ""

    @property
    def merges(self) -> bool:
        """Whether update ids are the venue's own, the same on every connection: all that REST snapshots can be joined with."""
        return self.sequence is not None and self.snapshot == "rest"

    @property
    def proof(self) -> str:
        """The best grade that a whole book of this stream can have."""
        if self.checksum is not None:
            return "checksum"
        return "sequence" if self.sequence is not None else "unprovable"
