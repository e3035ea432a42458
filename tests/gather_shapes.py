"""What is known of each venue's messages, found out from frames and written into the package.

    FEEDTAPE_FRAMES=… python tests/gather_shapes.py [VENUE…]

Frames come from the simulated exchange, and from captures where FEEDTAPE_FRAMES names some. Each is decoded as it is and once
more without each of its fields: a field without which the decoder refuses it is needed, one without which it says something
else is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import json
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from feedtape.convert import detect
from feedtape.convert.plan import Plan, make_plan
from feedtape.errors import BadFrame, FeedtapeError
from feedtape.model.events import Event
from feedtape.model.records import OPEN, RECV, RECV_BINARY, Record
from feedtape.sim.dialect import names as dialects
from feedtape.venues import registry
from feedtape.venues.contract import Conversation, Venue
from feedtape.venues.shapes import Known, Shape, Shapes, is_missing, kind_of, named_by, plain_name
from golden import messages
from venue_stage import live

FOLDER = Path(registry.__file__).parent / "known"
_SHAPES_TRIED = 30
"""Sets of fields of a kind that are tried; of each `_TRIED` messages, without each of their fields."""
_TRIED = 3
_MOST_RECORDS = 20_000
"""Records that are read of one capture."""
Run = tuple[tuple[str, ...], float]


class Sample(NamedTuple):
    """A message, and what its conversation remembered before it."""

    payload: bytes
    recv: int
    binary: bool
    before: Any
    events: Sequence[Event]

    def read(self, venue: Venue, message: Any) -> Sequence[Event] | None:
        """Decode another message in its place; None when it is refused."""
        conversation = venue.conversation()
        if self.before is not None:
            conversation.load(copy.deepcopy(self.before))
        payload = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
        try:
            return _decode(conversation, payload, self.recv, self.binary)
        except BadFrame:
            return None


def _decode(conversation: Conversation, payload: bytes, recv: int, binary: bool) -> Sequence[Event]:
    return (conversation.decode_binary if binary else conversation.decode)(payload, recv)


def samples_of(venue: Venue, records: Iterable[Record]) -> Iterator[Sample]:
    """Yield the messages among records that the decoder reads."""
    conversations: dict[int, Conversation] = {}
    for record in records:
        if record.kind == OPEN:
            conversations[record.connection] = venue.conversation()
        elif record.kind in (RECV, RECV_BINARY) and record.connection in conversations:
            conversation = conversations[record.connection]
            before = copy.deepcopy(conversation.save())
            try:
                events = _decode(conversation, record.payload, record.time, record.kind == RECV_BINARY)
            except BadFrame:
                continue
            yield Sample(record.payload, record.time, record.kind == RECV_BINARY, before, events)


@dataclass
class _Kind:
    """One kind of message while it is looked at."""

    shapes: dict[Any, Shape] = field(default_factory=dict)
    tried: Counter[Any] = field(default_factory=Counter)
    outcomes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What became of messages without a field: `refused`, `other` (something else was read), `same`."""

    def known(self) -> Known:
        """Return what came out; what any message went without is neither needed nor read for sure."""
        every = {path for shape in self.shapes.values() for path in shape.paths()}
        always = {path for path in every if not any(is_missing(path, shape) for shape in self.shapes.values())}
        needs = {path for path in always if self.outcomes[path] == {"refused"}}
        reads = {path for path in always - needs if self.outcomes[path] - {"same"}}
        return Known(frozenset(needs), frozenset(reads), frozenset(every - needs - reads))


def gathered(venue: Venue, samples: Sequence[Sample]) -> Shapes:
    """Find out the shapes of a venue's messages."""
    kinds: dict[str, _Kind] = defaultdict(_Kind)
    symbols = {event.target.partition(":")[2] for sample in samples for event in sample.events} | {venue.example}
    for sample in samples:
        message = json.loads(sample.payload)
        name = kind_of(message, symbols) or named_by(sample.events)
        shape = Shape()
        shape.add(message)
        key = frozenset(shape.paths()), frozenset(shape.hollow)
        kind = kinds[name]
        kind.shapes[key] = shape
        kind.tried[key] += 1
        if kind.tried[key] <= _TRIED and len(kind.tried) <= _SHAPES_TRIED:
            _try(venue, sample, message, key[0], kind)
    return Shapes(venue.decoder, {name: kind.known() for name, kind in kinds.items() if name and any(kind.shapes)})


def _try(venue: Venue, sample: Sample, message: Any, paths: Iterable[str], kind: _Kind) -> None:
    whole = sample.read(venue, message)
    assert whole is not None, sample.payload
    for path in paths:
        cut = copy.deepcopy(message)
        remove(cut, path)
        said = sample.read(venue, cut)
        kind.outcomes[path].add("refused" if said is None else "same" if said == whole else "other")


def remove(message: Any, path: str) -> None:
    """Take a field out of a message, wherever it is; of a row, what follows it too."""
    *steps, last = re.findall(r"[^.\[\]]+|\[\d*\]", path)
    for holder in _at([message], steps):
        if type(holder) is list and last[0] == "[":
            del holder[int(last[1:-1]) :]
        elif type(holder) is dict:
            for key in [key for key in holder if plain_name(key) == last]:
                del holder[key]


def _at(values: list[Any], steps: Sequence[str]) -> list[Any]:
    for step in steps:
        found: list[Any] = []
        for value in values:
            if type(value) is dict:
                found += [one for key, one in value.items() if plain_name(key) == step]
            elif type(value) is list and step[0] == "[":
                found += value if step == "[]" else value[int(step[1:-1]) :][:1]
        values = found
    return values


# -- where frames come from


RUNS: tuple[Run, ...] = (((), 20), (("refuse=0.5",), 5), (("drop=0.1",), 10))
"""Faults of the simulated exchange, and its rate."""


async def simulated(venue: Venue, seconds: float = 3, *ways: Run) -> list[Record]:
    """Return what the simulated exchange says on every channel: when all is well, refusing, and losing frames."""
    runs = [
        live(
            venue.name,
            [venue.example],
            symbols=[venue.example],
            channels=venue.channels,
            faults=faults,
            seconds=seconds,
            calm_s=0,
            rate=rate,
            silence_s=None,
            ping_every=1,
        )
        for faults, rate in ways or RUNS
    ]
    every = await asyncio.gather(*runs)
    # Connections are numbered by run.
    return [
        Record(one.time, one.connection + 1000 * number, one.kind, one.payload)
        for number, lived in enumerate(every)
        for one in lived.records
    ]


def captured(venue: Venue, folder: Path, most: int = _MOST_RECORDS) -> Iterator[Record]:
    """Yield what captures hold that the venue's current decoder is for."""
    opened = Record(0, 1, OPEN, b"{}")
    for path in folder.glob("golden/*.jsonl"):
        if detect.venue_of_name(path.stem) == venue.name:
            yield opened
            yield from (Record(message.recv, 1, RECV, message.payload) for message in messages(path))
    for path in folder.glob("single/*/ws_*.json"):
        if venue.name.startswith(path.parent.name):
            yield from (opened, Record(1, 1, RECV, path.read_bytes()))
    for path in folder.glob("kraken-v2/*.ndjson") if venue.name == "kraken" else ():
        lines = [json.loads(line)["frame"] for line in path.read_bytes().splitlines()]
        yield from (opened, *(Record(1, 1, RECV, json.dumps(frame).encode()) for frame in lines))
    for path in (*folder.glob("hftbacktest/*.gz"), *folder.glob("cryptofeed/*.ws.*.gz")):
        if _decoder_of(path) == venue.decoder:
            yield from itertools.islice(_plan(path).records, most)


def _plan(path: Path) -> Plan:
    return make_plan([path], venue=None, format="auto", symbol=None)


@cache
def _decoder_of(path: Path) -> str:
    """Return the decoder that a capture is for; nothing where there is none."""
    with contextlib.suppress(FeedtapeError):
        [decoder] = _plan(path).header["decoders"].values()
        return str(decoder)
    return ""


def main(names: Sequence[str]) -> None:
    """Write the files of these venues, or of all that are not closed."""
    named = os.environ.get("FEEDTAPE_FRAMES")
    if not named:
        sys.exit("FEEDTAPE_FRAMES must name the captures: without them most fields that venues really send would be unknown")
    FOLDER.mkdir(exist_ok=True)
    for name in names or [name for name in registry.names() if not registry.venue(name).closed]:
        venue = registry.venue(name)
        said = asyncio.run(simulated(venue)) if name in dialects() else []
        records = itertools.chain(said, captured(venue, Path(named)))
        shapes = gathered(venue, list(samples_of(venue, records)))
        (FOLDER / f"{name}.txt").write_text(shapes.text(), encoding="utf-8")
        sys.stderr.write(f"{name}: {len(shapes.kinds)} kinds, {sum(len(kind.all) for kind in shapes.kinds.values())} fields\n")


if __name__ == "__main__":
    main(sys.argv[1:])
