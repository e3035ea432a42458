"""The live feed: everything that it takes to turn targets into an unending stream of records."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

from feedtape.errors import BadFrame, VenueError
from feedtape.feed.address import Address
from feedtape.feed.chain import Chain, check_options, options_of
from feedtape.feed.clock import Clock
from feedtape.feed.connection import CLOSE_WITHIN_S, MAX_MESSAGE
from feedtape.feed.context import Access, ConnectionInfo, Context
from feedtape.feed.forecast import check_limits, check_open
from feedtape.feed.line import Line
from feedtape.feed.listing import instruments_of
from feedtape.feed.logbook import Take
from feedtape.feed.offsets import keep_asking
from feedtape.feed.pace import Attempts, Messages
from feedtape.feed.rest import open_rest
from feedtape.feed.snapshots import Snapshots, poll
from feedtape.feed.symbols import resolved
from feedtape.feed.tunnel import tls_context
from feedtape.model.events import Event
from feedtape.model.records import CLOCK, Record, note
from feedtape.model.targets import Target
from feedtape.session import Session
from feedtape.session.clocks import STEP_NS
from feedtape.venues.registry import venue as find_venue

CLOCK_EVERY_S: Final = 10.0


class LiveFeed:
    """Records targets of any number of venues until it is told to stop.

    Everything that happens goes to `take` as records, in order, from the event loop's thread; `take` feeds `session`, which in
    turn says which snapshots are wanted. `say` gets what a person should know, one line each.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        channels: Sequence[str],
        *,
        session: Session,
        take: Take,
        clock: Clock,
        rng: random.Random,
        say: Callable[[str], None],
        urls: Mapping[str, str] | None = None,
        silence_s: float | None = None,
        max_life_s: float | None = None,
        backoff_s: float = 0.5,
        lanes: int = 1,
        chain: Chain | None = None,
        max_frame: int = MAX_MESSAGE,
    ) -> None:
        """Prepare; nothing is connected before `run`.

        Args:
            urls: for a venue's name an address that stands in for it, such as `ws://127.0.0.1:8765`.
            silence_s: silence limit in place of the venues' own; `max_life_s` and `backoff_s` likewise.
            max_frame: largest message that is taken, in bytes.
            lanes: how many independent connections carry each subscription.
            chain: targets name underlyings, and mean the options on them.

        Raises:
            UsageError: for a venue that is unknown or closed, or without options where a chain is
                wanted; an address that is none.
        """
        for name in dict.fromkeys(target.venue for target in targets):
            check_open(find_venue(name))
            if chain is not None:
                check_options(find_venue(name))
        self.targets: list[Target] = list(targets)
        """As given at first; in the venues' spelling once their lists of instruments were read."""
        self._channels = channels
        self._chain = chain
        self._context = Context(session, take, clock, rng, say, silence_s, max_life_s, backoff_s, max_frame)
        overrides = urls or {}
        names = dict.fromkeys(target.venue for target in targets)
        self._addresses = {name: Address.of(find_venue(name), overrides.get(name)) for name in names}
        self._attempts: dict[str, Attempts] = {}
        self._lines: list[Line] = []
        self._lanes: list[int | None] = [None] if lanes < 2 else [*range(1, lanes + 1)]

    def told(self, record: Record, events: Sequence[Event]) -> None:
        """Take the events of a record that `take` put off decoding."""
        for connection in self._context.connections:
            if connection.number == record.connection:
                connection.told(events)
        self._context.after_read()

    def status(self) -> list[ConnectionInfo]:
        """Return how every connection does."""
        return [info for line in self._lines for info in line.infos()]

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set, then close every connection and return.

        Raises:
            UsageError: for a symbol that the venue does not have.
            VenueError: when a venue cannot be reached at the start, or refuses everything.
            TapeError: whatever `take` raises.
        """
        if stop.is_set():
            return
        try:
            async with asyncio.TaskGroup() as group:
                work = group.create_task(self._work())
                group.create_task(self._end_with(stop, work))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            for connection in list(self._context.connections):
                connection.abort()

    async def _end_with(self, stop: asyncio.Event, work: "asyncio.Task[None]") -> None:
        await stop.wait()
        work.cancel()
        await asyncio.wait((work,))
        open_ones = list(self._context.connections)
        for connection in open_ones:
            connection.close(final=True)
        closing = [connection.closed for connection in open_ones if connection.opened_at]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_WITHIN_S)

    async def _work(self) -> None:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            group.create_task(self._tell_time())
            accesses = {name: await self._access(name, stack) for name in self._addresses}
            async with asyncio.TaskGroup() as starting:
                spelled = [starting.create_task(self._spell(access)) for access in accesses.values()]
            found = [target for task in spelled for target in task.result()]
            self.targets = found
            for access in accesses.values():
                targets = [target for target in found if target.venue == access.venue.name]
                plans = access.venue.plan(targets, self._channels)
                check_limits(access.venue, plans, len(self._lanes))
                self._lines += [Line(plan, access, self._context, lane) for plan in plans for lane in self._lanes]
                group.create_task(poll(self._context, access, targets, self._channels))
            group.create_task(Snapshots(self._context, accesses).run())
            group.create_task(self._watch_refusals())
            for line in self._lines:
                group.create_task(line.run())
            for access in accesses.values():
                group.create_task(keep_asking(self._context, access))

    async def _access(self, name: str, stack: AsyncExitStack) -> Access:
        venue, address = find_venue(name), self._addresses[name]
        rest = await stack.enter_async_context(open_rest(venue, address, self._context))
        tls = tls_context() if address.ws.startswith("wss:") else None
        # Venues at one address share what it allows.
        attempts = self._attempts.setdefault(address.ws, Attempts(venue.limits))
        return Access(venue, address, rest, attempts, Messages(venue.limits.messages_in_all), tls)

    async def _spell(self, access: Access) -> list[Target]:
        """Return a venue's targets as the venue spells them, by its own list of instruments."""
        venue = access.venue
        targets = [target for target in self.targets if target.venue == venue.name]
        try:
            symbols = [target.symbol for target in targets] if self._chain is None else []
            instruments = await instruments_of(venue, access.rest, symbols)
        except BadFrame as error:
            if self._chain is not None:
                raise VenueError(f"{venue.name}: the list of instruments cannot be read: {error}") from error
            self._context.say(f"{venue.name}: the list of instruments cannot be read, symbols are unchecked: {error}")
            return [target._replace(symbol=venue.canonical_symbol(target.symbol)) for target in targets]
        if self._chain is not None:
            return options_of(venue, targets, instruments, self._chain, self._context.clock.wall(), self._context.say)
        return resolved(targets, instruments, self._context.say)

    async def _watch_refusals(self) -> None:
        """End the feed when every line of it is refused and none ever delivered."""
        refused = self._context.refused
        while True:
            await refused.wait()
            refused.clear()
            words = [line.refused for line in self._lines]
            if all(words):
                raise VenueError(f"nothing is left to record, the venue refuses it: {words[0]}")

    async def _tell_time(self) -> None:
        clock, last = self._context.clock, self._context.clock.drift()
        while True:
            drift = clock.drift()
            self._context.take(note(clock.now(), CLOCK, {"wall": clock.wall(), "drift_ns": drift}))
            if abs(drift - last) > STEP_NS:
                self._context.say(f"the system clock stepped by {(drift - last) / 1e9:+.3f} s")
            last = drift
            await asyncio.sleep(CLOCK_EVERY_S)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first plain failure within nested groups."""
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
