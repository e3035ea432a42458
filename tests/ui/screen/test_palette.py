"""Colours: every part has a style in every theme, and what must be read can be."""

import pytest

from feedtape.ui.draw.rows import PARTS
from feedtape.ui.screen.palette import PALETTES
from feedtape.ui.watching import THEMES


def test_the_command_line_knows_the_themes() -> None:
    assert tuple(PALETTES) == THEMES


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", PALETTES)
def test_every_part_has_a_style_and_words_stand_out(name: str) -> None:
    palette = PALETTES[name]
    styles = palette.styles()
    assert set(styles) == set(PARTS)
    ground = luminance(palette.background)
    for colour in (palette.text, palette.dim, palette.bid, palette.ask, palette.good, palette.warn, palette.bad):
        lighter, darker = sorted((luminance(colour), ground), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, colour


@pytest.mark.parametrize("name", PALETTES)
def test_what_changed_and_where_the_cursor_is_are_told_without_colour(name: str) -> None:
    styles = PALETTES[name].styles()
    assert all(styles[part].bold for part in ("bid.flash", "ask.flash", "cursor", "bad", "warn"))
    assert not styles["bid"].bold and not styles["ask"].bold
