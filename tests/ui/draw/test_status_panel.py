"""The panel of a recording: what comes in, goes out, waits and was lost, with the troubled first."""

import pytest

from feedtape.ui.draw.rows import text_of
from feedtape.ui.draw.status_panel import status_rows
from ui.picture_stage import FACTS, book, broken, golden, is_sound, parts, picture, resyncing, said, stale

BOOKS = [book(), stale("okx:BTC-USDT"), broken("kraken:BTC/USD"), resyncing("bybit:BTCUSDT")]


@pytest.mark.parametrize(("columns", "height"), [(80, 22), (120, 38), (60, 22)])
def test_the_panel_of_a_recording(columns: int, height: int) -> None:
    rows = status_rows(picture(*BOOKS, losses=2, stalls=1), FACTS, columns, height)
    assert is_sound(rows, columns, height)
    golden(f"status-{columns}x{height}", said(rows))
    assert parts(rows, "losses 2") == {"bad"} and parts(rows, "62%") == {""} and parts(rows, "resyncing") == {"warn"}


def test_those_in_trouble_stand_first_and_what_is_left_out_is_counted() -> None:
    books = [book(f"binance:S{at}USDT") for at in range(40)]
    connections = [(f"binance #{at}", "open" if at else "waiting", "1 s", "1") for at in range(30)]
    rows = status_rows(picture(*books, broken("kraken:BTC/USD")), FACTS | {"connections": connections}, 80, 30)
    lines = said(rows).splitlines()
    assert is_sound(rows, 80, 30) and len(rows) == 30
    [kraken] = [at for at, line in enumerate(lines) if line.startswith("kraken:BTC/USD")]
    assert lines[kraken - 1].startswith("book") and "broken: gap" in lines[kraken]
    assert next(at for at, line in enumerate(lines) if "binance #0 " in line) < next(
        at for at, line in enumerate(lines) if "#1 " in line
    )
    listed = sum(line.startswith("binance:S") for line in lines)
    assert f"and {40 - listed} more" == lines[-1] and sum("#" in line for line in lines) + int(lines[kraken - 3].split()[1]) == 30


def test_a_narrow_panel_keeps_the_states_and_the_losses() -> None:
    for columns in (60, 44):
        text = said(status_rows(picture(*BOOKS), FACTS, columns, 40))
        for word in ("broken: gap", "stale 3.2 s", "resyncing", "gaps"):
            assert word in text, columns
    text = said(status_rows(picture(*BOOKS), FACTS, 30, 40))
    assert "waiting (attempt 3)" in text and "…nce-usdm:BTCUSDT  live" in text and "okx:BTC-USDT       stale 3.2 s" in text


def test_what_is_not_known_yet_is_not_shown_as_zero() -> None:
    unknown = FACTS | {"size": 0, "disk_left": None, "rotates_in_ns": None, "markers": 0, "deferred": 0, "segment": None}
    text = said(status_rows(picture(frames_per_s=None), unknown, 80, 22))
    assert "in         449 327 frames, -   112.8 MB" in text and "out        0 B   -   level 9" in text and "disk left  -" in text
    assert "rotation" not in text and "suffices" not in text
    assert text_of(status_rows(picture(), {}, 20, 5)[0]).strip() == "starting…"
