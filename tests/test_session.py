"""The one path: records in, books and losses out."""

import gzip
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.book.keeper import State
from feedtape.model.events import Event, Gap, Resync, Status
from feedtape.model.records import BODY, CLOCK, DAMAGE, DIGEST, DROP, ERROR, MARKER, RECV_BINARY, REQUEST, STALL, Record, note
from feedtape.session import Session, losses
from feedtape.session.keyframes import keyframe_records
from feedtape.venues import registry
from venues import binance_feed
from venues.binance_feed import built, everything, mixed
from venues.binance_frames import (
    COINM,
    SPOT,
    SYMBOLS,
    URLS,
    USDM,
    closed,
    depth,
    exchange,
    frame,
    mark,
    on,
    opened,
    quote,
    rest,
    snapshot,
    target,
    ticker,
    trade,
)

BOOK = target(SPOT)


class Tape:
    """A session that is fed record by record, the clock ticking once a record."""

    def __init__(self) -> None:
        self.session = Session(registry.venue)
        self.clock = 0
        self.said: list[Event] = []

    def feed(self, *records: Record) -> list[Event]:
        """Feed records, whose own times do not count."""
        self.clock += 1
        said: list[Event] = []
        for record in records:
            said.extend(self.session.feed(Record(self.clock, record.connection, record.kind, record.payload)))
        self.said += said
        return said

    def delta(self, first: int, last: int, *, channel: str = "depth@100ms", by: int = 1, venue: str = SPOT) -> list[Event]:
        return self.feed(frame(0, by, on(venue, channel, depth(venue, first, last))))

    def snapshot(self, sequence: int, venue: str = SPOT) -> list[Event]:
        return self.feed(*snapshot(0, 90 + self.clock, venue, sequence))

    def losses(self) -> list[tuple[str, str, int, int | None, int | None]]:
        return [(loss.target, loss.kind, loss.since, loss.to, loss.missed) for loss in self.session.losses]


def live(venue: str = SPOT) -> Tape:
    """A tape whose book is live at 105; its clock is at 3."""
    tape = Tape()
    tape.feed(opened(0, 1, venue))
    tape.delta(101, 105, venue=venue)
    tape.snapshot(103, venue=venue)
    assert tape.session.books[target(venue)].state is State.LIVE
    return tape


# -- losses, each by its kind


def test_a_gap_is_a_loss_from_the_last_whole_frame_to_the_resync() -> None:
    tape = live()
    tape.delta(108, 109)
    assert tape.losses() == [(BOOK, "gap", 2, None, 2)]
    assert tape.session.loss_found() and tape.session.digests()[BOOK]["digest"] is None
    assert list(tape.session.wanting) == [BOOK]
    tape.delta(110, 111)
    tape.snapshot(110)
    assert tape.losses() == [(BOOK, "gap", 2, 6, 2)]
    assert tape.session.wanting == {} and tape.session.books[BOOK].state is State.LIVE
    assert isinstance(tape.said[-1], Resync)


def test_all_losses_of_a_broken_book_end_at_its_resync() -> None:
    tape = live()
    tape.delta(108, 109)
    tape.delta(113, 114)
    tape.snapshot(114)
    assert [(loss[1], loss[3], loss[4]) for loss in tape.losses()] == [("gap", 6, 2), ("gap", 6, 3)]
    tape.delta(120, 121)
    assert tape.losses()[-1][3] is None


def test_a_disconnect_is_a_loss_of_each_book_of_the_connection() -> None:
    tape = live()
    tape.feed(opened(0, 2, USDM))
    tape.delta(101, 105, venue=USDM, by=2)
    tape.snapshot(104, venue=USDM)
    tape.feed(closed(0, 1))
    [(name, kind, since, to, missed)] = tape.losses()
    assert (name, kind, since, to, missed) == (BOOK, "disconnect", 2, None, None)
    assert "1006" in tape.session.losses[0].detail
    assert tape.session.books[target(USDM)].state is State.LIVE


def test_the_end_of_a_recording_is_no_loss() -> None:
    tape = live()
    tape.feed(closed(0, 1, final=True))
    assert tape.losses() == [] and tape.session.books[BOOK].state is State.LIVE and not tape.session.loss_found()


def test_a_planned_renewal_loses_nothing_and_counts_nothing_twice() -> None:
    tape = live()
    tape.feed(frame(0, 1, on(SPOT, "trade", trade(SPOT, 7))))
    tape.feed(frame(0, 1, on(SPOT, "bookTicker", quote(SPOT, 7))))
    tape.feed(opened(0, 2, SPOT))
    for by in (2, 1):
        tape.feed(frame(0, by, on(SPOT, "trade", trade(SPOT, 8))))
        tape.feed(frame(0, by, on(SPOT, "bookTicker", quote(SPOT, 8))))
        tape.delta(106, 107, by=by)
    tape.feed(closed(0, 1))
    tape.delta(108, 109, by=2)
    tape.feed(frame(0, 2, on(SPOT, "trade", trade(SPOT, 9))))
    assert tape.losses() == []
    assert (tape.session.books[BOOK].state, tape.session.books[BOOK].book.sequence) == (State.LIVE, 109)
    flow = tape.session.flows[BOOK]
    assert (flow.trades, flow.quotes, flow.trade_number) == (3, 2, 9)


def test_a_planned_renewal_of_whole_pictures_loses_nothing() -> None:
    tape = Tape()
    tape.feed(opened(0, 1, SPOT))
    tape.feed(frame(0, 1, on(SPOT, "depth20@100ms", rest(SPOT, 5))))
    tape.feed(opened(0, 2, SPOT))
    tape.feed(frame(0, 2, on(SPOT, "depth20@100ms", rest(SPOT, 6))))
    tape.feed(closed(0, 1))
    tape.feed(frame(0, 2, on(SPOT, "depth20@100ms", rest(SPOT, 7))))
    assert tape.losses() == [] and tape.session.books[BOOK].state is State.LIVE


def test_a_hole_in_the_trade_numbers_is_a_loss_and_spent_ones_are_none() -> None:
    tape = Tape()
    tape.feed(opened(0, 1, USDM))
    sent: list[tuple[int, dict[str, Any]]] = [
        (7, {}),
        (8, {"X": "INSURANCE_FUND"}),
        (9, {}),
        (13, {}),
        (14, {"X": "NA", "p": "0", "q": "0"}),
        (15, {}),
    ]
    for number, fields in sent:
        tape.feed(frame(0, 1, on(USDM, "trade", trade(USDM, number, **fields))))
    assert tape.losses() == [(target(USDM), "trades", 4, 5, 3)]
    assert tape.session.flows[target(USDM)].trades == 4


def test_a_frame_that_cannot_be_read_is_a_loss_and_the_feed_goes_on() -> None:
    tape = live()
    [gap] = tape.feed(frame(0, 1, b"{nonsense"))
    assert isinstance(gap, Gap) and gap.kind == "bad-frame" and gap.detail.startswith("binance: ")
    assert tape.losses() == [("", "bad-frame", 4, 4, None)] and tape.session.totals.bad_frames == 1
    tape.delta(106, 107)
    assert tape.session.books[BOOK].state is State.LIVE and tape.session.books[BOOK].book.sequence == 107


@pytest.mark.parametrize(
    "record", [Record(0, 1, RECV_BINARY, b"\x00\x01"), frame(0, 7, b'{"result":null,"id":1}'), Record(0, 8, BODY, b"{}")]
)
def test_what_nobody_can_have_sent_is_a_bad_frame(record: Record) -> None:
    tape = live()
    tape.feed(record)
    assert [loss[1] for loss in tape.losses()] == ["bad-frame"] and tape.session.totals.bad_frames == 1
    assert tape.session.books[BOOK].state is State.LIVE


def test_a_depth_frame_that_was_damaged_shows_as_a_gap_at_the_next_one() -> None:
    tape = live()
    tape.feed(frame(0, 1, on(SPOT, "depth@100ms", depth(SPOT, 106, 107))[:-9]))
    tape.delta(108, 109)
    assert [loss[1] for loss in tape.losses()] == ["bad-frame", "gap"]


def test_frames_that_were_dropped_here_are_our_loss() -> None:
    tape = live()
    tape.feed(note(0, DROP, {"frames": 12, "since": "2"}))
    assert tape.losses() == [("", "dropped", 2, 4, 12), (BOOK, "dropped", 2, None, None)]
    assert tape.session.totals.dropped == 12 and tape.session.loss_found()
    assert tape.session.books[BOOK].state is State.BROKEN and tape.session.books[BOOK].counters.missed == 0


@pytest.mark.parametrize(
    ("connections", "state"), [([1], State.BROKEN), ([1, 7], State.BROKEN), ([7], State.LIVE), ([], State.LIVE)]
)
def test_what_was_dropped_of_a_connection_breaks_the_books_that_live_on_it(connections: list[int], state: State) -> None:
    tape = live()
    tape.feed(note(0, DROP, {"frames": 12, "since": "2", "connections": connections}))
    assert tape.session.books[BOOK].state is state


def test_what_a_hole_left_without_its_beginning_is_unplaced_and_no_bad_frame() -> None:
    tape = live()
    hole = {"why": "x", "offset": 0, "bytes": 9, "records": None, "frames": None, "since": 2, "until": 3}
    tape.feed(note(0, DAMAGE, hole))
    assert tape.session.books[BOOK].state is State.BROKEN
    tape.feed(Record(0, 8, BODY, b"{}"))
    tape.feed(frame(0, 7, b"{}"))
    assert (tape.session.totals.unplaced, tape.session.totals.bad_frames) == (2, 0)


def test_losses_are_listed_up_to_a_limit_and_counted_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "LOSSES_KEPT", 3)
    tape = live()
    for _ in range(5):
        tape.feed(frame(0, 1, b"?"))
    assert len(tape.session.losses) == 3 and tape.session.totals.losses == 5
    assert tape.session.statistics()["losses"] == 5


def test_a_book_that_stays_broken_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "LOSSES_KEPT", 10)
    tape = live()
    for number in range(100):
        tape.delta(1000 + number * 10, 1001 + number * 10)
    assert len(tape.session.losses) == 10
    assert sum(len(positions) for positions in tape.session.keyframe()["losses"]["open"].values()) <= 10


def test_losses_as_json_name_everything_and_times_are_texts() -> None:
    tape = live()
    tape.delta(108, 109)
    tape.feed(frame(0, 1, b"?"))
    gap, bad = [loss.as_json() for loss in tape.session.losses]
    assert gap == {
        "target": BOOK,
        "kind": "gap",
        "from": "2",
        "to": None,
        "missed": 2,
        "detail": "update 105 is not followed by the next one",
    }
    assert (bad["target"], bad["kind"], bad["from"], bad["to"]) == (None, "bad-frame", "5", "5")


# -- stalls


def test_a_stall_is_shown_until_the_next_frame_and_its_time_is_counted() -> None:
    tape = live()
    [status] = tape.feed(note(0, STALL, {"connection": 1, "since": "2", "message": "silent for 60 s"}))
    assert isinstance(status, Status) and status.message == "silent for 60 s"
    keeper = tape.session.books[BOOK]
    assert keeper.stale_since == 2 and tape.session.totals.stalls == 1
    tape.clock = 60
    tape.delta(106, 107)
    assert keeper.stale_since is None and keeper.counters.stale_ns == 59
    tape.delta(108, 109)
    assert keeper.counters.stale_ns == 59 and tape.losses() == []


def test_a_stall_ends_with_its_connection_and_not_with_another_one() -> None:
    tape = live()
    tape.feed(opened(0, 2, USDM))
    tape.feed(note(0, STALL, {"connection": 1, "since": "2"}))
    tape.delta(101, 105, venue=USDM, by=2)
    assert tape.session.books[BOOK].stale_since == 2
    tape.feed(closed(0, 1))
    keeper = tape.session.books[BOOK]
    assert keeper.stale_since is None and keeper.counters.stale_ns == tape.clock - 2


# -- several streams


def test_two_book_streams_of_one_symbol_are_two_books_of_one_snapshot() -> None:
    tape = Tape()
    tape.feed(opened(0, 1, SPOT))
    tape.delta(101, 105)
    tape.delta(104, 104, channel="depth")
    assert set(tape.session.wanting) == {BOOK, f"{BOOK}@depth"}
    tape.snapshot(104)
    assert {name: keeper.book.sequence for name, keeper in tape.session.books.items()} == {BOOK: 105, f"{BOOK}@depth": 104}
    # A hole in one is none in the other.
    tape.delta(108, 109)
    tape.delta(105, 105, channel="depth")
    assert [loss[0] for loss in tape.losses()] == [BOOK]
    assert [keeper.state for keeper in tape.session.books.values()] == [State.BROKEN, State.LIVE]


def test_a_partial_stream_beside_a_diff_stream_is_a_book_of_its_own() -> None:
    tape = live()
    tape.feed(frame(0, 1, on(SPOT, "depth5@100ms", rest(SPOT, 500))))
    name = f"{BOOK}@depth5@100ms"
    assert tape.session.as_json()[name]["proof"] == "unprovable"
    assert tape.session.as_json()[BOOK]["proof"] == "sequence"
    tape.delta(106, 107)
    assert tape.session.books[BOOK].book.sequence == 107 and tape.session.books[name].book.sequence == 500


def test_a_snapshot_that_comes_before_any_stream_is_held_for_it() -> None:
    tape = Tape()
    tape.feed(opened(0, 1, SPOT))
    tape.snapshot(103)
    tape.delta(101, 105)
    assert list(tape.session.books) == [BOOK] and tape.session.books[BOOK].state is State.LIVE


def test_facts_of_a_derivative_are_merged_and_what_was_not_said_stays() -> None:
    tape = Tape()
    tape.feed(opened(0, 1, COINM))
    tape.feed(frame(0, 1, on(COINM, "markPrice@1s", mark(COINM))))
    tape.feed(frame(0, 1, on(COINM, "ticker", ticker(COINM))))
    path = f"/openInterest?symbol={SYMBOLS[COINM]}"
    tape.feed(*exchange(0, 9, COINM, path, b'{"openInterest":"123"}'))
    merged = tape.session.flows[target(COINM)].derivative
    assert merged is not None
    assert (merged.mark, merged.last, merged.open_interest, merged.funding_rate) == ("60001.5", "60000.1", "123", "-0.00010000")


# -- HTTP


@pytest.mark.parametrize("status", [301, 400, 418, 429, 451, 500])
def test_an_http_error_is_counted_said_and_no_snapshot(status: int) -> None:
    tape = Tape()
    tape.feed(opened(0, 1, SPOT))
    tape.delta(101, 105)
    body = orjson.dumps(rest(SPOT, 103))
    [said] = tape.feed(*exchange(0, 9, SPOT, "/depth?symbol=BTCUSDT&limit=5000", body, status))
    assert isinstance(said, Status) and str(status) in said.message
    assert tape.session.totals.http_errors == 1 and tape.session.books[BOOK].state is State.SYNCING
    assert tape.losses() == [] and BOOK in tape.session.wanting


def test_a_request_that_failed_is_counted_and_a_body_after_it_belongs_to_nothing() -> None:
    tape = live()
    request = note(0, REQUEST, {"venue": SPOT, "method": "GET", "url": URLS[SPOT] + "/depth?symbol=BTCUSDT"}, 9)
    [said] = tape.feed(request, note(0, ERROR, {"message": "timed out"}, 9))
    assert isinstance(said, Status) and said.message == "timed out" and tape.session.totals.http_errors == 1
    tape.feed(Record(0, 9, BODY, b"{}"))
    assert tape.session.totals.bad_frames == 1


def test_a_snapshot_that_cannot_be_read_is_a_bad_frame() -> None:
    tape = live()
    tape.feed(*exchange(0, 9, SPOT, "/depth?symbol=BTCUSDT", b"<html>"))
    assert tape.session.totals.bad_frames == 1 and tape.session.books[BOOK].state is State.LIVE


def test_instruments_are_known_of_what_is_there_and_of_what_comes() -> None:
    tape = live()
    entries: list[dict[str, Any]] = [
        {"symbol": name, "baseAsset": "B", "quoteAsset": "Q", "filters": []} for name in ("BTCUSDT", "ETHUSDT", "XRPUSDT")
    ]
    tape.feed(*exchange(0, 9, SPOT, "/exchangeInfo", orjson.dumps({"symbols": entries})))
    assert set(tape.session.instruments) == {BOOK}
    tape.feed(frame(0, 1, orjson.dumps({"stream": "ethusdt@bookTicker", "data": quote(SPOT, s="ETHUSDT")})))
    assert set(tape.session.instruments) == {BOOK, "binance:ETHUSDT"}


# -- digests, counters


def test_digests_written_are_compared() -> None:
    tape = live()
    written = tape.session.digests()
    tape.feed(note(0, DIGEST, {"books": written}))
    assert (tape.session.totals.digests_matched, tape.session.totals.digests_failed) == (1, 0)
    tape.delta(106, 107)
    tape.feed(note(0, DIGEST, {"books": written | {"binance:NEVER": written[BOOK]}}))
    assert (tape.session.totals.digests_matched, tape.session.totals.digests_failed) == (1, 2)


def test_frames_and_bytes_are_counted_and_notes_are_not() -> None:
    tape = Tape()
    records = [
        opened(0, 1, SPOT),
        frame(0, 1, b'{"result":null,"id":1}'),
        note(0, MARKER, {}),
        note(0, CLOCK, {}),
        frame(0, 1, b"?"),
    ]
    tape.feed(*records, *snapshot(0, 9, SPOT, 5))
    body = snapshot(0, 9, SPOT, 5)[-1].payload
    totals = tape.session.totals
    assert (totals.frames, totals.bytes, totals.connections) == (3, 22 + 1 + len(body), 1)


def test_records_of_unknown_kinds_change_nothing() -> None:
    tape = live()
    before = everything(tape.session)
    tape.clock -= 1
    assert tape.feed(Record(0, 0, b"from.the.future", b"\xff")) == []
    assert everything(tape.session) == before


def test_names_of_unread_events_are_few_and_short() -> None:
    tape = Tape()
    tape.feed(opened(0, 1, SPOT))
    for number in range(300):
        tape.feed(frame(0, 1, orjson.dumps({"e": f"{number}" + "x" * 10_000})))
    assert len(tape.session.unread) <= 101 and max(map(len, tape.session.unread)) <= 40
    assert sum(tape.session.unread.values()) == 300


@pytest.mark.parametrize(
    "payload",
    [
        on(SPOT, "depth@100ms", depth(SPOT, 106, 4242)).replace(b"4242", b"9" * 30),
        on(SPOT, "depth@100ms", depth(SPOT, 106, 107) | {"E": 9 * 10**18}),
        on(SPOT, "trade", trade(SPOT, 4242)).replace(b"4242", b"9" * 30),
        on(SPOT, "bookTicker", quote(SPOT, 4242)).replace(b"4242", b"9" * 30),
    ],
    ids=["depth id", "depth time", "trade number", "quote id"],
)
def test_no_frame_makes_a_state_that_cannot_be_written_down(payload: bytes) -> None:
    tape = live()
    tape.feed(frame(0, 1, payload))
    orjson.dumps(tape.session.keyframe())
    orjson.dumps(tape.session.statistics())


# -- keyframes, determinism


def test_a_tape_that_begins_between_question_and_answer_knows_what_was_asked() -> None:
    asked = Session(registry.venue)
    question, *answer = snapshot(1, 9, SPOT, 103)
    asked.feed(question)
    begun = Session(registry.venue)
    for record in (*keyframe_records(2, asked.keyframe()), *answer):
        begun.feed(record)
    assert (begun.totals.bad_frames, begun.losses) == (0, []) and BOOK in begun.books


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_a_session_restored_anywhere_goes_on_as_if_nothing_had_happened(seed: int, cuts: list[float]) -> None:
    records = mixed(seed, 250)
    restored = Session(registry.venue)
    straight = Session(registry.venue)
    places = {int(cut * len(records)) for cut in cuts}
    for number, record in enumerate(records):
        if number in places:
            saved = orjson.loads(orjson.dumps(restored.keyframe()))
            restored = Session(registry.venue)
            restored.restore(saved)
        assert restored.feed(record) == straight.feed(record)
    assert everything(restored) == everything(straight)


def test_a_session_restored_after_every_record_goes_on_as_if_nothing_had_happened() -> None:
    restored, straight = Session(registry.venue), Session(registry.venue)
    for record in mixed(11, 500):
        saved = orjson.loads(orjson.dumps(restored.keyframe()))
        restored = Session(registry.venue)
        restored.restore(saved)
        assert restored.feed(record) == straight.feed(record)
    assert everything(restored) == everything(straight)
    assert straight.totals.stalls > 0 and straight.totals.http_errors > 0


def test_the_mixed_stream_has_everything_in_it() -> None:
    """What the test above says is worth what its stream holds."""
    session = built(mixed(1, 6_000))
    totals = session.totals
    assert {loss.kind for loss in session.losses} == {"gap", "trades", "disconnect", "bad-frame", "dropped"}
    assert min(totals.bad_frames, totals.dropped, totals.stalls, totals.http_errors) > 0
    assert len(session.books) == 6 and all(keeper.counters.resyncs > 1 for keeper in session.books.values())
    assert any(keeper.counters.stale_ns for keeper in session.books.values())


def test_a_stream_builds_the_same_under_any_hash_seed() -> None:
    here = everything(built(mixed(3, 800))).decode()
    folder = Path(binance_feed.__file__).parent.parent
    for seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
        command = [sys.executable, "-m", "venues.binance_feed", "3", "800"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        assert run.stdout == here


# -- real frames

CAPTURES = {
    SPOT: ("binance-spot-btcusdt-20240808.gz", "depth@100ms"),
    USDM: ("binance-usdm-btcusdt-20240808.gz", "depth@0ms"),
    COINM: ("binance-coinm-btcusd_perp-20240808.gz", "depth@0ms"),
}
PLACES = 25
WATCHED = 250
"""Records for which a book that broke is watched, before it is given a snapshot."""


def captured(frames: Path, venue: str) -> list[Record]:
    """A capture as records: a connection, and an exchange for each snapshot."""
    records = [opened(0, 1, venue)]
    for line in gzip.decompress((frames / "hftbacktest" / CAPTURES[venue][0]).read_bytes()).splitlines():
        stamp, _, payload = line.partition(b" ")
        if payload.startswith(b'{"stream"'):
            records.append(frame(int(stamp), 1, payload))
        else:
            records += exchange(int(stamp), 2, venue, f"/depth?symbol={SYMBOLS[venue]}&limit=1000", payload)
    return records


def forked(session: Session) -> Session:
    """Another session in the same state, by way of a keyframe."""
    fork = Session(registry.venue)
    fork.restore(orjson.loads(orjson.dumps(session.keyframe())))
    return fork


def picture(session: Session, venue: str) -> Sequence[Record]:
    """The REST snapshot that the venue would give of a session's live book."""
    book = session.books[target(venue)].book
    body: dict[str, Any] = {"lastUpdateId": book.sequence, "bids": list(book.bids.top()), "asks": list(book.asks.top())}
    return exchange(session.last, 77, venue, f"/depth?symbol={SYMBOLS[venue]}", orjson.dumps(body))


@pytest.mark.frames
@pytest.mark.parametrize("venue", CAPTURES)
def test_a_real_capture_has_no_loss_and_each_frame_taken_out_of_it_is_one(frames: Path, venue: str) -> None:
    records, name, channel = captured(frames, venue), target(venue), CAPTURES[venue][1].encode()
    deltas = [number for number, record in enumerate(records) if b"@" + channel + b'"' in record.payload[:60]]
    begin = next(number for number, record in enumerate(records) if record.kind == BODY)
    eligible = [number for number in deltas if begin + 2 < number < len(records) - 2 * WATCHED]
    places = set(random.Random(20240808).sample(eligible, PLACES))
    missing: list[tuple[int, Session]] = []
    whole = Session(registry.venue)
    checked = 0
    for number, record in enumerate(records):
        if number in places:
            missing.append((number, forked(whole)))
        whole.feed(record)
        while missing and missing[0][0] + WATCHED == number:
            place, fork = missing.pop(0)
            check_loss(fork, whole, records, place, deltas, venue)
            checked += 1
    assert checked == PLACES
    assert whole.losses == [] and whole.totals.bad_frames == 0 and whole.unread == {}
    assert whole.books[name].state is State.LIVE and whole.books[name].counters.gaps == 0
    assert whole.flows[name].trades > 0 and whole.flows[name].quotes > 0


def check_loss(fork: Session, whole: Session, records: list[Record], place: int, deltas: list[int], venue: str) -> None:
    """Go on from `place` without the frame there, for as long as `whole` went on with it."""
    name = target(venue)
    position = deltas.index(place)
    before, after = records[deltas[position - 1]].time, deltas[position + 1]
    keeper = fork.books[name]
    for number in range(place + 1, place + WATCHED + 1):
        fork.feed(records[number])
        assert (keeper.state is State.LIVE) == (number < after)
        if number >= after:
            assert len(keeper.book.bids) == len(keeper.book.asks) == 0 and keeper.digest() is None
    [loss] = fork.losses
    assert (loss.target, loss.kind, loss.since, loss.to) == (name, "gap", before, None)
    assert (keeper.broken_at, keeper.proof()[0]) == (records[after].time, "broken")
    lost = orjson.loads(records[place].payload)["data"]
    assert loss.missed == (lost["u"] - lost["U"] + 1 if venue == SPOT else lost["u"] - lost["pu"])
    # The next snapshot makes it whole again, and the same as if nothing had been missing.
    for record in picture(whole, venue):
        fork.feed(record)
    assert keeper.state is State.LIVE and fork.losses[0].to == whole.last
    assert fork.digests()[name] == whole.digests()[name]
