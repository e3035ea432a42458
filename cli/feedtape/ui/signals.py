"""Signals that end a run, or ask something of it."""

import asyncio
import signal
import threading
from collections.abc import Callable, Mapping
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
