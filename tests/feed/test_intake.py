import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri
from websockets.utils import accept_key

from feedtape.feed.intake import Intake

LIMIT = 70_000


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = False) -> bytes:
    head = struct.pack("!B", opcode | 0x80 * fin)
    if len(payload) < 126:
        head += struct.pack("!B", len(payload) | 0x80 * masked)
    elif len(payload) < 65536:
        head += struct.pack("!BH", 126 | 0x80 * masked, len(payload))
    else:
        head += struct.pack("!BQ", 127 | 0x80 * masked, len(payload))
    return head + b"\0\0\0\0" * masked + payload


def protocol() -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://localhost/"), max_size=LIMIT)


def answer(client: ClientProtocol) -> bytes:
    head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    return (head + f"Sec-WebSocket-Accept: {accept_key(client.key)}\r\n\r\n").encode()


sizes = st.sampled_from([0, 1, 2, 3, 124, 125, 126, 127, 300, 65535, 65536, LIMIT])
text = st.builds(lambda size: [frame(1, b"t" * size)], sizes)
binary = st.builds(lambda size: [frame(2, b"b" * size)], sizes)
control = st.builds(lambda opcode, size: [frame(opcode, b"c" * size)], st.sampled_from([9, 10]), st.integers(0, 125))
fragmented = st.builds(
    lambda sizes, pinged: [
        frame(1, b"", fin=False),
        *[frame(0, b"f" * size, fin=False) for size in sizes],
        *[frame(9, b"between")] * pinged,
        frame(0, b"end"),
    ],
    st.lists(st.integers(0, 200), max_size=3),
    st.booleans(),
)
breach = st.sampled_from(
    [
        [frame(0, b"x")],
        [frame(3, b"x")],
        [frame(1, b"x", masked=True)],
        [frame(1, b"x" * (LIMIT + 1))],
        [frame(1, b"x" * 69_000, fin=False), frame(0, b"x" * 2000)],
        [frame(1, b"x", fin=False), frame(1, b"x")],
        [b"\xc1\x00"],
        [frame(8, b"\x03\xe8bye")],
        [frame(8, b"x")],
        [b"\x81\xff" + b"\xff" * 8],
    ]
)
wire = st.lists(st.one_of(text, text, binary, control, fragmented), max_size=12)


def summary(client: ClientProtocol) -> tuple[object, ...]:
    error = client.parser_exc
    return client.state, client.close_rcvd, client.close_sent, type(error), str(error)


@settings(deadline=None)
@given(wire, st.one_of(st.just([]), breach), wire, st.lists(st.integers(1, 90_000), max_size=8), st.integers(1, 4))
def test_it_yields_what_the_protocol_alone_yields(
    before: list[list[bytes]], middle: list[bytes], after: list[list[bytes]], cuts: list[int], least: int
) -> None:
    frames = b"".join(itertools.chain(*before, middle, *after))
    alone, helped = protocol(), protocol()
    helped.key = alone.key
    data = answer(alone) + frames
    alone.receive_data(data)
    expected = [event for event in alone.events_received() if not isinstance(event, Response)]

    intake, got, start = Intake(helped, LIMIT), [], 0
    for size in [*cuts, *[least] * 40, len(data)]:
        if data[start : start + size]:
            got += intake.receive(data[start : start + size])
        start += size
    found = [Frame(Opcode.TEXT, one) if isinstance(one, bytes) else one for one in got]
    assert [one for one in found if not isinstance(one, Response)] == expected
    assert summary(helped) == summary(alone)


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_frames_right_behind_the_handshake_are_found_however_it_is_cut(size: int) -> None:
    client = protocol()
    data = answer(client) + frame(1, b"first") + frame(9, b"ping") + frame(1, b"second")
    intake = Intake(client, LIMIT)
    got = [one for start in range(0, len(data), size) for one in intake.receive(data[start : start + size])]
    payloads = [bytes(one.data) if isinstance(one, Frame) else one for one in got if not isinstance(one, Response)]
    assert payloads == [b"first", b"ping", b"second"]
