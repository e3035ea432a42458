"""Files whole, cut and damaged: everything readable is read, and what was not is told."""

import gzip
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from convert.feeds import hft_text, stored, usdm_feed
from feedtape.convert.source import SourceFile
from feedtape.errors import InputError

TEXT = hft_text(usdm_feed(400))
LINES = TEXT.splitlines()


def read(path: Path) -> tuple[list[bytes], SourceFile]:
    file = SourceFile(path)
    return list(file.lines()), file


@pytest.mark.parametrize(
    "contents",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:]) + b"\0" * 600,
        zstandard.compress(TEXT),
        zstandard.compress(TEXT[:5000]) + zstandard.compress(TEXT[5000:]),
    ],
    ids=["plain", "gzip", "gzip of several members", "zstd", "zstd of several frames"],
)
def test_a_whole_file_is_read_whole_again_and_again(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "file").write_bytes(contents)
    file = SourceFile(tmp_path / "file")
    assert file.sample() == LINES[:200]
    for _ in range(2):
        assert list(file.lines()) == LINES
        assert (file.damage, file.tail, file.read, file.end(1)) == (None, b"", len(contents), [])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_cut_file_gives_a_prefix_and_says_so(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([gzip.compress(TEXT), zstandard.compress(TEXT)]))
    path = tmp_path_factory.mktemp("cut") / "file"
    path.write_bytes(whole[: data.draw(st.integers(20, len(whole) - 1))])
    lines, file = read(path)
    assert lines == LINES[: len(lines)]
    assert TEXT.startswith(b"".join(line + b"\n" for line in lines) + file.tail)
    assert file.damage is not None
    [marker] = file.end(7)
    assert marker.json()["cut"]["why"] == file.damage


def test_damage_inside_of_gzip_keeps_all_that_comes_before_it(tmp_path: Path) -> None:
    whole = gzip.compress(TEXT)
    (tmp_path / "file.gz").write_bytes(whole[: len(whole) // 2] + b"\xff" * 5000)
    lines, file = read(tmp_path / "file.gz")
    assert file.damage is not None and "damaged" in file.damage
    assert len(lines) > len(LINES) // 4
    assert lines[:-20] == LINES[: len(lines) - 20]


def test_the_rest_of_an_older_file_behind_a_newer_one_is_told(tmp_path: Path) -> None:
    older, newer = gzip.compress(TEXT), gzip.compress(b"".join(line + b"\n" for line in LINES[:50]))
    (tmp_path / "file.gz").write_bytes(newer + older[len(newer) :])
    lines, file = read(tmp_path / "file.gz")
    assert lines == LINES[:50]
    assert file.damage is not None and "follows a complete gzip file" in file.damage


def test_a_bomb_is_not_expanded_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedtape.convert.source.LONGEST_LINE", 3_000_000)
    for name, bomb in (("gz", gzip.compress(b"0" * 50_000_000)), ("zst", zstandard.compress(b"0" * 50_000_000))):
        (tmp_path / name).write_bytes(b"".join([bomb]))
        lines, file = read(tmp_path / name)
        assert lines == []
        assert file.damage == "a line of more than 3000000 bytes"


def test_what_is_no_file_to_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        SourceFile(tmp_path / "missing.gz")
    with pytest.raises(InputError, match="is not a file"):
        SourceFile(tmp_path)
    with pytest.raises(InputError, match="is a tape already"):
        SourceFile(stored(tmp_path / "a.tape.zst", b"\x5f\x2a\x4d\x18rest"))
