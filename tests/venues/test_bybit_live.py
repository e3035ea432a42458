"""Bybit's whole way: records through a session, and the simulated exchange through the live feed."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import orjson
import pytest

from feedtape.book.keeper import State
from feedtape.model.events import Derivative, Event, Heartbeat, Liquidation, OptionSummary, Quote, Trade
from feedtape.model.records import HEADER, OPEN, RECV, SEND, Record, note
from feedtape.session import Session
from feedtape.sim import bybit as sim
from feedtape.venues import registry
from feedtape.venues.bybit import BybitLinear, BybitOption
from venue_stage import Lived, live

ALL = ("book", "trades", "quotes", "derivatives", "liquidations", "options")
CALL, PUT = "BTC-25JUN27-100000-C-USDT", "BTC-25JUN27-60000-P-USDT"
SYMBOLS = {"bybit": "BTCUSDT", "bybit-linear": "BTCUSDT", "bybit-inverse": "BTCUSD", "bybit-option": CALL}
START = 1_755_000_000_000_000_000


# -- records


def session(venue: str, *frames: Any, decoder: str = "") -> Session:
    """What these frames build, received on one connection."""
    built = Session(registry.venue)
    if decoder:
        built.feed(note(START, HEADER, {"decoders": {venue: decoder}}))
    built.feed(note(START, OPEN, {"venue": venue, "imported": "x"}, 1))
    for number, frame in enumerate(frames, 1):
        built.feed(Record(START + number * 1_000_000, 1, RECV, orjson.dumps(frame)))
    return built


def book(kind: str, u: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": u}
    return {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": START // 1_000_000, "data": data}


WHOLE = book("snapshot", 10, [["100", "1"], ["99", "2"]], [["101", "3"]])


def test_a_book_follows_its_numbers_and_tolerates_the_end_of_what_it_never_had() -> None:
    built = session("bybit-linear", WHOLE, book("delta", 11, [["98", "0"], ["100", "4"]]), book("delta", 12, [], [["101", "0"]]))
    keeper = built.books["bybit-linear:BTCUSDT"]
    assert (keeper.state, keeper.book.sequence) == (State.LIVE, 12) and not built.losses
    assert [*keeper.book.bids.top()] == [("100", "4"), ("99", "2")] and [*keeper.book.asks.top()] == []


def test_a_change_that_is_told_twice_is_no_loss() -> None:
    built = session("bybit-linear", WHOLE, book("delta", 11, [["98", "1"]]), book("delta", 11, [["98", "1"]]), book("delta", 12))
    keeper = built.books["bybit-linear:BTCUSDT"]
    assert keeper.state is State.LIVE and not built.losses and keeper.counters.repeated == 1


def test_a_hole_breaks_the_book_until_the_next_snapshot() -> None:
    hole = [WHOLE, book("delta", 11), book("delta", 13, [["100", "4"]])]
    broken = session("bybit-linear", *hole)
    assert broken.books["bybit-linear:BTCUSDT"].state is State.BROKEN
    assert [(loss.kind, loss.missed) for loss in broken.losses] == [("gap", 1)]
    mended = session("bybit-linear", *hole, book("snapshot", 20, [["97", "1"]]), book("delta", 21, [["96", "1"]]))
    keeper = mended.books["bybit-linear:BTCUSDT"]
    assert keeper.state is State.LIVE and [*keeper.book.bids.top()] == [("97", "1"), ("96", "1")]


@pytest.mark.parametrize(
    "anew", [book("snapshot", 5, [["97", "1"]]), book("delta", 1, [["97", "1"]])], ids=["snapshot", "restart"]
)
def test_a_book_may_begin_anew_at_any_moment(anew: dict[str, Any]) -> None:
    built = session("bybit-linear", WHOLE, book("delta", 11), anew, book("delta", anew["data"]["u"] + 1, [], [["98", "1"]]))
    keeper = built.books["bybit-linear:BTCUSDT"]
    assert keeper.state is State.LIVE and not built.losses
    assert ([*keeper.book.bids.top()], [*keeper.book.asks.top()]) == ([("97", "1")], [("98", "1")])


def test_a_capture_of_before_v5_is_read_by_the_decoder_that_its_header_names() -> None:
    def levels(kind: str, data: Any) -> dict[str, Any]:
        topic = {"topic": "orderBookL2_25.BTCUSD", "type": kind, "data": data}
        return topic | {"cross_seq": 42, "timestamp_e6": START // 1000}

    row = {"price": "9353.50", "symbol": "BTCUSD", "id": 93535000, "side": "Buy", "size": 58486}
    change = {"delete": [], "update": [row | {"size": 7}], "insert": [row | {"price": "9353.00"}]}
    frames = [levels("snapshot", [row]), levels("delta", change)]
    keeper = session("bybit-inverse", *frames, decoder="bybit-inverse/2").books["bybit-inverse:BTCUSD"]
    assert keeper.state is State.LIVE and keeper.integrity.proof == "unprovable"
    assert [*keeper.book.bids.top()] == [("9353.50", "7"), ("9353.00", "58486")]
    assert session("bybit-inverse", *frames).totals.bad_frames == 2


# -- the simulated exchange


@cache
def runs() -> dict[str, Lived]:
    """Every run by its name; all of them at once, since most of a run is waiting."""

    def clean(venue: str, *symbols: str) -> Awaitable[Lived]:
        return live(venue, symbols, symbols=symbols, channels=ALL, limits=True, silence_s=5, calm_s=0.2)

    two = ["BTCUSDT", "ETHUSDT"]
    wanted = {
        **{venue: clean(venue, symbol) for venue, symbol in SYMBOLS.items() if venue != "bybit-option"},
        "bybit-option": clean("bybit-option", CALL, PUT),
        "deep": live("bybit", ["BTCUSDT@orderbook.1000"], symbols=two[:1], channels=("book",), silence_s=5, calm_s=0.1),
        "lost": live("bybit-linear", two, symbols=two, channels=("book",), faults=["drop=0.4"], silence_s=5),
        "refused": live("bybit-linear", two, faults=["refuse=ETHUSDT"], silence_s=5),
        "refused option": live("bybit-option", [CALL, PUT], channels=("book", "options"), faults=[f"refuse={PUT}"], silence_s=5),
        "forced": live(
            "bybit-inverse", ["BTCUSD"], symbols=["BTCUSD"], channels=("liquidations", "trades"), rate=300, silence_s=5
        ),
    }

    async def together() -> list[Lived]:
        return await asyncio.gather(*wanted.values())

    return dict(zip(wanted, asyncio.run(together()), strict=True))


def is_right(lived: Lived, venue: str, symbol: str, depth: int = 50) -> bool:
    """The book is live and what was published, and a replay builds the same."""
    target = f"{venue}:{symbol}"
    is_published = lived.book(target) == lived.published(f"orderbook.{depth}.{symbol}")
    return lived.session.books[target].is_live and is_published and lived.replayed().digests() == lived.session.digests()


FACTS: dict[str, set[type[Event]]] = {
    "bybit": {Trade, Quote},
    "bybit-linear": {Trade, Quote, Derivative},
    "bybit-inverse": {Trade, Quote, Derivative},
    "bybit-option": {Trade, OptionSummary},
}


@pytest.mark.parametrize("venue", SYMBOLS)
def test_a_clean_run_of_each_market(venue: str) -> None:
    lived, symbol = runs()[venue], SYMBOLS[venue]
    assert lived.failure is None and not lived.session.losses and lived.session.totals.bad_frames == 0, lived.said
    assert is_right(lived, venue, symbol, 25 if venue == "bybit-option" else 50)
    assert lived.session.books[f"{venue}:{symbol}"].proof()[0] == "sequence"
    assert not FACTS[venue] - {type(event) for event in lived.events if event.target == f"{venue}:{symbol}"}
    for quote in [event for event in lived.events if isinstance(event, Quote)][-1:]:
        bids, asks = lived.published(f"orderbook.1.{symbol}")
        assert quote.bid is not None and quote.ask is not None
        assert (Decimal(quote.bid), Decimal(quote.ask)) == (bids[0][0], asks[0][0])


def test_a_book_of_another_depth() -> None:
    lived = runs()["deep"]
    assert lived.failure is None and not lived.session.losses
    assert is_right(lived, "bybit", "BTCUSDT", 1000) and len(lived.book("bybit:BTCUSDT")[0]) > 500


def test_a_book_that_lost_a_message_begins_anew_on_its_connection() -> None:
    lived = runs()["lost"]
    assert lived.failure is None and lived.exchange.log.counts["drop"], lived.said
    assert is_right(lived, "bybit-linear", "BTCUSDT") and is_right(lived, "bybit-linear", "ETHUSDT")
    counters = [keeper.counters for keeper in lived.session.books.values()]
    assert sum(one.gaps for one in counters) > 0 and all(one.snapshots == 1 + one.resyncs for one in counters)
    assert len({record.connection for record in lived.records if record.kind == RECV}) == 1
    # What is asked for again without having been given up is refused.
    asked = [orjson.loads(record.payload)["op"] for record in lived.records if record.kind == SEND]
    assert asked.count("unsubscribe") == asked.count("subscribe") - 1 > 0 and not lived.session.totals.refused


def test_what_is_refused_leaves_the_others() -> None:
    linear, option = runs()["refused"], runs()["refused option"]
    assert linear.failure is None and is_right(linear, "bybit-linear", "BTCUSDT")
    assert option.failure is None and is_right(option, "bybit-option", CALL, 25)
    assert "bybit-linear:ETHUSDT" not in linear.session.books and f"bybit-option:{PUT}" not in option.session.books
    assert any("subscription refused for ETHUSDT" in words for words in linear.said) and option.session.totals.refused


def test_liquidations_arrive_with_the_orders_side() -> None:
    lived = runs()["forced"]
    forced = [step.liquidation for step in lived.exchange.listings["BTCUSD"].recent if step.liquidation is not None]
    sides = ["buy" if one.buy else "sell" for one in forced]
    ours = [event.side for event in lived.events if isinstance(event, Liquidation)]
    assert ours and any(sides[start : start + len(ours)] == ours for start in range(len(sides)))


def test_pings_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for venue, dialect in ((BybitLinear, sim.LINEAR), (BybitOption, sim.OPTION)):
        monkeypatch.setattr(venue, "heartbeat", replace(venue.heartbeat, ping_every_s=0.2))
        monkeypatch.setattr(dialect, "rules", replace(dialect.rules, client_within=0.5))

    async def together() -> list[Lived]:
        pinged = [(venue, [SYMBOLS[venue]]) for venue in ("bybit-linear", "bybit-option")]
        return await asyncio.gather(*(live(venue, names, symbols=names, seconds=1.0, calm_s=0.1) for venue, names in pinged))

    for lived in asyncio.run(together()):
        assert lived.failure is None and not lived.session.losses
        assert sum(record.kind == OPEN for record in lived.records) == 1
        assert sum(isinstance(event, Heartbeat) for event in lived.events) >= 3
