"""Cryptofeed's dumps: their grammar, connections, binary frames, files merged by time."""

from pathlib import Path

import pytest

from convert.feeds import imported, kinds, stored, tape_records, usdm_delta, usdm_snapshot
from feedtape.convert.cryptofeed import ANSWER, CONNECTING, FRAME, SENT, Entry, answer, entries, literal
from feedtape.convert.source import SourceFile
from feedtape.errors import UsageError
from feedtape.model.records import BODY, CLOSE, MARKER, OPEN, RECV, RECV_BINARY, REQUEST, RESPONSE, SEND

WS = b"wss://fstream.binance.com/stream?streams=btcusdt@depth@0ms"
REST = b"https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000"
BOOK = "binance-usdm:BTCUSDT"


def parsed(tmp_path: Path, text: bytes) -> tuple[list[Entry], SourceFile]:
    file = SourceFile(stored(tmp_path / "file", text))
    return list(entries(file)), file


def frame(number: int) -> bytes:
    return b"1626992741.%d: %b\n" % (10 + number, usdm_delta(number))


def dump(folder: Path, *, reconnect_at: int | None = None) -> list[Path]:
    sockets = [WS + b" <-> 1626992741.05\n"]
    for number in range(8):
        if number == reconnect_at:
            sockets.append(WS + b" <-> 1626992741.%d\n" % (10 + number))
        sockets.append(frame(number))
    return [
        stored(folder / "BINANCE_FUTURES.ws.1.0.gz", b"".join(sockets[:5])),
        stored(folder / "BINANCE_FUTURES.ws.1.1.gz", b"".join(sockets[5:])),
        stored(
            folder / "BINANCE_FUTURES.0",
            b'https://fapi.binance.com/fapi/v1/exchangeInfo -> 1626992740.17: {"symbols":[]}\n'
            b'configuration: {"l2_book":["BTC-USDT-PERP"]}\n',
        ),
        stored(folder / "BINANCE_FUTURES.http.0.0", REST + b" -> 1626992741.12: " + usdm_snapshot(220) + b"\n\n"),
    ]


def test_every_kind_of_record(tmp_path: Path) -> None:
    found, file = parsed(
        tmp_path,
        b'https://h/p?a=1 -> 1633998511.132921: {"a": 1}\n'
        b'configuration: {"x":[]}\n\n'
        b"wss://h/w <-> 1633998512.0633569\n"
        b'wss://h/w <- 1633998513: {"op":"subscribe"}\n'
        b'1633998514.5: {"b": "1: 2"}\n',
    )
    assert found == [
        Entry(1_633_998_511_132_921_000, ANSWER, "https://h/p?a=1", b'{"a": 1}'),
        Entry(1_633_998_512_063_356_900, CONNECTING, "wss://h/w", b""),
        Entry(1_633_998_513_000_000_000, SENT, "wss://h/w", b'{"op":"subscribe"}'),
        Entry(1_633_998_514_500_000_000, FRAME, "", b'{"b": "1: 2"}'),
    ]
    assert (file.damage, file.tail) == (None, b"")


def test_records_that_span_lines_keep_their_line_ends(tmp_path: Path) -> None:
    found, _ = parsed(tmp_path, b'1633998514.5: {\n\n  "a": 1\n}\n\n1633998514.6: {}\r\n')
    assert [entry.payload for entry in found] == [b'{\n\n  "a": 1\n}', b"{}"]


@pytest.mark.parametrize(
    ("end", "whole"),
    [
        (b"1633998514.6: {}", True),
        (b"1633998514.6: b'ab'", True),
        (b"wss://h/w <-> 1633998514.6", False),
        (b"16339985", False),
        (b"wss://h/w <", False),
        (b"1633998514.6: 12", False),
        (b'configuration: {"a": [', True),
        (b'1633998514.6: {"a', False),
        (b"1633998514.6: b'a", False),
    ],
)
def test_a_record_that_ends_in_the_middle_is_cut_off(tmp_path: Path, end: bytes, whole: bool) -> None:
    found, file = parsed(tmp_path, b"1633998514.5: [1]\n" + end)
    assert found[0].payload == b"[1]"
    assert (file.damage is None) == whole
    if not whole:
        assert len(found) == 1


def test_a_dump_cut_anywhere_keeps_every_whole_record(tmp_path: Path) -> None:
    text = b"".join(frame(number) for number in range(3))
    whole = [usdm_delta(number) for number in range(3)]
    for size in range(len(text)):
        found, file = parsed(tmp_path, text[:size])
        kept = [entry.payload for entry in found]
        assert kept == whole[: len(kept)]
        assert len(kept) == text[: size + 1].count(b"\n")
        assert (file.damage is None) == (text[size : size + 1] == b"\n" or text[:size].endswith(b"\n") or not size)


def test_binary_literals_give_their_bytes() -> None:
    data = bytes(range(256))
    assert literal(repr(data).encode()) == data
    assert literal(b'b"it\'s"') == b"it's"
    for other in (b"b'", b"b'a' + b'b'", b"{}", b"b'\xff'", b"b'" + b"(" * 5):
        assert literal(other) is None


def test_headers_behind_a_body() -> None:
    assert answer(b'{"a":1} header: {"Date":"x"}') == (b'{"a":1}', {"Date": "x"})
    assert answer(b'{"a":" header: "}') == (b'{"a":" header: "}', None)


def test_a_dump_becomes_one_tape_in_order_of_time(tmp_path: Path) -> None:
    result = imported(dump(tmp_path), tmp_path / "out")
    assert (result.exit_status, result.session.losses, result.backward) == (0, [], 0)
    assert result.session.books[BOOK].counters.updates == 6
    assert [record.payload for record in kinds(tmp_path / "out", RECV)] == [usdm_delta(number) for number in range(8)]
    wire = [record.kind for record in kinds(tmp_path / "out", OPEN, RECV, BODY)]
    assert wire == [BODY, OPEN, RECV, RECV, BODY, *[RECV] * 6]
    header = tape_records(tmp_path / "out")[0].json()
    assert header["source_configuration"] == {"BINANCE_FUTURES": {"l2_book": ["BTC-USDT-PERP"]}}
    assert header["source"]["venue_by"] == {"binance-usdm": "contents"}
    requested = [record.json()["url"].encode() for record in kinds(tmp_path / "out", REQUEST)]
    assert requested == [b"https://fapi.binance.com/fapi/v1/exchangeInfo", REST]
    [opened] = kinds(tmp_path / "out", OPEN)
    assert opened.json()["url"].encode() == WS
    assert opened.time == 1_626_992_741_050_000_000


def test_the_order_of_the_arguments_changes_nothing(tmp_path: Path) -> None:
    files = dump(tmp_path)
    one = imported(files, tmp_path / "one")
    other = imported(files[::-1], tmp_path / "other")
    # The header names a session of its own, and the end record a chain that begins with the header.
    assert tape_records(one.tape)[1:-1] == tape_records(other.tape)[1:-1]


def test_connecting_again_tells_that_the_connection_was_lost(tmp_path: Path) -> None:
    result = imported(dump(tmp_path, reconnect_at=6), tmp_path / "out")
    [closed] = kinds(tmp_path / "out", CLOSE)
    assert closed.json() == {"code": None, "reason": "", "by": "unknown"}
    first, second = kinds(tmp_path / "out", OPEN)
    assert first.connection == closed.connection != second.connection
    assert [(loss.kind, loss.target) for loss in result.session.losses] == [("disconnect", BOOK)]


def test_a_lost_frame_is_a_gap_where_it_was(tmp_path: Path) -> None:
    files = dump(tmp_path)
    text = WS + b" <-> 1626992741.05\n" + b"".join(frame(number) for number in range(8) if number != 5)
    stored(files[0], text)
    stored(files[1], b"1626992741.20: \n")
    result = imported([files[0], *files[2:]], tmp_path / "out")
    [loss] = result.session.losses
    assert (loss.target, loss.kind, loss.since) == (BOOK, "gap", 1_626_992_741_140_000_000)


def test_binary_frames_sent_messages_and_secrets(tmp_path: Path) -> None:
    text = (
        b"wss://dstream.binance.com/ws?listenKey=abc <-> 1626992741.05\n"
        b'wss://dstream.binance.com/ws <- 1626992741.06: {"method":"SUBSCRIBE"}\n'
        b'wss://dstream.binance.com/ws <- 1626992741.07: {"op":"login","apiKey":"abc"}\n'
        b"1626992741.08: b'\\x1f\\x8b\\n'\n"
    )
    imported(stored(tmp_path / "X.ws.1.0", text), tmp_path / "out")
    assert [record.payload for record in kinds(tmp_path / "out", SEND)] == [b'{"method":"SUBSCRIBE"}']
    assert [record.payload for record in kinds(tmp_path / "out", RECV_BINARY)] == [b"\x1f\x8b\n"]
    assert len(kinds(tmp_path / "out", MARKER)) == 1
    assert all(b"abc" not in record.payload for record in tape_records(tmp_path / "out"))


def test_answers_keep_their_headers_and_refusals_their_failure(tmp_path: Path) -> None:
    text = (
        REST + b' -> 1626992741.05: {"code":-1121,"msg":"Invalid symbol."} header: {"Date":"x","Set-Cookie":"abc"}\n'
        b'1626992741.06: {"openInterest":"1"}\n'
    )
    result = imported(stored(tmp_path / "BINANCE_FUTURES.http.0.0", text), tmp_path / "out")
    refused, polled = (record.json() for record in kinds(tmp_path / "out", RESPONSE))
    assert (refused["status"], refused["headers"]) == (400, {"date": "x"})
    assert polled["status"] == 200
    assert [record.payload for record in kinds(tmp_path / "out", BODY)][1] == b'{"openInterest":"1"}'
    assert (result.session.totals.http_errors, result.session.totals.bad_frames) == (1, 0)


def test_the_name_tells_the_venue_where_no_url_does(tmp_path: Path) -> None:
    text = b'1626992741.05: {"result":null,"id":1}\n'
    result = imported(stored(tmp_path / "BINANCE_DELIVERY.ws.1.3", text), tmp_path / "out")
    assert result.plan.venues == ["binance-coinm"]
    with pytest.raises(UsageError, match="NOBODY"):
        imported(stored(tmp_path / "NOBODY.ws.1.3", text), tmp_path / "out")
