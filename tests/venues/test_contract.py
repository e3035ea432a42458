"""What every registered venue declares, and what can be asked of each alike."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import pytest

from bare_venue import Bare
from feedtape.book.rules import RECONNECT, RESUBSCRIBE, WAIT
from feedtape.errors import UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.targets import Target
from feedtape.venues import registry
from feedtape.venues.contract import Limits, Rate, Request, Stream

each = pytest.mark.parametrize("name", registry.names())
each_open = pytest.mark.parametrize("name", [name for name in registry.names() if not registry.venue(name).closed])


@each
def test_a_venue_says_who_it_is_and_since_when(name: str) -> None:
    venue = registry.venue(name)
    assert venue.name == name and venue.title and venue.example
    assert set(venue.channels) <= set(CHANNELS) and "book" in venue.channels
    assert venue.ws_url.startswith("wss://") and venue.rest_url.startswith("https://")
    decoders = [venue.decoder, *(earlier.decoder for earlier in venue.earlier)]
    assert len(set(decoders)) == len(decoders) and all(decoder.startswith(f"{name}/") for decoder in decoders)
    assert date.fromisoformat(venue.since)
    for decoder in decoders:
        assert registry.venue(decoder).decoder == decoder
    with pytest.raises(UsageError):
        registry.venue(f"{name}/none")


@each
def test_every_book_stream_is_proven_or_says_why_not(name: str) -> None:
    venue = registry.venue(name)
    for version in (venue, *(registry.venue(earlier.decoder) for earlier in venue.earlier)):
        for channel in ("", *version.books):
            integrity = version.integrity(channel)
            assert integrity.snapshot in ("rest", "stream", "full")
            assert integrity.resync in (RESUBSCRIBE, RECONNECT, WAIT)
            assert integrity.proof != "unprovable" or integrity.unprovable
            if integrity.snapshot == "rest":
                assert integrity.sequence is not None, "nothing places a snapshot among deltas"


@each_open
def test_every_stream_can_be_asked_for_and_given_up(name: str) -> None:
    venue = registry.venue(name)
    plans = venue.plan([Target(name, venue.example)], venue.channels)
    streams = [stream for plan in plans for stream in plan.streams]
    assert {stream.channel for stream in streams} >= {"book", "trades"}
    for plan in plans:
        assert plan.path == "" or plan.path.startswith("/")
        asks = venue.subscribe(plan.names, 1)
        assert sorted(stream for ask in asks for stream in ask.streams) == sorted(plan.names)
        ids = [int(ask.id) for ask in asks if ask.id]
        assert all(one < other for one, other in pairwise(ids))
        for ask in (*asks, *venue.unsubscribe(plan.names, 100)):
            assert ask.frame and (venue.limits.request_bytes is None or len(ask.frame) <= venue.limits.request_bytes)
    for book in venue.books:
        [stream, *_] = venue.streams(Target(name, venue.example, book), ["book"])
        assert stream.channel == "book"
    with pytest.raises(UsageError):
        venue.streams(Target(name, venue.example, "no such book"), ["book"])


@each_open
def test_limits_and_heartbeats_make_sense(name: str) -> None:
    venue = registry.venue(name)
    limits = venue.limits
    for rate in (limits.connects, limits.rest, *limits.messages, *limits.messages_in_all):
        assert rate.count > 0 and rate.window_s > 0
    assert limits.streams > 0 and limits.request_streams > 0
    assert venue.heartbeat.silence_s > 0
    if venue.heartbeat.ping_every_s is not None:
        assert isinstance(venue.ping(1, 1_790_000_000_000_000_000), bytes)
    requests = venue.instruments_requests()
    assert requests and all(venue.lists_instruments(request) for request in requests)


class Small(Bare):
    """As much of a venue as planning needs."""

    name = "small"
    limits = Limits(
        connects=Rate(1, 1),
        messages=(),
        rest=Rate(1, 1),
        streams=6,
        books=2,
        streams_bytes=40,
        request_streams=3,
        request_bytes=20,
        ask_bytes=2,
    )

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        return [Stream(f"book.{target.symbol}", "book", target.symbol), Stream("all", "liquidations")]

    def path(self, stream: Stream) -> str:
        return "/rare" if stream.channel == "liquidations" else ""


def test_a_plan_keeps_to_every_limit_and_names_no_stream_twice() -> None:
    plans = Small().plan([Target("small", symbol) for symbol in "ABCDE"], CHANNELS)
    assert [(plan.path, plan.names, plan.busy) for plan in plans] == [
        ("", ("book.A", "book.B"), True),
        ("", ("book.C", "book.D"), True),
        ("", ("book.E",), True),
        ("/rare", ("all",), False),
    ]
    long = Small().plan([Target("small", "X" * 20), Target("small", "Y" * 20)], ["book"])
    assert [len(plan.streams) for plan in long if plan.busy] == [1, 1]


def test_requests_hold_as_many_streams_as_fit() -> None:
    assert list(Small().requests(["aaaa", "bbbb", "cccc", "dd"])) == [("aaaa", "bbbb", "cccc"), ("dd",)]
    assert list(Small().requests(["a", "b", "c", "d"])) == [("a", "b", "c"), ("d",)]
    assert list(Small().requests(["a" * 50])) == [("a" * 50,)]
    assert list(Small().requests([])) == []


def test_a_list_of_instruments_is_told_from_other_answers() -> None:
    venue = registry.venue("binance")
    assert venue.lists_instruments(Request("/api/v3/exchangeInfo?permissions=SPOT"))
    assert not venue.lists_instruments(Request("/api/v3/exchangeInfo", body="{}"))
