"""The stage of a replay: a tape played in a thread of its own, at its pace, and moved about by whoever looks at it."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Final

from feedtape.errors import FeedtapeError
from feedtape.model.events import Event, Gap, Resync
from feedtape.model.records import MARKER, Record
from feedtape.replay.bookmarks import add_bookmark, read_bookmarks
from feedtape.replay.markers import markers_of
from feedtape.replay.pacing import Pace
from feedtape.replay.playback import Playback
from feedtape.replay.reel import Predicate, Reel, Step
from feedtape.replay.timeline import Timeline, scan
from feedtape.replay.times import clock
from feedtape.tape.segments import TapeSet
from feedtape.ui.history import History
from feedtape.ui.output import printable
from feedtape.ui.picture import Look, take
from feedtape.ui.stage import Done

PAUSES: Final = ("gap", "resync", "crossed", "checksum", "mark")
_AT_ONCE_S: Final = 0.01
"""For so long records are fed without looking whether somebody wants something."""
_GIVES_WAY_S: Final = 0.002
_NEAR_NS: Final = 1_000_000_000
"""The marker that was just jumped to is not the one before."""
SEEKING: Final = "seeking"
"""What a move is about that cannot be stopped."""
_STOPPED: Final = "the search was stopped"
_LOOP_S: Final = 0.25
"""So long one round takes at least."""
_LOOK_S: Final = 0.2
"""How often a tape that is being written is looked at for more."""


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


@dataclass
class _Move:
    """A move that waits to be begun; more of its kind is added to it, as keys may come faster than they can be followed."""

    action: Callable[[int], None]
    kind: str
    by: int
    given_up: int


@dataclass
class _Moves:
    """What is to be done in the stage's thread.

    Attributes:
        put_off: what comes before all that waits.
        newest: the move that was asked for last, until it is begun.
        given_up: how often all moves were given up that had been asked for by then.
    """

    jobs: "queue.SimpleQueue[Callable[[], None]]" = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    put_off: Callable[[], None] | None = None
    newest: _Move | None = None
    given_up: int = 0

    @property
    def are_done(self) -> bool:
        """Whether nobody wants anything."""
        return self.put_off is None and self.jobs.empty()


def nearest_of(playback: Playback) -> tuple[int, int] | None:
    """Return how many expiries a tape was recorded for, and from when on; None where that is not said, or all."""
    told = playback.header.get("option_chain")
    number = told.get("expiries") if isinstance(told, dict) else None
    return (number, playback.bounds()[0]) if isinstance(number, int) and number > 0 else None


class PlayStage:
    """Plays a tape."""

    def __init__(self, playback: Playback, playing: Playing) -> None:
        """Prepare; nothing is read before `start`."""
        self.history = History()
        self.ended: Future[None] = Future()
        self.playing = playing
        self.playback = playback
        self.head = Head(*playback.bounds(), speed=playing.speed, is_paused=playing.is_paused, follow=playing.follow)
        self.step_told: Step | None = None
        """The frame at which one stands, and what it changed; while paused only."""
        self._moves = _Moves()
        self._said: list[str] = []
        self._is_over = False
        self._has_played = False
        """Whether anything was played since the start, or since it began anew, which was when it was `_rewound`."""
        self._rewound = self._resumes = 0.0
        self._begun: _Move | None = None
        self._reel: Reel | None = None
        self._pace: Pace | None = None
        self._crossed: frozenset[str] = frozenset()
        self.timeline: Timeline | None = None
        """Rates and marks over the whole tape, as far as it has been looked through."""
        self._thread = threading.Thread(target=self._main, name="replay", daemon=True)
        self._scanner = threading.Thread(target=self._scan, name="timeline", daemon=True)

    @property
    def reel(self) -> Reel:
        """The place on the tape; for the stage's own thread."""
        assert self._reel is not None
        return self._reel

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        if not self.playing.follow:
            self._scanner.start()

    def _scan(self) -> None:
        """Look through the whole tape beside what is played, giving way to it."""
        try:
            with TapeSet([reader.path for reader in self.playback.tape.segments], alone=True) as tape:
                for timeline in scan(tape, lambda: not self._is_over):
                    self.timeline = timeline
                    time.sleep(_GIVES_WAY_S)
        except (FeedtapeError, OSError) as error:
            self._say(f"the time line is not whole: {error}")

    def _main(self) -> None:
        try:
            self._play()
        except BaseException as error:  # noqa: BLE001  the thread's edge: whoever waits for it gets whatever it was
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    # -- playing

    def _play(self) -> None:
        self._reel = reel = Reel(self.playback, wait=self._wait_for_more if self.playing.follow else None)
        reel.fed = lambda position, record, events: self.history.take(reel.session, position, record, events)
        reel.cut = self.history.cut
        reel.begun = self.history.begin
        self._rewind()
        while not self._is_over:
            job = self._next_job(self._due_in())
            if job is not None:
                job()
            elif not (self.head.is_paused or self.head.is_at_end):
                self._advance()

    def _rewind(self) -> None:
        since = self.playing.since
        if since is None:
            self.reel.to_start()
        else:
            self.reel.seek(since)
        self._moved()
        self._has_played, self._rewound, self._resumes = False, time.monotonic(), 0.0

    def _due_in(self) -> float | None:
        """Return in how many seconds the next record is due; None when none is, before somebody wants something."""
        if self.head.is_paused or self.head.is_at_end:
            return None
        following, rests = self.reel.next_time, max(0.0, self._resumes - time.monotonic())
        if following is None or self._pace is None or rests:
            return rests
        return self._pace.wait_s(following)

    def _next_job(self, within_s: float | None) -> Callable[[], None] | None:
        job, self._moves.put_off = self._moves.put_off, None
        if job is not None:
            return job
        try:
            return self._moves.jobs.get(block=within_s is None or within_s > 0, timeout=within_s)
        except queue.Empty:
            return None

    def _advance(self) -> None:
        """Feed what is due by now."""
        until = time.monotonic() + _AT_ONCE_S
        while time.monotonic() < until:
            following = self.reel.next_time
            if following is None and not self.playing.follow:
                self._at_end()
                return
            if self.playing.until is not None and following is not None and following > self.playing.until:
                self._at_end()
                return
            if following is not None and self._pace is not None and self._pace.wait_s(following) > 0:
                return
            fed = self.reel.forward()
            if fed is None:
                # Followed no further: the tape has ended, or somebody wants to go elsewhere.
                if self._moves.are_done:
                    self._at_end()
                return
            self._has_played = True
            self._placed()
            why = self._pauses(*fed)
            if why:
                self._pause(why)
                return

    def _at_end(self) -> None:
        if self.playing.loop and self._has_played:
            resumes = self._rewound + _LOOP_S
            self._rewind()
            self._resumes = resumes
            return
        self.head = replace(self.head, is_at_end=True)

    def _wait_for_more(self) -> bool:
        """Do what somebody wants while the tape does not go on; return whether to wait on."""
        if self._is_over or self.head.is_paused:
            return False
        job = self._next_job(_LOOK_S)
        if job is not None:
            if getattr(job, "moves", True):
                self._moves.put_off = job
                return False
            job()
        return not self._is_over

    def _pauses(self, record: Record, events: Sequence[Event]) -> str:
        """Return why to pause at a record; nothing if not."""
        on = self.playing.pause_on
        if not on:
            return ""
        if "mark" in on and record.kind == MARKER:
            return "marker"
        for event in events:
            if type(event) is Gap and ("gap" in on or ("checksum" in on and event.kind == "checksum")):
                return f"{'checksum' if event.kind == 'checksum' else 'gap'} {event.target or 'session'}"
            if type(event) is Resync and "resync" in on:
                return f"resync {event.target}"
        if "crossed" in on:
            crossed = frozenset(target for target, keeper in self.reel.session.books.items() if keeper.is_crossed)
            new, self._crossed = crossed - self._crossed, crossed
            if new:
                return f"crossed {min(new)}"
        return ""

    def _pause(self, why: str = "") -> None:
        self.head = replace(self.head, is_paused=True, why=why)

    def _placed(self) -> None:
        """Note where the replay is."""
        reel = self.reel
        self.step_told = None
        # Before its first record a session has no time.
        self.head = replace(self.head, time=max(reel.time, self.head.first), last=max(self.head.last, reel.time))

    def _moved(self) -> None:
        """Note a jump: time begins anew from here."""
        self._placed()
        reel = self.reel
        self.head = replace(self.head, is_at_end=False, why="", frame=reel.frame, frames=reel.last_frame)
        self._crossed = frozenset(target for target, keeper in reel.session.books.items() if keeper.is_crossed)
        self._pace = None if self.playing.follow else Pace(self.head.speed, time.monotonic, self.playing.idle_limit_s)

    # -- what somebody wants; from the screen's thread

    def take(self, look: Look, done: Done) -> bool:
        """Take a picture soon, and hand it over in the stage's thread."""

        def taken() -> None:
            try:
                if self.head.is_paused and self.step_told is None and look.detailed:
                    self.step_told = self.reel.explain()
                self.head = replace(self.head, frame=self.reel.frame, frames=self.reel.last_frame)
                picture = take(self.reel.session, self.history, self.reel.time, self._narrowed(look))
            except Exception as error:  # noqa: BLE001  the screen must fail by it, not this thread alone
                done(error)
            else:
                done(picture)

        taken.moves = False  # type: ignore[attr-defined]
        self.do(taken)
        return True

    def _narrowed(self, look: Look) -> Look:
        """Ask for those options only that the recording asked for, and of them for those that are wanted now."""
        if not look.chain:
            return look
        only = self.playing.only
        return replace(look, chain_only=frozenset(only) if only else None, chain_nearest=nearest_of(self.playback))

    def do(self, action: Callable[[], None]) -> None:
        """Do something in the stage's thread."""
        self._moves.jobs.put(action)

    def stop(self, reason: str) -> None:
        """End; what still waits is not done."""
        self._is_over = True
        self.do(lambda: None)

    def interrupt(self) -> None:
        """End a search that is under way, and give up the moves that wait."""
        self._moves.given_up += 1

    def _move(self, action: Callable[[int], None], what: str = "", *, kind: str = "", by: int = 0) -> None:
        """Do what moves, and tell what it is about if it takes long.

        Args:
            kind: what more of is done at once while it waits: in the same direction so much farther, or the latest alone.
        """
        moves = self._moves
        with moves.lock:
            waiting = moves.newest
            if waiting is not None and kind and waiting.kind == kind and (waiting.by * by > 0 or not by):
                waiting.action, waiting.by = action, waiting.by + by
                return
            move = moves.newest = _Move(action, kind, by, moves.given_up)
        self.do(lambda: self._begin(move, what))

    def _begin(self, move: _Move, what: str) -> None:
        with self._moves.lock:
            if self._moves.newest is move:
                self._moves.newest = None
        self._begun = move
        if not self._alive():
            return
        self.head = replace(self.head, busy=what)
        try:
            move.action(move.by)
        except FeedtapeError as error:
            self._say(str(error))
        finally:
            self.head = replace(self.head, busy="")

    def _alive(self) -> bool:
        return self._begun is not None and self._begun.given_up == self._moves.given_up and not self._is_over

    def toggle(self) -> None:
        """Pause, or go on; at the end, from the start."""

        def toggled(_: int) -> None:
            if self.head.is_at_end:
                self._rewind()
                self.head = replace(self.head, is_paused=False)
                return
            self.head = replace(self.head, is_paused=not self.head.is_paused, why="")
            self._pace = None if self.playing.follow else Pace(self.head.speed, time.monotonic, self.playing.idle_limit_s)

        self._move(toggled)

    def pace(self, factor: float | None) -> None:
        """Change the speed by a factor; None: the tape's own."""

        def changed(_: int) -> None:
            speed = 1.0 if factor is None else min(2.0**16, max(2.0**-10, self.head.speed * factor))
            self.head = replace(self.head, speed=speed)
            self._pace = None if self.playing.follow else Pace(speed, time.monotonic, self.playing.idle_limit_s)

        self._move(changed)

    def step(self, frames: int, target: str | None = None) -> None:
        """Pause, and move by frames: of a target where one is named."""

        def stepped(by: int) -> None:
            told = self.reel.step(by, target, self._alive)
            self._moved()
            self._pause()
            self.step_told = told
            if told is None and target is not None:
                self._say(f"no {'further' if by > 0 else 'earlier'} frame concerns {target}" if self._alive() else _STOPPED)

        if target is not None:
            self._move(lambda _: stepped(frames), "looking for a frame")
        else:
            self._move(stepped, kind="step", by=frames)

    def seek(self, to: Callable[[Head], int]) -> None:
        """Go to a time, told from where one is."""

        self._move(lambda _: self._seek(to(self.head)), SEEKING, kind="seek")

    def seek_by(self, seconds: int) -> None:
        """Go forward or back by tape time."""
        self._move(lambda by: self._seek(self.head.time + by * 10**9), SEEKING, kind="seek by", by=seconds)

    def _seek(self, time: int) -> None:
        self.reel.seek(max(self.head.first, min(self.head.last, time)))
        self._moved()

    def seek_marker(self, *, forward: bool) -> None:
        """Go to the next marker of the tape, or bookmark beside it, or to the one before."""

        def sought(_: int) -> None:
            tape, now = self.playback.tape, self.head.time
            marks = [(one.time, one.text) for one in markers_of(tape)]
            marks += [(one.time, one.note) for one in read_bookmarks(tape.path)]
            later, earlier = [one for one in marks if one[0] > now], [one for one in marks if one[0] < now - _NEAR_NS]
            if not (later if forward else earlier):
                self._say(f"no {'further' if forward else 'earlier'} marker")
                return
            moment, text = min(later) if forward else max(earlier)
            self.reel.seek(moment)
            self._moved()
            self._say(f"{clock(moment)} {text}")

        self._move(sought)

    def bookmark(self) -> None:
        """Add a bookmark beside the tape, which stays as it is."""

        def added(_: int) -> None:
            path = self.playback.tape.path
            one = add_bookmark(path, self.head.time, f"bookmark {len(read_bookmarks(path)) + 1}")
            self._say(f"{one.note} at {clock(one.time)}")

        self._move(added)

    def find(
        self, holds: Predicate, what: str, *, forward: bool = True, from_start: bool = False, is_problem: bool = False
    ) -> None:
        """Pause, and go where something begins to hold; from where one is, or on the whole tape. One stays if it never does.

        Args:
            is_problem: say what became known there, rather than `what` was looked for.
        """

        def found(_: int) -> None:
            if from_start:
                is_found = self.reel.find_first(holds, self._alive)
            else:
                is_found = self.reel.find(holds, forward=forward, alive=self._alive)
            if not is_found:
                where = "" if from_start else "further " if forward else "earlier "
                after = "; g goes to the start" if forward and not from_start else ""
                self._say(f"no {where}{what}{after}" if self._alive() else _STOPPED)
                return
            self._moved()
            self._pause((self._told_here() if is_problem else "") or what)

        self._move(found, f"looking for {what}")

    def _told_here(self) -> str:
        """Return in words what became known here: a loss with its target and detail, a book whole again, one that is crossed."""
        latest = self.reel.latest
        for event in latest.events if latest is not None else ():
            if type(event) is Gap:
                return (
                    f"{event.kind} {event.target or 'session'}: {event.detail}"
                    if event.detail
                    else f"{event.kind} {event.target}"
                )
            if type(event) is Resync:
                return f"{event.target} is whole again"
        crossed = sorted(target for target, keeper in self.reel.session.books.items() if keeper.is_crossed)
        return f"crossed {', '.join(crossed)}" if crossed else ""

    def _say(self, text: str) -> None:
        self._said.append(printable(text))

    @property
    def said(self) -> Sequence[str]:
        """What there was to say, the newest last."""
        return self._said

    def facts(self) -> dict[str, Any]:
        """Return where the replay is."""
        return {"head": self.head}
