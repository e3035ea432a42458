"""Keeping a tape's time, by a clock that stands still until a test moves it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.replay.pacing import Pace

SECOND = 10**9


class Hands:
    """A clock that waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def shown_at(times: list[int], speed: float, idle_limit_s: float | None = None, work_s: float = 0.0) -> list[float]:
    """When each record is shown, in seconds since the first; showing one takes `work_s`."""
    hands = Hands()
    pace = Pace(speed, hands, idle_limit_s)
    shown = []
    for time in times:
        wait = pace.wait_s(time)
        assert wait >= 0
        hands.now += wait
        shown.append(hands.now - 1000)
        hands.now += work_s
    return shown


TIMES = [7 * SECOND, 8 * SECOND, 8 * SECOND, 10 * SECOND, 40 * SECOND]


@pytest.mark.parametrize("speed", [0.5, 1, 2, 10])
def test_records_come_at_their_distance_from_the_first(speed: float) -> None:
    assert shown_at(TIMES, speed) == pytest.approx([0, 1 / speed, 1 / speed, 3 / speed, 33 / speed])


def test_silences_are_shortened() -> None:
    assert shown_at(TIMES, 1, idle_limit_s=2) == pytest.approx([0, 1, 1, 3, 5])
    assert shown_at(TIMES, 2, idle_limit_s=2) == pytest.approx([0, 0.5, 0.5, 1.5, 2.5])


def test_slow_moments_do_not_delay_what_follows() -> None:
    assert shown_at(TIMES, 1, work_s=1.5) == pytest.approx([0, 1.5, 3.0, 4.5, 33])


@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=40).map(sorted), st.sampled_from([0.1, 1.0, 7.0, 1e5]))
def test_nothing_is_shown_early_or_out_of_order(times: list[int], speed: float) -> None:
    shown = shown_at(times, speed)
    assert all(before <= after for before, after in pairwise(shown))
    for time, moment in zip(times, shown, strict=True):
        assert moment == pytest.approx((time - times[0]) / 1e9 / speed, abs=1e-6)


def test_the_tapes_time_goes_on_between_records() -> None:
    hands = Hands()
    assert Pace(1, hands).time() is None
    pace = Pace(2, hands, at=7 * SECOND)
    assert pace.time() == 7 * SECOND and pace.wait_s(17 * SECOND) == 5
    hands.now += 3
    assert pace.time() == 13 * SECOND and pace.wait_s(17 * SECOND) == 2


def test_a_silence_is_shortened_from_where_one_begins_in_it() -> None:
    hands = Hands()
    pace = Pace(1, hands, idle_limit_s=2, at=8 * SECOND)
    assert pace.wait_s(40 * SECOND) == 2
    hands.now += 1
    assert pace.time() == 39 * SECOND
