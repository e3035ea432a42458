"""The command line as a process: statuses, words, streams, and that nothing steers a terminal."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from feedtape.model.records import DIGEST, RECV, Record
from stage_cli import (
    PROGRAM,
    STEP,
    TARGET,
    Done,
    Script,
    eventful,
    feedtape,
    inside,
    is_one_error,
    payload_of_delta,
    records_of,
    rewritten,
    whole_tape,
)

COMMANDS = (
    *("watch", "record", "replay", "book", "info", "verify", "cat", "import", "sim", "venues"),
    *("repair", "cut", "merge", "diff", "seal"),
)
UNREACHABLE = "ws://127.0.0.1:9"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tapes of every state."""
    folder = tmp_path_factory.mktemp("tapes")
    source = whole_tape(folder / "whole.tape.zst")
    Script(folder / "cut.tape.zst").live().abandon()
    eventful(Script(folder / "lossy.tape.zst", {"keyframe_ns": 10 * STEP, "digest_ns": 5 * STEP}))
    records = records_of(source)
    for number, record in enumerate(records):
        if record.kind == DIGEST:
            records[number] = Record(record.time, 0, DIGEST, record.payload.replace(b'"digest":"', b'"digest":"0'))
    rewritten(source, folder / "false.tape.zst", records)
    (folder / "text.tape.zst").write_text("hello\n" * 40)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape whose frames try to steer a terminal: in the symbol, the stream, the event's name, an error and the header."""
    path = tmp_path_factory.mktemp("hostile") / "a.tape.zst"
    symbol = "BTC\x1b[31m\x07\u202e\x9bUSDT"
    script = Script(path, symbol=symbol)
    script.open()
    script.take(RECV, payload_of_delta(101, symbol=symbol))
    script.take(RECV, b'{"lastUpdateId":1}')
    data = b'{"e":"depthUpdate","E":1,"s":"\\u001b]0;x\\u0007","U":1,"u":1,"b":[],"a":[]}'
    script.take(RECV, b'{"stream":"\\u001b[2J@depth","data":' + data + b"}")
    script.take(RECV, b'{"stream":"btc@\\u001b[2J","data":{"e":"\\u001b[2J\\u009b","s":"\\u001b[2J"}}')
    script.take(RECV, b'{"e":"\x1b[2J"}')
    script.take(RECV, b"\x1b[2J\x9b no json \xff")
    script.take(RECV, b'{"error":{"code":2,"msg":"\\u001b[2J\\u009b"},"id":1}')
    script.note(b"error", {"message": "\x1b[2J\x07"}, 1)
    script.note(b"stall", {"connection": 1, "since": script.now, "message": "\x1b[2J"})
    script.close(by="\x1b[2J\x07\x9b")
    script.open(2)
    script.take(RECV, payload_of_delta(105, symbol=symbol), 2)
    return script.finish()


# -- statuses


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, ("verify", "whole")),
        (0, ("info", "whole")),
        (0, ("replay", "whole", "--speed", "max")),
        (0, ("cat", "whole")),
        (0, ("book", "whole")),
        (1, ("verify", "text")),
        (1, ("info", "missing")),
        (1, ("book", "whole", "--at", "+1h")),
        (2, ("verify",)),
        (2, ("verify", "whole", "--nonsense")),
        (2, ("nonsense",)),
        (2, ("book", "whole", "--at", "noon")),
        (2, ("book", "whole", "binance:NOSUCH")),
        (2, ("replay", "whole", "--speed", "fast")),
        (2, ("cat", "whole", "--kind", "nosuch")),
        (2, ("watch", "binanace:BTCUSDT")),
        (2, ("watch", "BTCUSDT")),
        (2, ("record", TARGET, "-d", "10")),
        (2, ("record", TARGET, "--channels", "nosuch")),
        (2, ("record", TARGET, "--fault", "drop=1")),
        (3, ("verify", "cut")),
        (3, ("verify", "lossy")),
        (3, ("info", "cut")),
        (3, ("cat", "cut")),
        (3, ("replay", "cut", "--speed", "max")),
        (3, ("replay", "lossy", "--speed", "max")),
        (5, ("verify", "false")),
        (5, ("replay", "false", "--speed", "max")),
    ],
)
def test_statuses(folder: Path, status: int, words: tuple[str, ...]) -> None:
    names = {name: str(folder / f"{name}.tape.zst") for name in ("whole", "cut", "lossy", "false", "text", "missing")}
    done = inside(*(names.get(word, word) for word in words))
    assert done.status == status, done.err
    if status in (1, 2):
        assert is_one_error(done), done.err


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, ("verify", "whole", "-q")),
        (1, ("verify", "text")),
        (2, ("verify", "whole", "--nonsense")),
        (3, ("verify", "cut", "-q")),
        (4, ("record", TARGET, "--url", UNREACHABLE, "-d", "1s", "-o", "new")),
        (4, ("watch", TARGET, "--url", UNREACHABLE, "-d", "1s")),
        (5, ("verify", "false", "-q")),
    ],
)
def test_statuses_of_the_process(folder: Path, tmp_path: Path, status: int, words: tuple[str, ...]) -> None:
    names = {name: str(folder / f"{name}.tape.zst") for name in ("whole", "cut", "false", "text")}
    done = feedtape(*(names.get(word, word) for word in words), cwd=tmp_path)
    assert done.status == status, done.err
    assert done.out == b"" and "Traceback" not in done.err and "this is a bug" not in done.err
    errors = [line for line in done.err.splitlines() if line.startswith("feedtape: error: ")]
    assert len(errors) == (status in (1, 2, 4))
    if status == 4:
        assert "binance" in errors[0]
        assert list(tmp_path.iterdir()) == [], "a tape without a frame is not left behind"


def test_info_goes_on_after_a_bad_file(folder: Path) -> None:
    done = inside("info", folder / "text.tape.zst", folder / "whole.tape.zst", folder / "cut.tape.zst")
    assert done.status == 1
    assert done.err.count("feedtape: error: ") == 1 and "text.tape.zst is not a tape" in done.err
    assert done.out.count(b"made by") == 2


# -- help and errors


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_sentence_and_examples(command: str) -> None:
    done = inside(command, "--help")
    text = done.out.decode()
    assert (done.status, done.err) == (0, "")
    assert inside(command, "-h").out == done.out
    sentence = text.split("\n\n")[1]
    assert sentence.strip().endswith((".", ":")) and len(sentence) > 30
    if command != "venues":
        assert text.count(f"feedtape {command} ") >= 2
        assert "  feedtape " in text


def test_the_program_lists_every_command_and_its_version() -> None:
    done = feedtape("--help")
    assert done.status == 0 and all(f"\n  {command} " in done.out.decode() for command in COMMANDS)
    assert feedtape("--version").out.startswith(b"feedtape 0.")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from feedtape.__main__ import main; main(['--help']);"
        "heavy = {'zstandard', 'httpx', 'websockets', 'asyncio', 'textual'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("watch", "binanace:BTCUSDT"), "did you mean binance"),
        (("watch", "BTCUSDT"), "venue:SYMBOL"),
        (("record", TARGET, "-d", "10"), "90s, 10m"),
        (("record", TARGET, "--channels", "boook"), "book, trades"),
        (("record", TARGET, "--fault", "drop=1"), "--sim"),
        (("record", TARGET, "--sim", "--fault", "dorp=1", "-o", "x.tape.zst"), "drop"),
        (("verify", "text.tape.zst"), "feedtape import"),
        (("book", "whole.tape.zst", "BTCUSD"), TARGET),
        (("book", "whole.tape.zst", "--at", "noon"), "10:15:02"),
        (("book", "whole.tape.zst", "--at", "+1h"), "holds 2026-11-23T10:15:02"),
        (("cat", "whole.tape.zst", "--kind", "trade"), "--events"),
        (("cat", "whole.tape.zst", "--events", "--only", "binance:ETHUSDT"), TARGET),
        (("replay", "whole.tape.zst", "--speed", "0"), "max"),
        (("record", TARGET, "-o", "whole.tape.zst"), "--overwrite"),
    ],
)
def test_errors_say_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str) -> None:
    monkeypatch.chdir(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = inside(*words)
    assert is_one_error(done), done.err
    assert said in done.err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_time_far_beyond_the_tape_is_an_ordinary_error(folder: Path) -> None:
    done = inside("book", folder / "whole.tape.zst", "--at", "+99999999d")
    assert is_one_error(done), done.err


def test_an_unknown_target_is_refused_wherever_it_is_asked_for(folder: Path) -> None:
    tape = folder / "whole.tape.zst"
    for words in (("book", tape, "x:Y"), ("cat", tape, "--only", "x:Y"), ("replay", tape, "--speed", "max", "--only", "x:Y")):
        done = inside(*words)
        assert done.status == 2 and "does not hold 'x:Y'" in done.err, words


# -- streams


@pytest.mark.parametrize("words", [("cat",), ("cat", "--events"), ("book", "--depth", "0"), ("replay", "--speed", "max")])
def test_a_closed_pipe_is_no_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = Script(tmp_path / "a.tape.zst").live(3000).finish()
    process = subprocess.Popen(
        [*PROGRAM, words[0], path, *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(20), said) == (0, b"")


def test_off_a_terminal_nothing_is_coloured(folder: Path) -> None:
    for name in ("whole", "lossy"):
        tape = folder / f"{name}.tape.zst"
        for words in (("verify",), ("info",), ("book",), ("replay", "--speed", "max"), ("replay", "--speed", "1000"), ("cat",)):
            done = inside(words[0], tape, *words[1:])
            assert b"\x1b" not in done.out and "\x1b" not in done.err, words
    done = feedtape("replay", folder / "lossy.tape.zst", "--speed", "1000", FORCE_COLOR="1", TERM="xterm-256color")
    assert b"\x1b" not in done.out and "\x1b" not in done.err
    assert b"\x1b" not in feedtape("--help", FORCE_COLOR="1").out


def printed_controls(done: Done) -> set[str]:
    """Characters that could steer a terminal, of all that a run printed."""
    text = done.out.decode() + done.err
    return {char for char in text if not char.isprintable() and char != "\n"}


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("verify", "--json"),
        ("info",),
        ("info", "--json"),
        ("book",),
        ("replay", "--speed", "max"),
        ("replay", "--speed", "1000", "--plain"),
        ("replay", "--speed", "1000", "--plain", "--json"),
    ],
)
def test_control_codes_in_frames_never_reach_the_terminal(hostile: Path, words: tuple[str, ...]) -> None:
    done = inside(words[0], hostile, *words[1:])
    assert done.status in (0, 1, 2, 3) and "this is a bug" not in done.err, done.err
    assert printed_controls(done) - {"\u202e"} == set()


@pytest.mark.parametrize("words", [("cat",), ("cat", "--events"), ("cat", "--events", "--kind", "gap")])
def test_control_codes_in_lines_are_escaped(hostile: Path, words: tuple[str, ...]) -> None:
    done = inside(words[0], hostile, *words[1:])
    assert done.status == 0 and done.out
    for line in done.lines():
        assert isinstance(line, dict)
    assert b"\x1b" not in done.out and b"\x07" not in done.out and b"\r" not in done.out


def test_control_codes_in_a_file_name_or_an_argument_are_escaped(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a\x1b[2J.tape.zst")
    for words in (("verify",), ("info",), ("book", "--at", "\x1b[2J"), ("book", "\x1b[2J:X"), ("cat", "--kind", "\x1b[2J")):
        done = inside(words[0], path, *words[1:])
        assert printed_controls(done) == set(), words
    assert printed_controls(inside("watch", "\x1b[2J:\x07")) == set()
    assert printed_controls(inside("\x1b[2J")) == set()
    assert printed_controls(inside("verify", tmp_path / "\x1b[2J")) == set()
