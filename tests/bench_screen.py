"""Measure the screens: processor share, time to draw a picture, time from a frame's arrival to the screen, time to start.

A real terminal stands at the other end: a pseudo-terminal that is read as fast as it is written, and thrown away. Each figure has
its floor beside it from the same run: the same feed without a screen, the start of an empty program.
"""

import contextlib
import fcntl
import os
import pty
import resource
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

VENUE = "binance-usdm"
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]
SECONDS = 12
SIZE = (120, 40)


def put(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def in_terminal(arguments: Sequence[str], until: Callable[[bytes], bool], within_s: float = 60) -> float:
    """Run a program in a terminal until it ends or what it drew will do; return the seconds that took."""
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(arguments[0], list(arguments))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    drawn, took = b"", within_s
    while time.perf_counter() - started < within_s:
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:
            break
        drawn = drawn[-4096:] + piece
        if until(drawn):
            took = time.perf_counter() - started
            break
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, 15)
    with contextlib.suppress(OSError):
        # Whatever it still draws must be read, or it never ends.
        while os.read(terminal, 1 << 16):
            pass
    os.waitpid(child, 0)
    os.close(terminal)
    return took


def measured(mode: str, url: str, symbols: Sequence[str]) -> dict[str, Any]:
    """Watch some symbols in a process of their own, with or without a screen; return what it measured of itself."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        in_terminal([sys.executable, __file__, mode, url, ",".join(symbols), str(out)], lambda drawn: False, SECONDS + 20)
        found: dict[str, Any] = orjson.loads(out.read_bytes())
        return found


def child(mode: str, url: str, symbols: Sequence[str], out: Path) -> None:
    """Watch, and write down what that took."""
    from feedtape.model.targets import Target
    from feedtape.ui.wanted import Wanted

    wanted = Wanted([Target(VENUE, symbol) for symbol in symbols], ["book", "trades"], {VENUE: url}, duration_s=float(SECONDS))
    found = plain(wanted) if mode == "plain" else drawn(wanted)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found["cpu"] = (used.ru_utime + used.ru_stime - found.pop("before")) / SECONDS
    out.write_bytes(orjson.dumps(found))


def used_so_far() -> float:
    """Return the seconds of processor that this process used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def plain(wanted: Any) -> dict[str, Any]:
    """Run the same feed, with the same history, and no screen."""
    import asyncio

    from feedtape.ui.history import History
    from feedtape.ui.watching import Watching

    live, history, count = Watching(wanted), History(), 0

    def watched(record: Any, events: Any) -> None:
        nonlocal count
        count += 1
        history.take(live.run.session, count, record, events)

    live.run.watched = watched
    before = used_so_far()
    asyncio.run(live.run.go(0.5, lambda: None))
    return {"before": before, "frames": live.run.session.totals.frames}


def drawn(wanted: Any) -> dict[str, Any]:
    """Run it under the screen."""
    from feedtape.ui.keymap import WATCH, keymap
    from feedtape.ui.live_stage import LiveStage
    from feedtape.ui.screen.desk import Desk
    from feedtape.ui.screen.run import show
    from feedtape.ui.watching import ScreenOptions, Watching

    arrived: deque[float] = deque()
    waits: list[float] = []

    class Stage(LiveStage[Any]):
        def _watched(self, record: Any, events: Any) -> None:
            arrived.append(time.perf_counter())
            super()._watched(record, events)

    class Measured(Desk):
        def arrived(self, picture: Any, before: Any) -> None:
            asked = time.perf_counter()
            super().arrived(picture, before)
            done = time.perf_counter()
            while arrived and arrived[0] <= asked:
                waits.append(done - arrived.popleft())

    options = ScreenOptions()
    stage: Any = Stage(lambda: Watching(wanted))
    before = used_so_far()
    app = show(stage, options.view(WATCH), keymap(), options, Measured)
    times, waits = sorted(one for one, _ in app.meter), sorted(waits)
    return {
        "before": before,
        "frames": stage.live.run.session.totals.frames,
        "pictures": len(times),
        "skipped": app.skipped,
        "draw": [times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3],
        "arrival": [waits[len(waits) // 2] * 1e3, waits[int(len(waits) * 0.99)] * 1e3],
    }


def report() -> None:
    """Measure everything, and print it."""
    from feedtape.sim.process import launch

    program = str(Path(sys.executable).with_name("feedtape"))
    with launch(VENUE, symbols=SYMBOLS, rate=500) as url, launch(VENUE, symbols=SYMBOLS[:1], rate=10) as calm:
        for name, symbols, where in (("one busy book, 500/s", SYMBOLS[:1], url), ("four books, 2,000/s", SYMBOLS, url)):
            screen, bare = measured("screen", where, symbols), measured("plain", where, symbols)
            put(
                f"{name}: {screen['frames'] / SECONDS:,.0f} frames/s; processor {screen['cpu']:.1%} of a core with a screen, "
                f"{bare['cpu']:.1%} without: drawing costs {screen['cpu'] - bare['cpu']:.1%}"
            )
            (drawn, drawn_most), (waited, waited_most) = screen["draw"], screen["arrival"]
            put(
                f"  pictures {screen['pictures'] / SECONDS:.1f}/s, skipped {screen['skipped']}; drawing median {drawn:.1f} ms, "
                f"99 % {drawn_most:.1f} ms; from arrival to screen median {waited:.0f} ms, 99 % {waited_most:.0f} ms"
            )
        watch = [program, "watch", f"{VENUE}:BTCUSDT", "--url", calm]
        starts = [in_terminal(watch, lambda drawn: b"connecting" in drawn, 10) for _ in range(7)]
        books = [in_terminal(watch, lambda drawn: b"spread" in drawn, 10) for _ in range(5)]
        empty, library = timed("pass"), timed("import typer, textual.app, textual.widgets")
        put(
            f"start: screen after {min(starts):.2f} s (best of 7), book after {min(books):.2f} s; "
            f"Python itself {empty:.2f} s, with typer and textual imported {library:.2f} s"
        )


def timed(code: str) -> float:
    """Return the seconds that a program takes, at best."""
    took = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        took.append(time.perf_counter() - started)
    return min(took)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(sys.argv[1], sys.argv[2], sys.argv[3].split(","), Path(sys.argv[4]))
    else:
        report()
