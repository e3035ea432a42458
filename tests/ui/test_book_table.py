"""The table of books: whose loss each was, one row a chain, and what it says where there is little room."""

import pytest

from feedtape.book.keeper import BookKeeper
from feedtape.model.records import DROP, HEADER, note
from feedtape.session import Session
from feedtape.ui.book_table import book_table
from feedtape.venues import registry
from venues.binance_frames import SPOT, depth, frame, on, opened, snapshot

SECOND = 10**9


def chain(session: Session, options: int) -> Session:
    """Give a session books of so many options, of which the second missed something."""
    for number in range(options):
        target = f"deribit:BTC-25DEC26-{100 + number}000-C"
        session.books[target] = keeper = BookKeeper(target, "", registry.venue("deribit").integrity(""))
        if number == 1:
            keeper.counters.gaps, keeper.counters.missed = 1, 7
        keeper.counters.dropped = 4
    return session


def test_without_a_book_it_says_so() -> None:
    assert book_table(Session(registry.venue)) == ["  no book"]


def test_a_book_is_told_with_its_frames_of_all_pages_and_with_whose_loss_each_was() -> None:
    session = Session(registry.venue)
    session.feed(note(1 * SECOND, HEADER, {"decoders": {}}))
    for record in (
        opened(1 * SECOND, 1, SPOT),
        frame(2 * SECOND, 1, on(SPOT, "depth@100ms", depth(SPOT, 101, 105))),
        *snapshot(3 * SECOND, 9, SPOT, 103),
        note(3 * SECOND, HEADER, {"decoders": {}}),
        frame(4 * SECOND, 1, on(SPOT, "depth@100ms", depth(SPOT, 109, 110))),
        note(5 * SECOND, DROP, {"frames": 12, "since": 4 * SECOND, "connections": [1]}),
    ):
        session.feed(record)
    session.last = 10 * SECOND
    head, line = book_table(session)

    assert head.split() == ["book", "frames", "/s", "gaps", "missed", "resyncs", "dropped", "here", "crossed", "proof"]
    assert line.split()[:8] == ["binance:BTCUSDT", "2", "0.2", "2", "3", "0", "12", "0"] and "broken" in line


def test_a_chain_has_one_row_and_more_only_for_books_that_lost_something() -> None:
    session = chain(Session(registry.venue), 30)
    for keeper in session.books.values():
        keeper.counters.dropped = 0
    _, whole, lossy = book_table(session)
    assert whole.split()[:8] == ["deribit:BTC,", "30", "books", "-", "-", "1", "7", "0"]
    assert lossy.startswith("    deribit:BTC-25DEC26-101000-C ")
    assert len(book_table(session, every=True)) == 31


def test_what_was_dropped_of_a_connection_is_not_counted_for_each_of_its_books() -> None:
    lines = book_table(chain(Session(registry.venue), 30))
    head, whole = lines[:2]
    assert int(whole[: head.index("dropped here") + len("dropped here")].split()[-1]) == 4
    assert len(lines) == 2 + 20 and "30 books lost something, 20 are listed, -v lists all" in whole


def test_few_options_have_a_row_each() -> None:
    assert len(book_table(chain(Session(registry.venue), 5))) == 6


@pytest.mark.parametrize("width", [60, 80, 100])
def test_zeros_go_first_and_are_said_below_but_no_loss_ever_goes(width: int) -> None:
    session = chain(Session(registry.venue), 2)
    head, *rows = book_table(session, width)
    assert all(len(line) <= width for line in (head, *rows))
    assert all(name in head for name in ("gaps", "missed", "dropped here"))
    told = " ".join((head, *rows))
    assert "crossed" in told and "resyncs" in told
    assert ("crossed 0" in told) == ("crossed" not in head)


def test_columns_stand_below_their_heads_where_the_proof_is_folded() -> None:
    session = chain(Session(registry.venue), 2)
    head, *rows, _ = book_table(session, 80)
    at = head.index("proof")
    assert all(line[at - 2 : at] == "  " for line in rows) and any(not line[:at].strip() for line in rows)
