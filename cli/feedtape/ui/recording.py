"""Recording a live feed under a person's eyes: the status line, markers, segments, the summary."""

import asyncio
import contextlib
import shutil
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feedtape.feed.clock import Clock
from feedtape.model.events import Event
from feedtape.model.records import MARKER, Record
from feedtape.recorder import Recorder, Rotation
from feedtape.replay.times import span
from feedtape.session import Session
from feedtape.tape.writer import TapeWriter
from feedtape.ui.book_table import book_table
from feedtape.ui.keys import keys
from feedtape.ui.lanes import lane_lines
from feedtape.ui.live import INTERRUPTED, Run, status_of
from feedtape.ui.output import heard, printable, put, put_json, say, say_lines, width_of
from feedtape.ui.signals import ignore_hang_up, interruptible
from feedtape.ui.status import ended, session_reasons
from feedtape.ui.summary import amount, clock_line, compression, count, counted, counters_line, lag, loss_lines
from feedtape.ui.wanted import Wanted
from feedtape.ui.watching import ScreenOptions, connections_of
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
    """Tapes that are finished: told from their writers' threads, printed and deleted from ours.

    Attributes:
        count: how many there have been; `deleted` how many of them were deleted again.
    """

    def __init__(self, tapes: Tapes) -> None:
        self.count = self.deleted = 0
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
            self.deleted += 1

    @property
    def size(self) -> int:
        """Bytes on the disk of those that are kept."""
        return sum(map(_size_of, self._kept))


class _Status:
    """The line that a recording shows while it runs: rewritten each second on a terminal, one a minute elsewhere."""

    def __init__(self, recorder: Recorder, clock: Clock, *, quiet: bool) -> None:
        self._recorder = recorder
        self._clock = clock
        self._quiet = quiet
        self._rewrites = sys.stderr.isatty()
        self._stands = False
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
            self._stands = True
            with heard():
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
            f"dropped here {session.totals.dropped}  lag {lag(session)}"
        )

    def clear(self) -> None:
        """Leave the terminal's line to what comes next."""
        if self._stands:
            self._stands = False
            with heard():
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()


class Recording:
    """A live run that goes to a tape."""

    def __init__(self, wanted: Wanted, tapes: Tapes, *, quiet: bool) -> None:
        """Begin the tape.

        Raises:
            TapeError: when it cannot be written.
        """
        self.clock, self.finished = Clock(), _Finished(tapes)
        self.started = self.clock.now()
        writer = tapes.make(self.started, 1 if tapes.rotates else None)
        rotation = Rotation(tapes.make, tapes.rotate_every_ns, tapes.rotate_size, self.finished.tell) if tapes.rotates else None
        self.recorder = Recorder(writer, Session(registry.venue), rotation=rotation)
        self.status = _Status(self.recorder, self.clock, quiet=quiet)
        self.run = Run(wanted, self.clock, self.recorder.session, self.recorder.take)
        self.run.make_room = self.status.clear
        ask = lambda: self.status.show(asked=True)  # noqa: E731
        self.run.on_signal = {"SIGUSR1": lambda: self.mark("SIGUSR1"), "SIGUSR2": ask, "SIGINFO": ask}
        self.recorder.say = self.run.hear
        self.recorder.late = self._late
        # Half the promised time, so that a frame that came just after a flush is still in time.
        self.every_s = tapes.flush_s / 2
        self.targets = wanted.targets
        self._tapes = tapes
        self._is_shown = False

    def begin(self) -> None:
        """Write the header."""
        self.recorder.begin(self.started, self._tapes.header)

    def _late(self, record: Record, events: Sequence[Event]) -> None:
        self.run.feed.told(record, events)
        self.run.watched(record, events)

    def mark(self, by: str) -> None:
        """Drop a marker."""
        number = len(self.recorder.session.markers) + 1
        try:
            self.recorder.mark(self.clock.now(), MARKER, {"note": f"marker {number}", "by": by})
        except OSError as error:
            self.run.fail(error)
            return
        self.run.hear(f"marker {number}")

    def look(self) -> None:
        """Do what is owed to the tape and to whoever reads the status line."""
        self.recorder.look()
        self.finished.look()
        if not self._is_shown:
            self.status.show()
        if self._tapes.max_size is not None and self.recorder.size >= self._tapes.max_size:
            self.run.stop(f"{amount(self._tapes.max_size)} of tape")

    def facts(self) -> dict[str, Any]:
        """Return what the status panel shows."""
        recorder, writer, now = self.recorder, self.recorder.writer, self.clock.now()
        self._is_shown = True
        return {
            "connections": connections_of(self.run),
            "tape": writer.path,
            "elapsed_ns": now - self.started,
            "segment": recorder.segment if self._tapes.rotates else None,
            "size": recorder.size,
            "level": writer.level,
            "blocks": len(writer.blocks),
            "queue": writer.filled,
            "deferred": recorder.deferred,
            "disk_left": _disk_left(writer.path),
            "rotates_in_ns": None if recorder.rotates_at is None else max(0, recorder.rotates_at - now),
            "markers": len(recorder.session.markers),
        }

    def end(self) -> str:
        """Close the tape, and return why it ended."""
        reason = self.run.reason or "end of the feed"
        self.status.clear()
        self.recorder.finish(self.clock.now(), reason)
        if not self._tapes.rotates:
            self.finished.tell(self.recorder.writer)
        self.finished.look()
        return reason

    def give_up(self) -> None:
        """End a recording that failed: what was received is kept, a tape without a frame is not left behind."""
        self.status.clear()
        _keep_or_remove(self.recorder, self.clock)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Whoever was told its name may have moved it.
        return 0


def _disk_left(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def record(
    wanted: Wanted,
    tapes: Tapes,
    *,
    quiet: bool,
    json: bool,
    screen: ScreenOptions | None = None,
    unfolded: bool = False,
    every: bool = False,
) -> int:
    """Record until stopped, print the summary, and return the exit status.

    Args:
        screen: draw the status panel, or the books at first when `unfolded`; None: lines.
        every: list each option of a chain in the summary.
    """
    is_silent = quiet or json
    # Until the feed's loop or the screen hears it, whoever ends us interrupts: the tape is closed, or removed while it is empty.
    with interruptible() as may_interrupt:
        recording = Recording(wanted, tapes, quiet=is_silent)
        try:
            may_interrupt()
            if not is_silent:
                targets, path = ", ".join(map(str, wanted.targets)), recording.recorder.writer.path
                say(f"recording {printable(targets)} -> {printable(str(path))}\nctrl-c stops and closes the file cleanly")
            recording.begin()
            if screen is None:
                asyncio.run(_record(recording, quiet=is_silent))
            else:
                _show(recording, screen, unfolded=unfolded)
        except BaseException:
            recording.give_up()
            raise
        ignore_hang_up()
        reason = recording.end()
    recorder, session = recording.recorder, recording.recorder.session
    if json:
        put_json(_facts(recorder, reason, recording.finished))
    elif not quiet:
        elapsed, width = recording.clock.now() - recording.started, width_of(sys.stderr)
        say_lines(recorded_lines(recorder, elapsed, reason, recording.finished, width, every=every))
    if reason in ("SIGINT", "q") and not session.totals.frames:
        return INTERRUPTED
    return ended(status_of(session), session_reasons(session), quiet=quiet)


async def _record(recording: Recording, *, quiet: bool) -> None:
    run = recording.run
    run.quiet = quiet
    with keys({} if quiet else {"m": lambda: recording.mark("key"), "q": lambda: run.stop("q")}) as has_keys:
        if has_keys and not quiet:
            say("m drops a marker")
        async with run.signals():
            await run.go(recording.every_s, recording.look)
        ignore_hang_up()


def _show(recording: Recording, options: ScreenOptions, *, unfolded: bool) -> None:
    from feedtape.ui.keymap import RECORD, keymap
    from feedtape.ui.live_stage import LiveStage
    from feedtape.ui.screen.run import record_desk, show

    view = options.view(RECORD, recording.targets)
    view.is_folded = not unfolded
    show(LiveStage(lambda: recording), view, keymap(options.keys), options, record_desk)
    for text in recording.run.said:
        # What was said while the panel stood would be gone with it.
        say(printable(text))


def _keep_or_remove(recorder: Recorder, clock: Clock) -> None:
    """End a recording that failed: what was received is kept, a tape without a frame is not left behind."""
    if recorder.session.totals.frames:
        with contextlib.suppress(OSError):
            # The disk may be what failed; what is readable up to there stays, and the missing end record tells.
            recorder.finish(clock.now(), "failed")
        return
    recorder.writer.abandon()
    recorder.writer.path.unlink(missing_ok=True)


def _facts(recorder: Recorder, reason: str, tapes: _Finished) -> dict[str, Any]:
    session, totals = recorder.session, recorder.session.totals
    return {
        "schema": 1,
        "tape": str(recorder.writer.path),
        "tapes": tapes.count,
        "tapes_kept": tapes.count - tapes.deleted,
        "reason": reason,
        "size": recorder.size,
        "size_kept": tapes.size,
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
        "clock_steps": totals.clock_steps,
        "clocks": session.clocks.as_json(),
        "markers": len(session.markers),
        "status": status_of(session),
    }


def recorded_lines(
    recorder: Recorder, elapsed_ns: int, reason: str, tapes: _Finished, width: int | None = None, *, every: bool = False
) -> list[str]:
    """Return the summary of a recording.

    Args:
        tapes: the files that it is.
        width: columns that there are; `every` lists each option of a chain.
    """
    session, writer, size = recorder.session, recorder.writer, recorder.size
    totals = session.totals
    path = printable(str(writer.path))
    files = "file     " if tapes.count == 1 else f"files    {counted(tapes.count, 'segment')} written, "
    blocks = f"{counted(len(writer.blocks), 'block')}, " if tapes.count == 1 else ""
    kept = f"{counted(tapes.count - tapes.deleted, 'segment')}, {amount(tapes.size)} on disk"
    return [
        f"recorded {span(elapsed_ns)}, {counted(len(session.books), 'book')}, {counted(totals.frames, 'frame')}  ->  {path}",
        "",
        *book_table(session, width, every=every),
        "",
        f"  {files}{amount(size)} from {compression(session, size)}, {blocks}closed cleanly ({printable(reason)})",
        *([f"  kept     {kept}; {count(tapes.deleted)} older ones deleted (--keep)"] if tapes.deleted else []),
        f"  chain    {writer.head}",
        *lane_lines(session),
        counters_line(session),
        *loss_lines(session.losses, f"feedtape verify {path}"),
        clock_line(session),
        f"  check    feedtape verify {path}",
    ]
