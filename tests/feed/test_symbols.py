"""Targets against a list of instruments: patterns, spellings, and what is never guessed."""

import pytest

from feedtape.errors import UsageError
from feedtape.feed.symbols import fitting, resolved
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import unified
from feedtape.model.targets import Target

DAY = 1_790_323_200 * 10**9
"""2026-09-25T08:00Z."""
LISTED = [
    Instrument(symbol="BTC-USDT", kind="spot", base="BTC", quote="USDT", trading=True),
    Instrument(symbol="BTC-USDT-SWAP", kind="perpetual", base="BTC", quote="USDT", settle="USDT", trading=True),
    Instrument(symbol="BTC-USD-SWAP", kind="perpetual", base="XBT", quote="USD", settle="XBT", trading=True),
    Instrument(symbol="BTC-USD-260925", kind="future", base="BTC", quote="USD", settle="BTC", expiry=DAY),
    Instrument(
        symbol="BTC-USD-260925-100000-C",
        kind="option",
        base="BTC",
        quote="USD",
        settle="BTC",
        expiry=DAY,
        strike="100000.0",
        option="call",
    ),
    Instrument(symbol="ETH-USDT-SWAP", kind="perpetual", base="ETH", quote="USDT", settle="USDT", trading=True),
    Instrument(symbol="OLD-USDT-SWAP", kind="perpetual", base="OLD", quote="USDT", settle="USDT", trading=False),
    Instrument(symbol="kPEPE", kind="perpetual", base="kPEPE", quote="USD", settle="USDC"),
    Instrument(symbol="BTC-USDC", kind="spot", base="BTC", quote="USDC", alias="BTC-USD"),
    Instrument(symbol="TWIN-1", kind="perpetual", base="TWN", quote="USD", settle="USD"),
    Instrument(symbol="TWIN-2", kind="perpetual", base="TWN", quote="USD", settle="USD"),
    Instrument(symbol="A-B", kind="spread"),
]


def found(*symbols: str, said: list[str] | None = None) -> list[str]:
    targets = [Target("v", symbol) for symbol in symbols]
    return [target.symbol for target in resolved(targets, LISTED, (said if said is not None else []).append)]


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("BTC-USDT", "BTC-USDT"),
        ("btc-usdt", "BTC-USDT"),
        ("kpepe", "kPEPE"),
        ("BTC/USDT", "BTC-USDT"),
        ("btc/usdt:usdt", "BTC-USDT-SWAP"),
        ("BTC/USD:BTC", "BTC-USD-SWAP"),
        ("BTC/USD:BTC-260925", "BTC-USD-260925"),
        ("BTC/USD:BTC-260925-100000-C", "BTC-USD-260925-100000-C"),
    ],
)
def test_a_symbol_is_the_venues_own_or_in_the_unified_spelling(spelling: str, symbol: str) -> None:
    assert found(spelling) == [symbol]


def test_what_is_too_little_known_has_no_unified_spelling() -> None:
    assert [unified(one) for one in LISTED[-1:]] == [None]
    assert unified(Instrument(symbol="X", kind="perpetual", base="A", quote="B")) is None
    assert unified(Instrument(symbol="X", kind="option", base="A", quote="B", settle="B", expiry=DAY)) is None


@pytest.mark.parametrize(
    ("spelling", "message", "hint"),
    [
        ("BTC/USD", "no 'BTC/USD'", "there are BTC-USD-SWAP (BTC/USD:BTC), BTC-USD-260925 (BTC/USD:BTC-260925)"),
        ("BTC/USDT:BTC", "no 'BTC/USDT:BTC'", "there are BTC-USDT (BTC/USDT), BTC-USDT-SWAP (BTC/USDT:USDT)"),
        ("TWN/USD:USD", "could be any of several", "there are TWIN-1 (TWN/USD:USD), TWIN-2 (TWN/USD:USD)"),
        ("BTC-USDTT", "no symbol 'BTC-USDTT'", "did you mean BTC-USDT or"),
        ("ZZZ", "no symbol 'ZZZ'", "feedtape symbols v"),
        ("*-EUR", "trades nothing that fits '*-EUR'", "feedtape symbols v"),
    ],
)
def test_nothing_is_guessed(spelling: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as refusal:
        found(spelling)
    assert message in str(refusal.value) and refusal.value.hint is not None and hint in refusal.value.hint


def test_a_pattern_is_all_that_are_traded_and_fit_it_each_once() -> None:
    assert found("*-usdt-swap", "BTC-USDT-SWAP") == ["BTC-USDT-SWAP", "ETH-USDT-SWAP"]
    assert found("*/USDT:USDT") == ["BTC-USDT-SWAP", "ETH-USDT-SWAP"]
    assert [one.symbol for one in fitting("OLD*", LISTED)] == ["OLD-USDT-SWAP"]
    assert found("OLD-USDT-SWAP") == ["OLD-USDT-SWAP"], "one that is named is meant, traded or not"


def test_another_name_is_followed_and_said() -> None:
    said: list[str] = []
    assert found("BTC-USDC", said=said) == ["BTC-USD"]
    assert said == ["v: BTC-USDC is another name of BTC-USD, and comes under that"]
