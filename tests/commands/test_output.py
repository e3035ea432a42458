"""What commands print for machines: the keys that were promised, exact numbers, and the right lines of a tape."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from feedtape.model.records import Record
from stage_cli import START, STEP, TARGET, Script, eventful, inside, records_of, whole_tape

NS = re.compile(r"\d{19}")
DECIMAL = re.compile(r"\d+(\.\d+)?")
SECOND = 10**9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_tape(tmp_path_factory.mktemp("whole") / "a.tape.zst")


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"keyframe_ns": 10 * STEP, "digest_ns": 5 * STEP}
    return eventful(Script(tmp_path_factory.mktemp("lossy") / "a.tape.zst", options))


def is_ns(value: Any) -> bool:
    return isinstance(value, str) and NS.fullmatch(value) is not None


def are_levels(levels: Any) -> bool:
    return all(len(level) == 2 and all(type(one) is str and DECIMAL.fullmatch(one) for one in level) for level in levels)


# -- the promised keys


def test_verify_json(whole: Path, lossy: Path) -> None:
    keys = {"schema", "state", "frames", "bytes", "start", "end", "digests", "books", "loss"}
    book_keys = {"proof", "reason", "updates", "gaps", "missed", "resyncs", "checksums", "crossed", "stale_ns"}
    book_keys |= {"sequence", "levels", "digest"}
    for tape in (whole, lossy):
        told = inside("verify", tape, "--json").json()
        assert keys <= told.keys()
        assert told["schema"] == 1 and is_ns(told["start"]) and is_ns(told["end"])
        assert told["digests"].keys() == {"matched", "failed", "unchecked"}
        book = told["books"][TARGET]
        assert book_keys <= book.keys()
        assert book["checksums"].keys() == {"matched", "failed", "covers"}
        assert isinstance(book["stale_ns"], str) and book["stale_ns"].isdigit()
        assert len(book["levels"]) == 2
        wire = [record for record in records_of(tape) if record.kind in (b"recv", b"body")]
        assert (told["frames"], told["bytes"]) == (len(wire), sum(len(record.payload) for record in wire))
    assert told["loss"]
    for loss in told["loss"]:
        assert loss.keys() >= {"target", "kind", "from", "to", "missed"}
        assert is_ns(loss["from"]) and (loss["to"] is None or is_ns(loss["to"]))
    assert [loss["kind"] for loss in told["loss"] if loss["target"] == TARGET][:2] == ["gap", "trades"]


def test_book_json(whole: Path) -> None:
    told = inside("book", whole, TARGET, "--json").json()
    keys = {"target", "time", "state", "proof", "sequence", "digest", "bids", "asks"}
    assert keys <= told.keys()
    assert (told["target"], told["state"], told["proof"], told["sequence"]) == (TARGET, "live", "sequence", 121)
    assert is_ns(told["time"]) and re.fullmatch("[0-9a-f]{32}", told["digest"])
    assert are_levels(told["bids"]) and are_levels(told["asks"])
    # In the venue's own spelling, best first.
    assert told["asks"][0] == ["61686.00", "1.00000121"]
    assert [float(price) for price, _ in told["bids"]] == sorted((float(price) for price, _ in told["bids"]), reverse=True)
    assert len(inside("book", whole, "--json", "--depth", "2").json()["bids"]) == 2
    assert len(inside("book", whole, "--json", "--depth", "0").json()["bids"]) == len(told["bids"])


def test_book_at_an_instant(whole: Path) -> None:
    frames = [record for record in records_of(whole) if b"depthUpdate" in record.payload]
    for record in (frames[3], frames[10], frames[-1]):
        for at in (str(record.time), f"+{(record.time - START) / 1e9:.1f}s"):
            told = inside("book", whole, "btcusdt", "--json", "--at", at).json()
            assert (told["time"], told["sequence"]) == (str(record.time), record.json()["data"]["u"])
        before = inside("book", whole, "--json", "--at", record.time - 1).json()
        assert before["sequence"] == record.json()["data"]["u"] - 1
    assert inside("book", whole, "--json", "--at", "+0.2s").json()["bids"] == []


def test_a_broken_book_is_shown_as_broken_and_empty(lossy: Path) -> None:
    gap = next(record for record in records_of(lossy) if record.kind == b"gap")
    told = inside("book", lossy, "--json", "--at", gap.time).json()
    assert (told["state"], told["proof"]) == ("broken", "broken")
    assert told["bids"] == told["asks"] == [] and told["digest"] is None
    assert "broken" in inside("book", lossy, "--at", gap.time).out.decode()


def test_a_silent_book_is_shown_as_stale(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    script.stall()
    assert inside("book", script.finish(), "--json").json()["state"] == "stale"


def test_replay_json(whole: Path, lossy: Path) -> None:
    for tape in (whole, lossy):
        told = inside("replay", tape, "--speed", "max", "--json").json()
        verified = inside("verify", tape, "--json").json()
        assert {"frames", "seconds", "books", "trades", "quotes"} <= told.keys()
        for name in ("frames", "trades", "quotes", "digests"):
            assert told[name] == verified[name]
        for target, book in told["books"].items():
            assert book["digest"] == verified["books"][target]["digest"]
            assert book["updates"] == verified["books"][target]["updates"]
    assert inside("replay", whole, "--speed", "max", "--json").json()["quotes"] == 5


def test_replays_from_anywhere_end_on_the_same_digests(lossy: Path) -> None:
    whole = inside("replay", lossy, "--speed", "max", "--json").json()["books"]
    for start in ("+1s", "+3s", "50%", "-1s"):
        assert inside("replay", lossy, "--speed", "max", "--json", "--from", start).json()["books"] == whole
    paced = inside("replay", lossy, "--speed", "1000", "--plain", "--json").lines()
    assert paced[-1]["sequence"] == inside("book", lossy, "--json").json()["sequence"]


def test_a_paced_replay_tells_a_line_for_each_change_it_shows(whole: Path) -> None:
    lines = inside("replay", whole, "--speed", "3", "--json").lines()
    assert len(lines) >= 2
    assert [line["updates"] for line in lines] == sorted(line["updates"] for line in lines)
    assert lines[-1]["state"] == "live" and lines[-1]["ask"] == ["61686.00", "1.00000121"]
    assert all(is_ns(line["time"]) for line in lines)


def test_cat_events(lossy: Path) -> None:
    lines = inside("cat", lossy, "--events").lines()
    by_type: dict[str, list[Any]] = {}
    for line in lines:
        assert is_ns(line["recv"]) and ("time" not in line or is_ns(line["time"]))
        assert {"type", "target", "recv"} <= line.keys()
        by_type.setdefault(line["type"], []).append(line)
    assert {"book", "trade", "quote", "gap", "resync", "unread"} <= by_type.keys()
    trade = by_type["trade"][0]
    assert (trade["target"], trade["price"], trade["size"], trade["side"], trade["id"]) == (
        TARGET,
        "61685.90",
        "0.00100000",
        "sell",
        "501",
    )
    assert {True, False} == {book["snapshot"] for book in by_type["book"]}
    assert all(are_levels(book["bids"]) and are_levels(book["asks"]) for book in by_type["book"])
    quote = by_type["quote"][0]
    assert (quote["bid"], quote["bid_size"], quote["ask"], quote["ask_size"]) == ("61685.00", "1.5", "61687.00", "2.25")


def test_info_json(whole: Path) -> None:
    done = inside("info", whole, "--json")
    told = done.json()
    assert (done.status, told["schema"], told["state"], told["indexed"], told["size"]) == (
        0,
        1,
        "complete",
        True,
        whole.stat().st_size,
    )
    assert told["targets"] == [TARGET] and told["decoders"] == {"binance": "binance/1"}
    assert is_ns(told["start"]) and is_ns(told["end"])
    two = [orjson.loads(line) for line in inside("info", whole, whole, "--json").out.splitlines()]
    assert [one["sha256"] for one in two] == [told["sha256"]] * 2


def test_venues() -> None:
    told = inside("venues", "--json").json()
    assert {"binance", "binance-usdm", "binance-coinm"} <= {row["venue"] for row in told}
    assert all({"venue", "title", "channels", "proof", "websocket", "rest", "example"} <= row.keys() for row in told)
    assert inside("venues").out.decode().count("\n") == len(told)
    one = inside("venues", "binance-usdm")
    assert one.status == 0 and b"wss://fstream.binance.com" in one.out
    wrong = inside("venues", "binanace")
    assert wrong.status == 2 and "binance" in wrong.err


# -- cat


def listed(tape: Path, *words: object) -> list[Any]:
    done = inside("cat", tape, *words)
    assert done.status == 0, done.err
    return done.lines()


def test_cat_prints_every_record_in_order(lossy: Path) -> None:
    def as_line(record: Record) -> tuple[str, int, str]:
        return str(record.time), record.connection, record.kind.decode()

    lines, records = listed(lossy), records_of(lossy)
    assert [(line["time"], line["connection"], line["kind"]) for line in lines] == list(map(as_line, records))
    for line, record in zip(lines, records, strict=True):
        try:
            assert line["payload"] == record.json()
        except orjson.JSONDecodeError:
            assert line["payload"] == record.payload.decode()


def test_cat_raw_prints_payloads_byte_for_byte(lossy: Path) -> None:
    printed = inside("cat", lossy, "--raw", "--kind", "recv").out
    assert printed == b"".join(record.payload + b"\n" for record in records_of(lossy) if record.kind == b"recv")


def test_cat_by_kind_and_limit(lossy: Path) -> None:
    assert {line["kind"] for line in listed(lossy, "--kind", "digest", "--kind", "gap")} == {"digest", "gap"}
    assert {line["type"] for line in listed(lossy, "--events", "--kind", "resync")} == {"resync"}
    assert listed(lossy, "-n", "5") == listed(lossy)[:5]


def test_cat_by_time(lossy: Path) -> None:
    every = listed(lossy)
    for since, until in ((2.1, 4.0), (0.05, 1.0), (3.05, 9.0), (4.1, 4.1), (1.9, 20.0)):
        first, last = START + int(since * SECOND), START + int(until * SECOND)
        wanted = [line for line in every if first <= int(line["time"]) < last]
        assert listed(lossy, "--from", f"+{since}s", "--to", f"+{until}s") == wanted
    events = listed(lossy, "--events")
    wanted = [event for event in events if START + 3.3 * SECOND <= int(event["recv"]) < START + 5 * SECOND]
    assert wanted and listed(lossy, "--events", "--from", "+3.3s", "--to", "+5s") == wanted


def test_cat_from_the_time_of_a_keyframe(lossy: Path) -> None:
    every = listed(lossy)
    keyframes = [line["time"] for line in every if line["kind"] == "keyframe"]
    for time in keyframes:
        assert listed(lossy, "--from", time) == [line for line in every if line["time"] >= time]


def test_cat_by_target(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live(3)
    script.symbol = "ETHUSDT"
    script.trade()
    script.trade()
    script.symbol = "BTCUSDT"
    tape = script.finish()
    other = "binance:ETHUSDT"
    for name in (other, "ethusdt", "BINANCE:ethusdt"):
        assert [event["target"] for event in listed(tape, "--events", "--only", name)] == [other, other]
        frames = listed(tape, "--only", name)
        assert [frame["payload"]["data"]["s"] for frame in frames] == ["ETHUSDT"] * 2
    assert len(listed(tape, "--events", "--only", other, "--only", TARGET)) == len(listed(tape, "--events"))
    # A target that is there and has nothing of that kind, or at that time, is no mistake.
    assert listed(tape, "--events", "--only", other, "--kind", "quote") == []


def test_cat_of_a_target_that_comes_later_than_to(whole: Path) -> None:
    assert listed(whole, "--events", "--only", TARGET, "--to", "+0.1s") == []


# -- import


def test_import_of_lines_is_a_tape_like_any_other(tmp_path: Path, whole: Path) -> None:
    frames = [record for record in records_of(whole) if record.kind == b"recv"]
    source = tmp_path / "frames.jsonl"
    source.write_bytes(b"".join(b"%d %b\n" % (record.time, record.payload) for record in frames))
    tape = tmp_path / "out.tape.zst"
    done = inside("import", source, "--venue", "binance", "--format", "lines", "-o", tape)
    assert (done.status, done.out) == (0, b""), done.err
    told = inside("verify", tape, "--json").json()
    assert (told["status"], told["frames"], told["trades"], told["quotes"]) == (0, len(frames), 5, 5)
    assert told["books"][TARGET]["state"] == "syncing", "no snapshot was among the frames"
    assert inside("cat", tape, "--raw", "--kind", "recv").out.splitlines() == [record.payload for record in frames]
    again = inside("import", source, "--venue", "binance", "--format", "lines", "-o", tape)
    assert again.status == 1 and "--overwrite" in again.err
