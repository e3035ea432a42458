"""Asking for streams on one connection, seeing whether they come, and asking anew for those whose book is broken."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from feedtape.book.rules import RECONNECT
from feedtape.feed.connection import Connection
from feedtape.feed.context import Access, Context
from feedtape.feed.mending import Mending, TooLong
from feedtape.feed.pace import Messages
from feedtape.feed.words import plain
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Liquidation,
    OptionSummary,
    Quote,
    Refused,
    Reply,
    Status,
    Trade,
)
from feedtape.model.records import Record
from feedtape.venues.contract import Ask, ConnectionPlan

RETRIES: Final = 3
"""How often a refused stream is asked for again on the same connection."""
GREETED_WITHIN_S: Final = 10.0
ANSWERED_WITHIN_S: Final = 2.0
"""Before a stream that was given up is asked for again even though the venue has not said that it took that."""
_LONGEST_WORDS: Final = 200

CHANNEL_OF: Final[dict[type[Event], str]] = {
    BookDelta: "book",
    BookSnapshot: "book",
    Trade: "trades",
    Quote: "quotes",
    Derivative: "derivatives",
    Liquidation: "liquidations",
    OptionSummary: "options",
}
_RARE: Final = ("liquidations",)
"""Channels that may well be silent for hours."""
_QUIET: Final = ("trades",)
"""Channels that are silent where nobody trades: one is told of it, and nothing waits for them if something else delivers."""


@dataclass
class _Asked:
    """A request that the venue has not answered yet; `open` are the streams of it that it has not answered for.

    `gives_up` tells whether it is to end streams.
    """

    ask: Ask
    open: set[str]
    gives_up: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class Subscription:
    """Subscribes a plan's streams and keeps account of what the venue makes of it."""

    def __init__(
        self, connection: Connection, plan: ConnectionPlan, access: Access, context: Context, worn_before: int = 0
    ) -> None:
        """Begin; nothing is asked for before `run`. See `Mending` for `worn_before`."""
        self.sent_at: int | None = None
        """When everything had been asked for."""
        self.complete = asyncio.Event()
        """Set when everything was asked for and all streams that ought to deliver have."""
        self.delivered = False
        self.refused: dict[str, str] = {}
        """Streams that are given up, with the venue's words."""
        self.renew = False
        """Whether the venue asked for a new connection."""
        self.worn = ""
        """Why books can be mended by a new connection alone, if so."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is of no more use: `renew`, `worn` or `hopeless`."""
        self._connection = connection
        self._plan = plan
        self._access = access
        self._venue = access.venue
        self._context = context
        self._messages = Messages(access.venue.limits.messages)
        self._next_id = 1
        self._pings = 0
        self._unanswered: list[_Asked] = []
        self._turned_down: dict[str, str] = {}
        self._retries: Counter[str] = Counter()
        self._trouble = asyncio.Event()
        self._greeted = asyncio.Event()
        self._mending = Mending(self, access.venue.name, connection.number, context, worn_before)
        self._said: set[str] = set()
        expected = [stream for stream in plan.streams if stream.channel not in _RARE]
        self.unseen = {stream.name: (stream.channel, stream.symbol) for stream in expected}
        """Streams that ought to deliver and have not yet."""
        connection.notice = self._notice
        for event in connection.early:
            self._notice(event)
        connection.observe = self._observe if self.unseen else None

    @property
    def hopeless(self) -> bool:
        """Whether every stream was refused for good."""
        return len(self.refused) == len(self._plan.streams) > 0

    async def run(self) -> None:
        """Subscribe, keep the connection alive as the venue wants it, and ask again for what is refused or broken."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ping())
            await self._open()
            await self._ask(self._plan.names)
            self.sent_at = self._context.clock.now()
            self._check_complete()
            group.create_task(self._ask_again())
            group.create_task(self._mending.run())

    async def _open(self) -> None:
        if self._venue.greets:
            try:
                async with asyncio.timeout(GREETED_WITHIN_S):
                    await self._greeted.wait()
            except TimeoutError:
                self._say("no greeting came; subscribing all the same")
        for frame in self._venue.opening():
            await self._slot()
            self._connection.send(frame)

    async def _slot(self, longest_wait_s: float = inf) -> None:
        """Return when the limits allow one more message.

        Raises:
            TooLong: when that would take longer.
        """
        # No place in the queue is taken before that is known.
        if self._messages.delay_s > longest_wait_s:
            raise TooLong
        await self._messages.wait()
        await self._access.messages.wait()

    async def _ask(self, streams: Sequence[str], longest_wait_s: float = inf) -> None:
        asks = self._venue.subscribe(streams, self._next_id)
        self._next_id += len(asks)
        for ask in asks:
            await self._slot(longest_wait_s)
            self._unanswered.append(_Asked(ask, set(ask.streams)))
            self._connection.send(ask.frame)

    async def _ping(self) -> None:
        every_s = self._venue.heartbeat.ping_every_s
        while every_s is not None:
            await asyncio.sleep(every_s)
            self._pings += 1
            text = self._venue.ping(self._pings, self._context.clock.now())
            if text:
                self._connection.send(text)
            else:
                self._connection.ping()

    # -- what is refused

    async def _ask_again(self) -> None:
        backoff = self._context.backoff()
        while not self.hopeless:
            await self._trouble.wait()
            await asyncio.sleep(backoff.down())
            self._trouble.clear()
            turned_down, self._turned_down = self._turned_down, {}
            for stream, words in turned_down.items():
                if self._retries[stream] >= RETRIES:
                    self._give_up(stream, words)
                    continue
                self._retries[stream] += 1
                # One by one, so that a stream which cannot be had takes no other with it.
                await self._ask((stream,))

    def _give_up(self, stream: str, words: str) -> None:
        self.refused[stream] = words
        self.unseen.pop(stream, None)
        self._check_over()
        self._context.say(f"{self._venue.name}: {stream} is given up, the venue refuses it: {words}")
        self._check_complete()

    def _check_over(self) -> None:
        if (self.renew or self.worn or self.hopeless) and not self.over.done():
            self.over.set_result(None)

    # -- what the venue says

    def _notice(self, event: Event) -> None:
        match event:
            case Acknowledged():
                self._acknowledge(event)
            case Refused():
                self._turn_down(event)
            case Reply():
                self._connection.send(event.text.encode())
            case Greeting():
                self._greeted.set()
            case Status():
                self.renew = self.renew or event.renew
                self._check_over()
                self._say(plain(event.message))

    def _acknowledge(self, event: Acknowledged) -> None:
        if event.streams is None:
            asked = self._asked(event.request)
            if asked is not None:
                self._answer(asked, asked.open)
            return
        for asked in list(self._unanswered):
            self._answer(asked, asked.open.intersection(event.streams))
        asked = self._asked(event.request) if event.request else None
        if asked is not None:
            self._say(f"refused: {', '.join(sorted(asked.open))[:_LONGEST_WORDS]}: not among those that the venue took")
            self._refuse(asked, asked.open, "it is not among those that the venue took")

    def _asked(self, request: str | None) -> _Asked | None:
        """Return the request of that id; where the venue names none, the oldest one: venues answer in order."""
        if not request:
            return self._unanswered[0] if self._unanswered else None
        return next((asked for asked in self._unanswered if asked.ask.id == request), None)

    def _answer(self, asked: _Asked, streams: Iterable[str]) -> None:
        asked.open.difference_update(set(streams))
        if not asked.open and asked in self._unanswered:
            self._unanswered.remove(asked)
            asked.answered.set()

    def _turn_down(self, event: Refused) -> None:
        words = plain(event.message) + (f" (code {plain(event.code)})" if event.code is not None else "")
        self._say(f"refused: {words}")
        named = set(event.streams)
        found = self._asked(event.request) if event.request or not named else None
        if named:
            for asked in [found] if found is not None else list(self._unanswered):
                self._refuse(asked, asked.open & named, words)
            return
        if found is not None:
            self._refuse(found, found.open, words)

    def _refuse(self, asked: _Asked, streams: Iterable[str], words: str) -> None:
        refused = set(streams)
        self._answer(asked, refused)
        if asked.gives_up:
            # The venue does not send them, or will go on to: what is asked for next shows which.
            return
        mine = {stream: words for stream in self._plan.names if stream in refused}
        if mine:
            self._turned_down |= mine
            self._trouble.set()

    def _say(self, words: str) -> None:
        if words and words not in self._said and len(self._said) < 100:
            self._said.add(words)
            self._context.say(f"{self._venue.name}: {words}")

    # -- what comes

    def _observe(self, record: Record) -> None:
        latest, events = self._context.session.heard
        if latest is not record:
            return
        seen = {(channel, event.target.partition(":")[2]) for event in events if (channel := CHANNEL_OF.get(type(event)))}
        if not seen:
            self.delivered = self.delivered or any(event.target for event in events)
            return
        self.delivered = True
        channels = {channel for channel, _ in seen}
        for stream, (channel, symbol) in list(self.unseen.items()):
            if (channel, symbol) in seen or (not symbol and channel in channels):
                del self.unseen[stream]
        self._check_complete()

    def _check_complete(self) -> None:
        if self.sent_at is None:
            return
        channels = {channel for channel, _ in self.unseen.values()}
        if not channels or (self.delivered and channels <= set(_QUIET)):
            self.complete.set()
        if not channels:
            self._connection.observe = None

    def stop_observing(self) -> None:
        """Give up waiting for streams that stay silent; the feed is fast, and looking costs."""
        self._connection.observe = None

    # -- what is broken

    def mend(self, symbol: str, how: str) -> None:
        """Ask anew for the book streams of a symbol, so that they begin with a snapshot; or for a new connection."""
        if how == RECONNECT:
            self.wear_out("frames of it are missing")
        else:
            self._mending.wish(symbol)

    def wear_out(self, why: str) -> None:
        """Ask for a new connection, since nothing else makes the books of this one whole."""
        self.worn = self.worn or why
        self._check_over()

    def books_of(self, symbol: str) -> list[str]:
        """See `mending.Streams`."""
        books = [stream.name for stream in self._plan.streams if (stream.channel, stream.symbol) == ("book", symbol)]
        return [name for name in books if name not in self.refused]

    async def begin_anew(self, streams: Sequence[str], longest_wait_s: float) -> None:
        """See `mending.Streams`."""
        asks = self._venue.unsubscribe(streams, self._next_id)
        self._next_id += len(asks)
        waiting = []
        for ask in asks:
            await self._slot(longest_wait_s)
            asked = _Asked(ask, set(ask.streams), gives_up=True)
            self._unanswered.append(asked)
            self._connection.send(ask.frame)
            waiting.append(asked)
        for asked in waiting:
            try:
                async with asyncio.timeout(ANSWERED_WITHIN_S):
                    await asked.answered.wait()
            except TimeoutError:
                self._answer(asked, asked.open)
        await self._ask(streams, longest_wait_s)
