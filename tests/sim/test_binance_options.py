"""The simulated Binance European options by themselves, held against their documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.binance_options import OPTIONS
from feedtape.sim.dialect import Desk, Session, Stream
from feedtape.sim.listing import Listing, open_listing

RATE = 10.0
NOW = 1_790_161_477_974_000_000
CALL, PUT, ETHER = OPTIONS.symbols
NAME = CALL.lower()

Book = dict[str, dict[Decimal, Decimal]]


class Stage:
    """The dialect, its market, and one client on a route."""

    def __init__(self, route: str) -> None:
        facts = [OPTIONS.instrument(symbol) for symbol in OPTIONS.symbols]
        self.listings = {one.symbol: open_listing(one, seed=3, venue=OPTIONS.name, rate=RATE) for one in facts}
        self.desk = Desk(self.listings, NOW, lambda listing: listing.market.state(), lambda names: None, RATE)
        session = OPTIONS.open(f"/{route}/stream", self.desk)
        assert session is not None
        self.session: Session = session

    def ask(self, method: str, *names: str) -> Any:
        message = orjson.dumps({"method": method, "params": names, "id": 7}).decode()
        [answer] = OPTIONS.receive(self.session, message, self.desk)
        return orjson.loads(answer)

    def step(self, steps: int = 1) -> list[Any]:
        """Let the market go on; return what the client is told."""
        told = []
        for _ in range(steps):
            for listing in self.listings.values():
                step = listing.advance()
                for stream in self.session.streams.values():
                    if isinstance(stream, Stream) and stream.symbol == listing.instrument.symbol:
                        frames = OPTIONS.payloads(stream, listing, step, NOW, RATE)
                        told += [orjson.loads(OPTIONS.wrap(self.session, stream, frame)) for frame in frames]
        return told

    def get(self, path: str, **query: str) -> Any:
        answer = OPTIONS.http(path, query, self.desk)
        assert answer is not None
        return orjson.loads(answer.encode())


def truth(listing: Listing) -> Book:
    fact, state = listing.instrument, listing.market.state()
    return {
        side: {Decimal(fact.price(price)): Decimal(fact.size(size)) for price, size in levels}
        for side, levels in (("b", state.bids), ("a", state.asks))
    }


def applied(book: Book, side: str, levels: list[list[str]]) -> None:
    for price, size in levels:
        if Decimal(size):
            book[side][Decimal(price)] = Decimal(size)
        else:
            book[side].pop(Decimal(price), None)


@pytest.mark.parametrize("speed", ["100ms", "500ms"])
def test_a_book_is_bridged_from_its_snapshot_and_chains(speed: str) -> None:
    stage = Stage("public")
    assert stage.ask("SUBSCRIBE", f"{NAME}@depth@{speed}") == {"result": None, "id": 7}
    stage.step(10)
    snapshot = stage.get("/eapi/v1/depth", symbol=CALL, limit="1000")
    assert set(snapshot) == {"bids", "asks", "T", "lastUpdateId"}
    book: Book = {"b": {}, "a": {}}
    applied(book, "b", snapshot["bids"])
    applied(book, "a", snapshot["asks"])
    last = None
    for message in stage.step(60):
        data = message["data"]
        assert message["stream"] == f"{NAME}@depth@{speed}" and (data["e"], data["s"]) == ("depthUpdate", CALL)
        assert data["pu"] < data["U"] <= data["u"] and last in (None, data["pu"])
        if last is None:
            assert data["pu"] <= snapshot["lastUpdateId"] <= data["u"]
        last = data["u"]
        applied(book, "b", data["b"])
        applied(book, "a", data["a"])
    assert book == truth(stage.listings[CALL])


def test_what_one_option_says() -> None:
    stage = Stage("public")
    stage.ask("SUBSCRIBE", *(f"{NAME}@{one}" for one in ("depth5@100ms", "bookTicker", "optionTrade", "optionTicker")))
    told = stage.step(60)
    by_stream = {name: [one["data"] for one in told if one["stream"] == name] for name in {one["stream"] for one in told}}
    assert len(by_stream) == 4 and len(by_stream[f"{NAME}@depth5@100ms"]) == 60
    picture = by_stream[f"{NAME}@depth5@100ms"][0]
    assert (len(picture["b"]), len(picture["a"])) == (5, 5) and picture["U"] != picture["pu"] + 1
    trades = by_stream[f"{NAME}@optionTrade"]
    assert all((trade["S"] == "SELL") == trade["m"] and trade["X"] == "MARKET" for trade in trades)
    assert [trade["t"] for trade in trades] == list(range(trades[0]["t"], trades[0]["t"] + len(trades)))
    assert set(by_stream[f"{NAME}@bookTicker"][0]) == set("eusbBaATE")
    assert len(by_stream[f"{NAME}@optionTicker"]) == 6


def test_what_all_options_on_something_say_at_once() -> None:
    stage = Stage("market")
    stage.ask("SUBSCRIBE", "btcusdt@optionMarkPrice", "btcusdt@openInterest@261225", "btcusdt@openInterest@270101")
    told = stage.step(600)
    marks = [one["data"] for one in told if one["stream"] == "btcusdt@optionMarkPrice"]
    assert len(marks) == 60 and all([row["s"] for row in rows] == [CALL, PUT] for rows in marks)
    assert set(marks[0][0]) == set("sEePbidtgav") | {"mp", "bo", "ao", "bq", "aq", "hl", "ll", "vo", "rf"}
    for row in (row for rows in marks for row in rows):
        assert (Decimal(row["bo"]) == 0) == (row["b"] == "-1.0") == (Decimal(row["bq"]) == 0)
    assert {row["b"] == "-1.0" for rows in marks for row in rows} == {True, False}
    [held] = [one for one in told if "openInterest" in one["stream"]]
    assert held["stream"] == "btcusdt@openInterest@261225" and [row["s"] for row in held["data"]] == [CALL, PUT]


def test_what_is_wrong_is_acknowledged_and_silent() -> None:
    public, market = Stage("public"), Stage("market")
    wrong = ("btcusdt@optionMarkPrice", f"{CALL}@depth@100ms", f"{NAME}@depth", f"{NAME}@depth50@100ms", "nope@optionTrade")
    assert public.ask("SUBSCRIBE", *wrong) == {"result": None, "id": 7}
    assert market.ask("SUBSCRIBE", f"{NAME}@depth@100ms", "xrpusdt@optionMarkPrice", "btcusdt@openInterest")["result"] is None
    assert public.step(30) == market.step(30) == []
    public.ask("SUBSCRIBE", f"{NAME}@depth5@100ms")
    public.ask("UNSUBSCRIBE", f"{NAME}@depth5@100ms")
    assert public.step(5) == []
    assert public.ask("SUBSCRIBE", *(f"{number}@optionTrade" for number in range(201)))["code"] == 2
    assert OPTIONS.receive(public.session, "x", public.desk)[0].startswith(b'{"code":3')


def test_rest() -> None:
    stage = Stage("public")
    info = stage.get("/eapi/v1/exchangeInfo")
    assert [one["underlying"] for one in info["optionContracts"]] == ["BTCUSDT", "ETHUSDT"]
    [call, put, _] = info["optionSymbols"]
    assert (call["symbol"], call["side"], call["strikePrice"], call["unit"]) == (CALL, "CALL", "100000.000", 1)
    assert put["side"] == "PUT" and call["expiryDate"] == 1_798_185_600_000
    assert stage.get("/eapi/v1/time") == {"serverTime": NOW // 1_000_000} and stage.get("/eapi/v1/ping") == {}
    held = stage.get("/eapi/v1/openInterest", underlyingAsset="ETH", expiration="261225")
    assert [row["symbol"] for row in held] == [ETHER]
    unknown = OPTIONS.http("/eapi/v1/depth", {"symbol": "NOPE"}, stage.desk)
    assert unknown is not None and unknown.status == 400
    weights = [OPTIONS.http("/eapi/v1/depth", {"symbol": NAME, "limit": limit}, stage.desk) for limit in ("50", "100", "1000")]
    assert [answer.weight for answer in weights if answer is not None] == [1, 5, 20]
    assert OPTIONS.http("/fapi/v1/time", {}, stage.desk) is None


def test_a_symbol_that_the_venue_could_not_list() -> None:
    with pytest.raises(UsageError):
        OPTIONS.instrument("BTCUSDT")
