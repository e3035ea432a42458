"""Bookmarks: a person's notes on moments of a tape, in a file of JSON lines beside it. The tape itself is never touched."""

from pathlib import Path
from typing import Final, NamedTuple

import orjson

from feedtape.errors import TapeError

SUFFIX: Final = ".bookmarks"


class Bookmark(NamedTuple):
    """A note on a moment, ns since 1970."""

    time: int
    note: str


def bookmarks_path(tape: Path) -> Path:
    """Return where the bookmarks of a tape are."""
    return tape.with_name(tape.name + SUFFIX)


def read_bookmarks(tape: Path) -> list[Bookmark]:
    """Return the bookmarks of a tape in the order of their times; none where it has no such file.

    Raises:
        TapeError: when the file cannot be read, or a line of it is no bookmark.
    """
    path = bookmarks_path(tape)
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    except OSError as error:
        raise TapeError(f"{path} cannot be read: {error.strerror}") from error
    return sorted(_bookmark(line, path, number) for number, line in enumerate(lines, 1) if line or number < len(lines))


def add_bookmark(tape: Path, time: int, note: str) -> Bookmark:
    """Write a bookmark behind those that there are, in one piece.

    Raises:
        TapeError: when the file cannot be written.
    """
    path, found = bookmarks_path(tape), Bookmark(time, note)
    line = orjson.dumps({"time": str(time), "note": note}) + b"\n"
    try:
        with path.open("ab", buffering=0) as file:
            file.write(line)
    except OSError as error:
        raise TapeError(f"{path} cannot be written: {error.strerror}") from error
    return found


def _bookmark(line: bytes, path: Path, number: int) -> Bookmark:
    try:
        fields = orjson.loads(line)
        time, note = fields["time"], fields["note"]
        if type(time) is str and time.isdecimal() and time.isascii() and type(note) is str:
            return Bookmark(int(time), note)
        why = "time is a text of ns, note a text"
    except (ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
    raise TapeError(
        f"line {number} of {path} is no bookmark: {why}", hint='{"time":"1795428902000000000","note":"what was seen"}'
    )
