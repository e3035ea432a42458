"""Targets: what a user names, `venue:SYMBOL` or `venue:SYMBOL@channel`."""

from typing import NamedTuple

from feedtape.errors import UsageError


class Target(NamedTuple):
    """One symbol of one venue, spelled as the venue spells it.

    `channel` is the venue's own word for one of several book streams of the symbol (`depth@100ms`); empty means the default.
    """

    venue: str
    symbol: str
    channel: str = ""

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}" + (f"@{self.channel}" if self.channel else "")

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read `venue:SYMBOL[@channel]`, split at the first colon and then at the first `@`.

        Raises:
            UsageError: when either part is missing.
        """
        venue, colon, rest = text.partition(":")
        # Hyperliquid's spot pairs are called `@107`.
        first = 1 if rest[:1] == "@" and rest[1:2].isdecimal() else 0
        symbol, _, channel = rest[first:].partition("@")
        symbol = rest[:first] + symbol
        if not colon or not venue or not symbol:
            raise UsageError(f"a target is venue:SYMBOL, not {text!r}", hint="feedtape watch binance:BTCUSDT")
        return cls(venue.lower(), symbol, channel)
