"""The screen of a replay: the books of a tape, a line of its time, and every way to move on it."""

from typing import Any, Final

from feedtape.replay.reel import problems
from feedtape.ui.draw import scene
from feedtape.ui.draw.rows import Cell, Row
from feedtape.ui.draw.time_line import head_words, line_rows
from feedtape.ui.picture import BookPicture
from feedtape.ui.play_stage import SEEKING, PlayStage
from feedtape.ui.screen.desk import Desk
from feedtape.ui.screen.sheet import Panel

_SHORT_S: Final = 5
_LONG_S: Final = 60


class ReplayDesk(Desk):
    """Shows a tape that is played, and moves on it."""

    has_line = True

    @property
    def stage(self) -> PlayStage:
        """The player."""
        stage: PlayStage = self.app.stage  # type: ignore[assignment]
        return stage

    # -- drawing

    def _more(self, picture: Any) -> list[Cell]:
        return head_words(self.stage.head)

    def _draw_panels(self, *given: Any) -> None:
        super()._draw_panels(*given)
        self._show("line", lambda width, height: line_rows(self.stage.timeline, self.stage.head, width, self.stage.named))

    def raw_rows(self, book: BookPicture | None, width: int, height: int) -> list[Row]:
        """Return the frame at which a pause stands, with exactly what it changed; the newest of the book while it plays."""
        told = self.stage.step_told
        if told is None or not self.stage.head.is_paused:
            return super().raw_rows(book, width, height)
        changed = [
            (change.side, change.price, change.before, change.after)
            for target, changes in told.changes.items()
            if book is None or target == book.target
            for change in changes
        ]
        return scene.raw_rows(told.record, told.events, changed, width, height, self.view.scrolls["raw"])

    def clicked(self, panel: Panel, x: int, y: int) -> None:
        """Go where the line of time was clicked."""
        if panel.id == "line" and panel.size.width > 1:
            share = x / (panel.size.width - 1)
            self.stage.seek(lambda head: head.first + int((head.last - head.first) * share))
        else:
            super().clicked(panel, x, y)

    def held_up(self) -> None:
        """Say what is being looked for."""
        busy = self.stage.head.busy
        if busy:
            self.app.foot(f"{busy}…" + ("" if busy == SEEKING else " esc stops it"))

    # -- keys

    def do_app_close(self) -> None:
        """Stop a search, or close what is open."""
        if self.stage.head.busy:
            self.stage.interrupt()
        else:
            super().do_app_close()

    def do_replay_pause(self) -> None:
        """Pause, or go on."""
        self.stage.toggle()

    def do_replay_step(self) -> None:
        """One frame forward."""
        self.stage.step(1)

    def do_replay_step_back(self) -> None:
        """One frame back."""
        self.stage.step(-1)

    def do_replay_step_book(self) -> None:
        """Forward to the next frame of this book."""
        self.stage.step(1, self.view.selected)

    def do_replay_step_book_back(self) -> None:
        """Back to the frame of this book before."""
        self.stage.step(-1, self.view.selected)

    def do_replay_forward(self) -> None:
        """Some seconds forward."""
        self.stage.seek_by(_SHORT_S)

    def do_replay_back(self) -> None:
        """Some seconds back."""
        self.stage.seek_by(-_SHORT_S)

    def do_replay_minute_forward(self) -> None:
        """A minute forward."""
        self.stage.seek_by(_LONG_S)

    def do_replay_minute_back(self) -> None:
        """A minute back."""
        self.stage.seek_by(-_LONG_S)

    def do_replay_start(self) -> None:
        """Go to the start."""
        self.stage.seek(lambda head: head.first)

    def do_replay_end(self) -> None:
        """Go to the end."""
        self.stage.seek(lambda head: head.last)

    def do_replay_percent(self, tenth: int = 0) -> None:
        """Jump to a tenth of the tape."""
        self.stage.seek(lambda head: head.first + (head.last - head.first) * tenth // 10)

    def do_replay_faster(self) -> None:
        """Double the speed."""
        self.stage.pace(2)

    def do_replay_slower(self) -> None:
        """Halve the speed."""
        self.stage.pace(0.5)

    def do_replay_normal(self) -> None:
        """Play at the tape's own speed."""
        self.stage.pace(None)

    def do_replay_next_problem(self) -> None:
        """Go to the next problem: of the book that is shown, or of any."""
        self._problem(forward=True)

    def do_replay_previous_problem(self) -> None:
        """Go to the problem before."""
        self._problem(forward=False)

    def _problem(self, *, forward: bool) -> None:
        picture = self.picture
        single = picture is not None and scene.is_book(self.view, picture)
        self.stage.find(problems(self.view.selected if single else None), "problem", forward=forward, is_problem=True)

    def do_replay_next_marker(self) -> None:
        """Go to the next marker or bookmark."""
        self._marker(forward=True)

    def do_replay_previous_marker(self) -> None:
        """Go to the marker or bookmark before."""
        self._marker(forward=False)

    def _marker(self, *, forward: bool) -> None:
        self.stage.seek_marker(forward=forward)

    def do_replay_bookmark(self) -> None:
        """Add a bookmark beside the tape."""
        self.stage.bookmark()

    def do_replay_find(self) -> None:
        """Ask where to go."""
        from feedtape.ui.screen.overlays import Prompt

        example = "03:12:44   +90s   #123456   mark:2   spread > 5   gap"
        self.app.push_screen(
            Prompt("go to a time (+90s is from the start), #sequence, mark:text, or where a condition begins to hold:", example),
            self._go,
        )

    def _go(self, text: str | None) -> None:
        if text is not None and text.strip():
            self.stage.go(text.strip(), self.view.selected)

    def do_replay_find_next(self) -> None:
        """Go to the next place where the last condition begins to hold, or happens."""
        self.stage.go_on(self.view.selected)
