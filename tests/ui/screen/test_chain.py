"""A chain on a screen: from expiry to expiry, into the book of an option, on to the next, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from feedtape.recorder import Recorder
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.writer import TapeWriter
from feedtape.ui.keymap import REPLAY, keymap
from feedtape.ui.play_stage import PlayStage
from feedtape.ui.playing import Playing
from feedtape.ui.screen.app import BoardApp
from feedtape.ui.screen.run import replay_desk
from feedtape.ui.view import View
from feedtape.venues import registry
from screen_stage import lines_of, next_picture, type_keys, until
from ui.chain_stage import NOW, Stage, chain


def tape_of(stage: Stage, path: Path, **header: object) -> Path:
    """Write down what a session heard."""
    recorder = Recorder(TapeWriter(path), Session(registry.venue))
    recorder.begin(NOW, {"targets": ["deribit:BTC"], **header})
    for record in stage.records:
        recorder.take(record)
    recorder.finish(stage.time, "end")
    return path


def test_a_chain_by_its_keys(tmp_path: Path) -> None:
    asyncio.run(by_keys(tmp_path))


async def by_keys(tmp_path: Path) -> None:
    stage = chain()
    stage.book("BTC-25DEC26-70000-C", [[0.03, 1.0]], [[0.04, 1.0]])
    stage.ticker("BTC-25DEC26-70000-C", (0.03, 1.0), (0.04, 1.0), 49.5)
    with Playback(tape_of(stage, tmp_path / "a.tape.zst")) as playback:
        player = PlayStage(playback, Playing(is_paused=True))
        app = BoardApp(player, View(REPLAY, is_chain=True), keymap(), replay_desk, fps=30)

        def head() -> str:
            return lines_of(app, "head")[0]

        def main() -> str:
            return "\n".join(lines_of(app, "main"))

        async with app.run_test(size=(100, 30)):
            await next_picture(app)
            assert "nothing up to here" in main() and "connecting" not in main()
            assert "enter zoom" in lines_of(app, "foot")[0] and "o other side" in lines_of(app, "foot")[0]
            await type_keys(app, "G")
            await until(app, lambda: "7 of" not in head() and "6 of 6 options told of, 7 in 2 expiries" in head())
            # A broken book is told from any expiry.
            assert "live, 1 book broken" in main() and "BTC-25DEC26-60000-C  book live" in main()
            await type_keys(app, "tab")
            await until(app, lambda: "BTC-26MAR27-60000-C  no book" in main())
            assert "1 of 1 options told of" in head() and "live, 1 book broken" in main()
            await type_keys(app, "shift+tab")
            await until(app, lambda: "BTC-25DEC26-60000-C  book live" in main())
            await type_keys(app, "enter")
            await until(app, lambda: head().startswith("deribit:BTC-25DEC26-60000-C   live"))
            await type_keys(app, "tab")
            await until(app, lambda: head().startswith("deribit:BTC-25DEC26-70000-C   live"))
            assert "0.04" in main()
            # There is none beyond.
            await type_keys(app, "tab", "shift+tab", "shift+tab")
            await until(app, lambda: head().startswith("deribit:BTC-25DEC26-50000-C   no book"))
            await type_keys(app, "escape", "o", "up", "up")
            await until(app, lambda: "BTC-25DEC26-50000-P  no book" in main())
            player.stop("q")
            await asyncio.wait_for(asyncio.wrap_future(player.ended), 10)
        assert app.failure is None
