"""Nothing that a stranger said reaches a terminal as it is."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedtape.ui.output import aside, printable, put, put_json, put_lines, safe_json, say, say_error, say_lines, warn

STEERING = [
    "\x1b[2J",
    "\x9b31m",
    "\x07",
    "\r",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ufeff",
    "\u00ad",
    "\u2028",
    "\u061c",
    "\U000e0041",
]


@pytest.mark.parametrize("char", [*STEERING, "\n", "\t", "\x00", "\udc80"])
def test_what_steers_a_terminal_or_hides_is_escaped(char: str) -> None:
    shown = printable(f"BTC{char}USDT")
    assert shown.isprintable() and char not in shown and shown.startswith("BTC\\")


@given(st.text())
def test_printable_is_printable_and_changes_nothing_else(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()


@pytest.mark.parametrize("char", STEERING)
def test_whatever_is_said_or_printed_is_escaped_at_the_last(char: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one {char}\ntwo")
    put(f"one {char}\ntwo")
    say_error(f"no such symbol: {char}\nfaked line", f"type {char}")
    warn(char)
    put_json({"symbol": char})
    shown = capsys.readouterr()
    assert char not in shown.out and char not in shown.err
    assert shown.err.count("\n") == 5 and "faked line" in shown.err.splitlines()[2]


@settings(max_examples=40, deadline=None)
@given(st.recursive(st.text() | st.integers(-(2**63), 2**63), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_safe_json_means_the_same(value: object) -> None:
    safe = safe_json(orjson.dumps(value))
    assert orjson.loads(safe) == value
    assert not any(char in safe.decode() for char in STEERING)


def test_summaries_fit_the_columns_that_are_told_and_a_pipe_has_no_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "  loss     " + "word " * 20 + "end"
    put_lines([line])
    assert capsys.readouterr().out == line + "\n"
    monkeypatch.setenv("COLUMNS", "60")
    put_lines([line])
    say_lines([line])
    shown = capsys.readouterr()
    assert shown.out == shown.err and all(len(one) <= 60 for one in shown.out.splitlines())
    warn("one " * 40)
    aside("ends with status 3")
    assert capsys.readouterr().err.splitlines()[1:] == ["ends with status 3"], "a message is one line, and not dim in a pipe"
