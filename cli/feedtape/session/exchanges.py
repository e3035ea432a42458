"""HTTP exchanges under way: what was asked, what came of it, and the instrument lists among the answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from feedtape.errors import BadFrame
from feedtape.model.events import Event
from feedtape.model.instruments import Instrument
from feedtape.model.records import Record
from feedtape.session.clocks import Clocks, date_ns
from feedtape.venues.contract import DEEPEST, Request, Venue, is_too_deep, path_of

TRACKED: Final = 10_000
"""Exchanges under way that are remembered; the oldest are forgotten, and their answers are nobody's then."""
INSTRUMENTS_KEPT: Final = 200_000
"""Instruments of one venue."""


class Exchange(msgspec.Struct):
    """An exchange under way; `sent` is the body of a POST, `asked` and `answered` are when each side began, 0 where unknown."""

    venue: str
    url: str
    status: int = 0
    sent: str | None = None
    asked: int = 0
    answered: int = 0

    @property
    def request(self) -> Request:
        """What was asked for, whatever address stood in for the venue's."""
        return Request(path_of(self.url), body=self.sent)


def request_of(fields: Mapping[str, Any], asked: int = 0) -> Exchange:
    """Read what a `request` record says."""
    sent = fields.get("body")
    return Exchange(fields["venue"], fields["url"], sent=None if sent is None else str(sent), asked=asked)


class Listing(dict[str, Instrument]):
    """All instruments of a venue by symbol; never changed once made, so that copies of a session share it."""


class Exchanges:
    """Follows exchanges by their connection numbers, and keeps the instruments and the times that they brought."""

    def __init__(self, find: Callable[[str], Venue]) -> None:
        """Begin with none; `find` finds a venue by its name."""
        self.clocks = Clocks()
        self.under_way: dict[int, Exchange] = {}
        self.instruments: dict[str, Instrument] = {}
        """Facts of every target that is followed."""
        self._find = find
        self._lists: dict[str, Listing] = {}

    def requested(self, record: Record) -> Sequence[Event]:
        """Take a request; nothing becomes known by it."""
        if len(self.under_way) >= TRACKED:
            del self.under_way[next(iter(self.under_way))]
        self.under_way[record.connection] = request_of(record.json(), record.time)
        return ()

    def responded(self, record: Record) -> Sequence[Event]:
        """Take an answer's head; nothing becomes known by it."""
        exchange = self.under_way.get(record.connection)
        if exchange is not None:
            fields = record.json()
            exchange.status, exchange.answered = int(fields["status"]), record.time
            date = date_ns(str(fields.get("headers", {}).get("date", "")))
            self.clocks.read(exchange.venue, date, exchange.asked, record.time, "date")
        return ()

    def read(self, exchange: Exchange, record: Record, followed: Iterable[str]) -> Sequence[Event]:
        """Read an answer's body; of a list of instruments the facts of the followed targets are learnt.

        Raises:
            BadFrame: when the venue's decoder cannot.
        """
        venue, request = self._find(exchange.venue), exchange.request
        if _asks_time(venue, request):
            self._read_time(venue, exchange, record)
            return ()
        if is_too_deep(record.payload):
            raise BadFrame(f"JSON nested more than {DEEPEST} deep")
        if not venue.lists_instruments(request):
            return venue.decode_body(request, record.payload, record.time)
        found = venue.instruments(request, record.payload).instruments
        new = {entry.symbol: entry for entry in found[:INSTRUMENTS_KEPT]}
        known = Listing({**self._lists.pop(venue.name, {}), **new})
        if len(known) > INSTRUMENTS_KEPT or len(found) > INSTRUMENTS_KEPT:
            raise BadFrame(f"a list of {max(len(known), len(found))} instruments")
        self._lists[venue.name] = known
        for target in followed:
            self.learn(target)
        return ()

    def _read_time(self, venue: Venue, exchange: Exchange, record: Record) -> None:
        with suppress(BadFrame):
            # A clock that cannot be read is nothing that a book could have lost by; whoever asked for it says so.
            told = None if is_too_deep(record.payload) else venue.clock(record.payload)
            self.clocks.read(venue.name, told, exchange.asked, exchange.answered or record.time, "clock")

    def learn(self, target: str) -> None:
        """Take the facts of a target from the lists that went by, if they are in one."""
        venue, _, symbol = target.partition("@")[0].partition(":")
        facts = self._lists.get(venue, Listing()).get(symbol)
        if facts is not None:
            self.instruments[f"{venue}:{symbol}"] = facts

    def load(self, exchanges: Mapping[str, Any], instruments: Mapping[str, Any]) -> None:
        """Take over what a keyframe holds; the lists themselves are not part of it."""
        self.under_way = {int(number): msgspec.convert(one, Exchange) for number, one in exchanges.items()}
        self.instruments = {target: msgspec.convert(one, Instrument) for target, one in instruments.items()}


def _asks_time(venue: Venue, request: Request) -> bool:
    clock = venue.clock_request()
    return clock is not None and (clock.path, clock.body) == (request.path, request.body)
