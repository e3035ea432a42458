"""A session that hears of hand-written options."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from feedtape.model.records import BODY, CLOSE, OPEN, RECV, REQUEST, RESPONSE, STALL, Record, note
from feedtape.session import Session
from feedtape.venues import registry

NOW = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()) * 10**9
SECOND = 10**9
NAME = "deribit:BTC"


class Stage:
    """Deribit on one connection; a record a millisecond."""

    def __init__(self, connections: int = 1) -> None:
        self.session = Session(registry.venue)
        self.records: list[Record] = []
        self.time = NOW
        for connection in range(1, connections + 1):
            url = "wss://www.deribit.com/ws/api/v2"
            self.feed(note(0, OPEN, {"venue": "deribit", "url": url, "status": 101, "headers": [], "streams": []}, connection))

    def feed(self, record: Record) -> None:
        self.time += 1_000_000
        self.records.append(Record(self.time, record.connection, record.kind, record.payload))
        self.session.feed(self.records[-1])

    def hear(self, channel: str, data: dict[str, Any], by: int = 1) -> None:
        body = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}
        self.feed(Record(0, by, RECV, orjson.dumps(body)))

    def ticker(self, symbol: str, bid: Any, ask: Any, iv: float | None, *, by: int = 1, **more: Any) -> None:
        """Tell the summary of an option: `bid` and `ask` with their amounts, None for a side that there is not."""
        (bid, bid_size), (ask, ask_size) = bid or (0.0, 0.0), ask or (0.0, 0.0)
        data: dict[str, Any] = {"timestamp": self.time // 1_000_000, "instrument_name": symbol, "state": "open"}
        data |= {"best_bid_price": bid, "best_bid_amount": bid_size, "best_ask_price": ask, "best_ask_amount": ask_size}
        data |= {"mark_iv": iv, "underlying_price": 61000.5, "underlying_index": "SYN.BTC-25DEC26"}
        self.hear(f"ticker.{symbol}.100ms", data | more, by)

    def quote(self, symbol: str, bid: float, ask: float) -> None:
        data = {"timestamp": self.time // 1_000_000, "instrument_name": symbol, "best_bid_price": bid, "best_bid_amount": 1.0}
        self.hear(f"quote.{symbol}", data | {"best_ask_price": ask, "best_ask_amount": 2.0})

    def book(self, symbol: str, bids: list[Any], asks: list[Any], last: int = 10, **more: Any) -> None:
        data = {"timestamp": self.time // 1_000_000, "instrument_name": symbol, "change_id": last, "type": "snapshot"}
        sides = {"bids": [["new", *row] for row in bids], "asks": [["new", *row] for row in asks]}
        self.hear(f"book.{symbol}.100ms", data | sides | more)

    def instruments(self, rows: list[Any]) -> None:
        """Have the venue list these."""
        path = "/api/v2/public/get_instruments?currency=any&expired=false"
        body = orjson.dumps({"result": rows})
        fields = {"venue": "deribit", "method": "GET", "url": f"https://www.deribit.com{path}"}
        self.feed(note(0, REQUEST, fields, 9))
        self.feed(note(0, RESPONSE, {"status": 200}, 9))
        self.feed(Record(0, 9, BODY, body))

    def close(self, connection: int = 1) -> None:
        self.feed(note(0, CLOSE, {"code": 1006, "reason": "", "by": "them", "final": False}, connection))

    def stall(self, connection: int = 1) -> None:
        self.feed(note(0, STALL, {"connection": connection, "since": str(self.time)}))


def chain() -> Stage:
    """Three strikes of December and one of March; of one option a book, of one a broken book, of one a quote."""
    stage = Stage()
    greeks: dict[str, float] = {"delta": 0.71234, "gamma": 0.0000214, "vega": 60.12345, "theta": -55.2, "rho": 12.5}
    facts: dict[str, Any] = {"mark_price": 0.1913, "open_interest": 533.2, "stats": {"volume": 13.4}, "last_price": 0.19}
    stage.ticker("BTC-25DEC26-50000-C", (0.19, 5.5), (0.1925, 12.0), 58.29, bid_iv=55.5, ask_iv=60.0, greeks=greeks, **facts)
    stage.ticker("BTC-25DEC26-50000-P", (0.0105, 3.0), None, 58.29, mark_price=0.0112, greeks={"delta": -0.28766})
    stage.ticker("BTC-25DEC26-60000-C", (0.08, 1.0), (0.0815, 1.0), 51.0, mark_price=0.0808, greeks={"delta": 0.53})
    stage.ticker("BTC-25DEC26-60000-P", (0.07, 1.0), (0.072, 1.0), 51.0, mark_price=0.071, greeks={"delta": -0.47})
    stage.ticker("BTC-25DEC26-70000-P", (0.16, 1.0), (0.17, 1.0), 49.5)
    stage.ticker("BTC-26MAR27-60000-C", (0.11, 1.0), (0.12, 1.0), 47.0, underlying_price=62000, underlying_index="BTC-26MAR27")
    stage.book("BTC-25DEC26-60000-C", [[0.0805, 2.5], [0.08, 1.0]], [[0.081, 4.0]])
    stage.book("BTC-25DEC26-60000-P", [[0.0705, 2.5]], [[0.0715, 4.0]])
    change: dict[str, Any] = {"type": "change", "prev_change_id": 11}
    stage.book("BTC-25DEC26-60000-P", [[0.0706, 2.5]], [], 12, **change)
    stage.quote("BTC-25DEC26-70000-P", 0.161, 0.169)
    return stage
