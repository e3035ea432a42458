"""Canvases: widgets that show rows, and send to the terminal only the lines that changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from feedtape.ui.rows import Row


class Canvas(Widget):
    """Shows rows; whoever owns it makes them for `size`."""

    DEFAULT_CSS = "Canvas { width: 1fr; height: 1fr; }"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rows: list[Row] = []
        self._strips: dict[int, Strip] = {}
        self._made_for = 0
        """How wide the strips are."""
        self.styles_of: Mapping[str, Style] = {}

    def show(self, rows: Sequence[Row]) -> None:
        """Show rows in place of those before; what is the same is not drawn again."""
        old, self._rows = self._rows, list(rows)
        width, height = self.size
        changed = [
            at
            for at in range(height)
            if (old[at] if at < len(old) else None) != (self._rows[at] if at < len(self._rows) else None)
        ]
        if not changed:
            return
        for at in changed:
            self._strips.pop(at, None)
        if len(changed) * 2 > height:
            self.refresh()
        else:
            self.refresh(*(Region(0, at, width, 1) for at in changed))

    def repaint(self, styles: Mapping[str, Style]) -> None:
        """Show the same rows in other colours."""
        self.styles_of = styles
        self._strips.clear()
        self.refresh()

    @property
    def rows(self) -> list[Row]:
        """What it shows."""
        return self._rows

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines as the compositor asks for them.

        Rows are as wide as the canvas, have their background, and no border: what the library does to every line for the sake of
        those would cost three times as much as drawing them.
        """
        width = self.size.width
        if width != self._made_for:
            # Nobody tells of a new size before lines of it are asked for.
            self._strips.clear()
            self._made_for = width
        strips = [self._strips.get(at) or self._strip(at, width) for at in range(crop.y, crop.bottom)]
        if crop.x or crop.width != width:
            return [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def _strip(self, at: int, width: int) -> Strip:
        styles = self.styles_of
        cells = self._rows[at] if at < len(self._rows) else ()
        strip = Strip([Segment(text, styles.get(part)) for text, part in cells])
        self._strips[at] = strip = strip.adjust_cell_length(width, styles.get(""))
        return strip
