"""The command line: every subcommand, registered."""

from typing import Annotated

import typer

from feedtape import __version__
from feedtape.commands.book import book
from feedtape.commands.cat import cat
from feedtape.commands.cut import cut
from feedtape.commands.diff import EPILOG as DIFF_EPILOG
from feedtape.commands.diff import diff
from feedtape.commands.doctor import EPILOG as DOCTOR_EPILOG
from feedtape.commands.doctor import doctor
from feedtape.commands.import_ import EPILOG as IMPORT_EPILOG
from feedtape.commands.import_ import import_
from feedtape.commands.info import info
from feedtape.commands.merge import merge
from feedtape.commands.plan import plan
from feedtape.commands.record import record
from feedtape.commands.repair import repair
from feedtape.commands.replay import replay
from feedtape.commands.seal import seal
from feedtape.commands.sim import EPILOG as SIM_EPILOG
from feedtape.commands.sim import sim
from feedtape.commands.symbols import symbols
from feedtape.commands.venues import venues
from feedtape.commands.verify import verify
from feedtape.commands.watch import watch

_TRY = """\b
Try it without a network:
  feedtape watch binance:BTCUSDT --sim
  feedtape record binance:BTCUSDT --sim -d 30s
"""

app = typer.Typer(
    name="feedtape",
    help="Watch, record and replay crypto market-data feeds, with proof.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_TRY,
)

app.command()(watch)
app.command()(record)
app.command("rec", hidden=True)(record)
app.command()(replay)
app.command("play", hidden=True)(replay)
app.command()(book)
app.command()(info)
app.command()(verify)
app.command()(seal)
app.command()(cat)
app.command()(cut)
app.command()(merge)
app.command()(repair)
app.command(epilog=DIFF_EPILOG)(diff)
app.command("import", epilog=IMPORT_EPILOG)(import_)
app.command(epilog=SIM_EPILOG)(sim)
app.command()(venues)
app.command()(symbols)
app.command()(plan)
app.command(epilog=DOCTOR_EPILOG)(doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"feedtape {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print tracebacks.")] = False,
) -> None:
    """Watch, record and replay crypto market-data feeds, with proof."""
