"""A venue's instruments, as a person or a machine reads them."""

import asyncio
import os
from datetime import UTC, datetime

from feedtape.errors import UsageError
from feedtape.feed.forecast import check_open
from feedtape.feed.known import remember
from feedtape.feed.listing import looked_up
from feedtape.feed.symbols import fitting, is_pattern
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import unified
from feedtape.ui.output import printable, put, put_json, say
from feedtape.venues.contract import Venue

_COLUMNS = ("symbol", "unified", "type", "tick", "lot", "multiplier", "expiry", "strike", "status")


def show(venue: Venue, pattern: str, url: str | None, *, every: bool, json: bool) -> None:
    """Print the instruments that fit a pattern.

    Raises:
        UsageError: when none does, or the venue is closed.
        VenueError: when the venue does not tell them.
    """
    check_open(venue)
    wanted = pattern if is_pattern(pattern) else f"*{pattern}*"
    listed = asyncio.run(looked_up(venue, url, [pattern], say))
    # What stands in for a venue may list anything.
    if url is None:
        remember(venue.name, listed, os.environ)
    found = [one for one in fitting(wanted, listed) if every or one.trading is not False]
    if not found:
        raise UsageError(f"{venue.name} lists nothing that fits {pattern!r}", hint=f"feedtape symbols {venue.name}")
    if json:
        for one in found:
            put_json({"venue": venue.name, "unified": unified(one)} | one.as_json(), indent=False)
        return
    rows = [_COLUMNS, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        put("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(one: Instrument) -> tuple[str, ...]:
    expiry = "" if one.expiry is None else f"{datetime.fromtimestamp(one.expiry // 10**9, UTC):%Y-%m-%d %H:%M}"
    kind = one.kind if one.option is None else one.option
    alias = "" if one.alias is None else f"another name of {one.alias}"
    cells = (one.symbol, unified(one), kind, one.tick, one.lot, one.multiplier, expiry, one.strike, alias or one.status)
    return tuple(printable(cell or "") for cell in cells)
