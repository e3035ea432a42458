"""A venue's instruments, as a person or a machine reads them."""

import asyncio
import os
import sys
from datetime import UTC, datetime

from feedtape.errors import UsageError
from feedtape.feed.forecast import check_open
from feedtape.feed.known import remember
from feedtape.feed.listing import looked_up
from feedtape.feed.symbols import fitting, is_pattern
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import unified
from feedtape.ui.columns import Column, table
from feedtape.ui.output import printable, put, put_json, say, width_of
from feedtape.venues.contract import Venue

_COLUMNS = {"symbol": 0, "unified": 7, "type": 8, "tick": 6, "lot": 5, "multiplier": 1, "expiry": 3, "strike": 4, "status": 2}
"""Each with when it goes where there is little room, the lowest first; the symbol stays."""


def show(venue: Venue, pattern: str, url: str | None, *, every: bool, json: bool) -> None:
    """Print the instruments that fit a pattern.

    Raises:
        UsageError: when none does, or the venue is closed.
        VenueError: when the venue does not tell them.
    """
    check_open(venue)
    wanted = pattern if is_pattern(pattern) else f"*{pattern}*"
    listed = asyncio.run(looked_up(venue, url, [pattern], say))
    # What stands in for a venue may list anything, and for some patterns a venue is asked for a part of its list.
    if url is None and venue.instruments_requests([pattern]) == venue.instruments_requests():
        remember(venue.name, listed, os.environ)
    found = [one for one in fitting(wanted, listed) if every or one.trading is not False]
    if not found:
        raise UsageError(f"{venue.name} lists nothing that fits {pattern!r}", hint=f"feedtape symbols {venue.name}")
    if json:
        for one in found:
            put_json({"venue": venue.name, "unified": unified(one)} | one.as_json(), indent=False)
        return
    cells = zip(*map(_row, found), strict=True)
    columns = [Column(name, of, goes, is_text=True) for (name, goes), of in zip(_COLUMNS.items(), cells, strict=True)]
    for line in table(columns, None, width_of(sys.stdout)).lines:
        put(line)


def _row(one: Instrument) -> tuple[str, ...]:
    expiry = "" if one.expiry is None else f"{datetime.fromtimestamp(one.expiry // 10**9, UTC):%Y-%m-%d %H:%M}"
    kind = one.kind if one.option is None else one.option
    alias = "" if one.alias is None else f"another name of {one.alias}"
    cells = (one.symbol, unified(one), kind, one.tick, one.lot, one.multiplier, expiry, one.strike, alias or one.status)
    return tuple(printable(cell or "") for cell in cells)
