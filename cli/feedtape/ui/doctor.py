"""What a doctor found, as a person or a machine reads it."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from feedtape.errors import FeedtapeError, UsageError
from feedtape.feed.address import Address
from feedtape.feed.doctor import OTHER, Check, examine, worst
from feedtape.model.secrets import redact_url
from feedtape.ui.output import printable, put, put_json, put_lines
from feedtape.ui.status import ended
from feedtape.venues.contract import Venue

Reach = Callable[[Venue], AbstractContextManager[str | None]]
"""Gives the address that stands in for a venue, if one does, for as long as it is looked at."""

_WORDS = {"fine": "ok", "note": "note", "warning": "warning", "failed": "FAILED", "skipped": "-"}
_HANG = 24
"""Where the words of a check begin."""


def show(venues: Sequence[Venue], reach: Reach, within_s: float, *, json: bool) -> int:
    """Look at venues one after the other, print what each step finds, and return the exit status.

    Raises:
        UsageError: when an address is none.
    """
    statuses, why = {}, list[tuple[int, str]]()
    for number, venue in enumerate(venues):
        if number and not json:
            put("")
        found: list[Check] = []
        try:
            with reach(venue) as url:
                Address.of(venue, url)
                if not json:
                    put(f"{venue.name}  {printable(redact_url(url or venue.ws_url))}")
                asyncio.run(_examine(venue, url, within_s, found, json=json))
        except UsageError:
            raise
        except FeedtapeError as error:
            found.append(Check("examination", "failed", str(error), error.hint or "", OTHER))
            _put(venue, found[-1], json=json)
        statuses[venue.name] = worst([check.status for check in found])
        why += [(check.status, f"{check.name} of {venue.name}") for check in found]
    if len(venues) > 1 and not json:
        put("")
        put_lines([_summary(statuses)])
    status = worst(list(statuses.values()))
    return ended(status, [what for number, what in why if number == status])


async def _examine(venue: Venue, url: str | None, within_s: float, found: list[Check], *, json: bool) -> None:
    async for check in examine(venue, url, within_s):
        found.append(check)
        _put(venue, check, json=json)


def _put(venue: Venue, check: Check, *, json: bool) -> None:
    if json:
        fields = {"venue": venue.name, "check": check.name, "verdict": check.verdict, "status": check.status, "text": check.text}
        put_json(fields | ({"remedy": check.remedy} if check.remedy else {}) | check.facts, indent=False)
    else:
        remedy = [f"  {'':<8} {'':<12} -> {printable(check.remedy)}"] if check.remedy else []
        put_lines([f"  {_WORDS[check.verdict]:<8} {check.name:<12} {printable(check.text)}", *remedy], _HANG)
    sys.stdout.flush()


def _summary(statuses: dict[str, int]) -> str:
    words = {
        0: "fine",
        4: "not reached or refused",
        5: "of a shape that contradicts the decoder",
        1: "with something else to look at",
    }
    parts = []
    for status, what in words.items():
        names = [name for name, one in statuses.items() if one == status]
        if names:
            parts.append(f"{len(names)} {what}" + (f" ({', '.join(names)})" if status else ""))
    return f"{len(statuses)} venues: {'; '.join(parts)}"
