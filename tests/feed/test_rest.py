import asyncio
import gzip
import random
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from feed.stage import Hand, Recording
from feedtape.errors import VenueError
from feedtape.feed import rest
from feedtape.feed.pace import Backoff, WeightBudget
from feedtape.feed.rest import Rest, retry_after_s
from feedtape.model.records import BODY, ERROR, REQUEST, RESPONSE
from feedtape.venues import registry
from feedtape.venues.contract import Rate, Request

DEPTH = Request("/api/v3/depth?symbol=BTCUSDT&limit=5000", 250)
OPEN_INTEREST = Request("/x/openInterest?symbol=BTCUSDT", 1)


class Desk:
    """A `Rest` whose answers a test gives, on a clock that is turned by hand."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.recording = Recording()
        self.hand = Hand()
        self.asked: list[float] = []
        self.numbers = iter(range(1, 100))
        self.budget = WeightBudget(Rate(6000, 60), now=self.hand.now, sleep=self.hand.sleep)
        self._answer = answer

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(self.hand.time)
        return self._answer(request)

    def get(self, request: Request, *, base: str = "https://api.example", attempts: int = 3) -> bytes:
        async def run() -> bytes:
            async with httpx.AsyncClient(transport=httpx.MockTransport(self._handle)) as client:
                one = Rest(
                    registry.venue("binance"),
                    base,
                    client=client,
                    take=self.recording.take,
                    clock=self.recording.clock,
                    number=lambda: next(self.numbers),
                    budget=self.budget,
                    backoff=lambda: Backoff(random.Random(1), base_s=0.001),
                    say=self.recording.said.append,
                )
                return await one.get(request, attempts=attempts)

        return asyncio.run(run())


def test_an_exchange_is_three_records_with_a_number_of_its_own() -> None:
    headers = {"Content-Encoding": "gzip", "Date": "now", "Set-Cookie": "s3cret", "X-MBX-USED-WEIGHT-1M": "300", "Via": "x"}
    body = b'{"lastUpdateId": 1,\n"bids":[],"asks":[]}'
    desk = Desk(lambda request: httpx.Response(200, headers=headers, content=gzip.compress(body)))
    assert desk.get(DEPTH) == body
    request, response, served = desk.recording.records
    assert (request.kind, response.kind, served.kind) == (REQUEST, RESPONSE, BODY)
    assert {one.connection for one in desk.recording.records} == {1}
    assert request.json() == {"venue": "binance", "method": "GET", "url": f"https://api.example{DEPTH.path}"}
    kept = {"content-encoding": "gzip", "date": "now", "x-mbx-used-weight-1m": "300"}
    assert response.json()["headers"] == kept
    assert response.json()["elapsed_ns"] >= 0
    assert served.payload == body


def test_a_ban_is_obeyed_for_two_minutes_at_least() -> None:
    answers = iter([httpx.Response(418, headers={"Retry-After": "5"}, content=b"banned"), httpx.Response(200, content=b"{}")])
    desk = Desk(lambda request: next(answers))
    assert desk.get(OPEN_INTEREST) == b"{}"
    first, second = desk.asked
    assert second - first == 120
    assert desk.recording.has_said("HTTP 418, no requests for 120 s: banned")


def test_a_limit_without_a_time_is_obeyed_too() -> None:
    answers = iter([httpx.Response(429), httpx.Response(200, content=b"{}")])
    desk = Desk(lambda request: next(answers))
    desk.get(OPEN_INTEREST)
    assert desk.asked[1] - desk.asked[0] >= 30


@pytest.mark.parametrize("status", [400, 403, 404, 451])
def test_a_refusal_is_not_repeated(status: int) -> None:
    desk = Desk(lambda request: httpx.Response(status, content=b'{"msg":"Invalid symbol."}'))
    with pytest.raises(VenueError, match=f'^binance: HTTP {status}: {{"msg":"Invalid symbol."}}$'):
        desk.get(DEPTH)
    assert len(desk.asked) == 1
    assert desk.recording.session.totals.http_errors == 1


def test_a_timeout_is_tried_again_and_every_attempt_is_recorded() -> None:
    def time_out(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    desk = Desk(time_out)
    with pytest.raises(VenueError, match="ReadTimeout"):
        desk.get(DEPTH)
    assert [one.kind for one in desk.recording.records] == [REQUEST, ERROR] * 3
    assert [one.connection for one in desk.recording.records] == [1, 1, 2, 2, 3, 3]


def test_an_endless_body_is_cut_off_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MAX_BODY", 1000)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100

    desk = Desk(lambda request: httpx.Response(200, content=endless()))
    with pytest.raises(VenueError, match="more than 1000 bytes"):
        desk.get(DEPTH)
    assert [one.kind for one in desk.recording.records] == [REQUEST, RESPONSE, ERROR]


def test_the_venues_own_count_of_weight_is_believed() -> None:
    desk = Desk(lambda request: httpx.Response(200, headers={"X-MBX-USED-WEIGHT-1M": "4790"}, content=b"{}"))
    desk.get(OPEN_INTEREST)
    desk.get(OPEN_INTEREST)
    desk.get(DEPTH)
    assert desk.asked == [1000, 1000, 1060]


def test_secrets_in_an_address_are_not_recorded() -> None:
    desk = Desk(lambda request: httpx.Response(200, content=b"{}"))
    desk.get(Request("/x/openInterest?symbol=A&signature=s3cret"), base="https://me:s3cret@api.example")
    url = desk.recording.of(REQUEST)[0].json()["url"]
    assert url == "https://***@api.example/x/openInterest?symbol=A&signature=***"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, 60 * 1_000_000_000) == seconds


def _bomb() -> bytes:
    """A quarter of a gigabyte of nothing, in a quarter of a megabyte."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(1 << 24)) for _ in range(16)), packer.flush()])


def test_a_body_that_unpacks_without_end_is_refused_within_its_limit() -> None:
    bomb = _bomb()
    desk = Desk(lambda request: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(bomb)))
    tracemalloc.start()
    try:
        with pytest.raises(VenueError, match="a body of more than 41943040 bytes"):
            desk.get(DEPTH, attempts=1)
        assert tracemalloc.get_traced_memory()[1] < 4 * rest.MAX_BODY
    finally:
        tracemalloc.stop()
    assert [one.kind for one in desk.recording.records] == [REQUEST, RESPONSE, ERROR]


@pytest.mark.parametrize(
    ("encoding", "content"), [("zstd", b""), ("br", b"x"), ("gzip", b"no gzip"), ("gzip", gzip.compress(b"whole", mtime=0)[:-9])]
)
def test_a_body_that_cannot_be_unpacked_is_an_error(encoding: str, content: bytes) -> None:
    # Built without httpx's own decoding, which would fail before ours.
    stream = httpx.ByteStream(content)
    desk = Desk(lambda request: httpx.Response(200, headers={"content-encoding": encoding}, stream=stream))
    with pytest.raises(VenueError):
        desk.get(DEPTH, attempts=1)
    assert [one.kind for one in desk.recording.records] == [REQUEST, RESPONSE, ERROR]


def test_only_what_we_can_unpack_is_asked_for() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["accept-encoding"])
        return httpx.Response(200, content=b"{}")

    assert Desk(answer).get(DEPTH) == b"{}"
    assert asked == ["gzip"]


def test_an_exchange_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "WITHIN_S", 0.05)

    class Dripping(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.001)

    desk = Desk(lambda request: httpx.Response(200, stream=Dripping()))
    with pytest.raises(VenueError, match="no whole answer within"):
        desk.get(DEPTH, attempts=1)
    assert [one.kind for one in desk.recording.records] == [REQUEST, RESPONSE, ERROR]
