"""Where a tape goes when nobody, or only half, said so."""

import re
import time
from collections.abc import Sequence
from pathlib import Path

from feedtape.model.targets import Target
from feedtape.tape.format import SUFFIX

FOLDER = Path("recordings")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def tape_path(out: Path | None, targets: Sequence[Target]) -> Path:
    """Return the file to write: `out` with its strftime words filled in, or a dated name in that folder or in `recordings`."""
    now = time.gmtime()
    if out is not None:
        out = Path(time.strftime(str(out), now)) if "%" in str(out) else out
        if not out.is_dir() and not str(out).endswith("/"):
            return out
    first = targets[0]
    # A symbol comes from a person or a venue and may hold anything; a file name may not.
    symbol = _UNSAFE.sub("_", first.symbol).strip(".") or "symbol"
    more = f"+{len(targets) - 1}" if len(targets) > 1 else ""
    return (out or FOLDER) / f"{first.venue}-{symbol}{more}-{time.strftime('%Y%m%dT%H%M%SZ', now)}{SUFFIX}"
