"""Places of panels: at any size they lie within the screen and do not overlap, and what a person opened is there."""

from __future__ import annotations

from itertools import chain, combinations, product

import pytest

from feedtape.ui.draw.places import PANELS, places, waiting

OPENED = [frozenset(some) for some in chain.from_iterable(combinations(("map", "raw", "statistics"), n) for n in range(4))]
SIZES = [(1, 1), (10, 3), (30, 10), (73, 24), (74, 24), (80, 24), (120, 35), (120, 36), (200, 60)]


@pytest.mark.parametrize("size", SIZES)
def test_panels_lie_within_the_screen_and_do_not_overlap(size: tuple[int, int]) -> None:
    width, height = size
    for head, opened, single, has_line in product((1, 5), OPENED, (True, False), (True, False)):
        found = places(width, height, head, opened, single=single, has_line=has_line)
        taken: set[tuple[int, int]] = set()
        for name, (left, top, wide, high) in found.items():
            assert name in PANELS and left >= 0 and top >= 0 and left + wide <= width and top + high <= height
            cells = set(product(range(left, left + wide), range(top, top + high)))
            assert cells and not cells & taken, name
            taken |= cells
        assert "foot" in found
        if height >= 24:
            assert {"head", "line"} - {"line" if not has_line else ""} <= found.keys()
            assert opened - {"map"} <= found.keys()
            beside = len({found[name].left for name in found if name not in ("head", "foot", "line")}) == 2
            gap = found["head"].height + has_line * 2 + 1
            assert len(taken) == width * height - (height - gap if beside else 0), "no place is left over but the gap"


def test_trades_stand_beside_a_book_and_give_way_to_what_is_opened() -> None:
    assert "trades" in places(80, 24, 3, (), single=True, has_line=False)
    assert "trades" not in places(73, 24, 3, (), single=True, has_line=False)
    assert "trades" not in places(80, 24, 3, ("raw",), single=True, has_line=False)
    assert {"trades", "raw"} <= places(120, 40, 3, ("raw",), single=True, has_line=False).keys()
    assert "trades" not in places(200, 60, 3, (), single=False, has_line=False)


def test_a_narrow_screen_gives_a_panel_all_its_room() -> None:
    found = places(60, 24, 3, ("raw",), single=True, has_line=False)
    assert "main" not in found and found["raw"].width == 60


def test_before_there_is_anything_there_is_room_for_what_is_said() -> None:
    assert waiting(80, 24)["main"][2:] == (80, 23) and "foot" in waiting(1, 1)
