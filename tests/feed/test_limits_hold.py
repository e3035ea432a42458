"""A venue's limits, kept when everything goes wrong at once: the simulated exchange enforces them, and refuses nobody."""

from __future__ import annotations

import asyncio
from collections import Counter

from feedtape.model.events import Refused
from feedtape.model.records import CLOSE, OPEN
from venue_stage import Lived, live

SWAPS = [f"C{number:02}-USDT-SWAP" for number in range(70)]
PAIRS = [f"C{number:02}-USD" for number in range(40)]


def closes(lived: Lived) -> Counter[str]:
    return Counter(record.json()["reason"] for record in lived.records if record.kind == CLOSE)


def test_nobody_is_refused_when_all_connections_end_and_all_books_break_at_once() -> None:
    # One after the other: forty books that begin at once would hold up the clock by which the other exchange counts.
    # Three connections, each ended three times over: OKX allows three attempts a second.
    storm = asyncio.run(
        live("okx", SWAPS, symbols=SWAPS, faults=["disconnect=900ms"], limits=True, rate=1, seconds=3.5, channels=["book"])
    )
    # Every frame that is lost breaks all books of a connection: 8 messages a second in all.
    counted = asyncio.run(live("coinbase", PAIRS, symbols=PAIRS, faults=["drop=0.02"], limits=True, rate=2, seconds=3.0))
    for lived in (storm, counted):
        assert lived.failure is None and lived.exchange.refused_connections == 0
        assert not any(type(event) is Refused for event in lived.events), lived.said
        assert "Too many requests" not in closes(lived)
        assert lived.replayed().digests() == lived.session.digests()
    opened = [record.time for record in storm.records if record.kind == OPEN]
    assert len(opened) >= 6, "the storm came"
    assert all(later - first >= 10**9 for first, later in zip(opened, opened[3:], strict=False)), "three in a second at most"
    assert sum(record.kind == OPEN for record in counted.records) >= 2
    assert all(keeper.is_live for keeper in counted.session.books.values())
