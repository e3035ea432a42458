"""What the tests of seals share: tapes of several blocks, and a forger who recomputes chain and index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from feedtape.model.records import CHAIN, END, SUM, Record, note
from feedtape.recorder import Recorder, Rotation
from feedtape.session import Session
from feedtape.tape.blocks import Extent
from feedtape.tape.format import Block, decode_line, encode_index, signature
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from feedtape.venues import registry
from stage_cli import STEP, Script

Records = list[Record]


def recorded(path: Path) -> Path:
    """A whole tape of several blocks, with trades, which no digest covers."""
    script = Script(path, {"keyframe_ns": 10 * STEP}).live(5)
    for _ in range(20):
        script.trade()
        script.delta()
    return script.finish()


def recorded_set(folder: Path) -> list[Path]:
    """A recording of three segments or more."""

    def tape(_: int, number: int) -> TapeWriter:
        return TapeWriter(folder / f"a-{number}.tape.zst", level=1)

    script = Script(folder / "unused.tape.zst")
    script.recorder.writer.abandon()
    script.path.unlink()
    script.recorder = Recorder(tape(0, 1), Session(registry.venue), rotation=Rotation(tape, every_ns=20 * STEP))
    header = {"targets": [f"binance:{script.symbol}"], "channels": ["book"], "decoders": {"binance": "binance/1"}}
    script.recorder.begin(script.now, header)
    script.live(5)
    for _ in range(25):
        script.trade()
        script.delta()
    script.finish()
    return sorted(folder.glob("*.tape.zst"))


def blocks_of(path: Path) -> list[Records]:
    """The records of each block."""
    found = []
    with TapeReader(path) as reader:
        for block in reader.blocks:
            lines = reader.source.lines(Extent(block.offset, block.size, True, False)) or b""
            records = [decode_line(line) for line in lines[:-1].split(b"\n")]
            found.append([record for record in records if record.kind not in (CHAIN, SUM)])
    return found


def forged(source: Path, blocks: Iterable[Records], *, flush: bool = False) -> Path:
    """Write a tape again over itself, in these blocks, so that chain, end record and index are right in themselves.

    Args:
        flush: after every record, so that the container's own lines are others.
    """
    with TapeReader(source) as reader:
        statistics = reader.index.statistics
    writer = TapeWriter(source, level=3, overwrite=True)
    for records in blocks:
        for record in records:
            if record.kind == END:
                record = note(record.time, END, record.json() | {"chain": writer.end_block()})
            writer.write(record)
            if flush:
                writer.flush()
        writer.end_block()
    writer.close(statistics)
    return source


def spliced(path: Path, order: Sequence[int], *, indexed: bool, **statistics: object) -> Path:
    """Put the blocks of a tape together anew as they are: the chain shows it."""
    data = path.read_bytes()
    with TapeReader(path) as reader:
        blocks, index = reader.blocks, reader.index
    content, table = signature(), list[Block]()
    for number in order:
        block = blocks[number]
        table.append(block._replace(offset=len(content)))
        content += data[block.offset : block.offset + block.size]
    if indexed:
        content += encode_index(table, len(signature()), index.head, index.statistics | statistics)
    path.write_bytes(content)
    return path


def altered(records: Records, old: bytes, new: bytes) -> Records:
    """Records with the first payload altered in which that stands."""
    number = next(number for number, record in enumerate(records) if old in record.payload)
    one = records[number]
    changed = Record(one.time, one.connection, one.kind, one.payload.replace(old, new, 1))
    return [*records[:number], changed, *records[number + 1 :]]


def edited(seal: Path, **fields: object) -> Path:
    """A seal file with fields altered, or left out where the value is `...`."""
    content = orjson.loads(seal.read_bytes()) | fields
    seal.write_bytes(orjson.dumps({name: value for name, value in content.items() if value is not ...}))
    return seal
