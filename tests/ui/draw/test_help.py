"""The help: every key of the screen with all that is said of it, however narrow it is."""

from dataclasses import replace

import pytest

from feedtape.ui.draw.help import help_rows
from feedtape.ui.keymap import KEYS, REPLAY, WATCH
from ui.picture_stage import is_sound, said


@pytest.mark.parametrize("columns", [120, 80, 40, 24])
@pytest.mark.parametrize("screen", [WATCH, REPLAY])
def test_nothing_that_is_said_of_a_key_is_cut_off(screen: str, columns: int) -> None:
    rows = help_rows(KEYS, screen, columns)
    assert is_sound(rows, columns, len(rows))
    words = " ".join(said(rows).split())
    for key in KEYS:
        if screen in key.screens and columns > 40:
            assert all(word in words for word in key.help.split()), key.id
    assert ("#123456" in words) == (screen == REPLAY) and "unprovable" in words


def test_marks_are_those_of_the_parts_that_are_shown() -> None:
    assert "✕" in said(help_rows(KEYS, REPLAY, 80)) and "✕" not in said(help_rows(KEYS, WATCH, 80))
    assert "►" not in said(help_rows(KEYS, REPLAY, 80, ["time line"])) and "↻" in said(help_rows(KEYS, REPLAY, 80, ["time line"]))


def test_a_table_without_keys_is_no_failure() -> None:
    assert said(help_rows([replace(key, keys=()) for key in KEYS], WATCH, 80, [])).startswith("keys of watch\n\nstates")
