"""A screen: whatever fails ends it, the mouse does what keys do, frozen it stands still, and it follows its terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from feedtape.ui.play_stage import PlayStage
from feedtape.ui.screen.app import BoardApp
from feedtape.ui.screen.replay import ReplayDesk
from feedtape.ui.screen.sheet import Sheet
from screen_stage import Glass, all_lines, lines_of, next_picture, type_keys, until, watched
from ui.picture_stage import is_sound
from ui.screen.test_replay import END, TARGET, played


def broken(*given: Any, **options: Any) -> Any:
    """Fail."""
    raise ZeroDivisionError("a bug")


# -- failures


def fail_at_a_key(app: BoardApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReplayDesk, "do_view_raw", broken)
    app.post_message(events.Key("f", "f"))


def fail_in_what_the_library_draws(app: BoardApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sheet, "render_lines", broken)
    app.sheet.refresh()


def fail_in_what_is_drawn_beside_it(app: BoardApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sheet, "_draw", broken)
    app.panel("head").show([])


def fail_at_a_signal(app: BoardApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoardApp, "quit", broken)
    os.kill(os.getpid(), signal.SIGTERM)


def fail_at_the_keyboard(app: BoardApp, monkeypatch: pytest.MonkeyPatch) -> None:
    # So does the library's thread that reads keys.
    threading.Thread(target=lambda: app.call_later(app.panic, "a traceback")).start()


@pytest.mark.parametrize(
    "fail",
    [
        fail_at_a_key,
        fail_in_what_the_library_draws,
        fail_in_what_is_drawn_beside_it,
        fail_at_a_signal,
        fail_at_the_keyboard,
    ],
)
def test_whatever_fails_ends_the_screen_with_nothing_on_it_but_what_is_raised(
    fail: Callable[[BoardApp, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails() -> None:
        async with played() as (app, _):
            fail(app, monkeypatch)
            await until(app, lambda: app.failure is not None)
            assert app.return_code == 1

    with pytest.raises((ZeroDivisionError, RuntimeError), match=r"a bug|no key can be read"):
        asyncio.run(fails())
    assert capsys.readouterr() == ("", "")


# -- the mouse


async def click(app: BoardApp, x: int, y: int, holds: Callable[[], object]) -> None:
    """Press and let go of the left button, as the terminal tells it, and wait until something holds."""
    at = (x, y, 0, 0, 1, False, False, False)
    app.post_message(events.MouseDown(None, *at))
    app.post_message(events.MouseUp(None, *at))
    await until(app, holds)


def test_the_mouse_does_what_keys_do() -> None:
    """A book in the grid, the line of time, a key in the last line, the wheel."""

    async def clicks() -> None:
        async with played(since=END - 10**9) as (app, stage):
            view, desk = app.view, app.desk
            assert desk is not None
            await type_keys(app, "enter")
            await until(app, lambda: len(desk.boxes) > 1)
            other = next(box for box in desk.boxes if box.target != TARGET)
            main = app.panel("main").place
            x, y = next((x, y) for y in range(main.height) for x in range(main.width) if other.holds(x, y))
            await click(app, main.x + x, main.y + y, lambda: view.selected == other.target)
            assert not view.zoomed
            await click(app, main.x + x, main.y + y, lambda: lines_of(app, "head")[0].startswith(other.target))
            assert view.zoomed
            line = app.panel("line").place
            for column in (0, 60, line.width - 1):
                wanted = column / (line.width - 1)
                await click(app, column, line.y, lambda wanted=wanted: wanted - 0.05 < share(stage) <= wanted)
            foot = app.panel("foot").place
            await click(app, lines_of(app, "foot")[0].index("raw frame"), foot.y, lambda: lines_of(app, "raw"))
            assert lines_of(app, "raw")[0].startswith("raw frame") and not view.cursor
            for event, cursor in ((events.MouseScrollDown, 1), (events.MouseScrollDown, 2), (events.MouseScrollUp, 1)):
                app.post_message(event(None, main.x + 1, main.y + 1, 0, 0, 0, False, False, False))
                await until(app, lambda cursor=cursor: view.cursor == cursor)

    asyncio.run(clicks())


def share(stage: PlayStage) -> float:
    """Return where the replay is, of the whole."""
    return (stage.head.time - stage.head.first) / (stage.head.last - stage.head.first)


# -- freezing, and the terminal's size

SIZES = ((80, 24), (200, 60), (30, 10), (100, 30))


async def fits(app: BoardApp, glass: Glass, size: tuple[int, int]) -> None:
    """Wait until the terminal shows the screen at a size, and nothing beside it; every panel has rows for its place."""

    def is_divided() -> bool:
        # But for a column between two of them, the panels fill it.
        return sum(panel.place.area for panel in app.sheet.panels.values()) in range(
            (size[0] - 1) * size[1], size[0] * size[1] + 1
        )

    await until(app, lambda: app.sheet.size == size and is_divided() and glass.lines() == all_lines(app))
    for panel in app.sheet.panels.values():
        if panel.is_shown:
            assert panel.rows and is_sound(panel.rows, *panel.size), panel.id


def test_it_follows_its_terminal_while_data_flows_and_stands_still_when_it_is_frozen() -> None:
    async def follows() -> None:
        async with watched("binance", ["BTCUSDT"], rate=200, fps=50, size=(120, 40), driver=Glass) as (app, _, _):
            glass = app._driver
            assert isinstance(glass, Glass)
            await until(app, lambda: any("mid" in line for line in lines_of(app, "main")))
            app.sheet.straight = glass.write
            for number, size in enumerate(SIZES):
                await type_keys(app, "dfs"[number % 3])
                glass.resize(*size)
                await fits(app, glass, size)
            await freezes(app, glass)

    asyncio.run(follows())


def hang(go: threading.Event, hangs: threading.Event) -> None:
    hangs.set()
    go.wait(10)


def test_it_follows_its_terminal_while_no_picture_comes() -> None:
    """A replay may look for something for long."""

    async def follows() -> None:
        go, hangs = threading.Event(), threading.Event()
        async with played() as (app, stage):
            await until(app, lambda: app.panel("main").rows)
            stage.do(lambda: hang(go, hangs))
            assert hangs.wait(10)
            size = Size(90, 20)
            app.post_message(events.Resize(size, size))
            async with asyncio.timeout(10):
                while app.panel("foot").place.bottom != size.height:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert is_sound(app.panel("main").rows, *app.panel("main").size) and app.panel("main").rows
            go.set()

    asyncio.run(follows())


async def freezes(app: BoardApp, glass: Glass) -> None:
    """Freeze it, let data flow and the terminal change, and let it go."""

    def updates() -> int:
        assert app.picture is not None
        return sum(book.counters.updates for book in app.picture.books.values())

    size = (app.size.width, app.size.height)
    await type_keys(app, "space")
    await next_picture(app)
    frozen = app.view.frozen
    assert frozen is not None
    stands, behind = lines_of(app, "main"), []
    for other in ((60, 20), size):
        glass.resize(*other)
        before = updates()
        await until(app, lambda: updates() > before + 10)  # noqa: B023
        await fits(app, glass, other)
        [book] = frozen.books.values()
        told = f"behind, {updates() - book.counters.updates} updates"
        behind.append(told in " ".join(lines_of(app, "head")) or lines_of(app, "head"))
    assert behind == [True, True] and lines_of(app, "main") == stands
    await type_keys(app, "space")
    await fits(app, glass, size)
    assert "FROZEN" not in " ".join(lines_of(app, "head")) and lines_of(app, "main") != stands


# -- what the library keeps for itself


def test_what_is_taken_from_the_library_is_still_called_so() -> None:
    """A newer Textual that renames one of these would not fail by itself: failures would end in a page, for one."""
    for of, name in (
        (App, "_handle_exception"),
        (App, "_exception_event"),
        (App, "panic"),
        (LinuxDriver, "run_input_thread"),
        (LinuxDriver, "write"),
    ):
        assert hasattr(of, name), f"Textual has no {of.__name__}.{name} any more: see screen/app.py, terminal.py"
