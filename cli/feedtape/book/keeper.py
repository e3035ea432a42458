"""The keeper of one book: it joins snapshot and deltas, applies the stream's sequence rule, and says how far the book is proven.

    SYNCING ──snapshot joined──> LIVE ──evidence of loss──> BROKEN ──snapshot joined──> LIVE

A book that is not LIVE is empty: nobody can mistake an old state for the present. Deltas that arrive meanwhile wait in an
unbroken chain for a snapshot; a hole in the chain throws away what came before it.

During a planned change of connections both carry the stream. Deltas of the newcomer wait, and when the old connection goes the
chain is taken up where it ended if the newcomer's deltas join it without a hole.
"""

import enum
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from feedtape.book.digest import digest
from feedtape.book.ladder import Book
from feedtape.book.rules import Integrity, Verdict
from feedtape.errors import BadFrame
from feedtape.model.events import BookDelta, BookSnapshot, Event, Gap, Resync

WAITING_LIMIT = 20_000
"""Deltas that may wait for a snapshot; the oldest are forgotten beyond it, which a later snapshot then shows as too old."""


class State(enum.StrEnum):
    """What a book is good for now."""

    SYNCING = "syncing"
    LIVE = "live"
    BROKEN = "broken"


class Counters(msgspec.Struct):
    """What happened to a book. `missed` counts update ids by the venue's numbering; `stale_ns` is time known to be silent."""

    updates: int = 0
    snapshots: int = 0
    snapshots_too_old: int = 0
    repeated: int = 0
    forgotten: int = 0
    gaps: int = 0
    missed: int = 0
    resyncs: int = 0
    crossed: int = 0
    unknown_deletes: int = 0
    checksums_matched: int = 0
    checksums_failed: int = 0
    stale_ns: int = 0


class BookKeeper:
    """Keeps one book of one stream from its events; a pure function of them."""

    __slots__ = (
        "_chain",
        "_held",
        "_joined",
        "_standby",
        "_standby_picture",
        "_standby_source",
        "_waiting",
        "book",
        "broken_at",
        "channel",
        "counters",
        "integrity",
        "is_crossed",
        "last_recv",
        "last_time",
        "reason",
        "source",
        "stale_since",
        "state",
        "target",
    )

    def __init__(self, target: str, channel: str, integrity: Integrity) -> None:
        self.target = target
        self.channel = channel
        self.integrity = integrity
        self.book = Book()
        self.state = State.SYNCING
        self.reason = "no snapshot yet"
        self.counters = Counters()
        self.source: int | None = None
        """Connection whose deltas the book follows."""
        self.last_recv = 0
        self.last_time: int | None = None
        self.broken_at = 0
        self.stale_since: int | None = None
        self.is_crossed = False
        self._chain: int | None = None
        """Last update of the last delta of the source: every delta is judged against it, joined to a snapshot or not."""
        self._joined = False
        """Whether a delta has continued the snapshot that the book began with."""
        self._waiting: deque[BookDelta] = deque()
        self._held: BookSnapshot | None = None
        """A snapshot that came before any delta; the first delta decides whether it is of use."""
        self._standby: deque[BookDelta] = deque()
        self._standby_picture: BookSnapshot | None = None
        self._standby_source: int | None = None

    @property
    def wants_snapshot(self) -> bool:
        """Whether a REST snapshot would help now: there are deltas to join it with."""
        return self.state is not State.LIVE and self.integrity.snapshot == "rest" and bool(self._waiting)

    @property
    def is_live(self) -> bool:
        """Whether the book may be shown as the present."""
        return self.state is State.LIVE

    def proof(self) -> tuple[str, str]:
        """Return the grade (`checksum`, `sequence`, `unprovable`, `broken`) and the reason in words."""
        if self.state is State.BROKEN:
            return "broken", self.reason
        if self.state is State.SYNCING:
            return "unprovable", self.reason
        grade = self.integrity.proof
        if grade == "unprovable":
            return grade, self.integrity.unprovable
        return grade, self.reason

    def digest(self) -> str | None:
        """Return the digest of the book's state; None while there is no state to speak of."""
        return digest(self.book) if self.state is State.LIVE else None

    def take_delta(self, delta: BookDelta, connection: int) -> Sequence[Event]:
        """Apply a delta, or keep it waiting; return what became known by it: gaps, a resync."""
        if self.source != connection:
            if self.source is not None:
                return self._stand_by(delta, connection)
            self.source = connection
        rule, chain = self.integrity.sequence, self._chain
        if rule is not None and chain is not None:
            verdict = rule.follows(chain, delta)
            if verdict is Verdict.OLD:
                self.counters.repeated += 1
                return ()
            if verdict is Verdict.GAP:
                missed = rule.missed(chain, delta)
                gap = self.break_off("gap", delta.recv, missed, f"update {chain} is not followed by the next one")
                self._chain = delta.last
                self._waiting.append(delta)
                return (gap,)
        self._chain = delta.last
        self.last_recv = delta.recv
        if self.state is not State.LIVE:
            return self._wait(delta)
        if not self._joined and rule is not None and self.book.sequence is not None:
            verdict = rule.bridges(self.book.sequence, delta)
            if verdict is Verdict.OLD:
                return ()
            if verdict is Verdict.GAP:
                return (self.break_off("gap", delta.recv, None, f"snapshot {self.book.sequence} is not continued"),)
        self._joined = True
        return self._apply(delta)

    def take_snapshot(self, snapshot: BookSnapshot, connection: int) -> Sequence[Event]:
        """Take a whole picture: the book becomes it, or it is joined with the deltas that wait."""
        if self.integrity.snapshot != "rest":
            if self.source is not None and self.source != connection:
                self._begin_standby(connection)
                self._standby.clear()
                self._standby_picture = snapshot
                return ()
            self.source = connection
            self._chain = snapshot.sequence
            self.last_recv = snapshot.recv
            self.counters.updates += self.integrity.snapshot == "full"
            return self._become(snapshot)
        if self.state is State.LIVE:
            return ()
        waiting, rule = self._waiting, self.integrity.sequence
        if not waiting or rule is None or snapshot.sequence is None:
            self._held = snapshot
            return ()
        contained = 0
        for delta in waiting:
            verdict = rule.bridges(snapshot.sequence, delta)
            if verdict is Verdict.NEXT:
                break
            if verdict is Verdict.GAP:
                self.counters.snapshots_too_old += 1
                return ()
            contained += 1
        # What waits is an unbroken chain, checked when it began to wait: after the first, each delta continues the book.
        joining = list(waiting)[contained:]
        events = list(self._become(snapshot))
        for delta in joining:
            if not self.is_live:
                break
            self._joined = True
            events.extend(self._apply(delta))
        return events

    def leave(self, connection: int, recv: int, why: str, *, relieved_by: int | None = None) -> Sequence[Event]:
        """Note that a connection is gone. The book goes on with a newcomer's messages if they join, and breaks otherwise.

        `relieved_by` names a newcomer that had subscribed before: if it has said nothing yet, its first delta will show whether
        anything is missing.
        """
        if connection == self._standby_source:
            self._begin_standby(0)
            self._standby_source = None
            return ()
        if connection != self.source:
            return ()
        newcomer, standby, picture = self._standby_source, list(self._standby), self._standby_picture
        self._begin_standby(0)
        self._standby_source = None
        self.source = newcomer if newcomer is not None else relieved_by
        if self.source is None or not (self.is_live and self._can_join(standby, picture, newcomer is None)):
            events: list[Event] = [self.break_off("disconnect", recv, None, why)]
        else:
            events = []
            self._chain, self._joined = None, False
        if newcomer is not None:
            if picture is not None:
                events.extend(self.take_snapshot(picture, newcomer))
            for delta in standby:
                events.extend(self.take_delta(delta, newcomer))
        return events

    def _can_join(self, standby: Sequence[BookDelta], picture: BookSnapshot | None, silent: bool) -> bool:
        """Whether what a newcomer has said so far continues the book, or may still."""
        if picture is not None or silent:
            return True
        rule, sequence = self.integrity.sequence, self.book.sequence
        if rule is None or sequence is None:
            return False
        verdicts = (rule.bridges(sequence, delta) for delta in standby)
        return next((verdict for verdict in verdicts if verdict is not Verdict.OLD), Verdict.NEXT) is Verdict.NEXT

    def break_off(self, kind: str, recv: int, missed: int | None, reason: str) -> Gap:
        """Turn the book broken: it is emptied, and what follows waits for a snapshot."""
        since = self.last_recv or recv
        if self.state is not State.BROKEN:
            self.broken_at = recv
        self.state = State.BROKEN
        self.reason = f"{kind}: {reason}"
        self.counters.gaps += 1
        self.counters.missed += missed or 0
        self.book.clear()
        self.is_crossed = False
        self._waiting.clear()
        self._held = None
        self._chain = None
        return Gap(self.target, recv, None, kind, since, missed, reason)

    def _apply(self, delta: BookDelta) -> Sequence[Event]:
        book, counters = self.book, self.counters
        try:
            unknown = book.update(delta.bids, delta.asks)
        except BadFrame as error:
            return (self.break_off("bad-frame", delta.recv, None, str(error)),)
        book.sequence = delta.last
        counters.updates += 1
        self.last_time = delta.time
        if unknown:
            counters.unknown_deletes += unknown
            if self.integrity.unknown_delete_is_loss:
                return (self.break_off("gap", delta.recv, None, "an unknown level was deleted"),)
        if self.integrity.depth is not None:
            book.bids.truncate(self.integrity.depth)
            book.asks.truncate(self.integrity.depth)
        if book.crossed():
            if not self.is_crossed:
                self.is_crossed = True
                counters.crossed += 1
        else:
            self.is_crossed = False
        return self._check(delta.checksum, delta.recv)

    def _check(self, expected: int | None, recv: int) -> Sequence[Event]:
        checksum = self.integrity.checksum
        if checksum is None or expected is None:
            return ()
        found = checksum.of(list(self.book.bids.top(checksum.covers)), list(self.book.asks.top(checksum.covers)))
        if found == expected:
            self.counters.checksums_matched += 1
            return ()
        self.counters.checksums_failed += 1
        return (self.break_off("checksum", recv, None, f"the venue says {expected}, the book gives {found}"),)

    def _wait(self, delta: BookDelta) -> Sequence[Event]:
        held, rule = self._held, self.integrity.sequence
        if held is not None and rule is not None and held.sequence is not None:
            verdict = rule.bridges(held.sequence, delta)
            if verdict is Verdict.OLD:
                return ()
            self._held = None
            if verdict is Verdict.NEXT:
                events = self._become(held)
                if not self.is_live:
                    return events
                self._joined = True
                return [*events, *self._apply(delta)]
            self.counters.snapshots_too_old += 1
        if len(self._waiting) >= WAITING_LIMIT:
            self._waiting.popleft()
            self.counters.forgotten += 1
        self._waiting.append(delta)
        return ()

    def _stand_by(self, delta: BookDelta, connection: int) -> Sequence[Event]:
        self._begin_standby(connection)
        if len(self._standby) >= WAITING_LIMIT:
            self._standby.popleft()
        self._standby.append(delta)
        return ()

    def _begin_standby(self, connection: int) -> None:
        if self._standby_source != connection:
            self._standby.clear()
            self._standby_picture = None
            self._standby_source = connection

    def _become(self, snapshot: BookSnapshot) -> Sequence[Event]:
        was_broken = self.state is State.BROKEN
        try:
            self.book.replace(snapshot.bids, snapshot.asks, snapshot.sequence)
        except BadFrame as error:
            return (self.break_off("bad-frame", snapshot.recv, None, str(error)),)
        self._joined = False
        self.state = State.LIVE
        self.reason = f"an unbroken chain since snapshot {snapshot.sequence}"
        self.counters.snapshots += 1
        self.last_time = snapshot.time
        self._waiting.clear()
        self._held = None
        if self.book.crossed() and not self.is_crossed:
            self.is_crossed = True
            self.counters.crossed += 1
        broken = self._check(snapshot.checksum, snapshot.recv)
        if broken or not was_broken:
            return broken
        self.counters.resyncs += 1
        return (Resync(self.target, snapshot.recv, None, self.broken_at, snapshot.sequence),)

    def save(self) -> dict[str, Any]:
        """Return all state as JSON values, for a keyframe."""
        return {
            "channel": self.channel,
            "state": self.state.value,
            "reason": self.reason,
            "source": self.source,
            "last_recv": self.last_recv,
            "last_time": self.last_time,
            "broken_at": self.broken_at,
            "stale_since": self.stale_since,
            "is_crossed": self.is_crossed,
            "counters": msgspec.to_builtins(self.counters),
            "chain": self._chain,
            "joined": self._joined,
            "sequence": self.book.sequence,
            "bids": list(self.book.bids.top()),
            "asks": list(self.book.asks.top()),
            "held": msgspec.to_builtins(self._held),
            "waiting": msgspec.to_builtins(list(self._waiting)),
            "standby_source": self._standby_source,
            "standby_picture": msgspec.to_builtins(self._standby_picture),
            "standby": msgspec.to_builtins(list(self._standby)),
        }

    @classmethod
    def load(cls, target: str, saved: dict[str, Any], integrity: Integrity) -> "BookKeeper":
        """Return a keeper in the state that `save` returned."""
        keeper = cls(target, saved["channel"], integrity)
        keeper.state = State(saved["state"])
        keeper.reason = saved["reason"]
        keeper.source = saved["source"]
        keeper.last_recv = saved["last_recv"]
        keeper.last_time = saved["last_time"]
        keeper.broken_at = saved["broken_at"]
        keeper.stale_since = saved["stale_since"]
        keeper.is_crossed = saved["is_crossed"]
        keeper.counters = msgspec.convert(saved["counters"], Counters)
        keeper.book.replace(saved["bids"], saved["asks"], saved["sequence"])
        keeper._chain = saved["chain"]
        keeper._joined = saved["joined"]
        keeper._held = msgspec.convert(saved["held"], BookSnapshot | None)
        keeper._waiting.extend(msgspec.convert(saved["waiting"], list[BookDelta]))
        keeper._standby_source = saved["standby_source"]
        keeper._standby_picture = msgspec.convert(saved["standby_picture"], BookSnapshot | None)
        keeper._standby.extend(msgspec.convert(saved["standby"], list[BookDelta]))
        return keeper
