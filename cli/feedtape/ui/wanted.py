"""What a live run is to connect to. Light to import, so that a screen is there before the network's libraries are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedtape.model.targets import Target

if TYPE_CHECKING:
    from feedtape.feed.chain import Chain


@dataclass(frozen=True)
class Wanted:
    """What to connect to, how, and for how long.

    Attributes:
        silence_s: a busy connection that says nothing for so long is replaced; `stop_after_silence_s` ends the run.
        connections: how many connections carry the same, side by side.
        max_frame: largest message that is taken, in bytes.
        chain: targets name underlyings, and mean the options on them.
    """

    targets: list[Target]
    channels: list[str]
    urls: dict[str, str]
    duration_s: float | None = None
    frames: int | None = None
    silence_s: float | None = None
    stop_after_silence_s: float | None = None
    connections: int = 1
    max_frame: int | None = None
    chain: "Chain | None" = None
