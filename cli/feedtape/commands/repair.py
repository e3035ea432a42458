"""`feedtape repair`: what can still be read of a damaged tape, as a new one."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Json, Out, Overwrite, Quiet


def repair(
    tape: Annotated[
        Path,
        typer.Argument(help="A tape, or what is left of one.", metavar="IN", show_default=False, autocompletion=complete.tapes),
    ],
    out: Out,
    force: Annotated[bool, typer.Option("--force", help="Write a tape even where there is nothing to repair.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Heal a cut, torn or flipped tape: all that can be read goes into a new one, and what was lost is said and written into it.

    \b
    feedtape repair night.tape.zst -o fixed.tape.zst
    feedtape repair night.tape.zst -o fixed.tape.zst --json | jq .tapes[].damage
    feedtape repair old.tape.zst -o new.tape.zst --force --overwrite
    Exit status: 0 nothing was lost, 3 something was, 1 nothing can be read. The damaged tape stays as it is.
    """
    from feedtape.edit.repair import repair as heal
    from feedtape.ui.edit import repair_lines, repair_reasons
    from feedtape.ui.output import put_json, say_lines
    from feedtape.ui.progress import progress
    from feedtape.ui.status import ended

    size = tape.stat().st_size if tape.is_file() else 0
    with progress("repairing", size, quiet=quiet or json) as tell:
        result = heal(tape, out, overwrite=overwrite, force=force, tell=tell)
    if json:
        put_json(result.as_json())
    elif not quiet:
        say_lines(repair_lines(result))
    raise typer.Exit(ended(result.exit_status, repair_reasons(result), quiet=quiet))
