"""The line below a replay: where it was busy, what happened where, and where one is."""

import pytest

from feedtape.replay.timeline import Timeline, TimeMark
from feedtape.ui.draw.rows import text_of
from feedtape.ui.draw.time_line import head_words, line_rows
from feedtape.ui.play_stage import Head
from ui.picture_stage import NOW, SECOND, golden, is_sound, said

HEAD = Head(NOW, NOW + 1000 * SECOND, time=NOW + 420 * SECOND, frame=1234, frames=56_789)


def timeline(buckets: int = 1000) -> Timeline:
    """A tape that becomes busier, with a gap, its resync, a marker and a stranger."""
    made = Timeline(HEAD.first, HEAD.last, [float(at * 8 // buckets) for at in range(buckets)])
    marks = [(250, "gap"), (251, "resync"), (500, "mark"), (700, "dropped"), (990, "disconnect")]
    made.marks += [TimeMark(NOW + at * SECOND, kind, "\x1b[2J") for at, kind in marks]  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_line_of_a_tape(columns: int) -> None:
    rows = line_rows(timeline(), HEAD, columns)
    assert is_sound(rows, columns, 2)
    golden(f"time-line-{columns}", said(rows))
    assert text_of(rows[1]).index("▲") == 420 * (columns - 1) // 1000


def test_of_several_things_in_one_column_the_worst_is_seen() -> None:
    assert text_of(line_rows(timeline(), HEAD, 80)[0])[19] == "✕" and "↻" not in text_of(line_rows(timeline(), HEAD, 80)[0])


def test_more_columns_than_buckets_leave_no_holes() -> None:
    text = text_of(line_rows(Timeline(HEAD.first, HEAD.last, [4.0] * 10), HEAD, 100)[0])
    assert text == "█" * 100


@pytest.mark.parametrize("seconds", [0, 1, 60, 500, 940, 999, 1000, 2000, -5])
@pytest.mark.parametrize("columns", [1, 2, 5, 14, 15, 30, 33, 80])
def test_where_one_is_stands_below_its_place_and_no_time_runs_into_another(seconds: int, columns: int) -> None:
    head = Head(NOW, NOW + 1000 * SECOND, time=NOW + seconds * SECOND)
    rows = line_rows(None, head, columns)
    below = text_of(rows[1])
    assert is_sound(rows, columns, 2)
    assert below.index("▲") == min(columns - 1, max(0, seconds * (columns - 1) // 1000))
    assert all(len(word) in (1, 8, 13) for word in below.split())


def test_how_it_is_going_is_told_in_words() -> None:
    def words(**facts: object) -> str:
        return "|".join(text for text, _ in head_words(Head(**{**vars(HEAD), **facts})))

    assert words() == "replay 1x|+7 m 00 s   frame 1 234 of 56 789"
    assert words(is_paused=True, why="gap x:\x1b[2J").startswith("PAUSED: gap x:\\x1b[2J|")
    assert words(is_at_end=True, frame=None) == "END|+7 m 00 s" and words(follow=True).startswith("following|")
    assert words(busy="looking for a gap").startswith("looking for a gap…|") and words(speed=0.25).startswith("replay 0.25x")
