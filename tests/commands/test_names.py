"""File names never come from a stranger unescaped."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.commands.names import tape_path
from feedtape.model.targets import Target

START = 1_795_428_902_000_000_000


@given(st.text(min_size=1))
def test_whatever_a_symbol_holds_the_name_is_plain_short_and_in_its_folder(symbol: str) -> None:
    path = tape_path("x/", [Target("binance", symbol)], START)
    assert path.parent == Path("x")
    assert re.fullmatch(r"binance-[A-Za-z0-9_-][A-Za-z0-9._-]*-20261123T101502Z\.tape\.zst", path.name)
    assert len(path.name.encode()) < 200


@pytest.mark.parametrize(
    "symbol", ["../../etc/passwd", "..", "/", "a\x00b", "CON", "NUL", "COM1", "%Y%s", "A" * 5000, "\ud800", "-rf", "~", "a\\b"]
)
def test_names_that_a_system_would_take_otherwise(symbol: str) -> None:
    name = tape_path("x/", [Target("binance", symbol)], START, 3).name
    assert name.startswith("binance-") and name.endswith("-20261123T101502Z-0003.tape.zst")
    assert not re.search(r"[^A-Za-z0-9._-]", name)


def test_the_words_of_a_date_are_filled_in_where_a_person_wrote_them_and_nowhere_else() -> None:
    assert tape_path("y/%Y.tape.zst", [Target("binance", "%H")], START) == Path("y/2026.tape.zst")
    assert tape_path("y/%Y/", [Target("binance", "%H")], START).name.startswith("binance-_H-")
