"""The words of a summary: every number there is, zeros included."""

import pytest

from feedtape.session import Loss, Session
from feedtape.ui.summary import amount, book_table, count, counters_line, loss_line, loss_lines
from feedtape.venues import registry

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
    assert book_table(session) == ["  no book"]


def test_a_loss_names_book_time_length_and_amount() -> None:
    loss = Loss("kraken:BTC/USD", "gap", 3 * SECOND, 4 * SECOND, 17, "because")
    assert loss_line(loss) == "kraken:BTC/USD 00:00:03.000Z gap, 17 missed; for 1.0 s (because)"
    assert "not rebuilt since" in loss_line(Loss("a:B", "gap", 0, None, None))


def test_many_losses_collapse_to_a_count_by_kind_and_a_command() -> None:
    losses = [Loss("a:B", kind, 0, 1, None) for kind in ("gap", "gap", "gap", "gap", "trades", "trades")]
    assert loss_lines(losses, "feedtape verify x") == ["  loss     6: 4 gap, 2 trades; feedtape verify x lists them"]
