"""Rows are exactly as wide as they are asked to be, and what is cut says so."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from feedtape.ui.draw.rows import PARTS, beside, cut, fit, right, tail, text_of, width
from feedtape.ui.output import printable


def test_what_is_cut_ends_with_an_ellipsis_and_half_a_number_never_passes_for_a_whole_one() -> None:
    assert cut("61234.5", 9) == "61234.5  " and cut("61234.5", 7) == "61234.5" and cut("61234.5", 5) == "6123…"
    assert right("0.5", 5) == "  0.5" and right("61234.5", 5) == "6123…"
    assert tail("binance:BTCUSDT", 8) == "…BTCUSDT" and tail("BTC", 5) == "BTC  "
    assert text_of(fit([("61234.5", ""), ("  0.125", "")], 12)) == "61234.5  0.…"
    assert text_of(fit([("61234.5   ", ""), ("0.5", "")], 8)) == "61234.5 ", "blanks are no loss"


@pytest.mark.parametrize("columns", [0, 1, 2, 3])
def test_wide_letters_are_not_cut_in_half(columns: int) -> None:
    for made in (cut("比特币", columns), right("比特币", columns), tail("比特币", columns)):
        assert cell_len(made) == columns
    assert text_of(fit([("币", "x"), ("a", "y")], 1)) == "…", "what follows must not move up into the half that is left"


def test_what_a_stranger_wrote_steers_no_terminal() -> None:
    hostile = "\x1b[2J‮BTC\x07\n"
    for made in (cut(hostile, 40), right(hostile, 40), tail(hostile, 40), tail(hostile, 6)):
        assert made.isprintable()


def test_blocks_stand_side_by_side_though_one_is_longer() -> None:
    rows = beside([[("ab", "")]], [[("x", "")], [("y", "")]], 4)
    assert [text_of(row) for row in rows] == ["ab   x", "     y"]


_TEXT = st.text(st.sampled_from("a1. 比é🇩❤️‍\u200d\u0301\x1b‮…█"), max_size=8)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(_TEXT, st.sampled_from(PARTS)), max_size=5), st.integers(0, 20))
def test_every_row_is_as_wide_as_it_should_be(row: list[tuple[str, str]], columns: int) -> None:
    assert width(fit([(printable(text), part) for text, part in row], columns)) == columns
    for text, _ in row:
        assert cell_len(cut(text, columns)) == cell_len(right(text, columns)) == cell_len(tail(text, columns)) == columns
