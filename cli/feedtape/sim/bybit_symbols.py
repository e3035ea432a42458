"""Made-up instruments that Bybit's four markets could list."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Literal

from feedtape.errors import UsageError

from . import options
from .instrument import Instrument, milli_price
from .market import Shape

Category = Literal["spot", "linear", "inverse", "option"]

_DATE = r"\d{1,2}[A-Z]{3}\d{2}"
_PATTERNS = {
    "spot": re.compile(r"([A-Z0-9]{1,20}?)(USDT|USDC|BTC|EUR|BRL|TRY)"),
    "linear": re.compile(rf"([A-Z0-9]{{1,20}}?)(?:(USDT)(?:-({_DATE}))?|PERP|-({_DATE}))"),
    "inverse": re.compile(r"([A-Z0-9]{1,12})(USD)([HMUZ]\d\d)?"),
    "option": re.compile(rf"([A-Z0-9]{{1,12}})-({_DATE})-(\d+(?:\.\d+)?)-([CP])(?:-(USDT))?"),
}
_EXAMPLES = {"spot": "BTCUSDT", "linear": "BTCUSDT", "inverse": "BTCUSD", "option": "BTC-25JUN27-100000-C-USDT"}
_QUARTERS = {"H": 3, "M": 6, "U": 9, "Z": 12}


def coin_of(symbol: str) -> str:
    """Return the base coin of an option by its name."""
    return symbol.partition("-")[0]


def made_up(category: Category, symbol: str) -> Instrument:
    """Make up the facts of a symbol.

    Raises:
        UsageError: if this market could not list it.
    """
    match = _PATTERNS[category].fullmatch(symbol)
    if match is None:
        raise UsageError(f"the venue could not list a symbol {symbol!r}", hint=f"write it like {_EXAMPLES[category]}")
    base = match[1]
    milli = milli_price(base)
    if category == "option":
        digits = 0 if milli >= 10_000_000 else 1
        shape = Shape(options.ticks(options.model(symbol).price, digits), 1, 300, levels=120, id_stride=5, first_id=3_032_585_156)
        return Instrument(symbol, base, base, match[5] or "USDC", digits, digits, 2, 2, shape, "Option")
    digits = 2 if milli >= 10_000_000 else 4
    ticks = milli * int(10**digits) // 1000
    lot_digits = {"spot": 6, "linear": 3, "inverse": 0}[category]
    lots = 300 if category == "inverse" else max(5, 12_000_000 * int(10**lot_digits) // milli)
    shape = Shape(ticks, max(1, ticks // 200_000), lots, levels=1200, id_stride=9, first_id=7_961_638_724)
    settle = match[2] or "USDC"
    kind = ""
    if category != "spot":
        dated = any(match.groups()[2:])
        kind = f"{category.capitalize()}{'Futures' if dated else 'Perpetual'}"
    return Instrument(symbol, base + settle, base, settle, digits, digits, lot_digits, lot_digits, shape, kind)


def listed(category: Category, fact: Instrument) -> dict[str, Any]:
    """Return what the list of instruments says of a symbol."""
    told: dict[str, Any] = {
        "symbol": fact.symbol,
        "symbolId": 5,
        "status": "Trading",
        "baseCoin": fact.base,
        "quoteCoin": fact.quote,
    }
    told |= {"priceFilter": {"minPrice": fact.tick, "maxPrice": "1999999.80", "tickSize": fact.tick}}
    if category == "spot":
        lots = {"basePrecision": fact.lot, "quotePrecision": "0.0000001", "minOrderQty": fact.lot, "minOrderAmt": "5"}
        return told | {"innovation": "0", "marginTrading": "utaOnly", "lotSizeFilter": lots, "symbolType": ""}
    lots = {"maxOrderQty": "1190.000", "minOrderQty": fact.lot, "qtyStep": fact.lot}
    told |= {"lotSizeFilter": lots, "launchTime": "1585526400000", "deliveryTime": str(_delivery_ms(fact)), "deliveryFeeRate": ""}
    if category == "option":
        kind = "Call" if fact.symbol.split("-")[3] == "C" else "Put"
        return told | {"optionsType": kind, "settleCoin": fact.quote, "displayName": fact.symbol}
    told |= {"contractType": fact.contract_type, "priceScale": str(fact.price_width), "fundingInterval": 480}
    return told | {"settleCoin": fact.base if category == "inverse" else fact.quote, "isPreListing": False}


def _delivery_ms(fact: Instrument) -> int:
    """Return when a dated contract or an option is delivered, at 08:00 UTC; 0 for one that is not."""
    dated = re.search(_DATE, fact.symbol)
    if dated is not None:
        day = datetime.strptime(dated[0].title(), "%d%b%y")
    elif fact.contract_type == "InverseFutures":
        day = datetime(2000 + int(fact.symbol[-2:]), _QUARTERS[fact.symbol[-3]], 25)
    else:
        return 0
    return int(day.replace(hour=8, tzinfo=UTC).timestamp()) * 1000
