import asyncio
import itertools
import socket
from typing import Any

import pytest

from feed.stage import Answer, Recording, Stage, running, until
from feedtape.errors import UsageError, VenueError
from feedtape.model.records import BODY, CLOCK, CLOSE, ERROR, OPEN, RECV, REQUEST, RESPONSE, SEND, Record
from feedtape.sim.exchange import SimulatedExchange
from feedtape.sim.instrument import sides


def snapshots(recording: Recording) -> list[Record]:
    return [one for one in recording.of(REQUEST) if b"/depth" in one.payload]


def test_a_feed_subscribes_fetches_a_snapshot_and_stops_cleanly() -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url:
            feed = recording.feed(url, "binance:btcusdt", channels=("book", "trades"))
            async with running(feed):
                await until(lambda: recording.book_is_live)
                (info,) = feed.status()
                assert (info.state, info.venue, info.attempts, info.streams) == ("connected", "binance", 1, 2)
                assert info.number == 2 and info.frames and info.last_frame

    asyncio.run(run())
    assert recording.kinds(1) == [REQUEST, RESPONSE, BODY]
    assert recording.kinds(2)[:2] == [OPEN, SEND]
    assert stage.requests == [(1, {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms", "btcusdt@trade"], "id": 1})]
    assert recording.of(CLOSE)[0].json() == {"code": 1000, "reason": "", "by": "us", "final": True}
    assert recording.of(CLOCK)[0].connection == 0
    assert recording.session.totals.losses == 0
    times = [one.time for one in recording.records]
    assert times == sorted(times)


def test_the_snapshot_is_asked_for_after_the_stream_began() -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url)):
            await until(lambda: recording.book_is_live)

    asyncio.run(run())
    order = [one.kind for one in recording.records]
    assert recording.records.index(snapshots(recording)[0]) > [index for index, kind in enumerate(order) if kind == RECV][1], (
        "after the acknowledgement and a delta"
    )


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_lost_connection_breaks_the_book_and_is_made_again(end: str) -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url)):
            await until(lambda: recording.book_is_live)
            if end == "close":
                await stage.connections[1].close(1012, "restart")
            else:
                stage.connections[1].transport.abort()
            await until(lambda: len(recording.of(OPEN)) == 2 and recording.book_is_live)

    asyncio.run(run())
    close = recording.of(CLOSE)[0].json()
    assert (close["code"], close["by"]) == ((1012, "venue") if end == "close" else (1006, "network"))
    assert [loss.kind for loss in recording.session.losses] == ["disconnect"]
    assert recording.session.books["binance:BTCUSDT"].counters.resyncs == 1
    assert len({one.connection for one in recording.of(OPEN)}) == 2


def test_numbers_are_shared_and_never_used_twice() -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url, "binance:BTCUSDT", "binance:ETHUSDT")):
            await until(lambda: recording.book_is_live and len(recording.session.books) == 2)

    asyncio.run(run())
    begun = [one.connection for one in recording.records if one.kind in (OPEN, REQUEST)]
    assert sorted(begun) == list(range(1, len(begun) + 1))


def test_a_snapshot_that_is_too_old_is_asked_for_again_later() -> None:
    recording, stage = Recording(), Stage()
    stage.depth = [Answer(body=stage.snapshot(3)), Answer(body=stage.snapshot(4))]

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url)):
            await until(lambda: recording.book_is_live)

    asyncio.run(run())
    assert recording.session.books["binance:BTCUSDT"].counters.snapshots_too_old == 2
    times = [time for time, path in stage.http if "depth" in path]
    first, second = (after - before for before, after in itertools.pairwise(times))
    assert 0.2 < first < second


def test_retry_after_is_waited_for() -> None:
    recording, stage = Recording(), Stage()
    stage.depth = [Answer(429, {"code": -1003, "msg": "slow down"}, {"Retry-After": "1"})]

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url)):
            await until(lambda: recording.book_is_live)

    asyncio.run(run())
    refused, answered = (time for time, path in stage.http if "depth" in path)
    assert answered - refused >= 1
    responses = [one.json() for one in recording.of(RESPONSE)]
    assert [one["headers"].get("retry-after") for one in responses if one["status"] == 429] == ["1"]
    assert recording.has_said("slow down")


def test_server_errors_are_tried_again() -> None:
    recording, stage = Recording(), Stage()
    stage.depth = [Answer(503, b"busy"), Answer(500, b"")]

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url)):
            await until(lambda: recording.book_is_live)

    asyncio.run(run())
    assert [one.json()["status"] for one in recording.of(RESPONSE)] == [200, 503, 500, 200]


@pytest.mark.parametrize(
    ("target", "hint"), [("binance:btcusdd", "did you mean BTCUSDT or BTCUSDC?"), ("binance:ZZ", "feedtape symbols binance")]
)
def test_an_unknown_symbol_is_refused_with_the_near_ones(target: str, hint: str) -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url:
            with pytest.raises(UsageError) as caught:
                await recording.feed(url, target).run(asyncio.Event())
            assert str(caught.value) == f"binance has no symbol {target.partition(':')[2]!r}"
            assert caught.value.hint == hint

    asyncio.run(run())
    assert not recording.of(OPEN)


def test_a_venue_that_cannot_be_reached_is_given_up() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}"
    recording = Recording()

    with pytest.raises(VenueError, match=r"^binance: ConnectError: .+"):
        asyncio.run(recording.feed(url).run(asyncio.Event()))
    assert len(recording.of(REQUEST)) == len(recording.of(ERROR)) == 5


def test_a_venue_that_refuses_every_handshake_at_the_start_is_given_up() -> None:
    recording, stage = Recording(), Stage()
    stage.handshakes = [Answer(403, b"forbidden")] * 9

    async def run() -> None:
        async with stage.serve() as url:
            with pytest.raises(VenueError, match="HTTP 403: forbidden, 5 attempts"):
                await recording.feed(url).run(asyncio.Event())

    asyncio.run(run())


def test_a_feed_that_once_ran_never_gives_up() -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url, backoff_s=0.002)):
            await until(lambda: recording.book_is_live)
            stage.handshakes = [Answer(503, b"down")] * 8
            await stage.connections[1].close()
            await until(lambda: len(recording.of(OPEN)) == 2 and recording.book_is_live)

    asyncio.run(run())
    assert [one.json()["status"] for one in recording.of(ERROR)] == [503] * 8


def test_a_clock_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedtape.feed.live.CLOCK_EVERY_S", 0.01)
    recording, stage = Recording(), Stage()
    wall = recording.clock._wall
    step = 0
    recording.clock._wall = lambda: wall() + step

    async def run() -> None:
        nonlocal step
        async with stage.serve() as url, running(recording.feed(url)):
            await until(lambda: recording.book_is_live)
            step = 250_000_000
            await until(lambda: recording.has_said("the system clock stepped by +0.250 s"))

    asyncio.run(run())
    assert recording.of(CLOCK)[-1].json()["drift_ns"] == pytest.approx(250_000_000, abs=5_000_000)


def test_a_stop_before_the_start_was_over_is_obeyed() -> None:
    recording, asked = Recording(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
            feed = recording.feed(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with asyncio.timeout(3), running(feed):
                await asked.wait()
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert recording.kinds(1) == [REQUEST]
    assert not recording.of(OPEN)


def test_what_the_tape_raises_ends_the_feed() -> None:
    class Full(Recording):
        def take(self, record: Record) -> Any:
            if record.kind == RECV and len(self.of(RECV)) > 20:
                raise OSError("the disk is full")
            return super().take(record)

    recording, stage = Full(), Stage()

    async def run() -> None:
        async with stage.serve() as url, asyncio.timeout(5):
            with pytest.raises(OSError, match="the disk is full"):
                await recording.feed(url).run(asyncio.Event())

    asyncio.run(run())


def test_faults_of_all_kinds_leave_no_wrong_book() -> None:
    recording = Recording()
    faults = ["drop=0.01", "duplicate=0.01", "malformed=0.005", "stale-snapshot=0.3", "disconnect=1s", "rest-429=0.1"]
    exchange = SimulatedExchange("binance", symbols=["BTCUSDT", "ETHUSDT"], seed=5, rate=100, faults=faults)
    compared = 0

    def all_live_books_are_true() -> bool:
        nonlocal compared
        for name, keeper in recording.session.books.items():
            if keeper.state == "live" and keeper.book.sequence is not None:
                listing = exchange.listings[name.partition(":")[2]]
                state = listing.market.state_at(keeper.book.sequence)
                bids, asks = sides(listing.instrument, state.bids, state.asks)
                assert [list(level) for level in keeper.book.bids.top()] == bids
                assert [list(level) for level in keeper.book.asks.top()] == asks
                compared += 1
        return compared > 50 and len(recording.of(OPEN)) >= 3

    async def run() -> None:
        async with exchange.serve() as url, running(recording.feed(url, "binance:BTCUSDT", "binance:ETHUSDT")):
            await until(all_live_books_are_true)

    asyncio.run(run())
    assert recording.session.totals.losses > 0


@pytest.mark.parametrize("url", ["ftp://example.org", "ws://", "127.0.0.1:80", "ws://h:99999", "ws://h/?a=b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="the address of binance must be"):
        Recording().feed(url)


def test_secrets_in_an_address_reach_no_record_and_no_message() -> None:
    recording, stage = Recording(), Stage()

    async def run() -> None:
        async with stage.serve() as url, running(recording.feed(url.replace("//", "//me:s3cret@"))):
            await until(lambda: recording.book_is_live)
            await stage.connections[1].close()
            await until(lambda: len(recording.of(OPEN)) == 2)

    asyncio.run(run())
    assert recording.of(OPEN)[0].json()["url"].startswith("ws://***@127.0.0.1")
    assert "s3cret" not in repr(recording.records) + repr(recording.said)


def test_an_unknown_venue_is_refused() -> None:
    recording = Recording()
    with pytest.raises(UsageError, match="unknown venue 'binanse'"):
        recording.feed("ws://127.0.0.1:1", "binanse:BTCUSDT")
