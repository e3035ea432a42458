"""Canvases: widgets that show rows, and send to the terminal only the lines that changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from feedtape.ui.draw.rows import Cell, Row

_MADE_KEPT: Final = 1_000


def _looks_blank(style: Style, ground: Style | None) -> bool:
    return not style.underline and not style.reverse and (ground is None or style.bgcolor == ground.bgcolor)


class Canvas(Widget):
    """Shows rows; whoever owns it makes them for `size`."""

    DEFAULT_CSS = "Canvas { width: 1fr; height: 1fr; }"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._rows: list[Row] = []
        self._strips: dict[int, Strip] = {}
        self._made_for = 0
        """How wide the strips are."""
        self._shown_for = 0
        """How wide the rows are."""
        self._made: dict[tuple[Cell, ...], Strip] = {}
        """Strips by what they show: lines move more often than they change."""
        self.styles_of: Mapping[str, Style] = {}
        self._plain: frozenset[str] = frozenset()
        """Parts whose blanks look like the ground."""

    def show(self, rows: Sequence[Row]) -> None:
        """Show rows in place of those before; what is the same is not drawn again."""
        old, self._rows = self._rows, list(rows)
        width, height = self.size
        self._shown_for = width
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

    def _joined(self, cells: tuple[Cell, ...]) -> list[Cell]:
        """Let blanks belong to what stands before or after them, where they look the same: half as many pieces are drawn."""
        joined: list[Cell] = []
        for text, part in cells:
            if part in self._plain and joined and joined[-1][1] in self._plain:
                before, of = joined[-1]
                if text.isspace() or part == of:
                    joined[-1] = (before + text, of)
                    continue
                if before.isspace():
                    joined[-1] = (before + text, part)
                    continue
            joined.append((text, part))
        return joined

    def repaint(self, styles: Mapping[str, Style]) -> None:
        """Show the same rows in other colours."""
        self.styles_of = styles
        ground = styles.get("")
        self._plain = frozenset(part for part, style in styles.items() if _looks_blank(style, ground))
        self._strips.clear()
        self._made.clear()
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
            self._made.clear()
            self._made_for = width
        strips = [self._strips.get(at) or self._strip(at, width) for at in range(crop.y, crop.bottom)]
        if crop.x or crop.width != width:
            return [strip.crop(crop.x, crop.right) for strip in strips]
        return strips

    def _strip(self, at: int, width: int) -> Strip:
        cells = tuple(self._rows[at]) if at < len(self._rows) else ()
        strip = self._made.get(cells)
        if strip is None:
            if len(self._made) >= _MADE_KEPT:
                self._made.clear()
            strip = self._made[cells] = self._new_strip(cells, width)
        self._strips[at] = strip
        return strip

    def _new_strip(self, cells: tuple[Cell, ...], width: int) -> Strip:
        styles = self.styles_of
        segments = [Segment(text, styles.get(part)) for text, part in self._joined(cells)]
        if cells and self._shown_for == width:
            # Whoever makes rows makes them as wide as the canvas: measuring each once more is a fifth of the drawing.
            return Strip(segments, width)
        return Strip(segments).adjust_cell_length(width, styles.get(""))
