"""Finding venues. Every installed package can bring some, under the entry point group `feedtape.venues`."""

import difflib
from functools import cache
from importlib.metadata import entry_points

from feedtape.errors import UsageError
from feedtape.venues.contract import Venue

GROUP = "feedtape.venues"


@cache
def names() -> tuple[str, ...]:
    """The names of all installed venues, in order."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def venue(name: str) -> Venue:
    """Return the venue of that name.

    Raises:
        UsageError: when no installed package brings it; the near names are in the hint.
    """
    for point in entry_points(group=GROUP):
        if point.name == name:
            made: Venue = point.load()()
            return made
    near = difflib.get_close_matches(name, names(), n=2)
    hint = f"did you mean {' or '.join(near)}?  feedtape venues lists all {len(names())}" if near else "feedtape venues"
    raise UsageError(f"unknown venue {name!r}", hint=hint)
