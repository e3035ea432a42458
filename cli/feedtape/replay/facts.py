"""The facts of a tape, from its index where it has one, by reading it where it has none."""

import hashlib
from pathlib import Path
from typing import Any

from feedtape.errors import TapeError
from feedtape.replay.playback import Playback
from feedtape.tape.blocks import Tell
from feedtape.tape.reader import TapeReader

SCHEMA = 1
_PIECE = 1024 * 1024


def facts_of(path: Path, *, hashed: bool = False, tell: Tell | None = None) -> dict[str, Any]:
    """Return what `info --json` prints.

    Args:
        hashed: read the whole file for its SHA-256.
        tell: takes how many bytes have been read, where more than the index is.

    Raises:
        TapeError: when it is no tape or cannot be read.
    """
    with Playback(path, alone=True) as playback:
        reader, header = playback.tape.segments[0], playback.header
        cut: str | None = None
        holes = 0
        if reader.has_index:
            statistics, head = reader.index.statistics, reader.index.head
        else:
            for _ in playback.play(tell=tell):
                pass
            reader.scan()
            statistics, cut, head = playback.session.statistics(), playback.cut, ""
            holes = len(playback.tape.holes)
    try:
        sha256 = _sha256(path, tell) if hashed else None
        return _facts(path, reader, header, statistics, head=head, cut=cut, holes=holes, sha256=sha256)
    except (KeyError, TypeError, ValueError) as error:
        raise TapeError(f"{path} says of itself what cannot be read: {type(error).__name__}: {error}") from error


def _facts(
    path: Path,
    reader: TapeReader,
    header: dict[str, Any],
    statistics: dict[str, Any],
    *,
    head: str,
    cut: str | None,
    holes: int,
    sha256: str | None,
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "tape": str(path),
        "size": reader.size,
        "sha256": sha256,
        "chain": head or None,
        "state": "complete" if cut is None and not holes else "cut" if cut is not None else "damaged",
        "cut": cut,
        "holes": holes,
        "indexed": reader.has_index,
        "format": reader.version,
        "made_by": header.get("made_by"),
        "session": header.get("session"),
        "segment": header.get("segment"),
        "previous": header.get("previous"),
        "targets": header.get("targets"),
        "channels": header.get("channels"),
        "decoders": header.get("decoders"),
        "source": header.get("source"),
        "sources": header.get("sources"),
        "repaired": header.get("repaired"),
        "note": header.get("note"),
        "meta": header.get("meta"),
        "start": str(statistics["first"] if statistics["first"] is not None else header["start"]),
        "end": str(statistics["last"]),
        "blocks": len(reader.blocks),
        "keyframes": sum(block.keyframe for block in reader.blocks),
        "raw_size": sum(block.raw_size for block in reader.blocks),
        "largest_block": max((block.raw_size for block in reader.blocks), default=0),
        **{name: value for name, value in statistics.items() if name not in ("first", "last")},
    }


def _sha256(path: Path, tell: Tell | None) -> str:
    found, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
            done += len(piece)
            if tell is not None:
                tell(done)
    return found.hexdigest()
