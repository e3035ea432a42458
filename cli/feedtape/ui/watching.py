"""Watching a live feed: a screen on a terminal, lines on a pipe. Nothing is written."""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from feedtape.errors import UsageError
from feedtape.ui.output import printable, say, say_lines
from feedtape.ui.view import LAYOUTS, View
from feedtape.ui.wanted import Wanted

if TYPE_CHECKING:
    from feedtape.ui.live import Run

INTERRUPTED: Final = 130
THEMES: Final = ("dark", "light", "contrast", "green-red")


@dataclass(frozen=True)
class ScreenOptions:
    """How a person wants a screen.

    Attributes:
        depth: levels a side; 0: as many as fit.
        fps: pictures a second, at most.
        group: step by which prices are grouped at first.
        keys: changes to the table of keys.
        is_chain: an option chain is shown, and books from there.
    """

    depth: int = 0
    fps: float = 10.0
    layout: str = "ladder"
    group: str | None = None
    theme: str = "dark"
    keys: Mapping[str, str] = field(default_factory=dict)
    is_chain: bool = False

    def __post_init__(self) -> None:
        """Check the words.

        Raises:
            UsageError: when one is not among those that there are.
        """
        if self.layout not in LAYOUTS:
            raise UsageError(f"no such layout: {self.layout!r}", hint=", ".join(LAYOUTS))
        if self.theme not in THEMES:
            raise UsageError(f"no such theme: {self.theme!r}", hint=", ".join(THEMES))

    def view(self, screen: str, targets: Iterable[object] = ()) -> View:
        """Return the view that a screen begins with; `targets` in the order in which they were named."""
        order = tuple(str(target).lower() for target in targets)
        return View(screen, depth=self.depth, layout=self.layout, step=self.group, is_chain=self.is_chain, order=order)


def is_terminal() -> bool:
    """Tell whether a screen can be drawn: all ends are a terminal that can move its cursor; the screen is written to stderr."""
    return all(end.isatty() for end in (sys.stdin, sys.stdout, sys.stderr)) and os.environ.get("TERM") not in ("dumb", "", None)


def connections_of(run: "Run") -> list[tuple[str, str, str, str]]:
    """Return each connection as panels show it: name, state, since when, frames."""
    from feedtape.replay.times import span
    from feedtape.ui.summary import count

    now = run.clock.now()
    found = []
    for info in run.feed.status():
        lane = f" lane {info.lane}" if info.lane is not None else ""
        number = f" #{info.number}" if info.number is not None else ""
        state = "open" if info.state == "connected" else info.state
        attempts = f" (attempt {info.attempts})" if state != "open" and info.attempts > 1 else ""
        found.append((f"{info.venue}{number}{lane}", state + attempts, span(max(0, now - info.since)), count(info.frames)))
    return found


class Watching:
    """A live run that is only looked at."""

    every_s = 0.5

    def __init__(self, wanted: Wanted) -> None:
        """Prepare."""
        from feedtape.feed.clock import Clock
        from feedtape.session import Session
        from feedtape.ui.live import Run
        from feedtape.venues import registry

        session = Session(registry.venue)
        self.run: Run = Run(wanted, Clock(), session, session.feed)

    def look(self) -> None:
        """Nothing is owed."""

    def facts(self) -> dict[str, Any]:
        """Return what panels of its own show."""
        return {"connections": connections_of(self.run)}


def watch(wanted: Wanted, options: ScreenOptions, *, plain: bool, json: bool) -> int:
    """Show live books until stopped; return the exit status."""
    if plain or json or not is_terminal():
        live = Watching(wanted)
        live.run.quiet = False
        asyncio.run(_print(live, options, json=json))
    else:
        live = _show(wanted, options)
    from feedtape.ui.live import status_of
    from feedtape.ui.status import ended, session_reasons
    from feedtape.ui.summary import loss_lines

    session = live.run.session
    if live.run.reason in ("SIGINT", "q") and not session.totals.frames:
        return INTERRUPTED
    say_lines(line.strip() for line in loss_lines(session.losses, "feedtape record keeps them, and feedtape verify"))
    return ended(status_of(session), session_reasons(session))


async def _print(live: Watching, options: ScreenOptions, *, json: bool) -> None:
    from feedtape.ui.lines import EVERY_S, ChainLines, Lines

    run = live.run
    lines = ChainLines(json=json, only=run.asked) if options.is_chain else Lines(json=json, depth=options.depth)
    async with run.signals():
        await run.go(EVERY_S, lambda: lines.show(run.session, run.clock.now()))
    lines.show(run.session, run.clock.now())


def _show(wanted: Wanted, options: ScreenOptions) -> Watching:
    from feedtape.ui.keymap import CHAIN, WATCH, keymap
    from feedtape.ui.live_stage import LiveStage
    from feedtape.ui.screen.run import show

    stage: LiveStage[Watching] = LiveStage(lambda: Watching(wanted))
    show(stage, options.view(CHAIN if options.is_chain else WATCH, wanted.targets), keymap(options.keys), options)
    assert stage.live is not None
    for text in stage.live.run.said:
        # What was said while the picture stood would be gone with it.
        say(printable(text))
    return stage.live
