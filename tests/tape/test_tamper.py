"""The first difference between two lists of blocks: right for every single deed, whatever the tape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.tape.marks import Mark
from feedtape.tape.tamper import compare


def marks(names: str) -> list[Mark]:
    """Blocks by one letter each; a capital is a block that was altered."""
    return [Mark(name, 1000 + number, 1009 + number) for number, name in enumerate(names)]


CASES = [
    ("abcd", "abcd", None),
    ("", "", None),
    ("abcd", "aBcd", ("altered", 1, 1, None)),
    ("abcd", "aBCd", ("altered", 1, 2, None)),
    ("abcd", "abcD", ("altered", 3, 1, None)),
    ("abcd", "acd", ("removed", 1, 1, None)),
    ("abcd", "bcd", ("removed", 0, 1, None)),
    ("abcd", "ad", ("removed", 1, 2, None)),
    ("abcd", "ab", ("removed", 2, 2, None)),
    ("abcd", "", ("removed", 0, 4, None)),
    ("abcd", "acbd", ("moved", 1, 1, 2)),
    ("abcd", "acdb", ("moved", 1, 1, 3)),
    ("abcd", "abXcd", ("added", 2, 1, None)),
    ("abcd", "XYabcd", ("added", 0, 2, None)),
    ("abcd", "abcdX", ("added", 4, 1, None)),
    ("abcd", "abacd", ("added", 2, 1, None)),
    ("abcd", "aXYcd", ("replaced", 1, 1, None)),
    ("abcd", "aXd", ("replaced", 1, 2, None)),
    ("abcd", "aBCD", ("altered", 1, 3, None)),
]


@pytest.mark.parametrize(("sealed", "found", "told"), CASES)
def test_each_deed_has_its_name(sealed: str, found: str, told: tuple[str, int, int, int | None] | None) -> None:
    tampering = compare(marks(sealed), marks(found))
    assert (tampering and (tampering.kind, tampering.block, tampering.blocks, tampering.place)) == told


def test_a_tape_cut_within_a_block_is_told_from_one_that_was_altered() -> None:
    cut = compare(marks("abcd"), marks("abX"), cut=True)
    whole = compare(marks("abcd"), marks("abX"))
    assert cut is not None and (cut.kind, cut.block, cut.first, cut.last) == ("cut", 2, 1002, 1011)
    assert whole is not None and whole.kind == "replaced"


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=40, unique=True), st.data())
def test_one_deed_on_any_tape_is_named_with_its_block(names: list[int], data: st.DataObject) -> None:
    sealed = [Mark(str(name), number, number) for number, name in enumerate(names)]
    at = data.draw(st.integers(0, len(sealed) - 1))
    foreign = Mark("foreign", 5, 6)
    deeds = {
        "altered": [*sealed[:at], foreign, *sealed[at + 1 :]],
        "removed": [*sealed[:at], *sealed[at + 1 :]],
        "added": [*sealed[:at], foreign, *sealed[at:]],
    }
    for deed, found in deeds.items():
        tampering = compare(sealed, found)
        assert tampering is not None and (tampering.kind, tampering.block, tampering.blocks) == (deed, at, 1)
    place = data.draw(st.integers(0, len(sealed) - 1).filter(lambda place: place != at))
    rest = [*sealed[:at], *sealed[at + 1 :]]
    moved = compare(sealed, [*rest[:place], sealed[at], *rest[place:]])
    assert moved is not None and (moved.kind, moved.block) == ("moved", min(at, place))


@given(st.text("abcdef", max_size=12), st.text("abcdefXY", max_size=12), st.booleans())
def test_any_two_tapes_are_compared(sealed: str, found: str, cut: bool) -> None:
    tampering = compare(marks(sealed), marks(found), cut=cut)
    assert (tampering is None) == (sealed == found)
    if tampering is not None:
        assert tampering.blocks >= 1
        assert sealed[: tampering.block] == found[: tampering.block]
