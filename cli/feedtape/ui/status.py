"""How a replay ended: what a person must know of the tape, and the exit status."""

from feedtape.replay.playback import Playback
from feedtape.ui.output import warn


def told_status(playback: Playback, *, whole: bool) -> int:
    """Warn of what is wrong with a tape that was played, and return the exit status.

    Args:
        whole: whether it was played to its end, so that the end can be missed.
    """
    tape = playback.tape
    for fault in tape.faults:
        warn(fault)
    for hole in tape.holes:
        warn(f"{hole.why} ({hole.bytes} bytes at {hole.offset})")
    if whole and playback.cut is not None:
        warn(f"{tape.name} is cut: {playback.cut}")
    if whole:
        return playback.status
    return 5 if playback.contradicted else 3 if tape.holes or playback.session.loss_found() else 0
