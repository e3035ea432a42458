"""Instruments: the facts of a symbol, frozen into a tape so that it can be read years later."""

from typing import Any

import msgspec


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol is. `None` means that the venue did not say or that the fact does not apply.

    Attributes:
        kind: `spot`, `perpetual`, `future`, `option`, or the venue's own word for something else (a spread).
        settle: what a derivative is settled in; it tells the linear contract from the inverse one.
        tick: smallest price step; of several that depend on the price, the smallest.
        lot: smallest size step.
        multiplier: what one unit of size stands for (`100` USD for a Binance COIN-M BTC contract).
        expiry: ns since 1970.
        option: `call` or `put`.
        status: the venue's own word; `trading` tells whether it means that the symbol is traded now.
        alias: the symbol under which the venue sends what is asked for under this one, where it is another.
    """

    symbol: str
    kind: str
    base: str | None = None
    quote: str | None = None
    settle: str | None = None
    tick: str | None = None
    lot: str | None = None
    multiplier: str | None = None
    expiry: int | None = None
    strike: str | None = None
    option: str | None = None
    status: str | None = None
    trading: bool | None = None
    alias: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The facts that are known, as JSON values."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
