"""What frames of Deribit mean."""

from typing import Any

import orjson
import pytest

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
    Reply,
    Side,
    Trade,
    Unread,
)
from feedtape.venues.contract import Request
from venues.deribit_frames import (
    COMBO,
    MS,
    NS,
    OPTION,
    PERPETUAL,
    RECV_NS,
    VENUE,
    answer,
    change,
    exact,
    notice,
    option_ticker,
    quote,
    ticker,
    trade,
)

TARGET = f"deribit:{PERPETUAL}"


def decoded(payload: bytes) -> list[Event]:
    return list(VENUE.decode(payload, RECV_NS))


def one(payload: bytes) -> Event:
    [event] = decoded(payload)
    return event


def book(data: Any, interval: str = "100ms") -> Event:
    return one(notice(f"book.{PERPETUAL}.{interval}", data))


# -- books


@pytest.mark.parametrize("interval", ["100ms", "agg2", "raw"])
def test_a_change_chains_by_ids_and_keeps_the_texts(interval: str) -> None:
    bids = [["change", "<a>", "<b>"], ["new", 59999, 12000]]
    frame = notice(f"book.{PERPETUAL}.{interval}", change(500, 507, bids, [["delete", "<c>", "<d>"]]))
    event = one(exact(frame, a="60000.50", b="2.2e3", c="0.00100", d="0.0"))
    expected = [("60000.50", "2200"), ("59999", "12000")], [("0.00100", "0.0")]
    assert event == BookDelta(TARGET, RECV_NS, NS, interval, *expected, None, 507, 500)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "snapshot"},
        {"type": "snapshot", "prev_change_id": None},
        {"type": "snapshot", "prev_change_id": 499},
        {"type": "change", "prev_change_id": 0},
        {"type": "change", "prev_change_id": None},
    ],
)
def test_what_follows_nothing_is_a_snapshot(fields: dict[str, Any]) -> None:
    expected = BookSnapshot(TARGET, RECV_NS, NS, "100ms", [("1.5", "2")], [], 507)
    assert book(change(None, 507, [["new", 1.5, 2]], [], **fields)) == expected


def test_a_book_of_old_tells_its_snapshot_by_what_it_lacks() -> None:
    data = change(None, 507, [["new", 1.5, 2]], [])
    del data["type"]
    assert type(book(data)) is BookSnapshot and type(book(data | {"prev_change_id": 9})) is BookDelta


@pytest.mark.parametrize("interval", ["none.20.100ms", "none.1.agg2", "25.10.100ms"])
def test_a_grouped_book_is_a_whole_picture_every_time(interval: str) -> None:
    data = {"timestamp": MS, "instrument_name": PERPETUAL, "change_id": 9, "bids": [[89532.5, 10]], "asks": []}
    assert book(data, interval) == BookSnapshot(TARGET, RECV_NS, NS, interval, [("89532.5", "10")], [], 9)
    assert VENUE.integrity(interval).snapshot == "full"


def test_a_combo_may_cost_less_than_nothing() -> None:
    data = change(3, 4, [["new", -12.5, 10]], [], instrument_name=COMBO)
    event = one(notice(f"book.{COMBO}.100ms", data))
    assert isinstance(event, BookDelta) and event.bids == [("-12.5", "10")]
    sold = one(exact(notice(f"trades.{COMBO}.100ms", [trade(instrument_name=COMBO, legs=[trade()])]), price="-0.5"))
    assert isinstance(sold, Trade) and (sold.target, sold.price) == (f"deribit:{COMBO}", "-0.5")
    free = quote(instrument_name=COMBO, best_bid_price=-7.5, best_ask_price=0.0, best_ask_amount=5)
    best = one(notice(f"quote.{COMBO}", free))
    assert isinstance(best, Quote) and (best.bid, best.ask, best.ask_size) == ("-7.5", "0.0", "5")


# -- trades


@pytest.mark.parametrize("direction", ["buy", "sell"])
def test_a_trade_has_the_takers_side_and_the_instruments_count(direction: Side) -> None:
    frame = exact(notice(f"trades.{PERPETUAL}.100ms", [trade(direction=direction)]), price="92294.50")
    assert one(frame) == Trade(TARGET, RECV_NS, NS, "92294.50", "10", direction, "403691824", 7)


def test_a_notification_holds_several_trades_of_several_instruments() -> None:
    rows = [trade(7, price=1), trade(8, price=2, instrument_name="BTC-25DEC26")]
    events = decoded(notice("trades.future.BTC.100ms", rows))
    assert [(event.target, event.number) for event in events if isinstance(event, Trade)] == [
        (TARGET, 7),
        ("deribit:BTC-25DEC26", 8),
    ]
    assert decoded(notice(f"trades.{PERPETUAL}.100ms", [])) == []


@pytest.mark.parametrize(("mark", "sides"), [("T", ["sell"]), ("M", ["buy"]), ("MT", ["sell", "buy"])])
def test_a_liquidation_has_the_side_of_who_was_liquidated(mark: str, sides: list[Side]) -> None:
    first, *forced = decoded(notice(f"trades.{PERPETUAL}.100ms", [trade(price=5.5, liquidation=mark)]))
    assert isinstance(first, Trade) and first.side == "sell"
    assert forced == [Liquidation(TARGET, RECV_NS, NS, "5.5", "10", side, "403691824") for side in sides]


# -- quotes


def test_a_quote() -> None:
    expected = Quote(TARGET, RECV_NS, NS, "92288.5", "133440", "92289.5", "99470")
    assert one(notice(f"quote.{PERPETUAL}", quote())) == expected


@pytest.mark.parametrize(
    "nothing", [{"best_bid_price": 0.0, "best_bid_amount": 0.0}, {"best_bid_price": None, "best_bid_amount": None}]
)
def test_an_empty_side_has_no_best_price(nothing: dict[str, Any]) -> None:
    expected = Quote(TARGET, RECV_NS, NS, None, None, "92289.5", "99470")
    assert one(notice(f"quote.{PERPETUAL}", quote(**nothing))) == expected


# -- tickers


def test_a_perpetuals_ticker() -> None:
    event = one(exact(notice(f"ticker.{PERPETUAL}.100ms", ticker()), funding="1.423e-4"))
    facts: dict[str, Any] = {"last": "92283.5", "mark": "92281.78", "index": "92263.55", "funding_rate": "0.0001423"}
    assert event == Derivative(TARGET, RECV_NS, NS, **facts, open_interest="1132329370")


def test_what_a_ticker_does_not_say_is_not_said() -> None:
    data = ticker(last_price=None, instrument_name="BTC-25DEC26")
    del data["current_funding"]
    event = one(notice("ticker.BTC-25DEC26.100ms", data))
    assert isinstance(event, Derivative) and (event.last, event.funding_rate, event.mark) == (None, None, "92281.78")


def test_an_options_ticker_has_volatilities_as_fractions_and_terms_by_its_name() -> None:
    event = one(notice(f"ticker.{OPTION}.100ms", option_ticker()))
    prices: dict[str, Any] = {
        "bid": "0.0365",
        "bid_size": "15.4",
        "ask": "0.04",
        "ask_size": "4.8",
        "last": "0.038",
        "mark": "0.03847784",
    }
    models: dict[str, Any] = {"bid_iv": "0.5839", "ask_iv": "0.669", "mark_iv": "0.6321", "underlying": "9440.73"}
    greeks: dict[str, Any] = {"delta": "0.62959", "gamma": "0.00058", "vega": "3.88497", "theta": "-28.34113", "rho": "0.66242"}
    assert event == OptionSummary(
        f"deribit:{OPTION}",
        RECV_NS,
        NS,
        option="call",
        strike="100000",
        expiry=1_798_185_600_000_000_000,  # 2026-12-25T08:00:00Z
        underlying_name="BTC-25DEC26",
        open_interest="533.2",
        volume="13.4",
        **prices,
        **models,
        **greeks,
    )


def test_an_option_without_orders_has_neither_prices_nor_volatilities() -> None:
    nothing = {"best_bid_price": 0.0, "best_bid_amount": 0.0, "bid_iv": 0.0, "last_price": None, "ask_iv": 500}
    event = one(notice(f"ticker.{OPTION}.raw", option_ticker(**nothing)))
    assert isinstance(event, OptionSummary)
    assert (event.bid, event.bid_size, event.bid_iv, event.last, event.ask_iv) == (None, None, None, None, "5.00")
    assert event.none == ("bid", "bid_size", "bid_iv") and event.as_json()["none"] == event.none


@pytest.mark.parametrize(
    ("symbol", "option", "strike", "expiry"),
    [
        ("DOGE_USDC-4OCT24-0d048-C", "call", "0.048", 1_728_028_800_000_000_000),
        ("ETH-5JUN26-3100-P", "put", "3100", 1_780_646_400_000_000_000),
    ],
)
def test_names_of_options(symbol: str, option: str, strike: str, expiry: int) -> None:
    event = one(notice(f"ticker.{symbol}.100ms", option_ticker(instrument_name=symbol)))
    assert isinstance(event, OptionSummary) and (event.option, event.strike, event.expiry) == (option, strike, expiry)


def test_a_strike_without_end_is_no_strike() -> None:
    symbol = f"BTC-25DEC26-{'1' * 99}-C"
    assert isinstance(one(notice(f"ticker.{symbol}.100ms", option_ticker(instrument_name=symbol))), Derivative)


# -- what the venue says about itself


def test_an_answer_names_what_it_took() -> None:
    frame = answer(id=3, result=["quote.BTC-PERPETUAL", "book.BTC-PERPETUAL.100ms"])
    assert one(frame) == Acknowledged("", RECV_NS, None, "3", ("quote.BTC-PERPETUAL", "book.BTC-PERPETUAL.100ms"))
    assert one(answer(id=4, result=[])) == Acknowledged("", RECV_NS, None, "4", ())
    assert one(answer(result=[])) == Acknowledged("", RECV_NS, None, "", ())
    assert one(answer(id=0, result="ok")) == Acknowledged("", RECV_NS, None, "0")


def test_a_refusal_is_in_the_venues_words() -> None:
    raw = {"code": 13778, "message": "raw_subscriptions_not_available_for_unauthorized"}
    assert one(answer(id=5, error=raw)) == Refused("", RECV_NS, None, "5", "13778", str(raw["message"]))
    bad = {"code": 11050, "message": "bad_request", "data": "invalid json"}
    assert one(answer(error=bad)) == Refused("", RECV_NS, None, None, "11050", "bad_request (invalid json)")
    wrong = {"code": -32602, "message": "Invalid params", "data": {"param": "channels", "reason": "wrong format"}}
    expected = "Invalid params (param channels, reason wrong format)"
    assert one(answer(id=6, error=wrong)) == Refused("", RECV_NS, None, "6", "-32602", expected)
    many = {"code": 10028, "message": "too_many_requests", "data": None}
    assert one(answer(id=7, error=many)) == Refused("", RECV_NS, None, "7", "10028", "too_many_requests")


def test_a_test_request_waits_for_an_answer() -> None:
    event = one(b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}')
    assert isinstance(event, Reply)
    assert orjson.loads(event.text) == {"jsonrpc": "2.0", "id": 0, "method": "public/test", "params": {}}
    assert one(answer(id=0, result={"version": "1.2.26"})) == Heartbeat("", RECV_NS, None)


def test_a_heartbeat() -> None:
    frame = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}'
    assert one(frame) == Heartbeat("", RECV_NS, None)


@pytest.mark.parametrize(
    ("channel", "name"),
    [
        ("platform_state", "platform_state"),
        ("deribit_volatility_index.btc_usd", "deribit_volatility_index"),
        ("instrument.state.any.any", "instrument"),
        (f"chart.trades.{PERPETUAL}.1", "chart"),
    ],
)
def test_channels_that_nothing_reads_are_named(channel: str, name: str) -> None:
    assert one(notice(channel, {"locked": True})) == Unread("", RECV_NS, None, name)


def test_answers_that_nothing_reads_are_named() -> None:
    assert one(answer(id=9, result=1_733_338_800_000)) == Unread("", RECV_NS, None, "answer")
    assert one(answer(id=9, result=[{"instrument_name": PERPETUAL}])) == Unread("", RECV_NS, None, "answer")
    assert one(b'{"jsonrpc":"2.0","method":"novelty","params":{}}') == Unread("", RECV_NS, None, "novelty")


def test_bodies_say_nothing_of_a_market() -> None:
    assert list(VENUE.decode_body(Request("/api/v2/public/get_time"), b'{"result":5}', RECV_NS)) == []


# -- what is refused


def without(data: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != field}


GROUPED = {"timestamp": MS, "instrument_name": PERPETUAL, "change_id": 9, "bids": [[1.5, 2]], "asks": []}
DELTA = change(500, 507, [["new", 1.5, 2]], [["delete", 2.5, 0.0]])
BOOK, TRADES, QUOTE, TICKER = (
    f"book.{PERPETUAL}.100ms",
    f"trades.{PERPETUAL}.100ms",
    f"quote.{PERPETUAL}",
    f"ticker.{PERPETUAL}.raw",
)
SOLD = trade(price=5.5)
MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"pong",
    "cut": notice(BOOK, DELTA)[:-20],
    "two": notice(BOOK, DELTA) * 2,
    "not UTF-8": notice(BOOK, DELTA).replace(b"PERP", b"\xff\xfe"),
    "a number": b"7",
    "a list": b"[]",
    "null": b"null",
    "an empty object": b"{}",
    "deep": b"[" * 100_000,
    "no params": b'{"method":"subscription"}',
    "no channel": b'{"method":"subscription","params":{"data":{}}}',
    "channel is a number": b'{"method":"subscription","params":{"channel":5,"data":{}}}',
    "channel is empty": notice("", DELTA),
    "channel is endless": notice("x" * 999, DELTA),
    "method is a number": b'{"method":5}',
    "heartbeat without a type": b'{"method":"heartbeat","params":{}}',
    "error without a code": answer(id=1, error={"message": "no"}),
    "error without words": answer(id=1, error={"code": 5}),
    "error is a text": answer(id=1, error="no"),
    "null data": notice(BOOK, None),
    "book without an interval": notice(f"book.{PERPETUAL}", DELTA),
    "book without a name": notice("book", DELTA),
    "book of another symbol": notice("book.ETH-PERPETUAL.100ms", DELTA),
    "book of a new type": notice(BOOK, DELTA | {"type": "novelty"}),
    "id is a text": notice(BOOK, DELTA | {"change_id": "507"}),
    "id is a fraction": notice(BOOK, DELTA | {"change_id": 507.5}),
    "id beyond 64 bits": notice(BOOK, DELTA | {"change_id": 424242}).replace(b"424242", b"9" * 30),
    "previous id is a text": notice(BOOK, DELTA | {"prev_change_id": "500"}),
    "time beyond 64 bits of ns": notice(BOOK, DELTA | {"timestamp": 10**18}),
    "time is a word": notice(BOOK, DELTA | {"timestamp": "now"}),
    "levels are an object": notice(BOOK, DELTA | {"bids": {}}),
    "level of two": notice(BOOK, DELTA | {"bids": [[1.5, 2]]}),
    "level of four": notice(BOOK, DELTA | {"bids": [["new", 1.5, 2, 3]]}),
    "level of an unknown action": notice(BOOK, DELTA | {"bids": [["novelty", 1.5, 2]]}),
    "deleted with an amount": notice(BOOK, DELTA | {"bids": [["delete", 1.5, 2]]}),
    "new without an amount": notice(BOOK, DELTA | {"bids": [["new", 1.5, 0.0]]}),
    "negative amount": notice(BOOK, DELTA | {"bids": [["new", 1.5, -2]]}),
    "price is null": notice(BOOK, DELTA | {"bids": [["new", None, 2]]}),
    "price is a word": notice(BOOK, DELTA | {"bids": [["new", "NaN", 2]]}),
    "grouped levels with actions": notice(f"book.{PERPETUAL}.none.10.100ms", GROUPED | {"bids": [["new", 1.5, 2]]}),
    "grouped levels are a text": notice(f"book.{PERPETUAL}.none.10.100ms", GROUPED | {"bids": "1"}),
    "trades are an object": notice(TRADES, {}),
    "trade is a number": notice(TRADES, [5]),
    "trade of another symbol": notice("trades.ETH-PERPETUAL.raw", [SOLD]),
    "trade of nothing": notice(TRADES, [SOLD | {"amount": 0.0}]),
    "trade of no side": notice(TRADES, [SOLD | {"direction": "zero"}]),
    "trade id is a number": notice(TRADES, [SOLD | {"trade_id": 5}]),
    "trade number is a text": notice(TRADES, [SOLD | {"trade_seq": "5"}]),
    "liquidation of a new mark": notice(TRADES, [SOLD | {"liquidation": "X"}]),
    "one bad trade of two": notice(TRADES, [SOLD, SOLD | {"price": "x"}]),
    "quote of another symbol": notice("quote.ETH-PERPETUAL", quote()),
    "quote with a size and no price": notice(QUOTE, quote(best_bid_price=None)),
    "quote with a negative size": notice(QUOTE, quote(best_bid_amount=-5)),
    "mark is a list": notice(TICKER, ticker(mark_price=[], current_funding=None)),
    "funding is a word": notice(TICKER, ticker(current_funding="expired")),
    "option on an impossible day": notice("ticker.BTC-31FEB26-1-C.raw", option_ticker(instrument_name="BTC-31FEB26-1-C")),
    "option in an impossible month": notice("ticker.BTC-1XXX26-1-C.raw", option_ticker(instrument_name="BTC-1XXX26-1-C")),
    "greeks are a text": notice(f"ticker.{OPTION}.raw", option_ticker(greeks="none")),
    "volatility is a word": notice(f"ticker.{OPTION}.raw", option_ticker(mark_iv="x")),
    "symbol is empty": notice("trades.future.BTC.raw", [SOLD | {"instrument_name": ""}]),
    "symbol is endless": notice("trades.future.BTC.raw", [SOLD | {"instrument_name": "x" * 999}]),
    "a lone surrogate": b'{"method":"\\ud800"}',
    "an action without end": notice(BOOK, DELTA | {"bids": [["x" * 999, 1.5, 2]]}),
    "a type without end": notice(BOOK, DELTA | {"type": "x" * 999}),
    "a mark without end": notice(TRADES, [SOLD | {"liquidation": "x" * 999}]),
    "an error's code without end": answer(id=1, error={"code": "x" * 999, "message": "no"}),
}
MALFORMED |= {
    f"{kind} lacks {field}": notice(channel, [without(data, field)] if kind == "trade" else without(data, field))
    for kind, channel, data, fields in [
        ("book", BOOK, DELTA, ["timestamp", "instrument_name", "change_id", "bids", "asks"]),
        ("grouped book", f"book.{PERPETUAL}.none.10.100ms", GROUPED, list(GROUPED)),
        ("trade", TRADES, SOLD, ["timestamp", "instrument_name", "trade_seq", "trade_id", "price", "amount", "direction"]),
        ("quote", QUOTE, quote(), list(quote())),
        ("ticker", TICKER, ticker(current_funding=None), ["timestamp", "instrument_name"]),
        (
            "option",
            f"ticker.{OPTION}.raw",
            option_ticker(),
            ["timestamp", "instrument_name", "best_bid_price", "best_ask_amount"],
        ),
    ]
    for field in fields
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_frame_is_a_bad_frame(payload: bytes) -> None:
    with pytest.raises(BadFrame) as refusal:
        decoded(payload)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("channel", "data"), [(BOOK, DELTA), (TRADES, [SOLD]), (QUOTE, quote()), (TICKER, ticker(current_funding=0))]
)
def test_new_fields_break_nothing_and_cut_frames_do(channel: str, data: Any) -> None:
    frame = notice(channel, data)
    first = data[0] if type(data) is list else data
    more = first | {"starbase_match_id": 5, "novelty": {"deep": [None]}}
    assert decoded(notice(channel, [more] if type(data) is list else more)) == decoded(frame)
    for end in range(len(frame)):
        with pytest.raises(BadFrame):
            decoded(frame[:end])
