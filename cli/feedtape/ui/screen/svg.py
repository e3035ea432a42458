"""The screen as a picture."""

import re
from html import unescape
from typing import Any, Final

from textual.app import App

_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""A picture names no address: whoever looks at it would fetch fonts from there."""
_BLANK: Final = "&#160;"
_PIECE: Final = re.compile(
    r'(<text [^>]*?x=")([\d.]+)("[^>]*?textLength=")([\d.]+)("[^>]*>)((?:&#160;)*)(.*?)((?:&#160;)*)(</text>)'
)


def picture_of(app: App[Any], title: str) -> str:
    """Return what an application shows as SVG."""
    return _PIECE.sub(_moved, _FONTS.sub("", app.export_screenshot(title=title)))


def _moved(piece: re.Match[str]) -> str:
    """Put a piece of text where it begins: some viewers leave out the blanks around it, and it would be out of place."""
    before, x, between, length, end, leading, text, trailing, close = piece.groups()
    blanks = leading.count(_BLANK)
    columns = blanks + len(unescape(text)) + trailing.count(_BLANK)
    if not text or not columns:
        return piece[0]
    each = float(length) / columns
    return f"{before}{float(x) + blanks * each:g}{between}{len(unescape(text)) * each:g}{end}{text}{close}"
