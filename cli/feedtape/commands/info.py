"""`feedtape info`: what is in a tape."""

from pathlib import Path
from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Json


def info(
    tapes: Annotated[
        list[Path], typer.Argument(help="Tapes.", metavar="TAPE", show_default=False, autocompletion=complete.tapes)
    ],
    hashed: Annotated[bool, typer.Option("--sha256", help="Read every file whole for its SHA-256.")] = False,
    json: Json = False,
) -> None:
    """Tell what is in a tape: at once from its index, or by reading it where it has none.

    \b
    feedtape info night.tape.zst
    feedtape info *.tape.zst --json
    """
    from feedtape.errors import FeedtapeError
    from feedtape.replay.facts import facts_of
    from feedtape.ui.facts import facts_lines
    from feedtape.ui.output import put, put_json, say_error
    from feedtape.ui.progress import progress

    status = 0
    for number, path in enumerate(tapes):
        try:
            with progress("reading", path.stat().st_size if path.is_file() else 0, quiet=json) as tell:
                facts = facts_of(path, hashed=hashed, tell=tell)
            lines = [] if json else facts_lines(facts)
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
            for line in lines:
                put(line)
        if facts["state"] != "complete":
            status = status or 3
    raise typer.Exit(status)
