"""Every book of a session: which stream is whose, who wants a snapshot, and what breaks when something is missing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from feedtape.book.keeper import BookKeeper, State
from feedtape.book.lanes import Tally
from feedtape.model.events import BookChecksum, BookDelta, BookSnapshot, Event, Gap, Resync
from feedtape.session.pages import Page
from feedtape.venues.contract import Venue

BOOKS_TRACKED = 20_000
"""Books that are kept; a hostile feed may invent symbols without end, and those beyond are only recorded and counted."""
LEVELS_TRACKED: Final = 5_000_000
"""Levels of all books together."""

Resolve = Callable[[str], Venue]


class Books:
    """Keeps the keepers."""

    def __init__(self, resolve: Resolve, tally: Tally, begun: Callable[[str], None], beyond: Callable[[], None]) -> None:
        """Begin with none.

        Args:
            resolve: finds a venue by its name.
            tally: counts which connection was first.
            begun: is told each new target.
            beyond: is told of each event of a book that is one too many to be followed.
        """
        self.by_target: dict[str, BookKeeper] = {}
        """In the order in which they appeared."""
        self.wanting: dict[str, BookKeeper] = {}
        """Books that a snapshot would help, by target."""
        self._resolve = resolve
        self._tally = tally
        self._begun = begun
        self._beyond = beyond

    # -- events

    def delta(self, event: BookDelta, connection: int) -> Sequence[Event] | None:
        """Take a delta; see `BookKeeper.take_delta`."""
        keeper = self.by_target.get(event.target)
        if keeper is None or keeper.channel != event.channel:
            keeper = self._keeper(event.target, event.channel)
            if keeper is None:
                return ()
        known = keeper.take_delta(event, connection)
        if keeper.state is not State.LIVE or known is None:
            self._want(keeper)
        return known

    def snapshot(self, event: BookSnapshot, connection: int) -> Sequence[Event] | None:
        """Take a snapshot: of one stream, or of every stream of its symbol when it came by REST."""
        if event.channel:
            keeper = self._keeper(event.target, event.channel)
            if keeper is None:
                return ()
            known_by_it = keeper.take_snapshot(event, connection)
            if keeper.is_live and not keeper.wants_stream:
                self.wanting.pop(keeper.target, None)
            else:
                self._want(keeper)
            return known_by_it
        keepers = [keeper for name, keeper in self.by_target.items() if name.partition("@")[0] == event.target]
        if not keepers:
            keeper = self._keeper(event.target, "")
            keepers = [] if keeper is None else [keeper]
        known: list[Event] = []
        for keeper in keepers:
            if keeper.integrity.snapshot == "rest":
                known.extend(keeper.take_snapshot(event, connection) or ())
                if keeper.state is State.LIVE:
                    self.wanting.pop(keeper.target, None)
                else:
                    self._want(keeper)
        return known

    def checksum(self, event: BookChecksum, connection: int) -> Sequence[Event] | None:
        """Take a checksum that came by itself; see `BookKeeper.take_checksum`."""
        keeper = self.by_target.get(event.target)
        if keeper is not None and keeper.channel != event.channel:
            keeper = self.by_target.get(f"{event.target}@{event.channel}")
        if keeper is None:
            return ()
        known = keeper.take_checksum(event, connection)
        if known or known is None:
            self._want(keeper)
        return known

    def _keeper(self, target: str, channel: str) -> BookKeeper | None:
        """The book of a stream. The first book stream of a symbol has the plain name, others carry their channel in it.

        None when it is one more than are tracked.
        """
        keeper = self.by_target.get(target)
        if keeper is None:
            keeper = self._new(target, target, channel)
        elif not keeper.channel and channel:
            keeper.follow(channel, self._venue_of(target).integrity(channel))
        elif channel and keeper.channel != channel:
            name = f"{target}@{channel}"
            keeper = self.by_target.get(name) or self._new(name, target, channel)
        return keeper

    def _new(self, name: str, target: str, channel: str) -> BookKeeper | None:
        if len(self.by_target) >= BOOKS_TRACKED:
            self._beyond()
            return None
        keeper = BookKeeper(name, channel, self._venue_of(target).integrity(channel), self._tally)
        self.by_target[name] = keeper
        self._begun(target)
        return keeper

    def _venue_of(self, target: str) -> Venue:
        return self._resolve(target.partition(":")[0])

    def _want(self, keeper: BookKeeper) -> None:
        if keeper.wants_snapshot or keeper.wants_stream:
            self.wanting[keeper.target] = keeper

    # -- what happens to many at once

    def leave(self, connection: int, recv: int, why: str, relieved_by: int | None) -> list[Event]:
        """Note that a connection is gone; see `BookKeeper.leave`."""
        known: list[Event] = []
        for keeper in self.by_target.values():
            known.extend(keeper.leave(connection, recv, why, relieved_by=relieved_by))
            self._want(keeper)
        return known

    def end(self, connection: int, recv: int) -> list[Event]:
        """Note that the recording ends on a connection; see `BookKeeper.end`."""
        return [event for keeper in self.by_target.values() for event in keeper.end(connection, recv)]

    def outlive(self, connection: int, recv: int) -> list[Event]:
        """Note that the recording of a connection ends where others go on; see `BookKeeper.outlive`."""
        why = f"the recording of connection {connection} ends"
        return [event for keeper in self.by_target.values() for event in keeper.outlive(connection, recv, why)]

    def lose(self, gap: Gap, connections: Sequence[int] | None) -> list[Event]:
        """Break every book that may have lost something, before its own sequence takes the loss for the venue's."""
        known: list[Event] = []
        for keeper in self.by_target.values():
            lost = keeper.lose(connections, gap.kind, gap.recv, gap.detail)
            if lost and gap.kind == "dropped":
                keeper.counters.dropped += gap.missed or 0
            known.extend(lost)
            self._want(keeper)
        return known

    def doubt(self, gap: Gap, connection: int) -> list[Event]:
        """Break what may have lost something by a frame that cannot be read, and would never show it."""
        known: list[Event] = []
        for keeper in self.by_target.values():
            if not keeper.integrity.sees_loss:
                known.extend(keeper.lose((connection,), gap.kind, gap.recv, gap.detail))
                self._want(keeper)
        return known

    def judge_silence(self, stalled: Mapping[int, int], time: int) -> None:
        """A book is stale while every connection that it lives on is silent; `stalled` tells since when each one is."""
        for keeper in self.by_target.values():
            carriers = keeper.carriers
            if carriers and all(one in stalled for one in carriers):
                keeper.stale_since = max(stalled[one] for one in carriers)
            elif keeper.stale_since is not None and (carriers or not keeper.is_live):
                keeper.end_stale(time)

    def weigh(self, time: int) -> list[Event]:
        """Give up the deepest books where all together are more than a machine should hold; a snapshot may bring them back."""
        levels = {target: keeper.weight for target, keeper in self.by_target.items()}
        excess, known = sum(levels.values()) - LEVELS_TRACKED, list[Event]()
        for target in sorted(levels, key=lambda name: (-levels[name], name)):
            if excess <= 0:
                break
            excess -= levels[target]
            why = f"more than {LEVELS_TRACKED} levels in all books"
            known += self.by_target[target].lose(None, "bad-frame", time, why)
        return known

    # -- state

    def digests(self) -> dict[str, dict[str, Any]]:
        """Return the digest of every book, as a `digest` record holds them."""
        return {
            target: {"digest": keeper.digest(), "sequence": keeper.book.sequence, "state": keeper.state.value}
            for target, keeper in self.by_target.items()
        }

    def save(self, page: Page) -> dict[str, dict[str, Any]]:
        """Return every book as JSON values, with the counters of a page."""
        saved = {target: keeper.save() for target, keeper in self.by_target.items()}
        for target, one in saved.items():
            one["counters"] = msgspec.to_builtins(page.counters(target, self.by_target[target].counters))
        return saved

    def _loaded(self, target: str, saved: dict[str, Any]) -> BookKeeper:
        return BookKeeper.load(target, saved, self._venue_of(target).integrity(saved["channel"]), self._tally)

    def load(self, saved: Mapping[str, dict[str, Any]]) -> None:
        """Take over what `save` returned."""
        found = {target: self._loaded(target, one) for target, one in saved.items()}
        self.by_target.clear()
        self.by_target.update(found)

    def mend(self, saved: Mapping[str, dict[str, Any]], time: int) -> list[Event]:
        """As `load`, behind a hole: counters go on, and what was broken by the hole is whole again."""
        old = dict(self.by_target)
        self.load(saved)
        return [event for target, keeper in self.by_target.items() for event in _succeeded(keeper, old.get(target), time)]

    def adopt(self, target: str, saved: dict[str, Any], time: int, *, mends: bool) -> Sequence[Event]:
        """Take over another tape's book where there is none, or none that is live on a connection; else it may stand by.

        Args:
            mends: whether one that is no more live than ours is better all the same: it stood behind a hole.
        """
        old = self.by_target.get(target)
        keeper = self._loaded(target, saved)
        if old is not None and old.is_live and old.carriers:
            old.let_stand_by(keeper)
            return ()
        if old is not None and not keeper.is_live and (old.is_live or not mends):
            return ()
        if old is not None:
            old.end_stale(time)
        self.by_target[target] = keeper
        return _succeeded(keeper, old, time)


def _succeeded(keeper: BookKeeper, old: BookKeeper | None, time: int) -> Sequence[Event]:
    """Let a keeper go on with the counters of the one in whose place it steps."""
    if old is None:
        return ()
    keeper.counters = old.counters
    if not keeper.is_live or old.is_live:
        return ()
    keeper.counters.resyncs += 1
    return (Resync(keeper.target, time, None, old.broken_at or time, keeper.book.sequence),)
