"""The words of a summary: every number there is, zeros included."""

import pytest

from feedtape.model.records import CLOCK, note
from feedtape.session import Loss, Session
from feedtape.ui.summary import amount, clock_line, count, counters_line, lag, loss_line, loss_lines
from feedtape.venues import registry
from venues.binance_frames import SPOT, depth, frame, on, opened, snapshot

SECOND = 10**9


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (31_200_000, "31.2 MB"), (2_000_000_000, "2.0 GB"), (1_500, "1.5 kB")]
)
def test_amounts(size: int, words: str) -> None:
    assert amount(size) == words


def test_thousands_stand_apart() -> None:
    assert count(449327) == "449 327"


def test_what_did_not_happen_is_printed_as_zero() -> None:
    session = Session(registry.venue)
    assert counters_line(session) == (
        "  wire     stalls 0   bad frames 0   refused 0   frames too long 0   untracked 0   http errors 0   dropped here 0"
    )
    assert loss_lines([], "verify") == ["  loss     none"]


def test_a_loss_names_book_time_length_and_amount() -> None:
    loss = Loss("kraken:BTC/USD", "gap", 3 * SECOND, 4 * SECOND, 17, "because")
    assert loss_line(loss) == "kraken:BTC/USD 00:00:03.000Z for 1.0 s: gap, 17 missed; rebuilt (because)"
    assert loss_line(Loss("a:B", "gap", 0, None, None)) == "a:B 00:00:00.000Z: gap; not rebuilt since"
    assert loss_line(Loss("", "bad-frame", 0, 0, None)) == "session 00:00:00.000Z for 0.0 s: bad-frame"


def test_clocks_are_told_with_how_sure_they_are() -> None:
    session = Session(registry.venue)
    assert clock_line(session) == "  clock    wall clock stepped 0 times"
    session.feed(opened(1 * SECOND, 1, SPOT))
    session.feed(frame(2 * SECOND, 1, on(SPOT, "depth@100ms", depth(SPOT, 101, 105))))
    assert lag(session) == "-", "no book is live"
    for record in snapshot(2 * SECOND, 9, SPOT, 103):
        session.feed(record)
    assert clock_line(session).endswith("   binance not measured")
    without = lag(session)
    for drift in (0, 2 * SECOND):
        session.feed(note(3 * SECOND, CLOCK, {"drift_ns": drift}))
    session.clocks.read("binance", 3 * SECOND + 50_000_001, 3 * SECOND - 4_000_000, 3 * SECOND, "clock")
    assert clock_line(session) == "  clock    wall clock stepped 1 time   binance +52 ms (± 2 ms, by its clock)"
    assert without != lag(session)


def test_many_losses_collapse_to_a_count_by_kind_and_a_command() -> None:
    losses = [Loss("a:B", kind, 0, 1, None) for kind in ("gap", "gap", "gap", "gap", "trades", "trades")]
    assert loss_lines(losses, "feedtape verify x") == ["  loss     6: 4 gap, 2 trades; feedtape verify x lists them"]
