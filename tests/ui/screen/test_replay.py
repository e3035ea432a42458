"""The player, key by key, at three sizes; what it shows against a fresh replay of the same frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events

from feedtape.model.records import FRAMES
from feedtape.replay.playback import Playback
from feedtape.ui.draw.pretty import Pretty
from feedtape.ui.draw.rows import text_of, width
from feedtape.ui.keymap import REPLAY, keymap
from feedtape.ui.play_stage import PlayStage
from feedtape.ui.playing import Playing
from feedtape.ui.screen.app import BoardApp
from feedtape.ui.screen.canvas import Canvas
from feedtape.ui.screen.run import replay_desk
from feedtape.ui.view import View
from screen_stage import all_lines, lines_of, next_picture, type_keys, until

SAMPLE = Path(__file__).parents[3] / "recordings" / "sample.tape.zst"
TARGET = "binance:BTCUSDT"
END = 1795510672_448000000
SIZES = ((80, 24), (120, 40), (200, 60))


@asynccontextmanager
async def played(tape: Path = SAMPLE, size: tuple[int, int] = (120, 40), **how: Any) -> AsyncIterator[tuple[BoardApp, PlayStage]]:
    """Show a tape, paused, with one book in front."""
    with Playback(tape) as playback:
        stage = PlayStage(playback, Playing(**{"is_paused": True, **how}))
        app = BoardApp(stage, View(REPLAY, selected=TARGET, zoomed=True), keymap(), replay_desk, fps=30)
        async with app.run_test(size=size):
            await next_picture(app)
            yield app, stage
            stage.stop("q")
            await asyncio.wait_for(asyncio.wrap_future(stage.ended), 10)
        if app.failure is not None:
            raise app.failure


def fresh(frames: int, tape: Path = SAMPLE) -> dict[str, Any]:
    """Return the digests of a fresh replay to so many frames."""
    with Playback(tape) as playback:
        if frames:
            for record, _ in playback.play():
                if record.kind in FRAMES and playback.session.totals.frames == frames:
                    break
        return playback.session.digests() if frames else {}


async def in_stage(app: BoardApp, ask: Callable[[PlayStage], Any]) -> Any:
    """Return what is so between two jobs of the stage: while it explains a frame it stands elsewhere for a moment."""
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    loop, stage = asyncio.get_running_loop(), app.stage
    assert isinstance(stage, PlayStage)

    def answered() -> None:
        loop.call_soon_threadsafe(answer.set_result, ask(stage))

    stage.do(answered)
    return await asyncio.wait_for(answer, 10)


async def frames_of(app: BoardApp) -> int:
    """Return how many frames the replay has come by."""
    found: int = await in_stage(app, lambda stage: stage.reel.frames)
    return found


Pressed = Callable[..., Awaitable[None]]


def press(app: BoardApp) -> Pressed:
    """Return what presses keys and waits until the stage has done what they want; `drawn`: until it is on the screen too."""

    async def pressed(*keys: str, drawn: bool = False) -> None:
        await type_keys(app, *keys)
        await frames_of(app)
        if drawn:
            await next_picture(app)
            await next_picture(app)

    return pressed


@pytest.mark.parametrize("size", SIZES)
def test_every_key_of_the_player_does_what_the_help_says(size: tuple[int, int]) -> None:
    """Each key is pressed, and what it did is read off the stage and the screen."""
    asyncio.run(_every_key(size))


async def _every_key(size: tuple[int, int]) -> None:
    async with played(size=size) as (app, stage):
        key = press(app)
        view = app.view
        await key("5")
        middle = stage.head.time
        share = (middle - stage.head.first) / (stage.head.last - stage.head.first)
        assert 0.45 < share <= 0.5
        at = await frames_of(app)
        await key(".")
        assert await frames_of(app) == at + 1 and stage.head.is_paused
        await key(",", ",")
        assert await frames_of(app) == at - 1
        await key(">")
        assert any(event.target == TARGET for event in stage.step_told.events if stage.step_told)  # type: ignore[union-attr]
        here = await frames_of(app)
        await key(">", "<")
        assert await frames_of(app) == here
        moment = stage.head.time
        await key("right")
        assert moment + 4 * 10**9 < stage.head.time <= moment + 5 * 10**9
        await key("left")
        assert stage.head.time <= moment
        await key("pageup")
        assert stage.head.time == stage.head.first
        await key("pagedown")
        assert stage.head.time == stage.head.last
        await key("g")
        assert stage.head.time == stage.head.first
        await key("G")
        assert stage.head.time == stage.head.last
        await key("3", "+", "+")
        assert stage.head.speed == 4
        await key("-")
        assert stage.head.speed == 2
        await key("=")
        assert stage.head.speed == 1
        await key("space")
        assert not stage.head.is_paused
        await key("space")
        assert stage.head.is_paused
        await key("n", drawn=True)
        assert "no further problem" in all_lines(app)[-1]
        await key("d", drawn=True)
        assert "map" in view.opened and lines_of(app, "map")
        await key("d", "f", drawn=True)
        assert lines_of(app, "raw")[0].startswith("raw frame")
        await key("f", "s", drawn=True)
        assert lines_of(app, "statistics")[0] == "statistics"
        await key("s", "z", "z")
        assert view.group[TARGET] == 2
        await key("Z", "Z")
        assert view.group[TARGET] == 0
        await key("down", "down", drawn=True)
        assert view.cursor == 2 and any(line.startswith("▸ bids to") for line in lines_of(app, "main"))
        await key("escape", "up")
        assert view.cursor == -1
        await key("escape", "h")
        assert not view.flash
        await key("l")
        assert view.layout == "compact"
        await key("l", "l", "v")
        assert view.is_across
        await key("v", "enter")
        assert not view.zoomed
        await key("tab")
        assert view.selected != TARGET
        await key("shift+tab", "enter")
        assert view.selected == TARGET and view.zoomed
        await key("c")
        assert view.counted is not None
        await key("t")
        assert app.theme == "light"
        await key("?", drawn=True)
        assert any("one frame back" in line for line in all_lines(app))
        await key("escape")
        await type_keys(app, "$", "2", "enter")
        await next_picture(app)
        assert any(line.startswith(("2 BTC now:", "buy 2 BTC")) for line in lines_of(app, "main"))
        await type_keys(app, "/", *"trade.size", "space", ">", "space", *"0.3", "enter")
        await until(app, lambda: stage.head.why == "trade.size > 0.3")
        before = await frames_of(app)
        await key("*")
        assert await frames_of(app) > before


def test_a_frame_back_is_the_book_of_a_fresh_replay() -> None:
    """Back by single frames, and forward again: the digests at each stop are those of a fresh replay."""
    asyncio.run(_back())


async def _back() -> None:
    async with played() as (app, _):
        key = press(app)
        await key("6")
        at = await frames_of(app)
        for keys in ((",",) * 7, (",",) * 30, (".",) * 12):
            await key(*keys)
            at += len(keys) * (1 if keys[0] == "." else -1)
            assert await frames_of(app) == at
            assert await in_stage(app, lambda stage: stage.reel.session.digests()) == fresh(at)


def test_a_bookmark_stands_beside_the_tape_and_can_be_jumped_to(tmp_path: Path) -> None:
    """m adds one; [ finds it from later on; the tape is untouched."""
    tape = tmp_path / "copy.tape.zst"
    tape.write_bytes(SAMPLE.read_bytes())
    asyncio.run(_bookmark(tape))
    assert tape.read_bytes() == SAMPLE.read_bytes()
    assert len((tmp_path / "copy.tape.zst.bookmarks").read_text().splitlines()) == 1


async def _bookmark(tape: Path) -> None:
    async with played(tape) as (app, stage):
        key = press(app)
        await key("3", "m")
        marked = stage.head.time
        await key("8", "[")
        assert stage.head.time == marked


def test_the_end_is_said_and_space_begins_anew() -> None:
    """A tape that has ended stays on the screen; the line of time says where one is."""
    asyncio.run(_end())


async def _end() -> None:
    async with played(is_paused=False, since=END - 10**9) as (app, stage):
        await until(app, lambda: stage.head.is_at_end)
        await next_picture(app)
        assert "END" in lines_of(app, "head")[0]
        assert "▲" in lines_of(app, "line")[1]
        await type_keys(app, "-", "-", "-", "space")
        await until(app, lambda: not stage.head.is_at_end and stage.head.time < stage.head.last)


@pytest.mark.parametrize("word", ["spraed > 5", "bid <", "99:99:99"])
def test_a_place_that_is_none_is_said(word: str) -> None:
    """What cannot be read moves nothing, and the last line says why."""
    asyncio.run(_wrong(word))


async def _wrong(word: str) -> None:
    async with played() as (app, stage):
        before = stage.head.time
        await type_keys(app, "/", *("space" if char == " " else char for char in word), "enter")
        await next_picture(app)
        assert stage.head.time == before
        assert app.said


def test_an_open_panel_scrolls_by_keys_and_by_the_wheel_over_it() -> None:
    """The panel that was opened last; the wheel elsewhere moves the cursor as before."""
    asyncio.run(_scroll())


async def _scroll() -> None:
    async with played(size=(80, 24)) as (app, stage):
        key = press(app)
        await key("4", "J", drawn=True)
        assert app.view.front is None
        await key(">", "f", drawn=True)
        whole, top = raw_of(stage), lines_of(app, "raw")
        assert "below" in top[-1] and "shift-↓" in top[-1] and "above" not in top[-1]
        await key("J", "shift+down", drawn=True)
        assert "▲ 2 above" in lines_of(app, "raw")[-1]
        await key("ctrl+u", *("ctrl+d",) * 20, drawn=True)
        assert "below" not in lines_of(app, "raw")[-1] and lines_of(app, "raw")[-2] == whole[-1] == "}"
        await wheel(app, "raw", -1)
        assert "▼" in lines_of(app, "raw")[-1]
        await key("s", "J", drawn=True)
        assert lines_of(app, "statistics")[1] != "book         binance:BTCUSDT"
        await wheel(app, "main", 1)
        assert app.view.cursor == 1
        await key("escape", "escape", "f", drawn=True)
        assert lines_of(app, "raw") == top, "it begins at the top again"


def raw_of(stage: PlayStage) -> list[str]:
    """Return the lines of the frame at which it stands."""
    assert stage.step_told is not None
    text = Pretty(stage.step_told.record.payload, 36)
    return text.texts(0, text.reaches(10_000))


async def wheel(app: BoardApp, name: str, by: int) -> None:
    """Turn the wheel over a panel, and wait until what that changed has been drawn."""
    place = app.panel(name).place
    kind = events.MouseScrollDown if by > 0 else events.MouseScrollUp
    app.screen._forward_event(kind(None, place.x + 1, place.y + 1, 0, by, 0, False, False, False, place.x + 1, place.y + 1))
    await next_picture(app)
    await next_picture(app)


def test_the_help_tells_the_marks_that_are_on_the_screen() -> None:
    """Of the time line always, of the depth map only while that is open; down to the last line."""
    asyncio.run(_legend())


async def _legend() -> None:
    async with played(size=(80, 24)) as (app, _):
        for keys, seen in (((), False), (("d",), True)):
            await type_keys(app, *keys, "?")
            page = app.screen.query_one("#help", Canvas)
            await until(app, lambda page=page: page.rows and page.size.height == len(page.rows))  # type: ignore[misc]
            text = "\n".join(text_of(row) for row in page.rows)
            assert "marks: time line" in text and ("marks: depth map" in text) == seen
            assert page.size.width == width(page.rows[0]) and "compared" in text_of(page.rows[-1]), "nothing is cut off"
            await type_keys(app, "escape")


def test_the_name_of_a_bookmark_is_shown_where_one_stands(tmp_path: Path) -> None:
    """Beside the time, and below its sign from farther away."""
    tape = tmp_path / "copy.tape.zst"
    tape.write_bytes(SAMPLE.read_bytes())
    asyncio.run(_named(tape))


async def _named(tape: Path) -> None:
    async with played(tape, (80, 24)) as (app, _):
        key = press(app)
        await key("3", "m", "8", drawn=True)
        assert "╵bookmark 1" in lines_of(app, "line")[1] and "◇" in lines_of(app, "line")[0]
        await key("[", drawn=True)
        assert "◇ bookmark 1" in lines_of(app, "line")[1]
