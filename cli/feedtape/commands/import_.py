"""`feedtape import`: other tools' files into a tape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedtape.convert.importer import Imported
    from feedtape.convert.source import Cut

EPILOG = """\
Examples:

  feedtape import btcusdt_20240808.gz --venue binance-usdm

  feedtape import btcusdt_20240808.gz btcusdt_20240809.gz -o btc.tape.zst

  feedtape import dump/BINANCE.*

  feedtape import frames.jsonl --format lines --venue kraken
"""


def import_(
    files: Annotated[list[Path], typer.Argument(help="Files of one feed; several become one tape.", metavar="FILE")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The tape to write.", metavar="OUT.tape.zst", show_default="<venue>-<symbol>-<first time>"
        ),
    ] = None,
    venue: Annotated[str | None, typer.Option(help="Whose feed it is.", show_default="recognised")] = None,
    format: Annotated[
        Literal["auto", "hftbacktest", "cryptofeed", "lines"], typer.Option(help="Which tool wrote the files.")
    ] = "auto",
    symbol: Annotated[
        str | None, typer.Option(help="What snapshots are of that name no symbol.", show_default="as the frames say")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over an existing tape.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as a JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """Turn files of hftbacktest, cryptofeed or plain lines into one tape."""
    from feedtape.convert.importer import write
    from feedtape.convert.plan import make_plan
    from feedtape.ui.output import printable, put_json, say_lines, warn
    from feedtape.ui.progress import progress
    from feedtape.ui.status import ended, losses

    plan = make_plan(files, venue=venue, format=format, symbol=symbol)
    with progress("importing", sum(file.size for file in plan.files), quiet=quiet or json) as tell:
        imported = write(plan, out, overwrite=overwrite, tell=tell)

    for cut in imported.cuts:
        warn(_cut(cut))
    if not quiet:
        say_lines(map(printable, _summary(imported)))
    if json:
        put_json(imported.as_json())
    why = [f"{cut.file} is cut" for cut in imported.cuts] + losses(imported.session)
    raise typer.Exit(ended(imported.exit_status, why, quiet=quiet))


def _summary(imported: Imported) -> Iterator[str]:
    import sys

    from feedtape.replay.times import span
    from feedtape.ui.book_table import book_table
    from feedtape.ui.output import width_of
    from feedtape.ui.summary import amount, compression, counted, counters_line, loss_lines

    session = imported.session
    length = span(session.last - (session.first or session.last))
    books, frames = counted(len(session.books), "book"), counted(session.totals.frames, "frame")
    yield f"imported {length}, {books}, {frames}  ->  {imported.tape}"
    yield ""
    yield from book_table(session, width_of(sys.stderr))
    yield ""
    yield f"  file     {amount(imported.size)} from {compression(session, imported.size)}, closed"
    yield counters_line(session)
    yield f"  source   {len(imported.cuts)} files cut   time ran backwards {imported.backward} times"
    yield from loss_lines(session.losses, f"feedtape verify {imported.tape}")
    yield f"  check    feedtape verify {imported.tape}"


def _cut(cut: Cut) -> str:
    from feedtape.replay.times import iso
    from feedtape.ui.summary import count

    if cut.last is None:
        return f"{cut.file}: {cut.why}; nothing of it could be read"
    left_out = f", {count(cut.dropped)} damaged lines left out" if cut.dropped else ""
    return f"{cut.file}: {cut.why}; {count(cut.lines)} lines up to {iso(cut.last)} are in the tape{left_out}"
