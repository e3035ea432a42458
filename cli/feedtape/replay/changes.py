"""What one frame changed in the books, found by comparing them before and after it."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from feedtape.model.events import Event
from feedtape.model.records import Record
from feedtape.session import Session


class Change(NamedTuple):
    """One level; `before` is None where it is new, `after` where it is gone."""

    side: Literal["bid", "ask"]
    price: str
    before: str | None
    after: str | None


class Step(NamedTuple):
    """A frame, what it said, and what it changed.

    Attributes:
        position: of the visit, right after it.
        events: what it said and what became known by it, as `Session.feed` returned them.
        changes: levels by book, the best bid first and the best ask first, of every book that is another one than before; empty
            where only its number or its state is.
    """

    position: int
    record: Record
    events: Sequence[Event]
    changes: Mapping[str, Sequence[Change]]


class Look(NamedTuple):
    """A book at a moment."""

    state: str
    sequence: int | None
    bids: dict[str, str]
    asks: dict[str, str]


_NOTHING = Look("", None, {}, {})


def plain(target: str) -> str:
    """Return a target without the name of a stream."""
    return target.partition("@")[0]


def concerns(events: Sequence[Event], target: str) -> bool:
    """Tell whether one of the events is of a target, or of a book of it."""
    return any(event.target == target or plain(event.target) == plain(target) for event in events)


def look(session: Session, only: Collection[str] = ()) -> dict[str, Look]:
    """Remember the books, those of some targets only where such are named."""
    return {
        target: Look(keeper.state.value, keeper.book.sequence, dict(keeper.book.bids.sizes), dict(keeper.book.asks.sizes))
        for target, keeper in session.books.items()
        if not only or target in only or plain(target) in only
    }


def changes(before: Mapping[str, Look], after: Mapping[str, Look]) -> dict[str, Sequence[Change]]:
    """Compare the books of two moments."""
    found: dict[str, Sequence[Change]] = {}
    for target, now in after.items():
        was = before.get(target, _NOTHING)
        if was != now:
            found[target] = [*_of_side("bid", was.bids, now.bids), *_of_side("ask", was.asks, now.asks)]
    return found


def _of_side(side: Literal["bid", "ask"], before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    # A price may come back in another spelling: `1.5` and `1.50` are one level.
    levels: dict[Decimal, Change] = {}
    for price, size in before.items():
        if after.get(price) != size:
            levels[Decimal(price)] = Change(side, price, size, None)
    for price, size in after.items():
        if before.get(price) != size:
            was = levels.get(Decimal(price))
            levels[Decimal(price)] = Change(side, price, None if was is None else was.before, size)
    kept = {price: change for price, change in levels.items() if change.before != change.after}
    return [kept[price] for price in sorted(kept, reverse=side == "bid")]
