"""The bar of what takes long: on a terminal, and nowhere else."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator

import pytest

from feedtape.ui.progress import progress

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals here")
SIZE = 200_000_000


class Job:
    """Work of ten seconds on a clock that is turned by hand: 10 MB/s, a thousand frames a second."""

    def __init__(self) -> None:
        self.time = 50.0
        self.frames = 7

    def run(self, seconds: int, *, quiet: bool = False) -> bool:
        """Work for so long; return whether anybody was there to be told."""
        with progress("verifying", SIZE, quiet=quiet, frames=lambda: self.frames, now=lambda: self.time) as tell:
            for second in range(1, seconds + 1):
                self.time += 1
                self.frames += 1000
                if tell is not None:
                    tell(second * 10_000_000)
        return tell is not None


class Terminal:
    """A terminal of 100 columns as stderr, and what a person sees on it."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        self._screen = os.fdopen(theirs, "w")

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Take the place of stderr; by fixture it could not, which belongs to another phase of a test."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", "100")
            patch.setenv("TERM", "xterm")
            patch.setattr(sys, "stderr", self._screen)
            yield

    def seen(self) -> str:
        """Return all that was shown, and close it."""
        with self._screen:
            self._screen.write("end")
            self._screen.flush()
            shown = b""
            while not shown.endswith(b"end"):
                shown += os.read(self._ours, 65536)
        os.close(self._ours)
        return shown.decode()


def test_a_bar_tells_amounts_rates_and_what_is_left() -> None:
    terminal = Terminal()
    with terminal.watched():
        assert Job().run(10)
    shown = terminal.seen()
    for words in ("verifying", "100.0/200.0 MB", "10.0 MB/s", "1 000 frames/s", "0:00:10"):
        assert words in shown, shown


def test_what_is_over_within_a_second_and_what_is_to_be_quiet_shows_nothing() -> None:
    terminal, job = Terminal(), Job()
    with terminal.watched():
        with progress("verifying", SIZE, now=lambda: job.time) as tell:
            job.time += 0.9
            assert tell is not None
            tell(SIZE)
        assert not job.run(10, quiet=True)
    assert terminal.seen() == "end"


def test_nothing_is_shown_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    assert not Job().run(10) and not written.getvalue()
