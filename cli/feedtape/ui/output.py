"""Where output goes: results to stdout, words about them to stderr."""

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


def put_json(value: Any, *, indent: bool = True) -> None:
    """Print a JSON value; one line when `indent` is false."""
    import orjson

    put(orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None).decode())
