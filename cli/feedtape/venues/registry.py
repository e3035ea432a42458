"""Finding venues. Every installed package can bring some, under the entry point group `feedtape.venues`."""

import difflib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from feedtape.errors import UsageError
from feedtape.venues.contract import Venue

GROUP = "feedtape.venues"
_MOST_DECODERS = 1000


@cache
def names() -> tuple[str, ...]:
    """The names of all installed venues, in order."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def venue(name: str) -> Venue:
    """Return the venue of that name, or of a decoder's (`kraken/1`): as it was read in that decoder's day.

    Raises:
        UsageError: when no installed package brings it; the near names are in the hint.
    """
    plain, _, version = name.partition("/")
    for point in entry_points(group=GROUP):
        if point.name == plain:
            made: Venue = point.load()()
            return _of_its_day(made, name) if version else made
    near = difflib.get_close_matches(plain, names(), n=2)
    hint = f"did you mean {' or '.join(near)}?  feedtape venues lists all {len(names())}" if near else "feedtape venues"
    raise UsageError(f"unknown venue {plain!r}", hint=hint)


def _of_its_day(made: Venue, decoder: str) -> Venue:
    for version in (type(made), *made.earlier):
        if version.decoder == decoder:
            return version()
    known = ", ".join(version.decoder for version in (type(made), *made.earlier))
    raise UsageError(f"no decoder {decoder!r}; there are {known}", hint="a newer feedtape may have it")


class Decoders:
    """Which decoder reads each venue's frames on one tape: the one that its header names."""

    def __init__(self, resolve: Callable[[str], Venue] = venue) -> None:
        """Begin with the current ones; `resolve` finds a venue by its name or its decoder's."""
        self._resolve = resolve
        self._named: dict[str, str] = {}

    def take(self, header: Mapping[str, Any]) -> None:
        """Take the decoders that a header names; what another header named holds until then."""
        for name, decoder in dict(header.get("decoders") or {}).items():
            if len(self._named) < _MOST_DECODERS:
                self._named[str(name)] = str(decoder)

    def venue(self, name: str) -> Venue:
        """Return the venue of that name.

        Raises:
            UsageError: as `venue`.
        """
        return self._resolve(self._named.get(name, name))

    def save(self) -> dict[str, str]:
        """Return what `take` takes, without the name of its field."""
        return dict(self._named)
