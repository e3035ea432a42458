"""Statistics: every counter by its name, zeros too, and losses where they are seen."""

from feedtape.model.events import Gap, Resync
from feedtape.ui.draw.statistics import statistics_rows
from feedtape.ui.history import Note
from feedtape.ui.view import Scroll
from ui.picture_stage import NOW, book, broken, is_sound, picture, said

CONNECTIONS = {
    "connections": [("binance-usdm #12 lane 1", "open", "3.2 s", "1 200"), ("binance-usdm #12 lane 2", "open", "9 s", "7")]
}


def test_counters_of_book_session_connections_and_drawing_are_named() -> None:
    rows = statistics_rows(book(), picture(book()), [("  frame", "median 2.1 ms")], CONNECTIONS, 80, 40)
    lines = [" ".join(line.split()) for line in said(rows).splitlines()]
    assert is_sound(rows, 80, 40)
    for line in (
        "state live",
        "updates 18 432, 118.4/s",
        "gaps 0, 0 missed, 0 resyncs",
        "checksums 0 matched, 0 failed",
        "contract perpetual, tick 0.10, lot 0.001",
        "losses none",
        "frames 449 327, 1 842/s, 112.8 MB",
        "binance-usdm #12 lane 1 open for 3.2 s, 1 200 frames",
        "binance-usdm #12 lane 2 open for 9 s, 7 frames",
        "frame median 2.1 ms",
    ):
        assert line in lines


def test_the_newest_losses_are_seen_though_little_fits_and_steer_no_terminal() -> None:
    gaps = [Note(at, Gap("x:\x1b[2J", NOW + at, None, "gap", NOW, 4, f"hole {at}")) for at in range(9)]
    shown = picture(broken(), losses=9, notes=[*gaps, Note(9, Resync("x:Y", NOW, None, NOW, 1))])
    rows = statistics_rows(broken(), shown, [], CONNECTIONS, 60, 20)
    text = said(rows)
    assert is_sound(rows, 60, 20) and "losses       9\n" in text
    assert "hole 8" in text and "hole 6" in text and "hole 5" not in text
    assert "hole 0" in said(statistics_rows(broken(), shown, [], {}, 60, 60))
    end = said(statistics_rows(broken(), shown, [], CONNECTIONS, 60, 20, Scroll(999)))
    assert "earlier losses" in end and "hole 5" in end and "hole 0" in end and "not remembered" not in end
    forgotten = picture(broken(), losses=9, notes=gaps[5:])
    assert "  5 before these are not remembered" in said(statistics_rows(broken(), forgotten, [], {}, 60, 60))


def test_without_a_book_there_is_the_session() -> None:
    text = said(statistics_rows(None, picture(first=None, frames_per_s=None), [], {}, 60, 20))
    assert "session" in text and "running    -" in text and "book" not in text
