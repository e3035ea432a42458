"""Where output goes: results to stdout, words about them to stderr."""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

_HANG: Final = 2
"""Where a message goes on that is longer than a line."""


def printable(text: str) -> str:
    """Return text from anywhere with control, format and invisible characters escaped, so that it cannot steer a terminal.

    Among the format characters are those that turn the direction of writing, which make a name read as another one.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _lines(text: str) -> str:
    # The last net: whoever says something escapes a stranger's words, newlines included, before they become part of it.
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def say(text: str) -> None:
    """Say something to the person, after what was printed so far."""
    with heard():
        sys.stdout.flush()
        sys.stderr.write(_lines(text) + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Go on where nobody is there to hear what is said: a recording outlives its terminal."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise


def say_error(message: str, hint: str | None = None) -> None:
    """Say what went wrong, in one line, and what to type next, in another."""
    _tell(f"feedtape: error: {printable(message)}", hint)


def warn(message: str, hint: str | None = None) -> None:
    """Say what the person should know although it went on, and what to type about it."""
    _tell(f"feedtape: warning: {printable(message)}", hint)


def _tell(text: str, hint: str | None) -> None:
    from feedtape.ui.columns import fold

    for line in fold(text, _terminal_width(), _HANG):
        say(line)
    if hint:
        # What can be typed stays in one piece.
        say(f"hint: {printable(hint)}")


def aside(text: str) -> None:
    """Say something of little weight: dim, on a terminal that may be coloured."""
    from feedtape.ui.columns import fold

    is_dim = sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") not in ("dumb", "", None)
    before, after = ("\x1b[2m", "\x1b[0m") if is_dim else ("", "")
    with heard():
        sys.stdout.flush()
        for line in fold(_lines(text), _terminal_width(), _HANG):
            sys.stderr.write(f"{before}{line}{after}\n")
        sys.stderr.flush()


def put(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(_lines(text) + "\n")


def width_of(stream: TextIO) -> int | None:
    """Return how many columns lines may have: `COLUMNS`, else the terminal's; None in a pipe or a file, where all fit."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return (os.get_terminal_size(stream.fileno()).columns or None) if stream.isatty() else None
    except (OSError, ValueError):
        return None


def _terminal_width() -> int | None:
    """Return how wide a message may be: elsewhere than on a terminal it is one line."""
    return width_of(sys.stderr) if sys.stderr.isatty() else None


def say_lines(lines: Iterable[str], hang: int | None = None) -> None:
    """Say several lines to the person, folded between words where they are too long; `hang` is where they go on."""
    from feedtape.ui.columns import folded

    for line in folded(lines, width_of(sys.stderr), hang):
        say(line)


def put_lines(lines: Iterable[str], hang: int | None = None) -> None:
    """Print several lines of the result; see `say_lines`."""
    from feedtape.ui.columns import folded

    for line in folded(lines, width_of(sys.stdout), hang):
        put(line)


_STEERING = re.compile(
    rb"\x7f|\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe1\xa0\x8e|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]"
    rb"|\xf3\xa0[\x80\x81][\x80-\xbf]"
)


def safe_json(text: bytes) -> bytes:
    """Return JSON with the characters escaped that JSON lets stand and a terminal obeys or hides.

    To it U+009B is as good as escape and [, and U+202E turns the direction of what follows.
    """
    return _STEERING.sub(_escaped, text)


def _escaped(match: re.Match[bytes]) -> bytes:
    units = match[0].decode().encode("utf-16-be")
    return b"".join(b"\\u%02x%02x" % (units[at], units[at + 1]) for at in range(0, len(units), 2))


def put_json(value: Any, *, indent: bool = True) -> None:
    """Print a JSON value; one line when `indent` is false."""
    import orjson

    put(safe_json(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None)).decode())
