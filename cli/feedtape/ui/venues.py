"""The venues by their declarations: a list, one in full, and the page of the documentation."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from feedtape.book.rules import RECONNECT, RESUBSCRIBE, Integrity
from feedtape.ui.columns import Column, table
from feedtape.ui.output import put, put_json, put_lines, width_of
from feedtape.venues import registry
from feedtape.venues.contract import Rate, Venue

_SNAPSHOTS = {
    "rest": "snapshot by REST, joined with the stream",
    "stream": "the stream begins with a snapshot",
    "full": "each message is a whole picture",
}
_RESYNCS = {
    "rest": "a new snapshot by REST",
    RESUBSCRIBE: "subscribing the stream anew",
    RECONNECT: "a new connection",
}
_BOOK = ("proof", "how", "resync", "unknown_delete")
_HEAD = """\
# Venues

This page is made from the venues' declarations, by `feedtape venues --markdown > docs/venues.md`; a test compares the two.

*Proof* is the best that a whole book can have: `checksum` (the venue's own over part of the book), `sequence` (an unbroken chain
since the snapshot), `unprovable` (the venue offers no means). A book says at each moment how far it really is proven, which may
be less: a checksum counts only where it came and matched.
"""


def show(name: str | None, *, json: bool, markdown: bool) -> None:
    """Print all venues, or one in full.

    Raises:
        UsageError: when there is no such venue.
    """
    venues = [registry.venue(one) for one in ([name] if name is not None else registry.names())]
    if json:
        put_json([_as_json(venue) for venue in venues])
    elif markdown:
        put(page(venues).rstrip("\n"))
    elif name is not None:
        put_lines(_in_full(venues[0]))
    else:
        for line in _list(venues):
            put(line)


def _list(venues: Sequence[Venue]) -> list[str]:
    columns = [
        Column("venue", [one.name for one in venues], is_text=True),
        Column("market", [one.title for one in venues], 1, is_text=True),
        Column("proof", [_proof(one) for one in venues], is_text=True),
    ]
    channels = Column("channels", [", ".join(one.channels) + _state(one) for one in venues])
    return table(columns, channels, width_of(sys.stdout)).lines[1:]


def page(venues: Sequence[Venue]) -> str:
    """Return the documentation's page of these venues."""
    parts = [_HEAD, _table(["venue", "market", "proof", "channels"], [_summary(one) for one in venues])]
    for venue in venues:
        parts += [f"\n## {venue.name}\n", *_section(venue)]
    return "\n".join(parts) + "\n"


def _summary(venue: Venue) -> list[str]:
    return [f"[`{venue.name}`](#{venue.name})", venue.title + _state(venue), _proof(venue), ", ".join(venue.channels)]


def _state(venue: Venue) -> str:
    return "  (closed)" if venue.closed else ""


def _proof(venue: Venue) -> str:
    return venue.integrity("").proof


def _section(venue: Venue) -> Iterator[str]:
    closed = f" **Closed: {venue.closed}.**" if venue.closed else ""
    yield f"{venue.title}, such as `{venue.name}:{venue.example}`.{closed}\n"
    names = venue.books or ("",)
    rows = [[f"`{name}`" + (" (default)" if name == names[0] else ""), *_book(venue.integrity(name))] for name in names]
    yield _table(["book stream", "proof", "how", "made whole again by", "deleting an unknown level"], rows)
    yield ""
    for name, text in _facts(venue):
        yield f"* {name}: {text}"


def _book(integrity: Integrity) -> list[str]:
    how = [integrity.unprovable if integrity.snapshot == "full" and integrity.unprovable else _SNAPSHOTS[integrity.snapshot]]
    if integrity.sequence is not None and not integrity.unprovable:
        how.append("messages chain")
    if integrity.counted:
        how.append("every frame of the connection is numbered")
    if integrity.checksum is not None:
        what = "orders" if integrity.checksum.of_orders else "levels"
        until = f", in captures until {integrity.checksum_until}" if integrity.checksum_until else ""
        how.append(f"checksum over the best {integrity.checksum.covers} {what}{until}")
    if integrity.depth is not None:
        how.append(f"cut to {integrity.depth} levels")
    if integrity.by_order:
        how.append("single orders")
    resync = integrity.resync if integrity.snapshot == "stream" else integrity.snapshot
    loss = "is evidence of loss" if integrity.unknown_delete_is_loss else "means nothing"
    if integrity.unprovable and integrity.snapshot != "full":
        how.append(integrity.unprovable)
    return [integrity.proof, "; ".join(how), _RESYNCS.get(resync, "the next message"), loss]


def _facts(venue: Venue) -> Iterator[tuple[str, str]]:
    yield "channels", ", ".join(venue.channels)
    if venue.absent:
        yield "not offered", venue.absent
    yield "decoder", f"`{venue.decoder}`, for the protocol since {venue.since}"
    for earlier in venue.earlier:
        yield "earlier decoder", f"`{earlier.decoder}`, for captures since {earlier.since}"
    if venue.closed:
        return
    yield "addresses", f"`{venue.ws_url}`, `{venue.rest_url}`"
    yield "limits", "; ".join(_limits(venue))
    yield "signs of life", "; ".join(_heartbeat(venue))


def _limits(venue: Venue) -> Iterator[str]:
    limits = venue.limits
    yield _rate(limits.connects, "connects")
    if limits.connections is not None:
        yield f"{limits.connections} connections open"
    yield f"{limits.streams} streams a connection"
    if limits.streams_in_all is not None:
        yield f"{limits.streams_in_all} streams in all"
    if limits.books is not None:
        yield f"{limits.books} books a connection"
    if limits.streams_bytes is not None:
        yield f"{limits.streams_bytes} characters of stream names a connection"
    for rate in limits.messages:
        yield _rate(rate, "messages on a connection")
    for rate in limits.messages_in_all:
        yield _rate(rate, "messages in all")
    yield _rate(limits.rest, "REST weight")


def _rate(rate: Rate, what: str) -> str:
    return f"{rate.count} {what} in {rate.window_s:g} s"


def _heartbeat(venue: Venue) -> Iterator[str]:
    beat = venue.heartbeat
    if beat.ping_every_s is not None:
        yield f"we ping every {beat.ping_every_s:g} s"
    if beat.server_ping_s is not None:
        yield f"the venue pings every {beat.server_ping_s:g} s"
    yield f"silence of {beat.silence_s:g} s is a stall"
    if beat.max_life_s is not None:
        yield f"a connection lives {beat.max_life_s / 3600:g} h"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _in_full(venue: Venue) -> Iterator[str]:
    yield f"{venue.name}: {venue.title}" + (f", closed: {venue.closed}" if venue.closed else "")
    names = venue.books or ("",)
    for name in names:
        proof, how, resync, loss = _book(venue.integrity(name))
        which = f"book @{name}" if name else "book"
        yield f"  {which}: {proof}; {how}; made whole again by {resync}; deleting an unknown level {loss}"
    for name, text in _facts(venue):
        yield f"  {name}: {text.replace('`', '')}"
    if not venue.closed:
        yield f"  try: feedtape watch {venue.name}:{venue.example}"


def _as_json(venue: Venue) -> dict[str, Any]:
    names = venue.books or ("",)
    return {
        "venue": venue.name,
        "title": venue.title,
        "channels": list(venue.channels),
        "proof": _proof(venue),
        "books": {name: dict(zip(_BOOK, _book(venue.integrity(name)), strict=True)) for name in names},
        "decoder": venue.decoder,
        "since": venue.since,
        "earlier": [earlier.decoder for earlier in venue.earlier],
        "closed": venue.closed or None,
        "absent": venue.absent or None,
        "websocket": venue.ws_url,
        "rest": venue.rest_url,
        "limits": list(_limits(venue)) if not venue.closed else [],
        "example": f"{venue.name}:{venue.example}",
    }
