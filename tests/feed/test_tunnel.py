"""Live feeds through proxies of a few lines, which alone know the venue's name."""

import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from feed.certificates import certificate
from feed.proxies import HttpProxy, SocksProxy, TinyProxy
from feed.stage import Recording, Stage, running, until
from feedtape.errors import VenueError
from feedtape.feed.doctor import Check, examine
from feedtape.feed.tunnel import tls_context
from feedtape.model.records import CLOSE, ERROR, OPEN, REQUEST
from feedtape.venues import registry

LOGIN = "usr-7f3a:pw-55e1c0de"
NAME, NUMBER = "ws://venue.test:8080", "ws://192.0.2.7:8080"


@pytest.fixture(autouse=True)
def nothing_is_left_to_the_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where the event loop had to report what nobody took care of."""
    yield
    assert not [one.getMessage() for one in caplog.records if one.name == "asyncio" and one.levelno >= logging.WARNING]


def set_proxy(monkeypatch: pytest.MonkeyPatch, kind: str, where: str, login: str = "") -> None:
    monkeypatch.setenv("ALL_PROXY", f"{kind}://{login}@{where}" if login else f"{kind}://{where}")


KINDS: dict[str, tuple[type[TinyProxy], str, str, list[str]]] = {
    "http": (HttpProxy, LOGIN, NAME, ["GET http://venue.test:8080/api/v3/exchangeInfo", "CONNECT venue.test:8080"]),
    "socks5h": (SocksProxy, LOGIN, NAME, ["5 venue.test:8080"]),
    "socks5": (SocksProxy, "", NUMBER, ["5 192.0.2.7:8080"]),
    "socks4a": (SocksProxy, "", NAME, ["4  venue.test:8080"]),
    "socks4": (SocksProxy, "", NUMBER, ["4  192.0.2.7:8080"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_feed_goes_by_a_proxy_and_again_after_a_loss(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, login, url, asked = KINDS[kind]
    recording, stage, proxy = Recording(), Stage(), made(login)
    where = ""

    async def run() -> None:
        nonlocal where
        async with stage.serve() as venue, proxy.serve(venue) as where:
            set_proxy(monkeypatch, kind, where, login)
            async with running(recording.feed(url)):
                await until(lambda: recording.book_is_live)
                proxy.drop()
                await until(lambda: len(recording.of(OPEN)) == 2 and recording.book_is_live)

    asyncio.run(run())
    assert set(asked) <= {one.partition("?")[0] for one in proxy.asked}, proxy.asked
    assert {one.json()["proxy"] for one in recording.of(OPEN) + recording.of(REQUEST)} == {f"{kind}://{where}"}
    assert recording.of(CLOSE)[0].json()["by"] == "network"
    said = b"".join(one.payload for one in recording.records) + "".join(recording.said).encode()
    assert not any(secret.encode() in said for secret in LOGIN.split(":"))


def test_a_feed_of_this_machine_goes_by_none(monkeypatch: pytest.MonkeyPatch) -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as venue:
            set_proxy(monkeypatch, "http", "127.0.0.1:1")
            async with running(recording.feed(venue)):
                await until(lambda: recording.book_is_live)

    asyncio.run(run())
    assert all("proxy" not in one.json() for one in recording.of(OPEN) + recording.of(REQUEST))


# -- refusals

REFUSED: dict[str, tuple[str, TinyProxy, str]] = {
    "credentials": ("http", HttpProxy(LOGIN), "refused: 407 Proxy Authentication Required"),
    "credentials repeated": ("http", HttpProxy("", b"HTTP/1.1 407 pw-55e1c0de?\r\n\r\n"), "refused: 407 ***?"),
    "host": ("http", HttpProxy("", b"HTTP/1.0 502 Bad Gateway\r\n\r\n"), "refused: 502 Bad Gateway"),
    "no reason": ("http", HttpProxy("", b"HTTP/1.1 403\r\n\r\n"), "refused: 403"),
    "no HTTP": ("http", HttpProxy("", b"SSH-2.0-server\r\n\r\n"), "refused: its answer is no HTTP ("),
    "no answer": ("http", HttpProxy("", b""), "refused: it closed the connection without an answer"),
    "socks credentials": ("socks5h", SocksProxy("another:login"), "refused: Username and password authentication fail"),
    "socks host": ("socks5h", SocksProxy("", b"\5\4\0\1" + bytes(6)), "refused: Host unreachable"),
    "socks closes": ("socks5h", SocksProxy("", b""), "refused: Connection closed unexpectedly"),
    "socks 4": ("socks4a", SocksProxy("", b"\0\x5b" + bytes(6)), "refused: Request rejected or failed"),
    "socks 4 for http": ("http", SocksProxy(), "refused: "),
}


async def connected(recording: Recording, url: str = NAME, **options: Any) -> VenueError | None:
    """Open one connection and close it; return why it could not be opened."""
    connection = recording.connection(url)
    try:
        await connection.connect(**options)
    except VenueError as error:
        return error
    connection.close(final=True)
    await connection.wait_closed()
    return None


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_one_line_with_proxy_and_cause(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, proxy, words = REFUSED[case]
    recording = Recording()

    async def run() -> tuple[str, VenueError | None]:
        async with proxy.serve("127.0.0.1:1") as where:
            set_proxy(monkeypatch, kind, where, "" if case == "credentials" else LOGIN)
            return where, await connected(recording, within_s=2)

    where, error = asyncio.run(run())
    assert str(error).startswith(f"binance: proxy {where} {words}") and "\n" not in str(error), error
    assert error is not None and error.exit_status == 4 and "NO_PROXY" in (error.hint or "")
    (record,) = recording.of(ERROR)
    assert record.json()["proxy"] == f"{kind}://{where}" and not recording.of(OPEN)
    assert b"pw-55e1c0de" not in record.payload


@pytest.mark.parametrize("kind", ["http", "https", "socks5h", "socks4"])
def test_a_proxy_that_is_not_there_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_proxy(monkeypatch, kind, "127.0.0.1:1")
    error = asyncio.run(connected(Recording(), NUMBER))
    assert str(error).startswith("binance: proxy 127.0.0.1:1 cannot be reached: ") and "Connect" in str(error), error


@pytest.mark.parametrize("kind", ["http", "socks5h"])
def test_a_proxy_that_says_nothing_has_the_time_of_a_connection(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> VenueError | None:
        over = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await over.wait()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            set_proxy(monkeypatch, kind, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            error = await connected(Recording(), within_s=0.05)
            over.set()
        return error

    assert "no answer within 0.05 s, by proxy 127.0.0.1:" in str(asyncio.run(run()))


def test_an_answer_in_pieces_and_after_another_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, proxy = Stage(), HttpProxy()
    proxy.answers = (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.", b"1 200\r\nVia: x\r", b"\n\r", b"\n")

    async def run() -> VenueError | None:
        async with stage.serve() as venue, proxy.serve(venue) as where:
            set_proxy(monkeypatch, "http", where)
            return await connected(Recording())

    assert asyncio.run(run()) is None


@pytest.mark.parametrize("url", [NAME, "wss://venue.test"])
@pytest.mark.parametrize(("kind", "proxy"), [("http", HttpProxy(LOGIN)), ("socks5h", SocksProxy(LOGIN))])
def test_a_feed_tries_a_refusing_proxy_like_a_refusing_venue(
    kind: str, proxy: TinyProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording()

    async def run() -> str:
        async with proxy.serve("127.0.0.1:1") as where:
            set_proxy(monkeypatch, kind, where, "usr-7f3a:wrong-words")
            with pytest.raises(VenueError) as caught:
                await recording.feed(url, backoff_s=0.001).run(asyncio.Event())
            assert str(caught.value).startswith(f"binance: proxy {where} refused: ") and caught.value.exit_status == 4
            return str(caught.value)

    words = asyncio.run(run())
    assert len(recording.of(REQUEST)) == 5 and sum("refused: " in line for line in recording.said) == 4
    assert "wrong-words" not in words + str(recording.records)


# -- TLS


@pytest.fixture
def server_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """What servers of the venue's name use; this process trusts it."""
    shown, private = certificate(tmp_path, 30, "venue.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(shown))
    tls_context.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, private)
    yield context
    tls_context.cache_clear()


@asynccontextmanager
async def over_tls(context: ssl.SSLContext) -> AsyncIterator[str]:
    async def greet(connection: ServerConnection) -> None:
        await connection.send('{"result":null,"id":1}')
        await connection.wait_closed()

    async with serve(greet, "127.0.0.1", 0, ssl=context, compression=None) as server:
        yield f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("kind", ["http", "https", "socks5h"])
def test_tls_is_with_the_venue_and_the_proxy_reads_nothing(
    kind: str, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recording = Recording()
    proxy = SocksProxy(LOGIN) if kind == "socks5h" else HttpProxy(LOGIN)

    async def run(name: str) -> VenueError | None:
        async with over_tls(server_tls) as venue, proxy.serve(venue, server_tls if kind == "https" else None) as where:
            set_proxy(monkeypatch, kind, where, LOGIN)
            return await connected(recording, f"wss://{name}/hidden-path", within_s=5)

    assert asyncio.run(run("venue.test")) is None
    assert len(recording.of(OPEN)) == 1 and proxy.seen and b"hidden-path" not in proxy.seen
    refused = asyncio.run(run("other.test"))
    assert "certificate" in str(refused) and "other.test" in str(refused), refused
    if kind == "https" and sys.version_info < (3, 11, 8):
        caplog.clear()  # python/cpython#113214 is logged by the loop itself


def test_a_proxy_over_tls_must_show_a_good_certificate(server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> VenueError | None:
        async with HttpProxy().serve("127.0.0.1:1", server_tls) as where:
            set_proxy(monkeypatch, "https", where.replace("127.0.0.1", "localhost"))
            return await connected(Recording(), within_s=5)

    error = str(asyncio.run(run()))
    assert "binance: proxy localhost:" in error and "cannot be reached" in error and "certificate" in error


# -- what the doctor says


async def examined(url: str) -> dict[str, Check]:
    return {check.name: check async for check in examine(registry.venue("binance"), url, 0.05)}


def test_the_doctor_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, proxy = Stage(), SocksProxy(LOGIN)

    async def run() -> tuple[str, dict[str, Check]]:
        async with stage.serve() as venue, proxy.serve(venue) as where:
            set_proxy(monkeypatch, "socks5h", where, LOGIN)
            return f"socks5h://{where}", await examined(NAME)

    shown, found = asyncio.run(run())
    assert f"left to proxy {shown}: venue.test" in found["names"].text
    assert found["tls"].text.startswith("venue.test:8080 connected in ") and found["tls"].text.endswith(f", by proxy {shown}")
    assert {one["proxy"] for one in found["tls"].facts["hosts"]} == {shown}
    assert {found[name].verdict for name in ("names", "tls", "handshake")} == {"fine"}, found
    assert "pw-55e1c0de" not in repr(found)


def test_the_doctor_says_what_is_wrong_with_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[str, dict[str, Check]]:
        async with HttpProxy(LOGIN).serve("127.0.0.1:1") as where:
            set_proxy(monkeypatch, "http", where)
            return where, await examined(NAME)

    where, found = asyncio.run(run())
    assert (found["tls"].verdict, found["tls"].status) == ("failed", 4)
    assert f"proxy {where} refused: 407 Proxy Authentication Required" in found["tls"].text
    assert "HTTPS_PROXY" in found["tls"].remedy and "--url" not in found["tls"].remedy
