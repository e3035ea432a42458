"""Times as a person types them, within a tape."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from feedtape.errors import UsageError

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_OFFSET = re.compile(r"([+-])(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_UNIX = re.compile(r"(\d{9,10}|\d{13}|\d{16}|\d{19})(?:\.\d{1,9})?")
_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})?")
_UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_DAY = 86400 * 10**9
_YEAR_10000 = 253_402_300_800 * 10**9


def parse_time(text: str, first: int, last: int) -> int:
    """Return a time in ns since 1970.

    `text` is RFC 3339, `HH:MM[:SS[.fraction]]` (UTC, the first such moment at or after the tape's start), `+90s` from the
    tape's start, `-5m` from its end, `40%` of it, or Unix seconds to nanoseconds.

    Raises:
        UsageError: when it is none of these.
    """
    text = text.strip()
    if match := _OFFSET.fullmatch(text):
        span = int(Decimal(match[2]) * _UNITS[match[3]])
        return first + span if match[1] == "+" else last - span
    if match := _PERCENT.fullmatch(text):
        return first + int((last - first) * Decimal(match[1]) / 100)
    if match := _CLOCK.fullmatch(text):
        hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
        if hours > 23 or minutes > 59 or seconds > 59:
            raise UsageError(f"no such time of day: {text!r}")
        moment = first - first % _DAY + ((hours * 60 + minutes) * 60 + seconds) * 10**9 + int((match[4] or "0").ljust(9, "0"))
        # A time without fraction means the whole of its second, so one just before the start is still today's.
        return moment if moment + 10**9 > first else moment + _DAY
    if match := _RFC3339.fullmatch(text):
        try:
            zone = match[4] if match[4] and match[4] not in "Zz" else "+00:00"
            moment_s = int(datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}").timestamp())
        except ValueError as error:
            raise UsageError(f"not a time: {text!r} ({error})") from error
        return moment_s * 10**9 + int((match[3] or "0").ljust(9, "0"))
    if match := _UNIX.fullmatch(text):
        # Seconds, or milli-, micro- or nanoseconds: the number of digits tells which.
        return int(Decimal(text) * 10 ** (19 - max(len(match[1]), 10)))
    raise UsageError(
        f"not a time: {text!r}", hint="2026-11-23T10:15:02Z, 10:15:02, +90s from the start, -5m from the end, 40%, or Unix time"
    )


def iso(time: int) -> str:
    """Return ns since 1970 as RFC 3339 with milliseconds; a time that no calendar holds, as the number."""
    if not 0 <= time < _YEAR_10000:
        return f"{time} ns"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time // 1_000_000 % 1000:03d}Z"


def clock(time: int) -> str:
    """Return the time of day with milliseconds."""
    return iso(time)[11:] if 0 <= time < _YEAR_10000 else iso(time)


def span(ns: int) -> str:
    """Return a length of time in words: `0.9 s`, `14 m 22 s`, `1 h 02 m 13 s`."""
    seconds = ns / 1e9
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} m {rest:02d} s" if hours else f"{minutes} m {rest:02d} s"
