"""Times are exact: a binary float of seconds since 1970 cannot hold a nanosecond."""

import pytest

from feedtape.convert.times import of_digits, of_rfc3339, of_seconds


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"1723161255030314667", 1_723_161_255_030_314_667),
        (b"1723161255030314", 1_723_161_255_030_314_000),
        (b"1723161255030", 1_723_161_255_030_000_000),
        (b"17231612550303", None),
        (b"9999999999999999999", None),
        (b"172316125503031466\xb2", None),
    ],
)
def test_the_number_of_digits_tells_the_unit(text: bytes, time: int | None) -> None:
    assert of_digits(text) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"1633998512.0633569", 1_633_998_512_063_356_900),
        (b"1633998511.132921", 1_633_998_511_132_921_000),
        (b"1633998511", 1_633_998_511_000_000_000),
        (b"1633998511.1234567899", 1_633_998_511_123_456_789),
        (b"99999999999.5", None),
        (b"1e9", None),
    ],
)
def test_seconds_keep_every_digit(text: bytes, time: int | None) -> None:
    assert of_seconds(text) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"2024-08-08T00:00:00.1234567Z", 1_723_075_200_123_456_700),
        (b"2024-08-08T02:00:00.123456789+02:00", 1_723_075_200_123_456_789),
        (b"2024-08-08T00:00:00Z", 1_723_075_200_000_000_000),
        (b"2024-08-08T00:00:00.1", None),
        (b"2024-13-08T00:00:00Z", None),
        (b"9999-12-31T23:59:59Z", None),
    ],
)
def test_rfc3339_keeps_every_digit_and_wants_a_zone(text: bytes, time: int | None) -> None:
    assert of_rfc3339(text) == time
