"""Showing a session as it changes: a picture on a terminal, lines on a pipe. It only ever draws the newest state."""

import sys
import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live

from feedtape.book.keeper import BookKeeper
from feedtape.session import Session
from feedtape.ui.ladder import plain_line, screen, state_word
from feedtape.ui.output import put, put_json

FRAMES_PER_S = 10
_PLAIN_EVERY_S = 1.0


class Display:
    """Draws a session when asked to, no more often than it should."""

    def __init__(self, session: Session, depth: int, *, plain: bool, json: bool, only: list[str] | None = None) -> None:
        self._session = session
        self._depth = depth or 10
        self._json = json
        self._only = {one.lower() for one in only or []}
        self._picture = not plain and not json and sys.stdout.isatty()
        self._console = Console()
        self._live: Live | None = None
        self._due = 0.0
        self._printed: dict[str, Any] = {}

    def __enter__(self) -> "Display":
        if self._picture:
            self._live = Live(console=self._console, screen=True, auto_refresh=False)
            self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def show_session(self, session: Session) -> None:
        """Show another session from now on."""
        self._session = session
        self._printed.clear()

    @property
    def is_picture(self) -> bool:
        """Whether the terminal is ours: whatever else is said now would tear the picture."""
        return self._picture

    @property
    def interval_s(self) -> float:
        """Seconds between two looks that are worth taking."""
        return 1 / FRAMES_PER_S if self._picture else _PLAIN_EVERY_S

    def _shown(self) -> list[BookKeeper]:
        books = self._session.books
        return [keeper for target, keeper in books.items() if not self._only or target.lower() in self._only]

    def show(self, now: int, footer: str, *, force: bool = False) -> None:
        """Draw the present state, if it is time for it."""
        moment = time.monotonic()
        if moment < self._due and not force:
            return
        self._due = moment + self.interval_s
        if self._live is not None:
            picture = screen(self._session, self._shown(), now, self._depth, self._console.width, footer)
            self._live.update(picture, refresh=True)
            return
        for keeper in self._shown():
            target = keeper.target
            flow = self._session.flows.get(target)
            key = (keeper.counters.updates, keeper.state, flow.trades if flow else 0, keeper.stale_since)
            if self._printed.get(target) == key:
                continue
            self._printed[target] = key
            if self._json:
                best_bid, best_ask = keeper.book.bids.best(), keeper.book.asks.best()
                put_json(
                    {
                        "time": str(now),
                        "target": target,
                        "state": state_word(keeper, now),
                        "proof": keeper.proof()[0],
                        "sequence": keeper.book.sequence,
                        "bid": best_bid,
                        "ask": best_ask,
                        "updates": keeper.counters.updates,
                        "trades": flow.trades if flow else 0,
                        "gaps": keeper.counters.gaps,
                    },
                    indent=False,
                )
            else:
                put(plain_line(keeper, flow, now))
        sys.stdout.flush()
