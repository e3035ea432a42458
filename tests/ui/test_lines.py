"""Books as lines: what a pipe gets, and that a book that is not live has no price in it."""

from typing import Any

import orjson
import pytest

from feedtape.book.keeper import BookKeeper
from feedtape.book.rules import Contiguous, Integrity
from feedtape.model.events import BookDelta, BookSnapshot, Trade
from feedtape.session import Flow, Session
from feedtape.ui.lines import Lines, json_line, plain_line
from feedtape.venues import registry
from ui.picture_stage import NOW, SECOND

TARGET = "binance:BTCUSDT"


def live() -> BookKeeper:
    keeper = BookKeeper(TARGET, "depth", Integrity(sequence=Contiguous()))
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("99.50", "7")], [], 11, 11), 1)
    keeper.take_snapshot(BookSnapshot(TARGET, NOW, None, "", [("99", "1")], [("101", "2")], 10), 2)
    return keeper


def broken() -> BookKeeper:
    keeper = live()
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("98", "4")], [], 15, 15), 1)
    return keeper


def test_a_line_has_state_proof_best_prices_and_counters() -> None:
    flow = Flow(trade=Trade(TARGET, NOW, None, "100", "3", "sell", "5"), trades=4)
    assert plain_line(live(), flow, NOW) == (
        f"10:15:02.000Z {TARGET} live [sequence] bid 99.50 × 7 ask 101 × 2 updates 1 trades 4 gaps 0"
    )
    assert "broken: gap [broken] bid - ask - " in plain_line(broken(), None, NOW)
    quiet = live()
    assert "live, quiet 4.0 s" in plain_line(quiet, None, NOW + 4 * SECOND)
    quiet.stale_since = NOW
    assert "stale 4.0 s" in plain_line(quiet, None, NOW + 4 * SECOND)


def test_control_codes_of_a_symbol_are_escaped() -> None:
    keeper = live()
    keeper.target = "binance:\x1b[2J"
    assert "\x1b" not in plain_line(keeper, None, NOW)


def test_a_json_line_has_exact_texts_and_null_where_nothing_is() -> None:
    line = json_line(live(), None, NOW, 2)
    assert (line["bid"], line["ask"], line["spread"], line["sequence"]) == (("99.50", "7"), ("101", "2"), "1.50", 11)
    assert line["bids"] == [("99.50", "7"), ("99", "1")]
    line = json_line(broken(), None, NOW, 2)
    assert (line["bid"], line["ask"], line["spread"], line["sequence"], line["bids"]) == (None, None, None, None, [])
    assert (line["state"], line["gaps"]) == ("broken: gap", 1)


def test_a_book_is_printed_again_only_when_it_changed(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(registry.venue)
    keeper = session.books[TARGET] = live()
    session.books["okx:BTC-USDT"] = live()

    def printed(lines: Lines) -> list[Any]:
        lines.show(session, NOW)
        return [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]

    lines = Lines(json=True, only=[TARGET.upper()])
    assert [line["target"] for line in printed(lines)] == [TARGET] and printed(lines) == []
    keeper.take_delta(BookDelta(TARGET, NOW, None, "depth", [("100", "1")], [], 12, 12), 1)
    assert [line["bid"] for line in printed(lines)] == [["100", "1"]]
    keeper.stale_since = NOW
    assert [line["state"] for line in printed(lines)] == ["stale 0.0 s"]
