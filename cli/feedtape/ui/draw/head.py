"""The head of a book: its state, how far it is proven, and the numbers that belong to it, as rows."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Literal

from rich.cells import cell_len

from feedtape.book import measures
from feedtape.model.decimals import canonical
from feedtape.model.events import Derivative
from feedtape.replay.times import clock, span
from feedtape.ui.draw.numbers import milliseconds, plain, tidied
from feedtape.ui.draw.plots import sparkline
from feedtape.ui.draw.rows import Cell, Row, fit, tail, width
from feedtape.ui.history import silent_since
from feedtape.ui.output import printable
from feedtape.ui.picture import BookPicture, Picture

_GAP: Final = "   "
_IMBALANCE_OVER: Final = 10
_LEAST_PLOT: Final = 10
_LEAST_NAME: Final = 6
Item = tuple[int, Sequence[Cell]]
"""What may stand in a line, and its rank: of what does not fit, the highest rank goes first, and 0 never."""


def line(items: Sequence[Item], columns: int) -> Row:
    """Return as many of the items as fit side by side, in their order."""
    chosen = [item for item in items if item[1]]
    while len(chosen) > 1 and _length(chosen) > columns:
        last = max(chosen, key=lambda item: item[0])
        if not last[0]:
            break
        chosen.remove(last)
    row: Row = []
    for _, cells in chosen:
        row += [(_GAP, "")] if row else []
        row += cells
    return fit(row, columns)


def _length(items: Sequence[Item]) -> int:
    said = [width(cells) for _, cells in items if cells]
    return sum(said) + len(_GAP) * (len(said) - 1)


def named(name: str, value: str, part: str = "") -> list[Cell]:
    """Return a value behind its name."""
    return [(f"{name} ", "dim"), (printable(value), part)]


def title_row(book: BookPicture, columns: int, more: Sequence[Cell] = ()) -> Row:
    """Return the first line: target, state, proof, sequence, and what else the screen has to say.

    However narrow it is, the state stays, and of what the screen says the first piece: that it is frozen, or paused.
    """
    sequence = named("seq", str(book.sequence)) if book.sequence is not None else []
    state: list[Item] = [(0, [(printable(book.word), book.grade)]), (0, more[:1]), (3, more[1:])]
    room = columns - _length(state[:2]) - len(_GAP)
    name = printable(book.target)
    target = tail(name, max(room, _LEAST_NAME)) if cell_len(name) > room else name
    items: list[Item] = [(1, [(target, "title")]), *state, (5, named("proof", book.proof)), (4, sequence)]
    if book.is_live and book.reason:
        whole = [*items[:4], (5, named("proof", f"{book.proof}: {book.reason}")), items[5]]
        items = whole if _length(whole) <= columns else items
    return line(items, columns)


def measures_row(book: BookPicture, columns: int) -> Row:
    """Return what is measured on the levels: mid, spread, microprice, imbalance, and the depth of the book."""
    if not book.is_live:
        return fit([], columns)
    bids, asks = book.bids, book.asks
    mid, spread, micro = measures.mid(bids, asks), measures.spread(bids, asks), measures.microprice(bids, asks)
    imbalance = measures.imbalance(bids, asks, _IMBALANCE_OVER)
    items: list[Item] = [
        (1, named("mid", tidied(plain(mid), book.tick), "strong") if mid is not None else []),
        (2, named("spread", tidied(plain(spread), book.tick), "warn" if spread <= 0 else "") if spread is not None else []),
        (4, named("micro", _rounded(micro, book)) if micro is not None else []),
        (3, named("imbalance", f"{imbalance * 100:.0f} % bid") if imbalance is not None else []),
        (5, named("levels", f"{book.levels[0]}/{book.levels[1]}")),
    ]
    return line(items, columns)


def _rounded(number: Decimal, book: BookPicture) -> str:
    """Return a measure with two decimals more than prices have."""
    tick = measures.tick(book.instrument, book.bids[:1], book.asks[:1]) or "1"
    return plain(number, max(0, -int(Decimal(tick).as_tuple().exponent)) + 2)


def rates_row(book: BookPicture, picture: Picture, columns: int, latency: str) -> Row:
    """Return what is counted: updates, trades, latency, gaps."""
    counters = book.counters
    rate = f"{book.per_s:,.1f}/s".replace(",", " ") if book.per_s is not None else "-"
    items: list[Item] = [
        (1, named("updates", rate)),
        (3, named("latency", latency)),
        (2, named("gaps", str(counters.gaps), "bad" if counters.gaps else "")),
        (4, named("resyncs", str(counters.resyncs))),
        (5, named("trades", str(book.trade_count))),
        (6, named("time", clock(picture.time))),
    ]
    if _length(items[:4]) > columns:
        items[1] = (3, named("latency", latency.partition(" (")[0]))
    return line(items, columns)


def latency_words(book: BookPicture) -> str:
    """Return how old the newest updates were on arrival, and how the two clocks were compared for it.

    What is said in brackets may be left out.
    """
    if book.age_ns is None:
        return "- (the venue sends no time)" if book.counters.updates else "-"
    offset = book.offset
    if offset is None:
        return f"{milliseconds(book.age_ns)} uncorrected (clocks not compared)"
    corrected = milliseconds(book.age_ns + offset.ns)
    return f"{corrected} ± {milliseconds(offset.uncertain_ns)} (clock {offset.ns / 1e6:+.0f} ms by its {offset.source})"


def latency_short(book: BookPicture) -> str:
    """Return the latency for a table; with a question mark where the clocks were not compared."""
    if book.age_ns is None:
        return "-"
    return f"{milliseconds(book.age_ns)}?" if book.offset is None else milliseconds(book.age_ns + book.offset.ns)


def derivative_row(book: BookPicture, now: int, columns: int) -> Row | None:
    """Return the facts of a derivative; None where there are none."""
    facts, option = book.derivative, book.option
    items: list[Item] = []
    if facts is not None:
        items += _derivative(facts, now)
    if option is not None and option.underlying is not None:
        items.append((3, named("underlying", option.underlying)))
    if option is not None:
        said = (("iv", option.mark_iv), ("delta", option.delta), ("mark", option.mark), ("oi", option.open_interest))
        items += [(4, named(name, value)) for name, value in said if value is not None]
    row = line(items, columns) if items else None
    # Of a stale book nothing looks alive.
    return [(text, "dim") for text, _ in row] if row is not None and book.is_stale else row


def _derivative(facts: Derivative, now: int) -> list[Item]:
    items: list[Item] = [
        (1, named("mark", facts.mark) if facts.mark is not None else []),
        (4, named("index", facts.index) if facts.index is not None else []),
    ]
    if facts.mark is not None and facts.index is not None:
        index = Decimal(facts.index)
        basis = measures.bps(Decimal(facts.mark) - index, index)
        items += [(5, named("basis", f"{basis:+.2f} bp"))] if basis is not None else []
    if facts.funding_rate is not None:
        left = facts.funding_time - now if facts.funding_time is not None else None
        when = f" in {_countdown(left)}" if left is not None and left > 0 else ""
        items.append((2, named("funding", f"{canonical(_short(Decimal(facts.funding_rate) * 100))} %{when}")))
    if facts.open_interest is not None:
        items.append((3, named("oi", facts.open_interest)))
    return items


def _countdown(ns: int) -> str:
    seconds = ns // 10**9
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}" if seconds < 360_000 else span(ns)


def plots_row(book: BookPicture, columns: int) -> Row | None:
    """Return mid and spread over time as sparklines; None where there is nothing to draw.

    Only seconds count in which the book was live, whole and not silent; the others stay blank. What is far away from nearly all
    other values, such as those of a book that was only just begun, is drawn as the least or the greatest, so that it does not
    flatten the rest: see `_near`.
    """
    silent = zip(book.columns, silent_since(book.columns), strict=True)
    bests = [(None, None) if since is not None and since <= one.time else (one.bid, one.ask) for one, since in silent]
    mids = [(bid + ask) / 2 if bid is not None and ask is not None else None for bid, ask in bests]
    spreads = [ask - bid if bid is not None and ask is not None else None for bid, ask in bests]
    if sum(one is not None for one in mids) < 2:
        return None
    each = (columns - 2 * 8 - len(_GAP)) // 2
    if each < _LEAST_PLOT:
        return fit([("mid ", "dim"), (sparkline(_near(mids, columns - 4), columns - 4), "")], columns)
    cells: Row = [("mid ", "dim"), (sparkline(_near(mids, each), each), "strong"), (_GAP, "")]
    return fit([*cells, ("spread ", "dim"), (sparkline(_near(spreads, each), each), "")], columns)


def _near(values: Sequence[float | None], most: int) -> list[float | None]:
    """Return the newest values, each no farther from the middle eight tenths of them than these are apart.

    Where those are all equal, the least difference of another one takes the place of their distance.
    """
    shown = values[-most:]
    known = sorted(value for value in shown if value is not None)
    few = max(1, len(known) // 10)
    if len(known) <= 2 * few:
        return [*shown]
    low, high = known[few], known[-1 - few]
    apart = high - low or min((abs(value - low) for value in known if value != low), default=0.0)
    return [None if value is None else min(max(value, low - apart), high + apart) for value in shown]


def cost_rows(book: BookPicture, size: Decimal | None, columns: int) -> list[Row]:
    """Return what market orders of a size would cost, against the mid: in one line, or two where that is too narrow."""
    if size is None or not book.is_live:
        return []
    what = " ".join(filter(None, (plain(size), base_of(book))))
    unit = measures.unit(book.instrument) or measures.BASE
    sides: tuple[tuple[Literal["buy", "sell"], str, bool], ...] = (
        ("buy", "ask", len(book.asks) < book.levels[1]),
        ("sell", "bid", len(book.bids) < book.levels[0]),
    )
    told: list[list[Cell]] = []
    for side, part, has_more in sides:
        cost = measures.cost(book.bids, book.asks, side, size, unit)
        if cost is None:
            words: Cell = ("nothing there", "warn")
        elif not cost.complete:
            # Levels beyond those in the picture were not counted.
            words = (f"{'more than' if has_more else 'only'} {_short(cost.filled)} there", "warn")
        else:
            words = (_average(cost, book), "")
        told.append([(f"{side} ", part), words])
    whole: Row = [(f"{what} now:  ", "dim"), *told[0], ("   ", ""), *told[1]]
    if width(whole) <= columns:
        return [fit(whole, columns)]
    return [fit([cells[0], (f"{what} ", "dim"), *cells[1:]], columns) for cells in told]


def cursor_row(book: BookPicture, levels: Sequence[tuple[str, str]], cursor: int, columns: int) -> Row | None:
    """Return how much lies between the best price and the cursor, and what taking it would cost; None without cursor.

    Args:
        levels: of the cursor's side.
        cursor: levels from the middle, bids positive, asks negative.
    """
    if not cursor or len(levels) < abs(cursor) or not book.is_live:
        return None
    side: Literal["bid", "ask"] = "ask" if cursor < 0 else "bid"
    price = levels[abs(cursor) - 1][0]
    unit = measures.unit(book.instrument) or measures.BASE
    there = measures.within(book.asks if cursor < 0 else book.bids, Decimal(price), side, unit)
    if there is None or not there.size:
        return None
    cost = measures.cost(book.bids, book.asks, "buy" if cursor < 0 else "sell", there.size, unit)
    row: Row = [("▸ ", "strong"), (f"{side}s to {printable(price)}: ", "dim")]
    row.append((f"{_short(there.size)} {base_of(book)}", "strong"))
    if cost is not None:
        row += [("  taking them costs ", "dim"), (_average(cost, book), "")]
    return fit(row, columns)


def base_of(book: BookPicture) -> str:
    """Return what sizes are counted in; nothing where the venue did not tell."""
    facts = book.instrument
    return printable(facts.base) if facts is not None and facts.base and measures.unit(facts) is not None else ""


def _average(cost: measures.Cost, book: BookPicture) -> str:
    worse = f" {cost.slippage_bps:+.2f} bp" if cost.slippage_bps is not None else ""
    return f"{_rounded(cost.average, book)}{worse}"


def _short(number: Decimal) -> str:
    """Return a number with no more than eight decimals."""
    return plain(number, 8 if int(number.as_tuple().exponent) < -8 else None)
