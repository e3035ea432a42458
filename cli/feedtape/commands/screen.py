"""Options of the commands that have a screen."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from feedtape.errors import UsageError

if TYPE_CHECKING:
    from feedtape.feed.chain import Chain
    from feedtape.ui.watching import ScreenOptions

Fps = Annotated[float, typer.Option("--fps", help="Pictures a second, at most.", min=0.1, max=60)]
Layout = Annotated[
    Literal["ladder", "compact", "table"], typer.Option("--layout", help="One column of prices, two, or a line a book.")
]
Group = Annotated[str | None, typer.Option("--group", help="Group prices by this step; z and Z change it.", metavar="STEP")]
Theme = Annotated[Literal["dark", "light", "contrast", "green-red"], typer.Option("--theme", help="Colours.")]
ChainOption = Annotated[bool, typer.Option("--chain", help="Targets are underlyings (deribit:BTC): show their option chain.")]
Expiries = Annotated[int, typer.Option("--expiries", help="Of a chain, so many of the nearest expiries; 0 for all.", min=0)]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of a screen, as on a pipe.")]


def chosen_chain(is_chain: bool, expiries: int) -> "Chain | None":
    """Return how much of a chain is wanted, where one is."""
    if not is_chain:
        return None
    from feedtape.feed.chain import Chain

    return Chain(expiries)


def chosen_channels(channels: str | None, is_chain: bool, usual: str) -> list[str]:
    """Return the channels that are asked for: those that suit a chain, or the usual ones, where none is named.

    Raises:
        UsageError: when one does not exist.
    """
    from feedtape.commands.connect import parse_channels

    if channels is None and is_chain:
        from feedtape.feed.chain import CHANNELS

        return list(CHANNELS)
    return parse_channels(usual if channels is None else channels)


def screen_options(
    depth: int, fps: float, layout: str, group: str | None, theme: str, *, is_chain: bool = False
) -> "ScreenOptions":
    """Put together how a person wants a screen.

    Raises:
        UsageError: when a word or a step is none.
    """
    from feedtape.commands import settings
    from feedtape.ui.watching import ScreenOptions

    if group is not None:
        from decimal import Decimal, InvalidOperation

        try:
            is_step = Decimal(group).is_finite() and Decimal(group) > 0
        except InvalidOperation:
            is_step = False
        if not is_step:
            raise UsageError(f"a step of prices is a positive number, not {group!r}", hint="--group 0.5")
    return ScreenOptions(depth, fps, layout, group, theme, settings.current().keys, is_chain)
