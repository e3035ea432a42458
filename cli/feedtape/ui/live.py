"""Running a live feed under a person's eyes: signals and stop conditions. `ui.watching` shows it, `ui.recording` keeps it."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from feedtape.errors import VenueError
from feedtape.feed.clock import Clock
from feedtape.feed.connection import MAX_MESSAGE
from feedtape.feed.live import LiveFeed
from feedtape.model.events import Event
from feedtape.model.records import RECV, RECV_BINARY, Record
from feedtape.replay.times import span
from feedtape.session import Session
from feedtape.ui.output import printable, say
from feedtape.ui.signals import ending
from feedtape.ui.wanted import Wanted

INTERRUPTED = 130
_BY_A_PERSON = frozenset({"SIGINT", "SIGTERM", "SIGHUP", "q"})
"""Reasons to stop that are no fault of the venue's."""
_SAID_KEPT = 20


class Run:
    """One live run: a feed, the session that it builds, and the reasons to stop.

    Attributes:
        said: the newest things that the feed had to say.
        make_room: called before something is said, so that it does not run into a line that is rewritten in place.
        on_signal: what else a signal does, by its name.
        watched: is told each record with its events, by whoever draws.
    """

    def __init__(self, wanted: Wanted, clock: Clock, session: Session, take: Callable[[Record], Sequence[Event]]) -> None:
        self.session = session
        self.clock = clock
        self.reason = ""
        self.quiet = True
        self.said: deque[str] = deque(maxlen=_SAID_KEPT)
        self.make_room: Callable[[], None] = lambda: None
        self.on_signal: dict[str, Callable[[], None]] = {}
        self.watched: Callable[[Record, Sequence[Event]], None] = lambda record, events: None
        self._wanted = wanted
        self._take = take
        self._stop = asyncio.Event()
        self._failure: Exception | None = None
        self._frames = self._received = 0
        self._frames_at = time.monotonic()
        self.feed = LiveFeed(
            wanted.targets,
            wanted.channels,
            session=session,
            take=self._taken,
            clock=clock,
            rng=random.Random(),
            say=self.hear,
            urls=wanted.urls,
            silence_s=wanted.silence_s,
            lanes=wanted.connections,
            max_frame=wanted.max_frame or MAX_MESSAGE,
            chain=wanted.chain,
        )

    def asked(self) -> frozenset[str]:
        """Return the targets that were asked for, once the feed knows what they mean: some venues tell of more."""
        return frozenset(f"{target.venue}:{target.symbol}" for target in self.feed.targets)

    def hear(self, text: str) -> None:
        """Say what the feed has to say."""
        self.said.append(text)
        if not self.quiet:
            self.make_room()
            say(printable(text))

    @property
    def last_said(self) -> str:
        """The newest of them."""
        return self.said[-1] if self.said else ""

    def _taken(self, record: Record) -> Sequence[Event]:
        if self._failure is not None:
            return ()
        try:
            events = self._take(record)
        except OSError as error:
            # A tape that cannot be written ends the run loudly; raised inside a protocol callback it would end in a log.
            self.fail(error)
            return ()
        self._received += record.kind in (RECV, RECV_BINARY)
        self.watched(record, events)
        if self._wanted.frames is not None and self.session.totals.frames >= self._wanted.frames:
            self.stop(f"{self._wanted.frames} frames")
        return events

    def fail(self, error: Exception) -> None:
        """End the run because the tape cannot be written."""
        self._failure = self._failure or error
        self.stop("the tape cannot be written")

    def stop(self, reason: str) -> None:
        """End the run; the first reason counts."""
        self.reason = self.reason or reason
        self._stop.set()

    def _interrupt(self, name: str) -> None:
        if self._stop.is_set() and name == "SIGINT":
            # The second one: whatever hangs, a disk perhaps, is not waited for. What was flushed is on the tape.
            self.make_room()
            say("stopped at once; the tape is readable up to its last flush")
            os._exit(INTERRUPTED)
        self.stop(name)

    @contextlib.asynccontextmanager
    async def signals(self) -> AsyncIterator[None]:
        """End the run by signals; in the main thread alone, where signals arrive."""
        loop = asyncio.get_running_loop()
        handled: list[signal.Signals] = []
        try:
            for number in ending():
                loop.add_signal_handler(number, self._interrupt, number.name)
                handled.append(number)
            for name, action in self.on_signal.items():
                if (more := getattr(signal, name, None)) is not None:
                    loop.add_signal_handler(more, action)
                    handled.append(more)
        except NotImplementedError:
            # Windows: an interrupt arrives as KeyboardInterrupt instead.
            yield
            return
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    async def go(self, every_s: float, look: Callable[[], None]) -> None:
        """Run until something stops it; call `look` every so often.

        Raises:
            FeedtapeError: what the feed or the tape could not do.
        """
        feed = asyncio.ensure_future(self.feed.run(self._stop))
        ends = None if self._wanted.duration_s is None else time.monotonic() + self._wanted.duration_s
        while not feed.done():
            wait = every_s if ends is None else max(0.0, min(every_s, ends - time.monotonic()))
            await asyncio.wait((feed,), timeout=wait)
            try:
                look()
            except OSError as error:
                self.fail(error)
            self._end_in_silence()
            if ends is not None and time.monotonic() >= ends:
                self.stop(f"after {span(int((self._wanted.duration_s or 0) * 1e9))}")
                ends = None
        await feed
        if self._failure is not None:
            raise self._failure
        totals, asked_for = self.session.totals, self._wanted.frames
        is_enough = asked_for is not None and totals.frames >= asked_for
        if not totals.connections and not is_enough and self.reason not in _BY_A_PERSON:
            # Answers to requests are frames too, but a venue that only says no to them is not being recorded.
            what = "no connection was opened to" if totals.frames else "nothing was received from"
            raise VenueError(f"{what} {', '.join(self._names())}: {self.last_said or 'no answer yet'}")

    def _end_in_silence(self) -> None:
        # Answers to requests of ours are no sign of life of the feed.
        limit, frames, now = self._wanted.stop_after_silence_s, self._received, time.monotonic()
        if frames != self._frames:
            self._frames, self._frames_at = frames, now
        elif limit is not None and now - self._frames_at >= limit:
            self.stop(f"silence of {limit:g} s")

    def _names(self) -> list[str]:
        return list(dict.fromkeys(target.venue for target in self._wanted.targets))


def status_of(session: Session) -> int:
    """Return the exit status of a run that went well."""
    return 5 if session.contradicted else 3 if session.loss_found() else 0
