"""A client that a beginner would write: REST, the bridge of the documentation, and a dict per side."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect

from feedtape.sim.exchange import SimulatedExchange

PATIENCE_S = 10.0

DEPTH_PATHS = {"binance": "/api/v3/depth", "binance-usdm": "/fapi/v1/depth", "binance-coinm": "/dapi/v1/depth"}
BOOK_TARGETS = {"binance": "/stream", "binance-usdm": "/public/stream", "binance-coinm": "/stream"}
SYMBOLS = {"binance": "BTCUSDT", "binance-usdm": "BTCUSDT", "binance-coinm": "BTCUSD_PERP"}


@dataclass
class Reply:
    status: int
    body: Any
    headers: dict[str, str]


def run(conversation: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a conversation; one that hangs fails."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await conversation()

    asyncio.run(bounded())


def _fetch(url: str) -> Reply:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            return Reply(response.status, orjson.loads(response.read()), dict(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, orjson.loads(error.read()), dict(error.headers))


async def get(url: str, target: str) -> Reply:
    """Fetch a path of the exchange whose WebSocket address is `url`."""
    return await asyncio.to_thread(_fetch, url.replace("ws://", "http://", 1) + target)


@asynccontextmanager
async def opened(venue: str = "binance", target: str = "", **options: Any) -> AsyncIterator[tuple[str, Any]]:
    """Open an exchange, and a connection to `target` if there is one."""
    options.setdefault("rate", 100)
    async with SimulatedExchange(venue, **options).serve() as url:
        if not target:
            yield url, None
            return
        async with connect(url + target, compression=None, close_timeout=0.2) as ws:
            yield url, ws


async def ask(ws: ClientConnection, method: str, *params: Any, request_id: Any = 1) -> Any:
    """Send a request; return its answer, passing over data frames."""
    await ws.send(orjson.dumps({"method": method, "params": list(params), "id": request_id}).decode())
    return await answer(ws)


async def answer(ws: ClientConnection) -> Any:
    while True:
        message = orjson.loads(await ws.recv())
        if "result" in message or "code" in message:
            return message


async def data(ws: ClientConnection) -> Any:
    """Return the payload of the next data frame, unwrapped."""
    while True:
        message = orjson.loads(await ws.recv())
        if "result" not in message and "code" not in message:
            return message.get("data", message)


@dataclass
class NaiveBook:
    """A book kept by the rules of the documentation; `apply` says whether the chain held."""

    futures: bool
    last: int
    sides: dict[str, dict[str, str]] = field(default_factory=dict)
    linked: bool = False

    @classmethod
    def from_snapshot(cls, venue: str, snapshot: Any) -> NaiveBook:
        sides = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
        return cls(venue != "binance", snapshot["lastUpdateId"], sides)

    def apply(self, event: Any) -> bool:
        if not self.linked:
            if self.futures:
                if event["u"] < self.last:
                    return True
                fits = event["U"] <= self.last <= event["u"] or event["pu"] <= self.last
            else:
                if event["u"] <= self.last:
                    return True
                fits = event["U"] <= self.last + 1 <= event["u"]
        else:
            fits = event["pu"] == self.last if self.futures else event["U"] == self.last + 1
        if not fits:
            return False
        self.linked, self.last = True, event["u"]
        for name, side in self.sides.items():
            for price, size in event[name]:
                if float(size):
                    side[price] = size
                else:
                    side.pop(price, None)
        return True

    def sorted(self) -> tuple[list[list[str]], list[list[str]]]:
        bids = sorted(self.sides["b"].items(), key=lambda level: -float(level[0]))
        asks = sorted(self.sides["a"].items(), key=lambda level: float(level[0]))
        return [list(level) for level in bids], [list(level) for level in asks]
