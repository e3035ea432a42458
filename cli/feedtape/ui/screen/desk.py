"""What the keys of a screen do."""

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from feedtape.replay.times import iso
from feedtape.ui.chain import ChainPicture
from feedtape.ui.draw import scene
from feedtape.ui.draw.chain_rows import CALL, PUT, Cursor, moved, option_at
from feedtape.ui.screen.panels import Panels
from feedtape.ui.screen.sheet import Panel
from feedtape.ui.screen.svg import picture_of
from feedtape.ui.view import LAYOUTS

_WHEEL: Final = 3
"""Lines by which a turn of the mouse wheel scrolls."""


class Desk(Panels):
    """Does what a person wants of a screen. A key's id names the method: `view.page-up` is `do_view_page_up`."""

    def press(self, name: str, key: str = "") -> None:
        """Do what a key is for; `name` is its id."""
        action = getattr(self, "do_" + name.replace(".", "_").replace("-", "_"))
        if name == "replay.percent":
            action(int(key))
        else:
            action()

    def tell(self, text: str) -> None:
        """Say something in the last line."""
        self.app.tell(text)

    def held_up(self) -> None:
        """Say what the stage is busy with, if a picture takes long."""

    def clicked(self, panel: Panel, x: int, y: int) -> None:
        """Take a click: on a box it selects, the second one zooms."""
        for box in self.boxes if panel.id == "main" else ():
            if box.holds(x, y):
                is_again = box.target == self.view.selected
                self.view.selected = box.target
                if is_again:
                    self.do_view_zoom()

    def wheeled(self, panel: Panel, by: int) -> bool:
        """Take a turn of the mouse wheel over a panel that scrolls; tell whether it is one."""
        if panel.id not in self.view.scrolls:
            return False
        self.view.scroll(panel.id, by * _WHEEL)
        return True

    def do_app_quit(self) -> None:
        """Quit."""
        self.app.quit("q")

    def do_app_help(self) -> None:
        """Show all keys, and what the marks on the screen mean."""
        from feedtape.ui.legend import parts_shown
        from feedtape.ui.screen.overlays import Help

        self.app.push_screen(Help(self.app.table, self.view.screen, parts_shown(self.view), self.app.styles_of))

    def do_app_close(self) -> None:
        """Close what is open, the newest first."""
        view = self.view
        if view.cursor:
            view.cursor = 0
        elif view.opened:
            view.close()
        elif view.is_across:
            view.is_across = False
        elif view.zoomed:
            view.zoomed = False

    def do_view_freeze(self) -> None:
        """Freeze the picture, or let it go on."""
        self.view.frozen = None if self.view.frozen is not None else self.picture

    def do_view_zoom(self) -> None:
        """One book, or all."""
        view = self.view
        if view.is_chain and not view.zoomed:
            chain = self.picture.chain if self.picture is not None else None
            if chain is None or view.chain is None:
                return
            option = option_at(chain, view.chain)
            if option is None:
                is_there = any(of.strikes for of in chain.expiries[view.chain.expiry :][:1])
                self.tell("there is no such option at this strike" if is_there else "this expiry is not in the picture yet")
                return
            view.selected = option.target
        view.is_across = False
        view.zoomed = not view.zoomed
        view.cursor = 0

    def do_view_next(self) -> None:
        """Go to the next book, or expiry."""
        self._step(1)

    def do_view_previous(self) -> None:
        """Go to the book before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        picture, view = self.picture, self.view
        if picture is None:
            return
        if not view.is_chain:
            view.step_on(picture, by)
        elif self.chain is None or view.chain is None:
            return
        elif view.zoomed:
            self._next_strike(self.chain, view.chain, by)
        elif view.frozen is not None:
            self.tell("a frozen picture has one expiry: let it go on first")
        else:
            view.chain = Cursor((view.chain.expiry + by) % len(self.chain.expiries), None, view.chain.side)

    def _next_strike(self, chain: ChainPicture, cursor: Cursor, by: int) -> None:
        """Go from an option's book to that of the next strike that has one on this side."""
        view, before = self.view, None
        while cursor != before:
            before, cursor = cursor, moved(chain, cursor, by)
            option = option_at(chain, cursor)
            if option is not None and option.target != view.selected:
                view.chain, view.selected, view.cursor = cursor, option.target, 0
                return

    def do_chain_calls(self) -> None:
        """Go to the calls."""
        self._side(CALL)

    def do_chain_puts(self) -> None:
        """Go to the puts."""
        self._side(PUT)

    def do_chain_side(self) -> None:
        """Go to the other side."""
        chain = self.view.chain
        self._side(PUT if chain is not None and chain.side == CALL else CALL)

    def _side(self, side: str) -> None:
        if self.view.chain is not None:
            self.view.chain = replace(self.view.chain, side=side)

    def do_view_up(self) -> None:
        """Move the cursor up a level."""
        self.move_cursor(-1)

    def do_view_down(self) -> None:
        """Move the cursor down a level."""
        self.move_cursor(1)

    def move_cursor(self, by: int) -> None:
        """Move the cursor by levels; in a grid, to the next book."""
        picture, view = self.picture, self.view
        if picture is None:
            return
        if view.is_chain and not view.zoomed:
            if view.chain is not None and picture.chain is not None:
                view.chain = moved(picture.chain, view.chain, by)
            return
        if not scene.is_book(view, picture):
            self._step(1 if by > 0 else -1)
            return
        book = view.book(picture)
        if book is not None:
            bids, asks = scene.levels_of(view, book, abs(view.cursor + by))
            view.cursor = max(-len(asks), min(len(bids), view.cursor + by))

    def _page(self) -> int:
        return max(1, self.app.panel("main").size.height // 2 - 1)

    def do_view_page_up(self) -> None:
        """Move the cursor up a page."""
        self.move_cursor(-self._page())

    def do_view_page_down(self) -> None:
        """Move the cursor down a page."""
        self.move_cursor(self._page())

    def do_view_top(self) -> None:
        """Move the cursor to the last ask."""
        self.move_cursor(-(10**9))

    def do_view_bottom(self) -> None:
        """Move the cursor to the last bid."""
        self.move_cursor(10**9)

    def do_view_layout(self) -> None:
        """Take the next layout."""
        at = LAYOUTS.index(self.view.layout)
        self.view.layout = LAYOUTS[(at + 1) % len(LAYOUTS)]
        self.tell(f"layout {self.view.layout}")

    def do_view_venues(self) -> None:
        """Show the same instrument on all venues, or not."""
        self.view.is_across = not self.view.is_across

    def do_view_depth_map(self) -> None:
        """Show depth over time, or not."""
        self._toggle("map")

    def do_view_raw(self) -> None:
        """Show the newest frame, or not."""
        self._toggle("raw")

    def do_view_statistics(self) -> None:
        """Show statistics, or not."""
        self._toggle("statistics")

    def _toggle(self, name: str) -> None:
        self.view.toggle(name)

    def do_view_panel_up(self) -> None:
        """Scroll the open panel up a line."""
        self._scroll(-1)

    def do_view_panel_down(self) -> None:
        """Scroll the open panel down a line."""
        self._scroll(1)

    def do_view_panel_page_up(self) -> None:
        """Scroll the open panel up a page."""
        self._scroll(-1, pages=True)

    def do_view_panel_page_down(self) -> None:
        """Scroll the open panel down a page."""
        self._scroll(1, pages=True)

    def _scroll(self, by: int, *, pages: bool = False) -> None:
        name = self.view.front
        if name is None:
            self.tell("no panel is open that scrolls")
        else:
            self.view.scroll(name, by * max(1, self.app.panel(name).size.height - 3) if pages else by)

    def do_view_coarser(self) -> None:
        """Group prices more coarsely."""
        self._group(1)

    def do_view_finer(self) -> None:
        """Group prices more finely."""
        self._group(-1)

    def _group(self, by: int) -> None:
        book = self.view.book(self.picture) if self.picture is not None else None
        if book is not None:
            self.view.group[book.target] = max(0, self.view.group.get(book.target, 0) + by)
            self.view.cursor = 0
            step = scene.step_of(self.view, book)
            self.tell("every level by itself" if step is None else f"prices grouped by {step}")

    def do_view_size(self) -> None:
        """Ask for the size whose cost is shown."""
        from feedtape.ui.screen.overlays import Prompt

        self.app.push_screen(Prompt("size to buy or sell:", "5"), self._sized)

    def _sized(self, text: str | None) -> None:
        if text is None:
            return
        try:
            # What it is of may stand behind it: 3 BTC.
            size = Decimal(text.split()[0]) if text.strip() else None
            if size is not None and not (size.is_finite() and size > 0):
                raise InvalidOperation
        except InvalidOperation:
            self.tell(f"a size is a positive number, not {text!r}")
            return
        self.view.size = size
        self.app.redraw()

    def do_view_flash(self) -> None:
        """Highlight changed levels, or not."""
        self.view.flash = not self.view.flash
        self.tell(f"changed levels are {'highlighted' if self.view.flash else 'not highlighted'}")

    def do_view_clear(self) -> None:
        """Count from here on."""
        self.view.counted = self.picture
        self.tell("counting from here on")

    def do_view_picture(self) -> None:
        """Save the screen as a picture."""
        picture = self.picture
        moment = iso(picture.time).replace(":", "").replace("-", "") if picture is not None else "screen"
        path = Path(f"feedtape-{moment}.svg")
        try:
            path.write_text(picture_of(self.app, "feedtape"), encoding="utf-8")
        except OSError as error:
            self.tell(f"the picture cannot be written: {error}")
            return
        self.tell(f"saved {path}")

    def do_view_theme(self) -> None:
        """Take the next theme."""
        self.tell(f"theme {self.app.next_theme()}")
