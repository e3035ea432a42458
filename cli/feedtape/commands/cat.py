"""`feedtape cat`: frames or events as JSON lines."""

from typing import Annotated

import typer

from feedtape.commands.options import Alone, Follow, From, Only, Tape, To


def cat(
    tape: Tape,
    events: Annotated[bool, typer.Option("--events", help="What the frames mean, instead of the frames.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The payloads alone, byte for byte, a line each.")] = False,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only this kind of record (recv, body, gap…) or event (trade, book…).", metavar="KIND"),
    ] = None,
    alone: Alone = False,
    only: Only = None,
    from_: From = None,
    to: To = None,
    follow: Follow = False,
    limit: Annotated[int | None, typer.Option("-n", "--limit", help="Stop after so many lines.", min=1)] = None,
) -> None:
    """Print a tape's records, or the events that its frames hold, as JSON lines.

    \b
    feedtape cat night.tape.zst --events --only binance:BTCUSDT --kind trade
    feedtape cat night.tape.zst --from 03:12:40 --to 03:12:50
    feedtape cat night.tape.zst --kind recv --raw | jq .
    """
    import sys
    from itertools import islice

    from feedtape.commands.tapes import open_tapes, prepare_seeking
    from feedtape.replay.listing import Filter, lines_of
    from feedtape.ui.output import printable, safe_json
    from feedtape.ui.progress import output_is_file, pause, progress
    from feedtape.ui.status import told_status

    with open_tapes([tape], alone=alone) as playback:
        if from_ or to:
            prepare_seeking(playback)
        wanted = Filter(
            kinds=frozenset(kind or ()),
            only=tuple(only or ()),
            since=playback.time(from_) if from_ else None,
            until=playback.time(to) if to else None,
        )
        out = sys.stdout.buffer
        # Byte for byte into a pipe; a terminal must not be steered by what a venue sent.
        shown = (lambda line: printable(line.decode(errors="replace")).encode()) if sys.stdout.isatty() else bytes

        def more() -> bool:
            out.flush()
            return pause()

        wait = more if follow else None
        with progress("listing", playback.tape.size, quiet=follow or not output_is_file()) as tell:
            for line in islice(lines_of(playback, wanted, events=events, raw=raw, wait=wait, tell=tell), limit):
                out.write((shown(line) if raw else safe_json(line)) + b"\n")
        out.flush()
        whole = limit is None and to is None
    # What was lost while it was recorded is no fault of the listing; what could not be read of it is.
    if playback.tape.faults or playback.tape.holes or (whole and playback.cut is not None):
        raise typer.Exit(told_status(playback, whole=whole))
