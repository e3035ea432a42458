"""Measure replay, recording and size against their floors, all in one run on the same frames.

The frames are the USDⓈ-M capture under FEEDTAPE_FRAMES, or what the simulator makes where that is not set. Ratios hold from
machine to machine; absolute figures do not.
"""

import asyncio
import gzip
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import orjson
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from feedtape.feed.clock import Clock
from feedtape.feed.connection import Connection
from feedtape.model.records import BODY, CLOSE, OPEN, RECV, REQUEST, RESPONSE, Record, note
from feedtape.model.targets import Target
from feedtape.recorder import Recorder
from feedtape.replay.playback import Playback
from feedtape.session import Session
from feedtape.tape.blocks import Extent
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from feedtape.venues import registry

CAPTURE = "hftbacktest/binance-usdm-btcusdt-20240808.gz"
VENUE = "binance-usdm"
SNAPSHOT_URL = "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
ROUNDS = 5
SEEK_MB = int(os.environ.get("SEEK_MB", "200"))
"""Bytes of frames of the long tape in which is sought."""

Timed = list[tuple[int, bytes]]


def put(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def captured(folder: Path) -> Timed:
    """Return the lines of the capture: receipt time and frame."""
    with gzip.open(folder / CAPTURE) as file:
        return [(int(stamp), frame) for stamp, _, frame in (line.rstrip(b"\n").partition(b" ") for line in file)]


def simulated() -> Timed:
    """Return frames like the capture's, out of the simulated exchange."""
    from feedtape.sim.process import launch
    from feedtape.ui import recording
    from feedtape.ui.wanted import Wanted

    with tempfile.TemporaryDirectory() as folder, launch(VENUE, rate=500, symbols=["BTCUSDT"]) as url:
        path = Path(folder) / "sim.tape.zst"
        targets = [Target(VENUE, "BTCUSDT")]
        wanted = Wanted(targets, ["book", "trades", "quotes"], {VENUE: url}, duration_s=20.0)
        recording.record(wanted, recording.Tapes(lambda start, segment: TapeWriter(path)), quiet=True, json=False)
        with TapeReader(path) as reader:
            kept = [record for record in reader.records() if record.kind in (RECV, BODY)]
        return [
            (record.time, record.payload) for record in kept if b'"stream"' in record.payload or b"lastUpdateId" in record.payload
        ]


def is_snapshot(frame: bytes) -> bool:
    """Tell a REST snapshot from a frame."""
    return b'"stream"' not in frame


def write_tape(path: Path, frames: Timed) -> None:
    """Write the frames as a tape, as an import does."""
    recorder = Recorder(TapeWriter(path), Session(registry.venue))
    first = frames[0][0]
    recorder.begin(first, {"targets": [f"{VENUE}:BTCUSDT"]})
    recorder.take(note(first, OPEN, {"venue": VENUE, "url": None}, 1))
    for stamp, frame in frames:
        if is_snapshot(frame):
            take_snapshot(recorder, stamp, frame)
        else:
            recorder.take(Record(stamp, 1, RECV, frame))
    recorder.finish(frames[-1][0], "end of input")


def take_snapshot(recorder: Recorder, stamp: int, body: bytes, exchange: int = 2) -> None:
    """Record a REST snapshot."""
    recorder.take(note(stamp, REQUEST, {"venue": VENUE, "method": "GET", "url": SNAPSHOT_URL}, exchange))
    recorder.take(note(stamp, RESPONSE, {"status": 200}, exchange))
    recorder.take(Record(stamp, exchange, BODY, body))


def write_long(path: Path, frames: Timed, size: int) -> None:
    """Write a tape of so many bytes of frames: the same ones again and again, on a new connection each time."""
    recorder = Recorder(TapeWriter(path, level=3), Session(registry.venue))
    first, length = frames[0][0], frames[-1][0] - frames[0][0] + 10**9
    recorder.begin(first, {"targets": [f"{VENUE}:BTCUSDT"]})
    written = turn = 0
    while written < size:
        start = first + turn * length
        connection = 1 + 2 * turn
        recorder.take(note(start, OPEN, {"venue": VENUE, "url": None}, connection))
        for stamp, frame in frames:
            if written >= size:
                break
            stamp += turn * length
            if is_snapshot(frame):
                take_snapshot(recorder, stamp, frame, connection + 1)
            else:
                recorder.take(Record(stamp, connection, RECV, frame))
            written += len(frame)
        recorder.take(note(recorder.session.last, CLOSE, {"code": 1000, "by": "venue"}, connection))
        turn += 1
    recorder.finish(recorder.session.last, "end")


def sought(path: Path) -> float:
    """Find the books as they were a minute before the end; return the seconds."""
    started = time.perf_counter()
    with Playback(path) as playback:
        playback.run(playback.time("-1m"), seek=True)
    return time.perf_counter() - started


def best(measure: Callable[[], float]) -> float:
    """Return the shortest of several rounds."""
    return min(measure() for _ in range(ROUNDS))


def replayed(path: Path) -> float:
    """Replay the tape, books and digests and all; return the seconds."""
    started = time.perf_counter()
    playback = Playback(path)
    playback.run()
    seconds = time.perf_counter() - started
    totals = playback.session.totals
    assert totals.digests_matched > 0
    assert not totals.digests_failed
    assert not totals.losses
    return seconds


def floor(path: Path) -> float:
    """Decompress the tape, split its lines and parse each frame; return the seconds."""
    started = time.perf_counter()
    loads = orjson.loads
    with TapeReader(path) as reader:
        for block in reader.blocks:
            lines = reader.source.lines(Extent(block.offset, block.size, is_whole=True, is_skippable=False))
            for line in (lines or b"")[:-1].split(b"\n"):
                loads(line.split(b" ", 3)[3])
    return time.perf_counter() - started


def blast(frames: Sequence[bytes], pipe: Pipe) -> None:
    """Be a venue in a process of its own: shake hands once, then send every frame as fast as the socket takes it."""
    wire = b"".join(Frame(Opcode.TEXT, frame).serialize(mask=False) for frame in frames)
    with socket.create_server(("127.0.0.1", 0)) as server:
        pipe.send(server.getsockname()[1])
        peer, _ = server.accept()
        with peer:
            protocol = ServerProtocol()
            while not (events := protocol.events_received()):
                protocol.receive_data(peer.recv(65536))
            protocol.send_response(protocol.accept(events[0]))  # type: ignore[arg-type]
            for data in protocol.data_to_send():
                peer.sendall(data)
            pipe.recv()
            peer.sendall(wire)
            pipe.recv()


async def receive(port: int, recorder: Recorder, expected: int, pipe: Pipe) -> float:
    """Record everything that the venue sends; return the seconds from the start of the sending to the last frame."""
    clock = Clock()
    recorder.begin(clock.now(), {"targets": [f"{VENUE}:BTCUSDT"]})
    connection = Connection(1, VENUE, f"ws://127.0.0.1:{port}/public/stream", take=recorder.take, clock=clock)
    done = asyncio.Event()

    def look() -> None:
        if connection.frames >= expected:
            done.set()

    connection.after_read = look
    await connection.connect()
    pipe.send("go")
    started = time.perf_counter()
    await asyncio.wait_for(done.wait(), 120)
    recorder.writer.flush()
    seconds = time.perf_counter() - started
    connection.close(final=True)
    pipe.send("bye")
    await connection.wait_closed()
    recorder.finish(clock.now(), "bench")
    return seconds


def recorded(path: Path, frames: Timed) -> float:
    """Record over loopback, books and tape and all; return the seconds."""
    path.unlink(missing_ok=True)
    messages = [frame for _, frame in frames if not is_snapshot(frame)]
    here, there = multiprocessing.Pipe()
    venue = multiprocessing.get_context("spawn").Process(target=blast, args=(messages, there))
    venue.start()
    recorder = Recorder(TapeWriter(path), Session(registry.venue))
    port = here.recv()
    take = recorder.take
    first = True

    def take_with_snapshot(record: Record) -> Sequence[object]:
        nonlocal first
        if first and record.kind == RECV:
            # The snapshot comes before the first frame and is held until the stream reaches it.
            first = False
            for stamp, frame in frames:
                if is_snapshot(frame):
                    take_snapshot(recorder, record.time, frame)
                    del stamp
        return take(record)

    recorder.take = take_with_snapshot  # type: ignore[method-assign,assignment]
    seconds = asyncio.run(receive(port, recorder, len(messages), here))
    venue.join(10)
    totals = recorder.session.totals
    assert totals.frames == len(frames), (totals.frames, len(frames))
    assert not totals.losses, recorder.session.losses[:3]
    return seconds


def main() -> None:
    """Measure and print."""
    folder = os.environ.get("FEEDTAPE_FRAMES")
    frames = captured(Path(folder)) if folder else simulated()
    raw = sum(len(frame) for _, frame in frames)
    source = CAPTURE if folder else "the simulator (FEEDTAPE_FRAMES is not set)"
    put(f"{len(frames):,} frames, {raw / 1e6:.1f} MB, from {source}; best of {ROUNDS}")
    with tempfile.TemporaryDirectory() as scratch:
        tape = Path(scratch) / "bench.tape.zst"
        write_tape(tape, frames)
        base, ours = best(lambda: floor(tape)), best(lambda: replayed(tape))
        put(f"floor    {len(frames) / base:>10,.0f} frames/s   decompress, split, orjson.loads")
        put(f"replay   {len(frames) / ours:>10,.0f} frames/s   {ours / base:.2f} x the floor's time")
        live = Path(scratch) / "live.tape.zst"
        seconds = best(lambda: recorded(live, frames))
        put(f"record   {len(frames) / seconds:>10,.0f} frames/s   over loopback, no frame lost, books kept")
        lines = b"".join(b"%d %b\n" % one for one in frames)
        zipped = len(gzip.compress(lines, 9))
        size = tape.stat().st_size
        short, long = Path(scratch) / "short.tape.zst", Path(scratch) / "long.tape.zst"
        write_long(short, frames, 20_000_000)
        write_long(long, frames, SEEK_MB * 1_000_000)
        near, far = best(lambda: sought(short)), best(lambda: sought(long))
        put(f"seek     {far:>10.2f} s          to a minute before the end of {SEEK_MB} MB; {far / near:.2f} x that of 20 MB")
        put(f"size     {size:>10,} bytes      {len(lines) / size:.2f}x; gzip -9: {zipped:,} bytes, {len(lines) / zipped:.2f}x")
        put(f"         {size / zipped:.3f} of gzip -9")


if __name__ == "__main__":
    main()
