"""`diff` of two recordings of one feed, by the venue's numbers."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

from edit.diff_stage import Feed, book_stream, books, change, update, updates, with_level
from feedtape.edit.diff import diff as compare
from feedtape.edit.diff_join import Join
from feedtape.edit.diff_side import Wanted
from feedtape.edit.diff_streams import Place, Stream
from feedtape.errors import TapeError
from feedtape.model.records import RECV, Record
from feedtape.tape.segments import TapeSet
from feedtape.ui.diff import diff_lines
from stage_cli import TARGET, inside, records_of, rewritten


def test_what_overlaps_is_equal_and_what_lies_outside_is_no_difference(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 181)).finish()
    b = Feed(tmp_path / "b.tape.zst", now=records_of(a)[0].time + 7_000_000_123).begin(150).go_on(range(151, 231)).finish()
    found = updates(a, b)
    stream = book_stream(found)
    assert (found.status, stream.equal, stream.join.common) == (0, 31, (150, 180))
    assert stream.join.outside == [50, 50] and not found.partings
    lags = stream.join.lags
    assert lags.least == lags.most or (lags.least or 0) < (lags.median or 0) <= (lags.most or 0)
    by_number = [
        {orjson.loads(one.payload)["data"]["u"]: one.time for one in records_of(tape) if one.kind == RECV} for tape in (a, b)
    ]
    expected = sorted(by_number[1][number] - by_number[0][number] for number in range(150, 181))
    assert (lags.least, lags.median, lags.most) == (expected[0], expected[15], expected[-1])
    assert inside("diff", a, b).status == 0


def test_the_same_updates_cut_otherwise_are_equal(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 161)).finish()
    for step in (2, 3, 7):
        b = Feed(tmp_path / f"{step}.tape.zst").begin(100).go_on(range(101, 161), step).finish()
        found = updates(a, b)
        assert (found.status, found.differ, found.lacking) == (0, 0, 0)
        assert book_stream(found).equal == 1 + -(-60 // step)
        for sequence in range(101, 161, 11):
            other = rewritten(b, tmp_path / f"{step}-{sequence}.tape.zst", records_with_first(records_of(b), sequence))
            parted = updates(a, other)
            (parting,) = parted.partings
            assert (parted.status, parted.differ, parting.kind) == (5, 1, "altered")
            assert parting.place.start < sequence <= parting.place.last
            assert [change.b for change in parting.changes] == ["77.7"] and len(parting.a) in (step, 60 % step)


def records_with_first(records: list[Record], sequence: int) -> list[Record]:
    """Records with another size in the message that holds an update."""
    for record in records:
        if record.kind == RECV:
            data = orjson.loads(record.payload)["data"]
            if data["U"] <= sequence <= data["u"]:
                return with_level(records, data["u"], data["a"][0][0], "77.7", "a")
    raise AssertionError(sequence)


def test_one_altered_level_is_that_update(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 181)).finish()
    b = Feed(tmp_path / "b.tape.zst").begin(130).go_on(range(131, 201)).finish()
    records = records_of(b)
    for sequence in range(130, 181, 10):
        price = change(sequence)["a"][0][0]
        other = rewritten(b, tmp_path / f"{sequence}.tape.zst", with_level(records, sequence, price, "9.75", "a"))
        found = updates(a, other)
        (parting,) = found.partings
        assert (found.status, found.differ, parting.kind, parting.place.last) == (5, 1, "altered", sequence)
        assert [(one.what, one.a, one.b) for one in parting.changes] == [(f"ask {price[:-3]}", f"1.{sequence:04d}", "9.75")]
        for tape, (sighting,) in ((a, parting.a), (other, parting.b)):
            record = records_of(tape)[sighting.number - 1]
            assert (record.time, orjson.loads(record.payload)["data"]["u"]) == (sighting.time, sequence)
        lines = "\n".join(diff_lines(found))
        assert f"altered: update {sequence}   {TARGET} depth@100ms" in lines and "9.75" in lines
    told = inside("diff", a, other, "--json")
    assert (told.status, told.json()["by"], told.json()["differences"][0]["last"]) == (5, "updates", 180)


def test_a_missing_update_is_lacking_and_not_a_contradiction(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 161)).finish()
    b = Feed(tmp_path / "b.tape.zst").begin(100).go_on([*range(101, 120), *range(122, 161)]).finish()
    for found, kind, lacking in ((updates(a, b, 5), "only-a", "b"), (updates(b, a, 5), "only-b", "a")):
        assert (found.status, found.differ, found.lacking, found.equal) == (3, 0, 2, 59)
        assert [(one.kind, one.place.last, one.beside) for one in found.partings] == [
            (kind, 120, (119, 122)),
            (kind, 121, (119, 122)),
        ]
        assert f"  {lacking}  nothing between 119 and 122" in diff_lines(found)


def test_the_same_numbers_in_other_words_are_equal(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 140)).finish()
    padded = [
        Record(one.time, one.connection, one.kind, one.payload.replace(b'.25"', b'.25000"')) if one.kind == RECV else one
        for one in records_of(a)
    ]
    other = rewritten(a, tmp_path / "b.tape.zst", padded)
    with TapeSet([a]) as ours, TapeSet([other]) as theirs:
        assert compare(ours, theirs, Wanted(), by="updates").status == 0
        assert compare(ours, theirs, Wanted(), by="books").status == 0
        assert compare(ours, theirs, Wanted()).status == 5


def test_trades_and_quotes_are_compared_as_well(tmp_path: Path) -> None:
    def recorded(name: str, price: str) -> Path:
        script = Feed(tmp_path / name).begin(100)
        script.sequence = 100
        for number in range(20):
            script.trade()
            script.go_on([101 + number])
            script.sequence = 101 + number
            script.quote()
        records = [
            Record(one.time, one.connection, RECV, one.payload.replace(b"61685.90", price.encode()))
            if b'"t":512' in one.payload
            else one
            for one in records_of(script.finish())
        ]
        return rewritten(script.path, tmp_path / f"re-{name}", records)

    a, b, c = recorded("a.tape.zst", "61685.90"), recorded("b.tape.zst", "61685.90"), recorded("c.tape.zst", "61685.80")
    assert {one.key.kind: one.equal for one in updates(a, b).streams} == {"book": 21, "trades": 20, "quotes": 20}
    found = updates(a, c)
    (parting,) = found.partings
    assert (found.status, parting.key.kind, parting.place.last) == (5, "trades", 512)
    assert [(one.what, one.a, one.b) for one in parting.changes] == [("price", "61685.90", "61685.80")]


def test_feeds_with_nothing_in_common_cannot_be_compared(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 120)).finish()
    b = Feed(tmp_path / "b.tape.zst").begin(200).go_on(range(201, 220)).finish()
    with pytest.raises(TapeError, match="in common"):
        updates(a, b)
    with pytest.raises(TapeError, match="in common"):
        books(a, b)
    assert inside("diff", a, b).status == inside("diff", a, b, "--books").status == 1


def test_what_two_connections_bring_counts_once(tmp_path: Path) -> None:
    a = Feed(tmp_path / "a.tape.zst").begin(100).go_on(range(101, 160)).finish()
    script = Feed(tmp_path / "b.tape.zst").begin(100)
    script.open(2)
    for number in range(101, 160):
        # One is behind by an update, and misses some.
        script.go_on([number])
        if number % 4:
            script.take(RECV, update(number - 1, number - 1), 2)
    b = script.finish()
    found = updates(a, b)
    assert (found.status, found.equal, found.lacking) == (0, 60, 0)
    assert book_stream(found).join.streams[1].repeated == sum(number % 4 != 0 for number in range(101, 160))
    assert (books(a, b).status, books(a, b).compared) == (0, 60)


def numbers_of(places: Iterable[Place]) -> set[int]:
    """All updates that messages hold."""
    return {number for place in places for number in range(place.start + 1, place.last + 1)}


def test_joins_are_as_a_naive_model_has_them() -> None:
    rng = random.Random(11)
    for _ in range(400):
        sides: list[list[Place]] = []
        for _side in range(2):
            at, places = rng.randrange(8), []
            for _number in range(rng.randrange(3, 15)):
                start = at + (rng.randrange(3) if rng.random() < 0.15 else 0)
                at = start + rng.choice((1, 1, 1, 2, 3))
                places.append(Place(start, at))
            sides.append(places)
        streams = Stream(by_time=False), Stream(by_time=False)
        for stream, places in zip(streams, sides, strict=True):
            for place in rng.sample(places, len(places)):
                stream.add(place, hash(place) & (2**64 - 1), 0)
        join = Join(*streams)
        join.run(99)
        assert join.equal == len(set(sides[0]) & set(sides[1]))
        held = [numbers_of(places) for places in sides]
        span = set(range(max(map(min, held)), min(map(max, held)) + 1))
        for side, other in ((0, 1), (1, 0)):
            # Whatever is said to be missing is missing; and where nothing is, nothing is said to be.
            assert all(numbers_of([place]) - held[other] for place in join.lone[side])
            if held[side] & span <= held[other]:
                assert not join.only[side]
            if not join.suspects[0] and not join.unmatched:
                assert join.equal + join.only[side] + join.outside[side] == len(sides[side])
        for start, last in zip(*join.suspects, strict=True):
            whole = set(range(start + 1, last + 1))
            assert whole <= held[0] and whole <= held[1]
