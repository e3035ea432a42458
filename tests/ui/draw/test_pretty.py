"""Frames as lines: every byte is there, in lines that fit, whatever comes."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from feedtape.ui.draw.pretty import Pretty

LONG = b'{"text":"' + rb"ab\\\"c " * 3_000 + "比".encode() * 3_000 + b'","n":1}'


def lines(payload: bytes, width: int) -> list[str]:
    made = Pretty(payload, width)
    return made.texts(0, made.reaches(10**6))


def test_a_list_of_values_stands_in_a_line_where_it_fits_and_else_has_a_line_each() -> None:
    assert lines(b'{"b":[["1.0","2"],["3","444"]]}', 20) == ["{", ' "b": [', '  ["1.0", "2"],', '  ["3", "444"]', " ]", "}"]
    assert lines(b'[["1.0","2"]]', 12) == ["[", " [", '  "1.0",', '  "2"', " ]", "]"]


def test_a_text_that_is_longer_than_any_line_goes_on_and_so_does_what_follows_it() -> None:
    made = lines(LONG, 40)
    assert made[0] == "{" and made[-1] == "}" and made[-2] == ' "n": 1'
    assert "".join(made[1:-2]) == " " + LONG.decode()[1:-7].replace(":", ": ", 1) + ","
    assert all(cell_len(line) <= 40 for line in made)


def test_bytes_behind_a_line_are_those_that_it_does_not_show() -> None:
    made = Pretty(b'{"a": 1,  "b": [1, 2]}', 40)
    assert made.bytes_behind(0) == 22
    assert [made.texts(at, 1)[0] for at in range(3)] == ["{", ' "a": 1,', ' "b": [1, 2]']
    assert [made.bytes_behind(at) for at in range(1, 4)] == [21, 14, 1]
    assert made.reaches(9) == 4 and made.bytes_behind(4) == 0


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=80) | st.text(st.sampled_from('[]{}",:\\\\ 1a\n比'), max_size=60).map(str.encode), st.integers(2, 30))
def test_whatever_comes_every_letter_is_shown_and_no_line_is_too_long(payload: bytes, width: int) -> None:
    made = lines(payload, width)
    assert all(cell_len(line) <= width and line.isprintable() for line in made)
    # What a blank is escaped as must not be in the frame itself.
    if payload.isascii() and not set(b"tnrx") & set(payload):
        shown, sent = "".join(made), payload.decode()
        for blank in " \t\n\r\x0b\x0c":
            shown, sent = shown.replace(blank, "").replace(repr(blank)[1:-1], ""), sent.replace(blank, "")
        assert len(shown) >= len(sent)
