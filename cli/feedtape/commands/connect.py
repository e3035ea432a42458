"""What `watch` and `record` share: targets, channels, addresses, and the simulated exchange that stands in for a venue."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from feedtape.commands.settings import current, url_variable
from feedtape.errors import UsageError
from feedtape.model.targets import Target


@dataclass(frozen=True)
class SimOptions:
    """How to start a simulated exchange, where one is asked for."""

    wanted: bool
    faults: Sequence[str]
    rate: float
    seed: int
    chain: bool = False
    """Targets name underlyings, whose options the exchange is to list."""


def read_targets(words: Sequence[str]) -> list[Target]:
    """Read targets, each once; whether their venues exist is for the feed to find out, which loads them.

    Raises:
        UsageError: when one is malformed.
    """
    return list(dict.fromkeys(Target.parse(word) for word in words))


def parse_targets(words: Sequence[str]) -> list[Target]:
    """Read targets, each once.

    Raises:
        UsageError: when one is malformed or names an unknown venue.
    """
    from feedtape.venues import registry

    targets = read_targets(words)
    for target in targets:
        registry.venue(target.venue)
    return targets


def at_level(targets: Sequence[Target], level: int) -> list[Target]:
    """Return targets with the book stream of that level: 2 tells price levels, 3 single orders. One that is named stays.

    Raises:
        UsageError: when a venue does not tell single orders.
    """
    if level == 2:
        return list(targets)
    from feedtape.venues import registry

    found = []
    for target in targets:
        orders = registry.venue(target.venue).order_books
        if not orders and not target.channel:
            having = ", ".join(name for name in registry.names() if registry.venue(name).order_books)
            raise UsageError(f"{target.venue} does not tell single orders", hint=f"these do: {having}")
        found.append(target if target.channel else target._replace(channel=orders))
    return found


def parse_channels(text: str) -> list[str]:
    """Read a comma-separated list of channels.

    Raises:
        UsageError: when one does not exist.
    """
    from feedtape.model.channels import CHANNELS

    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["all"]:
        return list(CHANNELS)
    for word in words:
        if word not in CHANNELS:
            raise UsageError(f"no such channel: {word!r}", hint=f"{', '.join(CHANNELS)}, or all")
    if not words:
        raise UsageError("no channel is named", hint=f"--channels {','.join(CHANNELS)}")
    return words


def overrides(targets: Sequence[Target], url: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses that stand in for venues: `--url`, else `FEEDTAPE_URL_<VENUE>`, else what is configured.

    Raises:
        UsageError: when `--url` could mean several venues.
    """
    venues = list(dict.fromkeys(target.venue for target in targets))
    if url is not None:
        if len(venues) != 1:
            raise UsageError("--url stands in for one venue, and the targets name several", hint="FEEDTAPE_URL_BINANCE=ws://…")
        return {venues[0]: url}
    found = {venue: environment.get(url_variable(venue)) or current().url(venue) for venue in venues}
    return {venue: address for venue, address in found.items() if address}


@contextmanager
def addresses(targets: Sequence[Target], url: str | None, sim: SimOptions) -> Iterator[dict[str, str]]:
    """Yield the addresses that stand in for venues, with a simulated exchange behind each where one is asked for.

    Raises:
        UsageError: when both a simulated exchange and an address are asked for, or a fault without one.
    """
    if not sim.wanted:
        if sim.faults:
            raise UsageError("--fault is for the simulated exchange", hint="add --sim")
        yield overrides(targets, url, os.environ)
        return
    if url is not None:
        raise UsageError("--sim and --url exclude each other")
    from feedtape.feed.symbols import is_pattern
    from feedtape.sim.process import launch
    from feedtape.venues import registry

    with ExitStack() as stack:
        found = {}
        for venue in dict.fromkeys(target.venue for target in targets):
            names = [target.symbol for target in targets if target.venue == venue]
            known = registry.venue(venue)
            # What is a pattern, nothing, or in the unified spelling is for what the exchange lists by itself.
            own = [name for name in names if name and not is_pattern(name) and ("/" not in name or "/" in known.example)]
            symbols: Sequence[str] | None = [known.canonical_symbol(name) for name in own] or None
            if sim.chain:
                from feedtape.sim.options import chain

                symbols = [option for name in names for option in chain(venue, name, datetime.now(UTC))]
            found[venue] = stack.enter_context(launch(venue, symbols=symbols, seed=sim.seed, rate=sim.rate, faults=sim.faults))
        yield found
