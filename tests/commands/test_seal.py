"""Seal and verify as a person uses them: a sealed tape holds, and whatever was done to it since is named."""

from __future__ import annotations

import base64
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from feedtape.model.records import DIGEST, Record
from feedtape.tape.reader import TapeReader
from feedtape.tape.writer import TapeWriter
from stage_cli import PROGRAM, Done, Script, feedtape, inside, is_one_error, records_of, rewritten, whole_tape
from stage_seal import Records, altered, blocks_of, edited, forged, recorded, recorded_set, spliced


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    assert inside("seal", "--new-key", path).status == 0
    return path


@pytest.fixture
def tape(tmp_path: Path, key: Path) -> Path:
    """A sealed tape."""
    path = recorded(tmp_path / "a.tape.zst")
    assert inside("seal", path, "--key", key).status == 0
    return path


def seal_of(tape: Path) -> Path:
    return tape.with_name(tape.name + ".seal")


def verified(tape: Path, key: object, *more: object) -> Done:
    done = inside("verify", tape, "--key", key, *more)
    assert "this is a bug" not in done.err
    return done


def fault(done: Done) -> str:
    """The one fault that verify names."""
    assert done.status == 5
    lines = [line for line in done.out.decode().splitlines() if line.startswith("seal     FAILED: ")]
    assert len(lines) == 1 and "verdict  CONTRADICTED" in done.out.decode()
    return lines[0].removeprefix("seal     FAILED: ")


# -- it holds


def test_a_sealed_tape_holds(tape: Path, key: Path) -> None:
    before = tape.read_bytes()
    for trusted in (f"{key}.pub", key, Path(f"{key}.pub").read_text()):
        done = verified(tape, trusted)
        assert done.status == 0 and b": holds\nverdict  whole" in done.out and b"NOT CHECKED" not in done.out
    assert tape.read_bytes() == before
    told = verified(tape, f"{key}.pub", "--json").json()["seals"]
    assert [(seal["state"], seal["faults"], seal["first_difference"]) for seal in told] == [("holds", [], None)]
    with TapeReader(tape) as reader:
        assert told[0]["head"] == reader.index.head


def test_the_seal_and_its_words_name_the_same_key_and_head(tmp_path: Path, key: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    told = inside("seal", path, "--key", key, "--json").json()
    out = inside("verify", path, "--json").json()
    assert told["head"] == out["chain"] == out["seals"][0]["head"]
    assert told["key"] == out["seals"][0]["key"]
    assert (told["state"], told["tape"], told["seal"]) == ("complete", "a.tape.zst", str(seal_of(path)))
    text = inside("seal", path, "--key", key, "--overwrite").out.decode()
    assert told["head"] in text and told["key"] in text
    assert inside("seal", path, "--key", key, "--overwrite", "-q").out == b""


def test_without_a_key_a_seal_is_never_counted_as_checked(tape: Path) -> None:
    done = inside("verify", tape)
    assert done.status == 0 and b"NOT CHECKED, anybody could have made it" in done.out
    assert inside("verify", tape, "--strict").status == 3
    told = inside("verify", tape, "--json").json()
    assert told["seals"][0]["state"] == "unchecked" and "1 seals that were not checked" in told["notes"]


def test_a_tape_that_was_renamed_with_its_seal_holds(tape: Path, key: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.tape.zst"
    tape.rename(other)
    seal_of(tape).rename(seal_of(other))
    done = verified(other, key)
    assert done.status == 0 and b"(sealed as a.tape.zst): holds" in done.out
    seal_of(other).rename(tmp_path / "elsewhere")
    assert verified(other, key, "--seal", tmp_path / "elsewhere").status == 0


def test_a_pattern_that_finds_the_seals_too_means_the_tapes(tape: Path, key: Path) -> None:
    assert inside("verify", tape, seal_of(tape), "--key", key).status == 0
    assert inside("verify", tape.parent / "a.tape*", "--key", key).status == 0


# -- a forger who recomputes chain, end record and index

TRADE = b'"p":"61685.90"'


def alter(blocks: list[Records]) -> list[Records]:
    return [*blocks[:2], altered(blocks[2], TRADE, b'"p":"61685.91"'), *blocks[3:]]


def alter_end(blocks: list[Records]) -> list[Records]:
    return [*blocks[:-1], altered(blocks[-1], b"end of the script", b"end of the scrapt")]


FORGERIES: list[tuple[Callable[[list[Records]], list[Records]], str, int]] = [
    (alter, "was altered", 2),
    (lambda blocks: [*blocks[:2], *blocks[3:]], "was removed", 2),
    (lambda blocks: [*blocks[:2], blocks[3], blocks[2], *blocks[4:]], "was moved: it stands as block 3", 2),
    (lambda blocks: [*blocks[:3], [blocks[2][-1]], *blocks[3:]], "was added before what was sealed as block 3", 3),
    (lambda blocks: [*blocks[:-1], [], blocks[-1], [blocks[-1][-1]]], "was added at the end", -1),
    (lambda blocks: blocks[:-1], "was removed from the end: the tape was cut short", -2),
    (alter_end, "was altered", -2),
]


@pytest.mark.parametrize(("forge", "words", "number"), FORGERIES)
def test_a_forgery_is_named_by_its_first_block(
    tape: Path, key: Path, forge: Callable[[list[Records]], list[Records]], words: str, number: int
) -> None:
    blocks = blocks_of(tape)
    assert len(blocks) >= 5
    forged(tape, forge(blocks))
    told = fault(verified(tape, key))
    number = number if number >= 0 else len(blocks) + 1 + number
    assert told.startswith(f"a.tape.zst: block {number}") and told.endswith(words)
    difference = verified(tape, key, "--json").json()["seals"][0]["first_difference"]
    assert difference["block"] == number
    assert inside("verify", tape).status == 5, "without a key it still shows"


def test_a_forgery_that_nothing_else_shows_is_shown_by_the_seal(tape: Path, key: Path) -> None:
    span = blocks_of(tape)[2]
    forged(tape, alter(blocks_of(tape)))
    told = fault(verified(tape, key))
    assert "(2026-11-23T10:15:0" in told
    difference = verified(tape, key, "--json").json()["seals"][0]["first_difference"]
    assert (difference["first"], difference["last"]) == (str(span[0].time), str(span[-1].time))
    seal_of(tape).unlink()
    assert inside("verify", tape).status == 0, "the forger did well"
    assert is_one_error(verified(tape, key)) and verified(tape, key).status == 1


def test_a_tape_that_was_only_written_again_is_told_from_one_with_other_records(tape: Path, key: Path) -> None:
    with TapeReader(tape) as reader:
        statistics = reader.index.statistics
    blocks = blocks_of(tape)
    writer = TapeWriter(tape, level=3, overwrite=True)
    for records in blocks:
        for record in records:
            writer.write(record)
            writer.flush()
        writer.end_block()
    writer.close(statistics)
    assert "the file was written again" in fault(verified(tape, key))


def test_statistics_of_the_index_are_sealed(tape: Path, key: Path) -> None:
    spliced(tape, range(len(blocks_of(tape))), indexed=True)
    assert verified(tape, key).status == 0
    spliced(tape, range(len(blocks_of(tape))), indexed=True, frames=7)
    assert fault(verified(tape, key)) == "a.tape.zst: the statistics of its index were altered"


def test_another_recording_under_the_same_name_is_told(tape: Path, key: Path) -> None:
    tape.unlink()
    whole_tape(tape)
    assert "this is another tape than the one that was sealed" in fault(verified(tape, key))


# -- somebody who does not recompute the chain


@pytest.mark.parametrize("indexed", [True, False])
def test_blocks_moved_about_are_named_by_seal_and_by_plain_verify(tape: Path, key: Path, indexed: bool) -> None:
    whole, numbers = tape.read_bytes(), list(range(len(blocks_of(tape))))
    deeds = {
        "was removed": [*numbers[:2], *numbers[3:]],
        "was moved: it stands as block 3": [0, 1, 3, 2, *numbers[4:]],
        "was added before what was sealed as block 3": [*numbers[:3], 1, *numbers[3:]],
    }
    for words, order in deeds.items():
        tape.write_bytes(whole)
        spliced(tape, order, indexed=indexed)
        assert fault(verified(tape, key)).endswith(words)
        seal = seal_of(tape).read_bytes()
        seal_of(tape).unlink()
        plain = inside("verify", tape)
        seal_of(tape).write_bytes(seal)
        assert plain.status == 5 and b"block" in plain.out


def test_a_block_altered_and_nothing_else_is_named_by_plain_verify_too(tape: Path, key: Path) -> None:
    blocks = blocks_of(tape)
    other = forged(Path(shutil.copy(tape, tape.with_name("b.tape.zst"))), alter(blocks))
    with TapeReader(tape) as reader, TapeReader(other) as forgery:
        mine, theirs = reader.blocks[2], forgery.blocks[2]
    data, foreign = tape.read_bytes(), other.read_bytes()[theirs.offset : theirs.offset + theirs.size]
    with TapeReader(tape) as reader:
        last = reader.blocks[-1]
    # Without an index, which would have to be recomputed.
    tape.write_bytes(data[: mine.offset] + foreign + data[mine.offset + mine.size : last.offset + last.size])
    assert fault(verified(tape, key)).startswith("a.tape.zst: block 2 of")
    seal_of(tape).unlink()
    plain = inside("verify", tape, "--json").json()
    assert plain["status"] == 5 and any("block 3 does not continue the block before it" in fault for fault in plain["faults"])


def test_a_truncated_tape_is_named_at_every_length(tape: Path, key: Path) -> None:
    data = tape.read_bytes()
    with TapeReader(tape) as reader:
        blocks = reader.blocks
    for number, block in enumerate(blocks[1:], 1):
        for kept in (block.offset, block.offset + block.size // 2, block.offset + block.size - 1):
            tape.write_bytes(data[:kept])
            told = fault(verified(tape, key))
            assert f" {number} " in told and ("removed from the end" in told or "ends early or was altered" in told)


def test_a_tape_without_its_index_still_holds(tape: Path, key: Path) -> None:
    with TapeReader(tape) as reader:
        last = reader.blocks[-1]
    tape.write_bytes(tape.read_bytes()[: last.offset + last.size])
    done = verified(tape, key)
    assert b": holds" in done.out and done.status == 0


def test_every_flipped_byte_of_a_block_is_noticed(tape: Path, key: Path) -> None:
    data = bytearray(tape.read_bytes())
    with TapeReader(tape) as reader:
        block = reader.blocks[2]
    for offset in range(block.offset, block.offset + block.size, 37):
        data[offset] ^= 0x10
        tape.write_bytes(data)
        data[offset] ^= 0x10
        assert "block 2 of" in fault(verified(tape, key))


# -- the seal itself


def test_every_altered_field_of_a_seal_is_noticed(tape: Path, key: Path) -> None:
    good = seal_of(tape).read_bytes()
    fields = orjson.loads(good)
    foreign = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    others = {
        "blocks": fields["blocks"][:-1],
        "first": fields["last"],
        "last": fields["first"],
        "format": 1,
        "frames": fields["frames"] + 1,
        "records": fields["records"] + 1,
        "head": "0" * 64,
        "public_key": foreign,
        "sealed": "2020-01-01T00:00:00Z",
        "segment": 3,
        "session": "x",
        "state": "cut",
        "statistics": None,
        "tape": "b.tape.zst",
        "signature": base64.b64encode(bytes(64)).decode(),
    }
    assert set(others) | {"seal"} == set(fields)
    for name, value in others.items():
        seal_of(tape).write_bytes(good)
        edited(seal_of(tape), **{name: value})
        assert "itself was altered" in fault(verified(tape, key)), name


def test_a_seal_by_another_key_is_no_seal(tape: Path, key: Path, tmp_path: Path) -> None:
    inside("seal", "--new-key", tmp_path / "theirs")
    forged(tape, alter(blocks_of(tape)))
    assert inside("seal", tape, "--key", tmp_path / "theirs", "--overwrite").status == 0
    assert "was made with another key, SHA256:" in fault(verified(tape, key))


def test_a_signer_who_lies_about_the_rest_is_told(tape: Path, key: Path) -> None:
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    for name, value in {"frames": 7, "session": "zz", "state": "cut", "last": "1" * 19, "head": "0" * 64}.items():
        good = seal_of(tape).read_bytes()
        fields = orjson.loads(good) | {name: value}
        del fields["signature"]
        message = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
        seal_of(tape).write_bytes(orjson.dumps(fields | {"signature": base64.b64encode(private.sign(message)).decode()}))
        assert fault(verified(tape, key)).startswith("a.tape.zst: ")
        seal_of(tape).write_bytes(good)


def test_a_missing_or_bad_seal_is_one_error_with_a_key_and_said_without(tape: Path, key: Path) -> None:
    seal_of(tape).write_bytes(b'{"seal":1,"tape":"\x1b[31m')
    done = verified(tape, key)
    assert done.status == 1 and is_one_error(done)
    plain = inside("verify", tape)
    assert plain.status == 0 and b"NOT CHECKED" in plain.out and b"\x1b" not in plain.out
    assert inside("verify", tape, "--json").json()["seals"][0]["state"] == "unreadable"
    seal_of(tape).unlink()
    done = verified(tape, key)
    assert done.status == 1 and is_one_error(done) and "has no seal" in done.err
    assert inside("verify", tape, "--json").json()["seals"] == []


def test_a_hostile_seal_cannot_steer_a_terminal(tape: Path) -> None:
    edited(seal_of(tape), tape="\x1b[31m\x9b", sealed="\x1b]0;x\x07")
    done = inside("verify", tape)
    assert done.status == 5 and b"\x1b" not in done.out and "\x9b" not in done.out.decode()


# -- sets


def test_a_set_is_sealed_segment_by_segment_and_its_faults_are_named(tmp_path: Path, key: Path) -> None:
    (folder := tmp_path / "set").mkdir()
    paths = recorded_set(folder)
    assert len(paths) >= 3
    assert inside("seal", paths[1], "--key", key).status == 0
    assert all(seal_of(path).exists() for path in paths)
    done = verified(folder, key)
    assert done.status == 0 and b"%d seals of SHA256:" % len(paths) in done.out
    for path in paths:
        assert verified(path, key, "--alone", "--json").json()["seals"][0]["state"] == "holds"
    blocks = blocks_of(paths[1])
    forged(
        paths[1],
        [altered(records, TRADE, b'"p":"61685.91"') if number == 1 else records for number, records in enumerate(blocks)],
    )
    assert fault(verified(folder, key)).startswith(f"{paths[1].name}: blocks 1 to 2 of 3")
    seal_of(paths[0]).unlink()
    done = verified(folder, key)
    assert done.status == 1 and is_one_error(done) and paths[0].name in done.err


def test_a_missing_segment_is_loss_and_the_seals_of_the_others_hold(tmp_path: Path, key: Path) -> None:
    (folder := tmp_path / "set").mkdir()
    paths = recorded_set(folder)
    assert inside("seal", folder, "--key", key).status == 0
    paths[1].unlink()
    told = verified(folder, key, "--json").json()
    assert told["status"] == 3 and [seal["state"] for seal in told["seals"]] == ["holds"] * (len(paths) - 1)


def test_one_segment_can_be_sealed_alone(tmp_path: Path, key: Path) -> None:
    (folder := tmp_path / "set").mkdir()
    paths = recorded_set(folder)
    inside("seal", paths[0], "--key", key, "--alone")
    assert [seal_of(path).exists() for path in paths] == [True] + [False] * (len(paths) - 1)
    fields = orjson.loads(seal_of(paths[0]).read_bytes())
    assert (fields["segment"], fields["state"]) == (1, "complete")
    assert inside("verify", folder, "--key", key, "--seal", seal_of(paths[0])).status == 2
    assert verified(paths[0], key, "--alone", "--seal", seal_of(paths[0]), "--json").json()["seals"][0]["state"] == "holds"


# -- what is sealed, and what is not


def test_a_cut_tape_is_sealed_and_said_to_be_cut(tmp_path: Path, key: Path) -> None:
    path = Script(tmp_path / "a.tape.zst").live().abandon()
    done = inside("seal", path, "--key", key)
    assert done.status == 3 and b"which is cut" in done.out
    assert verified(path, key).status == 3 and b": holds" in verified(path, key).out
    path.write_bytes(path.read_bytes()[:-100])
    assert "removed from the end" in fault(verified(path, key))


def test_a_damaged_tape_is_sealed_as_it_is(tmp_path: Path, key: Path) -> None:
    path = recorded(tmp_path / "a.tape.zst")
    with TapeReader(path) as reader:
        block = reader.blocks[2]
    data = bytearray(path.read_bytes())
    data[block.offset + block.size // 2] ^= 0xFF
    path.write_bytes(data)
    done = inside("seal", path, "--key", key)
    assert done.status == 3 and b"which is damaged" in done.out
    assert b": holds" in verified(path, key).out


def test_a_tape_that_contradicts_itself_is_not_sealed(tmp_path: Path, key: Path) -> None:
    source = whole_tape(tmp_path / "a.tape.zst")
    records = records_of(source)
    for number, record in enumerate(records):
        if record.kind == DIGEST:
            records[number] = Record(record.time, 0, DIGEST, record.payload.replace(b'"digest":"', b'"digest":"0'))
    path = rewritten(source, tmp_path / "b.tape.zst", records)
    done = inside("seal", path, "--key", key)
    assert done.status == 5 and is_one_error(done) and not seal_of(path).exists()


def test_a_tape_that_is_being_written_is_not_sealed(tmp_path: Path, key: Path) -> None:
    script = Script(tmp_path / "a.tape.zst").live()
    script.recorder.writer.flush()
    done = feedtape("seal", script.path, "--key", key)
    assert done.status == 1 and is_one_error(done) and not seal_of(script.path).exists()
    script.finish()
    assert inside("seal", script.path, "--key", key).status == 0


def test_a_seal_is_not_overwritten_unless_told(tape: Path, key: Path) -> None:
    before = seal_of(tape).read_bytes()
    done = inside("seal", tape, "--key", key)
    assert done.status == 1 and is_one_error(done) and "--overwrite" in done.err
    assert seal_of(tape).read_bytes() == before
    assert inside("seal", tape, "--key", key, "--overwrite").status == 0
    assert sorted(path.name for path in tape.parent.iterdir()) == ["a.tape.zst", "a.tape.zst.seal", "key", "key.pub"]


# -- keys


def test_wrong_usage_is_two(tape: Path, key: Path) -> None:
    wrong = (
        ("seal",),
        ("seal", tape),
        ("seal", "--key", key),
        ("seal", tape, "--key", key, "--new-key", key),
        ("verify", tape, "--key", "SHA256:x"),
        ("verify", tape, "--key", ""),
        ("verify", tape, "--key", key, "--follow"),
    )
    for words in wrong:
        done = inside(*words)
        assert done.status == 2 and is_one_error(done), words


def test_a_key_of_another_kind_or_none_is_one_error(tape: Path, tmp_path: Path) -> None:
    path = tmp_path / "other"
    rsa_key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (rsa_key, b"", b"x" * 100_000, tape.read_bytes()):
        path.write_bytes(data)
        path.chmod(0o600)
        done = inside("seal", tape, "--key", path, "--overwrite")
        assert done.status == 1 and is_one_error(done)
        assert is_one_error(inside("verify", tape, "--key", path))
    for missing in (tmp_path, tmp_path / "missing"):
        assert is_one_error(inside("seal", tape, "--key", missing, "--overwrite"))


def test_a_key_and_a_seal_at_once(tmp_path: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    done = inside("seal", path, "--new-key", tmp_path / "new")
    assert done.status == 0 and done.out.startswith(b"key      SHA256:")
    assert verified(path, tmp_path / "new.pub").status == 0


def test_a_key_that_others_can_read_is_warned_of(tape: Path, key: Path) -> None:
    key.chmod(0o644)
    done = inside("seal", tape, "--key", key, "--overwrite")
    assert done.status == 0 and "chmod 600" in done.err


def test_private_key_bytes_are_never_printed(tmp_path: Path, key: Path) -> None:
    path = recorded(tmp_path / "a.tape.zst")
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    raw = private.private_bytes_raw()
    secrets = (key.read_text().splitlines()[1], raw.hex(), base64.b64encode(raw).decode().rstrip("="))
    runs = [
        feedtape("--debug", "seal", path, "--key", key),
        feedtape("--debug", "seal", path, "--key", key),
        feedtape("--debug", "verify", path, "--key", key),
        feedtape("verify", path, "--key", key.read_text()),
        feedtape("--debug", "verify", path, "--key", key.read_text()),
        feedtape("verify", path, "--key", key.read_text().splitlines()[1]),
    ]
    assert runs[0].status == 0
    shown = "".join(run.out.decode() + run.err for run in runs) + seal_of(path).read_text()
    assert not any(secret in shown for secret in secrets)


PASSWORD = "correct horse"


@pytest.fixture(params=[PrivateFormat.PKCS8, PrivateFormat.OpenSSH], ids=["pkcs8", "openssh"])
def locked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A key with a password."""
    path = tmp_path / "locked"
    lock = BestAvailableEncryption(PASSWORD.encode())
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, request.param, lock))
    path.chmod(0o600)
    return path


def test_a_password_is_asked_for_on_a_terminal_only(tmp_path: Path, locked: Path) -> None:
    path = whole_tape(tmp_path / "a.tape.zst")
    done = feedtape("seal", path, "--key", locked)
    assert done.status == 1 and is_one_error(done) and "has a password" in done.err
    for password, status in (("wrong", 1), (PASSWORD, 0)):
        ours, theirs = pty.openpty()
        command = [*PROGRAM, "seal", str(path), "--key", str(locked)]
        process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True)
        os.close(theirs)
        said = b""
        while b"password" not in said:
            said += os.read(ours, 1000)
        os.write(ours, password.encode() + b"\n")
        out, _ = process.communicate(timeout=20)
        os.close(ours)
        assert process.returncode == status and PASSWORD.encode() not in out + said
    assert seal_of(path).exists()
