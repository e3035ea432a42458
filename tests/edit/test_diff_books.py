"""`diff --books`: where the states part, as a naive model has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from edit.diff_stage import Feed, books, state, update, updates, with_level
from feedtape.edit.diff_books import BookDiff, BooksDiff
from feedtape.edit.diff_side import Wanted
from feedtape.model.records import BODY, RECV, Record
from feedtape.recorder import Rotation
from feedtape.tape.writer import TapeWriter
from feedtape.ui.diff import diff_lines
from stage_cli import TARGET, inside, records_of, rewritten


def naive_states(records: Iterable[Record]) -> Iterator[tuple[int, dict[tuple[str, Decimal], Decimal]]]:
    """The states of the book by its update, as the venue's document says to build it; none after a hole until a snapshot."""
    book: dict[tuple[str, Decimal], Decimal] | None = None
    last: int | None = None
    for record in records:
        if record.kind == BODY:
            body = orjson.loads(record.payload)
            if book is None:
                book = {(side[0], Decimal(price)): Decimal(size) for side in ("bids", "asks") for price, size in body[side]}
                last = body["lastUpdateId"]
                yield last, dict(book)
        elif record.kind == RECV and b"depthUpdate" in record.payload:
            data = orjson.loads(record.payload)["data"]
            if book is None or last is None or data["u"] <= last:
                continue
            if data["U"] != last + 1:
                book = None
                continue
            for side in "ba":
                for price, size in data[side]:
                    book[side, Decimal(price)] = Decimal(size)
                    if not Decimal(size):
                        del book[side, Decimal(price)]
            last = data["u"]
            yield last, dict(book)


def assert_as_naive(found: BooksDiff, a: Path, b: Path) -> BookDiff:
    """Hold what was found against the model; return it."""
    ours, theirs = (dict(reversed(list(naive_states(records_of(tape))))) for tape in (a, b))
    common = sorted(ours.keys() & theirs.keys())
    unequal = [sequence for sequence in common if ours[sequence] != theirs[sequence]]
    (book,) = found.books
    assert (book.compared, book.differ, book.first, book.last) == (len(common), len(unequal), common[0], common[-1])
    assert found.status == (5 if unequal else 0)
    assert book.parted == (unequal[0] if unequal else None)
    agreed = [sequence for sequence in common if not unequal or sequence < unequal[0]]
    assert book.agreed == (agreed[-1] if agreed else None)
    if unequal:
        x, y = ours[unequal[0]], theirs[unequal[0]]
        expected = {level: (x.get(level), y.get(level)) for level in x.keys() | y.keys() if x.get(level) != y.get(level)}
        shown = {}
        for one in book.changes:
            side, price = one.what.split()
            shown[side[0], Decimal(price)] = one.a and Decimal(one.a), one.b and Decimal(one.b)
        assert shown == expected and book.levels == len(expected)
    return book


def test_books_part_where_a_naive_model_says(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 181)).finish()
    holed = Feed(tmp_path / "h.tape.zst").begin(120).go_on(range(121, 140)).go_on(range(143, 150))
    holed.picture(state(149))
    b = holed.go_on(range(150, 200)).finish()
    book = assert_as_naive(books(a, b), a, b)
    assert book.compared == 20 + 32 and book.agreed == 180
    records = records_of(b)
    for number, sequence in enumerate(range(121, 180, 6)):
        if 140 <= sequence < 150 or sequence % 5 == 0:
            continue
        price, size = f"6168{sequence % 5}.{sequence % 7}0", ("3.5", "0")[number % 2]
        changed = with_level(records, sequence, price, size)
        other = rewritten(b, tmp_path / f"{sequence}.tape.zst", changed)
        book = assert_as_naive(books(a, other), a, other)
        assert book.parted in (sequence, None)
        if size == "3.5":
            assert book.parted == sequence
            # The next update of that level mends it: a difference for a moment only is found all the same.
            assert book.again is None or book.again > sequence


def test_the_command_shows_the_levels_of_both_sides(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 150)).finish()
    b = rewritten(a, tmp_path / "b.tape.zst", with_level(records_of(a), 133, "61600.00", "8.5"))
    done = inside("diff", a, b, "--books")
    out = done.out.decode()
    assert done.status == 5
    assert f"book     {TARGET}   50 states compared, 17 differ   100 .. 149" in out
    assert "they part at 133" in out and "the last time before at 132" in out
    assert "  bid 61600  a -   b 8.5" in out
    told = inside("diff", a, b, "--books", "--json").json()
    assert told["books"][0]["changes"] == [{"target": TARGET, "what": "bid 61600", "a": None, "b": "8.5"}]
    assert told["a"]["first"] is not None and told["a"]["cut"] is None
    assert inside("diff", a, a, "--books", "--only", "btcusdt").status == 0
    time = next(one.time for one in records_of(a) if b'"u":133' in one.payload)
    assert inside("diff", a, b, "--books", "--to", time).status == 0


def test_a_cut_is_equal_to_what_it_was_cut_from(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 150)).finish()
    since, until_ = (next(one.time for one in records_of(a) if b'"u":%d' % number in one.payload) for number in (120, 140))
    b = tmp_path / "b.tape.zst"
    assert inside("cut", a, "-o", b, "--from", since, "--to", until_, "-q").status == 0
    (book,) = books(a, b).books
    assert (book.compared, book.differ, book.first, book.last) == (20, 0, 120, 139)
    found = updates(a, b)
    assert (found.status, found.equal) == (0, 20)
    assert inside("diff", a, b, "--frames").status == 3
    (book,) = books(a, b, Wanted(since=since + 1, until=until_ - 1)).books
    assert (book.first, book.last) == (121, 139)


def test_segments_are_one_recording(tmp_path: Path) -> None:
    whole = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 180)).finish()
    folder = tmp_path / "set"
    folder.mkdir()
    rotation = Rotation(lambda start, number: TapeWriter(folder / f"{number}.tape.zst", level=1), every_ns=2_000_000_000)
    Feed(folder / "1.tape.zst", options={"rotation": rotation}).begin(100).go_on(range(101, 180)).finish()
    assert len(list(folder.iterdir())) > 3
    for way in ("--frames", "--updates", "--books"):
        for named in (folder, folder / "2.tape.zst", folder / "*.zst"):
            assert inside("diff", whole, named, way).status == 0, (way, named)
    assert inside("diff", folder / "1.tape.zst", folder / "2.tape.zst", "--alone", "--frames").status == 1


def test_prices_beyond_a_snapshot_that_was_cut_off_are_nobodys_difference(tmp_path: Path) -> None:
    far = {"bids": [["60000.00", "4"]], "asks": [["70000.00", "4"]]}

    def deep(sequence: int) -> dict[str, Any]:
        whole = state(sequence)
        whole["bids"] = sorted(whole["bids"], key=lambda level: -Decimal(level[0])) + far["bids"]
        whole["asks"] = sorted(whole["asks"], key=lambda level: Decimal(level[0])) + far["asks"]
        return whole

    def recorded(name: str, sequence: int, *, limit: int | None) -> Path:
        script = Feed(tmp_path / name)
        script.open()
        script.take(RECV, update(sequence, sequence))
        picture = deep(sequence)
        if limit is not None:
            picture |= {side: picture[side][:limit] for side in ("bids", "asks")}
        script.picture(picture, limit or 5000)
        return script.go_on(range(sequence + 1, 180)).finish()

    a, b = recorded("a.tape.zst", 100, limit=None), recorded("b.tape.zst", 140, limit=4)
    found = books(a, b)
    (book,) = found.books
    assert (found.status, book.compared, book.windowed) == (0, 40, True)
    assert any("cut off" in line for line in diff_lines(found))
    best = min((level for level in deep(150)["asks"]), key=lambda level: Decimal(level[0]))[0]
    other = rewritten(b, tmp_path / "c.tape.zst", with_level(records_of(b), 150, best, "5.5", "a"))
    assert books(a, other).books[0].parted == 150
    # Both had the same snapshot: whatever they differ in since is a difference, however far away.
    other = rewritten(b, tmp_path / "d.tape.zst", with_level(records_of(b), 150, "50000.00", "5.5"))
    assert [(one.what, one.a, one.b) for one in books(b, other).books[0].changes] == [("bid 50000", None, "5.5")]
