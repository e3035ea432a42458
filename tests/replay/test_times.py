"""Times as a person types them."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.errors import UsageError
from feedtape.replay.times import clock, iso, parse_time, span


def at(text: str, ns: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9 + ns


FIRST = at("2026-11-23T10:15:02", 118_000_000)
LAST = at("2026-11-23T11:17:15", 402_000_000)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23T10:15:02Z", at("2026-11-23T10:15:02")),
        ("2026-11-23t10:15:02z", at("2026-11-23T10:15:02")),
        ("2026-11-23 10:15:02", at("2026-11-23T10:15:02")),
        ("2026-11-23T10:15", at("2026-11-23T10:15:00")),
        ("2026-11-23T10:15:02.5Z", at("2026-11-23T10:15:02", 500_000_000)),
        ("2026-11-23T10:15:02.123456789Z", at("2026-11-23T10:15:02", 123_456_789)),
        ("2026-11-23T12:15:02+02:00", at("2026-11-23T10:15:02")),
        ("2026-11-23T05:45:02-04:30", at("2026-11-23T10:15:02")),
        ("10:20", at("2026-11-23T10:20:00")),
        ("10:20:30", at("2026-11-23T10:20:30")),
        ("10:20:30.25", at("2026-11-23T10:20:30", 250_000_000)),
        ("10:15:02", at("2026-11-23T10:15:02")),
        ("10:15:01", at("2026-11-24T10:15:01")),
        ("9:00", at("2026-11-24T09:00:00")),
        ("+0s", FIRST),
        ("+90s", FIRST + 90 * 10**9),
        ("+1.5s", FIRST + 1_500_000_000),
        ("+250ms", FIRST + 250_000_000),
        ("+0.1s", FIRST + 100_000_000),
        ("+2m", FIRST + 120 * 10**9),
        ("+1h", FIRST + 3600 * 10**9),
        ("+1d", FIRST + 86400 * 10**9),
        ("-5m", LAST - 300 * 10**9),
        ("-0s", LAST),
        ("0%", FIRST),
        ("100%", LAST),
        ("50%", (FIRST + LAST) // 2),
        ("12.5%", FIRST + (LAST - FIRST) // 8),
        ("1795428902", 1_795_428_902 * 10**9),
        ("1795428902.25", 1_795_428_902 * 10**9 + 250_000_000),
        ("1795428902118", 1_795_428_902_118 * 10**6),
        ("1795428902118001", 1_795_428_902_118_001 * 10**3),
        ("1795428902118000001", 1_795_428_902_118_000_001),
        ("  +90s ", FIRST + 90 * 10**9),
    ],
)
def test_every_form(text: str, time: int) -> None:
    assert parse_time(text, FIRST, LAST) == time


def test_a_time_of_day_after_midnight_is_the_next_day_of_the_tape() -> None:
    first, last = at("2026-11-23T23:59:58"), at("2026-11-24T00:10:00")
    assert parse_time("23:59:59", first, last) == at("2026-11-23T23:59:59")
    assert parse_time("00:00:01", first, last) == at("2026-11-24T00:00:01")


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "noon", "10", "10:1", "10:15:2", "+90", "90s", "+s", "+-5s", "+1y", "%", "-5%", "1e9", "0x10", "12345678"),
        *("2026-11-23", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T25:00:00Z", "2026-11-23T10:15:02+99:99"),
        *("10:15:02Z", "nan", "∞", "10:15:02.1234567890", "17954289021180000011", "+1s\n+2s"),
    ],
)
def test_nonsense_is_refused_with_the_forms_that_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="not a time") as caught:
        parse_time(text, FIRST, LAST)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["10:60", "10:15:60", "24:00", "25:00:00", "99:99:99"])
def test_impossible_times_of_day_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, FIRST, LAST)


@pytest.mark.parametrize("text", ["17954289021", "17954289021180", "17954289021180000"])
def test_unix_times_of_no_unit_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, FIRST, LAST)


def test_a_fraction_of_unix_milliseconds_counts() -> None:
    assert parse_time("1795428902118.5", FIRST, LAST) == 1_795_428_902_118_500_000


@given(st.text(max_size=30) | st.from_regex(r"[0-9+:.%TZ smhd-]{1,24}", fullmatch=True))
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(parse_time(text, FIRST, LAST), int)


def test_times_in_words() -> None:
    assert iso(FIRST) == "2026-11-23T10:15:02.118Z"
    assert clock(FIRST + 999_999) == "10:15:02.118Z"
    assert parse_time(iso(FIRST), 0, 0) == FIRST
    assert [span(int(seconds * 1e9)) for seconds in (0, 0.94, 59.9, 60, 862, 3733)] == [
        "0.0 s",
        "0.9 s",
        "59.9 s",
        "1 m 00 s",
        "14 m 22 s",
        "1 h 02 m 13 s",
    ]
