"""Whatever happens to a stream, a live book is the exchange's book: never wrong and silent."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book.exchange import ACTIONS, FAULTLESS, RULES, TARGET, Devil
from feedtape.book.keeper import BookKeeper, State
from feedtape.model.events import Gap, Resync

families = st.sampled_from(sorted(RULES))
seeds = st.integers(0, 2**32)
scripts = st.lists(st.sampled_from(ACTIONS), min_size=8, max_size=50)


@settings(deadline=None, max_examples=400)
@given(families, seeds, scripts)
def test_a_live_book_is_the_exchanges_book(family: str, seed: int, script: list[str]) -> None:
    devil = Devil(family, seed)
    for action in script:
        devil.act(action)
        devil.check()
    devil.recover()
    devil.check()
    assert devil.keeper.is_live, "a feed that behaves again must be shown again"
    # What was counted is what was said.
    gaps = [event for event in devil.known if isinstance(event, Gap)]
    resyncs = [event for event in devil.known if isinstance(event, Resync)]
    assert (devil.keeper.counters.gaps, devil.keeper.counters.resyncs) == (len(gaps), len(resyncs))
    assert (resyncs == []) == (gaps == [])


@settings(deadline=None, max_examples=150)
@given(families, seeds, st.lists(st.sampled_from(FAULTLESS), min_size=8, max_size=50))
def test_a_stream_without_loss_is_never_called_lossy(family: str, seed: int, script: list[str]) -> None:
    devil = Devil(family, seed)
    # A message that was repeated before anything else came proves nothing about the chain: begin with one.
    devil.act("pass")
    for action in script:
        devil.act(action)
        devil.check()
    assert devil.known == [] and devil.keeper.counters.gaps == 0
    if not devil.keeper.is_live:
        devil.recover()
        assert devil.known == [] and devil.keeper.is_live


@settings(deadline=None, max_examples=150)
@given(families, seeds, st.integers(1, 12))
def test_each_lost_message_is_noticed_by_the_next_one(family: str, seed: int, position: int) -> None:
    devil = Devil(family, seed)
    devil.recover()
    for _ in range(position):
        devil.act("pass")
    before = devil.keeper.last_recv
    devil.act("drop")
    devil.check()
    assert devil.known == []
    devil.act("pass")
    devil.check()
    [gap] = devil.known
    assert isinstance(gap, Gap)
    assert (gap.target, gap.kind, gap.since, gap.recv) == (TARGET, "gap", before, devil.clock)
    assert devil.keeper.state is State.BROKEN
    for _ in range(3):
        devil.act("pass")
        assert devil.keeper.state is State.BROKEN and devil.keeper.wants_snapshot
    devil.act("snapshot")
    devil.check()
    assert devil.keeper.is_live
    [resync] = devil.known[1:]
    assert isinstance(resync, Resync) and resync.since == gap.recv


@settings(deadline=None, max_examples=200)
@given(families, seeds, scripts, st.integers(1, 5))
def test_a_keyframe_anywhere_changes_nothing_after_it(family: str, seed: int, script: list[str], interval: int) -> None:
    straight, reloaded = Devil(family, seed), Devil(family, seed)
    for number, action in enumerate([*script, "drop", "pass", "slow", "snapshot", "pass", "pass"]):
        if number % interval == 0:
            saved = orjson.loads(orjson.dumps(reloaded.keeper.save()))
            reloaded.keeper = BookKeeper.load(TARGET, saved, RULES[family])
        straight.act(action)
        reloaded.act(action)
        assert reloaded.keeper.save() == straight.keeper.save()
        assert reloaded.keeper.digest() == straight.keeper.digest()
        assert reloaded.keeper.proof() == straight.keeper.proof()
    assert reloaded.known == straight.known


@pytest.mark.parametrize("family", sorted(RULES))
def test_the_devil_reaches_every_state(family: str) -> None:
    """A property over a stream that never gets live would hold for nothing."""
    live = broken = takeovers = 0
    for seed in range(120):
        devil = Devil(family, seed)
        devil.recover()
        for _ in range(40):
            action = devil.rng.choice(ACTIONS)
            was_live, carriers = devil.keeper.is_live, devil.keeper.carriers
            devil.act(action)
            live += devil.keeper.is_live
            broken += devil.keeper.state is State.BROKEN
            took_over = action == "leave" and devil.keeper.carriers not in (carriers, ())
            takeovers += was_live and took_over and devil.keeper.is_live
    assert live > 500 and broken > 200 and takeovers > 10
