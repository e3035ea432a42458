"""What the frames of a tape concern: which targets, by what their decoder reads in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from feedtape.errors import BadFrame, UsageError
from feedtape.model.records import BODY, KEYFRAME, OPEN, RECV, RECV_BINARY, REQUEST, STATE, Record
from feedtape.venues import registry
from feedtape.venues.contract import path_of


def base(target: str) -> str:
    """Return a target without its channel."""
    return target.partition("@")[0]


def targets_of(record: Record, venue: str | None) -> set[str]:
    """Return the targets that a frame of a WebSocket says anything about; none for one that is read by nobody."""
    if venue is None:
        return set()
    known = registry.venue(venue)
    decode = known.decode if record.kind == RECV else known.decode_binary
    try:
        return {base(event.target) for event in decode(record.payload, record.time) if event.target}
    except BadFrame:
        return set()


@dataclass
class Survey:
    """What each connection and each exchange of a stretch of tape carries.

    Attributes:
        held: all targets that the tape is known to hold.
        carried: targets by the number of the connection.
        exchanged: targets by the number of the exchange.
    """

    held: Iterable[str]
    names: dict[int, str]
    requests: dict[int, tuple[str, str]] = field(default_factory=dict)
    carried: dict[int, set[str]] = field(default_factory=dict)
    exchanged: dict[int, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._symbols = {target.lower(): target for target in self.held}
        for number in self.names:
            self.carried[number] = set()

    def take(self, records: Iterable[Record]) -> None:
        """Look through records."""
        for record in records:
            number = record.connection
            if record.kind in (RECV, RECV_BINARY):
                self.carried.setdefault(number, set()).update(targets_of(record, self.names.get(number)))
            elif record.kind == OPEN:
                self.names[number] = record.json()["venue"]
                self.carried.setdefault(number, set())
            elif record.kind in (KEYFRAME, STATE):
                # It tells of connections that were opened where the tape is damaged.
                self.names.update({int(one): name for one, name in record.json()["connections"].items()})
            elif record.kind == REQUEST:
                fields = record.json()
                self.requests[number] = (fields["venue"], fields["url"])
                self.exchanged[number] = set(self._named(fields["venue"], fields["url"]))
            elif record.kind == BODY and number in self.requests:
                self.exchanged[number] = self._asked(record) or self.exchanged.get(number, set())

    def _asked(self, record: Record) -> set[str]:
        venue, url = self.requests[record.connection]
        try:
            events = registry.venue(venue).decode_body(path_of(url), record.payload, record.time)
        except (BadFrame, UsageError):
            return set()
        return {base(event.target) for event in events if event.target}

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
