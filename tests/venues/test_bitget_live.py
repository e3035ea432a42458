"""Bitget's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from feedtape.model.events import Heartbeat, Liquidation, Trade
from feedtape.model.records import OPEN, RECV, SEND
from feedtape.sim.bitget import Bitget as Dialect
from feedtape.venues import registry
from venue_stage import Lived, live

SPOT, FUTURES = "bitget", "bitget-futures"
COIN = "BTCUSD_CM"
COIN_BOOK = f"coin-futures:books:{COIN}"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations")


@cache
def runs() -> dict[str, Lived]:
    """Every run by its name; all of them at once, since most of a run is waiting."""
    wanted = {
        "spot": live(SPOT, ["BTCUSDT", "ETHUSDT"], silence_s=5, calm_s=0.2),
        "futures": live(FUTURES, ["BTCUSDT", "BTCPERP", COIN], channels=EVERYTHING, rate=50, silence_s=5, calm_s=0.2),
        "picture": live(SPOT, ["BTCUSDT@books50"], channels=("book",), silence_s=5, calm_s=0.2),
        "twice": live(FUTURES, [COIN], channels=("book",), lanes=2, silence_s=5, calm_s=0.2),
        "lost": live(FUTURES, ["BTCUSDT", COIN], channels=("book",), faults=["drop=0.4"], silence_s=5),
        "refused": live(SPOT, ["BTCUSDT", "ETHUSDT"], faults=["refuse=ETHUSDT"], silence_s=5),
        "forced": live(FUTURES, [COIN], symbols=[COIN], channels=("liquidations", "trades"), rate=300, silence_s=5),
    }

    async def together() -> list[Lived]:
        return await asyncio.gather(*wanted.values())

    return dict(zip(wanted, asyncio.run(together()), strict=True))


def is_right(run: Lived, venue: str, symbol: str, stream: str) -> bool:
    """The book is live and what was published, and a replay builds the same."""
    target = f"{venue}:{symbol}"
    is_published = run.book(target) == run.published(stream)
    return run.session.books[target].is_live and is_published and run.replayed().digests() == run.session.digests()


def told(run: Lived) -> Counter[str]:
    return Counter(type(event).__name__ for event in run.events)


def test_several_symbols_of_spot() -> None:
    run = runs()["spot"]
    assert run.failure is None and not run.session.losses and told(run)["Trade"] and told(run)["Quote"], run.said
    for symbol in ("BTCUSDT", "ETHUSDT"):
        assert is_right(run, SPOT, symbol, f"spot:books:{symbol}")
        assert run.session.books[f"{SPOT}:{symbol}"].proof()[0] == "sequence"


def test_one_connection_carries_all_kinds_of_contracts() -> None:
    run = runs()["futures"]
    assert run.failure is None and not run.session.losses and told(run)["Derivative"], run.said
    for family, symbol in (("usdt", "BTCUSDT"), ("usdc", "BTCPERP"), ("coin", COIN)):
        assert is_right(run, FUTURES, symbol, f"{family}-futures:books:{symbol}")
    # Numbers beyond a double arrive whole.
    sequence = run.session.books[f"{FUTURES}:{COIN}"].book.sequence
    assert sequence is not None and sequence == run.exchange.listings[COIN].windows[COIN_BOOK].state.id > 2**53
    assert len({record.connection for record in run.records if record.kind == RECV}) == 1
    assert all(len(record.payload) < 4096 for record in run.records if record.kind == SEND)
    assert len({(event.target, event.id) for event in run.events if isinstance(event, Trade)}) == told(run)["Trade"]


def test_a_whole_picture_and_a_second_lane() -> None:
    picture, twice = runs()["picture"], runs()["twice"]
    keeper = picture.session.books["bitget:BTCUSDT"]
    assert keeper.is_live and keeper.proof()[0] == "unprovable" and keeper.channel == "books50"
    assert picture.book("bitget:BTCUSDT") == picture.truth("BTCUSDT", 50)
    assert not twice.session.losses and is_right(twice, FUTURES, COIN, COIN_BOOK)


def test_books_that_lost_a_message_begin_anew_on_their_connection() -> None:
    run = runs()["lost"]
    assert run.failure is None and run.exchange.log.counts["drop"], run.said
    assert is_right(run, FUTURES, "BTCUSDT", "usdt-futures:books:BTCUSDT") and is_right(run, FUTURES, COIN, COIN_BOOK)
    counters = [keeper.counters for keeper in run.session.books.values()]
    assert sum(one.gaps for one in counters) > 0 and all(one.snapshots == 1 + one.resyncs for one in counters)
    assert len({record.connection for record in run.records if record.kind == RECV}) == 1


def test_a_refusal_names_its_stream_and_takes_nothing_else_with_it() -> None:
    run = runs()["refused"]
    assert run.failure is None and is_right(run, SPOT, "BTCUSDT", "spot:books:BTCUSDT")
    assert "bitget:ETHUSDT" not in run.session.books and any("doesn't exist" in words for words in run.said)


def test_liquidations_arrive_with_the_orders_side() -> None:
    run = runs()["forced"]
    forced = [step.liquidation for step in run.exchange.listings[COIN].recent if step.liquidation is not None]
    sides = ["buy" if one.buy else "sell" for one in forced]
    ours = [event.side for event in run.events if isinstance(event, Liquidation)]
    assert ours and any(sides[start : start + len(ours)] == ours for start in range(len(sides)))


def test_pings_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(registry.venue(SPOT))
    monkeypatch.setattr(Dialect, "rules", replace(Dialect.rules, client_within=0.5))
    monkeypatch.setattr(kind, "heartbeat", replace(kind.heartbeat, ping_every_s=0.2))
    run = asyncio.run(live(SPOT, ["BTCUSDT"], channels=("book",), seconds=1.0, calm_s=0.1, silence_s=5))
    assert run.failure is None and not run.session.losses
    assert sum(record.kind == OPEN for record in run.records) == 1
    assert sum(isinstance(event, Heartbeat) for event in run.events) >= 3
