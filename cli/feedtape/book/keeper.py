"""The keeper of one book: it joins snapshot and deltas, applies the stream's sequence rule, and says how far the book is proven.

    SYNCING ──snapshot joined──> LIVE ──evidence of loss──> BROKEN ──snapshot joined──> LIVE

A book that is not LIVE is empty: nobody can mistake an old state for the present. Deltas that arrive meanwhile wait in an
unbroken chain for a snapshot; a hole in the chain throws away what came before it.

Where several connections carry the stream (lanes, or a newcomer beside the connection that it relieves) and the venue's
numbers are the same on each (`Integrity.merges`), there is one chain: whoever continues it first is applied, and what lies
beyond a hole is kept aside until another connection fills it or none is left that may. Such a book stays live meanwhile, as
of its last update: it is behind, not wrong. Where nothing tells what of one connection is what of another, each further
connection has a keeper of its own, and takes over when the first one fails.
"""

import enum
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from feedtape.book.digest import digest
from feedtape.book.ladder import Book
from feedtape.book.lanes import Merge, Repeated, Tally, Uncounted
from feedtape.book.orders import Orders, as_orders
from feedtape.book.rules import Checksum, Integrity, Verdict, start_of
from feedtape.errors import BadFrame
from feedtape.model.events import BookChecksum, BookDelta, BookSnapshot, Event, Gap, Levels, Resync

MOST: Final = 2**63 - 1
"""Where counters end: ids that jump to and fro would else make a number that no keyframe can hold."""
WAITING_LEVELS = 1_000_000
"""Levels that may wait, in all deltas together."""
WAITING_LIMIT = 20_000
"""Deltas that may wait for a snapshot; the oldest are forgotten beyond it, which a later snapshot then shows as too old."""


def _weight(delta: BookDelta) -> int:
    return len(delta.bids) + len(delta.asks) + len(delta.orders or ())


class State(enum.StrEnum):
    """What a book is good for now."""

    SYNCING = "syncing"
    LIVE = "live"
    BROKEN = "broken"


class Counters(msgspec.Struct):
    """What happened to a book.

    `missed` counts update ids by the venue's numbering. `dropped` counts frames that were dropped here of connections that carry
    it: nobody knows whose each of them was. `stale_ns` is time known to be silent.
    """

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
    dropped: int = 0


class BookKeeper:
    """Keeps one book of one stream from its events; a pure function of them."""

    __slots__ = (
        "_chain",
        "_checked",
        "_held",
        "_joined",
        "_merge",
        "_orders",
        "_passed",
        "_standbys",
        "_tally",
        "_waiting",
        "_waiting_levels",
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

    def __init__(self, target: str, channel: str, integrity: Integrity, tally: Tally | None = None) -> None:
        """Begin without state; `tally` counts which connection was first where several carry the stream."""
        self.target = target
        self.channel = channel
        self.integrity = integrity
        self.book = Book()
        self.state = State.SYNCING
        self.reason = "no snapshot yet"
        self.counters = Counters()
        self.source: int | None = None
        """Connection that the book follows; None where there is none, or where several are merged."""
        self.last_recv = 0
        self.last_time: int | None = None
        self.broken_at = 0
        self.stale_since: int | None = None
        self.is_crossed = False
        self._chain: int | None = None
        """Last update of the last delta of the source: every delta is judged against it, joined to a snapshot or not."""
        self._joined = False
        """Whether a delta has continued the snapshot that the book began with; never of a book that is not live."""
        self._checked = False
        """Whether a checksum of the venue's has matched since the snapshot."""
        self._orders: Orders | None = Orders() if integrity.by_order else None
        self._passed = False
        """Whether the stream ought to have begun with a snapshot, which has not come: deltas went by, or the book is of a
        connection that this one relieved."""
        self._waiting: deque[BookDelta] = deque()
        self._waiting_levels = 0
        self._held: BookSnapshot | None = None
        """A snapshot that came before any delta; the first delta decides whether it is of use."""
        self._merge: Merge[BookDelta] | None = None
        """There while several connections are merged."""
        self._standbys: dict[int, BookKeeper] = {}
        """Keepers of the other connections, where they cannot be merged."""
        self._tally = tally or Uncounted()

    def follow(self, channel: str, integrity: Integrity) -> None:
        """Take the stream of the book, where it was not known when the book began."""
        self.channel, self.integrity = channel, integrity
        self._orders = Orders() if integrity.by_order else None

    @property
    def wants_snapshot(self) -> bool:
        """Whether a REST snapshot would help now: there are deltas to join it with."""
        return self.state is not State.LIVE and self.integrity.snapshot == "rest" and bool(self._waiting)

    @property
    def wants_stream(self) -> list[int]:
        """The connections whose stream must begin anew, with a snapshot, for this book to be whole there."""
        if self.integrity.snapshot != "stream":
            return []
        wanting = [number for number, keeper in self._standbys.items() if keeper.wants_stream]
        if self.source is not None and (self.state is State.BROKEN or self._passed):
            wanting.append(self.source)
        return wanting

    def snapshots_on(self, connection: int) -> int:
        """How many snapshots a connection has brought, as far as it is or stands by for this book."""
        keeper = self if self.source == connection else self._standbys.get(connection)
        return 0 if keeper is None else keeper.counters.snapshots

    @property
    def weight(self) -> int:
        """How much the book holds, in levels and orders: what waits, and what stands by, included."""
        orders = 0 if self._orders is None else len(self._orders)
        beside = sum(keeper.weight for keeper in self._standbys.values())
        return len(self.book.bids) + len(self.book.asks) + orders + self._waiting_levels + beside

    @property
    def is_live(self) -> bool:
        """Whether the book may be shown as the present."""
        return self.state is State.LIVE

    @property
    def carriers(self) -> tuple[int, ...]:
        """The connections that the book lives on."""
        if self._merge is not None:
            return tuple(self._merge.lanes)
        return () if self.source is None else (self.source,)

    def proof(self) -> tuple[str, str]:
        """Return the grade (`checksum`, `sequence`, `unprovable`, `broken`) and the reason in words."""
        if self.state is State.BROKEN:
            return "broken", self.reason
        if self.state is State.SYNCING:
            return "unprovable", self.reason
        integrity = self.integrity
        if integrity.checksum is not None and self._checked:
            what = "orders" if integrity.checksum.of_orders else "levels"
            covers = f"the venue's checksum covers the best {integrity.checksum.covers} {what}"
            chained = integrity.sequence is not None or integrity.counted
            return "checksum", f"{covers}; {self.reason}" if chained else covers
        if integrity.unprovable:
            return "unprovable", integrity.unprovable
        if integrity.sequence is None and not integrity.counted:
            return "unprovable", "no checksum has come since the snapshot"
        if self.book.sequence is None and not integrity.counted:
            return "unprovable", "the messages carry no numbers"
        return "sequence", self.reason

    def digest(self) -> str | None:
        """Return the digest of the book's state; None while there is no state to speak of."""
        return digest(self.book) if self.state is State.LIVE else None

    def take_delta(self, delta: BookDelta, connection: int) -> Sequence[Event] | None:
        """Apply a delta, or keep it waiting; return what became known by it: gaps, a resync.

        None tells that it only repeats what another connection had brought; so does `Repeated`, with what became known.
        """
        if self.source != connection:
            return self._take_beside(delta, connection)
        rule, chain = self.integrity.sequence, self._chain
        if rule is not None and chain is not None:
            verdict = rule.follows(chain, delta)
            if verdict is Verdict.OLD:
                self.counters.repeated += 1
                return ()
            if verdict is Verdict.GAP:
                return self._or_relieved((self._break_at(delta, delta.recv),), delta.recv)
        if self._joined:
            self._chain = delta.last
            self.last_recv = delta.recv
            known = self._apply(delta)
        else:
            known = self._follow(delta)
        return self._or_relieved(known, delta.recv) if known else known

    def _follow(self, delta: BookDelta) -> Sequence[Event]:
        """Take a delta that continues the chain."""
        rule = self.integrity.sequence
        if self._passed and self.is_live:
            # The book is of a connection that is gone, and what was said on this one before may be missing.
            return (self.break_off("disconnect", delta.recv, None, "the connection in its place begins without a snapshot"),)
        if self.state is not State.LIVE and self.integrity.snapshot != "rest":
            # Only the stream's next snapshot helps, and it holds all that was said before it.
            self._passed = True
            return ()
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

    def _break_at(self, delta: BookDelta, recv: int, kind: str = "gap", why: str = "") -> Gap:
        """Give up what lies between the chain and a delta: the delta begins another chain."""
        rule, chain = self.integrity.sequence, self._chain
        missed = None if rule is None or chain is None else rule.missed(chain, delta)
        gap = self.break_off(kind, recv, missed, why or f"update {chain} is not followed by the next one")
        if self.integrity.snapshot == "rest":
            self._chain = delta.last
            self._wait(delta)
        return gap

    def take_snapshot(self, snapshot: BookSnapshot, connection: int) -> Sequence[Event] | None:
        """Take a whole picture: the book becomes it, or it is joined with the deltas that wait.

        None tells that it is of a connection that only stands by.
        """
        if self.integrity.snapshot != "rest":
            if self.source is not None and self.source != connection:
                self._standby(connection).take_snapshot(snapshot, connection)
                # A broken book need not wait until its own connection begins anew.
                return self._or_relieved((), snapshot.recv) or None
            if self.source is None:
                self.end_stale(snapshot.recv)
            self.source = connection
            self._chain = snapshot.sequence
            self.last_recv = snapshot.recv
            self.counters.updates += self.integrity.snapshot == "full"
            return self._or_relieved(self._become(snapshot), snapshot.recv)
        if snapshot.channel and self._merge is None:
            # A stream that is joined with REST snapshots, and sends one of its own all the same, begins anew with it.
            self.source, self._chain, self.last_recv = connection, snapshot.sequence, snapshot.recv
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
        if rule.needs_overlap and not contained:
            self.counters.snapshots_too_old += 1
            return ()
        # What waits is an unbroken chain, checked when it began to wait: after the first, each delta continues the book.
        joining = list(waiting)[contained:]
        events = list(self._become(snapshot))
        for delta in joining:
            if not self.is_live:
                break
            self._joined = True
            events.extend(self._apply(delta))
        return [*events, *self._catch_up(snapshot.recv)]

    def take_checksum(self, event: BookChecksum, connection: int) -> Sequence[Event] | None:
        """Compare the book with a checksum that came by itself. None tells that it is of a connection that only stands by."""
        if self.source != connection:
            keeper = self._standbys.get(connection)
            if keeper is not None:
                keeper.take_checksum(event, connection)
            return None
        if not self.is_live:
            return ()
        known = self._check(event.checksum, event.recv)
        return self._or_relieved(known, event.recv) if known else known

    def leave(self, connection: int, recv: int, why: str, *, relieved_by: int | None = None) -> Sequence[Event]:
        """Note that a connection is gone. The book goes on with what others bring if that joins, and breaks otherwise.

        `relieved_by` names a newcomer that had subscribed before: if it has said nothing yet, what it says first will show
        whether anything is missing.
        """
        if connection not in self.carriers:
            self._standbys.pop(connection, None)
            return ()
        if self.integrity.merges:
            return self._leave_merge(connection, recv, why, relieved_by)
        return self._leave_to_standby(recv, why, relieved_by)

    def end(self, connection: int, recv: int) -> Sequence[Event]:
        """Note that the recording ends on a connection. A hole that nobody can fill now is told, and the book stays as it was."""
        merge, rule, chain = self._merge, self.integrity.sequence, self._chain
        if merge is None or merge.lanes.pop(connection, None) is None or merge.lanes or not merge.aside:
            return ()
        missed = None if rule is None or chain is None else rule.missed(chain, merge.aside[0].item)
        self.counters.gaps += 1
        self.counters.missed = min(self.counters.missed + (missed or 0), MOST)
        why = f"the recording ends before what follows update {chain} came"
        return (Gap(self.target, recv, None, "gap", self.last_recv, missed, why),)

    def lose(self, connections: Sequence[int] | None, kind: str, recv: int, why: str) -> Sequence[Event]:
        """Note that something is missing on connections (None: on any), nobody knows what: break what may have lost by it."""
        for number in [*self._standbys] if connections is None else connections:
            keeper = self._standbys.get(number)
            if keeper is not None:
                keeper.break_off(kind, recv, None, why)
        if connections is not None and not (self.carriers and all(one in connections for one in self.carriers)):
            return ()
        return self._or_relieved((self.break_off(kind, recv, None, why),), recv)

    def outlive(self, connection: int, recv: int, why: str) -> Sequence[Event]:
        """Note that the recording of a connection ends where others go on: nothing is lost by that.

        A book that nobody else carries stays as it is, stale, until a newcomer continues it.
        """
        is_alone = self.carriers == (connection,) and not self._standbys
        if not is_alone or (self._merge is not None and self._merge.aside):
            return self.leave(connection, recv, why)
        self._merge, self.source = None, None
        if self.integrity.snapshot == "stream":
            self._joined, self._passed = False, self.is_live
        if self.is_live and self.stale_since is None:
            self.stale_since = recv
        return ()

    def end_stale(self, recv: int) -> None:
        """Note that somebody who carries the book is heard again."""
        if self.stale_since is not None:
            self.counters.stale_ns = min(self.counters.stale_ns + recv - self.stale_since, MOST)
            self.stale_since = None

    # -- several connections with the same numbers

    def _take_beside(self, delta: BookDelta, connection: int) -> Sequence[Event] | None:
        """Take a delta of another connection than the one that the book follows."""
        if self._merge is None:
            if self.source is None:
                self.source = connection
                self.end_stale(delta.recv)
                return self.take_delta(delta, connection)
            if not self.integrity.merges:
                self._standby(connection).take_delta(delta, connection)
                return None
            self._begin_merge(self.source, self._chain, delta.recv)
        assert self._merge is not None
        return self._take_merged(self._merge, delta, connection)

    def _begin_merge(self, connection: int, reached: int | None, recv: int) -> Merge[BookDelta]:
        self._merge = merge = Merge[BookDelta](self._tally)
        merge.join(connection, reached, recv)
        self.source = None
        return merge

    def _judge(self, delta: BookDelta) -> Verdict:
        """Judge a delta of any connection: they may cut the same updates into different messages, and sizes are absolute."""
        rule, chain = self.integrity.sequence, self._chain
        if rule is None or chain is None:
            return Verdict.NEXT
        verdict = rule.follows(chain, delta)
        if verdict is Verdict.GAP and delta.last is not None and delta.last > chain:
            return rule.bridges(chain, delta)
        return verdict

    def _take_merged(self, merge: Merge[BookDelta], delta: BookDelta, connection: int) -> Sequence[Event] | None:
        verdict, start, last, recv = self._judge(delta), start_of(delta), delta.last, delta.recv
        known: Sequence[Event] = ()
        is_new = True
        # Whatever connection had fallen silent, this one has not.
        self.end_stale(recv)
        if start is None or last is None or self._counts_anew(verdict, last, connection, recv):
            # Without numbers it can neither be placed nor waited for, and where the venue began to count anew nor can the rest.
            known = (self._break_at(delta, recv),)
            self._begin_merge(connection, last, recv)
            self._settle()
            return known
        if verdict is Verdict.OLD or (self._chain is not None and last <= self._chain):
            self.counters.repeated += 1
            is_new = not merge.repeats(connection, last, recv)
        elif verdict is Verdict.NEXT:
            merge.continued(connection, last, recv)
            known = self._follow(delta)
        else:
            is_new = merge.keep(connection, start, last, recv, delta, _weight(delta))
        merge.reach(connection, start, last, recv)
        if merge.aside:
            known = [*known, *self._mend(recv)]
        self._settle()
        return known if is_new else Repeated(known) if known else None

    def _counts_anew(self, verdict: Verdict, last: int, connection: int, recv: int) -> bool:
        if verdict is not Verdict.GAP or self._chain is None or last > self._chain or self._merge is None:
            return False
        return not self._merge.repeats(connection, last, recv)

    def _mend(self, recv: int, kind: str = "gap", why: str = "") -> Sequence[Event]:
        """Take what is kept aside as far as it continues the chain, or as nobody is left who may fill the hole before it."""
        merge, done = self._merge, 0
        known: list[Event] = []
        while merge is not None and done < len(merge.aside):
            kept = merge.aside[done]
            verdict = self._judge(kept.item)
            if verdict is Verdict.NEXT:
                merge.continued(kept.connection, kept.last, kept.recv)
                known.extend(self._follow(kept.item))
                self.last_recv = recv
            elif verdict is Verdict.GAP:
                if self._chain is not None and not merge.is_lost(self._chain, recv):
                    break
                known.append(self._break_at(kept.item, recv, kind, why))
                merge.continued(kept.connection, kept.last, kept.recv)
            done += 1
        if merge is not None:
            merge.done(done)
        return known or ()

    def _settle(self) -> None:
        """Follow one connection alone again, once it is the only one and has caught up."""
        sole = None if self._merge is None else self._merge.sole(self._chain)
        if sole is not None:
            self.source, self._merge = sole, None

    def _catch_up(self, recv: int) -> Sequence[Event]:
        """Let the chain begin where a snapshot ends that is ahead of it: it holds whatever a hole before it swallowed."""
        if self._merge is None or not self.is_live or self.book.sequence is None:
            return ()
        self._chain = max(self._chain or 0, self.book.sequence)
        known = self._mend(recv)
        self._settle()
        return known

    def _leave_merge(self, connection: int, recv: int, why: str, relieved_by: int | None) -> Sequence[Event]:
        merge = self._merge or self._begin_merge(connection, self._chain, recv)
        del merge.lanes[connection]
        if relieved_by is not None:
            merge.join(relieved_by, None, recv)
        if not merge.lanes:
            self._merge = None
            return (self.break_off("disconnect", recv, None, why),)
        if self.is_live and not self._joined and self.book.sequence is not None:
            self._chain = max(self._chain or 0, self.book.sequence)
        known = self._mend(recv, "disconnect", why)
        self._settle()
        return known

    # -- several connections that nothing links

    def _standby(self, connection: int) -> "BookKeeper":
        keeper = self._standbys.get(connection)
        if keeper is None:
            keeper = self._standbys[connection] = BookKeeper(self.target, self.channel, self.integrity)
        return keeper

    def let_stand_by(self, keeper: "BookKeeper") -> None:
        """Let another recording's keeper of this book stand by, with those that stand by for it.

        Only one that lives on a connection of its own and cannot be merged is of help.
        """
        found, keeper._standbys = [(keeper.source, keeper), *keeper._standbys.items()], {}
        for connection, one in found:
            if connection is not None and connection not in self.carriers and one.is_live and not self.integrity.merges:
                self._standbys.setdefault(connection, one)

    def _or_relieved(self, known: Sequence[Event], recv: int) -> Sequence[Event]:
        """Go on with another connection's book if this one is broken and there is a whole one."""
        if not self._standbys or self.state is not State.BROKEN or self.source is None:
            return known
        broken, relief = self.source, self._whole_standby()
        if relief is None:
            return known
        events = self._adopt(relief, recv)
        # Its messages go on, and so it may stand by once it has a whole picture again: one more than it has brought so far.
        self._standby(broken).counters.snapshots = self.counters.snapshots
        return [*known, *events]

    def _whole_standby(self) -> int | None:
        return next((connection for connection, keeper in self._standbys.items() if keeper.is_live), None)

    def _leave_to_standby(self, recv: int, why: str, relieved_by: int | None) -> Sequence[Event]:
        relief = self._whole_standby()
        if relief is not None:
            return self._adopt(relief, recv)
        known: Sequence[Event] = ()
        # A book that is broken already loses nothing more.
        if self.state is not State.BROKEN and (relieved_by is None or self._standbys or not self.is_live):
            known = (self.break_off("disconnect", recv, None, why),)
        self._chain, self._joined = None, False
        self._passed = self.is_live and self.integrity.snapshot == "stream"
        # What waits is of the connection that is gone: nothing links it to what another one will say.
        self._waiting.clear()
        self._waiting_levels = 0
        self.source = next(iter(self._standbys), relieved_by)
        self._standbys.pop(self.source or 0, None)
        return known

    def _adopt(self, connection: int, recv: int) -> Sequence[Event]:
        """Take over the book of a connection that stood by."""
        other, was_broken = self._standbys.pop(connection), self.state is State.BROKEN
        self.source, self.book, self.state, self.reason = connection, other.book, other.state, other.reason
        self._chain, self._joined, self._checked = other._chain, other._joined, other._checked
        self._orders, self._passed = other._orders, other._passed
        self.last_recv, self.last_time = other.last_recv, other.last_time
        self.counters.crossed += other.is_crossed and not self.is_crossed
        self.is_crossed = other.is_crossed
        if not was_broken:
            return ()
        self.counters.resyncs += 1
        return (Resync(self.target, recv, None, self.broken_at, self.book.sequence),)

    def break_off(self, kind: str, recv: int, missed: int | None, reason: str) -> Gap:
        """Turn the book broken: it is emptied, and what follows waits for a snapshot."""
        since = self.last_recv or recv
        if self.state is not State.BROKEN:
            self.broken_at = recv
        self.state = State.BROKEN
        self.reason = f"{kind}: {reason}"
        self.counters.gaps += 1
        self.counters.missed = min(self.counters.missed + (missed or 0), MOST)
        self.book.clear()
        if self._orders is not None:
            self._orders.clear()
        self.is_crossed = False
        self._waiting.clear()
        self._waiting_levels = 0
        self._held = None
        self._chain, self._joined = None, False
        if self._merge is not None:
            self._merge.forget()
        return Gap(self.target, recv, None, kind, since, missed, reason)

    def _apply(self, delta: BookDelta) -> Sequence[Event]:
        book, counters = self.book, self.counters
        try:
            if delta.orders is None or self._orders is None:
                unknown = book.update(delta.bids, delta.asks)
            else:
                bids, asks, unknown = self._orders.update(delta.orders)
                book.update(bids, asks)
        except BadFrame as error:
            return (self.break_off("bad-frame", delta.recv, None, str(error)),)
        book.sequence = delta.last
        counters.updates += 1
        self.last_time = delta.time
        if unknown:
            counters.unknown_deletes += unknown
            if self.integrity.unknown_delete_is_loss:
                what = "level was deleted" if delta.orders is None else "order was changed or deleted"
                return (self.break_off("gap", delta.recv, None, f"an unknown {what}"),)
        if self.integrity.depth is not None:
            book.truncate(self.integrity.depth)
        self._look_whether_crossed()
        return self._check(delta.checksum, delta.recv)

    def _look_whether_crossed(self) -> None:
        was_crossed, self.is_crossed = self.is_crossed, self.book.crossed()
        self.counters.crossed += self.is_crossed and not was_crossed

    def _check(self, expected: int | None, recv: int) -> Sequence[Event]:
        checksum = self.integrity.checksum
        if checksum is None or expected is None:
            return ()
        found = checksum.of(*self._covered(checksum))
        if found == expected:
            self.counters.checksums_matched += 1
            self._checked = True
            return ()
        self.counters.checksums_failed += 1
        return (self.break_off("checksum", recv, None, f"the venue says {expected}, the book gives {found}"),)

    def _covered(self, checksum: Checksum) -> tuple[Levels, Levels]:
        book, covers, orders = self.book, checksum.covers, self._orders
        if checksum.of_orders and orders is not None:
            return orders.best("bid", book.bids, covers), orders.best("ask", book.asks, covers)
        return list(book.bids.top(covers)), list(book.asks.top(covers))

    def _wait(self, delta: BookDelta) -> Sequence[Event]:
        held, rule = self._held, self.integrity.sequence
        if rule is not None and not self._waiting and not rule.begins(delta):
            # No snapshot would ever reach it; the one that follows begins the chain.
            self._chain = None
            return ()
        if held is not None and rule is not None and held.sequence is not None:
            verdict = rule.bridges(held.sequence, delta)
            if verdict is Verdict.OLD:
                # It holds what came first, and so nothing is missing between it and what comes next.
                return self._become(held) if rule.needs_overlap else ()
            self._held = None
            if verdict is Verdict.NEXT and not rule.needs_overlap:
                events = self._become(held)
                if not self.is_live:
                    return events
                self._joined = True
                return [*events, *self._apply(delta)]
            self.counters.snapshots_too_old += 1
        self._waiting_levels += _weight(delta)
        while self._waiting and (len(self._waiting) >= WAITING_LIMIT or self._waiting_levels > WAITING_LEVELS):
            self._waiting_levels -= _weight(self._waiting.popleft())
            self.counters.forgotten += 1
        self._waiting.append(delta)
        return ()

    def _become(self, snapshot: BookSnapshot) -> Sequence[Event]:
        was_broken = self.state is State.BROKEN
        bids, asks = snapshot.bids, snapshot.asks
        try:
            if snapshot.orders is not None and self._orders is not None:
                bids, asks = self._orders.replace(snapshot.orders)
            self.book.replace(bids, asks, snapshot.sequence)
        except BadFrame as error:
            return (self.break_off("bad-frame", snapshot.recv, None, str(error)),)
        if self.integrity.depth is not None:
            self.book.truncate(self.integrity.depth)
        self._joined = self._checked = self._passed = False
        self.state = State.LIVE
        self.reason = self.integrity.since(snapshot.sequence)
        self.counters.snapshots += 1
        self.last_time = snapshot.time
        self._waiting.clear()
        self._waiting_levels = 0
        self._held = None
        self._look_whether_crossed()
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
            "checked": self._checked,
            "passed": self._passed,
            "orders": None if self._orders is None else self._orders.save(),
            "sequence": self.book.sequence,
            "bids": list(self.book.bids.top()),
            "asks": list(self.book.asks.top()),
            "held": msgspec.to_builtins(self._held),
            "waiting": msgspec.to_builtins(list(self._waiting)),
            "merge": None if self._merge is None else self._merge.save(),
            "standbys": {str(connection): keeper.save() for connection, keeper in self._standbys.items()},
        }

    @classmethod
    def load(cls, target: str, saved: dict[str, Any], integrity: Integrity, tally: Tally | None = None) -> "BookKeeper":
        """Return a keeper in the state that `save` returned."""
        keeper = cls(target, saved["channel"], integrity, tally)
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
        keeper._joined = saved["joined"] and keeper.is_live
        keeper._checked = saved.get("checked", False)
        keeper._passed = saved.get("passed", False)
        if keeper._orders is not None:
            keeper._orders.replace(as_orders(saved.get("orders") or ()))
        keeper._held = msgspec.convert(saved["held"], BookSnapshot | None)
        keeper._waiting.extend(msgspec.convert(saved["waiting"], list[BookDelta]))
        keeper._waiting_levels = sum(map(_weight, keeper._waiting))
        if saved.get("merge") is not None:
            keeper._merge = Merge.load(saved["merge"], keeper._tally, lambda delta: msgspec.convert(delta, BookDelta))
        for connection, one in saved.get("standbys", {}).items():
            keeper._standbys[int(connection)] = cls.load(target, one, integrity)
        if saved.get("standby_source") is not None:
            keeper._load_standby(saved)
        return keeper

    def _load_standby(self, saved: dict[str, Any]) -> None:
        """Take over what version 0.1 let a newcomer's messages wait for: that the old connection goes."""
        connection, picture = saved["standby_source"], msgspec.convert(saved["standby_picture"], BookSnapshot | None)
        deltas = msgspec.convert(saved["standby"], list[BookDelta])
        if not self.integrity.merges:
            if picture is not None:
                self._standby(connection).take_snapshot(picture, connection)
            for delta in deltas:
                self._standby(connection).take_delta(delta, connection)
        elif self.source is not None:
            merge = self._begin_merge(self.source, self._chain, self.last_recv)
            for delta in deltas:
                start = start_of(delta)
                if start is not None and delta.last is not None:
                    merge.keep(connection, start, delta.last, delta.recv, delta, _weight(delta))
                    merge.reach(connection, start, delta.last, delta.recv)
