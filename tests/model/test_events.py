"""Events as JSON: what a script reads from `cat --events`."""

from typing import Any

import orjson
import pytest

from feedtape.model.events import (
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Gap,
    Liquidation,
    Quote,
    Refused,
    Resync,
    Status,
    Trade,
)
from feedtape.model.instruments import Instrument

AT = 1_723_161_255_030_314_667
VENUE_SAID = 1_723_161_256_299_000_000
TARGET = "binance:BTCUSDT"
HEAD = {"target": TARGET, "recv": str(AT), "time": str(VENUE_SAID)}

CASES: list[tuple[Event, dict[str, Any]]] = [
    (
        Trade(TARGET, AT, VENUE_SAID, "1.50", "2", "buy", "77", 77),
        {"type": "trade", **HEAD, "price": "1.50", "size": "2", "side": "buy", "id": "77", "number": 77},
    ),
    (
        Quote(TARGET, AT, None, None, None, "1.6", "3", 9),
        {"type": "quote", "target": TARGET, "recv": str(AT), "ask": "1.6", "ask_size": "3", "sequence": 9},
    ),
    (
        BookDelta(TARGET, AT, VENUE_SAID, "depth@100ms", [("1.5", "0")], [], 5, 6),
        {
            "type": "book",
            **HEAD,
            "channel": "depth@100ms",
            "bids": [("1.5", "0")],
            "asks": [],
            "first": 5,
            "last": 6,
            "snapshot": False,
        },
    ),
    (
        BookSnapshot(TARGET, AT, None, "", [("1.5", "2")], [("1.6", "3")], 6),
        {
            "type": "book",
            "target": TARGET,
            "recv": str(AT),
            "bids": [("1.5", "2")],
            "asks": [("1.6", "3")],
            "sequence": 6,
            "snapshot": True,
        },
    ),
    (Derivative(TARGET, AT, VENUE_SAID, mark="0.0"), {"type": "derivative", **HEAD, "mark": "0.0"}),
    (
        Liquidation(TARGET, AT, VENUE_SAID, "1.5", "2", "sell"),
        {"type": "liquidation", **HEAD, "price": "1.5", "size": "2", "side": "sell"},
    ),
    (
        Gap(TARGET, AT, None, "gap", AT - 5, 0, "why"),
        {"type": "gap", "target": TARGET, "recv": str(AT), "kind": "gap", "since": str(AT - 5), "missed": 0, "detail": "why"},
    ),
    (
        Resync(TARGET, AT, None, AT - 5, 7),
        {"type": "resync", "target": TARGET, "recv": str(AT), "since": str(AT - 5), "sequence": 7},
    ),
    (
        Refused("", AT, None, "1", "2", "no"),
        {"type": "refused", "target": "", "recv": str(AT), "request": "1", "code": "2", "message": "no"},
    ),
    (Status("", AT, None, "", False), {"type": "status", "target": "", "recv": str(AT), "renew": False}),
]


def _name(value: object) -> str:
    return type(value).__name__ if isinstance(value, Event) else ""


@pytest.mark.parametrize(("event", "fields"), CASES, ids=_name)
def test_times_are_texts_and_what_was_not_said_is_left_out(event: Event, fields: dict[str, Any]) -> None:
    assert event.as_json() == fields


@pytest.mark.parametrize("event", [event for event, _ in CASES], ids=_name)
def test_the_type_comes_first_and_everything_is_json(event: Event) -> None:
    fields = event.as_json()
    assert next(iter(fields)) == "type"
    assert "e" not in [name for name, value in fields.items() if isinstance(value, float)]
    assert orjson.loads(orjson.dumps(fields))["type"] == fields["type"]


def test_the_funding_time_is_a_text_too() -> None:
    event = Derivative(TARGET, AT, VENUE_SAID, funding_rate="-0.0001", funding_time=VENUE_SAID)
    assert event.as_json() == {"type": "derivative", **HEAD, "funding_rate": "-0.0001", "funding_time": str(VENUE_SAID)}


def test_an_instrument_says_only_what_is_known() -> None:
    assert Instrument(symbol="BTCUSDT", kind="spot", tick="0.01").as_json() == {
        "symbol": "BTCUSDT",
        "kind": "spot",
        "tick": "0.01",
    }
