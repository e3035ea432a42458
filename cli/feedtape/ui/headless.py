"""A replay without picture or pauses: it never looks at the clock but to say how long it took."""

import time

from feedtape.replay.playback import Playback
from feedtape.replay.select import match_target
from feedtape.ui.output import put, put_json
from feedtape.ui.progress import pause, progress
from feedtape.ui.status import told_status
from feedtape.ui.summary import book_table, count


def run_headless(
    playback: Playback, since: int | None, until: int | None, only: list[str], *, json: bool, follow: bool = False
) -> int:
    """Play to the end or to `until`, print what came out, and return the exit status."""
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
    totals = session.totals
    trades = sum(flow.trades for flow in session.flows.values())
    quotes = sum(flow.quotes for flow in session.flows.values())
    if json:
        put_json(
            {
                "frames": totals.frames,
                "seconds": round(seconds, 6),
                "books": books,
                "trades": trades,
                "quotes": quotes,
                "digests": {
                    "matched": totals.digests_matched,
                    "failed": totals.digests_failed,
                    "unchecked": totals.digests_unchecked,
                },
            }
        )
    else:
        rate = count(round(totals.frames / seconds)) if seconds else "-"
        put(f"played {count(totals.frames)} frames in {seconds:.2f} s ({rate}/s), {count(trades)} trades, {count(quotes)} quotes")
        for line in book_table(session):
            put(line)
        for target, one in books.items():
            put(f"  digest   {target} {one['digest'] or '-'}")
        put(f"  digests  {totals.digests_matched} matched   {totals.digests_failed} failed")
    return told_status(playback, whole=until is None)
