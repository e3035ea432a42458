"""The sheet: what it writes straight to a terminal looks there as the library would draw it, and is no more than what changed."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.screen import Screen

from feedtape.ui.draw.places import Place
from feedtape.ui.draw.rows import PARTS, Row, fit
from feedtape.ui.screen.palette import PALETTES
from feedtape.ui.screen.sheet import Sheet

WIDTH, HEIGHT = 24, 5
PLACES = {"head": Place(0, 0, 24, 1), "main": Place(0, 1, 14, 3), "trades": Place(15, 1, 9, 3), "foot": Place(0, 4, 24, 1)}
_PIECE = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([\d;]*)m|(.)", re.DOTALL)


class Terminal:
    """As much of a terminal as is written to: letters, each with the colours that were on."""

    def __init__(self) -> None:
        self.cells = [[(" ", "never")] * WIDTH for _ in range(HEIGHT)]
        self.written: list[str] = []

    def write(self, text: str) -> None:
        """Take what is written."""
        self.written.append(text)
        x, y, colours = 0, 0, "?"
        for line, column, code, letter in _PIECE.findall(text):
            if line:
                x, y = int(column) - 1, int(line) - 1
            elif letter:
                self.cells[y][x] = (letter, colours)
                x += 1
            else:
                colours = "" if code == "0" else colours + code


class Easel(App[None]):
    """A screen of one sheet."""

    def __init__(self) -> None:
        super().__init__()
        self.sheet = Sheet()
        self.terminal = Terminal()

    def compose(self) -> ComposeResult:
        """Make it."""
        yield self.sheet


def on_easel(test: Callable[[Easel], Awaitable[None]]) -> None:
    async def run() -> None:
        app = Easel()
        async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
            app.sheet.divide(PLACES)
            await pilot.pause()
            await test(app)

    asyncio.run(run())


def code_of(style: Style) -> str:
    return style.render("x").partition("x")[0].removeprefix("\x1b[").removesuffix("m")


def fresh(style: Style) -> Style:
    return Style(color=style.color, bgcolor=style.bgcolor, bold=style.bold, underline=style.underline, reverse=style.reverse)


def look(letter: str, style: Style | None) -> tuple[str, str]:
    """Return a letter and its colours; a blank has nothing but its ground."""
    if letter == " " and style is not None:
        style = Style(bgcolor=style.bgcolor, underline=style.underline, reverse=style.reverse)
    return letter, code_of(style or Style())


def drawn(sheet: Sheet) -> list[list[tuple[str, str]]]:
    """Return every letter with its colours, as the library draws them."""
    lines = sheet.render_lines(Region(0, 0, WIDTH, HEIGHT))
    return [[look(letter, segment.style) for segment in strip for letter in segment.text] for strip in lines]


def rows_of(rng: random.Random, place: Place) -> list[Row]:
    def cell() -> tuple[str, str]:
        return "".join(rng.choice("  ab█") for _ in range(rng.randrange(1, 6))), rng.choice(PARTS)

    return [fit([cell() for _ in range(rng.randrange(4))], place.width) for _ in range(rng.randrange(place.height + 1))]


@pytest.mark.parametrize("palette", ["dark", "light", "none"])
def test_what_is_written_straight_looks_as_the_library_draws_it(palette: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # So many colours that all parts differ.
    monkeypatch.setenv("COLORTERM", "truecolor")
    made = PALETTES["dark"].styles(colours=False) if palette == "none" else PALETTES[palette].styles()
    # Styles keep what they were rendered as first, for fewer colours perhaps.
    styles = {part: fresh(style) for part, style in made.items()}
    of_code = {code_of(style): style for style in styles.values()}

    async def run(app: Easel) -> None:
        sheet, rng = app.sheet, random.Random(4)
        sheet.repaint(styles)
        sheet.straight = app.terminal.write
        for name, place in PLACES.items():
            # The terminal has none of it yet.
            sheet.panels[name].rows = [[("?", "")]] * place.height
        for _ in range(60):
            for name, place in PLACES.items():
                sheet.panels[name].show(rows_of(rng, place))
            await asyncio.sleep(0)
            seen = [[look(letter, of_code[code]) for letter, code in line if code != "never"] for line in app.terminal.cells]
            wanted = drawn(sheet)
            for y in range(1, 4):
                # Nothing is ever written into the gap.
                del wanted[y][14]
            assert seen == wanted

    on_easel(run)


def test_only_lines_that_changed_are_written() -> None:
    async def run(app: Easel) -> None:
        sheet, terminal = app.sheet, app.terminal
        sheet.repaint(PALETTES["dark"].styles())
        sheet.panels["main"].show([fit([(text, "bid")], 14) for text in "abc"])
        await asyncio.sleep(0)
        sheet.straight = terminal.write
        sheet.panels["main"].show([fit([(text, "bid")], 14) for text in "axc"])
        sheet.panels["head"].show([fit([("h", "")], 24)])
        await asyncio.sleep(0)
        [text] = terminal.written
        assert re.findall(r"\x1b\[(\d+;\d+)H", text) == ["3;1", "1;1"], "one write, with the changed lines in it"
        sheet.panels["main"].show([fit([(text, "bid")], 14) for text in "axc"])
        await asyncio.sleep(0)
        assert len(terminal.written) == 1
        sheet.panels["main"].show([])
        await asyncio.sleep(0)
        assert re.findall(r"\x1b\[(\d+;\d+)H", terminal.written[1]) == ["2;1", "3;1", "4;1"], "what is gone is wiped"
        assert [letter for letter, _ in terminal.cells[2][:14]] == [" "] * 14

    on_easel(run)


def test_nothing_is_written_over_what_lies_on_top() -> None:
    async def run(app: Easel) -> None:
        app.sheet.repaint(PALETTES["dark"].styles())
        app.sheet.straight = app.terminal.write
        await app.push_screen(Screen())
        app.sheet.panels["head"].show([fit([("h", "")], 24)])
        await asyncio.sleep(0)
        assert not app.terminal.written
        await app.pop_screen()
        assert app.sheet.render_lines(Region(0, 0, WIDTH, 1))[0].text.startswith("h")

    on_easel(run)


def test_a_place_on_the_screen_belongs_to_the_panel_that_is_there() -> None:
    async def run(app: Easel) -> None:
        at = app.sheet.panel_at
        assert [panel and panel.id for panel in (at(0, 0), at(13, 3), at(14, 3), at(15, 3), at(23, 4))] == [
            "head",
            "main",
            None,
            "trades",
            "foot",
        ]

    on_easel(run)
