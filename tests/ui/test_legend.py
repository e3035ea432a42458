"""The legend: what is drawn is told, and only that which is on the screen."""

from feedtape.ui.draw import chain_rows, depth_strip, smile, time_line
from feedtape.ui.keymap import CHAIN, RECORD, REPLAY, WATCH
from feedtape.ui.legend import BOOK, LINE, MAP, MARKS, OPTIONS, PANEL, SCREENS, VENUES, marks_markdown, parts_of, parts_shown
from feedtape.ui.view import View


def told(part: str) -> str:
    """All that the legend says of a part."""
    return " ".join(f"{mark.signs} {mark.means}" for mark in MARKS if mark.part == part)


def signs(part: str) -> set[str]:
    return {sign for mark in MARKS if mark.part == part for sign in mark.signs.split()}


def test_every_sign_that_is_drawn_is_in_the_legend() -> None:
    assert {sign for sign, _ in time_line._MARKS.values()} <= signs(LINE)
    map_signs = [depth_strip.BROKEN, depth_strip.SILENT, depth_strip.UNHEARD, *depth_strip._SHADES]
    drawn = {text for text, _ in map_signs if text.strip()} | {depth_strip._PAST, *"".join(depth_strip._DOTS.values())}
    assert all(sign in told(MAP) for sign in drawn)
    chain = {word for word in chain_rows._LEGEND.split() if len(word) == 1} | {*smile._LETTERS.values(), smile._BOTH, "·", "┊"}
    assert all(sign in told(OPTIONS).split() or f"{sign} " in told(OPTIONS) for sign in chain)


def test_a_screen_tells_the_marks_that_it_has_now() -> None:
    assert parts_shown(View(WATCH)) == (BOOK,) and parts_shown(View(REPLAY)) == (BOOK, LINE)
    assert parts_shown(View(CHAIN, is_chain=True)) == (OPTIONS,) and parts_shown(View(WATCH, is_across=True)) == (VENUES,)
    assert parts_shown(View(RECORD, is_folded=True)) == ()
    view = View(WATCH)
    view.toggle("map")
    view.toggle("raw")
    assert parts_shown(view) == (BOOK, MAP, PANEL)


def test_each_part_has_marks_and_no_part_is_without_a_screen() -> None:
    assert {mark.part for mark in MARKS} == set(SCREENS) and LINE not in parts_of(WATCH)
    assert all(f"| {mark.means} |" in marks_markdown() for mark in MARKS)
