"""Measures of a book: what can be reckoned from its levels, exactly.

Levels are price and size texts, the best first, as `Ladder.top` yields them. Sums and products are exact, quotients rounded to 34
digits. What a one-sided or empty book does not tell is None, never zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from itertools import islice
from typing import Final, Literal

from feedtape.model.decimals import KEYS, MoreDecimals, canonical
from feedtape.model.events import Side
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import code

Levels = Sequence[tuple[str, str]]
BookSide = Literal["bid", "ask"]

# A product of a price, a size and a multiplier, 48 digits each, summed over any book, has fewer digits.
_EXACT: Final = Context(prec=200)
_ROUNDED: Final = Context(prec=34)
_TEN_THOUSAND: Final = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a size of one stands for: `worth` of the base currency, or of the quote currency where the contract is inverse."""

    worth: Decimal
    is_inverse: bool = False

    def in_base(self, price: Decimal, size: Decimal) -> Decimal | None:
        """Return a size at a price in the base currency; rounded if inverse, and None where an inverse price has no meaning."""
        if not self.is_inverse:
            return _EXACT.multiply(size, self.worth)
        return _ROUNDED.divide(_EXACT.multiply(size, self.worth), price) if price > 0 else None


BASE: Final = Unit(Decimal(1))
"""Sizes are of the base currency."""


def unit(instrument: Instrument | None) -> Unit | None:
    """Return what sizes of an instrument stand for; None where the venue did not tell enough (quanto contracts, spreads)."""
    if instrument is None or not instrument.base:
        return None
    worth = None if instrument.multiplier is None else Decimal(instrument.multiplier)
    if worth is not None and worth <= 0:
        return None
    # An option settled in its coin is linear in it, too: only its price is told in the coin.
    if instrument.kind not in ("spot", "option"):
        if instrument.kind not in ("perpetual", "future") or not instrument.settle or not instrument.quote:
            return None
        base, quote, settle = map(code, (instrument.base, instrument.quote, instrument.settle))
        if settle != quote:
            return Unit(worth, is_inverse=True) if settle == base and worth is not None else None
    return BASE if worth is None else Unit(worth)


def mid(bids: Levels, asks: Levels) -> Decimal | None:
    """Return the middle between the best two prices."""
    if not bids or not asks:
        return None
    with localcontext(_EXACT):
        return (Decimal(bids[0][0]) + Decimal(asks[0][0])) / 2


def spread(bids: Levels, asks: Levels) -> Decimal | None:
    """Return the best ask less the best bid; negative when the book is crossed."""
    return _EXACT.subtract(Decimal(asks[0][0]), Decimal(bids[0][0])) if bids and asks else None


def spread_bps(bids: Levels, asks: Levels) -> Decimal | None:
    """Return the spread in hundredths of a percent of the mid; None where that is not positive."""
    width = spread(bids, asks)
    return None if width is None else bps(width, mid(bids, asks))


def bps(difference: Decimal, of: Decimal | None) -> Decimal | None:
    """Return a difference of prices in hundredths of a percent; None where there is no positive price to take them of."""
    return _ROUNDED.divide(_EXACT.multiply(difference, _TEN_THOUSAND), of) if of is not None and of > 0 else None


def microprice(bids: Levels, asks: Levels) -> Decimal | None:
    """Return the best two prices' mean, each weighted with the other's size: nearer to the side that has less."""
    if not bids or not asks:
        return None
    (bid, bid_size), (ask, ask_size) = (map(Decimal, side[0]) for side in (bids, asks))
    with localcontext(_EXACT):
        weighted, weights = bid * ask_size + ask * bid_size, bid_size + ask_size
    return _ROUNDED.divide(weighted, weights) if weights else None


def imbalance(bids: Levels, asks: Levels, depth: int) -> Decimal | None:
    """Return the bids' share of all that is offered on the best `depth` levels of each side: 1 is bids alone."""
    if not bids or not asks:
        return None
    with localcontext(_EXACT):
        bid, ask = (sum((Decimal(size) for _, size in islice(side, depth)), Decimal(0)) for side in (bids, asks))
        both = bid + ask
    return _ROUNDED.divide(bid, both) if both else None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a market order would meet.

    Attributes:
        filled: of the size asked for, in the base currency.
        paid: for that, in the quote currency.
        average: price.
        worst: price, of the last level that it reaches.
        slippage_bps: how much worse than the mid the average is; negative in a crossed book, None in a one-sided one.
        complete: whether the levels given hold the whole size.
    """

    filled: Decimal
    paid: Decimal
    average: Decimal
    worst: Decimal
    slippage_bps: Decimal | None
    complete: bool


def cost(bids: Levels, asks: Levels, side: Side, size: Decimal, unit: Unit = BASE) -> Cost | None:
    """Return what buying or selling a size would cost at once; None when there is nothing to trade with.

    `size` is in the base currency, whatever the venue counts in: `unit` tells what its sizes stand for.
    """
    filled, paid, worst = Decimal(0), Decimal(0), Decimal(0)
    with localcontext(_EXACT):
        for price, amount in _in_base(asks if side == "buy" else bids, unit):
            if filled >= size:
                break
            taken = min(amount, size - filled)
            filled, paid, worst = filled + taken, paid + taken * price, price
    if not filled:
        return None
    average, middle = _ROUNDED.divide(paid, filled), mid(bids, asks)
    worse = None
    if middle is not None:
        worse = bps(_EXACT.subtract(*((average, middle) if side == "buy" else (middle, average))), middle)
    return Cost(filled, paid, average, worst, worse, filled == size)


@dataclass(frozen=True, slots=True)
class Depth:
    """What lies within a price: `size` in the base currency, `notional` in the quote currency."""

    size: Decimal
    notional: Decimal


def within(levels: Levels, price: Decimal, side: BookSide, unit: Unit = BASE) -> Depth | None:
    """Return what lies from the best price to another one, which counts; None for a side that is empty."""
    if not levels:
        return None
    total, notional = Decimal(0), Decimal(0)
    with localcontext(_EXACT):
        for at, amount in _in_base(levels, unit):
            if at < price if side == "bid" else at > price:
                break
            total, notional = total + amount, notional + amount * at
    return Depth(total, notional)


def grouped(levels: Levels, step: str, side: BookSide, most: int | None = None) -> list[tuple[str, str]]:
    """Return levels gathered at the multiples of a step: bids below them, asks above, so that no group looks better than it is.

    Prices are written with the step's decimals, sizes are exact sums. `most` groups are made, of levels that come best first.
    """
    decimals = max(0, -int(Decimal(step).as_tuple().exponent))
    scale = decimals
    while True:
        try:
            groups = _gathered(levels, step, side, scale, most)
            break
        except MoreDecimals as more:
            scale = more.decimals
    unit = Decimal(1).scaleb(-scale)
    with localcontext(_EXACT):
        return [(f"{at * unit:.{decimals}f}" if at else f"{0:.{decimals}f}", f"{size:f}") for at, size in groups.items()]


def _gathered(levels: Levels, step: str, side: BookSide, scale: int, most: int | None) -> dict[int, Decimal]:
    """Return sizes by price in units of 10^-scale; whole numbers, since there are thousands of levels in each picture."""
    keys, width, is_bid = KEYS[scale], KEYS[scale][step], side == "bid"
    groups: dict[int, Decimal] = {}
    with localcontext(_EXACT):
        for price, size in levels:
            key = keys[price]
            at = key // width * width if is_bid else -(-key // width) * width
            known = groups.get(at)
            if known is not None:
                groups[at] = known + Decimal(size)
            elif most is not None and len(groups) == most:
                break
            else:
                groups[at] = Decimal(size)
    return groups


def tick(instrument: Instrument | None, *sides: Levels) -> str | None:
    """Return the price step: what the venue tells, or else the finest that the prices show; None when neither does."""
    if instrument is not None and instrument.tick is not None and Decimal(instrument.tick) > 0:
        return canonical(instrument.tick)
    return finest(*sides)


def finest(*sides: Levels) -> str | None:
    """Return the largest power of ten, at most 1, of which all prices are multiples; None when there is no price."""
    decimals = [len(canonical(price).partition(".")[2]) for levels in sides for price, _ in levels]
    if not decimals:
        return None
    return f"{Decimal(1).scaleb(-max(decimals)):f}"


def steps(tick: str) -> Iterator[str]:
    """Yield the steps by which prices can be grouped: 1, 2, 5, 10, 20, 50 … ticks, without an end."""
    scale = 0
    while True:
        for factor in (1, 2, 5):
            yield canonical(f"{_EXACT.multiply(Decimal(tick), Decimal(factor).scaleb(scale)):f}")
        scale += 1


def _in_base(levels: Levels, unit: Unit) -> Iterator[tuple[Decimal, Decimal]]:
    for price, size in levels:
        at = Decimal(price)
        amount = unit.in_base(at, Decimal(size))
        if amount is not None:
            yield at, amount
