"""The books of a picture by instrument: what each offers, the best of each side, and what is crossed.

Only books whose prices are the present count: not those that are silent, being rebuilt or crossed in themselves. What trades
against another quote currency is another instrument.
"""

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from feedtape.book.measures import Unit, spread_bps, unit
from feedtape.model.spelling import code, unified
from feedtape.replay.times import iso
from feedtape.ui.picture import BookPicture, Picture

_EXACT: Final = Context(prec=200)


@dataclass(frozen=True, slots=True)
class Offer:
    """What one book offers.

    Attributes:
        counts: whether its prices are the present, to be compared with others'.
        bid_size, ask_size: in the base currency; None where it is not known what the venue's sizes stand for.
    """

    book: BookPicture
    counts: bool
    unit: Unit | None
    bid: Decimal | None
    bid_size: Decimal | None
    ask: Decimal | None
    ask_size: Decimal | None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A bid on one venue at or above the ask of another; `size` is what could be traded at both, in the base currency."""

    bid: Offer
    ask: Offer
    by: Decimal
    bps: Decimal | None
    size: Decimal | None


@dataclass(frozen=True, slots=True)
class Group:
    """The books of one instrument.

    Attributes:
        base: its currency, None where the instrument is not known.
        best_bid, best_ask: those with the best prices of all that count; of equals, the first.
        crossings: the widest first.
    """

    name: str
    base: str | None
    offers: tuple[Offer, ...]
    best_bid: Offer | None
    best_ask: Offer | None
    crossings: tuple[Crossing, ...]

    @property
    def between(self) -> Decimal | None:
        """Best ask less best bid in hundredths of a percent; negative when they are crossed."""
        if self.best_bid is None or self.best_ask is None:
            return None
        return spread_bps(self.best_bid.book.bids, self.best_ask.book.asks)


def groups(picture: Picture) -> list[Group]:
    """Return the books of a picture by instrument: in order of base, kind, expiry, and then quote currency."""
    by_instrument: dict[tuple[str, ...], list[Offer]] = {}
    for book in picture.books.values():
        by_instrument.setdefault(_instrument(book), []).append(_offer(book))
    return [_group(key, by_instrument[key]) for key in sorted(by_instrument)]


def _instrument(book: BookPicture) -> tuple[str, ...]:
    """Return what books of the same instrument have in common, in the order of the screen; the last is its name."""
    facts = book.instrument
    if facts is None or not facts.base or not facts.quote:
        return ("~", book.target)
    base, quote = code(facts.base), code(facts.quote)
    pair = f"{base}/{quote}"
    if facts.kind == "spot":
        return (base, "0", "", quote, pair)
    if facts.kind == "perpetual":
        return (base, "1", "", quote, f"{pair} perpetual")
    if facts.kind == "future" and facts.expiry is not None:
        day = iso(facts.expiry)[:10]
        return (base, "2", day, quote, f"{pair} {day}")
    # Of options, what they are settled in also tells in which currency they have a price.
    name = unified(facts)
    return ("~", book.target) if name is None else (base, "3", iso(facts.expiry or 0)[:10], quote, name)


def _offer(book: BookPicture) -> Offer:
    known = unit(book.instrument)
    sides: list[Decimal | None] = []
    for levels in (book.bids, book.asks) if book.is_live else ([], []):
        if levels:
            price, size = map(Decimal, levels[0])
            sides += [price, None if known is None else known.in_base(price, size)]
        else:
            sides += [None, None]
    # A book that is silent is kept for when it is heard again, and its word says so.
    counts = book.is_live and not book.is_crossed and not book.word.startswith("stale")
    return Offer(book, counts, known, *sides)


def _group(key: tuple[str, ...], offers: list[Offer]) -> Group:
    counting = [one for one in offers if one.counts]
    best_bid = max((one for one in counting if one.bid is not None), key=lambda one: one.bid or 0, default=None)
    best_ask = min((one for one in counting if one.ask is not None), key=lambda one: one.ask or 0, default=None)
    crossings = [_crossing(bid, ask) for bid in counting for ask in counting if bid is not ask]
    widest = sorted((one for one in crossings if one), key=lambda one: one.by, reverse=True)
    return Group(key[-1], key[0] if len(key) > 2 else None, tuple(offers), best_bid, best_ask, tuple(widest))


def _crossing(bid: Offer, ask: Offer) -> Crossing | None:
    if bid.bid is None or ask.ask is None or bid.bid < ask.ask:
        return None
    size = None if bid.bid_size is None or ask.ask_size is None else min(bid.bid_size, ask.ask_size)
    width = spread_bps(bid.book.bids, ask.book.asks)
    return Crossing(bid, ask, _EXACT.subtract(bid.bid, ask.ask), None if width is None else width.copy_negate(), size)
