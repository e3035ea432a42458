"""Records and events as JSON lines."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import orjson

from feedtape.errors import UsageError
from feedtape.model import records
from feedtape.model.events import Event
from feedtape.model.records import Record
from feedtape.replay.playback import Playback
from feedtape.replay.select import match_target
from feedtape.tape.blocks import Tell
from feedtape.tape.passage import Wait

_EVENT_TYPES = (
    "trade",
    "book",
    "quote",
    "derivative",
    "liquidation",
    "gap",
    "resync",
    "status",
    "unread",
    "acknowledged",
    "refused",
    "optionsummary",
)
_RECORD_KINDS = tuple(value.decode() for name, value in vars(records).items() if name.isupper() and isinstance(value, bytes))


@dataclass(frozen=True)
class Filter:
    """Which lines are wanted: kinds (any if empty), targets (any if empty), and the times `since` <= time < `until`."""

    kinds: frozenset[str]
    only: tuple[str, ...]
    since: int | None
    until: int | None


def lines_of(
    playback: Playback, wanted: Filter, *, events: bool, raw: bool, wait: Wait | None = None, tell: Tell | None = None
) -> Iterator[bytes]:
    """Yield a line for each record, or event, that passes the filter.

    Raises:
        UsageError: when a kind is asked for that does not exist, or a target that the tape does not hold up to its end.
    """
    known = _EVENT_TYPES if events else _RECORD_KINDS
    for kind in wanted.kinds:
        if kind not in known:
            near = get_close_matches(kind, known, n=1)
            if kind in _EVENT_TYPES:
                meant = "add --events"
            else:
                meant = f"did you mean {near[0]}?" if near else f"one of {', '.join(sorted(known))}"
            raise UsageError(f"no such kind of {'event' if events else 'record'}: {kind!r}", hint=meant)
    targets: set[str] = set()
    until = None if wanted.until is None else wanted.until - 1
    for record, said in playback.play(until, after=wanted.since, wait=wait, tell=tell):
        if wanted.since is not None and record.time < wanted.since:
            continue
        if wanted.only and not _concerns(said, wanted.only, targets):
            continue
        if events:
            yield from _events(said, wanted, targets)
        elif not wanted.kinds or record.kind.decode() in wanted.kinds:
            yield record.payload if raw else _record(record)
    if wanted.only and not targets and wanted.until is None:
        held = [*playback.session.books, *playback.session.flows]
        for one in wanted.only:
            match_target(one, dict.fromkeys(held))


def _concerns(said: Sequence[Event], only: Sequence[str], targets: set[str]) -> bool:
    found = False
    for event in said:
        if event.target in targets:
            found = True
        elif any(event.target.lower() == one.lower() or event.target.lower().endswith(":" + one.lower()) for one in only):
            targets.add(event.target)
            found = True
    return found


def _events(said: Sequence[Event], wanted: Filter, targets: set[str]) -> Iterator[bytes]:
    for event in said:
        fields = event.as_json()
        if (not wanted.kinds or fields["type"] in wanted.kinds) and (not wanted.only or event.target in targets):
            yield orjson.dumps(fields)


def _record(record: Record) -> bytes:
    head = b'{"time":"%d","connection":%d,"kind":"%b","payload":' % (record.time, record.connection, record.kind)
    try:
        orjson.loads(record.payload)
        # JSON goes through as it stands, so that no number changes its spelling.
        payload = record.payload.replace(b"\n", b" ").replace(b"\r", b" ")
    except orjson.JSONDecodeError:
        try:
            payload = orjson.dumps(record.payload.decode())
        except UnicodeDecodeError:
            payload = orjson.dumps({"base64": base64.b64encode(record.payload).decode()})
    return head + payload + b"}"
