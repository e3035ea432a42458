"""The venues' checksums, against the examples of their documents."""

import zlib

from feedtape.book.keeper import BookKeeper
from feedtape.book.rules import AlternatingCrc, Chained, DigitsCrc, Integrity
from feedtape.model.events import BookDelta, BookSnapshot

KRAKEN_ASKS = (
    "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 "
    "45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
)
KRAKEN_BIDS = (
    "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 "
    "45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
)


def levels(text: str) -> list[tuple[str, str]]:
    return [(price, size) for price, _, size in (word.partition("/") for word in text.split())]


def test_kraken_joins_the_digits_of_asks_and_bids() -> None:
    assert DigitsCrc().of(levels(KRAKEN_BIDS), levels(KRAKEN_ASKS)) == 3310070434


def test_okx_and_bitget_take_turns_and_leave_out_the_side_that_ran_out() -> None:
    assert AlternatingCrc().of(levels("41006.8/0.60038921 41006.3/0.30178218 41005/2"), levels("41006.9/1.5")) == -2026143093
    assert AlternatingCrc().of(levels("43231.1/4 43231/6"), levels("43232.8/9 43232.9/8")) == -1504501796
    assert AlternatingCrc().of(levels("3366.1/7"), levels("3366.8/9 3368/8 3372/8")) == 831078360


def test_bitfinex_counts_asks_as_negative_amounts() -> None:
    assert AlternatingCrc(ask_sign="-").of(levels("6000/1 5900/2"), levels("6100/3 6200/4")) == 1756193398
    text = b"6000:1e-7:6100:-3"
    unsigned = zlib.crc32(text)
    assert AlternatingCrc(ask_sign="-").of(levels("6000/1e-7"), levels("6100/3")) & 0xFFFFFFFF == unsigned


def test_a_book_is_cut_to_its_depth_before_its_checksum_is_compared() -> None:
    keeper = BookKeeper("kraken:X", "book-2", Integrity(checksum=DigitsCrc(covers=2), snapshot="stream", depth=2))
    wide = levels("5/1 4/1 3/1")
    keeper.take_snapshot(BookSnapshot("kraken:X", 1, None, "book-2", wide, levels("6/1"), None), 1)
    assert len(keeper.book.bids) == 2
    assert keeper.proof() == ("unprovable", "no checksum has come since the snapshot")
    expected = DigitsCrc().of(levels("5/1 4.5/2"), levels("6/1"))
    assert not keeper.take_delta(BookDelta("kraken:X", 2, None, "book-2", [("4.5", "2")], [], None, None, checksum=expected), 1)
    assert keeper.proof() == ("checksum", "the venue's checksum covers the best 2 levels")
    # The level that was pushed out is gone, and reappears only when the venue says it again.
    keeper.take_delta(BookDelta("kraken:X", 3, None, "book-2", [("4.5", "0")], [], None, None), 1)
    assert list(keeper.book.bids.top()) == [("5", "1")]


def test_a_checksum_that_the_venue_no_longer_sends_is_no_grade() -> None:
    declared = Integrity(sequence=Chained(), checksum=AlternatingCrc(), checksum_until="2026-06", snapshot="stream")
    assert declared.proof == "sequence"
    keeper = BookKeeper("okx:X", "books", declared)
    keeper.take_snapshot(BookSnapshot("okx:X", 1, None, "books", levels("1/1"), [], 5), 1)
    assert keeper.proof()[0] == "sequence"
    sum_of_then = AlternatingCrc().of(levels("1/2"), [])
    keeper.take_delta(BookDelta("okx:X", 2, None, "books", [("1", "2")], [], None, 6, 5, sum_of_then), 1)
    grade, words = keeper.proof()
    assert grade == "checksum" and "an unbroken chain since snapshot 5" in words
