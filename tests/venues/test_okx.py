"""What OKX's frames mean."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.book.rules import AlternatingCrc, Chained, Verdict
from feedtape.errors import BadFrame
from feedtape.model.events import (
    Acknowledged,
    BookDelta,
    BookSnapshot,
    Derivative,
    Event,
    Heartbeat,
    Liquidation,
    OptionSummary,
    Quote,
    Refused,
    Status,
    Trade,
    Unread,
)
from feedtape.venues.contract import Request, Venue
from feedtape.venues.okx import Okx, Okx3, Okx2021

RECV = 1_789_456_511_969_000_000
MS = 1_789_456_511_950
NS = MS * 1_000_000
SWAP, CALL, FAMILY_CALL = "BTC-USDT-SWAP", "BTC-USD-261225-60000-C", "BTC-USD_UM-261225-60000-C"
TERMS = ("call", "60000", 1_798_185_600_000_000_000)
OKX, FIRST, V3 = Okx(), Okx2021(), Okx3()


def frame(channel: str, *rows: Any, symbol: str = SWAP, key: str = "instId", **around: Any) -> bytes:
    return orjson.dumps({"arg": {"channel": channel, key: symbol}} | around | {"data": rows})


def row(**fields: Any) -> dict[str, Any]:
    told = {"asks": [["10.5", "3", "0", "1"]], "bids": [["10.4", "0", "0", "0"]], "ts": str(MS)}
    return told | {"checksum": 0, "prevSeqId": 100, "seqId": 107} | fields


def said(event: str, **fields: Any) -> bytes:
    return orjson.dumps({"event": event, "connId": "a4d3ae55"} | fields)


def read(payload: bytes, venue: Venue = OKX) -> list[Event]:
    return list(venue.decode(payload, RECV))


# -- books

ASKS, BIDS = [("10.5", "3")], [("10.4", "0")]


@pytest.mark.parametrize("channel", ["books", "books-rpi", "books50-l2-tbt", "books-l2-tbt"])
def test_a_book_begins_with_a_snapshot_and_is_changed(channel: str) -> None:
    target = f"okx:{SWAP}"
    assert read(frame(channel, row(prevSeqId=-1), action="snapshot")) == [
        BookSnapshot(target, RECV, NS, channel, BIDS, ASKS, 107, None)
    ]
    assert read(frame(channel, row(), action="update")) == [BookDelta(target, RECV, NS, channel, BIDS, ASKS, None, 107, 100)]


@pytest.mark.parametrize(("checksum", "told"), [(-855196043, -855196043), (0, None)])
def test_a_checksum_counts_where_it_is_told(checksum: int, told: int | None) -> None:
    for action in ("snapshot", "update"):
        [event] = read(frame("books", row(checksum=checksum), action=action))
        assert isinstance(event, BookSnapshot | BookDelta) and event.checksum == told


def test_keep_alives_and_maintenance_are_no_gaps_and_what_follows_neither_is() -> None:
    """The example of the document: -1 to 10, then 15, 15 again, 3 after a maintenance, 5."""
    rule, last = OKX.integrity("books").sequence, 10
    assert rule == Chained(strict=True)
    for prev, number in ((10, 15), (15, 15), (15, 3), (3, 5)):
        sides: dict[str, Any] = {"asks": [], "bids": []} if prev == number else {}
        [delta] = read(frame("books", row(prevSeqId=prev, seqId=number, **sides), action="update"))
        assert isinstance(delta, BookDelta) and rule.follows(last, delta) is Verdict.NEXT
        last = number
    [missed] = read(frame("books", row(prevSeqId=3, seqId=5), action="update"))
    assert isinstance(missed, BookDelta) and rule.follows(15, missed) is Verdict.GAP


def test_the_checksum_is_over_25_levels_signed() -> None:
    checksum = OKX.integrity("").checksum
    assert checksum == AlternatingCrc(25)
    bids = [("41006.8", "0.60038921"), ("41006.3", "0.30178218"), ("41005", "2")]
    assert checksum.of(bids, [("41006.9", "1.5")]) == -2026143093
    assert OKX.integrity("").checksum_until == "2026-06-23" and OKX.integrity("").proof == "sequence"
    assert OKX.integrity("books-rpi").checksum is None and FIRST.integrity("books").proof == "checksum"


def test_five_levels_are_a_whole_picture() -> None:
    picture = {"asks": [["10.5", "3", "0", "1"]], "bids": [], "instId": SWAP, "ts": str(MS)}
    assert read(frame("books5", picture)) == [BookSnapshot(f"okx:{SWAP}", RECV, NS, "books5", [], ASKS, None)]
    [numbered] = read(frame("books5", picture | {"seqId": 9}))
    assert isinstance(numbered, BookSnapshot) and numbered.sequence == 9
    for venue in (OKX, FIRST):
        declared = venue.integrity("books5")
        assert (declared.snapshot, declared.proof, declared.resync) == ("full", "unprovable", "wait")


@pytest.mark.parametrize(
    ("fields", "sides"),
    [
        ({"bids": [["10.4", "2", "0", "1"]]}, ("10.4", "2", "10.5", "3")),
        ({"bids": []}, (None, None, "10.5", "3")),
        ({"bids": [["0", "0", "0", "0"]], "asks": []}, (None, None, None, None)),
    ],
)
def test_one_level_is_a_quote(fields: dict[str, Any], sides: tuple[str | None, ...]) -> None:
    bid, bid_size, ask, ask_size = sides
    told = {"asks": [["10.5", "3", "0", "13"]], "ts": str(MS)} | fields
    assert read(frame("bbo-tbt", told)) == [Quote(f"okx:{SWAP}", RECV, NS, bid, bid_size, ask, ask_size)]
    assert read(frame("bbo-tbt", told | {"seqId": 7})) == [Quote(f"okx:{SWAP}", RECV, NS, bid, bid_size, ask, ask_size, 7)]


def test_the_first_protocol_had_books_without_numbers() -> None:
    told = {"asks": [["10.5", "3", "0", "1"]], "bids": [["10.4", "0", "0", "0"]], "ts": str(MS), "checksum": -12}
    for action, event in (
        ("snapshot", BookSnapshot(f"okx:{SWAP}", RECV, NS, "books", BIDS, ASKS, None, -12)),
        ("update", BookDelta(f"okx:{SWAP}", RECV, NS, "books", BIDS, ASKS, None, None, None, -12)),
    ):
        assert read(frame("books", told, action=action), FIRST) == [event]
        with pytest.raises(BadFrame, match="numbers"):
            read(frame("books", told, action=action))


# -- trades and liquidations

TRADE = {"instId": SWAP, "tradeId": "130639474", "px": "42219.9", "sz": "0.12", "side": "buy", "ts": str(MS), "count": "3"}
ORDER = {"side": "sell", "posSide": "long", "bkPx": "42000.1", "sz": "13", "bkLoss": "0", "ccy": "", "ts": str(MS)}
FORCED = {"instId": SWAP, "instType": "SWAP", "instFamily": "BTC-USDT", "uly": "BTC-USDT", "details": [ORDER]}


def test_trades_have_the_takers_side_and_ids_with_holes() -> None:
    assert read(frame("trades", TRADE, TRADE | {"side": "sell", "tradeId": "130639475"})) == [
        Trade(f"okx:{SWAP}", RECV, NS, "42219.9", "0.12", "buy", "130639474"),
        Trade(f"okx:{SWAP}", RECV, NS, "42219.9", "0.12", "sell", "130639475"),
    ]


def test_liquidations_are_of_all_contracts_of_a_kind() -> None:
    other = FORCED | {"instId": "ETH-USDT-SWAP", "details": [ORDER | {"side": "buy"}, ORDER]}
    told = read(frame("liquidation-orders", FORCED, other, symbol="SWAP", key="instType"))
    price = ("42000.1", "13")
    assert told == [
        Liquidation(f"okx:{SWAP}", RECV, NS, *price, "sell"),
        Liquidation("okx:ETH-USDT-SWAP", RECV, NS, *price, "buy"),
        Liquidation("okx:ETH-USDT-SWAP", RECV, NS, *price, "sell"),
    ]


@pytest.mark.parametrize(
    ("channel", "arg", "news", "history"),
    [
        ("trades", {"instId": SWAP}, TRADE, "trade history"),
        ("liquidation-orders", {"instType": "SWAP"}, FORCED, "liquidation history"),
    ],
)
def test_what_comes_first_and_is_older_than_its_subscription_is_no_news(
    channel: str, arg: dict[str, str], news: dict[str, Any], history: str
) -> None:
    def at(ms: int) -> bytes:
        told = news | ({"ts": str(ms)} if channel == "trades" else {"details": [ORDER | {"ts": str(ms)}]})
        [(key, symbol)] = arg.items()
        return frame(channel, told, symbol=symbol, key=key)

    answer, taken_ms = said("subscribe", arg={"channel": channel} | arg), RECV // 1_000_000
    for before_ms, is_news in ((26_000, False), (501, False), (499, True), (-20, True)):
        talk = OKX.conversation()
        talk.decode(answer, RECV)
        # What is remembered goes through a keyframe.
        later = OKX.conversation()
        later.load(orjson.loads(orjson.dumps(talk.save())))
        for reader in (talk, later):
            first, then = (list(reader.decode(at(taken_ms - before_ms), RECV + 1)) for _ in range(2))
            assert [type(one) for one in then] == [Trade if channel == "trades" else Liquidation]
            assert first == (then if is_news else [Unread(f"okx:{SWAP}", RECV + 1, None, history)])
            assert reader.save() is None
    # Without an answer nothing tells, and after giving up nothing is awaited.
    talk = OKX.conversation()
    talk.decode(answer, RECV)
    talk.decode(said("unsubscribe", arg={"channel": channel} | arg), RECV)
    assert talk.save() is None and type(talk.decode(at(taken_ms - 26_000), RECV)[0]) is not Unread


# -- facts of derivatives


def test_marks_and_the_index_of_those_that_have_one() -> None:
    talk = OKX.conversation()
    index = frame("index-tickers", {"instId": "BTC-USDT", "idxPx": "64280.0", "ts": str(MS)}, symbol="BTC-USDT")
    assert list(talk.decode(index, RECV)) == [Unread("", RECV, None, "index-tickers")]
    for symbol in (SWAP, "BTC-USDT-261225", "BTC-USD-SWAP", SWAP, "BTC-USDT"):
        mark = frame("mark-price", {"instType": "X", "instId": symbol, "markPx": "64281.5", "ts": str(MS)}, symbol=symbol)
        assert list(talk.decode(mark, RECV)) == [Derivative(f"okx:{symbol}", RECV, NS, mark="64281.5")]
    later = OKX.conversation()
    later.load(orjson.loads(orjson.dumps(talk.save())))
    for reader in (talk, later):
        assert list(reader.decode(index, RECV)) == [
            Derivative(f"okx:{symbol}", RECV, NS, index="64280.0") for symbol in (SWAP, "BTC-USDT-261225")
        ]


def test_funding_open_interest_and_last_price() -> None:
    funding = {"instId": SWAP, "fundingRate": "-0.0000734174532791", "fundingTime": "1789459200000", "nextFundingRate": ""}
    due = 1_789_459_200_000_000_000
    assert read(frame("funding-rate", funding | {"ts": str(MS)})) == [
        Derivative(f"okx:{SWAP}", RECV, NS, funding_rate="-0.0000734174532791", funding_time=due)
    ]
    assert read(frame("funding-rate", funding)) == [
        Derivative(f"okx:{SWAP}", RECV, None, funding_rate="-0.0000734174532791", funding_time=due)
    ]
    assert read(frame("open-interest", {"instId": SWAP, "oi": "4229.01", "oiCcy": "42", "oiUsd": "1", "ts": str(MS)})) == [
        Derivative(f"okx:{SWAP}", RECV, NS, open_interest="4229.01")
    ]
    ticker = {"instId": SWAP, "last": "9999.99", "lastSz": "1", "ts": str(MS)}
    ticker |= {"askPx": "10000", "askSz": "11", "bidPx": "", "bidSz": "0", "vol24h": "82"}
    assert read(frame("tickers", ticker)) == [Derivative(f"okx:{SWAP}", RECV, NS, last="9999.99")]
    spot = read(frame("tickers", ticker | {"instId": "BTC-USDT"}, symbol="BTC-USDT"))
    assert spot == [Unread("okx:BTC-USDT", RECV, None, "tickers")]
    assert read(frame("tickers", ticker | {"instId": CALL}, symbol=CALL)) == [
        OptionSummary(
            f"okx:{CALL}", RECV, NS, *TERMS, ask="10000", ask_size="11", last="9999.99", volume="82", none=("bid", "bid_size")
        )
    ]


SUMMARY = {
    "instType": "OPTION",
    "instId": CALL,
    "uly": "BTC-USD",
    "delta": "-0.7094655246",
    "gamma": "4.3187802379",
    "vega": "0.0010549466",
    "theta": "-0.0008715828",
    "deltaBS": "-0.6261794835",
    "markVol": "0.4686517873",
    "bidVol": "0",
    "askVol": "0.4895109741",
    "realVol": "",
    "fwdPx": "38026.372899316",
    "ts": str(MS),
}


def test_options_have_terms_by_their_name_and_what_a_model_says() -> None:
    [found] = read(frame("opt-summary", SUMMARY, symbol="BTC-USD", key="instFamily"))
    assert found == OptionSummary(
        f"okx:{CALL}",
        RECV,
        NS,
        *TERMS,
        ask_iv="0.4895109741",
        mark_iv="0.4686517873",
        underlying="38026.372899316",
        underlying_name="BTC-USD",
        delta="-0.7094655246",
        gamma="4.3187802379",
        vega="0.0010549466",
        theta="-0.0008715828",
        none=("bid_iv",),
    )
    [strange] = read(
        frame("opt-summary", SUMMARY | {"instId": "BTC-USD-269999-1-C", "delta": "-∞", "vega": ""}, symbol="BTC-USD")
    )
    assert isinstance(strange, OptionSummary)
    assert (strange.option, strange.expiry, strange.delta, strange.vega) == (None, None, None, None)


def test_mark_price_and_open_interest_of_an_option_are_its_summary() -> None:
    mark = frame(
        "mark-price", {"instType": "OPTION", "instId": FAMILY_CALL, "markPx": "0.0216", "ts": str(MS)}, symbol=FAMILY_CALL
    )
    assert read(mark) == [OptionSummary(f"okx:{FAMILY_CALL}", RECV, NS, *TERMS, mark="0.0216")]
    held = frame("open-interest", {"instType": "OPTION", "instId": CALL, "oi": "4229", "oiCcy": "42", "ts": str(MS)}, symbol=CALL)
    assert read(held) == [OptionSummary(f"okx:{CALL}", RECV, NS, *TERMS, open_interest="4229")]


def test_who_asked_for_a_mark_price_is_told_the_index_at_once() -> None:
    talk = OKX.conversation()
    for symbol in (SWAP, CALL):
        talk.decode(said("subscribe", arg={"channel": "mark-price", "instId": symbol}), RECV)
    index = frame("index-tickers", {"instId": "BTC-USDT", "idxPx": "64280.0", "ts": str(MS)}, symbol="BTC-USDT")
    assert list(talk.decode(index, RECV)) == [Derivative(f"okx:{SWAP}", RECV, NS, index="64280.0")]
    assert talk.save() == {"taken": {}, "marked": [SWAP]}


# -- what the venue says of the connection


def test_each_stream_of_a_request_is_answered_by_itself() -> None:
    for arg, stream in (
        ({"channel": "books", "instId": SWAP}, f"books:{SWAP}"),
        ({"channel": "liquidation-orders", "instType": "SWAP"}, "liquidation-orders:SWAP"),
        ({"channel": "opt-summary", "instFamily": "BTC-USD"}, "opt-summary:BTC-USD"),
    ):
        for event in ("subscribe", "unsubscribe"):
            assert read(said(event, id="b1", arg=arg)) == [Acknowledged("", RECV, None, "", (stream,))]
            assert read(said(event, arg=arg), FIRST) == [Acknowledged("", RECV, None, "", (stream,))]


WRONG = "Wrong URL or channel:{} doesn't exist. Please use the correct URL, channel and parameters referring to API document."


@pytest.mark.parametrize(
    ("fields", "streams"),
    [
        ({"id": "7", "code": "60018", "msg": WRONG.format("books,instId:NOPE-USDT")}, ("books:NOPE-USDT",)),
        ({"code": "60018", "msg": WRONG.format("liquidation-orders,instType:X")}, ("liquidation-orders:X",)),
        (
            {"code": "64003", "msg": "fee tier", "arg": {"channel": "books-l2-tbt", "instId": SWAP}},
            (f"books-l2-tbt:{SWAP}",),
        ),
        ({"id": "7", "code": "60014", "msg": "Requests too frequent"}, ()),
    ],
)
def test_a_refusal_names_what_it_refuses(fields: dict[str, Any], streams: tuple[str, ...]) -> None:
    told = Refused("", RECV, None, fields.get("id"), fields["code"], fields["msg"], streams)
    assert read(said("error", **fields)) == [told]


def test_signs_of_life_and_notices() -> None:
    for venue in (OKX, FIRST):
        assert read(b"pong", venue) == [Heartbeat("", RECV, None)]
    words = "The connection will soon be closed for a service upgrade. Please reconnect."
    assert read(said("notice", code="64008", msg=words)) == [Status("", RECV, None, words, True)]
    assert read(said("notice", code="1")) == [Status("", RECV, None, "notice 1", False)]
    assert read(said("channel-conn-count", channel="orders", connCount="2")) == [Unread("", RECV, None, "channel-conn-count")]


def test_what_no_channel_of_ours_reads() -> None:
    candle = frame("candle1D", ["1597026383085", "1", "2", "3", "4", "5", "6", "7", "1"])
    assert read(candle) == [Unread(f"okx:{SWAP}", RECV, None, "candle1D")]
    assert read(frame("instruments", {}, symbol="SWAP", key="instType")) == [Unread("", RECV, None, "instruments")]
    assert read(frame("trades-all", TRADE)) == [Unread(f"okx:{SWAP}", RECV, None, "trades-all")]
    assert OKX.decode_body(Request("/api/v5/market/books?instId=BTC-USDT"), b"{}", RECV) == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"ping",
        b"{}",
        b"[]",
        b'{"data":[]}',
        b'{"event":"subscribe"}',
        b'{"event":7}',
        frame("books", row(), action="update")[:-9],
        frame("books", row()),
        frame("books", row(), action="delete"),
        frame("books", row(asks=[["10.5"]]), action="update"),
        frame("books", row(asks=[{"px": "10.5"}]), action="update"),
        frame("books", row(asks=[[10.5, 3]]), action="update"),
        frame("books", row(seqId=None), action="update"),
        frame("books", row(seqId="107"), action="update"),
        frame("books", row(seqId=2**63), action="update"),
        frame("books", row(ts="soon"), action="update"),
        frame("books", row(ts=""), action="update"),
        frame("books", row(), action="update", symbol=""),
        frame("books", row(), action="update", symbol="X" * 201),
        frame("bbo-tbt", {"asks": [["1,5", "1"]], "bids": [], "ts": str(MS)}),
        frame("trades", TRADE | {"side": "Buy"}),
        frame("trades", TRADE | {"px": "0"}),
        frame("trades", TRADE | {"sz": ""}),
        frame("trades", {key: value for key, value in TRADE.items() if key != "tradeId"}),
        frame("trades", TRADE | {"instId": ""}),
        frame("liquidation-orders", FORCED | {"details": [ORDER | {"bkPx": "-1"}]}),
        frame("liquidation-orders", FORCED | {"details": None}),
        frame("mark-price", {"instId": SWAP, "markPx": "high", "ts": str(MS)}),
        frame("funding-rate", {"instId": SWAP, "fundingRate": "0.1", "fundingTime": "later"}),
        frame("opt-summary", SUMMARY | {"delta": "much"}),
        orjson.dumps({"arg": {"channel": "books", "instId": SWAP}, "action": "update"}),
        orjson.dumps({"arg": {"instId": SWAP}, "data": []}),
        orjson.dumps({"table": "spot/trade", "data": []}),
    ],
)
def test_what_cannot_be_read_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        read(payload)


def test_nothing_that_is_remembered_grows_without_bound() -> None:
    talk = OKX.conversation()
    for number in range(10_050):
        talk.decode(said("subscribe", arg={"channel": "trades", "instId": f"A{number}-USDT"}), RECV)
        mark = {"instId": f"A{number}-USDT-SWAP", "markPx": "1", "ts": str(MS)}
        talk.decode(frame("mark-price", mark, symbol=f"A{number}-USDT-SWAP"), RECV)
    saved = talk.save()
    assert len(saved["taken"]) == len(saved["marked"]) == 10_000


# -- API v3


def table(name: str, **fields: Any) -> bytes:
    told = {"instrument_id": "BTC-USD-SWAP", "timestamp": "2020-02-08T00:01:00.022Z"} | fields
    return orjson.dumps({"table": name, "data": [told]})


AT = 1_581_120_060_022_000_000


def test_v3_books_trades_and_tickers() -> None:
    book = {"asks": [["11.749", "0", "0", "0"]], "bids": [], "checksum": -229520224}
    update = orjson.loads(table("swap/depth_l2_tbt", **book)) | {"action": "update"}
    target, asks = "okx:BTC-USD-SWAP", [("11.749", "0")]
    assert read(orjson.dumps(update), V3) == [BookDelta(target, RECV, AT, "depth_l2_tbt", [], asks, None, None, None, -229520224)]
    partial = update | {"action": "partial", "table": "swap/depth"}
    assert read(orjson.dumps(partial), V3) == [BookSnapshot(target, RECV, AT, "depth", [], asks, None, -229520224)]
    trade = {"price": "328.74", "side": "sell", "trade_id": "423886239"}
    sold = Trade(target, RECV, AT, "328.74", "4", "sell", "423886239")
    assert read(table("futures/trade", qty=4, **trade), V3) == read(table("swap/trade", size="4", **trade), V3) == [sold]
    ticker = {"last": "9337.7", "best_bid": "9336.6", "best_ask": "", "open_interest": "2233398", "best_bid_size": "3"}
    quote = Quote(target, RECV, AT, "9336.6", "3", None, None)
    facts = Derivative(target, RECV, AT, last="9337.7", open_interest="2233398")
    assert read(table("swap/ticker", **ticker), V3) == [facts, quote]
    assert read(table("option/ticker", **ticker), V3) == [quote]
    assert read(table("index/ticker", **ticker), V3) == [Unread(target, RECV, None, "index/ticker")]


def test_v3_answers() -> None:
    answer = orjson.dumps({"event": "subscribe", "channel": "spot/trade:BTC-USDT"})
    assert read(answer, V3) == [Acknowledged("", RECV, None, "", ("spot/trade:BTC-USDT",))]
    assert read(orjson.dumps({"event": "error", "message": "x", "errorCode": 30039}), V3) == [Unread("", RECV, None, "error")]
    assert V3.integrity("depth").proof == "checksum" and V3.conversation() is V3


@pytest.mark.parametrize(
    "payload",
    [
        frame("books", row(), action="update"),
        b'{"table":"spot/trade"}',
        table("spot/trade", price="1", size="0", side="buy", trade_id="1"),
        table("spot/trade", price="1", size="1", side="buy", trade_id=1),
        table("swap/liquidation", type="1", price="1", size="1", created_at="2020-12-18T00:30:58.374Z"),
        table("spot/depth", asks=[], bids=[]),
        orjson.dumps(orjson.loads(table("spot/depth", asks=[], bids=[])) | {"action": "insert"}),
    ],
)
def test_v3_refuses_what_it_cannot_read(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        read(payload, V3)
