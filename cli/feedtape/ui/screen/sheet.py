"""The sheet: a whole screen as one widget, with the panels on it.

It sends to the terminal only what changed, and does so itself: what the library does to put a screen together from widgets, lines
and pieces takes ten times as long, ten times a second. Whenever there is more to it than that (the first picture, another size,
something that lies on top, a test without a terminal) the library draws.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from rich.color import ColorSystem
from rich.style import Style
from textual.geometry import Region, Size

from feedtape.ui.draw.places import PANELS, Place
from feedtape.ui.draw.rows import Cell, Row
from feedtape.ui.screen.canvas import Lines

_RESET: Final = "\x1b[0m"


class Panel:
    """A part of a sheet. Whoever owns it makes rows for `size`; it has none while there is no place for it."""

    def __init__(self, name: str, sheet: "Sheet") -> None:
        self.id = name
        self.place = Region()
        self.rows: list[Row] = []
        """What it shows."""
        self._sheet = sheet

    @property
    def size(self) -> Size:
        """Columns and lines."""
        return self.place.size

    @property
    def is_shown(self) -> bool:
        """Whether there is a place for it."""
        return self.place.area > 0

    def show(self, rows: Sequence[Row]) -> None:
        """Show rows in place of those before; what is the same is not drawn again."""
        old, self.rows = [self.row(at) for at in range(self.place.height)], list(rows)
        self._sheet.draw_again(self, [at for at, row in enumerate(old) if row != self.row(at)])

    def row(self, at: int) -> Row:
        """Return a row, or the blanks that stand below the last one."""
        return self.rows[at] if at < len(self.rows) else [(" " * self.place.width, "")]


class Sheet(Lines):
    """A whole screen: panels below and beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.panels = {name: Panel(name, self) for name in PANELS}
        self.straight: Callable[[str], None] | None = None
        """Writes to the terminal beside the library, if there is one that can be written to."""
        self._owed: dict[tuple[Panel, int], None] = {}
        """Lines of panels that are not drawn yet."""
        self._codes: dict[str, str] = {}
        """What switches the terminal to the colours of a part."""
        self._blank: frozenset[str] = frozenset()
        """Parts whose blanks look like the ground."""

    def divide(self, places: Mapping[str, Place]) -> None:
        """Give panels their places, which must not overlap; those that are not named are hidden."""
        for name, panel in self.panels.items():
            panel.place, panel.rows = Region(*places.get(name, (0, 0, 0, 0))), []
        self.refresh()

    def panel_at(self, x: int, y: int) -> Panel | None:
        """Return the panel at a place."""
        return next((panel for panel in self.panels.values() if panel.place.contains(x, y)), None)

    def cells_at(self, at: int) -> list[Cell]:
        """Return what the panels show in a line, and blanks where none of them is."""
        cells: list[Cell] = []
        x = 0
        across = [panel for panel in self.panels.values() if at in panel.place.line_range and panel.is_shown]
        for panel in sorted(across, key=lambda panel: panel.place.x):
            cells += [(" " * (panel.place.x - x), ""), *panel.row(at - panel.place.y)]
            x = panel.place.right
        return cells

    def repaint(self, styles: Mapping[str, Style]) -> None:
        """Show the same in other colours."""
        super().repaint(styles)
        name = self.app.console.color_system
        system = ColorSystem[{"256": "EIGHT_BIT"}.get(name, name.upper())] if name is not None else None
        self._codes = {part: _code(style, system) for part, style in styles.items()}
        ground = styles.get("", Style())
        self._blank = frozenset(part for part, style in styles.items() if _looks_blank(style, ground))

    # -- straight to the terminal

    def draw_again(self, panel: Panel, lines: Iterable[int]) -> None:
        """Draw lines of a panel that are no longer what they were, together with whatever else changes now."""
        before = len(self._owed)
        self._owed |= dict.fromkeys((panel, at) for at in lines)
        if self._owed and not before:
            asyncio.get_running_loop().call_soon(self._draw)

    def _draw(self) -> None:
        owed, self._owed = self._owed, {}
        if self.straight is None or self.app.screen is not self.screen:
            self.refresh()
            return
        pieces = []
        for panel, at in owed:
            # Its place may have become a smaller one by now; then everything is drawn.
            if at < panel.place.height:
                pieces.append(f"\x1b[{panel.place.y + at + 1};{panel.place.x + 1}H")
                self._ink(panel.row(at), pieces)
        self.straight("".join([*pieces, _RESET]))

    def _ink(self, row: Row, pieces: list[str]) -> None:
        """Add a row as the terminal takes it; blanks need no colours of their own."""
        codes, blank = self._codes, self._blank
        now = None
        for text, part in row:
            if part != now and not (part in blank and now in blank and text.isspace()):
                pieces.append(codes[part])
                now = part
            pieces.append(text)


def _code(style: Style, system: ColorSystem | None) -> str:
    """Return what switches a terminal to a style, whatever it was in."""
    return _RESET + style.render("x", color_system=system).partition("x")[0]


def _looks_blank(style: Style, ground: Style) -> bool:
    return not style.underline and not style.reverse and style.bgcolor == ground.bgcolor
