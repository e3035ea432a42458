"""Which options a chain is: families, expiries, what is left out and said to be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedtape.errors import UsageError
from feedtape.feed.chain import Chain, book_of, check_options, family_of, options_of
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues import registry

NOW = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()) * 10**9


def option(
    symbol: str, day: str, strike: str, side: str, *, quote: str = "USD", settle: str = "BTC", base: str = "BTC"
) -> Instrument:
    end = int(datetime.strptime(day, "%y%m%d").replace(hour=8, tzinfo=UTC).timestamp()) * 10**9
    terms = {"strike": strike, "option": side, "expiry": end}
    return Instrument(symbol=symbol, kind="option", base=base, quote=quote, settle=settle, trading=True, **terms)  # type: ignore[arg-type]


DERIBIT = [
    option("BTC-26MAR27-60000-C", "270326", "60000.0", "call"),
    option("BTC-25DEC26-100000-C", "261225", "100000.0", "call"),
    option("BTC-25DEC26-60000-P", "261225", "60000.0", "put"),
    option("BTC-25DEC26-60000-C", "261225", "60000.0", "call"),
    option("BTC-4DEC26-60000-C", "261204", "60000.0", "call"),
    option("BTC-20NOV26-60000-C", "261120", "60000.0", "call"),
    option("BTC_USDC-4DEC26-60000-C", "261204", "60000.0", "call", quote="USDC", settle="USDC"),
    option("SOL_USDC-4DEC26-120d5-C", "261204", "120.5", "call", base="SOL", quote="USDC", settle="USDC"),
    Instrument(symbol="BTC-PERPETUAL", kind="perpetual", base="BTC", quote="USD", settle="BTC", trading=True),
]
BYBIT = [
    option("BTC-25DEC26-60000-C-USDT", "261225", "60000", "call", quote="USDT", settle="USDT"),
    option("BTC-25DEC26-60000-P-USDT", "261225", "60000", "put", quote="USDT", settle="USDT"),
    option("BTC-25DEC26-60000-C", "261225", "60000", "call", settle="USDC"),
]


def found(word: str, listed: list[Instrument], expiries: int = 0) -> tuple[list[str], list[str]]:
    target, said = Target.parse(word), list[str]()
    chosen = options_of(registry.venue(target.venue), [target], listed, Chain(expiries), NOW, said.append)
    return [one.symbol for one in chosen], said


@pytest.mark.parametrize("name", ["BTC", "btc", "BTC/USD", "BTC-USD", "BTC/USD:BTC", "BTC-*"])
def test_an_underlying_by_any_of_its_names_is_all_that_is_traded_by_expiry_and_strike(name: str) -> None:
    symbols, said = found(f"deribit:{name}", DERIBIT)
    assert symbols == [
        "BTC-4DEC26-60000-C",
        "BTC-25DEC26-60000-C",
        "BTC-25DEC26-60000-P",
        "BTC-25DEC26-100000-C",
        "BTC-26MAR27-60000-C",
    ]
    assert said == [f"deribit:{name}: 5 options, expiring 04 Dec 26, 25 Dec 26, 26 Mar 27".replace(":", ": ", 1)]


def test_the_nearest_expiries_and_the_others_are_said_to_be_left_out() -> None:
    symbols, said = found("deribit:BTC", DERIBIT, 2)
    assert len(symbols) == 4 and symbols[-1] == "BTC-25DEC26-100000-C"
    what = "4 of 5 options, the 2 nearest of 3 expiries (04 Dec 26, 25 Dec 26); --expiries 0 for all"
    assert said == [f"deribit: BTC: {what}"]


def test_families_are_never_mixed() -> None:
    assert found("deribit:BTC_USDC", DERIBIT)[0] == ["BTC_USDC-4DEC26-60000-C"]
    assert found("deribit:SOL", DERIBIT)[0] == ["SOL_USDC-4DEC26-120d5-C"]
    symbols, said = found("bybit-option:BTC", BYBIT)
    assert symbols == ["BTC-25DEC26-60000-C-USDT", "BTC-25DEC26-60000-P-USDT"]
    assert said[0] == "bybit-option: BTC is BTC/USDT:USDT (2 options); there are also BTC/USD:USDC (1)"
    assert found("bybit-option:BTC/USD:USDC", BYBIT)[0] == ["BTC-25DEC26-60000-C"]


@pytest.mark.parametrize("name", ["XYZ", "BTC-PERPETUAL", "BTC-25DEC26", "ETH-*"])
def test_what_has_no_options_is_refused_with_what_has(name: str) -> None:
    with pytest.raises(UsageError) as refusal:
        found(f"deribit:{name}", DERIBIT)
    assert "no options on" in str(refusal.value)
    assert refusal.value.hint == "there are options on BTC/USD:BTC, BTC/USDC:USDC, SOL/USDC:USDC"


def test_a_venue_without_options_is_refused() -> None:
    with pytest.raises(UsageError, match="kraken has no options") as refusal:
        check_options(registry.venue("kraken"))
    assert refusal.value.hint is not None
    having = refusal.value.hint.removeprefix("these do: ").split(", ")
    assert set(having) == {"binance-options", "bybit-option", "deribit", "okx"}
    for name in having:
        check_options(registry.venue(name))


def test_books_that_cost_a_request_each_are_not_asked_for() -> None:
    assert book_of(registry.venue("binance-options")) == "depth20@100ms"
    assert {book_of(registry.venue(name)) for name in ("deribit", "okx", "bybit-option")} == {""}
    listed = [option("BTC-261225-60000-C", "261225", "60000", "call", quote="USDT", settle="USDT")]
    venue = registry.venue("binance-options")
    for word, channel in (("BTC", "depth20@100ms"), ("BTCUSDT@depth@500ms", "depth@500ms")):
        target = Target.parse(f"binance-options:{word}")
        [one] = options_of(venue, [target], listed, Chain(), NOW, lambda text: None)
        assert one == Target("binance-options", "BTC-261225-60000-C", channel)


@pytest.mark.parametrize(
    ("symbol", "family"),
    [
        ("BTC-25DEC26-60000-C", "BTC"),
        ("DOGE_USDC-4OCT26-0d048-P", "DOGE_USDC"),
        ("BTC-USD_UM-261225-60000-C", "BTC-USD_UM"),
        ("BTC-25JUN27-60000-C-USDT", "BTC-USDT"),
        ("XRP-261219-2.05-P", "XRP"),
        ("BTC-PERPETUAL", None),
        ("BTC-25DEC26", None),
        ("BTC-USDT", None),
    ],
)
def test_the_family_is_what_a_name_says_besides_the_terms(symbol: str, family: str | None) -> None:
    assert family_of(symbol) == family
