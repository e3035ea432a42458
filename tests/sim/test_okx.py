"""The simulated OKX by itself, held against its documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.dialect import Desk, Session
from feedtape.sim.history import BookState
from feedtape.sim.listing import Listing, open_listing
from feedtape.sim.okx import OKX

RATE = 20.0
NOW = 1_789_456_510_736_000_000
CALL, DATED = "BTC-USD-261225-60000-C", "BTC-USDT-261225"


class Stage:
    """The dialect, its market, and one client."""

    def __init__(self, *symbols: str, refused: tuple[str, ...] = ()) -> None:
        facts = [OKX.instrument(symbol) for symbol in symbols or OKX.symbols]
        self.listings = {one.symbol: open_listing(one, seed=3, venue=OKX.name, rate=RATE) for one in facts}
        self.desk = Desk(self.listings, NOW, _book, lambda names: "no" if {*names} & {*refused} else None, RATE)
        session = OKX.open("/ws/v5/public", self.desk)
        assert session is not None
        self.session: Session = session

    def say(self, message: Any) -> list[Any]:
        """Send a message; return the answers."""
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        return [_read(frame) for frame in OKX.receive(self.session, text, self.desk)]

    def subscribe(self, *args: dict[str, str], op: str = "subscribe", **more: str) -> list[Any]:
        return self.say({"op": op, "args": list(args)} | more)

    def step(self, steps: int = 1) -> list[Any]:
        """Let the market go on; return what the client is told."""
        told = []
        for _ in range(steps):
            for listing in self.listings.values():
                step = listing.advance()
                for stream in self.session.streams.values():
                    if stream is not None and stream.symbol == listing.instrument.symbol:
                        told += [_read(frame) for frame in OKX.payloads(stream, listing, step, NOW, RATE)]
        return told


def of(channel: str, symbol: str = "BTC-USDT-SWAP", key: str = "instId") -> dict[str, str]:
    return {"channel": channel, key: symbol}


def _book(listing: Listing) -> BookState:
    return listing.market.state()


def _read(frame: bytes) -> Any:
    return frame.decode() if frame == b"pong" else orjson.loads(frame)


Book = dict[str, dict[Decimal, Decimal]]


def applied(book: Book, row: dict[str, Any]) -> None:
    """Take a row into a naive book."""
    for side in ("asks", "bids"):
        for price, size, *_ in row[side]:
            if size == "0":
                del book[side][Decimal(price)]
            else:
                book[side][Decimal(price)] = Decimal(size)


def written(listing: Listing, name: str) -> Book:
    """What a window published last."""
    fact, state = listing.instrument, listing.windows[name].state
    return {
        side: {Decimal(fact.price(price)): Decimal(fact.size(size)) for price, size in levels}
        for side, levels in (("asks", state.asks), ("bids", state.bids))
    }


@pytest.mark.parametrize("symbol", ["BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP", DATED, CALL])
@pytest.mark.parametrize("channel", ["books", "books-rpi"])
def test_a_book_begins_with_a_snapshot_and_chains(symbol: str, channel: str) -> None:
    stage = Stage(symbol)
    arg = of(channel, symbol)
    answer, snapshot = stage.subscribe(arg, id="b1")
    assert answer == {"id": "b1", "event": "subscribe", "arg": arg, "connId": answer["connId"]}
    assert snapshot["action"] == "snapshot" and snapshot["arg"] == arg
    [row] = snapshot["data"]
    assert row["prevSeqId"] == -1 and row["ts"] == str(NOW // 1_000_000)
    assert row.get("checksum") == (0 if channel == "books" else None)
    assert {len(level) for side in ("asks", "bids") for level in row[side]} == {4}
    book: Book = {"asks": {}, "bids": {}}
    applied(book, row)
    last, updates = row["seqId"], 0
    for message in stage.step(80):
        [row] = message["data"]
        assert message["action"] == "update" and row["prevSeqId"] == last < row["seqId"]
        applied(book, row)
        last, updates = row["seqId"], updates + 1
    assert updates > 20 and book == written(stage.listings[symbol], f"{channel}:instId={symbol}")
    assert max(map(len, book.values())) <= 400


def test_what_does_not_change_is_told_once_a_minute_under_the_same_number() -> None:
    stage = Stage("BTC-USDT")
    stage.subscribe(of("books", "BTC-USDT"))
    stage.step(4)
    [listing], [stream] = stage.listings.values(), stage.session.streams.values()
    assert stream is not None
    listing.steps, same = 1_199, listing.windows[stream.name].state.id
    step = listing.recent[-1]
    assert OKX.payloads(stream, listing, step, NOW, RATE) == []
    listing.steps = 1_200
    [payload] = OKX.payloads(stream, listing, step, NOW, RATE)
    [row] = _read(payload)["data"]
    assert (row["asks"], row["bids"], row["prevSeqId"], row["seqId"]) == ([], [], same, same)


def test_who_begins_anew_gets_a_snapshot_and_who_asks_twice_an_answer() -> None:
    stage = Stage()
    book = of("books")
    stage.subscribe(book)
    stage.step(5)
    assert [one["event"] for one in stage.subscribe(book)] == ["subscribe"]
    [given_up] = stage.subscribe(book, op="unsubscribe")
    assert given_up["event"] == "unsubscribe" and given_up["arg"] == book and stage.step(5) == []
    _, snapshot = stage.subscribe(book)
    assert snapshot["action"] == "snapshot"
    assert snapshot["data"][0]["seqId"] == stage.listings["BTC-USDT-SWAP"].market.last_id


def test_pictures_quotes_trades_and_facts() -> None:
    stage = Stage()
    channels = ("books5", "bbo-tbt", "trades", "tickers", "mark-price", "open-interest")
    answers = stage.subscribe(*map(of, channels), of("index-tickers", "BTC-USDT"))
    assert [one["arg"]["channel"] for one in answers] == [*channels, "index-tickers"]
    told = stage.step(120)
    by_channel: dict[str, list[Any]] = {}
    for one in told:
        by_channel.setdefault(one["arg"]["channel"], []).extend(one["data"])
    assert set(by_channel) == {*channels, "index-tickers"}
    assert {len(row["asks"]) for row in by_channel["books5"]} == {5} and {len(row["bids"]) for row in by_channel["bbo-tbt"]} == {
        1
    }
    ids = [int(row["tradeId"]) for row in by_channel["trades"]]
    counts = [int(row["count"]) for row in by_channel["trades"]]
    assert all(one + count == other for one, other, count in zip(ids, ids[1:], counts[1:], strict=False))
    assert {row["side"] for row in by_channel["trades"]} == {"buy", "sell"}
    assert len(by_channel["open-interest"]) == 2 and by_channel["index-tickers"][0]["instId"] == "BTC-USDT"


def test_trades_begin_with_the_last_one_of_before() -> None:
    stage = Stage()
    [answer] = stage.subscribe(of("trades"))
    stage.subscribe(of("trades"), op="unsubscribe")
    stage.step(30)
    answer, first = stage.subscribe(of("trades"))
    [row] = first["data"]
    assert answer["event"] == "subscribe" and int(row["ts"]) <= NOW // 1_000_000 and row["instId"] == "BTC-USDT-SWAP"
    news = [one["data"][0]["tradeId"] for one in stage.step(20)]
    assert news and row["tradeId"] not in news


def test_streams_of_many_instruments() -> None:
    stage = Stage("BTC-USDT", "BTC-USDT-SWAP", "ETH-USDT-SWAP", CALL, "BTC-USD-261225-50000-P", "ETH-USD-261225-2000-P")
    liquidations, summary = of("liquidation-orders", "SWAP", "instType"), of("opt-summary", "BTC-USD", "instFamily")
    assert [one["arg"] for one in stage.subscribe(liquidations, summary)] == [liquidations, summary]
    told = stage.step(900)
    forced = [one for one in told if one["arg"] == liquidations]
    assert {row["instId"] for one in forced for row in one["data"]} == {"BTC-USDT-SWAP", "ETH-USDT-SWAP"}
    assert {row["details"][0]["side"] for one in forced for row in one["data"]} <= {"buy", "sell"}
    options = {row["instId"] for one in told if one["arg"] == summary for row in one["data"]}
    assert options == {CALL, "BTC-USD-261225-50000-P"}
    stage.subscribe(liquidations, summary, op="unsubscribe")
    assert not stage.session.streams


def test_a_refusal_is_of_one_argument() -> None:
    stage = Stage(refused=("BTC-USD-SWAP",))
    wrong = "Please use the correct URL, channel and parameters referring to API document."
    for arg, of_what in (
        (of("books", "NOPE-USDT"), "books,instId:NOPE-USDT"),
        (of("trades-all"), "trades-all,instId:BTC-USDT-SWAP"),
        (of("funding-rate", "BTC-USDT"), "funding-rate,instId:BTC-USDT"),
        (of("liquidation-orders", "SPOT", "instType"), "liquidation-orders,instType:SPOT"),
        (of("opt-summary", "BTC-USD", "instFamily"), "opt-summary,instFamily:BTC-USD"),
    ):
        refusal, taken = stage.subscribe(arg, of("trades"), id="7")[:2]
        assert (refusal["id"], refusal["event"], refusal["code"]) == ("7", "error", "60018")
        assert refusal["msg"] == f"Wrong URL or channel:{of_what} doesn't exist. {wrong}" and taken["event"] == "subscribe"
    [tier] = stage.subscribe(of("books-l2-tbt"))
    assert (tier["code"], tier["arg"]) == ("64003", of("books-l2-tbt"))
    [busy] = stage.subscribe(of("books", "BTC-USD-SWAP"))
    assert busy["code"] == "60014" and set(stage.session.streams) == {"trades:instId=BTC-USDT-SWAP"}


def test_nonsense_is_answered_and_a_ping_too() -> None:
    stage = Stage()
    assert stage.say("ping") == ["pong"]
    for nonsense in ("hello", "[]", '{"op":"subscribe"}', '{"op":"order","args":[]}', '{"op":"subscribe","args":7}'):
        assert [one["code"] for one in stage.say(nonsense)] == ["60012"]
    assert [one["code"] for one in stage.say('{"op":"subscribe","args":[7,{"instId":"BTC-USDT"}]}')] == ["60013"] * 2
    assert OKX.open("/ws/v5/business", stage.desk) is None
    assert (OKX.rules.client_within, OKX.rules.connects, OKX.rules.messages) == (30, (3, 1), ((480, 3600),))


def rest(stage: Stage, path: str, **query: str) -> Any:
    answer = OKX.http(path, query, stage.desk)
    assert answer is not None and answer.status == 200
    return orjson.loads(answer.encode())


def test_rest() -> None:
    stage = Stage("BTC-USDT", "BTC-USD-SWAP", DATED, CALL)
    listed = {kind: rest(stage, "/api/v5/public/instruments", instType=kind)["data"] for kind in ("SPOT", "SWAP", "FUTURES")}
    assert [[row["instId"] for row in rows] for rows in listed.values()] == [["BTC-USDT"], ["BTC-USD-SWAP"], [DATED]]
    assert rest(stage, "/api/v5/public/instruments", instType="OPTION")["code"] == "50014"
    assert rest(stage, "/api/v5/public/underlying", instType="OPTION")["data"] == [["BTC-USD"]]
    for key in ("uly", "instFamily"):
        [row] = rest(stage, "/api/v5/public/instruments", instType="OPTION", **{key: "BTC-USD"})["data"]
        assert (row["instId"], row["stk"], row["optType"], row["expTime"]) == (CALL, "60000", "C", "1798185600000")
    [book] = rest(stage, "/api/v5/market/books", instId="BTC-USDT", sz="400")["data"]
    assert len(book["bids"]) == 400 and "checksum" not in book
    assert book["seqId"] == stage.listings["BTC-USDT"].market.last_id
    assert rest(stage, "/api/v5/market/books", instId="NOPE")["code"] == "51001"
    assert rest(stage, "/api/v5/public/time")["data"] == [{"ts": "1789456510736"}]
    assert OKX.http("/api/v5/nothing", {}, stage.desk) is None and OKX.limited(1).status == 429


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC-USDT-PERP", "BTC-USD-269999", "BTC-USD-261225-60000-X"])
def test_symbols_that_the_venue_could_not_list(symbol: str) -> None:
    with pytest.raises(UsageError):
        OKX.instrument(symbol)
