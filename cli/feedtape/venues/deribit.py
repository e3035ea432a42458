"""Deribit: perpetuals, dated futures, options, spot and combos, one protocol (JSON-RPC 2.0, API v2) on one kind of connection.

Sources, cited below by letter:
    [B] docs.deribit.com, subscriptions, orderbook: book.(instrument_name).(interval) and its grouped sibling
    [M] docs.deribit.com, subscriptions: market-data (ticker, quote) and trades, 2026
    [R] docs.deribit.com, articles: rate-limits, connection-management-best-practices, market-data-collection-best-practices
    [I] docs.deribit.com, public/get_instruments and public/get_time
    [P] captures of live connections, 2021 (cryptofeed) and August to September 2026 (public projects' notes of what they saw)

Amounts are what the venue counts in, and not contracts: US dollars for inverse perpetuals and futures, the base coin for options,
linear contracts and spot [M]. Numbers are JSON numbers, some of them with an exponent (`2.2e3`) [P].
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from feedtape.book.rules import WAIT, Chained, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import ZERO, shifted
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Levels,
    Liquidation,
    OptionSummary,
    Quote,
    Refused,
    Reply,
    Side,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as SignOfLife
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import fact, levels, ms, none_of, number, number_or_none, positive, read_exact, reading, side

_GROUPED = re.compile(r"(?:none|[1-9][0-9]*)\.(?:1|10|20)\.(?:100ms|agg2)", re.ASCII)
_OPTION = re.compile(r"[A-Z0-9_]+-([0-9]{1,2})([A-Z]{3})([0-9]{2})-([0-9]{1,12}(?:d[0-9]{1,12})?)-([CP])", re.ASCII)
_POINT = re.compile(r"(?<=[0-9])D(?=[0-9])", re.ASCII)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ACTIONS = {"new": False, "change": False, "delete": True}
"""The words that a row of an incremental book begins with, and whether its amount is zero."""

_NEVER = 32_503_708_800_000
"""The end of what has none, in the year 3000 [I]."""
_OWN_ID = 0
"""Id of the requests that keep the connection alive; those for streams count from 1."""
_HEARTBEAT_S = 30


class _Terms(NamedTuple):
    """What an option's name says."""

    option: str
    strike: str
    expiry: int


@lru_cache(maxsize=8192)
def _terms(symbol: str) -> _Terms | None:
    match = _OPTION.fullmatch(symbol)
    if match is None:
        return None
    day, month, year, strike, right = match.groups()
    # Contracts end at 08:00 UTC; a strike's decimal point is written as a `d` [I].
    end = datetime(2000 + int(year), _MONTHS.index(month) + 1, int(day), 8, tzinfo=UTC)
    return _Terms("call" if right == "C" else "put", strike.replace("d", "."), int(end.timestamp()) * 10**9)


def _text_or_none(value: Any) -> str | None:
    return None if value is None else named(value)


def _rows(value: object) -> list[Any]:
    if type(value) is not list:
        raise BadFrame(f"not a list: {str(value)[:40]!r}")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise BadFrame(f"not a sequence number: {str(value)[:40]!r}")
    return value


def _best(price: object, amount: object) -> tuple[str | None, str | None]:
    # An empty side has zeros or nulls. The amount tells it: the price of a combo may be zero, or negative.
    size = number_or_none(amount)
    return (None, None) if size is None or ZERO[size] else (number(price), size)


def _volatility(value: object) -> str | None:
    percent = number_or_none(value)
    return None if percent is None else shifted(percent, 2)


def _changes(rows: object) -> Levels:
    changes: Levels = []
    for action, price, amount in _rows(rows):
        size = number(amount)
        if _ACTIONS.get(action) is not ZERO[size]:
            raise BadFrame(f"a level with the action {str(action)[:40]!r} and the amount {size}")
        changes.append((number(price), size))
    return changes


def _request(number: int, method: str, params: dict[str, Any]) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


class Deribit(Venue):
    """Deribit, API v2. One socket serves every kind of instrument."""

    name = "deribit"
    title = "Deribit"
    decoder = "deribit/2"
    since = "2019-08-01"
    ws_url = "wss://www.deribit.com"
    rest_url = "https://www.deribit.com"
    channels = ("book", "trades", "quotes", "derivatives", "liquidations", "options")
    books = ("100ms", "agg2", "raw", "none.20.100ms", "none.10.100ms", "none.1.100ms")
    absent = "raw books need an account; liquidations are marks on trades, which live streams were seen to lack in 2026"
    example = "BTC-PERPETUAL"
    limits = Limits(
        connects=Rate(30, 60),
        # The venue's 32 hold HTTP requests too [R].
        connections=30,
        # 3000 credits a call, out of 30,000 that fill up by 10,000 a second, for an address as a whole [R].
        messages=(Rate(10, 3),),
        messages_in_all=(Rate(10, 3),),
        # No number is documented; up to 500 channels a call are advised, and somewhere above 32 kB a frame is refused [R].
        streams=500,
        request_streams=250,
        request_bytes=16_000,
        ask_bytes=3,
        # 20 a second; a list of instruments once a second, which its weight says [R].
        rest=Rate(20, 1),
    )
    # A busy connection gets a test request every interval and a bit, whatever else it carries [P].
    heartbeat = Heartbeat(silence_s=2 * _HEARTBEAT_S + 5)

    # -- reading frames

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read a notification, a heartbeat or an answer.

        No document speaks of earlier trades that come with a subscription [M]: every trade in a notification is news, and its
        number would show one that was told before.
        """
        message = read_exact(payload)
        method = message.get("method")
        if method == "subscription":
            params = message["params"]
            return self._notification(named(params["channel"]), params["data"], recv)
        if method == "heartbeat":
            if message["params"]["type"] == "test_request":
                return (Reply("", recv, None, _request(_OWN_ID, "public/test", {}).decode()),)
            return (SignOfLife("", recv, None),)
        if method is not None:
            return (Unread("", recv, None, named(method)),)
        return (self._answer(message, recv),)

    def _answer(self, message: dict[str, Any], recv: int) -> Event:
        id = None if message.get("id") is None else named(str(message["id"]))
        if "error" in message:
            error = message["error"]
            return Refused("", recv, None, id, named(str(error["code"])), _words(error))
        result = message["result"]
        if type(result) is list and all(type(one) is str for one in result):
            # A channel that it does not have is missing, and nothing else tells [R].
            return Acknowledged("", recv, None, id or "", tuple(named(one) for one in result))
        if result == "ok":
            return Acknowledged("", recv, None, id or "")
        if type(result) is dict and "version" in result:
            return SignOfLife("", recv, None)
        return Unread("", recv, None, "answer")

    def _notification(self, channel: str, data: Any, recv: int) -> Sequence[Event]:
        kind, *parts = channel.split(".")
        if kind == "book":
            return (self._book(data, recv, parts[0], parts[1:]),)
        if kind == "trades":
            # Either of an instrument, or of a kind and a currency.
            return self._trades(data, recv, parts[0] if len(parts) == 2 else "")
        if kind == "quote":
            return (self._quote(data, recv, self._target(data, parts[0])),)
        if kind == "ticker":
            return (self._ticker(data, recv, self._target(data, parts[0])),)
        return (Unread("", recv, None, kind),)

    def _target(self, data: dict[str, Any], expected: str) -> str:
        symbol = named(data["instrument_name"])
        if expected and symbol != expected:
            raise BadFrame(f"a frame of {symbol} on a channel of {expected}")
        return f"{self.name}:{symbol}"

    def _book(self, data: dict[str, Any], recv: int, symbol: str, interval: list[str]) -> Event:
        target, channel = self._target(data, symbol), ".".join(interval)
        time, last = ms(data["timestamp"]), _whole(data["change_id"])
        if len(interval) == 3:
            bids, asks = levels(data["bids"]), levels(data["asks"])
            return BookSnapshot(target, recv, time, channel, bids, asks, last)
        kind, prev = data.get("type"), data.get("prev_change_id")
        if len(interval) != 1 or kind not in (None, "snapshot", "change"):
            raise BadFrame(f"a book of the channel {channel} and the type {str(kind)[:40]!r}")
        bids, asks = _changes(data["bids"]), _changes(data["asks"])
        # Before 2021 nothing but the missing `prev_change_id` tells a snapshot; a book that never changed before has the
        # `change` from 0 instead, and a snapshot may name what went before it [P].
        if kind == "snapshot" or prev is None or prev == 0:
            return BookSnapshot(target, recv, time, channel, bids, asks, last)
        return BookDelta(target, recv, time, channel, bids, asks, None, last, _whole(prev))

    def _trades(self, rows: object, recv: int, symbol: str) -> Sequence[Event]:
        """Read trades. A combo's legs are trades of their own instruments too, and not read twice.

        The number counts the trades of an instrument, those of combos and blocks among them, without holes [M][P].
        """
        events: list[Event] = []
        for row in _rows(rows):
            target, time, id = self._target(row, symbol), ms(row["timestamp"]), named(row["trade_id"])
            # The price of a combo may be zero, or negative.
            price, size, taker = number(row["price"]), positive(row["amount"]), side(row["direction"])
            events.append(Trade(target, recv, time, price, size, taker, id, _whole(row["trade_seq"])))
            mark = row.get("liquidation")
            if mark is not None:
                maker: Side = "sell" if taker == "buy" else "buy"
                forced: dict[object, tuple[Side, ...]] = {"T": (taker,), "M": (maker,), "MT": (taker, maker)}
                if mark not in forced:
                    raise BadFrame(f"a liquidation of {str(mark)[:40]!r}")
                events += (Liquidation(target, recv, time, price, size, each, id) for each in forced[mark])
        return events

    def _quote(self, data: dict[str, Any], recv: int, target: str) -> Event:
        bid, bid_size = _best(data["best_bid_price"], data["best_bid_amount"])
        ask, ask_size = _best(data["best_ask_price"], data["best_ask_amount"])
        return Quote(target, recv, ms(data["timestamp"]), bid, bid_size, ask, ask_size)

    def _ticker(self, data: dict[str, Any], recv: int, target: str) -> Event:
        time, terms = ms(data["timestamp"]), _terms(data["instrument_name"])
        if terms is not None:
            return self._option(data, recv, target, time, terms)
        return Derivative(
            target,
            recv,
            time,
            last=fact(data.get("last_price")),
            mark=fact(data.get("mark_price")),
            index=fact(data.get("index_price")),
            # It accrues all the time, so that there is no next time of it.
            funding_rate=fact(data.get("current_funding")),
            open_interest=fact(data.get("open_interest")),
        )

    def _option(self, data: dict[str, Any], recv: int, target: str, time: int, terms: _Terms) -> Event:
        bid, bid_size = _best(data["best_bid_price"], data["best_bid_amount"])
        ask, ask_size = _best(data["best_ask_price"], data["best_ask_amount"])
        # Zero stands for a volatility that there is not [P].
        bid_iv, ask_iv = _volatility(data.get("bid_iv")), _volatility(data.get("ask_iv"))
        sides: dict[str, Any] = {
            "bid": bid,
            "bid_size": bid_size,
            "bid_iv": None if bid_iv is None or ZERO[bid_iv] else bid_iv,
            "ask": ask,
            "ask_size": ask_size,
            "ask_iv": None if ask_iv is None or ZERO[ask_iv] else ask_iv,
        }
        greeks, stats = data.get("greeks") or {}, data.get("stats") or {}
        return OptionSummary(
            target,
            recv,
            time,
            option=terms.option,
            strike=terms.strike,
            expiry=terms.expiry,
            last=fact(data.get("last_price")),
            mark=fact(data.get("mark_price")),
            mark_iv=_volatility(data.get("mark_iv")),
            underlying=fact(data.get("underlying_price")),
            underlying_name=_text_or_none(data.get("underlying_index")) or "",
            open_interest=fact(data.get("open_interest")),
            volume=fact(stats.get("volume")),
            none=none_of(sides),
            **sides,
            **{greek: fact(greeks.get(greek)) for greek in ("delta", "gamma", "vega", "theta", "rho")},
        )

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read nothing: all that is asked for by HTTP is the list of instruments and the time."""
        return ()

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """Incremental books chain by `prev_change_id` [B]; grouped ones are whole pictures that nothing links.

        A delete of an unknown level is no loss: an interval's changes are summed up, and one may have come and gone in it.
        """
        if _GROUPED.fullmatch(channel):
            why = "each message is a whole picture; nothing links it to the one before"
            return Integrity(snapshot="full", resync=WAIT, unprovable=why)
        return Integrity(sequence=Chained(), snapshot="stream")

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the channels of a target; its kind, which its name tells, decides which it has."""
        symbol, book = target.symbol, target.channel or self.books[0]
        if book not in self.books and _GROUPED.fullmatch(book) is None:
            hint = f"{target.venue}:{symbol}@{self.books[0]}, or @{self.books[3]}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        names = {
            "book": f"book.{symbol}.{book}",
            "trades": f"trades.{symbol}.100ms",
            "quotes": f"quote.{symbol}",
            "liquidations": f"trades.{symbol}.100ms",
        }
        if "-" in symbol:
            names["options" if _OPTION.fullmatch(symbol) else "derivatives"] = f"ticker.{symbol}.100ms"
        return [Stream(names[channel], channel, symbol) for channel in channels if channel in names]

    def path(self, stream: Stream) -> str:
        """Return the one path that there is."""
        return "/ws/api/v2"

    def opening(self) -> list[bytes]:
        """Ask for heartbeats: without them a connection without frames is closed, and a dead one looks like a quiet one [R]."""
        return [_request(_OWN_ID, "public/set_heartbeat", {"interval": _HEARTBEAT_S})]

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests of many channels each, since it is calls that cost credits [R]."""
        return self._ask("public/subscribe", streams, first_id)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests to give channels up: subscribing to one that is held brings no new snapshot [P]."""
        return self._ask("public/unsubscribe", streams, first_id)

    def _ask(self, method: str, streams: Sequence[str], first_id: int) -> list[Ask]:
        return [
            Ask(str(id), _request(id, method, {"channels": list(group)}), group)
            for id, group in enumerate(self.requests(streams), first_id)
        ]

    def snapshot_request(self, symbol: str) -> Request | None:
        """Return None: a book begins with its snapshot [B]."""
        return None

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for all that is traded, of every currency and kind [I]."""
        return [Request("/api/v2/public/get_instruments?currency=any&expired=false", 20)]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read the list of instruments."""
        return Page([_instrument(entry) for entry in _rows(read_exact(body)["result"])], [])

    def clock_request(self) -> Request:
        """Return the request for the server's time [I]."""
        return Request("/api/v2/public/get_time")

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        return ms(read_exact(body)["result"])

    def canonical_symbol(self, symbol: str) -> str:
        """Return it in capitals, but for the `d` that is the decimal point of a strike."""
        return _POINT.sub("d", symbol.upper())


def _words(error: dict[str, Any]) -> str:
    """Return an error's message, with what its data says of the cause."""
    message, data = named(error["message"]), error.get("data")
    if type(data) is dict:
        data = ", ".join(f"{name} {value}" for name, value in data.items())
    return f"{message} ({data})" if data else message


def _instrument(entry: dict[str, Any]) -> Instrument:
    kind, state, active = named(entry["kind"]), _text_or_none(entry.get("state")), entry.get("is_active")
    end = entry.get("expiration_timestamp")
    if kind == "future" and entry.get("settlement_period") == "perpetual":
        kind = "perpetual"
    return Instrument(
        symbol=named(entry["instrument_name"]),
        kind=kind,
        base=_text_or_none(entry.get("base_currency")),
        # An option's price is in the coin where that settles it; what the coin is counted in is its counter currency [I].
        quote=_text_or_none(entry.get("counter_currency") or entry.get("quote_currency")),
        settle=_text_or_none(entry.get("settlement_currency")),
        # Steps for higher prices, where there are any, are larger [I].
        tick=number(entry["tick_size"]),
        lot=number(entry["min_trade_amount"]),
        # Without a multiplier: amounts are not in contracts, of whatever size.
        expiry=None if end in (None, _NEVER) else ms(end),
        strike=number_or_none(entry.get("strike")),
        option=_text_or_none(entry.get("option_type")),
        status=state,
        trading=None if active is None else active is True and state in (None, "open"),
    )
