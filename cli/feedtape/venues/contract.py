"""The venue contract: what a venue module declares, and what reads its frames.

A venue is pure protocol knowledge: no sockets, no files, no clock. Everything that it wants from the network it says as
plain values, which `feed` carries out and `replay` ignores.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
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

_RARE = frozenset({"liquidations"})
"""Channels that may say nothing for hours."""


@dataclass(frozen=True)
class Rate:
    """At most `count` within any `window_s` seconds."""

    count: int
    window_s: float


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the venue allows. A recorder stays below it.

    Attributes:
        connects: connection attempts, by address.
        connections: open at the same time, by address; None where the venue names no number.
        messages: client messages on one connection; all of these rates hold.
        messages_in_all: client messages on all connections of an address together, where that is limited.
        streams: streams on one connection; `streams_in_all` on all connections of an address together, where that is limited.
        books: book streams on one connection, where they are limited apart.
        streams_bytes: characters of all stream names of one connection together.
        request_streams: streams in one subscribe message.
        request_bytes: characters of one subscribe message, near enough: those of its stream names, and `ask_bytes` each.
        rest: REST weight; `weight_header` is the response header that tells what is used of it.
        bans: HTTP statuses beside 418 and 429 by which the venue says to stay away, each with for how many seconds.
    """

    connects: Rate
    messages: tuple[Rate, ...]
    rest: Rate
    streams: int
    streams_in_all: int | None = None
    connections: int | None = None
    messages_in_all: tuple[Rate, ...] = ()
    books: int | None = None
    streams_bytes: int | None = None
    request_streams: int = 100
    request_bytes: int | None = None
    ask_bytes: int = 0
    weight_header: str = ""
    bans: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """How either side shows that a connection lives.

    Attributes:
        silence_s: without any frame for so long, a connection that carries a busy stream is dead.
        server_ping_s: the venue pings so often by WebSocket's own frames; None when it does not.
        ping_every_s: we must send `Venue.ping` so often; None when nothing is expected of us.
        max_life_s: the venue ends a connection at this age; a new one is made before. None: it does not.
    """

    silence_s: float
    server_ping_s: float | None = None
    ping_every_s: float | None = None
    max_life_s: float | None = None


@dataclass(frozen=True)
class Request:
    """An HTTP request that the venue's protocol needs: a GET, or a POST where there is a `body`.

    `path` begins with a slash and holds the query.
    """

    path: str
    weight: int = 1
    body: str | None = None


class Page(NamedTuple):
    """A part of a venue's list of instruments, and what must be asked for the rest of it."""

    instruments: list[Instrument]
    more: list[Request]


class Stream(NamedTuple):
    """One thing to subscribe to.

    Attributes:
        name: the venue's own words for it, as one text; no two streams of a venue have the same.
        channel: which of `CHANNELS` it brings.
        symbol: whose; empty where it is of many symbols.
    """

    name: str
    channel: str
    symbol: str = ""


class Ask(NamedTuple):
    """A message that asks for streams, or gives them up.

    Attributes:
        id: what the venue's answer calls it by; empty where answers name streams, or nothing.
        frame: the text to send.
        streams: names of the streams that it is about.
    """

    id: str
    frame: bytes
    streams: tuple[str, ...]


@dataclass(frozen=True)
class ConnectionPlan:
    """One WebSocket connection to make. `path` is path and query under the venue's WebSocket address."""

    path: str
    streams: tuple[Stream, ...]

    @property
    def busy(self) -> bool:
        """Whether silence on it is suspicious."""
        return any(stream.channel not in _RARE for stream in self.streams)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its streams."""
        return tuple(stream.name for stream in self.streams)


class Conversation(ABC):
    """Reads the frames of one connection, in order.

    Most venues' frames tell all by themselves, and such a venue is its own conversation. Where a frame can be read only by
    what was said before on its connection (a channel's number, an order's price), `Venue.conversation` returns an object that
    remembers it, and `save` makes it part of every keyframe: what it returns must never depend on anything but the frames.
    """

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

    def save(self) -> Any:
        """Return what is remembered as JSON values; None where nothing is."""
        return None

    def load(self, saved: Any) -> None:  # noqa: B027  # most venues remember nothing
        """Take over what `save` returned."""


class Venue(Conversation):
    """One exchange market. Subclasses declare; they hold no state of a session."""

    name: ClassVar[str]
    """The venue's name in targets, such as `binance-usdm`."""
    title: ClassVar[str]
    decoder: ClassVar[str]
    """Name and version of the protocol that is read, `kraken/2`; a tape names the one that it was recorded under."""
    since: ClassVar[str]
    """The date from which that protocol holds, as far as documents tell."""
    earlier: ClassVar[tuple[type["Venue"], ...]] = ()
    """Decoders of the protocols before this one, the latest first: for captures of their day."""
    closed: ClassVar[str] = ""
    """When and why the venue ended; there is nothing to connect to then, and tapes and captures are read all the same."""
    ws_url: ClassVar[str]
    rest_url: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    """Which of `CHANNELS` the venue has."""
    books: ClassVar[tuple[str, ...]] = ()
    """Book streams that can be asked for by name, as `TARGET@NAME`; the first is the default."""
    order_books: ClassVar[str] = ""
    """The book stream that tells single orders, where there is one."""
    absent: ClassVar[str] = ""
    """What the venue offers no means for, in a sentence for its users; empty where it offers everything."""
    limits: ClassVar[Limits]
    heartbeat: ClassVar[Heartbeat]
    example: ClassVar[str]
    """A symbol that surely exists."""
    counts_from: ClassVar[int | None] = None
    """Number of a connection's first numbered frame, where the venue numbers the frames of a connection (see `Numbered`)."""
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Headers to send with every handshake and request: what the venue says depends on them."""
    greets: ClassVar[bool] = False
    """Whether the venue takes requests only after it has spoken first (see `Greeting`)."""

    # -- reading frames

    def conversation(self) -> Conversation:
        """Return what reads the frames of a new connection."""
        return self

    @abstractmethod
    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read the body of a successful answer to a request; nothing of one that says nothing of a market.

        Raises:
            BadFrame: as `decode`.
        """

    @abstractmethod
    def integrity(self, channel: str) -> Integrity:
        """Declare what a book stream lets one prove; an empty `channel` is the default one."""

    # -- subscribing

    @abstractmethod
    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Say which streams bring these channels of a target; what the venue does not have is left out.

        Raises:
            UsageError: when the target names a book stream that there is not.
        """

    def path(self, stream: Stream) -> str:
        """Return path and query of the connection that a stream belongs to."""
        return ""

    def plan(self, targets: Sequence[Target], channels: Sequence[str]) -> list[ConnectionPlan]:
        """Say which connections carry these targets and channels, within the venue's limits."""
        wanted: dict[str, Stream] = {}
        for target in targets:
            for stream in self.streams(target, channels):
                wanted.setdefault(stream.name, stream)
        by_path: dict[str, list[Stream]] = {}
        for stream in wanted.values():
            by_path.setdefault(self.path(stream), []).append(stream)
        return [ConnectionPlan(path, part) for path, streams in by_path.items() for part in self._parts(streams)]

    def _parts(self, streams: Sequence[Stream]) -> Iterator[tuple[Stream, ...]]:
        """Cut streams into what one connection may carry, the streams of a symbol together where they come together."""
        limits, part, books, size = self.limits, list[Stream](), 0, 0
        for stream in streams:
            is_book = stream.channel == "book"
            is_full = (
                len(part) >= limits.streams
                or (limits.books is not None and is_book and books >= limits.books)
                or (limits.streams_bytes is not None and size + len(stream.name) > limits.streams_bytes)
            )
            if is_full:
                yield tuple(part)
                part, books, size = [], 0, 0
            part.append(stream)
            books += is_book
            size += len(stream.name)
        if part:
            yield tuple(part)

    def requests(self, streams: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Cut streams into what one message may ask for."""
        limits, part, size = self.limits, list[str](), 0
        for stream in streams:
            grown = size + len(stream) + limits.ask_bytes
            if part and (
                len(part) >= limits.request_streams or (limits.request_bytes is not None and grown > limits.request_bytes)
            ):
                yield tuple(part)
                part, grown = [], len(stream) + limits.ask_bytes
            part.append(stream)
            size = grown
        if part:
            yield tuple(part)

    def opening(self) -> list[bytes]:
        """Return the texts to send first on a new connection, before anything is subscribed."""
        return []

    @abstractmethod
    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return the messages that subscribe these streams on an open connection, ids counting from `first_id`."""

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return the messages that give these streams up; none where a new subscription needs no such thing."""
        return []

    def ping(self, number: int, now: int) -> bytes:
        """Return the text that shows that we are there, the `number`-th on its connection; empty for a WebSocket ping.

        `now` is ns since 1970, for venues that want the time in it. Asked for where `heartbeat.ping_every_s` is declared.
        """
        return b""

    # -- requests

    @abstractmethod
    def snapshot_request(self, symbol: str) -> Request | None:
        """Return the request for a book snapshot; None when snapshots come in the stream."""

    @abstractmethod
    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return what to ask for the list of instruments.

        `symbols` are those that matter, patterns perhaps; a venue that must be asked kind by kind may ask for less then.
        """

    @abstractmethod
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read an answer to one of `instruments_requests`, or to what an earlier page asked for.

        Raises:
            BadFrame: when it cannot be read.
        """

    def lists_instruments(self, request: Request) -> bool:
        """Tell whether an answer to a request is for `instruments` to read, and not for `decode_body`."""
        named = request.path.partition("?")[0], request.body
        return any((one.path.partition("?")[0], one.body) == named for one in self.instruments_requests())

    def polls(self, symbol: str, channels: Sequence[str]) -> list[tuple[Request, float]]:
        """Return requests to repeat every so many seconds, for facts that no stream tells (open interest)."""
        return []

    def clock_request(self) -> Request | None:
        """Return the request for the venue's time; None where it has none, and an answer's date must do."""
        return None

    def clock(self, body: bytes) -> int:
        """Read the answer to `clock_request`, ns since 1970.

        Raises:
            BadFrame: when it tells no time.
        """
        raise BadFrame("this venue does not tell its time")

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
    if type(symbol) is not str:
        raise BadFrame("a symbol that is no text")
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
