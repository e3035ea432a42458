"""From bytes to messages, in front of the sans-I/O protocol.

Nearly all that a venue sends are whole, unfragmented text messages, and taking those apart in the protocol's own parser costs
most of what receiving costs. They are cut out here; every other frame (control, binary, fragmented, long, incomplete or
malformed) goes through the protocol, which is thereby handed whole frames in turn and judges what is legal. Together
they yield what the protocol alone would, however the bytes are cut.
"""

from typing import Final

from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.http11 import Request, Response
from websockets.protocol import State

Received = bytes | Frame | Request | Response
"""A whole text message's payload, or what the protocol made of anything else."""

_TEXT: Final = 0x81
_END_OF_HEAD: Final = b"\r\n\r\n"


class Intake:
    """Feeds one protocol. What it may want to send afterwards is for the caller to fetch, as ever."""

    __slots__ = ("_kept", "_limit", "_owed", "_protocol", "_tail")

    def __init__(self, protocol: ClientProtocol, max_size: int) -> None:
        self._protocol = protocol
        self._limit = max_size
        self._kept = b""
        """The beginning of a frame that does not tell its size yet."""
        self._owed = 0
        """Bytes that the frame in which the protocol is still lacks."""
        self._tail = b""

    def receive(self, data: bytes) -> list[Received]:
        """Return what these bytes complete, in the order of the wire."""
        received: list[Received] = []
        if self._kept:
            data, self._kept = self._kept + data, b""
        protocol, position, end = self._protocol, 0, len(data)
        while position < end:
            if protocol.state is not State.OPEN:
                upto = self._head_end(data, position) if protocol.state is State.CONNECTING else end
            elif self._owed:
                upto = min(end, position + self._owed)
                self._owed -= upto - position
            else:
                if protocol.current_size is None:
                    position = _cut_texts(data, position, self._limit, received)
                self._owed = _frame_size(data, position)
                if not self._owed:
                    self._kept = data[position:]
                    break
                continue
            protocol.receive_data(data[position:upto])
            received += protocol.events_received()
            position = upto
        return received

    def _head_end(self, data: bytes, position: int) -> int:
        """Where the handshake's answer ends, or the end of the data: frames may come right behind it."""
        seen = self._tail + data[position:]
        found = seen.find(_END_OF_HEAD)
        upto = len(data) if found < 0 else position + found + len(_END_OF_HEAD) - len(self._tail)
        self._tail = seen[1 - len(_END_OF_HEAD) :]
        return upto


def _cut_texts(data: bytes, position: int, limit: int, into: list[Received]) -> int:
    """Cut whole, short text messages off; return where something else begins."""
    end = len(data)
    while end - position >= 4 and data[position] == _TEXT:
        length, body = data[position + 1], position + 2
        if length == 126:
            length = data[position + 2] << 8 | data[position + 3]
            body += 2
        elif length > 126:
            break
        if body + length > end or length > limit:
            break
        position = body + length
        into.append(data[body:position])
    return position


def _frame_size(data: bytes, position: int) -> int:
    """Return the size of the frame that begins there, its head included; 0 while the head does not tell."""
    have = len(data) - position
    if have < 2:
        return 0
    length, masked = data[position + 1] & 0x7F, data[position + 1] >> 7
    extended = 2 if length == 126 else 8 if length == 127 else 0
    if have < 2 + extended:
        return 0
    if extended:
        length = int.from_bytes(data[position + 2 : position + 2 + extended], "big")
    return 2 + extended + 4 * masked + length
