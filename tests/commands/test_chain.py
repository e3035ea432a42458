"""Option chains as a person has them: recorded, planned, replayed and looked into, each through the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stage_cli import Done, feedtape, inside


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done, Done]:
    """A chain of two expiries, of a venue that tells of all that it has; and a plan of another, made meanwhile."""
    tape = tmp_path_factory.mktemp("chain") / "a.tape.zst"
    words = ("record", "binance-options:BTC", "--chain", "--expiries", "2", "--sim", "--rate", "5")
    # In which there is more than a second, after which each option's model and ticker were told.
    with ThreadPoolExecutor() as both:
        plan = both.submit(feedtape, "--no-config", "plan", "okx:BTC-USD", "--chain", "--expiries", "1", "--sim", "--json")
        return tape, feedtape("--no-config", *words, "-n", "250", "-o", tape), plan.result()


@pytest.fixture
def tape(recorded: tuple[Path, Done, Done]) -> Path:
    """The tape."""
    return recorded[0]


def test_a_recording_and_a_plan_say_what_a_chain_is_taken_to_mean(recorded: tuple[Path, Done, Done]) -> None:
    _, done, planned = recorded
    assert done.status == 0, done.err
    assert "BTC: 28 of 42 options, the 2 nearest of 3 expiries" in done.err
    assert "recorded" in done.err and "28 books" in done.err
    assert planned.status == 0 and "14 of 42 options, the nearest of 3 expiries" in planned.err
    assert [plan["targets"] for plan in planned.json()] == [14]


def test_a_tape_of_a_chain_is_replayed_as_one_unless_told_otherwise(tape: Path) -> None:
    header = inside("cat", tape, "--kind", "header").lines()[0]["payload"]
    assert header["option_chain"] == {"expiries": 2} and header["targets"] == ["binance-options:BTC"]
    lines = inside("replay", tape, "--json", "--speed", "100").lines()
    told = {line["target"]: line for line in lines}
    # The venue told of those that were not asked for, too.
    assert len(told) == 28 and len({line["expiry"] for line in lines}) == 2
    assert {line["chain"] for line in lines} == {"binance-options:BTC"}
    assert all(line["volume"] and line["open_interest"] is None for line in told.values())
    books = inside("replay", tape, "--json", "--speed", "100", "--no-chain").lines()
    assert {line["target"] for line in books} == set(told) and "spread" in books[0]


def test_what_the_chain_shows_is_what_the_tape_holds(tape: Path) -> None:
    told = {line["target"]: line for line in inside("replay", tape, "--json", "--speed", "100").lines()}
    summaries: dict[str, dict[str, str]] = {}
    for line in inside("cat", tape, "--events", "--kind", "optionsummary").lines():
        summaries.setdefault(line["target"], {}).update(line)
        for name in line.get("none", ()):
            summaries[line["target"]].pop(name, None)
    for target, option in told.items():
        for name in ("mark", "mark_iv", "bid_iv", "ask_iv", "delta", "vega", "volume"):
            assert option[name] == summaries[target].get(name), (target, name)
    for target in list(told)[::9]:
        book = inside("book", tape, target, "--json", "--depth", "1").json()
        assert [told[target]["bid"], told[target]["bid_size"]] == book["bids"][0]
        assert [told[target]["ask"], told[target]["ask_size"]] == book["asks"][0]


def test_one_option_of_a_chain(tape: Path) -> None:
    target = next(line["target"] for line in inside("replay", tape, "--json", "--speed", "100").lines())
    lines = inside("replay", tape, "--plain", "--speed", "100", "--only", target.lower()).out.decode().splitlines()
    assert lines and all(f" {target} " in line for line in lines)


def test_what_is_told_of_hundreds_of_options_is_told_once(tape: Path) -> None:
    info = inside("info", tape).out.decode()
    assert "42 options told of without trades or quotes" in info and "trades 0" not in info
    checked = inside("verify", tape)
    notes = [line for line in checked.out.decode().splitlines() if line.startswith("note ")]
    assert checked.status == 0 and len(notes) == 1 and "28 books (binance-options:BTC-" in notes[0]


def test_a_kind_of_event_is_named_as_it_is_printed(tape: Path) -> None:
    assert inside("cat", tape, "--events", "--kind", "option").err.endswith("hint: did you mean optionsummary?\n")


def test_a_picture_of_a_chain(tape: Path, tmp_path: Path) -> None:
    done = inside("replay", tape, "--at", "99%", "--svg", tmp_path / "a.svg", "--size", "100x30", "--press", "tab")
    assert done.status == 0, done.err
    drawn = (tmp_path / "a.svg").read_text().replace("&#160;", " ")
    assert "14 of 14 options told of, 28 in 2 expiries" in drawn and "strike" in drawn


def test_a_venue_without_options_is_refused_with_those_that_have_them() -> None:
    done = inside("record", "kraken:BTC/USD", "--chain", "--headless", "--url", "ws://127.0.0.1:1")
    assert done.status == 2 and "kraken has no options\nhint: these do: binance-options, bybit-option" in done.err
