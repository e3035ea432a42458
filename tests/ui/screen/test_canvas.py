"""Canvases: what is drawn is what was shown, resized and repainted too."""

from __future__ import annotations

import asyncio

from textual.app import App, ComposeResult
from textual.geometry import Region

from feedtape.ui.draw.rows import fit
from feedtape.ui.screen.canvas import Canvas
from feedtape.ui.screen.palette import PALETTES


class Easel(App[None]):
    """A screen of one canvas."""

    def compose(self) -> ComposeResult:
        """Make it."""
        yield Canvas()


def lines(canvas: Canvas) -> list[str]:
    return [strip.text for strip in canvas.render_lines(Region(0, 0, *canvas.size))]


def test_rows_are_drawn_as_wide_as_the_canvas_in_the_colours_of_the_theme() -> None:
    async def run() -> None:
        app = Easel()
        async with app.run_test(size=(20, 6)) as pilot:
            canvas = app.query_one(Canvas)
            canvas.repaint(PALETTES["dark"].styles())
            canvas.show([fit([(text, "bid")], 20) for text in ("a", "b")])
            assert lines(canvas) == ["a".ljust(20), "b".ljust(20)] + [" " * 20] * 4
            await pilot.resize_terminal(30, 4)
            assert lines(canvas) == ["a".ljust(30), "b".ljust(30)] + [" " * 30] * 2
            canvas.show([fit([("wider than before it was", "ask")], 30)])
            canvas.repaint(PALETTES["light"].styles())
            [segment, *_] = canvas.render_lines(Region(0, 0, *canvas.size))[0]
            assert segment.text.strip() == "wider than before it was" and segment.style == PALETTES["light"].styles()["ask"]

    asyncio.run(run())
