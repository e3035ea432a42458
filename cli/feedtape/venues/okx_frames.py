"""What messages of OKX v5 look like. The letters of sources are those of `okx`."""

from collections.abc import Callable
from operator import itemgetter
from typing import Annotated, Final

import msgspec

from feedtape.model.events import Levels

KEYS: Final = {"liquidation-orders": "instType", "opt-summary": "instFamily"}
"""What a channel is of, where that is not an instrument or an index."""

_PRICE_AND_SIZE: Final[Callable[[list[str]], tuple[str, str]]] = itemgetter(0, 1)
_Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Rows = list[list[str]]


class _Shape(msgspec.Struct, gc=False):
    """What a message must have; fields that are not named here are none of our business.

    Numbers and times (ms) are texts, empty where nothing is known.
    """


class Arg(_Shape):
    """What a message is of."""

    channel: str
    instId: str = ""
    instFamily: str = ""
    instType: str = ""

    @property
    def stream(self) -> str:
        """The name of the stream."""
        return f"{self.channel}:{getattr(self, KEYS.get(self.channel, 'instId'))}"


class Frame(_Shape):
    """A message: an answer has an `event`, what a stream brings has `arg` and `data`."""

    arg: Arg | None = None
    action: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    event: str = ""
    id: str = ""
    code: str = ""
    msg: str = ""


class Book(_Shape):
    """Changes of a book, or a picture of it; rows are of price, size, nothing, and number of orders."""

    bids: Rows
    asks: Rows
    ts: str
    seqId: _Id | None = None
    prevSeqId: _Id | None = None
    checksum: _Id = 0


class Trade(_Shape):
    """What one order traded at one price, under the last of the ids."""

    instId: str
    tradeId: str
    px: str
    sz: str
    side: str
    ts: str


class Liquidated(_Shape):
    """A forced order."""

    side: str
    bkPx: str
    sz: str
    ts: str


class Liquidations(_Shape):
    """Forced orders of an instrument."""

    instId: str
    details: list[Liquidated]


class Mark(_Shape):
    """A mark price."""

    instId: str
    markPx: str
    ts: str


class Index(_Shape):
    """An index's price."""

    instId: str
    idxPx: str
    ts: str


class Funding(_Shape):
    """A funding rate and when it is exchanged next."""

    instId: str
    fundingRate: str
    fundingTime: str
    ts: str = ""
    """Missing in old captures [S]."""


class OpenInterest(_Shape):
    """Open interest, in contracts."""

    instId: str
    oi: str
    ts: str


class Ticker(_Shape):
    """Last and best prices."""

    instId: str
    last: str
    bidPx: str
    bidSz: str
    askPx: str
    askSz: str
    ts: str
    vol24h: str = ""


class Summary(_Shape):
    """A model's view of an option."""

    instId: str
    uly: str
    delta: str
    gamma: str
    vega: str
    theta: str
    markVol: str
    bidVol: str
    askVol: str
    ts: str
    fwdPx: str = ""


def levels(rows: Rows) -> Levels:
    """Return price and size of each row."""
    return list(map(_PRICE_AND_SIZE, rows))
