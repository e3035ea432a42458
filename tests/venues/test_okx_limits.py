"""Hundreds of symbols at once: asked for within the venue's limits, in the time that was foretold."""

from __future__ import annotations

import asyncio
import json

import pytest

from feedtape.feed.forecast import Forecast, forecast
from feedtape.model.events import Refused
from feedtape.model.records import CLOSE, OPEN, RECV, SEND
from feedtape.model.targets import Target
from feedtape.venues import registry
from venue_stage import Lived, live

ALL = ("book", "trades", "quotes", "derivatives", "liquidations")
SOME = ("book", "trades", "quotes")
LATE_S = 20.0
"""What the network and a very busy machine may add; how near the two are is measured by hand."""


def swaps(count: int) -> list[str]:
    return [f"T{number:03}-USDT-SWAP" for number in range(1, count + 1)]


def foretold(venue: str, symbols: list[str], channels: tuple[str, ...]) -> Forecast:
    return asyncio.run(forecast(registry.venue(venue), [Target(venue, symbol) for symbol in symbols], channels))


def test_three_hundred_swaps_take_eleven_connections() -> None:
    foreseen = foretold("okx", swaps(300), SOME)
    assert (foreseen.connections, foreseen.streams, foreseen.messages) == (11, 900, 11)
    assert foreseen.start_s == pytest.approx(5.0) and foreseen.split_by == "29 books a connection"
    everything = foretold("okx", swaps(300), ALL)
    # Seven streams and an index each, and liquidations of all swaps once.
    assert (everything.connections, everything.streams) == (11, 300 * 8 + 1)
    assert everything.start_s == pytest.approx(5.0)


def test_no_connection_and_no_request_is_more_than_the_venue_takes() -> None:
    okx = registry.venue("okx")
    plans = okx.plan([Target("okx", symbol) for symbol in swaps(300)], ALL)
    assert all(sum(stream.channel == "book" for stream in plan.streams) < 30 for plan in plans)
    frames = [ask.frame for plan in plans for ask in okx.subscribe(plan.names, 1)]
    assert max(map(len, frames)) < 64 * 1024
    asked = [arg for frame in frames for arg in json.loads(frame)["args"]]
    assert len(asked) == len({tuple(arg.items()) for arg in asked}) == 2401


def subscribed_s(run: Lived) -> float:
    """The seconds from the first connection to the last request."""
    opened = min(record.time for record in run.records if record.kind == OPEN)
    return (max(record.time for record in run.records if record.kind == SEND) - opened) / 1e9


def acknowledged(run: Lived) -> set[str]:
    """The streams that the venue says it has taken: OKX one by one, Binance request by request."""
    taken, asked = set[str](), dict[int, list[str]]()
    for record in run.records:
        if record.kind == SEND and b'"SUBSCRIBE"' in record.payload:
            request = json.loads(record.payload)
            asked[request["id"]] = request["params"]
        elif record.kind == RECV and (record.payload.startswith(b'{"id"') or b'"result":null' in record.payload):
            answer = json.loads(record.payload)
            taken.update(asked[answer["id"]] if "result" in answer else [json.dumps(answer["arg"])])
    return taken


def test_a_pattern_subscribes_all_that_it_means_without_one_refusal() -> None:
    """Binance's books are left out: their snapshots wait for their weight, 19 a minute."""
    pairs = [f"T{number:03}USDT" for number in range(1, 71)]
    asked = {"okx": (swaps(60), "*-USDT-SWAP", SOME), "binance": (pairs, "*USDT", SOME[1:])}
    foreseen = {venue: foretold(venue, symbols, channels) for venue, (symbols, _, channels) in asked.items()}
    assert [(one.connections, one.messages) for one in foreseen.values()] == [(3, 3), (1, 2)]
    assert [one.start_s for one in foreseen.values()] == pytest.approx([1.0, 1 / 3])

    async def together() -> list[Lived]:
        runs = [
            live(
                venue,
                [pattern],
                symbols=symbols,
                channels=channels,
                seconds=foreseen[venue].subscribed_s + 1,
                calm_s=0.1,
                rate=2,
                limits=True,
                silence_s=30,
            )
            for venue, (symbols, pattern, channels) in asked.items()
        ]
        return list(await asyncio.gather(*runs))

    for (venue, (symbols, _, channels)), run in zip(asked.items(), asyncio.run(together()), strict=True):
        assert run.failure is None and run.exchange.refused_connections == 0, (venue, run.said)
        assert not [event for event in run.events if isinstance(event, Refused)], venue
        assert all(json.loads(record.payload)["by"] == "us" for record in run.records if record.kind == CLOSE), venue
        assert len(acknowledged(run)) == len(symbols) * len(channels), venue
        assert subscribed_s(run) <= foreseen[venue].subscribed_s + LATE_S, venue
        assert {*run.session.books} == ({f"okx:{symbol}" for symbol in symbols} if "book" in channels else set()), venue
        assert all(keeper.is_live for keeper in run.session.books.values())
