"""The command line: every subcommand, registered; its module is loaded when it is called for."""

import os
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

from feedtape import __version__
from feedtape.commands.options import Color, Config, NoConfig
from feedtape.errors import UsageError

_TRY = """\b
Try it without a network; on a screen ? shows the keys, q quits:
  feedtape watch binance:BTCUSDT kraken:BTC/USD --sim
  feedtape record binance:BTCUSDT --sim -o try.tape.zst
  feedtape replay try.tape.zst

\b
Exit status, which the last line says in words where it is 3 to 5:
  0 done, nothing lost    3 done, with loss
  1 could not do it       4 venue or network: refused, never connected, gave up
  2 wrong usage           5 a checksum, sequence or digest proves something wrong
"""


class _Verbs(Mapping[str, Callable[..., Any]]):
    """Each subcommand by its name, in the order of the help."""

    _MODULES: Final = {
        **{name: name for name in ("watch", "record", "replay", "book", "info", "verify", "seal", "cat", "cut", "merge")},
        **{name: name for name in ("repair", "diff")},
        "import": "import_",
        **{name: name for name in ("sim", "venues", "symbols", "plan", "doctor")},
    }

    def __getitem__(self, name: str) -> Callable[..., Any]:
        verb: Callable[..., Any] = getattr(self.module(name), self._MODULES[name])
        return verb

    def module(self, name: str) -> Any:
        """Load the module of a subcommand."""
        return import_module(f"feedtape.commands.{self._MODULES[name]}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._MODULES)

    def __len__(self) -> int:
        return len(self._MODULES)


VERBS: Final = _Verbs()
_CONFIG = "config"
_ALIASES = {"rec": "record", "play": "replay"}
_CONTEXT = {"help_option_names": ["-h", "--help"]}


class Verb(TyperCommand):
    """A subcommand whose options can be configured."""

    def make_parser(self, ctx: Any) -> Any:
        """Let `--no-NAME` take back a flag that is configured."""
        parser = super().make_parser(ctx)
        for one in self.params:
            if isinstance(one, TyperOption) and one.is_flag:
                names = [f"--no-{name.removeprefix('--')}" for name in one.opts if name.startswith("--")]
                parser.add_option(obj=one, opts=names, dest=one.name, action="store_const", const=False)
        return parser

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read arguments, with what is configured in place of those that are not typed; help needs no configuration."""
        if not ctx.resilient_parsing and set(ctx.help_option_names).isdisjoint(args):
            from feedtape.commands.settings import current

            settings = current()
            settings.check()
            ctx.default_map = settings.defaults(str(self.name))
        return super().parse_args(ctx, args)


class Verbs(TyperGroup):
    """All subcommands. To load and build them all is most of what a short command would take."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return their names, in the order of the help."""
        return [*VERBS, _CONFIG]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the subcommand that is called for; an unknown one is told with those that are spelled alike."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = get_close_matches(args[0], self.list_commands(ctx), n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else "feedtape --help lists them"
            raise UsageError(f"no such command: {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the subcommand of that name."""
        name = _ALIASES.get(cmd_name, cmd_name)
        return _built(name) if name in VERBS or name == _CONFIG else None


@cache
def _built(name: str) -> Any:
    if name == _CONFIG:
        from feedtape.commands.config import config_app

        return typer.main.get_command(config_app)
    one = typer.Typer(rich_markup_mode=None, context_settings=_CONTEXT, add_completion=False)
    one.command(name, cls=Verb, epilog=getattr(VERBS.module(name), "EPILOG", None))(VERBS[name])
    return typer.main.get_command(one)


app = typer.Typer(
    name="feedtape",
    cls=Verbs,
    help="Watch, record and replay crypto market-data feeds, with proof.",
    rich_markup_mode=None,
    context_settings=_CONTEXT,
    epilog=_TRY,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"feedtape {__version__}")
        raise typer.Exit


def _paint(when: str) -> None:
    """Tell the libraries that draw, which ask the environment."""
    if when == "never":
        os.environ["NO_COLOR"] = "1"
    elif when == "always":
        os.environ.pop("NO_COLOR", None)
        os.environ["FORCE_COLOR"] = "1"


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print tracebacks.")] = False,
    config: Config = None,
    no_config: NoConfig = False,
    color: Color = None,
) -> None:
    """Watch, record and replay crypto market-data feeds, with proof."""
    from feedtape.commands.config_files import read, read_nothing
    from feedtape.commands.settings import current, use

    use(read_nothing(VERBS, os.environ) if no_config else read(VERBS, os.environ, named=config))
    _paint(color or current().color)


@cache
def command() -> Any:
    """Return the whole command line. To build it is most of what a short command takes."""
    return typer.main.get_command(app)
