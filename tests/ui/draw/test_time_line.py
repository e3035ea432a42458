"""The line below a replay: where it was busy, what happened where, and where one is."""

from dataclasses import replace

import pytest

from feedtape.replay.timeline import Timeline, TimeMark
from feedtape.ui.draw.rows import text_of
from feedtape.ui.draw.time_line import head_words, line_rows
from feedtape.ui.playing import Head, Named
from ui.picture_stage import NOW, SECOND, golden, is_sound, said

HEAD = Head(NOW, NOW + 1000 * SECOND, time=NOW + 420 * SECOND, frame=1234, frames=56_789)


NAMED = [
    Named(NOW + 300 * SECOND, "before the news", is_bookmark=True),
    Named(NOW + 500 * SECOND, "CPI \x1b[2J release"),
    Named(NOW + 985 * SECOND, "the end is near"),
]


def timeline(buckets: int = 1000) -> Timeline:
    """A tape that becomes busier, with a gap, its resync, a marker, which has a name, and a stranger."""
    made = Timeline(HEAD.first, HEAD.last, [float(at * 8 // buckets) for at in range(buckets)])
    marks = [(250, "gap"), (251, "resync"), (500, "mark"), (700, "dropped"), (990, "disconnect")]
    made.marks += [TimeMark(NOW + at * SECOND, kind, "\x1b[2J") for at, kind in marks]  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_line_of_a_tape(columns: int) -> None:
    rows = line_rows(timeline(), HEAD, columns, NAMED)
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


def below(head: Head, columns: int = 120, named: list[Named] = NAMED) -> str:
    """Return the second line."""
    rows = line_rows(None, head, columns, named)
    assert is_sound(rows, columns, 2)
    return text_of(rows[1]).rstrip()


def test_the_name_of_what_one_stands_at_is_beside_the_time_even_where_it_is_narrow() -> None:
    paused = replace(HEAD, time=NOW + 500 * SECOND, is_paused=True)
    assert "▲ 10:23:22.000Z ◆ CPI \\x1b[2J release" in below(paused) and "◆" not in below(HEAD)
    assert "▲ 10:23:22.000Z ◆ CPI \\…" in below(paused, 48) and below(paused, 14).strip() == "▲"
    at_end = replace(HEAD, time=NOW + 985 * SECOND, is_at_end=True)
    assert below(at_end).endswith("◆ the end is near 10:31:27.000Z ▲")
    assert "◇ before the news" in below(replace(HEAD, time=NOW + 300 * SECOND))


def test_what_is_passed_is_named_for_some_seconds_of_playing() -> None:
    after = replace(HEAD, time=NOW + 502 * SECOND)
    assert "◆ CPI" in below(after) and "◆ CPI" not in below(replace(after, is_paused=True))
    assert "◆ CPI" not in below(replace(after, time=NOW + 504 * SECOND))
    assert "◆ CPI" in below(replace(after, time=NOW + 504 * SECOND, speed=2.0)), "as fast as a person reads"
    assert "◆ CPI" not in below(replace(after, time=NOW + 499 * SECOND))


@pytest.mark.parametrize("seconds", [0, 299, 500, 984, 1000])
@pytest.mark.parametrize("columns", [1, 2, 10, 23, 40, 60, 80])
def test_names_never_run_into_each_other_nor_over_the_place(seconds: int, columns: int) -> None:
    head = replace(HEAD, time=NOW + seconds * SECOND, is_paused=True)
    many = [*NAMED, *(Named(NOW + at * SECOND, f"n{at}比") for at in range(0, 1000, 37))]
    assert below(head, columns, many).count("▲") == 1
    assert all(word.count("╵") <= 1 for word in below(head, columns, many).split())
