"""How Bybit's frames were read before: the first years of v5, contracts of 2018 to 2023, spot of 2021 to 2023.

Sources: docs/v5 of 2023 in github.com/bybit-exchange/docs; github.com/bybit-exchange/docs-legacy; captures of tardis.dev, whose
liquidations of before the stream had them are polled ones, marked `generated`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from feedtape.book.rules import WAIT, Integrity
from feedtape.errors import BadFrame
from feedtape.model.decimals import ZERO, shifted
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Levels,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.venues import bybit_v5
from feedtape.venues.bybit_v5 import LEVEL_1, V5, Frame, is_whole, liquidation, quote_of, read_book, time_of
from feedtape.venues.contract import Conversation, Venue, named
from feedtape.venues.reading import best, iso, levels, ms, number, number_or_none, positive, read_exact, reading, side, us

_Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_TOPS_KEPT: Final = 20_000
"""Best prices that are remembered; a hostile capture may invent symbols without end."""


class _One(msgspec.Struct, gc=False):
    """A liquidation of the stream that had one a message."""

    symbol: str
    side: str
    size: str
    price: str
    updatedTime: int


_ONE: Final = msgspec.json.Decoder(_One)


class FirstV5(V5):
    """v5 until 2025-03-20: level 1 told changes, and liquidations had a stream of one each."""

    def __init__(self) -> None:
        super().__init__()
        if "liquidations" in self.channels:
            self._readers["liquidation"] = self._liquidation

    def conversation(self) -> Conversation:
        """Return what remembers the best prices, which a change of level 1 is applied to."""
        return _Level1(self)

    def _liquidation(self, frame: Frame, recv: int) -> Sequence[Event]:
        one = _ONE.decode(frame.data)
        target = f"{self.name}:{named(one.symbol)}"
        return (liquidation(target, recv, one.updatedTime, one.price, one.size, one.side),)


class _Level1(Conversation):
    """Puts whole quotes together of the changes of level 1."""

    def __init__(self, venue: FirstV5) -> None:
        self._venue = venue
        self._tops: dict[str, Quote] = {}

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read a frame; a change of what is not known says nothing, since nobody can tell what the other side is."""
        frame = bybit_v5.read(payload)
        channel, _, symbol = frame.topic.rpartition(".")
        if channel != LEVEL_1:
            return self._venue.of_frame(frame, recv)
        book, time = read_book(frame, symbol), time_of(frame)
        target = f"{self._venue.name}:{named(symbol)}"
        before = self._tops.pop(symbol, None)
        if is_whole(frame, book):
            top = quote_of(target, recv, time, book)
        elif before is None or before.sequence is None or book.u != before.sequence + 1:
            return (Unread(target, recv, None, f"{LEVEL_1}, a change of what is not known"),)
        else:
            bid, bid_size = _changed(before.bid, before.bid_size, book.b)
            ask, ask_size = _changed(before.ask, before.ask_size, book.a)
            top = Quote(target, recv, time, bid, bid_size, ask, ask_size, book.u)
        if len(self._tops) >= _TOPS_KEPT:
            self._tops.clear()
        self._tops[symbol] = top
        return (top,)

    def save(self) -> Any:
        """Return the best prices by symbol."""
        kept = {symbol: [top.bid, top.bid_size, top.ask, top.ask_size, top.sequence] for symbol, top in self._tops.items()}
        return kept or None

    def load(self, saved: Any) -> None:
        """Take over what `save` returned; what is not part of a later quote is left out."""
        self._tops = {symbol: Quote("", 0, None, *top) for symbol, top in (saved or {}).items()}


def _changed(price: str | None, size: str | None, rows: Levels) -> tuple[str | None, str | None]:
    """Apply the rows of one side to its only level: whatever is not deleted is the level now."""
    for row_price, row_size in rows:
        if not ZERO[row_size]:
            price, size = number(row_price), row_size
        elif row_price == price:
            price = size = None
    return price, size


class Contracts2(Venue):
    """Linear and inverse contracts, `realtime` and `realtime_public`: levels by action, numbers scaled by powers of ten."""

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame; linear contracts wrote some integers as texts."""
        message = read_exact(payload)
        if "topic" not in message:
            return _answer(message, recv)
        topic = message["topic"]
        kind, _, rest = topic.partition(".")
        symbol = rest.rpartition(".")[2]
        if kind.startswith("orderBook"):
            return self._levels(message, recv, topic[: -len(symbol) - 1], symbol)
        if kind == "trade":
            return [self._trade(one, recv) for one in message["data"]]
        if kind == "instrument_info":
            return self._facts(message, recv)
        if kind == "liquidation":
            data = message["data"]
            return [self._liquidation(one, recv) for one in (data if type(data) is list else [data])]
        return (Unread("", recv, None, named(kind)),)

    def _target(self, symbol: Any) -> str:
        return f"{self.name}:{named(symbol)}"

    def _levels(self, message: Any, recv: int, channel: str, symbol: str) -> Sequence[Event]:
        data, time = message["data"], us(message["timestamp_e6"])
        sequence = msgspec.convert(message["cross_seq"], _Sequence, strict=False)
        target = self._target(symbol)
        if message["type"] == "snapshot":
            bids, asks = _sides(data if type(data) is list else data["order_book"])
            return (BookSnapshot(target, recv, time, channel, bids, asks, sequence),)
        bids, asks = _sides([*(row | {"size": 0} for row in data["delete"]), *data["update"], *data["insert"]])
        return (BookDelta(target, recv, time, channel, bids, asks, None, sequence),)

    def _trade(self, one: Any, recv: int) -> Trade:
        time = ms(one["trade_time_ms"]) if "trade_time_ms" in one else iso(one["timestamp"])
        aggressor = side(one["side"], "Buy", "Sell")
        price, size, id = positive(one["price"]), positive(one["size"]), named(one["trade_id"])
        return Trade(self._target(one["symbol"]), recv, time, price, size, aggressor, id)

    def _facts(self, message: Any, recv: int) -> Sequence[Event]:
        """Read facts; a change tells some of them, mostly none of ours."""
        data, time = message["data"], us(message["timestamp_e6"])
        events = []
        for one in [data] if "symbol" in data else data["update"]:
            facts: dict[str, Any] = {
                "last": _scaled(one, "last_price", 4),
                "mark": _scaled(one, "mark_price", 4),
                "index": _scaled(one, "index_price", 4),
                "funding_rate": _scaled(one, "funding_rate", 6),
                "funding_time": _funding_time(one.get("next_funding_time")),
                "open_interest": _scaled(one, "open_interest", 8),
            }
            if any(fact is not None for fact in facts.values()):
                events.append(Derivative(self._target(one["symbol"]), recv, time, **facts))
        return events

    def _liquidation(self, one: Any, recv: int) -> Event:
        event = liquidation(self._target(one["symbol"]), recv, one["time"], number(one["price"]), number(one["qty"]), one["side"])
        return msgspec.structs.replace(event, id=named(str(one["id"]))) if "id" in one else event

    def integrity(self, channel: str) -> Integrity:
        """Levels are named by what happened to them; the numbers that come along have holes."""
        return Integrity(snapshot="stream", unprovable="cross sequences have holes, and nothing else links messages")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise BadFrame(f"no text: {str(value)[:40]!r}")
    return value


def _answer(message: Any, recv: int) -> Sequence[Event]:
    """Read what is of no topic: it repeats the request instead of an id."""
    request, words = message["request"], _text(message["ret_msg"])
    if words == "pong":
        return (Heartbeat("", recv, None),)
    streams = tuple(map(named, request["args"]))
    if message["success"]:
        return (Acknowledged("", recv, None, "", streams),)
    return (Refused("", recv, None, None, None, words, streams),)


def _sides(rows: Sequence[Any]) -> tuple[Levels, Levels]:
    bids: Levels = []
    asks: Levels = []
    for row in rows:
        ours = bids if side(row["side"], "Buy", "Sell") == "buy" else asks
        ours.append((number(row["price"]), number(row["size"])))
    return bids, asks


def _scaled(one: Any, name: str, places: int) -> str | None:
    """Return a number by its name, or as an integer by the name that tells its scale."""
    plain = number_or_none(one.get(name))
    scaled = number_or_none(one.get(f"{name}_e{places}"))
    return plain if plain is not None or scaled is None else shifted(scaled, places)


def _funding_time(text: str | None) -> int | None:
    """Dated contracts have none, and say so with the year 1."""
    return None if not text or text < "1970" else iso(text)


class Spot2(Venue):
    """Spot, `quote/ws/v2`: books as whole pictures of 40 levels, and topics without a symbol in their name."""

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame."""
        message = read_exact(payload)
        if "pong" in message:
            return (Heartbeat("", recv, ms(message["pong"])),)
        if "event" in message:
            if message["code"] == "0":
                return (Acknowledged("", recv, None),)
            return (Refused("", recv, None, None, _text(message["code"]), _text(message["msg"])),)
        topic, data = _text(message["topic"]), message["data"]
        target = f"{self.name}:{named(message['params']['symbol'])}"
        if topic == "depth":
            return (BookSnapshot(target, recv, ms(data["t"]), topic, levels(data["b"]), levels(data["a"]), None),)
        if topic == "trade":
            # `m` tells whether the buyer was the taker.
            aggressor = side(data["m"], True, False)
            return (Trade(target, recv, ms(data["t"]), positive(data["p"]), positive(data["q"]), aggressor, named(data["v"])),)
        if topic == "bookTicker":
            bid, ask = best(data["bidPrice"], data["bidQty"]), best(data["askPrice"], data["askQty"])
            return (Quote(target, recv, ms(data["time"]), *bid, *ask),)
        return (Unread(target, recv, None, named(topic)),)

    def integrity(self, channel: str) -> Integrity:
        """Each message is a whole picture, which nothing links to the one before."""
        why = "each message is a whole picture; nothing links it to the one before"
        return Integrity(snapshot="full", resync=WAIT, unprovable=why)
