"""The dialect of Bitfinex by itself: a client that knows only the document."""

from __future__ import annotations

import json
import zlib
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.bitfinex import BITFINEX
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.listing import open_listing

NS = 1_786_923_425_376_419_123
MS = NS // 1_000_000
FLAGS = 32_768 + 65_536 + 131_072
RATE = 10


def desk(*symbols: str, refuse: str = "") -> Desk:
    listings = {
        symbol: open_listing(BITFINEX.instrument(symbol), seed=5, venue="bitfinex", rate=RATE)
        for symbol in symbols or ("tBTCUSD",)
    }
    return Desk(listings, NS, lambda listing: listing.market.state(), lambda found: "no" if refuse in found else None, RATE)


def exact(frame: bytes) -> Any:
    # Numbers as they are written, which the checksum is of.
    return json.loads(frame, parse_float=str, parse_int=str)


class Client:
    """A connection, and what the document tells a client to keep of it."""

    def __init__(self, at: Desk, flags: int | None = FLAGS) -> None:
        session = BITFINEX.open("/ws/2", at)
        assert session is not None
        self.session: Session = session
        self.at = at
        self.number = 0
        self.sides: dict[str, dict[Decimal, tuple[str, str]]] = {"bids": {}, "asks": {}}
        self.orders: dict[str, tuple[Decimal, str, str]] = {}
        if flags is not None:
            assert self.say(event="conf", flags=flags) == [{"event": "conf", "status": "OK", "flags": str(flags)}]

    def say(self, **request: Any) -> list[Any]:
        return [exact(frame) for frame in BITFINEX.receive(self.session, orjson.dumps(request).decode(), self.at)]

    def subscribe(self, channel: str, **about: str) -> list[Any]:
        """The answer, and the bodies of what follows it."""
        ack, *frames = self.say(event="subscribe", channel=channel, **about)
        return [ack, *(self.body(frame, ack["chanId"]) for frame in frames)]

    def body(self, frame: list[Any], channel: str) -> Any:
        """What a frame holds, whose number and time must be right."""
        self.number += 1
        assert (frame[0], frame[-2]) == (channel, str(self.number)) and abs(int(frame[-1]) - MS) < 10**6
        body = frame[1:-2]
        return body[0] if len(body) == 1 else body

    def step(self, name: str, channel: str) -> list[Any]:
        """One step of the market, as a stream tells it."""
        stream = self.session.streams[name]
        assert stream is not None
        listing = self.at.listings[stream.symbol]
        told = BITFINEX.payloads(stream, listing, listing.advance(), NS + 10**9, RATE)
        return [self.body(exact(BITFINEX.wrap(self.session, stream, payload)), channel) for payload in told]

    def take(self, row: list[str]) -> None:
        price, count, amount = row
        side = self.sides["asks" if amount[0] == "-" else "bids"]
        if count == "0":
            assert amount in ("1", "-1")
            del side[Decimal(price)]
        else:
            side[Decimal(price)] = price, amount

    def take_order(self, row: list[str]) -> None:
        id, price, amount = row
        if price == "0":
            del self.orders[id]
        else:
            self.orders[id] = Decimal(price), id, amount

    def checksum(self) -> int:
        if self.orders:
            bids = sorted((-price, int(id), amount) for price, id, amount in self.orders.values() if amount[0] != "-")
            asks = sorted((price, int(id), amount) for price, id, amount in self.orders.values() if amount[0] == "-")
            sides = [[f"{id}:{amount}" for _, id, amount in side[:25]] for side in (bids, asks)]
        else:
            bought, sold = self.sides["bids"], self.sides["asks"]
            best = [[bought[price] for price in sorted(bought, reverse=True)], [sold[price] for price in sorted(sold)]]
            sides = [[":".join(level) for level in side[:25]] for side in best]
        parts = [side[rank] for rank in range(25) for side in sides if rank < len(side)]
        unsigned = zlib.crc32(":".join(parts).encode())
        return unsigned - 2**32 if unsigned >> 31 else unsigned


@pytest.mark.parametrize(("precision", "symbol"), [("P0", "tBTCUSD"), ("R0", "tBTCUSD"), ("P0", "tTESTBTC:TESTUSD")])
def test_snapshot_and_rows_rebuild_the_book_and_its_checksums(precision: str, symbol: str) -> None:
    client = Client(desk(symbol))
    asked = {"prec": precision, "freq": "F0", "len": "25"}
    ack, snapshot = client.subscribe("book", symbol=symbol, subId="a", **asked)
    assert ack | {"chanId": ""} == {
        "event": "subscribed",
        "channel": "book",
        "chanId": "",
        "symbol": symbol,
        "subId": "a",
    } | asked | {"pair": symbol[1:]}
    take = client.take if precision == "P0" else client.take_order
    for row in snapshot:
        take(row)
    name, checked, spelled = f"book:{precision}:F0:25:{symbol}", 0, ""
    for _ in range(40):
        for body in client.step(name, ack["chanId"]):
            if body[0] == "cs":
                checked += 1
                assert client.checksum() == int(body[1])
            else:
                take(body)
                spelled += f" {body[-1]}"
    assert checked == 4 and ("e-" in spelled) == (symbol != "tBTCUSD")
    state, fact = client.at.listings[symbol].windows[name].state, client.at.listings[symbol].instrument
    for side, levels, sign in (("bids", state.bids, 1), ("asks", state.asks, -1)):
        truth = {Decimal(fact.price(price)): Decimal(fact.size(size)) for price, size in levels}
        if precision == "P0":
            assert {price: sign * Decimal(amount) for price, (_, amount) in client.sides[side].items()} == truth
            assert len(truth) == 25
        else:
            added: dict[Decimal, Decimal] = {}
            for price, _, amount in client.orders.values():
                if (amount[0] == "-") == (sign < 0):
                    added[price] = added.get(price, Decimal(0)) + abs(Decimal(amount))
            assert added == truth


def test_frames_are_numbered_over_all_channels_and_heartbeats() -> None:
    client = Client(desk("tBTCUSD", "tETHUSD"))
    acks = [client.subscribe("book", symbol=symbol, len="25")[0] for symbol in client.at.listings]
    quiet = client.subscribe("trades", symbol="tBTCUSD")[0]
    assert BITFINEX.beat(client.session, client.at) == []
    for _ in range(3):
        client.step("book:P0:F0:25:tBTCUSD", acks[0]["chanId"])
        client.step("book:P0:F0:25:tETHUSD", acks[1]["chanId"])
    [beat] = BITFINEX.beat(client.session, client.at)
    assert client.body(exact(beat), quiet["chanId"]) == "hb"
    assert len({ack["chanId"] for ack in (*acks, quiet)}) == 3


@pytest.mark.parametrize(("flags", "extras"), [(None, 0), (0, 0), (65_536, 1), (32_768, 1), (98_304, 2)])
def test_flags_tell_what_stands_behind(flags: int | None, extras: int) -> None:
    client = Client(desk(), flags)
    _, snapshot = client.say(event="subscribe", channel="book", symbol="tBTCUSD", len="1")
    assert len(snapshot) == 2 + extras
    if flags == 65_536:
        assert snapshot[-1] == "1"
    if flags == 32_768:
        assert snapshot[-1] == str(MS)


def test_trades_come_twice_and_their_past_first() -> None:
    at = desk()
    for _ in range(20):
        at.listings["tBTCUSD"].advance()
    client = Client(at)
    ack, past = client.subscribe("trades", symbol="tBTCUSD")
    ids = [int(row[0]) for row in past]
    assert 0 < len(ids) <= 30 and len(set(ids)) == len(ids)
    executed: list[Any] = []
    confirmed: list[Any] = []
    for _ in range(20):
        for word, row in client.step("trades:tBTCUSD", ack["chanId"]):
            (executed if word == "te" else confirmed).append(row)
    assert executed and {row[0] for row in executed[: len(confirmed) // 2]} <= {row[0] for row in confirmed}
    assert min(int(row[0]) for row in executed) > max(ids)
    assert {row[2][0] == "-" for row in executed} == {True, False}


def test_tickers_and_statuses() -> None:
    client = Client(desk("tBTCF0:USTF0"))
    _, ticker = client.subscribe("ticker", symbol="tBTCF0:USTF0")
    market, fact = client.at.listings["tBTCF0:USTF0"].market, client.at.listings["tBTCF0:USTF0"].instrument
    assert len(ticker) == 11 and ticker[0] == fact.price(market.bids.best) and ticker[-1] is None
    assert Decimal(ticker[1]) == sum(Decimal(fact.size(size)) for _, size in market.bids.top(25))
    ack, status = client.subscribe("status", key="deriv:tBTCF0:USTF0")
    assert ack["key"] == "deriv:tBTCF0:USTF0" and "symbol" not in ack
    assert len(status) == 24 and int(status[0]) == MS and int(status[7]) > MS and Decimal(status[14]) > 0


def test_a_forced_order_is_told_of_twice() -> None:
    client = Client(desk("tBTCUSD", "tETHUSD"))
    [ack] = client.subscribe("status", key="liq:global")
    rows = [
        row
        for _ in range(400)
        for symbol in client.at.listings
        for body in client.step(f"status:liq:global {symbol}", ack["chanId"])
        for row in body
    ]
    assert {row[4] for row in rows} == {"tBTCUSD", "tETHUSD"}
    decided, done = rows[::2], rows[1::2]
    assert [row[1] for row in decided] == [row[1] for row in done]
    assert {row[8] for row in decided} == {"0"} and {row[8] for row in done} == {"1"} and all(row[11] for row in done)


def test_what_is_refused() -> None:
    client = Client(desk("tBTCUSD", "tETHUSD", refuse="tETHUSD"))

    def error(**request: Any) -> tuple[str, str]:
        [answer] = client.say(**({"event": "subscribe"} | request))
        assert answer["event"] == "error"
        return answer["code"], answer["msg"]

    book = {"channel": "book", "symbol": "tBTCUSD"}
    assert error(channel="book", symbol="tXXXYYY") == ("10300", "symbol: invalid")
    assert error(channel="depth", symbol="tBTCUSD") == ("10300", "channel: unknown")
    assert error(**book, prec="P9") == ("10300", "precision: invalid")
    assert error(**book, len="26") == ("10300", "length: invalid")
    assert error(**book, freq="F7") == ("10300", "freq: invalid")
    assert error(channel="book", symbol="tETHUSD") == ("10300", "subscribe: no")
    assert error(event="unsubscribe", chanId=5) == ("10400", "unsubscribe: invalid")
    assert error(event="dance") == ("10000", "event: invalid")
    client.say(event="subscribe", **book)
    assert error(**book) == ("10301", "subscribe: dup")
    [echo] = client.say(event="subscribe", **book)
    assert (echo["channel"], echo["symbol"]) == ("book", "tBTCUSD")
    # Of these nothing is said at all.
    assert client.say(event="subscribe", channel="status", key="deriv:tBTCUSD") == []
    assert BITFINEX.receive(client.session, "{", client.at) == [] and BITFINEX.receive(client.session, "[]", client.at) == []


def test_a_connection_has_so_many_channels() -> None:
    symbols = [f"tAA{letter}USD" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    client = Client(desk(*symbols))
    answers = [client.say(event="subscribe", channel="ticker", symbol=symbol)[0] for symbol in symbols]
    assert [answer["event"] for answer in answers] == ["subscribed"] * 25 + ["error"] and answers[-1]["code"] == "10305"
    gone = {"event": "unsubscribed", "status": "OK", "chanId": answers[0]["chanId"]}
    assert client.say(event="unsubscribe", chanId=int(answers[0]["chanId"])) == [gone]
    [ack, _] = client.say(event="subscribe", channel="ticker", symbol=symbols[-1])
    assert ack["event"] == "subscribed" and ack["chanId"] not in {answer.get("chanId") for answer in answers}


def test_greeting_pong_and_lists() -> None:
    client = Client(desk("tBTCUSD", "tBTCF0:USTF0"))
    [greeting] = [exact(frame) for frame in BITFINEX.greet(client.session, client.at)]
    assert (greeting["event"], greeting["version"], greeting["platform"]) == ("info", "2", {"status": "1"})
    assert client.say(event="ping", cid=3) == [{"event": "pong", "ts": str(MS), "cid": "3"}]
    answer = BITFINEX.http("/v2/conf/pub:list:pair:exchange,pub:list:pair:futures,pub:map:currency:sym", {}, client.at)
    assert answer is not None
    spot, perpetuals, names = orjson.loads(answer.encode())
    assert (spot, perpetuals) == (["BTCUSD"], ["BTCF0:USTF0"]) and ["UST", "USDt"] in names
    for path, status in (("/v2/conf/pub:list:wallets", 500), ("/v2/platform/status", 200)):
        told = BITFINEX.http(path, {}, client.at)
        assert told is not None and told.status == status
    assert BITFINEX.http("/v2/book/tBTCUSD/P0", {}, client.at) is None and BITFINEX.limited(3).status == 429
    assert BITFINEX.open("/ws/1", client.at) is None
    with pytest.raises(UsageError):
        BITFINEX.instrument("BTCUSD")
