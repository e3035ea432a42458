"""`feedtape plan`: what a recording will take, before it takes it."""

from feedtape.commands.options import ChannelsOrUsual, Connections, Json, Sim, Targets, Url
from feedtape.commands.screen import ChainOption, Expiries, chosen_chain, chosen_channels


def plan(
    targets: Targets,
    channels: ChannelsOrUsual = None,
    chain: ChainOption = False,
    expiries: Expiries = 4,
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
    from feedtape.commands.connect import SimOptions, addresses, parse_targets
    from feedtape.ui import plan as ui

    found = parse_targets(targets)
    wanted = chosen_channels(channels, chain, "book,trades,quotes")
    with addresses(found, url, SimOptions(sim, (), 1, 1, chain)) as urls:
        ui.show(found, wanted, urls, connections, chosen_chain(chain, expiries), json=json)
