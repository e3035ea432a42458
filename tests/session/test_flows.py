"""What a session keeps of options and derivatives: merged from messages that tell parts, gone with the connections that told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from feedtape.edit.state import Choice, chosen, renumbered, state_records
from feedtape.model.events import OptionSummary
from feedtape.model.records import OPEN, RECV, Record, note
from feedtape.session import Session
from feedtape.venues import registry

CALL = "BTC-USD-261225-60000-C"
TARGET = f"okx:{CALL}"
TERMS = ("call", "60000", 1_798_185_600 * 10**9)


class Okx:
    """Connections that tell of one option, a record a nanosecond."""

    def __init__(self, connections: int = 1) -> None:
        self.session = Session(registry.venue)
        self.time = 0
        for connection in range(1, connections + 1):
            self.feed(note(0, OPEN, {"venue": "okx", "url": "wss://x/", "status": 101, "headers": [], "streams": []}, connection))

    def feed(self, record: Record) -> int:
        self.time += 1
        return len(self.session.feed(Record(self.time, record.connection, record.kind, record.payload)))

    def hear(self, channel: str, by: int = 1, **data: Any) -> int:
        """Tell something on a channel; return how many events that was."""
        arg = {"channel": channel} | ({"instFamily": "BTC-USD"} if channel == "opt-summary" else {"instId": CALL})
        rows = [{"instType": "OPTION", "instId": CALL, "ts": "1"} | data]
        return self.feed(Record(0, by, RECV, orjson.dumps({"arg": arg, "data": rows})))

    def ticker(self, bid: str, by: int = 1) -> int:
        size = "7" if bid else "0"
        return self.hear("tickers", by, last="", bidPx=bid, bidSz=size, askPx="0.09", askSz="3", vol24h="41")

    def model(self, delta: str, by: int = 1, bid_vol: str = "0.5") -> int:
        greeks = {"delta": delta, "gamma": "1", "vega": "2", "theta": "3"}
        return self.hear("opt-summary", by, uly="BTC-USD", markVol="0.55", bidVol=bid_vol, askVol="0.6", fwdPx="61000", **greeks)

    def close(self, by: int) -> int:
        return self.feed(note(0, b"close", {"code": 1006, "reason": "", "by": "them", "final": False}, by))

    @property
    def option(self) -> OptionSummary:
        found = self.session.flows[TARGET].option
        assert found is not None
        return found


def told(okx: Okx) -> Okx:
    okx.ticker("0.08")
    okx.model("0.52")
    okx.hear("mark-price", markPx="0.085")
    okx.hear("open-interest", oi="420", oiCcy="4")
    return okx


def test_messages_tell_parts_of_an_option_and_the_rest_stays() -> None:
    one = told(Okx()).option
    assert (one.option, one.strike, one.expiry) == TERMS
    assert (one.bid, one.ask, one.volume, one.delta, one.mark_iv) == ("0.08", "0.09", "41", "0.52", "0.55")
    assert (one.mark, one.open_interest, one.underlying, one.underlying_name) == ("0.085", "420", "61000", "BTC-USD")


def test_a_bid_that_is_no_more_is_not_kept() -> None:
    okx = told(Okx())
    okx.ticker("")
    okx.model("0.5", bid_vol="")
    one = okx.option
    assert (one.bid, one.bid_size, one.bid_iv, one.none) == (None, None, None, ())
    assert (one.ask, one.delta, one.mark) == ("0.09", "0.5", "0.085")


def test_what_a_connection_told_goes_with_it_and_what_others_tell_stays() -> None:
    okx = Okx(connections=2)
    okx.ticker("0.08", by=1)
    okx.model("0.52", by=2)
    assert (okx.option.bid, okx.option.delta) == ("0.08", "0.52")
    okx.close(1)
    assert (okx.option.bid, okx.option.volume, okx.option.delta) == (None, None, "0.52")
    okx.close(2)
    assert okx.option == OptionSummary(TARGET, okx.option.recv, okx.option.time, *TERMS)


def test_a_lane_that_repeats_is_no_news_and_knows_it_too() -> None:
    okx = Okx(connections=2)
    assert [okx.ticker("0.08", by=1), okx.ticker("0.08", by=2)] == [1, 0]
    okx.close(1)
    assert okx.option.bid == "0.08"


@pytest.mark.parametrize("connections", [1, 2])
def test_a_keyframe_holds_it_and_a_session_goes_on_from_there(connections: int) -> None:
    okx = told(Okx(connections))
    if connections == 2:
        okx.model("0.53", by=2)
    saved = orjson.loads(orjson.dumps(okx.session.keyframe()))
    again = Session(registry.venue)
    again.restore(saved)
    assert again.flows[TARGET].option == okx.option and again.keyframe() == okx.session.keyframe()
    twin = Okx(0)
    twin.session, twin.time = again, okx.time
    for one in (okx, twin):
        one.close(1)
        one.ticker("0.07", by=2) if connections == 2 else None
    assert twin.session.keyframe() == okx.session.keyframe()


def test_a_keyframe_from_before_knows_nothing_of_it() -> None:
    okx = told(Okx())
    saved = orjson.loads(orjson.dumps(okx.session.keyframe()))
    del saved["flows"][TARGET]["option_views"]
    again = Session(registry.venue)
    again.restore(saved)
    assert again.flows[TARGET].option is None


SWAP = "okx:BTC-USDT-SWAP"


def hear_facts(okx: Okx, channel: str, by: int, **data: str) -> None:
    row = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "ts": "1"} | data
    okx.feed(Record(0, by, RECV, orjson.dumps({"arg": {"channel": channel, "instId": "BTC-USDT-SWAP"}, "data": [row]})))


def facts_of(okx: Okx) -> tuple[str | None, str | None] | None:
    told = okx.session.flows[SWAP].derivative
    return None if told is None else (told.mark, told.open_interest)


def test_facts_of_a_derivative_are_gone_with_the_last_connection_that_told_of_it() -> None:
    okx = Okx(connections=3)
    hear_facts(okx, "mark-price", 1, markPx="61000")
    hear_facts(okx, "open-interest", 2, oi="420", oiCcy="4")
    assert facts_of(okx) == ("61000", "420")
    okx.close(3)
    okx.close(1)
    assert facts_of(okx) == ("61000", "420")
    again = Okx(0)
    again.session.restore(orjson.loads(orjson.dumps(okx.session.keyframe())))
    moved = Okx(0)
    for record in state_records(9, renumbered(okx.session.keyframe(), lambda number: number and number + 5)):
        moved.feed(record)
    left = chosen(okx.session.keyframe(), Choice(left_out=frozenset({2})))
    assert left["flows"][SWAP]["derivative"] is None
    for one, last in ((okx, 2), (again, 2), (moved, 7)):
        assert facts_of(one) == ("61000", "420")
        one.close(last)
        assert facts_of(one) is None
    hear_facts(okx, "mark-price", 2, markPx="62000")
    assert facts_of(okx) is None, "the connection is closed"


def test_a_state_that_goes_to_another_tape_keeps_what_its_connections_told() -> None:
    okx = Okx(connections=2)
    okx.ticker("0.08", by=1)
    okx.model("0.52", by=2)
    state = renumbered(okx.session.keyframe(), lambda number: number and number + 5)
    other = Okx(0)
    for record in state_records(9, state):
        other.feed(record)
    assert other.option == okx.option
    other.close(6)
    assert (other.option.bid, other.option.delta) == (None, "0.52")


def test_a_quote_has_no_source_once_its_connection_is_gone() -> None:
    okx = Okx()
    okx.hear("bbo-tbt", bids=[["0.08", "7", "0", "1"]], asks=[], seqId=5)
    assert okx.session.flows[TARGET].quote_source == 1
    okx.close(1)
    assert okx.session.flows[TARGET].quote_source == 0
