"""Whole screens: what they look like at the usual sizes, and that nothing leaves its panel at any size."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.ui.draw import scene
from feedtape.ui.draw.foot import waiting_rows
from feedtape.ui.draw.rows import text_of
from feedtape.ui.picture import BookPicture, Picture
from feedtape.ui.view import LAYOUTS, View
from ui.picture_stage import FACTS, book, broken, derivative, golden, is_sound, picture, resyncing, said, screen, stale

TARGET = "binance-usdm:BTCUSDT"
SIZES = ((80, 24), (120, 40), (200, 60))
CURSOR = View("watch", selected=TARGET, cursor=3, size=Decimal(5))
CHEAP = book(
    "binance:SHIBUSDT",
    [("0.0000012345", "1234567.00"), ("0.0000012344", "1")],
    [("0.0000012346", "98765432.10"), ("0.0000012400", "5")],
    instrument=None,
)
SHOWN: dict[str, tuple[View, Picture]] = {
    "book": (CURSOR, picture(book(derivative=derivative()))),
    "compact": (replace(CURSOR, layout="compact"), picture(book(derivative=derivative()))),
    "stale": (View("watch", selected=TARGET), picture(stale())),
    "broken": (View("watch", selected=TARGET), picture(broken())),
    "resyncing": (View("watch", selected=TARGET), picture(resyncing())),
    "cheap": (View("watch"), picture(CHEAP)),
    "grid": (
        View("watch", selected="okx:BTC-USDT"),
        picture(book(), stale("okx:BTC-USDT"), broken("kraken:BTC/USD"), resyncing("b:X")),
    ),
    "table": (
        View("watch", selected="binance:S27USDT"),
        picture(*[(book, stale, broken, resyncing)[at % 4](f"binance:S{at}USDT") for at in range(40)]),
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_screens_look_like_this(name: str) -> None:
    view, shown = SHOWN[name]
    text = ""
    for columns, height in SIZES if name in ("book", "grid", "table") else SIZES[:1]:
        rows = screen(view, shown, columns, height)
        assert is_sound(rows, columns, height)
        text += f"-- {columns}x{height}\n{said(rows)}"
    golden(name, text)


def test_no_price_of_a_book_that_is_not_live_is_on_any_screen() -> None:
    lost = replace(book(), is_live=False, word="broken: gap", grade="bad", trades=[], trade=None)
    for layout in LAYOUTS:
        for other in ([], [replace(resyncing("b:X"), trade=None)]):
            for columns, height in SIZES:
                view = View("watch", selected=TARGET, layout=layout, cursor=2, size=Decimal(1))
                text = said(screen(view, picture(lost, *other), columns, height))
                assert "broken: gap" in text.lower() and "61235" not in text and "61234" not in text


@pytest.mark.parametrize("columns", [200, 80, 40, 30])
def test_a_frozen_screen_says_so_at_any_width(columns: int) -> None:
    more = [("FROZEN 3.2 s behind, 812 updates", "warn")]
    for shown in (picture(book()), picture(book(), stale("okx:BTC-USDT"))):
        view = View("watch")
        rows = scene.head_rows(view, shown, view.book(shown), columns, 3, more)
        assert "FROZEN" in text_of(rows[0]) and is_sound(rows, columns, 3)


def test_a_summary_counts_silent_books_as_not_live() -> None:
    head = said(screen(View("watch"), picture(book(), stale("a:X"), broken("b:X"), losses=2), 80, 24)).splitlines()[0]
    assert head == "feedtape   1 of 3 books live   1 842/s frames   losses 2"


def test_prices_are_grouped_by_steps_of_ticks_or_by_what_was_asked_for() -> None:
    view = View("watch", step="5")
    assert scene.step_of(view, book()) == "5"
    for number, step in ((0, None), (1, "0.2"), (2, "0.5"), (3, "1")):
        view.group[TARGET] = number
        assert scene.step_of(view, book()) == step


_NUMBER = st.decimals(-1000, 100_000, places=10, allow_nan=False).map(lambda number: f"{number:f}") | st.sampled_from(
    ["1e-7", "5", "0.1", "123456789012345678901234567890.5", "1.50E-10"]
)
_SIZE = _NUMBER.map(lambda text: text.lstrip("-"))
_SIDE = st.lists(st.tuples(_NUMBER, _SIZE), max_size=6)
_NAME = st.sampled_from(["binance:BTCUSDT", "x:\x1b[2J", "比特:币币币币币币币币币币币币", "a:‮x", "b:" + "Y" * 90, "c:é\u0301❤️"])


@st.composite
def books(draw_: st.DrawFn) -> BookPicture:
    """Any book: live or not, and with whatever a venue might send."""
    target, reason = draw_(_NAME), draw_(st.sampled_from(["gap: 1", "", "x" * 300, "\x1b[31m", "a b " * 40]))
    made = book(target, draw_(_SIDE), draw_(_SIDE), reason=reason)
    facts: dict[str, dict[str, Any]] = {
        "live": {},
        "crossed": {"is_crossed": True, "word": "live, crossed", "grade": "warn"},
        "stale": {"is_stale": True, "word": "stale 1 h 00 m"},
        "lost": {"is_live": False, "word": "broken: \x1b[2J", "grade": "bad"},
    }
    bare: dict[str, Any] = {"instrument": None, "offset": None, "per_s": None, "age_ns": None, "trades": []}
    more = draw_(st.sampled_from([bare, {"derivative": derivative()}]))
    return replace(made, **facts[draw_(st.sampled_from(list(facts)))], **more)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(books(), max_size=5, unique_by=lambda one: one.target),
    st.integers(1, 200),
    st.integers(1, 60),
    st.sampled_from(LAYOUTS),
    st.integers(-8, 8),
    st.integers(0, 4),
    st.booleans(),
)
def test_nothing_leaves_its_panel_whatever_is_shown_at_any_size(
    shown: list[BookPicture], columns: int, height: int, layout: str, cursor: int, group: int, zoomed: bool
) -> None:
    all_of_it = picture(*shown)
    target = shown[-1].target if shown else None
    view = View("watch", target, zoomed, layout, cursor=cursor, size=Decimal("1.5"), before=all_of_it)
    if target is not None:
        view.group[target] = group
    one = view.book(all_of_it)
    head = scene.head_rows(view, all_of_it, one, columns, height, [("FROZEN", "warn")])
    main, boxes = scene.main_rows(view, all_of_it, {}, columns, height)
    for rows in (
        head,
        main,
        scene.tape_rows(one, columns, height),
        scene.statistics_rows(one, all_of_it, [], FACTS, columns, height),
        scene.main_rows(replace(view, is_folded=True), all_of_it, FACTS, columns, height)[0],
        waiting_rows(["connecting"], columns, height, "connecting…"),
    ):
        assert is_sound(rows, columns, height), said(rows)
    assert all(box.top + box.height <= height and box.left + box.width <= columns for box in boxes)
