"""A book that is not whole is never drawn as live: every fault, read off the screen, against the exchange's own book."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal

import pytest

from feedtape.sim.exchange import SimulatedExchange
from feedtape.sim.instrument import sides
from feedtape.ui.picture import Picture
from feedtape.ui.screen.app import BoardApp
from feedtape.ui.screen.desk import Desk
from screen_stage import lines_of, next_picture, until, watched

SYMBOL = "BTCUSDT"
TARGET = f"binance:{SYMBOL}"
FAULTS = (
    *("drop=0.1", "duplicate=0.1", "reorder=0.1", "malformed=0.1", "truncate=0.1", "delay=100ms", "abort=300ms"),
    *("disconnect=300ms", "stall=700ms", "stale-snapshot=0.7", "slow-rest=300ms", "refuse=0.5", "rest-429=0.5"),
)
_LEVEL = re.compile(r"^[▸ ](\d+\.\d+) +(\d+\.\d+)")


class Read:
    """What was read off the screen with one picture."""

    def __init__(self, app: BoardApp, picture: Picture) -> None:
        book = picture.books.get(TARGET)
        self.title = lines_of(app, "head")[0]
        self.levels = [match.groups() for line in lines_of(app, "main") if (match := _LEVEL.match(line))]
        self.sequence = book.sequence if book is not None else None
        self.is_whole = book is not None and book.is_live

    def is_true(self, exchange: SimulatedExchange) -> bool:
        """Tell whether the levels are the exchange's at that update."""
        listing = exchange.listings[SYMBOL]
        assert self.sequence is not None
        state = listing.market.state_at(self.sequence)
        bids, asks = sides(listing.instrument, state.bids, state.asks)
        shown = [(Decimal(price), Decimal(size)) for price, size in self.levels]
        known = {(Decimal(price), Decimal(size)) for price, size in (*bids, *asks)}
        best = {(Decimal(price), Decimal(size)) for price, size in (bids[0], asks[0])}
        return set(shown) <= known and best <= set(shown)


class Reader(Desk):
    """Reads each picture off the screen as it is drawn."""

    def __init__(self, app: BoardApp) -> None:
        super().__init__(app)
        self.read: list[Read] = []

    def arrived(self, picture: Picture, before: Picture | None) -> None:
        """Draw, and read."""
        super().arrived(picture, before)
        self.read.append(Read(self.app, picture))


async def _read(fault: str) -> tuple[list[Read], SimulatedExchange]:
    async with watched("binance", [SYMBOL], faults=[fault], load_desk=Reader, fps=30) as (app, _, exchange):
        await next_picture(app)
        desk = app.desk
        assert isinstance(desk, Reader)
        await until(app, lambda: len(desk.read) > 25)
        exchange.calm()
        await until(app, lambda: desk.read[-1].is_whole)
        return desk.read, exchange


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_drawn_as_live_is_the_exchanges_book(fault: str) -> None:
    """Levels are there only with a state that says live, and then they are the exchange's, at the update that the head names."""
    read, exchange = asyncio.run(_read(fault))
    live = [one for one in read if one.levels]
    assert live
    for one in live:
        assert one.title.split()[1].startswith("live")
        assert f"seq {one.sequence}" in one.title
        assert one.is_true(exchange)
    for one in read:
        if not one.is_whole:
            assert not one.levels
            assert not one.title.startswith(f"{TARGET}   live")
