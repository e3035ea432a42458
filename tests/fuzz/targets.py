"""What is fuzzed: each target takes any bytes and asserts what must hold whatever they are.

Only the error that a function promises may come out of it; everything else that comes out is a finding, as is an input that
takes seconds. `run.py` feeds the targets from a fuzzer, `test_corpus.py` from the inputs that are kept.
"""

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path

import orjson
import zstandard

from feedtape.book.digest import digest
from feedtape.book.ladder import MAX_LEVELS, Book, Ladder
from feedtape.errors import BadFrame, FeedtapeError
from feedtape.model.decimals import KEYS, SCALE, ZERO, canonical, checked, plain
from feedtape.model.events import BookDelta, BookSnapshot, Event, Trade
from feedtape.model.records import BODY, CLOSE, ERROR, OPEN, RECV, RECV_BINARY, REQUEST, RESPONSE, STALL, Record, note
from feedtape.model.secrets import Hidden, authenticates, redact, redact_url
from feedtape.model.targets import Target
from feedtape.replay.audit import audit
from feedtape.replay.facts import facts_of
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.format import INDEX_MAGIC, SEEK_TABLE_MAGIC, SEEKABLE_MAGIC, signature
from feedtape.tape.reader import TapeReader
from feedtape.tape.repair import open_wrecks, write_repaired
from feedtape.tape.writer import TapeWriter
from feedtape.ui.output import printable, safe_json
from feedtape.venues import registry
from feedtape.venues.contract import LONGEST_NAME, Request, Venue

_STEERING = {chr(code) for code in (*range(0x20), 0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_EXPONENT = re.compile(r"[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,2}", re.ASCII)
RECV_NS = 1_723_161_255_030_314_667


def _check_events(events: Sequence[Event]) -> None:
    for event in events:
        assert event.recv == RECV_NS
        assert len(event.target) <= 4 * LONGEST_NAME
        assert not _STEERING & set(safe_json(orjson.dumps(event.as_json())).decode())
        if isinstance(event, Trade):
            assert not ZERO[event.price] and not ZERO[event.size]


def _keep_book(events: Sequence[Event]) -> None:
    book = Book()
    for event in events:
        try:
            if isinstance(event, BookDelta):
                book.update(event.bids, event.asks)
            elif isinstance(event, BookSnapshot):
                book.replace(event.bids, event.asks, event.sequence)
        except BadFrame:
            book.clear()
        _check_side(book.bids)
        _check_side(book.asks)


def _decode(venue: Venue, data: bytes) -> None:
    try:
        events = venue.conversation().decode(data, RECV_NS)
    except BadFrame as error:
        assert str(error)
        again = None
    else:
        _check_events(events)
        _keep_book(events)
        again = list(events)
    # What was seen before does not decide how a frame is read.
    fresh = type(venue)()
    try:
        assert list(fresh.conversation().decode(data, RECV_NS)) == again
    except BadFrame:
        assert again is None


def _binary(venue: Venue, data: bytes) -> None:
    try:
        _check_events(venue.conversation().decode_binary(data, RECV_NS))
    except BadFrame:
        return


def _body(venue: Venue, data: bytes) -> None:
    """The first line is path and query, the rest the body; a first line that is none stands for a snapshot's path."""
    path, _, body = data.partition(b"\n")
    request = venue.snapshot_request(venue.example)
    requests = [Request(path.decode("latin-1"))]
    if not path.startswith(b"/"):
        requests = [request] if request is not None else [Request("/")]
        requests += [poll for poll, _ in venue.polls(venue.example, venue.channels)]
        body = data
    for one in requests:
        try:
            events = venue.decode_body(one, body, RECV_NS)
        except BadFrame:
            continue
        _check_events(events)
        _keep_book(events)


def _instruments(venue: Venue, data: bytes) -> None:
    for request in venue.instruments_requests():
        try:
            page = venue.instruments(request, data)
        except BadFrame:
            continue
        for one in page.instruments:
            assert 0 < len(one.symbol) <= LONGEST_NAME
            orjson.dumps(one.as_json())


def _check_side(side: Ladder) -> None:
    keys = [side.sign * key for key in side.order]
    assert side.order == sorted(set(side.order)), "keys out of order"
    assert len(side.order) == len(side.prices) == len(side.sizes) <= MAX_LEVELS
    levels = list(side.top())
    assert [KEYS[side.scale][price] for price, _ in levels] == keys[::-1]
    assert all(not ZERO[size] for _, size in levels)
    assert side.best() == (levels[0] if levels else None)


def _book(data: bytes) -> None:
    """Lines of changes to both sides, `b price size` or `a price size`, against a dictionary; `!` replaces the book."""
    book, naive = Book(), {"b": dict[Decimal, Decimal](), "a": dict[Decimal, Decimal]()}
    for line in data.decode("latin-1").split("\n")[:200]:
        words = line.split(" ")
        changes: dict[str, list[tuple[str, str]]] = {"b": [], "a": []}
        for at in range(0, len(words) - 2, 3):
            changes["a" if words[at].endswith("a") else "b"].append((words[at + 1], words[at + 2]))
        try:
            if line.startswith("!"):
                book.replace(changes["b"], changes["a"], len(line))
                naive = {"b": {}, "a": {}}
            else:
                book.update(changes["b"], changes["a"])
        except BadFrame:
            book.clear()
            naive = {"b": {}, "a": {}}
            continue
        for name, side in naive.items():
            for price, size in changes[name]:
                side.pop(Decimal(price), None)
                if Decimal(size):
                    side[Decimal(price)] = Decimal(size)
        for ladder, side, best in ((book.bids, naive["b"], max), (book.asks, naive["a"], min)):
            _check_side(ladder)
            assert {Decimal(price): Decimal(size) for price, size in ladder.top()} == side
            found = ladder.best()
            assert (found is None) == (not side)
            assert found is None or Decimal(found[0]) == best(side)
    # However a book came to be what it is, it has one digest.
    other = Book()
    bids, asks = list(book.bids.top()), list(book.asks.top())
    for price, size in reversed(bids):
        other.update([(price + ("" if "." in price else ".0"), size)], [])
    other.update([], asks[::-1])
    other.sequence = book.sequence
    assert digest(other) == digest(book)


def _is_plain(text: str) -> bool:
    whole, point, fraction = text.partition(".")
    digits = all(char in "0123456789" for char in whole + fraction)
    return digits and 1 <= len(whole) <= 30 and (1 <= len(fraction) <= 18 if point else True)


def _decimals(data: bytes) -> None:
    for text in data.decode("latin-1").split("\n"):
        try:
            key, zero = KEYS[SCALE][text], ZERO[text]
        except BadFrame:
            assert not _is_plain(text)
            continue
        assert _is_plain(text) or _EXPONENT.fullmatch(text)
        number = Decimal(text)
        assert key == Fraction(text) * 10**SCALE and zero == (not number)
        assert Decimal(canonical(text)) == number == Decimal(plain(text)) and _is_plain(plain(text))
        assert not _is_plain(text) or checked(text) == plain(text) == text


_SESSION_KINDS = (RECV, OPEN, CLOSE, BODY, REQUEST, RESPONSE, ERROR, STALL, RECV_BINARY)


def _records(data: bytes) -> Iterator[Record]:
    """Records of lines: a digit for the kind, a digit for the connection, and the payload; or `=` and a venue that opens all."""
    for number, line in enumerate(data.split(b"\n")[:300]):
        time = RECV_NS + number
        if line[:1] == b"=":
            names = registry.names()
            name = names[line[1] % len(names) if len(line) > 1 else 0]
            yield note(time, OPEN, {"venue": name, "url": None, "streams": []}, 1)
            yield note(time, OPEN, {"venue": name, "url": None, "streams": []}, 2)
            request = registry.venue(name).snapshot_request(registry.venue(name).example)
            path = "/" if request is None else request.path
            yield note(time, REQUEST, {"venue": name, "url": f"https://x{path}"}, 3)
            yield note(time, RESPONSE, {"status": 200}, 3)
        elif len(line) >= 2:
            yield Record(time, line[1] % 5, _SESSION_KINDS[line[0] % len(_SESSION_KINDS)], line[2:])


def _session(data: bytes) -> None:
    session = Session(registry.venue)
    for record in _records(data):
        try:
            events = session.feed(record)
        except FeedtapeError:
            assert record.kind not in (RECV, RECV_BINARY, BODY), "a frame never raises"
            continue
        for event in events:
            orjson.dumps(event.as_json())
    for keeper in session.books.values():
        _check_side(keeper.book.bids)
        _check_side(keeper.book.asks)
        assert keeper.is_live or not (len(keeper.book.bids) or len(keeper.book.asks))
    orjson.dumps(session.as_json())
    orjson.dumps(session.statistics())
    saved = orjson.loads(orjson.dumps(session.keyframe()))
    other = Session(registry.venue)
    other.restore(saved)
    assert other.digests() == session.digests()
    assert orjson.dumps(other.keyframe(), option=orjson.OPT_SORT_KEYS) == orjson.dumps(saved, option=orjson.OPT_SORT_KEYS)


def _secrets(data: bytes) -> None:
    authenticates(data)
    text = data.decode("latin-1")
    redact(text)
    redact_url(text)
    hidden = Hidden(text)
    hidden.out_of(text)
    url = f"wss://us3r:pa55word@host/x?{text}&token=t0ken-value"
    said = redact_url(url) + hidden.out_of(url)
    assert "pa55word" not in redact_url(url) and said
    assert "pa55word" not in Hidden(url).out_of(f"a {text} pa55word")


def _words(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    shown = printable(text)
    assert shown.isprintable() and printable(shown) == shown
    try:
        target = Target.parse(text)
    except FeedtapeError:
        target = Target("binance", text)
    assert printable(str(target)).isprintable()
    try:
        value = orjson.loads(data)
    except ValueError:
        return
    written = orjson.dumps(value)
    assert orjson.loads(safe_json(written)) == value
    assert not _STEERING & set(safe_json(written).decode())


def _tape(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tape.zst"
        path.write_bytes(data)
        try:
            reader = TapeReader(path)
        except FeedtapeError:
            return
        try:
            for record in reader.records():
                assert record.time >= 0
        except FeedtapeError:
            pass
        finally:
            reader.close()


def _tape_of_lines(data: bytes) -> None:
    """Take the lines as they are into blocks whose checksums are right, which no flipped byte would come through: blocks are
    apart by an empty line, and what follows `INDEX` is the index."""
    lines, _, index = data.partition(b"INDEX")
    blocks = [
        zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(one) for one in lines.split(b"\n\n")
    ]
    tail = b""
    if index:
        frame = INDEX_MAGIC.to_bytes(4, "little") + len(index).to_bytes(4, "little") + index
        entry = len(frame).to_bytes(4, "little") + bytes(4)
        table = entry + (1).to_bytes(4, "little") + b"\0" + SEEKABLE_MAGIC.to_bytes(4, "little")
        tail = frame + SEEK_TABLE_MAGIC.to_bytes(4, "little") + len(table).to_bytes(4, "little") + table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tape.zst"
        path.write_bytes(signature() + b"".join(blocks) + tail)
        for use in (_audited, _sought, facts_of, _repaired):
            with contextlib.suppress(FeedtapeError):
                use(path)


def _audited(path: Path) -> None:
    with Playback(path) as playback:
        orjson.dumps(audit(playback).as_json())


def _sought(path: Path) -> None:
    with Playback(path) as playback:
        playback.run(playback.time("50%"), seek=True)
        orjson.dumps(playback.session.digests())


def _repaired(path: Path) -> None:
    with path.open("rb") as file:
        for number, wreck in enumerate(open_wrecks(path, file)):
            made = path.with_name(f"{number}.tape.zst")
            write_repaired(wreck, TapeWriter(made), lambda record: None, lambda: {})
            with TapeReader(made) as reader:
                for _ in reader.records(chained=True):
                    pass
                assert reader.complete and not reader.passage.faults


def _of_venues() -> Iterator[tuple[str, Callable[[bytes], None]]]:
    for name in registry.names():
        venue = registry.venue(name)
        yield f"decode-{name}", partial(_decode, venue)
        yield f"binary-{name}", partial(_binary, venue)
        yield f"body-{name}", partial(_body, venue)
        yield f"instruments-{name}", partial(_instruments, venue)


TARGETS: dict[str, Callable[[bytes], None]] = {
    **dict(_of_venues()),
    "book": _book,
    "decimals": _decimals,
    "secrets": _secrets,
    "session": _session,
    "tape": _tape,
    "tape-lines": _tape_of_lines,
    "words": _words,
}
"""Every target by its name, which is also its folder in the corpus; the venues are those of the registry."""
