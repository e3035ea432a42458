"""Where the panels of a screen are: which of them there is room for, and how large each is."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

PANELS: Final = ("head", "main", "map", "trades", "raw", "statistics", "line", "foot")
WIDE: Final = 74
"""Columns from which something stands beside the book."""
_HIGH: Final = 36
"""Lines from which two panels stand below each other."""
_LINE: Final = 2
_FOOT: Final = 1


class Place(NamedTuple):
    """Columns and lines of a panel."""

    left: int
    top: int
    width: int
    height: int


def waiting(width: int, height: int) -> dict[str, Place]:
    """Return the places of the panels before there is anything to show."""
    return _within({"main": Place(0, 0, width, height - _FOOT), "foot": Place(0, height - _FOOT, width, _FOOT)})


def places(width: int, height: int, head: int, opened: Collection[str], *, single: bool, has_line: bool) -> dict[str, Place]:
    """Return the places of the panels that are shown; they do not overlap.

    Args:
        head: lines of the head.
        opened: panels that a person opened.
        single: whether one book fills the main panel, beside which its trades have a place.
        has_line: whether there is a line of time.
    """
    bottom = height - _FOOT - (_LINE if has_line else 0)
    top = max(0, min(head, bottom))
    body = max(0, bottom - top)
    found = {"head": Place(0, 0, width, top), "foot": Place(0, height - _FOOT, width, _FOOT)}
    if has_line:
        found["line"] = Place(0, bottom, width, _LINE)
    panels = [name for name in ("raw", "statistics") if name in opened]
    is_beside = single and width >= WIDE
    right = ["trades", *panels] if is_beside and (not panels or height >= _HIGH) else panels
    left = ["main", "map"] if "map" in opened and single else ["main"]
    if not right:
        return _within(found | _below(left, 0, top, width, body))
    if width < WIDE:
        # A narrow terminal gives the panel all its room.
        return _within(found | _below(right, 0, top, width, body))
    beside = side_width(width, bool(panels))
    return _within(found | _below(left, 0, top, width - beside - 1, body) | _below(right, width - beside, top, beside, body))


def side_width(width: int, has_panel: bool) -> int:
    """Return how wide the panels beside a book are."""
    return max(36, min(76 if has_panel else 46, int(width * (0.45 if has_panel else 0.38))))


def _below(names: Sequence[str], left: int, top: int, width: int, height: int) -> dict[str, Place]:
    """Return places below each other that share the height."""
    tops = [height * at // len(names) for at in range(len(names) + 1)]
    return {name: Place(left, top + tops[at], width, tops[at + 1] - tops[at]) for at, name in enumerate(names)}


def _within(found: Mapping[str, Place]) -> dict[str, Place]:
    """Leave out what there is no room for."""
    return {name: place for name, place in found.items() if place.width > 0 and place.height > 0 and place.top >= 0}
