"""`feedtape info`: what is in a tape."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Json, Verbose


def info(
    tapes: Annotated[
        list[Path], typer.Argument(help="Tapes.", metavar="TAPE", show_default=False, autocompletion=complete.tapes)
    ],
    hashed: Annotated[bool, typer.Option("--sha256", help="Read every file whole for its SHA-256.")] = False,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Tell what is in a tape: at once from its index, or by reading it where it has none.

    \b
    feedtape info night.tape.zst
    feedtape info *.tape.zst --json
    """
    import sys

    from feedtape.errors import FeedtapeError
    from feedtape.replay.facts import facts_of
    from feedtape.ui.facts import facts_lines
    from feedtape.ui.output import put, put_json, put_lines, say_error, width_of
    from feedtape.ui.progress import progress
    from feedtape.ui.status import ended

    status, broken = 0, []
    for number, path in enumerate(tapes):
        try:
            with progress("reading", path.stat().st_size if path.is_file() else 0, quiet=json) as tell:
                facts = facts_of(path, hashed=hashed, tell=tell)
            lines = [] if json else facts_lines(facts, width_of(sys.stdout), every=verbose)
        except FeedtapeError as error:
            # One bad file must not hide the others.
            say_error(str(error), error.hint)
            status = 1
            continue
        if json:
            put_json(facts, indent=len(tapes) == 1)
        else:
            if number:
                put("")
            put_lines(lines)
        if facts["state"] != "complete":
            broken.append(f"{path.name} is {facts['state']}")
    raise typer.Exit(ended(status or (3 if broken else 0), broken))
