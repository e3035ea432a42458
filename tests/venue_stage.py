"""A venue's whole way in one process: the simulated exchange, the live feed, and the books that it builds, over loopback."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from feedtape.errors import FeedtapeError
from feedtape.feed.chain import Chain
from feedtape.feed.clock import Clock
from feedtape.feed.live import LiveFeed
from feedtape.model.events import Event, Levels
from feedtape.model.records import Record
from feedtape.model.targets import Target
from feedtape.session import Session
from feedtape.sim.exchange import SimulatedExchange
from feedtape.sim.instrument import sides
from feedtape.venues import registry

Sides = tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]


@dataclass
class Lived:
    """What came of a run: everything that was recorded, what it built, and who was at the other end."""

    session: Session
    exchange: SimulatedExchange
    records: list[Record]
    events: list[Event]
    said: list[str]
    failure: FeedtapeError | None

    def replayed(self) -> Session:
        """Return what the same records build once more."""
        session = Session(registry.venue)
        for record in self.records:
            session.feed(record)
        return session

    def book(self, target: str) -> Sides:
        """Return our book of a target."""
        book = self.session.books[target].book
        return exact(list(book.bids.top())), exact(list(book.asks.top()))

    def truth(self, symbol: str, depth: int | None = None) -> Sides:
        """Return the exchange's own book of a symbol, as it is now."""
        listing = self.exchange.listings[symbol]
        state = listing.market.state()
        bids, asks = sides(listing.instrument, state.bids[:depth], state.asks[:depth])
        return exact([(p, s) for p, s in bids]), exact([(p, s) for p, s in asks])

    def published(self, stream: str) -> Sides:
        """Return what a stream's listeners were told last, by the dialect's name of it."""
        for listing in self.exchange.listings.values():
            if stream in listing.windows:
                state = listing.windows[stream].state
                bids, asks = sides(listing.instrument, state.bids, state.asks)
                return exact([(p, s) for p, s in bids]), exact([(p, s) for p, s in asks])
        raise LookupError(stream)


def exact(levels: Levels) -> list[tuple[Decimal, Decimal]]:
    """Return levels as numbers, whatever zeros they are padded with."""
    return [(Decimal(price), Decimal(size)) for price, size in levels]


async def live(
    venue: str,
    targets: Sequence[str],
    *,
    symbols: Sequence[str] | None = None,
    channels: Sequence[str] = ("book", "trades", "quotes"),
    faults: Sequence[str] = (),
    seconds: float = 1.0,
    calm_s: float = 1.0,
    rate: float = 20,
    limits: bool = False,
    lanes: int = 1,
    silence_s: float | None = 0.5,
    ping_every: float | None = None,
    max_life: float | None = None,
    seed: int = 11,
    chain: Chain | None = None,
    awaits: Callable[[Sequence[Event]], bool] = lambda events: True,
) -> Lived:
    """Record a simulated venue for `seconds` with faults, then `calm_s` without, and stop when its market rests.

    It goes on until the events hold what it `awaits`: how far a market comes in a second depends on the machine.
    `symbols` are what the exchange lists, in place of its own choice; targets are written without their venue, and name
    underlyings where a `chain` is wanted.
    """
    exchange = SimulatedExchange(
        venue, symbols=symbols, seed=seed, rate=rate, faults=faults, limits=limits, ping_every=ping_every, max_life=max_life
    )
    session, records, events, said = Session(registry.venue), list[Record](), list[Event](), list[str]()

    def take(record: Record) -> Sequence[Event]:
        records.append(record)
        known = session.feed(record)
        events.extend(known)
        return known

    failure: FeedtapeError | None = None
    async with exchange.serve() as url:
        feed = LiveFeed(
            [Target.parse(f"{venue}:{target}") for target in targets],
            list(channels),
            session=session,
            take=take,
            clock=Clock(),
            rng=random.Random(1),
            say=said.append,
            urls={venue: url},
            silence_s=silence_s,
            backoff_s=0.05,
            lanes=lanes,
            chain=chain,
        )
        stop = asyncio.Event()
        running = asyncio.ensure_future(feed.run(stop))
        try:
            await _begun(running, events)
            await asyncio.wait((running,), timeout=seconds)
            exchange.calm()
            # What was lost before shows with the next update alone, unless each is a whole picture.
            books = session.books.items()
            before = {name: keeper.counters.updates for name, keeper in books if keeper.integrity.snapshot != "full"}
            await asyncio.wait((running,), timeout=calm_s)
            await _whole(running, session, before, lambda: awaits(events), wants_books="book" in channels)
            exchange.pause()
            await _quiet(running, events)
        finally:
            stop.set()
            try:
                await running
            except FeedtapeError as error:
                failure = error
            # What was aborted is closed by the loop's next turns.
            for _ in range(5):
                await asyncio.sleep(0)
    return Lived(session, exchange, records, events, said, failure)


async def _whole(
    running: asyncio.Future[None],
    session: Session,
    before: Mapping[str, int],
    is_enough: Callable[[], bool],
    *,
    wants_books: bool,
) -> None:
    """Return when there are books and every one is live, and goes on: how long that takes depends on the machine."""
    for _ in range(600):
        has_begun = bool(session.books) or not wants_books
        books = session.books.items()
        if running.done() or (
            has_begun and all(one.is_live and one.counters.updates > before.get(name, -1) for name, one in books)
        ):
            return
        await asyncio.sleep(0.02)


async def _quiet(running: asyncio.Future[None], events: Sequence[Event]) -> None:
    """Return when nothing of a market has come for some turns of the loop, which serves both ends."""
    still, seen = 0, len(events)
    for _ in range(100):
        if still == 8 or running.done():
            return
        await asyncio.sleep(0.02)
        still = 0 if any(event.target for event in events[seen:]) else still + 1
        seen = len(events)


async def _begun(running: asyncio.Future[None], events: Sequence[Event]) -> None:
    """Return when the venue is heard: on a busy machine, starting may take longer than a whole run."""
    for _ in range(1000):
        if events or running.done():
            return
        await asyncio.sleep(0.01)
