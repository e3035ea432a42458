"""A screen in a test: the live screen over a simulated exchange, and what can be read off it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from textual import events
from textual.driver import Driver
from textual.drivers.headless_driver import HeadlessDriver
from textual.geometry import Size
from textual.pilot import Pilot

from feedtape.model.targets import Target
from feedtape.sim.exchange import SimulatedExchange
from feedtape.ui.draw.rows import text_of
from feedtape.ui.keymap import WATCH, keymap
from feedtape.ui.live_stage import LiveStage
from feedtape.ui.screen.app import BoardApp
from feedtape.ui.screen.desk import Desk
from feedtape.ui.screen.run import live_desk
from feedtape.ui.view import View
from feedtape.ui.wanted import Wanted
from feedtape.ui.watching import Watching


class Glass(HeadlessDriver):
    """A terminal in a test: what stands on it, letter by letter, wherever it came from."""

    _PIECE = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[[?<>=\d;$]*[A-Za-z]|(.)", re.DOTALL)

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._at = (0, 0)
        self._clear(*self._get_terminal_size())

    @property
    def is_headless(self) -> bool:
        """Let it be drawn on."""
        return False

    def resize(self, width: int, height: int) -> None:
        """Make it larger or smaller."""
        self._size = width, height
        self._clear(width, height)
        self._app.post_message(events.Resize(Size(width, height), Size(width, height)))

    def _clear(self, width: int, height: int) -> None:
        # A terminal may leave anything standing there.
        self.cells = [["#"] * width for _ in range(height)]

    def write(self, data: str) -> None:
        """Take what is drawn; what is beyond the edge, as it is for a size that it no longer has, is heaped up there."""
        x, y = self._at
        for line, column, letter in self._PIECE.findall(data):
            if line:
                x, y = int(column) - 1, int(line) - 1
            elif letter == "\n":
                x, y = 0, y + 1
            elif letter:
                self.cells[min(y, len(self.cells) - 1)][min(x, len(self.cells[0]) - 1)] = letter
                x += 1
        self._at = x, y

    def lines(self) -> list[str]:
        """Return what stands on it."""
        return ["".join(cells).rstrip() for cells in self.cells]


def lines_of(app: BoardApp, name: str) -> list[str]:
    """Return what a panel shows, line by line; nothing while it is hidden."""
    panel = app.panel(name)
    return [text_of(row).rstrip() for row in panel.rows] if panel.is_shown else []


def all_lines(app: BoardApp) -> list[str]:
    """Return what the terminal shows, line by line, whatever lies on top included."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip)[:width].rstrip() for strip in strips[:height]]


async def type_keys(app: BoardApp, *keys: str) -> None:
    """Press keys one after the other, and wait until each has been taken; a single letter is typed as itself.

    The pilot waits until the processor is idle, which beside a stage with a thread of its own it hardly ever is.
    """
    for key in keys:
        character = " " if key == "space" else key if len(key) == 1 else None
        event = events.Key(key, character)
        event.set_sender(app)
        app.post_message(event)
        # It goes from the application to what has the focus, and bubbles back.
        for hop in range(5):
            node = app if hop in (0, 3) else app.focused or app.screen
            taken = asyncio.Event()
            node.call_later(taken.set)
            # What the key closes takes nothing any more, be it the whole screen.
            while not taken.is_set() and node.is_attached and app.is_running:  # noqa: ASYNC110
                await asyncio.sleep(0)


async def next_picture(app: BoardApp) -> None:
    """Wait until another picture has been drawn."""
    app.drawn.clear()
    await asyncio.wait_for(app.drawn.wait(), 10)
    if app.failure is not None:
        raise app.failure


async def until(app: BoardApp, holds: Callable[[], object]) -> None:
    """Wait, picture by picture, until something holds."""
    for _ in range(300):
        if holds():
            return
        await next_picture(app)
    raise AssertionError("it never held; the screen shows\n" + "\n".join(all_lines(app)))


@asynccontextmanager
async def watched(
    venue: str,
    symbols: Sequence[str],
    *,
    faults: Sequence[str] = (),
    size: tuple[int, int] = (120, 40),
    rate: float = 50,
    fps: float = 20,
    view: View | None = None,
    load_desk: Callable[[BoardApp], Desk] = live_desk,
    driver: type[Driver] | None = None,
) -> AsyncIterator[tuple[BoardApp, Pilot[None], SimulatedExchange]]:
    """Watch a simulated venue on a screen of that size; the exchange stands in this loop, the feed in its own thread."""
    exchange = SimulatedExchange(venue, symbols=list(symbols), seed=7, rate=rate, faults=faults)
    async with exchange.serve() as url:
        targets = [Target(venue, symbol) for symbol in symbols]
        wanted = Wanted(targets, ["book", "trades", "derivatives"], {venue: url}, silence_s=0.5)
        stage: Any = LiveStage(lambda: Watching(wanted))
        app = BoardApp(stage, view or View(WATCH), keymap(), load_desk, fps=fps)
        if driver is not None:
            app.driver_class = driver
        async with app.run_test(size=size, headless=driver is None) as pilot:
            yield app, pilot, exchange
            stage.stop("q")
            await asyncio.wait_for(asyncio.wrap_future(stage.ended), 10)
        if app.failure is not None:
            raise app.failure
