"""The dialect of Gate against its documents: no decoder of ours reads what it says here."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.gate import FUTURES, SPOT, Gate
from feedtape.sim.instrument import sides
from feedtape.sim.listing import Listing, open_listing

NOW = 1_790_000_000_123_000_000
RATE = 10.0
PATHS = {"gate": "/ws/v4/", "gate-futures": "/v4/ws/usdt"}
each = pytest.mark.parametrize("dialect", [SPOT, FUTURES], ids=["spot", "futures"])


class Stage:
    """One connection to a dialect, step by step."""

    def __init__(
        self, dialect: Gate, path: str = "", refuse: Callable[[Sequence[str]], str | None] = lambda symbols: None
    ) -> None:
        self.dialect = dialect
        self.listings: dict[str, Listing] = {
            symbol: open_listing(dialect.instrument(symbol), seed=3, venue=dialect.name, rate=RATE) for symbol in dialect.symbols
        }
        self.desk = Desk(self.listings, NOW, lambda listing: listing.market.state(), refuse, RATE)
        session = dialect.open(path or PATHS[dialect.name], self.desk)
        assert session is not None
        self.session: Session = session

    def ask(self, channel: str, *payload: str, event: str = "subscribe", **fields: Any) -> list[Any]:
        head = {"time": 1, "channel": f"{self.dialect.market.prefix}.{channel}", "event": event}
        text = orjson.dumps(head | fields | {"payload": payload}).decode()
        return [orjson.loads(frame) for frame in self.dialect.receive(self.session, text, self.desk)]

    def step(self, symbol: str) -> list[Any]:
        listing, said = self.listings[symbol], list[Any]()
        step = listing.advance()
        for stream in self.session.streams.values():
            if stream is not None and stream.symbol == symbol:
                told = self.dialect.payloads(stream, listing, step, NOW, RATE)
                said += [orjson.loads(self.dialect.wrap(self.session, stream, payload)) for payload in told]
        return said

    def get(self, path: str, **query: str) -> Any:
        answer = self.dialect.http(path, query, self.desk)
        assert answer is not None
        return orjson.loads(answer.encode())

    def truth(self, symbol: str, depth: int) -> list[dict[Decimal, Decimal]]:
        listing = self.listings[symbol]
        market = listing.market
        both = sides(listing.instrument, market.bids.top(depth), market.asks.top(depth))
        return [{Decimal(price): Decimal(size) for price, size in side} for side in both]


def levels(rows: Any) -> dict[Decimal, Decimal]:
    pairs = [(row["p"], row["s"]) if isinstance(row, dict) else row for row in rows]
    return {Decimal(price): Decimal(size) for price, size in pairs}


def put(book: list[dict[Decimal, Decimal]], *changes: dict[Decimal, Decimal]) -> None:
    for index, change in enumerate(changes):
        book[index] = {price: size for price, size in (book[index] | change).items() if size}


@each
@pytest.mark.parametrize("depth", [50, 400])
def test_order_book_v2_begins_whole_and_goes_on_without_holes(dialect: Gate, depth: int) -> None:
    stage, name = Stage(dialect), f"ob.BTC_USDT.{depth}"
    picture, ack = stage.ask("obu", name, id=7)
    assert (ack["id"], ack["payload"], ack["result"]) == (7, [name], {"status": "success"}) and "error" not in ack
    assert picture["result"]["full"] is True and picture["result"]["s"] == name and "U" not in picture["result"]
    book, last, moved = [levels(picture["result"]["b"]), levels(picture["result"]["a"])], picture["result"]["u"], 0
    assert book == stage.truth("BTC_USDT", depth)
    for number in range(60):
        for frame in stage.step("BTC_USDT"):
            told = frame["result"]
            assert "full" not in told and told["U"] == last + 1 <= told["u"] and (told.get("b") or told.get("a"))
            put(book, levels(told.get("b", [])), levels(told.get("a", [])))
            last, moved = told["u"], moved + 1
        assert number % 5 or book == stage.truth("BTC_USDT", depth)
    assert moved > 30


@each
def test_order_book_v2_takes_anything_and_refuses_a_second_time(dialect: Gate) -> None:
    stage = Stage(dialect)
    [ack] = stage.ask("obu", "ob.NOBODY_USDT.400", "ob.BTC_USDT.77")
    assert ack["result"] == {"status": "success"} and "id" not in ack
    assert set(stage.session.streams.values()) == {None}
    assert len(stage.ask("obu", "ob.BTC_USDT.400")) == 2
    [refused] = stage.ask("obu", "ob.BTC_USDT.400", id=2)
    assert refused["error"] == {"code": 2, "message": "Alert sub ob.BTC_USDT.400"} and refused["result"] == {"status": "fail"}
    [ack] = stage.ask("obu", "ob.BTC_USDT.400", event="unsubscribe")
    assert ack["event"] == "unsubscribe" and f"{dialect.market.prefix}.obu ob.BTC_USDT.400" not in stage.session.streams
    picture, _ = stage.ask("obu", "ob.BTC_USDT.400")
    assert picture["result"]["full"] is True


@each
def test_the_older_channel_joins_a_rest_book(dialect: Gate) -> None:
    stage, futures = Stage(dialect), dialect is FUTURES
    [ack] = stage.ask("order_book_update", "ETH_USDT", "100ms", *(["100"] if futures else []))
    assert ack["result"] == {"status": "success"}
    waiting = [frame["result"] for _ in range(5) for frame in stage.step("ETH_USDT")]
    path = "/api/v4/futures/usdt/order_book" if futures else "/api/v4/spot/order_book"
    snapshot = stage.get(path, **{"contract" if futures else "currency_pair": "ETH_USDT"}, limit="100", with_id="true")
    book, last = [levels(snapshot["bids"]), levels(snapshot["asks"])], snapshot["id"]
    for _ in range(200):
        waiting += [frame["result"] for frame in stage.step("ETH_USDT")]
        for told in (one for one in waiting if one["u"] > last):
            assert told["U"] <= last + 1 and told["s"] == "ETH_USDT"
            put(book, levels(told["b"]), levels(told["a"]))
            last = told["u"]
            book = [dict(sorted(book[0].items(), reverse=True)[:100]), dict(sorted(book[1].items())[:100])]
        waiting = []
    assert book == stage.truth("ETH_USDT", 100)
    assert "id" not in stage.get(path, **{"contract" if futures else "currency_pair": "ETH_USDT"})


def test_the_shapes_of_both_markets() -> None:
    for dialect, symbol in ((SPOT, "BTC_USDT"), (FUTURES, "BTC_USDT")):
        stage = Stage(dialect)
        for channel in ("trades", "book_ticker", "tickers"):
            stage.ask(channel, symbol)
        stage.ask("order_book", symbol, *(["20", "0"] if dialect is FUTURES else ["20", "100ms"]))
        if dialect is FUTURES:
            stage.ask("public_liquidates", symbol)
        seen: dict[str, Any] = {}
        for _ in range(400):
            for frame in stage.step(symbol):
                seen.setdefault(frame["channel"].partition(".")[2], frame)
        book = seen["order_book"]["result"]
        assert len(book["asks"]) == len(book["bids"]) == 20
        quote, trades = seen["book_ticker"]["result"], seen["trades"]["result"]
        assert set(quote) == {"t", "u", "s", "b", "B", "a", "A"}
        if dialect is SPOT:
            assert set(trades) == {"id", "create_time", "create_time_ms", "side", "currency_pair", "amount", "price"}
            assert book["lastUpdateId"] and "public_liquidates" not in seen and isinstance(quote["B"], str)
        else:
            assert all(isinstance(row["size"], int) and row["size"] for row in trades) and isinstance(quote["B"], int)
            assert seen["order_book"]["event"] == "all" and isinstance(book["bids"][0], dict)
            assert {"mark_price", "index_price", "funding_rate", "total_size"} <= set(seen["tickers"]["result"][0])
            assert isinstance(seen["public_liquidates"]["result"], dict)


@each
def test_what_is_refused(dialect: Gate) -> None:
    stage = Stage(dialect, refuse=lambda symbols: "not now" if "ETH_USDT" in symbols else None)
    for channel, payload, words in (
        ("trades", ["BTC_USDT", "NOBODY_USDT"], "NOBODY_USDT"),
        ("nothing", ["BTC_USDT"], "nothing"),
        ("order_book_update", ["BTC_USDT", "7ms"], "frequency"),
        ("order_book", ["BTC_USDT", "33", "0" if dialect is FUTURES else "100ms"], "limit"),
        ("obu", ["BTC_USDT"], "BTC_USDT"),
        ("obu", [], "payload"),
        ("book_ticker", ["ETH_USDT"], "not now"),
    ):
        [refused] = stage.ask(channel, *payload, id=3)
        assert refused["id"] == 3 and refused["result"] == {"status": "fail"}
        assert refused["error"]["code"] in (2, 3) and words in refused["error"]["message"]
    assert not stage.session.streams
    for text in ("hello", "[]", "{}", "7"):
        [said] = stage.dialect.receive(stage.session, text, stage.desk)
        assert orjson.loads(said)["error"]["code"] == 1
    [pong] = stage.ask("ping")
    assert pong["channel"] == f"{dialect.market.prefix}.pong"


def test_contracts_of_another_settlement_currency_are_taken_and_say_nothing() -> None:
    stage = Stage(FUTURES, "/v4/ws/btc")
    assert len(stage.ask("obu", "ob.BTC_USDT.400")) == len(stage.ask("trades", "BTC_USDT")) == 1
    assert set(stage.session.streams.values()) == {None}
    assert len(stage.ask("obu", "ob.BTC_USD.400")) == 2
    assert FUTURES.open("/v4/ws/eur", stage.desk) is SPOT.open("/stream", stage.desk) is None


def test_what_rest_knows() -> None:
    spot, futures = Stage(SPOT), Stage(FUTURES)
    pairs = spot.get("/api/v4/spot/currency_pairs")
    assert [pair["id"] for pair in pairs] == list(SPOT.symbols) and pairs[0]["precision"] == 1
    assert [one["name"] for one in futures.get("/api/v4/futures/btc/contracts")] == ["BTC_USD"]
    assert [one["name"] for one in futures.get("/api/v4/futures/usdt/contracts")] == ["BTC_USDT", "ETH_USDT"]
    assert spot.get("/api/v4/spot/time") == {"server_time": NOW // 1_000_000}
    wrong = FUTURES.http("/api/v4/futures/usdt/order_book", {"contract": "BTC_USD"}, futures.desk)
    assert wrong is not None and wrong.status == 400
    assert SPOT.http("/api/v4/nothing", {}, spot.desk) is FUTURES.http("/api/v4/spot/tickers", {}, futures.desk) is None
    assert SPOT.limited(1).status == 429
    for dialect, symbol in ((SPOT, "BTCUSDT"), (FUTURES, "BTC_EUR")):
        with pytest.raises(UsageError):
            dialect.instrument(symbol)
