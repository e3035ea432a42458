"""How a tape is to be played, and where a replay is: plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

PAUSES: Final = ("gap", "resync", "crossed", "checksum", "mark")


@dataclass(frozen=True)
class Playing:
    """How a tape is to be played.

    Attributes:
        since, until: times between which it is played; `until` belongs to it.
        speed: how many times as fast as it was recorded.
        pause_on: what pauses it, of `PAUSES`.
        loop: begin again at the end.
        follow: go on while the tape is being written, as fast as it comes.
        is_paused: begin with a pause.
    """

    since: int | None = None
    until: int | None = None
    only: Sequence[str] = ()
    speed: float = 1.0
    idle_limit_s: float | None = None
    pause_on: frozenset[str] = frozenset()
    loop: bool = False
    follow: bool = False
    is_paused: bool = False


class Named(NamedTuple):
    """A moment that a person has named: by a marker on the tape, or a bookmark beside it."""

    time: int
    text: str
    is_bookmark: bool = False


@dataclass(frozen=True)
class Head:
    """Where the replay is, as the screen shows it.

    Attributes:
        first, last: times of the tape's first and last record.
        frame, frames: number of the latest frame, and of all; None where that is not known.
        is_at_end: nothing follows.
        why: what paused it.
        busy: what is being looked for, and takes long.
    """

    first: int
    last: int
    time: int = 0
    frame: int | None = None
    frames: int | None = None
    speed: float = 1.0
    is_paused: bool = False
    is_at_end: bool = False
    follow: bool = False
    why: str = ""
    busy: str = ""
