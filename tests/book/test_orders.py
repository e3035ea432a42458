"""Orders against a naive reading: a dictionary of orders, summed by price each time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.book.keeper import BookKeeper, State
from feedtape.book.ladder import Book
from feedtape.book.orders import Orders
from feedtape.book.rules import AlternatingCrc, Integrity
from feedtape.errors import BadFrame
from feedtape.model.events import BookChecksum, BookDelta, BookSnapshot, Order

BY_ORDER = Integrity(
    snapshot="stream", by_order=True, unknown_delete_is_loss=True, unprovable="nothing numbers the messages", resync="reconnect"
)
ids = st.sampled_from([str(number) for number in range(9, 15)])
sides = st.sampled_from(["bid", "ask"])
prices = st.sampled_from(["10", "10.00", "10.5", "9.25", "9.250", "11", ""])
sizes = st.sampled_from(["0", "0.00", "1", "0.10", "2.5", "1e-7"])
changes = st.lists(st.tuples(ids, sides, prices, sizes), max_size=30)


def naive(rows: list[Order]) -> tuple[dict[str, dict[Decimal, Decimal]], int]:
    """Levels of both sides, and how many changes named an order that was not there."""
    orders: dict[str, tuple[str, str, str]] = {}
    unknown = 0
    for id, side, price, size in rows:
        known = orders.get(id)
        if known is None and (not price or not Decimal(size)):
            unknown += 1
            continue
        orders.pop(id, None)
        if Decimal(size):
            orders[id] = (side, price, size) if price or known is None else (known[0], known[1], size)
    levels: dict[str, dict[Decimal, Decimal]] = {"bid": {}, "ask": {}}
    for side, price, size in orders.values():
        levels[side][Decimal(price)] = levels[side].get(Decimal(price), Decimal(0)) + Decimal(size)
    return levels, unknown


def as_numbers(book: Book) -> dict[str, dict[Decimal, Decimal]]:
    return {
        side: {Decimal(price): Decimal(size) for price, size in ladder.top()}
        for side, ladder in (("bid", book.bids), ("ask", book.asks))
    }


@given(changes, st.integers(1, 5))
def test_levels_are_what_orders_add_up_to(rows: list[Order], cut: int) -> None:
    orders, book, missing = Orders(), Book(), 0
    for start in range(0, len(rows), cut):
        bids, asks, unknown = orders.update(rows[start : start + cut])
        book.update(bids, asks)
        missing += unknown
    levels, unknown = naive(rows)
    assert (as_numbers(book), missing) == (levels, unknown)
    again, copy = Orders(), Book()
    copy.replace(*again.replace(orders.save()), None)
    assert as_numbers(copy) == levels and len(again) == len(orders)


def test_one_order_at_a_price_keeps_the_venues_own_text() -> None:
    orders = Orders()
    assert orders.update([("1", "bid", "10.50", "0.100")])[0] == [("10.50", "0.100")]
    assert orders.update([("2", "bid", "10.50", "0.2")])[0] == [("10.50", "0.300")]
    assert orders.update([("1", "bid", "", "0")])[0] == [("10.50", "0.2")]
    assert orders.update([("2", "bid", "10.50", "0")])[0] == [("10.50", "0")]


@pytest.mark.parametrize("row", [("1", "left", "10", "1"), ("1", "bid", "10", "x"), ("1", "bid", "10", "-1")])
def test_what_is_no_order_is_refused(row: Order) -> None:
    with pytest.raises(BadFrame):
        Orders().update([row])


def snapshot(*rows: Order, recv: int = 1, checksum: int | None = None) -> BookSnapshot:
    return BookSnapshot("v:X", recv, None, "L3", [], [], None, checksum, list(rows))


def delta(*rows: Order, recv: int = 2) -> BookDelta:
    return BookDelta("v:X", recv, None, "L3", [], [], None, None, orders=list(rows))


def test_a_change_of_an_order_that_is_not_there_breaks_the_book_until_the_stream_begins_anew() -> None:
    keeper = BookKeeper("v:X", "L3", BY_ORDER)
    keeper.take_snapshot(snapshot(("1", "bid", "10", "1"), ("2", "ask", "11", "1")), 5)
    assert keeper.proof() == ("unprovable", "nothing numbers the messages")
    assert keeper.take_delta(delta(("1", "bid", "", "4")), 5) == ()
    assert keeper.book.bids.best() == ("10", "4") and keeper.weight == 4
    restored = BookKeeper.load("v:X", keeper.save(), BY_ORDER)
    for one in (keeper, restored):
        [gap] = one.take_delta(delta(("7", "ask", "", "1")), 5) or ()
        assert one.state is State.BROKEN and "unknown order" in str(gap)
        assert one.wants_stream == [5] and one.digest() is None
        assert one.take_delta(delta(("8", "ask", "12", "1")), 5) == ()
        one.take_snapshot(snapshot(("2", "ask", "11", "3"), recv=9), 5)
        assert one.is_live and one.book.asks.best() == ("11", "3") and not one.wants_stream


def test_a_checksum_of_orders_comes_by_itself_and_counts_from_then_on() -> None:
    """Bitfinex's own example: raw ids in the place of prices, asks negative, the smaller id first at one price."""
    integrity = Integrity(snapshot="stream", by_order=True, counted=True, checksum=AlternatingCrc(ask_sign="-", of_orders=True))
    keeper = BookKeeper("v:X", "R0", integrity)
    keeper.take_snapshot(
        snapshot(
            ("101", "bid", "5900", "2"), ("100", "bid", "6000", "1"), ("103", "ask", "6200", "4"), ("102", "ask", "6100", "3")
        ),
        1,
    )
    assert keeper.proof()[0] == "sequence"
    right = BookChecksum("v:X", 2, None, "R0", 1841538801)
    assert keeper.take_checksum(right, 1) == () and keeper.counters.checksums_matched == 1
    assert keeper.proof()[0] == "checksum" and "25 orders" in keeper.proof()[1]
    assert keeper.take_checksum(right, 2) is None, "of a connection that stands by"
    assert keeper.take_checksum(BookChecksum("v:X", 3, None, "R0", 5), 1)
    assert keeper.state is State.BROKEN and keeper.counters.checksums_failed == 1
