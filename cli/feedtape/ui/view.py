"""What a person chose to see: the state of a screen that is theirs, not the market's.

Light to import: a screen stands before its first book.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feedtape.ui.draw.chain_rows import Cursor
    from feedtape.ui.picture import BookPicture, Picture

LAYOUTS = ("ladder", "compact", "table")
PANELS = ("raw", "statistics")
"""Those that can be scrolled."""


@dataclass
class Scroll:
    """How far a panel is scrolled.

    Attributes:
        at: the line that comes first; whoever draws the panel brings it back to what there is.
        keys: which keys scroll, in words.
    """

    at: int = 0
    keys: str = ""


@dataclass
class View:
    """What is shown, and how.

    Attributes:
        selected: the target that the cursor is in; `zoomed`: it alone is shown.
        layout: of one book, and of the boxes of a grid: `ladder`, `compact`, or `table`: one line a book.
        group: how many times prices were made coarser, by target.
        is_chain: the option chain is shown, unless a book is `zoomed`; `chain` is where one is in it, if there is one yet.
        depth: levels a side; 0: as many as fit.
        cursor: levels from the middle: 1 is the best bid, -1 the best ask, 0 none.
        size: what a market order would cost is shown for this size.
        flash: whether changed levels are highlighted.
        opened: panels that are open beside the book: `raw`, `statistics`, `map`.
        front: of those that can be scrolled, the one that keys scroll; `scrolls`: where each is.
        frozen: the picture at which the screen was frozen; `before`: the one before the present, for what changed.
        order: targets, in lower case, in the order in which a person named them; others come behind.
        counted: counters at the moment from which a person wants them to count.
    """

    screen: str
    selected: str | None = None
    zoomed: bool = False
    layout: str = "ladder"
    is_across: bool = False
    is_folded: bool = False
    is_chain: bool = False
    chain: Cursor | None = None
    group: dict[str, int] = field(default_factory=dict)
    step: str | None = None
    depth: int = 0
    cursor: int = 0
    size: Decimal | None = None
    flash: bool = True
    opened: set[str] = field(default_factory=set)
    front: str | None = None
    scrolls: dict[str, Scroll] = field(default_factory=lambda: {name: Scroll() for name in PANELS})
    frozen: Picture | None = None
    before: Picture | None = None
    counted: Picture | None = None
    only: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()

    @property
    def footer(self) -> str:
        """Which keys the last line names."""
        return f"{self.screen} chain" if self.is_chain and self.screen != "chain" else self.screen

    def toggle(self, name: str) -> None:
        """Open a panel, or close it; one that is opened begins at its top."""
        self.opened ^= {name}
        if name in self.scrolls:
            self.scrolls[name].at = 0
        front = [name, self.front, *PANELS] if name in self.opened else [self.front, *PANELS]
        self.front = next((one for one in front if one in self.scrolls and one in self.opened), None)

    def close(self) -> None:
        """Close all panels."""
        for name in [*self.opened]:
            self.toggle(name)

    def scroll(self, name: str, by: int) -> None:
        """Scroll a panel by lines."""
        scroll = self.scrolls[name]
        scroll.at = max(0, scroll.at + by)

    def shown(self, picture: Picture) -> list[BookPicture]:
        """Return the books that may be shown, in their order."""
        books = [book for target, book in picture.books.items() if not self.only or target.lower() in self.only]
        if not self.order:
            return books
        places = {target: place for place, target in enumerate(self.order)}
        return sorted(books, key=lambda book: places.get(book.target.lower(), len(places)))

    def book(self, picture: Picture) -> BookPicture | None:
        """Return the selected book; the first one where none is selected, or that one is not there."""
        books = self.shown(picture)
        for book in books:
            if book.target == self.selected:
                return book
        return books[0] if books else None

    def is_single(self, picture: Picture) -> bool:
        """Tell whether one book fills the screen."""
        return self.zoomed or len(self.shown(picture)) == 1

    def step_on(self, picture: Picture, by: int) -> None:
        """Select the next book, or the one before."""
        names = [book.target for book in self.shown(picture)]
        if names:
            at = names.index(self.selected) if self.selected in names else 0
            self.selected = names[(at + by) % len(names)]
            self.cursor = 0

    def changed(self, book: BookPicture) -> frozenset[tuple[str, str]]:
        """Return the levels (side and price) that have another size than in the picture before."""
        before = self.before.books.get(book.target) if self.flash and self.before is not None else None
        if before is None or not before.is_live or not book.is_live:
            return frozenset()
        found = set()
        for side, old, new, count in (
            ("bid", before.bids, book.bids, before.levels[0]),
            ("ask", before.asks, book.asks, before.levels[1]),
        ):
            sizes = dict(old)
            prices = [price for price, size in new if sizes.get(price) != size]
            if old and len(old) < count:
                # What lay beyond the levels that were looked at has only come into sight.
                last = Decimal(old[-1][0])
                prices = [price for price in prices if (Decimal(price) >= last if side == "bid" else Decimal(price) <= last)]
            found |= {(side, price) for price in prices}
        return frozenset(found)

    def counters(self, book: BookPicture) -> BookPicture:
        """Return a book with its counters as from the moment from which they shall count."""
        before = self.counted.books.get(book.target) if self.counted is not None else None
        if before is None:
            return book
        fields = type(book.counters).__struct_fields__
        now, then = book.counters, before.counters
        counters = type(now)(**{name: max(0, getattr(now, name) - getattr(then, name)) for name in fields})
        return replace(book, counters=counters, trade_count=max(0, book.trade_count - before.trade_count))
