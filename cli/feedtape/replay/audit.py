"""The audit of a tape: everything that it can prove about itself, and everything that it shows to be missing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feedtape.model.records import GAP
from feedtape.replay.playback import Playback
from feedtape.session import Session

SCHEMA = 1


@dataclass(frozen=True)
class Audit:
    """What an audit found. `noted` is how many losses the recorder wrote down while it recorded."""

    path: Path
    header: dict[str, Any]
    session: Session
    cut: str | None
    records: int
    noted: int
    backward: int

    @property
    def contradicted(self) -> bool:
        """Whether a digest or a checksum proves something wrong."""
        failed = sum(keeper.counters.checksums_failed for keeper in self.session.books.values())
        return bool(self.session.totals.digests_failed or failed or self.backward)

    @property
    def status(self) -> int:
        """The exit status: the worst that applies."""
        if self.contradicted:
            return 5
        return 3 if self.cut is not None or self.session.loss_found() else 0

    def as_json(self) -> dict[str, Any]:
        """The audit for machines. Keys are only ever added."""
        session, totals = self.session, self.session.totals
        return {
            "schema": SCHEMA,
            "tape": str(self.path),
            "made_by": self.header.get("made_by"),
            "session": self.header.get("session"),
            "state": "complete" if self.cut is None else "cut",
            "cut": self.cut,
            "records": self.records,
            "frames": totals.frames,
            "bytes": totals.bytes,
            "start": str(session.first if session.first is not None else self.header["start"]),
            "end": str(session.last),
            "digests": {"matched": totals.digests_matched, "failed": totals.digests_failed},
            "connections": totals.connections,
            "bad_frames": totals.bad_frames,
            "refused": totals.refused,
            "stalls": totals.stalls,
            "http_errors": totals.http_errors,
            "dropped": totals.dropped,
            "backward": self.backward,
            "unread": session.unread,
            "losses": totals.losses,
            "losses_noted": self.noted,
            "trades": sum(flow.trades for flow in session.flows.values()),
            "quotes": sum(flow.quotes for flow in session.flows.values()),
            "books": session.as_json(),
            "loss": [loss.as_json() for loss in session.losses],
            "status": self.status,
        }


def audit(path: Path) -> Audit:
    """Read a whole tape and judge it.

    Raises:
        TapeError: when it cannot be read at all.
    """
    records = noted = backward = last = 0
    with Playback(path) as playback:
        for record, _ in playback.play():
            records += 1
            noted += record.kind == GAP
            backward += record.time < last
            last = record.time
    return Audit(path, playback.header, playback.session, playback.cut, records, noted, backward)
