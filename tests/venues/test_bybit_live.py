"""Bybit's whole way: records through a session, and the simulated exchange through the live feed."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
import pytest

from feedtape.book.keeper import State
from feedtape.errors import VenueError
from feedtape.model.events import Derivative, Event, Heartbeat, Liquidation, OptionSummary, Quote, Trade
from feedtape.model.records import HEADER, OPEN, RECV, Record, note
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


def stream(venue: str, symbol: str) -> str:
    return f"orderbook.{25 if venue == 'bybit-option' else 50}.{symbol}"


def check(lived: Lived, venue: str, symbol: str) -> State:
    """The book equals what was published, or it says that it is broken; a replay builds the same."""
    keeper = lived.session.books[f"{venue}:{symbol}"]
    if keeper.is_live:
        assert lived.book(f"{venue}:{symbol}") == lived.published(stream(venue, symbol)), (
            venue,
            lived.said,
            lived.exchange.log.faults,
        )
    else:
        assert lived.session.losses
    again = lived.replayed().books[f"{venue}:{symbol}"]
    assert (again.state, again.digest()) == (keeper.state, keeper.digest())
    return keeper.state


def test_a_clean_run_of_each_market() -> None:
    async def runs() -> list[Lived]:
        targets = {venue: [symbol] for venue, symbol in SYMBOLS.items()} | {"bybit-option": [CALL, PUT]}
        return await asyncio.gather(
            *(
                live(venue, names, symbols=names, channels=ALL, limits=True, seconds=1.2, calm_s=0.3)
                for venue, names in targets.items()
            )
        )

    facts: dict[str, set[type[Event]]] = {
        "bybit": {Trade, Quote},
        "bybit-linear": {Trade, Quote, Derivative},
        "bybit-inverse": {Trade, Quote, Derivative},
        "bybit-option": {Trade, OptionSummary},
    }
    for (venue, symbol), lived in zip(SYMBOLS.items(), asyncio.run(runs()), strict=True):
        assert lived.failure is None and not lived.session.losses and lived.session.totals.bad_frames == 0
        assert check(lived, venue, symbol) is State.LIVE
        assert lived.session.books[f"{venue}:{symbol}"].integrity.proof == "sequence"
        kinds = {type(event) for event in lived.events if event.target == f"{venue}:{symbol}"}
        assert not facts[venue] - kinds, venue
        quotes = [event for event in lived.events if isinstance(event, Quote)]
        for quote in quotes[-1:]:
            bids, asks = lived.published(f"orderbook.1.{symbol}")
            assert quote.bid is not None and quote.ask is not None
            assert (Decimal(quote.bid), Decimal(quote.ask)) == (bids[0][0], asks[0][0])


def test_a_book_of_another_depth() -> None:
    lived = asyncio.run(
        live("bybit", ["BTCUSDT@orderbook.1000"], symbols=["BTCUSDT"], channels=("book",), seconds=1.0, calm_s=0.1)
    )
    assert lived.failure is None and not lived.session.losses
    ours = lived.book("bybit:BTCUSDT")
    assert ours == lived.published("orderbook.1000.BTCUSDT") and len(ours[0]) > 500


FAULTS = {
    "frames": [("bybit", "drop=0.1"), ("bybit-option", "malformed=0.2"), ("bybit-inverse", "reorder=0.2")],
    "repeats": [("bybit-linear", "duplicate=0.2")],
    "connections": [("bybit-linear", "disconnect=700ms"), ("bybit-option", "disconnect=900ms"), ("bybit-inverse", "stall=700ms")],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_never_wrong_and_silent(faults: list[tuple[str, str]]) -> None:
    async def one(venue: str, fault: str) -> Lived:
        symbols = [SYMBOLS[venue]]
        return await live(venue, symbols, symbols=symbols, channels=ALL, faults=[fault], seconds=2.0, calm_s=1.5, rate=30)

    async def runs() -> list[Lived]:
        return await asyncio.gather(*(one(venue, fault) for venue, fault in faults))

    for (venue, fault), lived in zip(faults, asyncio.run(runs()), strict=True):
        assert lived.failure is None and lived.exchange.log.counts[fault.partition("=")[0]] > 0, fault
        state = check(lived, venue, SYMBOLS[venue])
        if fault.startswith("duplicate"):
            assert state is State.LIVE and not lived.session.losses
        else:
            assert lived.session.losses, fault


def test_what_is_refused_ends_the_feed_or_leaves_the_others() -> None:
    async def runs() -> tuple[Lived, ...]:
        return await asyncio.gather(
            live("bybit", ["BTCUSDT"], faults=["refuse=BTCUSDT"], seconds=2.0, calm_s=0.1),
            live("bybit-linear", ["BTCUSDT", "ETHUSDT"], faults=["refuse=ETHUSDT"], seconds=2.0, calm_s=0.3),
            live("bybit-option", [CALL, PUT], channels=("book", "options"), faults=[f"refuse={PUT}"], seconds=2.0, calm_s=0.3),
        )

    nothing, linear, option = asyncio.run(runs())
    assert isinstance(nothing.failure, VenueError) and "subscription refused" in str(nothing.said)
    assert linear.failure is None and check(linear, "bybit-linear", "BTCUSDT") is State.LIVE
    assert option.failure is None and check(option, "bybit-option", CALL) is State.LIVE
    assert "bybit-linear:ETHUSDT" not in linear.session.books and f"bybit-option:{PUT}" not in option.session.books


def test_pings_keep_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    for venue, dialect in ((BybitLinear, sim.LINEAR), (BybitOption, sim.OPTION)):
        monkeypatch.setattr(venue, "heartbeat", replace(venue.heartbeat, ping_every_s=0.2))
        monkeypatch.setattr(dialect, "rules", replace(dialect.rules, client_within=0.5))

    async def runs() -> list[Lived]:
        return await asyncio.gather(
            *(
                live(venue, [SYMBOLS[venue]], symbols=[SYMBOLS[venue]], seconds=1.2, calm_s=0.1)
                for venue in ("bybit-linear", "bybit-option")
            )
        )

    for lived in asyncio.run(runs()):
        assert lived.failure is None and not lived.session.losses and len(lived.exchange.peers) <= 1
        assert sum(isinstance(event, Heartbeat) for event in lived.events) >= 3


def test_liquidations_arrive_with_the_orders_side() -> None:
    lived = asyncio.run(
        live(
            "bybit-inverse",
            ["BTCUSD"],
            symbols=["BTCUSD"],
            channels=("liquidations", "trades"),
            seconds=1.0,
            calm_s=0.3,
            rate=400,
        )
    )
    forced = [step.liquidation for step in lived.exchange.listings["BTCUSD"].recent if step.liquidation is not None]
    sides = ["buy" if one.buy else "sell" for one in forced]
    ours = [event.side for event in lived.events if isinstance(event, Liquidation)]
    assert ours and any(sides[start : start + len(ours)] == ours for start in range(len(sides)))
