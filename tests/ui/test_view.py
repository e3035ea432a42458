"""What a person chose to see: which book, what has changed since the last picture, from when counters count."""

from dataclasses import replace

from feedtape.book.keeper import Counters
from feedtape.ui.view import View
from ui.picture_stage import BIDS, book, broken, picture

BOOKS = picture(book("a:X"), book("b:X"), broken("c:X"))


def test_books_are_gone_through_in_a_circle() -> None:
    view = View("watch")
    seen = []
    for _ in range(4):
        view.step_on(BOOKS, 1)
        seen.append(view.selected)
    assert seen == ["b:X", "c:X", "a:X", "b:X"]
    view.step_on(picture(), 1)
    assert view.selected == "b:X" and view.book(picture()) is None


def test_a_selected_book_that_is_not_there_is_the_first_one() -> None:
    found = View("watch", selected="z:Z").book(BOOKS)
    assert found is not None and found.target == "a:X"
    assert [one.target for one in View("watch", only=frozenset({"b:x"})).shown(BOOKS)] == ["b:X"]


def test_changed_levels_are_those_with_another_size() -> None:
    before = book("a:X", bids=[("5", "1"), ("4", "2")], asks=[("6", "1")])
    now = replace(before, bids=[("5", "1"), ("4", "3"), ("3", "1")], asks=[("6", "1"), ("7", "2")])
    view = View("watch", before=picture(before))
    assert view.changed(now) == {("bid", "4"), ("bid", "3"), ("ask", "7")}
    assert View("watch", before=picture(before), flash=False).changed(now) == frozenset()
    assert view.changed(replace(now, is_live=False)) == frozenset()
    assert View("watch", before=picture(replace(before, is_live=False))).changed(now) == frozenset(), "all of it is new"


def test_levels_that_have_only_come_into_sight_have_not_changed() -> None:
    before = replace(book("a:X", bids=BIDS[:3], asks=[]), levels=(40, 0))
    now = replace(before, bids=[("61234.75", "1"), *BIDS])
    assert View("watch", before=picture(before)).changed(now) == {("bid", "61234.75")}


def test_counters_count_from_where_they_were_cleared() -> None:
    before = replace(book("a:X"), counters=Counters(updates=10, gaps=1), trade_count=5)
    now = replace(before, counters=Counters(updates=17, gaps=1), trade_count=9)
    counted = View("watch", counted=picture(before)).counters(now)
    assert (counted.counters.updates, counted.counters.gaps, counted.trade_count) == (7, 0, 4)
    assert View("watch").counters(now) is now


def test_the_panel_that_was_opened_last_is_the_one_that_keys_scroll() -> None:
    view = View("watch")
    fronts = []
    for name in ("raw", "map", "statistics", "statistics", "raw"):
        view.toggle(name)
        fronts.append(view.front)
    assert fronts == ["raw", "raw", "statistics", "raw", None]
    view.toggle("raw")
    view.scroll("raw", 7)
    view.scroll("raw", -9)
    assert view.scrolls["raw"].at == 0
    view.scroll("raw", 5)
    view.close()
    assert (view.opened, view.front, view.scrolls["raw"].at) == (set(), None, 0)
