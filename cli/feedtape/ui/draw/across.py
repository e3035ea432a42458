"""Across venues: the books of one instrument below each other, the best of each side, what is crossed, and what a size costs.

What trades against another quote currency is another instrument, and stands next to it.
"""

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from typing import Final

from feedtape.book.measures import Unit, spread_bps, tick
from feedtape.model.decimals import canonical
from feedtape.replay.times import span
from feedtape.ui.draw.across_cost import SIDES, Price, price_of, together
from feedtape.ui.draw.offers import Group, Offer, groups
from feedtape.ui.draw.rows import Cell, Row, cut, fit, right
from feedtape.ui.draw.rows import width as columns_of
from feedtape.ui.output import printable
from feedtape.ui.picture import Picture

_SHORT: Final = Context(prec=5)
_GAP: Final = 2
_WIDEST: Final = 20
"""Columns beyond which a number is cut."""
_LONG: Final = 12
"""Columns beyond which what is not filled is rounded."""
_VENUE, _STATE = "  venue", "state"
_COLUMNS: Final = (_VENUE, _STATE, "bid size", "bid", "ask", "ask size", "bps", "latency")
_COSTS: Final = tuple(f"{side}{what}" for side in SIDES for what in ("", " bps", " left"))
"""Columns that are there where it is said for which size: the average price, how much worse than the mid, what is not filled."""
_DROPPED: Final = (("latency",), ("bps",), ("bid size", "ask size"), ("buy bps", "sell bps"))
"""What goes first where there is no room."""
_LEAST: Final = {_VENUE: 10, _STATE: 7}
"""How narrow those may be that are cut then; of what is asked for, the best prices go after that."""
_BESTS: Final = ("bid", "ask")


def across(picture: Picture, width: int, height: int, size: Decimal | None = None) -> list[Row]:
    """Return the view: for each instrument its name, what is crossed, and a line for each book.

    `►` and `◄` point to the best prices. Sizes are in the base currency; `≈` marks those of inverse contracts, which depend on
    the price, and `?` those of which nobody said what they stand for. `≤` and `≥` tell that the book goes on beyond what was
    looked at: it costs no more than that, no less is got for it, no more of it is left.

    Args:
        size: in the base currency, of which the cost is told.
    """
    shown = groups(picture)
    tables = [_table(group, size) for group in shown]
    texts = {
        name: [row[name][0] for table in tables for row in table] for name in (_COLUMNS if size is None else _COLUMNS + _COSTS)
    }
    heads = {name: f"{name} {size:f}" if name in SIDES else name for name in texts}
    # What is left has a column only where anything is.
    widths = {name: max(map(len, (heads[name], *of))) for name, of in texts.items() if any(of) or not name.endswith(" left")}
    names = _fitting(widths, width)
    rows: list[Row] = [_joined([(heads[name], "dim") for name in names], names, widths)] if shown else [[("no books", "dim")]]
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
    names, excess = list(widths), 0
    spare = sum(max(0, widths[name] - least) for name, least in _LEAST.items())
    for dropped in ((), *_DROPPED, _BESTS):
        if dropped is _BESTS and (excess <= spare or "buy" not in widths):
            break
        names = [name for name in names if name not in dropped]
        excess = sum(widths[name] + _GAP for name in names) - _GAP - width
        if excess <= 0:
            return names
    for name, least in _LEAST.items():
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


def _table(group: Group, size: Decimal | None) -> list[dict[str, Cell]]:
    table = _books(group)
    if size is None:
        return table
    per_venue = {side: [price_of(one, side, size) for one in group.offers] for side in SIDES}
    best = {side: together(group, side, size) for side in SIDES}
    is_told = [price for price in best.values() if price is not None]
    if is_told:
        venues = max(price.venues for price in is_told)
        row: dict[str, Cell] = dict.fromkeys(_COLUMNS, ("", ""))
        table.append(row | {_VENUE: ("  all together", "strong"), _STATE: (f"{venues} venue{'s' * (venues != 1)} used", "")})
    for side in SIDES:
        prices = [*per_venue[side], *([best[side]] if is_told else [])]
        offers = [*group.offers, *(group.offers[:1] if is_told else [])]
        averages = _aligned([_average(one, price, side) for one, price in zip(offers, prices, strict=True)])
        lefts = _aligned([_left(price) for price in prices])
        for row, price, average, left in zip(table, prices, averages, lefts, strict=True):
            part = "" if price is not None else "dim"
            row[side] = (average, "warn" if price is not None and price.left else part)
            worse = price.cost.slippage_bps if price is not None and price.cost is not None else None
            row[f"{side} bps"] = ("-" if worse is None else f"{worse:+.2f}", part)
            row[f"{side} left"] = (left, "warn")
    return table


def _average(offer: Offer, price: Price | None, side: str) -> str:
    """Return an average price, with two decimals more than prices have."""
    if price is None or price.cost is None:
        return "?" if offer.counts and offer.unit is None else "-"
    decimals = len((tick(offer.book.instrument, offer.book.bids, offer.book.asks) or "").partition(".")[2]) + 2
    bound = ("≤" if side == "buy" else "≥") if price.is_bound and not price.left else ""
    return f"{bound}{price.cost.average:.{decimals}f}"


def _left(price: Price | None) -> str:
    if price is None or not price.left:
        return ""
    exact = canonical(f"{price.left:f}")
    bound = "≤" if price.is_bound else ""
    return f"{bound}{exact}" if len(exact) <= _LONG else f"{bound or '≈'}{canonical(f'{_SHORT.plus(price.left):f}')}"


def _books(group: Group) -> list[dict[str, Cell]]:
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
