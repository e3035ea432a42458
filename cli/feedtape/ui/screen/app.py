"""The terminal side of a screen: its panels, when they are drawn, keys, mouse, themes, the end.

It asks its stage for a picture so many times a second, one at a time: while one is being taken or drawn no other is asked for,
so that frames are skipped and never queued. What the panels show and what keys do is the desk's, which is loaded once the screen
stands, so that there is something to see at once.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.style import Style
from textual import events
from textual.app import App
from textual.geometry import Size
from textual.screen import Screen

from feedtape.errors import FeedtapeError
from feedtape.ui.draw.foot import waiting_rows
from feedtape.ui.draw.places import waiting
from feedtape.ui.keymap import REPLAY, Key
from feedtape.ui.output import printable
from feedtape.ui.screen.board import Board, Drawn
from feedtape.ui.screen.foot import Foot
from feedtape.ui.screen.palette import PALETTES
from feedtape.ui.screen.sheet import Panel, Sheet
from feedtape.ui.screen.terminal import TERMINAL, is_behind, is_gone, straight_to
from feedtape.ui.signals import on_signals
from feedtape.ui.stage import Stage

if TYPE_CHECKING:
    from feedtape.ui.picture import Picture
    from feedtape.ui.screen.desk import Desk
    from feedtape.ui.view import View

INTERRUPTED: Final = 130
_METERED: Final = 600
_HANGS_UP: Final = "SIGHUP"


class BoardApp(App[None], inherit_bindings=False):
    """Shows a stage until the person or the stage ends it."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    CSS: ClassVar[str] = "Screen { overflow: hidden; }"

    def __init__(
        self,
        stage: Stage,
        view: "View",
        table: Sequence[Key],
        load_desk: "Callable[[BoardApp], Desk]",
        *,
        fps: float = 10.0,
        theme: str = "dark",
    ) -> None:
        """Prepare.

        Args:
            table: the keys; see `keymap`.
            load_desk: returns what draws the panels and does what keys are for; may take its time to load it.
            theme: name of a palette.
        """
        super().__init__(TERMINAL)
        self.stage = stage
        self.view = view
        self.table = table
        self.picture: Picture | None = None
        self.desk: Desk | None = None
        self.meter: deque[tuple[float, float]] = deque(maxlen=_METERED)
        """Of each picture drawn: seconds that drawing took, and seconds from the asking to the end of the drawing."""
        self.skipped = 0
        self.failure: Exception | None = None
        self.drawn = Drawn()
        self.styles_of: Mapping[str, Style] = {}
        """By part."""
        self.board = Board(self.redraw)
        self._load_desk = load_desk
        self._fps = fps
        self._palette = theme
        self._by_key = {one: key.id for key in table if view.screen in key.screens for one in key.keys}
        self._foot = Foot(self.panel("foot"), table, view, stage)
        self._asked: float | None = None
        self._waiting_for = Size(0, 0)
        self._ending = False
        self._is_to_redraw = False
        self._owes_drawing = False
        """Something was moved and not drawn yet, as the terminal was behind."""

    # -- life

    def get_default_screen(self) -> Screen[Any]:
        """Begin with the panels."""
        return self.board

    @property
    def sheet(self) -> Sheet:
        """What the panels are on, whatever lies on top."""
        return self.board.sheet

    def panel(self, name: str) -> Panel:
        """Return a panel."""
        return self.sheet.panels[name]

    def on_mount(self) -> None:
        """Begin."""
        asyncio.get_running_loop().set_exception_handler(self._failed_beside)
        on_signals(self)
        for palette in PALETTES.values():
            self.register_theme(palette.theme())
        self.paint()
        self.call_after_refresh(self._stand)

    def _stand(self) -> None:
        """Show the screen before what takes long to load."""
        self._wait()
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.stage.start()
        self.sheet.straight = straight_to(self._driver)
        self.desk = self._load_desk(self)
        # What is loaded stays: the collector need not look through it again and again while pictures are drawn.
        gc.freeze()
        self.stage.ended.add_done_callback(lambda _: self.call_later(self._leave))
        self.set_interval(1 / self._fps, self._tick)

    def _leave(self, status: int = 0) -> None:
        self.drawn.end()
        self.exit(return_code=status)

    def quit(self, reason: str) -> None:
        """Let the stage end; the second time, do not wait for it."""
        if not self._ending:
            self._ending = True
            self.stage.stop(reason)
            self.tell("ending…")
        elif reason != _HANGS_UP:
            # A terminal that hangs up may say so more than once: itself, and by the shell.
            self._leave(INTERRUPTED)

    def fail(self, error: Exception) -> None:
        """End by a failure of ours; it is told behind the screen, in one line like any other."""
        self.failure = self.failure or error
        self._leave(1)

    def _handle_exception(self, error: Exception) -> None:
        # The library's own edge, which would print a page. Whoever drives the screen need not wait for it either.
        self._exception_event.set()
        self.fail(error)

    def panic(self, *renderables: Any) -> None:
        """End as the library's thread that reads keys has failed."""
        self.fail(RuntimeError("no key can be read any more"))

    def _failed_beside(self, loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        """Take what failed outside the library's edge: at a signal, or while lines were drawn."""
        error = told.get("exception")
        if "handle" in told and isinstance(error, Exception):
            self.fail(error)
        else:
            loop.default_exception_handler(told)

    # -- drawing

    def _tick(self) -> None:
        desk = self.desk
        if desk is None or self.stage.ended.done():
            return
        if is_gone(self._driver) and not self._ending:
            self.quit(_HANGS_UP)
        if is_behind(self._driver):
            self.skipped += 1
            return
        if self._owes_drawing or self.picture is None:
            self.redraw()
        if self._asked is not None:
            self.skipped += 1
            desk.held_up()
            return
        self._asked = time.perf_counter()
        if not self.stage.take(desk.look(), self._hand_over):
            self._asked = None

    def _wait(self) -> None:
        """Show what there is to say before the first picture."""
        if self.sheet.size != self._waiting_for:
            self._waiting_for = self.sheet.size
            self.sheet.divide(waiting(*self._waiting_for))
        main = self.panel("main")
        said = [printable(text) for text in self.stage.said[-max(1, main.size.height - 2) :]]
        heading = "reading the tape…" if self.view.screen == REPLAY else "connecting…"
        main.show(waiting_rows(said, *main.size, heading))
        self.foot()

    def _hand_over(self, picture: "Picture | Exception") -> None:
        """Take a picture in the stage's thread."""
        self.call_later(self._arrived, picture)

    def _arrived(self, picture: "Picture | Exception") -> None:
        asked, self._asked = self._asked, None
        if isinstance(picture, Exception):
            raise picture
        assert self.desk is not None
        started = time.perf_counter()
        before, self.picture = self.picture, picture
        self.desk.arrived(picture, before)
        now = time.perf_counter()
        self.meter.append((now - started, now - (asked or started)))
        self.drawn.set()

    def _redraw_soon(self) -> None:
        """Draw once more after what has been pressed by now: a key that is held down may come faster than it is drawn."""
        if not self._is_to_redraw:
            self._is_to_redraw = True
            self.call_later(self.redraw)

    def redraw(self) -> None:
        """Draw the present picture once more, after something was moved."""
        self._is_to_redraw = False
        self._owes_drawing = is_behind(self._driver)
        if self._owes_drawing:
            return
        if self.picture is None or self.desk is None:
            self._wait()
        else:
            self.desk.draw(self.picture)

    @property
    def said(self) -> str:
        """What stands in the last line beside the keys."""
        return self._foot.said

    def tell(self, text: str) -> None:
        """Say something in the last line for some seconds."""
        self._foot.tell(text)

    def foot(self, busy: str = "") -> None:
        """Draw the last line; `busy` stands there as long as it lasts."""
        self._foot.show(busy)

    def paint(self) -> None:
        """Give everything the colours of the theme."""
        palette = PALETTES[self._palette]
        self.theme = palette.name
        self.styles_of = palette.styles(colours=not self.no_color)
        self.sheet.repaint(self.styles_of)

    def next_theme(self) -> str:
        """Take the next theme, and return its name."""
        names = list(PALETTES)
        self._palette = names[(names.index(self._palette) + 1) % len(names)]
        self.paint()
        return self._palette

    # -- keys and mouse

    def on_key(self, event: events.Key) -> None:
        """Do what a key means here."""
        if len(self.screen_stack) > 1:
            return
        for key in (event.character, event.key):
            if key is not None and key in self._by_key:
                event.stop()
                event.prevent_default()
                self.press(self._by_key[key], key)
                return

    def press(self, name: str, key: str = "") -> None:
        """Do what a key is for; `name` is its id. Before there is anything to see, one can only quit."""
        if self.desk is None:
            if name == "app.quit":
                self.quit("q")
            return
        self._foot.forget()
        try:
            self.desk.press(name, key)
        except FeedtapeError as error:
            self.tell(str(error))
        self._redraw_soon()

    def on_click(self, event: events.Click) -> None:
        """Press a key in the last line; the rest is for the desk."""
        panel = self.sheet.panel_at(event.x, event.y) if event.widget is self.sheet else None
        if panel is None:
            return
        x, y = event.x - panel.place.x, event.y - panel.place.y
        if panel.id == "foot":
            name = self._foot.key_at(x)
            if name is not None:
                self.press(name)
        elif self.desk is not None:
            self.desk.clicked(panel, x, y)
            self._redraw_soon()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the panel below the mouse, or move the cursor down."""
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the panel below the mouse, or move the cursor up."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        # It does not say which widget it came by.
        panel = self.sheet.panel_at(event.screen_x, event.screen_y) if len(self.screen_stack) == 1 else None
        if panel is None or self.desk is None:
            return
        if self.desk.wheeled(panel, by):
            self._redraw_soon()
        else:
            self.press("view.down" if by > 0 else "view.up")
