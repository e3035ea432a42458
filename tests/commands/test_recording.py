"""Recording as a user does it: segments, stop conditions, markers, followers, several connections, and a disk that fails."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedtape.sim.process import launch
from feedtape.ui.summary import amount
from stage_cli import PROGRAM, TARGET, ask, ended, feedtape, inside, is_one_error, started, until

FAST = ("--sim", "--rate", "200")


@pytest.fixture
def exchange() -> Iterator[str]:
    """A simulated exchange that a test can steer."""
    with launch("binance", symbols=["BTCUSDT"], rate=200) as url:
        yield url


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def begun(path: Path, *words: object) -> subprocess.Popen[bytes]:
    """Start a recording, and wait until frames are on its tape."""
    recorder = started("record", TARGET, "-o", path, "--flush", "100ms", *words)
    until(lambda: size_of(path) > 15_000, within_s=30)
    return recorder


def test_segments_are_printed_kept_and_proven_as_one(tmp_path: Path) -> None:
    folder = tmp_path / "tapes"
    words = ("-d", "5s", "--rotate-every", "1s", "--keep", "3", "--print-files", "-o", f"{folder}/")
    done = feedtape("record", TARGET, *FAST, *words, within_s=60)
    assert done.status == 0, done.err
    printed = [Path(line) for line in done.out.decode().splitlines()]
    assert len(printed) >= 5 and sorted(printed) == printed
    assert sorted(folder.iterdir()) == printed[-3:]
    assert f"files    {len(printed)} segments written, " in done.err
    kept = f"kept     3 segments, {amount(sum(map(size_of, printed)))} on disk; {len(printed) - 3} older ones deleted (--keep)"
    assert kept in done.err
    for named in (folder, printed[-2], folder / "*.tape.zst"):
        told = inside("verify", named, "--json")
        assert told.status == 0
        assert told.json()["joints"] == {"proven": 2, "failed": 0, "unchecked": 0}
        assert [Path(tape) for tape in told.json()["tapes"]] == printed[-3:]
    alone = inside("verify", printed[-2], "--alone", "--json").json()
    assert alone["status"] == 0 and len(alone["tapes"]) == 1
    facts = inside("info", printed[-2], "--json").json()
    assert facts["segment"] == len(printed) - 1 and facts["frames"] == alone["frames"]
    whole = inside("replay", folder, "--speed", "max", "--json").json()
    assert whole["frames"] == sum(inside("info", path, "--json").json()["frames"] for path in printed[-3:])


def test_a_recording_ends_at_its_size(tmp_path: Path) -> None:
    done = feedtape("record", TARGET, *FAST, "--max-size", "30kB", "--json", "-o", tmp_path / "a.tape.zst", within_s=60)
    assert done.status == 0
    told = done.json()
    assert (told["tapes"], told["tapes_kept"], told["size_kept"]) == (1, 1, told["size"])
    assert told["reason"] == "30.0 kB of tape" and 30_000 <= told["size"] == size_of(tmp_path / "a.tape.zst") < 90_000


def test_a_recording_ends_when_nothing_comes(tmp_path: Path, exchange: str) -> None:
    path = tmp_path / "a.tape.zst"
    recorder = begun(path, "--url", exchange, "--stop-after-silence", "700ms")
    ask(exchange, "/sim/pause")
    done = ended(recorder, 30)
    assert done.status == 0 and "closed cleanly (silence of 0.7 s)" in done.err


def test_markers_can_be_set_found_and_gone_to(tmp_path: Path, exchange: str) -> None:
    path = tmp_path / "a.tape.zst"
    recorder = begun(path, "--url", exchange, "--note", "CPI release", "--meta", "desk=7", "--meta", "why=a=b")

    def markers() -> int:
        return inside("cat", path, "--kind", "marker").out.count(b"\n")

    recorder.send_signal(signal.SIGUSR1)
    until(lambda: markers() == 1)
    recorder.send_signal(signal.SIGUSR1)
    until(lambda: markers() == 2)
    recorder.send_signal(signal.SIGUSR2)
    recorder.send_signal(signal.SIGTERM)
    done = ended(recorder)
    assert done.status == 0 and "queue 0%" in done.err
    facts = inside("info", path, "--json").json()
    assert facts["note"] == "CPI release" and facts["meta"] == {"desk": "7", "why": "a=b"}
    times = [time for time, _ in facts["markers"]]
    assert [text for _, text in facts["markers"]] == ["marker 1", "marker 2"] and times == sorted(times)
    shown = inside("info", path).out.decode()
    assert "marker 2  20" in shown and "note: CPI release" in shown and "desk=7" in shown
    assert inside("book", path, "--at", "mark:2", "--json").json()["time"] == times[1]
    first = inside("cat", path, "--from", "mark:marker 2", "-n", "1").lines()[0]
    assert first["time"] >= times[1]
    missing = inside("book", path, "--at", "mark:3")
    assert missing.status == 2 and is_one_error(missing) and "mark:1 marker 1" in missing.err
    # Without a keyboard nothing could end a pause, so there is none.
    played = feedtape("replay", path, "--from", "mark:1", "--pause-on", "mark,gap,resync", "--speed", "100", "--plain")
    assert played.status == 0 and played.out


def test_followers_see_all_of_a_recording_across_its_segments(tmp_path: Path) -> None:
    folder = tmp_path / "tapes"
    recorder = started("record", TARGET, *FAST, "-d", "5s", "--rotate-every", "1s", "--flush", "100ms", "-q", "-o", f"{folder}/")
    until(lambda: folder.exists() and any(folder.iterdir()))
    first = min(folder.iterdir())
    # A second that ends right now leaves the first segment with little more than its header: no more may be waited for.
    until(lambda: size_of(first) > 0)
    followers = [
        started(*words, "--follow", first) for words in (("verify", "--json"), ("cat",), ("replay", "--speed", "max", "--json"))
    ]
    assert ended(recorder, 30).status == 0
    verified, listed, replayed = (ended(follower, 30) for follower in followers)
    assert (verified.status, listed.status, replayed.status) == (0, 0, 0), (verified.err, listed.err, replayed.err)
    told = verified.json()
    assert len(told["tapes"]) == len(list(folder.iterdir())) > 3 and told["joints"]["proven"] == len(told["tapes"]) - 1
    assert listed.out.count(b"\n") == told["records"]
    assert replayed.json()["frames"] == told["frames"]


def test_a_follower_ends_with_a_recorder_that_is_killed(tmp_path: Path, exchange: str) -> None:
    path = tmp_path / "a.tape.zst"
    recorder = begun(path, "--url", exchange)
    follower = started("verify", "--follow", path, "--json")
    until(lambda: size_of(path) > 20_000)
    recorder.kill()
    ended(recorder)
    done = ended(follower, 30)
    assert done.status == 3 and done.json()["cut"] == "no end record" and not done.json()["losses"]


def test_two_connections_fill_each_others_holes(tmp_path: Path) -> None:
    path = tmp_path / "a.tape.zst"
    words = ("--sim", "--rate", "100", "--fault", "drop=0.02", "--connections", "2", "-d", "4s", "-o", path)
    done = feedtape("record", TARGET, *words, within_s=60)
    assert "lane 1   first " in done.err and "lane 2   first " in done.err
    told = inside("verify", path, "--json").json()
    assert told["connections"] == 2 and told["digests"]["failed"] == 0
    opened = [line["payload"] for line in inside("cat", path, "--kind", "open").lines()]
    assert sorted(one["lane"] for one in opened) == [1, 2]
    # Both lose 2 % of some 500 updates; where the losses do not coincide nothing is lost, and alone each would have lost ten.
    assert told["books"][TARGET]["gaps"] <= 3


def test_a_full_disk_ends_a_recording_loudly(tmp_path: Path, exchange: str) -> None:
    path = tmp_path / "a.tape.zst"
    command = [*PROGRAM, "record", TARGET, "--url", exchange, "-o", str(path), "--flush", "100ms"]
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
    )
    assert done.returncode == 1
    assert b"a.tape.zst cannot be written any further: File too large" in done.stderr
    told = inside("verify", path, "--json").json()
    assert told["state"] == "cut" and told["frames"] > 50 and told["losses"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no terminal hangs up there")
def test_a_terminal_that_hangs_up_at_once_leaves_no_cut_tape(tmp_path: Path) -> None:
    path = tmp_path / "a.tape.zst"
    # Whatever runs the tests may survive a hang-up, and what it starts would, too.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    recorder = started("record", TARGET, "-o", path, "--url", "ws://127.0.0.1:9")
    signal.signal(signal.SIGHUP, before)
    until(path.exists)
    recorder.send_signal(signal.SIGHUP)
    ended(recorder)
    assert not path.exists() or inside("info", path, "--json").json()["state"] == "complete"


@pytest.mark.skipif(sys.platform == "win32", reason="open files stay where they are there")
def test_a_folder_that_vanishes_ends_a_recording_loudly(tmp_path: Path, exchange: str) -> None:
    folder = tmp_path / "tapes"
    recorder = begun(folder / "a.tape.zst", "--url", exchange)
    shutil.rmtree(folder)
    done = ended(recorder, 30)
    assert done.status == 1 and "the file is gone from its folder" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--keep", "3"), "--keep is for segments"),
        (("--rotate-every", "10ms"), "a segment lasts at least 1s"),
        (("--rotate-size", "512"), "a size is a number with a unit"),
        (("--max-size", "5mb"), "a size is a number with a unit"),
        (("--buffer", "1MB"), "the buffer is at least 8MB"),
        (("--meta", "desk"), "--meta is KEY=VALUE"),
        (("--print-files", "--json"), "choose one"),
        (("--connections", "0"), "is not in the range 1<=x<=8"),
        (("--stop-after-silence", "10"), "a duration is a number with a unit"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_line(words: tuple[str, ...], said: str) -> None:
    done = inside("record", TARGET, *words)
    assert done.status == 2 and is_one_error(done) and said in done.err
