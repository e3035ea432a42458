"""Moving about on a tape without a thread: markers and bookmarks, what is said where nothing is found."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedtape.errors import TapeError, UsageError
from feedtape.model.records import MARKER
from feedtape.replay.bookmarks import bookmarks_path
from feedtape.replay.playback import Playback
from feedtape.replay.reel import problems
from feedtape.ui.moves import Moves
from feedtape.ui.player import Player
from feedtape.ui.playing import Named, Playing
from feedtape.ui.seeker import Seeker
from stage_cli import START, Script, records_of


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """A tape with a marker, a gap and a resync."""
    script = Script(tmp_path / "a.tape.zst").live()
    script.note(MARKER, {"note": "the news"})
    script.delta(lost=2)
    script.snapshot()
    script.delta()
    return script.finish()


class Stood:
    """A player that stands at the start of a tape, who moves it, and what was said."""

    def __init__(self, playback: Playback) -> None:
        self.said: list[str] = []
        self.player = Player(playback, Playing(is_paused=True), Moves())
        self.player.begin()
        self.seeker = Seeker(self.player, lambda: True, self.said.append)


@pytest.fixture
def stood(tape: Path) -> Iterator[Stood]:
    """Stand at its start."""
    with Playback(tape) as playback:
        yield Stood(playback)


def test_a_bookmark_between_two_records_is_stood_at_and_passed(tape: Path, stood: Stood) -> None:
    [marker] = [record.time for record in records_of(tape) if record.kind == MARKER]
    between = START + 250_000_000
    bookmarks_path(tape).write_text(f'{{"time":"{between}","note":"by hand"}}\n')
    for moment, name in ((between, "by hand"), (marker, "the news")):
        stood.seeker.marker(forward=True)
        assert stood.player.head.time == moment and stood.said[-1].endswith(f" {name}")
    stood.seeker.marker(forward=True)
    assert stood.said[-1] == "no further marker" and stood.player.head.time == marker
    assert stood.seeker.bookmarks == [Named(between, "by hand", is_bookmark=True)]


def test_a_bookmark_that_is_added_is_known_at_once_and_one_that_cannot_be_read_is_no_silence(tape: Path, stood: Stood) -> None:
    stood.seeker.seek(START + 700_000_000)
    stood.seeker.bookmark()
    assert [(one.time, one.text) for one in stood.seeker.bookmarks] == [(stood.player.head.time, "bookmark 1")]
    bookmarks_path(tape).write_text("{}\n")
    with pytest.raises(TapeError, match="line 1 of"):
        stood.seeker.look()


def test_a_problem_is_told_in_words_and_one_stays_where_there_is_none(stood: Stood) -> None:
    found = []
    for _ in range(2):
        stood.seeker.find(problems(), "problem", forward=True, from_start=False, is_problem=True)
        found.append(stood.player.head.why)
    assert found[0].startswith("gap binance:BTCUSDT: ") and found[1] == "binance:BTCUSDT is whole again"
    position = stood.player.reel.position
    stood.seeker.find(problems(), "problem", forward=True, from_start=False, is_problem=True)
    assert stood.said == ["no further problem; g goes to the start"] and stood.player.reel.position == position


def test_a_time_beyond_the_tape_is_its_nearest_end(stood: Stood) -> None:
    stood.seeker.seek(START + 10**15)
    assert stood.player.head.time == stood.player.head.last
    stood.seeker.seek(0)
    assert stood.player.head.time == stood.player.head.first and stood.player.reel.frames == 0


def test_a_silence_is_left_second_by_second(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    silent = script.now
    script.now += 60 * 10**9
    script.delta()
    with Playback(script.finish()) as playback:
        stood = Stood(playback)
        stood.seeker.seek(silent)
        for number in range(1, 12):
            stood.seeker.seek(stood.player.now() + 5 * 10**9)
            assert stood.player.head.time == silent + number * 5 * 10**9 and stood.player.reel.time == silent


def test_what_is_typed_is_a_time_or_a_condition_and_the_condition_can_be_gone_on_with(tape: Path, stood: Stood) -> None:
    target = "binance:BTCUSDT"
    stood.seeker.go_on(target)
    assert stood.said[-1] == "no condition yet: / takes one"
    stood.seeker.go("+0.7s", target)
    assert stood.player.head.time == START + 700_000_000
    stood.seeker.go("mark:news", target)
    with pytest.raises(UsageError, match=r"the tape holds .* to .*, not 2030"):
        stood.seeker.go("2030-01-01T00:00:00Z", target)
    stood.seeker.go("spread > 0", target)
    assert stood.player.head.why == "spread > 0"
    before = stood.player.head
    stood.seeker.go_on(target)
    assert stood.said[-1].startswith("no further spread > 0") and stood.player.head == before
