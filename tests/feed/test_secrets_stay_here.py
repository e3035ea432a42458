"""A session that authenticates in every way that venues know, recorded for real: no byte of it may hold a secret."""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import zstandard
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from feed.stage import Stage
from feedtape.errors import UsageError, VenueError
from feedtape.feed.address import Address
from feedtape.feed.clock import Clock
from feedtape.feed.connection import Connection
from feedtape.recorder import Recorder
from feedtape.session import Session
from feedtape.tape.writer import TapeWriter
from feedtape.ui.output import say, say_error
from feedtape.venues import registry

USER, PASSWORD, TOKEN, LISTEN = "usr-7f3a", "pw-55e1c0de", "tok-90abcdef12", "k3" * 32
KEY, SECRET, SIGN, PHRASE, JWT = "apik-4c4c4c4c4c4c", "secr-1d1d1d1d", "sign-8e8e8e8e", "phra-2b2b2b2b", "eyJhbGciOi.J9.c2ln"
COOKIE = "cook-6a6a6a6a"
SECRETS = [USER, PASSWORD, TOKEN, LISTEN, KEY, SECRET, SIGN, PHRASE, JWT, COOKIE]
SECRETS.append(base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())

LOGINS: list[object] = [
    {"op": "login", "args": [{"apiKey": KEY, "passphrase": PHRASE, "timestamp": "1", "sign": SIGN}]},
    {"op": "auth", "args": [KEY, 1, SIGN]},
    {"op": "authKeyExpires", "args": [KEY, 1, SIGN]},
    {"op": "auth", "AccessKeyId": KEY, "Signature": SIGN},
    {"action": "req", "ch": "auth", "params": {"authType": "api", "accessKey": KEY, "signature": SIGN}},
    {"method": "public/auth", "params": {"grant_type": "client_credentials", "client_id": "x", "client_secret": SECRET}},
    {"method": "public/auth", "params": {"grant_type": "refresh_token", "refresh_token": TOKEN}},
    {"method": "private/get_account_summary", "params": {"access_token": TOKEN}},
    {"event": "auth", "apiKey": KEY, "authSig": SIGN, "authPayload": "AUTH1", "authNonce": 1},
    {"event": "subscribe", "subscription": {"name": "ownTrades", "token": TOKEN}},
    {"method": "subscribe", "params": {"channel": "executions", "token": TOKEN}},
    {"event": "subscribe", "feed": "fills", "api_key": KEY, "original_challenge": SECRET, "signed_challenge": SIGN},
    {"type": "subscribe", "product_ids": ["BTC-USD"], "signature": SIGN, "key": KEY, "passphrase": PHRASE, "timestamp": "1"},
    {"type": "subscribe", "channel": "user", "jwt": JWT},
    {"type": "subscribe", "channel": "account_all/1", "auth": JWT},
    {"method": "session.logon", "params": {"apiKey": KEY, "signature": SIGN, "timestamp": 1}, "id": 1},
    {"channel": "spot.login", "event": "api", "payload": {"api_key": KEY, "signature": SIGN}},
    {"channel": "spot.orders", "auth": {"method": "api_key", "KEY": KEY, "SIGN": SIGN}},
    {"method": "server.sign", "params": {"access_id": KEY, "signed_str": SIGN}},
    {"method": "user.auth", "params": ["API", KEY, SIGN, 1]},
    {"event": "subscribe", "channel": ["auth"], "params": {"key": KEY, "signature": SIGN}},
    {"method": "auth", "params": {"bearer": JWT}},
    {"event": "bts:subscribe", "data": {"channel": "private-my_orders", "auth": TOKEN}},
    {"method": "SUBSCRIBE", "params": ["account.orderUpdate"], "signature": [KEY, SIGN, "1", "5000"]},
    [{"ticket": "x"}, {"type": "myOrder", "authorization": f"Bearer {JWT}"}],
]
SUBSCRIBE = b'{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":7}'


def without_secrets(data: bytes) -> None:
    for secret in SECRETS:
        assert secret.encode() not in data, secret


@asynccontextmanager
async def venue() -> AsyncIterator[str]:
    """Greet with cookies and a redirect, take every message, repeat our token in the reason of the close; refuse `/no`."""

    async def handler(connection: ServerConnection) -> None:
        async for text in connection:
            if text == "bye":
                await connection.close(4003, f"invalid token {TOKEN} of {USER}")

    def process_request(connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/no"):
            body = f"Cannot GET {request.path}, {request.headers['Authorization']}; key {LISTEN}".encode()
            return Response(403, "No", Headers({"Content-Length": str(len(body))}), body)
        return None

    def process_response(connection: ServerConnection, request: Request, response: Response) -> None:
        response.headers["Set-Cookie"] = f"session={COOKIE}"
        response.headers["X-Api-Key"] = KEY
        response.headers["Authorization"] = f"Bearer {JWT}"
        response.headers["X-Said"] = f"welcome {USER}, your token is {TOKEN}, sent as {request.headers['Authorization']}"
        response.headers["Link"] = f"<wss://{USER}:{PASSWORD}@else.where/?listenKey={LISTEN}>"

    server = serve(handler, "127.0.0.1", 0, process_request=process_request, process_response=process_response)
    async with server as listening:
        yield f"ws://{USER}:{PASSWORD}@127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def test_no_byte_of_an_authenticating_session_is_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, clock = tmp_path / "x.tape.zst", Clock()
    recorder = Recorder(TapeWriter(path), Session(registry.venue))
    recorder.begin(clock.now(), {"targets": []})

    async def run() -> None:
        async with venue() as url, asyncio.timeout(10):
            connection = Connection(1, "binance", f"{url}/ws/{LISTEN}?token={TOKEN}", take=recorder.take, clock=clock)
            await connection.connect()
            for login in LOGINS:
                assert connection.send(orjson.dumps(login))
            connection.send(SUBSCRIBE)
            connection.send(b"bye")
            await connection.wait_closed()
            say(f"ended {connection.ended!r}")
            refused = Connection(2, "binance", f"{url}/no/{LISTEN}?api_key={KEY}&token={TOKEN}", take=recorder.take, clock=clock)
            with pytest.raises(VenueError, match="HTTP 403") as caught:
                await refused.connect()
            say_error(str(caught.value), caught.value.hint)

    asyncio.run(run())
    recorder.finish(clock.now(), "done")
    content = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
    said = capsys.readouterr()
    for data in (content, path.read_bytes(), said.out.encode(), said.err.encode()):
        without_secrets(data)
    # What was hidden was there: its places are marked, and what is no secret stands as it was sent.
    assert content.count(b'{"withheld":"a sent message that authenticates somebody"}') == len(LOGINS)
    assert SUBSCRIBE in content
    assert b"invalid token *** of ***" in content and "invalid token ***" in said.err
    assert b"Cannot GET /no/***" in content


def test_a_recording_from_an_address_with_credentials_holds_none(tmp_path: Path) -> None:
    path = tmp_path / "x.tape.zst"

    async def run() -> tuple[bytes, bytes]:
        async with Stage().serve() as url, asyncio.timeout(30):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "feedtape", "record", "binance:BTCUSDT", "-o", str(path), "-n", "20"),
                env=os.environ | {"FEEDTAPE_URL_BINANCE": url.replace("://", f"://{USER}:{PASSWORD}@")},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            return await process.communicate()

    out, err = asyncio.run(run())
    content = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
    assert b"***@127.0.0.1" in content
    for data in (content, path.read_bytes(), out, err):
        without_secrets(data)


@pytest.mark.parametrize("tail", ["/?token=", "/#token=", ":port/?x=", "]/?token="])
def test_an_address_that_is_refused_is_not_repeated(tail: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.of(registry.venue("binance"), f"wss://{USER}:{PASSWORD}@host{tail}{TOKEN if 'token' in tail else ''}")
    without_secrets(str(caught.value).encode())
