"""Lanes in a session: nothing is said twice, what one lost another brings, and who was first is counted."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.edit.state import renumbered, state_records
from feedtape.model.events import Gap, Trade
from feedtape.model.records import CLOSE, OPEN, STALL, Record, note
from feedtape.session import Session
from feedtape.session.lanes import LaneFacts
from feedtape.venues import registry
from venues.binance_frames import (
    COINM,
    SPOT,
    URLS,
    USDM,
    closed,
    depth,
    force_order,
    frame,
    mark,
    on,
    opened,
    quote,
    snapshot,
    target,
    trade,
)

BOOK = target(SPOT)
MS = 1_000_000


def lane_opened(connection: int, lane: int, venue: str = SPOT, time: int = 0) -> Record:
    fields = {"venue": venue, "url": URLS[venue], "status": 101, "headers": [], "streams": [], "lane": lane}
    return note(time, OPEN, fields, connection)


class Lanes:
    """A session with parallel lanes of a venue, its time in milliseconds."""

    def __init__(self, venue: str = SPOT, lanes: int = 2) -> None:
        self.venue = venue
        self.session = Session(registry.venue)
        for lane in range(1, lanes + 1):
            self.session.feed(lane_opened(lane, lane, venue))

    def feed(self, at: float, record: Record) -> list[Any]:
        return list(self.session.feed(Record(int(at * MS), record.connection, record.kind, record.payload)))

    def hear(self, at: float, by: int, channel: str, data: Any) -> list[Any]:
        return self.feed(at, frame(0, by, on(self.venue, channel, data)))

    def delta(self, at: float, by: int, first: int, last: int) -> list[Any]:
        return self.hear(at, by, "depth@100ms", depth(self.venue, first, last))

    def trade(self, at: float, by: int, number: int, **fields: Any) -> list[Any]:
        return self.hear(at, by, "trade", trade(self.venue, number, **fields))

    def live(self) -> Lanes:
        self.delta(1, 1, 101, 105)
        for record in snapshot(0, 90, self.venue, 103):
            self.feed(2, record)
        assert self.session.books[target(self.venue)].is_live
        return self


def numbers(events: list[Any]) -> list[str]:
    return [event.id for event in events if isinstance(event, Trade)]


def test_what_another_lane_brought_is_not_said_again_and_counts_once() -> None:
    lanes = Lanes().live()
    assert len(lanes.delta(10, 1, 106, 107)) == 1 and lanes.delta(12, 2, 106, 107) == []
    assert len(lanes.trade(20, 2, 7)) == 1 and lanes.trade(21, 1, 7) == []
    assert len(lanes.hear(30, 1, "bookTicker", quote(SPOT, 7))) == 1 and lanes.hear(34, 2, "bookTicker", quote(SPOT, 7)) == []
    flow = lanes.session.flows[BOOK]
    assert (flow.trades, flow.quotes, lanes.session.books[BOOK].counters.updates) == (1, 1, 2)
    assert lanes.session.losses == []


def test_lanes_are_counted() -> None:
    lanes = Lanes().live()
    lanes.delta(10, 2, 105, 105)
    lanes.delta(11, 1, 106, 106)
    lanes.delta(13, 2, 106, 106)
    lanes.delta(14, 1, 108, 108)
    lanes.delta(15, 2, 107, 107)
    lanes.delta(20, 2, 108, 108)
    lanes.hear(30, 2, "bookTicker", quote(SPOT, 9))
    lanes.hear(31, 1, "bookTicker", quote(SPOT, 9))
    assert lanes.session.lanes == {
        1: LaneFacts(first=2, second=1, behind_ns=1 * MS, most_behind_ns=1 * MS, filled=0),
        2: LaneFacts(first=2, second=2, behind_ns=8 * MS, most_behind_ns=6 * MS, filled=1),
    }
    assert lanes.session.statistics()["lanes"]["2"]["most_behind_ns"] == 6 * MS


def test_one_connection_alone_is_not_counted() -> None:
    lanes = Lanes(lanes=1).live()
    lanes.delta(10, 1, 106, 106)
    lanes.hear(30, 1, "bookTicker", quote(SPOT, 9))
    assert lanes.session.lanes == {1: LaneFacts()}
    session = Session(registry.venue)
    session.feed(opened(0, 1, SPOT))
    assert session.lanes == {} and session.statistics()["lanes"] == {}


def test_a_lane_that_renews_is_no_rival_of_itself() -> None:
    lanes = Lanes().live()
    lanes.delta(9, 2, 105, 105)
    lanes.session.feed(lane_opened(3, 1))
    lanes.delta(10, 1, 106, 106)
    lanes.delta(11, 3, 106, 106)
    lanes.delta(12, 2, 106, 106)
    lanes.feed(13, closed(0, 1))
    lanes.delta(14, 3, 107, 107)
    assert lanes.session.losses == []
    assert (lanes.session.lanes[1].first, lanes.session.lanes[1].second, lanes.session.lanes[2].second) == (2, 0, 1)


def test_a_hole_of_all_lanes_is_a_loss_and_one_of_a_single_lane_is_none() -> None:
    lanes = Lanes().live()
    lanes.delta(10, 2, 106, 106)
    lanes.delta(10, 1, 108, 108)
    assert lanes.session.losses == []
    # The message itself had been said before.
    assert [type(event) for event in lanes.delta(11, 2, 108, 108)] == [Gap]
    assert [(loss.kind, loss.missed) for loss in lanes.session.losses] == [("gap", 1)]
    assert list(lanes.session.wanting) == [BOOK]


def test_a_book_is_stale_only_while_all_its_lanes_are_silent() -> None:
    lanes = Lanes().live()
    lanes.delta(10, 2, 106, 106)
    keeper = lanes.session.books[BOOK]
    lanes.feed(100, note(0, STALL, {"connection": 1, "since": 11 * MS}))
    assert keeper.stale_since is None
    lanes.feed(110, note(0, STALL, {"connection": 2, "since": 12 * MS}))
    assert keeper.stale_since == 12 * MS
    # The end of one of two silent lanes is not the end of the silence.
    lanes.feed(120, closed(0, 1))
    assert keeper.stale_since == 12 * MS
    lanes.delta(130, 2, 107, 107)
    assert keeper.stale_since is None and keeper.counters.stale_ns == 118 * MS and lanes.session.losses == []


def test_when_the_lane_that_spoke_goes_the_book_is_as_stale_as_the_other() -> None:
    lanes = Lanes().live()
    lanes.delta(10, 2, 106, 106)
    lanes.feed(100, note(0, STALL, {"connection": 1, "since": 11 * MS}))
    lanes.feed(110, closed(0, 2))
    assert lanes.session.books[BOOK].stale_since == 11 * MS
    lanes.session.feed(lane_opened(3, 2, time=120 * MS))
    lanes.delta(121, 3, 107, 107)
    assert lanes.session.books[BOOK].stale_since is None


# -- trades


def test_trades_that_one_lane_lost_are_taken_from_the_other_in_order() -> None:
    lanes = Lanes(USDM)
    lanes.trade(1, 1, 7)
    assert lanes.trade(2, 2, 7) == []
    assert numbers(lanes.trade(3, 1, 10)) == ["10"]
    assert lanes.session.flows[target(USDM)].trades == 1
    lanes.trade(4, 2, 8, X="INSURANCE_FUND")
    lanes.trade(5, 2, 9)
    assert lanes.trade(6, 2, 10) == []
    assert lanes.session.losses == []
    flow = lanes.session.flows[target(USDM)]
    assert (flow.trades, flow.trade_number, flow.trade and flow.trade.id) == (3, 10, "10")


def test_trades_that_every_lane_lost_are_a_loss_once() -> None:
    lanes = Lanes(USDM)
    for by in (1, 2):
        lanes.trade(1, by, 7)
    lanes.trade(2, 1, 10)
    lanes.trade(3, 1, 12)
    [loss] = [event for event in lanes.trade(4, 2, 10) if isinstance(event, Gap)]
    assert (loss.kind, loss.missed, loss.since, loss.recv) == ("trades", 2, 1 * MS, 4 * MS)
    lanes.trade(5, 2, 11)
    lanes.trade(6, 2, 12)
    assert [(one.kind, one.missed) for one in lanes.session.losses] == [("trades", 2)]
    assert lanes.session.flows[target(USDM)].trades == 4


def test_a_hole_that_is_open_when_the_recording_ends_is_a_loss_and_the_book_stays_as_it_was() -> None:
    lanes = Lanes().live()
    lanes.delta(10, 2, 106, 106)
    lanes.delta(11, 1, 109, 109)
    for by in (1, 2):
        lanes.trade(12, by, 7)
    lanes.trade(13, 1, 10)
    before = lanes.session.digests()
    final = {"code": 1000, "reason": "", "by": "us", "final": True}
    # The one that is left has passed the hole in the trades itself; of the book it may still bring something.
    told = [*lanes.feed(20, note(0, CLOSE, final, 2)), *lanes.feed(21, note(0, CLOSE, final, 1))]
    assert [(event.target, event.kind, event.missed) for event in told] == [(BOOK, "trades", 2), (BOOK, "gap", 2)]
    assert lanes.session.digests() == before and before[BOOK]["sequence"] == 106
    assert [(loss.kind, loss.to) for loss in lanes.session.losses] == [("trades", 20 * MS), ("gap", None)]
    assert lanes.session.flows[BOOK].trades == 2


def test_a_recording_that_ends_without_a_hole_loses_nothing() -> None:
    lanes = Lanes().live()
    lanes.delta(10, 2, 106, 106)
    lanes.delta(11, 1, 106, 106)
    lanes.delta(12, 1, 107, 107)
    for by in (1, 2):
        assert lanes.feed(20, note(0, CLOSE, {"code": 1000, "by": "us", "final": True}, by)) == []
    assert lanes.session.losses == []


def test_a_lane_that_goes_leaves_its_holes_to_be_told() -> None:
    lanes = Lanes(USDM)
    lanes.trade(1, 1, 7)
    lanes.trade(2, 2, 9)
    assert lanes.session.losses == []
    [gap] = lanes.feed(3, closed(0, 1))
    assert isinstance(gap, Gap) and (gap.kind, gap.missed) == ("trades", 1)
    assert len(lanes.trade(4, 2, 10)) == 1 and lanes.session.flows[target(USDM)].trades == 3


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32), st.integers(2, 3), st.sampled_from([0.02, 0.2, 0.5]))
def test_every_trade_that_any_lane_brought_counts_once_and_every_other_is_missed(seed: int, lanes: int, loss: float) -> None:
    rng, stage = random.Random(seed), Lanes(USDM, lanes)
    restored = Session(registry.venue)
    for lane in range(1, lanes + 1):
        restored.feed(lane_opened(lane, lane, USDM))
    last = 40
    sent = {lane: deque(n for n in range(1, last) if n in (1, last - 1) or rng.random() > loss) for lane in range(1, lanes + 1)}
    brought = set().union(*sent.values())
    spent = {number for number in brought if rng.random() < 0.2}
    heard: list[str] = []
    at = 0
    # Nobody can tell what came before the first that was heard.
    for lane, queue in sent.items():
        stage.trade(at, lane, queue.popleft())
        restored.feed(frame(at * MS, lane, on(USDM, "trade", trade(USDM, 1))))
    while any(sent.values()):
        lane = rng.choice([lane for lane, queue in sent.items() if queue])
        number, at = sent[lane].popleft(), at + 1
        fields: dict[str, Any] = {"X": "INSURANCE_FUND"} if number in spent else {}
        events = stage.trade(at, lane, number, **fields)
        heard += numbers(events)
        saved = orjson.loads(orjson.dumps(restored.keyframe()))
        restored = Session(registry.venue)
        restored.restore(saved)
        assert list(restored.feed(frame(at * MS, lane, on(USDM, "trade", trade(USDM, number, **fields))))) == events
    assert restored.keyframe() == stage.session.keyframe()
    flow = stage.session.flows[target(USDM)]
    trades = brought - spent - {1}
    assert flow.trades == len(trades) + 1 and sorted(map(int, heard)) == sorted(trades)
    missed = sum(loss.missed or 0 for loss in stage.session.losses)
    assert missed == last - 1 - len(brought)


# -- what has no number


def test_what_has_no_number_is_known_by_its_words() -> None:
    lanes = Lanes(COINM)
    said = [("forceOrder", force_order(COINM)), ("markPrice@1s", mark(COINM))]
    for channel, data in said:
        assert len(lanes.hear(1, 1, channel, data)) == 1
        assert lanes.hear(2, 2, channel, data) == []
        # The same words again on the same connection are another message.
        assert len(lanes.hear(3, 1, channel, data)) == 1
    assert lanes.session.keyframe()["echoes"]
    lanes.feed(4, closed(0, 2))
    assert lanes.session.keyframe()["echoes"] == []


def test_what_one_of_several_connections_said_is_part_of_the_state_that_is_told() -> None:
    lanes = Lanes(COINM)
    lanes.hear(1, 1, "forceOrder", force_order(COINM))
    told = Session(registry.venue)
    for record in state_records(2 * MS, renumbered(lanes.session.keyframe(), lambda connection: connection + 5)):
        told.feed(record)
    for connection, news in ((7, 0), (6, 1)):
        assert len(told.feed(frame(3 * MS, connection, on(COINM, "forceOrder", force_order(COINM))))) == news


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedtape.session.echoes.REMEMBERED", 5)
    lanes = Lanes()
    for number in range(20):
        lanes.hear(number, 1, "bookTicker", quote(SPOT, number))
    assert len(lanes.session.keyframe()["echoes"]) == 5


# -- keyframes


def parallel(seed: int, length: int) -> list[Record]:
    """Records of two lanes that lose, lag, close and come again."""
    rng = random.Random(seed)
    records = [lane_opened(1, 1), lane_opened(2, 2)]
    connections, reached, number, time, now = {1: 1, 2: 2}, {1: 100, 2: 100}, 2, 0, 100
    for _ in range(length):
        time += rng.randrange(1, 400 * MS)
        now += rng.choice((0, 1, 1, 2))
        lane, dice = rng.choice((1, 2)), rng.random()
        by = connections[lane]
        if dice < 0.85 and reached[lane] < now:
            first = reached[lane] + 1
            reached[lane] = rng.randint(first, now)
            if rng.random() < 0.9:
                records.append(frame(time, by, on(SPOT, "depth@100ms", depth(SPOT, first, reached[lane]))))
                records.append(frame(time, by, on(SPOT, "trade", trade(SPOT, reached[lane]))))
                records.append(frame(time, by, on(SPOT, "bookTicker", quote(SPOT, reached[lane]))))
        elif dice < 0.93:
            number += 1
            records += snapshot(time, 1000 + number, SPOT, now)
        elif dice < 0.95:
            records.append(note(time, STALL, {"connection": by, "since": time - 5}))
        else:
            number += 1
            records += [closed(time, by), lane_opened(number, lane, time=time)]
            connections[lane], reached[lane] = number, now
    return records


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_a_session_with_lanes_restored_after_every_record_goes_on_as_if_nothing_had_happened(seed: int) -> None:
    restored, straight = Session(registry.venue), Session(registry.venue)
    for record in parallel(seed, 80):
        saved = orjson.loads(orjson.dumps(restored.keyframe()))
        restored = Session(registry.venue)
        restored.restore(saved)
        assert restored.feed(record) == straight.feed(record)
    assert restored.keyframe() == straight.keyframe()
    assert restored.statistics() == straight.statistics()


def test_a_keyframe_of_the_version_before_is_read() -> None:
    lanes = Lanes(USDM)
    lanes.trade(1, 1, 7)
    saved = orjson.loads(orjson.dumps(lanes.session.keyframe()))
    del saved["lanes"], saved["echoes"]
    ahead = {"target": target(USDM), "recv": 5, "time": 5, "price": "1", "size": "1", "side": "buy", "id": "8", "number": 8}
    saved["flows"][target(USDM)]["trades_ahead"] = [ahead]
    session = Session(registry.venue)
    session.restore(saved)
    session.feed(closed(9, 1))
    assert (session.flows[target(USDM)].trades, session.flows[target(USDM)].trade_number) == (2, 8)
    assert session.losses == []
