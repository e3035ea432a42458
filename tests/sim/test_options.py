"""The simulated model: prices, volatilities and greeks that fit together, and chains that every dialect lists."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedtape.errors import UsageError
from feedtape.sim.dialect import load_dialect
from feedtape.sim.options import chain, model

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize("strike", [40_000, 61_800, 100_000])
@pytest.mark.parametrize("steps", [0, 55])
def test_a_call_and_a_put_of_one_strike_fit_together(strike: int, steps: int) -> None:
    call, put = (model(f"BTC-25DEC26-{strike}-{right}", steps) for right in "CP")
    assert call.price - put.price == pytest.approx(call.forward - strike)
    assert call.delta - put.delta == pytest.approx(1) and call.iv == put.iv and call.gamma == put.gamma
    assert call.bid_iv < call.iv < call.ask_iv and call.vega > 0 > call.theta


def test_greeks_are_the_slopes_of_the_price() -> None:
    low, middle, high = (model(f"BTC-25DEC26-{strike}-C") for strike in (59_990, 60_000, 60_010))
    assert low.price > middle.price > high.price
    # The second derivative by the strike is a density; delta is a probability, near enough.
    assert 0.5 < middle.delta < 0.7 and (low.price - high.price) / 20 == pytest.approx(middle.delta, abs=0.15)


def test_volatility_smiles_and_the_forward_wanders_for_all_alike() -> None:
    wings = [model(f"BTC-25DEC26-{strike}-C").iv for strike in (30_000, 62_000, 130_000)]
    assert wings[0] > wings[1] < wings[2]
    assert (
        model("BTC-25DEC26-60000-C", 50).forward == model("BTC-USD-270326-50000-P", 50).forward != model("BTC-261225-1-C").forward
    )


@pytest.mark.parametrize("venue", ["deribit", "okx", "bybit-option", "binance-options"])
def test_a_dialect_lists_its_chain_and_begins_near_the_models_price(venue: str) -> None:
    symbols, dialect = chain(venue, "ETH", NOW), load_dialect(venue)
    assert len(symbols) == len(set(symbols)) == 42
    for symbol in symbols:
        fact, told = dialect.instrument(symbol), model(symbol)
        price = told.price / told.forward if venue in ("deribit", "okx") else told.price
        assert float(fact.price(fact.shape.mid)) == pytest.approx(price, abs=6 * float(fact.tick))


@pytest.mark.parametrize("symbol", ["BTC-31FEB27-60000-C", "BTC-25DEC26-0-C", "BTC-PERPETUAL"])
def test_what_cannot_be_is_not_listed(symbol: str) -> None:
    with pytest.raises(UsageError, match="could not list"):
        model(symbol)


@pytest.mark.parametrize("name", ["ETH", "eth", "ETH-USD", "ETHUSDT", "ETH/USD:ETH", "ETH_USDC"])
def test_an_underlying_by_any_of_its_names(name: str) -> None:
    assert chain("okx", name, NOW) == chain("okx", "ETH", NOW)


def test_who_has_no_options_is_refused() -> None:
    with pytest.raises(UsageError, match="no options on '/'"):
        chain("okx", "/", NOW)
    with pytest.raises(UsageError, match="no options"):
        chain("kraken", "BTC", NOW)
