"""The view across venues: what it looks like, what goes where it is narrow, and that what does not count does not look as if."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.ui.draw.across import across
from feedtape.ui.draw.rows import text_of, width
from feedtape.ui.picture import BookPicture
from ui.across_stage import FAR, NEAR, book, deep, perpetual, picture, spot


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


GOOD = book("a:1", ("99", "1"), ("101", "2"), spot())
BETTER = book("b:1", ("102", "5"), ("103", "1"), spot())


@pytest.mark.parametrize(
    "unfit",
    [
        replace(BETTER, is_live=False),  # with levels that no picture of it has: they must not be shown even so
        replace(BETTER, word="stale 0.1 s", grade="warn"),
        replace(BETTER, bids=[("104", "5")], is_crossed=True),
    ],
)
def test_what_is_not_the_present_never_looks_the_best(unfit: BookPicture) -> None:
    text = said(across(picture(GOOD, unfit), 120, 40))
    assert "CROSSED" not in text and "►99" in text and "►102" not in text
    assert unfit.is_live or "102" not in text


def test_all_that_are_as_good_are_marked_and_the_widest_crossing_is_told() -> None:
    rows = said(
        across(picture(GOOD, replace(GOOD, target="c:1"), BETTER, replace(BETTER, target="d:1", bids=[("105", "1")])), 160, 40)
    )
    assert rows.count("101◄") == 2
    assert "CROSSED by 4 (388.35 bps) × 1 BTC: bid 105 d:1 ≥ ask 101 a:1, and 4 more" in rows


def test_nothing_is_said_of_nothing() -> None:
    assert said(across(picture(), 20, 5)) == "no books\n"


@settings(max_examples=40)
@given(st.integers(1, 130), st.integers(1, 20))
def test_every_row_has_the_width(columns: int, height: int) -> None:
    rows = across(MARKET, columns, height)
    assert 0 < len(rows) <= height and {width(row) for row in rows} == {columns}


COSTS = """\
  venue         state          bid size    bid     ask  ask size     bps  latency    buy 2  buy bps  sell 2  sell bps  sell left
BTC/USDT  best 99.5 × 100.0  50.13 bps
  a:1           live                  1   99.0  100.0◄       1    100.50        -  102.000  +251.26  98.500   +100.50
  b:1           live                  1  ►99.5  101.0        1.5  149.63        -  101.250   +99.75  99.500    +74.81          1
  all together  2 venues used                                                      100.500   +75.19  99.250    +50.13
"""


def test_what_a_size_costs_on_each_venue_and_on_all_of_them() -> None:
    assert said(across(picture(NEAR, FAR), 140, 40, Decimal(2))) == COSTS


def test_on_a_narrow_screen_the_cost_stays_and_the_rest_goes_in_its_order() -> None:
    for columns, gone in ((140, "venues"), (100, "latency"), (92, "bps"), (80, "bid size"), (50, "ask")):
        rows = across(picture(NEAR, FAR), columns, 40, Decimal(2))
        head = text_of(rows[0])
        assert "buy 2" in head and "sell 2" in head and "sell left" in head and {width(row) for row in rows} == {columns}
        assert gone not in re.split(" {2,}", head)
    assert "102.000" in text_of(rows[2]) and text_of(rows[3]).rstrip().endswith("1")


def test_a_size_has_no_cost_where_it_is_not_known_or_not_the_present() -> None:
    unknown, lost = replace(FAR, instrument=None), replace(NEAR, target="c:1", is_live=False, bids=[], asks=[])
    text = said(across(picture(NEAR, unknown, replace(FAR, target="d:1", word="stale 3.0 s"), lost), 160, 40, Decimal(1)))
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert "100.000" in lines["a:1"] and "?" in lines["b:1"] and "all together" not in text
    assert "101.000" not in text and lines["c:1"].count("-") > 6


def test_what_the_picture_does_not_hold_is_not_said_to_be_all() -> None:
    shallow = deep("b:1", [("99.5", "1")], [("101", "0.5")], more=5)
    rows = said(across(picture(NEAR, shallow), 160, 40, Decimal(4)))
    assert "≤3.5" in rows and "≤102" in rows.splitlines()[-1]


@settings(max_examples=40)
@given(st.integers(1, 150), st.integers(1, 20), st.decimals("0.001", 10**6, places=3))
def test_every_row_has_the_width_with_costs_too(columns: int, height: int, size: Decimal) -> None:
    rows = across(MARKET, columns, height, size)
    assert 0 < len(rows) <= height and {width(row) for row in rows} == {columns}
