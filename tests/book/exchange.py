"""An exchange that a beginner would write, and connections to it that a devil runs: the referee of the books."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from feedtape.book.keeper import BookKeeper, State
from feedtape.book.ladder import Book
from feedtape.book.rules import Chained, Contiguous, Integrity
from feedtape.model.events import BookDelta, BookSnapshot, Event, Levels, Side

TARGET = "toy:COIN"
RULES = {"contiguous": Integrity(sequence=Contiguous()), "chained": Integrity(sequence=Chained())}

Sizes = dict[Decimal, Decimal]


class Truth(NamedTuple):
    """A book's numbers, whatever their spelling."""

    bids: Sizes
    asks: Sizes


def numbers(levels: Sequence[tuple[str, str]]) -> Sizes:
    """Levels by number; a level that is there twice is a defect."""
    found = {Decimal(price): Decimal(size) for price, size in levels}
    assert len(found) == len(levels)
    return found


def state_of(book: Book) -> Truth:
    """The numbers of a book, whose order is checked on the way."""
    bids, asks = list(book.bids.top()), list(book.asks.top())
    assert [Decimal(price) for price, _ in bids] == sorted((Decimal(price) for price, _ in bids), reverse=True)
    assert [Decimal(price) for price, _ in asks] == sorted(Decimal(price) for price, _ in asks)
    assert all(Decimal(size) > 0 for _, size in bids + asks)
    return Truth(numbers(bids), numbers(asks))


def spelled(number: Decimal, rng: random.Random) -> str:
    """A number in one of its spellings."""
    text = f"{number:f}"
    return text + ("" if "." in text else ".") + "0" * rng.randrange(1, 3) if rng.random() < 0.3 else text


class NaiveExchange:
    """One market: each update sets one level to an absolute size, and the whole history is kept.

    With `holes` the ids of updates skip, as on the futures of Binance.
    """

    def __init__(self, rng: random.Random, *, holes: bool) -> None:
        self.rng = rng
        self.holes = holes
        self.now = 100
        self.updates: list[tuple[int, Side, Decimal, Decimal]] = []
        self.states: list[tuple[int, Truth]] = [(self.now, Truth({Decimal("9.5"): Decimal(1)}, {Decimal("10.5"): Decimal(2)}))]

    def trade_a_while(self) -> None:
        """Make one to four updates."""
        for _ in range(self.rng.randrange(1, 5)):
            self.now += self.rng.randrange(1, 4) if self.holes else 1
            side: Side = self.rng.choice(("buy", "sell"))
            price = Decimal(self.rng.randrange(1, 12)) / 2 + (5 if side == "buy" else 10)
            size = Decimal(self.rng.choice((0, 0, 1, 2, 3, 4, 5))) / 4
            self.updates.append((self.now, side, price, size))
            truth = Truth(dict(self.states[-1][1].bids), dict(self.states[-1][1].asks))
            sizes = truth.bids if side == "buy" else truth.asks
            if size:
                sizes[price] = size
            else:
                sizes.pop(price, None)
            self.states.append((self.now, truth))

    def at(self, sequence: int) -> Truth:
        """The state after every update up to this id."""
        return self.states[bisect_right(self.states, sequence, key=lambda state: state[0]) - 1][1]

    def changes(self, after: int, upto: int) -> tuple[Levels, Levels]:
        """The levels that changed in a range of ids, with their last sizes."""
        begin = bisect_right(self.updates, after, key=lambda update: update[0])
        last = {(side, price): size for number, side, price, size in self.updates[begin:] if number <= upto}
        sides: dict[Side, Levels] = {"buy": [], "sell": []}
        for (side, price), size in last.items():
            sides[side].append((spelled(price, self.rng), spelled(size, self.rng)))
        return sides["buy"], sides["sell"]

    def snapshot(self, sequence: int, recv: int) -> BookSnapshot:
        """What REST answers, as of some id."""
        truth = self.at(sequence)
        sides = [[(spelled(price, self.rng), spelled(size, self.rng)) for price, size in side.items()] for side in truth]
        for side in sides:
            self.rng.shuffle(side)
        return BookSnapshot(TARGET, recv, None, "", sides[0], sides[1], sequence)


@dataclass
class Line:
    """One connection's stream: the venue cuts each line's messages at moments of its own."""

    exchange: NaiveExchange
    number: int
    sent: int = field(init=False)
    queue: list[BookDelta] = field(default_factory=list)
    """Messages on their way, in order."""
    late: list[BookDelta] = field(default_factory=list)
    """Messages that others will overtake."""

    def __post_init__(self) -> None:
        self.sent = self.exchange.now

    def cut(self, recv: int) -> BookDelta:
        """Return what happened since the last message, which may be more than this line has been open for."""
        exchange = self.exchange
        exchange.trade_a_while()
        first = exchange.updates[bisect_right(exchange.updates, self.sent, key=lambda update: update[0])][0]
        bids, asks = exchange.changes(self.sent, exchange.now)
        prev = self.sent if exchange.holes else None
        self.sent = exchange.now
        return BookDelta(TARGET, recv, recv, "depth", bids, asks, first, self.sent, prev)


ACTIONS = (
    "pass", "pass", "pass", "pass", "drop", "twice", "late", "old",
    "snapshot", "snapshot inside", "snapshot too old", "join", "standby", "both", "standby drop", "leave", "relieve", "slow",
)  # fmt: skip
FAULTLESS = ("pass", "pass", "twice", "old", "slow", "snapshot", "snapshot inside", "snapshot too old")


class Devil:
    """Drives a keeper from a naive exchange, doing to the stream what it is told."""

    def __init__(self, family: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.exchange = NaiveExchange(self.rng, holes=family == "chained")
        self.exchange.trade_a_while()
        self.keeper = BookKeeper(TARGET, "depth", RULES[family])
        self.clock = 1_000
        self.lines = [Line(self.exchange, 1)]
        self.opened = 1
        self.sent: list[BookDelta] = []
        self.known: list[Event] = []

    def deliver(self, line: Line, *, lost: bool = False, times: int = 1, late: bool = False) -> None:
        """Send the line's next message, before it what was on its way, after it whatever was late."""
        self.clock += 1
        for one in line.queue:
            self.known.extend(self.keeper.take_delta(one, line.number) or ())
        line.queue.clear()
        delta = line.cut(self.clock)
        self.sent.append(delta)
        if late:
            line.late.append(delta)
            return
        for one in [delta] * (0 if lost else times) + line.late:
            self.known.extend(self.keeper.take_delta(one, line.number) or ())
        line.late.clear()

    def snapshot(self, sequence: int) -> None:
        """Answer a REST request."""
        self.clock += 1
        self.known.extend(self.keeper.take_snapshot(self.exchange.snapshot(sequence, self.clock), 99) or ())

    def act(self, action: str) -> None:
        """Do one thing."""
        primary, standby, exchange = self.lines[0], self.lines[-1], self.exchange
        match action:
            case "pass" | "drop" | "twice" | "late":
                self.deliver(primary, lost=action == "drop", times=1 + (action == "twice"), late=action == "late")
            case "slow":
                primary.queue += [primary.cut(self.clock), primary.cut(self.clock)]
            case "old" if self.sent:
                self.known.extend(self.keeper.take_delta(self.rng.choice(self.sent[-4:]), primary.number) or ())
            case "snapshot":
                self.snapshot(exchange.now)
            case "snapshot inside":
                self.snapshot(self.rng.randint(max(exchange.states[0][0], exchange.now - 6), exchange.now))
            case "snapshot too old":
                self.snapshot(self.rng.randint(exchange.states[0][0], exchange.now))
            case "join" if len(self.lines) == 1:
                self.opened += 1
                self.lines.append(Line(exchange, self.opened))
            case "standby" | "both" | "standby drop" if len(self.lines) == 2:
                if action == "both":
                    self.deliver(primary)
                self.deliver(standby, lost=action == "standby drop")
            case "leave":
                self.leave()
            case "relieve" if len(self.lines) == 2:
                self.leave(relieved=True)

    def leave(self, *, relieved: bool = False) -> None:
        """Cut the connection that carries the book; the other one, or a new one, goes on."""
        self.clock += 1
        gone = self.lines.pop(0)
        self.known.extend(
            self.keeper.leave(gone.number, self.clock, "cut", relieved_by=self.lines[0].number if relieved else None)
        )
        if not self.lines:
            self.opened += 1
            self.lines.append(Line(self.exchange, self.opened))

    def recover(self) -> None:
        """Do nothing wrong for long enough."""
        for _ in range(2):
            self.deliver(self.lines[0])
        self.snapshot(self.exchange.now)
        self.deliver(self.lines[0])

    def check(self) -> None:
        """Never wrong and silent: live is the truth, and anything else is empty."""
        keeper = self.keeper
        if keeper.state is State.LIVE:
            assert keeper.book.sequence is not None
            assert state_of(keeper.book) == self.exchange.at(keeper.book.sequence)
            assert keeper.digest() is not None
            assert keeper.proof()[0] == "sequence"
        else:
            assert state_of(keeper.book) == Truth({}, {})
            assert keeper.book.sequence is None and keeper.digest() is None
            assert keeper.proof()[0] in ("broken", "unprovable")
