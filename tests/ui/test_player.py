"""The player without a thread: where it begins, when something is due, why it pauses, and where it ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feedtape.model.records import MARKER
from feedtape.replay.playback import Playback
from feedtape.ui.moves import Moves
from feedtape.ui.player import Player
from feedtape.ui.playing import Playing
from stage_cli import START, STEP, Script

FAST = 2.0**16


@pytest.fixture
def playback(tmp_path: Path) -> Iterator[Playback]:
    """A tape with a marker and a gap."""
    script = Script(tmp_path / "a.tape.zst").live()
    script.note(MARKER, {"note": "here"})
    script.delta(lost=2)
    with Playback(script.finish()) as playback:
        yield playback


def begun(playback: Playback, **how: Any) -> Player:
    player = Player(playback, Playing(**{"speed": FAST, **how}), Moves())
    player.begin()
    return player


def played(player: Player) -> Player:
    """Play until it waits for somebody."""
    while not player.is_still:
        player.advance()
    return player


def test_nothing_is_due_while_it_is_paused_and_what_was_recorded_later_is_due_later(playback: Playback) -> None:
    player = begun(playback, is_paused=True, speed=1e-3)
    assert player.due_in() is None
    player.toggle()
    player.advance()
    assert player.head.time == START and (player.due_in() or 0) > 50
    player.pace(2.0**40)
    assert player.head.speed == FAST


def test_it_pauses_where_it_was_told_to_says_why_and_goes_on(playback: Playback) -> None:
    player = played(begun(playback, pause_on=frozenset({"mark", "gap"})))
    assert (player.head.is_paused, player.head.why) == (True, "marker")
    player.toggle()
    assert played(player).head.why == "gap binance:BTCUSDT"
    player.toggle()
    assert played(player).head.is_at_end and player.head.why == ""
    player.toggle()
    assert player.head.time == player.head.first and not player.is_still


def test_it_begins_and_ends_where_it_was_told_to(playback: Playback) -> None:
    player = begun(playback, since=START + 5 * STEP, until=START + 8 * STEP)
    assert player.head.time == START + 5 * STEP
    assert played(player).head.time == START + 8 * STEP and player.head.is_at_end


def test_a_step_that_told_a_frame_is_told_until_the_next_move(playback: Playback) -> None:
    player = begun(playback, since=START + 5 * STEP)
    player.stand(player.reel.step(1))
    told = player.step_told
    assert told is not None and player.head.is_paused
    player.explain()
    assert player.step_told is told
    player.reel.seek(START)
    player.moved()
    assert player.step_told is None


def test_a_pause_in_a_silence_stands_in_it_and_what_is_due_stays_due(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    silent = script.now
    script.now += 3600 * 10**9
    script.delta()
    with Playback(script.finish()) as playback:
        player = begun(playback, since=silent, speed=60.0)
        player.advance()
        for change in (player.toggle, player.toggle, lambda: player.pace(2), lambda: player.stay(player.now())):
            change()
            assert silent <= player.head.time < silent + 600 * 10**9 and player.reel.time == silent
        # An hour at 120 times its speed takes half a minute.
        assert 20 < (player.due_in() or 0) < 31


def test_it_pauses_for_books_that_are_shown_alone(playback: Playback) -> None:
    player = played(begun(playback, pause_on=frozenset({"gap"}), only=("binance:ETHUSDT",)))
    assert player.head.is_at_end
    player = played(begun(playback, pause_on=frozenset({"gap"}), only=("BINANCE:btcusdt",)))
    assert player.head.is_paused
