"""Single orders of one book, and the price levels that they add up to."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Context, Decimal
from itertools import islice
from typing import Final

from feedtape.book.ladder import Ladder
from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO, canonical, plain
from feedtape.model.events import Levels, Order

MAX_ORDERS: Final = 1_000_000
"""Orders beyond which a book is refused, as `MAX_LEVELS` are of levels."""
_EXACT: Final = Context(prec=80)
_GONE: Final = "0"


class Orders:
    """Orders by the venue's ids. A level's size is the venue's own text while one order makes it up, and their exact sum else."""

    __slots__ = ("_by_id", "_levels", "_spelled")

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[str, str]] = {}
        """Side and price, without padding, by id: a venue may pad one price differently in a snapshot and in a stream."""
        self._levels: dict[tuple[str, str], dict[str, str]] = {}
        """Sizes by id, in the order in which they came, by side and price."""
        self._spelled: dict[tuple[str, str], str] = {}
        """The price of each level as its first order spelled it."""

    def __len__(self) -> int:
        return len(self._by_id)

    def replace(self, orders: Iterable[Order]) -> tuple[Levels, Levels]:
        """Set all orders; return the levels of both sides.

        Raises:
            BadFrame: when an order is none, or there are too many.
        """
        self.clear()
        bids, asks, _ = self.update(orders)
        return bids, asks

    def update(self, orders: Iterable[Order]) -> tuple[Levels, Levels, int]:
        """Change orders; return the changed levels of both sides, and how many changes named an order that is not there.

        Raises:
            BadFrame: as `replace`; the orders before it are taken by then, and the caller must not go on with the book.
        """
        touched: dict[tuple[str, str], str] = {}
        unknown = 0
        for id, side, price, size in orders:
            before = self._by_id.get(id)
            is_gone = ZERO[size]
            if before is None and (is_gone or not price):
                unknown += 1
                continue
            spelled = price
            if before is not None:
                touched[before] = self._spelled[before]
                spelled = price or touched[before]
                self._take_out(id, before)
            if is_gone:
                continue
            place = (side, canonical(price)) if price or before is None else before
            if place[0] not in ("bid", "ask"):
                raise BadFrame(f"an order on no side: {place[0][:20]!r}")
            self._by_id[id] = place
            self._levels.setdefault(place, {})[id] = size
            self._spelled.setdefault(place, spelled)
            touched[place] = spelled
        if len(self._by_id) > MAX_ORDERS:
            raise BadFrame(f"more than {MAX_ORDERS} orders")
        changed: dict[str, Levels] = {"bid": [], "ask": []}
        for place, price in touched.items():
            changed[place[0]].append((self._spelled.get(place, price), self._size(place)))
        return changed["bid"], changed["ask"], unknown

    def _take_out(self, id: str, place: tuple[str, str]) -> None:
        del self._by_id[id]
        level = self._levels[place]
        del level[id]
        if not level:
            del self._levels[place], self._spelled[place]

    def _size(self, place: tuple[str, str]) -> str:
        level = self._levels.get(place)
        if level is None:
            return _GONE
        if len(level) == 1:
            return next(iter(level.values()))
        total = Decimal(0)
        for size in level.values():
            total = _EXACT.add(total, Decimal(plain(size)))
        return format(total, "f")

    def best(self, side: str, ladder: Ladder, count: int) -> Levels:
        """Return id and size of the best orders of a side; at one price the smaller id first."""
        return list(islice(self._in_order(side, ladder), count))

    def _in_order(self, side: str, ladder: Ladder) -> Iterator[tuple[str, str]]:
        for price, _ in ladder.top():
            yield from sorted(self._levels.get((side, canonical(price)), {}).items(), key=lambda item: (len(item[0]), item[0]))

    def clear(self) -> None:
        """Forget every order."""
        self._by_id.clear()
        self._levels.clear()
        self._spelled.clear()

    def save(self) -> list[Order]:
        """Return all orders, as `replace` takes them."""
        spelled = self._spelled
        return [(id, place[0], spelled[place], size) for place, level in self._levels.items() for id, size in level.items()]


def as_orders(rows: Sequence[Sequence[str]]) -> list[Order]:
    """Return orders of what a keyframe holds."""
    return [(row[0], row[1], row[2], row[3]) for row in rows]
