"""`feedtape sim` on its own, without the rest of the command line."""

import sys

import typer

from feedtape.commands.sim import EPILOG, sim
from feedtape.errors import FeedtapeError

if __name__ == "__main__":
    app = typer.Typer()
    app.command(epilog=EPILOG)(sim)
    try:
        app()
    except FeedtapeError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
