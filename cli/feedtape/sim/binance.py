"""The dialects of Binance: spot, USDⓈ-M and COIN-M futures.

Streams that do not exist, unknown symbols and (on USDⓈ-M) streams of the other route are acknowledged and
stay silent, as on the venue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from . import binance_payloads, binance_symbols
from .binance_payloads import Universe
from .binance_rest import Rest
from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .instrument import Instrument
from .listing import Listing
from .market import Step

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_TARGET = re.compile(r"(?:/(public|market|private))?/(ws|stream)(?:/(.*))?")
_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_DEPTH = re.compile(r"depth(5|10|20)?(?:@(0|100|500|1000)ms)?")
_MARKET_KINDS = ("aggTrade", "markPrice", "ticker", "forceOrder")


class _Refused(Exception):
    """An error answer: Binance's code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class BinanceSession(Session):
    """A connection: whether its frames are wrapped, its time unit, and its route ("" when not split)."""

    combined: bool = False
    micro: bool = False
    route: str = ""


class Binance(Dialect):
    """One of the three markets; `split` says that streams are served by route."""

    def __init__(
        self,
        name: str,
        symbols: tuple[str, ...],
        rules: Rules,
        universe: Universe,
        root: str,
        instrument: Callable[[str], Instrument],
        *,
        split: bool = False,
    ) -> None:
        self.name = name
        self.symbols = symbols
        self.rules = rules
        self._universe = universe
        self._rest = Rest(universe, root, rules)
        self._instrument = instrument
        self._split = split

    def instrument(self, symbol: str) -> Instrument:
        return self._instrument(symbol.upper())

    def open(self, target: str, desk: Desk) -> BinanceSession | None:
        url = urlsplit(target)
        match = _TARGET.fullmatch(url.path)
        if match is None:
            return None
        route, form, names = match.groups()
        if (route and not self._split) or (form == "stream" and names):
            return None
        query = parse_qs(url.query)
        micro = not self._universe.futures and query.get("timeUnit", [""])[0].upper() == "MICROSECOND"
        # Addresses without a route go on behaving like /public.
        session = BinanceSession(
            target,
            combined=form == "stream",
            micro=micro,
            route=(route or "public") if self._split else "",
        )
        listed = query.get("streams", [""])[0] if form == "stream" else unquote(names or "")
        for stream in filter(None, listed.split("/")):
            session.streams[stream] = self._find(stream, session, desk)
        return session

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        assert isinstance(session, BinanceSession)
        request_id: Any = None
        try:
            request = self._parse(text)
            request_id = request.get("id")
            answer = {"result": self._perform(session, request, desk), "id": request_id}
        except _Refused as refused:
            answer = {"code": refused.code, "msg": str(refused)}
            if request_id is not None:
                answer["id"] = request_id
        return [orjson.dumps(answer)]

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        return binance_payloads.build(self._universe, stream, listing, step, now_ns, rate)

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        assert isinstance(session, BinanceSession)
        return b'{"stream":"%s","data":%s}' % (stream.name.encode(), payload) if session.combined else payload

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        return self._rest.answer(path, query, desk)

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        message = "Way too much request weight used; IP banned." if banned else "Too much request weight used."
        headers = {"Retry-After": str(retry_after)}
        return Answer({"code": -1003, "msg": message}, 418 if banned else 429, 0, headers)

    def used_weight(self, weight: int) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(weight)}

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            request = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise _Refused(3, f"Invalid JSON: {error}") from None
        if not isinstance(request, dict):
            raise _Refused(2, "Invalid request: expected an object")
        method, request_id = request.get("method"), request.get("id")
        if method is None:
            raise _Refused(2, "Invalid request: missing field `method`")
        if method not in _METHODS:
            expected = ", ".join(f"`{name}`" for name in _METHODS)
            raise _Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
        plain = isinstance(request_id, int) and not isinstance(request_id, bool)
        if not (request_id is None or plain or (isinstance(request_id, str) and _ID.fullmatch(request_id))):
            request.pop("id")
            raise _Refused(2, "Invalid request: request ID must be an integer, an alphanumeric string or null")
        return request

    def _perform(self, session: BinanceSession, request: dict[str, Any], desk: Desk) -> Any:
        method, params = request["method"], request.get("params", [])
        if not isinstance(params, list):
            raise _Refused(2, "Invalid request: params must be an array")
        if method == "LIST_SUBSCRIPTIONS":
            return list(session.streams)
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return self._property(session, method, params)
        if not all(isinstance(name, str) for name in params):
            raise _Refused(2, "Invalid request: stream names must be strings")
        if method == "UNSUBSCRIBE":
            for name in params:
                session.streams.pop(name, None)
            return None
        reason = desk.refuse([name.partition("@")[0].upper() for name in params])
        if reason is not None:
            raise _Refused(2, f"Invalid request: {reason}")
        if len(session.streams.keys() | set(params)) > self.rules.streams_per_connection:
            raise _Refused(2, "Invalid request: too many streams")
        for name in params:
            session.streams.setdefault(name, self._find(name, session, desk))
        return None

    def _property(self, session: BinanceSession, method: str, params: list[Any]) -> bool | None:
        if not params or not isinstance(params[0], str):
            raise _Refused(2, "Invalid request: property name must be a string")
        if params[0] != "combined":
            raise _Refused(0, "Unknown property")
        if method == "GET_PROPERTY":
            return session.combined
        if len(params) != 2 or not isinstance(params[1], bool):
            raise _Refused(1, "Invalid value type: expected Boolean")
        session.combined = params[1]
        return None

    def _find(self, name: str, session: BinanceSession, desk: Desk) -> Stream | None:
        """Return the stream of this name if the client can hear it."""
        symbol, _, rest = name.partition("@")
        listing = desk.listings.get(symbol.upper())
        # The venue takes lower-case names only; others are acknowledged and silent.
        if listing is None or symbol != symbol.lower():
            return None
        stream = self._stream(name, listing.instrument.symbol, rest, session.micro)
        if stream is None or not session.route:
            return stream
        route = "market" if stream.kind in _MARKET_KINDS else "public"
        return stream if route == session.route else None

    def _stream(self, name: str, symbol: str, rest: str, micro: bool) -> Stream | None:
        futures = self._universe.futures
        depth = _DEPTH.fullmatch(rest)
        if depth is not None:
            levels, speed = depth.groups()
            if speed not in ((None, "0", "100", "500") if futures else (None, "100", "1000")):
                return None
            if levels:
                every = (0.25 if futures else 1.0) if speed is None else int(speed) / 1000
                return Stream(name, symbol, "partial", None if every <= 0.1 else every, int(levels), micro)
            return Stream(name, symbol, "depth", 0.5 if speed == "500" else None, 0, micro)
        if rest in ("bookTicker", "trade", "aggTrade"):
            return Stream(name, symbol, rest, None, 0, micro)
        if rest == "ticker":
            return Stream(name, symbol, rest, self._universe.ticker_every, 0, micro)
        if futures and rest in ("markPrice", "markPrice@1s"):
            return Stream(name, symbol, "markPrice", 1.0 if rest.endswith("1s") else 3.0)
        if futures and rest == "forceOrder":
            return Stream(name, symbol, rest, 1.0)
        return None


_FUTURES_RULES = Rules(180.0, 600.0, messages=((10, 1.0),), weight_per_minute=2400)

SPOT = Binance(
    "binance",
    ("BTCUSDT", "ETHUSDT"),
    Rules(20.0, 60.0, messages=((5, 1.0),), weight_per_minute=6000),
    Universe(0, 1.0),
    "/api/v3/",
    binance_symbols.spot,
)
USDM = Binance(
    "binance-usdm",
    ("BTCUSDT", "ETHUSDT"),
    _FUTURES_RULES,
    Universe(1, 2.0),
    "/fapi/v1/",
    binance_symbols.usdm,
    split=True,
)
COINM = Binance(
    "binance-coinm",
    ("BTCUSD_PERP", "ETHUSD_PERP"),
    _FUTURES_RULES,
    Universe(2, 0.5),
    "/dapi/v1/",
    binance_symbols.coinm,
)
