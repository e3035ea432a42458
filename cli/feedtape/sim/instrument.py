"""The facts of a simulated instrument, and numbers as the venue writes them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from .market import Shape


@lru_cache(maxsize=1 << 16)
def decimal_text(value: int, digits: int, width: int) -> str:
    """Write `value` units of 10**-digits with exactly `width` decimals (`width` not below `digits`)."""
    if width == 0:
        return str(value)
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, part = divmod(value, 10**digits)
    return f"{sign}{whole}.{part:0{digits}d}{'0' * (width - digits)}" if digits else f"{sign}{whole}.{'0' * width}"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One symbol as its venue lists it.

    A tick is 10**-tick_digits and a lot 10**-lot_digits; the venue writes prices with `price_width` and
    sizes with `size_width` decimals.
    """

    symbol: str
    pair: str
    base: str
    quote: str
    tick_digits: int
    price_width: int
    lot_digits: int
    size_width: int
    shape: Shape
    contract_type: str = ""
    contract_size: int = 1

    def price(self, ticks: int) -> str:
        return decimal_text(ticks, self.tick_digits, self.price_width)

    def size(self, lots: int) -> str:
        return decimal_text(lots, self.lot_digits, self.size_width)

    @property
    def tick(self) -> str:
        return decimal_text(1, self.tick_digits, self.price_width)

    @property
    def lot(self) -> str:
        return decimal_text(1, self.lot_digits, self.size_width)


Pairs = list[list[str]]


def sides(instrument: Instrument, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> tuple[Pairs, Pairs]:
    """Return both sides as pairs of the venue's decimal strings."""
    price, size = instrument.price, instrument.size
    return [[price(p), size(q)] for p, q in bids], [[price(p), size(q)] for p, q in asks]


_MILLI_PRICES = {"BTC": 61_800_370, "ETH": 2_650_310, "SOL": 148_220, "BNB": 512_400, "XRP": 567, "LTC": 61_450}


def milli_price(base: str) -> int:
    """Return a plausible price of `base` in thousandths of a dollar; for an unknown one, always the same."""
    return _MILLI_PRICES.get(base) or 500 + zlib.crc32(base.encode()) % 200_000
