"""One client of the simulated exchange: its frames on their way out, with the faults that strike them."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response
from websockets.protocol import Event, State

from .dialect import Session
from .faults import FaultLog, FaultPlan

_MOST_UNREAD = 16 * 1024 * 1024
_DELAY_CHANCE = 0.02
_QUOTED = 160


OnPost = Callable[[str, bytes], Response]
_POST = b"POST "
_LONGEST_POST = 64 * 1024


class SimConnection(ServerConnection):
    """A WebSocket that can play dead, and that counts what the client sends.

    The server knows HTTP's GET alone; a POST is answered here, before its parser sees it.
    """

    stalled = False
    on_frame: Callable[[], None] | None = None
    heard_at = 0.0

    def __init__(self, *args: Any, on_post: OnPost | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_post = on_post
        self._posted: bytes | None = b"" if on_post is not None else None

    def data_received(self, data: bytes) -> None:
        # Not even read: a ping gets no pong, a close frame no answer. The end of the stream is still noticed.
        if self.stalled:
            return
        if self._posted is not None:
            data = self._posted + data
            if data.startswith(_POST[: len(data)]) and len(data) < _LONGEST_POST:
                self._posted = data
                self._answer_post(data)
                return
            self._posted = None
        super().data_received(data)

    def _answer_post(self, data: bytes) -> None:
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if not end or self._on_post is None or (length is not None and len(body) < int(length[1])):
            return
        response = self._on_post(head.split(b" ", 2)[1].decode(errors="replace"), body)
        self.transport.write(response.serialize())
        self.transport.close()

    def process_event(self, event: Event) -> None:
        super().process_event(event)
        self.heard_at = time.monotonic()
        if self.on_frame is not None:
            self.on_frame()


class Peer:
    """Frames queue up with `send` and `reply` and leave together with `flush`.

    Frame faults strike data only, never answers to the client's own requests.
    """

    def __init__(
        self,
        number: int,
        connection: SimConnection,
        session: Session,
        plan: FaultPlan,
        log: FaultLog,
        seed: int,
        *,
        binary: bool = False,
    ) -> None:
        self.number = number
        self.connection = connection
        self.session = session
        self.frames_sent = 0
        self._plan = plan
        self._log = log
        self._rng = random.Random(f"{seed}/faults/{number}")
        self._struck = plan.strikes_frames
        self._binary = binary
        self._overtaken: dict[str, bytes] = {}
        self._delayed: deque[bytes] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    def schedule(self, close: Callable[[], None]) -> None:
        """Start the clocks of the faults that come with a connection's age; `close` ends it cleanly."""
        for name, strike in (("stall", self.stall), ("disconnect", close), ("abort", self.connection.transport.abort)):
            seconds = self._plan.of(name)
            if seconds and self._rng.random() < self._plan.shares.get(name, 1.0):
                self._later(seconds, partial(self._strike_timed, name, strike, seconds))

    def calm(self) -> None:
        """Let no further fault strike; what was held back goes out. One that has fallen silent stays so."""
        self._struck = False
        for timer in self._timers:
            timer.cancel()
        self._delayed = deque([*(self._delayed or ()), *self._overtaken.values()])
        self._overtaken.clear()
        self._release()

    def end(self) -> None:
        """Stop the clocks, once the connection is gone."""
        for timer in self._timers:
            timer.cancel()
        self._delayed = None

    def stall(self) -> None:
        """Fall silent: nothing is sent or read any more, and the connection stays open."""
        self.connection.stalled = True

    @property
    def silent(self) -> bool:
        return self.connection.stalled or self.connection.protocol.state is not State.OPEN

    def send(self, stream: str, frame: bytes) -> None:
        """Queue a data frame, unless a fault takes it."""
        if self.silent:
            return
        if not self._struck:
            self._put(frame)
            return
        waiting = self._overtaken.pop(stream, None)
        for struck in self._strike(stream, frame, may_wait=waiting is None):
            self._put(struck)
        if waiting is not None:
            self._put(waiting)

    def reply(self, frame: bytes) -> None:
        """Answer a request of the client at once."""
        if not self.silent:
            self._put(frame)
            self.flush()

    def flush(self) -> None:
        """Write what has queued up; a client that does not read is cut off."""
        if self.silent:
            return
        transport = self.connection.transport
        chunks = self.connection.protocol.data_to_send()
        if chunks:
            transport.write(b"".join(chunks))
            if transport.get_write_buffer_size() > _MOST_UNREAD:
                self._log.add("slow-client", f"{_MOST_UNREAD} bytes unread, aborted", connection=self.number)
                transport.abort()

    def _put(self, frame: bytes) -> None:
        if self._delayed is not None:
            self._delayed.append(frame)
            return
        protocol = self.connection.protocol
        (protocol.send_binary if self._binary else protocol.send_text)(frame)
        self.frames_sent += 1

    def _strike(self, stream: str, frame: bytes, *, may_wait: bool) -> tuple[bytes, ...]:
        """Return what becomes of a frame: itself, nothing, twice itself, or something broken."""
        if self._hits("drop"):
            self._note("drop", stream, frame)
            return ()
        if self._delayed is None and self._plan.of("delay") and self._rng.random() < _DELAY_CHANCE:
            self._note("delay", stream, frame)
            self._delayed = deque()
            self._later(self._plan.of("delay"), self._release)
        if self._hits("truncate"):
            self._note("truncate", stream, frame)
            return (_cut(frame, self._rng.randint(1, len(frame) - 1)),)
        if self._hits("malformed"):
            broken = malform(frame, self._rng)
            self._note("malformed", stream, broken)
            return (broken,)
        if may_wait and self._hits("reorder"):
            self._note("reorder", stream, frame)
            self._overtaken[stream] = frame
            return ()
        if self._hits("duplicate"):
            self._note("duplicate", stream, frame)
            return (frame, frame)
        return (frame,)

    def _hits(self, name: str) -> bool:
        chance = self._plan.of(name)
        return chance > 0 and self._rng.random() < chance

    def _note(self, name: str, stream: str, frame: bytes) -> None:
        text = frame.decode(errors="replace")
        what = text if len(text) <= _QUOTED else text[:_QUOTED] + "…"
        self._log.add(name, what, connection=self.number, stream=stream)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, action))

    def _strike_timed(self, name: str, strike: Callable[[], object], seconds: float) -> None:
        if not self.silent:
            self._log.add(name, f"{seconds:g} s after the connection opened", connection=self.number)
            strike()

    def _release(self) -> None:
        held, self._delayed = self._delayed, None
        if not self.silent:
            for frame in held or ():
                self._put(frame)
            self.flush()


def malform(frame: bytes, rng: random.Random) -> bytes:
    """Return a frame that is no longer what it was: no JSON, no object, a field gone, or one of a wrong type."""
    choice = rng.randrange(4)
    if choice == 0:
        return rng.choice((b"<html><body>502 Bad Gateway</body></html>", b'{"e":', b"\xef\xbf\xbd", b""))
    if choice == 1:
        return rng.choice((b"null", b"[]", b"42", b'"depthUpdate"', b"[[[[[[[[[[]]]]]]]]]]"))
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return b"?" + frame
    payload = rng.choice(list(_containers(message)))
    field: Any = rng.choice(sorted(payload)) if isinstance(payload, dict) else rng.randrange(len(payload))
    if choice == 2:
        del payload[field]
    else:
        values: tuple[object, ...] = (None, {}, "x", -1.5)
        payload[field] = rng.choice([value for value in values if type(value) is not type(payload[field])])
    return orjson.dumps(message)


def _containers(value: Any) -> Iterator[Any]:
    """Yield the objects of a message that have fields; of one that is lists alone, its lists."""
    inner = [item for item in (value.values() if isinstance(value, dict) else value) if isinstance(item, dict)]
    if isinstance(value, dict) and isinstance(value.get("data"), dict):
        yield from _containers(value["data"])
    elif isinstance(value, dict) or not inner:
        yield value
    else:
        for item in inner:
            yield from _containers(item)


def _cut(frame: bytes, length: int) -> bytes:
    """Cut a text in the middle, but never within a character: a text frame must be UTF-8."""
    return frame[:length].decode(errors="ignore").encode()
