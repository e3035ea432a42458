"""Cutting a tape: a stretch of time, some targets, some connections, as a tape that begins with the state at its start."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from feedtape.edit.concern import Reading, Survey, held_by
from feedtape.edit.output import check_out, origin_of, removed_if_it_fails
from feedtape.edit.state import Choice, Mending, chosen
from feedtape.errors import TapeError, UsageError
from feedtape.feed.chain import family_of
from feedtape.model.records import CLOSE, DAMAGE, DERIVED, DROP, END, HEADER, RECV, RECV_BINARY, STALL, STATE, Record, note
from feedtape.recorder import Recorder
from feedtape.replay.playback import Playback
from feedtape.replay.select import match_target
from feedtape.replay.times import iso
from feedtape.session import Session
from feedtape.tape.blocks import Tell
from feedtape.tape.writer import TapeWriter
from feedtape.venues import registry

SCHEMA: Final = 1
_NOT_COPIED: Final = DERIVED | {HEADER, END}
_OF_THE_FILE: Final = frozenset({"format", "made_by", "python", "session", "segment", "previous", "start", "source", "repaired"})
"""Fields of a header that say nothing of what was recorded."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for: times from `since` up to before `until`, and all targets and connections where none is named."""

    since: int | None = None
    until: int | None = None
    only: tuple[str, ...] = ()
    connections: frozenset[int] = frozenset()


@dataclass(frozen=True)
class CutOff:
    """What came of a cut. `left_out` counts records that were not wanted; `to_end`: it goes to the end of its source."""

    out: Path
    size: int
    since: int
    until: int
    session: Session
    source: Playback
    left_out: int
    to_end: bool

    @property
    def exit_status(self) -> int:
        """5 when the source contradicts itself, 3 when something is lost within the cut, else 0."""
        if self.source.contradicted:
            return 5
        is_cut = self.to_end and self.source.cut is not None
        return 3 if is_cut or self.source.tape.holes or self.session.loss_found() else 0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values; times are strings of ns."""
        session, totals = self.session, self.session.totals
        return {
            "schema": SCHEMA,
            "tape": str(self.out),
            "source": [str(reader.path) for reader in self.source.tape.segments],
            "from": str(self.since),
            "to": str(self.until),
            "size": self.size,
            "frames": totals.frames,
            "bytes": totals.bytes,
            "left_out": self.left_out,
            "books": session.as_json(),
            "losses": totals.losses,
            "loss": [loss.as_json() for loss in session.losses],
            "cut": self.source.cut if self.to_end else None,
            "faults": self.source.tape.faults,
            "digests_failed": self.source.session.totals.digests_failed,
            "status": self.exit_status,
        }


def cut(paths: Sequence[Path], out: Path, wanted: Wanted, *, overwrite: bool = False, tell: Tell | None = None) -> CutOff:
    """Write what is wanted of a recording to a tape; one that cannot be finished is removed again.

    Raises:
        TapeError: when the recording cannot be read, or the tape not written.
        UsageError: when nothing can be meant.
    """
    check_out(out, paths, overwrite=overwrite)
    with Playback(*paths) as source:
        first, last = source.bounds(tell)
        since, until = _span(source, wanted, first, last)
        before = _state_before(paths, since)
        choice = _choose(paths, wanted, since, until, before)
        session = Session(registry.venue)
        if before.first is not None:
            session.restore(chosen(before.keyframe(), choice) | {"first": since})
        header = _header(source, wanted, choice, since, until)
        writer = TapeWriter(out, overwrite=overwrite)
        with removed_if_it_fails(writer):
            recorder = Recorder(writer, session)
            recorder.begin(since, header)
            left_out = _copy(source, recorder, choice, Reading(before), since, until, tell)
            recorder.finish(min(until, last), "cut")
    return CutOff(out, writer.size, since, until, session, source, left_out, until > last)


def _span(source: Playback, wanted: Wanted, first: int, last: int) -> tuple[int, int]:
    since = first if wanted.since is None else max(wanted.since, first)
    until = last + 1 if wanted.until is None else min(wanted.until, last + 1)
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise UsageError(f"the cut would end at {iso(wanted.until)}, before it begins at {iso(wanted.since)}")
    if since >= until:
        raise TapeError(f"{source.tape.name} holds {iso(first)} to {iso(last)}, nothing of what is asked for")
    return since, until


def _state_before(paths: Sequence[Path], since: int) -> Session:
    """Return the session as it was just before a time."""
    with Playback(*paths) as playback:
        playback.run(since - 1, seek=True)
    return playback.session


def _choose(paths: Sequence[Path], wanted: Wanted, since: int, until: int, before: Session) -> Choice:
    """Read the stretch for what its connections carry, where that matters."""
    if not wanted.only and not wanted.connections:
        return Choice()
    with Playback(*paths) as playback:
        tape = playback.tape
        statistics = [reader.index.statistics for reader in tape.segments]
        held = held_by(tape.header, statistics, [*before.books, *before.flows])
        survey = Survey(held, Reading(before), before.exchanges)
        tape.scan()
        for record in tape.records(tape.place_before(since)):
            if record.time >= until:
                break
            if record.time >= since:
                survey.take((record,))
    held = list(dict.fromkeys([*held, *(target for carried in survey.carried.values() for target in sorted(carried))]))
    only = frozenset(match_target(one.partition("@")[0], held) for one in wanted.only) or None
    for number in sorted(wanted.connections - survey.carried.keys()):
        known = ", ".join(map(str, sorted(survey.carried)[:8])) or "none"
        raise UsageError(f"no connection {number} is open in that stretch", hint=f"there are: {known}")
    return Choice(only, survey.left_out(only, wanted.connections))


def _header(source: Playback, wanted: Wanted, choice: Choice, since: int, until: int) -> dict[str, Any]:
    tape, header = source.tape, source.header
    kept = {name: value for name, value in header.items() if name not in _OF_THE_FILE}
    if isinstance(kept.get("targets"), list):
        kept["targets"] = [target for target in kept["targets"] if choice.wants(str(target))]
    if isinstance(kept.get("option_chain"), dict):
        if choice.targets is not None and not any(family_of(target.partition(":")[2]) for target in choice.targets):
            del kept["option_chain"]
        else:
            # Its expiries are counted from when the chain was asked for.
            kept["option_chain"] = {"since": header["start"]} | kept["option_chain"]
    origin = {
        "tape": tape.path.name,
        "tapes": [reader.path.name for reader in tape.segments],
        "chain": tape.segments[-1].index.head or None,
        "session": header.get("session"),
        "from": str(since),
        "to": str(until),
        "only": sorted(choice.targets) if choice.targets is not None else None,
        "connections": sorted(wanted.connections) or None,
        "sealed": origin_of(reader.path for reader in tape.segments),
    }
    if header.get("source") is not None:
        origin["source"] = header["source"]
    if header.get("repaired") is not None:
        origin["repaired"] = header["repaired"]
    return kept | {"source": {"cut": origin}}


def _copy(
    source: Playback, recorder: Recorder, choice: Choice, reading: Reading, since: int, until: int, tell: Tell | None
) -> int:
    """Take the records of the stretch that are wanted; return how many were not."""
    session, left_out = source.session, 0
    mending: Mending | None = None
    for record, _ in source.play(until - 1, after=since, chained=True, tell=tell):
        if mending is None:
            mending = Mending(session)
        told = mending.look(record)
        if record.time < since:
            continue
        for one in told if record.kind in _NOT_COPIED else (record,):
            kept = _wanted(one, choice, reading)
            if kept is None:
                left_out += 1
            else:
                recorder.take(kept)
    return left_out


def _wanted(record: Record, choice: Choice, reading: Reading) -> Record | None:
    """Return a record, or what is wanted of it; None where nothing is."""
    kind, out = record.kind, choice.left_out
    targets = reading.take(record) if choice.targets is not None else set()
    if record.connection in out:
        return None
    if kind in (RECV, RECV_BINARY):
        return record if not targets or any(map(choice.wants, targets)) else None
    if not out and choice.targets is None:
        return record
    if kind == STATE:
        return note(record.time, STATE, _state(record.json(), choice))
    if kind == STALL:
        return None if int(record.json()["connection"]) in out else record
    if kind in (DROP, DAMAGE) and record.json().get("connections") is not None:
        fields = record.json()
        left = [number for number in fields["connections"] if number not in out]
        return note(record.time, kind, fields | {"connections": left}) if left or kind == DAMAGE else None
    if kind == CLOSE and record.json().get("relieved_by") in out:
        fields = record.json() | {"relieved_by": None}
        return note(record.time, CLOSE, fields, record.connection)
    return record


def _state(fields: dict[str, Any], choice: Choice) -> dict[str, Any]:
    """Return what is wanted of a state that stands on the tape."""
    empty: dict[str, Any] = {"exchanges": {}, "stalled": {}, "flows": {}, "losses": {"kept": [], "open": {}}}
    kept = chosen(empty | fields, choice)
    return {name: kept[name] for name in (*fields, *empty) if name != "losses"}
