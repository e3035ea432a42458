"""The unified spelling of instruments, one for all venues, as traders' libraries write it.

BTC/USDT                          spot
BTC/USDT:USDT                     perpetual, and what it is settled in
BTC/USD:BTC-260925                future, and the day on which it ends
BTC/USD:BTC-260925-100000-C       option, its strike, call or put
"""

from datetime import UTC, datetime
from typing import Final

from feedtape.model.decimals import canonical
from feedtape.model.instruments import Instrument

_CODES: Final = {"XBT": "BTC", "XDG": "DOGE"}
"""Codes that some venues write for coins that have another one everywhere else."""


def code(name: str) -> str:
    """Return a currency's usual code."""
    return _CODES.get(name.upper(), name.upper())


def unified(instrument: Instrument) -> str | None:
    """Return the unified spelling; None where too little is known for it to mean one thing."""
    if not instrument.base or not instrument.quote:
        return None
    pair = f"{code(instrument.base)}/{code(instrument.quote)}"
    if instrument.kind == "spot":
        return pair
    if not instrument.settle:
        return None
    contract = f"{pair}:{code(instrument.settle)}"
    if instrument.kind == "perpetual":
        return contract
    if instrument.expiry is None:
        return None
    dated = f"{contract}-{datetime.fromtimestamp(instrument.expiry // 10**9, UTC):%y%m%d}"
    if instrument.kind == "future":
        return dated
    if instrument.kind != "option" or instrument.strike is None or instrument.option is None:
        return None
    return f"{dated}-{canonical(instrument.strike)}-{instrument.option[0].upper()}"
