"""A short look at what a venue really delivers: its channels, its book, the age of its messages and their shape."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from statistics import median
from typing import Any, Final

from feedtape.book.keeper import BookKeeper, State
from feedtape.errors import FeedtapeError, VenueError
from feedtape.feed.doctor import CONTRADICTION, OTHER, UNREACHED, Check, Patient, counted
from feedtape.feed.doctor_shape import Seen
from feedtape.feed.live import LiveFeed
from feedtape.feed.subscription import CHANNEL_OF
from feedtape.feed.words import plain
from feedtape.model.events import (
    BookDelta,
    Derivative,
    Event,
    Gap,
    Quote,
    Refused,
    Trade,
)
from feedtape.model.records import BODY, RECV, RECV_BINARY, Record
from feedtape.model.targets import Target
from feedtape.session import Session
from feedtape.venues import registry
from feedtape.venues.shapes import Shapes

NAMES: Final = ("feed", "book", "age", "shape")
"""The checks that come of it, in order."""
_HEARD_WITHIN_S: Final = 15.0
"""Before the first message; the time to look begins with it."""
_ENOUGH: Final = 30
"""Messages after which a look may end before its time, once everything has delivered."""
_AGES_KEPT: Final = 10_000
_OLD_NS: Final = 1_000_000_000
_FRESH: Final = (BookDelta, Quote, Trade, Derivative)
"""Events that tell of what has just happened; a snapshot may tell of what was long ago."""
_MAY_BE_SILENT: Final = frozenset({"trades", "liquidations"})


class _Look:
    """Takes what a live feed records, and keeps of it what the checks are about."""

    def __init__(self, patient: Patient, shapes: Shapes | None) -> None:
        venue = patient.venue
        self.patient = patient
        self.target = f"{venue.name}:{patient.symbol}"
        self.session = Session(registry.venue)
        self.seen = Seen(shapes, venue.decoder, (patient.symbol, venue.example))
        plans = venue.plan([Target(venue.name, patient.symbol)], venue.channels)
        self.streams = {stream.name: stream.channel for plan in plans for stream in plan.streams}
        polled = [channel for channel in venue.channels if venue.polls(patient.symbol, [channel])]
        asked = {*self.streams.values(), *polled}
        self.channels = [channel for channel in venue.channels if channel in asked]
        self.delivered: Counter[str] = Counter()
        self.refused: dict[str, str] = {}
        """The venue's words by what was refused: channels, or nothing where it did not say."""
        self.ages: list[int] = []
        self.bodies_refused: list[str] = []
        self.messages = 0
        self.said: list[str] = []
        self.failure: FeedtapeError | None = None
        self.heard = asyncio.Event()
        self.enough = asyncio.Event()

    def take(self, record: Record) -> Sequence[Event]:
        known = self.session.feed(record)
        if record.kind in (RECV, RECV_BINARY):
            self._message(record, known)
        elif record.kind == BODY:
            self._events(known, record)
            self.bodies_refused += _refusals(known)
        return known

    def _message(self, record: Record, known: Sequence[Event]) -> None:
        self.heard.set()
        self.messages += 1
        bad = next(iter(_refusals(known)), None)
        latest, events = self.session.heard
        if bad is not None or latest is not record:
            events = ()
        self.seen.message(record.payload, events, bad)
        self._events(events, record)
        if not self.enough.is_set() and self.messages >= _ENOUGH and self._is_complete():
            self.enough.set()

    def _events(self, events: Sequence[Event], record: Record) -> None:
        time = 0
        for event in events:
            channel = CHANNEL_OF.get(type(event))
            if channel is not None:
                self.delivered[channel] += 1
            if type(event) in _FRESH and event.time is not None:
                time = max(time, event.time)
            if type(event) is Refused:
                words = plain(event.message) + (f" (code {plain(event.code)})" if event.code is not None else "")
                for channel in {self.streams.get(stream, "") for stream in event.streams} or {""}:
                    self.refused.setdefault(channel, words)
        if time and len(self.ages) < _AGES_KEPT:
            self.ages.append(record.time + (self.patient.offset_ns or 0) - time)

    def keeper(self) -> BookKeeper | None:
        return next((keeper for name, keeper in self.session.books.items() if name.partition("@")[0] == self.target), None)

    def _is_complete(self) -> bool:
        keeper = self.keeper()
        if keeper is None or not keeper.is_live or keeper.proof()[0] != keeper.integrity.proof:
            return False
        return all(self.delivered[channel] or channel == "liquidations" for channel in self.channels)

    async def run(self, within_s: float) -> None:
        """Run the feed until everything has delivered, or the time is over."""
        patient = self.patient
        feed = LiveFeed(
            [Target(patient.venue.name, patient.symbol)],
            list(patient.venue.channels),
            session=self.session,
            take=self.take,
            clock=patient.clock,
            rng=random.Random(),
            say=self.said.append,
            urls={patient.venue.name: patient.url} if patient.url is not None else None,
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._end(stop, within_s))
            try:
                await feed.run(stop)
            except FeedtapeError as error:
                self.failure = error
            finally:
                timer.cancel()

    async def _end(self, stop: asyncio.Event, within_s: float) -> None:
        for event, seconds in ((self.heard, _HEARD_WITHIN_S), (self.enough, within_s)):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        stop.set()


def _refusals(known: Sequence[Event]) -> list[str]:
    return [
        event.detail.partition(": ")[2]
        for event in known
        if type(event) is Gap and event.kind == "bad-frame" and not event.target
    ]


async def look(patient: Patient, within_s: float, shapes: Shapes | None) -> list[Check]:
    """Subscribe the patient's symbol with all its channels for so long; say what came of it."""
    look = _Look(patient, shapes)
    started = patient.clock.now()
    await look.run(within_s)
    took_s = (patient.clock.now() - started) / 1e9
    return [_feed(look, took_s, within_s), _book(look), _age(look), _shape(look)]


def _feed(look: _Look, took_s: float, within_s: float) -> Check:
    venue = look.patient.venue
    told, late, refused, facts = list[str](), list[str](), list[str](), dict[str, Any]()
    for channel in look.channels:
        count = look.delivered[channel]
        words = look.refused.get(channel)
        facts[channel] = {"events": count} | ({} if words is None else {"refused": words})
        if count:
            told.append(f"{channel} {count}" + (" (refused at first)" if words is not None else ""))
        elif words is not None:
            refused.append(f"{channel} is refused: {words}")
        else:
            late.append(channel)
    text = f"{look.patient.symbol}: " + ", ".join(told or ["nothing"]) + f" in {took_s:.1f} s"
    found = {"symbol": look.patient.symbol, "messages": look.messages, "channels": facts}
    silent = [channel for channel in late if channel in _MAY_BE_SILENT]
    lacking = [channel for channel in late if channel not in _MAY_BE_SILENT]
    text += f"; not yet: {', '.join(late)}" if late else ""
    if refused or (lacking and "" in look.refused):
        words = "; ".join(refused) or f"refused: {look.refused['']}"
        remedy = f"feedtape venues {venue.name} tells what there is; feedtape symbols {venue.name} what it lists"
        return Check("feed", "failed", f"{text}; {words}", remedy, UNREACHED, found)
    if look.failure is not None:
        status = UNREACHED if isinstance(look.failure, VenueError) else OTHER
        return Check("feed", "failed", f"{text}; {look.failure}", look.failure.hint or "", status, found)
    if lacking:
        said = f"; {look.said[-1].removeprefix(f'{venue.name}: ')}" if look.said else ""
        remedy = f"if the shape below is wrong, that is why; else look longer: --within {max(60, int(within_s * 3))}s"
        return Check("feed", "failed", text + said, remedy, OTHER, found)
    notes = bool(silent or look.refused)
    return Check("feed", "note" if notes else "fine", text + (" (they may be silent)" if silent else ""), facts=found)


def _book(look: _Look) -> Check:
    keeper = look.keeper()
    if keeper is None:
        return Check("book", "skipped", "no book came")
    grade, reason = keeper.proof()
    counters, book = keeper.counters, keeper.book
    facts = {
        "state": keeper.state.value,
        "proof": grade,
        "reason": reason,
        "gaps": counters.gaps,
        "resyncs": counters.resyncs,
        "checksums_matched": counters.checksums_matched,
        "checksums_failed": counters.checksums_failed,
        "updates": counters.updates,
    }
    text = f"{keeper.state.value}, {len(book.bids)} bids and {len(book.asks)} asks, proof: {grade}: {plain(reason)}"
    if counters.checksums_matched:
        text += f"; {counted(counters.checksums_matched, 'checksum')} matched"
    if counters.checksums_failed:
        remedy = f"feedtape's decoder {look.patient.venue.decoder} no longer builds the venue's book: it must be updated"
        if counters.checksums_matched:
            remedy = "where some match, updates are lost or damaged on the way; the tape of a recording shows which"
        text += f"; {counted(counters.checksums_failed, 'checksum')} did not match"
        return Check("book", "failed", text, remedy, CONTRADICTION, facts)
    if keeper.state is not State.LIVE:
        return Check("book", "failed", text, "look longer with --within; what the other checks say comes first", OTHER, facts)
    if counters.gaps:
        text += f"; broken {counted(counters.gaps, 'time')} meanwhile, and rebuilt"
        remedy = "updates were lost on the way: the network, or a machine too slow; feedtape record --connections 2 fills holes"
        return Check("book", "warning", text, remedy, OTHER, facts)
    if not counters.updates:
        return Check("book", "note", f"{text}; it is the snapshot alone, no update has been taken", facts=facts)
    if grade != keeper.integrity.proof:
        return Check("book", "note", f"{text}; {keeper.integrity.proof} may come with time", facts=facts)
    return Check("book", "note" if grade == "unprovable" else "fine", text, facts=facts)


def _age(look: _Look) -> Check:
    if not look.ages:
        return Check(
            "age", "note" if look.messages else "skipped", "no message told its time" if look.messages else "no message came"
        )
    middle, oldest = int(median(look.ages)), max(look.ages)
    patient = look.patient
    facts = {
        "median_ns": str(middle),
        "most_ns": str(oldest),
        "messages": len(look.ages),
        "corrected": patient.offset_ns is not None,
    }
    corrected = (
        f"clocks compared to ± {patient.uncertain_ns / 1e6:.0f} ms" if patient.offset_ns is not None else "clocks not compared"
    )
    text = f"median {middle / 1e6:.0f} ms, at most {oldest / 1e6:.0f} ms from the venue's time to ours, {corrected}"
    if middle - patient.uncertain_ns > _OLD_NS:
        remedy = "the way is slow or this machine is: look at its load, its network, and where the venue's servers are"
        return Check("age", "warning", text, remedy, OTHER, facts)
    if middle < -patient.uncertain_ns and patient.offset_ns is not None:
        return Check("age", "note", f"{text}: its messages and its clock do not agree", facts=facts)
    return Check("age", "fine", text, facts=facts)


def _shape(look: _Look) -> Check:
    bodies = look.bodies_refused
    if bodies:
        remedy = f"feedtape's decoder {look.patient.venue.decoder} must be updated; the tape keeps the answers"
        return Check(
            "shape", "failed", f"an answer to a request is refused by the decoder: {plain(bodies[0])}", remedy, CONTRADICTION
        )
    return look.seen.check()
