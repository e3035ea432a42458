"""`feedtape replay`: a tape played, at its own pace or as fast as it goes."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands.options import Alone, Depth, Follow, From, Json, Only, PauseOn, Speed, Tapes, To, Verbose
from feedtape.commands.screen import Fps, Group, Layout, Plain, Theme, screen_options
from feedtape.errors import UsageError


def replay(
    tapes: Tapes,
    alone: Alone = False,
    speed: Speed = "1",
    from_: From = None,
    to: To = None,
    at: Annotated[str | None, typer.Option("--at", help="Begin at this time, paused.", metavar="TIME")] = None,
    only: Only = None,
    loop: Annotated[bool, typer.Option("-l", "--loop", help="On the screen: begin again at the end.")] = False,
    idle_limit: Annotated[
        str | None, typer.Option("-i", "--idle-limit", help="Shorten silences to this.", metavar="DURATION")
    ] = None,
    pause_on: PauseOn = None,
    start_paused: Annotated[bool, typer.Option("--start-paused", help="On the screen: begin with a pause.")] = False,
    follow: Follow = False,
    chain: Annotated[
        bool | None,
        typer.Option("--chain", help="Show an option chain; as a tape was recorded unless this or --no-chain is given."),
    ] = None,
    depth: Depth = 0,
    group: Group = None,
    layout: Layout = "ladder",
    fps: Fps = 10,
    theme: Theme = "dark",
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Save the screen at --at as a picture, and end.", metavar="FILE")
    ] = None,
    size: Annotated[str, typer.Option("--size", help="Columns and lines of that picture.", metavar="WxH")] = "120x40",
    press: Annotated[str, typer.Option("--press", help="Keys to press before it, such as 'd f'.", metavar="KEYS")] = "",
    plain: Plain = False,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Play a tape: the books as they were, at the tape's own pace, forward and back. ? shows the keys.

    \b
    feedtape replay night.tape.zst
    feedtape replay night.tape.zst --from 03:12:00 --speed 10
    feedtape replay night.tape.zst --from mark:2 --pause-on gap,mark
    feedtape replay night.tape.zst --at 03:12:44 --svg gap.svg
    feedtape replay night.tape.zst --speed max --json
    TAPE is a tape, or a folder, pattern or any segment of one recording. --follow shows a tape that is being written.
    """
    from feedtape.commands.options import seconds
    from feedtape.commands.tapes import open_tapes, prepare_seeking

    if at is not None and from_ is not None:
        raise UsageError("--at and --from both say where to begin: choose one")
    factor = _factor(speed)
    columns, lines = _size(size)
    with open_tapes(tapes, alone=alone) as playback:
        is_drawn = svg is not None or _is_drawn(plain=plain, json=json, factor=factor)
        if from_ or to or at or follow or is_drawn:
            prepare_seeking(playback)
        begin = at or from_
        since = playback.time(begin) if begin else None
        if since is not None and not follow:
            playback.check_within(since)
        until = playback.time(to) - 1 if to else None
        if until is not None and until < (playback.bounds()[0] if since is None else since):
            raise UsageError(f"nothing of the tape lies before {to}" if begin is None else f"--to {to} is not after {begin}")
        if factor is None and svg is None:
            from feedtape.ui.headless import run_headless

            raise typer.Exit(run_headless(playback, since, until, only or [], json=json, follow=follow, every=verbose))
        from feedtape.ui import replaying
        from feedtape.ui.playing import PAUSES, Playing

        is_chain = "option_chain" in playback.header if chain is None else chain
        options = screen_options(depth, fps, layout, group, theme, is_chain=is_chain)
        pauses = frozenset(word.strip() for word in (pause_on or "").split(",") if word.strip())
        for word in pauses.difference(PAUSES):
            raise UsageError(f"--pause-on knows no {word!r}", hint=", ".join(PAUSES))
        if follow and since is None:
            since = playback.bounds()[1]
        is_paused = start_paused or at is not None or svg is not None
        limit = seconds(idle_limit)
        playing = Playing(since, until, only or (), factor or 1.0, limit, pauses, loop, follow, is_paused)
        if svg is not None:
            raise typer.Exit(replaying.replay_picture(playback, playing, options, svg, (columns, lines), press))
        if is_drawn:
            raise typer.Exit(replaying.replay_screen(playback, playing, options))
        raise typer.Exit(replaying.replay_lines(playback, playing, options, json=json))


def _is_drawn(*, plain: bool, json: bool, factor: float | None) -> bool:
    from feedtape.ui.watching import is_terminal

    return not plain and not json and factor is not None and is_terminal()


def _factor(speed: str) -> float | None:
    """Read a speed; None is `max`."""
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < 1e6:
        raise UsageError(f"speed is a positive number or max, not {speed!r}", hint="--speed 10")
    return factor


def _size(text: str) -> tuple[int, int]:
    columns, cross, lines = text.partition("x")
    if (
        not cross
        or not columns.isdecimal()
        or not lines.isdecimal()
        or not (20 <= int(columns) <= 500 and 5 <= int(lines) <= 200)
    ):
        raise UsageError(f"a size is columns x lines, not {text!r}", hint="--size 120x40")
    return int(columns), int(lines)
