"""`feedtape replay`: a tape played, at its own pace or as fast as it goes."""

from typing import Annotated

import typer

from feedtape.commands.options import Depth, From, Json, Only, Tape, To
from feedtape.errors import UsageError


def replay(
    tape: Tape,
    speed: Annotated[str, typer.Option("-s", "--speed", help="1, 2, 0.5 …, or max for no waiting and no picture.")] = "1",
    from_: From = None,
    to: To = None,
    only: Only = None,
    depth: Depth = 10,
    idle_limit: Annotated[
        str | None, typer.Option("-i", "--idle-limit", help="Shorten silences to this.", metavar="DURATION")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="One line a second and book instead of a picture.")] = False,
    json: Json = False,
) -> None:
    """Play a tape: the books as they were, at the tape's own pace.

    \b
    feedtape replay night.tape.zst
    feedtape replay night.tape.zst --from 03:12:00 --speed 10
    feedtape replay night.tape.zst --speed max --json
    """
    from feedtape.commands.options import duration_ns
    from feedtape.replay.playback import Playback

    idle_s = duration_ns(idle_limit) / 1e9 if idle_limit else None
    factor = _factor(speed)
    with Playback(tape) as playback:
        since = playback.time(from_) if from_ else None
        until = playback.time(to) - 1 if to else None
        if factor is None:
            from feedtape.ui.headless import run_headless

            raise typer.Exit(run_headless(playback, since, until, only or [], json=json))
        from feedtape.ui.player import play

        raise typer.Exit(play(playback, since, until, only or [], factor, idle_s, depth, plain=plain, json=json))


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
