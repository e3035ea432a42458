"""The head of a book: its state stays however narrow it is, and its numbers are right."""

from array import array
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from feedtape.ui.draw.head import (
    cost_rows,
    cursor_row,
    derivative_row,
    latency_short,
    latency_words,
    measures_row,
    plots_row,
    rates_row,
    title_row,
)
from feedtape.ui.draw.rows import Row, text_of, width
from feedtape.ui.history import Column, Silence
from ui.picture_stage import ASKS, BIDS, NOW, SECOND, book, broken, derivative, picture, seconds_ago, stale

FROZEN = [("FROZEN 3.2 s behind, 812 updates", "warn")]
PAUSED = [("PAUSED: gap", "warn"), ("+12 s   frame 12 of 345", "")]


def told_all(rows: list[Row]) -> str:
    """Return the only line."""
    (row,) = rows
    return told(row)


def told(row: Row | None) -> str:
    assert row is not None
    return text_of(row).rstrip()


@pytest.mark.parametrize("columns", [200, 120, 80, 60, 40, 30])
def test_the_state_and_what_the_screen_says_of_itself_stay_at_any_width(columns: int) -> None:
    for one in (book(), stale(), broken()):
        for more, word in ((FROZEN, "FROZEN"), (PAUSED, "PAUSED")):
            text = text_of(title_row(one, columns, more))
            assert one.word in text and word in text and len(text) == columns


def test_the_title_says_how_far_it_is_proven_and_why_where_there_is_room() -> None:
    assert told(title_row(book(), 200)).endswith(
        "live   proof sequence: every update since snapshot 4711 continues the one before   seq 8123456789"
    )
    assert told(title_row(book(), 80)) == "binance-usdm:BTCUSDT   live   proof sequence   seq 8123456789"
    assert told(title_row(book(), 40)) == "binance-usdm:BTCUSDT   live"
    assert told(title_row(book(), 16)) == "…:BTCUSDT   live"
    assert "\x1b" not in text_of(title_row(book("x:\x1b[2J", reason="\x1b[31m"), 80))


def test_measures_are_of_the_levels_and_absent_where_a_side_is() -> None:
    assert told(measures_row(book(), 80)) == "mid 61234.95   spread 0.1   micro 61234.940   imbalance 26 % bid   levels 40/40"
    assert told(measures_row(book(asks=[]), 80)) == "levels 40/0"
    assert told(measures_row(broken(), 80)) == ""


def test_what_is_counted_keeps_losses_when_it_is_narrow() -> None:
    def rates(columns: int) -> str:
        return told(rates_row(broken(), picture(), columns, latency_words(book())))

    assert rates(120).startswith(
        "updates 118.4/s   latency 38 ms ± 3.0 ms (clock -12 ms by its clock)   gaps 2   resyncs 1   trades 512"
    )
    assert rates(60) == "updates 118.4/s   latency 38 ms ± 3.0 ms   gaps 2"
    assert rates(28) == "updates 118.4/s   gaps 2"


def test_latency_is_corrected_by_the_measured_clock_or_says_that_it_is_not() -> None:
    assert latency_short(book()) == "38 ms"
    assert (
        latency_words(book(offset=None)) == "50 ms uncorrected (clocks not compared)"
        and latency_short(book(offset=None)) == "50 ms?"
    )
    assert latency_words(book(age_ns=None)) == "- (the venue sends no time)" and latency_short(book(age_ns=None)) == "-"


def test_a_derivative_has_mark_index_basis_funding_and_open_interest() -> None:
    row = derivative_row(book(derivative=derivative()), NOW, 120)
    assert told(row) == "mark 61235.12   index 61204.5   basis +5.00 bp   funding 0.01 % in 1:23:45   oi 81234.567"
    tiny = derivative(funding_rate="0.0000001234", index="0", mark=None)
    assert (
        told(derivative_row(book(derivative=tiny), NOW + 9000 * SECOND, 120)) == "index 0   funding 0.00001234 %   oi 81234.567"
    )
    assert derivative_row(book(), NOW, 120) is None
    past = derivative_row(replace(book(derivative=derivative()), is_stale=True), NOW, 120)
    assert told(past) == told(row) and {part for _, part in past or ()} == {"dim"}
    assert told(derivative_row(book(derivative=derivative()), NOW, 44)) == "mark 61235.12   funding 0.01 % in 1:23:45"


def test_plots_need_two_seconds_and_leave_out_what_was_not_there() -> None:
    row = plots_row(book(), 80)
    assert row is not None and width(row) == 80 and told(row).startswith("mid ") and "   spread " in told(row)
    assert plots_row(broken(), 80) is None and plots_row(book(columns=book().columns[:1]), 80) is None
    assert width(plots_row(book(), 20) or []) == 20


def test_the_cost_of_a_size_is_what_its_levels_ask() -> None:
    assert told_all(cost_rows(book(), Decimal(5), 80)) == "5 BTC now:  buy 61235.174 +0.04 bp   sell 61234.680 +0.04 bp"
    # 0.75 × 61235.0 + 2 × 61235.1 + 0.034 × 61235.2 + 2.216 × 61235.3, of 5
    assert (
        Decimal("0.75") * 61235
        + 2 * Decimal("61235.1")
        + Decimal("0.034") * Decimal("61235.2")
        + Decimal("2.216") * Decimal("61235.3")
    ) / 5 == Decimal("61235.17432")
    far = Decimal(10**6)
    assert "buy only 386.272 there" in told_all(cost_rows(book(), far, 80))
    assert "sell more than 135.128 there" in told_all(cost_rows(replace(book(), levels=(900, 40)), far, 80)), (
        "the book has more than the picture"
    )
    assert "buy nothing there" in told_all(cost_rows(book(asks=[]), far, 80))
    assert cost_rows(broken(), far, 80) == cost_rows(book(), None, 80) == []
    assert [text_of(row).rstrip() for row in cost_rows(book(), Decimal(5), 40)] == [
        "buy 5 BTC 61235.174 +0.04 bp",
        "sell 5 BTC 61234.680 +0.04 bp",
    ]
    assert told_all(cost_rows(book(instrument=None), Decimal(1), 80)).startswith("1 now:  buy")


def test_the_cursor_tells_what_lies_up_to_it() -> None:
    assert told(cursor_row(book(), BIDS, 3, 80)) == "▸ bids to 61234.7: 1.751 BTC  taking them costs 61234.828 +0.02 bp"
    assert told(cursor_row(book(), ASKS, -1, 80)).startswith("▸ asks to 61235.0: 0.75 BTC")
    assert cursor_row(book(), BIDS, 41, 80) is None and cursor_row(book(), BIDS, 0, 80) is None
    assert cursor_row(broken(), BIDS, 1, 80) is None


def test_a_first_value_that_is_far_away_does_not_flatten_the_rest() -> None:
    def plotted(columns: Sequence[Column], plot: int) -> str:
        row = plots_row(book(columns=[*columns]), 120)
        assert row is not None
        return [text for text, _ in row if not text.isascii()][plot].strip()

    steady = [seconds_ago(at) for at in range(30, 0, -1)]
    mids, spreads = plotted(steady, 0), plotted(steady, 1)
    assert len(set(mids)) > 4 and len(set(spreads)) > 2
    absurd = replace(seconds_ago(31), bids=array("d", [1.0, 1.0]))
    # The book as it was before it was whole: at the edge, and what follows is told apart as before.
    assert plotted([absurd, *steady], 0)[0] == "▁" and len(set(plotted([absurd, *steady], 0))) > 3
    assert plotted([absurd, *steady], 1)[0] == "█" and len(set(plotted([absurd, *steady], 1)[1:])) > 1
    # One that never moves but once: the move is seen, however large.
    still = [replace(one, bids=array("d", [61234.0, 1]), asks=array("d", [61235.0, 1])) for one in steady]
    assert plotted([absurd, *still], 1) == "█" + "▁" * 30


def test_seconds_of_a_silent_book_are_not_plotted() -> None:
    columns = [seconds_ago(at) for at in range(10, 0, -1)]
    columns[6].silences = (Silence(0, columns[4].time),)
    text = told(plots_row(book(columns=columns), 120))
    assert len(text) - len(text.rstrip("▁▂▃▄▅▆▇█")) == 3 and text[-6:-3] == "   "
