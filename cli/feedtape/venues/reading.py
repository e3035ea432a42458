"""What decoders share: JSON whose numbers stay exact, times, and what is no market data at all turned into `BadFrame`.

A venue that sends prices as JSON numbers means their text: `read_exact` keeps it, trailing zeros and all, so that checksums over
the text hold and no binary float ever stands in between.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, wraps
from typing import Any, Final, ParamSpec, TypeVar

import msgspec

from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO, checked, plain
from feedtape.model.events import Levels, Side

LATEST_NS: Final = 2**63 - 1
Number = str | int
"""A JSON number as `read_exact` gives it: the text of a fraction, or an integer. A text that the venue quotes is one too."""

_EXACT: Final = msgspec.json.Decoder(float_hook=str)
_LONG = re.compile(r"-?[0-9]{1,30}\.[0-9]{19,60}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:?00)?", re.ASCII)

_P = ParamSpec("_P")
_R = TypeVar("_R")


def read_exact(payload: bytes) -> Any:
    """Read JSON; fractions come as the texts that they are written as, integers as `int`.

    Raises:
        ValueError: when it is no JSON.
    """
    return _EXACT.decode(payload)


def reading(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn whatever a decoder stumbles over into `BadFrame`: a frame that cannot be read is the frame's fault."""

    @wraps(function)
    def read(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except BadFrame:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError, ArithmeticError) as error:
            raise BadFrame(f"{type(error).__name__}: {error}") from error

    return read


def number(value: object) -> str:
    """Return a decimal's own text, an exponent written out; negative ones are allowed.

    Raises:
        BadFrame: when it is none.
    """
    if type(value) is int:
        return checked(str(value)) if -(10**30) < value < 10**30 else checked("")
    if type(value) is not str:
        raise BadFrame(f"not a number: {str(value)[:40]!r}")
    return plain(value) if "e" in value or "E" in value else checked(value)


def fact(value: object) -> str | None:
    """Return a number that is only shown (a mark price, a funding rate), however many decimals it was printed with.

    Null and an empty text say nothing.

    Raises:
        BadFrame: when it is none.
    """
    if type(value) is str and _LONG.fullmatch(value):
        return value
    return number_or_none(value)


def number_or_none(value: object) -> str | None:
    """As `number`, for what a venue may leave out: null or an empty text says nothing."""
    return None if value is None or value == "" else number(value)


def positive(value: object) -> str:
    """As `number`, of something that cannot be zero or less: the price or size of a trade.

    Raises:
        BadFrame: when it is.
    """
    text = number(value)
    if ZERO[text]:
        raise BadFrame("a price or size of nothing")
    return text


def best(price: object, size: object) -> tuple[str | None, str | None]:
    """Return one side of a quote; an empty side, sent as null, an empty text or zeros, has neither price nor size."""
    price_text, size_text = number_or_none(price), number_or_none(size)
    if price_text is None or ZERO[price_text] or (size_text is not None and ZERO[size_text]):
        return None, None
    return price_text, size_text


def none_of(told: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return the names of those facts of which a message that tells them says that there is none."""
    return tuple(name for name, value in told.items() if value is None)


def levels(rows: Sequence[Any]) -> Levels:
    """Return levels of rows that begin with price and size, as texts or as exact numbers.

    Raises:
        BadFrame: when they are none.
    """
    if type(rows) is not list or not all(type(row) is list for row in rows):
        raise BadFrame("levels that are no rows")
    return [(number(row[0]), number(row[1])) for row in rows]


def side(word: object, buy: object = "buy", sell: object = "sell") -> Side:
    """Return a side by the venue's words for both.

    Raises:
        BadFrame: when it is neither.
    """
    if word == buy:
        return "buy"
    if word == sell:
        return "sell"
    raise BadFrame(f"a side that is none: {str(word)[:40]!r}")


def _within(time: int) -> int:
    if not 0 <= time <= LATEST_NS:
        raise BadFrame("a time before 1970 or beyond the year 2262")
    return time


def ms(value: object) -> int:
    """Return ns since 1970 of milliseconds, whole or with a fraction, as a number or as its text.

    Raises:
        BadFrame: when it is no time.
    """
    return _scaled(value, 6)


def us(value: object) -> int:
    """As `ms`, of microseconds."""
    return _scaled(value, 3)


def seconds(value: object) -> int:
    """As `ms`, of seconds."""
    return _scaled(value, 9)


def nanos(value: object) -> int:
    """As `ms`, of nanoseconds."""
    return _scaled(value, 0)


def _scaled(value: object, digits: int) -> int:
    if type(value) is int:
        return _within(value * 10**digits)
    whole, _, fraction = number(value).partition(".")
    return _within(int(whole + fraction[:digits].ljust(digits, "0")))


def ms_or_none(value: object) -> int | None:
    """As `ms`; null, an empty text and zero say nothing."""
    return None if value in (None, "", 0, "0") else ms(value)


def iso(text: object) -> int:
    """Return ns since 1970 of an RFC 3339 time in UTC, with up to nine digits of a fraction.

    Raises:
        BadFrame: when it is none.
    """
    match = _TIME.fullmatch(text) if type(text) is str else None
    if match is None:
        raise BadFrame(f"not a time: {str(text)[:40]!r}")
    return _within(_second(match[1], match[2]) * 10**9 + int((match[3] or "").ljust(9, "0")))


@lru_cache(maxsize=1024)
def _second(day: str, time: str) -> int:
    return int(datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC).timestamp())
