"""Hyperliquid: perpetuals, builders' perpetuals (`xyz:SP500`), spot (`PURR/USDC`, `@107`) and outcomes (`#250`) on one socket.

A book is sent whole each time and nothing numbers the messages, so that one which is missing costs freshness alone and cannot be
noticed. Names are case sensitive, and one that does not exist makes the venue drop the connection without a word [P].

Sources, cited below by letter:
    [D] hyperliquid.gitbook.io, API: websocket, info endpoint, rate limits, tick and lot size, asset ids
    [P] github.com/nemanull/arbitrage-observatory, Hyperliquid profile: probes and captured frames of 2026-09-24
    [K] github.com/hyperliquid-dex/hyperliquid-python-sdk, websocket_manager.py
    [T] github.com/tardis-dev/tardis-node, src/mappers/hyperliquid.ts, and its golden messages of 2024-10-29
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import orjson

from feedtape.book.rules import WAIT, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.events import (
    Acknowledged,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Heartbeat,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues import contract
from feedtape.venues.contract import Ask, Conversation, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import best, ms, number_or_none, positive, reading, side

_LISTS = ("allPerpMetas", "spotMeta", "outcomeMeta")
_FAST = "l2Book/fast"
_SUBSCRIPTIONS: dict[str, dict[str, Any]] = {
    "l2Book": {"type": "l2Book"},
    _FAST: {"type": "l2Book", "fast": True},
    "trades": {"type": "trades"},
    "bbo": {"type": "bbo"},
    "activeAssetCtx": {"type": "activeAssetCtx"},
}
"""What to ask for, by the first part of our streams' names; the second is the coin."""
_CHANNELS = {"book": "l2Book", "trades": "trades", "quotes": "bbo", "derivatives": "activeAssetCtx"}
_GREETING = b"Websocket connection established."
_MOST = 1000
"""Subscriptions that the venue allows, and so coins that a connection can tell of."""
_MOST_DECIMALS = 18
_Read = Callable[[Any, int], Sequence[Event]]
"""Makes events of a channel's `data` and receipt time."""

_PERP_DECIMALS = 6
_SPOT_DECIMALS = 8
"""A price has at most so many decimals less those of the size [D]."""


class _Shape(msgspec.Struct, gc=False):
    """What a message must have; fields that are not named here break nothing."""


class _Level(_Shape):
    px: str
    sz: str


class _Book(_Shape):
    coin: str
    time: int
    levels: tuple[list[_Level], list[_Level]]
    fast: bool = False


class _Bbo(_Shape):
    coin: str
    time: int
    bbo: tuple[_Level | None, _Level | None]


class _Match(_Shape):
    coin: str
    side: Literal["A", "B"]
    """The taker's: `B` bought, `A` sold."""
    px: str
    sz: str
    time: int
    tid: int


class _Context(_Shape):
    """What is told of a perpetual; of these, spot tells a mark alone."""

    markPx: str | None = None
    oraclePx: str | None = None
    funding: str | None = None
    """The rate for an hour [P]."""
    openInterest: str | None = None


class _CoinContext(_Shape):
    coin: str
    ctx: _Context


class _Answer(_Shape):
    method: str
    subscription: dict[str, Any]


class _Frame(_Shape):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"null")


_FRAME = msgspec.json.Decoder(_Frame)


class _Connection(Conversation):
    """Remembers which coins' trades have begun: what comes first of them after an answer is history."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun: dict[str, None] = {}
        context = (msgspec.json.Decoder(_CoinContext), self._context)
        self._readers: dict[str, tuple[msgspec.json.Decoder[Any], _Read]] = {
            "l2Book": (msgspec.json.Decoder(_Book), self._book),
            "bbo": (msgspec.json.Decoder(_Bbo), self._quote),
            "trades": (msgspec.json.Decoder(list[_Match]), self._trades),
            "activeAssetCtx": context,
            # The answer to the same subscription, where it was of spot or an outcome.
            "activeSpotAssetCtx": context,
            "subscriptionResponse": (msgspec.json.Decoder(_Answer), self._answered),
            "error": (msgspec.json.Decoder(str), self._refused),
            "pong": (msgspec.json.Decoder(Any), self._pong),
        }

    def save(self) -> list[str]:
        """Return the coins whose trades have begun."""
        return list(self._begun)

    def load(self, saved: Any) -> None:
        """Take over what `save` returned."""
        self._begun = dict.fromkeys(saved)

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame.

        The first trades of a coin after it was subscribed happened before, tens of seconds of them [P][T]: they are history, and
        no news (`Unread`). No mark on the wire tells them from others.
        """
        if payload == _GREETING:
            return (Greeting("", recv, None),)
        frame = _FRAME.decode(payload)
        reader = self._readers.get(frame.channel)
        if reader is None:
            return (Unread("", recv, None, frame.channel),)
        decoder, read = reader
        return read(decoder.decode(frame.data), recv)

    def _target(self, coin: str) -> str:
        return f"{self._name}:{named(coin)}"

    def _book(self, data: _Book, recv: int) -> Sequence[Event]:
        bids, asks = ([(level.px, level.sz) for level in levels] for levels in data.levels)
        channel = "fast" if data.fast else "l2Book"
        return (BookSnapshot(self._target(data.coin), recv, ms(data.time), channel, bids, asks, None),)

    def _quote(self, data: _Bbo, recv: int) -> Sequence[Event]:
        (bid, bid_size), (ask, ask_size) = ((None, None) if top is None else best(top.px, top.sz) for top in data.bbo)
        return (Quote(self._target(data.coin), recv, ms(data.time), bid, bid_size, ask, ask_size),)

    def _trades(self, matches: list[_Match], recv: int) -> Sequence[Event]:
        new = dict.fromkeys(match.coin for match in matches if match.coin not in self._begun)
        if len(self._begun) + len(new) > _MOST:
            raise BadFrame(f"trades of more than {_MOST} coins on one connection")
        events: list[Event] = [Unread(self._target(coin), recv, None, "trade history") for coin in new]
        events += [self._trade(match, recv) for match in matches if match.coin not in new]
        self._begun |= new
        return events

    def _trade(self, match: _Match, recv: int) -> Trade:
        price, size = positive(match.px), positive(match.sz)
        return Trade(self._target(match.coin), recv, ms(match.time), price, size, side(match.side, "B", "A"), str(match.tid))

    def _context(self, data: _CoinContext, recv: int) -> Sequence[Event]:
        ctx = data.ctx
        facts = [number_or_none(value) for value in (ctx.markPx, ctx.oraclePx, ctx.funding, ctx.openInterest)]
        mark, index, rate, interest = facts
        found = Derivative(self._target(data.coin), recv, None, mark=mark, index=index, funding_rate=rate, open_interest=interest)
        return (found,)

    def _answered(self, data: _Answer, recv: int) -> Sequence[Event]:
        streams = _named(data.subscription)
        if streams and data.subscription["type"] == "trades":
            self._begun.pop(data.subscription["coin"], None)
        return (Acknowledged("", recv, None, "", streams),)

    def _refused(self, words: str, recv: int) -> Sequence[Event]:
        """Read an error: what the venue says of a request, and the request or its subscription again after a colon."""
        said, _, quoted = words.partition(": ")
        try:
            request = msgspec.json.decode(quoted)
            streams = _named(request.get("subscription", request))
        except (ValueError, AttributeError, TypeError):
            streams = ()
        if said == "Already subscribed" and streams:
            # Not a refusal of the stream: it is on, and will come.
            return (Acknowledged("", recv, None, "", streams),)
        return (Refused("", recv, None, None, None, words, streams),)

    def _pong(self, data: object, recv: int) -> Sequence[Event]:
        return (Heartbeat("", recv, None),)


def _named(subscription: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the stream of ours that the venue speaks of, if it is one."""
    kind, coin = subscription.get("type"), subscription.get("coin")
    if kind not in _SUBSCRIPTIONS or type(coin) is not str or subscription.get("nSigFigs") is not None:
        return ()
    return (f"{_FAST if subscription.get('fast') is True else kind}:{named(coin)}",)


class Hyperliquid(Venue):
    """Hyperliquid's public socket."""

    name = "hyperliquid"
    title = "Hyperliquid"
    decoder = "hyperliquid/1"
    since = "2024-10-29"
    ws_url = "wss://api.hyperliquid.xyz"
    rest_url = "https://api.hyperliquid.xyz"
    channels = ("book", "trades", "quotes", "derivatives")
    books = ("l2Book", "fast")
    absent = "nothing shows that a message is missing, and liquidations are not told"
    example = "BTC"
    # Of an address: 1,000 subscriptions and 2,000 messages a minute on all its connections together [D].
    limits = Limits(
        connects=Rate(30, 60),
        connections=10,
        messages=(Rate(2000, 60),),
        messages_in_all=(Rate(2000, 60),),
        rest=Rate(1200, 60),
        streams=_MOST,
        streams_in_all=_MOST,
        request_streams=1,
    )
    # The venue ends what it has sent nothing on for 60 s; its pongs count [P].
    heartbeat = contract.Heartbeat(silence_s=45, ping_every_s=30)

    # -- reading frames

    def conversation(self) -> Conversation:
        """Return what remembers whose trades have begun."""
        return _Connection(self.name)

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame as if it were the first of its connection."""
        return self.conversation().decode(payload, recv)

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Nothing is asked for over REST but instruments."""
        return ()

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """Each message is the whole of 20 levels a side, or of 5; there is no delete that could be of an unknown level."""
        why = "each message is a whole picture; nothing numbers them, so that a missing one is not seen"
        return Integrity(snapshot="full", resync=WAIT, unprovable=why)

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target: kind and coin.

        The default book is 20 levels every five seconds, `fast` is 5 levels twice a second [P].
        """
        if target.channel not in ("", *self.books):
            hint = f"{target.venue}:{target.symbol}@fast"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        kinds = _CHANNELS | ({"book": _FAST} if target.channel == "fast" else {})
        asked = [channel for channel in channels if channel in kinds]
        return [Stream(f"{kinds[channel]}:{target.symbol}", channel, target.symbol) for channel in asked]

    def path(self, stream: Stream) -> str:
        """All markets share one path."""
        return "/ws"

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return a request a stream: a list of coins is refused [P]."""
        return [_ask("subscribe", stream) for stream in streams]

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return the requests that give streams up, of the same shape."""
        return [_ask("unsubscribe", stream) for stream in streams]

    def ping(self, number: int, now: int) -> bytes:
        """Return the venue's own ping."""
        return b'{"method":"ping"}'

    def snapshot_request(self, symbol: str) -> Request | None:
        """Every message is a snapshot."""
        return None

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the requests for perpetuals, the builders' too, for spot pairs and for outcomes, as far as they may matter."""
        kinds = {_list_of(symbol) for symbol in symbols}
        wanted = [kind for kind in _LISTS if not kinds or "" in kinds or kind in kinds]
        return [Request("/info", 20, f'{{"type":"{kind}"}}') for kind in wanted]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read one of the three lists, each by its own shape."""
        said = msgspec.json.decode(body)
        if type(said) is list:
            return Page([_perpetual(entry, meta) for meta in said for entry in meta["universe"]], [])
        if "outcomes" in said:
            return Page([_outcome(entry, place) for entry in said["outcomes"] for place in range(len(entry["sideSpecs"]))], [])
        tokens = {token["index"]: token for token in said["tokens"]}
        return Page([_spot(pair, tokens) for pair in said["universe"]], [])

    def canonical_symbol(self, symbol: str) -> str:
        """Names are case sensitive, and no rule tells the case: `kPEPE`, `xyz:SP500`."""
        return symbol


def _ask(method: str, stream: str) -> Ask:
    kind, _, coin = stream.partition(":")
    frame = orjson.dumps({"method": method, "subscription": _SUBSCRIPTIONS[kind] | {"coin": coin}})
    return Ask("", frame, (stream,))


def _list_of(symbol: str) -> str:
    """Return which list names a symbol, by how it is written; nothing of a pattern, which may match any."""
    if any(sign in symbol for sign in "*?["):
        return ""
    if symbol.startswith("#"):
        return "outcomeMeta"
    # `BTC/USDC:USDC` is how the world writes the perpetual `BTC`.
    return "spotMeta" if symbol.startswith("@") or ("/" in symbol and ":" not in symbol) else "allPerpMetas"


def _step(decimals: object) -> str:
    """Write 10^-`decimals`; a price of which no decimals are allowed moves by one."""
    if type(decimals) is not int or decimals > _MOST_DECIMALS:
        raise BadFrame(f"not a number of decimals: {str(decimals)[:40]}")
    return f"0.{'1':0>{decimals}}" if decimals > 0 else "1"


def _perpetual(entry: dict[str, Any], meta: dict[str, Any]) -> Instrument:
    name, decimals = named(entry["name"]), entry["szDecimals"]
    delisted = bool(entry.get("isDelisted"))
    # The token with the index 0 is USDC [D]; what the others are is told elsewhere.
    collateral = "USDC" if meta.get("collateralToken") == 0 else None
    return Instrument(
        symbol=name,
        kind="perpetual",
        # A builder's contract is not the venue's own on the same coin.
        base=name.replace(":", "-"),
        quote=collateral,
        settle=collateral,
        tick=_step(_PERP_DECIMALS - decimals),
        lot=_step(decimals),
        status="delisted" if delisted else None,
        trading=not delisted,
    )


def _spot(pair: dict[str, Any], tokens: dict[int, dict[str, Any]]) -> Instrument:
    base, quote = (tokens[index] for index in pair["tokens"])
    decimals = base["szDecimals"]
    return Instrument(
        symbol=named(pair["name"]),
        kind="spot",
        base=base["name"],
        quote=quote["name"],
        tick=_step(_SPOT_DECIMALS - decimals),
        lot=_step(decimals),
    )


def _outcome(entry: dict[str, Any], place: int) -> Instrument:
    # The coin of an outcome's side is its number and the side's place, in decimal digits [D].
    return Instrument(symbol=f"#{10 * int(entry['outcome']) + place}", kind="outcome")
