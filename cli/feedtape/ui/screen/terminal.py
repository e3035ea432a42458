"""The terminal behind a screen: one that takes its time, and one that is gone."""

import os
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from textual.driver import Driver

_TAKES_S: Final = 5.0
"""So long a terminal may take for what is written last; a recording is not kept open for one that takes nothing more."""


class Line:
    """What goes to the terminal: tells whether it is being taken, and loses what a terminal that is gone cannot take."""

    def __init__(self, file: IO[str]) -> None:
        self.is_writing = False
        self._file = file

    def write(self, text: str) -> None:
        """Write, in the library's own thread, which must not end by it: nobody would fetch from its queue any more."""
        self._do(lambda: self._file.write(text))

    def flush(self) -> None:
        """Write what is kept back."""
        self._do(self._file.flush)

    def _do(self, write: Any) -> None:
        self.is_writing = True
        try:
            write()
        except OSError:
            # The screen sees for itself that nobody is there; see `is_gone`.
            return
        finally:
            self.is_writing = False

    def fileno(self) -> int:
        """Return the number of the file."""
        return self._file.fileno()


if sys.platform == "win32":
    TERMINAL: "type[Driver] | None" = None
else:
    from textual.drivers.linux_driver import LinuxDriver

    class Terminal(LinuxDriver):
        """The library's own way to the terminal, which neither waits for ever nor lets pictures queue up."""

        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            self._file: Any = Line(self._file)

        @property
        def is_behind(self) -> bool:
            """Whether it has not yet taken what was drawn last."""
            return bool(self._file.is_writing)

        @property
        def is_gone(self) -> bool:
            """Whether it has hung up."""
            return not os.isatty(self.fileno)

        def _get_terminal_size(self) -> tuple[int, int]:
            # The library believes COLUMNS and LINES, which do not follow a window that is made larger.
            try:
                size = os.get_terminal_size(self.fileno)
            except OSError:
                return super()._get_terminal_size()
            return (size.columns, size.lines) if size.columns and size.lines else super()._get_terminal_size()

        def close(self) -> None:
            """Wait until it has taken everything, but not for ever."""
            closing = threading.Thread(target=super().close, name="closing", daemon=True)
            closing.start()
            closing.join(_TAKES_S)

    TERMINAL = Terminal


def is_behind(driver: "Driver | None") -> bool:
    """Tell whether the terminal has not yet taken what was drawn last."""
    return bool(getattr(driver, "is_behind", False))


def is_gone(driver: "Driver | None") -> bool:
    """Tell whether the terminal has hung up."""
    return bool(getattr(driver, "is_gone", False))
