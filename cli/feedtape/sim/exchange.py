"""The simulated exchange: one port that speaks a venue's WebSocket and REST, and tells the truth on `/sim/`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Stream, load_dialect
from .faults import Fault, FaultLog, FaultPlan, parse_faults
from .history import BookState
from .limits import RateWindow, WeightMeter
from .listing import Listing, open_listing
from .peer import Peer, SimConnection
from .truth import tell_truth

_FASTEST = 5_000.0
_TICK_S = 0.004
_MOST_STEPS_AT_ONCE = 64
_GIVE_UP_S = 1.0
_CLOSE_WITHIN_S = 2.0


class SimulatedExchange:
    """A venue's protocol over a seeded market.

    `rate` is depth updates per second and symbol. `ping_every` and `max_life` are seconds; None takes the
    venue's own. With `limits`, the venue's limits are enforced, not only reported. `tell` is called with
    each fault as it happens.

    Raises:
        UsageError: For a venue, symbol, rate or fault that cannot be had.
    """

    def __init__(
        self,
        venue: str,
        *,
        symbols: Sequence[str] | None = None,
        seed: int = 1,
        rate: float = 10,
        faults: Sequence[str] = (),
        limits: bool = False,
        ping_every: float | None = None,
        max_life: float | None = None,
        tell: Callable[[Fault], None] | None = None,
    ) -> None:
        if not 0 < rate <= _FASTEST:
            raise UsageError(f"rate must be above 0 and at most {_FASTEST:g}, not {rate:g}", hint="for example 10")
        self.dialect = load_dialect(venue)
        self.seed = seed
        self.rate = rate
        self.plan: FaultPlan = parse_faults(faults)
        self.log = FaultLog(self.elapsed, tell)
        instruments = [self.dialect.listed(symbol) for symbol in symbols or self.dialect.symbols]
        self.listings: Mapping[str, Listing] = {
            fact.symbol: open_listing(fact, seed=seed, venue=self.dialect.name, rate=rate) for fact in instruments
        }
        self.peers: dict[int, Peer] = {}
        self.steps = 0
        self.steps_skipped = 0
        self.refused_connections = 0
        self._calm = False
        # Where the venue sends no pings, the flag is of the signs of life that it sends in its own words.
        rules = self.dialect.rules
        self._ping_every = rules.ping_every and (ping_every or rules.ping_every)
        self._beat_every = rules.beat_every and (ping_every or rules.beat_every)
        self._max_life = max_life or self.dialect.rules.max_life
        self._limits = limits
        self._weight = WeightMeter(self.dialect.rules.weight_per_minute)
        self._attempts = RateWindow(*self.dialect.rules.connects)
        self._rest_rng = random.Random(f"{seed}/rest")
        # Each its own, so that how many requests came before does not decide which snapshot is old, or who is refused.
        self._limit_rng = random.Random(f"{seed}/rest-429")
        self._refusal_rng = random.Random(f"{seed}/refuse")
        self._opened_at = time.monotonic()
        self._opened_ns = time.time_ns()
        self._connections = 0
        self._running = asyncio.Event()
        self._running.set()
        self._topics: dict[str, dict[Stream, list[Peer]]] = {}
        self._tasks: asyncio.TaskGroup

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Open the exchange; yield its `ws://` address. REST is at `http://` on the same host and port."""
        # Listening comes first: its OSError is the caller's, not one of a group of tasks.
        server = await serve(
            self._converse,
            host,
            port,
            process_request=self._process_request,
            compression=None,
            ping_interval=None,
            close_timeout=_CLOSE_WITHIN_S,
            create_connection=partial(SimConnection, on_post=self._answer_post),  # type: ignore[arg-type]  # it is only called
            server_header=None,
        )
        failure: Exception | None = None
        async with asyncio.TaskGroup() as self._tasks, server:
            heart = self._tasks.create_task(self._run())
            name = f"[{host}]" if ":" in host else host
            try:
                yield f"ws://{name}:{server.sockets[0].getsockname()[1]}"
            except Exception as error:  # noqa: BLE001 - the caller's own, kept out of the task group's exception group
                failure = error
            finally:
                heart.cancel()
                for peer in self.peers.values():
                    # A client that is being stalled would not answer a close frame in time.
                    if peer.connection.stalled:
                        peer.connection.transport.abort()
        if failure is not None:
            raise failure

    def elapsed(self) -> float:
        """Return the seconds since the exchange was made, by the monotonic clock."""
        return time.monotonic() - self._opened_at

    def now_ns(self) -> int:
        """Return the venue's time; it never steps back."""
        return self._opened_ns + int(self.elapsed() * 1e9)

    @property
    def paused(self) -> bool:
        return not self._running.is_set()

    def pause(self) -> None:
        """Freeze the market between two steps; connections stay alive."""
        self._running.clear()

    def calm(self) -> None:
        """Let no further fault strike a frame."""
        self._calm = True
        for peer in self.peers.values():
            peer.calm()

    def resume(self) -> None:
        """Let the market go on."""
        self._running.set()

    # The market's time

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            if self.paused:
                await self._running.wait()
                due = time.monotonic()
            now = time.monotonic()
            if now - due > _GIVE_UP_S + 1 / self.rate:
                self.steps_skipped += int((now - due) * self.rate)
                due = now
            count = min(_MOST_STEPS_AT_ONCE, int((now - due) * self.rate))
            if count:
                self._advance(count)
                due += count / self.rate
            pause = 0 if count == _MOST_STEPS_AT_ONCE else _TICK_S
            await asyncio.sleep(max(pause, due + 1 / self.rate - time.monotonic()))

    def _advance(self, count: int) -> None:
        now_ns, payloads, wrap = self.now_ns(), self.dialect.payloads, self.dialect.wrap
        for _ in range(count):
            self.steps += 1
            for symbol, listing in self.listings.items():
                step = listing.advance()
                for stream, peers in self._topics.get(symbol, {}).items():
                    for payload in payloads(stream, listing, step, now_ns, self.rate):
                        for peer in peers:
                            peer.send(stream.name, wrap(peer.session, stream, payload))
        for peer in self.peers.values():
            peer.flush()

    def _index(self) -> None:
        """Note who hears what, after any change of that."""
        topics: dict[str, dict[Stream, list[Peer]]] = {}
        for peer in self.peers.values():
            for stream in peer.session.streams.values():
                if stream is not None:
                    topics.setdefault(stream.symbol, {}).setdefault(stream, []).append(peer)
        self._topics = topics

    # WebSocket

    async def _converse(self, connection: ServerConnection) -> None:
        assert isinstance(connection, SimConnection) and connection.request is not None
        session = self.dialect.open(connection.request.path, self._desk())
        assert session is not None, "refused by _process_request"
        self._connections += 1
        peer = Peer(self._connections, connection, session, self.plan, self.log, self.seed, binary=self.dialect.binary)
        self.peers[peer.number] = peer
        self._index()
        if self._calm:
            peer.calm()
        else:
            peer.schedule(lambda: self._close(peer, 1001, ""))
        if self._limits:
            self._watch_messages(peer)
        watch = self._tasks.create_task(self._watch(peer))
        for frame in self.dialect.greet(session, self._desk(peer)):
            peer.reply(frame)
        try:
            async for message in connection:
                text = message if isinstance(message, str) else message.decode(errors="replace")
                for frame in self.dialect.receive(session, text, self._desk(peer)):
                    peer.reply(frame)
                self._index()
                if session.dropped:
                    connection.transport.abort()
        except ConnectionClosed:
            pass
        finally:
            watch.cancel()
            peer.end()
            del self.peers[peer.number]
            self._index()

    async def _watch(self, peer: Peer) -> None:
        """Do what a venue does by the clock: ping, show that it lives, and end what does not answer or has lived its life."""
        rules = self.dialect.rules
        peer.connection.heard_at = time.monotonic()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._end_of_life(peer))]
            if self._ping_every:
                tasks.append(group.create_task(self._keep_alive(peer, self._ping_every)))
            if self._beat_every:
                tasks.append(group.create_task(self._beat(peer, self._beat_every)))
            if rules.client_within:
                tasks.append(group.create_task(self._expect_client(peer, rules.client_within)))
            if rules.subscribe_within:
                tasks.append(group.create_task(self._expect_subscription(peer, rules.subscribe_within)))
            await peer.connection.wait_closed()
            for task in tasks:
                task.cancel()

    async def _end_of_life(self, peer: Peer) -> None:
        await asyncio.sleep(self._max_life)
        if peer.connection.stalled:
            peer.connection.transport.abort()
        await peer.connection.close(1001, "maximum life of a connection")

    async def _keep_alive(self, peer: Peer, every: float) -> None:
        """Ping, and end the connection when it is not answered."""
        try:
            while True:
                await asyncio.sleep(every)
                if not await self._answers_ping(peer):
                    await peer.connection.close(1008, "Pong timeout")
                    return
        except ConnectionClosed:
            pass

    async def _beat(self, peer: Peer, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            for frame in self.dialect.beat(peer.session, self._desk(peer)):
                peer.reply(frame)
            if peer.session.dropped and not peer.connection.stalled:
                peer.connection.transport.abort()

    async def _expect_client(self, peer: Peer, within: float) -> None:
        """End a connection on which the client has said nothing for too long."""
        left = within
        while left > 0:
            await asyncio.sleep(left)
            left = peer.connection.heard_at + within - time.monotonic()
        if not peer.connection.stalled:
            peer.connection.transport.abort()

    async def _expect_subscription(self, peer: Peer, within: float) -> None:
        """End a connection on which nothing is subscribed in time."""
        await asyncio.sleep(within)
        if not peer.session.streams and not peer.connection.stalled:
            await peer.connection.close(1000, "no subscription")

    async def _answers_ping(self, peer: Peer) -> bool:
        """Ping a client; a stalled one is left alone, for its stall is our doing."""
        if peer.connection.stalled:
            return True
        pong = await peer.connection.ping(str(self.now_ns() // 1_000_000))
        try:
            async with asyncio.timeout(self.dialect.rules.pong_within):
                await pong
        except TimeoutError:
            return peer.connection.stalled
        return True

    def _watch_messages(self, peer: Peer) -> None:
        windows = [RateWindow(*rate) for rate in self.dialect.rules.messages]

        def count() -> None:
            now = time.monotonic()
            # Each window counts, whatever another has said.
            fitting = [window.add(now) for window in windows]
            if not all(fitting):
                self._close(peer, 1008, "Too many requests")

        peer.connection.on_frame = count

    def _close(self, peer: Peer, code: int, reason: str) -> None:
        self._tasks.create_task(peer.connection.close(code, reason))

    # HTTP

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urlsplit(request.path)
        query = dict(parse_qsl(url.query))
        if request.headers.get("Upgrade", "").lower() == "websocket":
            most = self.dialect.rules.connections
            if self._limits and (not self._attempts.add(time.monotonic()) or (most is not None and len(self.peers) >= most)):
                self.refused_connections += 1
                return _response(self.dialect.limited(60))
            return None if self.dialect.open(request.path, self._desk()) else _response(_NOT_FOUND)
        if url.path.startswith("/sim/"):
            return _response(tell_truth(self, url.path, query) or _NOT_FOUND)
        slow = self.plan.of("slow-rest")
        if slow:
            self.log.add("slow-rest", f"{request.path} held for {slow:g} s")
            await asyncio.sleep(slow)
        answer = self.dialect.http(url.path, query, self._desk()) or _NOT_FOUND
        refused = self._weight.add(answer.weight, time.time())
        if refused is not None and self._limits:
            answer = self.dialect.limited(refused[0], banned=refused[1])
        elif self._limit_rng.random() < self.plan.of("rest-429"):
            self.log.add("rest-429", request.path)
            answer = self.dialect.limited(1)
        return _response(answer, self.dialect.used_weight(self._weight.used))

    def _answer_post(self, path: str, body: bytes) -> Response:
        return _response(self.dialect.post(urlsplit(path).path, body, self._desk()) or _NOT_FOUND)

    def _desk(self, peer: Peer | None = None) -> Desk:
        number = None if peer is None else peer.number
        return Desk(self.listings, self.now_ns(), self._published, lambda symbols: self._refuse(symbols, number), self.rate)

    def _published(self, listing: Listing) -> BookState:
        """Return the book that REST publishes: like a venue's cache, often within the latest event, not after it."""
        rng, market = self._rest_rng, listing.market
        if rng.random() < self.plan.of("stale-snapshot"):
            back = max(1, int(rng.uniform(1, 5) * self.rate))
            state = market.state_at(listing.last_id_before(min(back, len(listing.recent))))
            self.log.add("stale-snapshot", f"{state.id}, not {market.last_id}", stream=listing.instrument.symbol)
            return state
        if not self.paused and listing.recent and rng.random() < 0.5:
            latest = listing.recent[-1]
            return market.state_at(rng.randint(latest.first, latest.last))
        return market.state()

    def _refuse(self, symbols: Sequence[str], number: int | None) -> str | None:
        # Faults name symbols in capitals, whatever the venue's own spelling.
        always = [symbol for symbol in symbols if symbol.upper() in self.plan.refused_symbols]
        if not always and not self._refusal_rng.random() < self.plan.of("refuse"):
            return None
        self.log.add("refuse", f"SUBSCRIBE of {', '.join(symbols)}", connection=number)
        return f"subscription refused for {', '.join(sorted(always) or symbols)}"


_NOT_FOUND = Answer({"code": 404, "msg": "Not found"}, 404)


def _response(answer: Answer, headers: Mapping[str, str] | None = None) -> Response:
    body = answer.encode()
    status = HTTPStatus(answer.status)
    fields = Headers({"Connection": "close", "Content-Length": str(len(body)), "Content-Type": "application/json;charset=UTF-8"})
    fields.update(headers or {})
    fields.update(answer.headers)
    return Response(status.value, status.phrase, fields, body)
