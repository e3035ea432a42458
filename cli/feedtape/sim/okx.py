"""The dialect of OKX v5: all kinds of instruments on one public socket.

A subscription is answered argument by argument, an unknown channel or instrument refused with its code; books chain by
`prevSeqId`, whose checksum has been 0 since June 2026; `ping` and `pong` are plain text. Trades begin with the last one of
before, as a capture of 2022 has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from . import options
from .dialect import Answer, Desk, Dialect, Rules, Session, Stream
from .history import Levels
from .instrument import Instrument
from .listing import Listing
from .market import Step, Trade
from .okx_symbols import kind_of, listed, made_up

_BOOKS = {"books": (400, 0.1), "books-rpi": (400, 0.1)}
_PICTURES = {"books5": (5, 0.1), "bbo-tbt": (1, None)}
_FOR_TIERS = frozenset({"books50-l2-tbt", "books-l2-tbt"})
"""Books for those who have logged in and trade much."""
_PLAIN: dict[str, tuple[float | None, frozenset[str]]] = {
    "trades": (None, frozenset({"SPOT", "SWAP", "FUTURES", "OPTION"})),
    "tickers": (0.1, frozenset({"SPOT", "SWAP", "FUTURES", "OPTION"})),
    "mark-price": (0.2, frozenset({"SPOT", "SWAP", "FUTURES", "OPTION"})),
    "open-interest": (3.0, frozenset({"SWAP", "FUTURES", "OPTION"})),
    "funding-rate": (30.0, frozenset({"SWAP"})),
}
"""How often a channel speaks, and of which kinds of instruments."""
_OF_MANY = {"liquidation-orders": ("instType", None), "opt-summary": ("instFamily", 1.0), "index-tickers": ("instId", 0.1)}
_FUNDING_MS = 8 * 3600 * 1000
_KEEP_ALIVE_S = 60.0
_WRONG = "Wrong URL or {} doesn't exist. Please use the correct URL, channel and parameters referring to API document."
_LOW_TIER = "Your trading fee tier doesn't meet the requirement to access this channel"

Object = dict[str, Any]


class Okx(Dialect):
    """OKX, as its documents of 2026 have it."""

    name = "okx"
    symbols = ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP")
    rules = Rules(
        client_within=30.0,
        subscribe_within=30.0,
        messages=((480, 3600.0),),
        connects=(3, 1.0),
        streams_per_connection=1000,
        weight_per_minute=1200,
    )

    def instrument(self, symbol: str) -> Instrument:
        return made_up(symbol)

    def open(self, target: str, desk: Desk) -> Session | None:
        return Session(target) if target.partition("?")[0] == "/ws/v5/public" else None

    # -- requests

    def receive(self, session: Session, text: str, desk: Desk) -> list[bytes]:
        if text == "ping":
            return [b"pong"]
        try:
            request = orjson.loads(text)
            op, args = request["op"], request["args"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return [self._refusal({}, "60012", f"Invalid request: {text[:60]}")]
        if op not in ("subscribe", "unsubscribe") or not isinstance(args, list):
            return [self._refusal(request, "60012", f"Invalid request: {text[:60]}")]
        answers: list[bytes] = []
        for arg in args:
            if not isinstance(arg, dict) or "channel" not in arg:
                answers.append(self._refusal(request, "60013", "Invalid args"))
            elif op == "subscribe":
                answers += self._subscribe(session, request, arg, desk)
            else:
                self._forget(session, _name(arg))
                answers.append(self._answer(request, {"event": "unsubscribe", "arg": arg}))
        return answers

    def _subscribe(self, session: Session, request: Object, arg: Object, desk: Desk) -> list[bytes]:
        if arg["channel"] in _FOR_TIERS:
            return [self._refusal(request, "64003", _LOW_TIER, arg)]
        streams = self._find(arg, desk)
        if not streams:
            return [self._refusal(request, "60018", _WRONG.format(",".join(f"{key}:{value}" for key, value in arg.items())))]
        name = streams[0].name
        reason = desk.refuse([streams[0].symbol])
        if reason is not None:
            return [self._refusal(request, "60014", f"Requests too frequent: {reason} ({name})", arg)]
        answers = [self._answer(request, {"event": "subscribe", "arg": arg})]
        for stream in streams:
            key = name if len(streams) == 1 else f"{name} {stream.symbol}"
            if key not in session.streams:
                session.streams[key] = stream
                answers += self._begin(stream, arg, desk)
        return answers

    def _forget(self, session: Session, name: str) -> None:
        for key in [key for key, stream in session.streams.items() if stream is not None and stream.name == name]:
            del session.streams[key]

    def _begin(self, stream: Stream, arg: Object, desk: Desk) -> list[bytes]:
        """What a stream says at once: a book itself, and trades the last one that there was."""
        listing = desk.listings[stream.symbol]
        if stream.kind in _BOOKS:
            window = listing.window(stream.name, stream.levels)
            picture = window.picture(listing.market, listing.steps, self._steps(stream, desk.rate))
            body = self._book(stream, listing, picture.bids, picture.asks, desk.now_ns) | {"prevSeqId": -1, "seqId": picture.id}
            return [orjson.dumps({"arg": arg, "action": "snapshot", "data": [body]})]
        if stream.kind == "trades":
            for back, step in enumerate(reversed(listing.recent)):
                if step.trades:
                    made_ms = desk.now_ns // 1_000_000 - round(1000 * back / desk.rate)
                    told = [_trade(listing.instrument, step.trades[-1], 1, str(made_ms), step.last)]
                    return [orjson.dumps({"arg": arg, "data": told})]
        return []

    def _find(self, arg: Object, desk: Desk) -> list[Stream]:
        """Return the streams that an argument asks for: one, but for what is of an index, a family or a kind."""
        channel, name = str(arg["channel"]), _name(arg)
        if channel in _OF_MANY:
            key, every = _OF_MANY[channel]
            wanted = arg.get(key)
            of = [symbol for symbol, listing in desk.listings.items() if _concerns(channel, wanted, listing.instrument)]
            # One listing of a pair tells its index.
            return [Stream(name, symbol, channel, every) for symbol in (of[:1] if channel == "index-tickers" else of)]
        symbol = str(arg.get("instId", ""))
        if symbol not in desk.listings:
            return []
        if channel in _BOOKS:
            levels, every = _BOOKS[channel]
            return [Stream(name, symbol, channel, every, levels)]
        if channel in _PICTURES:
            levels, pace = _PICTURES[channel]
            return [Stream(name, symbol, channel, pace, levels)]
        pace, kinds = _PLAIN.get(channel, (None, frozenset()))
        return [Stream(name, symbol, channel, pace)] if kind_of(symbol) in kinds else []

    def _answer(self, request: Object, fields: Object) -> bytes:
        told = {"id": request["id"]} if "id" in request else {}
        return orjson.dumps(told | fields | {"connId": "a4d3ae55"})

    def _refusal(self, request: Object, code: str, message: str, arg: Object | None = None) -> bytes:
        fields: Object = {"event": "error", "code": code, "msg": message}
        return self._answer(request, fields if arg is None else fields | {"arg": arg})

    # -- what streams say

    def _steps(self, stream: Stream, rate: float) -> int:
        return 1 if stream.every is None else max(1, round(stream.every * rate))

    def payloads(self, stream: Stream, listing: Listing, step: Step, now_ns: int, rate: float) -> Iterable[bytes]:
        if listing.steps % self._steps(stream, rate):
            return []
        now = str(now_ns // 1_000_000)
        if stream.kind in _BOOKS:
            return self._update(stream, listing, now_ns, rate)
        build = getattr(self, "_" + stream.kind.replace("-", "_"))
        return [orjson.dumps({"arg": _arg(stream.name), "data": rows}) for rows in build(stream, listing, step, now) if rows]

    def _update(self, stream: Stream, listing: Listing, now_ns: int, rate: float) -> list[bytes]:
        """Tell what changed; where nothing does, once a minute that the stream lives, under the number that it has."""
        change = listing.window(stream.name, stream.levels).advance(listing.market, listing.steps)
        if change.is_empty and listing.steps % max(1, round(_KEEP_ALIVE_S * rate)):
            return []
        body = self._book(stream, listing, change.bids, change.asks, now_ns) | {"prevSeqId": change.prev, "seqId": change.last}
        return [orjson.dumps({"arg": _arg(stream.name), "action": "update", "data": [body]})]

    def _book(self, stream: Stream, listing: Listing, bids: Levels, asks: Levels, now_ns: int) -> Object:
        rows = {"asks": _rows(listing.instrument, asks), "bids": _rows(listing.instrument, bids)}
        if stream.kind == "books-rpi":
            for row in (*rows["asks"], *rows["bids"]):
                row[2] = row[1]
            return rows | {"ts": str(now_ns // 1_000_000)}
        return rows | {"ts": str(now_ns // 1_000_000), "checksum": 0}

    def _books5(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        fact, market = listing.instrument, listing.market
        bids, asks = market.bids.top(stream.levels), market.asks.top(stream.levels)
        rows = {"asks": _rows(fact, asks), "bids": _rows(fact, bids), "instId": fact.symbol}
        return [[rows | {"ts": now, "seqId": step.last}]]

    def _bbo_tbt(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        if not step.top_changed:
            return []
        [[body]] = self._books5(stream, listing, step, now)
        del body["instId"]
        return [[body]]

    def _trades(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        return [
            [_trade(listing.instrument, Trade(one.last, one.price, one.size, one.buy), one.last - one.first + 1, now, step.last)]
            for one in listing.aggregates
        ]

    def _tickers(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        fact, market, stats = listing.instrument, listing.market, listing.stats
        bid, ask = market.bids.best, market.asks.best
        told = {"instType": kind_of(fact.symbol), "instId": fact.symbol, "last": fact.price(stats.last), "lastSz": fact.size(1)}
        told |= {"askPx": fact.price(ask), "askSz": fact.size(market.asks.sizes[ask])}
        told |= {"bidPx": fact.price(bid), "bidSz": fact.size(market.bids.sizes[bid])}
        told |= {"open24h": fact.price(stats.open), "high24h": fact.price(stats.high), "low24h": fact.price(stats.low)}
        return [[told | {"vol24h": fact.size(stats.volume), "volCcy24h": "0", "ts": now}]]

    def _mark_price(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        symbol, price = listing.instrument.symbol, _mid(listing)
        if kind_of(symbol) == "OPTION":
            model = options.model(symbol, listing.steps)
            price = f"{model.price / model.forward:.10f}"
        return [[{"instType": kind_of(symbol), "instId": symbol, "markPx": price, "ts": now}]]

    def _index_tickers(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        return [[{"instId": listing.instrument.pair, "idxPx": _mid(listing), "ts": now}]]

    def _funding_rate(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        due = (int(now) // _FUNDING_MS + 1) * _FUNDING_MS
        told = {"instType": "SWAP", "instId": listing.instrument.symbol, "fundingRate": "0.0001234", "nextFundingRate": ""}
        return [[told | {"fundingTime": str(due), "nextFundingTime": str(due + _FUNDING_MS), "ts": now}]]

    def _open_interest(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        fact = listing.instrument
        held = fact.size(listing.open_interest)
        told = {"instType": kind_of(fact.symbol), "instId": fact.symbol, "oi": held, "oiCcy": held, "oiUsd": held}
        return [[told | {"ts": now}]]

    def _liquidation_orders(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        forced, fact = step.liquidation, listing.instrument
        if forced is None:
            return []
        side, position = ("buy", "short") if forced.buy else ("sell", "long")
        detail = {"side": side, "posSide": position, "bkPx": fact.price(forced.limit), "sz": fact.size(forced.size)}
        detail |= {"bkLoss": "0", "ccy": "", "ts": now}
        told: Object = {"instType": kind_of(fact.symbol), "instId": fact.symbol, "instFamily": fact.pair, "uly": fact.pair}
        return [[told | {"details": [detail]}]]

    def _opt_summary(self, stream: Stream, listing: Listing, step: Step, now: str) -> list[list[Object]]:
        fact = listing.instrument
        if kind_of(fact.symbol) != "OPTION":
            return []
        model = options.model(fact.symbol, listing.steps)
        told = {"instType": "OPTION", "instId": fact.symbol, "uly": fact.pair, "lever": "12.1", "realVol": "", "volLv": "0.5"}
        # What is adjusted for the price counts in the coin.
        told |= {"delta": f"{model.delta - model.price / model.forward:.10f}", "gamma": f"{model.gamma * model.forward:.10f}"}
        told |= {"vega": f"{model.vega / model.forward:.10f}", "theta": f"{model.theta / model.forward:.10f}"}
        told |= {f"{name}BS": f"{getattr(model, name):.10f}" for name in ("delta", "gamma", "vega", "theta")}
        told |= {"markVol": f"{model.iv:.10f}", "bidVol": f"{model.bid_iv:.10f}", "askVol": f"{model.ask_iv:.10f}"}
        told["fwdPx"] = f"{model.forward:.10f}"
        return [[told | {"ts": now}]]

    def wrap(self, session: Session, stream: Stream, payload: bytes) -> bytes:
        return payload

    # -- REST

    def http(self, path: str, query: Mapping[str, str], desk: Desk) -> Answer | None:
        now = str(desk.now_ns // 1_000_000)
        if path == "/api/v5/public/time":
            return _data([{"ts": now}])
        if path == "/api/v5/public/instruments":
            kind, family = query.get("instType", ""), query.get("instFamily") or query.get("uly")
            if kind == "OPTION" and not family:
                return Answer({"code": "50014", "data": [], "msg": "Parameter uly or instFamily can not be empty."})
            rows = [listed(one.instrument) for one in desk.listings.values()]
            return _data([row for row in rows if row["instType"] == kind and (not family or row["instFamily"] == family)])
        if path == "/api/v5/public/underlying":
            pairs = dict.fromkeys(one.instrument.pair for name, one in desk.listings.items() if kind_of(name) == "OPTION")
            return _data([list(pairs)])
        if path == "/api/v5/market/books":
            listing = desk.listings.get(query.get("instId", ""))
            if listing is None:
                return Answer({"code": "51001", "data": [], "msg": "Instrument ID does not exist"})
            state = desk.book(listing)
            depth = min(400, int(query.get("sz", "1")))
            fact = listing.instrument
            body = {"asks": _rows(fact, state.asks[:depth]), "bids": _rows(fact, state.bids[:depth])}
            return _data([body | {"ts": now, "seqId": state.id}])
        return None

    def limited(self, retry_after: int, *, banned: bool = False) -> Answer:
        return Answer({"code": "50011", "data": [], "msg": "Too Many Requests"}, 429, 0)


def _concerns(channel: str, wanted: object, fact: Instrument) -> bool:
    """Tell whether a listing is of the index, the family or the kind that is asked for."""
    kind = kind_of(fact.symbol)
    if channel == "liquidation-orders":
        return wanted == kind != "SPOT"
    return wanted == fact.pair and (channel == "index-tickers" or kind == "OPTION")


def _name(arg: Mapping[str, Any]) -> str:
    """A stream's name: the channel and what it is of, as `channel:key=value`."""
    of = next(((key, value) for key, value in arg.items() if key != "channel"), ("", ""))
    return f"{arg.get('channel')}:{of[0]}={of[1]}"


def _arg(name: str) -> Object:
    channel, _, of = name.partition(":")
    key, _, value = of.partition("=")
    return {"channel": channel, key: value}


def _trade(fact: Instrument, trade: Trade, count: int, now: str, number: int) -> Object:
    told: Object = {"instId": fact.symbol, "tradeId": str(trade.id), "px": fact.price(trade.price), "sz": fact.size(trade.size)}
    return told | {"side": "buy" if trade.buy else "sell", "ts": now, "count": str(count), "source": "0", "seqId": number}


def _rows(fact: Instrument, levels: Sequence[tuple[int, int]]) -> list[list[str]]:
    return [
        [fact.price(price), fact.size(size) if size else "0", "0", str(1 + size % 7) if size else "0"] for price, size in levels
    ]


def _mid(listing: Listing) -> str:
    market = listing.market
    return f"{Decimal(market.bids.best + market.asks.best).scaleb(-listing.instrument.tick_digits) / 2:f}"


def _data(rows: Sequence[Any]) -> Answer:
    return Answer({"code": "0", "msg": "", "data": rows})


OKX = Okx()
