"""Bitfinex: spot and perpetuals, version 2 of the WebSocket API.

A frame of a channel names it by a number alone, which only the acknowledgement earlier on the same connection explains; what
stands behind the payload of a frame depends on the flags that the connection was configured with. A capture must hold both.

Sources, cited below by letter:
    [D] docs.bitfinex.com: ws-general, ws-public-books, ws-public-raw-books, ws-public-trades, ws-public-ticker,
        ws-public-status, rest-public-conf
    [M] github.com/bitfinexcom/bfx-api-node-models, `lib/order_book.js`, issue #70 and PR #33: the checksum is over the numbers as
        the wire spells them, exponents included
    [G] github.com/bitfinexcom/bitfinex-api-go: liquidations come as one row or as a list of rows
    [C] cryptofeed's dump of 2021-04-17: a heartbeat may come before the acknowledgement of its channel
    [T] tardis.dev's raw data appends a channel and a pair to each frame; captures made from it may lack acknowledgements
"""

from collections.abc import Sequence
from typing import Final

import orjson

from feedtape.book.rules import RECONNECT, AlternatingCrc, Integrity
from feedtape.errors import UsageError
from feedtape.model.events import Event
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.bitfinex_frames import FLAGS, NAME, RAW, SHORTEST_PAIR, Connection
from feedtape.venues.contract import Ask, Conversation, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import read_exact, reading

_LISTS: Final = {"pub:list:pair:exchange": "spot", "pub:list:pair:futures": "perpetual", "pub:list:pair:future": "perpetual"}
"""Lists of pairs and what they hold; the last is the older name of the second [C]."""
_NAMES: Final = "pub:map:currency:sym"
"""The list of what currencies are called elsewhere: `UST` is USDt."""
_CONF: Final = "/v2/conf/"


class Bitfinex(Venue):
    """Bitfinex. Symbols are the WebSocket's, `tBTCUSD`, with a colon between longer names, `tBTCF0:USTF0`."""

    name = NAME
    title = "Bitfinex spot and perpetuals"
    decoder = "bitfinex/2"
    since = "2019-08-01"
    ws_url = "wss://api-pub.bitfinex.com"
    rest_url = "https://api-pub.bitfinex.com"
    channels = ("book", "trades", "quotes", "derivatives", "liquidations")
    books = ("P0", RAW)
    order_books = RAW
    absent = (
        "Bitfinex tells no tick sizes and no sizes in quotes; its default book P0 rounds prices to five significant digits, where"
        " @R0 tells every order at its own price."
    )
    example = "tBTCUSD"
    counts_from = 1
    # REST takes 10 to 90 requests a minute, by what is asked for [D].
    limits = Limits(connects=Rate(20, 60), messages=(), rest=Rate(10, 60), streams=25, request_streams=1)
    # Every channel sends a heartbeat after 15 s of silence [D].
    heartbeat = Heartbeat(silence_s=40)

    def conversation(self) -> Conversation:
        """Return what remembers a connection's channels."""
        return Connection()

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read a frame by itself, as the first of its connection."""
        return self.conversation().decode(payload, recv)

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Nothing is asked for by REST but instruments: a book that comes so has no place among the frames."""
        return ()

    def integrity(self, channel: str) -> Integrity:
        """Count frames and check the best 25 of each side. Channels are given up by number, so that only a new connection helps.

        The venue keeps the books at their depth and says what leaves them.
        """
        is_raw = channel == RAW
        checksum = AlternatingCrc(ask_sign="-", of_orders=is_raw) if channel in ("", *self.books) else None
        return Integrity(counted=True, checksum=checksum, snapshot="stream", resync=RECONNECT, by_order=is_raw)

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target; only perpetuals have a status, and liquidations of all symbols are one stream."""
        if target.channel and target.channel not in self.books:
            hint = f"{target.venue}:{target.symbol}@R0, or @P0"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        symbol = target.symbol
        names = {
            "book": f"book:{target.channel or self.books[0]}:{symbol}",
            "trades": f"trades:{symbol}",
            "quotes": f"ticker:{symbol}",
            "liquidations": "status:liq:global",
        }
        if "F0:" in symbol:
            names["derivatives"] = f"status:deriv:{symbol}"
        asked = [channel for channel in channels if channel in names]
        return [Stream(names[channel], channel, "" if channel == "liquidations" else symbol) for channel in asked]

    def path(self, stream: Stream) -> str:
        """One path for all."""
        return "/ws/2"

    def opening(self) -> list[bytes]:
        """Ask for numbers and times on frames, and for checksums: flags count for what is subscribed after them [D]."""
        return [orjson.dumps({"event": "conf", "flags": FLAGS})]

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return a request for each stream.

        Books are asked for at their deepest: what lies below the 25 levels of the checksum is proven by the count of frames.
        """
        return [Ask("", orjson.dumps({"event": "subscribe"} | self._parameters(stream)), (stream,)) for stream in streams]

    def _parameters(self, stream: str) -> dict[str, str]:
        word, _, rest = stream.partition(":")
        if word == "status":
            return {"channel": word, "key": rest}
        if word != "book":
            return {"channel": word, "symbol": rest}
        precision, _, symbol = rest.partition(":")
        return {"channel": word, "symbol": symbol, "prec": precision, "freq": "F0", "len": "250"}

    def snapshot_request(self, symbol: str) -> Request | None:
        """Snapshots come in the stream."""
        return None

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for both lists of pairs and the currencies' names, which one answer can hold [D]."""
        return [Request(f"{_CONF}pub:list:pair:exchange,pub:list:pair:futures,{_NAMES}")]

    def lists_instruments(self, request: Request) -> bool:
        """Any answer with a list of pairs does."""
        return any(one in _LISTS for one in _lists_of(request))

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read lists of pairs, in the order in which they were asked for; there are no tick sizes."""
        lists = dict(zip(_lists_of(request), read_exact(body), strict=True))
        names = {ours: named(usual).upper() for ours, usual in lists.get(_NAMES, ())}
        return Page([_instrument(pair, _LISTS[kind], names) for kind in lists if kind in _LISTS for pair in lists[kind]], [])

    def canonical_symbol(self, symbol: str) -> str:
        """Capitals behind the small letter for the market."""
        return symbol[:1].lower() + symbol[1:].upper() if symbol[:1] in "tT" else symbol.upper()


def _lists_of(request: Request) -> list[str]:
    path = request.path.partition("?")[0]
    return path.removeprefix(_CONF).split(",") if path.startswith(_CONF) else []


def _instrument(pair: str, kind: str, names: dict[str, str]) -> Instrument:
    base, colon, quote = pair.partition(":")
    if not colon and len(pair) == SHORTEST_PAIR:
        base, quote = pair[:3], pair[3:]
    base, quote = (_currency(code.removesuffix("F0"), names) for code in (base, quote))
    settle = quote or None if kind == "perpetual" else None
    return Instrument(symbol=named(f"t{pair}"), kind=kind, base=base or None, quote=quote or None, settle=settle)


def _currency(code: str, names: dict[str, str]) -> str:
    """Return what a currency is called elsewhere. What is traded on paper (`TESTBTC`) must not pass for the real one."""
    return code if code.startswith("TEST") else names.get(code, code)
