"""One WebSocket connection, as records.

The framing is `websockets`' sans-I/O protocol, run under an `asyncio.Protocol`: a frame is stamped when its bytes arrive and
is on its way to the tape before the event loop does anything else. Nothing here interprets a frame.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from feedtape.errors import VenueError
from feedtape.feed.clock import Clock
from feedtape.feed.framing import Fragments, ending, refusal_fields, refusal_text, refused_frame
from feedtape.feed.intake import Intake, Received
from feedtape.feed.logbook import Logbook, Take
from feedtape.feed.proxy import proxy_of
from feedtape.feed.tunnel import reach, tls_context
from feedtape.feed.words import cause_of
from feedtape.model.events import Acknowledged, Event, Greeting, Refused, Reply, Status
from feedtape.model.records import RECV, RECV_PING, RECV_PONG, SEND, SEND_PING, SEND_PONG, Record
from feedtape.model.secrets import Hidden, redact_url

MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Longest message that is taken; a longer one is refused, which ends the connection and is a loss."""
CONNECT_WITHIN_S: Final = 10.0
CLOSE_WITHIN_S: Final = 2.0
_UNSENT_LIMIT: Final = 1024 * 1024

NOTICES: Final = frozenset({Acknowledged, Greeting, Refused, Reply, Status})
"""Events that concern the connection itself; its supervisor is told of them."""


class Connection(asyncio.Protocol):
    """A connection from its handshake to its close record.

    Records go to `take` synchronously and in order: OPEN first and CLOSE last, or a single ERROR when it never opened. What
    `take` raises ends the connection and comes out of `wait_closed`.

    Attributes:
        last_frame: when the latest text or binary message came; at first, when the connection opened.
        last_bytes: when anything at all came.
        ended: code, reason and who closed, as the close record has them.
        notice: is told of events in `NOTICES`; until somebody listens they are kept in `early`, since a venue's greeting may
            come together with the handshake.
        after_read: called once for each batch of frames that arrived together.
        observe: sees every message while it is set.
    """

    def __init__(
        self,
        number: int,
        venue: str,
        url: str,
        streams: Sequence[str] = (),
        *,
        take: Take,
        clock: Clock,
        max_size: int = MAX_MESSAGE,
        lane: int | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Prepare; `lane` is which of several parallel lines the connection is of, `headers` go with the handshake.

        Raises:
            VenueError: when the address is none.
            UsageError: when what the environment names as proxy is none.
        """
        self.number = number
        self.venue = venue
        self.frames = 0
        self.opened_at = 0
        self.last_frame = 0
        self.last_bytes = 0
        self.ended: tuple[int, str, str] | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.early: list[Event] = []
        self.notice: Callable[[Event], None] = self.early.append
        self.after_read: Callable[[], None] = lambda: None
        self.observe: Callable[[Record], None] | None = None
        self._streams = streams
        self._headers = headers
        self._take = take
        self._clock = clock
        try:
            self._uri = parse_uri(url)
        except InvalidURI as error:
            raise VenueError(f"{venue}: {Hidden(url).out_of(error.msg)}: {redact_url(url)}") from None
        self._proxy = proxy_of(url)
        self._log = Logbook(number, venue, url, take, clock, lane, None if self._proxy is None else self._proxy.url)
        self._protocol = ClientProtocol(self._uri, max_size=max_size)
        self._intake = Intake(self._protocol, max_size)
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fragments = Fragments()
        self._asked: tuple[int, str] | None = None
        self._final = False
        self._relieved_by: int | None = None
        self._fault: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._protocol.state is State.OPEN and not self.closed.done()

    # -- beginning

    async def connect(self, tls: ssl.SSLContext | None = None, within_s: float = CONNECT_WITHIN_S) -> None:
        """Connect, by the proxy where there is one, and shake hands; `tls` is used for `wss` addresses.

        Raises:
            VenueError: when it does not come to an open connection; an ERROR record says the same.
        """
        uri, proxy = self._uri, self._proxy
        by = "" if proxy is None else f", by proxy {proxy}"
        try:
            async with asyncio.timeout(within_s):
                secure = (tls or tls_context()) if uri.secure else None
                await reach(self, uri.host, uri.port, tls=secure, proxy=proxy)
                await self._handshake
        except TimeoutError:
            raise self._not_connected(f"no answer within {within_s:g} s{by}") from None
        except VenueError as error:
            raise self._not_connected(str(error), error.hint) from error
        except (OSError, ValueError) as error:
            raise self._not_connected(cause_of(error) + by) from error
        finally:
            if not self.opened_at:
                self._drop()

    def _not_connected(self, message: str, hint: str | None = None) -> Exception:
        self._log.error(message, refusal_fields(self._protocol))
        return self._log.failure or VenueError(f"{self.venue}: {self._log.hidden.out_of(message)}", hint=hint)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake. The event loop has set TCP_NODELAY and reads 256 KiB at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_UNSENT_LIMIT)
        request = self._protocol.connect()
        for name, value in self._headers:
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()

    def _opened(self, response: Response, now: int) -> None:
        if self._protocol.handshake_exc is not None:
            return
        self.opened_at = self.last_frame = now
        self._log.opened(now, response, self._streams)
        if not self._handshake.done():
            self._handshake.set_result(None)

    # -- receiving

    def data_received(self, data: bytes) -> None:
        """Turn bytes into records, all with the time of now."""
        if self.ended is not None or self._log.failure is not None:
            return
        now = self.last_bytes = self._clock.now()
        protocol = self._protocol
        try:
            self._received(self._intake.receive(data), now)
            if protocol.writes:
                self._flush()
            if protocol.parser_exc is not None:
                self._report_fault(protocol.parser_exc)
            if protocol.handshake_exc is not None:
                self._drop()
            self.after_read()
        except Exception as error:  # noqa: BLE001 - the edge of a callback: whoever waits for `closed` gets it
            self._log.failure = self._log.failure or error
        if self._log.failure is not None:
            self._drop()

    def _received(self, messages: Sequence[Received], now: int) -> None:
        for message in messages:
            if type(message) is bytes:
                self._message(RECV, message, now)
            elif isinstance(message, Frame):
                self._frame(message, now)
            elif isinstance(message, Response):
                self._opened(message, now)

    def _message(self, kind: bytes, payload: bytes, now: int) -> None:
        self.frames += 1
        self.last_frame = now
        record = Record(now, self.number, kind, payload)
        known = self._take(record)
        if self.observe is not None:
            self.observe(record)
        self.told(known)

    def told(self, events: Sequence[Event]) -> None:
        """Pass on what a message said that concerns the connection; called later for one that was decoded later."""
        for event in events:
            if type(event) in NOTICES:
                self.notice(event)

    def _frame(self, frame: Frame, now: int) -> None:
        opcode = frame.opcode
        if opcode is Opcode.PING:
            self._take(Record(now, self.number, RECV_PING, bytes(frame.data)))
            self._take(Record(now, self.number, SEND_PONG, bytes(frame.data)))
        elif opcode is Opcode.PONG:
            self._take(Record(now, self.number, RECV_PONG, bytes(frame.data)))
        elif opcode is not Opcode.CLOSE:
            # A fragmented message counts as received with its last fragment.
            message = self._fragments.add(frame)
            if message is not None:
                self._message(*message, now)

    # -- sending

    def send(self, text: bytes) -> bool:
        """Send a text message and record it; return False when the connection is no longer open."""
        if not self.is_open:
            return False
        self._protocol.send_text(text)
        return self._sent(SEND, text)

    def ping(self, payload: bytes = b"") -> bool:
        """Send a ping and record it; return False when the connection is no longer open."""
        if not self.is_open:
            return False
        self._protocol.send_ping(payload)
        return self._sent(SEND_PING, payload)

    def _sent(self, kind: bytes, payload: bytes) -> bool:
        self._flush()
        if not self._log.write(kind, payload):
            self._drop()
        return self._log.failure is None

    def _flush(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            if transport is None or transport.is_closing():
                continue
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()
        if self._timer is None and self._protocol.close_expected():
            self._timer = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._drop)

    def pause_writing(self) -> None:
        """Give a peer up that pings us and does not read the pongs."""
        self._report_fault(VenueError("the venue does not read what we send"))
        self._drop()

    # -- ending

    def close(
        self,
        reason: str = "",
        *,
        code: int = 1000,
        final: bool = False,
        relieved_by: int | None = None,
        within_s: float = CLOSE_WITHIN_S,
    ) -> None:
        """Begin to close. Nothing is lost by it when the recording ends (`final`) or another took its place."""
        self._final = self._final or final
        self._relieved_by = self._relieved_by or relieved_by
        if self.closed.done():
            return
        if self.is_open:
            self._asked = (code, reason)
            self._protocol.send_close(code, reason)
            self._flush()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(within_s if self.opened_at else 0, self._drop)

    async def wait_closed(self) -> None:
        """Return when the close record is written.

        Raises:
            Exception: what `take` raised.
        """
        await asyncio.wait((self.closed,))
        self.closed.result()

    def abort(self) -> None:
        """End at once, as the end of the recording; the close record is written before this returns."""
        self._final = True
        self._asked = self._asked or (1000, "")
        self._write_close(None)
        self._drop()

    def eof_received(self) -> None:
        """Take the end of the stream; the transport closes by itself."""
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Write the close record."""
        if self._timer is not None:
            self._timer.cancel()
        self._protocol.receive_eof()
        self._protocol.data_to_send()
        if not self._handshake.done():
            self._handshake.set_exception(VenueError(refusal_text(self._protocol, exc)))
        self._write_close(exc)
        if self._log.failure is not None:
            self.closed.set_exception(self._log.failure)
        else:
            self.closed.set_result(None)

    def _write_close(self, exc: Exception | None) -> None:
        if self.opened_at and self.ended is None:
            code, reason, by = ending(self._protocol, self._asked, self._fault, exc)
            self.ended = code, self._log.hidden.out_of(reason), by
            self._log.closed(*self.ended, final=self._final, relieved_by=self._relieved_by)

    def _report_fault(self, error: Exception) -> None:
        """Record once why we end the connection; the protocol has already said so to the venue."""
        if self._fault is None and not isinstance(error, EOFError) and self.opened_at:
            self._fault = cause_of(error)
            refused = refused_frame(error)
            since = max(self.last_frame, self.opened_at)
            self._log.error(self._fault, {"refused": refused | {"since": since}} if refused is not None else None)

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
