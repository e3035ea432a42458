"""The shape of messages: what is found in one, how it is compared, and whether what is known of each venue holds."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from feedtape.feed.doctor import known_shapes
from feedtape.model.events import Acknowledged, Numbered
from feedtape.sim.dialect import names as dialects
from feedtape.venues import registry
from feedtape.venues.shapes import Finding, Known, Shape, Shapes, compare, kind_of, named_by
from gather_shapes import Sample, captured, remove, samples_of, simulated

OPEN = [name for name in registry.names() if not registry.venue(name).closed]
FAMILIES: dict[str, str] = {}
"""Of the venues that one module describes the one with the most channels: what changes in it changes for all of them."""
for name in sorted(set(OPEN) & set(dialects()), key=lambda name: (len(registry.venue(name).channels), name)):
    FAMILIES[type(registry.venue(name)).__module__] = name
SIMULATED = sorted(FAMILIES.values())


def shape_of(message: Any) -> Shape:
    shape = Shape()
    shape.add(message)
    return shape


def paths_of(message: Any) -> set[str]:
    return set(shape_of(message).paths())


KNOWN = Known(
    needs=frozenset({"ch", "data", "data[].px", "data[].bids", "data[].bids[][0]", "data[].bids[][1]"}),
    reads=frozenset({"data[].ts"}),
    others=frozenset({"data[].note"}),
)
MESSAGE: dict[str, Any] = {"ch": "book", "data": [{"px": "1", "bids": [["1", "2"]], "ts": 5}]}


def changed(**fields: Any) -> dict[str, Any]:
    """The message with other fields in its only entry; None takes one out."""
    entry = {name: value for name, value in (MESSAGE["data"][0] | fields).items() if value is not None}
    return MESSAGE | {"data": [entry]}


# -- finding


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        ({"a": 1, "b": {"c": [1, 2]}}, {"a", "b", "b.c"}),
        ({"data": [{"px": 1}, {"qty": 2}]}, {"data", "data[].px", "data[].qty"}),
        ({"b": [["1", "2"], ["3", "4", "5"]]}, {"b", "b[][0]", "b[][1]", "b[][2]"}),
        ({"levels": [[{"px": 1}], []]}, {"levels", "levels[][].px"}),
        ({"args": ["btcusdt@trade", "ethusdt@trade"]}, {"args"}),
        ([17, "te", [1, 2]], {"[0]", "[1]", "[2]", "[2][0]", "[2][1]"}),
        ([17, [[1, 2], [3, 4]]], {"[0]", "[1]", "[1][][0]", "[1][][1]"}),
        ({"a.b": {"c[0]": 1}}, {"a_b", "a_b.c_0_"}),
        ("text", set()),
        (None, set()),
    ],
)
def test_fields_are_found_by_their_paths(message: Any, paths: set[str]) -> None:
    assert paths_of(message) == paths


def test_a_hostile_message_costs_little() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"a": deep}
    assert len(paths_of(deep)) < 20
    assert len(paths_of([{f"name{number}": {"x": 1}} for number in range(10_000)])) < 2_000
    assert len(paths_of([list(range(100_000))])) < 100
    [long] = paths_of({"x" * 100_000: 1})
    assert len(long) < 100


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"stream": "btcusdt@depth@100ms", "data": {"e": "depthUpdate", "s": "BTCUSDT"}}, "depth depthUpdate"),
        ({"data": {"e": "depthUpdate"}, "stream": "btcusdt@depth"}, "depth depthUpdate"),
        ({"topic": "orderbook.50.BTCUSDT", "type": "delta"}, "orderbook delta"),
        ({"method": "subscription", "params": {"channel": "book.BTCUSDT.raw"}}, "subscription book.raw"),
        ({"stream": "btcusd@optionMarkPrice"}, "optionMarkPrice"),
        ({"channel": "spot.order_book_update", "event": "update"}, "spot.order_book_update update"),
        ({"result": None, "id": 1}, ""),
        ({"type": {"type": ["no word"]}}, ""),
        ([1, "te"], ""),
    ],
)
def test_a_message_says_what_it_is_without_symbols(message: Any, kind: str) -> None:
    assert kind_of(message, ["BTCUSDT", "BTC-261225-100000-C"]) == kind


def test_a_kind_is_one_short_line() -> None:
    kind = kind_of({"type": "a b\n\x1b" * 1000, "event": "x" * 1000})
    assert len(kind) <= 80 and "\n" not in kind


def test_what_says_nothing_is_named_by_what_is_read_in_it() -> None:
    acknowledged = Acknowledged("", 1, None, "", ())
    assert named_by([Numbered("", 1, None, 1), acknowledged, acknowledged]) == "acknowledged"


# -- comparing


def test_what_is_as_known_gives_no_finding() -> None:
    assert compare(KNOWN, shape_of(MESSAGE)) == []
    assert compare(KNOWN, shape_of(changed(note="may be"))) == []


def test_a_missing_field_is_found_where_it_ought_to_be() -> None:
    assert compare(KNOWN, shape_of(changed(px=None))) == [Finding("missing", "data[].px", needed=True)]
    assert compare(KNOWN, shape_of(changed(ts=None))) == [Finding("missing", "data[].ts", needed=False)]
    assert compare(KNOWN, shape_of({"ch": "book"})) == [Finding("missing", "data", needed=True)], "the outermost alone"
    assert compare(KNOWN, shape_of(changed(bids=[["1"]]))) == [Finding("missing", "data[].bids[][1]", needed=True)]
    two = MESSAGE | {"data": [MESSAGE["data"][0], {"bids": [], "ts": 1}]}
    assert compare(KNOWN, shape_of(two)) == [Finding("missing", "data[].px", needed=True)], "in one of two"


@pytest.mark.parametrize("message", [changed(bids=[]), {"ch": "book", "data": []}, {"ch": "book", "data": None}])
def test_nothing_is_missing_within_what_is_empty(message: Any) -> None:
    assert compare(KNOWN, shape_of(message)) == []


def test_a_field_that_moved_is_found_where_it_is() -> None:
    moved = changed(px=None, quote={"px": "1"})
    assert compare(KNOWN, shape_of(moved)) == [
        Finding("moved", "data[].px", "data[].quote.px", needed=True),
        Finding("unknown", "data[].quote"),
    ]
    unwrapped = {"ch": "book", "data": MESSAGE["data"][0]}
    found = {(one.what, one.path, one.found_at) for one in compare(KNOWN, shape_of(unwrapped)) if one.what == "moved"}
    assert ("moved", "data[].px", "data.px") in found, "no list any more"


def test_a_new_field_is_named_once() -> None:
    assert compare(KNOWN, shape_of(changed(extra={"a": {"b": 1}}))) == [Finding("unknown", "data[].extra")]
    assert compare(KNOWN, shape_of(changed(bids=[["1", "2", "3"]]))) == [Finding("unknown", "data[].bids[][2]")]


def test_what_is_known_is_read_back_as_it_was_written() -> None:
    many = frozenset(f"data.field_of_some_length_{number}" for number in range(40))
    shapes = Shapes("venue/1", {"book update": KNOWN, "trade": Known(others=many)})
    text = shapes.text()
    assert Shapes.parse(text) == shapes and max(map(len, text.splitlines())) <= 120
    with pytest.raises(ValueError):
        Shapes.parse("kind book\n  wants px\n")


# -- what is known of the venues


@cache
def samples() -> dict[str, list[Sample]]:
    """What every venue's dialect says in a short while."""

    async def all_of_them() -> dict[str, list[Sample]]:
        every = await asyncio.gather(*(simulated(registry.venue(name), 0.3, ((), 6)) for name in SIMULATED))
        return {name: list(samples_of(registry.venue(name), records)) for name, records in zip(SIMULATED, every, strict=True)}

    return asyncio.run(all_of_them())


def told(name: str, sample: Sample) -> tuple[str, Any]:
    """The kind of a message, and the message."""
    message = json.loads(sample.payload)
    symbols = {event.target.partition(":")[2] for event in sample.events} | {registry.venue(name).example}
    return kind_of(message, symbols) or named_by(sample.events), message


@pytest.mark.parametrize("name", OPEN)
def test_every_venue_has_a_file_of_its_decoder(name: str) -> None:
    shapes = known_shapes(registry.venue(name))
    assert shapes is not None and shapes.decoder == registry.venue(name).decoder, f"python tests/gather_shapes.py {name}"
    assert shapes.kinds


@pytest.mark.parametrize("name", SIMULATED)
def test_the_decoder_needs_what_the_file_says(name: str) -> None:
    venue, tried = registry.venue(name), set[str]()
    shapes = known_shapes(venue)
    assert shapes is not None
    for sample in samples()[name]:
        kind, message = told(name, sample)
        about = f"{kind} {message}: python tests/gather_shapes.py {name}"
        if not kind:
            continue  # an echo that says nothing: its number alone is read
        assert kind in shapes.kinds, about
        known = shapes.kinds[kind]
        assert compare(known, shape_of(message)) == [], about
        if kind not in tried and sample.events:
            tried.add(kind)
            for path in paths_of(message) - known.reads:
                cut = json.loads(sample.payload)
                remove(cut, path)
                refused = sample.read(venue, cut) is None
                assert refused or path not in known.needs, f"{path} of {about}"
    assert len(tried) >= 3


@pytest.mark.frames
@pytest.mark.parametrize("name", OPEN)
def test_real_messages_hold_nothing_that_is_not_known(name: str, frames: Path) -> None:
    venue = registry.venue(name)
    shapes = known_shapes(venue)
    assert shapes is not None
    symbols = {venue.example}
    found = list(samples_of(venue, captured(venue, frames, 100)))
    symbols |= {event.target.partition(":")[2] for sample in found for event in sample.events}
    for sample in found:
        message = json.loads(sample.payload)
        kind = kind_of(message, symbols) or named_by(sample.events)
        if kind in shapes.kinds:
            assert compare(shapes.kinds[kind], shape_of(message)) == [], f"{kind} {message}"
