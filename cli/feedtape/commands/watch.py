"""`feedtape watch`: live books."""

from typing import Annotated

import typer

from feedtape.commands.options import (
    Channels,
    Count,
    Depth,
    Duration,
    Json,
    Silence,
    Sim,
    SimFaults,
    SimRate,
    SimSeed,
    Targets,
    Url,
)


def watch(
    targets: Targets,
    channels: Channels = "book,trades",
    level: Annotated[
        int,
        typer.Option(
            "--level",
            "--book-level",
            help="2: books of price levels; 3: of single orders, where the venue tells them.",
            min=2,
            max=3,
        ),
    ] = 2,
    depth: Depth = 10,
    plain: Annotated[bool, typer.Option("--plain", help="One line a second and book instead of a picture.")] = False,
    json: Json = False,
    duration: Duration = None,
    count: Count = None,
    silence: Silence = None,
    url: Url = None,
    sim: Sim = False,
    fault: SimFaults = None,
    rate: SimRate = 10,
    seed: SimSeed = 1,
) -> None:
    """Watch live books: levels, state, and how far each is proven. Nothing is written.

    \b
    feedtape watch binance:BTCUSDT binance-usdm:BTCUSDT
    feedtape watch binance:BTCUSDT --sim
    feedtape watch binance:BTCUSDT --sim --json -d 10s
    """
    from feedtape.commands.connect import SimOptions, addresses, at_level, parse_channels, parse_targets
    from feedtape.commands.options import seconds

    found = at_level(parse_targets(targets), level)
    wanted_channels = parse_channels(channels)
    from feedtape.ui import live

    with addresses(found, url, SimOptions(sim, fault or (), rate, seed)) as urls:
        wanted = live.Wanted(found, wanted_channels, urls, seconds(duration), count, seconds(silence))
        raise typer.Exit(live.watch(wanted, depth, plain=plain, json=json))
