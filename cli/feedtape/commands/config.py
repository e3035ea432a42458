"""`feedtape config`: what is configured, where, and what is wrong with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feedtape.commands.options import Json

if TYPE_CHECKING:
    from feedtape.commands.schema import Entry
    from feedtape.commands.settings import Settings

config_app = typer.Typer(name="config", help="Tell what is configured, and where.", rich_markup_mode=None, add_completion=False)


@config_app.command()
def show(json: Json = False) -> None:
    """Print every value that is set, and where it is from. Exit status: 2 where something is wrong with the configuration."""
    from feedtape.commands.settings import current
    from feedtape.ui.output import printable, put, put_json

    settings = current()
    rows = [{"key": key, "value": value, "from": where} for key, value, where in _rows(settings)]
    if json:
        put_json({"schema": 1, "values": rows})
    else:
        lines = [f"{row['key']} = {_toml(row['value'])}" for row in rows]
        width = max(map(len, lines), default=0)
        for line, row in zip(lines, rows, strict=True):
            put(printable(f"{line:{width}}  {row['from']}"))
    _say_problems(settings)


@config_app.command()
def path() -> None:
    """Print the file that is yours to edit, whether it exists or not."""
    from feedtape.commands.settings import current
    from feedtape.ui.output import printable, put

    put(printable(str(current().user)))


@config_app.command()
def check() -> None:
    """Print all that is wrong with the configuration. Exit status: 0 nothing, 2 something."""
    from feedtape.commands.settings import current
    from feedtape.ui.output import put

    settings = current()
    _say_problems(settings)
    put(f"{len(_rows(settings))} settings, none wrong")


@config_app.command()
def keys(markdown: Annotated[bool, typer.Option("--markdown", help="As docs/keys.md has it.")] = False) -> None:
    """Print the keys of every screen, with their ids, as they are configured."""
    from feedtape.commands.settings import current
    from feedtape.ui.keymap import keymap, keys_markdown, shown
    from feedtape.ui.output import printable, put

    if markdown:
        put(keys_markdown().rstrip())
        return
    for key in keymap(current().keys):
        put(printable(f"{key.id:<24} {' '.join(map(shown, key.keys)) or '-':<20} {', '.join(key.screens)}: {key.help}"))


@config_app.command()
def init(
    printed: Annotated[bool, typer.Option("--print", help="Print the file in place of writing it.")] = False,
) -> None:
    """Write a file with every section and key, all of it in comments. One that exists stays as it is."""
    from feedtape.commands.app import VERBS
    from feedtape.commands.schema import sections
    from feedtape.commands.settings import current, tilde
    from feedtape.ui.output import put, say

    text = commented(sections(VERBS))
    if printed:
        put(text.removesuffix("\n"))
        return
    file = current().user
    _write(file, text)
    say(f"wrote {tilde(file)}")


def _write(file: Path, text: str) -> None:
    from feedtape.commands.settings import tilde
    from feedtape.errors import FeedtapeError, UsageError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError as error:
        raise UsageError(f"{tilde(file)} is there already", hint="feedtape config init --print") from error
    except OSError as error:
        raise FeedtapeError(f"{tilde(file)} cannot be written: {error.strerror}") from error


def _say_problems(settings: "Settings") -> None:
    from feedtape.ui.output import say_error

    for message, hint in settings.problems:
        say_error(message, hint)
    if settings.problems:
        raise typer.Exit(2)


def _rows(settings: "Settings") -> list[tuple[str, Any, str]]:
    """Return key, value and source of all that is set, sorted."""
    from feedtape.model.secrets import redact_url

    rows = []
    for (section, key), (value, where) in (settings.files | settings.environment).items():
        source = where.rpartition(" in ")[2]
        rows.append((f"{section}.{key}" if section else key, redact_url(value) if key == "url" else value, source))
    for profile, chosen in settings.profiles.items():
        rows += [(f"profile.{profile}.{key}", one.value, one.where.rpartition(" in ")[2]) for key, one in chosen.items()]
    return sorted(rows)


_HEAD = """\
# Configuration of feedtape: every key, at its default or an example. Sections are named like the subcommands, keys like their
# options. What is typed comes first, then the environment (FEEDTAPE_RECORD__LEVEL), a profile, this file, the system's.
"""
_FOOT = """
# Another address for a venue; FEEDTAPE_URL_BINANCE comes before it.
[venue.binance]
# url = "wss://stream.binance.com:9443"

# feedtape record --profile example
[profile.example]
# targets = ["binance:BTCUSDT", "kraken:BTC/USD"]
# duration = "30m"
"""
_EXAMPLES = {
    "DURATION": "10m",
    "channels": "book,trades",
    "pause-on": "gap,mark",
    "SIZE": "512MB",
    "OUT": "tapes/",
    "NAME": "example",
    "URL": "ws://127.0.0.1:9001",
    "TIME": "+90s",
}


def commented(sections: "dict[str, dict[str, Entry]]") -> str:
    """Return a configuration file with every key in a comment, at its default or an example where it has none."""
    text = _HEAD
    for name, entries in sections.items():
        text += f"\n[{name}]\n" if name else "\n"
        seen = set()
        for entry in entries.values():
            # Another name of the same option.
            if entry.parameter and entry.parameter in seen:
                continue
            seen.add(entry.parameter)
            key = _toml(entry.name) if "." in entry.name else entry.name
            text += f"# {key} = {_toml(_example(entry))}  # {entry.help}\n"
    return text + _FOOT


def _example(entry: "Entry") -> Any:
    if entry.default not in (None, ""):
        return entry.default
    if entry.many:
        return []
    if entry.kind is bool:
        return True
    return 1 if entry.kind is int else _EXAMPLES.get(entry.name) or _EXAMPLES.get(entry.word, "")


def _toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        import orjson

        # All that JSON escapes, TOML escapes alike.
        return orjson.dumps(value).decode()
    return str(value).lower()
