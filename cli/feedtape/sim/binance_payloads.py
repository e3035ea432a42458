"""What Binance's streams say, field by field (spot, USDⓈ-M and COIN-M)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from .dialect import Stream
from .instrument import Instrument, decimal_text, sides
from .listing import Listing
from .market import Step

_FUNDING_MS = 8 * 3600 * 1000
_DAY_MS = 24 * 3600 * 1000

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Universe:
    """What differs between the three markets; `st` is the field of that name, 0 on spot."""

    st: int
    ticker_every: float

    @property
    def futures(self) -> bool:
        return self.st > 0


def build(universe: Universe, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> list[bytes]:
    """Return the payloads that a stream sends after this step."""
    now = now_ns // 1_000 if stream.micro else now_ns // 1_000_000
    if stream.every is None:
        steps = 1
    else:
        steps = max(1, round(stream.every * rate))
        if listing.steps % steps:
            return []
    builder = _BUILDERS[stream.kind]
    return [orjson.dumps(payload) for payload in builder(universe, stream, listing, step, now, steps)]


def _signed(universe: Universe, listing: Listing, payload: Object) -> Object:
    """Add the two fields that futures payloads carry since the two markets share their hosts."""
    if universe.futures:
        payload["ps"] = listing.instrument.pair
        payload["st"] = universe.st
    return payload


def _depth(universe: Universe, _stream: Stream, listing: Listing, _step: Step, now: int, steps: int) -> Iterable[Object]:
    chunk = listing.chunk(steps)
    if chunk is None:
        return
    changed_bids = sorted(chunk.bids.items(), reverse=not universe.futures)
    bids, asks = sides(listing.instrument, changed_bids, sorted(chunk.asks.items()))
    symbol = listing.instrument.symbol
    if not universe.futures:
        yield {"e": "depthUpdate", "E": now, "s": symbol, "U": chunk.first, "u": chunk.last, "b": bids, "a": asks}
        return
    previous = listing.last_id_before(steps)
    payload = {"e": "depthUpdate", "E": now, "T": now - 2, "s": symbol, "ps": listing.instrument.pair}
    payload |= {"st": universe.st, "U": chunk.first, "u": chunk.last, "pu": previous, "b": bids, "a": asks}
    yield payload


def _partial(universe: Universe, stream: Stream, listing: Listing, step: Step, now: int, steps: int) -> Iterable[Object]:
    market = listing.market
    bids, asks = sides(listing.instrument, market.bids.top(stream.levels), market.asks.top(stream.levels))
    if not universe.futures:
        yield {"lastUpdateId": step.last, "bids": bids, "asks": asks}
        return
    previous = listing.last_id_before(steps)
    payload = {"e": "depthUpdate", "E": now, "T": now - 2, "s": listing.instrument.symbol}
    payload |= {"ps": listing.instrument.pair, "st": universe.st, "U": previous + 1, "u": step.last, "pu": previous}
    yield payload | {"b": bids, "a": asks}


def _book_ticker(universe: Universe, _stream: Stream, listing: Listing, step: Step, now: int, _steps: int) -> Iterable[Object]:
    if not step.top_changed:
        return
    fact, market = listing.instrument, listing.market
    bid, ask = market.bids.best, market.asks.best
    payload: Object = {"e": "bookTicker"} if universe.futures else {}
    payload |= {"u": step.last, "s": fact.symbol, "b": fact.price(bid), "B": fact.size(market.bids.sizes[bid])}
    payload |= {"a": fact.price(ask), "A": fact.size(market.asks.sizes[ask])}
    if universe.futures:
        payload |= {"T": now - 2, "E": now}
    yield _signed(universe, listing, payload)


def _trade(universe: Universe, _stream: Stream, listing: Listing, step: Step, now: int, _steps: int) -> Iterable[Object]:
    fact = listing.instrument
    for trade in step.trades:
        payload: Object = {"e": "trade", "E": now, "s": fact.symbol, "t": trade.id}
        payload |= {"p": fact.price(trade.price), "q": fact.size(trade.size), "T": now - 1}
        payload |= {"X": "MARKET", "m": not trade.buy} if universe.futures else {"m": not trade.buy, "M": True}
        yield _signed(universe, listing, payload)


def _agg_trade(universe: Universe, _stream: Stream, listing: Listing, _step: Step, now: int, _steps: int) -> Iterable[Object]:
    fact = listing.instrument
    for trade in listing.aggregates:
        payload: Object = {"e": "aggTrade", "E": now, "s": fact.symbol}
        payload |= {"a": trade.id, "p": fact.price(trade.price), "q": fact.size(trade.size)}
        if universe.st == 1:
            payload["nq"] = fact.size(trade.size)
        payload |= {"f": trade.first, "l": trade.last, "T": now - 1, "m": not trade.buy}
        yield payload | ({"st": universe.st} if universe.futures else {"M": True})


def _ticker(universe: Universe, stream: Stream, listing: Listing, _step: Step, now: int, _steps: int) -> Iterable[Object]:
    fact, stats, market = listing.instrument, listing.stats, listing.market
    bid, ask = market.bids.best, market.asks.best
    change = Decimal(stats.last - stats.open) * 100 / stats.open
    payload: Object = {"e": "24hrTicker", "E": now, "s": fact.symbol, "p": fact.price(stats.last - stats.open)}
    payload |= {"P": f"{change:.3f}", "w": mean_price(fact, stats.turnover, stats.volume, stats.last)}
    if not universe.futures:
        payload |= {"x": fact.price(stats.open)}
    payload |= {"c": fact.price(stats.last), "Q": fact.size(stats.last_size)}
    if not universe.futures:
        payload |= {"b": fact.price(bid), "B": fact.size(market.bids.sizes[bid])}
        payload |= {"a": fact.price(ask), "A": fact.size(market.asks.sizes[ask])}
    payload |= {"o": fact.price(stats.open), "h": fact.price(stats.high), "l": fact.price(stats.low)}
    payload |= {"v": fact.size(stats.volume), "q": _quote_volume(universe, listing)}
    day = _DAY_MS * (1000 if stream.micro else 1)
    payload |= {"O": now - day, "C": now, "F": stats.first_trade_id, "L": market.last_trade_id, "n": stats.trades}
    yield _signed(universe, listing, payload)


def mean_price(fact: Instrument, turnover: int, volume: int, otherwise: int) -> str:
    """Return the volume-weighted mean price with eight decimals."""
    ticks = Decimal(turnover) / volume if volume else Decimal(otherwise)
    return f"{ticks.scaleb(-fact.tick_digits):.8f}"


def _quote_volume(universe: Universe, listing: Listing) -> str:
    fact, stats = listing.instrument, listing.stats
    if universe.st == 2:
        price = Decimal(stats.last).scaleb(-fact.tick_digits)
        return f"{stats.volume * fact.contract_size / price:.8f}"
    digits = fact.tick_digits + fact.lot_digits
    return decimal_text(stats.turnover, digits, max(digits, 8))


def mark(universe: Universe, listing: Listing, now_ms: int) -> Object:
    """Return mark price, index, settlement estimate, funding rate and next funding time by their REST names."""
    fact, market = listing.instrument, listing.market
    mid = Decimal(market.bids.best + market.asks.best).scaleb(-fact.tick_digits) / 2
    index = mid * Decimal("1.00021")
    perpetual = fact.contract_type == "PERPETUAL"
    rate = f"0.{8_000 + listing.stats.trades % 4_000:08d}" if perpetual else ""
    return {
        "markPrice": f"{mid:.8f}",
        "indexPrice": f"{index:.8f}",
        "estimatedSettlePrice": f"{index * Decimal('0.9999'):.8f}",
        "lastFundingRate": rate,
        "nextFundingTime": (now_ms // _FUNDING_MS + 1) * _FUNDING_MS if perpetual else 0,
    }


def _mark_price(universe: Universe, _stream: Stream, listing: Listing, _step: Step, now: int, _steps: int) -> Iterable[Object]:
    facts = mark(universe, listing, now)
    payload: Object = {"e": "markPriceUpdate", "E": now, "s": listing.instrument.symbol, "p": facts["markPrice"]}
    if universe.st == 1:
        payload["ap"] = facts["markPrice"]
    payload |= {"P": facts["estimatedSettlePrice"], "i": facts["indexPrice"], "r": facts["lastFundingRate"]}
    yield payload | {"T": facts["nextFundingTime"], "st": universe.st}


def _force_order(universe: Universe, _stream: Stream, listing: Listing, _step: Step, now: int, _steps: int) -> Iterable[Object]:
    forced = listing.liquidation
    if forced is None:
        return
    fact = listing.instrument
    size = fact.size(forced.size)
    order: Object = {"s": fact.symbol, "ps": fact.pair, "S": "BUY" if forced.buy else "SELL", "o": "LIMIT", "f": "IOC"}
    average = mean_price(fact, forced.cost, forced.size, forced.limit)
    order |= {"q": size, "p": fact.price(forced.limit), "ap": average, "X": "FILLED", "l": size, "z": size}
    yield {"e": "forceOrder", "E": now, "o": order | {"T": now - 1}, "st": universe.st}


_BUILDERS = {
    "depth": _depth,
    "partial": _partial,
    "bookTicker": _book_ticker,
    "trade": _trade,
    "aggTrade": _agg_trade,
    "ticker": _ticker,
    "markPrice": _mark_price,
    "forceOrder": _force_order,
}
