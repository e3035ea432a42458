"""The dialect of KuCoin's unified protocol against its documents: no decoder of ours reads what it says here."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.dialect import Desk
from feedtape.sim.instrument import sides
from feedtape.sim.kucoin import FUTURES, SPOT, KuCoin
from feedtape.sim.listing import Listing, open_listing

NOW = 1_790_000_000_123_456_789
RATE = 10.0
INCREMENTS = "increment@10ms"
SYMBOLS = {"kucoin": "BTC-USDT", "kucoin-futures": "XBTUSDTM"}
each = pytest.mark.parametrize("dialect", [SPOT, FUTURES], ids=["spot", "futures"])


class Stage:
    """One connection to a dialect, step by step."""

    def __init__(self, dialect: KuCoin, refuse: Callable[[Sequence[str]], str | None] = lambda symbols: None) -> None:
        self.dialect = dialect
        self.symbol = SYMBOLS[dialect.name]
        self.listings: dict[str, Listing] = {
            symbol: open_listing(dialect.instrument(symbol), seed=3, venue=dialect.name, rate=RATE) for symbol in dialect.symbols
        }
        self.desk = Desk(self.listings, NOW, lambda listing: listing.market.state(), refuse, RATE)
        session = dialect.open("/", self.desk)
        assert session is not None
        self.session = session

    def say(self, text: str) -> list[Any]:
        return [orjson.loads(frame) for frame in self.dialect.receive(self.session, text, self.desk)]

    def ask(self, channel: str, depth: str = "", action: str = "SUBSCRIBE", **fields: Any) -> list[Any]:
        request = {"id": "11", "action": action, "channel": channel, "tradeType": self.dialect.market.trade_type}
        request |= {"symbol": self.symbol} | ({"depth": depth} if depth else {}) | fields
        return self.say(orjson.dumps(request).decode())

    def step(self) -> list[Any]:
        listing, said = self.listings[self.symbol], list[Any]()
        step = listing.advance()
        for stream in self.session.streams.values():
            if stream is not None:
                told = self.dialect.payloads(stream, listing, step, NOW, RATE)
                said += [orjson.loads(self.dialect.wrap(self.session, stream, payload)) for payload in told]
        return said

    def truth(self, depth: int) -> list[dict[Decimal, Decimal]]:
        listing = self.listings[self.symbol]
        market = listing.market
        both = sides(listing.instrument, market.bids.top(depth), market.asks.top(depth))
        return [{Decimal(price): Decimal(size) for price, size in side} for side in both]


def levels(data: Any) -> list[dict[Decimal, Decimal]]:
    return [{Decimal(price): Decimal(size) for price, size in data[side]} for side in ("b", "a")]


YES = {"id": "11", "result": True}


@each
def test_it_greets_and_answers_pings_in_binary_frames(dialect: KuCoin) -> None:
    stage = Stage(dialect)
    [welcome] = (orjson.loads(frame) for frame in dialect.greet(stage.session, stage.desk))
    assert welcome["message"] == "welcome" and welcome["pingInterval"] == 18000 and dialect.binary
    assert stage.say('{"id":"13","type":"ping"}') == [{"type": "pong", "id": "13", "ts": NOW}]


@each
def test_a_book_begins_with_a_snapshot_and_goes_on_without_holes(dialect: KuCoin) -> None:
    stage = Stage(dialect)
    ack, snapshot = stage.ask("obu", INCREMENTS)
    assert ack == YES and (snapshot["T"], snapshot["dp"]) == (f"obu.{dialect.market.trade_type}", INCREMENTS)
    assert snapshot["t"] == "snapshot" and snapshot["d"]["O"] == snapshot["d"]["C"] and snapshot["d"]["s"] == stage.symbol
    book, last, moved = levels(snapshot["d"]), snapshot["d"]["C"], 0
    assert book == stage.truth(500)
    for number in range(60):
        for frame in stage.step():
            data = frame["d"]
            assert frame["t"] == "delta" and data["O"] == last + 1 <= data["C"] and data["M"] > 2**53
            book = [{p: s for p, s in (old | new).items() if s} for old, new in zip(book, levels(data), strict=True)]
            last, moved = data["C"], moved + 1
        assert number % 5 or book == stage.truth(500)
    assert moved > 40


@each
def test_a_second_request_brings_no_second_snapshot_but_a_new_one_does(dialect: KuCoin) -> None:
    stage = Stage(dialect)
    assert len(stage.ask("obu", INCREMENTS)) == 2
    assert stage.ask("obu", INCREMENTS) == [YES]
    assert stage.ask("obu", INCREMENTS, action="UNSUBSCRIBE") == [YES] and not stage.session.streams
    assert len(stage.ask("obu", INCREMENTS)) == 2


@each
def test_pictures_quotes_trades_and_facts(dialect: KuCoin) -> None:
    stage = Stage(dialect)
    for depth in ("1", "5", "50"):
        assert stage.ask("obu", depth) == [YES]
    for channel in ("trade", "ticker", *(("mark-price", "funding-fee") if dialect is FUTURES else ())):
        assert stage.ask(channel) == [YES]
    seen: dict[tuple[str, str], Any] = {}
    for number in range(601):
        for frame in stage.step():
            seen[frame["T"].partition(".")[0], frame.get("dp", "")] = frame
            if number % 50 == 0 and frame.get("dp") in ("5", "50"):
                assert frame["t"] == "snapshot" and levels(frame["d"]) == stage.truth(int(frame["dp"]))
    quote, trade = seen["obu", "1"]["d"], seen["trade", ""]["d"]
    assert len(quote["a"]) == len(quote["b"]) == 1 and quote["O"] == quote["C"]
    assert trade["S"] in ("buy", "sell") and trade["ti"] == str(trade["E"]) and Decimal(trade["q"]) > 0
    assert ("mark-price", "") in seen if dialect is FUTURES else ("mark-price", "") not in seen
    if dialect is FUTURES:
        assert {"s", "mp", "ip", "oi", "ts"} == set(seen["mark-price", ""]["d"])
        assert seen["funding-fee", ""]["d"]["nt"] > NOW // 1_000_000


@each
def test_what_is_refused_and_what_is_taken_without_a_word(dialect: KuCoin) -> None:
    stage = Stage(dialect, refuse=lambda symbols: "not now" if symbols == [stage.symbol] else None)
    invalid = [{"id": "11", "result": False, "message": "invalid request data"}]
    assert (
        stage.ask("obu", "5", tradeType="MARGIN") == stage.ask("trade", symbol="") == stage.ask("trade", action="GET") == invalid
    )
    for answer in (stage.ask("obu", "7"), stage.ask("depth"), stage.ask("obu", "5")):
        [refused] = answer
        assert refused["result"] is False and refused["reason"]
    if dialect is SPOT:
        [refused] = stage.ask("mark-price")
        assert refused["result"] is False
    assert stage.ask("obu", INCREMENTS, symbol="NOBODY-USDT") == [YES]
    assert list(stage.session.streams.values()) == [None]
    for text in ("hello", "[]", "{}"):
        assert stage.say(text)[0]["code"] == "400000"


def test_what_rest_knows() -> None:
    spot, futures = Stage(SPOT), Stage(FUTURES)

    def get(stage: Stage, path: str) -> Any:
        answer = stage.dialect.http(path, {}, stage.desk)
        return None if answer is None else orjson.loads(answer.encode())

    assert get(spot, "/api/v1/timestamp") == {"code": "200000", "data": NOW // 1_000_000}
    assert [one["symbol"] for one in get(spot, "/api/v2/symbols")["data"]] == list(SPOT.symbols)
    contracts = get(futures, "/api/v1/contracts/active")["data"]
    assert [one["multiplier"] for one in contracts] == [0.001, 0.001, -1.0]
    assert get(spot, "/api/v1/contracts/active") is get(futures, "/api/v2/symbols") is None
    assert SPOT.limited(1).status == 429 and SPOT.open("/endpoint", spot.desk) is None
    for dialect, symbol in ((SPOT, "BTCUSDT"), (FUTURES, "XBT-USDT")):
        with pytest.raises(UsageError):
            dialect.instrument(symbol)
