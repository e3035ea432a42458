"""An option chain: what is told of each option and by whom, what a person reads off it, and that nothing looks live that is not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.model.records import HEADER, OPEN, RECV, Record, note
from feedtape.session import Session
from feedtape.ui.chain import ChainPicture, OptionPicture, chains, take_chain
from feedtape.ui.chain_lines import Seen, json_line, news, plain_line
from feedtape.ui.draw.chain_rows import Cursor, begin, chain_rows, clamped, moved, option_at, time_left
from feedtape.ui.draw.rows import Row, text_of, width
from feedtape.ui.draw.smile import smile_rows
from feedtape.venues import registry
from ui.chain_stage import NAME, NOW, SECOND, Stage, chain

# ruff: noqa: E501  # screens are as wide as they are

AT_80 = """\
deribit:BTC  live, 1 book broken  in 30 d 19 h  61000.5 SYN.BTC-25DEC26 12:00:01
 [25DEC26] 26MAR27
  delta  IV% size    bid    ask C   strike   P size    bid    ask  IV%  delta
  0.712 58.3  5.5 0.19   0.1925 s•   50000   s  3.0 0.0105 -      58.3 -0.288
› 0.53  51.0  2.5 0.0805 0.081  b•▸  60000 ◂ !  1.0 0.07   0.072  51.0 -0.47
                                     70000  •q  1.0 0.161  0.169  49.5  -

deribit:BTC-25DEC26-60000-C  book live  0.0805 × 2.5 / 0.081 × 4.0 by book
mark 0.0808  last -  bid iv -  ask iv -  mark iv 0.510  delta 0.53  gamma -
vega -  theta -  rho -  open interest -  volume -

b book  q quote  s summary  ~ stale  ! book not live  • in  ▸◂ at the money
"""
AT_120 = """\
deribit:BTC  live, 1 book broken  in 30 d 19 h  61000.5 SYN.BTC-25DEC26                                         12:00:01
 [25DEC26] 26MAR27
    OI  delta  IV%   mark size    bid    ask size C   strike   P size    bid    ask size   mark  IV%  delta    OI
 533.2  0.712 58.3 0.1913  5.5 0.19   0.1925 12.0 s•   50000   s  3.0 0.0105 -       -   0.0112 58.3 -0.288   -
›  -    0.53  51.0 0.0808  2.5 0.0805 0.081   4.0 b•▸  60000 ◂ !  1.0 0.07   0.072   1.0 0.071  51.0 -0.47    -
                                                       70000  •q  1.0 0.161  0.169   2.0 -      49.5  -       -

deribit:BTC-25DEC26-60000-C  book live  0.0805 × 2.5 / 0.081 × 4.0 by book
mark 0.0808  last -  bid iv -  ask iv -  mark iv 0.510  delta 0.53  gamma -  vega -  theta -  rho -  open interest -
volume -

b book  q quote  s summary  ~ stale  ! book not live  • in  ▸◂ at the money
"""
AT_200 = """\
deribit:BTC  live, 1 book broken  in 30 d 19 h  61000.5 SYN.BTC-25DEC26                                                                                                                         12:00:01
 [25DEC26] 26MAR27
  rho theta vega     gamma  vol    OI  delta askIV bidIV  IV%   mark size    bid    ask size C   strike   P size    bid    ask size   mark  IV% bidIV askIV  delta    OI  vol     gamma vega theta  rho
 12.5 -55.2 60.1 0.0000214 13.4 533.2  0.712  60.0  55.5 58.3 0.1913  5.5 0.19   0.1925 12.0 s•   50000   s  3.0 0.0105 -       -   0.0112 58.3   -     -   -0.288   -    -   -          -     -    -
› -     -    -   -          -     -    0.53    -     -   51.0 0.0808  2.5 0.0805 0.081   4.0 b•▸  60000 ◂ !  1.0 0.07   0.072   1.0 0.071  51.0   -     -   -0.47    -    -   -          -     -    -
                                                                                                  70000  •q  1.0 0.161  0.169   2.0 -      49.5   -     -    -       -    -   -          -     -    -

deribit:BTC-25DEC26-60000-C  book live  0.0805 × 2.5 / 0.081 × 4.0 by book
mark 0.0808  last -  bid iv -  ask iv -  mark iv 0.510  delta 0.53  gamma -  vega -  theta -  rho -  open interest -  volume -

b book  q quote  s summary  ~ stale  ! book not live  • in  ▸◂ at the money
"""
SMILE = """\
 58.3% │O··             ┊
       │   ···          ┊
       │      ·····     ┊
       │           ···  ┊
       │              ··O·······
 49.5% │                ┊       ·······P
       └────────────────────────────────
        50000  at the money 60000  70000
"""


def taken(stage: Stage, after_s: float = 1) -> ChainPicture:
    return take_chain(stage.session, NOW + int(after_s * SECOND), NAME)


def option(stage: Stage, symbol: str) -> OptionPicture:
    options = [one for of in taken(stage).expiries for strike in of.strikes for one in (strike.call, strike.put) if one]
    return next(one for one in options if one.target == f"deribit:{symbol}")


def screen(rows: list[Row]) -> str:
    """The text of rows, empty ones that follow each other as one."""
    lines = [text_of(row).rstrip() for row in rows]
    return "".join(f"{line}\n" for at, line in enumerate(lines) if line or not at or lines[at - 1])


# -- what is told, and by whom


def test_a_chain_is_by_expiry_and_strike_with_the_nearest_to_the_forward() -> None:
    picture = taken(chain())
    assert chains(chain().session) == [picture.name] == [NAME]
    december, march = picture.expiries
    assert [one.strike for one in december.strikes] == ["50000", "60000", "70000"]
    assert (december.underlying, december.underlying_name, december.at_the_money) == ("61000.5", "SYN.BTC-25DEC26", 1)
    assert (march.underlying, march.at_the_money, december.strikes[2].call) == ("62000", 0, None)


@pytest.mark.parametrize(
    ("symbol", "source", "bid", "ask", "state"),
    [
        ("BTC-25DEC26-60000-C", "book", ("0.0805", "2.5"), ("0.081", "4.0"), "live"),
        ("BTC-25DEC26-60000-P", "summary", ("0.07", "1.0"), ("0.072", "1.0"), "broken: gap"),
        ("BTC-25DEC26-70000-P", "quote", ("0.161", "1.0"), ("0.169", "2.0"), ""),
        ("BTC-25DEC26-50000-P", "summary", ("0.0105", "3.0"), (None, None), ""),
    ],
)
def test_prices_are_the_live_books_or_else_the_quotes_or_else_the_summarys(
    symbol: str, source: str, bid: Any, ask: Any, state: str
) -> None:
    one = option(chain(), symbol)
    assert (one.source, (one.bid, one.bid_size), (one.ask, one.ask_size), one.state) == (source, bid, ask, state)


def test_a_side_of_which_the_venue_says_that_there_is_none_is_gone_and_what_it_does_not_say_stays() -> None:
    stage = chain()
    stage.ticker("BTC-25DEC26-50000-C", None, (0.1925, 12.0), 58.0)
    one = option(stage, "BTC-25DEC26-50000-C")
    assert (one.bid, one.bid_iv, one.ask, one.mark_iv, one.delta) == (None, None, "0.1925", "0.580", "0.71234")


def test_what_a_connection_told_does_not_outlive_it() -> None:
    stage = chain()
    stage.close()
    picture = taken(stage)
    assert (picture.word, picture.grade, picture.told) == ("nothing told", "bad", 0)
    assert [one.strike for one in picture.expiries[0].strikes] == ["50000", "60000", "70000"]
    shown = screen(chain_rows(picture, begin(picture), 200, 24))
    assert not any(text in shown for text in ("0.19", "0.0805", "58.3", "0.161", "61000"))


def test_a_silent_connection_makes_the_chain_stale() -> None:
    stage = chain()
    stage.stall()
    picture = taken(stage, 4)
    assert picture.grade == "warn" and picture.word.startswith("stale 4.0 s")
    assert "~▸  60000" in screen(chain_rows(picture, begin(picture), 80, 24)).replace("•", "")


def test_who_asks_for_some_options_sees_those() -> None:
    only = {"deribit:BTC-26MAR27-60000-C"}
    picture = take_chain(chain().session, NOW, NAME, only)
    assert picture.options == 1 and len(picture.expiries) == 1


def test_who_looks_at_one_expiry_gets_its_options_and_the_names_of_the_others() -> None:
    whole = taken(chain())
    for at, expiry in enumerate((0, whole.expiries[1].expiry)):
        one = take_chain(chain().session, whole.time, NAME, expiry=expiry)
        assert one.expiries[at] == whole.expiries[at] and one.expiries[1 - at].strikes == ()
        assert [of.expiry for of in one.expiries] == [of.expiry for of in whole.expiries]
        assert "no option" in screen(chain_rows(one, Cursor(1 - at), 80, 24))


def test_an_expiry_that_has_passed_says_so_and_the_next_one_is_looked_at() -> None:
    first, second = (of.expiry for of in taken(chain()).expiries)
    session = chain().session
    past = take_chain(session, first, NAME, expiry=first)
    assert past.word == "expired"
    assert text_of(chain_rows(past, begin(past), 80, 24)[0]).count("expired") == 1
    following = take_chain(session, first, NAME, expiry=0)
    assert following.word != "expired" and begin(following).expiry == 1
    assert begin(take_chain(session, second, NAME, expiry=0)).expiry == 1


def test_as_many_expiries_as_were_asked_for_when_it_began() -> None:
    first, second = (of.expiry for of in taken(chain()).expiries)
    session = chain().session
    assert [of.expiry for of in take_chain(session, NOW, NAME, nearest=(1, NOW)).expiries] == [first]
    assert [of.expiry for of in take_chain(session, second, NAME, nearest=(1, first)).expiries] == [second]
    assert take_chain(session, NOW, NAME, {"DERIBIT:btc-26mar27-60000-c"}).listed == 1


def test_a_book_alone_is_a_row_when_the_venues_list_tells_its_terms() -> None:
    stage, symbol = Stage(), "BTC-25DEC26-60000-C"
    stage.book(symbol, [[0.08, 1.0]], [])
    assert taken(stage).expiries == ()
    facts: dict[str, Any] = {"instrument_name": symbol, "kind": "option", "tick_size": 0.0001, "min_trade_amount": 0.1}
    facts |= {"strike": 60000.0, "option_type": "call", "expiration_timestamp": 1_798_185_600_000, "base_currency": "BTC"}
    stage.instruments([facts])
    one = option(stage, symbol)
    assert (one.strike, one.bid, one.ask, one.source) == ("60000", "0.08", None, "book")
    assert taken(stage).expiries[0].at_the_money is None


# -- what is drawn


@pytest.mark.parametrize(("columns", "lines", "expected"), [(80, 24, AT_80), (120, 40, AT_120), (200, 60, AT_200)])
def test_a_screen_of_a_chain(columns: int, lines: int, expected: str) -> None:
    picture = taken(chain())
    rows = chain_rows(picture, begin(picture), columns, lines)
    assert screen(rows) == expected
    assert len(rows) == lines and {width(row) for row in rows} == {columns}


def test_columns_go_in_a_fixed_order_and_no_row_is_ever_wrapped() -> None:
    picture = taken(chain())
    before: set[str] = set()
    for columns in range(20, 240):
        rows = chain_rows(picture, begin(picture), columns, 12)
        assert {width(row) for row in rows} == {columns} and len(rows) == 12
        heads = set(text_of(rows[2]).split())
        assert columns < 60 or before <= heads, columns
        before = heads
    assert before >= {
        "bid",
        "ask",
        "size",
        "mark",
        "IV%",
        "bidIV",
        "askIV",
        "delta",
        "gamma",
        "vega",
        "theta",
        "rho",
        "OI",
        "vol",
    }


def test_the_cursor_has_a_side_and_finds_the_book_to_open() -> None:
    picture = taken(chain())
    at = Cursor(0, 2, "put")
    found = option_at(picture, at)
    assert found is not None and found.target == "deribit:BTC-25DEC26-70000-P"
    row = text_of(chain_rows(picture, at, 80, 24)[5])
    assert row.startswith(" ") and row.rstrip().endswith("‹")
    assert option_at(picture, Cursor(0, 2)) is None and option_at(picture, Cursor(9, 0)) is None
    assert begin(picture) == Cursor(0) and moved(picture, Cursor(0), 1) == Cursor(0, 2)
    assert clamped(picture, Cursor(9)) == Cursor(1) and moved(picture, Cursor(0), -9) == Cursor(0, 0)


def test_the_strike_of_the_cursor_is_always_in_sight() -> None:
    stage = Stage()
    for strike in range(50, 150):
        stage.ticker(f"BTC-25DEC26-{strike}000-C", (0.1, 1.0), (0.2, 1.0), 50.0)
    picture = taken(stage)
    for at in (0, 50, 99):
        assert f"{50 + at}000" in screen(chain_rows(picture, Cursor(0, at), 80, 24))


def test_an_empty_chain_says_so() -> None:
    picture = take_chain(Stage().session, NOW, NAME)
    assert "no option has been told of" in screen(chain_rows(picture, begin(picture), 80, 24))


@pytest.mark.parametrize(
    ("minutes", "words"), [(31 * 1440 + 245, "in 31 d 4 h"), (245, "in 4 h 05 m"), (0, "expired"), (-5, "expired")]
)
def test_how_long_it_is_until_an_expiry(minutes: int, words: str) -> None:
    assert time_left(minutes * 60 * SECOND) == words


def test_a_strangers_words_cannot_steer_the_terminal() -> None:
    stage = Stage()
    stage.ticker("BTC-25DEC26-50000-C", (0.1, 1.0), (0.2, 1.0), 50.0, underlying_index="\x1b[2J")
    picture = taken(stage)
    shown = screen([*chain_rows(picture, begin(picture), 120, 24), *smile_rows(picture.expiries[0], 60, 8)])
    assert "\x1b" not in shown and "\\x1b[2J" in shown


def test_the_smile() -> None:
    rows = smile_rows(taken(chain()).expiries[0], 40, 8)
    assert screen(rows) == SMILE and {width(row) for row in rows} == {40}
    for columns, lines in ((5, 3), (40, 2), (12, 4)):
        some = smile_rows(taken(chain()).expiries[0], columns, lines)
        assert len(some) == lines and {width(row) for row in some} == {columns}
    assert "no volatilities" in screen(smile_rows(taken(chain()).expiries[1], 40, 8))


# -- lines


def test_a_line_an_option_when_it_changed() -> None:
    stage, seen = chain(), Seen()
    assert len(list(news(taken(stage), seen))) == 6 and not list(news(taken(stage, 9), seen))
    stage.ticker("BTC-25DEC26-50000-P", (0.0106, 3.0), None, 58.29)
    picture = taken(stage)
    [(of, one)] = news(picture, seen)
    assert plain_line(picture, of, one) == (
        "12:00:01.000Z deribit:BTC-25DEC26-50000-P 25DEC26 50000 put bid 0.0106 × 3.0 ask - by summary mark 0.0112 "
        "iv - 58.3% - delta -0.28766 gamma - vega - theta - rho - oi - volume - underlying 61000.5"
    )
    fields = json_line(picture, of, one)
    assert orjson.loads(orjson.dumps(fields)) == fields
    expected = {"option": "put", "strike": "50000", "bid": "0.0106", "ask": None, "mark_iv": "0.5829", "source": "summary"}
    assert fields.items() >= expected.items() and fields["expiry"] == "1798185600000000000"


# -- real frames


def heard(frames: Path, file: str, venue: str, decoder: str) -> tuple[Session, list[Any]]:
    """A session of golden messages, and what they say as JSON."""
    messages = [orjson.loads(line)["message"] for line in (frames / "golden" / file).read_bytes().splitlines()]
    session = Session(registry.venue)
    session.feed(note(NOW, HEADER, {"format": 1, "decoders": {venue: decoder}}))
    session.feed(note(NOW, OPEN, {"venue": venue, "url": "wss://x/", "status": 101, "headers": [], "streams": []}, 1))
    for at, message in enumerate(messages):
        session.feed(Record(NOW + at, 1, RECV, orjson.dumps(message)))
    return session, messages


def options_of(session: Session) -> dict[str, OptionPicture]:
    expiries = [of for name in chains(session) for of in take_chain(session, NOW, name).expiries]
    both = [one for of in expiries for strike in of.strikes for one in (strike.call, strike.put)]
    return {one.target.partition(":")[2]: one for one in both if one is not None}


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def exact(value: float | str | None) -> Decimal | None:
    return None if value in (None, "") else Decimal(str(value))


def test_real_tickers_of_deribit(frames: Path) -> None:
    session, messages = heard(frames, "deribit.jsonl", "deribit", "deribit/2")
    data = [one["params"]["data"] for one in messages if "ticker." in one.get("params", {}).get("channel", "")]
    told = {one["instrument_name"]: one for one in data if "greeks" in one}
    found = options_of(session)
    assert len(told) == 4 and set(found) == set(told)
    for symbol, raw in told.items():
        one = found[symbol]
        assert (number(one.bid), number(one.ask)) == (exact(raw["best_bid_price"] or None), exact(raw["best_ask_price"] or None))
        assert (number(one.mark), number(one.volume)) == (exact(raw["mark_price"]), exact(raw["stats"]["volume"]))
        assert Decimal(one.mark_iv or "") * 100 == exact(raw["mark_iv"])
        assert number(one.delta) == exact(raw["greeks"]["delta"])


def test_real_summaries_of_okx(frames: Path) -> None:
    session, messages = heard(frames, "okex-options.jsonl", "okx", "okx/3")
    told = {row["instrument_id"]: row for one in messages if one["table"] == "option/summary" for row in one["data"]}
    found = options_of(session)
    for symbol, raw in told.items():
        one = found[symbol]
        assert (one.mark_iv, one.volume, one.open_interest) == (raw["mark_vol"], raw["volume_24h"], raw["open_interest"])
        if one.source == "summary":
            assert (one.bid, one.bid_size, one.bid_iv) == (raw["best_bid"], raw["best_bid_size"], raw["bid_vol"])
    assert sum(one.source == "summary" for one in found.values()) >= 3


def test_a_real_model_of_binance(frames: Path) -> None:
    session, messages = heard(frames, "binance-european-options.jsonl", "binance-options", "binance-options/2")
    [raw] = next(one for one in messages if one["stream"] == "xrpusdt@optionMarkPrice")["data"]
    one = options_of(session)[raw["s"]]
    assert (one.mark, one.mark_iv, one.delta, one.theta, one.source) == (raw["mp"], raw["vo"], raw["d"], raw["t"], "")
