"""What Gate answers by REST, and how either market writes its levels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .dialect import Answer, Desk
from .history import BookState, Levels
from .instrument import Instrument
from .listing import Listing

UPDATES_S = 0.1
"""Seconds between two messages of the older channel of updates."""

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Market:
    """What sets one dialect apart."""

    name: str
    prefix: str
    symbol_word: str
    pattern: re.Pattern[str]
    example: str

    @property
    def is_futures(self) -> bool:
        return self.prefix == "futures"


def answer(market: Market, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
    """Answer a request, or None if the path is not one of this market."""
    if path == "/api/v4/spot/time":
        return Answer({"server_time": desk.now_ns // 1_000_000})
    if not market.is_futures:
        if path == "/api/v4/spot/currency_pairs":
            return Answer([_pair(listing.instrument) for listing in desk.listings.values()])
        return _book(market, query, "currency_pair", desk) if path == "/api/v4/spot/order_book" else None
    match = re.fullmatch(r"/api/v4/futures/(usdt|btc|usd1)/(contracts|order_book)", path)
    if match is None:
        return None
    if match[2] == "order_book":
        return _book(market, query, "contract", desk, match[1])
    listed = [listing for symbol, listing in desk.listings.items() if settled_in(symbol) == match[1]]
    return Answer([_contract(listing) for listing in listed])


def _book(market: Market, query: Mapping[str, str], word: str, desk: Desk, settle: str = "") -> Answer:
    symbol, limit = query.get(word, ""), query.get("limit", "10")
    listing = desk.listings.get(symbol)
    if listing is None or (settle and settled_in(symbol) != settle):
        return Answer({"label": "INVALID_CURRENCY_PAIR", "message": f"unknown {market.symbol_word} {symbol}"}, 400)
    state, time = _published_at(listing, desk.book(listing), desk.rate), desk.now_ns // 1_000_000
    depth = int(limit) if limit.isdecimal() else 10
    fact = listing.instrument
    body: Object = {"asks": rows(market, fact, state.asks[:depth]), "bids": rows(market, fact, state.bids[:depth])}
    if query.get("with_id") == "true":
        body["id"] = state.id
    if not market.is_futures:
        return Answer(body | {"current": time, "update": time - 20})
    # Seconds, with a fraction.
    return Answer(body | {"current": time / 1000, "update": (time - 20) / 1000})


def rows(market: Market, fact: Instrument, levels: Levels) -> list[Any]:
    """Return levels as the market writes them: pairs on spot, objects with whole sizes on futures."""
    if market.is_futures:
        return [{"p": short(fact.price(price)), "s": size} for price, size in levels]
    return [[short(fact.price(price)), short(fact.size(size))] for price, size in levels]


def settled_in(symbol: str) -> str:
    """Return the settlement currency of a contract: dollars are paid in bitcoin."""
    quote = symbol.rpartition("_")[2].lower()
    return "btc" if quote == "usd" else quote


def short(text: str) -> str:
    """Return a number without the zeros that pad it."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _published_at(listing: Listing, state: BookState, rate: float) -> BookState:
    """Return the book as of the latest publication of updates that is not after a state: REST and stream have the same cuts."""
    every, number = max(1, round(UPDATES_S * rate)), listing.steps
    for step in reversed(listing.recent):
        if number % every == 0 and step.last <= state.id:
            return listing.market.state_at(step.last)
        number -= 1
    return state


def _pair(fact: Instrument) -> Object:
    told: Object = {"id": fact.symbol, "base": fact.base, "quote": fact.quote, "fee": "0.2", "min_quote_amount": "1"}
    return told | {"amount_precision": fact.lot_digits, "precision": fact.tick_digits, "trade_status": "tradable"}


def _contract(listing: Listing) -> Object:
    fact = listing.instrument
    inverse = fact.quote == "USD"
    told: Object = {"name": fact.symbol, "type": "inverse" if inverse else "direct", "order_price_round": fact.tick}
    told |= {"quanto_multiplier": "0" if inverse else "0.0001", "order_size_min": 1, "in_delisting": False}
    return told | {"funding_rate": "0.0001", "orderbook_id": listing.market.last_id, "status": "trading"}
