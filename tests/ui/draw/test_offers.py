"""The books of one instrument: what is compared with what, and what must never be."""

from dataclasses import replace
from decimal import Decimal

import pytest

from feedtape.model.instruments import Instrument
from feedtape.ui.draw.offers import Group, groups
from feedtape.ui.picture import BookPicture
from ui.across_stage import DAY, book, perpetual, picture, spot

GOOD = book("a:1", ("99", "1"), ("101", "2"), spot())
BETTER = book("b:1", ("102", "5"), ("103", "1"), spot())


def best(group: Group) -> tuple[str | None, str | None]:
    bid, ask = (None if one is None else one.book.target for one in (group.best_bid, group.best_ask))
    return bid, ask


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


def test_contracts_are_turned_into_coins() -> None:
    linear = book("a:1", ("100", "7"), ("101", "3"), perpetual("USD", "USD", "0.01"))
    inverse = book("b:1", ("100", "500"), ("102", "510"), perpetual("USD", "BTC", "1"))
    (group,) = groups(picture(linear, inverse))
    assert [(one.bid_size, one.ask_size) for one in group.offers] == [(Decimal("0.07"), Decimal("0.03")), (5, 5)]
