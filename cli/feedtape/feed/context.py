"""What the parts of one live feed share."""

import asyncio
import itertools
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from feedtape.book.keeper import State
from feedtape.feed.address import Address
from feedtape.feed.clock import Clock
from feedtape.feed.connection import MAX_MESSAGE, Connection
from feedtape.feed.logbook import Take
from feedtape.feed.pace import Attempts, Backoff, Messages
from feedtape.feed.rest import Rest
from feedtape.session import Session
from feedtape.venues.contract import Venue

if TYPE_CHECKING:
    from feedtape.feed.subscription import Subscription


@dataclass
class Context:
    """One recording's shared things.

    Attributes:
        silence_s: takes the place of every venue's own silence limit, where given; `max_life_s` likewise.
        backoff_s: the first delay before an attempt is repeated.
        max_frame: largest message that is taken, in bytes.
        connections: those that are open or about to be.
        subscriptions: what is asked for on each connection that is served, by its number.
        wanted: set when a book may want a snapshot.
        refused: set when a line was refused everything.
        ever_open: whether any connection ever opened; before that, failures are the user's to know, not ours to sit out.
    """

    session: Session
    take: Take
    clock: Clock
    rng: random.Random
    say: Callable[[str], None]
    silence_s: float | None = None
    max_life_s: float | None = None
    backoff_s: float = 0.5
    max_frame: int = MAX_MESSAGE
    connections: set[Connection] = field(default_factory=set)
    subscriptions: dict[int, "Subscription"] = field(default_factory=dict)
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    ever_open: bool = False
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        """Return the next connection number; 0 is the recorder's own."""
        return next(self._numbers)

    def backoff(self) -> Backoff:
        """Return new delays."""
        return Backoff(self.rng, base_s=self.backoff_s)

    def wants_stream(self, connection: int, target: str, *, only_broken: bool = False) -> bool:
        """Tell whether a book of a target would be whole again if its stream on a connection began anew."""
        return any(
            connection in keeper.wants_stream and (keeper.state is State.BROKEN or not only_broken)
            for name, keeper in self.session.books.items()
            if name.partition("@")[0] == target
        )

    def snapshots_on(self, connection: int, target: str) -> int:
        """How many book snapshots of a target a connection has brought."""
        books = self.session.books.items()
        return sum(keeper.snapshots_on(connection) for name, keeper in books if name.partition("@")[0] == target)

    def after_read(self) -> None:
        """Wake whoever fetches snapshots when a book wants one."""
        if self.session.wanting:
            self.wanted.set()


@dataclass(frozen=True)
class Access:
    """The way to one venue: where it is, and what its limits leave us.

    `messages` are those that the venue counts over all connections together.
    """

    venue: Venue
    address: Address
    rest: Rest
    attempts: Attempts
    messages: Messages
    tls: ssl.SSLContext | None


@dataclass(frozen=True)
class ConnectionInfo:
    """How a connection does, for a status panel.

    Attributes:
        number: None while there is none.
        state: `connecting`, `connected`, `stalled`, `renewing`, `refused` or `backing off`.
        since: when it came into that state, ns since 1970; `last_frame` likewise, None before the first.
        attempts: connection attempts so far, failed ones included.
        lane: which of several parallel lines it is of, None where there is one.
    """

    number: int | None
    venue: str
    host: str
    state: str
    since: int
    frames: int
    last_frame: int | None
    attempts: int
    streams: int
    lane: int | None = None
