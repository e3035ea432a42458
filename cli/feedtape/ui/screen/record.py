"""The screen of a recording: its status, which unfolds into the books."""

from typing import Any

from feedtape.ui.recording import Recording
from feedtape.ui.screen.desk import Desk
from feedtape.ui.signals import also


class RecordDesk(Desk):
    """Shows a recording."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        also({"SIGUSR1": lambda: self._mark("SIGUSR1"), "SIGUSR2": app.redraw})

    def do_record_marker(self) -> None:
        """Drop a marker into the tape."""
        self._mark("key")

    def _mark(self, by: str) -> None:
        live = self.stage.live
        if isinstance(live, Recording):
            self.stage.do(lambda: live.mark(by))

    def do_record_unfold(self) -> None:
        """Show the books, or the status."""
        self.view.is_folded = not self.view.is_folded
