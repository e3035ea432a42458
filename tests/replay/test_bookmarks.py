"""Bookmarks beside a tape."""

from pathlib import Path

import pytest

from feedtape.errors import TapeError
from feedtape.replay.bookmarks import Bookmark, add_bookmark, bookmarks_path, read_bookmarks


def test_what_was_added_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    tape = tmp_path / "a.tape.zst"
    assert read_bookmarks(tape) == []
    add_bookmark(tape, 2**62, "späte\nZeile \x1b[31m")
    add_bookmark(tape, 5, "")
    assert read_bookmarks(tape) == [Bookmark(5, ""), Bookmark(2**62, "späte\nZeile \x1b[31m")]
    assert bookmarks_path(tape).name == "a.tape.zst.bookmarks" and not tape.exists()
    assert bookmarks_path(tape).read_bytes().startswith(b'{"time":"4611686018427387904","note":')


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b'{"time":5,"note":""}', b'{"time":"x","note":""}', b'{"time":"5"}', b"\xff", b"1"]
)
def test_a_line_that_is_no_bookmark_is_named(tmp_path: Path, line: bytes) -> None:
    tape = tmp_path / "a.tape.zst"
    add_bookmark(tape, 1, "one")
    with bookmarks_path(tape).open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(TapeError, match=r"line 2 of .*a\.tape\.zst\.bookmarks is no bookmark"):
        read_bookmarks(tape)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    bookmarks_path(tmp_path / "a").mkdir()
    with pytest.raises(TapeError, match="cannot be read"):
        read_bookmarks(tmp_path / "a")
    with pytest.raises(TapeError, match="cannot be written"):
        add_bookmark(tmp_path / "a", 1, "")
