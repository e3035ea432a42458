"""What a screen is drawn on, and how one hears that it has been drawn."""

import asyncio
from collections.abc import Callable

from textual.app import ComposeResult
from textual.screen import Screen

from feedtape.ui.screen.sheet import Sheet


class Drawn(asyncio.Event):
    """Set whenever a picture has been drawn, and for good once none comes any more: nobody waits for it in vain."""

    _is_over = False

    def end(self) -> None:
        """No other picture comes."""
        self._is_over = True
        self.set()

    def clear(self) -> None:
        """Wait for another picture."""
        if not self._is_over:
            super().clear()


class Board(Screen[None], inherit_bindings=False):
    """The panels."""

    def __init__(self, resized: Callable[[], None]) -> None:
        super().__init__()
        self.sheet = Sheet()
        self._resized = resized

    def compose(self) -> ComposeResult:
        """Put the sheet on it."""
        yield self.sheet

    def on_resize(self) -> None:
        """Have everything drawn anew."""
        self.app.call_later(self._resized)
