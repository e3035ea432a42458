"""Lanes: parallel lines of the same subscriptions, and how often each was first.

A lane outlives its connections: whatever connection a lane has at a time, its record says which lane it is of. Only what
several connections carried at the time is counted: without a rival nobody is first.
"""

from typing import Any

import msgspec


class LaneFacts(msgspec.Struct):
    """What one lane was good for.

    Attributes:
        first: updates, trades and quotes that it brought before any other lane.
        second: those that it brought after another one.
        behind_ns: by how long in all, `most_behind_ns` at most.
        filled: those that it brought and another lane never did.
    """

    first: int = 0
    second: int = 0
    behind_ns: int = 0
    most_behind_ns: int = 0
    filled: int = 0


class Lanes:
    """Counts for every lane; a `Tally` of whatever merges streams."""

    def __init__(self) -> None:
        self.facts: dict[int, LaneFacts] = {}
        """By number of the lane; empty where a recording has no lanes."""
        self._of: dict[int, int] = {}
        self._before: dict[int, LaneFacts] = {}

    def opened(self, connection: int, lane: int | None) -> None:
        """Note which lane a connection is of, where it is of one."""
        if lane is not None:
            self._of[connection] = lane
            self.facts.setdefault(lane, LaneFacts())

    def closed(self, connection: int) -> None:
        """Note that a connection is gone."""
        self._of.pop(connection, None)

    def first(self, connection: int) -> None:
        """See `Tally.first`."""
        lane = self._of.get(connection)
        if lane is not None:
            self.facts[lane].first += 1

    def again(self, connection: int, before: int, lag_ns: int) -> None:
        """See `Tally.again`; two connections of one lane, one relieving the other, are no rivals."""
        lane = self._of.get(connection)
        if lane is None or self._of.get(before, lane) == lane:
            return
        facts = self.facts[lane]
        facts.second += 1
        facts.behind_ns += lag_ns
        facts.most_behind_ns = max(facts.most_behind_ns, lag_ns)

    def filled(self, connection: int, missed_by: int) -> None:
        """See `Tally.filled`."""
        lane = self._of.get(connection)
        if lane is not None and self._of.get(missed_by, lane) != lane:
            self.facts[lane].filled += 1

    def turn_page(self) -> None:
        """Begin another page: what is saved from now on counts from here."""
        self._before = {lane: msgspec.structs.replace(facts) for lane, facts in self.facts.items()}

    def as_json(self) -> dict[str, dict[str, int]]:
        """Return the facts of this page by lane; the greatest lag is that of the whole recording."""
        found = {}
        for lane, facts in sorted(self.facts.items()):
            before = self._before.get(lane, LaneFacts())
            now = msgspec.to_builtins(facts)
            kept = {name: value - getattr(before, name) for name, value in now.items()}
            found[str(lane)] = kept | {"most_behind_ns": facts.most_behind_ns}
        return found

    def save(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {"facts": self.as_json(), "of": {str(connection): lane for connection, lane in self._of.items()}}

    def load(self, saved: dict[str, Any]) -> None:
        """Take over what `save` returned. The object stays the same: books and flows count by it."""
        self.facts = {int(lane): msgspec.convert(facts, LaneFacts) for lane, facts in saved.get("facts", {}).items()}
        self._before = {}
        self.load_connections(saved)

    def load_connections(self, saved: dict[str, Any]) -> None:
        """Take over only which lane each connection is of; what was counted goes on."""
        self._of = {int(connection): lane for connection, lane in saved.get("of", {}).items()}
        for lane in self._of.values():
            self.facts.setdefault(lane, LaneFacts())
