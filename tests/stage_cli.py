"""What the tests of the tape, of replay and of the command line share: hand-written tapes, and the program as a process."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import zstandard

from feedtape.__main__ import main
from feedtape.model.records import BODY, CLOSE, DROP, OPEN, RECV, REQUEST, RESPONSE, STALL, Record, note
from feedtape.recorder import Recorder
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from feedtape.venues import registry

START = 1_795_428_902_000_000_000
"""2026-11-23T10:15:02Z."""
STEP = 100_000_000
TARGET = "binance:BTCUSDT"
PROGRAM = (sys.executable, "-m", "feedtape")

# -- the program


@dataclass(frozen=True)
class Done:
    """How a run of the program ended."""

    status: int
    out: bytes
    err: str

    def json(self) -> Any:
        """What it printed, read as one JSON value."""
        return orjson.loads(self.out)

    def lines(self) -> list[Any]:
        """What it printed, read as JSON lines."""
        return [orjson.loads(line) for line in self.out.splitlines()]


def feedtape(*words: object, within_s: float = 30, cwd: Path | None = None, **environment: str) -> Done:
    """Run the program to its end; one that hangs fails."""
    ran = subprocess.run(
        [*PROGRAM, *map(str, words)],
        capture_output=True,
        timeout=within_s,
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Done(ran.returncode, ran.stdout, ran.stderr.decode())


def inside(*words: object) -> Done:
    """Run a command within this process: half a second less than a process of its own, where many are run."""
    out, err = io.BytesIO(), io.StringIO()
    with redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)) as text, redirect_stderr(err):
        status = main([str(word) for word in words])
        text.flush()
        return Done(status, out.getvalue(), err.getvalue())


def started(*words: object, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start the program and leave it running."""
    return subprocess.Popen([*PROGRAM, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)


def ended(process: subprocess.Popen[bytes], within_s: float = 20) -> Done:
    """Wait for a started program."""
    try:
        out, err = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Done(process.returncode, out, (err or b"").decode())


def until(condition: Callable[[], object], within_s: float = 15) -> None:
    """Return when a condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def ask(url: str, path: str) -> Any:
    """Ask the simulated exchange behind a `ws://` address."""
    with urllib.request.urlopen(url.replace("ws://", "http://", 1) + path, timeout=10) as response:
        return orjson.loads(response.read())


def is_one_error(done: Done) -> bool:
    """Whether it ended as an error should: one line, at most one hint, nothing printed, no traceback."""
    lines = done.err.splitlines()
    return (
        1 <= len(lines) <= 2
        and lines[0].startswith("feedtape: error: ")
        and "this is a bug" not in lines[0]
        and (len(lines) == 1 or lines[1].startswith("hint: "))
        and not done.out
    )


# -- tapes


def payload_of_delta(sequence: int, first: int | None = None, symbol: str = "BTCUSDT", price: str = "61685.50") -> bytes:
    """A depth update of Binance spot as the wire has it."""
    data = {
        "e": "depthUpdate",
        "E": 1_795_428_902_000 + sequence,
        "s": symbol,
        "U": sequence if first is None else first,
        "u": sequence,
        "b": [[price, f"{sequence % 7}.10000000"]],
        "a": [["61686.00", f"1.{sequence:08d}"]],
    }
    return orjson.dumps({"stream": f"{symbol.lower()}@depth@100ms", "data": data})


@dataclass
class Script:
    """A recording that a test writes by hand: Binance spot frames at made-up times, through the real recorder."""

    path: Path
    options: dict[str, Any] = field(default_factory=dict)
    symbol: str = "BTCUSDT"
    now: int = START
    sequence: int = 100
    trades: int = 500
    make: Callable[[Path], TapeWriter] = lambda path: TapeWriter(path, level=1)
    header: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session = Session(registry.venue)
        self.recorder = Recorder(self.make(self.path), self.session, **self.options)
        header = {"targets": [f"binance:{self.symbol}"], "channels": ["book"], "decoders": {"binance": "binance/1"}}
        self.recorder.begin(self.now, header | self.header)
        self._rng = random.Random(7)
        self._exchange = 1000

    def take(self, kind: bytes, payload: bytes, connection: int = 1) -> None:
        """Take any record, a step later."""
        self.now += STEP
        self.recorder.take(Record(self.now, connection, kind, payload))

    def note(self, kind: bytes, fields: dict[str, Any], connection: int = 0) -> None:
        """Take a record whose payload is JSON."""
        self.now += STEP
        self.recorder.take(note(self.now, kind, fields, connection))

    def open(self, connection: int = 1) -> None:
        """Open a connection."""
        fields = {"venue": "binance", "url": "wss://stream.binance.com:9443/stream", "status": 101}
        self.note(OPEN, fields, connection)

    def close(self, connection: int = 1, **fields: Any) -> None:
        """Close one."""
        self.note(CLOSE, {"code": 1006, "reason": "", "by": "venue"} | fields, connection)

    def snapshot(self, sequence: int | None = None) -> None:
        """Fetch a snapshot over HTTP, by default of the latest update."""
        self._exchange += 1
        number = self._exchange
        url = f"https://api.binance.com/api/v3/depth?symbol={self.symbol}&limit=5000"
        self.note(REQUEST, {"venue": "binance", "method": "GET", "url": url}, number)
        self.note(RESPONSE, {"status": 200, "headers": {}}, number)
        bids = [[f"{61685 - level}.00000000", "1.50000000"] for level in range(5)]
        asks = [[f"{61687 + level}.00000000", "2.25000000"] for level in range(5)]
        body = {"lastUpdateId": self.sequence if sequence is None else sequence, "bids": bids, "asks": asks}
        self.take(BODY, orjson.dumps(body), number)

    def delta(self, lost: int = 0, connection: int = 1) -> None:
        """The next update, after so many that never came."""
        self.sequence += 1 + lost
        price = f"6168{self._rng.randrange(5)}.{self._rng.randrange(10)}0"
        self.take(RECV, payload_of_delta(self.sequence, symbol=self.symbol, price=price), connection)

    def trade(self, lost: int = 0, connection: int = 1) -> None:
        """The next trade, after so many that never came."""
        self.trades += 1 + lost
        data = {"e": "trade", "E": 1, "s": self.symbol, "t": self.trades, "p": "61685.90", "q": "0.00100000"}
        data |= {"T": 1_795_428_902_000, "m": True, "M": True}
        self.take(RECV, orjson.dumps({"stream": f"{self.symbol.lower()}@trade", "data": data}), connection)

    def quote(self, connection: int = 1) -> None:
        """A best bid and ask."""
        data = {"u": self.sequence, "s": self.symbol, "b": "61685.00", "B": "1.5", "a": "61687.00", "A": "2.25"}
        self.take(RECV, orjson.dumps({"stream": f"{self.symbol.lower()}@bookTicker", "data": data}), connection)

    def stall(self, connection: int = 1) -> None:
        """Note that a connection is silent."""
        self.note(STALL, {"connection": connection, "since": self.now, "message": "silent"})

    def drop(self, frames: int) -> None:
        """Note that frames were dropped here."""
        self.note(DROP, {"frames": frames, "since": self.now})

    def live(self, deltas: int = 10) -> Script:
        """Open, join a snapshot, and go on for a while."""
        self.open()
        self.delta()
        self.snapshot()
        for _ in range(deltas):
            self.delta()
        return self

    def finish(self) -> Path:
        """Close the tape and return its path."""
        self.now += STEP
        self.recorder.finish(self.now, "end of the script")
        return self.path

    def abandon(self) -> Path:
        """Leave the tape as a killed recorder does."""
        self.recorder.writer.flush()
        self.recorder.writer.abandon()
        return self.path


def whole_tape(path: Path, deltas: int = 20) -> Path:
    """A tape on which nothing is missing: a book, trades and quotes."""
    script = Script(path).live(deltas)
    for _ in range(5):
        script.trade()
        script.quote()
    return script.finish()


def eventful(script: Script) -> Path:
    """A recording in which about everything happens that can."""
    script.live()
    for _ in range(3):
        script.trade()
        script.quote()
    script.delta(lost=3)
    script.delta()
    script.snapshot()
    script.trade(lost=2)
    script.take(RECV, b'{"stream":"btcusdt@depth@100ms","data":{"e":"depth')
    script.delta()
    script.stall()
    for _ in range(5):
        script.delta()
    script.open(2)
    script.delta(connection=2)
    script.delta(connection=2)
    script.close(1)
    script.snapshot()
    for _ in range(8):
        script.delta(connection=2)
        script.trade(connection=2)
    script.drop(4)
    script.take(RECV, b'{"stream":"btcusdt@kline_1m","data":{"e":"kline","s":"BTCUSDT"}}', 2)
    script.snapshot(90)
    script.delta(lost=1, connection=2)
    script.snapshot(95)
    for _ in range(4):
        script.delta(connection=2)
    script.snapshot()
    script.delta(connection=2)
    script.quote(2)
    script.close(2)
    script.open(3)
    script.delta(connection=3)
    script.snapshot()
    for _ in range(3):
        script.delta(connection=3)
    script.stall(3)
    return script.finish()


def records_of(path: Path) -> list[Record]:
    """All that can be read of a tape."""
    with TapeReader(path) as reader:
        return list(reader.records())


def rewritten(source: Path, path: Path, records: Iterable[Record], *, cut: bool = False) -> Path:
    """A tape of other records, with the index of the first where it is not to be cut."""
    writer = TapeWriter(path, level=1)
    for record in records:
        writer.write(record)
    if cut:
        writer.flush()
        writer.abandon()
    else:
        with TapeReader(source) as reader:
            writer.close(reader.index.statistics)
    return path


def played(path: Path, after: int | None = None) -> Playback:
    """A tape played to its end, its file closed."""
    playback = Playback(path)
    for _ in playback.play(after=after):
        pass
    playback.close()
    return playback


def decompressed(path: Path) -> bytes:
    """What `zstd -dc` prints, cut input included."""
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream:
        return stream.read()


def numbers(levels: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Levels in one spelling, for comparing numbers."""
    return [(str(Decimal(price).normalize()), str(Decimal(size).normalize())) for price, size in levels]
