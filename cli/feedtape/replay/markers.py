"""The markers of a tape: what a person noted while it was recorded."""

from collections.abc import Sequence

from feedtape.errors import UsageError
from feedtape.model.records import MARKER
from feedtape.session import Marker, marker_text
from feedtape.tape.segments import TapeSet

PREFIX = "mark:"


def markers_of(tape: TapeSet) -> list[Marker]:
    """Return every marker, from the indexes where there are any; a segment without index is read."""
    found = []
    for reader in tape.segments:
        if reader.has_index:
            found += [Marker(int(time), str(text)) for time, text in reader.index.statistics.get("markers", [])]
        else:
            found += [Marker(one.time, marker_text(one)) for one in reader.records() if one.kind == MARKER]
    return found


def find_marker(word: str, markers: Sequence[Marker]) -> int:
    """Return the time of the marker that `mark:2` or `mark:some text` means.

    Raises:
        UsageError: when there is none.
    """
    wanted = word.removeprefix(PREFIX)
    if wanted.isdecimal() and 1 <= int(wanted) <= len(markers):
        return markers[int(wanted) - 1].time
    for marker in markers:
        if wanted and wanted.lower() in marker.text.lower():
            return marker.time
    hint = "; ".join(f"mark:{number} {marker.text}" for number, marker in enumerate(markers[:5], 1))
    raise UsageError(f"the tape has no marker {wanted!r}", hint=hint or "it has no markers at all")
