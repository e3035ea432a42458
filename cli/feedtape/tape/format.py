"""The tape's bytes: lines, blocks, and the frames around them. Pure; see `docs/tape-format.md` for the why of each rule."""

import base64
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from feedtape.errors import TapeError
from feedtape.model.records import ALWAYS_ENCODED, RECV, Record

FORMAT = 1
SUFFIX = ".tape.zst"

SIGNATURE_MAGIC = 0x184D2A5F
INDEX_MAGIC = 0x184D2A50
SEEK_TABLE_MAGIC = 0x184D2A5E
SEEKABLE_MAGIC = 0x8F92EAB1
SIGNATURE_TEXT = b"feedtape tape %d\n" % FORMAT

ENCODED = b"+64"
"""Suffix of a kind whose payload stands as a JSON string of base64."""

MAX_LINE = 64 * 1024 * 1024
"""Longest line that a reader takes: no writer makes one, so a longer one is damage or a decompression bomb."""

_SKIPPABLE = struct.Struct("<II")
_SEEK_ENTRY = struct.Struct("<III")
_SEEK_FOOTER = struct.Struct("<IBI")
_SEEK_CHECKSUMS = 0x80


class Block(NamedTuple):
    """One zstd frame of a tape.

    Attributes:
        offset, size: where it stands in the file, in bytes.
        raw_size: bytes of lines inside.
        first, last: receipt times of its first and last record.
        records: how many lines.
        keyframe: whether it begins with a keyframe, so that a replay can start there.
    """

    offset: int
    size: int
    raw_size: int
    first: int
    last: int
    records: int
    keyframe: bool


def encode_line(record: Record) -> bytes:
    """Return a record as its line, the newline included."""
    kind, payload = record.kind, record.payload
    if kind in ALWAYS_ENCODED or b"\n" in payload:
        kind += ENCODED
        payload = b'"' + base64.b64encode(payload) + b'"'
    return b"%019d %d %b %b\n" % (record.time, record.connection, kind, payload)


def decode_line(line: bytes) -> Record:
    """Return the record of a line that stands without its newline.

    Raises:
        TapeError: when it is no such line.
    """
    try:
        time, connection, kind, payload = line.split(b" ", 3)
        if kind == RECV:
            return Record(int(time), int(connection), RECV, payload)
        if kind.endswith(ENCODED):
            kind = kind[: -len(ENCODED)]
            payload = base64.b64decode(orjson.loads(payload), validate=True)
        return Record(int(time), int(connection), kind, payload)
    except (ValueError, TypeError) as error:
        raise TapeError(f"not a line of a tape: {line[:60]!r}") from error


def signature() -> bytes:
    """Return what every tape begins with: a skippable frame that names the format."""
    return _SKIPPABLE.pack(SIGNATURE_MAGIC, len(SIGNATURE_TEXT)) + SIGNATURE_TEXT


def check_signature(start: bytes, where: str) -> None:
    """Check the first bytes of a file.

    Raises:
        TapeError: when it is no tape, or one of a newer format.
    """
    header, text = start[: _SKIPPABLE.size], start[_SKIPPABLE.size :]
    if not start:
        raise TapeError(f"{where} is empty")
    if len(header) < _SKIPPABLE.size or _SKIPPABLE.unpack(header)[0] != SIGNATURE_MAGIC or not text.startswith(b"feedtape tape "):
        raise TapeError(f"{where} is not a tape", hint="feedtape import reads other tools' files")
    version = text.split(b"\n")[0].rpartition(b" ")[2]
    if not version.isdigit() or int(version) > FORMAT:
        raise TapeError(f"{where} is a tape of format {version.decode(errors='replace')}; this feedtape reads up to {FORMAT}")


def encode_index(blocks: Sequence[Block], start: int, statistics: dict[str, Any]) -> bytes:
    """Return what follows a tape's last block: our index, then the table of zstd's seekable format.

    Args:
        start: size of what stands before the first block.
    """
    content = orjson.dumps({"blocks": [list(block) for block in blocks], "statistics": statistics})
    index = _SKIPPABLE.pack(INDEX_MAGIC, len(content)) + content
    entries = [(start, 0, 0), *((block.size, block.raw_size, 0) for block in blocks), (len(index), 0, 0)]
    table = b"".join(_SEEK_ENTRY.pack(*entry)[:8] for entry in entries)
    footer = _SEEK_FOOTER.pack(len(entries), 0, SEEKABLE_MAGIC)
    return index + _SKIPPABLE.pack(SEEK_TABLE_MAGIC, len(table) + len(footer)) + table + footer


SEEK_FOOTER_SIZE = _SEEK_FOOTER.size


def seek_table_size(footer: bytes) -> int | None:
    """Return the size of the whole seek table, its headers included, from a file's last bytes; None when there is none."""
    if len(footer) < _SEEK_FOOTER.size:
        return None
    entries, descriptor, magic = _SEEK_FOOTER.unpack(footer)
    if magic != SEEKABLE_MAGIC:
        return None
    width = 12 if descriptor & _SEEK_CHECKSUMS else 8
    return int(_SKIPPABLE.size + entries * width + _SEEK_FOOTER.size)


def index_size(table: bytes) -> int | None:
    """Return the size of the frame before the seek table, which holds our index."""
    entry = table[-_SEEK_FOOTER.size - 8 : -_SEEK_FOOTER.size]
    return int(_SKIPPABLE.unpack(entry)[0]) if len(entry) == 8 else None


def decode_index(frame: bytes) -> tuple[list[Block], dict[str, Any]] | None:
    """Return blocks and statistics from the frame of our index; None when it is not one."""
    try:
        magic, length = _SKIPPABLE.unpack(frame[: _SKIPPABLE.size])
        if magic != INDEX_MAGIC or length != len(frame) - _SKIPPABLE.size:
            return None
        content = orjson.loads(frame[_SKIPPABLE.size :])
        blocks = [Block(*entry) for entry in content["blocks"]]
        if any(type(number) not in (int, bool) or number < 0 for block in blocks for number in block):
            return None
        return blocks, dict(content["statistics"])
    except (struct.error, KeyError, TypeError, ValueError):
        return None
