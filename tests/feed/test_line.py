import asyncio
from typing import Any

import orjson
import pytest

from feed.stage import Recording, Stage, running, until
from feedtape.errors import VenueError
from feedtape.model.records import CLOSE, OPEN, RECV, STALL


def refusal(request: dict[str, Any], connection: int) -> dict[str, Any]:
    return {"code": 2, "msg": "no such\x1b[31m stream", "id": request["id"]}


def test_a_feed_that_is_refused_everything_ends_in_the_venues_words() -> None:
    recording, stage = Recording(), Stage()
    stage.refuse = refusal

    async def run() -> None:
        async with stage.serve() as url:
            with pytest.raises(VenueError, match="no such") as caught:
                await recording.feed(url).run(asyncio.Event())
            assert "\x1b" not in str(caught.value) + "".join(recording.said)

    asyncio.run(run())
    assert len(stage.requests) == 4
    assert recording.has_said("refused: no such")


def test_a_refused_stream_is_asked_for_again_and_takes_no_other_with_it() -> None:
    recording, stage = Recording(), Stage()
    stage.refuse = lambda request, _: refusal(request, 1) if "ethusdt@depth@100ms" in request["params"] else None

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url, "binance:BTCUSDT", "binance:ETHUSDT")):
            await until(lambda: recording.book_is_live and recording.has_said("given up"))

    asyncio.run(run())
    assert [len(request["params"]) for _, request in stage.requests] == [2, 1, 1, 1, 1]
    assert list(recording.session.books) == ["binance:BTCUSDT"]


def test_silence_is_a_stall_and_then_the_connection_is_made_again() -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url, silence_s=0.3)):
            await until(lambda: recording.book_is_live)
            stage.muted.add(1)
            deaf = stage.connections[1].transport
            deaf.pause_reading()
            await until(lambda: len(recording.of(OPEN)) == 2 and recording.book_is_live)
            deaf.resume_reading()

    asyncio.run(run())
    first, *_ = recording.of(STALL)
    fields = first.json()
    number = recording.of(OPEN)[0].connection
    assert (first.connection, fields["connection"]) == (0, number)
    assert fields["since"] == recording.of(RECV, number)[-1].time
    assert 300_000_000 <= fields["silent_ns"] <= first.time - fields["since"] + 1
    close = recording.of(CLOSE, number)[0]
    assert close.json() == {"code": 1000, "reason": "silent", "by": "us", "final": False}
    assert close.time - fields["since"] >= 450_000_000


def test_a_socket_that_answers_pings_is_given_more_time() -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url, silence_s=0.3)):
            await until(lambda: recording.book_is_live)
            stage.muted.add(1)
            await until(lambda: recording.of(STALL))
            await until(lambda: len(recording.of(OPEN)) == 2)

    asyncio.run(run())
    close = recording.of(CLOSE)[0]
    assert close.time - recording.of(STALL)[0].json()["since"] >= 900_000_000


def test_a_stream_that_is_acknowledged_but_silent_is_told_once() -> None:
    recording, stage = Recording(), Stage()
    stage.silent_streams.add("btcusdt@trade")

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url, channels=("book", "trades"), silence_s=0.2)):
            await until(lambda: recording.of(STALL))
            seen = len(recording.of(RECV))
            await until(lambda: len(recording.of(RECV)) > seen + 100)

    asyncio.run(run())
    (stall,) = recording.of(STALL)
    assert "acknowledged but silent: btcusdt@trade;" in stall.json()["message"]
    assert recording.session.books["binance:BTCUSDT"].counters.stale_ns < 200_000_000


@pytest.mark.parametrize("why", ["age", "shutdown"])
def test_a_renewal_leaves_no_gap(why: str) -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        options: dict[str, Any] = {"max_life_s": 0.6} if why == "age" else {}
        async with stage.serve() as url, running(recording.feed(url, channels=("book", "trades"), **options)):
            await until(lambda: recording.book_is_live)
            if why == "shutdown":
                event = {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1_700_000_000_000}}
                await stage.connections[1].send(orjson.dumps(event).decode())
            await until(lambda: any(one.json()["reason"] == "renewed" for one in recording.of(CLOSE)))
            await asyncio.sleep(0.05)

    asyncio.run(run())
    old, new = (one.connection for one in recording.of(OPEN)[:2])
    (close,) = recording.of(CLOSE, old)
    assert close.json() == {"code": 1000, "reason": "renewed", "by": "us", "final": False, "relieved_by": new}
    assert recording.of(RECV, new)[0].time < recording.of(RECV, old)[-1].time
    assert recording.session.losses == []
    assert recording.book_is_live
    assert recording.session.books["binance:BTCUSDT"].counters.snapshots == 1


def test_a_venue_that_asks_for_new_connections_without_end_does_not_get_ever_more() -> None:
    recording, stage = Recording(), Stage()
    stage.muted = set(range(2, 50))
    most = 0

    async def run() -> None:
        nonlocal most
        event = {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1_700_000_000_000}}
        async with stage.serve() as url, running(recording.feed(url)):
            for number in range(1, 7):
                await until(lambda number=number: stage.streams.get(number))  # type: ignore[misc]  # each loop's own
                await stage.connections[number].send(orjson.dumps(event).decode())
                most = max(most, len(stage.connections))

    asyncio.run(run())
    assert most == 3
