"""Real captures, against a naive reading of the same files that shares no code with the importers."""

from __future__ import annotations

import gzip
from decimal import Decimal
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from convert.feeds import imported, kinds, replayed, tops
from feedtape.convert.importer import Imported
from feedtape.model.records import BODY, RECV

pytestmark = pytest.mark.frames

SPOT = "binance-spot-btcusdt"
ENDS = {
    "binance-usdm-btcusdt": ("binance-usdm:BTCUSDT", ("61659.70", "1.486"), ("61659.80", "0.981")),
    SPOT: ("binance:BTCUSDT", ("61685.99", "1.0087"), ("61686.00", "2.29327")),
    "binance-coinm-btcusd_perp": ("binance-coinm:BTCUSD_PERP", ("61668.6", "1380"), ("61668.7", "871")),
}
DUMPS = {"BINANCE": "binance", "BINANCE_FUTURES": "binance-usdm", "BINANCE_DELIVERY": "binance-coinm"}

Level = tuple[Decimal, Decimal]


def numbers(level: Any) -> Level:
    return Decimal(level[0]), Decimal(level[1])


@pytest.mark.parametrize("name", [name for name in ENDS if name != SPOT])
def test_hftbacktests_files_end_on_the_books_that_they_hold(frames: Path, tmp_path: Path, name: str) -> None:
    path = frames / "hftbacktest" / f"{name}-20240808.gz"
    result = imported(path, tmp_path / "out")
    check_end(name, result)
    with gzip.open(path) as file:
        assert result.session.totals.frames == sum(1 for _ in file)


def check_end(name: str, result: Imported) -> None:
    book, bid, ask = ENDS[name]
    keeper = result.session.books[book]
    assert list(result.session.books) == [book]
    assert (keeper.counters.gaps, result.session.losses, result.session.totals.bad_frames) == (0, [], 0)
    assert [numbers(level) for level in tops(result.session)[book]] == [numbers(bid), numbers(ask)]
    assert result.exit_status == 0


def test_a_tape_holds_every_byte_and_replays_to_the_same_digests(frames: Path, tmp_path: Path) -> None:
    path = frames / "hftbacktest" / f"{SPOT}-20240808.gz"
    result = imported(path, tmp_path / "out")
    check_end(SPOT, result)
    whole = result.session
    with gzip.open(path) as file:
        lines = file.read().splitlines(keepends=True)
    made = [b"%d %b\n" % (record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)]
    assert made == lines
    assert replayed(tmp_path / "out").digests() == whole.digests()
    halves = [tmp_path / "first.gz", tmp_path / "second.gz"]
    middle = len(lines) // 2
    for half, part in zip(halves, (lines[:middle], lines[middle:]), strict=True):
        half.write_bytes(gzip.compress(b"".join(part), 1))
    chained = imported(halves[::-1], tmp_path / "chained").session
    assert chained.digests() == whole.digests()
    assert chained.losses == []


def test_a_cut_file_gives_a_good_tape_up_to_the_cut(frames: Path, tmp_path: Path) -> None:
    whole = (frames / "hftbacktest" / f"{SPOT}-20240808.gz").read_bytes()
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 3])
    result = imported(tmp_path / "cut.gz", tmp_path / "out")
    assert result.exit_status == 3
    [cut] = result.cuts
    assert cut.last == result.session.last
    assert cut.lines == result.session.totals.frames > 10_000
    assert replayed(tmp_path / "out").losses == []


class NaiveDump:
    """Snapshots and depth updates of a dump, by symbol, with the breaks of each chain."""

    def __init__(self, files: list[Path]) -> None:
        self.books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
        self.breaks: dict[str, int] = {}
        updates: dict[str, list[Any]] = {}
        snapshots: dict[str, Any] = {}
        for line in chain.from_iterable(gzip.decompress(file.read_bytes()).decode().splitlines() for file in files):
            head, _, body = line.partition(": ")
            if "/depth?symbol=" in head:
                snapshots.setdefault(head.partition("symbol=")[2].partition("&")[0], orjson.loads(body))
            elif '"depthUpdate"' in body:
                data = orjson.loads(body)["data"]
                updates.setdefault(data["s"], []).append(data)
        for symbol, chained in updates.items():
            pairs = pairwise(chained)
            self.breaks[symbol] = sum(
                now["pu"] != before["u"] if "pu" in now else now["U"] != before["u"] + 1 for before, now in pairs
            )
        for symbol, snapshot in snapshots.items():
            sides = dict(map(numbers, snapshot["bids"])), dict(map(numbers, snapshot["asks"]))
            for data in updates.get(symbol, []):
                if data["u"] > snapshot["lastUpdateId"]:
                    for side, levels in zip(sides, (data["b"], data["a"]), strict=True):
                        side.update(map(numbers, levels))
            self.books[symbol] = sides


@pytest.mark.parametrize("name", DUMPS)
def test_cryptofeeds_dumps_report_the_gaps_that_they_hold_and_no_other(frames: Path, tmp_path: Path, name: str) -> None:
    files = sorted((frames / "cryptofeed").glob(f"{name}.*"))
    session = imported(files, tmp_path / "out").session
    naive = NaiveDump(files)
    assert naive.books
    assert {book: keeper.counters.gaps for book, keeper in session.books.items()} == {
        f"{DUMPS[name]}:{symbol}": naive.breaks.get(symbol, 0) for symbol in naive.books
    }
    for symbol, sides in naive.books.items():
        keeper = session.books[f"{DUMPS[name]}:{symbol}"]
        if naive.breaks.get(symbol, 0):
            continue
        for side, ladder in zip(sides, (keeper.book.bids, keeper.book.asks), strict=True):
            assert dict(map(numbers, ladder.top())) == {price: size for price, size in side.items() if size}
    losses = [loss for loss in session.losses if loss.kind != "trades"]
    assert len(losses) == sum(naive.breaks.values())
    assert session.totals.bad_frames == 0
    assert replayed(tmp_path / "out").digests() == session.digests()


def test_dumps_of_several_venues_make_one_tape(frames: Path, tmp_path: Path) -> None:
    files = sorted((frames / "cryptofeed").glob("BINANCE*"))
    together = imported(files, tmp_path / "all").session
    for name in DUMPS:
        alone = imported(sorted((frames / "cryptofeed").glob(f"{name}.*")), tmp_path / name).session
        assert alone.digests().items() <= together.digests().items()


@pytest.mark.parametrize("name", ["HUOBI", "DERIBIT", "OKX", "POLONIEX", "KRAKEN"])
def test_every_record_of_other_venues_dumps_reaches_the_tape(frames: Path, tmp_path: Path, name: str) -> None:
    files = sorted((frames / "cryptofeed").glob(f"{name}.*"))
    result = imported(files, tmp_path / "out", venue="binance")
    texts = [gzip.decompress(file.read_bytes()).splitlines() for file in files]
    expected = sum(line[:1].isdigit() or b" -> " in line[:200] for line in chain.from_iterable(texts))
    assert result.session.totals.frames == expected
    assert (result.cuts, result.backward) == ([], 0)
