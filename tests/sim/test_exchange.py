"""The exchange over loopback: the protocol as the sheets describe it, and books that can be rebuilt from it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from feedtape.errors import UsageError
from feedtape.sim.dialect import Desk, load_dialect
from feedtape.sim.exchange import SimulatedExchange
from feedtape.sim.listing import open_listing
from sim.naive import BOOK_TARGETS, DEPTH_PATHS, SYMBOLS, NaiveBook, answer, ask, data, get, opened, run

VENUES = ["binance", "binance-usdm", "binance-coinm"]


def payloads(venue: str, stream: str) -> Iterator[Any]:
    """Yield what a stream says, as fast as the market can be stepped; one step stands for a second."""
    dialect, symbol = load_dialect(venue), SYMBOLS[venue]
    listing = open_listing(dialect.instrument(symbol), seed=1, venue=venue, rate=1)
    desk = Desk({symbol: listing}, 0, lambda one: one.market.state(), lambda symbols: None)
    route = "/market" if stream.partition("@")[0] in ("aggTrade", "markPrice", "ticker") else "/public"
    session = dialect.open(f"{route if venue == 'binance-usdm' else ''}/ws/{symbol.lower()}@{stream}", desk)
    assert session is not None
    (found,) = session.streams.values()
    assert found is not None
    for second in range(20_000):
        for payload in dialect.payloads(found, listing, listing.advance(), second * 1_000_000_000, 1):
            yield orjson.loads(payload)


@pytest.mark.parametrize(
    ("venue", "speed"),
    # Spot has no 500 ms stream.
    [(venue, speed) for venue in VENUES for speed in ("@100ms", "", "@500ms") if (venue, speed) != ("binance", "@500ms")],
)
def test_rebuilt_book_equals_the_truth(venue: str, speed: str) -> None:
    async def conversation() -> None:
        async with opened(venue, BOOK_TARGETS[venue], rate=500) as (url, ws):
            symbol = SYMBOLS[venue]
            await ask(ws, "SUBSCRIBE", f"{symbol.lower()}@depth{speed}")
            await data(ws)
            book: NaiveBook | None = None
            refetched = applied = 0
            while applied < (100 if speed != "@500ms" else 1):
                if book is None:
                    reply = await get(url, f"{DEPTH_PATHS[venue]}?symbol={symbol}&limit=1000")
                    book = NaiveBook.from_snapshot(venue, reply.body)
                event = await data(ws)
                if book.apply(event):
                    applied += book.linked
                else:
                    assert not book.linked, "a gap on a faultless exchange"
                    book, refetched = None, refetched + 1
            assert refetched < 20 and book is not None
            truth = (await get(url, f"/sim/book?symbol={symbol}&at={book.last}")).body
            assert truth["sequence"] == book.last
            # Beyond 1000 levels a snapshot knows nothing.
            assert [side[:500] for side in book.sorted()] == [truth["bids"][:500], truth["asks"][:500]]

    run(conversation)


def test_speeds_are_chains_of_their_own() -> None:
    async def conversation() -> None:
        async with opened("binance-usdm", "/public/stream", rate=100) as (_, ws):
            await ask(ws, "SUBSCRIBE", "btcusdt@depth@0ms", "btcusdt@depth@500ms")
            chains: dict[str, list[Any]] = {}
            while len(chains.get("btcusdt@depth@500ms", [])) < 2:
                message = orjson.loads(await ws.recv())
                chains.setdefault(message["stream"], []).append(message["data"])
            for events in chains.values():
                assert all(after["pu"] == before["u"] for before, after in pairwise(events))
            slow = chains["btcusdt@depth@500ms"][1]
            inside = [event for event in chains["btcusdt@depth@0ms"] if slow["U"] <= event["u"] <= slow["u"]]
            assert len(inside) == 50
            assert inside[0]["pu"] == slow["pu"] and inside[0]["U"] == slow["U"] and inside[-1]["u"] == slow["u"]
            assert any(event["U"] > event["pu"] + 1 for event in inside)

    run(conversation)


def test_requests_and_answers() -> None:
    async def conversation() -> None:
        async with opened("binance", "/ws", rate=1) as (_, ws):
            assert await ask(ws, "SUBSCRIBE", "btcusdt@trade", "nosuch@depth") == {"result": None, "id": 1}
            listed = await ask(ws, "LIST_SUBSCRIPTIONS", request_id="abc")
            assert listed == {"result": ["btcusdt@trade", "nosuch@depth"], "id": "abc"}
            assert await ask(ws, "UNSUBSCRIBE", "nosuch@depth") == {"result": None, "id": 1}
            assert (await ask(ws, "LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade"]
            assert await ask(ws, "GET_PROPERTY", "combined") == {"result": False, "id": 1}
            assert await ask(ws, "SET_PROPERTY", "combined", True) == {"result": None, "id": 1}
            assert (await ask(ws, "GET_PROPERTY", "combined"))["result"] is True
            assert (await ask(ws, "SET_PROPERTY", "combined", "yes"))["code"] == 1
            assert (await ask(ws, "GET_PROPERTY", "colour"))["code"] == 0
            assert (await ask(ws, "SHOUT"))["code"] == 2
            assert (await ask(ws, "SUBSCRIBE", 7))["code"] == 2
            for text, code in (("{not json", 3), ("[]", 2), ("{}", 2), ('{"method":"SUBSCRIBE","id":[]}', 2)):
                await ws.send(text)
                assert (await answer(ws))["code"] == code

    run(conversation)


def test_wrapped_and_bare_frames() -> None:
    async def conversation() -> None:
        async with opened("binance") as (url, _):
            async with connect(f"{url}/stream?streams=btcusdt@depth5@100ms/ethusdt@depth@100ms") as ws:
                messages = [orjson.loads(await ws.recv()) for _ in range(20)]
                assert {message["stream"] for message in messages} == {"btcusdt@depth5@100ms", "ethusdt@depth@100ms"}
            async with connect(f"{url}/ws/btcusdt@depth@100ms/ethusdt@trade") as ws:
                assert "stream" not in orjson.loads(await ws.recv())
            async with connect(f"{url}/ws/btcusdt@bookTicker") as ws:
                ticker = orjson.loads(await ws.recv())
                assert list(ticker) == ["u", "s", "b", "B", "a", "A"]
                assert await ask(ws, "SET_PROPERTY", "combined", True) == {"result": None, "id": 1}
                assert orjson.loads(await ws.recv())["stream"] == "btcusdt@bookTicker"
            for target in ("/nowhere", "/public/stream"):
                with pytest.raises(InvalidStatus):
                    await connect(url + target)

    run(conversation)


@pytest.mark.parametrize(
    ("target", "heard"),
    [
        ("/public/stream", {"depth@100ms", "trade"}),
        ("/stream", {"depth@100ms", "trade"}),
        ("/market/stream", {"aggTrade", "markPrice@1s"}),
        ("/private/stream", set()),
    ],
)
def test_wrong_route_is_acknowledged_and_silent(target: str, heard: set[str]) -> None:
    streams = ["btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@markPrice@1s"]

    async def conversation() -> None:
        async with opened("binance-usdm", target, rate=50) as (url, ws):
            assert await ask(ws, "SUBSCRIBE", *streams) == {"result": None, "id": 1}
            status = (await get(url, "/sim/status")).body["connections"][0]
            assert status["streams"] == streams
            assert {name.partition("@")[2] for name in streams if name not in status["silent_streams"]} == heard
            got: set[str] = set()
            while not got >= heard - {"markPrice@1s"}:
                got.add(orjson.loads(await ws.recv())["stream"].partition("@")[2])

    run(conversation)


@pytest.mark.parametrize(
    ("venue", "stream", "fields"),
    [
        ("binance", "depth@100ms", "e E s U u b a"),
        ("binance", "depth10@100ms", "lastUpdateId bids asks"),
        ("binance", "trade", "e E s t p q T m M"),
        ("binance", "aggTrade", "e E s a p q f l T m M"),
        ("binance", "ticker", "e E s p P w x c Q b B a A o h l v q O C F L n"),
        ("binance-usdm", "depth@100ms", "e E T s ps st U u pu b a"),
        ("binance-usdm", "depth5@100ms", "e E T s ps st U u pu b a"),
        ("binance-usdm", "bookTicker", "e u s b B a A T E ps st"),
        ("binance-usdm", "trade", "e E s t p q T X m ps st"),
        ("binance-usdm", "aggTrade", "e E s a p q nq f l T m st"),
        ("binance-usdm", "markPrice@1s", "e E s p ap P i r T st"),
        ("binance-usdm", "ticker", "e E s p P w c Q o h l v q O C F L n ps st"),
        ("binance-coinm", "aggTrade", "e E s a p q f l T m st"),
        ("binance-coinm", "markPrice", "e E s p P i r T st"),
    ],
)
def test_fields(venue: str, stream: str, fields: str) -> None:
    payload = next(payloads(venue, stream))
    assert set(payload) == set(fields.split())
    assert payload.get("st", 0) == {"binance": 0, "binance-usdm": 1, "binance-coinm": 2}[venue]


@pytest.mark.parametrize(
    ("venue", "price_decimals", "size_decimals"), [("binance", 8, 8), ("binance-usdm", 2, 3), ("binance-coinm", 1, 0)]
)
def test_numbers_as_the_venue_writes_them(venue: str, price_decimals: int, size_decimals: int) -> None:
    async def conversation() -> None:
        async with opened(venue) as (url, _):
            book = (await get(url, f"{DEPTH_PATHS[venue]}?symbol={SYMBOLS[venue]}&limit=100")).body
            assert len(book["bids"]) == len(book["asks"]) == 100
            for price, size in book["bids"] + book["asks"]:
                assert len(price.partition(".")[2]) == price_decimals
                assert len(size.partition(".")[2]) == size_decimals
            assert float(book["bids"][0][0]) < float(book["asks"][0][0])

    run(conversation)


def test_trade_ids_are_consecutive() -> None:
    async def conversation() -> None:
        async with opened("binance", "/ws/btcusdt@trade", rate=1000) as (_, ws):
            ids = [(await data(ws))["t"] for _ in range(200)]
            assert ids == list(range(ids[0], ids[0] + 200))

    run(conversation)


def test_liquidations_are_rare_but_come() -> None:
    orders = [payload["o"] for payload, _ in zip(payloads("binance-coinm", "forceOrder"), range(10), strict=False)]
    assert {order["S"] for order in orders} == {"BUY", "SELL"}
    assert all(int(order["z"]) > 0 for order in orders)


def test_microseconds_on_request() -> None:
    async def conversation() -> None:
        async with opened("binance", "/stream?timeUnit=microsecond&streams=btcusdt@depth@100ms") as (_, ws):
            assert len(str((await data(ws))["E"])) == 16

    run(conversation)


@pytest.mark.parametrize(("venue", "root"), [("binance", "/api/v3"), ("binance-usdm", "/fapi/v1"), ("binance-coinm", "/dapi/v1")])
def test_rest(venue: str, root: str) -> None:
    async def conversation() -> None:
        async with opened(venue) as (url, _):
            info = (await get(url, f"{root}/exchangeInfo")).body
            row = info["symbols"][0]
            assert row["symbol"] == SYMBOLS[venue]
            assert {"PRICE_FILTER", "LOT_SIZE"} <= {entry["filterType"] for entry in row["filters"]}
            assert ("contractStatus" in row and row["contractSize"] == 100) == (venue == "binance-coinm")
            assert "serverTime" in (await get(url, f"{root}/time")).body
            unknown = await get(url, f"{root}/depth?symbol=NOSUCH")
            assert (unknown.status, unknown.body) == (400, {"code": -1121, "msg": "Invalid symbol."})
            assert (await get(url, f"{root}/nosuch")).status == 404
            assert int((await get(url, f"{root}/ping")).headers["X-MBX-USED-WEIGHT-1M"]) > 0
            if venue == "binance":
                assert len((await get(url, f"{root}/depth?symbol=BTCUSDT&limit=5000")).body["bids"]) > 500
                return
            assert (await get(url, f"{root}/depth?symbol={SYMBOLS[venue]}&limit=7")).body["code"] == -4021
            assert {"E", "T"} <= (await get(url, f"{root}/depth?symbol={SYMBOLS[venue]}&limit=5")).body.keys()
            assert float((await get(url, f"{root}/openInterest?symbol={SYMBOLS[venue]}")).body["openInterest"]) > 0
            premium = (await get(url, f"{root}/premiumIndex?symbol={SYMBOLS[venue]}")).body
            assert float((premium if venue == "binance-usdm" else premium[0])["markPrice"]) > 0

    run(conversation)


def test_other_symbols_can_be_listed() -> None:
    async def conversation() -> None:
        async with opened("binance-coinm", symbols=["solusd_perp", "BTCUSD_261225"]) as (url, _):
            rows = (await get(url, "/dapi/v1/exchangeInfo")).body["symbols"]
            assert [(row["symbol"], row["contractType"]) for row in rows] == [
                ("SOLUSD_PERP", "PERPETUAL"),
                ("BTCUSD_261225", "CURRENT_QUARTER"),
            ]
            assert rows[1]["deliveryDate"] == 1_798_185_600_000

    run(conversation)


def test_pause_holds_the_market_still() -> None:
    async def conversation() -> None:
        async with opened("binance", "/ws/btcusdt@depth@100ms") as (url, ws):
            last = (await data(ws))["u"]
            paused = (await get(url, "/sim/pause")).body
            assert paused["paused"] is True
            book = (await get(url, "/sim/book?symbol=BTCUSDT&limit=3")).body
            assert book["sequence"] == paused["symbols"]["BTCUSDT"]
            assert len(book["bids"]) == len(book["asks"]) == 3
            snapshot = (await get(url, "/api/v3/depth?symbol=BTCUSDT&limit=5")).body
            assert snapshot["lastUpdateId"] == book["sequence"]
            while last < book["sequence"]:
                last = (await data(ws))["u"]
            assert (await get(url, "/sim/resume")).body["paused"] is False
            assert (await data(ws))["U"] == book["sequence"] + 1

    run(conversation)


def test_truth_refuses_what_it_cannot_know() -> None:
    async def conversation() -> None:
        async with opened("binance") as (url, _):
            assert (await get(url, "/sim/book?symbol=NOSUCH")).status == 404
            assert (await get(url, "/sim/book?symbol=BTCUSDT&at=1")).status == 404
            assert (await get(url, "/sim/book?symbol=BTCUSDT&at=x")).status == 400
            assert (await get(url, "/sim/nosuch")).status == 404

    run(conversation)


def test_pings_and_the_end_of_life() -> None:
    async def conversation() -> None:
        async with opened("binance", "/ws", rate=1, ping_every=0.02, max_life=0.15) as (_, ws):
            with pytest.raises(ConnectionClosedOK):
                await ws.recv()
            assert ws.close_code == 1001

    run(conversation)


def test_unanswered_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedtape.sim.exchange._CLOSE_WITHIN_S", 0.1)

    async def conversation() -> None:
        exchange = SimulatedExchange("binance", rate=1, ping_every=0.02)
        exchange.dialect = copy(exchange.dialect)
        exchange.dialect.rules = replace(exchange.dialect.rules, pong_within=0.05)
        async with exchange.serve() as url, connect(f"{url}/ws", close_timeout=0.2) as ws:
            assert await ask(ws, "LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}
            ws.transport.pause_reading()
            while (await get(url, "/sim/status")).body["connections"]:
                pass
            ws.transport.resume_reading()
            with pytest.raises(ConnectionClosedError):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (1008, "Pong timeout")

    run(conversation)


def test_a_slow_market_is_not_taken_for_a_late_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedtape.sim.exchange._GIVE_UP_S", 0.02)

    async def conversation() -> None:
        async with opened("binance", "/ws/btcusdt@depth@100ms", rate=10) as (_, ws):
            await data(ws)

    run(conversation)


def test_too_many_messages() -> None:
    async def conversation() -> None:
        async with opened("binance", "/ws", limits=True) as (_, ws):
            with pytest.raises(ConnectionClosedError):
                for _ in range(20):
                    await ask(ws, "LIST_SUBSCRIPTIONS")
            assert (ws.close_code, ws.close_reason) == (1008, "Too many requests")

    run(conversation)


def test_too_much_weight() -> None:
    async def conversation() -> None:
        async with opened("binance", limits=True) as (url, _):
            statuses = []
            while 418 not in statuses:
                reply = await get(url, "/api/v3/depth?symbol=BTCUSDT&limit=5000")
                statuses.append(reply.status)
                if reply.status != 200:
                    assert int(reply.headers["Retry-After"]) > 0
            assert statuses.index(429) >= 24

    run(conversation)


def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedtape.sim.peer._MOST_UNREAD", 100_000)

    async def conversation() -> None:
        cut = asyncio.Event()
        exchange = SimulatedExchange("binance", rate=2000, tell=lambda fault: cut.set())
        async with exchange.serve() as url:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", int(url.rpartition(":")[2])))
            sock.setblocking(False)
            async with connect(f"{url}/ws/btcusdt@depth20@100ms/ethusdt@depth20@100ms", sock=sock, close_timeout=0.1) as ws:
                ws.transport.pause_reading()
                await cut.wait()
        assert exchange.log.counts == {"slow-client": 1}

    run(conversation)


@pytest.mark.parametrize(
    ("venue", "options", "hint"),
    [
        ("binanace", {}, "binance"),
        ("binance", {"symbols": ["BTC/USD"]}, "BTCUSDT"),
        ("binance-coinm", {"symbols": ["BTCUSDT"]}, "BTCUSD_PERP"),
        ("binance", {"rate": 0}, "10"),
        ("binance", {"faults": ["dorp=1"]}, "drop"),
    ],
)
def test_impossible_exchanges(venue: str, options: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        SimulatedExchange(venue, **options)
    assert caught.value.hint is not None and hint in caught.value.hint


def test_errors_of_the_caller_come_out_as_they_are() -> None:
    async def conversation() -> None:
        async with SimulatedExchange("binance").serve():
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(conversation())
