"""Numbers as a screen shows them: in the venue's own spelling, their decimal points below each other."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from feedtape.model.decimals import canonical
from feedtape.model.decimals import plain as without_exponent
from feedtape.ui.output import printable


@lru_cache(maxsize=16_384)
def tidied(text: str, step: str | None) -> str:
    """Return a number without exponent, and without the zeros that a venue writes beyond its own step, if that is known."""
    if "e" in text or "E" in text:
        text = without_exponent(text)
    if step is None or "." not in text:
        return text
    least = len(canonical(step).partition(".")[2])
    whole, _, decimals = text.partition(".")
    kept = decimals[:least] + decimals[least:].rstrip("0")
    return f"{whole}.{kept}" if kept else whole


def aligned(texts: Sequence[str]) -> list[str]:
    """Return the texts with spaces around them, so that all are equally wide and their decimal points stand in one column."""
    parts = [printable(text).partition(".") for text in texts]
    whole = max((len(before) for before, _, _ in parts), default=0)
    rest = max((len(point) + len(after) for _, point, after in parts), default=0)
    return [f"{before:>{whole}}{(point + after):<{rest}}" for before, point, after in parts]


def plain(number: Decimal, decimals: int | None = None) -> str:
    """Return a number without exponent, to so many decimals where that is said."""
    if decimals is None:
        return f"{number:f}"
    return f"{number:.{decimals}f}"


def milliseconds(ns: int) -> str:
    """Return a short time in milliseconds: `38 ms`, `0.4 ms`."""
    # What rounds to nothing has no sign.
    ms = round(ns / 1e6, 1) + 0.0
    return f"{ms:.1f} ms" if abs(ms) < 10 else f"{ms:,.0f} ms".replace(",", " ")
