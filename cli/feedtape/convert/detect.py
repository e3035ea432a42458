"""Recognising a file by its first lines and its name: which tool wrote it, and which venue spoke."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from feedtape.convert import cryptofeed, hftbacktest, lines
from feedtape.errors import BadFrame, InputError, UsageError
from feedtape.model.events import Acknowledged, Event, Greeting, Heartbeat, Numbered, Refused, Reply, Status, Unread
from feedtape.venues import registry
from feedtape.venues.contract import Venue

_FRAMES_TRIED = 100
_SILENT = (Acknowledged, Greeting, Heartbeat, Numbered, Refused, Reply, Status, Unread)

_NAMES = {
    "binance-spot": "binance",
    "binance-futures": "binance-usdm",
    "binance-delivery": "binance-coinm",
    "binancefuturesum": "binance-usdm",
    "binancefuturescm": "binance-coinm",
    "binance-european-options": "binance-options",
    "bybit-spot": "bybit",
    "coinbase-advanced": "coinbase",
    "cryptofacilities": "kraken-futures",
    "gateio": "gate",
    "gate-io": "gate",
    "gateio-futures": "gate-futures",
    "gate-io-futures": "gate-futures",
    "okex": "okx",
}
"""What other tools call venues, where it is not what we call them."""

_COINM_SYMBOL = re.compile(r"USD_(?:PERP|[0-9]{6})$")


class Found(NamedTuple):
    """A venue, and what tells it: `option`, `url`, `contents` or `name`."""

    venue: str
    by: str


def format_of(name: str, sample: Sequence[bytes]) -> str:
    """Return the name of the format of a file.

    Raises:
        InputError: when it is none that can be imported.
    """
    written = [line for line in sample if line.strip()][:20]
    if not written:
        raise InputError(f"{name} holds no line")
    if b"\0" in written[0]:
        raise InputError(f"{name} is not text", hint="feedtape import reads hftbacktest, cryptofeed and plain lines")
    if sum(map(hftbacktest.is_line, written)) * 2 > len(written):
        return hftbacktest.NAME
    if cryptofeed.is_line(written[0]):
        return cryptofeed.NAME
    split = lines.splitter(sample)
    if any(_is_message(split(line).payload) for line in written):
        return lines.NAME
    raise InputError(
        f"{name} is of no format that feedtape imports", hint="--format lines takes it as one frame a line all the same"
    )


def _is_message(payload: bytes) -> bool:
    if payload[:1] not in (b"{", b"["):
        return False
    try:
        orjson.loads(payload)
    except ValueError:
        return False
    return True


def venue_of_url(url: str) -> list[str]:
    """Return the venues that declare a URL's host; of several, those that declare most of its path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    best: dict[str, int] = {}
    for name in registry.names():
        venue = registry.venue(name)
        for declared in map(urlsplit, (venue.ws_url, venue.rest_url)):
            if declared.hostname and declared.hostname == parts.hostname:
                shared = len(declared.path) if parts.path.startswith(declared.path) else 0
                best[name] = max(best.get(name, 0), shared)
    return [name for name, shared in best.items() if shared == max(best.values())]


def venue_of_name(stem: str) -> str | None:
    """Return the venue that a file's name begins with, by our name for it or another tool's."""
    written = stem.lower().replace("_", "-")
    known = _NAMES | {name: name for name in registry.names()}
    fitting = [name for name in known if re.match(re.escape(name) + r"(?![a-z0-9])", written)]
    return known[max(fitting, key=len)] if fitting else None


def find_venue(stem: str, urls: Iterable[str], frames: Iterable[bytes]) -> Found:
    """Return the venue of a feed: by a URL, else by what decoders make of its frames, else by the file's name.

    Raises:
        UsageError: when they do not tell.
    """
    candidates: Sequence[str] = registry.names()
    for url in urls:
        declared = venue_of_url(url)
        if len(declared) == 1:
            return Found(declared[0], "url")
        if declared:
            candidates = declared
            break
    tried = [frame for _, frame in zip(range(_FRAMES_TRIED), frames, strict=False)]
    readers = _readers(candidates, tried)
    if len(readers) == 1:
        return Found(readers[0], "contents")
    named = venue_of_name(stem)
    shaped = binance_dialect(tried)
    if named is not None and not readers and tried and not any(_can_read(version, tried) for version in versions(named)):
        hint = f"--venue {named} keeps the frames all the same"
        raise UsageError(f"{stem} is named like {named}, and none of its frames is of that venue's protocol", hint=hint)
    # Other venues speak Binance's protocol; only a name tells them apart.
    if named is not None and (named in readers or not readers) and not (shaped and named.startswith("binance")):
        return Found(named, "name")
    if shaped in readers:
        return Found(str(shaped), "contents")
    why = f"could be of {', '.join(readers[:5])}" if readers else "is of no venue that could be recognised"
    raise UsageError(f"{stem} {why}", hint="--venue names it; feedtape venues lists all")


def _readers(candidates: Sequence[str], frames: Sequence[bytes]) -> list[str]:
    """The venues whose decoders read most of the frames."""
    scores = {}
    for name in candidates:
        scores[name] = max(sum(bool(events) for events in said(version, frames)) for version in versions(name))
    best = max(scores.values(), default=0)
    return [name for name, score in scores.items() if score == best] if best else []


def versions(name: str) -> list[Venue]:
    """Return a venue in all its days, as its current decoder reads it first."""
    current = registry.venue(name)
    return [current, *(registry.venue(earlier.decoder) for earlier in current.earlier)]


def version_of(name: str, frames: Iterable[bytes]) -> Venue:
    """Return a venue of the day of these frames: that whose decoder reads most of them, the latest of several."""
    tried = [frame for _, frame in zip(range(_FRAMES_TRIED), frames, strict=False)]
    scores = [(sum(bool(events) for events in said(version, tried)), version) for version in versions(name)]
    best = max(score for score, _ in scores)
    return next(version for score, version in scores if score == best)


def _can_read(venue: Venue, frames: Sequence[bytes]) -> bool:
    conversation = venue.conversation()
    for frame in frames:
        try:
            conversation.decode(frame, 0)
        except BadFrame:
            continue
        return True
    return False


def said(venue: Venue, frames: Iterable[bytes]) -> Iterator[list[Event]]:
    """Yield of each frame of a connection the events that tell something of a market; none where it cannot be read."""
    conversation = venue.conversation()
    for frame in frames:
        try:
            events = conversation.decode(frame, 0)
        except BadFrame:
            events = ()
        yield [event for event in events if event.target and type(event) not in _SILENT]


def binance_dialect(frames: Iterable[bytes]) -> str | None:
    """Return which of Binance's markets speaks, by what their events have and lack; None when no frame shows it.

    Of depth updates only futures chain by `pu`; spot trades carry `M`, futures trades `X`; spot quotes carry no `e`.
    """
    for frame in frames:
        try:
            message = orjson.loads(frame)
            data = message.get("data", message)
            symbol, kind = data["s"], data.get("e")
            is_futures = {"depthUpdate": "pu" in data, "trade": "X" in data, None: False, "bookTicker": True}[kind]
            if kind is None and "B" not in data:
                continue
            if not is_futures:
                return "binance"
            return "binance-coinm" if _COINM_SYMBOL.search(symbol) else "binance-usdm"
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return None
