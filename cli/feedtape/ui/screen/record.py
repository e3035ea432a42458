"""The screen of a recording: its status, which unfolds into the books."""

from feedtape.ui.recording import Recording
from feedtape.ui.screen.desk import Desk


class RecordDesk(Desk):
    """Shows a recording."""

    def do_record_marker(self) -> None:
        """Drop a marker into the tape."""
        live = self.stage.live
        if isinstance(live, Recording):
            self.stage.do(lambda: live.mark("key"))

    def do_record_unfold(self) -> None:
        """Show the books, or the status."""
        self.view.is_folded = not self.view.is_folded
