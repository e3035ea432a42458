"""What a size costs on all venues together: the best of each, level by level, where it is known what all of it stands for."""

from dataclasses import replace
from decimal import Decimal

from feedtape.ui.draw.across_cost import price_of, together
from feedtape.ui.draw.offers import groups
from ui.across_stage import FAR, NEAR, deep, perpetual, picture


def test_together_each_level_is_taken_from_who_is_best() -> None:
    (group,) = groups(picture(NEAR, FAR))
    price = together(group, "buy", Decimal(2))
    # 1 at 100 of the one, 1 at 101 of the other: never the 104 of the first.
    assert price is not None and price.cost is not None
    assert (price.cost.average, price.cost.filled, price.venues, price.is_bound) == (Decimal("100.5"), Decimal(2), 2, False)
    price = together(group, "sell", Decimal("0.5"))
    assert price is not None and price.cost is not None and (price.cost.average, price.venues) == (Decimal("99.5"), 1)
    price = together(group, "sell", Decimal(9))
    assert price is not None and price.left == 6


def test_of_one_book_alone_there_is_no_together_and_a_side_that_is_empty_leaves_all() -> None:
    (group,) = groups(picture(NEAR, replace(FAR, word="stale 3.0 s")))
    assert together(group, "buy", Decimal(1)) is None and price_of(group.offers[1], "buy", Decimal(1)) is None
    (group,) = groups(picture(replace(NEAR, asks=[], levels=(2, 0))))
    price = price_of(group.offers[0], "buy", Decimal(3))
    assert price is not None and price.cost is None and price.left == 3 and not price.is_bound


def test_beyond_what_the_picture_holds_of_a_book_there_may_be_better() -> None:
    shallow = deep("b:1", [("99.5", "1")], [("101", "0.5")], more=5)
    (group,) = groups(picture(NEAR, shallow))
    price = together(group, "buy", Decimal(4))
    assert price is not None and price.is_bound and price.left == 0
    price = price_of(group.offers[1], "buy", Decimal(4))
    assert price is not None and price.is_bound and price.left == Decimal("3.5")
    exact = together(groups(picture(NEAR, FAR))[0], "buy", Decimal(4))
    assert exact is not None and not exact.is_bound


def test_inverse_and_linear_contracts_are_not_mixed() -> None:
    linear = deep("a:1", [("99", "5")], [("100", "5")], perpetual("USD", "USD"))
    inverse = deep("b:1", [("99", "500")], [("101", "505")], perpetual("USD", "BTC", "1"))
    (group,) = groups(picture(linear, inverse))
    assert together(group, "buy", Decimal(6)) is None
    (group,) = groups(picture(replace(inverse, target="c:1"), inverse))
    price = together(group, "buy", Decimal(6))
    assert price is not None and price.cost is not None and (price.cost.average, price.venues) == (Decimal(101), 2)
