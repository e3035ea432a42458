"""The dialect of Deribit by itself: a client that knows only the document."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.deribit import DERIBIT, kind_of
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.listing import open_listing

NS = 1_790_133_840_888_348_123
PERPETUAL, OPTION = "BTC-PERPETUAL", "BTC-25DEC26-100000-C"


def desk(*symbols: str, refuse: str = "") -> Desk:
    listings = {
        symbol: open_listing(DERIBIT.instrument(symbol), seed=5, venue="deribit", rate=10) for symbol in symbols or (PERPETUAL,)
    }
    return Desk(listings, NS, lambda listing: listing.market.state(), lambda found: "no" if refuse in found else None)


def connected(at: Desk) -> Session:
    session = DERIBIT.open("/ws/api/v2", at)
    assert session is not None
    return session


def say(session: Session, at: Desk, method: str, **params: Any) -> list[Any]:
    text = orjson.dumps({"jsonrpc": "2.0", "id": 9, "method": method, "params": params}).decode()
    return [json.loads(frame) for frame in DERIBIT.receive(session, text, at)]


def stepped(session: Session, at: Desk, name: str, steps: int = 1) -> list[Any]:
    """Some steps of the market, as the listeners of a channel hear them."""
    stream = session.streams[name]
    assert stream is not None
    listing, told = at.listings[stream.symbol], []
    for _ in range(steps):
        step = listing.advance()
        payloads = DERIBIT.payloads(stream, listing, step, NS + 10**9, at.rate)
        told += [json.loads(DERIBIT.wrap(session, stream, payload), parse_float=Decimal) for payload in payloads]
    for message in told:
        assert (message["method"], message["params"]["channel"]) == ("subscription", name)
    return [message["params"]["data"] for message in told]


def published(at: Desk, name: str) -> list[dict[Decimal, Decimal]]:
    [listing] = at.listings.values()
    state, fact = listing.windows[name].state, listing.instrument
    return [{Decimal(fact.price(p)): Decimal(fact.size(q)) for p, q in side} for side in (state.bids, state.asks)]


def test_an_answer_lists_what_was_taken_and_nothing_else() -> None:
    at = desk()
    session = connected(at)
    wrong = ["book.NOPE-PERPETUAL.100ms", f"book.{PERPETUAL}.50ms", f"book.{PERPETUAL}.none.50.100ms", "hello"]
    [answer, *_] = say(session, at, "public/subscribe", channels=[f"quote.{PERPETUAL}", *wrong, f"trades.{PERPETUAL}.100ms"])
    assert (answer["id"], answer["result"]) == (9, [f"trades.{PERPETUAL}.100ms", f"quote.{PERPETUAL}"])
    assert answer["usDiff"] == answer["usOut"] - answer["usIn"] and answer["testnet"] is False
    [empty] = say(session, at, "public/subscribe", channels=wrong)
    assert empty["result"] == [] and len(session.streams) == 2


@pytest.mark.parametrize(("interval", "steps"), [("100ms", 1), ("agg2", 10)])
def test_a_book_begins_with_a_snapshot_and_chains(interval: str, steps: int) -> None:
    at = desk()
    session, name = connected(at), f"book.{PERPETUAL}.{interval}"
    _, first = say(session, at, "public/subscribe", channels=[name])
    data = first["params"]["data"]
    assert data["type"] == "snapshot" and "prev_change_id" not in data
    sides: list[dict[Decimal, Decimal]] = [{}, {}]
    last = 0
    for message in (data, *stepped(session, at, name, 20 * steps)):
        if message is not data:
            assert (message["type"], message["prev_change_id"]) == ("change", last) and message["change_id"] > last
        last = message["change_id"]
        for side, rows in zip(sides, (message["bids"], message["asks"]), strict=True):
            for action, price, amount in rows:
                price = Decimal(str(price))
                if action == "delete":
                    assert amount == 0
                    del side[price]
                else:
                    assert (price in side) == (action == "change") and amount > 0
                    side[price] = Decimal(str(amount))
    assert sides == published(at, name) and len(sides[0]) > 100


def test_a_grouped_book_is_whole_every_time() -> None:
    at = desk()
    session, name = connected(at), f"book.{PERPETUAL}.none.10.100ms"
    say(session, at, "public/subscribe", channels=[name])
    for data in stepped(session, at, name, 20):
        assert "type" not in data and "prev_change_id" not in data and len(data["bids"]) == len(data["asks"]) == 10
        assert [pair[0] for pair in data["bids"]] == sorted((pair[0] for pair in data["bids"]), reverse=True)
    assert [dict(map(tuple, data[side])) for side in ("bids", "asks")] == published(at, name)


def test_a_channel_that_is_held_brings_no_new_snapshot_and_one_that_was_given_up_does() -> None:
    at = desk()
    session, name = connected(at), f"book.{PERPETUAL}.100ms"
    say(session, at, "public/subscribe", channels=[name])
    [again] = say(session, at, "public/subscribe", channels=[name])
    assert again["result"] == [name]
    [given_up] = say(session, at, "public/unsubscribe", channels=[name, "quote.NOPE"])
    assert given_up["result"] == [name] and not session.streams
    [_, first] = say(session, at, "public/subscribe", channels=[name])
    assert first["params"]["data"]["type"] == "snapshot"
    assert say(session, at, "public/unsubscribe_all")[0]["result"] == "ok" and not session.streams


def test_trades_are_the_markets_own_and_counted_without_holes() -> None:
    at = desk()
    session, name = connected(at), f"trades.{PERPETUAL}.agg2"
    [_] = say(session, at, "public/subscribe", channels=[name])
    rows = [row for data in stepped(session, at, name, 600) for row in data]
    assert [row["trade_seq"] for row in rows] == list(range(rows[0]["trade_seq"], rows[0]["trade_seq"] + len(rows)))
    assert {row["direction"] for row in rows} == {"buy", "sell"} and len({row["trade_id"] for row in rows}) == len(rows)
    assert at.listings[PERPETUAL].market.last_trade_id == rows[-1]["trade_seq"]
    assert {row.get("liquidation") for row in rows} == {None, "T"}


def test_quotes_come_as_the_best_prices_change() -> None:
    at = desk()
    session, name, market = connected(at), f"quote.{PERPETUAL}", at.listings[PERPETUAL].market
    _, first = say(session, at, "public/subscribe", channels=[name])
    assert first["params"]["data"]["instrument_name"] == PERPETUAL
    quotes = 0
    for _ in range(50):
        told = stepped(session, at, name)
        assert len(told) == at.listings[PERPETUAL].recent[-1].top_changed
        for quote in told:
            fact = at.listings[PERPETUAL].instrument
            assert quote["best_bid_price"] == Decimal(fact.price(market.bids.best)) < quote["best_ask_price"]
        quotes += len(told)
    assert quotes > 10


def test_tickers_have_what_their_kind_has() -> None:
    at = desk(PERPETUAL, OPTION, "BTC_USDC")
    session = connected(at)
    names = [f"ticker.{symbol}.100ms" for symbol in at.listings]
    perpetual, option, spot = (
        stepped(session, at, name)[0] for name in names if say(session, at, "public/subscribe", channels=[name])
    )
    assert perpetual["current_funding"] == Decimal("0.0001423") and perpetual["open_interest"] > 0 and "greeks" not in perpetual
    assert option["greeks"]["delta"] < 1 < option["mark_iv"] and "current_funding" not in option
    assert "open_interest" not in spot and spot["last_price"] > 0


def test_numbers_are_the_shortest_floats() -> None:
    at = desk("DOGE_USDC-4OCT24-0d048-C", PERPETUAL)
    session, name = connected(at), f"book.{PERPETUAL}.100ms"
    text = orjson.dumps({"id": 1, "method": "public/subscribe", "params": {"channels": [name]}}).decode()
    frames = b"".join(DERIBIT.receive(session, text, at))
    assert b".0]" in frames and b"e3]" in frames and b"00000" not in frames.replace(b'"change_id":1938', b"")


def test_what_is_refused() -> None:
    at = desk(PERPETUAL, "ETH-PERPETUAL", refuse="ETH-PERPETUAL")
    session = connected(at)
    names = [f"book.{PERPETUAL}.100ms", "book.ETH-PERPETUAL.100ms"]
    [raw] = say(session, at, "public/subscribe", channels=[f"book.{PERPETUAL}.raw", f"quote.{PERPETUAL}"])
    assert (raw["error"]["code"], raw["id"]) == (13778, 9) and not session.streams
    [answer, _] = say(session, at, "public/subscribe", channels=names)
    assert answer["result"] == names[:1]
    [params] = say(session, at, "public/subscribe", channels="x")
    [method] = say(session, at, "public/nope")
    [secret] = say(session, at, "private/subscribe", channels=names)
    assert [said["error"]["code"] for said in (params, method, secret)] == [-32602, -32601, 13009]
    [broken] = [json.loads(frame) for frame in DERIBIT.receive(session, "hello", at)]
    assert "id" not in broken and broken["error"] == {"code": 11050, "message": "bad_request", "data": "invalid json"}
    [odd] = [json.loads(frame) for frame in DERIBIT.receive(session, "[]", at)]
    assert odd["error"]["code"] == -32600


def test_who_does_not_answer_a_test_request_is_dropped() -> None:
    at = desk()
    session = connected(at)
    assert DERIBIT.beat(session, at) == []
    [early] = say(session, at, "public/set_heartbeat", interval=5)
    [set_up] = say(session, at, "public/set_heartbeat", interval=10)
    assert early["error"]["code"] == -32602 and set_up["result"] == "ok"
    for _ in range(3):
        assert [json.loads(frame)["params"]["type"] for frame in DERIBIT.beat(session, at)] == ["heartbeat", "test_request"]
        [alive] = say(session, at, "public/test")
        assert alive["result"]["version"] and not session.dropped
    DERIBIT.beat(session, at)
    assert DERIBIT.beat(session, at) == [] and session.dropped


def test_methods_by_http_and_by_socket() -> None:
    at = desk(PERPETUAL, OPTION, "BTC_USDC", "ETH_USDC-PERPETUAL", "BTC-FS-25DEC26_PERP")
    answer = DERIBIT.http("/api/v2/public/get_instruments", {"currency": "any", "expired": "false"}, at)
    assert answer is not None
    rows = {row["instrument_name"]: row for row in orjson.loads(answer.encode())["result"]}
    assert [row["kind"] for row in rows.values()] == ["future", "option", "spot", "future", "future_combo"]
    assert all(kind_of(name) == row["kind"] for name, row in rows.items())
    assert (rows[OPTION]["expiration_timestamp"], rows[OPTION]["strike"], rows[OPTION]["option_type"]) == (
        1798185600000,
        1e5,
        "call",
    )
    assert rows[PERPETUAL]["expiration_timestamp"] == 32503708800000 and rows["BTC_USDC"].get("settlement_currency") is None
    assert rows["ETH_USDC-PERPETUAL"]["instrument_type"] == "linear" and rows[PERPETUAL]["settlement_currency"] == "BTC"
    options = DERIBIT.http("/api/v2/public/get_instruments", {"currency": "BTC", "kind": "option"}, at)
    assert options is not None and len(orjson.loads(options.encode())["result"]) == 1
    missing = DERIBIT.http("/api/v2/public/get_instruments", {}, at)
    assert missing is not None and missing.status == 400
    [time] = say(connected(at), at, "public/get_time")
    assert time["result"] == NS // 1_000_000
    book = DERIBIT.http("/api/v2/public/get_order_book", {"instrument_name": PERPETUAL, "depth": "10"}, at)
    assert book is not None
    found = orjson.loads(book.encode())["result"]
    assert len(found["bids"]) == 10 and found["change_id"] == at.listings[PERPETUAL].market.last_id
    assert DERIBIT.http("/api/v2/public/nothing", {}, at) is None and DERIBIT.open("/", at) is None
    assert DERIBIT.limited(1).status == 429


def test_symbols_are_matched_in_the_venues_case() -> None:
    assert DERIBIT.instrument("doge_usdc-4oct24-0D048-c").symbol == "DOGE_USDC-4OCT24-0d048-C"
    for symbol in ("BTC", "BTCUSDT", "BTC-", "BTC-25DEC26-100000"):
        with pytest.raises(UsageError):
            DERIBIT.instrument(symbol)
