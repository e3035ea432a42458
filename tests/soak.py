"""Soak a recorder: a fast and faulty simulator for minutes, segments all the while, and an audit of everything at the end.

The memory must be flat, every loss named, every joint and digest proven, and every book the exchange's own or said to be broken.
Loopback only. Prints what was measured; exit status 1 with what does not hold.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from feedtape.sim.process import launch
from stage_cli import ask, ended, feedtape, numbers, started

VENUE = "binance"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT")
FAULTS = (
    "drop=0.0001",
    "duplicate=0.001",
    "reorder=0.0001",
    "truncate=0.00005",
    "malformed=0.00005",
    "disconnect=45s",
    "stall=60s",
    "slow-rest=200ms",
    "stale-snapshot=0.2",
    "refuse=0.05",
)
SHARE, ALLOWED_MB = 0.10, 20.0
"""How much the most memory of the last third may lie above that of the second."""


def put(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def resident_mb(process: subprocess.Popen[bytes]) -> float:
    """Memory of a process that runs."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


class Soak:
    """One run, and what does not hold of it."""

    def __init__(self, folder: Path, seconds: float, rate: float, rotate: Sequence[str]) -> None:
        self.folder = folder
        self.seconds = seconds
        self.rate = rate
        self.rotate = rotate
        self.wrong: list[str] = []
        self.memory: list[float] = []

    def need(self, holds: object, what: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(what)

    def run(self) -> None:
        """Record, then look at everything."""
        with launch(VENUE, symbols=SYMBOLS, rate=self.rate, faults=FAULTS, seed=5) as url:
            targets = [f"{VENUE}:{symbol}" for symbol in SYMBOLS]
            out = self.folder / "soak-%Y%m%d-%H%M%S.tape.zst"
            words = ["record", *targets, "--url", url, "-o", out, *self.rotate, "--flush", "500ms", "--silence", "5s", "--json"]
            begun = time.monotonic()
            recorder = started(*words)
            try:
                self._watch(recorder)
                ask(url, "/sim/pause")
                self._settle()
                took = time.monotonic() - begun
            finally:
                recorder.send_signal(signal.SIGINT)
            done = ended(recorder, 60)
            self.need(done.status in (0, 3), f"the recorder ended with {done.status}: {done.err[-500:]}")
            if done.status not in (0, 3):
                return
            facts = done.json()
            status, faults = ask(url, "/sim/status"), ask(url, "/sim/faults")["counts"]
            self._tell(facts, took, status, faults)
            self._audit(facts)
            for target in targets:
                self._compare(url, target, facts)

    def _watch(self, recorder: subprocess.Popen[bytes]) -> None:
        ends = time.monotonic() + self.seconds
        while time.monotonic() < ends and recorder.poll() is None:
            self.memory.append(resident_mb(recorder))
            time.sleep(1)

    def _settle(self) -> None:
        """Wait until nothing more is written."""
        size = -1
        while size != (size := sum(path.stat().st_size for path in self.folder.iterdir())):
            time.sleep(2)

    def _tell(self, facts: dict[str, Any], took: float, status: dict[str, Any], faults: dict[str, int]) -> None:
        frames = facts["frames"]
        put(f"frames     {frames:,} in {took:.0f} s: {frames / took:,.0f}/s, {facts['bytes'] / 1e6:,.0f} MB")
        put(f"tapes      {facts['tapes']}, {facts['size'] / 1e6:.1f} MB, {facts['bytes'] / facts['size']:.1f}x")
        put(f"exchange   {status['steps']:,} steps, {status['steps_skipped']:,} skipped; faults {dict(sorted(faults.items()))}")
        lost = f"{facts['losses']} noted, {facts['dropped']} dropped here, {facts['stalls']} stalls"
        put(f"losses     {lost}, {facts['bad_frames']} bad frames")
        third = len(self.memory) // 3
        first, second, last = self.memory[:third], self.memory[third : 2 * third], self.memory[2 * third :]
        put(f"memory     {max(first):.0f}, {max(second):.0f}, {max(last):.0f} MB at most in each third")
        self.need(max(last) <= max(second) * (1 + SHARE) + ALLOWED_MB, "the memory grows")
        self.need(facts["tapes"] > 1, "there was only one segment")

    def _audit(self, facts: dict[str, Any]) -> None:
        begun = time.monotonic()
        done = feedtape("verify", self.folder, "--json", within_s=3600)
        seconds = time.monotonic() - begun
        if done.status not in (0, 3):
            self.wrong.append(f"verify ended with {done.status}: {done.err} {done.out[:3000]!r}")
            return
        told = orjson.loads(done.out)
        digests, joints = told["digests"], told["joints"]
        put(f"verify     status {done.status} in {seconds:.0f} s: digests {digests}, joints {joints}, losses {told['losses']}")
        self.need(digests["matched"] > 0 and not digests["failed"] and not digests["unchecked"], "digests")
        self.need(joints == {"proven": facts["tapes"] - 1, "failed": 0, "unchecked": 0}, "joints")
        self.need(told["frames"] == facts["frames"] and told["dropped"] == facts["dropped"], "frames live and replayed")
        self.need(
            told["losses"] == told["losses_noted"] == facts["losses"], f"losses: {told['losses_noted']} are noted on the tape"
        )
        self.need(told["loss"] == facts["loss"], "the losses are not the same ones")
        self.need(told["books"] == facts["books"], "books live and replayed")
        self.need(told["cut"] is None and not told["damage"] and not told["faults"], "the set is not whole")

    def _compare(self, url: str, target: str, facts: dict[str, Any]) -> None:
        book = facts["books"].get(target)
        if book is None or book["state"] != "live":
            put(f"book       {target} says that it is {book['state'] if book else 'not there'}: {book['reason'] if book else ''}")
            return
        done = feedtape("book", self.folder, target, "--json", "--depth", "0", within_s=600)
        shown = done.json()
        truth = ask(url, f"/sim/book?symbol={target.partition(':')[2]}&at={shown['sequence']}")
        same = all(numbers(shown[side]) == numbers(truth[side]) for side in ("bids", "asks"))
        levels = f"{len(shown['bids'])} and {len(shown['asks'])} levels"
        put(f"book       {target} at {shown['sequence']}, {levels}: {'true' if same else 'WRONG'}")
        self.need(same and shown["sequence"] == book["sequence"], f"{target} is not the exchange's book and does not say so")


def main() -> int:
    """Soak as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=600, help="depth updates a second and symbol")
    asked = parser.parse_args()
    seconds = asked.minutes * 60
    rotate = ["--rotate-every", f"{max(5, int(seconds / 12))}s", "--rotate-size", "8MB"]
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        what = f"{len(SYMBOLS)} symbols at {asked.rate:g} updates/s, {' '.join(rotate)}, {os.cpu_count()} cores"
        put(f"soak       {asked.minutes:g} minutes, {what}")
        soak = Soak(Path(name), seconds, asked.rate, rotate)
        soak.run()
    for what in soak.wrong:
        put(f"VIOLATED   {what}")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
