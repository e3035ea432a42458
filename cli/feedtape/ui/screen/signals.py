"""Signals that end a screen."""

import asyncio
import signal
import threading
from typing import Protocol


class Quits(Protocol):
    """What can be ended."""

    def quit(self, reason: str) -> None:
        """End."""


def on_signals(app: Quits) -> None:
    """Let SIGTERM and SIGINT end a screen as a key does; called in its own loop."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, app.quit, number.name)
        except NotImplementedError:
            # Windows has none of this; ctrl-c arrives as a key.
            return
