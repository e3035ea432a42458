"""Cutting: a part of a tape that replays, and whose books are those of the whole at every instant."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from feedtape.edit.cut import Wanted, cut
from feedtape.edit.merge import merge
from feedtape.edit.repair import repair
from feedtape.model.records import (
    BODY,
    CLOCK,
    DAMAGE,
    DIGEST,
    HEADER,
    KEYFRAME,
    MARKER,
    OPEN,
    RECV,
    REQUEST,
    RESPONSE,
    Record,
    note,
)
from feedtape.recorder import Rotation
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.format import SUFFIX
from feedtape.tape.reader import TapeReader
from feedtape.tape.seal import seal_of
from feedtape.tape.writer import TapeWriter
from feedtape.ui.play_stage import nearest_of
from stage_cli import START, STEP, TARGET, Script, eventful, inside, is_one_error, played, records_of, rewritten

OPTIONS: dict[str, Any] = {"keyframe_ns": 4 * STEP, "digest_ns": 3 * STEP}
ETHER = "binance:ETHUSDT"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut")


@pytest.fixture(scope="module")
def tape(folder: Path) -> Path:
    return eventful(Script(folder / f"a{SUFFIX}", OPTIONS))


@pytest.fixture(scope="module")
def two(folder: Path, tape: Path) -> Path:
    """A tape with two books, each on connections of its own."""
    other = eventful(Script(folder / f"b{SUFFIX}", OPTIONS, symbol="ETHUSDT", now=START + STEP // 2))
    return merge([tape, other], folder / f"two{SUFFIX}").out


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("segments")

    def following(time: int, number: int) -> TapeWriter:
        return TapeWriter(folder / f"s{number}{SUFFIX}", level=1)

    eventful(Script(folder / f"s1{SUFFIX}", OPTIONS | {"rotation": Rotation(following, every_ns=2 * 10**9)}))
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def damaged(folder: Path, tape: Path) -> Path:
    """A tape with a bad block, in which a connection was opened."""
    data, path = bytearray(tape.read_bytes()), folder / f"damaged{SUFFIX}"
    with TapeReader(tape) as reader:
        opened = next(record.time for record in reader.records() if record.kind == OPEN and record.connection == 2)
        block = next(block for block in reader.blocks if block.first <= opened <= block.last)
    data[block.offset + 40] ^= 1
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def repaired(folder: Path, damaged: Path) -> Path:
    return repair(damaged, folder / f"repaired{SUFFIX}").tapes[0].out or damaged


def at(paths: Sequence[Path], time: int, *, seek: bool = True) -> Session:
    with Playback(*paths) as playback:
        playback.run(time, seek=seek)
    return playback.session


def bounds(paths: Sequence[Path]) -> tuple[int, int]:
    with Playback(*paths) as playback:
        return playback.bounds()


def holds_the_same(paths: Sequence[Path], out: Path, times: Sequence[int], only: str | None = None) -> None:
    for time in times:
        books = {target: one for target, one in at(paths, time).digests().items() if only in (None, target)}
        for seek in (True, False):
            assert at([out], time, seek=seek).digests() == books, time


# -- the books


@pytest.mark.parametrize("name", ["tape", "segments", "damaged", "repaired", "two"])
@pytest.mark.parametrize("seed", range(5))
def test_the_books_are_those_of_the_whole_at_every_instant(
    tmp_path: Path, request: pytest.FixtureRequest, name: str, seed: int
) -> None:
    found = request.getfixturevalue(name)
    paths = found if isinstance(found, list) else [found]
    rng, (first, last) = random.Random(seed), bounds(paths)
    since, until = sorted(rng.sample(range(first, last), 2))
    out = cut(paths, tmp_path / f"out{SUFFIX}", Wanted(since, until)).out
    holds_the_same(paths, out, [since, until - 1, *(rng.randrange(since, until) for _ in range(4))])
    playback = played(out)
    assert not playback.contradicted and playback.session.totals.digests_failed == 0
    with TapeReader(out) as reader:
        assert reader.index.statistics == playback.session.statistics()


def test_digest_for_digest_what_the_recording_wrote_down(tmp_path: Path, tape: Path) -> None:
    since, until = START + 21 * STEP, START + 66 * STEP
    out = cut([tape], tmp_path / f"out{SUFFIX}", Wanted(since, until)).out
    written = [record for record in records_of(tape) if record.kind == DIGEST and since <= record.time < until]
    assert len(written) > 10
    for record in written:
        # A digest stands where its records stand: others of that very time may follow.
        assert record.json()["books"] in (at([out], record.time).digests(), at([out], record.time - 1).digests())


def test_a_part_of_a_part_is_a_part_of_the_whole(tmp_path: Path, tape: Path) -> None:
    part = cut([tape], tmp_path / f"part{SUFFIX}", Wanted(START + 10 * STEP, START + 70 * STEP)).out
    out = cut([part], tmp_path / f"out{SUFFIX}", Wanted(START + 30 * STEP, START + 50 * STEP)).out
    holds_the_same([tape], out, [START + number * STEP for number in range(30, 50, 3)])


def test_a_cut_of_everything_holds_every_record(tmp_path: Path, tape: Path) -> None:
    out = cut([tape], tmp_path / f"out{SUFFIX}", Wanted()).out
    kinds = (RECV, BODY, OPEN, REQUEST, RESPONSE, b"close", b"stall", b"drop")
    assert [r for r in records_of(out) if r.kind in kinds] == [r for r in records_of(tape) if r.kind in kinds]
    before, after = played(tape).session, played(out).session
    assert after.as_json() == before.as_json()
    assert after.losses == before.losses


# -- the tape itself


def test_it_begins_with_a_header_and_the_state_at_its_start(tmp_path: Path, tape: Path) -> None:
    since, until = START + 35 * STEP, START + 60 * STEP
    out = cut([tape], tmp_path / f"out{SUFFIX}", Wanted(since, until)).out
    header, keyframe, *rest = records_of(out)
    assert (header.kind, keyframe.kind) == (HEADER, KEYFRAME)
    assert keyframe.json()["books"][TARGET]["sequence"] == at([tape], since - 1).books[TARGET].book.sequence
    source = header.json()["source"]["cut"]
    with TapeReader(tape) as reader:
        assert source["chain"] == reader.index.head
    assert (source["tape"], source["from"], source["to"]) == (tape.name, str(since), str(until))
    assert source["session"] == records_of(tape)[0].json()["session"] != header.json()["session"]
    assert all(since <= record.time <= until for record in rest)
    frames = [record for record in records_of(tape) if record.kind == RECV and since <= record.time < until]
    assert [record for record in rest if record.kind == RECV] == frames


def test_what_was_counted_before_does_not_count(tmp_path: Path, tape: Path) -> None:
    out = cut([tape], tmp_path / f"out{SUFFIX}", Wanted(START + 50 * STEP, START + 58 * STEP)).out
    facts = inside("info", out, "--json").json()
    frames = [r for r in records_of(tape) if r.kind in (RECV, BODY) and START + 50 * STEP <= r.time < START + 58 * STEP]
    assert facts["frames"] == len(frames)
    assert facts["losses"] == 0
    assert inside("verify", out).status == 0


def test_markers_and_damages_stay(tmp_path: Path, tape: Path, repaired: Path) -> None:
    marked = records_of(tape)
    marked.insert(40, note(marked[40].time, MARKER, {"note": "here it went wrong"}))
    source = rewritten(tape, tmp_path / f"marked{SUFFIX}", marked)
    out = cut([source], tmp_path / f"out{SUFFIX}", Wanted()).out
    assert [record.json() for record in records_of(out) if record.kind == MARKER] == [{"note": "here it went wrong"}]
    again = cut([repaired], tmp_path / f"again{SUFFIX}", Wanted()).out
    assert [r for r in records_of(again) if r.kind == DAMAGE] == [r for r in records_of(repaired) if r.kind == DAMAGE]


def test_a_source_that_is_cut_is_cut_there_and_told(tmp_path: Path) -> None:
    killed = Script(tmp_path / f"killed{SUFFIX}", OPTIONS).live(20).abandon()
    done = inside("cut", killed, "-o", tmp_path / f"out{SUFFIX}", "--from", "+1s")
    assert done.status == 3 and "is cut" in done.err
    assert inside("cut", killed, "-o", tmp_path / f"inner{SUFFIX}", "--from", "+1s", "--to", "+2s").status == 0


def test_the_key_of_a_seal_is_named_in_what_is_made_of_the_tape(tmp_path: Path) -> None:
    tape = Script(tmp_path / f"a{SUFFIX}", OPTIONS).live(20).finish()
    assert inside("seal", tape, "--new-key", tmp_path / "key").status == 0
    sealed = seal_of(tape)
    assert sealed is not None
    out = cut([tape], tmp_path / f"out{SUFFIX}", Wanted(START + STEP)).out
    assert records_of(out)[0].json()["source"]["cut"]["sealed"] == [sealed.origin()]
    out = merge([tape], tmp_path / f"merged{SUFFIX}").out
    assert records_of(out)[0].json()["sources"][0]["sealed"] == [sealed.origin()]
    done = inside("repair", tape, "-o", tmp_path / f"healed{SUFFIX}", "--force")
    assert done.status == 0 and sealed.fingerprint in done.err and "does not carry over" in done.err


# -- targets and connections


def test_only_a_target_leaves_the_other_out_with_its_connections_and_snapshots(tmp_path: Path, two: Path) -> None:
    since = START + 20 * STEP
    result = cut([two], tmp_path / f"out{SUFFIX}", Wanted(since, None, only=("ethusdt",)))
    out = result.out
    assert list(played(out).session.books) == [ETHER]
    assert b"BTCUSDT" not in b"".join(
        r.payload for r in records_of(out) if r.kind in (RECV, BODY, REQUEST) and b"kline" not in r.payload
    )
    # Sources of a merge have every other number.
    assert {record.connection % 2 for record in records_of(out) if record.kind in (RECV, OPEN)} <= {0}
    assert result.left_out > 30
    holds_the_same([two], out, [since + number * STEP for number in range(0, 60, 7)], ETHER)
    assert records_of(out)[0].json()["targets"] == [ETHER]


def test_what_concerns_no_target_stays_and_so_does_what_concerns_several(tmp_path: Path) -> None:
    script = Script(tmp_path / f"a{SUFFIX}").live(3)
    ether = Script(tmp_path / f"b{SUFFIX}", symbol="ETHUSDT", now=script.now)
    ether.recorder = script.recorder
    ether.snapshot()
    ether.delta()
    script.now = ether.now
    script.take(RECV, b'{"result":null,"id":1}')
    script.take(CLOCK, b'{"wall":1,"drift_ns":0}', 0)
    script.finish()
    ether.recorder.writer.abandon()
    out = cut([script.path], tmp_path / f"out{SUFFIX}", Wanted(only=(TARGET,))).out
    payloads = [record.payload for record in records_of(out)]
    assert b'{"result":null,"id":1}' in payloads
    assert any(record.kind == CLOCK for record in records_of(out))
    assert not any(b"ETHUSDT" in payload for payload in payloads[1:])
    assert sum(record.kind == OPEN for record in records_of(out)) == 1


def test_only_a_connection(tmp_path: Path, two: Path) -> None:
    opened = [record.connection for record in records_of(two) if record.kind == OPEN]
    out = cut([two], tmp_path / f"out{SUFFIX}", Wanted(connections=frozenset(opened[:1]))).out
    sockets = {record.connection for record in records_of(out) if record.kind in (OPEN, RECV)}
    assert sockets == {opened[0]}
    assert list(played(out).session.books) == [TARGET]
    done = inside("cut", two, "-o", tmp_path / f"none{SUFFIX}", "--connection", "999")
    assert done.status == 2 and is_one_error(done)


def test_a_lane_that_is_left_out_does_not_take_the_book_with_it(tmp_path: Path, tape: Path) -> None:
    copy = tmp_path / f"copy{SUFFIX}"
    copy.write_bytes(tape.read_bytes())
    lanes = merge([tape, copy], tmp_path / f"lanes{SUFFIX}")
    assert lanes.shared == [TARGET] and lanes.exit_status == 3
    # Merged from two copies, the connections of the first have the odd numbers; its second one carries the book here.
    out = cut([lanes.out], tmp_path / f"out{SUFFIX}", Wanted(START + 50 * STEP, START + 58 * STEP, (), frozenset({3}))).out
    assert at([out], START + 57 * STEP).digests() == at([tape], START + 57 * STEP).digests()


def test_the_option_chain_of_a_recording_is_that_of_its_cut_unless_no_option_is_in_it(tmp_path: Path) -> None:
    header = {"option_chain": {"expiries": 4}}
    script = Script(tmp_path / f"a{SUFFIX}", header=header, symbol="BTC-261225-100000-C").live()
    source, option = script.finish(), f"binance:{script.symbol}"
    for number, only in enumerate(((), (option,))):
        out = cut([source], tmp_path / f"{number}{SUFFIX}", Wanted(START + 5 * STEP, only=only)).out
        assert records_of(out)[0].json()["option_chain"] == {"since": START, "expiries": 4}
        with Playback(out) as playback:
            assert nearest_of(playback) == (4, START)
    spot = Script(tmp_path / f"b{SUFFIX}", header=header).live().finish()
    out = cut([spot], tmp_path / f"spot{SUFFIX}", Wanted(only=(TARGET,))).out
    assert "option_chain" not in records_of(out)[0].json()
    broken = tmp_path / f"broken{SUFFIX}"
    broken.write_bytes(source.read_bytes()[:-40])
    repair(broken, tmp_path / f"healed{SUFFIX}", force=True)
    assert records_of(tmp_path / f"healed{SUFFIX}")[0].json()["option_chain"] == {"expiries": 4}


# -- the command


def test_the_command_says_what_it_cut(tmp_path: Path, tape: Path) -> None:
    out = tmp_path / f"out{SUFFIX}"
    done = inside("cut", tape, "-o", out, "--from", "+5s", "--to", "+5.8s")
    assert done.status == 0, done.err
    assert done.err.splitlines()[0].startswith("cut 2026-11-23T10:15:07.000Z .. 10:15:07.8")
    assert done.err.splitlines()[-1] == f"  check    feedtape verify {out}"
    assert inside("verify", out).status == 0
    said = inside("cut", tape, "-o", out, "--overwrite", "--json", "--from", "+1s").json()
    assert said["from"] == str(START + 10**9) and said["status"] == 3


def test_a_source_that_contradicts_itself_is_told(tmp_path: Path, tape: Path) -> None:
    records = [
        Record(r.time, r.connection, r.kind, r.payload.replace(b'"1.5', b'"2.5')) if r.kind == BODY else r
        for r in records_of(tape)
    ]
    done = inside("cut", rewritten(tape, tmp_path / f"a{SUFFIX}", records), "-o", tmp_path / f"b{SUFFIX}")
    assert done.status == 5 and "contradict" in done.err


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--from", "+9m"], 1),
        (["--from", "+5s", "--to", "+4s"], 2),
        (["--only", "binance:NOSUCH"], 2),
        (["--from", "half past"], 2),
    ],
)
def test_what_cannot_be_meant_is_one_error_and_leaves_nothing(tmp_path: Path, tape: Path, words: list[str], status: int) -> None:
    out = tmp_path / f"out{SUFFIX}"
    done = inside("cut", tape, "-o", out, *words)
    assert done.status == status and is_one_error(done) and not out.exists()


def test_nothing_is_replaced_unasked(tmp_path: Path, tape: Path) -> None:
    assert inside("cut", tape, "-o", tape, "--overwrite").status == 2
    out = tmp_path / f"out{SUFFIX}"
    out.write_bytes(b"mine")
    assert inside("cut", tape, "-o", out).status == 1 and out.read_bytes() == b"mine"
    assert inside("cut", tape, "-o", tmp_path).status == 2
