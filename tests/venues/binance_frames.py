"""Small frames of Binance in its three dialects, written from the venue's documents, and records made of them."""

from __future__ import annotations

from typing import Any

import orjson

from feedtape.model.records import BODY, CLOSE, OPEN, RECV, REQUEST, RESPONSE, Record, note

MS = 1_755_000_000_123
NS = MS * 1_000_000
RECV_NS = 1_755_000_000_200_000_000
SPOT, USDM, COINM = "binance", "binance-usdm", "binance-coinm"
SYMBOLS = {SPOT: "BTCUSDT", USDM: "BTCUSDT", COINM: "BTCUSD_PERP"}
VENUES = (SPOT, USDM, COINM)
FUTURES = (USDM, COINM)
URLS = {
    SPOT: "https://api.binance.com/api/v3",
    USDM: "https://fapi.binance.com/fapi/v1",
    COINM: "https://dapi.binance.com/dapi/v1",
}


def target(venue: str) -> str:
    """The target that the frames of a venue are about."""
    return f"{venue}:{SYMBOLS[venue]}"


def merged(venue: str) -> dict[str, Any]:
    """The fields that came with the merge of 2026-06-30."""
    return {SPOT: {}, USDM: {"ps": "BTCUSDT", "st": 1}, COINM: {"ps": "BTCUSD", "st": 2}}[venue]


def depth(
    venue: str,
    first: int,
    last: int,
    prev: int | None = None,
    bids: list[Any] | None = None,
    asks: list[Any] | None = None,
    symbol: str = "",
) -> dict[str, Any]:
    """A diff depth payload."""
    data: dict[str, Any] = {"e": "depthUpdate", "E": MS + 3}
    if venue != SPOT:
        data["T"] = MS
    data |= {"s": symbol or SYMBOLS[venue]} | merged(venue) | {"U": first, "u": last}
    if venue != SPOT:
        data["pu"] = first - 1 if prev is None else prev
    return data | {"b": [["60000.10", "1.200"]] if bids is None else bids, "a": [["60000.20", "0.000"]] if asks is None else asks}


def trade(venue: str, number: int, *, maker_bought: bool = False, **fields: Any) -> dict[str, Any]:
    """A trade payload."""
    data = {"e": "trade", "E": MS + 3, "T": MS, "s": SYMBOLS[venue], "t": number, "p": "60000.10", "q": "0.250"}
    kind = {"M": True} if venue == SPOT else {"X": "MARKET"}
    return data | kind | {"m": maker_bought} | merged(venue) | fields


def quote(venue: str, sequence: int = 77, **fields: Any) -> dict[str, Any]:
    """A best bid and ask payload; on spot it has neither event nor time."""
    told = {} if venue == SPOT else {"e": "bookTicker", "E": MS + 3, "T": MS}
    prices = {"b": "60000.10", "B": "1.5", "a": "60000.20", "A": "2.5"}
    return told | {"u": sequence, "s": SYMBOLS[venue]} | prices | merged(venue) | fields


def mark(venue: str, **fields: Any) -> dict[str, Any]:
    """A mark price payload."""
    prices = {"p": "60001.5", "ap": "60001.4", "P": "60002", "i": "60000.9", "r": "-0.00010000", "T": MS + 3_600_000}
    return {"e": "markPriceUpdate", "E": MS, "s": SYMBOLS[venue]} | prices | merged(venue) | fields


def ticker(venue: str, **fields: Any) -> dict[str, Any]:
    """A payload of 24 hours' statistics."""
    return (
        {"e": "24hrTicker", "E": MS, "s": SYMBOLS[venue], "p": "-88.1", "c": "60000.1", "v": "100", "n": 3}
        | merged(venue)
        | fields
    )


def force_order(venue: str, side: str = "SELL", **fields: Any) -> dict[str, Any]:
    """A liquidation payload."""
    order = {"s": SYMBOLS[venue], "S": side, "o": "LIMIT", "f": "IOC", "q": "0.014", "p": "59900", "ap": "59950.5", "X": "FILLED"}
    return {"e": "forceOrder", "E": MS + 3, "o": order | {"l": "0.014", "z": "0.010", "T": MS} | merged(venue) | fields}


def rest(venue: str, sequence: int, bids: list[Any] | None = None, asks: list[Any] | None = None) -> dict[str, Any]:
    """What REST answers for a depth."""
    times = {} if venue == SPOT else {"E": MS + 3, "T": MS}
    bids = [["60000.00", "3.000"]] if bids is None else bids
    return {"lastUpdateId": sequence} | times | {"bids": bids, "asks": [["60000.20", "5.000"]] if asks is None else asks}


def combined(stream: str, data: Any) -> bytes:
    """A frame of a combined stream."""
    return orjson.dumps({"stream": stream, "data": data})


def on(venue: str, channel: str, data: Any) -> bytes:
    """A frame of the venue's symbol on one of its streams."""
    return combined(f"{SYMBOLS[venue].lower()}@{channel}", data)


def every_frame(venue: str) -> dict[str, bytes]:
    """One valid frame of each kind."""
    found = {
        "depth": on(venue, "depth@100ms", depth(venue, 101, 105, 95)),
        "trade": on(venue, "trade", trade(venue, 7)),
        "bookTicker": on(venue, "bookTicker", quote(venue)),
        "bare depth": orjson.dumps(depth(venue, 101, 105, 95)),
        "bare trade": orjson.dumps(trade(venue, 7)),
        "bare bookTicker": orjson.dumps(quote(venue)),
        "reversed": orjson.dumps({"data": trade(venue, 7), "stream": "btcusdt@trade"}).replace(
            b"btcusdt@trade", SYMBOLS[venue].lower().encode() + b"@trade"
        ),
        "partial": on(venue, "depth20@100ms", rest(venue, 9) if venue == SPOT else depth(venue, 101, 105, 95)),
        "wrapped": on(venue, "depthSnapshot", rest(venue, 9)),
        "ack": b'{"result":null,"id":1}',
        "error": b'{"code":2,"msg":"Invalid request","id":4}',
        "other error": b'{"error":{"code":2,"msg":"Invalid request"},"id":4}',
        "shutdown": combined("!serverShutdown", {"e": "serverShutdown", "E": MS}),
        "candle": on(venue, "kline_1m", {"e": "kline", "E": MS, "s": SYMBOLS[venue], "k": {}}),
    }
    if venue != SPOT:
        found |= {
            "mark": on(venue, "markPrice@1s", mark(venue)),
            "marks": combined("!markPrice@arr@1s", [mark(venue), mark(venue, s="ETHUSDT")]),
            "ticker": on(venue, "ticker", ticker(venue)),
            "forceOrder": on(venue, "forceOrder", force_order(venue)),
            "openInterest": on(venue, "openInterest", {"symbol": SYMBOLS[venue], "openInterest": "26286.181"}),
        }
    return found


def opened(time: int, connection: int, venue: str) -> Record:
    """A connection that begins."""
    return note(time, OPEN, {"venue": venue, "url": "wss://example"}, connection)


def closed(time: int, connection: int, **fields: Any) -> Record:
    """A connection that ends."""
    return note(time, CLOSE, {"by": "peer", "code": 1006} | fields, connection)


def frame(time: int, connection: int, payload: bytes) -> Record:
    """A text frame."""
    return Record(time, connection, RECV, payload)


def exchange(time: int, connection: int, venue: str, path: str, body: bytes, status: int = 200) -> list[Record]:
    """An HTTP exchange; `path` is what follows the version."""
    return [
        note(time, REQUEST, {"venue": venue, "method": "GET", "url": URLS[venue] + path}, connection),
        note(time, RESPONSE, {"status": status}, connection),
        Record(time, connection, BODY, body),
    ]


def snapshot(time: int, connection: int, venue: str, sequence: int, bids: Any = None, asks: Any = None) -> list[Record]:
    """A REST snapshot."""
    path = f"/depth?symbol={SYMBOLS[venue]}&limit=1000"
    return exchange(time, connection, venue, path, orjson.dumps(rest(venue, sequence, bids, asks)))
