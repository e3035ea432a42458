"""`feedtape cut`: a part of a recording, as a tape of its own."""

from typing import Annotated

import typer

from feedtape.commands.options import Alone, From, Json, Only, Out, Overwrite, Quiet, Tapes, To, Verbose


def cut(
    tapes: Tapes,
    out: Out,
    from_: From = None,
    to: To = None,
    only: Only = None,
    connection: Annotated[
        list[int] | None, typer.Option("--connection", help="Only this connection; may be repeated.", metavar="N", min=1)
    ] = None,
    alone: Alone = False,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Cut a stretch of time, or some targets, out of a recording. The new tape begins with the books as they were, and replays.

    \b
    feedtape cut night.tape.zst -o crash.tape.zst --from 03:10 --to 03:15
    feedtape cut night.tape.zst -o btc.tape.zst --only binance:BTCUSDT
    feedtape cut night.tape.zst -o line.tape.zst --from +90s --connection 2
    Exit status: 0 done, 3 something was lost within the cut, 5 the source contradicts itself.
    """
    import sys

    from feedtape.commands.tapes import tapes_of
    from feedtape.edit.cut import Wanted
    from feedtape.edit.cut import cut as cut_off
    from feedtape.replay.playback import Playback
    from feedtape.ui.edit import cut_lines, cut_reasons, tell_wrong
    from feedtape.ui.output import put_json, say_lines, width_of
    from feedtape.ui.progress import progress
    from feedtape.ui.status import ended

    paths = tapes_of(tapes, alone=alone)
    with Playback(*paths) as playback:
        since = playback.time(from_) if from_ else None
        until = playback.time(to) if to else None
        size = playback.tape.size
    wanted = Wanted(since, until, tuple(only or ()), frozenset(connection or ()))
    with progress("cutting", size, quiet=quiet or json) as tell:
        result = cut_off(paths, out, wanted, overwrite=overwrite, tell=tell)
    tell_wrong(result.source, whole=result.to_end)
    if json:
        put_json(result.as_json())
    elif not quiet:
        say_lines(cut_lines(result, width_of(sys.stderr), every=verbose))
    raise typer.Exit(ended(result.exit_status, cut_reasons(result), quiet=quiet))
