"""The one path: records in, events and books out.

A `Session` is all that the records of a recording have built: connections, books, proofs, counters, losses. Live and replay
feed it the same records and get the same state; it reads no clock, no file and no socket. What it wants from the network
(snapshots) it only says; a replay does not ask.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from feedtape.book.keeper import BookKeeper, State
from feedtape.book.lanes import Repeated
from feedtape.errors import BadFrame, FeedtapeError, TapeError, UsageError
from feedtape.model.events import (
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Gap,
    Liquidation,
    OptionSummary,
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
    DAMAGE,
    DIGEST,
    DROP,
    ERROR,
    HEADER,
    KEYFRAME,
    KEYFRAME_PART,
    MARKER,
    OPEN,
    RECV,
    RECV_BINARY,
    REQUEST,
    RESPONSE,
    STALL,
    STATE,
    Record,
)
from feedtape.session.flows import Flows
from feedtape.session.keyframes import Assembly
from feedtape.session.lanes import LaneFacts, Lanes
from feedtape.session.losses import Loss, Losses
from feedtape.session.pages import Page, counted_since
from feedtape.session.traffic import Traffic
from feedtape.venues.contract import DEEPEST, Venue, is_too_deep, path_of


class Totals(msgspec.Struct):
    """Counters of the whole session. `frames` are WebSocket messages received and HTTP bodies; `bytes` theirs.

    `unplaced` are frames whose connection was opened where the tape is damaged, so that nobody knows whose they are, and
    `refused_frames` are messages that were too long to be taken, `untracked` events of books beyond those that are followed,
    `digests_unchecked` those that could not be compared because of such a place.
    """

    frames: int = 0
    bytes: int = 0
    connections: int = 0
    bad_frames: int = 0
    refused: int = 0
    refused_frames: int = 0
    dropped: int = 0
    stalls: int = 0
    losses: int = 0
    http_errors: int = 0
    digests_matched: int = 0
    digests_failed: int = 0
    digests_unchecked: int = 0
    damages: int = 0
    damaged_bytes: int = 0
    unplaced: int = 0
    untracked: int = 0


class Marker(msgspec.Struct):
    """A person's or an importer's note at a moment."""

    time: int
    text: str


def marker_text(record: Record) -> str:
    """Return what a marker says; one without a note is called by its fields.

    Raises:
        ValueError: when it is no JSON.
    """
    fields = record.json()
    if not isinstance(fields, dict):
        return str(fields)[:200]
    return str(fields.get("note") or ", ".join(fields))[:200]


class _Exchange(msgspec.Struct):
    """An HTTP exchange under way."""

    venue: str
    url: str
    status: int = 0


TRAFFIC_KEPT = 20_000
"""Targets whose traffic is counted one by one."""
LEVELS_TRACKED = 5_000_000
"""Levels of all books together, looked at every `_WEIGHED_EVERY` bytes."""
_WEIGHED_EVERY = 32 * 1024 * 1024
BOOKS_TRACKED = 20_000
"""Books that a session keeps; a hostile feed may invent symbols without end, and those beyond are only recorded and counted."""
CONNECTIONS_TRACKED = 10_000
"""Open connections and exchanges under way that a session remembers; the oldest are forgotten, their frames are nobody's then."""
INSTRUMENTS_KEPT = 200_000
MARKERS_KEPT = 1000
"""Markers that are listed one by one."""
_TOO_DEEP = f"JSON nested more than {DEEPEST} deep"
_LONGEST_DETAIL = 300
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
        self._lanes = Lanes()
        self._flows = Flows(self._know, self._lanes, self._beyond)
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
        self.traffic: dict[str, Traffic] = {}
        """How much each target sent since the latest header; what concerns none has the empty name."""
        self.markers: list[Marker] = []
        """What a person noted, as many as are kept."""
        self._page = Page()
        self._weighed_at = 0
        self._hole = False
        """Whether something is missing that only a keyframe can tell."""
        self._assembly = Assembly()
        self._of_event: dict[type[Event], Callable[[Any, int], Sequence[Event] | None]] = {
            BookDelta: self._delta,
            BookSnapshot: self._snapshot,
            Trade: self._flows.trade,
            SpentTradeId: self._flows.spent,
            Quote: self._flows.quote,
            Derivative: self._flows.derivative,
            Liquidation: self._flows.other,
            OptionSummary: self._flows.other,
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
            DAMAGE: self._damaged,
            STATE: self._adopt,
            KEYFRAME: self._mend,
            KEYFRAME_PART: self._mend,
            MARKER: self._mark,
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
            return self._unplaced(record)
        if len(payload) >= 2 * DEEPEST and is_too_deep(payload):
            return self._bad(record, _TOO_DEEP)
        try:
            events = venue.decode(payload, time)
        except BadFrame as error:
            return self._bad(record, str(error))
        if events:
            traffic = self.traffic.get(events[0].target)
            if traffic is None or time >= traffic.ends:
                traffic = self._turn_traffic(events[0].target, time)
            traffic.frames += 1
            traffic.bytes += len(payload)
        return self._take(events, connection)

    def _turn_traffic(self, target: str, time: int) -> Traffic:
        traffic = self.traffic.get(target)
        if traffic is None:
            # A feed that makes up targets without end is counted as one.
            name = target if len(self.traffic) < TRAFFIC_KEPT else ""
            traffic = self.traffic.setdefault(name, Traffic())
        if time >= traffic.ends:
            traffic.turn(time)
            if self.totals.bytes - self._weighed_at >= _WEIGHED_EVERY:
                self._weigh(time)
        return traffic

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
            return self._unplaced(record)
        try:
            return self._take(venue.decode_binary(record.payload, record.time), record.connection)
        except BadFrame as error:
            return self._bad(record, str(error))

    def _take(self, events: Sequence[Event], connection: int) -> Sequence[Event]:
        of_event = self._of_event
        known: Sequence[Event] = ()
        repeated: Sequence[Event] = ()
        for event in events:
            handler = of_event.get(type(event))
            if handler is not None:
                more = handler(event, connection)
                if more or more is None:
                    known = [*known, *(more or ())]
                    if more is None or type(more) is Repeated:
                        repeated = [*repeated, event]
        if repeated:
            # What another connection had brought before is no news.
            events = [event for event in events if not any(event is one for one in repeated)]
        if known:
            for event in known:
                self._note(event)
            return [*events, *known]
        return events

    def _began(self, record: Record) -> Sequence[Event]:
        if self.first is None:
            self.first = record.time
            return ()
        self._page = Page(
            record.time,
            # Those that are open go on in this page.
            msgspec.structs.replace(self.totals, connections=self.totals.connections - len(self._names)),
            {target: keeper.counters for target, keeper in self.books.items()},
            {target: (flow.trades, flow.quotes) for target, flow in self.flows.items()},
            self.unread,
            len(self._losses.kept),
            len(self.markers),
        )
        self.traffic = {}
        self._lanes.turn_page()
        return ()

    def _unplaced(self, record: Record) -> Sequence[Event]:
        if not self._hole:
            return self._bad(record, _UNOPENED)
        self.totals.unplaced += 1
        return ()

    def _bad(self, record: Record, error: str) -> Sequence[Event]:
        self.totals.bad_frames += 1
        venue = self._venues.get(record.connection)
        detail = f"{venue.name if venue else '?'}: {error[:_LONGEST_DETAIL]}"
        gap = Gap("", record.time, None, "bad-frame", record.time, None, detail)
        self._note(gap)
        return (gap,)

    def _note(self, event: Event) -> None:
        if type(event) is Gap:
            self.totals.losses += 1
            self._losses.note(event, lasts=event.kind != "trades" and event.target in self.books)
        elif type(event) is Resync:
            self._losses.note(event, lasts=False)

    def _keeper(self, target: str, channel: str) -> BookKeeper | None:
        """The book of a stream. The first book stream of a symbol has the plain name, others carry their channel in it.

        None when it is one more than are tracked.
        """
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

    def _new_keeper(self, name: str, target: str, channel: str) -> BookKeeper | None:
        if len(self.books) >= BOOKS_TRACKED:
            return None
        keeper = BookKeeper(name, channel, self._venue_of(target).integrity(channel), self._lanes)
        self.books[name] = keeper
        self._know(target)
        return keeper

    def _venue_of(self, target: str) -> Venue:
        return self._resolve(target.partition(":")[0])

    def _delta(self, event: BookDelta, connection: int) -> Sequence[Event] | None:
        keeper = self.books.get(event.target)
        if keeper is None or keeper.channel != event.channel:
            keeper = self._keeper(event.target, event.channel)
            if keeper is None:
                return self._untracked(event)
        known = keeper.take_delta(event, connection)
        if keeper.state is not State.LIVE:
            self._want(keeper)
        return known

    def _want(self, keeper: BookKeeper) -> None:
        if keeper.wants_snapshot:
            self.wanting[keeper.target] = keeper

    def _snapshot(self, event: BookSnapshot, connection: int) -> Sequence[Event] | None:
        if event.channel:
            keeper = self._keeper(event.target, event.channel)
            return self._untracked(event) if keeper is None else keeper.take_snapshot(event, connection)
        keepers = [keeper for name, keeper in self.books.items() if name.partition("@")[0] == event.target]
        if not keepers:
            keeper = self._keeper(event.target, "")
            if keeper is None:
                return self._untracked(event)
            keepers = [keeper]
        known: list[Event] = []
        for keeper in keepers:
            if keeper.integrity.snapshot == "rest":
                known.extend(keeper.take_snapshot(event, connection) or ())
                if keeper.state is State.LIVE:
                    self.wanting.pop(keeper.target, None)
                else:
                    self._want(keeper)
        return known

    def _untracked(self, event: Event) -> Sequence[Event]:
        self._beyond()
        return ()

    def _beyond(self) -> None:
        self.totals.untracked += 1
        if self.totals.untracked == 1:
            detail = f"more than {BOOKS_TRACKED} targets: further ones are recorded and not followed"
            self._note(Gap("", self.last, None, "untracked", self.last, None, detail))

    def _weigh(self, time: int) -> None:
        """Give up the deepest books where all together are more than a machine should hold; a snapshot may bring them back."""
        self._weighed_at = self.totals.bytes
        levels = {target: len(keeper.book.bids) + len(keeper.book.asks) for target, keeper in self.books.items()}
        excess = sum(levels.values()) - LEVELS_TRACKED
        for target in sorted(levels, key=lambda name: (-levels[name], name)):
            if excess <= 0:
                return
            excess -= levels[target]
            self._note(self.books[target].break_off("bad-frame", time, None, f"more than {LEVELS_TRACKED} levels in all books"))

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
        if len(self._venues) >= CONNECTIONS_TRACKED:
            oldest = next(iter(self._venues))
            del self._venues[oldest], self._names[oldest]
            self._stalled.pop(oldest, None)
        self._venues[record.connection] = self._resolve(fields["venue"])
        self._names[record.connection] = fields["venue"]
        self._lanes.opened(record.connection, fields.get("lane"))
        self._count_connections()
        self.totals.connections += 1
        return ()

    def _count_connections(self) -> None:
        names = list(self._names.values())
        self._flows.echoes.listen(len(set(names)) < len(names))

    def _closed(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        self._venues.pop(record.connection, None)
        self._names.pop(record.connection, None)
        self._lanes.closed(record.connection)
        self._count_connections()
        if fields.get("final"):
            if fields.get("outlived"):
                return self._outlived(record)
            self._end_stall(record.connection, record.time)
            return ()
        known = self._flows.leave(record.connection, record.time)
        why = f"connection {record.connection} closed by {fields.get('by', '?')}"
        code = fields.get("code")
        why += f", code {code}" if code is not None else ""
        for keeper in self.books.values():
            known.extend(keeper.leave(record.connection, record.time, why, relieved_by=fields.get("relieved_by")))
            if keeper.state is not State.LIVE:
                self._want(keeper)
        self._stalled.pop(record.connection, None)
        self._judge_silence(record.time)
        for event in known:
            self._note(event)
        return known

    def _outlived(self, record: Record) -> Sequence[Event]:
        """One recording of several ends and the others go on: nothing is lost by it, but what only it carried is stale."""
        known = self._flows.leave(record.connection, record.time)
        self._stalled.pop(record.connection, None)
        for keeper in self.books.values():
            known.extend(keeper.outlive(record.connection, record.time, f"the recording of connection {record.connection} ends"))
        for event in known:
            self._note(event)
        return known

    def _failed(self, record: Record) -> Sequence[Event]:
        if self._exchanges.pop(record.connection, None) is not None:
            self.totals.http_errors += 1
        fields = record.json()
        status = Status("", record.time, None, str(fields.get("message", "error"))[:_LONGEST_DETAIL])
        refused = fields.get("refused")
        if refused is None:
            return (status,)
        self.totals.refused_frames += 1
        name = self._names.get(record.connection, "?")
        detail = f"{name}: a message of {refused['size']} bytes, the limit is {refused['limit']}"
        gap = Gap("", record.time, None, "refused-frame", int(refused["since"]), None, detail)
        self._note(gap)
        return (status, gap)

    def _requested(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        if len(self._exchanges) >= CONNECTIONS_TRACKED:
            del self._exchanges[next(iter(self._exchanges))]
        self._exchanges[record.connection] = _Exchange(fields["venue"], fields["url"])
        return ()

    def _responded(self, record: Record) -> Sequence[Event]:
        exchange = self._exchanges.get(record.connection)
        if exchange is not None:
            exchange.status = int(record.json()["status"])
        return ()

    def _body(self, record: Record) -> Sequence[Event]:
        self.totals.frames += 1
        self.totals.bytes += len(record.payload)
        exchange = self._exchanges.pop(record.connection, None)
        if exchange is None and self._hole:
            self.totals.unplaced += 1
            return ()
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
                if is_too_deep(record.payload):
                    return self._bad(record, _TOO_DEEP)
                found = venue.instruments(record.payload)
                if len(found) > INSTRUMENTS_KEPT:
                    return self._bad(record, f"a list of {len(found)} instruments")
                self._lists[venue.name] = {entry.symbol: entry for entry in found}
                for target in [*self.books, *self.flows]:
                    self._know(target)
                return ()
            if is_too_deep(record.payload):
                return self._bad(record, _TOO_DEEP)
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
        if connection in self._names:
            self._stalled[connection] = since
        self._judge_silence(record.time)
        return (Status("", record.time, None, fields.get("message", f"connection {connection} is silent")),)

    def _end_stall(self, connection: int, time: int) -> None:
        if self._stalled.pop(connection, None) is not None:
            self._judge_silence(time)

    def _judge_silence(self, time: int) -> None:
        """A book is stale while every connection that it lives on is silent."""
        stalled = self._stalled
        for keeper in self.books.values():
            carriers = keeper.carriers
            if carriers and all(one in stalled for one in carriers):
                keeper.stale_since = max(stalled[one] for one in carriers)
            elif keeper.stale_since is not None and (carriers or not keeper.is_live):
                keeper.end_stale(time)

    def _dropped(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        frames, since = int(fields["frames"]), int(fields["since"])
        if not 0 <= frames < 2**53:
            raise ValueError(f"{frames} frames cannot have been dropped")
        self.totals.dropped += frames
        return self._lose(Gap("", record.time, None, "dropped", since, frames, "dropped here"), fields.get("connections"))

    def _damaged(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        self.totals.damages += 1
        self.totals.damaged_bytes += int(fields["bytes"])
        since = record.time if fields["since"] is None else int(fields["since"])
        until = record.time if fields["until"] is None else int(fields["until"])
        gap = Gap("", until, None, "damage", since, fields["frames"], str(fields["why"]))
        if fields["until"] is None:
            # Nothing follows: the books are what they were when the tape ended.
            self._note(gap)
            return (gap,)
        self._hole = True
        # Of a keyframe in parts, those before and those after may not be of the same one.
        self._assembly = Assembly()
        return self._lose(gap, fields.get("connections"))

    def _lose(self, gap: Gap, connections: Sequence[int] | None) -> Sequence[Event]:
        """Break every book that may have lost something, before its own sequence takes the loss for the venue's."""
        known: list[Event] = [gap]
        for keeper in self.books.values():
            if connections is None or (keeper.carriers and all(one in connections for one in keeper.carriers)):
                known.append(keeper.break_off(gap.kind, gap.recv, None, gap.detail))
                self._want(keeper)
        for target in self.flows:
            carriers = self._flows.carriers(target)
            if connections is None or (carriers and all(one in connections for one in carriers)):
                self._flows.forget_numbers(target)
        for event in known:
            self._note(event)
        return known

    def _mend(self, record: Record) -> Sequence[Event]:
        """Take from a keyframe what a hole swallowed, or what there was before the tape; else it says nothing new."""
        is_blank = not (self._hole or self._venues or self._exchanges or self.books or self.totals.frames)
        if not self._hole and not is_blank:
            return ()
        saved = self._assembly.add(record)
        if saved is None:
            return ()
        if is_blank:
            if saved["connections"] or saved["books"] or saved["flows"]:
                first = self.first
                self.restore(saved)
                self.first = first
            return ()
        self._hole = False
        totals, losses, unread, first = self.totals, self._losses, self.unread, self.first
        markers, traffic, page, lanes = self.markers, self.traffic, self._page, self._lanes.facts
        books, flows = self.books, {target: (flow.trades, flow.quotes) for target, flow in self.flows.items()}
        self._losses = Losses()
        self.restore(saved)
        self.totals, self._losses, self.unread = totals, losses, unread
        self.first = self.first if first is None else first
        self.markers, self.traffic, self._page, self._lanes.facts = markers, traffic, page, lanes
        self._weighed_at = totals.bytes
        for target, (trades, quotes) in flows.items():
            self.flows[target].trades, self.flows[target].quotes = trades, quotes
        known: list[Event] = []
        for target, keeper in self.books.items():
            old = books.get(target)
            if old is None:
                continue
            keeper.counters = old.counters
            if keeper.state is State.LIVE and old.state is not State.LIVE:
                keeper.counters.resyncs += 1
                known.append(Resync(target, record.time, None, old.broken_at or record.time, keeper.book.sequence))
        for event in known:
            self._note(event)
        return known

    def _adopt(self, record: Record) -> Sequence[Event]:
        """Take over what another tape had when it began, or behind a hole, as far as this session has it not."""
        saved = record.json()
        lanes = saved.get("lanes", {}).get("of", {})
        for number, name in saved["connections"].items():
            if int(number) not in self._names:
                self._names[int(number)] = name
                self._venues[int(number)] = self._resolve(name)
                self._lanes.opened(int(number), lanes.get(number))
                self.totals.connections += 1
        self._count_connections()
        for number, one in saved.get("exchanges", {}).items():
            self._exchanges.setdefault(int(number), msgspec.convert(one, _Exchange))
        known: list[Event] = []
        for target, one in saved["books"].items():
            known.extend(self._adopt_book(target, one, record.time, mends=saved.get("mends", False)))
        self._flows.adopt(saved.get("flows", {}))
        for target, facts in saved["instruments"].items():
            self.instruments.setdefault(target, msgspec.convert(facts, Instrument))
        for number, since in saved.get("stalled", {}).items():
            self._stalled.setdefault(int(number), since)
        self._hole = saved.get("hole", self._hole)
        for event in known:
            self._note(event)
        return known

    def _adopt_book(self, target: str, saved: dict[str, Any], time: int, *, mends: bool) -> Sequence[Event]:
        old = self.books.get(target)
        if old is not None and old.is_live:
            return ()
        keeper = BookKeeper.load(target, saved, self._venue_of(target).integrity(saved["channel"]), self._lanes)
        if old is None:
            self.books[target] = keeper
            return ()
        if not keeper.is_live and not mends:
            return ()
        self.books[target] = keeper
        keeper.counters = old.counters
        if not keeper.is_live:
            return ()
        keeper.counters.resyncs += 1
        return (Resync(target, time, None, old.broken_at or time, keeper.book.sequence),)

    def _mark(self, record: Record) -> Sequence[Event]:
        if len(self.markers) < MARKERS_KEPT:
            self.markers.append(Marker(record.time, marker_text(record)))
        return ()

    def _compare(self, record: Record) -> Sequence[Event]:
        written = record.json()["books"]
        ours, totals = self.digests(), self.totals
        for target, fields in written.items():
            if ours.get(target) == fields:
                totals.digests_matched += 1
            elif self._hole:
                # A book may have been rebuilt from a snapshot that the recording, whose book was whole, had no need of.
                totals.digests_unchecked += 1
            else:
                totals.digests_failed += 1
        return ()

    def digests(self) -> dict[str, dict[str, Any]]:
        """Return the digest of every book, as a `digest` record holds them."""
        return {
            target: {"digest": keeper.digest(), "sequence": keeper.book.sequence, "state": keeper.state.value}
            for target, keeper in self.books.items()
        }

    # -- keyframes

    def keyframe(self) -> dict[str, Any]:
        """Return all state as JSON values, with this page's counters: a session that `restore`s it goes on as this one does."""
        build, page = msgspec.to_builtins, self._page
        books = {target: keeper.save() for target, keeper in self.books.items()}
        for target, one in books.items():
            one["counters"] = build(page.counters(target, self.books[target].counters))
        flows = self._flows.save()
        for target, one in flows.items():
            one["trades"], one["quotes"] = page.flow(target, one["trades"], one["quotes"])
        return {
            "connections": {str(number): name for number, name in self._names.items()},
            "exchanges": {str(number): build(exchange) for number, exchange in self._exchanges.items()},
            "stalled": {str(number): since for number, since in self._stalled.items()},
            "books": books,
            "flows": flows,
            "lanes": self._lanes.save(),
            "echoes": self._flows.echoes.save(),
            "instruments": {target: build(facts) for target, facts in self.instruments.items()},
            "totals": build(counted_since(self.totals, page.totals)),
            "unread": page.unread(self.unread),
            "losses": self._losses.save(page.losses),
            "markers": build(self.markers[page.markers :]),
            "traffic": build(self.traffic),
            "unweighed": self.totals.bytes - self._weighed_at,
            "hole": self._hole,
            "first": page.first or self.first,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over the state that `keyframe` returned. The instrument lists themselves are not part of it."""
        convert = msgspec.convert
        self._names = {int(number): name for number, name in saved["connections"].items()}
        self._venues = {number: self._resolve(name) for number, name in self._names.items()}
        self._exchanges = {int(number): convert(one, _Exchange) for number, one in saved["exchanges"].items()}
        self._stalled = {int(number): since for number, since in saved["stalled"].items()}
        self._lanes.load(saved.get("lanes", {}))
        self.books = {}
        for target, one in saved["books"].items():
            integrity = self._venue_of(target).integrity(one["channel"])
            self.books[target] = BookKeeper.load(target, one, integrity, self._lanes)
        self._flows.load(saved["flows"])
        self._count_connections()
        self._flows.echoes.load(saved.get("echoes", []))
        self.instruments = {target: convert(one, Instrument) for target, one in saved["instruments"].items()}
        self.totals = convert(saved["totals"], Totals)
        self.unread = dict(saved["unread"])
        self._losses.load(saved["losses"])
        self.markers = convert(saved.get("markers", []), list[Marker])
        self.traffic = convert(saved.get("traffic", {}), dict[str, Traffic])
        self._hole = saved.get("hole", False)
        self.first = saved["first"]
        self._weighed_at = self.totals.bytes - saved.get("unweighed", 0)
        self._page = Page()

    def as_json(self, page: Page | None = None) -> dict[str, dict[str, Any]]:
        """Return every book's proof and counters, as `verify --json` prints them; those of a page alone where one is given."""
        books = {}
        for target, keeper in self.books.items():
            proof, reason = keeper.proof()
            counters = keeper.counters if page is None else page.counters(target, keeper.counters)
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
        """Return the facts of this page that a tape's index holds, so that `info` need not read the tape."""
        page = self._page
        totals = counted_since(self.totals, page.totals)
        flows = {target: page.flow(target, flow.trades, flow.quotes) for target, flow in self.flows.items()}
        return {
            "first": page.first or self.first,
            "last": self.last,
            "frames": totals.frames,
            "bytes": totals.bytes,
            "connections": totals.connections,
            "bad_frames": totals.bad_frames,
            "dropped": totals.dropped,
            "stalls": totals.stalls,
            "losses": totals.losses,
            "resyncs": sum(page.counters(target, keeper.counters).resyncs for target, keeper in self.books.items()),
            "markers": [[str(marker.time), marker.text] for marker in self.markers[page.markers :]],
            "traffic": {target: one.as_json() for target, one in self.traffic.items()},
            "books": self.as_json(page),
            "instruments": {target: facts.as_json() for target, facts in self.instruments.items()},
            "flows": {target: {"trades": trades, "quotes": quotes} for target, (trades, quotes) in flows.items()},
            "lanes": self._lanes.as_json(),
        }

    @property
    def lanes(self) -> dict[int, LaneFacts]:
        """What each parallel line was good for; empty where there are none."""
        return self._lanes.facts

    @property
    def connections(self) -> dict[int, str]:
        """Venue by number of the connections that are open."""
        return self._names

    @property
    def has_hole(self) -> bool:
        """Whether something is missing that only a keyframe can tell."""
        return self._hole

    @property
    def losses(self) -> list[Loss]:
        """The losses, as many as are listed one by one; `totals` counts all."""
        return self._losses.kept

    def loss_found(self) -> bool:
        """Tell whether anything was lost."""
        return bool(self.totals.losses or self.totals.dropped)
