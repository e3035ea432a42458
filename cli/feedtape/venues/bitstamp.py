"""Bitstamp: spot and perpetuals, version 2 of the WebSocket API.

Sources, cited below by letter:
    [D] www.bitstamp.net/websocket/v2 and www.bitstamp.net/api
    [P] github.com/nemanull/arbitrage-observatory, its Bitstamp profile: probes of 2026-09-15 of every channel
    [O] three projects that rebuilt books of single orders from `live_orders` in August and September 2026 and checked them: ids
        chain without a break, times are cut to milliseconds, a snapshot with `group=2` lists every order with its id. Two of them
        tell of the price in an `order_changed`: of an order that takes liquidity it is the execution's and not the order's
    [C] cryptofeed's dump of 2022-01-05: prices have exactly `counter_decimals` decimals
    [T] tardis.dev's raw data wraps REST snapshots as frames with an event `snapshot`; captures made from it hold them
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from feedtape.book.orders import Orders
from feedtape.book.rules import WAIT, Integrity, Ordered, Verdict
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import ZERO, shifted
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Order,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as Beat
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import levels, number, number_or_none, positive, read_exact, reading, seconds, side, us

_DIFFS: Final = "diff_order_book"
_TOP: Final = "order_book"
_TOP_ORDERS: Final = "detail_order_book"
_ORDERS: Final = "live_orders"

_BODY: Final = re.compile(r"/api/v2/(order_book|ticker)/([^/]+)/?", re.ASCII)
_MARKETS: Final = "/api/v2/markets/"
_PAIRS: Final = "/api/v2/trading-pairs-info/"
"""The older list of markets, of which captures hold answers [C]."""

_Read = Callable[[dict[str, Any], dict[str, Any], int, str], Event]
"""Makes an event of a message, its data, receipt time and target."""


@dataclass(frozen=True)
class _OfMilliseconds(Ordered):
    """Orders' messages chain, and their times are cut to milliseconds where a snapshot's is one of microseconds [O].

    What is of the snapshot's millisecond may be in it or not, and is applied again: each message tells an order's whole state.
    """

    def bridges(self, sequence: int, delta: BookDelta) -> Verdict:
        """See `Ordered.bridges`."""
        if delta.time is None:
            return Verdict.GAP
        return Verdict.NEXT if delta.time // 1_000_000 >= sequence // 1000 else Verdict.OLD


def _link(id: str) -> int:
    """Return a number of 63 bits that stands for an id of 128: chains only ask whether two are the same."""
    return int.from_bytes(blake2b(named(id).encode(), digest_size=8).digest()) >> 1


def _id(data: dict[str, Any]) -> str:
    """Return an id: as a text where it may be beyond what a float holds, as on perpetuals [P], and a number else."""
    return _known_by(data["id_str"] if "id_str" in data else data["id"])


def _known_by(id: object) -> str:
    if type(id) not in (str, int):
        raise BadFrame("an id that is neither a text nor a number")
    return named(str(id))


def _listed(data: dict[str, Any]) -> list[Order]:
    """Return the orders of a list of prices, amounts and ids."""
    sides = (("bid", data["bids"]), ("ask", data["asks"]))
    return [(_known_by(row[2]), word, number(row[0]), number(row[1])) for word, rows in sides for row in rows]


class Bitstamp(Venue):
    """Bitstamp. Symbols are in small letters, `btcusd` and `btcusd-perp`; a perpetual is of one unit of its base."""

    name = "bitstamp"
    title = "Bitstamp spot and perpetuals"
    decoder = "bitstamp/2"
    since = "2019-04-01"
    ws_url = "wss://ws.bitstamp.net"
    rest_url = "https://www.bitstamp.net"
    channels = ("book", "trades", "derivatives")
    books = (_DIFFS, _TOP, _TOP_ORDERS, _ORDERS)
    order_books = _ORDERS
    absent = "Bitstamp has no quotes and no liquidations, and numbers no book updates but those of single orders (@live_orders)."
    example = "btcusd"
    # No limit of connects is documented; ours is caution. Of streams the 1,025th closes the connection without a word, as does a
    # message of 512 bytes [D][P]. REST also allows 400 a second [D].
    limits = Limits(
        connects=Rate(10, 60), messages=(), rest=Rate(8_000, 600), streams=1_024, request_streams=1, request_bytes=512
    )
    # Quiet books are silent for minutes [P], where the answer to a ping comes all the same.
    heartbeat = Heartbeat(silence_s=50, server_ping_s=54, ping_every_s=20, max_life_s=90 * 24 * 3600)

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str], _Read] = {
            (_DIFFS, "data"): self._diff,
            (_DIFFS, "snapshot"): self._wrapped_snapshot,
            (_TOP, "data"): self._top,
            (_TOP_ORDERS, "data"): self._top_orders,
            (_ORDERS, "order_created"): self._order,
            (_ORDERS, "order_changed"): self._order,
            (_ORDERS, "order_deleted"): self._order,
            ("live_trades", "trade"): self._trade,
            ("funding_rate", "funding_rate_saved"): self._funding,
        }

    # -- reading frames

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame: `event`, `channel` and `data`. A channel's name ends with the symbol that it is of."""
        message = read_exact(payload)
        event, name = message["event"], message.get("channel") or ""
        if event.startswith("bts:"):
            return self._said(event, name, message.get("data") or {}, recv)
        channel, _, symbol = name.rpartition("_")
        read = self._readers.get((channel, event))
        if read is None:
            return (Unread(self._target(symbol) if channel else "", recv, None, event),)
        return (read(message, message["data"], recv, self._target(symbol)),)

    def _target(self, symbol: str) -> str:
        return f"{self.name}:{named(symbol)}"

    def _said(self, event: str, channel: str, data: dict[str, Any], recv: int) -> Sequence[Event]:
        if event in ("bts:subscription_succeeded", "bts:unsubscription_succeeded"):
            return (Acknowledged("", recv, None, streams=(named(channel),)),)
        if event == "bts:error":
            code = data.get("code")
            streams = (channel,) if channel else ()
            return (Refused("", recv, None, None, None if code is None else str(code), str(data["message"]), streams),)
        if event == "bts:heartbeat":
            return (Beat("", recv, None),)
        if event == "bts:request_reconnect":
            return (Status("", recv, None, "the venue asks for a new connection", True),)
        return (Unread("", recv, None, event),)

    def _diff(self, message: dict[str, Any], data: dict[str, Any], recv: int, target: str) -> Event:
        time = us(data["microtimestamp"])
        return BookDelta(target, recv, time, _DIFFS, levels(data["bids"]), levels(data["asks"]), None, time // 1000)

    def _top(self, message: dict[str, Any], data: dict[str, Any], recv: int, target: str) -> Event:
        time = us(data["microtimestamp"])
        return BookSnapshot(target, recv, time, _TOP, levels(data["bids"]), levels(data["asks"]), time // 1000)

    def _top_orders(self, message: dict[str, Any], data: dict[str, Any], recv: int, target: str) -> Event:
        time = us(data["microtimestamp"])
        return BookSnapshot(target, recv, time, _TOP_ORDERS, [], [], time // 1000, orders=_listed(data))

    def _order(self, message: dict[str, Any], data: dict[str, Any], recv: int, target: str) -> Event:
        """An order is created, changed or deleted; amounts are what is left of it.

        Where a change comes from an execution its price is the execution's, and the order keeps its own [O]. Orders at the price
        zero are market orders and never rest [O].
        """
        word = side(data["order_type"], 0, 1)
        order_side = "bid" if word == "buy" else "ask"
        price, size = number(data["price_str"]), number(data["amount_str"])
        event = message["event"]
        if event == "order_deleted":
            price, size = "", "0"
        elif event == "order_changed" and not ZERO[number(data["amount_traded"])]:
            price = ""
        rests = not price or not ZERO[price]
        orders = [(_id(data), order_side, price, size)] if rests else []
        last, prev = _link(message["event_id"]), _link(message["pre_event_id"])
        return BookDelta(target, recv, us(data["microtimestamp"]), _ORDERS, [], [], None, last, prev, orders=orders)

    def _trade(self, message: dict[str, Any], data: dict[str, Any], recv: int, target: str) -> Event:
        """`timestamp` is in seconds on spot and in milliseconds on perpetuals [P]; the other one is in microseconds on both."""
        taker = side(data["type"], 0, 1)
        price, size = positive(data["price_str"]), positive(data["amount_str"])
        return Trade(target, recv, us(data["microtimestamp"]), price, size, taker, _id(data))

    def _funding(self, message: dict[str, Any], data: dict[str, Any], recv: int, target: str) -> Event:
        return Derivative(
            target,
            recv,
            seconds(data["timestamp"]),
            mark=number(data["mark_price"]),
            index=number(data["index_price"]),
            funding_rate=number(data["funding_rate"]),
            funding_time=seconds(data["next_funding_time"]),
        )

    def _wrapped_snapshot(self, message: dict[str, Any], data: dict[str, Any], recv: int, target: str) -> Event:
        """Older ones tell seconds alone [T]: they are taken for the second's beginning, since sizes may be applied twice."""
        if "microtimestamp" in data:
            return self._picture(data, recv, target)
        time = seconds(data["timestamp"])
        return BookSnapshot(target, recv, time, "", levels(data["bids"]), levels(data["asks"]), time // 1000 - 1)

    def _picture(self, data: dict[str, Any], recv: int, target: str) -> Event:
        """Read a REST snapshot. One of single orders, or an empty one, serves every stream: levels are what orders add up to."""
        time = us(data["microtimestamp"])
        first = next(iter((*data["bids"], *data["asks"])), None)
        if first is not None and len(first) < 3:
            return BookSnapshot(target, recv, time, "", levels(data["bids"]), levels(data["asks"]), time // 1000)
        orders = _listed(data)
        bids, asks = Orders().replace(orders)
        return BookSnapshot(target, recv, time, "", bids, asks, time // 1000, orders=orders)

    @reading
    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read a book, or the ticker of a perpetual, which alone tells the open interest [D]."""
        match = _BODY.fullmatch(urlsplit(request.path).path)
        if match is None:
            return ()
        data, target = read_exact(body), self._target(match[2])
        if match[1] == "order_book":
            return (self._picture(data, recv, target),)
        if "open_interest" not in data:
            return ()
        return (
            Derivative(
                target,
                recv,
                seconds(data["timestamp"]),
                last=number_or_none(data.get("last")),
                mark=number_or_none(data.get("mark_price")),
                index=number_or_none(data.get("index_price")),
                open_interest=number_or_none(data["open_interest"]),
            ),
        )

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """Single orders chain by ids; of changed levels nothing is numbered, and each other message is a whole picture.

        Messages may delete what is not there: an order that never rested, or one that a snapshot no longer held.
        """
        if channel == _ORDERS:
            return Integrity(sequence=_OfMilliseconds(chained=True), by_order=True)
        if channel in (_TOP, _TOP_ORDERS):
            why = "each message is a picture of the best hundred; nothing links it to the one before"
            return Integrity(snapshot="full", resync=WAIT, by_order=channel == _TOP_ORDERS, unprovable=why)
        why = "the venue numbers no updates of levels: their order is kept by time, and a lost one cannot be seen"
        return Integrity(sequence=Ordered(), unprovable=why)

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the channels of a target; only perpetuals have a funding rate."""
        if target.channel and target.channel not in self.books:
            hint = f"{target.venue}:{target.symbol}@live_orders, or @order_book"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        names = {"book": target.channel or self.books[0], "trades": "live_trades"}
        if _is_perpetual(target.symbol):
            names["derivatives"] = "funding_rate"
        asked = [channel for channel in channels if channel in names]
        return [Stream(f"{names[channel]}_{target.symbol}", channel, target.symbol) for channel in asked]

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return a request for each channel, which is all that a message may hold [D]."""
        return [Ask("", orjson.dumps({"event": "bts:subscribe", "data": {"channel": stream}}), (stream,)) for stream in streams]

    def ping(self, number: int, now: int) -> bytes:
        """Return the venue's own heartbeat, which it answers."""
        return orjson.dumps({"event": "bts:heartbeat"})

    def snapshot_request(self, symbol: str) -> Request:
        """Return the request for the whole book, order by order, as streams of orders need it; levels are added up."""
        return Request(f"/api/v2/order_book/{symbol}/?group=2")

    def polls(self, symbol: str, channels: Sequence[str]) -> list[tuple[Request, float]]:
        """Open interest is told by REST alone [D]."""
        if "derivatives" not in channels or not _is_perpetual(symbol):
            return []
        return [(Request(f"/api/v2/ticker/{symbol}/"), 10.0)]

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for the list of markets."""
        return [Request(_MARKETS)]

    def lists_instruments(self, request: Request) -> bool:
        """The older list does too."""
        return request.path.partition("?")[0] in (_MARKETS, _PAIRS)

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read a list of markets. A tick size is documented, and where it is missing prices have the counter's decimals [C]."""
        return Page([_instrument(entry) for entry in read_exact(body)], [])

    def canonical_symbol(self, symbol: str) -> str:
        """Small letters: capitals are refused [P]."""
        return symbol.lower()


def _is_perpetual(symbol: str) -> bool:
    return symbol.endswith("-perp")


def _instrument(entry: dict[str, Any]) -> Instrument:
    symbol = named(entry["market_symbol"] if "market_symbol" in entry else entry["url_symbol"])
    base, _, quote = entry["name"].partition("/")
    kind = entry.get("market_type", "SPOT").lower()
    quote = entry.get("counter_currency", quote)
    is_perpetual = kind == "perpetual"
    return Instrument(
        symbol=symbol,
        kind=kind,
        base=entry.get("base_currency", base),
        quote=quote,
        settle=quote if is_perpetual else None,
        tick=number_or_none(entry.get("tick_size")) or shifted("1", entry["counter_decimals"]),
        lot=shifted("1", entry["base_decimals"]),
        multiplier=number_or_none(entry.get("contract_size")) if is_perpetual else None,
        status=entry["trading"],
        trading=entry["trading"] == "Enabled",
    )
