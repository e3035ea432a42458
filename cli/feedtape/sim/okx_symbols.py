"""What the simulated OKX lists: all kinds of instruments, told apart by their names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from feedtape.errors import UsageError

from . import options
from .instrument import Instrument, milli_price
from .market import Shape

_SYMBOL = re.compile(r"([A-Z0-9]{1,12})-(USDT|USDC|USD|EUR|BTC)(?:-(SWAP|(\d{6})(?:-(\d+)-([CP]))?))?")


def kind_of(symbol: str) -> str:
    """Return the instType of an instrument by its name."""
    match = _SYMBOL.fullmatch(symbol)
    assert match is not None, symbol
    if match[3] is None:
        return "SPOT"
    return "SWAP" if match[3] == "SWAP" else "OPTION" if match[6] else "FUTURES"


def _is_day(text: str) -> bool:
    try:
        return bool(_expiry(text))
    except ValueError:
        return False


def _expiry(text: str) -> datetime:
    return datetime.strptime(text, "%y%m%d").replace(hour=8, tzinfo=UTC)


def made_up(symbol: str) -> Instrument:
    """Make up the facts of a symbol; `UsageError` where the venue could not list it."""
    match = _SYMBOL.fullmatch(symbol.upper())
    if match is None or (match[4] and not _is_day(match[4])):
        raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like BTC-USDT-SWAP")
    base, quote = match[1], match[2]
    milli = milli_price(base)
    option = match[6] is not None
    tick_digits = 4 if option else 1 if milli >= 10_000_000 else 2 if milli >= 100_000 else 4
    ticks = milli * 10**tick_digits // 1000
    if option:
        model = options.model(symbol.upper())
        ticks = options.ticks(model.price / model.forward, tick_digits)
    lot_digits = 8 if match[3] is None else 2 if match[3] == "SWAP" and quote != "USD" else 0
    lots = max(5, 12_000_000 * int(10**lot_digits) // milli) if match[3] is None else 300
    shape = Shape(
        ticks, max(1, ticks // 200_000), lots, levels=60 if option else 900, id_stride=7, first_id=9_000_000_000 + milli
    )
    contract = "PERPETUAL" if match[3] == "SWAP" else match[3] or ""
    return Instrument(
        symbol.upper(), f"{base}-{quote}", base, quote, tick_digits, tick_digits, lot_digits, lot_digits, shape, contract
    )


def listed(fact: Instrument) -> dict[str, Any]:
    """Return an instrument as REST lists it."""
    kind = kind_of(fact.symbol)
    match = _SYMBOL.fullmatch(fact.symbol)
    assert match is not None
    told: dict[str, Any] = {"instId": fact.symbol, "instType": kind, "instFamily": "" if kind == "SPOT" else fact.pair}
    told |= {
        "uly": told["instFamily"],
        "tickSz": fact.tick,
        "lotSz": fact.lot,
        "minSz": fact.lot,
        "state": "live",
        "ruleType": "normal",
    }
    told |= {"baseCcy": "", "quoteCcy": "", "settleCcy": "", "ctVal": "", "ctMult": "", "ctValCcy": "", "ctType": ""}
    told |= {"stk": "", "optType": "", "expTime": "", "listTime": "1597026383085"}
    if kind == "SPOT":
        return told | {"baseCcy": fact.base, "quoteCcy": fact.quote}
    inverse = fact.quote == "USD"
    told |= {"settleCcy": fact.base if inverse else fact.quote, "ctMult": "1"}
    if match[4]:
        told["expTime"] = str(int(_expiry(match[4]).timestamp()) * 1000)
    if match[6]:
        return told | {"ctVal": "1", "ctMult": "0.01", "ctValCcy": fact.base, "stk": match[5], "optType": match[6]}
    told |= {"ctVal": "100" if inverse else "0.01", "ctValCcy": fact.quote if inverse else fact.base}
    return told | {"ctType": "inverse" if inverse else "linear"}
