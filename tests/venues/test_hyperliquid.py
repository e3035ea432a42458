"""What frames of Hyperliquid mean, and what the venue declares."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.errors import BadFrame, UsageError
from feedtape.model.channels import CHANNELS
from feedtape.model.events import (
    Acknowledged,
    BookSnapshot,
    Derivative,
    Event,
    Greeting,
    Heartbeat,
    Quote,
    Refused,
    Trade,
    Unread,
)
from feedtape.model.instruments import Instrument
from feedtape.model.spelling import unified
from feedtape.model.targets import Target
from feedtape.venues.contract import Conversation, Request
from feedtape.venues.hyperliquid import Hyperliquid
from golden import compared

RECV = 1_790_232_236_900_000_000
MS = 1_790_232_236_546
NS = MS * 1_000_000
BTC = "hyperliquid:BTC"
VENUE = Hyperliquid()


def frame(channel: str, data: Any) -> bytes:
    return orjson.dumps({"channel": channel, "data": data})


def decoded(payload: bytes, talk: Conversation | None = None) -> list[Event]:
    return list((talk or VENUE).decode(payload, RECV))


def level(price: str, size: str) -> dict[str, Any]:
    return {"px": price, "sz": size, "n": 3}


def book(**fields: Any) -> dict[str, Any]:
    return {"coin": "BTC", "time": MS, "levels": [[level("84143.0", "10.25923")], [level("84144.0", "0.5")]]} | fields


def match(number: int, coin: str = "BTC", **fields: Any) -> dict[str, Any]:
    told = {"coin": coin, "side": "B", "px": "84143.0", "sz": "0.00036", "time": MS, "hash": "0x7a", "tid": number}
    return told | {"users": ["0x9a", "0x82"]} | fields


def answer(kind: str, coin: str = "BTC", method: str = "subscribe", **fields: Any) -> bytes:
    return frame("subscriptionResponse", {"method": method, "subscription": {"type": kind, "coin": coin} | fields})


# -- books and quotes


def test_a_book_is_a_whole_picture() -> None:
    bids, asks = [("84143.0", "10.25923")], [("84144.0", "0.5")]
    assert decoded(frame("l2Book", book())) == [BookSnapshot(BTC, RECV, NS, "l2Book", bids, asks, None)]


def test_a_fast_book_is_another_stream() -> None:
    [fast] = decoded(frame("l2Book", book(fast=True)))
    [slow] = decoded(frame("l2Book", book(fast=False)))
    assert isinstance(fast, BookSnapshot) and isinstance(slow, BookSnapshot)
    assert (fast.channel, slow.channel) == ("fast", "l2Book")


@pytest.mark.parametrize("coin", ["kPEPE", "xyz:SP500", "PURR/USDC", "@107", "#250"])
def test_a_coin_is_a_symbol_as_it_is_written(coin: str) -> None:
    [found] = decoded(frame("l2Book", book(coin=coin)))
    assert found.target == f"hyperliquid:{coin}" and VENUE.canonical_symbol(coin) == coin


def test_a_delisted_coin_has_an_empty_book() -> None:
    assert decoded(frame("l2Book", book(levels=[[], []]))) == [BookSnapshot(BTC, RECV, NS, "l2Book", [], [], None)]


def test_best_prices_are_quotes_and_null_is_an_empty_side() -> None:
    bid, ask = level("84143.0", "10.25923"), level("84144.0", "0.5")
    best = {"coin": "BTC", "time": MS}
    assert decoded(frame("bbo", best | {"bbo": [bid, ask]})) == [
        Quote(BTC, RECV, NS, "84143.0", "10.25923", "84144.0", "0.5"),
    ]
    assert decoded(frame("bbo", best | {"bbo": [None, ask]})) == [Quote(BTC, RECV, NS, None, None, "84144.0", "0.5")]
    assert decoded(frame("bbo", best | {"bbo": [None, None]})) == [Quote(BTC, RECV, NS, None, None, None, None)]


# -- trades


def test_the_first_trades_of_a_coin_are_history() -> None:
    talk = VENUE.conversation()
    assert decoded(frame("trades", [match(1), match(2)]), talk) == [Unread(BTC, RECV, None, "trade history")]
    assert decoded(frame("trades", [match(3, side="A"), match(4)]), talk) == [
        Trade(BTC, RECV, NS, "84143.0", "0.00036", "sell", "3"),
        Trade(BTC, RECV, NS, "84143.0", "0.00036", "buy", "4"),
    ]
    assert decoded(frame("trades", [match(5, "ETH")]), talk) == [Unread("hyperliquid:ETH", RECV, None, "trade history")]


def test_an_empty_list_of_trades_says_nothing() -> None:
    assert decoded(frame("trades", [])) == []


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
def test_a_coin_that_is_subscribed_anew_begins_with_history_again(method: str) -> None:
    talk = VENUE.conversation()
    decoded(frame("trades", [match(1), match(2, "ETH")]), talk)
    decoded(answer("l2Book", method=method), talk)
    assert isinstance(decoded(frame("trades", [match(3)]), talk)[0], Trade)
    decoded(answer("trades", method=method), talk)
    assert isinstance(decoded(frame("trades", [match(4)]), talk)[0], Unread)
    assert isinstance(decoded(frame("trades", [match(5, "ETH")]), talk)[0], Trade)


def test_whose_trades_have_begun_is_remembered_in_a_keyframe() -> None:
    one, other = VENUE.conversation(), VENUE.conversation()
    decoded(frame("trades", [match(1), match(2, "ETH")]), one)
    saved = orjson.loads(orjson.dumps(one.save()))
    other.load(saved)
    for coin in ("ETH", "SOL"):
        assert decoded(frame("trades", [match(3, coin)]), one) == decoded(frame("trades", [match(3, coin)]), other)
    assert one.save() == other.save() == ["BTC", "ETH", "SOL"]


def test_a_frame_that_cannot_be_read_changes_nothing() -> None:
    talk = VENUE.conversation()
    decoded(frame("trades", [match(1)]), talk)
    before = talk.save()
    with pytest.raises(BadFrame):
        decoded(frame("trades", [match(2, "ETH"), match(3, px="0")]), talk)
    assert talk.save() == before


def test_what_is_remembered_has_a_bound() -> None:
    talk = VENUE.conversation()
    decoded(frame("trades", [match(1, f"C{number}") for number in range(1000)]), talk)
    with pytest.raises(BadFrame):
        decoded(frame("trades", [match(1, "ONE-MORE")]), talk)
    assert isinstance(decoded(frame("trades", [match(2, "C999")]), talk)[0], Trade)


# -- derivatives


def test_a_context_of_a_perpetual() -> None:
    ctx: dict[str, Any] = {"funding": "-0.0000018952", "openInterest": "36585.31848", "oraclePx": "84198.0", "markPx": "84148.0"}
    ctx |= {"midPx": None, "impactPxs": None, "premium": None}
    assert decoded(frame("activeAssetCtx", {"coin": "BTC", "ctx": ctx})) == [
        Derivative(
            BTC,
            RECV,
            None,
            mark="84148.0",
            index="84198.0",
            funding_rate="-0.0000018952",
            open_interest="36585.31848",
        )
    ]


def test_a_context_of_spot_tells_a_mark_alone() -> None:
    ctx = {"dayNtlVlm": "8906.0", "prevDayPx": "0.22916", "markPx": "0.23482", "circulatingSupply": "598274725.27"}
    assert decoded(frame("activeSpotAssetCtx", {"coin": "@1", "ctx": ctx})) == [
        Derivative("hyperliquid:@1", RECV, None, mark="0.23482"),
    ]


# -- what is no market data


def test_an_answer_names_the_stream() -> None:
    filled: Any = {"nSigFigs": None, "mantissa": None}
    for payload, stream in (
        (answer("l2Book", fast=False, **filled), "l2Book:BTC"),
        (answer("l2Book", fast=True, **filled), "l2Book/fast:BTC"),
        (answer("trades", "xyz:SP500"), "trades:xyz:SP500"),
        (answer("bbo"), "bbo:BTC"),
        (answer("activeAssetCtx", "@107", "unsubscribe"), "activeAssetCtx:@107"),
    ):
        assert decoded(payload) == [Acknowledged("", RECV, None, "", (stream,))]


def test_an_answer_of_what_is_no_stream_of_ours_names_none() -> None:
    for payload in (answer("candle", interval="1m"), answer("l2Book", nSigFigs=5, mantissa=None, fast=False)):
        assert decoded(payload) == [Acknowledged("", RECV, None, "", ())]


def test_errors_name_the_stream_that_they_quote() -> None:
    words = 'Error parsing JSON into valid websocket request: {"method":"subscribe","subscription":{"type":"bbo","coin":"A"}}'
    assert decoded(frame("error", words)) == [Refused("", RECV, None, None, None, words, ("bbo:A",))]
    for words in (
        'Error parsing JSON into valid websocket request: {"method":"subscribe","subscription":{"type":"bbo","coin":["A"]}}',
        'Error parsing JSON into valid websocket request: {"method":"subscribe","subscription":{"type":["bbo"]}}',
        "Error parsing JSON into valid websocket request: [1]",
        "Error parsing JSON into valid websocket request: hello",
        "Something else",
    ):
        assert decoded(frame("error", words)) == [Refused("", RECV, None, None, None, words)]


def test_a_stream_that_is_on_already_is_not_refused() -> None:
    words = 'Already subscribed: {"type":"l2Book","coin":"SOL","nSigFigs":null,"mantissa":null,"fast":false}'
    assert decoded(frame("error", words)) == [Acknowledged("", RECV, None, "", ("l2Book:SOL",))]
    gone = words.replace("subscribed", "unsubscribed")
    assert decoded(frame("error", gone)) == [Refused("", RECV, None, None, None, gone, ("l2Book:SOL",))]


def test_signs_of_life() -> None:
    assert decoded(b'{"channel":"pong"}') == [Heartbeat("", RECV, None)]
    assert decoded(b"Websocket connection established.") == [Greeting("", RECV, None)]


@pytest.mark.parametrize("channel", ["allMids", "candle", "post", "notification", "fastAssetCtxs"])
def test_other_channels_are_unread(channel: str) -> None:
    assert decoded(frame(channel, {"mids": {"BTC": "1.5"}})) == [Unread("", RECV, None, channel)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"channel":5}',
        b'{"channel":"l2Book"}',
        frame("l2Book", book())[:-2],
        frame("l2Book", book(levels=[[]])),
        frame("l2Book", book(levels=[[], [], []])),
        frame("l2Book", book(levels=[[{"px": "1"}], []])),
        frame("l2Book", book(levels=[[{"px": 1.5, "sz": "1"}], []])),
        frame("l2Book", book(coin="")),
        frame("l2Book", book(coin="A" * 201)),
        frame("l2Book", book(time="now")),
        frame("l2Book", book(time=-1)),
        frame("l2Book", book(time=10**18)),
        frame("l2Book", book(fast="yes")),
        frame("bbo", {"coin": "BTC", "time": MS, "bbo": [None]}),
        frame("bbo", {"coin": "BTC", "time": MS, "bbo": [level("x", "1"), None]}),
        frame("trades", {}),
        frame("trades", [{"coin": "BTC"}]),
        frame("trades", [match(1, side="buy")]),
        frame("activeAssetCtx", {"coin": "BTC"}),
        frame("activeAssetCtx", {"coin": "BTC", "ctx": {"markPx": "?"}}),
        frame("activeAssetCtx", {"coin": "BTC", "ctx": {"markPx": 1.5}}),
        frame("subscriptionResponse", {"method": "subscribe"}),
        frame("error", {"message": "no"}),
        b"[" * 100_000,
        b'{"channel":"pong","data":' + b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame):
        decoded(payload)


# -- instruments

PERPS, SPOT, OUTCOMES = (Request("/info", 20, f'{{"type":"{kind}"}}') for kind in ("allPerpMetas", "spotMeta", "outcomeMeta"))


def listed(request: Request, said: Any) -> list[Instrument]:
    return VENUE.instruments(request, orjson.dumps(said)).instruments


def test_perpetuals_of_all_dexes() -> None:
    of_usdc: Any = {"kind": "perpetual", "quote": "USDC", "settle": "USDC"}
    first = {"collateralToken": 0, "universe": [{"name": "BTC", "szDecimals": 5}, {"name": "kPEPE", "szDecimals": 0}]}
    other = {"collateralToken": 360, "universe": [{"name": "km:US500", "szDecimals": 3, "isDelisted": True}]}
    assert listed(PERPS, [first, other]) == [
        Instrument(symbol="BTC", base="BTC", tick="0.1", lot="0.00001", trading=True, **of_usdc),
        Instrument(symbol="kPEPE", base="kPEPE", tick="0.000001", lot="1", trading=True, **of_usdc),
        Instrument(
            symbol="km:US500", kind="perpetual", base="km-US500", tick="0.001", lot="0.001", status="delisted", trading=False
        ),
    ]


def test_a_builders_contract_is_not_the_venues_own() -> None:
    metas = [{"collateralToken": 0, "universe": [{"name": name, "szDecimals": 5}]} for name in ("BTC", "xyz:BTC")]
    assert [unified(one) for one in listed(PERPS, metas)] == ["BTC/USDC:USDC", "XYZ-BTC/USDC:USDC"]


def test_spot_pairs_are_named_by_their_tokens() -> None:
    tokens = [
        {"name": "USDC", "szDecimals": 8, "index": 0},
        {"name": "HYPE", "szDecimals": 2, "index": 150},
        {"name": "WIDE", "szDecimals": 8, "index": 7},
    ]
    universe = [{"name": "@107", "tokens": [150, 0], "index": 107}, {"name": "WIDE/USDC", "tokens": [7, 0], "index": 3}]
    assert listed(SPOT, {"tokens": tokens, "universe": universe}) == [
        Instrument(symbol="@107", kind="spot", base="HYPE", quote="USDC", tick="0.000001", lot="0.01"),
        Instrument(symbol="WIDE/USDC", kind="spot", base="WIDE", quote="USDC", tick="1", lot="0.00000001"),
    ]


def test_an_outcome_has_a_coin_a_side() -> None:
    said = {"outcomes": [{"outcome": 25, "name": "Recurring", "sideSpecs": [{"name": "Yes"}, {"name": "No"}]}], "questions": []}
    assert [(one.symbol, one.kind) for one in listed(OUTCOMES, said)] == [("#250", "outcome"), ("#251", "outcome")]


@pytest.mark.parametrize(
    "said",
    [
        5,
        {},
        [5],
        [{"universe": [{"name": "BTC"}]}],
        [{"universe": [{"name": "BTC", "szDecimals": 99}]}],
        [{"universe": [{"name": "BTC", "szDecimals": "5"}]}],
        [{"universe": [{"name": "", "szDecimals": 5}]}],
        {"tokens": [], "universe": [{"name": "@1", "tokens": [1, 0]}]},
        {"outcomes": [{"outcome": 1}]},
    ],
)
def test_a_list_that_cannot_be_read_is_a_bad_frame(said: Any) -> None:
    with pytest.raises(BadFrame):
        listed(PERPS, said)


def test_lists_are_asked_for_as_far_as_they_matter() -> None:
    assert VENUE.instruments_requests() == VENUE.instruments_requests(["B*"]) == [PERPS, SPOT, OUTCOMES]
    assert VENUE.instruments_requests(["btc", "xyz:SP500"]) == VENUE.instruments_requests(["BTC/USDC:USDC"]) == [PERPS]
    assert VENUE.instruments_requests(["#250", "@107", "PURR/USDC"]) == [SPOT, OUTCOMES]
    assert all(VENUE.lists_instruments(request) for request in (PERPS, SPOT, OUTCOMES))
    assert not VENUE.lists_instruments(Request("/info", 2, '{"type":"l2Book","coin":"BTC"}'))
    assert VENUE.decode_body(PERPS, b"[]", RECV) == ()


# -- subscribing


def test_a_message_names_one_stream() -> None:
    [plan] = VENUE.plan([Target("hyperliquid", "BTC"), Target("hyperliquid", "xyz:SP500", "fast")], CHANNELS)
    assert plan.path == "/ws"
    assert plan.names == (
        "l2Book:BTC",
        "trades:BTC",
        "bbo:BTC",
        "activeAssetCtx:BTC",
        "l2Book/fast:xyz:SP500",
        "trades:xyz:SP500",
        "bbo:xyz:SP500",
        "activeAssetCtx:xyz:SP500",
    )
    asked = VENUE.subscribe(plan.names, 1)
    assert [ask.streams for ask in asked] == [(name,) for name in plan.names]
    assert orjson.loads(asked[0].frame) == {"method": "subscribe", "subscription": {"type": "l2Book", "coin": "BTC"}}
    fast = {"type": "l2Book", "fast": True, "coin": "xyz:SP500"}
    assert orjson.loads(asked[4].frame) == {"method": "subscribe", "subscription": fast}
    assert orjson.loads(VENUE.unsubscribe(plan.names, 1)[4].frame) == {"method": "unsubscribe", "subscription": fast}
    assert VENUE.ping(1, RECV) == b'{"method":"ping"}'


def test_both_books_of_a_coin_can_be_had_on_one_connection() -> None:
    [plan] = VENUE.plan([Target("hyperliquid", "BTC", "l2Book"), Target("hyperliquid", "BTC", "fast")], ["book"])
    assert plan.names == ("l2Book:BTC", "l2Book/fast:BTC")
    with pytest.raises(UsageError):
        VENUE.streams(Target("hyperliquid", "BTC", "l4Book"), ["book"])


def test_nothing_can_be_proven() -> None:
    for channel in ("", "l2Book", "fast"):
        declared = VENUE.integrity(channel)
        assert (declared.proof, declared.snapshot, declared.resync) == ("unprovable", "full", "wait") and declared.unprovable
    assert VENUE.snapshot_request("BTC") is None


# -- other people's messages


@pytest.mark.frames
def test_golden_messages(frames: Path) -> None:
    """They drop a coin's first trades too, for the same reason."""
    pairs = compared(frames / "golden" / "hyperliquid.jsonl", Hyperliquid)
    assert len(pairs) == 6
    for theirs, found in pairs:
        assert found == theirs
    assert [bool(found) for _, found in pairs] == [False, True, False, True, True, True]
    assert pairs[5][1][0]["asks"] == {Decimal("59.811"): Decimal("2.9"), Decimal("59.832"): Decimal("17.6")}


@pytest.mark.frames
def test_single_messages(frames: Path) -> None:
    folder = frames / "single" / "hyperliquid"
    data = orjson.loads((folder / "ws_book_data.json").read_bytes())
    [found] = decoded(frame("l2Book", data))
    assert isinstance(found, BookSnapshot) and found.time == data["time"] * 1_000_000
    for levels, told in ((found.bids, data["levels"][0]), (found.asks, data["levels"][1])):
        assert levels == [(one["px"], one["sz"]) for one in told] and len(levels) == 5
    for name, channel in (("ws_allmids", "allMids"), ("ws_all_dexs_asset_ctxs", "allDexsAssetCtxs")):
        assert decoded((folder / f"{name}.json").read_bytes()) == [Unread("", RECV, None, channel)]


@pytest.mark.frames
def test_lists_of_instruments(frames: Path) -> None:
    folder = frames / "single" / "hyperliquid"
    perps = VENUE.instruments(PERPS, (folder / "http_all_perp_metas_non_usdc_collateral.json").read_bytes()).instruments
    assert [(one.symbol, one.settle, one.lot) for one in perps] == [
        ("BTC", "USDC", "0.00001"),
        ("km:US500", None, "0.001"),
        ("hyna:BTC", None, "0.00001"),
    ]
    assert VENUE.instruments(SPOT, (folder / "http_spot_meta_non_usdc_collateral.json").read_bytes()).instruments == []
    one_dex = orjson.loads((folder / "http_meta_perp_sample.json").read_bytes())
    assert [one.trading for one in listed(PERPS, [one_dex])] == [True, True, True]
