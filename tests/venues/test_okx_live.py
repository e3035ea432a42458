"""OKX's whole way over loopback: the simulated exchange, the feed, the books."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Derivative, Heartbeat, Liquidation, OptionSummary, Trade
from feedtape.model.records import CLOSE, RECV, SEND
from feedtape.sim.okx import OKX as DIALECT
from feedtape.venues import registry
from venue_stage import Lived, live

OKX, SWAP, SPOT, INVERSE = "okx", "BTC-USDT-SWAP", "BTC-USDT", "BTC-USD-SWAP"
DATED, CALL, PUT = "ETH-USDT-261225", "BTC-USD-261225-60000-C", "BTC-USD-261225-50000-P"
EVERYTHING = ("book", "trades", "quotes", "derivatives", "liquidations", "options")


def gathered(*runs: Awaitable[Lived]) -> list[Lived]:
    async def together() -> list[Lived]:
        return list(await asyncio.gather(*runs))

    return asyncio.run(together())


def is_right(run: Lived, symbol: str, book: str = "books") -> bool:
    """The book is live and what was published."""
    target = f"{OKX}:{symbol}"
    return run.session.books[target].is_live and run.book(target) == run.published(f"{book}:instId={symbol}")


def is_honest(run: Lived, symbol: str) -> bool:
    """The book is right, or says that it is not of now."""
    keeper = run.session.books[f"{OKX}:{symbol}"]
    return keeper.state is State.BROKEN or keeper.stale_since is not None or is_right(run, symbol)


def sent(run: Lived) -> list[Any]:
    """What was asked for, request by request."""
    return [orjson.loads(one.payload) for one in run.records if one.kind == SEND and one.payload != b"ping"]


def test_a_clean_day() -> None:
    listed = (SPOT, SWAP, INVERSE, DATED, CALL, PUT)
    everything, picture, retail, twice = gathered(
        live(OKX, [SPOT, SWAP, INVERSE, DATED, CALL], symbols=listed, channels=EVERYTHING, rate=50, seconds=2.8, silence_s=5),
        live(OKX, [f"{SPOT}@books5"], channels=("book",), rate=10, silence_s=5),
        live(OKX, [f"{SWAP}@books-rpi"], channels=("book",), silence_s=5),
        live(OKX, [INVERSE], channels=("book", "trades"), lanes=2, silence_s=5),
    )
    for run, symbol in ((everything, SPOT), (everything, CALL), (everything, DATED), (twice, INVERSE)):
        keeper = run.session.books[f"{OKX}:{symbol}"]
        assert run.failure is None and not run.session.losses and is_right(run, symbol), (symbol, run.said)
        assert keeper.proof()[0] == "sequence" and keeper.counters.updates > 5 and keeper.counters.gaps == 0
    for run in (everything, picture, retail, twice):
        assert run.session.totals.bad_frames == 0 and run.replayed().digests() == run.session.digests()
    # All kinds of instruments on one connection, asked for in one message; each stream is answered by itself.
    assert len({one.connection for one in everything.records if one.kind == RECV}) == 1
    [request] = sent(everything)
    told = Counter(type(event).__name__ for event in everything.events)
    assert told["Acknowledged"] == len(request["args"]) == len({tuple(arg.items()) for arg in request["args"]})
    facts = [event for event in everything.events if isinstance(event, Derivative)]
    # Open interest is told each three seconds.
    for fact in ("mark", "index", "last", "open_interest"):
        assert {event.target for event in facts if getattr(event, fact)} >= {f"{OKX}:{one}" for one in (SWAP, INVERSE, DATED)}
    options = [event for event in everything.events if isinstance(event, OptionSummary)]
    # A family tells all of its options, whatever was asked for.
    assert {event.target for event in options if event.delta} == {f"{OKX}:{CALL}", f"{OKX}:{PUT}"}
    assert {event.target for event in options if event.mark} == {f"{OKX}:{CALL}"}
    liquidated = {event.target.partition(":")[2] for event in everything.events if isinstance(event, Liquidation)}
    assert liquidated <= set(listed) - {SPOT}
    assert told["Quote"] and len({(one.target, one.id) for one in everything.events if isinstance(one, Trade)}) == told["Trade"]
    facts_of = everything.session.instruments
    assert (facts_of[f"{OKX}:{CALL}"].option, facts_of[f"{OKX}:{INVERSE}"].multiplier) == ("call", "100")
    keeper = picture.session.books[f"{OKX}:{SPOT}"]
    assert keeper.is_live and keeper.proof()[0] == "unprovable" and keeper.channel == "books5"
    assert picture.book(f"{OKX}:{SPOT}") == picture.truth(SPOT, 5)
    assert is_right(retail, SWAP, "books-rpi") and retail.session.books[f"{OKX}:{SWAP}"].proof()[0] == "sequence"


def test_whatever_happens_no_book_is_wrong_in_silence() -> None:
    faults = ("drop=0.2", "disconnect=500ms", "malformed=0.2", "duplicate=0.2", "reorder=0.3", "stall=500ms")
    runs = gathered(
        *(live(OKX, [SWAP, SPOT], channels=("book",), faults=[fault], seconds=2.2, calm_s=1.8, silence_s=0.6) for fault in faults)
    )
    for fault, run in zip(faults, runs, strict=True):
        name = fault.partition("=")[0]
        assert run.exchange.log.counts[name] > 0, fault
        assert run.failure is None and run.replayed().digests() == run.session.digests(), (fault, run.said)
        assert all(is_honest(run, symbol) for symbol in (SWAP, SPOT)), (fault, run.said)
        counters = [run.session.books[f"{OKX}:{symbol}"].counters for symbol in (SWAP, SPOT)]
        # Nothing is told twice on a connection: a repetition is no continuation, and the book begins anew.
        assert all(one.gaps > 0 and one.repeated == 0 for one in counters) or name == "malformed", fault
        if name in ("drop", "duplicate", "reorder"):
            # It begins anew on the connection that there is, given up before it is asked for again.
            heard = {one.connection for one in run.records if one.kind == RECV}
            assert len(heard) == 1 and all(one.snapshots > 1 and one.resyncs > 0 for one in counters), fault
            verbs = [request["op"] for request in sent(run)]
            assert verbs.count("unsubscribe") == verbs.count("subscribe") - 1 > 0, fault


def test_refusals_name_their_stream_and_take_nothing_else_with_it() -> None:
    some, alone, tier = gathered(
        live(OKX, [SPOT, SWAP], faults=[f"refuse={SWAP}"], silence_s=5),
        live(OKX, [SPOT], faults=[f"refuse={SPOT}"], seconds=8.0, silence_s=5),
        live(OKX, [SPOT, f"{SWAP}@books-l2-tbt"], channels=("book",), seconds=6.0, silence_s=5),
    )
    assert some.failure is None and is_right(some, SPOT) and f"{OKX}:{SWAP}" not in some.session.books
    assert any(f"refused for {SWAP}" in words for words in some.said)
    assert isinstance(alone.failure, VenueError) and "refuse" in str(alone.failure)
    assert tier.failure is None and is_right(tier, SPOT) and f"{OKX}:{SWAP}" not in tier.session.books
    assert any("fee tier" in words and "64003" in words for words in tier.said)
    assert any(f"books-l2-tbt:{SWAP} is given up" in words for words in tier.said)


def test_who_says_nothing_is_cut_off_and_a_ping_prevents_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(DIALECT), "rules", replace(DIALECT.rules, client_within=0.7))
    kind = type(registry.venue(OKX))
    [quiet] = gathered(live(OKX, [SPOT], channels=("book",), seconds=1.6, calm_s=0.2, silence_s=5))
    monkeypatch.setattr(kind, "heartbeat", replace(kind.heartbeat, ping_every_s=0.3))
    [alive] = gathered(live(OKX, [SPOT], channels=("book",), seconds=1.6, calm_s=0.2, silence_s=5))
    assert any(loss.kind == "disconnect" for loss in quiet.session.losses)
    assert alive.failure is None and not alive.session.losses and is_right(alive, SPOT)
    pings = [one for one in alive.records if one.kind == SEND and one.payload == b"ping"]
    pongs = [one for one in alive.records if one.kind == RECV and one.payload == b"pong"]
    assert len(pings) >= len(pongs) >= 3 and any(isinstance(event, Heartbeat) for event in alive.events)
    assert len([one for one in alive.records if one.kind == CLOSE]) == 1
