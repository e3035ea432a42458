"""The first look: record the simulated exchange, audit the tape, replay it, and show that both saw the same books.

`make demo` runs it; `make sample` uses it to make the sample tape of this folder anew.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import orjson

FOLDER = Path("recordings")
TARGETS = ["binance:BTCUSDT", "binance-usdm:BTCUSDT"]
RECORD = ["--sim", "--channels", "all", "--overwrite", "--rate"]


def feedtape(*arguments: str, capture: bool = False) -> bytes:
    """Run feedtape as a user would, show the command, and end the demo when it fails."""
    print(f"\n$ feedtape {' '.join(arguments)}", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "feedtape", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE if capture else None, check=False)
    if result.returncode:
        sys.exit(f"feedtape {arguments[0]} ended with exit status {result.returncode}")
    return result.stdout or b""


def sample() -> None:
    """Make the sample tape."""
    tape = str(FOLDER / "sample.tape.zst")
    note = "sample from the simulated exchange"
    feedtape("record", *TARGETS, *RECORD, "10", "-d", "20s", "--seed", "7", "--note", note, "-o", tape)
    feedtape("verify", tape)


def demo() -> None:
    """Record, verify, replay, compare."""
    tape = str(FOLDER / "demo.tape.zst")
    feedtape("record", *TARGETS, *RECORD, "50", "-d", "12s", "-o", tape)
    feedtape("verify", tape)
    feedtape("book", tape, TARGETS[0], "--at", "+8s", "--depth", "3")
    live = orjson.loads(feedtape("info", tape, "--json", capture=True))["books"]
    played = orjson.loads(feedtape("replay", tape, "--speed", "max", "--json", capture=True))["books"]
    lines = []
    for target, book in live.items():
        agree = book["digest"] == played[target]["digest"]
        lines.append(f"  {target:<22} live {book['digest']}  replay {played[target]['digest']}  {'agree' if agree else 'DIFFER'}")
    print("\n" + "\n".join(lines))  # noqa: T201
    if not lines or any(line.endswith("DIFFER") for line in lines):
        sys.exit("replay and live do not agree")
    print(f"\nReplay and live agree. Look around: feedtape replay {tape}")  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", action="store_true", help="make the sample tape")
    if parser.parse_args().sample:
        sample()
    else:
        demo()
