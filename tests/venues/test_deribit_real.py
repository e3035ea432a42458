"""Real frames of Deribit: another project's golden messages, single messages of 2025 and 2026, a capture of 2021."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.book.keeper import State
from feedtape.book.rules import Chained, Verdict
from feedtape.model.decimals import canonical
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    OptionSummary,
    Quote,
    Refused,
    Reply,
    Trade,
    Unread,
)
from feedtape.model.records import BODY, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues import registry
from feedtape.venues.deribit import Deribit
from golden import Normal, compared
from venues.deribit_frames import RECV_NS, VENUE

pytestmark = pytest.mark.frames

TEXTS = json.JSONDecoder(parse_float=str, parse_int=str)
"""Another parser than the one that is tested, with every number as its text."""

OWN_CHANNEL = "quotes come from `quote`, the venue's own channel for them (sheet 7); they make them of tickers instead"
FRACTION = "volatilities are fractions of one here, and percents there"


def bare(theirs: list[Normal]) -> list[Normal]:
    """Without quotes, and volatilities as fractions."""
    kept = [dict(event) for event in theirs if event["type"] != "book_ticker"]
    for event in kept:
        event |= {name: value / 100 for name, value in event.items() if name.endswith("IV") and value is not None}
    return kept


def quoted(theirs: list[Normal]) -> list[Normal]:
    """Where they say nothing, the quote."""
    best = {"bidPrice": Decimal("9600.5"), "bidAmount": Decimal(162800), "askPrice": Decimal(9601), "askAmount": Decimal(49710)}
    return [*theirs, {"type": "book_ticker", "symbol": "BTC-PERPETUAL", "timestamp": 1_567_296_000_183} | best]


DIFFERENT: dict[int, tuple[str, Callable[[list[Normal]], list[Normal]]]] = {
    1: (OWN_CHANNEL, quoted),
    4: (OWN_CHANNEL, bare),
    5: (OWN_CHANNEL, bare),
    6: (OWN_CHANNEL + "; " + FRACTION, bare),
    7: (OWN_CHANNEL + "; " + FRACTION, bare),
    8: (OWN_CHANNEL + "; " + FRACTION, bare),
    9: (OWN_CHANNEL + "; " + FRACTION, bare),
}


def test_golden_messages(frames: Path) -> None:
    pairs = compared(frames / "golden" / "deribit.jsonl", Deribit)
    for index, (theirs, ours) in enumerate(pairs):
        why, change = DIFFERENT.get(index, ("", None))
        assert ours == (theirs if change is None else change(theirs)), f"{index} {why}"
    # An explanation of a difference that is none would be a lie.
    assert [index for index, (theirs, ours) in enumerate(pairs) if theirs != ours] == list(DIFFERENT)
    assert len(pairs) == 11


# -- single messages

KINDS: dict[str, list[type[Event]]] = {
    "http_test": [Heartbeat],
    "ws_book_delta": [BookDelta],
    "ws_book_grouped_snapshot": [BookSnapshot],
    "ws_book_snapshot": [BookSnapshot],
    "ws_chart": [Unread],
    "ws_error": [Refused],
    "ws_quote": [Quote],
    "ws_subscribe_response": [Acknowledged],
    "ws_test_request": [Reply],
    "ws_ticker": [Derivative],
    "ws_trades": [Trade, Trade],
    "ws_trades_option_combo": [Trade],
    "ws_volatility_index": [Unread],
}


def single(frames: Path, name: str) -> bytes:
    return (frames / "single" / "deribit" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", KINDS)
def test_a_single_message(frames: Path, name: str) -> None:
    assert [type(event) for event in VENUE.decode(single(frames, name), RECV_NS)] == KINDS[name]


def test_every_single_message_of_a_socket_is_looked_at(frames: Path) -> None:
    there = {path.stem for path in (frames / "single" / "deribit").glob("ws_*.json")}
    assert there <= set(KINDS)


def test_a_delta_follows_its_snapshot(frames: Path) -> None:
    [snapshot] = VENUE.decode(single(frames, "ws_book_snapshot"), RECV_NS)
    [delta] = VENUE.decode(single(frames, "ws_book_delta"), RECV_NS)
    assert isinstance(snapshot, BookSnapshot) and isinstance(delta, BookDelta) and snapshot.sequence is not None
    assert Chained().bridges(snapshot.sequence, delta) is Verdict.NEXT


def test_the_price_of_a_combo_and_the_count_of_its_own(frames: Path) -> None:
    [sold] = VENUE.decode(single(frames, "ws_trades_option_combo"), RECV_NS)
    assert isinstance(sold, Trade)
    assert (sold.target, sold.price, sold.size, sold.number) == ("deribit:BTC-CS-19MAY26-70000_75000", "0.0639", "0.1", 1)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("http_get_last_trades", 10),
        ("http_get_last_trades_perpetual_with_combo_tags", 7),
        ("http_get_last_trades_future_combo", 3),
    ],
)
def test_trades_of_an_instrument_are_counted_without_holes(frames: Path, name: str, count: int) -> None:
    """What lets a trade have a number: plain ones, those that are a combo's legs, and a combo's own."""
    numbers = sorted(row["trade_seq"] for row in orjson.loads(single(frames, name))["result"]["trades"])
    assert numbers == list(range(numbers[0], numbers[0] + count))


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("http_get_instruments", ["perpetual", "future", "option"]),
        ("http_get_instruments_future_combo", ["future_combo"] * 5),
        ("http_get_instruments_option_combo", ["option_combo"] * 5),
    ],
)
def test_lists_of_instruments(frames: Path, name: str, kinds: list[str]) -> None:
    found = VENUE.instruments(VENUE.instruments_requests()[0], single(frames, name)).instruments
    assert [one.kind for one in found][: len(kinds)] == kinds
    assert all(one.trading and one.base and one.settle and one.tick for one in found)


def test_the_time(frames: Path) -> None:
    assert VENUE.clock(single(frames, "http_get_time")) == 1_733_338_800_000_000_000


# -- a capture: ten options, raw channels, July 2021


COUNTS = {"ticker": 50, "change": 21}


def received(frames: Path) -> Iterator[bytes]:
    with gzip.open(frames / "cryptofeed" / "DERIBIT.ws.1.0.gz", "rb") as lines:
        for line in lines:
            if line[:1].isdigit():
                yield line.split(b": ", 1)[1].rstrip(b"\n")


def test_a_capture_is_read_whole(frames: Path) -> None:
    payloads = list(received(frames))
    counts = Counter(type(event) for payload in payloads for event in VENUE.decode(payload, RECV_NS))
    assert counts == {Acknowledged: 1, OptionSummary: COUNTS["ticker"], BookSnapshot: 10, BookDelta: COUNTS["change"]}
    plain = Counter(
        TEXTS.decode(payload.decode()).get("params", {}).get("channel", "answer").partition(".")[0] for payload in payloads
    )
    assert plain == {"answer": 1, "ticker": COUNTS["ticker"], "book": 10 + COUNTS["change"]}


def test_books_of_a_capture_chain_and_equal_plain_ones(frames: Path) -> None:
    """The plain books are made of the JSON's own words, and know nothing of what is tested."""
    plain: dict[str, dict[str, dict[str, str]]] = {}
    ours: dict[str, dict[str, dict[str, str]]] = {}
    reached: dict[str, int] = {}
    for payload in received(frames):
        for event in VENUE.decode(payload, RECV_NS):
            if isinstance(event, BookSnapshot):
                ours[event.target] = {"bids": {}, "asks": {}}
                assert event.sequence is not None
                reached[event.target] = event.sequence
            elif isinstance(event, BookDelta):
                assert Chained().follows(reached[event.target], event) is Verdict.NEXT and event.last is not None
                reached[event.target] = event.last
            if isinstance(event, BookSnapshot | BookDelta):
                for side, changes in (("bids", event.bids), ("asks", event.asks)):
                    ours[event.target][side] |= {canonical(price): canonical(size) for price, size in changes}
        apply_plainly(plain, TEXTS.decode(payload.decode()))
    assert len(plain) == 10
    for target, sides in ours.items():
        left = {side: {price: size for price, size in level.items() if size != "0"} for side, level in sides.items()}
        assert left == plain[target.removeprefix("deribit:")]


def imported(frames: Path, lost: int | None = None) -> Session:
    """A session that was told what an import of the capture writes, perhaps without one of its frames."""
    records = [note(RECV_NS, OPEN, {"venue": "deribit", "imported": "a dump"}, 1)]
    with gzip.open(frames / "cryptofeed" / "DERIBIT.0.gz", "rb") as lines:
        for number, line in enumerate(lines, 2):
            url, arrow, answer = line.rstrip(b"\n").partition(b" -> ")
            if arrow:
                records.append(note(RECV_NS, REQUEST, {"venue": "deribit", "method": "GET", "url": url.decode()}, number))
                records.append(note(RECV_NS, RESPONSE, {"status": 200}, number))
                records.append(Record(RECV_NS, number, BODY, answer.split(b": ", 1)[1]))
    payloads = [payload for index, payload in enumerate(received(frames)) if index != lost]
    records += [Record(RECV_NS + number, 1, RECV, payload) for number, payload in enumerate(payloads, 1)]
    session = Session(registry.venue)
    for record in records:
        session.feed(record)
    return session


def test_a_capture_through_a_session(frames: Path) -> None:
    session = imported(frames)
    keepers = session.books.values()
    assert len(keepers) == 10 and not session.losses
    assert sum(keeper.counters.updates for keeper in keepers) == COUNTS["change"]
    assert sum(keeper.counters.snapshots for keeper in keepers) == 10
    assert all(keeper.is_live and keeper.channel == "raw" and keeper.proof()[0] == "sequence" for keeper in keepers)
    facts = session.instruments["deribit:ETH-30JUL21-2800-C"]
    assert (facts.kind, facts.tick, facts.lot, facts.strike) == ("option", "0.0005", "1", "2800.0")


def test_a_lost_update_is_found_by_the_chain(frames: Path) -> None:
    changes = [
        index
        for index, payload in enumerate(received(frames))
        if b'"instrument_name":"BTC-24SEP21-8000-P","change_id"' in payload
    ]
    session = imported(frames, lost=changes[3])
    [loss] = session.losses
    assert (loss.kind, loss.target) == ("gap", "deribit:BTC-24SEP21-8000-P")
    assert session.books[loss.target].state is State.BROKEN and sum(keeper.is_live for keeper in session.books.values()) == 9


def apply_plainly(books: dict[str, dict[str, dict[str, str]]], message: Any) -> None:
    if not message.get("params", {}).get("channel", "").startswith("book."):
        return
    data = message["params"]["data"]
    if data["type"] == "snapshot":
        books[data["instrument_name"]] = {"bids": {}, "asks": {}}
    for side in ("bids", "asks"):
        levels = books[data["instrument_name"]][side]
        for action, price, size in data[side]:
            if action == "delete":
                del levels[canonical(price)]  # a level that is not there would be an error: none is
            else:
                assert (canonical(price) in levels) == (action == "change")
                levels[canonical(price)] = canonical(size)


def test_terms_and_volatilities_of_a_capture_are_those_of_the_list(frames: Path) -> None:
    listed: dict[str, Any] = {}
    with gzip.open(frames / "cryptofeed" / "DERIBIT.0.gz", "rb") as lines:
        for line in lines:
            url, arrow, answer = line.partition(b" -> ")
            if arrow:
                body = answer.split(b": ", 1)[1]
                page = VENUE.instruments(VENUE.instruments_requests()[0], body)
                assert len(page.instruments) == len(TEXTS.decode(body.decode())["result"]), url
                listed |= {one.symbol: one for one in page.instruments}
    assert Counter(one.kind for one in listed.values()) == {"option": 980, "future": 18, "perpetual": 19}
    seen = 0
    for payload in received(frames):
        for event in VENUE.decode(payload, RECV_NS):
            if isinstance(event, OptionSummary):
                facts = listed[event.target.partition(":")[2]]
                plain = TEXTS.decode(payload.decode())["params"]["data"]
                assert (event.option, event.expiry) == (facts.option, facts.expiry)
                assert event.strike is not None and facts.strike is not None and Decimal(event.strike) == Decimal(facts.strike)
                assert event.mark_iv is not None and Decimal(event.mark_iv) * 100 == Decimal(plain["mark_iv"])
                assert (event.bid is None) == (Decimal(plain["best_bid_price"]) == 0)
                seen += 1
    assert seen == COUNTS["ticker"]
