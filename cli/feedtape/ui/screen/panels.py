"""What the panels of a screen show: which of them are there, how large, and their rows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from feedtape.replay.times import span
from feedtape.ui.chain import ChainPicture
from feedtape.ui.draw import scene
from feedtape.ui.draw.chain_rows import clamped
from feedtape.ui.draw.depth_map import DepthMap
from feedtape.ui.draw.grid import Box
from feedtape.ui.draw.places import Place, places
from feedtape.ui.draw.rows import Cell, Row
from feedtape.ui.keymap import first_keys
from feedtape.ui.picture import BookPicture, Look, Picture
from feedtape.ui.view import View

if TYPE_CHECKING:
    from feedtape.ui.screen.app import BoardApp

_COSTED: Final = 500
"""Levels a side that are looked at where the cost of a size is told of all books."""
_DEEPEST: Final = 5_000
"""Levels a side that are looked at where they are grouped."""


class Panels:
    """Draws pictures on the panels of a screen."""

    has_line = False
    """Whether there is a line of time."""

    def __init__(self, app: "BoardApp") -> None:
        self.app = app
        self.view: View = app.view
        self.boxes: list[Box] = []
        self.chain: ChainPicture | None = None
        """The chain as it was shown last."""
        self._maps: dict[str, DepthMap] = {}
        self._arranged: dict[str, Place] = {}
        for scroll in self.view.scrolls.values():
            scroll.keys = first_keys(app.table, "view.panel-up", "view.panel-down")

    @property
    def stage(self) -> Any:
        """Where the session lives."""
        return self.app.stage

    @property
    def picture(self) -> Picture | None:
        """The newest picture."""
        return self.app.picture

    def look(self) -> Look:
        """Return what the next picture must hold."""
        view, picture = self.view, self.picture
        book = view.book(picture) if picture is not None else None
        selected = view.selected if view.is_chain else None if book is None else book.target
        detailed = () if selected is None else (selected,)
        is_status = view.is_chain and view.is_folded
        is_grouped = selected is not None and (view.group.get(selected) or view.step is not None)
        return Look(
            # A chain may have hundreds of books, of which one is looked at; a status has a line for each.
            targets=detailed if view.is_chain and not view.is_folded else None,
            detailed=detailed,
            levels=1 if is_status else _COSTED if view.is_across and view.size is not None else max(10, self.app.size.height),
            deep=_DEEPEST if is_grouped else max(200, abs(view.cursor) + 100),
            chain=view.is_chain and (view.is_folded or not view.zoomed),
            expiry=self._expiry(),
        )

    def _expiry(self) -> int | None:
        chain, cursor = self.chain, self.view.chain
        if chain is None or cursor is None or not chain.expiries:
            return 0
        return chain.expiries[min(cursor.expiry, len(chain.expiries) - 1)].expiry

    def arrived(self, picture: Picture, before: Picture | None) -> None:
        """Take a new picture: see that what is selected is there, and draw it."""
        view = self.view
        if picture.chain is not None and picture.chain.expiries:
            self.chain = picture.chain
            view.chain = clamped(picture.chain, view.chain)
        if view.selected is None and (book := view.book(picture)) is not None:
            view.selected = book.target
        self.draw(picture, is_new=True)
        if view.frozen is None:
            view.before = picture

    def draw(self, picture: Picture, *, is_new: bool = False) -> None:
        """Draw everything from a picture; of a frozen screen a new one only changes what the head says."""
        is_rearranged = self._arrange(picture)
        view, shown = self.view, self.view.frozen or picture
        book = view.book(shown)
        self._show("head", lambda width, height: scene.head_rows(view, shown, book, width, height, self._more(picture)))
        if view.frozen is None or not is_new or is_rearranged:
            self._draw_panels(view, shown, book)
        self.app.foot()

    def _draw_panels(self, view: View, picture: Picture, book: BookPicture | None) -> None:
        self._show("main", lambda width, height: self._main(view, picture, width, height))
        self._show("map", lambda width, height: scene.map_rows(self._map_of(book), book, width, height))
        self._show("trades", lambda width, height: scene.tape_rows(book, width, height))
        self._show("raw", lambda width, height: self.raw_rows(book, width, height))
        self._show("statistics", lambda width, height: self._statistics(picture, book, width, height))

    def _map_of(self, book: BookPicture | None) -> DepthMap:
        name = book.target if book is not None else ""
        if name not in self._maps:
            self._maps[name] = DepthMap(shades=self.app.no_color)
        return self._maps[name]

    def _main(self, view: View, picture: Picture, width: int, height: int) -> list[Row]:
        rows, self.boxes = scene.main_rows(view, picture, self.stage.facts(), width, height)
        return rows

    def raw_rows(self, book: BookPicture | None, width: int, height: int) -> list[Row]:
        """Return the panel of the newest frame."""
        record, said = book.frame if book is not None and book.frame is not None else (None, ())
        return scene.raw_rows(record, said, None, width, height, self.view.scrolls["raw"])

    def _statistics(self, picture: Picture, book: BookPicture | None, width: int, height: int) -> list[Row]:
        counted = self.view.counters(book) if book is not None else None
        scroll = self.view.scrolls["statistics"]
        return scene.statistics_rows(counted, picture, self._drawing(), self.stage.facts(), width, height, scroll)

    def _drawing(self) -> list[tuple[str, str]]:
        times = sorted(drawn for drawn, _ in self.app.meter)
        if not times:
            return []
        middle, most = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
        return [("  frame", f"median {middle:.1f} ms, 99 % {most:.1f} ms"), ("  skipped", str(self.app.skipped))]

    def _more(self, picture: Picture) -> list[Cell]:
        """Return what the head says beside the book: how far behind a frozen picture is."""
        frozen = self.view.frozen
        if frozen is None:
            return []
        behind = sum(book.counters.updates for book in picture.books.values())
        behind -= sum(book.counters.updates for book in frozen.books.values())
        # Of a chain the books are not looked at.
        what = f"{picture.frames - frozen.frames} frames" if self.view.is_chain else f"{behind} updates"
        return [(f"FROZEN {span(picture.time - frozen.time)} behind, {what}", "warn")]

    def _show(self, name: str, make: Callable[[int, int], list[Row]]) -> None:
        panel = self.app.panel(name)
        if panel.is_shown:
            panel.show(make(*panel.size))

    def _arrange(self, picture: Picture) -> bool:
        """Show the panels that the view wants and the terminal has room for; tell whether that changed anything."""
        view, (width, height) = self.view, self.app.sheet.size
        arranged = places(
            width,
            height,
            scene.head_height(view, picture, height),
            view.opened,
            single=scene.is_book(view, picture),
            has_line=self.has_line,
        )
        if arranged == self._arranged:
            return False
        self._arranged = arranged
        self.app.sheet.divide(arranged)
        return True
