"""Raw dumps of cryptofeed: text, a record a line or more, several files of one run.

    1633998512.0633569: <frame>                            received
    wss://host/path <-> 1633998511.9                       connecting
    wss://host/path <- 1633998512.1: <message>             sent
    https://host/path -> 1633998512.3: <body>              the answer of a REST request, with ` header: {...}` in newer dumps
    configuration: {"l2_book": [...]}                      what was asked for

`NAME.0` holds the requests of the start, `NAME.http.K.N` and `NAME.ws.K.N` one connection each, N growing as files fill up.
Line ends inside of a payload are not escaped, binary frames stand as Python's literals. No record tells of a lost connection:
the next `<->` of the same file does.

Source: github.com/bmoscon/cryptofeed, `cryptofeed/raw_data_collection.py`, 021845a.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import orjson

from feedtape.convert.source import LONGEST_LINE, SourceFile, is_whole
from feedtape.convert.times import of_seconds

NAME = "cryptofeed"

FRAME = b":"
SENT = b"<-"
ANSWER = b"->"
CONNECTING = b"<->"

_CONFIGURATION = b"configuration: "
_CONFIGURATION_LIMIT = 64 * 1024
_ABOUT = re.compile(rb"((?:wss?|https?)://\S+) (<->|<-|->) (\d{9,10}(?:\.\d+)?)(?:: |$)")
_FRAME = re.compile(rb"(\d{9,10}(?:\.\d+)?): ")
_FILE_NAME = re.compile(r"(?P<uuid>(?P<name>[A-Za-z0-9_]+)(?:\.(?P<kind>ws|http)\.[^.]+)?)\.(?P<number>\d+)")
_HEADERS = b" header: "


class Entry(NamedTuple):
    """A record of a dump. `verb` is `FRAME`, `SENT`, `ANSWER` or `CONNECTING`."""

    time: int
    verb: bytes
    url: str
    payload: bytes


class FileName(NamedTuple):
    """What a file's name tells: whose dump, which connection, what kind of it, which of its files."""

    name: str
    uuid: str
    kind: str
    number: int


def file_name(stem: str) -> FileName:
    """Read a file's name; one of another form stands for itself."""
    match = _FILE_NAME.fullmatch(stem)
    if match is None:
        return FileName(stem.partition(".")[0], stem, "", 0)
    return FileName(match["name"], match["uuid"], match["kind"] or "", int(match["number"]))


def is_line(line: bytes) -> bool:
    """Tell whether a line begins a record of a dump."""
    return line.startswith(_CONFIGURATION) or _FRAME.match(line) is not None or _ABOUT.match(line) is not None


def head_of(line: bytes) -> Entry | None:
    """Read a line that begins a record; None when it goes on with the one before."""
    match = _FRAME.match(line)
    if match is not None:
        verb, url, seconds = FRAME, "", match[1]
    else:
        match = _ABOUT.match(line)
        if match is None:
            return None
        verb, url, seconds = match[2], match[1].decode(errors="replace"), match[3]
    time = of_seconds(seconds)
    return None if time is None else Entry(time, verb, url, line[match.end() :])


def configuration(lines: Sequence[bytes]) -> dict[str, object] | None:
    """Return what a run was asked for, if it is among these lines and small."""
    for line in lines:
        if line.startswith(_CONFIGURATION) and len(line) <= _CONFIGURATION_LIMIT:
            try:
                asked = orjson.loads(line[len(_CONFIGURATION) :])
            except ValueError:
                return None
            return asked if type(asked) is dict else None
    return None


def entries(file: SourceFile) -> Iterator[Entry]:
    """Yield the records of a file, those that span lines put together.

    Raises:
        InputError: when the disk fails.
    """
    entry: Entry | None = None
    more: list[bytes] = []
    size = 0
    for line in file.lines():
        begun = head_of(line)
        if begun is None and not line.startswith(_CONFIGURATION) and size <= LONGEST_LINE:
            more.append(line)
            size += len(line) + 1
            continue
        if entry is not None:
            yield _whole(entry, more)
        entry, size = begun, 0
        more = []
    if not file.tail:
        if entry is not None:
            yield _whole(entry, more)
        return
    begun = head_of(file.tail)
    if begun is None and entry is not None and not _ends(_whole(entry, more)):
        # The record before is still open, so that this belongs to it.
        begun, more = entry, [*more, file.tail]
    else:
        if entry is not None:
            yield _whole(entry, more)
        more = []
    if begun is not None and _ends(_whole(begun, more)):
        yield _whole(begun, more)
    elif not file.tail.startswith(_CONFIGURATION):
        file.damage = file.damage or "its last record ends in the middle"


def _whole(entry: Entry, more: list[bytes]) -> Entry:
    # Empty lines between records are nobody's; inside a payload they are its own.
    while more and more[-1] in (b"", b"\r"):
        more.pop()
    payload = b"\n".join([entry.payload, *more]) if more else entry.payload
    return entry._replace(payload=payload.removesuffix(b"\r"))


def _ends(entry: Entry) -> bool:
    return literal(entry.payload) is not None or is_whole(answer(entry.payload)[0])


def literal(payload: bytes) -> bytes | None:
    """Return the bytes of a Python bytes literal; None when it is none."""
    if payload[:2] not in (b"b'", b'b"') or payload[-1:] != payload[1:2] or len(payload) < 3:
        return None
    try:
        value = ast.literal_eval(payload.decode("ascii"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if type(value) is bytes else None


def answer(payload: bytes) -> tuple[bytes, dict[str, object] | None]:
    """Split a REST answer into body and headers, where a dump kept them."""
    body, found, text = payload.rpartition(_HEADERS)
    if not found:
        return payload, None
    try:
        headers = orjson.loads(text)
    except ValueError:
        return payload, None
    return (body, headers) if type(headers) is dict else (payload, None)


def streams(files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    """Return the files of each connection in order, the connections sorted by name."""
    found: dict[str, list[tuple[int, SourceFile]]] = {}
    for file in files:
        name = file_name(file.stem)
        found.setdefault(name.uuid, []).append((name.number, file))
    return {uuid: [file for _, file in sorted(found[uuid], key=lambda pair: pair[0])] for uuid in sorted(found)}
