"""What a hostile venue may do to a session: every kind of growth has an end, and every end is told."""

import orjson
import pytest

from feedtape.model.events import Gap
from feedtape.model.records import BODY, CLOSE, ERROR, OPEN, RECV, REQUEST, RESPONSE, STALL, Record, note
from feedtape.session import Session, books, conversations, exchanges
from feedtape.venues import registry
from feedtape.venues.contract import DEEPEST, is_too_deep

TRADE = b'{"e":"trade","E":1,"s":"%b","t":1,"p":"1","q":"1","m":true%b}'
DEPTH = b'{"stream":"%b@depth","data":{"e":"depthUpdate","E":1,"s":"%b","U":1,"u":1,"b":[],"a":[]}}'


def opened() -> Session:
    one = Session(registry.venue)
    one.feed(note(1, OPEN, {"venue": "binance", "url": None}, 1))
    return one


def test_books_beyond_the_limit_are_counted_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "BOOKS_TRACKED", 10)
    one = opened()
    for number in range(30):
        one.feed(Record(2, 1, RECV, DEPTH % (b"s%d" % number, b"S%d" % number)))
    snapshot = orjson.dumps({"lastUpdateId": 1, "bids": [], "asks": []})
    one.feed(note(3, REQUEST, {"venue": "binance", "url": "https://x/api/v3/depth?symbol=NEW"}, 2))
    one.feed(note(3, RESPONSE, {"status": 200}, 2))
    one.feed(Record(3, 2, BODY, snapshot))
    assert len(one.books) == 10
    assert one.totals.untracked == 21
    assert [loss.kind for loss in one.losses] == ["untracked"]
    assert one.loss_found()


def test_connections_exchanges_and_stalls_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "TRACKED", 5)
    monkeypatch.setattr(exchanges, "TRACKED", 5)
    one = Session(registry.venue)
    for number in range(1, 50):
        one.feed(note(1, OPEN, {"venue": "binance", "url": None}, number))
        one.feed(note(1, REQUEST, {"venue": "binance", "url": "https://x/"}, 1000 + number))
        one.feed(note(1, STALL, {"connection": number + 5000, "since": 1}))
    saved = one.keyframe()
    assert [*saved["connections"]] == ["45", "46", "47", "48", "49"]
    assert len(saved["exchanges"]) == 5
    assert not saved["stalled"]
    one.feed(Record(2, 1, RECV, TRADE % (b"X", b"")))
    one.feed(Record(2, 1001, BODY, b"{}"))
    assert one.totals.bad_frames == 2
    one.feed(note(3, CLOSE, {"code": 1000, "by": "venue"}, 49))


@pytest.mark.parametrize("symbol", [b"A" * 201, b"A" * 5_000_000, b""])
def test_a_symbol_that_can_be_none_is_a_bad_frame_of_few_words(symbol: bytes) -> None:
    one = opened()
    (gap,) = one.feed(Record(2, 1, RECV, TRADE % (symbol, b"")))
    assert isinstance(gap, Gap) and gap.kind == "bad-frame" and len(gap.detail) < 400
    assert not one.flows


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":[', b"[[],"])
@pytest.mark.parametrize("warm", [False, True])
def test_deep_nesting_is_a_bad_frame_wherever_it_is(opening: bytes, warm: bool) -> None:
    bomb = opening * (4 * 1024 * 1024 // len(opening))
    one = opened()
    if warm:
        one.feed(Record(2, 1, RECV, b'{"stream":"x@trade","data":%b}' % (TRADE % (b"X", b""))))
    for frame in (bomb, b'{"stream":"x@trade","data":%b}' % (TRADE % (b"X", b',"z":' + bomb)), b'{"stream":"x@y","data":' + bomb):
        (gap,) = one.feed(Record(3, 1, RECV, frame))
        assert isinstance(gap, Gap) and gap.kind == "bad-frame"
    for path in ("depth?symbol=X", "exchangeInfo"):
        one.feed(note(4, REQUEST, {"venue": "binance", "url": f"https://x/api/v3/{path}"}, 2))
        one.feed(note(4, RESPONSE, {"status": 200}, 2))
        one.feed(Record(4, 2, BODY, bomb))
    assert one.totals.bad_frames == 5


def test_how_deep_is_too_deep_is_the_same_for_every_caller() -> None:
    def nested(depth: int) -> bytes:
        return TRADE % (b"X", b',"z":' + b"[" * (depth - 1) + b"]" * (depth - 1))

    def fed_from(frames: int, depth: int) -> int:
        """Bad frames, with so many Python frames between here and the parser."""
        if frames:
            return fed_from(frames - 1, depth)
        one = opened()
        one.feed(Record(2, 1, RECV, nested(depth)))
        return one.totals.bad_frames

    for frames in (0, 200):
        assert fed_from(frames, DEEPEST) == 0
        assert fed_from(frames, DEEPEST + 1) == 1


def test_wide_is_not_deep() -> None:
    assert not is_too_deep(b"[" + b'["1","2"],' * 200_000 + b"[]]")
    assert not is_too_deep(b'{"a":[{"b":[[[]]]}]},' * 50_000)


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize(
    "tail",
    [
        b',"z":"\xff"',
        b',"z":1e999',
        b',"z":"\\ud800"',
        b',"z":' + b"9" * 10_000,
        b',"s":"OTHER"',
        b',"z":NaN',
        b',"t":-0',
        b',"p":"NaN"',
    ],
)
def test_what_came_before_does_not_decide_how_a_frame_is_read(name: str, tail: bytes) -> None:
    """Otherwise a replay from a keyframe could read what the recorder refused."""

    def read(*frames: bytes) -> list[int]:
        one = Session(lambda name: type(registry.venue(name))())
        one.feed(note(1, OPEN, {"venue": name, "url": None}, 1))
        for frame in frames:
            one.feed(Record(2, 1, RECV, frame))
        return [one.totals.bad_frames, len(one.flows)]

    for form in (
        b'{"stream":"x@trade","data":%b}',
        b'{"stream":"x@trade","data":%b,"stream":"y@depth"}',
        b'{"data":%b,"stream":"x@trade"}',
    ):
        whole, odd = form % (TRADE % (b"X", b"")), form % (TRADE % (b"X", tail))
        after = read(whole, odd)
        assert after[0] - read(whole)[0] == read(odd)[0]


def test_a_body_that_is_no_utf8_does_not_end_the_recording() -> None:
    one = opened()
    for path, body in (
        ("depth?symbol=X", b'{"lastUpdateId":1,"bids":[["1\xff","1"]],"asks":[]}'),
        ("exchangeInfo", b'{"symbols":[{"symbol":"\xff","baseAsset":"","quoteAsset":"","filters":[]}]}'),
    ):
        one.feed(note(4, REQUEST, {"venue": "binance", "url": f"https://x/api/v3/{path}"}, 2))
        one.feed(note(4, RESPONSE, {"status": 200}, 2))
        one.feed(Record(4, 2, BODY, body))
    assert one.totals.bad_frames == 2


def test_a_book_of_more_levels_than_any_market_breaks_and_is_empty() -> None:
    one = opened()
    body = b'{"lastUpdateId":1,"bids":[%b],"asks":[]}' % b",".join(b'["%d","1"]' % number for number in range(260_000))
    one.feed(Record(2, 1, RECV, DEPTH % (b"x", b"X")))
    one.feed(note(4, REQUEST, {"venue": "binance", "url": "https://x/api/v3/depth?symbol=X"}, 2))
    one.feed(note(4, RESPONSE, {"status": 200}, 2))
    one.feed(Record(4, 2, BODY, body))
    book = one.books["binance:X"]
    assert book.proof() == ("broken", "bad-frame: more than 250000 levels on one side")
    assert not len(book.book.bids)
    assert [loss.kind for loss in one.losses] == ["bad-frame"]


def test_a_message_that_was_refused_is_a_loss_of_its_venue() -> None:
    one = opened()
    fields = {"message": "too big", "refused": {"size": 20, "limit": 10, "since": 1}}
    events = one.feed(note(5, ERROR, fields, 1))
    assert [type(event).__name__ for event in events] == ["Status", "Gap"]
    (loss,) = one.losses
    assert (loss.kind, loss.since, loss.to) == ("refused-frame", 1, 5)
    assert loss.detail == "binance: a message of 20 bytes, the limit is 10"
    assert one.totals.refused_frames == one.totals.losses == 1


def test_ids_that_jump_to_and_fro_make_no_number_that_a_keyframe_cannot_hold() -> None:
    session = Session(registry.venue)
    form = b'{"stream":"x@depth","data":{"e":"depthUpdate","E":1,"s":"X","U":%d,"u":%d,"pu":%d,"b":[],"a":[]}}'
    for number in range(1, 6):
        session.feed(note(1, OPEN, {"venue": "binance", "url": None}, number))
        for update in (-(2**63) + 1, 2**63 - 1):
            session.feed(Record(2, number, RECV, form % (update, update, update - 1)))
        session.feed(note(3, CLOSE, {"code": 1000, "by": "venue"}, number))
    assert session.books["binance:X"].counters.missed == 2**63 - 1
    orjson.dumps(session.keyframe())
