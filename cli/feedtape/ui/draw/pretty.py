"""A frame as lines, made only as far as they are looked at: a frame of megabytes costs no more than what is seen of it.

JSON has a value a line, and a list of plain values stands in one where it fits; anything else is as it is. Only blanks are moved:
numbers and texts stay in the venue's own spelling, and a frame that is cut is read as far as it goes. What is longer than a line
goes on in the next one.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

from rich.cells import cell_len, chop_cells

from feedtape.ui.output import printable

Line = tuple[str, int]
"""A line, and how many bytes of the frame it and those before it are of."""

_PIECE: Final = 4096
"""Bytes that are looked at at once, at most."""
_DEEPEST: Final = 20
"""Steps by which lines are indented at most: a hostile frame goes deeper than any screen is wide."""
_NARROW: Final = 50
"""Columns below which a step is one blank, not two: lists of a price and a size fit then."""

_BLANK: Final = re.compile(rb"\s*")
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*("?)|[][{},:]|[^][{},:"\s]+', re.DOTALL)
_MORE: Final = re.compile(rb'(?:[^"\\]|\\.)*("?)', re.DOTALL)
"""The rest of a text that was longer than a piece."""
_FLAT: Final = re.compile(rb'\[(?:"(?:[^"\\]|\\.)*"|[^][{}"])*\]', re.DOTALL)
"""A list of plain values."""


class Pretty:
    """The lines of one frame in a width."""

    def __init__(self, payload: bytes, width: int) -> None:
        self._bytes = len(payload)
        self._lines: list[Line] = []
        self._rest = _lines(payload, width)

    def reaches(self, count: int) -> int:
        """Make so many lines, if there are as many, and return how many there are by now."""
        self._lines.extend(islice(self._rest, max(0, count - len(self._lines))))
        return len(self._lines)

    def texts(self, first: int, count: int) -> list[str]:
        """Return so many lines from one on."""
        self.reaches(first + count)
        return [text for text, _ in self._lines[first : first + count]]

    def bytes_behind(self, count: int) -> int:
        """Return how many bytes of the frame come after so many lines."""
        return self._bytes - (self._lines[count - 1][1] if count else 0)


@lru_cache(maxsize=2)
def pretty(payload: bytes, width: int) -> Pretty:
    """Return a frame as lines; of one that is drawn again and again, the same."""
    return Pretty(payload, width)


def _lines(payload: bytes, width: int) -> Iterator[Line]:
    is_json = payload[:_PIECE].lstrip()[:1] in (b"{", b"[")
    yield from (_indented if is_json else _plain)(payload, max(1, width))


def _plain(payload: bytes, width: int) -> Iterator[Line]:
    at = 0
    while at < len(payload):
        end = _whole(payload, min(at + width, len(payload)))
        yield from ((row, end) for row in _chopped(_text(payload[at:end]), width))
        at = end


def _indented(payload: bytes, width: int) -> Iterator[Line]:
    line, depth, at, is_open = "", 0, 0, False
    step = " " if width < _NARROW else "  "
    while (at := at if is_open else _end_of_blanks(payload, at)) < len(payload):
        indent = step * min(depth, _DEEPEST)
        piece, at, is_open = _piece(payload, at, width - len(line or indent) - 1, is_open=is_open)
        if piece in ("}", "]"):
            if line.strip():
                yield from ((row, at - 1) for row in _chopped(line, width))
            depth = max(0, depth - 1)
            line = step * min(depth, _DEEPEST) + piece
            continue
        line = (line or indent) + piece + " " * (piece == ":")
        depth += piece in ("{", "[")
        if piece in ("{", "[", ","):
            yield from ((row, at) for row in _chopped(line, width))
            line = ""
        elif len(line) > _PIECE:
            *rows, line = _chopped(line, width)
            yield from ((row, at) for row in rows)
    if line:
        yield from ((row, at) for row in _chopped(line, width))


def _end_of_blanks(payload: bytes, at: int) -> int:
    found = _BLANK.match(payload, at)
    return at if found is None else found.end()


def _piece(payload: bytes, at: int, room: int, *, is_open: bool) -> tuple[str, int, bool]:
    """Return what comes next, where it ends, and whether that is in the middle of a text."""
    if not is_open and payload.startswith(b"[", at):
        flat = _FLAT.match(payload, at, at + max(0, room))
        if flat is not None and cell_len(spaced := _spaced(flat[0])) <= room:
            return spaced, flat.end(), False
    found = (_MORE if is_open else _TOKEN).match(payload, at, at + _PIECE)
    if found is None or found.end() == at:
        # A backslash that nothing follows.
        return _text(payload[at : at + 1]), at + 1, False
    end, is_text = found.end(), is_open or payload.startswith(b'"', at)
    is_open = is_text and not found[1] and end < len(payload)
    # What ends where one looked no farther may be cut within a letter.
    end = _whole(payload, end) if is_open or end == at + _PIECE else end
    return _text(payload[at:end]), end, is_open


def _spaced(items: bytes) -> str:
    return "".join(_text(token[0]) + " " * (token[0] == b",") for token in _TOKEN.finditer(items))


def _text(piece: bytes) -> str:
    return printable(piece.decode(errors="replace"))


def _whole(payload: bytes, end: int) -> int:
    """Return an end that is not within a letter: a little behind one that is."""
    most = min(len(payload), end + 3)
    while end < most and payload[end] & 0xC0 == 0x80:
        end += 1
    return end


def _chopped(text: str, width: int) -> list[str]:
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)]
    return chop_cells(text, width) if cell_len(text) > width else [text]
