"""What a venue's protocol is to the simulated exchange, and where the dialects are found.

A dialect is pure: texts and paths in, frames and answers out. The exchange owns the sockets, the time, the
faults and the limits. Every installed package can bring dialects, under the entry point group `feedtape.dialects`.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points

import orjson

from feedtape.errors import UsageError

from .faults import did_you_mean
from .history import BookState
from .instrument import Instrument
from .listing import Listing
from .market import Step

GROUP = "feedtape.dialects"
Rate = tuple[int, float]
"""So many within so many seconds."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A venue's heartbeat and limits, in seconds.

    `ping_every` is of WebSocket pings, None where the venue sends none; `beat_every` of signs of life in its own words.
    A client that has sent nothing for `client_within`, or has not subscribed to anything within `subscribe_within`, is cut off.
    `messages` are a connection's, `connects` an address's, `connections` those that may be open; `weight_per_minute` counts
    REST calls.
    """

    ping_every: float | None = None
    pong_within: float = 60.0
    beat_every: float | None = None
    client_within: float | None = None
    subscribe_within: float | None = None
    messages: tuple[Rate, ...] = ()
    connects: Rate = (300, 300.0)
    connections: int | None = None
    streams_per_connection: int = 1024
    weight_per_minute: int = 6000
    max_life: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that the exchange can fill: the name on the wire, and what it means."""

    name: str
    symbol: str
    kind: str
    every: float | None = None
    """Seconds between two events; None: with every step."""
    levels: int = 0
    micro: bool = False
    """Whether times are in microseconds."""


@dataclass(slots=True)
class Session:
    """What one connection has asked for; a stream that never speaks is kept with None.

    `sent` counts frames for venues that number those of a connection: the dialect's own business. A dialect sets `dropped` where
    the venue ends a connection without a word.
    """

    target: str
    streams: dict[str, Stream | None] = field(default_factory=dict)
    sent: int = 0
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `weight` is what the request costs."""

    body: object
    status: int = 200
    weight: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        return orjson.dumps(self.body)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a dialect may look at to answer a request.

    `book` gives the state to publish for a listing (the exchange may hand out one of the past), `refuse`
    says why a subscription to these symbols is refused, if it is. `rate` is that of the market's steps, in one second.
    """

    listings: Mapping[str, Listing]
    now_ns: int
    book: Callable[[Listing], BookState]
    refuse: Callable[[Sequence[str]], str | None]
    rate: float = 10.0


class Dialect(ABC):
    """A venue's protocol, spoken by the venue."""

    name: str
    symbols: tuple[str, ...]
    """What is listed unless other symbols are asked for."""
    rules: Rules
    binary = False
    """Whether the venue's frames are binary ones."""

    @abstractmethod
    def instrument(self, symbol: str) -> Instrument:
        """Make up the facts of a symbol; `UsageError` if the venue could not list it."""

    def listed(self, symbol: str) -> Instrument:
        """Make up the facts of a symbol that somebody typed.

        Raises:
            UsageError: If the venue could not list it; those of the usual ones that are near are named.
        """
        try:
            return self.instrument(symbol)
        except UsageError as error:
            near = difflib.get_close_matches(symbol.upper(), self.symbols, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else error.hint
            raise UsageError(f"{self.name} has no symbol {symbol!r}", hint=hint) from error

    @abstractmethod
    def open(self, target: str, desk: Desk) -> Session | None:
        """Accept a WebSocket connection to this path and query, or None."""

    def greet(self, session: Session, desk: Desk) -> list[bytes]:
        """Return the frames that the venue sends first."""
        return []

    def beat(self, session: Session, desk: Desk) -> list[bytes]:
        """Return the signs of life that are due every `rules.beat_every` seconds."""
        return []

    @abstractmethod
    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        """Take a message of the client; return the frames to answer with."""

    @abstractmethod
    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        """Return what the stream says after this step."""

    @abstractmethod
    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        """Return the frame that carries a payload to the client."""

    @abstractmethod
    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        """Answer a plain HTTP request, or None if the path is unknown."""

    def post(self, path: str, body: bytes, desk: Desk) -> Answer | None:
        """Answer an HTTP POST, or None if the path is unknown."""
        return None

    @abstractmethod
    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        """Return the answer to a client that asks too much."""

    def used_weight(self, weight: int) -> dict[str, str]:
        """Return the headers that tell a client what it has used."""
        return {}


@cache
def names() -> tuple[str, ...]:
    """The venues whose protocol the simulated exchange speaks, in order."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def load_dialect(venue: str) -> Dialect:
    """Return the dialect of a venue.

    Raises:
        UsageError: If the simulated exchange does not speak it.
    """
    for point in entry_points(group=GROUP):
        if point.name == venue.lower():
            dialect: Dialect = point.load()
            return dialect
    raise UsageError(f"no simulated exchange for venue {venue!r}", hint=did_you_mean(venue.lower(), names()))
