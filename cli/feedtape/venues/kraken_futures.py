"""Kraken Futures, formerly Crypto Facilities: perpetual and dated contracts, WebSocket v1.

Sources, cited below by letter:
    [W] docs.kraken.com, exchange/api-reference/futures-websocket: book, trade, ticker, ticker_lite, heartbeat
    [G] docs.kraken.com, exchange/guides/futures: websockets, ratelimits
    [I] docs.kraken.com, futures REST: instruments
    [F] github.com/bmoscon/cryptofeed, sample_data: ten products of July 2021, 4,171 book updates and 1,003 trades without a hole
    [T] github.com/tardis-dev/tardis-node, src/mappers/cryptofacilities.ts: negative sizes in old data
    [A] github.com/ccxt/ccxt, pull request 28529, and github.com/nautechsystems/nautilus_trader, 4093: alerts in words
"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from feedtape.book.rules import Contiguous, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import ZERO, plain
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Levels,
    Liquidation,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as Beat
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import (
    LATEST_NS,
    best,
    iso,
    ms,
    ms_or_none,
    number,
    number_or_none,
    positive,
    read_exact,
    reading,
    side,
)

_FEEDS = {"book": "book", "trades": "trade", "quotes": "ticker", "derivatives": "ticker", "liquidations": "trade"}
_KINDS = {"P": "perpetual", "F": "future", "O": "option"}
_PRODUCT = re.compile(r"[A-Z]{2}_", re.ASCII)
_TOKENIZED = re.compile(r"[A-Z]{2}_[A-Z0-9]+x[A-Z]+", re.ASCII)
"""Contracts on tokenized stocks, the only symbols with a small letter."""
_NO_REFUSALS = ("Already subscribed to feed", "Not subscribed to feed")
"""Alerts that a stream is on, and told from its beginning again, or off already, as was asked [A]."""


class KrakenFutures(Venue):
    """Kraken Futures. Quotes come with the ticker, once a second at most [W]."""

    name = "kraken-futures"
    title = "Kraken Futures"
    decoder = "kraken-futures/1"
    since = "2019-03-31"
    ws_url = "wss://futures.kraken.com"
    rest_url = "https://futures.kraken.com"
    channels = ("book", "trades", "quotes", "derivatives", "liquidations")
    books = ("book",)
    # Connections and messages are limited [G]; of connects, REST calls and streams no number is published: ours are caution.
    limits = Limits(connects=Rate(10, 10), connections=100, messages=(Rate(100, 1),), rest=Rate(5, 1), streams=1000)
    # The venue wants a ping within every minute [G], of WebSocket's own as in its sample.
    heartbeat = Heartbeat(silence_s=60, ping_every_s=25)
    example = "PF_XBTUSD"

    # -- reading frames

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame: of a feed, or about a subscription [W]."""
        message = read_exact(payload)
        if message.get("event") is not None:
            return _said(message, recv)
        feed = named(message["feed"])
        if feed == "heartbeat":
            return (Beat("", recv, ms(message["time"])),)
        read = _READERS.get(feed)
        if read is None:
            return (Unread("", recv, None, feed),)
        return read(message, recv, f"{self.name}:{named(message['product_id'])}")

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Nothing is asked of a market by HTTP: a REST book has no number to join it with the stream."""
        return ()

    def integrity(self, channel: str) -> Integrity:
        """Each product counts its updates from the snapshot on [F].

        The levels of no size that a snapshot may hold are left out here, so that deleting an unknown level is no loss.
        """
        return Integrity(sequence=Contiguous(), snapshot="stream")

    # -- subscribing

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target, as `book:PF_XBTUSD`; the ticker and the trades bring two channels each."""
        if target.channel not in ("", *self.books):
            hint = f"{target.venue}:{target.symbol}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        found: dict[str, Stream] = {}
        for channel in self.channels:
            if channel in channels:
                name = f"{_FEEDS[channel]}:{target.symbol}"
                found.setdefault(name, Stream(name, channel, target.symbol))
        return list(found.values())

    def path(self, stream: Stream) -> str:
        """One address serves everything."""
        return "/ws/v1"

    def opening(self) -> list[bytes]:
        """Ask for the venue's own sign of life, so that a quiet market differs from a dead connection [W]."""
        return [orjson.dumps({"event": "subscribe", "feed": "heartbeat"})]

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests of many products each; answers name products and know no ids [W]."""
        return self._ask("subscribe", streams)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests that give streams up; a new subscription begins with a snapshot."""
        return self._ask("unsubscribe", streams)

    def _ask(self, event: str, streams: Sequence[str]) -> list[Ask]:
        by_feed: dict[str, list[str]] = {}
        for stream in streams:
            by_feed.setdefault(stream.partition(":")[0], []).append(stream)
        return [
            Ask(
                "", orjson.dumps({"event": event, "feed": feed, "product_ids": [name.partition(":")[2] for name in group]}), group
            )
            for feed, same in by_feed.items()
            for group in self.requests(same)
        ]

    def snapshot_request(self, symbol: str) -> Request | None:
        """Snapshots come in the stream."""
        return None

    # -- what is asked by HTTP

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for the list of contracts."""
        return [Request("/derivatives/api/v3/instruments")]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read the list of contracts, which holds indices too [I]."""
        answer = read_exact(body)
        if answer["result"] != "success":
            raise BadFrame(f"the venue answers {str(answer.get('error', answer['result']))[:200]}")
        return Page([self._instrument(entry) for entry in answer["instruments"]], [])

    def _instrument(self, entry: dict[str, Any]) -> Instrument:
        symbol, word = self.canonical_symbol(named(entry["symbol"])), str(entry["type"])
        kind = _KINDS.get(symbol[0], word) if _PRODUCT.match(symbol) else word
        base, quote, precision = entry.get("base"), entry.get("quote"), entry.get("contractValueTradePrecision")
        ends, tradeable = entry.get("lastTradingTime"), entry["tradeable"]
        if type(tradeable) is not bool:
            raise BadFrame("a contract that does not tell whether it is traded")
        return Instrument(
            symbol=symbol,
            kind=kind,
            base=base,
            quote=quote,
            settle=base if word.endswith("_inverse") else quote,
            tick=number_or_none(entry.get("tickSize")),
            # Of -3, sizes are thousands.
            lot=None if precision is None else plain(f"1e{-int(precision)}"),
            multiplier=number_or_none(entry.get("contractSize")),
            expiry=iso(ends) if ends and kind in ("future", "option") else None,
            trading=tradeable,
        )

    def canonical_symbol(self, symbol: str) -> str:
        """Symbols are upper case but for the `x` of tokenized stocks; the lists of 2021 wrote them small, frames did not [F]."""
        return symbol if _TOKENIZED.match(symbol) else symbol.upper()


def _said(message: dict[str, Any], recv: int) -> Sequence[Event]:
    event = named(message["event"])
    if event in ("subscribed", "unsubscribed"):
        return (Acknowledged("", recv, None, "", _streams(message)),)
    if event in ("subscribed_failed", "unsubscribed_failed"):
        return (Refused("", recv, None, None, None, str(message.get("message", event)), _streams(message)),)
    if event in ("error", "alert"):
        words = str(message["message"])
        if words.startswith(_NO_REFUSALS):
            return (Status("", recv, None, words),)
        return (Refused("", recv, None, None, None, words),)
    if event == "info":
        return (Greeting("", recv, None),)
    return (Beat("", recv, None) if event == "pong" else Unread("", recv, None, event),)


def _streams(message: dict[str, Any]) -> tuple[str, ...]:
    feed = named(message["feed"])
    return tuple(f"{feed}:{named(product)}" for product in message.get("product_ids") or ())


def _sequence(value: object) -> int:
    if type(value) is not int or not 0 <= value <= LATEST_NS:
        raise BadFrame(f"not a sequence number: {str(value)[:40]!r}")
    return value


def _size(value: object) -> str:
    """Return a size; a negative one deletes as well [T]."""
    text = number(value)
    return "0" if text[0] == "-" else text


def _levels(rows: Sequence[Any]) -> Levels:
    """Return the levels of a snapshot, without those of no size."""
    found = [(number(row["price"]), _size(row["qty"])) for row in rows]
    return [level for level in found if not ZERO[level[1]]]


def _snapshot(message: dict[str, Any], recv: int, target: str) -> Sequence[Event]:
    bids, asks, time = _levels(message["bids"]), _levels(message["asks"]), ms_or_none(message.get("timestamp"))
    return (BookSnapshot(target, recv, time, "book", bids, asks, _sequence(message["seq"])),)


def _delta(message: dict[str, Any], recv: int, target: str) -> Sequence[Event]:
    """Read a change of one level; before mid-2019 without a time."""
    change, sequence = [(number(message["price"]), _size(message["qty"]))], _sequence(message["seq"])
    bids, asks = (change, []) if side(message["side"]) == "buy" else ([], change)
    return (BookDelta(target, recv, ms_or_none(message.get("timestamp")), "book", bids, asks, sequence, sequence),)


def _trade(message: dict[str, Any], recv: int, target: str) -> Sequence[Event]:
    """Read a trade; `side` is the taker's [W], which in a liquidation is the order that closes the position.

    Trades of a product are counted, apart from its book updates. Before mid-2019 they had no id.
    """
    price, size, taker = positive(message["price"]), positive(message["qty"]), side(message["side"])
    time, uid = ms(message["time"]), message.get("uid")
    traded = Trade(target, recv, time, price, size, taker, "" if uid is None else str(uid), _sequence(message["seq"]))
    if message["type"] != "liquidation":
        return (traded,)
    return (traded, Liquidation(target, recv, time, price, size, taker, traded.id or None))


def _history(message: dict[str, Any], recv: int, target: str) -> Sequence[Event]:
    """Leave the trades from before the subscription alone: they are no news."""
    return (Unread(target, recv, None, "trade history"),)


def _ticker(message: dict[str, Any], recv: int, target: str) -> Sequence[Event]:
    time = ms(message["time"])
    told = Derivative(
        target,
        recv,
        time,
        last=number_or_none(message.get("last")),
        mark=number_or_none(message.get("markPrice")),
        index=number_or_none(message.get("index")),
        funding_rate=_funding_rate(message),
        funding_time=ms_or_none(message.get("next_funding_rate_time")),
        open_interest=number_or_none(message.get("openInterest")),
    )
    return told, _quote(message, recv, target, time)


def _funding_rate(message: dict[str, Any]) -> str | None:
    """Return the rate relative to the index; `funding_rate` is an amount a contract.

    Rates of zero are left out [W]: a contract that tells when funding is next, and no rate, has that of zero.
    """
    rate = message.get("relative_funding_rate")
    if rate is None and message.get("next_funding_rate_time") and "funding_rate" not in message:
        return "0"
    return number_or_none(rate)


def _ticker_lite(message: dict[str, Any], recv: int, target: str) -> Sequence[Event]:
    """Read best prices that come without sizes and time."""
    return (_quote(message, recv, target, None),)


def _quote(message: dict[str, Any], recv: int, target: str, time: int | None) -> Quote:
    bid, ask = best(message.get("bid"), message.get("bid_size")), best(message.get("ask"), message.get("ask_size"))
    return Quote(target, recv, time, *bid, *ask)


_READERS = {
    "book": _delta,
    "book_snapshot": _snapshot,
    "trade": _trade,
    "trade_snapshot": _history,
    "ticker": _ticker,
    "ticker_lite": _ticker_lite,
}
