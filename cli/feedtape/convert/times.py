"""Times as other tools write them, to ns since 1970 without a binary float in between."""

from datetime import UTC, datetime

LATEST = 2**63 - 1
"""A later time than any: what lies beyond is no time, and would not fit into a tape."""

_UNITS = {19: 1, 16: 1_000, 13: 1_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def of_digits(text: bytes) -> int | None:
    """Return whole ns, µs or ms, which the number of digits tells apart (19, 16, 13)."""
    unit = _UNITS.get(len(text))
    return _within(int(text) * unit) if unit is not None and text.isdigit() else None


def of_seconds(text: bytes) -> int | None:
    """Return decimal seconds; digits beyond ns are cut off."""
    whole, _, fraction = text.partition(b".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()) or len(whole) > 10:
        return None
    return _within(int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0")))


def of_rfc3339(text: bytes) -> int | None:
    """Return an RFC 3339 time with any number of decimals; a time that names no zone is no time."""
    written = text.decode("ascii", errors="replace").upper()
    seconds, rest = written[:19], written[19:]
    zone_at = next((index for index, char in enumerate(rest) if char in "Z+-"), -1)
    fraction, zone = rest[:zone_at], rest[zone_at:]
    if zone_at < 0 or (fraction and not (fraction[0] == "." and fraction[1:].isdigit() and fraction.isascii())):
        return None
    try:
        moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone)) - _EPOCH
    except ValueError:
        return None
    return _within((moment.days * 86_400 + moment.seconds) * 1_000_000_000 + int(fraction[1:10].ljust(9, "0") if fraction else 0))


def _within(time: int) -> int | None:
    return time if 0 < time <= LATEST else None
