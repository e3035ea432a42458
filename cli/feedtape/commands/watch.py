"""`feedtape watch`: live books."""

from typing import Annotated

import typer

from feedtape.commands.options import (
    ChannelsOrUsual,
    Count,
    Depth,
    Duration,
    Json,
    Profile,
    Silence,
    Sim,
    SimFaults,
    SimRate,
    SimSeed,
    Targets,
    Url,
)
from feedtape.commands.screen import (
    ChainOption,
    Expiries,
    Fps,
    Group,
    Layout,
    Plain,
    Theme,
    chosen_chain,
    chosen_channels,
    screen_options,
)


def watch(
    targets: Targets,
    channels: ChannelsOrUsual = None,
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
    chain: ChainOption = False,
    expiries: Expiries = 4,
    depth: Depth = 0,
    group: Group = None,
    layout: Layout = "ladder",
    fps: Fps = 10,
    theme: Theme = "dark",
    plain: Plain = False,
    json: Json = False,
    duration: Duration = None,
    count: Count = None,
    silence: Silence = None,
    url: Url = None,
    sim: Sim = False,
    fault: SimFaults = None,
    rate: SimRate = 10,
    seed: SimSeed = 1,
    profile: Profile = None,
) -> None:
    """Watch live books: levels, state, and how far each is proven. Nothing is written.

    \b
    feedtape watch binance:BTCUSDT binance-usdm:BTCUSDT
    feedtape watch binance:BTCUSDT --sim
    feedtape watch deribit:BTC --chain --sim
    feedtape watch binance:BTCUSDT --sim --json -d 10s
    """
    from feedtape.commands.connect import SimOptions, addresses, at_level, read_targets
    from feedtape.commands.options import seconds

    found = at_level(read_targets(targets), level)
    wanted_channels = chosen_channels(channels, chain, "book,trades,derivatives")
    wanted_chain = chosen_chain(chain, expiries)
    options = screen_options(depth, fps, layout, group, theme, is_chain=chain)
    from feedtape.ui import watching
    from feedtape.ui.wanted import Wanted

    with addresses(found, url, SimOptions(sim, fault or (), rate, seed, chain)) as urls:
        wanted = Wanted(found, wanted_channels, urls, seconds(duration), count, seconds(silence), chain=wanted_chain)
        raise typer.Exit(watching.watch(wanted, options, plain=plain, json=json))
