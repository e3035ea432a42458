"""`feedtape plan`: what a recording will take, before it takes it."""

from feedtape.commands.options import Channels, Connections, Json, Sim, Targets, Url


def plan(
    targets: Targets,
    channels: Channels = "book,trades,quotes",
    connections: Connections = 1,
    url: Url = None,
    sim: Sim = False,
    json: Json = False,
) -> None:
    """Tell how a recording would connect and subscribe, how long that takes, and which limit of the venue decides.

    Only the list of instruments is asked for.

    \b
    feedtape plan 'okx:*-USDT-SWAP'
    feedtape plan 'deribit:BTC-*' --channels book,options
    """
    from feedtape.commands.connect import SimOptions, addresses, parse_channels, parse_targets
    from feedtape.ui import plan as ui

    found = parse_targets(targets)
    wanted = parse_channels(channels)
    with addresses(found, url, SimOptions(sim, (), 1, 1)) as urls:
        ui.show(found, wanted, urls, connections, json=json)
