"""Holding tapes against the seals beside them, in the one pass that an audit makes anyway."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feedtape.errors import TapeError, UsageError
from feedtape.replay.times import clock, iso
from feedtape.tape import tamper
from feedtape.tape.reader import TapeReader
from feedtape.tape.seal import Contents, Seal, contents_of, read_seal, seal_path
from feedtape.tape.segments import TapeSet
from feedtape.tape.tamper import Tampering, compare

_FIELDS = {
    "format": "format",
    "session": "session",
    "segment": "segment",
    "state": "state",
    "records": "number of records",
    "frames": "number of frames",
    "first": "first time",
    "last": "last time",
}


@dataclass
class SealCheck:
    """One seal, and what came of it.

    Attributes:
        seal: None when the file cannot be read; `unread` says why.
        trusted: fingerprint of the key that must have made it; None: nobody named one, so that nothing is proven by it.
        faults: what proves that the tape, or the seal, is not what was sealed.
        tampering: the first block that differs.
    """

    path: Path
    reader: TapeReader
    header: dict[str, Any]
    seal: Seal | None
    trusted: str | None
    unread: str | None = None
    faults: list[str] = field(default_factory=list)
    tampering: Tampering | None = None

    @property
    def state(self) -> str:
        """`holds`, `failed`, `unchecked` (it fits, but by a key that nobody named), or `unreadable`."""
        if self.seal is None:
            return "unreadable"
        return "failed" if self.faults else "holds" if self.trusted is not None else "unchecked"

    def judge(self) -> None:
        """Hold the seal against what the latest pass found; it has to have been a whole one."""
        from feedtape.tape.keys import is_signed

        if self.seal is None:
            return
        if not is_signed(self.seal):
            self.faults.append(f"{self.path.name} itself was altered: its signature does not fit what it says")
            return
        if self.trusted not in (None, self.seal.fingerprint):
            self.faults.append(f"{self.path.name} was made with another key, {self.seal.fingerprint}")
            return
        found = contents_of(self.reader, self.header)
        self.tampering = compare(self.seal.marks(), found.marks(), cut=found.state != "complete")
        name = self.reader.path.name
        if self.tampering is not None:
            self.faults.append(f"{name}: {_words(self.tampering, self.seal, found)}")
        else:
            self.faults += [f"{name}: {what}" for what in _differences(self.seal, found)]

    def as_json(self) -> dict[str, Any]:
        """The check for machines. Keys are only ever added."""
        seal, tampering = self.seal, self.tampering
        times = {} if tampering is None else {"first": str(tampering.first), "last": str(tampering.last)}
        return {
            "seal": str(self.path),
            "tape": str(self.reader.path),
            "state": self.state,
            "key": None if seal is None else seal.fingerprint,
            "sealed": None if seal is None else seal.sealed,
            "sealed_as": None if seal is None else seal.tape,
            "head": None if seal is None else seal.head,
            "unread": self.unread,
            "faults": self.faults,
            "first_difference": None if tampering is None else tampering._asdict() | times,
        }


def find_seals(tapes: TapeSet, *, trusted: str | None = None, file: Path | None = None) -> list[SealCheck]:
    """Read the seals of tapes and make the next pass collect what they have to be held against.

    Args:
        trusted: fingerprint of the key that must have made them; then every tape has to have one.
        file: the seal of the only tape, where it does not stand beside it.

    Raises:
        TapeError: when a seal that must be there is missing or cannot be read.
        UsageError: when one seal is given for several tapes.
    """
    if file is not None and len(tapes.segments) > 1:
        raise UsageError("--seal names the seal of one tape, and this is a set of several", hint="add --alone")
    checks = []
    for reader, header in zip(tapes.segments, tapes.headers, strict=True):
        path = seal_path(reader.path) if file is None else file
        must = trusted is not None or file is not None
        if not must and not path.exists():
            continue
        seal, unread = None, None
        try:
            if not path.exists():
                raise TapeError(f"{reader.path} cannot be checked: it has no seal {path.name}", hint="--seal FILE names it")
            seal = read_seal(path)
        except TapeError as error:
            if must:
                raise
            unread = str(error)
        reader.marked = True
        checks.append(SealCheck(path, reader, header, seal, trusted, unread))
    return checks


def _words(tampering: Tampering, seal: Contents, found: Contents) -> str:
    """Say what was done, first of all, in one line."""
    kind, start, count = tampering.kind, tampering.block, tampering.blocks
    before = {mark.digest for mark in seal.marks()}
    if not any(mark.digest in before for mark in found.marks()):
        return f"this is another tape than the one that was sealed: no block is the same (sealed: session {seal.session})"
    blocks = f"block {start}" if count == 1 else f"blocks {start} to {start + count - 1}"
    which = f"{blocks} of {len(seal.blocks)} ({_span(tampering)})"
    was = "was" if count == 1 else "were"
    match kind:
        case tamper.ADDED:
            where = "at the end" if start >= len(seal.blocks) else f"before what was sealed as block {start}"
            return f"{blocks} ({_span(tampering)}) {was} added {where}"
        case tamper.MOVED:
            return f"{which} was moved: it stands as block {tampering.place}"
        case tamper.REMOVED:
            end = " from the end: the tape was cut short" if start + count == len(seal.blocks) else ""
            return f"{which} {was} removed{end}"
        case tamper.CUT:
            return f"{which} ends early or was altered, and nothing that was sealed follows it"
        case tamper.REPLACED:
            return f"{which} {was} altered, or removed and others put in their place"
        case _:
            return f"{which} {was} altered"


def _span(tampering: Tampering) -> str:
    return f"{iso(tampering.first)} to {clock(tampering.last)}"


def _differences(seal: Contents, found: Contents) -> list[str]:
    """Return what else differs on a tape whose records are all as they were sealed."""
    faults = []
    if seal.head != found.head:
        faults.append("the file was written again or its chain altered since it was sealed; every record is as it was")
    if seal.statistics is not None and found.statistics not in (None, seal.statistics):
        faults.append("the statistics of its index were altered")
    for name, words in _FIELDS.items():
        sealed, is_now = getattr(seal, name), getattr(found, name)
        if sealed != is_now:
            faults.append(f"sealed with {words} {sealed}, found with {is_now}")
    return faults


def judge_seals(checks: Sequence[SealCheck]) -> None:
    """Judge each of them; see `SealCheck.judge`."""
    for check in checks:
        check.judge()
