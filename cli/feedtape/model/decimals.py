"""Exact decimals, kept as the text that the venue sent.

A price or a size is a `str` from the wire to the screen: no binary float ever holds one. A book needs prices in order, so each
price text also has a key, an integer in units of a power of ten. Texts with more than 18 decimals, signs on sizes and anything
that is not an ASCII decimal are refused with `BadFrame`, never rounded. A price may be negative: that of a spread is one.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, TypeVar

from feedtape.errors import BadFrame

SCALE = 18
"""Decimals that a key can hold."""

_PLAIN = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,18})?", re.ASCII)
_SIGNED = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,18})?", re.ASCII)
_EXPONENT = re.compile(r"(-?)([0-9]{1,30})(?:\.([0-9]{1,30}))?[eE]([+-]?[0-9]{1,2})", re.ASCII)
_REMEMBERED = 65_536
_REMEMBERED_IN_ALL = 262_144

_V = TypeVar("_V")


class _Remembered(dict[str, _V]):
    """A function of a text whose results are remembered: prices and sizes come again and again, and a look-up costs a fraction.

    It starts over when it is full, and all of them do when they hold too much together, so that no feed can grow them: what
    is remembered is a plain decimal and so at most 49 characters long.
    """

    _all: ClassVar[list["_Remembered[Any]"]] = []
    _held: ClassVar[int] = 0

    def __init__(self, function: Callable[[str], _V]) -> None:
        super().__init__()
        self._function = function
        self._all.append(self)

    def __missing__(self, text: str) -> _V:
        value = self._function(text)
        if len(self) >= _REMEMBERED:
            _Remembered._held -= len(self)
            self.clear()
        if _Remembered._held >= _REMEMBERED_IN_ALL:
            _Remembered._held = 0
            for one in self._all:
                one.clear()
        _Remembered._held += 1
        self[text] = value
        return value


class MoreDecimals(Exception):
    """A number has more decimals than keys of a scale can hold; `decimals` would do."""

    def __init__(self, decimals: int) -> None:
        super().__init__(decimals)
        self.decimals = decimals


def _key(scale: int, text: str) -> int:
    if _PLAIN.fullmatch(text) is None:
        text = plain(text)
        if text[0] == "-":
            return -_key(scale, text[1:])
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > scale:
        raise MoreDecimals(len(fraction))
    return int(whole + fraction.ljust(scale, "0"))


def _is_zero(text: str) -> bool:
    if _PLAIN.fullmatch(text) is None:
        text = plain(text)
        if text[0] == "-":
            raise BadFrame(f"a negative size: {text[:40]!r}")
    return not text.strip("0.")


KEYS = tuple(_Remembered(partial(_key, scale)) for scale in range(SCALE + 1))
"""By scale, the integer key of a decimal, in units of 10^-scale: small integers compare fastest, so a book uses the smallest that
holds its prices. Raises `BadFrame` for what is not a decimal of at most 30 digits before and 18 after
the point, and `MoreDecimals` for what the scale cannot hold."""

ZERO = _Remembered(_is_zero)
"""Whether a decimal is zero, however many zeros it was written with; raises `BadFrame` as `KEYS` do, and for a negative one."""


def checked(text: str) -> str:
    """Return a decimal unchanged; negative ones (a funding rate) are allowed.

    Raises:
        BadFrame: when it is no plain decimal.
    """
    if _SIGNED.fullmatch(text) is None:
        raise BadFrame(f"not a plain decimal: {text[:40]!r}")
    return text


def plain(text: str) -> str:
    """Return a decimal without exponent: the same number, exactly (`"5e-05"` -> `"0.00005"`), padded as it was.

    Raises:
        BadFrame: when it is no decimal, or one with more digits than `KEYS` takes.
    """
    match = _EXPONENT.fullmatch(text)
    if match is None:
        return checked(text)
    sign, whole, fraction, shift = match[1], match[2], match[3] or "", int(match[4])
    digits, point = whole + fraction, len(whole) + shift
    if point <= 0:
        digits, point = "0" * (1 - point) + digits, 1
    digits = digits.ljust(point, "0")
    whole, fraction = digits[:point].lstrip("0") or "0", digits[point:]
    return checked(f"{sign}{whole}.{fraction}" if fraction else sign + whole)


def shifted(text: str, places: int) -> str:
    """Return a decimal times 10^-`places`, exactly (`shifted("70.25", 2)` -> `"0.7025"`)."""
    return plain(f"{text}e{-places}")


def canonical(text: str) -> str:
    """Return the one spelling that all texts of an equal number share, without padding zeros (`"1.50"` -> `"1.5"`)."""
    if "e" in text or "E" in text:
        text = plain(text)
    if text[:1] == "-":
        text = canonical(text[1:])
        return text if text == "0" else "-" + text
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text[:1] == "0" and len(text) > 1 and text[1] != ".":
        text = text.lstrip("0") or "0"
        if text[0] == ".":
            text = "0" + text
    return text
