"""What Bitget's messages look like, in the three generations of its protocol. The letters of sources are those of `bitget`.

The rows of every generation go by the same names here, so that one reading serves them all.
"""

from typing import Any, Final, NamedTuple

import msgspec

from feedtape.errors import BadFrame
from feedtape.model.events import Levels

Stamp = int | str
"""A time or a number, which some of the generations send as a text."""
_LARGEST: Final = 2**63 - 1


class _Shape(msgspec.Struct, gc=False):
    """What a message must have; fields that are not named here are none of our business."""


class Arg(_Shape):
    """What a message is of, in the words of v3 or of the earlier generations."""

    instType: str
    topic: str = ""
    symbol: str = ""
    channel: str = ""
    instId: str = ""

    @property
    def stream(self) -> str:
        """The name of the stream."""
        return "/".join(part for part in (self.instType, self.topic or self.channel, self.symbol or self.instId) if part)


class Frame(_Shape):
    """A message: an answer has an `event`, what a stream brings has `action` and `data`."""

    arg: Arg | None = None
    event: str | None = None
    action: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    ts: Stamp = ""
    code: Stamp | None = None
    msg: str = ""


class _Book(_Shape):
    asks: Levels
    bids: Levels
    ts: Stamp
    seq: Stamp | None = None
    pseq: Stamp | None = None
    checksum: int | None = None


class _BookV3(_Shape, rename={"asks": "a", "bids": "b"}):
    asks: Levels
    bids: Levels
    ts: Stamp
    seq: Stamp | None = None
    pseq: Stamp | None = None
    checksum: int | None = None


class _Trade(_Shape, rename={"id": "tradeId"}):
    id: str
    price: str
    size: str
    side: str
    ts: Stamp


class _TradeV3(_Shape, rename={"id": "i", "price": "p", "size": "v", "side": "S", "ts": "T"}):
    id: str
    price: str
    size: str
    side: str
    ts: Stamp


class _TradeV1(_Shape, array_like=True):
    ts: Stamp
    price: str
    size: str
    side: str
    id: str = ""
    """Never told [V]."""


class _Ticker(_Shape, rename={"last": "lastPr", "rate": "fundingRate", "open_interest": "holdingAmount"}):
    last: str
    ts: Stamp
    markPrice: str | None = None
    indexPrice: str | None = None
    rate: str | None = None
    nextFundingTime: Stamp | None = None
    open_interest: str | None = None


class _TickerV3(_Shape, rename={"last": "lastPrice", "rate": "fundingRate", "open_interest": "openInterest"}):
    last: str
    markPrice: str | None = None
    indexPrice: str | None = None
    rate: str | None = None
    nextFundingTime: Stamp | None = None
    open_interest: str | None = None
    ts: Stamp = ""
    """Told by the message around it."""


class _TickerV1(
    _Shape, rename={"ts": "systemTime", "rate": "capitalRate", "nextFundingTime": "nextSettleTime", "open_interest": "holding"}
):
    last: str
    ts: Stamp
    markPrice: str | None = None
    indexPrice: str | None = None
    rate: str | None = None
    nextFundingTime: Stamp | None = None
    open_interest: str | None = None


class Liquidation(_Shape):
    """A row of v3, which alone has them."""

    symbol: str
    side: str
    price: str
    amount: str
    ts: Stamp


class Answer(_Shape):
    """The answer to a request."""

    code: str
    data: msgspec.Raw
    msg: str = ""


class Now(_Shape):
    """The venue's time."""

    serverTime: Stamp


class Listed(_Shape):
    """An instrument."""

    symbol: str
    category: str
    baseCoin: str
    quoteCoin: str
    status: str | None = None
    type: str | None = None
    symbolType: str | None = None
    priceMultiplier: Stamp | None = None
    pricePrecision: Stamp | None = None
    quantityMultiplier: Stamp | None = None
    quantityPrecision: Stamp | None = None
    deliveryTime: Stamp | None = None


ANSWER = msgspec.json.Decoder(Answer)
FRAME = msgspec.json.Decoder(Frame)
ARG = msgspec.json.Decoder(Arg)
LIQUIDATIONS = msgspec.json.Decoder(list[Liquidation])


class Generation(NamedTuple):
    """How one generation of the protocol calls its trades, and what reads the rows of its books, trades and tickers."""

    trades: str
    books: msgspec.json.Decoder[list[Any]]
    trade_rows: msgspec.json.Decoder[list[Any]]
    tickers: msgspec.json.Decoder[list[Any]]


def _rows(shape: Any) -> msgspec.json.Decoder[list[Any]]:
    return msgspec.json.Decoder(list[shape])


V3 = Generation("publicTrade", _rows(_BookV3), _rows(_TradeV3), _rows(_TickerV3))
V2 = Generation("trade", _rows(_Book), _rows(_Trade), _rows(_Ticker))
V1 = Generation("trade", _rows(_Book), _rows(_TradeV1), _rows(_TickerV1))


def sequence_number(value: Stamp | None) -> int:
    """Return a number of the book, which comes as an integer, or as its text as documented, and may be beyond 2^53 [P][U]."""
    if type(value) is int and 0 <= value <= _LARGEST:
        return value
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _LARGEST:
        raise BadFrame(f"not a sequence number: {text[:40]!r}")
    return int(text)
