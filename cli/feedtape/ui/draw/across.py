"""Across venues: the books of one instrument below each other, with the best of each side and what is crossed.

Only books whose prices are the present count: not those that are silent, being rebuilt or crossed in themselves. What trades
against another quote currency is another instrument, and stands next to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final

from feedtape.book.measures import Unit, spread_bps, tick, unit
from feedtape.model.decimals import canonical
from feedtape.model.spelling import code, unified
from feedtape.replay.times import iso, span
from feedtape.ui.draw.rows import Cell, Row, cut, fit, right
from feedtape.ui.draw.rows import width as columns_of
from feedtape.ui.output import printable
from feedtape.ui.picture import BookPicture, Picture

_SHORT: Final = Context(prec=5)
_EXACT: Final = Context(prec=200)
_GAP: Final = 2
_WIDEST: Final = 20
"""Columns beyond which a number is cut."""
_VENUE, _STATE = "  venue", "state"
_COLUMNS: Final = (_VENUE, _STATE, "bid size", "bid", "ask", "ask size", "bps", "latency")
_DROPPED: Final = (("latency",), ("bps",), ("bid size", "ask size"))
"""What goes first where there is no room."""


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


def across(picture: Picture, width: int, height: int) -> list[Row]:
    """Return the view: for each instrument its name, what is crossed, and a line for each book.

    `►` and `◄` point to the best prices. Sizes are in the base currency; `≈` marks those of inverse contracts, which depend on
    the price, and `?` those of which nobody said what they stand for.
    """
    shown = groups(picture)
    tables = [_table(group) for group in shown]
    widths = {name: max([len(name), *(len(row[name][0]) for table in tables for row in table)]) for name in _COLUMNS}
    names = _fitting(widths, width)
    rows: list[Row] = [_joined([(name, "dim") for name in names], names, widths)] if shown else [[("no books", "dim")]]
    for group, table in zip(shown, tables, strict=True):
        rows += [_head(group), *_crossed(group)]
        rows += [_joined([row[name] for name in names], names, widths) for row in table]
    return [_ended(row, width) for row in _shortened(rows, height)]


def _ended(row: Row, width: int) -> Row:
    """Return a row of that width; what is cut off a text leaves an ellipsis."""
    *before, (text, part) = row
    room = width - columns_of(before)
    return fit([*before, (cut(text, room), part)] if room > 0 else row, width)


def _shortened(rows: list[Row], height: int) -> list[Row]:
    if len(rows) <= height:
        return rows
    kept, left = rows[: max(0, height - 1)], rows[max(0, height - 1) :]
    crossed = sum(row[0][0] == "CROSSED" for row in left)
    more: Row = [(f"CROSSED: {crossed} below, ", "warn")] if crossed else []
    return [*kept, [*more, (f"… {len(left)} more lines", "dim")]][:height]


def _fitting(widths: dict[str, int], width: int) -> list[str]:
    """Return the columns for which there is room; after those that can be missed, names and states are cut."""
    names = list(_COLUMNS)
    for dropped in ((), *_DROPPED):
        names = [name for name in names if name not in dropped]
        excess = sum(widths[name] + _GAP for name in names) - _GAP - width
        if excess <= 0:
            return names
    for name, least in ((_VENUE, 10), (_STATE, 7)):
        given = min(excess, max(0, widths[name] - least))
        widths[name], excess = widths[name] - given, excess - given
    return names


def _joined(cells: Iterable[Cell], names: Sequence[str], widths: dict[str, int]) -> Row:
    row: Row = []
    for name, (text, part) in zip(names, cells, strict=True):
        place = cut if name in (_VENUE, _STATE) else right
        row += [(place(text, widths[name]), part), (" " * _GAP, "")]
    return row[:-1]


def _head(group: Group) -> Row:
    bid, ask = group.best_bid, group.best_ask
    row: Row = [(printable(group.name), "title")]
    if bid is None or ask is None:
        return [*row, ("  no best of both sides", "dim")]
    row += [("  best ", "dim"), (_price(bid, bid.book.bids), "bid"), (" × ", "dim"), (_price(ask, ask.book.asks), "ask")]
    return [*row, (f"  {_bps(group.between)} bps", "warn" if group.crossings else "dim")]


def _crossed(group: Group) -> list[Row]:
    if not group.crossings:
        return []
    widest = group.crossings[0]
    bid, ask = widest.bid, widest.ask
    size = "" if widest.size is None else f" × {_rounded(widest.size, bid.unit, ask.unit)} {group.base or ''}".rstrip()
    more = f", and {len(group.crossings) - 1} more" if len(group.crossings) > 1 else ""
    text = (
        f" by {canonical(f'{widest.by:f}')} ({_bps(widest.bps)} bps){size}: bid {_price(bid, bid.book.bids)} {bid.book.target}"
        f" ≥ ask {_price(ask, ask.book.asks)} {ask.book.target}{more}"
    )
    return [[("CROSSED", "warn"), (text, "warn")]]


def _table(group: Group) -> list[dict[str, Cell]]:
    bids = _aligned([_price(one, one.book.bids) for one in group.offers])
    asks = _aligned([_price(one, one.book.asks) for one in group.offers])
    bid_sizes = _aligned([_size(one, one.bid_size, one.book.bids) for one in group.offers])
    ask_sizes = _aligned([_size(one, one.ask_size, one.book.asks) for one in group.offers])
    table = []
    for at, one in enumerate(group.offers):
        is_bid = one.counts and group.best_bid is not None and one.bid == group.best_bid.bid
        is_ask = one.counts and group.best_ask is not None and one.ask == group.best_ask.ask
        plain = "" if one.counts else "dim"
        between = spread_bps(one.book.bids, one.book.asks) if one.book.is_live else None
        cells = (
            (f"  {printable(one.book.target)}", "strong" if is_bid or is_ask else plain),
            (printable(one.book.word), one.book.grade),
            (bid_sizes[at], plain),
            ("►" + bids[at] if is_bid else bids[at], "bid" if is_bid else plain),
            (asks[at] + ("◄" if is_ask else " "), "ask" if is_ask else plain),
            (ask_sizes[at], plain),
            (_bps(between), plain),
            (_latency(one.book.age_ns if one.book.is_live else None), plain),
        )
        table.append(dict(zip(_COLUMNS, cells, strict=True)))
    return table


def _price(offer: Offer, levels: Sequence[tuple[str, str]]) -> str:
    """Return the best price with the instrument's decimals, neither the venue's padding nor less."""
    if not offer.book.is_live or not levels:
        return "-"
    book, text = offer.book, canonical(levels[0][0])
    decimals = len((tick(book.instrument, book.bids, book.asks) or "").partition(".")[2])
    return text if len(text.partition(".")[2]) >= decimals else f"{Decimal(text):.{decimals}f}"


def _size(offer: Offer, size: Decimal | None, levels: Sequence[tuple[str, str]]) -> str:
    if not offer.book.is_live or not levels:
        return "-"
    return f"{canonical(levels[0][1])}?" if size is None else _rounded(size, offer.unit)


def _rounded(size: Decimal, *units: Unit | None) -> str:
    """Return a size in the base currency: exact, or rounded and marked where a unit is worth what the price makes it."""
    if any(one is not None and one.is_inverse for one in units):
        return f"≈{canonical(f'{_SHORT.plus(size):f}')}"
    text = f"{size:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _aligned(texts: list[str]) -> list[str]:
    """Return numbers with blanks behind, so that their points come to stand below each other; absurdly long ones are cut."""
    behind = [len(text.rstrip("?")) - len(text.partition(".")[0]) for text in texts]
    padded = [text + " " * (max(behind) - own - text.endswith("?")) for text, own in zip(texts, behind, strict=True)]
    return [text if len(text) <= _WIDEST else cut(text.rstrip(), _WIDEST) for text in padded]


def _bps(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _latency(ns: int | None) -> str:
    if ns is None:
        return "-"
    return span(ns) if ns >= 10_000_000_000 else f"{round(ns / 1e6)} ms"
