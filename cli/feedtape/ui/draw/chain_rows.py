"""Drawing an option chain: calls left, strikes in the middle, puts right.

Columns are dropped in a fixed order as the width shrinks, and never wrapped. Prices and sizes are the venue's own texts; what a
model says is rounded, and stands in full below, for the option that the cursor is on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final

from feedtape.replay.times import clock
from feedtape.ui.chain import BOOK, FACTS, ChainPicture, ExpiryPicture, OptionPicture, StrikePicture
from feedtape.ui.draw.numbers import aligned
from feedtape.ui.draw.rows import Row, fit, right
from feedtape.ui.output import printable

CALL, PUT = "call", "put"
_HEAD: Final = 3
"""Rows above the strikes."""
_HIGH: Final = 20
"""From so many rows on, all that is known of the option under the cursor has as many rows as it takes, up to three."""

_KEPT: Final = (
    *("bid", "ask", "mark_iv", "delta", "bid_size", "ask_size", "mark", "open_interest", "volume", "bid_iv", "ask_iv"),
    *("gamma", "vega", "theta", "rho", "last"),
)
"""The columns, those that go last first."""
_CALLS: Final = (
    *("rho", "theta", "vega", "gamma", "last", "volume", "open_interest", "delta", "ask_iv", "bid_iv", "mark_iv", "mark"),
    *("bid_size", "bid", "ask", "ask_size"),
)
_PUTS: Final = (
    *("bid_size", "bid", "ask", "ask_size", "mark", "mark_iv", "bid_iv", "ask_iv", "delta", "open_interest", "volume"),
    *("last", "gamma", "vega", "theta", "rho"),
)
_HEADS: Final = {
    **{"bid": "bid", "ask": "ask", "bid_size": "size", "ask_size": "size", "mark": "mark", "last": "last"},
    **{"mark_iv": "IV%", "bid_iv": "bidIV", "ask_iv": "askIV", "open_interest": "OI", "volume": "vol"},
}
_PARTS: Final = {"bid": "bid", "ask": "ask", "bid_size": "dim", "ask_size": "dim", "mark_iv": "strong"}
_DIGITS: Final = {"mark": 6, "last": 6, "open_interest": 6, "volume": 6}
"""To how many digits a column is rounded where that is shorter; others to `_FEW`."""
_FEW: Final = 3
_LEAST: Final = 2
"""Columns a side that are there however narrow it is."""
_LEGEND: Final = "b book  q quote  s summary  ~ stale  ! book not live  • in  ▸◂ at the money"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where one is in a chain: the index of an expiry, that of a strike, and a side.

    Without a strike it is at the money, or in the middle, wherever that is as strikes come and the price moves.
    """

    expiry: int = 0
    strike: int | None = None
    side: str = CALL


def begin(picture: ChainPicture) -> Cursor:
    """Return where to begin: in the first expiry that a picture has options of."""
    return Cursor(next((at for at, of in enumerate(picture.expiries) if of.strikes), 0))


def clamped(picture: ChainPicture, cursor: Cursor | None) -> Cursor:
    """Return a cursor that is within a chain; where to begin if there is none yet."""
    if cursor is None or not picture.expiries:
        return begin(picture)
    expiry = min(cursor.expiry, len(picture.expiries) - 1)
    strikes = len(picture.expiries[expiry].strikes)
    if cursor.strike is None or not strikes:
        return replace(cursor, expiry=expiry)
    return Cursor(expiry, max(0, min(cursor.strike, strikes - 1)), cursor.side)


def strike_at(of: ExpiryPicture, cursor: Cursor) -> int:
    """Return the index of the strike that a cursor is on."""
    if cursor.strike is not None:
        return cursor.strike
    return len(of.strikes) // 2 if of.at_the_money is None else of.at_the_money


def moved(picture: ChainPicture, cursor: Cursor, by: int) -> Cursor:
    """Return a cursor that went on by so many strikes."""
    at = strike_at(picture.expiries[cursor.expiry], cursor) if cursor.expiry < len(picture.expiries) else 0
    return clamped(picture, replace(cursor, strike=max(0, at + by)))


def option_at(picture: ChainPicture, cursor: Cursor) -> OptionPicture | None:
    """Return the option that a cursor is on, whose book it opens; None where there is none."""
    if not 0 <= cursor.expiry < len(picture.expiries):
        return None
    of = picture.expiries[cursor.expiry]
    at = strike_at(of, cursor)
    if not 0 <= at < len(of.strikes):
        return None
    return of.strikes[at].call if cursor.side == CALL else of.strikes[at].put


def chain_rows(picture: ChainPicture, cursor: Cursor, width: int, height: int) -> list[Row]:
    """Draw one expiry in exactly so many columns and rows; a picture without options says that nothing has come."""
    rows: list[Row] = [_title(picture, cursor, width), _tabs(picture, cursor, width)]
    of = picture.expiries[cursor.expiry] if 0 <= cursor.expiry < len(picture.expiries) else None
    if of is None or not of.strikes:
        rows.append(fit([("no option has been told of", "dim")], width))
    else:
        foot = [*_detail(option_at(picture, cursor), width, 3 if height >= _HIGH else 1), [(_LEGEND, "dim")]]
        rows += _strikes(of, cursor, width, max(1, height - _HEAD - len(foot)))
        rows += [fit(row, width) for row in foot]
    return (rows + [[(" " * width, "")]] * height)[:height]


def _strikes(of: ExpiryPicture, cursor: Cursor, width: int, height: int) -> list[Row]:
    """Draw the heads and so many rows of strikes, that of the cursor among them."""
    table = _table(of, width)
    cursor = replace(cursor, strike=strike_at(of, cursor))
    first = max(0, min((cursor.strike or 0) - height // 2, len(of.strikes) - height))
    rows = [_heads(table), *(_strike(of, at, table, cursor) for at in range(first, min(first + height, len(of.strikes))))]
    return [fit(row, width) for row in (rows + [[]] * height)[: height + 1]]


# -- the head


def _title(picture: ChainPicture, cursor: Cursor, width: int) -> Row:
    row: Row = [(printable(picture.name), "title"), ("  ", ""), (picture.word, picture.grade), ("  ", "")]
    if 0 <= cursor.expiry < len(picture.expiries):
        of = picture.expiries[cursor.expiry]
        name = f" {printable(of.underlying_name)}" if of.underlying_name else ""
        left = time_left(of.expiry - picture.time)
        row += [(f"{left}  " if left != picture.word else "", ""), (f"{printable(of.underlying or '-')}{name}", "strong")]
    moment = clock(picture.time)[:8]
    return [*fit(row, width - len(moment) - 1), (" ", ""), (moment, "dim")]


def time_left(ns: int) -> str:
    """Return how long it is until an expiry: `in 31 d 4 h`, `in 4 h 05 m`; `expired` afterwards."""
    if ns <= 0:
        return "expired"
    minutes = ns // 60_000_000_000
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"in {days} d {hours} h" if days else f"in {hours} h {minutes:02d} m"


def tab(expiry: int) -> str:
    """Return an expiry's name, `25DEC26`."""
    return f"{datetime.fromtimestamp(expiry // 10**9, UTC):%d%b%y}".upper().lstrip("0")


def _tabs(picture: ChainPicture, cursor: Cursor, width: int) -> Row:
    """Name the expiries, as many before and behind the chosen one as fit."""
    names = [f"[{tab(of.expiry)}]" if at == cursor.expiry else f" {tab(of.expiry)} " for at, of in enumerate(picture.expiries)]
    first = 0
    while first < cursor.expiry and sum(map(len, names[first : cursor.expiry + 2])) > width - 2:
        first += 1
    row: Row = [("‹" if first else " ", "dim")]
    row += [(name, "chosen" if at == cursor.expiry else "dim") for at, name in enumerate(names) if at >= first]
    is_long = sum(len(text) for text, _ in row) > width - 1
    return [*fit(row, width - 1), ("›" if is_long else " ", "dim")]


# -- the table


def _shown(option: OptionPicture | None, column: str) -> str:
    value: str | None = getattr(option, column) if option is not None else None
    if value is None:
        return "" if option is None else "-"
    return _short(column, value)


@lru_cache(maxsize=8192)
def _short(column: str, value: str) -> str:
    """Return a value as a cell has it: rounded, unless it is a price or a size."""
    digits = _DIGITS.get(column, _FEW)
    if column.endswith("_iv"):
        return per_cent(value)
    if column in ("bid", "ask", "bid_size", "ask_size") or len(value) <= digits + 1:
        return value
    return f"{Context(prec=digits).plus(Decimal(value)):f}"


def per_cent(volatility: str) -> str:
    """Return a volatility in per cent, with one decimal."""
    return f"{Decimal(volatility) * 100:.1f}"


@dataclass(frozen=True, slots=True)
class _Table:
    """The cells of an expiry's columns, call and put in turn: as many columns as fit, without those of which nothing is told."""

    columns: dict[str, list[str]]
    strike: int

    def cells(self, names: Sequence[str], at: int, side: str, *, is_here: bool) -> Row:
        """Return the cells of one option."""
        row = 2 * at + (side == PUT)
        shown = [name for name in names if name in self.columns]
        return [(self.columns[name][row], "cursor" if is_here else _PARTS.get(name, "")) for name in shown]

    def heads(self, names: Sequence[str]) -> list[str]:
        """Return what stands above the columns."""
        return [f"{_HEADS.get(name, name):>{len(self.columns[name][0])}}" for name in names if name in self.columns]


def _table(of: ExpiryPicture, width: int) -> _Table:
    strike = max(6, *(len(one.strike) for one in of.strikes))
    # Beside the columns there are the strike with its marks, the cursor's marks and whose prices they are.
    room = (width - strike - 10) // 2
    columns: dict[str, list[str]] = {}
    options = [option for one in of.strikes for option in (one.call, one.put)]
    for name in _KEPT:
        texts = aligned([_shown(option, name) for option in options])
        if len(columns) >= _LEAST and all(text.strip() in ("", "-") for text in texts):
            continue
        needed = max(len(_HEADS.get(name, name)), len(texts[0]))
        if len(columns) >= _LEAST and needed + 1 > room:
            break
        columns[name] = [text.rjust(needed) for text in texts]
        room -= needed + 1
    return _Table(columns, strike)


def _heads(table: _Table) -> Row:
    calls = "".join(f"{head} " for head in table.heads(_CALLS))
    puts = "".join(f" {head}" for head in table.heads(_PUTS))
    strike = "strike".rjust(table.strike)
    return [(" ", ""), (calls, "dim"), ("C   ", "title"), (strike, "title"), ("   P", "title"), (puts, "dim")]


def _strike(of: ExpiryPicture, at: int, table: _Table, cursor: Cursor) -> Row:
    one, is_here = of.strikes[at], at == cursor.strike
    at_call, at_put = is_here and cursor.side == CALL, is_here and cursor.side == PUT
    calls = [(text + " ", part) for text, part in table.cells(_CALLS, at, CALL, is_here=at_call)]
    puts = [(" " + text, part) for text, part in table.cells(_PUTS, at, PUT, is_here=at_put)]
    is_nearest = at == of.at_the_money
    strike: Row = [
        (mark(one.call), "dim"),
        ("•" if in_the_money(of, one, CALL) else " ", "strong"),
        ("▸ " if is_nearest else "  ", "strong"),
        (right(one.strike, table.strike), "cursor" if is_here else "strong" if is_nearest else ""),
        (" ◂" if is_nearest else "  ", "strong"),
        ("•" if in_the_money(of, one, PUT) else " ", "strong"),
        (mark(one.put), "dim"),
    ]
    return [("›" if at_call else " ", "cursor"), *calls, *strike, *puts, ("‹" if at_put else " ", "cursor")]


def mark(option: OptionPicture | None) -> str:
    """Return in a letter whose bid and ask an option's are, or that its book is not to be relied on."""
    if option is None or (not option.source and not option.state):
        return " "
    if option.state.startswith("stale"):
        return "~"
    if option.state and option.source != BOOK:
        return "!"
    return option.source[:1]


def in_the_money(of: ExpiryPicture, one: StrikePicture, side: str) -> bool:
    """Tell whether exercising would pay, at the price of the underlying."""
    if of.underlying is None:
        return False
    strike, price = Decimal(one.strike), Decimal(of.underlying)
    return strike < price if side == CALL else strike > price


# -- the option under the cursor


def _detail(option: OptionPicture | None, width: int, most: int) -> list[Row]:
    """Return the prices of an option, and below them its facts in so many rows."""
    if option is None:
        return [[("there is no such option", "dim")], *[[]] * most]
    state = (f"  book {option.state}", option.grade) if option.state else ("  no book", "dim")
    whose = f" by {option.source}" if option.source else ""
    prices: Row = [(printable(option.target), "title"), state, ("  ", ""), (_sided(option.bid, option.bid_size), "bid")]
    prices += [(" / ", "dim"), (_sided(option.ask, option.ask_size), "ask"), (whose, "dim")]
    facts = [""]
    for name in FACTS:
        said = f"{name.replace('_', ' ')} {printable(getattr(option, name) or '-')}"
        if facts[-1] and len(facts[-1]) + len(said) + 2 > width and len(facts) < most:
            facts.append("")
        facts[-1] += f"  {said}" if facts[-1] else said
    return [prices, *([(line, "dim")] for line in (facts + [""] * most)[:most])]


def _sided(price: str | None, size: str | None) -> str:
    return "-" if price is None else printable(price if size is None else f"{price} × {size}")
