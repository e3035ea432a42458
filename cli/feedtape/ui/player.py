"""A tape played at its own pace on the same display as a live feed."""

import time

from feedtape.replay.pacing import Pace
from feedtape.replay.playback import Playback
from feedtape.replay.times import span
from feedtape.ui.display import Display
from feedtape.ui.output import warn


def play(
    playback: Playback,
    since: int | None,
    until: int | None,
    only: list[str],
    speed: float,
    idle_limit_s: float | None,
    depth: int,
    *,
    plain: bool,
    json: bool,
) -> int:
    """Play a tape and return the exit status. Ctrl-C ends it like the end of the tape."""
    pace = Pace(speed, time.monotonic, idle_limit_s)
    session = playback.session
    first = last = 0
    footer = ""
    try:
        with Display(session, depth, plain=plain, json=json, only=only) as display:
            for record, _ in playback.play(until, after=since):
                last = record.time
                if since is not None and record.time < since:
                    continue
                first = first or record.time
                while (wait := pace.wait_s(record.time)) > 0:
                    display.show(record.time, footer)
                    time.sleep(min(wait, display.interval_s))
                footer = f"replay {speed:g}x  +{span(record.time - first)}  ctrl-c ends"
                display.show(record.time, footer)
            if last:
                display.show(last, footer, force=True)
    except KeyboardInterrupt:
        return 0
    if until is None and playback.cut is not None:
        warn(f"{playback.reader.path} is cut: {playback.cut}")
        return 3
    return 3 if session.loss_found() else 0
