"""Noticing that a connection, or a stream on it, has fallen silent."""

import enum
from typing import Final

from feedtape.feed.connection import Connection
from feedtape.feed.context import Context
from feedtape.feed.subscription import Subscription
from feedtape.model.records import STALL, note

DEAD_AFTER: Final = 1.5
"""In units of the silence limit: a connection on which not even our ping is answered is ended then."""
IDLE_AFTER: Final = 3.0
"""The same where the socket lives and only the data is missing: reconnecting a market that rests would lose its book."""
_NAMED: Final = 5


class Finding(enum.Enum):
    """What a look at a connection found."""

    FINE = enum.auto()
    STALLED = enum.auto()
    DEAD = enum.auto()


class Silence:
    """Watches one connection that carries busy streams."""

    def __init__(
        self, connection: Connection, subscription: Subscription, context: Context, limit_s: float, patience: float
    ) -> None:
        self._connection = connection
        self._subscription = subscription
        self._context = context
        self._limit_ns = int(limit_s * 1e9)
        self._patience = patience
        self._stalled_at = 0
        self._streams_checked = False

    @property
    def is_only_idle(self) -> bool:
        """Whether the socket answered after it was found silent."""
        return self._connection.last_bytes > self._stalled_at

    def look(self, now: int) -> Finding:
        """Compare the time of the last frame with now; record a stall once, when it begins."""
        sent_at = self._subscription.sent_at
        if sent_at is None:
            return Finding.FINE
        since = max(self._connection.last_frame, sent_at)
        silent = now - since
        if silent < self._limit_ns:
            if self._stalled_at:
                self._stalled_at = 0
                self._context.say(f"{self._name} delivers again")
            self._check_streams(now, sent_at)
            return Finding.FINE
        if not self._stalled_at:
            self._stalled_at = now
            self._record(now, f"{self._name} is silent for {silent / 1e9:.1f} s")
            self._connection.ping(b"feedtape")
            return Finding.STALLED
        after = IDLE_AFTER * self._patience if self.is_only_idle else DEAD_AFTER
        return Finding.DEAD if silent >= self._limit_ns * after else Finding.STALLED

    @property
    def _name(self) -> str:
        return f"{self._connection.venue}: connection {self._connection.number}"

    def _check_streams(self, now: int, sent_at: int) -> None:
        if self._streams_checked or now - sent_at < self._limit_ns:
            return
        self._streams_checked = True
        self._subscription.stop_observing()
        silent = sorted(self._subscription.unseen)
        if silent:
            names = ", ".join(silent[:_NAMED]) + (f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else "")
            why = "a wrong route, an unknown symbol, or nothing to say"
            self._record(now, f"{self._name}: acknowledged but silent: {names}; {why}")

    def _record(self, now: int, message: str) -> None:
        connection = self._connection
        fields = {
            "connection": connection.number,
            "since": connection.last_frame,
            "silent_ns": now - connection.last_frame,
            "message": message,
        }
        self._context.take(note(now, STALL, fields))
        self._context.say(message)
