"""What frames of Gate mean, spot and futures, and what is asked of it."""

from typing import Any

import orjson
import pytest

from feedtape.book.rules import Contiguous
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Liquidation,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.targets import Target
from feedtape.venues.contract import Request
from feedtape.venues.gate import Gate, GateFutures
from feedtape.venues.gate_market import GateMarket
from feedtape.venues.gate_v3 import GateV3

RECV = 1_790_000_000_500_000_000
MS = 1_790_000_000_123
NS = MS * 1_000_000
SPOT, FUTURES = Gate(), GateFutures()
each = pytest.mark.parametrize("venue", [SPOT, FUTURES], ids=["spot", "futures"])


def update(venue: GateMarket, channel: str, result: Any, **fields: Any) -> bytes:
    time = {"time": MS // 1000, "time_ms": MS + 5}
    return orjson.dumps(time | {"channel": f"{venue.market}.{channel}", "event": "update", "result": result} | fields)


def decoded(venue: GateMarket, payload: bytes) -> list[Event]:
    return list(venue.decode(payload, RECV))


def target(venue: GateMarket, symbol: str = "ETH_USDT") -> str:
    return f"{venue.name}:{symbol}"


def obu(**fields: Any) -> dict[str, Any]:
    return {"t": MS, "s": "ob.ETH_USDT.400", "u": 104, "b": [["2700.1", "3"]], "a": [["2700.20", "0"]]} | fields


# -- books


@each
def test_order_book_v2_begins_with_a_whole_picture_and_goes_on_by_ids(venue: GateMarket) -> None:
    bids, asks = [("2700.1", "3")], [("2700.20", "0")]
    [picture] = decoded(venue, update(venue, "obu", obu(full=True)))
    assert picture == BookSnapshot(target(venue), RECV, NS, "ob.400", bids, asks, 104)
    [delta] = decoded(venue, update(venue, "obu", obu(U=101)))
    assert delta == BookDelta(target(venue), RECV, NS, "ob.400", bids, asks, 101, 104)
    # The documents' examples have no event, and one of ids alone has no levels.
    bare = {"channel": f"{venue.market}.obu", "time_ms": MS, "result": {"t": MS, "s": "ob.ETH_USDT.50", "U": 105, "u": 105}}
    assert decoded(venue, orjson.dumps(bare)) == [BookDelta(target(venue), RECV, NS, "ob.50", [], [], 105, 105)]


@each
def test_the_older_channel_has_lists_on_spot_and_objects_on_futures(venue: GateMarket) -> None:
    rows: Any = [["2700.1", "3"]] if venue is SPOT else [{"p": "2700.1", "s": 3}]
    result = {"t": MS, "s": "ETH_USDT", "U": 7, "u": 9, "b": rows, "a": []}
    [delta] = decoded(venue, update(venue, "order_book_update", result))
    assert delta == BookDelta(target(venue), RECV, NS, "order_book_update", [("2700.1", "3")], [], 7, 9)
    [picture] = decoded(venue, update(venue, "order_book_update", result | {"full": True}))
    assert picture == BookSnapshot(target(venue), RECV, NS, "order_book_update", [("2700.1", "3")], [], 9)


def test_whole_pictures() -> None:
    spot = {"t": MS, "lastUpdateId": 48, "s": "BTC_USDT", "bids": [["19079.55", "0.0195"]], "asks": []}
    [picture] = decoded(SPOT, update(SPOT, "order_book", spot))
    assert picture == BookSnapshot("gate:BTC_USDT", RECV, NS, "order_book", [("19079.55", "0.0195")], [], 48)
    futures = {"t": MS, "contract": "BTC_USD", "id": 93, "asks": [{"p": "97.1", "s": 2245}], "bids": [], "l": "20"}
    [picture] = decoded(FUTURES, update(FUTURES, "order_book", futures, event="all"))
    assert picture == BookSnapshot("gate-futures:BTC_USD", RECV, NS, "order_book", [], [("97.1", "2245")], 93)


def test_single_levels_as_told_in_2020() -> None:
    rows = [
        {"p": "222.25", "s": -390, "c": "BCH_USDT", "id": 7},
        {"p": "5", "s": 1, "c": "XRP_USDT", "id": 3},
        {"p": "222.25", "s": 0, "c": "BCH_USDT", "id": 8},
    ]
    old = {"time": 1593561604, "channel": "futures.order_book", "event": "update", "error": None, "result": rows}
    time = 1593561604 * 10**9
    assert decoded(FUTURES, orjson.dumps(old)) == [
        BookDelta(
            "gate-futures:BCH_USDT", RECV, time, "order_book/2020", [("222.25", "0")], [("222.25", "390"), ("222.25", "0")], 7, 8
        ),
        BookDelta("gate-futures:XRP_USDT", RECV, time, "order_book/2020", [("5", "1")], [], 3, 3),
    ]
    # A message that cannot be read may have been one of them, and the next ones would not show it.
    whole = {"contract": "XRP_USDT", "asks": [], "bids": [{"p": "5", "s": 2}]}
    [picture] = decoded(FUTURES, orjson.dumps(old | {"event": "all", "result": whole}))
    assert isinstance(picture, BookSnapshot) and picture.channel == "order_book/2020"
    assert not FUTURES.integrity(picture.channel).sees_loss and FUTURES.integrity("order_book").sees_loss


def test_rest_books_have_an_id_and_times_in_two_units() -> None:
    body = {"id": 12, "current": MS + 9, "update": MS, "asks": [["2", "1"]], "bids": [["1.0", "3"]]}
    [picture] = SPOT.decode_body(SPOT.snapshot_request("ETH_USDT"), orjson.dumps(body), RECV)
    assert picture == BookSnapshot("gate:ETH_USDT", RECV, NS, "", [("1.0", "3")], [("2", "1")], 12)
    text = b'{"current":1684930166.384,"update":1684930166.35,"id":12,"asks":[{"s":803,"p":"0.2974"}],"bids":[]}'
    [picture] = FUTURES.decode_body(FUTURES.snapshot_request("RDNT_USDT"), text, RECV)
    assert picture == BookSnapshot("gate-futures:RDNT_USDT", RECV, 1684930166_350000000, "", [], [("0.2974", "803")], 12)
    assert SPOT.decode_body(Request("/api/v4/spot/time"), b"{}", RECV) == ()
    for broken in (b"", b"{}", b'{"bids":[],"asks":[]}', b'{"id":"x","bids":[],"asks":[]}', b'{"id":-1,"bids":[],"asks":[]}'):
        with pytest.raises(BadFrame):
            SPOT.decode_body(SPOT.snapshot_request("ETH_USDT"), broken, RECV)


# -- trades, quotes, facts


def test_trades_have_the_takers_side() -> None:
    row = {"id": 5, "create_time": 1, "create_time_ms": "1790000000123.45", "side": "sell", "currency_pair": "ETH_USDT"}
    [trade] = decoded(SPOT, update(SPOT, "trades", row | {"amount": "0.2010000000", "price": "121.58"}))
    assert trade == Trade("gate:ETH_USDT", RECV, NS + 450_000, "121.58", "0.2010000000", "sell", "5")
    rows = [
        {"id": 6, "create_time": MS // 1000, "create_time_ms": MS, "contract": "ETH_USDT", "price": "2171.44", "size": "-0.25"},
        {"id": 7, "create_time": MS // 1000, "contract": "ETH_USDT", "price": "2171.5", "size": 22},
        {"id": 8, "create_time_ms": MS, "contract": "ETH_USDT", "price": "2000", "size": 1, "is_internal": True},
    ]
    assert decoded(FUTURES, update(FUTURES, "trades", rows)) == [
        Trade("gate-futures:ETH_USDT", RECV, NS, "2171.44", "0.25", "sell", "6"),
        Trade("gate-futures:ETH_USDT", RECV, MS // 1000 * 10**9, "2171.5", "22", "buy", "7"),
        Unread("gate-futures:ETH_USDT", RECV, NS, "internal trade"),
    ]


@each
def test_quotes_and_empty_sides(venue: GateMarket) -> None:
    ticker = {"t": MS, "u": 77, "s": "ETH_USDT", "b": "2172.82", "B": "0.5", "a": "2172.85", "A": 1053}
    [quote] = decoded(venue, update(venue, "book_ticker", ticker))
    assert quote == Quote(target(venue), RECV, NS, "2172.82", "0.5", "2172.85", "1053", 77)
    [quote] = decoded(venue, update(venue, "book_ticker", ticker | {"b": "", "B": 0, "A": "0"}))
    # Less than one contract at the best ask: its size was rounded away, its price was not.
    assert quote == Quote(target(venue), RECV, NS, None, None, "2172.85", None, 77)


def test_tickers_tell_the_facts_of_a_contract() -> None:
    row = {"contract": "BTC_USD", "last": "118.4", "funding_rate": "-0.000114", "mark_price": "118.35", "total_size": "73648"}
    facts = {"last": "118.4", "mark": "118.35", "funding_rate": "-0.000114", "open_interest": "73648"}
    expected = Derivative("gate-futures:BTC_USD", RECV, NS + 5_000_000, **facts)  # type: ignore[arg-type]
    assert decoded(FUTURES, update(FUTURES, "tickers", [row])) == [expected]
    assert decoded(FUTURES, update(FUTURES, "tickers", row)) == [expected]
    [event] = decoded(SPOT, update(SPOT, "tickers", {"currency_pair": "ETH_USDT", "last": "1"}))
    assert event == Unread("", RECV, None, "spot.tickers")


def test_liquidations_come_alone_or_in_lists() -> None:
    row = {"contract": "HEI_USDT", "price": "0.13827", "time": MS, "size": -23}
    sold = Liquidation("gate-futures:HEI_USDT", RECV, NS, "0.13827", "23", "sell")
    assert decoded(FUTURES, update(FUTURES, "public_liquidates", row)) == [sold]
    rows = [row, {"contract": "HEI_USDT", "price": "0.14", "time_ms": MS, "size": "10.5"}]
    bought = Liquidation("gate-futures:HEI_USDT", RECV, NS, "0.14", "10.5", "buy")
    assert decoded(FUTURES, update(FUTURES, "public_liquidates", rows)) == [sold, bought]


# -- what the venue says about itself


@each
def test_answers_name_the_request_or_what_was_asked_for(venue: GateMarket) -> None:
    channel = f"{venue.market}.obu"
    ok: dict[str, Any] = {"channel": channel, "event": "subscribe", "result": {"status": "success"}}
    payload = ["ob.ETH_USDT.400", "ob.BTC_USDT.400"]
    streams = tuple(f"{channel} {name}" for name in payload)

    def said(**fields: Any) -> Event:
        [event] = decoded(venue, orjson.dumps(ok | fields))
        return event

    assert said() == said(event="unsubscribe") == Acknowledged("", RECV, None, "")
    assert said(id=4, payload=payload) == Acknowledged("", RECV, None, "4")
    assert said(payload=payload) == Acknowledged("", RECV, None, "", streams)
    one = said(channel=f"{venue.market}.order_book_update", payload=["ETH_USDT", "100ms"])
    assert one == Acknowledged("", RECV, None, "", (f"{venue.market}.order_book_update ETH_USDT,100ms",))
    error, fail = {"code": 2, "message": "unknown currency pair X"}, {"status": "fail"}
    assert said(id=4, error=error, result=fail) == Refused("", RECV, None, "4", "2", "unknown currency pair X")
    assert said(error=error, result=None) == Refused("", RECV, None, None, "2", "unknown currency pair X")
    assert said(error=error, payload=payload) == Refused("", RECV, None, None, "2", "unknown currency pair X", streams)
    assert said(id=4, result=fail) == Refused("", RECV, None, "4", None, "status fail")


@each
def test_signs_of_life_and_upgrades(venue: GateMarket) -> None:
    pong = {"time": 1, "channel": f"{venue.market}.pong", "event": "", "result": None}
    assert decoded(venue, orjson.dumps(pong)) == [Heartbeat("", RECV, None)]
    upgrade = update(venue, "system", {"type": "upgrade", "msg": "reconnect please"})
    assert decoded(venue, upgrade) == [Status("", RECV, NS + 5_000_000, "reconnect please", True)]
    [notice] = decoded(venue, update(venue, "system", None, event="upgrade"))
    assert isinstance(notice, Status) and notice.renew


@each
@pytest.mark.parametrize("channel", ["candlesticks", "contract_stats", "something_new"])
def test_channels_that_nothing_reads_are_named(venue: GateMarket, channel: str) -> None:
    assert decoded(venue, update(venue, channel, [])) == [Unread("", RECV, None, f"{venue.market}.{channel}")]


MALFORMED: dict[str, Any] = {
    "obu without levels' name": ("obu", obu(s="ETH_USDT", full=True)),
    "obu of a long name": ("obu", obu(s=f"ob.{'X' * 300}.400", full=True)),
    "obu without an id": ("obu", {"t": MS, "s": "ob.ETH_USDT.400", "full": True}),
    "obu without U": ("obu", obu()),
    "obu with a text for an id": ("obu", obu(full=True, u="104")),
    "obu with a huge id": ("obu", obu(full=True, u=2**63)),
    "obu with half a level": ("obu", obu(full=True, b=[["1"]])),
    "obu with a word for a price": ("obu", obu(full=True, b=[["one", "1"]])),
    "obu with a time before 1970": ("obu", obu(full=True, t=-1)),
    "symbol is a list": ("order_book_update", {"t": MS, "s": ["X"], "U": 1, "u": 1, "b": [], "a": []}),
    "trade of nothing": (
        "trades",
        {"id": 1, "create_time_ms": MS, "side": "buy", "currency_pair": "X", "amount": "0", "price": "1"},
    ),
    "trade of no side": (
        "trades",
        {"id": 1, "create_time_ms": MS, "side": "", "currency_pair": "X", "amount": "1", "price": "1"},
    ),
    "quote without a side": ("book_ticker", {"t": MS, "u": 1, "s": "X", "b": "1", "B": "1"}),
    "result is a number": ("obu", 5),
    "result is null": ("trades", None),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_messages_are_bad_frames(name: str) -> None:
    channel, result = MALFORMED[name]
    with pytest.raises(BadFrame):
        SPOT.decode(update(SPOT, channel, result), RECV)


@each
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"7",
        b"null",
        b"[]",
        b"{}",
        b'{"channel":5}',
        b'{"channel":"spot.obu"}',
        b'{"channel":"spot.obu","event":"subscribe","error":5}',
        b'{"channel":"spot.obu","event":"subscribe","result":5}',
        update(SPOT, "obu", obu(full=True))[:-9],
        update(FUTURES, "tickers", [{"last": "1"}])[:-9],
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_a_bad_frame(venue: GateMarket, payload: bytes) -> None:
    with pytest.raises(BadFrame):
        venue.decode(payload, RECV)


def test_sizes_of_no_sign_are_bad_frames() -> None:
    for size in (0, "-0", "", None, "1.2.3", 1e400):
        row = {"id": 6, "create_time_ms": MS, "contract": "ETH_USDT", "price": "1", "size": size}
        with pytest.raises(BadFrame):
            FUTURES.decode(update(FUTURES, "trades", [row]), RECV)


# -- version 3


def v3(method: str, *parameters: Any) -> bytes:
    return orjson.dumps({"method": method, "params": parameters, "id": None})


def test_version_3_books_tell_whether_they_are_whole() -> None:
    book = {"asks": [["10.95", "14.4"]], "bids": [["10.53", "26.6"]]}
    [picture] = GateV3().decode(v3("depth.update", True, book, "BTG_USDT"), RECV)
    assert picture == BookSnapshot("gate:BTG_USDT", RECV, None, "depth", [("10.53", "26.6")], [("10.95", "14.4")], None)
    later = (
        b'{"method":"depth.update","params":[false,{"id":92,"bids":[["1","0"]],"current":1669860182.101},"BTG_USDT"],"id":null}'
    )
    [delta] = GateV3().decode(later, RECV)
    assert delta == BookDelta("gate:BTG_USDT", RECV, 1669860182_101000000, "depth", [("1", "0")], [], None, 92)
    assert GateV3().integrity("depth").proof == "unprovable"


def test_version_3_begins_with_old_trades_which_are_no_news() -> None:
    rows = [{"id": number, "time": 1593561600.5, "price": "9137.38", "amount": "0.002", "type": "buy"} for number in (8, 7)]
    talk = GateV3().conversation()
    assert talk.decode(v3("trades.update", "BTC_USDT", rows), RECV) == (Unread("gate:BTC_USDT", RECV, None, "trade history"),)
    other = GateV3().conversation()
    other.load(orjson.loads(orjson.dumps(talk.save())))
    for one in (talk, other):
        trades = list(one.decode(v3("trades.update", "BTC_USDT", rows), RECV))
        assert trades == [
            Trade("gate:BTC_USDT", RECV, 1593561600_500000000, "9137.38", "0.002", "buy", number) for number in ("7", "8")
        ]


def test_version_3_answers() -> None:
    def said(text: bytes) -> Event:
        [event] = GateV3().decode(text, RECV)
        return event

    assert said(b'{"error":null,"result":{"status":"success"},"id":12312}') == Acknowledged("", RECV, None, "12312")
    assert said(b'{"error":null,"result":"pong","id":1}') == Heartbeat("", RECV, None)
    refused = said(b'{"error":{"code":2,"message":"invalid argument"},"result":null,"id":3}')
    assert refused == Refused("", RECV, None, "3", "2", "invalid argument")
    assert said(v3("ticker.update", "CVC_USDT", {})) == Unread("", RECV, None, "ticker.update")
    for broken in (b"", b"[]", b"{}", v3("depth.update", True), v3("trades.update", 5, [])):
        with pytest.raises(BadFrame):
            GateV3().decode(broken, RECV)


# -- asking


def test_streams_and_requests() -> None:
    names = [stream.name for stream in SPOT.streams(Target("gate", "ETH_USDT"), CHANNELS)]
    assert names == ["spot.obu ob.ETH_USDT.400", "spot.trades ETH_USDT", "spot.book_ticker ETH_USDT"]
    names += [stream.name for stream in SPOT.streams(Target("gate", "BTC_USDT"), CHANNELS)]
    names += [stream.name for stream in SPOT.streams(Target("gate", "BTC_USDT", "order_book_update"), ["book"])]
    names += [stream.name for stream in SPOT.streams(Target("gate", "ETH_USDT", "order_book_update"), ["book"])]
    asks = SPOT.subscribe(names, 5)
    assert [orjson.loads(ask.frame) for ask in asks] == [
        {"id": 5, "channel": "spot.obu", "event": "subscribe", "payload": ["ob.ETH_USDT.400", "ob.BTC_USDT.400"]},
        {"id": 6, "channel": "spot.trades", "event": "subscribe", "payload": ["ETH_USDT", "BTC_USDT"]},
        {"id": 7, "channel": "spot.book_ticker", "event": "subscribe", "payload": ["ETH_USDT", "BTC_USDT"]},
        {"id": 8, "channel": "spot.order_book_update", "event": "subscribe", "payload": ["BTC_USDT", "100ms"]},
        {"id": 9, "channel": "spot.order_book_update", "event": "subscribe", "payload": ["ETH_USDT", "100ms"]},
    ]
    assert [ask.id for ask in asks] == ["5", "6", "7", "8", "9"]
    assert sorted(name for ask in asks for name in ask.streams) == sorted(names)
    [ask] = SPOT.unsubscribe(["spot.obu ob.ETH_USDT.400"], 9)
    assert orjson.loads(ask.frame) == {"id": 9, "channel": "spot.obu", "event": "unsubscribe", "payload": ["ob.ETH_USDT.400"]}


def test_an_answer_without_an_id_names_streams_as_they_were_asked_for() -> None:
    for book in FUTURES.books:
        for ask in FUTURES.subscribe([s.name for s in FUTURES.streams(Target("gate-futures", "X_USDT", book), CHANNELS)], 1):
            echo = {key: value for key, value in orjson.loads(ask.frame).items() if key != "id"}
            [event] = decoded(FUTURES, orjson.dumps(echo | {"result": {"status": "success"}}))
            assert event == Acknowledged("", RECV, None, "", ask.streams)


def test_many_streams_are_cut_into_connections_and_messages() -> None:
    plans = SPOT.plan([Target("gate", f"C{number}_USDT") for number in range(120)], ["book", "trades", "quotes"])
    assert {plan.path for plan in plans} == {"/ws/v4/"} and max(len(plan.streams) for plan in plans) <= SPOT.limits.streams
    asked = [name for plan in plans for ask in SPOT.subscribe(plan.names, 1) for name in ask.streams]
    assert len(asked) == len(set(asked)) == 360


def test_futures_have_a_connection_for_each_settlement_currency() -> None:
    symbols = ["BTC_USDT", "BTC_USD", "ETH_USDT", "BTC_USD1"]
    plans = FUTURES.plan([Target("gate-futures", symbol) for symbol in symbols], CHANNELS)
    assert [(plan.path, len(plan.streams)) for plan in plans] == [("/v4/ws/usdt", 10), ("/v4/ws/btc", 5), ("/v4/ws/usd1", 5)]
    assert plans[1].names == (
        "futures.obu ob.BTC_USD.400",
        "futures.trades BTC_USD",
        "futures.book_ticker BTC_USD",
        "futures.tickers BTC_USD",
        "futures.public_liquidates BTC_USD",
    )
    [quiet] = FUTURES.plan([Target("gate-futures", "BTC_USD")], ["liquidations"])
    assert not quiet.busy
    request = FUTURES.snapshot_request("BTC_USD")
    assert request.path == "/api/v4/futures/btc/order_book?contract=BTC_USD&limit=100&with_id=true"


def test_futures_ask_for_sizes_with_their_decimals() -> None:
    assert FUTURES.headers == (("X-Gate-Size-Decimal", "1"),) and not SPOT.headers


def test_books_by_name_and_what_they_prove() -> None:
    with pytest.raises(UsageError):
        SPOT.streams(Target("gate", "ETH_USDT", "depth"), ["book"])
    [stream] = FUTURES.streams(Target("gate-futures", "ETH_USDT", "order_book_update"), ["book"])
    assert stream.name == "futures.order_book_update ETH_USDT,100ms,100"
    [stream] = FUTURES.streams(Target("gate-futures", "ETH_USDT", "order_book"), ["book"])
    assert stream.name == "futures.order_book ETH_USDT,100,0"
    [stream] = SPOT.streams(Target("gate", "ETH_USDT", "ob.50"), ["book"])
    assert stream.name == "spot.obu ob.ETH_USDT.50"
    for channel in ("", "ob.400", "ob.50"):
        assert (SPOT.integrity(channel).sequence, SPOT.integrity(channel).snapshot) == (Contiguous(), "stream")
    older = SPOT.integrity("order_book_update")
    assert (older.sequence, older.snapshot, older.depth) == (Contiguous(), "rest", 100)
    assert SPOT.integrity("order_book").proof == "unprovable"


@each
def test_a_ping_tells_the_time_in_seconds(venue: GateMarket) -> None:
    assert orjson.loads(venue.ping(3, NS)) == {"time": MS // 1000, "channel": f"{venue.market}.ping"}
    assert venue.heartbeat.ping_every_s and venue.heartbeat.ping_every_s <= 20
    assert venue.clock_request() and venue.clock(b'{"server_time":1790000000123}') == NS
    for broken in (b"", b"{}", b'{"server_time":"now"}'):
        with pytest.raises(BadFrame):
            venue.clock(broken)
    with pytest.raises(BadFrame):
        venue.decode_binary(b"\x00", RECV)


# -- instruments


def test_pairs() -> None:
    [request] = SPOT.instruments_requests()
    pair = {"id": "IHT_ETH", "base": "IHT", "quote": "ETH", "amount_precision": 1, "precision": 9, "trade_status": "tradable"}
    page = SPOT.instruments(request, orjson.dumps([pair, pair | {"id": "X_Y", "precision": 0, "trade_status": "untradable"}]))
    facts = {"kind": "spot", "base": "IHT", "quote": "ETH", "lot": "0.1"}
    assert page.more == [] and page.instruments == [
        Instrument(symbol="IHT_ETH", tick="0.000000001", status="tradable", trading=True, **facts),  # type: ignore[arg-type]
        Instrument(symbol="X_Y", tick="1", status="untradable", trading=False, **facts),  # type: ignore[arg-type]
    ]


def test_contracts() -> None:
    usdt, btc = FUTURES.instruments_requests()
    assert (usdt.path, btc.path) == ("/api/v4/futures/usdt/contracts", "/api/v4/futures/btc/contracts")
    entry = {"name": "KNC_USDT", "order_price_round": "0.0001", "order_size_min": 1, "quanto_multiplier": "10"}
    fine = entry | {"name": "BTC_USD1", "status": "trading", "enable_decimal": True}
    inverse = {"name": "BTC_USD", "quanto_multiplier": "0", "in_delisting": True}
    page = FUTURES.instruments(usdt, orjson.dumps([entry | {"in_delisting": False}, fine, fine | {"order_size_min": "0.1"}]))
    assert page.instruments[0] == Instrument(
        symbol="KNC_USDT",
        kind="perpetual",
        base="KNC",
        quote="USDT",
        settle="USDT",
        tick="0.0001",
        lot="1",
        multiplier="10",
        trading=True,
    )
    # What is traded in fractions has its smallest size rounded where decimals were not asked for.
    assert [(one.lot, one.status, one.trading) for one in page.instruments[1:]] == [
        (None, "trading", True),
        ("0.1", "trading", True),
    ]
    [found] = FUTURES.instruments(btc, orjson.dumps([entry | inverse])).instruments
    assert (found.settle, found.multiplier, found.status, found.trading) == ("BTC", None, "delisting", False)
    assert [one.path for one in FUTURES.instruments_requests(["BTC_USD1"])] == ["/api/v4/futures/usd1/contracts"]
    assert FUTURES.instruments_requests(["BTC_*"]) == FUTURES.instruments_requests() == [usdt, btc]
    assert all(FUTURES.lists_instruments(one) for one in (usdt, btc, Request("/api/v4/futures/usd1/contracts")))
    assert not FUTURES.lists_instruments(FUTURES.snapshot_request("BTC_USD"))


@pytest.mark.parametrize("body", [b"", b"{}", b"[5]", b"[{}]", b'[{"id":5,"name":5}]'])
@each
def test_lists_that_cannot_be_read(venue: GateMarket, body: bytes) -> None:
    with pytest.raises(BadFrame):
        venue.instruments(venue.instruments_requests()[0], body)
