"""Clocks: the venues' against the recorder's, told by records alone."""

import orjson
import pytest

from feedtape.edit.state import Choice, chosen, state_records
from feedtape.model.records import BODY, CLOCK, DAMAGE, REQUEST, RESPONSE, Record, note
from feedtape.session import Offset, Session, latency_ns
from feedtape.session.clocks import date_ns, offset_between
from feedtape.venues import registry

MS = 10**6
SECOND = 10**9
NOON = 1_795_521_600 * SECOND
NOON_DATE = "Tue, 24 Nov 2026 12:00:00 GMT"
TIMES = {"binance": "https://api.binance.com/api/v3/time", "kraken": "http://127.0.0.1:9/0/public/Time"}


def begun() -> Session:
    return Session(registry.venue)


def exchange(
    asked: int, took: int, body: bytes, *, venue: str = "binance", url: str = "", date: str = "", status: int = 200
) -> list[Record]:
    """An exchange whose answer's head came after so long, and whose body half a second later."""
    number = asked % 1000 + 1
    headers = {"date": date} if date else {}
    return [
        note(asked, REQUEST, {"venue": venue, "method": "GET", "url": url or TIMES[venue]}, number),
        note(asked + took, RESPONSE, {"status": status, "headers": headers}, number),
        Record(asked + took + SECOND // 2, number, BODY, body),
    ]


def told(time: int) -> bytes:
    return b'{"serverTime": %d}' % (time // MS)


def feed(session: Session, *exchanges: list[Record]) -> Session:
    for records in exchanges:
        for record in records:
            assert not session.feed(record)
    return session


def test_the_middle_of_the_way_is_when_a_clock_was_read() -> None:
    assert offset_between(NOON + 70 * MS + 1, NOON, NOON + 40 * MS) == Offset(50 * MS + 1, 20 * MS, "clock")
    # Of a clock of whole seconds half of one is not told.
    assert offset_between(NOON, NOON, NOON + 40 * MS) == Offset(480 * MS, 520 * MS, "clock")


def test_latency_is_corrected_by_how_far_the_venue_is_ahead() -> None:
    ahead = Offset(50 * MS, MS, "clock")
    assert latency_ns(NOON + 40 * MS, NOON + 20 * MS, ahead) == 30 * MS
    assert latency_ns(NOON, NOON + 20 * MS, None) == 20 * MS
    assert latency_ns(None, NOON, ahead) is None


def test_the_shortest_way_of_the_latest_three_tells_best() -> None:
    session = feed(begun(), *(exchange(NOON + number, took * MS, told(NOON)) for number, took in enumerate((10, 40, 20, 30))))
    found = session.clocks.of("binance")
    assert found is not None and found.uncertain_ns == (500 + 10) * MS
    assert session.clocks.of("kraken") is None and session.clocks.as_json()["binance"]["source"] == "clock"
    assert (session.totals.bad_frames, session.unread, session.totals.losses) == (0, {}, 0)


def test_a_date_stands_in_until_a_clock_is_read() -> None:
    session = feed(
        begun(), exchange(NOON - 20 * MS, 40 * MS, b"{}", venue="kraken", url="https://x/0/public/Depth", date=NOON_DATE)
    )
    assert session.clocks.of("kraken") == Offset(500 * MS, 520 * MS, "date")
    clock = b'{"error": [], "result": {"unixtime": %d}}' % (NOON // SECOND)
    feed(session, exchange(NOON - 20 * MS, 400 * MS, clock, venue="kraken", date=NOON_DATE))
    found = session.clocks.of("kraken")
    assert found is not None and (found.source, found.uncertain_ns) == ("clock", 700 * MS)


@pytest.mark.parametrize(
    ("date", "ns"),
    [
        (NOON_DATE, NOON),
        ("Tue, 24 Nov 2026 12:00:00 -0000", NOON),
        ("", None),
        ("soon", None),
        ("Tue, 99 Nov 2026 99:00:00 GMT", None),
    ],
)
def test_dates(date: str, ns: int | None) -> None:
    assert date_ns(date) == ns


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b'{"serverTime": -1}', b'{"serverTime": 99999999999999999999}'])
def test_a_clock_that_cannot_be_read_tells_nothing_and_is_no_loss(body: bytes) -> None:
    session = feed(begun(), exchange(NOON, MS, body, date="Fri, 31 Dec 9999 23:59:59 GMT"))
    assert session.clocks.of("binance") is None
    assert session.totals.bad_frames == session.totals.losses == 0


def test_a_keyframe_holds_what_was_read_and_so_does_a_part_of_it() -> None:
    session = feed(begun(), exchange(NOON, 10 * MS, told(NOON + 70 * MS)))
    (first, head, body) = exchange(NOON + SECOND, 2 * MS, told(NOON + SECOND + 71 * MS))
    session.feed(note(NOON, CLOCK, {"wall": NOON, "drift_ns": 0}))
    session.feed(first)
    saved = orjson.loads(orjson.dumps(chosen(session.keyframe(), Choice(targets=frozenset()))))
    restored, merged = begun(), begun()
    restored.restore(saved)
    for record in state_records(NOON, saved):
        merged.feed(record)
    assert restored.clocks.of("binance") == merged.clocks.of("binance") == session.clocks.of("binance") is not None
    # An exchange that was under way is measured by when it was asked for.
    stepped = note(NOON + SECOND, CLOCK, {"wall": NOON, "drift_ns": -300 * MS})
    for one in (session, restored):
        for record in (stepped, head, body):
            one.feed(record)
        assert one.clocks.of("binance") == Offset(70 * MS, MS, "clock") and one.totals.clock_steps == 1
    without = {name: part for name, part in saved.items() if name != "clocks"}
    restored.restore(without)
    assert restored.clocks.of("binance") is None


def test_steps_of_our_clock_are_counted_each_recording_by_itself() -> None:
    session = begun()

    def tick(drift: int, source: int | None = None) -> None:
        more = {} if source is None else {"source": source}
        session.feed(note(NOON, CLOCK, {"wall": NOON, "drift_ns": drift, **more}))

    for drift in (0, 60 * MS, 120 * MS, 300 * MS, 300 * MS, -SECOND):
        tick(drift)
    assert session.totals.clock_steps == 2
    for drift in (0, 50 * MS):
        tick(drift, 1)
    assert session.totals.clock_steps == 2
    # Nobody knows what the clock did where the tape is damaged.
    session.feed(note(NOON, DAMAGE, {"bytes": 1, "since": str(NOON), "until": str(NOON), "frames": None, "why": "a flipped bit"}))
    tick(5 * SECOND)
    assert session.totals.clock_steps == 2
