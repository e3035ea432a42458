"""Frames of Deribit, written from the protocol's rules."""

from typing import Any

import orjson

from feedtape.venues.deribit import Deribit

RECV_NS = 1_900_000_000_000_000_000
MS = 1_790_133_840_887
NS = MS * 1_000_000
PERPETUAL = "BTC-PERPETUAL"
OPTION = "BTC-25DEC26-100000-C"
COMBO = "BTC-FS-25DEC26_PERP"
VENUE = Deribit()


def notice(channel: str, data: Any) -> bytes:
    """A notification; numbers that must keep their text are put in by `exact`."""
    return orjson.dumps({"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}})


def exact(frame: bytes, **texts: str) -> bytes:
    """Replace quoted placeholders by numbers with the text given."""
    for name, text in texts.items():
        frame = frame.replace(f'"<{name}>"'.encode(), text.encode())
    return frame


def answer(**fields: Any) -> bytes:
    """An answer to a request."""
    return orjson.dumps({"jsonrpc": "2.0", **fields, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False})


def change(prev: int | None, last: int, bids: list[Any], asks: list[Any], **fields: Any) -> dict[str, Any]:
    """The data of an incremental book."""
    data = {"type": "change", "timestamp": MS, "instrument_name": PERPETUAL, "change_id": last, "bids": bids, "asks": asks}
    return data | ({} if prev is None else {"prev_change_id": prev}) | fields


def trade(seq: int = 7, **fields: Any) -> dict[str, Any]:
    """One trade."""
    said = {"trade_seq": seq, "trade_id": "403691824", "timestamp": MS, "instrument_name": PERPETUAL, "price": "<price>"}
    more = {"amount": 10, "contracts": 1, "direction": "sell", "tick_direction": 2, "index_price": 1, "mark_price": 2}
    return said | more | fields


def quote(**fields: Any) -> dict[str, Any]:
    """Best prices."""
    best = {"best_bid_price": 92288.5, "best_bid_amount": 133440, "best_ask_price": 92289.5, "best_ask_amount": 99470}
    return {"timestamp": MS, "instrument_name": PERPETUAL} | best | fields


def ticker(**fields: Any) -> dict[str, Any]:
    """A perpetual's ticker."""
    said = {"state": "open", "last_price": 92283.5, "mark_price": 92281.78, "index_price": 92263.55, "open_interest": 1132329370}
    return quote() | said | {"current_funding": "<funding>", "funding_8h": 0.0, "stats": {"high": 1}} | fields


def option_ticker(**fields: Any) -> dict[str, Any]:
    """An option's ticker."""
    prices = {"best_bid_price": 0.0365, "best_bid_amount": 15.4, "best_ask_price": 0.04, "best_ask_amount": 4.8}
    models = {"bid_iv": 58.39, "ask_iv": 66.9, "mark_iv": 63.21, "underlying_price": 9440.73, "underlying_index": "BTC-25DEC26"}
    greeks = {"delta": 0.62959, "gamma": 0.00058, "vega": 3.88497, "theta": -28.34113, "rho": 0.66242}
    said = {"last_price": 0.038, "mark_price": 0.03847784, "index_price": 9434.36, "open_interest": 533.2, "greeks": greeks}
    said["stats"] = {"volume": 13.4}
    return {"timestamp": MS, "instrument_name": OPTION, "state": "open"} | prices | models | said | fields
