"""What the frames of a tape concern: which targets, by what their decoder reads in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from feedtape.errors import BadFrame, UsageError
from feedtape.model.events import Numbered
from feedtape.model.records import BODY, CLOSE, HEADER, KEYFRAME, OPEN, RECV, RECV_BINARY, REQUEST, STATE, Record
from feedtape.session import Session
from feedtape.session.conversations import Conversations
from feedtape.session.exchanges import Exchange, request_of
from feedtape.venues.registry import Decoders


def base(target: str) -> str:
    """Return a target without its channel."""
    return target.partition("@")[0]


class Reading:
    """Reads what the frames of a stretch of tape concern: every record, in order, from the state just before it."""

    def __init__(self, before: Session) -> None:
        saved = before.keyframe()
        self._decoders = Decoders()
        self._decoders.take(saved)
        self._conversations = Conversations(self._decoders.venue)
        self._conversations.load(saved["connections"], saved["conversations"])

    @property
    def connections(self) -> Iterable[int]:
        """The connections that are open."""
        return self._conversations.names

    def take(self, record: Record) -> set[str]:
        """Return the targets that a frame of a WebSocket says anything about; none for one that is read by nobody.

        None either for a frame that belongs to all: where a venue numbers the frames of a connection, one that is left out
        would look like one that is missing.
        """
        kind, number = record.kind, record.connection
        if kind in (RECV, RECV_BINARY):
            return self._targets(record)
        if kind == HEADER:
            self._decoders.take(record.json())
        elif kind == OPEN:
            self._conversations.opened(number, record.json()["venue"], record.time)
        elif kind == CLOSE:
            self._conversations.closed(number)
        elif kind in (KEYFRAME, STATE):
            # It tells of connections that were opened where the tape is damaged, and what was said there on others.
            fields = record.json()
            said = fields.get("conversations", {})
            for one, name in fields["connections"].items():
                if int(one) in self._conversations.names:
                    self._conversations.learn(int(one), said)
                else:
                    self._conversations.adopt(int(one), name, said, record.time)
        return set()

    def _targets(self, record: Record) -> set[str]:
        conversation = self._conversations.by_number.get(record.connection)
        if conversation is None:
            return set()
        decode = conversation.decode if record.kind == RECV else conversation.decode_binary
        try:
            events = decode(record.payload, record.time)
        except BadFrame:
            return set()
        if events and type(events[0]) is Numbered:
            return set()
        return {base(event.target) for event in events if event.target}

    def asked(self, exchange: Exchange, record: Record) -> set[str]:
        """Return the targets that the answer to a request says anything about."""
        try:
            venue = self._decoders.venue(exchange.venue)
            events = (
                ()
                if venue.lists_instruments(exchange.request)
                else venue.decode_body(exchange.request, record.payload, record.time)
            )
        except (BadFrame, UsageError):
            return set()
        return {base(event.target) for event in events if event.target}


@dataclass
class Survey:
    """What each connection and each exchange of a stretch of tape carries.

    Attributes:
        held: all targets that the tape is known to hold.
        requests: exchanges that were under way before it.
        carried: targets by the number of the connection.
        exchanged: targets by the number of the exchange.
    """

    held: Iterable[str]
    reading: Reading
    requests: dict[int, Exchange] = field(default_factory=dict)
    carried: dict[int, set[str]] = field(default_factory=dict)
    exchanged: dict[int, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._symbols = {target.lower(): target for target in self.held}
        for number in self.reading.connections:
            self.carried[number] = set()

    def take(self, records: Iterable[Record]) -> None:
        """Look through records."""
        for record in records:
            number = record.connection
            targets = self.reading.take(record)
            if record.kind in (RECV, RECV_BINARY):
                self.carried.setdefault(number, set()).update(targets)
            elif record.kind == OPEN:
                self.carried.setdefault(number, set())
            elif record.kind == REQUEST:
                asked = self.requests[number] = request_of(record.json())
                self.exchanged[number] = set(self._named(asked.venue, asked.url))
            elif record.kind == BODY and number in self.requests:
                self.exchanged[number] = self.reading.asked(self.requests[number], record) or self.exchanged.get(number, set())

    def _named(self, venue: str, url: str) -> Iterator[str]:
        """Yield the targets whose symbols stand in a URL."""
        for _, value in parse_qsl(urlsplit(url).query):
            target = self._symbols.get(f"{venue}:{value}".lower())
            if target is not None:
                yield target

    def left_out(self, only: frozenset[str] | None, connections: frozenset[int]) -> frozenset[int]:
        """Return the connections and exchanges of which nothing is wanted; what concerns no target is wanted.

        Args:
            only: the targets that are wanted; None: all.
            connections: those that are wanted; none given: all.
        """
        out = set()
        carried = set().union(*(self.carried.get(number, set()) for number in connections))
        for number, targets in self.carried.items():
            if (connections and number not in connections) or _is_foreign(targets, only):
                out.add(number)
        for number, targets in self.exchanged.items():
            if _is_foreign(targets, only) or (connections and _is_foreign(targets, frozenset(carried))):
                out.add(number)
        return frozenset(out)


def _is_foreign(targets: set[str], only: frozenset[str] | None) -> bool:
    return only is not None and bool(targets) and not targets & only


def held_by(header: Mapping[str, object], statistics: Iterable[Mapping[str, object]], more: Iterable[str]) -> list[str]:
    """Return the targets that a tape is known to hold, by its header, its indexes, and what was built of it."""
    named = header.get("targets")
    found = [base(str(target)) for target in (named if isinstance(named, list) else [])]
    for one in statistics:
        for name in ("books", "flows"):
            part = one.get(name)
            found += [base(str(target)) for target in (part if isinstance(part, dict) else {})]
    return list(dict.fromkeys([*found, *map(base, more)]))
