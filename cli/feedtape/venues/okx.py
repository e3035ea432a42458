"""OKX: spot, perpetuals, dated contracts and options on one public socket. Sizes are contracts, but for spot: the base coin.

Books begin with a snapshot in the stream and chain by `prevSeqId`; where nothing changes for a minute, an empty message repeats
its number, and after a maintenance numbers begin anew with one that still follows the last (`seqId` below `prevSeqId`) [D][N].
A notice of February 2026 would take the snapshots away in August; they still came then [D][N], and only they are read.

Sources, cited here and in `okx_v5` and `okx_v3` by letter:
    [D] okx.com/docs-v5/en and its change log, July and August 2026
    [H] okx.com/help, "OKX Order Book Channels Checksum Field Deprecation", May 2026; github.com/ccxt/ccxt issue 30299
    [N] notes of a live capture of 2026-08-26, a verification record in a public project
    [S] single frames of live connections, 2022 to 2026, quoted in the tests of public projects
    [C] capture of 2022-05 (cryptofeed), books without numbers and with checksums
    [K] a catalogue of 2026-08-20 in a public project, options asked for by their underlying
    [T] github.com/tardis-dev/tardis-node: its golden messages of 2019 to 2026, and that it leaves out the first liquidations
"""

from collections.abc import Sequence
from decimal import Context
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import quote

import msgspec
import orjson

from feedtape.book.rules import WAIT, AlternatingCrc, Chained, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.events import Event
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues import okx_v3
from feedtape.venues.contract import Ask, Conversation, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.okx_frames import KEYS
from feedtape.venues.okx_symbols import FUTURES, OPTION, SPOT, SWAP, family_of, index_of, is_symbol, kind_of
from feedtape.venues.okx_v5 import PICTURES, Talk
from feedtape.venues.reading import ms, ms_or_none, number_or_none, reading

_INSTRUMENTS: Final = "/api/v5/public/instruments"
_UNDERLYINGS: Final = "/api/v5/public/underlying"
_KINDS: Final = {SPOT: "spot", SWAP: "perpetual", FUTURES: "future", OPTION: "option"}
_OPTIONS: Final = {"C": "call", "P": "put"}
_WITH_FUNDING: Final = "_XPERP"
"""Families whose dated contracts have a funding rate end so [D]."""
_EXACT: Final = Context(prec=100)

_R = TypeVar("_R")


class _Answer(msgspec.Struct, gc=False):
    code: str
    data: msgspec.Raw
    msg: str = ""


class _Row(msgspec.Struct, gc=False):
    """An instrument; what does not apply is an empty text, and an `instId` that is empty is one of a listing to come [D]."""

    instId: str
    instType: str
    state: str
    tickSz: str
    lotSz: str
    uly: str = ""
    baseCcy: str = ""
    quoteCcy: str = ""
    settleCcy: str = ""
    ctVal: str = ""
    ctMult: str = ""
    expTime: str = ""
    stk: str = ""
    optType: str = ""


class _Now(msgspec.Struct, gc=False):
    ts: str


def _data(body: bytes, shape: type[_R]) -> _R:
    answer = msgspec.json.decode(body, type=_Answer)
    # Refusals come with the HTTP status of success [D].
    if answer.code != "0":
        raise BadFrame(f"the venue answers {answer.code}: {answer.msg[:200]}")
    return msgspec.json.decode(answer.data, type=shape)


class Okx(Venue):
    """OKX, API v5."""

    name = "okx"
    title = "OKX"
    decoder = "okx/5"
    since = "2023-08-31"
    ws_url = "wss://ws.okx.com:8443"
    rest_url = "https://www.okx.com"
    channels = ("book", "trades", "quotes", "derivatives", "liquidations", "options")
    # `books50-l2-tbt` and `books-l2-tbt` are for clients of a fee tier who have logged in; others are refused.
    books: ClassVar[tuple[str, ...]] = ("books", PICTURES, "books-rpi", "books50-l2-tbt", "books-l2-tbt")
    example = "BTC-USDT"
    # Fewer than 30 books on a connection are advised; for other streams no number is named, and these are what such books come
    # with. A request counts once, whatever it asks for, and holds at most 64 KB [D].
    limits = Limits(
        connects=Rate(3, 1),
        messages=(Rate(480, 3600),),
        rest=Rate(20, 2),
        streams=240,
        books=29,
        request_streams=100,
        request_bytes=60_000,
        ask_bytes=30,
    )
    # The venue ends a connection on which it has sent nothing for 30 s; its pongs count [D].
    heartbeat = Heartbeat(silence_s=40, ping_every_s=25)
    is_numbered: ClassVar[bool] = True
    """Whether each message of a book has its number."""

    # -- reading frames

    def conversation(self) -> Conversation:
        """Return what remembers which streams have not spoken."""
        return Talk(self.name, is_numbered=self.is_numbered)

    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame as if it were the first of its connection."""
        return self.conversation().decode(payload, recv)

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read nothing: all that is told of a market is told in the streams."""
        return ()

    def integrity(self, channel: str) -> Integrity:
        """Books of changes chain, strictly so: nothing is repeated, and numbers may begin anew at any of them [D].

        Levels are deleted that were never told, hundreds a minute while every checksum matches [C], so that this is no evidence;
        those that leave the depth of the stream are deleted too [C].
        """
        if channel == PICTURES:
            why = "each message is a whole picture; nothing links it to the one before"
            return Integrity(snapshot="full", resync=WAIT, unprovable=why)
        checksum = None if channel == "books-rpi" else AlternatingCrc(25)
        until = "2026-06-23" if checksum is not None else ""
        return Integrity(sequence=Chained(strict=True), checksum=checksum, checksum_until=until, snapshot="stream")

    # -- subscribing

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target, `channel:instrument`; a book stream by the venue's word, such as `books5`."""
        if target.channel and target.channel not in self.books:
            hint = f"{target.venue}:{target.symbol}@{PICTURES}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        symbol, found = target.symbol, list[Stream]()
        single = {"book": (target.channel or self.books[0],), "trades": ("trades",), "quotes": ("bbo-tbt",)}
        for channel in channels:
            wanted = single.get(channel) or self._of_contracts(symbol, channel)
            found += [Stream(f"{name}:{symbol}", channel, symbol) for name in wanted]
            found += [Stream(name, channel) for name in self._of_many(symbol, channel)]
        return found

    def _of_contracts(self, symbol: str, channel: str) -> tuple[str, ...]:
        kind = kind_of(symbol)
        if channel == "options" and kind == OPTION:
            return ("mark-price", "open-interest", "tickers")
        if channel == "derivatives" and kind in (SWAP, FUTURES):
            has_funding = kind == SWAP or family_of(symbol).endswith(_WITH_FUNDING)
            return ("mark-price", "open-interest", "tickers", *(("funding-rate",) if has_funding else ()))
        return ()

    def _of_many(self, symbol: str, channel: str) -> tuple[str, ...]:
        """Name streams that are of an index, of a family, or of all contracts of a kind."""
        kind = kind_of(symbol)
        if channel == "options" and kind == OPTION:
            return (f"opt-summary:{family_of(symbol)}",)
        if channel == "derivatives" and kind in (SWAP, FUTURES):
            return (f"index-tickers:{index_of(symbol)}",)
        return (f"liquidation-orders:{kind}",) if channel == "liquidations" and kind != SPOT else ()

    def path(self, stream: Stream) -> str:
        """Return the one path of public data."""
        return "/ws/v5/public"

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests of many streams each; each of them is answered by itself, and refused without the others."""
        return self._ask("subscribe", streams, first_id)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return requests: a book begins with a snapshot only where it is not subscribed already."""
        return self._ask("unsubscribe", streams, first_id)

    def _ask(self, verb: str, streams: Sequence[str], first_id: int) -> list[Ask]:
        asks = []
        for number, group in enumerate(self.requests(streams), first_id):
            args = [_arg(stream) for stream in group]
            asks.append(Ask(str(number), orjson.dumps({"id": str(number), "op": verb, "args": args}), group))
        return asks

    def ping(self, number: int, now: int) -> bytes:
        """Return the text that is answered by `pong`."""
        return b"ping"

    # -- requests

    def snapshot_request(self, symbol: str) -> None:
        """Ask for nothing: snapshots come in the stream."""
        return

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return requests kind by kind: those of the symbols, or all where there are none or patterns among them."""
        wanted = [symbol.upper() for symbol in symbols]
        if not wanted or not all(map(is_symbol, wanted)):
            return [*map(_of_kind, (SPOT, SWAP, FUTURES)), Request(f"{_UNDERLYINGS}?instType={OPTION}")]
        kinds = [kind for kind in (SPOT, SWAP, FUTURES) if any(kind_of(symbol) == kind for symbol in wanted)]
        families = dict.fromkeys(family_of(symbol) for symbol in wanted if kind_of(symbol) == OPTION)
        return [*map(_of_kind, kinds), *(_of_kind(OPTION, f"&instFamily={family}") for family in families)]

    def lists_instruments(self, request: Request) -> bool:
        """Tell the lists of instruments and of underlyings from everything else."""
        return request.path.partition("?")[0] in (_INSTRUMENTS, _UNDERLYINGS)

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read a list, or the underlyings whose options are to be asked for, all families of each at once [C][K]."""
        if request.path.startswith(_UNDERLYINGS):
            underlyings = dict.fromkeys(one for some in _data(body, list[list[str]]) for one in some)
            return Page([], [_of_kind(OPTION, f"&uly={quote(named(one), safe='')}") for one in underlyings])
        return Page([_instrument(row) for row in _data(body, list[_Row]) if row.instId], [])

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request("/api/v5/public/time")

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        return ms(_data(body, list[_Now])[0].ts)


def _of_kind(kind: str, more: str = "") -> Request:
    return Request(f"{_INSTRUMENTS}?instType={kind}{more}")


def _arg(stream: str) -> dict[str, str]:
    channel, _, of = stream.partition(":")
    return {"channel": channel, KEYS.get(channel, "instId"): of}


def _instrument(row: _Row) -> Instrument:
    kind = _KINDS.get(row.instType, row.instType.lower())
    base, _, quoted = row.uly.partition("-")
    facts: dict[str, Any] = {"base": row.baseCcy or base or None, "quote": row.quoteCcy or quoted or None}
    value, times = number_or_none(row.ctVal), number_or_none(row.ctMult)
    if value is not None:
        facts["multiplier"] = f"{_EXACT.multiply(_EXACT.create_decimal(value), _EXACT.create_decimal(times or '1')):f}"
    if kind == "option":
        facts |= {"strike": number_or_none(row.stk), "option": _OPTIONS.get(row.optType)}
    if kind in ("future", "option"):
        facts["expiry"] = ms_or_none(row.expTime)
    return Instrument(
        symbol=named(row.instId),
        kind=kind,
        settle=row.settleCcy or None,
        tick=number_or_none(row.tickSz),
        lot=number_or_none(row.lotSz),
        status=row.state,
        trading=row.state == "live",
        **facts,
    )


class Okx2021(Okx):
    """OKX as v5 was at first: books without numbers, which a checksum proves [C]."""

    decoder = "okx/5-2021"
    since = "2021-12-23"
    books = ("books", PICTURES, "books50-l2-tbt", "books-l2-tbt")
    is_numbered = False

    def integrity(self, channel: str) -> Integrity:
        """Books of changes have a checksum, whatever their numbers [C]."""
        if channel == PICTURES:
            return super().integrity(channel)
        return Integrity(checksum=AlternatingCrc(25), snapshot="stream")


class Okx3(Okx):
    """OKEx's API v3; each kind of instruments had tables of its own, and names tell them apart all the same [T]."""

    decoder = "okx/3"
    since = "2019-03-30"
    books = okx_v3.BOOKS

    def conversation(self) -> Conversation:
        """Return itself: frames tell all by themselves."""
        return self

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame."""
        return okx_v3.read(self.name, payload, recv)

    def integrity(self, channel: str) -> Integrity:
        """Books have a checksum, as v5 took it over [D]; the first of them, in JSON numbers, did not yet."""
        return Integrity(checksum=AlternatingCrc(25), snapshot="stream")


# Decoders of earlier days are made of the current one, so that it can name them only here.
Okx.earlier = (Okx2021, Okx3)
