"""Recording a live feed under a person's eyes: the status line, markers, segments, the summary."""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feedtape.feed.clock import Clock
from feedtape.model.records import MARKER
from feedtape.recorder import Recorder, Rotation
from feedtape.replay.times import span
from feedtape.session import Session
from feedtape.tape.writer import TapeWriter
from feedtape.ui.keys import keys
from feedtape.ui.lanes import lane_lines
from feedtape.ui.live import INTERRUPTED, Run, Wanted, status_of
from feedtape.ui.output import printable, put, put_json, say
from feedtape.ui.summary import amount, book_table, compression, count, counted, counters_line, loss_lines
from feedtape.venues import registry

_STATUS_EVERY_S = 60.0


@dataclass(frozen=True)
class Tapes:
    """Where a recording goes.

    Attributes:
        make: makes a tape, given its start and its segment's number; None where there is only one.
        header: what the header says beside the program's own fields.
        flush_s: longest time that a frame may sit unwritten.
        rotate_every_ns: length of a segment; `rotate_size` is its size in bytes.
        keep: how many finished segments to keep; older ones of this recording are deleted.
        max_size: stop at so many bytes of tape.
        print_files: print the name of each finished tape.
    """

    make: Callable[[int, int | None], TapeWriter]
    header: dict[str, Any] = field(default_factory=dict)
    flush_s: float = 1.0
    rotate_every_ns: int | None = None
    rotate_size: int | None = None
    keep: int | None = None
    max_size: int | None = None
    print_files: bool = False

    @property
    def rotates(self) -> bool:
        """Whether there are segments."""
        return self.rotate_every_ns is not None or self.rotate_size is not None


class _Finished:
    """Tapes that are finished: told from their writers' threads, printed and deleted from ours."""

    def __init__(self, tapes: Tapes) -> None:
        self.count = 0
        self._tapes = tapes
        self._told: deque[Path] = deque()
        self._kept: deque[Path] = deque()

    def tell(self, writer: TapeWriter) -> None:
        """Take a finished tape; may be called from any thread."""
        self._told.append(writer.path)

    def look(self) -> None:
        """Print those that came since, and delete the oldest beyond those to keep."""
        while self._told:
            path = self._told.popleft()
            self.count += 1
            self._kept.append(path)
            if self._tapes.print_files:
                put(printable(str(path)))
                sys.stdout.flush()
        while self._tapes.keep is not None and len(self._kept) > self._tapes.keep:
            self._kept.popleft().unlink(missing_ok=True)


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

    def show(self, *, asked: bool = False) -> None:
        """Show it, if it is time for it or somebody asks."""
        now = self._clock.now()
        if not asked and (self._quiet or (not self._rewrites and now < self._due)):
            return
        self._due = now + int(_STATUS_EVERY_S * 1e9)
        line = self._line(now)
        if self._rewrites and not self._quiet:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            say(line)

    def _line(self, now: int) -> str:
        recorder = self._recorder
        session, writer = recorder.session, recorder.writer
        frames = session.totals.frames
        rate = (frames - self._last[1]) / max((now - self._last[0]) / 1e9, 1e-9)
        self._last = (now, frames)
        elapsed = (now - self._started) // 10**9
        live = sum(keeper.is_live for keeper in session.books.values())
        behind = f"  deferred {count(recorder.deferred)}" if recorder.deferred else ""
        return (
            f"{elapsed // 3600:02d}:{elapsed // 60 % 60:02d}:{elapsed % 60:02d}  {live}/{len(session.books)} books live  "
            f"{count(round(rate))}/s  {amount(session.totals.bytes)} in  {amount(recorder.size)} out  "
            f"queue {writer.filled:.0%}{behind}  losses {session.totals.losses}  stalls {session.totals.stalls}  "
            f"dropped here {session.totals.dropped}"
        )

    def clear(self) -> None:
        """Leave the terminal's line to what comes next."""
        if self._rewrites and not self._quiet:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def record(wanted: Wanted, tapes: Tapes, *, quiet: bool, json: bool) -> int:
    """Record until stopped, print the summary, and return the exit status."""
    session, clock, finished = Session(registry.venue), Clock(), _Finished(tapes)
    started = clock.now()
    writer = tapes.make(started, 1 if tapes.rotates else None)
    rotation = Rotation(tapes.make, tapes.rotate_every_ns, tapes.rotate_size, finished.tell) if tapes.rotates else None
    recorder = Recorder(writer, session, rotation=rotation)
    if not quiet and not json:
        targets = ", ".join(map(str, wanted.targets))
        say(f"recording {printable(targets)} -> {printable(str(writer.path))}\nctrl-c stops and closes the file cleanly")
    recorder.begin(started, tapes.header)
    status = _Status(recorder, clock, quiet=quiet or json)
    try:
        reason = asyncio.run(_record(wanted, tapes, recorder, clock, status, finished, quiet=quiet or json))
    except BaseException:
        status.clear()
        _keep_or_remove(recorder, clock)
        raise
    status.clear()
    recorder.finish(clock.now(), reason)
    if rotation is None:
        finished.tell(recorder.writer)
    finished.look()
    if json:
        put_json(_facts(recorder, reason, finished.count))
    elif not quiet:
        for line in recorded_lines(recorder, clock.now() - started, reason, finished.count):
            say(line)
    return INTERRUPTED if reason == "SIGINT" and not session.totals.frames else status_of(session)


async def _record(
    wanted: Wanted,
    tapes: Tapes,
    recorder: Recorder,
    clock: Clock,
    status: _Status,
    finished: _Finished,
    *,
    quiet: bool,
) -> str:
    run = Run(wanted, clock, recorder.session, recorder.take)
    run.quiet = quiet
    run.make_room = status.clear
    recorder.say = run.hear
    recorder.late = run.feed.told

    def mark(by: str) -> None:
        number = len(recorder.session.markers) + 1
        try:
            recorder.mark(clock.now(), MARKER, {"note": f"marker {number}", "by": by})
        except OSError as error:
            run.fail(error)
            return
        run.hear(f"marker {number}")

    def look() -> None:
        recorder.look()
        finished.look()
        status.show()
        if tapes.max_size is not None and recorder.size >= tapes.max_size:
            run.stop(f"{amount(tapes.max_size)} of tape")

    ask = lambda: status.show(asked=True)  # noqa: E731
    run.on_signal = {"SIGUSR1": lambda: mark("SIGUSR1"), "SIGUSR2": ask, "SIGINFO": ask}
    with keys({} if quiet else {"m": lambda: mark("key"), "q": lambda: run.stop("q")}) as has_keys:
        if has_keys and not quiet:
            say("m drops a marker")
        # Half the promised time, so that a frame that came just after a flush is still in time.
        await run.go(tapes.flush_s / 2, look)
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


def _facts(recorder: Recorder, reason: str, tapes: int) -> dict[str, Any]:
    session, totals = recorder.session, recorder.session.totals
    return {
        "schema": 1,
        "tape": str(recorder.writer.path),
        "tapes": tapes,
        "reason": reason,
        "size": recorder.size,
        "chain": recorder.writer.head,
        "frames": totals.frames,
        "bytes": totals.bytes,
        "connections": totals.connections,
        "stalls": totals.stalls,
        "bad_frames": totals.bad_frames,
        "dropped": totals.dropped,
        "losses": totals.losses,
        "loss": [loss.as_json() for loss in session.losses],
        "books": session.as_json(),
        "markers": len(session.markers),
        "status": status_of(session),
    }


def recorded_lines(recorder: Recorder, elapsed_ns: int, reason: str, tapes: int) -> list[str]:
    """Return the summary of a recording; `tapes` is how many files it is."""
    session, writer, size = recorder.session, recorder.writer, recorder.size
    totals = session.totals
    path = printable(str(writer.path))
    files = "file     " if tapes == 1 else f"files    {tapes} segments, "
    return [
        f"recorded {span(elapsed_ns)}, {counted(len(session.books), 'book')}, {counted(totals.frames, 'frame')}  ->  {path}",
        "",
        *book_table(session),
        "",
        f"  {files}{amount(size)} from {compression(session, size)}, closed ({printable(reason)})",
        f"  chain    {writer.head}",
        *lane_lines(session),
        counters_line(session),
        *loss_lines(session.losses, f"feedtape verify {path}"),
        f"  check    feedtape verify {path}",
    ]
