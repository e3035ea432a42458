"""The connections of a session: whose each is, what reads its frames, and whether one of them is missing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from feedtape.model.events import Gap, Numbered
from feedtape.venues.contract import Conversation, Venue

TRACKED: Final = 10_000
"""Open connections that a session remembers; the oldest are forgotten, and their frames are nobody's then."""
PARTS: Final = ("said", "counts", "since")
"""What `save` returns, each by the number of the connection."""
_UNCOUNTED: Final = None


class Conversations:
    """What is said on each open connection."""

    def __init__(self, find: Callable[[str], Venue]) -> None:
        """Begin with none; `find` finds a venue by its name."""
        self.by_number: dict[int, Conversation] = {}
        self.names: dict[int, str] = {}
        """Venue by number of the connections that are open."""
        self._find = find
        self._counts: dict[int, int | None] = {}
        """Number of the latest frame, of connections whose frames are numbered; None where any may come next."""
        self._since: dict[int, int] = {}

    def opened(self, number: int, name: str, recv: int, *, is_new: bool = True) -> list[int]:
        """Take a connection; return those that had to be forgotten for it. One that is not new is in the middle of something."""
        forgotten = []
        if len(self.by_number) >= TRACKED:
            forgotten = [next(iter(self.by_number))]
            self.closed(forgotten[0])
        venue = self._find(name)
        self.by_number[number] = venue.conversation()
        self.names[number] = name
        if venue.counts_from is not None:
            self._counts[number] = venue.counts_from - 1 if is_new else _UNCOUNTED
            self._since[number] = recv
        return forgotten

    def adopt(self, number: int, name: str, saved: Mapping[str, Any], recv: int) -> list[int]:
        """Take a connection that was opened elsewhere, with what `save` returned there of it; return as `opened` does."""
        forgotten = self.opened(number, name, recv, is_new=False)
        self._take(number, saved)
        return forgotten

    def learn(self, number: int, saved: Mapping[str, Any]) -> None:
        """Take over what `save` returned elsewhere of a connection, some of whose frames are missing here."""
        self.by_number[number] = self._find(self.names[number]).conversation()
        self._take(number, saved)

    def closed(self, number: int) -> None:
        """Forget a connection."""
        for kept in (self.by_number, self.names, self._counts, self._since):
            kept.pop(number, None)

    def lost_count(self, numbers: Sequence[int] | None) -> None:
        """Note that frames of these connections, or of any, are missing for a known reason: any number may follow."""
        for number in self._counts if numbers is None else numbers:
            if number in self._counts:
                self._counts[number] = _UNCOUNTED

    def judge(self, first: Numbered, connection: int) -> tuple[bool, Gap | None]:
        """Compare a frame's number with the one before; return whether the frame is news, and what is missing before it."""
        last, number = self._counts.get(connection), first.number
        if last is not None and number <= last:
            return False, None
        self._counts[connection] = number
        since, self._since[connection] = self._since.get(connection, first.recv), first.recv
        if last is None or number == last + 1:
            return True, None
        detail = f"{self.names[connection]}: frame {last} of connection {connection} is followed by {number}"
        return True, Gap("", first.recv, None, "gap", since, number - last - 1, detail)

    def save(self) -> dict[str, Any]:
        """Return everything but the names as JSON values."""
        remembered = {number: one.save() for number, one in self.by_number.items()}
        return {
            "said": {str(number): saved for number, saved in remembered.items() if saved is not None},
            "counts": {str(number): count for number, count in self._counts.items()},
            "since": {str(number): since for number, since in self._since.items()},
        }

    def load(self, names: Mapping[str, str], saved: Mapping[str, Any]) -> None:
        """Take over names and what `save` returned."""
        self.names.clear()
        self.names.update({int(number): name for number, name in names.items()})
        self.by_number = {number: self._find(name).conversation() for number, name in self.names.items()}
        self._counts, self._since = {}, {}
        for number in self.names:
            self._take(number, saved)

    def _take(self, number: int, saved: Mapping[str, Any]) -> None:
        key = str(number)
        said, counts, since = (saved.get(part, {}) for part in PARTS)
        if key in said:
            self.by_number[number].load(said[key])
        if key in counts:
            self._counts[number] = counts[key]
            self._since[number] = since[key]
