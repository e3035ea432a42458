"""Through a real terminal: what tmux captured of the screens, against a fresh replay and the simulated exchange."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from feedtape.model.records import FRAMES
from feedtape.replay.playback import Playback
from stage_cli import until

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "recordings" / "sample.tape.zst"
TARGET = "binance:BTCUSDT"
SIZES = ((80, 24), (120, 40), (200, 60))
_LEVEL = re.compile(r"^[▸ ](\d+\.\d+) +(\d+\.\d+) ")
_FRAME = re.compile(r"frame ([\d ]+) of 1 012")


class Tmux:
    """A terminal of its own, and what stands on it."""

    def __init__(self, folder: Path) -> None:
        self._call = ["tmux", "-S", str(folder / uuid.uuid4().hex[:8]), "-f", "/dev/null"]
        self.size = SIZES[0]

    def run(self, command: str) -> None:
        """Run a command in it, and say how that ended."""
        width, height = map(str, self.size)
        told = f"{command}; echo status $?; stty -a | grep -o ' echo '; cat"
        self._tmux("new-session", "-d", "-s", "screen", "-x", width, "-y", height, told)

    def _tmux(self, *words: str) -> str:
        return subprocess.run([*self._call, *words], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    def press(self, *keys: str) -> None:
        """Press keys."""
        self._tmux("send-keys", "-t", "screen", *keys)

    def resize(self, size: tuple[int, int]) -> None:
        """Make it larger or smaller."""
        self.size = size
        self._tmux("resize-window", "-t", "screen", "-x", str(size[0]), "-y", str(size[1]))

    def lines(self) -> list[str]:
        """Return what stands on it; a line that was wrapped comes as one."""
        return self._tmux("capture-pane", "-p", "-J", "-t", "screen").split("\n")

    def until(self, *texts: str) -> list[str]:
        """Wait until the screen shows all of some texts; return it."""
        shown: list[str] = []

        def shows() -> bool:
            shown[:] = self.lines()
            return all(any(text in line for line in shown) for text in texts)

        until(shows)
        return shown

    def end(self) -> None:
        """Close it."""
        subprocess.run([*self._call, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal."""
    if shutil.which("tmux") is None:
        pytest.skip("SCREENS NOT TESTED THROUGH A REAL TERMINAL: there is no tmux")
    terminal = Tmux(tmp_path)
    yield terminal
    terminal.end()


def feedtape(words: str) -> str:
    return f"{sys.executable} -m feedtape {words}"


Levels = list[tuple[Decimal, Decimal]]


def levels(lines: list[str]) -> Levels:
    """Return price and size of each level that is shown."""
    return [(Decimal(match[1]), Decimal(match[2])) for line in lines if (match := _LEVEL.match(line))]


def book_at(frame: int) -> tuple[Levels, Levels, int | None]:
    """Return the best bids and asks and the sequence of a fresh replay up to a frame."""
    with Playback(SAMPLE) as playback:
        for record, _ in playback.play():
            if record.kind in FRAMES and playback.session.totals.frames == frame:
                break
        book = playback.session.books[TARGET].book
        bids, asks = ([(Decimal(price), Decimal(size)) for price, size in side.top(100)] for side in (book.bids, book.asks))
        return bids, asks, book.sequence


def test_a_replay_at_three_sizes_shows_the_book_of_a_fresh_one(tmux: Tmux) -> None:
    """Jumps and steps at each size; the levels are those at the frame that the head names, and nothing is wrapped."""
    tmux.run(feedtape(f"replay {SAMPLE} --start-paused"))
    tmux.until("PAUSED", "q quit")
    tmux.press("Enter")
    for number, size in enumerate(SIZES, 5):
        tmux.resize(size)
        tmux.press(str(number), ".", ".", ",")
        lines = settled(tmux)
        frame = int(next(match[1] for line in lines if (match := _FRAME.search(line))).replace(" ", ""))
        bids, asks, sequence = book_at(frame)
        shown = levels(lines)
        middle = sum(price in dict(asks) for price, _ in shown)
        assert middle > 4 and len(shown) - middle > 4
        assert shown[:middle] == asks[:middle][::-1] and shown[middle:] == bids[: len(shown) - middle]
        assert size[0] < 100 or f"seq {sequence} " in lines[0] + " "
        assert len(lines) <= size[1] + 1 and max(map(len, lines)) <= size[0]
        assert any("trades" in line for line in lines) and "q quit" in lines[size[1] - 1] and "▲" in lines[size[1] - 2]
    tmux.press("q")
    assert "Traceback" not in "".join(tmux.until("status 0", " echo "))


def settled(tmux: Tmux) -> list[str]:
    """Return the screen once it is drawn for its size and stands still: a paused one does, when what was pressed is done."""
    width, height = tmux.size
    seen: list[list[str]] = []

    def stands() -> bool:
        lines = tmux.lines()
        is_drawn = "q quit" in lines[height - 1] and (width < 100 or "seq " in lines[0])
        seen.append(lines if is_drawn else [])
        return is_drawn and len(seen) > 15 and all(one == lines for one in seen[-15:])

    until(stands)
    return seen[-1]


def test_a_live_screen_comes_up_says_what_it_shows_and_leaves_the_terminal_as_it_was(tmux: Tmux) -> None:
    tmux.size = (120, 40)
    tmux.run(feedtape(f"watch {TARGET} --sim"))
    lines = tmux.until("spread", "live", "── mid ", "q quit")
    assert TARGET in lines[0] and max(map(len, lines)) <= 120
    shown = [price for price, _ in levels(lines)]
    assert len(shown) > 10 and shown == sorted(shown, reverse=True)
    tmux.press("?")
    tmux.until("one book and all books")
    tmux.press("x", "x", "x", "C-c")
    ended = tmux.until("status 0", " echo ")
    assert not levels(ended)
