"""The way to a host: directly, or through the tunnel that a proxy grants. TLS is with the host: a proxy sees none of it."""

import asyncio
import base64
import ssl
from functools import cache

import h11

from feedtape.feed.proxy import Proxy
from feedtape.feed.words import cause_of

_AGENT = "feedtape"
_HAPPY_S = 0.25
"""Before the next of a host's addresses is tried beside the one before."""


@cache
def tls_context() -> ssl.SSLContext:
    """Return the way to verify servers, for all connections of this process: reading the authorities takes 40 ms."""
    return ssl.create_default_context()


async def reach(
    protocol: asyncio.Protocol, host: str, port: int, *, tls: ssl.SSLContext | None, proxy: Proxy | None
) -> asyncio.Transport:
    """Connect a protocol to a host, over TLS where `tls` is given. The caller bounds the time.

    Raises:
        VenueError: when the proxy refuses or is not reached; the words name it.
        OSError: when the host is not reached, or its certificate is not good.
        ValueError: when the host's name is none.
    """
    loop, name = asyncio.get_running_loop(), None if tls is None else host
    if proxy is None:
        transport, _ = await loop.create_connection(
            lambda: protocol, host, port, ssl=tls, server_hostname=name, happy_eyeballs_delay=_HAPPY_S
        )
    elif proxy.is_socks:
        from feedtape.feed.socks import tunnel

        sock = await tunnel(proxy, host, port)
        transport, _ = await loop.create_connection(lambda: protocol, sock=sock, ssl=tls, server_hostname=name)
    else:
        transport = await _ask(proxy, host, port, tls)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
    return transport


async def _ask(proxy: Proxy, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Transport:
    """Have an HTTP proxy connect us to a host; return the transport that leads there."""
    loop, asking = asyncio.get_running_loop(), _Asking(_request(proxy, host, port))
    try:
        transport, _ = await loop.create_connection(
            lambda: asking,
            proxy.host,
            proxy.port,
            ssl=tls_context() if proxy.kind == "https" else None,
            happy_eyeballs_delay=_HAPPY_S,
        )
    except OSError as error:
        raise proxy.unreached(cause_of(error)) from error
    try:
        refused = await asking.answer
        if refused is not None:
            raise proxy.refusal(refused)
        if tls is not None:
            # The proxy's protocol stays until TLS stands: ours is never told of a connection that it did not have.
            transport = await _secured(transport, asking, host, tls)
        if transport.is_closing():
            raise ConnectionResetError("the connection ended as soon as the proxy had made it")
    except BaseException:
        transport.abort()
        raise
    return transport


async def _secured(transport: asyncio.Transport, protocol: asyncio.Protocol, host: str, tls: ssl.SSLContext) -> asyncio.Transport:
    try:
        secured = await asyncio.get_running_loop().start_tls(transport, protocol, tls, server_hostname=host)
    except TypeError as error:
        # Where TLS fails within TLS, Python before 3.11.8 and 3.12.2 stumbles over how to end it (python/cpython#113214).
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise
    assert secured is not None
    return secured


def _request(proxy: Proxy, host: str, port: int) -> h11.Request:
    name = f"[{host}]" if ":" in host else host.encode("idna").decode()
    headers = [("Host", f"{name}:{port}"), ("User-Agent", _AGENT)]
    if proxy.user is not None:
        pair = f"{proxy.user}:{proxy.password or ''}"
        headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    try:
        return h11.Request(method="CONNECT", target=f"{name}:{port}", headers=headers)
    except h11.LocalProtocolError as error:
        raise ValueError(str(error)) from error


class _Asking(asyncio.Protocol):
    """Asks for a tunnel. `answer` is None when it is granted, else why it is not."""

    def __init__(self, request: h11.Request) -> None:
        self.answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._http = h11.Connection(h11.CLIENT)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write((self._http.send(self._request) or b"") + (self._http.send(h11.EndOfMessage()) or b""))

    def data_received(self, data: bytes) -> None:
        if self.answer.done():
            return
        try:
            self._http.receive_data(data)
            event = self._http.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            self.answer.set_result(f"its answer is no HTTP ({cause_of(error)})")
            return
        if isinstance(event, h11.Response):
            granted = 200 <= event.status_code < 300
            reason = event.reason.decode("latin-1")
            self.answer.set_result(None if granted else f"{event.status_code} {reason}".rstrip())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_result("it closed the connection without an answer" if exc is None else cause_of(exc))
