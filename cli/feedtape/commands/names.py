"""Where a tape goes when nobody, or only half, said so."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from feedtape.model.targets import Target
from feedtape.tape.format import SUFFIX

FOLDER = "recordings"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 100
"""Characters of a symbol in a file name: a name of 255 bytes is all that a file system takes."""


def tape_path(out: str | None, targets: Sequence[Target], start: int, segment: int | None = None) -> Path:
    """Return the file to write: `out` with its strftime words filled in, or a dated name in that folder, in `$FEEDTAPE_DIR`,
    or in `recordings`.

    Args:
        out: a file, or a folder, which exists or ends in a slash.
        start: when the tape begins, ns since 1970; names are in UTC.
        segment: number of the segment, where a recording has several: its names sort by time, then by number.
    """
    moment = time.gmtime(start // 1_000_000_000)
    dated = time.strftime("%Y%m%dT%H%M%SZ", moment)
    number = "" if segment is None else f"-{segment:04d}"
    if out is not None:
        filled = time.strftime(out, moment) if "%" in out else out
        if not filled.endswith((os.sep, "/")) and not Path(filled).is_dir():
            if segment is None:
                return Path(filled)
            date = "" if "%" in out else f"-{dated}"
            return Path(filled.removesuffix(SUFFIX) + date + number + SUFFIX)
        out = filled
    return Path(out or os.environ.get("FEEDTAPE_DIR") or FOLDER) / f"{_described(targets)}-{dated}{number}{SUFFIX}"


def _described(targets: Sequence[Target]) -> str:
    first = targets[0]
    # A symbol comes from a person or a venue and may hold anything; a file name may not.
    symbol = _UNSAFE.sub("_", first.symbol)[:_LONGEST].strip(".") or "symbol"
    more = f"+{len(targets) - 1}" if len(targets) > 1 else ""
    return f"{first.venue}-{symbol}{more}"
