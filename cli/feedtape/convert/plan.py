"""What is to be imported: files put in order, their format and venue settled, before anything is written."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from feedtape.convert import cryptofeed, detect, dump, hftbacktest, lines
from feedtape.convert.chain import Chain, Split, in_order, venue_time
from feedtape.convert.merge import merged
from feedtape.convert.rest import status_of
from feedtape.convert.source import SourceFile
from feedtape.errors import InputError, UsageError
from feedtape.model.records import Record
from feedtape.model.targets import Target
from feedtape.venues import registry
from feedtape.venues.contract import Venue

AUTO = "auto"

_SYMBOL_IN_NAME = re.compile(r"(?:^|-)([a-z0-9_]+?)[-_][0-9]{8}$", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """A file or several, ready to become one tape.

    Attributes:
        files: in the order in which they are read.
        records: all that they hold, once.
        name: what the tape's name says of them: venues, and symbol or file.
    """

    format: str
    files: list[SourceFile]
    venues: list[str]
    header: dict[str, Any]
    records: Iterator[Record]
    name: str


@dataclass(frozen=True)
class _Asked:
    files: list[SourceFile]
    samples: list[list[bytes]]
    venue: str | None
    symbol: str | None


def make_plan(paths: Sequence[Path], *, venue: str | None, format: str, symbol: str | None) -> Plan:
    """Look at files and settle how to read them.

    Raises:
        InputError: when one cannot be read.
        UsageError: when formats or venues cannot be told, or contradict each other.
    """
    if venue is not None:
        registry.venue(venue)
    files = [SourceFile(path) for path in paths]
    if len({file.path.resolve() for file in files}) < len(files):
        raise UsageError("a file is given twice")
    asked = _Asked(files, [file.sample() for file in files], venue, symbol)
    if format == AUTO:
        found = {detect.format_of(file.name, sample): file for file, sample in zip(files, asked.samples, strict=True)}
        if len(found) > 1:
            kinds = " and ".join(f"{file.name} ({name})" for name, file in found.items())
            raise UsageError(f"files of different formats make no single tape: {kinds}", hint="import each on its own")
        format = next(iter(found))
    return _dump(asked) if format == cryptofeed.NAME else _chain(asked, format)


def _header(format: str, files: Iterable[SourceFile], decoders: Mapping[str, str], targets: list[str]) -> dict[str, Any]:
    return {
        "targets": targets,
        "channels": [],
        "decoders": dict(decoders),
        "source": {"format": format, "files": [{"name": file.name, "bytes": file.size} for file in files]},
    }


def _chain(asked: _Asked, format: str) -> Plan:
    first_lines = asked.samples[0]
    split: Split = hftbacktest.split if format == hftbacktest.NAME else lines.splitter(first_lines)
    feeds: dict[object, _Feed] = {}
    by: dict[str, str] = {}
    for file, sample in zip(asked.files, asked.samples, strict=True):
        found = detect.Found(asked.venue, "option") if asked.venue else _recognised(file, sample, split)
        by[found.venue] = found.by
        venue = detect.version_of(found.venue, _frames_of(sample, split))
        symbols = _symbols(asked.symbol, file, sample, venue, split)
        # A file of hftbacktest is of one symbol, so that those of others are other feeds; of plain lines nobody knows.
        key = venue.decoder, tuple(symbols) if format == hftbacktest.NAME else ()
        feed = feeds.setdefault(key, _Feed(venue, split))
        feed.add(file, sample, symbols)
    numbers = itertools.count(1)
    blank_is_lost = format == lines.NAME and lines.names_lost_connections(first_lines)
    chains = [(feed.chain(format, numbers, blank_is_lost=blank_is_lost), feed.in_order()) for feed in feeds.values()]
    files = [file for _, files in chains for file in files]
    venues = list(by)
    targets = [str(Target(feed.venue.name, feed.symbols[0])) for feed in feeds.values() if len(feed.symbols) == 1]
    decoders = {feed.venue.name: feed.venue.decoder for feed in feeds.values()}
    header = _header(format, files, decoders, targets if len(targets) == len(feeds) else [])
    header["source"]["venue_by"] = by
    if not all(feed.is_timed for feed in feeds.values()):
        header["times"] = "from the venue"
    symbols = list(dict.fromkeys(symbol for feed in feeds.values() for symbol in feed.symbols))
    name = "+".join(symbols) if 1 <= len(symbols) <= 3 else files[0].stem
    records = merged(chain.records(files) for chain, files in chains)
    return Plan(format, files, venues, header, records, f"{'+'.join(venues[:3])}-{name}")


@dataclass
class _Feed:
    """Files that follow each other."""

    venue: Venue
    split: Split
    files: list[SourceFile] = field(default_factory=list)
    samples: list[list[bytes]] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)

    def add(self, file: SourceFile, sample: list[bytes], symbols: Iterable[str]) -> None:
        self.files.append(file)
        self.samples.append(sample)
        self.symbols = list(dict.fromkeys([*self.symbols, *symbols]))

    @property
    def firsts(self) -> list[int | None]:
        return [_first_time(sample, self.split) for sample in self.samples]

    @property
    def is_timed(self) -> bool:
        return any(first is not None for first in self.firsts)

    def in_order(self) -> list[SourceFile]:
        return in_order(self.files, self.firsts)

    def chain(self, format: str, numbers: Iterator[int], *, blank_is_lost: bool) -> Chain:
        start = min((first for first in self.firsts if first is not None), default=None)
        return Chain(
            self.venue,
            format,
            self.split,
            _venue_start(self.samples, self.venue, self.split) if start is None else start,
            numbers,
            symbols=self.symbols,
            timed=self.is_timed,
            blank_is_lost=blank_is_lost,
        )


def _recognised(file: SourceFile, sample: Sequence[bytes], split: Split) -> detect.Found:
    return detect.find_venue(file.stem, (), _frames_of(sample, split))


def _frames_of(sample: Sequence[bytes], split: Split) -> Iterator[bytes]:
    frames = (split(line).payload for line in sample if line)
    return (frame for frame in frames if status_of(frame) is None)


def _symbols(given: str | None, file: SourceFile, sample: Sequence[bytes], venue: Venue, split: Split) -> list[str]:
    """What a file is of: what the user says, else what its first frames are of, else what its name says."""
    if given:
        return [venue.canonical_symbol(given)]
    seen: dict[str, None] = {}
    for events in detect.said(venue, (split(line).payload for line in sample)):
        for event in events:
            seen[Target.parse(event.target).symbol] = None
    match = _SYMBOL_IN_NAME.search(file.stem)
    return list(seen) or ([venue.canonical_symbol(match[1])] if match is not None else [])


def _first_time(sample: Sequence[bytes], split: Split) -> int | None:
    return next((time for line in sample if (time := split(line).time) is not None), None)


def _venue_start(samples: Sequence[Sequence[bytes]], venue: Venue, split: Split) -> int:
    for sample in samples:
        for line in sample:
            time = venue_time(venue, split(line).payload)
            if time is not None:
                return time
    raise InputError("no line tells when it arrived, and none of the first frames when it was sent")


def _dump(asked: _Asked) -> Plan:
    streams = cryptofeed.streams(asked.files)
    samples = {file.name: sample for file, sample in zip(asked.files, asked.samples, strict=True)}
    known: dict[str, str] = {}
    by: dict[str, str] = {}
    for uuid, files in streams.items():
        found = detect.Found(asked.venue, "option") if asked.venue else _found(uuid, samples[files[0].name])
        known[uuid] = found.venue
        by[found.venue] = found.by
    in_turn = [file for files in streams.values() for file in files]
    venues = list(dict.fromkeys(known.values()))
    spoken: dict[str, list[bytes]] = {}
    for uuid, files in streams.items():
        spoken.setdefault(known[uuid], []).extend(_received(samples[files[0].name]))
    decoders = {name: detect.version_of(name, frames).decoder for name, frames in spoken.items()}
    header = _header(cryptofeed.NAME, in_turn, decoders, [])
    header["source"]["venue_by"] = by
    for file in in_turn:
        asked_for = cryptofeed.configuration(samples[file.name])
        if asked_for is not None:
            names = header.setdefault("source_configuration", {})
            names[cryptofeed.file_name(file.stem).name] = asked_for
    records = dump.records(streams, partial(_venue_name, known, asked.venue is not None))
    name = asked.symbol or cryptofeed.file_name(in_turn[0].stem).name
    return Plan(cryptofeed.NAME, in_turn, venues, header, records, f"{'+'.join(venues[:3])}-{name}")


def _found(uuid: str, sample: Sequence[bytes]) -> detect.Found:
    entries = [entry for line in sample if (entry := cryptofeed.head_of(line)) is not None]
    urls = dict.fromkeys(entry.url for entry in entries if entry.url)
    return detect.find_venue(uuid, urls, _received(sample))


def _received(sample: Sequence[bytes]) -> Iterator[bytes]:
    entries = (cryptofeed.head_of(line) for line in sample)
    return (entry.payload for entry in entries if entry is not None and entry.verb == cryptofeed.FRAME)


def _venue_name(known: dict[str, str], is_given: bool, uuid: str, url: str) -> str:
    """The venue of a URL within a stream; a file of requests can hold those of several."""
    declared = [] if is_given else detect.venue_of_url(url)
    return declared[0] if len(declared) == 1 else known[uuid]
