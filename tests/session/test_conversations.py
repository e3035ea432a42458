"""Connections whose frames are numbered or mean something only by what came before, and decoders of an earlier day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import orjson
import pytest

from bare_venue import Bare
from feedtape.book.keeper import State
from feedtape.book.rules import Integrity
from feedtape.edit.state import Choice, chosen, renumbered, state_records
from feedtape.errors import BadFrame, TapeError, UsageError
from feedtape.model.events import BookDelta, BookSnapshot, Event, Gap, Numbered
from feedtape.model.records import DROP, HEADER, OPEN, RECV, Record, note
from feedtape.session import Session, conversations
from feedtape.venues.contract import Conversation, Venue


class Talk(Conversation):
    """Frames are `[number, symbol, price, size]`; `[number, "name", 7, "X"]` says which symbol a number stands for."""

    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._names: dict[str, str] = {}

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        try:
            number, what, *rest = orjson.loads(payload)
            first = Numbered("", recv, None, number)
            if what == "name":
                self._names[str(rest[0])] = rest[1]
                return (first,)
            target = f"{self._venue}:{self._names[str(what)]}"
        except (ValueError, KeyError) as error:
            raise BadFrame(str(error)) from error
        bids = [(rest[0], rest[1])]
        if len(rest) == 3:
            return first, BookSnapshot(target, recv, None, "book", bids, [], None)
        return first, BookDelta(target, recv, None, "book", bids, [], None, None)

    def save(self) -> Any:
        return self._names

    def load(self, saved: Any) -> None:
        self._names = dict(saved)


class Counted(Bare):
    """A venue that numbers the frames of a connection, from 1 on."""

    name = "counted"
    decoder = "counted/2"
    counts_from: ClassVar[int | None] = 1

    def conversation(self) -> Conversation:
        return Talk("counted")

    def integrity(self, channel: str) -> Integrity:
        return Integrity(snapshot="stream", counted=True)


class OfOld(Counted):
    """The same without numbers: nothing is proven."""

    decoder = "counted/1"
    counts_from = None

    def integrity(self, channel: str) -> Integrity:
        return Integrity(snapshot="stream", unprovable="it was like that")


def resolve(name: str) -> Venue:
    if name not in ("counted", "counted/2", "counted/1"):
        raise UsageError(f"no {name}")
    return OfOld() if name == "counted/1" else Counted()


def opened(*connections: int, **fields: Any) -> Session:
    session = Session(resolve)
    for number in connections:
        session.feed(note(1, OPEN, {"venue": "counted", "url": None} | fields, number))
    return session


def say(session: Session, recv: int, connection: int, *words: Any) -> list[Event]:
    return list(session.feed(Record(recv, connection, RECV, orjson.dumps(words))))


def begun() -> Session:
    session = opened(1, 2)
    for connection, symbol in ((1, "A"), (2, "B")):
        say(session, 2, connection, 1, "name", 7, symbol)
        say(session, 3, connection, 2, 7, "10", "1", "snapshot")
    return session


def test_every_book_of_a_connection_breaks_when_one_of_its_frames_is_missing() -> None:
    session = begun()
    assert not [event for event in say(session, 4, 1, 3, 7, "10", "2") if type(event) is Gap]
    gaps = [event for event in say(session, 9, 1, 6, 7, "10", "3") if type(event) is Gap]
    assert [(gap.target, gap.kind, gap.since, gap.missed) for gap in gaps] == [("", "gap", 4, 2), ("counted:A", "gap", 4, None)]
    assert session.books["counted:A"].state is State.BROKEN and session.books["counted:B"].is_live
    assert session.books["counted:B"].proof() == ("sequence", "no frame of the connection is missing since the snapshot")


def test_a_frame_that_is_missing_before_the_first_one_is_missing_too() -> None:
    session = opened(1)
    assert [type(event) for event in say(session, 2, 1, 2, "name", 7, "A")] == [Gap]


def test_where_a_capture_begins_any_number_may_come_first() -> None:
    session = opened(1, imported="cryptofeed")
    assert say(session, 2, 1, 4711, "name", 7, "A") == []
    assert say(session, 3, 1, 4712, 7, "10", "1", "snapshot")
    assert not session.losses


def test_a_repeated_frame_is_no_news_and_no_loss() -> None:
    session = begun()
    say(session, 4, 1, 3, 7, "10", "2")
    assert say(session, 5, 1, 3, 7, "10", "9") == [] and say(session, 5, 1, 1, 7, "10", "9") == []
    assert session.totals.repeated_frames == 2 and not session.losses
    assert session.books["counted:A"].book.bids.best() == ("10", "2")


def test_a_connection_that_is_one_too_many_takes_its_books_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "TRACKED", 2)
    session = begun()
    known = session.feed(note(5, OPEN, {"venue": "counted", "url": None}, 3))
    assert [(event.target, event.kind) for event in known if type(event) is Gap] == [("counted:A", "disconnect")]
    assert session.books["counted:A"].state is State.BROKEN and session.books["counted:B"].is_live
    assert set(session.connections) == {2, 3}


def test_a_connection_that_stands_by_and_has_lost_its_beginning_is_asked_for_anew() -> None:
    session = opened(1, 2)
    for connection in (1, 2):
        say(session, 2, connection, 1, "name", 7, "A")
    say(session, 3, 1, 2, 7, "10", "1", "snapshot")
    assert not session.wanting
    say(session, 4, 2, 2, 7, "10", "2")
    assert session.books["counted:A"].is_live and session.wanting["counted:A"].wants_stream == [2]


def test_what_was_dropped_here_is_not_counted_as_the_venues_loss() -> None:
    session = begun()
    session.feed(note(5, DROP, {"frames": 3, "since": 4, "connections": [1]}))
    assert [type(event) for event in say(session, 6, 1, 6, 7, "10", "2")] == [BookDelta]
    assert {loss.kind for loss in session.losses} == {"dropped"}


def test_a_keyframe_holds_what_was_said() -> None:
    session = begun()
    restored = Session(resolve)
    restored.restore(orjson.loads(orjson.dumps(session.keyframe())))
    for one in (session, restored):
        assert not [event for event in say(one, 4, 2, 3, 7, "10", "4") if type(event) is Gap]
        assert one.books["counted:B"].book.bids.best() == ("10", "4")
        assert one.books["counted:B"].is_live
        assert Gap in [type(event) for event in say(one, 5, 2, 5, 7, "10", "5")]
    assert restored.digests() == session.digests()


def test_a_part_of_the_state_goes_on_with_what_was_said_on_its_connections() -> None:
    """A cut leaves connections out, and a merge tells a state to a session that has another."""
    session = begun()
    part = orjson.loads(orjson.dumps(chosen(session.keyframe(), Choice(left_out=frozenset({1})))))
    cut = Session(resolve)
    cut.restore(part)
    merged = opened(4)
    for record in state_records(4, renumbered(part, lambda number: number + 7)):
        merged.feed(record)
    for one, connection in ((cut, 2), (merged, 9)):
        assert set(one.books) == {"counted:B"}
        assert [type(event) for event in say(one, 5, connection, 3, 7, "10", "4")] == [BookDelta]
        assert one.books["counted:B"].book.bids.best() == ("10", "4")
        assert Gap in [type(event) for event in say(one, 6, connection, 5, 7, "10", "5")]


def test_a_cut_without_the_connection_that_a_book_follows_begins_with_the_one_that_stands_by() -> None:
    session = opened(1, 2)
    for connection, price in ((1, "10"), (2, "11")):
        say(session, 2, connection, 1, "name", 7, "A")
        say(session, 3, connection, 2, 7, price, "1", "snapshot")
    kept = Session(resolve)
    kept.restore(orjson.loads(orjson.dumps(chosen(session.keyframe(), Choice(left_out=frozenset({1}))))))
    say(kept, 4, 2, 3, 7, "12", "1")
    book = kept.books["counted:A"]
    assert book.is_live and book.source == 2 and list(book.book.bids.top()) == [("12", "1"), ("11", "1")]


def test_a_state_behind_a_hole_tells_what_was_said_in_it() -> None:
    session = begun()
    behind = opened(1, 2)
    for record in state_records(4, session.keyframe(), mends=True, hole=False):
        behind.feed(record)
    assert [type(event) for event in say(behind, 5, 1, 3, 7, "10", "4")] == [BookDelta] and not behind.losses


def test_a_frame_that_cannot_be_read_breaks_what_would_never_show_it() -> None:
    session = Session(resolve)
    session.feed(note(1, HEADER, {"decoders": {"counted": "counted/1"}}))
    session.feed(note(1, OPEN, {"venue": "counted", "url": None}, 1))
    say(session, 2, 1, 1, "name", 7, "A")
    say(session, 3, 1, 2, 7, "10", "1", "snapshot")
    assert session.books["counted:A"].proof() == ("unprovable", "it was like that")
    session.feed(Record(4, 1, RECV, b"{"))
    assert session.books["counted:A"].state is State.BROKEN and session.totals.bad_frames == 1


def test_the_header_says_which_decoder_reads_a_tape() -> None:
    session = Session(resolve)
    session.feed(note(1, HEADER, {"decoders": {"counted": "counted/1"}}))
    session.feed(note(1, OPEN, {"venue": "counted", "url": None}, 1))
    assert say(session, 2, 1, 99, "name", 7, "A") == [] and not session.losses
    assert session.keyframe()["decoders"] == {"counted": "counted/1"}
    unread = Session(resolve)
    unread.feed(note(1, HEADER, {"decoders": {"counted": "counted/9"}}))
    with pytest.raises(TapeError):
        unread.feed(note(1, OPEN, {"venue": "counted", "url": None}, 1))
