"""What waits to be done in the thread of a stage: jobs in the order in which they were asked for, and moves on a tape among them.

Keys may come faster than they can be followed: moves of one kind that follow each other are done at once, and all that wait can
be given up.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

Job = Callable[[], None]
Move = Callable[[int], None]
"""Moves by so much."""


@dataclass
class _Waiting:
    """A move that waits to be begun; more of its kind is added to it."""

    move: Move
    kind: str
    by: int
    given_up: int


@dataclass(frozen=True)
class _Asked:
    job: Job
    moves: bool


class Moves:
    """Jobs for one thread; any may ask for them."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._put_off: Job | None = None
        """What comes before all that waits."""
        self._newest: _Waiting | None = None
        """The move that was asked for last, until it is begun."""
        self._begun: _Waiting | None = None
        self._given_up = 0
        """How often all moves were given up that had been asked for by then."""
        self._is_over = False

    # -- from any thread

    def do(self, job: Job, *, moves: bool = True) -> None:
        """Have something done; `moves` tells whether it may go elsewhere on the tape."""
        self._jobs.put(_Asked(job, moves))

    def ask(self, move: Move, run: Callable[[Job], None], *, kind: str = "", by: int = 0) -> None:
        """Have a move done: `run` is given it in the thread of the jobs, unless it has been given up by then.

        Args:
            kind: what more of is done at once while it waits: in the same direction so much farther, or the latest alone.
        """
        with self._lock:
            newest = self._newest
            if newest is not None and kind and newest.kind == kind and (newest.by * by > 0 or not by):
                newest.move, newest.by = move, newest.by + by
                return
            waiting = self._newest = _Waiting(move, kind, by, self._given_up)
        self.do(lambda: self._begin(waiting, run))

    def give_up(self) -> None:
        """End the move that is under way, and all that wait."""
        self._given_up += 1

    def end(self) -> None:
        """End for good: what still waits is not begun."""
        self._is_over = True
        self.do(lambda: None)

    @property
    def are_over(self) -> bool:
        """Whether it has ended."""
        return self._is_over

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return self._jobs.qsize() + (self._put_off is not None)

    # -- in the thread of the jobs

    def next(self, within_s: float | None) -> Job | None:
        """Return the next job; None when there is none within some seconds."""
        job, self._put_off = self._put_off, None
        if job is not None:
            return job
        asked = self._get(within_s)
        return None if asked is None else asked.job

    def next_that_stays(self, within_s: float) -> Job | None:
        """As `next`, of jobs that do not move; before one that does, which `next` returns, it is None."""
        asked = None if self._put_off is not None else self._get(within_s)
        if asked is not None and asked.moves:
            self._put_off = asked.job
            return None
        return None if asked is None else asked.job

    def _get(self, within_s: float | None) -> _Asked | None:
        try:
            return self._jobs.get(block=within_s is None or within_s > 0, timeout=within_s)
        except queue.Empty:
            return None

    @property
    def has_put_off(self) -> bool:
        """Whether a job that moves comes next."""
        return self._put_off is not None

    @property
    def are_done(self) -> bool:
        """Whether nobody wants anything."""
        return self._put_off is None and self._jobs.empty()

    def is_alive(self) -> bool:
        """Tell whether the move that is under way has not been given up."""
        return self._begun is not None and self._begun.given_up == self._given_up and not self._is_over

    def _begin(self, waiting: _Waiting, run: Callable[[Job], None]) -> None:
        with self._lock:
            if self._newest is waiting:
                self._newest = None
        self._begun = waiting
        if self.is_alive():
            run(lambda: waiting.move(waiting.by))
