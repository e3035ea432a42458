"""The audit: whole is 0, any loss is 3, any contradiction is 5, and it says which."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from feedtape.model.records import DIGEST, RECV, Record
from feedtape.replay.audit import Audit
from feedtape.replay.audit import audit as audit_of
from feedtape.replay.playback import Playback
from feedtape.ui.audit import audit_lines
from stage_cli import TARGET, Script, inside, records_of, rewritten, whole_tape


def audit(path: Path) -> Audit:
    with Playback(path) as playback:
        return audit_of(playback)


def resync(script: Script) -> None:
    script.delta()
    script.snapshot()
    script.delta()


def lose_updates(script: Script) -> None:
    script.delta(lost=3)
    resync(script)


def lose_updates_for_good(script: Script) -> None:
    script.delta(lost=2)
    script.delta()


def lose_trades(script: Script) -> None:
    script.trade()
    script.trade(lost=4)


def disconnect(script: Script) -> None:
    script.close()
    script.open(2)
    for _ in range(2):
        script.delta(connection=2)
    script.snapshot()
    script.delta(connection=2)


def drop_here(script: Script) -> None:
    script.drop(7)


def bad_frame(script: Script) -> None:
    script.take(RECV, b'{"stream":"btcusdt@depth@100ms","data":{}}')


def no_json(script: Script) -> None:
    script.take(RECV, b"<html>502 Bad Gateway</html>")


# One that a connection's frames were dropped, and one for the book that it broke.
LOSSES_OF_A_DROP = 2

LOSSES: list[tuple[Callable[[Script], None], str, int | None, bool]] = [
    (lose_updates, "gap", 3, True),
    (lose_updates_for_good, "gap", 2, False),
    (lose_trades, "trades", 4, True),
    (disconnect, "disconnect", None, True),
    (drop_here, "dropped", 7, True),
    (bad_frame, "bad-frame", None, True),
    (no_json, "bad-frame", None, True),
]


@pytest.mark.parametrize(("lose", "kind", "missed", "mended"), LOSSES)
def test_every_kind_of_loss_is_three_and_is_named(
    tmp_path: Path, lose: Callable[[Script], None], kind: str, missed: int | None, mended: bool
) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    before = script.now
    lose(script)
    found = audit(script.finish())
    assert (found.status, found.cut) == (3, None)
    told = found.as_json()
    assert told["status"] == 3 and told["losses"] == told["losses_noted"] == (LOSSES_OF_A_DROP if kind == "dropped" else 1)
    loss = told["loss"][0]
    assert (loss["kind"], loss["missed"], loss["to"] is not None) == (kind, missed, mended)
    assert loss["target"] == (TARGET if kind in ("gap", "trades", "disconnect") else None)
    assert before <= int(loss["from"]) <= script.now
    lines = audit_lines(found)
    assert any(line.startswith("loss ") and kind in line for line in lines)
    assert lines[-1] == "verdict  read, with loss"
    assert told["digests"] == {"matched": 1, "failed": 0, "unchecked": 0}


def test_every_single_missing_update_is_named(tmp_path: Path) -> None:
    source = Script(tmp_path / "a.tape.zst").live(12).finish()
    records = records_of(source)
    frames = [number for number, record in enumerate(records) if b"depthUpdate" in record.payload]
    for number in frames[2:-1]:
        kept = [record for record in records[:number] + records[number + 1 :] if record.kind != DIGEST]
        path = rewritten(source, tmp_path / f"{number}.tape.zst", kept)
        found = audit(path)
        loss = found.session.losses[0]
        assert (found.status, loss.kind, loss.missed, loss.to) == (3, "gap", 1, None)
        assert loss.since == records[number - 1].time
        assert found.session.books[TARGET].proof()[0] == "broken"


def test_a_whole_tape_is_zero(tmp_path: Path) -> None:
    found = audit(whole_tape(tmp_path / "a.tape.zst"))
    told = found.as_json()
    assert (found.status, told["state"], told["losses"], told["loss"]) == (0, "complete", 0, [])
    assert (told["trades"], told["quotes"]) == (5, 5)
    book = told["books"][TARGET]
    assert (book["proof"], book["gaps"], book["updates"]) == ("sequence", 0, 20)
    assert book["digest"] and book["sequence"] == 121
    assert "verdict  whole: nothing was lost" in audit_lines(found)


def test_a_cut_tape_is_three(tmp_path: Path) -> None:
    found = audit(Script(tmp_path / "a.tape.zst").live().abandon())
    assert (found.status, found.cut, found.session.losses) == (3, "no end record", [])
    assert any(line.startswith("state    cut after 10:15:0") for line in audit_lines(found))


def test_a_cut_in_the_middle_of_a_line_is_three(tmp_path: Path) -> None:
    source = Script(tmp_path / "a.tape.zst").live(300).finish()
    path = tmp_path / "cut.tape.zst"
    path.write_bytes(source.read_bytes()[:-2500])
    found = audit(path)
    assert found.status == 3 and found.as_json()["state"] == "cut" and found.cut


def change(path: Path, out: Path, kind: bytes, old: bytes, new: bytes, nth: int) -> Path:
    """Write a tape again with one payload altered, as no accident could."""
    records, seen = records_of(path), 0
    for number, record in enumerate(records):
        if record.kind == kind and old in record.payload:
            if seen == nth:
                payload = record.payload.replace(old, new, 1)
                records[number] = Record(record.time, record.connection, record.kind, payload)
                return rewritten(path, out, records)
            seen += 1
    raise AssertionError("nothing to change")


@pytest.mark.parametrize(
    ("kind", "old", "new", "nth"),
    [
        (RECV, b'.10000000"', b'.10000001"', 15),
        (b"body", b"2.25000000", b"2.26000000", 0),
        (b"body", b"61689.00000000", b"61689.50000000", 0),
        (DIGEST, b'"digest":"', b'"digest":"0', 0),
        (DIGEST, b'"sequence":1', b'"sequence":2', 0),
        (DIGEST, b'"live"', b'"broken"', 0),
        (DIGEST, b"binance:BTCUSDT", b"binance:BTCUSDC", 0),
    ],
)
def test_an_altered_tape_is_contradicted(tmp_path: Path, kind: bytes, old: bytes, new: bytes, nth: int) -> None:
    source = whole_tape(tmp_path / "a.tape.zst")
    assert audit(source).status == 0
    found = audit(change(source, tmp_path / "b.tape.zst", kind, old, new, nth))
    assert found.status == 5
    assert found.as_json()["digests"]["failed"] > 0
    assert audit_lines(found)[-1].startswith("verdict  CONTRADICTED")


def test_records_that_run_backwards_are_a_contradiction(tmp_path: Path) -> None:
    source = whole_tape(tmp_path / "a.tape.zst")
    records = records_of(source)
    one = records[10]
    records[10] = Record(records[9].time - 1, one.connection, one.kind, one.payload)
    found = audit(rewritten(source, tmp_path / "b.tape.zst", records))
    assert (found.status, found.backward) == (5, 1)
    assert any("1 records run backwards" in line for line in audit_lines(found))


def test_a_contradiction_is_worse_than_a_loss(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    lose_updates(script)
    source = script.finish()
    assert audit(change(source, tmp_path / "b.tape.zst", DIGEST, b'"live"', b'"broken"', 0)).status == 5


NOTES_OF_OTHERS = [
    (b"open", b"{}"),
    (b"open", b"7"),
    (b"open", b'{"venue":"nosuch"}'),
    (b"close", b"[]"),
    (b"stall", b"{}"),
    (b"stall", b'{"connection":1,"since":"x"}'),
    (b"drop", b"null"),
    (b"drop", b'{"frames":"many","since":0}'),
    (b"digest", b"{}"),
    (b"digest", b'{"books":[1]}'),
    (b"request", b"{}"),
    (b"response", b"not json"),
    (b"error", b"[]"),
    (b"error", b"not json"),
]


@pytest.mark.parametrize(("kind", "payload"), NOTES_OF_OTHERS)
def test_a_strange_note_is_an_error_of_ours_or_passed_over(tmp_path: Path, kind: bytes, payload: bytes) -> None:
    source = whole_tape(tmp_path / "a.tape.zst")
    records = records_of(source)
    requested = next(number for number, record in enumerate(records) if record.kind == b"request")
    exchange, time = records[requested].connection, records[requested].time
    records.insert(requested + 1, Record(time, exchange if kind == b"response" else 1, kind, payload))
    done = inside("verify", rewritten(source, tmp_path / "b.tape.zst", records))
    assert done.status in (0, 1, 3, 5)
    assert "this is a bug" not in done.err


def test_losses_beyond_a_screenful_are_counted(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    for _ in range(120):
        script.trade(lost=1)
    found = audit(script.finish())
    lines = audit_lines(found)
    assert found.as_json()["losses"] == len(found.as_json()["loss"]) == 119
    assert sum(line.startswith("loss ") for line in lines) == 101
    assert any("19 more; --json lists them" in line for line in lines)
    assert orjson.dumps(found.as_json())
