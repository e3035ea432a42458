"""Arguments and options that several commands share, so that the same flag means the same everywhere."""

import re
from pathlib import Path
from typing import Annotated, Literal, overload

import typer

from feedtape.commands import complete
from feedtape.errors import UsageError

_UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)")


def duration_ns(text: str) -> int:
    """Read a duration such as `90s`, `10m`, `500ms`.

    Raises:
        UsageError: when it has no unit or is none.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"a duration is a number with a unit, not {text!r}", hint="90s, 10m, 1h, 500ms")
    return int(float(match[1]) * _UNITS[match[2]])


_SIZES = {"B": 1, **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", 1)}}
_SIZES |= {"KB": 1000, **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)}}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]?i?B)")


@overload
def seconds(text: str) -> float: ...


@overload
def seconds(text: str | None) -> float | None: ...


def seconds(text: str | None) -> float | None:
    """Read a duration that may not be given; see `duration_ns`."""
    return None if text is None else duration_ns(text) / 1e9


@overload
def size_bytes(text: str) -> int: ...


@overload
def size_bytes(text: str | None) -> int | None: ...


def size_bytes(text: str | None) -> int | None:
    """Read a size such as `512MB` (10^6) or `64MiB` (2^20).

    Raises:
        UsageError: when it has no unit, or is none.
    """
    if text is None:
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2] not in _SIZES:
        raise UsageError(f"a size is a number with a unit, not {text!r}", hint="512MB, 64MiB, 2GB")
    return int(float(match[1]) * _SIZES[match[2]])


def _with_profile(context: typer.Context, name: str | None) -> str | None:
    """Let a profile's values stand for the options and targets that are not typed."""
    if name is not None and not context.resilient_parsing:
        from feedtape.commands.settings import current

        context.default_map = current().defaults(str(context.command.name), name)
    return name


Tape = Annotated[Path, typer.Argument(help="A tape.", metavar="TAPE", show_default=False, autocompletion=complete.tapes)]
Tapes = Annotated[
    list[Path],
    typer.Argument(
        help="A tape, or a folder, pattern or any segment of one recording.",
        metavar="TAPE...",
        show_default=False,
        autocompletion=complete.tapes,
    ),
]
Alone = Annotated[bool, typer.Option("--alone", help="Take a segment by itself, without the others of its recording.")]
Follow = Annotated[bool, typer.Option("--follow", help="Go on while the tape is being written.")]
Targets = Annotated[
    list[str],
    typer.Argument(
        help="What to connect to, as venue:SYMBOL.", metavar="TARGET", show_default=False, autocompletion=complete.targets
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="Targets and options of this name in the configuration.",
        metavar="NAME",
        callback=_with_profile,
        # Before all others, which take their values from it.
        is_eager=True,
        autocompletion=complete.profiles,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration to use in place of yours.", metavar="FILE", show_default=False),
]
NoConfig = Annotated[
    bool, typer.Option("--no-config", help="Take nothing from configuration files, nor from variables that stand for their keys.")
]
Color = Annotated[
    Literal["auto", "always", "never"] | None,
    typer.Option("--color", help="Whether to use colours; auto on a terminal.", metavar="auto|always|never", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="List each option of a chain, not the chain alone.")]
From = Annotated[str | None, typer.Option("--from", help="Begin at this time.", metavar="TIME")]
To = Annotated[str | None, typer.Option("--to", help="End before this time.", metavar="TIME")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="Only this target; may be repeated.", metavar="TARGET", autocompletion=complete.recorded),
]
Speed = Annotated[
    str,
    typer.Option("-s", "--speed", help="1, 2, 0.5 …, or max for no waiting and no picture.", autocompletion=complete.speeds),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="The tape to write.", metavar="OUT", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")]
Channels = Annotated[
    str,
    typer.Option(
        help="Comma-separated: book, trades, quotes, derivatives, liquidations, options, or all.",
        metavar="LIST",
        autocompletion=complete.channels,
    ),
]
ChannelsOrUsual = Annotated[
    str | None,
    typer.Option(
        "--channels",
        help="Comma-separated: book, trades, quotes, derivatives, liquidations, options, or all.",
        metavar="LIST",
        autocompletion=complete.channels,
        show_default="the usual ones",
    ),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="Address that stands in for the venue's, such as ws://127.0.0.1:9001.", metavar="URL"),
]
Silence = Annotated[
    str | None,
    typer.Option(
        "--silence",
        help="A busy connection that says nothing for so long is stalled, and replaced if it stays silent.",
        metavar="DURATION",
        show_default="the venue's",
    ),
]
Sim = Annotated[bool, typer.Option("--sim", help="Connect to a simulated exchange, started for this command.")]
SimFaults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        help="Fault of the simulated exchange, as NAME=VALUE; may be repeated.",
        metavar="FAULT",
        autocompletion=complete.faults,
    ),
]
SimRate = Annotated[float, typer.Option("--rate", help="Depth updates a second and symbol of the simulated exchange.")]
SimSeed = Annotated[int, typer.Option("--seed", help="Seed of the simulated exchange.")]
Duration = Annotated[str | None, typer.Option("-d", "--duration", help="Stop after this long.", metavar="DURATION")]
Count = Annotated[int | None, typer.Option("-n", "--count", help="Stop after so many frames.", min=1)]
MaxFrame = Annotated[
    str | None,
    typer.Option("--max-frame", help="Largest message that is taken.", metavar="SIZE", show_default="16MiB"),
]
Connections = Annotated[
    int,
    typer.Option(
        "--connections", help="Parallel connections that carry the same, so that one fills another's holes.", min=1, max=8
    ),
]
BookLevel = Annotated[
    int,
    typer.Option("--book-level", help="2: books of price levels; 3: of single orders, where the venue tells them.", min=2, max=3),
]
Depth = Annotated[int, typer.Option("--depth", help="Levels a side; 0: as many as fit, in JSON lines the best alone.", min=0)]
PanelDepth = Annotated[int, typer.Option("--depth", help="Levels a side on the screen; 0: as many as fit.", min=0)]
BookDepth = Annotated[int, typer.Option("--depth", help="Levels a side; 0: all.", min=0)]
PauseOn = Annotated[
    str | None,
    typer.Option(
        "--pause-on",
        help="On the screen: pause at these: gap, resync, crossed, checksum, mark.",
        metavar="LIST",
        autocompletion=complete.pauses,
    ),
]
