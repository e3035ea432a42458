"""HTTP requests, recorded: the request, what the answer's head said, and its body as served."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import httpx

from feedtape.errors import VenueError
from feedtape.feed.address import Address
from feedtape.feed.clock import Clock
from feedtape.feed.logbook import Take
from feedtape.feed.pace import Backoff, WeightBudget
from feedtape.feed.proxy import HINT, Proxy, proxy_of
from feedtape.feed.tunnel import tls_context
from feedtape.feed.words import cause_of, plain
from feedtape.model.records import BODY, ERROR, REQUEST, RESPONSE, Record, note
from feedtape.model.secrets import Hidden, redact_url, safe_headers
from feedtape.venues.contract import Request, Venue

ATTEMPTS: Final = 5
MAX_BODY: Final = 40 * 1024 * 1024
"""Largest body that is taken. Written in base64 it still fits the longest line of a tape."""
WITHIN_S: Final = 120.0
"""Longest time that one exchange may take in all: a server that sends a byte now and then never times out otherwise."""
_GZIP: Final = 31
"""zlib's `wbits` for a gzip stream."""
TIMEOUT: Final = httpx.Timeout(20.0, connect=10.0)
_BANNED_S: Final = 120.0
_UNTOLD_PAUSE_S: Final = 30.0
_KEPT_HEADERS: Final = ("date", "content-type", "content-encoding", "retry-after")


class _Failed(Exception):
    """One exchange that brought no body to use; `again` tells whether another attempt makes sense."""

    def __init__(self, message: str, *, again: bool, told_to_wait: bool = False, by_proxy: bool = False) -> None:
        super().__init__(message)
        self.again = again
        self.told_to_wait = told_to_wait
        self.by_proxy = by_proxy


class Rest:
    """Requests to one venue, within its weight budget. Every exchange has a connection number of its own."""

    def __init__(
        self,
        venue: Venue,
        base_url: str,
        *,
        client: httpx.AsyncClient,
        take: Take,
        clock: Clock,
        number: Callable[[], int],
        budget: WeightBudget,
        backoff: Callable[[], Backoff],
        say: Callable[[str], None],
        proxy: Proxy | None = None,
    ) -> None:
        """Prepare; `proxy` is the one by which `client` goes, if it does."""
        self._venue = venue
        self._base_url = base_url
        self._hidden = Hidden(base_url)
        self._client = client
        self._take = take
        self._clock = clock
        self._number = number
        self._budget = budget
        self._backoff = backoff
        self._say = say
        self._proxy = proxy

    async def get(self, request: Request, *, attempts: int = ATTEMPTS) -> bytes:
        """Return the body of a successful answer; it has gone through `take` by then.

        A venue that says to wait is obeyed, for all requests to it. Server errors and timeouts are tried again.

        Raises:
            VenueError: when the venue refuses the request, or no attempt brought an answer.
        """
        backoff = self._backoff()
        for attempt in range(1, attempts + 1):
            await self._budget.spend(request.weight)
            try:
                return await self._once(request)
            except _Failed as failure:
                if not failure.again or attempt == attempts:
                    raise VenueError(f"{self._venue.name}: {failure}", hint=HINT if failure.by_proxy else None) from None
                if not failure.told_to_wait:
                    delay = backoff.down()
                    self._say(f"{self._venue.name}: {failure}; next attempt in {delay:.1f} s")
                    await asyncio.sleep(delay)
        raise AssertionError("attempts are at least one")

    async def _once(self, request: Request) -> bytes:
        number, url = self._number(), self._base_url + request.path
        method = "GET" if request.body is None else "POST"
        fields = {"venue": self._venue.name, "method": method, "url": redact_url(url)}
        if self._proxy is not None:
            fields["proxy"] = self._proxy.url
        headers = {"accept-encoding": "gzip"} | dict(self._venue.headers)
        if request.body is not None:
            fields["body"] = request.body
            headers["content-type"] = "application/json"
        self._take(note(self._clock.now(), REQUEST, fields, number))
        started = time.monotonic_ns()
        try:
            async with (
                asyncio.timeout(WITHIN_S),
                self._client.stream(method, url, headers=headers, content=request.body) as response,
            ):
                self._take_head(response, started, number)
                body = await self._read(response)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            message = self._hidden.out_of(self._words(error))
            self._take(note(self._clock.now(), ERROR, {"message": f"{self._venue.name}: {message}"}, number))
            again, by_proxy = isinstance(error, httpx.TransportError | TimeoutError), self._proxy is not None
            raise _Failed(message, again=again, by_proxy=by_proxy) from error
        self._take(Record(self._clock.now(), number, BODY, body))
        return self._judge(response, body)

    def _words(self, error: Exception) -> str:
        """Say why an exchange failed, and by which proxy it went."""
        if self._proxy is not None and isinstance(error, httpx.ProxyError):
            return str(self._proxy.refusal(str(error)))
        cause = f"no whole answer within {WITHIN_S:g} s" if isinstance(error, TimeoutError) else cause_of(error)
        by = "" if self._proxy is None else f", by proxy {self._proxy}"
        return f"{type(error).__name__}: {cause}{by}"

    def _take_head(self, response: httpx.Response, started: int, number: int) -> None:
        weight_header = self._venue.limits.weight_header
        kept = {*_KEPT_HEADERS, weight_header.lower()}
        headers = {name: value for name, value in safe_headers(response.headers.items()).items() if name in kept}
        elapsed = time.monotonic_ns() - started
        fields = {"status": response.status_code, "headers": headers, "elapsed_ns": elapsed}
        self._take(note(self._clock.now(), RESPONSE, fields, number))
        used = headers.get(weight_header.lower(), "")
        if used.isdecimal() and len(used) < 10:
            self._budget.learn(int(used))

    async def _read(self, response: httpx.Response) -> bytes:
        """Return the body as decoded here: httpx expands a piece as a whole, however much comes of it."""
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip"):
            raise httpx.DecodingError(f"a body in an encoding that was not asked for: {encoding[:40]}", request=response.request)
        stream, inflater = response.stream, zlib.decompressobj(_GZIP) if encoding == "gzip" else None
        assert isinstance(stream, httpx.AsyncByteStream)
        body, came = bytearray(), 0
        async for piece in stream:
            came += len(piece)
            try:
                body += piece if inflater is None else inflater.decompress(piece, MAX_BODY + 1 - len(body))
            except zlib.error as error:
                raise httpx.DecodingError(str(error), request=response.request) from error
            if len(body) > MAX_BODY:
                raise httpx.DecodingError(f"a body of more than {MAX_BODY} bytes", request=response.request)
        if inflater is not None and came and not inflater.eof:
            raise httpx.DecodingError("a compressed body that is cut", request=response.request)
        return bytes(body)

    def _judge(self, response: httpx.Response, body: bytes) -> bytes:
        status = response.status_code
        if 200 <= status < 300:
            return body
        if status == 407 and self._proxy is not None:
            raise _Failed(str(self._proxy.refusal(f"407 {response.reason_phrase}")), again=True, by_proxy=True)
        words = plain(self._hidden.out_of(body[:200].decode(errors="replace")))
        bans = dict(self._venue.limits.bans)
        if status in (418, 429) or status in bans:
            seconds = retry_after_s(response.headers.get("retry-after", ""), self._clock.wall())
            if status in bans:
                seconds = seconds or bans[status]
            elif status == 418:
                seconds = max(_BANNED_S, seconds or 0.0)
            elif seconds is None:
                seconds = _UNTOLD_PAUSE_S
            self._budget.pause(seconds)
            self._say(f"{self._venue.name}: HTTP {status}, no requests for {seconds:g} s: {words}")
            raise _Failed(f"HTTP {status}: {words}", again=True, told_to_wait=True)
        raise _Failed(f"HTTP {status}: {words}", again=status >= 500 or status == 408)


def retry_after_s(value: str, now_ns: int) -> float | None:
    """Read a Retry-After header: seconds, or a date, which is taken against the wall clock. None: it says nothing."""
    value = value.strip()
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(now_ns / 1e9, UTC)).total_seconds())


class Recording(Protocol):
    """What a recording, or whoever only asks a question, gives to all its requests."""

    @property
    def take(self) -> Take: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def say(self) -> Callable[[str], None]: ...

    def number(self) -> int:
        """Return the next connection number."""
        ...

    def backoff(self) -> Backoff:
        """Return new delays."""
        ...


@asynccontextmanager
async def open_rest(venue: Venue, address: Address, recording: Recording) -> AsyncIterator[Rest]:
    """Yield the way to ask a venue, within its limits, by the proxy where there is one.

    Raises:
        UsageError: when what the environment names as proxy is none.
    """
    proxy = proxy_of(address.http)
    async with _client(proxy) as client:
        yield Rest(
            venue,
            address.http,
            client=client,
            take=recording.take,
            clock=recording.clock,
            number=recording.number,
            budget=WeightBudget(venue.limits.rest),
            backoff=recording.backoff,
            say=recording.say,
            proxy=proxy,
        )


def _client(proxy: Proxy | None) -> httpx.AsyncClient:
    """Return a client that goes by one proxy or by none, whatever else the environment says."""
    headers, tls = {"user-agent": "feedtape"}, tls_context()
    if proxy is not None and proxy.is_socks:
        from feedtape.feed.socks import SocksTransport

        return httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, headers=headers, transport=SocksTransport(proxy, tls))
    way = None
    if proxy is not None:
        auth = None if proxy.user is None else (proxy.user, proxy.password or "")
        way = httpx.Proxy(proxy.url, auth=auth, ssl_context=tls if proxy.kind == "https" else None)
    return httpx.AsyncClient(timeout=TIMEOUT, trust_env=False, headers=headers, verify=tls, proxy=way)
