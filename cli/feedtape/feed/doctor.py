"""Looking at a venue from here, step by step: what a recording would need, and what of it there is.

Nothing is recorded. The steps are a recording's own code wherever it has any: the same handshake, the same requests, the same
live feed. What fails keeps from the rest only what cannot be tried without it.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import Any, Final, Literal

from feedtape.feed.address import Address
from feedtape.feed.clock import Clock
from feedtape.feed.logbook import Take
from feedtape.feed.pace import Backoff
from feedtape.model.secrets import Hidden
from feedtape.venues.contract import Venue
from feedtape.venues.shapes import Shapes

Verdict = Literal["fine", "note", "warning", "failed", "skipped"]

DONE: Final = 0
OTHER: Final = 1
UNREACHED: Final = 4
CONTRADICTION: Final = 5


@dataclass(frozen=True)
class Check:
    """What one step found.

    Attributes:
        name: `names`, `tls`, `handshake`, `instruments`, `clock`, `feed`, `book`, `age` or `shape`; `closed` for a venue that is.
        status: the exit status that it stands for.
        remedy: what to do about it.
        facts: for machines.
    """

    name: str
    verdict: Verdict
    text: str
    remedy: str = ""
    status: int = DONE
    facts: dict[str, Any] = field(default_factory=dict)

    def hiding(self, hidden: Hidden) -> "Check":
        """Return it without an address's credentials, whoever repeated them."""
        facts = hidden.out_of_values(self.facts)
        return Check(self.name, self.verdict, hidden.out_of(self.text), hidden.out_of(self.remedy), self.status, facts)


def counted(number: int, name: str) -> str:
    """Return a number of things in words."""
    return f"{number} {name}" + ("" if number == 1 else "s")


def worst(statuses: list[int]) -> int:
    """Return the exit status of several: a contradiction explains what fails after it, so that it comes first."""
    return next((one for one in (CONTRADICTION, UNREACHED, OTHER) if one in statuses), DONE)


@dataclass
class Patient:
    """The venue that is looked at, and what is known of it so far.

    Attributes:
        url: what stands in for the venue's own addresses, if anything does.
        symbol: what to subscribe to.
        offset_ns: by how much the venue's clock is ahead of ours; `uncertain_ns` how far that may be wrong.
    """

    venue: Venue
    address: Address
    url: str | None
    symbol: str
    clock: Clock = field(default_factory=Clock)
    offset_ns: int | None = None
    uncertain_ns: int = 0

    @property
    def is_replaced(self) -> bool:
        """Whether another address stands in for the venue's own."""
        return self.url is not None


@dataclass
class Inquiry:
    """Stands in for a recording in requests: what is said and taken is for the one who asks, and gone after it."""

    take: Take
    clock: Clock
    say: Callable[[str], None]
    _number: int = 0

    def number(self) -> int:
        """Return the next connection number."""
        self._number += 1
        return self._number

    def backoff(self) -> Backoff:
        """Return short delays: a person waits."""
        return Backoff(random.Random(), base_s=0.1, cap_s=1.0)


async def examine(venue: Venue, url: str | None, within_s: float) -> AsyncIterator[Check]:
    """Look at a venue; yield what each step found as soon as it did. `url` stands in for its address.

    Raises:
        UsageError: when the address is none.
    """
    if venue.closed:
        yield Check("closed", "note", f"nothing to connect to: {venue.closed}; tapes and captures of it are read all the same")
        return
    from feedtape.feed import doctor_feed, doctor_reach, doctor_rest

    patient = Patient(venue, Address.of(venue, url), url, venue.example)
    hidden = Hidden(url or "")
    found: dict[str, Check] = {}
    async with doctor_rest.desk(patient) as desk:
        steps: Sequence[tuple[str, str, Callable[[], Awaitable[Check]]]] = (
            ("names", "", partial(doctor_reach.names, patient)),
            ("tls", "names", partial(doctor_reach.tls, patient)),
            ("handshake", "tls", partial(doctor_reach.handshake, patient)),
            ("instruments", "tls", partial(doctor_rest.instruments, patient, desk)),
            ("clock", "instruments", partial(doctor_rest.clock, patient, desk)),
        )
        for name, needed, step in steps:
            is_possible = not needed or _went(found[needed])
            found[name] = await step() if is_possible else Check(name, "skipped", f"needs {needed}")
            yield found[name].hiding(hidden)
    lacking = next((needed for needed in ("handshake", "instruments") if not _went(found[needed])), None)
    if lacking is not None:
        for name in doctor_feed.NAMES:
            yield Check(name, "skipped", f"needs {lacking}")
        return
    for check in await doctor_feed.look(patient, within_s, known_shapes(venue)):
        yield check.hiding(hidden)


def _went(check: Check) -> bool:
    return check.verdict not in ("failed", "skipped")


def known_shapes(venue: Venue) -> Shapes | None:
    """Return what is known of a venue's messages, by the file that its package brings beside its module; None without one."""
    package = type(venue).__module__.rpartition(".")[0]
    file = files(package).joinpath("known", f"{venue.name}.txt") if package else None
    return Shapes.parse(file.read_text(encoding="utf-8")) if file is not None and file.is_file() else None
