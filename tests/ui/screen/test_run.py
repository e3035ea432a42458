"""Running a screen: what is left when it has failed, when a person does not wait, and when the terminal misbehaves."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver
from textual.message import Message

from feedtape.replay.playback import Playback
from feedtape.sim.exchange import SimulatedExchange
from feedtape.ui.keymap import REPLAY, keymap
from feedtape.ui.play_stage import PlayStage
from feedtape.ui.playing import Playing
from feedtape.ui.screen import run
from feedtape.ui.screen import terminal as terminals
from feedtape.ui.screen.app import BoardApp
from feedtape.ui.screen.panels import Panels
from feedtape.ui.screen.replay import ReplayDesk
from feedtape.ui.screen.terminal import Outlet
from feedtape.ui.view import View
from feedtape.ui.watching import ScreenOptions
from stage_cli import inside
from ui.screen.test_replay import SAMPLE


def broken(*given: Any, **options: Any) -> Any:
    """Fail."""
    raise ZeroDivisionError("a bug")


@contextmanager
def served(symbol: str) -> Iterator[str]:
    """A simulated exchange in a thread; yields its address."""
    exchange = SimulatedExchange("binance", symbols=[symbol], seed=7, rate=50)
    stands: Future[tuple[str, Callable[[], object]]] = Future()

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        async with exchange.serve() as url:
            stands.set_result((url, lambda: loop.call_soon_threadsafe(over.set)))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    url, end = stands.result(10)
    try:
        yield url
    finally:
        end()
        thread.join()


class Stopped(Exception):
    """The process would have ended, with a status."""


def stop(status: int) -> None:
    raise Stopped(status)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let commands believe in a terminal, on which nothing is seen; and leave signals as they were."""
    monkeypatch.setattr("feedtape.ui.watching.is_terminal", lambda: True)
    monkeypatch.setattr("feedtape.ui.screen.app.TERMINAL", HeadlessDriver)
    monkeypatch.setattr(os, "_exit", stop)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("terminal")
def test_a_recording_under_a_screen_that_fails_is_closed_and_one_line_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Panels.draw

    def draw(panels: Panels, picture: Any, **how: Any) -> None:
        drawn(panels, picture, **how)
        if picture.frames:
            broken()

    monkeypatch.setattr(Panels, "draw", draw)
    path = tmp_path / "a.tape.zst"
    with served("BTCUSDT") as url:
        done = inside("record", "binance:BTCUSDT", "--url", url, "-o", path)
    assert done.status == 1 and not done.out
    said = done.err.splitlines()
    assert said[-2] == "feedtape: error: this is a bug: ZeroDivisionError: a bug" and "--debug" in said[-1]
    assert [line for line in said if "error" in line or "Traceback" in line] == [said[-2]]
    with Playback(path) as playback:
        assert playback.tape.ending() is None
        for _ in playback.play():
            pass
        assert playback.session.totals.frames > 0


@pytest.mark.usefixtures("terminal")
def test_what_a_screen_stands_on_has_ended_when_its_failure_is_raised() -> None:
    """Even if it could not begin to draw."""
    with Playback(SAMPLE) as playback:
        stage = PlayStage(playback, Playing(is_paused=True))
        with pytest.raises(ZeroDivisionError):
            run.show(stage, View(REPLAY), keymap(), ScreenOptions(), broken)
        assert stage.ended.done()


# -- the end


class Hasty(ReplayDesk):
    """Has the stage hang at the first picture, and does something then."""

    def __init__(self, app: BoardApp, then: Callable[[BoardApp], None]) -> None:
        super().__init__(app)
        self.go = threading.Event()
        self._then = then

    def arrived(self, picture: Any, before: Any) -> None:
        """Draw, and do it once the stage hangs."""
        super().arrived(picture, before)
        if before is None:
            hangs = threading.Event()
            self.stage.do(lambda: hang(self.go, hangs))
            assert hangs.wait(10)
            self._then(self.app)


def presses(*keys: str) -> Callable[[BoardApp], None]:
    def press(app: BoardApp) -> None:
        for key in keys:
            app.post_message(events.Key(key, key if len(key) == 1 else None))

    return press


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("keys", [("q", "q"), ("ctrl+c", "ctrl+c")])
def test_who_quits_twice_does_not_wait_for_what_hangs(keys: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    desks: list[Hasty] = []

    def load(app: BoardApp) -> Hasty:
        desks.append(Hasty(app, presses(*keys)))
        return desks[0]

    with Playback(SAMPLE) as playback:
        stage = PlayStage(playback, Playing(is_paused=True))
        with pytest.raises(Stopped, match="130"):
            run.show(stage, View(REPLAY), keymap(), ScreenOptions(), load)
        assert not stage.ended.done()
        assert capsys.readouterr().err == "stopped at once; a tape is readable up to its last flush\n"
        desks[0].go.set()
        stage.ended.result(10)


@pytest.mark.usefixtures("terminal")
def test_a_terminal_that_hangs_up_more_than_once_is_no_person_in_a_hurry() -> None:
    """Its shell says so too."""

    def hang_up(app: BoardApp) -> None:
        for _ in range(3):
            signal.raise_signal(signal.SIGHUP)
            app.quit("SIGHUP")
        assert isinstance(app.desk, Hasty)
        app.call_later(app.call_later, app.desk.go.set)

    with Playback(SAMPLE) as playback:
        stage = PlayStage(playback, Playing(is_paused=True))
        app = run.show(stage, View(REPLAY), keymap(), ScreenOptions(), lambda app: Hasty(app, hang_up))
    assert stage.ended.done() and app.return_code == 0


def hang(go: threading.Event, hangs: threading.Event) -> None:
    hangs.set()
    go.wait(10)


# -- the terminal


class Slow(io.StringIO):
    """Takes nothing before it is let, and then fails as a terminal that is gone, if it is."""

    def __init__(self, failure: OSError | None = None) -> None:
        super().__init__()
        self.takes = threading.Event()
        self._failure = failure

    def write(self, text: str) -> int:
        self.takes.wait(10)
        if self._failure is not None:
            raise self._failure
        return super().write(text)


@pytest.mark.parametrize("failure", [None, OSError(5, "gone")])
def test_a_terminal_that_takes_its_time_holds_up_nobody_and_one_that_is_gone_ends_no_thread(failure: OSError | None) -> None:
    slow = Slow(failure)
    outlet = Outlet(slow)
    before = threading.active_count()
    for _ in range(2):
        # Whoever goes on after a suspension begins once more.
        outlet.begin()
    assert threading.active_count() == before + 1
    outlet.put("picture")
    outlet.end(0)
    assert outlet.is_behind
    slow.takes.set()
    outlet.end(10)
    assert slow.getvalue() == ("" if failure is not None else "picture")


def test_bytes_that_are_no_text_end_neither_the_keyboard_nor_the_screen() -> None:
    heard, (end, keyboard) = threading.Event(), os.pipe()

    class Terminal(terminals.Terminal):
        def process_message(self, message: Message) -> None:
            if isinstance(message, events.Key) and message.key == "q":
                self.exit_event.set()
                heard.set()

    async def made() -> Terminal:
        driver = Terminal(App[None]())
        driver.fileno = end
        return driver

    before = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT)}
    driver = asyncio.run(made())
    for number, handler in before.items():
        signal.signal(number, handler)
    reads = threading.Thread(target=driver.run_input_thread)
    reads.start()
    os.write(keyboard, b"\xff\xfe\xe4")
    for _ in range(500):
        # What came together with them may be lost.
        os.write(keyboard, b"q")
        if heard.wait(0.01):
            break
    assert heard.is_set()
    reads.join()
    os.close(end)
    os.close(keyboard)
