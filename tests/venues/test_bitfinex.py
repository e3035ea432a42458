"""What frames of Bitfinex mean, and what the venue declares."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from feedtape.book.rules import RECONNECT, AlternatingCrc
from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.events import (
    Acknowledged,
    BookChecksum,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Heartbeat,
    Liquidation,
    Numbered,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import unified
from feedtape.model.targets import Target
from feedtape.venues.bitfinex import Bitfinex
from feedtape.venues.contract import Request

RECV = 1_780_000_000_000_000_000
MS = 1_779_999_999_950
TIME = MS * 1_000_000
BTC = "bitfinex:tBTCUSD"
PERP = "bitfinex:tBTCF0:USTF0"
CONF = '{"event":"conf","status":"OK","flags":229376}'


def acks() -> list[str]:
    """One channel of each kind, numbered from 1."""
    about: list[dict[str, Any]] = [
        {"channel": "book", "symbol": "tBTCUSD", "prec": "P0", "freq": "F0", "len": "250", "pair": "BTCUSD"},
        {"channel": "book", "symbol": "tBTCUSD", "prec": "R0", "freq": "F0", "len": "250", "pair": "BTCUSD"},
        {"channel": "trades", "symbol": "tBTCUSD", "pair": "BTCUSD"},
        {"channel": "ticker", "symbol": "tBTCUSD", "pair": "BTCUSD"},
        {"channel": "status", "key": "deriv:tBTCF0:USTF0"},
        {"channel": "status", "key": "liq:global"},
        {"channel": "trades", "symbol": "fUSD", "currency": "USD"},
        {"channel": "candles", "key": "trade:1m:tBTCUSD"},
    ]
    return [json.dumps({"event": "subscribed", "chanId": number, **one}) for number, one in enumerate(about, 1)]


P0, R0, TRADES, TICKER, DERIV, LIQUIDATIONS, FUNDING, CANDLES = range(1, 9)


def read(*frames: str, conf: str = CONF) -> list[list[Event]]:
    """What a connection says by these frames, after it was configured and everything was acknowledged."""
    connection = Bitfinex().conversation()
    for frame in (conf, *acks()):
        if frame:
            connection.decode(frame.encode(), RECV)
    return [list(connection.decode(frame.encode(), RECV)) for frame in frames]


def one(frame: str) -> Event:
    """The event of a numbered frame."""
    [[first, event]] = read(frame)
    assert first == Numbered("", RECV, TIME, 7)
    return event


def on(channel: int, payload: str) -> str:
    return f"[{channel},{payload},7,{MS}]"


# -- books


def test_a_list_of_rows_is_a_whole_book_in_the_spelling_of_the_wire() -> None:
    event = one(on(P0, "[[6000,2,1.50],[1e-7,1,2e-8],[6100,1,-3],[6200.5,3,-4.0e-7]]"))
    bids, asks = [("6000", "1.50"), ("1e-7", "2e-8")], [("6100", "3"), ("6200.5", "4.0e-7")]
    assert event == BookSnapshot(BTC, RECV, TIME, "P0", bids, asks, None)


def test_an_empty_list_is_an_empty_book() -> None:
    assert one(on(P0, "[]")) == BookSnapshot(BTC, RECV, TIME, "P0", [], [], None)
    assert one(on(R0, "[]")) == BookSnapshot(BTC, RECV, TIME, "R0", [], [], None, orders=[])


@pytest.mark.parametrize(
    ("row", "bids", "asks"),
    [
        ("[6000,2,1.5]", [("6000", "1.5")], []),
        ("[6100,2,-1.5]", [], [("6100", "1.5")]),
        ("[6000,0,1]", [("6000", "0")], []),
        ("[6100,0,-1]", [], [("6100", "0")]),
        ('[6100,1,-1,null,"new"]', [], [("6100", "1")]),
    ],
)
def test_a_row_changes_a_level_and_one_without_orders_deletes_it(row: str, bids: Any, asks: Any) -> None:
    assert one(on(P0, row)) == BookDelta(BTC, RECV, TIME, "P0", bids, asks, None, None)


def test_a_raw_book_tells_orders_and_one_without_a_price_is_gone() -> None:
    whole = one(on(R0, "[[100,6000,1],[102,6100,-3e-7]]"))
    orders = [("100", "bid", "6000", "1"), ("102", "ask", "6100", "3e-7")]
    assert whole == BookSnapshot(BTC, RECV, TIME, "R0", [], [], None, orders=orders)
    change = one(on(R0, "[100,0,1]"))
    assert change == BookDelta(BTC, RECV, TIME, "R0", [], [], None, None, orders=[("100", "bid", "", "0")])
    assert one(on(R0, "[102,0,-1]")) == BookDelta(BTC, RECV, TIME, "R0", [], [], None, None, orders=[("102", "ask", "", "0")])


def test_a_checksum_is_of_a_book() -> None:
    assert one(on(P0, '"cs",-1756193398')) == BookChecksum(BTC, RECV, TIME, "P0", -1_756_193_398)
    assert one(on(R0, '"cs",5')) == BookChecksum(BTC, RECV, TIME, "R0", 5)


def test_the_declared_checksums_are_the_venues() -> None:
    """Strings of the venue's own libraries."""
    [snapshot] = [one(on(P0, "[[6000,1,1],[5900,1,2],[6100,1,-3],[6200,1,-4]]"))]
    assert isinstance(snapshot, BookSnapshot)
    checksum = Bitfinex().integrity("P0").checksum
    assert isinstance(checksum, AlternatingCrc) and (checksum.ask_sign, checksum.covers) == ("-", 25)
    assert checksum.of(snapshot.bids, snapshot.asks) == 1_756_193_398
    raw = Bitfinex().integrity("R0").checksum
    assert isinstance(raw, AlternatingCrc) and (raw.ask_sign, raw.of_orders) == ("-", True)
    assert raw.of([("100", "1"), ("101", "2")], [("102", "3"), ("103", "4")]) == 1_841_538_801


# -- trades, quotes, derivatives, liquidations


def test_a_trade_comes_once_with_the_takers_side() -> None:
    assert one(on(TRADES, f'"te",[9,{MS},0.25,6000.5]')) == Trade(BTC, RECV, TIME, "6000.5", "0.25", "buy", "9")
    assert one(on(TRADES, f'"te",[9,{MS},-25e-9,6000]')) == Trade(BTC, RECV, TIME, "6000", "0.000000025", "sell", "9")
    [again] = read(on(TRADES, f'"tu",[9,{MS},0.25,6000.5]'))
    assert again == [Numbered("", RECV, TIME, 7)]


def test_the_trades_that_a_subscription_begins_with_are_history() -> None:
    assert one(on(TRADES, f"[[9,{MS},0.25,6000.5],[8,{MS},1,6000]]")) == Unread(BTC, RECV, TIME, "trade history")


def test_a_ticker_is_a_quote_without_sizes() -> None:
    row = "[6000,1171677.5533110797,6001,60.1,-2.0e-4,0.1,6000,1,1,1,null]"
    assert one(on(TICKER, row)) == Quote(BTC, RECV, TIME, "6000", None, "6001", None)
    assert one(on(TICKER, "[null,null,6001,60,0,0,0,0,0,0]")) == Quote(BTC, RECV, TIME, None, None, "6001", None)
    assert one(on(TICKER, "[6000,1,0,0,0,0,0,0,0,0]")) == Quote(BTC, RECV, TIME, "6000", None, None, None)


def test_a_status_is_what_it_says_of_a_derivative() -> None:
    row = (
        f"[{MS},null,9166.30324769,9169.35,null,1372762.95,null,{MS + 1000},-1.415e-05,533,null,-0.0001,"
        "null,null,0.000010123456789012345,null,null,3005.25851857,null,null,null,null,-0.0005,0.0025]"
    )
    assert one(on(DERIV, row)) == Derivative(
        PERP,
        RECV,
        TIME,
        last="9166.30324769",
        mark="0.000010123456789012345",
        index="9169.35",
        funding_rate="-0.0001",
        funding_time=TIME + 10**9,
        open_interest="3005.25851857",
    )


def test_an_older_status_says_less() -> None:
    row = f"[{MS},null,173.535,173.57,null,101052.04082882,null,{MS + 1000},0,0,null,null]"
    assert one(on(DERIV, row)) == Derivative(PERP, RECV, TIME, last="173.535", index="173.57", funding_time=TIME + 10**9)


def test_a_liquidation_is_what_ends_a_position() -> None:
    long = f'["pos",145511476,{MS},null,"tBTCF0:USTF0",0.12173,34618.8,null,1,1,null,34281]'
    short = f'["pos",145511477,{MS},null,"tETHUSD",-2,1900.5,null,1,1,null,1950]'
    decided = f'["pos",145511478,{MS},null,"tBTCUSD",1,34618.8,null,0,0,null,null]'
    [[_, *events]] = read(on(LIQUIDATIONS, f"[{long},{short},{decided}]"))
    assert events == [
        Liquidation(PERP, RECV, TIME, "34281", "0.12173", "sell", "145511476"),
        Liquidation("bitfinex:tETHUSD", RECV, TIME, "1950", "2", "buy", "145511477"),
        Unread(BTC, RECV, TIME, "liquidation decided"),
    ]
    assert one(on(LIQUIDATIONS, long)) == events[0]


def test_what_no_channel_of_ours_reads() -> None:
    assert one(on(FUNDING, f'"fte",[9,{MS},0.25,0.0001,30]')) == Unread("bitfinex:fUSD", RECV, TIME, "fte")
    assert one(on(FUNDING, "[[9,1,1,1,1]]")) == Unread("bitfinex:fUSD", RECV, TIME, "funding trades")
    assert one(on(CANDLES, "[1,2,3]")) == Unread("bitfinex:trade:1m:tBTCUSD", RECV, TIME, "candles")
    assert one(on(TRADES, '"xx",[1]')) == Unread(BTC, RECV, TIME, "xx")
    assert one(on(TICKER, '"xx",[1]')) == Unread(BTC, RECV, TIME, "xx")
    assert one(on(P0, '"xx",[1]')) == Unread(BTC, RECV, TIME, "xx")


# -- numbers, times, channels


def test_every_frame_of_a_channel_tells_its_number_first() -> None:
    frames = [f'[{P0},"hb",1,{MS}]', f'[{P0},"cs",5,2,{MS}]', f"[{P0},[6000,1,1],3,{MS}]", f'[{TRADES},"tu",[9],4,{MS}]']
    events = read(*frames)
    assert [event[0] for event in events] == [Numbered("", RECV, TIME, number) for number in (1, 2, 3, 4)]
    assert events[0][1:] == [Heartbeat(BTC, RECV, TIME)]
    assert Bitfinex.counts_from == 1


@pytest.mark.parametrize(
    ("flags", "extras", "number", "time"),
    [(0, "", None, None), (65_536, ",7", 7, None), (32_768, f",{MS}", None, TIME), (229_376, f",7,{MS}", 7, TIME)],
)
def test_the_flags_tell_what_stands_behind_a_payload(flags: int, extras: str, number: int | None, time: int | None) -> None:
    conf = f'{{"event":"conf","status":"OK","flags":{flags}}}'
    for frame in (f"[{P0},[6000,1,1]{extras}]", f'[{P0},[6000,1,1]{extras},"something new"]'):
        [[*numbered, event]] = read(frame, conf=conf)
        assert numbered == ([] if number is None else [Numbered("", RECV, time, number)])
        assert event == BookDelta(BTC, RECV, time, "P0", [("6000", "1")], [], None, None)


def test_without_any_flags_two_extras_are_number_and_time() -> None:
    [bare, both] = read(f"[{P0},[6000,1,1]]", f"[{P0},[6000,1,1],7,{MS}]", conf="")
    assert bare == [BookDelta(BTC, RECV, None, "P0", [("6000", "1")], [], None, None)]
    assert both == [Numbered("", RECV, TIME, 7), BookDelta(BTC, RECV, TIME, "P0", [("6000", "1")], [], None, None)]


def test_a_channel_means_something_by_its_acknowledgement_alone() -> None:
    strange = f"[99,[6000,1,1],7,{MS}]"
    unknown = [Numbered("", RECV, TIME, 7), Unread("", RECV, TIME, "channel without acknowledgement")]
    again = '{"event":"subscribed","channel":"book","chanId":99,"symbol":"tETHUSD","prec":"P0","freq":"F0","len":"100"}'
    gone = '{"event":"unsubscribed","status":"OK","chanId":99}'
    events = read(strange, f'[99,"hb",7,{MS}]', again, strange, gone, strange)
    assert events[0] == events[5] == unknown
    assert events[1] == [Numbered("", RECV, TIME, 7), Heartbeat("", RECV, TIME)]
    assert events[2] == [Acknowledged("", RECV, None, streams=("book:P0:tETHUSD",))]
    assert events[3][1] == BookDelta("bitfinex:tETHUSD", RECV, TIME, "P0", [("6000", "1")], [], None, None)
    assert events[4] == [Acknowledged("", RECV, None, streams=())]


def test_a_number_may_come_to_mean_another_channel() -> None:
    other = '{"event":"subscribed","channel":"ticker","chanId":1,"symbol":"tETHUSD","pair":"ETHUSD"}'
    [_, [_, event]] = read(other, on(1, "[6000,1,6001,2]"))
    assert event == Quote("bitfinex:tETHUSD", RECV, TIME, "6000", None, "6001", None)


def test_what_is_remembered_is_part_of_a_keyframe() -> None:
    connection, heir = Bitfinex().conversation(), Bitfinex().conversation()
    for frame in (CONF, *acks()):
        connection.decode(frame.encode(), RECV)
    heir.load(orjson.loads(orjson.dumps(connection.save())))
    assert heir.save() == connection.save()
    for channel in range(1, 9):
        beat = on(channel, '"hb"').encode()
        assert heir.decode(beat, RECV) == connection.decode(beat, RECV)
    assert Bitfinex().conversation().save() == {"flags": None, "channels": {}}


def test_frames_that_name_their_channel_need_no_acknowledgement() -> None:
    """As tardis.dev records them."""
    frames = [
        f'[51,[9163.7,0,1],7,{MS},"book","BTCF0:USTF0"]',
        f'[52,[45761787004,9170,-0.06],7,{MS},"raw_book","BTCF0:USTF0"]',
        f'[53,[1.2e-05,7e-06,90,150.2,4e-07,2,1775.8,-2e-06,-0.02,9e-07,6320.7],7,{MS},"ticker","BTC"]',
        f'[54,"hb",7,{MS},"trades","BTCUSD"]',
        f'[55,[["pos",1,{MS},null,"tBTCUSD",-2,1,null,1,1,null,3]],7,{MS},"liquidations","global"]',
        f'[56,[1],7,{MS},"oracle","BTCUSD"]',
    ]
    assert [events[1] for events in read(*frames, conf="")] == [
        BookDelta(PERP, RECV, TIME, "P0", [("9163.7", "0")], [], None, None),
        BookDelta(PERP, RECV, TIME, "R0", [], [], None, None, orders=[("45761787004", "ask", "9170", "0.06")]),
        Unread("bitfinex:fBTC", RECV, TIME, "funding ticker"),
        Heartbeat(BTC, RECV, TIME),
        Liquidation(BTC, RECV, TIME, "3", "2", "buy", "1"),
        Unread("", RECV, TIME, "channel without acknowledgement"),
    ]


# -- what is said of the connection


def test_acknowledgements_name_their_streams() -> None:
    connection = Bitfinex().conversation()
    named = [connection.decode(frame.encode(), RECV)[0] for frame in acks()[:6]]
    assert [event.streams for event in named if isinstance(event, Acknowledged)] == [
        ("book:P0:tBTCUSD",),
        ("book:R0:tBTCUSD",),
        ("trades:tBTCUSD",),
        ("ticker:tBTCUSD",),
        ("status:deriv:tBTCF0:USTF0",),
        ("status:liq:global",),
    ]


def test_the_greeting_and_the_confirmation_of_flags() -> None:
    greeting = '{"event":"info","version":2,"serverId":"x","platform":{"status":%d}}'
    refused = '{"event":"conf","status":"FAILED","code":10001}'
    [open_, closed, flags, none] = read(greeting % 1, greeting % 0, CONF, refused)
    assert open_ == [Greeting("", RECV, None)]
    assert closed == [Greeting("", RECV, None), Status("", RECV, None, "the platform is under maintenance")]
    assert flags == []
    assert none == [Status("", RECV, None, "the venue does not take the flags: FAILED")]


@pytest.mark.parametrize(
    ("frame", "message", "renew"),
    [
        ('{"event":"info","code":20051,"msg":"Stopping. Please try to reconnect"}', "Stopping. Please try to reconnect", True),
        ('{"event":"info","code":20060}', "maintenance begins", False),
        ('{"event":"info","code":20061,"msg":"Resuming"}', "Resuming", True),
        ('{"event":"info","code":29999}', "information 29999", False),
    ],
)
def test_what_the_venue_says_of_itself(frame: str, message: str, renew: bool) -> None:
    assert read(frame) == [[Status("", RECV, None, message, renew)]]


def test_errors_are_in_the_venues_words_and_name_the_stream_where_they_do() -> None:
    book = '"channel":"book","symbol":"tXXXYYY","prec":"P0","freq":"F0","len":"250"'
    [symbol, key, twice, strange, bare] = read(
        f'{{"event":"error","msg":"symbol: invalid","code":10300,{book},"pair":"XXXYYY"}}',
        '{"event":"error","msg":"key: invalid","code":10300,"channel":"status","key":"deriv:tX"}',
        f'{{"event":"error","msg":"subscribe: dup","code":10301,{book}}}',
        '{"event":"error","msg":"limit: invalid","code":10305,"channel":"book","symbol":"tBTCUSD"}',
        '{"event":"error","msg":"unknown"}',
    )
    assert symbol == [Refused("", RECV, None, None, "10300", "symbol: invalid", ("book:P0:tXXXYYY",))]
    assert key == [Refused("", RECV, None, None, "10300", "key: invalid", ("status:deriv:tX",))]
    assert twice == [Acknowledged("", RECV, None, streams=("book:P0:tXXXYYY",))]
    assert strange == [Refused("", RECV, None, None, "10305", "limit: invalid")]
    assert bare == [Refused("", RECV, None, None, None, "unknown")]


def test_a_pong_and_what_is_new() -> None:
    assert read(f'{{"event":"pong","ts":{MS},"cid":1}}') == [[Heartbeat("", RECV, TIME)]]
    assert read('{"event":"auth","status":"OK"}') == [[Unread("", RECV, None, "auth")]]


# -- bad frames

MALFORMED = [
    "",
    "pong",
    "7",
    '"hb"',
    "{}",
    "[]",
    "[1]",
    '["1","hb",7,1]',
    f"[{P0},[6000,1,1],7",
    f"[{P0},[6000,1,1]]",
    f"[{P0},[6000,1,1],7]",
    f'[{P0},[6000,1,1],"7",{MS}]',
    f"[{P0},[6000,1,1],-7,{MS}]",
    f"[{P0},[6000,1,1],{2**63},{MS}]",
    f"[{P0},[6000,1,1],7,1e40]",
    f'[{P0},"hb"]',
    on(P0, "null"),
    on(P0, "{}"),
    on(P0, "[6000,1]"),
    on(P0, "[6000,1,null]"),
    on(P0, "[-6000,1,1]"),
    on(P0, '["NaN",1,1]'),
    on(P0, "[6000,1.5,1]"),
    on(P0, "[6000,true,1]"),
    on(P0, "[[6000,1,1],[5]]"),
    on(P0, '"cs","5"'),
    on(P0, '"cs"'),
    on(R0, "[1.5,6000,1]"),
    on(R0, "[1,null,1]"),
    on(TRADES, f'"te",[9,{MS},0,6000]'),
    on(TRADES, f'"te",[9,{MS},1,0]'),
    on(TRADES, f'"te",[null,{MS},1,6000]'),
    on(TRADES, '"te",[9]'),
    on(TRADES, '"te",[9,null,1,6000]'),
    on(TICKER, "[6000,1]"),
    on(TICKER, "[true,1,6001,1]"),
    on(DERIV, "[]"),
    on(DERIV, f"[{MS},null,[]]"),
    on(LIQUIDATIONS, f'[["pos",1,{MS},null,"tBTCUSD",1,1,null,1,1,null,null]]'),
    on(LIQUIDATIONS, f'[["pos",1,{MS},null,"",1,1,null,1,1,null,5]]'),
    '{"event":"subscribed","channel":"book","chanId":"1","symbol":"tBTCUSD","prec":"P0"}',
    '{"event":"subscribed","channel":"book","chanId":1,"symbol":"tBTCUSD"}',
    '{"event":"subscribed","channel":"trades","chanId":1}',
    '{"event":"subscribed","channel":"trades","chanId":1,"symbol":"' + "t" * 300 + '"}',
    '{"event":"conf","status":"OK"}',
    '{"event":"conf","status":"OK","flags":"229376"}',
    '{"event":"error"}',
]


@pytest.mark.parametrize("frame", MALFORMED)
def test_a_malformed_frame_is_a_bad_frame(frame: str) -> None:
    with pytest.raises(BadFrame) as refusal:
        read(frame)
    assert len(str(refusal.value)) < 400


def test_channels_without_end_are_a_bad_frame() -> None:
    connection = Bitfinex().conversation()
    with pytest.raises(BadFrame):
        for number in range(10_000):
            connection.decode(b'{"event":"subscribed","channel":"trades","chanId":%d,"symbol":"tBTCUSD"}' % number, RECV)
    assert len(connection.save()["channels"]) < 1000


# -- declarations


def test_everything_of_a_target_is_on_one_connection() -> None:
    venue = Bitfinex()
    [spot] = venue.plan([Target("bitfinex", "tBTCUSD")], CHANNELS)
    assert spot.names == ("book:P0:tBTCUSD", "trades:tBTCUSD", "ticker:tBTCUSD", "status:liq:global")
    assert spot.path == "/ws/2" and spot.streams[3].symbol == ""
    [perpetual] = venue.plan([Target("bitfinex", "tBTCF0:USTF0", "R0")], ["book", "derivatives", "options"])
    assert perpetual.names == ("book:R0:tBTCF0:USTF0", "status:deriv:tBTCF0:USTF0")
    with pytest.raises(UsageError):
        venue.streams(Target("bitfinex", "tBTCUSD", "P9"), ["book"])


def test_a_connection_has_at_most_25_channels() -> None:
    plans = Bitfinex().plan([Target("bitfinex", f"tC{number:02d}USD") for number in range(30)], ["book", "trades"])
    assert [len(plan.streams) for plan in plans] == [25, 25, 10]


def test_flags_are_set_first_and_each_channel_is_asked_for_by_itself() -> None:
    venue = Bitfinex()
    assert [orjson.loads(frame) for frame in venue.opening()] == [{"event": "conf", "flags": 229_376}]
    streams = ["book:P0:tBTCF0:USTF0", "trades:tBTCUSD", "ticker:tBTCUSD", "status:deriv:tBTCF0:USTF0", "status:liq:global"]
    asks = venue.subscribe(streams, 3)
    assert [ask.streams for ask in asks] == [(stream,) for stream in streams]
    assert [orjson.loads(ask.frame) for ask in asks] == [
        {"event": "subscribe", "channel": "book", "symbol": "tBTCF0:USTF0", "prec": "P0", "freq": "F0", "len": "250"},
        {"event": "subscribe", "channel": "trades", "symbol": "tBTCUSD"},
        {"event": "subscribe", "channel": "ticker", "symbol": "tBTCUSD"},
        {"event": "subscribe", "channel": "status", "key": "deriv:tBTCF0:USTF0"},
        {"event": "subscribe", "channel": "status", "key": "liq:global"},
    ]


def test_frames_are_counted_and_a_hole_is_mended_by_a_new_connection() -> None:
    for channel in ("", "P0", "R0"):
        integrity = Bitfinex().integrity(channel)
        assert integrity.counted and integrity.resync == RECONNECT and integrity.snapshot == "stream"
        assert integrity.proof == "checksum" and integrity.by_order == (channel == "R0")
    assert Bitfinex().integrity("P2").checksum is None and Bitfinex().integrity("P2").proof == "sequence"


@pytest.mark.parametrize(
    ("given", "canonical"), [("tbtcusd", "tBTCUSD"), ("TBTCF0:USTF0", "tBTCF0:USTF0"), ("btcusd", "BTCUSD"), ("", "")]
)
def test_symbols_begin_with_a_small_letter(given: str, canonical: str) -> None:
    assert Bitfinex().canonical_symbol(given) == canonical


def test_instruments_come_as_lists_of_pairs() -> None:
    venue = Bitfinex()
    [request] = venue.instruments_requests()
    assert request.path == "/v2/conf/pub:list:pair:exchange,pub:list:pair:futures,pub:map:currency:sym"
    assert venue.lists_instruments(request) and not venue.lists_instruments(Request("/v2/conf/pub:list:currency"))
    assert not venue.lists_instruments(Request("/v2/platform/status"))
    names = b'[["UST","USDt"],["TESTBTC","BTC"]]'
    page = venue.instruments(request, b'[["BTCUSD","DOGE:UST","TESTBTC:TESTUSD"],["BTCF0:USTF0"],%b]' % names)
    assert page.more == [] and page.instruments == [
        Instrument(symbol="tBTCUSD", kind="spot", base="BTC", quote="USD"),
        Instrument(symbol="tDOGE:UST", kind="spot", base="DOGE", quote="USDT"),
        # What is traded on paper is not the real thing.
        Instrument(symbol="tTESTBTC:TESTUSD", kind="spot", base="TESTBTC", quote="TESTUSD"),
        Instrument(symbol="tBTCF0:USTF0", kind="perpetual", base="BTC", quote="USDT", settle="USDT"),
    ]
    assert [unified(one) for one in page.instruments] == ["BTC/USD", "DOGE/USDT", "TESTBTC/TESTUSD", "BTC/USDT:USDT"]
    assert venue.decode_body(request, b"x", RECV) == () and venue.snapshot_request("tBTCUSD") is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"[[],[]]", b"[[5],[],[]]", b"[[],[],[5]]", b'["error",10020,"conf: invalid"]']
)
def test_a_list_that_cannot_be_read_is_a_bad_frame(body: bytes) -> None:
    [request] = Bitfinex().instruments_requests()
    with pytest.raises(BadFrame):
        Bitfinex().instruments(request, body)
