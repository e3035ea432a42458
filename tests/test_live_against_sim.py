"""The whole way against a referee: the simulated exchange, each of its faults, and `kill -9`.

Never wrong and silent: after any fault the tape's final book equals the exchange's own, or says that it is broken. Every venue
meets the faults that strike single frames in `test_venues_against_sim.py`; here the program itself runs, as a user starts it.
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from feedtape.sim.process import launch
from stage_cli import Done, ask, decompressed, ended, feedtape, inside, numbers, records_of, started, until

VENUES = ("binance", "binance-usdm")
SYMBOL = "BTCUSDT"

FAULTS: dict[str, tuple[str, ...]] = {
    "drop": ("drop=0.05",),
    "delay": ("delay=300ms",),
    "stall": ("stall=600ms",),
    "disconnect": ("disconnect=500ms",),
    "malformed": ("malformed=0.03",),
    "slow-rest": ("slow-rest=500ms",),
    "stale-snapshot": ("stale-snapshot=0.8",),
    "refuse": ("refuse=0.5",),
    "rest-429": ("rest-429=0.5",),
    "all": ("all", "drop=0.01", "truncate=0.01", "malformed=0.01", "disconnect=1.5s", "stall=700ms"),
}
LOSES = {"drop", "disconnect", "malformed"}
"""Faults after which something is surely missing; the others may pass without loss."""


def record(url: str, venue: str, tape: Path, seconds: float = 2.5, *words: str) -> Any:
    """Start recording an exchange."""
    target = f"{venue}:{SYMBOL}"
    return started("record", target, "--url", url, "-o", tape, "-d", f"{seconds}s", "--silence", "1s", *words)


def truth(url: str, sequence: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The exchange's own book at an update."""
    book = ask(url, f"/sim/book?symbol={SYMBOL}&at={sequence}")
    assert book["sequence"] == sequence
    return numbers(book["bids"]), numbers(book["asks"])


def assert_true_or_broken(url: str, venue: str, tape: Path) -> dict[str, Any]:
    """Audit a tape, compare its final book with the exchange's; return the audit."""
    verified = inside("verify", tape, "--json")
    audit: dict[str, Any] = verified.json()
    assert audit["status"] == verified.status
    assert audit["digests"]["failed"] == 0
    assert audit["dropped"] == 0
    target = f"{venue}:{SYMBOL}"
    if target not in audit["books"]:
        return audit
    shown = inside("book", tape, target, "--json", "--depth", "0").json()
    assert shown["digest"] == audit["books"][target]["digest"]
    if shown["state"] in ("live", "stale"):
        assert shown["proof"] == "sequence"
        assert (numbers(shown["bids"]), numbers(shown["asks"])) == truth(url, shown["sequence"])
        assert len(shown["bids"]) > 100 and len(shown["asks"]) > 100
    else:
        assert shown["bids"] == shown["asks"] == [] and shown["digest"] is None
        assert shown["state"] == "syncing" or shown["proof"] == "broken"
    return audit


def counter(summary: str, name: str) -> int:
    """A counter of the summary's line about the wire."""
    found = re.search(rf"{name} (\d+)", summary)
    assert found is not None, summary
    return int(found[1])


def assert_tells(fault: str, venue: str, done: Done, audit: dict[str, Any], struck: dict[str, int]) -> None:
    """Check that what happened is in the summary, in the exit status and in the audit."""
    summary = done.err
    kinds = {loss["kind"] for loss in audit["loss"]}
    assert done.status == audit["status"] == (3 if audit["losses"] else 0), summary
    assert ("loss     none" in summary) == (audit["losses"] == 0)
    assert counter(summary, "bad frames") == audit["bad_frames"]
    assert counter(summary, "stalls") == audit["stalls"]
    assert counter(summary, "refused") == audit["refused"] == struck.get("refuse", 0)
    assert audit["losses"] == audit["losses_noted"]
    assert struck, "the fault never struck"
    if fault in LOSES:
        assert done.status == 3, summary
        assert all(word in summary for word in kinds if audit["losses"] <= 5)
    if fault == "drop":
        assert kinds & {"gap", "trades"}
        assert "gap" in summary or "trades" in summary
    if fault == "disconnect":
        assert "disconnect" in kinds and "disconnect" in summary
        assert audit["connections"] >= 2
    if fault == "malformed":
        assert 0 < audit["bad_frames"] <= struck["malformed"]
    if fault == "stall":
        assert audit["stalls"] >= 1
    if fault == "rest-429":
        assert audit["http_errors"] == counter(summary, "http errors") == struck["rest-429"]
    if fault == "stale-snapshot":
        book = audit["books"][f"{venue}:{SYMBOL}"]
        assert book["snapshots_too_old"] >= 1 or book["state"] == "live"
    if fault in ("delay", "slow-rest", "stale-snapshot", "rest-429", "refuse"):
        assert audit["losses"] == 0, "nothing was lost by it"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_book_is_true_or_says_that_it_is_broken(fault: str, tmp_path: Path) -> None:
    def opened(venue: str) -> str:
        return stack.enter_context(launch(venue, symbols=[SYMBOL], seed=11, rate=50, faults=FAULTS[fault]))

    with ExitStack() as stack, ThreadPoolExecutor(len(VENUES)) as pool:
        open_exchange = dict(zip(VENUES, pool.map(opened, VENUES), strict=True))
        tapes = {venue: tmp_path / f"{venue}.tape.zst" for venue in VENUES}
        running = {venue: record(url, venue, tapes[venue]) for venue, url in open_exchange.items()}
        done = {venue: ended(process) for venue, process in running.items()}
        for venue, url in open_exchange.items():
            assert "Traceback" not in done[venue].err and "this is a bug" not in done[venue].err
            assert done[venue].out == b""
            struck = ask(url, "/sim/faults")["counts"]
            if fault == "refuse" and done[venue].status == 4:
                assert struck["refuse"] and "refuse" in done[venue].err
                continue
            assert done[venue].status in (0, 3), done[venue].err
            audit = assert_true_or_broken(url, venue, tapes[venue])
            assert audit["state"] == "complete"
            assert_tells(fault, venue, done[venue], audit, struck)


def test_every_frame_that_was_sent_is_on_the_tape(tmp_path: Path) -> None:
    tape = tmp_path / "a.tape.zst"
    with launch("binance", symbols=[SYMBOL], rate=200) as url:
        done = ended(started("record", f"binance:{SYMBOL}", "--url", url, "-o", tape, "-d", "2s", "--json"))
        told = done.json()
        audit = assert_true_or_broken(url, "binance", tape)
    assert (done.status, told["status"], told["tape"]) == (0, 0, str(tape))
    assert told["size"] == tape.stat().st_size
    assert audit["frames"] > 500 and audit["trades"] > 0 and audit["quotes"] > 0
    assert audit["digests"]["matched"] == 1
    # Trade numbers have no holes on this venue, and neither has the tape.
    ids = [event["id"] for event in feedtape("cat", tape, "--events", "--kind", "trade").lines()]
    assert [int(one) for one in ids] == list(range(int(ids[0]), int(ids[0]) + len(ids)))


def test_watch_prints_lines_for_machines() -> None:
    with launch("binance", symbols=[SYMBOL, "ETHUSDT"], rate=50) as url:
        targets = [f"binance:{SYMBOL}", "binance:ETHUSDT"]
        done = ended(started("watch", *targets, "--url", url, "--json", "-d", "2.5s", "--channels", "book,trades"))
        lines = done.lines()
        assert done.status == 0
        assert {line["target"] for line in lines} == set(targets)
        live = [line for line in lines if line["state"] == "live" and line["target"] == targets[0]]
        assert len(live) >= 2
        assert live[-1]["proof"] == "sequence" and live[-1]["updates"] > live[0]["updates"]
        assert all(isinstance(line["time"], str) for line in lines)
        bids, asks = truth(url, live[-1]["sequence"])
        assert numbers([live[-1]["bid"], live[-1]["ask"]]) == [bids[0], asks[0]]


def test_watch_shows_no_price_of_a_broken_book() -> None:
    with launch("binance", symbols=[SYMBOL], rate=50, faults=["disconnect=900ms", "slow-rest=700ms"]) as url:
        done = ended(started("watch", f"binance:{SYMBOL}", "--url", url, "--json", "-d", "3.5s"))
    assert done.status == 3
    assert "disconnect" in done.err
    for line in done.lines():
        assert (line["bid"] is None) == (line["ask"] is None) == (line["state"].partition(" ")[0] not in ("live", "stale"))


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "SIGINT"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_ends_a_recording_cleanly(tmp_path: Path, number: signal.Signals, name: str) -> None:
    tape = tmp_path / "a.tape.zst"
    with launch("binance", symbols=[SYMBOL], rate=100) as url:
        process = started("record", f"binance:{SYMBOL}", "--url", url, "-o", tape)
        until(lambda: tape.exists() and b" recv " in decompressed(tape))
        process.send_signal(number)
        done = ended(process)
    assert done.status == 0, done.err
    assert f"closed cleanly ({name})" in done.err and "recorded " in done.err
    audit = feedtape("verify", tape, "--json")
    assert (audit.status, audit.json()["state"]) == (0, "complete")


@pytest.mark.parametrize("command", ["record", "watch"])
def test_an_interrupt_before_anything_came_is_130_and_leaves_no_frame(tmp_path: Path, command: str) -> None:
    tape = tmp_path / "a.tape.zst"
    words = ("-o", tape) if command == "record" else ("--plain",)
    with launch("binance", symbols=[SYMBOL], faults=["slow-rest=30s"]) as url:
        process = started(command, f"binance:{SYMBOL}", "--url", url, *words)
        # The exchange holds back the list of instruments, without which nothing is subscribed to.
        until(lambda: ask(url, "/sim/faults")["counts"].get("slow-rest"))
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert (done.status, done.out) == (130, b""), done.err
    assert "Traceback" not in done.err
    if command == "record":
        assert inside("verify", tape, "--json").json()["frames"] == 0


# -- kill -9


KILLS = 5
FLUSHED_WITHIN_S = 1.3


def killed(url: str, folder: Path, number: int, after_s: float) -> tuple[Path, int]:
    """Record, and kill the recorder that long after its first frame; return the tape and the time of death."""
    tape = folder / f"{number}.tape.zst"
    words = ("--channels", "book,trades,quotes")
    process = started("record", f"binance-usdm:{SYMBOL}", "--url", url, "-o", tape, *words)
    try:
        until(lambda: tape.exists() and b" recv " in decompressed(tape), within_s=20)
        time.sleep(after_s)
    finally:
        death = time.time_ns()
        process.kill()
        process.communicate()
    return tape, death


@pytest.fixture(scope="module")
def corpses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Path, int]]]:
    """Tapes of recorders that were killed at random instants, and when."""
    rng, folder = random.Random(42), tmp_path_factory.mktemp("killed")
    with launch("binance-usdm", symbols=[SYMBOL], rate=400) as url, ThreadPoolExecutor(KILLS) as pool:
        yield list(pool.map(lambda number: killed(url, folder, number, rng.uniform(1.2, 3.2)), range(KILLS)))


def test_killed_recorders_leave_tapes_that_miss_the_last_second_at_most(corpses: list[tuple[Path, int]]) -> None:
    for tape, death in corpses:
        verified = inside("verify", tape, "--json")
        audit = verified.json()
        assert (verified.status, audit["state"]) == (3, "cut")
        assert audit["cut"]
        assert audit["losses"] == audit["bad_frames"] == audit["digests"]["failed"] == 0
        missing_s = (death - int(audit["end"])) / 1e9
        assert -0.1 < missing_s < FLUSHED_WITHIN_S, tape
        seconds = (int(audit["end"]) - int(audit["start"])) / 1e9
        assert audit["frames"] / seconds > 400, "too slow a feed to prove anything"
        assert audit["books"][f"binance-usdm:{SYMBOL}"]["proof"] == "sequence"


def test_a_quiet_feed_is_flushed_as_well(tmp_path: Path) -> None:
    # So little comes that no block of the compressor fills up by itself: what is on the disk is there by the flush alone.
    with launch("binance-usdm", symbols=[SYMBOL], rate=20) as url, ThreadPoolExecutor(2) as pool:
        corpses = list(pool.map(lambda number: killed(url, tmp_path, number, 2 + 0.3 * number), range(2)))
    for tape, death in corpses:
        audit = inside("verify", tape, "--json").json()
        assert (audit["state"], audit["losses"]) == ("cut", 0)
        assert audit["frames"] > 60
        assert (death - int(audit["end"])) / 1e9 < FLUSHED_WITHIN_S


def test_what_killed_recorders_wrote_is_a_chain_without_a_hole(corpses: list[tuple[Path, int]]) -> None:
    for tape, _ in corpses:
        last: dict[str, int] = {}
        updates = 0
        for record_ in records_of(tape):
            if record_.kind != b"recv" or not record_.payload.startswith(b'{"stream"'):
                continue
            message = record_.json()
            stream, data = message["stream"].partition("@")[2], message["data"]
            if stream.startswith("depth"):
                assert last.get(stream) in (None, data["pu"])
                last[stream] = data["u"]
                updates += 1
            elif stream == "trade":
                assert last.get(stream) in (None, data["t"] - 1)
                last[stream] = data["t"]
        assert updates > 100


def test_other_commands_read_a_killed_tape_and_say_that_it_is_cut(corpses: list[tuple[Path, int]]) -> None:
    tape = corpses[0][0]
    info = feedtape("info", tape, "--json")
    assert (info.status, info.json()["state"], info.json()["indexed"]) == (3, "cut", False)
    played = feedtape("replay", tape, "--speed", "max", "--json")
    assert (played.status, played.json()["frames"]) == (3, info.json()["frames"])
    assert "cut" in played.err
    shown = feedtape("book", tape, "--json", "--depth", "1").json()
    assert shown["state"] == "live" and len(shown["bids"]) == 1
