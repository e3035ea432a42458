"""`feedtape venues`: what can be connected to."""

from typing import Annotated

import typer

from feedtape.commands import complete
from feedtape.commands.options import Json


def venues(
    name: Annotated[
        str | None, typer.Argument(help="Only this venue, in full.", metavar="VENUE", autocompletion=complete.venues)
    ] = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="As the documentation's page.")] = False,
) -> None:
    """List the venues, what each offers, and how far its books can be proven."""
    from feedtape.errors import UsageError
    from feedtape.ui import venues as ui

    if json and markdown:
        raise UsageError("--json and --markdown exclude each other")
    ui.show(name, json=json, markdown=markdown)
