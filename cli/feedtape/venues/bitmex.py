"""BitMEX: perpetuals, dated futures, spreads and spot until September 2026, for captures of its time.

Everything is a table: a `partial` brings the rows that there are, and `insert`, `update` and `delete` change them. Rows are told
by the table's keys; an update names those and what has changed.

Sources, cited below by letter:
    [W] www.bitmex.com/app/wsAPI: tables, actions, keys, heartbeats, answers
    [B] blog.bitmex.com, API announcements: connections are limited (October 2017), book rows have times (14 February 2022),
        nulls are left out (16 January 2023), ids of book rows tell no price, which each row names instead (10 July 2023)
    [I] support.bitmex.com, fields of instruments and liquidations, units of assets; docs.bitmex.com, types of instruments
    [T] github.com/tardis-dev/tardis-node, `src/mappers/bitmex.ts`: a partial may hold many symbols; that of trades is history
    [F] github.com/bmoscon/cryptofeed, sample_data: ten contracts of July 2021, each update and delete of a row that is there
    [X] github.com/bitrich-info/xchange-stream issue 183 and BitMEX/api-connectors issue 45: updates of rows that are not there
    [E] github.com/BitcoinExchangeFH/BitcoinExchangeFH issue 83: `orderBookL2` in place of the older books, September 2017
    [R] rows of the `trade` table for indices, of size 0 and the type `Referential`, as public clients noted them in 2023 and 2025
"""

from collections.abc import Sequence
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation
from typing import Any, Final

from feedtape.book.rules import WAIT, Integrity
from feedtape.errors import BadFrame, UsageError
from feedtape.model.decimals import ZERO, canonical
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Liquidation,
    Order,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.events import Heartbeat as Beat
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Ask, Heartbeat, Limits, Page, Rate, Request, Stream, Venue, named
from feedtape.venues.reading import fact, iso, levels, number, number_or_none, positive, read_exact, reading, side

_TOP: Final = "orderBook10"
_ACTIONS: Final = frozenset({"partial", "insert", "update", "delete"})
_SIDES: Final = {"Buy": "bid", "Sell": "ask"}
_LISTS: Final = tuple(f"/api/v1/instrument{part}" for part in ("/active", "/activeAndIndices", ""))
_KINDS: Final = {
    "FFW": "perpetual",
    "FFC": "future",
    "FFM": "spread",
    "IFX": "spot",
    "MR": "index",
    "OC": "option",
    "OP": "option",
}
"""What the codes of instrument types begin with [I]; `FFS`, of contracts on stocks and metals, does not tell whether they end."""
_UNITS: Final = {"GWEI": "ETH"}
"""Coins whose smallest unit has a name of its own; those of others are spelled as they are, `XBt` and `USDt` [I]."""
_EXACT: Final = Context(prec=30, traps=[DivisionByZero, Inexact, InvalidOperation])

_Row = dict[str, Any]


class Bitmex(Venue):
    """BitMEX, which was one socket for all that it traded."""

    name = "bitmex"
    title = "BitMEX"
    decoder = "bitmex/1"
    since = "2017-09-12"  # [E]
    closed = "the exchange shut down on 23 September 2026"
    ws_url = "wss://ws.bitmex.com"
    rest_url = "https://www.bitmex.com"
    channels = ("book", "trades", "quotes", "derivatives", "liquidations")
    books = ("orderBookL2", "orderBookL2_25", "orderBookL2_100", _TOP)
    absent = "times of liquidations, and of book changes before February 2022"
    example = "XBTUSD"
    # As they were: subscriptions were not limited [W], connections to 20 an hour [B].
    limits = Limits(connects=Rate(20, 3600), messages=(), rest=Rate(30, 60), streams=1000)
    # `pong` answers a `ping`, which is to be sent when nothing came for five seconds [W].
    heartbeat = Heartbeat(silence_s=15, ping_every_s=5)

    # -- reading frames

    @reading
    def decode(self, payload: bytes, recv: int) -> Sequence[Event]:
        """Read a change of a table, or an answer [W]."""
        if payload == b"pong":
            return (Beat("", recv, None),)
        message = read_exact(payload)
        if "table" not in message:
            return (_answer(message, recv),)
        table, action, rows = named(message["table"]), message["action"], message["data"]
        if action not in _ACTIONS or type(rows) is not list:
            raise BadFrame(f"not a change of a table: {str(action)[:40]!r}")
        if table in self.books:
            events = self._books(table, action, rows, recv, message.get("filter") or {})
        else:
            events = self._facts(table, action, rows, recv)
        return events or (Unread("", recv, None, table if action == "insert" else f"{table} {action}"),)

    def _target(self, row: _Row) -> str:
        return f"{self.name}:{named(row['symbol'])}"

    # -- books

    def _books(self, table: str, action: str, rows: list[_Row], recv: int, asked: _Row) -> Sequence[Event]:
        if table == _TOP:
            return [self._picture(row, recv) for row in rows] if action != "delete" else ()
        by_target: dict[str, list[_Row]] = {}
        if action == "partial" and "symbol" in asked:
            # Of an empty book there is no row that could name it.
            by_target[self._target(asked)] = []
        for row in rows:
            by_target.setdefault(self._target(row), []).append(row)
        return [_changed(target, table, action, rows, recv) for target, rows in by_target.items()]

    def _picture(self, row: _Row, recv: int) -> Event:
        """Read ten levels a side, which every message tells whole."""
        target, time = self._target(row), iso(row["timestamp"])
        return BookSnapshot(target, recv, time, _TOP, levels(row["bids"]), levels(row["asks"]), None)

    # -- other tables

    def _facts(self, table: str, action: str, rows: list[_Row], recv: int) -> Sequence[Event]:
        """Read what a table says that is news.

        A partial of trades is history [T], and one of liquidations holds orders that were told before; changes of those are their
        executions. The `funding` table tells what was exchanged, and not what will be: `instrument` does.
        """
        found: list[Event] = []
        if table == "trade" and action == "insert":
            found += (self._trade(row, recv) for row in rows if not _is_index(row))
        elif table == "quote" and action in ("partial", "insert"):
            found += (self._quote(row, recv) for row in rows)
        elif table == "liquidation" and action == "insert":
            found += (self._liquidation(row, recv) for row in rows)
        elif table == "instrument" and action != "delete":
            found += (told for row in rows if not _is_index(row) and (told := self._instrument(row, recv)) is not None)
        return found

    def _trade(self, row: _Row, recv: int) -> Event:
        """Read a trade. `side` is the taker's and may be missing; the price of a spread may be negative."""
        target, time, word = self._target(row), iso(row["timestamp"]), row.get("side")
        taker = None if word is None or word == "" else side(word, "Buy", "Sell")
        return Trade(target, recv, time, number(row["price"]), positive(row["size"]), taker, named(row["trdMatchID"]))

    def _quote(self, row: _Row, recv: int) -> Event:
        bid, ask = _best(row.get("bidPrice"), row.get("bidSize")), _best(row.get("askPrice"), row.get("askSize"))
        return Quote(self._target(row), recv, iso(row["timestamp"]), *bid, *ask)

    def _liquidation(self, row: _Row, recv: int) -> Event:
        """Read the order that liquidates, with its own side [I]."""
        price, size, of = number(row["price"]), positive(row["leavesQty"]), side(row["side"], "Buy", "Sell")
        return Liquidation(self._target(row), recv, None, price, size, of, named(row["orderID"]))

    def _instrument(self, row: _Row, recv: int) -> Event | None:
        """Read what a row tells of a contract: all that has changed, and perhaps nothing of interest here."""
        funded = row.get("fundingTimestamp")
        told = Derivative(
            self._target(row),
            recv,
            _time(row),
            last=fact(row.get("lastPrice")),
            mark=fact(row.get("markPrice")),
            index=fact(row.get("indicativeSettlePrice")),
            funding_rate=fact(row.get("fundingRate")),
            funding_time=None if funded is None else iso(funded),
            open_interest=fact(row.get("openInterest")),
        )
        is_silent = told == Derivative(told.target, recv, told.time)
        return None if is_silent else told

    def decode_body(self, request: Request, body: bytes, recv: int) -> Sequence[Event]:
        """Read nothing: a book that came by HTTP has no place among the frames."""
        return ()

    # -- declaring

    def integrity(self, channel: str) -> Integrity:
        """Rows have ids and messages have no numbers: only a change of a row that is not there shows that one is missing [X]."""
        if channel == _TOP:
            why = "each message is a picture of the best ten; nothing links it to the one before"
            return Integrity(snapshot="full", resync=WAIT, unprovable=why)
        why = "the venue numbered nothing: a lost message shows only where a later one changes a level that is not there"
        return Integrity(snapshot="stream", by_order=True, unknown_delete_is_loss=True, unprovable=why)

    def streams(self, target: Target, channels: Sequence[str]) -> list[Stream]:
        """There is nothing left to subscribe to."""
        raise UsageError(f"{self.name} is closed: {self.closed}", hint="its tapes replay, its captures import")

    def subscribe(self, streams: Sequence[str], first_id: int) -> list[Ask]:
        """There is nobody left to ask."""
        return []

    def ping(self, number: int, now: int) -> bytes:
        """Return the venue's own sign of life."""
        return b"ping"

    def snapshot_request(self, symbol: str) -> Request | None:
        """Snapshots came in the stream."""
        return None

    # -- instruments

    def instruments_requests(self, symbols: Sequence[str] = ()) -> list[Request]:
        """Return the request for what was traded."""
        return [Request(_LISTS[0])]

    def lists_instruments(self, request: Request) -> bool:
        """Lists with indices, and with what had ended, have the same form."""
        return request.path.partition("?")[0] in _LISTS

    @reading
    def instruments(self, request: Request, body: bytes) -> Page:
        """Read a list of instruments."""
        entries = read_exact(body)
        if type(entries) is not list:
            raise BadFrame(f"the venue answers {str(entries)[:200]}")
        return Page([_listed(entry) for entry in entries], [])


def _answer(message: _Row, recv: int) -> Event:
    if "info" in message:
        return Greeting("", recv, None)
    if "error" in message:
        return Refused("", recv, None, None, str(message["status"]), str(message["error"]))
    if message["success"] is not True:
        raise BadFrame("an answer that neither refuses nor takes a request")
    for word in ("subscribe", "unsubscribe"):
        if word in message:
            return Acknowledged("", recv, None, "", (named(message[word]),))
    return Unread("", recv, None, "answer")


def _is_index(row: _Row) -> bool:
    """Tell whether a row is of an index, whose values stand in the tables of what is traded [R]."""
    return named(row["symbol"])[0] == "."


def _time(row: _Row) -> int | None:
    return None if row.get("timestamp") is None else iso(row["timestamp"])


def _changed(target: str, table: str, action: str, rows: list[_Row], recv: int) -> Event:
    """Read changes of a book's rows, as of the latest among them."""
    orders = [order for row in rows for order in _orders(row, action)]
    time = max((time for row in rows if (time := _time(row)) is not None), default=None)
    if action == "partial":
        return BookSnapshot(target, recv, time, table, [], [], None, orders=orders)
    return BookDelta(target, recv, time, table, [], [], None, None, orders=orders)


def _orders(row: _Row, action: str) -> list[Order]:
    """Read a change of a row, which its id and its side tell together: a price that changes sides may keep its id [W]."""
    word, number_of, price = row["side"], row["id"], row.get("price")
    if type(number_of) is not int or not 0 <= number_of < 2**63:
        raise BadFrame(f"not an id of a row: {str(number_of)[:40]!r}")
    id, on = f"{number_of}/{word}", _SIDES[word]
    if action == "delete":
        return [(id, on, "", "0")]
    size = positive(row["size"])
    if action != "update":
        return [(id, on, number(price), size)]
    # Without a price it must be there already, which is what shows a loss, whether or not a price is named as well.
    known = (id, on, "", size)
    return [known] if price is None else [known, (id, on, number(price), size)]


def _best(price: object, size: object) -> tuple[str | None, str | None]:
    # The size tells an empty side, where it is not left out: the price of a spread may be zero, or negative.
    amount = number_or_none(size)
    return (None, None) if price is None or (amount is not None and ZERO[amount]) else (number(price), amount)


def _listed(entry: _Row) -> Instrument:
    code, state, expiry = str(entry["typ"]), named(entry["state"]), entry.get("expiry")
    kind = next((kind for begin, kind in _KINDS.items() if code.startswith(begin)), code)
    if code.startswith("FFS"):
        kind = "perpetual" if expiry is None else "future"
    unit = str(entry.get("settlCurrency") or "").upper()
    return Instrument(
        symbol=named(entry["symbol"]),
        kind=kind,
        base=entry.get("underlying") or None,
        quote=entry.get("quoteCurrency") or None,
        settle=_UNITS.get(unit, unit) or None if kind != "spot" else None,
        tick=number_or_none(entry.get("tickSize")),
        lot=number_or_none(entry.get("lotSize")),
        multiplier=_multiplier(entry),
        expiry=None if expiry is None else iso(expiry),
        strike=number_or_none(entry.get("optionStrikePrice")),
        option={"OC": "call", "OP": "put"}.get(code[:2]),
        status=state,
        trading=state == "Open",
    )


def _multiplier(entry: _Row) -> str | None:
    """Return what one contract is worth: in the quote currency where it is inverse, in the base otherwise.

    A quanto contract is worth its price in a third currency, and so nothing that could be told here.
    """
    if entry.get("isQuanto"):
        return None
    if entry.get("isInverse"):
        worth, whole = entry.get("multiplier"), entry.get("underlyingToSettleMultiplier")
    else:
        worth, whole = 1, entry.get("underlyingToPositionMultiplier")
    if worth is None or whole is None:
        return None
    try:
        return canonical(format(_EXACT.divide(Decimal(number(worth)), Decimal(number(whole))), "f"))
    except DecimalException:
        return None
