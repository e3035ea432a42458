"""Repairing tapes: the new tape is played while it is written, so that its index and the report tell what it really holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feedtape.edit.output import check_out, removed_if_it_fails
from feedtape.errors import FeedtapeError, TapeError
from feedtape.model.events import Gap
from feedtape.model.records import DAMAGE, Record
from feedtape.session import Session
from feedtape.tape.blocks import Tell
from feedtape.tape.format import SUFFIX
from feedtape.tape.repair import Wreck, open_wrecks, write_repaired
from feedtape.tape.seal import seal_of
from feedtape.tape.writer import TapeWriter
from feedtape.venues import registry

SCHEMA = 1


@dataclass
class Healed:
    """What became of one tape of the file.

    Attributes:
        out: the new tape; None when none was written, because there is nothing to repair.
        damages: what each damage says, with the `books` that it broke.
        unplayed: why the tape could not be played to its end, so that it has no index.
    """

    wreck: Wreck
    out: Path | None = None
    size: int = 0
    damages: list[dict[str, Any]] = field(default_factory=list)
    session: Session = field(default_factory=lambda: Session(registry.venue))
    unplayed: str | None = None

    def take(self, record: Record) -> None:
        """Play a record of the new tape."""
        try:
            events = () if self.unplayed else self.session.feed(record)
        except FeedtapeError as error:
            self.unplayed, events = str(error), ()
        if record.kind == DAMAGE:
            books = [event.target for event in events if isinstance(event, Gap) and event.target]
            self.damages.append(record.json() | {"books": books})

    def statistics(self) -> dict[str, Any] | None:
        """Return what the index is to say; None where that is not known."""
        return None if self.unplayed else self.session.statistics()

    @property
    def exit_status(self) -> int:
        """3 when something was lost, now or in an earlier repair, else 0."""
        return 3 if self.wreck.is_lossy or self.damages else 0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values; times are strings of ns."""
        found = self.wreck.found
        return {
            "tape": None if self.out is None else str(self.out),
            "size": self.size,
            "session": (found.header or {}).get("session"),
            "records": found.records - len(found.damages),
            "frames": found.frames,
            "bytes": found.bytes,
            "first": None if found.first is None else str(found.first),
            "last": str(found.last),
            "cut": found.end is None,
            "damage": [_as_json(one) for one in self.damages],
            "remarks": self.wreck.remarks(),
            "unplayed": self.unplayed,
        }


def _as_json(damage: dict[str, Any]) -> dict[str, Any]:
    return damage | {name: None if damage[name] is None else str(damage[name]) for name in ("since", "until")}


@dataclass
class Repair:
    """What a repair came to. `sealed` names the key of a seal beside the old tape."""

    path: Path
    tapes: list[Healed]
    sealed: str | None

    @property
    def exit_status(self) -> int:
        """The worst of all tapes."""
        return max(healed.exit_status for healed in self.tapes)

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "schema": SCHEMA,
            "source": str(self.path),
            "sealed": self.sealed,
            "tapes": [healed.as_json() for healed in self.tapes],
            "status": self.exit_status,
        }


def repair(path: Path, out: Path, *, overwrite: bool = False, force: bool = False, tell: Tell | None = None) -> Repair:
    """Write what can be read of a file to a new tape, and to further ones where it holds several; nothing where nothing is wrong.

    Args:
        force: write a tape also where there is nothing to repair.

    Raises:
        TapeError: when nothing can be read, or the new tape cannot be written; it is removed again then.
        UsageError: when the new tape would replace the old one.
    """
    check_out(out, [path], overwrite=overwrite)
    try:
        file = path.open("rb") if path.is_file() else None
    except OSError as error:
        raise TapeError(f"{path} cannot be read: {error.strerror}") from error
    if file is None:
        raise TapeError(f"{path} is not a file" if path.exists() else f"{path} cannot be read: No such file or directory")
    with file:
        tapes = [Healed(wreck) for wreck in open_wrecks(path, file, tell)]
        if force or len(tapes) > 1 or not tapes[0].wreck.is_whole:
            _write(tapes, out, overwrite=overwrite, tell=tell)
    return Repair(path, tapes, _key_of(path))


def _write(tapes: Sequence[Healed], out: Path, *, overwrite: bool, tell: Tell | None) -> None:
    more = [out.with_name(f"{out.name.removesuffix(SUFFIX)}-{number}{SUFFIX}") for number in range(2, len(tapes) + 1)]
    for path in more:
        check_out(path, [tapes[0].wreck.path], overwrite=overwrite)
    for path, healed in zip([out, *more], tapes, strict=True):
        writer = TapeWriter(path, overwrite=overwrite)
        with removed_if_it_fails(writer):
            write_repaired(healed.wreck, writer, healed.take, healed.statistics, tell)
        healed.out, healed.size = path, path.stat().st_size


def _key_of(path: Path) -> str | None:
    try:
        seal = seal_of(path)
    except TapeError:
        return "unreadable"
    return None if seal is None else seal.fingerprint
