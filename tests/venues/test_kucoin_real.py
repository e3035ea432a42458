"""KuCoin as it was: golden messages, and a capture of classic spot (April 2021) against a plain reading of it."""

import gzip
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.book.keeper import BookKeeper
from feedtape.model.events import BookDelta, BookSnapshot, Quote, Trade
from feedtape.model.records import BODY, HEADER, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.session import Session
from feedtape.venues import registry
from feedtape.venues.contract import Request, Venue, path_of
from feedtape.venues.kucoin import KuCoin, KuCoinFutures
from feedtape.venues.kucoin_classic import KuCoinClassic, KuCoinFuturesClassic
from golden import Normal, compared, messages

pytestmark = pytest.mark.frames

_FRAME = re.compile(r"(\d+\.\d+): (.*)")
_BODY = re.compile(r"(\S+) -> (\d+\.\d+): (.*)")
_SIDES = ("bids", "asks")


def lines(folder: Path, part: str) -> list[str]:
    return gzip.decompress((folder / "cryptofeed" / f"KUCOIN.{part}.gz").read_bytes()).decode().splitlines()


def frames_of(folder: Path) -> list[tuple[float, str]]:
    return [(float(match[1]), match[2]) for match in map(_FRAME.fullmatch, lines(folder, "ws.1.0")) if match]


def bodies_of(folder: Path, part: str = "http.0.0") -> list[tuple[float, str, str]]:
    return [(float(match[2]), match[1], match[3]) for match in map(_BODY.fullmatch, lines(folder, part)) if match]


def plain_of(folder: Path, topic: str) -> list[Any]:
    found = [orjson.loads(text) for _, text in frames_of(folder)]
    return [message["data"] for message in found if message.get("topic", "").startswith(topic + ":")]


# -- golden messages

AS_RECEIVED = (
    "they hold deltas back and merge them into the snapshot; here a delta is an event when it comes, and the book joins them"
)


def change(symbol: str, ms: int, **sides: dict[str, str]) -> Normal:
    levels = {side: {Decimal(p): Decimal(s) for p, s in sides.get(side, {}).items()} for side in _SIDES}
    return {"type": "book_change", "isSnapshot": False, "symbol": symbol, "timestamp": ms} | levels


OURS: dict[type[Venue], dict[int, Normal]] = {
    KuCoin: {
        7: change("BTC-USDT", 1660608000464),
        8: change("BTC-USDT", 1660608000464, bids={"24081.2": "0.00265"}),
        9: change("BTC-USDT", 1660608000464),
    },
    KuCoinFutures: {
        1: change("MYROUSDTM", 1705708800010, asks={"0.21506": "0"}),
        2: change("MYROUSDTM", 1705708800009, asks={"0.2166": "0"}),
        3: change("MYROUSDTM", 1705708800010, bids={"0.20645": "1"}),
        4: change("MYROUSDTM", 1705881600412, bids={"0.21557": "30"}, asks={"0.2166": "62"}) | {"isSnapshot": True},
    },
}


@pytest.mark.parametrize(("name", "venue", "exact", "of"), [("kucoin", KuCoin, 7, 10), ("kucoin-futures", KuCoinFutures, 5, 9)])
def test_golden_messages(frames: Path, name: str, venue: type[Venue], exact: int, of: int) -> None:
    pairs = compared(frames / "golden" / f"{name}.jsonl", venue)
    differing = [index for index, (theirs, found) in enumerate(pairs) if theirs != found]
    assert (len(pairs) - len(differing), len(pairs)) == (exact, of)
    assert {index: pairs[index][1] for index in differing} == {index: [one] for index, one in OURS[venue].items()}, AS_RECEIVED


def test_the_joined_book_is_the_snapshot_that_they_merge(frames: Path) -> None:
    venue = KuCoinFuturesClassic()
    keeper = BookKeeper("kucoin-futures:MYROUSDTM", "level2", venue.integrity("level2"))
    for index, message in enumerate(messages(frames / "golden" / "kucoin-futures.jsonl")):
        for event in venue.decode(message.payload, message.recv):
            if isinstance(event, BookDelta):
                keeper.take_delta(event, 1)
            elif isinstance(event, BookSnapshot):
                keeper.take_snapshot(event, 1)
                [merged] = message.expected
                book = keeper.book
                # Asks are empty: what they had was deleted by an update that was waiting.
                assert (index, book.sequence) == (4, 1705411242393)
                for side, ladder in (("bids", book.bids), ("asks", book.asks)):
                    assert {Decimal(price): Decimal(size) for price, size in ladder.top()} == merged[side]
    assert keeper.is_live and keeper.book.sequence == 1705411242394


# -- the capture


def test_every_frame_is_read_and_no_update_is_missing(frames: Path) -> None:
    venue, found, last = KuCoinClassic(), Counter[str](), dict[str, int]()
    for time, text in frames_of(frames):
        for event in venue.decode(text.encode(), int(time * 1000) * 1_000_000):
            found[type(event).__name__] += 1
            if isinstance(event, BookDelta):
                assert event.first == last.get(event.target, (event.first or 0) - 1) + 1
                last[event.target] = event.last or 0
    assert found == {"Greeting": 1, "Acknowledged": 13, "BookDelta": 2286, "Trade": 14, "Quote": 509, "Unread": 5}
    assert len(last) == 9


def played(folder: Path) -> Session:
    """What the capture builds as an imported recording, read by the decoder of its day."""
    session = Session(registry.venue)
    texts: list[tuple[float, str, str]] = [(time, "", text) for time, text in frames_of(folder)]
    texts += bodies_of(folder) + bodies_of(folder, "0")
    session.feed(note(0, HEADER, {"decoders": {"kucoin": "kucoin/1"}}))
    begun = False
    for number, (seconds, url, text) in enumerate(sorted(texts), 2):
        time = int(seconds * 1000) * 1_000_000
        if url:
            session.feed(note(time, REQUEST, {"venue": "kucoin", "method": "GET", "url": url}, number))
            session.feed(note(time, RESPONSE, {"status": 200}, number))
            session.feed(Record(time, number, BODY, text.encode()))
            continue
        if not begun:
            session.feed(note(time, OPEN, {"venue": "kucoin", "imported": "KUCOIN"}, 1))
            begun = True
        session.feed(Record(time, 1, RECV, text.encode()))
    return session


def test_books_are_those_of_a_plain_reader(frames: Path) -> None:
    session = played(frames)
    assert not session.losses and session.totals.bad_frames == 0 and len(session.books) == 9
    updates = plain_of(frames, "/market/level2")
    for _, url, text in bodies_of(frames):
        symbol, body = url.partition("=")[2], orjson.loads(text)["data"]
        held = int(body["sequence"])
        sides = {side: {Decimal(price): Decimal(size) for price, size in body[side]} for side in _SIDES}
        for update in updates:
            for side in _SIDES if update["symbol"] == symbol else ():
                for price, size, number in update["changes"][side]:
                    if int(number) > held and price != "0":
                        sides[side][Decimal(price)] = Decimal(size)
        keeper = session.books[f"kucoin:{symbol}"]
        assert keeper.is_live and keeper.proof()[0] == "sequence"
        assert (keeper.counters.gaps, keeper.counters.snapshots) == (0, 1)
        assert keeper.book.sequence == max(update["sequenceEnd"] for update in updates if update["symbol"] == symbol)
        for side, ladder in (("bids", keeper.book.bids), ("asks", keeper.book.asks)):
            expected = {price: size for price, size in sides[side].items() if size}
            assert {Decimal(price): Decimal(size) for price, size in ladder.top()} == expected, (symbol, side)
        assert session.instruments[f"kucoin:{symbol}"].kind == "spot"
    # Today's decoder makes nothing of it, and says so.
    today = Session(registry.venue)
    today.feed(note(0, OPEN, {"venue": "kucoin", "imported": "KUCOIN"}, 1))
    for number, (_, text) in enumerate(frames_of(frames)[:100]):
        today.feed(Record(number, 1, RECV, text.encode()))
    assert today.totals.bad_frames > 80 and not today.books


def test_trades_and_quotes_are_what_the_frames_say(frames: Path) -> None:
    trades: list[Any] = []
    quotes: list[Any] = []
    for _, text in frames_of(frames):
        for event in KuCoinClassic().decode(text.encode(), 0):
            if isinstance(event, Trade):
                trades.append([event.target, event.id, event.price, event.size, event.side, str(event.time)])
            elif isinstance(event, Quote):
                quotes.append([event.bid, event.bid_size, event.ask, event.ask_size, str(event.sequence), event.time])
    plain = plain_of(frames, "/market/match")
    assert trades == [["kucoin:" + one["symbol"], *map(one.get, ("tradeId", "price", "size", "side", "time"))] for one in plain]
    names = ("bestBid", "bestBidSize", "bestAsk", "bestAskSize", "sequence")
    assert quotes == [[*map(one.get, names), one["time"] * 10**6] for one in plain_of(frames, "/market/ticker")]


def test_instruments_of_that_day(frames: Path) -> None:
    [(_, url, text)] = bodies_of(frames, "0")
    venue, request = KuCoinClassic(), Request(path_of(url))
    assert venue.lists_instruments(request)
    page, plain = venue.instruments(request, text.encode()), orjson.loads(text)["data"]
    assert len(page.instruments) == len(plain) > 500
    for one, entry in zip(page.instruments, plain, strict=True):
        assert (one.symbol, one.tick, one.lot) == (entry["symbol"], entry["priceIncrement"], entry["baseIncrement"])
