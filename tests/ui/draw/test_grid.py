"""Many books at once: boxes as long as they fit, one line a book beyond, the selected one always in view."""

import pytest

from feedtape.ui.draw.grid import grid_rows, shape, table_rows
from feedtape.ui.draw.rows import text_of
from ui.picture_stage import book, broken, is_sound, resyncing, said, stale

MANY = [(book, stale, broken, resyncing)[at % 4](f"binance:S{at}USDT") for at in range(40)]


@pytest.mark.parametrize(
    ("count", "columns", "height", "found"),
    [
        (2, 80, 22, (2, 1)),
        (4, 80, 22, (2, 2)),
        (9, 120, 38, (3, 3)),
        (2, 77, 22, (2, 1)),
        (2, 76, 22, (1, 2)),
        (40, 120, 38, None),
        (4, 40, 20, None),
        (0, 80, 22, (1, 1)),
    ],
)
def test_as_few_boxes_stand_side_by_side_as_leave_them_height(count: int, columns: int, height: int, found: object) -> None:
    assert shape(count, columns, height) == found


def test_a_click_finds_the_box_that_is_drawn_there() -> None:
    rows, boxes = grid_rows(MANY[:4], 80, 22, "binance:S1USDT", "ladder", {})
    assert is_sound(rows, 80, 22) and [box.target for box in boxes] == [one.target for one in MANY[:4]]
    for box in boxes:
        assert text_of(rows[box.top])[box.left + 1 :].startswith(box.target)
        assert [one.target for one in boxes if one.holds(box.left, box.top)] == [box.target]
    assert text_of(rows[0])[40] == "▸"


@pytest.mark.parametrize("selected", [0, 17, 38, 39])
@pytest.mark.parametrize("height", [2, 3, 4, 10, 39, 40, 41, 60])
def test_of_a_table_that_is_too_long_the_selected_line_is_in_view_and_the_rest_is_counted(selected: int, height: int) -> None:
    rows, boxes = table_rows(MANY, 100, height, MANY[selected].target)
    assert is_sound(rows, 100, height)
    text = said(rows)
    assert f"▸binance:S{selected}USDT " in text
    assert len(boxes) + int(text.splitlines()[-1].split()[0] if "more: tab" in text else 0) == (40 if height != 2 else 1)
    for box in boxes:
        assert box.target in text_of(rows[box.top])


def test_columns_of_a_table_go_in_a_fixed_order_and_the_state_is_never_among_them() -> None:
    order = ["latency", "trades", "/s", "proof", "gaps", "ask size", "bid size", "spread"]
    left = [*order]
    for columns in range(140, 30, -1):
        rows, _ = table_rows(MANY, columns, 20, None)
        head = text_of(rows[0])
        heads = [name for name in order if f" {name} " in f" {head} "]
        # `bid` and `ask` are parts of other names.
        assert heads == left[len(left) - len(heads) :], columns
        left = left[len(left) - len(heads) :]
        assert "state" in head and "bro" in text_of(rows[3]) and is_sound(rows, columns, 20)
    assert left == []


def test_names_are_cut_at_the_front_where_they_are_alike() -> None:
    rows, _ = table_rows(MANY, 46, 20, None)
    assert text_of(rows[3]).startswith(" binance:S2USDT   broken: g…"), "after states, which still say what they are"
    rows, _ = table_rows(MANY, 40, 20, None)
    assert len({text_of(row)[:12] for row in rows[1:-1]}) == len(rows) - 2


def test_books_that_are_not_live_have_no_price_and_stale_ones_no_colour() -> None:
    rows, _ = table_rows(MANY[:4], 140, 20, None)
    assert [text_of(row).count("61234.9") for row in rows[1:]] == [1, 1, 0, 0]
    assert [{part for _, part in row} & {"bid", "ask"} for row in rows[1:3]] == [{"bid", "ask"}, set()]
