"""What the sans-I/O protocol's state means in words: why a handshake failed, who ended a connection; and fragments."""

from typing import Any, Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig
from websockets.frames import Frame, Opcode

from feedtape.feed.words import cause_of, plain
from feedtape.model.records import RECV, RECV_BINARY

_BODY_SHOWN: Final = 200


class Fragments:
    """Puts fragmented messages together. The protocol has checked order and size already."""

    __slots__ = ("_kind", "_parts")

    def __init__(self) -> None:
        self._parts: bytearray | None = None
        self._kind = RECV

    def add(self, frame: Frame) -> tuple[bytes, bytes] | None:
        """Take a data frame; return kind and payload of the message that it completes."""
        if self._parts is None:
            self._parts = bytearray()
            self._kind = RECV if frame.opcode is Opcode.TEXT else RECV_BINARY
        self._parts += frame.data
        if not frame.fin:
            return None
        payload, self._parts = bytes(self._parts), None
        return self._kind, payload


def refusal_text(protocol: ClientProtocol, lost: Exception | None) -> str:
    """Say why a handshake did not succeed; `lost` is what ended the transport."""
    refusal = protocol.handshake_exc
    if isinstance(refusal, InvalidStatus):
        body = plain(_body(refusal))
        return f"HTTP {refusal.response.status_code}" + (f": {body}" if body else "")
    if refusal is not None and refusal.__cause__ is not None:
        return f"{cause_of(refusal)} ({cause_of(refusal.__cause__)})"
    if refusal is not None:
        return cause_of(refusal)
    return "the connection ended during the handshake" if lost is None else cause_of(lost)


def refusal_fields(protocol: ClientProtocol) -> dict[str, Any]:
    """Return status and beginning of the body of an HTTP answer that is no handshake; nothing when there was none."""
    refusal = protocol.handshake_exc
    if not isinstance(refusal, InvalidStatus):
        return {}
    return {"status": refusal.response.status_code, "body": _body(refusal)}


def _body(refusal: InvalidStatus) -> str:
    return bytes(refusal.response.body)[:_BODY_SHOWN].decode(errors="replace")


def refused_frame(error: Exception) -> dict[str, int | None] | None:
    """Return size and limit of the message that an error is about, if that was refused because it is too long.

    Of a fragmented message the size is what came and what its next fragment would add.
    """
    if not isinstance(error, PayloadTooBig):
        return None
    size = None if error.size is None else error.size + (error.current_size or 0)
    return {"size": size, "limit": error.max_size}


def ending(
    protocol: ClientProtocol, asked: tuple[int, str] | None, fault: str | None, lost: Exception | None
) -> tuple[int, str, str]:
    """Return code, reason and who closed.

    Args:
        asked: code and reason of the close that we began, if we did.
        fault: why we could not go on, if so.
        lost: what ended the transport.
    """
    received, sent = protocol.close_rcvd, protocol.close_sent
    if received is not None and protocol.close_rcvd_then_sent:
        return int(received.code), received.reason, "venue"
    if asked is not None:
        return *asked, "us"
    if fault is not None:
        return (int(sent.code), sent.reason, "us") if sent is not None else (1006, fault, "us")
    return 1006, "the stream ended without a close frame" if lost is None else cause_of(lost), "network"
