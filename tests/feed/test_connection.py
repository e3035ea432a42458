import asyncio
import contextlib
import os
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.utils import accept_key

from feed.stage import Recording, until
from feedtape.errors import TapeError, VenueError
from feedtape.model.events import Event
from feedtape.model.records import CLOSE, ERROR, OPEN, RECV, RECV_BINARY, RECV_PING, RECV_PONG, SEND, SEND_PING, SEND_PONG, Record

Script = Callable[[ServerConnection], Awaitable[Any]]
Raw = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def venue(script: Script, **options: Any) -> Any:
    async def handler(connection: ServerConnection) -> None:
        await script(connection)

    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def raw_venue(script: Raw) -> Any:
    """Serve one connection with bytes; the script gets the request's head too."""
    over = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await script(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.wait_for(over.wait(), 5)


def play(script: Script, path: str = "", **options: Any) -> Recording:
    """Connect to a venue that does as the script says, until the connection is closed."""
    recording = Recording()

    async def run() -> None:
        async with venue(script) as url, asyncio.timeout(8):
            connection = recording.connection(url + path, **options)
            await connection.connect()
            await connection.wait_closed()

    asyncio.run(run())
    return recording


def refused(script: Raw) -> tuple[Recording, VenueError]:
    """Try to connect to a server that is no venue."""
    recording = Recording()

    async def run() -> VenueError:
        async with raw_venue(script) as url, asyncio.timeout(8):
            with pytest.raises(VenueError) as caught:
                await recording.connection(url).connect()
            return caught.value

    return recording, asyncio.run(run())


def test_records_stand_in_order_and_their_times_never_run_backwards() -> None:
    async def script(connection: ServerConnection) -> None:
        for number in range(500):
            await connection.send(f'{{"result":null,"id":{number}}}')

    recording = play(script)
    assert recording.kinds(1) == [OPEN, *[RECV] * 500, CLOSE]
    assert [one.payload for one in recording.of(RECV)] == [b'{"result":null,"id":%d}' % n for n in range(500)]
    times = [one.time for one in recording.records]
    assert times == sorted(times)


def test_frames_that_arrive_together_have_one_time() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.write(b"\x81\x02[]\x89\x01x\x81\x02{}")

    recording = play(script)
    assert recording.kinds(1) == [OPEN, RECV, RECV_PING, SEND_PONG, RECV, CLOSE]
    assert len({one.time for one in recording.records[1:5]}) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 129, 200])
def test_how_the_bytes_are_cut_changes_no_frame(size: int) -> None:
    messages = [b"a", b"b" * 125, b"c" * 126, b"", b"d" * 300, b"e" * 70_000]

    async def script(connection: ServerConnection) -> None:
        data = b"".join(_text_frame(message) for message in messages[: 5 if size < 100 else 6])
        for start in range(0, len(data), size):
            connection.transport.write(data[start : start + size])
            await asyncio.sleep(0)

    recording = play(script)
    assert [one.payload for one in recording.of(RECV)] == messages[: 5 if size < 100 else 6]


def _text_frame(payload: bytes) -> bytes:
    if len(payload) < 126:
        return struct.pack("!BB", 0x81, len(payload)) + payload
    if len(payload) < 65536:
        return struct.pack("!BBH", 0x81, 126, len(payload)) + payload
    return struct.pack("!BBQ", 0x81, 127, len(payload)) + payload


def test_pings_are_answered_and_both_recorded() -> None:
    async def script(connection: ServerConnection) -> None:
        await (await connection.ping(b"\x00now"))

    recording = play(script)
    assert [one.payload for one in recording.of(RECV_PING)] == [b"\x00now"]
    assert [one.payload for one in recording.of(SEND_PONG)] == [b"\x00now"]


def test_our_messages_and_pings_are_recorded() -> None:
    recording = Recording()
    got = []

    async def script(connection: ServerConnection) -> None:
        got.append(await connection.recv())
        await connection.wait_closed()

    async def run() -> None:
        async with venue(script) as url:
            connection = recording.connection(url)
            await connection.connect()
            assert connection.send(b'{"method":"SUBSCRIBE"}')
            connection.ping(b"p")
            await until(lambda: recording.of(RECV_PONG))
            connection.close("done")
            await connection.wait_closed()
            assert not connection.send(b"too late")

    asyncio.run(run())
    assert got == ['{"method":"SUBSCRIBE"}']
    assert recording.kinds(1) == [OPEN, SEND, SEND_PING, RECV_PONG, CLOSE]


def test_fragments_are_put_together_around_control_frames() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.write(b"\x01\x02{}\x89\x00\x00\x01 \x80\x01\n\x02\x01\x00\x80\x01\xff")

    recording = play(script)
    assert recording.kinds(1) == [OPEN, RECV_PING, SEND_PONG, RECV, RECV_BINARY, CLOSE]
    assert recording.of(RECV)[0].payload == b"{} \n"
    assert recording.of(RECV_BINARY)[0].payload == b"\x00\xff"


def test_a_close_by_the_venue_has_its_code_and_reason() -> None:
    recording = play(lambda connection: connection.close(4001, "maintenance"))
    assert recording.of(CLOSE)[0].json() == {"code": 4001, "reason": "maintenance", "by": "venue", "final": False}


def test_an_abort_is_a_1006_of_the_network() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.abort()

    close = play(script).of(CLOSE)[0].json()
    assert (close["code"], close["by"], close["final"]) == (1006, "network", False)


def test_an_end_without_close_frame_is_a_1006_of_the_network() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.write_eof()
        await connection.wait_closed()

    close = play(script).of(CLOSE)[0].json()
    assert (close["code"], close["by"]) == (1006, "network")


@pytest.mark.parametrize("final", [False, True])
def test_a_close_by_us(final: bool) -> None:
    recording = Recording()

    async def run() -> None:
        async with venue(lambda connection: connection.wait_closed()) as url:
            connection = recording.connection(url)
            await connection.connect()
            connection.close("enough", final=final)
            await connection.wait_closed()

    asyncio.run(run())
    assert recording.of(CLOSE)[0].json() == {"code": 1000, "reason": "enough", "by": "us", "final": final}


def test_a_venue_that_does_not_answer_our_close_is_left() -> None:
    recording = Recording()

    async def script(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0].decode()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
        writer.write(f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode())
        await reader.read()

    async def run() -> None:
        async with raw_venue(script) as url, asyncio.timeout(5):
            connection = recording.connection(url)
            await connection.connect()
            connection.close("bye", within_s=0.1)
            await connection.wait_closed()

    asyncio.run(run())
    assert recording.of(CLOSE)[0].json() == {"code": 1000, "reason": "bye", "by": "us", "final": False}


@pytest.mark.parametrize("pieces", [("x" * 2000,), ("x" * 600, "x" * 700, "x" * 10)], ids=["whole", "in fragments"])
def test_an_oversized_message_is_refused_and_counted_as_a_loss(pieces: tuple[str, ...]) -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send("[]")
        await connection.send(pieces if len(pieces) > 1 else pieces[0])
        await connection.wait_closed()

    recording = play(script, max_size=1000)
    assert recording.kinds(1) == [OPEN, RECV, ERROR, CLOSE]
    close = recording.of(CLOSE)[0].json()
    assert (close["code"], close["by"]) == (1009, "us")
    fields = recording.of(ERROR)[0].json()
    size = sum(map(len, pieces[:2]))
    assert str(size - (600 if len(pieces) > 1 else 0)) in fields["message"]
    assert fields["refused"] == {"size": size, "limit": 1000, "since": recording.of(RECV)[0].time}
    session = recording.session
    assert session.totals.refused_frames == 1
    assert [(loss.kind, loss.since) for loss in session.losses] == [("refused-frame", fields["refused"]["since"])]
    assert f"{size} bytes, the limit is 1000" in session.losses[0].detail


def test_a_message_of_exactly_the_limit_is_taken() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send("x" * 1000)

    assert len(play(script, max_size=1000).of(RECV)[0].payload) == 1000


@pytest.mark.parametrize("garbage", [b"\x83\x00", b"\xf1\x01x", b"\x81\x85maskx1234", b"\x80\x01x", b"\x88\x01x"])
def test_a_breach_of_the_protocol_is_an_error_and_ends_the_connection(garbage: bytes) -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.write(b"\x81\x02{}" + garbage)
        await connection.wait_closed()

    recording = play(script)
    assert recording.kinds(1) == [OPEN, RECV, ERROR, CLOSE]
    assert recording.of(CLOSE)[0].json()["code"] == 1002


def test_text_that_is_no_utf8_is_recorded_all_the_same() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.write(b"\x81\x02\xff\xfe")

    recording = play(script)
    assert recording.of(RECV)[0].payload == b"\xff\xfe"
    assert recording.session.totals.bad_frames == 1


def test_a_refused_handshake_tells_status_and_body() -> None:
    async def script(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 451 Unavailable\r\nContent-Length: 400\r\n\r\n" + b"Restricted location. " * 19 + b"x")

    recording, error = refused(script)
    assert "HTTP 451" in str(error) and "Restricted" in str(error)
    fields = recording.of(ERROR)[0].json()
    assert fields["status"] == 451
    assert len(fields["body"]) == 200
    assert recording.kinds(1) == [ERROR]


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 101 Yes\r\n\r\n", os.urandom(3000)])
def test_what_is_no_handshake_is_an_error(answer: bytes) -> None:
    async def script(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    recording, _ = refused(script)
    assert recording.kinds(1) == [ERROR]


def test_a_server_that_says_nothing_is_given_up() -> None:
    recording = Recording()

    async def script(request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def run() -> None:
        async with raw_venue(script) as url:
            with pytest.raises(VenueError, match=r"no answer within 0\.1 s"):
                await recording.connection(url).connect(within_s=0.1)

    asyncio.run(run())
    assert recording.kinds(1) == [ERROR]


def test_the_open_record_holds_no_secret() -> None:
    async def script(connection: ServerConnection) -> None:
        pass

    recording = play(script, "/stream?streams=a/b&listenKey=s3cret&api_key=s3cret&x=1")
    fields = recording.of(OPEN)[0].json()
    assert fields["url"].endswith("/stream?streams=a/b&listenKey=***&api_key=***&x=1")
    assert fields["streams"] == ["btcusdt@trade"]
    assert fields["status"] == 101
    assert "upgrade" in fields["headers"]
    assert all(b"s3cret" not in one.payload for one in recording.records)


def test_what_the_tape_raises_comes_out_and_ends_the_connection() -> None:
    class Full(Recording):
        def take(self, record: Record) -> list[Event]:
            if len(self.of(RECV)) == 3:
                raise TapeError("the disk is full")
            super().take(record)
            return []

    recording = Full()

    async def script(connection: ServerConnection) -> None:
        for _ in range(100):
            await connection.send("{}")
        await connection.wait_closed()

    async def run() -> None:
        async with venue(script) as url:
            connection = recording.connection(url)
            await connection.connect()
            with pytest.raises(TapeError, match="the disk is full"):
                await connection.wait_closed()

    asyncio.run(run())
    assert recording.kinds(1) == [OPEN, RECV, RECV, RECV]
