"""Keeping one planned connection up: connect, subscribe, watch, renew, and connect again whatever happens."""

import asyncio
import enum
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from feedtape.errors import VenueError
from feedtape.feed.connection import Connection
from feedtape.feed.context import Access, ConnectionInfo, Context
from feedtape.feed.pace import STABLE_S
from feedtape.feed.silence import Finding, Silence
from feedtape.feed.subscription import Subscription
from feedtape.venues.contract import ConnectionPlan

FIRST_ATTEMPTS: Final = 5
"""Attempts before a venue that was never reached is given up."""
REFUSED_PAUSE_S: Final = 60.0
_LIFE_SHARE: Final = 23 / 24
_LIFE_JITTER: Final = 0.02
"""Part of the life by which lines differ, at random and from lane to lane: parallel lines must not be renewed at once."""
_GRACE_S: Final = 0.5
"""For the closing handshake of a connection that is most likely dead."""
_HANDOVER_S: Final = 30.0
_MOST_OLD: Final = 2
"""Old connections that are kept open for a newcomer to relieve: a venue may ask for new ones without end."""
_LASTED_S: Final = 600.0
"""A connection that is given up later than that was not given up for the same reason as the one before."""
_PATIENCE_LIMIT: Final = 32.0


class _End(enum.Enum):
    """Why a connection is no longer served."""

    CLOSED = "closed"
    SILENT = "silent"
    REFUSED = "refused"
    AGED = "aged"
    DISMISSED = "dismissed by the venue"
    WORN = "books are broken"


class Line:
    """One connection of a plan, through all its successors.

    `lane` numbers parallel lines of the same plan, from 1 on; None where there is one line alone.
    """

    def __init__(self, plan: ConnectionPlan, access: Access, context: Context, lane: int | None = None) -> None:
        self.refused: str | None = None
        """The venue's words when it refuses every stream of the line, and has always done so."""
        self._plan = plan
        self._lane = lane
        self._access = access
        self._context = context
        self._url = access.address.ws + plan.path
        self._backoff = context.backoff()
        self._connection: Connection | None = None
        self._old: list[Connection] = []
        self._state = "connecting"
        self._since = context.clock.now()
        self._attempts = 0
        self._delivered = False
        self._patience = 1.0
        self._worn = 0
        """How many connections were given up for their books, one soon after the other."""
        heartbeat = access.venue.heartbeat
        self._silence_s = context.silence_s or heartbeat.silence_s
        self._max_life_s = context.max_life_s or heartbeat.max_life_s

    async def run(self) -> None:
        """Keep the line up until cancelled.

        Raises:
            VenueError: when no connection of the whole feed could ever be made.
        """
        while True:
            connection = await self._up()
            end = await self._serve(connection)
            self._old = [old for old in self._old if not old.closed.done()]
            lasted_s = (self._context.clock.now() - connection.opened_at) / 1e9
            self._worn = (self._worn if lasted_s < _LASTED_S else 0) + 1 if end is _End.WORN else 0
            if end in (_End.AGED, _End.DISMISSED):
                self._old.append(connection)
                for old in self._old[:-_MOST_OLD]:
                    old.close("renewed")
                self._context.say(f"{self._name}: connection {connection.number} is being renewed: {end.value}")
            await self._end(connection, end)

    async def _end(self, connection: Connection, end: _End) -> None:
        if end in (_End.SILENT, _End.REFUSED, _End.WORN):
            connection.close(end.value, within_s=_GRACE_S)
            await connection.wait_closed()
        delay = self._backoff.down()
        if end is _End.REFUSED:
            delay = REFUSED_PAUSE_S
            self._turn("refused")
        elif end in (_End.CLOSED, _End.SILENT, _End.WORN):
            code, reason, by = connection.ended or (1006, "", "network")
            why = f"closed by {by}, code {code}" + (f", {reason!r}" if reason else "")
            self._context.say(f"{self._name}: connection {connection.number} {why}; connecting again in {delay:.1f} s")
            self._turn("backing off")
        elif end is _End.AGED or self._context.clock.now() - connection.opened_at > STABLE_S * 1e9:
            return
        await asyncio.sleep(delay)

    async def _up(self) -> Connection:
        """Return an open connection, however many attempts it takes."""
        context, access = self._context, self._access
        while True:
            await access.attempts.wait()
            self._turn("connecting")
            self._attempts += 1
            connection = Connection(
                context.number(),
                self._name,
                self._url,
                self._plan.names,
                take=context.take,
                clock=context.clock,
                max_size=context.max_frame,
                lane=self._lane,
                headers=access.venue.headers,
            )
            connection.after_read = context.after_read
            context.connections.add(connection)
            try:
                await connection.connect(access.tls)
            except VenueError as error:
                context.connections.discard(connection)
                await self._failed(error)
                continue
            connection.closed.add_done_callback(partial(self._gone, connection))
            context.ever_open = True
            self._backoff.up()
            self._connection = connection
            self._turn("connected")
            return connection

    def _gone(self, connection: Connection, closed: "asyncio.Future[None]") -> None:
        self._context.connections.discard(connection)

    async def _failed(self, error: VenueError) -> None:
        context = self._context
        if not context.ever_open and self._attempts >= FIRST_ATTEMPTS:
            raise VenueError(f"{error}, {self._attempts} attempts", hint=error.hint or "--url names another address")
        delay = self._backoff.down()
        context.say(f"{error}; next attempt in {delay:.1f} s")
        self._turn("backing off")
        await asyncio.sleep(delay)

    async def _serve(self, connection: Connection) -> _End:
        subscription = Subscription(connection, self._plan, self._access, self._context, self._worn)
        self._context.subscriptions[connection.number] = subscription
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(subscription.run())]
                if self._old:
                    tasks.append(group.create_task(self._relieve(subscription, connection.number)))
                end = await self._watch(connection, subscription)
                for task in tasks:
                    task.cancel()
        finally:
            del self._context.subscriptions[connection.number]
        if end is _End.REFUSED:
            self.refused = None if self._delivered else next(iter(subscription.refused.values()))
            self._context.refused.set()
        return end

    async def _watch(self, connection: Connection, subscription: Subscription) -> _End:
        clock = self._context.clock
        silence = Silence(connection, subscription, self._context, self._silence_s, self._patience)
        tick, renew_at = min(1.0, self._silence_s / 10), None
        if self._max_life_s is not None:
            spread = (self._lane or 1) - 1 + self._context.rng.random()
            life_s = self._max_life_s * _LIFE_SHARE * max(0.5, 1 - _LIFE_JITTER * spread)
            renew_at = connection.opened_at + int(life_s * 1e9)
            tick = min(tick, self._max_life_s / 50)
        while True:
            over = connection.closed, subscription.over
            await asyncio.wait(over, timeout=tick, return_when=asyncio.FIRST_COMPLETED)
            self._delivered = self._delivered or subscription.delivered
            if connection.closed.done():
                connection.closed.result()
                return _End.CLOSED
            if subscription.hopeless:
                return _End.REFUSED
            if subscription.renew:
                return _End.DISMISSED
            if subscription.worn:
                self._context.say(f"{self._name}: connection {connection.number} is replaced: {subscription.worn}")
                return _End.WORN
            if renew_at is not None and clock.now() >= renew_at:
                return _End.AGED
            if self._plan.busy and self._look(silence) is Finding.DEAD:
                return _End.SILENT

    def _look(self, silence: Silence) -> Finding:
        finding = silence.look(self._context.clock.now())
        if finding is Finding.FINE:
            self._turn("connected")
        elif finding is Finding.STALLED:
            self._turn("stalled")
        elif silence.is_only_idle:
            # A market that rests looks the same after reconnecting: ask less and less often.
            self._patience = min(_PATIENCE_LIMIT, self._patience * 2)
        return finding

    async def _relieve(self, subscription: Subscription, newcomer: int) -> None:
        """Close the old connections once the new one delivers what they delivered."""
        while not subscription.complete.is_set():
            try:
                async with asyncio.timeout(min(_HANDOVER_S, self._silence_s)):
                    await subscription.complete.wait()
            except TimeoutError:
                if subscription.delivered:
                    break
        for old in self._old:
            old.close("renewed", relieved_by=newcomer)
        for old in self._old:
            await old.wait_closed()

    # -- status

    @property
    def _name(self) -> str:
        return self._access.venue.name

    def _turn(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._since = self._context.clock.now()

    def infos(self) -> list[ConnectionInfo]:
        """Return how the line does, and its old connections while they are being relieved."""
        infos = [self._info(self._connection, self._state, self._since)]
        return infos + [self._info(old, "renewing", old.opened_at) for old in self._old if not old.closed.done()]

    def _info(self, connection: Connection | None, state: str, since: int) -> ConnectionInfo:
        return ConnectionInfo(
            number=None if connection is None else connection.number,
            venue=self._name,
            host=urlsplit(self._url).hostname or "",
            state=state,
            since=since,
            frames=0 if connection is None else connection.frames,
            last_frame=connection.last_frame if connection is not None and connection.frames else None,
            attempts=self._attempts,
            streams=len(self._plan.streams),
            lane=self._lane,
        )
