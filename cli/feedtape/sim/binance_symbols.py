"""Made-up instruments that Binance's three markets could list."""

from __future__ import annotations

import re

from feedtape.errors import UsageError

from .instrument import Instrument, milli_price
from .market import Shape

_SPOT_QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "USD")
# Spot symbols need not be ASCII.
_SPOT = re.compile(rf"(\w{{2,20}}?)({'|'.join(_SPOT_QUOTES)})")
_USDM = re.compile(r"([A-Z0-9]{2,20}?)(USDT|USDC|BTC)(?:_(\d{6}))?")
_COINM = re.compile(r"([A-Z0-9]{2,12})(USD)_(PERP|\d{6})")


def spot(symbol: str) -> Instrument:
    """Make up a spot pair: tick by size of the price, eight decimals on the wire."""
    base, quote = _match(_SPOT, symbol, "BTCUSDT").groups()
    milli = milli_price(base)
    tick_digits = 2 if milli >= 100_000 else 4
    lot_digits = 5 if milli >= 10_000_000 else 4
    shape = Shape(_ticks(milli, tick_digits), _gap(milli, tick_digits), _lots(milli, lot_digits))
    return Instrument(symbol, symbol, base, quote, tick_digits, 8, lot_digits, 8, shape)


def usdm(symbol: str) -> Instrument:
    """Make up a USDⓈ-M contract; a date behind the pair makes it a quarterly."""
    base, quote, date = _match(_USDM, symbol, "BTCUSDT").groups()
    milli = milli_price(base)
    tick_digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 4
    lot_digits = 3 if milli >= 1_000_000 else 0 if milli < 1_000 else 2
    shape = Shape(
        _ticks(milli, tick_digits),
        _gap(milli, tick_digits),
        _lots(milli, lot_digits),
        id_stride=300,
        first_id=5_123_107_832_006,
        first_trade_id=5_266_583_934,
    )
    kind = "CURRENT_QUARTER" if date else "PERPETUAL"
    width = 2 if tick_digits == 1 else tick_digits
    return Instrument(symbol, base + quote, base, quote, tick_digits, width, lot_digits, lot_digits, shape, kind)


def coinm(symbol: str) -> Instrument:
    """Make up a COIN-M contract: sizes are contracts of 100 USD on BTC and 10 USD elsewhere."""
    base, quote, date = _match(_COINM, symbol, "BTCUSD_PERP").groups()
    milli = milli_price(base)
    tick_digits = 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 4
    shape = Shape(
        _ticks(milli, tick_digits),
        _gap(milli, tick_digits),
        120,
        id_stride=40,
        first_id=1_007_198_631_198,
        first_trade_id=849_714_401,
    )
    kind = "PERPETUAL" if date == "PERP" else "CURRENT_QUARTER"
    size = 100 if base == "BTC" else 10
    return Instrument(symbol, base + quote, base, quote, tick_digits, tick_digits, 0, 0, shape, kind, size)


def _match(pattern: re.Pattern[str], symbol: str, example: str) -> re.Match[str]:
    match = pattern.fullmatch(symbol)
    if match is None:
        raise UsageError(f"the venue could not list a symbol {symbol!r}", hint=f"write it like {example}")
    return match


def _ticks(milli: int, digits: int) -> int:
    return milli * int(10**digits) // 1000


def _gap(milli: int, digits: int) -> int:
    """Return the typical distance of two levels, about half a basis point of a tenth of the price."""
    return max(1, _ticks(milli, digits) // 200_000)


def _lots(milli: int, digits: int) -> int:
    """Return the lots of a typical order, about 12,000 dollars."""
    return max(5, 12_000_000 * int(10**digits) // milli)
