"""The numbered messages of one tape, as arrays: 32 bytes for each update, so that a day of a busy feed fits.

A stream is what a venue numbers: the updates of one book channel, the trades, the quotes of a target. Where it gives no
numbers, its own times take their place, and what has the same time is one message.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from feedtape.book.rules import start_of
from feedtape.edit.diff_align import Item
from feedtape.edit.diff_meaning import Only, spelled
from feedtape.edit.diff_side import Side
from feedtape.errors import BadFrame
from feedtape.model.events import BookDelta, BookSnapshot, Event, Quote, Trade
from feedtape.tape.blocks import Tell
from feedtape.venues import registry

BOOK: Final = "book"
TRADES: Final = "trades"
QUOTES: Final = "quotes"
MASK: Final = 2**64 - 1

_BACK = 65_536
"""Messages that one which comes late is put before; one from further back is a stray."""
_LARGEST = 2**63 - 1


class Key(NamedTuple):
    """A stream: what kind of message, of which target, by which of the venue's channels."""

    kind: str
    target: str
    channel: str


class Place(NamedTuple):
    """Where a message stands among those of its stream: it holds what comes after `start`, up to `last`."""

    start: int
    last: int


class Message(NamedTuple):
    """An event that is compared."""

    key: Key
    place: Place
    by_time: bool
    event: Event


def message_of(event: Event) -> Message | None:
    """Return an event as a message of a stream; None when it is not compared, or nothing tells where it stands."""
    kind = type(event)
    if kind is BookDelta:
        assert isinstance(event, BookDelta)
        start, last = start_of(event), event.last
        key = Key(BOOK, event.target, event.channel)
        if last is not None and start is not None and start < last:
            return Message(key, Place(start, last), False, event)
        return _placed(key, last, event)
    if kind is Trade:
        assert isinstance(event, Trade)
        number = event.number
        if number is None and event.id.isascii() and event.id.isdigit() and len(event.id) < 19:
            number = int(event.id)
        return _placed(Key(TRADES, event.target, ""), number, event)
    if kind is Quote:
        assert isinstance(event, Quote)
        return _placed(Key(QUOTES, event.target, ""), event.sequence, event)
    if kind is BookSnapshot:
        assert isinstance(event, BookSnapshot)
        if not event.channel or not _comes_whole(event.target.partition(":")[0], event.channel):
            return None
        return _placed(Key(BOOK, event.target, event.channel), event.sequence, event)
    return None


@cache
def _comes_whole(venue: str, channel: str) -> bool:
    """Tell whether each message of a stream is a whole picture; others send one when somebody subscribes, as it happens."""
    return registry.venue(venue).integrity(channel).snapshot == "full"


def _placed(key: Key, number: int | None, event: Event) -> Message | None:
    place = event.time if number is None else number
    if place is None or not -_LARGEST < place <= _LARGEST:
        return None
    return Message(key, Place(place - 1, place), number is None, event)


def raw_hash(event: Event) -> int:
    """Return a hash of what an event says, spelling included: the same words have the same one, within this process."""
    if isinstance(event, BookDelta | BookSnapshot):
        return hash((tuple(event.bids), tuple(event.asks))) & MASK
    if isinstance(event, Trade):
        return hash((event.price, event.size, event.side, event.id)) & MASK
    assert isinstance(event, Quote)
    return hash((event.bid, event.bid_size, event.ask, event.ask_size)) & MASK


def meaning(events: Sequence[Event]) -> tuple[Any, ...]:
    """Return what messages say together, however it was cut and spelled: the last size of every level, or each message."""
    levels: dict[tuple[str, str], str] = {}
    others: list[tuple[str, ...]] = []
    for event in events:
        if isinstance(event, BookDelta | BookSnapshot):
            for side, changes in (("b", event.bids), ("a", event.asks)):
                levels.update(((side, spelled(price)), spelled(size)) for price, size in changes)
            levels.update(((side, id), f"{price} {size}") for id, side, price, size in event.orders or ())
        elif isinstance(event, Trade):
            others.append((event.id, spelled(event.price), spelled(event.size), event.side or ""))
        elif isinstance(event, Quote):
            numbers = (event.bid, event.bid_size, event.ask, event.ask_size)
            others.append(tuple("" if one is None else spelled(one) for one in numbers))
    return tuple(sorted(levels.items())), tuple(sorted(set(others)))


class Stream:
    """The messages of one stream of one tape, by their place, each once however many connections brought it."""

    def __init__(self, *, by_time: bool) -> None:
        self.starts = array("q")
        self.lasts = array("q")
        self.hashes = array("Q")
        self.recvs = array("q")
        self.by_time = by_time
        self.repeated = 0
        self.strays = 0
        """Messages whose numbers run so far backwards that they are not compared."""
        self.contradicted = 0
        """Messages that come twice in this one tape and say another thing the second time."""

    def __len__(self) -> int:
        return len(self.lasts)

    def add(self, place: Place, hashed: int, recv: int) -> None:
        """Take the next message of the tape."""
        lasts = self.lasts
        if lasts and place.last <= lasts[-1]:
            self._add_late(place, hashed, recv)
            return
        self.starts.append(place.start)
        lasts.append(place.last)
        self.hashes.append(hashed)
        self.recvs.append(recv)

    def _add_late(self, place: Place, hashed: int, recv: int) -> None:
        lasts = self.lasts
        at = bisect_left(lasts, place.last)
        if lasts[at] == place.last:
            self._add_again(at, place, hashed)
        elif len(lasts) - at > _BACK:
            self.strays += 1
        elif self.starts[at] <= place.start:
            # Part of a longer one that another connection brought.
            self.repeated += 1
        else:
            self.starts.insert(at, place.start)
            lasts.insert(at, place.last)
            self.hashes.insert(at, hashed)
            self.recvs.insert(at, recv)

    def _add_again(self, at: int, place: Place, hashed: int) -> None:
        if self.by_time and self.hashes[at] != hashed:
            self.hashes[at] = (self.hashes[at] + hashed) & MASK
        else:
            self.repeated += 1
            self.contradicted += self.starts[at] == place.start and self.hashes[at] != hashed


def messages(side: Side, only: Only, tell: Tell | None = None) -> Iterator[tuple[Item, Message]]:
    """Yield every message of a tape that is compared, with the record that it came by.

    Raises:
        TapeError: when the tape cannot be read.
    """
    read = side.wire.read
    for item in side.items(tell):
        try:
            events = read(item.record)
        except BadFrame:
            continue
        for event in events:
            if only.wants(event.target):
                message = message_of(event)
                if message is not None:
                    yield item, message


def streams_of(side: Side, only: Only, tell: Tell | None = None) -> dict[Key, Stream]:
    """Return the streams of a tape; see `messages`."""
    found: dict[Key, Stream] = {}
    for item, (key, place, by_time, event) in messages(side, only, tell):
        stream = found.get(key)
        if stream is None:
            stream = found[key] = Stream(by_time=by_time)
        if stream.by_time == by_time:
            stream.add(place, raw_hash(event), item.record.time)
        else:
            stream.strays += 1
    return found
