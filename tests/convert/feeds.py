"""Small feeds in other tools' formats, and what a test asks of the tapes made from them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from feedtape.convert.importer import Imported, write
from feedtape.convert.plan import AUTO, make_plan
from feedtape.model.records import Record
from feedtape.session import Session
from feedtape.tape.reader import TapeReader
from feedtape.venues import registry

START = 1_723_161_255_030_314_667
STEP = 100_000_000
SNAPSHOT_AT = 3


def usdm_delta(number: int, symbol: str = "BTCUSDT") -> bytes:
    """The `number`th depth update: a chain by `pu` with holes in the ids, as the venue sends it."""
    first, last = number * 100 + 7, number * 100 + 50
    data = {
        "e": "depthUpdate",
        "E": 1_723_161_256_299 + number * 100,
        "T": 1_723_161_256_298 + number * 100,
        "s": symbol,
        "U": first,
        "u": last,
        "pu": last - 100,
        "b": [[f"6170{number % 10}.10", f"1.{number:03}"], ["61690.00", "0" if number % 2 else "4.000"]],
        "a": [[f"6180{number % 10}.30", f"2.{number:03}"]],
    }
    return orjson.dumps({"stream": f"{symbol.lower()}@depth@0ms", "data": data})


def usdm_snapshot(sequence: int) -> bytes:
    """A REST answer that names no symbol."""
    return orjson.dumps(
        {
            "lastUpdateId": sequence,
            "E": 1_723_161_256_501,
            "T": 1_723_161_256_493,
            "bids": [["61700.00", "3.000"], ["61690.00", "4.000"]],
            "asks": [["61800.40", "5.000"]],
        }
    )


def usdm_feed(deltas: int = 12) -> list[tuple[int, bytes]]:
    """Depth updates of one symbol with their arrival, the snapshot after the first few."""
    payloads = [usdm_delta(number) for number in range(deltas)]
    payloads.insert(SNAPSHOT_AT, usdm_snapshot(220))
    return [(START + index * STEP, payload) for index, payload in enumerate(payloads)]


def hft_text(feed: Iterable[tuple[int, bytes]], *, microseconds: bool = False) -> bytes:
    """The lines of hftbacktest's collector."""
    return b"".join(b"%d %b\n" % (time // 1000 if microseconds else time, payload) for time, payload in feed)


def stored(path: Path, text: bytes) -> Path:
    """A file with these contents, compressed when its name says so."""
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def imported(
    files: Sequence[Path] | Path, out: Path, *, venue: str | None = None, format: str = AUTO, symbol: str | None = None
) -> Imported:
    """Import files into a new tape."""
    paths = [files] if isinstance(files, Path) else files
    return write(make_plan(paths, venue=venue, format=format, symbol=symbol), out)


def tape_records(path: Path) -> list[Record]:
    """All records of a complete tape."""
    with TapeReader(path) as reader:
        records = list(reader.records())
        assert reader.complete and reader.damage is None
        return records


def replayed(path: Path) -> Session:
    """What a replay of a tape builds, which must be what the import wrote down."""
    session = Session(registry.venue)
    for record in tape_records(path):
        session.feed(record)
    assert session.totals.digests_matched > 0 or not session.books
    assert session.totals.digests_failed == 0
    return session


def kinds(path: Path, *wanted: bytes) -> list[Record]:
    """The records of some kinds, in order."""
    return [record for record in tape_records(path) if record.kind in wanted]


def tops(session: Session) -> dict[str, tuple[Any, Any]]:
    """Best bid and ask of every book."""
    return {
        name: (next(iter(keeper.book.bids.top(1)), None), next(iter(keeper.book.asks.top(1)), None))
        for name, keeper in session.books.items()
    }
