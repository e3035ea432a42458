"""Plain lines: one frame a line, with or without a receipt time before it, or wrapped into JSON.

1723161255030314667 {"stream": ...        19 digits are ns, 16 µs, 13 ms; a space, a tab or `: ` follows
1723161255.0303146: {"stream": ...        seconds with decimals
2024-08-08T23:54:15.0303146Z {"stream":   RFC 3339, as tardis.dev's raw data; an empty line is a lost connection there
{"rx_ns": 1723161255030314667, "frame": {"channel": ...}, "dir": "rx"}
{"ts": "2026-08-16T23:37:04.334090Z", "raw_frame": "{\\"channel\\": ..."}
{"received_at": 1723161255030, "json": "{\\"stream\\": ..."}
{"stream": ...                            no time: the venue's own stands in for it
"""

import re
from collections.abc import Sequence

import msgspec

from feedtape.convert.chain import Line, Split
from feedtape.convert.times import of_digits, of_rfc3339, of_seconds
from feedtape.model.records import RECV, SEND

NAME = "lines"

_STAMP = re.compile(
    rb"(?:(\d{19}|\d{16}|\d{13})|(\d{9,10}(?:\.\d{1,12})?)"
    rb"|(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:[Zz]|[+-]\d\d:\d\d)))(?:: |[ \t])"
)
_WRAPPERS = (("rx_ns", "frame"), ("ts", "raw_frame"), ("received_at", "json"))

_Fields = dict[str, msgspec.Raw]


def split(line: bytes) -> Line:
    """Split a line that is not wrapped."""
    stamp = _STAMP.match(line)
    if stamp is None:
        return Line(None, RECV, line)
    digits, seconds, written = stamp.groups()
    time = of_digits(digits) if digits else of_seconds(seconds) if seconds else of_rfc3339(written)
    return Line(None, RECV, line) if time is None else Line(time, RECV, line[stamp.end() :])


def names_lost_connections(lines: Sequence[bytes]) -> bool:
    """Tell whether lines are tardis.dev's, in which an empty one is a lost connection."""
    stamp = next((found for line in lines if (found := _STAMP.match(line)) is not None), None)
    return stamp is not None and stamp[3] is not None


def splitter(lines: Sequence[bytes]) -> Split:
    """Return the function that splits lines such as these first ones of a file."""
    first = next((line for line in lines if line), b"")
    fields = _fields(first)
    for time_name, frame_name in _WRAPPERS:
        if time_name in fields and frame_name in fields:
            return lambda line: _unwrapped(line, time_name, frame_name)
    return split


def _fields(line: bytes) -> _Fields:
    if line[:1] != b"{":
        return {}
    try:
        return msgspec.json.decode(line, type=_Fields)
    except msgspec.MsgspecError:
        return {}


def _unwrapped(line: bytes, time_name: str, frame_name: str) -> Line:
    fields = _fields(line)
    try:
        frame = bytes(fields[frame_name])
        if frame[:1] == b'"':
            frame = msgspec.json.decode(frame, type=str).encode()
    except (KeyError, ValueError):
        return Line(None, RECV, line)
    direction = bytes(fields.get("dir", b""))
    written = bytes(fields.get(time_name, b"")).strip(b'"')
    time = _ns(written) if time_name == "rx_ns" else _time(written)
    return Line(time, SEND if direction in (b'"tx"', b'"send"') else RECV, frame)


def _ns(text: bytes) -> int | None:
    # A monotonic clock counts from a machine's start: it orders frames, and tells no time.
    return of_digits(text) if len(text) == 19 else None


def _time(text: bytes) -> int | None:
    if b"T" in text:
        return of_rfc3339(text)
    return of_digits(text) or of_seconds(text)
