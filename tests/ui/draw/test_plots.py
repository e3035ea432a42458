"""Plots of one row."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.ui.draw.plots import bar, sparkline


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "    "), (1 / 32, "▏   "), (0.5, "██  "), (0.6, "██▍ "), (1.0, "████"), (7.0, "████"), (-1.0, "    ")],
)
def test_a_bar_is_exact_to_an_eighth(share: float, expected: str) -> None:
    assert bar(share, 4) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "        "),
        ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"),
        ([100, 1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"),  # what has gone out of sight sets no scale
        ([-1, None, 1], "     ▁ █"),
        ([5, 5], "      ▄▄"),
        ([None, float("nan")], "        "),
    ],
)
def test_a_sparkline_ends_with_the_newest_value(values: list[float | None], expected: str) -> None:
    assert sparkline(values, 8) == expected


@settings(max_examples=50)
@given(st.lists(st.none() | st.floats(-1e300, 1e300)), st.integers(0, 20), st.floats())
def test_plots_have_their_width(values: list[float | None], width: int, share: float) -> None:
    assert len(sparkline(values, width)) == width
    assert share != share or len(bar(share, width)) == width
