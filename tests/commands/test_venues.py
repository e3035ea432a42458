"""What a person asks about venues: the list, their symbols, a plan; and the page of the documentation that is made from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from feedtape.sim.process import launch
from feedtape.venues import registry
from stage_cli import ended, inside, is_one_error, started

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def okx() -> Iterator[str]:
    """An exchange that lists a few of each kind."""
    symbols = ["BTC-USDT", "BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USD-SWAP", "BTC-USD-271231", "BTC-USD-271231-100000-C"]
    with launch("okx", symbols=symbols, rate=20) as url:
        yield url


def test_the_documentations_page_is_what_the_venues_declare() -> None:
    made = inside("venues", "--markdown").out.decode()
    assert made == (DOCS / "venues.md").read_text(), "feedtape venues --markdown > docs/venues.md"


def test_every_venue_is_listed_and_told_in_full() -> None:
    listed = inside("venues").out.decode().splitlines()
    assert [line.split()[0] for line in listed] == list(registry.names())
    told = {row["venue"]: row for row in inside("venues", "--json").json()}
    assert told["kraken"]["proof"] == "checksum" and told["bitstamp"]["books"]["diff_order_book"]["proof"] == "unprovable"
    assert told["bitmex"]["closed"] and told["bitmex"]["limits"] == []
    full = inside("venues", "okx").out.decode()
    assert "book @books: sequence" in full and "in captures until" in full and "try: feedtape watch okx:" in full
    assert is_one_error(inside("venues", "okxx"))


def test_symbols_are_listed_by_pattern_in_either_spelling(okx: str) -> None:
    rows = inside("symbols", "okx", "*-SWAP", "--url", okx).out.decode().splitlines()
    assert rows[0].split() == ["symbol", "unified", "type", "tick", "lot", "multiplier", "expiry", "strike", "status"]
    assert [row.split()[:3] for row in rows[1:]] == [
        ["BTC-USDT-SWAP", "BTC/USDT:USDT", "perpetual"],
        ["ETH-USDT-SWAP", "ETH/USDT:USDT", "perpetual"],
        ["BTC-USD-SWAP", "BTC/USD:BTC", "perpetual"],
    ]
    [option] = [orjson.loads(row) for row in inside("symbols", "okx", "*-C", "--url", okx, "--json").out.splitlines()]
    assert option["unified"] == "BTC/USD:BTC-271231-100000-C"
    assert (option["kind"], option["strike"], option["option"], option["settle"]) == ("option", "100000", "call", "BTC")
    missing = inside("symbols", "okx", "DOGE*", "--url", okx)
    assert missing.status == 2 and is_one_error(missing)


def test_a_plan_tells_connections_and_time_and_records_nothing(okx: str, tmp_path: Path) -> None:
    told = inside("plan", "okx:*-SWAP", "--url", okx, "--json").json()
    assert [(one["venue"], one["targets"], one["connections"], one["streams"]) for one in told] == [("okx", 3, 1, 9)]
    words = ("record", "okx:*-SWAP", "--plan-only", "--url", okx, "-o", tmp_path / "a.tape.zst")
    shown = inside(*words).out.decode()
    assert "okx: 3 targets, 9 streams, 1 connection" in shown and not list(tmp_path.iterdir())
    closed = inside("plan", "bitmex:XBTUSD")
    assert closed.status == 2 and "bitmex is closed" in closed.err


def test_a_pattern_is_recorded_as_all_that_it_stands_for(okx: str, tmp_path: Path) -> None:
    tape = tmp_path / "a.tape.zst"
    done = ended(started("record", "okx:*/USDT:USDT", "okx:BTC/USDT", "--url", okx, "-o", tape, "-d", "2s", "-q"))
    assert done.status == 0, done.err
    told = inside("verify", tape, "--json").json()
    assert set(told["books"]) == {"okx:BTC-USDT-SWAP", "okx:ETH-USDT-SWAP", "okx:BTC-USDT"}
    assert all(book["proof"] == "sequence" and book["updates"] for book in told["books"].values())
    assert inside("info", tape, "--json").json()["decoders"] == {"okx": "okx/5"}


def test_what_is_ambiguous_or_closed_is_not_guessed(okx: str) -> None:
    ambiguous = inside("watch", "okx:BTC/USD", "--url", okx, "-d", "1s", "--plain")
    assert ambiguous.status == 2 and is_one_error(ambiguous)
    assert "BTC-USD-SWAP (BTC/USD:BTC)" in ambiguous.err and "USDT" not in ambiguous.err
    assert "bitmex is closed" in inside("record", "bitmex:XBTUSD").err


def test_single_orders_are_asked_for_by_their_level(tmp_path: Path) -> None:
    with launch("bitstamp", symbols=["btcusd"], rate=20) as url:
        tape = tmp_path / "a.tape.zst"
        done = ended(started("record", "bitstamp:btcusd", "--book-level", "3", "--url", url, "-o", tape, "-d", "2s", "-q"))
    assert done.status == 0, done.err
    [book] = inside("verify", tape, "--json").json()["books"].values()
    # Its default stream, of changed levels, is unprovable.
    assert (book["proof"], book["state"]) == ("sequence", "live")
    refused = inside("record", "okx:BTC-USDT", "--book-level", "3")
    assert refused.status == 2 and "these do: bitfinex, bitstamp" in refused.err
