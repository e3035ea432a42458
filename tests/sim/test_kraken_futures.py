"""The dialect of Kraken Futures by itself: a client that knows only the document."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.kraken_futures import FUTURES
from feedtape.sim.listing import Listing, open_listing

NS = 1_786_923_425_376_419_123
PRODUCT = "PF_XBTUSD"


def desk(*symbols: str, refuse: str = "") -> Desk:
    listings = {
        symbol: open_listing(FUTURES.instrument(symbol), seed=5, venue="kraken-futures", rate=10)
        for symbol in symbols or (PRODUCT,)
    }
    return Desk(listings, NS, lambda listing: listing.market.state(), lambda found: "no" if refuse in found else None)


def connected(at: Desk) -> Session:
    session = FUTURES.open("/ws/v1", at)
    assert session is not None
    return session


def exact(frame: bytes) -> Any:
    return json.loads(frame, parse_float=str, parse_int=str)


def say(session: Session, at: Desk, event: str, feed: str, *products: str) -> list[Any]:
    text = orjson.dumps({"event": event, "feed": feed, "product_ids": products}).decode()
    return [exact(frame) for frame in FUTURES.receive(session, text, at)]


def stepped(session: Session, at: Desk, name: str) -> list[Any]:
    """One step of the market, as the listeners of a stream hear it."""
    stream = session.streams[name]
    assert stream is not None
    listing = at.listings[stream.symbol]
    step = listing.advance()
    payloads = FUTURES.payloads(stream, listing, step, NS, at.rate)
    return [exact(FUTURES.wrap(session, stream, payload)) for payload in payloads]


def is_book(listing: Listing, name: str, book: dict[str, dict[str, str]]) -> bool:
    state, fact = listing.windows[name].state, listing.instrument
    true = [{fact.price(price): fact.size(size) for price, size in side} for side in (state.bids, state.asks)]
    return true == [book["buy"], book["sell"]]


def test_updates_count_from_the_snapshot_and_rebuild_the_book() -> None:
    at = desk()
    session, name = connected(at), f"book:{PRODUCT}"
    answer, picture = say(session, at, "subscribe", "book", PRODUCT.lower())
    assert answer == {"event": "subscribed", "feed": "book", "product_ids": [PRODUCT]}
    assert picture["feed"] == "book_snapshot" and picture["tickSize"] is None
    sides = {"buy": picture["bids"], "sell": picture["asks"]}
    book = {side: {row["price"]: row["qty"] for row in rows} for side, rows in sides.items()}
    seq = int(picture["seq"])
    for _ in range(100):
        for update in stepped(session, at, name):
            assert (update["feed"], int(update["seq"])) == ("book", seq + 1)
            seq += 1
            book[update["side"]].pop(update["price"], None)
            if Decimal(update["qty"]):
                book[update["side"]][update["price"]] = update["qty"]
    assert is_book(at.listings[PRODUCT], name, book) and is_whole(at.listings[PRODUCT], name)


def is_whole(listing: Listing, name: str) -> bool:
    state = listing.market.state()
    published = listing.windows[name].state
    return (sorted(published.bids), sorted(published.asks)) == (sorted(state.bids), sorted(state.asks))


def test_numbers_go_on_while_nobody_listens() -> None:
    at = desk()
    session = connected(at)
    [_, first] = say(session, at, "subscribe", "book", PRODUCT)
    assert say(session, at, "unsubscribe", "book", PRODUCT) == [
        {"event": "unsubscribed", "feed": "book", "product_ids": [PRODUCT]}
    ]
    for _ in range(5):
        at.listings[PRODUCT].advance()
    [_, second] = say(session, at, "subscribe", "book", PRODUCT)
    assert int(second["seq"]) > int(first["seq"])
    [update, *_] = stepped(session, at, f"book:{PRODUCT}")
    assert int(update["seq"]) == int(second["seq"]) + 1


def test_trades_are_counted_and_forced_ones_are_marked() -> None:
    at = desk()
    session, listing = connected(at), at.listings[PRODUCT]
    say(session, at, "subscribe", "trade", PRODUCT)
    told, forced = list[Any](), 0
    for _ in range(1500):
        trades = stepped(session, at, f"trade:{PRODUCT}")
        told += trades
        order = listing.recent[-1].liquidation
        sizes = [Decimal(trade["qty"]) for trade in trades if trade["type"] == "liquidation"]
        assert sum(sizes) == (Decimal(listing.instrument.size(order.size)) if order is not None else 0)
        forced += order is not None
    assert forced
    first = int(told[0]["seq"])
    assert [int(trade["seq"]) for trade in told] == list(range(first, first + len(told)))
    assert len({trade["uid"] for trade in told}) == len(told)
    say(session, at, "unsubscribe", "trade", PRODUCT)
    [_, history] = say(session, at, "subscribe", "trade", PRODUCT)
    assert history["feed"] == "trade_snapshot" and history["trades"] == told[:-101:-1]


@pytest.mark.parametrize("feed", ["ticker", "ticker_lite"])
def test_a_ticker_speaks_once_a_second(feed: str) -> None:
    at = desk()
    session, listing = connected(at), at.listings[PRODUCT]
    [_, first] = say(session, at, "subscribe", feed, PRODUCT)
    said = [first] + [message for _ in range(50) for message in stepped(session, at, f"{feed}:{PRODUCT}")]
    assert len(said) == 6 and {message["feed"] for message in said} == {feed}
    assert said[-1]["bid"] == listing.instrument.price(listing.market.bids.best)
    assert ("bid_size" in first, "relative_funding_rate" in first) == (feed == "ticker",) * 2


def test_dated_contracts_end_and_have_no_funding() -> None:
    at = desk("FI_XBTUSD_261225")
    [_, ticker] = say(connected(at), at, "subscribe", "ticker", "FI_XBTUSD_261225")
    assert "funding_rate" not in ticker and int(ticker["maturityTime"]) == 1_798_185_600_000
    answer = FUTURES.http("/derivatives/api/v3/instruments", {}, at)
    assert answer is not None
    [contract] = orjson.loads(answer.encode())["instruments"]
    assert (contract["type"], contract["lastTradingTime"]) == ("futures_inverse", "2026-12-25T08:00:00.000Z")


def test_what_is_refused_and_what_lives() -> None:
    at = desk("PF_XBTUSD", "PI_XBTUSD", refuse="PI_XBTUSD")
    session = connected(at)
    said = say(session, at, "subscribe", "ticker", "PF_NONEUSD", "PI_XBTUSD")
    assert said == [
        {"event": "error", "message": "Invalid product id"},
        {"event": "subscribed_failed", "feed": "ticker", "product_ids": ["PI_XBTUSD"]},
    ]
    assert say(session, at, "subscribe", "candles", "PF_XBTUSD") == [{"event": "error", "message": "Invalid feed"}]
    assert [exact(frame) for frame in FUTURES.receive(session, "hello", at)] == [{"event": "error", "message": "Json Error"}]
    assert say(session, at, "unsubscribe", "book", "PF_XBTUSD")[0]["event"] == "unsubscribed_failed"
    assert FUTURES.greet(session, at) == [b'{"event":"info","version":1}'] and FUTURES.beat(session, at) == []
    assert say(session, at, "subscribe", "heartbeat") == [{"event": "subscribed", "feed": "heartbeat"}]
    assert [exact(frame) for frame in FUTURES.beat(session, at)] == [{"feed": "heartbeat", "time": str(NS // 1_000_000)}]
    assert FUTURES.open("/", at) is None and FUTURES.http("/nothing", {}, at) is None and FUTURES.limited(1).status == 429
    for name in ("XBTUSD", "PF_XBTUSD_261225", "FI_XBTUSD"):
        with pytest.raises(UsageError):
            FUTURES.instrument(name)
