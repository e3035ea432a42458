"""Asking each venue for its time, so that it can be told how long its events were under way.

The answers are recorded like all others, and read by the session; here nobody looks at more than whether they can be read.
"""

import asyncio
from typing import Final

from feedtape.errors import BadFrame, VenueError
from feedtape.feed.context import Access, Context
from feedtape.session.clocks import SECOND_NS
from feedtape.venues.contract import Request

ASKED: Final = 3
"""How often the time is asked for at once; the shortest round trip tells it best."""
EVERY_S: Final = 600.0
"""Until it is asked for again: clocks drift apart."""
AGAIN_S: Final = 60.0
"""Until it is asked for again where it was not told."""


async def keep_asking(context: Context, access: Access) -> None:
    """Ask a venue for its time now and then, until cancelled; at once return where it tells none.

    That it does not tell is said once in a row, and harms nothing: no offset is measured then.
    """
    request = access.venue.clock_request()
    silent_before = False
    while request is not None:
        complaint = await _asked(access, request)
        if complaint and not silent_before:
            context.say(f"{complaint}; latencies of {access.venue.name} are as the last reading of its clock has them, if any")
        silent_before = bool(complaint)
        await asyncio.sleep(AGAIN_S if complaint else EVERY_S)


async def _asked(access: Access, request: Request) -> str:
    """Ask a few times; return what was wrong, and ask no further then."""
    for _ in range(ASKED):
        try:
            told = access.venue.clock(await access.rest.get(request, attempts=1))
        except VenueError as error:
            return f"{error}: the venue's time is not known"
        except BadFrame as error:
            return f"{access.venue.name}: its clock cannot be read: {error}"
        if not told % SECOND_NS:
            # A clock of whole seconds tells no more when it is asked again at once.
            break
    return ""
