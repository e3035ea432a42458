"""Numbers keep their digits: only blanks, and zeros beyond the step, come and go."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.ui.draw.numbers import aligned, milliseconds, plain, tidied


@pytest.mark.parametrize(
    ("text", "step", "shown"),
    [
        ("61234.50000000", "0.10000000", "61234.5"),
        ("61234.00000000", "0.1", "61234.0"),
        ("61234.57", "0.1", "61234.57"),
        ("100.000", "1", "100"),
        ("100.000", None, "100.000"),
        ("-0.50", "0.1", "-0.5"),
        ("1.50e-10", "0.00000000001", "0.00000000015"),
        ("1.50e-10", None, "0.000000000150"),
        ("1e-7", "1e-8", "0.0000001"),
        ("12", "0.01", "12"),
    ],
)
def test_zeros_beyond_the_step_go_and_digits_stay(text: str, step: str | None, shown: str) -> None:
    assert tidied(text, step) == shown
    assert Decimal(shown) == Decimal(text)


def test_decimal_points_stand_below_each_other() -> None:
    assert aligned(["0.5", "12", "-3.25", "-"]) == [" 0.5 ", "12   ", "-3.25", " -   "]
    assert aligned([]) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str), min_size=1, max_size=6))
def test_aligned_numbers_are_equally_wide_and_still_the_same(texts: list[str]) -> None:
    shown = aligned([tidied(text, "0.001") for text in texts])
    assert len({len(text) for text in shown}) == 1
    assert [Decimal(text) for text in shown] == [Decimal(text) for text in texts]


def test_numbers_are_told_without_exponent_and_times_without_the_sign_of_nothing() -> None:
    assert plain(Decimal("1E+3")) == "1000" and plain(Decimal("1E-7")) == "0.0000001" and plain(Decimal("1.005"), 2) == "1.00"
    assert milliseconds(38_400_000) == "38 ms" and milliseconds(400_000) == "0.4 ms" and milliseconds(-1) == "0.0 ms"
    assert milliseconds(1_234_567_000_000) == "1 234 567 ms"
