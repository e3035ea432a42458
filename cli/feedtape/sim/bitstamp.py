"""The dialect of Bitstamp v2: one channel a message, and snapshots by REST alone.

Changed levels and snapshots are placed by a time in microseconds, which here is a function of the market's update ids, so that a
snapshot of the past tells its own. Single orders chain by the ids of their messages. An order book of orders splits each level
into at most two orders, by a rule that everybody can compute.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from feedtape.errors import UsageError

from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import BookState, Levels
from .instrument import Instrument, decimal_text, milli_price, sides
from .listing import Listing
from .market import Shape, Step
from .window import Window

_SYMBOL = re.compile(r"([a-z0-9]{2,8})(usd|usdt|eur|btc)(-perp)?")
_CHANNEL = re.compile(r"([a-z_]+)_([a-z0-9-]+)")
_EVERY_S: dict[str, float | None] = {
    "diff_order_book": 0.15,
    "order_book": 0.1,
    "detail_order_book": 0.1,
    "live_orders": None,
    "live_trades": None,
    "funding_rate": 1.0,
}
_PICTURED = 100
_LONGEST_MESSAGE = 512
_FUNDING_S = 8 * 3600
_KEPT = 20_000
_CLOCK = "(clock)"

Object = dict[str, Any]
Order = tuple[str, str, str]
"""Price, amount and id."""


class Clock(Window):
    """What the venue's engine says when something happened, and the id of the latest message about an order."""

    def __init__(self) -> None:
        super().__init__(None)
        self.link = _event_id(0, 0)
        self.links = 0
        self.told: list[int] = []
        """The last update at each moment at which changed levels were told of."""
        self._ids: list[int] = []
        self._micros: list[int] = []

    def tick(self, last_id: int, now_us: int) -> None:
        """Note the time of a step's last update; each update takes a microsecond at least."""
        if self._ids and last_id <= self._ids[-1]:
            return
        before = self._micros[-1] + last_id - self._ids[-1] if self._ids else 0
        self._ids.append(last_id)
        self._micros.append(max(now_us, before))
        del self._ids[:-_KEPT], self._micros[:-_KEPT]

    def time_of(self, update_id: int) -> int:
        """Return when an update happened: one microsecond before the next."""
        place = min(bisect_right(self._ids, update_id - 1), len(self._ids) - 1)
        return self._micros[place] - max(0, self._ids[place] - update_id)

    def latest(self, update_id: int) -> int:
        """Return the last update of the latest step that was over with an update, or of the first one that is known."""
        return self._ids[max(0, bisect_right(self._ids, update_id) - 1)]

    def next_link(self, micros: int) -> tuple[str, str]:
        """Return the id of a new message about an order, and that of the one before."""
        before, self.links = self.link, self.links + 1
        self.link = _event_id(micros, self.links)
        return self.link, before


def _event_id(micros: int, count: int) -> str:
    text = f"{micros:016x}{0x0000_0001_0000_0020 + (count % 4 << 24):016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _clock(listing: Listing, now_ns: int) -> Clock:
    found = listing.windows.get(_CLOCK)
    clock = found if isinstance(found, Clock) else Clock()
    listing.windows[_CLOCK] = clock
    clock.tick(listing.market.last_id, now_ns // 1000)
    return clock


class Bitstamp(Dialect):
    """Bitstamp, as its documents of 2026 have it."""

    name = "bitstamp"
    symbols = ("btcusd", "ethusd", "btcusd-perp")
    rules = Rules(ping_every=54.0, streams_per_connection=1024, weight_per_minute=1000, max_life=90 * 24 * 3600.0)

    def instrument(self, symbol: str) -> Instrument:
        match = _SYMBOL.fullmatch(symbol.lower())
        if match is None:
            raise UsageError(f"the venue could not list a symbol {symbol!r}", hint="write it like btcusd or btcusd-perp")
        base, quote, perpetual = match[1].upper(), match[2].upper(), bool(match[3])
        milli = milli_price(base)
        tick_digits = 2 if milli >= 100_000 else 5
        lot_digits = 5 if perpetual else 8
        ticks = milli * 10**tick_digits // 1000
        lots = max(5, 12_000_000 * int(10**lot_digits) // milli)
        shape = Shape(ticks, max(1, ticks // 200_000), lots, levels=240, first_id=1_000_000, first_trade_id=630_000_000)
        name = f"{base}/{quote}" + ("-PERP" if perpetual else "")
        kind = "PERPETUAL" if perpetual else ""
        return Instrument(symbol.lower(), name, base, quote, tick_digits, tick_digits, lot_digits, lot_digits, shape, kind)

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target in ("", "/") else None

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        if len(text) > _LONGEST_MESSAGE:
            session.dropped = True
            return []
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError:
            return [_error("Incorrect JSON format.")]
        event, about = (request.get("event"), request.get("data")) if isinstance(request, dict) else (None, None)
        if event == "bts:heartbeat":
            return [_frame("bts:heartbeat", "", {"status": "success"})]
        name = about.get("channel") if isinstance(about, dict) else None
        if event not in ("bts:subscribe", "bts:unsubscribe") or not isinstance(name, str):
            return [_error("Bad subscription string.")]
        match = _CHANNEL.fullmatch(name)
        if match is None or match[1] not in _EVERY_S:
            return [_error("Invalid channel provided.")]
        if event == "bts:unsubscribe":
            session.streams.pop(name, None)
            return [_frame("bts:unsubscription_succeeded", name, {})]
        if desk.refuse([match[2]]) is not None:
            return [_error("Bad subscription string.", 4009)]
        if len(session.streams) >= self.rules.streams_per_connection:
            session.dropped = True
            return []
        session.streams[name] = self._stream(name, match[1], match[2], desk)
        return [_frame("bts:subscription_succeeded", name, {})]

    def _stream(self, name: str, kind: str, symbol: str, desk: Desk) -> Stream | None:
        """A symbol that there is not is taken without a word, and never speaks."""
        listing = desk.listings.get(symbol)
        if listing is None or (kind == "funding_rate" and not listing.instrument.contract_type):
            return None
        if kind in ("diff_order_book", "live_orders"):
            steps = _steps(kind, desk.rate)
            _clock(listing, desk.now_ns)
            listing.window(name, None).picture(listing.market, listing.steps, steps)
        return Stream(name, symbol, kind, _EVERY_S[kind])

    # -- what streams say

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        clock = _clock(listing, now_ns)
        if listing.steps % _steps(stream.kind, rate):
            return []
        tell: Callable[[Stream, Listing, Step, Clock], Iterable[bytes]] = getattr(self, "_" + stream.kind)
        return tell(stream, listing, step, clock)

    def _diff_order_book(self, stream: Stream, listing: Listing, step: Step, clock: Clock) -> Iterable[bytes]:
        change = listing.window(stream.name, None).advance(listing.market, listing.steps)
        clock.told.append(listing.market.last_id)
        del clock.told[:-_KEPT]
        if change.is_empty:
            return []
        return [_frame("data", stream.name, _book(listing, change.bids, change.asks, clock.time_of(change.last)))]

    def _order_book(self, stream: Stream, listing: Listing, step: Step, clock: Clock) -> Iterable[bytes]:
        market = listing.market
        bids, asks = market.bids.top(_PICTURED), market.asks.top(_PICTURED)
        return [_frame("data", stream.name, _book(listing, bids, asks, clock.time_of(market.last_id)))]

    def _detail_order_book(self, stream: Stream, listing: Listing, step: Step, clock: Clock) -> Iterable[bytes]:
        market = listing.market
        body = _ordered(listing, market.bids.top(_PICTURED), market.asks.top(_PICTURED), clock.time_of(market.last_id))
        body |= {side: body[side][:_PICTURED] for side in ("bids", "asks")}
        return [_frame("data", stream.name, body)]

    def _live_orders(self, stream: Stream, listing: Listing, step: Step, clock: Clock) -> Iterable[bytes]:
        """Market orders come and go without a price; what is left of the others is told one by one."""
        window = listing.window(stream.name, None)
        before = window.state
        change = window.advance(listing.market, listing.steps)
        fact, micros = listing.instrument, clock.time_of(listing.market.last_id)
        frames: list[bytes] = []

        def tell(event: str, order: Order, side: int, traded: str = "0") -> None:
            price, amount, id = order
            # Times are cut to milliseconds.
            data = {"id": int(id), "id_str": id, "order_type": side, "order_subtype": 5, "datetime": str(micros // 10**6)}
            data |= {"microtimestamp": str(micros // 1000 * 1000), "amount": orjson.Fragment(amount), "amount_str": amount}
            data |= {"amount_traded": traded, "amount_at_create": amount, "price": orjson.Fragment(price), "price_str": price}
            link, prev = clock.next_link(micros)
            more = {"event_id": link, "pre_event_id": prev, "order_source": "orderbook"}
            frames.append(_frame(event, stream.name, data | {"is_liquidation": False}, **more))

        for trade in step.trades:
            taker = fact.price(0), fact.size(trade.size), str(_TAKERS + trade.id)
            tell("order_created", taker, int(not trade.buy))
            tell("order_deleted", taker, int(not trade.buy), fact.size(trade.size))
        executed = {trade.price for trade in step.trades}
        for side, changed, old in ((0, change.bids, dict(before.bids)), (1, change.asks, dict(before.asks))):
            for price, size in changed:
                was = {order[2]: order for order in _split(fact, side, price, old.get(price, 0))}
                now = {order[2]: order for order in _split(fact, side, price, size)}
                for id, order in was.items():
                    if id not in now:
                        tell("order_deleted", order, side)
                    elif now[id] != order and price in executed:
                        # It names the price of the execution, which is not the order's own.
                        tell("order_changed", (fact.price(price + 1), *now[id][1:]), side, order[1])
                    elif now[id] != order:
                        tell("order_changed", now[id], side)
                for id, order in now.items():
                    if id not in was:
                        tell("order_created", order, side)
        return frames

    def _live_trades(self, stream: Stream, listing: Listing, step: Step, clock: Clock) -> Iterable[bytes]:
        fact, micros = listing.instrument, clock.time_of(step.last)
        is_perpetual = bool(fact.contract_type)
        for trade in step.trades:
            id = trade.id + (2**60 if is_perpetual else 0)
            price, size = fact.price(trade.price), fact.size(trade.size)
            data: Object = {"id": id, "amount": orjson.Fragment(size), "amount_str": size, "price": orjson.Fragment(price)}
            data |= {"price_str": price, "type": int(not trade.buy), "microtimestamp": str(micros)}
            data |= {"timestamp": str(micros // (1000 if is_perpetual else 10**6))} | (
                {"id_str": str(id)} if is_perpetual else {}
            )
            makers = _split(fact, int(trade.buy), trade.price, 1)
            data |= {"buy_order_id": int(makers[0][2]), "sell_order_id": _TAKERS + trade.id}
            yield _frame("trade", stream.name, data)

    def _funding_rate(self, stream: Stream, listing: Listing, step: Step, clock: Clock) -> Iterable[bytes]:
        fact, now = listing.instrument, clock.time_of(step.last) // 10**6
        told = {"market": fact.symbol, "mark_price": _mid(listing), "index_price": _mid(listing), "funding_rate": "-0.000123"}
        due = (now // _FUNDING_S + 1) * _FUNDING_S
        return [_frame("funding_rate_saved", stream.name, told | {"timestamp": str(now), "next_funding_time": str(due)})]

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        if path == "/api/v2/markets/":
            return Answer([_market(one.instrument) for one in desk.listings.values()])
        match = re.fullmatch(r"/api/v2/(order_book|ticker)/([^/]+)/", path)
        if match is None:
            return None
        listing = desk.listings.get(match[2])
        if listing is None:
            return Answer({"status": "error", "reason": "Invalid market."}, 404)
        clock = _clock(listing, desk.now_ns)
        if match[1] == "ticker":
            return Answer(_ticker(listing, clock))
        state = self._rested(listing, clock, desk)
        tell = _ordered if query.get("group") == "2" else _book
        return Answer(tell(listing, state.bids, state.asks, clock.time_of(state.id)))

    def _rested(self, listing: Listing, clock: Clock, desk: Desk) -> BookState:
        """The book at a moment at which changed levels were told of, like a cache, or after a step if they never were."""
        wanted = desk.book(listing).id
        count = bisect_right(clock.told, wanted)
        return listing.market.state_at(clock.told[count - 1] if count else clock.latest(wanted))

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"status": "error", "reason": "Rate limit exceeded.", "code": "400.002"}, 429, 0)


_TAKERS = 2_100_000_000_000_000
"""Where the ids of orders begin that take liquidity."""


def _steps(kind: str, rate: float) -> int:
    every = _EVERY_S[kind]
    return 1 if every is None else max(1, round(every * rate))


def _frame(event: str, channel: str, data: Object, **more: str) -> bytes:
    return orjson.dumps({"data": data, "channel": channel, "event": event} | more)


def _error(message: str, code: int | None = None) -> bytes:
    return _frame("bts:error", "", {"code": code, "message": message})


def _times(micros: int) -> Object:
    return {"timestamp": str(micros // 10**6), "microtimestamp": str(micros)}


def _book(listing: Listing, bids: Levels, asks: Levels, micros: int) -> Object:
    bought, sold = sides(listing.instrument, bids, asks)
    return _times(micros) | {"bids": bought, "asks": sold}


def _ordered(listing: Listing, bids: Levels, asks: Levels, micros: int) -> Object:
    fact = listing.instrument
    rows = [
        [order for price, size in levels for order in _split(fact, side, price, size)] for side, levels in ((0, bids), (1, asks))
    ]
    return _times(micros) | {"bids": rows[0], "asks": rows[1]}


def _split(fact: Instrument, side: int, price: int, size: int) -> list[Order]:
    """The orders of a level, older first."""
    id, rest = 2_000_000_000_000_000 + 4 * price + 2 * side, size // 3
    first = [(fact.price(price), fact.size(size - rest), str(id))] if size else []
    return first + ([(fact.price(price), fact.size(rest), str(id + 1))] if rest else [])


def _mid(listing: Listing) -> str:
    market, digits = listing.market, listing.instrument.tick_digits + 1
    return decimal_text((market.bids.best + market.asks.best) * 5, digits, digits)


def _market(fact: Instrument) -> Object:
    told = {"name": fact.pair, "market_symbol": fact.symbol, "base_currency": fact.base, "base_decimals": fact.lot_digits}
    told |= {"counter_currency": fact.quote, "counter_decimals": fact.tick_digits, "minimum_order_value": "10"}
    told |= {"trading": "Enabled", "instant_and_market_orders": "Enabled", "description": fact.pair}
    if not fact.contract_type:
        return told | {"market_type": "SPOT"}
    return told | {"market_type": "PERPETUAL", "contract_size": "1.00000000", "payoff_type": "linear"}


def _ticker(listing: Listing, clock: Clock) -> Object:
    fact, stats, market = listing.instrument, listing.stats, listing.market
    told = {
        "timestamp": str(clock.time_of(market.last_id) // 10**6),
        "last": fact.price(stats.last),
        "open": fact.price(stats.open),
    }
    told |= {"high": fact.price(stats.high), "low": fact.price(stats.low), "volume": fact.size(stats.volume)}
    told |= {"bid": fact.price(market.bids.best), "ask": fact.price(market.asks.best)}
    if fact.contract_type:
        told |= {"index_price": _mid(listing), "mark_price": _mid(listing), "open_interest": fact.size(listing.open_interest)}
    return told


BITSTAMP = Bitstamp()
"""The venue, as the exchange finds it."""
