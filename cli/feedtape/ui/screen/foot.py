"""The last line of a screen: its keys, and for some seconds what was said last."""

import time
from collections.abc import Sequence
from typing import Final

from feedtape.ui.draw.foot import foot_row
from feedtape.ui.keymap import Key
from feedtape.ui.screen.sheet import Panel
from feedtape.ui.stage import Stage
from feedtape.ui.view import View

_SAID_FOR_S: Final = 5.0


class Foot:
    """Shows keys, and what the screen or its stage has to say.

    Attributes:
        said: what stands there beside the keys.
    """

    def __init__(self, panel: Panel, table: Sequence[Key], view: View, stage: Stage) -> None:
        self.said = ""
        self._panel = panel
        self._table = table
        self._view = view
        self._stage = stage
        self._message = ("", 0.0)
        self._heard = (0, "")
        self._shown = ("", "")
        self._keys_at: list[tuple[int, int, str]] = []

    def tell(self, text: str) -> None:
        """Say something for some seconds."""
        self._message = (text, time.monotonic() + _SAID_FOR_S)
        self.show()

    def forget(self) -> None:
        """Say no longer what was said."""
        self._message = ("", 0.0)

    def show(self, busy: str = "") -> None:
        """Draw it, if anything has changed; `busy` goes before what was said, as long as it lasts."""
        said, now = self._stage.said, time.monotonic()
        heard = (len(said), said[-1]) if said else (0, "")
        if heard != self._heard:
            self._heard, self._message = heard, (heard[1], now + _SAID_FOR_S)
        text, until = self._message
        self.said = busy or (text if now < until else "")
        panel, shown = self._panel, (self.said, self._view.footer)
        if panel.is_shown and (not panel.rows or shown != self._shown):
            self._shown = shown
            row, self._keys_at = foot_row(self._table, self._view.footer, panel.size.width, self.said)
            panel.show([row])

    def key_at(self, x: int) -> str | None:
        """Return the id of the key that stands in a column."""
        return next((name for start, end, name in self._keys_at if start <= x < end), None)
