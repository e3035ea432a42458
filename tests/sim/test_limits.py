"""Limits count what they should, and forget it in time."""

from __future__ import annotations

from feedtape.sim.limits import RateWindow, WeightMeter


def test_rate_window_slides() -> None:
    window = RateWindow(2, 1.0)
    assert [window.add(now) for now in (0.0, 0.5, 0.9, 1.95, 2.5)] == [True, True, False, True, True]


def test_weight_starts_anew_each_minute() -> None:
    meter = WeightMeter(100)
    assert meter.add(100, 30.0) is None
    assert meter.used == 100
    assert meter.add(1, 45.0) == (15, False)
    assert meter.add(1, 60.0) is None
    assert meter.used == 1


def test_going_on_after_a_refusal_bans() -> None:
    meter = WeightMeter(1)
    answers = [meter.add(1, 10.0) for _ in range(7)]
    assert answers[0] is None
    assert answers[1:6] == [(50, False)] * 5
    assert answers[6] == (120, True)
    assert meter.add(1, 70.0) == (60, True), "a new minute does not lift a ban"
    assert meter.add(1, 131.0) is None
