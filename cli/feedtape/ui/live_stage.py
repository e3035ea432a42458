"""The stage of a live run: the feed in an event loop and a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from feedtape.model.events import Event
from feedtape.model.records import Record
from feedtape.ui.stage import Done

if TYPE_CHECKING:
    from feedtape.ui.history import History
    from feedtape.ui.live import Run
    from feedtape.ui.picture import Look


class Live(Protocol):
    """A live run, and what is to be done beside it."""

    @property
    def run(self) -> "Run":
        """The run."""

    @property
    def every_s(self) -> float:
        """How often `look` is owed."""

    def look(self) -> None:
        """Do what is owed regularly."""

    def facts(self) -> dict[str, Any]:
        """Return what panels of its own show."""


L = TypeVar("L", bound=Live)


class LiveStage(Generic[L]):
    """Runs a feed, and takes pictures of it.

    Attributes:
        ended: done when the run has ended, with what it failed by.
        live: the run, once it has begun.
    """

    def __init__(self, make: Callable[[], L]) -> None:
        """Prepare; `make` is called in the stage's thread, and may import what takes long."""
        self._history: History | None = None
        self.ended: Future[None] = Future()
        self.live: L | None = None
        self._facts: dict[str, Any] = {}
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._position = 0
        self._stopped: str | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._main, name="feed", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _main(self) -> None:
        try:
            asyncio.run(self._go())
        except BaseException as error:  # noqa: BLE001  the thread's edge: whoever waits for it gets whatever it was
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    async def _go(self) -> None:
        from feedtape.ui.history import History

        self._history = History()
        live = self._make()
        live.run.watched = self._watched
        with self._lock:
            self.live, self._loop = live, asyncio.get_running_loop()
            stopped = self._stopped
        if stopped is not None:
            live.run.stop(stopped)
        try:
            await live.run.go(live.every_s, live.look)
        finally:
            with self._lock:
                self._loop = None

    def _watched(self, record: Record, events: Sequence[Event]) -> None:
        self._position += 1
        assert self._history is not None
        self._history.take(self._session, self._position, record, events)

    @property
    def _session(self) -> Any:
        assert self.live is not None
        return self.live.run.session

    def do(self, action: Callable[[], None]) -> bool:
        """Do something in the stage's thread; nothing before the feed has begun, and once it has ended."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(action)
            return self._loop is not None

    def take(self, look: "Look", done: Done) -> bool:
        """Take a picture soon, and hand it over in the stage's thread; tell whether it will."""

        def taken() -> None:
            from feedtape.ui.picture import take

            live, history = self.live, self._history
            assert live is not None and history is not None
            try:
                self._facts = live.facts()
                picture = take(live.run.session, history, live.run.clock.now(), self._narrowed(look, live))
            except Exception as error:  # noqa: BLE001  an event loop would keep it to itself; the screen must fail by it
                done(error)
            else:
                done(picture)

        return self.do(taken)

    def _narrowed(self, look: "Look", live: L) -> "Look":
        """Look at those options only that were asked for."""
        if not look.chain:
            return look
        return replace(look, chain_only=live.run.asked())

    def stop(self, reason: str) -> None:
        """End the run."""
        with self._lock:
            self._stopped = self._stopped or reason
            if self._loop is not None and self.live is not None:
                self._loop.call_soon_threadsafe(self.live.run.stop, reason)

    @property
    def said(self) -> Sequence[str]:
        """What the run had to say, the newest last."""
        return list(self.live.run.said) if self.live is not None else []

    def facts(self) -> dict[str, Any]:
        """Return what the run's own panels show, as of the latest picture."""
        return self._facts
