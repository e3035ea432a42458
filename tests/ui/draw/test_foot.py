"""The last line: as many keys as fit, help and quit always, and a key is pressed where it is written."""

import pytest

from feedtape.ui.draw.foot import foot_row
from feedtape.ui.draw.rows import text_of
from feedtape.ui.keymap import CHAIN, KEYS, RECORD, REPLAY, WATCH
from ui.picture_stage import is_sound


@pytest.mark.parametrize("screen", [WATCH, RECORD, REPLAY, CHAIN])
@pytest.mark.parametrize("columns", [200, 80, 40, 20])
def test_keys_are_where_they_say_and_help_and_quit_among_them(screen: str, columns: int) -> None:
    row, places = foot_row(KEYS, screen, columns)
    assert is_sound([row], columns, 1)
    by_id = {key.id: key for key in KEYS}
    for start, end, name in places:
        assert by_id[name].label in text_of(row)[start:end]
    assert [name for _, _, name in places][-2:] == ["app.help", "app.quit"]


def test_what_was_said_last_follows_where_there_is_room_and_steers_no_terminal() -> None:
    assert "saved \\x1b[2J" in text_of(foot_row(KEYS, WATCH, 120, "saved \x1b[2J")[0])
    assert "saved" not in text_of(foot_row(KEYS, WATCH, 16, "saved a.svg")[0])
