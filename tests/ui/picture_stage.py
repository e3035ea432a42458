"""Hand-written pictures, and what the tests of the drawing share: how a screen reads, and goldens of it."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from feedtape.book.keeper import Counters
from feedtape.model.events import Derivative, Trade
from feedtape.model.instruments import Instrument
from feedtape.session import Offset
from feedtape.ui.draw import scene
from feedtape.ui.draw.rows import PARTS, Row, text_of, width
from feedtape.ui.history import Column
from feedtape.ui.picture import BookPicture, Picture
from feedtape.ui.view import View

SECOND = 10**9
NOW = 1_795_428_902_000_000_000
"""2026-11-23T10:15:02Z."""
GOLDENS = Path(__file__).parent / "layouts"
Level = tuple[str, str]

BIDS: list[Level] = [
    (f"{61234 - at // 10}.{9 - at % 10}", f"{size}") for at, size in enumerate(("0.5", "1.25", "0.001", "12", "3.14") * 8)
]
ASKS: list[Level] = [
    (f"{61235 + at // 10}.{at % 10}", f"{size}") for at, size in enumerate(("0.75", "2", "0.034", "5.5", "40") * 8)
]
BTC = Instrument(symbol="BTCUSDT", kind="perpetual", base="BTC", quote="USDT", settle="USDT", tick="0.10", lot="0.001")
TRADES = [
    Trade("binance-usdm:BTCUSDT", NOW - at * SECOND // 4, NOW - at * SECOND // 4, price, size, side, str(900 - at))  # type: ignore[arg-type]
    for at, (price, size, side) in enumerate(
        [("61235.00", "0.750", "buy"), ("61234.90", "0.5", "sell"), ("61235", "12.034", "buy"), ("61234.9", "1", None)] * 3
    )
]


def book(
    target: str = "binance-usdm:BTCUSDT", bids: Sequence[Level] = BIDS, asks: Sequence[Level] = ASKS, **facts: Any
) -> BookPicture:
    """A live book that is proven, and 38 ms old by clocks that were compared."""
    told: dict[str, Any] = {
        "word": "live",
        "grade": "good",
        "is_live": True,
        "proof": "sequence",
        "reason": "every update since snapshot 4711 continues the one before",
        "levels": (len(bids), len(asks)),
        "sequence": 8_123_456_789,
        "counters": Counters(updates=18_432, snapshots=1, missed=0),
        "per_s": 118.4,
        "age_ns": 50_000_000,
        "instrument": BTC,
        "derivative": None,
        "option": None,
        "trade": TRADES[0],
        "trade_count": 512,
        "offset": Offset(-12_000_000, 3_000_000, "clock"),
        "trades": TRADES,
        "columns": [seconds_ago(at) for at in range(60, 0, -1)],
    }
    return BookPicture(target=target, bids=list(bids), asks=list(asks), **told | facts)


def seconds_ago(at: int, bid: float = 61234.9) -> Column:
    """A column of the best prices, which rise and fall."""
    moved = bid + at % 7 / 10
    return Column(0, NOW - at * SECOND, "live", 0, array("d", [moved, 0.5]), array("d", [moved + 0.1 * (1 + at % 3), 0.75]))


def derivative(**facts: Any) -> Derivative:
    """What the venue told of the contract an instant ago."""
    told = {"mark": "61235.12", "index": "61204.5", "funding_rate": "0.00010000", "open_interest": "81234.567"}
    return Derivative("binance-usdm:BTCUSDT", NOW, None, funding_time=NOW + 5025 * SECOND, **told | facts)


def broken(target: str = "binance-usdm:BTCUSDT", reason: str = "gap: update 11 is not followed by 15") -> BookPicture:
    """A book that has lost something."""
    return book(
        target, [], [], word=f"broken: {reason.partition(':')[0]}", grade="bad", is_live=False, proof="broken", reason=reason,
        sequence=None, counters=Counters(updates=18_432, gaps=2, missed=3, resyncs=1), columns=[],
    )  # fmt: skip


def resyncing(target: str = "binance-usdm:BTCUSDT") -> BookPicture:
    """A book that waits for a snapshot after a loss."""
    facts = {"word": "resyncing", "grade": "warn", "is_live": False, "proof": "broken", "reason": "no snapshot since the gap"}
    return book(target, [], [], **facts, sequence=None, per_s=None, age_ns=None, counters=Counters(gaps=1), columns=[])


def stale(target: str = "binance-usdm:BTCUSDT") -> BookPicture:
    """A book whose connections are all silent."""
    return book(target, word="stale 3.2 s", grade="warn", is_stale=True, per_s=0.0)


def picture(*books: BookPicture, **facts: Any) -> Picture:
    """A session with these books."""
    told: dict[str, Any] = {
        "time": NOW,
        "frames": 449_327,
        "bytes": 112_800_000,
        "frames_per_s": 1842.0,
        "connections": 2,
        "losses": 0,
        "dropped": 0,
        "stalls": 0,
        "bad_frames": 0,
        "refused": 0,
        "http_errors": 0,
        "notes": [],
        "first": NOW - 862 * SECOND,
    }
    return Picture(books={one.target: one for one in books}, **told | facts)


def said(rows: Sequence[Row]) -> str:
    """What a screen reads like."""
    return "".join(text_of(row).rstrip() + "\n" for row in rows)


def parts(rows: Sequence[Row], text: str) -> set[str]:
    """The parts of the cells that hold a text."""
    return {part for row in rows for cell, part in row if text in cell}


def is_sound(rows: Sequence[Row], columns: int, height: int) -> bool:
    """Tell whether rows fill their panel, do not leave it, name parts that there are, and steer no terminal."""
    return (
        len(rows) <= height
        and all(width(row) == columns for row in rows)
        and all(part in PARTS and text.isprintable() for row in rows for text, part in row)
    )


def screen(view: View, shown: Picture, columns: int, height: int) -> list[Row]:
    """Head and main panel, as the application places them."""
    head = scene.head_rows(view, shown, view.book(shown), columns, scene.head_height(view, shown, height))
    main, _ = scene.main_rows(view, shown, {}, columns, height - len(head) - 1)
    return [*head, *main]


def golden(name: str, text: str) -> None:
    """Compare with a file; FEEDTAPE_GOLDEN=write makes it what is drawn now."""
    path = GOLDENS / f"{name}.txt"
    if os.environ.get("FEEDTAPE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"if {name} is to look like this: FEEDTAPE_GOLDEN=write pytest tests/ui"


FACTS: dict[str, Any] = {
    "tape": "btc-20261123T101502Z.tape.zst",
    "elapsed_ns": 862 * SECOND,
    "segment": 2,
    "size": 27_100_000,
    "level": 9,
    "blocks": 118,
    "queue": 0.62,
    "deferred": 1200,
    "disk_left": 88_000_000_000,
    "rotates_in_ns": 2738 * SECOND,
    "markers": 3,
    "connections": [("binance-usdm #1", "open", "14 m 22 s", "412 006"), ("kraken", "waiting (attempt 3)", "2.1 s", "37 321")],
}
