"""The player of a tape: one's place on it, and playing on from there at its pace. All of it in one thread."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from feedtape.model.events import Event, Gap, Resync
from feedtape.model.records import MARKER, Record
from feedtape.replay.changes import plain
from feedtape.replay.pacing import Pace
from feedtape.replay.playback import Playback
from feedtape.replay.reel import Reel, Step
from feedtape.ui.history import History
from feedtape.ui.moves import Moves
from feedtape.ui.playing import Head, Playing
from feedtape.ui.status import Played

_AT_ONCE_S: Final = 0.01
"""For so long records are fed without looking whether somebody wants something."""
_LOOP_S: Final = 0.25
"""So long one round takes at least."""
_LOOK_S: Final = 0.2
"""How often a tape that is being written is looked at for more."""


class Player:
    """Plays a tape until somebody wants something else of it."""

    def __init__(self, playback: Playback, playing: Playing, moves: Moves) -> None:
        """Prepare; nothing is read before `begin`."""
        self.playback = playback
        self.playing = playing
        self.history = History()
        self.head = Head(*playback.bounds(), speed=playing.speed, is_paused=playing.is_paused, follow=playing.follow)
        self.step_told: Step | None = None
        """The frame at which one stands, and what it changed; while paused only."""
        self.played = Played()
        self._moves = moves
        self._has_played = False
        """Whether anything was played since the start, or since it began anew, which was when it was `_rewound`."""
        self._rewound = self._resumes = 0.0
        self._reel: Reel | None = None
        self._pace: Pace | None = None
        self._crossed: frozenset[str] = frozenset()

    @property
    def reel(self) -> Reel:
        """The place on the tape."""
        assert self._reel is not None
        return self._reel

    def begin(self) -> None:
        """Stand where playing begins."""
        self._reel = reel = Reel(self.playback, wait=self._wait_for_more if self.playing.follow else None)
        reel.fed = lambda position, record, events: self.history.take(reel.session, position, record, events)
        reel.cut = self.history.cut
        reel.begun = self.history.begin
        self._rewind()

    # -- playing

    @property
    def is_still(self) -> bool:
        """Whether it waits for somebody."""
        return self.head.is_paused or self.head.is_at_end

    def due_in(self) -> float | None:
        """Return in how many seconds the next record is due; None when none is, before somebody wants something."""
        if self.is_still:
            return None
        following, rests = self.reel.next_time, max(0.0, self._resumes - time.monotonic())
        if following is None or self._pace is None or rests:
            return rests
        return self._pace.wait_s(following)

    def now(self) -> int:
        """Return the tape's time, which goes on in a silence; that at which one stands while nothing is played."""
        by_pace = self._pace.time() if self._pace is not None and not self.is_still else None
        if by_pace is None:
            return self.head.time
        following = self.reel.next_time
        # What is due is not fed yet: until then it is the moment before.
        return max(self.head.time, by_pace if following is None else min(by_pace, following - 1))

    def advance(self) -> None:
        """Feed what is due by now."""
        until = time.monotonic() + _AT_ONCE_S
        while time.monotonic() < until:
            following = self.reel.next_time
            if self._is_last(following):
                self._end()
                return
            if following is not None and self._pace is not None and self._pace.wait_s(following) > 0:
                return
            fed = self.reel.forward()
            if fed is None:
                # Followed no further: the tape has ended, or somebody wants to go elsewhere.
                if self._moves.are_done:
                    self._end()
                return
            self._has_played = True
            self._placed()
            why = self._pauses(*fed)
            if why:
                self.pause(why)
                return

    def _is_last(self, following: int | None) -> bool:
        if following is None:
            return not self.playing.follow
        return self.playing.until is not None and following > self.playing.until

    def _end(self) -> None:
        if self.playing.loop and self._has_played:
            resumes = self._rewound + _LOOP_S
            self.played.look(self.playback)
            self._rewind()
            self._resumes = resumes
            return
        self.head = replace(self.head, is_at_end=True)

    def _rewind(self) -> None:
        since = self.playing.since
        if since is None:
            self.reel.to_start()
        else:
            self.reel.seek(since)
        self.moved(since)
        self._has_played, self._rewound, self._resumes = False, time.monotonic(), 0.0

    def _wait_for_more(self) -> bool:
        """Do what somebody wants while the tape does not go on; return whether to wait on."""
        if self._moves.are_over or self.head.is_paused:
            return False
        job = self._moves.next_that_stays(_LOOK_S)
        if job is not None:
            job()
        return not self._moves.are_over and not self._moves.has_put_off

    def _pauses(self, record: Record, events: Sequence[Event]) -> str:
        """Return why to pause at a record; nothing if not."""
        on = self.playing.pause_on
        if not on:
            return ""
        if "mark" in on and record.kind == MARKER:
            return "marker"
        for event in events:
            if event.target and not self._is_shown(event.target):
                continue
            if type(event) is Gap and ("gap" in on or ("checksum" in on and event.kind == "checksum")):
                return f"{'checksum' if event.kind == 'checksum' else 'gap'} {event.target or 'session'}"
            if type(event) is Resync and "resync" in on:
                return f"resync {event.target}"
        if "crossed" in on:
            crossed = self._crossed_now()
            new, self._crossed = crossed - self._crossed, crossed
            if new:
                return f"crossed {min(new)}"
        return ""

    def _crossed_now(self) -> frozenset[str]:
        books = self.reel.session.books.items()
        return frozenset(target for target, keeper in books if keeper.is_crossed and self._is_shown(target))

    def _is_shown(self, target: str) -> bool:
        only = self.playing.only
        return not only or plain(target).lower() in {one.lower() for one in only}

    # -- what somebody wants

    def pause(self, why: str = "") -> None:
        """Play no further than the record that was fed last, and say why."""
        self.head = replace(self.head, is_paused=True, why=why)

    def toggle(self) -> None:
        """Pause, or go on; at the end, from the start."""
        if self.head.is_at_end:
            self._rewind()
            self.head = replace(self.head, is_paused=False)
            return
        self.head = replace(self.head, time=self.now(), is_paused=not self.head.is_paused, why="")
        self._begin_pace()

    def pace(self, factor: float | None) -> None:
        """Change the speed by a factor; None: the tape's own."""
        speed = 1.0 if factor is None else min(2.0**16, max(2.0**-10, self.head.speed * factor))
        self.head = replace(self.head, time=self.now(), speed=speed)
        self._begin_pace()

    def moved(self, to: int | None = None) -> None:
        """Note a jump of the reel, to a time where one is named: there may be no record, and one stands at it all the same."""
        self._placed()
        time = self.head.time if to is None else max(self.head.time, min(to, self.head.last))
        self.head = replace(self.head, time=time, is_at_end=False, why="")
        self._crossed = self._crossed_now()
        self._begin_pace()
        self.number()

    def stay(self, time: int) -> None:
        """Go on from where one was at a time, before something that took long."""
        self.head = replace(self.head, time=max(self.head.time, time))
        self._begin_pace()

    def _placed(self) -> None:
        """Note where the replay is."""
        reel = self.reel
        self.step_told = None
        # Before its first record a session has no time.
        self.head = replace(self.head, time=max(reel.time, self.head.first), last=max(self.head.last, reel.time))

    def number(self) -> None:
        """Note at which frame of how many it is."""
        self.head = replace(self.head, frame=self.reel.frame, frames=self.reel.last_frame)

    def tick(self) -> None:
        """Note which time it is by now, and which frame."""
        self.head = replace(self.head, time=self.now())
        self.number()

    def _begin_pace(self) -> None:
        limit = self.playing.idle_limit_s
        self._pace = None if self.playing.follow else Pace(self.head.speed, time.monotonic, limit, at=self.head.time)

    def explain(self) -> None:
        """Tell which frame one stands at, and what it changed, unless that is told."""
        if self.step_told is None:
            self.step_told = self.reel.explain()

    def stand(self, told: Step | None) -> None:
        """Pause after a step, which told a frame."""
        self.moved()
        self.pause()
        self.step_told = told
