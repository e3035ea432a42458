"""A plan, as a person or a machine reads it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from feedtape.feed.chain import Chain, check_options, options_of
from feedtape.feed.forecast import Forecast, check_open, forecast
from feedtape.feed.listing import looked_up
from feedtape.feed.symbols import resolved
from feedtape.model.targets import Target
from feedtape.ui.output import printable, put, put_json, put_lines, say
from feedtape.venues import registry

_STREAMS_SHOWN = 3
_CONNECTIONS_SHOWN = 12


def show(
    targets: Sequence[Target],
    channels: Sequence[str],
    urls: Mapping[str, str],
    lanes: int,
    chain: Chain | None = None,
    *,
    json: bool,
) -> None:
    """Plan a recording of these targets and print it.

    Raises:
        UsageError: when a symbol means nothing, or the venue does not allow it.
        VenueError: when a venue's instruments cannot be had.
    """
    made = asyncio.run(_plans(targets, channels, urls, lanes, chain))
    if json:
        put_json([_as_json(one) for one in made])
        return
    for number, one in enumerate(made):
        if number:
            put("")
        put_lines(_lines(one))


async def _plans(
    targets: Sequence[Target], channels: Sequence[str], urls: Mapping[str, str], lanes: int, chain: Chain | None
) -> list[Forecast]:
    found = []
    for name in dict.fromkeys(target.venue for target in targets):
        venue = registry.venue(name)
        check_open(venue)
        wanted = [target for target in targets if target.venue == name]
        if chain is not None:
            check_options(venue)
        symbols = [target.symbol for target in wanted] if chain is None else []
        instruments = await looked_up(venue, urls.get(name), symbols, say)
        if chain is None:
            spelled = resolved(wanted, instruments, say)
        else:
            spelled = options_of(venue, wanted, instruments, chain, time.time_ns(), say)
        found.append(await forecast(venue, spelled, channels, lanes))
    return found


def _lines(one: Forecast) -> list[str]:
    venue = registry.venue(one.venue)
    each = f", {one.lanes} lanes" if one.lanes > 1 else ""
    lines = [
        f"{one.venue}: {_count(one.targets, 'target')}, {_count(one.streams, 'stream')}, "
        f"{_count(one.connections, 'connection')}{each}, {_count(one.messages, 'message')} to subscribe"
    ]
    for number, plan in enumerate(one.plans[:_CONNECTIONS_SHOWN], 1):
        names = ", ".join(printable(name) for name in plan.names[:_STREAMS_SHOWN])
        more = len(plan.names) - _STREAMS_SHOWN
        names += f", {more} more" if more > 0 else ""
        lines.append(f"  {number:>3}  {venue.ws_url}{plan.path}  {_count(len(plan.names), 'stream')}: {names}")
    if len(one.plans) > _CONNECTIONS_SHOWN:
        lines.append(f"       and {len(one.plans) - _CONNECTIONS_SHOWN} connections more")
    if one.snapshots:
        weight = f"weight {one.snapshot_weight}, within {one.snapshots_s:.1f} s"
        lines.append(f"  {_count(one.snapshots, 'snapshot')} by REST, {weight}")
    times = f"subscribed within {one.subscribed_s:.1f} s, whole within {one.start_s:.1f} s"
    lines.append(f"  {times}, without the network's own time")
    if one.split_by:
        lines.append(f"  connections are decided by: {one.split_by}")
    lines.append(f"  time is decided by: {one.bound_by or 'no limit'}")
    return lines


def _count(number: int, name: str) -> str:
    return f"{number} {name}" + ("" if number == 1 else "s")


def _as_json(one: Forecast) -> dict[str, Any]:
    return {
        "venue": one.venue,
        "targets": one.targets,
        "streams": one.streams,
        "connections": one.connections,
        "lanes": one.lanes,
        "messages": one.messages,
        "snapshots": one.snapshots,
        "snapshot_weight": one.snapshot_weight,
        "connected_s": round(one.connected_s, 3),
        "subscribed_s": round(one.subscribed_s, 3),
        "start_s": round(one.start_s, 3),
        "split_by": one.split_by or None,
        "bound_by": one.bound_by or None,
        "plan": [{"path": plan.path, "streams": list(plan.names)} for plan in one.plans],
    }
