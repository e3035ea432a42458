"""The trade tape: newest first, aggressors by sign, what does not fit left out in order."""

import pytest

from feedtape.ui.draw.trades import trade_rows
from ui.picture_stage import TRADES, is_sound, parts, said


def test_the_newest_stands_first_with_sign_price_size_and_a_bar() -> None:
    rows = trade_rows(TRADES, 46, 5, "0.10", "0.001")
    assert said(rows).splitlines() == [
        "trades",
        "10:15:02.000 ▲ 61235.0  0.750 ▉",
        "10:15:01.750 ▼ 61234.9  0.5   ▋",
        "10:15:01.500 ▲ 61235   12.034 ███████████████",
        "10:15:01.250 · 61234.9  1     █▎",
    ]
    assert parts(rows, "61235.0") == {"buy"} and parts(rows, "▼") == {"sell"}


@pytest.mark.parametrize(
    ("columns", "first"), [(40, "10:15:02.000 ▲"), (27, "10:15:02 ▲"), (18, "▲ 61235.0  0.75"), (12, "▲ 61235.0  …")]
)
def test_what_does_not_fit_goes_in_order(columns: int, first: str) -> None:
    rows = trade_rows(TRADES, columns, 5, "0.10", "0.001")
    assert said(rows).splitlines()[1].startswith(first) and is_sound(rows, columns, 5)


def test_without_trades_it_says_so() -> None:
    assert said(trade_rows([], 20, 5)) == "trades\nnone yet\n" and len(trade_rows([], 20, 1)) == 1
