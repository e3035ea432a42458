"""Running a screen: the terminal, signals, and what is left to say after it."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Final

from feedtape.ui.keymap import Key
from feedtape.ui.output import say
from feedtape.ui.screen.app import INTERRUPTED, BoardApp
from feedtape.ui.stage import Stage

if TYPE_CHECKING:
    from feedtape.ui.screen.desk import Desk
    from feedtape.ui.view import View
    from feedtape.ui.watching import ScreenOptions

_ENDS_WITHIN_S: Final = 5
_SWITCH_S: Final = 0.0005
"""For so long, at most, drawing keeps a frame that has come waiting; Python's own 5 ms would show in the times of receipt."""


def live_desk(app: BoardApp) -> "Desk":
    """Load what shows live books."""
    from feedtape.ui.screen.desk import Desk

    return Desk(app)


def record_desk(app: BoardApp) -> "Desk":
    """Load what shows a recording."""
    from feedtape.ui.screen.record import RecordDesk

    return RecordDesk(app)


def replay_desk(app: BoardApp) -> "Desk":
    """Load what shows a replay."""
    from feedtape.ui.screen.replay import ReplayDesk

    return ReplayDesk(app)


def show(
    stage: Stage,
    view: "View",
    table: Sequence[Key],
    options: "ScreenOptions",
    load_desk: "Callable[[BoardApp], Desk]" = live_desk,
) -> BoardApp:
    """Show a stage until it ends, and return the screen that was.

    Raises:
        FeedtapeError: what the stage failed by.
    """
    app = BoardApp(stage, view, table, load_desk, fps=options.fps, theme=options.theme)
    with _terminal():
        app.run()
    if app.return_code == INTERRUPTED and not stage.ended.done():
        # The person pressed twice: whatever hangs, a disk perhaps, is not waited for.
        say("stopped at once; a tape is readable up to its last flush")
        sys.stdout.flush()
        os._exit(INTERRUPTED)
    if app.failure is not None:
        stage.stop("the screen failed")
        wait([stage.ended], _ENDS_WITHIN_S)
        raise app.failure
    stage.ended.result()
    return app


@contextlib.contextmanager
def _terminal() -> Iterator[None]:
    """Let a screen be as large as its terminal, and hold up nothing that is received."""
    for name in ("COLUMNS", "LINES"):
        # They would be believed, and do not follow a window that is made larger.
        os.environ.pop(name, None)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
