"""`feedtape cat`: frames or events as JSON lines."""

from typing import Annotated

import typer

from feedtape.commands.options import From, Only, Tape, To


def cat(
    tape: Tape,
    events: Annotated[bool, typer.Option("--events", help="What the frames mean, instead of the frames.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="The payloads alone, byte for byte, a line each.")] = False,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only this kind of record (recv, body, gap…) or event (trade, book…).", metavar="KIND"),
    ] = None,
    only: Only = None,
    from_: From = None,
    to: To = None,
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

    from feedtape.replay.listing import Filter, lines_of
    from feedtape.replay.playback import Playback
    from feedtape.ui.output import safe_json, warn

    with Playback(tape) as playback:
        wanted = Filter(
            kinds=frozenset(kind or ()),
            only=tuple(only or ()),
            since=playback.time(from_) if from_ else None,
            until=playback.time(to) if to else None,
        )
        out = sys.stdout.buffer
        for line in islice(lines_of(playback, wanted, events=events, raw=raw), limit):
            out.write((line if raw else safe_json(line)) + b"\n")
        out.flush()
        whole = limit is None and to is None
        if whole and playback.cut is not None:
            warn(f"{tape} is cut: {playback.cut}")
            raise typer.Exit(3)
