"""The sequence rules, by the worked examples of the venues' documents."""

import pytest

from feedtape.book.rules import AlternatingCrc, Chained, Contiguous, DigitsCrc, Integrity, Ordered, SequenceRule, Verdict
from feedtape.model.events import BookDelta

NEXT, OLD, GAP = Verdict.NEXT, Verdict.OLD, Verdict.GAP


def delta(first: int | None, last: int | None, prev: int | None = None) -> BookDelta:
    return BookDelta("toy:COIN", 1, 1, "depth", [], [], first, last, prev)


@pytest.mark.parametrize(
    ("sequence", "first", "last", "verdict"),
    [
        # Spot, worked example: events (101,105), (106,106), (107,112).
        (106, 101, 105, OLD),
        (106, 106, 106, OLD),
        (106, 107, 112, NEXT),
        (98, 101, 105, GAP),  # the snapshot is too old
        (110, 107, 112, NEXT),  # straddles: apply it whole
        (110, 106, 106, OLD),
        # The ends of the range.
        (112, 107, 112, OLD),
        (111, 107, 112, NEXT),
        (107, 107, 112, NEXT),
        (106, 108, 112, GAP),
        (100, 101, 105, NEXT),
    ],
)
def test_contiguous_bridges(sequence: int, first: int, last: int, verdict: Verdict) -> None:
    assert Contiguous().bridges(sequence, delta(first, last)) is verdict


@pytest.mark.parametrize(
    ("last", "event", "verdict", "missed"),
    [
        (112, (113, 120), NEXT, 0),
        (112, (115, 120), GAP, 2),
        (112, (114, 114), GAP, 1),
        (112, (107, 112), OLD, 0),
        (112, (1, 5), OLD, 0),
        (112, (110, 115), NEXT, 0),  # an overlap is no loss
    ],
)
def test_contiguous_follows(last: int, event: tuple[int, int], verdict: Verdict, missed: int) -> None:
    assert Contiguous().follows(last, delta(*event)) is verdict
    assert Contiguous().missed(last, delta(*event)) == missed


@pytest.mark.parametrize(
    ("sequence", "event", "verdict"),
    [
        # Futures, worked example: lastUpdateId 105.
        (105, (90, 98, 85), OLD),
        (105, (100, 110, 98), NEXT),  # straddles
        # Direct continuation: U > lastUpdateId, and pu is it.
        (110, (114, 120, 110), NEXT),
        # A snapshot id among the unused ids between pu and U.
        (112, (114, 120, 110), NEXT),
        # The ends.
        (100, (100, 110, 98), NEXT),
        (110, (100, 110, 98), NEXT),
        (98, (100, 110, 98), NEXT),
        (111, (100, 110, 98), OLD),
        (97, (100, 110, 98), GAP),  # the snapshot is too old
    ],
)
def test_chained_bridges(sequence: int, event: tuple[int, int, int], verdict: Verdict) -> None:
    assert Chained().bridges(sequence, delta(*event)) is verdict


@pytest.mark.parametrize(
    ("last", "event", "verdict", "missed"),
    [
        (110, (114, 120, 110), NEXT, None),
        (120, (131, 140, 127), GAP, 7),
        (120, (121, 140, 127), GAP, 7),  # U continues, and says nothing: pu does
        (120, (114, 120, 110), OLD, None),  # a duplicate
        (120, (100, 110, 98), OLD, None),
        (120, (131, 140, 119), GAP, None),  # a chain that was cut otherwise
    ],
)
def test_chained_follows(last: int, event: tuple[int, int, int], verdict: Verdict, missed: int | None) -> None:
    assert Chained().follows(last, delta(*event)) is verdict
    assert Chained().missed(last, delta(*event)) == missed


@pytest.mark.parametrize("event", [(114, 120, 127), (90, 98, 127)])
def test_a_delta_that_follows_something_unseen_is_no_duplicate(event: tuple[int, int, int]) -> None:
    assert Chained().follows(120, delta(*event)) is GAP


def test_a_restart_is_evidence_of_loss_where_the_venue_restarts_and_old_news_elsewhere() -> None:
    assert Contiguous(restart=1).follows(500, delta(1, 1)) is GAP
    assert Contiguous().follows(500, delta(1, 1)) is OLD
    assert Contiguous(restart=1).follows(0, delta(1, 1)) is NEXT
    assert Contiguous(restart=1).follows(500, delta(7, 9)) is OLD


@pytest.mark.parametrize("rule", [Contiguous(), Chained()])
def test_numbers_that_are_missing_prove_nothing(rule: SequenceRule) -> None:
    assert rule.bridges(100, delta(None, None, None)) is GAP
    assert rule.follows(100, delta(None, None, None)) is GAP
    assert rule.missed(100, delta(None, None, None)) is None


def test_the_grade_is_the_best_that_can_be_proven() -> None:
    class Sum:
        covers = 1
        of_orders = False

        def of(self, bids: object, asks: object) -> int:
            return 0

    assert Integrity().proof == "unprovable"
    assert Integrity(sequence=Chained()).proof == "sequence"
    assert Integrity(checksum=Sum()).proof == Integrity(sequence=Chained(), checksum=Sum()).proof == "checksum"


@pytest.mark.parametrize(
    ("integrity", "sees"),
    [
        (Integrity(sequence=Contiguous()), True),
        (Integrity(sequence=Ordered()), False),
        (Integrity(counted=True, snapshot="stream"), True),
        (Integrity(checksum=DigitsCrc(10), snapshot="stream", depth=10), True),
        # What is missing deeper than the checksum reaches would never show.
        (Integrity(checksum=DigitsCrc(10), snapshot="stream", depth=100), False),
        (Integrity(checksum=AlternatingCrc(25), snapshot="stream"), False),
        (Integrity(snapshot="full"), True),
    ],
)
def test_whether_a_message_that_is_missing_always_shows(integrity: Integrity, sees: bool) -> None:
    assert integrity.sees_loss == sees
