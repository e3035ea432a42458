"""`feedtape doctor`: whether a venue can be recorded from here, and if not, why."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Json, Sim, SimFaults, SimRate, SimSeed, Url

if TYPE_CHECKING:
    from feedtape.venues.contract import Venue

EPILOG = """\b
What it can tell: whether messages still have the fields that the decoder
needs and reads, at the place where it looks, and which fields are new. What
is known was made from frames of the simulated exchange and of captures.
What it cannot: whether a field still means what it meant, messages that did
not come while it looked, and answers to requests beyond what the decoder
refuses. Positions in rows have no names: only a length can be wrong there.
\b
Exit status: 0 all fine (notes are), 4 not reached or refused, 5 the shape
or a checksum contradicts the decoder, 1 any other warning or failure. Where
several hold, 5 comes before 4, and 4 before 1.
"""


def doctor(
    venues: Annotated[
        list[str] | None,
        typer.Argument(
            help="Venues; all that are not closed where none is named.", metavar="VENUE", autocompletion=complete.venues
        ),
    ] = None,
    within: Annotated[
        str, typer.Option("--within", help="Longest time to wait for all channels to deliver.", metavar="DURATION")
    ] = "10s",
    url: Url = None,
    sim: Sim = False,
    fault: SimFaults = None,
    rate: SimRate = 10,
    seed: SimSeed = 1,
    json: Json = False,
) -> None:
    """Look at venues from here, step by step: names, TLS, handshake, REST, clock, feed, book, and the shape of messages.

    One line a check, and what to do where one fails. Nothing is recorded.

    \b
    feedtape doctor binance
    feedtape doctor --within 30s --json
    feedtape doctor okx kraken --sim
    """
    from feedtape.commands.connect import SimOptions, addresses
    from feedtape.commands.options import seconds
    from feedtape.errors import UsageError
    from feedtape.model.targets import Target
    from feedtape.ui import doctor as ui
    from feedtape.venues import registry

    named = [registry.venue(name) for name in dict.fromkeys(venues or registry.names())]
    found = [venue for venue in named if venues or not venue.closed]
    within_s = seconds(within)
    if not within_s > 0:
        raise UsageError("--within must be more than nothing", hint="--within 10s")
    if url is not None and len(found) != 1:
        raise UsageError("--url stands in for one venue", hint="feedtape doctor binance --url ws://127.0.0.1:9001")
    options = SimOptions(sim, fault or (), rate, seed)

    @contextmanager
    def reach(venue: "Venue") -> Iterator[str | None]:
        if venue.closed:
            yield None
            return
        with addresses([Target(venue.name, venue.example)], url, options) as urls:
            yield urls.get(venue.name)

    raise typer.Exit(ui.show(found, reach, within_s, json=json))
