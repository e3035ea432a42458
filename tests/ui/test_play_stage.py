"""The stage of a replay, without a terminal: what pauses it, where it ends, how it follows, what becomes of many keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from feedtape.model.events import Event, Gap, Resync
from feedtape.model.records import FRAMES, MARKER, RECV, Record, note
from feedtape.replay.playback import Playback
from feedtape.replay.reel import problems
from feedtape.ui.draw import scene
from feedtape.ui.draw.depth_map import DepthMap
from feedtape.ui.draw.rows import text_of
from feedtape.ui.history import History
from feedtape.ui.keymap import WATCH
from feedtape.ui.live_stage import LiveStage
from feedtape.ui.picture import Look, Picture, take
from feedtape.ui.play_stage import PlayStage
from feedtape.ui.playing import Playing
from feedtape.ui.view import View
from stage_cli import START, STEP, TARGET, Script, eventful, payload_of_delta
from stage_cli import until as soon

T = TypeVar("T")
FAST = 1e5
LOOK = Look(detailed=(TARGET,))


@contextmanager
def playing(tape: Path, **how: Any) -> Iterator[PlayStage]:
    """Play a tape, as fast as it goes."""
    with Playback(tape) as playback:
        stage = PlayStage(playback, Playing(**{"speed": FAST, **how}))
        stage.start()
        yield stage
        stage.stop("q")
        stage.ended.result(10)


def ask(stage: PlayStage, what: Callable[[], T]) -> T:
    """Return what is so between two jobs of the stage."""
    answer: Future[T] = Future()
    stage.do(lambda: answer.set_result(what()))
    return answer.result(10)


def until(stage: PlayStage, holds: Callable[[], object]) -> None:
    """Return when something holds between two jobs."""
    for _ in range(200_000):
        if ask(stage, holds):
            return
    raise AssertionError(f"it never held: {stage.head}")


def is_still(stage: PlayStage) -> bool:
    return stage.head.is_paused or stage.head.is_at_end


def picture(stage: PlayStage) -> Picture:
    """Take a picture."""
    answer: Future[Any] = Future()
    assert stage.take(LOOK, answer.set_result)
    found = answer.result(10)
    assert isinstance(found, Picture)
    return found


@contextmanager
def held(stage: PlayStage) -> Iterator[None]:
    """Keep the stage busy, while keys are pressed."""
    here, go = threading.Event(), threading.Event()

    def hold() -> None:
        here.set()
        assert go.wait(10)

    stage.do(hold)
    assert here.wait(10)
    try:
        yield
    finally:
        go.set()


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape with a gap, a resync, a marker and a book that becomes crossed."""
    script = Script(tmp_path_factory.mktemp("play") / "a.tape.zst").live()
    script.delta(lost=3)
    script.delta()
    script.snapshot()
    script.delta()
    script.note(MARKER, {"note": "here", "by": "key"})
    script.delta()
    script.sequence += 1
    script.take(RECV, payload_of_delta(script.sequence, price="61690.00"))
    for _ in range(30):
        script.delta()
    return script.finish()


def moments(tape: Path, holds: Callable[[Playback, Record, Sequence[Event]], object]) -> list[int]:
    """Times at which something holds, in a replay of its own."""
    with Playback(tape) as playback:
        return [record.time for record, events in playback.play() if holds(playback, record, events)]


WHERE: dict[str, Callable[[Playback, Record, Sequence[Event]], object]] = {
    "gap": lambda playback, record, events: any(type(event) is Gap for event in events),
    "resync": lambda playback, record, events: any(type(event) is Resync for event in events),
    # It stays crossed.
    "crossed": lambda playback, record, events: record.payload.count(b'"61690.00"'),
    "mark": lambda playback, record, events: record.kind == MARKER,
}


@pytest.mark.parametrize("what", WHERE)
def test_it_pauses_on_what_it_was_told_to_and_goes_on_from_there(tape: Path, what: str) -> None:
    expected = moments(tape, WHERE[what])
    assert expected
    with playing(tape, pause_on=frozenset({what})) as stage:
        found = []
        while True:
            until(stage, lambda: is_still(stage))
            if stage.head.is_at_end:
                break
            assert stage.head.why.startswith("marker" if what == "mark" else what)
            found.append(stage.head.time)
            stage.toggle()
        assert found == expected


def test_a_loop_begins_again_and_ends_where_there_is_nothing_to_play(tape: Path) -> None:
    with playing(tape, loop=True, pause_on=frozenset({"mark"})) as stage:
        until(stage, lambda: stage.head.is_paused)
        marked = stage.head.time
        for _ in range(2):
            stage.toggle()
            until(stage, lambda: stage.head.is_paused)
            assert stage.head.time == marked
    with playing(tape, loop=True, since=START + 10**15) as stage:
        until(stage, lambda: stage.head.is_at_end)


def test_until_belongs_to_what_is_played_and_from_the_end_it_begins_anew(tape: Path) -> None:
    since, upto = START + 5 * STEP, START + 12 * STEP
    last = max(time for time in moments(tape, lambda *_: True) if time <= upto)
    with playing(tape, since=since, until=upto) as stage:
        until(stage, lambda: stage.head.is_at_end)
        assert stage.head.time == last
        stage.pace(1e-9)
        stage.toggle()
        assert ask(stage, lambda: (stage.head.time, stage.head.is_at_end)) == (since, False)


def test_a_silence_is_shortened(tmp_path: Path) -> None:
    script = Script(tmp_path / "silent.tape.zst").live()
    script.now += 10**9 * 86_400 * 1000
    script.delta()
    with playing(script.finish(), idle_limit_s=0.001) as stage:
        until(stage, lambda: stage.head.is_at_end)


def written(script: Script) -> None:
    """Let what was recorded so far be on the disk."""
    script.recorder.writer.flush()
    soon(lambda: not script.recorder.writer.waiting)


def test_a_tape_that_is_written_is_followed_left_and_followed_on(tmp_path: Path) -> None:
    script = Script(tmp_path / "growing.tape.zst").live()
    written(script)
    with playing(script.path, follow=True) as stage:

        def has_all() -> bool:
            return stage.reel.frames == script.session.totals.frames

        def grow() -> None:
            for _ in range(5):
                script.delta()
            written(script)

        until(stage, has_all)
        grow()
        until(stage, has_all)
        assert picture(stage).books[TARGET].sequence == script.session.books[TARGET].book.sequence
        before = stage.reel.frames
        # What comes one upon the other while it waits is done in that order.
        stage.step(-3)
        stage.toggle()
        until(stage, has_all)
        stage.step(-3)
        assert ask(stage, lambda: stage.reel.frames) == before - 3 and stage.head.is_paused
        grow()
        assert ask(stage, lambda: stage.reel.frames) == before - 3
        stage.toggle()
        until(stage, has_all)
        assert not stage.head.is_at_end
        script.finish()
        until(stage, lambda: stage.head.is_at_end)
        assert stage.reel.session.digests() == script.session.digests()


def test_keys_that_come_faster_than_they_are_followed_lead_to_the_same_place(tape: Path) -> None:
    with playing(tape, is_paused=True) as stage:
        stage.seek(lambda head: head.last)
        at = ask(stage, lambda: stage.reel.frames)
        with held(stage):
            for _ in range(20):
                stage.step(-1)
            for _ in range(5):
                stage.step(1)
            waiting = stage._moves.waiting
        assert ask(stage, lambda: stage.reel.frames) == at - 15 and waiting == 2
        moment = stage.head.time
        with held(stage):
            for _ in range(100):
                stage.seek_by(-5)
            stage.seek(lambda head: head.first)
            stage.seek(lambda head: moment)
            waiting = stage._moves.waiting
        assert ask(stage, lambda: stage.head.time) == moment and waiting == 2


def test_quitting_does_not_wait_for_what_was_pressed_before(tape: Path) -> None:
    with playing(tape, is_paused=True) as stage:
        begun: list[int] = []
        with held(stage):
            for _ in range(50):
                stage.find(lambda *_: begun.append(1), "anything")
                stage.step(1)
            stage.stop("q")
        stage.ended.result(10)
        assert not begun


def test_what_waits_behind_a_search_that_is_stopped_is_given_up_and_the_next_one_is_not(tape: Path) -> None:
    with playing(tape, is_paused=True) as stage:
        start = ask(stage, lambda: stage.reel.position)
        with held(stage):
            for _ in range(3):
                stage.find(problems(), "problem")
            stage.interrupt()
        assert ask(stage, lambda: stage.reel.position) == start and not stage.said
        stage.find(problems(), "problem")
        assert ask(stage, lambda: stage.reel.position) > start

        def stops(*_: object) -> bool:
            stage.interrupt()
            return False

        stage.find(stops, "nothing", forward=False)
        ask(stage, lambda: None)
        assert stage.said[-1] in ("the search was stopped", "no earlier nothing")


def test_a_failure_in_its_thread_ends_it_and_is_told(tape: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a bug")

    with Playback(tape) as playback:
        stage = PlayStage(playback, Playing(is_paused=True))
        stage.start()
        stage.do(fail)
        with pytest.raises(ZeroDivisionError):
            stage.ended.result(10)


class Shown(Script):
    """A recording that is watched while it is made; `seen` is what its panels showed at each moment."""

    def begin(self) -> None:
        """Watch from here on."""
        self.seen: dict[int, list[str]] = {}
        self.stage: Any = LiveStage(lambda: None)
        self.stage._history = History()
        self.stage.live = SimpleNamespace(run=SimpleNamespace(session=self.session))

    def take(self, kind: bytes, payload: bytes, connection: int = 1) -> None:
        """Take a record, and look."""
        self.now += STEP
        self._watch(Record(self.now, connection, kind, payload))

    def note(self, kind: bytes, fields: dict[str, Any], connection: int = 0) -> None:
        """Take a note, and look."""
        self.now += STEP
        self._watch(note(self.now, kind, fields, connection))

    def _watch(self, record: Record) -> None:
        self.stage._watched(record, self.recorder.take(record))
        self.seen[record.time] = panels(take(self.session, self.stage._history, record.time, LOOK))


def panels(shown: Picture) -> list[str]:
    """Return what the panels of a screen say, whichever stage took the picture."""
    view = View(WATCH, selected=TARGET, zoomed=True)
    book = view.book(shown)
    record, said = book.frame if book is not None and book.frame is not None else (None, ())
    rows = [
        *scene.head_rows(view, shown, book, 120, 3),
        *scene.main_rows(view, shown, {}, 80, 30)[0],
        *scene.tape_rows(book, 40, 30),
        *scene.map_rows(DepthMap(shades=True), book, 80, 20),
        *scene.raw_rows(record, said, None, 40, 20),
    ]
    return [text_of(row) for row in rows]


def test_a_replay_shows_what_the_live_screen_showed_of_the_same_records(tmp_path: Path) -> None:
    """Head, ladder, trades, depth over time and raw frame at each frame of an eventful recording."""
    script = Shown(tmp_path / "shown.tape.zst")
    script.begin()
    eventful(script)
    checked = 0
    with playing(script.path, is_paused=True) as stage:
        for _ in range(script.session.totals.frames):
            stage.step(1)
            latest, replayed = ask(stage, lambda: (stage.reel.latest, panels(picture_of(stage))))
            assert latest is not None and latest.record.kind in FRAMES
            assert replayed == script.seen[latest.record.time], latest.record.time - START
            checked += 1
    assert checked > 60


def picture_of(stage: PlayStage) -> Picture:
    return take(stage.reel.session, stage.history, stage.reel.time, LOOK)
