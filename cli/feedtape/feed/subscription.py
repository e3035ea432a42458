"""Asking for streams on one connection, and seeing whether they come."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from feedtape.feed.connection import NOTICES, Connection
from feedtape.feed.context import Context
from feedtape.feed.pace import Spacing
from feedtape.feed.words import plain
from feedtape.model.events import Acknowledged, Event, Refused, Status
from feedtape.venues.contract import ConnectionPlan, Venue

RETRIES: Final = 3
"""How often a refused stream is asked for again on the same connection."""


class Subscription:
    """Subscribes a plan's streams and keeps account of what the venue makes of it."""

    def __init__(self, connection: Connection, plan: ConnectionPlan, venue: Venue, context: Context) -> None:
        self.sent_at: int | None = None
        """When everything had been asked for."""
        self.unseen = {stream for stream in plan.streams if not venue.may_be_silent(stream)}
        """Streams that ought to deliver and have not yet."""
        self.complete = asyncio.Event()
        """Set when everything was asked for and no stream is unseen."""
        self.delivered = False
        self.refused: dict[str, str] = {}
        """Streams that are given up, with the venue's words."""
        self.renew = False
        """Whether the venue asked for a new connection."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is of no more use: `renew` or `hopeless`."""
        self._connection = connection
        self._streams = plan.streams
        self._venue = venue
        self._context = context
        self._spacing = Spacing(venue.limits.messages_per_s)
        self._next_id = 1
        self._unanswered: dict[str, bytes] = {}
        self._turned_down: dict[str, str] = {}
        self._retries: Counter[str] = Counter()
        self._trouble = asyncio.Event()
        self._said: set[str] = set()
        connection.notice = self._notice
        connection.observe = self._observe if self.unseen else None

    @property
    def hopeless(self) -> bool:
        """Whether every stream was refused for good."""
        return len(self.refused) == len(self._streams) > 0

    async def run(self) -> None:
        """Subscribe, and go on asking for what is refused, a bounded number of times."""
        await self._ask(self._streams)
        self.sent_at = self._context.clock.now()
        self._check_complete()
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

    async def _ask(self, streams: Sequence[str]) -> None:
        for number, frame in enumerate(self._venue.subscribe(streams, self._next_id), self._next_id):
            self._next_id = number + 1
            await self._spacing.wait()
            self._unanswered[str(number)] = frame
            self._connection.send(frame)

    def _give_up(self, stream: str, words: str) -> None:
        self.refused[stream] = words
        self.unseen.discard(stream)
        self._check_over()
        self._context.say(f"{self._venue.name}: {stream} is given up, the venue refuses it: {words}")
        self._check_complete()

    def _check_over(self) -> None:
        if (self.renew or self.hopeless) and not self.over.done():
            self.over.set_result(None)

    def _notice(self, event: Event) -> None:
        if isinstance(event, Acknowledged):
            self._unanswered.pop(event.request, None)
        elif isinstance(event, Refused):
            self._turn_down(event)
        elif isinstance(event, Status):
            self.renew = self.renew or event.renew
            self._check_over()
            self._say(plain(event.message))

    def _turn_down(self, event: Refused) -> None:
        words = plain(event.message) + (f" (code {plain(event.code)})" if event.code is not None else "")
        self._say(f"refused: {words}")
        # A refusal without an id is of the oldest request that has no answer yet: venues answer in order.
        request = event.request if event.request is not None else next(iter(self._unanswered), "")
        frame = self._unanswered.pop(request, None)
        if frame is not None:
            self._turned_down |= {stream: words for stream in self._streams if stream.encode() in frame}
            self._trouble.set()

    def _say(self, words: str) -> None:
        if words and words not in self._said and len(self._said) < 100:
            self._said.add(words)
            self._context.say(f"{self._venue.name}: {words}")

    def _observe(self, payload: bytes, events: Sequence[Event]) -> None:
        if any(type(event) in NOTICES for event in events):
            return
        self.delivered = True
        self.unseen.difference_update(self._venue.streams_named(payload))
        self._check_complete()

    def _check_complete(self) -> None:
        if not self.unseen and self.sent_at is not None:
            self.complete.set()
            self._connection.observe = None

    def stop_observing(self) -> None:
        """Give up waiting for streams that stay silent; the feed is fast, and looking costs."""
        self._connection.observe = None
