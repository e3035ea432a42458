"""The depth map, read back: where prices and times lie, what shines, and that a gap is a gap."""

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.ui.draw.depth_map import DepthMap
from feedtape.ui.draw.rows import PARTS, Row, text_of, width
from feedtape.ui.history import Column, Dot, Silence

SECOND = 10**9
START = 1_700_000_000
Levels = Sequence[tuple[float, float]]
BIDS = [(99.5, 1.0), (99.0, 1.0), (98.5, 64.0), (97.5, 4.0)]
ASKS = [(100.5, 1.0), (101.0, 8.0), (102.0, 1.0)]


def column(second: int, bids: Levels = BIDS, asks: Levels = ASKS, *, state: str = "live", dots: Sequence[Dot] = ()) -> Column:
    flat_bids, flat_asks = (array("d", [number for level in side for number in level]) for side in (bids, asks))
    return Column(second, (START + second) * SECOND, state, 0, flat_bids, flat_asks, [*dots])


def broken(second: int) -> Column:
    return column(second, [], [], state="broken")


def moved(levels: Levels, by: float) -> Levels:
    return [(price + by, size) for price, size in levels]


def said(rows: list[Row]) -> str:
    return "".join(text_of(row).rstrip() + "\n" for row in rows)


def cells(rows: list[Row], at: int) -> list[tuple[str, str]]:
    """What stands at a place of each row, with its part."""
    return [[(letter, part) for text, part in row for letter in text][at] for row in rows]


def market() -> list[Column]:
    """Eight seconds, ten of a broken book, two, the price half a dollar higher; and seconds in which nothing was heard."""
    columns = []
    for second in range(30):
        if 8 <= second < 18:
            columns.append(broken(second))
        elif second not in (21, 22, 25, 26, 27, 28):
            rise = 0.5 if second > 19 else 0.0
            columns.append(column(second, moved(BIDS, rise), moved(ASKS, rise)))
    columns[3].dots.append(Dot(100.5, 1.0, "buy"))
    columns[5].dots.extend([Dot(99.5, 5.0, "sell"), Dot(99.5, 4.0, "sell"), Dot(100.5, 1.0, None)])
    return columns


PICTURE = """\
            ╳╳╳╳╳╳╳╳╳╳  ░░░░░░░░·░
    ░░░░░░░░          ░░           102.0
                        ▓▓▓▓▓▓▓▓ ▓
    ▓▓▓▓▓▓▓▓          ▓▓════════ ═ 101.0 a
    ═══▴═·══          ══
             no book    ──────── ─ 100.0 b
    ─────▾──          ──░░░░░░░░ ░
    ░░░░░░░░          ░░████████ █
    ████████          ██
                        ▒▒▒▒▒▒▒▒ ▒  98.0
    ▒▒▒▒▒▒▒▒          ▒▒
              ╵22:13:30              UTC
"""


def test_the_picture_in_characters() -> None:
    assert said(DepthMap(shades=True).draw(market(), 42, 12, tick="0.5")) == PICTURE


def test_with_colour_a_cell_holds_two_prices() -> None:
    rows = DepthMap().draw(market()[:5], 40, 9, tick="0.5", step="0.5")
    seen = cells(rows[:-1], 31)
    assert seen == [
        (" ", ""),  # beyond the last level: not known
        ("▀", "heat.0/1"),  # 102.0 below 102.5
        ("▀", "heat.0/5"),
        ("▀", "heat.ask/0"),
        ("▀", "heat.bid/1"),
        ("▀", "heat.9/0"),  # the wall
        ("▀", "heat.3/0"),
        (" ", ""),
    ]
    assert cells(rows[:-1], 30) == [*seen[:3], ("▴", "heat.1.buy"), *seen[4:]]
    assert {part for row in rows for _, part in row} <= set(PARTS)


def test_a_trade_out_of_the_ordinary_is_a_large_dot() -> None:
    columns = [column(second, dots=[Dot(99.5, 1.0, "sell")]) for second in range(19)]
    columns.append(column(19, dots=[Dot(100.5, 50.0, "buy")]))
    text = said(DepthMap(shades=True).draw(columns, 40, 12, tick="0.5"))
    assert (text.count("▾"), text.count("▼"), text.count("▴"), text.count("▲")) == (19, 0, 0, 1)


def test_a_book_that_was_not_live_leaves_no_level() -> None:
    columns = [column(0), broken(1), column(2)]
    for shades in (True, False):
        rows = DepthMap(shades=shades).draw(columns, 30, 10, tick="0.5", step="0.5")
        assert cells(rows[:-1], 20) == [("╳", "bad"), *[(" ", "")] * 8]
        assert any(text.strip() for text, _ in cells(rows[:-1], 19)) and any(text.strip() for text, _ in cells(rows[:-1], 21))
    # Nor does it go on, where the newest seconds have none.
    rows = DepthMap(shades=True).draw(columns[:2], 30, 10, tick="0.5", step="0.5")
    assert cells(rows[:-1], 21) == [("╳", "bad"), *[(" ", "")] * 8]
    assert " b" not in said(rows) and " a" not in said(rows)


def test_of_a_gap_within_a_place_there_is_a_mark_and_the_mean_of_what_was() -> None:
    less, mean, more = ([(99.0, 1.0), (98.0, size), (97.0, 4096.0)] for size in (16.0, 32.0, 48.0))
    # Places of three seconds, counted from 1970, begin with the first and the fourth of these.
    columns = [column(1, less), column(2, mean), column(3, more), broken(4), broken(5), column(6, mean)]
    rows = DepthMap().draw(columns, 30, 14, seconds_per_column=3, tick="0.5", step="0.5")
    whole, with_gap = cells(rows, 20), cells(rows, 21)
    assert with_gap == [("╳", "bad"), *whole[1:]] and ("▀", "heat.0/4") in whole


def test_prices_are_grouped_as_in_a_ladder() -> None:
    rows = DepthMap(shades=True).draw([column(0)], 30, 10, tick="0.5", step="2", around=100.0)
    # 99.5, 99.0 and 98.5 are in 98, 97.5 is in 96; 100.5, 101.0 and 102.0 are in 102.
    assert "".join(letter for letter, _ in cells(rows, 21)[:-1]).strip() == "═ ─░"


def test_bid_and_ask_in_one_cell_are_both_told() -> None:
    for low in (99.0, 99.5):
        rows = DepthMap().draw([column(0, [(low, 1.0)], [(low + 0.5, 1.0)])], 30, 10, tick="0.5", step="0.5")
        ask, bid = (at for at, row in enumerate(rows) if text_of(row)[-1] in "ab")
        assert ask + 1 == bid and text_of(rows[bid]).endswith(f"{low} b") and text_of(rows[ask]).endswith(f"{low + 0.5} a")


def test_silence_is_carried_for_three_seconds_and_its_trades_are_not() -> None:
    columns = [column(0, dots=[Dot(99.5, 1.0, "sell")]), column(6)]
    rows = DepthMap(shades=True).draw(columns, 30, 12, tick="0.5", step="0.5")
    tops = "".join(cells(rows, at)[0][0] for at in range(23))
    assert tops == " " * 19 + "··" + "  "
    (bids,) = [text_of(row) for row in rows if "▾" in text_of(row)]
    assert bids[:23] == " " * 15 + "▾───  ─ "


def test_the_next_second_moves_the_picture_by_one_and_changes_nothing_else() -> None:
    columns = [column(second, moved(BIDS, second % 3 * 0.5), moved(ASKS, second % 3 * 0.5)) for second in range(41)]
    kept = DepthMap()
    before = kept.draw(columns[:40], 40, 20, tick="0.5")
    after = kept.draw(columns, 40, 20, tick="0.5")
    plot = width(before[0][:-1])
    for at in range(1, plot):
        assert cells(before[:-1], at) == cells(after[:-1], at - 1)


def test_the_axis_and_the_brightness_stay_while_they_fit() -> None:
    kept = DepthMap()
    columns = [column(second) for second in range(12)]
    before = kept.draw(columns, 40, 20, tick="0.5", step="0.5")
    stronger = [[(price + 4, size * 1.3) for price, size in side] for side in (BIDS, ASKS)]
    columns += [column(second, *stronger) for second in range(12, 30)]
    after = kept.draw(columns, 40, 20, tick="0.5", step="0.5")
    assert cells(before[:-1], 20) == cells(after[:-1], 2)
    columns.append(column(30, moved(BIDS, 10), moved(ASKS, 10)))
    later = kept.draw(columns, 40, 20, tick="0.5", step="0.5")
    assert cells(after[:-1], 2) != cells(later[:-1], 1) and "110.5 a" in said(later)


def test_a_cell_holds_the_same_two_prices_wherever_the_axis_begins() -> None:
    looks = [DepthMap().draw([column(0)], 30, 20, tick="0.5", step="0.5", around=around) for around in (100.0, 100.5, 101.0)]
    drawn = [[cell for cell in cells(rows, 20) if cell != (" ", "")] for rows in looks]
    assert drawn[0] == drawn[1] == drawn[2]


DEEP = [(-1.5 - at / 2, 2.0 ** (at % 7)) for at in range(200)], [(1.5 + at / 2, 2.0 ** (at % 5)) for at in range(200)]


def test_what_is_kept_is_made_anew_where_something_else_is_looked_at() -> None:
    kept = DepthMap()
    columns = [column(second, *DEEP) for second in range(20)]
    for step, around in (("0.5", 0.0), ("1", 0.0), ("0.5", 3.0), ("0.5", 60.0), ("1", 60.0)):
        same = [by.draw(columns, 40, 20, tick="0.5", step=step, around=around) for by in (kept, DepthMap())]
        assert same[0] == same[1], (step, around)


def test_what_is_kept_is_made_anew_where_the_columns_are_others() -> None:
    kept = DepthMap()

    def drawn(by: DepthMap, columns: list[Column]) -> list[Row]:
        return by.draw(columns, 40, 20, seconds_per_column=4, tick="0.5", step="0.5", around=100.0)

    columns = [column(second) for second in range(20)]
    drawn(kept, columns)
    # As when a replay steps back and on again: from some column on they are others.
    for begin, rise in ((19, 1.0), (19, 2.0), (10, 1.0), (0, 0.5)):
        traded = [Dot(100.5, 1, "sell")]
        columns[begin:] = [column(at, moved(BIDS, rise), moved(ASKS, rise), dots=traded) for at in range(begin, 20)]
        assert drawn(kept, columns) == drawn(DepthMap(), columns)
    columns[-1].dots.append(Dot(101.5, 1, "buy"))
    assert drawn(kept, columns) == drawn(DepthMap(), columns)


def test_prices_are_those_of_the_step_and_of_where_one_looks() -> None:
    rows = DepthMap(shades=True).draw([column(0)], 40, 10, tick="0.50", step="2.50", around=200.0)
    assert [text_of(row)[29:].strip() for row in rows] == ["210.00", "", "", "", "200.00", "", "", "", "190.00", "UTC"]
    assert "─" not in said(rows)


def test_the_step_is_a_round_number_of_ticks_that_holds_the_moves() -> None:
    columns = [column(second, moved(BIDS, second), moved(ASKS, second)) for second in range(60)]
    rows = DepthMap(shades=True).draw(columns, 80, 41, tick="0.25")
    labels = [text_of(row)[-9:-2].strip() for row in rows[:-1]]
    assert labels[2::4] == ["190.00", "180.00", "170.00", "159.50", "150.00", "140.00", "130.00", "120.00", "110.00", "100.00"]
    # The whole way up is on it.
    assert all(any(letter in "─═" for letter, _ in cells(rows, at)) for at in range(12, 70))


@pytest.mark.parametrize("columns", [[], [broken(0)], [column(0, [], [])]])
def test_without_a_book_there_is_none(columns: list[Column]) -> None:
    text = said(DepthMap().draw(columns, 40, 10))
    assert text.strip() == ("no book" if columns else "nothing was heard yet")


prices = st.sampled_from([0.0, -3.25, 1e-18, 99.5, 100.0, 1e30])
sizes = st.sampled_from([1e-18, 1.0, 1e30])
sides = st.lists(st.tuples(prices, sizes), max_size=3)
dots = st.lists(st.builds(Dot, prices, sizes, st.sampled_from(["buy", "sell", None])), max_size=2)
states = st.sampled_from(["live", "live", "syncing"])
columns_ = st.lists(st.tuples(st.integers(1, 9), sides, sides, states, dots), max_size=6)


@settings(max_examples=25, deadline=None)
@given(
    columns_,
    st.integers(1, 60),
    st.integers(1, 12),
    st.integers(1, 7),
    st.booleans(),
    st.sampled_from([None, "0", "0.01"]),
    st.sampled_from([None, "0.5", "1000"]),
    st.sampled_from([None, 0.0, 1e30]),
)
def test_whatever_is_drawn_has_its_size(
    some: list[tuple[int, Levels, Levels, str, list[Dot]]],
    columns: int,
    height: int,
    seconds: int,
    shades: bool,
    tick: str | None,
    step: str | None,
    around: float | None,
) -> None:
    second, drawn = 0, []
    for later, bids, asks, state, traded in some:
        second += later
        bids, asks = (sorted(bids, reverse=True), sorted(asks)) if state == "live" else ([], [])
        drawn.append(column(second, bids, asks, state=state, dots=traded))
    kept = DepthMap(shades=shades)
    for end in (len(drawn) - 1, len(drawn)):
        rows = kept.draw(drawn[: max(0, end)], columns, height, seconds_per_column=seconds, tick=tick, step=step, around=around)
        assert len(rows) == height and {width(row) for row in rows} == {columns}
        assert {part for row in rows for _, part in row} <= set(PARTS)


def test_a_silent_second_is_dimmed_and_marked_though_its_silence_was_found_out_later() -> None:
    columns = [column(second, dots=[Dot(99.5, 1.0, "sell")] if second == 3 else []) for second in range(8)]
    before = DepthMap(shades=True).draw(columns[:6], 30, 10, tick="0.5", step="0.5")
    assert "┊" not in said(before)
    # In second 5 it became known that nothing was heard since the middle of second 1.
    columns[5].silences = (Silence(5, (START + 1) * SECOND + 1),)
    rows = DepthMap(shades=True).draw(columns, 30, 10, tick="0.5", step="0.5")
    tops = "".join(cells(rows, at)[0][0] for at in range(14, 22))
    assert tops[:2] == cells(rows, 14)[0][0] * 2 and tops[2:6] == "┊┊┊┊" and "┊" not in tops[6:]
    live, past = cells(rows, 15)[1:-1], cells(rows, 17)[1:-1]
    assert {part for text, part in past if text.strip()} == {"dim", "sell"} and "bid" in {part for _, part in live}
    assert ("█", "") in live and "█" not in {text for text, _ in past} and [text for text, _ in past].count("╌") == 1
    coloured = cells(DepthMap().draw(columns, 30, 10, tick="0.5", step="0.5"), 16)
    heats = {part.removeprefix("heat.") for _, part in coloured[:-1] if part.startswith("heat.")}
    assert coloured[0] == ("┊", "warn") and not {"bid", "ask", "9"} & {token for heat in heats for token in heat.split("/")}
    # A wide one says what it is; what carries on a column that was silent is silent too.
    columns[7].silences = (Silence(7, START * SECOND),)
    assert "┊silent┊" in said(DepthMap(shades=True).draw(columns, 30, 10, tick="0.5", step="0.5"))
    del columns[4:7]
    assert said(DepthMap(shades=True).draw(columns, 30, 10, tick="0.5", step="0.5"))[14:22].replace("silent", "┊" * 6) == "┊" * 8


def test_strips_that_are_kept_are_made_anew_when_a_silence_becomes_known() -> None:
    columns = [column(second) for second in range(8)]
    kept = DepthMap(shades=True)
    kept.draw(columns, 30, 10, tick="0.5", step="0.5")
    columns[-1].silences = (Silence(7, START * SECOND),)
    fresh = DepthMap(shades=True).draw(columns, 30, 10, tick="0.5", step="0.5")
    assert kept.draw(columns, 30, 10, tick="0.5", step="0.5") == fresh
