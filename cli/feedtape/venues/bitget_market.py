"""What Bitget's markets share: reading, subscribing, instruments. The letters of sources are those of `bitget`."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
import orjson

from feedtape.book.rules import WAIT, AlternatingCrc, Chained, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import shifted
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Liquidation,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as SignOfLife
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.bitget_frames import (
    ANSWER,
    ARG,
    FRAME,
    LIQUIDATIONS,
    V2,
    V3,
    Arg,
    Frame,
    Generation,
    Listed,
    Now,
    Stamp,
    sequence_number,
)
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import best, ms, ms_or_none, number_or_none, positive, reading, side

_PATH = "/v3/ws/public"
_INSTRUMENTS = "/api/v3/market/instruments"
_FULL = frozenset({"books5", "books15", "books50"})
"""Depth channels of which every message is a whole picture [U][C]."""
_UPGRADE = "30033"
"""Code of the notice that comes up to a minute before the venue resets the connection [U]."""
_TRADED = frozenset({"online", "limit_open", "limit_close", "restrictedAPI"})
"""Statuses of a symbol that is traded, be it with restrictions [U]."""

_R = TypeVar("_R")


def _step(told: Stamp | None, decimals: Stamp | None) -> str | None:
    """Return the smallest step of a price or a size: told as it is, or by the decimals."""
    step = number_or_none(told)
    return step if step is not None or decimals in (None, "") else shifted("1", int(decimals))


class BitgetFamily(Venue):
    """What the markets and the generations of the protocol share."""

    families: ClassVar[tuple[str, ...]]
    """The kinds of instruments (`instType`) that the venue's frames may be of."""
    has_marks: ClassVar[bool] = False
    has_sequence: ClassVar[bool] = True

    ws_url = "wss://ws.bitget.com"
    rest_url = "https://api.bitget.com"
    channels: ClassVar[tuple[str, ...]] = ("book", "trades", "quotes")
    books: ClassVar[tuple[str, ...]] = ("books", "books50", "books5")
    # Fewer than 50 streams on a connection are recommended, 1,000 allowed; subscribe requests have a budget by the hour [U][C].
    # A message of 25 streams or more has cost the connection [P].
    limits = Limits(
        connects=Rate(300, 300),
        connections=100,
        messages=(Rate(10, 1), Rate(240, 3600)),
        rest=Rate(20, 1),
        streams=48,
        request_streams=20,
        request_bytes=4000,
        ask_bytes=40,
    )
    # Without a ping the venue ends a connection after two minutes, however much it sends on it [P]; answers come.
    heartbeat = Heartbeat(silence_s=60, ping_every_s=30, max_life_s=24 * 3600)
    example = "BTCUSDT"

    # -- reading frames

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read one frame. The snapshot that a trade stream begins with tells trades of before, which are no news [P]."""
        if payload == b"pong":
            return (SignOfLife("", recv, None),)
        frame = FRAME.decode(payload)
        if frame.event is not None:
            return self._answer(frame, recv)
        arg = frame.arg
        if arg is None:
            raise BadFrame("a frame that names neither stream nor event")
        if arg.instType.lower() not in self.families:
            raise BadFrame(f"a frame of {arg.instType[:40]!r} on a connection of {self.name}")
        generation, topic, symbol = self._told(arg)
        if topic == "liquidation":
            return self._liquidations(frame, recv)
        target = f"{self.name}:{named(symbol)}"
        if topic == generation.trades:
            return self._trades(generation.trade_rows, frame, recv, target)
        if topic == "books":
            return [self._book(row, frame.action, recv, target) for row in generation.books.decode(frame.data)]
        if topic == "books1":
            return [self._quote(row, recv, target) for row in generation.books.decode(frame.data)]
        if topic in _FULL:
            return [self._picture(row, recv, target, topic) for row in generation.books.decode(frame.data)]
        if topic == "ticker" and self.has_marks:
            return [self._ticker(row, frame, recv, target) for row in generation.tickers.decode(frame.data)]
        return (Unread(target, recv, None, named(topic)),)

    def _told(self, arg: Arg) -> tuple[Generation, str, str]:
        return (V3, arg.topic, arg.symbol) if arg.topic else (V2, arg.channel, arg.instId)

    def _answer(self, frame: Frame, recv: int) -> Sequence[Event]:
        if frame.event in ("subscribe", "unsubscribe"):
            if frame.arg is None:
                raise BadFrame("an answer that names no stream")
            return (Acknowledged("", recv, None, "", (named(frame.arg.stream),)),)
        if frame.event != "error":
            return (Unread("", recv, None, named(str(frame.event))),)
        code = None if frame.code is None else str(frame.code)
        if code == _UPGRADE:
            return (Status("", recv, None, frame.msg, True),)
        arg = frame.arg or self._named_in(frame.msg)
        return (Refused("", recv, None, None, code, frame.msg, () if arg is None else (named(arg.stream),)),)

    def _named_in(self, message: str) -> Arg | None:
        """Find the stream that v3 refuses: `{"instType":…,"topic":…,"symbol":…} doesn't exist` [P]."""
        try:
            return ARG.decode(message[: message.rfind("}") + 1])
        except msgspec.DecodeError:
            return None

    def _book(self, row: Any, action: str, recv: int, target: str) -> Event:
        time, checksum = ms(row.ts), row.checksum or None
        sequence = self._number(row.seq)
        if action == "snapshot":
            return BookSnapshot(target, recv, time, "books", row.bids, row.asks, sequence, checksum)
        if action != "update":
            raise BadFrame(f"neither snapshot nor update: {action[:40]!r}")
        before = self._number(row.pseq)
        return BookDelta(target, recv, time, "books", row.bids, row.asks, None, sequence, before, checksum)

    def _number(self, value: Stamp | None) -> int | None:
        return None if value is None and not self.has_sequence else sequence_number(value)

    def _picture(self, row: Any, recv: int, target: str, topic: str) -> Event:
        sequence = None if row.seq is None else sequence_number(row.seq)
        return BookSnapshot(target, recv, ms(row.ts), topic, row.bids, row.asks, sequence)

    def _quote(self, row: Any, recv: int, target: str) -> Event:
        bid, ask = (best(*side[0]) if side else (None, None) for side in (row.bids, row.asks))
        return Quote(target, recv, ms(row.ts), *bid, *ask, None if row.seq is None else sequence_number(row.seq))

    def _trades(self, rows: msgspec.json.Decoder[list[Any]], frame: Frame, recv: int, target: str) -> Sequence[Event]:
        found = [
            Trade(target, recv, ms(row.ts), positive(row.price), positive(row.size), side(row.side), row.id and named(row.id))
            for row in rows.decode(frame.data)
        ]
        if frame.action == "update":
            return found
        return (Unread(target, recv, None, "trade history"),)

    def _ticker(self, row: Any, frame: Frame, recv: int, target: str) -> Event:
        # Contracts that expire pay no funding: their next time is empty or zero [U].
        has_funding = row.nextFundingTime not in ("", "0", 0)
        return Derivative(
            target,
            recv,
            ms(row.ts or frame.ts),
            last=number_or_none(row.last),
            mark=number_or_none(row.markPrice),
            index=number_or_none(row.indexPrice),
            funding_rate=number_or_none(row.rate) if has_funding else None,
            funding_time=ms_or_none(row.nextFundingTime),
            open_interest=number_or_none(row.open_interest),
        )

    def _liquidations(self, frame: Frame, recv: int) -> Sequence[Event]:
        """Read liquidations, whose side is that of the position: `buy` is a long one, closed by selling [U]."""
        return [
            Liquidation(
                f"{self.name}:{named(row.symbol)}",
                recv,
                ms(row.ts),
                positive(row.price),
                positive(row.amount),
                side(row.side, buy="sell", sell="buy"),
            )
            for row in LIQUIDATIONS.decode(frame.data)
        ]

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read nothing: all that is asked for is instruments and the time."""
        return ()

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """`books` is a chain from a snapshot in the stream; a checksum came with it until 2026 and is checked where it does.

        Whether levels that leave the depth of the window are deleted is nowhere told, so that an unknown level may be.
        """
        if channel in _FULL:
            why = "each message is a whole picture; nothing links it to the one before"
            return Integrity(snapshot="full", resync=WAIT, unprovable=why)
        # A restart of the venue's own begins to count anew, with a previous number of 0 or without [U].
        rule = Chained(strict=True) if self.has_sequence else None
        until = "2026-09" if self.has_sequence else ""
        return Integrity(sequence=rule, checksum=AlternatingCrc(25), checksum_until=until, snapshot="stream")

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """Name the streams of a target, `instType/topic/symbol`; liquidations come for a kind of contract at once."""
        if target.channel and target.channel not in self.books:
            hint = f"{target.venue}:{target.symbol}@{self.books[1]}"
            raise UsageError(f"{target.venue} has no book stream {target.channel!r}", hint=hint)
        topics = {
            "book": target.channel or self.books[0],
            "trades": "publicTrade",
            "quotes": "books1",
            "derivatives": "ticker",
        }
        family, found = self.family(target.symbol), list[Stream]()
        for channel in (one for one in channels if one in self.channels):
            if channel == "liquidations":
                found.append(Stream(f"{family}/liquidation", channel))
            else:
                found.append(Stream(f"{family}/{topics[channel]}/{target.symbol}", channel, target.symbol))
        return found

    def family(self, symbol: str) -> str:
        """Return the kind of instruments that a symbol is of: under a wrong one a stream is acknowledged and silent [P]."""
        return self.families[0]

    def path(self, stream: Stream) -> str:
        """One path carries all kinds of instruments [P]."""
        return _PATH

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return subscribe requests; answers name their streams, one each."""
        return self._ask("subscribe", streams)

    def unsubscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """Return unsubscribe requests."""
        return self._ask("unsubscribe", streams)

    def _ask(self, operation: str, streams: Sequence[str]) -> list[Ask]:
        asks = []
        for group in self.requests(streams):
            args = [dict(zip(("instType", "topic", "symbol"), name.split("/", 2), strict=False)) for name in group]
            asks.append(Ask("", orjson.dumps({"op": operation, "args": args}), group))
        return asks

    def ping(self, number: int, now: int) -> bytes:
        """Return the text that is answered by `pong`."""
        return b"ping"

    def snapshot_request(self, symbol: str) -> Request | None:
        """Return none: snapshots come in the stream."""
        return None

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return one request for each kind of instruments that matters; only the venue's own names tell theirs."""
        are_exact = bool(symbols) and all(symbol.replace("_", "").isalnum() for symbol in symbols)
        asked = {self.family(self.canonical_symbol(symbol)) for symbol in symbols} if are_exact else set(self.families)
        return [Request(f"{_INSTRUMENTS}?category={one.upper()}") for one in self.families if one in asked]

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read a list of one kind of instruments."""
        return Page([self._instrument(row) for row in _data(body, list[Listed])], [])

    def _instrument(self, row: Listed) -> Instrument:
        # `type` was `symbolType` once, which now tells crypto from stocks.
        is_dated = "delivery" in (row.type, row.symbolType)
        kind = "spot" if row.category == "SPOT" else "future" if is_dated else "perpetual"
        settle = row.baseCoin if row.category == "COIN-FUTURES" else row.quoteCoin
        return Instrument(
            symbol=named(row.symbol),
            kind=kind,
            base=row.baseCoin,
            quote=row.quoteCoin,
            settle=None if kind == "spot" else settle,
            tick=_step(row.priceMultiplier, row.pricePrecision),
            lot=_step(row.quantityMultiplier, row.quantityPrecision),
            expiry=ms_or_none(row.deliveryTime) if is_dated else None,
            status=row.status,
            trading=None if row.status is None else row.status in _TRADED,
        )

    def clock_request(self) -> Request:
        """Return the request for the server's time."""
        return Request("/api/v2/public/time")

    @reading
    def clock(self, body: bytes) -> int:
        """Read the server's time."""
        return ms(_data(body, Now).serverTime)


def _data(body: bytes, shape: type[_R]) -> _R:
    answer = ANSWER.decode(body)
    if answer.code != "00000":
        raise BadFrame(f"the venue answers {answer.code[:40]}: {answer.msg[:200]}")
    return msgspec.json.decode(answer.data, type=shape)
