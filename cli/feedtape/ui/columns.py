"""Lines that fit: folded between words, with what belongs together below each other, and tables that stay tables."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len

NARROWEST: Final = 40
"""Lines are not folded to less: on a terminal that is narrower nothing can be read anyhow."""
_GAP: Final = "  "
_LABEL: Final = re.compile(r" *\S+(?: \S+)?(?: #?\d+)?  +")
_TYPED: Final = re.compile(r" *check  +feedtape ")
"""What is to be typed stays in one piece, so that it can be copied."""
_DEEPEST: Final = 20
"""A label that is longer than this is none."""
_PARTS: Final = re.compile(r"(\s{2,})")
_BREAK: Final = re.compile(r"(?<![\d±]) |(?<=\d) (?!\d{3}(?!\d)|(?:m?s|[mhB]|[kMG]B)\b)")
"""A space at which a line may end: not that between the thousands of a number, before it, or before its unit."""
_COMMAS: Final = re.compile(r"(?<=,)")
_LEAST_TEXT: Final = 20
"""The last column of a table has as much room as this, or its text stands below the row."""


def fold(line: str, width: int | None, hang: int | None = None) -> list[str]:
    """Return a line as several that fit; what is behind a label stays behind it.

    A word that is longer than a line is divided behind commas only, so that a name or a hash stays whole.

    Args:
        width: columns that there are; None: as many as are needed.
        hang: where all lines but the first begin, if not where the line itself tells.
    """
    if width is None or cell_len(line) <= max(width, NARROWEST) or _TYPED.match(line):
        return [line]
    width, begin = max(width, NARROWEST), _begin(line)
    is_label = line[:begin].strip() != ""
    indent = " " * (hang if hang is not None else begin if is_label else begin + len(_GAP))
    lines = [line[:begin]]
    for gap, part in _parts(line[begin:]):
        if cell_len(lines[-1] + gap + part) <= width:
            lines[-1] += gap + part
        elif cell_len(indent + part) <= width and lines[-1].strip():
            lines.append(indent + part)
        else:
            lines[-1:] = _words(lines[-1] + (gap if lines[-1].strip() else ""), part, indent, width)
    return [line.rstrip() for line in lines if line.strip()]


def folded(lines: Iterable[str], width: int | None, hang: int | None = None) -> Iterator[str]:
    """Yield lines as ones that fit; see `fold`."""
    for line in lines:
        yield from fold(line, width, hang)


def _begin(line: str) -> int:
    """Return where the words of a line begin: behind its label, else behind its indent."""
    label = _LABEL.match(line)
    if label is not None and label.end() <= _DEEPEST:
        return label.end()
    return len(line) - len(line.lstrip())


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield what wide gaps divide, each with the gap before it."""
    found = ["", *_PARTS.split(text)]
    for place in range(0, len(found), 2):
        if found[place + 1]:
            yield found[place], found[place + 1]


def _words(line: str, text: str, indent: str, width: int) -> list[str]:
    lines = [line]
    for word in _BREAK.split(text):
        is_long = cell_len(indent + word) > width
        for number, part in enumerate(_COMMAS.split(word) if is_long else [word]):
            is_bare = lines[-1].endswith(" ") or not lines[-1]
            between = "" if is_bare or number else " "
            # What fits nowhere stands where it is, rather than below a label that has nothing behind it.
            if cell_len(lines[-1] + between + part) <= width or (is_bare and cell_len(indent + part) > width):
                lines[-1] += between + part
            else:
                lines.append(indent + part)
    return lines


class Column(NamedTuple):
    """A column of a table. Those with the lowest `goes` above 0 go first where there is no room; 0: it stays."""

    name: str
    cells: Sequence[str]
    goes: int = 0
    is_text: bool = False

    @property
    def width(self) -> int:
        """Of its widest cell."""
        return max(map(cell_len, (self.name, *self.cells)))

    def padded(self, cell: str) -> str:
        """Return a cell at full width: text on the left, numbers on the right."""
        space = " " * (self.width - cell_len(cell))
        return cell + space if self.is_text else space + cell


class Table(NamedTuple):
    """A table that fits: its lines, and the names of the columns for which there was no room."""

    lines: list[str]
    gone: list[str]


def table(columns: Sequence[Column], last: Column | None, width: int | None, *, indent: str = "") -> Table:
    """Return a table with a head.

    Args:
        last: a column of text behind all others, which is folded in its own room, or stands below its row where there is none.
    """
    columns, gone = list(columns), []
    while width is not None and _missing(columns, last, width - len(indent)) > 0:
        going = [column for column in columns if column.goes]
        if not going:
            break
        first = min(going, key=lambda column: column.goes)
        columns.remove(first)
        gone.append(first.name)
    rows = [_GAP.join(column.padded(text) for column, text in zip(columns, row, strict=True)) for row in _rows(columns)]
    room = None if width is None else max(width, NARROWEST) - len(indent) - cell_len(rows[0]) - len(_GAP)
    texts = [""] * len(rows)
    if last is not None:
        texts = [last.name if room is None or room >= min(last.width, _LEAST_TEXT) else "", *last.cells]
    lines = [line for row, text in zip(rows, texts, strict=True) for line in _with_text(row, text, room, width, indent)]
    return Table([line.rstrip() for line in lines], gone)


def _rows(columns: Sequence[Column]) -> Iterator[tuple[str, ...]]:
    return zip(*([column.name, *column.cells] for column in columns), strict=True)


def _missing(columns: Sequence[Column], last: Column | None, width: int) -> int:
    """Return how many places too few there are."""
    needed = sum(column.width for column in columns) + len(_GAP) * (len(columns) - 1)
    return needed + (0 if last is None else len(_GAP) + min(last.width, _LEAST_TEXT)) - max(width, NARROWEST)


def _with_text(row: str, text: str, room: int | None, width: int | None, indent: str) -> list[str]:
    if not text:
        return [indent + row]
    if room is None or cell_len(text) <= room:
        return [f"{indent}{row}{_GAP}{text}"]
    if room < _LEAST_TEXT:
        below = indent + _GAP * 2
        return [indent + row, *_words(below, text, below, max(width or 0, NARROWEST))]
    first, *more = _words("", text, "", room)
    blank = indent + " " * cell_len(row) + _GAP
    return [f"{indent}{row}{_GAP}{first}", *(blank + line for line in more)]
