"""A venue's list of instruments, page by page."""

import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from feedtape.errors import BadFrame, VenueError
from feedtape.feed.address import Address
from feedtape.feed.clock import Clock
from feedtape.feed.logbook import Take
from feedtape.feed.pace import Backoff
from feedtape.feed.rest import Rest, open_rest
from feedtape.model.instruments import Instrument
from feedtape.venues.contract import Venue

_MOST_PAGES: Final = 500


async def instruments_of(venue: Venue, rest: Rest, symbols: Sequence[str] = ()) -> list[Instrument]:
    """Ask a venue for its instruments; each page is recorded as it comes.

    Raises:
        VenueError: when the venue does not answer.
        BadFrame: when a page cannot be read, or the pages do not end.
    """
    waiting = deque(venue.instruments_requests(symbols))
    found: dict[str, Instrument] = {}
    for _ in range(_MOST_PAGES):
        if not waiting:
            return list(found.values())
        request = waiting.popleft()
        page = venue.instruments(request, await rest.get(request))
        found |= {entry.symbol: entry for entry in page.instruments}
        waiting.extend(page.more)
    raise BadFrame(f"a list of instruments of more than {_MOST_PAGES} pages")


@dataclass
class Question:
    """Stands in for a recording where somebody only asks: nothing is kept of what goes to and fro."""

    say: Callable[[str], None]
    take: Take = lambda record: ()
    clock: Clock = field(default_factory=Clock)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        """Return the next connection number."""
        return next(self._numbers)

    def backoff(self) -> Backoff:
        """Return new delays."""
        return Backoff(random.Random())


async def looked_up(venue: Venue, url: str | None, symbols: Sequence[str], say: Callable[[str], None]) -> list[Instrument]:
    """Ask a venue for its instruments without recording anything; `url` stands in for its address.

    Raises:
        UsageError: when the address is none.
        VenueError: when the venue does not answer, or its list cannot be read.
    """
    async with open_rest(venue, Address.of(venue, url), Question(say)) as rest:
        try:
            return await instruments_of(venue, rest, symbols)
        except BadFrame as error:
            raise VenueError(f"{venue.name}: the list of instruments cannot be read: {error}") from error
