"""The view across venues: what is compared with what, and what must never be."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.book.keeper import Counters
from feedtape.model.instruments import Instrument
from feedtape.ui.draw.across import Group, across, groups
from feedtape.ui.draw.rows import text_of, width
from feedtape.ui.picture import BookPicture, Picture

Level = tuple[str, str]
DAY = 86_400 * 10**9


def spot(quote: str = "USDT", tick: str | None = None, base: str = "BTC") -> Instrument:
    return Instrument(symbol="X", kind="spot", base=base, quote=quote, tick=tick)


def perpetual(quote: str, settle: str, multiplier: str | None = None) -> Instrument:
    return Instrument(symbol="X", kind="perpetual", base="BTC", quote=quote, settle=settle, multiplier=multiplier, tick="0.5")


def book(target: str, bid: Level | None, ask: Level | None, instrument: Instrument | None = None) -> BookPicture:
    return BookPicture(
        target=target,
        word="live",
        grade="good",
        is_live=True,
        proof="sequence",
        reason="",
        bids=[bid] if bid else [],
        asks=[ask] if ask else [],
        levels=(1, 1),
        sequence=1,
        counters=Counters(),
        last_recv=0,
        per_s=None,
        age_ns=None,
        instrument=instrument,
        quote=None,
        derivative=None,
        option=None,
        trade=None,
        trade_count=0,
    )


def picture(*books: BookPicture) -> Picture:
    return Picture(0, {one.target: one for one in books}, 0, 0, None, 0, 0, 0, 0, 0, 0, 0, [], None)


def best(group: Group) -> tuple[str | None, str | None]:
    bid, ask = (None if one is None else one.book.target for one in (group.best_bid, group.best_ask))
    return bid, ask


def broken(one: BookPicture) -> BookPicture:
    return replace(one, word="broken: gap", grade="bad", is_live=False)


MARKET = picture(
    replace(
        book("binance:BTCUSDT", ("65000.10000000", "1.20"), ("65000.20000000", "0.5"), spot(tick="0.01000000")), age_ns=38_400_000
    ),
    book("okx:BTC-USDT", ("65001.5", "0.004"), ("65001.6", "12"), spot(tick="0.1")),
    replace(
        book("kraken:BTC/USD", ("65010", "1"), ("65010.1", "2"), spot("USD", "0.1", "XBT")),
        word="live, quiet 4.0 s",
        grade="warn",
    ),
    broken(book("coinbase:BTC-USD", None, None, spot("USD", "0.01"))),
    replace(book("bitmex:XBTUSD", ("65005", "12000"), ("65005.5", "100"), perpetual("USD", "XBT", "1")), age_ns=12 * 10**9),
    book("deribit:BTC-PERPETUAL", ("65004.5", "12000"), ("65006", "100"), perpetual("USD", "BTC")),
    replace(book("kraken-futures:PF_XBTUSD", ("65100", "1"), None, perpetual("USD", "USD")), word="stale 5.0 s", grade="warn"),
    book("what:EVER\x1b[31m", ("1e-5", "1"), ("2", "1")),
)

SCREEN = """\
  venue                     state                 bid size        bid        ask      ask size       bps  latency
BTC/USD  best 65010.0 × 65010.1  0.02 bps
  kraken:BTC/USD            live, quiet 4.0 s            1   ►65010.0   65010.1◄             2      0.02        -
  coinbase:BTC-USD          broken: gap                  -        -         -                -         -        -
BTC/USDT  best 65001.5 × 65000.20  -0.20 bps
CROSSED by 1.3 (0.20 bps) × 0.004 BTC: bid 65001.5 okx:BTC-USDT ≥ ask 65000.20 binance:BTCUSDT
  binance:BTCUSDT           live                     1.2     65000.10  65000.20◄           0.5      0.02    38 ms
  okx:BTC-USDT              live                     0.004  ►65001.5   65001.6            12        0.02        -
BTC/USD perpetual  best 65005.0 × 65005.5  0.08 bps
  bitmex:XBTUSD             live                   ≈0.1846   ►65005.0   65005.5◄    ≈0.0015383      0.08   12.0 s
  deribit:BTC-PERPETUAL     live               12000?         65004.5   65006.0   100?              0.23        -
  kraken-futures:PF_XBTUSD  stale 5.0 s             1         65100.0       -        -                 -        -
what:EVER\\x1b[31m  best 0.00001 × 2.00000  19999.80 bps
  what:EVER\\x1b[31m         live                        1?   ►0.00001   2.00000◄            1?  19999.80        -
"""


def said(rows: list[list[tuple[str, str]]]) -> str:
    return "".join(text_of(row).rstrip() + "\n" for row in rows)


def test_the_screen() -> None:
    assert said(across(MARKET, 120, 40)) == SCREEN


def test_a_narrow_screen_keeps_the_state_and_the_prices_and_says_what_it_leaves_out() -> None:
    assert (
        said(across(MARKET, 60, 6))
        == """\
  venue              state                    bid        ask
BTC/USD  best 65010.0 × 65010.1  0.02 bps
  kraken:BTC/USD     live, quiet 4.0 s   ►65010.0   65010.1◄
  coinbase:BTC-USD   broken: gap              -         -
BTC/USDT  best 65001.5 × 65000.20  -0.20 bps
CROSSED: 1 below, … 9 more lines
"""
    )


def test_states_and_sides_have_their_parts() -> None:
    rows = across(MARKET, 120, 40)
    parts = {text.strip(): part for row in rows for text, part in row}
    assert (parts["►65001.5"], parts["65000.20◄"], parts["65001.6"]) == ("bid", "ask", "")
    assert (parts["broken: gap"], parts["stale 5.0 s"], parts["65100.0"]) == ("bad", "warn", "dim")
    assert rows[5][0] == ("CROSSED", "warn")


def test_groups_stand_by_base_then_kind_then_quote() -> None:
    found = groups(
        picture(
            book("a:1", None, None, spot("USDT")),
            book("a:2", None, None, perpetual("USDT", "USDT")),
            book("a:3", None, None),
            book("a:4", None, None, spot("USD")),
            book("a:5", None, None, Instrument(symbol="X", kind="future", base="XBT", quote="USD", settle="XBT", expiry=DAY)),
            book("a:6", None, None, Instrument(symbol="Y", kind="future", base="BTC", quote="USD", settle="USD", expiry=DAY + 8)),
            book("a:7", None, None, spot("USD", base="AAVE")),
        )
    )
    assert [(one.name, [offer.book.target for offer in one.offers]) for one in found] == [
        ("AAVE/USD", ["a:7"]),
        ("BTC/USD", ["a:4"]),
        ("BTC/USDT", ["a:1"]),
        ("BTC/USDT perpetual", ["a:2"]),
        ("BTC/USD 1970-01-02", ["a:5", "a:6"]),
        ("a:3", ["a:3"]),
    ]


def test_options_are_the_same_only_where_they_are_settled_alike() -> None:
    coin = Instrument(
        symbol="X", kind="option", base="BTC", quote="USD", settle="BTC", expiry=DAY, strike="100000.0", option="call"
    )
    dollars = Instrument(
        symbol="X", kind="option", base="BTC", quote="USD", settle="USDC", expiry=DAY, strike="100000", option="call"
    )
    found = groups(picture(book("a:1", None, None, coin), book("b:1", None, None, dollars), book("c:1", None, None, coin)))
    assert [(one.name, len(one.offers)) for one in found] == [
        ("BTC/USD:BTC-700102-100000-C", 2),
        ("BTC/USD:USDC-700102-100000-C", 1),
    ]


GOOD = book("a:1", ("99", "1"), ("101", "2"), spot())
BETTER = book("b:1", ("102", "5"), ("103", "1"), spot())


def test_a_bid_above_another_venues_ask_is_crossed() -> None:
    (group,) = groups(picture(GOOD, BETTER))
    assert best(group) == ("b:1", "a:1")
    (crossing,) = group.crossings
    assert (crossing.bid.book.target, crossing.ask.book.target) == ("b:1", "a:1")
    assert (crossing.by, crossing.size) == (Decimal(1), Decimal(2))
    assert crossing.bps is not None and abs(crossing.bps - Decimal(10000) / Decimal("101.5")) < Decimal("1e-20")
    assert group.between == crossing.bps.copy_negate()
    # A bid at the ask is crossed, too, as it is within one book.
    (locked,) = groups(picture(GOOD, replace(BETTER, bids=[("101.00", "5")])))
    assert [one.by for one in locked.crossings] == [0] and locked.between == 0


@pytest.mark.parametrize(
    "unfit",
    [
        replace(BETTER, is_live=False),  # with levels that no picture of it has: they must not be shown even so
        replace(BETTER, word="stale 0.1 s", grade="warn"),
        replace(BETTER, bids=[("104", "5")], is_crossed=True),
    ],
)
def test_what_is_not_the_present_never_counts(unfit: BookPicture) -> None:
    (group,) = groups(picture(GOOD, unfit))
    assert best(group) == ("a:1", "a:1") and not group.crossings
    text = said(across(picture(GOOD, unfit), 120, 40))
    assert "CROSSED" not in text and "►99" in text and "►102" not in text
    assert unfit.is_live or "102" not in text


def test_all_that_are_as_good_are_marked_and_the_widest_crossing_is_told() -> None:
    rows = said(
        across(picture(GOOD, replace(GOOD, target="c:1"), BETTER, replace(BETTER, target="d:1", bids=[("105", "1")])), 160, 40)
    )
    assert rows.count("101◄") == 2
    assert "CROSSED by 4 (388.35 bps) × 1 BTC: bid 105 d:1 ≥ ask 101 a:1, and 4 more" in rows


def test_contracts_are_turned_into_coins() -> None:
    linear = book("a:1", ("100", "7"), ("101", "3"), perpetual("USD", "USD", "0.01"))
    inverse = book("b:1", ("100", "500"), ("102", "510"), perpetual("USD", "BTC", "1"))
    (group,) = groups(picture(linear, inverse))
    assert [(one.bid_size, one.ask_size) for one in group.offers] == [(Decimal("0.07"), Decimal("0.03")), (5, 5)]


def test_nothing_is_said_of_nothing() -> None:
    assert said(across(picture(), 20, 5)) == "no books\n"


@settings(max_examples=40)
@given(st.integers(1, 130), st.integers(1, 20))
def test_every_row_has_the_width(columns: int, height: int) -> None:
    rows = across(MARKET, columns, height)
    assert 0 < len(rows) <= height and {width(row) for row in rows} == {columns}
