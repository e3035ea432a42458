"""The market: never crossed, ids as promised, the same for a seed, and its past states exact."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from feedtape.sim.market import Market, Shape, Step

SPOT = Shape(mid=6_180_000, gap=30, lots=20_000)
FUTURES = Shape(mid=618_000, gap=3, lots=200, id_stride=300, first_id=5_000_000)


def market(shape: Shape = SPOT, seed: int = 1, **options: int) -> Market:
    return Market(shape, random.Random(seed), **options)


@pytest.mark.parametrize("shape", [SPOT, FUTURES], ids=["spot", "futures"])
@pytest.mark.parametrize("seed", range(3))
def test_never_crossed_and_always_deep(shape: Shape, seed: int) -> None:
    m = market(shape, seed)
    for _ in range(3000):
        m.step()
        assert m.bids.best < m.asks.best
        assert 200 <= len(m.bids) <= 1500 and 200 <= len(m.asks) <= 1500
    assert all(size > 0 for _, size in m.state().bids + m.state().asks)


def test_same_seed_same_market() -> None:
    def story(seed: int) -> list[Step]:
        m = market(seed=seed)
        return [m.step() for _ in range(500)]

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_spot_ids_are_consecutive() -> None:
    m = market()
    last = m.last_id
    for _ in range(500):
        step = m.step()
        assert step.first == last + 1
        assert step.last >= step.first
        last = step.last


def test_futures_ids_skip() -> None:
    m = market(FUTURES)
    steps = [m.step() for _ in range(500)]
    holes = [after.first - before.last for before, after in pairwise(steps)]
    assert min(holes) >= 1
    assert max(holes) > 1


def test_trades_take_what_rests() -> None:
    m = market()
    trades = []
    for _ in range(3000):
        best_ask, best_bid = m.asks.best, m.bids.best
        for trade in m.step().trades:
            trades.append(trade)
            # One step may move the top before it trades, but not by more than its own orders.
            assert trade.size > 0
            assert abs(trade.price - (best_ask if trade.buy else best_bid)) < SPOT.mid // 50
    assert [trade.id for trade in trades] == list(range(trades[0].id, trades[0].id + len(trades)))
    assert {trade.buy for trade in trades} == {True, False}


def test_activity_comes_in_clusters() -> None:
    m = market()
    counts = [len(step.bids) + len(step.asks) for step in (m.step() for _ in range(4000))]
    mean = sum(counts) / len(counts)
    neighbours = sum((a - mean) * (b - mean) for a, b in pairwise(counts))
    assert neighbours / sum((a - mean) ** 2 for a in counts) > 0.05


@pytest.mark.parametrize("shape", [SPOT, FUTURES], ids=["spot", "futures"])
def test_past_state_equals_naive_rebuild(shape: Shape) -> None:
    m = market(shape, seed=3)
    bids, asks = dict(m.state().bids), dict(m.state().asks)
    past = {}
    for number in range(2000):
        step = m.step()
        for side, changes in ((bids, step.bids), (asks, step.asks)):
            side.update(changes)
            for price in [price for price, size in side.items() if size == 0]:
                del side[price]
        if number % 97 == 0:
            past[step.last] = sorted(bids.items(), reverse=True), sorted(asks.items())
    for update_id, expected in past.items():
        state = m.state_at(update_id)
        assert (state.id, state.bids, state.asks) == (update_id, *expected)
    assert m.state_at(m.last_id) == m.state()


def test_state_between_two_ids_is_that_of_the_earlier() -> None:
    m = market(FUTURES)
    first = m.step()
    second = m.step()
    assert second.first > first.last + 1, "choose another seed: nothing lies between these steps"
    assert m.state_at(second.first - 1) == m.state_at(first.last)
    assert m.state_at(second.first) != m.state_at(first.last)


def test_history_is_bounded() -> None:
    m = market(history_steps=512)
    start = m.last_id
    for _ in range(2000):
        m.step()
    with pytest.raises(LookupError):
        m.state_at(start)
    with pytest.raises(LookupError):
        m.state_at(m.last_id + 1)
    assert m.state_at(m.oldest_id).id == m.oldest_id
