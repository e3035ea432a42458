import asyncio
import itertools
import random

import pytest

from feed.stage import Hand
from feedtape.feed.clock import Clock
from feedtape.feed.pace import Backoff, Messages, WeightBudget, Window
from feedtape.venues.contract import Rate


def test_messages_are_spaced_evenly_below_the_limit() -> None:
    hand, sent = Hand(), []

    async def run() -> None:
        spacing = Messages([Rate(5, 1)], now=hand.now, sleep=hand.sleep)
        for _ in range(10):
            await spacing.wait()
            sent.append(hand.time)

    asyncio.run(run())
    gaps = [after - before for before, after in itertools.pairwise(sent)]
    assert gaps == pytest.approx([1 / 3] * 9)


def test_connection_attempts_stay_below_the_window() -> None:
    hand, made = Hand(), []

    async def run() -> None:
        attempts = Window(Rate(10, 300), 0.8, now=hand.now, sleep=hand.sleep)
        for _ in range(25):
            await attempts.wait()
            made.append(hand.time)

    asyncio.run(run())
    assert made[7] == made[0]
    assert made[8] == made[0] + 300
    assert all(after - before >= 300 for before, after in zip(made, made[10:], strict=False))


def test_weight_is_spent_within_the_minute() -> None:
    hand, made = Hand(), []

    async def run() -> None:
        budget = WeightBudget(Rate(1000, 60), now=hand.now, sleep=hand.sleep)
        for _ in range(4):
            await budget.spend(250)
            made.append(hand.time - 1000)

    asyncio.run(run())
    assert made == [0, 0, 0, 60]


def test_weight_that_others_used_is_learned_from_the_venue() -> None:
    hand = Hand()

    async def run() -> None:
        budget = WeightBudget(Rate(1000, 60), now=hand.now, sleep=hand.sleep)
        await budget.spend(100)
        budget.learn(790)
        budget.learn(50)
        await budget.spend(10)
        assert hand.time == 1000
        await budget.spend(10)
        assert hand.time == 1060

    asyncio.run(run())


def test_a_request_heavier_than_the_budget_is_sent_alone() -> None:
    hand = Hand()

    async def run() -> None:
        budget = WeightBudget(Rate(100, 60), now=hand.now, sleep=hand.sleep)
        await budget.spend(5000)
        await budget.spend(5000)

    asyncio.run(run())
    assert hand.time == 1060


def test_a_pause_stops_everything() -> None:
    hand = Hand()

    async def run() -> None:
        budget = WeightBudget(Rate(1000, 60), now=hand.now, sleep=hand.sleep)
        budget.pause(120)
        budget.pause(5)
        assert budget.paused_s == 120
        await budget.spend(1)

    asyncio.run(run())
    assert hand.time == 1120


def test_delays_double_up_to_the_cap_with_jitter() -> None:
    backoff = Backoff(random.Random(3), base_s=0.5, cap_s=60)
    steps = [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    delays = [backoff.down() for _ in steps]
    assert all(step / 2 <= delay <= step for step, delay in zip(steps, delays, strict=True))
    assert len({delay / step for step, delay in zip(steps, delays, strict=True)}) == len(steps)


def test_delays_begin_anew_only_after_a_stable_stretch() -> None:
    hand = Hand()
    backoff = Backoff(random.Random(3), base_s=1, now=hand.now)
    for _ in range(5):
        backoff.up()
        hand.time += 29
        backoff.down()
    assert backoff.down() >= 16
    backoff.up()
    hand.time += 30
    assert backoff.down() <= 1


def test_the_clock_goes_on_when_the_wall_clock_is_set_back() -> None:
    wall, monotonic = [1_700_000_000_000_000_000], [500]
    clock = Clock(lambda: wall[0], lambda: monotonic[0])
    assert clock.now() == wall[0]
    monotonic[0] += 1_000
    wall[0] -= 3_600_000_000_000
    assert clock.now() == 1_700_000_000_000_001_000
    assert clock.drift() == -3_600_000_001_000
