"""Records: everything that happened on the wire, and what the recorder itself had to say, in order.

A record is one line of a tape. `docs/tape-format.md` is the specification; the kinds below are its kinds.
"""

from typing import Any, Final

import msgspec
import orjson

# On the wire, verbatim.
RECV: Final = b"recv"
SEND: Final = b"send"
RECV_BINARY: Final = b"recv.bin"
SEND_BINARY: Final = b"send.bin"
RECV_PING: Final = b"recv.ping"
SEND_PING: Final = b"send.ping"
RECV_PONG: Final = b"recv.pong"
SEND_PONG: Final = b"send.pong"
BODY: Final = b"body"

# About the wire, as JSON.
OPEN: Final = b"open"
CLOSE: Final = b"close"
ERROR: Final = b"error"
REQUEST: Final = b"request"
RESPONSE: Final = b"response"

# The recorder's own notes, as JSON, on connection 0.
HEADER: Final = b"header"
CLOCK: Final = b"clock"
STALL: Final = b"stall"
DROP: Final = b"drop"
DAMAGE: Final = b"damage"
STATE: Final = b"state"
LEVEL: Final = b"level"
GAP: Final = b"gap"
RESYNC: Final = b"resync"
DIGEST: Final = b"digest"
KEYFRAME: Final = b"keyframe"
KEYFRAME_PART: Final = b"keyframe.part"
MARKER: Final = b"marker"
END: Final = b"end"

# The container's own lines, by which a reader knows that what it reads is whole. Nobody else sees them.
CHAIN: Final = b"chain"
SUM: Final = b"sum"

WIRE: Final = frozenset({RECV, SEND, RECV_BINARY, SEND_BINARY, BODY})
"""Kinds whose payload is what a venue or we said, byte for byte."""

FRAMES: Final = frozenset({RECV, RECV_BINARY, BODY})
"""Kinds that count as frames: what a venue said."""

DERIVED: Final = frozenset({GAP, RESYNC, DIGEST, KEYFRAME, KEYFRAME_PART, LEVEL})
"""Kinds that repeat what a replay finds out by itself, or that concern this one file: a copy makes its own."""

ALWAYS_ENCODED: Final = frozenset({RECV_BINARY, SEND_BINARY, RECV_PING, SEND_PING, RECV_PONG, SEND_PONG})
"""Kinds whose payload is arbitrary bytes, so that a line never holds it as it is."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened.

    Attributes:
        time: receipt, ns since 1970; never runs backwards within a tape.
        connection: number of the WebSocket connection or HTTP exchange within the tape; 0 is the recorder itself.
        kind: one of the kinds of this module; a reader skips kinds that it does not know.
        payload: the exact bytes, or JSON for what is about the wire.
    """

    time: int
    connection: int
    kind: bytes
    payload: bytes

    def json(self) -> Any:
        """The payload, read as JSON.

        Raises:
            ValueError: when it is none.
        """
        return orjson.loads(self.payload)


def note(time: int, kind: bytes, fields: dict[str, Any], connection: int = 0) -> Record:
    """Return a record whose payload is JSON of our own."""
    return Record(time, connection, kind, orjson.dumps(fields))
