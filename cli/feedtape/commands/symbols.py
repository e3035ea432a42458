"""`feedtape symbols`: what a venue lists."""

from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Json, Sim, Url


def symbols(
    venue: Annotated[str, typer.Argument(help="The venue.", metavar="VENUE", show_default=False, autocompletion=complete.venues)],
    pattern: Annotated[
        str, typer.Argument(help="Only what fits, in the venue's spelling or the unified one.", metavar="PATTERN")
    ] = "*",
    every: Annotated[bool, typer.Option("--all", help="Also what is not traded now.")] = False,
    url: Url = None,
    sim: Sim = False,
    json: Json = False,
) -> None:
    """List a venue's instruments: type, tick, lot, multiplier, expiry, strike, and the unified spelling.

    \b
    feedtape symbols okx '*-USDT-SWAP'
    feedtape symbols deribit 'BTC/USD:BTC-*-C' --json
    """
    from feedtape.commands.connect import SimOptions, addresses
    from feedtape.model.targets import Target
    from feedtape.ui import symbols as ui
    from feedtape.venues import registry

    known = registry.venue(venue)
    with addresses([Target(known.name, "")], url, SimOptions(sim, (), 1, 1)) as urls:
        ui.show(known, pattern, urls.get(known.name), every=every, json=json)
