"""What commands that read tapes share: which files are meant, and a playback of them."""

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feedtape.errors import UsageError

if TYPE_CHECKING:
    from feedtape.replay.playback import Playback


def tapes_of(named: Sequence[Path], *, alone: bool = False) -> list[Path]:
    """Return the files that a person means: the segments of one recording, by any of them, their folder, or a pattern.

    Raises:
        TapeError: when one is no tape.
        UsageError: when nothing fits, or several recordings are meant.
    """
    from feedtape.tape.segments import find_segments

    paths: list[Path] = []
    # A pattern such as night* finds the seals beside the tapes too.
    for path in [path for path in named if not path.name.endswith(".seal")] or named:
        fitting = sorted(path.parent.glob(path.name)) if glob.has_magic(path.name) and not path.exists() else [path]
        if not fitting:
            raise UsageError(f"no file fits {str(path)!r}")
        paths += [path for path in fitting if not path.name.endswith(".seal")] or fitting
    if len(paths) > 1:
        return list(dict.fromkeys(paths))
    return find_segments(paths[0], alone=alone)


def open_tapes(named: Sequence[Path], *, alone: bool = False) -> "Playback":
    """Return a playback of what a person means; see `tapes_of`."""
    from feedtape.replay.playback import Playback

    return Playback(*tapes_of(named, alone=alone), alone=alone)


def prepare_seeking(playback: "Playback", *, quiet: bool = False) -> None:
    """Scan what has no index, with a progress bar unless it is to be `quiet`, before a time is looked up in it."""
    if not playback.tape.has_index:
        from feedtape.ui.progress import progress

        with progress("scanning", playback.tape.size, quiet=quiet) as tell:
            playback.tape.scan(tell)
