"""Rebuilding from a tape: from the start, from every keyframe, up to any time, always the same."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from feedtape.errors import TapeError
from feedtape.model.records import DIGEST, KEYFRAME
from feedtape.replay.facts import facts_of
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.reader import TapeReader
from feedtape.venues import registry
from stage_cli import START, STEP, TARGET, Script, eventful, played, records_of, whole_tape

SECOND = 10**9


def state(session: Session) -> dict[str, Any]:
    """All that a session has come to, but for the count of digests, which is of the part that was read."""
    saved = session.keyframe()
    for name in ("digests_matched", "digests_failed"):
        del saved["totals"][name]
    return saved


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"keyframe_ns": 4 * STEP, "digest_ns": 3 * STEP}
    return eventful(Script(tmp_path_factory.mktemp("playback") / "a.tape.zst", options))


def test_a_replay_comes_to_the_digests_that_the_recording_wrote(tape: Path) -> None:
    session = played(tape).session
    assert session.totals.digests_failed == 0
    assert session.totals.digests_matched > 15
    assert {loss.kind for loss in session.losses} == {"gap", "trades", "bad-frame", "disconnect", "dropped"}
    keeper = session.books[TARGET]
    assert (keeper.state, keeper.counters.resyncs) == ("live", 3)
    assert keeper.counters.snapshots_too_old > 0


def test_a_replay_from_every_keyframe_ends_as_one_from_the_start(tape: Path) -> None:
    whole = played(tape).session
    with TapeReader(tape) as reader:
        starts = [block.first for block in reader.blocks if block.keyframe]
    assert len(starts) > 8
    for start in starts:
        session = played(tape, after=start).session
        assert session.as_json() == whole.as_json(), start
        assert session.losses == whole.losses
        assert state(session) == state(whole)
        assert session.totals.digests_failed == 0
        assert 0 < session.totals.digests_matched <= whole.totals.digests_matched


def test_a_keyframe_holds_what_a_replay_has_at_its_place(tape: Path) -> None:
    playback, checked = Playback(tape), 0
    for record, _ in playback.play():
        if record.kind == KEYFRAME:
            saved = record.json()
            for name in ("digests_matched", "digests_failed"):
                del saved["totals"][name]
            restored = Session(registry.venue)
            restored.restore(record.json())
            assert state(restored) == state(playback.session)
            assert saved.keys() == state(playback.session).keys()
            checked += 1
    playback.close()
    assert checked > 8


def test_any_instant_is_the_same_with_and_without_seeking(tape: Path) -> None:
    times = sorted({record.time for record in records_of(tape)})
    for time in times[::5]:
        books = []
        for seek in (True, False):
            playback = Playback(tape)
            playback.run(time, seek=seek)
            playback.close()
            books.append(state(playback.session))
            assert playback.session.last <= time
        assert books[0] == books[1], time


def test_no_book_is_shown_between_a_loss_and_the_next_snapshot(tape: Path) -> None:
    playback, broken_seen = Playback(tape), 0
    for _ in playback.play():
        for keeper in playback.session.books.values():
            if keeper.state != "live":
                assert keeper.digest() is None and len(keeper.book.bids) == len(keeper.book.asks) == 0
                broken_seen += keeper.state == "broken"
    playback.close()
    assert broken_seen > 5


def test_bounds_and_times_come_from_the_tape_with_or_without_an_index(tmp_path: Path) -> None:
    indexed = whole_tape(tmp_path / "a.tape.zst")
    cut = Script(tmp_path / "b.tape.zst").live().abandon()
    for path in (indexed, cut):
        with Playback(path):
            playback = Playback(path)
            last = records_of(path)[-1].time
            assert playback.bounds() == (START, last)
            assert playback.time("+1s") == START + SECOND
            assert playback.time("-1s") == last - SECOND
            playback.check_within(last)
            with pytest.raises(TapeError, match="holds 2026-11-23T10:15:02"):
                playback.check_within(last + 1)
            playback.close()


def test_facts_from_the_index_are_those_of_a_reading(tmp_path: Path, tape: Path) -> None:
    whole = tmp_path / "whole.tape.zst"
    whole.write_bytes(tape.read_bytes())
    with TapeReader(whole) as reader:
        end = reader.blocks[-1].offset + reader.blocks[-1].size
    unindexed = tmp_path / "unindexed.tape.zst"
    unindexed.write_bytes(tape.read_bytes()[:end])
    by_index, by_reading = facts_of(whole), facts_of(unindexed)
    assert by_index["indexed"] and not by_reading["indexed"]
    for name in ("start", "end", "frames", "bytes", "connections", "bad_frames", "dropped", "losses", "books", "flows", "state"):
        assert by_index[name] == by_reading[name], name


PRINT_DIGESTS = """
import sys
from itertools import pairwise
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from stage_cli import played
playback = played(Path(sys.argv[1]))
print(playback.session.digests(), playback.session.keyframe())
"""


def test_a_replay_does_not_depend_on_the_order_of_hashes(tape: Path) -> None:
    said = set()
    for seed in ("0", "1", "77"):
        command = [sys.executable, "-c", PRINT_DIGESTS, str(tape), str(Path(__file__).parents[1])]
        environment = {"PYTHONHASHSEED": seed}
        said.add(subprocess.run(command, capture_output=True, text=True, check=True, timeout=20, env=environment).stdout)
    assert len(said) == 1 and "digest" in said.pop()


def test_digest_records_stand_at_their_interval(tmp_path: Path) -> None:
    path = Script(tmp_path / "a.tape.zst", {"digest_ns": 5 * STEP}).live(50).finish()
    times = [record.time for record in records_of(path) if record.kind == DIGEST]
    assert len(times) >= 10
    assert all(after - before <= 5 * STEP for before, after in pairwise(times))
