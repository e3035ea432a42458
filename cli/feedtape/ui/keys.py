"""Single keys from the terminal while something runs, without taking ctrl-c or the standard input away."""

import asyncio
import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any


@contextlib.contextmanager
def keys(actions: Mapping[str, Callable[[], None]]) -> Iterator[bool]:
    """Call an action for each of its keys that is pressed; yield whether there is a terminal to press them on."""
    terminal = _terminal()
    if terminal is None:
        yield False
        return
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    loop = asyncio.get_running_loop()

    def pressed() -> None:
        for key in os.read(terminal, 64).decode(errors="replace"):
            if key in actions:
                actions[key]()

    tty.setcbreak(terminal)
    loop.add_reader(terminal, pressed)
    try:
        yield True
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.close(terminal)


class Keyboard:
    """Keys for a program that waits by itself rather than in an event loop."""

    def __init__(self) -> None:
        self._terminal = _terminal()
        self._before: list[Any] = []

    def __enter__(self) -> "Keyboard":
        if self._terminal is not None:
            import termios
            import tty

            self._before = termios.tcgetattr(self._terminal)
            tty.setcbreak(self._terminal)
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal is not None:
            import termios

            termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)
            os.close(self._terminal)

    @property
    def is_there(self) -> bool:
        """Whether anybody can press a key."""
        return self._terminal is not None

    def wait(self, seconds: float) -> str:
        """Wait so long, or until keys are pressed; return them."""
        if self._terminal is None:
            time.sleep(seconds)
            return ""
        readable, _, _ = select.select([self._terminal], [], [], seconds)
        return os.read(self._terminal, 64).decode(errors="replace") if readable else ""


def _terminal() -> int | None:
    """Open the terminal, unless there is none or it is another job's, whose keys are not ours."""
    if os.name == "nt":
        return None
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.tcgetpgrp(terminal) == os.getpgrp():
            return terminal
    except OSError:
        # A terminal that is gone: the process outlived the one that started it.
        os.close(terminal)
        return None
    os.close(terminal)
    return None
