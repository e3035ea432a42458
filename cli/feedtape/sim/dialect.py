"""What a venue's protocol is to the simulated exchange, and where the dialects are found.

A dialect is pure: texts and paths in, frames and answers out. The exchange owns the sockets, the time, the
faults and the limits. A further venue is one module with a `Dialect` and one line in `DIALECTS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import cast

import orjson

from feedtape.errors import UsageError

from .faults import did_you_mean
from .history import BookState
from .instrument import Instrument
from .listing import Listing
from .market import Step

DIALECTS = {
    "binance": "binance:SPOT",
    "binance-usdm": "binance:USDM",
    "binance-coinm": "binance:COINM",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """A venue's heartbeat and limits; `weight_per_minute` counts REST calls."""

    ping_every: float
    pong_within: float
    messages_per_second: int
    weight_per_minute: int
    streams_per_connection: int = 1024
    connections_per_5_minutes: int = 300
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
    """What one connection has asked for; a stream that never speaks is kept with None."""

    target: str
    streams: dict[str, Stream | None] = field(default_factory=dict)


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
    says why a subscription to these symbols is refused, if it is.
    """

    listings: Mapping[str, Listing]
    now_ns: int
    book: Callable[[Listing], BookState]
    refuse: Callable[[Sequence[str]], str | None]


class Dialect(ABC):
    """A venue's protocol, spoken by the venue."""

    name: str
    symbols: tuple[str, ...]
    """What is listed unless other symbols are asked for."""
    rules: Rules

    @abstractmethod
    def instrument(self, symbol: str) -> Instrument:
        """Make up the facts of a symbol; `UsageError` if the venue could not list it."""

    @abstractmethod
    def open(self, target: str, desk: Desk) -> Session | None:
        """Accept a WebSocket connection to this path and query, or None."""

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

    @abstractmethod
    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        """Return the answer to a client that asks too much."""

    def used_weight(self, weight: int) -> dict[str, str]:
        """Return the headers that tell a client what it has used."""
        return {}


def load_dialect(venue: str) -> Dialect:
    """Return the dialect of a venue.

    Raises:
        UsageError: If the simulated exchange does not speak it.
    """
    place = DIALECTS.get(venue.lower())
    if place is None:
        raise UsageError(f"no simulated exchange for venue {venue!r}", hint=did_you_mean(venue.lower(), DIALECTS))
    module, name = place.split(":")
    return cast(Dialect, getattr(import_module(f"{__package__}.{module}"), name))
