"""Events: what frames mean. A venue's decoder makes them from one frame, without state; books and screens consume them.

Prices, sizes and rates are the venue's own decimal texts. Times are ns since 1970: `recv` is when the frame's bytes arrived
here, `time` is what the venue says, `None` where it says nothing. `None` anywhere means "not said", never zero.
"""

from typing import Any, Literal

import msgspec

Side = Literal["buy", "sell"]
Levels = list[tuple[str, str]]
"""Price levels as the venue sends them: price and size each, size zero deletes."""


Order = tuple[str, str, str, str]
"""A change of one order: its id, `bid` or `ask`, its price and its size. Size zero deletes; an empty price means the one that
the order had."""

_TIMES = frozenset({"funding_time", "since", "expiry"})
"""Fields beyond `recv` and `time` that are times; JSON numbers cannot hold ns."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that a frame said about a target."""

    target: str
    recv: int
    time: int | None

    def as_json(self) -> dict[str, Any]:
        """The event as JSON values: `type` first, times as strings of ns, what was not said left out."""
        fields: dict[str, Any] = {"type": type(self).__name__.lower(), "target": self.target, "recv": str(self.recv)}
        if self.time is not None:
            fields["time"] = str(self.time)
        for name in self.__struct_fields__[3:]:
            value = getattr(self, name)
            if value is not None and value != "" and value != ():
                fields[name] = str(value) if name in _TIMES else value
        return fields


class Trade(Event, frozen=True, gc=False):
    """A match. `side` is the aggressor's, None where the venue does not tell it.

    `number` is the id where ids of the stream have no holes, so that a hole is a loss.
    """

    price: str
    size: str
    side: Side | None
    id: str
    number: int | None = None


class SpentTradeId(Event, frozen=True, gc=False):
    """A trade number that the venue used for something that is no trade on the market (an insurance fund's, a placeholder)."""

    number: int


class Unread(Event, frozen=True, gc=False):
    """A frame that is well formed and that no channel of ours reads, such as a candle. `name` is the venue's word for it."""

    name: str


class Quote(Event, frozen=True, gc=False):
    """Best bid and ask, as a channel of their own says them."""

    bid: str | None
    bid_size: str | None
    ask: str | None
    ask_size: str | None
    sequence: int | None = None


class BookDelta(Event, frozen=True, gc=False):
    """Changed levels, with absolute sizes.

    `channel` is the venue's word for the stream. `first`, `last` and `prev` are what the venue's sequence rule needs: the
    range of updates inside, and the last one of the message before. `orders` stands in for the levels where the venue tells
    single orders: levels are what those add up to.
    """

    channel: str
    bids: Levels
    asks: Levels
    first: int | None
    last: int | None
    prev: int | None = None
    checksum: int | None = None
    orders: list[Order] | None = None

    def as_json(self) -> dict[str, Any]:
        """As for every event, named `book` with `snapshot` false."""
        return super().as_json() | {"type": "book", "snapshot": False}


class BookSnapshot(Event, frozen=True, gc=False):
    """A whole side-by-side picture. An empty `channel` means that it came by REST and serves every channel of its symbol.

    `orders` are as for `BookDelta`.
    """

    channel: str
    bids: Levels
    asks: Levels
    sequence: int | None
    checksum: int | None = None
    orders: list[Order] | None = None

    def as_json(self) -> dict[str, Any]:
        """As for every event, named `book` with `snapshot` true."""
        return super().as_json() | {"type": "book", "snapshot": True}


class BookChecksum(Event, frozen=True, gc=False):
    """The checksum of a book as of all that was said before, where it comes in a message of its own."""

    channel: str
    checksum: int


class Derivative(Event, frozen=True, gc=False):
    """Facts of a derivative that one message told; a message tells some of them.

    `funding_time` is when `funding_rate` is exchanged next, ns since 1970.
    """

    last: str | None = None
    mark: str | None = None
    index: str | None = None
    funding_rate: str | None = None
    funding_time: int | None = None
    open_interest: str | None = None


class Liquidation(Event, frozen=True, gc=False):
    """A forced order. `side` is the order's: `sell` means that a long was liquidated."""

    price: str
    size: str
    side: Side
    id: str | None = None


class OptionSummary(Event, frozen=True, gc=False, omit_defaults=True):
    """What a venue says of an option: its terms, prices, implied volatilities as fractions of one (0.65 is 65 %), greeks.

    `option` is `call` or `put`, `expiry` ns since 1970, `underlying` the price of what the option is on, by the venue's word
    `underlying_name`. `volume` is of the last 24 hours, in the unit of sizes: coins on Deribit and Bybit, contracts on OKX and
    Binance. A message may tell some of them; `none` names those of which it says that there is none now, such as a bid.
    """

    option: str | None = None
    strike: str | None = None
    expiry: int | None = None
    bid: str | None = None
    bid_size: str | None = None
    bid_iv: str | None = None
    ask: str | None = None
    ask_size: str | None = None
    ask_iv: str | None = None
    last: str | None = None
    mark: str | None = None
    mark_iv: str | None = None
    underlying: str | None = None
    underlying_name: str = ""
    open_interest: str | None = None
    delta: str | None = None
    gamma: str | None = None
    vega: str | None = None
    theta: str | None = None
    rho: str | None = None
    volume: str | None = None
    none: tuple[str, ...] = ()


class Numbered(Event, frozen=True, gc=False):
    """The frame's own number among all of its connection, where the venue counts them; always a frame's first event.

    Nothing tells which book a missing frame was of, so that one missing is a loss for each.
    """

    number: int


class Greeting(Event, frozen=True, gc=False):
    """The venue is ready to be asked."""


class Reply(Event, frozen=True, gc=False):
    """The venue waits for this text, as a sign of life; a replay sends nothing."""

    text: str


class Acknowledged(Event, frozen=True, gc=False):
    """The venue took a request. `target` is empty; `request` is the request's id, empty where the answer names none.

    `streams` names those that it took; where it names some of a request's streams only, the others are refused if
    `request` is told, and still unanswered if not. None: all of the request.
    """

    request: str = ""
    streams: tuple[str, ...] | None = None


class Refused(Event, frozen=True, gc=False):
    """The venue turned a request down, in its own words; `streams` names what it does not take, where it says so."""

    request: str | None = None
    code: str | None = None
    message: str = ""
    streams: tuple[str, ...] = ()


class Heartbeat(Event, frozen=True, gc=False):
    """An application-level sign of life."""


class Status(Event, frozen=True, gc=False):
    """The venue said something about itself: maintenance, a shutdown to come (`renew` is true: connect anew at once)."""

    message: str = ""
    renew: bool = False


class Gap(Event, frozen=True, gc=False):
    """Evidence of loss. `time` is None; `recv` is when it was noticed.

    Attributes:
        kind: `gap` (the sequence broke), `trades` (trade numbers broke), `disconnect`, `dropped` (here), `bad-frame`,
            `refused-frame` (longer than the limit), `untracked` (more books than are followed), `checksum`, `snapshot-stale`.
        since: receipt of the last thing known to be whole.
        missed: how many updates, by the venue's own numbering, where that can be told.
    """

    kind: str
    since: int
    missed: int | None = None
    detail: str = ""


class Resync(Event, frozen=True, gc=False):
    """A broken book was rebuilt from a snapshot. `since` is when it broke."""

    since: int
    sequence: int | None
