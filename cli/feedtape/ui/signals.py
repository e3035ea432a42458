"""Signals that end a run, or ask something of it."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol


class Quits(Protocol):
    """What can be ended."""

    def quit(self, reason: str) -> None:
        """End."""


def ending() -> list[signal.Signals]:
    """Return the signals that end a run cleanly.

    The terminal's hanging up is among them, but for a process that is to survive it, as by nohup.
    """
    found, hangs_up = [signal.SIGINT, signal.SIGTERM], getattr(signal, "SIGHUP", None)
    if hangs_up is not None and signal.getsignal(hangs_up) is not signal.SIG_IGN:
        found.append(hangs_up)
    return found


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Let signals that end a run raise KeyboardInterrupt, once, where no loop hears them; in the main thread alone.

    Yields what is to be called once an interrupt may come: one that came before is raised by that.
    """
    came: list[int] = []
    may_raise = False

    def interrupt(number: int, frame: object) -> None:
        came.append(number)
        # A second one would interrupt the clearing up after the first.
        if may_raise and len(came) == 1:
            begin()

    def begin() -> None:
        nonlocal may_raise
        may_raise = True
        if came:
            ignore_hang_up()
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in ending()}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield begin
    finally:
        for number, heard in before.items():
            signal.signal(number, heard)


def ignore_hang_up() -> None:
    """Hear no more of the terminal's hanging up, while the end is under way: it says so itself, and by the shell."""
    if (hangs_up := getattr(signal, "SIGHUP", None)) is not None:
        signal.signal(hangs_up, signal.SIG_IGN)


def on_signals(app: Quits) -> None:
    """Let signals end a screen as a key does; called in its own loop."""
    also({number.name: lambda name=number.name: app.quit(name) for number in ending()})  # type: ignore[misc]


def also(actions: Mapping[str, Callable[[], object]]) -> None:
    """Do something at signals, by their names, in the loop that runs; in the main thread alone, where signals arrive."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for name, action in actions.items():
        try:
            loop.add_signal_handler(getattr(signal, name), action)
        except (NotImplementedError, AttributeError):
            # Windows has none of this; ctrl-c arrives as a key.
            continue
