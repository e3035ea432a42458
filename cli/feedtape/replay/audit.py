"""The audit of a tape: everything that it can prove about itself, and everything that it shows to be missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feedtape.model.records import GAP
from feedtape.replay.playback import Playback
from feedtape.replay.seals import SealCheck, judge_seals
from feedtape.session import Session
from feedtape.tape.blocks import Tell
from feedtape.tape.passage import Wait

SCHEMA = 1


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        noted: how many losses the recorder wrote down while it recorded.
        backward: records whose time lies before the one before.
        misindexed: what the index says and the tape does not hold.
        seals: what came of the seals beside the tapes.
    """

    playback: Playback
    records: int
    noted: int
    backward: int
    misindexed: list[str]
    seals: Sequence[SealCheck] = ()

    @property
    def session(self) -> Session:
        """What the tape built."""
        return self.playback.session

    @property
    def cut(self) -> str | None:
        """Why the tape is not complete."""
        return self.playback.cut

    @property
    def contradicted(self) -> bool:
        """Whether a digest, a checksum, the chain, the index, the order of time or a seal proves something wrong."""
        failed = any(check.faults for check in self.seals)
        return bool(self.playback.contradicted or self.backward or self.misindexed or failed)

    @property
    def status(self) -> int:
        """The exit status: the worst that applies."""
        return 5 if self.contradicted else self.playback.status

    def notes(self) -> list[str]:
        """Return what is no loss and still worth a look; a strict audit fails by it."""
        session, totals = self.session, self.session.totals
        found = {
            "stalls": totals.stalls,
            "refused requests": totals.refused,
            "http errors": totals.http_errors,
            "digests that could not be compared": totals.digests_unchecked,
            "segments whose joint could not be compared": self.playback.joints_unchecked,
            "seals that were not checked": sum(check.state in ("unchecked", "unreadable") for check in self.seals),
            "frames whose connection is unknown": totals.unplaced,
        }
        notes = [f"{number} {what}" for what, number in found.items() if number]
        first = self.playback.header.get("segment", 1)
        if len(self.playback.tape.segments) > 1 and first != 1:
            notes.append(f"the set begins with segment {first}: what was before it is not here")
        if session.unread:
            notes.append("no channel of ours reads: " + ", ".join(f"{number} {name}" for name, number in session.unread.items()))
        unproven: dict[str, list[str]] = {}
        for target, keeper in session.books.items():
            proof, reason = keeper.proof()
            if proof == "unprovable":
                unproven.setdefault(reason, []).append(target)
        for reason, targets in unproven.items():
            who = f"{targets[0]} is" if len(targets) == 1 else f"{len(targets)} books ({targets[0]} and others) are"
            notes.append(f"{who} unprovable: {reason}")
        for target, keeper in session.books.items():
            if keeper.counters.crossed:
                notes.append(f"{target} was crossed {keeper.counters.crossed} times")
        return notes

    def as_json(self) -> dict[str, Any]:
        """The audit for machines. Keys are only ever added."""
        session, totals, tape = self.session, self.session.totals, self.playback.tape
        header = self.playback.header
        return {
            "schema": SCHEMA,
            "tape": str(tape.path),
            "tapes": [str(reader.path) for reader in tape.segments],
            "made_by": header.get("made_by"),
            "session": header.get("session"),
            "state": "complete" if self.cut is None else "cut",
            "cut": self.cut,
            "chain": tape.head,
            "faults": tape.faults,
            "misindexed": self.misindexed,
            "seals": [check.as_json() for check in self.seals],
            "damage": [hole._asdict() for hole in tape.holes],
            "joints": {
                "proven": self.playback.joints_proven,
                "failed": self.playback.joints_failed,
                "unchecked": self.playback.joints_unchecked,
            },
            "records": self.records,
            "frames": totals.frames,
            "bytes": totals.bytes,
            "start": str(session.first if session.first is not None else header["start"]),
            "end": str(session.last),
            "digests": {
                "matched": totals.digests_matched,
                "failed": totals.digests_failed,
                "unchecked": totals.digests_unchecked,
            },
            "connections": totals.connections,
            "bad_frames": totals.bad_frames,
            "refused": totals.refused,
            "stalls": totals.stalls,
            "http_errors": totals.http_errors,
            "dropped": totals.dropped,
            "unplaced": totals.unplaced,
            "backward": self.backward,
            "unread": session.unread,
            "losses": totals.losses,
            "losses_noted": self.noted,
            "trades": sum(flow.trades for flow in session.flows.values()),
            "quotes": sum(flow.quotes for flow in session.flows.values()),
            "books": session.as_json(),
            "loss": [loss.as_json() for loss in session.losses],
            "notes": self.notes(),
            "status": self.status,
        }


def audit(playback: Playback, *, seals: Sequence[SealCheck] = (), wait: Wait | None = None, tell: Tell | None = None) -> Audit:
    """Read a whole tape and judge it.

    Args:
        seals: what `find_seals` found beside the tapes; they are judged with them.
        wait: makes the audit follow a tape that is being written.
        tell: takes how many bytes have been read.

    Raises:
        TapeError: when it cannot be read at all.
    """
    records = noted = backward = last = 0
    for record, _ in playback.play(chained=True, wait=wait, tell=tell):
        records += 1
        noted += record.kind == GAP
        backward += record.time < last
        last = record.time
    judge_seals(seals)
    return Audit(playback, records, noted, backward, playback.tape.misindexed(), seals)
