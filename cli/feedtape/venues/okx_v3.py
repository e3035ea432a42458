"""What frames of OKX's API v3, of OKEx's days, mean: tables of rows [T].

Read as texts, which is how captures keep what came compressed. Early numbers are JSON numbers, times are RFC 3339.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Liquidation,
    OptionSummary,
    Quote,
    Trade,
    Unread,
)
from feedtape.venues.contract import named
from feedtape.venues.okx_symbols import terms
from feedtape.venues.okx_v5 import finite, volatility
from feedtape.venues.reading import best, fact, iso, levels, none_of, positive, read_exact, side

BOOKS: Final = ("depth", "depth_l2_tbt")
_SNAPSHOT: Final = "partial"
_POSITIONS: Final = {"3": "sell", "4": "buy"}
"""What closes a long and what closes a short, in the words of a liquidation's `type`."""

_Read = Callable[[Any, str, int], Sequence[Event]]
"""Makes events of a row, its target and its receipt time."""


def read(name: str, payload: bytes, recv: int) -> Sequence[Event]:
    """Read one frame of the venue of that name."""
    message = read_exact(payload)
    if "event" in message:
        return _said(message, recv)
    table = message["table"].partition("/")[2]
    reader = _READERS.get(message["table"]) or _READERS.get(table)
    events = list[Event]()
    for row in message["data"]:
        target = f"{name}:{named(row['instrument_id'])}"
        if table in BOOKS:
            events.append(_book(row, target, recv, table, message["action"]))
        elif reader is None:
            events.append(Unread(target, recv, None, named(message["table"])))
        else:
            events += reader(row, target, recv)
    return events


def _said(message: Any, recv: int) -> Sequence[Event]:
    if message["event"] == "subscribe":
        return (Acknowledged("", recv, None, "", (named(message["channel"]),)),)
    return (Unread("", recv, None, named(message["event"])),)


def _book(row: Any, target: str, recv: int, table: str, action: str) -> Event:
    time, bids, asks, checksum = iso(row["timestamp"]), levels(row["bids"]), levels(row["asks"]), row.get("checksum")
    if action == _SNAPSHOT:
        return BookSnapshot(target, recv, time, table, bids, asks, None, checksum)
    if action != "update":
        raise BadFrame(f"a book message that is neither partial nor update: {str(action)[:40]!r}")
    return BookDelta(target, recv, time, table, bids, asks, None, None, None, checksum)


def _trade(row: Any, target: str, recv: int) -> Sequence[Event]:
    """Read a trade, whose size futures call `qty`."""
    size = positive(row["qty"] if "qty" in row else row["size"])
    return (Trade(target, recv, iso(row["timestamp"]), positive(row["price"]), size, side(row["side"]), named(row["trade_id"])),)


def _ticker(row: Any, target: str, recv: int) -> Sequence[Event]:
    """Read a ticker, which told the best prices in those days; their sizes came later."""
    bid, bid_size = best(row["best_bid"], row.get("best_bid_size"))
    ask, ask_size = best(row["best_ask"], row.get("best_ask_size"))
    return (Quote(target, recv, iso(row["timestamp"]), bid, bid_size, ask, ask_size),)


def _contract_ticker(row: Any, target: str, recv: int) -> Sequence[Event]:
    facts = Derivative(target, recv, iso(row["timestamp"]), last=fact(row["last"]), open_interest=fact(row.get("open_interest")))
    return (facts, *_ticker(row, target, recv))


def _funding(row: Any, target: str, recv: int) -> Sequence[Event]:
    rate, time = fact(row["funding_rate"]), iso(row["funding_time"])
    return (Derivative(target, recv, None, funding_rate=rate, funding_time=time),)


def _mark(row: Any, target: str, recv: int) -> Sequence[Event]:
    return (Derivative(target, recv, iso(row["timestamp"]), mark=fact(row["mark_price"])),)


def _liquidation(row: Any, target: str, recv: int) -> Sequence[Event]:
    """Read a row of a REST answer, which those who kept the captures wrapped as a frame (`generated`)."""
    order = side(_POSITIONS.get(str(row["type"])))
    return (Liquidation(target, recv, iso(row["created_at"]), positive(row["price"]), positive(row["size"]), order),)


def _summary(row: Any, target: str, recv: int) -> Sequence[Event]:
    bid, bid_size = best(row["best_bid"], row["best_bid_size"])
    ask, ask_size = best(row["best_ask"], row["best_ask_size"])
    last = fact(row["last"])
    sides: dict[str, Any] = {
        "bid": bid,
        "bid_size": bid_size,
        "bid_iv": volatility(row["bid_vol"]),
        "ask": ask,
        "ask_size": ask_size,
        "ask_iv": volatility(row["ask_vol"]),
    }
    summary = OptionSummary(
        target,
        recv,
        iso(row["timestamp"]),
        *terms(row["instrument_id"]),
        # Nothing trades at zero: an option that has not traded is told that way.
        last=None if last is None or ZERO[last] else last,
        mark=finite(row["mark_price"]),
        mark_iv=volatility(row["mark_vol"]),
        underlying_name=row["underlying"],
        open_interest=fact(row["open_interest"]),
        delta=finite(row["delta"]),
        gamma=finite(row["gamma"]),
        vega=finite(row["vega"]),
        theta=finite(row["theta"]),
        volume=fact(row.get("volume_24h")),
        none=none_of(sides),
        **sides,
    )
    return (summary,)


_READERS: Final[dict[str, _Read]] = {
    "spot/ticker": _ticker,
    "option/ticker": _ticker,
    "swap/ticker": _contract_ticker,
    "futures/ticker": _contract_ticker,
    "trade": _trade,
    "funding_rate": _funding,
    "mark_price": _mark,
    "liquidation": _liquidation,
    "summary": _summary,
}
"""By table, of any kind of instruments where none is named; tickers of indices are not read."""
