"""Colours: what each part of a row looks like in each theme.

Sides are blue and orange, which every kind of colour vision tells apart, and nothing is told by colour alone: place, letters and
words say the same.
"""

from dataclasses import dataclass
from typing import Final

from rich.style import Style
from textual.theme import Theme

from feedtape.ui.draw.rows import PARTS


@dataclass(frozen=True)
class Palette:
    """The colours of one theme. `heat` goes from nothing to the most."""

    name: str
    dark: bool
    background: str
    panel: str
    text: str
    dim: str
    bid: str
    ask: str
    bid_bar: str
    ask_bar: str
    good: str
    warn: str
    bad: str
    line: str
    heat: tuple[str, ...]

    def theme(self) -> Theme:
        """Return it as the terminal library wants it."""
        return Theme(
            self.name,
            primary=self.bid,
            secondary=self.ask,
            warning=self.warn,
            error=self.bad,
            success=self.good,
            accent=self.bid,
            foreground=self.text,
            background=self.background,
            surface=self.background,
            panel=self.panel,
            dark=self.dark,
        )

    def styles(self, *, colours: bool = True) -> dict[str, Style]:
        """Return the style of every part; without colours, what is left: bold, underlined, reversed."""
        if not colours:
            return {part: _MONO.get(part.partition(".")[2] or part, Style()) for part in PARTS}
        ground = Style(color=self.text, bgcolor=self.background)
        return {part: ground + self._style(part) for part in PARTS}

    def _style(self, part: str) -> Style:
        if part.startswith("heat."):
            return self._heat(part)
        colour = {
            "": Style(color=self.text),
            "dim": Style(color=self.dim),
            "strong": Style(color=self.text, bold=True),
            "title": Style(color=self.text, bold=True),
            "good": Style(color=self.good, bold=True),
            "warn": Style(color=self.warn, bold=True),
            "bad": Style(color=self.background, bgcolor=self.bad, bold=True),
            "bid": Style(color=self.bid),
            "ask": Style(color=self.ask),
            "bid.bar": Style(color=self.bid_bar),
            "ask.bar": Style(color=self.ask_bar),
            "bid.flash": Style(color=self.background, bgcolor=self.bid, bold=True),
            "ask.flash": Style(color=self.background, bgcolor=self.ask, bold=True),
            "buy": Style(color=self.bid, bold=True),
            "sell": Style(color=self.ask, bold=True),
            "cursor": Style(color=self.text, bgcolor=self.panel, bold=True),
            "key": Style(color=self.text, bold=True, underline=True),
            "line": Style(color=self.line),
            "chosen": Style(color=self.background, bgcolor=self.text, bold=True),
        }
        return colour[part]

    def _heat(self, part: str) -> Style:
        """Return a part of a depth map: one ground (`heat.3`), two prices in a cell (`heat.3/7`), or a trade on a ground."""
        _, ground, *dot = part.split(".")
        upper, _, lower = ground.partition("/")
        if lower:
            return Style(color=self._ground(upper), bgcolor=self._ground(lower))
        ink = self.dim
        if dot:
            # On a bright ground a trade is told by its shape alone.
            is_bright = ground.isdecimal() and (int(ground) >= len(self.heat) // 2) == self.dark
            ink = (self.background if self.dark else self.text) if is_bright else {"buy": self.bid, "sell": self.ask}[dot[0]]
        return Style(color=ink, bgcolor=self._ground(ground), bold=bool(dot))

    def _ground(self, name: str) -> str:
        if name in ("bid", "ask"):
            return self.bid if name == "bid" else self.ask
        return self.heat[int(name)] if int(name) else self.background


_BOLD, _REVERSE = Style(bold=True), Style(reverse=True)
_MONO: Final = {
    "strong": _BOLD,
    "title": _BOLD,
    "good": _BOLD,
    "warn": _BOLD,
    "bad": _REVERSE,
    "flash": _REVERSE,
    "buy": _BOLD,
    "sell": _BOLD,
    "cursor": _REVERSE,
    "key": Style(bold=True, underline=True),
    "chosen": _REVERSE,
}
_DARK_HEAT = ("#000000", "#0b1d33", "#11294a", "#1a3a63", "#2c5078", "#4b6a80", "#75867c", "#a5a36b", "#d4c251", "#fde725")
_LIGHT_HEAT = ("#ffffff", "#eaf1f7", "#d3e3ef", "#b5d0e4", "#8fb8d8", "#669ccb", "#3f7fbb", "#2363a3", "#154785", "#0a2a5e")

DARK: Final = Palette(
    "dark",
    True,
    background="#0d1117",
    panel="#21262d",
    text="#e6edf3",
    dim="#8b949e",
    bid="#56b4e9",
    ask="#e69f00",
    bid_bar="#1f5f85",
    ask_bar="#7a5608",
    good="#5fd7a7",
    warn="#f0e442",
    bad="#ff7b72",
    line="#3d444d",
    heat=_DARK_HEAT,
)
LIGHT: Final = Palette(
    "light",
    False,
    background="#ffffff",
    panel="#e7ecf1",
    text="#1f2328",
    dim="#59636e",
    bid="#0068a8",
    ask="#a85600",
    bid_bar="#9cc9e6",
    ask_bar="#ecc48a",
    good="#00704f",
    warn="#7a5c00",
    bad="#b3261e",
    line="#c4ccd4",
    heat=_LIGHT_HEAT,
)
CONTRAST: Final = Palette(
    "contrast",
    True,
    background="#000000",
    panel="#303030",
    text="#ffffff",
    dim="#c0c0c0",
    bid="#7fd4ff",
    ask="#ffb000",
    bid_bar="#3a8fc0",
    ask_bar="#b07800",
    good="#7dffb0",
    warn="#ffff00",
    bad="#ff8080",
    line="#808080",
    heat=_DARK_HEAT,
)
GREEN_RED: Final = Palette(
    "green-red",
    True,
    background="#0d1117",
    panel="#21262d",
    text="#e6edf3",
    dim="#8b949e",
    bid="#3fb950",
    ask="#f85149",
    bid_bar="#1c5a2a",
    ask_bar="#7d2823",
    good="#5fd7a7",
    warn="#f0e442",
    bad="#ff7b72",
    line="#3d444d",
    heat=_DARK_HEAT,
)

PALETTES: Final = {one.name: one for one in (DARK, LIGHT, CONTRAST, GREEN_RED)}
