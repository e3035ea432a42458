"""What is seen of more lines than fit, and that what is not seen is said."""

from feedtape.ui.draw.rows import Row, fit
from feedtape.ui.draw.scrolled import scrolled
from feedtape.ui.view import Scroll
from ui.picture_stage import is_sound, said

ROWS: list[Row] = [fit([(f"line {at}", "")], 30) for at in range(20)]


def test_what_fits_has_no_line_about_it() -> None:
    scroll = Scroll(5)
    assert scrolled(ROWS, 30, 20, scroll) == ROWS and scroll.at == 0


def test_lines_above_and_below_are_counted_and_one_comes_back_from_beyond_either_end() -> None:
    def shown(at: int) -> tuple[list[str], int]:
        scroll = Scroll(at, "shift-↓")
        rows = scrolled(ROWS, 30, 5, scroll)
        assert is_sound(rows, 30, 5)
        return said(rows).splitlines(), scroll.at

    assert shown(0) == (["line 0", "line 1", "line 2", "line 3", "▼ 16 lines below  shift-↓"], 0)
    assert shown(3) == (["line 3", "line 4", "line 5", "line 6", "▲ 3 above  ▼ 13 lines below"], 3)
    assert shown(99) == (["line 16", "line 17", "line 18", "line 19", "▲ 16 above  shift-↓"], 16)
    assert shown(-4) == shown(0)
