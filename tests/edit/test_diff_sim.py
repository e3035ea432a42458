"""`diff` of two recordings of one simulated exchange."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from edit.diff_stage import book_stream, books, updates, with_level
from feedtape.edit.diff_meaning import Only
from feedtape.edit.diff_side import Wanted
from feedtape.model.records import DERIVED, RECV
from feedtape.sim.process import launch
from feedtape.ui.diff import diff_lines
from stage_cli import Done, decompressed, ended, records_of, rewritten, started, until


def recordings(url: str, venue: str, folder: Path) -> tuple[Path, Path]:
    """Two recordings of one exchange that begin one after the other, and end when both have joined a snapshot for a while."""
    tapes = folder / "a.tape.zst", folder / "b.tape.zst"
    words = ("--url", url, "--channels", "book,trades,quotes")
    first = started("record", f"{venue}:BTCUSDT", *words, "-o", tapes[0])
    until(lambda: has_book(tapes[0], 10))
    second = started("record", f"{venue}:BTCUSDT", *words, "-o", tapes[1])
    until(lambda: has_book(tapes[1], 100))
    done: list[Done] = []
    for process in (first, second):
        process.send_signal(signal.SIGINT)
        done.append(ended(process))
    assert [one.status for one in done] == [0, 0], done
    return tapes


def has_book(tape: Path, more: int) -> bool:
    """Whether so many updates have come since a snapshot did."""
    return tape.exists() and decompressed(tape).rpartition(b'"lastUpdateId"')[2].count(b"depthUpdate") >= more


@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
def test_two_recordings_of_one_exchange_are_equal_where_they_overlap(tmp_path: Path, venue: str) -> None:
    with launch(venue, symbols=["BTCUSDT"], rate=100) as url:
        a, b = recordings(url, venue, tmp_path)
    found = updates(a, b)
    assert found.status == 0, diff_lines(found)
    assert {one.key.kind for one in found.streams} == {"book", "trades", "quotes"}
    assert book_stream(found).equal >= 50
    compared = books(a, b)
    assert (compared.status, compared.differ) == (0, 0), diff_lines(compared)
    assert compared.compared >= 50
    # One level, of one update that both have, in one of them.
    records = records_of(b)
    depth = [orjson.loads(one.payload)["data"] for one in records if one.kind == RECV and b"depthUpdate" in one.payload]
    chosen = next(data for data in depth[len(depth) // 2 :] if data["b"])
    price, size = chosen["b"][0]
    wrong = "12345.678" if Decimal(size) else "1.5"
    kept = [one for one in with_level(records, chosen["u"], price, wrong) if one.kind not in DERIVED]
    other = rewritten(b, tmp_path / "c.tape.zst", kept)
    parted = updates(a, other)
    (parting,) = parted.partings
    assert (parted.status, parted.differ, parting.kind, parting.place.last) == (5, 1, "altered", chosen["u"])
    assert [(one.a, one.b) for one in parting.changes] == [(size, wrong)]
    (book,) = books(a, other).books
    assert book.parted == chosen["u"] and (book.agreed or 0) < chosen["u"]
    assert any(one.b == wrong for one in book.changes)
    narrowed = Wanted(Only([f"{venue}:BTCUSDT"]))
    assert books(a, b, narrowed).compared == compared.compared
