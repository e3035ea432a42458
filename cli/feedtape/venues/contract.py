"""The venue contract: what a venue module declares, and the one function that reads its frames.

A venue is pure protocol knowledge: no sockets, no files, no clock. Everything that it wants from the network it says as
plain values, which `feed` carries out and `replay` ignores.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from feedtape.book.rules import Integrity
from feedtape.errors import BadFrame
from feedtape.model.events import Event
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target

LONGEST_NAME = 200
"""Longest symbol or stream name that a decoder accepts: whatever is kept by name is bounded by it."""
DEEPEST = 400
"""Deepest nesting of JSON that is read. The parsers' own limits depend on how deep the caller's stack is, so that without
this one a replay might read what the recorder refused."""

CHANNELS = ("book", "trades", "quotes", "derivatives", "liquidations")
"""The channels that a user can ask for, by our names."""


@dataclass(frozen=True)
class Limits:
    """What the venue allows. A recorder stays below it.

    Attributes:
        messages_per_s: client messages a second on one connection.
        subscriptions: streams on one connection.
        connects: connection attempts within `connects_window_s`, by address.
        weight_per_minute: REST weight a minute, by address; `weight_header` is the response header that tells what is used.
    """

    messages_per_s: float
    subscriptions: int
    connects: int
    connects_window_s: float
    weight_per_minute: int
    weight_header: str = ""


@dataclass(frozen=True)
class Heartbeat:
    """How the venue shows that a connection lives.

    Attributes:
        silence_s: without any frame for so long, a connection that carries a busy stream is dead.
        server_ping_s: the venue pings so often; None when it does not.
        max_life_s: the venue ends a connection at this age; a new one is made before. None: it does not.
    """

    silence_s: float
    server_ping_s: float | None = None
    max_life_s: float | None = None


@dataclass(frozen=True)
class Request:
    """An HTTP GET that the venue's protocol needs. `path` begins with a slash and holds the query."""

    path: str
    weight: int = 1


@dataclass(frozen=True)
class ConnectionPlan:
    """One WebSocket connection to make.

    Attributes:
        path: path and query under the venue's WebSocket address.
        streams: the venue's own words for what to subscribe.
        busy: whether silence on it is suspicious (a liquidation stream may be silent for hours).
    """

    path: str
    streams: tuple[str, ...]
    busy: bool = True
    targets: tuple[str, ...] = field(default=())


class Venue(ABC):
    """One exchange market. Subclasses declare; they hold no state of a session."""

    name: ClassVar[str]
    """The venue's name in targets, such as `binance-usdm`."""
    title: ClassVar[str]
    decoder: ClassVar[str]
    """Name and version of the decoder, `binance/2`; a tape names the one that it was recorded under."""
    ws_url: ClassVar[str]
    rest_url: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    """Which of `CHANNELS` the venue has."""
    limits: ClassVar[Limits]
    heartbeat: ClassVar[Heartbeat]
    example: ClassVar[str]
    """A symbol that surely exists."""

    @abstractmethod
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one text frame.

        Raises:
            BadFrame: when it is malformed, or lacks what its kind must have.
        """

    def decode_binary(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one binary frame; a venue that sends such frames overrides this.

        Raises:
            BadFrame: as `decode`.
        """
        raise BadFrame("a binary frame, which this venue does not send")

    @abstractmethod
    def decode_body(self, path: str, body: bytes, recv: int) -> Sequence[Event]:
        """Read the body of a successful HTTP response to a request for `path`.

        Raises:
            BadFrame: as `decode`.
        """

    @abstractmethod
    def integrity(self, channel: str) -> Integrity:
        """Declare what a book stream lets one prove; an empty `channel` is the default one."""

    @abstractmethod
    def plan(self, targets: Sequence[Target], channels: Sequence[str]) -> list[ConnectionPlan]:
        """Say which connections carry these targets and channels, within the venue's limits."""

    @abstractmethod
    def subscribe(self, streams: Sequence[str], first_id: int) -> list[bytes]:
        """Return the text frames that subscribe `streams` on an open connection, ids counting from `first_id`."""

    @abstractmethod
    def snapshot_request(self, symbol: str) -> Request | None:
        """Return the request for a book snapshot; None when snapshots come in the stream."""

    @abstractmethod
    def instruments_request(self) -> Request:
        """Return the request for the list of instruments."""

    @abstractmethod
    def instruments(self, body: bytes) -> list[Instrument]:
        """Read the list of instruments.

        Raises:
            BadFrame: when it cannot be read.
        """

    def polls(self, symbol: str, channels: Sequence[str]) -> list[tuple[Request, float]]:
        """Return requests to repeat every so many seconds, for facts that no stream tells (open interest)."""
        return []

    def streams_named(self, payload: bytes) -> list[str]:
        """Return words of a frame among which is the stream that it came by, if the frame says so.

        Asked right after subscribing, until every stream was seen, so that one which stays silent is noticed. By default
        the first quoted texts of a frame; a venue whose frames do not name streams as `plan` does overrides this.
        """
        return payload[:300].decode(errors="replace").split('"')

    def may_be_silent(self, stream: str) -> bool:
        """Tell whether a stream may well say nothing for hours, as liquidations do."""
        return any(word in stream.lower() for word in ("forceorder", "liquidation"))

    def canonical_symbol(self, symbol: str) -> str:
        """Return a symbol in the case in which the venue writes it, as far as a rule tells."""
        return symbol.upper()


def path_of(url: str) -> str:
    """Return path and query of a URL: what is left of it when another address stands in for the venue's."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def named(symbol: str) -> str:
    """Return a symbol that a frame names, if it may be one.

    Raises:
        BadFrame: when it is empty or longer than any symbol is.
    """
    if not 0 < len(symbol) <= LONGEST_NAME:
        raise BadFrame(f"a symbol of {len(symbol)} characters")
    return symbol


_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
_ROUNDS = 4


def is_too_deep(payload: bytes) -> bool:
    """Tell whether JSON is nested deeper than `DEEPEST`. Brackets within texts count too; nobody sends hundreds of them."""
    if len(payload) < 2 * DEEPEST or payload.count(b"[") + payload.count(b"{") <= DEEPEST:
        return False
    brackets = payload.translate(None, _NOT_BRACKETS)
    # Innermost pairs go first, all at once: of an honest frame, which is wide and not deep, nothing is left to be counted.
    for _ in range(_ROUNDS):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in _OPENING else -1
        if depth > DEEPEST - _ROUNDS:
            return True
    return False
