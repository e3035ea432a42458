"""The newest frame: every character as the venue sent it, and exactly which levels it changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.model.events import BookDelta, BookSnapshot
from feedtape.model.records import RECV, Record
from feedtape.ui.draw.pretty import pretty
from feedtape.ui.draw.raw import raw_rows
from feedtape.ui.summary import count
from feedtape.ui.view import Scroll
from ui.picture_stage import NOW, golden, is_sound, said

TARGET = "binance:BTCUSDT"
HUGE = b'{"data":{"bids":[' + b",".join(b'["%d.10","0.5"]' % price for price in range(30_000)) + b"]}}"
FRAME = b'{"e":"depthUpdate","E":1795428901950,"s":"BTCUSDT","U":157,"u":160,"b":[["0.00240000","10.50"],["0.0022","0"]],"a":[]}'
DELTA = BookDelta(TARGET, NOW, None, "depth", [("0.00240000", "10.50"), ("0.0022", "0")], [], 157, 160)


def shown(payload: bytes, width: int = 60, height: int = 40) -> list[str]:
    rows = raw_rows(Record(NOW, 3, RECV, payload), (), (), width, height)
    assert is_sound(rows, width, height)
    return [line.rstrip() for line in said(rows).splitlines()[3:]]


def test_a_frame_and_what_it_changed() -> None:
    changed = [("bid", "0.00240000", None, "10.50"), ("bid", "0.0022", "4", None), ("ask", "0.0026", "1.5", "2")]
    golden("raw", said(raw_rows(Record(NOW, 3, RECV, FRAME), [DELTA], changed, 60, 40)))
    assert "it changed no level" in said(raw_rows(Record(NOW, 3, RECV, FRAME), [DELTA], [], 60, 40))


def test_where_nobody_compared_the_levels_it_names_are_shown() -> None:
    text = said(raw_rows(Record(NOW, 3, RECV, FRAME), [DELTA], None, 60, 40))
    assert "bid 0.00240000  → 10.50\nbid 0.0022  → 0\n" in text
    whole = BookSnapshot(TARGET, NOW, None, "depth", [("1", "1")], [("2", "1"), ("3", "1")], 1)
    assert "snapshot of 1 bid and 2 asks" in said(raw_rows(Record(NOW, 3, RECV, FRAME), [whole], None, 60, 40))


def test_numbers_keep_the_venues_spelling() -> None:
    text = b'{"p":61234.50000000,"q":1.10e-7,"n":123456789012345678901234567890.10,"s":"\\u0041  b","l":[1.0,"x  y"]}'
    assert shown(text) == [
        "{",
        '  "p": 61234.50000000,',
        '  "q": 1.10e-7,',
        '  "n": 123456789012345678901234567890.10,',
        '  "s": "\\u0041  b",',
        '  "l": [1.0, "x  y"]',
        "}",
    ]


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        (
            b'{"a":{"b":[["1","2"],["3","4"]]}',
            ["{", '  "a": {', '    "b": [', '      ["1", "2"],', '      ["3", "4"]', "    ]", "  }"],
        ),
        (b'["unfinished', ["[", '  "unfinished']),
        (b"ping \x1b[2J", ["ping \\x1b[2J"]),
        (b"", []),
        (b'["\x1b",{"\x1b":"\x1b"}]', ["[", '  "\\x1b",', "  {", '    "\\x1b": "\\x1b"', "  }", "]"]),
        (b"x" * 70, ["x" * 60, "x" * 10]),
        (b"\xff\xfe", ["��"]),
    ],
)
def test_whatever_comes_is_shown_as_far_as_it_goes(payload: bytes, lines: list[str]) -> None:
    assert shown(payload) == lines


def test_of_more_than_fits_both_halves_have_their_share_and_say_what_is_left_out() -> None:
    changed = [("bid", str(price), "1", "2") for price in range(100)]
    rows = raw_rows(Record(NOW, 3, RECV, FRAME * 5), (), changed, 60, 21)
    lines = said(rows).splitlines()
    assert lines[10] == "▼ 91 levels below" and lines[11].startswith("──") and len(lines) == 21
    assert lines[-1].startswith("▼ ") and lines[-1].endswith(" bytes below")
    assert said(raw_rows(None, (), None, 30, 5)) == "raw frame: none yet\n"


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from('[]{}",:\\ 1.a\n\x1b比'), max_size=60), st.integers(1, 40), st.integers(1, 30))
def test_no_frame_leaves_the_panel_and_only_blanks_are_moved(text: str, width: int, height: int) -> None:
    rows = raw_rows(Record(NOW, 3, RECV, text.encode()), (), (), width, height)
    assert is_sound(rows, width, height)
    wide = said(raw_rows(Record(NOW, 3, RECV, text.encode()), (), (), 200, 200)).split("─\n", 1)[1]
    for blank in (" ", "\\n", "\n"):
        text, wide = text.replace(blank, ""), wide.replace(blank, "")
    assert wide.replace("\\x1b", "\x1b") == text


def test_all_of_a_frame_and_of_its_levels_can_be_scrolled_to_and_nothing_is_left_out_unsaid() -> None:
    changed = [("bid", str(price), "1", "2") for price in range(30)]
    scroll, seen = Scroll(keys="J K"), set()
    for at in range(200):
        scroll.at = at
        rows = raw_rows(Record(NOW, 3, RECV, FRAME * 3), (), changed, 40, 15, scroll)
        assert is_sound(rows, 40, 15) and len(rows) == 15
        seen |= set(said(rows).splitlines())
    assert {f"bid {price}  1 → 2" for price in range(30)} <= seen
    assert set(said(raw_rows(Record(NOW, 3, RECV, FRAME * 3), (), changed, 40, 200)).splitlines()) <= seen
    # From beyond the end it came back to where both are at theirs.
    lines = said(rows).splitlines()
    assert scroll.at < 100 and lines[-2] == "}" and lines[-1] == f"▲ {scroll.at} above  J K" and lines[7] == "▲ 24 above"


def test_a_frame_of_any_size_costs_what_is_seen_of_it_and_says_how_much_is_below() -> None:
    assert len(HUGE) > 400_000
    lines = shown(HUGE, 60, 12)
    assert lines[0] == "{" and lines[3] == '      ["0.10", "0.5"],' and lines[-1] == f"▼ {count(len(HUGE) - 92)} bytes below"
    assert pretty(HUGE, 60).reaches(0) < 20, "no more lines were made than are seen"
    scroll = Scroll(400)
    text = said(raw_rows(Record(NOW, 3, RECV, HUGE), (), (), 60, 12, scroll))
    assert scroll.at == 400 and '["397.10", "0.5"],' in text and "▲ 400 above  ▼ " in text
    assert pretty(HUGE, 60).reaches(0) < 420
    scroll.at = 10**6
    text = said(raw_rows(Record(NOW, 3, RECV, HUGE), (), (), 60, 12, scroll))
    assert 400 < scroll.at < 1_000 and pretty(HUGE, 60).reaches(0) < 1_000 and "bytes below" in text
