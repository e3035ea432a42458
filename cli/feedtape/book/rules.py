"""Sequence rules: how a venue lets one see that nothing is missing between two messages.

A rule judges; it keeps no state and touches no book. Each is a declaration for a venue module to name, with the venue's
document as its source.
"""

import enum
import zlib
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar, Protocol

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
    """The rule of one kind of stream.

    `needs_overlap` tells whether a snapshot is of use only if it holds the oldest delta that waits: where deltas do not
    name what they follow, nothing else shows that none is missing between snapshot and delta.
    """

    needs_overlap: ClassVar[bool]

    def follows(self, last: int, delta: BookDelta) -> Verdict:
        """Judge a delta against the delta before it, whose last update is `last`."""
        ...

    def bridges(self, sequence: int, delta: BookDelta) -> Verdict:
        """Judge a delta against a snapshot with that sequence number. GAP means that the snapshot is too old."""
        ...

    def begins(self, delta: BookDelta) -> bool:
        """Whether a chain can begin with a delta; one without its numbers would never join a snapshot."""
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

    needs_overlap: ClassVar[bool] = False
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

    def begins(self, delta: BookDelta) -> bool:
        """See `SequenceRule.begins`."""
        return delta.first is not None and delta.last is not None

    def missed(self, last: int, delta: BookDelta) -> int | None:
        """The ids between, exactly."""
        return max(delta.first - last - 1, 0) if delta.first is not None else None


@dataclass(frozen=True)
class Chained:
    """Each delta names the last update of the delta before it (`prev`); ids between deltas may be skipped.

    A snapshot may fall anywhere from `prev` to `last` of the first delta used: that delta carries everything after `prev`.
    With `strict`, smaller numbers never mean a repetition: the venue may begin to count anew, and all that follows would look
    like one.
    """

    needs_overlap: ClassVar[bool] = False
    strict: bool = False

    def follows(self, last: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.follows`."""
        if delta.prev == last:
            return Verdict.NEXT
        if self.strict:
            return Verdict.GAP
        repeated = delta.last is not None and delta.last <= last and (delta.prev is None or delta.prev < last)
        return Verdict.OLD if repeated else Verdict.GAP

    def bridges(self, sequence: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.bridges`."""
        if delta.last is None or delta.prev is None:
            return Verdict.GAP
        if delta.prev == sequence:
            # Even where its own number is smaller: the venue began to count anew right after the snapshot.
            return Verdict.NEXT
        if delta.last < sequence:
            return Verdict.OLD
        if delta.prev <= sequence or (delta.first is not None and delta.first <= sequence):
            return Verdict.NEXT
        return Verdict.GAP

    def begins(self, delta: BookDelta) -> bool:
        """See `SequenceRule.begins`."""
        return delta.prev is not None and delta.last is not None

    def missed(self, last: int, delta: BookDelta) -> int | None:
        """The distance of ids in the hole: an upper bound, since ids of other things lie between."""
        return delta.prev - last if delta.prev is not None and delta.prev > last else None


@dataclass(frozen=True)
class Ordered:
    """Deltas carry a number that grows (a time, say) and name nothing that they follow: order can be kept, loss cannot be seen.

    With `chained`, deltas do chain by `prev` among themselves, and only the snapshot is placed by its time: its number is
    one of microseconds, as deltas' times are.
    """

    needs_overlap: ClassVar[bool] = True
    chained: bool = False

    def follows(self, last: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.follows`."""
        if self.chained:
            return Verdict.NEXT if delta.prev == last else Verdict.GAP
        return Verdict.NEXT if delta.last is not None and delta.last > last else Verdict.OLD

    def bridges(self, sequence: int, delta: BookDelta) -> Verdict:
        """See `SequenceRule.bridges`."""
        number = delta.last
        if self.chained:
            number = None if delta.time is None else delta.time // 1000
        if number is None:
            return Verdict.GAP
        return Verdict.NEXT if number > sequence else Verdict.OLD

    def begins(self, delta: BookDelta) -> bool:
        """See `SequenceRule.begins`."""
        return (delta.time if self.chained else delta.last) is not None

    def missed(self, last: int, delta: BookDelta) -> int | None:
        """Nothing tells."""
        return None


class Checksum(Protocol):
    """A checksum over part of a book that the venue sends along.

    `covers` are the levels of each side (or orders, with `of_orders`) that it covers.
    """

    @property
    def covers(self) -> int: ...

    @property
    def of_orders(self) -> bool: ...

    def of(self, bids: Levels, asks: Levels) -> int:
        """Compute it over the best levels, in the venue's own texts; over orders, each with its id in the place of the price."""
        ...


@dataclass(frozen=True)
class AlternatingCrc:
    """CRC-32, signed, of `bid:size:ask:size:…` by rank; a side that has run out is left out. OKX, Bitget and Bitfinex.

    `ask_sign` stands before an ask's size: Bitfinex counts asks as negative amounts.
    """

    covers: int = 25
    ask_sign: str = ""
    of_orders: bool = False

    def of(self, bids: Levels, asks: Levels) -> int:
        """See `Checksum.of`."""
        parts: list[str] = []
        for bid, ask in zip_longest(bids, asks):
            if bid is not None:
                parts += bid
            if ask is not None:
                parts += ask[0], self.ask_sign + ask[1]
        unsigned = zlib.crc32(":".join(parts).encode())
        return unsigned - (1 << 32) if unsigned >> 31 else unsigned


@dataclass(frozen=True)
class DigitsCrc:
    """CRC-32, unsigned, of the digits of prices and sizes, without point and leading zeros: asks first, then bids. Kraken."""

    covers: int = 10
    of_orders: bool = False

    def of(self, bids: Levels, asks: Levels) -> int:
        """See `Checksum.of`."""
        texts = [text.replace(".", "").lstrip("0") for level in (*asks, *bids) for text in level]
        return zlib.crc32("".join(texts).encode())


RESUBSCRIBE = "resubscribe"
RECONNECT = "reconnect"
WAIT = "wait"


@dataclass(frozen=True)
class Integrity:
    """What one kind of book stream lets one prove, as a venue declares it.

    Attributes:
        sequence: how messages chain; None when nothing links them.
        counted: whether every frame of the connection is numbered, so that none can be missing unseen (see `Numbered`).
        checksum: what the venue's checksum covers; None when it sends none. It is checked where it comes, and only then counts.
        checksum_until: when the venue stopped sending it; captures from before then are checked all the same.
        snapshot: where state comes from: `rest`, `stream` (the stream begins with one), or `full` (each message is one).
        resync: how a broken book of a stream is made whole: `resubscribe`, `reconnect`, or `wait` where the next message does it.
        depth: levels a side that the venue keeps for us; those pushed out must be forgotten. None: all.
        by_order: whether the stream tells single orders (see `BookDelta.orders`).
        unknown_delete_is_loss: whether deleting a level (or changing an order) that the book does not have is evidence of loss.
        unprovable: why nothing can be proven, where nothing can.
    """

    sequence: SequenceRule | None = None
    counted: bool = False
    checksum: Checksum | None = None
    checksum_until: str = ""
    snapshot: str = "rest"
    resync: str = RESUBSCRIBE
    depth: int | None = None
    by_order: bool = False
    unknown_delete_is_loss: bool = False
    unprovable: str = ""

    @property
    def merges(self) -> bool:
        """Whether update ids are the venue's own, the same on every connection: all that REST snapshots can be joined with."""
        return self.sequence is not None and self.snapshot == "rest" and not self.sequence.needs_overlap

    def since(self, sequence: int | None) -> str:
        """Say what makes a book good that begins with this snapshot."""
        if self.sequence is not None:
            return f"an unbroken chain since snapshot {sequence}"
        if self.counted:
            return "no frame of the connection is missing since the snapshot"
        return "a whole picture" if self.snapshot == "full" else "what followed the snapshot"

    @property
    def sees_loss(self) -> bool:
        """Whether a message that is missing shows in those that follow, wherever in the book, or does not matter to them."""
        linked = self.sequence is not None and not self.sequence.needs_overlap
        checksum, depth = self.checksum, self.depth
        summed = checksum is not None and depth is not None and checksum.covers >= depth
        return linked or self.counted or summed or self.snapshot == "full"

    @property
    def proof(self) -> str:
        """The best grade that a whole book of this stream can have."""
        if self.checksum is not None and not self.checksum_until:
            return "checksum"
        if self.unprovable:
            return "unprovable"
        return "sequence" if self.sequence is not None or self.counted else "unprovable"
