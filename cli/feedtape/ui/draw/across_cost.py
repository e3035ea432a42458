"""What buying or selling a size would cost at once: on each venue, and on all of them together.

Together means the best of what all books that count offer, level by level. That is told only where their sizes stand for
the same: of coins and linear contracts, or of inverse contracts alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from heapq import merge
from typing import Final

from feedtape.book import measures
from feedtape.model.events import Side
from feedtape.ui.draw.offers import Group, Offer

_EXACT: Final = Context(prec=200)
SIDES: Final[tuple[Side, ...]] = ("buy", "sell")


@dataclass(frozen=True, slots=True)
class Price:
    """What a size costs.

    Attributes:
        cost: None where there is nothing to trade with.
        left: what is not filled, in the base currency.
        is_bound: whether there may be better levels, or more of them, than the picture holds.
        venues: on how many venues it is filled.
    """

    cost: measures.Cost | None
    left: Decimal
    is_bound: bool
    venues: int = 1


def price_of(offer: Offer, side: Side, size: Decimal) -> Price | None:
    """Return what a size costs on one venue; None where that is of the past, or its unit is not known."""
    if not offer.counts or offer.unit is None:
        return None
    cost = measures.cost(offer.book.bids, offer.book.asks, side, size, offer.unit)
    left = size if cost is None else _EXACT.subtract(size, cost.filled)
    return Price(cost, left, left > 0 and _goes_on(offer, side))


def together(group: Group, side: Side, size: Decimal) -> Price | None:
    """Return what a size costs on all venues together; None where that is not well defined, or only one counts."""
    counting = [one for one in group.offers if one.counts and one.unit is not None]
    if len(counting) < 2 or len({one.unit.is_inverse for one in counting if one.unit is not None}) > 1:
        return None
    taken, filled, used = [], Decimal(0), [0] * len(counting)
    for price, amount, at in _merged(counting, side):
        if filled >= size:
            break
        taken.append((f"{price:f}", f"{amount:f}"))
        filled, used[at] = _EXACT.add(filled, amount), used[at] + 1
    bids, asks = ([*_best(group.best_bid, "sell")], taken) if side == "buy" else (taken, [*_best(group.best_ask, "buy")])
    cost = measures.cost(bids, asks, side, size)
    left = size if cost is None else _EXACT.subtract(size, cost.filled)
    # Of a book that was used up as far as the picture goes, the next level may be better than what was taken elsewhere.
    is_bound = any(number == len(_levels(one, side)) and _goes_on(one, side) for one, number in zip(counting, used, strict=True))
    return Price(cost, left, is_bound, sum(number > 0 for number in used))


def _best(offer: Offer | None, side: Side) -> list[tuple[str, str]]:
    return [] if offer is None else [*_levels(offer, side)[:1]]


def _levels(offer: Offer, side: Side) -> Sequence[tuple[str, str]]:
    return offer.book.asks if side == "buy" else offer.book.bids


def _goes_on(offer: Offer, side: Side) -> bool:
    """Tell whether the book has more levels than the picture."""
    return len(_levels(offer, side)) < offer.book.levels[1 if side == "buy" else 0]


def _merged(offers: Sequence[Offer], side: Side) -> Iterator[tuple[Decimal, Decimal, int]]:
    """Yield the levels of several books, the best first: price, size in the base currency, and whose it is."""

    def of(at: int, offer: Offer) -> Iterator[tuple[Decimal, Decimal, int]]:
        for price, size in _levels(offer, side):
            number = Decimal(price)
            amount = offer.unit.in_base(number, Decimal(size)) if offer.unit is not None else None
            if amount is not None:
                yield number, amount, at

    way = 1 if side == "buy" else -1
    return merge(*(of(at, offer) for at, offer in enumerate(offers)), key=lambda level: way * level[0])
