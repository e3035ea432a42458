"""Books that begin in their stream, on connections that nothing links: whatever happens, a live one is the exchange's book."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book.exchange import TARGET, NaiveExchange, Truth, state_of
from feedtape.book.keeper import BookKeeper, State
from feedtape.book.rules import Chained, Contiguous, Integrity
from feedtape.model.events import BookDelta, BookSnapshot, Event, Gap, Levels, Resync


@dataclass(frozen=True)
class WholeSum:
    """A checksum of everything, whatever the spelling."""

    covers: int = 1000
    of_orders: bool = False

    def of(self, bids: Levels, asks: Levels) -> int:
        return zlib.crc32(str([(Decimal(p).normalize(), Decimal(s).normalize()) for p, s in [*bids, *asks]]).encode())


STREAMS = {
    "chained": Integrity(sequence=Chained(), snapshot="stream"),
    "contiguous": Integrity(sequence=Contiguous(), snapshot="stream"),
    "counted": Integrity(counted=True, snapshot="stream"),
    "summed": Integrity(checksum=WholeSum(), snapshot="stream"),
}
ACTIONS = (
    "pass", "pass", "pass", "drop", "old", "open", "open silent", "pass new", "pass new", "drop new", "begin", "begin new",
    "leave", "relieve", "slow", "beat new",
)  # fmt: skip
FAULTLESS = ("pass", "pass", "open", "pass new", "begin", "relieve", "slow")


class Line:
    """One connection: how far its stream has come, and whether a frame of it was lost that nobody has noticed yet."""

    def __init__(self, number: int, sent: int) -> None:
        self.number = number
        self.sent = sent
        self.has_begun = False
        self.has_lost = False
        self.sent_deltas: list[BookDelta] = []


class Devil:
    """Drives a keeper from a naive exchange over lines of their own."""

    def __init__(self, family: str, seed: int) -> None:
        self.family, self.rng = family, random.Random(seed)
        self.exchange = NaiveExchange(self.rng, holes=family == "chained")
        self.keeper = BookKeeper(TARGET, "book", STREAMS[family])
        self.clock, self.opened = 1_000, 0
        self.known: list[Event] = []
        self.lines: list[Line] = []
        self.open()

    def open(self, *, lost: bool = False) -> None:
        self.opened += 1
        self.lines.append(Line(self.opened, self.exchange.now))
        self.begin(self.lines[-1], lost=lost)

    def tell(self, known: Sequence[Event] | None) -> None:
        self.known += known or ()

    def sum_at(self, sequence: int) -> int:
        bids, asks = self.exchange.at(sequence)
        ordered = [
            (str(p), str(s)) for side, down in ((bids, True), (asks, False)) for p, s in sorted(side.items(), reverse=down)
        ]
        return WholeSum().of(ordered, [])

    def hear(self, line: Line, *, lost: bool) -> bool:
        """Tell whether a frame arrives; where frames are counted, the next one shows that it did not."""
        self.clock += 1
        if lost:
            line.has_lost = True
        elif line.has_lost and self.family == "counted":
            line.has_lost = False
            self.tell(self.keeper.lose((line.number,), "gap", self.clock, "frames are missing"))
        return not lost

    def begin(self, line: Line, *, lost: bool = False) -> None:
        """Send a snapshot: the stream begins, or begins anew."""
        line.sent = self.exchange.now
        if self.hear(line, lost=lost):
            line.has_begun = True
            bids, asks = ([(str(p), str(s)) for p, s in side.items()] for side in self.exchange.at(line.sent))
            check = self.sum_at(line.sent) if self.family == "summed" else None
            snapshot = BookSnapshot(TARGET, self.clock, None, "book", bids, asks, line.sent, check)
            self.tell(self.keeper.take_snapshot(snapshot, line.number))

    def change(self, line: Line, *, lost: bool = False) -> None:
        exchange = self.exchange
        exchange.trade_a_while()
        bids, asks = exchange.changes(line.sent, exchange.now)
        first, prev = line.sent + 1, line.sent if exchange.holes else None
        line.sent = exchange.now
        check = self.sum_at(line.sent) if self.family == "summed" else None
        if self.hear(line, lost=lost):
            delta = BookDelta(TARGET, self.clock, None, "book", bids, asks, first, line.sent, prev, check)
            line.sent_deltas.append(delta)
            self.tell(self.keeper.take_delta(delta, line.number))

    def act(self, action: str) -> None:
        old, new = self.lines[0], self.lines[-1]
        match action:
            case "pass" | "drop":
                self.change(old, lost=action == "drop")
            case "old" if old.sent_deltas and self.family in ("chained", "contiguous"):
                # Of the stream that was given up, after the snapshot of the new one.
                self.tell(self.keeper.take_delta(self.rng.choice(old.sent_deltas[-4:]), old.number))
            case "open" | "open silent" if len(self.lines) == 1:
                self.open(lost=action == "open silent")
            case "pass new" | "drop new" if len(self.lines) == 2:
                self.change(new, lost=action == "drop new")
            case "slow":
                # The market moves, and a newcomer may know of it before the others are told.
                self.exchange.trade_a_while()
            case "beat new":
                # A frame of something else.
                self.hear(new, lost=False)
            case "begin":
                self.begin(old)
            case "begin new" if len(self.lines) == 2:
                self.begin(new)
            case "leave" | "relieve" if action == "leave" or len(self.lines) == 2:
                self.clock += 1
                self.lines.pop(0)
                by = new.number if action == "relieve" else None
                self.tell(self.keeper.leave(old.number, self.clock, "cut", relieved_by=by))
                if not self.lines:
                    self.open()

    def check(self) -> None:
        keeper = self.keeper
        if keeper.state is State.LIVE:
            assert keeper.book.sequence is not None
            assert state_of(keeper.book) == self.exchange.at(keeper.book.sequence)
        else:
            assert state_of(keeper.book) == Truth({}, {})
            assert keeper.source is None or keeper.wants_stream or not self.lines[0].has_begun


families = st.sampled_from(sorted(STREAMS))
seeds = st.integers(0, 2**32)
scripts = st.lists(st.sampled_from(ACTIONS), min_size=8, max_size=50)


@settings(deadline=None, max_examples=400)
@given(families, seeds, scripts)
def test_a_live_book_is_the_exchanges_book(family: str, seed: int, script: list[str]) -> None:
    devil = Devil(family, seed)
    for action in script:
        devil.act(action)
        devil.check()
    for line in devil.lines:
        devil.begin(line)
        devil.change(line)
        devil.check()
    assert devil.keeper.is_live, "a feed that behaves again must be shown again"
    gaps = [event for event in devil.known if isinstance(event, Gap)]
    resyncs = [event for event in devil.known if isinstance(event, Resync)]
    assert (devil.keeper.counters.gaps, devil.keeper.counters.resyncs) == (len(gaps), len(resyncs))


@settings(deadline=None, max_examples=150)
@given(families, seeds, st.lists(st.sampled_from(FAULTLESS), min_size=8, max_size=50))
def test_a_stream_without_loss_is_never_called_lossy(family: str, seed: int, script: list[str]) -> None:
    devil = Devil(family, seed)
    for action in script:
        devil.act(action)
        devil.check()
        assert devil.keeper.is_live and not devil.known and not devil.keeper.wants_stream


@settings(deadline=None, max_examples=200)
@given(families, seeds, scripts, st.integers(1, 5))
def test_a_keyframe_anywhere_changes_nothing_after_it(family: str, seed: int, script: list[str], interval: int) -> None:
    straight, reloaded = Devil(family, seed), Devil(family, seed)
    for number, action in enumerate(script):
        if number % interval == 0:
            saved = orjson.loads(orjson.dumps(reloaded.keeper.save()))
            reloaded.keeper = BookKeeper.load(TARGET, saved, STREAMS[family])
        straight.act(action)
        reloaded.act(action)
        assert reloaded.keeper.save() == straight.keeper.save()
        assert (reloaded.keeper.proof(), reloaded.keeper.wants_stream) == (straight.keeper.proof(), straight.keeper.wants_stream)
    assert reloaded.known == straight.known


def test_a_newcomer_whose_beginning_was_lost_does_not_go_on_with_the_others_book() -> None:
    devil = Devil("counted", 1)
    for action in ("pass", "slow", "open silent", "beat new", "relieve"):
        devil.act(action)
        devil.check()
    assert devil.keeper.is_live and devil.keeper.wants_stream == [2] and not devil.known
    devil.act("pass")
    assert devil.keeper.state is State.BROKEN and devil.keeper.wants_stream == [2]
    devil.act("begin")
    devil.check()
    assert devil.keeper.is_live and devil.keeper.wants_stream == []


@pytest.mark.parametrize("family", sorted(STREAMS))
def test_the_devil_reaches_every_state(family: str) -> None:
    live = broken = takeovers = 0
    for seed in range(60):
        devil = Devil(family, seed)
        for _ in range(40):
            was_live, source = devil.keeper.is_live, devil.keeper.source
            devil.act(devil.rng.choice(ACTIONS))
            live += devil.keeper.is_live
            broken += devil.keeper.state is State.BROKEN
            takeovers += was_live and devil.keeper.is_live and devil.keeper.source != source
    assert live > 500 and broken > 150 and takeovers > 10
