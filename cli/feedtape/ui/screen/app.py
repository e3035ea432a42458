"""The terminal side of a screen: its panels, when they are drawn, keys, mouse, themes, the end.

It asks its stage for a picture so many times a second, one at a time: while one is being taken or drawn no other is asked for,
so that frames are skipped and never queued. What the panels show and what keys do is the desk's, which is loaded once the screen
stands, so that there is something to see at once.
"""

import asyncio
import contextlib
import gc
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from feedtape.errors import FeedtapeError
from feedtape.ui.draw.foot import foot_row, waiting_rows
from feedtape.ui.keymap import Key
from feedtape.ui.output import printable
from feedtape.ui.screen.canvas import Canvas
from feedtape.ui.screen.palette import PALETTES
from feedtape.ui.screen.terminal import TERMINAL, is_behind, is_gone
from feedtape.ui.signals import on_signals
from feedtape.ui.stage import Stage

if TYPE_CHECKING:
    from feedtape.ui.picture import Picture
    from feedtape.ui.screen.desk import Desk
    from feedtape.ui.view import View

_SAID_FOR_S: Final = 5.0
_METERED: Final = 600
F = TypeVar("F", bound=Callable[..., Any])


def guarded(method: F) -> F:
    """Let a failure of ours end the screen and be told behind it, in one line like any other."""

    @wraps(method)
    def call(self: "BoardApp", *given: Any) -> Any:
        try:
            return method(self, *given)
        except Exception as error:  # noqa: BLE001  the screen's edge
            self.failure = self.failure or error
            self.drawn.set()
            self.exit(return_code=1)
            return None

    return call  # type: ignore[return-value]


class _Bare:
    """Has nothing of its own to be drawn but the ground, which has no colour where there are none."""

    def render_lines(self: Any, crop: Region) -> list[Strip]:
        """Return blank lines."""
        ground = None if self.app.no_color else self.visual_style.rich_style
        return [Strip.blank(crop.width, ground)] * crop.height


class Aside(_Bare, Horizontal):
    """Panels beside each other."""


class Below(_Bare, Vertical):
    """Panels below each other."""


class Board(Screen[None], inherit_bindings=False):
    """The panels."""

    def compose(self) -> ComposeResult:
        """Make them; which are seen, and how large, is arranged with every picture."""
        yield Canvas(id="head")
        with Aside(id="body"):
            with Below(id="left"):
                yield Canvas(id="main")
                yield Canvas(id="map")
            with Below(id="side"):
                yield Canvas(id="trades")
                yield Canvas(id="raw")
                yield Canvas(id="statistics")
        yield Canvas(id="line")
        yield Canvas(id="foot")

    def on_mount(self) -> None:
        """Give the panels their colours."""
        app = self.app
        if isinstance(app, BoardApp):
            app.paint()


class BoardApp(App[None], inherit_bindings=False):
    """Shows a stage until the person or the stage ends it."""

    ENABLE_COMMAND_PALETTE = False
    CSS: ClassVar[str] = """
    Screen { layout: vertical; overflow: hidden; }
    #head { height: 3; }
    #body, #left, #side { height: 1fr; }
    #side { width: 40; margin-left: 1; display: none; }
    #map, #raw, #statistics, #line { display: none; }
    #line { height: 2; }
    #foot { height: 1; }
    """

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
        self.drawn = asyncio.Event()
        """Set whenever a picture has been drawn, and at a failure."""
        self.styles_of: Mapping[str, Style] = {}
        """By part."""
        self.said = ""
        """What stands in the last line."""
        self._load_desk = load_desk
        self._fps = fps
        self._palette = theme
        self._by_key = {one: key.id for key in table if view.screen in key.screens for one in key.keys}
        self._keys_at: list[tuple[int, int, str]] = []
        self._asked: float | None = None
        self._message = ("", 0.0)
        self._heard = (0, "")
        self._footed = ("", 0)
        self._ending = False
        self._is_to_redraw = False
        self._owes_drawing = False
        """Something was moved and not drawn yet, as the terminal was behind."""

    # -- life

    def get_default_screen(self) -> Screen[Any]:
        """Begin with the panels."""
        return Board(id="board")

    @property
    def board(self) -> Screen[Any]:
        """The screen with the panels, whatever lies on top."""
        return self.screen_stack[0]

    def canvas(self, name: str) -> Canvas:
        """Return a panel."""
        return self.board.query_one(f"#{name}", Canvas)

    @guarded
    def on_mount(self) -> None:
        """Begin."""
        on_signals(self)
        for palette in PALETTES.values():
            self.register_theme(palette.theme())
        self.theme = self._palette
        self.call_after_refresh(self._stand)

    @guarded
    def _stand(self) -> None:
        """Show the screen before what takes long to load."""
        self._wait()
        self.call_after_refresh(self._start)

    @guarded
    def _start(self) -> None:
        self.stage.start()
        self.desk = self._load_desk(self)
        # What is loaded stays: the collector need not look through it again and again while pictures are drawn.
        gc.freeze()
        self.stage.ended.add_done_callback(lambda _: self._later(self._stage_ended))
        self.set_interval(1 / self._fps, self._tick)

    def _stage_ended(self) -> None:
        # Nobody need wait for another picture.
        self.drawn.set()
        self.exit()

    def _later(self, action: Callable[..., None], *given: Any) -> None:
        """Do something in this thread, from any other; nothing once the screen is gone."""
        loop = self._loop
        if loop is not None:
            # It may be closed any moment.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(action, *given)

    def quit(self, reason: str) -> None:
        """Let the stage end; the second time, do not wait for it."""
        if self._ending:
            self.exit()
            return
        self._ending = True
        self.stage.stop(reason)
        self.tell("ending…")

    def _handle_exception(self, error: Exception) -> None:
        # The library's own edge. Its page of traceback would hide the one line that is told behind the screen.
        self.failure = self.failure or error
        self.drawn.set()
        super()._handle_exception(error)

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()

    # -- drawing

    @guarded
    def _tick(self) -> None:
        desk = self.desk
        if desk is None or self.stage.ended.done():
            return
        if is_gone(self._driver) and not self._ending:
            self.quit("SIGHUP")
        if is_behind(self._driver):
            self.skipped += 1
            return
        if self._owes_drawing:
            self.redraw()
        if self._asked is not None:
            self.skipped += 1
            desk.held_up()
            return
        self._asked = time.perf_counter()
        if not self.stage.take(desk.look(), lambda picture: self._later(self._arrived, picture)):
            self._asked = None
        if self.picture is None:
            self._wait()

    def _wait(self) -> None:
        """Show what there is to say before the first picture."""
        canvas = self.canvas("main")
        width, height = canvas.size
        said = [printable(text) for text in self.stage.said[-max(1, height - 2) :]]
        canvas.show(waiting_rows(said, width, height))
        self.foot()

    @guarded
    def _arrived(self, picture: "Picture | Exception") -> None:
        asked, self._asked = self._asked, None
        if not self.is_running or self.desk is None:
            return
        if isinstance(picture, Exception):
            raise picture
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

    @guarded
    def redraw(self) -> None:
        """Draw the present picture once more, after something was moved."""
        self._is_to_redraw = False
        self._owes_drawing = is_behind(self._driver)
        if self.picture is not None and self.desk is not None and self.is_running and not self._owes_drawing:
            self.desk.draw(self.picture)

    def on_resize(self) -> None:
        """Draw everything anew."""
        self.call_after_refresh(self.redraw)

    def tell(self, text: str) -> None:
        """Say something in the last line for some seconds."""
        self._message = (text, time.monotonic() + _SAID_FOR_S)
        self.foot()

    def foot(self, busy: str = "") -> None:
        """Draw the last line: keys, and what was said last, for some seconds; `busy` goes before, as long as it lasts."""
        said, now = self.stage.said, time.monotonic()
        heard = (len(said), said[-1]) if said else (0, "")
        if heard != self._heard:
            self._heard, self._message = heard, (heard[1], now + _SAID_FOR_S)
        text, until = self._message
        self.said = text = busy or (text if now < until else "")
        canvas = self.canvas("foot")
        if (text, canvas.size.width) != self._footed:
            self._footed = (text, canvas.size.width)
            row, self._keys_at = foot_row(self.table, self.view.footer, canvas.size.width, text)
            canvas.show([row])

    def paint(self) -> None:
        """Give everything the colours of the theme."""
        palette = PALETTES[self._palette]
        self.theme = palette.name
        self.styles_of = palette.styles(colours=not self.no_color)
        for canvas in self.board.query(Canvas):
            canvas.repaint(self.styles_of)

    def next_theme(self) -> str:
        """Take the next theme, and return its name."""
        names = list(PALETTES)
        self._palette = names[(names.index(self._palette) + 1) % len(names)]
        self.paint()
        return self._palette

    # -- keys and mouse

    @guarded
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
        self._message = ("", 0.0)
        try:
            self.desk.press(name, key)
        except FeedtapeError as error:
            self.tell(str(error))
        self._redraw_soon()

    @guarded
    def on_click(self, event: events.Click) -> None:
        """Press a key in the last line; the rest is for the desk."""
        canvas = event.widget
        if not isinstance(canvas, Canvas) or len(self.screen_stack) > 1:
            return
        if canvas.id == "foot":
            for start, end, name in self._keys_at:
                if start <= event.x < end:
                    self.press(name)
        elif self.desk is not None:
            self.desk.clicked(canvas, event.x, event.y)
            self._redraw_soon()

    @guarded
    def on_mouse_scroll_down(self) -> None:
        """Move the cursor down."""
        if len(self.screen_stack) == 1:
            self.press("view.down")

    @guarded
    def on_mouse_scroll_up(self) -> None:
        """Move the cursor up."""
        if len(self.screen_stack) == 1:
            self.press("view.up")
