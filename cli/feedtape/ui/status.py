"""How a command ended: what a person must know of it, and in words why its exit status is what it is."""

import shlex
from collections.abc import Iterable, Sequence
from typing import Final

from feedtape.replay.playback import Playback
from feedtape.replay.times import clock
from feedtape.session import Session
from feedtape.tape.format import SUFFIX
from feedtape.tape.passage import Hole
from feedtape.tape.segments import FOLLOWS
from feedtape.ui.output import aside, printable, warn
from feedtape.ui.summary import count, counted

_LISTED: Final = 20
_WORDS: Final = {3: "something was lost", 4: "the venue or the network", 5: "something is proven wrong"}


def ended(status: int, why: Iterable[str] = (), *, quiet: bool = False) -> int:
    """Say in a line why a command ends with loss, by its venue, or with a contradiction, and return its exit status."""
    if status in _WORDS and not quiet:
        aside(printable(f"ends with status {status}: {', '.join(why) or _WORDS[status]}"))
    return status


def contradictions(session: Session) -> list[str]:
    """Return in words what a session proves to be wrong."""
    digests, of = session.totals.digests_failed, {}
    for target, keeper in session.books.items():
        if keeper.counters.checksums_failed:
            of[target] = keeper.counters.checksums_failed
    found = [f"{counted(digests, 'digest')} {_contradict(digests)} what the frames build"] if digests else []
    if of:
        whose = next(iter(of)) if len(of) == 1 else f"{len(of)} books"
        found.append(f"{counted(sum(of.values()), 'checksum')} of {whose} failed")
    return found


def _contradict(number: int) -> str:
    return "contradicts" if number == 1 else "contradict"


def losses(session: Session) -> list[str]:
    """Return in words what a session lost."""
    found, totals = [], session.totals
    missed = sum(keeper.counters.missed for keeper in session.books.values())
    if missed:
        found.append(f"{counted(missed, 'update')} missed")
    if totals.losses:
        kinds: dict[str, int] = {}
        for loss in session.losses:
            kinds[loss.kind] = kinds.get(loss.kind, 0) + 1
        # Beyond those that are listed nobody knows the kind.
        of = ", ".join(f"{number} {kind}" for kind, number in kinds.items()) if len(session.losses) == totals.losses else ""
        lost = f"{count(totals.losses)} {'loss' if totals.losses == 1 else 'losses'}"
        found.append(lost + (f" ({of})" if of else ""))
    if totals.dropped:
        found.append(f"{counted(totals.dropped, 'frame')} dropped here")
    return found


def session_reasons(session: Session) -> list[str]:
    """Return in words why a run ended with the status that it has: what is wrong, or else what was lost."""
    return contradictions(session) or losses(session)


def playback_reasons(playback: Playback) -> list[str]:
    """Return in words why a whole pass over a tape has the status that it has."""
    found = Played()
    found.look(playback)
    return found.wrong or [*_container(playback.cut, found.holes), *found.lost]


class Played:
    """The worst that a replay has shown so far, wherever on the tape one went since.

    Attributes:
        lost: what was lost, in words.
        holes: what of the files could not be read.
        faults: where the chain does not hold.
    """

    def __init__(self) -> None:
        """Begin with nothing played."""
        self.lost: list[str] = []
        self.holes: list[Hole] = []
        self.faults: list[str] = []
        self._wrong: list[str] = []
        self._most = (0, 0)

    @property
    def wrong(self) -> list[str]:
        """What is proven wrong, in words."""
        return [*self._wrong, *([f"{counted(len(self.faults), 'fault')} of the chain"] if self.faults else [])]

    def look(self, playback: Playback) -> None:
        """Take in what the tape has shown up to where it is now."""
        session, tape = playback.session, playback.tape
        self.see(tape.holes, tape.faults)
        totals = session.totals
        failed = totals.digests_failed + sum(keeper.counters.checksums_failed for keeper in session.books.values())
        wrong, lost = failed + playback.joints_failed, totals.losses + totals.dropped
        if wrong > self._most[0]:
            joints = playback.joints_failed
            self._wrong = contradictions(session)
            self._wrong += [f"{counted(joints, 'segment')} without the books that the one before had"] if joints else []
        if lost > self._most[1]:
            self.lost = losses(session)
        self._most = max(wrong, self._most[0]), max(lost, self._most[1])

    def see(self, holes: Iterable[Hole], faults: Iterable[str]) -> None:
        """Take in what a pass over the files has met."""
        self.holes += [hole for hole in holes if hole not in self.holes]
        self.faults += [fault for fault in faults if fault not in self.faults]


def told_status(playback: Playback, *, whole: bool) -> int:
    """Warn of what is wrong with a tape that was played, say why, and return the exit status.

    Args:
        whole: whether it was played to its end, so that the end can be missed.
    """
    tape, played = playback.tape, Played()
    played.look(playback)
    is_counted = len(tape.passages) == len(tape.segments)
    frames = playback.session.totals.frames if is_counted else None
    return told_end(playback, played, playback.cut if whole else None, playback.session.last, frames)


def told_end(playback: Playback, played: Played, cut: str | None, last: int, frames: int | None) -> int:
    """Warn of what is wrong with a tape as far as that is known, say why, and return the exit status.

    Args:
        cut: why the tape is not complete.
        last: time of the last record that can be read; `frames` is how many there are up to it, where that is known.
    """
    tell_damage(playback, played, cut, last, frames)
    if played.wrong:
        return ended(5, played.wrong)
    lost = [*_container(cut, played.holes), *played.lost]
    return ended(3 if lost else 0, lost)


def tell_damage(playback: Playback, played: Played, cut: str | None, last: int, frames: int | None) -> None:
    """Warn of what of a tape cannot be read, or was changed; see `told_end`."""
    tape = playback.tape
    said = [f"{tape.name}: {fault}" for fault in _some(played.faults, "fault")]
    holes = [
        hole.why + (f" ({counted(hole.bytes, 'byte')} at {count(hole.offset)})" if hole.bytes else "") for hole in played.holes
    ]
    said += [f"{tape.name}: {hole}" for hole in _some(holes, "damaged place")]
    if cut is not None:
        told = "what comes before is readable" if frames is None else f"{counted(frames, 'frame')} up to there are readable"
        said.append(f"{tape.name} is cut at {clock(last)}: {cut}; {told}")
    for number, text in enumerate(said, 1):
        warn(text, _repair(playback, played, cut) if number == len(said) else None)


def _some(found: Sequence[str], what: str) -> list[str]:
    more = len(found) - _LISTED
    return [*found[:_LISTED], *([f"and {counted(more, what)} more"] if more > 0 else [])]


def _container(cut: str | None, holes: Sequence[Hole]) -> list[str]:
    return [
        *(["the tape is cut"] if cut is not None else []),
        *([counted(len(holes), "damaged place")] if holes else []),
    ]


def _repair(playback: Playback, played: Played, cut: str | None) -> str | None:
    """Return what to type to mend a file; None where it is not known which one, or none is broken."""
    segments, passages = playback.tape.segments, playback.tape.passages
    broken = [segments[-1]] if cut not in (None, FOLLOWS) else []
    if len(segments) == 1:
        broken += segments if any(hole.bytes for hole in played.holes) else []
    elif len(segments) == len(passages):
        pairs = zip(segments, passages, strict=True)
        broken += [reader for reader, passage in pairs if any(hole.bytes for hole in passage.holes)]
    if not broken:
        return None
    path = broken[0].path
    healed = path.with_name(f"{path.name.removesuffix(SUFFIX)}-fixed{SUFFIX}")
    return f"feedtape repair {shlex.quote(str(path))} -o {shlex.quote(str(healed))}"
