"""What two sides that differ say: frames decoded by themselves, and their fields and levels held against each other."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Any, Final, NamedTuple

import orjson

from feedtape.errors import BadFrame, FeedtapeError
from feedtape.model.decimals import canonical
from feedtape.model.events import BookDelta, BookSnapshot, Event, Levels
from feedtape.model.records import BODY, HEADER, KEYFRAME, OPEN, RECV, RECV_BINARY, REQUEST, STATE, Record
from feedtape.replay.select import match_target
from feedtape.session.exchanges import Exchange, request_of
from feedtape.venues.contract import Conversation, Venue
from feedtape.venues.registry import Decoders

CHANGES_KEPT: Final = 100
"""Changed fields and levels of one difference that are listed."""
_CONNECTIONS_KEPT = 10_000
_DEEPEST = 6

spelled = lru_cache(65_536)(canonical)
"""`canonical`, remembered: the same prices and sizes come again and again."""


class Change(NamedTuple):
    """One field or level, on both sides; None where a side does not have it."""

    target: str
    what: str
    a: str | None
    b: str | None


class Only:
    """Which targets are wanted; all, where none is named."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._wanted = {name.lower() for name in names}
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def wants(self, target: str) -> bool:
        """Tell whether a target, or the stream `target@channel`, is one of them."""
        if not self._wanted:
            return True
        found = self._known.get(target)
        if found is None:
            plain = target.lower()
            spellings = {plain, plain.partition("@")[0]}
            spellings |= {one.partition(":")[2] for one in spellings}
            found = self._known[target] = bool(spellings & self._wanted)
        return found

    def check(self) -> None:
        """Check that each of them was met.

        Raises:
            UsageError: when one was not; the hint names what the tapes do hold.
        """
        for name in self._names:
            match_target(name, dict.fromkeys(target.partition("@")[0] for target in self._known if target))


class Wire:
    """The connections of one tape: what is needed to decode any of its frames by itself."""

    def __init__(self) -> None:
        self._conversations: dict[int, Conversation] = {}
        self._requests: dict[int, tuple[Venue, Exchange]] = {}
        self._decoders = Decoders()

    def note(self, record: Record) -> None:
        """Take a record that is no frame. One that cannot be read tells nothing: what follows it is then not decoded."""
        kind = record.kind
        if kind not in (HEADER, OPEN, REQUEST, KEYFRAME, STATE):
            return
        try:
            fields = record.json()
            if kind == HEADER:
                self._decoders.take(fields)
            elif kind == OPEN:
                self._open(record.connection, fields["venue"])
            elif kind == REQUEST:
                if len(self._requests) >= _CONNECTIONS_KEPT:
                    del self._requests[next(iter(self._requests))]
                asked = request_of(fields)
                self._requests[record.connection] = self._decoders.venue(asked.venue), asked
            else:
                for number, name in fields["connections"].items():
                    self._open(int(number), name)
        except (FeedtapeError, ValueError, KeyError, TypeError, AttributeError):
            return

    def _open(self, connection: int, name: str) -> None:
        if len(self._conversations) >= _CONNECTIONS_KEPT:
            del self._conversations[next(iter(self._conversations))]
        self._conversations[connection] = self._decoders.venue(name).conversation()

    def url(self, connection: int) -> str:
        """Return what an HTTP exchange asked for."""
        return self._requests[connection][1].url if connection in self._requests else ""

    def read(self, record: Record) -> Sequence[Event]:
        """Decode a frame; nothing comes of what is none.

        Raises:
            BadFrame: when the venue's decoder cannot read it, or nobody knows whose it is.
        """
        kind, connection = record.kind, record.connection
        if kind in (RECV, RECV_BINARY):
            said = self._conversations.get(connection)
            if said is None:
                raise BadFrame("a frame on a connection that was never opened")
            return (said.decode if kind == RECV else said.decode_binary)(record.payload, record.time)
        if kind == BODY and connection in self._requests:
            venue, asked = self._requests[connection]
            return venue.decode_body(asked.request, record.payload, record.time)
        return ()


def changes_between(a: Record, b: Record, wire_a: Wire, wire_b: Wire) -> tuple[list[Change], list[str]]:
    """Return what differs between two records of one kind, and the targets that they concern.

    Frames are compared as the events that they mean, everything else, and what no decoder reads, as JSON.
    """
    said_a, error_a = _read(wire_a, a)
    said_b, error_b = _read(wire_b, b)
    targets = list(dict.fromkeys(event.target for event in (*said_a, *said_b) if event.target))[:20]
    if error_a or error_b:
        return [Change("", "decoded", error_a or "it can be read", error_b or "it can be read")], targets
    found = list(islice(_event_changes(said_a, said_b), CHANGES_KEPT))
    if not found:
        found = list(islice(_json_changes(a.payload, b.payload), CHANGES_KEPT))
    return found, targets


def _read(wire: Wire, record: Record) -> tuple[Sequence[Event], str]:
    try:
        return wire.read(record), ""
    except BadFrame as error:
        return (), str(error)


def _event_changes(a: Sequence[Event], b: Sequence[Event]) -> Iterator[Change]:
    for one, other in zip_longest(a, b):
        if type(one) is not type(other) or one.target != other.target:
            target = one.target if one is not None else other.target
            yield Change(target, "event", _name(one), _name(other))
            continue
        for name in one.__struct_fields__:
            x, y = getattr(one, name), getattr(other, name)
            if name in ("bids", "asks"):
                yield from level_changes(one.target, name, x, y)
            elif x != y and name != "recv":
                yield Change(one.target, name, _text(x), _text(y))


def level_changes(target: str, side: str, a: Levels, b: Levels) -> Iterator[Change]:
    """Yield the levels whose sizes differ, by price as the first side has it, with the sizes of both."""
    ours = {spelled(price): size for price, size in a}
    theirs = {spelled(price): size for price, size in b}
    for price in dict.fromkeys([*ours, *theirs]):
        x, y = ours.get(price), theirs.get(price)
        if x is None or y is None or spelled(x) != spelled(y):
            yield Change(target, f"{side[:-1]} {price}", x, y)


def _name(event: Event | None) -> str | None:
    if event is None:
        return None
    return "book" if isinstance(event, BookDelta | BookSnapshot) else type(event).__name__.lower()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _json_changes(a: bytes, b: bytes) -> Iterator[Change]:
    try:
        yield from value_changes("", orjson.loads(a), orjson.loads(b))
    except ValueError:
        return


def value_changes(name: str, a: Any, b: Any, depth: int = 0) -> Iterator[Change]:
    """Yield the places at which two JSON values differ, by their path."""
    if a == b and type(a) is type(b):
        return
    if depth < _DEEPEST and type(a) is type(b) is dict:
        for key in dict.fromkeys([*a, *b]):
            yield from value_changes(f"{name}.{key}" if name else key, a.get(key), b.get(key), depth + 1)
    elif depth < _DEEPEST and type(a) is type(b) is list and len(a) == len(b):
        for number, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from value_changes(f"{name}[{number}]", one, other, depth + 1)
    else:
        yield Change("", name, _json(a), _json(b))


def _json(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return str(value)
