"""hftbacktest's files: whole, of microseconds, cut, chained."""

import gzip
import itertools
from pathlib import Path

import orjson
import pytest

from convert.feeds import (
    SNAPSHOT_AT,
    START,
    STEP,
    hft_text,
    imported,
    kinds,
    replayed,
    stored,
    tape_records,
    tops,
    usdm_delta,
    usdm_feed,
    usdm_snapshot,
)
from feedtape.book.rules import Integrity
from feedtape.convert.chain import Chain
from feedtape.convert.hftbacktest import split
from feedtape.convert.source import SourceFile
from feedtape.errors import UsageError
from feedtape.model.records import BODY, CLOSE, HEADER, MARKER, OPEN, RECV, REQUEST, RESPONSE
from feedtape.venues.binance import BinanceUsdm

NAME = "btcusdt_20240808.gz"
BOOK = "binance-usdm:BTCUSDT"
FEED = usdm_feed()


def test_a_file_becomes_a_tape_with_the_same_bytes_and_times(tmp_path: Path) -> None:
    result = imported(stored(tmp_path / NAME, hft_text(FEED)), tmp_path / "out")
    frames = [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)]
    assert frames == FEED
    assert (result.exit_status, result.session.losses, result.cuts) == (0, [], [])
    session = replayed(tmp_path / "out")
    assert tops(session) == {BOOK: (("61709.10", "1.009"), ("61800.30", "2.010"))}
    assert session.books[BOOK].counters.updates == 10


def test_the_header_says_where_the_tape_comes_from(tmp_path: Path) -> None:
    path = stored(tmp_path / NAME, hft_text(FEED))
    imported(path, tmp_path / "out")
    header = tape_records(tmp_path / "out")[0]
    assert (header.kind, header.time) == (HEADER, START)
    fields = header.json()
    assert fields["targets"] == [BOOK]
    assert fields["decoders"] == {"binance-usdm": "binance-usdm/1"}
    assert fields["source"]["format"] == "hftbacktest"
    assert fields["source"]["files"] == [{"name": NAME, "bytes": path.stat().st_size}]
    [opened] = kinds(tmp_path / "out", OPEN)
    assert opened.json() == {"venue": "binance-usdm", "url": None, "imported": "hftbacktest", "file": NAME}


def test_a_snapshot_among_the_frames_is_an_exchange_of_its_own(tmp_path: Path) -> None:
    imported(stored(tmp_path / NAME, hft_text(FEED)), tmp_path / "out")
    request, response, body = kinds(tmp_path / "out", REQUEST, RESPONSE, BODY)
    assert request.connection == response.connection == body.connection == 2
    assert request.json() == {
        "venue": "binance-usdm",
        "url": "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000",
        "synthesized": True,
    }
    assert response.json()["status"] == 200
    assert (body.time, body.payload) == FEED[SNAPSHOT_AT]


def test_a_refusal_among_the_frames_is_an_exchange_that_failed(tmp_path: Path) -> None:
    feed = usdm_feed()
    feed.insert(1, (START + 1, b'{"code":-1003,"msg":"Too many requests"}'))
    result = imported(stored(tmp_path / NAME, hft_text(feed)), tmp_path / "out")
    assert [record.json()["status"] for record in kinds(tmp_path / "out", RESPONSE)] == [400, 200]
    assert (result.session.totals.http_errors, result.session.totals.bad_frames, result.exit_status) == (1, 0, 0)


def test_sixteen_digits_are_microseconds_on_each_line(tmp_path: Path) -> None:
    text = hft_text(FEED[:6], microseconds=True) + hft_text(FEED[6:])
    imported(stored(tmp_path / NAME, text), tmp_path / "out")
    times = [record.time for record in kinds(tmp_path / "out", RECV, BODY)]
    assert times[:6] == [time // 1000 * 1000 for time, _ in FEED[:6]]
    assert times[6:] == [time for time, _ in FEED[6:]]


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.99])
def test_a_cut_file_gives_all_its_whole_lines_and_a_warning(tmp_path: Path, keep: float) -> None:
    feed = usdm_feed(2000)
    whole = gzip.compress(hft_text(feed))
    (tmp_path / NAME).write_bytes(whole[: int(len(whole) * keep)])
    result = imported(tmp_path / NAME, tmp_path / "out")
    frames = [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)]
    assert len(feed) * keep * 0.7 < len(frames) < len(feed)
    assert frames == feed[: len(frames)]
    assert result.exit_status == 3
    [cut] = result.cuts
    assert (cut.last, cut.why) == (frames[-1][0], "it ends in the middle of its gzip data")
    [marker] = kinds(tmp_path / "out", MARKER)
    assert marker.json() == {"cut": cut.as_json()}
    session = replayed(tmp_path / "out")
    assert session.books[BOOK].proof()[0] == "sequence"


def test_a_gzip_that_lacks_its_trailer_alone_loses_no_line(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(gzip.compress(hft_text(FEED))[:-8])
    result = imported(tmp_path / NAME, tmp_path / "out")
    assert len(kinds(tmp_path / "out", RECV, BODY)) == len(FEED)
    assert result.exit_status == 3


def test_the_rest_of_an_older_file_is_not_taken_for_frames(tmp_path: Path) -> None:
    older = gzip.compress(hft_text(usdm_feed(500)))
    newer = gzip.compress(hft_text(FEED))
    (tmp_path / NAME).write_bytes(newer[:-8] + older[len(newer) :])
    result = imported(tmp_path / NAME, tmp_path / "out")
    assert [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)] == FEED
    assert (result.exit_status, result.session.totals.bad_frames) == (3, 0)


def test_damaged_lines_at_the_end_of_a_damaged_file_are_left_out(tmp_path: Path) -> None:
    rubbish = b'1723161256 {"stream":\x8f\xff\n\x00\x17rub'
    (tmp_path / NAME).write_bytes(gzip.compress(hft_text(FEED) + rubbish)[:-8])
    result = imported(tmp_path / NAME, tmp_path / "out")
    assert [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)] == FEED
    assert [(cut.lines, cut.dropped) for cut in result.cuts] == [(len(FEED), 1)]
    assert result.session.totals.bad_frames == 0


@pytest.mark.parametrize(("chained", "expected"), [(True, [OPEN]), (False, [OPEN, CLOSE, OPEN])])
def test_behind_a_cut_a_feed_goes_on_only_where_numbers_prove_it(tmp_path: Path, chained: bool, expected: list[bytes]) -> None:
    class Unchained(BinanceUsdm):
        def integrity(self, channel: str) -> Integrity:
            return Integrity(snapshot="full", unprovable="nothing links the messages")

    (tmp_path / "a.gz").write_bytes(gzip.compress(hft_text(FEED[:6]))[:-8])
    files = [SourceFile(path) for path in (tmp_path / "a.gz", stored(tmp_path / "b.gz", hft_text(FEED[6:])))]
    venue = BinanceUsdm() if chained else Unchained()
    chain = Chain(venue, "hftbacktest", split, START, itertools.count(1), symbols=["BTCUSDT"])
    records = list(chain.records(files))
    assert [record.kind for record in records if record.kind in (OPEN, CLOSE)] == expected


def test_a_plain_file_cut_inside_of_its_last_line(tmp_path: Path) -> None:
    result = imported(stored(tmp_path / "a_20240808", hft_text(FEED)[:-30]), tmp_path / "out")
    assert [cut.why for cut in result.cuts] == ["its last line ends in the middle"]
    assert [record.payload for record in kinds(tmp_path / "out", RECV)][-1] == FEED[-2][1]


def test_a_file_cut_anywhere_keeps_every_whole_line(tmp_path: Path) -> None:
    text = hft_text(FEED[:3])
    for size in range(1, len(text)):
        file = SourceFile(stored(tmp_path / "a_20240808", text[:size]))
        chain = Chain(BinanceUsdm(), "hftbacktest", split, START, itertools.count(1), symbols=["BTCUSDT"])
        kept = [(record.time, record.payload) for record in chain.records([file]) if record.kind in (RECV, BODY)]
        assert kept == FEED[: len(kept)]
        assert len(kept) == text[: size + 1].count(b"\n")
        assert (file.cut is None) == (text[size : size + 1] == b"\n" or text[:size].endswith(b"\n"))


def test_a_last_line_without_its_line_end_is_whole(tmp_path: Path) -> None:
    result = imported(stored(tmp_path / "a_20240808", hft_text(FEED)[:-1]), tmp_path / "out")
    assert (result.exit_status, result.session.totals.frames) == (0, len(FEED))


@pytest.mark.parametrize("split_at", [2, 6, 11])
def test_days_in_any_order_chain_into_what_the_whole_gives(tmp_path: Path, split_at: int) -> None:
    whole = imported(stored(tmp_path / "whole.gz", hft_text(FEED)), tmp_path / "out").session
    first = stored(tmp_path / "z_20240808.gz", hft_text(FEED[:split_at]))
    second = stored(tmp_path / "a_20240809.gz", hft_text(FEED[split_at:]))
    chained = imported([second, first], tmp_path / "chained").session
    assert chained.digests() == whole.digests()
    assert (chained.losses, chained.totals.connections) == ([], 1)
    header = tape_records(tmp_path / "chained")[0].json()
    assert [file["name"] for file in header["source"]["files"]] == [first.name, second.name]


def test_a_missing_day_is_a_gap(tmp_path: Path) -> None:
    files = [
        stored(tmp_path / "a.gz", hft_text(FEED[:6])),
        stored(tmp_path / "b.gz", hft_text(FEED[7:])),
    ]
    result = imported(files, tmp_path / "out")
    assert [(loss.target, loss.kind, loss.since) for loss in result.session.losses] == [(BOOK, "gap", FEED[5][0])]
    assert result.exit_status == 3
    assert kinds(tmp_path / "out", CLOSE) == []


def test_the_symbol_of_a_snapshot_can_come_from_the_file_name_or_the_user(tmp_path: Path) -> None:
    feed = [(START, usdm_snapshot(220)), *((START + STEP + at, b'{"result":null,"id":%d}' % at) for at in range(250))]
    path = stored(tmp_path / "binance-usdm-solusdt-20240808.gz", hft_text(feed))
    assert list(imported(path, tmp_path / "a").session.books) == ["binance-usdm:SOLUSDT"]
    assert list(imported(path, tmp_path / "b", symbol="ethusdt").session.books) == ["binance-usdm:ETHUSDT"]


def test_a_snapshot_that_could_be_of_several_symbols_is_asked_about(tmp_path: Path) -> None:
    feed = [(START, usdm_delta(1, "SOLUSDT")), *FEED]
    path = stored(tmp_path / NAME, hft_text(feed))
    with pytest.raises(UsageError, match=r"SOLUSDT, BTCUSDT") as caught:
        imported(path, tmp_path / "out")
    assert caught.value.hint == "--symbol names it"
    assert not (tmp_path / "out").exists()


def test_windows_line_ends_are_no_part_of_a_frame(tmp_path: Path) -> None:
    path = stored(tmp_path / NAME, hft_text(FEED).replace(b"\n", b"\r\n"))
    imported(path, tmp_path / "out")
    assert [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)] == FEED


def test_a_line_of_something_else_is_kept_and_counted(tmp_path: Path) -> None:
    text = hft_text(FEED[:5]) + b"what is this\n" + hft_text(FEED[5:])
    result = imported(stored(tmp_path / NAME, text), tmp_path / "out")
    assert (result.session.totals.bad_frames, result.exit_status) == (1, 3)
    assert (FEED[4][0], b"what is this") in [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV)]


def test_times_that_run_backwards_are_counted_and_the_order_kept(tmp_path: Path) -> None:
    feed = [(time - 10 * STEP if index == 8 else time, payload) for index, (time, payload) in enumerate(FEED)]
    result = imported(stored(tmp_path / NAME, hft_text(feed)), tmp_path / "out")
    frames = kinds(tmp_path / "out", RECV, BODY)
    assert [record.payload for record in frames] == [payload for _, payload in FEED]
    assert frames[8].time == frames[7].time
    assert (result.backward, result.session.losses) == (1, [])


def test_a_spot_feed_is_told_from_a_futures_feed(tmp_path: Path) -> None:
    data = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 1, "u": 2, "b": [], "a": []}
    spot = orjson.dumps({"stream": "btcusdt@depth@100ms", "data": data})
    coinm = usdm_delta(1, "BTCUSD_PERP")
    for payload, venue in ((spot, "binance"), (coinm, "binance-coinm"), (usdm_delta(1), "binance-usdm")):
        result = imported(stored(tmp_path / "btc_20240808.gz", hft_text([(START, payload)])), tmp_path / venue)
        assert result.plan.venues == [venue]


def test_files_of_several_symbols_are_merged_by_time(tmp_path: Path) -> None:
    others = [(time + STEP // 2, payload.replace(b"BTC", b"SOL").replace(b"btc", b"sol")) for time, payload in FEED]
    files = [
        stored(tmp_path / "solusdt_20240808.gz", hft_text(others)),
        stored(tmp_path / "btcusdt_20240809.gz", hft_text(FEED[6:])),
        stored(tmp_path / "btcusdt_20240808.gz", hft_text(FEED[:6])),
    ]
    result = imported(files, tmp_path / "out")
    frames = [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)]
    assert frames == sorted([*FEED, *others])
    assert sorted(result.session.books) == ["binance-usdm:BTCUSDT", "binance-usdm:SOLUSDT"]
    assert (result.session.losses, result.backward) == ([], 0)
    assert [record.json()["file"] for record in kinds(tmp_path / "out", OPEN)] == [files[2].name, files[0].name]


def test_files_that_overlap_are_no_chain(tmp_path: Path) -> None:
    long = usdm_feed(1000)
    files = [stored(tmp_path / "a.gz", hft_text(long)), stored(tmp_path / "b.gz", hft_text(long[10:]))]
    with pytest.raises(UsageError, match=r"b\.gz begins before a\.gz ends"):
        imported(files, tmp_path / "out")
    assert not (tmp_path / "out").exists()
