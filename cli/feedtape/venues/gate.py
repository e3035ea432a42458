"""Gate: spot and perpetual futures, one protocol (version 4) in two dialects, and version 3 of spot as it was.

Sources, cited below by letter:
    [S] gate.com developer documents, Spot WebSocket v4, and REST v4
    [F] the same, Futures WebSocket v4, with its change log of 2026-08-20 (USD1 contracts, liquidations in lists)
    [P] github.com/nemanull/arbitrage-observatory, docs/profiles/gate: a probe of futures, September 2026
    [L] github.com/gateio/WebSocket-API issue 132: frames of `public_liquidates`, August 2026
    [W] github.com/gateio/gatews issues 6 and 51: levels beyond the best 100
    [O] captures of their day: version 3 of spot (2020 and 2022), `futures.order_book` telling single levels (2020)

Sizes of futures are numbers of contracts. Without the header `X-Gate-Size-Decimal: 1` those of contracts that trade in fractions
of one come rounded down to whole ones in every channel but `obu` [F][P]: a level of less than a contract is told as if it were
gone. We send it; captures were made without.
"""

import re
from collections.abc import Sequence
from typing import Any

from feedtape.book.rules import Integrity
from feedtape.model.decimals import ZERO
from feedtape.model.events import BookDelta, BookSnapshot, Derivative, Event, Levels, Liquidation, Side, Trade, Unread
from feedtape.model.instruments import Instrument
from feedtape.venues.contract import Page, Request, Stream, named
from feedtape.venues.gate_market import GateMarket, GateSpotMarket, entries, sent, update_id
from feedtape.venues.gate_v3 import GateV3
from feedtape.venues.reading import fact, ms, number, positive, reading, seconds

_SINGLE_LEVELS = "order_book/2020"
"""Our name of `order_book` as it was then: no whole pictures one after the other, but one and its changes."""


def _signed(value: object) -> tuple[Side, str]:
    """Read a size whose sign is the side of the order: a negative one sells [F]."""
    text = number(value)
    return ("sell", positive(text[1:])) if text[0] == "-" else ("buy", positive(text))


class Gate(GateSpotMarket):
    """Gate spot."""

    decoder = "gate/4"
    since = "2021-01-01"
    earlier = (GateV3,)


class GateFutures(GateMarket):
    """Gate perpetual futures.

    A contract of another settlement currency than the connection's is acknowledged and then silent, so paths are apart [P].
    """

    name = "gate-futures"
    title = "Gate futures"
    decoder = "gate-futures/4"
    since = "2019-01-01"
    market = "futures"
    channels = ("book", "trades", "quotes", "derivatives", "liquidations")
    ws_url = "wss://fx-ws.gateio.ws"
    headers = (("X-Gate-Size-Decimal", "1"),)
    example = "BTC_USDT"

    def _others(self, channel: str, message: Any, recv: int) -> Sequence[Event]:
        if channel not in ("tickers", "public_liquidates") or not message["channel"].startswith("futures."):
            return super()._others(channel, message, recv)
        result = message["result"]
        rows = result if type(result) is list else [result]
        if channel == "public_liquidates":
            return [self._liquidation(row, recv) for row in rows]
        time = sent(message)
        return [self._ticker(row, time, recv) for row in rows]

    def _levels(self, rows: Any) -> Levels:
        return [(number(row["p"]), number(row["s"])) for row in rows]

    def _picture(self, message: Any, result: Any, recv: int) -> Sequence[Event]:
        if message["event"] == "update":
            return self._changes(result, sent(message), recv)
        # Neither time nor id in 2020, when changes of single levels followed [O].
        channel, last = ("order_book", update_id(result["id"])) if "id" in result else (_SINGLE_LEVELS, None)
        time = ms(result["t"]) if "t" in result else sent(message)
        bids, asks = self._levels(result["bids"]), self._levels(result["asks"])
        return (BookSnapshot(self._target(result["contract"]), recv, time, channel, bids, asks, last),)

    def _changes(self, rows: Any, time: int | None, recv: int) -> Sequence[Event]:
        """Read changed levels as told in 2020: asks have negative sizes, and a zero deletes on whichever side it is [O]."""
        by_contract: dict[str, list[Any]] = {}
        for row in rows:
            by_contract.setdefault(row["c"], []).append(row)
        events = []
        for symbol, own in by_contract.items():
            told = [(number(row["p"]), number(row["s"])) for row in own]
            bids = [(price, size) for price, size in told if size[0] != "-"]
            asks = [(price, size.lstrip("-")) for price, size in told if size[0] == "-" or ZERO[size]]
            first, last = update_id(own[0]["id"]), update_id(own[-1]["id"])
            events.append(BookDelta(self._target(symbol), recv, time, _SINGLE_LEVELS, bids, asks, first, last))
        return events

    def integrity(self, channel: str) -> Integrity:
        """As on spot; whether the ids of single levels have holes is nowhere told."""
        if channel == _SINGLE_LEVELS:
            return Integrity(snapshot="stream", unprovable="what changed levels in 2020 is linked by nothing that is documented")
        return super().integrity(channel)

    def _trade(self, row: Any, recv: int) -> Event:
        target = self._target(row["contract"])
        time = ms(row["create_time_ms"]) if "create_time_ms" in row else seconds(row["create_time"])
        if row.get("is_internal"):
            # Liquidations taken over by the insurance fund or by deleveraging: no match on the market's book [F].
            return Unread(target, recv, time, "internal trade")
        taker, size = _signed(row["size"])
        return Trade(target, recv, time, positive(row["price"]), size, taker, number(row["id"]))

    def _ticker(self, row: Any, time: int | None, recv: int) -> Event:
        return Derivative(
            self._target(row["contract"]),
            recv,
            time,
            last=fact(row.get("last")),
            mark=fact(row.get("mark_price")),
            index=fact(row.get("index_price")),
            funding_rate=fact(row.get("funding_rate")),
            open_interest=fact(row.get("total_size")),
        )

    def _liquidation(self, row: Any, recv: int) -> Event:
        """Read a liquidation. No document tells what the sign of its size means [L]; it is taken for the order's, as in trades.

        The frames of [L] bear that out: negative sizes at falling prices, as when longs are sold.
        """
        order, size = _signed(row["size"])
        time = ms(row["time_ms"] if "time_ms" in row else row["time"])
        return Liquidation(self._target(row["contract"]), recv, time, positive(row["price"]), size, order)

    def _changed(self, book: Any) -> int | None:
        return seconds(book["update"]) if "update" in book else None

    def _asked(self, symbol: str, book: str) -> str:
        return f"{symbol},100ms,100" if book == "order_book_update" else f"{symbol},100,0"

    def path(self, stream: Stream) -> str:
        """Return the path of the contract's settlement currency."""
        return f"/v4/ws/{_settled_in(stream.symbol)}"

    def snapshot_request(self, symbol: str) -> Request:
        """Return the request for the best 100 levels; see `Gate`."""
        return Request(f"/api/v4/futures/{_settled_in(symbol)}/order_book?contract={symbol}&limit=100&with_id=true")

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return a request for each settlement currency; only those that the symbols need, where none is a pattern."""
        all_named = symbols and all(re.fullmatch(r"\w+", symbol) for symbol in symbols)
        needed = {_settled_in(symbol) for symbol in symbols} if all_named else {"usdt", "btc"}
        return [Request(f"/api/v4/futures/{settle}/contracts") for settle in sorted(needed, reverse=True)]

    def lists_instruments(self, request: Request) -> bool:
        """Tell whether it is a list of contracts, of whatever settlement currency."""
        return request.path.partition("?")[0].endswith("/contracts")

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read contracts. The multiplier of inverse ones is sent as zero, and so not told."""
        settle = request.path.partition("?")[0].split("/")[-2].upper()
        return Page([self._instrument(entry, settle) for entry in entries(body)], [])

    def _instrument(self, entry: Any, settle: str) -> Instrument:
        symbol = named(entry["name"])
        base, _, quote = symbol.rpartition("_")
        least, multiplier = number(entry["order_size_min"]), number(entry["quanto_multiplier"])
        is_rounded = entry.get("enable_decimal") is True and type(entry["order_size_min"]) is int
        status, leaving = entry.get("status"), entry.get("in_delisting")
        return Instrument(
            symbol=symbol,
            kind="perpetual",
            base=base,
            quote=quote,
            settle=settle,
            tick=number(entry["order_price_round"]),
            lot=None if is_rounded else least,
            multiplier=None if ZERO[multiplier] else multiplier,
            status=status or ("delisting" if leaving else None),
            trading=status == "trading" if status is not None else None if leaving is None else not leaving,
        )


def _settled_in(symbol: str) -> str:
    """Return the settlement currency of a contract by its quote: USDT, USD1, or BTC for dollars [F]."""
    quote = symbol.rpartition("_")[2].lower()
    return quote if quote in ("usdt", "usd1") else "btc"
