"""`feedtape book`: a book at an instant."""

from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Alone, BookDepth, Json, Tape


def book(
    tape: Tape,
    target: Annotated[
        str | None,
        typer.Argument(help="Which book, where a tape holds several.", metavar="TARGET", autocompletion=complete.recorded),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="The instant; the end if left out.", metavar="TIME")] = None,
    alone: Alone = False,
    depth: BookDepth = 20,
    json: Json = False,
) -> None:
    """Show a book as it stood at an instant, and how far it is proven.

    \b
    feedtape book night.tape.zst --at 03:12:44
    feedtape book night.tape.zst binance:BTCUSDT --at +90s --depth 5 --json
    TIME is RFC 3339, HH:MM:SS, +90s from the start, -5m from the end, 40%, or Unix time.
    """
    from feedtape.commands.tapes import open_tapes, prepare_seeking
    from feedtape.replay.select import find_book
    from feedtape.ui.lines import plain_line
    from feedtape.ui.output import put, put_json
    from feedtape.ui.progress import progress

    with open_tapes([tape], alone=alone) as playback:
        prepare_seeking(playback, quiet=json)
        time = playback.time(at) if at is not None else playback.bounds()[1]
        playback.check_within(time)
        with progress("rebuilding", playback.tape.size, quiet=json) as tell:
            for _ in playback.play(time, after=time, tell=tell):
                pass
    keeper = find_book(playback.session, target)
    levels = depth or None
    bids, asks = list(keeper.book.bids.top(levels)), list(keeper.book.asks.top(levels))
    proof, reason = keeper.proof()
    if json:
        put_json(
            {
                "target": keeper.target,
                "time": str(time),
                "state": keeper.state.value if keeper.stale_since is None else "stale",
                "proof": proof,
                "reason": reason,
                "sequence": keeper.book.sequence,
                "digest": keeper.digest(),
                "bids": bids,
                "asks": asks,
            }
        )
        return
    put(plain_line(keeper, playback.session.flows.get(keeper.target), time))
    put(f"{reason}   digest {keeper.digest() or '-'}")
    for price, size in reversed(asks):
        put(f"  {price:>16} {size:>18}  ask")
    for price, size in bids:
        put(f"  {price:>16} {size:>18}  bid")
