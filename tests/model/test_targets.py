"""Targets, as a user types them."""

import pytest

from feedtape.errors import UsageError
from feedtape.model.targets import Target


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("binance:BTCUSDT", ("binance", "BTCUSDT", "")),
        ("Binance-USDM:btcusdt", ("binance-usdm", "btcusdt", "")),
        ("kraken:BTC/USD", ("kraken", "BTC/USD", "")),
        ("hyperliquid:xyz:GOLD", ("hyperliquid", "xyz:GOLD", "")),
        ("binance:BTCUSDT@depth@100ms", ("binance", "BTCUSDT", "depth@100ms")),
        ("binance:币安人生USDT", ("binance", "币安人生USDT", "")),
    ],
)
def test_a_target_is_split_at_the_first_colon_and_the_first_at_sign(text: str, parts: tuple[str, str, str]) -> None:
    assert Target.parse(text) == Target(*parts)


@pytest.mark.parametrize("text", ["binance:BTCUSDT", "deribit:BTC-PERPETUAL", "binance:BTCUSDT@depth@100ms"])
def test_a_target_reads_back_what_it_writes(text: str) -> None:
    assert str(Target.parse(text)) == text


@pytest.mark.parametrize("text", ["", ":", "BTCUSDT", "binance", "binance:", ":BTCUSDT", "binance:@depth"])
def test_a_target_without_venue_or_symbol_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Target.parse(text)
    assert repr(text) in str(refusal.value)
    assert refusal.value.hint and refusal.value.exit_status == 2
