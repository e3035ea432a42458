"""A chain's whole way over loopback: the venue's list, the feed, the picture, and the same picture of what was recorded."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import pytest

from feedtape.feed.chain import CHANNELS, Chain
from feedtape.sim.options import chain as listed
from feedtape.ui.chain import ChainPicture, take_chain
from venue_stage import Lived, live

NAMES = {"deribit": "deribit:BTC", "bybit-option": "bybit-option:BTC-USDT"}


@cache  # most of a run is waiting, and so both are at the same time
def runs() -> dict[str, Lived]:
    async def together() -> list[Lived]:
        today = datetime.now(UTC)
        ways = [
            live(
                venue,
                ["BTC"],
                symbols=listed(venue, "BTC", today),
                channels=CHANNELS,
                chain=Chain(1),
                seconds=0.5,
                calm_s=0.0,
                silence_s=5,
                rate=10,
            )
            for venue in NAMES
        ]
        return list(await asyncio.gather(*ways))

    return dict(zip(NAMES, asyncio.run(together()), strict=True))


def picture(venue: str, *, again: bool = False) -> ChainPicture:
    run = runs()[venue]
    return take_chain(run.replayed() if again else run.session, run.records[-1].time, NAMES[venue])


@pytest.mark.parametrize("venue", NAMES)
def test_the_nearest_expiry_is_what_the_venue_has_and_a_replay_draws_the_same(venue: str) -> None:
    run, seen = runs()[venue], picture(venue)
    assert run.failure is None and not run.session.losses, run.said
    of = seen.expiries[0]
    options = [one for strike in of.strikes for one in (strike.call, strike.put) if one is not None]
    assert len(options) == 14 == len(run.session.books) and of.underlying is not None and of.at_the_money is not None
    for one in options:
        bids, asks = run.truth(one.target.partition(":")[2], 1)
        assert (one.source, one.state, one.mark is None, one.delta is None) == ("book", "live", False, False)
        assert (Decimal(one.bid or ""), Decimal(one.bid_size or "")) == bids[0]
        assert (Decimal(one.ask or ""), Decimal(one.ask_size or "")) == asks[0]
    assert any("14 of 42 options, the nearest of 3 expiries" in text for text in run.said)
    assert picture(venue, again=True) == seen


def test_marks_and_deltas_of_a_strike_fit_together() -> None:
    of = picture("deribit").expiries[0]
    for strike in of.strikes:
        assert strike.call is not None and strike.put is not None
        # Each is told at a moment of its own, and the forward wanders in between.
        assert float(strike.call.delta or 0) - float(strike.put.delta or 0) == pytest.approx(1, abs=0.02)
