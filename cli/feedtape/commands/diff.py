"""`feedtape diff`: where two tapes part."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Alone, From, Json, Only, Quiet, To

EPILOG = """\b
Examples:
  feedtape diff night.tape.zst copy.tape.zst
  feedtape diff frankfurt/ tokyo/ --only binance:BTCUSDT
  feedtape diff old.tape.zst new.tape.zst --books --json | jq .books
"""

_ALL = 10_000

_A = Annotated[
    Path,
    typer.Argument(
        help="A tape, or a folder, pattern or any segment of one.", metavar="A", show_default=False, autocompletion=complete.tapes
    ),
]
_B = Annotated[Path, typer.Argument(help="The other one.", metavar="B", show_default=False, autocompletion=complete.tapes)]


def diff(
    a: _A,
    b: _B,
    frames: Annotated[bool, typer.Option("--frames", help="Record by record, as for the same recording.")] = False,
    updates: Annotated[bool, typer.Option("--updates", help="By the venue's numbers, as for two recordings of a feed.")] = False,
    books: Annotated[bool, typer.Option("--books", help="The books' states at equal sequence numbers.")] = False,
    alone: Alone = False,
    only: Only = None,
    from_: From = None,
    to: To = None,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Show so many differences, of each stream.", min=1)] = 1,
    all_: Annotated[bool, typer.Option("--all", help="Show every difference, up to ten thousand.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find where two tapes part: the same recording record by record, two recordings of a feed by the venue's numbers.

    Times are those of A's clock: offsets count from A's start or end.
    Exit status: 0 equal, 3 equal as far as both go, 5 different, 1 unreadable or nothing in common.
    """
    from feedtape.commands.tapes import open_tapes
    from feedtape.edit.diff import BOOKS, FRAMES, UPDATES, as_json
    from feedtape.edit.diff import diff as compare
    from feedtape.edit.diff_meaning import Only as Targets
    from feedtape.edit.diff_side import Wanted
    from feedtape.errors import UsageError
    from feedtape.ui.diff import diff_lines, reasons
    from feedtape.ui.output import put_json, put_lines
    from feedtape.ui.progress import progress
    from feedtape.ui.status import ended

    ways = [name for name, asked in ((FRAMES, frames), (UPDATES, updates), (BOOKS, books)) if asked]
    if len(ways) > 1:
        raise UsageError(f"--{ways[0]} and --{ways[1]} do not go together", hint="run it once for each")
    with open_tapes([a], alone=alone) as one, open_tapes([b], alone=alone) as other:
        since, until = (one.time(text) if text else None for text in (from_, to))
        wanted = Wanted(Targets(only or ()), since, until, _ALL if all_ else limit)
        with progress("comparing", one.tape.size + other.tape.size, quiet=quiet or json) as tell:
            result = compare(one.tape, other.tape, wanted, by=ways[0] if ways else None, tell=tell)
        if json:
            put_json(as_json(result))
        elif not quiet:
            put_lines(diff_lines(result))
    raise typer.Exit(ended(result.status, reasons(result), quiet=quiet))
