"""OKX's real frames: a capture checked by an independent naive reading, golden messages, single frames, lists of instruments."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from feedtape.book.keeper import State
from feedtape.convert.plan import make_plan
from feedtape.errors import BadFrame
from feedtape.model.events import BookDelta, BookSnapshot, Derivative, Event, Quote, Trade, Unread
from feedtape.model.records import BODY, HEADER, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues import registry
from feedtape.venues.contract import Request, path_of
from feedtape.venues.okx import Okx
from golden import Normal, compared

pytestmark = pytest.mark.frames

Sides = tuple[dict[str, str], dict[str, str]]
"""A naive book: sizes by price, bids and asks, all as written."""
DUMP, START = "OKX.ws.1.0.gz", "OKX.0.gz"
DEPTH = 400


def received(frames: Path) -> Iterator[tuple[int, bytes]]:
    """Times and frames of the dump, without what was sent and what is no frame."""
    with gzip.open(frames / "cryptofeed" / DUMP, "rb") as lines:
        for line in lines:
            seconds, _, payload = line.rstrip(b"\n").partition(b": ")
            if payload and seconds.replace(b".", b"").isdigit():
                yield int(Decimal(seconds.decode()) * 10**9), payload


def crc(book: Sides) -> int:
    bids = sorted(book[0].items(), key=lambda level: Decimal(level[0]), reverse=True)[:25]
    asks = sorted(book[1].items(), key=lambda level: Decimal(level[0]))[:25]
    texts: list[str] = []
    for rank in range(25):
        for side in (bids, asks):
            texts += side[rank] if rank < len(side) else ()
    unsigned = zlib.crc32(":".join(texts).encode())
    return unsigned - 2**32 if unsigned >= 2**31 else unsigned


def naive(frames: Path) -> tuple[dict[str, Sides], Counter[str]]:
    """The books of the dump and what there is to count, read without any of the decoder."""
    books: dict[str, Sides] = {}
    counted = Counter[str]()
    for _, payload in received(frames):
        message = json.loads(payload)
        if message.get("arg", {}).get("channel") != "books" or "data" not in message:
            continue
        [row] = message["data"]
        counted["numbered"] += "seqId" in row or "prevSeqId" in row
        if message["action"] == "snapshot":
            books[message["arg"]["instId"]] = ({}, {})
        book = books[message["arg"]["instId"]]
        for sizes, levels in zip(book, (row["bids"], row["asks"]), strict=True):
            for price, size, dead, orders in levels:
                assert dead == "0" and (orders == "0") == (size == "0")
                if Decimal(size):
                    sizes[price] = size
                else:
                    counted["unknown deletes"] += price not in sizes
                    sizes.pop(price, None)
            counted["too deep"] += len(sizes) > DEPTH
        counted["matched" if crc(book) == row["checksum"] else "failed"] += 1
    return books, counted


def replayed(frames: Path, decoder: str, keep: Callable[[int], bool] = lambda number: True) -> tuple[Session, list[Event]]:
    """What a session makes of the dump by a decoder, of the frames whose place is kept."""
    session, events = Session(registry.venue), list[Event]()
    start = next(received(frames))[0]
    session.feed(note(start, HEADER, {"decoders": {"okx": decoder}}))
    session.feed(note(start, OPEN, {"venue": "okx", "imported": DUMP}, 1))
    for number, (time, payload) in enumerate(received(frames)):
        if keep(number):
            session.feed(Record(time, 1, RECV, payload))
            events += session.heard[1]
    return session, events


def test_every_checksum_of_2022_holds(frames: Path) -> None:
    """Neither numbers nor the other way round: of those days it is the checksum alone that proves a book.

    Levels are deleted that were never told, and yet no checksum fails: that a level is unknown is no loss on this venue.
    """
    books, counted = naive(frames)
    assert counted == {"matched": 170, "unknown deletes": 533, "numbered": 0, "too deep": 0}
    session, events = replayed(frames, "okx/5-2021")
    assert not session.losses and session.totals.bad_frames == 0
    assert set(session.books) == {f"okx:{symbol}" for symbol in books}
    keepers = session.books.values()
    assert sum(keeper.counters.checksums_matched for keeper in keepers) == 170
    assert sum(keeper.counters.checksums_failed + keeper.counters.gaps for keeper in keepers) == 0
    for target, keeper in session.books.items():
        bids, asks = books[target.partition(":")[2]]
        assert keeper.state is State.LIVE and keeper.proof()[0] == "checksum"
        assert dict(keeper.book.bids.top()) == bids and dict(keeper.book.asks.top()) == asks
    kinds = Counter(type(event).__name__ for event in events)
    # Three of 39 trades were made before anybody asked for them; tickers of contracts are facts, the 16 of spot are not.
    assert kinds == {
        "Acknowledged": 18,
        "BookSnapshot": 3,
        "BookDelta": 167,
        "Trade": 36,
        "Derivative": 2,
        "Unread": 3 + 16,
    }


def test_trades_of_before_are_no_news(frames: Path) -> None:
    """The first of each stream is up to half a minute old; the ids of what follows go on from it."""
    _, events = replayed(frames, "okx/5-2021")
    history = [event for event in events if isinstance(event, Unread) and event.name == "trade history"]
    assert {event.target for event in history} == {"okx:BTC-USD-220527", "okx:UNI-USD-SWAP", "okx:BTC-USDT"}
    told = [json.loads(payload) for _, payload in received(frames) if b'"channel":"trades"' in payload and b'"data"' in payload]
    assert len(told) == 39 and all(len(message["data"]) == 1 for message in told)
    rows = [message["data"][0] for message in told]
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row["instId"], row["tradeId"])
    known = [(row["instId"], row["tradeId"], row["px"], row["sz"], row["side"], int(row["ts"]) * 10**6) for row in rows]
    known = [one for one in known if first[one[0]] != one[1]]
    trades = [event for event in events if isinstance(event, Trade)]
    assert [(one.target[4:], one.id, one.price, one.size, one.side, one.time) for one in trades] == known


def test_any_update_of_a_busy_book_that_is_missing_fails_a_checksum(frames: Path) -> None:
    mine = [
        number
        for number, (_, payload) in enumerate(received(frames))
        if b'"action":"update"' in payload and b'"instId":"BTC-USDT"' in payload
    ]
    assert len(mine) == 57
    for missing in mine[:-1:6]:
        session, _ = replayed(frames, "okx/5-2021", lambda number, gone=missing: number != gone)  # type: ignore[misc]
        keeper = session.books["okx:BTC-USDT"]
        assert keeper.state is State.BROKEN and keeper.counters.checksums_failed == 1
        assert all(other.is_live for other in session.books.values() if other is not keeper)


def test_a_book_without_numbers_is_none_of_the_current_protocol(frames: Path) -> None:
    session, _ = replayed(frames, "okx/5")
    assert session.totals.bad_frames == 170 and not session.books
    plan = make_plan([frames / "cryptofeed" / DUMP], venue=None, format="auto", symbol=None)
    assert plan.venues == ["okx"] and plan.header["decoders"] == {"okx": "okx/5-2021"}


# -- golden messages

NEWS_TWICE = "they choose one of a venue's book channels by the day; here each is a book of its own"
OTHER_MARKET = "their markets are one venue here: a swap's funding is news wherever it comes"
REPEATED = "an unchanged ticker is news of its own time; they drop it"
INDEX_APART = "an index is a table of its own in v3, and nothing of an option's; they merge it into its summary"
SAID_ZERO = "an open interest of nothing was said; they leave zeros out"


def only(**fields: object) -> Callable[[list[Normal]], list[Normal]]:
    return lambda theirs: [theirs[0] | fields]


def book(symbol: str, ms: int, bids: dict[str, str], asks: dict[str, str], *, snapshot: bool = False) -> Normal:
    sides = [{Decimal(price): Decimal(size) for price, size in side.items()} for side in (bids, asks)]
    return {
        "type": "book_change",
        "isSnapshot": snapshot,
        "symbol": symbol,
        "timestamp": ms,
        "bids": sides[0],
        "asks": sides[1],
    }


def ticker(symbol: str, ms: int, **facts: object) -> Normal:
    names = ("lastPrice", "openInterest", "fundingRate", "indexPrice", "markPrice", "fundingTimestamp")
    return {"type": "derivative_ticker", "symbol": symbol, "timestamp": ms} | {name: facts.get(name) for name in names}


def said(*more: Normal) -> Callable[[list[Normal]], list[Normal]]:
    return lambda theirs: [*more, *theirs]


NO_INDEX, ZERO_INTEREST = {"underlyingPrice": None}, {"openInterest": Decimal(0)}
EOS = book("EOS-USD-191206", 1_575_386_099_904, {"2.25": "1459"}, {})
PUT = book("BTC-USD-200327-12000-P", 1_581_120_028_101, {}, {"0.234": "0", "0.2345": "100"})
PARTIAL = book("BTC-USD-200207-8500-P", 1_581_032_571_121, {}, {"0.0005": "305"}, snapshot=True)
OPENED = book(
    "BTC-USD-190405", 1_564_617_608_930, {"4084.56": "4", "4084.5": "29"}, {"4084.57": "38", "4085": "20"}, snapshot=True
)
FUNDING = ticker("BCH-USD-SWAP", 1_564_617_602_997, fundingRate=Decimal("0.00023534"), fundingTimestamp=1_564_632_000_000)
LAST = ticker("BTC-USD-200103", 1_577_836_799_382, lastPrice=Decimal("7181.47"), openInterest=Decimal(530385))

DIFFERENT: dict[tuple[str, int], tuple[str, Callable[[list[Normal]], list[Normal]]]] = {
    ("okex", 3): (NEWS_TWICE, said(book("BTC-USDT", 1_575_386_099_904, {"2.25": "1459"}, {}))),
    ("okex-swap", 5): (NEWS_TWICE, said(EOS)),
    ("okex-swap", 10): (NEWS_TWICE, said(book("ETC-USDT-SWAP", 1_581_120_060_035, {"11.66": "160"}, {"11.761": "0"}))),
    ("okex-futures", 5): (OTHER_MARKET, said(FUNDING)),
    ("okex-futures", 8): (NEWS_TWICE, said(EOS)),
    ("okex-futures", 10): (REPEATED, said(LAST)),
    ("okex-futures", 14): (NEWS_TWICE, said(OPENED)),
    ("okex-options", 1): (NEWS_TWICE, said(PUT)),
    ("okex-options", 4): (INDEX_APART, only(**NO_INDEX)),
    ("okex-options", 5): (f"{INDEX_APART}; {SAID_ZERO}", only(**NO_INDEX, **ZERO_INTEREST)),
    ("okex-options", 7): (NEWS_TWICE, said(book("BTC-USD-200710-8750-C", 1_593_561_651_209, {}, {}))),
    ("okex-options", 8): (f"{INDEX_APART}; {SAID_ZERO}", only(**NO_INDEX, **ZERO_INTEREST, vega=Decimal(0))),
    ("okex-options", 9): (f"{INDEX_APART}; {SAID_ZERO}", only(**NO_INDEX, **ZERO_INTEREST, vega=Decimal(0))),
    ("okex-options", 11): (NEWS_TWICE, said(PARTIAL)),
    ("okex-options", 15): (INDEX_APART, only(**NO_INDEX)),
    ("okex-options", 16): (f"{INDEX_APART}; {SAID_ZERO}", only(**NO_INDEX, **ZERO_INTEREST)),
}


@pytest.mark.parametrize(
    ("name", "exact", "of"), [("okex", 7, 8), ("okex-swap", 12, 14), ("okex-futures", 16, 20), ("okex-options", 9, 18)]
)
def test_golden_messages(frames: Path, name: str, exact: int, of: int) -> None:
    pairs = compared(frames / "golden" / f"{name}.jsonl", Okx)
    differing = [index for index, (theirs, found) in enumerate(pairs) if theirs != found]
    for index, (theirs, found) in enumerate(pairs):
        why, change = DIFFERENT.get((name, index), ("", None))
        assert found == (theirs if change is None else change(theirs)), f"{name} {index} {why}"
    # An explanation of a difference that is none would be a lie.
    assert differing == [index for one, index in DIFFERENT if one == name]
    assert (len(pairs) - len(differing), len(pairs)) == (exact, of)


# -- single frames and lists


def single(frames: Path, name: str) -> bytes:
    return (frames / "single" / "okx" / name).read_bytes()


def test_single_frames_of_2026(frames: Path) -> None:
    def read(name: str) -> Event:
        [event] = Okx().decode(single(frames, f"ws_{name}.json"), 1)
        return event

    assert read("bbo_tbt") == Quote("okx:BTC-USDT", 1, 1_597_026_383_085_000_000, "8476.97", "256", "8476.98", "415", 123456)
    snapshot, update = read("books_snapshot"), read("books_update")
    assert isinstance(snapshot, BookSnapshot) and isinstance(update, BookDelta)
    assert (snapshot.channel, snapshot.bids[0], snapshot.asks[0]) == ("books", ("8476.97", "256"), ("8476.98", "415"))
    numbers = [json.loads(single(frames, f"ws_books_{name}.json"))["data"][0] for name in ("snapshot", "update")]
    assert [snapshot.sequence, update.last] == [row["seqId"] for row in numbers] and update.prev == numbers[1]["prevSeqId"]
    assert [snapshot.checksum, update.checksum] == [row["checksum"] for row in numbers]
    assert read("funding_rate") == Derivative(
        "okx:BTC-USDT-SWAP",
        1,
        1_744_590_349_506_000_000,
        funding_rate="0.0001",
        funding_time=1_744_590_349_506_000_000,
    )
    trade = read("trades")
    assert isinstance(trade, Trade) and (trade.price, trade.size, trade.side, trade.id) == (
        "42219.9",
        "0.12060306",
        "buy",
        "130639474",
    )
    # What is of an account, of another market or of no channel of ours; a ticker of spot tells what quotes and trades do.
    others = [path.name for path in (frames / "single" / "okx").glob("ws_*.json")]
    for name in ("bbo_tbt", "books_snapshot", "books_update", "funding_rate", "trades", "opt_summary"):
        others.remove(f"ws_{name}.json")
    for name in others:
        assert all(isinstance(event, Unread) for event in Okx().decode(single(frames, name), 1)), name
    # The rows of a summary without the message around them are no frame.
    with pytest.raises(BadFrame):
        Okx().decode(single(frames, "ws_opt_summary.json"), 1)
    rows = json.loads(single(frames, "ws_opt_summary.json"))
    whole = {"arg": {"channel": "opt-summary", "instFamily": "BTC-USD"}, "data": rows}
    assert len(Okx().decode(json.dumps(whole).encode(), 1)) == len(rows) == 2


def lists(frames: Path) -> dict[str, bytes]:
    """The lists of instruments of the dump's start, by address."""
    found: dict[str, bytes] = {}
    with gzip.open(frames / "cryptofeed" / START, "rb") as lines:
        for line in lines:
            about, _, body = line.rstrip(b"\n").partition(b": ")
            url = about.decode().partition(" ")[0]
            if "/instruments" in url:
                found.setdefault(url, body)
    return found


def test_lists_of_instruments(frames: Path) -> None:
    """Nothing of them is lost, and contracts are worth what the venue says."""
    okx, kinds = Okx(), Counter[str]()
    for url, body in lists(frames).items():
        rows = json.loads(body)["data"]
        page = okx.instruments(Request(path_of(url)), body)
        assert not page.more and [one.symbol for one in page.instruments] == [row["instId"] for row in rows]
        kinds.update(one.kind for one in page.instruments)
        for one, row in zip(page.instruments, rows, strict=True):
            assert (one.tick, one.lot, one.trading) == (row["tickSz"], row["lotSz"], row["state"] == "live")
            if row["ctVal"]:
                assert one.multiplier is not None
                assert Decimal(one.multiplier) == Decimal(row["ctVal"]) * Decimal(row["ctMult"])
    assert kinds == {"spot": 513, "perpetual": 166, "future": 104, "option": 696}
    counts = {"spot": 5, "swap": 3, "futures": 6, "option": 4}
    for name, count in counts.items():
        body = single(frames, f"http_get_instruments_{name}.json")
        assert len(okx.instruments(Request("/api/v5/public/instruments"), body).instruments) == count


def test_a_books_facts_come_of_the_lists_that_were_asked_for(frames: Path) -> None:
    session, start = Session(registry.venue), next(received(frames))[0]
    for number, (url, body) in enumerate(lists(frames).items(), 10):
        session.feed(note(start, REQUEST, {"venue": "okx", "method": "GET", "url": url}, number))
        session.feed(note(start, RESPONSE, {"status": 200}, number))
        session.feed(Record(start, number, BODY, body))
    session.feed(note(start, OPEN, {"venue": "okx", "imported": DUMP}, 1))
    for time, payload in received(frames):
        session.feed(Record(time, 1, RECV, payload))
    facts = session.instruments
    assert {symbol: (fact.kind, fact.multiplier, fact.settle) for symbol, fact in facts.items()} == {
        "okx:BTC-USDT": ("spot", None, None),
        "okx:UNI-USD-SWAP": ("perpetual", "10", "UNI"),
        "okx:BTC-USD-220527": ("future", "100", "BTC"),
    }
    assert facts["okx:BTC-USD-220527"].expiry == 1_653_638_400_000_000_000
