"""What a person reads off a ladder: exact levels in their places, and no level of a book that is not live."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from feedtape.ui.draw.ladder import Ladder, compact_rows, ladder_rows
from feedtape.ui.draw.rows import text_of
from ui.picture_stage import ASKS, BIDS, book, broken, is_sound, parts, resyncing, said, stale

NONE = Ladder()


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_asks_stand_above_bids_and_mid_and_spread_between_them() -> None:
    drawn = lines(said(ladder_rows(book(), 80, 9, NONE)))
    assert [line.split()[:3] for line in drawn] == [
        ["61235.3", "5.5", "8.284"],
        ["61235.2", "0.034", "2.784"],
        ["61235.1", "2", "2.75"],
        ["61235.0", "0.75", "0.75"],
        ["──", "mid", "61234.95"],
        ["61234.9", "0.5", "0.5"],
        ["61234.8", "1.25", "1.75"],
        ["61234.7", "0.001", "1.751"],
        ["61234.6", "12", "13.751"],
    ]
    assert "spread 0.1 (0.02 bp)" in drawn[4]


def test_decimal_points_stand_below_each_other_in_every_column() -> None:
    rows = [text_of(row) for row in ladder_rows(book(), 80, 20, NONE) if "mid" not in text_of(row)]
    points = [row.index(".") for row in rows if row.strip()]
    assert len(set(points)) == 1


@pytest.mark.parametrize("width", [80, 60, 40, 39])
def test_two_columns_have_the_best_prices_side_by_side_and_sizes_apart(width: int) -> None:
    rows = compact_rows(book(), width, 4, NONE)
    best = text_of(rows[1]).split()
    at = best.index("61234.9")
    assert best[at - 1 : at + 3] == ["0.5", "61234.9", "61235.0", "0.75"]
    assert is_sound(rows, width, 4)


def test_what_does_not_fit_goes_in_order_the_bar_the_sum_the_size() -> None:
    wide, without_bar, without_sum, least = (text_of(ladder_rows(book(), width, 9, NONE)[5]) for width in (60, 27, 17, 8))
    assert wide.split() == ["61234.9", "0.5", "0.5", "█▎"]
    assert without_bar.split() == ["61234.9", "0.5", "0.5"]
    assert without_sum.split() == ["61234.9", "0.5"]
    assert least.split() == ["61234.9"]
    long = book(bids=[("0.0000012345", "123456789.12345678")], asks=[("0.0000012346", "1")], instrument=None)
    assert text_of(ladder_rows(long, 24, 3, NONE)[2]).rstrip().endswith("…"), "digits that are cut off are seen to be"


def test_a_book_that_is_not_live_shows_why_and_not_one_level() -> None:
    # Even were it to hold levels still.
    for one in (broken(), resyncing(), replace(book(), is_live=False, word="broken: gap", grade="bad")):
        for draw in (ladder_rows, compact_rows):
            text = said(draw(one, 60, 12, NONE))
            assert one.word.upper() in text and "".join(one.reason.split()) in "".join(text.split())
            assert not any(price in text for price, _ in (*BIDS, *ASKS)) and "mid" not in text


def test_a_stale_book_says_so_and_has_no_level_in_the_colour_of_the_living() -> None:
    for draw in (ladder_rows, compact_rows):
        rows = draw(stale(), 39, 9, Ladder(changed=frozenset({("bid", "61234.9")})))
        assert parts(rows, "stale 3.2 s") == {"warn"}
        assert {part for row in rows for _, part in row}.isdisjoint({"bid", "ask", "bid.bar", "ask.bar", "bid.flash"})


def test_crossed_one_sided_and_empty_books_say_so() -> None:
    crossed = book(bids=[("101", "1")], asks=[("100", "1")], is_crossed=True, instrument=None)
    assert "CROSSED  mid 100.5  spread -1" in said(ladder_rows(crossed, 40, 3, NONE))
    assert "one-sided: no asks" in said(ladder_rows(book(asks=[]), 40, 9, NONE))
    assert "one-sided: no bids" in said(compact_rows(book(bids=[]), 40, 9, NONE))
    assert "empty" in said(ladder_rows(book(bids=[], asks=[]), 40, 9, NONE))
    spread = book(bids=[("-2.5", "1")], asks=[("-2.0", "1")], instrument=None)
    assert "mid -2.25  spread 0.5" in said(ladder_rows(spread, 60, 3, NONE))


def test_changed_levels_flash_by_side_and_price() -> None:
    rows = ladder_rows(book(), 60, 9, Ladder(changed=frozenset({("bid", "61234.8")})))
    assert parts(rows, "61234.8") == {"bid.flash"} and parts(rows, "61234.7") == {"bid"} and parts(rows, "61235.0") == {"ask"}


def test_the_cursor_beyond_the_edge_scrolls_and_what_is_left_out_is_counted() -> None:
    drawn = said(ladder_rows(book(), 80, 9, Ladder(cursor=6)))
    assert "▸61234.4" in drawn and "2 nearer left out" in drawn and "61234.8" not in drawn
    # Sums are still from the best price.
    assert "17.391" in drawn
    assert "61234.7◂" in said(compact_rows(book(), 60, 9, Ladder(cursor=3)))


def test_grouped_levels_are_exact_sums_and_the_last_of_a_cut_book_is_left_out() -> None:
    text = said(ladder_rows(book(), 60, 9, Ladder(group="1")))
    in_group = sum(Decimal(size) for price, size in BIDS if price.startswith("61234."))
    assert re.search(rf"61234\s+{in_group}", text)
    cut_off = book(bids=BIDS[:15], levels=(4000, 40))
    assert "61234" in said(ladder_rows(cut_off, 60, 9, Ladder(group="1"))) and "61233" not in said(
        ladder_rows(cut_off, 60, 9, Ladder(group="1"))
    )


def test_sums_are_exact_to_the_last_digit() -> None:
    sizes = ["1" + "0" * 29, "0.000000000000000001"]
    text = said(ladder_rows(book(bids=[("2", sizes[0]), ("1", sizes[1])], asks=[], instrument=None), 200, 9, NONE))
    assert "1" + "0" * 29 + "." + "0" * 17 + "1" in text
