"""The README's commands do what it says: each one that needs no real exchange is run, and every subcommand is in it."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SAMPLE = "recordings/sample.tape.zst"


def commands() -> list[str]:
    """Return the feedtape commands of the README's indented blocks, without comments."""
    lines = re.findall(r"^    (?:\$ )?(feedtape .*)$", README, re.MULTILINE)
    return [line.partition("#")[0].strip() for line in lines]


def offline() -> list[str]:
    """Return those that need neither a real exchange nor another tool."""
    return [line for line in commands() if ("--sim" in line or SAMPLE in line) and "|" not in line]


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as it stands, shortened to what a test has time for."""
    words = shlex.split(line)[1:]
    if words[0] == "doctor":
        words += ["--within", "3s"]
    elif "--sim" in words and "-d" not in words:
        words += ["-d", "2s"]
    elif "-d" in words:
        words[words.index("-d") + 1] = "3s"
    if words[0] == "replay":
        words += ["--speed", "50"]
    command = [sys.executable, "-m", "feedtape", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the sample tape where the README says it is."""
    (tmp_path / "recordings").mkdir()
    shutil.copy(ROOT / SAMPLE, tmp_path / SAMPLE)
    return tmp_path


def test_the_readme_shows_commands_that_can_be_tried() -> None:
    assert len(offline()) >= 3


@pytest.mark.parametrize("line", offline())
def test_a_command_of_the_readme_runs(line: str, folder: Path) -> None:
    result = run(line, folder)
    assert result.returncode in ((0, 3) if "--fault" in line else (0,)), result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_done_with_tapes_is_done_in_the_order_of_the_readme(folder: Path) -> None:
    for name in ("night", "mine", "theirs"):
        shutil.copy(ROOT / SAMPLE, folder / f"{name}.tape.zst")
    lines = [line for line in commands() if any(f"{name}.tape.zst" in line for name in ("night", "mine")) or "--new-key" in line]
    ran = {line.split()[1] for line in lines}
    assert {"verify", "repair", "cut", "diff", "seal"} <= ran
    for line in lines:
        # The sample is of another night.
        words = line.replace("03:12:00", "+5s").replace("03:13:00", "+9s").replace("~", str(folder)).partition("|")[0]
        result = run(words, folder)
        assert result.returncode == 0, (line, result.stderr)
    assert (folder / "night.tape.zst.seal").exists() and (folder / "minute.tape.zst").exists()


def test_the_sample_tape_is_whole() -> None:
    command = [sys.executable, "-m", "feedtape", "verify", str(ROOT / SAMPLE)]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def test_every_subcommand_is_in_the_readme() -> None:
    shown = subprocess.run([sys.executable, "-m", "feedtape", "--help"], capture_output=True, text=True, timeout=60, check=True)
    names = re.findall(r"^  ([a-z]+)  ", shown.stdout.partition("Commands:")[2], re.MULTILINE)
    assert len(names) >= 10
    for name in names:
        assert f"`feedtape {name}" in README
