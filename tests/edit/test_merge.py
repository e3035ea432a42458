"""Merging: one tape that holds exactly the books of all its sources, and knows which source said what."""

import random
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from feedtape.edit.cut import Wanted, cut
from feedtape.edit.merge import merge
from feedtape.model.records import BODY, CLOCK, CLOSE, DAMAGE, DERIVED, END, HEADER, OPEN, RECV, STALL, STATE, note
from feedtape.recorder import Rotation
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.format import SUFFIX
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from feedtape.ui.edit import merge_lines
from stage_cli import START, STEP, TARGET, Script, eventful, inside, is_one_error, payload_of_delta, played, records_of

OPTIONS: dict[str, Any] = {"keyframe_ns": 4 * STEP, "digest_ns": 3 * STEP}
ETHER = "binance:ETHUSDT"
OURS = DERIVED | {HEADER, END, STATE}


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two recordings of different targets, between each other in time."""
    folder = tmp_path_factory.mktemp("merge")
    one = eventful(Script(folder / f"a{SUFFIX}", OPTIONS))
    return one, eventful(Script(folder / f"b{SUFFIX}", OPTIONS, symbol="ETHUSDT", now=START + STEP // 2))


def at(path: Path, time: int) -> Session:
    with Playback(path) as playback:
        playback.run(time, seek=True)
    return playback.session


def feed(path: Path, numbers: Iterable[int], later: int = 0) -> Path:
    """A recording of one market: update n comes at step n, its prices the same in every recording."""
    chosen = list(numbers)
    script = Script(path, OPTIONS, now=START + chosen[0] * STEP + later)
    rng = random.Random(5)
    prices = [f"616{rng.randrange(80, 90)}.{rng.randrange(10)}0" for _ in range(200)]
    script.open()
    for place, number in enumerate(chosen):
        script.now = START + (number + 1) * STEP + later
        script.take(RECV, payload_of_delta(number, price=prices[number]))
        if place == 1:
            script.now -= STEP // 2
            script.snapshot(chosen[0])
    script.now = START + (chosen[-1] + 2) * STEP + later
    script.close(final=True, by="us", code=1000)
    return script.finish()


# -- different targets


def test_the_books_are_exactly_those_of_the_sources(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    result = merge(tapes, tmp_path / f"out{SUFFIX}")
    one, other = (played(tape).session.digests() for tape in tapes)
    merged = played(result.out)
    assert merged.session.digests() == one | other
    assert not merged.contradicted and result.exit_status == 3 and not result.shared
    for number in range(0, 88, 5):
        time = START + number * STEP + STEP // 4
        assert at(result.out, time).digests() == at(tapes[0], time).digests() | at(tapes[1], time).digests()


def test_every_record_is_there_once_in_order_of_time_and_renumbered(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    out = merge(tapes, tmp_path / f"out{SUFFIX}").out
    records = [record for record in records_of(out) if record.kind not in OURS]
    assert all(before.time <= after.time for before, after in pairwise(records))
    for place, tape in enumerate(tapes):
        theirs = [record for record in records_of(tape) if record.kind in (RECV, BODY)]
        ours = [record for record in records if record.kind in (RECV, BODY) and record.connection % 2 == (place + 1) % 2]
        assert [(r.time, r.payload) for r in ours] == [(r.time, r.payload) for r in theirs]
        assert [(r.connection - 1 - place) // 2 + 1 for r in ours] == [r.connection for r in theirs]
    stalls = [record.json()["connection"] for record in records if record.kind == STALL]
    assert sorted(stalls) == [1, 2, 5, 6]


def test_of_equal_times_the_first_source_comes_first(tmp_path: Path) -> None:
    paths = [Script(tmp_path / f"{name}{SUFFIX}", symbol=name).live(5).finish() for name in ("AUSDT", "BUSDT", "CUSDT")]
    for order in (paths, paths[::-1]):
        records = records_of(merge(order, tmp_path / f"out{SUFFIX}", overwrite=True).out)
        frames = [record.payload for record in records if record.kind == RECV]
        names = [order[place].name[0].encode() + b"USDT" for place in range(3)]
        assert [name in frame for name, frame in zip(names * 6, frames, strict=True)] == [True] * 18


def test_every_header_is_kept_whole_and_every_clock_apart(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    clocked = Script(tmp_path / f"c{SUFFIX}", symbol="XRPUSDT").live(3)
    clocked.note(CLOCK, {"wall": 5, "drift_ns": 1})
    clocked.finish()
    out = merge([tapes[0], clocked.path], tmp_path / f"out{SUFFIX}").out
    header, *records = records_of(out)
    sources = header.json()["sources"]
    assert [source["header"] for source in sources] == [records_of(path)[0].json() for path in (tapes[0], clocked.path)]
    assert [source["tapes"] for source in sources] == [[tapes[0].name], [clocked.path.name]]
    with TapeReader(tapes[0]) as reader:
        assert sources[0]["chains"] == [reader.index.head]
    assert header.json()["targets"] == [TARGET, "binance:XRPUSDT"]
    assert [record.json()["source"] for record in records if record.kind == CLOCK] == [1]


def test_a_loss_of_one_source_breaks_no_book_of_the_other(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    data, damaged = bytearray(tapes[0].read_bytes()), tmp_path / f"damaged{SUFFIX}"
    with TapeReader(tapes[0]) as reader:
        data[reader.blocks[5].offset + 40] ^= 1
    damaged.write_bytes(data)
    result = merge([damaged, tapes[1]], tmp_path / f"out{SUFFIX}")
    assert result.exit_status == 3
    broken = {
        loss.target for loss in result.session.losses if loss.kind in ("damage", "dropped") and loss.since < START + 50 * STEP
    }
    assert broken == {"", TARGET}
    merged, alone = played(result.out), played(tapes[1])
    assert not merged.contradicted
    assert merged.session.books[ETHER].counters == alone.session.books[ETHER].counters
    # What the hole swallowed is told by the next keyframe of the damaged tape.
    hole = next(record.json()["until"] for record in records_of(result.out) if record.kind == DAMAGE)
    for number in range(0, 40, 4):
        time = hole + 5 * STEP + number * STEP
        assert at(result.out, time).digests()[TARGET] == at(tapes[0], time).digests()[TARGET]


# -- what begins and ends in the middle


def test_a_source_that_begins_in_the_middle_brings_its_books(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    part = cut([tapes[0]], tmp_path / f"part{SUFFIX}", Wanted(START + 30 * STEP, START + 70 * STEP)).out
    result = merge([tapes[1], part], tmp_path / f"out{SUFFIX}")
    assert sum(record.kind == STATE for record in records_of(result.out)) == 1
    for number in range(30, 70, 4):
        time = START + number * STEP + STEP // 4
        assert at(result.out, time).digests() == at(tapes[0], time).digests() | at(tapes[1], time).digests(), number
    merged = played(result.out)
    assert not merged.contradicted and merged.session.totals.bad_frames == 1
    with TapeReader(result.out) as reader:
        assert reader.index.statistics == merged.session.statistics()


def test_a_source_that_ends_first_leaves_its_books_stale_and_loses_nothing(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    short = feed(tmp_path / f"short{SUFFIX}", range(10, 30))
    result = merge([short, tapes[1]], tmp_path / f"out{SUFFIX}")
    keeper = played(result.out).session.books[TARGET]
    assert keeper.is_live and keeper.digest() == played(short).session.books[TARGET].digest()
    assert keeper.stale_since == START + 32 * STEP
    assert not [loss for loss in result.session.losses if loss.target == TARGET]
    assert "stale" in inside("book", result.out, TARGET).out.decode()


def test_one_that_was_killed_leaves_its_books_stale_too(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    killed = Script(tmp_path / f"killed{SUFFIX}").live(20).abandon()
    result = merge([killed, tapes[1]], tmp_path / f"out{SUFFIX}")
    assert result.exit_status == 3 and result.sources[0].cut is not None
    keeper = played(result.out).session.books[TARGET]
    assert keeper.is_live and keeper.stale_since is not None
    closes = [record.json() for record in records_of(result.out) if record.kind == CLOSE]
    assert closes[-1].get("made_up") or any(close.get("made_up") for close in closes)


def test_the_last_ends_are_ends_as_they_were(tmp_path: Path) -> None:
    paths = [feed(tmp_path / f"{name}{SUFFIX}", range(10, 20), later) for name, later in (("a", 0), ("b", 5))]
    merged = played(merge(paths, tmp_path / f"out{SUFFIX}").out)
    assert merged.session.books[TARGET].stale_since is None and merged.session.books[TARGET].is_live


# -- the same feed twice


def test_two_recordings_of_a_feed_fill_each_others_gaps(tmp_path: Path) -> None:
    full = played(feed(tmp_path / f"full{SUFFIX}", range(10, 60))).session.digests()
    one = feed(tmp_path / f"a{SUFFIX}", [*range(10, 30), *range(33, 60)])
    other = feed(tmp_path / f"b{SUFFIX}", [*range(10, 45), *range(46, 60)], STEP // 3)
    assert played(one).session.books[TARGET].counters.gaps and played(other).session.books[TARGET].counters.gaps
    result = merge([one, other], tmp_path / f"out{SUFFIX}")
    assert result.shared == [TARGET] and result.exit_status == 0
    merged = played(result.out).session
    assert merged.digests() == full and not merged.losses
    assert merged.lanes[1].filled == 1 and merged.lanes[2].filled == 3
    assert [record.json()["lane"] for record in records_of(result.out) if record.kind == OPEN] == [1, 2]


def test_what_both_missed_is_a_gap(tmp_path: Path) -> None:
    one = feed(tmp_path / f"a{SUFFIX}", [*range(10, 30), *range(33, 60)])
    other = feed(tmp_path / f"b{SUFFIX}", [*range(10, 32), *range(34, 60)], STEP // 3)
    result = merge([one, other], tmp_path / f"out{SUFFIX}")
    assert result.exit_status == 3
    assert [(loss.kind, loss.missed) for loss in result.session.losses] == [("gap", 1)]


@pytest.mark.parametrize(("begins", "gaps"), [(25, []), (30, []), (35, [("gap", 5)])])
def test_one_recording_continues_another(tmp_path: Path, begins: int, gaps: list[tuple[str, int]]) -> None:
    one = feed(tmp_path / f"a{SUFFIX}", range(10, 30))
    other = feed(tmp_path / f"b{SUFFIX}", range(begins, 60), STEP // 3)
    result = merge([one, other], tmp_path / f"out{SUFFIX}")
    assert [(loss.kind, loss.missed) for loss in result.session.losses] == gaps
    keeper = played(result.out).session.books[TARGET]
    if not gaps:
        whole = played(feed(tmp_path / f"full{SUFFIX}", range(10, 60))).session
        assert keeper.digest() == whole.books[TARGET].digest()
    assert keeper.stale_since is None and keeper.book.sequence in (59, None)


# -- segments


def test_segments_of_a_session_are_one_source(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    folder = tmp_path / "segments"

    def following(time: int, number: int) -> TapeWriter:
        return TapeWriter(folder / f"s{number}{SUFFIX}", level=1)

    eventful(Script(folder / f"s1{SUFFIX}", OPTIONS | {"rotation": Rotation(following, every_ns=2 * 10**9)}))
    out = tmp_path / f"out{SUFFIX}"
    done = inside("merge", folder / f"s2{SUFFIX}", tapes[1], "-o", out, "--json")
    assert done.status == 3, done.err
    assert [len(source["tapes"]) for source in done.json()["sources"]] == [len(list(folder.iterdir())), 1]
    assert played(out).session.digests() == played(tapes[0]).session.digests() | played(tapes[1]).session.digests()
    assert {record.connection for record in records_of(out) if record.kind == OPEN} == {1, 2, 3, 4, 5, 6}
    joined = inside("merge", folder, "-o", tmp_path / f"joined{SUFFIX}")
    assert joined.status == 3, joined.err
    assert played(tmp_path / f"joined{SUFFIX}").session.digests() == played(tapes[0]).session.digests()


def test_a_merge_of_a_merge(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    third = eventful(Script(tmp_path / f"c{SUFFIX}", OPTIONS, symbol="XRPUSDT", now=START + STEP // 3))
    inner = merge(tapes, tmp_path / f"inner{SUFFIX}").out
    out = merge([inner, third], tmp_path / f"out{SUFFIX}").out
    expected = played(inner).session.digests() | played(third).session.digests()
    assert played(out).session.digests() == expected and not played(out).contradicted


# -- the command


def test_the_command_says_what_it_merged(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    out = tmp_path / f"out{SUFFIX}"
    done = inside("merge", *tapes, "-o", out)
    assert done.status == 3 and done.out == b""
    lines = done.err.splitlines()
    assert lines[0].startswith("merged 2 recordings, 8.8 s, 2 books, 128 frames")
    assert lines[-2] == f"  check    feedtape verify {out}"
    assert lines[-1].startswith("ends with status 3: 6 updates missed, 12 losses (")
    assert inside("verify", out).status == 3


def test_nothing_is_replaced_unasked_and_nothing_is_left_behind(tmp_path: Path, tapes: tuple[Path, Path]) -> None:
    assert inside("merge", *tapes, "-o", tapes[0], "--overwrite").status == 2
    out = tmp_path / f"out{SUFFIX}"
    broken = tmp_path / f"broken{SUFFIX}"
    broken.write_bytes(b"no tape")
    done = inside("merge", tapes[0], broken, "-o", out)
    assert done.status == 1 and is_one_error(done) and not out.exists()
    strange = Script(tmp_path / f"strange{SUFFIX}").live(3)
    strange.recorder.writer.write(note(strange.now, OPEN, {"venue": "nowhere", "url": "wss://x"}, 9))
    done = inside("merge", tapes[0], strange.abandon(), "-o", out)
    assert done.status == 1 and "nowhere" in done.err and not out.exists()


# -- option chains

HOUR = 3600 * 10**9


def asked(folder: Path, name: str, expiries: int | None, start: int = START) -> Path:
    """A recording that asked for so many expiries of a chain; None: of no chain."""
    header = {} if expiries is None else {"option_chain": {"expiries": expiries}}
    return Script(folder / f"{name}{SUFFIX}", now=start, header=header).live(1).finish()


@pytest.mark.parametrize(
    ("others", "kept"),
    [
        ([None], {"expiries": 4, "since": START + 1}),
        ([4], {"expiries": 4, "since": START}),
        ([2], {"expiries": 0}),
        ([0, None], {"expiries": 0}),
    ],
)
def test_an_option_chain_survives_and_never_shows_less_than_was_recorded(
    tmp_path: Path, others: list[int | None], kept: dict[str, int]
) -> None:
    sources = [asked(tmp_path, "a", 4, START + 1), *(asked(tmp_path, f"b{place}", one) for place, one in enumerate(others))]
    result = merge(sources, tmp_path / f"out{SUFFIX}")
    header = records_of(result.out)[0].json()
    assert header["option_chain"] == kept == result.as_json()["option_chain"]
    told = [line for line in merge_lines(result) if line.startswith("  chain ")]
    assert len(told) == 1 and ("may be of different expiries" in told[0]) == (kept == {"expiries": 0})


def test_recordings_of_another_hour_may_mean_other_expiries(tmp_path: Path) -> None:
    sources = [asked(tmp_path, "a", 4), asked(tmp_path, "b", 4, START + HOUR)]
    assert records_of(merge(sources, tmp_path / f"out{SUFFIX}").out)[0].json()["option_chain"] == {"expiries": 0}
    neither = merge([asked(tmp_path, "c", None), asked(tmp_path, "d", None)], tmp_path / f"none{SUFFIX}").out
    assert "option_chain" not in records_of(neither)[0].json()
