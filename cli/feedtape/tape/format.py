"""The tape's bytes: lines, blocks, and the frames around them. Pure; see `docs/tape-format.md` for the why of each rule."""

import base64
import hashlib
import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from feedtape.errors import TapeError
from feedtape.model.records import ALWAYS_ENCODED, CHAIN, RECV, SUM, Record

FORMAT = 2
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


class Index(NamedTuple):
    """What stands behind the last block of a tape that was closed cleanly. `head` is empty in tapes of format 1."""

    blocks: list[Block]
    head: str
    statistics: dict[str, Any]


class Link(NamedTuple):
    """What stands at the beginning of every block but the first.

    Attributes:
        block: number of the block that it begins, from 0.
        records, frames: how many there were in all blocks before.
        head: hash over all blocks before, in hexadecimal: each block's lines are hashed behind the head before them.
    """

    block: int
    records: int
    frames: int
    head: str


def chain_line(time: int, link: Link) -> bytes:
    """Return the line that a block begins with."""
    return b"%019d 0 %b %b\n" % (time, CHAIN, orjson.dumps(link._asdict()))


def read_link(line: bytes) -> Link | None:
    """Return what a block's first line says of the blocks before; None when it is another line."""
    parts = line.split(b" ", 3)
    if len(parts) != 4 or parts[2] != CHAIN:
        return None
    try:
        fields = orjson.loads(parts[3])
        link = Link(fields["block"], fields["records"], fields["frames"], fields["head"])
    except (ValueError, KeyError, TypeError):
        return None
    numbers = (link.block, link.records, link.frames)
    return link if all(type(number) is int and number >= 0 for number in numbers) and type(link.head) is str else None


def next_head(head: str, lines: bytes) -> str:
    """Return the head of the chain after a block, given all its lines."""
    return begin_block(head, lines).hexdigest()


def begin_block(head: str, lines: bytes = b"") -> "hashlib.blake2b":
    """Return the hash that becomes the next head when the rest of the block's lines has gone in."""
    return hashlib.blake2b(head.encode() + lines, digest_size=32)


def sum_line(time: int, checksum: int) -> bytes:
    """Return the line that proves what was flushed of an unfinished block: the CRC-32 of the block's lines before it."""
    return b'%019d 0 %b "%08x"\n' % (time, SUM, checksum)


def proven_length(lines: bytes) -> int:
    """Return how many bytes of an unfinished block are proven by its sums: up to the end of the last line that is right."""
    proven = start = checksum = 0
    mark = b" 0 " + SUM + b' "'
    while (found := lines.find(mark, start)) >= 0:
        line, end = lines.rfind(b"\n", 0, found) + 1, lines.find(b"\n", found) + 1
        if not end:
            break
        if found - line == 19:
            checksum = zlib.crc32(lines[start:line], checksum)
            if lines[line:end] != sum_line(int(lines[line:found]) if lines[line:found].isdigit() else 0, checksum):
                break
            checksum = zlib.crc32(lines[line:end], checksum)
            proven = end
            start = end
        else:
            checksum = zlib.crc32(lines[start:end], checksum)
            start = end
    return proven


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
        if len(time) != 19 or not time.isdigit() or len(connection) > 19 or not connection.isdigit():
            raise ValueError("time or connection is no such number")
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


def check_signature(start: bytes, where: str) -> int:
    """Check the first bytes of a file; return the version of its format.

    Raises:
        TapeError: when it is no tape, or one of a newer format.
    """
    header, text = start[: _SKIPPABLE.size], start[_SKIPPABLE.size :]
    if not start:
        raise TapeError(f"{where} is empty")
    if len(header) < _SKIPPABLE.size or _SKIPPABLE.unpack(header)[0] != SIGNATURE_MAGIC or not text.startswith(b"feedtape tape "):
        raise TapeError(f"{where} is not a tape", hint="feedtape import reads other tools' files")
    version = format_in(start)
    if version is None or version < 1:
        raise TapeError(f"{where} begins like a tape, but its signature is damaged", hint=f"feedtape repair {where} -o OUT")
    if version > FORMAT:
        raise TapeError(f"{where} is a tape of format {version}; this feedtape reads up to {FORMAT}")
    return version


def format_in(start: bytes) -> int | None:
    """Return the version that a file's first bytes name; None where they name none."""
    number = start[_SKIPPABLE.size :].split(b"\n")[0].removeprefix(b"feedtape tape ")
    return int(number) if number.isdigit() else None


def encode_index(blocks: Sequence[Block], start: int, head: str, statistics: dict[str, Any]) -> bytes:
    """Return what follows a tape's last block: our index, then the table of zstd's seekable format.

    Args:
        start: size of what stands before the first block.
        head: of the chain, as the end record has it.
    """
    content = orjson.dumps({"blocks": [list(block) for block in blocks], "head": head, "statistics": statistics})
    content = content[:-1] + _INDEX_SUM % zlib.crc32(content[:-1])
    index = _SKIPPABLE.pack(INDEX_MAGIC, len(content)) + content
    entries = [(start, 0, 0), *((block.size, block.raw_size, 0) for block in blocks), (len(index), 0, 0)]
    table = b"".join(_SEEK_ENTRY.pack(*entry)[:8] for entry in entries)
    footer = _SEEK_FOOTER.pack(len(entries), 0, SEEKABLE_MAGIC)
    return index + _SKIPPABLE.pack(SEEK_TABLE_MAGIC, len(table) + len(footer)) + table + footer


_INDEX_SUM = b',"crc32":"%08x"}'
"""How an index ends: with a checksum of what stands before, since nothing else would tell a flipped bit in a number."""

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


def decode_index(frame: bytes, version: int = FORMAT) -> Index | None:
    """Return what the frame of our index holds; None when it is not one, or damaged. Format 1 has no checksum in it."""
    try:
        magic, length = _SKIPPABLE.unpack(frame[: _SKIPPABLE.size])
        if magic != INDEX_MAGIC or length != len(frame) - _SKIPPABLE.size:
            return None
        content_size = len(frame) - len(_INDEX_SUM % 0)
        if version > 1 and frame[content_size:] != _INDEX_SUM % zlib.crc32(frame[_SKIPPABLE.size : content_size]):
            return None
        content = orjson.loads(frame[_SKIPPABLE.size :])
        blocks = [Block(*entry) for entry in content["blocks"]]
        if any(type(number) not in (int, bool) or number < 0 for block in blocks for number in block):
            return None
        return Index(blocks, str(content.get("head", "")), dict(content["statistics"]))
    except (struct.error, KeyError, TypeError, ValueError):
        return None
