"""Making books whole whose snapshot comes in the stream: their streams are given up and asked for anew, or the connection is.

Two things must not become a storm: many books that break at once where the venue counts requests by the hour, and one that
breaks again and again, or never begins. So a request that would have to wait for long is not made, each further attempt for
a symbol waits longer, and so does each further connection that is given up for one.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from feedtape.feed.context import Context
from feedtape.feed.pace import Backoff

ATTEMPTS: Final = 3
"""How often a stream is begun anew before the connection is given up."""
MENDED_WITHIN_S: Final = 10.0
LONGEST_WAIT_S: Final = 30.0
"""Beyond it a new connection is the sooner way to a snapshot, where the venue limits requests by the hour."""
_LONGEST_PATIENCE_S: Final = 3600.0
_PATIENCE_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.1


class TooLong(Exception):
    """The limits would have a message wait for so long that something else is better."""


class Streams(Protocol):
    """What asks for the streams of a connection."""

    def books_of(self, symbol: str) -> list[str]:
        """Return the names of a symbol's book streams, those that are refused left out."""
        ...

    async def begin_anew(self, streams: Sequence[str], longest_wait_s: float) -> None:
        """Give streams up, and ask for them again once the venue has taken that.

        Raises:
            TooLong: when the limits would have a message wait for longer.
        """
        ...

    def wear_out(self, why: str) -> None:
        """Ask for a new connection."""
        ...


class Mending:
    """Mends the books of one connection."""

    def __init__(self, streams: Streams, venue: str, connection: int, context: Context, worn_before: int) -> None:
        """Begin with nothing to mend.

        Args:
            streams: what asks for the streams.
            venue: its name.
            connection: its number.
            context: what the parts of the feed share.
            worn_before: how many connections before this one were given up, one soon after the other, because their books
                stayed broken.
        """
        self._streams = streams
        self._venue = venue
        self._connection = connection
        self._context = context
        self._patience_s = min(_LONGEST_PATIENCE_S, _PATIENCE_S * (2.0 ** min(worn_before, 16) - 1))
        self._under_way: set[str] = set()
        self._wishes: asyncio.Queue[str] = asyncio.Queue()
        self._delays: dict[str, Backoff] = {}

    def wish(self, symbol: str) -> None:
        """Have the book streams of a symbol begin anew, unless that is under way."""
        if symbol not in self._under_way:
            self._under_way.add(symbol)
            self._wishes.put_nowait(symbol)

    async def run(self) -> None:
        """Serve wishes until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._mend(await self._wishes.get()))

    async def _mend(self, symbol: str) -> None:
        try:
            await self._delay(symbol)
            await self._let_begin(symbol)
            if not await self._begun_anew(symbol):
                await asyncio.sleep(self._patience_s)
                if self._wants(symbol):
                    self._streams.wear_out(f"no snapshot of {symbol} comes")
        finally:
            self._under_way.discard(symbol)

    async def _delay(self, symbol: str) -> None:
        """Wait where the same book was mended not long ago."""
        delays = self._delays.get(symbol)
        if delays is None:
            delays = self._delays[symbol] = self._context.backoff()
        else:
            await asyncio.sleep(delays.down())
        delays.up()

    async def _let_begin(self, symbol: str) -> None:
        """Wait while a stream has merely not begun: its snapshot may be on its way."""
        for _ in range(int(MENDED_WITHIN_S / 2 / _LOOK_EVERY_S)):
            if not self._wants(symbol) or self._wants(symbol, only_broken=True):
                return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _begun_anew(self, symbol: str) -> bool:
        """Begin a symbol's streams anew until a snapshot comes, or nobody wants one; tell whether it is so."""
        for _ in range(ATTEMPTS):
            streams = self._streams.books_of(symbol)
            if not streams or not self._wants(symbol):
                return True
            before = self._snapshots(symbol)
            try:
                await self._streams.begin_anew(streams, LONGEST_WAIT_S)
            except TooLong:
                return False
            if await self._comes(symbol, before):
                return True
        return False

    async def _comes(self, symbol: str, before: int) -> bool:
        """Wait for a further snapshot, or until none is missing; the book may be broken again by then, which is another story."""
        for _ in range(int(MENDED_WITHIN_S / _LOOK_EVERY_S)):
            if self._snapshots(symbol) > before or not self._wants(symbol):
                return True
            await asyncio.sleep(_LOOK_EVERY_S)
        return False

    def _wants(self, symbol: str, *, only_broken: bool = False) -> bool:
        return self._context.wants_stream(self._connection, f"{self._venue}:{symbol}", only_broken=only_broken)

    def _snapshots(self, symbol: str) -> int:
        return self._context.snapshots_on(self._connection, f"{self._venue}:{symbol}")
