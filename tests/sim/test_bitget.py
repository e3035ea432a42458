"""The simulated Bitget by itself, held against its documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.bitget import FUTURES, SPOT, Bitget
from feedtape.sim.dialect import Desk, Session, Stream
from feedtape.sim.listing import Listing, open_listing

RATE = 20.0
NOW = 1_789_456_510_736_000_000


class Stage:
    """A dialect, its market, and one client."""

    def __init__(self, dialect: Bitget, *symbols: str, refused: tuple[str, ...] = ()) -> None:
        self.dialect = dialect
        facts = [dialect.instrument(symbol) for symbol in symbols or dialect.symbols]
        self.listings = {one.symbol: open_listing(one, seed=3, venue=dialect.name, rate=RATE) for one in facts}
        self.desk = Desk(self.listings, NOW, _no_book, lambda names: "no" if {*names} & {*refused} else None, RATE)
        session = dialect.open("/v3/ws/public", self.desk)
        assert session is not None
        self.session: Session = session

    def say(self, message: Any) -> list[Any]:
        """Send a message; return the answers."""
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        return [_read(frame) for frame in self.dialect.receive(self.session, text, self.desk)]

    def subscribe(self, *args: tuple[str, str, str], operation: str = "subscribe") -> list[Any]:
        """Ask for streams by kind, topic and symbol."""
        named = [{"instType": kind, "topic": topic} | ({"symbol": symbol} if symbol else {}) for kind, topic, symbol in args]
        return self.say({"op": operation, "args": named})

    def step(self, steps: int = 1) -> list[Any]:
        """Let the market go on; return what the client is told."""
        told = []
        for _ in range(steps):
            for listing in self.listings.values():
                step = listing.advance()
                for stream in self.session.streams.values():
                    if isinstance(stream, Stream) and stream.symbol == listing.instrument.symbol:
                        frames = self.dialect.payloads(stream, listing, step, NOW, RATE)
                        told += [_read(self.dialect.wrap(self.session, stream, frame)) for frame in frames]
        return told


def _no_book(listing: Listing) -> Any:
    raise AssertionError("snapshots come in the stream")


def _read(frame: bytes) -> Any:
    return frame.decode() if frame == b"pong" else orjson.loads(frame)


Book = dict[str, dict[Decimal, Decimal]]


def applied(book: Book, row: dict[str, Any]) -> None:
    """Take a row into a naive book."""
    for side in ("a", "b"):
        for price, size in row[side]:
            if Decimal(size):
                book[side][Decimal(price)] = Decimal(size)
            else:
                del book[side][Decimal(price)]


def written(listing: Listing, name: str) -> Book:
    """What a window published last."""
    fact, state = listing.instrument, listing.windows[name].state
    return {
        side: {Decimal(fact.price(price)): Decimal(fact.size(size)) for price, size in levels}
        for side, levels in (("a", state.asks), ("b", state.bids))
    }


@pytest.mark.parametrize(
    ("dialect", "kind", "symbol"),
    [
        (SPOT, "spot", "BTCUSDT"),
        (FUTURES, "usdt-futures", "ETHUSDT"),
        (FUTURES, "usdc-futures", "BTCPERP"),
        (FUTURES, "coin-futures", "BTCUSD_CM"),
    ],
)
def test_a_book_begins_with_a_snapshot_and_chains(dialect: Bitget, kind: str, symbol: str) -> None:
    stage = Stage(dialect, symbol)
    arg = {"instType": kind, "topic": "books", "symbol": symbol}
    answer, snapshot = stage.subscribe((kind, "books", symbol))
    assert answer == {"event": "subscribe", "arg": arg, "connId": answer["connId"]}
    assert snapshot["action"] == "snapshot" and snapshot["arg"] == arg and snapshot["ts"] == NOW // 1_000_000
    [row] = snapshot["data"]
    assert row["pseq"] == 0 and row["ts"] == str(NOW // 1_000_000) and "checksum" not in row
    book: Book = {"a": {}, "b": {}}
    applied(book, row)
    last, updates = row["seq"], 0
    for message in stage.step(80):
        [row] = message["data"]
        assert message["action"] == "update" and row["pseq"] == last and row["seq"] > last
        assert [Decimal(price) for price, _ in row["b"]] == sorted((Decimal(price) for price, _ in row["b"]), reverse=True)
        assert [Decimal(price) for price, _ in row["a"]] == sorted(Decimal(price) for price, _ in row["a"])
        applied(book, row)
        last, updates = row["seq"], updates + 1
    assert updates > 40
    listing = stage.listings[symbol]
    assert book == written(listing, f"{kind}:books:{symbol}")
    assert (last > 2**53) == (kind == "coin-futures")
    assert all("." not in price or price[-1] != "0" for price, _ in snapshot["data"][0]["a"])


def test_who_begins_anew_gets_a_snapshot_and_who_asks_twice_an_answer() -> None:
    stage = Stage(SPOT, "BTCUSDT")
    book = ("spot", "books", "BTCUSDT")
    stage.subscribe(book)
    stage.step(3)
    assert [one["event"] for one in stage.subscribe(book)] == ["subscribe"]
    [given_up] = stage.subscribe(book, operation="unsubscribe")
    assert given_up["event"] == "unsubscribe" and stage.step(5) == []
    _, snapshot = stage.subscribe(book)
    assert snapshot["action"] == "snapshot" and snapshot["data"][0]["seq"] == stage.listings["BTCUSDT"].market.last_id


def test_pictures_quotes_trades_and_tickers() -> None:
    stage = Stage(FUTURES, "BTCUSDT", "BTCCMZ26")
    stage.step(30)
    topics = ("books1", "books5", "books50", "publicTrade", "ticker")
    answers = stage.subscribe(*(("usdt-futures", topic, "BTCUSDT") for topic in topics))
    history = [one for one in answers if "action" in one]
    assert [(one["action"], one["arg"]["topic"]) for one in history] == [("snapshot", "publicTrade")]
    told = stage.step(60)
    depths = {topic: [len(one["data"][0]["a"]) for one in told if one["arg"]["topic"] == topic] for topic in topics[:3]}
    assert [set(depth) for depth in depths.values()] == [{1}, {5}, {50}]
    trades = [row for one in told if one["arg"]["topic"] == "publicTrade" for row in one["data"]]
    assert trades and {one["action"] for one in told if one["arg"]["topic"] == "publicTrade"} == {"update"}
    assert {row["S"] for row in trades} <= {"buy", "sell"} and all(Decimal(row["v"]) > 0 for row in trades)
    ids = [int(row["i"]) for row in trades]
    assert ids == sorted(set(ids)) and {row["i"] for row in history[0]["data"]}.isdisjoint(row["i"] for row in trades)
    ticker = next(one["data"][0] for one in told if one["arg"]["topic"] == "ticker")
    assert ticker["fundingRate"] and int(ticker["nextFundingTime"]) > NOW // 1_000_000 and ticker["deliveryTime"] == ""
    stage.subscribe(("coin-futures", "ticker", "BTCCMZ26"))
    [dated] = [one["data"][0] for one in stage.step(2) if one["arg"]["symbol"] == "BTCCMZ26"]
    assert (dated["fundingRate"], dated["nextFundingTime"]) == ("", "") and dated["deliveryTime"] == "1798185600000"


def test_liquidations_come_for_a_kind_of_contracts() -> None:
    stage = Stage(FUTURES)
    [answer] = stage.subscribe(("usdt-futures", "liquidation", ""))
    assert answer["arg"] == {"instType": "usdt-futures", "topic": "liquidation"}
    told = stage.step(900)
    assert told and all(one["arg"] == answer["arg"] and one["action"] == "update" for one in told)
    assert {row["symbol"] for one in told for row in one["data"]} == {"BTCUSDT"}
    stage.subscribe(("usdt-futures", "liquidation", ""), operation="unsubscribe")
    assert not stage.session.streams


def test_refusals_quote_what_they_refuse_and_a_wrong_kind_is_silent() -> None:
    stage = Stage(FUTURES, refused=("BTCPERP",))
    for wanted in (
        ("usdt-futures", "books", "NOPE"),
        ("usdt-futures", "books15", "BTCUSDT"),
        ("usdc-futures", "books", "BTCPERP"),
    ):
        [refusal] = stage.subscribe(wanted)
        quoted, _, words = refusal["msg"].partition("} ")
        arg = orjson.loads(quoted + "}")
        assert refusal["event"] == "error" and refusal["code"] == 30001 and words == "doesn't exist"
        assert (arg["instType"], arg["topic"], arg["symbol"]) == wanted and "arg" not in refusal
    [param] = stage.subscribe(("options", "books", "BTCUSDT"))
    assert (param["code"], param["msg"]) == (30016, "Param error")
    [taken] = stage.subscribe(("coin-futures", "books", "BTCUSDT"))
    assert taken["event"] == "subscribe" and stage.step(20) == []
    for nonsense in ("hello", '{"op":"foo","args":[]}', '{"op":"subscribe"}', '{"op":"subscribe","args":[5]}', "[]"):
        [answer] = stage.say(nonsense)
        assert answer["code"] == 30002


def test_signs_of_life_and_what_costs_the_connection() -> None:
    stage = Stage(SPOT)
    assert stage.say("ping") == ["pong"]
    assert stage.dialect.open("/v1/stream", stage.desk) is None
    assert stage.subscribe(*([("spot", "ticker", "BTCUSDT")] * 24)) and not stage.session.dropped
    assert stage.subscribe(*([("spot", "ticker", "BTCUSDT")] * 25)) == [] and stage.session.dropped


def listed(stage: Stage, category: str) -> Any:
    answer = stage.dialect.http("/api/v3/market/instruments", {"category": category}, stage.desk)
    assert answer is not None and answer.status == 200
    body = orjson.loads(answer.encode())
    assert body["code"] == "00000"
    return body["data"]


def test_rest() -> None:
    stage = Stage(FUTURES, "BTCUSDT", "BTCPERP", "BTCUSD_CM", "BTCCMZ26")
    assert [row["symbol"] for row in listed(stage, "USDT-FUTURES")] == ["BTCUSDT"]
    assert [row["quoteCoin"] for row in listed(stage, "USDC-FUTURES")] == ["USDC"]
    perpetual, dated = listed(stage, "COIN-FUTURES")
    assert (perpetual["type"], dated["type"], dated["deliveryTime"]) == ("perpetual", "delivery", "1798185600000")
    assert listed(stage, "SPOT") == []
    [spot] = listed(Stage(SPOT, "ETHUSDT"), "SPOT")
    assert (spot["symbol"], spot["pricePrecision"], "priceMultiplier" in spot) == ("ETHUSDT", "2", False)
    wrong = stage.dialect.http("/api/v3/market/instruments", {"category": "OPTIONS"}, stage.desk)
    assert wrong is not None and wrong.status == 400
    clock = stage.dialect.http("/api/v2/public/time", {}, stage.desk)
    assert clock is not None and b'"serverTime":"1789456510736"' in clock.encode()
    assert stage.dialect.http("/api/v1/nothing", {}, stage.desk) is None and stage.dialect.limited(1).status == 429


@pytest.mark.parametrize(("dialect", "symbol"), [(SPOT, "BTC-USDT"), (FUTURES, "BTCUSD"), (FUTURES, "BTCUSDC")])
def test_symbols_that_the_venue_could_not_list(dialect: Bitget, symbol: str) -> None:
    with pytest.raises(UsageError):
        dialect.instrument(symbol)
