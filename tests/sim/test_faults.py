"""Fault specifications: what is understood, and how what is not is refused."""

from __future__ import annotations

import random

import orjson
import pytest

from feedtape.errors import UsageError
from feedtape.sim.faults import NAMES, FaultLog, parse_duration, parse_faults
from feedtape.sim.peer import malform


def test_values() -> None:
    plan = parse_faults(["drop=0.25", "stall=10s", "delay=500ms", "refuse=ethusdt", "refuse=0.5", "abort=1m"])
    assert plan.of("drop") == 0.25
    assert plan.of("stall") == 10.0
    assert plan.of("delay") == 0.5
    assert plan.of("abort") == 60.0
    assert plan.of("refuse") == 0.5
    assert plan.of("reorder") == 0.0
    assert plan.refused_symbols == {"ETHUSDT"}


def test_nothing_asked_nothing_struck() -> None:
    assert not parse_faults([]).strikes_frames
    assert not parse_faults(["stall=1s"]).strikes_frames
    assert parse_faults(["truncate=0.1"]).strikes_frames


def test_all_is_a_mixture_that_can_be_overridden() -> None:
    plan = parse_faults(["all", "drop=0", "stall=5s"])
    assert {name for name in NAMES if plan.of(name)} == set(NAMES) - {"drop"}
    assert not plan.refused_symbols
    assert "stall" not in plan.shares, "a stall that was asked for strikes every connection"
    assert parse_faults(["all"]).shares["stall"] < 0.2


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("dorp=0.1", "'drop'"),
        ("stale=0.1", "'stale-snapshot'"),
        ("xyzzy=1", "disconnect"),
        ("drop", "drop=0.01"),
        ("drop=2", "0.01"),
        ("drop=often", "0.01"),
        ("stall=10", "10s"),
        ("stall=soon", "500ms"),
    ],
)
def test_refusals_say_what_to_type(spec: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_faults([spec])
    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize(("text", "seconds"), [("10s", 10), ("500ms", 0.5), ("1m", 60), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, what="x") == seconds


def test_log_counts_and_tells() -> None:
    told: list[str] = []
    log = FaultLog(lambda: 1.5, lambda fault: told.append(fault.fault))
    log.add("drop", "something", connection=1, stream="btcusdt@depth")
    log.add("drop", "something")
    assert log.counts == {"drop": 2}
    assert told == ["drop", "drop"]
    assert log.faults[0].time == 1.5


def test_malformed_is_never_the_original() -> None:
    frame = orjson.dumps({"stream": "s", "data": {"e": "depthUpdate", "u": 7, "b": [["1.0", "2.0"]], "m": True}})
    broken = {malform(frame, random.Random(seed)) for seed in range(100)}
    assert frame not in broken
    assert len(broken) > 10
    for text in broken:
        text.decode()
