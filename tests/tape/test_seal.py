"""The seal's file: what it states, the exact bytes that are signed, and everything that is no seal."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from feedtape.errors import TapeError
from feedtape.model.records import FRAMES, RECV, Record
from feedtape.tape.format import Link, chain_line, encode_line, sum_line
from feedtape.tape.keys import is_signed
from feedtape.tape.marks import Mark, Marker
from feedtape.tape.reader import TapeReader
from feedtape.tape.seal import (
    MAX_SEAL,
    Contents,
    Seal,
    contents_of,
    decode_seal,
    encode_seal,
    read_seal,
    seal_of,
    seal_path,
    unsigned,
)
from feedtape.tape.seal import signed as with_signature
from stage_cli import START, Script, records_of, whole_tape
from stage_seal import blocks_of, edited, forged, recorded

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def contents(path: Path) -> Contents:
    with TapeReader(path) as reader:
        reader.marked = True
        for _ in reader.records(chained=True):
            pass
        return contents_of(reader, reader.header())


def sealed(path: Path) -> Seal:
    """Seal a tape as it is."""
    public = KEY.public_key().public_bytes_raw()
    seal = unsigned(contents(path), tape=path.name, sealed="2026-11-24T08:00:00Z", public_key=public)
    seal = with_signature(seal, KEY.sign(seal.signed_bytes()))
    seal_path(path).write_bytes(encode_seal(seal))
    return seal


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("tapes") / "a.tape.zst")


# -- what it states


def test_a_seal_states_what_is_on_the_tape(tape: Path) -> None:
    seal, records = sealed(tape), records_of(tape)
    with TapeReader(tape) as reader:
        blocks, head, session = reader.blocks, reader.index.head, reader.header()["session"]
    assert len(blocks) > 3
    assert (seal.head, seal.session, seal.segment, seal.state) == (head, session, None, "complete")
    assert (seal.records, seal.frames) == (len(records), sum(record.kind in FRAMES for record in records))
    assert [mark[1:] for mark in seal.marks()] == [(block.first, block.last) for block in blocks]
    assert (int(seal.first), int(seal.last)) == (records[0].time, records[-1].time)
    assert seal_of(tape) == read_seal(seal_path(tape)) == seal and is_signed(seal)
    assert seal.origin() == {"tape": "a.tape.zst", "head": head, "key": seal.fingerprint, "sealed": "2026-11-24T08:00:00Z"}


def test_there_is_no_seal_where_there_is_none(tmp_path: Path) -> None:
    assert seal_of(whole_tape(tmp_path / "a.tape.zst")) is None


def test_marks_are_of_records_whoever_wrote_them(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.tape.zst")
    before = contents(path)
    after = contents(forged(path, blocks_of(path), flush=True))
    assert after.blocks == before.blocks[:-1] + after.blocks[-1:] and after.head != before.head
    # Only the end record is another, since it names the head of a chain that covers the container's lines too.
    assert len(after.blocks) == len(before.blocks) and after.blocks[-1] != before.blocks[-1]


def test_a_cut_tape_is_marked_up_to_its_last_proven_line(tmp_path: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live(5)
    script.trade()
    path = script.abandon()
    found = contents(path)
    assert (found.state, found.records, len(found.blocks)) == ("cut", len(records_of(path)), 2)
    assert int(found.last) == script.now
    # The trade stands in a block that was never finished, which the chain does not cover.
    data = path.read_bytes()
    path.write_bytes(data[:-60])
    assert contents(path).head == found.head and contents(path).blocks == found.blocks[:1]


LOOKALIKES = (
    b'1795428902000000001 0 sum "00000000"',
    b'x 0 sum "',
    b"1795428902000000001 0 chain {}",
    b" 0 sum ",
    b'1795428902000000001 0 sum "00000000" 1795428902000000001 0 sum "1"',
)


@pytest.mark.parametrize("payload", LOOKALIKES)
def test_a_payload_that_looks_like_a_line_of_the_container_is_marked(payload: bytes) -> None:
    def mark(payload: bytes) -> Mark:
        marker = Marker()
        lines = [encode_line(Record(START, 1, RECV, one)) for one in (b"{}", payload, b"[]")]
        marker.add(b"".join(lines), begins=True)
        return marker.marks[0]

    assert len({mark(payload), mark(payload[:-1] + b"~"), mark(b"~" + payload[1:]), mark(b"")}) == 4


def test_lines_of_the_container_leave_no_mark() -> None:
    one, other = (encode_line(Record(START, 1, RECV, payload)) for payload in (b"{}", b"[]"))
    plain, full, grown = Marker(), Marker(), Marker()
    plain.add(one + other, begins=True)
    chain, proof = chain_line(START, Link(3, 2, 1, "00")), sum_line(START, 7)
    full.add(chain + proof + one + proof + proof + other + proof, begins=True)
    grown.add(chain + one + proof, begins=True)
    grown.add(other + proof, begins=False)
    assert plain.marks == full.marks == grown.marks


# -- anybody can check it


def documented_bytes(seal: Path) -> bytes:
    """The bytes that are signed, as `docs/seal.md` says, by a library that is not ours."""
    fields = json.loads(seal.read_text())
    del fields["signature"]
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_what_is_signed_is_what_the_page_says(tmp_path: Path) -> None:
    path = recorded(tmp_path / "grün ⓢ.tape.zst")
    assert sealed(path).signed_bytes() == documented_bytes(seal_path(path))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_verifies_the_same_signature(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.tape.zst")
    seal = sealed(path)
    message, signature, key = tmp_path / "message", tmp_path / "signature", tmp_path / "key.der"
    signature.write_bytes(base64.b64decode(seal.signature))
    key.write_bytes(bytes.fromhex("302a300506032b6570032100") + base64.b64decode(seal.public_key))
    command: list[str | Path] = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-keyform",
        "DER",
        "-inkey",
        key,
        "-rawin",
        "-in",
        message,
        "-sigfile",
        signature,
    ]

    def verified(data: bytes) -> bool:
        message.write_bytes(data)
        return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0

    right = documented_bytes(seal_path(path))
    assert verified(right) and not verified(right.replace(b'"seal":1', b'"seal":2'))


# -- what is no seal


NO_SEALS: list[tuple[bytes, str]] = [
    (b"", "is not a seal"),
    (b"{", "is not a seal"),
    (b"\xff\xfe{}", "is not a seal"),
    (b"[]", "is not a seal"),
    (b"{}", "missing required field `seal`"),
    (b'{"seal":2}', "is a seal of version 2"),
    (b'{"seal":"1"}', "is not a seal"),
    (b'{"seal":1}', "is not a seal"),
    (b'{"seal":' + b"9" * 5000 + b"}", "is not a seal"),
    (b"[" * 100_000, "is not a seal"),
    (b" " * (MAX_SEAL + 1), "is larger than any seal"),
]


@pytest.mark.parametrize(("data", "why"), NO_SEALS)
def test_what_is_no_seal_is_one_error(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "a.tape.zst.seal"
    path.write_bytes(data)
    with pytest.raises(TapeError, match=why.replace("[", r"\[")) as failed:
        read_seal(path)
    assert "\n" not in str(failed.value) and len(str(failed.value)) < 400


BAD_FIELDS: list[tuple[str, object]] = [
    ("blocks", None),
    ("blocks", [[]] * 1000),
    ("blocks", ["x"]),
    ("blocks", ["0" * 32 + " 1 2"]),
    ("blocks", ["0" * 32 + " 1795428902000000001 1795428902000000001\n"]),
    ("head", "0" * 63),
    ("head", 7),
    ("records", -1),
    ("records", 1.5),
    ("records", 2**60),
    ("records", True),
    ("frames", "7"),
    ("first", "1"),
    ("statistics", "zz"),
    ("session", "x" * 5000),
    ("session", 1),
    ("segment", "1"),
    ("tape", ...),
    ("sealed", "2" * 99),
    ("public_key", "AAAA"),
    ("public_key", "!" * 44),
    ("signature", "AAAA"),
    ("more", 1),
]


@pytest.mark.parametrize(("name", "value"), BAD_FIELDS)
def test_every_field_has_to_be_what_it_is(tmp_path: Path, name: str, value: object) -> None:
    path = recorded(tmp_path / "a.tape.zst")
    sealed(path)
    with pytest.raises(TapeError, match="is not a seal"):
        read_seal(edited(seal_path(path), **{name: value}))


def test_a_truncated_seal_is_no_seal_at_any_length(tape: Path) -> None:
    data = encode_seal(sealed(tape))
    for length in range(len(data) - 2):
        with pytest.raises(TapeError):
            decode_seal(data[:length], "it")


def test_each_altered_field_breaks_the_signature(tape: Path) -> None:
    fields = orjson.loads(encode_seal(sealed(tape)))
    digest = "0" * 32
    others = {
        "blocks": fields["blocks"][:-1],
        "first": "1795428902000000002",
        "last": "1795428902000000002",
        "format": 1,
        "frames": 0,
        "records": 0,
        "head": "0" * 64,
        "session": "00000000",
        "segment": 7,
        "state": "cut",
        "statistics": digest,
        "tape": "b.tape.zst",
        "sealed": "2020-01-01T00:00:00Z",
        "public_key": base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode(),
        "signature": base64.b64encode(bytes(64)).decode(),
    }
    assert set(others) == set(fields) - {"seal"}
    for name, value in others.items():
        assert not is_signed(decode_seal(orjson.dumps(fields | {name: value}), "it")), name
    assert is_signed(decode_seal(orjson.dumps(fields), "it"))


def test_what_is_no_file_is_one_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(TapeError):
            read_seal(path)
