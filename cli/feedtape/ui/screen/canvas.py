"""Canvases: widgets that show rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from feedtape.ui.draw.rows import Cell, Row


class Lines(Widget):
    """Draws lines of cells, as the library asks for them."""

    DEFAULT_CSS = "Lines { width: 1fr; height: 1fr; }"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.styles_of: Mapping[str, Style] = {}

    def cells_at(self, at: int) -> Iterable[Cell]:
        """Return what stands in a line."""
        raise NotImplementedError

    def repaint(self, styles: Mapping[str, Style]) -> None:
        """Show the same in other colours."""
        self.styles_of = styles
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return lines; they have a ground of their own, and no border, for the sake of which the library does much to each."""
        width, styles = self.size.width, self.styles_of
        lines = []
        for at in range(crop.y, crop.bottom):
            strip = Strip([Segment(text, styles.get(part)) for text, part in self.cells_at(at)])
            lines.append(strip.adjust_cell_length(width, styles.get("")).crop(crop.x, crop.right))
        return lines


class Canvas(Lines):
    """Shows rows; whoever owns it makes them for `size`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rows: list[Row] = []
        """What it shows."""

    def cells_at(self, at: int) -> Iterable[Cell]:
        """Return a row."""
        return self.rows[at] if at < len(self.rows) else ()

    def show(self, rows: Sequence[Row]) -> None:
        """Show rows in place of those before."""
        self.rows = list(rows)
        self.refresh()
