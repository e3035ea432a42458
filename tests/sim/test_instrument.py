"""Numbers are exact, and written as the venue writes them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from feedtape.errors import UsageError
from feedtape.sim import binance_symbols
from feedtape.sim.instrument import Instrument, decimal_text


@pytest.mark.parametrize(
    ("value", "digits", "width", "text"),
    [
        (6183763, 2, 8, "61837.63000000"),
        (618002, 1, 2, "61800.20"),
        (14, 3, 3, "0.014"),
        (0, 3, 3, "0.000"),
        (412, 0, 0, "412"),
        (7, 0, 8, "7.00000000"),
        (-729, 1, 1, "-72.9"),
        (-5, 2, 2, "-0.05"),
    ],
)
def test_decimal_text(value: int, digits: int, width: int, text: str) -> None:
    assert decimal_text(value, digits, width) == text
    assert Decimal(text) == Decimal(value).scaleb(-digits)


@pytest.mark.parametrize(
    ("make", "symbol", "tick", "lot"),
    [
        (binance_symbols.spot, "BTCUSDT", "0.01000000", "0.00001000"),
        (binance_symbols.usdm, "BTCUSDT", "0.10", "0.001"),
        (binance_symbols.coinm, "BTCUSD_PERP", "0.1", "1"),
    ],
)
def test_ticks_and_lots(make: Callable[[str], Instrument], symbol: str, tick: str, lot: str) -> None:
    fact = make(symbol)
    assert (fact.tick, fact.lot) == (tick, lot)


def test_symbols_of_the_venue_only() -> None:
    assert binance_symbols.usdm("ETHUSDT_261225").contract_type == "CURRENT_QUARTER"
    assert binance_symbols.spot("币安人生USDT").base == "币安人生"
    for symbol in ("BTC-USDT", "USDT", "", "../BTCUSDT"):
        with pytest.raises(UsageError):
            binance_symbols.spot(symbol)
