"""The dialect of Bybit by itself, against the venue's document: no decoder, no network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.bybit import INVERSE, LINEAR, OPTION, SPOT, Bybit
from feedtape.sim.dialect import Desk
from feedtape.sim.listing import open_listing

RATE = 20.0
START_NS = 1_800_000_000_000_000_000
CALL, PUT = "BTC-25JUN27-100000-C-USDT", "BTC-25JUN27-60000-P-USDT"
ALL = (SPOT, LINEAR, INVERSE, OPTION)
BOOKS = {"bybit": "50", "bybit-linear": "50", "bybit-inverse": "50", "bybit-option": "25"}
SYMBOLS = {"bybit": "BTCUSDT", "bybit-linear": "BTCUSDT", "bybit-inverse": "BTCUSD", "bybit-option": CALL}

each = pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)


class Stage:
    """One connection to an exchange that has neither network nor clock."""

    def __init__(self, dialect: Bybit, *symbols: str, refuse: str = "") -> None:
        self.dialect = dialect
        facts = [dialect.instrument(symbol) for symbol in symbols or [SYMBOLS[dialect.name]]]
        self.listings = {fact.symbol: open_listing(fact, seed=3, venue=dialect.name, rate=RATE) for fact in facts}
        self.refuse = refuse
        self.steps = 0
        session = dialect.open(f"/v5/public/{dialect.name.partition('-')[2] or 'spot'}", self.desk)
        assert session is not None
        self.session = session

    @property
    def desk(self) -> Desk:
        now = START_NS + self.steps * 50_000_000
        return Desk(self.listings, now, lambda listing: listing.market.state(), self._refuse, RATE)

    def _refuse(self, symbols: Sequence[str]) -> str | None:
        return f"subscription refused for {self.refuse}" if self.refuse in symbols else None

    def say(self, message: Any) -> list[Any]:
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        return [orjson.loads(frame) for frame in self.dialect.receive(self.session, text, self.desk)]

    def ask(self, op: str, *topics: str, req_id: str = "7") -> list[Any]:
        return self.say({"req_id": req_id, "op": op, "args": list(topics)})

    def run(self, steps: int) -> list[Any]:
        frames = list[bytes]()
        for _ in range(steps):
            self.steps += 1
            for symbol, listing in self.listings.items():
                step = listing.advance()
                for stream in list(self.session.streams.values()):
                    assert stream is not None
                    if stream.symbol == symbol:
                        frames += self.dialect.payloads(stream, listing, step, self.desk.now_ns, RATE)
        return [orjson.loads(frame) for frame in frames]

    def get(self, path: str, **query: str) -> Any:
        answer = self.dialect.http(path, query, self.desk)
        assert answer is not None
        return orjson.loads(answer.encode())["result"]


def rebuilt(frames: Sequence[Any]) -> tuple[dict[str, str], dict[str, str], int]:
    """A book by the document: zero deletes, everything else sets, numbers rise by one."""
    sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    last = None
    for frame in frames:
        data = frame["data"]
        if frame["type"] == "snapshot":
            sides = {"b": {}, "a": {}}
        else:
            assert last is not None and data["u"] == last + 1
        last = data["u"]
        for name, side in sides.items():
            for price, size in data[name]:
                if size == "0":
                    del side[price]
                else:
                    side[price] = size
    assert last is not None
    return sides["b"], sides["a"], last


# -- requests


def test_spot_acknowledges_and_then_sends_the_picture() -> None:
    answer, picture = Stage(SPOT).ask("subscribe", "orderbook.50.BTCUSDT")
    assert answer == {"success": True, "ret_msg": "subscribe", "conn_id": answer["conn_id"], "req_id": "7", "op": "subscribe"}
    assert (picture["type"], len(picture["data"]["b"]), len(picture["data"]["a"])) == ("snapshot", 50, 50)


@pytest.mark.parametrize("dialect", [LINEAR, INVERSE], ids=lambda dialect: dialect.name)
def test_contracts_send_the_picture_before_they_acknowledge(dialect: Bybit) -> None:
    picture, ticker, answer = Stage(dialect).ask(
        "subscribe", f"orderbook.200.{SYMBOLS[dialect.name]}", f"tickers.{SYMBOLS[dialect.name]}"
    )
    assert picture["type"] == ticker["type"] == "snapshot" and picture["cts"] <= picture["ts"]
    assert (answer["success"], answer["ret_msg"], answer["req_id"]) == (True, "", "7")


def test_options_answer_topic_by_topic_and_name_no_request() -> None:
    [answer, picture] = Stage(OPTION).ask(
        "subscribe", f"orderbook.25.{CALL}", f"orderbook.50.{CALL}", "publicTrade.BTC", "publicTrade.XRP"
    )
    told = {
        "failTopics": [f"orderbook.50.{CALL}", "publicTrade.XRP"],
        "successTopics": [f"orderbook.25.{CALL}", "publicTrade.BTC"],
    }
    assert (answer["type"], answer["data"]) == ("COMMAND_RESP", told) and "req_id" not in answer
    assert picture["topic"] == f"orderbook.25.{CALL}" and "seq" not in picture["data"]


@pytest.mark.parametrize(
    "topic", ["orderbook.500.BTCUSDT", "orderbook.50.NOUSDT", "publicTrade.NOUSDT", "candle.BTCUSDT", "", "tickers"]
)
def test_a_bad_topic_takes_its_request_with_it(topic: str) -> None:
    stage = Stage(LINEAR)
    [answer] = stage.ask("subscribe", "publicTrade.BTCUSDT", topic)
    assert (answer["success"], answer["ret_msg"]) == (False, f"error:handler not found,topic:{topic}")
    assert not stage.session.streams and stage.run(20) == []


def test_what_is_refused_besides() -> None:
    stage = Stage(SPOT, *SPOT.symbols, refuse="ETHUSDT")
    [many] = stage.ask("subscribe", *[f"publicTrade.COIN{number}" for number in range(11)])
    assert (many["success"], many["ret_msg"]) == (False, "args size >10")
    stage.ask("subscribe", "publicTrade.BTCUSDT")
    [twice] = stage.ask("subscribe", "publicTrade.BTCUSDT")
    assert (twice["success"], twice["ret_msg"]) == (False, "error:already subscribed,topic:publicTrade.BTCUSDT")
    [fault] = stage.ask("subscribe", "tickers.BTCUSDT", "tickers.ETHUSDT")
    assert (fault["success"], fault["ret_msg"]) == (False, "error:subscription refused for ETHUSDT")
    [long] = Stage(LINEAR).ask("subscribe", "x" * 21_001)
    assert not long["success"]
    [no_liquidations] = stage.ask("subscribe", "allLiquidation.BTCUSDT")
    assert not no_liquidations["success"]
    for bad in ("hello", "[]", "7", '{"args":[]}'):
        [answer] = stage.say(bad)
        assert answer["success"] is False


def test_pongs() -> None:
    for dialect in (SPOT, LINEAR, INVERSE):
        [pong] = Stage(dialect).say({"req_id": "x", "op": "ping"})
        assert (pong["success"], pong["ret_msg"], pong["req_id"], pong["op"]) == (True, "pong", "x", "ping")
    assert Stage(OPTION).say({"req_id": "x", "op": "ping"}) == [{"args": [str(START_NS // 1_000_000)], "op": "pong"}]


@each
def test_what_is_given_up_falls_silent_and_begins_anew(dialect: Bybit) -> None:
    stage, symbol = Stage(dialect), SYMBOLS[dialect.name]
    trades = "publicTrade.BTC" if dialect is OPTION else f"publicTrade.{symbol}"
    topics = (f"orderbook.{BOOKS[dialect.name]}.{symbol}", trades)
    stage.ask("subscribe", *topics)
    assert stage.run(5)
    [answer] = stage.ask("unsubscribe", *topics)
    assert answer["success"] and stage.run(20) == [] and not stage.session.streams
    again = stage.ask("subscribe", *topics)
    assert sum(frame.get("type") == "snapshot" for frame in again) == 1 and stage.run(5)


# -- streams


@each
def test_a_book_is_rebuilt_by_the_document(dialect: Bybit) -> None:
    for depth in ("25", "100") if dialect is OPTION else ("50", "200", "1000"):
        stage, symbol = Stage(dialect), SYMBOLS[dialect.name]
        topic = f"orderbook.{depth}.{symbol}"
        begun = [frame for frame in stage.ask("subscribe", topic) if frame.get("topic") == topic]
        later = stage.run(41)
        assert len(begun) == 1 and len(later) > 5 and {frame["type"] for frame in later} == {"delta"}
        bids, asks, last = rebuilt([*begun, *later])
        listing = stage.listings[symbol]
        fact, published = listing.instrument, listing.windows[topic]
        assert last == published.number
        for ours, levels in ((bids, published.state.bids), (asks, published.state.asks)):
            assert ours == {fact.price(price): fact.size(size) for price, size in levels}
            assert 0 < len(ours) <= int(depth)


def test_level_1_is_whole_pictures_and_the_same_again_after_three_seconds() -> None:
    stage = Stage(SPOT)
    [_, first] = stage.ask("subscribe", "orderbook.1.BTCUSDT")
    frames = [first, *stage.run(400)]
    assert {frame["type"] for frame in frames} == {"snapshot"}
    assert {(len(frame["data"]["b"]), len(frame["data"]["a"])) for frame in frames} == {(1, 1)}
    numbers = [frame["data"]["u"] for frame in frames]
    assert {after - before for before, after in pairwise(numbers)} == {0, 1}


def test_trades_of_each_market() -> None:
    for dialect in ALL:
        symbol = SYMBOLS[dialect.name]
        stage = Stage(dialect, CALL, PUT) if dialect is OPTION else Stage(dialect)
        stage.ask("subscribe", "publicTrade.BTC" if dialect is OPTION else f"publicTrade.{symbol}")
        rows = [row for frame in stage.run(60) for row in frame["data"]]
        assert len(rows) == len({row["i"] for row in rows}) > 10
        assert {row["S"] for row in rows} == {"Buy", "Sell"}
        assert {row["s"] for row in rows} == ({CALL, PUT} if dialect is OPTION else {symbol})
        assert all(row["i"].isdecimal() for row in rows) == (dialect is SPOT)


def test_tickers_of_contracts_begin_whole_and_then_tell_changes() -> None:
    stage = Stage(LINEAR)
    whole, _ = stage.ask("subscribe", "tickers.BTCUSDT")
    assert {"fundingRate", "nextFundingTime", "openInterest", "markPrice", "indexPrice"} <= whole["data"].keys()
    changes = stage.run(20)
    assert len(changes) == 10 and {frame["type"] for frame in changes} == {"delta"}
    assert all("fundingRate" not in frame["data"] for frame in changes)
    assert 0 < sum("openInterest" in frame["data"] for frame in changes) < len(changes)


def test_other_tickers_are_always_whole() -> None:
    for dialect, fields in ((SPOT, {"lastPrice"}), (OPTION, {"markPriceIv", "delta", "underlyingPrice", "bidIv", "askIv"})):
        stage = Stage(dialect)
        stage.ask("subscribe", f"tickers.{SYMBOLS[dialect.name]}")
        frames = stage.run(10)
        assert frames and {frame["type"] for frame in frames} == {"snapshot"}
        assert all(fields <= frame["data"].keys() for frame in frames)


def test_a_liquidation_has_the_side_of_the_position() -> None:
    stage = Stage(INVERSE)
    stage.ask("subscribe", "allLiquidation.BTCUSD")
    listing, told, forced = stage.listings["BTCUSD"], list[Any](), list[Any]()
    for _ in range(60):
        told += [row for frame in stage.run(10) for row in frame["data"]]
        forced += [step.liquidation for step in list(listing.recent)[-10:] if step.liquidation is not None]
    assert len(told) == len(forced) > 3
    for row, one in zip(told, forced, strict=True):
        assert (row["S"], row["v"]) == ("Sell" if one.buy else "Buy", listing.instrument.size(one.size))


# -- REST and symbols


def test_lists_are_paged_except_for_spot() -> None:
    stage = Stage(LINEAR, *LINEAR.symbols)
    found, cursor = [], ""
    for _ in stage.listings:
        page = stage.get("/v5/market/instruments-info", category="linear", limit="1", cursor=cursor)
        [entry], cursor = page["list"], page["nextPageCursor"]
        found.append(entry["symbol"])
    assert found == list(stage.listings) and cursor == ""
    spot = Stage(SPOT, *SPOT.symbols).get("/v5/market/instruments-info", category="spot", limit="1")
    assert len(spot["list"]) == 2 and "nextPageCursor" not in spot
    assert stage.get("/v5/market/instruments-info", category="spot") == {}


def test_options_are_listed_by_coin() -> None:
    stage = Stage(OPTION, *OPTION.symbols)
    assert [row["baseCoin"] for row in stage.get("/v5/market/option-base-coins")["list"]] == ["BTC", "ETH"]
    [eth] = stage.get("/v5/market/instruments-info", category="option", baseCoin="ETH")["list"]
    assert (eth["symbol"], eth["optionsType"], eth["deliveryTime"]) == ("ETH-25JUN27-5000-C-USDT", "Call", "1813910400000")
    assert len(stage.get("/v5/market/instruments-info", category="option")["list"]) == 2


def test_the_time_and_a_rest_book() -> None:
    stage = Stage(LINEAR)
    assert stage.get("/v5/market/time")["timeNano"] == str(START_NS)
    body = stage.get("/v5/market/orderbook", category="linear", symbol="BTCUSDT", limit="5")
    assert (body["s"], len(body["b"]), len(body["a"])) == ("BTCUSDT", 5, 5)
    assert stage.get("/v5/market/orderbook", category="linear", symbol="NO") == {}
    assert LINEAR.http("/v5/market/nothing", {}, stage.desk) is None
    assert LINEAR.limited(1).status == 403
    assert LINEAR.open("/v5/public/spot", stage.desk) is None


@pytest.mark.parametrize(
    ("dialect", "symbol", "kind", "delivery"),
    [
        (LINEAR, "ethusdt", "LinearPerpetual", "0"),
        (LINEAR, "BTCPERP", "LinearPerpetual", "0"),
        (LINEAR, "BTC-25SEP26", "LinearFutures", "1790323200000"),
        (LINEAR, "BTCUSDT-25SEP26", "LinearFutures", "1790323200000"),
        (INVERSE, "BTCUSDZ26", "InverseFutures", "1798185600000"),
    ],
)
def test_contracts_are_what_their_names_say(dialect: Bybit, symbol: str, kind: str, delivery: str) -> None:
    stage = Stage(dialect, symbol)
    [entry] = stage.get("/v5/market/instruments-info", category=dialect.name.partition("-")[2])["list"]
    assert (entry["contractType"], entry["deliveryTime"]) == (kind, delivery)


@each
def test_a_symbol_that_could_not_be_listed(dialect: Bybit) -> None:
    with pytest.raises(UsageError) as refusal:
        dialect.instrument("BTC_USDT")
    assert refusal.value.hint and SYMBOLS[dialect.name] in refusal.value.hint
