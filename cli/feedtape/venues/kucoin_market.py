"""KuCoin's two markets: names, what is asked for, instruments. `kucoin` says what the letters in brackets stand for."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import orjson

from feedtape.errors import BadFrame, UsageError
from feedtape.model.events import BookSnapshot, Event
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import levels, ms, ms_or_none, nanos, number, number_or_none, read_exact, reading

SPOT, FUTURES = "SPOT", "FUTURES"
BOOK = "increment@10ms"
_KINDS = {"FFWCSX": "perpetual", "FFICSX": "future"}


def sequence(value: object) -> int:
    """Return a sequence number, sent as a number or as its text.

    Raises:
        BadFrame: when it is none that a keyframe can hold.
    """
    found = int(value) if type(value) is str and value.isascii() and value.isdigit() and len(value) < 20 else value
    if type(found) is not int or not 0 <= found < 2**63:
        raise BadFrame(f"a sequence number that is none: {str(value)[:40]!r}")
    return found


class KuCoinMarket(Venue):
    """What both markets and both generations of the protocol share; it asks in the words of the unified one."""

    trade_type: ClassVar[str]
    """The market's name in requests and in the names of channels."""
    books: ClassVar[tuple[str, ...]] = (BOOK, "50", "5")
    greets = True
    limits = Limits(
        connects=Rate(250, 300), connections=800, messages=(Rate(300, 10),), rest=Rate(2000, 30), streams=600, request_streams=1
    )
    heartbeat = Heartbeat(silence_s=45, ping_every_s=15)

    def target(self, symbol: str) -> str:
        """Return the target of a symbol that a frame names.

        Raises:
            BadFrame: when it may be none.
        """
        return f"{self.name}:{named(symbol)}"

    @reading
    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read an order book, which tells its sequence number and, on spot, no symbol [C]."""
        parts = urlsplit(request.path)
        if "level2" not in parts.path:
            return ()
        [symbol] = parse_qs(parts.query)["symbol"]
        return (self.rest_book(symbol, read_exact(body)["data"], recv),)

    def rest_book(self, symbol: str, data: Any, recv: int) -> BookSnapshot:
        """Read the order book of a REST answer."""
        time = nanos(data["ts"]) if "ts" in data else ms_or_none(data.get("time"))
        bids, asks = levels(data["bids"]), levels(data["asks"])
        return BookSnapshot(self.target(symbol), recv, time, "", bids, asks, sequence(data["sequence"]))

    # -- asking

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name channel, symbol and, of books, depth, such as `obu BTC-USDT increment@10ms`."""
        if target.channel and target.channel not in self.books:
            hint = f"{target.venue}:{target.symbol}@50, or one of {', '.join(self.books)}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        words = {
            "book": (f"obu {target.symbol} {target.channel or self.books[0]}",),
            "trades": (f"trade {target.symbol}",),
            "quotes": (f"obu {target.symbol} 1",),
            "derivatives": (f"mark-price {target.symbol}", f"funding-fee {target.symbol}"),
        }
        asked = [channel for channel in channels if channel in self.channels]
        return [Stream(name, channel, target.symbol) for channel in asked for name in words[channel]]

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return a request for each stream: one takes one symbol [U]."""
        return self._ask("SUBSCRIBE", streams, first_id)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return the requests that give streams up [U]."""
        return self._ask("UNSUBSCRIBE", streams, first_id)

    def _ask(self, action: str, streams: Sequence[str], first_id: int) -> list[Ask]:
        asks = []
        for count, name in enumerate(streams, first_id):
            channel, symbol, *depth = name.split(" ")
            request = {"id": str(count), "action": action, "channel": channel, "symbol": symbol}
            if channel in ("obu", "trade"):
                request["tradeType"] = self.trade_type
            if depth:
                request["depth"] = depth[0]
            asks.append(Ask(str(count), orjson.dumps(request), (name,)))
        return asks

    def ping(self, number: int, now: int) -> bytes:
        """Return the sign of life that is due every 18 s [U][P]."""
        return orjson.dumps({"id": f"p{number}", "type": "ping"})

    def snapshot_request(self, symbol: str) -> Request | None:
        """Return None: streams begin with a snapshot."""
        return None

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request("/api/v1/timestamp", 3)

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        return ms(read_exact(body)["data"])

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read the list of symbols."""
        entries = read_exact(body)["data"]
        if type(entries) is not list:
            raise BadFrame("a list of instruments that is none")
        return Page([self.instrument(entry) for entry in entries], [])

    @abstractmethod
    def instrument(self, entry: Any) -> Instrument:
        """Read one symbol."""


class KuCoinSpotMarket(KuCoinMarket):
    """Spot."""

    name = "kucoin"
    title = "KuCoin spot"
    trade_type = SPOT
    channels: ClassVar[tuple[str, ...]] = ("book", "trades", "quotes")
    ws_url = "wss://x-push-spot.kucoin.com"
    rest_url = "https://api.kucoin.com"
    example = "BTC-USDT"

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for all symbols."""
        return [Request("/api/v2/symbols", 4)]

    def instrument(self, entry: Any) -> Instrument:
        """Read one symbol; its name may have changed, the symbol never does [C]."""
        return Instrument(
            symbol=named(entry["symbol"]),
            kind="spot",
            base=entry["baseCurrency"],
            quote=entry["quoteCurrency"],
            tick=number(entry["priceIncrement"]),
            lot=number(entry["baseIncrement"]),
            trading=entry["enableTrading"],
        )


class KuCoinFuturesMarket(KuCoinMarket):
    """Futures: sizes are numbers of lots, each of `multiplier` coins, or of so many dollars where the contract is inverse [C]."""

    name = "kucoin-futures"
    title = "KuCoin futures"
    trade_type = FUTURES
    channels: ClassVar[tuple[str, ...]] = ("book", "trades", "quotes", "derivatives")
    absent = "no public channel tells liquidations"
    ws_url = "wss://x-push-futures.kucoin.com"
    rest_url = "https://api-futures.kucoin.com"
    example = "XBTUSDTM"

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for all open contracts."""
        return [Request("/api/v1/contracts/active", 3)]

    def instrument(self, entry: Any) -> Instrument:
        """Read one contract; inverse ones have their multiplier with a minus."""
        multiplier = number_or_none(entry.get("multiplier"))
        return Instrument(
            symbol=named(entry["symbol"]),
            kind=_KINDS.get(entry["type"], entry["type"]),
            base=entry["baseCurrency"],
            quote=entry["quoteCurrency"],
            settle=entry["settleCurrency"],
            tick=number(entry["tickSize"]),
            lot=number(entry["lotSize"]),
            multiplier=None if multiplier is None else multiplier.lstrip("-"),
            expiry=ms_or_none(entry.get("expireDate")),
            status=entry["status"],
            trading=entry["status"] == "Open",
        )
