"""A venue's REST: its list of instruments, and its clock against ours."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson

from feedtape.errors import BadFrame, VenueError
from feedtape.feed.doctor import CONTRADICTION, OTHER, UNREACHED, Check, Inquiry, Patient, counted
from feedtape.feed.doctor_reach import remedy_of_status
from feedtape.feed.listing import instruments_of
from feedtape.feed.offsets import ASKED
from feedtape.feed.rest import Rest, open_rest
from feedtape.model.events import Event
from feedtape.model.instruments import Instrument
from feedtape.model.records import BODY, REQUEST, RESPONSE, Record
from feedtape.session.clocks import Offset, date_ns, offset_between
from feedtape.venues.contract import Request

ANSWERED_WITHIN_S: Final = 20.0
_CLOCK_LIMIT_NS: Final = 500_000_000
_SECOND_NS: Final = 1_000_000_000


class Desk:
    """Where a venue is asked, and what came of the latest request."""

    def __init__(self) -> None:
        self.rest: Rest
        self.status: int | None = None
        self.date = ""
        self.asked = self.came = 0
        """When it was sent, once the limits allowed it, and when the head of its answer came."""
        self.body = b""
        self.said: list[str] = []

    def take(self, record: Record) -> Sequence[Event]:
        """Take what went to and fro."""
        if record.kind == REQUEST:
            self.status, self.body, self.asked = None, b"", record.time
        elif record.kind == RESPONSE:
            fields = record.json()
            self.status = fields["status"]
            self.date = fields["headers"].get("date", "")
            self.came = record.time
        elif record.kind == BODY:
            self.body = record.payload
        return ()

    def words(self, error: Exception) -> str:
        """Return why it failed."""
        if isinstance(error, TimeoutError):
            return "; ".join([f"not done within {ANSWERED_WITHIN_S:g} s", *self.said[-1:]])
        return str(error)


@asynccontextmanager
async def desk(patient: Patient) -> AsyncIterator[Desk]:
    """Yield a way to ask a venue."""
    opened = Desk()
    async with open_rest(patient.venue, patient.address, Inquiry(opened.take, patient.clock, opened.said.append)) as opened.rest:
        yield opened


async def instruments(patient: Patient, desk: Desk) -> Check:
    """Read the list of instruments; take another symbol where the example is not traded."""
    venue = patient.venue
    started = patient.clock.now()
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            found = await instruments_of(venue, desk.rest, [venue.example])
    except (VenueError, TimeoutError) as error:
        remedy = getattr(error, "hint", None) or remedy_of_status(desk.status, is_replaced=patient.is_replaced)
        words = desk.words(error).removeprefix(f"{venue.name}: ")
        refused = {} if desk.status is None else {"http": desk.status}
        return Check("instruments", "failed", words, remedy, UNREACHED, refused)
    except BadFrame as error:
        return _unreadable(patient, desk, error)
    ms = (patient.clock.now() - started) // 1_000_000
    count = f"{counted(len(found), 'instrument')} in {ms} ms"
    facts: dict[str, Any] = {"instruments": len(found), "example": venue.example, "has_example": False}
    listed = {one.symbol.upper(): one for one in found}.get(venue.example.upper())
    if listed is not None and listed.trading is not False:
        return Check("instruments", "fine", f"{count}, {venue.example} among them", facts=facts | {"has_example": True})
    other = _other(found, listed)
    what = f"{venue.example} is not among them" if listed is None else f"{venue.example} is not traded now"
    if other is None:
        remedy = f"feedtape symbols {venue.name} --all shows what it lists"
        return Check("instruments", "failed", f"{count}, {what}, and nothing else is", remedy, OTHER, facts)
    patient.symbol = other.symbol
    return Check("instruments", "note", f"{count}, {what}; going on with {other.symbol}", facts=facts | {"symbol": other.symbol})


def _other(found: Sequence[Instrument], example: Instrument | None) -> Instrument | None:
    traded = [one for one in found if one.trading is not False]
    alike = [one for one in traded if example is None or one.kind == example.kind]
    return next(iter(alike or traded), None)


def _unreadable(patient: Patient, desk: Desk, error: BadFrame) -> Check:
    try:
        orjson.loads(desk.body)
    except ValueError:
        remedy = remedy_of_status(desk.status, is_replaced=patient.is_replaced)
        return Check("instruments", "failed", "what answers is no JSON, so it is not the venue's REST", remedy, UNREACHED)
    decoder = patient.venue.decoder
    remedy = f"feedtape's decoder {decoder} must be updated; until then it records with symbols unchecked"
    return Check("instruments", "failed", f"the list cannot be read: {error}", remedy, CONTRADICTION)


async def clock(patient: Patient, desk: Desk) -> Check:
    """Compare our clock with the venue's: by its own time where it tells one, else by the date of an answer."""
    request = patient.venue.clock_request()
    complaint = ""
    offset = None
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            if request is not None:
                try:
                    offset = await _asked(patient, desk, request)
                except BadFrame as error:
                    complaint = f"its clock cannot be read ({error}); "
            else:
                await desk.rest.get(patient.venue.instruments_requests([patient.venue.example])[0])
    except (VenueError, TimeoutError) as error:
        remedy = getattr(error, "hint", None) or remedy_of_status(desk.status, is_replaced=patient.is_replaced)
        return Check("clock", "failed", desk.words(error).removeprefix(f"{patient.venue.name}: "), remedy, UNREACHED)
    if offset is None:
        told = date_ns(desk.date)
        offset = None if told is None else offset_between(told, desk.asked, desk.came, "date")
    if offset is None:
        return Check(
            "clock", "note", f"{complaint}nothing tells the venue's time, so that ages are as this machine's clock has them"
        )
    patient.offset_ns, patient.uncertain_ns = offset.ns, offset.uncertain_ns
    return _judged(offset, complaint)


async def _asked(patient: Patient, desk: Desk, request: Request) -> Offset:
    found = []
    for _ in range(ASKED):
        told = patient.venue.clock(await desk.rest.get(request))
        found.append(offset_between(told, desk.asked, desk.came))
        if not told % _SECOND_NS:
            # A clock of whole seconds tells no more when it is asked again at once.
            break
    return min(found, key=lambda one: one.uncertain_ns)


def _judged(offset: Offset, complaint: str) -> Check:
    facts = {"offset_ns": str(offset.ns), "uncertain_ns": str(offset.uncertain_ns)}
    source = "its clock" if offset.source == "clock" else "the date of its answer, in whole seconds"
    side = "behind" if offset.ns > 0 else "ahead of"
    text = f"{complaint}ours is {_span(abs(offset.ns))} {side} the venue's (± {_span(offset.uncertain_ns)}, by {source})"
    if abs(offset.ns) - offset.uncertain_ns > _CLOCK_LIMIT_NS:
        remedy = "set this machine's clock by NTP: timedatectl set-ntp true (or chrony, ntpd; w32tm /resync on Windows)"
        return Check("clock", "warning", text, remedy, OTHER, facts)
    return Check("clock", "note" if complaint else "fine", text, facts=facts)


def _span(ns: int) -> str:
    return f"{ns / 1e9:.2f} s" if ns >= _SECOND_NS else f"{ns / 1e6:.0f} ms"
