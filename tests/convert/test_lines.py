"""Plain lines: every way to write a time, wrapped frames, lost connections, no time at all."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from convert.feeds import START, hft_text, imported, kinds, stored, tape_records, usdm_delta, usdm_feed
from feedtape.errors import InputError, UsageError
from feedtape.model.records import BODY, CLOSE, MARKER, OPEN, RECV, SEND

FEED = usdm_feed()
BOOK = "binance-usdm:BTCUSDT"


def rfc3339(time: int) -> bytes:
    return f"{datetime.fromtimestamp(time // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{time % 10**9 // 100:07}Z".encode()


@pytest.mark.parametrize(
    ("stamp", "unit"),
    [
        (lambda time: b"%d\t" % time, 1),
        (lambda time: b"%d: " % (time // 1_000), 1_000),
        (lambda time: b"%d " % (time // 1_000_000), 1_000_000),
        (lambda time: b"%d.%09d\t" % divmod(time, 10**9), 1),
        (lambda time: rfc3339(time) + b" ", 100),
    ],
    ids=["ns", "us", "ms", "seconds", "rfc3339"],
)
def test_times_before_frames(tmp_path: Path, stamp: object, unit: int) -> None:
    assert callable(stamp)
    text = b"".join(stamp(time) + payload + b"\n" for time, payload in FEED)
    result = imported(stored(tmp_path / "a.gz", text), tmp_path / "out")
    frames = [(record.time, record.payload) for record in kinds(tmp_path / "out", RECV, BODY)]
    assert frames == [(time // unit * unit, payload) for time, payload in FEED]
    assert result.plan.format == "lines"
    assert (result.session.losses, result.session.books[BOOK].counters.updates) == ([], 10)


def test_without_times_the_venues_own_stand_in(tmp_path: Path) -> None:
    frames = [usdm_delta(number) for number in range(5)]
    frames.insert(2, b'{"result":null,"id":1}')
    imported(stored(tmp_path / "a.jsonl", b"\n".join(frames) + b"\n"), tmp_path / "out")
    records = kinds(tmp_path / "out", RECV)
    assert [record.payload for record in records] == frames
    first = 1_723_161_256_298_000_000
    assert [(record.time - first) // 100_000_000 for record in records] == [0, 1, 1, 2, 3, 4]
    assert tape_records(tmp_path / "out")[0].json()["times"] == "from the venue"


def test_no_time_anywhere_is_not_made_up(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.jsonl", b'{"result":null,"id":1}\n')
    with pytest.raises(InputError, match="no line tells when it arrived"):
        imported(path, tmp_path / "out", venue="binance")


def test_an_empty_line_of_tardis_is_a_lost_connection(tmp_path: Path) -> None:
    lines = [rfc3339(time) + b" " + payload for time, payload in FEED]
    text = b"\n".join([b"", *lines[:8], b"", b"", *lines[8:], b"", b""])
    result = imported(stored(tmp_path / "a.json.gz", text), tmp_path / "out")
    assert [record.connection for record in kinds(tmp_path / "out", OPEN)] == [1, 3]
    [closed] = kinds(tmp_path / "out", CLOSE)
    assert closed.connection == 1
    assert [(loss.kind, loss.target) for loss in result.session.losses] == [("disconnect", BOOK)]
    assert result.exit_status == 3


def test_an_empty_line_elsewhere_is_nothing(tmp_path: Path) -> None:
    text = hft_text(FEED[:8]) + b"\n" + hft_text(FEED[8:])
    result = imported(stored(tmp_path / "a", text), tmp_path / "out", format="lines")
    assert (result.session.losses, kinds(tmp_path / "out", CLOSE)) == ([], [])


@pytest.mark.parametrize(
    ("wrap", "unit"),
    [
        (lambda time, frame: b'{"rx_ns": %d, "frame": %b, "dir": "rx"}' % (time, frame), 1),
        (lambda time, frame: b'{"rx_ns":%d,"frame":%b}' % (time, orjson.dumps(frame.decode())), 1),
        (lambda time, frame: b'{"ts":"%b","raw_frame":%b}' % (rfc3339(time), orjson.dumps(frame.decode())), 100),
        (lambda time, frame: b'{"received_at":%d,"json":%b}' % (time // 10**6, orjson.dumps(frame.decode())), 10**6),
    ],
    ids=["object", "text", "ts", "received_at"],
)
def test_wrapped_frames_come_out_byte_for_byte(tmp_path: Path, wrap: object, unit: int) -> None:
    assert callable(wrap)
    frames = [b'{ "stream":"btcusdt@kline_1m", "data":{"e":"kline","s":"BTCUSDT","n":1.50e3}}', usdm_delta(1)]
    text = b"".join(wrap(START + at, frame) + b"\n" for at, frame in enumerate(frames))
    imported(stored(tmp_path / "a.jsonl", text), tmp_path / "out")
    records = kinds(tmp_path / "out", RECV)
    assert [record.payload for record in records] == frames
    assert [record.time for record in records] == [(START + at) // unit * unit for at in range(2)]


@pytest.mark.parametrize("rx_ns", [42_889_692_105_400, 1_723_161_255_030_314], ids=["hours", "days"])
def test_a_monotonic_clock_tells_no_time(tmp_path: Path, rx_ns: int) -> None:
    text = b'{"rx_ns":%d,"frame":%b}\n' % (rx_ns, usdm_delta(0))
    imported(stored(tmp_path / "a.jsonl", text), tmp_path / "out")
    assert [record.time for record in kinds(tmp_path / "out", RECV)] == [1_723_161_256_298_000_000]


def test_sent_frames_are_kept_and_credentials_are_not(tmp_path: Path) -> None:
    lines = [
        b'{"rx_ns":%d,"dir":"tx","frame":{"method":"SUBSCRIBE","id":1}}' % START,
        b'{"rx_ns":%d,"dir":"tx","frame":{"method":"session.logon","apiKey":"sesame"}}' % START,
        b'{"rx_ns":%d,"frame":%b}' % (START, usdm_delta(0)),
    ]
    imported(stored(tmp_path / "a.jsonl", b"\n".join(lines)), tmp_path / "out", venue="binance-usdm")
    assert [record.payload for record in kinds(tmp_path / "out", SEND)] == [b'{"method":"SUBSCRIBE","id":1}']
    assert [list(record.json()) for record in kinds(tmp_path / "out", MARKER)] == [["withheld"]]
    assert all(b"sesame" not in record.payload for record in tape_records(tmp_path / "out"))


def test_a_venue_that_nothing_tells_is_asked_for(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.jsonl", b'1723161255030 {"what":"is this"}\n')
    with pytest.raises(UsageError, match="no venue that could be recognised") as caught:
        imported(path, tmp_path / "out")
    assert caught.value.hint is not None and "--venue" in caught.value.hint


def test_what_is_no_text_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not text"):
        imported(stored(tmp_path / "a.npz", b"PK\x03\x04\0\0\0\n"), tmp_path / "out")
    with pytest.raises(InputError, match="no format that feedtape imports"):
        imported(stored(tmp_path / "a.csv", b"exchange,symbol\nbinance,BTCUSDT\n"), tmp_path / "out")
    with pytest.raises(InputError, match="holds no line"):
        imported(stored(tmp_path / "b", b""), tmp_path / "out")
