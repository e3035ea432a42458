"""The facts of a tape, from its index where it has one, by reading it where it has none."""

import hashlib
from pathlib import Path
from typing import Any

from feedtape.replay.playback import Playback

SCHEMA = 1


def facts_of(path: Path) -> dict[str, Any]:
    """Return what `info --json` prints.

    Raises:
        TapeError: when it is no tape or cannot be read.
    """
    statistics: dict[str, Any]
    with Playback(path) as playback:
        reader, header = playback.reader, playback.header
        if reader.has_index:
            statistics, cut = reader.statistics, None
        else:
            playback.run()
            statistics, cut = playback.session.statistics(), playback.cut
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "schema": SCHEMA,
        "tape": str(path),
        "size": reader.size,
        "sha256": sha256,
        "state": "complete" if cut is None else "cut",
        "cut": cut,
        "indexed": reader.has_index,
        "format": header["format"],
        "made_by": header.get("made_by"),
        "session": header.get("session"),
        "targets": header.get("targets"),
        "channels": header.get("channels"),
        "decoders": header.get("decoders"),
        "source": header.get("source"),
        "note": header.get("note"),
        "start": str(statistics["first"] if statistics["first"] is not None else header["start"]),
        "end": str(statistics["last"]),
        "blocks": len(reader.blocks),
        "keyframes": sum(block.keyframe for block in reader.blocks),
        "raw_size": sum(block.raw_size for block in reader.blocks),
        **{name: value for name, value in statistics.items() if name not in ("first", "last")},
    }
