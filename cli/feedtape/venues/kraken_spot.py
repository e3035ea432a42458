"""What both protocols of Kraken's spot market share: the book and its proof, subscriptions, instruments.

Sources, cited below and in `kraken` and `kraken_v1` by letter:
    [B] docs.kraken.com, exchange/api-reference/spot-websocket-v2: book, ticker, trade, status, heartbeat, ping
    [C] docs.kraken.com, exchange/guides/websockets/book-checksum-v2
    [R] docs.kraken.com, exchange/guides/websockets/reconnection, and spot-rest: Time, AssetPairs
    [N] github.com/nautechsystems/nautilus_trader, issues 3509 and 3960: the names that v2 refuses
    [M] github.com/GarethCooke/DepthCharge, harness/replay/NOTES-kraken.md: measured on the live feed, August 2026
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from feedtape.book.rules import DigitsCrc, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import plain
from feedtape.model.events import Event
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import number_or_none, read_exact, reading, seconds

DEPTHS = (10, 25, 100, 500, 1000)
"""Depths of a book that can be asked for [B]."""
_BOOK = re.compile(r"book-([0-9]{1,5})", re.ASCII)
_NAMES_NOW = {"XBT": "BTC", "XDG": "DOGE"}
"""Assets that v2 calls otherwise than REST and v1 do; it refuses the old names [N]."""
_TOKENIZED = re.compile(r"[A-Z0-9.]+x/[A-Z]+", re.ASCII)
"""Tokenized stocks, the only symbols with a small letter."""
_MAY_BE_TOKENIZED = re.compile(r"[xX](?:/|$)|[*?\[]")
_TRADED = frozenset({"online", "limit_only", "reduce_only"})
_PAIRS = "/0/public/AssetPairs"


def checksum(value: object) -> int:
    """Return a checksum, if it is one of 32 bits.

    Raises:
        BadFrame: when it is not.
    """
    if type(value) is not int or not 0 <= value < 1 << 32:
        raise BadFrame(f"not a checksum: {str(value)[:40]!r}")
    return value


class KrakenSpot(Venue):
    """Kraken spot, without what reads its frames."""

    name = "kraken"
    title = "Kraken spot"
    ws_url = "wss://ws.kraken.com"
    rest_url = "https://api.kraken.com"
    channels = ("book", "trades", "quotes")
    books = ("book-100", "book-10", "book-25", "book-500", "book-1000")
    absent = "Kraken numbers no book updates: only the best ten levels of a side are proven, by a checksum in each message."
    # Connects are limited by the gate before the venue [R]; how many messages are let through is not published, and what is too
    # many is refused in words. Public REST calls may come once a second [R].
    limits = Limits(connects=Rate(150, 600), messages=(Rate(10, 1),), rest=Rate(1, 1), streams=500)
    # A beat comes every second as soon as anything is subscribed, also between data; books alone may rest for half a minute [M].
    heartbeat = Heartbeat(silence_s=10)
    example = "BTC/USD"

    def integrity(self, channel: str) -> Integrity:
        """Each message carries a checksum of ten levels; levels pushed out of the depth get no deletion and must be cut off [C].

        A delete of a level that is not there is normal [M].
        """
        match = _BOOK.fullmatch(channel or self.books[0])
        return Integrity(checksum=DigitsCrc(covers=10), snapshot="stream", depth=None if match is None else int(match[1]))

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Nothing is asked of a market by HTTP: a REST book has nothing to join it with the stream."""
        return ()

    # -- subscribing

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target, as `book-100:BTC/USD`."""
        if target.channel and target.channel not in self.books:
            hint = f"{target.venue}:{target.symbol}@book-10, and {', '.join(map(str, DEPTHS[1:]))}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        words = {"book": target.channel or self.books[0], "trades": "trade", "quotes": "ticker"}
        asked = [channel for channel in channels if channel in self.channels]
        return [Stream(f"{words[channel]}:{target.symbol}", channel, target.symbol) for channel in asked]

    def path(self, stream: Stream) -> str:
        """One address serves everything."""
        return "/v2"

    def _parts(self, streams: Sequence[Stream]) -> Iterator[tuple[Stream, ...]]:
        """Cut streams so that a connection has one depth of a symbol's book, which is all that it may have [B]."""
        here, elsewhere, seen = list[Stream](), list[Stream](), set[str]()
        for stream in streams:
            is_book = stream.channel == "book"
            (elsewhere if is_book and stream.symbol in seen else here).append(stream)
            if is_book:
                seen.add(stream.symbol)
        yield from super()._parts(here)
        if elsewhere:
            yield from self._parts(elsewhere)

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests of many symbols each; every symbol is answered by itself [B]."""
        more = {"book": {"snapshot": True}, "trade": {"snapshot": False}, "ticker": {"snapshot": True}}
        return self._ask("subscribe", streams, first_id, more)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests that give streams up; a new subscription begins with a snapshot."""
        return self._ask("unsubscribe", streams, first_id, {})

    def _ask(self, method: str, streams: Sequence[str], first_id: int, more: dict[str, dict[str, Any]]) -> list[Ask]:
        by_word: dict[str, list[str]] = {}
        for stream in streams:
            by_word.setdefault(stream.partition(":")[0], []).append(stream)
        asks = list[Ask]()
        for word, same in by_word.items():
            channel, _, depth = word.partition("-")
            params: dict[str, Any] = {"channel": channel}
            if depth:
                params["depth"] = int(depth)
            if channel == "ticker":
                params["event_trigger"] = "bbo"
            for group in self.requests(same):
                symbols = [stream.partition(":")[2] for stream in group]
                number = first_id + len(asks)
                asked = {"method": method, "params": params | {"symbol": symbols} | more.get(channel, {}), "req_id": number}
                asks.append(Ask(str(number), orjson.dumps(asked), group))
        return asks

    def snapshot_request(self, symbol: str) -> Request | None:
        """Snapshots come in the stream."""
        return None

    # -- what is asked by HTTP

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the requests for the list of pairs, and for that of the tokenized stocks where one may be meant [R]."""
        tokenized = not symbols or any(_MAY_BE_TOKENIZED.search(symbol) for symbol in symbols)
        return [Request(_PAIRS), *([Request(f"{_PAIRS}?aclass_base=tokenized_asset")] if tokenized else [])]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read a list of pairs. Those without a `wsname` are of no stream."""
        entries = _result(body).values()
        return Page([self._instrument(entry) for entry in entries if entry.get("wsname")], [])

    def _instrument(self, entry: dict[str, Any]) -> Instrument:
        symbol = named(self.symbol(entry["wsname"]))
        base, _, quote = symbol.partition("/")
        tick, status = number_or_none(entry.get("tick_size")), entry.get("status")
        return Instrument(
            symbol=symbol,
            kind="spot",
            base=base,
            quote=quote.partition(":")[0],
            tick=plain(f"1e-{int(entry['pair_decimals'])}") if tick is None else tick,
            lot=plain(f"1e-{int(entry['lot_decimals'])}"),
            status=None if status is None else str(status),
            trading=None if status is None else status in _TRADED,
        )

    def symbol(self, wsname: str) -> str:
        """Return the stream's name of a pair that REST calls `XBT/USD` [N]."""
        return "/".join(_NAMES_NOW.get(leg, leg) for leg in wsname.split("/"))

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request("/0/public/Time")

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time, which is one of whole seconds."""
        return seconds(_result(body)["unixtime"])

    def canonical_symbol(self, symbol: str) -> str:
        """Symbols are upper case but for the `x` of tokenized stocks (`AAPLx/USD`)."""
        return symbol if _TOKENIZED.match(symbol) else symbol.upper()


def _result(body: bytes) -> Any:
    answer = read_exact(body)
    if answer["error"]:
        raise BadFrame(f"the venue answers {str(answer['error'])[:200]}")
    return answer["result"]
