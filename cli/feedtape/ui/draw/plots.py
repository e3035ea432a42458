"""Small plots of one row, as text."""

from collections.abc import Sequence
from itertools import islice
from math import isfinite
from typing import Final

_LEFT_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_LOWER_EIGHTHS: Final = "▁▂▃▄▅▆▇█"
_LEVEL: Final = "▄"
"""What does not move is neither high nor low."""


def bar(share: float, columns: int) -> str:
    """Return a bar of a share of so many columns, to an eighth of one, padded to all of them."""
    full, part = divmod(round(min(max(share, 0.0), 1.0) * columns * 8), 8)
    return ("█" * full + (_LEFT_EIGHTHS[part] if part else "")).ljust(columns)


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Return the newest values, which come last, between their own least and greatest; None leaves its place blank."""
    shown = [*islice(values, max(0, len(values) - width), None)] if width > 0 else []
    known = [value for value in shown if value is not None and isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    return "".join(_eighth(value, low, high) for value in shown).rjust(max(0, width))


def _eighth(value: float | None, low: float, high: float) -> str:
    if value is None or not isfinite(value):
        return " "
    return _LOWER_EIGHTHS[min(7, int((value - low) / (high - low) * 8))] if high > low else _LEVEL
