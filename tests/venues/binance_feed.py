"""A mixed stream of records: three venues, their books, trades and quotes, and everything that can happen to them."""

from __future__ import annotations

import random
from typing import Any

import orjson

from book.exchange import Line, NaiveExchange
from feedtape.model.records import DROP, ERROR, MARKER, RECV_BINARY, REQUEST, STALL, Record, note
from feedtape.session import Session
from feedtape.venues import registry
from venues.binance_frames import (
    COINM,
    SPOT,
    URLS,
    USDM,
    closed,
    depth,
    exchange,
    force_order,
    frame,
    mark,
    on,
    opened,
    quote,
    ticker,
    trade,
)

VENUES = (SPOT, USDM, COINM)
SYMBOLS = {SPOT: "BTCUSDT", USDM: "BTCUSDT", COINM: "BTCUSD_PERP"}
START = 1_755_000_000_000_000_000


class _Wire:
    """One venue, and the connection to it."""

    def __init__(self, venue: str, rng: random.Random, connection: int) -> None:
        self.venue = venue
        self.rng = rng
        self.exchange = NaiveExchange(rng, holes=venue != SPOT)
        self.exchange.trade_a_while()
        self.fast = Line(self.exchange, connection)
        self.slow = Line(self.exchange, connection)
        self.connection = connection
        self.trades = 1

    def depth(self, channel: str) -> bytes:
        delta = (self.fast if channel == "depth@100ms" else self.slow).cut(0)
        assert delta.first is not None and delta.last is not None
        data = depth(self.venue, delta.first, delta.last, delta.prev, [*delta.bids], [*delta.asks])
        return on(self.venue, channel, data)

    def snapshot(self, time: int, number: int) -> list[Record]:
        found = self.exchange.snapshot(self.exchange.now - self.rng.choice((0, 0, 0, 2, 20)), 0)
        body = {"lastUpdateId": found.sequence, "bids": found.bids, "asks": found.asks}
        return exchange(time, number, self.venue, f"/depth?symbol={SYMBOLS[self.venue]}&limit=1000", orjson.dumps(body))

    def other(self) -> bytes:
        """Something that is no book."""
        venue, rng = self.venue, self.rng
        self.trades += rng.choice((1, 1, 1, 1, 3))
        kinds: list[tuple[str, Any]] = [
            ("trade", trade(venue, self.trades, maker_bought=rng.random() < 0.5)),
            ("bookTicker", quote(venue, self.exchange.now, b=f"{rng.randrange(100)}.5")),
            ("kline_1m", {"e": "kline"}),
        ]
        if venue != SPOT:
            facts = [
                ("markPrice@1s", mark(venue, p=f"{rng.randrange(100)}.25")),
                ("ticker", ticker(venue)),
                ("forceOrder", force_order(venue)),
            ]
            kinds += [*facts, ("trade", trade(venue, self.trades, X="INSURANCE_FUND"))]
        return on(venue, *rng.choice(kinds))


def mixed(seed: int, length: int) -> list[Record]:
    """Records of everything, in the order in which a recorder would write them."""
    rng = random.Random(seed)
    records: list[Record] = []
    number = 0
    wires = []
    for venue in VENUES:
        number += 1
        wires.append(_Wire(venue, rng, number))
        records.append(opened(START, number, venue))
    pending: list[Record] = []
    time = START
    for _ in range(length):
        time += rng.randrange(1, 1_000_000)
        wire = rng.choice(wires)
        dice = rng.random()
        if dice < 0.60:
            payload = wire.depth(rng.choice(("depth@100ms", "depth@100ms", "depth@0ms")))
            if rng.random() > 0.04:
                records.append(frame(time, wire.connection, payload))
        elif dice < 0.82:
            records.append(frame(time, wire.connection, wire.other()))
        elif dice < 0.94:
            # An exchange is a request now and its answer some records later.
            number += 1
            request, *answer = wire.snapshot(time, number)
            records.append(request)
            pending += answer
        elif dice < 0.95:
            payload = wire.depth("depth@100ms")
            records.append(frame(time, wire.connection, payload[: rng.randrange(len(payload))]))
        elif dice < 0.96:
            records.append(Record(time, wire.connection, RECV_BINARY, b"\x00\n\xff"))
        elif dice < 0.97:
            number += 1
            request = note(
                time, REQUEST, {"venue": wire.venue, "method": "GET", "url": URLS[wire.venue] + "/depth?symbol=X"}, number
            )
            records += [request, note(time, ERROR, {"message": "timed out"}, number)]
        elif dice < 0.975:
            number += 1
            records += exchange(time, number, wire.venue, "/depth?symbol=X", b'{"code":-1003,"msg":"wait"}', 429)
        elif dice < 0.98:
            records.append(note(time, STALL, {"connection": wire.connection, "since": str(time - 5)}))
        elif dice < 0.985:
            records.append(note(time, DROP, {"frames": 3, "since": str(time - 7)}))
        elif dice < 0.99:
            records.append(note(time, MARKER, {"text": "here"}))
        else:
            number += 1
            records += [closed(time, wire.connection), opened(time, number, wire.venue)]
            wire.connection = number
        if pending and rng.random() < 0.5:
            records += [Record(time, one.connection, one.kind, one.payload) for one in pending]
            pending = []
    return records


def built(records: list[Record]) -> Session:
    """What the records say."""
    session = Session(registry.venue)
    for record in records:
        session.feed(record)
    return session


def everything(session: Session) -> bytes:
    """All that a session says of itself, as bytes."""
    return orjson.dumps(
        [session.digests(), session.statistics(), session.keyframe(), [loss.as_json() for loss in session.losses], session.unread]
    )


if __name__ == "__main__":
    import sys

    sys.stdout.write(everything(built(mixed(int(sys.argv[1]), int(sys.argv[2])))).decode())
