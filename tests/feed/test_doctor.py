"""The doctor's checks over loopback: a venue that is well, and one for each thing that can be wrong."""

from __future__ import annotations

import asyncio
import copy
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from pathlib import Path

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from feed.certificates import certificate
from feedtape.feed import doctor_reach, doctor_rest
from feedtape.feed.address import Address
from feedtape.feed.clock import Clock
from feedtape.feed.doctor import Check, Patient, examine, worst
from feedtape.sim.exchange import SimulatedExchange
from feedtape.venues import registry
from feedtape.venues.kraken import Kraken

EVERY = ["names", "tls", "handshake", "instruments", "clock", "feed", "book", "age", "shape"]
Change = Callable[[bytes], bytes]


def changing(exchange: SimulatedExchange, change: Change) -> SimulatedExchange:
    """Let a simulated venue change its protocol."""
    kind = type(exchange.dialect)

    class Changed(kind):  # type: ignore[valid-type, misc]
        def wrap(self, *said: object) -> bytes:
            return change(super().wrap(*said))

    dialect = copy.copy(exchange.dialect)
    dialect.__class__ = Changed
    exchange.dialect = dialect
    return exchange


async def examined(venue: str, url: str, within_s: float = 5) -> dict[str, Check]:
    return {check.name: check async for check in examine(registry.venue(venue), url, within_s)}


async def simulated(venue: str, change: Change = bytes, faults: Sequence[str] = (), within_s: float = 5) -> dict[str, Check]:
    example = registry.venue(venue).example
    exchange = changing(SimulatedExchange(venue, symbols=[example], seed=3, rate=40, faults=faults), change)
    async with exchange.serve() as url:
        return await examined(venue, url, within_s)


RUNS: dict[str, tuple[str, Change, tuple[str, ...], float]] = {
    "well": ("kraken", bytes, (), 5),
    "new": ("kraken", lambda frame: frame.replace(b'"checksum":', b'"fresh":{"a":1},"checksum":'), (), 5),
    "missing": ("binance", lambda frame: frame.replace(b'"U":', b'"first":'), (), 1),
    "moved": ("binance", lambda frame: frame.replace(b'"u":', b'"ids":{"u":1},"U2":'), (), 1),
    "less": (
        "kraken",
        lambda frame: frame.replace(b'"timestamp":', b'"when":').replace(b'm":', b'm":1,"was":') if b'"book"' in frame else frame,
        (),
        1,
    ),
    "retyped": ("kraken", lambda frame: frame.replace(b'"price":', b'"price":"about ",\x20"was":'), (), 1),
    "refused": ("binance", bytes, ("refuse=BTCUSDT",), 1),
    "cut": ("binance", bytes, ("truncate=0.3",), 2),
}


@cache
def runs() -> dict[str, dict[str, Check]]:
    """What was found in each case; all at once, since most of a run is waiting."""

    async def all_of_them() -> list[dict[str, Check]]:
        return await asyncio.gather(*(simulated(*run) for run in RUNS.values()))

    return dict(zip(RUNS, asyncio.run(all_of_them()), strict=True))


def status(case: str) -> int:
    return worst([check.status for check in runs()[case].values()])


def test_a_venue_that_is_well_is_found_so() -> None:
    found = runs()["well"]
    assert list(found) == EVERY and status("well") == 0
    assert {check.verdict for check in found.values()} == {"fine"}, found
    assert "without TLS" in found["tls"].text
    assert found["instruments"].facts["has_example"] is True
    assert found["feed"].facts["channels"].keys() == {"book", "trades", "quotes"}
    assert found["book"].facts["proof"] == "checksum" and found["book"].facts["checksums_matched"] > 0
    assert abs(int(found["age"].facts["median_ns"])) < 2e9


def test_a_new_field_is_a_note() -> None:
    shape = runs()["new"]["shape"]
    assert (shape.verdict, shape.status, status("new")) == ("note", 0, 0)
    assert "book update: data[].fresh in" in shape.text and "fresh.a" not in shape.text


@pytest.mark.parametrize(("case", "words"), [("missing", "data.U is missing"), ("moved", "data.u moved to data.ids.u")])
def test_a_field_that_is_not_where_it_was_contradicts_the_decoder(case: str, words: str) -> None:
    found = runs()[case]
    assert (found["shape"].verdict, found["shape"].status, status(case)) == ("failed", 5, 5)
    assert f"depth depthUpdate: {words}" in found["shape"].text
    assert "binance/1" in found["shape"].remedy and "tape" in found["shape"].remedy


def test_a_field_that_the_decoder_goes_without_is_a_warning() -> None:
    shape = runs()["less"]["shape"]
    assert (shape.verdict, shape.status) == ("warning", 1), shape
    assert "timestamp is missing" in shape.text


def test_a_value_of_another_nature_is_told_in_the_decoders_words() -> None:
    shape = runs()["retyped"]["shape"]
    assert (shape.verdict, shape.status) == ("failed", 5)
    assert "refused: " in shape.text and "about" in shape.text


def test_a_checksum_that_does_not_match_contradicts_the_book() -> None:
    book = runs()["less"]["book"]
    assert (book.verdict, book.status) == ("failed", 5) and "did not match" in book.text


def test_a_refusal_is_told_in_the_venues_words() -> None:
    feed = runs()["refused"]["feed"]
    assert (feed.verdict, feed.status, status("refused")) == ("failed", 4, 4)
    assert "subscription refused for BTCUSDT" in feed.text


def test_damaged_messages_are_not_taken_for_a_new_shape() -> None:
    shape = runs()["cut"]["shape"]
    assert (shape.verdict, shape.status) == ("failed", 1)
    assert "no JSON" in shape.text and "decoder" not in shape.remedy


# -- what is not reached


@asynccontextmanager
async def answering(status: int = 200, body: bytes = b"", **headers: str) -> AsyncIterator[str]:
    """An HTTP server that gives one answer to everything."""

    def answer(connection: ServerConnection, request: Request) -> Response:
        fields = Headers({"Content-Length": str(len(body)), "Connection": "close"} | headers)
        return Response(status, "Said", fields, body)

    async def never(connection: ServerConnection) -> None:
        raise AssertionError

    server: Server
    async with serve(never, "127.0.0.1", 0, process_request=answer) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refused(venue: str, status: int, body: bytes = b"") -> dict[str, Check]:
    async with answering(status, body) as url:
        return await examined(venue, url)


def test_a_block_of_the_region_is_called_one() -> None:
    for code in (403, 451):
        found = asyncio.run(refused("binance", code, b"not from \x1b[2Jthere"))
        assert f"HTTP {code}" in found["handshake"].text and "\x1b" not in found["handshake"].text
        assert found["handshake"].facts["http"] == code
        assert "region" in found["handshake"].remedy and "region" in found["instruments"].remedy
        assert [found[name].verdict for name in ("feed", "book", "age", "shape")] == ["skipped"] * 4
        assert worst([check.status for check in found.values()]) == 4


def test_something_else_than_the_venue_is_no_contradiction() -> None:
    found = asyncio.run(refused("bitstamp", 200, b"<html>hello</html>"))
    assert (found["instruments"].verdict, found["instruments"].status) == ("failed", 4)
    assert "no JSON" in found["instruments"].text
    other = asyncio.run(refused("bitstamp", 200, b'{"new": 1}'))["instruments"]
    assert other.status == 5 and "bitstamp/2" in other.remedy, "but JSON of another shape is"


def test_a_port_where_nobody_listens_ends_it_soon() -> None:
    found = asyncio.run(examined("binance", "ws://user:hidden-words@127.0.0.1:1"))
    assert [check.verdict for check in found.values()] == ["fine", "failed"] + ["skipped"] * 7
    assert found["tls"].status == 4 and "--url" in found["tls"].remedy
    assert "hidden-words" not in repr(found)


def test_a_name_that_does_not_exist_is_the_first_to_fail() -> None:
    found = asyncio.run(examined("binance", "ws://venue.invalid"))
    assert found["names"].verdict == "failed" and "venue.invalid" in found["names"].text
    assert {check.verdict for name, check in found.items() if name != "names"} == {"skipped"}


def test_a_closed_venue_gets_one_line() -> None:
    class Closed(Kraken):
        closed = "2024-01-01, merged"

    async def run() -> list[Check]:
        return [check async for check in examine(Closed(), None, 1)]

    [check] = asyncio.run(run())
    assert (check.name, check.verdict, check.status) == ("closed", "note", 0) and "merged" in check.text


# -- TLS


async def over_tls(shown: Path, private: Path, *, trusted: bool) -> Check:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, private)
    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, ssl=context) as server:
        url = f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        venue = registry.venue("kraken")
        patient = Patient(venue, Address.of(venue, url), url, venue.example)
        trust = ssl.create_default_context(cafile=str(shown)) if trusted else None
        return await doctor_reach.tls(patient, trust)


def test_a_certificate_is_verified_and_its_end_is_told(tmp_path: Path) -> None:
    good = asyncio.run(over_tls(*certificate(tmp_path, 90), trusted=True))
    assert good.verdict == "fine" and "TLSv1.3" in good.text and "expires in 90 days" in good.text
    soon = asyncio.run(over_tls(*certificate(tmp_path, 3), trusted=True))
    assert (soon.verdict, soon.status) == ("warning", 1) and "expires in 3 days" in soon.text
    unknown = asyncio.run(over_tls(*certificate(tmp_path, 91), trusted=False))
    assert (unknown.verdict, unknown.status) == ("failed", 4) and "SSL_CERT_FILE" in unknown.remedy
    expired = asyncio.run(over_tls(*certificate(tmp_path, -2), trusted=True))
    assert "expired" in expired.text and "date" in expired.remedy


# -- clocks


async def compared(venue: str, ahead_s: float, body: bytes, **headers: str) -> Check:
    """What is said of a clock of ours that is so far ahead."""
    known = registry.venue(venue)
    async with answering(200, body, **headers) as url:
        ours = Clock(wall=lambda: time.time_ns() + int(ahead_s * 1e9))
        patient = Patient(known, Address.of(known, url), url, known.example, ours)
        async with doctor_rest.desk(patient) as desk:
            return await doctor_rest.clock(patient, desk)


def of_binance() -> bytes:
    return b'{"serverTime": %d}' % (time.time_ns() // 1_000_000)


def test_a_clock_that_is_off_is_a_warning() -> None:
    right = asyncio.run(compared("binance", 0, of_binance()))
    assert right.verdict == "fine", right
    ahead = asyncio.run(compared("binance", 5, of_binance()))
    assert (ahead.verdict, ahead.status) == ("warning", 1) and "ahead of" in ahead.text and "NTP" in ahead.remedy
    behind = asyncio.run(compared("binance", -5, of_binance()))
    assert behind.verdict == "warning" and "behind" in behind.text


def test_a_clock_of_whole_seconds_is_not_taken_for_more() -> None:
    body = b'{"error": [], "result": {"unixtime": %d, "rfc1123": ""}}' % time.time()
    right = asyncio.run(compared("kraken", 0, body))
    assert right.verdict == "fine" and int(right.facts["uncertain_ns"]) >= 500_000_000, right


def test_the_date_of_an_answer_stands_in_for_a_clock() -> None:
    now = format_datetime(datetime.now(UTC), usegmt=True)
    right = asyncio.run(compared("bitstamp", 0, b"[]", Date=now))
    assert right.verdict == "fine" and "whole seconds" in right.text and int(right.facts["uncertain_ns"]) >= 500_000_000
    assert asyncio.run(compared("bitstamp", 5, b"[]", Date=now)).verdict == "warning"
    assert asyncio.run(compared("bitstamp", 5, b"[]", Date="soon")).verdict == "note"
    unread = asyncio.run(compared("binance", 5, b'{"no": 1}', Date=now))
    assert unread.verdict == "warning" and "cannot be read" in unread.text
