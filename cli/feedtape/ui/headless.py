"""A replay without picture or pauses: it never looks at the clock but to say how long it took."""

import sys
import time
from collections.abc import Iterator
from typing import Any

from feedtape.replay.playback import Playback
from feedtape.replay.select import match_target
from feedtape.session import Session
from feedtape.ui.book_table import book_table, chains_of
from feedtape.ui.output import printable, put_json, put_lines, width_of
from feedtape.ui.progress import pause, progress
from feedtape.ui.status import told_status
from feedtape.ui.summary import count, counted


def run_headless(
    playback: Playback,
    since: int | None,
    until: int | None,
    only: list[str],
    *,
    json: bool,
    follow: bool = False,
    every: bool = False,
) -> int:
    """Play to the end or to `until`, print what came out, and return the exit status.

    Args:
        every: list each option of a chain.
    """
    started = time.perf_counter()
    size = playback.tape.size
    with progress("replaying", size, quiet=json, frames=lambda: playback.session.totals.frames) as tell:
        for _ in playback.play(until, after=since, wait=pause if follow else None, tell=tell):
            pass
    seconds = time.perf_counter() - started
    session = playback.session
    wanted = {match_target(one, session.books) for one in only} or set(session.books)
    books = {
        target: {"digest": keeper.digest(), "updates": keeper.counters.updates, "state": keeper.state.value}
        for target, keeper in session.books.items()
        if target in wanted
    }
    if json:
        put_json(_facts(session, seconds, books))
    else:
        put_lines(_lines(session, seconds, books, every=every or bool(only)))
    return told_status(playback, whole=until is None)


def _facts(session: Session, seconds: float, books: dict[str, Any]) -> dict[str, Any]:
    totals = session.totals
    return {
        "frames": totals.frames,
        "seconds": round(seconds, 6),
        "books": books,
        "trades": sum(flow.trades for flow in session.flows.values()),
        "quotes": sum(flow.quotes for flow in session.flows.values()),
        "digests": {
            "matched": totals.digests_matched,
            "failed": totals.digests_failed,
            "unchecked": totals.digests_unchecked,
        },
    }


def _lines(session: Session, seconds: float, books: dict[str, Any], *, every: bool) -> Iterator[str]:
    totals = session.totals
    trades, quotes = (sum(getattr(flow, name) for flow in session.flows.values()) for name in ("trades", "quotes"))
    rate = count(round(totals.frames / seconds)) if seconds else "-"
    yield f"played {count(totals.frames)} frames in {seconds:.2f} s ({rate}/s), {count(trades)} trades, {count(quotes)} quotes"
    yield from book_table(session, width_of(sys.stdout), every=every)
    chains = {} if every else chains_of(books)
    options = {target for of in chains.values() for target in of}
    for target, one in books.items():
        if target not in options:
            yield f"  digest   {printable(target)} {one['digest'] or '-'}"
    for name, of in chains.items():
        yield f"  digest   {printable(name)}: {counted(len(of), 'book')}, one each; -v lists them"
    yield f"  digests  {totals.digests_matched} matched   {totals.digests_failed} failed"
