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
        typer.echo(f"feedtape: error: {error}" + (f"\nhint: {error.hint}" if error.hint else ""), err=True)
        sys.exit(error.exit_status)
