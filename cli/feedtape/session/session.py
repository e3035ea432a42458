"""The one path: records in, events and books out.

A `Session` is all that the records of a recording have built: connections, books, proofs, counters, losses. Live and replay
feed it the same records and get the same state; it reads no clock, no file and no socket. What it wants from the network
(snapshots) it only says; a replay does not ask.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from feedtape.book.lanes import Repeated
from feedtape.errors import BadFrame, FeedtapeError, TapeError, UsageError
from feedtape.model.events import (
    BookChecksum,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Gap,
    Liquidation,
    Numbered,
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
    CLOCK,
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
from feedtape.session.books import Books, Resolve
from feedtape.session.clocks import Clocks
from feedtape.session.conversations import Conversations
from feedtape.session.exchanges import Exchange, Exchanges
from feedtape.session.flows import Flows
from feedtape.session.keyframes import Assembly
from feedtape.session.lanes import LaneFacts, Lanes
from feedtape.session.losses import Loss, Losses
from feedtape.session.pages import Page, counted_since
from feedtape.session.report import books_as_json
from feedtape.session.traffic import Traffic
from feedtape.venues.contract import DEEPEST, is_too_deep
from feedtape.venues.registry import Decoders


class Totals(msgspec.Struct):
    """Counters of the whole session. `frames` are WebSocket messages received and HTTP bodies; `bytes` theirs.

    `repeated_frames` are those that their number shows to have come before, `unplaced` those whose connection was opened where
    the tape is damaged, so that nobody knows whose they are;
    `refused_frames` are messages that were too long to be taken, `untracked` events of books beyond those that are followed,
    `digests_unchecked` those that could not be compared because of such a place; `clock_steps` are those of our wall clock.
    """

    frames: int = 0
    bytes: int = 0
    connections: int = 0
    bad_frames: int = 0
    refused: int = 0
    refused_frames: int = 0
    repeated_frames: int = 0
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
    clock_steps: int = 0


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


TRAFFIC_KEPT = 20_000
"""Targets whose traffic is counted one by one."""
_WEIGHED_EVERY = 32 * 1024 * 1024
"""Bytes of frames after which the depth of all books is looked at."""
MARKERS_KEPT = 1000
"""Markers that are listed one by one."""
_TOO_DEEP = f"JSON nested more than {DEEPEST} deep"
_LONGEST_DETAIL = 300
_UNOPENED = "a frame on a connection that was never opened"


class Session:
    """Rebuilds everything from records, fed in order."""

    def __init__(self, resolve: Resolve) -> None:
        """Begin with nothing; `resolve` finds a venue by its name."""
        self._decoders = Decoders(resolve)
        self._conversations = Conversations(self._decoders.venue)
        self._exchanges = Exchanges(self._decoders.venue)
        self._stalled: dict[int, int] = {}
        self._lanes = Lanes()
        self._books = Books(self._decoders.venue, self._lanes, self._exchanges.learn, self._beyond)
        self.books = self._books.by_target
        """Every book by its target, in the order in which they appeared."""
        self.wanting = self._books.wanting
        """Books that a snapshot would help, by target; the live feed takes them out as it asks."""
        self._flows = Flows(self._exchanges.learn, self._conversations.names, self._lanes, self._beyond)
        self.flows = self._flows.by_target
        self.totals = Totals()
        self.unread: dict[str, int] = {}
        self._losses = Losses()
        self.first: int | None = None
        self.last = 0
        self.traffic: dict[str, Traffic] = {}
        """How much each target sent since the latest header; what concerns none has the empty name."""
        self._frames_before: dict[str, int] = {}
        self.markers: list[Marker] = []
        """What a person noted, as many as are kept."""
        self._page = Page()
        self.heard: tuple[Record | None, Sequence[Event]] = (None, ())
        """The latest frame and all that it said, what another connection had brought before included."""
        self._weighed_at = 0
        self._hole = False
        """Whether something is missing that only a keyframe can tell."""
        self._assembly = Assembly()
        self._of_event: dict[type[Event], Callable[[Any, int], Sequence[Event] | None]] = {
            BookDelta: self._books.delta,
            BookSnapshot: self._books.snapshot,
            BookChecksum: self._books.checksum,
            Trade: self._flows.trade,
            SpentTradeId: self._flows.spent,
            Quote: self._flows.quote,
            Derivative: self._flows.derivative,
            Liquidation: self._flows.other,
            OptionSummary: self._flows.option,
            Refused: self._refused,
            Unread: self._unread,
        }
        self._of_kind: dict[bytes, Callable[[Record], Sequence[Event]]] = {
            HEADER: self._began,
            RECV_BINARY: self._binary,
            OPEN: self._opened,
            CLOSE: self._closed,
            ERROR: self._failed,
            REQUEST: self._exchanges.requested,
            RESPONSE: self._exchanges.responded,
            BODY: self._body,
            STALL: self._silent,
            DROP: self._dropped,
            DIGEST: self._compare,
            DAMAGE: self._damaged,
            STATE: self._adopt,
            KEYFRAME: self._mend,
            KEYFRAME_PART: self._mend,
            MARKER: self._mark,
            CLOCK: self._ticked,
        }

    def feed(self, record: Record) -> Sequence[Event]:
        """Take the next record; return what it says and what became known by it.

        Records of kinds that carry nothing for a book (clock, marker, pings) change no book.

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
        conversation = self._conversations.by_number.get(connection)
        if conversation is None:
            return self._unplaced(record)
        if len(payload) >= 2 * DEEPEST and is_too_deep(payload):
            return self._bad(record, _TOO_DEEP)
        try:
            events = conversation.decode(payload, time)
        except BadFrame as error:
            return self._bad(record, str(error))
        return self._of_frame(events, record)

    def _of_frame(self, events: Sequence[Event], record: Record) -> Sequence[Event]:
        """Take what a frame said, if its number does not show that it was said before."""
        self.heard = record, events
        if not events:
            return events
        missing: Gap | None = None
        if type(events[0]) is Numbered:
            is_news, missing = self._conversations.judge(events[0], record.connection)
            if not is_news:
                self.totals.repeated_frames += 1
                return ()
            events = events[1:]
        lost = () if missing is None else self._lose(missing, (record.connection,))
        if events:
            time = record.time
            traffic = self.traffic.get(events[0].target)
            if traffic is None or time >= traffic.ends:
                traffic = self._turn_traffic(events[0].target, time)
            traffic.frames += 1
            traffic.bytes += len(record.payload)
        known = self._take(events, record.connection)
        return [*lost, *known] if lost else known

    def _turn_traffic(self, target: str, time: int) -> Traffic:
        traffic = self.traffic.get(target)
        if traffic is None:
            # A feed that makes up targets without end is counted as one.
            name = target if len(self.traffic) < TRAFFIC_KEPT else ""
            traffic = self.traffic.setdefault(name, Traffic())
        if time >= traffic.ends:
            traffic.turn(time)
            if self.totals.bytes - self._weighed_at >= _WEIGHED_EVERY:
                self._weighed_at = self.totals.bytes
                self._note_all(self._books.weigh(time))
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
        conversation = self._conversations.by_number.get(record.connection)
        if conversation is None:
            return self._unplaced(record)
        if is_too_deep(record.payload):
            return self._bad(record, _TOO_DEEP)
        try:
            events = conversation.decode_binary(record.payload, record.time)
        except BadFrame as error:
            return self._bad(record, str(error))
        return self._of_frame(events, record)

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
            return [*events, *self._note_all(known)]
        return events

    def _began(self, record: Record) -> Sequence[Event]:
        self._decoders.take(record.json())
        if self.first is None:
            self.first = record.time
            return ()
        self._page = Page(
            record.time,
            # Those that are open go on in this page.
            msgspec.structs.replace(self.totals, connections=self.totals.connections - len(self.connections)),
            {target: keeper.counters for target, keeper in self.books.items()},
            {target: (flow.trades, flow.quotes) for target, flow in self.flows.items()},
            self.unread,
            len(self._losses.kept),
            len(self.markers),
        )
        for target, one in self.traffic.items():
            self._frames_before[target] = self._frames_before.get(target, 0) + one.frames
        self.traffic = {}
        self._lanes.turn_page()
        return ()

    def _unplaced(self, record: Record) -> Sequence[Event]:
        if not self._hole:
            return self._bad(record, _UNOPENED)
        self.totals.unplaced += 1
        return ()

    def _bad(self, record: Record, error: str, venue: str = "?") -> Sequence[Event]:
        self.totals.bad_frames += 1
        name = self.connections.get(record.connection, venue)
        detail = f"{name}: {error[:_LONGEST_DETAIL]}"
        gap = Gap("", record.time, None, "bad-frame", record.time, None, detail)
        return self._note_all([gap, *self._books.doubt(gap, record.connection)])

    def _note_all(self, events: Sequence[Event]) -> Sequence[Event]:
        for event in events:
            self._note(event)
        return events

    def _note(self, event: Event) -> None:
        if type(event) is Gap:
            self.totals.losses += 1
            self._losses.note(event, lasts=event.kind != "trades" and event.target in self.books)
        elif type(event) is Resync:
            self._losses.note(event, lasts=False)

    def _beyond(self) -> None:
        self.totals.untracked += 1
        if self.totals.untracked == 1:
            detail = "more targets than are followed: further ones are recorded, and no book of them is kept"
            self._note(Gap("", self.last, None, "untracked", self.last, None, detail))

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
        forgotten = self._conversations.opened(record.connection, fields["venue"], record.time, is_new=not fields.get("imported"))
        self._lanes.opened(record.connection, fields.get("lane"))
        self._count_connections()
        self.totals.connections += 1
        return self._forget(forgotten, record.time) if forgotten else ()

    def _forget(self, connections: Sequence[int], time: int) -> Sequence[Event]:
        """Give up what was open too long ago to be remembered: whatever lives on it has no future."""
        known: list[Event] = []
        for connection in connections:
            self._lanes.closed(connection)
            self._stalled.pop(connection, None)
            known += self._flows.leave(connection, time)
            known += self._books.leave(connection, time, f"connection {connection} is one too many to be followed", None)
        return self._note_all(known)

    def _count_connections(self) -> None:
        names = list(self.connections.values())
        self._flows.echoes.listen(len(set(names)) < len(names))

    def _closed(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        self._conversations.closed(record.connection)
        self._lanes.closed(record.connection)
        self._count_connections()
        if fields.get("final"):
            if fields.get("outlived"):
                return self._outlived(record)
            self._end_stall(record.connection, record.time)
            ended = self._flows.end(record.connection, record.time) + self._books.end(record.connection, record.time)
            return self._note_all(ended)
        known = self._flows.leave(record.connection, record.time)
        why = f"connection {record.connection} closed by {fields.get('by', '?')}"
        code = fields.get("code")
        why += f", code {code}" if code is not None else ""
        known += self._books.leave(record.connection, record.time, why, fields.get("relieved_by"))
        self._stalled.pop(record.connection, None)
        self._books.judge_silence(self._stalled, record.time)
        return self._note_all(known)

    def _outlived(self, record: Record) -> Sequence[Event]:
        """One recording of several ends and the others go on: nothing is lost by it, but what only it carried is stale."""
        known = self._flows.leave(record.connection, record.time)
        self._stalled.pop(record.connection, None)
        return self._note_all([*known, *self._books.outlive(record.connection, record.time)])

    def _failed(self, record: Record) -> Sequence[Event]:
        if self._exchanges.under_way.pop(record.connection, None) is not None:
            self.totals.http_errors += 1
        fields = record.json()
        status = Status("", record.time, None, str(fields.get("message", "error"))[:_LONGEST_DETAIL])
        refused = fields.get("refused")
        if refused is None:
            return (status,)
        self.totals.refused_frames += 1
        name = self.connections.get(record.connection, "?")
        detail = f"{name}: a message of {refused['size']} bytes, the limit is {refused['limit']}"
        gap = Gap("", record.time, None, "refused-frame", int(refused["since"]), None, detail)
        self._note(gap)
        return (status, gap)

    def _body(self, record: Record) -> Sequence[Event]:
        self.totals.frames += 1
        self.totals.bytes += len(record.payload)
        exchange = self._exchanges.under_way.pop(record.connection, None)
        if exchange is None and self._hole:
            self.totals.unplaced += 1
            return ()
        if exchange is None:
            return self._bad(record, f"a body on connection {record.connection} without a request")
        if not 200 <= exchange.status < 300:
            self.totals.http_errors += 1
            text = record.payload[:200].decode(errors="replace")
            return (Status("", record.time, None, f"{exchange.venue}: HTTP {exchange.status}: {text}"),)
        try:
            events = self._exchanges.read(exchange, record, [*self.books, *self.flows])
        except BadFrame as error:
            return self._bad(record, str(error), exchange.venue)
        return self._take(events, record.connection)

    # -- notes

    def _silent(self, record: Record) -> Sequence[Event]:
        fields = record.json()
        connection, since = int(fields["connection"]), int(fields["since"])
        self.totals.stalls += 1
        if connection in self.connections:
            self._stalled[connection] = since
        self._books.judge_silence(self._stalled, record.time)
        return (Status("", record.time, None, fields.get("message", f"connection {connection} is silent")),)

    def _end_stall(self, connection: int, time: int) -> None:
        if self._stalled.pop(connection, None) is not None:
            self._books.judge_silence(self._stalled, time)

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
        self.clocks.lose()
        # Of a keyframe in parts, those before and those after may not be of the same one.
        self._assembly = Assembly()
        return self._lose(gap, fields.get("connections"))

    def _lose(self, gap: Gap, connections: Sequence[int] | None) -> Sequence[Event]:
        if gap.kind != "gap":
            self._conversations.lost_count(connections)
        known = [gap, *self._books.lose(gap, connections)]
        self._flows.lose(connections)
        return self._note_all(known)

    def _mend(self, record: Record) -> Sequence[Event]:
        """Take from a keyframe what a hole swallowed, or what there was before the tape; else it says nothing new."""
        is_blank = not (self._hole or self.connections or self._exchanges.under_way or self.books or self.totals.frames)
        if not self._hole and not is_blank:
            return ()
        saved = self._assembly.add(record)
        if saved is None:
            return ()
        if is_blank:
            if any(saved[part] for part in ("connections", "exchanges", "books", "flows")):
                first = self.first
                self.restore(saved)
                self.first = first
            return ()
        self._restore_state(saved)
        flows = {target: (flow.trades, flow.quotes) for target, flow in self.flows.items()}
        self._flows.load(saved["flows"])
        for target, flow in self.flows.items():
            flow.trades, flow.quotes = flows.get(target, (0, 0))
        self.first = saved["first"] if self.first is None else self.first
        self._hole = False
        return self._note_all(self._books.mend(saved["books"], record.time))

    def _adopt(self, record: Record) -> Sequence[Event]:
        """Take over what another tape had when it began, or behind a hole, as far as it is not known here."""
        saved = record.json()
        lanes = saved.get("lanes", {}).get("of", {})
        said = saved.get("conversations", {})
        for number, name in saved["connections"].items():
            if int(number) not in self.connections:
                self._forget(self._conversations.adopt(int(number), name, said, record.time), record.time)
                self._lanes.opened(int(number), lanes.get(number))
                self.totals.connections += 1
            elif saved.get("mends"):
                self._conversations.learn(int(number), said)
        self._count_connections()
        for number, one in saved.get("exchanges", {}).items():
            self._exchanges.under_way.setdefault(int(number), msgspec.convert(one, Exchange))
        known: list[Event] = []
        for target, one in saved["books"].items():
            known += self._books.adopt(target, one, record.time, mends=saved.get("mends", False))
        self._flows.adopt(saved.get("flows", {}))
        self._flows.echoes.adopt(saved.get("echoes", []))
        self.clocks.adopt(saved.get("clocks", {}))
        for target, facts in saved["instruments"].items():
            self.instruments.setdefault(target, msgspec.convert(facts, Instrument))
        for number, since in saved.get("stalled", {}).items():
            self._stalled.setdefault(int(number), since)
        self._hole = saved.get("hole", self._hole)
        return self._note_all(known)

    def _mark(self, record: Record) -> Sequence[Event]:
        if len(self.markers) < MARKERS_KEPT:
            self.markers.append(Marker(record.time, marker_text(record)))
        return ()

    def _ticked(self, record: Record) -> Sequence[Event]:
        self.totals.clock_steps += self.clocks.ticked(record)
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
        return self._books.digests()

    # -- keyframes

    def keyframe(self) -> dict[str, Any]:
        """Return all state as JSON values, with this page's counters: a session that `restore`s it goes on as this one does."""
        build, page = msgspec.to_builtins, self._page
        flows = self._flows.save()
        for target, one in flows.items():
            one["trades"], one["quotes"] = page.flow(target, one["trades"], one["quotes"])
        return {
            "decoders": self._decoders.save(),
            "connections": {str(number): name for number, name in self.connections.items()},
            "conversations": self._conversations.save(),
            "exchanges": {str(number): build(exchange) for number, exchange in self._exchanges.under_way.items()},
            "stalled": {str(number): since for number, since in self._stalled.items()},
            "books": self._books.save(page),
            "flows": flows,
            "lanes": self._lanes.save(),
            "echoes": self._flows.echoes.save(),
            "clocks": self.clocks.save(),
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
        self._lanes.load(saved.get("lanes", {}))
        self._restore_state(saved)
        self._books.load(saved["books"])
        self._flows.load(saved["flows"])
        self.totals = convert(saved["totals"], Totals)
        self.unread = dict(saved["unread"])
        self._losses.load(saved["losses"])
        self.markers = convert(saved.get("markers", []), list[Marker])
        self.traffic = convert(saved.get("traffic", {}), dict[str, Traffic])
        self._hole = saved.get("hole", False)
        self.first = saved["first"]
        self._weighed_at = self.totals.bytes - saved.get("unweighed", 0)
        self._frames_before = {}
        self._page = Page()

    def _restore_state(self, saved: dict[str, Any]) -> None:
        """Take over what is no book, flow or count: what is open, and what is known of instruments."""
        self._decoders.take(saved)
        self._conversations.load(saved["connections"], saved.get("conversations", {}))
        self._exchanges.load(saved["exchanges"], saved["instruments"])
        self._stalled = {int(number): since for number, since in saved["stalled"].items()}
        self._lanes.load_connections(saved.get("lanes", {}))
        self._count_connections()
        self._flows.echoes.load(saved.get("echoes", []))
        self.clocks.load(saved.get("clocks", {}))

    def frames_of(self, target: str) -> int | None:
        """Return how many frames were about a target, on all pages; None where they are not counted one by one."""
        now, before = self.traffic.get(target), self._frames_before.get(target)
        return None if now is None and before is None else (now.frames if now else 0) + (before or 0)

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return every book's proof and counters, as `verify --json` prints them."""
        return books_as_json(self.books, Page())

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
            "books": books_as_json(self.books, page),
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
        return self._conversations.names

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Facts of every target that has a book or a flow, from the instrument lists that went by."""
        return self._exchanges.instruments

    @property
    def clocks(self) -> Clocks:
        """How the venues' clocks differ from the recorder's."""
        return self._exchanges.clocks

    @property
    def stalled(self) -> dict[int, int]:
        """Connections that have gone silent, and since when."""
        return self._stalled

    @property
    def exchanges(self) -> dict[int, Exchange]:
        """HTTP exchanges under way, by their numbers."""
        return self._exchanges.under_way

    @property
    def has_hole(self) -> bool:
        """Whether something is missing that only a keyframe can tell."""
        return self._hole

    @property
    def losses(self) -> list[Loss]:
        """The losses, as many as are listed one by one; `totals` counts all."""
        return self._losses.kept

    @property
    def contradicted(self) -> bool:
        """Whether a digest or a venue's checksum proves something wrong."""
        failed = sum(keeper.counters.checksums_failed for keeper in self.books.values())
        return bool(self.totals.digests_failed or failed)

    def loss_found(self) -> bool:
        """Tell whether anything was lost."""
        return bool(self.totals.losses or self.totals.dropped)
