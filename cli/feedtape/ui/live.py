"""Running a live feed under a person's eyes: signals, stop conditions, flushing, the picture, the summary."""

import asyncio
import contextlib
import random
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from feedtape.errors import VenueError
from feedtape.feed.clock import Clock
from feedtape.feed.live import LiveFeed
from feedtape.model.events import Event
from feedtape.model.records import Record
from feedtape.model.targets import Target
from feedtape.recorder import Recorder
from feedtape.replay.times import span
from feedtape.session import Session
from feedtape.tape.writer import TapeWriter
from feedtape.ui.display import Display
from feedtape.ui.output import printable, put_json, say
from feedtape.ui.summary import amount, book_table, compression, count, counted, counters_line, loss_lines
from feedtape.venues import registry

INTERRUPTED = 130
_STATUS_EVERY_S = 60.0
_SAID_KEPT = 20


@dataclass(frozen=True)
class Wanted:
    """What to connect to, and for how long."""

    targets: list[Target]
    channels: list[str]
    urls: dict[str, str]
    duration_s: float | None = None
    frames: int | None = None
    silence_s: float | None = None


class Run:
    """One live run: a feed, the session that it builds, and the reasons to stop."""

    def __init__(self, wanted: Wanted, clock: Clock, session: Session, take: Callable[[Record], Sequence[Event]]) -> None:
        self.session = session
        self.clock = clock
        self.reason = ""
        self._wanted = wanted
        self._take = take
        self._stop = asyncio.Event()
        self._failure: Exception | None = None
        self.said: deque[str] = deque(maxlen=_SAID_KEPT)
        """The newest things that the feed had to say."""
        self.feed = LiveFeed(
            wanted.targets,
            wanted.channels,
            session=session,
            take=self._taken,
            clock=clock,
            rng=random.Random(),
            say=self._hear,
            urls=wanted.urls,
            silence_s=wanted.silence_s,
        )
        self.quiet = True
        self.make_room: Callable[[], None] = lambda: None
        """Called before something is said, so that it does not run into a line that is rewritten in place."""

    def _hear(self, text: str) -> None:
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
            self._failure = error
            self.stop("the tape cannot be written")
            return ()
        if self._wanted.frames is not None and self.session.totals.frames >= self._wanted.frames:
            self.stop(f"{self._wanted.frames} frames")
        return events

    def stop(self, reason: str) -> None:
        """End the run; the first reason counts."""
        self.reason = self.reason or reason
        self._stop.set()

    @contextlib.asynccontextmanager
    async def _signals(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        handled = (signal.SIGINT, signal.SIGTERM)
        try:
            for number in handled:
                loop.add_signal_handler(number, self.stop, number.name)
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
        async with self._signals():
            feed = asyncio.ensure_future(self.feed.run(self._stop))
            ends = None if self._wanted.duration_s is None else time.monotonic() + self._wanted.duration_s
            while not feed.done():
                wait = every_s if ends is None else max(0.0, min(every_s, ends - time.monotonic()))
                await asyncio.wait((feed,), timeout=wait)
                try:
                    look()
                except OSError as error:
                    self._failure = self._failure or error
                    self.stop("the tape cannot be written")
                if ends is not None and time.monotonic() >= ends:
                    self.stop(f"after {span(int((self._wanted.duration_s or 0) * 1e9))}")
                    ends = None
            await feed
        if self._failure is not None:
            raise self._failure
        if not self.session.totals.frames and self.reason not in ("SIGINT", "SIGTERM"):
            raise VenueError(f"nothing was received from {', '.join(self._names())}: {self.last_said or 'no answer yet'}")

    def _names(self) -> list[str]:
        return list(dict.fromkeys(target.venue for target in self._wanted.targets))


def watch(wanted: Wanted, depth: int, *, plain: bool, json: bool) -> int:
    """Show live books until stopped; return the exit status."""
    session = Session(registry.venue)
    clock = Clock()
    interrupted = asyncio.run(_watch(wanted, session, clock, depth, plain=plain, json=json))
    if interrupted and not session.totals.frames:
        return INTERRUPTED
    for line in loss_lines(session.losses, "feedtape record keeps them, and feedtape verify"):
        say(line.strip())
    return 3 if session.loss_found() else 0


async def _watch(wanted: Wanted, session: Session, clock: Clock, depth: int, *, plain: bool, json: bool) -> bool:
    run = Run(wanted, clock, session, session.feed)
    with Display(session, depth, plain=plain, json=json) as display:
        run.quiet = display.is_picture

        def look() -> None:
            display.show(clock.now(), f"{printable(run.last_said)}  ctrl-c ends".strip())

        await run.go(display.interval_s, look)
        display.show(clock.now(), "", force=True)
    if run.quiet:
        # What was said while the picture stood would be gone with it.
        for text in run.said:
            say(printable(text))
    return run.reason == "SIGINT"


class _Status:
    """The line that a recording shows while it runs: rewritten each second on a terminal, one a minute elsewhere."""

    def __init__(self, recorder: Recorder, clock: Clock, *, quiet: bool) -> None:
        self._recorder = recorder
        self._clock = clock
        self._quiet = quiet
        self._rewrites = sys.stderr.isatty()
        self._started = clock.now()
        self._last = (self._started, 0)
        self._due = self._started + int(_STATUS_EVERY_S * 1e9)

    def show(self) -> None:
        """Show it, if it is time for it."""
        now = self._clock.now()
        if self._quiet or (not self._rewrites and now < self._due):
            return
        self._due = now + int(_STATUS_EVERY_S * 1e9)
        session, writer = self._recorder.session, self._recorder.writer
        frames = session.totals.frames
        rate = (frames - self._last[1]) / max((now - self._last[0]) / 1e9, 1e-9)
        self._last = (now, frames)
        elapsed = (now - self._started) // 10**9
        live = sum(keeper.state.value == "live" for keeper in session.books.values())
        line = (
            f"{elapsed // 3600:02d}:{elapsed // 60 % 60:02d}:{elapsed % 60:02d}  {live}/{len(session.books)} books live  "
            f"{count(round(rate))}/s  {amount(session.totals.bytes)} in  {amount(writer.size)} out  "
            f"losses {session.totals.losses}  stalls {session.totals.stalls}"
        )
        if self._rewrites:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            say(line)

    def clear(self) -> None:
        """Leave the terminal's line to what comes next."""
        if self._rewrites and not self._quiet:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def record(wanted: Wanted, writer: TapeWriter, header: dict[str, Any], flush_s: float, *, quiet: bool, json: bool) -> int:
    """Record until stopped, print the summary, and return the exit status."""
    session = Session(registry.venue)
    clock = Clock()
    recorder = Recorder(writer, session)
    started = clock.now()
    recorder.begin(started, header)
    status = _Status(recorder, clock, quiet=quiet)
    try:
        reason = asyncio.run(_record(wanted, recorder, clock, status, flush_s, quiet=quiet))
    except BaseException:
        status.clear()
        _keep_or_remove(recorder, clock)
        raise
    status.clear()
    recorder.finish(clock.now(), reason)
    if json:
        put_json({"tape": str(writer.path), "reason": reason, "size": writer.size, "status": _status_of(session)})
    elif not quiet:
        for line in recorded_lines(recorder, clock.now() - started, reason):
            say(line)
    return INTERRUPTED if reason == "SIGINT" and not session.totals.frames else _status_of(session)


def _status_of(session: Session) -> int:
    return 3 if session.loss_found() else 0


async def _record(wanted: Wanted, recorder: Recorder, clock: Clock, status: _Status, flush_s: float, *, quiet: bool) -> str:
    run = Run(wanted, clock, recorder.session, recorder.take)
    run.quiet = quiet
    run.make_room = status.clear

    def look() -> None:
        recorder.writer.flush()
        status.show()

    # Half the promised time, so that a frame that came just after a flush is still in time.
    await run.go(flush_s / 2, look)
    return run.reason or "end of the feed"


def _keep_or_remove(recorder: Recorder, clock: Clock) -> None:
    """End a recording that failed: what was received is kept, a tape without a frame is not left behind."""
    if recorder.session.totals.frames:
        with contextlib.suppress(OSError):
            # The disk may be what failed; what is readable up to there stays, and the missing end record tells.
            recorder.finish(clock.now(), "failed")
        return
    recorder.writer.abandon()
    recorder.writer.path.unlink(missing_ok=True)


def recorded_lines(recorder: Recorder, elapsed_ns: int, reason: str) -> list[str]:
    """Return the summary of a recording."""
    session, writer = recorder.session, recorder.writer
    totals = session.totals
    path = printable(str(writer.path))
    return [
        f"recorded {span(elapsed_ns)}, {counted(len(session.books), 'book')}, {counted(totals.frames, 'frame')}  ->  {path}",
        "",
        *book_table(session),
        "",
        f"  file     {amount(writer.size)} from {compression(session, writer.size)}, closed ({reason})",
        counters_line(session),
        *loss_lines(session.losses, f"feedtape verify {path}"),
        f"  check    feedtape verify {path}",
    ]
