"""Merging recordings into one tape, by receipt time: connections renumbered, clocks told apart, every header kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from feedtape.convert.merge import merged
from feedtape.edit.concern import held_by
from feedtape.edit.output import check_out, origin_of, removed_if_it_fails
from feedtape.edit.source import MergedSource
from feedtape.model.records import CLOSE, FRAMES, Record, note
from feedtape.recorder import Recorder
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.blocks import Tell
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from feedtape.venues import registry

SCHEMA: Final = 1
_HOUR_NS: Final = 3600 * 10**9


@dataclass(frozen=True)
class Merger:
    """What came of a merge. `shared` are targets that more than one recording holds."""

    out: Path
    size: int
    session: Session
    sources: list[Playback]
    shared: list[str]

    @property
    def exit_status(self) -> int:
        """5 when a source contradicts itself, 3 when one is cut or damaged or something is lost in the whole, else 0."""
        if any(source.contradicted for source in self.sources):
            return 5
        is_lossy = any(source.cut is not None or source.tape.holes for source in self.sources)
        return 3 if is_lossy or self.session.loss_found() else 0

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON values; times are strings of ns."""
        session, totals = self.session, self.session.totals
        return {
            "schema": SCHEMA,
            "tape": str(self.out),
            "sources": [
                {
                    "tapes": [str(reader.path) for reader in source.tape.segments],
                    "session": source.header.get("session"),
                    "cut": source.cut,
                    "faults": source.tape.faults,
                    "digests_failed": source.session.totals.digests_failed,
                    "losses": source.session.totals.losses,
                }
                for source in self.sources
            ],
            "shared": self.shared,
            "option_chain": option_chain(self.sources),
            "first": str(session.first),
            "last": str(session.last),
            "size": self.size,
            "frames": totals.frames,
            "bytes": totals.bytes,
            "connections": totals.connections,
            "books": session.as_json(),
            "losses": totals.losses,
            "loss": [loss.as_json() for loss in session.losses],
            "status": self.exit_status,
        }


def recordings(paths: Iterable[Path]) -> list[list[Path]]:
    """Return the files by the recording that they are of: segments of one session are one recording.

    Raises:
        TapeError: when one is no tape.
    """
    found: dict[str, dict[Path, Path]] = {}
    for path in paths:
        with TapeReader(path) as reader:
            header = reader.header()
        # Copies of one tape are no segments of it: whoever names both means both.
        key = f"session {header.get('session')}" if "segment" in header else str(path.resolve())
        found.setdefault(key, {})[path.resolve()] = path
    return [list(group.values()) for group in found.values()]


def merge(paths: Sequence[Path], out: Path, *, overwrite: bool = False, tell: Tell | None = None) -> Merger:
    """Write several recordings to one tape; one that cannot be finished is removed again.

    Raises:
        TapeError: when a recording cannot be read, or the tape not written.
        UsageError: when the tape would replace a recording.
    """
    check_out(out, paths, overwrite=overwrite)
    sources: list[Playback] = []
    try:
        # One by one, so that those that are open are closed when a later one cannot be.
        sources.extend(Playback(*group) for group in recordings(paths))
        return _write(sources, out, overwrite=overwrite, tell=tell)
    finally:
        for source in sources:
            source.close()


def _write(sources: list[Playback], out: Path, *, overwrite: bool, tell: Tell | None) -> Merger:
    shared = _shared(sources)
    tells = _tells(len(sources), tell)
    holes: set[int] = set()
    streams = [
        MergedSource(place, len(sources), source, holes, in_lanes=bool(shared)).records(tells[place])
        for place, source in enumerate(sources)
    ]
    writer = TapeWriter(out, overwrite=overwrite)
    with removed_if_it_fails(writer):
        recorder = Recorder(writer, Session(registry.venue))
        recorder.begin(min(int(source.header["start"]) for source in sources), _header(sources))
        for record in _ends_told(merged(streams)):
            recorder.take(record)
        recorder.finish(max(source.session.last for source in sources), "merged")
    return Merger(out, writer.size, recorder.session, sources, shared)


def _shared(sources: Sequence[Playback]) -> list[str]:
    """Return the targets that several recordings are known to hold."""
    seen: dict[str, int] = {}
    for source in sources:
        for target in held_by(source.header, [reader.index.statistics for reader in source.tape.segments], ()):
            seen[target] = seen.get(target, 0) + 1
    return [target for target, number in seen.items() if number > 1]


def _tells(number: int, tell: Tell | None) -> list[Tell | None]:
    """Return what takes the progress of each source, so that their sum is told."""
    done = [0] * number

    def of(place: int) -> Tell:
        def take(position: int) -> None:
            done[place] = position
            if tell is not None:
                tell(sum(done))

        return take

    return [of(place) if tell is not None else None for place in range(number)]


def _ends_told(records: Iterable[Record]) -> Iterator[Record]:
    """Mark the ends of connections that frames of another recording follow: their books are not the present any longer."""
    held: list[Record] = []
    for record in records:
        if held and record.kind in FRAMES:
            yield from map(_outlived, held)
            held.clear()
        if held or (record.kind == CLOSE and record.json().get("final")):
            held.append(record)
        else:
            yield record
    # An end that no recording has needs none in the whole either.
    yield from (record for record in held if record.kind != CLOSE or not record.json().get("made_up"))


def _outlived(record: Record) -> Record:
    if record.kind != CLOSE or not (fields := record.json()).get("final"):
        return record
    return note(record.time, CLOSE, fields | {"outlived": True}, record.connection)


def _header(sources: Sequence[Playback]) -> dict[str, Any]:
    """Return the header of the whole: what all recorded together, and each one's own header as it is."""
    decoders: dict[str, str] = {}
    for source in sources:
        decoders |= source.header.get("decoders") or {}
    return {
        "targets": _union(sources, "targets"),
        "channels": _union(sources, "channels"),
        "decoders": decoders,
        **({"option_chain": chain} if (chain := option_chain(sources)) is not None else {}),
        "sources": [_origin(place, len(sources), source) for place, source in enumerate(sources)],
    }


def option_chain(sources: Sequence[Playback]) -> dict[str, Any] | None:
    """Return which expiries of option chains were recorded, where any were: all of what there is if not all the same.

    Expiries count from when a recording began, and options end at full hours: those that began within one mean the same ones.
    """
    asked = [_asked(source.header) for source in sources if isinstance(source.header.get("option_chain"), dict)]
    if not asked:
        return None
    if len({(expiries, since // _HOUR_NS) for expiries, since in asked}) > 1:
        return {"expiries": 0}
    return {"expiries": asked[0][0], "since": min(since for _, since in asked)}


def _asked(header: dict[str, Any]) -> tuple[int, int]:
    """Return how many expiries were asked for, 0 for all, and from when on."""
    told = header["option_chain"]
    expiries, since = told.get("expiries"), told.get("since")
    return expiries if type(expiries) is int else 0, since if type(since) is int else int(header["start"])


def _union(sources: Sequence[Playback], name: str) -> list[Any]:
    return list(dict.fromkeys(one for source in sources for one in source.header.get(name) or ()))


def _origin(place: int, number: int, source: Playback) -> dict[str, Any]:
    segments = source.tape.segments
    return {
        "tapes": [reader.path.name for reader in segments],
        "chains": [reader.index.head or None for reader in segments],
        "sealed": origin_of(reader.path for reader in segments),
        "connections": {"times": number, "plus": place + 1 - number},
        "header": source.header,
    }
