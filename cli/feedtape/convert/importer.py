"""Writing the tape of an import."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedtape.convert.plan import Plan
from feedtape.convert.source import Cut
from feedtape.errors import InputError, UsageError
from feedtape.recorder import Recorder
from feedtape.session import Session
from feedtape.tape.format import SUFFIX
from feedtape.tape.writer import TapeWriter
from feedtape.venues import registry

_TELL_EVERY = 2000

Tell = Callable[[int], None]
"""Takes the bytes of the files that were read so far."""


@dataclass(frozen=True)
class Imported:
    """What came of an import."""

    plan: Plan
    tape: Path
    size: int
    session: Session
    backward: int

    @property
    def cuts(self) -> list[Cut]:
        """What could not be read."""
        return [file.cut for file in self.plan.files if file.cut is not None]

    @property
    def exit_status(self) -> int:
        """3 when something was lost on the way or is missing in the files, else 0."""
        return 3 if self.cuts or self.session.loss_found() else 0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values; times are strings of ns."""
        session, totals = self.session, self.session.totals
        return {
            "schema": 1,
            "tape": str(self.tape),
            "format": self.plan.format,
            "venues": self.plan.venues,
            "files": [{"name": file.name, "bytes": file.size} for file in self.plan.files],
            "first": str(session.first),
            "last": str(session.last),
            "frames": totals.frames,
            "bytes": totals.bytes,
            "tape_bytes": self.size,
            "connections": totals.connections,
            "bad_frames": totals.bad_frames,
            "http_errors": totals.http_errors,
            "backward": self.backward,
            "unread": session.unread,
            "books": session.as_json(),
            "flows": {name: {"trades": flow.trades, "quotes": flow.quotes} for name, flow in session.flows.items()},
            "losses": totals.losses,
            "loss": [loss.as_json() for loss in session.losses],
            "cut": [cut.as_json() for cut in self.cuts],
        }


def default_path(plan: Plan, first: int) -> Path:
    """Return the name of a tape in the current folder: what it is of and when it begins."""
    begin = datetime.fromtimestamp(first // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path(f"{re.sub(r'[^A-Za-z0-9._+-]+', '_', plan.name)[:150]}-{begin}{SUFFIX}")


def write(plan: Plan, out: Path | None, *, overwrite: bool = False, tell: Tell | None = None) -> Imported:
    """Write the tape. One that cannot be finished is removed again: the files that it came from are still there.

    Raises:
        InputError: when the files hold nothing, or the disk fails.
        TapeError: when the tape cannot be written.
        UsageError: when the tape would overwrite a file that it is made from.
    """
    first = next(plan.records, None)
    if first is None:
        raise InputError(f"nothing in {plan.files[0].path} can be read as {plan.format}")
    path = out or default_path(plan, first.time)
    if path.exists() and any(path.samefile(file.path) for file in plan.files):
        raise UsageError(f"{path} is one of the files to import", hint="-o names another file for the tape")
    writer = TapeWriter(path, overwrite=overwrite)
    try:
        recorder = Recorder(writer, Session(registry.venue))
        recorder.begin(first.time, plan.header)
        recorder.take(first)
        for count, record in enumerate(plan.records):
            recorder.take(record)
            if tell is not None and not count % _TELL_EVERY:
                tell(sum(file.read for file in plan.files))
        recorder.finish(recorder.session.last, "end of input")
    except BaseException:
        writer.abandon()
        path.unlink(missing_ok=True)
        raise
    return Imported(plan, path, writer.size, recorder.session, recorder.backward)
