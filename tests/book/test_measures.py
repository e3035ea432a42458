"""Measures against naive ones in fractions."""

from decimal import Decimal
from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.book.measures import (
    BASE,
    BookSide,
    Cost,
    Unit,
    cost,
    finest,
    grouped,
    imbalance,
    microprice,
    mid,
    spread,
    spread_bps,
    steps,
    tick,
    unit,
    within,
)
from feedtape.model.events import Side
from feedtape.model.instruments import Instrument

Level = tuple[str, str]
HUGE = 10**30 - 1


def decimals(least: int, most: int, places: int) -> st.SearchStrategy[str]:
    return st.integers(least * 10**places, most * 10**places).map(lambda number: f"{Decimal(number).scaleb(-places):f}")


def sides(*, reverse: bool, least: int = -50) -> st.SearchStrategy[list[Level]]:
    prices = st.one_of(decimals(least, 50, 2), decimals(least, 50, 0), decimals(10**9, 10**9 + 9, 18))
    sizes = st.one_of(st.sampled_from(["1", "0.1", "2.50", "0.000000000000000001"]), decimals(HUGE - 9, HUGE, 18))
    levels = st.lists(st.tuples(prices, sizes), max_size=6, unique_by=lambda level: Fraction(level[0]))
    return levels.map(lambda some: sorted(some, key=lambda level: Fraction(level[0]), reverse=reverse))


bids_, asks_ = sides(reverse=True), sides(reverse=False)
bid_or_ask: st.SearchStrategy[BookSide] = st.sampled_from(["bid", "ask"])
buy_or_sell: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])


def near(value: Decimal | None, truth: Fraction | None) -> bool:
    """Whether a rounded value is the truth to 32 digits, or neither is there."""
    if value is None or truth is None:
        return value is None and truth is None
    return abs(Fraction(value) - truth) <= abs(truth) / 10**32


@settings(max_examples=30)
@given(bids_, asks_, st.integers(1, 9))
def test_what_lies_between_the_sides(bids: list[Level], asks: list[Level], depth: int) -> None:
    if not bids or not asks:
        assert {f(bids, asks) for f in (mid, spread, spread_bps, microprice)} == {None}
        assert imbalance(bids, asks, depth) is None
        return
    (bid, bid_size), (ask, ask_size) = ([*map(Fraction, side[0])] for side in (bids, asks))
    middle, width = mid(bids, asks), spread(bids, asks)
    assert middle is not None and Fraction(middle) == (bid + ask) / 2
    assert width is not None and Fraction(width) == ask - bid
    assert near(spread_bps(bids, asks), (ask - bid) / (bid + ask) * 20_000 if bid + ask > 0 else None)
    assert near(microprice(bids, asks), (bid * ask_size + ask * bid_size) / (bid_size + ask_size))
    bought, sold = (sum(Fraction(size) for _, size in side[:depth]) for side in (bids, asks))
    assert near(imbalance(bids, asks, depth), Fraction(bought, bought + sold))


def naive_cost(levels: list[Level], size: Fraction, unit: Unit) -> tuple[Fraction, Fraction, Fraction]:
    """The size filled, what is paid for it, and the last price."""
    left, paid, last = size, Fraction(0), Fraction(0)
    for price, amount in ((Fraction(price), Fraction(amount) * Fraction(unit.worth)) for price, amount in levels):
        if unit.is_inverse and price <= 0:
            continue
        taken = min(left, amount / price if unit.is_inverse else amount)
        if not taken:
            break
        left, paid, last = left - taken, paid + taken * price, price
    return size - left, paid, last


@settings(max_examples=30)
@given(
    bids_,
    asks_,
    buy_or_sell,
    decimals(0, 5, 1),
    st.sampled_from([BASE, Unit(Decimal("0.01")), Unit(Decimal(100), is_inverse=True)]),
)
def test_the_cost_of_an_order(bids: list[Level], asks: list[Level], side: Side, size: str, unit: Unit) -> None:
    found = cost(bids, asks, side, Decimal(size), unit)
    filled, paid, worst = naive_cost(asks if side == "buy" else bids, Fraction(size), unit)
    if not filled:
        assert found is None
        return
    assert found is not None
    assert near(found.filled, filled) and near(found.average, paid / filled)
    assert found.worst == worst and found.complete == (filled == Fraction(size))
    assert unit.is_inverse or (Fraction(found.filled), Fraction(found.paid)) == (filled, paid)
    middle = mid(bids, asks)
    if middle is None or middle <= 0:
        assert found.slippage_bps is None
    else:
        worse = (Fraction(found.average) - Fraction(middle)) * (1 if side == "buy" else -1)
        assert near(found.slippage_bps, worse / Fraction(middle) * 10_000)


def test_an_order_walks_the_book() -> None:
    bids, asks = [("99", "1")], [("101", "1"), ("102", "2"), ("110", "5")]
    found = cost(bids, asks, "buy", Decimal(2))
    assert found == Cost(Decimal(2), Decimal(203), Decimal("101.5"), Decimal(102), Decimal(150), complete=True)
    sold = cost(bids, asks, "sell", Decimal(2))
    assert sold == Cost(Decimal(1), Decimal(99), Decimal(99), Decimal(99), Decimal(100), complete=False)
    # 100 contracts of 1 USD at 100 are one coin, and 100 more at 50 are two: three coins for 200.
    inverse = cost([("100", "100"), ("50", "100")], [], "sell", Decimal(3), Unit(Decimal(1), is_inverse=True))
    assert inverse is not None and inverse.paid == 200 and inverse.complete and inverse.slippage_bps is None
    assert near(inverse.average, Fraction(200, 3))


@settings(max_examples=30)
@given(bids_, asks_, bid_or_ask, decimals(-50, 50, 2))
def test_the_depth_within_a_price(bids: list[Level], asks: list[Level], side: BookSide, price: str) -> None:
    levels = bids if side == "bid" else asks
    found = within(levels, Decimal(price), side)
    sign = 1 if side == "bid" else -1
    counted = [(Fraction(at), Fraction(size)) for at, size in levels if sign * Fraction(at) >= sign * Fraction(price)]
    if not levels:
        assert found is None
    else:
        assert found is not None and Fraction(found.size) == sum(size for _, size in counted)
        assert Fraction(found.notional) == sum(at * size for at, size in counted)


@settings(max_examples=30)
@given(bids_, asks_, bid_or_ask, st.sampled_from(["0.01", "0.05", "0.25", "0.5", "1", "2", "100", "3"]))
def test_groups_hold_all_and_promise_nothing_better(bids: list[Level], asks: list[Level], side: BookSide, step: str) -> None:
    levels = bids if side == "bid" else asks
    naive: dict[Fraction, Fraction] = {}
    for price, size in levels:
        ratio = Fraction(price) / Fraction(step)
        at = (ratio.__floor__() if side == "bid" else ratio.__ceil__()) * Fraction(step)
        naive[at] = naive.get(at, Fraction(0)) + Fraction(size)
    found = grouped(levels, step, side)
    assert [(Fraction(price), Fraction(size)) for price, size in found] == [*naive.items()]
    assert all(len(price.partition(".")[2]) == len(step.partition(".")[2]) and price.strip("0.") != "-" for price, _ in found)


def test_groups_are_written_as_the_step_is() -> None:
    asks = [("-0.30", "0.50"), ("-0.0", "1.00"), ("0.10", "0.25"), ("0.55", "1"), ("1e1", "1e-7")]
    assert grouped(asks, "0.5", "ask") == [("0.0", "1.50"), ("0.5", "0.25"), ("1.0", "1"), ("10.0", "0.0000001")]
    assert grouped([("-0.30", "1"), ("-0.5", "2")], "0.5", "bid") == [("-0.5", "3")]


def test_steps_and_ticks() -> None:
    assert [*islice(steps("0.10"), 7)] == ["0.1", "0.2", "0.5", "1", "2", "5", "10"]
    assert [*islice(steps("25"), 4)] == ["25", "50", "125", "250"]
    assert finest([("61000.10", "1")], [("61000.25000", "1")]) == "0.01"
    assert (finest([("100", "1")]), finest([("5e-05", "1")]), finest([], [])) == ("1", "0.00001", None)
    quarter = Instrument(symbol="X", kind="spot", tick="0.2500")
    assert tick(quarter, [("1.5", "1")]) == "0.25"
    # A step of zero tells nothing.
    assert tick(Instrument(symbol="X", kind="spot", tick="0"), [("1.5", "1")]) == tick(None, [("1.5", "1")]) == "0.1"


@pytest.mark.parametrize(
    ("kind", "quote", "settle", "multiplier", "expected"),
    [
        ("spot", "USDT", None, None, BASE),
        ("perpetual", "USDT", "USDT", None, BASE),
        ("perpetual", "USDT", "USDT", "0.01", Unit(Decimal("0.01"))),
        ("perpetual", "USD", "XBT", "100", Unit(Decimal(100), is_inverse=True)),
        ("future", "USD", "BTC", None, None),  # of so many dollars, and nobody told how many
        ("option", "USD", "BTC", "0.1", Unit(Decimal("0.1"))),
        ("perpetual", "USD", "ETH", "1", None),  # quanto
        ("perpetual", "USDT", "USDT", "0", None),
        ("future_combo", "USD", "BTC", "1", None),
    ],
)
def test_what_a_size_stands_for(kind: str, quote: str, settle: str | None, multiplier: str | None, expected: Unit | None) -> None:
    assert unit(Instrument(symbol="X", kind=kind, base="BTC", quote=quote, settle=settle, multiplier=multiplier)) == expected


def test_of_an_unknown_symbol_no_unit_is_known() -> None:
    assert unit(None) is None and unit(Instrument(symbol="X", kind="spot")) is None
