"""Lines that fit: no word is cut, what is behind a label stays behind it, and a table stays one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.ui.columns import NARROWEST, Column, fold, table

WIRE = "  wire     stalls 0   bad frames 0   refused 0   frames too long 0   untracked 0   http errors 0   dropped here 0"
words = st.text(st.characters(categories=["L", "N"], max_codepoint=0x250), min_size=1, max_size=30)


def test_what_belongs_together_is_kept_together_behind_its_label() -> None:
    assert fold(WIRE, 60) == [
        "  wire     stalls 0   bad frames 0   refused 0",
        "           frames too long 0   untracked 0   http errors 0",
        "           dropped here 0",
    ]
    assert fold(WIRE, None) == [WIRE] and fold(WIRE, 200) == [WIRE]


def test_a_line_without_a_label_goes_on_a_little_further_in() -> None:
    assert fold("played 1 331 frames in 0.30 s (4 459/s), 446 trades, 297 quotes", 60) == [
        "played 1 331 frames in 0.30 s (4 459/s), 446 trades, 297",
        "  quotes",
    ]


def test_a_number_is_not_divided_at_its_thousands() -> None:
    told = fold("  kept     " + "x" * 26 + " 12 345 678 frames", 46)
    assert told == ["  kept     " + "x" * 26, "           12 345 678 frames"]
    assert fold("  loss     " + "x" * 26 + " for 1.2 s: gap", 45)[1] == "           1.2 s: gap"


def test_what_cannot_be_divided_stays_whole_and_what_is_typed_in_one_piece() -> None:
    digest = "a" * 64
    assert fold(f"  chain    {digest}", 60) == [f"  chain    {digest}"]
    assert fold(f"file         x.tape.zst   1.0 MB   sha256 {digest}", 60)[-1].strip() == digest
    check = f"  check    feedtape verify {'x' * 60}"
    assert fold(check, 60) == [check]
    json = '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1795428902000,"s":"BTCUSDT"}}'
    assert all(line.rstrip().endswith((",", "}")) for line in fold(f"  a  {json}", 60))


@given(st.lists(words, min_size=1, max_size=30), st.integers(NARROWEST, 120))
def test_folding_loses_nothing_and_fits(text: list[str], width: int) -> None:
    line = "  loss     " + " ".join(text)
    told = fold(line, width)
    assert " ".join(" ".join(told).split()) == " ".join(line.split())
    assert all(len(one) <= max(width, 11 + max(map(len, text))) for one in told)


def columns() -> list[Column]:
    return [
        Column("book", ["kraken:BTC/USD", "okx:BTC-USDT"], is_text=True),
        Column("rate", ["10.25", "9"], 1),
        Column("frames", ["1 000", "20"], 2),
        Column("gaps", ["0", "17"]),
    ]


@pytest.mark.parametrize(("width", "gone"), [(None, []), (70, []), (56, ["rate"]), (48, ["rate", "frames"])])
def test_columns_go_in_a_fixed_order(width: int | None, gone: list[str]) -> None:
    found = table(columns(), Column("proof", ["sequence", "broken: the venue says 1, the book gives 2"]), width)
    assert found.gone == gone and found.lines[0].endswith("  proof")
    ends = {line.index("gaps") + 4 for line in found.lines[:1]}
    assert all(line[:end].endswith(("gaps", "0", "17")) for line, end in zip(found.lines[:3], [*ends] * 3, strict=True))
    assert width is None or all(len(line) <= width for line in found.lines)


def test_text_for_which_there_is_no_room_stands_below_its_row() -> None:
    wide = [Column("book", ["x" * 40], is_text=True), Column("gaps", ["1"])]
    head, row, *below = table(wide, Column("proof", ["broken: a gap of many updates, not rebuilt since"]), 60).lines
    assert row.split() == ["x" * 40, "1"] and " ".join(" ".join(below).split()).startswith("broken: a gap")
    assert head.split() == ["book", "gaps"] and table(wide, None, 60).lines == [head, row]
