"""OKX's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import orjson
import pytest

from feedtape.model.events import Derivative, Heartbeat, Liquidation, OptionSummary, Trade
from feedtape.model.records import CLOSE, RECV, SEND
from feedtape.sim.okx import OKX as DIALECT
from feedtape.venues import registry
from venue_stage import Lived, live

OKX, SWAP, SPOT, INVERSE = "okx", "BTC-USDT-SWAP", "BTC-USDT", "BTC-USD-SWAP"
DATED, CALL, PUT = "ETH-USDT-261225", "BTC-USD-261225-60000-C", "BTC-USD-261225-50000-P"
LISTED = (SPOT, SWAP, INVERSE, DATED, CALL, PUT)
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations", "options")


@cache
def runs() -> dict[str, Lived]:
    """Every run by its name; all of them at once, since most of a run is waiting."""
    wanted = {
        # Open interest is told each three seconds.
        "everything": live(
            OKX, [SPOT, SWAP, INVERSE, DATED, CALL], symbols=LISTED, channels=EVERYTHING, seconds=2.9, calm_s=0.4, silence_s=5
        ),
        "picture": live(OKX, [f"{SPOT}@books5"], channels=("book",), rate=10, silence_s=5),
        "retail": live(OKX, [f"{SWAP}@books-rpi"], channels=("book",), silence_s=5),
        "twice": live(OKX, [INVERSE], channels=("book", "trades"), lanes=2, silence_s=5),
        "lost": live(OKX, [SWAP, SPOT], channels=("book",), faults=["drop=0.4"], silence_s=5),
        "refused": live(OKX, [SPOT, SWAP], faults=[f"refuse={SWAP}"], silence_s=5),
        "tier": live(OKX, [SPOT, f"{SWAP}@books-l2-tbt"], channels=("book",), seconds=2.0, silence_s=5),
        "forced": live(OKX, [SWAP], symbols=[SWAP], channels=("liquidations", "trades"), rate=300, silence_s=5),
    }

    async def together() -> list[Lived]:
        return await asyncio.gather(*wanted.values())

    return dict(zip(wanted, asyncio.run(together()), strict=True))


def is_right(run: Lived, symbol: str, book: str = "books") -> bool:
    """The book is live and what was published, and a replay builds the same."""
    target = f"{OKX}:{symbol}"
    is_published = run.book(target) == run.published(f"{book}:instId={symbol}")
    return run.session.books[target].is_live and is_published and run.replayed().digests() == run.session.digests()


def sent(run: Lived) -> list[Any]:
    """What was asked for, request by request."""
    return [orjson.loads(one.payload) for one in run.records if one.kind == SEND and one.payload != b"ping"]


def test_all_kinds_of_instruments_on_one_connection() -> None:
    run = runs()["everything"]
    assert run.failure is None and not run.session.losses and run.session.totals.bad_frames == 0, run.said
    for symbol in (SPOT, CALL, DATED):
        keeper = run.session.books[f"{OKX}:{symbol}"]
        assert is_right(run, symbol) and keeper.proof()[0] == "sequence" and keeper.counters.updates > 5
    # They are asked for in one message, and each stream is answered by itself.
    assert len({one.connection for one in run.records if one.kind == RECV}) == 1
    [request] = sent(run)
    told = Counter(type(event).__name__ for event in run.events)
    assert told["Acknowledged"] == len(request["args"]) == len({tuple(arg.items()) for arg in request["args"]})
    assert told["Quote"] and told["Trade"] == len({(one.target, one.id) for one in run.events if isinstance(one, Trade)})
    facts = run.session.instruments
    assert (facts[f"{OKX}:{CALL}"].option, facts[f"{OKX}:{INVERSE}"].multiplier) == ("call", "100")


def test_facts_of_contracts_and_options() -> None:
    run = runs()["everything"]
    facts = [event for event in run.events if isinstance(event, Derivative)]
    for fact in ("mark", "index", "last", "open_interest"):
        assert {event.target for event in facts if getattr(event, fact)} >= {f"{OKX}:{one}" for one in (SWAP, INVERSE, DATED)}
    options = [event for event in run.events if isinstance(event, OptionSummary)]
    # A family tells all of its options, whatever was asked for.
    assert {event.target for event in options if event.delta} == {f"{OKX}:{CALL}", f"{OKX}:{PUT}"}
    assert {event.target for event in options if event.mark} == {f"{OKX}:{CALL}"}


def test_other_books_and_a_second_lane() -> None:
    picture, retail, twice = (runs()[name] for name in ("picture", "retail", "twice"))
    keeper = picture.session.books[f"{OKX}:{SPOT}"]
    assert keeper.is_live and keeper.proof()[0] == "unprovable" and keeper.channel == "books5"
    assert picture.book(f"{OKX}:{SPOT}") == picture.truth(SPOT, 5)
    assert is_right(retail, SWAP, "books-rpi") and retail.session.books[f"{OKX}:{SWAP}"].proof()[0] == "sequence"
    assert is_right(twice, INVERSE) and not twice.session.losses
    for run in (picture, retail, twice):
        assert run.failure is None and run.session.totals.bad_frames == 0


def test_books_that_lost_a_message_begin_anew_on_their_connection() -> None:
    run = runs()["lost"]
    assert run.failure is None and run.exchange.log.counts["drop"], run.said
    assert is_right(run, SWAP) and is_right(run, SPOT)
    counters = [keeper.counters for keeper in run.session.books.values()]
    assert sum(one.gaps for one in counters) > 0 and all(one.snapshots == 1 + one.resyncs for one in counters)
    assert len({one.connection for one in run.records if one.kind == RECV}) == 1
    verbs = [request["op"] for request in sent(run)]
    assert verbs.count("unsubscribe") == verbs.count("subscribe") - 1 > 0


def test_refusals_name_their_stream_and_take_nothing_else_with_it() -> None:
    refused, tier = runs()["refused"], runs()["tier"]
    assert refused.failure is None and is_right(refused, SPOT) and f"{OKX}:{SWAP}" not in refused.session.books
    assert any(f"refused for {SWAP}" in words for words in refused.said)
    assert tier.failure is None and is_right(tier, SPOT) and f"{OKX}:{SWAP}" not in tier.session.books
    assert any("fee tier" in words and "64003" in words for words in tier.said)
    assert any(f"books-l2-tbt:{SWAP} is given up" in words for words in tier.said)


def test_liquidations_arrive_with_the_orders_side() -> None:
    run = runs()["forced"]
    forced = [step.liquidation for step in run.exchange.listings[SWAP].recent if step.liquidation is not None]
    sides = ["buy" if one.buy else "sell" for one in forced]
    ours = [event.side for event in run.events if isinstance(event, Liquidation)]
    assert ours and any(sides[start : start + len(ours)] == ours for start in range(len(sides)))


def test_pings_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(registry.venue(OKX))
    monkeypatch.setattr(type(DIALECT), "rules", replace(DIALECT.rules, client_within=0.5))
    monkeypatch.setattr(kind, "heartbeat", replace(kind.heartbeat, ping_every_s=0.2))
    run = asyncio.run(live(OKX, [SPOT], channels=("book",), seconds=1.0, calm_s=0.1, silence_s=5))
    assert run.failure is None and not run.session.losses and is_right(run, SPOT)
    pings = [one for one in run.records if one.kind == SEND and one.payload == b"ping"]
    pongs = [one for one in run.records if one.kind == RECV and one.payload == b"pong"]
    assert len(pings) >= len(pongs) >= 3 and any(isinstance(event, Heartbeat) for event in run.events)
    assert len([one for one in run.records if one.kind == CLOSE]) == 1
