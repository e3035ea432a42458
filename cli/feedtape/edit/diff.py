"""`diff`: where two tapes part, and by what they are to be held against each other."""

from typing import Any, Protocol

from feedtape.edit.diff_books import BooksDiff
from feedtape.edit.diff_frames import FramesDiff
from feedtape.edit.diff_side import Side, Wanted
from feedtape.edit.diff_updates import UpdatesDiff
from feedtape.tape.blocks import Tell
from feedtape.tape.segments import TapeSet

SCHEMA = 1
FRAMES, UPDATES, BOOKS = "frames", "updates", "books"


class Diff(Protocol):
    """What each way of comparing comes to."""

    by: str

    @property
    def sides(self) -> tuple[Side, Side]:
        """The two tapes."""
        ...

    @property
    def status(self) -> int:
        """The exit status: 5 different, 3 equal as far as both go, 0 equal."""
        ...

    def run(self, tells: tuple[Tell | None, Tell | None]) -> None:
        """Read both tapes."""
        ...

    def as_json(self) -> dict[str, Any]:
        """What came of it, for machines."""
        ...


def way_of(a: TapeSet, b: TapeSet) -> str:
    """Return by what two tapes are to be compared: frames, if they are of the same recording, and else updates."""
    session = a.header.get("session")
    return FRAMES if session is not None and session == b.header.get("session") else UPDATES


def diff(a: TapeSet, b: TapeSet, wanted: Wanted, *, by: str | None = None, tell: Tell | None = None) -> Diff:
    """Compare two tapes.

    Args:
        by: `frames`, `updates` or `books`; chosen by `way_of` when left out.
        tell: takes how many bytes of both have been read.

    Raises:
        TapeError: when one cannot be read, or they have nothing in common.
        UsageError: when a wanted target is in neither.
    """
    ways: dict[str, type[FramesDiff] | type[UpdatesDiff] | type[BooksDiff]]
    ways = {FRAMES: FramesDiff, UPDATES: UpdatesDiff, BOOKS: BooksDiff}
    result: Diff = ways[by or way_of(a, b)](a, b, wanted)
    result.run(_shared(tell))
    return result


def as_json(result: Diff) -> dict[str, Any]:
    """Return what `diff --json` prints. Keys are only ever added."""
    a, b = result.sides
    return {
        "schema": SCHEMA,
        "by": result.by,
        "status": result.status,
        "a": a.as_json(),
        "b": b.as_json(),
        **result.as_json(),
    }


def _shared(tell: Tell | None) -> tuple[Tell | None, Tell | None]:
    """Split what takes the bytes of both into one for each; it never runs backwards, though a tape is read more than once."""
    if tell is None:
        return None, None
    done = [0, 0]

    def of(side: int) -> Tell:
        def told(position: int) -> None:
            done[side] = max(done[side], position)
            tell(sum(done))

        return told

    return of(0), of(1)
