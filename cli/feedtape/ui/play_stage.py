"""The stage of a replay: a tape played in a thread of its own, at its pace, and moved about by whoever looks at it."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

from feedtape.errors import FeedtapeError
from feedtape.replay.playback import Playback
from feedtape.replay.reel import Predicate, Reel, Step
from feedtape.replay.timeline import Timeline, scan
from feedtape.tape.segments import TapeSet
from feedtape.ui.history import History
from feedtape.ui.moves import Job, Move, Moves
from feedtape.ui.output import printable
from feedtape.ui.picture import Look, take
from feedtape.ui.player import Player
from feedtape.ui.playing import Head, Named, Playing
from feedtape.ui.seeker import Seeker
from feedtape.ui.stage import Done
from feedtape.ui.status import Played

SEEKING: Final = "seeking"
"""What a move is about that cannot be stopped."""
_GIVES_WAY_S: Final = 0.002


def nearest_of(playback: Playback) -> tuple[int, int] | None:
    """Return how many expiries a tape was recorded for, and from when on; None where that is not said, or all."""
    told = playback.header.get("option_chain")
    if not isinstance(told, dict):
        return None
    number, since = told.get("expiries"), told.get("since")
    # What was cut or merged out of recordings says when the chain was asked for.
    since = since if isinstance(since, int) else playback.bounds()[0]
    return (number, since) if isinstance(number, int) and number > 0 else None


class PlayStage:
    """Plays a tape."""

    def __init__(self, playback: Playback, playing: Playing) -> None:
        """Prepare; nothing is read before `start`."""
        self.ended: Future[None] = Future()
        self.playing = playing
        self.playback = playback
        self.timeline: Timeline | None = None
        """Rates and marks over the whole tape, as far as it has been looked through."""
        self._passed: list[Named] = []
        """Markers before the place at which the latest picture was taken."""
        self.looked_through: TapeSet | None = None
        """The tape as it is looked through for that, with what of its files could not be read so far."""
        self._said: list[str] = []
        self._moves = Moves()
        self._player = Player(playback, playing, self._moves)
        self._seeker = Seeker(self._player, self._moves.is_alive, self._say)
        self._thread = threading.Thread(target=self._main, name="replay", daemon=True)
        self._scanner = threading.Thread(target=self._scan, name="timeline", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        if not self.playing.follow:
            self._scanner.start()

    def _scan(self) -> None:
        """Look through the whole tape beside what is played, giving way to it."""
        try:
            with TapeSet([reader.path for reader in self.playback.tape.segments], alone=True) as tape:
                self.looked_through = tape
                for timeline in scan(tape, lambda: not self._moves.are_over):
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

    def _play(self) -> None:
        player, moves = self._player, self._moves
        self._told(self._seeker.look)
        player.begin()
        while not moves.are_over:
            job = moves.next(player.due_in())
            if job is not None:
                job()
            elif not player.is_still:
                player.advance()
        player.played.look(self.playback)

    # -- where one is

    @property
    def head(self) -> Head:
        """Where the replay is."""
        return self._player.head

    @property
    def played(self) -> Played:
        """The worst that was played of the tape, once it has ended."""
        return self._player.played

    @property
    def reel(self) -> Reel:
        """The place on the tape; for the stage's own thread."""
        return self._player.reel

    @property
    def history(self) -> History:
        """What is remembered of the tape up to here; for the stage's own thread."""
        return self._player.history

    @property
    def step_told(self) -> Step | None:
        """The frame at which one stands, and what it changed; while paused only."""
        return self._player.step_told

    @property
    def named(self) -> Sequence[Named]:
        """Moments that have a name: bookmarks, and the tape's markers, as far as it has been looked through or is followed."""
        timeline = self.timeline
        marks = () if timeline is None else [Named(time, text) for time, kind, text in timeline.marks if kind == "mark"]
        return [*(marks or self._passed), *self._seeker.bookmarks]

    @property
    def said(self) -> Sequence[str]:
        """What there was to say, the newest last."""
        return self._said

    def _say(self, text: str) -> None:
        self._said.append(printable(text))

    def facts(self) -> dict[str, Any]:
        """Return where the replay is."""
        return {"head": self.head}

    def take(self, look: Look, done: Done) -> bool:
        """Take a picture soon, and hand it over in the stage's thread."""

        def taken() -> None:
            try:
                player = self._player
                if player.head.is_paused and look.detailed:
                    player.explain()
                player.tick()
                self._passed = [Named(one.time, one.text) for one in player.reel.session.markers]
                picture = take(player.reel.session, player.history, player.head.time, self._narrowed(look))
            except Exception as error:  # noqa: BLE001  the screen must fail by it, not this thread alone
                done(error)
            else:
                done(picture)

        self._moves.do(taken, moves=False)
        return True

    def _narrowed(self, look: Look) -> Look:
        """Ask for those options only that the recording asked for, and of them for those that are wanted now."""
        if not look.chain:
            return look
        only = self.playing.only
        return replace(look, chain_only=frozenset(only) if only else None, chain_nearest=nearest_of(self.playback))

    # -- what somebody wants; from the screen's thread

    def do(self, action: Callable[[], None]) -> None:
        """Do something in the stage's thread."""
        self._moves.do(action)

    def stop(self, reason: str) -> None:
        """End; what still waits is not done."""
        self._moves.end()

    def interrupt(self) -> None:
        """End a search that is under way, and give up the moves that wait."""
        self._moves.give_up()

    def _move(self, move: Move, what: str = "", *, kind: str = "", by: int = 0) -> None:
        """Do what moves, and tell what it is about if it takes long."""

        def run(job: Job) -> None:
            player = self._player
            player.played.look(self.playback)
            player.head = replace(player.head, busy=what)
            try:
                self._told(job)
            finally:
                player.head = replace(player.head, busy="")

        self._moves.ask(move, run, kind=kind, by=by)

    def _told(self, job: Job) -> None:
        """Do something, and say what it failed by."""
        try:
            job()
        except FeedtapeError as error:
            self._say(f"{error}" + (f"  ({error.hint})" if error.hint else ""))

    def toggle(self) -> None:
        """Pause, or go on; at the end, from the start."""
        self._move(lambda _: self._player.toggle())

    def pace(self, factor: float | None) -> None:
        """Change the speed by a factor; None: the tape's own."""
        self._move(lambda _: self._player.pace(factor))

    def step(self, frames: int, target: str | None = None) -> None:
        """Pause, and move by frames: of a target where one is named."""
        if target is not None:
            self._move(lambda _: self._seeker.step(frames, target), "looking for a frame")
        else:
            self._move(self._seeker.step, kind="step", by=frames)

    def seek(self, to: Callable[[Head], int]) -> None:
        """Go to a time, told from where one is."""
        self._move(lambda _: self._seeker.seek(to(self.head)), SEEKING, kind="seek")

    def seek_by(self, seconds: int) -> None:
        """Go forward or back by tape time."""
        self._move(lambda by: self._seeker.seek(self._player.now() + by * 10**9), SEEKING, kind="seek by", by=seconds)

    def go(self, text: str, target: str | None) -> None:
        """Go to a time, a marker, or where a condition begins to hold of a target, as a person typed it."""
        self._move(lambda _: self._seeker.go(text, target), f"looking for {text}")

    def go_on(self, target: str | None) -> None:
        """Go where the condition that was typed last begins to hold next."""
        self._move(lambda _: self._seeker.go_on(target), "looking on")

    def seek_marker(self, *, forward: bool) -> None:
        """Go to the next marker of the tape, or bookmark beside it, or to the one before."""
        self._move(lambda _: self._seeker.marker(forward=forward))

    def bookmark(self) -> None:
        """Add a bookmark beside the tape, which stays as it is."""
        self._move(lambda _: self._seeker.bookmark())

    def find(
        self, holds: Predicate, what: str, *, forward: bool = True, from_start: bool = False, is_problem: bool = False
    ) -> None:
        """Pause, and go where something begins to hold; from where one is, or on the whole tape. One stays if it never does.

        Args:
            is_problem: say what became known there, rather than `what` was looked for.
        """

        def found(_: int) -> None:
            self._seeker.find(holds, what, forward=forward, from_start=from_start, is_problem=is_problem)

        self._move(found, f"looking for {what}")
