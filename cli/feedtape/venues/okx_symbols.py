"""What the names of OKX's instruments tell: their kind, their family, and an option's terms.

`BTC-USDT` is spot, `BTC-USDT-SWAP` a perpetual, `BTC-USDT-260925` a dated contract and `BTC-USD-260925-100000-C` an option;
`BTC-USD_UM` is a family of the same underlying that is settled otherwise.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

SPOT: Final = "SPOT"
SWAP: Final = "SWAP"
FUTURES: Final = "FUTURES"
OPTION: Final = "OPTION"
"""Kinds of instruments, in the venue's words."""

_SHAPE: Final = re.compile(r"[A-Z0-9]{1,30}-[A-Z0-9_]{1,30}(?:-(?:(SWAP)|[A-Z0-9]{6,7}(?:-([0-9.]{1,20})-[CP])?))?", re.ASCII)
_OPTION: Final = re.compile(r"[A-Z0-9]{1,30}-[A-Z0-9_]{1,30}-([0-9]{6})-([0-9]{1,12}(?:\.[0-9]{1,8})?)-([CP])", re.ASCII)
_EXPIRY_HOUR: Final = 8
"""Contracts expire at 08:00 UTC."""


class Terms(NamedTuple):
    """What the name of an option says: expiry in ns since 1970."""

    option: Literal["call", "put"] | None
    strike: str | None
    expiry: int | None


@lru_cache(maxsize=8192)
def terms(symbol: str) -> Terms:
    """Read an option's terms in its name."""
    match = _OPTION.fullmatch(symbol)
    if match is None:
        return Terms(None, None, None)
    try:
        day = datetime.strptime(match[1], "%y%m%d").replace(hour=_EXPIRY_HOUR, tzinfo=UTC)
    except ValueError:
        return Terms(None, None, None)
    return Terms("call" if match[3] == "C" else "put", match[2], int(day.timestamp()) * 10**9)


def is_symbol(text: str) -> bool:
    """Tell whether a text has the shape of the venue's own names."""
    return _SHAPE.fullmatch(text) is not None


@lru_cache(maxsize=8192)
def kind_of(symbol: str) -> str:
    """Return the kind of an instrument by its name; what looks like nothing else is spot."""
    match = _SHAPE.fullmatch(symbol)
    if match is None or symbol.count("-") == 1:
        return SPOT
    return SWAP if match[1] else OPTION if match[2] else FUTURES


def family_of(symbol: str) -> str:
    """Return the family of a derivative (`BTC-USD_UM`)."""
    return "-".join(symbol.split("-", 2)[:2])


def index_of(symbol: str) -> str:
    """Return the index that a derivative follows (`BTC-USD`)."""
    return family_of(symbol).partition("_")[0]
