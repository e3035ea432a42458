"""Canvases: what is the same is not drawn again, and what is drawn is what was shown, resized and repainted too."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region

from feedtape.ui.draw.rows import Row, fit
from feedtape.ui.screen.canvas import Canvas
from feedtape.ui.screen.palette import PALETTES


class Drawn(Canvas):
    """Remembers what it was asked to draw again."""

    asked: list[tuple[Region, ...]]

    def refresh(self, *regions: Region, **options: Any) -> Any:
        """Note it, and draw."""
        self.__dict__.setdefault("asked", []).append(regions)
        return super().refresh(*regions, **options)


class Easel(App[None]):
    """A screen of one canvas."""

    def compose(self) -> ComposeResult:
        """Make it."""
        yield Drawn(id="canvas")


def lines(canvas: Canvas) -> list[str]:
    return [strip.text for strip in canvas.render_lines(Region(0, 0, *canvas.size))]


def rows(*texts: str) -> list[Row]:
    return [fit([(text, "bid")], 20) for text in texts]


def test_only_lines_that_changed_are_drawn_again() -> None:
    async def run() -> None:
        app = Easel()
        async with app.run_test(size=(20, 6)) as pilot:
            canvas = app.query_one(Drawn)
            canvas.repaint(PALETTES["dark"].styles())
            canvas.show(rows("a", "b", "c"))
            canvas.asked.clear()
            canvas.show(rows("a", "x", "c"))
            assert canvas.asked == [(Region(0, 1, 20, 1),)]
            canvas.show(rows("a", "x", "c"))
            assert len(canvas.asked) == 1
            canvas.show(rows("a"))
            assert canvas.asked[1:] == [(Region(0, 1, 20, 1), Region(0, 2, 20, 1))], "what is gone is wiped"
            await pilot.pause()
            assert lines(canvas) == ["a".ljust(20)] + [" " * 20] * 5
            await pilot.resize_terminal(30, 4)
            assert lines(canvas) == ["a".ljust(30)] + [" " * 30] * 3
            canvas.show([fit([("wider than before it was", "ask")], 30)])
            canvas.repaint(PALETTES["light"].styles())
            [segment, *_] = canvas.render_lines(Region(0, 0, *canvas.size))[0]
            assert segment.text.strip() == "wider than before it was" and segment.style == PALETTES["light"].styles()["ask"]

    asyncio.run(run())
