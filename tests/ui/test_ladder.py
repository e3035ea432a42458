"""What a person reads off a ladder: state and proof in words, and no level of a book that is not live."""

import io

from rich.console import Console

from feedtape.book.keeper import BookKeeper
from feedtape.book.rules import Contiguous, Integrity
from feedtape.model.events import BookDelta, BookSnapshot, Trade
from feedtape.session import Flow
from feedtape.ui.ladder import ladder, plain_line

TARGET = "binance:BTCUSDT"
SECOND = 10**9


def live() -> BookKeeper:
    keeper = BookKeeper(TARGET, "depth", Integrity(sequence=Contiguous()))
    keeper.take_delta(BookDelta(TARGET, SECOND, None, "depth", [("99.5", "7")], [], 11, 11), 1)
    keeper.take_snapshot(BookSnapshot(TARGET, SECOND, None, "", [("99", "1")], [("101", "2")], 10), 2)
    return keeper


def drawn(keeper: BookKeeper, now: int = SECOND, flow: Flow | None = None) -> str:
    out = io.StringIO()
    Console(file=out, width=80, force_terminal=False).print(ladder(keeper, flow, now, 3))
    return out.getvalue()


def test_a_live_book_shows_its_levels_what_is_between_and_its_proof() -> None:
    text = drawn(live())
    assert "live" in text and "proof sequence" in text and "seq 11" in text
    assert text.index("101") < text.index("spread 1.5") < text.index("99.5") < text.index("99 ")


def test_a_broken_book_shows_why_and_not_one_level() -> None:
    keeper = live()
    keeper.take_delta(BookDelta(TARGET, 2 * SECOND, None, "depth", [("98", "4")], [], 15, 15), 1)
    text = drawn(keeper)
    assert "broken: gap" in text and "proof broken" in text and "11 is not followed" in text
    assert not any(price in text for price in ("99.5", "101", "98"))
    assert "bid - ask -" in plain_line(keeper, None, 2 * SECOND)


def test_a_silent_book_says_for_how_long() -> None:
    keeper = live()
    assert "quiet 4.0 s" in drawn(keeper, 5 * SECOND)
    keeper.stale_since = SECOND
    assert "stale 4.0 s" in drawn(keeper, 5 * SECOND)


def test_a_crossed_book_is_said_to_be_crossed() -> None:
    keeper = live()
    keeper.take_delta(BookDelta(TARGET, SECOND, None, "depth", [("102", "4")], [], 12, 12), 1)
    assert "live, crossed" in drawn(keeper)


def test_an_empty_side_has_no_middle() -> None:
    keeper = live()
    keeper.take_delta(BookDelta(TARGET, SECOND, None, "depth", [], [("101", "0")], 12, 12), 1)
    assert "one-sided" in drawn(keeper) and "spread" not in drawn(keeper)


def test_the_last_trade_has_its_side_in_words() -> None:
    flow = Flow(trade=Trade(TARGET, SECOND, None, "100", "3", "sell", "5"))
    assert "sell 100 × 3" in drawn(live(), flow=flow)


def test_control_codes_of_a_symbol_are_escaped() -> None:
    keeper = live()
    keeper.target = "binance:\x1b[2J"
    assert "\x1b" not in drawn(keeper) and "\x1b" not in plain_line(keeper, None, SECOND)
