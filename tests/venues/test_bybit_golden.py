"""Real and golden messages of Bybit: what another project makes of them, and single ones of another."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.errors import BadFrame
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    OptionSummary,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.venues.bybit import BybitInverse, BybitLinear, BybitLinear2, BybitLinear2023, BybitOption, BybitSpot
from feedtape.venues.contract import Conversation, Request, Venue
from golden import compared, messages

pytestmark = pytest.mark.frames

OTHER_BOOK = "they read one of two book streams, orderBookL2_25 at that date; here each is a book of its own"
OLDER_TIME = "a ticker of older time than the one before: theirs keeps the latest time, ours is what the last message said"
DIFFERENT = {8: OTHER_BOOK, 20: OTHER_BOOK, 21: OLDER_TIME, 23: OTHER_BOOK}


@pytest.mark.parametrize("venue", [BybitLinear, BybitInverse], ids=lambda venue: venue.name)
def test_golden_messages_of_contracts(frames: Path, venue: type[Venue]) -> None:
    pairs = compared(frames / "golden" / "bybit.jsonl", venue)
    assert [index for index, (theirs, found) in enumerate(pairs) if theirs != found] == list(DIFFERENT)
    assert len(pairs) == 32
    for index, why in DIFFERENT.items():
        theirs, [found] = pairs[index]
        if why is OTHER_BOOK:
            assert theirs == [] and found["type"] == "book_change" and not found["isSnapshot"]
        else:
            [theirs_only] = theirs
            assert theirs_only | {"timestamp": found["timestamp"]} == found and found["timestamp"] < theirs_only["timestamp"]


@pytest.mark.parametrize(("name", "venue", "of"), [("bybit-spot", BybitSpot, 7), ("bybit-options", BybitOption, 4)])
def test_golden_messages_of_spot_and_options(frames: Path, name: str, venue: type[Venue], of: int) -> None:
    pairs = compared(frames / "golden" / f"{name}.jsonl", venue)
    assert len(pairs) == of and all(theirs == found for theirs, found in pairs)


def test_books_of_an_option_count_on(frames: Path) -> None:
    """Read by plain JSON: the delta's number is the snapshot's and one."""
    book = [orjson.loads(one.payload)["data"] for one in messages(frames / "golden" / "bybit-options.jsonl")][2:]
    events = [
        event for one in messages(frames / "golden" / "bybit-options.jsonl") for event in BybitOption().decode(one.payload, 1)
    ]
    whole, change = events[2:]
    assert isinstance(whole, BookSnapshot) and isinstance(change, BookDelta)
    assert [whole.sequence, change.first, change.last] == [book[0]["u"], book[0]["u"] + 1, book[1]["u"]]
    levels = dict(book[0]["a"]) | dict(book[1]["a"])
    assert dict(whole.asks) | dict(change.asks) == levels == {"1.74": "0", "1.75": "46"}


SOCKET: dict[str, list[type[Event]]] = {
    "ws_kline": [Unread],
    "ws_orderbook_snapshot": [Quote],
    "ws_subscription_ack": [Acknowledged],
    "ws_subscription_failure": [Refused],
    "ws_ticker_linear": [Derivative],
}
UNREAD = {
    "ws_auth_failure": "of a private socket",
    "ws_auth_success": "of a private socket",
    "ws_orderbook_delta": "a change of level 1, of before 2025-03-20",
    "ws_public_trade": "a topic that no document has (`trade.linear.BTCUSDT`)",
}


def single(frames: Path, name: str) -> bytes:
    return (frames / "single" / "bybit" / f"{name}.json").read_bytes()


def test_single_messages_of_a_linear_socket(frames: Path) -> None:
    names = {path.stem for path in (frames / "single" / "bybit").glob("ws_*.json")}
    assert names == SOCKET.keys() | UNREAD.keys() | {"ws_ticker_option"}
    for name, kinds in SOCKET.items():
        assert [type(event) for event in BybitLinear().decode(single(frames, name), 1)] == kinds, name
    for name in UNREAD.keys() - {"ws_auth_failure"}:
        with pytest.raises(BadFrame):
            BybitLinear().decode(single(frames, name), 1)
    [refused] = BybitLinear().decode(single(frames, "ws_subscription_failure"), 1)
    assert isinstance(refused, Refused) and refused.message == "Invalid topic: invalid.topic.BTCUSDT"


def test_a_change_of_level_1_by_the_decoder_of_its_day(frames: Path) -> None:
    """The bid of two constructed rows is replaced; the ask is deleted."""
    reader: Conversation = BybitLinear2023().conversation()
    [whole] = reader.decode(single(frames, "ws_orderbook_snapshot"), 1)
    [change] = reader.decode(single(frames, "ws_orderbook_delta"), 1)
    assert isinstance(whole, Quote) and (whole.bid, whole.bid_size, whole.ask) == ("27450.00", "0.500", "27451.00")
    assert isinstance(change, Quote) and (change.bid, change.bid_size, change.ask) == ("27450.00", "0.400", None)


def test_a_ticker_of_an_option(frames: Path) -> None:
    said = orjson.loads(single(frames, "ws_ticker_option"))["data"]
    [event] = BybitOption().decode(single(frames, "ws_ticker_option"), 1)
    assert isinstance(event, OptionSummary)
    assert (event.bid, event.bid_iv) == (None, None)
    assert (event.ask, event.ask_iv, event.mark_iv) == (said["askPrice"], said["askIv"], said["markPriceIv"])
    assert (event.strike, event.option, event.theta) == ("17500", "call", said["theta"])


def test_lists_of_instruments(frames: Path) -> None:
    """Compared with a plain reading of the same bodies."""
    found: dict[str, Any] = {}
    for kind, venue in (("spot", BybitSpot()), ("linear", BybitLinear()), ("inverse", BybitInverse()), ("option", BybitOption())):
        request = Request(f"/v5/market/instruments-info?category={kind}")
        paths = sorted((frames / "single" / "bybit").glob(f"http_get_instruments_{kind}*.json"))
        assert len(paths) == 2
        for path in paths:
            body = path.read_bytes()
            page = venue.instruments(request, body)
            listed = orjson.loads(body)["result"]["list"]
            assert page.more == []
            assert [(one.symbol, one.tick, one.base) for one in page.instruments] == [
                (entry["symbol"], entry["priceFilter"]["tickSize"], entry["baseCoin"]) for entry in listed
            ]
            found |= {f"{kind} {one.symbol}": one for one in page.instruments}
    assert len(found) == 10
    option = found["option ETH-26JUN26-16000-P"]
    assert (option.strike, option.option, option.settle) == ("16000", "put", "USDC")
    inverse, linear = found["inverse BTCUSD"], found["linear TSLAUSDT"]
    assert inverse.kind == linear.kind == "perpetual" and inverse.expiry is None


def test_trades_of_before_v5_have_no_other_reader(frames: Path) -> None:
    """Every golden message that tells a trade of contracts is of the protocol before v5."""
    for message in messages(frames / "golden" / "bybit.jsonl"):
        events = list(BybitLinear2().decode(message.payload, message.recv))
        trades = [event for event in events if isinstance(event, Trade)]
        assert len(trades) == sum(one["type"] == "trade" for one in message.expected)
        for reader in (BybitLinear(), BybitLinear2023().conversation()):
            with pytest.raises(BadFrame):
                reader.decode(message.payload, message.recv)
