"""Moving about on a tape that is played: by frames, to times, markers, and places where something begins to hold."""

from collections.abc import Callable
from typing import Final

from feedtape.errors import UsageError
from feedtape.model.events import Gap, Resync
from feedtape.replay.bookmarks import add_bookmark, read_bookmarks
from feedtape.replay.conditions import Condition, parse_place
from feedtape.replay.markers import markers_of
from feedtape.replay.reel import Alive, Predicate
from feedtape.replay.times import clock, iso
from feedtape.session import Marker
from feedtape.ui.player import Player
from feedtape.ui.playing import Named

_NEAR_NS: Final = 1_000_000_000
"""The marker that was just jumped to is not the one before."""
_STOPPED: Final = "the search was stopped"


class Seeker:
    """Moves a player, in its thread; one stays where one is if what is looked for is not there, and that is said."""

    def __init__(self, player: Player, alive: Alive, say: Callable[[str], None]) -> None:
        self.bookmarks: list[Named] = []
        """Those beside the tape, as of the last time that somebody looked."""
        self._condition: Condition | None = None
        """The one that was typed last."""
        self._marks: list[Marker] | None = None
        self._player = player
        self._alive = alive
        self._say = say

    def step(self, frames: int, target: str | None = None) -> None:
        """Pause, and move by frames: of a target where one is named."""
        told = self._player.reel.step(frames, target, self._alive)
        self._player.stand(told)
        if told is None and target is not None:
            self._say(f"no {'further' if frames > 0 else 'earlier'} frame concerns {target}" if self._alive() else _STOPPED)

    def seek(self, time: int) -> None:
        """Go to a time; from beyond the tape, to its nearest end."""
        head = self._player.head
        self._player.reel.seek(max(head.first, min(head.last, time)))
        self._player.moved(time)

    def marker(self, *, forward: bool) -> None:
        """Go to the next marker of the tape, or bookmark beside it, or to the one before."""
        tape, now = self._player.playback.tape, self._player.now()
        self.look()
        if self._marks is None or self._player.head.follow:
            # A tape without index is read for it.
            self._marks = markers_of(tape)
        marks = [*(Named(one.time, one.text) for one in self._marks), *self.bookmarks]
        later, earlier = [one for one in marks if one.time > now], [one for one in marks if one.time < now - _NEAR_NS]
        if not (later if forward else earlier):
            self._say(f"no {'further' if forward else 'earlier'} marker")
            return
        moment, text, _ = min(later) if forward else max(earlier)
        self.seek(moment)
        self._say(f"{clock(moment)} {text}")

    def bookmark(self) -> None:
        """Add a bookmark beside the tape, which stays as it is."""
        path = self._player.playback.tape.path
        self.look()
        one = add_bookmark(path, self._player.now(), f"bookmark {len(self.bookmarks) + 1}")
        self.look()
        self._say(f"{one.note} at {clock(one.time)}")

    def look(self) -> None:
        """Look which bookmarks there are.

        Raises:
            TapeError: when they cannot be read.
        """
        found = read_bookmarks(self._player.playback.tape.path)
        self.bookmarks = [Named(one.time, one.note, is_bookmark=True) for one in found]

    def go(self, text: str, target: str | None) -> None:
        """Go to a time, a marker, or where a condition begins to hold of a target, as a person typed it.

        Raises:
            FeedtapeError: when it is none of these, or not on the tape.
        """
        goal = parse_place(text, self._player.playback.time)
        if goal.condition is not None:
            self._condition = goal.condition
            self.find(goal.condition.on(target), goal.condition.text, forward=True, from_start=goal.from_start)
        elif goal.time is not None:
            head = self._player.head
            if not head.first <= goal.time <= head.last:
                raise UsageError(f"the tape holds {clock(head.first)} to {clock(head.last)}, not {iso(goal.time)}")
            self.seek(goal.time)

    def go_on(self, target: str | None) -> None:
        """Go where the condition that was typed last begins to hold next."""
        if self._condition is None:
            self._say("no condition yet: / takes one")
        else:
            self.find(self._condition.on(target), self._condition.text, forward=True)

    def find(self, holds: Predicate, what: str, *, forward: bool, from_start: bool = False, is_problem: bool = False) -> None:
        """Pause, and go where something begins to hold; see `PlayStage.find`."""
        reel, before = self._player.reel, self._player.now()
        is_found = reel.find_first(holds, self._alive) if from_start else reel.find(holds, forward=forward, alive=self._alive)
        if not is_found:
            where = "" if from_start else "further " if forward else "earlier "
            after = "; g goes to the start" if forward and not from_start else ""
            self._say(f"no {where}{what}{after}" if self._alive() else _STOPPED)
            self._player.stay(before)
            return
        self._player.moved()
        self._player.pause((self._told_here() if is_problem else "") or what)

    def _told_here(self) -> str:
        """Return in words what became known here: a loss with its target and detail, a book whole again, one that is crossed."""
        reel = self._player.reel
        for event in reel.latest.events if reel.latest is not None else ():
            if type(event) is Gap:
                said = f"{event.kind} {event.target or 'session'}"
                return f"{said}: {event.detail}" if event.detail else said
            if type(event) is Resync:
                return f"{event.target} is whole again"
        crossed = sorted(target for target, keeper in reel.session.books.items() if keeper.is_crossed)
        return f"crossed {', '.join(crossed)}" if crossed else ""
