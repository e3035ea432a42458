"""The one path: records in, events and books out.

A `Session` is all that the records of a recording have built: connections, books, proofs, counters, losses. Live and replay
feed it the same records and get the same state; it reads no clock, no file and no socket. What it wants from the network
(snapshots) it only says; a replay does not ask.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import orjson

from feedtape.book.keeper import BookKeeper, State
from feedtape.errors import BadFrame, FeedtapeError, TapeError, UsageError
from feedtape.model.events import (
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Gap,
    Quote,
    Refused,
    Resync,
    SpentTradeId,
    Status,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.records import (
    BODY,
    CLOSE,
    DIGEST,
    DROP,
    ERROR,
    HEADER,
    OPEN,
    RECV,
    RECV_BINARY,
    REQUEST,
    RESPONSE,
    STALL,
    Record,
)
from feedtape.session.flows import Flows
from feedtape.session.losses import Loss, Losses
from feedtape.venues.contract import Venue, path_of


class Totals(msgspec.Struct):
    """Counters of the whole session. `frames` are WebSocket messages received and HTTP bodies; `bytes` theirs."""

    frames: int = 0
    bytes: int = 0
    connections: int = 0
    bad_frames: int = 0
    refused: int = 0
    dropped: int = 0
    stalls: int = 0
    losses: int = 0
    http_errors: int = 0
    digests_matched: int = 0
    digests_failed: int = 0


class _Exchange(msgspec.Struct):
    """An HTTP exchange under way."""

    venue: str
    url: str
    status: int = 0


_UNOPENED = "a frame on a connection that was never opened"

Resolve = Callable[[str], Venue]


class Session:
    """Rebuilds everything from records, fed in order."""

    def __init__(self, resolve: Resolve) -> None:
        """Begin with nothing; `resolve` finds a venue by its name."""
        self._resolve = resolve
        self._venues: dict[int, Venue] = {}
        self._names: dict[int, str] = {}
        self._exchanges: dict[int, _Exchange] = {}
        self._stalled: dict[int, int] = {}
        self.books: dict[str, BookKeeper] = {}
        """Every book by its target, in the order in which they appeared."""
        self._flows = Flows(self._know)
        self.flows = self._flows.by_target
        self.instruments: dict[str, Instrument] = {}
        """Facts of every target that has a book or a flow, from the instrument lists that went by."""
        self._lists: dict[str, dict[str, Instrument]] = {}
        self.totals = Totals()
        self.unread: dict[str, int] = {}
        self._losses = Losses()
        self.wanting: dict[str, BookKeeper] = {}
        """Books that a snapshot would help, by target; the live feed takes them out as it asks."""
        self.first: int | None = None
        self.last = 0
        self._of_event: dict[type[Event], Callable[[Any, int], Sequence[Event]]] = {
            BookDelta: self._delta,
            BookSnapshot: self._snapshot,
            Trade: self._flows.trade,
            SpentTradeId: self._flows.spent,
            Quote: self._flows.quote,
            Derivative: self._flows.derivative,
            Refused: self._refused,
            Unread: self._unread,
        }
        self._of_kind: dict[bytes, Callable[[Record], Sequence[Event]]] = {
            HEADER: self._began,
            RECV_BINARY: self._binary,
            OPEN: self._opened,
            CLOSE: self._closed,
            ERROR: self._failed,
            REQUEST: self._requested,
            RESPONSE: self._responded,
            BODY: self._body,
            STALL: self._silent,
            DROP: self._dropped,
            DIGEST: self._compare,
        }

    def feed(self, record: Record) -> Sequence[Event]:
        """Take the next record; return what it says and what became known by it.

        Records of kinds that carry nothing for a book (clock, marker, pings) change nothing.

        Raises:
            TapeError: when a note is not what the format says; a frame never raises.
        """
        self.last = time = record.time
        if record.kind != RECV:
            return self._feed_other(record)
        connection, payload, totals = record.connection, record.payload, self.totals
        totals.frames += 1
        totals.bytes += len(payload)
        if self._stalled:
            self._end_stall(connection, time)
        venue = self._venues.get(connection)
        if venue is None:
            return self._bad(record, _UNOPENED)
        try:
            events = venue.decode(payload, time)
        except BadFrame as error:
            return self._bad(record, str(error))
        return self._take(events, connection)

    def _feed_other(self, record: Record) -> Sequence[Event]:
        handler = self._of_kind.get(record.kind)
        if handler is None:
            return ()
        try:
            return handler(record)
        except UsageError as error:
            raise TapeError(f"{error}; it is of a venue that no installed package reads", hint=error.hint) from error
        except FeedtapeError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Our own notes are never like that: somebody else's tape, or a damaged one.
            kind = record.kind.decode(errors="replace")
            raise TapeError(f"a {kind} record at {record.time} cannot be read: {type(error).__name__}: {error}") from error

    # -- frames

    def _binary(self, record: Record) -> Sequence[Event]:
        self.totals.frames += 1
        self.totals.bytes += len(record.payload)
        if self._stalled:
            self._end_stall(record.connection, record.time)
        venue = self._venues.get(record.connection)
        if venue is None:
            return self._bad(record, _UNOPENED)
        try:
            return self._take(venue.decode_binary(record.payload, record.time), record.connection)
        except BadFrame as error:
            return self._bad(record, str(error))

    def _take(self, events: Sequence[Event], connection: int) -> Sequence[Event]:
        of_event = self._of_event
        known: Sequence[Event] = ()
        for event in events:
            handler = of_event.get(type(event))
            if handler is not None and (more := handler(event, connection)):
                known = [*known, *more]
        if known:
            for event in known:
                self._note(event)
            return [*events, *known]
        return events

    def _began(self, record: Record) -> Sequence[Event]:
        self.first = record.time
        return ()

    def _bad(self, record: Record, error: str) -> Sequence[Event]:
        self.totals.bad_frames += 1
        venue = self._venues.get(record.connection)
        gap = Gap("", record.time, None, "bad-frame", record.time, None, f"{venue.name if venue else '?'}: {error}")
        self._note(gap)
        return (gap,)

    def _note(self, event: Event) -> None:
        if type(event) is Gap:
            self.totals.losses += 1
            self._losses.note(event, lasts=event.kind != "trades" and event.target in self.books)
        elif type(event) is Resync:
            self._losses.note(event, lasts=False)

    def _keeper(self, target: str, channel: str) -> BookKeeper:
        """The book of a stream. The first book stream of a symbol has the plain name, others carry their channel in it."""
        keeper = self.books.get(target)
        if keeper is None:
            keeper = self._new_keeper(target, target, channel)
        elif not keeper.channel and channel:
            keeper.channel = channel
            keeper.integrity = self._venue_of(target).integrity(channel)
        elif channel and keeper.channel != channel:
            name = f"{target}@{channel}"
            keeper = self.books.get(name) or self._new_keeper(name, target, channel)
        return keeper

    def _new_keeper(self, name: str, target: str, channel: str) -> BookKeeper:
        keeper = BookKeeper(name, channel, self._venue_of(target).integrity(channel))
        self.books[name] = keeper
        self._know(target)
        return keeper

    def _venue_of(self, target: str) -> Venue:
        return self._resolve(target.partition(":")[0])

    def _delta(self, event: BookDelta, connection: int) -> Sequence[Event]:
        keeper = self.books.get(event.target)
        if keeper is None or keeper.channel != event.channel:
            keeper = self._keeper(event.target, event.channel)
        known = keeper.take_delta(event, connection)
        if keeper.state is not State.LIVE:
            self._want(keeper)
        return known

    def _want(self, keeper: BookKeeper) -> None:
        if keeper.wants_snapshot:
            self.wanting[keeper.target] = keeper

    def _snapshot(self, event: BookSnapshot, connection: int) -> Sequence[Event]:
        if event.channel:
            return self._keeper(event.target, event.channel).take_snapshot(event, connection)
        keepers = [keeper for name, keeper in self.books.items() if name.partition("@")[0] == event.target]
        if not keepers:
            keepers = [self._keeper(event.target, "")]
        known: list[Event] = []
        for keeper in keepers:
            if keeper.integrity.snapshot == "rest":
                known.extend(keeper.take_snapshot(event, connection))
                if keeper.state is State.LIVE:
                    self.wanting.pop(keeper.target, None)
                else:
                    self._want(keeper)
        return known

    def _refused(self, event: Refused, connection: int) -> Sequence[Event]:
        self.totals.refused += 1
        return ()

    def _unread(self, event: Unread, connection: int) -> Sequence[Event]:
        # What a venue calls its events is its own text: keep few of them and none that is long.
        name = event.name[:40] if len(self.unread) < 100 or event.name in self.unread else "other"
        self.unread[name] = self.unread.get(name, 0) + 1
        return ()

    # -- connections

    def _opened(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        self._venues[record.connection] = self._resolve(fields["venue"])
        self._names[record.connection] = fields["venue"]
        self.totals.connections += 1
        return ()

    def _closed(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        self._venues.pop(record.connection, None)
        self._names.pop(record.connection, None)
        self._end_stall(record.connection, record.time)
        if fields.get("final"):
            return ()
        known = self._flows.leave(record.connection)
        why = f"connection {record.connection} closed by {fields.get('by', '?')}"
        code = fields.get("code")
        why += f", code {code}" if code is not None else ""
        for keeper in self.books.values():
            known.extend(keeper.leave(record.connection, record.time, why, relieved_by=fields.get("relieved_by")))
            if keeper.state is not State.LIVE:
                self._want(keeper)
        for event in known:
            self._note(event)
        return known

    def _failed(self, record: Record) -> Sequence[Event]:
        if self._exchanges.pop(record.connection, None) is not None:
            self.totals.http_errors += 1
        return (Status("", record.time, None, str(record.json().get("message", "error"))),)

    def _requested(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        self._exchanges[record.connection] = _Exchange(fields["venue"], fields["url"])
        return ()

    def _responded(self, record: Record) -> Sequence[Event]:
        exchange = self._exchanges.get(record.connection)
        if exchange is not None:
            exchange.status = record.json()["status"]
        return ()

    def _body(self, record: Record) -> Sequence[Event]:
        self.totals.frames += 1
        self.totals.bytes += len(record.payload)
        exchange = self._exchanges.pop(record.connection, None)
        if exchange is None:
            return self._bad(record, f"a body on connection {record.connection} without a request")
        if not 200 <= exchange.status < 300:
            self.totals.http_errors += 1
            text = record.payload[:200].decode(errors="replace")
            return (Status("", record.time, None, f"{exchange.venue}: HTTP {exchange.status}: {text}"),)
        venue = self._resolve(exchange.venue)
        path = path_of(exchange.url)
        try:
            if path.partition("?")[0] == venue.instruments_request().path.partition("?")[0]:
                self._lists[venue.name] = {entry.symbol: entry for entry in venue.instruments(record.payload)}
                for target in [*self.books, *self.flows]:
                    self._know(target)
                return ()
            events = venue.decode_body(path, record.payload, record.time)
        except BadFrame as error:
            return self._bad(record, str(error))
        return self._take(events, record.connection)

    def _know(self, target: str) -> None:
        venue, _, symbol = target.partition("@")[0].partition(":")
        facts = self._lists.get(venue, {}).get(symbol)
        if facts is not None:
            self.instruments[f"{venue}:{symbol}"] = facts

    # -- notes

    def _silent(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        connection, since = int(fields["connection"]), int(fields["since"])
        self.totals.stalls += 1
        self._stalled[connection] = since
        for keeper in self.books.values():
            if keeper.source == connection:
                keeper.stale_since = since
        return (Status("", record.time, None, fields.get("message", f"connection {connection} is silent")),)

    def _end_stall(self, connection: int, time: int) -> None:
        if self._stalled.pop(connection, None) is None:
            return
        for keeper in self.books.values():
            if keeper.source == connection and keeper.stale_since is not None:
                keeper.counters.stale_ns += time - keeper.stale_since
                keeper.stale_since = None

    def _dropped(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        frames = int(fields["frames"])
        self.totals.dropped += frames
        gap = Gap("", record.time, None, "dropped", int(fields["since"]), frames, "dropped here")
        self._note(gap)
        return (gap,)

    def _compare(self, record: Record) -> Sequence[Event]:
        written = record.json()["books"]
        ours = self.digests()
        for target, fields in written.items():
            if ours.get(target) == fields:
                self.totals.digests_matched += 1
            else:
                self.totals.digests_failed += 1
        return ()

    def digests(self) -> dict[str, dict[str, Any]]:
        """Return the digest of every book, as a `digest` record holds them."""
        return {
            target: {"digest": keeper.digest(), "sequence": keeper.book.sequence, "state": keeper.state.value}
            for target, keeper in self.books.items()
        }

    # -- keyframes

    def keyframe(self) -> dict[str, Any]:
        """Return all state as JSON values: a session that `restore`s it goes on as this one does."""
        build = msgspec.to_builtins
        return {
            "connections": {str(number): name for number, name in self._names.items()},
            "exchanges": {str(number): build(exchange) for number, exchange in self._exchanges.items()},
            "stalled": {str(number): since for number, since in self._stalled.items()},
            "books": {target: keeper.save() for target, keeper in self.books.items()},
            "flows": self._flows.save(),
            "instruments": {target: build(facts) for target, facts in self.instruments.items()},
            "totals": build(self.totals),
            "unread": self.unread,
            "losses": self._losses.save(),
            "first": self.first,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over the state that `keyframe` returned. The instrument lists themselves are not part of it."""
        convert = msgspec.convert
        self._names = {int(number): name for number, name in saved["connections"].items()}
        self._venues = {number: self._resolve(name) for number, name in self._names.items()}
        self._exchanges = {int(number): convert(one, _Exchange) for number, one in saved["exchanges"].items()}
        self._stalled = {int(number): since for number, since in saved["stalled"].items()}
        self.books = {}
        for target, one in saved["books"].items():
            self.books[target] = BookKeeper.load(target, one, self._venue_of(target).integrity(one["channel"]))
        self._flows.load(saved["flows"])
        self.instruments = {target: convert(one, Instrument) for target, one in saved["instruments"].items()}
        self.totals = convert(saved["totals"], Totals)
        self.unread = dict(saved["unread"])
        self._losses.load(saved["losses"])
        self.first = saved["first"]

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return every book's proof and counters, as `verify --json` prints them."""
        books = {}
        for target, keeper in self.books.items():
            proof, reason = keeper.proof()
            counters = keeper.counters
            covers = keeper.integrity.checksum.covers if keeper.integrity.checksum else 0
            books[target] = {
                "state": keeper.state.value,
                "proof": proof,
                "reason": reason,
                "updates": counters.updates,
                "gaps": counters.gaps,
                "missed": counters.missed,
                "resyncs": counters.resyncs,
                "repeated": counters.repeated,
                "snapshots": counters.snapshots,
                "snapshots_too_old": counters.snapshots_too_old,
                "checksums": {
                    "matched": counters.checksums_matched,
                    "failed": counters.checksums_failed,
                    "covers": covers,
                },
                "crossed": counters.crossed,
                "stale_ns": str(counters.stale_ns),
                "sequence": keeper.book.sequence,
                "levels": [len(keeper.book.bids), len(keeper.book.asks)],
                "digest": keeper.digest(),
            }
        return books

    def statistics(self) -> dict[str, Any]:
        """Return the facts that a tape's index holds, so that `info` need not read the tape."""
        totals = self.totals
        return {
            "first": self.first,
            "last": self.last,
            "frames": totals.frames,
            "bytes": totals.bytes,
            "connections": totals.connections,
            "bad_frames": totals.bad_frames,
            "dropped": totals.dropped,
            "stalls": totals.stalls,
            "losses": totals.losses,
            "books": self.as_json(),
            "instruments": {target: facts.as_json() for target, facts in self.instruments.items()},
            "flows": {target: {"trades": flow.trades, "quotes": flow.quotes} for target, flow in self.flows.items()},
        }

    @property
    def losses(self) -> list[Loss]:
        """The losses, as many as are listed one by one; `totals` counts all."""
        return self._losses.kept

    def loss_found(self) -> bool:
        """Tell whether anything was lost."""
        return bool(self.totals.losses or self.totals.dropped)


def read_keyframe(record: Record) -> dict[str, Any]:
    """Return the state that a keyframe record holds."""
    state: dict[str, Any] = orjson.loads(record.payload)
    return state
