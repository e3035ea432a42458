"""`feedtape record`: a feed to a tape."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands.options import Channels, Duration, Json, Quiet, Silence, Sim, SimFaults, SimRate, SimSeed, Targets, Url
from feedtape.errors import UsageError


def record(
    targets: Targets,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File or folder; may hold %Y%m%d-%H%M%S and the like.", show_default="recordings/…"),
    ] = None,
    channels: Channels = "book,trades,quotes",
    duration: Duration = None,
    count: Annotated[int | None, typer.Option("-n", "--count", help="Stop after so many frames.", min=1)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    level: Annotated[int, typer.Option("--level", help="zstd level.", min=1, max=19)] = 9,
    flush: Annotated[
        str, typer.Option("--flush", help="Longest time that a frame may sit unwritten.", metavar="DURATION")
    ] = "1s",
    note: Annotated[str | None, typer.Option("--note", help="Kept in the header.", metavar="TEXT")] = None,
    silence: Silence = None,
    url: Url = None,
    sim: Sim = False,
    fault: SimFaults = None,
    rate: SimRate = 10,
    seed: SimSeed = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Record every frame of a feed to a tape, until ctrl-c.

    \b
    feedtape record binance:BTCUSDT binance-usdm:BTCUSDT --channels all
    feedtape record binance:BTCUSDT -o night.tape.zst -d 8h
    feedtape record binance:BTCUSDT --sim --fault drop=0.01 -d 30s
    """
    from feedtape.commands.connect import SimOptions, addresses, parse_channels, parse_targets
    from feedtape.commands.options import duration_ns

    found = parse_targets(targets)
    wanted_channels = parse_channels(channels)
    duration_s = duration_ns(duration) / 1e9 if duration else None
    silence_s = duration_ns(silence) / 1e9 if silence else None
    flush_s = duration_ns(flush) / 1e9
    if not 0.01 <= flush_s <= 60:
        raise UsageError(f"flush must be between 10ms and 60s, not {flush!r}")
    from feedtape.commands.names import tape_path
    from feedtape.tape.writer import TapeWriter
    from feedtape.ui import live
    from feedtape.ui.output import printable, say
    from feedtape.venues import registry

    path = tape_path(out, found)
    with addresses(found, url, SimOptions(sim, fault or (), rate, seed)) as urls:
        wanted = live.Wanted(found, wanted_channels, urls, duration_s, count, silence_s)
        writer = TapeWriter(path, level=level, overwrite=overwrite)
        header = {
            "targets": [str(target) for target in found],
            "channels": wanted_channels,
            "decoders": {target.venue: registry.venue(target.venue).decoder for target in found},
            "urls": {venue: printable(address) for venue, address in urls.items()},
            "simulated": sim,
            "note": note,
        }
        if not quiet and not json:
            say(f"recording {', '.join(map(str, found))} -> {path}\nctrl-c stops and closes the file cleanly")
        raise typer.Exit(live.record(wanted, writer, header, flush_s, quiet=quiet or json, json=json))
