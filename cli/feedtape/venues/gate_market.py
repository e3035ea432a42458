"""What the dialects of Gate share: channels, books, requests. `gate` has the rest, and what the letters in brackets stand for."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import orjson

from feedtape.book.rules import WAIT, Contiguous, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import ZERO
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Event,
    Levels,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as Sign
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import levels, ms, number, number_or_none, positive, read_exact, reading, seconds, side

_OBU = re.compile(r"ob\.(.+)\.([0-9]{1,4})", re.ASCII)
_LISTS = frozenset({"trades", "book_ticker", "tickers", "public_liquidates", "obu"})
"""Channels that take many symbols in one message; of others a message is one subscription [S][F]."""

_V2 = Integrity(sequence=Contiguous(), snapshot="stream")
# Levels pushed out of the best 100 are heard of no more; nothing deletes them [W].
_UPDATES = Integrity(sequence=Contiguous(), depth=100)
_PICTURES = Integrity(
    snapshot="full", resync=WAIT, unprovable="each message is a whole picture; nothing links it to the one before"
)


def update_id(value: object) -> int:
    """Return an update id.

    Raises:
        BadFrame: when it is none that a keyframe can hold.
    """
    if type(value) is not int or not 0 <= value < 2**63:
        raise BadFrame(f"an update id that is none: {str(value)[:40]!r}")
    return value


def entries(body: bytes) -> list[Any]:
    """Return what a list of instruments holds.

    Raises:
        BadFrame: when it is no list.
    """
    found = read_exact(body)
    if type(found) is not list:
        raise BadFrame("a list of instruments that is none")
    return found


def _best(price: object, size: object) -> tuple[str | None, str | None]:
    """Read one side of a quote: an empty price is an empty side; a price of size zero has a size that was rounded away [F]."""
    price_text, size_text = number_or_none(price), number_or_none(size)
    if price_text is None or ZERO[price_text]:
        return None, None
    return price_text, None if size_text is None or ZERO[size_text] else size_text


class GateMarket(Venue):
    """What the dialects share."""

    market: ClassVar[str]
    """The dialect's prefix of channel names."""
    books: ClassVar[tuple[str, ...]] = ("ob.400", "ob.50", "order_book_update", "order_book")
    rest_url = "https://api.gateio.ws"
    limits = Limits(
        connects=Rate(100, 60), connections=300, messages=(Rate(50, 1),), rest=Rate(200, 10), streams=150, request_streams=50
    )
    heartbeat = Heartbeat(silence_s=45, ping_every_s=15)

    # -- reading frames

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame. Trades come only as they happen: a subscription brings no history."""
        message = read_exact(payload)
        market, _, channel = message["channel"].partition(".")
        if channel == "pong":
            return (Sign("", recv, None),)
        if channel == "system":
            return (self._notice(message, recv),)
        if message.get("error") is not None or message.get("event") in ("subscribe", "unsubscribe"):
            return (self._answer(message, recv),)
        result = message["result"]
        if market == self.market:
            match channel:
                case "obu":
                    return (self._v2(result, recv),)
                case "order_book_update":
                    return (self._update(result, recv),)
                case "order_book":
                    return self._picture(message, result, recv)
                case "book_ticker":
                    return (self._quote(result, recv),)
                case "trades":
                    return [self._trade(row, recv) for row in (result if type(result) is list else [result])]
        return self._others(channel, message, recv)

    def _others(self, channel: str, message: Any, recv: int) -> Sequence[Event]:
        return (Unread("", recv, None, message["channel"]),)

    def _target(self, symbol: str) -> str:
        return f"{self.name}:{named(symbol)}"

    def _notice(self, message: Any, recv: int) -> Event:
        """Read what the server says of itself: before an upgrade one is to connect anew [S][F]."""
        result = message.get("result") or {}
        renew = "upgrade" in (result.get("type"), message.get("event"))
        return Status("", recv, sent(message), str(result.get("msg") or "a notice without words"), renew)

    def _answer(self, message: Any, recv: int) -> Event:
        """Read an answer: it echoes the request's id, or, where that had none, perhaps what was asked for [S]."""
        request, payload, channel = message.get("id"), message.get("payload") or [], message["channel"]
        named_as = "" if request is None else str(request)
        takes_many = channel.partition(".")[2] in _LISTS
        streams = () if named_as else tuple(f"{channel} {one}" for one in (payload if takes_many else [",".join(payload)]) if one)
        error, status = message.get("error"), (message.get("result") or {}).get("status")
        if error is not None:
            return Refused("", recv, None, named_as or None, str(error["code"]), str(error["message"]), streams)
        if status != "success":
            return Refused("", recv, None, named_as or None, None, f"status {status}", streams)
        return Acknowledged("", recv, None, named_as, streams or None)

    def _v2(self, result: Any, recv: int) -> Event:
        """Read a message of order book v2; one of ids alone has no levels [F][P]."""
        name = _OBU.fullmatch(result["s"])
        if name is None:
            raise BadFrame("an order book of no name")
        target, channel, time, last = self._target(name[1]), f"ob.{name[2]}", ms(result["t"]), update_id(result["u"])
        bids, asks = levels(result.get("b", [])), levels(result.get("a", []))
        if result.get("full"):
            return BookSnapshot(target, recv, time, channel, bids, asks, last)
        return BookDelta(target, recv, time, channel, bids, asks, update_id(result["U"]), last)

    def _update(self, result: Any, recv: int) -> Event:
        """Read a message of the older channel; documents allow for whole pictures in it, which nobody has seen [F][P]."""
        target, time, last = self._target(result["s"]), ms(result["t"]), update_id(result["u"])
        bids, asks = self._levels(result["b"]), self._levels(result["a"])
        if result.get("full"):
            return BookSnapshot(target, recv, time, "order_book_update", bids, asks, last)
        return BookDelta(target, recv, time, "order_book_update", bids, asks, update_id(result["U"]), last)

    def _levels(self, rows: Any) -> Levels:
        return levels(rows)

    def _picture(self, message: Any, result: Any, recv: int) -> Sequence[Event]:
        target, last = self._target(result["s"]), update_id(result["lastUpdateId"])
        bids, asks = self._levels(result["bids"]), self._levels(result["asks"])
        return (BookSnapshot(target, recv, ms(result["t"]), "order_book", bids, asks, last),)

    def _quote(self, result: Any, recv: int) -> Event:
        bid, ask = _best(result["b"], result["B"]), _best(result["a"], result["A"])
        return Quote(self._target(result["s"]), recv, ms(result["t"]), *bid, *ask, update_id(result["u"]))

    def _trade(self, row: Any, recv: int) -> Event:
        # Ids are of all pairs together, so that those of one have holes.
        sold = side(row["side"])
        price, size = positive(row["price"]), positive(row["amount"])
        return Trade(self._target(row["currency_pair"]), recv, ms(row["create_time_ms"]), price, size, sold, number(row["id"]))

    @reading
    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read an order book with its id."""
        parts = urlsplit(request.path)
        if not parts.path.endswith("/order_book"):
            return ()
        query = parse_qs(parts.query)
        [symbol] = query.get("currency_pair") or query["contract"]
        book = read_exact(body)
        bids, asks = self._levels(book["bids"]), self._levels(book["asks"])
        return (BookSnapshot(self._target(symbol), recv, self._changed(book), "", bids, asks, update_id(book["id"])),)

    def _changed(self, book: Any) -> int | None:
        return ms(book["update"]) if "update" in book else None

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """Ids have no holes in either incremental channel [F]; pictures are linked by nothing.

        Deletes of unknown levels are normal: a message tells what changed in a while, and a level may have come and gone.
        """
        if channel == "order_book":
            return _PICTURES
        return _UPDATES if channel == "order_book_update" else _V2

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name channel and payload of each stream, such as `spot.obu ob.BTC_USDT.400`."""
        if target.channel and target.channel not in self.books:
            hint = f"{target.venue}:{target.symbol}@ob.50, or one of {', '.join(self.books)}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        symbol, book = target.symbol, target.channel or self.books[0]
        names = {
            "book": f"obu ob.{symbol}.{book[3:]}" if book.startswith("ob.") else f"{book} {self._asked(symbol, book)}",
            "trades": f"trades {symbol}",
            "quotes": f"book_ticker {symbol}",
            "derivatives": f"tickers {symbol}",
            "liquidations": f"public_liquidates {symbol}",
        }
        asked = [channel for channel in channels if channel in self.channels]
        return [Stream(f"{self.market}.{names[channel]}", channel, symbol) for channel in asked]

    def _asked(self, symbol: str, book: str) -> str:
        """Return what an older book channel is asked for by."""
        return f"{symbol},100ms" if book == "order_book_update" else f"{symbol},100,100ms"

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests of many streams each, where the channel takes many. Their `time` is for those who sign [S]."""
        return self._ask("subscribe", streams, first_id)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return the requests that give streams up [S]."""
        return self._ask("unsubscribe", streams, first_id)

    def _ask(self, event: str, streams: Sequence[str], first_id: int) -> list[Ask]:
        by_channel: dict[str, list[str]] = {}
        for name in streams:
            by_channel.setdefault(name.partition(" ")[0], []).append(name)
        asks: list[Ask] = []
        for channel, names in by_channel.items():
            takes_many = channel.partition(".")[2] in _LISTS
            for group in self.requests(names) if takes_many else [(name,) for name in names]:
                payload = [item for name in group for item in name.partition(" ")[2].split(",")]
                number = first_id + len(asks)
                frame = {"id": number, "channel": channel, "event": event, "payload": payload}
                asks.append(Ask(str(number), orjson.dumps(frame), group))
        return asks

    def ping(self, number: int, now: int) -> bytes:
        """Return the application's ping, with the time in seconds [S][F]."""
        return orjson.dumps({"time": now // 10**9, "channel": f"{self.market}.ping"})

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request("/api/v4/spot/time")

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        return ms(read_exact(body)["server_time"])


def sent(message: Any) -> int | None:
    """Tell when a message was sent: in milliseconds since 2022 or so, in seconds before [O]."""
    if message.get("time_ms"):
        return ms(message["time_ms"])
    return seconds(message["time"]) if "time" in message else None


class GateSpotMarket(GateMarket):
    name = "gate"
    title = "Gate spot"
    market = "spot"
    channels = ("book", "trades", "quotes")
    example = "BTC_USDT"

    ws_url = "wss://api.gateio.ws"

    def path(self, stream: Stream) -> str:
        """Return the one path of version 4."""
        return "/ws/v4/"

    def snapshot_request(self, symbol: str) -> Request:
        """Return the request for the best 100 levels: what is beyond is cached for long, and heard of no more [W]."""
        return Request(f"/api/v4/spot/order_book?currency_pair={symbol}&limit=100&with_id=true")

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for all pairs."""
        return [Request("/api/v4/spot/currency_pairs")]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read the pairs; their precisions are numbers of decimals."""
        return Page([self._instrument(entry) for entry in entries(body)], [])

    def _instrument(self, entry: Any) -> Instrument:
        status = entry["trade_status"]
        return Instrument(
            symbol=named(entry["id"]),
            kind="spot",
            base=entry["base"],
            quote=entry["quote"],
            tick=_step(entry["precision"]),
            lot=_step(entry["amount_precision"]),
            status=status,
            trading=status != "untradable",
        )


def _step(decimals: int) -> str:
    return number(f"1e-{decimals:d}")
