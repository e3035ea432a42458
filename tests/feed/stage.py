"""A venue of a few lines to rehearse on: Binance spot's protocol, with everything that can go wrong at a test's command."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from feedtape.feed.clock import Clock
from feedtape.feed.connection import Connection
from feedtape.feed.live import LiveFeed
from feedtape.model.events import Event
from feedtape.model.records import Record
from feedtape.model.targets import Target
from feedtape.session import Session
from feedtape.venues import registry

EVERY_S = 0.005


@dataclass
class Answer:
    """An HTTP answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Stage:
    """One symbol's diff stream, ids counting by one, sent to all who subscribed."""

    def __init__(self) -> None:
        self.symbols = ["BTCUSDT", "BTCUSDC", "ETHUSDT"]
        self.last_id = 100
        self.muted: set[int] = set()
        """Numbers of connections, in the order of their coming, that get nothing more."""
        self.silent_streams: set[str] = set()
        self.refuse: Callable[[dict[str, Any], int], dict[str, Any] | None] = lambda request, connection: None
        self.handshakes: list[Answer] = []
        """Answers in place of the next handshakes."""
        self.depth: list[Answer] = []
        """Answers to the next snapshot requests, in place of the right one."""
        self.times: list[Answer] = []
        """Answers to the next requests for the time, likewise."""
        self.http: list[tuple[float, str]] = []
        """Every HTTP request: when, by the loop's clock, and for what."""
        self.requests: list[tuple[int, dict[str, Any]]] = []
        self.connections: dict[int, ServerConnection] = {}
        self.coming = 0
        self.streams: dict[int, list[str]] = {}

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Open the venue and yield its address."""
        async with asyncio.TaskGroup() as group:
            server = serve(self._converse, "127.0.0.1", 0, process_request=self._process, compression=None, ping_interval=None)
            async with server as listening:
                beat = group.create_task(self._beat())
                try:
                    yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
                finally:
                    beat.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            self.last_id += 1
            for number, connection in list(self.connections.items()):
                for stream in self.streams[number]:
                    if number in self.muted or stream in self.silent_streams:
                        continue
                    try:
                        await connection.send(self.frame(stream))
                    except ConnectionClosed:
                        break

    def frame(self, stream: str) -> str:
        """Return the stream's frame of now."""
        symbol, _, kind = stream.partition("@")
        data: dict[str, Any] = {"s": symbol.upper(), "E": 1_700_000_000_000 + self.last_id}
        if kind == "trade":
            data |= {"e": "trade", "T": data["E"], "t": self.last_id, "p": "10.0", "q": "1", "m": True}
        else:
            data |= {"e": "depthUpdate", "U": self.last_id, "u": self.last_id, "b": [["10.0", str(self.last_id)]], "a": []}
        return orjson.dumps({"stream": stream, "data": data}).decode()

    async def _converse(self, connection: ServerConnection) -> None:
        self.coming += 1
        number = self.coming
        self.streams[number] = []
        self.connections[number] = connection
        try:
            async for text in connection:
                request = orjson.loads(text)
                self.requests.append((number, request))
                refusal = self.refuse(request, number)
                await connection.send(orjson.dumps(refusal or {"result": None, "id": request["id"]}).decode())
                if refusal is None:
                    self.streams[number] += request["params"]
        except ConnectionClosed:
            pass
        finally:
            del self.connections[number]

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            return _respond(self.handshakes.pop(0)) if self.handshakes else None
        self.http.append((asyncio.get_running_loop().time(), request.path))
        if "exchangeInfo" in request.path:
            return _respond(Answer(body={"symbols": [_symbol(name) for name in self.symbols]}))
        if request.path.endswith("/time"):
            return _respond(self.times.pop(0) if self.times else Answer(body={"serverTime": time.time_ns() // 1_000_000}))
        if self.depth:
            return _respond(self.depth.pop(0))
        return _respond(Answer(body=self.snapshot(self.last_id)))

    def snapshot(self, last_id: int) -> dict[str, Any]:
        """Return the book at an update id."""
        return {"lastUpdateId": last_id, "bids": [["10.0", str(last_id)]], "asks": [["11.0", "1"]]}


def _symbol(name: str) -> dict[str, Any]:
    return {"symbol": name, "status": "TRADING", "baseAsset": name[:3], "quoteAsset": name[3:], "filters": []}


def _respond(answer: Answer) -> Response:
    body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
    headers = Headers({"Content-Length": str(len(body)), "Connection": "close"} | answer.headers)
    return Response(answer.status, "Said", headers, body)


class Recording:
    """Collects the records of one feed or connection, and what was said."""

    def __init__(self) -> None:
        self.session = Session(registry.venue)
        self.clock = Clock()
        self.records: list[Record] = []
        self.said: list[str] = []

    def take(self, record: Record) -> Sequence[Event]:
        """Keep a record and let the session have it."""
        self.records.append(record)
        return self.session.feed(record)

    def of(self, kind: bytes, connection: int | None = None) -> list[Record]:
        """Return the records of a kind, of one connection where it is given."""
        return [one for one in self.records if one.kind == kind and connection in (None, one.connection)]

    def kinds(self, connection: int) -> list[bytes]:
        """Return the kinds of a connection's records, in order."""
        return [one.kind for one in self.records if one.connection == connection]

    def has_said(self, words: str) -> bool:
        """Tell whether words were said to the user."""
        return any(words in line for line in self.said)

    def connection(self, url: str, **options: Any) -> Connection:
        """Return a connection of number 1 whose records come here."""
        return Connection(1, "binance", url, ("btcusdt@trade",), take=self.take, clock=self.clock, **options)

    def feed(self, url: str, *targets: str, channels: Sequence[str] = ("book",), **options: Any) -> LiveFeed:
        """Return a feed of Binance from a venue at `url`."""
        return LiveFeed(
            [Target.parse(target) for target in targets or ("binance:BTCUSDT",)],
            channels,
            session=self.session,
            take=self.take,
            clock=self.clock,
            rng=random.Random(7),
            say=self.said.append,
            urls={"binance": url, "binance-usdm": url},
            **{"backoff_s": 0.02, **options},
        )

    @property
    def book_is_live(self) -> bool:
        """Whether there are books, all of them live."""
        books = self.session.books.values()
        return bool(books) and all(keeper.state == "live" for keeper in books)


class Hand:
    """A clock that is turned by hand, and by whoever sleeps on it."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds


async def until(condition: Callable[[], object], within_s: float = 8.0) -> None:
    """Return when a condition holds; fail when it does not within the time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - conditions of a test are whatever a record says
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(feed: LiveFeed) -> AsyncIterator[asyncio.Event]:
    """Run a feed around a block; it is stopped at the end."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(feed.run(stop))
        try:
            yield stop
        finally:
            stop.set()
