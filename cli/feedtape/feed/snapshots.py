"""Getting what streams do not carry by themselves: book snapshots when a book wants one, and facts that are polled."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from feedtape.errors import VenueError
from feedtape.feed.context import Access, Context
from feedtape.model.targets import Target
from feedtape.venues.contract import Request

FIRST_DELAY_S: Final = 0.3
"""Before a snapshot that was too old is asked for again: the stream has moved on by then, and so has the venue's cache."""
_DELAY_GROWTH: Final = 1.7
_LONGEST_DELAY_S: Final = 30.0
_AT_ONCE: Final = 4


class Snapshots:
    """Gets a snapshot for each book that wants one: by REST, never two of a symbol at a time, or from its stream begun anew."""

    def __init__(self, context: Context, accesses: Mapping[str, Access]) -> None:
        self._context = context
        self._accesses = accesses
        self._slots = {name: asyncio.Semaphore(_AT_ONCE) for name in accesses}
        self._under_way: set[str] = set()

    async def run(self) -> None:
        """Serve wishes until cancelled."""
        wanting, wanted = self._context.session.wanting, self._context.wanted
        async with asyncio.TaskGroup() as group:
            while True:
                await wanted.wait()
                wanted.clear()
                wishes = dict(wanting)
                wanting.clear()
                for target, keeper in wishes.items():
                    symbol = target.partition("@")[0]
                    for connection in keeper.wants_stream:
                        subscription = self._context.subscriptions.get(connection)
                        if subscription is not None:
                            subscription.mend(symbol.partition(":")[2], keeper.integrity.resync)
                    if keeper.wants_snapshot and symbol not in self._under_way:
                        self._under_way.add(symbol)
                        group.create_task(self._fetch(symbol))

    def _is_wanted(self, symbol: str) -> bool:
        books = self._context.session.books
        return any(keeper.wants_snapshot for name, keeper in books.items() if name.partition("@")[0] == symbol)

    async def _fetch(self, target: str) -> None:
        name, _, symbol = target.partition(":")
        access, delay_s = self._accesses.get(name), FIRST_DELAY_S
        request = None if access is None else access.venue.snapshot_request(symbol)
        if access is not None and request is not None:
            while self._is_wanted(target):
                try:
                    async with self._slots[name]:
                        await access.rest.get(request)
                except VenueError as error:
                    self._context.say(f"{error}: no snapshot of {target} yet")
                if not self._is_wanted(target):
                    break
                await asyncio.sleep(delay_s * self._context.rng.uniform(0.8, 1.2))
                delay_s = min(_LONGEST_DELAY_S, delay_s * _DELAY_GROWTH)
        self._under_way.discard(target)


async def poll(context: Context, access: Access, targets: Sequence[Target], channels: Sequence[str]) -> None:
    """Repeat a venue's polls for these targets until cancelled."""
    async with asyncio.TaskGroup() as group:
        for symbol in dict.fromkeys(target.symbol for target in targets):
            for request, every_s in access.venue.polls(symbol, channels):
                group.create_task(_repeat(context, access, request, every_s))


async def _repeat(context: Context, access: Access, request: Request, every_s: float) -> None:
    await asyncio.sleep(context.rng.uniform(0, min(1.0, every_s)))
    while True:
        try:
            await access.rest.get(request)
        except VenueError as error:
            context.say(str(error))
        await asyncio.sleep(every_s)
