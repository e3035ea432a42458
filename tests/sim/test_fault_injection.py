"""Each fault over loopback: the client sees it, and the exchange has it in its log."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from feedtape.sim.exchange import SimulatedExchange
from sim.naive import NaiveBook, ask, data, get, opened, run

DEPTH = "/ws/btcusdt@depth@100ms"


async def log_of(url: str) -> dict[str, Any]:
    """Return the log of faults, newest last."""
    body: dict[str, Any] = (await get(url, "/sim/faults")).body
    assert sum(body["counts"].values()) == len(body["faults"])
    return body


async def events_until(ws: Any, seen: Any) -> list[Any]:
    """Collect depth events until `seen` holds of them."""
    events: list[Any] = []
    while not seen(events):
        events.append(await data(ws))
    return events


def holes(events: list[Any]) -> list[tuple[int, int]]:
    return [(a["u"], b["U"]) for a, b in pairwise(events) if b["U"] > a["u"] + 1]


def test_drop() -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH, faults=["drop=0.2"]) as (url, ws):
            events = await events_until(ws, lambda events: len(holes(events)) >= 3)
            faults = (await log_of(url))["faults"]
            dropped = [orjson.loads(fault["what"].partition(',"b"')[0] + "}") for fault in faults]
            for before, after in holes(events):
                assert any(before < event["U"] <= event["u"] < after for event in dropped)
            assert {fault["fault"] for fault in faults} == {"drop"}
            assert faults[0]["connection"] == 1 and faults[0]["stream"] == "btcusdt@depth@100ms"

    run(conversation)


def test_duplicate() -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH, faults=["duplicate=0.2"]) as (url, ws):
            events = await events_until(ws, lambda events: any(a == b for a, b in pairwise(events)))
            assert not holes(events)
            assert (await log_of(url))["counts"]["duplicate"] > 0

    run(conversation)


def test_reorder_swaps_with_the_next_of_its_stream() -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH + "/btcusdt@bookTicker", faults=["reorder=0.2"]) as (url, ws):
            firsts: list[int] = []
            while firsts == sorted(firsts) or len(firsts) < 20:
                event = await data(ws)
                firsts += [event["U"]] if "U" in event else []
            # Nothing is lost by it: swapped neighbours, and at most the last one still missing.
            assert len(set(firsts)) == len(firsts)
            displaced = [i for i, first in enumerate(firsts[:-1]) if sorted(firsts)[i] != first]
            assert displaced
            assert (await log_of(url))["counts"]["reorder"] > 0

    run(conversation)


def test_delay_keeps_the_order() -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH, faults=["delay=200ms"], rate=200) as (url, ws):
            last, gaps, began = 0, [0.0], time.monotonic()
            while max(gaps) < 0.1:
                event = await data(ws)
                gaps.append(time.monotonic() - began)
                began = time.monotonic()
                assert last in (0, event["U"] - 1)
                last = event["u"]
            assert (await log_of(url))["counts"]["delay"] > 0

    run(conversation)


def test_stall_is_silent_but_open() -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH, faults=["stall=100ms"], ping_every=0.02) as (url, ws):
            while not (await log_of(url))["counts"].get("stall"):
                pass
            sequence = (await get(url, "/sim/status")).body["symbols"]["BTCUSDT"]
            while sequence == (await get(url, "/sim/status")).body["symbols"]["BTCUSDT"]:
                pass
            await ws.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
            pong = await ws.ping()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    while True:
                        message = orjson.loads(await ws.recv())
                        assert "result" not in message, "a stalled connection answered"
            assert not pong.done()
            assert ws.state.name == "OPEN"
            pong.cancel()
            ws.transport.abort()
            while (await get(url, "/sim/status")).body["connections"]:
                pass

    run(conversation)


@pytest.mark.parametrize(("fault", "code"), [("disconnect", 1001), ("abort", 1006)])
def test_end_of_a_connection(fault: str, code: int) -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH, faults=[f"{fault}=50ms"]) as (url, ws):
            with pytest.raises(ConnectionClosed):
                while True:
                    await ws.recv()
            assert ws.close_code == code
            assert (await log_of(url))["counts"] == {fault: 1}

    run(conversation)


def test_truncate() -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH, faults=["truncate=1"]) as (url, ws):
            for _ in range(20):
                with pytest.raises(orjson.JSONDecodeError):
                    orjson.loads(await ws.recv())
            assert (await log_of(url))["counts"]["truncate"] >= 20

    run(conversation)


def test_malformed() -> None:
    whole = {"e": str, "E": int, "s": str, "U": int, "u": int, "b": list, "a": list}

    async def conversation() -> None:
        async with opened(target=DEPTH, faults=["malformed=1"]) as (url, ws):
            for _ in range(40):
                try:
                    event = orjson.loads(await ws.recv())
                except orjson.JSONDecodeError:
                    continue
                assert not isinstance(event, dict) or {name: type(event[name]) for name in event} != whole
            assert (await log_of(url))["counts"]["malformed"] >= 40

    run(conversation)


def test_slow_rest() -> None:
    async def conversation() -> None:
        async with opened(faults=["slow-rest=150ms"]) as (url, _):
            began = time.monotonic()
            assert (await get(url, "/api/v3/ping")).status == 200
            assert time.monotonic() - began >= 0.15
            assert (await log_of(url))["counts"] == {"slow-rest": 1}

    run(conversation)


def test_stale_snapshot_is_older_than_the_first_event() -> None:
    async def conversation() -> None:
        async with opened(target=DEPTH, faults=["stale-snapshot=1"]) as (url, ws):
            first = await data(ws)
            while (await get(url, "/sim/status")).body["steps"] < 20:
                pass
            body = (await get(url, "/api/v3/depth?symbol=BTCUSDT&limit=5000")).body
            truth = (await get(url, f"/sim/book?symbol=BTCUSDT&at={body['lastUpdateId']}")).body
            assert (body["bids"], body["asks"]) == (truth["bids"], truth["asks"])
            assert (await log_of(url))["counts"]["stale-snapshot"] == 1
            if body["lastUpdateId"] < first["U"] - 1:
                assert not NaiveBook.from_snapshot("binance", body).apply(first)

    run(conversation)


def test_refuse_always_one_symbol() -> None:
    async def conversation() -> None:
        async with opened(target="/ws", rate=1, faults=["refuse=ETHUSDT"]) as (url, ws):
            refused = await ask(ws, "SUBSCRIBE", "btcusdt@trade", "ethusdt@trade", request_id=5)
            assert (refused["code"], refused["id"]) == (2, 5)
            assert "ETHUSDT" in refused["msg"]
            assert (await ask(ws, "LIST_SUBSCRIPTIONS"))["result"] == []
            assert (await ask(ws, "SUBSCRIBE", "btcusdt@trade"))["result"] is None
            assert (await log_of(url))["counts"] == {"refuse": 1}

    run(conversation)


def test_refuse_by_chance() -> None:
    async def conversation() -> None:
        async with opened(target="/ws", rate=1, faults=["refuse=0.5"]) as (url, ws):
            answers = ["code" in await ask(ws, "SUBSCRIBE", "btcusdt@trade") for _ in range(40)]
            assert 0 < sum(answers) < 40
            assert (await log_of(url))["counts"]["refuse"] == sum(answers)

    run(conversation)


def test_rest_429() -> None:
    async def conversation() -> None:
        async with opened(faults=["rest-429=1"]) as (url, _):
            reply = await get(url, "/api/v3/depth?symbol=BTCUSDT")
            assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
            assert (await log_of(url))["counts"] == {"rest-429": 1}

    run(conversation)


def test_the_same_seed_strikes_the_same_frames() -> None:
    async def strikes() -> list[str]:
        exchange = SimulatedExchange("binance", rate=1000, faults=["drop=0.1"], symbols=["BTCUSDT"])
        async with exchange.serve() as url, connect(url + DEPTH) as ws:
            while exchange.log.counts["drop"] < 5:
                await ws.recv()
        # Which frame is the connection's first depends on time, how many pass between two strikes does not.
        starts = [orjson.loads(fault.what.partition(',"b"')[0] + "}")["U"] for fault in list(exchange.log.faults)[:5]]
        order = [step.first for step in exchange.listings["BTCUSDT"].recent]
        numbers = [order.index(start) for start in starts]
        return [str(b - a) for a, b in pairwise(numbers)]

    async def conversation() -> None:
        assert await strikes() == await strikes()

    run(conversation)
