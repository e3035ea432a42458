"""What runs without a screen loads nothing of the library that draws them."""

import subprocess
import sys
from pathlib import Path

from stage_cli import whole_tape

_PROGRAM = """
import sys
from feedtape.__main__ import main

tape, new = sys.argv[1:]
# Nobody answers there.
live = ["binance:BTCUSDT", "--url", "ws://127.0.0.1:9", "-d", "50ms"]
runs = [["watch", *live, "--plain"], ["watch", *live, "--json"], ["watch", *live], ["record", *live, "-o", new]]
runs += [["replay", tape, *how, "--speed", "max"] for how in (["--plain"], ["--json"], [])]
statuses = [main(run) for run in runs]
loaded = [name for name in sys.modules if name.partition(".")[0] == "textual" or name.startswith("feedtape.ui.screen.")]
sys.stderr.write(f"statuses {statuses}, loaded {loaded[:3]}")
"""


def test_watching_recording_and_replaying_without_a_terminal_load_no_screen(tmp_path: Path) -> None:
    tape = whole_tape(tmp_path / "a.tape.zst")
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, tape, tmp_path / "b.tape.zst"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.stderr.decode().endswith("statuses [4, 4, 4, 4, 0, 0, 0], loaded []"), ran.stderr.decode()
    assert b"binance:BTCUSDT" in ran.stdout
