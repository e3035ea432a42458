"""Coinbase Advanced Trade: spot, US futures and international perpetuals on one public socket.

Every frame but an error's carries `sequence_num`, from 0 and one more each, across all channels and products of a connection: one
counter proves every book on it [P]. Coinbase Exchange (`ws-feed`) is another venue with other messages.

Sources, cited below by letter:
    [D] docs.cdp.coinbase.com, Advanced Trade WebSocket (overview, channels, rate limits) and its AsyncAPI file, September 2026
    [R] docs.cdp.coinbase.com, Advanced Trade REST API: public products, server time
    [P] github.com/nemanull/arbitrage-observatory, Coinbase profile and the frames that it captured, September 2026
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import orjson

from feedtape.book.rules import RECONNECT, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Numbered,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues import contract
from feedtape.venues.contract import Ask, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import best, iso, ms, number, number_or_none, positive, reading, side

_PRODUCTS = "/api/v3/brokerage/market/products"
_CHANNELS = {"book": "level2", "trades": "market_trades", "quotes": "ticker"}
"""The venue's channels to subscribe, by ours. `level2` arrives under another name, `l2_data` [D]."""
_DERIVATIVES = ("-CDE", "-INTX")
"""How the names of futures and perpetuals end: of Coinbase Derivatives, of the International Exchange."""
_INSTRUMENTS = (
    _PRODUCTS,
    f"{_PRODUCTS}?product_type=FUTURE",
    f"{_PRODUCTS}?product_type=FUTURE&contract_expiry_type=PERPETUAL",
)

_Level = tuple[str, str]
_Read = Callable[[Any, int, int], Iterable[Event]]
"""Makes events of a channel's `events`, receipt time and the frame's own time."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Shape(msgspec.Struct, gc=False):
    """What a message must have; fields that are not named here break nothing."""


class _Change(_Shape):
    side: Literal["bid", "offer"]
    price_level: str
    new_quantity: str


class _Book(_Shape):
    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[_Change]


class _Match(_Shape):
    trade_id: str
    product_id: str
    price: str
    size: str
    side: str
    """The maker's: of 59 matches all were the opposite of what the taker did [P]."""
    time: str


class _Matches(_Shape):
    type: Literal["snapshot", "update"]
    trades: list[_Match]


class _Ticker(_Shape):
    product_id: str
    best_bid: str
    best_bid_quantity: str
    best_ask: str
    best_ask_quantity: str


class _Tickers(_Shape):
    tickers: list[_Ticker]


class _Subscribed(_Shape):
    subscriptions: dict[str, list[str]]


class _Frame(_Shape):
    """An error has `type` and `message`, everything else the other four."""

    type: str = ""
    message: str = ""
    channel: str = ""
    sequence_num: _Count | None = None
    timestamp: str = ""
    events: msgspec.Raw = msgspec.Raw(b"")


_FRAME = msgspec.json.Decoder(_Frame)


class Coinbase(Venue):
    """Coinbase Advanced Trade."""

    name = "coinbase"
    title = "Coinbase Advanced Trade"
    decoder = "coinbase/1"
    since = "2023-02-09"
    ws_url = "wss://advanced-trade-ws.coinbase.com"
    rest_url = "https://api.coinbase.com"
    channels = ("book", "trades", "quotes", "derivatives")
    books = ("level2",)
    absent = "quotes come with trades only, index, funding and open interest by REST, and marks and liquidations not at all"
    example = "BTC-USD"
    counts_from = 0
    # One lost frame breaks every book of its connection, and a book's snapshot is megabytes: thirty products a connection.
    limits = Limits(connects=Rate(8, 1), messages=(Rate(8, 1),), messages_in_all=(Rate(8, 1),), rest=Rate(10, 1), streams=90)
    # A heartbeat comes every second, but not while megabytes of a snapshot are on their way.
    heartbeat = contract.Heartbeat(silence_s=30)

    def __init__(self) -> None:
        self._readers: dict[str, tuple[msgspec.json.Decoder[Any], _Read]] = {
            "l2_data": (msgspec.json.Decoder(list[_Book]), self._books),
            "market_trades": (msgspec.json.Decoder(list[_Matches]), self._trades),
            "ticker": (msgspec.json.Decoder(list[_Tickers]), self._quotes),
            "subscriptions": (msgspec.json.Decoder(list[_Subscribed]), self._acknowledged),
            "heartbeats": (msgspec.json.Decoder(list[Any]), self._heartbeat),
        }

    # -- reading frames

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame; its own number is the first event of every one that has it.

        The trades that a subscription begins with happened before it: they are history, which is no news (`Unread`).
        """
        frame = _FRAME.decode(payload)
        if frame.type == "error":
            # The words may mislead: a channel that does not exist is an "authentication failure" too [P].
            return (Refused("", recv, None, None, None, frame.message),)
        if frame.sequence_num is None or not frame.channel:
            raise BadFrame("a frame that is no error, and without channel or number")
        numbered = Numbered("", recv, None, frame.sequence_num)
        reader = self._readers.get(frame.channel)
        if reader is None:
            return numbered, Unread("", recv, None, frame.channel)
        decoder, read = reader
        return [numbered, *read(decoder.decode(frame.events), recv, iso(frame.timestamp))]

    def _books(self, books: list[_Book], recv: int, time: int) -> Iterable[Event]:
        # Each level has a time of its own, 1970 in some snapshots [D]; the frame's is the one that is always there.
        for book in books:
            target, bids, asks = f"{self.name}:{named(book.product_id)}", list[_Level](), list[_Level]()
            for change in book.updates:
                (bids if change.side == "bid" else asks).append((change.price_level, change.new_quantity))
            if book.type == "snapshot":
                yield BookSnapshot(target, recv, time, "level2", bids, asks, None)
            else:
                yield BookDelta(target, recv, time, "level2", bids, asks, None, None)

    def _trades(self, events: list[_Matches], recv: int, time: int) -> Iterable[Event]:
        for event in events:
            if event.type == "snapshot":
                symbols = dict.fromkeys(match.product_id for match in event.trades)
                yield from (Unread(f"{self.name}:{named(symbol)}", recv, None, "trade history") for symbol in symbols)
            else:
                # A batch of 250 ms; lists come with the newest first [P], and the last word should be the latest trade's.
                yield from sorted((self._trade(match, recv) for match in event.trades), key=_age)

    def _trade(self, match: _Match, recv: int) -> Trade:
        target, price, size = f"{self.name}:{named(match.product_id)}", positive(match.price), positive(match.size)
        return Trade(target, recv, iso(match.time), price, size, side(match.side, "SELL", "BUY"), match.trade_id)

    def _quotes(self, events: list[_Tickers], recv: int, time: int) -> Iterable[Event]:
        for ticker in (ticker for event in events for ticker in event.tickers):
            bid, bid_size = best(ticker.best_bid, ticker.best_bid_quantity)
            ask, ask_size = best(ticker.best_ask, ticker.best_ask_quantity)
            yield Quote(f"{self.name}:{named(ticker.product_id)}", recv, time, bid, bid_size, ask, ask_size)

    def _acknowledged(self, events: list[_Subscribed], recv: int, time: int) -> Iterable[Event]:
        """Read the list of all that is on, which answers every request."""
        streams = (
            f"{channel}:{named(product)}"
            for event in events
            for channel, products in event.subscriptions.items()
            if channel in _CHANNELS.values()
            for product in products
        )
        yield Acknowledged("", recv, time, "", tuple(streams))

    def _heartbeat(self, events: list[Any], recv: int, time: int) -> Iterable[Event]:
        yield Heartbeat("", recv, time)

    @reading
    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read what a product's own page tells of a derivative.

        Its time of funding has passed when it is read, so that it says nothing of the next.
        """
        path = urlsplit(request.path).path
        if not path.startswith(f"{_PRODUCTS}/"):
            return ()
        product = msgspec.json.decode(body)
        details = product.get("future_product_details")
        if not details:
            return ()
        perpetual = details.get("perpetual_details") or {}
        return (
            Derivative(
                f"{self.name}:{named(product['product_id'])}",
                recv,
                None,
                index=number_or_none(details.get("index_price")),
                funding_rate=number_or_none(details.get("funding_rate") or perpetual.get("funding_rate")),
                open_interest=number_or_none(details.get("open_interest") or perpetual.get("open_interest")),
            ),
        )

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """Nothing chains a book's messages but the count of the connection; a gap in it may be of any product.

        Nothing says that a level which is deleted must have been told, so that it is no sign of loss when it was not.
        """
        return Integrity(counted=True, snapshot="stream", resync=RECONNECT)

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target: channel and product."""
        if target.channel not in ("", *self.books):
            hint = f"{target.venue}:{target.symbol}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        asked = [channel for channel in channels if channel in _CHANNELS]
        return [Stream(f"{_CHANNELS[channel]}:{target.symbol}", channel, target.symbol) for channel in asked]

    def opening(self) -> list[bytes]:
        """Ask for heartbeats, without which quiet channels are closed after a minute [D].

        It is also the subscription that must come within five seconds.
        """
        return [orjson.dumps({"type": "subscribe", "channel": "heartbeats"})]

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return a request a channel, of many products: one channel is all that a message may name [D]."""
        return self._ask("subscribe", streams)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return the requests that give streams up; the answer lists those that are left."""
        return self._ask("unsubscribe", streams)

    def _ask(self, kind: str, streams: Sequence[str]) -> list[Ask]:
        by_channel: dict[str, list[str]] = {}
        for stream in streams:
            by_channel.setdefault(stream.partition(":")[0], []).append(stream)
        asks = []
        for channel, names in by_channel.items():
            for group in self.requests(names):
                products = [name.partition(":")[2] for name in group]
                frame = orjson.dumps({"type": kind, "product_ids": products, "channel": channel})
                asks.append(Ask("", frame, group))
        return asks

    def snapshot_request(self, symbol: str) -> Request | None:
        """Snapshots begin the stream; REST's are numbered by nothing that the stream knows."""
        return None

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the requests for products: futures and perpetuals are asked for apart, where they may matter."""
        only_spot = symbols and all(symbol.replace("-", "").isalnum() and not _is_derivative(symbol) for symbol in symbols)
        return [Request(path) for path in _INSTRUMENTS[: 1 if only_spot else None]]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read a list of products [R]."""
        return Page([_instrument(entry) for entry in msgspec.json.decode(body)["products"]], [])

    def polls(self, symbol: str, channels: Sequence[str]) -> list[tuple[Request, float]]:
        """Index, funding and open interest are on a derivative's own page alone [R]."""
        if "derivatives" not in channels or not _is_derivative(symbol):
            return []
        return [(Request(f"{_PRODUCTS}/{symbol}"), 10.0)]

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request("/api/v3/brokerage/time")

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        return ms(msgspec.json.decode(body)["epochMillis"])


def _age(trade: Trade) -> tuple[int, int, str]:
    """Return what sorts trades: the time, and the id as a number where two have the same."""
    return trade.time or 0, len(trade.id), trade.id


def _is_derivative(symbol: str) -> bool:
    return symbol.upper().endswith(_DERIVATIVES)


def _instrument(entry: dict[str, Any]) -> Instrument:
    details = entry.get("future_product_details") or {}
    expiry = details.get("contract_expiry")
    kind, quote, status = _kind(entry["product_type"], details), entry["quote_currency_id"] or None, entry["status"] or None
    barred = any(entry[flag] for flag in ("is_disabled", "trading_disabled", "cancel_only", "view_only"))
    return Instrument(
        symbol=named(entry["product_id"]),
        kind=kind,
        base=entry["base_currency_id"] or details.get("contract_root_unit") or None,
        quote=quote,
        # Contracts are settled in cash: dollars those of Coinbase Derivatives, USDC the International Exchange's.
        settle=None if kind == "spot" else quote,
        tick=number(entry["price_increment"]),
        lot=number(entry["base_increment"]),
        multiplier=number_or_none(details.get("contract_size")),
        expiry=iso(expiry) if expiry else None,
        status=status,
        trading=not barred and status in (None, "online"),
        alias=entry["alias"] or None,
    )


def _kind(product_type: str, details: dict[str, Any]) -> str:
    if product_type != "FUTURE":
        return str(product_type).lower()
    # The US perpetuals expire years from now, "EXPIRING" by the venue's word; that they pay funding is what tells them.
    pays = details.get("contract_expiry_type") == "PERPETUAL" or details.get("funding_interval")
    return "perpetual" if pays else "future"
