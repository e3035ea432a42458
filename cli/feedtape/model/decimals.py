"""Exact decimals, kept as the text that the venue sent.

A price or a size is a `str` from the wire to the screen: no binary float ever holds one. A book needs prices in order, so each
price text also has a key, an integer in units of a power of ten. Texts with more than 18 decimals, exponents, signs on prices and
anything that is not a plain ASCII decimal are refused with `BadFrame`, never rounded.
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
        raise BadFrame(f"not a plain decimal: {text[:40]!r}")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > scale:
        raise MoreDecimals(len(fraction))
    return int(whole + fraction.ljust(scale, "0"))


def _is_zero(text: str) -> bool:
    if _PLAIN.fullmatch(text) is None:
        raise BadFrame(f"not a plain decimal: {text[:40]!r}")
    return not text.strip("0.")


KEYS = tuple(_Remembered(partial(_key, scale)) for scale in range(SCALE + 1))
"""By scale, the integer key of a decimal, in units of 10^-scale: small integers compare fastest, so a book uses the smallest that
holds its prices. Raises `BadFrame` for what is not a plain non-negative decimal of at most 30 digits before and 18 after
the point, and `MoreDecimals` for what the scale cannot hold."""

ZERO = _Remembered(_is_zero)
"""Whether a decimal is zero, however many zeros it was written with; raises `BadFrame` as `KEYS` do."""


def checked(text: str) -> str:
    """Return a decimal unchanged; negative ones (a funding rate) are allowed.

    Raises:
        BadFrame: when it is no plain decimal.
    """
    if _SIGNED.fullmatch(text) is None:
        raise BadFrame(f"not a plain decimal: {text[:40]!r}")
    return text


def canonical(text: str) -> str:
    """Return the one spelling that all texts of an equal number share, without padding zeros (`"1.50"` -> `"1.5"`)."""
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text[:1] == "0" and len(text) > 1 and text[1] != ".":
        text = text.lstrip("0") or "0"
        if text[0] == ".":
            text = "0" + text
    return text
