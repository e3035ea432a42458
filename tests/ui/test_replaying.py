"""How a replay ends, whatever was played of the tape: what is said after the screen, and the exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedtape.model.records import DIGEST
from feedtape.replay.playback import Playback
from feedtape.ui.play_stage import PlayStage
from feedtape.ui.playing import Playing
from feedtape.ui.replaying import told_replay
from stage_cli import TARGET, Script, eventful, inside, is_one_error, until, whole_tape

Act = Callable[[PlayStage], None]


def at_once(stage: PlayStage) -> None:
    """Leave without playing anything."""
    until(lambda: stage.timeline is not None and stage.timeline.is_whole)


def to_the_end(stage: PlayStage) -> None:
    """Leave at the end."""
    until(lambda: stage.head.is_at_end)


def back_from_the_end(stage: PlayStage) -> None:
    """Leave at the start, after all was played."""
    to_the_end(stage)
    stage.step(-10_000)
    until(lambda: stage.head.is_paused)


def shown(tape: Path, act: Act, **how: Any) -> int:
    """Play a tape on a stage, leave, and return the status."""
    playing = Playing(**{"speed": 1e5, "is_paused": act is at_once, **how})
    with Playback(tape) as playback:
        stage = PlayStage(playback, playing)
        stage.start()
        act(stage)
        stage.stop("q")
        stage.ended.result(10)
        return told_replay(playback, playing, stage)


@pytest.mark.parametrize("act", [at_once, to_the_end])
def test_a_whole_tape_ends_with_nothing_said(tmp_path: Path, act: Act, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(whole_tape(tmp_path / "a.tape.zst"), act) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("act", [at_once, to_the_end, back_from_the_end])
def test_a_cut_tape_is_told_whatever_was_played_of_it(tmp_path: Path, act: Act, capsys: pytest.CaptureFixture[str]) -> None:
    tape = Script(tmp_path / "a.tape.zst").live(10).abandon()
    assert shown(tape, act) == 3
    assert capsys.readouterr().err.splitlines() == [
        f"feedtape: warning: {tape} is cut at 10:15:03.500Z: no end record; 12 frames up to there are readable",
        f"hint: feedtape repair {tape} -o {tmp_path / 'a-fixed.tape.zst'}",
        "ends with status 3: the tape is cut",
    ]


def test_a_picture_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    tape = whole_tape(tmp_path / "a.tape.zst")
    path = tmp_path / "nowhere" / "a.svg"
    done = inside("replay", tape, "--svg", path, "--size", "40x10")
    assert done.status == 1 and is_one_error(done) and f"{path} cannot be written: No such file or directory" in done.err


def test_the_end_is_not_missed_where_it_was_not_asked_for_or_is_still_to_come(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live(10)
    script.recorder.writer.flush()
    until(lambda: not script.recorder.writer.waiting)
    with Playback(script.path) as playback:
        middle = sum(playback.bounds()) // 2
    assert shown(script.path, to_the_end, until=middle) == 0
    assert shown(script.path, lambda stage: until(lambda: stage.head.time), follow=True) == 0
    script.finish()


def test_damage_is_told_before_it_was_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tape = whole_tape(tmp_path / "a.tape.zst")
    data = bytearray(tape.read_bytes())
    data[len(data) // 4] ^= 1
    tape.write_bytes(data)
    assert shown(tape, at_once) == 3
    said = capsys.readouterr().err
    assert "a damaged block (" in said and "hint: feedtape repair " in said and "1 damaged place" in said.splitlines()[-1]


def test_loss_counts_once_it_was_played_and_stays_when_one_goes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tape = eventful(Script(tmp_path / "a.tape.zst"))
    assert shown(tape, at_once) == 0
    assert shown(tape, back_from_the_end) == 3
    assert capsys.readouterr().err.startswith("ends with status 3: 3 updates missed, ")


def test_a_contradiction_that_was_played_outweighs_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = eventful_but_lying(Script(tmp_path / "a.tape.zst"))
    assert shown(script, at_once) == 3
    capsys.readouterr()
    assert shown(script, back_from_the_end) == 5
    assert capsys.readouterr().err.splitlines()[-1] == "ends with status 5: 1 digest contradicts what the frames build"


def eventful_but_lying(script: Script) -> Path:
    """A cut tape that says of its book what is not so."""
    script.live()
    script.note(DIGEST, {"books": {TARGET: {"digest": "0" * 32, "sequence": script.sequence, "state": "live"}}})
    script.delta()
    return script.abandon()
