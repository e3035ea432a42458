"""`feedtape replay`: a tape played, at its own pace or as fast as it goes."""

from typing import Annotated

import typer

from feedtape.commands.options import Alone, Depth, Follow, From, Json, Only, Tapes, To
from feedtape.errors import UsageError


def replay(
    tapes: Tapes,
    alone: Alone = False,
    speed: Annotated[str, typer.Option("-s", "--speed", help="1, 2, 0.5 …, or max for no waiting and no picture.")] = "1",
    from_: From = None,
    to: To = None,
    only: Only = None,
    depth: Depth = 10,
    idle_limit: Annotated[
        str | None, typer.Option("-i", "--idle-limit", help="Shorten silences to this.", metavar="DURATION")
    ] = None,
    pause_on: Annotated[str | None, typer.Option("--pause-on", help="Pause at these: gap, resync, mark.", metavar="LIST")] = None,
    follow: Follow = False,
    plain: Annotated[bool, typer.Option("--plain", help="One line a second and book instead of a picture.")] = False,
    json: Json = False,
) -> None:
    """Play a tape: the books as they were, at the tape's own pace.

    \b
    feedtape replay night.tape.zst
    feedtape replay night.tape.zst --from 03:12:00 --speed 10
    feedtape replay night.tape.zst --from mark:2 --pause-on gap,mark
    feedtape replay night.tape.zst --speed max --json
    TAPE is a tape, or a folder, pattern or any segment of one recording. --follow shows a tape that is being written.
    """
    from feedtape.commands.options import seconds
    from feedtape.commands.tapes import open_tapes, prepare_seeking

    factor = _factor(speed)
    pauses = frozenset(word.strip() for word in (pause_on or "").split(",") if word.strip())
    with open_tapes(tapes, alone=alone) as playback:
        if from_ or to or follow:
            prepare_seeking(playback)
        since = playback.time(from_) if from_ else None
        until = playback.time(to) - 1 if to else None
        if factor is None:
            from feedtape.ui.headless import run_headless

            raise typer.Exit(run_headless(playback, since, until, only or [], json=json, follow=follow))
        from feedtape.ui.player import PAUSES, Playing, play

        for word in pauses.difference(PAUSES):
            raise UsageError(f"--pause-on knows no {word!r}", hint=", ".join(PAUSES))
        if follow and since is None:
            since = playback.bounds()[1]
        playing = Playing(since, until, only or (), factor, seconds(idle_limit), depth, pauses, follow)
        raise typer.Exit(play(playback, playing, plain=plain, json=json))


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
