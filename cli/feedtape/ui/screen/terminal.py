"""The terminal behind a screen: one that takes its time, one that is gone, and one that sends what is no text."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from queue import Queue
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from textual.driver import Driver

_TAKES_S: Final = 5.0
"""So long a terminal may take for what is written last; a recording is not kept open for one that takes nothing more."""


class Outlet:
    """Writes to a terminal in a thread of its own, and loses what one that is gone cannot take."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._waiting: Queue[str | None] = Queue()
        self._thread: threading.Thread | None = None

    @property
    def is_behind(self) -> bool:
        """Whether it has not yet taken everything."""
        return self._waiting.unfinished_tasks > 0

    def begin(self) -> None:
        """Write what is put, and what was put by now; nothing more than before if it has begun."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._write, name="terminal", daemon=True)
            self._thread.start()

    def put(self, text: str) -> None:
        """Write soon."""
        self._waiting.put(text)

    def end(self, within_s: float) -> None:
        """Wait until it has taken everything, but not for ever."""
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(within_s)

    def _write(self) -> None:
        text: str | None = ""
        while text is not None:
            text = self._waiting.get()
            # The screen sees for itself that nobody is there; see `is_gone`.
            with contextlib.suppress(OSError):
                self._file.write(text or "")
                if self._waiting.empty():
                    self._file.flush()
            self._waiting.task_done()


if sys.platform == "win32":
    TERMINAL: "type[Driver] | None" = None
else:
    from textual.drivers.linux_driver import LinuxDriver

    class Terminal(LinuxDriver):
        """The library's own way to the terminal, but for how it is written to: that neither waits for ever nor hides a queue."""

        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            assert sys.__stderr__ is not None
            self._outlet = Outlet(sys.__stderr__)

        @property
        def is_behind(self) -> bool:
            """Whether it has not yet taken what was drawn last."""
            return self._outlet.is_behind

        @property
        def is_gone(self) -> bool:
            """Whether it has hung up."""
            return not os.isatty(self.fileno)

        def start_application_mode(self) -> None:
            """Begin, or go on after a suspension; a shell that goes tells to go on even if there was none."""
            self._outlet.begin()
            super().start_application_mode()  # type: ignore[no-untyped-call]

        def write(self, data: str) -> None:
            """Write soon."""
            self._outlet.put(data)

        def close(self) -> None:
            """Wait until it has taken everything, but not for ever."""
            super().close()
            self._outlet.end(_TAKES_S)

        def run_input_thread(self) -> None:
            """Read keys; bytes that are no text are none."""
            # A terminal that is gone has none either; see `is_gone`.
            with contextlib.suppress(OSError):
                while True:
                    try:
                        return super().run_input_thread()
                    except UnicodeDecodeError:
                        continue

    TERMINAL = Terminal


def is_behind(driver: "Driver | None") -> bool:
    """Tell whether the terminal has not yet taken what was drawn last."""
    return bool(getattr(driver, "is_behind", False))


def is_gone(driver: "Driver | None") -> bool:
    """Tell whether the terminal has hung up."""
    return bool(getattr(driver, "is_gone", False))


def straight_to(driver: "Driver | None") -> Callable[[str], None] | None:
    """Return what writes to the terminal beside the library; None where there is none, or one of another kind."""
    return driver.write if TERMINAL is not None and isinstance(driver, TERMINAL) else None
