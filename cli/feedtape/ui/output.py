"""Where output goes: results to stdout, words about them to stderr."""

import re
import sys
from typing import Any


def printable(text: str) -> str:
    """Return text from anywhere with control characters escaped, so that it cannot steer a terminal."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def say(text: str) -> None:
    """Say something to the person, after what was printed so far."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say_error(message: str, hint: str | None = None) -> None:
    """Say what went wrong, in one line, and what to type next, in another."""
    say(f"feedtape: error: {printable(message)}" + (f"\nhint: {printable(hint)}" if hint else ""))


def warn(message: str) -> None:
    """Say what the person should know although it went on."""
    say(f"feedtape: warning: {printable(message)}")


def put(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


_CONTROLS = re.compile(rb"\x7f|\xc2[\x80-\x9f]")


def safe_json(text: bytes) -> bytes:
    """Return JSON with the control characters escaped that JSON lets stand: to a terminal U+009B is as good as escape and [."""
    return _CONTROLS.sub(lambda match: b"\\u00%02x" % match[0][-1], text)


def put_json(value: Any, *, indent: bool = True) -> None:
    """Print a JSON value; one line when `indent` is false."""
    import orjson

    put(safe_json(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None)).decode())
