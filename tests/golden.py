"""Golden messages: another project's view of wire messages, and ours in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from feedtape.errors import BadFrame
from feedtape.model.events import (
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Levels,
    Liquidation,
    OptionSummary,
    Quote,
    Trade,
)
from feedtape.venues.contract import Venue

Normal = dict[str, Any]
"""One normalised event: texts, exact decimals, ms since 1970."""


class Message(NamedTuple):
    """A wire message with its receipt in ns and what is expected of it."""

    recv: int
    payload: bytes
    expected: list[Normal]


def messages(path: Path) -> Iterator[Message]:
    """Read a file of golden messages."""
    for line in path.read_bytes().splitlines():
        entry = orjson.loads(line)
        expected = [_theirs(event) for event in entry["expected"]]
        yield Message(_ms(entry["local_timestamp"]) * 1_000_000, orjson.dumps(entry["message"]), expected)


def _ms(text: str) -> int:
    since = datetime.fromisoformat(text).astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _theirs(event: dict[str, Any]) -> Normal:
    found: Normal = {}
    for name, value in event.items():
        if name in ("exchange", "localTimestamp", "predictedFundingRate"):
            continue
        if name in ("bids", "asks"):
            value = {_exact(level["price"]): _exact(level["amount"]) for level in value}
        elif name in ("timestamp", "fundingTimestamp", "expirationDate"):
            value = None if value is None else _ms(value)
        elif type(value) in (int, float):
            value = _exact(value)
        found[name] = value
    return found


def _exact(number: float) -> Decimal:
    # JavaScript and Python both print the shortest text that reads back as the same float.
    return Decimal(repr(number))


def ours(event: Event, merged: Derivative | None) -> Normal | None:
    """Our event in their words; None for what they have no word for. Their ticker is cumulative: `merged` is ours."""
    said = {"symbol": event.target.partition(":")[2], "timestamp": (event.time or event.recv) // 1_000_000}
    match event:
        case Trade():
            told = {"price": Decimal(event.price), "amount": Decimal(event.size), "side": event.side, "id": event.id}
            return {"type": "trade"} | said | told
        case BookDelta() | BookSnapshot():
            sides = {"bids": _levels(event.bids), "asks": _levels(event.asks)}
            return {"type": "book_change", "isSnapshot": isinstance(event, BookSnapshot)} | said | sides
        case Quote():
            names = {"bidPrice": event.bid, "bidAmount": event.bid_size, "askPrice": event.ask, "askAmount": event.ask_size}
            return {"type": "book_ticker"} | said | {name: _number(text) for name, text in names.items()}
        case Derivative():
            assert merged is not None
            facts = {
                "lastPrice": merged.last,
                "openInterest": merged.open_interest,
                "fundingRate": merged.funding_rate,
                "indexPrice": merged.index,
                "markPrice": merged.mark,
            }
            said["timestamp"] = (merged.time or merged.recv) // 1_000_000
            funding = None if merged.funding_time is None else merged.funding_time // 1_000_000
            return (
                {"type": "derivative_ticker"} | said | {n: _number(t) for n, t in facts.items()} | {"fundingTimestamp": funding}
            )
        case Liquidation():
            told = {"price": Decimal(event.price), "amount": Decimal(event.size), "side": event.side, "id": event.id}
            return {"type": "liquidation"} | said | told
        case OptionSummary():
            words: Normal = {"optionType": event.option, "underlyingIndex": event.underlying_name}
            words |= {"expirationDate": None if event.expiry is None else event.expiry // 1_000_000}
            return {"type": "option_summary"} | said | words | {n: _number(getattr(event, t)) for n, t in _SUMMARY.items()}
    return None


_SUMMARY = {
    "strikePrice": "strike",
    "bestBidPrice": "bid",
    "bestBidAmount": "bid_size",
    "bestBidIV": "bid_iv",
    "bestAskPrice": "ask",
    "bestAskAmount": "ask_size",
    "bestAskIV": "ask_iv",
    "lastPrice": "last",
    "openInterest": "open_interest",
    "markPrice": "mark",
    "markIV": "mark_iv",
    "delta": "delta",
    "gamma": "gamma",
    "vega": "vega",
    "theta": "theta",
    "rho": "rho",
    "underlyingPrice": "underlying",
}


def compared(path: Path, venue: type[Venue]) -> list[tuple[list[Normal], list[Normal]]]:
    """What they expect and what we say, message by message.

    Each message is read by the first of a venue's decoders, the current one and those before it, that can read it; `ours` of a
    derivative is what was said of it so far, as theirs is.
    """
    versions = [version().conversation() for version in (venue, *venue.earlier)]
    merged: dict[str, Derivative] = {}
    pairs = []
    for message in messages(path):
        found = []
        for event in _read(versions, message):
            if isinstance(event, Derivative):
                said = {name: value for name, value in msgspec.structs.asdict(event).items() if value is not None}
                merged[event.target] = msgspec.structs.replace(merged.get(event.target, event), **said)
            normal = ours(event, merged.get(event.target))
            if normal is not None:
                found.append(normal)
        pairs.append((message.expected, found))
    return pairs


def _read(versions: list[Any], message: Message) -> list[Event]:
    for version in versions:
        try:
            return list(version.decode(message.payload, message.recv))
        except BadFrame:
            continue
    return []


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _levels(levels: Levels) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(size) for price, size in levels}
