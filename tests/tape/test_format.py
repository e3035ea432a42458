"""The lines of a tape, as text: what goes in comes back, and nothing but a line is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedtape.errors import TapeError
from feedtape.model import records
from feedtape.model.records import ALWAYS_ENCODED, CHAIN, RECV, RECV_BINARY, SEND, SUM, Record
from feedtape.tape.format import decode_line, encode_line

CONTAINER = {CHAIN, SUM}
KINDS = [value for name, value in vars(records).items() if name.isupper() and isinstance(value, bytes) and value not in CONTAINER]
RECORDS = st.builds(
    Record,
    time=st.integers(0, 10**19 - 1),
    connection=st.integers(0, 2**63),
    kind=st.sampled_from(KINDS),
    payload=st.binary(max_size=200)
    | st.text(max_size=100).map(str.encode)
    | st.sampled_from([b"", b"\n", b"a\n", b" ", b"\r\n"]),
)


@given(RECORDS)
def test_every_record_is_one_line_and_comes_back(record: Record) -> None:
    line = encode_line(record)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode_line(line[:-1]) == record


@given(RECORDS)
def test_a_line_is_four_fields_that_cut_can_take_apart(record: Record) -> None:
    time, connection, kind, payload = encode_line(record)[:-1].split(b" ", 3)
    assert len(time) == 19 and int(time) == record.time
    assert int(connection) == record.connection
    if kind == record.kind:
        assert payload == record.payload and record.kind not in ALWAYS_ENCODED
    else:
        assert kind == record.kind + b"+64"
        assert base64.b64decode(payload.strip(b'"'), validate=True) == record.payload


def test_text_stands_verbatim_and_only_what_a_line_cannot_hold_is_encoded() -> None:
    assert encode_line(Record(5, 2, RECV, b'{"a": 1}')) == b'0000000000000000005 2 recv {"a": 1}\n'
    assert encode_line(Record(5, 2, SEND, b'{"a":\n1}')) == b'0000000000000000005 2 send+64 "eyJhIjoKMX0="\n'
    assert encode_line(Record(5, 2, RECV_BINARY, b"abc")) == b'0000000000000000005 2 recv.bin+64 "YWJj"\n'


@given(st.binary(max_size=80).filter(lambda line: b"\n" not in line))
def test_any_other_line_is_refused_and_never_a_crash(line: bytes) -> None:
    try:
        record = decode_line(line)
    except TapeError as error:
        assert "not a line of a tape" in str(error)
    else:
        assert line.count(b" ") >= 3 and isinstance(record, Record)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"1 2 recv",
        b"x 2 recv {}",
        b"1 x recv {}",
        b'1 2 recv+64 "%%%"',
        b"1 2 recv+64 YWJj",
        b"1 2 recv+64 7",
        b"1 2 recv+64 []",
        b"1 2 recv+64 ",
        b'1 2 recv.bin+64 "YWJ"',
        b"9" * 5000 + b" 2 recv {}",
    ],
)
def test_broken_lines(line: bytes) -> None:
    with pytest.raises(TapeError):
        decode_line(line)
