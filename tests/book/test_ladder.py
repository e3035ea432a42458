"""Ladders and books against dicts of Decimals."""

import random
from decimal import Decimal
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book.exchange import Sizes, Truth, spelled, state_of
from feedtape.book.digest import digest
from feedtape.book.ladder import MAX_LEVELS, Book, Ladder
from feedtape.errors import BadFrame
from feedtape.model.events import Levels

prices = st.sampled_from(["1", "1.0", "01.00", "1.5", "1.50", "2", "2.000", "2.5", "9", "10", "10.0", "11", "0.1", "100"])
sizes = st.sampled_from(["0", "0.000", "1", "1.0", "2.5", "3", "007"])
changes = st.lists(st.tuples(prices, sizes), max_size=12)
BID, ASK = 1, -1
signs = st.sampled_from([BID, ASK])


def apply(naive: Sizes, levels: Levels) -> int:
    """What an update means; returns how many deletes named nothing."""
    unknown = 0
    for price, size in levels:
        if Decimal(size):
            naive[Decimal(price)] = Decimal(size)
        else:
            unknown += naive.pop(Decimal(price), None) is None
    return unknown


def ordered(naive: Sizes, sign: int) -> list[tuple[Decimal, Decimal]]:
    return sorted(naive.items(), key=lambda level: -sign * level[0])


def seen(ladder: Ladder, depth: int | None = None) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size in ladder.top(depth)]


@given(signs, st.lists(changes, max_size=6), st.integers(0, 9), st.integers(1, 9))
def test_a_ladder_is_a_dict_in_order(sign: int, updates: list[Levels], depth: int, kept: int) -> None:
    ladder, naive = Ladder(sign), Sizes()
    for levels in updates:
        assert ladder.update(levels) == apply(naive, levels)
        expected = ordered(naive, sign)
        assert seen(ladder) == expected and len(ladder) == len(expected)
        assert seen(ladder, depth) == expected[:depth]
        best = ladder.best()
        assert (best and (Decimal(best[0]), Decimal(best[1]))) == (expected[0] if expected else None)
    ladder.truncate(kept)
    naive = dict(ordered(naive, sign)[:kept])
    assert seen(ladder) == ordered(naive, sign)
    # A ladder that was cut is a ladder as any other.
    for levels in updates:
        assert ladder.update(levels) == apply(naive, levels)
    assert seen(ladder) == ordered(naive, sign)


@given(signs, changes, st.lists(st.tuples(prices, sizes), max_size=12, unique_by=lambda level: Decimal(level[0])), changes)
def test_replacing_forgets_everything_before(sign: int, before: Levels, whole: Levels, after: Levels) -> None:
    ladder, naive = Ladder(sign), Sizes()
    ladder.update(before)
    ladder.replace(whole)
    apply(naive, whole)
    assert seen(ladder) == ordered(naive, sign)
    assert ladder.update(after) == apply(naive, after)
    assert seen(ladder) == ordered(naive, sign)


def test_the_venues_own_spelling_is_kept_and_the_last_one_wins() -> None:
    ladder = Ladder(BID)
    ladder.update([("1.5", "2.0")])
    ladder.update([("1.50", "3.00")])
    assert list(ladder.top()) == [("1.50", "3.00")]
    ladder.update([("01.5", "0")])
    assert list(ladder.top()) == [] and ladder.best() is None


def test_a_snapshot_that_repeats_a_price_with_zero_has_no_level_of_zero() -> None:
    ladder = Ladder(BID)
    ladder.replace([("1.5", "2"), ("1.5", "0")])
    assert all(Decimal(size) for _, size in ladder.top())


def test_a_snapshot_with_a_price_that_is_none_is_refused_even_at_size_zero() -> None:
    with pytest.raises(BadFrame):
        Ladder(BID).replace([("abc", "0")])


@pytest.mark.parametrize(
    "level", [("abc", "1"), ("1", "abc"), ("--1", "1"), ("1", "-1"), ("1e40", "1"), ("1", ""), ("", "0"), ("NaN", "1")]
)
@pytest.mark.parametrize("side", ["bids", "asks"])
def test_levels_that_are_no_decimals_are_refused(level: tuple[str, str], side: str) -> None:
    bids, asks = ([level], []) if side == "bids" else ([], [level])
    with pytest.raises(BadFrame):
        Book().update(bids, asks)
    if level != ("", "0"):  # see the test above
        with pytest.raises(BadFrame):
            Book().replace(bids, asks, 1)


def test_spreads_trade_below_zero() -> None:
    book = Book()
    book.update([("-1.5", "1"), ("-0.5", "2"), ("-2", "3")], [("-0.25", "1"), ("0", "4"), ("0.5", "1")])
    assert [price for price, _ in book.bids.top()] == ["-0.5", "-1.5", "-2"]
    assert [price for price, _ in book.asks.top()] == ["-0.25", "0", "0.5"]
    assert not book.crossed()
    assert book.update([("-0.50", "0")], [("-0", "0")]) == 0
    assert [price for price, _ in book.asks.top()] == ["-0.25", "0.5"]
    book.update([("-0.25", "1")], [])
    assert book.crossed()


@pytest.mark.parametrize("levels", [[("1",)], [("1", "2", "3")], [5], [None], [(1, 2)], [("1", None)]])
def test_levels_that_are_no_pairs_of_texts_are_refused(levels: Levels) -> None:
    with pytest.raises(BadFrame):
        Book().update(levels, [])
    with pytest.raises(BadFrame):
        Book().replace([], levels, 1)


@pytest.mark.parametrize(
    ("bid", "ask", "crossed"),
    [("1", "2", False), ("2", "1", True), ("1.5", "1.50", True), ("1", None, False), (None, "1", False)],
)
def test_a_book_is_crossed_when_its_best_bid_reaches_its_best_ask(bid: str | None, ask: str | None, crossed: bool) -> None:
    book = Book()
    book.update([(bid, "1"), ("0.5", "9")] if bid else [], [(ask, "1"), ("99", "9")] if ask else [])
    assert book.crossed() is crossed


def test_unknown_deletes_of_both_sides_are_counted() -> None:
    book = Book()
    assert book.update([("1", "0"), ("2", "1")], [("3", "0.00"), ("2.00", "0")]) == 3
    book.clear()
    assert state_of(book) == Truth({}, {}) and book.sequence is None


books = st.tuples(
    *[st.dictionaries(prices.map(Decimal), sizes.map(Decimal).filter(bool), max_size=5)] * 2, st.integers(1, 3) | st.none()
)


def made(state: tuple[Sizes, Sizes, int | None], seed: int) -> Book:
    """A book of that state, by some way, in some order, in some spelling."""
    rng = random.Random(seed)
    book = Book()
    book.update([("7", "1")], [("8", "1")])
    sides = []
    for side in state[:2]:
        assert isinstance(side, dict)
        levels = [(spelled(price, rng), spelled(size, rng)) for price, size in side.items()]
        rng.shuffle(levels)
        sides.append(levels)
    if rng.random() < 0.5:
        book.replace(sides[0], sides[1], None)
    else:
        book.update([("7", "0"), *sides[0]], [("8", "0"), *sides[1]])
    book.sequence = state[2]
    return book


@given(books, st.integers(), st.integers())
def test_equal_states_have_one_digest_whatever_way_led_to_them(
    state: tuple[Sizes, Sizes, int | None], one: int, other: int
) -> None:
    first, second = made(state, one), made(state, other)
    assert state_of(first) == state_of(second) == Truth(state[0], state[1])
    assert digest(first) == digest(second)
    assert len(digest(first)) == 32


@given(books, books)
def test_different_states_have_different_digests(
    one: tuple[Sizes, Sizes, int | None], other: tuple[Sizes, Sizes, int | None]
) -> None:
    assert (digest(made(one, 0)) == digest(made(other, 0))) == (one == other)


def test_the_digest_is_the_one_that_the_format_says() -> None:
    """A literal, so that a change of the digest cannot go unnoticed: tapes hold them."""
    book = Book()
    book.replace([("1.50", "2.0"), ("01.4", "3")], [("1.60", "100")], 7)
    assert digest(book) == blake2b(b"7\n\n1.5 2\n1.4 3\n\n1.6 100", digest_size=16).hexdigest()
    assert digest(Book()) == blake2b(b"None\n\n", digest_size=16).hexdigest()


def test_prices_with_more_decimals_than_before_keep_every_level_in_its_place() -> None:
    book = Book()
    book.replace([("100", "1"), ("99", "2")], [("101", "3")], 1)
    unknown = book.update([("99.5", "4"), ("98.125", "0"), ("100", "0"), ("99.500", "5")], [("100.00000001", "6")])
    assert list(book.bids.top()) == [("99.500", "5"), ("99", "2")]
    assert list(book.asks.top()) == [("100.00000001", "6"), ("101", "3")]
    assert unknown == 1
    assert not book.crossed()
    book.update([("100.000000010", "1")], [])
    assert book.crossed()


def _prices(count: int, start: int = 0) -> list[tuple[str, str]]:
    return [(str(number), "1") for number in range(start, start + count)]


def test_a_side_deeper_than_any_market_is_refused_and_can_be_cleared() -> None:
    book = Book()
    book.replace(_prices(MAX_LEVELS), [], 1)
    assert len(book.bids) == MAX_LEVELS
    book.update([("7", "2")], [])
    for more in (_prices(1, MAX_LEVELS), _prices(2000, MAX_LEVELS)):
        with pytest.raises(BadFrame, match="more than 250000 levels on one side"):
            book.update(more, [])
    book.clear()
    assert not len(book.bids) and book.bids.best() is None


def test_what_is_beyond_the_limit_does_not_get_into_the_book() -> None:
    book = Book()
    with pytest.raises(BadFrame, match="levels on one side"):
        book.replace([], _prices(400_000), 1)
    assert len(book.asks) < 1.1 * MAX_LEVELS


@pytest.mark.parametrize("sign", [1, -1])
def test_many_changes_at_once_do_what_the_same_changes_do_one_by_one(sign: int) -> None:
    rng = random.Random(3)
    fractions, some_sizes = ["", ".0", ".5", ".125"], ["0", "0.0", "1", "2.50"]
    changes = [(f"{rng.randrange(900)}{rng.choice(fractions)}", rng.choice(some_sizes)) for _ in range(5000)]
    many, few = Ladder(sign), Ladder(sign)
    few_unknown = sum(few.update([change]) for change in changes)
    assert many.update(changes) == few_unknown
    assert list(many.top()) == list(few.top()) and many.best() == few.best()
    assert many.order == sorted(many.prices)


def test_a_bad_change_among_many_leaves_a_side_that_can_be_cleared() -> None:
    ladder = Ladder(1)
    with pytest.raises(BadFrame):
        ladder.update([*_prices(1500), ("x", "1")])
    assert ladder.order == sorted(ladder.prices)
