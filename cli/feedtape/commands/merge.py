"""`feedtape merge`: several recordings as one tape."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Json, Out, Overwrite, Quiet, Verbose


def merge(
    tapes: Annotated[
        list[Path],
        typer.Argument(
            help="Tapes; of a recording in segments any one, or its folder.",
            metavar="TAPE...",
            show_default=False,
            autocompletion=complete.tapes,
        ),
    ],
    out: Out,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Merge recordings into one tape by receipt time. Two of the same feed fill each other's gaps.

    \b
    feedtape merge binance.tape.zst deribit.tape.zst -o both.tape.zst
    feedtape merge london.tape.zst tokyo.tape.zst -o feed.tape.zst
    feedtape merge night-*.tape.zst -o night.tape.zst
    Exit status: 0 done, 3 something is lost in the whole, 5 a source contradicts itself.
    """
    import sys

    from feedtape.commands.tapes import tapes_of
    from feedtape.edit.merge import merge as merge_tapes
    from feedtape.ui.edit import merge_lines, merge_reasons, tell_wrong
    from feedtape.ui.output import put_json, say_lines, width_of
    from feedtape.ui.progress import progress
    from feedtape.ui.status import ended

    paths = list(dict.fromkeys(found for named in tapes for found in tapes_of([named])))
    with progress("merging", sum(path.stat().st_size for path in paths), quiet=quiet or json) as tell:
        result = merge_tapes(paths, out, overwrite=overwrite, tell=tell)
    for source in result.sources:
        tell_wrong(source, whole=True)
    if json:
        put_json(result.as_json())
    elif not quiet:
        say_lines(merge_lines(result, width_of(sys.stderr), every=verbose))
    raise typer.Exit(ended(result.exit_status, merge_reasons(result), quiet=quiet))
